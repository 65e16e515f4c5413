"""A dispatch told: GET's steps with the reason of each move, and the same in sentences, for every end."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from switchboard import clock, explaining, pricing, timeline
from switchboard.callers import Caller
from switchboard.models.messages import Status
from switchboard.transitions import Change
from tests.functions.flows import Body, Flow
from tests.functions.test_cancelling import cancel
from tests.functions.test_counting import count, sums
from tests.functions.test_dispatch import refuses_viber
from tests.functions.test_handover import account
from tests.support import payloads
from tests.support.payloads import NOT_DELIVERED, step
from tests.support.stream import Stream


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
    uuid = flow.dispatch(step("viber_service_msg", 2), step("sms"))
    flow.receipt(flow.step_message(1))
    settled(flow)
    return uuid


def delivered_is_not_read(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 2, "read"), step("sms"))
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
    services.delivering.handover.contacts.store.opt_out(
        "viber_service_msg", ends[1]["number"], ends[0]["id"], clock.now(), by="test"
    )
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    flow.receipt(flow.step_message(1))
    settled(flow)
    return uuid


def late_after_next(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 2), step("sms", 3600), step("sms"))
    first, second = flow.step_message(0), flow.step_message(1)
    flow.viber_receipt(first)
    flow.receipt(second)
    settled(flow)
    return uuid


def late_before_next(flow: Flow) -> str:
    uuid = flow.dispatch(step("viber_service_msg", 2), step("sms", 3600), step("sms"))
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
            "Ended: completed, reported at 0.0125 EUR; SMS to ...0100 was never sent.",
        ],
    ),
    End(
        silence_then_next,
        "completed",
        [("timed_out", "timeout"), ("met", "met")],
        "SMS was delivered, in step 2 of 2: Viber was not delivered in its time.",
        [
            OUT,
            "Its time is over: not delivered within 2 s, nothing came.",
            "SMS to ...0100 begins, as Viber was not delivered in its time: to be delivered by ",
            "Submitted: aws/default took it",
            "Delivered, at 0.0210 EUR.",
            "Ended: completed, reported at 0.0210 EUR, as far as was known.",
        ],
    ),
    End(
        delivered_is_not_read,
        "completed",
        [("timed_out", "timeout"), ("met", "met")],
        "SMS was delivered, in step 2 of 2: Viber was delivered, but not read in its time.",
        ["only delivered", "SMS to ...0100 begins, as Viber was delivered, but not read in its time: "],
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
        "SMS was delivered, in step 2 of 2: Viber failed (not handed over, as its person has opted out "
        "(1240)).",
        ["Rejected: not handed over, as its person has opted out (1240).", "SMS to ...0100 begins"],
    ),
    End(
        late_after_next,
        "completed",
        [("timed_out", "timeout"), ("met", "met"), ("skipped", "met_late")],
        "SMS (step 2) was delivered, in step 2 of 3: Viber was not delivered in its time, but later. "
        "Both were sent.",
        ["Delivered, at 0.0125 EUR, late: SMS (step 2) was out already.", "is not sent, as Viber was"],
        [True, False, False],
    ),
    End(
        late_before_next,
        "completed",
        [("met", "met_late"), ("skipped", "met_late"), ("skipped", "met_late")],
        "Viber was delivered, late, in step 1 of 3.",
        [
            "Its time is over",
            "Delivered, at 0.0125 EUR, late, but before the next step was handed over: that is not sent.",
            "SMS to ...0100 is not sent, as Viber was delivered late.",
        ],
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
        "It did not do what it was for: SMS was not delivered in its time, but later, when all was over.",
        ["Ended: error (expired)", "Delivered, at 0.0210 EUR, late: all was over."],
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
        [OUT, "Cancelled: nothing more is handed over.", "Ended: cancelled"],
    ),
    End(
        cancelled_before,
        "cancelled",
        [("skipped", "cancelled"), ("skipped", "cancelled")],
        "Cancelled before anything was sent.",
        ["Cancelled: ", "Ended: cancelled; Viber to ...0100 and SMS to ...0100 were never sent."],
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
    first, summary, cost, empty, *lines = told.splitlines()
    assert (first, cost, empty) == (f"Dispatch {uuid}: completed", "Cost: 0.0125 EUR in all.", "")
    assert summary == "Viber was delivered, in step 1 of 2."
    assert "  step 1   Viber to ...0100 begins: to be delivered by " in lines[1]


# --- clocks ------------------------------------------------------------------------------------------


STAMPS = [
    ("none", None, 0.0, None),
    ("in its second, whole", -1.7, 0.0, None),
    ("before that", -2.7, -2.7, 0.0),
    ("ahead a little", 1.0, 0.0, None),
    ("behind", -1.001, -1.001, 0.0),
    ("ahead", 60.0, 60.0, 0.0),
]


@pytest.mark.parametrize(
    ("theirs", "at", "heard"), [case[1:] for case in STAMPS], ids=[case[0] for case in STAMPS]
)
def test_a_providers_stamp(theirs: float | None, at: float, heard: float | None) -> None:
    now = datetime(2026, 11, 26, 10, 15, 3, 700_000, tzinfo=UTC)

    def moment(seconds: float | None) -> datetime | None:
        return None if seconds is None else now + timedelta(seconds=seconds)

    assert clock.stamped(moment(theirs), now) == (moment(at), moment(heard))


@pytest.mark.parametrize("minutes", [-1, 1], ids=["behind", "ahead"])
def test_what_was_late_is_so_by_our_clock(flow: Flow, minutes: int) -> None:
    """The provider's own says that it was in time, or much later."""
    stream = Stream(flow.cloud)
    uuid = flow.dispatch(step("viber_service_msg", 2), step("sms", 3600), step("sms"))
    first, _ = flow.step_message(0), flow.step_message(1)
    time.sleep(0.3)  # its timer begins some milliseconds before its time does
    theirs = clock.now() + timedelta(minutes=minutes)
    flow.viber_receipt(first, at=theirs)
    shown, told = show(flow, uuid), show(flow, uuid, explain=True)
    assert shown["steps"][0]["late"] is True
    lines = [line["text"] for line in told["lines"]]
    over = next(n for n, line in enumerate(lines) if line.startswith("Its time is over"))
    heard = next(n for n, line in enumerate(lines) if line.startswith("Delivered "))
    assert heard > over
    assert f"Delivered {clock.wire(theirs)[:19]}Z by infobip's clock, heard " in lines[heard]
    assert lines[heard].endswith("late: SMS (step 2) was out already.")
    assert [line["at"] for line in told["lines"]] == sorted(line["at"] for line in told["lines"])
    evidence = told["lines"][heard]["evidence"]
    assert evidence["provider_at"] == clock.wire(theirs)
    assert evidence["heard_at"] == told["lines"][heard]["at"] == shown["steps"][0]["heard"]["delivered"]
    assert steps_counted(flow, stream) == {0: {"l": 1}, 1: {}}
    flow.until(lambda: flow.heard(message_uuid=first, status="delivered"))
    [hook] = flow.heard(message_uuid=first, status="delivered")
    [submitted] = flow.heard(message_uuid=first, status="submitted")
    assert hook["timestamp"] == max(clock.wire(theirs), submitted["timestamp"])  # what they say, in order


