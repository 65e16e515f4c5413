"""Viber's REST Bot API: https://developers.viber.com/docs/api/rest-bot-api/

Settings of the account: `auth_token` and, where wanted, `sender_name` (what people read above a message, at
most 28 characters; by default the sender) and `sender_avatar` (the address of a picture beside it).

A sender is the bot's id ("pa:..."), URI or name. Callbacks do not say which bot they are for, so the address
that `set_webhook` is given must: .../inbound/viber_bot/<account>?sender=<sender>. Recipients are the ids of
people who wrote to the bot or subscribed to it.

Custom content is the message as `send_message` takes it: rich_media, contact, sticker, url, or any other with
a `keyboard`. What needs a newer Viber brings its own `min_api_version`.
"""

from __future__ import annotations

import hashlib
import hmac
import mimetypes
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, assert_never

from switchboard.adapters import _http
from switchboard.adapters._reading import (
    ErrorClass,
    answer,
    integer,
    json_object,
    mapping,
    moment,
    own_sender,
    place,
    said,
    secret,
    shown,
    text,
)
from switchboard.adapters.base import (
    Account,
    Adapter,
    MediaBy,
    MediaFile,
    Verification,
    by_http_status,
    retry_after,
)
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    Rejected,
    SendError,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Event, Failure, Hook, Inbound, Receipt
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

# https://developers.viber.com/docs/api/rest-bot-api/#error-codes
ERRORS: dict[int, tuple[ErrorClass, int]] = {
    1: (ConfigurationError, 1140),  # webhook's address
    2: (ConfigurationError, 1370),
    3: (Rejected, 1020),
    4: (Rejected, 1010),
    5: (Unreachable, 1300),  # not on Viber
    6: (Unreachable, 1240),  # not subscribed, or not any more
    7: (ConfigurationError, 1120),
    8: (ConfigurationError, 1120),
    9: (ConfigurationError, 1120),
    10: (ConfigurationError, 1140),  # no webhook is set
    11: (Unreachable, 1310),
    12: (Throttled, 1000),
    13: (Unreachable, 1310),
    14: (Rejected, 1040),  # needs a higher min_api_version
    15: (ConfigurationError, 1140),
    16: (Rejected, 1140),
    17: (Rejected, 1140),
    18: (Rejected, 1140),
    19: (Rejected, 1140),
    20: (Rejected, 1140),
    21: (Unreachable, 1250),  # country
    22: (Rejected, 1140),
    23: (ConfigurationError, 1070),
    24: (ConfigurationError, 1070),
}
GENERAL_ERROR: tuple[ErrorClass, int] = (Unavailable, 1331)  # any other number

# https://developers.viber.com/docs/api/rest-bot-api/#callbacks
STATUSES = {"delivered": Status.DELIVERED, "seen": Status.READ, "failed": Status.UNDELIVERABLE}
OF_NO_MESSAGE = frozenset({"webhook", "subscribed", "unsubscribed", "conversation_started"})
MEDIA = {"picture": "image", "video": "video", "file": "file"}

BASE_URL = "https://chatapi.viber.com"
LONGEST_NAME = 256


