"""RCS through AWS End User Messaging: what goes out, what is reported, what people write.

https://docs.aws.amazon.com/sms-voice/latest/userguide/rcs-rich-messaging.html
"""

from typing import Any

from switchboard.adapters._reading import ErrorClass, enclosed, mapping, place, said, shown, text
from switchboard.errors import Rejected, Unreachable
from switchboard.models.messages import (
    Audio,
    Custom,
    File,
    Image,
    InboundContent,
    Location,
    Message,
    Status,
    Text,
    Video,
)

LIFE = 1, 172_800  # seconds: the shortest and the longest
LONGEST_BODY = 3072
LONGEST_CHIP, LONGEST_LABEL = 25, 100
AGENT = "rcs-"
"""How an agent's id begins."""

# eventType without RCS_, and messageStatus:
# https://docs.aws.amazon.com/sms-voice/latest/userguide/rcs-events.html
STATUSES = {
    "QUEUED": Status.SUBMITTED,
    "SENT": Status.SUBMITTED,
    "PENDING": Status.SUBMITTED,
    "DELIVERED": Status.DELIVERED,
    "READ": Status.READ,
    "FALLEN_BACK_TO_SMS": Status.SUBMITTED,  # only where the sender is a pool that does so
}
FAILURES: dict[str, tuple[ErrorClass, int]] = {
    "UNDELIVERABLE": (Unreachable, 1300),
    "REJECTED": (Rejected, 1210),
    "FAILED": (Unreachable, 1330),
    "TTL_EXPIRED": (Unreachable, 1360),
    "PROTECT_BLOCKED": (Rejected, 1140),
}
VAGUE = frozenset({"DELIVERED", "FAILED"})
"""Event types whose messageStatus says more."""

# messageBody.type:
STARTED, TYPING = "CONVERSATION_STARTED", "RCS_TYPING"
MEDIA = {"image": "image", "audio": "audio", "video": "video"}
"""First part of a MIME type; everything else is a file."""


def content(message: Message) -> dict[str, Any]:
    """The RcsMessageContent. Rejected for what RCS cannot carry."""
    match message.content:
        case Text(text=words):
            if len(words) > LONGEST_BODY:
                raise Rejected(1090)
            return {"Content": {"TextMessage": {"Body": words}}}
        case Image() | Audio() | Video() | File() as media:
            return {"Content": {"FileMessage": {"FileUrl": media.url}}}
        case Location() as location:
            return _location(location)
        case Custom(custom=members):
            return members
    raise Rejected(1140)


def word(event: str, status: str) -> str:
    """The one of an event's two words that says more. `event` is its type without RCS_."""
    return status if event in VAGUE and (status in STATUSES or status in FAILURES) else event


def inbound_content(body: object) -> InboundContent | None:
    """What a messageBody holds: plain text, or JSON for everything else. None if that is no message."""
    value = enclosed(body)
    kind = text(value.get("type"))
    if kind in (STARTED, TYPING):
        return None
    if "mediaStatus" in value:
        bucket, key = text(value.get("s3Bucket")), text(value.get("s3Key"))
        first = text(value.get("mimeType")).partition("/")[0]
        return shown(MEDIA.get(first, "file"), f"s3://{bucket}/{key}" if bucket and key else "")
    if kind == "SUGGESTION":
        return said(value.get("text") or value.get("postbackData"))
    if kind == "LOCATION":
        spot = mapping(value.get("location")) or value
        words = {name: spot.get(name) for name in ("name", "address")}
        return place(spot.get("latitude"), spot.get("longitude"), **words)
    return said(body)


def _location(location: Location) -> dict[str, Any]:
    """There is no content type for it: a text with a chip that opens the map."""
    words = [part.strip() for part in (location.name, location.address) if part and part.strip()]
    spot = {"Latitude": location.latitude, "Longitude": location.longitude}
    chip = (words or ["Map"])[0][:LONGEST_CHIP].strip()
    label = {"Label": ", ".join(words)[:LONGEST_LABEL].strip()} if words else {}
    where = f"{location.latitude}, {location.longitude}"
    return {
        "Content": {"TextMessage": {"Body": "\n".join(words)[:LONGEST_BODY] or where}},
        "Suggestions": [{"ShowLocation": {"Text": chip, "PostbackData": where, **spot, **label}}],
    }
