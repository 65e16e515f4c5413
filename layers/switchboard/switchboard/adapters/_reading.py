"""Reads what providers send: each value is of the expected kind, or is nothing.

One odd item must not cost the rest of a batch, so nothing here raises but `json_object` and `own_sender`.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote, urlsplit
from uuid import UUID

from switchboard.adapters.base import Account
from switchboard.errors import ConfigurationError, Fault, InvalidRequest, Rejected, SendError
from switchboard.models.events import Hook
from switchboard.models.messages import (
    Audio,
    Button,
    File,
    Image,
    InboundContent,
    Location,
    Reply,
    Status,
    Sticker,
    Text,
    Unsupported,
    Video,
)

if TYPE_CHECKING:
    import httpx

ErrorClass = type[SendError] | type[ConfigurationError]

_MEDIA: dict[str, type[Image] | type[Audio] | type[Video] | type[File]] = {
    "image": Image,
    "audio": Audio,
    "video": Video,
    "file": File,
}


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def json_object(hook: Hook) -> dict[str, Any]:
    """The body of a verified callback. InvalidRequest if it is anything but a JSON object."""
    try:
        payload = json.loads(hook.body, parse_constant=_no_constant)
        if b"\\ud" in hook.body.lower():
            # Half of a surrogate pair can be written in JSON, but neither be stored nor passed on.
            payload = json.loads(json.dumps(payload, ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        payload = None
    if not isinstance(payload, dict):
        raise InvalidRequest(Fault("body", "is not the JSON this provider sends"))
    return payload


def own_sender(hook: Hook) -> str:
    """The sender of ours that a callback is for, where only its address tells: ?sender=.

    InvalidRequest if it is not there: the provider was given a wrong address, and keeps its news until it
    is given the right one.
    """
    if not hook.query.get("sender"):
        raise InvalidRequest(Fault("sender", "is missing in the address that the provider was given"))
    return hook.query["sender"]


def enclosed(value: object) -> dict[str, Any]:
    """The JSON object that a string of a callback holds; empty if it holds none."""
    try:
        return json_object(Hook(text(value).encode(errors="replace")))
    except InvalidRequest:
        return {}


def answer(reply: httpx.Response) -> dict[str, Any]:
    """The JSON object in an answer to our request; empty if there is none."""
    try:
        return mapping(json.loads(reply.content))
    except (ValueError, RecursionError):
        return {}


def mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, Any]]:
    """The objects in a list, or none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """A string, or a number's digits: ids come as both."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def amount(value: object) -> Decimal | None:
    """Money that came as a JSON number or string, to the digit that was sent; None below zero."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        sum_ = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return sum_ if sum_.is_finite() and sum_ >= 0 else None


def number(value: object) -> str:
    """A number's digits, as they were sent; empty if it is none."""
    return "" if amount(value) is None else str(value)


def own_uuid(value: object) -> str | None:
    """Our message_uuid from an echo field, in the form we sent it. Others may use the same field."""
    if not isinstance(value, str):
        return None
    try:
        uuid = str(UUID(value))
    except ValueError:
        return None
    return uuid if uuid == value.lower() else None


def phone(value: object) -> str:
    """A phone number as our API writes it."""
    return text(value).removeprefix("+")


def moment(value: object, per_second: int = 1) -> datetime | None:
    """A Unix time as number or string. `per_second` is 1000 for milliseconds."""
    try:
        return datetime.fromtimestamp(int(text(value)) / per_second, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def iso_moment(value: object) -> datetime | None:
    """An ISO 8601 time; UTC when it names no zone."""
    try:
        at = datetime.fromisoformat(text(value))
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def said(words: object) -> InboundContent:
    """What somebody wrote or tapped."""
    return Text(type="text", text=text(words)) if text(words) else Unsupported(type="unsupported")


def shown(kind: str | None, url: str, caption: object = None) -> InboundContent:
    """Media somebody sent. `kind` is our content type, None if there is none for it."""
    if kind is None or not url:
        return Unsupported(type="unsupported")
    return _MEDIA[kind].model_validate({"type": kind, "url": url, "caption": text(caption) or None})


def sticker(url: str) -> InboundContent:
    """A sticker somebody sent."""
    return Sticker(type="sticker", url=url) if url else Unsupported(type="unsupported")


def chosen(identifier: object, title: object, description: object = None) -> InboundContent:
    """What somebody chose of what we offered. Without an id it is as good as written."""
    if not text(identifier):
        return said(title)
    return Reply(
        type="reply",
        id=text(identifier),
        title=text(title) or text(identifier),
        description=text(description) or None,
    )


def tapped(payload: object, words: object) -> InboundContent:
    """A template's button that somebody tapped."""
    if not (text(payload) or text(words)):
        return Unsupported(type="unsupported")
    return Button(type="button", payload=text(payload) or text(words), text=text(words) or text(payload))


def place(latitude: object, longitude: object, **words: object) -> InboundContent:
    """A location; `words` are its `name`, `address` and `url`."""
    try:
        spot = [float(value) for value in (latitude, longitude) if isinstance(value, int | float)]
    except OverflowError:
        spot = []
    if len(spot) != 2 or not all(map(math.isfinite, spot)):
        return Unsupported(type="unsupported")
    named = {name: text(value) or None for name, value in words.items()}
    return Location.model_validate({"type": "location", "latitude": spot[0], "longitude": spot[1], **named})


def file_name(file: File) -> str:
    """The name that a file is shown under; empty if even its address has none."""
    return file.name or PurePosixPath(unquote(urlsplit(file.url).path)).name


def final_status(kind: ErrorClass) -> Status:
    """What a message is that failed for good: refused by somebody, or not to be reached."""
    return Status.REJECTED if issubclass(kind, Rejected | ConfigurationError) else Status.UNDELIVERABLE


def secret(account: Account, name: str) -> str:
    """A secret that must be there and not empty: an empty one would match an empty proof.

    Space around it is dropped. A line end, easily pasted into a secret, makes no legal header, and the
    HTTP client's complaint would quote the header.
    """
    value = account[name].strip()
    if not value:
        raise ConfigurationError(1370, f"{account.provider} account has no {name}")
    return value
