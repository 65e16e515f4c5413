"""How clients' endpoints are doing: what is noted when, what that costs, and who sees it."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import httpx
import pytest
from botocore.client import BaseClient

from switchboard import endpoints
from switchboard.endpoints import Endpoints
from switchboard.store import EndpointStore
from switchboard.store.calls import Table
from tests.functions.flows import Flow
from tests.functions.test_webhook_delivery import Died, Hands, Time, answering, told
from tests.support import payloads
from tests.support.cloud import Cloud

PATH = "/v0.1/webhooks/endpoints"
STATUS, INBOUND = "https://client.example/status", "https://client.example/inbound"
Row = dict[str, Any]


@pytest.fixture
def hands(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(flow, monkeypatch)


def ask(cloud: Cloud, headers: dict[str, str], **query: str) -> Any:
    status, answer = cloud.http("webhooks", "GET", PATH, None, headers, query)
    assert status == 200, answer
    assert answer.keys() == {"endpoints", "cursor"}
    return answer


def rows(flow: Flow, headers: dict[str, str] | None = None, **query: str) -> list[Row]:
    found: list[Row] = ask(flow.cloud, headers or flow.app["bearer"], **query)["endpoints"]
    return found


def row(flow: Flow, kind: str = "status_url") -> Row:
    [found] = [each for each in rows(flow) if each["kind"] == kind]
    return found


def outcome(found: Row) -> tuple[str, str | None]:
    return found["state"], found["reason"]


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What was asked about endpoints since, by operation."""
    found: Counter[str] = Counter()
    call = BaseClient._make_api_call

    def counted(client: Any, operation: str, parameters: Any) -> Any:
        key = parameters.get("Key") or parameters.get("Item") or {}
        if str(key.get("pk", {}).get("S")).startswith("ENDPOINT#"):
            found[operation] += 1
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", counted)
    return found


# --- what is seen --------------------------------------------------------------------------------


def test_those_that_were_never_called(flow: Flow) -> None:
    flow.app = payloads.application(flow.cloud, status_url=STATUS, inbound_url=INBOUND)
    nothing = {"state": "unknown", "since": None, "reason": None, "retry_at": None}
    assert rows(flow) == [
        {"application_id": flow.app["id"], "kind": kind, "address": address, **nothing}
        for kind, address in (("status_url", STATUS), ("inbound_url", INBOUND))
    ]


FAILS: dict[str, tuple[Any, str]] = {
    "too many": (429, "answered 429"),
    "broken": (500, "answered 500"),
    "not now": (503, "answered 503"),
    "elsewhere": (302, "answered 302"),
    "nobody there": (404, "answered 404"),
    "no connection": (httpx.ConnectError, "could not be reached"),
    "no connection in time": (httpx.ConnectTimeout, "no connection within 3 s"),
    "no answer": (httpx.ReadTimeout, "no answer within 15 s"),
}


@pytest.mark.parametrize(("answer", "reason"), FAILS.values(), ids=list(FAILS))
@pytest.mark.parametrize("before", ["new", "answering"])
def test_one_that_fails(flow: Flow, hands: Hands, before: str, answer: Any, reason: str) -> None:
    if before == "answering":
        told(flow)
        hands.once()
        assert outcome(row(flow)) == ("answering", None)
    flow.world.client = answering(answer)
    told(flow)
    hands.once()
    found = row(flow)
    assert outcome(found) == ("failing", reason)
    since = datetime.fromisoformat(found["since"])

    flow.world.client = answering(200)
    told(flow)
    hands.once()
    found = row(flow)
    assert outcome(found) == ("answering", None)
    assert datetime.fromisoformat(found["since"]) >= since


def test_an_address_that_is_not_called(flow: Flow, hands: Hands) -> None:
    flow.app = payloads.application(flow.cloud, status_url="https://inside.example/hook")
    told(flow)
    hands.once()
    reason = "not called: it must be an address on the public internet"
    assert outcome(row(flow)) == ("failing", reason)


