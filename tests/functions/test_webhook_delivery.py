"""Webhooks that a client does not take: tried again, put aside, replayed; and nobody else waits for them."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from botocore.client import BaseClient

from switchboard import clock, endpoints, notifying, queues, records, replaying
from switchboard.endpoints import Endpoints, NotNow
from switchboard.store import EndpointStore
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.cloud import CONTEXT, Cloud

DAY = 86_400
Answer = Callable[[httpx.Request], httpx.Response]


class Hands:
    """Hands the queue's entries to `notify` as if they had waited for so long, and been received so often."""

    def __init__(self, flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
        self.flow = flow
        self.put_off: list[float] = []
        monkeypatch.setattr(
            queues.Queue, "postpone", lambda queue, record, seconds: self.put_off.append(seconds)
        )

    def once(self, receives: int = 1, age: float = 0) -> list[float]:
        """For how many seconds each of them was put off."""
        self.put_off.clear()
        found = self.flow.cloud.received("WebhooksQueue")
        for record in found:
            sent = int(record["attributes"]["SentTimestamp"]) - round(age * 1000)
            record["attributes"] |= {
                "ApproximateReceiveCount": str(receives),
                "SentTimestamp": str(sent),
                "ApproximateFirstReceiveTimestamp": str(sent),
            }
        self.flow.cloud._hand(found, "WebhooksQueue", "notify")
        return list(self.put_off)


@pytest.fixture
def hands(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> Hands:
    return Hands(flow, monkeypatch)


def answering(*answers: int | httpx.Response | type[httpx.TransportError]) -> Answer:
    """The client's endpoints give these answers in turn, the last one for ever."""
    waiting = list(answers)

    def client(request: httpx.Request) -> httpx.Response:
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, httpx.Response):
            return httpx.Response(answer.status_code, headers=answer.headers)
        if isinstance(answer, int):
            return httpx.Response(answer)
        raise answer("as the test wants it")

    return client


def told(flow: Flow) -> str:
    """A message whose first status waits in the Webhooks queue."""
    uuid = flow.send(payloads.text("sms"))
    flow.cloud.deliver()
    assert flow.cloud.waiting("WebhooksQueue") >= 1
    return uuid


def listed(flow: Flow, headers: dict[str, str] | None = None, **query: str) -> list[dict[str, Any]]:
    status, answer = flow.cloud.http(
        "webhooks", "GET", "/v0.1/webhooks/failed", None, headers or flow.app["bearer"], query
    )
    assert status == 200, answer
    found: list[dict[str, Any]] = answer["_embedded"]["failed"]
    return found


def replay(flow: Flow, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    return flow.cloud.http("webhooks", "POST", "/v0.1/webhooks/replay", body, headers or flow.app["bearer"])


# --- what an answer means ------------------------------------------------------------------------

AGAIN: dict[str, int | type[httpx.TransportError]] = {
    "too many": 429,
    "broken": 500,
    "not implemented": 501,
    "bad gateway": 502,
    "not now": 503,
    "a gateway gave up": 504,
    "no connection": httpx.ConnectError,
    "no connection in time": httpx.ConnectTimeout,
    "no answer in time": httpx.ReadTimeout,
    "hung up": httpx.RemoteProtocolError,
    "reset": httpx.ReadError,
}


@pytest.mark.parametrize("answer", AGAIN.values(), ids=list(AGAIN))
def test_tried_again(flow: Flow, hands: Hands, answer: Any) -> None:
    flow.world.client = answering(answer, 200)
    uuid = told(flow)
    assert hands.once() == [5]
    assert hands.once(receives=2) == []
    assert flow.statuses(uuid) == ["submitted"]
    assert listed(flow) == []
    assert flow.cloud.waiting("WebhooksQueue") == 0


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_taken(flow: Flow, hands: Hands, status: int) -> None:
    flow.world.client = answering(status)
    told(flow)
    assert hands.once() == []
    assert (flow.cloud.waiting("WebhooksQueue"), listed(flow)) == (0, [])


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 405, 408, 410, 413, 422])
def test_put_aside_at_once(flow: Flow, hands: Hands, status: int) -> None:
    flow.world.client = answering(httpx.Response(status, headers={"location": "https://client.example/b"}))
    uuid = told(flow)
    assert hands.once() == []
    assert flow.cloud.waiting("WebhooksQueue") == 0
    [event] = listed(flow)
    assert datetime.fromisoformat(event.pop("occurred_at")) <= datetime.fromisoformat(event.pop("failed_at"))
    assert event == {
        "event_id": f"{uuid}:submitted",
        "kind": "status",
        "application_id": flow.app["id"],
        "message_uuid": uuid,
        "status": "submitted",
        "attempts": 1,
        "reason": f"answered {status}",
    }


