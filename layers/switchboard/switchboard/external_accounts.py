"""Messenger, Viber and WhatsApp accounts, as Vonage's External Accounts API has them.

A Messenger account is our provider account `messenger/{external_id}` with the sender of that id. The others
are the senders of their channels in any provider account.
"""

from dataclasses import dataclass

from switchboard.accounts import ProviderAccounts
from switchboard.errors import ApplicationConflict, ConfigurationError, Conflict, Forbidden, NotFound
from switchboard.models.accounts import AccountRequest
from switchboard.models.external_accounts import (
    CHANNELS,
    ExternalAccount,
    MessengerChange,
    MessengerRequest,
    Page,
    external,
)
from switchboard.models.messages import Channel
from switchboard.store import AccountSender, ProviderAccount

_MESSENGER = "messenger"
_SHARED = ("app_secret", "verify_token")
"""What a page's own call cannot give: the settings of the Meta app, which all pages have in common."""


@dataclass(frozen=True)
class ExternalAccounts:
    accounts: ProviderAccounts

    def get(self, provider: str, external_id: str) -> ExternalAccount:
        """NotFound as in all of these."""
        channel, identifier, account = self._find(provider, external_id)
        return self._shown(channel, identifier, account)

    def list(self, page: Page) -> tuple[list[ExternalAccount], int]:
        """One page, and how many there are in all."""
        ways = sorted(
            (
                (sender, account)
                for account in self.accounts.all()
                for sender in account.senders
                if sender.channel in ((page.provider,) if page.provider else CHANNELS)
                and (sender.channel != Channel.MESSENGER or account.key == f"{_MESSENGER}/{sender.id}")
            ),
            key=lambda way: (way[0].channel, way[0].id, way[0].order, way[1].key),
        )
        first = {(sender.channel, sender.id): account for sender, account in reversed(ways)}
        found = sorted(first)
        start = (page.page_number - 1) * page.page_size
        return [self._shown(*key, first[key]) for key in found[start : start + page.page_size]], len(found)

    def create(self, request: MessengerRequest) -> ExternalAccount:
        """A repeat makes the same again. Forbidden or ApplicationConflict when the application cannot be
        linked, before anything is written."""
        identifier, application = request.external_id, request.application_id
        if application:
            self._check(application)
        old = self.accounts.store.account(_MESSENGER, identifier)
        senders = {(one.channel, one.id): _unproved(one) for one in old.senders} if old else {}
        key = Channel.MESSENGER, identifier
        senders.setdefault(key, AccountSender(channel=Channel.MESSENGER, id=identifier))
        shared = self._settings("default")
        credentials = {
            **{name: shared[name] for name in _SHARED if name in shared},
            **self._settings(identifier),
            "access_token": request.access_token,
        }
        links: dict[tuple[Channel, str], str | None] = {key: application} if application else {}
        wanted = AccountRequest(request.name, credentials, tuple(senders.values()), links)
        try:
            account, _ = self.accounts.put(_MESSENGER, identifier, wanted)
        except Conflict:
            raise ApplicationConflict("Unable to link application") from None
        return self._shown(*key, account)

    def change(self, external_id: str, change: MessengerChange) -> ExternalAccount:
        """Forbidden when the application cannot be linked, before anything is written."""
        channel, identifier, account = self._find(_MESSENGER, external_id)
        for application in change.applications or ():
            self._check(application)
        name = change.name or account.name
        if change.access_token:
            credentials = self._settings(identifier) | {"access_token": change.access_token}
            senders = tuple(map(_unproved, account.senders))
            wanted = AccountRequest(name, credentials, senders, {})
            account, _ = self.accounts.put(_MESSENGER, identifier, wanted)
        elif name != account.name:
            account, _ = self.accounts.put(
                _MESSENGER, identifier, AccountRequest(name, None, account.senders, {})
            )
        if change.applications is not None:
            self.accounts.store.relink(channel, identifier, next(iter(change.applications), None))
        return self._shown(channel, identifier, account)

    def delete(self, external_id: str) -> None:
        """The link goes first: with the account gone there would be no way to take it away."""
        channel, identifier, _ = self._find(_MESSENGER, external_id)
        self.accounts.store.relink(channel, identifier, None)
        self.accounts.delete(_MESSENGER, identifier)

    def link(self, provider: str, external_id: str, application_id: str) -> ExternalAccount:
        """A repeat is no conflict."""
        channel, identifier, account = self._find(provider, external_id)
        self._check(application_id)
        if not self.accounts.store.link(channel, identifier, application_id):
            raise ApplicationConflict("Unable to link application")
        return self._shown(channel, identifier, account)

    def unlink(self, provider: str, external_id: str, application_id: str) -> None:
        channel, identifier, _ = self._find(provider, external_id)
        if not self.accounts.store.unlink(channel, identifier, application_id):
            raise ApplicationConflict("Unable to unlink application")

    def _find(self, provider: str, external_id: str) -> tuple[Channel, str, ProviderAccount]:
        """The sender, and the account by which it goes out first."""
        key = external(provider, external_id)
        store = self.accounts.store
        if key is None:
            raise NotFound(external_id)
        if key[0] is Channel.MESSENGER:
            ways = [(_MESSENGER, key[1])]
        else:
            item = store.sender(*key, consistent=True)
            ways = [(route.provider, route.account_id) for route in item.routes] if item else []
        for way in ways:
            account = store.account(*way)
            if account and key in {(one.channel, one.id) for one in account.senders}:
                return *key, account
        raise NotFound(external_id)

    def _check(self, application_id: str) -> None:
        """Forbidden unless it is an application that can get messages."""
        application = self.accounts.applications.application(application_id)
        if application is None or application.capabilities.get("messages") is None:
            raise Forbidden("Cannot link application")

    def _shown(self, channel: Channel, identifier: str, account: ProviderAccount) -> ExternalAccount:
        item = self.accounts.store.sender(channel, identifier, consistent=True)
        token = self._settings(identifier).get("access_token") if channel is Channel.MESSENGER else None
        return ExternalAccount(
            provider=channel,
            external_id=identifier,
            name=account.name,
            application_id=item.application_id if item else None,
            access_token=token,
        )

    def _settings(self, account_id: str) -> dict[str, object]:
        """Those of a Messenger account's secret as it is now; none when there is no secret."""
        try:
            return self.accounts.secrets.settings(_MESSENGER, account_id, fresh=True)
        except ConfigurationError:
            return {}


def _unproved(sender: AccountSender) -> AccountSender:
    """New credentials have to prove themselves again."""
    return sender.model_copy(update={"state": "pending", "reason": "", "checked_at": None})
