"""WhatsApp through Infobip: what goes out, what people write, what a number is.

https://www.infobip.com/docs/api/channels/whatsapp
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, assert_never
from urllib.parse import quote

from switchboard.adapters._infobip import call, callback
from switchboard.adapters._reading import (
    answer,
    chosen,
    file_name,
    mapping,
    number,
    objects,
    phone,
    place,
    said,
    shown,
    sticker,
    tapped,
    text,
)
from switchboard.adapters.base import Account, Known, Verification
from switchboard.errors import Rejected, Unanswered
from switchboard.models.events import Product, Quoted
from switchboard.models.messages import (
    Audio,
    Card,
    Carousel,
    ContactCards,
    Custom,
    File,
    Image,
    InboundContent,
    Location,
    Message,
    Order,
    OrderedProduct,
    Reaction,
    Several,
    Sticker,
    Template,
    Text,
    Unsupported,
    Vcard,
    Video,
)

if TYPE_CHECKING:
    import httpx

# https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-inbound-messages/receive-whatsapp-inbound-messages
# message.type, and the member that holds the words.
WORDS = {
    "TEXT": "text",
    "INTERACTIVE_FLOW_REPLY": "text",
}
MEDIA = {
    "IMAGE": "image",
    "AUDIO": "audio",
    "VOICE": "audio",
    "VIDEO": "video",
    "DOCUMENT": "file",
}

# https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-service-management/get-whatsapp-senders-quality
STATES: dict[str, tuple[Literal["pending", "verified", "failed"], str]] = {
    "CONNECTED": ("verified", ""),
    "FLAGGED": ("verified", "too many people complain about it"),
    "RESTRICTED": ("verified", "it may not begin more conversations for now"),
    "RATE_LIMITED": ("verified", "it may not begin more conversations for now"),
    "PENDING": ("pending", "it is not registered yet"),
    "DISCONNECTED": ("failed", "it is no longer registered"),
    "BANNED": ("failed", "WhatsApp has banned it"),
    "DELETED": ("failed", "it was deleted"),
    "MIGRATED": ("failed", "it has moved to another business account"),
}

_URL = re.compile(r"https?://\S", re.IGNORECASE)
_KIND = re.compile(r"[a-z]+(-[a-z]+)*(/[a-z]+(-[a-z]+)*)?")


def send(message: Message, account: Account) -> httpx.Request:
    """Each kind of message has an address of its own. Rejected for what WhatsApp cannot carry."""
    kind, content = _content(message)
    url = callback(account)
    body: dict[str, Any] = {
        "from": message.sender,
        "to": message.recipient,
        "messageId": message.message_uuid,
        "content": content,
        "callbackData": message.message_uuid,
        **({"notifyUrl": url} if url else {}),  # for delivery and seen reports
    }
    # Only templates can go to many at once.
    body = {"messages": [body]} if kind == "template" else body
    return call(account, "POST", f"whatsapp/1/message/{kind}", body=body)


def read(message: Known, account: Account) -> httpx.Request:
    """https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-inbound-messages/mark-whatsapp-message-as-read"""
    ids = (quote(identifier, safe="") for identifier in (message.sender, message.provider_id))
    return call(account, "POST", "whatsapp/1/senders/{}/message/{}/read".format(*ids))


def quoted(message: Mapping[str, Any]) -> Quoted | None:
    """What a message answers: by our id, if it is ours."""
    context = mapping(message.get("context"))
    if not text(context.get("id")):
        return None
    product = mapping(context.get("referredProduct"))
    catalog, retailer = text(product.get("catalogId")), text(product.get("productRetailerId"))
    return Quoted(
        provider_id=text(context["id"]),
        sender=phone(context.get("from")) or None,
        product=Product(catalog_id=catalog, retailer_id=retailer) if catalog and retailer else None,
    )


def inbound_content(message: Mapping[str, Any]) -> InboundContent:
    kind = text(message.get("type"))
    if kind in WORDS:
        return said(message.get(WORDS[kind]))
    match kind:
        case "BUTTON":
            return tapped(message.get("payload"), message.get("text"))
        case "INTERACTIVE_BUTTON_REPLY" | "INTERACTIVE_LIST_REPLY":
            return chosen(message.get("id"), message.get("title"), message.get("description"))
        case "LOCATION":
            words = {name: message.get(name) for name in ("name", "address", "url")}
            return place(message.get("latitude"), message.get("longitude"), **words)
        case "STICKER":
            return sticker(text(message.get("url")))
        case "REACTION":
            taken_back = message.get("action") == "REMOVED"
            return Reaction(type="reaction", emoji="" if taken_back else text(message.get("emoji")))
        case "CONTACT":
            cards = tuple(objects(message.get("contacts")))
            return ContactCards(type="contacts", cards=cards) if cards else Unsupported(type="unsupported")
        case "ORDER" if catalog := text(message.get("catalogId")):
            return _order(catalog, message)
    return shown(MEDIA.get(kind), text(message.get("url")), message.get("caption"))


def _order(catalog: str, message: Mapping[str, Any]) -> Order:
    products = tuple(
        OrderedProduct(
            retailer_id=text(item.get("productRetailerId")),
            quantity=number(item.get("quantity")),
            price=number(item.get("itemPrice")),
            currency=text(item.get("currency")),
        )
        for item in objects(message.get("productItems"))
    )
    return Order(type="order", catalog_id=catalog, products=products, text=text(message.get("text")) or None)


def check(account: Account, sender: str) -> httpx.Request:
    return call(account, "GET", "whatsapp/1/senders/quality", query={"senders": sender})


def checked(reply: httpx.Response, sender: str) -> Verification:
    """Only the account's own numbers are in the answer."""
    results = answer(reply).get("results")
    if not isinstance(results, list):
        raise Unanswered(1331, "no senders")
    for raw in objects(results):
        if phone(raw.get("sender")) == sender:
            status = text(raw.get("status"))
            state, reason = STATES.get(status, ("pending", f"its status is {status}"))
            poor = "its quality rating is low" if raw.get("qualityRating") == "LOW" else ""
            return Verification(state, ", ".join(part for part in (reason, poor) if part))
    return Verification("failed", "the account has no such WhatsApp sender")