def test_no_number_and_no_text_is_kept_with_it(flow: Flow, hands: Hands) -> None:
    flow.world.client = answering(400)
    told(flow)
    hands.once()
    items = flow.cloud.dynamodb.scan(TableName="table")["Items"]
    kept = [item for item in items if item["pk"]["S"].startswith(("FAILED#", "EVENT#"))]
    assert len(kept) == 2
    assert "447700900100" not in json.dumps(kept)
    soon = datetime.now(UTC).timestamp() + 14 * DAY
    assert all(abs(int(item["expires_at"]["N"]) - soon) < 60 for item in kept)


# --- when ----------------------------------------------------------------------------------------


def test_the_schedule(flow: Flow, hands: Hands) -> None:
    flow.world.client = answering(503)
    told(flow)
    pauses = [hands.once(receives=receives)[0] for receives in range(1, 13)]
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900, 900]


ASKED: dict[str, tuple[str, int, float]] = {
    "later than we would": ("60", 1, 60),
    "sooner than we would": ("2", 6, 2),
    "at once": ("0", 1, 1),
    "sooner, again and again": ("2", 21, 900),
    "later, again and again": ("1000", 21, 1000),
    "something that is no time": ("soon", 3, 20),
}


@pytest.mark.parametrize(("header", "receives", "seconds"), ASKED.values(), ids=list(ASKED))
@pytest.mark.parametrize("status", [429, 503])
def test_the_client_says_when(
    flow: Flow, hands: Hands, status: int, header: str, receives: int, seconds: float
) -> None:
    flow.world.client = answering(httpx.Response(status, headers={"retry-after": header}))
    told(flow)
    assert hands.once(receives=receives) == [seconds]


def test_the_client_says_when_by_a_date(flow: Flow, hands: Hands) -> None:
    at = datetime.now(UTC) + timedelta(minutes=10)
    date = at.strftime("%a, %d %b %Y %H:%M:%S GMT")
    flow.world.client = answering(httpx.Response(429, headers={"retry-after": date}))
    told(flow)
    [seconds] = hands.once()
    assert 570 <= seconds <= 600


@pytest.mark.parametrize("header", [{}, {"retry-after": "7200"}], ids=["by us", "by the client"])
def test_the_last_attempt_is_24_hours_after_the_first(
    flow: Flow, hands: Hands, header: dict[str, str]
) -> None:
    flow.world.client = answering(httpx.Response(503, headers=header))
    uuid = told(flow)
    [left] = hands.once(receives=100, age=DAY - 300)
    assert 290 <= left <= 300
    assert listed(flow) == []
    assert hands.once(receives=101, age=DAY) == []
    [event] = listed(flow)
    assert (event["event_id"], event["attempts"], event["reason"]) == (
        f"{uuid}:submitted",
        101,
        "answered 503",
    )
    assert flow.cloud.waiting("WebhooksQueue") == 0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.ReadTimeout, "no answer within 15 s"),
        (httpx.ConnectTimeout, "no connection within 3 s"),
        (httpx.ConnectError, "could not be reached"),
    ],
)
def test_what_it_says_of_silence(flow: Flow, hands: Hands, answer: Any, reason: str) -> None:
    flow.world.client = answering(answer)
    told(flow)
    hands.once(receives=101, age=DAY)
    assert [event["reason"] for event in listed(flow)] == [reason]


def test_it_never_comes_to_the_dead_letter_queue(flow: Flow, hands: Hands) -> None:
    """However often an entry was put off."""
    flow.world.client = answering(503)
    told(flow)
    hands.once(receives=notifying.LAST_RECEIVE)
    assert len(listed(flow)) == 1


