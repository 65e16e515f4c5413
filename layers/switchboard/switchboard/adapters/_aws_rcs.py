"""RCS through AWS End User Messaging: what goes out, what is reported, what people write.

https://docs.aws.amazon.com/sms-voice/latest/userguide/rcs-rich-messaging.html
"""

from typing import Any, assert_never

from switchboard.adapters._reading import (
    ErrorClass,
    chosen,
    enclosed,
    iso_moment,
    mapping,
    place,
    said,
    shown,
    text,
)
from switchboard.errors import Rejected, Unreachable
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
    Status,
    Text,
    Video,
)
from switchboard.models.rich import (
    CalendarSuggestion,
    DialSuggestion,
    OpenUrlSuggestion,
    ReplySuggestion,
    RichCard,
    ShareLocationSuggestion,
    Suggestion,
    ViewLocationSuggestion,
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
    if isinstance(message.content, Custom):
        return message.content.custom
    body = _content(message)
    chips = [*body.get("Suggestions", []), *map(_suggestion, message.suggestions)]
    return body | ({"Suggestions": chips} if chips else {})


def _content(message: Message) -> dict[str, Any]:
    match message.content:
        case Text(text=words):
            if len(words) > LONGEST_BODY:
                raise Rejected(1090)
            return {"Content": {"TextMessage": {"Body": words}}}
        case Video(url=url, thumbnail_url=str(thumbnail)):
            return {"Content": {"FileMessage": {"FileUrl": url, "ThumbnailUrl": thumbnail}}}
        case Image() | Audio() | Video() | File() as media:
            return {"Content": {"FileMessage": {"FileUrl": media.url}}}
        case Location() as location:
            return _location(location)
        case Card(card=card):
            orientation = message.rcs.orientation or "vertical"
            side = message.rcs.image_alignment or ("left" if orientation == "horizontal" else None)
            return {
                "Content": {
                    "RichCard": {
                        "CardOrientation": orientation.upper(),
                        **({"ThumbnailImageAlignment": side.upper()} if side else {}),
                        "CardContent": _card(card),
                    }
                }
            }
        case Carousel(cards=cards):
            width = message.rcs.card_width or "medium"
            return {
                "Content": {
                    "Carousel": {"CardWidth": width.upper(), "CardContents": [_card(card) for card in cards]}
                }
            }
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
        return chosen(value.get("postbackData"), value.get("text"))
    if kind == "LOCATION":
        spot = mapping(value.get("location")) or value
        words = {name: spot.get(name) for name in ("name", "address")}
        return place(spot.get("latitude"), spot.get("longitude"), **words)
    return said(body)


def _card(card: RichCard) -> dict[str, Any]:
    media = {"FileUrl": card.media_url, "Height": (card.media_height or "medium").upper()}
    if card.thumbnail_url:
        media["ThumbnailUrl"] = card.thumbnail_url
    chips = [_suggestion(suggestion) for suggestion in card.suggestions]
    return {
        "Title": card.title,
        "Description": card.text,
        "Media": media,
        **({"Suggestions": chips} if chips else {}),
    }


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    """Without the addresses that devices fall back on, which AWS does not take."""
    shown = {"Text": suggestion.text, "PostbackData": suggestion.postback}
    match suggestion:
        case ReplySuggestion():
            return {"Reply": shown}
        case DialSuggestion():
            return {"DialPhone": {**shown, "PhoneNumber": f"+{suggestion.number}"}}
        case ViewLocationSuggestion():
            spot = {"Latitude": suggestion.latitude, "Longitude": suggestion.longitude}
            label = {"Label": suggestion.label[:LONGEST_LABEL]} if suggestion.label else {}
            return {"ShowLocation": {**shown, **spot, **label}}
        case ShareLocationSuggestion():
            return {"RequestLocation": shown}
        case OpenUrlSuggestion():
            view = (
                {"Application": "WEBVIEW", "WebviewViewMode": suggestion.view.upper()}
                if suggestion.view
                else {}
            )
            return {"OpenUrl": {**shown, "Url": suggestion.url, **view}}
        case CalendarSuggestion():
            start, end = iso_moment(suggestion.start), iso_moment(suggestion.end)
            if start is None or end is None:
                raise Rejected(1020, "start and end must be ISO 8601")
            words = {"Description": suggestion.description} if suggestion.description else {}
            times = {"StartTime": start.timestamp(), "EndTime": end.timestamp()}
            return {"CreateCalendarEvent": {**shown, "Title": suggestion.title, **times, **words}}
        case _:
            assert_never(suggestion)


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
