"""Takes in what providers tell us: receipts move messages forward, people's messages go to the client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid4, uuid5

from switchboard import clock
from switchboard.adapters import REGISTRY, adapter
from switchboard.adapters.base import Account, Adapter
from switchboard.contacts import Contacts
from switchboard.conversations import Conversations
from switchboard.errors import BadSignature, NotFound
from switchboard.models.events import Hook, Inbound, Receipt, TemplateNews, Watermark
from switchboard.models.messages import Message
from switchboard.queues import InboundNews, NewsQueue
from switchboard.secrets import Accounts
from switchboard.senders import Senders
from switchboard.sending import Sending
from switchboard.store import InboundItem, ReceiptStore, StatusRecord, Store
from switchboard.templates import Templates
from switchboard.transitions import Change, Transitions

if TYPE_CHECKING:
    from switchboard.sns import Sns

SNS_PROVIDER = "aws"
"""The provider whose callbacks come through SNS."""


@dataclass(frozen=True)
class Receiving:
    store: Store
    webhooks: NewsQueue
    transitions: Transitions
    conversations: Conversations
    receipts: ReceiptStore
    contacts: Contacts
    templates: Templates
    sending: Sending
    accounts: Accounts
    senders: Senders
    sns: Callable[[], Sns]
    unmatched: Callable[[str, Receipt], None]
    """Told of a receipt that names no message of ours, or whose status nobody knows."""
    adapter: Callable[[str], Adapter] = adapter

    def handshake(self, provider: str, account_id: str, hook: Hook) -> str:
        """The answer to a provider's check of our callback URL. BadSignature if it has not our token."""
        answer = self._provider(provider).handshake(hook, self.accounts.account(provider, account_id))
        if answer is None:
            raise BadSignature("handshake")
        return answer

    def receive(self, provider: str, account_id: str, hook: Hook) -> str:
        """Verify a callback, act on every event in it, and return what answers it. BadSignature before
        anything is read."""
        adapter = self._provider(provider)
        account = self.accounts.account(provider, account_id)
        if not account.get("callback_url"):  # what was called is what the provider knows
            account = replace(account, settings={**account.settings, "callback_url": hook.origin})
        if provider == SNS_PROVIDER and hook.source == "http":
            opened = self.sns().opened(hook, account)
            if opened is None:
                return adapter.thanks
            hook = opened
        elif (answer := adapter.handshake(hook, account)) is not None:
            return answer
        adapter.verify(hook, account)
        events = adapter.events(adapter.plain(hook, account))
        self._receipts(account, adapter, [event for event in events if isinstance(event, Receipt)])
        for event in events:
            if isinstance(event, Watermark):
                self.conversations.reached(event)
            elif isinstance(event, TemplateNews):
                self.templates.news(provider, account_id, event)
        self._inbound(account, adapter, [event for event in events if isinstance(event, Inbound)])
        return adapter.thanks

    def _quoted(self, provider: str, message: Inbound) -> str | None:
        """The message that this one quotes: the person's own, or one of ours."""
        if message.quotes is None:
            return None
        if message.quotes.sender == message.sender:
            return _inbound_uuid(provider, message.quotes.provider_id)
        return self.receipts.message_uuid(provider, message.quotes.provider_id)

    def _provider(self, name: str) -> Adapter:
        if name not in REGISTRY:
            raise NotFound(name)
        return self.adapter(name)

    # --- receipts --------------------------------------------------------------------------------

    def _receipts(self, account: Account, adapter: Adapter, receipts: Sequence[Receipt]) -> None:
        changes = [self._change(account, adapter, receipt) for receipt in receipts]
        self.transitions.apply([change for change in changes if change])
        for receipt in receipts:
            if receipt.names and receipt.message_uuid and receipt.provider_id:
                self.receipts.note(account.provider, receipt.provider_id, receipt.message_uuid)
            if receipt.conversation and receipt.message_uuid and receipt.provider_id:
                self.conversations.sent(
                    receipt.conversation,
                    receipt.message_uuid,
                    receipt.provider_id,
                    receipt.at or clock.now(),
                )

    def _change(self, account: Account, adapter: Adapter, receipt: Receipt) -> Change | None:
        """What a receipt says of a message; None if that is nothing, or not known yet."""
        if receipt.status is None:
            self.unmatched(account.provider, receipt)
            return None
        at, heard = clock.stamped(receipt.at, clock.now())
        uuid = receipt.message_uuid
        if uuid is None and receipt.provider_id and not adapter.echoes:
            uuid = self.receipts.message_uuid(account.provider, receipt.provider_id)
            if uuid is None:
                record = StatusRecord(
                    at=at,
                    by="",
                    usage=receipt.usage,
                    failure=receipt.failure,
                    category=receipt.category,
                    heard=heard,
                )
                uuid = self.receipts.came_early(account.provider, receipt.provider_id, receipt.status, record)
                if uuid is None:
                    return None
        if uuid is None:
            self.unmatched(account.provider, receipt)
            return None
        return Change(
            uuid,
            receipt.status,
            at,
            heard=heard,
            usage=receipt.usage,
            failure=receipt.failure,
            category=receipt.category,
            provider_id=receipt.provider_id,
            provider=account.key,
            part=receipt.part,
        )

    # --- messages from people --------------------------------------------------------------------

    def _inbound(self, account: Account, adapter: Adapter, messages: Sequence[Inbound]) -> None:
        """Queued first and written then, as in transitions.py; the uuid makes a repeat the same message.

        What a message makes of its contact is noted last, so that a repeat notes it if we die before.
        """
        owners = [self.senders.owner(message.channel, message.recipient) for message in messages]
        items = [
            InboundItem(
                message_uuid=_inbound_uuid(account.provider, message.provider_id),
                application_id=application_id,
                channel=message.channel,
                sender=message.sender,
                recipient=sender,
                at=message.at,
                content=message.content,
                provider=account.provider,
                account_id=account.account_id,
                by=uuid4().hex,
                provider_id=message.provider_id,
                profile=message.profile,
                quotes=message.quotes,
                quotes_uuid=self._quoted(account.provider, message),
            )
            for message, (sender, application_id) in zip(messages, owners, strict=True)
        ]
        batch = self.webhooks.batch
        for start in range(0, len(items), batch):
            part = items[start : start + batch]
            self.webhooks.announce(
                *(InboundNews(message_uuid=item.message_uuid, by=item.by) for item in part)
            )
            for item in part:
                self.store.add_inbound(item)
        for item in items:
            confirmation = self.contacts.wrote(item)
            if confirmation and not _confirms_itself(adapter, account, confirmation):
                self.sending.accept(confirmation, item.application_id)


def _inbound_uuid(provider: str, provider_id: str) -> str:
    """A repeat is the same message."""
    return str(uuid5(NAMESPACE_URL, f"{provider}:{provider_id}"))


def _confirms_itself(adapter: Adapter, account: Account, confirmation: Message) -> bool:
    """The provider tells the person by itself."""
    ours = account.get("self_managed_opt_outs").lower() == "true"
    return confirmation.channel in adapter.answers_stop and not ours
