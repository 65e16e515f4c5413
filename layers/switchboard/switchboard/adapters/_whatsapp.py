"""WhatsApp's messages and webhooks, which are the same JSON through Meta's own API and through AWS.

https://developers.facebook.com/docs/whatsapp/cloud-api
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, assert_never

from switchboard.adapters import _meta
from switchboard.adapters._reading import (
    ErrorClass,
    chosen,
    file_name,
    final_status,
    integer,
    mapping,
    moment,
    number,
    objects,
    own_uuid,
    phone,
    place,
    said,
    shown,
    sticker,
    tapped,
    text,
)
from switchboard.adapters.base import Known
from switchboard.errors import ConfigurationError, Rejected, Throttled, Unavailable, Unreachable
from switchboard.models.events import (
    Event,
    Failure,
    Hook,
    Inbound,
    Product,
    Quoted,
    Receipt,
    TemplateNews,
    Usage,
)
from switchboard.models.messages import (
    Audio,
    Card,
    Carousel,
    Channel,
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
    Status,
    Sticker,
    Template,
    Text,
    Unsupported,
    Vcard,
    Video,
)

# https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components#statuses-object
STATUSES = {"sent": Status.SUBMITTED, "delivered": Status.DELIVERED, "read": Status.READ}
IGNORED = frozenset({"played"})  # a voice note was listened to; `read` came before

# The same codes come in answers and in webhooks:
# https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
ERRORS: dict[int, tuple[ErrorClass, int]] = {
    131026: (Unreachable, 1300),  # not on WhatsApp, or terms not accepted
    131049: (Unreachable, 1241),  # marketing cap of this person
    130472: (Unreachable, 1260),  # part of an experiment
    131047: (Rejected, 1340),
    131050: (Rejected, 1240),  # opted out of marketing
    131051: (Rejected, 1040),
    131052: (Rejected, 1380),
    131053: (Rejected, 1380),
    131008: (Rejected, 1010),
    131009: (Rejected, 1020),
    100: (Rejected, 1020),
    131021: (Rejected, 1170),  # to itself
    **dict.fromkeys(
        (132000, 132001, 132005, 132007, 132008, 132012, 132015, 132016, 132068), (Rejected, 1022)
    ),
    131062: (Rejected, 1170),
    131063: (Rejected, 1020),
    137000: (Rejected, 1020),
    130429: (Throttled, 1000),
    131056: (Throttled, 1000),  # too many to this one person
    80007: (Throttled, 1000),
    80008: (Throttled, 1000),  # the same for calls about templates
    4: (Throttled, 1000),
    132069: (Throttled, 1000),
    131048: (Throttled, 1210),
    131064: (Throttled, 1210),
    **dict.fromkeys((1, 2, 131000, 131016, 131057, 133004, 135000), (Unavailable, 1331)),
    **dict.fromkeys((0, 3, 10, 190, 131005, *range(200, 300)), (ConfigurationError, 1370)),
    33: (ConfigurationError, 1120),  # the sender's number was deleted
    368: (ConfigurationError, 1140),
    131030: (ConfigurationError, 1160),
    131031: (ConfigurationError, 1140),
    131037: (ConfigurationError, 1120),
    131042: (ConfigurationError, 1070),
    131045: (ConfigurationError, 1120),
    130497: (ConfigurationError, 1140),
}
UNKNOWN: tuple[ErrorClass, int] = (Rejected, 1330)
# Seconds after which another attempt can succeed, where the answer itself names none.
PAUSES = {131056: 6, 131048: 3600, 131064: 3600}

# https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components#messages-object
MEDIA = {"image": "image", "audio": "audio", "video": "video", "document": "file"}
OPENED = "request_welcome"  # somebody opened the chat for the first time and has written nothing

MEDIA_URL = f"{_meta.BASE_URL}/"
"""The address of inbound media is this and its id; who downloads it needs more than a GET."""

_URL = re.compile(r"https?://", re.IGNORECASE)


def body(message: Message) -> dict[str, Any]:
    """The request's JSON. Rejected for what WhatsApp cannot carry."""
    # Since 2026 a person can be known by a business-scoped user id only, "US.1349...".
    to = "to" if message.recipient.isdecimal() else "recipient"
    return {
        **_quote(message),
        **_content(message),
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        to: message.recipient,
        "biz_opaque_callback_data": message.message_uuid,
    }


