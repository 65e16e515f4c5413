"""Lists of messages and dispatches: what is asked for, and how it is shown.

    application_id?, status?, channel?, to?, from_time?, until?, limit?, cursor?

`to` is a number or id, whatever the channel. A page goes from the newest to the oldest, and `next` is the
cursor of the one after it.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from switchboard import clock
from switchboard.callbacks import FORMS, Body
from switchboard.models.events import Usage
from switchboard.models.faults import Faults
from switchboard.models.frozen import Frozen
from switchboard.models.messages import Channel, Status
from switchboard.store import DispatchItem, MessageItem

LIMIT, MOST = 20, 100
DISPATCH_STATUSES = ("running", "completed", "error", "cancelled")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time, as 2026-11-26T10:00:00Z") from None


def _place(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        raise ValueError("must be `next` of an answer before") from None


def _one_of(*words: str) -> Any:
    def check(word: str) -> str:
        if word not in words:
            raise ValueError(f"must be one of: {', '.join(words)}")
        return word

    return AfterValidator(check)


_SHAPES: dict[str, TypeAdapter[Any]] = {
    "application_id": TypeAdapter(Annotated[str, Field(max_length=100, pattern="^[A-Za-z0-9-]+$")]),
    "channel": TypeAdapter(Annotated[str, _one_of(*Channel)]),
    "to": TypeAdapter(Annotated[str, Field(min_length=1, max_length=200)]),
    "from_time": TypeAdapter(Annotated[str, Field(max_length=40), AfterValidator(_moment)]),
    "until": TypeAdapter(Annotated[str, Field(max_length=40), AfterValidator(_moment)]),
    "limit": TypeAdapter(Annotated[int, Field(ge=1, le=MOST)]),
    "cursor": TypeAdapter(Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_place)]),
}
_STATUS: dict[str, TypeAdapter[Any]] = {
    "messages": TypeAdapter(Annotated[str, _one_of(*Status)]),
    "dispatches": TypeAdapter(Annotated[str, _one_of(*DISPATCH_STATUSES)]),
}


class Asked(Frozen):
    application_id: str | None = None
    status: str | None = None
    channel: str | None = None
    to: str | None = None
    from_time: datetime | None = None
    until: datetime | None = None
    limit: int = LIMIT
    cursor: str | None = None


def asked(query: Mapping[str, str], of: str) -> Asked:
    """`of` is "messages" or "dispatches". InvalidRequest names every fault."""
    faults = Faults()
    shapes = _SHAPES | {"status": _STATUS[of]}
    found = {name: faults.read(shape, query[name], name) for name, shape in shapes.items() if name in query}
    since, until = found.get("from_time"), found.get("until")
    if since and until and since > until:
        faults.add("until", "must not be before from_time")
    faults.check()
    return Asked(**found)


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


def dispatch(item: DispatchItem, channels: tuple[str, ...]) -> Body:
    """In short: GET of that one has the steps."""
    body: Body = {
        "dispatch_uuid": item.dispatch_uuid,
        "application_id": item.application_id,
        "status": dispatch_status(item),
        "timestamp": clock.wire(item.accepted_at),
        "step": max(item.step, 0),
        "steps": len(item.waits),
        "channels": list(channels),
    }
    if item.report:
        body |= {name: item.report[name] for name in ("reason", "usage") if name in item.report}
        body["ended_at"] = item.report["timestamp"]
    return body


def page(name: str, bodies: list[Body], following: str | None) -> Body:
    return {
        name: bodies,
        "next": base64.urlsafe_b64encode(following.encode()).decode() if following else None,
    }
