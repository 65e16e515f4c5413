"""LINE Messaging API: https://developers.line.biz/en/reference/messaging-api/"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers import media
from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import Fault, Faulty, check, parse_object
from sandbox.carriers.handsets import NORMAL, Event, Handset
from sandbox.carriers.network import Carrier, Message, Network, digest
from sandbox.carriers.recent import Recent

BOT = "U" + "0b07" * 8
"""The user id of the bot whose access token ours is."""

QUOTA = 1_000_000
"""Pushes in a month."""

HttpsUrl = Annotated[str, Field(max_length=5000, pattern=r"^https://\S+$")]


class _Member(BaseModel):
    model_config = ConfigDict(strict=True)


class Text(_Member):
    type: Literal["text", "textV2"]
    text: str = Field(min_length=1, max_length=5000)


class Sticker(_Member):
    type: Literal["sticker"]
    packageId: str
    stickerId: str


class Picture(_Member):
    type: Literal["image", "video"]
    originalContentUrl: HttpsUrl
    previewImageUrl: HttpsUrl


class Audio(_Member):
    type: Literal["audio"]
    originalContentUrl: HttpsUrl
    duration: int = Field(ge=1)


class Location(_Member):
    type: Literal["location"]
    title: str = Field(min_length=1, max_length=100)
    address: str = Field(min_length=1, max_length=100)
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class Imagemap(_Member):
    type: Literal["imagemap"]
    baseUrl: HttpsUrl
    altText: str = Field(min_length=1, max_length=1500)
    baseSize: dict[str, Any]
    actions: list[dict[str, Any]]


class TemplateType(_Member):
    type: Literal["buttons", "confirm", "carousel", "image_carousel"]


class Template(_Member):
    type: Literal["template"]
    altText: str = Field(min_length=1, max_length=1500)
    template: TemplateType


class FlexContainer(_Member):
    type: Literal["bubble", "carousel"]


class Flex(_Member):
    type: Literal["flex"]
    altText: str = Field(min_length=1, max_length=1500)
    contents: FlexContainer


Sent = Annotated[
    Text | Sticker | Picture | Audio | Location | Imagemap | Template | Flex, Field(discriminator="type")
]


class Push(_Member):
    to: str = Field(pattern=r"^[UCR][0-9a-f]{32}$")
    messages: list[Sent] = Field(min_length=1, max_length=5)
    notificationDisabled: bool = False
    customAggregationUnits: Annotated[list[str], Field(max_length=1)] | None = None


class PhonePush(Push):
    to: str = Field(pattern=r"^[0-9a-f]{64}$")


@dataclass(frozen=True, kw_only=True)
class LineMessage(Message):
    """`provider_id` is the first of its parts'; `tag` is what the delivery of one by phone number names."""

    parts: tuple[str, ...]
    request_id: str
    by_phone: bool
    tag: str | None
    earlier: "LineMessage | None"
    """The one that was accepted with the same retry key."""

    @property
    def handset(self) -> Handset:
        return NORMAL if self.by_phone else super().handset  # the digits of a hash mean nothing


