"""Who a sender belongs to, and by which provider accounts it goes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

from switchboard.models.applications import Webhooks
from switchboard.models.messages import Channel
from switchboard.settings import DEFAULT_PROVIDERS
from switchboard.store import AccountStore, Route, SenderItem, Store

_SAME = {Channel.MMS: Channel.SMS}  # one number; what is written back to it comes as SMS
_REMEMBERED = 1000
_USE_SECONDS = 30.0
"""After which another process may have noted another use."""
_ROUTE_SECONDS = 5.0
"""How long a change of a sender's accounts can go unseen."""


@dataclass(frozen=True)
class Routes:
    """The ways out for a sender, in the order in which they are tried."""

    found: Sequence[Route]
    registered: bool
    """Somebody put the sender into an account. If not, the channel's default account carries it."""


class Senders:
    """A sender belongs to the application it is linked to, or else to the one that sent from it last."""

    def __init__(
        self,
        store: Store,
        accounts: AccountStore,
        account: Webhooks,
        providers: Mapping[Channel, str] = DEFAULT_PROVIDERS,
    ) -> None:
        """
        account    the account's webhooks by deployment, where it has not set its own
        providers  who carries a channel for a sender that is in no account
        """
        self._store = store
        self._accounts = accounts
        self._account = account
        self._providers = providers
        self._used: dict[tuple[Channel, str], tuple[str, float]] = {}
        self._routes: dict[tuple[Channel, str], tuple[Routes, float]] = {}

    def used(self, channel: Channel, sender: str, application_id: str | None) -> None:
        """Note that an application sends from this sender: one write in half a minute and process."""
        channel = same(channel)
        known, until = self._used.get((channel, sender), (None, 0.0))
        if application_id is None or (known == application_id and monotonic() < until):
            return
        self._accounts.note_use(channel, sender, application_id)
        if len(self._used) >= _REMEMBERED:
            self._used.clear()
        self._used[channel, sender] = application_id, monotonic() + _USE_SECONDS

    def routes(self, channel: Channel, sender: str) -> Routes:
        """Those of its accounts, or the channel's default account if it is in none."""
        key = channel, sender
        found, until = self._routes.get(key, (None, 0.0))
        if found is None or monotonic() >= until:
            item = self._item(channel, sender)
            default = Route(provider=self._providers[channel], account_id="default")
            found = Routes(_of(channel, item.routes) or (default,), registered=bool(item.routes))
            if len(self._routes) >= _REMEMBERED:
                self._routes.clear()
            self._routes[key] = found, monotonic() + _ROUTE_SECONDS
        return found

    def owner(self, channel: Channel, number: str) -> tuple[str, str | None]:
        """The sender that a provider's number is (itself, or the one that it stands for), and the application
        that gets what is written to it; None for the account's own webhook."""
        item = self._item(channel, number)
        if item.stands_for and not item.routes:
            number, item = item.stands_for, self._item(channel, item.stands_for)
        return number, self._application(item)

    def application(self, channel: Channel, sender: str) -> str | None:
        return self._application(self._item(channel, sender))

    def _item(self, channel: Channel, sender: str) -> SenderItem:
        return self._accounts.sender(same(channel), sender) or SenderItem()

    def _application(self, item: SenderItem) -> str | None:
        """A sender's that is nobody's: the newest application that wants inbound messages, unless the account
        has a webhook for them."""
        for owner in (item.application_id, item.last_application_id):
            if owner and self._store.application(owner):
                return owner
        if self._account.inbound_url or self._store.account_webhooks().inbound_url:
            return None
        wanting = [
            application for application in self._store.applications() if application.webhooks.inbound_url
        ]
        return wanting[-1].id if wanting else None


def same(channel: Channel) -> Channel:
    """The channel under which a sender and a person are known."""
    return _SAME.get(channel, channel)


def _of(channel: Channel, routes: Sequence[Route]) -> tuple[Route, ...]:
    """One for each account: the channel's own, or else that of the channel whose number it shares."""
    own = {route.key for route in routes if route.channel == channel}
    return tuple(route for route in routes if route.channel == channel or route.key not in own)
