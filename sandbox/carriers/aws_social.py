"""AWS End User Messaging Social (`socialmessaging`): REST-JSON around Meta's own messages and webhooks.

https://docs.aws.amazon.com/social-messaging/latest/APIReference/Welcome.html
"""

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers import sigv4
from sandbox.carriers.aws_senders import NUMBERS
from sandbox.carriers.callbacks import Notification, Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import Faulty, check, parse_object
from sandbox.carriers.handsets import Event, last4
from sandbox.carriers.meta import GraphError
from sandbox.carriers.network import Carrier, Message, Network
from sandbox.carriers.recent import Recent
from sandbox.carriers.whatsapp import BUSINESS_ACCOUNT, WhatsApp, WhatsAppMessage, message_of
from sandbox.carriers.whatsapp_messages import Envelope, Template, check_content
from sandbox.carriers.whatsapp_templates import REVIEW_SECONDS, Templates
from sandbox.carriers.whatsapp_templates import Template as Filed
from sandbox.carriers.writing import Written

BUSINESS = f"waba-{BUSINESS_ACCOUNT:0>32}"
NUMBER_ID = "phone-number-id-"
"""Followed by the number itself, with zeros before it to 32 digits."""
ARN = "arn:aws:social-messaging:us-east-1:000000000000"

QUALITY = {"0103": "RED"}
"""Of numbers with these digits at the end; others are green."""


T = TypeVar("T", bound=BaseModel)


