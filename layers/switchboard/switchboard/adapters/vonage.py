"""Vonage as a provider behind us, by its Messages API v1: https://developer.vonage.com/en/api/messages-olympus

Settings of the account: `application_id` and `private_key` of an application with the messages capability or,
without a private key, `api_key` and `api_secret`; `signature_secret`, which Vonage signs its callbacks with.
Where there is an `api_key`, callbacks must be for it. `base_url` can be a region's own host, such as
https://api-eu.vonage.com.

What people write is to be posted to .../inbound/vonage/<account>: the application's inbound URL.

Custom content is WhatsApp's or RCS's own JSON, as Vonage takes it, or the message itself where it has a
`message_type`: {"message_type": "sticker", "sticker": {"id": ...}}. Vonage's `failover` is not among it: what
comes instead of a message is our own affair.

To mark messages as read and to revoke them, `base_url` must be the host of the number's region.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, assert_never
from urllib.parse import quote
from uuid import uuid4

from switchboard.adapters import _http
from switchboard.adapters._reading import (
    ErrorClass,
    amount,
    answer,
    chosen,
    file_name,
    iso_moment,
    json_object,
    mapping,
    number,
    objects,
    own_uuid,
    phone,
    place,
    said,
    secret,
    shown,
    sticker,
    tapped,
    text,
)
from switchboard.adapters.base import Account, Adapter, Known, Verification, by_http_status, retry_after
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
from switchboard.models.events import Event, Failure, Hook, Inbound, Product, Quoted, Receipt, Usage
from switchboard.models.messages import (
    Audio,
    Card,
    Carousel,
    Channel,
    ContactCards,
    Custom,
    File,
    Image,
    InboundContent,
    Location,
    Media,
    Message,
    Order,
    OrderedProduct,
    Part,
    Reaction,
    Several,
    Status,
    Sticker,
    Template,
    Text,
    Unsupported,
    Vcard,
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

if TYPE_CHECKING:
    import httpx

# https://developer.vonage.com/en/messages/concepts/messages-status-callbacks
STATUSES = {
    "submitted": Status.SUBMITTED,
    "delivered": Status.DELIVERED,
    "read": Status.READ,
    "rejected": Status.REJECTED,
    "undeliverable": Status.UNDELIVERABLE,
}
UNEXPLAINED = {Status.REJECTED: 1330, Status.UNDELIVERABLE: 1260}
"""Our code where a callback gives no reason."""
# https://developer.vonage.com/en/api-errors/messages
# The codes are those of our own list; where that has not the very one, the closest stands for it.
ERRORS: dict[str, tuple[ErrorClass, int]] = {
    "1000": (Throttled, 1000),
    "1241": (Throttled, 1241),
    "1030": (Unavailable, 1030),
    "1100": (Unavailable, 1331),
    "1230": (Unavailable, 1230),
    "1331": (Unavailable, 1331),
    "1010": (Rejected, 1010),
    "1020": (Rejected, 1020),
    "1021": (Rejected, 1021),
    "1022": (Rejected, 1022),
    "1040": (Rejected, 1040),
    "1050": (Rejected, 1050),
    "1090": (Rejected, 1090),
    "1120": (Rejected, 1120),
    "1130": (Rejected, 1130),
    "1150": (Rejected, 1020),
    "1210": (Rejected, 1210),
    "1240": (Rejected, 1240),
    "1340": (Rejected, 1340),
    "1380": (Rejected, 1380),
    "1381": (Rejected, 1381),
    "1382": (Rejected, 1382),
    "1170": (Unreachable, 1170),
    "1180": (Unreachable, 1180),
    "1190": (Unreachable, 1190),
    "1200": (Unreachable, 1250),  # the number moved to another carrier
    "1220": (Unreachable, 1180),  # busy
    "1250": (Unreachable, 1250),
    "1260": (Unreachable, 1260),
    "1270": (Unreachable, 1280),  # too young for it
    "1280": (Unreachable, 1280),
    "1290": (Unreachable, 1280),  # the person's credit is used up
    "1300": (Unreachable, 1300),
    "1310": (Unreachable, 1310),
    "1330": (Unreachable, 1330),
    "1360": (Unreachable, 1360),
    "1060": (ConfigurationError, 1140),  # the account is barred
    "1070": (ConfigurationError, 1070),
    "1080": (ConfigurationError, 1140),
    "1110": (ConfigurationError, 1370),
    "1140": (ConfigurationError, 1140),
    "1160": (ConfigurationError, 1160),
    "1350": (ConfigurationError, 1140),
    "1370": (ConfigurationError, 1370),
}
REPEATED = 25 * 3600
"""Seconds from a callback's first attempt to its last, and some for the clocks."""
ALREADY_SENT = "1320"
# https://developer.vonage.com/en/api/messages-olympus#errors
# Of answers. The first numbers mean other things there than in callbacks; the second ones are the same
# faults.
REFUSALS: dict[str, tuple[ErrorClass, int]] = {
    **dict.fromkeys(("1100", "1400"), (ConfigurationError, 1140)),  # channel
    **dict.fromkeys(("1110", "1410"), (Rejected, 1020)),  # channel's parameters
    **dict.fromkeys(("1120", "1420"), (ConfigurationError, 1120)),  # sender
    **dict.fromkeys(("1130", "1430"), (Rejected, 1170)),  # recipient
    **dict.fromkeys(("1140", "1440"), (Rejected, 1040)),  # message type
    **dict.fromkeys(("1060", "1450"), (Rejected, 1020)),  # client reference
    "1150": (Rejected, 1020),
    "low-balance": (ConfigurationError, 1070),
    "unprovisioned": (ConfigurationError, 1140),
}
REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
"""The answers in which those numbers mean this. All others are told by their status."""

