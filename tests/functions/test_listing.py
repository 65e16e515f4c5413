"""Lists of messages and dispatches: what is on them, for whom, in which order, page by page."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from switchboard import clock, listing
from switchboard.models.lists import Place
from switchboard.store import keys
from switchboard.store.lists import Entry, ListStore, Wanted
from tests.functions.flows import Flow
from tests.support import payloads


def page(flow: Flow, path: str, headers: dict[str, str] | None = None, **query: Any) -> dict[str, Any]:
    asked = {name: str(value) for name, value in query.items()}
    status, body = flow.cloud.http("list", "GET", path, headers=headers or flow.app["bearer"], query=asked)
    assert status == 200, body
    return dict(body)


def messages(flow: Flow, headers: dict[str, str] | None = None, **query: Any) -> list[str]:
    found = page(flow, "/v0.1/messages", headers, **query)
    return [message["message_uuid"] for message in found["messages"]]


def dispatches(flow: Flow, headers: dict[str, str] | None = None, **query: Any) -> list[str]:
    found = page(flow, "/v0.1/dispatch", headers, **query)
    return [dispatch["dispatch_uuid"] for dispatch in found["dispatches"]]


def to(number: str, channel: str = "sms") -> dict[str, Any]:
    body = payloads.text(channel)
    return body | {"to": {"type": channel, "number": number}}


def numbers(count: int) -> list[str]:
    return [f"4477009{number:05}" for number in range(count)]


def test_the_newest_first_page_by_page(flow: Flow) -> None:
    """Across all parts of the list."""
    sent = [flow.send(to(number)) for number in numbers(40)]
    found: list[str] = []
    query: dict[str, Any] = {"limit": 7}
    while True:
        answer = page(flow, "/v0.1/messages", **query)
        assert len(answer["messages"]) <= 7
        found += [message["message_uuid"] for message in answer["messages"]]
        if answer["next"] is None:
            break
        query["cursor"] = answer["next"]
    assert sorted(found) == sorted(sent), "each one once"
    at_once = page(flow, "/v0.1/messages", limit=100)["messages"]
    assert [message["message_uuid"] for message in at_once] == found
    accepted = [message["accepted_at"] for message in at_once]
    assert accepted == sorted(accepted, reverse=True)


def test_a_page_after_which_others_came_goes_on_where_it_was(flow: Flow) -> None:
    sent = [flow.send(to(number)) for number in numbers(6)]
    first = page(flow, "/v0.1/messages", limit=3)
    flow.send(to("447700900555"))
    second = page(flow, "/v0.1/messages", limit=3, cursor=first["next"])
    shown = [message["message_uuid"] for message in first["messages"] + second["messages"]]
    assert sorted(shown) == sorted(sent)


def test_it_shows_what_the_message_is_now(flow: Flow) -> None:
    uuid = flow.send(payloads.text("sms"))
    [before] = page(flow, "/v0.1/messages")["messages"]
    assert (before["status"], before["application_id"]) == ("accepted", flow.app["id"])
    flow.until(lambda: flow.statuses(uuid) == ["submitted"])
    flow.receipt(uuid)
    [after] = page(flow, "/v0.1/messages")["messages"]
    assert (after["status"], list(after["statuses"])) == ("delivered", ["submitted", "delivered"])


@pytest.fixture
def several(flow: Flow) -> dict[str, str]:
    """Messages by a name."""
    return {
        "sms": flow.send(to("447700900101")),
        "viber": flow.send(to("447700900101", "viber_service_msg")),
        "other": flow.send(to("447700900102")),
        "whatsapp": flow.send(to("447700900103", "whatsapp")),
    }


FILTERS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "none": ({}, {"sms", "viber", "other", "whatsapp"}),
    "channel": ({"channel": "sms"}, {"sms", "other"}),
    "recipient": ({"to": "447700900101"}, {"sms", "viber"}),
    "recipient and channel": ({"to": "447700900101", "channel": "sms"}, {"sms"}),
    "recipient with a plus": ({"to": "+447700900101"}, {"sms", "viber"}),
    "recipient as people write it": ({"to": " 44 7700 900101"}, {"sms", "viber"}),
    "recipient of nothing": ({"to": "447700900199"}, set()),
    "status of all": ({"status": "accepted"}, {"sms", "viber", "other", "whatsapp"}),
    "status of none": ({"status": "read"}, set()),
    "since long ago": ({"from_time": "2020-01-01T00:00:00Z"}, {"sms", "viber", "other", "whatsapp"}),
    "until long ago": ({"until": "2020-01-01T00:00:00Z"}, set()),
    "from the future": ({"from_time": "2120-01-01T00:00:00Z"}, set()),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(flow: Flow, several: dict[str, str], name: str) -> None:
    query, expected = FILTERS[name]
    found = messages(flow, **query)
    assert sorted(found) == sorted(several[one] for one in expected)


@pytest.mark.parametrize("microsecond", [0, 400, 500, 999])
def test_time_filters_take_both_ends(flow: Flow, monkeypatch: pytest.MonkeyPatch, microsecond: int) -> None:
    """Clients see milliseconds, and ask by what they see."""
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real().replace(microsecond=123_000 + microsecond))
    sent = [flow.send(to(number)) for number in numbers(3)]
    at = {m["message_uuid"]: m["accepted_at"] for m in page(flow, "/v0.1/messages")["messages"]}
    middle = at[sent[1]]
    since, until = messages(flow, from_time=middle), messages(flow, until=middle)
    assert sent[1] in since
    assert sent[1] in until
    assert set(since) | set(until) == set(sent)


def test_people_whose_marks_are_alike_are_told_apart(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "mark", lambda person: "abcdef")
    wanted = flow.send(to("447700900101"))
    flow.send(to("447700900102"))
    assert messages(flow, to="447700900101") == [wanted]


WRONG: dict[str, dict[str, str]] = {
    "limit": {"limit": "0"},
    "a high limit": {"limit": "101"},
    "limit in words": {"limit": "ten"},
    "status": {"status": "sent"},
    "channel": {"channel": "fax"},
    "cursor": {"cursor": "%%"},
    "a cursor of something else": {"cursor": "w7w="},
    "a cursor of zeros": {"cursor": "AAAA"},
    "from_time": {"from_time": "yesterday"},
    "until": {"until": "2020-01-01T00:00:00Z", "from_time": "2020-01-02T00:00:00Z"},
    "application_id": {"application_id": "a b"},
    "to": {"to": ""},
    "only spaces": {"to": " "},
    "a name that is none": {"recipient": "447700900101"},
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("path", ["/v0.1/messages", "/v0.1/dispatch"])
def test_a_wrong_question_is_told_so(flow: Flow, path: str, name: str) -> None:
    status, body = flow.cloud.http("list", "GET", path, headers=flow.app["bearer"], query=WRONG[name])
    assert status == 400
    assert [fault["name"] for fault in body["invalid_parameters"]] == [next(iter(WRONG[name]))]


def test_whose_they_are(flow: Flow) -> None:
    other = payloads.application(flow.cloud)
    mine = flow.send(payloads.text("sms"))
    _, answer = flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), other["bearer"])
    theirs = answer["message_uuid"]
    _, answer = flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), payloads.basic())
    accounts = answer["message_uuid"]
    assert messages(flow) == [mine]
    assert messages(flow, other["bearer"]) == [theirs]
    assert set(messages(flow, payloads.basic())) == {mine, theirs, accounts}
    assert messages(flow, payloads.basic(), application_id=other["id"]) == [theirs]
    assert messages(flow, application_id=flow.app["id"]) == [mine]
    for path in ("/v0.1/messages", "/v0.1/dispatch"):
        query = {"application_id": other["id"]}
        assert flow.cloud.http("list", "GET", path, headers=flow.app["bearer"], query=query)[0] == 404


# --- many applications -----------------------------------------------------------------------------


@dataclass
class Crowd:
    """The account and six applications, of whose lists one answer reads two."""

    flow: Flow
    headers: list[dict[str, str]]
    asked: list[int] = field(default_factory=list)
    """How many reads each answer took."""

    def send(self, number: str, by: int) -> str:
        headers = self.headers[by % len(self.headers)]
        answer = self.flow.cloud.http("send", "POST", "/v0.1/messages", to(number), headers)[1]
        return str(answer["message_uuid"])

    def dispatch(self, by: int) -> str:
        body = payloads.workflow(payloads.step("viber_service_msg", 600), payloads.step("sms"))
        headers = self.headers[by % len(self.headers)]
        answer = self.flow.cloud.http("dispatch", "POST", "/v0.1/dispatch", body, headers)[1]
        return str(answer["dispatch_uuid"])

    def pages(self, path: str, between: Callable[[], None] = lambda: None, **query: Any) -> list[list[str]]:
        kind = "message" if path == "/v0.1/messages" else "dispatch"
        found: list[list[str]] = []
        while True:
            answer = page(self.flow, path, payloads.basic(), **query)
            found.append(
                [one[f"{kind}_uuid"] for one in answer[f"{kind}s" if kind == "message" else "dispatches"]]
            )
            if answer["next"] is None:
                return found
            query["cursor"] = answer["next"]
            between()


@pytest.fixture
def crowd(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    monkeypatch.setattr(listing, "MOST_READS", 32)
    others = [payloads.application(flow.cloud)["bearer"] for _ in range(5)]
    crowd = Crowd(flow, [payloads.basic(), flow.app["bearer"], *others])
    whole = ListStore.entries
    part = ListStore._part

    def entries(store: ListStore, wanted: Wanted) -> Any:
        crowd.asked.append(0)
        return whole(store, wanted)

    def one(store: ListStore, *arguments: Any) -> Any:
        crowd.asked[-1] += 1
        return part(store, *arguments)

    monkeypatch.setattr(ListStore, "entries", entries)
    monkeypatch.setattr(ListStore, "_part", one)
    return crowd


@pytest.mark.parametrize("limit", [3, 7, 100])
def test_the_newest_of_many_applications(crowd: Crowd, limit: int) -> None:
    """In their order, each once, and no answer reads more than it may."""
    sent = [crowd.send(number, by) for by, number in enumerate(numbers(20))]
    pages = crowd.pages("/v0.1/messages", limit=limit)
    assert [uuid for page in pages for uuid in page] == sent[::-1]
    assert max(len(page) for page in pages) <= limit
    assert max(crowd.asked) == 32
    assert len(pages) % 4 == 0, "a page is gathered by four answers"


def test_dispatches_of_many_applications(crowd: Crowd) -> None:
    begun = [crowd.dispatch(by) for by in range(9)]
    pages = crowd.pages("/v0.1/dispatch", limit=4)
    assert [uuid for page in pages for uuid in page] == begun[::-1]
    first = page(crowd.flow, "/v0.1/dispatch", payloads.basic(), limit=4)
    last = first
    while not last["dispatches"]:
        last = page(crowd.flow, "/v0.1/dispatch", payloads.basic(), limit=4, cursor=last["next"])
    assert last["dispatches"][0]["channels"] == ["viber_service_msg", "sms"], (
        "also of those that were carried"
    )


def test_one_person_among_many_applications(crowd: Crowd) -> None:
    """Of each application one part is read: a single answer does, for hundreds of them."""
    sent = [crowd.send("447700900101", by) for by in range(7)]
    for by, number in enumerate(numbers(7)):
        crowd.send(number, by)
    assert crowd.pages("/v0.1/messages", to="+44 7700 900101") == [sent[::-1]]
    assert crowd.asked == [7]


def test_applications_come_and_go_meanwhile(crowd: Crowd) -> None:
    """What was there from beginning to end is on the list once."""
    sent = [crowd.send(number, by) for by, number in enumerate(numbers(21))]
    cloud = crowd.flow.cloud

    def change() -> None:
        payloads.application(cloud)
        cloud.http(
            "applications", "DELETE", f"/v2/applications/{crowd.flow.app['id']}", headers=payloads.basic()
        )

    found = [uuid for page in crowd.pages("/v0.1/messages", change, limit=5) for uuid in page]
    stayed = [uuid for n, uuid in enumerate(sent) if n % 7 != 1]
    assert [uuid for uuid in found if uuid in stayed] == stayed[::-1]
    assert len(set(found)) == len(found)


def test_a_cursor_of_all_is_for_who_may_see_all(crowd: Crowd) -> None:
    """It names messages, which others must not read by it."""
    for by, number in enumerate(numbers(7)):
        crowd.send(number, by)
    cursor = page(crowd.flow, "/v0.1/messages", payloads.basic(), limit=3)["next"]
    asked: list[tuple[dict[str, str], dict[str, str]]] = [
        (crowd.flow.app["bearer"], {}),
        (payloads.basic(), {"application_id": crowd.flow.app["id"]}),
    ]
    for headers, query in asked:
        status, body = crowd.flow.cloud.http(
            "list", "GET", "/v0.1/messages", headers=headers, query={**query, "cursor": cursor}
        )
        assert (status, body["invalid_parameters"][0]["name"]) == (400, "cursor")


PLACES = {
    "the first answer of many": Place(
        done="b",
        floor=f"{1:015d}#",
        best=(Entry(f"{2:015d}#{UUID(int=7)}", str(UUID(int=7)), ("sms", "whatsapp")),),
    ),
    "within": Place(before=f"{9:015d}#{UUID(int=1)}", done="b", upto="d"),
    "an end": Place(before=f"{9:015d}#{UUID(int=1)}"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_survives_its_cursor(name: str) -> None:
    assert Place.read(PLACES[name].text()) == PLACES[name]


NO_PLACES = [
    "",
    "x",
    "~",
    "1#",
    f"{1:015d}#~a~b~c~d",
    f"~a~~~{'f' * 44}~",
    f"~a~~~{'f' * 12}",
    f"~~~~{'f' * 44}z",
]


@pytest.mark.parametrize("number", range(len(NO_PLACES)))
def test_what_is_no_place(number: int) -> None:
    with pytest.raises(ValueError, match="must be the cursor"):
        Place.read(NO_PLACES[number])


@pytest.mark.parametrize("path", ["/v0.1/messages", "/v0.1/dispatch"])
def test_what_the_account_did_itself_has_a_name(crowd: Crowd, path: str) -> None:
    made = [crowd.send(number, by) for by, number in enumerate(numbers(8))]
    begun = [crowd.dispatch(by) for by in range(8)]
    mine = made if path == "/v0.1/messages" else begun
    assert crowd.pages(path, application_id="account") == [[mine[7], mine[0]]]
    query = {"application_id": "account"}
    assert crowd.flow.cloud.http("list", "GET", path, headers=crowd.flow.app["bearer"], query=query)[0] == 404


@pytest.mark.parametrize("path", ["/v0.1/messages", "/v0.1/dispatch"])
def test_an_application_that_never_was(flow: Flow, path: str) -> None:
    """Of one that was deleted there is still what it sent; one that sent nothing has an empty list."""
    quiet = payloads.application(flow.cloud)
    flow.send(payloads.text("sms"))
    flow.cloud.http("applications", "DELETE", f"/v2/applications/{flow.app['id']}", headers=payloads.basic())

    def status(application_id: str) -> int:
        query = {"application_id": application_id, "channel": "mms"}
        return flow.cloud.http("list", "GET", path, headers=payloads.basic(), query=query)[0]

    assert status(quiet["id"]) == 200
    assert status(flow.app["id"]) == 200
    assert status(flow.app["id"][:-4] + "0000") == 404


def test_dispatches(flow: Flow) -> None:
    first = flow.dispatch(payloads.step("viber_service_msg", 600), payloads.step("sms"))
    second = flow.dispatch(payloads.step("messenger", 600, "read"), payloads.step("whatsapp"))
    assert set(dispatches(flow)) == {first, second}
    assert dispatches(flow, channel="sms") == [first]
    assert dispatches(flow, to="20000000100") == [second], "one of the people of any step"
    assert dispatches(flow, status="completed") == []
    found = {d["dispatch_uuid"]: d for d in page(flow, "/v0.1/dispatch")["dispatches"]}
    shown = found[first]
    assert (shown["status"], shown["steps"], shown["channels"]) == (
        "running",
        2,
        ["viber_service_msg", "sms"],
    )


def test_a_channel_that_comes_twice(flow: Flow) -> None:
    steps = [payloads.step("sms", 600), payloads.step("whatsapp", 600), payloads.step("sms")]
    uuid = flow.dispatch(*steps)
    [shown] = page(flow, "/v0.1/dispatch")["dispatches"]
    assert (shown["steps"], shown["channels"]) == (3, ["sms", "whatsapp", "sms"])
    assert dispatches(flow, channel="sms") == dispatches(flow, channel="whatsapp") == [uuid]
    assert dispatches(flow, channel="mms") == []


def test_a_dispatch_that_is_over(flow: Flow) -> None:
    uuid = flow.dispatch(payloads.step("sms", 600), payloads.step("viber_service_msg"))
    message = flow.step_message(0)
    flow.receipt(message)
    flow.until(flow.reports)
    assert dispatches(flow, status="running") == []
    [shown] = page(flow, "/v0.1/dispatch", status="completed")["dispatches"]
    assert (shown["dispatch_uuid"], "usage" in shown) == (uuid, True)
    assert messages(flow) == [message], "the messages of its steps are on the list of messages"


def test_what_has_no_dispatch_yet_is_not_shown(flow: Flow) -> None:
    """Its steps are written first: die there, and nobody sees a half."""
    uuid = flow.dispatch(payloads.step("sms", 600), payloads.step("sms"))
    flow.cloud.dynamodb.delete_item(
        TableName="table", Key={"pk": {"S": f"DISPATCH#{uuid}"}, "sk": {"S": "DISPATCH"}}
    )
    assert dispatches(flow) == []


def test_who_was_erased_is_not_found_any_more(flow: Flow) -> None:
    uuid = flow.send(to("447700900101"))
    dispatch = flow.dispatch(payloads.step("sms", 600), payloads.step("sms"))
    flow.drain()
    for number in ("447700900101", "447700900100"):
        flow.cloud.http("redact", "POST", "/v0.1/redact", {"number": number}, flow.app["bearer"])
    flow.drain()
    items = flow.cloud.dynamodb.scan(TableName="table")["Items"]
    assert [item for item in items if "marks" in item] == []
    assert messages(flow, to="447700900101") == []
    assert dispatches(flow, to="447700900100") == []
    assert uuid in messages(flow), "that there was a message is no secret"
    assert dispatch in dispatches(flow)


def test_items_that_come_in_portions(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB answers with as many as it likes."""
    sent = [flow.send(to(number)) for number in numbers(3)]
    client = flow.cloud.functions["list"].services.listing.store._client
    whole = client.batch_get_item

    def one(RequestItems: dict[str, Any]) -> dict[str, Any]:
        [(table, asked)] = RequestItems.items()
        first, *rest = asked["Keys"]
        left = {table: {"Keys": rest}} if rest else {}
        return {**whole(RequestItems={table: {"Keys": [first]}}), "UnprocessedKeys": left}

    monkeypatch.setattr(client, "batch_get_item", one)
    assert sorted(messages(flow)) == sorted(sent)


