"""What became of each step of a dispatch, and why: read from what the table has anyway.

A step that was left is known by the next one's beginning. Before its own deadline only a failure leads on, so
what the message says is the reason; at its deadline it was the timer, whatever the message says by now. What
came before what is by when we heard of it, never by a provider's clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from switchboard import failures
from switchboard.models.messages import Status
from switchboard.models.workflows import Step
from switchboard.store.items import DispatchItem, MessageItem, StatusRecord

EDGE = timedelta(milliseconds=500)
"""How exactly a timer fires, and clocks agree."""


class State(StrEnum):
    WAITING = "waiting"
    """Its turn may still come."""
    RUNNING = "running"
    MET = "met"
    TIMED_OUT = "timed_out"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """It was never sent, and never will be."""


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
    """By ourselves, before a provider was asked: opt-out, window, price, the sender's rate."""
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

    @property
    def late(self) -> bool:
        """It did what it was for after its time, when another had begun or all was over."""
        return (
            self.message is not None
            and self.message.met is not None
            and self.reason in (Reason.TIMEOUT, Reason.EXPIRED)
        )


def views(
    dispatch: DispatchItem, steps: Sequence[Step], messages: Sequence[MessageItem | None]
) -> list[StepView]:
    """`messages` are those of the steps that were begun, None elsewhere."""
    found: list[StepView] = []
    for number, (step, message) in enumerate(zip(steps, messages, strict=True)):
        if number in dispatch.began:
            is_overtaken = any(later and not _is_out_of_the_way(later) for later in messages[number + 1 :])
            found.append(_begun(dispatch, number, step, message, is_overtaken=is_overtaken))
        else:
            found.append(_never_begun(dispatch, number, step, found))
    return found


def failure(message: MessageItem) -> StatusRecord | None:
    """How a message failed, if it did."""
    return message.statuses.get(message.status) if message.status.is_failure else None


def failed_as(message: MessageItem) -> Reason:
    """Of a message that failed: by whom."""
    if nobody_was_asked(message):
        return Reason.REFUSED
    return Reason.UNDELIVERABLE if message.status is Status.UNDELIVERABLE else Reason.REJECTED


def nobody_was_asked(message: MessageItem) -> bool:
    """Of a message that failed: it was we who did not hand it over."""
    record = failure(message)
    if message.went_out or (message.refusal and message.refusal.account):
        return False
    # Without a word of ours a worker died over it, and what it did nobody knows.
    said = record.failure if record else None
    return said is None or said.code != failures.UNKNOWN or bool(said.detail)


def is_called_off(message: MessageItem) -> bool:
    """It was not handed over as nobody wanted it any more."""
    record = failure(message)
    return bool(record and record.failure and record.failure.code in failures.CALLED_OFF)


def _is_out_of_the_way(message: MessageItem) -> bool:
    """A later step's message that is still with us, and stays here if an earlier step did its part."""
    return (message.status is Status.ACCEPTED and not message.went_out) or is_called_off(message)


def _begun(
    dispatch: DispatchItem, number: int, step: Step, message: MessageItem | None, *, is_overtaken: bool
) -> StepView:
    began = dispatch.began[number]
    deadline = began + timedelta(seconds=dispatch.waits[number])
    if message and message.link:
        deadline = message.link.due  # by the execution that waits for it now

    def view(state: State, reason: Reason | None = None, ended_at: datetime | None = None) -> StepView:
        return StepView(number, step, message, state, reason, began, deadline, ended_at)

    record = failure(message) if message else None
    if record and record.failure and record.failure.code == failures.NOT_NEEDED:
        return view(State.SKIPPED, Reason.MET_LATE, record.heard_at)
    if dispatch.step > number:
        if message and dispatch.satisfied == number and not is_overtaken and not dispatch.cancelled_at:
            return view(State.MET, Reason.MET_LATE, _met_at(message))
        next_at = dispatch.began.get(number + 1)
        left_at = next_at or min(deadline, record.heard_at if record else deadline)
        if message and record and left_at < deadline - EDGE:
            return view(State.FAILED, failed_as(message), left_at)
        return view(State.TIMED_OUT, Reason.TIMEOUT, next_at or deadline)
    if message and record:
        if dispatch.cancelled_at and record.heard_at >= dispatch.cancelled_at:
            return view(State.CANCELLED, Reason.CANCELLED, dispatch.cancelled_at)
        return view(State.FAILED, failed_as(message), record.heard_at)
    if dispatch.cancelled_at:
        return view(State.CANCELLED, Reason.CANCELLED, dispatch.cancelled_at)
    why = dispatch.report.get("reason") if dispatch.report else None
    if why == "expired":
        return view(State.TIMED_OUT, Reason.EXPIRED, deadline)
    if message and message.satisfied and (not dispatch.report or dispatch.is_reported_met(message)):
        reason = Reason.MET_LATE if message.met == "late" else Reason.MET
        return view(State.MET, reason, _met_at(message))
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
    return message.heard_at(message.link.needs)


def moves(found: Sequence[StepView]) -> Iterator[tuple[StepView, StepView | None]]:
    """Each step that was begun, and the one begun before it."""
    before = None
    for view in found:
        if view.began_at:
            yield view, before
            before = view
