"""Limits on what is spent: on one message, on a dispatch, and on a day."""

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from switchboard import clock, pricing
from switchboard.errors import Unavailable
from switchboard.media import Media
from switchboard.models.events import Usage
from switchboard.models.messages import Channel, Status
from switchboard.spending import Spending
from switchboard.store import StatusRecord, Store
from switchboard.store.spend import SpendStore
from switchboard.transitions import Change
from tests.functions.flows import Body, Flow
from tests.functions.test_dispatch import entries, report
from tests.functions.test_handover import account
from tests.support import payloads
from tests.support.payloads import basic, step

RATES = """
[[rate]]
channel = "sms"
price = "0.05"
currency = "EUR"
date = 2026-11-01
source = "us"

[[rate]]
channel = "sms"
provider = "infobip"
price = "0.02"
currency = "EUR"
date = 2026-11-01
source = "us"

[[rate]]
channel = "viber_service_msg"
price = "0.01"
currency = "EUR"
date = 2026-11-01
source = "us"

[[rate]]
channel = "whatsapp"
category = "marketing"
price = "0.08"
currency = "EUR"
date = 2026-11-01
source = "us"

[[rate]]
channel = "whatsapp"
category = "utility"
price = "0.03"
currency = "EUR"
date = 2026-11-01
source = "us"

[[rate]]
channel = "whatsapp"
category = "authentication"
price = "0.04"
currency = "EUR"
date = 2026-11-01
source = "us"
"""
TEMPLATE = {"name": "parcel", "parameters": ["today"]}


