"""By which account, when and in what form a message goes out; and whether it may."""

import json
import time
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchboard import clock
from switchboard.models.messages import Message, Text
from switchboard.models.workflows import message_uuid
from switchboard.pace import SECOND, Pace, microseconds, seconds_until
from switchboard.queues import Record
from switchboard.store import PaceStore, Rate, Route, Slot, TemplateItem
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.payloads import accepts_all, basic

NUMBER = payloads.ENDS["whatsapp"][0]["number"]
SMS_NUMBER = payloads.ENDS["sms"][0]["number"]


def account(flow: Flow, name: str, *senders: dict[str, Any], provider: str = "whatsapp_cloud") -> None:
    if provider == "whatsapp_cloud":
        credentials = {"access_token": name, "app_secret": "wa-secret", "verify_token": "v"}
    else:
        credentials = {"configuration_set": name, "access_key_id": "AK", "secret_access_key": "SK"}
    status, answer = flow.cloud.http(
        "accounts",
        "PUT",
        f"/accounts/{provider}/{name}",
        {"credentials": credentials, "senders": list(senders)},
        basic(),
    )
    assert status == 201, answer


def whatsapp(order: int = 0, **more: Any) -> dict[str, Any]:
    return {"channel": "whatsapp", "id": NUMBER, "order": order, **more}


def tokens(flow: Flow) -> list[str]:
    """The account by which each request went out."""
    return [request.headers["authorization"].removeprefix("Bearer ") for request in flow.world.sent]


def opened(flow: Flow) -> None:
    """The person writes, so that they can be written to."""
    payloads.whatsapp_inbound(flow.cloud, "Hello")


# --- accounts ------------------------------------------------------------------------------------


def refusing(token: str, status: int, code: int) -> Any:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] == f"Bearer {token}":
            return httpx.Response(status, json={"error": {"code": code}})
        return accepts_all(request)

    return answer


@pytest.fixture
def two(flow: Flow) -> Flow:
    account(flow, "second", whatsapp(order=2))
    account(flow, "first", whatsapp(order=1))
    opened(flow)
    return flow


def test_the_first_account_is_used(two: Flow) -> None:
    uuid = two.send(payloads.text("whatsapp"))
    two.drain()
    assert tokens(two) == ["first"]
    assert two.cloud.functions["send"].services.store.message(uuid).provider == "whatsapp_cloud/first"


def test_an_account_that_is_set_up_wrongly_is_passed_over_and_then_left_alone(two: Flow) -> None:
    two.world.provider = refusing("first", 401, 190)
    uuids = [two.send(payloads.text("whatsapp"))]
    two.drain()
    uuids.append(two.send(payloads.text("whatsapp")))
    two.drain()
    assert tokens(two) == ["first", "second", "second"]
    assert [two.statuses(uuid) for uuid in uuids] == [["submitted"], ["submitted"]]


def test_a_refusal_of_the_message_is_final(two: Flow) -> None:
    two.world.provider = refusing("first", 400, 131009)
    uuid = two.send(payloads.text("whatsapp"))
    two.drain()
    assert (tokens(two), two.statuses(uuid)) == (["first"], ["rejected"])


def test_when_every_account_refuses_the_first_one_says_why(two: Flow) -> None:
    two.world.provider = lambda request: httpx.Response(
        401, json={"error": {"code": 190 if "first" in request.headers["authorization"] else 131042}}
    )
    uuid = two.send(payloads.text("whatsapp"))
    two.drain()
    assert tokens(two) == ["first", "second"]
    [hook] = two.heard(message_uuid=uuid)
    assert (hook["status"], hook["error"]["code"]) == ("rejected", 1370)


def test_an_account_that_keeps_failing_is_left_alone(two: Flow) -> None:
    two.world.provider = refusing("first", 503, 131016)
    two.send(payloads.text("whatsapp"))
    two.cloud.pump(lambda: "second" in tokens(two), seconds=15)
    assert tokens(two).count("first") == 5


def test_an_account_with_its_own_number(flow: Flow) -> None:
    account(flow, "only", whatsapp(send_as="447700900333"))
    opened(flow)
    flow.send(payloads.text("whatsapp"))
    flow.drain()
    assert flow.world.sent[0].url.path.endswith("/447700900333/messages")


# --- windows -------------------------------------------------------------------------------------


def contact(flow: Flow) -> Any:
    status, answer = flow.cloud.http("accounts", "GET", "/v0.1/contacts/whatsapp/447700900100", None, basic())
    assert status == 200
    return answer


