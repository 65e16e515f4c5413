"""The bodies of version 1: status and inbound message."""

from typing import Any

from switchboard import clock, failures
from switchboard.callbacks.v01 import Body, amount, present, unknown
from switchboard.channels import V1_NAMES
from switchboard.models.events import Failure, Usage
from switchboard.models.messages import (
    Button,
    Channel,
    ContactCards,
    Location,
    Order,
    Reaction,
    Reply,
    Status,
    Sticker,
    Text,
    Unsupported,
)
from switchboard.pricing import count
from switchboard.segments import segments
from switchboard.store.items import KEPT, InboundItem, MessageItem

_ERRORS = "https://developer.vonage.com/api-errors/messages"


def status(item: MessageItem, reached: Status, usage: Usage | None) -> Body:
    """What a message was when it reached a status: the status webhook."""
    record = item.statuses.get(reached)
    message = item.message
    body: Body = {
        "message_uuid": item.uuid,
        "to": message.recipient,
        "from": message.sender,
        "timestamp": clock.wire(item.reached_at(reached)),
        "status": reached.value,
        "channel": _channel(message.channel),
    }
    if usage:
        body["usage"] = amount(usage)
    if parts := count(item):
        body["sms"] = {"count_total": str(parts)}
    if record and record.failure:
        body["error"] = _error(record.failure, item.uuid)
    if message.client_ref is not None:
        body["client_ref"] = message.client_ref
    if item.link:
        body["workflow"] = _workflow(item.link.dispatch_uuid, item.link.step + 1, item.link.of)
    return body


def _workflow(workflow_id: str, number: int, of: int) -> Body:
    """Clients differ in how they call these."""
    return {
        "workflow_id": workflow_id,
        "items_number": str(number),
        "items_total": str(of),
        "id": workflow_id,
        "item_number": str(number),
        "total_items": str(of),
    }


def message(item: MessageItem, usage: Usage | None) -> Body:
    """A message as it is now: its newest status, with the price whenever that became known."""
    body = status(item, item.status, usage)
    body["statuses"] = {name.value: clock.wire(item.reached_at(name)) for name in item.statuses}
    return body | unknown(item)


def inbound(item: InboundItem, media_url: str) -> Body:
    """A person's message. Media that we keep is at `media_url`; what could not be had is `unsupported`, and
    `error` (ours) says why."""
    body: Body = {
        "channel": _channel(Channel(item.channel)),
        "message_uuid": item.message_uuid,
        "to": item.recipient,
        "from": item.sender,
        "timestamp": clock.wire(item.at),
    }
    if item.lost:
        body |= {"message_type": "unsupported", "error": _error(Failure(item.lost), item.message_uuid)}
    else:
        body |= _content(item, media_url)
    if item.profile:
        body["profile"] = {"name": item.profile}
    if item.channel == Channel.WHATSAPP:
        body |= _context(item)
    return body


def _content(item: InboundItem, media_url: str) -> Body:
    content = item.content
    match content:
        case Text():
            return {"message_type": "text", "text": content.text, **_sms(item, content.text)}
        case Location():
            node: dict[str, Any] = {"lat": content.latitude, "long": content.longitude}
            node |= present(name=content.name, address=content.address, url=content.url)
        case Reply():
            node = present(id=content.id, title=content.title, description=content.description)
        case Button():
            node = {"payload": content.payload, "text": content.text}
        case Reaction():
            node = {"action": "react", "emoji": content.emoji} if content.emoji else {"action": "unreact"}
        case Order():
            products = [
                {
                    "product_retailer_id": product.retailer_id,
                    "quantity": product.quantity,
                    "item_price": product.price,
                    "currency": product.currency,
                }
                for product in content.products
            ]
            node = {"catalog_id": content.catalog_id, "product_items": products}
            node |= present(text=content.text)
        case ContactCards():
            return {"message_type": "contact", "contact": {"contacts": list(content.cards)}}
        case Unsupported():
            return {"message_type": "unsupported"}
        case Sticker():
            node = present(url=media_url if item.media == KEPT else content.url, id=content.id)
        case _:
            node = present(url=media_url if item.media == KEPT else content.url, caption=content.caption)
    return {"message_type": content.type, content.type: node}


def _sms(item: InboundItem, text: str) -> Body:
    if item.channel != Channel.SMS:
        return {}
    parts = str(segments(text).parts)
    return {"sms": {"num_messages": parts, "total_count": parts, "keyword": text.split(" ")[0].upper()}}


def _context(item: InboundItem) -> Body:
    """What the message answers. `unavailable` where that is none that we know."""
    if item.quotes is None:
        return {"context_status": "none"}
    context = present(message_uuid=item.quotes_uuid, message_from=item.quotes.sender)
    product = item.quotes.product
    if product:
        context["whatsapp_referred_product"] = {
            "catalog_id": product.catalog_id,
            "product_retailer_id": product.retailer_id,
        }
    status = "available" if item.quotes_uuid or product else "unavailable"
    return {"context_status": status, **({"context": context} if status == "available" else {})}


def _error(failure: Failure, instance: str) -> Body:
    return {
        "type": f"{_ERRORS}#{failure.code}",
        "title": str(failure.code),
        "detail": failures.told(failure),
        "instance": instance,
    }


def _channel(channel: Channel) -> str:
    return V1_NAMES.get(channel, channel.value)