NAMES = {Channel.VIBER: "viber_service"}
"""Vonage's words for channels where they are not ours."""
TYPES: Mapping[Channel, frozenset[str]] = {
    Channel.SMS: frozenset({"text"}),
    Channel.MMS: frozenset({"text", "image", "audio", "video", "file", "vcard", "content"}),
    Channel.WHATSAPP: frozenset(
        {"text", "image", "audio", "video", "file", "location", "sticker", "reaction", "template"}
    ),
    Channel.MESSENGER: frozenset({"text", "image", "audio", "video", "file"}),
    Channel.VIBER: frozenset({"text", "image", "video", "file"}),
    Channel.RCS: frozenset({"text", "image", "audio", "video", "file", "location", "card", "carousel"}),
}
"""The types of content that a channel takes. Custom content is apart."""
WITH_CUSTOM = frozenset({Channel.WHATSAPP, Channel.RCS})
WITH_CAPTIONS: Mapping[Channel, frozenset[str]] = {
    Channel.MMS: frozenset({"image", "audio", "video", "file"}),
    Channel.WHATSAPP: frozenset({"image", "video", "file"}),
    Channel.VIBER: frozenset({"image", "video"}),
}
SHORTEST_LIFE = {Channel.SMS: 20, Channel.MMS: 300, Channel.RCS: 20, Channel.VIBER: 30}  # seconds
LONGEST_LIFE = {Channel.SMS: 604_800, Channel.MMS: 259_200, Channel.RCS: 259_200, Channel.VIBER: 259_200}
LONGEST_CHIP, LONGEST_TEXT, LONGEST_NAME = 25, 3072, 25

MEDIA = {"image": "image", "audio": "audio", "video": "video", "file": "file"}

BASE_URL = "https://api.nexmo.com"
OWN_HOSTS = ("nexmo.com", "vonage.com")
"""Media that people send lies somewhere in these."""
TOKEN_LIFE = 15 * 60  # seconds

_CODE = re.compile("[0-9]{4}")
_PART = re.compile("([1-9][0-9]{0,2})/([1-9][0-9]{0,2})")