def test_an_open_window(flow: Flow) -> None:
    account(flow, "shop", whatsapp())
    before = clock.now()
    opened(flow)
    until = clock.from_wire(contact(flow)["window_open_until"])
    assert timedelta(0) <= before + timedelta(hours=24) - until < timedelta(seconds=5)
    uuid = flow.send(payloads.text("whatsapp"))
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]


@pytest.mark.parametrize("hours", [None, 25], ids=["never wrote", "wrote yesterday"])
def test_a_closed_window(flow: Flow, hours: float | None) -> None:
    account(flow, "shop", whatsapp())
    if hours:
        payloads.whatsapp_inbound(flow.cloud, "Hello", at=time.time() - hours * 3600)
    assert contact(flow)["window_open_until"] is None
    uuid = flow.send(payloads.text("whatsapp"))
    flow.drain()
    [hook] = flow.heard(message_uuid=uuid)
    assert (hook["status"], hook["error"]["code"]) == ("rejected", 1340)
    assert flow.world.sent == []


def test_an_older_message_does_not_close_a_window(flow: Flow) -> None:
    opened(flow)
    until = contact(flow)["window_open_until"]
    payloads.whatsapp_inbound(flow.cloud, "Late", at=time.time() - 90_000)
    assert contact(flow)["window_open_until"] == until


def test_a_template_needs_no_window(flow: Flow) -> None:
    account(flow, "shop", whatsapp())
    body = payloads.text("whatsapp")
    body["message"] = {
        "content": {"type": "template", "template": {"name": "ns:parcel", "parameters": []}},
        "whatsapp": {"locale": "en-GB"},
    }
    uuid = flow.send(body)
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]


def test_a_template_takes_the_place_of_what_may_not_go_out(flow: Flow) -> None:
    account(flow, "shop", whatsapp())
    fallback = {"name": "parcel", "parameters": ["A-17"], "locale": "de"}
    body = payloads.text("whatsapp")
    body["message"]["whatsapp"] = {"template_fallback": fallback}
    flow.send(body)
    flow.drain()
    sent = json.loads(flow.world.sent[0].content)["template"]
    assert (sent["name"], sent["language"]["code"]) == ("parcel", "de")
    opened(flow)
    flow.send(body)
    flow.drain()
    assert json.loads(flow.world.sent[1].content)["text"]["body"] == "hello"


def test_a_closed_window_fails_over_at_once(flow: Flow) -> None:
    account(flow, "shop", whatsapp())
    flow.dispatch(payloads.step("whatsapp", 3600, "read"), payloads.step("sms"))
    flow.until(lambda: flow.heard(status="submitted"))
    assert [hook["to"]["type"] for hook in flow.heard(status="submitted")] == ["sms"]


# --- opt-outs ------------------------------------------------------------------------------------

CONFIRMATION = "You will get no more messages from us. Reply START to get them again."


def send(flow: Flow) -> list[str]:
    uuid = flow.send(payloads.text("whatsapp"))
    flow.drain()
    return flow.statuses(uuid)


def said(flow: Flow) -> list[str]:
    return [json.loads(request.content)["text"]["body"] for request in flow.world.sent]


@pytest.mark.parametrize("word", ["STOP", " stop ", "Stop all!", "unsubscribe", "Cancel.", "END", "OPT-OUT"])
def test_who_opts_out_is_told_once_and_left_alone(
    flow: Flow, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wamid in ("wamid.1", "wamid.1", "wamid.2"):  # Meta repeats, and so does the person
        payloads.whatsapp_inbound(flow.cloud, word, wamid=wamid)
    flow.drain()
    assert said(flow) == [CONFIRMATION]
    assert contact(flow)["opted_out"]
    uuid = flow.send(payloads.text("whatsapp"))
    flow.drain()
    [hook] = flow.heard(message_uuid=uuid)
    assert (hook["status"], hook["error"]["code"]) == ("rejected", 1240)
    assert said(flow) == [CONFIRMATION]
    for word in ("Start", "UNSTOP"):
        payloads.whatsapp_inbound(flow.cloud, word)
    assert not contact(flow)["opted_out"]
    assert send(flow) == ["submitted"]


@pytest.mark.parametrize("words", ["please stop by at noon", "The end", "", "!"])
def test_other_words_change_nothing(flow: Flow, words: str) -> None:
    payloads.whatsapp_inbound(flow.cloud, words)
    assert send(flow) == ["submitted"]


def test_what_was_said_first_does_not_undo_what_was_said_last(flow: Flow) -> None:
    now = time.time()
    payloads.whatsapp_inbound(flow.cloud, "START", at=now)
    payloads.whatsapp_inbound(flow.cloud, "STOP", at=now - 60)  # late
    assert send(flow) == ["submitted"]


def test_an_opt_out_is_of_one_sender(flow: Flow) -> None:
    payloads.whatsapp_inbound(flow.cloud, "STOP")
    flow.drain()
    other = payloads.text("whatsapp")
    other["from"]["number"] = "447700900201"
    uuid = flow.send(other)
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]


