"""Tells providers about messages that are out already: that one was read, that one is to be taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from switchboard.adapters import adapter
from switchboard.adapters.base import Adapter, Known
from switchboard.callers import Caller
from switchboard.errors import Fault, InvalidRequest, NotFound
from switchboard.models.messages import Channel
from switchboard.secrets import Accounts
from switchboard.store import InboundItem, MessageItem, Store

if TYPE_CHECKING:
    import httpx

UNSUPPORTED = Fault("status", "Operation not supported for this channel.")


@dataclass(frozen=True)
class Marking:
    store: Store
    accounts: Accounts
    client: Callable[[], httpx.Client]
    """A callable, as few requests need it, and it brings all that makes HTTP calls."""
    adapter: Callable[[str], Adapter] = adapter

    def mark(
        self, message_uuid: str, change: Literal["read", "revoked"], caller: Caller, *, typing: bool
    ) -> None:
        """Done when this returns. NotFound also for another application's; InvalidRequest where the channel
        has no such thing; SendError or ConfigurationError if the provider did not do it."""
        item = self.store.message(message_uuid, consistent=True)
        if item is None or not caller.may_see(item.application_id):
            raise NotFound(message_uuid)
        match item, change:
            case InboundItem(provider_id=""), "read":
                raise NotFound(message_uuid)  # erased
            case InboundItem(), "read":
                account = (item.provider, item.account_id)
                known = Known(Channel(item.channel), item.provider_id, item.recipient, item.sender)
            case MessageItem(), "revoked" if item.provider and item.provider_id:
                provider, _, account_id = item.provider.partition("/")
                account = (provider, account_id)
                message = item.message
                known = Known(message.channel, item.provider_id, message.sender, message.recipient)
            case MessageItem(), "revoked":
                raise InvalidRequest(Fault("status", "is for messages that have been submitted"))
            case MessageItem(), _:
                raise InvalidRequest(Fault("status", "read is for messages from people"))
            case _:
                raise InvalidRequest(Fault("status", "revoked is for messages that were sent"))
        if not self._tell(account, known, change, typing=typing):
            raise InvalidRequest(UNSUPPORTED)

    def _tell(self, account: tuple[str, str], known: Known, change: str, *, typing: bool) -> bool:
        provider = self.adapter(account[0])
        return provider.tell(
            lambda account: (
                provider.read(known, account, typing=typing)
                if change == "read"
                else provider.revoke(known, account)
            ),
            self.accounts.account(*account),
            self.client(),
        )
