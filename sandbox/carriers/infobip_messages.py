"""What Infobip takes as a message of Viber and of SMS, which come in lists for several people.

https://www.infobip.com/docs/api/channels/viber
https://www.infobip.com/docs/api/channels/sms
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

LONGEST_VALIDITY = 48 * 3600
UNIT_SECONDS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600}

HttpUrl = Annotated[str, Field(max_length=1000, pattern=r"^https?://\S+$")]
MessageText = Annotated[str, Field(min_length=1, max_length=1000)]


class Member(BaseModel):
    model_config = ConfigDict(strict=True)


# --- content of Viber ------------------------------------------------------------------------------


class Button(Member):
    title: str = Field(min_length=1, max_length=30)
    action: HttpUrl


class Text(Member):
    type: Literal["TEXT"]
    text: MessageText
    button: Button | None = None


class Image(Member):
    type: Literal["IMAGE"]
    mediaUrl: HttpUrl
    text: MessageText | None = None
    button: Button | None = None


class Video(Member):
    type: Literal["VIDEO"]
    mediaUrl: HttpUrl
    mediaDuration: str = Field(pattern=r"^PT(\d+H)?(\d+M)?(\d+S)?$", min_length=4)
    thumbnailUrl: HttpUrl
    text: MessageText | None = None
    button: Button | None = None


class File(Member):
    type: Literal["FILE"]
    fileName: str = Field(min_length=1)
    mediaUrl: HttpUrl


class OtpTemplate(Member):
    type: Literal["OTP_TEMPLATE"]
    templateId: str = Field(min_length=1)
    parameters: dict[str, str] = {}
    language: str


class List(Member):
    type: Literal["LIST"]
    text: str = Field(min_length=1, max_length=85)
    options: list[Annotated[str, Field(min_length=1, max_length=50)]] = Field(min_length=2, max_length=5)


class Carousel(Member):
    type: Literal["CAROUSEL"]
    text: MessageText | None = None
    cards: list[dict[str, Any]] = Field(min_length=2, max_length=5)


Content = Annotated[Text | Image | Video | File | OtpTemplate | List | Carousel, Field(discriminator="type")]


# --- what both have --------------------------------------------------------------------------------


class Destination(Member):
    to: str = Field(pattern=r"^\+?\d{5,15}$")
    messageId: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class ValidityPeriod(Member):
    amount: int = Field(ge=1)
    timeUnit: Literal["SECONDS", "MINUTES", "HOURS"] = "MINUTES"

    @model_validator(mode="after")
    def _within_limit(self) -> "ValidityPeriod":
        if self.amount * UNIT_SECONDS[self.timeUnit] > LONGEST_VALIDITY:
            raise ValueError("must be at most 48 hours")
        return self


class Address(Member):
    url: HttpUrl


class Webhooks(Member):
    delivery: Address | None = None
    seen: Address | None = None
    callbackData: Annotated[str, Field(max_length=4000)] | None = None
    contentType: Literal["application/json"] = "application/json"


class _Send(Member):
    destinations: list[Destination] = Field(min_length=1)
    webhooks: Webhooks = Webhooks()


# --- Viber -----------------------------------------------------------------------------------------


class ViberOptions(Member):
    label: Literal["TRANSACTIONAL", "PROMOTIONAL"] | None = None
    validityPeriod: ValidityPeriod | None = None


class ViberSend(_Send):
    sender: str = Field(min_length=1)
    content: Content
    options: ViberOptions = ViberOptions()


class ViberSends(Member):
    messages: list[ViberSend] = Field(min_length=1)


# --- SMS -------------------------------------------------------------------------------------------


class Language(Member):
    languageCode: Literal["NONE", "TR", "ES", "PT", "AUTODETECT"] = "NONE"


class SmsText(Member):
    text: str = Field(min_length=1)
    transliteration: Literal[
        "NONE",
        "TURKISH",
        "GREEK",
        "CYRILLIC",
        "SERBIAN_CYRILLIC",
        "BULGARIAN_CYRILLIC",
        "CENTRAL_EUROPEAN",
        "BALTIC",
        "PORTUGUESE",
        "COLOMBIAN",
        "NON_UNICODE",
        "ALL",
    ] = "NONE"
    language: Language | None = None


class IndiaDlt(Member):
    contentTemplateId: str | None = None
    principalEntityId: str


class Regional(Member):
    indiaDlt: IndiaDlt | None = None


class SmsOptions(Member):
    regional: Regional | None = None
    validityPeriod: ValidityPeriod | None = None
    flash: bool = False
    campaignReferenceId: Annotated[str, Field(max_length=255)] | None = None


class SmsSend(_Send):
    sender: str = Field("InfoSMS", min_length=3, max_length=15)
    """Short codes and words too."""
    content: SmsText
    options: SmsOptions = SmsOptions()


class SmsSends(Member):
    messages: list[SmsSend] = Field(min_length=1)
