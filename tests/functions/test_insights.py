"""GET /v0.1/insights."""

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from switchboard import insights
from switchboard.models.events import Usage
from switchboard.models.messages import Status
from tests.functions.flows import Flow
from tests.functions.test_counting import AT, Changes, after, count, item, link
from tests.support import payloads

PATH = "/v0.1/insights"
TIME = {"from": "2026-11-26", "to": "2026-11-26"}


def ask(flow: Flow, headers: Any = None, **query: str) -> tuple[int, Any]:
    return flow.cloud.http("insights", "GET", PATH, None, headers or payloads.basic(), query)


def rows(flow: Flow, headers: Any = None, **query: str) -> list[dict[str, Any]]:
    status, body = ask(flow, headers, **TIME | query)
    assert status == 200, body
    return list(body["rows"])


@pytest.fixture
def counted(flow: Flow) -> Flow:
    """Of the application: four SMS of 26 November at 10, of which three arrive and one fails, two Viber
    messages a day before, the first step of a workflow, and one SMS of the account itself."""
    mine = flow.app["id"]
    changes = Changes()
    sent = {"usage": Usage(Decimal("0.02"), "EUR")}
    for n in range(4):
        before = item(n, app=mine, recipient="447700900100" if n else "31612345678")
        handed = after(before, Status.SUBMITTED)
        end = after(handed, Status.DELIVERED, 2 + n, **sent) if n else after(handed, Status.UNDELIVERABLE)
        changes.add(before, handed, end)
    for n in range(4, 6):
        before = item(n, app=mine, channel="viber_service_msg", link=link(condition=Status.READ))
        before = before.model_copy(update={"accepted_at": AT - timedelta(days=1)})
        handed = after(before, Status.SUBMITTED, provider="infobip/default")
        read = after(handed, Status.READ, 20, Status.DELIVERED, provider="infobip/default")
        changes.add(before, handed, *([read] if n == 4 else []))
    own = item(6, app=None)
    changes.add(own, after(own, Status.SUBMITTED))
    count(flow, changes.records)
    return flow


def test_a_row(counted: Flow) -> None:
    [row] = rows(counted, counted.app["bearer"])
    assert row == {
        "channel": "sms",
        "messages": 4,
        "sent": 4,
        "delivered": 3,
        "read": 0,
        "failed": 1,
        "rejected": 0,
        "undeliverable": 1,
        "delivery_rate": 0.75,
        "read_rate": 0.0,
        "seconds_to_delivered": {"p50": pytest.approx(4, rel=0.1), "p90": pytest.approx(5, rel=0.1)},
        "seconds_to_read": {"p50": None, "p90": None},
        "cost": "0.0600",
        "currency": "EUR",
    }


GROUPS: dict[str, tuple[str, list[tuple[Any, ...]]]] = {
    "nothing": ("channel", [("sms", 4)]),
    "country": ("country", [("GB", 3), ("NL", 1)]),
    "channel and provider": ("provider,channel", [("sms", "aws", 4)]),
    "hour": ("hour", [("2026-11-26T10:00:00.000Z", 4)]),
    "day": ("day", [("2026-11-26", 4)]),
}


@pytest.mark.parametrize("name", GROUPS)
def test_groups(counted: Flow, name: str) -> None:
    groups, expected = GROUPS[name]
    found = rows(counted, counted.app["bearer"], group_by=groups)
    assert [tuple(row.values())[: len(expected[0])] for row in found] == expected


def test_two_days(counted: Flow) -> None:
    found = rows(counted, counted.app["bearer"], group_by="day,channel", **{"from": "2026-11-25T13:00:00Z"})
    assert [(row["day"], row["channel"], row["messages"]) for row in found] == [
        ("2026-11-25", "viber_service_msg", 2),
        ("2026-11-26", "sms", 4),
    ]
    found = rows(counted, counted.app["bearer"], group_by="hour", **{"from": "2026-11-25T13:00:00Z"})
    assert [row["hour"] for row in found] == ["2026-11-26T10:00:00.000Z"]


def test_a_month_ends(counted: Flow) -> None:
    status, body = ask(
        counted, counted.app["bearer"], **{"from": "2025-11-01", "to": "2026-11-26", "group_by": "day"}
    )
    assert status == 200
    assert [row["messages"] for row in body["rows"]] == [2, 4]
    status, body = ask(counted, **{"from": "2026-11-26", "to": "2026-12-03"})
    assert [row["messages"] for row in body["rows"]] == [5]


