"""What Vonage's Messages API takes, by channel and type, and how it words what it does not take.

https://developer.vonage.com/en/api/messages-olympus
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import JSONResponse, Response

from sandbox.carriers.faults import Fault, Faulty, check, parse_object

ERRORS = "https://developer.vonage.com/api-errors"
TRACE = "x-nexmo-trace-id"


class VonageError(Exception):
    """An answer that is no success. `anchor` ends the error's address."""

    def __init__(self, status: int, anchor: str, title: str, detail: str, **members: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.anchor = anchor
        self.title = title
        self.members = members

    def response(self) -> Response:
        trace = uuid4().hex
        about = {"type": f"{ERRORS}{self.anchor}"} if self.anchor else {}
        body = {**about, "title": self.title, "detail": str(self), "instance": trace, **self.members}
        return JSONResponse(body, self.status, {TRACE: trace}, media_type="application/problem+json")


def invalid(number: int, title: str, detail: str, *faults: Fault) -> VonageError:
    """Something of the request is wrong; the faults are named where the number does not say it all."""
    named = [{"name": fault.dotted, "reason": _reason(fault)} for fault in faults]
    members = {"invalid_parameters": named} if named else {}
    return VonageError(422, f"/messages#{number}", title, detail, **members)


def _reason(fault: Fault) -> str:
    return "is required." if fault.missing else f"{fault.reason}."


THROTTLED = VonageError(429, "/messages#1000", "Rate Limit Hit", "Please wait, then retry your request")
INTERNAL = VonageError(
    500, "/messages#1000", "Internal error", "There was an error processing your request in the Platform."
)
RECIPIENT = invalid(1130, "Invalid recipient", "The `to` parameter is invalid for the given channel.")
SENDER = invalid(1120, "Invalid sender", "The `from` parameter is invalid for the given channel.")
CHANNEL = invalid(1100, "Unsupported channel", "The specified channel is not supported.")
MESSAGE_TYPE = invalid(
    1140, "Invalid message type", "The message type is not supported for the given channel."
)
CLIENT_REF = invalid(
    1060, "Invalid client reference", "The client reference can be a string of up to 100 characters."
)
VALUES = "The value of one or more parameters is invalid."

# --- nodes -----------------------------------------------------------------------------------------

Url = Annotated[str, Field(pattern=r"^https?://\S+$", max_length=2000)]


class _Node(BaseModel):
    model_config = ConfigDict(strict=True)


class Link(_Node):
    url: Url


class Captioned(Link):
    caption: str | None = Field(None, min_length=1, max_length=3000)


class Named(Captioned):
    name: str | None = None


class ViberFile(Link):
    name: str | None = Field(None, max_length=25)


class ViberVideo(Captioned):
    thumb_url: str = Field(max_length=1000)


class Sticker(_Node):
    url: Url | None = None
    id: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "Sticker":
        if (self.url is None) == (self.id is None):
            raise ValueError("exactly one of url and id is needed")
        return self


class Template(_Node):
    name: str = Field(min_length=1)
    parameters: list[str] | None = None


class Location(_Node):
    lat: float = Field(ge=-90, le=90)
    long: float = Field(ge=-180, le=180)
    name: str | None = None
    address: str | None = None


class _Chip(_Node):
    text: str = Field(min_length=1, max_length=25)
    postback_data: str


class ReplyChip(_Chip):
    type: Literal["reply", "share_location"]


class DialChip(_Chip):
    type: Literal["dial"]
    phone_number: str = Field(pattern=r"^[1-9]\d{6,14}$")
    fallback_url: Url | None = None


class PlaceChip(_Chip):
    type: Literal["view_location"]
    latitude: str
    longitude: str
    pin_label: str
    fallback_url: Url | None = None


class UrlChip(_Chip):
    type: Literal["open_url", "open_url_in_webview"]
    url: Url
    description: str = Field(min_length=1, max_length=500)
    view_mode: Literal["FULL", "TALL", "HALF"] | None = None


class EventChip(_Chip):
    type: Literal["create_calendar_event"]
    start_time: str
    end_time: str
    title: str = Field(min_length=1, max_length=100)
    description: str = Field(min_length=1, max_length=500)
    fallback_url: Url | None = None


Suggestion = Annotated[ReplyChip | DialChip | PlaceChip | UrlChip | EventChip, Field(discriminator="type")]
Suggestions = Annotated[list[Suggestion], Field(min_length=1, max_length=11)]


class Card(_Node):
    title: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=2000)
    media_url: Url
    media_description: str | None = None
    media_height: Literal["SHORT", "MEDIUM", "TALL"] | None = None
    thumbnail_url: Url | None = None
    media_force_refresh: bool | None = None
    suggestions: list[Suggestion] | None = Field(None, max_length=4)


class Carousel(_Node):
    cards: list[Card] = Field(min_length=2, max_length=10)


