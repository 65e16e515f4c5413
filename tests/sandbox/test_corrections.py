"""Each correction against the stock emulator: first what it does by itself, then what it does corrected.

If the first half of a test fails after an upgrade of ministack, its correction can go.
"""

import asyncio
import io
import json
import logging
import os
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sandbox.runtime import LIMIT, Runtime
from sandbox.state import State
from tests.support.stack import until

HANDLER = """
import os, time

def handler(event, context):
    if event == "raise":
        raise LookupError("private text")
    time.sleep(event.get("sleep", 0))
    return {"pid": os.getpid()}
"""

Patch = Callable[[Any, str, Any], None]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[State]:
    """The emulator's settings, while it is imported and used."""
    from sandbox import emulator

    state = State(tmp_path_factory.mktemp("state"))
    before, level = dict(os.environ), logging.getLogger().level
    emulator.prepare_environment(state, "http://127.0.0.1:9", "ERROR")
    yield state
    os.environ.clear()
    os.environ.update(before)
    logging.getLogger().setLevel(level)


@pytest.fixture
def corrections(state: State) -> ModuleType:
    from sandbox import corrections

    return corrections


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> Patch:
    return monkeypatch.setattr


@pytest.fixture
def runtime(state: State, tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime(tmp_path)
    yield runtime
    runtime.close()


def test_version(corrections: ModuleType) -> None:
    from importlib.metadata import version

    assert version("ministack") == corrections.VERSION


# --- Lambda ----------------------------------------------------------------------------------------


@pytest.fixture
def function(corrections: ModuleType, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", HANDLER)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:probe"
    config = {"FunctionName": "probe", "FunctionArn": arn, "Runtime": "python3.13", "Handler": "app.handler"}
    record = {"config": {**config, "Timeout": 5, "CodeSha256": "1"}, "code_zip": buffer.getvalue()}
    lambda_svc._functions["probe"] = record
    yield record
    del lambda_svc._functions["probe"]
    lambda_runtime.reset()


def call(function: dict[str, Any], event: Any) -> dict[str, Any]:
    from ministack.services import lambda_svc

    result: dict[str, Any] = lambda_svc._execute_function(function, event)
    return result


def workers_used(function: dict[str, Any], calls: int) -> int:
    """How many processes serve this many calls at once."""
    pids: set[int] = set()
    threads = [
        threading.Thread(target=lambda: pids.add(call(function, {"sleep": 0.3})["body"]["pid"]))
        for _ in range(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(pids)


def error_and_survival(function: dict[str, Any]) -> tuple[str, bool]:
    """The type of a handler's error, and whether its process is still the same after it."""
    before = call(function, {})["body"]["pid"]
    error = call(function, "raise")["body"]["errorType"]
    return error, call(function, {})["body"]["pid"] == before


def quiet_call(function: dict[str, Any]) -> float:
    """Seconds of a warm call that prints nothing."""
    call(function, {})
    start = time.perf_counter()
    call(function, {})
    return time.perf_counter() - start


def test_own_workers(
    corrections: ModuleType, runtime: Runtime, function: dict[str, Any], patch: Patch
) -> None:
    assert error_and_survival(function) == ("Runtime.HandlerError", False)
    assert quiet_call(function) > 0.05
    assert workers_used(function, LIMIT + 1) == LIMIT + 1

    corrections.own_workers(runtime, patch)
    assert error_and_survival(function) == ("LookupError", True)
    assert quiet_call(function) < 0.05
    assert workers_used(function, LIMIT + 2) == LIMIT


def test_timeouts_and_deaths(
    corrections: ModuleType, runtime: Runtime, function: dict[str, Any], patch: Patch
) -> None:
    corrections.own_workers(runtime, patch)
    function["config"]["Timeout"] = 0.2
    first = call(function, {})["body"]["pid"]
    assert call(function, {"sleep": 2})["body"]["errorType"] == "Sandbox.Timedout"
    second = call(function, {})["body"]["pid"]
    assert second != first
    os.kill(second, 9)
    time.sleep(0.1)
    assert call(function, {})["body"]["pid"] != second


def test_concurrency_by_parameter(corrections: ModuleType, patch: Patch) -> None:
    from ministack.services import lambda_svc

    source = {"ScalingConfig": {"MaximumConcurrency": "2"}}
    assert lambda_svc._sqs_esm_concurrency(source, {}, {}) == "2"  # not a number
    corrections.concurrency_by_parameter(patch)
    assert lambda_svc._sqs_esm_concurrency(source, {}, {}) == 2
    assert lambda_svc._sqs_esm_concurrency({}, {}, {}) == lambda_svc._ESM_SQS_DEFAULT_CONCURRENCY


def test_error_answers(corrections: ModuleType, patch: Patch) -> None:
    from ministack.services import lambda_svc

    def answer() -> tuple[int, str]:
        failed = {"error": True, "body": {"errorType": "X", "errorMessage": "private text"}}
        response, _ = lambda_svc.lambda_execute_result_to_api_proxy_response(failed)
        return response["statusCode"], response["body"]

    assert "private text" in answer()[1]
    corrections.error_answers(patch)
    assert answer() == (500, '{"message": "Internal Server Error"}')


def test_no_endless_logs(
    corrections: ModuleType, runtime: Runtime, function: dict[str, Any], patch: Patch
) -> None:
    from ministack.services import cloudwatch_logs

    def new_streams() -> int:
        cloudwatch_logs._log_groups.pop("/aws/lambda/probe", None)
        call(function, {})
        call(function, {})
        return len(cloudwatch_logs._log_groups.get("/aws/lambda/probe", {"streams": ()})["streams"])

    corrections.own_workers(runtime, patch)
    assert new_streams() == 2  # one per call, though by one worker
    corrections.no_endless_logs(patch)
    assert new_streams() == 0


def test_asynchronous_invocations(corrections: ModuleType, function: dict[str, Any], patch: Patch) -> None:
    from ministack.services import eventbridge, lambda_svc, sns

    calls: list[Any] = []
    dead: list[Any] = []

    def fail(record: Any, event: Any) -> dict[str, Any]:
        calls.append(event)
        return {"error": True, "body": {}}

    patch(lambda_svc, "_execute_function", fail)
    patch(lambda_svc, "_route_async_failure", lambda *arguments: dead.append(arguments))
    patch(lambda_svc, "_LAMBDA_ASYNC_RETRY_BASE_SECONDS", 0.01)
    function["config"]["DeadLetterConfig"] = {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:dead"}
    arn = function["config"]["FunctionArn"]

    deliveries: list[Callable[[], object]] = [
        lambda: eventbridge._dispatch_to_lambda(arn, '{"detail": {}}'),
        lambda: sns._deliver_to_lambda(arn, '{"Message": "m"}', "topic", "subscription", "id", "m", {}),
    ]

    def attempts() -> list[int]:
        counts = []
        for deliver in deliveries:
            calls.clear()
            deliver()
            time.sleep(0.2)
            counts.append(len(calls))
        return counts

    assert attempts() == [1, 1]
    assert not dead
    corrections.asynchronous_invocations(patch)
    assert attempts() == [3, 3]
    assert len(dead) == 2
    record = {"EventVersion": "1.0", "EventSubscriptionArn": "subscription", "EventSource": "aws:sns"}
    assert calls[0] == {"Records": [{**record, "Sns": {"Message": "m"}}]}


# --- Step Functions --------------------------------------------------------------------------------

MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:probe"


class Machine:
    """One state that waits for its task token, for the `seconds` that the input gives it, if it does."""

    def __init__(self, patch: Patch) -> None:
        from ministack.services import stepfunctions

        self.module = stepfunctions
        self.tokens: list[str] = []
        wait = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Arguments": {"token": "{% $states.context.Task.Token %}"},
            "TimeoutSeconds": "{% $states.input.seconds %}",
            "Retry": [{"ErrorEquals": ["Never"]}],
            "Catch": [
                {"ErrorEquals": ["States.Timeout"], "Output": "late", "Next": "Late"},
                {"ErrorEquals": ["States.QueryEvaluationError"], "Output": "never", "Next": "Late"},
            ],
            "End": True,
        }
        definition = {
            "QueryLanguage": "JSONata",
            "StartAt": "Wait",
            "States": {"Wait": wait, "Late": {"Type": "Pass", "End": True}},
        }
        patch(
            stepfunctions,
            "_SERVICE_DISPATCH",
            {"arn:aws:states:::sqs:sendMessage": lambda _, given: self.tokens.append(given["token"])},
        )
        patch(stepfunctions, "_emit_execution_status_event", lambda execution: None)
        stepfunctions._state_machines[MACHINE] = {
            "name": "probe",
            "roleArn": "",
            "definition": json.dumps(definition),
        }

    def start(self, name: str, seconds: float | None) -> tuple[int, dict[str, Any]]:
        given = json.dumps({} if seconds is None else {"seconds": seconds})
        request = {"stateMachineArn": MACHINE, "name": name, "input": given}
        status, _, body = self.module._start_execution(request)
        return status, json.loads(body)

    def execution(self, name: str) -> dict[str, Any]:
        result: dict[str, Any] = self.module._executions[
            f"{MACHINE.replace('stateMachine', 'execution')}:{name}"
        ]
        return result

    def token(self) -> str:
        result: str = until(lambda: self.tokens)[-1]
        return result


@pytest.fixture
def machine(corrections: ModuleType, patch: Patch) -> Machine:
    return Machine(patch)


def test_dynamic_timeouts(corrections: ModuleType, machine: Machine, patch: Patch) -> None:
    def outcome(name: str) -> tuple[str, str | None]:
        machine.start(name, 1)
        time.sleep(1.5)
        execution = machine.execution(name)
        return execution["status"], execution["output"]

    assert outcome("stock timeout") != ("SUCCEEDED", '"late"')
    corrections.dynamic_timeouts(patch)
    assert outcome("timeout") == ("SUCCEEDED", '"late"')
    machine.tokens.clear()
    machine.start("no time", None)
    until(lambda: machine.execution("no time")["status"] != "RUNNING")
    assert machine.execution("no time")["output"] == '"never"'
    assert not machine.tokens  # it was not tried


def test_stopping(corrections: ModuleType, machine: Machine, patch: Patch) -> None:
    corrections.dynamic_timeouts(patch)

    def stop(name: str) -> tuple[int, str]:
        """How the token of a stopped execution is answered, and what becomes of the execution."""
        machine.tokens.clear()
        _, started = machine.start(name, 60)
        token = machine.token()
        machine.module._stop_execution({"executionArn": started["executionArn"]})
        answer = machine.module._send_task_failure({"taskToken": token, "error": "Late"})[0]
        time.sleep(0.2)
        return answer, machine.execution(name)["status"]

    assert stop("stock stop") == (200, "FAILED")
    corrections.stopping(patch)
    before = threading.active_count()
    assert stop("stop") == (400, "ABORTED")
    assert threading.active_count() <= before


def test_token_permissions(corrections: ModuleType, machine: Machine, patch: Patch) -> None:
    from ministack.core import iam_actions

    def resource(token: str) -> str:
        body = json.dumps({"taskToken": token, "output": "{}"}).encode()
        arn: str = iam_actions.extract_resource_arn("states", "POST", "/", {}, body, {}, "us-east-1", "0")
        return arn

    corrections.dynamic_timeouts(patch)
    corrections.stopping(patch)
    _, started = machine.start("permission", 60)
    token = machine.token()
    assert resource(token) == "*"
    corrections.token_permissions(patch)
    assert [resource(token), resource("none")] == [MACHINE, MACHINE]
    machine.module._stop_execution({"executionArn": started["executionArn"]})


def test_no_past_events(corrections: ModuleType, patch: Patch) -> None:
    from ministack.services import eventbridge

    def kept() -> int:
        event = {"Source": "test", "DetailType": "test", "Detail": "{}"}
        assert eventbridge._put_events({"Entries": [event]})[0] == 200
        return sum(len(entries) for entries in eventbridge._events_log.all_values())

    assert kept() == kept() - 1
    before = kept()
    corrections.no_past_events(patch)
    assert kept() == before


def test_batch_permissions(corrections: ModuleType, patch: Patch) -> None:
    from ministack.core import iam_actions

    def action(name: str) -> str | None:
        headers = {"x-amz-target": f"AmazonSQS.{name}"}
        found: str | None = iam_actions.extract_iam_action("sqs", "POST", "/", headers, b"{}", {})
        return found

    assert action("SendMessageBatch") == "sqs:SendMessageBatch"
    corrections.batch_permissions(patch)
    assert [action("SendMessageBatch"), action("SendMessage")] == ["sqs:SendMessage"] * 2


def test_repeated_starts(corrections: ModuleType, machine: Machine, patch: Patch) -> None:
    corrections.dynamic_timeouts(patch)

    def again(name: str) -> list[int]:
        machine.tokens.clear()
        _, first = machine.start(name, 60)
        token = machine.token()
        same, repeated = machine.start(name, 60)
        other, _ = machine.start(name, 61)
        machine.module._send_task_success({"taskToken": token, "output": "{}"})
        until(lambda: machine.execution(name)["status"] == "SUCCEEDED")
        ended, _ = machine.start(name, 60)
        assert same == 400 or repeated == first
        return [same, other, ended]

    assert again("stock repeat") == [400, 400, 400]
    corrections.repeated_starts(patch)
    assert again("repeat") == [200, 400, 400]


# --- API Gateway -----------------------------------------------------------------------------------


def test_options_find_their_route(
    corrections: ModuleType, patch: Patch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To `$default`, which here stands at an integration that answers with its route and the method."""
    from ministack.services import apigateway

    async def invoke(*given: Any, **more: Any) -> Any:
        return 200, {}, json.dumps([given[8], given[4]]).encode()

    route = {"routeKey": "$default", "target": "integrations/i"}
    monkeypatch.setattr(apigateway, "_apis", {"a": {"apiId": "a"}})
    monkeypatch.setattr(apigateway, "_stages", {"a": {"$default": {}}})
    monkeypatch.setattr(apigateway, "_routes", {"a": {"r": route, "p": route | {"routeKey": "POST /x"}}})
    monkeypatch.setattr(
        apigateway, "_integrations", {"a": {"i": {"integrationType": "AWS_PROXY", "integrationUri": "f"}}}
    )
    monkeypatch.setattr(apigateway, "_invoke_lambda_proxy", invoke)

    def ask(method: str) -> tuple[int, Any]:
        answer = apigateway._handle_execute_in_scope("a", "$default", "/x", method, {}, b"", {}, "1", "r")
        status, _, body = asyncio.run(answer)
        return status, json.loads(body)

    assert ask("OPTIONS") == (403, {"message": "CORS not configured"})
    corrections.options(patch)
    assert ask("OPTIONS") == (200, ["$default", "OPTIONS"])
    assert ask("POST") == (200, ["POST /x", "POST"])
