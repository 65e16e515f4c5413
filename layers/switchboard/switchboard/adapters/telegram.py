"""Telegram Bot API: https://core.telegram.org/bots/api

Settings of the account: `bot_token` and `secret_token` (which `setWebhook` is given).

A sender is the bot's id, the digits before the colon in its token. Callbacks do not say which bot they are
for, so the address that `setWebhook` is given must: .../inbound/telegram/<account>?sender=<bot id>.
Recipients are ids of chats, and of channels also "@name"; a person has to write to the bot first.

Custom content are the parameters of a method beside `chat_id`, with the method's name as `method` if it is
another one than sendMessage: {"method": "sendPoll", "question": ..., "options": [...]}.

The token is a part of every address. It goes into the request's "target", which is sent in place of the
path, so that no log and no error shows it: https://www.python-httpx.org/advanced/extensions/#target
"""

from __future__ import annotations

import hmac
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import quote, unquote

from switchboard.adapters import _http
from switchboard.adapters._reading import (
    ErrorClass,
    answer,
    integer,
    json_object,
    mapping,
    moment,
    objects,
    own_sender,
    place,
    said,
    secret,
    shown,
    text,
)
from switchboard.adapters.base import Account, Adapter, Verification, by_http_status, retry_after
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    Rejected,
    SendError,
    Throttled,
    Unanswered,
    Unreachable,
)
from switchboard.models.events import Event, Hook, Inbound
from switchboard.models.messages import (
    Audio,
    Card,
    Carousel,
    Channel,
    Custom,
    File,
    Image,
    InboundContent,
    Location,
    Message,
    Reaction,
    Several,
    Sticker,
    Template,
    Text,
    Vcard,
    Video,
)

if TYPE_CHECKING:
    import httpx

# https://core.telegram.org/bots/api#making-requests
# error_code. There is nothing finer that a program could read.
ERRORS: dict[int, tuple[ErrorClass, int]] = {
    400: (Rejected, 1020),
    401: (ConfigurationError, 1370),
    403: (Unreachable, 1240),  # blocked the bot, never wrote to it, or removed it from the group
    404: (ConfigurationError, 1370),  # nobody's token
    413: (Rejected, 1381),
    429: (Throttled, 1000),
}
NO_SUCH_CHAT: tuple[ErrorClass, int] = (Unreachable, 1300)

# https://core.telegram.org/bots/api#available-methods
# Those that put a message into a chat. A client has no business with the others (logOut, setWebhook, ...).
METHODS = frozenset(
    {
        "sendAnimation",
        "sendAudio",
        "sendContact",
        "sendDice",
        "sendDocument",
        "sendGame",
        "sendInvoice",
        "sendLocation",
        "sendMediaGroup",
        "sendMessage",
        "sendPaidMedia",
        "sendPhoto",
        "sendPoll",
        "sendSticker",
        "sendVenue",
        "sendVideo",
        "sendVideoNote",
        "sendVoice",
    }
)

# https://core.telegram.org/bots/api#message
MEDIA = {"audio": "audio", "voice": "audio", "video": "video", "video_note": "video", "document": "file"}

BASE_URL = "https://api.telegram.org"
GET_FILE = f"{BASE_URL}/getFile?file_id="


class Telegram(Adapter):
    name = "telegram"
    channels = frozenset({Channel.TELEGRAM})
    secrets = ("bot_token", "secret_token")
    echoes = False

    # --- sending ---------------------------------------------------------------------------------

    def request(self, message: Message, account: Account) -> httpx.Request:
        method, parameters = _call(message)
        return _request(account, method, {**parameters, "chat_id": message.recipient})

    def send(self, message: Message, account: Account, client: httpx.Client) -> str:
        try:
            return super().send(message, account, client)
        except Rejected as error:
            # "No such chat" and "bad content" differ in nothing but their words.
            if error.provider_code == "400" and self._is_nobody(message.recipient, account, client):
                kind, code = NO_SUCH_CHAT
                raise kind(code, error.provider_code) from error
            raise

    def _is_nobody(self, chat: str, account: Account, client: httpx.Client) -> bool:
        """Telegram knows no such chat; False where it does not say."""
        try:
            reply = self.exchange(_request(account, "getChat", {"chat_id": chat}), account, client)
        except SendError:
            return False
        return answer(reply).get("error_code") == HTTPStatus.BAD_REQUEST

    def accepted(self, reply: httpx.Response) -> str:
        result = _result(reply)
        sent = next(iter(objects(result)), {}) if isinstance(result, list) else mapping(result)
        chat, number = text(mapping(sent.get("chat")).get("id")), text(sent.get("message_id"))
        if not number:
            raise Unanswered(1331, "no message id")
        return f"{chat}:{number}"  # messages are numbered by chat

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        return _error(reply) or by_http_status(reply)

    # --- media -----------------------------------------------------------------------------------

    def download(self, media: str, account: Account, client: httpx.Client) -> httpx.Request:
        if not media.startswith(GET_FILE):
            return _http.request("GET", media)
        file_id = unquote(media.removeprefix(GET_FILE))
        reply = self.exchange(_request(account, "getFile", {"file_id": file_id}), account, client)
        if not reply.is_success:
            raise self.refused(reply)
        path = text(mapping(_result(reply)).get("file_path"))
        if not path:
            raise Rejected(1380, "no file path")
        return _request(account, quote(path), root="/file")

    # --- callbacks -------------------------------------------------------------------------------

    def verify(self, hook: Hook, account: Account) -> None:
        given = hook.headers.get("x-telegram-bot-api-secret-token", "").encode(errors="replace")
        if not hmac.compare_digest(given, secret(account, "secret_token").encode()):
            raise BadSignature("x-telegram-bot-api-secret-token")

    def events(self, hook: Hook) -> list[Event]:
        """A message or a tapped button. Edited messages, posts in channels and the rest are no news."""
        raw = json_object(hook)
        tap = mapping(raw.get("callback_query"))
        message = mapping(raw.get("message")) or mapping(tap.get("message"))
        update = text(raw.get("update_id"))
        # The chat is what an answer goes to; with one person it has the person's id. A message of an
        # inline query, which can be anywhere, comes without.
        chat = text(mapping(message.get("chat")).get("id")) or text(mapping(tap.get("from")).get("id"))
        # A tap has no time of its own, only that of the message with the button.
        at = (hook.received_at if tap else None) or moment(message.get("date"))
        if not (update and chat and at):
            return []
        bot = own_sender(hook)
        return [
            Inbound(
                channel=Channel.TELEGRAM,
                provider_id=f"{bot}:{update}",  # updates are numbered by bot
                sender=chat,
                recipient=bot,
                at=at,
                content=said(tap.get("data")) if tap else _inbound_content(message),
                raw=raw,
            )
        ]

    # --- access ----------------------------------------------------------------------------------

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request | None:
        return _request(account, "getMe")

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        if text(mapping(_result(reply)).get("id")) == sender:
            return Verification("verified")
        return Verification("failed", "the bot token is another bot's: the sender must be its id")


