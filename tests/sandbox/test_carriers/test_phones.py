"""Phones on the screen: read when they are opened, silent while they are off, and what is seen on them."""

import asyncio
import base64
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from sandbox.carriers import overheard
from sandbox.carriers.network import Network
from sandbox.carriers.overheard import Said
from sandbox.carriers.phones import AT_FIRST, KEPT, MOST, Bubble, Phones

from .rig import SENDERS, Rig, infobip, kinds, needles, person, viber_body

pytestmark = pytest.mark.network

READS = {"sms": [], "whatsapp": ["read"], "messenger": ["read"], "viber_service_msg": ["seen"]}
DELIVERIES = {
    "sms": "TEXT_DELIVERED",
    "whatsapp": "delivered",
    "messenger": "delivery",
    "viber_service_msg": "DELIVERED_TO_HANDSET NO_ERROR",
}


def act(rig: Rig, channel: str, to: str, do: str) -> Any:
    reply = rig.http.post("/handsets", json={"channel": channel, "person": to, "do": do})
    assert reply.status_code in (200, 201), reply.text
    return reply.json()


def phone(rig: Rig, channel: str, to: str) -> Any:
    shown = rig.http.get("/handsets").json()["handsets"]
    return next(one for one in shown if (one["channel"], one["person"]) == (channel, to))


def until(condition: Callable[[], Any]) -> Any:
    limit = time.monotonic() + 5
    while not (value := condition()):
        assert time.monotonic() < limit
        time.sleep(0.005)
    return value


def news(rig: Rig, channel: str, to: str, echo: str) -> list[str]:
    return [kind for call in rig.receiver.about(*needles(channel, to, echo)) for kind in kinds(call)]


@pytest.mark.parametrize("channel", SENDERS)
def test_it_is_read_when_it_is_opened(rig: Rig, channel: str) -> None:
    to, echo = person(channel, "4321"), str(uuid4())
    act(rig, channel, to, "add")
    SENDERS[channel](rig, to, echo)
    [bubble] = until(lambda: phone(rig, channel, to)["messages"])
    assert (bubble["text"], bubble["direction"], bubble["read_at"]) == ("Good day", "outbound", None)
    until(lambda: DELIVERIES[channel] in news(rig, channel, to, echo))
    time.sleep(0.15)  # longer than others take to read
    assert not set(READS[channel]) & set(news(rig, channel, to, echo))
    act(rig, channel, to, "open")
    until(lambda: set(READS[channel]) <= set(news(rig, channel, to, echo)))
    assert phone(rig, channel, to)["messages"][0]["read_at"]


@pytest.mark.parametrize("channel", SENDERS)
def test_while_it_is_off_nothing_arrives(rig: Rig, channel: str) -> None:
    to, echo = person(channel, "4321"), str(uuid4())
    act(rig, channel, to, "add")
    act(rig, channel, to, "off")
    assert SENDERS[channel](rig, to, echo).status == 200
    until(lambda: phone(rig, channel, to)["waiting"] == 1)
    act(rig, channel, to, "open")
    time.sleep(0.15)
    assert DELIVERIES[channel] not in news(rig, channel, to, echo)
    assert phone(rig, channel, to)["messages"] == []
    act(rig, channel, to, "on")
    until(lambda: DELIVERIES[channel] in news(rig, channel, to, echo))
    assert [one["read_at"] for one in phone(rig, channel, to)["messages"]] == [None], "opened before it came"


@pytest.mark.parametrize("last4", ["0003", "0004", "0007"])
def test_digits_that_mean_something_else_mean_it_still(rig: Rig, last4: str) -> None:
    to, echo = person("viber_service_msg", last4), str(uuid4())
    act(rig, "viber_service_msg", to, "add")
    infobip(rig, viber_body(rig, to, echo))
    if last4 != "0003":
        rig.receiver.wait(1, echo)
    assert phone(rig, "viber_service_msg", to)["messages"] == []


def test_an_answer_is_on_the_phone_too(rig: Rig) -> None:
    to = person("whatsapp", "4321")
    act(rig, "whatsapp", to, "add")
    note = {"channel": "whatsapp", "from": to, "to": "15550107001", "text": "At three"}
    assert rig.http.post("/inbound", json=note).status_code == 202
    [bubble] = phone(rig, "whatsapp", to)["messages"]
    assert (bubble["direction"], bubble["text"], bubble["sender"]) == ("inbound", "At three", "15550107001")


