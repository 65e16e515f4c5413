"""The bodies of version 0.1: status, inbound message, a dispatch and its final report."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from switchboard import clock, failures
from switchboard.channels import CHANNELS
from switchboard.models.events import Usage
from switchboard.models.messages import (
    Audio,
    Button,
    Channel,
    File,
    Image,
    Location,
    Media,
    Message,
    Reply,
    Status,
    Sticker,
    Text,
    Unsupported,
    Vcard,
    Video,
)
from switchboard.pricing import Total, count
from switchboard.store.items import KEPT, DispatchItem, InboundItem, MessageItem
from switchboard.timeline import StepView

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
        body["usage"] = amount(usage)
    if parts := count(item):
        body["sms"] = {"count_total": str(parts)}
    if record and record.failure:
        body["error"] = {
            "code": record.failure.code,
            "reason": failures.told(record.failure),
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
    return body | unknown(item)


def unknown(item: MessageItem) -> Body:
    """Attempts whose outcome nobody knew (ours), and what was done about each."""
    if not item.unknown:
        return {}
    attempts = [
        {"timestamp": clock.wire(one.at), "account": one.account, "decision": one.decision}
        for one in item.unknown
    ]
    return {"unknown": attempts}


def inbound(item: InboundItem, media_url: str) -> Body:
    """A person's message. Media that we keep is at `media_url`; what could not be had is `unsupported`, and
    `error` (ours) says why."""
    channel = Channel(item.channel)
    capability = CHANNELS[channel]
    content = _as_version_0_1(item)
    node: Body = {"type": content.type}
    match content:
        case Text():
            node["text"] = content.text
        case Location():
            node["location"] = present(
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
            node[content.type] = present(url=url, caption=content.caption)
    error = {"code": item.lost, "reason": failures.reason(item.lost)} if item.lost else None
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


def _as_version_0_1(item: InboundItem) -> Text | Media | Location | Unsupported:
    """What a person chose is told as what they saw."""
    content = item.content
    if item.lost:
        return Unsupported(type="unsupported")
    match content:
        case Text() | Location() | Image() | Audio() | Video() | File() | Vcard():
            return content
        case Reply():
            return Text(type="text", text=content.title or content.id)
        case Button():
            return Text(type="text", text=content.text or content.payload)
        case Sticker() if content.url:
            return Image(type="image", url=content.url)
    return Unsupported(type="unsupported")


def dispatch(
    item: DispatchItem,
    steps: Sequence[StepView],
    price: Callable[[MessageItem], Usage | None],
    cost: Total,
) -> Body:
    """A dispatch as it is now (ours): each step with its message's statuses and why it was left, what all of
    it has cost by now, and in the end the report as it was sent."""
    body: Body = {
        "dispatch_uuid": item.dispatch_uuid,
        "template": "failover",
        "status": item.report["status"] if item.report else "cancelled" if item.cancelled_at else "running",
        "timestamp": clock.wire(item.accepted_at),
        "step": max(item.step, 0),
        "steps": [_step(view, price) for view in steps],
    }
    body |= total(cost)
    if item.cancelled_at:
        body["cancelled_at"] = clock.wire(item.cancelled_at)
    if item.report:
        body["report"] = item.report
    return body


def _step(view: StepView, price: Callable[[MessageItem], Usage | None]) -> Body:
    step, message = view.step, view.message
    body: Body = {
        "step": view.number,
        "message_uuid": step.message.message_uuid,
        "channel": step.message.channel.value,
        "condition_status": step.condition.value if step.condition else None,
        "expiry_time": step.seconds,
        "began_at": _moment(view.began_at),
        "deadline": _moment(view.deadline),
        "ended_at": _moment(view.ended_at),
        "state": view.state.value,
        "reason": view.reason.value if view.reason else None,
        "status": None,
        "statuses": {},
    }
    if message:
        body["status"] = message.status.value
        body["statuses"] = {name.value: clock.wire(message.reached_at(name)) for name in message.statuses}
        heard = {name.value: clock.wire(one.heard) for name, one in message.statuses.items() if one.heard}
        body |= {"heard": heard} if heard else {}
        record = message.statuses.get(message.status)
        body |= present(account=message.provider, provider_id=message.provider_id)
        usage = price(message)
        if usage:
            body["usage"] = amount(usage)
        if record and record.failure:
            body["error"] = {
                "code": record.failure.code,
                "reason": failures.told(record.failure),
                **present(provider_code=record.failure.provider_code or None),
            }
        if view.late:
            body["late"] = True
        body |= unknown(message)
    return body


def _moment(at: datetime | None) -> str | None:
    return clock.wire(at) if at else None


def report(
    dispatch: DispatchItem,
    messages: Sequence[tuple[MessageItem, Usage | None]],
    completed: bool,
    reason: str | None,
    total: Usage,
    at: datetime,
) -> Body:
    """The final report. `reason` (ours) says why a dispatch ended in error; `late` (ours) marks a message
    that met its condition after its step's time; `cancelled` (ours) is the status of what was called off."""
    ended = "completed" if completed else "error"
    return {
        "dispatch_uuid": dispatch.dispatch_uuid,
        "template": "failover",
        "status": "cancelled" if dispatch.cancelled_at else ended,
        **({"reason": reason} if reason else {}),
        "timestamp": clock.wire(at),
        "usage": amount(total),
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
        entry["usage"] = amount(usage)
    if item.satisfied and item.link and item.link.step < last_step:
        entry["late"] = True
    return entry


def _parties(message: Message) -> Body:
    capability = CHANNELS[message.channel]
    return {
        "to": {"type": message.channel.value, capability.recipient: message.recipient},
        "from": {"type": message.channel.value, capability.sender: message.sender},
    }


def amount(usage: Usage) -> Body:
    return {"price": f"{usage.price:f}", "currency": usage.currency}


def total(found: Total) -> Body:
    """What a dispatch has cost by now (ours)."""
    return ({"usage": amount(found.usage)} if found.usage else {}) | {"usage_state": found.state}


def present(**values: str | None) -> Body:
    return {name: value for name, value in values.items() if value is not None}
