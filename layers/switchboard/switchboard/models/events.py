"""What a provider tells us, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from switchboard.models.frozen import Frozen
from switchboard.models.messages import Channel, InboundContent, Part, Status


@dataclass(frozen=True)
class Hook:
    """A callback as it came in. `headers` are lower-case; `body` is the raw bytes that were signed.

    `source` is "sns" when AWS handed the notification straight to our function: then the topic's policy
    and the function's invoke permission have vouched for it, and there is no HTTP request to check.
    """

    body: bytes
    method: str = "POST"
    origin: str = ""
    """https://host, as it was called."""
    target: str = ""
    """Path and query as they were sent: with the account's `callback_url` before it, the address called."""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    source: Literal["http", "sns"] = "http"
    received_at: datetime | None = None
    """The time of inbound messages that carry none of their own."""


@dataclass(frozen=True)
class Usage:
    """What a message cost, as the provider states it."""

    price: Decimal
    currency: str


@dataclass(frozen=True)
class Failure:
    """Why a message failed: a code of the public error list, and the provider's own."""

    code: int
    provider_code: str = ""
    detail: str = ""
    """A clause of ours, where it was we who refused: `its person has opted out`."""


@dataclass(frozen=True)
class Conversation:
    """The two ends of a Messenger conversation: page id and page-scoped user id."""

    sender: str
    recipient: str


@dataclass(frozen=True)
class Receipt:
    """News of one message. `status` is None for a word that we do not know; the raw event is kept."""

    status: Status | None
    raw: Mapping[str, Any]
    message_uuid: str | None = None
    """Our id, from the provider's echo field."""
    provider_id: str | None = None
    at: datetime | None = None
    usage: Usage | None = None
    failure: Failure | None = None
    category: str | None = None
    """What the provider bills this as, where it says that but no amount (rates.toml); "free" for nothing."""
    part: Part | None = None
    """Which part of a split text this is about, from the echo field."""
    names: bool = False
    """`provider_id` is what people will quote the message by, and only now known."""
    conversation: Conversation | None = None
    """Set by providers whose later receipts name only the conversation (see Watermark)."""


@dataclass(frozen=True)
class Watermark:
    """Everything sent in a conversation up to a moment has this status (Messenger)."""

    status: Status
    conversation: Conversation
    up_to: datetime
    raw: Mapping[str, Any]
    provider_ids: tuple[str, ...] = ()
    """The newest of them by name, where the provider gives it."""


class Product(Frozen):
    """What somebody asks about: a product of a catalogue."""

    catalog_id: str
    retailer_id: str


class Quoted(Frozen):
    """Another message that one refers to."""

    provider_id: str
    sender: str | None = None
    """Whose it was, where the provider says so."""
    product: Product | None = None


@dataclass(frozen=True)
class Inbound:
    """A message from a person to one of our senders (`recipient`).

    The `url` of media is the provider's, or whatever its adapter's `download` makes a request of.
    """

    channel: Channel
    provider_id: str
    sender: str
    recipient: str
    at: datetime
    content: InboundContent
    raw: Mapping[str, Any]
    profile: str | None = None
    """The name that the person goes by there."""
    quotes: Quoted | None = None
    """What the message answers, quotes or reacts to."""


@dataclass(frozen=True)
class TemplateNews:
    """A template's status changed. `status` is the provider's word in upper case."""

    name: str
    language: str
    status: str
    raw: Mapping[str, Any]
    template_id: str = ""
    reason: str = ""


Event = Receipt | Watermark | Inbound | TemplateNews
