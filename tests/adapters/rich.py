"""Cards and suggestions as our API has them: each of every kind, with all that it can have."""

from typing import Any

PICTURE = "https://shop.example/boots.jpg"
SHOP = "https://shop.example/boots"
MAP = "https://maps.example/quay"

REPLY = {"type": "reply", "text": "Keep it", "postback": "keep:7"}
DIAL = {"type": "dial", "text": "Call us", "postback": "call", "number": "442079460123", "fallback_url": SHOP}
PLACE = {
    "type": "view_location",
    "text": "Where?",
    "postback": "map",
    "latitude": 51.5,
    "longitude": -0.125,
    "label": "The quay",
    "fallback_url": MAP,
}
SHARE = {"type": "share_location", "text": "Here I am", "postback": "here"}
OPEN = {"type": "open_url", "text": "Shop", "postback": "shop", "url": SHOP}
PEEK = {**OPEN, "description": "The boots", "view": "tall"}
EVENT = {
    "type": "create_calendar_event",
    "text": "Save it",
    "postback": "save",
    "start": "2026-12-01T10:00:00+01:00",
    "end": "2026-12-01T10:30:00Z",
    "title": "Delivery",
    "description": "The boots come",
    "fallback_url": SHOP,
}
EVERY = (REPLY, DIAL, PLACE, SHARE, OPEN, PEEK, EVENT)

PLAIN: dict[str, Any] = {"title": "Boots", "text": "Dry feet", "media_url": PICTURE}
FULL: dict[str, Any] = {
    **PLAIN,
    "media_description": "A pair of boots",
    "media_height": "tall",
    "thumbnail_url": f"{PICTURE}?small",
    "refresh": True,
    "suggestions": [REPLY],
}
