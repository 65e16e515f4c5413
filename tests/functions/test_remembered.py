"""What processes remember for a second of applications and the account: what is seen at once, what within it,
and what each costs."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.client import BaseClient

from switchboard import account_secrets, applications, remembered
from switchboard.models.applications import Application
from switchboard.remembered import MOST, SECONDS, Remembered
from switchboard.store import keys
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.cloud import API_SECRET


class Clock:
    """Time that stands still unless it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        for module in (remembered, account_secrets):
            monkeypatch.setattr(module, "monotonic", lambda: self.now)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each item was read."""
    found: Counter[str] = Counter()
    call = BaseClient._make_api_call

    def counted(client: Any, operation: str, parameters: Any) -> Any:
        if operation == "GetItem":
            key = parameters["Key"]
            found["{} {}".format(key["pk"]["S"], key["sk"]["S"])] += 1
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    return found


def send(flow: Flow, headers: dict[str, str]) -> int:
    return flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), headers)[0]


def change(flow: Flow, method: str, body: Any = None) -> None:
    path = f"/v2/applications/{flow.app['id']}"
    assert flow.cloud.http("applications", method, path, body, payloads.basic())[0] < 300


def name(key: keys.Key) -> str:
    return "{pk} {sk}".format(**key)


def own(flow: Flow) -> str:
    return name(keys.application(flow.app["id"]))


# --- the cache -----------------------------------------------------------------------------------


def test_it_is_read_once_a_second(time: Clock) -> None:
    asked: list[str] = []
    known: Remembered[str] = Remembered(lambda name: asked.append(name) or name.upper())  # type: ignore[func-returns-value]
    looks = []
    for moment in (0.0, 0.5, SECONDS - 0.01, SECONDS):
        time.now = 1000 + moment
        looks.append(known.look("a"))
    assert looks == [("A", True), ("A", False), ("A", False), ("A", True)]
    assert asked == ["a", "a"]
    assert known.read("a") == "A" and len(asked) == 3
    assert known.get("a") == "A" and len(asked) == 3
    known.forget("a")
    assert known.get("a") == "A" and len(asked) == 4


def test_what_is_not_there_is_asked_for_again(time: Clock) -> None:
    there: dict[str, str] = {}
    known = Remembered(there.get)
    assert known.get("a") is None
    there["a"] = "A"
    assert known.get("a") == "A"
    del there["a"]
    assert known.get("a") == "A"
    time.now += SECONDS + 0.1
    assert known.get("a") is None


def test_who_asks_at_once_reads_once() -> None:
    asked: list[str] = []

    def read(name: str) -> str:
        asked.append(name)
        begun.wait(10)
        return name

    known, begun = Remembered(read), threading.Event()
    with ThreadPoolExecutor(10) as pool:
        answers = [pool.submit(known.get, "a") for _ in range(10)]
        begun.set()
    assert [answer.result() for answer in answers] == ["a"] * 10
    assert asked == ["a"]


def test_it_is_bounded(time: Clock) -> None:
    known: Remembered[str] = Remembered(lambda name: name)
    for number in range(MOST * 2 + 10):
        known.get(str(number))
    assert len(known._found) <= MOST


# --- applications --------------------------------------------------------------------------------


def test_a_burst_reads_its_application_once(flow: Flow, time: Clock, reads: Counter[str]) -> None:
    assert [send(flow, flow.app["bearer"]) for _ in range(5)] == [202] * 5
    assert reads[own(flow)] == 1
    time.now += SECONDS + 0.1
    assert send(flow, flow.app["bearer"]) == 202
    assert reads[own(flow)] == 2


def test_each_application_has_a_partition_of_its_own(flow: Flow, reads: Counter[str]) -> None:
    other = payloads.application(flow.cloud)
    for application in (flow.app, other):
        assert send(flow, application["bearer"]) == 202
    assert not [item for item in reads if item.startswith(f"{keys.APPLICATIONS} ")]
    assert {own(flow), name(keys.application(other["id"]))} <= set(reads)


def test_a_new_application_sends_at_once(flow: Flow, time: Clock) -> None:
    flow.app["id"], known = "6f3ad1d6-8f3a-4a40-9d4e-0a6a2c8f3f10", flow.app["id"]
    assert send(flow, payloads.bearer(flow.app)) == 401
    store = flow.cloud.functions["send"].services.store
    made = store.application(known).model_copy(update={"id": flow.app["id"]})
    store.put_application(made)
    assert send(flow, payloads.bearer(flow.app)) == 202


@pytest.mark.parametrize("body", [None, "another key"], ids=["deleted", "another key"])
def test_who_is_let_out_is_out_within_a_second(flow: Flow, time: Clock, body: str | None) -> None:
    assert send(flow, flow.app["bearer"]) == 202
    _, public = applications.key_pair()
    change(flow, "PUT" if body else "DELETE", {"name": "x", "keys": {"public_key": public}} if body else None)
    assert send(flow, flow.app["bearer"]) == 202  # not yet
    time.now += SECONDS + 0.01
    assert send(flow, flow.app["bearer"]) == 401


def test_another_key_opens_at_once(flow: Flow, time: Clock) -> None:
    assert send(flow, flow.app["bearer"]) == 202
    private, public = applications.key_pair()
    change(flow, "PUT", {"name": "x", "keys": {"public_key": public}})
    renewed = flow.app | {"keys": {"private_key": private}}
    assert send(flow, payloads.bearer(renewed)) == 202
    assert send(flow, flow.app["bearer"]) == 401  # and closes the old one


def test_a_bad_token_costs_one_read(flow: Flow, time: Clock, reads: Counter[str]) -> None:
    expired = payloads.bearer(flow.app, iat=1, exp=2)
    for number in range(1, 4):
        time.now += 5
        assert send(flow, expired) == 401
        assert reads[own(flow)] == number


# --- where they are kept -------------------------------------------------------------------------


def items(flow: Flow, application_id: str) -> dict[str, str | None]:
    """What the two items of an application say its name is."""
    found = {}
    for kind, key in (
        ("own", keys.application(application_id)),
        ("listed", keys.listed_application(application_id)),
    ):
        answer = flow.cloud.dynamodb.get_item(
            TableName="table", Key={name: {"S": value} for name, value in key.items()}
        )
        text = answer["Item"]["application"]["S"] if "Item" in answer else None
        found[kind] = json.loads(text)["name"] if text else None
    return found


def test_both_items_are_written_together(flow: Flow) -> None:
    uuid = flow.app["id"]
    assert items(flow, uuid) == {"own": "test", "listed": "test"}
    change(flow, "PUT", {"name": "two"})
    assert items(flow, uuid) == {"own": "two", "listed": "two"}
    change(flow, "DELETE")
    assert items(flow, uuid) == {"own": None, "listed": None}


def as_before(flow: Flow, *, only: str = "listed") -> None:
    """As a version left it that knew the list alone."""
    gone = {"own": keys.listed_application, "listed": keys.application}[only](flow.app["id"])
    flow.cloud.dynamodb.delete_item(
        TableName="table", Key={name: {"S": value} for name, value in gone.items()}
    )


def test_one_from_before_is_found_and_moves_when_it_is_changed(flow: Flow) -> None:
    as_before(flow)
    assert send(flow, flow.app["bearer"]) == 202
    change(flow, "PUT", {"name": "two"})
    assert items(flow, flow.app["id"]) == {"own": "two", "listed": "two"}
    as_before(flow)
    change(flow, "DELETE")
    assert items(flow, flow.app["id"]) == {"own": None, "listed": None}


def test_what_an_older_version_left_is_deleted_too(flow: Flow) -> None:
    as_before(flow, only="own")
    change(flow, "DELETE")
    assert items(flow, flow.app["id"]) == {"own": None, "listed": None}
    path = f"/v2/applications/{flow.app['id']}"
    assert flow.cloud.http("applications", "DELETE", path, headers=payloads.basic())[0] == 404


def test_what_was_deleted_meanwhile_does_not_come_back(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = flow.cloud.functions["applications"].services.applications
    get = type(mine).get

    def and_gone(self: Any, application_id: str) -> Application:
        found: Application = get(self, application_id)
        assert self.store.delete_application(application_id)
        return found

    monkeypatch.setattr(type(mine), "get", and_gone)
    path = f"/v2/applications/{flow.app['id']}"
    answer = flow.cloud.http("applications", "PUT", path, {"name": "x"}, payloads.basic())
    assert answer[0] == 404
    assert items(flow, flow.app["id"]) == {"own": None, "listed": None}


# --- the account ---------------------------------------------------------------------------------


def test_a_burst_by_key_and_secret_reads_the_secrets_once(
    flow: Flow, time: Clock, reads: Counter[str]
) -> None:
    assert [send(flow, payloads.basic()) for _ in range(5)] == [202] * 5
    assert reads[name(keys.api_secrets())] == 1
    time.now += SECONDS + 0.1
    assert send(flow, payloads.basic()) == 202
    assert reads[name(keys.api_secrets())] == 2


def test_a_burst_of_the_accounts_webhooks_reads_its_settings_once(
    flow: Flow, time: Clock, reads: Counter[str]
) -> None:
    url = "https://client.example/account"
    settings = ("applications", "POST", "/account/settings", None, payloads.basic(), {"drCallBackUrl": url})
    assert flow.cloud.http(*settings)[0] == 200
    assert [send(flow, payloads.basic()) for _ in range(5)] == [202] * 5
    reads.clear()
    flow.until(lambda: len(flow.world.webhooks) == 5)
    assert reads[name(keys.account_settings())] == 1


SECOND = "Another-secret-2"


@pytest.mark.parametrize("added", [False, True], ids=["revoked", "added"])
def test_a_secret(flow: Flow, time: Clock, added: bool) -> None:
    """One that is added opens at once, one that is revoked no more within a second."""
    path = "/accounts/localkey/secrets"
    assert send(flow, payloads.basic()) == 202
    status, made = flow.cloud.http("applications", "POST", path, {"secret": SECOND}, payloads.basic())
    assert status == 201
    assert send(flow, payloads.basic(secret=SECOND)) == 202
    if added:
        return
    headers = payloads.basic(secret=API_SECRET)
    assert flow.cloud.http("applications", "DELETE", f"{path}/{made['id']}", headers=headers)[0] == 204
    assert flow.cloud.http("applications", "GET", path, headers=payloads.basic(secret=SECOND))[0] == 401
    assert send(flow, payloads.basic(secret=SECOND)) == 202  # another process, not yet
    time.now += SECONDS + 0.01
    assert send(flow, payloads.basic(secret=SECOND)) == 401
