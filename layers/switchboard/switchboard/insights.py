"""How channels, providers and the steps of workflows do: sums of what was counted (counting.py)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from switchboard import clock, counting, histogram
from switchboard.errors import Fault, InvalidRequest
from switchboard.models import insights as wire
from switchboard.models.messages import Status
from switchboard.store import keys
from switchboard.store.insights import Aggregate, InsightStore, TooMuch, Unit

if TYPE_CHECKING:
    from switchboard.callers import Caller

AT_ONCE = 8
MOST = 20_000
"""Items that one answer is made of, each of up to some hundred bytes."""
_Sums = dict[str, Decimal]


@dataclass(frozen=True)
class Insights:
    store: InsightStore
    currency: str

    def of(self, asked: wire.Asked, caller: Caller) -> wire.Found:
        """NotFound if it is another's; InvalidRequest if there is too much of it."""
        found = self._read(asked, caller.owner(asked.application_id))
        groups = wire.message_groups(asked.groups)
        messages = _by_group((one for one in found if one.place.step is None), groups)
        rows = [self._message_row(groups, group, sums) for group, sums in messages.items()]
        steps: list[wire.StepRow] = []
        if "step" in asked.groups:
            names = wire.step_groups(asked.groups)
            by_step = _by_group((one for one in found if one.place.step is not None), names)
            steps = [self._step_row(names, group, sums) for group, sums in by_step.items()]
        return wire.Found(asked=asked, currency=self.currency, rows=rows, steps=steps)

    def _read(self, asked: wire.Asked, owner: str | None) -> list[Aggregate]:
        def part(period: tuple[datetime, datetime]) -> list[Aggregate]:
            return self.store.read(asked.unit, *period, owner, MOST)

        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                parts = list(pool.map(part, _parts(asked.unit, asked.since, asked.until)))
            found = [one for part in parts for one in part]
            if len(found) > MOST:
                raise TooMuch
        except TooMuch:
            reason = "must be nearer to `to`, or application_id must name one: there is too much of this time"
            raise InvalidRequest(Fault("from", reason)) from None
        return found

    def _message_row(self, names: list[str], group: tuple[str, ...], sums: _Sums) -> wire.MessageRow:
        def number(status: Status) -> int:
            return int(sums[counting.REACHED[status]])

        return wire.MessageRow(
            group=_named(names, group),
            messages=int(sums[counting.MESSAGES]),
            sent=number(Status.SUBMITTED),
            delivered=number(Status.DELIVERED),
            read=number(Status.READ),
            rejected=number(Status.REJECTED),
            undeliverable=number(Status.UNDELIVERABLE),
            to_delivered=_times(sums, counting.TIMES[Status.DELIVERED]),
            to_read=_times(sums, counting.TIMES[Status.READ]),
            cost=sums[counting.COST + self.currency],
        )

    def _step_row(self, names: list[str], group: tuple[str, ...], sums: _Sums) -> wire.StepRow:
        named = _named(names, group)
        return wire.StepRow(
            group={name: int(value or 0) if name == "step" else value for name, value in named.items()},
            tried=int(sums[counting.MESSAGES]),
            won=int(sums[counting.WON]),
            late=int(sums[counting.LATE]),
            cost=sums[counting.COST + self.currency],
        )


def _parts(unit: Unit, since: datetime, until: datetime) -> Iterable[tuple[datetime, datetime]]:
    """What is read together: the hours of a day, or the days of a month."""
    while since < until:
        begin = since.replace(hour=0)
        if unit == "hour":
            end = begin + timedelta(days=1)
        else:
            end = (begin.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield since, min(end, until)
        since = end


_VALUES: Mapping[str, Callable[[Aggregate], str]] = {
    "hour": lambda one: clock.wire(one.at),
    "day": lambda one: one.at.date().isoformat(),
    "application_id": lambda one: "" if one.place.owner == keys.ACCOUNT else one.place.owner,
    "channel": lambda one: one.place.channel,
    "provider": lambda one: one.place.provider,
    "country": lambda one: one.place.country,
    "step": lambda one: f"{one.place.step:04d}",  # so that they sort
}


def _by_group(found: Iterable[Aggregate], groups: list[str]) -> dict[tuple[str, ...], _Sums]:
    """Sums by the values of these groups, in their order."""
    sums: dict[tuple[str, ...], _Sums] = defaultdict(lambda: defaultdict(Decimal))
    for one in found:
        of_group = sums[tuple(_VALUES[group](one) for group in groups)]
        for name, value in one.counts.items():
            of_group[name] += value
    return dict(sorted(sums.items()))


def _named(names: list[str], group: tuple[str, ...]) -> dict[str, str | None]:
    return {name: value or None for name, value in zip(names, group, strict=True)}


def _times(sums: _Sums, prefix: str) -> wire.Times:
    counts = {
        int(name.removeprefix(prefix)): int(count) for name, count in sums.items() if name.startswith(prefix)
    }
    return wire.Times(p50=histogram.percentile(counts, 0.5), p90=histogram.percentile(counts, 0.9))
