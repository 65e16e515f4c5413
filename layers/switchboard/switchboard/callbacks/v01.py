"""The v0.1 bodies that clients receive: status, inbound message, a dispatch's final report."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from switchboard import clock, failures
from switchboard.channels import CHANNELS
from switchboard.models.events import Usage
from switchboard.models.messages import Channel, Location, Message, Status, Text, Unsupported
from switchboard.pricing import count
from switchboard.store.items import KEPT, DispatchItem, InboundItem, MessageItem

Body = dict[str, Any]


def status(item: MessageItem, reached: Status, usage: Usage | None) -> Body:
    """What a message was when it reached a status: the status webhook."""
    record = item.statuses.get(reached)
    body: Body = {
        "message_uuid": item.uuid,
        **_parties(item.message),
        "timestamp": clock.wire(item.reached_at(reached)),
        "status": reached.value,
    }
    if usage:
        body["usage"] = _usage(usage)
    if parts := count(item):
        body["sms"] = {"count_total": str(parts)}
    if record and record.failure:
        body["error"] = {
            "code": record.failure.code,
            "reason": failures.reason(record.failure.code),
        }
    if item.message.client_ref is not None:
        body["client_ref"] = item.message.client_ref
    if item.link:
        uuid = item.link.dispatch_uuid
        body["_links"] = {"workflow": {"dispatch_uuid": uuid, "href": f"/workflows/{uuid}"}}
    return body


def message(item: MessageItem, usage: Usage | None) -> Body:
    """A message as it is now: its newest status, with the price whenever that became known."""
    body = status(item, item.status, usage)
    body["statuses"] = {name.value: clock.wire(item.reached_at(name)) for name in item.statuses}
    return body


def inbound(item: InboundItem, media_url: str) -> Body:
    """A person's message. Media that we keep is at `media_url`; what could not be had is `unsupported`, and
    `error` (ours) says why."""
    channel = Channel(item.channel)
    capability = CHANNELS[channel]
    lost = item.media not in ("", KEPT)
    content = Unsupported(type="unsupported") if lost else item.content
    node: Body = {"type": content.type}
    match content:
        case Text():
            node["text"] = content.text
        case Location():
            node["location"] = _present(
                lat=str(content.latitude),
                long=str(content.longitude),
                url=content.url,
                address=content.address,
                name=content.name,
            )
        case Unsupported():
            pass
        case _:
            url = media_url if item.media == KEPT else content.url
            node[content.type] = _present(url=url, caption=content.caption)
    error = {"code": int(item.media), "reason": failures.reason(int(item.media))} if lost else None
    return {
        "message_uuid": item.message_uuid,
        # The far end of an outbound message is the near end of an inbound one.
        "to": {"type": channel.value, capability.sender: item.recipient},
        "from": {"type": channel.value, capability.recipient: item.sender},
        "timestamp": clock.wire(item.at),
        "direction": "inbound",
        "message": {"content": node},
        **({"error": error} if error else {}),
    }


def report(
    dispatch: DispatchItem,
    messages: Sequence[tuple[MessageItem, Usage | None]],
    completed: bool,
    reason: str | None,
    total: Usage,
    at: datetime,
) -> Body:
    """The final report. `reason` (ours) says why a dispatch ended in error; `late` (ours) marks a message
    that met its condition after its step's time."""
    return {
        "dispatch_uuid": dispatch.dispatch_uuid,
        "template": "failover",
        "status": "completed" if completed else "error",
        **({"reason": reason} if reason else {}),
        "timestamp": clock.wire(at),
        "usage": _usage(total),
        "_links": {"messages": [_entry(*priced, dispatch.step) for priced in messages]},
    }


def _entry(item: MessageItem, usage: Usage | None, last_step: int) -> Body:
    entry: Body = {
        "message_uuid": item.uuid,
        "href": f"v0.1/messages/{item.uuid}",
        "channel": item.message.channel.value,
        "status": item.status.value,
    }
    if usage:
        entry["usage"] = _usage(usage)
    if item.satisfied and item.link and item.link.step < last_step:
        entry["late"] = True
    return entry


def _parties(message: Message) -> Body:
    capability = CHANNELS[message.channel]
    return {
        "to": {"type": message.channel.value, capability.recipient: message.recipient},
        "from": {"type": message.channel.value, capability.sender: message.sender},
    }


def _usage(usage: Usage) -> Body:
    return {"price": f"{usage.price:f}", "currency": usage.currency}


def _present(**values: str | None) -> Body:
    return {name: value for name, value in values.items() if value is not None}