def test_statuses_of_one_write_go_their_own_ways(flow: Flow, hands: Hands) -> None:
    """`delivered` implies `submitted`. One is put aside, the other taken, and only the first is replayed."""
    uuid = flow.send(payloads.text("viber_service_msg"))
    flow.viber_receipt(uuid)
    flow.world.client = answering(400, 200)
    hands.once()
    assert flow.statuses(uuid) == ["delivered"]
    [event] = listed(flow)
    assert event["status"] == "submitted"
    assert replay(flow, {"event_ids": [event["event_id"]]}) == (202, {"replayed": 1})
    hands.once()
    assert flow.statuses(uuid) == ["submitted", "delivered"]


# --- 410 -----------------------------------------------------------------------------------------


def test_gone_until_the_application_is_written(flow: Flow, hands: Hands) -> None:
    calls: list[str] = []

    def client(request: httpx.Request) -> httpx.Response:
        calls.append(request.headers["switchboard-event-id"])
        return httpx.Response(410)

    flow.world.client = client
    first, second = told(flow), told(flow)
    while flow.cloud.waiting("WebhooksQueue"):
        hands.once()
    assert len(calls) in (1, 2)  # they may have gone out side by side
    third = told(flow)
    hands.once()
    assert f"{third}:submitted" not in calls
    assert {event["message_uuid"]: event["reason"] for event in listed(flow)}[third] == (
        "disabled: it answered 410 before"
    )

    flow.world.client = answering(200)
    body = {"name": "again", "capabilities": flow.app["capabilities"]}
    path = f"/v2/applications/{flow.app['id']}"
    assert flow.cloud.http("applications", "PUT", path, body, payloads.basic())[0] == 200
    fourth = told(flow)
    hands.once()
    assert flow.statuses(fourth) == ["submitted"]
    assert {event["message_uuid"] for event in listed(flow)} == {first, second, third}


def test_gone_is_one_address_of_one_application(flow: Flow, hands: Hands) -> None:
    flow.world.client = answering(410)
    told(flow)
    hands.once()
    flow.world.client = answering(200)
    other = Flow(flow.cloud)
    uuid = told(other)
    own = payloads.flat("sms", webhook_url="https://client.example/elsewhere")
    elsewhere = flow.send_v1(own)["message_uuid"]
    flow.cloud.deliver()
    hands.once()
    assert other.statuses(uuid) == ["submitted"]
    assert flow.statuses(elsewhere) == ["submitted"]


def test_gone_for_the_account(flow: Flow, hands: Hands) -> None:
    def account_sends() -> str:
        status, answer = flow.cloud.http(
            "send", "POST", "/v0.1/messages", payloads.text("sms"), payloads.basic()
        )
        assert status == 202
        flow.cloud.deliver()
        hands.once()
        return str(answer["message_uuid"])

    def set_webhook() -> None:
        query = {"drCallBackUrl": "https://client.example/account"}
        path = "/account/settings"
        status, _ = flow.cloud.http("applications", "POST", path, None, payloads.basic(), query)
        assert status == 200

    set_webhook()
    flow.world.client = answering(410)
    gone = account_sends()
    flow.world.client = answering(200)
    disabled = account_sends()
    set_webhook()
    taken = account_sends()
    assert [flow.statuses(uuid) for uuid in (gone, disabled, taken)] == [[], [], ["submitted"]]
    events = listed(flow, payloads.basic())
    assert [event["message_uuid"] for event in events] == [gone, disabled]
    assert "application_id" not in events[0]
    assert listed(flow) == []


# --- addresses that are not called ---------------------------------------------------------------


@pytest.mark.parametrize("host", ["inside.example", "runtime.example", "metadata.example", "six.example"])
def test_an_address_of_ours_is_not_called(flow: Flow, hands: Hands, host: str) -> None:
    """The name was fine when it was set."""
    flow.app = payloads.application(flow.cloud, status_url=f"https://{host}/hook")
    told(flow)
    sent = len(flow.world.sent)
    assert hands.once() == []
    assert len(flow.world.sent) == sent
    [event] = listed(flow)
    assert event["reason"] == "not called: it must be an address on the public internet"


# --- listed and replayed -------------------------------------------------------------------------


@pytest.fixture
def put_aside(flow: Flow, hands: Hands) -> list[str]:
    """Messages whose first status was put aside, oldest first. The client takes everything by now."""
    flow.world.client = answering(400)
    uuids = []
    for _ in range(5):
        uuids.append(told(flow))
        hands.once()
    flow.world.client = answering(200)
    return uuids


