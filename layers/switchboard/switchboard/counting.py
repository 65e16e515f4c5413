"""Counts what becomes of messages, from the table's stream of changes.

Each change is an item before and after it. What a message reached by it, and what it cost more by it, is
added to the sums of the hour and day in which the message was accepted, so that rates are of the same
messages. Many changes make few writes: they are summed in memory first.

A batch that failed comes again, and may be longer, shorter or in parts then. But the records of a shard come
in their order: what is added is written together with how far the shard is counted now, so that each change
counts once, wherever we die. The event source tells the shard because it has a (tumbling) window, which we
have no other use for. A change that makes no sense is logged and left out: none makes its batch fail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from switchboard import failures, histogram, logs
from switchboard.models.messages import Channel, Status
from switchboard.store import MessageItem, keys
from switchboard.store.insights import MOST, InsightStore, Place

if TYPE_CHECKING:
    from switchboard.pricing import Prices

MESSAGES, WON, LATE = "n", "w", "l"
"""What left us, or failed before it could; steps that met their condition in their time, or after it."""
MET = {"in time": WON, "late": LATE}
REACHED = {
    Status.SUBMITTED: "s",
    Status.DELIVERED: "d",
    Status.READ: "r",
    Status.REJECTED: "j",
    Status.UNDELIVERABLE: "u",
}
TIMES = {Status.DELIVERED: "d:", Status.READ: "r:"}
"""Begin the names of the buckets of times (histogram.py)."""
COST = "c:"
"""Begins the name of costs in a currency."""
_EXACT = Decimal("0.000001")
_SENSELESS = (ArithmeticError, LookupError, TypeError, ValueError)
_WITH_NUMBERS = {Channel.SMS, Channel.MMS, Channel.WHATSAPP, Channel.VIBER, Channel.RCS}

_Sums = dict[str, Decimal]
_Counted = dict[tuple[Place, datetime], _Sums]


@dataclass(frozen=True)
class Change:
    """One record of the stream, as far as it is about a message."""

    sequence: int
    """Of its place in its shard."""
    before: MessageItem | None
    after: MessageItem | None
    """None of what is no message, or makes no sense."""


@dataclass(frozen=True)
class Counting:
    store: InsightStore
    prices: Prices

    def count(self, shard: str, records: Sequence[Mapping[str, Any]]) -> None:
        """A batch of a shard's records, in their order. Raises what the table raises: then it comes again."""
        left = [change(record) for record in records]
        while left:
            some, counted = self._some(left)
            last = some[-1].sequence
            counted_to = self.store.add(shard, some[0].sequence, last, counted)
            left = [one for one in left if one.sequence > (last if counted_to is None else counted_to)]

    def _some(self, changes: Sequence[Change]) -> tuple[list[Change], _Counted]:
        """As many from the first on as can be written together, and what they come to."""
        counted: _Counted = {}
        some: list[Change] = []
        for one in changes:
            try:
                found = self._of(one)
            except _SENSELESS:
                _left_out(one.sequence, one.after.uuid if one.after else "")
                found = {}
            if len(counted.keys() | found.keys()) > MOST:
                break
            for where, sums in found.items():
                _add(counted.setdefault(where, defaultdict(Decimal)), sums.items())
            some.append(one)
        return some, counted

    def _of(self, change: Change) -> _Counted:
        after, before = change.after, change.before
        if after is None:
            return {}
        new = {
            status: record
            for status, record in after.statuses.items()
            if before is None or status not in before.statuses
        }
        was_met = before.met if before else None
        is_quiet = after.late_usage == (before and before.late_usage) and after.met == was_met
        if not new and is_quiet:
            return {}  # taken in, taken by a worker, redacted, pointed to another execution
        if _is_called_off(after):
            return {}  # no fault of anybody's
        hour = after.accepted_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        owner, channel = after.application_id or keys.ACCOUNT, after.message.channel
        was_with_us = before is None or before.status is Status.ACCEPTED
        is_first = was_with_us and after.status is not Status.ACCEPTED
        cost = [*self._cost(before, after)]
        sums: _Sums = defaultdict(Decimal)
        _add(sums, ((REACHED[status], Decimal(1)) for status in new if status in REACHED))
        _add(sums, cost)
        if is_first:
            sums[MESSAGES] += 1
        _add(sums, _times(after, new.keys()))
        provider = (after.provider or "").partition("/")[0]
        counted = {(Place(owner, channel, provider, _country(after)), hour): sums}
        if after.link:
            step: _Sums = defaultdict(Decimal)
            _add(step, cost)
            if is_first:
                step[MESSAGES] += 1
            for how, sign in ((after.met, 1), (was_met, -1)):  # it can turn out to have been too late
                if how and after.met != was_met:
                    step[MET[how]] += sign
            counted[Place(owner, channel, step=after.link.step), hour] = step
        return {where: found for where, found in counted.items() if found}

    def _cost(self, before: MessageItem | None, after: MessageItem) -> Iterable[tuple[str, Decimal]]:
        """What is known to be paid now and was not before, by currency; less, if it had been thought more."""
        for item, sign in ((after, 1), (before, -1)):
            usage = self.prices.of(item) if item else None
            if usage and usage.price.is_finite():
                yield f"{COST}{usage.currency}", usage.price.quantize(_EXACT) * sign


def change(record: Mapping[str, Any]) -> Change:
    """Of a record of the stream, in AWS's form."""
    found = record["dynamodb"]
    sequence = int(found["SequenceNumber"])
    images = []
    for name in ("OldImage", "NewImage"):
        image = found.get(name)
        try:
            images.append(MessageItem.load(image) if image and "message" in image else None)
        except _SENSELESS:
            key = found.get("Keys", {}).get("pk", {}).get("S", "")
            _left_out(sequence, key.partition("#")[2])
            return Change(sequence, None, None)
    return Change(sequence, *images)


def _is_called_off(item: MessageItem) -> bool:
    """It never left us, as nobody wanted it any more."""
    record = item.statuses.get(item.status)
    return bool(record and record.failure and record.failure.code in failures.CALLED_OFF)


def _left_out(sequence: int, message_uuid: str) -> None:
    ids = logs.ids({"message_uuid": message_uuid})
    logs.logger.error("a change that cannot be counted", sequence=str(sequence), **ids)


def _add(sums: _Sums, more: Iterable[tuple[str, Decimal]]) -> None:
    for name, value in more:
        sums[name] = sums.get(name, Decimal(0)) + value


def _times(item: MessageItem, new: Iterable[Status]) -> Iterable[tuple[str, Decimal]]:
    """A status that was only implied by a later one says nothing of its time."""
    latest = max(new, key=lambda status: status.rank, default=None)
    if latest in TIMES:
        since = item.link.queued_at if item.link else item.accepted_at
        seconds = (item.statuses[latest].at - since).total_seconds()  # by two clocks
        yield f"{TIMES[latest]}{histogram.bucket(seconds)}", Decimal(1)


def _country(item: MessageItem) -> str:
    """In two letters; empty where the recipient is not a number, or was erased."""
    if item.message.channel not in _WITH_NUMBERS or not item.message.recipient.isdecimal():
        return ""
    return _region(item.message.recipient)


def _region(number: str) -> str:
    import phonenumbers  # which is slow to import

    try:
        parsed = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return ""
    region = phonenumbers.region_code_for_number(parsed)
    return region or phonenumbers.region_code_for_country_code(parsed.country_code or 0)