def _content(message: Message) -> tuple[str, dict[str, Any]]:
    """The kind of message, which is a part of the address, and its content."""
    content = message.content
    match content:
        case Text():
            preview = {"previewUrl": True} if _URL.search(content.text) else {}
            return "text", {"text": content.text, **preview}
        case Image() | Video():
            return content.type, _media(content)
        case Audio():
            return "audio", {"mediaUrl": content.url}
        case File():
            name = file_name(content)
            return "document", _media(content) | ({"filename": name} if name else {})
        case Location():
            words = {"name": content.name, "address": content.address}
            spot = {"latitude": content.latitude, "longitude": content.longitude}
            return "location", spot | {name: said for name, said in words.items() if said}
        case Template():
            return "template", {
                "templateName": content.name.rpartition(":")[2],  # a namespace is of the time before 2020
                "templateData": {"body": {"placeholders": list(content.parameters)}},
                "language": (message.whatsapp.locale or "en").replace("-", "_"),
            }
        case Custom():
            return _custom(content.custom)
        case Sticker() if content.url:
            return "sticker", {"mediaUrl": content.url}
        case Vcard() | Sticker() | Reaction() | Several() | Card() | Carousel():
            raise Rejected(1140)
        case _:
            assert_never(content)


def _media(content: Image | Video | File) -> dict[str, str]:
    return {"mediaUrl": content.url} | ({"caption": content.caption} if content.caption else {})


def _custom(custom: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """{kind: content}. The kind goes into the address, so it must be a name and nothing else."""
    kind, content = next(iter(custom.items()), ("", None))
    if len(custom) != 1 or not _KIND.fullmatch(kind) or not isinstance(content, dict):
        raise Rejected(1040, "custom must be one kind of message and its content")
    return kind, content
