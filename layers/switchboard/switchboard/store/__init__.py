"""The one table. `keys` names its items, `items` gives their shape; the others read and write them, by the
calls in `calls`: `table` messages, dispatches and applications, `accounts` provider accounts and senders,
`contacts` people, `secrets` the account's own secrets, `conversations` and `receipts` what receipts without
our id need."""

from switchboard.store.accounts import (
    AccountSender,
    AccountStore,
    ProviderAccount,
    Rate,
    Route,
    SenderItem,
)
from switchboard.store.contacts import Contact, ContactStore
from switchboard.store.conversations import ConversationStore
from switchboard.store.items import (
    KEPT,
    DispatchItem,
    InboundItem,
    MessageItem,
    PartRecord,
    Sent,
    Slot,
    StatusRecord,
    StepLink,
)
from switchboard.store.pace import PaceStore, Taken
from switchboard.store.receipts import ReceiptStore
from switchboard.store.secrets import SecretStore
from switchboard.store.table import Claim, Store
from switchboard.store.templates import TemplateItem, TemplateStore

__all__ = [
    "KEPT",
    "AccountSender",
    "AccountStore",
    "Claim",
    "Contact",
    "ContactStore",
    "ConversationStore",
    "DispatchItem",
    "InboundItem",
    "MessageItem",
    "PaceStore",
    "PartRecord",
    "ProviderAccount",
    "Rate",
    "ReceiptStore",
    "Route",
    "SecretStore",
    "SenderItem",
    "Sent",
    "Slot",
    "StatusRecord",
    "StepLink",
    "Store",
    "Taken",
    "TemplateItem",
    "TemplateStore",
]
