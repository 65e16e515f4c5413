"""Step Functions has quotas: what becomes of a start, or of a step's end, that it does not take now."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

from switchboard import clock, dispatching, repeats
from switchboard.dispatching import OVERDUE
from tests.functions.flows import Flow
from tests.functions.test_dispatch import entries, refuses_viber, report
from tests.functions.test_intake import put
from tests.functions.test_lost import Died, swept_after
from tests.support import payloads
from tests.support.payloads import flat, step

STEPS = (step("viber_service_msg", 3600), step("sms"))
THROTTLED = (400, "ThrottlingException")


class Aws:
    """Answers calls in the place of AWS, by their names, as long as they are in `refuses`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refuses: dict[str, Any] = {}
        """Status and code by operation; an exception is raised."""
        self.asked: Counter[str] = Counter()
        answer = BotocoreStubber.__call__

        def reply(stubber: Any, event_name: str, request: Any, **more: Any) -> Any:
            operation = event_name.rpartition(".")[2]
            self.asked[operation] += 1
            refusal = self.refuses.get(operation)
            if refusal is None:
                return answer(stubber, event_name, request, **more)
            if isinstance(refusal, BaseException):
                raise refusal
            status, code = refusal
            body = json.dumps({"__type": code, "message": "Rate exceeded"})
            head = {"content-type": "application/x-amz-json-1.0", "x-amzn-errortype": code}
            return AWSResponse(request.url, status, head, MockRawResponse(body))

        monkeypatch.setattr(BotocoreStubber, "__call__", reply)
        monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    return Aws(monkeypatch)


def executions(flow: Flow) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = flow.cloud.states.list_executions(stateMachineArn=flow.cloud.machine)[
        "executions"
    ]
    return found


def catch_up(flow: Flow) -> int:
    """How many of a batch of the Starts queue were done."""
    return flow.cloud.handle("StartsQueue", "dispatch")


def first_step_wins(flow: Flow) -> None:
    flow.viber_receipt(flow.step_message(0))
    assert entries(report(flow)) == [("viber_service_msg", "delivered")]
    assert len(flow.world.sent) == 1


# --- starts --------------------------------------------------------------------------------------

NOT_NOW: dict[str, Any] = {
    "throttled": THROTTLED,
    "too many open executions": (400, "ExecutionLimitExceeded"),
    "unavailable": (503, "ServiceUnavailable"),
    "an error of its own": (500, "InternalServerError"),
    "no connection": EndpointConnectionError(endpoint_url="https://states.example"),
}


@pytest.mark.parametrize("refusal", NOT_NOW.values(), ids=NOT_NOW)
def test_what_cannot_start_now_is_taken_and_starts_later(flow: Flow, aws: Aws, refusal: Any) -> None:
    aws.refuses["StartExecution"] = refusal
    uuid = flow.dispatch(*STEPS)  # 202
    assert executions(flow) == []
    aws.refuses.clear()
    assert catch_up(flow) == 1
    assert [one["name"] for one in executions(flow)] == [uuid]
    first_step_wins(flow)


def test_step_functions_is_asked_once(flow: Flow, aws: Aws) -> None:
    """The caller waits, and each try of a busy minute would make it longer."""
    aws.refuses["StartExecution"] = THROTTLED
    flow.dispatch(*STEPS)
    assert aws.asked["StartExecution"] == 1


def test_nothing_is_queued_for_what_starts_at_once(flow: Flow, aws: Aws) -> None:
    before = aws.asked["SendMessage"]
    flow.dispatch(*STEPS)
    assert flow.cloud.waiting("StartsQueue") == 0
    assert aws.asked["SendMessage"] - before <= 1  # the first step, by the state machine


@pytest.mark.parametrize("way", ["v1 with failover", "queue", "bus"])
def test_by_whichever_way_it_came(flow: Flow, aws: Aws, way: str) -> None:
    aws.refuses["StartExecution"] = THROTTLED
    if way == "v1 with failover":
        flow.send_v1(flat("viber_service_msg", failover=[flat("sms")]))
    elif way == "queue":
        put(flow.cloud, json.dumps(payloads.workflow(*STEPS)))
        assert flow.cloud.handle("IngestQueue", "ingest") == 1
    else:
        event = {
            "detail-type": "Start Dispatch",
            "source": "acme",
            "id": "9e4f2d61-0b7a-4c53-a1d8-3e5c7f9b2a10",
            "detail": payloads.workflow(*STEPS),
        }
        assert flow.cloud.call("dispatch", event) == {"dispatch_uuid": event["id"]}
    aws.refuses.clear()
    assert catch_up(flow) == 1
    flow.until(lambda: flow.world.sent)


