"""AWS End User Messaging SMS (`pinpoint-sms-voice-v2`): JSON 1.0 over one route, events over SNS.

https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/Welcome.html
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.carriers.callbacks import Notification
from sandbox.carriers.config import Credentials
from sandbox.carriers.faults import Faulty, check, parse_object
from sandbox.carriers.handsets import Event
from sandbox.carriers.network import Carrier, Message, digest
from sandbox.carriers.segments import segments

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=[^/\s]+/\d{8}/[a-z0-9-]+/(?P<service>[a-z0-9-]+)/aws4_request, *"
    r"SignedHeaders=[a-z0-9;-]+, *Signature=[0-9a-f]{64}"
)

ACCOUNT_NUMBER = "+12065550100"
"""Sends for callers that name no number of their own."""

COUNTRIES = {"1": "US", "31": "NL", "33": "FR", "34": "ES", "39": "IT", "44": "GB", "48": "PL", "49": "DE"}
PRICES = {"US": (0.00581, 0.00302)}
"""USD for each part of an SMS, and the carrier's fee."""
ELSEWHERE = (0.0415, 0.0)
MEDIA_PRICE = (0.0195, 0.0085)

# The event type's ending, the status, its description, and whether another event may follow.
WORDS = {
    Event.ACCEPTED: ("PENDING", "Message is on its way to the carrier", False),
    Event.DELIVERED: ("DELIVERED", "Message has been accepted by phone", True),
    Event.FAILED: ("UNREACHABLE", "The phone cannot be reached", True),
}


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def _trimmed(text: str) -> str:
    if text != text.strip():
        raise ValueError("must not begin or end with white space")
    return text


ContextKey = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^\S+$")]
ContextValue = Annotated[str, Field(min_length=1, max_length=800), AfterValidator(_trimmed)]
Body = Annotated[str, Field(min_length=1, max_length=1600), AfterValidator(_not_blank)]
Identity = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_:/+-]+$")]
Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[A-Za-z0-9_:/-]+$")]
S3Url = Annotated[str, Field(max_length=2048, pattern=r"^s3://[a-z0-9.-]{3,63}/.+$")]


class _Send(BaseModel):
    """Members that both operations have. Unknown ones are ignored, as JSON 1.0 services do."""

    model_config = ConfigDict(strict=True)

    DestinationPhoneNumber: str = Field(min_length=1, max_length=20, pattern=r"^\+?[1-9][0-9]{1,18}$")
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
    DestinationCountryParameters: dict[Literal["IN_TEMPLATE_ID", "IN_ENTITY_ID"], str] = {}


class SendMediaMessage(_Send):
    OriginationIdentity: Identity
    MessageBody: Body | None = None
    MediaUrls: list[S3Url] = Field(min_length=1, max_length=1)


@dataclass(frozen=True, kw_only=True)
class AwsMessage(Message):
    """`price` and `fee` in USD for the whole message; `country` is ISO 3166."""

    kind: Literal["TEXT", "MEDIA"]
    type: str
    context: Mapping[str, str]
    country: str
    encoding: str
    parts: int
    price: float
    fee: float


class Aws(Carrier[AwsMessage]):
    provider: ClassVar[str] = "aws"
    channels = ("sms", "mms")
    reports = (Event.DELIVERED, Event.FAILED)
    scrambled_reports = (Event.DELIVERED, Event.ACCEPTED)

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        return {"base_url": f"{carriers}/aws/", "configuration_set": "local"}

    def routes(self) -> list[Route]:
        return [Route(path, self.handle, methods=["POST"]) for path in ("/aws", "/aws/")]

    async def handle(self, request: Request) -> Response:
        """POST /aws/: every operation, by its X-Amz-Target."""
        if refusal := _unauthorised(request.headers.get("authorization")):
            return refusal
        target = request.headers.get("x-amz-target", "")
        body = await request.body()
        value = parse_object(body)
        if value is None:
            return _error(400, "SerializationException", "The body is not a JSON object")
        try:
            match target:
                case "PinpointSMSVoiceV2.SendTextMessage":
                    text = check(SendTextMessage, value)
                    return await self._send(_text(text, body), text.DryRun)
                case "PinpointSMSVoiceV2.SendMediaMessage":
                    media = check(SendMediaMessage, value)
                    return await self._send(_media(media, body), media.DryRun)
                case _:
                    return _error(400, "UnknownOperationException", "The operation is not known")
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
        ending, description, final = WORDS[event]
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
            "messageStatus": ending,
            "messageStatusDescription": description,
            "context": dict(message.context),
            "totalMessageParts": message.parts,
            "totalMessagePrice": message.price if final else 0.0,
            "totalCarrierFee": message.fee if final else 0.0,
        }
        return Notification(self.provider, self._config.receipts_topic, json.dumps(news))

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Notification:
        """A handset's SMS, as the two-way topic carries it."""
        words = text.split()
        news = {
            "originationNumber": _plus(sender),
            "destinationNumber": _plus(recipient),
            "messageKeyword": words[0].upper()[:30] if words else "",
            "messageBody": text,
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


def _common(send: SendTextMessage | SendMediaMessage, body: bytes) -> dict[str, Any]:
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


def _unauthorised(header: str | None) -> Response | None:
    if header is None:
        return _error(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    found = AUTHORIZATION.fullmatch(header)
    if found is None:
        return _error(403, "IncompleteSignatureException", "The Authorization header is not complete")
    if found["service"] != "sms-voice":
        reason = "Credential should be scoped to correct service: 'sms-voice'."
        return _error(403, "InvalidSignatureException", reason)
    return None


def _error(status: int, kind: str, message: str, **members: Any) -> Response:
    return _answer(status, {"__type": kind, "Message": message, **members})


def _answer(status: int, value: Mapping[str, Any]) -> Response:
    return Response(
        json.dumps(value),
        status,
        headers={"x-amzn-RequestId": str(uuid4())},
        media_type="application/x-amz-json-1.0",
    )
