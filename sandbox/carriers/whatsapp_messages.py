"""What WhatsApp takes as a message.

https://developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.carriers.faults import Fault, Faulty, check


class _Member(BaseModel):
    model_config = ConfigDict(strict=True)


class _Exact(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


Link = Annotated[str, Field(pattern=r"^https?://\S+$", max_length=2048)]
Caption = Annotated[str, Field(max_length=1024)]


class Text(_Exact):
    body: str = Field(min_length=1, max_length=4096)
    preview_url: bool = False


class Media(_Exact):
    """Audio and stickers: one of `link` and `id`."""

    link: Link | None = None
    id: str | None = None


class Captioned(Media):
    caption: Caption | None = None


class Document(Captioned):
    filename: str | None = None


class Location(_Exact):
    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)
    name: str | None = None
    address: str | None = None


class Language(_Member):
    code: str = Field(min_length=2)
    policy: Literal["deterministic"] = "deterministic"


class Component(_Member):
    type: str
    parameters: list[dict[str, Any]] = []


class Template(_Member):
    name: str = Field(min_length=1)
    language: Language
    components: list[Component] = []


class Interactive(_Member):
    type: str
    action: dict[str, Any]


class Reaction(_Member):
    message_id: str
    emoji: str


CONTENTS: dict[str, type[BaseModel]] = {
    "text": Text,
    "image": Captioned,
    "audio": Media,
    "video": Captioned,
    "document": Document,
    "sticker": Media,
    "location": Location,
    "template": Template,
    "interactive": Interactive,
    "reaction": Reaction,
}
LISTS = {"contacts"}


class Typing(_Member):
    type: Literal["text"]


class ReadMark(_Member):
    """That a person's message, and all before it, was read."""

    status: Literal["read"]
    message_id: str = Field(pattern=r"^wamid\.\S+$")
    typing_indicator: Typing | None = None


class Context(_Exact):
    """The message that one answers."""

    message_id: str = Field(min_length=1)


class Envelope(_Member):
    """What every message has beside its content."""

    to: Annotated[str, Field(pattern=r"^\+?\d{5,20}$")] | None = None
    recipient: Annotated[str, Field(pattern=r"^[A-Z]{2}\.\w+$")] | None = None
    recipient_type: Literal["individual"] = "individual"
    type: str = "text"
    biz_opaque_callback_data: Annotated[str, Field(max_length=512)] | None = None
    context: Context | None = None


def check_content(kind: str, value: Mapping[str, Any]) -> BaseModel | None:
    """The content as its model, if its kind has one. Faulty if it is wrong."""
    if value.get("to") is None and value.get("recipient") is None:
        raise Faulty(Fault(("to",), True, "is required"))
    if kind not in CONTENTS and kind not in LISTS:
        raise Faulty(Fault(("type",), False, "is not a message type"))
    content = value.get(kind)
    if content is None:
        raise Faulty(Fault((kind,), True, "is required"))
    if kind in LISTS:
        if not (isinstance(content, list) and content):
            raise Faulty(Fault((kind,), False, "must be a list with at least one entry"))
        return None
    try:
        checked = check(CONTENTS[kind], content)
    except Faulty as faulty:
        inner = [Fault((kind, *fault.path), fault.missing, fault.reason) for fault in faulty.faults]
        raise Faulty(*inner) from None
    if isinstance(checked, Media) and (checked.link is None) == (checked.id is None):
        missing = checked.link is None
        raise Faulty(Fault((kind, "link"), missing, "exactly one of link and id is needed"))
    return checked
