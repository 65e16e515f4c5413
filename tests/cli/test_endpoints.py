"""webhooks:endpoints."""

import json
from collections.abc import Callable
from typing import Any

from typer.testing import Result

from tests.cli.conftest import FakeApi

Run = Callable[..., Result]
ENDPOINTS = "GET /v0.1/webhooks/endpoints"
FAILING = {
    "application_id": "a1",
    "kind": "status_url",
    "address": "https://client.example/status",
    "state": "failing",
    "since": "2026-11-26T10:00:00.412Z",
    "reason": "answered 500",
    "retry_at": None,
}
ALONE = FAILING | {
    "application_id": None,
    "state": "left_alone",
    "reason": "no connection within 3 s",
    "retry_at": "2026-11-26T10:05:00.000Z",
}


def page(*endpoints: dict[str, Any], cursor: str | None = None) -> dict[str, Any]:
    return {"endpoints": list(endpoints), "cursor": cursor}


def test_they_are_shown_to_the_last_page(api: FakeApi, run: Run) -> None:
    """A page between can be empty."""
    api.on(ENDPOINTS, page(ALONE, cursor="abc"), page(cursor="def"), page(FAILING))
    lines = run("webhooks:endpoints", "--as-account").stdout.splitlines()
    assert " ".join(lines[1].split()) == (
        "the account status_url https://client.example/status left alone 2026-11-26T10:00:00.412Z "
        "no connection within 3 s 2026-11-26T10:05:00.000Z"
    )
    assert lines[2].split()[0] == "a1"
    assert "failing" in lines[2]
    assert "answered 500" in lines[2]
    assert [dict(request.url.params) for request in api.requests] == [
        {"page_size": "100"},
        {"page_size": "100", "cursor": "abc"},
        {"page_size": "100", "cursor": "def"},
    ]
    assert all(request.headers["authorization"].startswith("Basic ") for request in api.requests)


def test_for_programs(api: FakeApi, run: Run) -> None:
    api.on(ENDPOINTS, page(FAILING))
    assert json.loads(run("webhooks:endpoints", "--json").stdout) == [FAILING]


def test_none(api: FakeApi, run: Run) -> None:
    api.on(ENDPOINTS, page())
    result = run("webhooks:endpoints", "--app-id", "a1")
    assert result.stdout == ""
    assert "None" in result.stderr
    [request] = api.requests
    assert request.url.params["application_id"] == "a1"
    assert request.headers["authorization"].startswith("Basic ")
