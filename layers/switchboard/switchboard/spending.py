"""What may be spent: a message's `max_price`, its workflow's, and the daily caps of application and account.

All are checked as a message is handed over, by the most that it can cost by the rate table. What nobody knows
the price of counts as what the owner has us assume, or else is not handed over where there is such a limit: a
limit that may be broken is none.

A day is one of UTC. What is handed over counts once, by the first attempt that gets as far as an account,
whether it arrives or not; what a provider charges beyond the table, and what it charges for a message twice,
is the overshoot.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic

from switchboard import clock, failures
from switchboard.errors import Rejected
from switchboard.models.messages import Channel, Message, Status, Template
from switchboard.models.workflows import message_uuid
from switchboard.pricing import Prices, parts
from switchboard.store import MessageItem, Route, Store, TemplateStore, keys
from switchboard.store.spend import Caps, SpendStore
from switchboard.templates import DEFAULT_LANGUAGE

CAPS_SECONDS = 30.0
"""How long a change of a cap can go unseen by a process."""


class TooDear(Rejected):
    """A limit forbids to hand a message over by this account."""


@dataclass
class Spending:
    store: SpendStore
    messages: Store
    templates: TemplateStore
    prices: Callable[[], Prices]
    """A callable, as most messages have no limit."""
    _caps: tuple[Caps, float] = field(default_factory=lambda: (Caps(), 0.0))

    def caps(self) -> Caps:
        """As they are, or were half a minute ago."""
        caps, until = self._caps
        if monotonic() >= until:
            caps = self.store.caps()
            self._caps = caps, monotonic() + CAPS_SECONDS
        return caps

    def unpriced(self, caps: Caps, application_id: str | None) -> str | None:
        """What a cap has refused, in words, as nobody knows its price and none is assumed; None if nothing,
        or if there is no cap. For the account itself those of its applications count too."""
        bound = caps.of(application_id) if application_id else caps.by_owner
        if not bound or caps.assumed is not None:
            return None
        prices = self.prices()
        covered = {channel: prices.covers(channel, prices.providers[channel]) for channel in Channel}
        every, some = ([c.value for c, covers in covered.items() if covers is kind] for kind in (False, None))
        told = [f"all of {', '.join(every)}"] if every else []
        told += [f"some of {', '.join(some)}"] if some else []
        return "; ".join(told) or None

    def toll(self, item: MessageItem) -> "Toll":
        """What handing a claimed message over has to pass."""
        # Of an attempt that ended without a word nobody knows whether it had got as far as that: it is
        # counted once too little rather than twice.
        is_paid = item.attempts > 1 if item.paid is None else item.paid
        return Toll(self, item, is_paid or bool(item.unknown))

    def ceiling(self, message: Message, route: Route) -> Decimal | None:
        """The most that a message can cost by an account; None if nobody knows, and nothing is assumed."""
        category = self.category(message, route)
        found = self.prices().expected(message, route.provider, category and (category,)).ceiling
        return self.assumed(message, route.provider) if found is None else found

    def assumed(self, message: Message, provider: str) -> Decimal | None:
        """What a message counts as where nobody knows its price, if its owner said that."""
        assumed = self.caps().assumed
        return None if assumed is None else assumed * (parts(message, provider) or 1)

    def category(self, message: Message, route: Route) -> str | None:
        """What a WhatsApp template is billed as, if we have seen it."""
        content = message.content
        if message.channel is not Channel.WHATSAPP or not isinstance(content, Template):
            return None
        name = content.name.rpartition(":")[2]
        language = (message.whatsapp.locale or DEFAULT_LANGUAGE).replace("-", "_")
        known = self.templates.get(route.provider, route.account_id, name, language)
        return known.category.lower() or None if known else None

    def before(self, item: MessageItem) -> Decimal | None:
        """What the steps before this one's have cost, or can; None if nobody knows."""
        total = Decimal(0)
        for step in range(item.link.step if item.link else 0):
            assert item.link
            found = self.messages.message(message_uuid(item.link.dispatch_uuid, step), consistent=True)
            if not isinstance(found, MessageItem) or found.status is Status.ACCEPTED:
                continue
            prices = self.prices()
            known = prices.of(found)
            if known and known.currency == prices.money.currency:
                total += known.price
                continue
            if found.status.is_failure:
                continue
            provider = (found.provider or "").partition("/")[0]
            cost = prices.expected(found.message, provider).ceiling
            cost = self.assumed(found.message, provider) if cost is None else cost
            if cost is None:
                return None
            total += cost
        return total


@dataclass
class Toll:
    """Of one attempt to hand a message over, by whichever account."""

    spending: Spending
    item: MessageItem
    paid: bool = False
    """It was counted, by this attempt or one before."""

    def pay(self, message: Message, route: Route) -> None:
        """Just before a message goes to an account. TooDear if a limit forbids it."""
        caps = self.spending.caps().of(self.item.application_id)
        if message.max_price is None and message.max_total is None and not caps:
            return
        price = self.spending.ceiling(message, route)
        if price is None:
            limit = _limit(message, caps)
            raise TooDear(
                failures.PRICE_NOT_KNOWN, detail=f"its price is not known, so that {limit} cannot be kept"
            )
        if message.max_price is not None and price > message.max_price:
            raise TooDear(
                failures.ABOVE_MAX_PRICE,
                detail=f"its price of {self._said(price)} is above its max_price of {message.max_price:f}",
            )
        if message.max_total is not None:
            before = self.spending.before(self.item)
            limit = f"the dispatch's max_price of {message.max_total:f}"
            if before is None:
                raise TooDear(
                    failures.PRICE_NOT_KNOWN,
                    detail=f"the price of a step before it is not known, so that {limit} cannot be kept",
                )
            if before + price > message.max_total:
                raise TooDear(
                    failures.ABOVE_MAX_PRICE,
                    detail=f"its price of {self._said(price)}, with {before:f} for the steps before it, "
                    f"is above {limit}",
                )
        if self.paid:
            return
        self._count(caps, price)
        self.paid = True

    def _count(self, caps: dict[str, Decimal], price: Decimal) -> None:
        day = clock.now().date()
        counted: list[str] = []
        for owner, cap in caps.items():
            if not self.spending.store.add(owner, day, price, cap):
                for other in counted:
                    self.spending.store.give_back(other, day, price)
                raise TooDear(
                    failures.SPEND_CAP,
                    detail=f"{_whose(owner)} daily cap of {cap:f} has no room for its price of "
                    f"{self._said(price)}",
                )
            counted.append(owner)

    def _said(self, price: Decimal) -> str:
        return f"{price:f} {self.spending.prices().money.currency}"


def _whose(owner: str) -> str:
    return "the account's" if owner == keys.ACCOUNT else "the application's"


def _limit(message: Message, caps: Mapping[str, Decimal]) -> str:
    """The first one that a message without a price cannot keep."""
    if message.max_price is not None:
        return f"its max_price of {message.max_price:f}"
    if message.max_total is not None:
        return f"the dispatch's max_price of {message.max_total:f}"
    owner, cap = next(iter(caps.items()))
    return f"{_whose(owner)} daily cap of {cap:f}"
