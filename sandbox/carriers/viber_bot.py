"""Viber's REST Bot API: https://developers.viber.com/docs/api/rest-bot-api/

Callbacks name no bot, so their address does: ?sender=. Every answer is 200, a refusal has a status in it.
"""

import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field, RootModel
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Credentials
from sandbox.carriers.faults import Faulty, check, parse_object
from sandbox.carriers.handsets import Event
from sandbox.carriers.network import Carrier, Message, digest

BOT, NAME, URI = "pa:1070107010701070107", "Switchboard", "switchboardbot"
EVENT_TYPES = ["delivered", "seen", "failed", "subscribed", "unsubscribed", "conversation_started"]

STATUSES = {
    0: "ok",
    2: "invalidAuthToken",
    3: "badData",
    4: "missingData",
    6: "notSubscribed",
    12: "tooManyRequests",
    14: "incompatibleWithVersion",
}
RICH_MEDIA_SINCE = 2

Address = Annotated[str, Field(pattern=r"^https?://\S+$", max_length=2000)]


class _Member(BaseModel):
    model_config = ConfigDict(strict=True)


class Sender(_Member):
    name: str = Field(min_length=1, max_length=28)
    avatar: str | None = None


class Buttons(_Member):
    Type: Literal["keyboard", "rich_media"]
    Buttons: list[dict[str, Any]] = Field(min_length=1)


class _Sent(_Member):
    receiver: str = Field(min_length=1)
    sender: Sender
    min_api_version: int = Field(1, ge=1)
    tracking_data: Annotated[str, Field(max_length=4000)] | None = None
    keyboard: Buttons | None = None


class Text(_Sent):
    type: Literal["text"]
    text: str = Field(min_length=1, max_length=7000)


class Picture(_Sent):
    type: Literal["picture"]
    text: str = Field(max_length=768)
    media: Address
    thumbnail: Address | None = None


class Video(_Sent):
    type: Literal["video"]
    media: Address
    size: int = Field(ge=1, le=26 * 1024 * 1024)
    duration: Annotated[int, Field(ge=1, le=180)] | None = None
    thumbnail: Address | None = None


class File(_Sent):
    type: Literal["file"]
    media: Address
    size: int = Field(ge=1, le=50 * 1024 * 1024)
    file_name: str = Field(min_length=1, max_length=256)


class Card(_Member):
    name: str = Field(min_length=1, max_length=28)
    phone_number: str = Field(min_length=1, max_length=18)


class Contact(_Sent):
    type: Literal["contact"]
    contact: Card


class Spot(_Member):
    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)


class Location(_Sent):
    type: Literal["location"]
    location: Spot


class Url(_Sent):
    type: Literal["url"]
    media: Address


class Sticker(_Sent):
    type: Literal["sticker"]
    sticker_id: int


class RichMedia(_Sent):
    type: Literal["rich_media"]
    rich_media: Buttons


class Send(
    RootModel[
        Annotated[
            Text | Picture | Video | File | Contact | Location | Url | Sticker | RichMedia,
            Field(discriminator="type"),
        ]
    ]
):
    pass


