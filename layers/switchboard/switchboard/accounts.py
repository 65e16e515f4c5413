"""The accounts with providers, and the senders in them.

A change is written in an order in which dying leaves what was there before usable, and a repeat finishes
it: the secret, the links, the routes, and last the account itself.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchboard import clock
from switchboard.adapters import REGISTRY, adapter
from switchboard.adapters.base import Account, Adapter
from switchboard.errors import ConfigurationError, Conflict, Fault, InvalidRequest, NotFound
from switchboard.models.accounts import AccountRequest
from switchboard.models.messages import Channel
from switchboard.secrets import Accounts
from switchboard.senders import same
from switchboard.store import AccountSender, AccountStore, ProviderAccount, Store

if TYPE_CHECKING:
    import httpx

AT_ONCE = 8
"""Questions to a provider."""

Links = dict[tuple[Channel, str], str | None]


@dataclass(frozen=True)
class ProviderAccounts:
    store: AccountStore
    applications: Store
    secrets: Accounts
    client: Callable[[], httpx.Client]
    """A callable, as few requests need it, and it brings all that makes HTTP calls."""
    adapter: Callable[[str], Adapter] = adapter

    def channels(self, provider: str) -> frozenset[Channel]:
        """Those that a provider can carry. InvalidRequest for one that we do not know."""
        if provider not in REGISTRY:
            raise InvalidRequest(Fault("provider", f"must be one of: {', '.join(sorted(REGISTRY))}"))
        return self.adapter(provider).channels

    def get(self, provider: str, account_id: str) -> ProviderAccount:
        account = self.store.account(provider, account_id)
        if account is None:
            raise NotFound(f"{provider}/{account_id}")
        return account

    def all(self) -> list[ProviderAccount]:
        return self.store.accounts()

    def put(self, provider: str, account_id: str, request: AccountRequest) -> tuple[ProviderAccount, bool]:
        """Create or replace an account. Returns it, and whether it is new. Conflict when a sender is linked
        to another application."""
        old = self.store.account(provider, account_id)
        if request.credentials is None and not self.settings(provider, account_id):
            raise InvalidRequest(Fault("credentials", "is required for a new account"))
        self._check_links(request)
        if request.credentials is not None:
            self.secrets.keep(provider, account_id, request.credentials)
        known = {(one.channel, one.id): one for one in old.senders} if old else {}
        # New credentials have to prove themselves again.
        kept = {} if request.credentials is not None else known
        senders = tuple(
            _with_state(sender, kept.get((sender.channel, sender.id))) for sender in request.senders
        )
        now = clock.wire(clock.now())
        account = ProviderAccount(
            provider=provider,
            account_id=account_id,
            name=request.name,
            senders=senders,
            created_at=old.created_at if old else now,
            updated_at=now,
        )
        self._link(request.links)
        wanted = {(sender.channel, sender.id): sender for sender in senders}
        for key, sender in known.items():
            if key not in wanted or wanted[key].send_as != sender.send_as:
                self.store.remove_route(same(sender.channel), sender, account)
        for sender in senders:
            self.store.put_route(same(sender.channel), sender, account)
        self.store.put_account(account)
        return account, old is None

    def delete(self, provider: str, account_id: str) -> None:
        account = self.get(provider, account_id)
        for sender in account.senders:
            self.store.remove_route(same(sender.channel), sender, account)
        self.secrets.forget(provider, account_id)
        self.store.delete_account(provider, account_id)

    def verify(
        self, provider: str, account_id: str, channel: str | None, sender: str | None
    ) -> tuple[ProviderAccount, list[AccountSender]]:
        """Ask the provider about every sender, or those of a channel or name. Returns the account as it is
        then, and those that were asked about."""
        account = self.get(provider, account_id)
        asked = [
            one
            for one in account.senders
            if channel in (None, one.channel.value) and sender in (None, one.id)
        ]
        if not asked:
            raise InvalidRequest(Fault("sender", "is not one of the account's senders"))
        try:
            credentials = self.secrets.account(provider, account_id)
        except ConfigurationError:
            raise NotFound(f"{provider}/{account_id}") from None
        with ThreadPoolExecutor(AT_ONCE) as pool:
            said = pool.map(lambda one: self._ask(credentials, one), asked)
            found = {(one.channel, one.id): one for one in said}
        # Providers take their time. Who put the account meanwhile is right; what was asked is still true of
        # the senders that stayed as they were.
        while True:
            account = self.get(provider, account_id)
            senders = tuple(_with_state(one, found.get((one.channel, one.id))) for one in account.senders)
            asked_about = account.model_copy(update={"senders": senders})
            if self.store.replace_account(asked_about, account.updated_at):
                return asked_about, [*found.values()]

    def _ask(self, credentials: Account, sender: AccountSender) -> AccountSender:
        provider = self.adapter(credentials.provider)
        name = sender.send_as or sender.id
        said = provider.verification(credentials, sender.channel, name, self.client())
        news = {"state": said.state, "reason": said.reason, "checked_at": clock.wire(clock.now())}
        return sender.model_copy(update=news)

    def settings(self, provider: str, account_id: str) -> list[str]:
        """The names of the settings in an account's secret; none when there is no secret."""
        try:
            return list(self.secrets.settings(provider, account_id))
        except ConfigurationError:
            return []

    def links(self, account: ProviderAccount) -> Links:
        """The application of each sender."""
        found = {
            (one.channel, one.id): self.store.sender(same(one.channel), one.id, consistent=True)
            for one in account.senders
        }
        return {key: item.application_id if item else None for key, item in found.items()}

    def _check_links(self, request: AccountRequest) -> None:
        """Before anything is written: that each application is there, and free to have its senders."""
        for index, sender in enumerate(request.senders):
            wanted = request.links.get((sender.channel, sender.id))
            if wanted is None:
                continue
            if self.applications.application(wanted) is None:
                raise InvalidRequest(Fault(f"senders[{index}].application", "is no application of yours"))
            item = self.store.sender(same(sender.channel), sender.id, consistent=True)
            if item and item.application_id not in (None, wanted):
                raise _taken(sender.channel, sender.id)

    def _link(self, links: Links) -> None:
        for (channel, identifier), application in links.items():
            if application:
                if not self.store.link(same(channel), identifier, application):
                    raise _taken(channel, identifier)
                continue
            item = self.store.sender(same(channel), identifier, consistent=True)
            if item and item.application_id:
                self.store.unlink(same(channel), identifier, item.application_id)


def _taken(channel: Channel, identifier: str) -> Conflict:
    return Conflict(f"The {channel} sender {identifier} is linked to another application: unlink it there")


def _with_state(sender: AccountSender, known: AccountSender | None) -> AccountSender:
    if known is None or known.send_as != sender.send_as:
        return sender
    state = {"state": known.state, "reason": known.reason, "checked_at": known.checked_at}
    return sender.model_copy(update=state)