def _request(
    account: Account, path: str, parameters: dict[str, Any] | None = None, root: str = ""
) -> httpx.Request:
    """A call of a method, or the download of a file from `root`. Its visible address lacks the token."""
    base = _http.url(account.base_url(BASE_URL) + root)
    token = quote(secret(account, "bot_token"), safe=":")
    return _http.request(
        "GET" if parameters is None else "POST",
        f"{base}/{path}",
        json=parameters,
        extensions={"target": f"{base.raw_path.decode().rstrip('/')}/bot{token}/{path}".encode()},
    )


# --- answers ---------------------------------------------------------------------------------------


def _error(reply: httpx.Response) -> SendError | ConfigurationError | None:
    body = answer(reply)
    status, details = integer(body.get("error_code")), mapping(body.get("parameters"))
    if status is None or status not in ERRORS:
        return None
    kind, code = ERRORS[status]
    if "migrate_to_chat_id" in details:  # the group has become another chat
        kind, code = NO_SUCH_CHAT
        return kind(code, f"{status} migrate_to_chat_id")
    return kind(code, status, integer(details.get("retry_after")) or retry_after(reply))


def _result(reply: httpx.Response) -> object:
    """The result in a 2xx answer. Raises what it refuses."""
    body = answer(reply)
    if body.get("ok") is not True:
        raise _error(reply) or Unanswered(1331, "no result")
    return body.get("result")


# --- content ---------------------------------------------------------------------------------------


def _call(message: Message) -> tuple[str, dict[str, Any]]:
    """The method and its parameters beside the addressing."""
    content = message.content
    match content:
        case Text():
            return "sendMessage", {"text": content.text}
        case Image():
            return "sendPhoto", {"photo": content.url, **_caption(content)}
        case Audio():
            return "sendAudio", {"audio": content.url, **_caption(content)}
        case Video():
            return "sendVideo", {"video": content.url, **_caption(content)}
        case File():
            return "sendDocument", {"document": content.url, **_caption(content)}
        case Location():
            spot = {"latitude": content.latitude, "longitude": content.longitude}
            title = content.name or content.address
            if not title:
                return "sendLocation", spot
            return "sendVenue", {**spot, "title": title, "address": content.address or title}
        case Custom():
            parameters = dict(content.custom)
            method = parameters.pop("method", "sendMessage")
            if not isinstance(method, str) or method not in METHODS:
                raise Rejected(1040, "method")
            return method, parameters
        case Vcard() | Template():
            raise Rejected(1140)
        case Sticker() | Reaction() | Several() | Card() | Carousel():
            raise Rejected(1140)
        case _:
            assert_never(content)


def _caption(content: Image | Audio | Video | File) -> dict[str, str]:
    return {"caption": content.caption} if content.caption else {}


def _inbound_content(message: dict[str, Any]) -> InboundContent:
    if words := text(message.get("text")):
        return said(words)
    if spot := mapping(message.get("location")):
        venue = mapping(message.get("venue"))
        words_of = {"name": venue.get("title"), "address": venue.get("address")}
        return place(spot.get("latitude"), spot.get("longitude"), **words_of)
    caption = message.get("caption")
    if sizes := objects(message.get("photo")):
        return shown("image", _reference(max(sizes, key=_pixels)), caption)
    for name, kind in MEDIA.items():
        if file := mapping(message.get(name)):
            return shown(kind, _reference(file), caption)
    sticker = mapping(message.get("sticker"))
    is_picture = sticker.get("is_animated") is False and sticker.get("is_video") is False
    return shown("image" if is_picture else None, _reference(sticker))


def _reference(file: dict[str, Any]) -> str:
    """What `download` fetches: the file's own address holds our token, and lasts for an hour."""
    file_id = quote(text(file.get("file_id")), safe="")
    return file_id and GET_FILE + file_id


def _pixels(size: dict[str, Any]) -> int:
    return (integer(size.get("width")) or 0) * (integer(size.get("height")) or 0)
