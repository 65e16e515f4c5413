"""LINE Messaging API: https://developers.line.biz/en/reference/messaging-api/

Settings of the account: `channel_access_token` (a long-lived one), `channel_secret`, and where wanted:

pnp                 true if LINE has opened notification messages (to phone numbers) for this account:
                    https://developers.line.biz/en/reference/line-notification-messages/
preview_image_url   a picture that stands for each video until it is played; without it, the video's own
                    address, for which LINE shows none
data_url            instead of LINE's own host for media
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import quote

from switchboard.adapters import _http
from switchboard.adapters._reading import (
    ErrorClass,
    answer,
    integer,
    json_object,
    mapping,
    moment,
    objects,
    own_uuid,
    place,
    said,
    secret,
    shown,
    text,
)
from switchboard.adapters.base import Account, Adapter, MediaBy, MediaFile, Verification, by_http_status
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    Rejected,
    SendError,
    Throttled,
    Unanswered,
    Unreachable,
)
from switchboard.models.events import Event, Hook, Inbound, Receipt
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

# https://developers.line.biz/en/reference/messaging-api/#error-responses
# The last part of details[].property. What no detail explains is told by its HTTP status alone.
ERRORS: dict[str, tuple[ErrorClass, int]] = {
    "to": (Rejected, 1170),
    "originalContentUrl": (Rejected, 1380),
    "previewImageUrl": (Rejected, 1380),
    "duration": (Rejected, 1380),
}
NOT_ON_LINE = HTTPStatus.UNPROCESSABLE_ENTITY  # to a phone number: nobody's, or its owner takes none
ACCEPTED_BEFORE = "x-line-accepted-request-id"

# https://developers.line.biz/en/reference/messaging-api/#message-event
MEDIA = {"image": "image", "video": "video", "audio": "audio", "file": "file"}

BASE_URL, DATA_URL = "https://api.line.me", "https://api-data.line.me"


class Line(Adapter):
    name = "line"
    channels = frozenset({Channel.LINE})
    secrets = ("channel_access_token", "channel_secret")
    deduplicates = True

    def repeatable(self, message: Message) -> bool:
        return not message.recipient.isdecimal()  # notification messages have no retry key

    # --- sending ---------------------------------------------------------------------------------

    def request(self, message: Message, account: Account) -> httpx.Request:
        body = _body(message, account.get("preview_image_url"))
        if _by_number(message, account):
            # The hash of the number as E.164 writes it.
            to = hashlib.sha256(f"+{message.recipient}".encode()).hexdigest()
            path, ours = "/bot/pnp/push", {"X-Line-Delivery-Tag": message.message_uuid}
        else:
            to = message.recipient
            path, ours = "/v2/bot/message/push", {"X-Line-Retry-Key": message.message_uuid}
        url = account.base_url(BASE_URL) + path
        return _http.request("POST", url, headers=_access(account) | ours, json={**body, "to": to})

    def send(self, message: Message, account: Account, client: httpx.Client) -> str:
        try:
            return super().send(message, account, client)
        except Throttled as error:
            # "Too fast" and "the month's messages are used up" differ in nothing but their words.
            if not _by_number(message, account) and self._is_used_up(account, client):
                raise ConfigurationError(1070, error.provider_code) from error
            raise

    def _is_used_up(self, account: Account, client: httpx.Client) -> bool:
        """The quota's answer; False where it gives none."""
        try:
            asked = [
                answer(self.exchange(_get(account, f"/v2/bot/message/{name}"), account, client))
                for name in ("quota", "quota/consumption")
            ]
        except SendError:
            return False
        limit, used = integer(asked[0].get("value")), integer(asked[1].get("totalUsage"))
        return limit is not None and used is not None and used >= limit

    def took(self, reply: httpx.Response) -> bool:
        repeated = reply.status_code == HTTPStatus.CONFLICT and ACCEPTED_BEFORE in reply.headers
        return reply.is_success or repeated

    def accepted(self, reply: httpx.Response) -> str:
        sent = [text(message.get("id")) for message in objects(answer(reply).get("sentMessages"))]
        # Notification messages have no ids: then the request's.
        found = [*sent, reply.headers.get(ACCEPTED_BEFORE), reply.headers.get("x-line-request-id")]
        for provider_id in filter(None, found):
            return str(provider_id)
        raise Unanswered(1331, "no message id")

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        if reply.status_code == NOT_ON_LINE:
            return Unreachable(1300, reply.status_code)
        details = objects(answer(reply).get("details"))
        named = next((text(detail.get("property")) for detail in details), "")
        known = ERRORS.get(named.rpartition(".")[2])
        if known and reply.status_code == HTTPStatus.BAD_REQUEST:
            kind, code = known
            return kind(code, named)
        return by_http_status(reply, named)

    # --- media -----------------------------------------------------------------------------------

    def media_by(self, message: Message) -> MediaBy:
        return "bytes" if isinstance(message.content, Audio) else "link"

    def attach(self, message: Message, file: MediaFile, account: Account, client: httpx.Client) -> Message:
        """LINE fetches the audio itself, but must be told how long it is."""
        from tinytag import TinyTag, TinyTagException

        assert isinstance(message.content, Audio)
        try:
            seconds = TinyTag.get(file_obj=BytesIO(file.content), tags=False).duration
        except TinyTagException:
            seconds = None
        if not seconds:
            raise Rejected(1380, "no duration")
        audio = {
            "type": "audio",
            "originalContentUrl": message.content.url,
            "duration": round(seconds * 1000),
        }
        return message.model_copy(update={"content": Custom(type="custom", custom=audio)})

    def download(self, media: str, account: Account, client: httpx.Client) -> httpx.Request:
        if not media.startswith(f"{DATA_URL}/"):
            return _http.request("GET", media)  # somebody else's host, which must not see our token
        ours = account.get("data_url", DATA_URL).rstrip("/")
        return _http.request("GET", ours + media.removeprefix(DATA_URL), headers=_access(account))

    # --- callbacks -------------------------------------------------------------------------------

    def verify(self, hook: Hook, account: Account) -> None:
        key = secret(account, "channel_secret").encode()
        expected = b64encode(hmac.new(key, hook.body, hashlib.sha256).digest())
        given = hook.headers.get("x-line-signature", "").encode(errors="replace")
        if not hmac.compare_digest(given, expected):
            raise BadSignature("x-line-signature")

    def events(self, hook: Hook) -> list[Event]:
        payload = json_object(hook)
        bot = text(payload.get("destination"))
        found = [_event(raw, bot) for raw in objects(payload.get("events"))]
        return [event for event in found if event]

    # --- access ----------------------------------------------------------------------------------

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request | None:
        return _get(account, "/v2/bot/info")

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        if text(answer(reply).get("userId")) == sender:
            return Verification("verified")
        return Verification("failed", "the access token is another bot's: the sender must be its user id")