def test_replayed_by_id(flow: Flow, hands: Hands, put_aside: list[str]) -> None:
    ids = [f"{uuid}:submitted" for uuid in put_aside[1:3]]
    seen: list[str] = []

    def client(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["webhook-id"])
        return httpx.Response(200)

    flow.world.client = client
    assert replay(flow, {"event_ids": [*ids, "nobody's:submitted"]}) == (
        202,
        {"replayed": 2, "not_found": ["nobody's:submitted"]},
    )
    hands.once()
    assert sorted(seen) == sorted(ids), "under the same ids"
    assert {event["event_id"] for event in listed(flow) if "replayed_at" in event} == set(ids)


def test_replayed_by_time(flow: Flow, hands: Hands, put_aside: list[str]) -> None:
    events = listed(flow)
    middle = {"from": events[1]["occurred_at"], "to": events[3]["occurred_at"]}
    assert replay(flow, middle) == (202, {"replayed": 3})
    hands.once()
    assert [flow.statuses(uuid) for uuid in put_aside] == [[], *[["submitted"]] * 3, []]
    everything = {"from": "2020-01-01T00:00:00Z"}
    assert replay(flow, everything) == (202, {"replayed": 2}), "those that were not replayed yet"
    assert replay(flow, everything) == (202, {"replayed": 0})
    hands.once()
    assert [flow.statuses(uuid) for uuid in put_aside] == [["submitted"]] * 5
    assert replay(flow, {"event_ids": [events[0]["event_id"]]}) == (202, {"replayed": 1}), "by id, always"


def test_a_replay_that_fails_is_put_aside_again(flow: Flow, hands: Hands, put_aside: list[str]) -> None:
    flow.world.client = answering(404)
    replay(flow, {"event_ids": [f"{put_aside[0]}:submitted"]})
    hands.once()
    events = listed(flow)
    assert len(events) == 5
    assert events[0]["reason"] == "answered 404"
    assert "replayed_at" not in events[0]
    assert replay(flow, {"from": "2020-01-01T00:00:00Z"})[1] == {"replayed": 5}


def test_a_long_time_takes_several_calls(
    flow: Flow, put_aside: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "MOST", 2)
    monkeypatch.setattr(replaying, "PAGE", 2)
    body: dict[str, Any] = {"from": "2020-01-01T00:00:00Z"}
    counts = []
    while True:
        _, answer = replay(flow, body)
        counts.append(answer["replayed"])
        if "cursor" not in answer:
            break
        body["cursor"] = answer["cursor"]
    assert counts == [2, 2, 1]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_listed_page_by_page(flow: Flow, put_aside: list[str], order: str) -> None:
    found: list[str] = []
    query = {"page_size": "2", "order": order}
    for _ in range(3):
        status, answer = flow.cloud.http(
            "webhooks", "GET", "/v0.1/webhooks/failed", None, flow.app["bearer"], query
        )
        assert status == 200
        found += [event["message_uuid"] for event in answer["_embedded"]["failed"]]
        query["cursor"] = answer.get("cursor", "")
        assert ("next" in answer["_links"]) == bool(query["cursor"])
        assert ("order=desc" in answer["_links"]["self"]["href"]) == (order == "desc")
    assert found == (put_aside if order == "asc" else put_aside[::-1])
    assert query["cursor"] == ""
    since = listed(flow)[3]["occurred_at"]
    assert [event["message_uuid"] for event in listed(flow, **{"from": since})] == put_aside[3:]
    assert [event["message_uuid"] for event in listed(flow, to=since)] == put_aside[:4]


def test_inbound_messages_and_reports_are_replayed_too(flow: Flow, hands: Hands) -> None:
    flow.app = payloads.application(flow.cloud)
    uuid = flow.dispatch(payloads.step("sms"))
    links = {"workflow": {"dispatch_uuid": uuid, "href": f"/workflows/{uuid}"}}
    flow.until(lambda: flow.heard(_links=links))
    payloads.whatsapp_inbound(flow.cloud, "hello")
    flow.world.client = answering(400)
    flow.receipt(flow.heard(_links=links)[0]["message_uuid"])
    flow.until(lambda: len({event["kind"] for event in listed_by_account(flow)}) == 3)
    before = len(flow.world.webhooks)
    flow.world.client = answering(200)
    for event in listed_by_account(flow):
        headers = payloads.basic()
        assert replay(flow, {"event_ids": [event["event_id"]]}, headers) == (202, {"replayed": 1})
    flow.until(lambda: len(flow.world.webhooks) == before + 3)
    assert len(flow.reports()) == 1
    assert len(flow.heard(direction="inbound")) == 1