def test_since_is_when_it_began(flow: Flow, hands: Hands) -> None:
    flow.world.client = answering(500)
    told(flow)
    hands.once()
    first = row(flow)
    for receives in (2, 3):
        hands.once(receives=receives)
    assert row(flow) == first
    flow.world.client = answering(httpx.ConnectError)  # that is written anyhow
    hands.once(receives=4)
    assert row(flow) == first | {"reason": "could not be reached"}


def test_one_that_is_left_alone(flow: Flow, hands: Hands) -> None:
    flow.world.client = answering(httpx.ConnectError)
    told(flow)
    for receives in range(endpoints.FAULTS):
        hands.once(receives=receives + 1)
    found = row(flow)
    assert outcome(found) == ("left_alone", "could not be reached")
    now = datetime.now(datetime.fromisoformat(found["since"]).tzinfo)
    assert datetime.fromisoformat(found["since"]) < now < datetime.fromisoformat(found["retry_at"])
    sent = len(flow.world.sent)
    assert hands.once(receives=4) == [40], "and so it is"
    assert len(flow.world.sent) == sent


def test_one_that_is_gone_and_set_again(flow: Flow, hands: Hands) -> None:
    flow.world.client = answering(410)
    told(flow)
    hands.once()
    found = row(flow)
    assert outcome(found) == ("gone", "answered 410")
    assert found["since"] is not None
    path = f"/v2/applications/{flow.app['id']}"
    body = {"name": "again", "capabilities": flow.app["capabilities"]}
    assert flow.cloud.http("applications", "PUT", path, body, payloads.basic())[0] == 200
    assert outcome(row(flow)) == ("failing", "answered 410"), "as it was not called since"
    flow.world.client = answering(200)
    told(flow)
    hands.once()
    assert outcome(row(flow)) == ("answering", None)


def test_one_of_long_ago(flow: Flow, hands: Hands) -> None:
    """What is over can lie in the table for days."""
    told(flow)
    hands.once()
    [item] = _kept(flow)
    flow.cloud.dynamodb.put_item(TableName="table", Item=item | {"expires_at": {"N": "1"}})
    assert outcome(row(flow)) == ("unknown", None)


def test_one_that_an_older_version_wrote(flow: Flow, hands: Hands) -> None:
    told(flow)
    hands.once()
    [item] = _kept(flow)
    del item["answering_since"]
    flow.cloud.dynamodb.put_item(TableName="table", Item=item)
    flow.cloud.load("notify")
    assert outcome(row(flow)) == ("unknown", None)
    told(flow)
    hands.once()
    assert outcome(row(flow)) == ("answering", None)


def _kept(flow: Flow) -> list[dict[str, Any]]:
    items = flow.cloud.dynamodb.scan(TableName="table")["Items"]
    return [item for item in items if item["pk"]["S"].startswith("ENDPOINT#")]


def test_nothing_of_an_answer_or_an_event_is_kept(flow: Flow, hands: Hands) -> None:
    flow.app = payloads.application(flow.cloud, status_url="https://u:pass@client.example/s?token=t0ken#x")
    flow.world.client = lambda _: httpx.Response(500, headers={"x": "inward"}, text="inward", extensions={})
    told(flow)
    hands.once()
    [item] = _kept(flow)
    assert item["fault"] == {"S": "answered 500"}
    assert not any(word in str(item) for word in ("inward", "447700900100", "t0ken", "pass"))
    found = row(flow)
    assert (found["address"], found["state"]) == ("https://client.example/s", "failing")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://a.example", "http://a.example"),
        ("http://a.example:8080/x/y", "http://a.example:8080/x/y"),
        ("http://me@a.example/x@y", "http://a.example/x@y"),
        ("http://a.example?x=//b@c", "http://a.example"),
    ],
    ids=["host", "port and path", "name", "query"],
)
def test_how_an_address_is_shown(flow: Flow, address: str, shown: str) -> None:
    flow.app = payloads.application(flow.cloud, status_url=address)
    assert row(flow)["address"] == shown


# --- whose ---------------------------------------------------------------------------------------


def account_status_url(cloud: Cloud, address: str) -> None:
    query = {"drCallBackUrl": address}
    assert cloud.http("applications", "POST", "/account/settings", None, payloads.basic(), query)[0] == 200