def _access(account: Account) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret(account, 'channel_access_token')}"}


def _get(account: Account, path: str) -> httpx.Request:
    return _http.request("GET", account.base_url(BASE_URL) + path, headers=_access(account))


def _by_number(message: Message, account: Account) -> bool:
    """Somebody's user id is "U" and hexadecimal digits."""
    return message.recipient.isdecimal() and account.get("pnp").lower() == "true"


def _body(message: Message, preview: str) -> dict[str, Any]:
    """The request's members beside the addressing."""
    content = message.content
    if isinstance(content, Custom) and "messages" in content.custom:
        return content.custom
    return {"messages": [_message(message, preview)]}


def _message(message: Message, preview: str) -> dict[str, Any]:
    content = message.content
    match content:
        case Text():
            return {"type": "text", "text": content.text}
        case Image():
            return {"type": "image", "originalContentUrl": content.url, "previewImageUrl": content.url}
        case Video():
            shown_first = content.thumbnail_url or preview or content.url
            return {"type": "video", "originalContentUrl": content.url, "previewImageUrl": shown_first}
        case Location():
            spot = {"latitude": content.latitude, "longitude": content.longitude}
            # Both are required.
            words = content.name or content.address or f"{content.latitude}, {content.longitude}"
            return {"type": "location", "title": words, "address": content.address or words, **spot}
        case Custom():
            return content.custom
        case Audio() | File() | Vcard() | Template():
            raise Rejected(1140)  # audio is Custom by now: see `attach`
        case Sticker() | Reaction() | Several() | Card() | Carousel():
            raise Rejected(1140)
        case _:
            assert_never(content)


def _event(raw: dict[str, Any], bot: str) -> Event | None:
    """The news in an event; None for those of no message, such as follow, unsend and join."""
    at = moment(raw.get("timestamp"), per_second=1000)
    match raw.get("type"):
        case "delivery":  # of a notification message
            ours = own_uuid(mapping(raw.get("delivery")).get("data"))
            return Receipt(status=Status.DELIVERED, raw=raw, message_uuid=ours, at=at)
        case "message":
            message = mapping(raw.get("message"))
            identifier, content = text(message.get("id")), _inbound_content(message)
        case "postback":
            identifier = text(raw.get("webhookEventId"))
            content = said(mapping(raw.get("postback")).get("data"))
        case _:
            return None
    source = mapping(raw.get("source"))
    # In a group LINE does not always say who wrote.
    sender = text(source.get("userId")) or text(source.get("groupId")) or text(source.get("roomId"))
    if not (identifier and sender and bot and at):
        return None
    return Inbound(
        channel=Channel.LINE,
        provider_id=identifier,
        sender=sender,
        recipient=bot,
        at=at,
        content=content,
        raw=raw,
    )


def _inbound_content(message: Mapping[str, Any]) -> InboundContent:
    kind = text(message.get("type"))
    if kind == "text":
        return said(message.get("text"))
    if kind == "location":
        words = {"name": message.get("title"), "address": message.get("address")}
        return place(message.get("latitude"), message.get("longitude"), **words)
    # A bot can have media from elsewhere written in a person's name; LINE's own opens with our token only.
    url = text(mapping(message.get("contentProvider")).get("originalContentUrl"))
    identifier = quote(text(message.get("id")), safe="")
    return shown(MEDIA.get(kind), url or f"{DATA_URL}/v2/bot/message/{identifier}/content")
