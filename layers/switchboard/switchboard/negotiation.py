"""What a client can read and what it sent, by its headers (RFC 9110), as loosely as real clients use them."""

import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from switchboard import api
from switchboard.errors import NotAcceptable, UnsupportedMediaType

_TAKEN = ("*/*", "*", "application/*", "text/json")
_VAGUE = ("", "text/plain", "application/x-www-form-urlencoded", "application/octet-stream")
"""What tools put beside JSON when they are not told what it is, as `curl -d` does."""


def install(app: APIGatewayHttpResolver, but: str) -> None:
    """Check every request to a function's routes, but to those whose path begins with `but`."""

    def checked(app: APIGatewayHttpResolver, route: Callable[..., Response[Any]]) -> Response[Any]:
        event = app.current_event
        if not event.path.startswith(but):
            check_accept(event.headers.get("accept") or "")
            if event.http_method in ("POST", "PUT"):
                check_content(event.headers.get("content-type") or "", api.raw_body(app))
        return route(app)

    app.use(middlewares=[checked])


def check_accept(header: str) -> None:
    """NotAcceptable if it leaves no room for JSON. No header, or one that makes no sense, does."""
    ranges = [entry for entry in map(_range, header.split(",")) if entry[0]]
    if ranges and not any(quality > 0 and _is_json(kind, _TAKEN) for kind, quality in ranges):
        raise NotAcceptable


def check_content(header: str, body: bytes) -> None:
    """UnsupportedMediaType if the body is said to be something else than JSON, or is something else under a
    type that says nothing."""
    kind, _ = _range(header)
    if _is_json(kind, ("text/json",)) or not body.strip():
        return
    if kind not in _VAGUE or (kind and not _parses(body)):
        raise UnsupportedMediaType


def _range(entry: str) -> tuple[str, float]:
    """A media range and its quality."""
    kind, *parameters = (part.strip().lower() for part in entry.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 1.0
    return kind, quality


def _is_json(kind: str, others: tuple[str, ...]) -> bool:
    return kind == "application/json" or kind.endswith("+json") or kind in others


def _parses(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True