class Vonage(Adapter):
    name = "vonage"
    channels = frozenset(TYPES)
    secrets = ("private_key", "api_secret", "signature_secret")
    quotable = frozenset({Channel.WHATSAPP})
    longest_text: ClassVar[Mapping[Channel, int]] = {Channel.MESSENGER: 640}

    # --- sending ---------------------------------------------------------------------------------

    def request(self, message: Message, account: Account) -> httpx.Request:
        content = _content(message)
        options = {
            # Custom content may have more of the same node.
            name: {**value, **mapping(content.get(name))} if isinstance(value, dict) else value
            for name, value in _options(message).items()
        }
        body = {
            **_suggested(message),
            **_quote(message),
            **content,
            **options,
            "channel": NAMES.get(message.channel, message.channel.value),
            "to": message.recipient,
            "from": message.sender,
            "client_ref": _reference(message),
            **_status_webhook(account),
        }
        return _http.request("POST", _url(account), json=body)

    def sign(self, request: httpx.Request, account: Account) -> None:
        """A token is for one request: its id is not to come twice."""
        request.headers["Authorization"] = _access(account)

    def accepted(self, reply: httpx.Response) -> str:
        message_uuid = text(answer(reply).get("message_uuid"))
        if not message_uuid:
            raise Unanswered(1331, "no message_uuid")
        return message_uuid

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        body = answer(reply)
        word = _code(body) or _anchor(body)
        known = None
        if reply.status_code == HTTPStatus.PAYMENT_REQUIRED:
            known = REFUSALS["low-balance"]
        elif reply.status_code in REFUSED or not word.isdecimal():
            known = REFUSALS.get(word) or ERRORS.get(word)
        if known is None:
            return by_http_status(reply, word)
        kind, ours = known
        return kind(ours, word or reply.status_code, retry_after(reply))

    # --- messages that are out already -----------------------------------------------------------

    def read(self, message: Known, account: Account, *, typing: bool) -> httpx.Request | None:
        if message.channel is not Channel.WHATSAPP:
            return None
        shown = {"replying_indicator": {"show": True, "type": "text"}} if typing else {}
        return _change(message, account, {"status": "read", **shown})

    def revoke(self, message: Known, account: Account) -> httpx.Request | None:
        return _change(message, account, {"status": "revoked"}) if message.channel is Channel.RCS else None

    # --- callbacks -------------------------------------------------------------------------------

    def verify(self, hook: Hook, account: Account) -> None:
        """A token that holds the body's hash. It may be a day old: so long a callback is repeated."""
        import jwt

        key, ours = secret(account, "signature_secret"), account.get("api_key").strip()
        scheme, _, token = hook.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise BadSignature("authorization")
        try:
            claims = jwt.decode(token.strip(), key, algorithms=["HS256"], options={"verify_iat": False})
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise BadSignature("authorization") from None
        given = text(claims.get("payload_hash")).encode(errors="replace")
        if not hmac.compare_digest(given, hashlib.sha256(hook.body).hexdigest().encode()):
            raise BadSignature("payload_hash")
        if ours and claims.get("api_key") != ours:
            raise BadSignature("api_key")
        issued = claims.get("iat")
        if hook.received_at and isinstance(issued, int | float):
            age = hook.received_at.timestamp() - issued
            if not -REPEATED <= age <= REPEATED:
                raise BadSignature("iat")

    def events(self, hook: Hook) -> list[Event]:
        payload = json_object(hook)
        return [_receipt(payload)] if "status" in payload else [*_inbound(payload, hook)]

    # --- media -----------------------------------------------------------------------------------

    def download(self, media: str, account: Account, client: httpx.Client) -> httpx.Request:
        """An account can have its people's media behind the application's token."""
        request = _http.request("GET", media)
        if account.get("private_key").strip() and _is_own(request.url, account):
            self.sign(request, account)
        return request

    # --- access ----------------------------------------------------------------------------------

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request:
        """An empty message, which is refused for what it lacks once the credentials are accepted."""
        return _http.request("POST", _url(account), json={})

    def answers(self, reply: httpx.Response) -> bool:
        return reply.status_code == HTTPStatus.UNPROCESSABLE_ENTITY

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        return Verification("verified", "the credentials are accepted; the sender is not known")


def _url(account: Account) -> str:
    return f"{account.base_url(BASE_URL)}/v1/messages"


