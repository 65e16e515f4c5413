"""The audit trail: who changed what."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from switchboard.auditing import ACTIONS, MOST
from switchboard.models.audit import Change, Entry
from switchboard.models.periods import cursor
from switchboard.routes import ROUTES, named
from switchboard.store.audit import AuditStore
from tests.functions.flows import Flow
from tests.support import door, payloads
from tests.support.cloud import API_KEY, API_SECRET
from tests.support.door import Answer

Trail = list[dict[str, Any]]
ACCOUNT = "/accounts/whatsapp_cloud/mine"
CREDENTIALS = {
    "access_token": "very-secret",
    "app_secret": "also-secret",
    "verify_token": "secret-too",
    "waba_id": "1029",
    "phone_numbers": {"447700900200": "1"},
}


def ask(
    flow: Flow, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> Answer:
    route, _ = named(method, path)
    text = json.dumps(body) if body is not None else None
    return door.request(flow.cloud, method, route, path=path, body=text, headers=headers or payloads.basic())


def trail(flow: Flow) -> Trail:
    """The newest first."""
    answer = door.request(flow.cloud, "GET", "/v0.1/audit", headers=payloads.basic(), query="limit=200")
    assert answer.status == 200, answer
    return list(answer.body["entries"])


def newest(flow: Flow) -> dict[str, Any]:
    return trail(flow)[0]


def changes(entry: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {change["name"]: (change["old"], change["new"]) for change in entry["changes"]}


def first(flow: Flow) -> str:
    """The id of the API secret that the tests use, as its owner sees it."""
    answer = ask(flow, "GET", f"/accounts/{API_KEY}/secrets")
    [secret] = answer.body["_embedded"]["secrets"]
    return str(secret["id"])


def test_an_application_is_made_changed_and_deleted(flow: Flow) -> None:
    webhooks = {"status_url": {"address": "https://a:b@client.example/s?token=secret", "http_method": "POST"}}
    body = {"name": "Parcels", "capabilities": {"messages": {"webhooks": webhooks}}}
    made = ask(flow, "POST", "/v2/applications", body).body
    path = f"/v2/applications/{made['id']}"
    ask(flow, "PUT", path, {"name": "Letters"})
    ask(flow, "DELETE", path)
    deleted, updated, created = trail(flow)[:3]
    for entry, action in ((created, "created"), (updated, "updated"), (deleted, "deleted")):
        assert entry["action"] == f"application.{action}"
        assert (entry["target"], entry["who"], entry["outcome"]) == (made["id"], f"key:{first(flow)}", "done")
        assert datetime.now(UTC) - datetime.fromisoformat(entry["timestamp"]) < timedelta(minutes=1)
    address = "capabilities.messages.webhooks.status_url.address"
    assert changes(created)["name"] == (None, "Parcels")
    assert changes(created)[address] == (None, "https://client.example/s?…")
    assert changes(updated)["name"] == ("Parcels", "Letters")
    assert changes(updated)[address] == ("https://client.example/s?…", None)
    assert "keys.public_key" not in changes(updated)
    assert changes(deleted)["name"] == ("Letters", None)


def test_a_key_is_changed(flow: Flow) -> None:
    other = payloads.application(flow.cloud)
    body = {"name": "test", "keys": {"public_key": other["keys"]["public_key"]}}
    ask(flow, "PUT", f"/v2/applications/{flow.app['id']}", body)
    old, new = changes(newest(flow))["keys.public_key"]
    assert old != new
    assert old.startswith("sha256:")
    assert new.startswith("sha256:")


def test_an_account_and_its_links(flow: Flow) -> None:
    sender = {"channel": "whatsapp", "id": "447700900200", "application": flow.app["id"]}
    assert ask(flow, "PUT", ACCOUNT, {"credentials": CREDENTIALS, "senders": [sender]}).status == 201
    assert changes(newest(flow))["senders.whatsapp:447700900200.application"] == (None, flow.app["id"])
    assert changes(newest(flow))["credentials"][0] is None
    assert ask(flow, "PUT", ACCOUNT, {"credentials": CREDENTIALS, "senders": []}).status == 200
    entry = newest(flow)
    assert entry["target"] == "whatsapp_cloud/mine"
    assert changes(entry)["credentials"][1] == "replaced"
    ask(flow, "DELETE", ACCOUNT)
    assert newest(flow)["action"] == "provider_account.deleted"
    shown = json.dumps(trail(flow))
    assert [word for word in ("very-secret", "also-secret", "secret-too") if word in shown] == []


def test_too_many_changes_say_that_there_are_more(flow: Flow) -> None:
    credentials = {name: value for name, value in CREDENTIALS.items() if name != "phone_numbers"}
    numbers = [f"4477009{number:05}" for number in range(150)]
    credentials["phone_numbers"] = {number: number for number in numbers}
    senders = [{"channel": "whatsapp", "id": number, "order": 5} for number in numbers]
    assert ask(flow, "PUT", ACCOUNT, {"credentials": credentials, "senders": senders}).status == 201
    assert ask(flow, "PUT", ACCOUNT, {"credentials": credentials, "senders": []}).status == 200
    entry = newest(flow)
    assert len(entry["changes"]) == MOST
    assert entry["changes"][0]["name"] == "credentials"
    left = entry["changes"][-1]
    assert left["name"] == "…"
    count, word = left["new"].split()
    assert (int(count) > 50, word) == (True, "more")


def test_secrets_are_named_only(flow: Flow) -> None:
    for kind, given in (("secrets", {"secret": "Abcdefgh12345"}), ("signature-secrets", {})):
        path = f"/accounts/localkey/{kind}"
        made = ask(flow, "POST", path, given).body
        created = newest(flow)
        ask(flow, "DELETE", f"{path}/{made['id']}")
        revoked = newest(flow)
        assert [entry["target"] for entry in (created, revoked)] == [made["id"]] * 2
        assert created["action"].endswith("secret.created")
        assert revoked["action"].endswith("secret.revoked")
        secret = made.get("secret", "Abcdefgh12345")
        assert secret not in json.dumps(trail(flow))


def test_settings_and_limits(flow: Flow) -> None:
    form = "moCallBackUrl=https%3A%2F%2Fclient.example%2Fin"
    door.request(flow.cloud, "POST", "/account/settings", body=form, headers=payloads.basic())
    assert changes(newest(flow)) == {"moCallBackUrl": (None, "https://client.example/in")}
    ask(flow, "PUT", "/account/limits", {"daily_spend": "20", "assumed_price": None})
    assert changes(newest(flow))["daily_spend"][0] is None
    ask(flow, "PUT", "/account/limits", {"daily_spend": "20", "assumed_price": "0.10"})
    assert changes(newest(flow)) == {"assumed_price": (None, "0.10")}
    ask(flow, "PUT", "/account/limits", {"daily_spend": "20", "assumed_price": None})
    assert changes(newest(flow)) == {"assumed_price": ("0.10", None)}
    ask(flow, "PUT", f"/v2/applications/{flow.app['id']}", {"name": "test", "limits": {"daily_spend": "5"}})
    assert "limits.daily_spend" in changes(newest(flow))


def test_who_came_by_the_console(flow: Flow) -> None:
    given = {"api_key": API_KEY, "api_secret": API_SECRET}
    status, answer = flow.cloud.http("console", "POST", "/console/session", given)
    assert status == 200
    limits = {"daily_spend": "3", "assumed_price": None}
    ask(flow, "PUT", "/account/limits", limits, {"Authorization": f"Console {answer['pass']}"})
    assert (newest(flow)["who"], newest(flow)["outcome"]) == (f"console:{first(flow)}", "done")
    assert answer["pass"] not in json.dumps(trail(flow))


def test_which_secret_it_was(flow: Flow) -> None:
    """Two hands, two secrets: the trail tells them apart, by the key, its old form and the console."""
    made = ask(flow, "POST", f"/accounts/{API_KEY}/secrets", {"secret": "Abcdefgh12345"}).body
    assert newest(flow)["who"] != f"key:{made['id']}"
    other = base64.b64encode(f"{API_KEY}:Abcdefgh12345".encode()).decode()
    limits = {"daily_spend": "3", "assumed_price": None}
    ask(flow, "PUT", "/account/limits", limits, {"Authorization": f"Basic {other}"})
    assert newest(flow)["who"] == f"key:{made['id']}"
    form = f"api_key={API_KEY}&api_secret=Abcdefgh12345&moCallBackUrl="
    assert door.request(flow.cloud, "POST", "/account/settings", body=form).status == 200
    assert newest(flow)["who"] == f"key:{made['id']}"
    given = {"api_key": API_KEY, "api_secret": "Abcdefgh12345"}
    answer = flow.cloud.http("console", "POST", "/console/session", given)[1]
    ask(flow, "PUT", "/account/limits", limits, {"Authorization": f"Console {answer['pass']}"})
    assert newest(flow)["who"] == f"console:{made['id']}"


def test_an_erasure_names_nobody(flow: Flow) -> None:
    made = ask(flow, "POST", "/v0.1/redact", {"number": "447700900100"}, flow.app["bearer"]).body
    entry = newest(flow)
    assert (entry["action"], entry["target"]) == ("redaction.begun", made["redaction_id"])
    assert entry["who"] == f"application:{flow.app['id']}"
    assert "447700900100" not in json.dumps(trail(flow))


def test_replays_say_how_many(flow: Flow) -> None:
    ask(flow, "POST", "/v0.1/webhooks/replay", {"from": "2020-01-01T00:00:00Z"})
    entry = newest(flow)
    assert (entry["action"], changes(entry)) == ("webhooks.replayed", {"replayed": (None, "0")})


def test_a_number_is_linked(flow: Flow) -> None:
    form = f"country=GB&msisdn=447700900300&app_id={flow.app['id']}"
    door.request(flow.cloud, "POST", "/number/update", body=form, headers=payloads.basic())
    entry = newest(flow)
    assert (entry["action"], entry["target"]) == ("number.updated", "447700900300")
    assert changes(entry) == {"application": (None, flow.app["id"])}


REFUSALS = {
    "not there": ("DELETE", "/v2/applications/none", None),
    "no sense in it": ("POST", "/v2/applications", {"name": ""}),
    "by the old calls": ("POST", "/number/update", {"x": 1}),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_was_refused(flow: Flow, name: str) -> None:
    assert ask(flow, *REFUSALS[name]).status >= 400
    assert (newest(flow)["outcome"], newest(flow)["changes"]) == ("refused", [])


TWO_KEYS = {
    "a wrong one in the query": "api_key=localkey&api_secret=wrong",
    "one without the other": "api_key=x",
}


@pytest.mark.parametrize("name", TWO_KEYS)
def test_nobody_gets_by_with_two_keys(flow: Flow, name: str) -> None:
    """The route looks at the header only."""
    route, path = ("DELETE", "/v2/applications/{application_id}"), f"/v2/applications/{flow.app['id']}"
    door.request(flow.cloud, *route, path=path, headers=payloads.basic(), query=TWO_KEYS[name])
    assert (newest(flow)["action"], newest(flow)["outcome"]) == ("application.deleted", "done")


def test_who_may_not_leaves_nothing(flow: Flow) -> None:
    before = trail(flow)
    for headers in ({"Authorization": "Bearer x.y.z"}, {"Authorization": "Basic x"}, flow.app["bearer"]):
        assert ask(flow, "POST", "/v2/applications", {"name": "x"}, headers).status == 401
    assert trail(flow) == before


# --- dying ----------------------------------------------------------------------------------------


class Died(BaseException):
    pass


def test_a_change_that_was_cut_off_is_open(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    services = flow.cloud.functions["applications"].services
    delete = services.store.delete_application

    def after(*args: Any) -> Any:
        delete(*args)
        raise Died

    monkeypatch.setattr(services.store, "delete_application", after)
    with pytest.raises(Died):
        ask(flow, "DELETE", f"/v2/applications/{flow.app['id']}")
    [entry] = [one for one in everything(flow) if one.action == "application.deleted"]
    assert (entry.outcome, entry.target) == ("open", flow.app["id"])


def everything(flow: Flow) -> list[Entry]:
    store = flow.cloud.functions["insights"].services.audit_store
    now = datetime.now(UTC)
    return list(store.page(now - timedelta(days=1), now + timedelta(days=1), None, 200)[0])


def test_what_cannot_be_written_down_is_not_done(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    store = flow.cloud.functions["applications"].services.audit_store
    monkeypatch.setattr(store, "put", refuse)
    answer = ask(flow, "DELETE", f"/v2/applications/{flow.app['id']}")
    assert answer.status == 500
    assert ask(flow, "GET", f"/v2/applications/{flow.app['id']}").status == 200


def refuse(entry: Entry) -> None:
    raise ClientError({"Error": {"Code": "InternalServerError"}}, "PutItem")


def test_a_change_that_is_made_is_answered(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its entry stays open when it cannot be completed."""
    store = flow.cloud.functions["applications"].services.audit_store
    put, calls = store.put, []

    def once(entry: Entry) -> None:
        calls.append(entry)
        put(entry) if len(calls) == 1 else refuse(entry)

    monkeypatch.setattr(store, "put", once)
    assert ask(flow, "DELETE", f"/v2/applications/{flow.app['id']}").status == 204
    [entry] = [one for one in everything(flow) if one.action == "application.deleted"]
    assert entry.outcome == "open"