@pytest.fixture(autouse=True)
def _rates(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pricing.read(RATES)
    monkeypatch.setattr(pricing, "table", lambda: found)


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    """What is added to the clock where money is counted."""
    passed = [timedelta()]
    real = clock.now
    later = type("Clock", (), {"now": lambda: real() + passed[0]})
    monkeypatch.setattr("switchboard.spending.clock", later)
    return passed


def sent(flow: Flow, body: Body) -> tuple[str, Any]:
    """The status that a message came to, and its error."""
    uuid = flow.send(body) if "message" in body else flow.send_v1(body)["message_uuid"]
    flow.drain()
    [hook] = flow.heard(message_uuid=uuid)
    error = hook.get("error", {})
    return hook["status"], error.get("code") or (int(error["title"]) if error else None)


def cap(flow: Flow, amount: Any, application: bool = False, assumed: Any = None) -> None:
    headers = basic()
    if application:
        path = f"/v2/applications/{flow.app['id']}"
        body = {name: flow.app[name] for name in ("name", "capabilities")} | {
            "limits": {"daily_spend": amount}
        }
    else:
        path, body = "/account/limits", {"daily_spend": amount, "assumed_price": assumed}
    status, answer = flow.cloud.http("applications", "PUT", path, body, headers)
    assert status == 200, answer
    flow.cloud.functions["deliver"].services.spending._caps = (None, 0.0)


def spent(flow: Flow) -> str:
    status, answer = flow.cloud.http("applications", "GET", "/account/limits", headers=basic())
    assert status == 200
    return str(answer["spent_today"])


# --- max_price -------------------------------------------------------------------------------------

LIMITS: list[tuple[str, Body, Any, int | None]] = [
    ("enough", payloads.text("sms"), "0.05", None),
    ("a number", payloads.text("sms"), 0.05, None),
    ("too little", payloads.text("sms"), "0.049", 1901),
    ("nothing", payloads.text("sms"), 0, 1901),
    ("two parts", payloads.text("sms", "x" * 161), "0.09", 1901),
    ("two parts, enough", payloads.text("sms", "x" * 161), "0.10", None),
    ("nobody knows", payloads.text("messenger"), "100", 1902),
    ("any category", payloads.flat("whatsapp", "template", TEMPLATE), "0.08", None),
    ("one category is dearer", payloads.flat("whatsapp", "template", TEMPLATE), "0.07", 1901),
]


@pytest.mark.parametrize(
    ("body", "limit", "code"), [case[1:] for case in LIMITS], ids=[case[0] for case in LIMITS]
)
def test_a_message(flow: Flow, body: Body, limit: Any, code: int | None) -> None:
    uuid_and_status = sent(flow, body | {"max_price": limit})
    if code is None:
        assert uuid_and_status == ("submitted", None)
        assert len(flow.world.sent) == 1
    else:
        assert uuid_and_status == ("rejected", code)
        assert flow.world.sent == []


def test_a_message_of_version_1(flow: Flow) -> None:
    made = flow.send_v1(payloads.flat("sms", max_price="0.01"))
    flow.drain()
    [hook] = flow.heard(message_uuid=made["message_uuid"])
    assert hook["error"]["title"] == "1901"
    assert hook["error"]["detail"] == "Its price of 0.0500 EUR is above its max_price of 0.01"


def told(flow: Flow, body: Body) -> str:
    """Why a message was not handed over, as its webhook and its story have it."""
    uuid = flow.send(body)
    flow.drain()
    [hook] = flow.heard(message_uuid=uuid)
    reason = str(hook["error"]["reason"])
    path = f"/v0.1/messages/{uuid}/explain"
    _, story = flow.cloud.http("send", "GET", path, headers=flow.app["bearer"])
    why = f"not handed over, as {reason[0].lower()}{reason[1:]} ({hook['error']['code']})"
    assert story["lines"][-1]["text"] == f"Rejected: {why}."
    assert story["lines"][-1]["evidence"]["detail"] == f"{reason[0].lower()}{reason[1:]}"
    return reason


def test_which_limit_it_was(flow: Flow) -> None:
    assert told(flow, payloads.text("messenger", max_price="1")) == (
        "Its price is not known, so that its max_price of 1 cannot be kept"
    )
    cap(flow, "0.04", application=True)
    assert told(flow, payloads.text("sms")) == (
        "The application's daily cap of 0.04 has no room for its price of 0.0500 EUR"
    )
    assert told(flow, payloads.text("messenger")) == (
        "Its price is not known, so that the application's daily cap of 0.04 cannot be kept"
    )
    cap(flow, None, application=True)
    cap(flow, "0.03")
    assert told(flow, payloads.text("sms")) == (
        "The account's daily cap of 0.03 has no room for its price of 0.0500 EUR"
    )


def test_a_dispatchs_limit_is_named(flow: Flow) -> None:
    """The step's own price is below it."""
    dispatch(flow, "0.059", step("viber_service_msg", 1), step("sms"))
    flow.until(lambda: flow.heard(status="rejected"))
    [hook] = flow.heard(status="rejected")
    assert hook["error"] == {
        "code": 1901,
        "reason": "Its price of 0.0500 EUR, with 0.0100 for the steps before it, is above the dispatch's "
        "max_price of 0.059",
    }


def test_another_account_is_cheaper(flow: Flow) -> None:
    number = payloads.ENDS["sms"][0]["number"]
    account(flow, "dear", {"channel": "sms", "id": number, "order": 0}, provider="aws")
    body = {
        "credentials": {"base_url": "https://ib.example", "api_key": "k", "callback_token": "t"},
        "senders": [{"channel": "sms", "id": number, "order": 1}],
    }
    assert flow.cloud.http("accounts", "PUT", "/accounts/infobip/cheap", body, basic())[0] == 201
    assert sent(flow, payloads.text("sms", max_price="0.03")) == ("submitted", None)
    assert [request.url.host for request in flow.world.sent] == ["ib.example"]


WRONG = ["free", "", True, -1, "1e9", "NaN", "0.1" + "0" * 40, [], {}]


@pytest.mark.parametrize("limit", WRONG, ids=repr)
@pytest.mark.parametrize("path", ["/v0.1/messages", "/v1/messages", "/v0.1/dispatch", "a step"])
def test_what_is_no_price(flow: Flow, path: str, limit: Any) -> None:
    bodies = {
        "/v0.1/messages": ("send", payloads.text("sms", max_price=limit)),
        "/v1/messages": ("send", payloads.flat("sms", max_price=limit)),
        "/v0.1/dispatch": ("dispatch", payloads.workflow(step("sms")) | {"max_price": limit}),
        "a step": ("dispatch", payloads.workflow(step("sms") | {"max_price": limit})),
    }
    function, body = bodies[path]
    name = "workflow[0].max_price" if path == "a step" else "max_price"
    status, problem = flow.cloud.http(
        function, "POST", "/v0.1/dispatch" if path == "a step" else path, body, flow.app["bearer"]
    )
    assert status in (400, 422)
    reason = 'must be an amount in the account\'s currency from 0 to 1000000, as in "0.05"'
    assert problem["invalid_parameters"] == [{"name": name, "reason": reason}]


def test_a_step_above_its_price_fails_over(flow: Flow) -> None:
    flow.dispatch(step("sms", 3600) | {"max_price": "0.01"}, step("viber_service_msg") | {"max_price": "1"})
    flow.viber_receipt(flow.step_message(1))
    assert entries(report(flow)) == [("sms", "rejected"), ("viber_service_msg", "delivered")]


def dispatch(flow: Flow, limit: Any, *steps: Body) -> str:
    body = payloads.workflow(*steps) | {"max_price": limit}
    status, answer = flow.cloud.http("dispatch", "POST", "/v0.1/dispatch", body, flow.app["bearer"])
    assert status == 202, answer
    return str(answer["dispatch_uuid"])


@pytest.mark.parametrize(("limit", "goes"), [("0.06", True), ("0.059", False)])
def test_a_dispatch_costs_no_more_in_all(flow: Flow, limit: str, goes: bool) -> None:
    """The first step is out, and can still cost something."""
    dispatch(flow, limit, step("viber_service_msg", 1), step("sms"))
    flow.until(lambda: flow.heard(status="submitted"))
    if goes:
        flow.receipt(flow.step_message(1))
        assert entries(report(flow)) == [("viber_service_msg", "submitted"), ("sms", "delivered")]
    else:
        ended = report(flow)
        assert entries(ended) == [("viber_service_msg", "submitted"), ("sms", "rejected")]
        assert ended["reason"] == "rejected"


@pytest.mark.parametrize(
    ("status", "price", "costs"),
    [
        ("undeliverable", None, "0.0000"),
        ("undeliverable", ("0.02", "EUR"), "0.02"),
        ("undeliverable", ("5", "JPY"), "0.0000"),
        ("submitted", ("0.02", "EUR"), "0.02"),
        ("submitted", ("5", "JPY"), "0.0100"),  # by the table
        ("delivered", ("5", "JPY"), "0.0100"),
    ],
)
def test_what_a_step_before_has_cost(
    flow: Flow, status: str, price: tuple[str, str] | None, costs: str
) -> None:
    """What its provider states, though it failed; a price in a currency that we cannot convert is none."""
    flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    uuid = flow.step_message(0)
    services = flow.cloud.functions["deliver"].services
    usage = Usage(Decimal(price[0]), price[1]) if price else None
    item = services.store.message(uuid, consistent=True)
    record = StatusRecord(at=clock.now(), by="x", usage=usage)
    if status == "submitted":
        update: dict[str, Any] = {"late_usage": usage}
    else:
        update = {"status": Status(status), "statuses": item.statuses | {Status(status): record}}
    found = item.model_copy(update=update)
    spending = services.delivering.handover.spending
    second = item.model_copy(update={"link": item.link.model_copy(update={"step": 1})})
    fake = Spending(
        spending.store,
        cast(Store, SimpleNamespace(message=lambda *_, **__: found)),
        spending.templates,
        spending.prices,
    )
    assert fake.before(second) == Decimal(costs)


def test_what_failed_costs_a_dispatch_nothing(flow: Flow) -> None:
    dispatch(flow, "0.05", step("viber_service_msg", 3600), step("sms"))
    flow.viber_receipt(flow.step_message(0), payloads.NOT_DELIVERED)
    flow.receipt(flow.step_message(1))
    assert entries(report(flow)) == [("viber_service_msg", "undeliverable"), ("sms", "delivered")]


# --- caps ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("application", [False, True], ids=["account", "application"])
def test_a_day(flow: Flow, today: list[timedelta], application: bool) -> None:
    cap(flow, "0.12", application)
    ends = [sent(flow, payloads.text("sms")) for _ in range(3)]
    assert ends == [("submitted", None), ("submitted", None), ("rejected", 1903)]
    assert sent(flow, payloads.text("viber_service_msg")) == ("submitted", None)  # there is room for it
    today[0] = timedelta(days=1)
    assert sent(flow, payloads.text("sms")) == ("submitted", None)


def test_a_cap_is_lifted(flow: Flow) -> None:
    cap(flow, 0)
    assert sent(flow, payloads.text("sms")) == ("rejected", 1903)
    cap(flow, None)
    assert sent(flow, payloads.text("sms")) == ("submitted", None)
    assert sent(flow, payloads.text("messenger")) == ("submitted", None)


def test_both_caps(flow: Flow) -> None:
    """What the account's cap refuses is not counted for the application."""
    cap(flow, "0.06")
    cap(flow, "0.12", application=True)
    assert sent(flow, payloads.text("sms")) == ("submitted", None)
    for _ in range(3):
        assert sent(flow, payloads.text("sms")) == ("rejected", 1903)
    assert spent(flow) == "0.0500"
    store = flow.cloud.functions["deliver"].services.spend_store
    day = clock.now().date()
    assert store.spent(flow.app["id"], day) == Decimal("0.0500")


def test_another_applications_cap(flow: Flow) -> None:
    cap(flow, "0", application=True)
    other = payloads.application(flow.cloud)
    status, answer = flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), other["bearer"])
    assert status == 202
    flow.drain()
    assert [hook["status"] for hook in flow.heard(message_uuid=answer["message_uuid"])] == ["submitted"]


