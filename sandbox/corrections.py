"""Where ministack 1.5.33 behaves unlike AWS in a way that matters here, put right.

Each function replaces a part of it and says what AWS does. `patch` is setattr; the tests pass
MonkeyPatch.setattr, show that the stock behaviour is still wrong, and so tell when an upgrade makes a
correction unneeded.
"""

import contextlib
import contextvars
import json
import os
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions, lambda_runtime
from ministack.services import apigateway, eventbridge, lambda_svc, sns, stepfunctions

from sandbox.runtime import LIMIT, Function, FunctionError, Runtime

VERSION = "1.5.33"
Patch = Callable[[Any, str, Any], None]


def apply(runtime: Runtime, patch: Patch = setattr) -> None:
    """All of them."""
    own_workers(runtime, patch)
    concurrency_by_parameter(patch)
    error_answers(patch)
    no_endless_logs(patch)
    no_past_events(patch)
    asynchronous_invocations(patch)
    dynamic_timeouts(patch)
    stopping(patch)
    token_permissions(patch)
    batch_permissions(patch)
    repeated_starts(patch)
    options(patch)


# --- Lambda ----------------------------------------------------------------------------------------


def own_workers(runtime: Runtime, patch: Patch = setattr) -> None:
    """On AWS an environment survives its handler's exception, which is reported with its type; calls
    beyond the concurrency limit queue with their event source; and output costs no time.

    Here an exception killed the process (the next call took seconds) and was called
    Runtime.HandlerError, each silent call waited 50 ms for output, each concurrent call got a process
    of its own with its own copy of the code, and Ctrl-C reached them all.
    """

    def execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        try:
            return {"body": runtime.invoke(described(function), event, request_id), "log": ""}
        except FunctionError as error:
            return {"body": error.report, "error": True, "log": ""}

    patch(lambda_svc, "_execute_function_warm", execute)
    # An event source takes no more batches than can be worked on: the rest is safer in its queue.
    patch(lambda_svc, "_ESM_SQS_DEFAULT_CONCURRENCY", LIMIT)


def concurrency_by_parameter(patch: Patch = setattr) -> None:
    """CloudFormation makes a number of what a parameter says, where a number is wanted.

    Here the MaximumConcurrency of a queue's event source stayed a text, which no queue's poller outlived.
    """
    stock = lambda_svc._sqs_esm_concurrency

    def concurrency(source: dict[str, Any], *more: Any) -> int:
        most = (source.get("ScalingConfig") or {}).get("MaximumConcurrency")
        if isinstance(most, str):
            source = {**source, "ScalingConfig": {"MaximumConcurrency": int(most)}}
        found: int = stock(source, *more)
        return found

    patch(lambda_svc, "_sqs_esm_concurrency", concurrency)


def described(record: dict[str, Any]) -> Function:
    """A function record of the emulator (or the version's snapshot), as our runtime wants it."""
    config = record.get("config") or record
    layers = [layer if isinstance(layer, str) else layer["Arn"] for layer in config.get("Layers", [])]
    name, memory = config["FunctionName"], str(config.get("MemorySize", 128))
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
    region = config["FunctionArn"].split(":")[3]
    return Function(
        arn=config["FunctionArn"],
        handler=config["Handler"],
        timeout=float(config.get("Timeout", 3)),
        environment={
            "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
            **(config.get("Environment") or {}).get("Variables", {}),
            **lambda_runtime.execution_credentials(config),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory,
            "AWS_LAMBDA_LOG_GROUP_NAME": group,
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "_HANDLER": config["Handler"],
            "TZ": ":UTC",
        },
        archives=lambda: [record["code_zip"], *filter(None, map(lambda_svc._resolve_layer_zip, layers))],
        version=":".join([config["CodeSha256"], *layers]),
    )


