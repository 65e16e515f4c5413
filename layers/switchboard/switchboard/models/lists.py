"""Lists of messages and dispatches: what is asked for, and how it is shown.

    application_id?, status?, channel?, to?, from_time?, until?, limit?, cursor?

`to` is a number or id, whatever the channel. `application_id` is an application's, or `account` for what the
account did itself. A page goes from the newest to the oldest, and `next` is the cursor of the one after it.
"""

import base64
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, Field, TypeAdapter

from switchboard import clock
from switchboard.callbacks import FORMS, Body, total
from switchboard.models.events import Usage
from switchboard.models.frozen import Frozen
from switchboard.models.messages import Channel, Status
from switchboard.models.periods import NO_CURSOR, OWNER, PERSON, Query, decoded, one_of
from switchboard.pricing import Total
from switchboard.store import DispatchItem, MessageItem, keys
from switchboard.store.lists import Entry

LIMIT, MOST = 20, 100
DISPATCH_STATUSES = ("running", "completed", "error", "cancelled")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time, as 2026-11-26T10:00:00Z") from None


_AT = "[0-9]{15}#[0-9a-f-]{0,36}"  # keys.listed_at
_PLACE = re.compile(
    rf"(?P<before>(?:{_AT})?)(?:~(?P<done>[A-Za-z0-9-]*)~(?P<upto>[A-Za-z0-9-]*)"
    rf"~(?P<floor>(?:{_AT})?)~(?P<best>[0-9a-z.]*))?"
)
_BEST = re.compile("(?P<time>[0-9a-f]{12})(?P<uuid>[0-9a-f]{32})(?P<channels>[0-9a-z]*)")
_CHANNELS = {"0123456789abcdefghijklmnopqrstuvwxyz"[n]: channel.value for n, channel in enumerate(Channel)}
"""By a character each."""
LONGEST_CURSOR = 6000


class Place(Frozen):
    """Where a page ended. Where there are more owners than one answer can ask about, also how far among them
    it got: they are asked in the order of their ids."""

    before: str = ""
    """The list's place (keys.listed_at) before which the next page begins; at first there is none."""
    done: str = ""
    """The last owner of those that were asked already."""
    upto: str = ""
    """The last one of those that are being asked, where their list goes on."""
    floor: str = ""
    """What is older than this has to wait for a later page."""
    best: tuple[Entry, ...] = ()
    """What the page will have by what is known of its owners up to now, the newest first."""

    @property
    def is_among_owners(self) -> bool:
        return bool(self.done or self.upto or self.floor or self.best)

    def text(self) -> str:
        if not self.is_among_owners:
            return self.before
        best = ".".join(_short(entry) for entry in self.best)
        return "~".join((self.before, self.done, self.upto, self.floor, best))

    @classmethod
    def read(cls, text: str) -> Self:
        """ValueError for what is no place."""
        found = _PLACE.fullmatch(text)
        if not text or found is None:
            raise ValueError(NO_CURSOR)
        named = {name: value or "" for name, value in found.groupdict().items()}
        best = tuple(_long(entry) for entry in named.pop("best").split(".") if entry)
        return cls(**named, best=best)


def _short(entry: Entry) -> str:
    time, _, uuid = entry.at.partition("#")
    letters = {channel: letter for letter, channel in _CHANNELS.items()}
    return f"{int(time):012x}{UUID(uuid).hex}{''.join(letters[channel] for channel in entry.channels)}"


def _long(text: str) -> Entry:
    found = _BEST.fullmatch(text)
    if found is None or not set(found["channels"]) <= _CHANNELS.keys():
        raise ValueError(NO_CURSOR)
    uuid = str(UUID(found["uuid"]))
    channels = tuple(_CHANNELS[letter] for letter in found["channels"])
    return Entry(keys.listed_at(int(found["time"], 16), uuid), uuid, channels)


_SHAPES: dict[str, TypeAdapter[Any]] = {
    "application_id": OWNER,
    "channel": one_of(*Channel),
    "to": PERSON,
    "from_time": TypeAdapter(Annotated[str, Field(max_length=40), AfterValidator(_moment)]),
    "until": TypeAdapter(Annotated[str, Field(max_length=40), AfterValidator(_moment)]),
    "limit": TypeAdapter(Annotated[int, Field(ge=1, le=MOST)]),
}
_STATUS: dict[str, TypeAdapter[Any]] = {
    "messages": one_of(*Status),
    "dispatches": one_of(*DISPATCH_STATUSES),
}
CURSOR: TypeAdapter[Place] = TypeAdapter(
    Annotated[str, Field(max_length=LONGEST_CURSOR), AfterValidator(lambda text: Place.read(decoded(text)))]
)


class Asked(Frozen):
    application_id: str | None = None
    status: str | None = None
    channel: str | None = None
    to: str | None = None
    from_time: datetime | None = None
    until: datetime | None = None
    limit: int = LIMIT
    cursor: Place | None = None


def asked(query: Mapping[str, str], of: str) -> Asked:
    """`of` is "messages" or "dispatches". InvalidRequest names every fault."""
    shapes = _SHAPES | {"status": _STATUS[of], "cursor": CURSOR}
    given = Query(query, *shapes)
    values = {name: given.read(shape, name) for name, shape in shapes.items() if name in query}
    since, until = values.get("from_time"), values.get("until")
    if since and until and since > until:
        given.faults.add("until", "must not be before from_time")
    given.faults.check()
    return Asked(**values)


def message(item: MessageItem, usage: Usage | None) -> Body:
    """As GET of that one has it, and whose it is."""
    return FORMS["v0.1"].message(item, usage) | {
        "application_id": item.application_id,
        "accepted_at": clock.wire(item.accepted_at),
    }


def dispatch_status(item: DispatchItem) -> str:
    if item.report:
        return str(item.report["status"])
    return "cancelled" if item.cancelled_at else "running"


def dispatch(item: DispatchItem, channels: tuple[str, ...], cost: Total) -> Body:
    """In short: GET of that one has the steps."""
    body: Body = {
        "dispatch_uuid": item.dispatch_uuid,
        "application_id": item.application_id,
        "status": dispatch_status(item),
        "timestamp": clock.wire(item.accepted_at),
        "step": max(item.step, 0),
        "steps": len(item.waits),
        "channels": list(channels),
        **total(cost),
    }
    if item.report:
        body |= {"reason": item.report["reason"]} if "reason" in item.report else {}
        body["ended_at"] = item.report["timestamp"]
    return body


def page(name: str, bodies: list[Body], following: str | None) -> Body:
    return {
        name: bodies,
        "next": base64.urlsafe_b64encode(following.encode()).decode() if following else None,
    }
