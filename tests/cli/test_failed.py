"""webhooks:failed and webhooks:replay."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from tests.cli.conftest import FakeApi

Run = Callable[..., Result]
FAILED, REPLAY = "GET /v0.1/webhooks/failed", "POST /v0.1/webhooks/replay"
EVENT = {
    "event_id": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab:delivered",
    "kind": "status",
    "message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
    "status": "delivered",
    "occurred_at": "2026-11-26T10:00:00.000Z",
    "failed_at": "2026-11-26T10:00:01.000Z",
    "attempts": 1,
    "reason": "answered 404",
}


def page(*events: dict[str, Any], cursor: str | None = None) -> dict[str, Any]:
    return {
        "page_size": 100,
        "_embedded": {"failed": list(events)},
        "_links": {"self": {"href": "/v0.1/webhooks/failed"}},
        **({"cursor": cursor} if cursor else {}),
    }


def test_they_are_listed_to_the_last_page(api: FakeApi, run: Run) -> None:
    api.on(FAILED, page(EVENT, cursor="abc"), page(EVENT))
    shown = run("webhooks:failed", "--from", "2026-11-26T00:00:00Z").stdout
    assert shown.count(EVENT["event_id"]) == 2  # type: ignore[arg-type]
    assert "answered 404" in shown
    first, second = (dict(request.url.params) for request in api.requests)
    assert first == {"from": "2026-11-26T00:00:00Z", "page_size": "100"}
    assert second == {"from": "2026-11-26T00:00:00Z", "page_size": "99", "cursor": "abc"}


def test_no_more_than_asked_for(api: FakeApi, run: Run) -> None:
    api.on(FAILED, page(EVENT, cursor="abc"))
    result = run("webhooks:failed", "--limit", "1", "--json")
    assert json.loads(result.stdout) == [EVENT]
    assert len(api.requests) == 1


def test_none(api: FakeApi, run: Run) -> None:
    api.on(FAILED, page())
    result = run("webhooks:failed", "--app-id", "a1")
    assert result.stdout == ""
    assert "None" in result.stderr
    [request] = api.requests
    assert request.url.params["application_id"] == "a1"
    assert request.headers["authorization"].startswith("Basic ")


def test_replayed_by_id(api: FakeApi, run: Run) -> None:
    api.on(REPLAY, {"replayed": 1, "not_found": ["x"]})
    result = run("webhooks:replay", EVENT["event_id"], "x")
    assert api.sent() == {"event_ids": [EVENT["event_id"], "x"]}
    assert "Replayed: 1" in result.stdout
    assert "no x" in result.stderr


def test_many_ids_go_in_several_calls(api: FakeApi, run: Run) -> None:
    api.on(REPLAY, {"replayed": 100}, {"replayed": 50})
    result = run("webhooks:replay", *(f"e{n}" for n in range(150)), "--json")
    assert json.loads(result.stdout) == {"replayed": 150}
    assert [len(api.sent(n)["event_ids"]) for n in range(2)] == [100, 50]


def test_replayed_by_time_to_the_end(api: FakeApi, run: Run) -> None:
    api.on(REPLAY, {"replayed": 500, "cursor": "abc"}, {"replayed": 3})
    period = {"from": "2026-11-26T10:00:00Z", "to": "2026-11-26T14:00:00Z"}
    result = run("webhooks:replay", "--from", period["from"], "--to", period["to"], "--app-id", "a1")
    assert "Replayed: 503" in result.stdout
    assert api.sent(0) == {"application_id": "a1", **period}
    assert api.sent(1) == {"application_id": "a1", **period, "cursor": "abc"}


@pytest.mark.parametrize(
    "arguments",
    [(), ("--to", "2026-11-26T14:00:00Z"), ("e1", "--from", "2026-11-26T14:00:00Z")],
    ids=["nothing", "an end only", "both"],
)
def test_which_ones(api: FakeApi, run: Run, arguments: tuple[str, ...]) -> None:
    run("webhooks:replay", *arguments, code=2)
    assert api.requests == []
