"""The audit trail: what one entry tells, what is asked for, and how it is answered.

from?, to?, limit?, cursor?
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, TypeAdapter

from switchboard import clock
from switchboard.models.frozen import Frozen
from switchboard.models.periods import NO_CURSOR, Query, cursor, decoded

DAYS, LONGEST, KEPT = 30, 400, 400
"""How many are asked for where nobody says, can be at once, and are kept."""
LIMIT, MOST = 50, 200
_PLACE = re.compile("[0-9]{15}#[0-9a-f]{12}")  # keys.audit


def _place(cursor: str) -> str:
    place = decoded(cursor)
    if not _PLACE.fullmatch(place):
        raise ValueError(NO_CURSOR)
    return place


_CURSOR: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(max_length=100), AfterValidator(_place)])
_LIMIT: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1, le=MOST)])

Outcome = Literal["open", "done", "refused"]
"""open: it is not known whether it was done, or how much of it."""
Value = str | int | float | bool | None


class Change(Frozen):
    """Of one field, by its dotted name. None is nothing."""

    name: str
    old: Value = None
    new: Value = None


class Entry(Frozen):
    entry_id: str
    at: datetime
    who: str
    """`key:{id}` of the API secret that was given, `console:{id}` of the one that its session was begun with,
    or `application:{id}`. Older entries have no ids of secrets."""
    action: str
    target: str = ""
    outcome: Outcome = "open"
    changes: tuple[Change, ...] = ()

    def text(self) -> str:
        return self.model_dump_json(exclude={"entry_id", "at"}, exclude_defaults=True)

    @classmethod
    def load(cls, entry_id: str, at: datetime, text: str) -> Self:
        return cls.model_validate({**json.loads(text), "entry_id": entry_id, "at": at})

    def wire(self) -> dict[str, Any]:
        return {
            "id": self.entry_id,
            "timestamp": clock.wire(self.at),
            "who": self.who,
            "action": self.action,
            "target": self.target,
            "outcome": self.outcome,
            "changes": [change.model_dump() for change in self.changes],
        }


class Asked(Frozen):
    since: datetime
    until: datetime
    limit: int = LIMIT
    cursor: str | None = None


def asked(query: Mapping[str, str], now: datetime) -> Asked:
    """InvalidRequest names every fault."""
    found = Query(query, "from", "to", "limit", "cursor")
    since, until = found.period(now, DAYS)
    if (until - since).days > LONGEST:
        found.faults.add("from", f"must be at most {LONGEST} days before `to`")
    limit = found.read(_LIMIT, "limit") or LIMIT
    place = found.read(_CURSOR, "cursor")
    found.faults.check()
    return Asked(since=since, until=until, limit=limit, cursor=place)


def answer(entries: Sequence[Entry], following: str | None) -> dict[str, Any]:
    return {
        "entries": [entry.wire() for entry in entries],
        "cursor": cursor(following) if following else None,
    }
