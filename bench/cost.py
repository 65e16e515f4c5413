"""What a million messages and a million dispatches cost, line by line."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.meter import Units
from bench.prices import Prices, load
from bench.system import System, system
from switchboard import clock
from switchboard.models.workflows import message_uuid
from tests.support import payloads

Move = Callable[[System, int, int], None]
"""Does something `count` times, with queues in batches of `batch`."""
CHANNELS = ("viber", "whatsapp", "messenger", "sms")
STEP = "viber_service_msg"


@dataclass
class Measured:
    """What one of a kind is billed for: one message, one dispatch."""

    name: str
    batch: int
    by: dict[str, dict[str, float]]
    """Units of each function, of the state machine, and of what stays in the table."""
    calls: dict[str, float]
    """How often who called what."""

    @property
    def units(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for each in self.by.values():
            for unit, count in each.items():
                found[unit] = found.get(unit, 0) + count
        return found

    def dollars(self, prices: Prices) -> dict[str, float]:
        """Of a million, by line."""
        return {line: value * 1e6 for line, value in prices.dollars(self.units).items()}

    def dollars_by(self, prices: Prices) -> dict[str, float]:
        """Of a million, by who spends it."""
        return {who: sum(prices.dollars(units).values()) * 1e6 for who, units in self.by.items()}

    def total(self, prices: Prices) -> float:
        return sum(self.dollars(prices).values())


def measure(name: str, move: Move, count: int = 10, batch: int = 10, *, forget: bool = False) -> Measured:
    """`count` at once, after one round for the caches; with `forget` each alone, in processes that just
    started."""
    with system() as at:
        if not forget:
            move(at, min(count, batch), batch)
            at.settle()
        at.meter.clear()
        stored = at.stored()
        if forget:
            for _ in range(count):
                at.forget()
                move(at, 1, 1)
        else:
            move(at, count, batch)
            assert not at.waiting(), "not all of it was done"
        by = {who: _each(units, count) for who, units in at.meter.by.items()}
        kept = (at.stored() - stored) / 1e9 * at.retention_days / 30
        by["table"] = _each(Units({"stored_gb": kept, "backup_gb": kept}), count)
        calls = {f"{who} {call}": times / count for (who, call), times in sorted(at.meter.calls.items())}
        return Measured(name, batch, by, calls)


def _each(units: Mapping[str, float], count: int) -> dict[str, float]:
    return {unit: total / count for unit, total in units.items()}


# --- moves ------------------------------------------------------------------------------------------


def message(channel: str) -> Move:
    """One send, two receipts, three webhooks."""

    def move(at: System, count: int, batch: int) -> None:
        uuids = [at.send("viber_service_msg" if channel == "viber" else channel) for _ in range(count)]
        at.work("OutboundQueue", batch)
        at.work("WebhooksQueue", batch)
        for number in range(2):
            _receipts(at, channel, uuids, number)
            at.work("WebhooksQueue", batch)

    return move


def _receipts(at: System, channel: str, uuids: list[str], number: int) -> None:
    """The first or second receipt of each."""
    for uuid in uuids:
        match channel:
            case "viber":
                _infobip(at, uuid, seen=number == 1)
            case "sms":
                at.sns(payloads.sms_receipt(uuid, ("TEXT_SENT", "TEXT_DELIVERED")[number]))
            case "whatsapp":
                _whatsapp(at, uuid, ("delivered", "read")[number])
            case "messenger":
                _messenger(at, uuid, ("delivery", "read")[number])


def _infobip(at: System, uuid: str, *, seen: bool = False, status: dict[str, Any] | None = None) -> None:
    at.http("status", "/status/infobip/default", {"results": [_result(uuid, seen, status)]},
            query={"token": "ib-token"})  # fmt: skip


def _result(uuid: str, seen: bool, status: dict[str, Any] | None) -> dict[str, Any]:
    """As Infobip reports on a Viber message."""
    stamp = clock.wire(clock.now()).replace("Z", "+0000")
    result: dict[str, Any] = {"messageId": uuid, "to": "447700900100", "callbackData": uuid}
    if seen:
        return result | {"from": "Acme", "seenAt": stamp}
    return result | {
        "sender": "Acme",
        "sentAt": stamp,
        "doneAt": stamp,
        "messageCount": 1,
        "price": {"pricePerMessage": 0.0125, "currency": "EUR"},
        "status": status or payloads.DELIVERED_TO_HANDSET,
        "error": {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "permanent": False},
    }


def _whatsapp(at: System, uuid: str, status: str) -> None:
    told = {
        "id": f"wamid.{uuid}",
        "status": status,
        "timestamp": str(int(time.time())),
        "recipient_id": "447700900100",
        "conversation": {"id": "72a8fd8b2f7bdb2d0b5eb0f8d1cf0d0a", "origin": {"type": "utility"}},
        "pricing": {"billable": True, "pricing_model": "PMP", "category": "utility"},
        "biz_opaque_callback_data": uuid,
    }
    metadata = {"display_phone_number": "447700900200", "phone_number_id": "447700900200"}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": [told]}
    entry = {"id": "1029", "changes": [{"field": "messages", "value": value}]}
    body = {"object": "whatsapp_business_account", "entry": [entry]}
    _meta(at, "whatsapp_cloud", body, "wa-secret")


def _messenger(at: System, uuid: str, kind: str) -> None:
    """The watermark of a conversation; each message is in one of its own."""
    event = {
        "sender": {"id": at.recipients[uuid]},
        "recipient": {"id": "1000000001"},
        "timestamp": int(time.time() * 1000),
        kind: {"watermark": int(time.time() * 1000) + 1000},
    }
    entry = {"id": "1000000001", "time": 0, "messaging": [event]}
    _meta(at, "messenger", {"object": "page", "entry": [entry]}, "fb-secret")


def _meta(at: System, provider: str, body: dict[str, Any], secret: str) -> None:
    raw = json.dumps(body)
    signature = hmac.new(secret.encode(), raw.encode(), hashlib.sha256).hexdigest()
    at.http("status", f"/status/{provider}/default", raw, {"X-Hub-Signature-256": f"sha256={signature}"})


def dispatch(tried: int, *, wins: bool = True, by_time: bool = True) -> Move:
    """`tried` steps go out. With `wins` the last of them gets both receipts. The others get none and run out
    of time, or without `by_time` are said not to be delivered; so is the last one if it does not win."""

    def move(at: System, count: int, batch: int) -> None:
        last = tried - 1
        steps = [payloads.step(STEP, 600, "read")] * (tried if wins else last)
        uuids = [at.dispatch(*steps, payloads.step(STEP)) for _ in range(count)]
        for number in range(tried):
            at.wait(lambda: at.cloud.waiting("OutboundQueue") >= count)
            at.work("OutboundQueue", batch)
            at.work("WebhooksQueue", batch)
            messages = [message_uuid(uuid, number) for uuid in uuids]
            if number == last and wins:
                _all(at, messages)
                at.work("WebhooksQueue", batch)
                _all(at, messages, seen=True)
            elif number == last or not by_time:
                _all(at, messages, status=payloads.NOT_DELIVERED)
            else:
                at.expire()
        at.wait(lambda: all(at.ended(uuid) for uuid in uuids))
        at.work("WebhooksQueue", batch)
        for uuid in uuids:
            at.transitions(uuid)

    return move


def _all(at: System, uuids: list[str], *, seen: bool = False, status: dict[str, Any] | None = None) -> None:
    for uuid in uuids:
        _infobip(at, uuid, seen=seen, status=status)


# --- what is measured -----------------------------------------------------------------------------------

DISPATCHES = {
    "first wins": dispatch(1),
    "second wins": dispatch(2),
    "third wins": dispatch(3),
    "first refused": dispatch(2, by_time=False),
    "all three fail": dispatch(3, wins=False),
}
MESSAGES = {channel: message(channel) for channel in CHANNELS}
HEADLINE = "viber"
"""The channel whose message the goals are held against: two receipts by HTTP, three webhooks."""
GOALS = {
    "message": 10.0,
    "a dispatch adds, first step wins": 60.0,
    "each further step adds": 55.0,
}
"""US dollars for a million."""


@dataclass
class Costs:
    prices: Prices
    messages: dict[str, Measured]
    small: Measured
    """The headline's message, one record a batch."""
    alone: Measured
    """The headline's message, one record a batch, in processes that just started."""
    dispatches: dict[str, Measured]

    def reached(self) -> dict[str, float]:
        """What GOALS are about."""
        of = {name: each.total(self.prices) for name, each in self.dispatches.items()}
        first, second, third = (of[f"{nth} wins"] for nth in ("first", "second", "third"))
        return {
            "message": self.messages[HEADLINE].total(self.prices),
            "a dispatch adds, first step wins": first - self.messages[HEADLINE].total(self.prices),
            "each further step adds": max(second - first, third - second),
        }


def run(count: int = 10) -> Costs:
    move = MESSAGES[HEADLINE]
    return Costs(
        load(),
        {name: measure(name, each, count) for name, each in MESSAGES.items()},
        measure("one a batch", move, count, batch=1),
        measure("alone", move, 3, batch=1, forget=True),
        {name: measure(name, each, count) for name, each in DISPATCHES.items()},
    )
