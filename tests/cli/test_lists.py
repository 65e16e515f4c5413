"""messages:list and dispatch:list."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from tests.cli.conftest import FakeApi

Run = Callable[..., Result]
MESSAGES, DISPATCHES = "GET /v0.1/messages", "GET /v0.1/dispatch"
MESSAGE = {
    "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "from": {"type": "sms", "number": "Acme"},
    "to": {"type": "sms", "number": "447700900100"},
    "timestamp": "2026-11-26T10:00:01.000Z",
    "accepted_at": "2026-11-26T10:00:00.000Z",
    "status": "delivered",
    "usage": {"price": "0.03", "currency": "EUR"},
}
DISPATCH = {
    "dispatch_uuid": "bbbbbbbb-bbbb-4ccc-8ddd-0123456789ab",
    "status": "running",
    "timestamp": "2026-11-26T10:00:00.000Z",
    "step": 1,
    "steps": 3,
    "channels": ["messenger", "sms"],
}


def page(route: str, *items: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    return {"messages" if route == MESSAGES else "dispatches": list(items), "next": following}


def test_messages(api: FakeApi, run: Run) -> None:
    api.on(MESSAGES, page(MESSAGES, MESSAGE))
    shown = run(
        "messages:list", "-c", "viber", "--status", "read", "--to", "4477", "--until", "2026-11-26"
    ).stdout
    for cell in (MESSAGE["message_uuid"], "Acme", "447700900100", "delivered", "0.03 EUR", "10:00:00"):
        assert str(cell) in shown
    [request] = api.requests
    assert dict(request.url.params) == {
        "channel": "viber_service_msg",
        "status": "read",
        "to": "4477",
        "until": "2026-11-26",
        "limit": "20",
    }


def test_dispatches(api: FakeApi, run: Run) -> None:
    api.on(DISPATCHES, page(DISPATCHES, DISPATCH))
    shown = run("dispatch:list", "--app-id", "a1", "--from-time", "2026-11-26").stdout
    for cell in (DISPATCH["dispatch_uuid"], "messenger → sms", "2 of 3", "running"):
        assert str(cell) in shown
    [request] = api.requests
    assert dict(request.url.params) == {"application_id": "a1", "from_time": "2026-11-26", "limit": "20"}
    assert request.headers["authorization"].startswith("Basic ")


COMMANDS = [
    pytest.param("messages:list", MESSAGES, MESSAGE, id="messages"),
    pytest.param("dispatch:list", DISPATCHES, DISPATCH, id="dispatches"),
]


@pytest.mark.parametrize(("command", "route", "item"), COMMANDS)
def test_an_empty_page_is_not_the_last(
    api: FakeApi, run: Run, command: str, route: str, item: dict[str, Any]
) -> None:
    api.on(route, page(route, item, following="a"), page(route, following="b"), page(route, item))
    assert json.loads(run(command, "--limit", "120", "--json").stdout) == [item, item]
    asked = [(request.url.params.get("cursor"), request.url.params["limit"]) for request in api.requests]
    assert asked == [(None, "100"), ("a", "100"), ("b", "100")]


@pytest.mark.parametrize(("command", "route", "item"), COMMANDS)
def test_no_more_than_asked_for(
    api: FakeApi, run: Run, command: str, route: str, item: dict[str, Any]
) -> None:
    api.on(route, page(route, item, following="a"))
    assert "more than 1" in run(command, "--limit", "1").stderr
    assert len(api.requests) == 1


@pytest.mark.parametrize(("command", "route", "item"), COMMANDS)
def test_none(api: FakeApi, run: Run, command: str, route: str, item: dict[str, Any]) -> None:
    api.on(route, page(route))
    assert run(command).stdout == ""
    assert json.loads(run(command, "--json").stdout) == []
