"""Tells what became of a dispatch or a message in sentences, each with its evidence.

Nothing is kept for this: it says what the table says. People are named by the end of their number only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from switchboard import clock, failures
from switchboard.models.events import Usage
from switchboard.models.messages import Channel, Message, Status
from switchboard.store.items import DispatchItem, MessageItem
from switchboard.timeline import Reason, State, StepView, failed_as, failure, moves

Price = Callable[[MessageItem], Usage | None]
Evidence = dict[str, Any]

NAMES = {
    Channel.SMS: "SMS",
    Channel.MMS: "MMS",
    Channel.WHATSAPP: "WhatsApp",
    Channel.MESSENGER: "Messenger",
    Channel.VIBER: "Viber",
    Channel.RCS: "RCS",
    Channel.LINE: "LINE",
    Channel.WECHAT: "WeChat",
    Channel.APPLE: "Apple Messages",
    Channel.TELEGRAM: "Telegram",
    Channel.VIBER_BOT: "Viber bot",
}
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True)
class Line:
    at: datetime
    text: str
    step: int | None = None
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    kind: str
    """What `uuid` is of: dispatch or message."""
    uuid: str
    state: str
    summary: str
    lines: Sequence[Line]

    def wire(self) -> dict[str, Any]:
        return {
            f"{self.kind}_uuid": self.uuid,
            "state": self.state,
            "summary": self.summary,
            "lines": [
                {"at": clock.wire(line.at), "step": line.step, "text": line.text, "evidence": line.evidence}
                for line in self.lines
            ],
        }

    def text(self) -> str:
        """For people: a line each, in UTC."""
        rows = [f"{self.kind.capitalize()} {self.uuid}: {self.state}", self.summary, ""]
        for line in self.lines:
            step = "" if line.step is None else f"step {line.step + 1}"
            rows.append(f"{clock.wire(line.at)}  {step:<7}  {line.text}")
        return "\n".join(rows) + "\n"


def dispatch(item: DispatchItem, found: Sequence[StepView], price: Price) -> Story:
    lines = list(_dispatch_lines(item, found, price))
    lines.sort(key=lambda line: line.at)  # those of one moment stay as they are told
    state = item.report["status"] if item.report else "cancelled" if item.cancelled_at else "running"
    return Story("dispatch", item.dispatch_uuid, state, _summary(item, found), lines)


def message(item: MessageItem, price: Price) -> Story:
    lines = [Line(item.accepted_at, f"Accepted: {_to(item.message)}.", None, _what(item.message))]
    lines += _message_lines(item, None, price)
    lines.sort(key=lambda line: line.at)
    name = NAMES[item.message.channel]
    summary = {
        Status.ACCEPTED: f"It waits to be handed over by {name}.",
        Status.SUBMITTED: f"{item.provider} has it; no receipt came so far.",
        Status.DELIVERED: f"Delivered by {name}.",
        Status.READ: f"Read on {name}.",
    }.get(item.status) or f"It failed: {_failed(item)}."
    return Story("message", item.uuid, item.status.value, summary, lines)


# --- one dispatch --------------------------------------------------------------------------------


def _dispatch_lines(item: DispatchItem, found: Sequence[StepView], price: Price) -> Iterator[Line]:
    plan = ", then ".join(_planned(item, view) for view in found)
    yield Line(item.accepted_at, f"Accepted: {plan}.", None, {"steps": len(found)})
    for view, before in moves(found):
        assert view.began_at
        assert view.deadline
        why = f", as {_left(before)}" if before else ""
        goal = f"to be {_needs(view)} by {_moment(view.deadline, view.began_at)}"
        evidence = _what(view.step.message) | {
            "message_uuid": view.step.message.message_uuid,
            "because": before.reason.value if before and before.reason else "first",
            "condition_status": view.step.condition.value if view.step.condition else None,
            "seconds": item.waits[view.number],
            "deadline": clock.wire(view.deadline),
        }
        yield Line(view.began_at, f"{_to(view.step.message)} begins{why}: {goal}.", view.number, evidence)
        if view.message:
            yield from _restarted(view, view.message)
            yield from _message_lines(view.message, view, price)
        if view.reason in (Reason.TIMEOUT, Reason.EXPIRED) and view.ended_at:
            yield _timeout(item, view)
    if item.cancelled_at:
        yield Line(item.cancelled_at, "Cancelled by its client: nothing more is handed over.")
    if item.report:
        yield _end(item, found)


def _planned(item: DispatchItem, view: StepView) -> str:
    seconds = item.waits[view.number]
    leads = (
        "" if view.step.seconds or view.number == len(item.waits) - 1 else ", and only its failure leads on"
    )
    return f"{_to(view.step.message)} ({_needs(view)} within {_duration(seconds)}{leads})"


def _restarted(view: StepView, message: MessageItem) -> Iterator[Line]:
    """Its task was queued a second time: the execution was lost and taken up again."""
    if message.link and view.began_at and (message.link.queued_at - view.began_at).total_seconds() > 0.01:
        yield Line(
            message.link.queued_at,
            "The workflow's execution was lost, and another took this step up with the time that was left.",
            view.number,
            {"deadline": clock.wire(message.link.deadline)},
        )


def _timeout(item: DispatchItem, view: StepView) -> Line:
    assert view.ended_at
    reached = _reached(view.message, view.ended_at)
    seconds = _duration(item.waits[view.number])
    text = f"Its time is over: not {_needs(view)} within {seconds}, {reached}."
    evidence = {"deadline": clock.wire(view.deadline) if view.deadline else None}
    return Line(view.ended_at, text, view.number, evidence)


def _reached(message: MessageItem | None, by: datetime) -> str:
    """How far a message had come at a moment."""
    if message is None:
        return "and it was not handed over"
    known = [status for status in message.statuses if message.reached_at(status) <= by]
    if not known:
        return "and it was not handed over"
    furthest = max(known, key=lambda status: status.rank)
    return "nothing came" if furthest is Status.SUBMITTED else f"only {furthest.value}"


def _end(item: DispatchItem, found: Sequence[StepView]) -> Line:
    assert item.report
    report = item.report
    usage = report.get("usage") or {}
    reason = f" ({report['reason']})" if report.get("reason") else ""
    cost = f", at {usage['price']} {usage['currency']} in all" if usage else ""
    unsent = [view for view in found if view.began_at is None]
    were = "were" if len(unsent) > 1 else "was"
    rest = f"; {_list([_to(view.step.message) for view in unsent])} {were} never sent" if unsent else ""
    return Line(
        clock.from_wire(report["timestamp"]),
        f"Ended: {report['status']}{reason}{cost}{rest}.",
        None,
        {name: report[name] for name in ("status", "reason", "usage") if name in report},
    )


def _summary(item: DispatchItem, found: Sequence[StepView]) -> str:
    begun = [view for view in found if view.began_at]
    left = [f"{_left(view)}" for view in begun if view.reason not in (None, Reason.MET, Reason.MET_LATE)]
    met = next((view for view in begun if view.state is State.MET), None)
    late = [view for view in begun if view.late]
    if item.cancelled_at:
        out = [view for view in begun if view.message and Status.SUBMITTED in view.message.statuses]
        sent = [NAMES[view.step.message.channel] for view in out]
        were = "were" if len(sent) > 1 else "was"
        return (
            f"Cancelled; {_list(sent)} {were} out already." if sent else "Cancelled before anything was sent."
        )
    if met:
        name = NAMES[met.step.message.channel]
        how = f"{name} was {_needs(met)}" + (", late" if met.reason is Reason.MET_LATE else "")
        why = f": {_list(left)}" if left else ""
        more = f". {_late_list(late)}, so that both were sent" if late else ""
        return f"{how}, in step {met.number + 1} of {len(found)}{why}{more}."
    if item.report and item.report["status"] == "completed" and late:
        return f"{_late_list(late)}; {_list(left)}."
    if item.report:
        if not begun:
            return "It ended without anything that was sent: it was lost, and found too late."
        more = f" {_late_list(late)}, when all was over." if late else ""
        return f"Nobody was reached: {_list(left)}.{more}"
    running = begun[-1] if begun else None
    if running is None:
        return "Accepted; the first step is about to begin."
    if running.state is State.RUNNING and running.deadline and running.began_at:
        end = _moment(running.deadline, running.began_at)
        why = f", as {_list(left)}" if left else ""
        return f"{NAMES[running.step.message.channel]} has until {end} to be {_needs(running)}{why}."
    return f"{_list(left)}; the next step is about to begin.".capitalize()


def _late_list(late: Sequence[StepView]) -> str:
    return _list([f"{NAMES[view.step.message.channel]} was {_needs(view)} late" for view in late])


def _left(view: StepView) -> str:
    """Why a step was left, as a clause."""
    name = NAMES[view.step.message.channel]
    match view.reason:
        case Reason.TIMEOUT | Reason.EXPIRED:
            return f"{name} was not {_needs(view)} in its time"
        case Reason.REJECTED | Reason.UNDELIVERABLE | Reason.REFUSED if view.message:
            return f"{name} failed ({_failed(view.message)})"
        case Reason.CANCELLED:
            return f"{name} was cancelled"
        case Reason.LOST:
            return f"{name} was lost"
    return f"{name} was left"


def _needs(view: StepView) -> str:
    return (view.step.condition or Status.DELIVERED).value


# --- one message ---------------------------------------------------------------------------------


def _message_lines(item: MessageItem, view: StepView | None, price: Price) -> Iterator[Line]:
    number = view.number if view else None
    if item.slot:
        at = clock.from_milliseconds(item.slot.at / 1000)
        evidence: Evidence = {"account": item.slot.account, "slot_at": clock.wire(at)}
        yield Line(at, "Its turn at its sender's rate.", number, evidence)
    for one in item.unknown:
        who = one.account or "the worker that had it"
        what = {
            "waiting": "a receipt is waited for, as it may have gone out",
            "resent": "it is sent again",
            "failed": "it is given up",
        }[one.decision]
        yield Line(
            one.at,
            f"No answer came from {who}: {what}.",
            number,
            {"account": one.account, "decision": one.decision},
        )
    cost = price(item)
    for status in sorted(item.statuses, key=lambda status: status.rank):
        yield _status(item, status, view, cost)


def _status(item: MessageItem, status: Status, view: StepView | None, cost: Usage | None) -> Line:
    record, at = item.statuses[status], item.reached_at(status)
    number = view.number if view else None
    evidence: Evidence = {"message_uuid": item.uuid, "status": status.value, "account": item.provider}
    if record.failure:
        evidence |= {"code": record.failure.code, "provider_code": record.failure.provider_code or None}
    if item.provider_id and status is Status.SUBMITTED:
        evidence["provider_id"] = item.provider_id
    if item.parts and status is Status.SUBMITTED:
        evidence["parts"] = len(item.parts)
    shows_price = cost and status is (Status.DELIVERED if Status.DELIVERED in item.statuses else item.status)
    if cost and shows_price:
        stated = item.usage is not None
        evidence |= {
            "price": f"{cost.price:f}",
            "currency": cost.currency,
            "price_by": "provider" if stated else "rates.toml",
        }
    price = f", at {cost.price:f} {cost.currency}" if cost and shows_price else ""
    if status is Status.SUBMITTED:
        by = f"Submitted: {item.provider} took it" if item.provider else "Submitted"
        known = f" as {item.provider_id}" if item.provider_id else ""
        return Line(at, f"{by}{known}{price}.", number, evidence)
    if status.is_failure:
        return Line(at, f"{status.value.capitalize()}: {_failed(item)}{price}.", number, evidence)
    is_wanted = view is None or (item.link is not None and status.rank >= item.link.needs.rank)
    late = ""
    if view and is_wanted and view.late:
        late = ", late: the next step was out already"
        if view.reason is Reason.EXPIRED:
            late = ", late: all was over"
    elif view and view.reason is Reason.MET_LATE and is_wanted:
        late = ", late, but before the next step was handed over: that is not sent"
    if late:
        evidence["late"] = True
    if view and view.heard_at and is_wanted:
        evidence["heard_at"] = clock.wire(view.heard_at)
    return Line(at, f"{status.value.capitalize()}{late}{price}.", number, evidence)


def _failed(item: MessageItem) -> str:
    """Who said so, and what."""
    record = failure(item)
    if record is None or record.failure is None:
        return "no reason was given"
    code, theirs = record.failure.code, record.failure.provider_code
    said = f"{code} {failures.reason(code)}"
    by = failed_as(item)
    if by is Reason.REFUSED:
        return f"not handed over, {said}"
    told = f", their code {theirs}" if theirs else ""
    return f"{item.provider} said {said}{told}" if item.provider else f"{said}{told}"


# --- words ---------------------------------------------------------------------------------------


def _what(message: Message) -> Evidence:
    return {"channel": message.channel.value, "from": message.sender, "to": tail(message.recipient)}


def tail(recipient: str) -> str:
    """A person, by the end of their number or id."""
    return recipient if recipient == "redacted" else f"...{recipient[-4:]}"


def _to(message: Message) -> str:
    return f"{NAMES[message.channel]} to {tail(message.recipient)}"


def _list(words: Sequence[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)


def _duration(seconds: int) -> str:
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds > _MINUTE and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def _moment(at: datetime, since: datetime) -> str:
    """A time of the day, with its date if that is another than `since` has."""
    wire = clock.wire(at)
    time = wire[11:19]
    return time if at.date() == since.date() else f"{wire[:10]} {time}"