class ViberBot(Adapter):
    name = "viber_bot"
    channels = frozenset({Channel.VIBER_BOT})
    secrets = ("auth_token",)
    echoes = False

    # --- sending ---------------------------------------------------------------------------------

    def request(self, message: Message, account: Account) -> httpx.Request:
        sender = {"name": account.get("sender_name") or message.sender}
        if avatar := account.get("sender_avatar"):
            sender["avatar"] = avatar
        body = {
            "min_api_version": 1,
            "sender": sender,
            # Comes back with what the person answers, not with receipts.
            "tracking_data": message.message_uuid,
            **_content(message),
            "receiver": message.recipient,
        }
        return _post(account, "send_message", body)

    def accepted(self, reply: httpx.Response) -> str:
        token = text(_read(reply).get("message_token"))
        if not token:
            raise Unanswered(1331, "no message token")
        return token

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        return by_http_status(reply)

    # --- media -----------------------------------------------------------------------------------

    def media_by(self, message: Message) -> MediaBy:
        return "bytes" if isinstance(message.content, Audio | Video | File) else "link"

    def attach(self, message: Message, file: MediaFile, account: Account, client: httpx.Client) -> Message:
        """Viber fetches the file itself, but must be told how large it is."""
        content = message.content
        assert isinstance(content, Audio | Video | File)
        custom: dict[str, Any] = {"media": content.url, "size": len(file.content)}
        if isinstance(content, Video):
            custom |= {"type": "video"}
            if content.thumbnail_url:
                custom["thumbnail"] = content.thumbnail_url
        else:
            custom |= {"type": "file", "file_name": _file_name(file)}
        return message.model_copy(update={"content": Custom(type="custom", custom=custom)})

    # --- callbacks -------------------------------------------------------------------------------

    def verify(self, hook: Hook, account: Account) -> None:
        key = secret(account, "auth_token").encode()
        expected = hmac.new(key, hook.body, hashlib.sha256).hexdigest().encode()
        given = hook.headers.get("x-viber-content-signature", "").encode(errors="replace")
        if not hmac.compare_digest(given, expected):
            raise BadSignature("x-viber-content-signature")

    def events(self, hook: Hook) -> list[Event]:
        raw = json_object(hook)
        kind = text(raw.get("event"))
        event: Event | None = None
        if kind == "message":
            event = _inbound(raw, hook)
        elif kind not in OF_NO_MESSAGE:
            event = _receipt(raw, kind)
        return [event] if event else []

    # --- access ----------------------------------------------------------------------------------

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request | None:
        return _post(account, "get_account_info", {})

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        bot = _read(reply)
        if sender not in [text(bot.get(name)) for name in ("id", "uri", "name")]:
            return Verification("failed", "the sender is not this bot's id, URI or name")
        if not text(bot.get("webhook")):
            return Verification("pending", "Viber takes no messages of a bot that has no webhook")
        return Verification("verified")


def _post(account: Account, method: str, body: dict[str, Any]) -> httpx.Request:
    url = f"{account.base_url(BASE_URL)}/pa/{method}"
    return _http.request(
        "POST", url, headers={"X-Viber-Auth-Token": secret(account, "auth_token")}, json=body
    )


def _read(reply: httpx.Response) -> dict[str, Any]:
    """The JSON of a 2xx answer. Raises what it refuses."""
    body = answer(reply)
    status = integer(body.get("status"))
    if status is None:
        raise Unanswered(1331, "no status")
    if status != 0:
        kind, code = ERRORS.get(status, GENERAL_ERROR)
        raise kind(code, status, retry_after(reply))
    return body


def _content(message: Message) -> dict[str, Any]:
    """The request's members beside the addressing."""
    content = message.content
    match content:
        case Text():
            return {"type": "text", "text": content.text}
        case Image():
            return {"type": "picture", "text": content.caption or "", "media": content.url}
        case Location():
            spot = {"lat": content.latitude, "lon": content.longitude}
            return {"type": "location", "location": spot}
        case Custom():
            return content.custom
        case Audio() | Video() | File() | Vcard() | Template():
            raise Rejected(1140)  # what can be sent of these is Custom by now: see `attach`
        case Sticker() | Reaction() | Several() | Card() | Carousel():
            raise Rejected(1140)
        case _:
            assert_never(content)


def _file_name(file: MediaFile) -> str:
    """With an extension, by which phones choose what opens the file."""
    path = PurePosixPath(file.name)
    extension = path.suffix or mimetypes.guess_extension(file.mime_type) or ""
    return f"{path.stem or 'file'}{extension}"[-LONGEST_NAME:]


def _receipt(raw: dict[str, Any], kind: str) -> Receipt | None:
    token = text(raw.get("message_token"))
    if not token:
        return None
    status = STATUSES.get(kind)
    failure = Failure(1260, text(raw.get("desc"))) if status is Status.UNDELIVERABLE else None
    at = moment(raw.get("timestamp"), per_second=1000)
    return Receipt(status=status, raw=raw, provider_id=token, at=at, failure=failure)


def _inbound(raw: dict[str, Any], hook: Hook) -> Inbound | None:
    sender, token = text(mapping(raw.get("sender")).get("id")), text(raw.get("message_token"))
    at = moment(raw.get("timestamp"), per_second=1000) or hook.received_at
    if not (sender and token and at):
        return None
    return Inbound(
        channel=Channel.VIBER_BOT,
        provider_id=token,
        sender=sender,
        recipient=own_sender(hook),
        at=at,
        content=_inbound_content(mapping(raw.get("message"))),
        raw=raw,
    )


def _inbound_content(message: dict[str, Any]) -> InboundContent:
    match text(message.get("type")):
        case "text":
            return said(message.get("text"))
        case "url":
            return said(message.get("media"))
        case "location":
            spot = mapping(message.get("location"))
            return place(spot.get("lat"), spot.get("lon"))
        case kind:
            return shown(MEDIA.get(kind), text(message.get("media")), message.get("text"))
