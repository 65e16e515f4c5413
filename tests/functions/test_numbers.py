"""Vonage's Numbers API: /number/update and /account/numbers."""

from typing import Any
from urllib.parse import urlencode

import pytest

from switchboard.models.messages import Channel
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.cloud import API_KEY, API_SECRET
from tests.support.payloads import basic

NUMBER = "447700900000"
KEYS = {"api_key": API_KEY, "api_secret": API_SECRET}
SUCCESS = (200, {"error-code": "200", "error-code-label": "success"})
UNAUTHORIZED = (401, {"error-code": "401", "error-code-label": "authentication failed"})


def update(flow: Flow, **form: str) -> tuple[int, Any]:
    form = {"country": "GB", "msisdn": NUMBER} | form
    return flow.cloud.http("accounts", "POST", "/number/update", urlencode(form), basic())


def listed(flow: Flow, **query: str) -> Any:
    status, answer = flow.cloud.http("accounts", "GET", "/account/numbers", None, basic(), query or None)
    assert status == 200, answer
    return answer


def names(flow: Flow, **query: str) -> list[str]:
    return [number["msisdn"] for number in listed(flow, **query)["numbers"]]


def owner(flow: Flow) -> str | None:
    item = flow.cloud.functions["accounts"].services.account_store.sender("sms", NUMBER)
    found: str | None = item.application_id if item else None
    return found


def senders(flow: Flow) -> None:
    """Numbers in provider accounts, and senders that are none."""
    body = {
        "credentials": {"configuration_set": "cs"},
        "senders": [
            {"channel": "sms", "id": "15550001111", "application": flow.app["id"]},
            {"channel": "mms", "id": "15550001111"},
            {"channel": "mms", "id": "15550002222"},
            {"channel": "sms", "id": "Acme"},
            {"channel": "whatsapp", "id": "447700900200"},
        ],
    }
    status, answer = flow.cloud.http("accounts", "PUT", "/accounts/aws/us", body, basic())
    assert status == 201, answer


def linked(application: str) -> dict[str, Any]:
    names = {"app_id": application}
    for kind in ("messages", "voice"):
        names |= {f"{kind}CallbackType": "app", f"{kind}CallbackValue": application}
    return names


WAYS = {
    "app_id": {"app_id": "{}"},
    "messages": {"messagesCallbackType": "app", "messagesCallbackValue": "{}"},
    "old CLI": {"voiceCallbackType": "app", "voiceCallbackValue": "{}"},
    "app_id wins": {"app_id": "{}", "messagesCallbackType": "app", "messagesCallbackValue": "x"},
    "messages win": {
        "messagesCallbackType": "app",
        "messagesCallbackValue": "{}",
        "voiceCallbackType": "app",
        "voiceCallbackValue": "x",
    },
    "with a webhook": {"app_id": "{}", "moHttpUrl": "https://client.example/sms"},
    "as people write it": {"app_id": "{}", "msisdn": f"+{NUMBER}", "country": "gb"},
}


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
def test_a_number_is_linked_and_unlinked(flow: Flow, way: dict[str, str]) -> None:
    form = {name: value.format(flow.app["id"]) for name, value in way.items()}
    assert update(flow, **form) == SUCCESS
    number = {"country": "GB", "msisdn": NUMBER, "features": ["SMS"]}
    assert listed(flow) == {"count": 1, "numbers": [number | linked(flow.app["id"])]}
    assert owner(flow) == flow.app["id"]
    for _ in range(2):
        assert update(flow, moHttpUrl="", app_id="") == SUCCESS
        assert listed(flow) == {"count": 1, "numbers": [number]}
    assert owner(flow) is None


def test_a_call_about_voice_unlinks_as_any_that_names_no_application(flow: Flow) -> None:
    update(flow, app_id=flow.app["id"])
    assert update(flow, voiceCallbackType="tel", voiceCallbackValue="447700900001") == SUCCESS
    assert owner(flow) is None


def test_an_older_link_gives_way(flow: Flow) -> None:
    other = payloads.application(flow.cloud)
    for application in (flow.app["id"], other["id"]):
        assert update(flow, app_id=application) == SUCCESS
        assert owner(flow) == application