class RcsOptions(_Node):
    category: (
        Literal["acknowledgement", "authentication", "promotion", "service-request", "transaction"] | None
    ) = None


class CardOptions(RcsOptions):
    card_orientation: Literal["VERTICAL", "HORIZONTAL"] | None = None
    image_alignment: Literal["LEFT", "RIGHT"] | None = None

    @model_validator(mode="after")
    def _has_a_side(self) -> "CardOptions":
        if self.card_orientation == "HORIZONTAL" and self.image_alignment is None:
            raise ValueError("image_alignment is needed with HORIZONTAL")
        return self


class CarouselOptions(RcsOptions):
    card_width: Literal["SMALL", "MEDIUM"]


class SmsOptions(_Node):
    model_config = ConfigDict(extra="forbid")

    encoding_type: Literal["text", "unicode", "auto"] | None = None
    content_id: str | None = None
    entity_id: str | None = None
    pool_id: str | None = None


class Context(_Node):
    """The message that one answers, by Vonage's id."""

    message_uuid: UUID = Field(strict=False)


class Reaction(_Node):
    action: Literal["react", "unreact"]
    emoji: str | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _shows_something(self) -> "Reaction":
        if (self.action == "react") != (self.emoji is not None):
            raise ValueError("emoji is needed to react, and for nothing else")
        return self


class Item(Captioned):
    type: Literal["image", "audio", "video", "file", "vcard"]


class Locale(_Node):
    locale: str = Field(min_length=2)
    policy: Literal["deterministic"] | None = None


class Action(_Node):
    url: Url
    text: str = Field(max_length=30)


class ViberOptions(_Node):
    model_config = ConfigDict(extra="forbid")

    category: Literal["transaction", "promotion"] | None = None
    ttl: int | None = Field(None, ge=30, le=259_200)
    type: Literal["string", "template"] | None = None
    action: Action | None = None


class ViberVideoOptions(ViberOptions):
    duration: str = Field(pattern=r"^([1-9]\d?|[1-5]\d\d|600)$")
    file_size: str = Field(pattern=r"^([1-9]\d?|1\d\d|200)$")


class MessengerOptions(_Node):
    model_config = ConfigDict(extra="forbid")

    category: Literal["response", "update", "message_tag"] | None = None
    tag: str | None = None

    @model_validator(mode="after")
    def _tagged(self) -> "MessengerOptions":
        if self.category == "message_tag" and not self.tag:
            raise ValueError("needs a tag")
        return self


# --- messages --------------------------------------------------------------------------------------

Number = Annotated[str, Field(pattern=r"^[1-9]\d{6,14}$")]
Id = Annotated[str, Field(min_length=1, max_length=50)]


class Envelope(_Node):
    """What every message has."""

    channel: str
    message_type: str
    sender: str = Field(alias="from")
    to: str
    client_ref: str | None = Field(None, max_length=100)
    webhook_url: Url | None = None
    webhook_version: Literal["v0.1", "v1"] = "v1"


class ByNumber(_Node):
    to: Number
    sender: str = Field(alias="from", pattern=r"^([1-9]\d{2,14}|[^\W_][\w .&-]{0,10})$")


class FromId(_Node):
    """Viber's and RCS's."""

    to: Number
    sender: Id = Field(alias="from")


class Ids(_Node):
    to: Id
    sender: Id = Field(alias="from")


PARTIES: Mapping[str, type[ByNumber | FromId | Ids]] = {
    "sms": ByNumber,
    "mms": ByNumber,
    "whatsapp": ByNumber,
    "messenger": Ids,
    "viber_service": FromId,
    "rcs": FromId,
}


class SmsText(_Node):
    text: str = Field(min_length=1, max_length=3200)
    ttl: int | None = Field(None, ge=20, le=604_800)
    sms: SmsOptions | None = None


class Mms(_Node):
    ttl: int | None = Field(None, ge=300, le=259_200)


class MmsText(Mms):
    text: str = Field(min_length=1, max_length=1000)


class MmsImage(Mms):
    image: Captioned


class MmsAudio(Mms):
    audio: Captioned


class MmsVideo(Mms):
    video: Captioned


class MmsFile(Mms):
    file: Captioned


class MmsVcard(Mms):
    vcard: Captioned


class MmsContent(Mms):
    content: list[Item] = Field(min_length=1)


class Custom(_Node):
    custom: dict[str, Any] = Field(min_length=1)


class WhatsApp(_Node):
    context: Context | None = None


class WhatsAppText(WhatsApp):
    text: str = Field(min_length=1, max_length=4096)


class WhatsAppImage(WhatsApp):
    image: Captioned


class WhatsAppAudio(WhatsApp):
    audio: Link


class WhatsAppVideo(WhatsApp):
    video: Captioned


