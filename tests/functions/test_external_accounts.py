"""Vonage's External Accounts API: /beta/chatapp-accounts."""

import json
from typing import Any

import pytest

from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.cloud import ACCOUNTS, API_KEY
from tests.support.payloads import basic

BASE = "/beta/chatapp-accounts"
PAGE_ID = "107083064136738"
PAGE = f"{BASE}/messenger/{PAGE_ID}"
NUMBER = "447700900200"
WHATSAPP = f"{BASE}/whatsapp/{NUMBER}"
NEW = {"external_id": PAGE_ID, "access_token": "EAAB"}


def call(flow: Flow, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
    return flow.cloud.http("accounts", method, path, body, basic(), query or None)


def others(flow: Flow) -> None:
    """A WhatsApp number in two provider accounts, and a Viber service."""
    credentials = {"access_token": "EAAB", "app_secret": "s", "verify_token": "v", "waba_id": "55"}
    for name, order in (("backup", 1), ("shop", 0)):
        sender = {"channel": "whatsapp", "id": NUMBER, "order": order}
        body = {"name": f"The {name}", "credentials": credentials, "senders": [sender]}
        assert call(flow, "PUT", f"/accounts/whatsapp_cloud/{name}", body)[0] == 201
    senders = [{"channel": "viber_service_msg", "id": "Acme"}, {"channel": "sms", "id": NUMBER}]
    body = {"credentials": ACCOUNTS["infobip"], "senders": senders}
    assert call(flow, "PUT", "/accounts/infobip/acme", body)[0] == 201


def secret(flow: Flow, account_id: str = PAGE_ID) -> Any:
    name = f"sb/accounts/messenger/{account_id}"
    return json.loads(flow.cloud.secrets.get_secret_value(SecretId=name)["SecretString"])


def owner(flow: Flow, channel: str = "messenger", identifier: str = PAGE_ID) -> str | None:
    item = flow.cloud.functions["accounts"].services.account_store.sender(channel, identifier)
    found: str | None = item.application_id if item else None
    return found


def without_messages(flow: Flow) -> str:
    body = {"name": "calls", "capabilities": {"voice": {}}}
    made = flow.cloud.http("applications", "POST", "/v2/applications", body, basic())[1]
    return str(made["id"])


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_messenger_account_is_made_shown_changed_and_deleted(flow: Flow, slash: str) -> None:
    wanted = NEW | {"name": "The page", "applications": [flow.app["id"]]}
    status, made = call(flow, "POST", f"{BASE}/messenger{slash}", wanted)
    assert (status, made) == (201, wanted | {"api_key": API_KEY, "provider": "messenger"})
    assert call(flow, "GET", PAGE) == (200, made)
    shared = {name: ACCOUNTS["messenger"][name] for name in ("app_secret", "verify_token")}
    assert secret(flow) == shared | {"access_token": "EAAB"}
    account = call(flow, "GET", f"/accounts/messenger/{PAGE_ID}")[1]
    assert account["senders"] == [
        {
            "channel": "messenger",
            "id": PAGE_ID,
            "order": 0,
            "application": flow.app["id"],
            "verification": {"state": "pending"},
        }
    ]

    status, changed = call(flow, "PATCH", PAGE, {"name": "Ours", "applications": [], "access_token": "EAAC"})
    assert (status, changed) == (200, made | {"name": "Ours", "applications": [], "access_token": "EAAC"})
    assert secret(flow) == shared | {"access_token": "EAAC"}
    other = payloads.application(flow.cloud)
    for application in (flow.app["id"], other["id"]):  # it sets them, whatever they were
        assert call(flow, "PATCH", PAGE, {"applications": [application]})[1]["applications"] == [application]
    assert call(flow, "PATCH", PAGE, {})[1] == changed | {"applications": [other["id"]]}

    assert call(flow, "DELETE", PAGE) == (204, "")
    assert call(flow, "GET", PAGE) == (404, "")
    assert owner(flow) is None
    with pytest.raises(flow.cloud.secrets.exceptions.ResourceNotFoundException):
        secret(flow)
    assert call(flow, "POST", f"{BASE}/messenger", wanted) == (201, made)  # all of it is free again


def test_what_goes_out_uses_the_new_account(flow: Flow) -> None:
    call(flow, "POST", f"{BASE}/messenger", NEW)
    body = payloads.text("messenger")
    body["from"]["id"] = PAGE_ID
    flow.send(body)
    flow.drain()
    [request] = flow.world.sent
    assert PAGE_ID in request.url.path
    assert request.headers["authorization"] == "Bearer EAAB"


def test_without_a_default_account_the_page_has_its_token_only(flow: Flow) -> None:
    flow.cloud.secrets.delete_secret(
        SecretId="sb/accounts/messenger/default", ForceDeleteWithoutRecovery=True
    )
    assert call(flow, "POST", f"{BASE}/messenger", NEW)[0] == 201
    assert secret(flow) == {"access_token": "EAAB"}


def test_a_repeat_keeps_what_the_account_has_besides(flow: Flow) -> None:
    """The owner gave this page's account settings of its own, and another page."""
    own = {"access_token": "old", "app_secret": "own", "verify_token": "own"}
    body = {"credentials": own, "senders": [{"channel": "messenger", "id": "77"}]}
    call(flow, "PUT", f"/accounts/messenger/{PAGE_ID}", body)
    assert call(flow, "GET", PAGE)[0] == 404  # its own page is not in it
    for _ in range(2):
        assert call(flow, "POST", f"{BASE}/messenger", NEW)[0] == 201
    assert secret(flow) == own | {"access_token": "EAAB"}
    senders = call(flow, "GET", f"/accounts/messenger/{PAGE_ID}")[1]["senders"]
    assert [sender["id"] for sender in senders] == ["77", PAGE_ID]


def test_a_new_token_has_to_prove_itself(flow: Flow) -> None:
    call(flow, "POST", f"{BASE}/messenger", NEW)
    store = flow.cloud.functions["accounts"].services.account_store
    account = store.account("messenger", PAGE_ID)
    [sender] = account.senders
    proved = sender.model_copy(update={"state": "verified"})
    store.put_account(account.model_copy(update={"senders": (proved,)}))
    for change, state in (({"name": "x"}, "verified"), ({"access_token": "EAAC"}, "pending")):
        call(flow, "PATCH", PAGE, change)
        assert store.account("messenger", PAGE_ID).senders[0].state == state


REFUSED: dict[str, tuple[str, str, Any, list[str]]] = {
    "no body": ("POST", f"{BASE}/messenger", None, ["body"]),
    "not an object": ("POST", f"{BASE}/messenger", [], ["body"]),
    "nothing in it": ("POST", f"{BASE}/messenger", {}, ["external_id", "access_token"]),
    "everything wrong": (
        "POST",
        f"{BASE}/messenger",
        {"external_id": "a page", "access_token": "", "name": "", "applications": ["a", "b"]},
        ["name", "access_token", "applications", "external_id"],
    ),
    "the default account": ("POST", f"{BASE}/messenger", NEW | {"external_id": "default"}, ["external_id"]),
    "a token for no header": ("POST", f"{BASE}/messenger", NEW | {"access_token": "clé"}, ["access_token"]),
    "another id": (
        "PATCH",
        PAGE,
        {"external_id": "1", "applications": "x", "access_token": {}},
        ["access_token", "applications", "external_id"],
    ),
    "no application": ("POST", f"{PAGE}/applications", {}, ["application"]),
}


@pytest.mark.parametrize(("method", "path", "body", "names"), REFUSED.values(), ids=list(REFUSED))
def test_refused(flow: Flow, method: str, path: str, body: Any, names: list[str]) -> None:
    status, answer = call(flow, method, path, body)
    assert (status, answer["title"]) == (400, "Your request parameters didn't validate.")
    assert answer["type"] == "https://www.nexmo.com/messages/Errors#InvalidParams"
    assert sorted(fault["name"] for fault in answer["invalid_parameters"]) == sorted(names)
    assert call(flow, "GET", PAGE)[0] == 404


PATHS = [
    ("GET", BASE),
    ("POST", f"{BASE}/messenger"),
    ("GET", PAGE),
    ("PATCH", PAGE),
    ("DELETE", PAGE),
    ("GET", WHATSAPP),
    ("POST", f"{WHATSAPP}/applications"),
    ("DELETE", f"{WHATSAPP}/applications/x"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_only_who_is_known_may(flow: Flow, method: str, path: str) -> None:
    status, answer = flow.cloud.http("accounts", method, path, {})
    assert (status, answer["title"]) == (401, "Unauthorised")
    assert flow.cloud.http("accounts", method, path, {}, {"Authorization": "Bearer x"})[0] == 401
    assert flow.cloud.http("accounts", method, path, {}, basic(secret="x"))[0] == 401
    assert flow.cloud.http("accounts", method, path, {}, flow.app["bearer"])[0] != 401


@pytest.mark.parametrize(
    "path",
    [PAGE, WHATSAPP, f"{BASE}/whatsapp/Acme", f"{BASE}/viber_service_msg/Acme", f"{BASE}/sms/{NUMBER}"],
)
def test_what_is_not_there(flow: Flow, path: str) -> None:
    for method, at, body in (
        ("GET", path, None),
        ("POST", f"{path}/applications", {"application": flow.app["id"]}),
        ("DELETE", f"{path}/applications/{flow.app['id']}", None),
    ):
        assert call(flow, method, at, body) == (404, "")


def test_whatsapp_and_viber_accounts_are_senders_of_any_account(flow: Flow) -> None:
    others(flow)
    whatsapp = {"external_id": NUMBER, "api_key": API_KEY, "provider": "whatsapp", "applications": []}
    assert call(flow, "GET", WHATSAPP) == (200, whatsapp | {"name": "The shop"})  # the first way out
    assert call(flow, "GET", f"{BASE}/whatsapp/%2B{NUMBER}")[1]["external_id"] == NUMBER
    viber = {"external_id": "Acme", "api_key": API_KEY, "provider": "viber_service_msg", "applications": []}
    assert call(flow, "GET", f"{BASE}/viber_service_msg/Acme") == (200, viber)


def test_the_list_in_pages(flow: Flow) -> None:
    others(flow)
    call(flow, "POST", f"{BASE}/messenger", NEW)
    status, everything = call(flow, "GET", f"{BASE}/")
    assert (status, everything["page_number"], everything["page_size"]) == (200, 1, 20)
    assert [(one["provider"], one["external_id"]) for one in everything["_embedded"]] == [
        ("messenger", PAGE_ID),
        ("viber_service_msg", "Acme"),
        ("whatsapp", NUMBER),
    ]
    assert everything["_embedded"][0]["access_token"] == "EAAB"
    assert everything["_embedded"][2] == call(flow, "GET", WHATSAPP)[1]
    second = call(flow, "GET", BASE, page_number="2", page_size="1")[1]
    assert second["_embedded"] == everything["_embedded"][1:2]
    at = f"https://sb.example{BASE}?page_number="
    assert second["_links"] == {
        "self": {"href": f"{at}2&page_size=1"},
        "next": {"href": f"{at}3&page_size=1"},
        "prev": {"href": f"{at}1&page_size=1"},
        "first": {"href": f"{at}1&page_size=1"},
        "last": {"href": f"{at}3&page_size=1"},
    }
    only = call(flow, "GET", BASE, provider="whatsapp")[1]
    assert only["_embedded"] == everything["_embedded"][2:]
    assert set(only["_links"]) == {"self", "first", "last"}
    assert "provider=whatsapp" in only["_links"]["self"]["href"]
    status, answer = call(flow, "GET", BASE, provider="sms", page_number="0", page_size="101")
    assert status == 400
    assert [fault["name"] for fault in answer["invalid_parameters"]] == [
        "provider",
        "page_number",
        "page_size",
    ]


@pytest.mark.parametrize(
    ("path", "sender"),
    [(PAGE, ("messenger", PAGE_ID)), (WHATSAPP, ("whatsapp", NUMBER))],
    ids=["messenger", "whatsapp"],
)
def test_one_application_is_linked(flow: Flow, path: str, sender: tuple[str, str]) -> None:
    others(flow)
    call(flow, "POST", f"{BASE}/messenger", NEW)
    other = payloads.application(flow.cloud)
    mine = {"application": flow.app["id"]}
    for slash in ("", "/"):  # a repeat is no conflict
        status, linked = call(flow, "POST", f"{path}/applications{slash}", mine)
        assert (status, linked["applications"]) == (200, [flow.app["id"]])
    assert owner(flow, *sender) == flow.app["id"]
    status, answer = call(flow, "POST", f"{path}/applications", {"application": other["id"]})
    assert (status, answer["title"]) == (409, "Application conflict")
    assert answer["detail"] == "Unable to link application"
    for application in ("nobody", without_messages(flow)):
        status, answer = call(flow, "POST", f"{path}/applications", {"application": application})
        assert (status, answer["title"], answer["detail"]) == (403, "Forbidden", "Cannot link application")
    status, answer = call(flow, "DELETE", f"{path}/applications/{other['id']}")
    assert (status, answer["title"]) == (409, "Application conflict")
    assert answer["detail"] == "Unable to unlink application"
    assert call(flow, "DELETE", f"{path}/applications/{flow.app['id']}") == (204, "")
    assert call(flow, "GET", path)[1]["applications"] == []
    assert call(flow, "DELETE", f"{path}/applications/{flow.app['id']}")[0] == 409
    assert call(flow, "POST", f"{path}/applications", {"application": other["id"]})[0] == 200


def test_nothing_is_written_when_the_application_cannot_be_linked(flow: Flow) -> None:
    def make(application: str) -> tuple[int, str]:
        status, answer = call(flow, "POST", f"{BASE}/messenger", NEW | {"applications": [application]})
        return status, answer["title"]

    assert make("nobody") == (403, "Forbidden")
    flow.cloud.functions["accounts"].services.account_store.link("messenger", PAGE_ID, "another")
    assert make(flow.app["id"]) == (409, "Application conflict")
    assert call(flow, "GET", PAGE)[0] == 404
    with pytest.raises(flow.cloud.secrets.exceptions.ResourceNotFoundException):
        secret(flow)
    call(flow, "POST", f"{BASE}/messenger", NEW)
    change = {"name": "x", "applications": [without_messages(flow)]}
    assert call(flow, "PATCH", PAGE, change)[0] == 403
    assert "name" not in call(flow, "GET", PAGE)[1]


def die(*_: object) -> None:
    raise RuntimeError("died")


@pytest.mark.parametrize("write", ["put_route", "put_account"])
def test_a_repeat_finishes_what_died(flow: Flow, monkeypatch: pytest.MonkeyPatch, write: str) -> None:
    store = flow.cloud.functions["accounts"].services.account_store
    wanted = NEW | {"applications": [flow.app["id"]]}
    monkeypatch.setattr(type(store), write, die)
    assert call(flow, "POST", f"{BASE}/messenger", wanted)[0] == 500
    monkeypatch.undo()
    assert call(flow, "GET", PAGE) == (404, "")
    assert call(flow, "POST", f"{BASE}/messenger", wanted)[0] == 201
    assert call(flow, "GET", PAGE)[1]["applications"] == [flow.app["id"]]


@pytest.mark.parametrize("write", ["remove_route", "delete_account"])
def test_a_repeat_finishes_a_deletion(flow: Flow, monkeypatch: pytest.MonkeyPatch, write: str) -> None:
    store = flow.cloud.functions["accounts"].services.account_store
    call(flow, "POST", f"{BASE}/messenger", NEW | {"applications": [flow.app["id"]]})
    monkeypatch.setattr(type(store), write, die)
    assert call(flow, "DELETE", PAGE)[0] == 500
    monkeypatch.undo()
    assert call(flow, "GET", PAGE)[1]["applications"] == []
    assert call(flow, "DELETE", PAGE)[0] == 204
    assert not store.sender("messenger", PAGE_ID).routes


def test_a_change_sees_the_secret_as_it_is(flow: Flow) -> None:
    """Another process may have changed it since it was read here."""
    call(flow, "POST", f"{BASE}/messenger", NEW)
    call(flow, "GET", PAGE)
    flow.cloud.secrets.put_secret_value(
        SecretId=f"sb/accounts/messenger/{PAGE_ID}",
        SecretString=json.dumps({"access_token": "EAAC", "app_secret": "new", "verify_token": "new"}),
    )
    assert call(flow, "GET", PAGE)[1]["access_token"] == "EAAC"
    call(flow, "PATCH", PAGE, {"access_token": "EAAD"})
    assert secret(flow) == {"access_token": "EAAD", "app_secret": "new", "verify_token": "new"}