def test_an_opt_out_holds_at_every_step(flow: Flow) -> None:
    payloads.whatsapp_inbound(flow.cloud, "STOP")
    flow.dispatch(payloads.step("whatsapp", 3600), payloads.step("whatsapp"))
    flow.until(flow.reports)
    [report] = flow.reports()
    assert report["status"] == "error"
    assert [entry["status"] for entry in report["_links"]["messages"]] == ["rejected", "rejected"]
    assert said(flow) == [CONFIRMATION]


# --- parts ---------------------------------------------------------------------------------------

LONG = "x" * 1600 + "y" * 900


def part_receipt(flow: Flow, uuid: str, number: int, kind: str = "TEXT_DELIVERED") -> None:
    event = payloads.sms_receipt(uuid, kind)
    record = json.loads(event["Records"][0]["Sns"]["Message"])
    record["context"] |= {"part": str(number), "parts": "2"}
    event["Records"][0]["Sns"]["Message"] = json.dumps(record)
    flow.cloud.call("status", event)


def bodies(flow: Flow) -> list[str]:
    return [json.loads(request.content)["MessageBody"] for request in flow.world.sent]


def test_a_long_text_goes_out_in_parts_and_is_where_the_least_of_them_is(flow: Flow) -> None:
    uuid = flow.send(payloads.text("sms", LONG))
    flow.drain()
    assert "".join(bodies(flow)) == LONG
    assert flow.statuses(uuid) == ["submitted"]
    for _ in range(2):
        part_receipt(flow, uuid, 2)
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
    part_receipt(flow, uuid, 1)
    flow.drain()
    [hook] = flow.heard(message_uuid=uuid, status="delivered")
    assert hook["usage"] == {"price": "0.0420", "currency": "EUR"}  # of both
    part_receipt(flow, uuid, 1, "TEXT_PENDING")
    flow.drain()
    assert flow.statuses(uuid) == ["submitted", "delivered"]


def test_a_text_fails_with_any_of_its_parts(flow: Flow) -> None:
    uuid = flow.send(payloads.text("sms", LONG))
    flow.drain()
    part_receipt(flow, uuid, 1)
    part_receipt(flow, uuid, 2, "TEXT_UNREACHABLE")
    flow.drain()
    assert flow.statuses(uuid) == ["submitted", "undeliverable"]


def test_receipts_of_parts_that_come_before_the_answer(flow: Flow) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        part = json.loads(request.content)["Context"]
        part_receipt(flow, part["message_uuid"], int(part["part"]))
        return accepts_all(request)

    flow.world.provider = answer
    uuid = flow.send(payloads.text("sms", LONG))
    flow.drain()
    assert flow.statuses(uuid) == ["submitted", "delivered"]


def test_only_the_part_that_was_refused_for_now_is_sent_again(flow: Flow) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if json.loads(request.content)["Context"]["part"] == "2" and len(flow.world.sent) == 2:
            return httpx.Response(500, json={"__type": "InternalServerException"})
        return accepts_all(request)

    flow.world.provider = answer
    uuid = flow.send(payloads.text("sms", LONG))
    flow.until(lambda: flow.statuses(uuid))
    assert [body[0] for body in bodies(flow)] == ["x", "y", "y"]