def _change(message: Known, account: Account, body: Mapping[str, Any]) -> httpx.Request:
    # What came as one with others has a number of ours behind its id.
    identifier = quote(message.provider_id.partition("#")[0], safe="")
    return _http.request("PATCH", f"{_url(account)}/{identifier}", json=body)


def _status_webhook(account: Account) -> dict[str, str]:
    """Where news of a message is to go, in place of the application's status URL, and in which form."""
    ours = account.get("callback_url").rstrip("/")
    address = {"webhook_url": f"{ours}/status/vonage/{quote(account.account_id, safe='')}"} if ours else {}
    return {**address, "webhook_version": "v1"}


def _access(account: Account) -> str:
    """https://developer.vonage.com/en/getting-started/concepts/authentication"""
    if account.get("private_key").strip():
        return f"Bearer {_token(account)}"
    pair = f"{secret(account, 'api_key')}:{secret(account, 'api_secret')}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _token(account: Account) -> str:
    import jwt
    from cryptography.exceptions import UnsupportedAlgorithm

    now = int(time.time())
    claims = {
        "application_id": secret(account, "application_id"),
        "iat": now,
        "jti": str(uuid4()),
        "exp": now + TOKEN_LIFE,
    }
    try:
        return jwt.encode(claims, _key(secret(account, "private_key")), "RS256")
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        # From nobody's error: the text could quote the key.
        raise ConfigurationError(1370, "private_key") from None


@lru_cache(maxsize=8)
def _key(pem: str) -> Any:
    """A private key, which takes longer to read than to sign with. Line ends can be two characters each,
    where it was copied out of JSON."""
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    return load_pem_private_key(pem.replace("\\n", "\n").encode(), None)


def _is_own(url: httpx.URL, account: Account) -> bool:
    """An address may have our token: it is where our messages go, or another one of Vonage's."""
    base = _http.url(account.base_url(BASE_URL))
    if (url.scheme, url.host, url.port) == (base.scheme, base.host, base.port):
        return True
    return url.scheme == "https" and any(f".{url.host}".endswith(f".{host}") for host in OWN_HOSTS)


# --- what goes out ---------------------------------------------------------------------------------


def _reference(message: Message) -> str:
    """What comes back in `client_ref`: 40 characters, which is all that older accounts may have, suffice up
    to nine parts."""
    part = f":{message.part.number}/{message.part.of}" if message.part else ""
    return f"{message.message_uuid}{part}"


def _options(message: Message) -> dict[str, Any]:
    """How long a message may take, and what its channel has beside the content."""
    channel, seconds = message.channel, message.lifetime
    if channel is Channel.VIBER and message.viber.ttl is not None:
        seconds = message.viber.ttl
    ttl = {}
    if seconds is not None and channel in SHORTEST_LIFE:
        ttl = {"ttl": min(max(seconds, SHORTEST_LIFE[channel]), LONGEST_LIFE[channel])}
    match channel:
        case Channel.SMS if plain := _sms(message):
            return {**ttl, "sms": plain}
        case Channel.VIBER:
            return {"viber_service": {"category": message.viber.category, **ttl, **_viber(message)}}
        case Channel.RCS if rich := _rcs(message):
            return {**ttl, "rcs": rich}
        case Channel.MESSENGER:
            tag = {"tag": message.messenger.tag} if message.messenger.tag else {}
            return {"messenger": {"category": message.messenger.category, **tag}}
        case Channel.WHATSAPP if isinstance(message.content, Template):
            # WhatsApp has no other policy any more.
            return {"whatsapp": {"policy": "deterministic", "locale": message.whatsapp.locale or "en"}}
    return ttl


def _sms(message: Message) -> dict[str, str]:
    sms = message.sms
    named = {"content_id": sms.content_id, "entity_id": sms.entity_id, "pool_id": sms.pool_id}
    encoding = {} if sms.encoding == "auto" else {"encoding_type": sms.encoding}
    return encoding | {name: value for name, value in named.items() if value}


