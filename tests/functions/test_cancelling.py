"""Calling a dispatch off, at each moment of its life."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from switchboard import clock
from switchboard.models.messages import Status
from switchboard.models.workflows import message_uuid
from switchboard.queues import Record, StepTask
from switchboard.store import MessageItem, Store, Unknown
from switchboard.transitions import Change
from tests.functions.flows import Body, Flow
from tests.functions.test_dispatch import entries, report
from tests.support import payloads
from tests.support.payloads import step


def cancel(flow: Flow, uuid: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    path = f"/v0.1/dispatch/{uuid}"
    return flow.cloud.http("dispatch", "DELETE", path, headers=headers or flow.app["bearer"])


def taken(flow: Flow) -> list[Body]:
    """The records of the Outbound queue, as soon as there are some; they stay in it."""
    records: list[Body] = []
    while not records:
        records = flow.cloud.received("OutboundQueue")
    return records


def hosts(flow: Flow) -> list[str]:
    return [request.url.host for request in flow.world.sent]


def running(flow: Flow) -> int:
    found = flow.cloud.states.list_executions(stateMachineArn=flow.cloud.machine, statusFilter="RUNNING")
    return len(found["executions"])


def test_before_the_first_step_is_sent(flow: Flow) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    taken(flow)
    status, shown = cancel(flow, uuid)
    assert (status, shown["status"]) == (200, "cancelled")
    ended = report(flow)
    assert (ended["status"], entries(ended), ended["usage"]["price"]) == ("cancelled", [], "0.0000")
    assert "reason" not in ended
    assert flow.world.sent == []
    flow.until(lambda: running(flow) == 0)


def test_while_the_first_step_waits(flow: Flow) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    first = flow.step_message(0)
    assert cancel(flow, uuid)[0] == 200
    ended = report(flow)
    assert (ended["status"], entries(ended)) == ("cancelled", [("viber_service_msg", "submitted")])
    assert hosts(flow) == ["ib.example"]
    flow.viber_receipt(first)  # its provider has it: what becomes of it is told all the same
    flow.drain()
    assert flow.statuses(first) == ["submitted", "delivered"]
    assert len(flow.reports()) == 1


def test_the_last_step_waits(flow: Flow) -> None:
    uuid = flow.dispatch(step("sms"))
    flow.step_message(0)
    assert cancel(flow, uuid)[0] == 200
    assert report(flow)["status"] == "cancelled"
    flow.until(lambda: running(flow) == 0)


def test_what_its_provider_did_not_take_yet_is_not_sent(flow: Flow) -> None:
    flow.world.provider = lambda request: httpx.Response(503)
    uuid = flow.dispatch(step("sms", 3600), step("viber_service_msg"))
    flow.until(lambda: len(flow.world.sent) > 0)
    assert cancel(flow, uuid)[0] == 200
    tried = len(flow.world.sent)
    flow.world.provider = payloads.accepts_all
    flow.cloud.show_again("OutboundQueue")
    ended = report(flow)
    assert (ended["status"], entries(ended)) == ("cancelled", [("sms", "undeliverable")])
    [told] = flow.heard(status="undeliverable")
    assert told["error"] == {"code": 1900, "reason": "Cancelled before it was sent"}
    assert len(flow.world.sent) == tried


def test_what_somebody_is_handing_over_is_left_to_them(flow: Flow) -> None:
    """The cancel comes while the provider is asked."""
    answers: list[tuple[int, Any]] = []
    uuid = ""

    def provider(request: httpx.Request) -> httpx.Response:
        answers.append(cancel(flow, uuid))
        return payloads.accepts_all(request)

    flow.world.provider = provider
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    ended = report(flow)
    assert answers[0][0] == 200
    assert ended["status"] == "cancelled"
    assert len(flow.world.sent) == 1
    assert flow.statuses(_message(flow, uuid, 0)) == ["submitted"]


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass."""
    seconds, real = [0.0], clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(seconds=seconds[0]))

    def wait(more: float) -> None:
        seconds[0] += more

    return wait


def _claimed(flow: Flow, seconds: int = 60) -> tuple[str, str, Store]:
    """A dispatch, and its message that a worker has begun to hand over."""
    flow.world.provider = lambda request: httpx.Response(503)
    uuid = flow.dispatch(step("sms", 3600), step("viber_service_msg"))
    flow.until(lambda: len(flow.world.sent) > 0)
    store = flow.cloud.functions["deliver"].services.store
    message = message_uuid(uuid, 0)
    flow.cloud.taken("OutboundQueue")
    assert store.claim(message, clock.now(), seconds, by="a worker").outcome == "claimed"
    return uuid, message, store


