"""RCS for Business, Google's API: https://developers.google.com/business-communications/rcs-business-messaging

Settings of the account: `client_email` and `private_key` of the service account, `client_token` (of the
webhook), and where wanted:

base_url               the host of the agents' region (https://europe-rcsbusinessmessaging.googleapis.com)
message_traffic_type   instead of TRANSACTION, for all messages but the confirmation of an opt-out; empty
                       leaves it to the agent's use case
token_url              instead of Google's own address for access tokens

A sender is an agent's id. An account may have several agents, with one webhook for all of them.

The person's number is a part of every address. It goes into the request's "target", which is sent in place
of the path, so that no log and no error shows it: https://www.python-httpx.org/advanced/extensions/#target
"""

from __future__ import annotations

import hashlib
import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid4, uuid5

from switchboard.adapters import _http
from switchboard.adapters._reading import (
    ErrorClass,
    answer,
    chosen,
    final_status,
    integer,
    iso_moment,
    json_object,
    mapping,
    own_uuid,
    phone,
    place,
    said,
    secret,
    shown,
    text,
)
from switchboard.adapters.base import (
    Account,
    Adapter,
    Known,
    Token,
    Verification,
    by_http_status,
    retry_after,
)
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    InvalidRequest,
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

# https://developers.google.com/business-communications/rcs-business-messaging/reference/rest/v1/UserEvent
STATUSES = {"DELIVERED": Status.DELIVERED, "READ": Status.READ}
# An unsubscribed person's phone also writes the country's word for it (STOP).
OF_NO_MESSAGE = frozenset({"IS_TYPING", "SUBSCRIBE", "UNSUBSCRIBE"})
# https://developers.google.com/business-communications/rcs-business-messaging/reference/rest/v1/ServerEvent
FAILURES: dict[str, tuple[ErrorClass, int]] = {
    "TTL_EXPIRATION_REVOKED": (Unreachable, 1360),
    "TTL_EXPIRATION_REVOKE_FAILED": (Unreachable, 1360),  # may still be delivered
}
# error.status: https://cloud.google.com/apis/design/errors#error_model and
# https://developers.google.com/business-communications/rcs-business-messaging/guides/build/messages/send
# error of the token endpoint: https://developers.google.com/identity/protocols/oauth2/service-account#error-codes
ERRORS: dict[str, tuple[ErrorClass, int]] = {
    "NOT_FOUND": (Unreachable, 1300),  # no RCS, or the agent is not launched on that network
    "INVALID_ARGUMENT": (Rejected, 1020),
    "FAILED_PRECONDITION": (Rejected, 1140),
    "OUT_OF_RANGE": (Rejected, 1020),
    "PERMISSION_DENIED": (ConfigurationError, 1370),
    "UNAUTHENTICATED": (ConfigurationError, 1370),
    "RESOURCE_EXHAUSTED": (Throttled, 1000),
    "ABORTED": (Unavailable, 1331),
    "INTERNAL": (Unavailable, 1331),
    "UNAVAILABLE": (Unavailable, 1331),
    "UNKNOWN": (Unavailable, 1331),
    "DEADLINE_EXCEEDED": (Unanswered, 1331),
    **dict.fromkeys(
        (
            "access_denied",
            "admin_policy_enforced",
            "deleted_client",
            "disabled_client",
            "invalid_client",
            "invalid_grant",
            "invalid_scope",
            "unauthorized_client",
        ),
        (ConfigurationError, 1370),
    ),
}
UNREACHABLE, REPEATED = "NOT_FOUND", "ALREADY_EXISTS"

# https://developers.google.com/business-communications/rcs-business-messaging/reference/rest/v1/phones.agentMessages
LIFE = 1, 15 * 86_400  # seconds: the shortest and the longest
LONGEST_TEXT = 3072
LONGEST_CHIP, LONGEST_LABEL = 25, 100
TRANSACTION, ACKNOWLEDGEMENT = "TRANSACTION", "ACKNOWLEDGEMENT"

MEDIA = {"image": "image", "audio": "audio", "video": "video"}
"""First part of a MIME type; everything else is a file."""

BASE_URL = "https://rcsbusinessmessaging.googleapis.com"
TOKEN_URL = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/rcsbusinessmessaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_LIFE = 3600  # seconds, the longest
NOBODY = "12025550100"
"""A number that is kept for fiction."""