def test_what_people_write_goes_to_the_linked_application(flow: Flow) -> None:
    other = payloads.application(flow.cloud, inbound_url="https://client.example/other")
    body = payloads.text("sms")
    body["from"]["number"] = NUMBER
    flow.cloud.http("send", "POST", "/v0.1/messages", body, other["bearer"])
    belongs = flow.cloud.functions["accounts"].services.senders.application
    assert belongs(Channel.SMS, NUMBER) == other["id"]
    update(flow, app_id=flow.app["id"])
    assert belongs(Channel.SMS, NUMBER) == flow.app["id"]


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "nothing": ({"country": "", "msisdn": ""}, "country is required; msisdn is required"),
    "odd": (
        {"country": "GBR", "msisdn": "Acme"},
        "country must be a country in two letters, as in GB; "
        "msisdn must be a number of yours, as in 447700900100",
    ),
    "no application of ours": ({"app_id": "x"}, "app_id is no application of yours"),
    "none by the old name": (
        {"messagesCallbackType": "app", "messagesCallbackValue": "x"},
        "messagesCallbackValue is no application of yours",
    ),
    "none by the oldest": (
        {"voiceCallbackType": "app", "voiceCallbackValue": "x"},
        "voiceCallbackValue is no application of yours",
    ),
    "half": ({"messagesCallbackType": "app"}, "messagesCallbackValue is required with messagesCallbackType"),
    "other half": ({"messagesCallbackValue": "x"}, "messagesCallbackType must be app"),
    "half a voice": ({"voiceCallbackType": "app"}, "voiceCallbackValue is required with voiceCallbackType"),
    "a webhook of its own": (
        {"moHttpUrl": "https://client.example/sms"},
        "moHttpUrl is not kept for a number: link an application that has an inbound_url",
    ),
}


@pytest.mark.parametrize(("form", "faults"), REFUSED.values(), ids=list(REFUSED))
def test_refused(flow: Flow, form: dict[str, str], faults: str) -> None:
    answer = {"error-code": "420", "error-code-label": f"method failed: {faults}"}
    assert update(flow, **form) == (420, answer)
    assert listed(flow) == {"count": 0, "numbers": []}


Call = tuple[dict[str, str], dict[str, str], dict[str, str]]
"""Headers, query and form."""
CALLERS: dict[str, tuple[Call, bool]] = {
    "header": ((basic(), {}, {}), True),
    "query": (({}, KEYS, {}), True),
    "form": (({}, {}, KEYS), True),
    "one in each": (({}, {"api_key": API_KEY}, {"api_secret": API_SECRET}), True),
    "nothing": (({}, {}, {}), False),
    "bad header": ((basic(secret="x"), {}, {}), False),
    "bad secret": (({}, KEYS | {"api_secret": "x"}, {}), False),
    "bad key": (({}, {}, KEYS | {"api_key": "x"}), False),
    "no secret": (({}, {"api_key": API_KEY}, {}), False),
    "not even ASCII": (({}, KEYS | {"api_secret": "\N{SNOWMAN}"}, {}), False),
    "bad parameters by a good header": ((basic(), {"api_key": "x"}, {}), False),
    "a token": (({"Authorization": "Bearer x"}, {}, {}), False),
}


@pytest.mark.parametrize(("given", "known"), CALLERS.values(), ids=list(CALLERS))
def test_who_may(flow: Flow, given: Call, known: bool) -> None:
    headers, query, form = given
    body = urlencode({"country": "GB", "msisdn": NUMBER} | form)
    answer = flow.cloud.http("accounts", "POST", "/number/update", body, headers, query)
    assert answer == (SUCCESS if known else UNAUTHORIZED)
    if not form:
        answer = flow.cloud.http("accounts", "GET", "/account/numbers", None, headers, query)
        assert answer[0] == 200 if known else answer == UNAUTHORIZED


def test_an_applications_token_is_not_enough(flow: Flow) -> None:
    answer = flow.cloud.http("accounts", "GET", "/account/numbers", None, flow.app["bearer"])
    assert answer == UNAUTHORIZED


def test_everything_may_come_in_the_query(flow: Flow) -> None:
    """As Vonage's older Node clients send it."""
    query = {"country": "GB", "msisdn": NUMBER, "app_id": flow.app["id"]} | KEYS
    assert flow.cloud.http("accounts", "POST", "/number/update", None, {}, query) == SUCCESS
    assert owner(flow) == flow.app["id"]


def test_the_numbers_of_provider_accounts_are_listed(flow: Flow) -> None:
    senders(flow)
    update(flow)
    update(flow, msisdn="15550002222", country="US")
    assert listed(flow) == {
        "count": 3,
        "numbers": [
            {"msisdn": "15550001111", "features": ["SMS", "MMS"]} | linked(flow.app["id"]),
            {"msisdn": "15550002222", "country": "US", "features": ["MMS"]},
            {"msisdn": NUMBER, "country": "GB", "features": ["SMS"]},
        ],
    }