def test_the_accounts_own_and_all_applications(flow: Flow, hands: Hands) -> None:
    account_status_url(flow.cloud, "https://client.example/account")
    other = Flow(flow.cloud)
    flow.world.client = lambda request: httpx.Response(500 if request.url.path == "/account" else 200)
    sent = flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), payloads.basic())
    assert sent[0] == 202
    told(other)
    while flow.cloud.waiting("WebhooksQueue"):
        if hands.once():
            break
    found = rows(flow, payloads.basic())
    assert found[0] | {"since": ""} == {
        "application_id": None,
        "kind": "status_url",
        "address": "https://client.example/account",
        "state": "failing",
        "since": "",
        "reason": "answered 500",
        "retry_at": None,
    }
    states = {each["application_id"]: each["state"] for each in found if each["kind"] == "status_url"}
    assert states == {None: "failing", flow.app["id"]: "unknown", other.app["id"]: "answering"}
    # Each sees its own, and the account by name.
    assert rows(other) == rows(flow, payloads.basic(), application_id=other.app["id"])
    assert {each["application_id"] for each in rows(other)} == {other.app["id"]}
    own = rows(flow, payloads.basic(), application_id="account")
    assert own == [each for each in found if each["application_id"] is None]


def test_another_applications_are_not_there(flow: Flow) -> None:
    other = Flow(flow.cloud)
    for headers, wanted in (
        (other.app["bearer"], flow.app["id"]),
        (other.app["bearer"], "none"),
        (other.app["bearer"], "account"),
        (payloads.basic(), "none"),
    ):
        query = {"application_id": wanted}
        status, answer = flow.cloud.http("webhooks", "GET", PATH, None, headers, query)
        assert (status, "client.example" in str(answer)) == (404, False)
    assert flow.cloud.http("webhooks", "GET", PATH)[0] == 401


def test_page_by_page(flow: Flow) -> None:
    account_status_url(flow.cloud, "https://client.example/account")
    made = {flow.app["id"]} | {payloads.application(flow.cloud)["id"] for _ in range(4)}
    status, bare = flow.cloud.http(
        "applications", "POST", "/v2/applications", {"name": "x"}, payloads.basic()
    )
    assert status == 201
    seen: list[str | None] = []
    pages, query = 0, {"page_size": "1"}
    while True:
        answer = ask(flow.cloud, payloads.basic(), **query)
        pages += 1
        seen += list(dict.fromkeys(each["application_id"] for each in answer["endpoints"]))
        if answer["cursor"] is None:
            break
        query["cursor"] = answer["cursor"]
    assert seen[0] is None, "the account's first, and once"
    assert sorted(each for each in seen if each) == sorted(made), "one without webhooks has none"
    assert bare["id"] not in seen
    assert pages in (6, 7)
    whole = ask(flow.cloud, payloads.basic())
    assert list(dict.fromkeys(each["application_id"] for each in whole["endpoints"])) == seen


def test_one_address_for_both_kinds(flow: Flow, hands: Hands) -> None:
    """The table refuses a read that names an item twice."""
    flow.app = payloads.application(flow.cloud, status_url=STATUS, inbound_url=STATUS)
    told(flow)
    hands.once()
    assert [outcome(each) for each in rows(flow)] == [("answering", None)] * 2