class RcsGoogle(Adapter):
    name = "rcs_google"
    channels = frozenset({Channel.RCS})
    secrets = ("private_key", "client_token")
    deduplicates = True

    # --- access ----------------------------------------------------------------------------------

    def login(self, account: Account) -> httpx.Request | None:
        form = {"grant_type": GRANT, "assertion": _assertion(account)}
        return _http.request("POST", account.get("token_url", TOKEN_URL), data=form)

    def logged_in(self, reply: httpx.Response) -> Token:
        body = answer(reply)
        token, seconds = text(body.get("access_token")), integer(body.get("expires_in"))
        if not token or seconds is None:
            raise Unanswered(1331, "no access token")
        return Token(token, seconds)

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request | None:
        """What the agent can send to a number. That it is nobody's is an answer: others get none."""
        query = {"requestId": str(uuid4()), "agentId": sender}
        return _call(account, "GET", NOBODY, "capabilities", query)

    def answers(self, reply: httpx.Response) -> bool:
        return reply.is_success or _word(reply) == UNREACHABLE

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        return Verification("verified", "the credentials may use the agent; its launches are not known")

    # --- sending ---------------------------------------------------------------------------------

    def request(self, message: Message, account: Account) -> httpx.Request:
        body: dict[str, Any] = {"contentMessage": _content(message)}
        if traffic := _traffic(message, account):
            body["messageTrafficType"] = traffic
        if message.lifetime is not None:
            shortest, longest = LIFE
            body["ttl"] = f"{min(max(message.lifetime, shortest), longest)}s"
        query = {"messageId": message.message_uuid, "agentId": message.sender}
        return _call(account, "POST", message.recipient, "agentMessages", query, body)

    def took(self, reply: httpx.Response) -> bool:
        """Google says that a repeat is ignored, but not how it is answered."""
        return reply.is_success or _word(reply) == REPEATED

    def accepted(self, reply: httpx.Response) -> str:
        """The id is ours, the end of the name; the rest is the person's number."""
        if not reply.is_success:
            return reply.request.url.params["messageId"]
        message_id = text(answer(reply).get("name")).rpartition("/")[2]
        if not message_id:
            raise Unanswered(1331, "no name")
        return message_id

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        word = _word(reply)
        if word not in ERRORS:
            return by_http_status(reply, word)
        kind, code = ERRORS[word]
        return kind(code, word, retry_after(reply))

    def read(self, message: Known, account: Account, *, typing: bool) -> httpx.Request:
        """That somebody types is an event of its own, which is not sent."""
        body = {"eventType": "READ", "messageId": message.provider_id.partition(" ")[0]}
        # A repeat is ignored.
        event_id = str(uuid5(NAMESPACE_URL, f"{message.sender} {message.provider_id}"))
        query = {"eventId": event_id, "agentId": message.sender}
        return _call(account, "POST", message.recipient, "agentEvents", query, body)

    def revoke(self, message: Known, account: Account) -> httpx.Request:
        what = f"agentMessages/{quote(message.provider_id, safe='')}"
        return _call(account, "DELETE", message.recipient, what, {"agentId": message.sender})

    # --- callbacks -------------------------------------------------------------------------------

    def verify(self, hook: Hook, account: Account) -> None:
        key = secret(account, "client_token").encode()
        expected = b64encode(hmac.new(key, _data(hook), hashlib.sha512).digest())
        given = hook.headers.get("x-goog-signature", "").encode(errors="replace")
        if not hmac.compare_digest(given, expected):
            raise BadSignature("signature")

    def handshake(self, hook: Hook, account: Account) -> str | None:
        """An unsigned POST with the webhook's token, answered with the secret beside it."""
        try:
            body = json_object(hook)
        except InvalidRequest:
            return None
        if "clientToken" not in body:
            return None
        given = text(body["clientToken"]).encode(errors="replace")
        if not hmac.compare_digest(given, secret(account, "client_token").encode()):
            return None
        return text(body.get("secret")) or None

    def plain(self, hook: Hook, account: Account) -> Hook:
        """What is wrapped, with the time at which it was: events need not have one."""
        at = iso_moment(_envelope(hook).get("publishTime"))
        return replace(hook, body=_data(hook), received_at=at or hook.received_at)

    def events(self, hook: Hook) -> list[Event]:
        """Of the one event in a callback, as `plain` hands it over."""
        raw = json_object(hook)
        event = _receipt(raw) if "eventType" in raw else _inbound(raw, hook)
        return [event] if event else []


