"""insights, reports:messages and audit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import Result

from tests.cli.conftest import FakeApi

Run = Callable[..., Result]
INSIGHTS, REPORT, AUDIT = "GET /v0.1/insights", "GET /v0.1/reports/messages", "GET /v0.1/audit"
ROW = {
    "day": "2026-11-26",
    "channel": "sms",
    "messages": 5,
    "sent": 4,
    "delivered": 3,
    "read": 0,
    "failed": 1,
    "delivery_rate": 0.75,
    "read_rate": 0.0,
    "seconds_to_delivered": {"p50": 3.2, "p90": 7300.0},
    "seconds_to_read": {"p50": None, "p90": None},
    "cost": "0.0600",
    "currency": "EUR",
}
STEP = {
    "step": 1,
    "channel": "sms",
    "tried": 4,
    "won": 3,
    "late": 1,
    "win_rate": 0.75,
    "cost": "0.06",
    "currency": "EUR",
}


def test_insights_as_a_table(api: FakeApi, run: Run) -> None:
    api.on(INSIGHTS, {"group_by": ["day", "channel", "step"], "rows": [ROW], "steps": [STEP]})
    shown = run("insights", "--by", "day", "--by", "channel", "--by", "step", "--from", "2026-11-26").stdout
    for cell in ("2026-11-26", "3 (75%)", "3.2 s / 2 h", "0.0600 EUR", "steps of workflows"):
        assert cell in shown
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in shown.splitlines()]
    assert ["2026-11-26", "sms", "5", "4", "3 (75%)"] in [row[:5] for row in cells]
    assert ["2", "sms", "4"] in [row[:3] for row in cells], "steps as dispatch:show counts them"
    assert dict(api.requests[0].url.params) == {"from": "2026-11-26", "group_by": "day,channel,step"}


def test_insights_as_json_and_csv(api: FakeApi, run: Run) -> None:
    api.on(
        INSIGHTS,
        {"group_by": ["channel"], "rows": [ROW]},
        httpx.Response(200, text="channel,cost\r\nsms,1\r\n"),
    )
    assert json.loads(run("insights", "--json").stdout)["rows"] == [ROW]
    assert run("insights", "--csv", "--app-id", "a1").stdout == "channel,cost\nsms,1\n"
    assert api.requests[1].headers["accept"] == "text/csv"
    assert api.requests[1].url.params["application_id"] == "a1"
    run("insights", "--csv", "--json", code=2)
    by_step = run("insights", "--csv", "--by", "step", "--by", "day")
    assert "rows are of steps" in by_step.stderr
    assert by_step.stdout == "channel,cost\nsms,1\n"


def test_no_insights(api: FakeApi, run: Run) -> None:
    api.on(INSIGHTS, {"group_by": ["channel"], "rows": []})
    result = run("insights")
    assert (result.stdout, "Nothing" in result.stderr) == ("", True)


def page(text: str, cursor: str = "") -> httpx.Response:
    query = f"format=csv&from=2026-11-01T00%3A00%3A00.000Z&cursor={cursor}"
    headers = {"link": f'</v0.1/reports/messages?{query}>; rel="next"'} if cursor else {}
    return httpx.Response(200, text=text, headers=headers)


HEADER = "message_uuid,application_id,channel,provider,from,to,status,accepted_at\r\n"
LINES = [
    f"{n},a1,sms,aws/default,Acme,447700900100,delivered,2026-11-2{n}T10:00:00.000Z\r\n" for n in range(3)
]


def test_records_go_to_a_file_page_by_page(api: FakeApi, run: Run) -> None:
    api.on(REPORT, page(HEADER + LINES[0], "abc"), page(LINES[1], "def"), page(LINES[2]))
    result = run("reports:messages", "--from", "2026-11-01", "--channel", "sms", "--csv", "-o", "out.csv")
    assert Path("out.csv").read_bytes().decode() == HEADER + "".join(LINES)
    assert "3 records" in result.stderr
    assert result.stdout == ""
    first, second, third = (dict(request.url.params) for request in api.requests)
    assert first == {"from": "2026-11-01", "channel": "sms", "format": "csv"}
    assert second == {"from": "2026-11-01T00:00:00.000Z", "format": "csv", "cursor": "abc"}
    assert third["cursor"] == "def"
    assert [path.name for path in Path().iterdir()] == ["out.csv"]


def test_records_go_to_the_output(api: FakeApi, run: Run) -> None:
    line = json.dumps({"message_uuid": "u", "accepted_at": "2026-11-26T10:00:00.000Z"}) + "\n"
    api.on(REPORT, page(line, "abc"), page(""))
    assert run("reports:messages").stdout == line
    assert api.requests[0].url.params["format"] == "jsonl"
    run("reports:messages", "--recipient", "+447700900100", "-c", "viber")
    asked = api.requests[-1].url.params
    assert (asked["recipient"], asked["channel"]) == ("+447700900100", "viber_service_msg")


def test_half_a_report_is_none(api: FakeApi, run: Run) -> None:
    Path("out.csv").write_text("as it was")
    api.on(REPORT, page(HEADER + LINES[0], "abc"), httpx.Response(500, json={"title": "Internal error"}))
    run("reports:messages", "--csv", "-o", "out.csv", code=3)
    assert Path("out.csv").read_text() == "as it was"
    assert [path.name for path in Path().iterdir()] == ["out.csv"]


def test_a_place_that_cannot_be_written(api: FakeApi, run: Run) -> None:
    run("reports:messages", "-o", "no/such/folder", code=2)
    assert api.requests == []


def entry(**more: Any) -> dict[str, Any]:
    changes = [{"name": "name", "old": "Parcels", "new": None}]
    return {
        "id": "1",
        "timestamp": "2026-11-26T10:00:00.000Z",
        "who": "key",
        "action": "application.updated",
        "target": "a1",
        "outcome": "done",
        "changes": changes,
    } | more


def test_audit(api: FakeApi, run: Run) -> None:
    api.on(
        AUDIT, {"entries": [entry()], "cursor": "abc"}, {"entries": [entry(outcome="open")], "cursor": None}
    )
    shown = run("audit", "--from", "2026-11-01").stdout
    for cell in ("application.updated", "name: Parcels → -", " open "):
        assert cell in shown
    assert [dict(request.url.params) for request in api.requests] == [
        {"from": "2026-11-01", "limit": "50"},
        {"from": "2026-11-01", "limit": "49", "cursor": "abc"},
    ]
    assert all(request.headers["authorization"].startswith("Basic ") for request in api.requests)


@pytest.mark.parametrize("as_json", [False, True], ids=["shown", "as JSON"])
def test_no_audit(api: FakeApi, run: Run, as_json: bool) -> None:
    api.on(AUDIT, {"entries": [], "cursor": None})
    result = run("audit", *(["--json"] if as_json else []))
    assert result.stdout.strip() == ("[]" if as_json else "")
