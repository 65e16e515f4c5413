"""What Vonage's Messages API takes, by channel and type, and how it words what it does not take.

https://developer.vonage.com/en/api/messages-olympus
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import uuid4

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


class Template(_Node):
    name: str = Field(min_length=1)
    parameters: list[str] | None = None


class Location(_Node):
    lat: float = Field(ge=-90, le=90)
    long: float = Field(ge=-180, le=180)
    name: str | None = None
    address: str | None = None


class Suggestion(_Node):
    type: Literal[
        "reply",
        "dial",
        "view_location",
        "share_location",
        "open_url",
        "open_url_in_webview",
        "create_calendar_event",
    ]
    text: str = Field(min_length=1, max_length=25)
    postback_data: str
    latitude: str | None = None
    longitude: str | None = None
    pin_label: str | None = None


class Card(_Node):
    title: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=2000)
    media_url: Url
    suggestions: list[Suggestion] | None = Field(None, max_length=4)


class Carousel(_Node):
    cards: list[Card] = Field(min_length=2, max_length=10)


class Item(Link):
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


class WhatsAppText(_Node):
    text: str = Field(min_length=1, max_length=4096)


class WhatsAppImage(_Node):
    image: Captioned


class WhatsAppAudio(_Node):
    audio: Link


class WhatsAppVideo(_Node):
    video: Captioned


class WhatsAppFile(_Node):
    file: Named


class WhatsAppTemplate(_Node):
    template: Template
    whatsapp: Locale


class WhatsAppLocation(_Node):
    location: Location


class WhatsAppSticker(_Node):
    sticker: Sticker


class Custom(_Node):
    custom: dict[str, Any] = Field(min_length=1)


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


class RcsText(Rcs):
    text: str = Field(min_length=1, max_length=3072)
    suggestions: list[Suggestion] | None = Field(None, min_length=1, max_length=11)


class RcsImage(Rcs):
    image: Link


class RcsVideo(Rcs):
    video: Link


class RcsFile(Rcs):
    file: Link


class RcsCard(Rcs):
    card: Card


class RcsCarousel(Rcs):
    carousel: Carousel


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
        "custom": Custom,
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
