"""WhatsApp Cloud API: https://developers.facebook.com/docs/whatsapp/cloud-api"""

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers import media, meta
from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import Fault, Faulty, check
from sandbox.carriers.handsets import Event, handset, last4
from sandbox.carriers.meta import UNAVAILABLE, GraphError, webhook
from sandbox.carriers.network import Carrier, Message, Network, digest
from sandbox.carriers.recent import Recent
from sandbox.carriers.whatsapp_messages import Envelope, Reaction, ReadMark, Template, check_content
from sandbox.carriers.whatsapp_templates import REVIEW_SECONDS, Templates
from sandbox.carriers.whatsapp_templates import Template as Filed
from sandbox.carriers.writing import HANDSET, Written

BUSINESS_ACCOUNT = "209870000000001"

ATTACHMENTS = "/whatsapp_cloud/whatsapp_business/attachments/"
ATTACHMENT_SECONDS = 300
"""How long the address of media is good."""

NUMBER_FIELDS = ("verified_name", "display_phone_number", "code_verification_status", "quality_rating")
NUMBERS = {"0002": ("PENDING", "NOT_VERIFIED"), "0003": ("BANNED", "VERIFIED")}
"""`status` and `code_verification_status` of our numbers with these digits at the end; others work."""

WORDS = {Event.ACCEPTED: "sent", Event.DELIVERED: "delivered", Event.READ: "read", Event.FAILED: "failed"}

IDS = ("link", "id", "message_id", "latitude", "longitude")
"""Members whose wrong values have an error of their own."""

THROTTLED = GraphError(
    130429,
    "(#130429) Rate limit hit",
    status=429,
    details="Throughput is used up.",
    headers={"retry-after": "1"},
)
REFUSED = GraphError(
    131050,
    "(#131050) Unable to deliver the message",
    details="This recipient has stopped messages of this kind from you on WhatsApp.",
)


@dataclass(frozen=True, kw_only=True)
class WhatsAppMessage(Message):
    """`sender` is the phone number id. `user_id` is the recipient's business-scoped id."""

    asked_for: str
    by_user_id: bool
    user_id: str
    template: bool
    reaction_to: str | None
    """The message that it is a reaction to, if it is one."""