def test_a_large_page_reads_by_the_hundred(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """And asks again for what it did not get at once."""
    store: Table = flow.cloud.functions["webhooks"].services.store
    application = store.application(flow.app["id"])  # type: ignore[attr-defined]
    for number in range(60):
        copy = application.model_copy(update={"id": f"{number:08d}"})
        store.put_application(copy)  # type: ignore[attr-defined]
    client = store._client
    whole, asked = client.batch_get_item, list[int]()

    def half(RequestItems: Any) -> Any:
        """Of the first call it does a part."""
        [(table, wanted)] = RequestItems.items()
        asked.append(len(wanted["Keys"]))
        if len(asked) > 1:
            return whole(RequestItems=RequestItems)
        first, rest = wanted["Keys"][:10], wanted["Keys"][10:]
        answer = whole(RequestItems={table: {"Keys": first}})
        return answer | {"UnprocessedKeys": {table: {"Keys": rest}}}

    monkeypatch.setattr(client, "batch_get_item", half)
    assert len(rows(flow, payloads.basic(), page_size="100")) == 2 * 61
    assert asked == [100, 90, 100, 44], "each has an item for its state, and one if it is gone"


BAD_QUERIES: dict[str, tuple[dict[str, str], str]] = {
    "page of none": ({"page_size": "0"}, "page_size"),
    "page of too many": ({"page_size": "101"}, "page_size"),
    "page of words": ({"page_size": "many"}, "page_size"),
    "no cursor of ours": ({"cursor": "%%%"}, "cursor"),
    "an empty cursor": ({"cursor": ""}, "cursor"),
    "a very long name": ({"application_id": "x" * 200}, "application_id"),
}


@pytest.mark.parametrize(("query", "name"), BAD_QUERIES.values(), ids=list(BAD_QUERIES))
def test_a_wrong_question_is_refused(flow: Flow, query: dict[str, str], name: str) -> None:
    status, answer = flow.cloud.http("webhooks", "GET", PATH, None, payloads.basic(), query)
    assert (status, [fault["name"] for fault in answer["invalid_parameters"]]) == (400, [name])


@pytest.mark.parametrize("cursor", ["fn5-", "MDAw", "AA==", "8J-YgA=="])
def test_a_cursor_that_somebody_made(flow: Flow, cursor: str) -> None:
    """It is a place in the list, whatever it says."""
    assert len(rows(flow, payloads.basic(), cursor=cursor)) in (0, 1, 2)


# --- what it costs -------------------------------------------------------------------------------


@pytest.fixture
def store(cloud: Cloud) -> EndpointStore:
    return EndpointStore(cloud.dynamodb, "table", 30)


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def call(worker: Endpoints, fault: str | None = None, outcome: str = "answered") -> None:
    with worker.turn("app", STATUS) as turn:
        turn.failed(fault or "no answer") if outcome == "failed" else turn.answered(fault)


def state(store: EndpointStore) -> tuple[bool | None, str]:
    found = store.state("app", STATUS)
    return found.takes_events, found.fault


def test_one_that_takes_events_costs_nothing(
    store: EndpointStore, passing: Time, writes: Counter[str]
) -> None:
    """But the look every two seconds that there is anyhow."""
    worker = Endpoints(store)
    call(worker)
    assert writes == {"GetItem": 1, "UpdateItem": 2}, "the first: its hold, and how it ended"
    writes.clear()
    for _ in range(20):
        call(worker)
    assert writes == {}
    for _ in range(3):
        passing.goes_by(endpoints._KNOWN_SECONDS)
        call(worker)
        call(worker)
    assert writes == {"GetItem": 3}


def test_one_that_fails_is_written_once(store: EndpointStore, passing: Time, writes: Counter[str]) -> None:
    workers = [Endpoints(store) for _ in range(3)]
    for worker in workers:
        call(worker)
        call(worker)
    passing.goes_by(3600)
    writes.clear()
    for _ in range(100):
        for worker in workers:
            call(worker, "answered 500")
        passing.goes_by(1)
    # A worker that looked before the first write may not know of it.
    assert 1 <= writes["UpdateItem"] <= 3
    began = store.state("app", STATUS).failing_since
    assert (passing.moment.timestamp() - began / 1000) == pytest.approx(100, abs=1)
    writes.clear()
    for _ in range(10):
        for worker in workers:
            call(worker)
        passing.goes_by(1)
    assert 1 <= writes["UpdateItem"] <= 3
    assert state(store) == (True, "")


def test_one_that_takes_every_second_event(store: EndpointStore, passing: Time, writes: Counter[str]) -> None:
    worker = Endpoints(store)
    call(worker)
    writes.clear()
    seconds = 300
    for number in range(seconds * 2):
        call(worker, "answered 500" if number % 2 else None)
        passing.goes_by(0.5)
    assert 2 <= writes["UpdateItem"] <= 2 * (seconds / endpoints.NOTED_SECONDS + 1)


def test_of_many_that_end_together_one_writes(cloud: Cloud, store: EndpointStore) -> None:
    worker, together = Endpoints(store), threading.Barrier(8)
    call(worker)
    noted: list[str | None] = []
    answered = store.answered

    def note(*args: Any, **named: Any) -> Any:
        noted.append(named["fault"])
        return answered(*args, **named)

    store.answered = note  # type: ignore[method-assign]

    def one(fault: str | None) -> None:
        with worker.turn("app", STATUS) as turn:
            together.wait(10)
            turn.answered(fault)

    for fault in ("answered 500", None):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(one, [fault] * 8))
    assert noted == ["answered 500", None]


