"""AWS End User Messaging: SMS, MMS and RCS (`pinpoint-sms-voice-v2`), JSON 1.0 over one route, events
over SNS. WhatsApp (`socialmessaging`) is in aws_social.

https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/Welcome.html
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.carriers import sigv4
from sandbox.carriers.aws_rcs import RcsMessageContent, not_blank
from sandbox.carriers.aws_senders import ACCOUNT_AGENT, ACCOUNT_NUMBER, NoSuchSender, Senders
from sandbox.carriers.aws_social import Social
from sandbox.carriers.callbacks import Notification
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import Faulty, check, parse_object
from sandbox.carriers.handsets import Event
from sandbox.carriers.network import Carrier, Message, Network, digest
from sandbox.carriers.segments import segments
from sandbox.carriers.writing import Written

COUNTRIES = {"1": "US", "31": "NL", "33": "FR", "34": "ES", "39": "IT", "44": "GB", "48": "PL", "49": "DE"}
PRICES = {"US": (0.00581, 0.00302)}
"""USD for each part of an SMS, and the carrier's fee."""
ELSEWHERE = (0.0415, 0.0)
MEDIA_PRICE = (0.0195, 0.0085)
RCS_PRICES = {"US": (0.007, 0.00494)}
RCS_ELSEWHERE = (0.0315, 0.0)

# The event type's ending, the status, its description, and whether no other event follows.
WORDS = {
    Event.ACCEPTED: ("PENDING", "PENDING", "Message is on its way to the carrier", False),
    Event.DELIVERED: ("DELIVERED", "DELIVERED", "Message has been accepted by phone", True),
    Event.FAILED: ("UNREACHABLE", "UNREACHABLE", "The phone cannot be reached", True),
}
RCS_WORDS = {
    Event.ACCEPTED: ("SENT", "PENDING", "Message is on its way", False),
    Event.DELIVERED: ("DELIVERED", "DELIVERED", "Message has been accepted by phone", True),
    Event.READ: ("READ", "READ", "Message has been read by recipient", True),
    Event.FAILED: ("FAILED", "UNDELIVERABLE", "The phone takes no RCS", True),
}
FINAL = (Event.DELIVERED, Event.FAILED)
RCS_IDENTITY = {"rcsBusinessId": "simulated_agent", "agentIsoCountryCode": "US"}


def _trimmed(text: str) -> str:
    if text != text.strip():
        raise ValueError("must not begin or end with white space")
    return text


ContextKey = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S+$")]
ContextValue = Annotated[str, Field(min_length=1, max_length=800), AfterValidator(_trimmed)]
Body = Annotated[str, Field(min_length=1, max_length=1600), AfterValidator(not_blank)]
Identity = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_:/+-]+$")]
Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_:/-]+$")]
S3Url = Annotated[str, Field(max_length=2048, pattern=r"^s3://[a-z0-9.-]{3,63}/.+$")]


Number = Annotated[str, Field(min_length=1, max_length=20, pattern=r"^\+?[1-9][0-9]{1,18}$")]


class _Send(BaseModel):
    """Members that all operations have. Unknown ones are ignored, as JSON 1.0 services do."""

    model_config = ConfigDict(strict=True)

    DestinationPhoneNumber: Number
    ConfigurationSetName: Name | None = None
    MaxPrice: str | None = Field(None, min_length=2, max_length=8, pattern=r"^[0-9]{0,2}\.[0-9]{1,5}$")
    TimeToLive: int | None = Field(None, ge=5, le=259_200)
    Context: dict[ContextKey, ContextValue] = Field({}, max_length=5)
    DryRun: bool = False
    ProtectConfigurationId: Name | None = None
    MessageFeedbackEnabled: bool | None = None


class SendTextMessage(_Send):
    OriginationIdentity: Identity | None = None
    MessageBody: Body
    MessageType: Literal["TRANSACTIONAL", "PROMOTIONAL"] = "TRANSACTIONAL"
    Keyword: str | None = Field(None, min_length=1, max_length=30)
    DestinationCountryParameters: dict[
        Literal["IN_TEMPLATE_ID", "IN_ENTITY_ID"],
        Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S+$")],
    ] = {}


class SendMediaMessage(_Send):
    OriginationIdentity: Identity
    MessageBody: Body | None = None
    MediaUrls: list[S3Url] | None = Field(None, min_length=1, max_length=1)

    @model_validator(mode="after")
    def _holds_something(self) -> "SendMediaMessage":
        if self.MessageBody is None and self.MediaUrls is None:
            raise ValueError("MessageBody or MediaUrls is needed")
        return self


class Fallback(BaseModel):
    model_config = ConfigDict(strict=True)

    Channel: Literal["SMS", "MMS"]
    MessageBody: Body | None = None
    MediaUrls: list[S3Url] | None = Field(None, min_length=1, max_length=1)
    OriginationIdentity: Identity | None = None