class ViberBot(Carrier[Message]):
    provider: ClassVar[str] = "viber_bot"
    channels = ("viber_bot",)
    reports = (Event.DELIVERED, Event.READ, Event.FAILED)
    scrambled_reports = (Event.READ, Event.DELIVERED)

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        token = credentials.secret("viber_bot auth_token")
        return {"base_url": f"{carriers}/viber_bot", "auth_token": token, "sender_name": NAME}

    def routes(self) -> list[Route]:
        return [
            Route("/viber_bot/pa/send_message", self.send_message, methods=["POST"]),
            Route("/viber_bot/pa/get_account_info", self.account_info, methods=["POST"]),
        ]

    async def handshake(self, client: httpx.AsyncClient) -> bool:
        """What `set_webhook` does before it takes an address."""
        test = self._webhook(BOT, "webhook", time.time(), {"message_token": _token()})
        try:
            reply = await client.post(test.url, content=test.body, headers=dict(test.headers))
        except httpx.HTTPError:
            return False
        return reply.status_code == 200

    # --- requests --------------------------------------------------------------------------------

    async def send_message(self, request: Request) -> Response:
        """POST /pa/send_message"""
        body = await request.body()
        value = parse_object(body)
        if refusal := self._refuse(request, value):
            return refusal
        try:
            sent = check(Send, value).root
        except Faulty as faulty:
            return _answer(4 if any(fault.missing for fault in faulty.faults) else 3)
        if isinstance(sent, RichMedia) and sent.min_api_version < RICH_MEDIA_SINCE:
            return _answer(14)
        message = Message(
            channel="viber_bot",
            sender=BOT,
            recipient=sent.receiver,
            provider_id=str(_token()),
            # For our log: no receipt repeats it, only what the person answers.
            echo_id=sent.tracking_data,
            digest=digest(body),
        )
        return await self._network.exchange(self, [message])

    async def account_info(self, request: Request) -> Response:
        """POST /pa/get_account_info"""
        info = {
            "id": BOT,
            "name": NAME,
            "uri": URI,
            "icon": "https://media.example/icon.jpg",
            "category": "Companies, Brands & Products",
            "country": "GB",
            "webhook": self._callback_url(BOT),
            "event_types": EVENT_TYPES,
            "subscribers_count": 1,
        }
        return self._refuse(request, parse_object(await request.body())) or _answer(0, **info)

    def _refuse(self, request: Request, value: Mapping[str, Any] | None) -> Response | None:
        """The token may also be in the body, where Viber's own libraries put it."""
        given = request.headers.get("x-viber-auth-token") or (value or {}).get("auth_token")
        expected = self._config.secret("viber_bot auth_token")
        if not hmac.compare_digest(str(given).encode(), expected.encode()):
            return _answer(2)
        return _answer(3) if value is None else None

    # --- what becomes of a message ---------------------------------------------------------------

    def throttled(self) -> Response:
        return _answer(12)

    def unavailable(self) -> Response:
        return PlainTextResponse("Service Unavailable", 503)

    def answer(self, messages: Sequence[Message]) -> Response:
        (message,) = messages
        if not self.takes(message):
            return _answer(6)
        return _answer(0, message_token=int(message.provider_id), billing_status=1)

    def receipt(self, message: Message, event: Event, at: float) -> Webhook:
        words = {Event.DELIVERED: "delivered", Event.READ: "seen", Event.FAILED: "failed"}
        about = {"message_token": int(message.provider_id), "user_id": message.recipient}
        if event is Event.FAILED:
            about["desc"] = "The message could not be delivered"
        return self._webhook(message.sender, words[event], at, about)

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        person = {"id": sender, "name": "A person", "language": "en", "country": "GB", "api_version": 10}
        message: dict[str, Any] = {"type": "text", "text": text}
        written = {"message_token": _token(), "sender": person, "message": message, "silent": False}
        return self._webhook(recipient, "message", at, written)

    def _webhook(self, bot: str, kind: str, at: float, members: Mapping[str, Any]) -> Webhook:
        event = {"event": kind, "timestamp": round(at * 1000), "chat_hostname": "SN-CHAT-01_", **members}
        body = json.dumps(event, ensure_ascii=False).encode()
        key = self._config.secret("viber_bot auth_token").encode()
        headers = {
            "content-type": "application/json",
            "x-viber-content-signature": hmac.new(key, body, hashlib.sha256).hexdigest(),
        }
        return Webhook(self.provider, self._callback_url(bot), body, headers)

    def _callback_url(self, bot: str) -> str:
        return f"{self._config.inbound_url(self.provider)}?sender={quote(bot, safe='')}"


def _answer(status: int, **members: Any) -> Response:
    words = {"status": status, "status_message": STATUSES[status], "chat_hostname": "SN-CHAT-01_"}
    return JSONResponse(words | members)


def _token() -> int:
    """More than a float can hold."""
    return 1 << 62 | secrets.randbits(61)