WRONG: dict[str, tuple[Any, int, str]] = {
    "nobody's": ({"channel": "sms", "person": "1", "do": "open"}, 404, "person"),
    "no such act": ({"channel": "sms", "person": "1", "do": "drop"}, 400, "do"),
    "no such channel": ({"channel": "fax", "person": "1", "do": "add"}, 400, "channel"),
    "no person": ({"channel": "sms", "do": "add"}, 400, "person"),
    "an empty person": ({"channel": "sms", "person": "", "do": "add"}, 400, "person"),
    "no object": ([], 400, ""),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_done(rig: Rig, name: str) -> None:
    body, status, field = WRONG[name]
    reply = rig.http.post("/handsets", json=body)
    assert (reply.status_code, reply.json().get("field", "")) == (status, field)


def test_a_plus_makes_no_other_phone(rig: Rig) -> None:
    to = person("sms", "4321")
    act(rig, "sms", f"+{to}", "add")
    assert phone(rig, "sms", to)["on"]


def test_the_first_phones_do_by_hand_what_others_do_by_themselves() -> None:
    phones = Phones()
    assert [phone["channel"] for phone in phones.as_json()["handsets"]] == [one for one, _ in AT_FIRST]


def test_there_are_not_more_and_more() -> None:
    phones = Phones(())
    for number in range(MOST + 5):
        phones.add("sms", str(number))
    assert len(phones.as_json()["handsets"]) == MOST
    assert phones.find("sms", "0") is None


def bubbles_of(phones: Phones, count: int) -> list[Bubble]:
    phone = phones.add("sms", "0")
    phone.on.clear()
    return [phone.take("aws", "Acme", Said(str(number)), None) for number in range(count)]


def test_nobody_waits_for_what_is_pushed_off_the_screen() -> None:
    phones = Phones(())
    bubbles = bubbles_of(phones, KEPT + 1)
    assert [bubble.gone.is_set() for bubble in bubbles] == [True] + [False] * KEPT
    for number in range(MOST):
        phones.add("sms", str(number + 1))
    assert all(bubble.gone.is_set() for bubble in bubbles)


@pytest.mark.parametrize("is_on", [False, True], ids=["while it was off", "unread"])
def test_a_carrier_does_not_wait_for_a_phone_that_is_gone(is_on: bool) -> None:
    silent: Any = SimpleNamespace(reports=())
    message: Any = SimpleNamespace(at=0.0)

    async def report() -> Bubble:
        phones = Phones(())
        phone = phones.add("sms", "0")
        if not is_on:
            phone.on.clear()
        bubble = phone.take("aws", "Acme", Said("Hello"), None)
        nobody: Any = None
        task = asyncio.create_task(Network(nobody, 0.0)._report_by_hand(silent, message, phone, bubble))
        done, _ = await asyncio.wait([task], timeout=0.05)
        assert not done
        for number in range(MOST):
            phones.add("sms", str(number + 1))
        await asyncio.wait_for(task, 5)
        return bubble

    bubble = asyncio.run(report())
    assert (bubble.delivered_at is not None, bubble.read_at) == (is_on, None)


REQUESTS: dict[str, tuple[Any, Said]] = {
    "SMS by AWS": ({"DestinationPhoneNumber": "+1", "MessageBody": "Hello"}, Said("Hello")),
    "WhatsApp": (
        {"messaging_product": "whatsapp", "to": "1", "type": "text", "text": {"body": "Hello"}},
        Said("Hello"),
    ),
    "WhatsApp image": (
        {"type": "image", "image": {"link": "https://x.example/a.png", "caption": "Look"}},
        Said("Look", ("https://x.example/a.png",)),
    ),
    "WhatsApp template": (
        {
            "type": "template",
            "template": {"name": "parcel", "components": [{"parameters": [{"type": "text", "text": "3"}]}]},
        },
        Said("[parcel] 3"),
    ),
    "Messenger with quick replies": (
        {"recipient": {"id": "1"}, "message": {"text": "Ok?", "quick_replies": [{"title": "Yes"}]}},
        Said("Ok?", (), ("Yes",)),
    ),
    "Viber by Infobip": (
        {
            "messages": [
                {
                    "content": {"type": "TEXT", "text": "Hello"},
                    "webhooks": {"delivery": {"url": "https://hook.example/?token=secret"}},
                }
            ]
        },
        Said("Hello"),
    ),
    "RCS by Google": ({"contentMessage": {"text": "Hello"}}, Said("Hello")),
    "RCS with suggestions": (
        {"contentMessage": {"text": "Ok?", "suggestions": [{"reply": {"text": "Yes", "postbackData": "y"}}]}},
        Said("Ok?", (), ("Yes",)),
    ),
    "LINE": ({"to": "U1", "messages": [{"type": "text", "text": "Hello"}]}, Said("Hello")),
    "Telegram": ({"chat_id": 1, "text": "Hello"}, Said("Hello")),
    "WeChat": ({"touser": "o", "msgtype": "text", "text": {"content": "Hello"}}, Said("Hello")),
    "Twilio, a form": (urlencode({"To": "+1", "Body": "Hello & more"}).encode(), Said("Hello & more")),
    "nothing to read": ({"to": 1}, Said("")),
    "no text at all": (base64.b64decode("/wA="), Said("")),
    "broken JSON": (b"{", Said("")),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_what_is_read_on_a_phone(name: str) -> None:
    body, expected = REQUESTS[name]
    assert overheard.of(body if isinstance(body, bytes) else json.dumps(body).encode()) == expected
