"""v0.1 requests. A recipient's last four digits choose what its handset does."""

from typing import Any

Body = dict[str, Any]

CHANNELS = ("sms", "mms", "whatsapp", "messenger", "viber_service_msg")
READS = ("whatsapp", "messenger", "viber_service_msg")
"""Channels that have read receipts."""

NORMAL = "0100"


def sender(channel: str, number: str = "12065550142") -> Body:
    """`number`: six digits or more."""
    return {"type": channel, "id" if channel in ("messenger", "viber_service_msg") else "number": number}


def recipient(channel: str, digits: str = NORMAL, prefix: str = "44770090") -> Body:
    return {"type": channel, "id" if channel == "messenger" else "number": f"{prefix}{digits}"}


def text(words: str = "Your parcel is on its way.") -> Body:
    return {"content": {"type": "text", "text": words}}


def picture(url: str = "https://media.example/parcel.png") -> Body:
    return {"content": {"type": "image", "image": {"url": url, "caption": "Your parcel"}}}


def message(channel: str, digits: str = NORMAL, **more: Any) -> Body:
    return {
        "from": sender(channel),
        "to": recipient(channel, digits),
        "message": picture() if channel == "mms" else text(),
        **more,
    }


def step(channel: str, digits: str, seconds: int | None = None, condition: str = "delivered") -> Body:
    """The last one has no seconds."""
    failover = {"expiry_time": seconds, "condition_status": condition}
    return message(channel, digits) | ({"failover": failover} if seconds else {})