def listed_by_account(flow: Flow) -> list[dict[str, Any]]:
    """Of the newest application and of the account itself, by its name as without one."""
    found = listed(flow, payloads.basic(), application_id=flow.app["id"])
    own = listed(flow, payloads.basic(), application_id="account")
    assert own == listed(flow, payloads.basic())
    return found + own


def test_another_applications_are_not_there(flow: Flow, put_aside: list[str]) -> None:
    other = Flow(flow.cloud)
    event_id = f"{put_aside[0]}:submitted"
    assert listed(other) == []
    assert replay(other, {"event_ids": [event_id]})[0] == 404
    assert replay(other, {"from": "2020-01-01T00:00:00Z"}) == (202, {"replayed": 0})
    for body in ({"event_ids": [event_id]}, {"from": "2020-01-01T00:00:00Z"}):
        for owner in (flow.app["id"], "account"):
            assert replay(other, body | {"application_id": owner})[0] == 404
    status, _ = flow.cloud.http(
        "webhooks",
        "GET",
        "/v0.1/webhooks/failed",
        None,
        other.app["bearer"],
        {"application_id": flow.app["id"]},
    )
    assert status == 404
    assert not any("replayed_at" in event for event in listed(flow))
    # The account sees them all, and this one is not its own.
    own = {"event_ids": [event_id], "application_id": "account"}
    assert replay(flow, own, payloads.basic())[0] == 404
    assert len(listed(flow, payloads.basic(), application_id=flow.app["id"])) == 5
    assert replay(flow, {"event_ids": [event_id]}, payloads.basic())[0] == 202


@pytest.mark.parametrize("path", ["failed", "replay"])
def test_nobody_asks_without_a_key(flow: Flow, path: str) -> None:
    method = "GET" if path == "failed" else "POST"
    assert flow.cloud.http("webhooks", method, f"/v0.1/webhooks/{path}", {"event_ids": ["x"]})[0] == 401


BAD_QUERIES: dict[str, tuple[dict[str, str], str]] = {
    "no time": ({"from": "yesterday"}, "from"),
    "beyond time": ({"to": "9999-12-31T23:59:59-14:00"}, "to"),
    "backwards": ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "to"),
    "page of none": ({"page_size": "0"}, "page_size"),
    "page of too many": ({"page_size": "101"}, "page_size"),
    "page of words": ({"page_size": "many"}, "page_size"),
    "no cursor of ours": ({"cursor": "%%%"}, "cursor"),
    "neither way": ({"order": "newest"}, "order"),
    "a very long name": ({"application_id": "x" * 200}, "application_id"),
}


@pytest.mark.parametrize(("query", "name"), BAD_QUERIES.values(), ids=list(BAD_QUERIES))
def test_a_wrong_list_is_refused(flow: Flow, query: dict[str, str], name: str) -> None:
    status, answer = flow.cloud.http(
        "webhooks", "GET", "/v0.1/webhooks/failed", None, payloads.basic(), query
    )
    assert (status, [fault["name"] for fault in answer["invalid_parameters"]]) == (400, [name])


@pytest.mark.parametrize("cursor", ["fn5-", "MDAw", "MDAwMDAwMDAwMDAwMDAwIw=="])
def test_a_cursor_that_somebody_made(flow: Flow, put_aside: list[str], cursor: str) -> None:
    """It is a place in the caller's own list, whatever it says."""
    assert len(listed(flow, cursor=cursor)) in (0, 5)
    assert len(listed(flow, cursor=cursor, order="desc")) in (0, 5)