def test_what_was_in_time_is_so_by_our_clock(flow: Flow) -> None:
    stream = Stream(flow.cloud)
    uuid = flow.dispatch(step("viber_service_msg", 60), step("sms"))
    flow.viber_receipt(flow.step_message(0), at=clock.now() + timedelta(minutes=5))
    settled(flow)
    assert show(flow, uuid)["steps"][0]["reason"] == "met"
    assert steps_counted(flow, stream) == {0: {"w": 1}}


def steps_counted(flow: Flow, stream: Stream) -> dict[int, dict[str, int]]:
    """What insights have of each step: how often it was won, or late."""
    count(flow, stream.records())
    month = f"INSIGHTS#{clock.now():%Y-%m} "
    return {
        int(name.split("#S#")[1].split("#")[0]): {how: int(found[how]) for how in "wl" if found.get(how)}
        for name, found in sums(flow).items()
        if name.startswith(month) and "#S#" in name
    }


def test_a_receipt_after_a_cancel_wins_nothing(flow: Flow) -> None:
    stream = Stream(flow.cloud)
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    first = flow.step_message(0)
    assert cancel(flow, uuid)[0] == 200
    settled(flow)
    flow.viber_receipt(first)
    assert show(flow, uuid)["steps"][0]["reason"] == "cancelled"
    assert steps_counted(flow, stream) == {0: {}}
    told = show(flow, uuid, explain=True)
    assert told["summary"] == "Cancelled; Viber was out already and was delivered."