def error_answers(patch: Patch = setattr) -> None:
    """An HTTP API answers for a function that failed with 500 and a constant body.

    Here with 502 and the error's own text.
    """
    stock = lambda_svc.lambda_execute_result_to_api_proxy_response

    def answer(result: dict[str, Any]) -> Any:
        if not result.get("error"):
            return stock(result)
        body = json.dumps({"message": "Internal Server Error"})
        return {"statusCode": 500, "headers": {"Content-Type": "application/json"}, "body": body}, None

    patch(lambda_svc, "lambda_execute_result_to_api_proxy_response", answer)


def no_endless_logs(patch: Patch = setattr) -> None:
    """CloudWatch Logs forgets after the retention time and has one stream per environment.

    Here each call opened a stream that is kept for ever, in memory and in the saved state. Our workers'
    output goes to the terminal instead.
    """
    patch(lambda_svc, "_emit_lambda_logs", lambda *args, **kwargs: None)


def no_past_events(patch: Patch = setattr) -> None:
    """EventBridge forgets an event once its targets have it.

    Here each was kept in memory for as long as the emulator ran, and read by nobody.
    """
    patch(eventbridge, "_events_log_list", list)


def asynchronous_invocations(patch: Patch = setattr) -> None:
    """EventBridge and SNS invoke asynchronously: Lambda tries again twice, then uses the function's
    dead-letter queue.

    Here they tried once, and a failure was lost.
    """

    def invoke(arn: str, event: Any) -> None:
        function, config, _ = lambda_svc._get_func_record_for_ref(arn)
        if function:
            lambda_svc.invoke_async_with_retry(
                lambda_svc._execution_record_for_config(function, config), event
            )

    def from_rule(arn: str, payload: str) -> None:
        invoke(arn, json.loads(payload))

    def from_topic(arn: str, envelope: str, topic: str, subscription: str, *_: Any) -> None:
        record = {"EventVersion": "1.0", "EventSubscriptionArn": subscription, "EventSource": "aws:sns"}
        invoke(arn, {"Records": [{**record, "Sns": json.loads(envelope)}]})

    patch(eventbridge, "_dispatch_to_lambda", from_rule)
    patch(sns, "_deliver_to_lambda", from_topic)


# --- Step Functions --------------------------------------------------------------------------------


def dynamic_timeouts(patch: Patch = setattr) -> None:
    """A task's TimeoutSeconds may be a JSONata expression, evaluated when the state is entered. If it has no
    value, the task fails with States.QueryEvaluationError, which can be caught.

    Here only a literal number ever fired.
    """
    stock = stepfunctions._execute_task

    def execute(state: dict[str, Any], given: Any, execution: dict[str, Any], context: dict[str, Any]) -> Any:
        if isinstance(state.get("TimeoutSeconds"), str):
            try:
                seconds = stepfunctions._jsonata_state_field(
                    state, "TimeoutSeconds", "number", given, context
                )
                state = {**state, "TimeoutSeconds": seconds}
            except stepfunctions._ExecutionError:  # comes where the emulator catches it
                state = {**state, "Arguments": "{% $error('TimeoutSeconds is no number') %}"}
        return stock(state, given, execution, context)

    patch(stepfunctions, "_execute_task", execute)


_execution: contextvars.ContextVar[str] = contextvars.ContextVar("execution")
_waiting: dict[str, str] = {}
"""Task tokens that are waited for, and their executions' ARNs."""


class _Stopped(BaseException):
    """Not an Exception: the emulator would take one for a failed task, and retry or catch it."""


