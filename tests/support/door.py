"""Requests as an attacker can make them: any bytes, any header, any path, through the functions' handlers."""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import pytest
from moto import mock_aws

from switchboard.routes import ROUTES
from tests.functions.flows import Flow
from tests.support import moto_corrections, payloads
from tests.support.cloud import CONTEXT, Cloud, World
from tests.support.template import template

UUID = "6d2f0c1b-4e8a-4b57-9c3d-7a1e5f804c92"
PARAMETERS = {
    "message_uuid": UUID,
    "dispatch_uuid": UUID,
    "redaction_id": UUID,
    "application_id": UUID,
    "secret_id": UUID,
    "event_id": UUID,
    "api_key": "localkey",
    "provider": "messenger",
    "account_id": "default",
    "external_id": "1000000001",
    "channel": "sms",
    "person": "447700900100",
    "name": "parcel",
}
"""Something that may stand in a path."""
OPEN = {path for path in ROUTES if path.endswith("/ping")}
"""Paths that ask for no credentials."""
CALLBACKS = {path for path in ROUTES if path.startswith(("/status/", "/inbound/"))}
"""Paths that providers call, each with a proof of its own."""
CONSOLE = {path for path in ROUTES if path.startswith("/console")}
"""What a browser loads to be signed in by: test_console.py."""
GUARDED = [
    (method, path) for path in sorted(ROUTES.keys() - OPEN - CALLBACKS - CONSOLE) for method in ROUTES[path]
]
"""Every other route: method and path."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


def filled(path: str, **parameters: str) -> str:
    """A route's path with something in the place of its parameters."""
    return re.sub(r"\{(\w+)\}", lambda found: (PARAMETERS | parameters)[found[1]], path)


@cache
def functions() -> dict[tuple[str, str], str]:
    """Which function has a route, by method and path."""
    found = {}
    for name, resource in template()["Resources"].items():
        for event in resource.get("Properties", {}).get("Events", {}).values():
            about = event["Properties"]
            if event["Type"] == "HttpApi" and "Path" in about:
                found[about["Method"], about["Path"]] = name.removesuffix("Function").lower()
    return found


def request(
    cloud: Cloud,
    method: str,
    route: str,
    *,
    path: str | None = None,
    body: bytes | str | None = None,
    headers: dict[str, str] | None = None,
    query: str = "",
    encoded: bool | None = None,
) -> Answer:
    """To the function that has the route. `path` is what is asked for, if not the route with its usual
    parameters; a body of bytes comes in base64, as the gateway hands over what is no text. `encoded` says of
    a text that it is base64, whether it is or not."""
    path = filled(route) if path is None else path
    is_bytes = isinstance(body, bytes)
    event = {
        "version": "2.0",
        "routeKey": f"{method} {route}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {name.lower(): value for name, value in (headers or {}).items()},
        "queryStringParameters": dict(parse_qsl(query, keep_blank_values=True)),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example",
            "http": {"method": method, "path": path, "sourceIp": "127.0.0.1", "protocol": "HTTP/1.1"},
            "requestId": "r",
            "stage": "$default",
        },
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": is_bytes if encoded is None else encoded,
    }
    answer = cloud.functions[functions()[method, route]].handler(event, CONTEXT)
    told = {name.lower(): value for name, value in answer.get("headers", {}).items()}
    return Answer(answer["statusCode"], told, answer.get("body") or "")


@contextmanager
def opened() -> Iterator[Flow]:
    """The system with one application, for many tests in which nothing is to change."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("POWERTOOLS_SERVICE_NAME", "switchboard")
        moto_corrections.install(patch)
        with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
            yield Flow(Cloud(World(provider=payloads.accepts_all), patch))