def test_a_change_of_a_message_leaves_the_index_alone(flow: Flow) -> None:
    """What it holds is written with the first put, so that an update costs it nothing."""

    def entries() -> list[dict[str, Any]]:
        items = flow.cloud.dynamodb.scan(TableName="table", IndexName="listed")["Items"]
        return sorted(items, key=lambda item: str(item["pk"]))

    names = {"pk", "sk", "listed", "listed_at", "channel", "marks"}
    uuid = flow.send(payloads.text("sms"))
    before = [{name: item[name] for name in names} for item in entries()]
    flow.until(lambda: flow.statuses(uuid) == ["submitted"])
    flow.receipt(uuid)
    after = [{name: item[name] for name in names} for item in entries()]
    assert before == after
    assert len(after) == 1


def test_a_dispatch_is_cancelled_before_its_report(flow: Flow) -> None:
    """As GET of it says."""
    uuid = flow.dispatch(payloads.step("viber_service_msg", 3600), payloads.step("sms"))
    flow.step_message(0)
    assert dispatches(flow, status="running") == [uuid]
    path = f"/v0.1/dispatch/{uuid}"
    shown = flow.cloud.http("dispatch", "DELETE", path, headers=flow.app["bearer"])[1]
    assert "report" not in shown
    [listed] = page(flow, "/v0.1/dispatch", status="cancelled")["dispatches"]
    assert (listed["dispatch_uuid"], listed["status"]) == (uuid, shown["status"])
    assert dispatches(flow, status="running") == []
