"""What the HTTP functions have in common: reading a JSON body, answering one, reading a callback."""

import base64
import binascii
import json
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from switchboard import clock
from switchboard.errors import Fault, InvalidRequest
from switchboard.models.events import Hook

LONGEST_BODY = 256 * 1024
"""Bytes. An item of the table holds 400 KB."""


def raw_body(app: APIGatewayHttpResolver) -> bytes:
    event = app.current_event
    body = event.body or ""
    if event.is_base64_encoded:
        try:
            return base64.b64decode(body)
        except binascii.Error as error:
            raise InvalidRequest(Fault("body", "is not valid base64")) from error
    return body.encode()


def json_body(app: APIGatewayHttpResolver) -> Any:
    """InvalidRequest if the body is no JSON, or is more than can be kept."""
    body = raw_body(app)
    if len(body) > LONGEST_BODY:
        raise InvalidRequest(Fault("body", f"must be at most {LONGEST_BODY // 1024} KB"))
    try:
        value = json.loads(body)
        if b"\\ud" in body.lower():
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is JSON, but no text
        return value
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(Fault("body", "is not valid JSON")) from error


def answer(status: int, body: Any) -> Response[str]:
    return Response(status_code=status, content_type="application/json", body=json.dumps(body))


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