class WhatsApp(Carrier[WhatsAppMessage]):
    provider: ClassVar[str] = "whatsapp_cloud"
    channels = ("whatsapp",)
    reports = (Event.ACCEPTED, Event.DELIVERED, Event.READ, Event.FAILED)
    scrambled_reports = (Event.READ, Event.DELIVERED, Event.ACCEPTED)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        self._ids = config.phone_number_ids
        self._numbers = {identifier: number for number, identifier in config.phone_number_ids.items()}
        self._templates = Templates()
        self._received: Recent[str, str] = Recent()
        """Who wrote a message, by its id."""

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        return {**meta.account(f"{carriers}/whatsapp_cloud", credentials), "waba_id": BUSINESS_ACCOUNT}

    def routes(self) -> list[Route]:
        name, config = self.provider, self._config
        return [
            Route(ATTACHMENTS, self.attachment),
            meta.messages(name, config, self.send),
            meta.route(name, config, "/message_templates", ["GET", "POST", "DELETE"], self.templates),
            meta.route(name, config, "", ["GET"], self.node),
        ]

    async def handshake(self, client: httpx.AsyncClient) -> bool:
        return await meta.handshake(self.provider, self._config, client)

    async def send(self, sender: str, value: Mapping[str, Any], body: bytes) -> Response:
        """POST /{phone_number_id}/messages. GraphError if the body is wrong."""
        if "status" in value:
            self.mark(value)
            return JSONResponse({"success": True})
        try:
            envelope = check(Envelope, value)
            content = check_content(envelope.type, value)
        except Faulty as faulty:
            raise _graph_error(faulty.faults[0]) from None
        if isinstance(content, Template):
            components = [component.model_dump() for component in content.components]
            self._templates.check_message(content.name, content.language.code, components)
        return await self._network.exchange(self, [message_of(sender, envelope, content, body)])

    def mark(self, value: Mapping[str, Any], provider: str = provider) -> None:
        """A person's message was read. GraphError if the body is wrong."""
        try:
            mark = check(ReadMark, value)
        except Faulty as faulty:
            raise _graph_error(faulty.faults[0]) from None
        self._network.log.change(provider, "typing" if mark.typing_indicator else "read", mark.message_id)

    async def templates(self, request: Request) -> Response:
        """GET, POST and DELETE /{business_account}/message_templates"""
        if request.path_params["object"] != BUSINESS_ACCOUNT:
            raise meta.no_such_object(request)
        query = request.query_params
        match request.method:
            case "POST":
                template = self._templates.create(meta.parse(await request.body()))
                self._network.report_later(REVIEW_SECONDS, lambda: self._reviewed(template))
                return JSONResponse({name: template.node[name] for name in ("id", "status", "category")})
            case "DELETE":
                if "name" not in query:
                    raise GraphError(100, "(#100) The parameter name is required")
                self._templates.delete(query["name"], query.get("hsm_id"))
                return JSONResponse({"success": True})
        page = self._templates.page(query, request.url)
        usual = ("name", "parameter_format", "components", "language", "status", "category")
        page["data"] = [meta.fields(request, node, usual) for node in page["data"]]
        return JSONResponse(page)

    def _reviewed(self, template: Filed) -> Webhook | None:
        """The decision about a template; None if it was deleted meanwhile."""
        if template not in self._templates:
            return None
        template.review()
        change = {"value": template.news(), "field": "message_template_status_update"}
        return self._changed({"time": int(time.time()), "changes": [change]})

    async def node(self, request: Request) -> Response:
        """GET /{phone_number_id}, which is what our numbers and questions for `fields` name; any other id
        is media that somebody sent. Media whose id ends like the handset that is refused is gone."""
        identifier = request.path_params["object"]
        if identifier in self._numbers or "fields" in request.query_params:
            return JSONResponse(meta.fields(request, self._number(identifier), NUMBER_FIELDS))
        if handset(identifier).refused:
            raise meta.no_such_object(request)
        picture = media.placeholder("picture.jpg")
        until = int(time.time()) + ATTACHMENT_SECONDS
        url = request.url.replace(path=ATTACHMENTS, query=f"mid={identifier}&ext={until}")
        return JSONResponse(
            {
                "messaging_product": "whatsapp",
                "url": str(url),
                "mime_type": picture.headers["content-type"],
                "sha256": hashlib.sha256(picture.body).hexdigest(),
                "file_size": len(picture.body),
                "id": identifier,
            }
        )

    def _number(self, identifier: str) -> dict[str, Any]:
        number = self._numbers.get(identifier, identifier)
        status, code = NUMBERS.get(last4(number), ("CONNECTED", "VERIFIED"))
        return {
            "verified_name": "Our Number",
            "display_phone_number": f"+{number}",
            "status": status,
            "name_status": "APPROVED",
            "code_verification_status": code,
            "quality_rating": "GREEN",
            "id": identifier,
        }

    async def attachment(self, request: Request) -> Response:
        """GET what `url` of media names: with the token, and for five minutes."""
        try:
            meta.authorise(request, self._config.secret("meta access_token"))
        except GraphError as error:
            return error.response()
        until = request.query_params.get("ext", "")
        if not until.isdecimal() or int(until) < time.time():
            return Response(status_code=404)
        return media.placeholder("picture.jpg")

    def throttled(self) -> Response:
        return THROTTLED.response()

    def unavailable(self) -> Response:
        return UNAVAILABLE.response()

    def answer(self, messages: Sequence[WhatsAppMessage]) -> Response:
        (message,) = messages
        if not self.takes(message):
            return REFUSED.response()
        person = {"user_id": message.user_id} if message.by_user_id else {"wa_id": message.recipient}
        sent = {"id": message.provider_id}
        if message.template:
            sent["message_status"] = "accepted"
        return JSONResponse(
            {
                "messaging_product": "whatsapp",
                "contacts": [{"input": message.asked_for, **person}],
                "messages": [sent],
            }
        )

    def receipt(self, message: WhatsAppMessage, event: Event, at: float) -> Webhook | None:
        """Of a reaction comes one word only: that it was sent, or that there is nothing it could be to."""
        errors = [UNDELIVERABLE]
        if message.reaction_to is not None:
            if event is not Event.ACCEPTED:
                return None
            if self._received.get(message.reaction_to) != message.recipient:
                event, errors = Event.FAILED, [NOTHING_THERE]
        status: dict[str, Any] = {
            "id": message.provider_id,
            "status": WORDS[event],
            "timestamp": str(int(at)),
            "recipient_user_id": message.user_id,
        }
        person: dict[str, Any] = {"profile": {"name": "Handset"}, "user_id": message.user_id}
        if not message.by_user_id:
            status["recipient_id"] = person["wa_id"] = message.recipient
        if message.echo_id is not None:
            status["biz_opaque_callback_data"] = message.echo_id
        value: dict[str, Any] = {"contacts": [person], "statuses": [status]}
        if event in (Event.ACCEPTED, Event.DELIVERED):
            status["pricing"] = _pricing(message.template)
        if event is Event.FAILED:
            status["errors"] = errors
            del value["contacts"]
        return self._webhook(message.sender, value)

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        """A handset's text to one of our numbers."""
        return self._written(sender, recipient, {"type": "text", "text": {"body": text}}, HANDSET, at)

    def inbound_rich(self, written: Written, at: float) -> Webhook:
        content = _content(written)
        if written.quotes is not None:
            quoted = self._network.log.provider_id(written.quotes)
            if written.reaction:
                content["reaction"]["message_id"] = quoted
            else:
                content["context"] = {"from": written.ours, "id": quoted}
        return self._written(written.sender, written.to, content, written.profile, at)

    def _written(
        self, sender: str, recipient: str, content: Mapping[str, Any], profile: str, at: float
    ) -> Webhook:
        number, ours = sender.removeprefix("+"), recipient.removeprefix("+")
        user_id = _user_id(number)
        wamid = _wamid(number, b"\x12\x18\x14", 20)
        message = {
            "from": number,
            "from_user_id": user_id,
            "id": wamid,
            "timestamp": str(int(at)),
            **content,
        }
        self._received[wamid] = number
        person = {"profile": {"name": profile}, "wa_id": number, "user_id": user_id}
        return self._webhook(self._ids.get(ours, ours), {"contacts": [person], "messages": [message]})

    def _webhook(self, phone_number_id: str, news: Mapping[str, Any]) -> Webhook:
        number = self._numbers.get(phone_number_id, phone_number_id)
        metadata = {"display_phone_number": number, "phone_number_id": phone_number_id}
        value = {"messaging_product": "whatsapp", "metadata": metadata, **news}
        return self._changed({"changes": [{"value": value, "field": "messages"}]})

    def _changed(self, news: Mapping[str, Any]) -> Webhook:
        entry = {"id": BUSINESS_ACCOUNT, **news}
        return webhook(self.provider, {"object": "whatsapp_business_account", "entry": [entry]}, self._config)


