"""A dispatch told: GET's steps with the reason of each move, and the same in sentences, for every end."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.functions.flows import Body, Flow
from tests.functions.test_cancelling import cancel
from tests.functions.test_dispatch import refuses_viber
from tests.support import payloads
from tests.support.payloads import NOT_DELIVERED, step


def show(flow: Flow, uuid: str, explain: bool = False) -> Body:
    path = f"/v0.1/dispatch/{uuid}{'/explain' if explain else ''}"
    status, shown = flow.cloud.http("dispatch", "GET", path, headers=flow.app["bearer"])
    assert status == 200, shown
    return dict(shown)


def settled(flow: Flow) -> None:
    flow.until(flow.reports)
    flow.drain()


# --- how it comes to each end ----------------------------------------------------------------------


def first_wins(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 60), step("sms"))
    flow.viber_receipt(flow.step_message(0))
    settled(flow)
    return uuid


def silence_then_next(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 1), step("sms"))
    flow.receipt(flow.step_message(1))
    settled(flow)
    return uuid


def delivered_is_not_read(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 1, "read"), step("sms"))
    flow.viber_receipt(flow.step_message(0))
    flow.receipt(flow.step_message(1))
    settled(flow)
    return uuid


def rejected_at_once(flow: Flow) -> str:
    flow.world.provider = refuses_viber
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    flow.receipt(flow.step_message(1))
    settled(flow)
    return uuid


def undeliverable(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    flow.viber_receipt(flow.step_message(0), NOT_DELIVERED)
    flow.receipt(flow.step_message(1))
    settled(flow)
    return uuid


def opted_out(flow: Flow) -> str:
    services = flow.cloud.functions["deliver"].services
    ends = payloads.ENDS["viber_service_msg"]
    from switchboard import clock

    services.delivering.handover.contacts.store.opt_out(
        "viber_service_msg", ends[1]["number"], ends[0]["id"], clock.now(), by="test"
    )
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    flow.receipt(flow.step_message(1))
    settled(flow)
    return uuid


def late_after_next(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 1), step("sms", 3600), step("sms"))
    first, second = flow.step_message(0), flow.step_message(1)
    flow.viber_receipt(first)
    flow.receipt(second)
    settled(flow)
    return uuid


def late_before_next(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 1), step("sms", 3600), step("sms"))
    first = flow.step_message(0)
    records: list[Body] = []
    while not records:
        records = flow.cloud.received("OutboundQueue")
    flow.viber_receipt(first)
    flow.cloud.call("deliver", {"Records": records})
    settled(flow)
    return uuid


def all_failed(flow: Flow) -> str:
    flow.world.provider = refuses_viber
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    flow.receipt(flow.step_message(1), "TEXT_BLOCKED")
    settled(flow)
    return uuid


def _expires(flow: Flow) -> None:
    flow.cloud.functions["dispatch"].services.dispatching.__dict__["last_step_seconds"] = 1


def expired(flow: Flow) -> str:
    _expires(flow)
    uuid = flow.dispatch(step("sms"))
    settled(flow)
    return uuid


def expired_then_delivered(flow: Flow) -> str:
    _expires(flow)
    uuid = flow.dispatch(step("sms"))
    message = flow.step_message(0)
    settled(flow)
    flow.receipt(message)
    flow.drain()
    return uuid


def lost_and_resumed(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    first = flow.step_message(0)
    execution = flow.cloud.states.list_executions(stateMachineArn=flow.cloud.machine)["executions"][0]
    flow.cloud.states.stop_execution(executionArn=execution["executionArn"])
    detail = {"name": execution["name"], "status": "ABORTED", "input": json.dumps({"dispatch_uuid": uuid})}
    lost = {"detail-type": "Step Functions Execution Status Change", "source": "aws.states", "id": "e"}
    flow.cloud.call("dispatch", lost | {"detail": detail})
    store = flow.cloud.functions["dispatch"].services.store
    before = store.message(first).link.queued_at
    flow.until(lambda: store.message(first).link.queued_at > before)
    flow.viber_receipt(first)
    settled(flow)
    return uuid


def lost_and_met_meanwhile(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    first = flow.step_message(0)
    execution = flow.cloud.states.list_executions(stateMachineArn=flow.cloud.machine)["executions"][0]
    flow.cloud.states.stop_execution(executionArn=execution["executionArn"])
    flow.viber_receipt(first)
    detail = {"name": execution["name"], "status": "ABORTED", "input": json.dumps({"dispatch_uuid": uuid})}
    lost = {"detail-type": "Step Functions Execution Status Change", "source": "aws.states", "id": "e"}
    flow.cloud.call("dispatch", lost | {"detail": detail})
    settled(flow)
    return uuid


def cancelled(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    flow.step_message(0)
    cancel(flow, uuid)
    settled(flow)
    return uuid


def cancelled_before(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    cancel(flow, uuid)
    settled(flow)
    return uuid


def running(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    flow.step_message(0)
    return uuid


def never_begun(flow: Flow) -> str:
    """Nothing took up any of its steps, and the sweep closed it."""
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    while not flow.cloud.taken("OutboundQueue"):
        pass
    flow.cloud.sqs.send_message(
        QueueUrl=flow.cloud.queues["WebhooksQueue"],
        MessageBody=json.dumps({"kind": "report", "dispatch_uuid": uuid}),
    )
    settled(flow)
    return uuid


@dataclass(frozen=True)
class End:
    begin: Callable[[Flow], str]
    state: str
    steps: list[tuple[str, str | None]]
    """State and reason of each."""
    summary: str
    says: list[str] = field(default_factory=list)
    """Parts of the lines, in their order."""
    late: list[bool] = field(default_factory=lambda: [False, False])


OUT = "Submitted: infobip/default took it"
ENDS = [
    End(
        first_wins,
        "completed",
        [("met", "met"), ("skipped", "met")],
        "Viber was delivered, in step 1 of 2.",
        [
            "Accepted: Viber to ...0100 (delivered within 60 s), then SMS to ...0100 (delivered within 3 d)",
            "Viber to ...0100 begins: to be delivered by ",
            OUT,
            "Delivered, at 0.0125 EUR.",
            "Ended: completed, at 0.0125 EUR in all; SMS to ...0100 was never sent.",
        ],
    ),
    End(
        silence_then_next,
        "completed",
        [("timed_out", "timeout"), ("met", "met")],
        "SMS was delivered, in step 2 of 2: Viber was not delivered in its time.",
        [
            OUT,
            "Its time is over: not delivered within 1 s, nothing came.",
            "SMS to ...0100 begins, as Viber was not delivered in its time: to be delivered by ",
            "Submitted: aws/default took it",
            "Delivered, at 0.0210 EUR.",
            "Ended: completed, at 0.0210 EUR in all.",
        ],
    ),
    End(
        delivered_is_not_read,
        "completed",
        [("timed_out", "timeout"), ("met", "met")],
        "SMS was delivered, in step 2 of 2: Viber was not read in its time.",
        ["SMS to ...0100 begins, as Viber was not read in its time"],
    ),
    End(
        rejected_at_once,
        "completed",
        [("failed", "rejected"), ("met", "met")],
        "SMS was delivered, in step 2 of 2: Viber failed (infobip/default said",
        ["Rejected: infobip/default said ", "SMS to ...0100 begins, as Viber failed (infobip/default said "],
    ),
    End(
        undeliverable,
        "completed",
        [("failed", "undeliverable"), ("met", "met")],
        "SMS was delivered, in step 2 of 2: Viber failed (infobip/default said",
        [OUT, "Undeliverable: infobip/default said ", "SMS to ...0100 begins, as Viber failed"],
    ),
    End(
        opted_out,
        "completed",
        [("failed", "refused"), ("met", "met")],
        "SMS was delivered, in step 2 of 2: Viber failed (not handed over, 1240 Illegal Number).",
        ["Rejected: not handed over, 1240 Illegal Number.", "SMS to ...0100 begins"],
    ),
    End(
        late_after_next,
        "completed",
        [("timed_out", "timeout"), ("met", "met"), ("skipped", "met_late")],
        "SMS was delivered, in step 2 of 3: Viber was not delivered in its time. Viber was delivered late, "
        "so that both were sent.",
        ["Delivered, late: the next step was out already, at 0.0125 EUR."],
        [True, False, False],
    ),
    End(
        late_before_next,
        "completed",
        [("met", "met_late"), ("skipped", "met_late"), ("skipped", "met_late")],
        "Viber was delivered, late, in step 1 of 3.",
        ["Delivered, late, but before the next step was handed over: that is not sent, at 0.0125 EUR."],
        [False, False, False],
    ),
    End(
        all_failed,
        "error",
        [("failed", "rejected"), ("failed", "rejected")],
        "Nobody was reached: Viber failed (infobip/default said ",
        ["Rejected: infobip/default", "Rejected: aws/default said", "Ended: error (rejected)"],
    ),
    End(
        expired,
        "error",
        [("timed_out", "expired")],
        "Nobody was reached: SMS was not delivered in its time.",
        ["Its time is over: not delivered within 1 s, nothing came.", "Ended: error (expired)"],
        [False],
    ),
    End(
        expired_then_delivered,
        "error",
        [("timed_out", "expired")],
        "Nobody was reached: SMS was not delivered in its time. SMS was delivered late, when all was over.",
        ["Ended: error (expired)", "Delivered, late: all was over"],
        [True],
    ),
    End(
        lost_and_resumed,
        "completed",
        [("met", "met"), ("skipped", "met")],
        "Viber was delivered, in step 1 of 2.",
        [OUT, "The workflow's execution was lost, and another took this step up"],
    ),
    End(
        lost_and_met_meanwhile,
        "completed",
        [("met", "met"), ("skipped", "met")],
        "Viber was delivered, in step 1 of 2.",
        [OUT, "Delivered, at 0.0125 EUR."],
    ),
    End(
        cancelled,
        "cancelled",
        [("cancelled", "cancelled"), ("skipped", "cancelled")],
        "Cancelled; Viber was out already.",
        [OUT, "Cancelled by its client: nothing more is handed over.", "Ended: cancelled"],
    ),
    End(
        cancelled_before,
        "cancelled",
        [("skipped", "cancelled"), ("skipped", "cancelled")],
        "Cancelled before anything was sent.",
        ["Cancelled by its client", "Ended: cancelled, at 0.0000 EUR in all; Viber to ...0100 and SMS to "],
    ),
    End(
        running,
        "running",
        [("running", None), ("waiting", None)],
        "Viber has until ",
        [OUT],
    ),
    End(
        never_begun,
        "error",
        [("skipped", "lost"), ("skipped", "lost")],
        "It ended without anything that was sent: it was lost, and found too late.",
        ["Ended: error (lost)"],
    ),
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.begin.__name__.replace("_", " "))
def test_every_end(flow: Flow, end: End) -> None:
    uuid = end.begin(flow)
    shown, told = show(flow, uuid), show(flow, uuid, explain=True)
    assert [(one["state"], one["reason"]) for one in shown["steps"]] == end.steps
    assert [one.get("late", False) for one in shown["steps"]] == end.late
    assert (shown["status"], told["state"]) == (end.state, end.state)
    assert told["summary"].startswith(end.summary), told["summary"]
    lines = [line["text"] for line in told["lines"]]
    rest = iter(lines)
    for part in end.says:
        assert any(part in line for line in rest), (part, lines)
    assert [line["at"] for line in told["lines"]] == sorted(line["at"] for line in told["lines"])
    assert "447700900100" not in json.dumps(told)


def test_a_step_as_it_is_shown(flow: Flow) -> None:
    uuid = silence_then_next(flow)
    first, last = show(flow, uuid)["steps"]
    assert first["account"] == "infobip/default"
    assert first["provider_id"]
    assert first["ended_at"] == last["began_at"]
    assert first["deadline"] < last["deadline"]
    assert last["ended_at"] == last["statuses"]["delivered"]
    assert last["usage"] == {"price": "0.0210", "currency": "EUR"}


def test_the_evidence(flow: Flow) -> None:
    uuid = rejected_at_once(flow)
    told = show(flow, uuid, explain=True)
    [refused] = [line for line in told["lines"] if line["text"].startswith("Rejected")]
    evidence = refused["evidence"]
    assert (refused["step"], evidence["account"], evidence["status"]) == (0, "infobip/default", "rejected")
    assert evidence["provider_code"] == "E400"
    [arrived] = [line for line in told["lines"] if line["text"].startswith("Delivered")]
    wanted = {"price": "0.0210", "currency": "EUR", "price_by": "provider"}
    assert arrived["evidence"].items() >= wanted.items()
    begins = [line["evidence"] for line in told["lines"] if "begins" in line["text"]]
    assert [one["because"] for one in begins] == ["first", "rejected"]
    assert all(one["to"] == "...0100" for one in begins)


ACCEPTS = [
    ("text/plain", True),
    ("text/plain;q=0.9, application/json;q=0.1", True),
    ("application/json, text/plain, */*", False),
    ("*/*", False),
    ("", False),
]


@pytest.mark.parametrize(("accept", "is_text"), ACCEPTS, ids=[accept or "none" for accept, _ in ACCEPTS])
def test_as_text(flow: Flow, accept: str, is_text: bool) -> None:
    uuid = first_wins(flow)
    headers = flow.app["bearer"] | {"Accept": accept}
    _, told = flow.cloud.http("dispatch", "GET", f"/v0.1/dispatch/{uuid}/explain", headers=headers)
    if not is_text:
        assert told["dispatch_uuid"] == uuid
        return
    first, summary, empty, *lines = told.splitlines()
    assert (first, empty) == (f"Dispatch {uuid}: completed", "")
    assert summary == "Viber was delivered, in step 1 of 2."
    assert "  step 1   Viber to ...0100 begins: to be delivered by " in lines[1]


# --- one message -----------------------------------------------------------------------------------


def explained(flow: Flow, uuid: str) -> Body:
    status, told = flow.cloud.http(
        "send", "GET", f"/v0.1/messages/{uuid}/explain", headers=flow.app["bearer"]
    )
    assert status == 200
    return dict(told)


def test_a_message(flow: Flow) -> None:
    uuid = flow.send(payloads.text("sms"))
    assert explained(flow, uuid)["summary"] == "It waits to be handed over by SMS."
    flow.drain()
    assert explained(flow, uuid)["summary"] == "aws/default has it; no receipt came so far."
    flow.receipt(uuid)
    told = explained(flow, uuid)
    assert (told["message_uuid"], told["state"]) == (uuid, "delivered")
    texts = [line["text"] for line in told["lines"]]
    assert texts[0] == "Accepted: SMS to ...0100."
    assert texts[1].startswith("Submitted: aws/default took it as ")
    assert texts[2] == "Delivered, at 0.0210 EUR."
    assert "447700900100" not in json.dumps(told)


def test_a_message_whose_answer_was_lost(flow: Flow) -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("nothing came")

    flow.world.provider = silent
    uuid = flow.send(payloads.text("sms"))
    flow.cloud.deliver()
    told: Any = explained(flow, uuid)
    [lost] = [line for line in told["lines"] if "No answer" in line["text"]]
    assert lost["text"].startswith("No answer came from aws/default: ")