def _assertion(account: Account) -> str:
    """What the service account asks for, signed. `aud` is Google's name for it, wherever it goes.

    https://developers.google.com/identity/protocols/oauth2/service-account#jwt-auth
    """
    import jwt
    from cryptography.exceptions import UnsupportedAlgorithm

    now = int(time.time())
    claims = {
        "iss": account["client_email"],
        "scope": SCOPE,
        "aud": TOKEN_URL,
        "iat": now,
        "exp": now + ASSERTION_LIFE,
    }
    # Line ends are written as two characters where the key was copied out of its JSON file.
    key = secret(account, "private_key").replace("\\n", "\n")
    try:
        return jwt.encode(claims, key, "RS256")
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError, UnsupportedAlgorithm):
        # From nobody's error: the text could quote the key.
        raise ConfigurationError(1370, "private_key") from None


def _call(
    account: Account,
    method: str,
    number: str,
    what: str,
    query: Mapping[str, str],
    body: Mapping[str, Any] | None = None,
) -> httpx.Request:
    phones = _http.url(f"{account.base_url(BASE_URL)}/v1/phones")
    url = _http.url(f"{phones}/{what}", params=query)
    target = f"{phones.raw_path.decode()}/+{quote(number, safe='')}/{what}?{url.query.decode()}"
    return _http.request(
        method,
        url,
        headers={"Authorization": f"Bearer {account.token}"},
        json=body,
        extensions={"target": target.encode()},
    )


def _word(reply: httpx.Response) -> str:
    """The kind of an error; empty if there is none, or the answer does not say."""
    error = answer(reply).get("error")
    return text(error) or text(mapping(error).get("status"))


# --- content ---------------------------------------------------------------------------------------


def _traffic(message: Message, account: Account) -> str:
    if message.confirms_opt_out:
        return ACKNOWLEDGEMENT
    if message.rcs.category:
        return message.rcs.category.upper().replace("-", "")
    return account.get("message_traffic_type", TRANSACTION)


def _content(message: Message) -> dict[str, Any]:
    """The AgentContentMessage. Rejected for what RCS cannot carry."""
    body = _said(message)
    chips = [*body.get("suggestions", []), *map(_suggestion, message.suggestions)]
    return {**body, "suggestions": chips} if message.suggestions else body


def _said(message: Message) -> dict[str, Any]:
    content = message.content
    match content:
        case Text():
            if len(content.text) > LONGEST_TEXT:
                raise Rejected(1090)
            return {"text": content.text}
        case Image() | Audio() | Video() | File():
            thumbnail = content.thumbnail_url if isinstance(content, Video) else None
            return {"contentInfo": _file(content.url, thumbnail)}
        case Location():
            return _location(content)
        case Card():
            orientation = message.rcs.orientation or "vertical"
            side = message.rcs.image_alignment or ("left" if orientation == "horizontal" else None)
            card = {
                "cardOrientation": orientation.upper(),
                **({"thumbnailImageAlignment": side.upper()} if side else {}),
                "cardContent": _card(content.card),
            }
            return {"richCard": {"standaloneCard": card}}
        case Carousel():
            cards = [_card(card) for card in content.cards]
            width = (message.rcs.card_width or "medium").upper()
            return {"richCard": {"carouselCard": {"cardWidth": width, "cardContents": cards}}}
        case Custom():
            return content.custom
        case Vcard() | Template() | Sticker() | Reaction() | Several():
            raise Rejected(1140)
        case _:
            assert_never(content)


def _file(url: str, thumbnail: str | None = None, *, refresh: bool = False) -> dict[str, Any]:
    return {
        "fileUrl": url,
        **({"thumbnailUrl": thumbnail} if thumbnail else {}),
        **({"forceRefresh": True} if refresh else {}),
    }


def _card(card: RichCard) -> dict[str, Any]:
    file = _file(card.media_url, card.thumbnail_url, refresh=card.refresh)
    chips = [_suggestion(suggestion) for suggestion in card.suggestions]
    return {
        "title": card.title,
        "description": card.text,
        "media": {"height": (card.media_height or "medium").upper(), "contentInfo": file},
        **({"suggestions": chips} if chips else {}),
    }


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    shown = {"text": suggestion.text, "postbackData": suggestion.postback}
    action: dict[str, Any]
    match suggestion:
        case ReplySuggestion():
            return {"reply": shown}
        case DialSuggestion():
            action = {"dialAction": {"phoneNumber": f"+{suggestion.number}"}}
        case ViewLocationSuggestion():
            spot = {"latitude": suggestion.latitude, "longitude": suggestion.longitude}
            label = {"label": suggestion.label[:LONGEST_LABEL]} if suggestion.label else {}
            action = {"viewLocationAction": {"latLong": spot, **label}}
        case ShareLocationSuggestion():
            action = {"shareLocationAction": {}}
        case OpenUrlSuggestion():
            words = {"description": suggestion.description} if suggestion.description else {}
            target = {"url": suggestion.url, **words}
            if suggestion.view:
                target |= {"application": "WEBVIEW", "webviewViewMode": suggestion.view.upper()}
            action = {"openUrlAction": target}
        case CalendarSuggestion():
            words = {"description": suggestion.description} if suggestion.description else {}
            times = {"startTime": _time(suggestion.start), "endTime": _time(suggestion.end)}
            action = {"createCalendarEventAction": {**times, "title": suggestion.title, **words}}
        case _:
            assert_never(suggestion)
    fallback = getattr(suggestion, "fallback_url", None)
    return {"action": {**shown, **({"fallbackUrl": fallback} if fallback else {}), **action}}