class SendRcsMessage(_Send):
    OriginationIdentity: Identity
    RcsMessageContent: RcsMessageContent
    TimeToLive: int | None = Field(None, ge=1, le=172_800)
    MessageTrafficType: str | None = Field(None, min_length=1, max_length=50)
    FallbackConfiguration: Fallback | None = None


@dataclass(frozen=True, kw_only=True)
class AwsMessage(Message):
    """`price` and `fee` in USD for the whole message; `country` is ISO 3166."""

    kind: Literal["TEXT", "MEDIA", "RCS"]
    type: str
    context: Mapping[str, str]
    country: str
    encoding: str
    parts: int
    price: float
    fee: float


class Aws(Carrier[AwsMessage]):
    provider: ClassVar[str] = "aws"
    channels = ("sms", "mms", "rcs", "whatsapp")
    reports = (Event.ACCEPTED, Event.DELIVERED, Event.READ, Event.FAILED)
    scrambled_reports = (Event.READ, Event.DELIVERED, Event.ACCEPTED)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        self._social = Social(config, network)
        self._senders = Senders()

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        social = Social.account(carriers, api, credentials)
        return {"base_url": f"{carriers}/aws/", "configuration_set": "local", **social}

    def routes(self) -> list[Route]:
        own = [Route(path, self.handle, methods=["POST"]) for path in ("/aws", "/aws/")]
        return own + self._social.routes()

    async def handle(self, request: Request) -> Response:
        """POST /aws/: every operation, by its X-Amz-Target."""
        if refusal := sigv4.refusal(request.headers.get("authorization"), "sms-voice"):
            return _error(403, *refusal)
        _, _, operation = request.headers.get("x-amz-target", "").partition("PinpointSMSVoiceV2.")
        body = await request.body()
        value = parse_object(body)
        if value is None:
            return _error(400, "SerializationException", "The body is not a JSON object")
        try:
            if describe := self._senders.describe(operation):
                return _answer(200, describe(value))
            match operation:
                case "SendTextMessage":
                    text = check(SendTextMessage, value)
                    return await self._send(_text(text, body), text.DryRun)
                case "SendMediaMessage":
                    media = check(SendMediaMessage, value)
                    return await self._send(_media(media, body), media.DryRun)
                case "SendRcsMessage":
                    rich = check(SendRcsMessage, value)
                    return await self._send(_rcs(rich, body), rich.DryRun)
                case _:
                    return _error(400, "UnknownOperationException", "The operation is not known")
        except NoSuchSender as absent:
            kind, name = absent.args
            return _error(
                400,
                "ResourceNotFoundException",
                "The resource was not found",
                ResourceType=kind,
                ResourceId=name,
            )
        except Faulty as faulty:
            return _error(
                400,
                "ValidationException",
                "The request failed validation",
                Reason="FIELD_VALIDATION_FAILED",
                Fields=[{"Name": fault.dotted, "Message": fault.reason} for fault in faulty.faults],
            )

    async def _send(self, message: AwsMessage, dry_run: bool) -> Response:
        return self.answer([message]) if dry_run else await self._network.exchange(self, [message])

    def took(self, message: AwsMessage) -> None:
        self._senders.used(message.sender)

    def throttled(self) -> Response:
        return _error(400, "ThrottlingException", "Rate exceeded")

    def unavailable(self) -> Response:
        return _error(500, "InternalServerException", "Something went wrong", RequestId=str(uuid4()))

    def answer(self, messages: Sequence[AwsMessage]) -> Response:
        (message,) = messages
        if not self.takes(message):
            return _error(
                400,
                "ConflictException",
                "The destination phone number has opted out",
                Reason="DESTINATION_PHONE_NUMBER_OPTED_OUT",
                ResourceType="opted-out-number",
                ResourceId=message.recipient,
            )
        return _answer(200, {"MessageId": message.provider_id})

    def receipt(self, message: AwsMessage, event: Event, at: float) -> Notification | None:
        by_rcs = message.kind == "RCS"
        if not by_rcs and (event is Event.READ or not (message.handset.scrambled or event in FINAL)):
            return None  # AWS does not report that an SMS is on its way, but for a carrier in disorder
        ending, status, description, final = (RCS_WORDS if by_rcs else WORDS)[event]
        costs = final and event is not Event.READ
        news = {
            "eventType": f"{message.kind}_{ending}",
            "eventVersion": "1.0",
            "eventTimestamp": int(at * 1000),
            "isFinal": final,
            "originationPhoneNumber": message.sender,
            "destinationPhoneNumber": message.recipient,
            "isoCountryCode": message.country,
            "isInternationalSend": message.country != "US",
            "mcc": "001",  # the test network of ITU-T E.212
            "mnc": "01",
            "carrierName": "Simulated Mobile",
            "messageId": message.provider_id,
            "messageRequestTimestamp": int(message.at * 1000),
            "messageEncoding": message.encoding,
            "messageType": message.type,
            "messageStatus": status,
            "messageStatusDescription": description,
            "context": dict(message.context),
            "totalMessageParts": message.parts,
            "totalMessagePrice": message.price if costs else 0.0,
            "totalCarrierFee": message.fee if costs else 0.0,
        }
        if by_rcs:
            news |= {**RCS_IDENTITY, "rcsMetadata": {"billingEventType": "RICH"}}
        return Notification(self.provider, self._config.receipts_topic, json.dumps(news))

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Notification:
        """A handset's text, as the two-way topic carries it. Numbers of RCS have no "+"."""
        if channel == "whatsapp":
            return self._social.inbound(channel, sender, recipient, text, at)
        words = text.split()
        return self._written(channel, sender, recipient, words[0].upper()[:30] if words else "", text)

    def inbound_rich(self, written: Written, at: float) -> Notification | None:
        """By RCS a tap on a suggestion."""
        if written.channel == "whatsapp":
            return self._social.inbound_rich(written, at)
        if written.channel != "rcs" or written.reply is None:
            return None
        tapped = {"type": "SUGGESTION", "text": written.reply.title, "postbackData": written.reply.id}
        return self._written("rcs", written.sender, written.to, "", json.dumps(tapped))

    def _written(self, channel: str, sender: str, recipient: str, keyword: str, body: str) -> Notification:
        by_rcs = channel == "rcs"
        news = {
            "originationNumber": sender.removeprefix("+") if by_rcs else _plus(sender),
            "destinationNumber": recipient if by_rcs else _plus(recipient),
            "messageKeyword": keyword,
            "messageBody": body,
            "inboundMessageId": str(uuid4()),
        }
        if previous := self._network.log.last_id(recipient, sender):
            news["previousPublishedMessageId"] = previous
        return Notification(self.provider, self._config.inbound_topic, json.dumps(news))