class Line(Carrier[LineMessage]):
    provider: ClassVar[str] = "line"
    channels = ("line",)
    reports = (Event.DELIVERED,)
    scrambled_reports = (Event.DELIVERED,)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        self._accepted: Recent[str, LineMessage] = Recent()
        self._pushes = 0

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        names = ("channel_access_token", "channel_secret")
        url = f"{carriers}/line"
        return {"base_url": url, "data_url": url, "pnp": True} | {
            name: credentials.secret(f"line {name}") for name in names
        }

    def routes(self) -> list[Route]:
        bot = "/line/v2/bot"
        return [
            Route(f"{bot}/message/push", self.push, methods=["POST"]),
            Route("/line/bot/pnp/push", self.push_by_phone, methods=["POST"]),
            Route(f"{bot}/message/quota", self.quota),
            Route(f"{bot}/message/quota/consumption", self.consumption),
            Route(f"{bot}/info", self.info),
            Route(f"{bot}/message/{{message_id}}/content", self.content),
        ]

    # --- requests --------------------------------------------------------------------------------

    async def push(self, request: Request) -> Response:
        """POST /v2/bot/message/push"""
        key = request.headers.get("x-line-retry-key")
        if key is not None and not _is_uuid(key):
            return self._refuse(request) or _problem(400, "Invalid retry key")
        return await self._push(request, Push, key)

    async def push_by_phone(self, request: Request) -> Response:
        """POST /bot/pnp/push"""
        tag = request.headers.get("x-line-delivery-tag")
        if "x-line-retry-key" in request.headers:
            return self._refuse(request) or _problem(400, "Retry keys are not supported")
        if tag is not None and not 16 <= len(tag) <= 100:
            return self._refuse(request) or _problem(400, "Invalid delivery tag")
        return await self._push(request, PhonePush, tag)

    async def _push(self, request: Request, model: type[Push], echo: str | None) -> Response:
        if refusal := self._refuse(request):
            return refusal
        body = await request.body()
        value = parse_object(body)
        if value is None:
            return _problem(400, "The request body could not be parsed as JSON")
        try:
            push = check(model, value)
        except Faulty as faulty:
            return _bad_request(faulty.faults)
        parts = tuple(str(uuid4().int >> 69) for _ in push.messages)
        by_phone = model is PhonePush
        message = LineMessage(
            channel="line",
            sender=BOT,
            recipient=push.to,
            provider_id=parts[0],
            echo_id=echo,
            digest=digest(body),
            parts=parts,
            request_id=str(uuid4()),
            by_phone=by_phone,
            tag=echo if by_phone else None,
            earlier=None if by_phone or echo is None else self._accepted.get(echo),
        )
        return await self._network.exchange(self, [message])

    async def quota(self, request: Request) -> Response:
        return self._refuse(request) or JSONResponse({"type": "limited", "value": QUOTA})

    async def consumption(self, request: Request) -> Response:
        return self._refuse(request) or JSONResponse({"totalUsage": self._pushes})

    async def info(self, request: Request) -> Response:
        answer = {
            "userId": BOT,
            "basicId": "@switchboard",
            "displayName": "Switchboard",
            "chatMode": "bot",
            "markAsReadMode": "auto",
        }
        return self._refuse(request) or JSONResponse(answer)

    async def content(self, request: Request) -> Response:
        """What a person sent: a picture, whatever the id."""
        return self._refuse(request) or media.placeholder("/any.png")

    def _refuse(self, request: Request) -> Response | None:
        expected = f"Bearer {self._config.secret('line channel_access_token')}"
        if hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
            return None
        return _problem(401, "Authentication failed due to the following reason: invalid token")

    # --- what becomes of a message ---------------------------------------------------------------

    def takes(self, message: LineMessage) -> bool:
        return super().takes(message) and message.earlier is None

    def took(self, message: LineMessage) -> None:
        self._pushes += 1
        if message.echo_id and not message.by_phone:
            self._accepted[message.echo_id] = message

    def throttled(self) -> Response:
        return _problem(429, "The API rate limit has been exceeded. Try again later.")

    def unavailable(self) -> Response:
        return _problem(500, "An error occurred in the LINE Platform.")

    def answer(self, messages: Sequence[LineMessage]) -> Response:
        (message,) = messages
        headers = {"x-line-request-id": message.request_id}
        if message.earlier:
            headers["x-line-accepted-request-id"] = message.earlier.request_id
            words = {"message": "The retry key is already accepted"}
            return JSONResponse(words | _sent(message.earlier), 409, headers)
        if not self.takes(message):
            return JSONResponse({"message": "Failed to send messages"}, 400, headers)
        return JSONResponse({} if message.by_phone else _sent(message), headers=headers)

    def receipt(self, message: LineMessage, event: Event, at: float) -> Webhook | None:
        """Of a push LINE reports nothing, not even that its recipient has blocked the bot."""
        if not message.by_phone:
            return None
        data = message.tag or message.recipient
        return self._webhook(message.sender, "delivery", at, {"delivery": {"data": data}})

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        message = {
            "type": "text",
            "id": str(uuid4().int >> 69),
            "quoteToken": secrets.token_urlsafe(12),
            "text": text,
        }
        written = {
            "replyToken": secrets.token_hex(16),
            "source": {"type": "user", "userId": sender},
            "message": message,
        }
        return self._webhook(recipient, "message", at, written)

    def _webhook(self, bot: str, kind: str, at: float, members: Mapping[str, Any]) -> Webhook:
        event = {
            "type": kind,
            "mode": "active",
            "timestamp": round(at * 1000),
            "webhookEventId": uuid4().hex[:26].upper(),
            "deliveryContext": {"isRedelivery": False},
            **members,
        }
        body = json.dumps({"destination": bot, "events": [event]}, ensure_ascii=False).encode()
        key = self._config.secret("line channel_secret").encode()
        signature = base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()
        headers = {"content-type": "application/json; charset=utf-8", "x-line-signature": signature}
        return Webhook(self.provider, self._config.inbound_url(self.provider), body, headers)


def _sent(message: LineMessage) -> dict[str, Any]:
    return {"sentMessages": [{"id": part, "quoteToken": f"q{part}"} for part in message.parts]}


def _is_uuid(value: str) -> bool:
    try:
        return str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _problem(status: int, words: str) -> Response:
    return JSONResponse({"message": words}, status, {"x-line-request-id": str(uuid4())})


def _bad_request(faults: Sequence[Fault]) -> Response:
    if faults[0].path[:1] == ("to",):  # which LINE names in words only
        return _problem(400, "The property, 'to', in the request body is invalid (line: -, column: -)")
    words = f"The request body has {len(faults)} error(s)"
    details = [{"message": fault.reason, "property": _property(fault)} for fault in faults]
    return JSONResponse({"message": words, "details": details}, 400, {"x-line-request-id": str(uuid4())})


def _property(fault: Fault) -> str:
    """messages[0].text. Our models also have the message's type in the path."""
    path = fault.path[:2] + fault.path[3:] if fault.path[:1] == ("messages",) else fault.path
    return Fault(path, fault.missing, fault.reason).dotted
