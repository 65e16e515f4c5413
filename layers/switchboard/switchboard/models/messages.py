"""The internal message: what every wire version is mapped to, and all that an adapter sees."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from switchboard.models.frozen import Frozen
from switchboard.models.rich import RichCard, Suggestion


class Channel(StrEnum):
    SMS = "sms"
    MMS = "mms"
    WHATSAPP = "whatsapp"
    MESSENGER = "messenger"
    VIBER = "viber_service_msg"
    RCS = "rcs"
    LINE = "line"
    WECHAT = "wechat"
    APPLE = "apple"
    TELEGRAM = "telegram"
    VIBER_BOT = "viber_bot"


class Status(StrEnum):
    """Where a message is. Vonage's five, and `accepted` for what is still with us."""

    ACCEPTED = "accepted"
    SUBMITTED = "submitted"
    DELIVERED = "delivered"
    READ = "read"
    REJECTED = "rejected"
    UNDELIVERABLE = "undeliverable"

    @property
    def rank(self) -> int:
        """Order of a message's life: a status may only be followed by one of a higher rank."""
        return _RANK[self]

    @property
    def after(self) -> int:
        """A message can move here from any status of a lower rank than this: what was delivered cannot
        fail any more."""
        return Status.DELIVERED.rank if self.is_failure else self.rank

    @property
    def is_failure(self) -> bool:
        return self in (Status.REJECTED, Status.UNDELIVERABLE)


_RANK = {
    Status.ACCEPTED: 0,
    Status.SUBMITTED: 1,
    Status.DELIVERED: 2,
    Status.READ: 3,
    Status.REJECTED: 4,
    Status.UNDELIVERABLE: 4,
}


class Text(Frozen):
    type: Literal["text"]
    text: str


class _Media(Frozen):
    url: str
    caption: str | None = None


class Image(_Media):
    type: Literal["image"]


class Audio(_Media):
    type: Literal["audio"]


class Video(_Media):
    type: Literal["video"]
    thumbnail_url: str | None = None


class File(_Media):
    type: Literal["file"]
    name: str | None = None
    """Under which it is shown, in place of its address's."""


class Vcard(_Media):
    type: Literal["vcard"]


Media = Image | Audio | Video | File | Vcard


class Sticker(Frozen):
    """By its address, or by the id that the provider gave it."""

    type: Literal["sticker"]
    url: str | None = None
    id: str | None = None


class Reaction(Frozen):
    """To the message that `reply_to` names."""

    type: Literal["reaction"]
    emoji: str
    """Empty takes it back."""


class Several(Frozen):
    """Media of several kinds in one message."""

    type: Literal["content"]
    items: tuple[Annotated[Media, Field(discriminator="type")], ...]


class Card(Frozen):
    type: Literal["card"]
    card: RichCard


class Carousel(Frozen):
    type: Literal["carousel"]
    cards: tuple[RichCard, ...]


class Template(Frozen):
    """`parameters[n]` fills variable n + 1. The v0.1 form `{"default": "x"}` is kept as plain "x"."""

    type: Literal["template"]
    name: str
    parameters: tuple[str, ...] = ()


class Custom(Frozen):
    """Passed to the provider as it is, beside the addressing that we add."""

    type: Literal["custom"]
    custom: dict[str, Any]


class Location(Frozen):
    """`url` comes inbound only."""

    type: Literal["location"]
    latitude: float
    longitude: float
    name: str | None = None
    address: str | None = None
    url: str | None = None


class Reply(Frozen):
    """Inbound only: what somebody chose from a list or of several buttons."""

    type: Literal["reply"]
    id: str
    title: str
    description: str | None = None


class Button(Frozen):
    """Inbound only: a template's button that somebody tapped."""

    type: Literal["button"]
    payload: str
    text: str


class OrderedProduct(Frozen):
    retailer_id: str
    quantity: str
    price: str
    currency: str


class Order(Frozen):
    """Inbound only: what somebody put together from a catalogue."""

    type: Literal["order"]
    catalog_id: str
    products: tuple[OrderedProduct, ...]
    text: str | None = None


class ContactCards(Frozen):
    """Inbound only: people's cards, as the provider gives them."""

    type: Literal["contacts"]
    cards: tuple[dict[str, Any], ...]


class Unsupported(Frozen):
    """Inbound only: something that has no form in our API."""

    type: Literal["unsupported"]