def _viber(message: Message) -> dict[str, Any]:
    """What its kind of content has beside category and time to live."""
    viber = message.viber
    found: dict[str, Any] = {"type": viber.type} if viber.type else {}
    if isinstance(message.content, Video):
        if None in (message.content.thumbnail_url, viber.duration, viber.file_size):
            raise Rejected(1010, "a video needs its thumbnail, duration and file size")
        return found | {"duration": str(viber.duration), "file_size": str(viber.file_size)}
    if viber.action:
        found["action"] = {"url": viber.action.url, "text": viber.action.text}
    return found


def _rcs(message: Message) -> dict[str, str]:
    """Vonage wants a side for pictures of horizontal cards, and a width for cards of a carousel."""
    rcs = message.rcs
    found: dict[str, str] = {}
    if rcs.category:
        found["category"] = rcs.category
    if isinstance(message.content, Card):
        if rcs.orientation:
            found["card_orientation"] = rcs.orientation.upper()
        side = rcs.image_alignment or ("left" if rcs.orientation == "horizontal" else None)
        if side:
            found["image_alignment"] = side.upper()
    if isinstance(message.content, Carousel):
        found["card_width"] = (rcs.card_width or "medium").upper()
    return found


def _quote(message: Message) -> dict[str, Any]:
    """What a message answers, by Vonage's id."""
    if message.channel is not Channel.WHATSAPP or message.reply_to is None:
        return {}
    return {"context": {"message_uuid": message.reply_to}}


def _suggested(message: Message) -> dict[str, Any]:
    if message.channel is not Channel.RCS or not message.suggestions:
        return {}
    return {"suggestions": [*map(_suggestion, message.suggestions)]}


def _content(message: Message) -> dict[str, Any]:
    """The request's members for what is said. Rejected for what the channel cannot carry."""
    content, channel = message.content, message.channel
    if isinstance(content, Custom):
        return _custom(content.custom, channel)
    if content.type not in TYPES[channel]:
        raise Rejected(1140)
    match content:
        case Text():
            return {"message_type": "text", "text": content.text}
        case Audio() if channel is Channel.RCS:
            # There is no type for it, but Google's own message has one for all files.
            return _custom({"contentMessage": {"contentInfo": {"fileUrl": content.url}}}, channel)
        case Image() | Audio() | Video() | File() | Vcard():
            return {"message_type": content.type, content.type: _media(content, channel)}
        case Location() if channel is Channel.RCS:
            return _map(content, message.suggestions)
        case Location():
            words = {"name": content.name, "address": content.address}
            spot = {"lat": content.latitude, "long": content.longitude}
            return {
                "message_type": "location",
                "location": spot | {name: value for name, value in words.items() if value},
            }
        case Template():
            parameters = {"parameters": list(content.parameters)} if content.parameters else {}
            return {"message_type": "template", "template": {"name": content.name, **parameters}}
        case Sticker():
            which = {"url": content.url} if content.url else {"id": content.id}
            return {"message_type": "sticker", "sticker": which}
        case Reaction():
            if message.reply_to is None:
                raise Rejected(1020, "nothing to react to")
            reaction = {"action": "react", "emoji": content.emoji} if content.emoji else {"action": "unreact"}
            return {"message_type": "reaction", "reaction": reaction}
        case Several():
            items = [{"type": item.type, **_media(item, channel)} for item in content.items]
            return {"message_type": "content", "content": items}
        case Card():
            return {"message_type": "card", "card": _card(content.card)}
        case Carousel():
            return {
                "message_type": "carousel",
                "carousel": {"cards": [_card(card) for card in content.cards]},
            }
        case _:
            assert_never(content)


def _custom(custom: dict[str, Any], channel: Channel) -> dict[str, Any]:
    if "failover" in custom:
        raise Rejected(1140)
    if "message_type" in custom:
        return custom
    if channel not in WITH_CUSTOM:
        raise Rejected(1140)
    return {"message_type": "custom", "custom": custom}