class SocialError(Exception):
    def __init__(self, status: int, name: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.name = name

    def response(self) -> Response:
        headers = {"x-amzn-ErrorType": self.name, "x-amzn-RequestId": str(uuid4())}
        return JSONResponse({"message": str(self)}, self.status, headers)


class _Body(BaseModel):
    model_config = ConfigDict(strict=True)


class SendWhatsAppMessage(_Body):
    originationPhoneNumberId: str = Field(
        max_length=115, pattern=r"^(phone-number-id-|arn:.*:phone-number-id/).+$"
    )
    message: str = Field(min_length=1, max_length=2_731_000)
    metaApiVersion: str = Field(pattern=r"^v[0-9]{2}\.[0-9]$")


class CreateWhatsAppMessageTemplate(_Body):
    id: str = Field(max_length=115)
    templateDefinition: str = Field(min_length=1, max_length=8000)


@dataclass(frozen=True, kw_only=True)
class SocialMessage(Message):
    """`meta` is the message as Meta took it: its webhooks know it under its own id."""

    meta: WhatsAppMessage


class Social(Carrier[SocialMessage]):
    provider: ClassVar[str] = "aws"
    channels = ("whatsapp",)
    reports = (Event.ACCEPTED, Event.DELIVERED, Event.READ, Event.FAILED)
    scrambled_reports = (Event.READ, Event.DELIVERED, Event.ACCEPTED)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        self._meta = WhatsApp(config, network)
        self._templates = Templates()
        self._wamids: Recent[str, str] = Recent()

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        numbers = [number.removeprefix("+") for number in NUMBERS]
        ids = {number: f"{NUMBER_ID}{number:0>32}" for number in numbers}
        return {"phone_number_ids": ids, "waba_id": BUSINESS}

    def routes(self) -> list[Route]:
        return [
            _route("POST", "/send", self.send),
            _route("GET", "/waba/phone/details", self.number),
            _route("GET", "/template/list", self.list_templates),
            _route("POST", "/template/put", self.create_template),
            _route("DELETE", "/template", self.delete_template),
        ]

    # --- messages ------------------------------------------------------------------------------------

    async def send(self, request: Request) -> Response:
        """POST /v1/whatsapp/send"""
        asked = await _body(SendWhatsAppMessage, request)
        number = _number(asked.originationPhoneNumberId)
        value, body = _blob(asked.message)
        if "status" in value:
            self._meta.mark(value, self.provider)
            return _answer({"messageId": str(uuid4())})
        try:
            envelope = check(Envelope, value)
            content = check_content(envelope.type, value)
        except Faulty as faulty:
            fault = faulty.faults[0]
            raise SocialError(400, "InvalidParametersException", f"{fault.dotted}: {fault.reason}") from None
        if isinstance(content, Template):
            components = [component.model_dump() for component in content.components]
            self._templates.check_message(content.name, content.language.code, components)
        meta = message_of(number, envelope, content, body)
        message = SocialMessage(
            channel="whatsapp",
            sender=number,
            recipient=meta.recipient,
            provider_id=str(uuid4()),
            echo_id=meta.echo_id,
            digest=meta.digest,
            meta=meta,
        )
        return await self._network.exchange(self, [message])

    def took(self, message: SocialMessage) -> None:
        """People know it by Meta's id."""
        for name in (message.echo_id, message.provider_id):
            if name is not None:
                self._wamids[name] = message.meta.provider_id

    def throttled(self) -> Response:
        return SocialError(429, "ThrottledRequestException", "Too many requests").response()

    def unavailable(self) -> Response:
        return SocialError(500, "InternalServiceException", "Something went wrong").response()

    def answer(self, messages: Sequence[SocialMessage]) -> Response:
        (message,) = messages
        if not self.takes(message):
            return SocialError(400, "InvalidParametersException", "Meta refused the message").response()
        return _answer({"messageId": message.provider_id})

    def receipt(self, message: SocialMessage, event: Event, at: float) -> Notification | None:
        webhook = self._meta.receipt(message.meta, event, at)
        if webhook is None:
            return None
        return self._notification(self._config.receipts_topic, _entry(webhook), message.sender, at)

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Notification:
        webhook = self._meta.inbound(channel, sender, recipient, text, at)
        ours = recipient.removeprefix("+")
        return self._notification(self._config.inbound_topic, _entry(webhook), ours, at)

    def inbound_rich(self, written: Written, at: float) -> Notification:
        quotes = self._wamids.get(written.quotes, written.quotes) if written.quotes else None
        webhook = self._meta.inbound_rich(written.model_copy(update={"quotes": quotes}), at)
        return self._notification(self._config.inbound_topic, _entry(webhook), written.ours, at)

    def _notification(self, topic: str, entry: Mapping[str, Any], number: str, at: float) -> Notification:
        moment = datetime.fromtimestamp(at, UTC)
        news = {
            "context": {
                "MetaWabaIds": [
                    {"wabaId": BUSINESS_ACCOUNT, "arn": f"{ARN}:waba/{BUSINESS.removeprefix('waba-')}"}
                ],
                "MetaPhoneNumberIds": [
                    {"metaPhoneNumberId": number, "arn": f"{ARN}:phone-number-id/{number:0>32}"}
                ],
            },
            "whatsAppWebhookEntry": json.dumps(entry),
            "aws_account_id": "000000000000",
            "message_timestamp": f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z",
            "messageId": str(uuid4()),
        }
        return Notification(self.provider, topic, json.dumps(news))

    # --- numbers and templates -----------------------------------------------------------------------

    async def number(self, request: Request) -> Response:
        """GET /v1/whatsapp/waba/phone/details?id="""
        number = _number(_asked(request, "id"))
        return _answer(
            {
                "phoneNumber": {
                    "arn": f"{ARN}:phone-number-id/{number:0>32}",
                    "phoneNumber": f"+{number}",
                    "phoneNumberId": f"{NUMBER_ID}{number:0>32}",
                    "metaPhoneNumberId": number,
                    "displayPhoneNumberName": "Our Number",
                    "displayPhoneNumber": f"+{number}",
                    "qualityRating": QUALITY.get(last4(number), "GREEN"),
                },
                "linkedWhatsAppBusinessAccountId": BUSINESS,
            }
        )

    async def list_templates(self, request: Request) -> Response:
        """GET /v1/whatsapp/template/list?id=&maxResults=&nextToken="""
        _check_business(_asked(request, "id"))
        query = {
            "limit": request.query_params.get("maxResults"),
            "after": request.query_params.get("nextToken"),
        }
        given = {name: value for name, value in query.items() if value is not None}
        page = self._templates.page(QueryParams(given), request.url)
        summaries = [
            {
                "templateName": node["name"],
                "metaTemplateId": node["id"],
                "templateStatus": node["status"],
                "templateQualityScore": "UNKNOWN",
                "templateLanguage": node["language"],
                "templateCategory": node["category"],
            }
            for node in page["data"]
        ]
        paging = page.get("paging", {})
        more = {"nextToken": paging["cursors"]["after"]} if "next" in paging else {}
        return _answer({"templates": summaries, **more})

    async def create_template(self, request: Request) -> Response:
        """POST /v1/whatsapp/template/put"""
        asked = await _body(CreateWhatsAppMessageTemplate, request)
        _check_business(asked.id)
        template = self._templates.create(_blob(asked.templateDefinition)[0])
        self._network.report_later(REVIEW_SECONDS, lambda: self._reviewed(template))
        made = {"metaTemplateId": template.id, "templateStatus": template.status}
        return _answer({**made, "category": template.definition.category})

    async def delete_template(self, request: Request) -> Response:
        """DELETE /v1/whatsapp/template?id=&templateName=, and metaTemplateId= or deleteAllTemplates=true"""
        _check_business(_asked(request, "id"))
        template_id = request.query_params.get("metaTemplateId")
        if template_id is None and request.query_params.get("deleteAllTemplates") != "true":
            raise SocialError(400, "InvalidParametersException", "which language is to be deleted?")
        self._templates.delete(_asked(request, "templateName"), template_id)
        return _answer({})

    def _reviewed(self, template: Filed) -> Notification | None:
        """The decision about a template; None if it was deleted meanwhile."""
        if template not in self._templates:
            return None
        template.review()
        change = {"value": template.news(), "field": "message_template_status_update"}
        now = datetime.now(UTC).timestamp()
        entry = {"id": BUSINESS_ACCOUNT, "time": int(now), "changes": [change]}
        return self._notification(self._config.receipts_topic, entry, "", now)


Handle = Callable[[Request], Awaitable[Response]]


def _route(method: str, path: str, handle: Handle) -> Route:
    async def guarded(request: Request) -> Response:
        refusal = sigv4.refusal(request.headers.get("authorization"), "social-messaging")
        if refusal:
            return SocialError(403, *refusal).response()
        try:
            return await handle(request)
        except SocialError as error:
            return error.response()
        except GraphError as error:  # what Meta says to AWS
            words = ": ".join(part for part in (str(error), error.advice, error.details) if part)
            return SocialError(400, "InvalidParametersException", words).response()

    return Route(f"/aws/v1/whatsapp{path}", guarded, methods=[method])


async def _body(model: type[T], request: Request) -> T:
    """The request's body. SocialError if it is not of the form."""
    value = parse_object(await request.body())
    if value is None:
        raise SocialError(400, "ValidationException", "The body is not a JSON object")
    try:
        return check(model, value)
    except Faulty as faulty:
        fault = faulty.faults[0]
        raise SocialError(400, "ValidationException", f"{fault.dotted}: {fault.reason}") from None


def _blob(text: str) -> tuple[dict[str, Any], bytes]:
    """The JSON object in a blob, and its bytes."""
    try:
        body = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise SocialError(400, "ValidationException", "a blob must be base64") from None
    value = parse_object(body)
    if value is None:
        raise SocialError(400, "InvalidParametersException", "the blob is not a JSON object")
    return value, body


def _asked(request: Request, name: str) -> str:
    try:
        return request.query_params[name]
    except KeyError:
        raise SocialError(400, "ValidationException", f"{name} is required") from None


def _number(identifier: str) -> str:
    """The number that an id or ARN names."""
    digits = identifier.removeprefix(NUMBER_ID).rpartition("/")[2]
    if not (len(digits) == 32 and digits.isdecimal() and digits.lstrip("0")):
        raise SocialError(404, "ResourceNotFoundException", "there is no such phone number")
    return digits.lstrip("0")


def _check_business(identifier: str) -> None:
    if identifier.rpartition("/")[2].removeprefix("waba-") != BUSINESS.removeprefix("waba-"):
        raise SocialError(404, "ResourceNotFoundException", "there is no such business account")


def _entry(webhook: Webhook) -> dict[str, Any]:
    """The only entry of a webhook of Meta's."""
    (entry,) = json.loads(webhook.body)["entry"]
    return dict(entry)


def _answer(value: Mapping[str, Any]) -> Response:
    return JSONResponse(value, headers={"x-amzn-RequestId": str(uuid4())})
