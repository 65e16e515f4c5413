"""Takes in what providers tell us: receipts move messages forward, people's messages go to the client."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid4, uuid5

from switchboard import clock
from switchboard.adapters import REGISTRY, Adapter, adapter
from switchboard.conversations import Conversations
from switchboard.errors import BadSignature, NotFound
from switchboard.models.events import Hook, Inbound, Receipt, Watermark
from switchboard.queues import BATCH, InboundNews, Queue
from switchboard.secrets import Accounts
from switchboard.senders import Senders
from switchboard.store import InboundItem, Store
from switchboard.transitions import Change, Transitions


@dataclass(frozen=True)
class Receiving:
    store: Store
    webhooks: Queue
    transitions: Transitions
    conversations: Conversations
    accounts: Accounts
    senders: Senders
    unmatched: Callable[[str, Receipt], None]
    """Told of a receipt that names no message of ours, or whose status nobody knows."""
    adapter: Callable[[str], Adapter] = adapter

    def handshake(self, provider: str, account_id: str, hook: Hook) -> str:
        """The answer to a provider's check of our callback URL. BadSignature if it has not our token."""
        answer = self._provider(provider).handshake(hook, self.accounts.account(provider, account_id))
        if answer is None:
            raise BadSignature("handshake")
        return answer

    def receive(self, provider: str, account_id: str, hook: Hook) -> None:
        """Verify a callback and act on every event in it. BadSignature before anything is read."""
        adapter = self._provider(provider)
        adapter.verify(hook, self.accounts.account(provider, account_id))
        events = adapter.events(hook)
        self._receipts(provider, [event for event in events if isinstance(event, Receipt)])
        for event in events:
            if isinstance(event, Watermark):
                self.conversations.reached(event)
        self._inbound(provider, [event for event in events if isinstance(event, Inbound)])

    def _provider(self, name: str) -> Adapter:
        if name not in REGISTRY:
            raise NotFound(name)
        return self.adapter(name)

    def _receipts(self, provider: str, receipts: Sequence[Receipt]) -> None:
        changes = []
        for receipt in receipts:
            if receipt.status is None or receipt.message_uuid is None:
                self.unmatched(provider, receipt)
                continue
            at = receipt.at or clock.now()
            changes.append(
                Change(
                    receipt.message_uuid,
                    receipt.status,
                    at,
                    usage=receipt.usage,
                    failure=receipt.failure,
                    provider_id=receipt.provider_id,
                )
            )
        self.transitions.apply(changes)
        for receipt in receipts:
            if receipt.conversation and receipt.message_uuid and receipt.provider_id:
                self.conversations.sent(
                    receipt.conversation,
                    receipt.message_uuid,
                    receipt.provider_id,
                    receipt.at or clock.now(),
                )

    def _inbound(self, provider: str, messages: Sequence[Inbound]) -> None:
        """Queued first and written then, as in transitions.py; the uuid makes a repeat the same message."""
        items = [
            InboundItem(
                message_uuid=str(uuid5(NAMESPACE_URL, f"{provider}:{message.provider_id}")),
                application_id=self.senders.application(message.channel, message.recipient),
                channel=message.channel,
                sender=message.sender,
                recipient=message.recipient,
                at=message.at,
                content=message.content,
                by=uuid4().hex,
            )
            for message in messages
        ]
        for start in range(0, len(items), BATCH):
            part = items[start : start + BATCH]
            self.webhooks.put(*(InboundNews(message_uuid=item.message_uuid, by=item.by) for item in part))
            for item in part:
                self.store.add_inbound(item)
