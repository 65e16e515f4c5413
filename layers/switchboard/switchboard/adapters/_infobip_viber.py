"""Viber Business Messages through Infobip: https://www.infobip.com/docs/api/channels/viber"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, assert_never
from urllib.parse import unquote, urlsplit

from switchboard.adapters._reading import said, shown, text
from switchboard.errors import Rejected
from switchboard.models.messages import (
    Audio,
    Custom,
    File,
    Image,
    InboundContent,
    Location,
    Message,
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
            return {"type": "TEXT", "text": content.text}
        case Image():
            caption = {"text": content.caption} if content.caption else {}
            return {"type": "IMAGE", "mediaUrl": content.url, **caption}
        case File():
            name = PurePosixPath(unquote(urlsplit(content.url).path)).name
            return {"type": "FILE", "mediaUrl": content.url, "fileName": name or "file"}
        case Template():
            return {
                "type": "OTP_TEMPLATE",
                "templateId": content.name,
                "parameters": {str(n): value for n, value in enumerate(content.parameters, 1)},
                "language": message.whatsapp.locale or "en",
            }
        case Custom():
            return content.custom
        case Audio() | Video() | Vcard() | Location():
            # A video would need a length and a thumbnail, which our API does not ask for.
            raise Rejected(1140)
        case _:
            assert_never(content)


def lifetime(message: Message) -> int | None:
    """Seconds: those of the message itself before those of its step."""
    return message.viber.ttl if message.viber.ttl is not None else message.lifetime


def inbound_content(message: Mapping[str, Any]) -> InboundContent:
    kind = text(message.get("type"))
    if kind == "TEXT":
        return said(message.get("text"))
    return shown(MEDIA.get(kind), text(message.get("url")), message.get("text"))
