"""Hands a claimed message to its provider: by the first of its sender's accounts that takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING

from switchboard import clock, media, pace
from switchboard.adapters import adapter
from switchboard.adapters.base import Account, Adapter
from switchboard.callers import Caller
from switchboard.circuits import Circuits
from switchboard.contacts import Contacts
from switchboard.errors import (
    ConfigurationError,
    Rejected,
    SendError,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.media import Media
from switchboard.models.messages import Message, Part, Status, Text
from switchboard.pace import Pace
from switchboard.secrets import Accounts
from switchboard.senders import Routes, Senders
from switchboard.spending import Spending, Toll, TooDear
from switchboard.store import MessageItem, PartRecord, Rate, Route, Slot, StatusRecord, Store

if TYPE_CHECKING:
    import httpx

PATIENCE = 1.0
"""Seconds that a message is waited for here; the queue counts in whole ones."""
REST = 1.0
"""Seconds of a sender's rest when its provider says "too fast" and no more."""


class TooLate(Exception):
    """By its sender's rate, the message's moment would come after its step's time."""


class NotYet(Exception):
    """By its sender's rate, the message's moment is still to come."""

    def __init__(self, slot: Slot) -> None:
        super().__init__("not yet")
        self.slot = slot
        self.paid = False
        """Whether the message's price was counted, for an account that could not be used then."""


@dataclass(frozen=True)
class Handed:
    """Who took a message."""

    route: Route
    adapter: Adapter
    message: Message
    """As it was handed over."""
    provider_id: str


@dataclass(frozen=True)
class Handover:
    store: Store
    senders: Senders
    contacts: Contacts
    circuits: Circuits
    pace: Pace
    accounts: Accounts
    media: Media
    spending: Spending
    client: httpx.Client
    adapter: Callable[[str], Adapter] = adapter

    def hand(self, item: MessageItem) -> Handed:
        """NotYet when it is not the message's turn, TooLate when that comes too late. SendError, or
        ConfigurationError when no account could be used."""
        toll = self.spending.toll(item)
        try:
            return self._hand(item, toll)
        except (NotYet, SendError) as error:
            error.paid = toll.paid
            raise

    def _hand(self, item: MessageItem, toll: Toll) -> Handed:
        routes = self.senders.routes(item.message.channel, item.message.sender)
        message = self.contacts.admitted(item.message, registered=routes.registered)
        if message.reply_to:
            message = message.model_copy(update={"reply_to": self._provider_id(item, message.reply_to)})
        refusal: ConfigurationError | TooDear = ConfigurationError(
            1120, "no account of this sender carries the channel"
        )
        out = set(item.parts)  # whichever account they went out by
        for number, route in enumerate(self._in_order(item, message, routes)):
            try:
                handed = self._by(route, item, message, out, toll)
            except TooDear as error:  # another account may be cheaper
                if number == 0:
                    refusal = error
                continue
            except ConfigurationError as error:
                if number == 0:
                    refusal = error
                if len(routes.found) > 1:
                    self.circuits.refused(message, route)
                continue
            except (Throttled, Unavailable, Unanswered) as error:
                if isinstance(error, Unanswered):
                    error.account = route.key
                if route.rate and (isinstance(error, Throttled) or error.retry_after):
                    self.pace.hold(message, route, error.retry_after or REST)
                # Media that cannot be had is no fault of the provider.
                if not isinstance(error, Throttled) and error.code not in media.CODES:
                    self.circuits.failed(message, route)
                raise
            self.circuits.answered(message, route)
            return handed
        raise refusal

    def _provider_id(self, item: MessageItem, message_uuid: str) -> str:
        """What the provider calls a quoted message. Unavailable while it is not out yet."""
        found = self.store.message(message_uuid, consistent=True)
        if found and not Caller(item.application_id).may_see(found.application_id):
            found = None
        if isinstance(found, MessageItem) and found.status is Status.ACCEPTED:
            raise Unavailable(1331, "the quoted message is not out yet")
        if found is None or not found.provider_id:
            raise Rejected(1020, "the quoted message is not known")
        return found.provider_id

    def _in_order(self, item: MessageItem, message: Message, routes: Routes) -> Iterator[Route]:
        """Accounts with an open circuit last: better than none. What one of them may have, and would
        recognise, goes to that one only."""
        found = [route for route in routes.found if message.channel in self.adapter(route.provider).channels]
        last = item.unknown[-1].account if item.unknown else ""
        found = [
            route for route in found if route.key == last and self.adapter(route.provider).repeatable(message)
        ] or found
        if len(found) > 1:
            found.sort(key=lambda route: self.circuits.is_open(message, route))
        return iter(found)

    def _by(self, route: Route, item: MessageItem, message: Message, out: set[int], toll: Toll) -> Handed:
        provider = self.adapter(route.provider)
        account = self.accounts.account(route.provider, route.account_id)
        if route.rate:
            self._wait(route, route.rate, item, message)
        sent = message.model_copy(update={"sender": route.send_as}) if route.send_as else message
        staged = self.media.staged(sent, provider, account)
        if item.link and clock.now() >= item.link.deadline:
            # Staging can take long; the next step may be out.
            raise Unreachable(1331, detail="its time was over before it could be handed over")
        toll.pay(message, route)
        try:
            provider_id = self._send(item.uuid, provider, staged, account, out)
        except ConfigurationError as error:
            # Its credentials may have been changed since we read them.
            fresh = self.accounts.account(route.provider, route.account_id, fresh=True)
            if error.code != 1370 or fresh == account:
                raise
            provider_id = self._send(item.uuid, provider, staged, fresh, out)
        return Handed(route, provider, sent, provider_id)

    def _send(self, uuid: str, provider: Adapter, message: Message, account: Account, out: set[int]) -> str:
        """Everything of a message that is not `out` yet. Returns the provider's id of the first part."""
        provider_id = ""
        for part in parts(message, provider):
            if part.part and part.part.number in out:
                continue
            try:
                part_id = provider.send(part, account, self.client)
            except (SendError, ConfigurationError) as error:
                error.account = account.key
                if isinstance(error, Unanswered):
                    error.repeatable = provider.repeatable(part)
                raise
            if part.part:
                record = PartRecord(status=Status.SUBMITTED, record=StatusRecord(at=clock.now(), by=""))
                self.store.advance_part(uuid, part.part.number, record)
                out.add(part.part.number)
            provider_id = provider_id or part_id
        return provider_id

    def _wait(self, route: Route, rate: Rate, item: MessageItem, message: Message) -> None:
        latest = item.link.deadline if item.link else None
        slot = self.pace.slot(message, route, rate, item.attempts, item.slot, latest)
        if slot is None:
            raise TooLate
        seconds = pace.seconds_until(slot)
        if seconds > PATIENCE:
            raise NotYet(slot)
        sleep(max(0.0, seconds))


def parts(message: Message, provider: Adapter) -> list[Message]:
    """The message as its provider takes it: whole, or a long text in parts."""
    longest = provider.longest_text.get(message.channel)
    if longest is None or not isinstance(message.content, Text) or len(message.content.text) * 2 <= longest:
        return [message]  # no text has more than two UTF-16 units a character
    from switchboard.segments import split

    texts = split(message.content.text, longest)
    if len(texts) == 1:
        return [message]
    return [
        message.model_copy(
            update={"content": Text(type="text", text=text), "part": Part(number=number, of=len(texts))}
        )
        for number, text in enumerate(texts, 1)
    ]