# --- twice, late, or not at all ------------------------------------------------------------------


def test_an_older_failure_does_not_stay(store: EndpointStore, passing: Time) -> None:
    """It comes to the table after the success of another worker. The next event that is taken mends it."""
    one, two = Endpoints(store), Endpoints(store)
    call(one)
    call(two)
    with two.turn("app", STATUS) as late:
        call(one)
        late.answered("answered 503")
    assert state(store) == (False, "answered 503")
    passing.goes_by(endpoints._KNOWN_SECONDS)
    call(one)
    assert state(store) == (True, "")


def test_a_failure_that_came_too_soon_is_noted_later(store: EndpointStore, passing: Time) -> None:
    """It fails, takes one, and fails for good."""
    worker = Endpoints(store)
    call(worker)
    call(worker, "answered 500")
    call(worker)
    call(worker, "answered 502")
    assert state(store) == (True, "")
    passing.goes_by(endpoints.NOTED_SECONDS)
    call(worker, "answered 502")
    assert state(store) == (False, "answered 502")


@pytest.mark.parametrize("fault", [None, "answered 500"], ids=["it takes events", "it fails"])
def test_a_note_that_got_lost_is_made_up_for(
    store: EndpointStore, passing: Time, monkeypatch: pytest.MonkeyPatch, fault: str | None
) -> None:
    worker = Endpoints(store)
    call(worker)
    if fault is None:
        call(worker, "answered 500")
    before = state(store)

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("throttled")

    with monkeypatch.context() as patch:
        patch.setattr(store, "answered", broken)
        call(worker, fault)
    assert state(store) == before
    passing.goes_by(endpoints.NOTED_SECONDS)
    call(worker, fault)
    assert state(store) == (fault is None, fault or "")


def test_noted_twice_is_noted_once(store: EndpointStore, passing: Time) -> None:
    for fault in (None, "answered 500"):
        store.answered("app", STATUS, passing.moment, fast=True, release=True, fault=fault)
        first = store.state("app", STATUS)
        passing.goes_by(60)
        store.answered("app", STATUS, passing.moment, fast=True, release=True, fault=fault)
        second = store.state("app", STATUS)
        assert second.model_copy(update={"expires_at": first.expires_at}) == first


@pytest.mark.parametrize("answer", [500, 404, httpx.ConnectError], ids=["again", "aside", "silence"])
@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after it"])
def test_whoever_dies_noting_it_leaves_it_to_the_next(
    flow: Flow, hands: Hands, monkeypatch: pytest.MonkeyPatch, answer: Any, after: bool
) -> None:
    """The event is tried again, by another process."""
    told(flow)
    hands.once()
    flow.world.client = answering(answer)
    told(flow)
    whole = EndpointStore._update

    def dies(self: Any, key: Any, expression: str, *more: Any) -> Any:
        if "failing_since =" not in expression:
            return whole(self, key, expression, *more)
        if after:
            whole(self, key, expression, *more)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(EndpointStore, "_update", dies)
        with pytest.raises(Died):
            hands.once()
    assert row(flow)["state"] == ("failing" if after else "answering")
    assert flow.cloud.waiting("WebhooksQueue") == 1
    flow.cloud.load("notify")
    hands.once(receives=2)
    assert row(flow)["state"] == "failing"
