"""What messages cost by the rate table."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from switchboard import clock, pricing
from switchboard.models.events import Usage
from switchboard.models.messages import Message, Status
from switchboard.money import Money
from switchboard.pricing import BadRates, Prices
from switchboard.store import MessageItem, StatusRecord

TABLE = """
[[rate]]
channel = "sms"
price = "0.05"
currency = "EUR"
date = 2026-11-01
source = "us"

[[rate]]
channel = "sms"
prefix = "44"
price = "0.04"
currency = "EUR"
date = 2026-11-01
source = "us"

[[rate]]
channel = "sms"
prefix = "44"
provider = "twilio"
price = "0.03"
currency = "USD"
date = 2026-11-01
source = "us"

[[rate]]
channel = "whatsapp"
provider = "whatsapp_cloud"
category = "service"
price = "0"
currency = "EUR"
date = 2026-11-01
source = "us"

[[rate]]
channel = "whatsapp"
category = "utility"
price = "0.02"
currency = "CHF"
date = 2026-11-01
source = "us"

[[rate]]
channel = "whatsapp"
category = "marketing"
price = "0.1"
currency = "USD"
date = 2026-11-01
source = "us"
"""
NOW = clock.now()


def prices() -> Prices:
    return Prices(Money("EUR", {"USD": Decimal("0.5")}), pricing.read(TABLE))


def item(
    channel: str = "sms",
    to: str = "447700900100",
    *,
    provider: str | None = None,
    category: str | None = None,
    usage: Usage | None = None,
    status: Status = Status.DELIVERED,
    text: str = "hello",
    template: bool = False,
    custom: dict[str, Any] | None = None,
    fallback: bool = False,
) -> MessageItem:
    content: dict[str, Any] = {"type": "text", "text": text}
    if template:
        content = {"type": "template", "name": "parcel"}
    if custom:
        content = {"type": "custom", "custom": custom}
    options = {"whatsapp": {"template_fallback": {"name": "parcel"}}} if fallback else {}
    ends = {"channel": channel, "sender": "1", "recipient": to}
    message = Message.model_validate({"message_uuid": "u", **ends, "content": content, **options})
    records = {
        Status.SUBMITTED: StatusRecord(at=NOW, by="a", category=category),
        status: StatusRecord(at=NOW + timedelta(seconds=1), by="b", usage=usage),
    }
    return MessageItem(
        message=message,
        application_id=None,
        accepted_at=NOW,
        status=status,
        statuses=records,
        provider=provider,
    )


PRICED: dict[str, tuple[MessageItem, str | None]] = {
    "anywhere": (item(to="33612345678"), "0.0500"),
    "the longest prefix": (item(), "0.0400"),
    "the provider's own": (item(provider="twilio/main"), "0.0150"),
    "each part": (item(text="x" * 161), "0.0800"),
    # AWS takes 1,600 characters at once: 11 parts each.
    "each part of what went out in two": (item(text="x" * 3200), "0.8800"),
    "a template by hand": (item("whatsapp", custom={"type": "template"}), None),
    "what a template may have stood in for": (item("whatsapp", fallback=True), None),
    "as the provider states it": (item(usage=Usage(Decimal("0.07"), "EUR")), "0.07"),
    "nothing yet": (item(status=Status.SUBMITTED), None),
    "not for what failed": (item(status=Status.REJECTED), None),
    "no template is a service": (item("whatsapp"), "0.0000"),
    "another provider's service": (item("whatsapp", provider="twilio/a"), None),
    "by category": (item("whatsapp", category="marketing", template=True), "0.0500"),
    "a currency without a rate": (item("whatsapp", category="utility", template=True), None),
    "a template of unknown category": (item("whatsapp", template=True), None),
    "no entry": (item("messenger", "200"), None),
}


@pytest.mark.parametrize(("message", "price"), PRICED.values(), ids=list(PRICED))
def test_price(message: MessageItem, price: str | None) -> None:
    found = prices().of(message)
    assert (found and str(found.price)) == price
    assert found is None or found.currency == "EUR"
    # Told once: with the status that it came with, or with `delivered`.
    told = [prices().at(message, status) for status in message.statuses]
    assert [usage for usage in told if usage] == ([found] if found else [])


def test_read_says_nothing_that_delivered_said() -> None:
    message = item(status=Status.READ)
    both = message.model_copy(
        update={"statuses": {**message.statuses, Status.DELIVERED: StatusRecord(at=NOW, by="b")}}
    )
    assert prices().at(both, Status.DELIVERED) == prices().of(both) == Usage(Decimal("0.0400"), "EUR")
    assert prices().at(both, Status.READ) is None


WRONG = {
    "no TOML": ("[[rate", "rates.toml"),
    "no price": (TABLE.replace('price = "0.04"\n', ""), "entry 2: price"),
    "a channel that is none": (TABLE.replace('"sms"', '"fax"', 1), "entry 1: channel"),
    "a prefix with a plus": (TABLE.replace('prefix = "44"', 'prefix = "+44"', 1), "entry 2: prefix"),
    "below nothing": (TABLE.replace('"0.05"', '"-1"'), "entry 1: price"),
    "no source": (TABLE.replace('source = "us"', 'source = ""', 1), "entry 1: source"),
}


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=list(WRONG))
def test_a_wrong_table_says_where(text: str, words: str) -> None:
    with pytest.raises(BadRates, match=words):
        pricing.read(text)


def test_our_own_table_is_right() -> None:
    assert pricing.table()
