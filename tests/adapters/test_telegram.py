"""Telegram Bot API."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx
import pytest
from telegram import Update

from switchboard.adapters import adapter
from switchboard.adapters.base import Verification
from switchboard.errors import (
    ConfigurationError,
    InvalidRequest,
    Rejected,
    SendError,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Hook, Inbound
from switchboard.models.messages import Channel, InboundContent
from tests.adapters.cases import (
    RECEIVED,
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
    sent,
    text_message,
)

NAME = "telegram"
BOT, PERSON, GROUP = "7310458826", "5820931177", "-1002290417755"
TOKEN, KEY = f"{BOT}:AAF-a-bot-token_of-our-own", "a-secret_token"
HEADER = "x-telegram-bot-api-secret-token"


def signed(body: bytes) -> Hook:
    return Hook(body, headers={HEADER: KEY}, query={"sender": BOT})


def forged(body: bytes) -> Mapping[str, Hook]:
    headers = {
        "empty": "",
        "of another key": "another",
        "cut short": KEY[:-1],
        "with more": f"{KEY}x",
        "not ASCII": "é\udcff",
    }
    return {
        "missing": Hook(body, query={"sender": BOT}),
        "in the address": Hook(body, query={"secret_token": KEY, HEADER: KEY}),
    } | {name: Hook(body, headers={HEADER: value}) for name, value in headers.items()}


PROVIDER = Provider(
    settings={"bot_token": TOKEN, "secret_token": KEY},
    message=text_message(Channel.TELEGRAM, BOT, PERSON),
    signed=signed,
    forged=forged,
    batch="message",
    events=1,
    unknown={},
    secret="secret_token",
)
SENT = f"{PERSON}:2047"
LINK, SHOWN = "https://shop.example/a.bin", {"caption": "Look"}
SPOT = {"latitude": 51.5, "longitude": -0.125}
POLL = {"question": "When?", "options": [{"text": "Now"}, {"text": "Later"}]}


def to(**parameters: Any) -> Mapping[str, Any]:
    return {**parameters, "chat_id": PERSON}


SENDS: list[tuple[str, str, Send]] = [
    ("text", "sendMessage", Send("", body=to(text="Your parcel is on its way"))),
    ("image", "sendPhoto", Send("", content("image", url=LINK), body=to(photo=LINK))),
    (
        "image with a caption",
        "sendPhoto",
        Send("", content("image", url=LINK, **SHOWN), body=to(photo=LINK, **SHOWN)),
    ),
    ("audio", "sendAudio", Send("", content("audio", url=LINK, **SHOWN), body=to(audio=LINK, **SHOWN))),
    ("video", "sendVideo", Send("", content("video", url=LINK, **SHOWN), body=to(video=LINK, **SHOWN))),
    ("file", "sendDocument", Send("", content("file", url=LINK, **SHOWN), body=to(document=LINK, **SHOWN))),
    ("location", "sendLocation", Send("", content("location", **SPOT), body=to(**SPOT))),
    (
        "venue",
        "sendVenue",
        Send(
            "",
            content("location", **SPOT, name="The harbour", address="1 Quay Street"),
            body=to(**SPOT, title="The harbour", address="1 Quay Street"),
        ),
    ),
    (
        "venue with a name",
        "sendVenue",
        Send("", content("location", **SPOT, name="Quay"), body=to(**SPOT, title="Quay", address="Quay")),
    ),
    (
        "venue with an address",
        "sendVenue",
        Send("", content("location", **SPOT, address="Quay"), body=to(**SPOT, title="Quay", address="Quay")),
    ),
    (
        "custom text",
        "sendMessage",
        Send(
            "",
            content("custom", custom={"text": "*Hi*", "parse_mode": "MarkdownV2", "chat_id": "1"}),
            body=to(text="*Hi*", parse_mode="MarkdownV2"),
        ),
    ),
    (
        "custom by another method",
        "sendPoll",
        Send("", content("custom", custom={"method": "sendPoll", **POLL}), body=to(**POLL)),
    ),
]


@pytest.mark.parametrize(("method", "case"), [case[1:] for case in SENDS], ids=[case[0] for case in SENDS])
def test_sends(method: str, case: Send) -> None:
    request = sent(NAME, replace(case, id=SENT, url=f"https://api.telegram.org/{method}"))
    assert request
    assert request.extensions["target"].decode() == f"/bot{TOKEN}/{method}"


def test_sends_elsewhere() -> None:
    case = Send("", settings={"base_url": "http://e.example:81/api/"}, id=SENT)
    request = sent(NAME, replace(case, url="http://e.example:81/api/sendMessage"))
    assert request
    assert request.extensions["target"].decode() == f"/api/bot{TOKEN}/sendMessage"


def test_an_album_is_known_by_its_first_message() -> None:
    custom = {"method": "sendMediaGroup", "media": [{"type": "photo", "media": LINK}] * 2}
    sent(NAME, Send("", content("custom", custom=custom), reply=(200, "album"), id=f"{GROUP}:2048"))


def refusal(status: int, **parameters: Any) -> tuple[int, Mapping[str, Any]]:
    return status, {"ok": False, "error_code": status, "description": "?", "parameters": parameters}


def calling(method: object) -> Any:
    return content("custom", custom={"method": method})


FAILURES = [
    Send("blocked", reply=(403, "refused"), raises=Unreachable, code=1240, provider_code="403"),
    Send("too fast", reply=(429, "throttled"), raises=Throttled, code=1000, retry_after=11),
    Send("too fast, for how long is odd", reply=refusal(429, retry_after="x"), raises=Throttled, code=1000),
    Send(
        "group became another",
        reply=(400, "migrated"),
        raises=Unreachable,
        code=1300,
        provider_code="400 migrate_to_chat_id",
    ),
    Send("bad token", reply=refusal(401), raises=ConfigurationError, code=1370, provider_code="401"),
    Send("nobody's token", reply=refusal(404), raises=ConfigurationError, code=1370, provider_code="404"),
    Send("404 without a word", reply=(404, b""), raises=Rejected, code=1020),
    Send("too large", reply=refusal(413), raises=Rejected, code=1381),
    Send("error of Telegram's", reply=refusal(500), raises=Unavailable, code=1331),
    Send("gateway", reply=refusal(502), raises=Unanswered, code=1331),
    Send("refusal in a 200", reply=(200, "refused"), raises=Unreachable, code=1240),
    Send("200 that is not ok", reply=(200, {"ok": False}), raises=Unanswered, code=1331),
    Send("no message", reply=(200, {"ok": True, "result": True}), raises=Unanswered, code=1331),
    Send("no messages", reply=(200, {"ok": True, "result": []}), raises=Unanswered, code=1331),
    Send("vcard", content("vcard", url=LINK), raises=Rejected, code=1140),
    Send("template", content("template", name="welcome"), raises=Rejected, code=1140),
    Send("method that sends nothing", calling("deleteWebhook"), raises=Rejected, code=1040),
    Send("method with a path", calling("sendMessage/../logOut"), raises=Rejected, code=1040),
    Send("method that is none", calling(["sendPoll"]), raises=Rejected, code=1040),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, case)


def with_client(use: Callable[[httpx.Client], Any], reply: Answer) -> Any:
    with httpx.Client(transport=httpx.MockTransport(reply)) as client:
        return use(client)


def send(reply: Answer) -> Any:
    return with_client(
        lambda client: adapter(NAME).send(PROVIDER.message, PROVIDER.account(NAME), client), reply
    )


BAD_REQUEST = refusal(400)
CHATS: list[tuple[str, tuple[int, Any] | None, type[SendError], int]] = [
    ("nobody", BAD_REQUEST, Unreachable, 1300),
    ("somebody, so the content is bad", (200, {"ok": True, "result": {"id": 1}}), Rejected, 1020),
    ("not said", (500, "?"), Rejected, 1020),
    ("too fast to say", refusal(429, retry_after=3), Rejected, 1020),
    ("no answer", None, Rejected, 1020),
]


@pytest.mark.parametrize(
    ("chat", "error", "code"), [case[1:] for case in CHATS], ids=[case[0] for case in CHATS]
)
def test_a_400_can_mean_that_there_is_no_such_chat(
    chat: tuple[int, Any] | None, error: type[SendError], code: int
) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/sendMessage":
            return httpx.Response(400, json=BAD_REQUEST[1])
        assert request.url.path == "/getChat"
        assert request.extensions["target"].decode() == f"/bot{TOKEN}/getChat"
        assert json.loads(request.content) == {"chat_id": PERSON}
        if chat is None:
            raise httpx.ReadTimeout("lost", request=request)
        return httpx.Response(chat[0], json=chat[1])

    with pytest.raises(error) as caught:
        send(reply)
    assert (caught.value.code, caught.value.provider_code) == (code, "400")


def test_the_token_is_in_no_line_of_the_http_client(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "httpx")
    requests: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=fixture(NAME, "accepted"))

    assert send(reply) == SENT
    assert "https://api.telegram.org/sendMessage" in caplog.text
    assert TOKEN not in f"{caplog.text} {requests!r} {requests[0].url} {requests[0].headers}"


@pytest.mark.parametrize("token", [f"{TOKEN}\n", f" {TOKEN} "], ids=repr)
def test_space_around_the_token_is_dropped(token: str) -> None:
    request = sent(NAME, Send("", settings={"bot_token": token}, id=SENT))
    assert request
    assert request.extensions["target"].decode() == f"/bot{TOKEN}/sendMessage"


def test_a_token_that_is_no_path_stays_within_it() -> None:
    request = sent(NAME, Send("", settings={"bot_token": "1:a b/../é?x#y"}, id=SENT))
    assert request
    assert request.extensions["target"] == b"/bot1:a%20b%2F..%2F%C3%A9%3Fx%23y/sendMessage"


# --- media -----------------------------------------------------------------------------------------

REFERENCE = "https://api.telegram.org/getFile?file_id=AgACAgQ-1_x%2By"


def download(media: str, status: int = 200, reply: Any = None) -> httpx.Request:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.url.path, json.loads(request.content)) == ("/getFile", {"file_id": "AgACAgQ-1_x+y"})
        return httpx.Response(status, json=reply)

    request: httpx.Request = with_client(
        lambda client: adapter(NAME).download(media, PROVIDER.account(NAME), client), answer
    )
    return request


def test_download() -> None:
    result = {"file_id": "x", "file_unique_id": "y", "file_path": "photos/file 7.jpg"}
    request = download(REFERENCE, reply={"ok": True, "result": result})
    assert request.method == "GET"
    assert request.extensions["target"].decode() == f"/file/bot{TOKEN}/photos/file%207.jpg"
    assert TOKEN not in str(request.url)


def test_download_of_what_is_not_telegram_s() -> None:
    request = download("https://e.example/a.jpg")
    assert (str(request.url), request.extensions) == ("https://e.example/a.jpg", {})


@pytest.mark.parametrize(
    ("status", "reply", "error", "code"),
    [
        (*BAD_REQUEST, Rejected, 1020),
        (200, {"ok": True, "result": {"file_id": "x"}}, Rejected, 1380),
        (200, ["x"], Unanswered, 1331),
        (500, {}, Unavailable, 1331),
    ],
    ids=str,
)
def test_download_of_what_cannot_be_had(status: int, reply: Any, error: type[SendError], code: int) -> None:
    with pytest.raises(error) as caught:
        download(REFERENCE, status, reply)
    assert caught.value.code == code


# --- callbacks -------------------------------------------------------------------------------------


def inbound(what: InboundContent, update: int = 884310295, sender: str = PERSON) -> Inbound:
    return Inbound(Channel.TELEGRAM, f"{BOT}:{update}", sender, BOT, at(1795600811), what, {})


def message(**members: Any) -> Mapping[str, Any]:
    update: dict[str, Any] = json.loads(fixture(NAME, "message"))
    del update["message"]["text"]
    return {**update, "message": {**update["message"], **members}}


def file(**members: Any) -> Mapping[str, Any]:
    return {"file_id": "AgACAgQ-1_x+y", "file_unique_id": "AQADx", **members}


def media(kind: str, **members: Any) -> list[Inbound]:
    return [inbound(came(kind, url=REFERENCE, **members))]


SIZES = [
    file(file_id="small", width=90, height=60),
    file(width=1280, height=853),
    file(file_id="middle", width=320, height=213),
]
STICKER = {"type": "regular", "width": 512, "height": 512, "is_animated": False, "is_video": False}
VENUE = {"location": SPOT, "title": "The harbour", "address": "1 Quay Street"}
RECEIVES = [
    Receive("text", "message", [inbound(came("text", text="Where is it?"))]),
    Receive("tapped button", "tap", [inbound(came("text", text="keep=yes"), 884310296)]),
    Receive("photo", message(photo=SIZES), media("image")),
    Receive("photo with a caption", message(photo=SIZES, caption="This"), media("image", caption="This")),
    Receive("audio", message(audio=file(duration=9)), media("audio")),
    Receive("voice", message(voice=file(duration=9)), media("audio")),
    Receive("video", message(video=file(width=1, height=1, duration=9)), media("video")),
    Receive("video note", message(video_note=file(length=240, duration=9)), media("video")),
    Receive(
        "document", message(document=file(file_name="a.pdf"), caption="This"), media("file", caption="This")
    ),
    Receive("sticker", message(sticker=file(**STICKER)), media("image")),
    Receive(
        "animated sticker",
        message(sticker=file(**{**STICKER, "is_animated": True})),
        [inbound(came("unsupported"))],
    ),
    Receive("location", message(location=SPOT), [inbound(came("location", **SPOT))]),
    Receive(
        "venue",
        message(location=SPOT, venue=VENUE),
        [inbound(came("location", **SPOT, name="The harbour", address="1 Quay Street"))],
    ),
    Receive(
        "contact",
        message(contact={"phone_number": "15550107009", "first_name": "Bo"}),
        [inbound(came("unsupported"))],
    ),
    Receive("of a kind nobody knows", message(smell={}), [inbound(came("unsupported"))]),
    Receive(
        "from a group, to which an answer goes",
        message(text="Hi", chat={"id": int(GROUP), "type": "supergroup", "title": "Crew"}),
        [inbound(came("text", text="Hi"), sender=GROUP)],
    ),
    Receive("edited", {"update_id": 1, "edited_message": message(text="x")["message"]}),
    Receive("post", {"update_id": 1, "channel_post": message(text="x")["message"]}),
    Receive("blocked", {"update_id": 1, "my_chat_member": {"chat": {"id": 1}, "date": 1795600811}}),
    Receive("of nobody", message(text="x", chat={})),
    Receive("of no time", message(text="x", date="soon")),
    Receive("without a number", {"message": message(text="x")["message"]}),
    Receive("nothing", {}),
]


@pytest.mark.parametrize("case", RECEIVES, ids=label)
def test_receives(case: Receive) -> None:
    assert received(NAME, case.body) == case.events


def test_a_photo_without_a_file_is_unsupported() -> None:
    assert received(NAME, message(photo=[{"width": 1}])) == [inbound(came("unsupported"))]


TAP = json.loads(fixture(NAME, "tap"))["callback_query"]


@pytest.mark.parametrize(
    "tap",
    [
        TAP,
        {**TAP, "message": {"chat": TAP["message"]["chat"], "message_id": 2047, "date": 0}},
        {name: value for name, value in TAP.items() if name != "message"},
    ],
    ids=["of a message", "of a message that is gone", "of an inline query"],
)
def test_a_tap_happens_when_it_comes_in(tap: Mapping[str, Any]) -> None:
    data = json.dumps({"update_id": 1, "callback_query": tap}).encode()
    (event,) = adapter(NAME).events(replace(signed(data), received_at=RECEIVED))
    assert isinstance(event, Inbound)
    assert (event.at, event.sender, event.content) == (RECEIVED, PERSON, came("text", text="keep=yes"))


def test_a_message_to_an_address_that_names_no_bot_is_refused() -> None:
    """So that Telegram keeps it."""
    with pytest.raises(InvalidRequest) as caught:
        adapter(NAME).events(Hook(fixture(NAME, "message")))
    assert [fault.name for fault in caught.value.faults] == ["sender"]


@pytest.mark.parametrize("case", [case for case in RECEIVES if case.events], ids=label)
def test_the_sdk_reads_the_same_updates(case: Receive) -> None:
    (event,) = case.events
    assert isinstance(event, Inbound)
    payload = json.loads(fixture(NAME, case.body)) if isinstance(case.body, str) else dict(case.body)
    update = Update.de_json(payload, None)
    assert update.effective_chat
    assert event.provider_id == f"{BOT}:{update.update_id}"
    assert event.sender == str(update.effective_chat.id)
    if update.message:
        assert event.at == update.message.date


# --- access ----------------------------------------------------------------------------------------


def verified(status: int, reply: Any) -> Verification:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("GET", "https://api.telegram.org/getMe")
        assert request.extensions["target"].decode() == f"/bot{TOKEN}/getMe"
        return httpx.Response(status, json=reply)

    verification: Verification = with_client(
        lambda client: adapter(NAME).verification(PROVIDER.account(NAME), Channel.TELEGRAM, BOT, client),
        answer,
    )
    return verification


@pytest.mark.parametrize(
    ("status", "reply", "state"),
    [
        (200, {"ok": True, "result": {"id": int(BOT), "is_bot": True, "first_name": "H"}}, "verified"),
        (200, {"ok": True, "result": {"id": 1, "is_bot": True, "first_name": "H"}}, "failed"),
        (*refusal(401), "failed"),
        (200, ["x"], "pending"),
        (500, {}, "pending"),
    ],
    ids=str,
)
def test_verification(status: int, reply: Any, state: str) -> None:
    assert verified(status, reply).state == state