def _time(written: str) -> str:
    """A moment with its zone, which Google insists on. Rejected if it is none."""
    at = iso_moment(written)
    if at is None:
        raise Rejected(1020, "start and end must be ISO 8601")
    return at.isoformat().replace("+00:00", "Z")


def _location(location: Location) -> dict[str, Any]:
    """There is no content type for it: a text with a chip that opens the map."""
    words = [part.strip() for part in (location.name, location.address) if part and part.strip()]
    where = f"{location.latitude}, {location.longitude}"
    label = {"label": ", ".join(words)[:LONGEST_LABEL].strip()} if words else {}
    spot = {"latitude": location.latitude, "longitude": location.longitude}
    chip = {
        "text": (words or ["Map"])[0][:LONGEST_CHIP].strip(),
        "postbackData": where,
        "viewLocationAction": {"latLong": spot, **label},
    }
    return {"text": "\n".join(words)[:LONGEST_TEXT] or where, "suggestions": [{"action": chip}]}


# --- callbacks -------------------------------------------------------------------------------------


def _envelope(hook: Hook) -> dict[str, Any]:
    """The message of a callback. BadSignature if it is none: what is signed is inside."""
    try:
        return mapping(json_object(hook)["message"])
    except (InvalidRequest, KeyError):
        raise BadSignature("no message") from None


def _data(hook: Hook) -> bytes:
    """The bytes that were signed. BadSignature if there are none."""
    data = _envelope(hook).get("data")
    if not isinstance(data, str):
        raise BadSignature("no data")
    try:
        return b64decode(data, validate=True)
    except ValueError:
        raise BadSignature("data") from None


def _receipt(raw: dict[str, Any]) -> Receipt | None:
    """The news in a user's or the server's event; None for those of no message."""
    word, message_id = text(raw.get("eventType")), text(raw.get("messageId"))
    if word in OF_NO_MESSAGE or not message_id:
        return None
    status, failure = STATUSES.get(word), None
    if word in FAILURES:
        kind, code = FAILURES[word]
        status, failure = final_status(kind), Failure(code, word)
    return Receipt(
        status=status,
        raw=raw,
        message_uuid=own_uuid(message_id),
        provider_id=message_id,
        at=iso_moment(raw.get("sendTime")),
        failure=failure,
    )


def _inbound(raw: dict[str, Any], hook: Hook) -> Inbound | None:
    sender, agent = phone(raw.get("senderPhoneNumber")), text(raw.get("agentId"))
    # Ids are the phone's own: two phones may have the same.
    identifier = text(raw.get("eventId")) or text(raw.get("messageId"))
    at = iso_moment(raw.get("sendTime")) or hook.received_at
    if not (sender and agent and identifier and at):
        return None
    return Inbound(
        channel=Channel.RCS,
        provider_id=f"{identifier} {sender}",
        sender=sender,
        recipient=agent,
        at=at,
        content=_inbound_content(raw),
        raw=raw,
    )


def _inbound_content(raw: Mapping[str, Any]) -> InboundContent:
    if "suggestionResponse" in raw:
        chip = mapping(raw["suggestionResponse"])
        return chosen(chip.get("postbackData"), chip.get("text"))
    if "userFile" in raw:
        file = mapping(mapping(raw["userFile"]).get("payload"))
        first = text(file.get("mimeType")).partition("/")[0]
        return shown(MEDIA.get(first, "file"), text(file.get("fileUri")))
    if spot := mapping(raw.get("location")):
        return place(spot.get("latitude", 0), spot.get("longitude", 0))  # zeros are left out
    return said(raw.get("text"))