BAD_BODIES: dict[str, tuple[Any, str]] = {
    "nothing": ({}, "event_ids"),
    "a list": ([], "body"),
    "both": ({"event_ids": ["x"], "from": "2026-01-01T00:00:00Z"}, "event_ids"),
    "no ids": ({"event_ids": []}, "event_ids"),
    "too many ids": ({"event_ids": [str(n) for n in range(101)]}, "event_ids"),
    "numbers": ({"event_ids": [7]}, "event_ids[0]"),
    "an object": ({"event_ids": {"a": 1}}, "event_ids"),
    "an end only": ({"to": "2026-01-01T00:00:00Z"}, "event_ids"),
    "a number for a time": ({"from": 1795428928}, "from"),
    "a list for a cursor": ({"from": "2026-01-01T00:00:00Z", "cursor": ["x"]}, "cursor"),
    "a list for a name": ({"event_ids": ["x"], "application_id": ["x"]}, "application_id"),
}


@pytest.mark.parametrize(("body", "name"), BAD_BODIES.values(), ids=list(BAD_BODIES))
def test_a_wrong_replay_is_refused(flow: Flow, body: Any, name: str) -> None:
    status, answer = replay(flow, body, payloads.basic())
    assert (status, [fault["name"] for fault in answer["invalid_parameters"]]) == (400, [name])


# --- whose turn it is ----------------------------------------------------------------------------

URL = "https://client.example/status"


class Time:
    """Stands still until the test moves it, or somebody waits for a turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.moment = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
        monkeypatch.setattr(clock, "now", lambda: self.moment)
        monkeypatch.setattr(endpoints, "monotonic", lambda: self.moment.timestamp())
        time = self

        class Condition(threading.Condition):
            def wait(self, timeout: float | None = None) -> bool:
                return time.goes_by(timeout or 0)

        monkeypatch.setattr(endpoints, "threading", SimpleNamespace(Condition=Condition))

    def goes_by(self, seconds: float) -> bool:
        self.moment += timedelta(seconds=seconds)
        return False


@pytest.fixture
def store(cloud: Cloud) -> EndpointStore:
    return EndpointStore(cloud.dynamodb, "table", 30)


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def call(workers: Endpoints, url: str = URL, outcome: str = "answered") -> None:
    with workers.turn("app", url) as turn:
        getattr(turn, outcome)()


def refused(worker: Endpoints, url: str = URL) -> float:
    """For how long it is left alone; 0 if another worker has it."""
    with pytest.raises(NotNow) as raised, worker.turn("app", url):
        raise AssertionError("it had its turn")
    return raised.value.left_alone


def test_a_new_endpoint_is_one_workers_until_it_answers(store: EndpointStore, passing: Time) -> None:
    one, two = Endpoints(store), Endpoints(store)
    with one.turn("app", URL) as turn:
        assert refused(two) == 0
        assert refused(one) == 0, "and one call's"
        call(two, "https://client.example/other")
        turn.began = passing.moment.timestamp()  # those who waited took the clock with them
        turn.answered()
    with one.turn("app", URL), two.turn("app", URL), one.turn("app", URL):
        pass


def test_two_of_a_batch_go_one_after_the_other(store: EndpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second comes while the table is being asked for the first."""
    worker, asked, goes_on = Endpoints(store), threading.Event(), threading.Event()
    hold = store.hold

    def slowly(*args: Any) -> Any:
        asked.set()
        goes_on.wait(10)
        return hold(*args)

    monkeypatch.setattr(store, "hold", slowly)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(call, worker)
        asked.wait(10)
        second = pool.submit(call, worker)
        threading.Event().wait(0.2)
        goes_on.set()
        first.result(), second.result()


def test_nobody_waits_for_a_call_that_takes_long(store: EndpointStore, passing: Time) -> None:
    """A worker that waits is no better off than one that calls."""
    one, two = Endpoints(store), Endpoints(store)
    with one.turn("app", URL):
        passing.goes_by(endpoints.WAIT_SECONDS)
        before = passing.moment
        assert refused(one) == refused(two) == 0
        assert passing.moment == before


def test_one_that_answers_slowly_is_one_workers(store: EndpointStore, passing: Time) -> None:
    one, two = Endpoints(store), Endpoints(store)
    call(one)
    call(two)
    with one.turn("app", URL) as turn:
        passing.goes_by(endpoints.SLOW_SECONDS)
        turn.answered()
    passing.goes_by(3)  # the other has heard of it
    with one.turn("app", URL) as turn, one.turn("app", URL) as other:  # several at once
        assert refused(two) == 0
        for each in (other, turn):
            each.began = passing.moment.timestamp()
            each.answered()
    passing.goes_by(3)
    with one.turn("app", URL), two.turn("app", URL):  # it is fast again
        pass


