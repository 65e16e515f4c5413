"""What a message cost: as its provider states it, or by the rate table (rates.toml)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from switchboard.adapters import adapter
from switchboard.models.events import Usage
from switchboard.models.frozen import LAZY, Frozen
from switchboard.models.messages import Channel, Message, Redacted, Status, Text
from switchboard.money import Money
from switchboard.segments import segments, split
from switchboard.settings import DEFAULT_PROVIDERS
from switchboard.store.items import MessageItem

SERVICE = "service"
TEMPLATES = ("marketing", "utility", "authentication")
"""The categories of WhatsApp: of what is free-form, and of templates."""
LONGEST_WHOLE = 1000
"""UTF-16 units that every provider takes at once."""
TABLE = Path(__file__).with_name("rates.toml")


class RateEntry(Frozen):
    channel: Channel
    provider: str | None = None
    prefix: Annotated[str, Field(pattern=r"^[0-9]*$")] = ""
    category: str | None = None
    price: Annotated[Decimal, Field(ge=0)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    date: date
    source: Annotated[str, Field(min_length=1)]

    def fits(self, message: Message, provider: str, category: str) -> bool:
        return (
            self.channel is message.channel
            and message.recipient.startswith(self.prefix)
            and self.provider in (None, provider)
            and self.category in (None, category)
        )

    @property
    def closeness(self) -> tuple[int, bool, bool]:
        return len(self.prefix), self.provider is not None, self.category is not None


class BadRates(Exception):
    """The rate table cannot be used; the text names the entry and what is wrong with it."""


_ENTRIES: TypeAdapter[list[RateEntry]] = TypeAdapter(list[RateEntry], config=LAZY)


def read(text: str) -> list[RateEntry]:
    import tomllib  # what is rejected or only submitted has no price

    try:
        return _ENTRIES.validate_python(tomllib.loads(text).get("rate", []))
    except tomllib.TOMLDecodeError as error:
        raise BadRates(f"rates.toml: {error}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        number, *field = first["loc"]
        raise BadRates(
            f"rates.toml, entry {int(number) + 1}: {'.'.join(map(str, field))}: {first['msg']}"
        ) from error


@cache
def table() -> Sequence[RateEntry]:
    return read(TABLE.read_text())


@dataclass(frozen=True)
class Expected:
    """The least and the most that a message can cost, in our currency; None where nobody knows."""

    floor: Decimal | None
    ceiling: Decimal | None


@dataclass(frozen=True)
class Total:
    """What several messages have cost by now, in our currency."""

    usage: Usage | None
    """The sum of the prices that are known; None if there are none, though something was sent."""
    state: Literal["known", "so_far", "unknown"]
    """`so_far` while something can still cost more, `unknown` if something arrived at a price that nobody
    knows."""


@dataclass(frozen=True)
class Prices:
    money: Money
    entries: Sequence[RateEntry] | None = None
    """None for rates.toml, which is read when it is first needed."""
    providers: Mapping[Channel, str] = field(default_factory=lambda: DEFAULT_PROVIDERS)
    """Whose rate it is while a message's own provider is not known."""

    def at(self, item: MessageItem, reached: Status) -> Usage | None:
        """What the news of a status says that the message cost, in our currency. By the table that is told
        with `delivered`."""
        record = item.statuses.get(reached)
        if record and record.usage:
            return record.usage
        is_stated = any(record.usage for record in item.statuses.values())
        return self._rated(item) if reached is Status.DELIVERED and not is_stated else None

    def of(self, item: MessageItem) -> Usage | None:
        """What a message has cost by now. None if that is nothing yet, or nobody knows."""
        if item.usage:
            return item.usage
        return self._rated(item) if item.status in (Status.DELIVERED, Status.READ) else None

    def total(self, messages: Iterable[MessageItem], *, ended: bool) -> Total:
        """`ended`: nothing more will be sent."""
        known: list[Usage] = []
        state: Literal["known", "so_far", "unknown"] = "known" if ended else "so_far"
        for item in messages:
            usage = self.of(item)
            if usage and usage.currency == self.money.currency:
                known.append(usage)
            elif usage or item.status in (Status.DELIVERED, Status.READ):
                state = "unknown"
            elif item.status is Status.SUBMITTED and state == "known":
                state = "so_far"
        return Total(self.money.total(known) if known or state == "known" else None, state)

    def expected(
        self, message: Message, provider: str, categories: Collection[str] | None = None
    ) -> Expected:
        """What a message can cost by the table before anybody has it. `categories` are those that it can be
        billed as, where more is known than its content says."""
        found = [
            self._by_table(message, provider, category)
            for category in (categories or _possible_categories(message))
        ]
        known = [usage.price for usage in found if usage]
        return Expected(
            floor=min(known, default=None),
            ceiling=max(known) if known and len(known) == len(found) else None,
        )

    def covers(self, channel: Channel, provider: str) -> bool | None:
        """Whether every message of a channel has a price by the table, if a provider carries it; None if some
        have one."""
        entries = table() if self.entries is None else self.entries
        here = [
            entry
            for entry in entries
            if entry.channel is channel
            and entry.provider in (None, provider)
            and self.money.convert(Usage(entry.price, entry.currency)).currency == self.money.currency
        ]
        everywhere = {entry.category for entry in here if not entry.prefix}
        categories = {SERVICE, *TEMPLATES} if channel is Channel.WHATSAPP else {None}
        if None in everywhere or categories <= everywhere:
            return True
        return None if here else False

    def redacted(self, item: MessageItem) -> Redacted:
        """What a message's bill needs once its recipient and contents are erased."""
        usage = self._rated(item)
        return Redacted(
            parts=count(item), price=usage and usage.price, currency=usage.currency if usage else ""
        )

    def _rated(self, item: MessageItem) -> Usage | None:
        message = item.message
        if message.redacted:
            price = message.redacted.price
            return None if price is None else Usage(price, message.redacted.currency)
        provider = (item.provider or self.providers[message.channel]).partition("/")[0]
        return self._by_table(message, provider, _category(item))

    def _by_table(self, message: Message, provider: str, category: str) -> Usage | None:
        entries = table() if self.entries is None else self.entries
        fitting = [entry for entry in entries if entry.fits(message, provider, category)]
        if not fitting:
            return None
        entry = max(fitting, key=lambda entry: entry.closeness)
        usage = self.money.convert(Usage(entry.price * (parts(message, provider) or 1), entry.currency))
        return usage if usage.currency == self.money.currency else None


