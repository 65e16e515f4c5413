"""Telegram Bot API: https://core.telegram.org/bots/api

There are no receipts, so a handset that fails is an answer here: it has blocked the bot. Callbacks name no
bot, so their address does: ?sender=.
"""

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Annotated, Any, ClassVar
from urllib.parse import parse_qsl, quote

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers import media
from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import Fault, Faulty, check, parse_object
from sandbox.carriers.handsets import Event, handset
from sandbox.carriers.network import Carrier, Message, Network, digest

BOT = 1070107010
FIRST_NAME, USERNAME = "Switchboard", "switchboard_bot"

Caption = Annotated[str, Field(max_length=1024)] | None
FileOrUrl = Annotated[str, Field(pattern=r"^(https?://\S+|[\w-]{20,})$")]
Number = Annotated[float, Field(strict=False)]
"""Members of a form are texts."""


class TelegramError(Exception):
    """An answer that is not ok."""

    def __init__(self, code: int, words: str, **parameters: int) -> None:
        super().__init__(words)
        self.code = code
        self.parameters = parameters

    def response(self) -> Response:
        body: dict[str, Any] = {"ok": False, "error_code": self.code, "description": str(self)}
        return JSONResponse(body | ({"parameters": self.parameters} if self.parameters else {}), self.code)


NO_CHAT = TelegramError(400, "Bad Request: chat not found")
BLOCKED = TelegramError(403, "Forbidden: bot was blocked by the user")
THROTTLED = TelegramError(429, "Too Many Requests: retry after 1", retry_after=1)
UNAVAILABLE = TelegramError(500, "Internal Server Error")
UNAUTHORISED = TelegramError(401, "Unauthorized")
NO_METHOD = TelegramError(404, "Not Found")


class Send(BaseModel):
    model_config = ConfigDict(strict=True)

    chat_id: int | str


class Text(Send):
    text: str = Field(min_length=1, max_length=4096)


class Photo(Send):
    photo: FileOrUrl
    caption: Caption = None


class Audio(Send):
    audio: FileOrUrl
    caption: Caption = None


class Video(Send):
    video: FileOrUrl
    caption: Caption = None


class Document(Send):
    document: FileOrUrl
    caption: Caption = None


class Location(Send):
    latitude: Number = Field(ge=-90, le=90)
    longitude: Number = Field(ge=-180, le=180)


class Venue(Location):
    title: str = Field(min_length=1)
    address: str = Field(min_length=1)


class Album(Send):
    media: list[dict[str, Any]] = Field(min_length=2, max_length=10)


OTHERS = "animation contact dice game invoice paidmedia poll sticker videonote voice"
SENDS: dict[str, type[Send]] = {
    "sendmessage": Text,
    "sendphoto": Photo,
    "sendaudio": Audio,
    "sendvideo": Video,
    "senddocument": Document,
    "sendlocation": Location,
    "sendvenue": Venue,
    "sendmediagroup": Album,
    **{f"send{kind}": Send for kind in OTHERS.split()},
}
"""By method, whose case does not matter. The others are taken whatever they hold."""

WRONG_FILE = "wrong file identifier/HTTP URL specified"
FAULTS = {
    "chat_id": "chat_id is empty",
    "text": "message text is empty",
    "photo": WRONG_FILE,
    "audio": WRONG_FILE,
    "video": WRONG_FILE,
    "document": WRONG_FILE,
    "caption": "message caption is too long",
}


@dataclass(frozen=True, kw_only=True)
class TelegramMessage(Message):
    number: int
    """`message_id`, which only the chat makes unique."""
    sent: Send