def test_it_came_in_time_and_its_step_was_over_all_the_same(flow: Flow) -> None:
    """The timer fired between the receipt's coming and its being told: then it did not win."""
    stream = Stream(flow.cloud)
    uuid = flow.dispatch(step("viber_service_msg", 2), step("sms", 3600), step("sms"))
    first, _ = flow.step_message(0), flow.step_message(1)
    services = flow.cloud.functions["deliver"].services
    item = services.store.message(first)
    heard = item.link.deadline - timedelta(milliseconds=100)
    for _ in range(2):  # twice is once
        services.transitions.apply([Change(first, Status.DELIVERED, heard)])
    assert show(flow, uuid)["steps"][0]["late"] is True
    assert steps_counted(flow, stream)[0] == {"l": 1}
    told = show(flow, uuid, explain=True)
    assert [line["at"] for line in told["lines"]] == sorted(line["at"] for line in told["lines"])


def test_a_timer_that_is_behind(flow: Flow) -> None:
    """The machine was down when it should have fired."""
    uuid = late_after_next(flow)
    dispatch, steps, messages = _shown(flow, uuid)
    moved = dict(dispatch.began) | {1: dispatch.began[1] + timedelta(seconds=10)}
    story = _told(flow, dispatch.model_copy(update={"began": moved}), steps, messages)
    [over] = [line.text for line in story.lines if line.text.startswith("Its time is over")]
    assert over.endswith("; that was noticed 10 s late.")


def _shown(flow: Flow, uuid: str) -> Any:
    return flow.cloud.functions["dispatch"].services.dispatching.show(uuid, Caller(None))


def _told(flow: Flow, dispatch: Any, steps: Any, messages: Any) -> explaining.Story:
    prices = flow.cloud.functions["dispatch"].services.prices
    views = timeline.views(dispatch, steps, messages)
    total = prices.total([item for item in messages if item], ended=dispatch.report is not None)
    return explaining.dispatch(dispatch, views, prices.of, total)


# --- what was never handed over ------------------------------------------------------------------------


def _slow_sender(flow: Flow, ahead: int) -> None:
    """An account whose sender takes a message in two seconds, and so many wait for it."""
    number = payloads.ENDS["sms"][0]["number"]
    sender = {"channel": "sms", "id": number, "order": 0, "rate": {"per_second": 0.5}}
    account(flow, "slow", sender, provider="aws")
    for _ in range(ahead):
        flow.send(payloads.text("sms"))
    flow.drain()


def test_a_step_that_is_held_back_when_the_one_before_is_met(flow: Flow) -> None:
    """It waited for its turn at its sender's rate: that is no failure of anybody."""
    stream = Stream(flow.cloud)
    _slow_sender(flow, ahead=8)
    sent = len(flow.world.sent)
    uuid = flow.dispatch(step("viber_service_msg", 2, "read"), step("sms", 3600), step("sms"))
    first = flow.step_message(0)
    second = show(flow, uuid)["steps"][1]["message_uuid"]
    store = flow.cloud.functions["deliver"].services.store
    flow.until(lambda: (item := store.message(second)) and item.slot)
    waits = show(flow, uuid, explain=True)
    [line] = [line for line in waits["lines"] if "its turn" in line["text"]]
    assert line["text"].startswith("Waits for its turn at its sender's rate, at ")
    flow.viber_receipt(first, seen=True)
    assert show(flow, uuid)["steps"][0]["reason"] == "met_late"
    flow.cloud.show_again("OutboundQueue")
    settled(flow)
    shown, told = show(flow, uuid), show(flow, uuid, explain=True)
    assert [(one["state"], one["reason"]) for one in shown["steps"]] == [
        ("met", "met_late"),
        ("skipped", "met_late"),
        ("skipped", "met_late"),
    ]
    assert not any("late" in one for one in shown["steps"])
    [hook] = flow.heard(message_uuid=second)
    reason = "Not needed any more: an earlier step did its part"
    assert (hook["status"], hook["error"]) == ("undeliverable", {"code": 1904, "reason": reason})
    assert told["summary"] == "Viber was read, late, in step 1 of 3."
    texts = [line["text"] for line in told["lines"]]
    assert not any("its turn" in text for text in texts)
    assert "SMS to ...0100 is not sent, as Viber was read late." in texts
    assert "Undeliverable: not handed over, as an earlier step had done its part, late (1904)." in texts
    assert len([one for one in flow.world.sent[sent:] if "ib.example" not in one.url.host]) <= 8
    assert steps_counted(flow, stream) == {0: {"l": 1}}
    count(flow, stream.records())
    assert not any(found.get("u") for found in sums(flow).values())


