"""Facebook Messenger: https://developers.facebook.com/docs/messenger-platform

Settings of the account: `access_token` (the page's), `app_secret`, `verify_token`. The page must be
subscribed to `message_echoes`: an echo is the only thing that carries our message_uuid.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, assert_never

from switchboard.adapters import _meta
from switchboard.adapters._reading import (
    ErrorClass,
    answer,
    json_object,
    mapping,
    moment,
    objects,
    own_uuid,
    place,
    said,
    shown,
    text,
)
from switchboard.adapters.base import Account, Adapter, Known, Verification, by_http_status, retry_after
from switchboard.errors import (
    ConfigurationError,
    Rejected,
    SendError,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Conversation, Event, Hook, Inbound, Receipt, Watermark
from switchboard.models.messages import (
    Audio,
    Card,
    Carousel,
    Channel,
    Custom,
    File,
    Image,
    InboundContent,
    Location,
    Message,
    Reaction,
    Several,
    Status,
    Sticker,
    Template,
    Text,
    Vcard,
    Video,
)

if TYPE_CHECKING:
    import httpx

MESSAGING_TYPES = {"response": "RESPONSE", "update": "UPDATE", "message_tag": "MESSAGE_TAG"}

# https://developers.facebook.com/docs/messenger-platform/error-codes: (code, subcode), subcode None for any
ERRORS: dict[tuple[int, int | None], tuple[ErrorClass, int]] = {
    (551, None): (Unreachable, 1260),
    (200, 1545041): (Unreachable, 1260),
    (10, 2018108): (Unreachable, 1240),  # does not want our messages
    (100, 2018001): (Unreachable, 1300),
    (10, 2018278): (Rejected, 1340),
    (10, 2018065): (Rejected, 1340),
    (100, None): (Rejected, 1020),
    (100, 2018109): (Rejected, 1381),
    (100, 2018047): (Rejected, 1380),
    (10303, None): (Rejected, 1330),
    (1200, None): (Unavailable, 1331),
    (2, None): (Unavailable, 1331),
    (4, None): (Throttled, 1000),
    (32, None): (Throttled, 1000),
    (613, None): (Throttled, 1000),
    **{(code, None): (ConfigurationError, 1370) for code in (3, 10, 190, *range(200, 300))},
    (10, 1893063): (ConfigurationError, 1140),  # page restricted
    (200, 2018028): (ConfigurationError, 1140),  # app not approved
    (368, None): (ConfigurationError, 1140),
}
BAD_TAG = 1021

# A sticker is a picture; `fallback`, `template` and the like have no form here.
MEDIA = {"image": "image", "sticker": "image", "audio": "audio", "video": "video", "file": "file"}


class Messenger(Adapter):
    name = "messenger"
    channels = frozenset({Channel.MESSENGER})
    secrets = _meta.SECRETS
    watermarks = True

    def request(self, message: Message, account: Account) -> httpx.Request:
        options, content = message.messenger, _content(message)
        # Of all that can be sent, only a utility message is made of an approved template.
        kind = "UTILITY" if "template" in content else MESSAGING_TYPES[options.category]
        body = {
            "recipient": {"id": message.recipient},
            "messaging_type": kind,
            "message": {**content, "metadata": message.message_uuid},
        }
        if kind == "MESSAGE_TAG" and options.tag:
            body["tag"] = options.tag
        return _meta.post(account, message.sender, "messages", body=body)

    def read(self, message: Known, account: Account, *, typing: bool) -> httpx.Request:
        """All that the person wrote. That somebody types would be a request of its own."""
        body = {"recipient": {"id": message.recipient}, "sender_action": "mark_seen"}
        return _meta.post(account, message.sender, "messages", body=body)

    def accepted(self, reply: httpx.Response) -> str:
        mid = text(answer(reply).get("message_id"))
        if not mid:
            raise Unanswered(1331, "no message id")
        return mid

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        code, subcode = _meta.error_codes(reply)
        provider_code = _meta.provider_code(code, subcode)
        known = code is not None and (ERRORS.get((code, subcode)) or ERRORS.get((code, None)))
        if not known:
            return by_http_status(reply, provider_code)
        kind, ours = known
        if known == ERRORS[100, None] and _is_tagged(reply.request):
            ours = BAD_TAG  # to Meta a retired tag is a bad parameter, whatever the subcode
        return kind(ours, provider_code, retry_after(reply))

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request:
        return _meta.get(account, sender, fields="name")

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        page = text(answer(reply).get("id"))
        if not page:
            raise Unanswered(1331, "no page id")
        if page != sender:
            return Verification("failed", f"Meta answered for the page {page}")
        return Verification("verified")

    def verify(self, hook: Hook, account: Account) -> None:
        _meta.verify(hook, account)

    def handshake(self, hook: Hook, account: Account) -> str | None:
        return _meta.handshake(hook, account)

    def events(self, hook: Hook) -> list[Event]:
        return [
            event
            for entry in objects(json_object(hook).get("entry"))
            for raw in objects(entry.get("messaging"))
            for event in _events(raw, hook)
        ]


def _is_tagged(request: httpx.Request) -> bool:
    return request.method == "POST" and "tag" in json.loads(request.content)


def _content(message: Message) -> dict[str, Any]:
    """The `message` object. A caption has no place in it."""
    content = message.content
    match content:
        case Text():
            return {"text": content.text}
        case Image() | Audio() | Video() | File():
            payload = {"url": content.url, "is_reusable": True}
            return {"attachment": {"type": content.type, "payload": payload}}
        case Custom():
            return content.custom
        case Location() | Template() | Vcard():
            raise Rejected(1140)
        case Sticker() | Reaction() | Several() | Card() | Carousel():
            raise Rejected(1140)
        case _:
            assert_never(content)


def _events(raw: dict[str, Any], hook: Hook) -> list[Event]:
    """Which member an event has is its kind; there are many that are not about messages."""
    sender = text(mapping(raw.get("sender")).get("id"))
    recipient = text(mapping(raw.get("recipient")).get("id"))
    at = moment(raw.get("timestamp"), 1000)
    if not (sender and recipient):
        return []
    from_page, to_page = Conversation(sender, recipient), Conversation(recipient, sender)
    message = mapping(raw.get("message"))
    if "delivery" in raw:
        return _reached(Status.DELIVERED, to_page, mapping(raw["delivery"]), raw, at)
    if "read" in raw:
        return _reached(Status.READ, to_page, mapping(raw["read"]), raw, None)
    if message.get("is_echo"):
        return _echo(message, from_page, raw, at)
    at = at or hook.received_at
    if at is None:
        return []
    if message:
        provider_id, contents = text(message.get("mid")), _inbound_contents(message)
    elif "postback" in raw:
        postback = mapping(raw["postback"])
        # `mid` is missing for taps in the persistent menu of old clients.
        provider_id = text(postback.get("mid")) or f"{sender}:{at.timestamp()}"
        contents = [said(postback.get("title") or postback.get("payload"))]
    else:
        return []
    if not provider_id:
        return []
    return [
        Inbound(
            channel=Channel.MESSENGER,
            provider_id=provider_id if index == 0 else f"{provider_id}#{index}",
            sender=sender,
            recipient=recipient,
            at=at,
            content=content,
            raw=raw,
        )
        for index, content in enumerate(contents)
    ]


def _reached(
    status: Status,
    conversation: Conversation,
    body: Mapping[str, Any],
    raw: dict[str, Any],
    at: datetime | None,
) -> list[Event]:
    """`mids` may be missing from a delivery; then the watermark says what is meant, as for `read`."""
    mids = body.get("mids")
    provider_ids = tuple(mid for mid in mids if isinstance(mid, str)) if isinstance(mids, list) else ()
    up_to = moment(body.get("watermark"), 1000) or (at if provider_ids else None)
    return [Watermark(status, conversation, up_to, raw, provider_ids)] if up_to else []


def _echo(
    message: Mapping[str, Any], conversation: Conversation, raw: dict[str, Any], at: datetime | None
) -> list[Event]:
    """What the page sent, by us if it carries our id."""
    message_uuid = own_uuid(message.get("metadata"))
    if message_uuid is None:
        return []
    return [
        Receipt(
            status=Status.SUBMITTED,
            raw=raw,
            message_uuid=message_uuid,
            provider_id=text(message.get("mid")) or None,
            at=at,
            conversation=conversation,
        )
    ]


def _inbound_contents(message: Mapping[str, Any]) -> list[InboundContent]:
    """One content for each attachment, since ours has one; words that came along are the first's caption."""
    words = text(message.get("text"))
    contents: list[InboundContent] = []
    for attachment in objects(message.get("attachments")):
        kind, payload = text(attachment.get("type")), mapping(attachment.get("payload"))
        if kind in MEDIA:
            caption = None if contents else words
            contents.append(shown(MEDIA[kind], text(payload.get("url")), caption))
        elif kind == "location":
            spot = mapping(payload.get("coordinates"))
            name, url = attachment.get("title"), attachment.get("url")
            contents.append(place(spot.get("lat"), spot.get("long"), name=name, url=url))
    return contents or [said(words)]