def _category(item: MessageItem) -> str:
    """As the provider bills it. What is no template is WhatsApp's service."""
    said = next((record.category for record in item.statuses.values() if record.category), None)
    if said:
        return said
    message = item.message
    # A template may have gone out in the place of what names one for that case.
    may_be_template = message.is_template or message.whatsapp.template_fallback
    return SERVICE if message.channel is Channel.WHATSAPP and not may_be_template else ""


def _possible_categories(message: Message) -> Collection[str]:
    """What it can be billed as, by its content."""
    if message.channel is not Channel.WHATSAPP:
        return ("",)
    if message.is_template:
        return TEMPLATES
    return (SERVICE, *TEMPLATES) if message.whatsapp.template_fallback else (SERVICE,)


def count(item: MessageItem) -> int | None:
    """The parts that an SMS is billed as; None for everything else."""
    provider = (item.provider or DEFAULT_PROVIDERS[item.message.channel]).partition("/")[0]
    return parts(item.message, provider)


def parts(message: Message, provider: str) -> int | None:
    """The same of a message that goes out by a provider."""
    if message.redacted:
        return message.redacted.parts
    if message.channel is not Channel.SMS or not isinstance(message.content, Text):
        return None
    text = message.content.text
    longest = LONGEST_WHOLE
    if provider and len(text) > LONGEST_WHOLE // 2:  # rare: then its adapter says how it goes out
        longest = adapter(provider).longest_text.get(message.channel, len(text) * 2)
    unicode = message.sms.encoding == "unicode"
    return sum(segments(part, unicode=unicode).parts for part in split(text, longest))