def test_a_slot_that_was_never_used(flow: Flow) -> None:
    _slow_sender(flow, ahead=4)
    uuid = flow.dispatch(step("sms"))
    store = flow.cloud.functions["deliver"].services.store
    message = show(flow, uuid)["steps"][0]["message_uuid"]
    flow.until(lambda: (item := store.message(message)) and item.slot)
    assert cancel(flow, uuid)[0] == 200
    told = show(flow, uuid, explain=True)
    assert not any("its turn" in line["text"] for line in told["lines"])
    assert all(line["at"] <= clock.wire(clock.now()) for line in told["lines"])
    settled(flow)
    told = show(flow, uuid, explain=True)
    assert not any("its turn" in line["text"] for line in told["lines"])
    assert any("not handed over, as it was cancelled (1900)" in line["text"] for line in told["lines"])


def test_a_turn_that_would_come_too_late_is_our_refusal(flow: Flow) -> None:
    _slow_sender(flow, ahead=8)
    uuid = flow.dispatch(step("sms", 3), step("viber_service_msg"))
    second = flow.step_message(1)
    flow.viber_receipt(second)
    settled(flow)
    first = show(flow, uuid)["steps"][0]
    assert (first["state"], first["reason"], first["error"]["code"]) == ("failed", "refused", 1000)
    assert "provider_code" not in first["error"]
    texts = [line["text"] for line in show(flow, uuid, explain=True)["lines"]]
    why = "not handed over, as its turn at its sender's rate would come after its time (1000)"
    assert f"Undeliverable: {why}." in texts


def test_attempts_that_came_to_nothing(flow: Flow) -> None:
    """Only the newest is told of, and how many there were."""
    answers = iter([httpx.Response(503), httpx.Response(429, json={"code": 9})])
    flow.world.provider = lambda request: next(answers, None) or payloads.accepts_all(request)
    uuid = flow.send(payloads.text("sms"))
    while not flow.statuses(uuid):
        flow.cloud.show_again("OutboundQueue")
        flow.cloud.deliver()
        flow.cloud.notify()
    told = explained(flow, uuid)
    [refused] = [line for line in told["lines"] if "for now" in line["text"]]
    assert refused["text"].startswith("aws/default did not take it for now: ")
    assert refused["text"].endswith(", the last of 2 attempts by then.")
    assert refused["evidence"]["attempts"] == 2
    [taken] = [line for line in told["lines"] if line["text"].startswith("Submitted")]
    assert taken["text"].startswith("Submitted at attempt 3: aws/default took it as ...")


# --- what it cost --------------------------------------------------------------------------------------


def listed(flow: Flow, uuid: str) -> Body:
    status, page = flow.cloud.http("send", "GET", "/v0.1/dispatch", headers=flow.app["bearer"])
    assert status == 200, page
    [found] = [one for one in page["dispatches"] if one["dispatch_uuid"] == uuid]
    return dict(found)


def price(amount: str, state: str) -> Body:
    return {"usage": {"price": amount, "currency": "EUR"}, "usage_state": state}


def costs(body: Body) -> Body:
    return {name: value for name, value in body.items() if name in ("usage", "usage_state")}


def test_what_comes_after_the_report_is_in_the_total(flow: Flow) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 2), step("sms"))
    first = flow.step_message(0)
    flow.receipt(flow.step_message(1))
    settled(flow)
    [report] = flow.reports()
    assert costs(show(flow, uuid)) == price("0.0210", "so_far")
    assert "Cost: 0.0210 EUR known so far." in _text(flow, uuid)
    flow.viber_receipt(first)
    flow.drain()
    shown, told = show(flow, uuid), show(flow, uuid, explain=True)
    assert costs(shown) == costs(told) == price("0.0335", "known")
    assert "Cost: 0.0335 EUR in all." in _text(flow, uuid)
    assert any("reported at 0.0210 EUR, as far as was known." in line["text"] for line in told["lines"])
    assert shown["report"] == report
    assert flow.reports() == [report]


def test_what_was_cancelled_and_delivered(flow: Flow) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    first = flow.step_message(0)
    cancel(flow, uuid)
    settled(flow)
    assert costs(show(flow, uuid)) == {"usage_state": "so_far"}
    flow.viber_receipt(first)
    told = show(flow, uuid, explain=True)
    assert costs(told) == price("0.0125", "known")
    assert "Ended: cancelled; SMS to ...0100 was never sent." in [line["text"] for line in told["lines"]]


def test_a_price_that_nobody_knows(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pricing, "table", list)
    uuid = flow.dispatch(step("messenger"))
    message = flow.step_message(0)
    services = flow.cloud.functions["deliver"].services
    services.transitions.apply([Change(message, Status.DELIVERED, clock.now())])
    settled(flow)
    told = show(flow, uuid, explain=True)
    assert costs(told) == {"usage_state": "unknown"}
    assert "Cost: not known." in _text(flow, uuid)
    assert told["lines"][-1]["text"] == "Ended: completed."