def test_parts_that_are_out_are_not_sent_by_the_next_account(flow: Flow) -> None:
    for order, name in enumerate(("first", "second")):
        account(flow, name, {"channel": "sms", "id": SMS_NUMBER, "order": order}, provider="aws")

    def answer(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if (body["ConfigurationSetName"], body["Context"]["part"]) == ("first", "2"):
            return httpx.Response(400, json={"__type": "AccessDeniedException"})
        return accepts_all(request)

    flow.world.provider = answer
    uuid = flow.send(payloads.text("sms", LONG))
    flow.drain()
    sent = [json.loads(request.content) for request in flow.world.sent]
    assert [(body["ConfigurationSetName"], body["Context"]["part"]) for body in sent] == [
        ("first", "1"),
        ("first", "2"),
        ("second", "2"),
    ]
    assert flow.statuses(uuid) == ["submitted"]


# --- rates ---------------------------------------------------------------------------------------


@pytest.fixture
def lines(flow: Flow) -> PaceStore:
    store: PaceStore = flow.cloud.functions["deliver"].services.delivering.handover.pace.store
    return store


ROUTE = Route(provider="aws", account_id="shop")


def message(number: int, priority: Any = "normal", text: str = "hello") -> Message:
    return Message.model_validate(
        {
            "message_uuid": f"m{number}",
            "channel": "sms",
            "sender": SMS_NUMBER,
            "recipient": "447700900100",
            "content": Text(type="text", text=text),
            "priority": priority,
        }
    )


def slot(pace: Pace, one: Message, rate: Rate, held: Slot | None = None, route: Route = ROUTE) -> Slot:
    found = pace.slot(one, route, rate, 1, held)
    assert found
    return found


def passes(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(seconds=seconds))


def test_slots_are_as_far_apart_as_the_rate_says(lines: PaceStore) -> None:
    pace, rate = Pace(lines), Rate(per_second=4)
    slots = [slot(pace, message(n), rate) for n in range(5)]
    assert abs(slots[0].at - microseconds(clock.now())) < 5 * SECOND
    assert [one.at - slots[0].at for one in slots] == [n * SECOND // 4 for n in range(5)]
    other = slot(pace, message(9), rate, route=ROUTE.model_copy(update={"account_id": "b"}))
    assert other.at < slots[1].at + SECOND  # another account's line is its own


def test_a_long_text_takes_longer(lines: PaceStore) -> None:
    pace, rate = Pace(lines), Rate(per_second=1, unit="segments")
    first = slot(pace, message(1, text="x" * 161), rate)
    assert slot(pace, message(2), rate).at - first.at == 2 * SECOND


def test_urgent_messages_overtake_and_the_others_make_room(lines: PaceStore) -> None:
    pace, rate = Pace(lines), Rate(per_second=1)
    bulk = [slot(pace, message(n), rate) for n in range(10)]
    urgent = slot(pace, message(99, "high"), rate)
    assert urgent.at < bulk[1].at + SECOND // 2
    moved = slot(pace, message(9), rate, bulk[9])
    assert moved.at == bulk[9].at + SECOND
    assert slot(pace, message(9), rate, moved) == moved  # once
    assert slot(pace, message(10), rate).at == moved.at + SECOND


@pytest.mark.parametrize("kind", ["normal", "high"])
def test_a_sender_rests_once_however_many_are_told(lines: PaceStore, kind: str) -> None:
    """Everybody in the line moves back, and whoever joins it stands behind them; in another process too."""
    pace, rate = Pace(lines), Rate(per_second=1)
    held = [slot(pace, message(n, kind), rate) for n in range(5)]
    for _ in range(3):
        pace.hold(message(1), ROUTE, 7)
    assert slot(pace, message(4, kind), rate, held[4]).at == held[4].at + 7 * SECOND
    fresh = Pace(PaceStore(lines._client, lines._table, 30))
    for one in (pace, fresh):
        assert slot(one, message(9, kind), rate).at >= held[4].at + 8 * SECOND


def test_a_rest_of_an_idle_sender(lines: PaceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    pace, rate = Pace(lines), Rate(per_second=1)
    slot(pace, message(1), rate)
    passes(monkeypatch, 30)
    pace.hold(message(2), ROUTE, 60)
    assert 59 < seconds_until(slot(pace, message(3), rate)) < 61
    passes(monkeypatch, 100)
    assert seconds_until(slot(pace, message(4), rate)) < 1  # it is over


def test_who_comes_too_late_takes_nothing(lines: PaceStore) -> None:
    """Else the line grew, and all the others came too late as well."""
    pace, rate = Pace(lines), Rate(per_second=1)
    latest = clock.now() + timedelta(seconds=15)
    given_ = [pace.slot(message(n), ROUTE, rate, 1, None, latest) for n in range(60)]
    assert 14 <= len(list(filter(None, given_))) <= 17
    assert seconds_until(slot(pace, message(99), rate)) < 17


def test_who_missed_their_moments_do_not_go_at_once(
    lines: PaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pace, rate = Pace(lines), Rate(per_second=1)
    slots = [slot(pace, message(n), rate) for n in range(60)]
    passes(monkeypatch, 60)
    again = [slot(pace, message(n), rate, one) for n, one in enumerate(slots)]
    assert sum(seconds_until(one) <= 0 for one in again) < 5


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(kinds=st.lists(st.sampled_from(["normal", "high", "rest"]), min_size=1, max_size=12))
def test_no_two_messages_have_the_same_moment(flow: Flow, lines: PaceStore, kinds: list[str]) -> None:
    pace, rate = Pace(lines), Rate(per_second=2)
    route = ROUTE.model_copy(update={"account_id": f"{len(kinds)}-{time.monotonic_ns()}"})
    given_ = []
    for number, kind in enumerate(kinds):
        if kind == "rest":
            pace.hold(message(number), route, 3)
        else:
            one = message(number, kind)
            given_.append((one, slot(pace, one, rate, route=route)))
    for kind in ("normal", "high"):
        moments = sorted(
            slot(pace, one, rate, held, route).at for one, held in given_ if one.priority == kind
        )
        assert all(b - a >= SECOND // 2 for a, b in pairwise(moments))


def test_bulk_waits_for_its_rate_and_none_is_lost(flow: Flow) -> None:
    account(flow, "slow", {"channel": "sms", "id": SMS_NUMBER, "rate": {"per_second": 2}}, provider="aws")
    moments: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        moments.append(time.monotonic())
        return accepts_all(request)

    flow.world.provider = answer
    uuids = [flow.send(payloads.text("sms")) for _ in range(7)]
    urgent = flow.send(payloads.text("sms", "quick", priority="high"))
    flow.until(lambda: len(moments) == 8, seconds=20)
    flow.drain()
    assert all(flow.statuses(uuid) == ["submitted"] for uuid in [*uuids, urgent])
    assert moments[-1] - moments[0] >= 3  # eight at two a second
    assert "quick" in bodies(flow)[:4]


def test_a_step_whose_turn_comes_too_late_fails_over(flow: Flow) -> None:
    account(flow, "slow", {"channel": "sms", "id": SMS_NUMBER, "rate": {"per_second": 0.01}}, provider="aws")
    flow.send(payloads.text("sms"))
    flow.drain()
    flow.dispatch(payloads.step("sms", 20), payloads.step("messenger"))
    flow.until(lambda: flow.heard(status="submitted", to={"type": "messenger", "id": "20000000100"}))
    [hook] = [hook for hook in flow.heard(status="undeliverable") if "_links" in hook]
    assert hook["error"]["code"] == 1000


SLOW = {"channel": "sms", "id": SMS_NUMBER, "rate": {"per_second": 1}}
LINE = Route(provider="aws", account_id="slow")


def deep(lines: PaceStore, seconds: int) -> None:
    """Somebody has taken this much of the sender's time."""
    now = microseconds(clock.now())
    assert lines.take(LINE, "sms", SMS_NUMBER, seconds * SECOND, now, None, urgent=False)


def test_a_step_whose_turn_is_hours_away_goes_out_then(
    flow: Flow, lines: PaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    account(flow, "slow", SLOW, provider="aws")
    deep(lines, 4_000)
    uuid = message_uuid(flow.dispatch(payloads.step("sms")), 0)  # the last step, which has three days
    deliver = flow.cloud.functions["deliver"].services
    flow.until(lambda: (item := deliver.store.message(uuid)) and item.slot)
    item = deliver.store.message(uuid, consistent=True)
    body = {"dispatch_uuid": item.link.dispatch_uuid, "step": 0, "wait": 259_200}
    passes(monkeypatch, 4_001)
    at = item.link.queued_at
    record = Record("r", "h", json.dumps(body | {"task_token": item.link.task_token}), at, 2, at)
    deliver.delivering.handle(record)
    assert len(flow.world.sent) == 1


def test_a_line_deeper_than_the_queue_can_put_off(flow: Flow, lines: PaceStore) -> None:
    account(flow, "slow", SLOW, provider="aws")
    deep(lines, 50_000)
    uuid = flow.send(payloads.text("sms"))
    flow.drain()
    assert flow.heard(message_uuid=uuid) == []
    assert flow.cloud.waiting("OutboundQueue") == 1


def test_what_waited_long_in_the_queue_is_tried_all_the_same(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = flow.send(payloads.text("sms"))
    passes(monkeypatch, 3_700)
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]


def test_a_retry_after_of_decades_is_none(flow: Flow) -> None:
    account(flow, "slow", SLOW | {"rate": {"per_second": 10}}, provider="aws")
    flow.world.provider = lambda request: httpx.Response(
        429, headers={"Retry-After": "1790000000"}, json={"__type": "ThrottlingException"}
    )
    flow.send(payloads.text("sms"))
    flow.drain()
    taken = flow.cloud.functions["deliver"].services.delivering.handover.pace.store.taken(
        LINE, "sms", SMS_NUMBER
    )
    assert taken.rested == 900 * SECOND


def test_each_channel_of_a_number_has_its_own_rate(flow: Flow) -> None:
    account(flow, "slow", SLOW, {"channel": "mms", "id": SMS_NUMBER}, provider="aws")
    routes = flow.cloud.functions["deliver"].services.senders.routes
    assert [route.rate for route in routes("sms", SMS_NUMBER).found] == [Rate(per_second=1)]
    assert [route.rate for route in routes("mms", SMS_NUMBER).found] == [None]


# --- what goes wrong with accounts ---------------------------------------------------------------


def test_credentials_that_were_changed_are_used_at_once(flow: Flow) -> None:
    def put(token: str) -> None:
        held = {"access_token": token, "app_secret": "wa-secret", "verify_token": "v"}
        body = {"credentials": held, "senders": [whatsapp()]}
        flow.cloud.http("accounts", "PUT", "/accounts/whatsapp_cloud/shop", body, basic())

    put("old")
    opened(flow)
    flow.send(payloads.text("whatsapp"))
    flow.drain()
    put("new")
    flow.world.provider = refusing("old", 401, 190)
    uuid = flow.send(payloads.text("whatsapp"))
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
    assert tokens(flow) == ["old", "old", "new"]


def test_an_account_that_does_not_answer_is_left_alone(two: Flow) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["authorization"] == "Bearer first":
            raise httpx.ReadTimeout("nothing")
        return accepts_all(request)

    two.world.provider = answer
    for _ in range(7):
        two.send(payloads.text("whatsapp"))
        two.drain()
    assert tokens(two) == ["first"] * 5 + ["second"] * 2


def test_media_that_cannot_be_had_is_no_fault_of_the_account(flow: Flow) -> None:
    for order, name in enumerate(("first", "second")):
        account(flow, name, {"channel": "mms", "id": SMS_NUMBER, "order": order}, provider="aws")
    flow.world.provider = lambda request: (
        httpx.Response(503) if request.url.host == "media.example" else accepts_all(request)
    )
    body = payloads.text("mms")
    body["message"]["content"] = {"type": "image", "image": {"url": "https://media.example/a.png"}}
    for _ in range(6):
        flow.send(body)
    flow.drain()
    deliver = flow.cloud.functions["deliver"].services.delivering.handover
    mms = message(1).model_copy(update={"channel": "mms"})
    assert not deliver.circuits.is_open(mms, Route(provider="aws", account_id="first"))


def test_who_stops_the_number_that_stands_in_stops_the_sender(flow: Flow) -> None:
    account(flow, "only", {"channel": "sms", "id": SMS_NUMBER, "send_as": "447700900999"}, provider="aws")
    stop = {
        "originationNumber": "+447700900100",
        "destinationNumber": "+447700900999",
        "messageBody": "STOP",
        "inboundMessageId": "in-1",
    }
    flow.send(payloads.text("sms"))
    flow.drain()
    assert json.loads(flow.world.sent[0].content)["OriginationIdentity"] == "+447700900999"
    flow.cloud.call("inbound", payloads.sns(stop))
    flow.drain()
    [heard] = flow.heard(direction="inbound")
    assert heard["to"] == payloads.ENDS["sms"][0]
    uuid = flow.send(payloads.text("sms"))
    flow.drain()
    assert flow.statuses(uuid) == ["rejected"]


def test_the_template_in_place_of_another_is_counted_too(flow: Flow) -> None:
    store = flow.cloud.functions["send"].services.templates.store
    item = TemplateItem(name="parcel", language="de", status="APPROVED", variables=2)
    store.put("whatsapp_cloud", "default", item)
    body = payloads.text("whatsapp")
    body["message"]["whatsapp"] = {
        "template_fallback": {"name": "parcel", "parameters": ["x"], "locale": "de"}
    }
    status, answer = flow.cloud.http("send", "POST", "/v0.1/messages", body, flow.app["bearer"])
    assert status == 400
    assert [fault["name"] for fault in answer["invalid_parameters"]] == [
        "message.whatsapp.template_fallback.parameters"
    ]