def test_a_price_that_nobody_knows(flow: Flow) -> None:
    cap(flow, "100")
    assert sent(flow, payloads.text("messenger")) == ("rejected", 1902)


def test_a_price_that_is_assumed(flow: Flow) -> None:
    """Of what nobody knows: it counts against every limit."""
    cap(flow, "0.5", assumed="0.2")
    assert sent(flow, payloads.text("messenger", max_price="0.1")) == ("rejected", 1901)
    ends = [sent(flow, payloads.text("messenger")) for _ in range(3)]
    assert ends == [("submitted", None), ("submitted", None), ("rejected", 1903)]
    assert sent(flow, payloads.text("sms")) == ("submitted", None)  # by the table
    assert spent(flow) == "0.4500"


def test_tried_again_is_counted_once(flow: Flow) -> None:
    cap(flow, "10")
    flow.world.provider = lambda request: httpx.Response(503)
    flow.send(payloads.text("sms"))
    for _ in range(3):
        flow.cloud.show_again("OutboundQueue")
        flow.cloud.deliver()
    assert len(flow.world.sent) > 1
    assert spent(flow) == "0.0500"


def again(flow: Flow) -> None:
    flow.cloud.show_again("OutboundQueue")
    flow.cloud.deliver()


@pytest.mark.parametrize("room", [True, False])
def test_an_attempt_that_did_not_get_as_far_is_not_counted(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, room: bool
) -> None:
    """The next one is: it is counted, and held to the cap."""
    cap(flow, "0.05" if room else "0.04")
    handover = flow.cloud.functions["deliver"].services.delivering.handover
    real, tried = handover.media.staged, []

    def staged(*arguments: Any) -> Any:
        tried.append(1)
        if len(tried) < 3:
            raise Unavailable(1331, "its host has trouble")
        return real(*arguments)

    monkeypatch.setattr(Media, "staged", lambda self, *arguments: staged(*arguments))
    uuid = flow.send(payloads.text("sms"))
    for number in range(1, 4):
        again(flow)
        assert len(tried) == number
        assert spent(flow) == ("0.0500" if room and number == 3 else "0.0000")
    flow.drain()
    [hook] = flow.heard(message_uuid=uuid)
    assert hook["status"] == ("submitted" if room else "rejected")
    assert len(flow.world.sent) == (1 if room else 0)


