"""limits:show and limits:set."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from tests.cli.conftest import FakeApi

Run = Callable[..., Result]
GET, PUT = "GET /account/limits", "PUT /account/limits"
LIMITS = {
    "daily_spend": "50.00",
    "assumed_price": None,
    "currency": "EUR",
    "spent_today": "1.2500",
    "resets_at": "2026-11-27T00:00:00.000Z",
}
APPLICATION = {
    "id": "a1",
    "name": "Parcels",
    "capabilities": {"messages": {"webhooks": {}}},
    "keys": {"public_key": "-----BEGIN"},
    "privacy": {"improve_ai": False},
}


def test_the_accounts_are_shown(api: FakeApi, run: Run) -> None:
    api.on(GET, LIMITS)
    shown = run("limits:show").stdout
    for cell in ("50.00 EUR", "1.2500 EUR", "2026-11-27"):
        assert cell in shown
    assert "assumed" not in shown
    assert "!" not in shown
    assert json.loads(run("limits:show", "--json").stdout) == LIMITS


WARNING = {"code": "price_unknown_with_limit", "name": "assumed_price", "text": "all of sms is refused"}


def test_warnings(api: FakeApi, run: Run) -> None:
    api.on(GET, LIMITS)
    api.on(PUT, {**LIMITS, "warnings": [WARNING]})
    assert "! assumed_price: all of sms is refused" in run("limits:set", "--daily-spend", "5").stdout


def test_no_cap(api: FakeApi, run: Run) -> None:
    api.on(GET, {**LIMITS, "daily_spend": None})
    assert "no cap" in run("limits:show").stdout


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        (("--daily-spend", "20"), {"daily_spend": "20", "assumed_price": None}),
        (("--assumed-price", "0.10"), {"daily_spend": "50.00", "assumed_price": "0.10"}),
        (("--daily-spend", "none"), {"daily_spend": None, "assumed_price": None}),
    ],
    ids=["a cap", "a price", "no cap"],
)
def test_what_is_not_named_stays(api: FakeApi, run: Run, arguments: tuple[str, ...], sent: Any) -> None:
    api.on(GET, LIMITS)
    api.on(PUT, {**LIMITS, **sent})
    run("limits:set", *arguments)
    assert api.routes == [GET, PUT]
    assert api.sent() == sent


def test_an_applications(api: FakeApi, run: Run) -> None:
    api.on("GET /v2/applications/a1", APPLICATION)
    limits = {"daily_spend": "5", "spent_today": "1.2500", "warnings": [WARNING]}
    api.on("PUT /v2/applications/a1", {**APPLICATION, "limits": limits})
    assert "no cap" in run("limits:show", "--app-id", "a1").stdout
    result = run("limits:set", "--daily-spend", "5", "--app-id", "a1", "--json")
    assert json.loads(result.stdout) == {"application_id": "a1", **limits}
    kept = {name: APPLICATION[name] for name in ("name", "capabilities", "privacy")}
    assert api.sent() == {**kept, "limits": {"daily_spend": "5"}}
    api.on("GET /v2/applications/a2", {**APPLICATION, "limits": limits})
    assert "1.2500" in run("limits:show", "--app-id", "a2").stdout


@pytest.mark.parametrize(
    "arguments",
    [(), ("--app-id", "a1"), ("--app-id", "a1", "--daily-spend", "1", "--assumed-price", "1")],
    ids=["nothing", "of what", "a price of an application"],
)
def test_what_makes_no_sense(api: FakeApi, run: Run, arguments: tuple[str, ...]) -> None:
    run("limits:set", *arguments, code=2)
    assert api.requests == []


def test_a_bad_amount_is_the_apis_to_refuse(api: FakeApi, run: Run) -> None:
    api.on(GET, LIMITS)
    fault = {"name": "daily_spend", "reason": "must be an amount"}
    api.on(PUT, {"title": "Bad Request", "invalid_parameters": [fault]}, status=400)
    assert "daily_spend" in run("limits:set", "--daily-spend", "much", code=1).stderr
