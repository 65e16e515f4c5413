"""The one table. `keys` names its items, `items` gives their shape, `table` and `conversations` read and
write them by the calls in `calls`."""

from switchboard.store.conversations import ConversationStore
from switchboard.store.items import (
    DispatchItem,
    InboundItem,
    MessageItem,
    Sent,
    StatusRecord,
    StepLink,
)
from switchboard.store.table import Claim, Store

__all__ = [
    "Claim",
    "ConversationStore",
    "DispatchItem",
    "InboundItem",
    "MessageItem",
    "Sent",
    "StatusRecord",
    "StepLink",
    "Store",
]
