"""Dry runs: the faults, prices, parts, times and warnings of a request that is not made."""

from collections.abc import Callable
from typing import Any

import pytest

from switchboard import clock, pricing
from switchboard.senders import Routes, Senders
from switchboard.store import Route
from tests.functions.flows import Body, Flow
from tests.functions.test_dispatch import entries, report
from tests.functions.test_handover import account, opened, whatsapp
from tests.functions.test_spending import RATES, TEMPLATE, cap, dispatch
from tests.support import payloads
from tests.support.payloads import step, text


@pytest.fixture(autouse=True)
def _rates(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pricing.read(RATES)
    monkeypatch.setattr(pricing, "table", lambda: found)


def rehearse(flow: Flow, path: str, body: Any) -> tuple[int, Body]:
    """The answer; nothing is written or sent for it."""
    function = "dispatch" if "dispatch" in path else "send"
    before = flow.cloud.dynamodb.scan(TableName="table")["Items"]
    status, answer = flow.cloud.http(function, "POST", f"{path}/dry-run", body, flow.app["bearer"])
    assert flow.cloud.dynamodb.scan(TableName="table")["Items"] == before
    assert flow.cloud.waiting("OutboundQueue") == 0
    assert flow.world.sent == []
    executions = flow.cloud.states.list_executions(stateMachineArn=flow.cloud.machine)["executions"]
    assert executions == []
    return status, answer


def told(flow: Flow, path: str, body: Any) -> Body:
    status, answer = rehearse(flow, path, body)
    assert status == 200, answer
    return answer


def codes(answer: Body) -> list[tuple[int | None, str]]:
    return [(warning["step"], warning["code"]) for warning in answer["warnings"]]


def test_a_message(flow: Flow) -> None:
    account(flow, "mine", {"channel": "sms", "id": payloads.ENDS["sms"][0]["number"]}, provider="aws")
    answer = told(flow, "/v0.1/messages", text("sms", "€" * 81))
    assert answer == {
        "parts": 2,
        "price": {"floor": "0.1000", "ceiling": "0.1000", "currency": "EUR"},
        "timeline": [{"step": 0, "earliest": 0, "latest": 0, "ends_at_latest": 259_200}],
        "warnings": [],
        "steps": [
            {
                "step": 0,
                "channel": "sms",
                "message_type": "text",
                "condition_status": None,
                "expiry_time": None,
                "accounts": ["aws/mine"],
                "parts": 2,
                "price": {"floor": "0.1000", "ceiling": "0.1000", "currency": "EUR"},
                "refused": False,
                "encoding": "GSM-7",
                "units": 162,
            }
        ],
    }


PARTS: list[tuple[str, Body, str, int]] = [
    ("one", text("sms", "hello"), "GSM-7", 1),
    ("a letter that is not in the alphabet", text("sms", "ł" * 71), "UCS-2", 2),
    (
        "as the client wants it",
        text("sms")
        | {"message": {"content": {"type": "text", "text": "x" * 71}, "sms": {"encoding_type": "unicode"}}},
        "UCS-2",
        2,
    ),
]


@pytest.mark.parametrize(
    ("body", "encoding", "count"), [case[1:] for case in PARTS], ids=[case[0] for case in PARTS]
)
def test_parts(flow: Flow, body: Body, encoding: str, count: int) -> None:
    answer = told(flow, "/v0.1/messages", body)
    assert (answer["steps"][0]["encoding"], answer["parts"]) == (encoding, count)
    assert answer["price"]["ceiling"] == f"{count * 0.05:.4f}"


def test_a_dispatch(flow: Flow) -> None:
    steps = step("viber_service_msg", 60), step("messenger", 600), step("sms")
    answer = told(flow, "/v0.1/dispatch", payloads.workflow(*steps))
    assert answer["timeline"] == [
        {"step": 0, "earliest": 0, "latest": 0, "ends_at_latest": 60},
        {"step": 1, "earliest": 0, "latest": 60, "ends_at_latest": 660},
        {"step": 2, "earliest": 0, "latest": 660, "ends_at_latest": 660 + 259_200},
    ]
    # Nobody knows what the second costs.
    assert answer["price"] == {"floor": None, "ceiling": None, "currency": "EUR"}
    assert (1, "price_unknown") in codes(answer)
    answer = told(flow, "/v0.1/dispatch", payloads.workflow(steps[0], steps[2]))
    assert answer["price"] == {"floor": "0.0100", "ceiling": "0.0600", "currency": "EUR"}
    limited = payloads.workflow(steps[0], steps[2]) | {"max_price": "0.055"}
    answer = told(flow, "/v0.1/dispatch", limited)
    assert answer["price"]["ceiling"] == "0.0550"
    assert (1, "above_max_price_together") in codes(answer)


@pytest.mark.parametrize(("limit", "goes"), [("0.15", True), ("0.14", False)])
def test_a_dispatch_whose_price_is_assumed(flow: Flow, limit: str, goes: bool) -> None:
    """What is told of it is what becomes of it, if its first step runs out of time."""
    cap(flow, None, assumed="0.10")
    steps = step("messenger", 1), step("sms")
    answer = told(flow, "/v0.1/dispatch", payloads.workflow(*steps) | {"max_price": limit})
    warned = [number for number, code in codes(answer) if code == "above_max_price_together"]
    assert warned == ([] if goes else [1])
    assert [one["price"]["ceiling"] for one in answer["steps"]] == ["0.1000", "0.0500"]
    assert [one["refused"] for one in answer["steps"]] == [False, False], "it is not, if the first one fails"
    assert answer["price"] == {"floor": None, "ceiling": f"{limit}00", "currency": "EUR"}
    dispatch(flow, limit, *steps)
    flow.until(lambda: flow.heard(status="submitted"))
    if goes:
        flow.receipt(flow.step_message(1))
    ends = [("messenger", "submitted"), ("sms", "delivered" if goes else "rejected")]
    assert entries(report(flow)) == ends


def test_steps_that_all_cost_too_much_by_what_is_assumed(flow: Flow) -> None:
    cap(flow, None, assumed="0.10")
    body = payloads.workflow(step("messenger", 60), step("messenger")) | {"max_price": "0.09"}
    answer = told(flow, "/v0.1/dispatch", body)
    assert [one["refused"] for one in answer["steps"]] == [True, True]
    assert (None, "nothing_sent") in codes(answer)
    assert "above_max_price_together" not in str(answer)


FREE = """
[[rate]]
channel = "messenger"
price = "0"
currency = "EUR"
date = 2026-11-25
source = "test"
"""


def test_the_least_is_nothing_where_a_step_is_free(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    found = pricing.read(FREE)
    monkeypatch.setattr(pricing, "table", lambda: found)
    answer = told(flow, "/v0.1/dispatch", payloads.workflow(step("messenger", 60, "read"), step("sms")))
    assert answer["price"] == {"floor": "0.0000", "ceiling": None, "currency": "EUR"}


def test_a_failover_of_version_1(flow: Flow) -> None:
    body = payloads.flat("viber_service_msg", expiry_time=60) | {"failover": [payloads.flat("sms")]}
    answer = told(flow, "/v1/messages", body)
    assert [(one["channel"], one["condition_status"]) for one in answer["steps"]] == [
        ("viber_service_msg", "delivered"),
        ("sms", None),
    ]
    assert answer["price"] == {"floor": "0.0100", "ceiling": "0.0600", "currency": "EUR"}


def test_a_template_can_cost_what_its_category_does(flow: Flow) -> None:
    answer = told(flow, "/v1/messages", payloads.flat("whatsapp", "template", TEMPLATE))
    assert answer["price"] == {"floor": "0.0300", "ceiling": "0.0800", "currency": "EUR"}


# --- faults ----------------------------------------------------------------------------------------

FAULTY: list[tuple[str, str, Any]] = [
    ("v0.1", "/v0.1/messages", text("sms") | {"to": {"type": "sms", "number": "1"}}),
    ("v1", "/v1/messages", payloads.flat("sms") | {"to": "1"}),
    ("a webhook", "/v1/messages", payloads.flat("sms", webhook_url="http://10.0.0.1/")),
    ("dispatch", "/v0.1/dispatch", payloads.workflow(step("sms"), step("sms"))),
    ("no JSON", "/v0.1/dispatch", "{"),
]


@pytest.mark.parametrize(("path", "body"), [case[1:] for case in FAULTY], ids=[case[0] for case in FAULTY])
def test_faults_are_those_of_the_request_itself(flow: Flow, path: str, body: Any) -> None:
    status, problem = rehearse(flow, path, body)
    function = "dispatch" if "dispatch" in path else "send"
    wanted, same = flow.cloud.http(function, "POST", path, body, flow.app["bearer"])
    assert (status, problem | {"instance": ""}) == (wanted, same | {"instance": ""})
    assert status in (400, 422)


def test_parameters_that_do_not_fit_the_template(flow: Flow) -> None:
    _template(flow, variables=2)
    status, problem = rehearse(flow, "/v1/messages", payloads.flat("whatsapp", "template", TEMPLATE))
    assert (status, problem["invalid_parameters"][0]["name"]) == (422, "template.parameters")


# --- warnings --------------------------------------------------------------------------------------


def _template(flow: Flow, **more: Any) -> None:
    from switchboard.store import TemplateItem

    about = {"name": "parcel", "language": "en", "status": "APPROVED", "category": "UTILITY"}
    store = flow.cloud.functions["accounts"].services.template_catalog.store
    store.put("whatsapp_cloud", "default", TemplateItem(**about | {"variables": 1} | more))


def _opted_out(flow: Flow) -> None:
    sender, person = payloads.ENDS["sms"]
    store = flow.cloud.functions["deliver"].services.delivering.handover.contacts.store
    store.opt_out("sms", person["number"], sender["number"], clock.now(), by="x")


def _sender(flow: Flow) -> None:
    account(flow, "shop", whatsapp())


def _open(flow: Flow) -> None:
    _sender(flow)
    opened(flow)
    flow.cloud.taken("WebhooksQueue")


def nothing(flow: Flow) -> None:
    pass


WA_TEMPLATE = payloads.flat("whatsapp", "template", TEMPLATE)
FALLBACK = payloads.flat("whatsapp") | {
    "whatsapp": {"template_fallback": {"name": "parcel", "parameters": ["x"]}}
}
UNREGISTERED = "sender_not_registered"
WARNINGS: list[tuple[str, Callable[[Flow], None], str, Body, list[str]]] = [
    ("sender in no account", nothing, "/v0.1/messages", text("sms"), [UNREGISTERED]),
    ("opted out", _opted_out, "/v0.1/messages", text("sms"), [UNREGISTERED, "opted_out", "nothing_sent"]),
    (
        "a condition that cannot be proved",
        nothing,
        "/v0.1/dispatch",
        payloads.workflow(step("sms", 60, "read"), step("viber_service_msg")),
        ["condition_not_provable", UNREGISTERED, UNREGISTERED],
    ),
    (
        "window closed",
        _sender,
        "/v1/messages",
        payloads.flat("whatsapp"),
        ["window_closed", "price_unknown", "nothing_sent"],
    ),
    ("window open", _open, "/v1/messages", payloads.flat("whatsapp"), ["price_unknown"]),
    (
        "a template instead",
        _sender,
        "/v1/messages",
        FALLBACK,
        ["template_instead", "template_unknown", "price_unknown"],
    ),
    ("template unknown", nothing, "/v1/messages", WA_TEMPLATE, [UNREGISTERED, "template_unknown"]),
    ("template known", _template, "/v1/messages", WA_TEMPLATE, [UNREGISTERED]),
    (
        "template not approved",
        lambda flow: _template(flow, status="PENDING"),
        "/v1/messages",
        WA_TEMPLATE,
        [UNREGISTERED, "template_not_approved"],
    ),
    (
        "above its price",
        nothing,
        "/v0.1/messages",
        text("sms", max_price="0.01"),
        [UNREGISTERED, "above_max_price", "nothing_sent"],
    ),
    (
        "a limit and no price",
        nothing,
        "/v0.1/messages",
        text("messenger", max_price="1"),
        [UNREGISTERED, "price_unknown", "price_unknown_with_limit", "nothing_sent"],
    ),
    (
        "a limit and an assumed price",
        lambda flow: cap(flow, "10", assumed="0.5"),
        "/v0.1/messages",
        text("messenger", max_price="1"),
        [UNREGISTERED, "price_unknown"],
    ),
    (
        "a limit below the assumed price",
        lambda flow: cap(flow, "10", assumed="0.5"),
        "/v0.1/messages",
        text("messenger", max_price="0.4"),
        [UNREGISTERED, "price_unknown", "above_max_price", "nothing_sent"],
    ),
    (
        "the account's cap",
        lambda flow: cap(flow, "0.04"),
        "/v0.1/messages",
        text("sms"),
        [UNREGISTERED, "spend_cap", "nothing_sent"],
    ),
    (
        "the application's cap",
        lambda flow: cap(flow, "0.04", application=True),
        "/v0.1/messages",
        text("sms"),
        [UNREGISTERED, "spend_cap", "nothing_sent"],
    ),
]


@pytest.mark.parametrize(
    ("prepare", "path", "body", "wanted"), [case[1:] for case in WARNINGS], ids=[case[0] for case in WARNINGS]
)
def test_warnings(
    flow: Flow, prepare: Callable[[Flow], None], path: str, body: Body, wanted: list[str]
) -> None:
    prepare(flow)
    answer = told(flow, path, body)
    assert [code for _, code in codes(answer)] == wanted
    assert all(warning["text"] for warning in answer["warnings"])


LONG = text("sms", "x" * 600)


def test_a_long_text(flow: Flow) -> None:
    answer = told(flow, "/v0.1/messages", LONG)
    assert (answer["parts"], [code for _, code in codes(answer)]) == (4, [UNREGISTERED])


def test_a_long_text_that_no_account_carries(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sender is in an account whose provider has no SMS any more."""
    cap(flow, "100", assumed="0.1")
    routes = Routes([Route(provider="messenger", account_id="default")], registered=True)
    monkeypatch.setattr(Senders, "routes", lambda *_: routes)
    answer = told(flow, "/v0.1/messages", LONG)
    assert [code for _, code in codes(answer)] == ["no_account", "price_unknown", "nothing_sent"]
    assert answer["parts"] == 4


@pytest.mark.parametrize(
    ("limit", "daily", "wanted"),
    [
        ("0.03", None, []),
        ("0.02", None, []),
        ("0.019", None, ["above_max_price", "nothing_sent"]),
        (None, "0.03", []),
        (None, "0.01", ["spend_cap", "nothing_sent"]),
    ],
)
def test_the_cheapest_account_decides(
    flow: Flow, limit: str | None, daily: str | None, wanted: list[str]
) -> None:
    """It is handed on to it, as when it is sent."""
    number = payloads.ENDS["sms"][0]["number"]
    account(flow, "dear", {"channel": "sms", "id": number, "order": 0}, provider="aws")
    credentials = {"base_url": "https://ib.example", "api_key": "k", "callback_token": "t"}
    sender = {"channel": "sms", "id": number, "order": 1}
    body = {"credentials": credentials, "senders": [sender]}
    assert flow.cloud.http("accounts", "PUT", "/accounts/infobip/cheap", body, payloads.basic())[0] == 201
    if daily:
        cap(flow, daily)
    answer = told(flow, "/v0.1/messages", text("sms", **({"max_price": limit} if limit else {})))
    assert [code for _, code in codes(answer)] == wanted
    if not wanted:
        assert (answer["price"]["floor"], answer["price"]["ceiling"]) == ("0.0200", "0.0500")


@pytest.mark.parametrize("by", ["application", "account"])
def test_the_accounts_cap_is_the_accounts_affair(flow: Flow, by: str) -> None:
    """An application hears that there is no room, and not of how much."""
    cap(flow, "0.04")
    headers = flow.app["bearer"] if by == "application" else payloads.basic()
    status, answer = flow.cloud.http("send", "POST", "/v0.1/messages/dry-run", text("sms"), headers)
    assert status == 200
    [warning] = [one for one in answer["warnings"] if one["code"] == "spend_cap"]
    assert ("0.04" in warning["text"]) is (by == "account")
    assert warning["text"].startswith("the account's cap")


def test_a_warning_names_its_field(flow: Flow) -> None:
    body = payloads.workflow(step("sms", 60, "read"), step("viber_service_msg"))
    named = [(one["step"], one["name"]) for one in told(flow, "/v0.1/dispatch", body)["warnings"]]
    assert named[:2] == [(0, "workflow[0].failover.condition_status"), (0, "workflow[0].from")]
    body = payloads.flat("sms", expiry_time=60, condition_status="read")
    body["failover"] = [payloads.flat("sms", condition_status="read", expiry_time=60)]
    named = [(one["step"], one["name"]) for one in told(flow, "/v1/messages", body)["warnings"]]
    assert named[0] == (0, "condition_status")
    assert (1, "failover[0].condition_status") in named


def test_what_a_known_template_costs(flow: Flow) -> None:
    _template(flow)
    assert told(flow, "/v1/messages", WA_TEMPLATE)["price"]["ceiling"] == "0.0300"
