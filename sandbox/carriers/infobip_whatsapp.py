"""What Infobip takes as a WhatsApp message: each kind at an address of its own.

https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-outbound-messages
"""

import re
from typing import Annotated, Any

from pydantic import BaseModel, Field, model_validator

from sandbox.carriers.infobip_messages import Member

Url = Annotated[str, Field(min_length=1, max_length=2048, pattern=r"^https?://\S+$")]
Caption = Annotated[str, Field(max_length=3000)]


class Text(Member):
    text: str = Field(min_length=1, max_length=4096)
    previewUrl: bool = False

    @model_validator(mode="after")
    def _has_something_to_preview(self) -> "Text":
        if self.previewUrl and not re.search(r"https?://\S", self.text):
            raise ValueError("text contains no address to preview")
        return self


class Media(Member):
    mediaUrl: Url


class Captioned(Media):
    caption: Caption | None = None


class Document(Captioned):
    filename: Annotated[str, Field(min_length=1, max_length=240)] | None = None


class Location(Member):
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    name: Annotated[str, Field(max_length=1000)] | None = None
    address: Annotated[str, Field(max_length=1000)] | None = None


class Contacts(Member):
    contacts: list[dict[str, Any]] = Field(min_length=1)


class TemplateBody(Member):
    placeholders: list[Annotated[str, Field(min_length=1)]]


class TemplateData(Member):
    body: TemplateBody
    header: dict[str, Any] | None = None
    buttons: list[dict[str, Any]] = Field([])


class Template(Member):
    templateName: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    templateData: TemplateData
    language: str = Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2,3})?$")


class InteractiveBody(Member):
    text: str = Field(min_length=1, max_length=1024)


class Interactive(Member):
    body: InteractiveBody
    action: dict[str, Any] | None = None


CONTENTS: dict[str, type[BaseModel]] = {
    "text": Text,
    "image": Captioned,
    "video": Captioned,
    "audio": Media,
    "sticker": Media,
    "document": Document,
    "location": Location,
    "contact": Contacts,
    "template": Template,
    "interactive/buttons": Interactive,
    "interactive/list": Interactive,
    "interactive/product": Interactive,
    "interactive/multi-product": Interactive,
    "interactive/flow": Interactive,
    "interactive/url-button": Interactive,
    "interactive/location-request": Interactive,
}
"""By the end of the address."""


class Envelope(Member):
    """What every message has beside its content."""

    sender: str = Field(alias="from", pattern=r"^\d{5,24}$")
    to: str = Field(pattern=r"^\+?\d{5,24}$")
    messageId: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    content: dict[str, Any]
    callbackData: Annotated[str, Field(max_length=4000)] | None = None
    notifyUrl: Url | None = None


class Bulk(Member):
    """Templates come in a list."""

    messages: list[Envelope] = Field(min_length=1)