def read(message: Known, *, typing: bool) -> dict[str, Any]:
    """The JSON that marks a person's message, and all before it, as read.

    https://developers.facebook.com/docs/whatsapp/cloud-api/typing-indicators
    """
    return {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": message.provider_id,
        **({"typing_indicator": {"type": "text"}} if typing else {}),
    }


def events(entries: object, hook: Hook) -> list[Event]:
    """Everything in a webhook's `entry` list. Fields that are not about messages or templates are skipped."""
    found: list[Event] = []
    for entry in objects(entries):
        for change in objects(entry.get("changes")):
            value = mapping(change.get("value"))
            match change.get("field"):
                case "messages":
                    found += _events(value, hook)
                case "message_template_status_update":
                    found += _template_news(value)
    return found


def _quote(message: Message) -> dict[str, Any]:
    """What a message answers. A reaction names it by itself."""
    if message.reply_to is None or isinstance(message.content, Reaction):
        return {}
    return {"context": {"message_id": message.reply_to}}


def _content(message: Message) -> dict[str, Any]:
    """The request's members beside the addressing."""
    content = message.content
    match content:
        case Text():
            body = {"body": content.text, "preview_url": bool(_URL.search(content.text))}
            return {"type": "text", "text": body}
        case Image() | Video():
            return {"type": content.type, content.type: _media(content)}
        case Audio():
            return {"type": "audio", "audio": {"link": content.url}}
        case File():
            name = file_name(content)
            return {"type": "document", "document": _media(content) | ({"filename": name} if name else {})}
        case Template():
            return {"type": "template", "template": _template(content, message.whatsapp.locale)}
        case Custom():
            return {key: value for key, value in content.custom.items() if key not in ("to", "recipient")}
        case Location():
            words = {"name": content.name, "address": content.address}
            spot = {"latitude": content.latitude, "longitude": content.longitude}
            return {
                "type": "location",
                "location": spot | {name: said for name, said in words.items() if said},
            }
        case Sticker():
            which = {"link": content.url} if content.url else {"id": content.id}
            return {"type": "sticker", "sticker": which}
        case Reaction():
            if message.reply_to is None:
                raise Rejected(1020, "nothing to react to")
            reaction = {"message_id": message.reply_to, "emoji": content.emoji}
            return {"type": "reaction", "reaction": reaction}
        case Vcard() | Several() | Card() | Carousel():
            raise Rejected(1140)
        case _:
            assert_never(content)


def _media(content: Image | Video | File) -> dict[str, str]:
    return {"link": content.url} | ({"caption": content.caption} if content.caption else {})


def _template(template: Template, locale: str | None) -> dict[str, Any]:
    """A namespace before ":" is of the time before 2020; the policy `fallback` no longer exists."""
    parameters = [{"type": "text", "text": value} for value in template.parameters]
    return {
        "name": template.name.rpartition(":")[2],
        "language": {"policy": "deterministic", "code": (locale or "en").replace("-", "_")},
        **({"components": [{"type": "body", "parameters": parameters}]} if parameters else {}),
    }


def _events(value: Mapping[str, Any], hook: Hook) -> list[Event]:
    receipts = [
        _receipt(status)
        for status in objects(value.get("statuses"))
        if text(status.get("status")) not in IGNORED
    ]
    inbound = [
        _inbound(message, value, hook)
        for message in objects(value.get("messages"))
        if message.get("type") != OPENED
    ]
    return [event for event in [*receipts, *inbound] if event]


def _receipt(raw: dict[str, Any]) -> Receipt:
    word = text(raw.get("status"))
    status, failure = STATUSES.get(word), None
    if word == "failed":
        errors = objects(raw.get("errors"))
        code = integer(errors[0].get("code")) if errors else None
        kind, ours = UNKNOWN if code is None else ERRORS.get(code, UNKNOWN)
        status, failure = final_status(kind), Failure(ours, text(code))
    pricing = mapping(raw.get("pricing"))
    free = pricing.get("billable") is False
    return Receipt(
        status=status,
        raw=raw,
        message_uuid=own_uuid(raw.get("biz_opaque_callback_data")),
        provider_id=text(raw.get("id")) or None,
        at=moment(raw.get("timestamp")),
        # Meta names no amounts: what is billed depends on a price list.
        usage=Usage(Decimal(0), "EUR") if free else None,
        failure=failure,
        category="free" if free else text(pricing.get("category")) or None,
    )


