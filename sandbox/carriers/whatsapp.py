"""WhatsApp Cloud API: https://developers.facebook.com/docs/whatsapp/cloud-api"""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers import meta
from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import Fault, Faulty, check
from sandbox.carriers.handsets import Event
from sandbox.carriers.meta import UNAVAILABLE, GraphError, webhook
from sandbox.carriers.network import Carrier, Message, Network, digest

BUSINESS_ACCOUNT = "209870000000001"

WORDS = {Event.ACCEPTED: "sent", Event.DELIVERED: "delivered", Event.READ: "read", Event.FAILED: "failed"}

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


class _Member(BaseModel):
    model_config = ConfigDict(strict=True)


class _Exact(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


Link = Annotated[str, Field(pattern=r"^https?://\S+$", max_length=2048)]
Caption = Annotated[str, Field(max_length=1024)]


class Text(_Exact):
    body: str = Field(min_length=1, max_length=4096)
    preview_url: bool = False


class Media(_Exact):
    """Audio and stickers: one of `link` and `id`."""

    link: Link | None = None
    id: str | None = None


class Captioned(Media):
    caption: Caption | None = None


class Document(Captioned):
    filename: str | None = None


class Location(_Exact):
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    name: str | None = None
    address: str | None = None


class Language(_Member):
    code: str = Field(min_length=2)
    policy: Literal["deterministic"] = "deterministic"


class Component(_Member):
    type: str
    parameters: list[dict[str, Any]] = []


class Template(_Member):
    name: str = Field(min_length=1)
    language: Language
    components: list[Component] = []


class Interactive(_Member):
    type: str
    action: dict[str, Any]


class Reaction(_Member):
    message_id: str
    emoji: str


CONTENTS: dict[str, type[BaseModel]] = {
    "text": Text,
    "image": Captioned,
    "audio": Media,
    "video": Captioned,
    "document": Document,
    "sticker": Media,
    "location": Location,
    "template": Template,
    "interactive": Interactive,
    "reaction": Reaction,
}
LISTS = {"contacts"}


class Envelope(_Member):
    """What every message has beside its content."""

    to: Annotated[str, Field(pattern=r"^\+?\d{5,20}$")] | None = None
    recipient: Annotated[str, Field(pattern=r"^[A-Z]{2}\.\w+$")] | None = None
    recipient_type: Literal["individual"] = "individual"
    type: str = "text"
    biz_opaque_callback_data: Annotated[str, Field(max_length=512)] | None = None
    context: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class WhatsAppMessage(Message):
    """`sender` is the phone number id. `user_id` is the recipient's business-scoped id."""

    asked_for: str
    by_user_id: bool
    user_id: str
    template: bool


class WhatsApp(Carrier[WhatsAppMessage]):
    provider: ClassVar[str] = "whatsapp_cloud"
    channels = ("whatsapp",)
    reports = (Event.ACCEPTED, Event.DELIVERED, Event.READ, Event.FAILED)
    scrambled_reports = (Event.READ, Event.DELIVERED, Event.ACCEPTED)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        self._ids = config.phone_number_ids
        self._numbers = {identifier: number for number, identifier in config.phone_number_ids.items()}

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        return meta.account(f"{carriers}/whatsapp_cloud", credentials)

    def routes(self) -> list[Route]:
        return [meta.messages(self.provider, self._config, self.send)]

    async def handshake(self, client: httpx.AsyncClient) -> bool:
        return await meta.handshake(self.provider, self._config, client)

    async def send(self, sender: str, value: Mapping[str, Any], body: bytes) -> Response:
        """POST /{phone_number_id}/messages. GraphError if the body is wrong."""
        try:
            envelope = check(Envelope, value)
            _check_content(envelope.type, value)
        except Faulty as faulty:
            raise _graph_error(faulty.faults[0]) from None
        return await self._network.exchange(self, [_message(sender, envelope, body)])

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

    def receipt(self, message: WhatsAppMessage, event: Event, at: float) -> Webhook:
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
            status["errors"] = [UNDELIVERABLE]
            del value["contacts"]
        return self._webhook(message.sender, value)

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        """A handset's text to one of our numbers."""
        number = sender.removeprefix("+")
        user_id = _user_id(number)
        message = {
            "from": number,
            "from_user_id": user_id,
            "id": _wamid(number, b"\x12\x18\x14", 20),
            "timestamp": str(int(at)),
            "type": "text",
            "text": {"body": text},
        }
        person = {"profile": {"name": "Handset"}, "wa_id": number, "user_id": user_id}
        ours = recipient.removeprefix("+")
        return self._webhook(self._ids.get(ours, ours), {"contacts": [person], "messages": [message]})

    def _webhook(self, phone_number_id: str, news: Mapping[str, Any]) -> Webhook:
        number = self._numbers.get(phone_number_id, phone_number_id)
        metadata = {"display_phone_number": number, "phone_number_id": phone_number_id}
        value = {"messaging_product": "whatsapp", "metadata": metadata, **news}
        entry = {"id": BUSINESS_ACCOUNT, "changes": [{"value": value, "field": "messages"}]}
        return webhook(self.provider, {"object": "whatsapp_business_account", "entry": [entry]}, self._config)


UNDELIVERABLE = {
    "code": 131026,
    "title": "Message undeliverable",
    "message": "Message undeliverable",
    "error_data": {"details": "The recipient has no WhatsApp account that can receive this message."},
    "href": "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/",
}


def _check_content(kind: str, value: Mapping[str, Any]) -> None:
    if value.get("to") is None and value.get("recipient") is None:
        raise Faulty(Fault(("to",), True, "is required"))
    if kind not in CONTENTS and kind not in LISTS:
        raise Faulty(Fault(("type",), False, "is not a message type"))
    content = value.get(kind)
    if content is None:
        raise Faulty(Fault((kind,), True, "is required"))
    if kind in LISTS:
        if not (isinstance(content, list) and content):
            raise Faulty(Fault((kind,), False, "must be a list with at least one entry"))
        return
    try:
        checked = check(CONTENTS[kind], content)
    except Faulty as faulty:
        inner = [Fault((kind, *fault.path), fault.missing, fault.reason) for fault in faulty.faults]
        raise Faulty(*inner) from None
    if isinstance(checked, Media) and (checked.link is None) == (checked.id is None):
        missing = checked.link is None
        raise Faulty(Fault((kind, "link"), missing, "exactly one of link and id is needed"))


def _graph_error(fault: Fault) -> GraphError:
    """As Meta words it: 131008 what is missing, 131009 a bad recipient or value, 100 a bad parameter."""
    if fault.missing:
        return GraphError(
            131008, "(#131008) Required parameter is missing", details=f"Parameter {fault.dotted} is missing."
        )
    if fault.path[0] in ("to", "recipient") or fault.path[-1] in ("link", "id", "latitude", "longitude"):
        return GraphError(
            131009, "(#131009) Parameter value is not valid", details=f"{fault.dotted}: {fault.reason}"
        )
    return GraphError(100, f"(#100) Param {fault.dotted}: {fault.reason}", details=fault.reason)


def _message(sender: str, envelope: Envelope, body: bytes) -> WhatsAppMessage:
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