UNDELIVERABLE = {
    "code": 131026,
    "title": "Message undeliverable",
    "message": "Message undeliverable",
    "error_data": {"details": "The recipient has no WhatsApp account that can receive this message."},
    "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
}


NOTHING_THERE = {
    "code": 131009,
    "title": "Parameter value is not valid",
    "message": "Parameter value is not valid",
    "error_data": {"details": "There is no such message to react to."},
    "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
}


def _content(written: Written) -> dict[str, Any]:
    """What a webhook's message has beside its addressing. A reaction lacks what it is to."""
    if written.reply:
        kind = "list_reply" if written.reply.description else "button_reply"
        chosen = written.reply.model_dump(exclude_none=True)
        return {"type": "interactive", "interactive": {"type": kind, kind: chosen}}
    if written.button:
        return {"type": "button", "button": written.button.model_dump()}
    if written.sticker:
        sticker = {"id": written.sticker.id or str(secrets.randbelow(10**15)), "animated": False}
        return {"type": "sticker", "sticker": {**sticker, "mime_type": "image/webp", "sha256": "?"}}
    if written.reaction:
        return {"type": "reaction", "reaction": written.reaction.model_dump(exclude_defaults=False)}
    if written.order:
        return {"type": "order", "order": written.order.model_dump(exclude_none=True)}
    if written.contacts:
        return {"type": "contacts", "contacts": written.contacts}
    return {"type": "text", "text": {"body": written.text}}


def _graph_error(fault: Fault) -> GraphError:
    """As Meta words it: 131008 what is missing, 131009 a bad recipient or value, 100 a bad parameter."""
    if fault.missing:
        return GraphError(
            131008, "(#131008) Required parameter is missing", details=f"Parameter {fault.dotted} is missing."
        )
    if fault.path[0] in ("to", "recipient") or fault.path[-1] in IDS:
        return GraphError(
            131009, "(#131009) Parameter value is not valid", details=f"{fault.dotted}: {fault.reason}"
        )
    return GraphError(100, f"(#100) Param {fault.dotted}: {fault.reason}", details=fault.reason)


def message_of(sender: str, envelope: Envelope, content: BaseModel | None, body: bytes) -> WhatsAppMessage:
    asked_for = envelope.to or envelope.recipient or ""
    number = asked_for.removeprefix("+")
    by_user_id = envelope.to is None
    return WhatsAppMessage(
        channel="whatsapp",
        sender=sender,
        recipient=number,
        provider_id=_wamid(number, b"\x11\x18\x12", 18),
        echo_id=envelope.biz_opaque_callback_data,
        digest=digest(body),
        asked_for=asked_for,
        by_user_id=by_user_id,
        user_id=number if by_user_id else _user_id(number),
        template=envelope.type == "template",
        reaction_to=content.message_id if isinstance(content, Reaction) else None,
    )


def _pricing(template: bool) -> dict[str, Any]:
    if template:
        return {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
    return {"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "service"}


def _wamid(number: str, mark: bytes, length: int) -> str:
    """An id as real ones are built: the number and random hex digits, in base64."""
    party = number.encode()
    unique = secrets.token_hex(length // 2).upper().encode()
    raw = b"\x1c\x18" + bytes([len(party)]) + party + b"\x15\x02\x00" + mark + unique + b"\x00"
    return "wamid." + base64.b64encode(raw).decode()


def _user_id(number: str) -> str:
    """The business-scoped user id of a number: the same one each time."""
    return f"ZZ.{int.from_bytes(hashlib.sha256(number.encode()).digest()[:8]):020d}"