def test_the_report_waits_for_who_is_handing_over(flow: Flow) -> None:
    """What is taken after the cancel is in the report."""
    uuid, message, _ = _claimed(flow)
    assert cancel(flow, uuid)[0] == 200
    flow.until(lambda: running(flow) == 0)
    flow.cloud.notify()
    assert flow.reports() == []
    transitions = flow.cloud.functions["deliver"].services.transitions
    transitions.apply([Change(message, Status.SUBMITTED, clock.now(), provider="aws/default")])
    flow.cloud.show_again("WebhooksQueue")
    ended = report(flow)
    assert (ended["status"], entries(ended)) == ("cancelled", [("sms", "submitted")])


def test_the_report_waits_no_longer_than_the_worker_can_live(
    flow: Flow, passed: Callable[[float], None]
) -> None:
    uuid, _, _ = _claimed(flow)
    assert cancel(flow, uuid)[0] == 200
    flow.until(lambda: running(flow) == 0)
    flow.cloud.notify()
    assert flow.reports() == []
    passed(61)
    flow.cloud.show_again("WebhooksQueue")
    assert report(flow)["status"] == "cancelled"


UNKNOWN = {"code": 1331, "reason": "Provider error"}
NOT_SENT = {"code": 1900, "reason": "Cancelled before it was sent"}


@pytest.mark.parametrize("by", ["the cancel", "the queue's worker"])
@pytest.mark.parametrize(
    ("before", "told"),
    [
        pytest.param("died", UNKNOWN, id="died"),
        pytest.param("no answer", UNKNOWN, id="no answer"),
        pytest.param("refused for now", NOT_SENT, id="refused for now"),
    ],
)
def test_what_may_be_out_is_not_told_to_be_cancelled(
    flow: Flow, passed: Callable[[float], None], before: str, told: Body, by: str
) -> None:
    """By how the attempt before ended."""
    uuid, message, store = _claimed(flow)
    item = store.message(message, consistent=True)
    assert isinstance(item, MessageItem) and item.link
    if before == "no answer":
        store.note_unknown(item, Unknown(at=clock.now(), account="aws/default", decision="waiting"))
    elif before == "refused for now":
        store.release(message, paid=False)
    passed(61)
    if by == "the cancel":
        assert cancel(flow, uuid)[0] == 200
    else:  # who cancelled died at once
        store.cancel(uuid, clock.now(), clock.now())
        deliver = flow.cloud.functions["deliver"].services.delivering
        task = StepTask(dispatch_uuid=uuid, step=0, wait=3600, task_token=item.link.task_token)
        now = clock.now()
        deliver.handle(Record("r", "h", task.model_dump_json(), now, receives=2, first_received_at=now))
    flow.until(lambda: flow.heard(message_uuid=message))
    [hook] = flow.heard(message_uuid=message)
    assert (hook["status"], hook["error"]) == ("undeliverable", told)


def test_who_cancels_dies_before_the_message_is_ended(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, passed: Callable[[float], None]
) -> None:
    """Its repeat knows that the message was not out."""
    uuid, message, store = _claimed(flow)
    store.release(message, paid=False)
    transitions = flow.cloud.functions["dispatch"].services.transitions
    with monkeypatch.context() as patch:
        patch.setattr(type(transitions), "apply", _dies)
        assert cancel(flow, uuid)[0] == 500
    passed(21)
    assert cancel(flow, uuid)[0] == 200
    flow.until(lambda: flow.heard(message_uuid=message))
    assert [hook["error"] for hook in flow.heard(message_uuid=message)] == [NOT_SENT]


def _dies(*arguments: Any) -> None:
    raise RuntimeError("killed")


def _message(flow: Flow, uuid: str, number: int) -> str:
    return str(_show(flow, uuid)["steps"][number]["message_uuid"])


def _show(flow: Flow, uuid: str) -> Body:
    status, shown = flow.cloud.http("dispatch", "GET", f"/v0.1/dispatch/{uuid}", headers=flow.app["bearer"])
    assert status == 200
    return dict(shown)


def test_twice_is_once(flow: Flow) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    flow.step_message(0)
    assert [cancel(flow, uuid)[0] for _ in range(2)] == [200, 200]
    ended = report(flow)
    status, shown = cancel(flow, uuid)
    assert (status, shown["status"], shown["report"]) == (200, "cancelled", ended)
    assert _show(flow, uuid) == shown
    assert len(flow.reports()) == 1


def test_after_its_end(flow: Flow) -> None:
    uuid = flow.dispatch(step("sms"))
    flow.receipt(flow.step_message(0))
    ended = report(flow)
    status, problem = cancel(flow, uuid)
    assert (status, problem["title"]) == (409, "Conflict")
    assert problem["detail"] == "The dispatch has ended (completed): there is nothing to cancel"
    assert _show(flow, uuid)["report"] == ended