def _text(send: SendTextMessage, body: bytes) -> AwsMessage:
    encoding, parts = segments(send.MessageBody)
    country = _country(send.DestinationPhoneNumber)
    price, fee = PRICES.get(country, ELSEWHERE)
    return AwsMessage(
        **_common(send, body),
        channel="sms",
        kind="TEXT",
        type=send.MessageType,
        country=country,
        encoding=encoding,
        parts=parts,
        price=round(price * parts, 5),
        fee=round(fee * parts, 5),
    )


def _media(send: SendMediaMessage, body: bytes) -> AwsMessage:
    price, fee = MEDIA_PRICE
    return AwsMessage(
        **_common(send, body),
        channel="mms",
        kind="MEDIA",
        type="TRANSACTIONAL",
        country=_country(send.DestinationPhoneNumber),
        encoding="UNICODE",
        parts=1,
        price=price,
        fee=fee,
    )


def _rcs(send: SendRcsMessage, body: bytes) -> AwsMessage:
    country = _country(send.DestinationPhoneNumber)
    price, fee = RCS_PRICES.get(country, RCS_ELSEWHERE)
    agent = send.OriginationIdentity.rpartition("/")[2]
    return AwsMessage(
        **_common(send, body) | {"sender": agent if agent.startswith("rcs-") else ACCOUNT_AGENT},
        channel="rcs",
        kind="RCS",
        type="TRANSACTIONAL",
        country=country,
        encoding="UNICODE",
        parts=1,
        price=price,
        fee=fee,
    )


def _common(send: SendTextMessage | SendMediaMessage | SendRcsMessage, body: bytes) -> dict[str, Any]:
    return {
        "sender": _origin(send.OriginationIdentity),
        "recipient": _plus(send.DestinationPhoneNumber),
        "provider_id": str(uuid4()),
        "echo_id": send.Context.get("message_uuid"),
        "digest": digest(body),
        "context": send.Context,
    }


def _origin(identity: str | None) -> str:
    """The number or sender id that a handset shows for an identity."""
    if identity is None or identity.startswith(("arn:", "phone-", "pool-", "sender-")):
        return ACCOUNT_NUMBER
    return _plus(identity) if identity.isdecimal() else identity


def _plus(number: str) -> str:
    return "+" + number.removeprefix("+")


def _country(number: str) -> str:
    digits = number.removeprefix("+")
    return COUNTRIES.get(digits[:1]) or COUNTRIES.get(digits[:2]) or "ZZ"


def _error(status: int, kind: str, message: str, **members: Any) -> Response:
    return _answer(status, {"__type": kind, "Message": message, **members})


def _answer(status: int, value: Mapping[str, Any]) -> Response:
    return Response(
        json.dumps(value),
        status,
        headers={"x-amzn-RequestId": str(uuid4())},
        media_type="application/x-amz-json-1.0",
    )
