"""Tells what became of a dispatch or a message in sentences, each with its evidence.

Nothing is kept for this: it says what the table says. People, and what providers call a message, are named by
the end of their number or id only. A line stands where we heard of what it tells; a provider's clock may have
another time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from switchboard import callbacks, clock, failures
from switchboard.models.events import Usage
from switchboard.models.messages import Channel, Message, Status
from switchboard.pricing import Total
from switchboard.store.items import DispatchItem, MessageItem, Refusal, StatusRecord, StepLink
from switchboard.store.redactions import ERASED
from switchboard.timeline import (
    Reason,
    State,
    StepView,
    failure,
    is_called_off,
    moves,
    nobody_was_asked,
)

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
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)Z")
_BEHIND = timedelta(seconds=2)
"""How late a timer may be before that is told."""
_COSTS = (Status.SUBMITTED, Status.DELIVERED, Status.READ)
"""What may be paid for though its price is not known."""
_ERASED = "it was erased"
_OURS = {
    failures.CANCELLED: "it was cancelled",
    failures.NOT_NEEDED: "an earlier step had done its part, late",
}
"""What we say of those that have no detail."""


@dataclass(frozen=True)
class Line:
    at: datetime
    text: str
    step: int | None = None
    evidence: Evidence = field(default_factory=dict)


@dataclass(frozen=True)
class Story:
    kind: Literal["dispatch", "message"]
    """What `uuid` is of."""
    uuid: str
    state: str
    summary: str
    lines: Sequence[Line]
    total: Total | None = None
    """Of a dispatch: what its messages have cost by now."""
    link: StepLink | None = None
    """Of a message: the step that it was sent for."""

    def wire(self) -> dict[str, Any]:
        link = {"dispatch_uuid": self.link.dispatch_uuid, "step": self.link.step} if self.link else {}
        return {
            f"{self.kind}_uuid": self.uuid,
            **link,
            "state": self.state,
            "summary": self.summary,
            **(callbacks.total(self.total) if self.total else {}),
            "lines": [
                {"at": clock.wire(line.at), "step": line.step, "text": line.text, "evidence": line.evidence}
                for line in self.lines
            ],
        }

    def text(self) -> str:
        """For people: a line each, in UTC."""
        of = f", for step {self.link.step + 1} of dispatch {self.link.dispatch_uuid}" if self.link else ""
        summary = in_short(self.summary, self.lines[0].at)
        rows = [f"{self.kind.capitalize()} {self.uuid}: {self.state}{of}", summary]
        if self.total:
            rows.append(_cost(self.total))
        rows.append("")
        for line in self.lines:
            step = "" if line.step is None else f"step {line.step + 1}"
            rows.append(f"{clock.wire(line.at)}  {step:<7}  {in_short(line.text, line.at)}")
        return "\n".join(rows) + "\n"


def dispatch(item: DispatchItem, found: Sequence[StepView], price: Price, total: Total) -> Story:
    lines = _in_order(item.accepted_at, _dispatch_lines(item, found, price))
    state = item.report["status"] if item.report else "cancelled" if item.cancelled_at else "running"
    return Story("dispatch", item.dispatch_uuid, state, _summary(item, found), lines, total)


def message(item: MessageItem, price: Price) -> Story:
    first = Line(item.accepted_at, f"Accepted: {_to(item.message)}.", None, _what(item.message))
    lines = _in_order(item.accepted_at, [first, *_message_lines(item, None, (), price)])
    name = NAMES[item.message.channel]
    summary = {
        Status.ACCEPTED: f"It waits to be handed over by {name}.",
        Status.SUBMITTED: f"{item.provider or 'Its provider'} has it; no receipt came so far.",
        Status.DELIVERED: f"Delivered by {name}.",
        Status.READ: f"Read on {name}.",
    }.get(item.status) or f"It failed: {_failed(item)}."
    return Story("message", item.uuid, item.status.value, summary, lines, link=item.link)


def _in_order(first: datetime, lines: Iterable[Line]) -> list[Line]:
    """By when we knew; those of one moment stay as they are told. Nothing was before it was accepted, though
    clocks differ a little."""
    told = [replace(line, at=max(line.at, first)) for line in lines]
    return sorted(told, key=lambda line: line.at)


# --- one dispatch --------------------------------------------------------------------------------


def _dispatch_lines(item: DispatchItem, found: Sequence[StepView], price: Price) -> Iterator[Line]:
    plan = ", then ".join(_planned(item, view) for view in found)
    yield Line(item.accepted_at, f"Accepted: {plan}.", None, {"steps": len(found)})
    for view, before in moves(found):
        assert view.began_at
        assert view.deadline
        why = f", as {_left(before, found)}" if before else ""
        goal = f"to be {_needs(view)} by {_moment(view.deadline)}"
        evidence = _what(view.step.message) | {
            "message_uuid": view.step.message.message_uuid,
            "because": before.reason.value if before and before.reason else "first",
            "condition_status": view.step.condition.value if view.step.condition else None,
            "seconds": item.waits[view.number],
            "deadline": clock.wire(view.deadline),
        }
        yield Line(view.began_at, f"{_to(view.step.message)} begins{why}: {goal}.", view.number, evidence)
        over_at = _over_at(view, found)
        if over_at:
            yield _timeout(item, view, over_at)
        if view.message:
            yield from _restarted(view, view.message)
            yield from _message_lines(view.message, view, found, price)
    yield from _not_sent(item, found)
    if item.cancelled_at:
        yield Line(item.cancelled_at, "Cancelled: nothing more is handed over.")
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
            {"deadline": clock.wire(message.link.due)},
        )


def _over_at(view: StepView, found: Sequence[StepView]) -> datetime | None:
    """When a step was left because its time was over, if it was."""
    if view.reason in (Reason.TIMEOUT, Reason.EXPIRED):
        return view.ended_at
    if view.state is State.MET and view.reason is Reason.MET_LATE:
        following = found[view.number + 1].began_at if view.number + 1 < len(found) else None
        return following or view.deadline
    return None


def _timeout(item: DispatchItem, view: StepView, at: datetime) -> Line:
    seconds = _duration(item.waits[view.number])
    text = f"Its time is over: not {_needs(view)} within {seconds}, {_reached(view.message, at)}"
    evidence = {"deadline": clock.wire(view.deadline) if view.deadline else None}
    behind = at - view.deadline if view.deadline else timedelta()
    if behind >= _BEHIND:
        text += f"; that was noticed {round(behind.total_seconds())} s late"
    return Line(at, f"{text}.", view.number, evidence)


def _reached(message: MessageItem | None, by: datetime) -> str:
    """How far a message had come, for all that we knew at a moment."""
    known = [status for status in message.statuses if message.heard_at(status) <= by] if message else []
    if not known:
        is_out = message is not None and message.unknown and message.unknown[0].at <= by
        return "and nobody knows whether it went out" if is_out else "and it was not handed over"
    furthest = max(known, key=lambda status: status.rank)
    return "nothing came" if furthest is Status.SUBMITTED else f"only {furthest.value}"


def _not_sent(item: DispatchItem, found: Sequence[StepView]) -> Iterator[Line]:
    """Why steps were passed over, where no other line says so."""
    for view in found:
        if view.state is not State.SKIPPED:
            continue
        text = f"{_to(view.step.message)} is not sent"
        if view.reason is Reason.MET_LATE and item.satisfied is not None and item.satisfied_at:
            done = found[item.satisfied]
            why = f"{_name(done, found)} was {_needs(done)} late"
            yield Line(item.satisfied_at, f"{text}, as {why}.", view.number)
        elif view.reason is Reason.NOT_SENT:
            after = (later.began_at for later in found[view.number + 1 :] if later.began_at)
            at = next(after, clock.from_wire(item.report["timestamp"]) if item.report else None)
            if at:
                why = "its time was over before a worker took it up"
                yield Line(at, f"{text}: {why}.", view.number)


def _end(item: DispatchItem, found: Sequence[StepView]) -> Line:
    assert item.report
    report = item.report
    reason = f" ({report['reason']})" if report.get("reason") else ""
    unsent = [view for view in found if view.state is State.SKIPPED]
    were = "were" if len(unsent) > 1 else "was"
    rest = f"; {_list([_to(view.step.message) for view in unsent])} {were} never sent" if unsent else ""
    return Line(
        clock.from_wire(report["timestamp"]),
        f"Ended: {report['status']}{reason}{_reported(report)}{rest}.",
        None,
        {name: report[name] for name in ("status", "reason", "usage") if name in report},
    )


def _reported(report: dict[str, Any]) -> str:
    """What the report says that it cost, if any price was known by then: it is never sent another time."""
    entries = report["_links"]["messages"]
    if not any("usage" in entry for entry in entries):
        return ""
    is_open = any("usage" not in entry and Status(entry["status"]) in _COSTS for entry in entries)
    usage = report["usage"]
    return f", reported at {usage['price']} {usage['currency']}" + (
        ", as far as was known" if is_open else ""
    )


def _cost(total: Total) -> str:
    known = f"{total.usage.price:f} {total.usage.currency}" if total.usage else ""
    match total.state:
        case "known":
            return f"Cost: {known} in all."
        case "so_far":
            return f"Cost: {known} known so far." if known else "Cost: nothing known so far."
        case _:
            return f"Cost: {known}, and a price that is not known." if known else "Cost: not known."


# --- in short ------------------------------------------------------------------------------------


def _summary(item: DispatchItem, found: Sequence[StepView]) -> str:
    begun = [view for view in found if view.began_at]
    if item.cancelled_at:
        return _cancelled(begun, found)
    met = next((view for view in begun if view.state is State.MET), None)
    late = [view for view in begun if view.late]
    if met:
        how = f"{_name(met, found)} was {_needs(met)}{', late' if met.reason is Reason.MET_LATE else ''}"
        where = f", in step {met.number + 1} of {len(found)}"
        why = _list(_unlucky(begun, found, but=[met]))
        return f"{how}{where}{': ' if why else ''}{why}.{_several(late, begun)}"
    if item.report and item.report["status"] == "completed" and late:
        how = _list([f"{_name(view, found)} was {_needs(view)}, but late" for view in late])
        where = f", in step {late[0].number + 1} of {len(found)}" if len(late) == 1 else ""
        why = _list(_unlucky(begun, found, but=late))
        return f"{how}{where}{': ' if why else ''}{why}.{_several(late, begun)}"
    why = _list(_unlucky(begun, found))
    if item.report:
        if not begun:
            return "It ended without anything that was sent: it was lost, and found too late."
        reached = any(view.message and Status.DELIVERED in view.message.statuses for view in begun)
        over = ", when all was over" if late else ""
        return f"{'It did not do what it was for' if reached else 'Nobody was reached'}: {why}{over}."
    running = begun[-1] if begun else None
    if running is None:
        return "Accepted; the first step is about to begin."
    if running.state is State.RUNNING and running.deadline and running.began_at:
        end = _moment(running.deadline)
        last = " No other step follows." if item.satisfied is not None else ""
        goal = f"{_name(running, found)} has until {end} to be {_needs(running)}"
        return f"{goal}{', as ' if why else ''}{why}.{last}"
    is_last = running.number == len(found) - 1 or item.satisfied is not None
    rest = "its report is about to come" if is_last else "the next step is about to begin"
    return f"{why[:1].upper()}{why[1:]}; {rest}."


def _cancelled(begun: Sequence[StepView], found: Sequence[StepView]) -> str:
    out = []
    for view in begun:
        if view.message and _is_out(view):
            status = view.message.status
            is_open = status in (Status.SUBMITTED, Status.ACCEPTED)
            became = "" if is_open else f" and was {status.value}"
            out.append(f"{_name(view, found)} was out already{became}")
    return f"Cancelled; {_list(out)}." if out else "Cancelled before anything was sent."


def _unlucky(begun: Sequence[StepView], found: Sequence[StepView], but: Sequence[StepView] = ()) -> list[str]:
    """Why steps were left, and that they did their part later."""
    left = [
        view
        for view in begun
        if view not in but
        and view.reason is not None
        and view.state in (State.TIMED_OUT, State.FAILED, State.CANCELLED)
    ]
    return [_left(view, found) + (", but later" if view.late else "") for view in left]


def _several(late: Sequence[StepView], begun: Sequence[StepView]) -> str:
    """What a late receipt comes to: more than one was sent."""
    count = sum(_is_out(view) for view in begun)
    if not late or count < 2:
        return ""
    return " Both were sent." if count == 2 else f" {count} were sent."


def _is_out(view: StepView) -> bool:
    """Its provider has it, or may have."""
    return view.message is not None and (
        Status.SUBMITTED in view.message.statuses or bool(view.message.unknown)
    )


def _left(view: StepView, found: Sequence[StepView]) -> str:
    """Why a step was left, as a clause."""
    name = _name(view, found)
    match view.reason:
        case Reason.TIMEOUT | Reason.EXPIRED | Reason.MET_LATE:
            at = _over_at(view, found) or view.deadline
            known = _reached(view.message, at) if at else ""
            if known == "only delivered":
                return f"{name} was delivered, but not {_needs(view)} in its time"
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


def _name(view: StepView, found: Sequence[StepView]) -> str:
    """By its channel, and its number where another step has the same one."""
    channel = view.step.message.channel
    is_one_of_many = sum(other.step.message.channel is channel for other in found) > 1
    return f"{NAMES[channel]}{f' (step {view.number + 1})' if is_one_of_many else ''}"


# --- one message ---------------------------------------------------------------------------------


def _message_lines(
    item: MessageItem, view: StepView | None, found: Sequence[StepView], price: Price
) -> Iterator[Line]:
    number = view.number if view else None
    yield from _turn(item, view)
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
    if item.refusal:
        yield _refused(item.refusal, number)
    cost = price(item)
    for status in sorted(item.statuses, key=lambda status: status.rank):
        yield _status(item, status, view, found, cost)


def _turn(item: MessageItem, view: StepView | None) -> Iterator[Line]:
    """The place that it had to wait for. A place that was never used is none."""
    if not item.slot:
        return
    at = clock.from_milliseconds(item.slot.at / 1000)
    number = view.number if view else None
    evidence: Evidence = {"account": item.slot.account, "slot_at": clock.wire(at)}
    if item.statuses:
        if any(item.heard_at(status) >= at for status in item.statuses) and not is_called_off(item):
            yield Line(at, "Its turn at its sender's rate.", number, evidence)
    elif view is None or view.state is State.RUNNING:
        since = view.began_at if view and view.began_at else item.accepted_at
        what = f"Waits for its turn at its sender's rate, at {_moment(at)}."
        yield Line(since, what, number, evidence)


def _refused(refusal: Refusal, number: int | None) -> Line:
    """The newest attempt that came to nothing; of those before it only their number is known."""
    who = f"{refusal.account} did not take it" if refusal.account else "It could not be handed over"
    code, theirs = refusal.code, refusal.provider_code
    told = (f", their code {theirs}" if refusal.account else f", {theirs}") if theirs else ""
    times = f", the last of {refusal.attempts} attempts by then" if refusal.attempts > 1 else ""
    evidence = {
        "account": refusal.account,
        "attempts": refusal.attempts,
        "code": code,
        "provider_code": theirs or None,
    }
    text = f"{who} for now: {code} {failures.reason(code)}{told}{times}."
    return Line(refusal.at, text, number, evidence)


def _status(
    item: MessageItem, status: Status, view: StepView | None, found: Sequence[StepView], cost: Usage | None
) -> Line:
    record, at = item.statuses[status], item.heard_at(status)
    number = view.number if view else None
    evidence: Evidence = {"message_uuid": item.uuid, "status": status.value, "account": item.provider}
    if record.failure:
        evidence |= {"code": record.failure.code, "provider_code": record.failure.provider_code or None}
        if record.failure.detail:
            evidence["detail"] = record.failure.detail
    if record.heard:
        evidence |= {"provider_at": clock.wire(record.at), "heard_at": clock.wire(record.heard)}
    if item.provider_id and status is Status.SUBMITTED:
        evidence["provider_id"] = _end_of(item.provider_id)
    if item.parts and status is Status.SUBMITTED:
        evidence["parts"] = len(item.parts)
    if item.attempts > 1 and (status is Status.SUBMITTED or status.is_failure):
        evidence["attempts"] = item.attempts
    shows_price = cost and status is (Status.DELIVERED if Status.DELIVERED in item.statuses else item.status)
    if cost and shows_price:
        stated = item.usage is not None
        evidence |= {
            "price": f"{cost.price:f}",
            "currency": cost.currency,
            "price_by": "provider" if stated else "rates.toml",
        }
    price = f", at {cost.price:f} {cost.currency}" if cost and shows_price else ""
    said = f"{status.value.capitalize()}{_by_their_clock(item, record)}"
    if status is Status.SUBMITTED:
        tried = f" at attempt {item.attempts}" if item.attempts > 1 else ""
        by = f": {item.provider} took it" if item.provider else ""
        known = f" as {_end_of(item.provider_id)}" if item.provider_id and by else ""
        return Line(at, f"{said}{tried}{by}{known}{price}.", number, evidence)
    if status.is_failure:
        tried = f", after {item.attempts} attempts" if item.attempts > 1 else ""
        return Line(at, f"{said}: {_failed(item)}{tried}{price}.", number, evidence)
    late = _late(item, status, view, found) if view else ""
    if view and late:
        evidence["late"] = True
        at = max(at, _over_at(view, found) or at)  # it was decided by then
    return Line(at, f"{said}{price}{late}.", number, evidence)


def _by_their_clock(item: MessageItem, record: StatusRecord) -> str:
    if not record.heard:
        return ""
    whose = f"{item.provider.partition('/')[0]}'s" if item.provider else "the provider's"
    theirs = _moment(record.at)
    return f" {theirs} by {whose} clock, heard {_moment(record.heard)}"


def _late(item: MessageItem, status: Status, view: StepView, found: Sequence[StepView]) -> str:
    """How late the status came that a step had waited for; nothing if it did not."""
    if item.link is None or status is not item.link.needs or item.met is None:
        return ""
    if view.reason is Reason.MET_LATE:
        if view.number == len(found) - 1:
            return ", late, but before all was over"
        return ", late, but before the next step was handed over: that is not sent"
    if not view.late:
        return ""
    following = found[view.number + 1 :]
    if not any(other.began_at for other in following):
        return ", late: all was over"
    heard = item.heard_at(status)
    for other in following:
        sent = other.message if other.message and Status.SUBMITTED in other.message.statuses else None
        if sent and sent.heard_at(Status.SUBMITTED) <= heard:
            return f", late: {_name(other, found)} was out already"
    return ", late: the next step had begun already"


def _failed(item: MessageItem) -> str:
    """Who said so, and what."""
    record = failure(item)
    if record is None or record.failure is None:
        return "no reason was given"
    code, theirs = record.failure.code, record.failure.provider_code
    said = f"{code} {failures.reason(code)}"
    if nobody_was_asked(item):
        why = record.failure.detail or _OURS.get(code) or (_ERASED if theirs == ERASED else "")
        if why:
            return f"not handed over, as {why} ({code})"
        return f"not handed over, {said}" + (f": {theirs}" if theirs else "")
    if record.failure.detail:
        return f"{record.failure.detail} ({code})"
    if item.provider is None:
        return "nobody knows what became of it" + (f", {said}" if code != failures.UNKNOWN else f" ({code})")
    told = f", their code {theirs}" if theirs else ""
    return f"{item.provider} said {said}{told}"


# --- words ---------------------------------------------------------------------------------------


def _what(message: Message) -> Evidence:
    return {"channel": message.channel.value, "from": message.sender, "to": tail(message.recipient)}


def tail(recipient: str) -> str:
    """A person, by the end of their number or id."""
    return recipient if recipient == "redacted" else f"...{recipient[-4:]}"


def _end_of(provider_id: str) -> str:
    """Some have the person's number in them."""
    return f"...{provider_id[-6:]}"


def _to(message: Message) -> str:
    return f"{NAMES[message.channel]} to {tail(message.recipient)}"


def _list(words: Sequence[str]) -> str:
    return " and ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else "".join(words)


def _duration(seconds: int) -> str:
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds > _MINUTE and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def _moment(at: datetime) -> str:
    """In full and in UTC: whoever shows it knows what its reader wants (in_short)."""
    return f"{clock.wire(at)[:19]}Z"


def in_short(text: str, at: datetime) -> str:
    """Prose of a moment: times of the same day without their date."""
    today = clock.wire(at)[:10]

    def time(found: re.Match[str]) -> str:
        date, time = found.groups()
        return time if date == today else f"{date} {time}"

    return _MOMENT.sub(time, text)
