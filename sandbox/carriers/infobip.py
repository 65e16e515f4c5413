"""Viber Business Messages through Infobip: https://www.infobip.com/docs/api/channels/viber"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import Fault, Faulty, check, parse_object
from sandbox.carriers.handsets import Event
from sandbox.carriers.network import Carrier, Message, Network, digest
from sandbox.carriers.recent import Recent

PRICE = 0.0125
"""EUR for a delivered message."""

Words = tuple[int, str, int, str, str]
"""groupId, groupName, id, name, description"""

PENDING = (1, "PENDING", 7, "PENDING_ENROUTE", "Message is on its way")
DELIVERED = (3, "DELIVERED", 5, "DELIVERED_TO_HANDSET", "Message is on the handset")
UNDELIVERABLE = (2, "UNDELIVERABLE", 9, "UNDELIVERABLE_NOT_DELIVERED", "Message could not be delivered")
BLOCKED = (5, "REJECTED", 14, "REJECTED_DESTINATION", "The destination is on a blocklist")
DUPLICATE = (5, "REJECTED", 23, "REJECTED_DUPLICATE_MESSAGE_ID", "The message id was used before")
NO_ERROR = (0, "OK", 0, "NO_ERROR", "No error")
UNKNOWN_USER = (1, "USER_ERRORS", 7002, "EC_UNKNOWN_USER", "The number is not a Viber user")

LONGEST_VALIDITY = 48 * 3600
UNIT_SECONDS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600}

HttpUrl = Annotated[str, Field(max_length=1000, pattern=r"^https?://\S+$")]
MessageText = Annotated[str, Field(min_length=1, max_length=1000)]


class _Member(BaseModel):
    model_config = ConfigDict(strict=True)


class Button(_Member):
    title: str = Field(min_length=1, max_length=30)
    action: HttpUrl


class Text(_Member):
    type: Literal["TEXT"]
    text: MessageText
    button: Button | None = None


class Image(_Member):
    type: Literal["IMAGE"]
    mediaUrl: HttpUrl
    text: MessageText | None = None
    button: Button | None = None


class Video(_Member):
    type: Literal["VIDEO"]
    mediaUrl: HttpUrl
    mediaDuration: str = Field(pattern=r"^PT(\d+H)?(\d+M)?(\d+S)?$", min_length=4)
    thumbnailUrl: HttpUrl
    text: MessageText | None = None
    button: Button | None = None


class File(_Member):
    type: Literal["FILE"]
    fileName: str = Field(min_length=1)
    mediaUrl: HttpUrl


class OtpTemplate(_Member):
    type: Literal["OTP_TEMPLATE"]
    templateId: str = Field(min_length=1)
    parameters: dict[str, str] = {}
    language: str


class List(_Member):
    type: Literal["LIST"]
    text: str = Field(min_length=1, max_length=85)
    options: list[Annotated[str, Field(min_length=1, max_length=50)]] = Field(min_length=2, max_length=5)


class Carousel(_Member):
    type: Literal["CAROUSEL"]
    text: MessageText | None = None
    cards: list[dict[str, Any]] = Field(min_length=2, max_length=5)


Content = Annotated[Text | Image | Video | File | OtpTemplate | List | Carousel, Field(discriminator="type")]


class Destination(_Member):
    to: str = Field(pattern=r"^\+?\d{5,15}$")
    messageId: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class ValidityPeriod(_Member):
    amount: int = Field(ge=1)
    timeUnit: Literal["SECONDS", "MINUTES", "HOURS"] = "MINUTES"

    @model_validator(mode="after")
    def _within_limit(self) -> "ValidityPeriod":
        if self.amount * UNIT_SECONDS[self.timeUnit] > LONGEST_VALIDITY:
            raise ValueError("must be at most 48 hours")
        return self


class Options(_Member):
    label: Literal["TRANSACTIONAL", "PROMOTIONAL"] | None = None
    validityPeriod: ValidityPeriod | None = None


class Address(_Member):
    url: HttpUrl


class Webhooks(_Member):
    delivery: Address | None = None
    seen: Address | None = None
    callbackData: Annotated[str, Field(max_length=4000)] | None = None
    contentType: Literal["application/json"] = "application/json"


class ViberSend(_Member):
    sender: str = Field(min_length=1)
    destinations: list[Destination] = Field(min_length=1)
    content: Content
    options: Options = Options()
    webhooks: Webhooks = Webhooks()


class Send(_Member):
    messages: list[ViberSend] = Field(min_length=1)


@dataclass(frozen=True, kw_only=True)
class ViberMessage(Message):
    """`provider_id` is the caller's own message id, where there is one."""

    bulk_id: str
    webhooks: Webhooks
    duplicate: bool