def test_one_that_begins_to_hang_is_doubted_before_it_ends(
    store: EndpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "SLOW_SECONDS", 0.1)
    monkeypatch.setattr(endpoints, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(endpoints, "_KNOWN_SECONDS", 0.0)
    one, two = Endpoints(store), Endpoints(store)
    call(one)
    with one.turn("app", URL) as turn:
        for _ in range(100):
            if not store.state("app", URL).trusted:
                break
            threading.Event().wait(0.05)
        with two.turn("app", URL) as other:  # one more, to see
            assert refused(two) == 0
            other.failed()
        turn.failed()


def test_left_alone_for_longer_and_longer(store: EndpointStore, passing: Time) -> None:
    one, two = Endpoints(store), Endpoints(store)
    for _ in range(endpoints.FAULTS):
        call(one, outcome="failed")
    pauses = []
    for _ in range(7):
        passing.goes_by(2.5)  # others have heard by then
        pauses.append(refused(two) + 2.5)
        passing.goes_by(pauses[-1] + 0.1)
        with one.turn("app", URL) as turn:  # one tries
            assert refused(two) == 0
            turn.failed()
    assert pauses == pytest.approx([10, 20, 40, 80, 160, 300, 300], abs=0.01)
    passing.goes_by(301)
    call(two)
    passing.goes_by(2.5)
    with one.turn("app", URL), two.turn("app", URL):
        pass


def test_one_event_alone_is_tried_at_each_of_its_times(store: EndpointStore, passing: Time) -> None:
    """An endpoint is never left alone for longer than its only event waits anyhow."""
    worker = Endpoints(store)
    for receives in range(1, 40):
        call(worker, outcome="failed")
        passing.goes_by(notifying.pause(receives))
    call(worker)


def test_a_worker_that_died_does_not_keep_it(store: EndpointStore, passing: Time) -> None:
    dead, alive = Endpoints(store), Endpoints(store)
    with pytest.raises(KeyboardInterrupt), dead.turn("app", URL):
        raise KeyboardInterrupt
    assert refused(alive) == 0
    passing.goes_by(endpoints.HOLD_SECONDS)
    call(alive)


def test_what_is_asked_of_an_endpoint_is_not_its_name(store: EndpointStore, passing: Time) -> None:
    worker = Endpoints(store)
    for number in range(endpoints.FAULTS):
        call(worker, f"{URL}?order={number}", outcome="failed")
    assert refused(worker, f"{URL}?order=9") > 0


def test_without_the_table_nobody_waits(store: EndpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("throttled")

    for name in ("state", "hold", "answered", "failed", "doubt"):
        monkeypatch.setattr(store, name, broken)
    worker = Endpoints(store)
    call(worker)
    call(worker, outcome="failed")
    call(worker)


# --- one hangs, another is well ------------------------------------------------------------------


class Hanging:
    """A client with an endpoint that does not answer until it is let go, and others that do."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.calls = self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/hangs":
            return httpx.Response(200)
        with self._lock:
            self.calls, self.now = self.calls + 1, self.now + 1
            self.most = max(self.most, self.now)
        self.let_go.wait(60)
        with self._lock:
            self.now -= 1
        raise httpx.ReadTimeout("as the test wants it")


@pytest.fixture
def hanging(flow: Flow) -> Iterator[Hanging]:
    found = Hanging()
    flow.world.client = found
    yield found
    found.let_go.set()


@pytest.mark.parametrize("many", [5, 30])
def test_one_that_hangs_delays_no_other(
    flow: Flow, hanging: Hanging, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers, ten records each. However much there is for the one that hangs, it has one call of one
    worker, and all of the other's arrives while that call hangs."""
    monkeypatch.setattr(endpoints, "WAIT_SECONDS", 0.05)
    flow.cloud.sqs.set_queue_attributes(
        QueueUrl=flow.cloud.queues["WebhooksQueue"], Attributes={"VisibilityTimeout": "120"}
    )
    dead = Flow(flow.cloud)
    dead.app = payloads.application(flow.cloud, status_url="https://client.example/hangs")
    waiting: list[str] = []
    uuids: list[str] = []
    for _ in range(many):
        waiting.append(dead.send(payloads.text("sms")))
        if len(uuids) < 15:
            uuids.append(flow.send(payloads.text("sms")))
    while flow.cloud.deliver():
        pass

    workers = [flow.cloud.functions["notify"]]
    flow.cloud.load("notify")
    workers.append(flow.cloud.functions["notify"])
    stop = threading.Event()

    def work(worker: Any) -> None:
        while not stop.is_set():
            found = flow.cloud.received("WebhooksQueue")
            failed = {
                each["itemIdentifier"]
                for each in worker.handler({"Records": found}, CONTEXT)["batchItemFailures"]
            }
            for record in found:
                if record["messageId"] not in failed:
                    flow.cloud.sqs.delete_message(
                        QueueUrl=flow.cloud.queues["WebhooksQueue"], ReceiptHandle=record["receiptHandle"]
                    )
            stop.wait(0.02)

    # Each process has its own threads for the records of a batch.
    monkeypatch.setattr(records, "_pool", ThreadPoolExecutor(max_workers=20))
    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    try:
        end = threading.Event()
        for _ in range(600):
            if all(flow.statuses(uuid) for uuid in uuids):
                break
            end.wait(0.1)
        assert all(flow.statuses(uuid) == ["submitted"] for uuid in uuids)
        assert (hanging.calls, hanging.most) == (1, 1)
    finally:
        stop.set()
        hanging.let_go.set()
        for thread in threads:
            thread.join(30)
    assert not any(dead.statuses(uuid) for uuid in waiting)
    assert flow.cloud.waiting("WebhooksQueue") == many, "none is lost"


# --- a process that dies at any AWS call of this -------------------------------------------------


class Died(BaseException):
    """The process is gone. No handler of ours can catch it."""


class Reaper:
    """Counts the AWS calls made in `run`, and dies at one of them, before it or after it took effect."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.at, self.after, self._watching = 0, -1, False, False
        call = BaseClient._make_api_call

        def make_call(client: Any, operation: str, parameters: Any) -> Any:
            if not self._watching:
                return call(client, operation, parameters)
            number, self.calls = self.calls, self.calls + 1
            if number == self.at and not self.after:
                raise Died
            result = call(client, operation, parameters)
            if number == self.at:
                raise Died
            return result

        monkeypatch.setattr(BaseClient, "_make_api_call", make_call)
        monkeypatch.setattr(notifying, "FIRST_PAUSE", 0)

    def every_death(
        self, prepare: Callable[[], str], move: Callable[[], object], ended: Callable[[str], None]
    ) -> int:
        """Returns at how many calls it died."""
        count = 1
        number = -1
        while number < count:
            for after in (False, True):
                subject = prepare()
                self.calls, self.at, self.after, self._watching = 0, number, after, True
                try:
                    move()
                except Died:
                    pass
                finally:
                    self._watching = False
                if number < 0:
                    count = self.calls
                ended(subject)
            number += 1
        return count


@pytest.mark.parametrize("answer", [400, 410])
def test_whoever_dies_putting_aside_loses_nothing(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    def prepare() -> str:
        flow.app = payloads.application(flow.cloud)
        uuid = flow.send(payloads.text("sms"))
        flow.cloud.deliver()
        flow.world.client = answering(answer)
        return uuid

    def move() -> None:
        flow.cloud.call("notify", {"Records": flow.cloud.received("WebhooksQueue")})

    def ended(uuid: str) -> None:
        flow.drain()
        assert flow.cloud.waiting("WebhooksQueue") == 0
        assert [event["event_id"] for event in listed(flow)] == [f"{uuid}:submitted"], "and once"

    assert Reaper(monkeypatch).every_death(prepare, move, ended) >= 4


def test_whoever_dies_replaying_loses_nothing(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare() -> str:
        flow.app = payloads.application(flow.cloud)
        uuid = flow.send(payloads.text("sms"))
        flow.world.client = answering(400)
        flow.drain()
        flow.world.client = answering(200)
        return uuid

    def move() -> object:
        return replay(flow, {"from": "2020-01-01T00:00:00Z"})

    def ended(uuid: str) -> None:
        move()  # the caller had no answer
        flow.drain()
        # Twice, under one id, only if it died between queueing it and noting that.
        assert flow.statuses(uuid) in (["submitted"], ["submitted"] * 2)
        [event] = listed(flow)
        assert "replayed_at" in event

    assert Reaper(monkeypatch).every_death(prepare, move, ended) >= 3