def test_an_error_of_ours_leaves_it_open(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*args: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(flow.cloud.functions["applications"].services.store, "put_application", breaks)
    assert ask(flow, "POST", "/v2/applications", {"name": "x"}).status == 500
    assert everything(flow)[0].outcome == "open"


# --- reading --------------------------------------------------------------------------------------


def test_only_the_owner_reads_it(flow: Flow) -> None:
    assert door.request(flow.cloud, "GET", "/v0.1/audit", headers=flow.app["bearer"]).status == 401


def test_it_is_kept_for_400_days(flow: Flow) -> None:
    items = flow.cloud.dynamodb.scan(TableName="table")["Items"]
    ends = [int(item["expires_at"]["N"]) for item in items if item["pk"]["S"].startswith("AUDIT#")]
    assert ends
    left = timedelta(seconds=min(ends) - datetime.now(UTC).timestamp())
    assert timedelta(days=399) < left <= timedelta(days=400)


@pytest.fixture
def store(flow: Flow) -> AuditStore:
    """With an entry on each fifth day of a year, and two of the same moment."""
    store = AuditStore(flow.cloud.dynamodb, "table", 30)
    for number in range(73):
        at = datetime(2025, 1, 1, 12, tzinfo=UTC) + timedelta(days=5 * number)
        for entry_id in ("a", "b") if number == 10 else ("a",):
            store.put(Entry(entry_id=entry_id, at=at, who="key", action=f"n{number}"))
    return store


@pytest.mark.parametrize("size", [1, 7, 74, 100])
def test_pages(store: AuditStore, size: int) -> None:
    since, until = datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    found: list[Entry] = []
    place: str | None = None
    for _ in range(100):
        page, place = store.page(since, until, place, size)
        assert len(page) <= size
        found += page
        if place is None:
            break
    assert [entry.action for entry in found] == [f"n{n}" for n in range(72, 10, -1)] + ["n10"] * 2 + [
        f"n{n}" for n in range(9, -1, -1)
    ]
    assert len({(entry.at, entry.entry_id) for entry in found}) == 74


def test_answers_of_the_table_are_cut_at_1_mb(flow: Flow) -> None:
    store = AuditStore(flow.cloud.dynamodb, "table", 30)
    at = datetime(2025, 3, 1, tzinfo=UTC)
    changes = tuple(Change(name=f"c{number}", new="x" * 180) for number in range(100))
    for number in range(120):
        moment = at + timedelta(minutes=number)
        store.put(Entry(entry_id="a", at=moment, who="key", action=f"n{number}", changes=changes))
    found: list[Entry] = []
    place: str | None = None
    for pages in (1, 2):
        page, place = store.page(at, at + timedelta(days=1), place, 70)
        found += page
        assert (place is None) == (pages == 2)
    assert [entry.action for entry in found] == [f"n{n}" for n in range(119, -1, -1)]


def test_a_time_is_kept_to(store: AuditStore) -> None:
    since, until = datetime(2025, 1, 6, 12, tzinfo=UTC), datetime(2025, 1, 16, 12, tzinfo=UTC)
    page, place = store.page(since, until, None, 10)
    assert ([entry.action for entry in page], place) == (["n2", "n1"], None)


CURSORS = {
    "a dot": ("Lg==", 400),
    "a word": ("bm90aGluZw==", 400),
    "zeros": ("AAAA", 400),
    "a time and no id": ("OTk5OTk5OTk5OTk5OTk5I3o=", 400),
    "a time after all": (cursor("999999999999999#0123456789ab"), 200),
}


@pytest.mark.parametrize("name", CURSORS)
def test_a_made_up_cursor_is_harmless(store: AuditStore, flow: Flow, name: str) -> None:
    given, status = CURSORS[name]
    answer = door.request(flow.cloud, "GET", "/v0.1/audit", headers=payloads.basic(), query=f"cursor={given}")
    assert answer.status == status


FAULTS = {"from": "from=x", "to": "from=2026-01-02&to=2026-01-01", "limit": "limit=0", "cursor": "cursor=%25"}
FAULTS["who"] = "who=key"  # no filter, and not to be taken for one


@pytest.mark.parametrize("field", FAULTS)
def test_faults(flow: Flow, field: str) -> None:
    answer = door.request(flow.cloud, "GET", "/v0.1/audit", headers=payloads.basic(), query=FAULTS[field])
    assert answer.status in (400, 422)
    assert field in answer.text


UNAUDITED: dict[str, Callable[[str], bool]] = {
    "reads": lambda route: False,
    "messages and dispatches, which are records themselves": lambda route: route.startswith(
        ("/v0.1/messages", "/v1/messages", "/v0.1/dispatch")
    ),
    "providers": lambda route: route.startswith(("/status/", "/inbound/")),
    "the console's session": lambda route: route == "/console/session",
}


def test_every_route_that_changes_something_is_in_it() -> None:
    changing = {(method, route) for route, methods in ROUTES.items() for method in methods if method != "GET"}
    left = {(m, r) for m, r in changing - ACTIONS.keys() if not any(test(r) for test in UNAUDITED.values())}
    assert left == set()
    assert ACTIONS.keys() <= changing