def _media(content: Media, channel: Channel) -> dict[str, str]:
    node = {"url": content.url}
    if content.caption and content.type in WITH_CAPTIONS.get(channel, ()):
        node["caption"] = content.caption
    if isinstance(content, File) and channel in (Channel.WHATSAPP, Channel.VIBER):
        # Without a name WhatsApp shows the caption as one.
        name = file_name(content)
        if channel is Channel.VIBER:
            name = name[-LONGEST_NAME:]  # with the extension, which tells what it is
        if name:
            node["name"] = name
    if isinstance(content, Video) and channel is Channel.VIBER and content.thumbnail_url:
        node["thumb_url"] = content.thumbnail_url
    return node


def _card(card: RichCard) -> dict[str, Any]:
    words = {"media_description": card.media_description, "thumbnail_url": card.thumbnail_url}
    chips = [_suggestion(suggestion) for suggestion in card.suggestions]
    return {
        "title": card.title,
        "text": card.text,
        "media_url": card.media_url,
        **({"media_height": card.media_height.upper()} if card.media_height else {}),
        **{name: value for name, value in words.items() if value},
        **({"media_force_refresh": True} if card.refresh else {}),
        **({"suggestions": chips} if chips else {}),
    }


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    """Vonage wants more words than Google: those that are shown stand in."""
    shown = {"type": suggestion.type, "text": suggestion.text, "postback_data": suggestion.postback}
    fallback = getattr(suggestion, "fallback_url", None)
    shown |= {"fallback_url": fallback} if fallback else {}
    match suggestion:
        case ReplySuggestion() | ShareLocationSuggestion():
            return shown
        case DialSuggestion():
            return shown | {"phone_number": suggestion.number}
        case ViewLocationSuggestion():
            spot = {"latitude": str(suggestion.latitude), "longitude": str(suggestion.longitude)}
            return shown | spot | {"pin_label": suggestion.label or suggestion.text}
        case OpenUrlSuggestion():
            target = {"url": suggestion.url, "description": suggestion.description or suggestion.text}
            if suggestion.view:
                target |= {"type": "open_url_in_webview", "view_mode": suggestion.view.upper()}
            return shown | target
        case CalendarSuggestion():
            words = {"title": suggestion.title, "description": suggestion.description or suggestion.title}
            return shown | {"start_time": suggestion.start, "end_time": suggestion.end, **words}
        case _:
            assert_never(suggestion)


def _map(location: Location, suggestions: Iterable[Suggestion]) -> dict[str, Any]:
    """RCS has no type for a place: a text with a chip that opens the map."""
    words = [part.strip() for part in (location.name, location.address) if part and part.strip()]
    where = f"{location.latitude}, {location.longitude}"
    chip = {
        "type": "view_location",
        "text": (words or ["Map"])[0][:LONGEST_CHIP].strip(),
        "postback_data": where,
        "latitude": str(location.latitude),
        "longitude": str(location.longitude),
        "pin_label": (words or [where])[0][:100].strip(),
    }
    chips = [chip, *map(_suggestion, suggestions)]
    return {"message_type": "text", "text": "\n".join(words)[:LONGEST_TEXT] or where, "suggestions": chips}


# --- what comes back -------------------------------------------------------------------------------


def _anchor(error: Mapping[str, Any]) -> str:
    """The end of an error's address, which says what it is."""
    return text(error.get("type")).rpartition("#")[2]


def _code(error: Mapping[str, Any]) -> str:
    """The number of an error; empty if there is none."""
    found = (text(error.get("title")), text(error.get("code")), _anchor(error))
    return next((code for code in found if _CODE.fullmatch(code)), "")


def _receipt(raw: dict[str, Any]) -> Receipt:
    word = text(raw.get("status"))
    status, failure = STATUSES.get(word), None
    if status in UNEXPLAINED:
        code = _code(mapping(raw.get("error")))
        if code == ALREADY_SENT:
            status = Status.SUBMITTED
        else:
            known = ERRORS.get(code) or REFUSALS.get(code)
            failure = Failure(known[1] if known else UNEXPLAINED[status], code or word)
    uuid, part = _referred(raw.get("client_ref"))
    return Receipt(
        status=status,
        raw=raw,
        message_uuid=uuid,
        provider_id=text(raw.get("message_uuid")) or None,
        at=_moment(raw),
        usage=_usage(raw),
        failure=failure,
        part=part,
    )