def stopping(patch: Patch = setattr) -> None:
    """StopExecution ends an execution at once, its task tokens are void, and it stays ABORTED.

    Here the task waited on, its token was taken, and whatever came of that overwrote the status.
    """
    run, wait = stepfunctions._run_execution, stepfunctions._invoke_with_callback
    stop, fail = stepfunctions._stop_execution, stepfunctions._fail_execution

    def running(arn: str) -> None:
        _execution.set(arn)
        with contextlib.suppress(_Stopped):
            run(arn)

    def leave_unless_running(arn: str) -> None:
        if stepfunctions._executions[arn]["status"] != "RUNNING":
            raise _Stopped

    def waiting(resource: str, given: Any, token: str, state: dict[str, Any]) -> Any:
        arn = _execution.get()
        leave_unless_running(arn)
        _waiting[token] = arn
        try:
            result = wait(resource, given, token, state)
        finally:
            del _waiting[token]
        leave_unless_running(arn)
        return result

    def stopped(request: dict[str, Any]) -> Any:
        answer = stop(request)
        if answer[0] == 200:
            for token in [token for token, arn in list(_waiting.items()) if arn == request["executionArn"]]:
                if task := stepfunctions._task_tokens.pop(token, None):
                    task["event"].set()
        return answer

    def failed(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            fail(execution, error, cause)

    patch(stepfunctions, "_run_execution", running)
    patch(stepfunctions, "_invoke_with_callback", waiting)
    patch(stepfunctions, "_stop_execution", stopped)
    patch(stepfunctions, "_fail_execution", failed)


def token_permissions(patch: Patch = setattr) -> None:
    """IAM checks SendTaskSuccess and SendTaskFailure on the state machine that the task token is of.

    Here (only with roles enforced) on "*", which a policy that names the machine does not allow.
    """
    stock = iam_actions.extract_resource_arn

    def resource(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> str:
        if service == "states" and (token := json.loads(body or b"{}").get("taskToken")):
            execution = stepfunctions._executions.get(_waiting.get(token, ""))
            # A token that is no more gets as far as being told so.
            arn: str = (
                execution["stateMachineArn"] if execution else next(iter(stepfunctions._state_machines), "*")
            )
            return arn
        return str(stock(service, method, path, headers, body, *more))

    patch(iam_actions, "extract_resource_arn", resource)


def batch_permissions(patch: Patch = setattr) -> None:
    """SQS's batch calls need the permission of the single ones, and have none of their own.

    Here (only with roles enforced) SendMessageBatch needed sqs:SendMessageBatch.
    """
    stock = iam_actions.extract_iam_action

    def action(service: str, *request: Any) -> str | None:
        name: str | None = stock(service, *request)
        return name.removesuffix("Batch") if name and service == "sqs" else name

    patch(iam_actions, "extract_iam_action", action)


def repeated_starts(patch: Patch = setattr) -> None:
    """StartExecution with the name and the input of a running execution answers that execution.

    Here it failed, as it has to only when the input differs or the execution has ended.
    """
    stock = stepfunctions._start_execution

    def start(request: dict[str, Any]) -> Any:
        machine, name = request.get("stateMachineArn", ""), request.get("name")
        known = stepfunctions._executions.get(f"{machine.replace(':stateMachine:', ':execution:')}:{name}")
        if known and known["status"] == "RUNNING" and known["input"] == request.get("input", "{}"):
            return stepfunctions.json_response(
                {"executionArn": known["executionArn"], "startDate": known["startDate"]}
            )
        return stock(request)

    patch(stepfunctions, "_start_execution", start)


# --- API Gateway -----------------------------------------------------------------------------------


class _Options(str):
    """The method, equal to nothing: so only a route that takes every method takes it."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


def options(patch: Patch = setattr) -> None:
    """An HTTP API without a CORS configuration routes OPTIONS as it does any method; to our `$default`.

    Here it was answered with 403 before any route was looked for.
    """
    stock = apigateway._handle_execute_in_scope

    async def execute(api: str, stage: str, path: str, method: str, *rest: Any, **more: Any) -> Any:
        known = apigateway._apis.get(api) or {}
        if method == "OPTIONS" and not known.get("corsConfiguration"):
            method = _Options(method)
        return await stock(api, stage, path, method, *rest, **more)

    patch(apigateway, "_handle_execute_in_scope", execute)
