"""How many requests an application may make in a second."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from switchboard import clock
from tests.functions.flows import Flow
from tests.support import payloads

PATHS: dict[str, tuple[str, str, Callable[[], dict[str, Any]]]] = {
    "v0.1": ("send", "/v0.1/messages", lambda: payloads.text("sms")),
    "v1": ("send", "/v1/messages", lambda: payloads.flat("sms")),
    "dispatch": (
        "dispatch",
        "/v0.1/dispatch",
        lambda: payloads.workflow(payloads.step("sms", 600), payloads.step("sms")),
    ),
}


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time, which stands still."""
    now = [datetime.now(UTC).replace(microsecond=100_000)]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    return now


@pytest.fixture
def limited(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> Flow:
    monkeypatch.setenv("REQUESTS_PER_SECOND", "3")
    for function in ("send", "dispatch"):
        flow.cloud.load(function)
    return flow


def ask(flow: Flow, kind: str, headers: dict[str, str]) -> tuple[int, dict[str, str], dict[str, Any]]:
    function, path, body = PATHS[kind]
    answer: dict[str, Any] = {}
    module = flow.cloud.functions[function]
    handler = module.handler

    def kept(event: Any, context: Any) -> Any:
        answer.update(handler(event, context))
        return answer

    module.handler = kept  # type: ignore[attr-defined]
    try:
        status, content = flow.cloud.http(function, "POST", path, body(), headers)
    finally:
        module.handler = handler  # type: ignore[attr-defined]
    return status, {name.lower(): value for name, value in answer["headers"].items()}, content


@pytest.mark.parametrize("kind", PATHS)
def test_more_than_the_limit_is_told_to_wait(limited: Flow, moment: list[datetime], kind: str) -> None:
    asked = [ask(limited, kind, limited.app["bearer"]) for _ in range(5)]
    assert [status for status, _, _ in asked] == [202, 202, 202, 429, 429]
    for _, headers, body in asked[3:]:
        assert headers["retry-after"] == "1"
        assert headers["content-type"] == "application/problem+json"
        assert body.pop("instance") == headers["x-nexmo-trace-id"]
        assert body == {
            "type": "https://developer.nexmo.com/api-errors/messages-olympus#1010",
            "title": "Rate Limit Hit",
            "detail": "Please wait, then retry your request",
        }
    moment[0] += timedelta(seconds=1)
    assert ask(limited, kind, limited.app["bearer"])[0] == 202


def test_one_applications_flood_is_not_anothers(limited: Flow, moment: list[datetime]) -> None:
    other = payloads.application(limited.cloud)
    first = [ask(limited, "v1", limited.app["bearer"])[0] for _ in range(6)]
    assert first == [202] * 3 + [429] * 3
    assert ask(limited, "v1", other["bearer"])[0] == 202
    assert [ask(limited, "v0.1", payloads.basic())[0] for _ in range(4)] == [202] * 3 + [429]


def test_all_kinds_and_all_processes_count_together(limited: Flow, moment: list[datetime]) -> None:
    statuses = []
    for kind in ("v0.1", "dispatch", "v1", "dispatch"):
        limited.cloud.load("send")  # as another process would
        statuses.append(ask(limited, kind, limited.app["bearer"])[0])
    assert statuses == [202, 202, 202, 429]


def test_a_wrong_token_does_not_use_up_the_limit(limited: Flow, moment: list[datetime]) -> None:
    for _ in range(5):
        assert ask(limited, "v1", {"Authorization": "Bearer x"})[0] == 401
    assert ask(limited, "v1", limited.app["bearer"])[0] == 202


def counters(flow: Flow) -> list[dict[str, Any]]:
    found = flow.cloud.dynamodb.scan(TableName="table")["Items"]
    return [item for item in found if item["pk"]["S"].startswith("REQUESTS#")]


def test_what_was_counted_expires(limited: Flow, moment: list[datetime]) -> None:
    ask(limited, "v1", limited.app["bearer"])
    [counter] = counters(limited)
    assert counter["requests"] == {"N": "1"}
    assert int(counter["expires_at"]["N"]) > moment[0].timestamp()


def test_nothing_is_counted_where_there_is_no_limit(flow: Flow) -> None:
    for _ in range(5):
        assert ask(flow, "v1", flow.app["bearer"])[0] == 202
    assert counters(flow) == []
