"""What the HTTP functions share: reading a JSON body, answering one, its trace, reading a callback."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable
from math import isfinite
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from switchboard import clock
from switchboard.errors import Fault, InvalidRequest
from switchboard.models.events import Hook

if TYPE_CHECKING:
    from switchboard.explaining import Story

NO_JSON = "is not valid JSON"
LONGEST_BODY = 256 * 1024
"""Bytes. An item of the table holds 400 KB."""
TRACE = "x-nexmo-trace-id"
_TRACE = re.compile(r"[A-Za-z0-9._:=-]{1,64}")


def raw_body(app: APIGatewayHttpResolver) -> bytes:
    event = app.current_event
    body = event.body or ""
    try:
        return base64.b64decode(body) if event.is_base64_encoded else body.encode()
    except ValueError as error:  # of both kinds
        form = "base64" if event.is_base64_encoded else "text"
        raise InvalidRequest(Fault("body", f"is not valid {form}")) from error


def json_body(app: APIGatewayHttpResolver) -> Any:
    """InvalidRequest if the body is no JSON, or is more than can be kept."""
    return parsed(raw_body(app))


def parsed(body: bytes) -> Any:
    """InvalidRequest if it is no JSON, or is more than can be kept."""
    if len(body) > LONGEST_BODY:
        raise InvalidRequest(Fault("body", f"must be at most {LONGEST_BODY // 1024} KB"))
    try:
        text = body.decode(json.detect_encoding(body))  # strictly: `loads` would let half a surrogate pass
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        if "\\ud" in text.lower():
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is JSON, but no text
        return value
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(Fault("body", NO_JSON)) from error


def parameters(app: APIGatewayHttpResolver) -> dict[str, str]:
    """Those of the query and of the form, whatever type the client says its body is of."""
    form = dict(parse_qsl(raw_body(app).decode(errors="replace"), keep_blank_values=True))
    return {**(app.current_event.query_string_parameters or {}), **form}


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    """What is too large for us is too large to be sent on: as JSON it would be no number any more."""
    number = float(text)
    if not isfinite(number):
        raise ValueError("too large a number")
    return number


def trace(app: APIGatewayHttpResolver) -> str:
    """By which a request is found again: the caller's own name for it, if it can be one, or a new one."""
    given = app.current_event.headers.get(TRACE) or ""
    return given if _TRACE.fullmatch(given) else secrets.token_hex(16)


def traced(app: APIGatewayHttpResolver, route: Callable[..., Response[Any]]) -> Response[Any]:
    """Middleware: every answer bears its trace. Errors that are raised get theirs in `problems`."""
    response = route(app)
    response.headers.setdefault(TRACE, trace(app))
    return response


def answer(status: int, body: Any) -> Response[str]:
    return Response(status_code=status, content_type="application/json", body=json.dumps(body))


def told(app: APIGatewayHttpResolver, story: Story) -> Response[str]:
    """As JSON, or for people as lines of text where they would rather have that."""
    if _prefers_text(app.current_event.headers.get("accept") or ""):
        return Response(status_code=200, content_type="text/plain; charset=utf-8", body=story.text())
    return answer(200, story.wire())


def _prefers_text(accept: str) -> bool:
    """The client names plain text, and no JSON before it."""
    kinds = [entry.partition(";")[0].strip().lower() for entry in accept.split(",")]
    json_at = next((n for n, kind in enumerate(kinds) if kind == "application/json"), len(kinds))
    return "text/plain" in kinds[:json_at]


def pong() -> Response[str]:
    """Of the `ping` routes, which ask for no credentials: the function is there and could be set up."""
    return answer(200, {"status": "ok"})


def origin(app: APIGatewayHttpResolver) -> str:
    """Under which address we were called."""
    return f"https://{app.current_event.request_context.domain_name}"


def hook(app: APIGatewayHttpResolver) -> Hook:
    event = app.current_event
    return Hook(
        body=raw_body(app),
        method=event.http_method,
        origin=origin(app),
        target=event.raw_path + (f"?{event.raw_query_string}" if event.raw_query_string else ""),
        headers={name.lower(): value for name, value in event.headers.items()},
        query=dict(event.query_string_parameters or {}),
        received_at=clock.now(),
    )