class Infobip(Carrier[ViberMessage]):
    provider: ClassVar[str] = "infobip"
    channels = ("viber_service_msg",)
    reports = (Event.DELIVERED, Event.READ, Event.FAILED)
    scrambled_reports = (Event.READ, Event.DELIVERED)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        self._used: Recent[str, None] = Recent()

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        secrets = {name: credentials.secret(f"infobip {name}") for name in ("api_key", "callback_token")}
        return {"base_url": f"{carriers}/infobip", "callback_url": api} | secrets

    def routes(self) -> list[Route]:
        return [Route("/infobip/viber/2/messages", self.handle, methods=["POST"])]

    async def handle(self, request: Request) -> Response:
        """POST /infobip/viber/2/messages"""
        if request.headers.get("authorization") != f"App {self._config.secret('infobip api_key')}":
            exception = {"messageId": "UNAUTHORIZED", "text": "Invalid login details"}
            return JSONResponse({"requestError": {"serviceException": exception}}, 401)
        body = await request.body()
        try:
            value = parse_object(body)
            if value is None:
                raise Faulty(Fault((), False, "the body is not a JSON object"))
            send = check(Send, value)
        except Faulty as faulty:
            return _bad_request(faulty.faults)
        return await self._network.exchange(self, self._messages(send, digest(body)))

    def _messages(self, send: Send, body_digest: str) -> list[ViberMessage]:
        bulk_id = str(uuid4())
        return [
            ViberMessage(
                channel="viber_service_msg",
                sender=message.sender,
                recipient=destination.to.removeprefix("+"),
                provider_id=destination.messageId or str(uuid4()),
                echo_id=destination.messageId,
                digest=f"{body_digest}{destination.to}",
                bulk_id=bulk_id,
                webhooks=message.webhooks,
                duplicate=destination.messageId in self._used,
            )
            for message in send.messages
            for destination in message.destinations
        ]

    def takes(self, message: ViberMessage) -> bool:
        return super().takes(message) and not message.duplicate

    def took(self, message: ViberMessage) -> None:
        self._used[message.provider_id] = None

    def throttled(self) -> Response:
        exception = {"messageId": "TOO_MANY_REQUESTS", "text": "Too many requests"}
        return JSONResponse(
            {"requestError": {"serviceException": exception}}, 429, headers={"retry-after": "1"}
        )

    def unavailable(self) -> Response:
        exception = {"messageId": "GENERAL_ERROR", "text": "Something went wrong. Please contact support."}
        return JSONResponse({"requestError": {"serviceException": exception}}, 503)

    def answer(self, messages: Sequence[ViberMessage]) -> Response:
        return JSONResponse(
            {
                "bulkId": messages[0].bulk_id,
                "messages": [
                    {
                        "messageId": message.provider_id,
                        "status": _status(self._outcome(message)),
                        "destination": message.recipient,
                    }
                    for message in messages
                ],
            }
        )

    def _outcome(self, message: ViberMessage) -> Words:
        if message.duplicate:
            return DUPLICATE
        return PENDING if self.takes(message) else BLOCKED

    def receipt(self, message: ViberMessage, event: Event, at: float) -> Webhook | None:
        if event is Event.READ:
            seen = {
                "messageId": message.provider_id,
                "from": message.sender,
                "to": message.recipient,
                "sentAt": _time(message.at),
                "seenAt": _time(at),
            }
            return self._report(message.webhooks.seen, seen)
        delivered = event is Event.DELIVERED
        report: dict[str, Any] = {
            "bulkId": message.bulk_id,
            "price": {"pricePerMessage": PRICE if delivered else 0.0, "currency": "EUR"},
            "status": _status(DELIVERED if delivered else UNDELIVERABLE),
            "error": {**_status(NO_ERROR if delivered else UNKNOWN_USER), "permanent": not delivered},
            "messageId": message.provider_id,
            "to": message.recipient,
            "sender": message.sender,
            "sentAt": _time(message.at),
            "doneAt": _time(at),
            "messageCount": 1,
            "mccMnc": "00101",  # the test network of ITU-T E.212
        }
        if message.webhooks.callbackData is not None:
            report["callbackData"] = message.webhooks.callbackData
        return self._report(message.webhooks.delivery, report)

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        """A person's answer to one of our senders."""
        result: dict[str, Any] = {
            "sender": sender.removeprefix("+"),
            "to": recipient,
            "integrationType": "VIBER",
            "receivedAt": _time(at),
            "messageId": str(uuid4().int >> 66),
            "message": {"type": "TEXT", "text": text},
            "price": {"pricePerMessage": 0.0, "currency": "EUR"},
        }
        if previous := self._network.log.last_id(recipient, sender):
            result["pairedMessageId"] = previous
        token = self._config.secret("infobip callback_token")
        url = f"{self._config.inbound_url(self.provider)}?token={token}"
        return self._webhook(url, {"results": [result], "messageCount": 1, "pendingMessageCount": 0})

    def _report(self, to: Address | None, result: Mapping[str, Any]) -> Webhook | None:
        return self._webhook(to.url, {"results": [result]}) if to else None

    def _webhook(self, url: str, value: Mapping[str, Any]) -> Webhook:
        return Webhook(self.provider, url, json.dumps(value).encode(), {"content-type": "application/json"})


def _status(words: Words) -> dict[str, Any]:
    return dict(zip(("groupId", "groupName", "id", "name", "description"), words, strict=True))


def _time(moment: float) -> str:
    """2026-11-23T10:15:28.000+0000"""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "+0000")


def _bad_request(faults: Sequence[Fault]) -> Response:
    return JSONResponse(
        {
            "errorCode": "E400",
            "description": "Request cannot be processed.",
            "action": "Check the syntax, violations and adjust the request.",
            "violations": [{"property": _property(fault), "violation": fault.reason} for fault in faults],
            "resources": [],
        },
        400,
    )


def _property(fault: Fault) -> str:
    """Where a fault is: messages[0].content.text. Our models also have the content's type in the path."""
    path = fault.path
    if path[3:4] and path[2:3] == ("content",):
        path = (*path[:3], *path[4:])
    return replace(fault, path=path).dotted
