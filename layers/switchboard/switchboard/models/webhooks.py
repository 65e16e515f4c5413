"""Events that a client did not take: which of them to list or replay, and how they are shown.

List: application_id?, from?, to?, order?, page_size?, cursor? in the query. Replay: {"event_ids": [...]} or
{"from", "to"?, "cursor"?}, and application_id? beside them.

And how their endpoints are doing. List: application_id?, page_size? (applications), cursor? in the query.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import AfterValidator, Field, TypeAdapter

from switchboard import clock
from switchboard.models.faults import Faults
from switchboard.models.frozen import LAZY, Frozen
from switchboard.queues import ReportNews, StatusNews
from switchboard.store.endpoints import address
from switchboard.store.failed import FailedEvent

PAGE_SIZE, LARGEST_PAGE = 20, 100
MOST_IDS = 100


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time, as 2026-11-26T10:00:00Z") from None


def _place(cursor: str) -> str:
    try:
        return base64.b64decode(cursor, b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        raise ValueError("must be a cursor of an answer before") from None


Order = Literal["asc", "desc"]
_Moment = Annotated[str, Field(max_length=40), AfterValidator(_moment)]
_Cursor = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_place)]
_Id = Annotated[str, Field(min_length=1, max_length=100)]


_MOMENT: TypeAdapter[Any] = TypeAdapter(_Moment, config=LAZY)
_CURSOR: TypeAdapter[Any] = TypeAdapter(_Cursor, config=LAZY)
_OWNER: TypeAdapter[str] = TypeAdapter(
    Annotated[str, Field(max_length=100, pattern="^[A-Za-z0-9-]+$")], config=LAZY
)
_SIZE: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1, le=LARGEST_PAGE)], config=LAZY)
_ORDER: TypeAdapter[Order] = TypeAdapter(Order, config=LAZY)
_IDS: TypeAdapter[list[str]] = TypeAdapter(
    Annotated[list[_Id], Field(min_length=1, max_length=MOST_IDS)], config=LAZY
)


class Period(Frozen):
    """Of whom, from when to when, and where to go on."""

    application_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    cursor: str | None = None
    page_size: int = PAGE_SIZE
    order: Order = "asc"
    """By when they occurred."""


Kind = Literal["status_url", "inbound_url"]


class EndpointsAsked(Frozen):
    """Whose endpoints, and where to go on."""

    application_id: str | None = None
    cursor: str | None = None
    page_size: int = PAGE_SIZE
    """Applications."""


class Endpoint(Frozen):
    """A webhook that is set, and how it is doing."""

    application_id: str | None
    """None for the account's own."""
    kind: Kind
    address: str
    """As it was set."""
    state: Literal["answering", "failing", "left_alone", "gone", "unknown"] = "unknown"
    since: datetime | None = None
    """When that began. Of one that is left alone: when it began to fail."""
    reason: str | None = None
    retry_at: datetime | None = None
    """Until when it is left alone."""


class Ids(Frozen):
    application_id: str | None = None
    event_ids: tuple[str, ...]


def period(query: dict[str, str]) -> Period:
    """InvalidRequest names every fault."""
    faults = Faults()
    found = _period(faults, query)
    order = faults.read(_ORDER, query.get("order", "asc"), "order")
    faults.check()
    return found.model_copy(update={"order": order})


def endpoints(query: dict[str, str]) -> EndpointsAsked:
    """InvalidRequest names every fault."""
    faults = Faults()
    found = EndpointsAsked(
        application_id=_read(faults, query, _OWNER, "application_id"),
        cursor=_read(faults, query, _CURSOR, "cursor"),
        page_size=_read(faults, query, _SIZE, "page_size") or PAGE_SIZE,
    )
    faults.check()
    return found


def replay(body: object) -> Period | Ids:
    """InvalidRequest names every fault."""
    faults = Faults()
    root = faults.object(body, "body", "must be a JSON object")
    faults.check()
    assert root is not None
    given = {name: value for name, value in root.items() if value is not None}
    if ("event_ids" in given) == ("from" in given):
        faults.add("event_ids", "is required, or from: one of the two")
        faults.check()
    if "from" in given:
        found: Period | Ids = _period(faults, given)
        faults.check()
        return found
    owner = (
        faults.read(_OWNER, given["application_id"], "application_id") if "application_id" in given else None
    )
    ids = faults.read(_IDS, given["event_ids"], "event_ids")
    faults.check()
    return Ids(application_id=owner, event_ids=tuple(dict.fromkeys(ids or ())))


def _period(faults: Faults, given: dict[str, Any]) -> Period:
    since, until = _read(faults, given, _MOMENT, "from"), _read(faults, given, _MOMENT, "to")
    if since and until and since > until:
        faults.add("to", "must not be before from")
    return Period(
        application_id=_read(faults, given, _OWNER, "application_id"),
        since=since,
        until=until,
        cursor=_read(faults, given, _CURSOR, "cursor"),
        page_size=_read(faults, given, _SIZE, "page_size") or PAGE_SIZE,
    )


def _read(faults: Faults, given: dict[str, Any], shape: TypeAdapter[Any], name: str) -> Any:
    """None if it is not there, or wrong."""
    return faults.read(shape, given[name], name) if name in given else None


def cursor(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode()


def answer(events: Sequence[FailedEvent], following: str | None, asked: Period) -> dict[str, Any]:
    """One page of the list."""
    links = {"self": {"href": _href(asked, asked.cursor)}}
    if following:
        links["next"] = {"href": _href(asked, following)}
    return {
        "page_size": asked.page_size,
        **({"cursor": cursor(following)} if following else {}),
        "_embedded": {"failed": [_shown(event) for event in events]},
        "_links": links,
    }


def _href(asked: Period, place: str | None) -> str:
    query = {
        "application_id": asked.application_id,
        "from": clock.wire(asked.since) if asked.since else None,
        "to": clock.wire(asked.until) if asked.until else None,
        "order": asked.order if asked.order != "asc" else None,
        "page_size": asked.page_size,
        "cursor": cursor(place) if place else None,
    }
    return "/v0.1/webhooks/failed?" + urlencode({name: value for name, value in query.items() if value})


def _shown(event: FailedEvent) -> dict[str, Any]:
    news = event.news
    about = "dispatch_uuid" if isinstance(news, ReportNews) else "message_uuid"
    values = {
        "event_id": event.event_id,
        "kind": news.kind,
        "application_id": event.application_id,
        about: getattr(news, about),
        "status": event.event_id.rpartition(":")[2] if isinstance(news, StatusNews) else None,
        "occurred_at": clock.wire(event.occurred_at),
        "failed_at": clock.wire(event.failed_at),
        "attempts": event.attempts,
        "reason": event.reason,
        "replayed_at": clock.wire(event.replayed_at) if event.replayed_at else None,
    }
    return {name: value for name, value in values.items() if value is not None}


def endpoints_answer(found: Sequence[Endpoint], following: str | None) -> dict[str, Any]:
    """One page of them."""
    return {
        "endpoints": [
            {
                "application_id": each.application_id,
                "kind": each.kind,
                "address": _named(each.address),
                "state": each.state,
                "since": clock.wire(each.since) if each.since else None,
                "reason": each.reason,
                "retry_at": clock.wire(each.retry_at) if each.retry_at else None,
            }
            for each in found
        ],
        "cursor": cursor(following) if following else None,
    }


def _named(url: str) -> str:
    """As an endpoint is named: without name and password, and without what may be a token after the `?`."""
    scheme, mark, rest = address(url).partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"
