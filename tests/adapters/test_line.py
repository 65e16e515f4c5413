"""LINE Messaging API."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from linebot.v3.webhook import SignatureValidator, WebhookParser

from sandbox.carriers.media import PLACEHOLDERS
from switchboard.adapters import adapter
from switchboard.adapters.base import Account, MediaFile, Verification
from switchboard.errors import (
    ConfigurationError,
    Rejected,
    SendError,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Hook, Inbound, Receipt
from switchboard.models.messages import Channel, Custom, InboundContent, Status
from tests.adapters.cases import (
    UUID,
    Answer,
    Provider,
    Receive,
    Send,
    at,
    came,
    content,
    fixture,
    label,
    received,
    replace_members,
    sent,
    text_message,
)

NAME = "line"
BOT, PERSON = "U5c1d7a90be2f4863a1d0c7e8f9b2a346", "Uaa17c3f20b5e49d88c6610f2e3d4b597"
KEY = "a channel's secret"


def signature(body: bytes, key: str = KEY) -> str:
    return base64.b64encode(hmac.new(key.encode(), body, hashlib.sha256).digest()).decode()


def signed(body: bytes) -> Hook:
    return Hook(body, headers={"x-line-signature": signature(body)})


def forged(body: bytes) -> Mapping[str, Hook]:
    headers = {
        "empty": "",
        "of another key": signature(body, "another"),
        "of another body": signature(body + b" "),
        "cut short": signature(body)[:-1],
        "in hexadecimal": hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest(),
        "not ASCII": "é\udcff",
    }
    return {
        "missing": Hook(body),
        "in the address": Hook(body, query={"x-line-signature": signature(body)}),
    } | {name: Hook(body, headers={"x-line-signature": value}) for name, value in headers.items()}


PROVIDER = Provider(
    settings={"channel_access_token": "line-access-token", "channel_secret": KEY},
    message=text_message(Channel.LINE, BOT, PERSON),
    signed=signed,
    forged=forged,
    batch="batch",
    events=3,
    unknown={},
    secret="channel_secret",
)
SENT = "590117263548911203"
PICTURE, FILM = "https://shop.example/pictures/door.jpg", "https://shop.example/film.mp4"


def body(*messages: Mapping[str, Any], **members: Any) -> Mapping[str, Any]:
    return {"messages": list(messages), "to": PERSON, **members}


FLEX = {"type": "flex", "altText": "Your order", "contents": {"type": "bubble"}}
SPOT = {"latitude": 51.5, "longitude": -0.125}
SENDS = [
    Send(
        "text",
        body=body({"type": "text", "text": "Your parcel is on its way"}),
        url="https://api.line.me/v2/bot/message/push",
        headers={"Authorization": "Bearer line-access-token", "X-Line-Retry-Key": UUID},
    ),
    Send(
        "elsewhere", settings={"base_url": "https://e.example/"}, url="https://e.example/v2/bot/message/push"
    ),
    Send(
        "image",
        content("image", url=PICTURE, caption="LINE shows none"),
        body=body({"type": "image", "originalContentUrl": PICTURE, "previewImageUrl": PICTURE}),
    ),
    Send(
        "video",
        content("video", url=FILM),
        body=body({"type": "video", "originalContentUrl": FILM, "previewImageUrl": FILM}),
    ),
    Send(
        "video with the account's preview",
        content("video", url=FILM),
        settings={"preview_image_url": PICTURE},
        body=body({"type": "video", "originalContentUrl": FILM, "previewImageUrl": PICTURE}),
    ),
    Send(
        "video with a thumbnail of its own",
        content("video", url=FILM, thumbnail_url=f"{PICTURE}?small"),
        settings={"preview_image_url": PICTURE},
        body=body({"type": "video", "originalContentUrl": FILM, "previewImageUrl": f"{PICTURE}?small"}),
    ),
    Send(
        "location",
        content("location", **SPOT, name="The harbour", address="1 Quay Street"),
        body=body({"type": "location", "title": "The harbour", "address": "1 Quay Street", **SPOT}),
    ),
    Send(
        "location with a name",
        content("location", **SPOT, name="The harbour"),
        body=body({"type": "location", "title": "The harbour", "address": "The harbour", **SPOT}),
    ),
    Send(
        "location without words",
        content("location", **SPOT),
        body=body({"type": "location", "title": "51.5, -0.125", "address": "51.5, -0.125", **SPOT}),
    ),
    Send("custom", content("custom", custom=FLEX), body=body(FLEX)),
    Send(
        "several custom messages",
        content("custom", custom={"messages": [FLEX, FLEX], "notificationDisabled": True, "to": "x"}),
        body=body(FLEX, FLEX, notificationDisabled=True),
    ),
    Send("to a number, which LINE refuses", message={"recipient": "81312345678"}, body=None),
]


@pytest.mark.parametrize("case", SENDS, ids=label)
def test_sends(case: Send) -> None:
    sent(NAME, Send(**{**vars(case), "id": SENT}))


@pytest.mark.parametrize("setting", [True, "true"], ids=str)
def test_a_notification_message(setting: Any) -> None:
    request = sent(
        NAME,
        Send(
            "",
            message={"recipient": "81312345678"},
            settings={"pnp": setting},
            body=body(
                {"type": "text", "text": "Your parcel is on its way"},
                to=hashlib.sha256(b"+81312345678").hexdigest(),
            ),
            url="https://api.line.me/bot/pnp/push",
            headers={"X-Line-Delivery-Tag": UUID},
            id=SENT,
        ),
    )
    assert request
    assert "x-line-retry-key" not in request.headers  # which LINE refuses here


@pytest.mark.parametrize(("recipient", "repeatable"), [(PERSON, True), ("81312345678", False)])
def test_only_pushes_can_be_repeated(recipient: str, repeatable: bool) -> None:
    message = replace_members(PROVIDER.message, {"recipient": recipient})
    assert adapter(NAME).repeatable(message) is repeatable


def detail(name: str) -> Mapping[str, Any]:
    return {"message": "The request body has 1 error(s)", "details": [{"message": "?", "property": name}]}


FAILURES = [
    Send("bad text", reply=(400, "refused"), raises=Rejected, code=1020, provider_code="messages[0].text"),
    Send("bad recipient", reply=(400, detail("to")), raises=Rejected, code=1170, provider_code="to"),
    Send("bad address", reply=(400, detail("messages[0].originalContentUrl")), raises=Rejected, code=1380),
    Send("odd details", reply=(400, {"details": [7, {"property": 7}]}), raises=Rejected, code=1020),
    Send("property that we know, but a 500", reply=(500, detail("to")), raises=Unavailable, code=1331),
    Send("no friend", reply=(400, {"message": "Failed to send messages"}), raises=Rejected, code=1020),
    Send("409 that names no request", reply=(409, "repeated"), raises=Rejected, code=1020),
    Send("number without LINE", reply=(422, {"message": "?"}), raises=Unreachable, code=1300),
    Send("no message id", reply=(200, {"sentMessages": [7, {}]}), raises=Unanswered, code=1331),
    Send("file", content("file", url="https://shop.example/a.pdf"), raises=Rejected, code=1140),
    Send("vcard", content("vcard", url="https://shop.example/a.vcf"), raises=Rejected, code=1140),
    Send("template", content("template", name="welcome"), raises=Rejected, code=1140),
    Send(
        "audio that nobody read", content("audio", url="https://e.example/a.mp3"), raises=Rejected, code=1140
    ),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, case)


def asked(reply: Answer, **settings: Any) -> str:
    with httpx.Client(transport=httpx.MockTransport(reply)) as client:
        return adapter(NAME).send(PROVIDER.message, PROVIDER.account(NAME, **settings), client)


ACCEPTED: list[tuple[str, int, Mapping[str, str], Any, str]] = [
    ("repeat", 409, {"x-line-accepted-request-id": "r-1"}, json.loads(fixture(NAME, "repeated")), SENT),
    ("repeat without ids", 409, {"x-line-accepted-request-id": "r-1"}, {"message": "?"}, "r-1"),
    ("notification message", 200, {"x-line-request-id": "r-2"}, {}, "r-2"),
]


@pytest.mark.parametrize(
    ("status", "headers", "reply", "expected"),
    [case[1:] for case in ACCEPTED],
    ids=[case[0] for case in ACCEPTED],
)
def test_accepted(status: int, headers: Mapping[str, str], reply: Any, expected: str) -> None:
    assert asked(lambda request: httpx.Response(status, headers=headers, json=reply)) == expected


QUOTAS: list[tuple[str, int, Any, Any, type[SendError] | type[ConfigurationError], int]] = [
    ("used up", 200, {"type": "limited", "value": 500}, {"totalUsage": 500}, ConfigurationError, 1070),
    ("not used up", 200, {"type": "limited", "value": 500}, {"totalUsage": 499}, Throttled, 1000),
    ("without limit", 200, {"type": "none"}, {"totalUsage": 10_000}, Throttled, 1000),
    ("of odd shape", 200, ["x"], {"totalUsage": "many"}, Throttled, 1000),
    ("not told", 500, {}, {}, Throttled, 1000),
]


@pytest.mark.parametrize(
    ("status", "quota", "used", "error", "code"),
    [case[1:] for case in QUOTAS],
    ids=[case[0] for case in QUOTAS],
)
def test_a_429_can_mean_that_the_quota_is_used_up(
    status: int, quota: Any, used: Any, error: type[Exception], code: int
) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer line-access-token"
        match request.url.path:
            case "/v2/bot/message/push":
                return httpx.Response(429, json={"message": "too many"})
            case "/v2/bot/message/quota":
                return httpx.Response(status, json=quota)
            case "/v2/bot/message/quota/consumption":
                return httpx.Response(status, json=used)
        raise AssertionError(request.url.path)

    with pytest.raises(error) as caught:
        asked(reply)
    assert isinstance(caught.value, SendError | ConfigurationError)
    assert caught.value.code == code


def test_a_429_stands_when_the_quota_cannot_be_asked_for() -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            raise httpx.ReadTimeout("lost", request=request)
        return httpx.Response(429)

    with pytest.raises(Throttled):
        asked(reply)


# --- media -----------------------------------------------------------------------------------------


def no_answer(request: httpx.Request) -> httpx.Response:
    raise AssertionError("nothing is to be asked")


def with_client(use: Callable[[httpx.Client], Any], reply: Answer = no_answer) -> Any:
    with httpx.Client(transport=httpx.MockTransport(reply)) as client:
        return use(client)


AUDIO = replace_members(PROVIDER.message, {"content": content("audio", url="https://shop.example/a.mp3")})


def attached(data: bytes) -> Any:
    file = MediaFile(data, "audio/mpeg", "a.mp3")
    return with_client(lambda client: adapter(NAME).attach(AUDIO, file, PROVIDER.account(NAME), client))


@pytest.mark.parametrize(("extension", "milliseconds"), [(".mp3", 261), (".mp4", 1000)])
def test_audio_is_sent_with_its_duration(extension: str, milliseconds: int) -> None:
    message = attached(PLACEHOLDERS[extension][1]())
    assert isinstance(message.content, Custom)
    assert message.content.custom == {
        "type": "audio",
        "originalContentUrl": "https://shop.example/a.mp3",
        "duration": milliseconds,
    }
    sent(NAME, Send("", message.content, body=body(message.content.custom), id=SENT))


@pytest.mark.parametrize("data", [b"", b"not audio at all", b"ID3" + b"\xff" * 50], ids=str)
def test_audio_without_a_duration_is_refused(data: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        attached(data)
    assert caught.value.code == 1380


@pytest.mark.parametrize(
    ("kind", "by"), [("audio", "bytes"), ("image", "link"), ("video", "link")], ids=lambda value: value
)
def test_only_audio_is_read(kind: str, by: str) -> None:
    message = replace_members(PROVIDER.message, {"content": content(kind, url="https://shop.example/a")})
    assert adapter(NAME).media_by(message) == by


CONTENT = "https://api-data.line.me/v2/bot/message/3/content"
DOWNLOADS: list[tuple[str, Mapping[str, str], str, str | None]] = [
    (CONTENT, {}, CONTENT, "Bearer line-access-token"),
    (
        CONTENT,
        {"data_url": "https://d.example/"},
        "https://d.example/v2/bot/message/3/content",
        "Bearer line-access-token",
    ),
    (PICTURE, {}, PICTURE, None),
    ("https://api-data.line.me.example/x", {}, "https://api-data.line.me.example/x", None),
]


@pytest.mark.parametrize(("media", "settings", "url", "access"), DOWNLOADS, ids=str)
def test_download(media: str, settings: Mapping[str, str], url: str, access: str | None) -> None:
    account = PROVIDER.account(NAME, **settings)
    request = with_client(lambda client: adapter(NAME).download(media, account, client))
    assert (request.method, str(request.url), request.headers.get("authorization")) == ("GET", url, access)


# --- callbacks -------------------------------------------------------------------------------------

WHEN = at(1795600811.12)


def inbound(identifier: str, what: InboundContent, sender: str = PERSON, when: float = 0.12) -> Inbound:
    return Inbound(Channel.LINE, identifier, sender, BOT, at(1795600811 + when), what, {})


def media(number: int) -> str:
    return f"https://api-data.line.me/v2/bot/message/{number}/content"


RECEIVES = [
    Receive(
        "batch",
        "batch",
        [
            inbound("590117263548911301", came("text", text="Where is it?")),
            Receipt(Status.DELIVERED, {}, message_uuid=UUID, at=at(1795600811.123)),
            inbound("01KB2QZ7T00000000000000005", came("text", text="order=7&keep=yes"), when=0.124),
        ],
    ),
    Receive(
        "every kind of inbound message",
        "inbound",
        [
            inbound("1", came("image", url=media(1))),
            inbound("2", came("image", url=PICTURE)),
            inbound("3", came("video", url=media(3))),
            inbound("4", came("audio", url=media(4))),
            inbound("5", came("file", url=media(5))),
            inbound("6", came("location", **SPOT, name="The harbour", address="1 Quay Street")),
            inbound("7", came("unsupported")),
            inbound("8", came("text", text="from a group"), "Ca56f94637c4347f08e1d6ab1c2d3e4f5"),
        ],
    ),
    Receive("LINE's check of our address", {"destination": BOT, "events": []}),
]


@pytest.mark.parametrize("case", RECEIVES, ids=label)
def test_receives(case: Receive) -> None:
    assert received(NAME, case.body) == case.events


def test_a_delivery_without_our_tag_is_kept() -> None:
    event = {"type": "delivery", "timestamp": 1795600811120, "delivery": {"data": "0" * 64}}
    payload = {"destination": BOT, "events": [event]}
    assert received(NAME, payload) == [Receipt(Status.DELIVERED, {}, at=WHEN)]


MESSAGE = {"type": "message", "timestamp": 1795600811120, "message": {"type": "text", "id": "1", "text": "x"}}
ODD = [
    {},
    {"destination": BOT, "events": 7},
    {"destination": BOT, "events": [None, {}, {"type": "telepathy"}, {"type": ["message"]}]},
    {"destination": BOT, "events": [MESSAGE]},
    {"events": [{**MESSAGE, "source": {"type": "user", "userId": PERSON}}]},
    {"destination": BOT, "events": [{**MESSAGE, "source": {"userId": PERSON}, "timestamp": "soon"}]},
]


@pytest.mark.parametrize("payload", ODD, ids=str)
def test_what_is_not_news_is_skipped(payload: Mapping[str, Any]) -> None:
    assert received(NAME, payload) == []


@pytest.mark.parametrize("name", ["batch", "inbound"])
def test_the_sdk_agrees(name: str) -> None:
    """On signatures, and that our fixtures are what LINE sends."""
    data = fixture(NAME, name)
    assert SignatureValidator(KEY).validate(data.decode(), signature(data))
    payload = json.loads(data)
    for event in payload["events"]:  # which LINE always has
        event |= {"mode": "active", "deliveryContext": {"isRedelivery": False}, "replyToken": "r"}
        event.get("message", {}).setdefault("quoteToken", "q")
    text = json.dumps(payload)
    events = WebhookParser(KEY).parse(text, signature(text.encode()))
    assert [event.type for event in events] == [event["type"] for event in payload["events"]]
    assert {type(event).__name__ for event in events}.isdisjoint({"Event", "UnknownEvent"})


# --- access ----------------------------------------------------------------------------------------


def verified(status: int, reply: Any, account: Account | None = None) -> Verification:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("GET", "https://api.line.me/v2/bot/info")
        assert request.headers["authorization"] == "Bearer line-access-token"
        return httpx.Response(status, json=reply)

    account = account or PROVIDER.account(NAME)
    verification: Verification = with_client(
        lambda client: adapter(NAME).verification(account, Channel.LINE, BOT, client), answer
    )
    return verification


@pytest.mark.parametrize(
    ("status", "reply", "state"),
    [
        (200, {"userId": BOT, "basicId": "@harbour", "displayName": "Harbour"}, "verified"),
        (200, {"userId": PERSON}, "failed"),
        (200, ["x"], "failed"),
        (401, {"message": "Authentication failed"}, "failed"),
        (500, {}, "pending"),
    ],
    ids=str,
)
def test_verification(status: int, reply: Any, state: str) -> None:
    assert verified(status, reply).state == state