def test_a_message_that_quotes_what_is_not_out_yet(flow: Flow) -> None:
    """Its first attempt ends before it is anybody's."""
    cap(flow, "0", assumed="0.01")
    store = flow.cloud.functions["deliver"].services.store
    first = flow.send_v1(payloads.flat("whatsapp"))["message_uuid"]
    flow.cloud.taken("OutboundQueue")
    second = flow.send_v1(payloads.flat("whatsapp", context={"message_uuid": first}))["message_uuid"]
    again(flow)
    assert (store.message(second, consistent=True).attempts, spent(flow)) == (1, "0.0000")
    flow.cloud.functions["deliver"].services.transitions.apply(
        [Change(first, Status.SUBMITTED, clock.now(), provider_id="wamid.1")]
    )
    again(flow)
    flow.drain()
    [hook] = flow.heard(message_uuid=second)
    assert (hook["status"], hook["error"]["title"]) == ("rejected", "1903")


def test_who_waits_for_the_second_account_is_counted_once(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one had it, and is set up wrongly; the waiting takes no attempt."""
    number = payloads.ENDS["sms"][0]["number"]
    sender = {"channel": "sms", "id": number}
    cap(flow, "10")
    account(flow, "slow", sender | {"order": 1, "rate": {"per_second": 1}}, provider="aws")
    account(flow, "wrong", sender | {"order": 0}, provider="aws")

    def provider(request: httpx.Request) -> httpx.Response:
        if b'"wrong"' in request.content:
            return httpx.Response(403, headers={"x-amzn-errortype": "AccessDeniedException"}, json={})
        return payloads.accepts_all(request)

    flow.world.provider = provider
    uuid = flow.send(payloads.text("sms"))
    services = flow.cloud.functions["deliver"].services
    store, handover = services.store, services.delivering.handover
    item = store.message(uuid, consistent=True)
    [slow] = [route for route in handover.senders.routes(Channel.SMS, number).found if route.rate]
    handover.pace.hold(item.message, slow, 100)
    again(flow)
    item = store.message(uuid, consistent=True)
    assert (item.status, item.attempts, item.slot is None) == (Status.ACCEPTED, 0, False)
    assert (len(flow.world.sent), spent(flow)) == (1, "0.0500")
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(seconds=101))
    again(flow)
    assert store.message(uuid, consistent=True).status is Status.SUBMITTED
    assert spent(flow) == "0.0500"


def test_without_limits_nothing_is_counted(flow: Flow) -> None:
    sent(flow, payloads.text("sms"))
    keys = {
        item["pk"]["S"].partition("#")[0] for item in flow.cloud.dynamodb.scan(TableName="table")["Items"]
    }
    assert "SPEND" not in keys


def test_at_once_from_many_sides(flow: Flow) -> None:
    """The day's sum is written with a condition: it does not exceed the cap, whoever counts."""
    store = flow.cloud.functions["deliver"].services.spend_store
    day = date(2026, 11, 25)
    took = [store.add("who", day, Decimal("0.3"), Decimal(1)) for _ in range(5)]
    assert took == [True, True, True, False, False]
    assert store.spent("who", day) == Decimal("0.9000")


# --- setting them ----------------------------------------------------------------------------------


def test_the_accounts_limits(flow: Flow) -> None:
    def call(method: str, body: Any = None) -> Any:
        return flow.cloud.http("applications", method, "/account/limits", body, basic())

    status, none = call("GET")
    assert (status, none["daily_spend"], none["spent_today"], none["currency"]) == (
        200,
        None,
        None,
        "EUR",
    ), "without a cap nothing is counted"
    assert none["resets_at"].endswith("T00:00:00.000Z")
    assert call("PUT", none | {"daily_spend": "50.00"})[1]["daily_spend"] == "50.00"
    assert call("PUT", none | {"daily_spend": 12.5})[1]["daily_spend"] == "12.5"
    assert (call("GET")[1]["daily_spend"], call("GET")[1]["spent_today"]) == ("12.5", "0.0000")
    both = call("PUT", {"daily_spend": "1", "assumed_price": "0.1"})[1]
    assert (both["daily_spend"], both["assumed_price"]) == ("1", "0.1")
    assert call("PUT", {"daily_spend": "1", "assumed_price": None})[1]["assumed_price"] is None
    gone = call("PUT", {"daily_spend": None, "assumed_price": None})[1]
    assert (gone["daily_spend"], gone["spent_today"]) == (None, None)


WRONG_LIMITS: dict[str, tuple[Any, set[str]]] = {
    "nothing": ({}, {"daily_spend", "assumed_price"}),
    "no object": ([], {"body"}),
    "one of two": ({"daily_spend": "1"}, {"assumed_price"}),
    "the other": ({"assumed_price": "1"}, {"daily_spend"}),
    "no amount": ({"daily_spend": "much", "assumed_price": None}, {"daily_spend"}),
    "less than nothing": ({"daily_spend": None, "assumed_price": -1}, {"assumed_price"}),
    "a slip": ({"daily_spent": "1", "assumed_price": None}, {"daily_spend", "daily_spent"}),
    "what would be nothing": ({"daily_spend": "0.00001", "assumed_price": None}, {"daily_spend"}),
    "the same": ({"daily_spend": None, "assumed_price": 0.00005}, {"assumed_price"}),
}


@pytest.mark.parametrize("name", WRONG_LIMITS)
def test_wrong_limits_of_the_account_change_nothing(flow: Flow, name: str) -> None:
    cap(flow, "7", assumed="0.5")
    store = flow.cloud.functions["deliver"].services.spend_store
    before = store.caps()
    body, named = WRONG_LIMITS[name]
    status, problem = flow.cloud.http("applications", "PUT", "/account/limits", body, basic())
    assert status == 400
    assert {fault["name"] for fault in problem["invalid_parameters"]} == named
    assert store.caps() == before


WRONG_CAPS: dict[str, tuple[Any, set[str]]] = {
    "nothing": ({}, {"limits.daily_spend"}),
    "no object": ("5", {"limits"}),
    "no amount": ({"daily_spend": "much"}, {"limits.daily_spend"}),
    "a slip": ({"daily_spent": "5"}, {"limits.daily_spend", "limits.daily_spent"}),
    "one more": ({"daily_spend": "5", "assumed_price": "1"}, {"limits.assumed_price"}),
    "what would be nothing": ({"daily_spend": "0.00001"}, {"limits.daily_spend"}),
}


@pytest.mark.parametrize("name", WRONG_CAPS)
def test_wrong_limits_of_an_application_change_nothing(flow: Flow, name: str) -> None:
    cap(flow, "6", application=True)
    store = flow.cloud.functions["deliver"].services.spend_store
    before = store.caps()
    limits, named = WRONG_CAPS[name]
    path, body = f"/v2/applications/{flow.app['id']}", {"name": "x", "limits": limits}
    status, problem = flow.cloud.http("applications", "PUT", path, body, basic())
    assert status == 400
    assert {fault["name"] for fault in problem["invalid_parameters"]} == named
    assert store.caps() == before


ONE_RATE = """
[[rate]]
channel = "sms"
price = "0.05"
currency = "EUR"
date = 2026-11-25
source = "test"

[[rate]]
channel = "viber_service_msg"
prefix = "44"
price = "0.01"
currency = "EUR"
date = 2026-11-25
source = "test"
"""


def test_a_cap_that_refuses_what_has_no_price_says_so(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    found = pricing.read(ONE_RATE)
    monkeypatch.setattr(pricing, "table", lambda: found)

    def put(daily: Any, assumed: Any) -> list[Body]:
        body = {"daily_spend": daily, "assumed_price": assumed}
        status, answer = flow.cloud.http("applications", "PUT", "/account/limits", body, basic())
        assert status == 200
        again = flow.cloud.http("applications", "GET", "/account/limits", headers=basic())[1]
        assert again["warnings"] == answer["warnings"]
        return list(answer["warnings"])

    assert put(None, None) == []
    assert put("5", "0.10") == []
    [warning] = put("5", None)
    assert (warning["code"], warning["name"]) == ("price_unknown_with_limit", "assumed_price")
    every, some = warning["text"].split(": ")[1].split("; ")
    assert "mms" in every
    assert "sms," not in every.replace("mms", "")
    assert some == "some of viber_service_msg"
    assert put(None, None) == []
    # An application's cap refuses the same.
    path = f"/v2/applications/{flow.app['id']}"
    body = {"name": "x", "limits": {"daily_spend": "5"}}
    assert flow.cloud.http("applications", "PUT", path, body, basic())[1]["limits"]["warnings"] == [warning]
    assert put(None, None) == [warning]
    made = flow.cloud.http("applications", "POST", "/v2/applications", body, basic())[1]
    assert made["limits"]["warnings"] == [warning]
    assert put(None, "0.1") == []
    limits = flow.cloud.http("applications", "PUT", path, body, basic())[1]["limits"]
    assert limits == {"daily_spend": "5", "spent_today": "0.0000"}
    # What was answered can be put back.
    assert flow.cloud.http("applications", "PUT", path, body | {"limits": limits}, basic())[0] == 200


def test_what_an_application_spent_today(flow: Flow) -> None:
    cap(flow, "5", application=True)
    flow.send(payloads.text("sms"))
    flow.drain()
    path = f"/v2/applications/{flow.app['id']}"
    shown = flow.cloud.http("applications", "GET", path, headers=basic())[1]
    assert shown["limits"] == {"daily_spend": "5", "spent_today": "0.0500"}


def test_an_applications_limits(flow: Flow) -> None:
    path = f"/v2/applications/{flow.app['id']}"

    def call(method: str, body: Any = None) -> Any:
        return flow.cloud.http("applications", method, path, body, basic())

    assert "limits" not in call("GET")[1]
    limited = {"name": "limited", "limits": {"daily_spend": "5"}}
    kept = {"daily_spend": "5", "spent_today": "0.0000"}
    assert call("PUT", limited)[1]["limits"].items() >= kept.items()
    # A client that knows no limits replaces everything else, as does one that writes null for them.
    assert call("PUT", {"name": "renamed"})[1]["limits"] == kept
    assert call("PUT", {"name": "renamed", "limits": None})[1]["limits"] == kept
    listed = flow.cloud.http("applications", "GET", "/v2/applications", headers=basic())[1]
    assert [one["limits"] for one in listed["_embedded"]["applications"]] == [{"daily_spend": "5"}]
    assert "limits" not in call("PUT", {"name": "free", "limits": {"daily_spend": None}})[1]
    status, problem = call("PUT", {"name": "x", "limits": {"daily_spend": "x"}})
    assert (status, problem["invalid_parameters"][0]["name"]) == (400, "limits.daily_spend")
    status, made = flow.cloud.http("applications", "POST", "/v2/applications", limited, basic())
    assert (status, made["limits"]["daily_spend"]) == (201, "5")
    gone = flow.cloud.http("applications", "DELETE", f"/v2/applications/{made['id']}", headers=basic())
    assert gone[0] == 204
    assert flow.cloud.functions["deliver"].services.spend_store.caps().by_owner == {}


def test_a_refused_change_changes_no_cap(flow: Flow) -> None:
    """Nor does the audit trail, of which a refused change has none."""
    cap(flow, "5", application=True)
    path = f"/v2/applications/{flow.app['id']}"
    hook = {"address": "http://10.0.0.1/", "http_method": "POST"}
    body = {
        "name": "x",
        "capabilities": {"messages": {"webhooks": {"status_url": hook, "inbound_url": hook}}},
        "limits": {"daily_spend": "100"},
    }
    status, problem = flow.cloud.http("applications", "PUT", path, body, basic())
    assert status == 400, problem
    assert flow.cloud.http("applications", "GET", path, headers=basic())[1]["limits"]["daily_spend"] == "5"
    missing = f"{path[:-4]}0000"
    assert flow.cloud.http("applications", "PUT", missing, body | {"capabilities": {}}, basic())[0] == 404
    store = flow.cloud.functions["deliver"].services.spend_store
    assert list(store.caps().by_owner) == [flow.app["id"]]


def test_caps_are_read_as_they_are(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer right after a change has it."""
    store: SpendStore = flow.cloud.functions["applications"].services.spend_store
    real, reads = store._get, []

    def get(key: Any, *, consistent: bool = False) -> Any:
        reads.append(consistent)
        return real(key, consistent=consistent)

    monkeypatch.setattr(store, "_get", get)
    store.caps()
    assert reads == [True]
