"""The one table. `keys` names its items, `items` gives their shape; the others read and write them, by the
calls in `calls`: `table` messages, dispatches and applications, `accounts` provider accounts and senders,
`contacts` people, `secrets` the account's own secrets, `conversations` and `receipts` what receipts without
our id need, `endpoints` how clients answer, `failed` what they did not take."""

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
from switchboard.store.endpoints import EndpointState, EndpointStore
from switchboard.store.failed import FailedEvent, FailedStore
from switchboard.store.items import (
    KEPT,
    DispatchItem,
    InboundItem,
    MessageItem,
    PartRecord,
    Refusal,
    Sent,
    Slot,
    StatusRecord,
    StepLink,
    Unknown,
)
from switchboard.store.pace import PaceStore, Taken
from switchboard.store.receipts import ReceiptStore
from switchboard.store.redactions import Redaction, RedactionStore
from switchboard.store.requests import RequestStore
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
    "EndpointState",
    "EndpointStore",
    "FailedEvent",
    "FailedStore",
    "InboundItem",
    "MessageItem",
    "PaceStore",
    "PartRecord",
    "ProviderAccount",
    "Rate",
    "ReceiptStore",
    "Redaction",
    "RedactionStore",
    "Refusal",
    "RequestStore",
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
    "Unknown",
]
