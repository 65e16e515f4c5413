"""Viber Business Messages through Infobip: https://www.infobip.com/docs/api/channels/viber"""

from collections.abc import Mapping
from typing import Any, assert_never

from switchboard.adapters._reading import file_name, said, shown, text
from switchboard.errors import Rejected
from switchboard.models.messages import (
    Audio,
    Card,
    Carousel,
    Custom,
    File,
    Image,
    InboundContent,
    Location,
    Message,
    Reaction,
    Several,
    Sticker,
    Template,
    Text,
    Vcard,
    Video,
)

LABELS = {"transaction": "TRANSACTIONAL", "promotion": "PROMOTIONAL"}
MEDIA = {"IMAGE": "image", "VIDEO": "video", "FILE": "file"}
LIFE = 30, 172_800  # seconds: Viber's least, Infobip's most


def content(message: Message) -> dict[str, Any]:
    """Rejected for what Viber cannot carry."""
    content = message.content
    match content:
        case Text():
            return {"type": "TEXT", "text": content.text, **_button(message)}
        case Image():
            caption = {"text": content.caption} if content.caption else {}
            return {"type": "IMAGE", "mediaUrl": content.url, **caption, **_button(message)}
        case Video():
            if content.thumbnail_url is None or message.viber.duration is None:
                raise Rejected(1010, "a video needs its thumbnail and its duration")
            caption = {"text": content.caption} if content.caption else {}
            return {
                "type": "VIDEO",
                "mediaUrl": content.url,
                "mediaDuration": f"PT{message.viber.duration}S",
                "thumbnailUrl": content.thumbnail_url,
                **caption,
                **_button(message),
            }
        case File():
            return {"type": "FILE", "mediaUrl": content.url, "fileName": file_name(content) or "file"}
        case Template():
            return {
                "type": "OTP_TEMPLATE",
                "templateId": content.name,
                "parameters": {str(n): value for n, value in enumerate(content.parameters, 1)},
                "language": message.whatsapp.locale or "en",
            }
        case Custom():
            return content.custom
        case Audio() | Vcard() | Location():
            raise Rejected(1140)
        case Sticker() | Reaction() | Several() | Card() | Carousel():
            raise Rejected(1140)
        case _:
            assert_never(content)


def _button(message: Message) -> dict[str, Any]:
    action = message.viber.action
    return {"button": {"title": action.text, "action": action.url}} if action else {}


def lifetime(message: Message) -> int | None:
    """Seconds: those of the message itself before those of its step."""
    return message.viber.ttl if message.viber.ttl is not None else message.lifetime


def inbound_content(message: Mapping[str, Any]) -> InboundContent:
    kind = text(message.get("type"))
    if kind == "TEXT":
        return said(message.get("text"))
    return shown(MEDIA.get(kind), text(message.get("url")), message.get("text"))
