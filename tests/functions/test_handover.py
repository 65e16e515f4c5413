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
from switchboard.pace import SECOND, Pace, microseconds
from switchboard.store import PaceStore, Rate, Route
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


def test_slots_are_as_far_apart_as_the_rate_says(lines: PaceStore) -> None:
    pace, rate = Pace(lines), Rate(per_second=4)
    slots = [pace.slot(message(n), ROUTE, rate, 1, None) for n in range(5)]
    assert abs(slots[0].at - microseconds(clock.now())) < 5 * SECOND
    assert [slot.at - slots[0].at for slot in slots] == [n * SECOND // 4 for n in range(5)]
    other = pace.slot(message(9), ROUTE.model_copy(update={"account_id": "b"}), rate, 1, None)
    assert other.at < slots[1].at + SECOND  # another account's line is its own


def test_a_long_text_takes_longer(lines: PaceStore) -> None:
    pace, rate = Pace(lines), Rate(per_second=1, unit="segments")
    first = pace.slot(message(1, text="x" * 161), ROUTE, rate, 1, None)
    assert pace.slot(message(2), ROUTE, rate, 1, None).at - first.at == 2 * SECOND


def test_urgent_messages_overtake_and_the_others_make_room(lines: PaceStore) -> None:
    pace, rate = Pace(lines), Rate(per_second=1)
    bulk = [pace.slot(message(n), ROUTE, rate, 1, None) for n in range(10)]
    urgent = pace.slot(message(99, "high"), ROUTE, rate, 1, None)
    assert urgent.at < bulk[1].at + SECOND // 2
    moved = pace.slot(message(9), ROUTE, rate, 1, bulk[9])
    assert moved.at == bulk[9].at + SECOND
    assert pace.slot(message(9), ROUTE, rate, 1, moved) == moved  # once
    assert pace.slot(message(10), ROUTE, rate, 1, None).at == moved.at + SECOND


def test_a_sender_rests_once_however_many_are_told(lines: PaceStore) -> None:
    pace, rate = Pace(lines), Rate(per_second=1)
    held = pace.slot(message(1), ROUTE, rate, 1, None)
    for _ in range(3):
        pace.hold(message(1), ROUTE, 7)
    assert pace.slot(message(1), ROUTE, rate, 1, held).at == held.at + 7 * SECOND
    assert pace.slot(message(2), ROUTE, rate, 1, None).at >= held.at + 7 * SECOND


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(kinds=st.lists(st.sampled_from(["normal", "high"]), min_size=1, max_size=12))
def test_no_two_messages_have_the_same_moment(flow: Flow, lines: PaceStore, kinds: list[str]) -> None:
    pace, rate = Pace(lines), Rate(per_second=2)
    route = ROUTE.model_copy(update={"account_id": f"{len(kinds)}-{time.monotonic_ns()}"})
    given_ = [
        (message(n, kind), pace.slot(message(n, kind), route, rate, 1, None)) for n, kind in enumerate(kinds)
    ]
    for kind in ("normal", "high"):
        moments = sorted(
            pace.slot(one, route, rate, 1, slot).at for one, slot in given_ if one.priority == kind
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
