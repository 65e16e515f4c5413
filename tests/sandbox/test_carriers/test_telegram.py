"""Telegram, with python-telegram-bot as client and our adapter at both ends."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from telegram import Bot, Update
from telegram.error import BadRequest, Forbidden, InvalidToken, RetryAfter
from telegram.request import HTTPXRequest

from sandbox.carriers.telegram import BOT, Telegram
from switchboard.adapters import adapter
from switchboard.adapters.base import Account
from switchboard.errors import (
    ConfigurationError,
    Rejected,
    SendError,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Hook, Inbound
from switchboard.models.messages import (
    Audio,
    Channel,
    Content,
    Custom,
    File,
    Image,
    Location,
    Message,
    Text,
    Video,
)

from .rig import CREDENTIALS, Rig

pytestmark = pytest.mark.network

TOKEN = f"{BOT}:{CREDENTIALS.secret('telegram bot_token')}"
LINK = "https://e.example/a.bin"
SPOT: dict[str, Any] = {"latitude": 51.5, "longitude": -0.125}
HELLO = Text(type="text", text="Good day")


def person(last4: str) -> str:
    """A chat that no other test uses."""
    return f"{uuid4().int % 10**5 + 10**5}{last4}"


def call(rig: Rig, method: str, body: Any, token: str = TOKEN) -> httpx.Response:
    return rig.http.post(f"/telegram/bot{token}/{method}", json=body)


def sends(rig: Rig, chat: str) -> list[dict[str, Any]]:
    log = rig.http.get("/log").json()
    return [send for send in log["sends"] if send["id"].startswith(f"{chat}:")]


# --- messages --------------------------------------------------------------------------------------

HANDSETS = {
    "0001": [200],
    "0002": [200],
    "0003": [400],
    "0004": [403],
    "0005": [429, 429, 200],
    "0006": [0, 0],  # the same again is a new message to Telegram
    "0007": [200],
    "0008": [500, 500, 500, 200],
    "0009": [200],
    "4321": [200],
}


@pytest.mark.parametrize("last4", HANDSETS)
def test_handset(rig: Rig, last4: str) -> None:
    chat = person(last4)
    statuses = []
    for _ in HANDSETS[last4]:
        try:
            reply = call(rig, "sendMessage", {"chat_id": chat, "text": "Good day"})
        except (httpx.RemoteProtocolError, httpx.ReadError):
            statuses.append(0)
        else:
            statuses.append(reply.status_code)
            answer = reply.json()
            assert answer["ok"] is reply.is_success
            assert reply.is_success or answer["error_code"] == reply.status_code
            assert answer.get("parameters") == ({"retry_after": 1} if reply.status_code == 429 else None)
    assert statuses == HANDSETS[last4]
    assert len(sends(rig, chat)) == statuses.count(200) + statuses.count(0)
    time.sleep(0.1)
    assert rig.receiver.about(chat) == []


REFUSED: list[tuple[str, Any, str]] = [
    ("sendMessage", {"text": "x"}, "chat_id is empty"),
    ("sendMessage", {"chat_id": "somebody", "text": "x"}, "chat not found"),
    ("sendMessage", {"chat_id": 700000001}, "message text is empty"),
    ("sendMessage", {"chat_id": 700000001, "text": ""}, "message text is empty"),
    ("sendMessage", [], "can't parse JSON object"),
    ("sendPhoto", {"chat_id": 700000001, "photo": "a.jpg"}, "wrong file identifier/HTTP URL specified"),
    (
        "sendVideo",
        {"chat_id": 700000001, "video": LINK, "caption": "x" * 1025},
        "message caption is too long",
    ),
    ("sendLocation", {"chat_id": 700000001, "latitude": 91, "longitude": 0}, "invalid latitude specified"),
    ("sendVenue", {"chat_id": 700000001, **SPOT, "title": "x"}, "invalid address specified"),
    ("sendMediaGroup", {"chat_id": 700000001, "media": [{}]}, "invalid media specified"),
    ("getFile", {}, "file_id not specified"),
    ("getChat", {"chat_id": "7000000003"}, "chat not found"),
    ("getChat", {}, "chat not found"),
]


@pytest.mark.parametrize(("method", "body", "words"), REFUSED, ids=str)
def test_refuses_a_request(rig: Rig, method: str, body: Any, words: str) -> None:
    reply = call(rig, method, body)
    assert (reply.status_code, reply.json()) == (
        400,
        {"ok": False, "error_code": 400, "description": f"Bad Request: {words}"},
    )


@pytest.mark.parametrize("method", ["getMe", "sendMessage"])
def test_wants_its_token(rig: Rig, method: str) -> None:
    reply = call(rig, method, {}, token=f"{BOT}:wrong")
    assert (reply.status_code, reply.json()["description"]) == (401, "Unauthorized")
    assert rig.http.get(f"/telegram/file/bot{BOT}:wrong/photos/a.png").status_code == 401


def test_has_no_other_methods(rig: Rig) -> None:
    assert call(rig, "flyToTheMoon", {}).json()["error_code"] == 404


# --- the SDK ---------------------------------------------------------------------------------------


def with_bot(rig: Rig, use: Callable[[Bot], Awaitable[Any]], token: str = TOKEN) -> Any:
    async def run() -> Any:
        requests = [HTTPXRequest(httpx_kwargs={"trust_env": False}) for _ in range(2)]
        bot = Bot(
            token,
            base_url=f"{rig.url}/telegram/bot",
            base_file_url=f"{rig.url}/telegram/file/bot",
            request=requests[0],
            get_updates_request=requests[1],
        )
        async with bot:
            return await use(bot)

    return asyncio.run(run())


SENT: dict[str, tuple[Callable[[Bot, str], Awaitable[Any]], Callable[[Any], Any], Any]] = {
    "text": (lambda bot, to: bot.send_message(to, "[Good] day"), lambda sent: sent.text, "[Good] day"),
    "photo": (
        lambda bot, to: bot.send_photo(to, LINK, caption="Look"),
        lambda sent: (len(sent.photo), sent.caption),
        (1, "Look"),
    ),
    "audio": (lambda bot, to: bot.send_audio(to, LINK), lambda sent: bool(sent.audio.file_id), True),
    "video": (lambda bot, to: bot.send_video(to, LINK), lambda sent: sent.video.width, 1),
    "document": (lambda bot, to: bot.send_document(to, LINK), lambda sent: bool(sent.document.file_id), True),
    "location": (
        lambda bot, to: bot.send_location(to, **SPOT),
        lambda sent: sent.location.to_dict(),
        SPOT,
    ),
    "venue": (
        lambda bot, to: bot.send_venue(to, **SPOT, title="The harbour", address="1 Quay Street"),
        lambda sent: (sent.venue.title, sent.venue.address),
        ("The harbour", "1 Quay Street"),
    ),
    "poll": (lambda bot, to: bot.send_poll(to, "When?", ["Now", "Later"]), lambda sent: sent.text, None),
}


@pytest.mark.parametrize("kind", SENT)
def test_the_sdk_sends(rig: Rig, kind: str) -> None:
    do, shown, expected = SENT[kind]
    chat = person("4321")
    sent = with_bot(rig, lambda bot: do(bot, chat))
    assert (str(sent.chat.id), sent.from_user.id) == (chat, BOT)
    assert shown(sent) == expected
    assert [send["id"] for send in sends(rig, chat)] == [f"{chat}:{sent.message_id}"]


@pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")
@pytest.mark.parametrize(
    ("last4", "error", "words"),
    [
        ("0003", BadRequest, "Chat not found"),
        ("0004", Forbidden, "bot was blocked"),
        ("0005", RetryAfter, "Retry in 1 seconds"),
    ],
)
def test_the_sdk_reads_the_errors(rig: Rig, last4: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        with_bot(rig, lambda bot: bot.send_message(person(last4), "Good day"))


def test_the_sdk_is_told_who_it_is(rig: Rig) -> None:
    assert with_bot(rig, lambda bot: bot.get_me()).id == BOT
    with pytest.raises(InvalidToken):
        with_bot(rig, lambda bot: bot.get_me(), token=f"{BOT}:wrong")


def test_the_sdk_downloads(rig: Rig) -> None:
    async def download(bot: Bot) -> bytes:
        file = await bot.get_file("AgACAgQ")
        return bytes(await file.download_as_bytearray())

    assert with_bot(rig, download).startswith(b"\x89PNG")


# --- our adapter -----------------------------------------------------------------------------------


def account(rig: Rig, **settings: Any) -> Account:
    return Account("telegram", "default", Telegram.account(rig.url, rig.receiver.url, CREDENTIALS) | settings)


def send(rig: Rig, recipient: str, content: Content = HELLO, **settings: Any) -> str:
    message = Message(
        message_uuid=str(uuid4()),
        channel=Channel.TELEGRAM,
        sender=str(BOT),
        recipient=recipient,
        content=content,
    )
    return adapter("telegram").send(message, account(rig, **settings), rig.http)


CONTENTS: dict[str, Content] = {
    "text": HELLO,
    "image": Image(type="image", url=LINK, caption="Look"),
    "audio": Audio(type="audio", url=LINK),
    "video": Video(type="video", url=LINK),
    "file": File(type="file", url=LINK),
    "location": Location(type="location", **SPOT),
    "venue": Location(type="location", name="The harbour", **SPOT),
    "custom": Custom(
        type="custom",
        custom={"method": "sendMediaGroup", "media": [{"type": "photo", "media": LINK}] * 2},
    ),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_our_adapter_sends(rig: Rig, kind: str) -> None:
    chat = person("4321")
    assert send(rig, chat, CONTENTS[kind]) == sends(rig, chat)[0]["id"]


def test_our_adapter_keeps_the_token_to_itself(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, name)
    assert send(rig, person("4321"))
    assert f"{rig.url}/telegram/sendMessage" in caplog.text
    assert "send_request_headers" in caplog.text
    assert TOKEN not in caplog.text


def test_our_adapter_tells_nobody_from_bad_content(rig: Rig) -> None:
    with pytest.raises(Unreachable) as caught:
        send(rig, person("0003"))
    assert caught.value.code == 1300
    with pytest.raises(Rejected):
        send(rig, person("4321"), Text(type="text", text=""))


@pytest.mark.parametrize(
    ("last4", "error", "code", "pause"),
    [
        ("0004", Unreachable, 1240, None),
        ("0005", Throttled, 1000, 1),
        ("0006", Unanswered, 1331, None),
        ("0008", Unavailable, 1331, None),
    ],
    ids=str,
)
def test_our_adapter_reads_the_errors(
    rig: Rig, last4: str, error: type[SendError], code: int, pause: float | None
) -> None:
    with pytest.raises(error) as caught:
        send(rig, person(last4))
    assert (caught.value.code, caught.value.retry_after) == (code, pause)


def test_our_adapter_needs_its_token(rig: Rig) -> None:
    with pytest.raises(ConfigurationError):
        send(rig, person("4321"), bot_token=f"{BOT}:wrong")


def test_our_adapter_and_the_sdk_read_what_people_write(rig: Rig) -> None:
    sender, words = person("4321"), f"Good day {uuid4()}"
    written = {"channel": "telegram", "from": sender, "to": str(BOT), "text": words}
    assert rig.http.post("/inbound", json=written).status_code == 202
    (webhook,) = rig.receiver.wait(1, words)
    assert webhook.path == "/inbound/telegram/default"

    query = {name: values[0] for name, values in webhook.query.items()}
    hook = Hook(webhook.body, headers=webhook.headers, query=query)
    adapter("telegram").verify(hook, account(rig))
    (event,) = adapter("telegram").events(hook)
    assert isinstance(event, Inbound)
    assert (event.sender, event.recipient, event.content) == (
        sender,
        str(BOT),
        Text(type="text", text=words),
    )

    update = Update.de_json(webhook.json, None)
    assert update.message and update.message.from_user
    assert (update.message.text, update.message.date) == (words, event.at)
    assert str(update.message.chat.id) == str(update.message.from_user.id) == sender


def test_people_are_numbers(rig: Rig) -> None:
    written = {"channel": "telegram", "from": "somebody", "to": str(BOT), "text": "x"}
    reply = rig.http.post("/inbound", json=written)
    assert (reply.status_code, reply.json()["field"]) == (400, "from")


@pytest.mark.parametrize(
    ("sender", "settings", "state"),
    [(str(BOT), {}, "verified"), ("1", {}, "failed"), (str(BOT), {"bot_token": "1:wrong"}, "failed")],
    ids=str,
)
def test_our_adapter_is_verified(rig: Rig, sender: str, settings: Any, state: str) -> None:
    ours = account(rig, **settings)
    assert adapter("telegram").verification(ours, Channel.TELEGRAM, sender, rig.http).state == state


def test_our_adapter_downloads(rig: Rig) -> None:
    media = "https://api.telegram.org/getFile?file_id=AgACAgQ"
    reply = rig.http.send(adapter("telegram").download(media, account(rig), rig.http))
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/png")
