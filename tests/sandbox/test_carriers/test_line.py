"""LINE, with its SDK as client and our adapter at both ends."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest
from linebot.v3.messaging import (
    ApiClient,
    Configuration,
    MessagingApi,
    MessagingApiBlob,
    PnpMessagesRequest,
    PushMessageRequest,
    TextMessage,
)
from linebot.v3.messaging.exceptions import ApiException
from linebot.v3.webhook import WebhookParser

from sandbox.carriers.line import BOT, Line
from switchboard.adapters import adapter
from switchboard.adapters.base import Account
from switchboard.errors import Rejected, Throttled, Unanswered, Unavailable
from switchboard.models.events import Hook, Inbound, Receipt
from switchboard.models.messages import Channel, Message, Status, Text

from .rig import CREDENTIALS, Call, Rig

pytestmark = pytest.mark.network

TOKEN = CREDENTIALS.secret("line channel_access_token")
SECRET = CREDENTIALS.secret("line channel_secret")
PHONE = "+81312345678"
HELLO = {"type": "text", "text": "Good day"}


def person(last4: str) -> str:
    """A user id that no other test uses."""
    return f"U{uuid4().hex[:27]}f{last4}"


def phone() -> tuple[str, str]:
    """A number, and what LINE is told of it."""
    number = f"+81{uuid4().int % 10**10:010d}"
    return number, hashlib.sha256(number.encode()).hexdigest()


def push(rig: Rig, body: Any, token: str = TOKEN, path: str = "v2/bot/message/push", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    access = {"authorization": f"Bearer {token}"}
    return rig.http.post(f"/line/{path}", json=body, headers=access | named)


def to(recipient: str, *messages: Mapping[str, Any]) -> dict[str, Any]:
    return {"to": recipient, "messages": list(messages or [HELLO])}


@pytest.fixture(scope="module")
def sdk(rig: Rig) -> Iterator[ApiClient]:
    with ApiClient(Configuration(host=f"{rig.url}/line", access_token=TOKEN)) as client:
        yield client


# --- pushes ----------------------------------------------------------------------------------------

HANDSETS = {
    "0001": [200],
    "0002": [200],
    "0003": [400],
    "0004": [200],  # has blocked the bot, which LINE does not tell
    "0005": [429, 429, 200],
    "0006": [0, 409],
    "0007": [200],
    "0008": [500, 500, 500, 200],
    "0009": [200],
    "4321": [200],
}


@pytest.mark.parametrize("last4", HANDSETS)
def test_handset(rig: Rig, last4: str) -> None:
    recipient, key = person(last4), str(uuid4())
    statuses = []
    for _ in HANDSETS[last4]:
        try:
            statuses.append(push(rig, to(recipient), x_line_retry_key=key).status_code)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            statuses.append(0)
    assert statuses == HANDSETS[last4]
    assert len(rig.sends(key)) == (0 if last4 == "0003" else 1)
    time.sleep(0.1)
    assert rig.receiver.about(recipient, key) == []


def test_a_push_has_an_id_for_each_of_its_messages(rig: Rig) -> None:
    reply = push(rig, to(person("4321"), HELLO, HELLO))
    ids = [sent["id"] for sent in reply.json()["sentMessages"]]
    assert len(set(ids)) == 2 and all(map(str.isdecimal, ids))
    assert reply.headers["x-line-request-id"]


def test_a_repeat_is_answered_with_the_first(rig: Rig) -> None:
    recipient, key = person("4321"), str(uuid4())
    first, second = (push(rig, to(recipient), x_line_retry_key=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["sentMessages"] == first.json()["sentMessages"]
    assert second.headers["x-line-accepted-request-id"] == first.headers["x-line-request-id"]


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({"type": "text", "text": ""}, "messages[0].text"),
        ({"type": "text", "text": "x" * 5001}, "messages[0].text"),
        ({"type": "image", "originalContentUrl": "https://e.example/a"}, "messages[0].previewImageUrl"),
        (
            {
                "type": "video",
                "originalContentUrl": "http://e.example/a",
                "previewImageUrl": "https://e.example/a",
            },
            "messages[0].originalContentUrl",
        ),
        ({"type": "audio", "originalContentUrl": "https://e.example/a"}, "messages[0].duration"),
        (
            {"type": "location", "title": "t", "latitude": 1.5, "longitude": 2.5},
            "messages[0].address",
        ),
        ({"type": "template", "altText": "t", "template": {"type": "odd"}}, "messages[0].template.type"),
        ({"type": "telepathy"}, "messages[0]"),
    ],
    ids=str,
)
def test_refuses_a_message(rig: Rig, message: Any, named: str) -> None:
    reply = push(rig, to(person("4321"), message))
    assert reply.status_code == 400
    assert [detail["property"] for detail in reply.json()["details"]] == [named]


@pytest.mark.parametrize(
    "message",
    [
        {
            "type": "image",
            "originalContentUrl": "https://e.example/a.jpg",
            "previewImageUrl": "https://e.example/a.jpg",
        },
        {"type": "audio", "originalContentUrl": "https://e.example/a.m4a", "duration": 1},
        {"type": "location", "title": "t", "address": "a", "latitude": 1.5, "longitude": 2},
        {"type": "sticker", "packageId": "1", "stickerId": "2"},
        {"type": "flex", "altText": "t", "contents": {"type": "bubble"}},
    ],
    ids=lambda message: message["type"],
)
def test_takes_a_message(rig: Rig, message: Any) -> None:
    assert push(rig, to(person("4321"), message)).status_code == 200


@pytest.mark.parametrize(
    ("body", "path", "headers"),
    [
        (to("somebody"), "v2/bot/message/push", {}),
        (to(person("4321")), "v2/bot/message/push", {"x_line_retry_key": "7"}),
        ([], "v2/bot/message/push", {}),
        ({"to": person("4321"), "messages": [HELLO] * 6}, "v2/bot/message/push", {}),
        (to(phone()[1]), "bot/pnp/push", {"x_line_retry_key": str(uuid4())}),
        (to(phone()[1]), "bot/pnp/push", {"x_line_delivery_tag": "short"}),
        (to(PHONE), "bot/pnp/push", {}),
    ],
    ids=["nobody", "retry key", "no object", "six", "retry key by phone", "tag", "number in the clear"],
)
def test_refuses_a_request(rig: Rig, body: Any, path: str, headers: dict[str, str]) -> None:
    reply = push(rig, body, path=path, **headers)
    assert reply.status_code == 400
    assert reply.json()["message"]


@pytest.mark.parametrize("path", ["v2/bot/message/push", "bot/pnp/push"])
def test_wants_its_token(rig: Rig, path: str) -> None:
    assert push(rig, {}, token="wrong", path=path).status_code == 401


@pytest.mark.parametrize("path", ["message/quota", "message/quota/consumption", "info", "message/1/content"])
def test_tells_nobody_else(rig: Rig, path: str) -> None:
    assert rig.http.get(f"/line/v2/bot/{path}").status_code == 401


# --- notification messages -------------------------------------------------------------------------


def test_a_notification_message_is_reported(rig: Rig) -> None:
    _, hashed = phone()
    tag = str(uuid4())
    reply = push(rig, to(hashed), path="bot/pnp/push", x_line_delivery_tag=tag)
    assert (reply.status_code, reply.json()) == (200, {})
    (call,) = rig.receiver.wait(1, tag)
    assert call.json["destination"] == BOT
    (event,) = call.json["events"]
    assert (event["type"], event["delivery"]) == ("delivery", {"data": tag})


def test_a_notification_message_without_a_tag_is_reported_by_its_hash(rig: Rig) -> None:
    _, hashed = phone()
    push(rig, to(hashed), path="bot/pnp/push")
    (call,) = rig.receiver.wait(1, hashed)
    assert call.json["events"][0]["delivery"] == {"data": hashed}


# --- LINE's SDK ------------------------------------------------------------------------------------


def test_the_sdk_pushes(rig: Rig, sdk: ApiClient) -> None:
    api, recipient, key = MessagingApi(sdk), person("4321"), str(uuid4())
    request = PushMessageRequest(to=recipient, messages=[TextMessage(text="Good day")])
    used = api.get_message_quota_consumption().total_usage
    sent = api.push_message(request, x_line_retry_key=key)
    assert len(sent.sent_messages) == 1
    with pytest.raises(ApiException) as caught:
        api.push_message(request, x_line_retry_key=key)
    assert caught.value.status == 409
    assert api.get_message_quota().value > api.get_message_quota_consumption().total_usage == used + 1
    assert api.get_bot_info().user_id == BOT
    assert bytes(MessagingApiBlob(sdk).get_message_content("1")).startswith(b"\x89PNG")


def test_the_sdk_reads_what_we_report(rig: Rig, sdk: ApiClient) -> None:
    _, hashed = phone()
    tag = str(uuid4())
    request = PnpMessagesRequest(to=hashed, messages=[TextMessage(text="Good day")])
    MessagingApi(sdk).push_messages_by_phone(request, x_line_delivery_tag=tag)
    (call,) = rig.receiver.wait(1, tag)
    (event,) = WebhookParser(SECRET).parse(call.body.decode(), call.headers["x-line-signature"])
    assert (event.type, event.delivery.data) == ("delivery", tag)


# --- our adapter -----------------------------------------------------------------------------------


def account(rig: Rig, **settings: Any) -> Account:
    return Account("line", "default", Line.account(rig.url, rig.receiver.url, CREDENTIALS) | settings)


def send(rig: Rig, recipient: str, uuid: str) -> str:
    message = Message(
        message_uuid=uuid,
        channel=Channel.LINE,
        sender=BOT,
        recipient=recipient,
        content=Text(type="text", text="Good day"),
    )
    return adapter("line").send(message, account(rig), rig.http)


def events(rig: Rig, call: Call) -> Any:
    assert call.path == "/inbound/line/default"
    hook = Hook(call.body, headers=call.headers)
    adapter("line").verify(hook, account(rig))
    return adapter("line").events(hook)


def test_our_adapter_sends_once(rig: Rig) -> None:
    recipient, uuid = person("0006"), str(uuid4())
    with pytest.raises(Unanswered):
        send(rig, recipient, uuid)
    assert send(rig, recipient, uuid) == rig.sends(uuid)[0]["id"]
    assert len(rig.sends(uuid)) == 1


@pytest.mark.parametrize(
    ("last4", "error"), [("0003", Rejected), ("0005", Throttled), ("0008", Unavailable)], ids=str
)
def test_our_adapter_reads_the_errors(rig: Rig, last4: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        send(rig, person(last4), str(uuid4()))


def test_our_adapter_reads_deliveries(rig: Rig) -> None:
    uuid = str(uuid4())
    assert send(rig, phone()[0].removeprefix("+"), uuid)
    (call,) = rig.receiver.wait(1, uuid)
    (event,) = events(rig, call)
    assert isinstance(event, Receipt)
    assert (event.status, event.message_uuid) == (Status.DELIVERED, uuid)


def test_our_adapter_reads_what_people_write(rig: Rig) -> None:
    sender, words = person("4321"), f"Grüße {uuid4()}"
    written = {"channel": "line", "from": sender, "to": BOT, "text": words}
    assert rig.http.post("/inbound", json=written).status_code == 202
    (call,) = rig.receiver.wait(1, words)
    (event,) = events(rig, call)
    assert isinstance(event, Inbound)
    assert (event.sender, event.recipient, event.content) == (sender, BOT, Text(type="text", text=words))


@pytest.mark.parametrize(
    ("sender", "settings", "state"),
    [(BOT, {}, "verified"), ("Uother", {}, "failed"), (BOT, {"channel_access_token": "wrong"}, "failed")],
    ids=str,
)
def test_our_adapter_is_verified(rig: Rig, sender: str, settings: Any, state: str) -> None:
    verification = adapter("line").verification(account(rig, **settings), Channel.LINE, sender, rig.http)
    assert verification.state == state


def test_our_adapter_downloads(rig: Rig) -> None:
    media = "https://api-data.line.me/v2/bot/message/1/content"
    request = adapter("line").download(media, account(rig), rig.http)
    reply = rig.http.send(request)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/png")
