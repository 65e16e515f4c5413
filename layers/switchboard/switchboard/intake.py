"""Work that comes by the bus or by the Ingest queue: the bodies of HTTP requests, started in the same way.

Nobody waits for an answer here, so a refusal becomes an event on the bus, and what was refused goes to the
dead-letter queue with the reason beside it. Both are done before it counts as done: whoever dies in between
does both again. The event is first, as the queue's own redrive would do the second in the end, if that were
what fails.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from switchboard import api, problems
from switchboard.callers import Caller
from switchboard.errors import Fault, InvalidRequest
from switchboard.queues import Record
from switchboard.services import Services

Kind = Literal["Send Message", "Start Dispatch"]
REFUSED: Mapping[Kind, str] = {"Send Message": "Message Refused", "Start Dispatch": "Dispatch Refused"}
"""What each becomes when it is refused."""
MOST_FAULTS = 100
"""As many are named in an event, which may not be longer than 256 KB."""
LONGEST_REASON = 1000
"""Characters of a message attribute."""


@dataclass(frozen=True)
class Order:
    """What somebody wants done, not validated yet."""

    id: str
    """A UUID that names the message or dispatch, so that an order that comes twice is carried out once."""
    kind: Kind
    body: object
    faults: tuple[Fault, ...] = ()
    """What is wrong with the form in which it came."""


class Intake:
    def __init__(self, services: Services) -> None:
        self._services = services

    def event(self, event: dict[str, Any]) -> dict[str, str]:
        """A bus event as EventBridge hands it to a function. What was started, as HTTP would answer; {} if
        it was refused."""
        return self._take(_of_event(event, event["id"]), json.dumps(event))

    def record(self, record: Record) -> None:
        """A record of the Ingest queue: an event as a rule puts it there, or the bare body."""
        self._take(_of_record(record), record.body)

    def _take(self, order: Order, original: str) -> dict[str, str]:
        try:
            if order.faults:
                raise InvalidRequest(*order.faults)
            return self._start(order)
        except InvalidRequest as refusal:
            self._refuse(order, refusal, original)
            return {}

    def _start(self, order: Order) -> dict[str, str]:
        """As functions/send and functions/dispatch do. InvalidRequest if it cannot be."""
        body, caller = order.body, self._caller(order.body)
        starting = self._services.starting
        if is_v1(body):
            return starting.message_v1(body, order.id, caller)
        if order.kind == "Start Dispatch":
            return starting.dispatch(body, order.id, caller)
        return starting.message(body, order.id, caller)

    def _caller(self, body: object) -> Caller:
        """On whose behalf: the application named beside the body, or the account. Who may write to the bus or
        the queue may speak for any of them."""
        named = body.get("application_id") if isinstance(body, dict) else None
        if named is None:
            return Caller(None)
        if _uuid(named) is None or self._services.known_applications.get(str(named)) is None:
            raise InvalidRequest(Fault("application_id", "must be the id of an application, or left out"))
        return Caller(str(named))

    def _refuse(self, order: Order, refusal: InvalidRequest, original: str) -> None:
        """Names and reasons only: what was in the body stays in the dead-letter queue."""
        told_by = problems.messages_v1 if is_v1(order.body) else problems.messages
        _, problem = told_by(refusal)
        named = order.body.get("application_id") if isinstance(order.body, dict) else None
        faults = [{"name": fault.name, "reason": fault.reason} for fault in refusal.faults]
        self._services.bus.publish(
            REFUSED[order.kind],
            {
                "id": order.id,
                "application_id": _uuid(named),
                "title": problem["title"],
                "detail": problem["detail"],
                "invalid_parameters": faults[:MOST_FAULTS],
            },
        )
        self._services.refused.keep(original, id=order.id, reason=_reason(refusal))


def is_v1(body: object) -> bool:
    """Whether a body is one of Messages v1: that is flat."""
    return isinstance(body, dict) and ("channel" in body or "message_type" in body)


def _of_record(record: Record) -> Order:
    try:
        content = api.parsed(record.body.encode())
    except InvalidRequest as refusal:
        return Order(record.id, "Send Message", None, refusal.faults)
    if isinstance(content, dict) and "detail-type" in content:
        return _of_event(content, record.id)
    is_dispatch = isinstance(content, dict) and "workflow" in content
    return Order(record.id, "Start Dispatch" if is_dispatch else "Send Message", content)


def _of_event(event: dict[str, Any], id_: str) -> Order:
    """`id_` names it if it has no id of its own."""
    faults = []
    own = event.get("id")
    if own is not None and _uuid(own) is None:
        faults.append(Fault("id", "must be a UUID, or left out"))
    kind: Kind | None = next((kind for kind in REFUSED if kind == event["detail-type"]), None)
    if kind is None:
        faults.append(Fault("detail-type", f"must be one of: {', '.join(REFUSED)}"))
    body = event.get("detail")
    try:
        # What can be no text, or is too long to be kept.
        api.parsed(json.dumps(body, ensure_ascii=False).encode(errors="backslashreplace"))
    except InvalidRequest as refusal:
        faults.extend(refusal.faults)
    return Order(_uuid(own) or id_, kind or "Send Message", body, tuple(faults))


def _reason(refusal: InvalidRequest) -> str:
    """Every fault in one line of what SQS takes for text."""
    line = "; ".join(f"{fault.name} {fault.reason}" for fault in refusal.faults)
    return "".join(character if character.isprintable() else "?" for character in line[:LONGEST_REASON])


def _uuid(value: object) -> str | None:
    try:
        return str(UUID(value)) if isinstance(value, str) else None
    except ValueError:
        return None
