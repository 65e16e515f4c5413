"""What `SendRcsMessage` takes as a message.

https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_RcsMessageContent.html
"""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


def not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


Url = Annotated[str, Field(max_length=2000, pattern=r"^(https://|s3://).+$")]
Word = Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[A-Z_]+$")]


class _Member(BaseModel):
    """Unknown members are ignored, as JSON 1.0 services do."""

    model_config = ConfigDict(strict=True)


class _Union(_Member):
    """A structure of which one member must be there, and no other."""

    @model_validator(mode="before")
    @classmethod
    def _one(cls, value: Any) -> Any:
        if isinstance(value, dict) and len([name for name in value if name in cls.model_fields]) != 1:
            raise ValueError("exactly one member is needed")
        return value


class Chip(_Member):
    Text: str = Field(min_length=1, max_length=25)
    PostbackData: str = Field(min_length=1, max_length=2048)


class UrlChip(Chip):
    Url: str = Field(max_length=2048, pattern=r"^https://\S+$")
    Application: Word | None = None
    WebviewViewMode: Word | None = None


class PhoneChip(Chip):
    PhoneNumber: str = Field(max_length=20, pattern=r"^\+?[1-9][0-9]{1,18}$")


class PlaceChip(Chip):
    Latitude: float = Field(ge=-90, le=90)
    Longitude: float = Field(ge=-180, le=180)
    Label: str | None = Field(None, min_length=1, max_length=100)


class CalendarEvent(Chip):
    Title: str = Field(min_length=1, max_length=100)
    StartTime: float
    EndTime: float
    Description: str | None = Field(None, min_length=1, max_length=500)


class Suggestion(_Union):
    Reply: Chip | None = None
    OpenUrl: UrlChip | None = None
    DialPhone: PhoneChip | None = None
    ShowLocation: PlaceChip | None = None
    RequestLocation: Chip | None = None
    CreateCalendarEvent: CalendarEvent | None = None


class TextPart(_Member):
    Body: Annotated[str, Field(min_length=1, max_length=3072), AfterValidator(not_blank)]


class FilePart(_Member):
    FileUrl: Url
    ThumbnailUrl: Url | None = None


class CardMedia(FilePart):
    Height: Word | None = None


class Card(_Member):
    Title: str | None = Field(None, min_length=1, max_length=200)
    Description: str | None = Field(None, min_length=1, max_length=2000)
    Media: CardMedia | None = None
    Suggestions: list[Suggestion] = Field([], max_length=4)


class CardPart(_Member):
    CardOrientation: Word
    ThumbnailImageAlignment: Word | None = None
    CardContent: Card


class CarouselPart(_Member):
    CardWidth: Word
    CardContents: list[Card] = Field(min_length=2, max_length=10)


class OneContent(_Union):
    TextMessage: TextPart | None = None
    FileMessage: FilePart | None = None
    RichCard: CardPart | None = None
    Carousel: CarouselPart | None = None


class RcsMessageContent(_Member):
    Content: OneContent
    Suggestions: list[Suggestion] = Field([], max_length=11)
