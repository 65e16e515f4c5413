"""What would come of a request, with nothing written and nothing sent: its faults as if it were made, or its
parts, prices, times, and what is worth a warning.

It is true of this moment: windows close, caps fill up and prices change until a message is handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from switchboard import clock
from switchboard.adapters import adapter
from switchboard.channels import CHANNELS
from switchboard.contacts import KEPT, window_end
from switchboard.models import v01, v1
from switchboard.models.messages import Channel, Message, Template, Text
from switchboard.models.reading import Places
from switchboard.models.workflows import Step
from switchboard.pricing import Expected, parts
from switchboard.segments import segments
from switchboard.senders import Routes, Senders, same
from switchboard.spending import Spending
from switchboard.store import ContactStore, Route, TemplateStore
from switchboard.store.keys import ACCOUNT
from switchboard.store.spend import EXACT, Caps
from switchboard.templates import DEFAULT_LANGUAGE, Templates

if TYPE_CHECKING:
    from switchboard.callers import Caller

Body = dict[str, Any]
REFUSALS = frozenset(
    {"opted_out", "window_closed", "no_account", "above_max_price", "price_unknown_with_limit", "spend_cap"}
)
"""Warnings of what would not be handed over."""


@dataclass(frozen=True)
class Warned:
    code: str
    name: str
    """The field that it is about, by its path."""
    text: str


@dataclass(frozen=True)
class Rehearsed:
    """One message of a request."""

    step: Step
    at: Places
    routes: Sequence[Route]
    registered: bool
    price: Expected
    """Its ceiling is what is assumed, where nobody knows one and something is."""
    counts_as: Decimal | None
    """Against limits, by the cheapest account: it is handed on to that one. None if nobody knows."""
    warnings: Sequence[Warned]

    @property
    def refused(self) -> bool:
        return any(warning.code in REFUSALS for warning in self.warnings)


@dataclass(frozen=True)
class Rehearsing:
    templates: Templates
    template_store: TemplateStore
    senders: Senders
    contacts: ContactStore
    spending: Spending
    check_webhooks: Callable[[Sequence[Message]], None]
    last_step_seconds: int

    def message(self, body: object, caller: Caller) -> Body:
        """A message of version 0.1. InvalidRequest as when it is sent."""
        step = Step(message=v01.message(body, str(uuid4())))
        return self._told([step], lambda number: v01.PLACES, caller)

    def dispatch(self, body: object, caller: Caller) -> Body:
        return self._told(v01.workflow(body, str(uuid4())), v01.places, caller)

    def message_v1(self, body: object, caller: Caller) -> Body:
        """A message of version 1, or its workflow if it has a failover."""
        if v1.has_failover(body):
            steps = v1.workflow(body, str(uuid4()))
        else:
            steps = [Step(message=v1.message(body, str(uuid4())))]
        self.check_webhooks([step.message for step in steps])
        return self._told(steps, v1.places, caller)

    def _told(self, steps: Sequence[Step], places: Callable[[int], Places], caller: Caller) -> Body:
        at = [places(number) for number in range(len(steps))]
        self.templates.check(*(step.message for step in steps), at=at)
        caps = self.spending.store.caps()
        rehearsed = [
            self._rehearsed(step, place, caps, caller) for step, place in zip(steps, at, strict=True)
        ]
        waits = [step.seconds or self.last_step_seconds for step in steps]
        prices = self.spending.prices()
        total = _total(rehearsed)
        warned: list[tuple[int | None, Warned]] = [
            (number, warning) for number, one in enumerate(rehearsed) for warning in one.warnings
        ]
        warnings = [
            {"step": number, "code": warning.code, "name": warning.name, "text": warning.text}
            for number, warning in (*warned, *_about_all(rehearsed))
        ]
        counted = [parts(one.step.message, _first(one).provider) for one in rehearsed]
        known = [count for count in counted if count is not None]
        return {
            "parts": sum(known) if known else None,
            "price": _price(total, prices.money.currency),
            "timeline": [
                {
                    "step": number,
                    "earliest": 0,
                    "latest": sum(waits[:number]),
                    "ends_at_latest": sum(waits[: number + 1]),
                }
                for number in range(len(steps))
            ],
            "warnings": warnings,
            "steps": [_step(number, one, prices.money.currency) for number, one in enumerate(rehearsed)],
        }

    # --- one message -----------------------------------------------------------------------------

    def _rehearsed(self, step: Step, at: Places, caps: Caps, caller: Caller) -> Rehearsed:
        message = step.message
        routes = self.senders.routes(message.channel, message.sender)
        carrying = [route for route in routes.found if message.channel in adapter(route.provider).channels]
        found = [self._expected(message, route) for route in carrying]
        floors = [one.floor for one in found if one.floor is not None]
        counted = [
            self._counted(message, route.provider, one, caps)
            for route, one in zip(carrying, found, strict=True)
        ] or [self._counted(message, "", Expected(None, None), caps)]
        known = [amount for amount in counted if amount is not None]
        price = Expected(
            floor=min(floors) if floors and len(floors) == len(found) else None,
            ceiling=max(known) if carrying and len(known) == len(counted) else None,
        )
        counts_as = min(known, default=None)
        is_stated = bool(found) and all(one.ceiling is not None for one in found)
        warnings = [
            *_about_condition(step, at),
            *_about_routes(message, routes, carrying, at),
            *self._about_person(message, routes, at),
            *self._about_templates(message, carrying, at),
            *self._about_price(message, is_stated, counts_as, at, caps, caller),
        ]
        return Rehearsed(step, at, carrying, routes.registered, price, counts_as, warnings)

    def _expected(self, message: Message, route: Route) -> Expected:
        category = self.spending.category(message, route)
        return self.spending.prices().expected(message, route.provider, category and (category,))

    def _about_person(self, message: Message, routes: Routes, at: Places) -> Iterator[Warned]:
        contact = self.contacts.contact(same(message.channel), message.recipient, message.sender)
        if contact and contact.opted_out_at:
            yield Warned(
                "opted_out", _end(at, "to"), "they opted out of this sender: it would be refused, 1240"
            )
        if message.channel not in KEPT or not routes.registered or message.is_template:
            return
        end = window_end(message.channel, contact) if contact else None
        if end and clock.now() < end:
            return
        fallback = message.whatsapp.template_fallback
        if fallback:
            text = f"their window is closed: the template {fallback.name} would be sent instead"
            yield Warned("template_instead", f"{at.options}whatsapp.template_fallback", text)
        else:
            text = "their window is closed: it would be refused, 1340; send a template"
            yield Warned("window_closed", _end(at, "to"), text)

    def _about_templates(self, message: Message, carrying: Sequence[Route], at: Places) -> Iterator[Warned]:
        if message.channel is not Channel.WHATSAPP:
            return
        locale = message.whatsapp.locale
        if isinstance(message.content, Template):
            yield from self._about_template(
                message.content.name, locale, carrying, f"{at.content}template.name"
            )
        fallback = message.whatsapp.template_fallback
        if fallback:
            name = f"{at.options}whatsapp.template_fallback.name"
            yield from self._about_template(fallback.name, fallback.locale or locale, carrying, name)

    def _about_template(
        self, template: str, locale: str | None, carrying: Sequence[Route], name: str
    ) -> Iterator[Warned]:
        short = template.rpartition(":")[2]
        language = (locale or DEFAULT_LANGUAGE).replace("-", "_")
        found = [
            self.template_store.get(route.provider, route.account_id, short, language) for route in carrying
        ]
        known = [item for item in found if item]
        if not known:
            text = f"{short} in {language} was never seen here: list the templates once to have it checked"
            yield Warned("template_unknown", name, text)
        elif not any(item.status == "APPROVED" for item in known):
            text = f"{short} in {language} is {known[0].status}: its provider would refuse it"
            yield Warned("template_not_approved", name, text)

    def _counted(self, message: Message, provider: str, expected: Expected, caps: Caps) -> Decimal | None:
        """What it counts as by an account, against every limit."""
        if expected.ceiling is None and caps.assumed is not None:
            return caps.assumed * (parts(message, provider) or 1)
        return expected.ceiling

    def _about_price(
        self,
        message: Message,
        is_stated: bool,
        most: Decimal | None,
        at: Places,
        caps: Caps,
        caller: Caller,
    ) -> Iterator[Warned]:
        """`is_stated` by the table; `most` is what it counts as."""
        if not is_stated:
            text = "nobody knows its price before its provider states it"
            if caps.assumed is not None:
                each = " for each part" if message.channel is Channel.SMS else ""
                text += f": {caps.assumed:f} is assumed{each}"
            yield Warned("price_unknown", "", text)
        mine = caps.of(caller.application_id)
        limits = [limit for limit in (message.max_price, message.max_total) if limit is not None]
        name = _end(at, "max_price") if message.max_price is not None else "max_price"
        if most is None:
            if limits or mine:
                text = "a limit on what nobody knows cannot be kept: it would be refused, 1902; put its rate"
                yield Warned("price_unknown_with_limit", name if limits else "", f"{text} into rates.toml")
            return
        if any(most > limit for limit in limits):
            yield Warned(
                "above_max_price",
                name,
                f"it can cost {most:f} by its cheapest account: it would be refused, 1901",
            )
        day = clock.now().date()
        for owner, cap in mine.items():
            if self.spending.store.spent(owner, day) + most > cap:
                whose, amount = ("account", "") if owner == ACCOUNT else ("application", f" of {cap:f}")
                if caller.application_id is None:  # the account's own affair
                    amount = f" of {cap:f}"
                text = f"the {whose}'s cap{amount} a day has no room for it: it would be refused, 1903"
                yield Warned("spend_cap", "", text)


def _about_condition(step: Step, at: Places) -> Iterator[Warned]:
    message = step.message
    if step.condition and step.condition not in CHANNELS[message.channel].proved(message.content.type):
        text = f"{message.channel} cannot prove {step.condition} for this content: the step runs out of time"
        yield Warned("condition_not_provable", _end(at, "failover.condition_status"), text)


def _about_routes(
    message: Message, routes: Routes, carrying: Sequence[Route], at: Places
) -> Iterator[Warned]:
    if not carrying:
        text = "no account of this sender carries the channel: it would be refused, 1120"
        yield Warned("no_account", _end(at, "from"), text)
    elif not routes.registered:
        text = f"this sender is in no account: {carrying[0].key} would carry it"
        yield Warned("sender_not_registered", _end(at, "from"), text)


def _end(at: Places, name: str) -> str:
    """A field beside a message's content. Version 1 has its failover's members there too."""
    prefix = at.options.removesuffix("message.")
    if name == "failover.condition_status" and at.options == prefix:
        name = "condition_status"
    return f"{prefix}{name}"


def _first(one: Rehearsed) -> Route:
    return one.routes[0] if one.routes else Route(provider="", account_id="")


def _total(rehearsed: Sequence[Rehearsed]) -> Expected:
    """Of all: the least if somebody is reached at all, and the most if every message costs something."""
    sent = [one.price for one in rehearsed if not one.refused]
    if not sent:
        return Expected(Decimal(0), Decimal(0))
    floors = [price.floor for price in sent if price.floor is not None]
    ceilings = [price.ceiling for price in sent if price.ceiling is not None]
    ceiling = sum(ceilings, Decimal(0)) if len(ceilings) == len(sent) else None
    most = rehearsed[0].step.message.max_total
    if ceiling is not None and most is not None:
        ceiling = min(ceiling, most)
    least = min(floors, default=None)
    # What costs nothing is the least, whatever the others may cost.
    return Expected(least if least == 0 or len(floors) == len(sent) else None, ceiling)


def _about_all(rehearsed: Sequence[Rehearsed]) -> Iterator[tuple[int | None, Warned]]:
    """By their steps, or None where it is about all of them."""
    most = rehearsed[0].step.message.max_total
    before = Decimal(0)
    for number, one in enumerate(rehearsed):
        if one.refused:
            continue
        if most is not None and one.counts_as is not None and before + one.counts_as > most:
            text = (
                f"the steps before it can cost {before:f} and it {one.counts_as:f}, together more than "
                f"{most:f}: unless one of them fails, it would be refused, 1901"
            )
            yield number, Warned("above_max_price_together", "max_price", text)
        before += one.price.ceiling or Decimal(0)
    if all(one.refused for one in rehearsed):
        yield None, Warned("nothing_sent", "", "as it is now, nothing would be sent")


def _price(price: Expected, currency: str) -> Body:
    def text(amount: Decimal | None) -> str | None:
        return None if amount is None else f"{amount.quantize(EXACT):f}"

    return {"floor": text(price.floor), "ceiling": text(price.ceiling), "currency": currency}


def _step(number: int, one: Rehearsed, currency: str) -> Body:
    message, content = one.step.message, one.step.message.content
    body: Body = {
        "step": number,
        "channel": message.channel.value,
        "message_type": content.type,
        "condition_status": one.step.condition.value if one.step.condition else None,
        "expiry_time": one.step.seconds,
        "accounts": [route.key for route in one.routes],
        "parts": parts(message, _first(one).provider),
        "price": _price(one.price, currency),
        "refused": one.refused,
    }
    if message.channel is Channel.SMS and isinstance(content, Text):
        counted = segments(content.text, unicode=message.sms.encoding == "unicode")
        body |= {"encoding": counted.encoding, "units": counted.units}
    return body
