"""GET /v0.1/reports/messages: what is asked for, and a message's record.

    application_id?, from?, to?, recipient?, channel?, status?, format?, cursor?

A record is what became of a message and what it cost, with both its ends and without its content.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import TypeAdapter

from switchboard import clock, csv_text, pricing
from switchboard.models.events import Usage
from switchboard.models.frozen import Frozen
from switchboard.models.lists import CURSOR, Asked
from switchboard.models.messages import Channel, Status
from switchboard.models.periods import OWNER, PERSON, Query, one_of
from switchboard.store import MessageItem

DAYS, LONGEST = 7, 400
PAGE = 1000
"""Records at most: far from the 6 MB that an answer can have."""
Format = Literal["csv", "jsonl"]
MEDIA_TYPES: Mapping[Format, str] = {"csv": csv_text.MEDIA_TYPE, "jsonl": "application/jsonl"}
COLUMNS = (
    "message_uuid",
    "application_id",
    "channel",
    "provider",
    "from",
    "to",
    "status",
    "accepted_at",
    "submitted_at",
    "delivered_at",
    "read_at",
    "failed_at",
    "error_code",
    "provider_code",
    "parts",
    "price",
    "currency",
    "client_ref",
    "dispatch_uuid",
    "step",
)
_NAMES = ("application_id", "from", "to", "recipient", "channel", "status", "format", "cursor")
_FORMAT: TypeAdapter[str] = one_of(*MEDIA_TYPES)
_A_MOMENT = timedelta(milliseconds=1)


class Report(Frozen):
    asked: Asked
    since: datetime
    until: datetime
    """Not part of it."""
    format: Format
    is_first: bool
    """The first page has the names of the columns."""


def report(query: Mapping[str, str], accept: str, now: datetime) -> Report:
    """InvalidRequest names every fault. Without a `format` it is what the client would rather have."""
    found = Query(query, *_NAMES)
    since, until = found.period(now, DAYS)
    if (until - since).days > LONGEST:
        found.faults.add("from", f"must be at most {LONGEST} days before `to`")
    named = found.read(_FORMAT, "format")
    asked = Asked(
        application_id=found.read(OWNER, "application_id"),
        channel=found.read(one_of(*Channel), "channel"),
        status=found.read(one_of(*Status), "status"),
        to=found.read(PERSON, "recipient"),
        cursor=found.read(CURSOR, "cursor"),
        from_time=since,
        until=until - _A_MOMENT,  # which is part of a list, and not of a report
        limit=PAGE,
    )
    found.faults.check()
    format: Format = "csv" if (named or (csv_text.is_wanted(accept) and "csv")) == "csv" else "jsonl"
    return Report(asked=asked, since=since, until=until, format=format, is_first=asked.cursor is None)


def record(item: MessageItem, usage: Usage | None) -> dict[str, Any]:
    """By COLUMNS; what is not known is None."""
    message, link = item.message, item.link
    ended = next((record for status, record in item.statuses.items() if status.is_failure), None)
    failure = ended.failure if ended else None
    times = {
        f"{status.value}_at": clock.wire(item.statuses[status].at) if status in item.statuses else None
        for status in (Status.SUBMITTED, Status.DELIVERED, Status.READ)
    }
    values = {
        "message_uuid": item.uuid,
        "application_id": item.application_id,
        "channel": message.channel.value,
        "provider": item.provider,
        "from": message.sender,
        "to": message.recipient,
        "status": item.status.value,
        "accepted_at": clock.wire(item.accepted_at),
        **times,
        "failed_at": clock.wire(ended.at) if ended else None,
        "error_code": failure.code if failure else None,
        "provider_code": failure.provider_code or None if failure else None,
        "parts": pricing.count(item),
        "price": f"{usage.price:f}" if usage else None,
        "currency": usage.currency if usage else None,
        "client_ref": message.client_ref,
        "dispatch_uuid": link.dispatch_uuid if link else None,
        "step": link.step if link else None,
    }
    return {name: values[name] for name in COLUMNS}