Content = Annotated[
    Text
    | Image
    | Audio
    | Video
    | File
    | Vcard
    | Several
    | Location
    | Sticker
    | Reaction
    | Card
    | Carousel
    | Template
    | Custom,
    Field(discriminator="type"),
]
InboundContent = Annotated[
    Text
    | Image
    | Audio
    | Video
    | File
    | Vcard
    | Location
    | Sticker
    | Reaction
    | Reply
    | Button
    | Order
    | ContactCards
    | Unsupported,
    Field(discriminator="type"),
]
InboundMedia = Media | Sticker


class ViberAction(Frozen):
    """A button below the message."""

    url: str
    text: str


class ViberOptions(Frozen):
    category: Literal["transaction", "promotion"] = "transaction"
    ttl: int | None = None
    """Seconds."""
    type: str | None = None
    action: ViberAction | None = None
    duration: int | None = None
    """Of a video, in seconds."""
    file_size: int | None = None
    """Of a video, in MB."""


class MessengerOptions(Frozen):
    category: Literal["response", "update", "message_tag"] = "response"
    tag: str | None = None


class TemplateFallback(Frozen):
    name: str
    parameters: tuple[str, ...] = ()
    locale: str | None = None


class WhatsAppOptions(Frozen):
    policy: Literal["deterministic", "fallback"] = "deterministic"
    locale: str | None = None
    """BCP 47, `en-GB`."""
    template_fallback: TemplateFallback | None = None
    """What goes out instead of anything else while the person's window is closed."""


class SmsOptions(Frozen):
    encoding: Literal["auto", "text", "unicode"] = "auto"
    content_id: str | None = None
    """With `entity_id`: what some countries' registers call the text and its sender (India: DLT)."""
    entity_id: str | None = None
    pool_id: str | None = None
    """A pool of the provider's to send from, in place of the sender."""


RcsCategory = Literal["acknowledgement", "authentication", "promotion", "service-request", "transaction"]


class RcsOptions(Frozen):
    category: RcsCategory | None = None
    orientation: Literal["vertical", "horizontal"] | None = None
    image_alignment: Literal["left", "right"] | None = None
    """Of a horizontal card."""
    card_width: Literal["small", "medium"] | None = None
    """Of a carousel's cards."""


Version = Literal["v0.1", "v1"]


class CallbackChoice(Frozen):
    """Where a message's statuses are told, and in which form."""

    url: str | None = None
    """In place of the application's status URL."""
    version: Version | None = None
    """In place of the application's."""
    default: Version = "v0.1"
    """Where neither says: as the message was sent."""


class Part(Frozen):
    """One of the parts in which a text goes out that is longer than its provider takes."""

    number: int
    """From 1."""
    of: int


class Redacted(Frozen):
    """What is still known of a message whose recipient and contents were erased, for its bill."""

    parts: int | None = None
    """That an SMS is billed as."""
    price: Decimal | None = None
    """By the rate table; None where that does not know one."""
    currency: str = ""


class Message(Frozen):
    """One message to one recipient. Numbers are E.164 digits without `+`."""

    message_uuid: str
    channel: Channel
    sender: str
    recipient: str
    content: Content
    client_ref: str | None = None
    viber: ViberOptions = ViberOptions()
    messenger: MessengerOptions = MessengerOptions()
    whatsapp: WhatsAppOptions = WhatsAppOptions()
    sms: SmsOptions = SmsOptions()
    rcs: RcsOptions = RcsOptions()
    suggestions: tuple[Suggestion, ...] = ()
    reply_to: str | None = None
    """The message_uuid of the message that this one quotes or reacts to. An adapter is handed the provider's
    id of it instead."""
    callback: CallbackChoice = CallbackChoice()
    on_unknown: Literal["wait", "resend", "fail"] | None = None
    """What becomes of it when a provider's answer is lost and no receipt comes either: nothing until its time
    is over, another attempt, or its end. None: another attempt where the provider recognises it, else
    its end."""
    lifetime: int | None = None
    """Seconds after which delivery is of no use any more: a dispatch step's time, or the caller's word."""
    priority: Literal["normal", "high"] = "normal"
    """What is `high` overtakes what is not, in the queue and at a sender's rate."""
    max_price: Decimal | None = None
    """It is not handed over to who would charge more for it, in our currency."""
    max_total: Decimal | None = None
    """Of the message of a step: nor if its workflow would then have cost more."""
    confirms_opt_out: bool = False
    """The one message that still goes to a person who has just opted out."""
    redacted: Redacted | None = None
    """Set when the recipient and the contents were erased: it does not go out any more."""
    part: Part | None = None
    """Set on what an adapter is handed when the text was split: `content` is this part's text."""

    @property
    def is_template(self) -> bool:
        """A template, be it in the provider's own form."""
        if isinstance(self.content, Custom):
            return self.content.custom.get("type") == "template"
        return isinstance(self.content, Template)
