"""What became of each step of a dispatch, and why: read from what the table has anyway.

A step that was left is known by the next one's beginning. Before its own deadline only a failure leads on, so
what the message says is the reason; at its deadline it was the timer, whatever the message says by now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from switchboard.models.messages import Status
from switchboard.models.workflows import Step
from switchboard.store.items import DispatchItem, MessageItem, StatusRecord

EDGE = timedelta(milliseconds=500)
"""How exactly a timer fires, and clocks agree."""
_OURS = ("", "redacted")
"""What stands for a provider's code where it is we who refused."""


class State(StrEnum):
    WAITING = "waiting"
    """Its turn may still come."""
    RUNNING = "running"
    MET = "met"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """It never began, and never will."""


class Reason(StrEnum):
    """Why a step was left, or never began."""

    MET = "met"
    MET_LATE = "met_late"
    """After its time, and before the next one was handed over."""
    TIMEOUT = "timeout"
    EXPIRED = "expired"
    """The time of the last one ran out, or of one that only a failure leads on from."""
    REJECTED = "rejected"
    UNDELIVERABLE = "undeliverable"
    REFUSED = "refused"
    """By ourselves, before a provider was asked: opt-out, window, price."""
    CANCELLED = "cancelled"
    NOT_SENT = "not_sent"
    """Its time was over before a worker took it up."""
    LOST = "lost"


@dataclass(frozen=True)
class StepView:
    number: int
    step: Step
    message: MessageItem | None
    state: State
    reason: Reason | None = None
    """None while nothing is decided about it."""
    began_at: datetime | None = None
    deadline: datetime | None = None
    ended_at: datetime | None = None
    """When it was decided about, or left."""
    heard_at: datetime | None = None
    """When we heard that it had done what it was for, if nobody waited for that any more."""

    @property
    def late(self) -> bool:
        """It did what it was for after the next one was out."""
        return (
            self.message is not None
            and self.message.satisfied
            and self.reason in (Reason.TIMEOUT, Reason.EXPIRED)
        )


def views(
    dispatch: DispatchItem, steps: Sequence[Step], messages: Sequence[MessageItem | None]
) -> list[StepView]:
    """`messages` are those of the steps that were begun, None elsewhere."""
    found: list[StepView] = []
    for number, (step, message) in enumerate(zip(steps, messages, strict=True)):
        if number in dispatch.began:
            found.append(_begun(dispatch, number, step, message))
        else:
            found.append(_never_begun(dispatch, number, step, found))
    return found


def failure(message: MessageItem) -> StatusRecord | None:
    """How a message failed, if it did."""
    return message.statuses.get(message.status) if message.status.is_failure else None


def failed_as(message: MessageItem) -> Reason:
    """Of a message that failed: by whom."""
    record = failure(message)
    code = record.failure.provider_code if record and record.failure else ""
    if message.status is Status.UNDELIVERABLE:
        return Reason.UNDELIVERABLE
    return Reason.REFUSED if message.provider is None and code in _OURS else Reason.REJECTED


def _begun(dispatch: DispatchItem, number: int, step: Step, message: MessageItem | None) -> StepView:
    began = dispatch.began[number]
    deadline = began + timedelta(seconds=dispatch.waits[number])

    heard_at = dispatch.satisfied_at if dispatch.satisfied == number else None

    def view(state: State, reason: Reason | None = None, ended_at: datetime | None = None) -> StepView:
        return StepView(number, step, message, state, reason, began, deadline, ended_at, heard_at)

    record = failure(message) if message else None
    if dispatch.step > number:
        next_at = dispatch.began.get(number + 1)
        left_at = next_at or min(deadline, record.at if record else deadline)
        if message and record and left_at < deadline - EDGE:
            return view(State.FAILED, failed_as(message), left_at)
        return view(State.TIMED_OUT, Reason.TIMEOUT, next_at or deadline)
    if message and dispatch.satisfied == number and not dispatch.cancelled_at:
        # In time, if it was its execution that was lost meanwhile.
        is_late = heard_at is None or heard_at >= deadline - EDGE
        return view(State.MET, Reason.MET_LATE if is_late else Reason.MET, _met_at(message))
    if message and record:
        if dispatch.cancelled_at and record.at >= dispatch.cancelled_at:
            return view(State.CANCELLED, Reason.CANCELLED, dispatch.cancelled_at)
        return view(State.FAILED, failed_as(message), record.at)
    if dispatch.cancelled_at:
        return view(State.CANCELLED, Reason.CANCELLED, dispatch.cancelled_at)
    why = dispatch.report.get("reason") if dispatch.report else None
    if why == "expired":
        return view(State.TIMED_OUT, Reason.EXPIRED, deadline)
    if message and message.satisfied:
        return view(State.MET, Reason.MET, _met_at(message))
    if dispatch.report:  # ended by an earlier step's late receipt, or without anything that was sent
        return view(State.TIMED_OUT, Reason.LOST if why == "lost" else Reason.TIMEOUT, deadline)
    return view(State.RUNNING)


def _never_begun(dispatch: DispatchItem, number: int, step: Step, earlier: Sequence[StepView]) -> StepView:
    state, reason = State.SKIPPED, None
    before = earlier[-1] if earlier else None
    if number < dispatch.step:
        reason = Reason.NOT_SENT
    elif dispatch.cancelled_at:
        reason = Reason.CANCELLED
    elif dispatch.satisfied is not None:
        is_met = earlier[dispatch.satisfied].reason is Reason.MET
        reason = Reason.MET if is_met else Reason.MET_LATE
    elif before and before.state is State.SKIPPED and before.reason is not Reason.NOT_SENT:
        reason = before.reason
    elif before and before.state is State.MET:
        reason = Reason.MET
    elif dispatch.report:
        expired = before is not None and before.reason is Reason.EXPIRED
        reason = Reason.EXPIRED if expired else Reason.NOT_SENT if before else Reason.LOST
    else:
        state = State.WAITING
    return StepView(number, step, None, state, reason)


def _met_at(message: MessageItem) -> datetime:
    assert message.link
    return message.reached_at(message.link.needs)


def moves(found: Sequence[StepView]) -> Iterator[tuple[StepView, StepView | None]]:
    """Each step that was begun, and the one begun before it."""
    before = None
    for view in found:
        if view.began_at:
            yield view, before
            before = view
