"""What a request to a provider says, for people to read, whichever provider it is."""

import json
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Message, Receive, Scope, Send

TEXTS = (
    "text",
    "body",
    "Body",
    "MessageBody",
    "content",
    "caption",
    "description",
    "altText",
    "message",
    "title",
)
"""Members that hold what a person reads, the likelier ones first."""
PICTURES = (
    "link",
    "url",
    "imageUrl",
    "fileUrl",
    "originalContentUrl",
    "MediaUrl",
    "media",
    "photo",
    "mediaUrl",
)
BUTTONS = ("title", "displayText", "label", "caption")
_NOT_SHOWN = ("webhooks", "options", "webhook_url", "callbackData")
"""Members that are for the provider, and not for people."""
_HOLD_BUTTONS = ("buttons", "quick_replies", "suggestions", "actions")
LONGEST = 2000

_chunks: ContextVar[list[bytes] | None] = ContextVar("chunks", default=None)


@dataclass(frozen=True)
class Said:
    text: str
    pictures: tuple[str, ...] = ()
    buttons: tuple[str, ...] = ()


class Overhears:
    """ASGI middleware: keeps the body of the request that is being handled, for `said`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        chunks: list[bytes] = []
        _chunks.set(chunks)

        async def listen() -> Message:
            message = await receive()
            chunks.append(message.get("body", b""))
            return message

        await self._app(scope, listen, send)


def said() -> Said:
    """By the request that is being handled."""
    return of(b"".join(_chunks.get() or []))


def of(body: bytes) -> Said:
    """By a request's body, JSON or a form. A text of nothing if there is none to be found."""
    try:
        text = body.decode()
        value = json.loads(text) if text.lstrip()[:1] in ("{", "[") else dict(parse_qsl(text))
    except (ValueError, RecursionError):
        return Said("")
    found = dict.fromkeys(_buttons(value))
    texts = [text for name in TEXTS for text in _named(value, name)]
    pictures = {url: None for name in PICTURES for url in _named(value, name) if "://" in url}
    names = _named(value.get("template"), "name") if isinstance(value, dict) else iter(())
    shown = next((text for text in texts if text not in found), "")
    if template := next(names, ""):
        shown = f"[{template}] {', '.join(_named(value, 'text'))}".strip()
    return Said(shown[:LONGEST], tuple(pictures), tuple(found))


def _named(value: Any, name: str) -> Iterator[str]:
    """Texts that are members of that name, at any depth; buttons have their own."""
    if isinstance(value, dict):
        own = value.get(name)
        if isinstance(own, str) and own:
            yield own
        for key, inner in value.items():
            if key not in (*_HOLD_BUTTONS, *_NOT_SHOWN):
                yield from _named(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner, name)


def _buttons(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for inner in value:
            yield from _buttons(inner)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key in _HOLD_BUTTONS and isinstance(inner, list):
            for button in inner:
                texts = (text for name in ("text", *BUTTONS) for text in _named(button, name))
                yield from list(texts)[:1]
        else:
            yield from _buttons(inner)