def test_between_the_receipt_and_the_report(flow: Flow) -> None:
    uuid = flow.dispatch(step("sms"))
    flow.receipt(flow.step_message(0))
    assert cancel(flow, uuid)[0] == 409
    assert report(flow)["status"] == "completed"


def test_after_a_late_receipt(flow: Flow) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 1), step("sms", 3600), step("sms"))
    first, _ = flow.step_message(0), flow.step_message(1)
    flow.viber_receipt(first)
    services = flow.cloud.functions["dispatch"].services
    assert services.store.dispatch(uuid).satisfied == 0
    assert cancel(flow, uuid)[0] == 409


def test_a_receipt_comes_after_it(flow: Flow) -> None:
    """Whichever is written first decides."""
    uuid = flow.dispatch(step("sms"))
    message = flow.step_message(0)
    store = flow.cloud.functions["dispatch"].services.store
    now = clock.now()
    store.cancel(uuid, now, now)  # ... and its process died
    flow.receipt(message)
    ended = report(flow)
    assert (ended["status"], entries(ended)) == ("cancelled", [("sms", "delivered")])
    assert cancel(flow, uuid)[0] == 200


def test_its_process_died_and_its_time_runs_out(flow: Flow) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 1), step("sms"))
    flow.step_message(0)
    store = flow.cloud.functions["dispatch"].services.store
    now = clock.now()
    store.cancel(uuid, now, now)
    ended = report(flow)
    assert (ended["status"], entries(ended)) == ("cancelled", [("viber_service_msg", "submitted")])
    assert hosts(flow) == ["ib.example"]


def test_its_process_died_and_the_sweep_finds_it(flow: Flow) -> None:
    uuid = flow.dispatch(step("sms"))
    flow.step_message(0)
    services = flow.cloud.functions["dispatch"].services
    now = clock.now()
    services.store.cancel(uuid, now, due=now - timedelta(hours=2))
    sweep = {"detail-type": "Scheduled Event", "source": "aws.events", "id": "e", "detail": {}}
    assert flow.cloud.call("dispatch", sweep) == {"overdue": 1}
    assert report(flow)["status"] == "cancelled"


def test_it_comes_while_the_report_is_drawn_up(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was answered with 200 is reported as cancelled."""
    uuid = flow.dispatch(step("sms"))
    flow.receipt(flow.step_message(0))
    reporting = flow.cloud.functions["notify"].services.notifying.reporting
    store, now, real = reporting.store, clock.now(), reporting.store.close
    calls = []

    def close(*arguments: Any, **more: Any) -> Any:
        calls.append(more)
        if len(calls) == 1:
            store.cancel(uuid, now, now)
        return real(*arguments, **more)

    monkeypatch.setattr(store, "close", close)
    assert report(flow)["status"] == "cancelled"
    assert [call["cancelled"] for call in calls] == [False, True]


def test_its_execution_is_lost(flow: Flow) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    flow.step_message(0)
    execution = flow.cloud.states.list_executions(stateMachineArn=flow.cloud.machine)["executions"][0]
    flow.cloud.states.stop_execution(executionArn=execution["executionArn"])
    assert cancel(flow, uuid)[0] == 200
    lost = {
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "id": "e",
        "detail": {
            "name": execution["name"],
            "status": "ABORTED",
            "input": json.dumps({"dispatch_uuid": uuid}),
        },
    }
    for _ in range(2):
        flow.cloud.call("dispatch", lost)
    assert report(flow)["status"] == "cancelled"
    assert running(flow) == 0


def test_a_failover_of_version_1(flow: Flow) -> None:
    """Nothing is reported of it, as of any; it just does not go on."""
    body = payloads.flat("viber_service_msg") | {"failover": [payloads.flat("sms")]}
    made = flow.send_v1(body)
    flow.until(lambda: flow.statuses(made["message_uuid"]))
    assert cancel(flow, made["workflow_id"])[0] == 200
    flow.until(lambda: running(flow) == 0)
    flow.drain()
    assert flow.reports() == []
    flow.viber_receipt(made["message_uuid"], payloads.NOT_DELIVERED)
    flow.drain()
    assert hosts(flow) == ["ib.example"]
    assert _show(flow, made["workflow_id"])["status"] == "cancelled"


def test_what_nobody_started(flow: Flow) -> None:
    status, problem = cancel(flow, "7b1f5c52-6f0e-4d0b-9a53-0c8f2f1d9e34")
    assert (status, problem["title"]) == (404, "Not Found")


def test_another_applications(flow: Flow) -> None:
    uuid = flow.dispatch(step("sms"))
    other = payloads.application(flow.cloud)
    assert cancel(flow, uuid, other["bearer"])[0] == 404
    assert cancel(flow, uuid, payloads.basic())[0] == 200  # the account's owner may