def _inbound(raw: dict[str, Any], value: Mapping[str, Any], hook: Hook) -> Inbound | None:
    contacts = objects(value.get("contacts"))
    # Somebody with a user name may show no number.
    by_contact = contacts[0].get("user_id") if len(contacts) == 1 else None
    sender = phone(raw.get("from")) or text(raw.get("from_user_id")) or text(by_contact)
    recipient = re.sub(r"\D", "", text(mapping(value.get("metadata")).get("display_phone_number")))
    at = moment(raw.get("timestamp")) or hook.received_at
    wamid = text(raw.get("id"))
    if not (sender and recipient and at and wamid):
        return None
    return Inbound(
        channel=Channel.WHATSAPP,
        provider_id=wamid,
        sender=sender,
        recipient=recipient,
        at=at,
        content=_inbound_content(raw),
        raw=raw,
        # There is one for each person who writes: with several it is not known whose it is.
        profile=text(mapping(contacts[0].get("profile")).get("name")) or None if len(contacts) == 1 else None,
        quotes=_quoted(raw),
    )


def _quoted(raw: Mapping[str, Any]) -> Quoted | None:
    """What a message answers, or reacts to. One that was only passed on has a context without an id."""
    context = mapping(raw.get("context"))
    identifier = text(context.get("id")) or text(mapping(raw.get("reaction")).get("message_id"))
    if not identifier:
        return None
    product = mapping(context.get("referred_product"))
    catalog, retailer = text(product.get("catalog_id")), text(product.get("product_retailer_id"))
    return Quoted(
        provider_id=identifier,
        sender=phone(context.get("from")) or None,
        product=Product(catalog_id=catalog, retailer_id=retailer) if catalog and retailer else None,
    )


def _inbound_content(raw: Mapping[str, Any]) -> InboundContent:
    kind = text(raw.get("type"))
    body = mapping(raw.get(kind))
    match kind:
        case "text":
            return said(body.get("body"))
        case "button":
            return tapped(body.get("payload"), body.get("text"))
        case "interactive":
            reply = mapping(body.get(text(body.get("type"))))
            words = reply.get("title") or reply.get("body")
            return chosen(reply.get("id"), words, reply.get("description"))
        case "reaction":
            return Reaction(type="reaction", emoji=text(body.get("emoji")))
        case "order":
            return _order(body)
        case "contacts":
            cards = tuple(objects(raw.get("contacts")))
            return ContactCards(type="contacts", cards=cards) if cards else Unsupported(type="unsupported")
        case "location":
            words = {name: body.get(name) for name in ("name", "address", "url")}
            return place(body.get("latitude"), body.get("longitude"), **words)
    # The id lasts for days, the url that may come with it for minutes.
    media_id = text(body.get("id"))
    url = f"{MEDIA_URL}{media_id}" if media_id else text(body.get("url"))
    if kind == "sticker":
        return sticker(url)
    return shown(MEDIA.get(kind), url, body.get("caption"))


def _order(body: Mapping[str, Any]) -> InboundContent:
    catalog = text(body.get("catalog_id"))
    if not catalog:
        return Unsupported(type="unsupported")
    products = tuple(
        OrderedProduct(
            retailer_id=text(item.get("product_retailer_id")),
            quantity=number(item.get("quantity")),
            price=number(item.get("item_price")),
            currency=text(item.get("currency")),
        )
        for item in objects(body.get("product_items"))
    )
    return Order(type="order", catalog_id=catalog, products=products, text=text(body.get("text")) or None)


def _template_news(value: dict[str, Any]) -> list[Event]:
    name, status = text(value.get("message_template_name")), text(value.get("event")).upper()
    if not (name and status):
        return []
    details = text(mapping(value.get("rejection_info")).get("reason"))
    details = details or text(mapping(value.get("other_info")).get("description"))
    return [
        TemplateNews(
            name=name,
            language=text(value.get("message_template_language")),
            status=status,
            raw=value,
            template_id=text(value.get("message_template_id")),
            reason=": ".join(part for part in (reason(value.get("reason")), details) if part),
        )
    ]


def reason(word: object) -> str:
    """A reason in one word; empty where Meta writes NONE."""
    return "" if word == "NONE" else text(word)