ASKED: dict[str, tuple[dict[str, str], list[str]]] = {
    "all": ({}, ["15550001111", "15550002222", NUMBER]),
    "linked": ({"has_application": "true"}, ["15550001111"]),
    "linked, in Python": ({"has_application": "True"}, ["15550001111"]),
    "not linked": ({"has_application": "false"}, ["15550002222", NUMBER]),
    "of an application": ({"application_id": "{}"}, ["15550001111"]),
    "of another": ({"application_id": "x"}, []),
    "of one, and not linked": ({"application_id": "{}", "has_application": "false"}, []),
    "beginning": ({"pattern": "1555"}, ["15550001111", "15550002222"]),
    "beginning, as people write it": ({"pattern": "+44"}, [NUMBER]),
    "beginning, with a star": ({"pattern": "44*", "search_pattern": "0"}, [NUMBER]),
    "end, with a star": ({"pattern": "*0000", "search_pattern": "2"}, [NUMBER]),
    "anywhere": ({"pattern": "2222", "search_pattern": "1"}, ["15550002222"]),
    "end": ({"pattern": "0000", "search_pattern": "2"}, [NUMBER]),
    "country": ({"country": "gb"}, [NUMBER]),
    "page": ({"index": "2", "size": "1"}, ["15550002222"]),
    "page of the unlinked": ({"index": "2", "size": "1", "has_application": "false"}, [NUMBER]),
    "past the end": ({"index": "2"}, []),
}


@pytest.mark.parametrize(("query", "found"), ASKED.values(), ids=list(ASKED))
def test_asked_for(flow: Flow, query: dict[str, str], found: list[str]) -> None:
    senders(flow)
    update(flow)
    assert names(flow, **{name: value.format(flow.app["id"]) for name, value in query.items()}) == found


def test_the_count_is_of_all_pages(flow: Flow) -> None:
    senders(flow)
    assert listed(flow, size="1")["count"] == 2
    assert listed(flow, size="1", has_application="true")["count"] == 1


def test_a_list_that_cannot_be(flow: Flow) -> None:
    query = {"index": "0", "size": "101", "search_pattern": "3", "has_application": "perhaps", "country": "1"}
    status, answer = flow.cloud.http("accounts", "GET", "/account/numbers", None, basic(), query)
    assert (status, answer["error-code"]) == (420, "420")
    for name in query:
        assert f"{name} must be" in answer["error-code-label"]


@pytest.mark.parametrize("write", ["put_number", "relink"])
@pytest.mark.parametrize("unlinks", [False, True], ids=["link", "unlink"])
def test_a_repeat_finishes_what_died(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, write: str, unlinks: bool
) -> None:
    """The number is written before its link: it is never linked without being listed."""

    def die(*_: object) -> None:
        raise RuntimeError("died")

    form = {} if unlinks else {"app_id": flow.app["id"]}
    if unlinks:
        update(flow, app_id=flow.app["id"])
    before = owner(flow)
    store = flow.cloud.functions["accounts"].services.account_store
    monkeypatch.setattr(type(store), write, die)
    assert update(flow, **form)[0] == 500
    monkeypatch.undo()
    assert owner(flow) == before
    assert names(flow) == ([NUMBER] if unlinks or write == "relink" else [])
    assert update(flow, **form) == SUCCESS
    assert owner(flow) == (None if unlinks else flow.app["id"])
    assert names(flow) == [NUMBER]


COUNTRIES = {
    "447700900200": {"country_prefix": "44", "country_code": "GB"},
    "+1 (206) 555-0142": {"country_prefix": "1", "country_code": "US"},
    "353209100000": {"country_prefix": "353", "country_code": "IE"},
    "14165550142": {"country_prefix": "1", "country_code": "CA"},
}


@pytest.mark.parametrize(("number", "country"), COUNTRIES.items())
def test_the_country_of_a_number(flow: Flow, number: str, country: dict[str, str]) -> None:
    query = KEYS | {"number": number}
    status, answer = flow.cloud.http("accounts", "GET", "/ni/basic/json", None, {}, query)
    digits = "".join(filter(str.isdigit, number))
    known = {"status": 0, "status_message": "Success", "international_format_number": digits}
    assert (status, answer) == (200, known | country | {"request_id": answer["request_id"]})


def test_what_is_no_number_has_no_country(flow: Flow) -> None:
    for query in (KEYS, KEYS | {"number": "Acme"}, KEYS | {"number": "999123456789"}):
        status, answer = flow.cloud.http("accounts", "GET", "/ni/basic/json", None, {}, query)
        assert (status, answer["status"]) == (200, 3)
    assert flow.cloud.http("accounts", "GET", "/ni/basic/json", None, {}, {"number": NUMBER}) == UNAUTHORIZED


def test_a_form_is_taken_for_one_whatever_it_is_called(flow: Flow) -> None:
    headers = basic() | {"Content-Type": "application/json"}
    form = urlencode({"country": "GB", "msisdn": NUMBER, "app_id": flow.app["id"]})
    assert flow.cloud.http("accounts", "POST", "/number/update", form, headers) == SUCCESS
