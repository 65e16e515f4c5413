"""What an agent can send.

https://developers.google.com/business-communications/rcs-business-messaging/reference/rest/v1/phones.agentMessages
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Url = Annotated[str, Field(max_length=2048, pattern=r"^https?://\S+$")]
Time = Annotated[datetime, Field(strict=False)]
Degrees = Annotated[float, Field(strict=False, allow_inf_nan=False)]
"""Numbers may come as strings: https://protobuf.dev/programming-guides/json/"""


class _Member(BaseModel):
    """Google refuses members that it does not know."""

    model_config = ConfigDict(strict=True, extra="forbid")

    one_of: ClassVar[tuple[str, ...]] = ()
    """Members of which one must be there, and no other."""

    @model_validator(mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        if cls.one_of and isinstance(value, dict) and sum(name in value for name in cls.one_of) != 1:
            raise ValueError(f"exactly one of {', '.join(cls.one_of)} is needed")
        return value


class Reply(_Member):
    text: str = Field(min_length=1, max_length=25)
    postbackData: str = Field(min_length=1, max_length=2048)


class Dial(_Member):
    phoneNumber: str = Field(pattern=r"^\+[1-9]\d{1,14}$")


class LatLong(_Member):
    latitude: Degrees = Field(0, ge=-90, le=90)
    longitude: Degrees = Field(0, ge=-180, le=180)


class ViewLocation(_Member):
    one_of = ("latLong", "query")
    latLong: LatLong | None = None
    query: str | None = None
    label: str | None = Field(None, max_length=100)


class CalendarEvent(_Member):
    startTime: Time
    endTime: Time
    title: str = Field(min_length=1, max_length=100)
    description: str = Field("", max_length=500)


class OpenUrl(_Member):
    url: Url
    application: Literal["BROWSER", "WEBVIEW"] | None = None
    webviewViewMode: Literal["FULL", "HALF", "TALL"] | None = None
    description: str | None = None


class Action(Reply):
    one_of = (
        "dialAction",
        "viewLocationAction",
        "createCalendarEventAction",
        "openUrlAction",
        "shareLocationAction",
        "composeAction",
    )
    fallbackUrl: Url | None = None
    dialAction: Dial | None = None
    viewLocationAction: ViewLocation | None = None
    createCalendarEventAction: CalendarEvent | None = None
    openUrlAction: OpenUrl | None = None
    shareLocationAction: dict[str, Any] | None = None
    composeAction: dict[str, Any] | None = None


class Suggestion(_Member):
    one_of = ("reply", "action")
    reply: Reply | None = None
    action: Action | None = None


class ContentInfo(_Member):
    fileUrl: Url
    thumbnailUrl: Url | None = None
    forceRefresh: bool = False


class UploadedFile(_Member):
    fileName: str = Field(min_length=1)
    thumbnailName: str | None = None


class CardMedia(_Member):
    one_of = ("contentInfo", "uploadedRbmFile", "fileName")
    height: Literal["SHORT", "MEDIUM", "TALL"]
    contentInfo: ContentInfo | None = None
    uploadedRbmFile: UploadedFile | None = None
    fileName: str | None = None


class Card(_Member):
    title: str = Field("", max_length=200)
    description: str = Field("", max_length=2000)
    media: CardMedia | None = None
    suggestions: list[Suggestion] = Field([], max_length=4)

    @model_validator(mode="after")
    def _shows_something(self) -> "Card":
        if not (self.title or self.description or self.media):
            raise ValueError("a title, a description or media is needed")
        return self


class StandaloneCard(_Member):
    cardOrientation: Literal["HORIZONTAL", "VERTICAL"]
    thumbnailImageAlignment: Literal["LEFT", "RIGHT"] | None = None
    cardContent: Card


class CarouselCard(_Member):
    cardWidth: Literal["SMALL", "MEDIUM"]
    cardContents: list[Card] = Field(min_length=2, max_length=10)


class RichCard(_Member):
    one_of = ("standaloneCard", "carouselCard")
    standaloneCard: StandaloneCard | None = None
    carouselCard: CarouselCard | None = None


class ContentMessage(_Member):
    one_of = ("text", "contentInfo", "uploadedRbmFile", "fileName", "richCard")
    text: str | None = Field(None, min_length=1, max_length=3072)
    contentInfo: ContentInfo | None = None
    uploadedRbmFile: UploadedFile | None = None
    fileName: str | None = None
    richCard: RichCard | None = None
    suggestions: list[Suggestion] = Field([], max_length=11)


class AgentMessage(_Member):
    contentMessage: ContentMessage
    messageTrafficType: Literal[
        "MESSAGE_TRAFFIC_TYPE_UNSPECIFIED",
        "AUTHENTICATION",
        "TRANSACTION",
        "PROMOTION",
        "SERVICEREQUEST",
        "ACKNOWLEDGEMENT",
    ] = "MESSAGE_TRAFFIC_TYPE_UNSPECIFIED"
    expireTime: Time | None = None
    ttl: str | None = Field(None, pattern=r"^\d{1,7}(\.\d{1,9})?s$")

    @model_validator(mode="after")
    def _ends_in_time(self) -> "AgentMessage":
        if self.ttl and self.expireTime:
            raise ValueError("only one of ttl, expireTime is possible")
        if self.ttl and not 0 < float(self.ttl.removesuffix("s")) <= 15 * 86_400:
            raise ValueError("ttl must be at most 15 days")
        return self


class AgentEvent(_Member):
    """https://developers.google.com/business-communications/rcs-business-messaging/reference/rest/v1/phones.agentEvents"""

    eventType: Literal["READ", "IS_TYPING"]
    messageId: str | None = None

    @model_validator(mode="after")
    def _names_what_was_read(self) -> "AgentEvent":
        if (self.eventType == "READ") != (self.messageId is not None):
            raise ValueError("messageId is needed with READ, and with nothing else")
        return self