class WhatsAppFile(WhatsApp):
    file: Named


class WhatsAppTemplate(WhatsApp):
    template: Template
    whatsapp: Locale


class WhatsAppLocation(WhatsApp):
    location: Location


class WhatsAppSticker(WhatsApp):
    sticker: Sticker


class WhatsAppReaction(_Node):
    reaction: Reaction
    context: Context


class WhatsAppCustom(WhatsApp, Custom):
    pass


class Messenger(_Node):
    messenger: MessengerOptions = MessengerOptions()


class MessengerText(Messenger):
    text: str = Field(min_length=1, max_length=640)


class MessengerImage(Messenger):
    image: Link


class MessengerAudio(Messenger):
    audio: Link


class MessengerVideo(Messenger):
    video: Link


class MessengerFile(Messenger):
    file: Link


class Viber(_Node):
    viber_service: ViberOptions = ViberOptions()


class ViberText(Viber):
    text: str = Field(min_length=1, max_length=1000)


class ViberImage(Viber):
    image: Captioned


class ViberFileMessage(Viber):
    file: ViberFile


class ViberVideoMessage(_Node):
    video: ViberVideo
    viber_service: ViberVideoOptions


class Rcs(_Node):
    ttl: int | None = Field(None, ge=20, le=259_200)
    suggestions: Suggestions | None = None
    rcs: RcsOptions | None = None


class RcsText(Rcs):
    text: str = Field(min_length=1, max_length=3072)


class RcsImage(Rcs):
    image: Link


class RcsVideo(Rcs):
    video: Link


class RcsFile(Rcs):
    file: Link


class RcsCard(Rcs):
    card: Card
    rcs: CardOptions | None = None


class RcsCarousel(Rcs):
    carousel: Carousel
    rcs: CarouselOptions


class RcsCustom(Rcs, Custom):
    pass


MESSAGES: Mapping[str, Mapping[str, type[_Node]]] = {
    "sms": {"text": SmsText},
    "mms": {
        "text": MmsText,
        "image": MmsImage,
        "audio": MmsAudio,
        "video": MmsVideo,
        "file": MmsFile,
        "vcard": MmsVcard,
        "content": MmsContent,
    },
    "whatsapp": {
        "text": WhatsAppText,
        "image": WhatsAppImage,
        "audio": WhatsAppAudio,
        "video": WhatsAppVideo,
        "file": WhatsAppFile,
        "template": WhatsAppTemplate,
        "location": WhatsAppLocation,
        "sticker": WhatsAppSticker,
        "reaction": WhatsAppReaction,
        "custom": WhatsAppCustom,
    },
    "messenger": {
        "text": MessengerText,
        "image": MessengerImage,
        "audio": MessengerAudio,
        "video": MessengerVideo,
        "file": MessengerFile,
    },
    "viber_service": {
        "text": ViberText,
        "image": ViberImage,
        "file": ViberFileMessage,
        "video": ViberVideoMessage,
    },
    "rcs": {
        "text": RcsText,
        "image": RcsImage,
        "video": RcsVideo,
        "file": RcsFile,
        "card": RcsCard,
        "carousel": RcsCarousel,
        "custom": RcsCustom,
    },
}


def read(body: bytes) -> tuple[Envelope, str]:
    """The message in a request, and its text if it is one. VonageError if it is none."""
    value = parse_object(body)
    if value is None:
        raise VonageError(
            422, "#invalid-json", "The request body did not contain valid JSON", "Expected a JSON object"
        )
    try:
        envelope = check(Envelope, value)
    except Faulty as faulty:
        if [fault.path for fault in faulty.faults] == [("client_ref",)]:
            raise CLIENT_REF from None
        raise invalid(1150, "Invalid params", VALUES, *faulty.faults) from None
    if envelope.channel not in MESSAGES:
        raise CHANNEL
    if envelope.message_type not in MESSAGES[envelope.channel]:
        raise MESSAGE_TYPE
    try:
        check(PARTIES[envelope.channel], value)
    except Faulty as faulty:
        raise RECIPIENT if faulty.faults[0].path == ("to",) else SENDER from None
    if "failover" in value:
        raise invalid(1150, "Invalid params", VALUES, Fault(("failover",), False, "is not simulated here"))
    try:
        check(MESSAGES[envelope.channel][envelope.message_type], value)
    except Faulty as faulty:
        if faulty.faults[0].path[0] == envelope.channel:
            raise invalid(1110, "Invalid channel parameters", VALUES, *faulty.faults) from None
        raise invalid(1150, "Invalid params", VALUES, *faulty.faults) from None
    return envelope, value.get("text", "")


# --- messages that were sent already -----------------------------------------------------------------


class Indicator(_Node):
    show: bool
    type: Literal["text"]


class Change(_Node):
    status: Literal["read", "revoked"]
    replying_indicator: Indicator | None = None
