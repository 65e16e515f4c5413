"""GET /v0.1/insights: what is asked for, and how it is answered.

    application_id?, from?, to?, group_by?

`group_by` is a list of channel, provider, country, application_id, step, and hour or day. The answer's rows
are of messages; with `step` there are those of steps too. Of steps there is no provider or country: a step is
counted for all who tried it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from switchboard import clock
from switchboard.csv_text import Table
from switchboard.errors import Fault, InvalidRequest
from switchboard.models.frozen import Frozen
from switchboard.models.periods import OWNER, Query

GROUPS = ("hour", "day", "application_id", "channel", "provider", "country", "step")
DAYS = 7
"""How far back, where nobody says."""
_BESIDE = "channel, application_id, and hour or day"
LONGEST: Mapping[str, int] = {"hour": 31, "day": 400}
"""Days that can be asked for at once, by the unit that is read."""
Row = Mapping[str, Any]
_CENT_OF_A_CENT = Decimal("0.0001")


class Asked(Frozen):
    application_id: str | None
    since: datetime
    """Where an hour or a day begins."""
    until: datetime
    """Not part of it; the same."""
    groups: tuple[str, ...]
    """In the order of GROUPS."""

    @property
    def unit(self) -> Literal["hour", "day"]:
        """What is read: days, unless hours are wanted."""
        return "hour" if "hour" in self.groups else "day"


def asked(query: Mapping[str, str], now: datetime) -> Asked:
    """InvalidRequest names every fault. The time is taken as whole hours, or whole days (UTC)."""
    found = Query(query, "application_id", "from", "to", "group_by")
    words = [word.strip() for word in query.get("group_by", "channel").split(",")]
    if not set(words) <= set(GROUPS):
        found.faults.add("group_by", f"must be a list of: {', '.join(GROUPS)}")
    if {"hour", "day"} <= set(words):
        found.faults.add("group_by", "must have only one of: hour, day")
    if "step" in words and (without := [word for word in ("provider", "country") if word in words]):
        reason = f"cannot have {' or '.join(without)} together with step. Beside step there are: {_BESIDE}"
        found.faults.add("group_by", reason)
    unit = "hour" if "hour" in words else "day"
    since, until = found.period(now, DAYS)
    application_id = found.read(OWNER, "application_id")
    found.faults.check()
    since, until = _begin(unit, since), _begin(unit, until - _A_MOMENT) + _LENGTHS[unit]
    if until - since > timedelta(days=LONGEST[unit] + 1):  # both ends are cut
        reason = f"must be at most {LONGEST[unit]} days before `to`"
        raise InvalidRequest(Fault("from", f"{reason}, by {unit}" if unit == "hour" else reason))
    groups = tuple(group for group in GROUPS if group in words)
    return Asked(application_id=application_id, since=since, until=until, groups=groups)


_A_MOMENT = timedelta(microseconds=1)
_LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1)}


def _begin(unit: str, moment: datetime) -> datetime:
    begin = moment.replace(minute=0, second=0, microsecond=0)
    return begin if unit == "hour" else begin.replace(hour=0)


class Times(Frozen):
    """Seconds, to within a tenth. None where nothing is known."""

    p50: float | None
    p90: float | None


class MessageRow(Frozen):
    group: Mapping[str, str | None]
    messages: int
    sent: int
    delivered: int
    read: int
    rejected: int
    undeliverable: int
    to_delivered: Times
    to_read: Times
    cost: Decimal

    def wire(self, currency: str) -> dict[str, Any]:
        return {
            **self.group,
            "messages": self.messages,
            "sent": self.sent,
            "delivered": self.delivered,
            "read": self.read,
            "failed": self.rejected + self.undeliverable,
            "rejected": self.rejected,
            "undeliverable": self.undeliverable,
            "delivery_rate": _rate(self.delivered, self.messages),
            "read_rate": _rate(self.read, self.delivered),
            "seconds_to_delivered": self.to_delivered.model_dump(),
            "seconds_to_read": self.to_read.model_dump(),
            "cost": money(self.cost),
            "currency": currency,
        }


class StepRow(Frozen):
    group: Mapping[str, str | int | None]
    tried: int
    won: int
    late: int
    cost: Decimal

    def wire(self, currency: str) -> dict[str, Any]:
        return {
            **self.group,
            "tried": self.tried,
            "won": self.won,
            "late": self.late,
            "win_rate": _rate(self.won, self.tried),
            "cost": money(self.cost),
            "currency": currency,
        }


class Found(Frozen):
    asked: Asked
    currency: str
    rows: Sequence[MessageRow]
    steps: Sequence[StepRow]

    def wire(self) -> dict[str, Any]:
        asked = self.asked
        body: dict[str, Any] = {
            **({"application_id": asked.application_id} if asked.application_id else {}),
            "from": clock.wire(asked.since),
            "to": clock.wire(asked.until),
            "group_by": list(asked.groups),
            "currency": self.currency,
            "rows": [row.wire(self.currency) for row in self.rows],
        }
        if "step" in asked.groups:
            body["steps"] = [row.wire(self.currency) for row in self.steps]
        return body

    def csv(self) -> str:
        """The rows of steps where these are asked for, else those of messages: one table has one kind."""
        rows: Sequence[MessageRow | StepRow] = self.steps if "step" in self.asked.groups else self.rows
        table = Table(self._columns())
        for row in rows:
            table.add(_flat(row.wire(self.currency)))
        return table.text()

    def _columns(self) -> list[str]:
        """Also where there are no rows."""
        none = Times(p50=None, p90=None)
        if "step" in self.asked.groups:
            group = dict.fromkeys(step_groups(self.asked.groups))
            return [*_flat(StepRow(group=group, tried=0, won=0, late=0, cost=Decimal(0)).wire(""))]
        empty = MessageRow(
            group=dict.fromkeys(message_groups(self.asked.groups)),
            messages=0,
            sent=0,
            delivered=0,
            read=0,
            rejected=0,
            undeliverable=0,
            to_delivered=none,
            to_read=none,
            cost=Decimal(0),
        )
        return [*_flat(empty.wire(""))]


def message_groups(groups: Sequence[str]) -> list[str]:
    return [group for group in groups if group != "step"]


def step_groups(groups: Sequence[str]) -> list[str]:
    """Steps are told apart by channel always."""
    also = [group for group in groups if group in ("hour", "day", "application_id")]
    return [*also, "step", "channel"]


def money(amount: Decimal) -> str:
    return f"{amount.quantize(_CENT_OF_A_CENT):f}"


def _rate(some: int, of: int) -> float | None:
    return round(some / of, 4) if of else None


def _flat(row: Row) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}_{part}": one for part, one in value.items()}
        else:
            flat[name] = value
    return flat
