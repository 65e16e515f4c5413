"""Viber's REST Bot API."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from viberbot import Api, BotConfiguration
from viberbot.api.messages import FileMessage, LocationMessage, PictureMessage, TextMessage, VideoMessage
from viberbot.api.messages.data_types.location import Location as SdkLocation

from switchboard.adapters import adapter
from switchboard.adapters.base import MediaFile, Verification
from switchboard.errors import (
    ConfigurationError,
    InvalidRequest,
    Rejected,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Failure, Hook, Inbound, Receipt
from switchboard.models.messages import Channel, Custom, InboundContent, Status
from tests.adapters.cases import (
    UUID,
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

NAME = "viber_bot"
BOT, PERSON = "pa:5102938475610293847", "mZ3kQv8TnO5yH1xR=="
TOKEN = "4d1f0a-a-bot-token-7c2e"
SDK = Api(BotConfiguration(TOKEN, "Harbour", ""))


def signature(body: bytes, key: str = TOKEN) -> str:
    return hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def signed(body: bytes) -> Hook:
    return Hook(body, headers={"x-viber-content-signature": signature(body)}, query={"sender": BOT})


def forged(body: bytes) -> Mapping[str, Hook]:
    headers = {
        "empty": "",
        "of another key": signature(body, "another"),
        "of another body": signature(body + b" "),
        "cut short": signature(body)[:-1],
        "in upper case": signature(body + b"\n").upper(),
        "with a scheme": f"sha256={signature(body)}",
        "not ASCII": "é\udcff",
    }
    return {
        "missing": Hook(body, query={"sender": BOT}),
        "in the address": Hook(body, query={"sig": signature(body)}),
    } | {name: Hook(body, headers={"x-viber-content-signature": value}) for name, value in headers.items()}


PROVIDER = Provider(
    settings={"auth_token": TOKEN, "sender_name": "Harbour"},
    message=text_message(Channel.VIBER_BOT, BOT, PERSON),
    signed=signed,
    forged=forged,
    batch="message",
    events=1,
    unknown={"event": "admired", "timestamp": 1795600811120, "message_token": 5893746120934417203},
    secret="auth_token",
)
SENT = "5893746120934417203"
PICTURE, FILM = "https://shop.example/pictures/door.jpg", "https://shop.example/film.mp4"


def body(**members: Any) -> Mapping[str, Any]:
    ours = {"min_api_version": 1, "sender": {"name": "Harbour"}, "tracking_data": UUID, "receiver": PERSON}
    return {**ours, **members}


BUTTONS = {"Type": "keyboard", "Buttons": [{"ActionType": "reply", "ActionBody": "yes", "Text": "Yes"}]}
CAROUSEL = {"type": "rich_media", "min_api_version": 7, "rich_media": {"Type": "rich_media", "Buttons": []}}
SPOT = {"latitude": 51.5, "longitude": -0.125}
SENDS = [
    Send(
        "text",
        body=body(type="text", text="Your parcel is on its way"),
        url="https://chatapi.viber.com/pa/send_message",
        headers={"X-Viber-Auth-Token": TOKEN},
    ),
    Send("elsewhere", settings={"base_url": "https://e.example/"}, url="https://e.example/pa/send_message"),
    Send(
        "by the sender's own name, with a picture",
        message={"sender": "Quay"},
        settings={"sender_name": "", "sender_avatar": PICTURE},
        body=body(type="text", text="Your parcel is on its way", sender={"name": "Quay", "avatar": PICTURE}),
    ),
    Send("image", content("image", url=PICTURE), body=body(type="picture", text="", media=PICTURE)),
    Send(
        "image with a caption",
        content("image", url=PICTURE, caption="The door"),
        body=body(type="picture", text="The door", media=PICTURE),
    ),
    Send(
        "location",
        content("location", **SPOT, name="The harbour"),
        body=body(type="location", location={"lat": 51.5, "lon": -0.125}),
    ),
    Send(
        "custom with a keyboard",
        content("custom", custom={"type": "text", "text": "Well?", "keyboard": BUTTONS, "receiver": "x"}),
        body=body(type="text", text="Well?", keyboard=BUTTONS),
    ),
    Send(
        "custom for newer phones",
        content("custom", custom={**CAROUSEL, "tracking_data": "order 7"}),
        body=body(**CAROUSEL, tracking_data="order 7"),
    ),
]


@pytest.mark.parametrize("case", SENDS, ids=label)
def test_sends(case: Send) -> None:
    sent(NAME, Send(**{**vars(case), "id": SENT}))


def refusal(status: int) -> tuple[int, Mapping[str, Any]]:
    return 200, {"status": status, "status_message": "whatever"}


FAILURES = [
    Send("not subscribed", reply=(200, "refused"), raises=Unreachable, code=1240, provider_code="6"),
    Send("not on Viber", reply=refusal(5), raises=Unreachable, code=1300),
    Send("no suitable phone", reply=refusal(11), raises=Unreachable, code=1310),
    Send("phone's Viber too old", reply=refusal(13), raises=Unreachable, code=1310),
    Send("country", reply=refusal(21), raises=Unreachable, code=1250),
    Send("bad data", reply=refusal(3), raises=Rejected, code=1020),
    Send("missing data", reply=refusal(4), raises=Rejected, code=1010),
    Send("needs a newer API", reply=refusal(14), raises=Rejected, code=1040),
    *(
        Send(f"not allowed: {status}", reply=refusal(status), raises=Rejected, code=1140)
        for status in (16, 17, 18, 19, 20, 22)
    ),
    Send("too fast", reply=refusal(12), raises=Throttled, code=1000, provider_code="12"),
    Send("bad token", reply=refusal(2), raises=ConfigurationError, code=1370),
    *(
        Send(f"bot: {status}", reply=refusal(status), raises=ConfigurationError, code=1120)
        for status in (7, 8, 9)
    ),
    *(
        Send(f"set-up: {status}", reply=refusal(status), raises=ConfigurationError, code=1140)
        for status in (1, 10, 15)
    ),
    *(
        Send(f"account: {status}", reply=refusal(status), raises=ConfigurationError, code=1070)
        for status in (23, 24)
    ),
    Send("general error", reply=refusal(99), raises=Unavailable, code=1331, provider_code="99"),
    Send("negative", reply=refusal(-1), raises=Unavailable, code=1331),
    Send("taken, but no token", reply=refusal(0), raises=Unanswered, code=1331),
    Send(
        "token that was rounded",
        reply=(200, {"status": 0, "message_token": 5.8937461209344174e18}),
        raises=Unanswered,
        code=1331,
    ),
    Send("status is a text", reply=(200, {"status": "0"}), raises=Unanswered, code=1331),
    Send("known number in a 500", reply=(500, {"status": 6}), raises=Unavailable, code=1331),
    Send("vcard", content("vcard", url="https://shop.example/a.vcf"), raises=Rejected, code=1140),
    Send("template", content("template", name="welcome"), raises=Rejected, code=1140),
    Send("video that nobody read", content("video", url=FILM), raises=Rejected, code=1140),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, case)


# --- media -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "by"), [("audio", "bytes"), ("video", "bytes"), ("file", "bytes"), ("image", "link")]
)
def test_what_needs_a_size_is_read(kind: str, by: str) -> None:
    message = replace_members(PROVIDER.message, {"content": content(kind, url=FILM)})
    assert adapter(NAME).media_by(message) == by


FILES = [
    ("video", MediaFile(bytes(7), "video/mp4", "film.mp4"), {"type": "video", "size": 7}),
    (
        "file",
        MediaFile(bytes(9), "application/pdf", "a.pdf"),
        {"type": "file", "size": 9, "file_name": "a.pdf"},
    ),
    ("audio", MediaFile(b"", "audio/mpeg", "a.mp3"), {"type": "file", "size": 0, "file_name": "a.mp3"}),
    ("file", MediaFile(b"x", "application/pdf", "a"), {"type": "file", "size": 1, "file_name": "a.pdf"}),
    ("file", MediaFile(b"x", "application/pdf", ""), {"type": "file", "size": 1, "file_name": "file.pdf"}),
    ("file", MediaFile(b"x", "what/ever", "a"), {"type": "file", "size": 1, "file_name": "a"}),
    (
        "file",
        MediaFile(b"x", "application/pdf", "a" * 300 + ".pdf"),
        {"type": "file", "size": 1, "file_name": "a" * 252 + ".pdf"},
    ),
]


@pytest.mark.parametrize(("kind", "file", "expected"), FILES, ids=lambda value: str(value)[:20])
def test_a_file_is_sent_with_its_size(kind: str, file: MediaFile, expected: Mapping[str, Any]) -> None:
    message = replace_members(PROVIDER.message, {"content": content(kind, url=FILM)})
    with httpx.Client() as client:
        message = adapter(NAME).attach(message, file, PROVIDER.account(NAME), client)
    assert isinstance(message.content, Custom)
    assert message.content.custom == {"media": FILM, **expected}
    sent(NAME, Send("", message.content, body=body(media=FILM, **expected), id=SENT))


def test_a_video_is_sent_with_its_thumbnail() -> None:
    shown = content("video", url=FILM, thumbnail_url="https://shop.example/small.jpg")
    message = replace_members(PROVIDER.message, {"content": shown})
    with httpx.Client() as client:
        file = MediaFile(bytes(7), "video/mp4", "film.mp4")
        message = adapter(NAME).attach(message, file, PROVIDER.account(NAME), client)
    expected = {"type": "video", "media": FILM, "size": 7, "thumbnail": "https://shop.example/small.jpg"}
    sent(NAME, Send("", message.content, body=body(**expected), id=SENT))


SDK_MESSAGES = [
    (content("text", text="Good day"), TextMessage(text="Good day")),
    (content("image", url=PICTURE, caption="x"), PictureMessage(media=PICTURE, text="x")),
    (content("location", **SPOT), LocationMessage(location=SdkLocation(lat=51.5, lon=-0.125))),
    (
        content("custom", custom={"type": "video", "media": FILM, "size": 7}),
        VideoMessage(media=FILM, size=7),
    ),
    (
        content("custom", custom={"type": "file", "media": FILM, "size": 7, "file_name": "a.pdf"}),
        FileMessage(media=FILM, size=7, file_name="a.pdf"),
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), SDK_MESSAGES, ids=lambda value: getattr(value, "type", ""))
def test_the_sdk_writes_the_same_messages(ours: Any, theirs: Any) -> None:
    assert theirs.validate()
    members = {name: value for name, value in theirs.to_dict().items() if value is not None}
    sent(NAME, Send("", ours, body=body(**members), id=SENT))


# --- callbacks -------------------------------------------------------------------------------------

WHEN = at(1795600811.12)


def inbound(what: InboundContent) -> Inbound:
    return Inbound(Channel.VIBER_BOT, "5893746120934417388", PERSON, BOT, WHEN, what, {})


def message(**members: Any) -> Mapping[str, Any]:
    said: dict[str, Any] = json.loads(fixture(NAME, "message"))
    return {**said, "message": members}


def receipt(status: Status, when: float = 1795600811.12, failure: Failure | None = None) -> Receipt:
    return Receipt(status, {}, provider_id=SENT, at=at(when), failure=failure)


def media(kind: str, **members: Any) -> Mapping[str, Any]:
    return message(type=kind, media="https://dl.example/1?x=2", **members)


RECEIVES = [
    Receive("delivered", "delivered", [receipt(Status.DELIVERED)]),
    Receive("seen", "seen", [receipt(Status.READ, 1795600819.5)]),
    Receive(
        "failed",
        "failed",
        [receipt(Status.UNDELIVERABLE, failure=Failure(1260, "Failed to retrieve the picture"))],
    ),
    Receive("text", "message", [inbound(came("text", text="Where is it?"))]),
    Receive(
        "picture",
        media("picture", text="This one", thumbnail="https://dl.example/t"),
        [inbound(came("image", url="https://dl.example/1?x=2", caption="This one"))],
    ),
    Receive("video", media("video", size=9), [inbound(came("video", url="https://dl.example/1?x=2"))]),
    Receive(
        "file", media("file", file_name="a.pdf"), [inbound(came("file", url="https://dl.example/1?x=2"))]
    ),
    Receive("url", media("url"), [inbound(came("text", text="https://dl.example/1?x=2"))]),
    Receive(
        "location",
        message(type="location", location={"lat": 51.5, "lon": -0.125}),
        [inbound(came("location", **SPOT))],
    ),
    Receive(
        "contact",
        message(type="contact", contact={"name": "Bo", "phone_number": "+15550107009"}),
        [inbound(came("unsupported"))],
    ),
    Receive("sticker", message(type="sticker", sticker_id=46105), [inbound(came("unsupported"))]),
    Receive("of a kind nobody knows", message(type="smell"), [inbound(came("unsupported"))]),
    Receive("of no kind", message(), [inbound(came("unsupported"))]),
    *(
        Receive(kind, {"event": kind, "timestamp": 1795600811120, "message_token": 241256543215})
        for kind in ("webhook", "subscribed", "unsubscribed", "conversation_started")
    ),
    Receive("receipt of nothing", {"event": "seen", "timestamp": 1795600811120}),
    Receive("message of nobody", {**message(type="text", text="x"), "sender": {"name": "Ada"}}),
    Receive("message of no time", {**message(type="text", text="x"), "timestamp": "soon"}),
    Receive("nothing", {}),
]


@pytest.mark.parametrize("case", RECEIVES, ids=label)
def test_receives(case: Receive) -> None:
    assert received(NAME, case.body) == case.events


def test_a_message_to_an_address_that_names_no_bot_is_refused() -> None:
    """So that Viber keeps it; receipts need no bot."""
    with pytest.raises(InvalidRequest) as caught:
        adapter(NAME).events(Hook(fixture(NAME, "message")))
    assert [fault.name for fault in caught.value.faults] == ["sender"]
    assert len(adapter(NAME).events(Hook(fixture(NAME, "delivered")))) == 1


@pytest.mark.parametrize("name", ["delivered", "seen", "failed", "message"])
def test_the_sdk_agrees(name: str) -> None:
    """On signatures, and that our fixtures are what Viber sends."""
    data = fixture(NAME, name)
    assert SDK.verify_signature(data, signature(data))
    assert SDK.parse_request(data).event_type == name


# --- access ----------------------------------------------------------------------------------------

ACCOUNT = {"status": 0, "id": BOT, "uri": "harbourbot", "name": "Harbour", "webhook": "https://a.example/"}


def verified(status: int, reply: Any, sender: str) -> Verification:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("POST", "https://chatapi.viber.com/pa/get_account_info")
        assert request.headers["x-viber-auth-token"] == TOKEN
        return httpx.Response(status, json=reply)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        return adapter(NAME).verification(PROVIDER.account(NAME), Channel.VIBER_BOT, sender, client)


@pytest.mark.parametrize(
    ("status", "reply", "sender", "state"),
    [
        (200, ACCOUNT, BOT, "verified"),
        (200, ACCOUNT, "harbourbot", "verified"),
        (200, ACCOUNT, "Harbour", "verified"),
        (200, ACCOUNT, "Quay", "failed"),
        (200, {**ACCOUNT, "webhook": ""}, BOT, "pending"),
        (200, {"status": 2, "status_message": "invalidAuthToken"}, BOT, "failed"),
        (200, {"status": 12}, BOT, "pending"),
        (200, ["x"], BOT, "pending"),
        (500, {}, BOT, "pending"),
    ],
    ids=str,
)
def test_verification(status: int, reply: Any, sender: str, state: str) -> None:
    assert verified(status, reply, sender).state == state