def _referred(reference: object) -> tuple[str | None, Part | None]:
    """Our id and the part, from what `_reference` made; others may use the same field."""
    uuid, _, part = text(reference).partition(":")
    found = _PART.fullmatch(part)
    return own_uuid(uuid), Part(number=int(found[1]), of=int(found[2])) if found else None


def _moment(raw: Mapping[str, Any]) -> datetime | None:
    return iso_moment(text(raw.get("timestamp")).removesuffix(" UTC"))


def _usage(raw: Mapping[str, Any]) -> Usage | None:
    usage = mapping(raw.get("usage"))
    price, currency = amount(usage.get("price")), text(usage.get("currency"))
    return Usage(price, currency) if price is not None and currency else None


def _inbound(raw: dict[str, Any], hook: Hook) -> list[Inbound]:
    """A message with several files is as many of ours."""
    channel = {NAMES.get(ours, ours.value): ours for ours in TYPES}.get(text(raw.get("channel")))
    sender, recipient = phone(raw.get("from")), phone(raw.get("to"))
    identifier, at = text(raw.get("message_uuid")), _moment(raw) or hook.received_at
    if not (channel and sender and recipient and identifier and at):
        return []
    quotes = _quoted(raw)
    items = objects(raw.get("content"))
    if items:
        contents = [_inbound_content(text(item.get("type")), item, item) for item in items]
    else:
        kind = text(raw.get("message_type"))
        contents = [_inbound_content(kind, raw, mapping(raw.get(kind)))]
    return [
        Inbound(
            channel=channel,
            provider_id=identifier if index == 0 else f"{identifier}#{index}",
            sender=sender,
            recipient=recipient,
            at=at,
            content=content,
            raw=raw,
            profile=text(mapping(raw.get("profile")).get("name")) or None,
            quotes=quotes,
        )
        for index, content in enumerate(contents)
    ]


def _quoted(raw: Mapping[str, Any]) -> Quoted | None:
    context = mapping(raw.get("context"))
    if not text(context.get("message_uuid")):
        return None
    product = mapping(context.get("whatsapp_referred_product"))
    catalog, retailer = text(product.get("catalog_id")), text(product.get("product_retailer_id"))
    return Quoted(
        provider_id=text(context["message_uuid"]),
        sender=phone(context.get("message_from")) or None,
        product=Product(catalog_id=catalog, retailer_id=retailer) if catalog and retailer else None,
    )


def _inbound_content(kind: str, item: Mapping[str, Any], node: Mapping[str, Any]) -> InboundContent:
    """`node` is what an item has under the name of its kind."""
    url, caption = text(node.get("url")), text(node.get("caption"))
    match kind:
        case "text":
            return said(item.get("text"))
        case "reply":
            return chosen(node.get("id"), node.get("title"), node.get("description"))
        case "button":
            return tapped(node.get("payload"), node.get("text"))
        case "sticker":
            return sticker(url)
        case "reaction":
            return Reaction(type="reaction", emoji=text(node.get("emoji")))
        case "order" if catalog := text(node.get("catalog_id")):
            return _order(catalog, node)
        case "contact":
            cards = tuple(objects(node.get("contacts"))) or (dict(node),)
            return ContactCards(type="contacts", cards=cards) if node else Unsupported(type="unsupported")
        case "location":
            words = {name: node.get(name) for name in ("name", "address")}
            return place(node.get("lat"), node.get("long"), **words)
        case "vcard" if url:
            return Vcard(type="vcard", url=url, caption=caption or None)
    return shown(MEDIA.get(kind), url, caption)


def _order(catalog: str, node: Mapping[str, Any]) -> Order:
    products = tuple(
        OrderedProduct(
            retailer_id=text(item.get("product_retailer_id")),
            quantity=number(item.get("quantity")),
            price=number(item.get("item_price")),
            currency=text(item.get("currency")),
        )
        for item in objects(node.get("product_items"))
    )
    return Order(type="order", catalog_id=catalog, products=products, text=text(node.get("text")) or None)