def test_a_start_that_comes_twice_is_one(flow: Flow, aws: Aws) -> None:
    aws.refuses["StartExecution"] = THROTTLED
    flow.dispatch(*STEPS)
    aws.refuses.clear()
    records = flow.cloud.received("StartsQueue")
    for _ in range(2):
        assert flow.cloud.call("dispatch", {"Records": records}) == {"batchItemFailures": []}
    assert len(executions(flow)) == 1
    first_step_wins(flow)
    assert flow.cloud.call("dispatch", {"Records": records}) == {"batchItemFailures": []}  # and much later
    assert len(executions(flow)) == 1


def test_a_start_whose_answer_was_lost_is_one(flow: Flow, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    call = BaseClient._make_api_call

    def lost(client: Any, operation: str, parameters: Any) -> Any:
        answer = call(client, operation, parameters)
        if operation == "StartExecution":
            raise EndpointConnectionError(endpoint_url="https://states.example")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", lost)
        flow.dispatch(*STEPS)
    assert catch_up(flow) == 1
    assert len(executions(flow)) == 1
    first_step_wins(flow)


def test_it_is_tried_until_it_can_start(flow: Flow, aws: Aws) -> None:
    aws.refuses["StartExecution"] = THROTTLED
    flow.dispatch(*STEPS)
    for _ in range(3):
        assert catch_up(flow) == 0
        assert flow.cloud.received("StartsQueue") == []  # put off
        flow.cloud.show_again("StartsQueue")
    aws.refuses.clear()
    assert catch_up(flow) == 1
    first_step_wins(flow)


@pytest.mark.parametrize(("receives", "most"), [(1, 2), (5, 10), (500, 60)], ids=["first", "fifth", "500th"])
def test_the_pause_grows_to_a_minute(
    flow: Flow, aws: Aws, monkeypatch: pytest.MonkeyPatch, receives: int, most: float
) -> None:
    monkeypatch.setattr(dispatching, "uniform", lambda least, most: most)
    aws.refuses["StartExecution"] = THROTTLED
    flow.dispatch(*STEPS)
    put_off: list[int] = []
    queue = flow.cloud.functions["dispatch"].services.starts
    monkeypatch.setattr(queue, "postpone", lambda record, seconds: put_off.append(seconds))
    [record] = flow.cloud.received("StartsQueue")
    record["attributes"]["ApproximateReceiveCount"] = str(receives)
    flow.cloud.call("dispatch", {"Records": [record]})
    assert put_off == [most]


def test_what_was_reported_meanwhile_is_not_started(
    flow: Flow, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.refuses["StartExecution"] = THROTTLED
    flow.dispatch(*STEPS)
    records = flow.cloud.received("StartsQueue")
    assert swept_after(flow, timedelta(seconds=3600 + 259_200) + 2 * OVERDUE, monkeypatch) == 1
    flow.cloud.notify()
    [told] = flow.reports()
    assert (told["status"], told["reason"]) == ("error", "lost")
    aws.refuses.clear()
    assert flow.cloud.call("dispatch", {"Records": records}) == {"batchItemFailures": []}
    assert executions(flow) == [] and flow.world.sent == []


def at(monkeypatch: pytest.MonkeyPatch, moment: datetime) -> None:
    monkeypatch.setattr(clock, "now", lambda: moment)


SHORT = (step("viber_service_msg", 300), step("messenger", 300), step("sms"))
SHORT_TIME = timedelta(seconds=600 + 259_200)


def test_who_starts_late_has_the_full_time(flow: Flow, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = clock.now()
    aws.refuses["StartExecution"] = THROTTLED
    uuid = flow.dispatch(*SHORT)
    started = accepted + SHORT_TIME - timedelta(minutes=5)
    aws.refuses.clear()
    with monkeypatch.context() as patch:
        at(patch, started)
        assert catch_up(flow) == 1
    assert [one["name"] for one in executions(flow)] == [uuid]
    assert swept_after(flow, SHORT_TIME + 2 * OVERDUE, monkeypatch) == 0
    assert swept_after(flow, 2 * SHORT_TIME + 2 * OVERDUE, monkeypatch) == 1


def test_who_starts_in_time_costs_no_write(flow: Flow, aws: Aws) -> None:
    aws.refuses["StartExecution"] = THROTTLED
    flow.dispatch(*STEPS)
    aws.refuses.clear()
    before = aws.asked["UpdateItem"]
    assert catch_up(flow) == 1
    assert aws.asked["UpdateItem"] - before <= 1  # the endpoint's, by then


def test_what_is_too_late_is_reported_and_not_sent(
    flow: Flow, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A one-time password that nobody waits for any more."""
    aws.refuses["StartExecution"] = THROTTLED
    flow.dispatch(*SHORT)
    aws.refuses.clear()
    late = clock.now() + SHORT_TIME + 2 * OVERDUE
    with monkeypatch.context() as patch:
        at(patch, late)
        records = flow.cloud.received("StartsQueue")
        for _ in range(2):
            assert flow.cloud.call("dispatch", {"Records": records}) == {"batchItemFailures": []}
    assert executions(flow) == []
    flow.until(flow.reports)
    flow.drain()
    [told] = flow.reports()
    assert (told["status"], told["reason"]) == ("error", "lost")
    assert flow.world.sent == []


def test_a_record_makes_room_for_another_before_the_queue_gives_it_up(flow: Flow, aws: Aws) -> None:
    aws.refuses["StartExecution"] = THROTTLED
    flow.dispatch(*STEPS)
    [record] = flow.cloud.received("StartsQueue")
    record["attributes"]["ApproximateReceiveCount"] = str(dispatching.LAST_RECEIVE)
    assert flow.cloud.call("dispatch", {"Records": [record]}) == {"batchItemFailures": []}
    flow.cloud.sqs.delete_message(
        QueueUrl=flow.cloud.queues["StartsQueue"], ReceiptHandle=record["receiptHandle"]
    )
    aws.refuses.clear()
    assert catch_up(flow) == 1
    first_step_wins(flow)


def test_a_failover_that_never_began_is_reported(
    flow: Flow, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise its messages tell of it."""
    aws.refuses["StartExecution"] = THROTTLED
    flow.send_v1(flat("viber_service_msg", failover=[flat("sms")]))
    assert swept_after(flow, timedelta(days=30), monkeypatch) == 1
    flow.until(flow.reports)
    [told] = flow.reports()
    assert (told["status"], told["reason"]) == ("error", "lost")


def test_a_task_for_what_is_not_there_is_done(flow: Flow) -> None:
    body = json.dumps({"dispatch_uuid": "9e4f2d61-0b7a-4c53-a1d8-3e5c7f9b2a10", "lost": ""})
    flow.cloud.sqs.send_message(QueueUrl=flow.cloud.queues["StartsQueue"], MessageBody=body)
    assert catch_up(flow) == 1


# Between the write and the queue.

REFUSALS: dict[str, tuple[int, str, int]] = {
    "throttled": (400, "ThrottlingException", 429),
    "unavailable": (500, "InternalFailure", 500),
}


@pytest.mark.parametrize(("status", "code", "answer"), REFUSALS.values(), ids=REFUSALS)
def test_without_the_queue_it_is_not_taken(flow: Flow, aws: Aws, status: int, code: str, answer: int) -> None:
    aws.refuses |= {"StartExecution": THROTTLED, "SendMessage": (status, code)}
    body = payloads.workflow(*STEPS)
    assert flow.cloud.http("dispatch", "POST", "/v0.1/dispatch", body, flow.app["bearer"])[0] == answer


@pytest.mark.parametrize("died", [False, True], ids=["the queue refused", "died"])
def test_a_repeat_starts_what_was_stored_and_not_queued(
    flow: Flow, aws: Aws, monkeypatch: pytest.MonkeyPatch, died: bool
) -> None:
    def ask() -> int:
        headers = flow.app["bearer"] | {"Idempotency-Key": "k"}
        body = payloads.workflow(*STEPS)
        return flow.cloud.http("dispatch", "POST", "/v0.1/dispatch", body, headers)[0]

    aws.refuses |= {
        "StartExecution": THROTTLED,
        "SendMessage": Died() if died else (400, "ThrottlingException"),
    }
    if died:
        with pytest.raises(Died):
            ask()
    else:
        assert ask() == 429
    later = clock.now() + repeats.RUNS + timedelta(seconds=1)
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: later)
        del aws.refuses["SendMessage"]
        assert ask() == 202  # still throttled, and queued now
        assert ask() == 202  # nothing more
        assert flow.cloud.waiting("StartsQueue") == 1
    aws.refuses.clear()
    assert catch_up(flow) == 1
    first_step_wins(flow)


def test_nobody_repeats_it_and_the_sweep_finds_it(
    flow: Flow, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.refuses |= {"StartExecution": THROTTLED, "SendMessage": Died()}
    with pytest.raises(Died):
        flow.dispatch(*STEPS)
    aws.refuses.clear()
    assert swept_after(flow, timedelta(seconds=3600 + 259_200) + 2 * OVERDUE, monkeypatch) == 1
    flow.drain()
    [told] = flow.reports()
    assert (told["status"], told["reason"]) == ("error", "lost")


def test_what_is_refused_for_good_is_not_queued(flow: Flow, aws: Aws) -> None:
    aws.refuses["StartExecution"] = (400, "AccessDeniedException")
    body = payloads.workflow(*STEPS)
    assert flow.cloud.http("dispatch", "POST", "/v0.1/dispatch", body, flow.app["bearer"])[0] == 500
    assert flow.cloud.waiting("StartsQueue") == 0


def test_a_lost_execution_is_stood_in_for_later(flow: Flow, aws: Aws) -> None:
    uuid = flow.dispatch(*STEPS)
    first = flow.step_message(0)
    [execution] = executions(flow)
    flow.cloud.states.stop_execution(executionArn=execution["executionArn"])
    detail = {"name": uuid, "status": "ABORTED", "input": json.dumps({"dispatch_uuid": uuid})}
    lost = {
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "id": "e",
        "detail": detail,
    }
    aws.refuses["StartExecution"] = THROTTLED
    for _ in range(2):  # heard twice
        assert flow.cloud.call("dispatch", lost) == {}
    assert catch_up(flow) == 0
    aws.refuses.clear()
    flow.cloud.show_again("StartsQueue")
    assert catch_up(flow) == 2
    assert sorted(one["name"] for one in executions(flow)) == [uuid, f"{uuid}-2"]
    flow.until(lambda: flow.cloud.received("OutboundQueue") == [] and flow.cloud.deliver() == 0)
    flow.viber_receipt(first)
    assert entries(report(flow)) == [("viber_service_msg", "delivered")]
    assert len(flow.world.sent) == 1


# --- ends of steps -------------------------------------------------------------------------------


def test_a_provider_repeats_a_receipt_whose_step_could_not_be_told(flow: Flow, aws: Aws) -> None:
    flow.dispatch(*STEPS)
    message = flow.step_message(0)
    aws.refuses["SendTaskSuccess"] = THROTTLED
    assert flow.viber_receipt(message) == 429
    aws.refuses.clear()
    assert flow.viber_receipt(message) == 200
    assert entries(report(flow)) == [("viber_service_msg", "delivered")]
    assert len(flow.heard(message_uuid=message, status="delivered")) == 1


def test_lambda_repeats_a_notification_whose_step_could_not_be_told(flow: Flow, aws: Aws) -> None:
    flow.dispatch(step("sms"))
    message = flow.step_message(0)
    aws.refuses["SendTaskSuccess"] = THROTTLED
    with pytest.raises(Exception, match="ThrottlingException"):
        flow.receipt(message)
    aws.refuses.clear()
    flow.receipt(message)
    assert entries(report(flow)) == [("sms", "delivered")]


def test_the_queue_repeats_a_failure_that_could_not_be_told(flow: Flow, aws: Aws) -> None:
    flow.world.provider = refuses_viber
    aws.refuses["SendTaskFailure"] = THROTTLED
    flow.dispatch(*STEPS)
    flow.until(lambda: flow.heard(status="rejected"))
    assert flow.cloud.waiting("OutboundQueue") == 1  # its record is still there
    aws.refuses.clear()
    flow.cloud.show_again("OutboundQueue")
    flow.until(lambda: len(flow.world.sent) > 1)
    flow.receipt(flow.step_message(1))
    assert entries(report(flow)) == [("viber_service_msg", "rejected"), ("sms", "delivered")]
    hosts = [request.url.host for request in flow.world.sent]
    assert hosts == ["ib.example", "sms-voice.us-east-1.amazonaws.com"]