class Telegram(Carrier[TelegramMessage]):
    provider: ClassVar[str] = "telegram"
    channels = ("telegram",)
    reports = (Event.DELIVERED,)
    scrambled_reports = (Event.DELIVERED,)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        # Not from 1: what knew the numbers of an earlier process would take ours for repeats.
        self._messages, self._updates = count(secrets.randbelow(2**30)), count(secrets.randbelow(2**30))

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        return {
            "base_url": f"{carriers}/telegram",
            "bot_token": _token(credentials),
            "secret_token": credentials.secret("telegram secret_token"),
        }

    def routes(self) -> list[Route]:
        return [
            Route("/telegram/bot{token}/{method}", self.call, methods=["GET", "POST"]),
            Route("/telegram/file/bot{token}/{path:path}", self.file),
        ]

    # --- requests --------------------------------------------------------------------------------

    async def call(self, request: Request) -> Response:
        """GET or POST /bot<token>/<method>: parameters in the query, a form or JSON."""
        body = await request.body()
        method = request.path_params["method"].lower()
        try:
            self._authorise(request)
            parameters = _parameters(request, body)
            if model := SENDS.get(method):
                return await self._send(model, parameters, digest(method.encode() + body))
            return JSONResponse({"ok": True, "result": self._result(method, parameters)})
        except TelegramError as error:
            return error.response()

    async def file(self, request: Request) -> Response:
        """What a person sent: a placeholder, whatever the path."""
        try:
            self._authorise(request)
        except TelegramError as error:
            return error.response()
        return media.placeholder(request.path_params["path"])

    def _authorise(self, request: Request) -> None:
        expected = _token(self._config.credentials).encode()
        if not hmac.compare_digest(request.path_params["token"].encode(), expected):
            raise UNAUTHORISED

    def _result(self, method: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        match method:
            case "getme":
                return {**_BOT, "can_join_groups": True, "can_read_all_group_messages": False}
            case "getchat":
                return _chat_info(str(parameters.get("chat_id", "")))
            case "getfile":
                identifier = str(parameters.get("file_id", ""))
                if not identifier:
                    raise TelegramError(400, "Bad Request: file_id not specified")
                return {**_file(identifier), "file_path": "photos/file_0.png"}
        raise NO_METHOD

    async def _send(self, model: type[Send], parameters: Mapping[str, Any], body_digest: str) -> Response:
        try:
            sent = check(model, parameters)
        except Faulty as faulty:
            raise _bad_request(faulty.faults[0]) from None
        chat, number = str(sent.chat_id), next(self._messages)
        if not _is_chat(chat):
            raise NO_CHAT
        message = TelegramMessage(
            channel="telegram",
            sender=str(BOT),
            recipient=chat,
            provider_id=f"{chat}:{number}",
            echo_id=None,
            digest=body_digest,
            number=number,
            sent=sent,
        )
        return await self._network.exchange(self, [message])

    # --- what becomes of a message ---------------------------------------------------------------

    def takes(self, message: TelegramMessage) -> bool:
        """A failure is always an answer here: there is no receipt for one."""
        return super().takes(message) and not message.handset.fails

    def throttled(self) -> Response:
        return THROTTLED.response()

    def unavailable(self) -> Response:
        return UNAVAILABLE.response()

    def answer(self, messages: Sequence[TelegramMessage]) -> Response:
        (message,) = messages
        if message.handset.fails:
            return BLOCKED.response()
        if not self.takes(message):
            return NO_CHAT.response()
        result = {
            "message_id": message.number,
            "from": _BOT,
            "chat": _chat(message.recipient),
            "date": int(message.at),
            **_shown(message.sent),
        }
        if isinstance(message.sent, Album):
            more = [{**result, "message_id": next(self._messages)} for _ in message.sent.media[1:]]
            return JSONResponse({"ok": True, "result": [result, *more]})
        return JSONResponse({"ok": True, "result": result})

    def receipt(self, message: TelegramMessage, event: Event, at: float) -> None:
        """Telegram reports nothing."""

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        person = {"id": int(sender), "is_bot": False, "first_name": "Person", "language_code": "en"}
        message = {
            "message_id": next(self._messages),
            "from": person,
            "chat": _chat(sender),
            "date": int(at),
            "text": text,
        }
        update = {"update_id": next(self._updates), "message": message}
        headers = {
            "content-type": "application/json",
            "x-telegram-bot-api-secret-token": self._config.secret("telegram secret_token"),
        }
        url = f"{self._config.inbound_url(self.provider)}?sender={quote(recipient, safe='')}"
        return Webhook(self.provider, url, json.dumps(update).encode(), headers)


_BOT = {"id": BOT, "is_bot": True, "first_name": FIRST_NAME, "username": USERNAME}


def _token(credentials: Credentials) -> str:
    return f"{BOT}:{credentials.secret('telegram bot_token')}"


def _parameters(request: Request, body: bytes) -> dict[str, Any]:
    given: dict[str, Any] = dict(request.query_params)
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind == "application/x-www-form-urlencoded":
        return given | dict(parse_qsl(body.decode(errors="replace")))
    if kind == "application/json":
        value = parse_object(body)
        if value is None:
            raise TelegramError(400, "Bad Request: can't parse JSON object")
        return given | value
    return given


def _bad_request(fault: Fault) -> TelegramError:
    name = str(fault.path[0])
    return TelegramError(400, f"Bad Request: {FAULTS.get(name, f'invalid {name} specified')}")


def _is_chat(identifier: str) -> bool:
    """A person's, a group's (below zero) or a public channel's."""
    return identifier.startswith("@") or identifier.removeprefix("-").isdecimal()


def _chat(identifier: str) -> dict[str, Any]:
    if identifier.startswith("@"):
        return {"id": -1001070107010, "type": "channel", "title": "Channel", "username": identifier[1:]}
    if identifier.startswith("-"):
        return {"id": int(identifier), "type": "group", "title": "Group"}
    return {"id": int(identifier), "type": "private", "first_name": "Person"}


def _chat_info(identifier: str) -> dict[str, Any]:
    if not _is_chat(identifier) or handset(identifier).refused:
        raise NO_CHAT
    return {**_chat(identifier), "accent_color_id": 0, "max_reaction_count": 11}


def _file(identifier: str) -> dict[str, Any]:
    return {"file_id": identifier, "file_unique_id": identifier[-15:], "file_size": 69}


def _shown(sent: Send) -> dict[str, Any]:
    """A message's content as an answer shows it."""
    file = _file(secrets.token_urlsafe(40))
    match sent:
        case Text():
            return {"text": sent.text}
        case Photo():
            return {"photo": [{**file, "width": 1, "height": 1}], **_caption(sent.caption)}
        case Audio():
            return {"audio": {**file, "duration": 1}, **_caption(sent.caption)}
        case Video():
            return {"video": {**file, "width": 1, "height": 1, "duration": 1}, **_caption(sent.caption)}
        case Document():
            return {"document": file, **_caption(sent.caption)}
        case Location():
            spot = {"latitude": sent.latitude, "longitude": sent.longitude}
            if not isinstance(sent, Venue):
                return {"location": spot}
            return {
                "location": spot,
                "venue": {"location": spot, "title": sent.title, "address": sent.address},
            }
    return {}


def _caption(words: str | None) -> dict[str, str]:
    return {"caption": words} if words else {}