def test_nothing_was_sent_and_nothing_is_paid(flow: Flow) -> None:
    uuid = cancelled_before(flow)
    assert costs(show(flow, uuid)) == price("0.0000", "known")


def _text(flow: Flow, uuid: str) -> str:
    headers = flow.app["bearer"] | {"Accept": "text/plain"}
    _, told = flow.cloud.http("dispatch", "GET", f"/v0.1/dispatch/{uuid}/explain", headers=headers)
    return str(told)


# --- in short ------------------------------------------------------------------------------------------


def test_delivered_to_somebody_who_did_not_read(flow: Flow) -> None:
    _expires(flow)
    uuid = flow.dispatch(step("viber_service_msg", 2, "read"), step("sms"))
    flow.viber_receipt(flow.step_message(0))
    flow.step_message(1)
    settled(flow)
    told = show(flow, uuid, explain=True)
    assert told["summary"] == (
        "It did not do what it was for: Viber was delivered, but not read in its time and "
        "SMS was not delivered in its time."
    )


def test_late_while_it_runs(flow: Flow) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 2), step("sms", 3600), step("sms"))
    first, _ = flow.step_message(0), flow.step_message(1)
    flow.viber_receipt(first)
    told = show(flow, uuid, explain=True)
    assert told["summary"].startswith("SMS (step 2) has until ")
    assert told["summary"].endswith(
        " to be delivered, as Viber was not delivered in its time, but later. No other step follows."
    )


def test_late_when_the_next_was_refused(flow: Flow) -> None:
    """It was not out: nobody is told that it was."""
    flow.world.provider = lambda request: (
        payloads.accepts_all(request) if request.url.host == "ib.example" else httpx.Response(400, json={})
    )
    uuid = flow.dispatch(
        step("viber_service_msg", 2), step("sms", 3600), step("viber_service_msg", 3600), step("sms")
    )
    first = flow.step_message(0)
    flow.until(lambda: show(flow, uuid)["steps"][1]["reason"] == "rejected")
    flow.viber_receipt(first)
    texts = [line["text"] for line in show(flow, uuid, explain=True)["lines"]]
    [late] = [text for text in texts if text.startswith("Delivered")]
    assert "SMS" not in late and "late" in late


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


def test_a_steps_message_names_its_dispatch(flow: Flow) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    message = flow.step_message(0)
    told = explained(flow, message)
    assert (told["dispatch_uuid"], told["step"]) == (uuid, 0)
    headers = flow.app["bearer"] | {"Accept": "text/plain"}
    _, text = flow.cloud.http("send", "GET", f"/v0.1/messages/{message}/explain", headers=headers)
    assert text.startswith(f"Message {message}: submitted, for step 1 of dispatch {uuid}\n")


def test_a_providers_id_is_told_by_its_end(flow: Flow) -> None:
    """Some have the person's number in them."""
    uuid = flow.send(payloads.text("whatsapp"))
    flow.drain()
    item = flow.cloud.functions["send"].services.store.message(uuid)
    told = explained(flow, uuid)
    [taken] = [line for line in told["lines"] if line["text"].startswith("Submitted")]
    assert taken["evidence"]["provider_id"] == f"...{item.provider_id[-6:]}"
    assert taken["text"].endswith(f"took it as ...{item.provider_id[-6:]}.")
    assert item.provider_id not in json.dumps(told)


def test_a_message_whose_answer_was_lost(flow: Flow) -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("nothing came")

    flow.world.provider = silent
    uuid = flow.send(payloads.text("sms"))
    flow.cloud.deliver()
    told: Any = explained(flow, uuid)
    [lost] = [line for line in told["lines"] if "No answer" in line["text"]]
    assert lost["text"].startswith("No answer came from aws/default: ")


@pytest.mark.parametrize(
    ("told", "short"),
    {
        "today": ("read by 2026-11-26T10:04:11Z.", "read by 10:04:11."),
        "another day": ("read by 2026-11-27T00:00:01Z.", "read by 2026-11-27 00:00:01."),
        "two": (
            "from 2026-11-25T23:00:00Z to 2026-11-26T00:00:00Z",
            "from 2026-11-25 23:00:00 to 00:00:00",
        ),
        "none": ("Delivered by SMS.", "Delivered by SMS."),
    }.values(),
    ids=["today", "another day", "two", "none"],
)
def test_moments_for_people(told: str, short: str) -> None:
    assert explaining.in_short(told, datetime(2026, 11, 26, 10, tzinfo=UTC)) == short