def test_steps(counted: Flow) -> None:
    status, body = ask(counted, **{"from": "2026-11-25", "to": "2026-11-25", "group_by": "step,day"})
    assert status == 200
    assert body["steps"] == [
        {
            "day": "2026-11-25",
            "step": 1,
            "channel": "viber_service_msg",
            "tried": 2,
            "won": 1,
            "late": 0,
            "win_rate": 0.5,
            "cost": "0.0000",
            "currency": "EUR",
        }
    ]
    assert "steps" not in ask(counted, **TIME)[1]


def test_who_sees_what(counted: Flow) -> None:
    mine, other = counted.app["id"], payloads.application(counted.cloud)
    assert [row["messages"] for row in rows(counted)] == [5]
    assert [row["messages"] for row in rows(counted, application_id=mine)] == [4]
    assert [row["application_id"] for row in rows(counted, group_by="application_id")] == [None, mine]
    assert rows(counted, other["bearer"]) == []
    assert ask(counted, other["bearer"], application_id=mine)[0] == 404
    assert ask(counted, {"Authorization": "Basic x"})[0] == 401


def test_what_an_application_did_stays_when_it_is_deleted(counted: Flow) -> None:
    path = f"/v2/applications/{counted.app['id']}"
    assert counted.cloud.http("applications", "DELETE", path, None, payloads.basic())[0] == 204
    assert [row["messages"] for row in rows(counted)] == [5]


FAULTS = {
    "a group": ({"group_by": "colour"}, "group_by"),
    "hours and days": ({"group_by": "hour,day"}, "group_by"),
    "a time": ({"from": "yesterday"}, "from"),
    "the end first": ({"from": "2026-11-26", "to": "2026-11-25"}, "to"),
    "too many days": ({"from": "2024-11-26", "to": "2026-11-26"}, "from"),
    "too many hours": ({"from": "2026-10-20", "to": "2026-11-26", "group_by": "hour"}, "from"),
    "an id": ({"application_id": "a#b"}, "application_id"),
    "a step's country": ({"group_by": "step,country"}, "country together with step"),
    "a step's provider": ({"group_by": "provider,channel,step,day"}, "provider together with step"),
    "a name that is none": ({"groupby": "country"}, "groupby"),
    "the end of time": ({"from": "9999-12-31", "to": "9999-12-31"}, "to"),
    "the beginning of time": ({"to": "0001-01-01T00:00:00Z"}, "to"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(flow: Flow, name: str) -> None:
    query, field = FAULTS[name]
    status, body = ask(flow, **query)
    assert status in (400, 422), body
    assert field in str(body)


def test_what_the_account_did_itself(counted: Flow) -> None:
    assert [row["messages"] for row in rows(counted, application_id="account")] == [1]
    assert ask(counted, counted.app["bearer"], application_id="account")[0] == 404


def test_no_more_than_can_be_read(counted: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insights, "MOST", 2)
    status, body = ask(counted, **TIME)
    assert status in (400, 422)
    assert "application_id" in str(body)


def test_the_last_week_by_channel_unless_asked_otherwise(flow: Flow) -> None:
    status, body = ask(flow)
    assert status == 200
    assert body["group_by"] == ["channel"]
    length = datetime.fromisoformat(body["to"]) - datetime.fromisoformat(body["from"])
    assert length == timedelta(days=8)  # both days are whole ones
    assert datetime.fromisoformat(body["to"]) > datetime.now(UTC)


def as_csv(flow: Flow, **query: str) -> list[dict[str, str]]:
    headers = payloads.basic() | {"Accept": "text/csv"}
    status, text = ask(flow, headers, **TIME | query)
    assert status == 200
    return list(csv.DictReader(io.StringIO(text)))


def test_csv(counted: Flow) -> None:
    [row] = as_csv(counted, application_id=counted.app["id"])
    assert (row["channel"], row["sent"], row["cost"], row["currency"]) == ("sms", "4", "0.0600", "EUR")
    assert float(row["seconds_to_delivered_p50"]) == pytest.approx(4, rel=0.1)
    assert as_csv(counted, group_by="step", **{"from": "2026-11-25"})[0]["won"] == "1"
    headers = payloads.basic() | {"Accept": "text/csv"}
    empty = ask(counted, headers, **{"from": "2020-01-01", "to": "2020-01-01"})[1]
    assert empty.startswith("channel,messages,sent,delivered")
