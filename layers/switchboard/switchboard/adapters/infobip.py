"""Viber Business Messages through Infobip: https://www.infobip.com/docs/api/channels/viber

Settings of the account: `base_url` (each account has its own), `api_key`, `callback_token`. Infobip does
not sign its callbacks by default, so the token goes into our callback addresses and comes back in them.
"""

import hmac
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, assert_never
from urllib.parse import quote, unquote, urlencode, urlsplit

import httpx

from switchboard.adapters._reading import (
    ErrorClass,
    amount,
    answer,
    final_status,
    integer,
    iso_moment,
    json_object,
    mapping,
    objects,
    own_uuid,
    phone,
    said,
    secret,
    shown,
    text,
)
from switchboard.adapters.base import Account, Adapter, by_http_status
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
from switchboard.models.events import Event, Failure, Hook, Inbound, Receipt, Usage
from switchboard.models.messages import (
    Audio,
    Channel,
    Custom,
    File,
    Image,
    InboundContent,
    Location,
    Message,
    Status,
    Template,
    Text,
    Vcard,
    Video,
)

# https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes
# status.groupId. Failures (2, 4, 5) are told apart by the tables below.
PENDING, UNDELIVERABLE, DELIVERED, EXPIRED, REJECTED = 1, 2, 3, 4, 5
STATUSES = {PENDING: Status.SUBMITTED, DELIVERED: Status.DELIVERED}
TO_OPERATOR = 2  # status.id within DELIVERED: on its way, the handset's receipt follows
GROUP_ERRORS: dict[int, tuple[ErrorClass, int]] = {
    UNDELIVERABLE: (Unreachable, 1260),
    EXPIRED: (Unreachable, 1360),
    REJECTED: (Rejected, 1330),
}
# status.id within REJECTED.
REJECTIONS: dict[int, tuple[ErrorClass, int]] = {
    6: (Rejected, 1250),  # network
    8: (Rejected, 1170),  # prefix missing
    10: (Rejected, 1240),  # do not disturb
    11: (ConfigurationError, 1120),
    12: (ConfigurationError, 1070),
    13: (ConfigurationError, 1120),
    14: (Rejected, 1050),  # destination on the block list
    17: (ConfigurationError, 1070),
    18: (ConfigurationError, 1160),
    19: (ConfigurationError, 1140),
    20: (Throttled, 1000),
    21: (Unavailable, 1331),
    25: (Rejected, 1090),
    51: (Rejected, 1170),
    52: (Rejected, 1170),
}
DUPLICATE_ID, DUPLICATE_ERROR = 23, "EC_DUPLICATE_REQUEST"  # our messageId was sent before: success
# error.name: Infobip's own, and Viber's as partners pass them on.
ERRORS: dict[str, tuple[ErrorClass, int]] = {
    "EC_UNKNOWN_USER": (Unreachable, 1300),
    "EC_BLOCKED_USER": (Unreachable, 1240),
    "EC_UNSUPPORTED_DEVICE": (Unreachable, 1310),
    "EC_BAD_REQUEST": (Rejected, 1020),
    "EC_ILLEGAL_TRAFFIC_TYPE": (Rejected, 1140),
    "EC_INVALID_TEMPLATE": (Rejected, 1022),
    "EC_INVALID_TEMPLATE_ARGS": (Rejected, 1022),
    "EC_BLOCKED_CONTENT": (Rejected, 1210),
    "EC_TOO_MANY_REQUESTS": (Throttled, 1000),
    "EC_PROVIDER_INTERNAL_ERROR": (Unavailable, 1331),
    "EC_PROVIDER_TIMEOUT": (Unavailable, 1331),
    "EC_TEMPORARY_GATEWAY_ERROR": (Unavailable, 1331),
    "EC_UNAUTHORIZED_ACCESS": (ConfigurationError, 1370),
    "EC_ACCOUNT_ISSUE": (ConfigurationError, 1140),
    "EC_PROVIDER_BILLING_ERROR": (ConfigurationError, 1070),
    "EC_SERVICE_NOT_ACTIVATED": (ConfigurationError, 1140),
    "SRVC_NOT_VIBER_USER": (Unreachable, 1300),
    "SRVC_USER_BLOCKED": (Unreachable, 1240),
    "SRVC_NO_SUITABLE_DEVICE": (Unreachable, 1310),
    "SRVC_BAD_DATA": (Rejected, 1020),
    "SRVC_BAD_PARAMETERS": (Rejected, 1020),
    "SRVC_BAD_MESSAGE_TYPE": (Rejected, 1040),
    "SRVC_INVALID_TTL": (Rejected, 1130),
    "SRVC_FILE_NOT_PERMITTED": (Rejected, 1382),
    "SRVC_BAD_FILE_SIZE": (Rejected, 1381),
    "SRVC_BAD_DURATION": (Rejected, 1380),
    "SRVC_BAD_THUMBNAIL": (Rejected, 1380),
    "SRVC_WAIT_FOR_USER_RESPONSE": (Rejected, 1340),
    "SRVC_TIMEOUT": (Unavailable, 1331),
    "SRVC_INTERNAL_FAILURE": (Unavailable, 1331),
    "SRVC_BAD_SERVICE_ID": (ConfigurationError, 1120),
    "SRVC_UNAUTHORIZED_IP": (ConfigurationError, 1370),
    "SRVC_NOT_PERMITTED": (ConfigurationError, 1140),
    "SRVC_BAD_LABEL": (ConfigurationError, 1140),
}
LABELS = {"transaction": "TRANSACTIONAL", "promotion": "PROMOTIONAL"}
MEDIA = {"IMAGE": "image", "VIDEO": "video", "FILE": "file"}
SHORTEST, LONGEST = 30, 172_800  # seconds of validity: Viber's least, Infobip's most


class Infobip(Adapter):
    name = "infobip"
    channels = frozenset({Channel.VIBER})
    secrets = ("api_key", "callback_token")
    deduplicates = True

    def request(self, message: Message, account: Account) -> httpx.Request:
        host = account["base_url"].strip().rstrip("/")
        options: dict[str, Any] = {"label": LABELS[message.viber.category]}
        lifetime = message.viber.ttl if message.viber.ttl is not None else message.lifetime
        if lifetime is not None:
            seconds = min(max(lifetime, SHORTEST), LONGEST)
            options["validityPeriod"] = {"amount": seconds, "timeUnit": "SECONDS"}
        body = {
            "sender": message.sender,
            "destinations": [{"to": message.recipient, "messageId": message.message_uuid}],
            "content": _content(message),
            "options": options,
            "webhooks": _webhooks(message, account),
        }
        return httpx.Request(
            "POST",
            # Infobip's pages show the account's host without a scheme.
            f"{host if '://' in host else f'https://{host}'}/viber/2/messages",
            headers={"Authorization": f"App {secret(account, 'api_key')}", "Accept": "application/json"},
            json={"messages": [body]},
        )

    def accepted(self, reply: httpx.Response) -> str:
        sent = next(iter(objects(answer(reply).get("messages"))), {})
        if _group(sent) in GROUP_ERRORS and not _is_duplicate(sent):
            kind, code, provider_code = _failure(sent)
            raise kind(code, provider_code)
        message_id = text(sent.get("messageId"))
        if not message_id:
            raise Unanswered(1331, "no message id")
        return message_id

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        body = answer(reply)
        older = mapping(mapping(body.get("requestError")).get("serviceException"))
        return by_http_status(reply, text(body.get("errorCode")) or text(older.get("messageId")))

    def verify(self, hook: Hook, account: Account) -> None:
        given = hook.query.get("token", "").encode(errors="replace")
        if not hmac.compare_digest(given, secret(account, "callback_token").encode()):
            raise BadSignature("token")

    def events(self, hook: Hook) -> list[Event]:
        """Delivery reports, seen reports and messages come alike; their members tell them apart."""
        found: list[Event | None] = []
        for raw in objects(json_object(hook).get("results")):
            if "message" in raw:
                found.append(_inbound(raw, hook))
            elif "seenAt" in raw:
                found.append(_receipt(raw, Status.READ, "seenAt"))
            elif "status" in raw:
                found.append(_report(raw))
        return [event for event in found if event]


def _content(message: Message) -> dict[str, Any]:
    content = message.content
    match content:
        case Text():
            return {"type": "TEXT", "text": content.text}
        case Image():
            caption = {"text": content.caption} if content.caption else {}
            return {"type": "IMAGE", "mediaUrl": content.url, **caption}
        case File():
            name = PurePosixPath(unquote(urlsplit(content.url).path)).name
            return {"type": "FILE", "mediaUrl": content.url, "fileName": name or "file"}
        case Template():
            return {
                "type": "OTP_TEMPLATE",
                "templateId": content.name,
                "parameters": {str(n): value for n, value in enumerate(content.parameters, 1)},
                "language": message.whatsapp.locale or "en",
            }
        case Custom():
            return content.custom
        case Audio() | Video() | Vcard() | Location():
            # A video would need a length and a thumbnail, which our API does not ask for.
            raise Rejected(1140)
        case _:
            assert_never(content)


def _webhooks(message: Message, account: Account) -> dict[str, Any]:
    webhooks: dict[str, Any] = {"callbackData": message.message_uuid, "contentType": "application/json"}
    if ours := account.get("callback_url").rstrip("/"):
        token = urlencode({"token": secret(account, "callback_token")})
        url = f"{ours}/status/infobip/{quote(account.account_id, safe='')}?{token}"
        webhooks |= {"delivery": {"url": url}, "seen": {"url": url}}
    return webhooks


def _group(raw: Mapping[str, Any]) -> int | None:
    return integer(mapping(raw.get("status")).get("groupId"))


def _is_duplicate(raw: Mapping[str, Any]) -> bool:
    by_id = _group(raw) == REJECTED and mapping(raw.get("status")).get("id") == DUPLICATE_ID
    return by_id or mapping(raw.get("error")).get("name") == DUPLICATE_ERROR


def _failure(raw: Mapping[str, Any]) -> tuple[ErrorClass, int, str]:
    """Error class, our code and the provider's for a status of a failure group: the closest that we know."""
    status, error = mapping(raw.get("status")), mapping(raw.get("error"))
    status_id, name = integer(status.get("id")), text(error.get("name"))
    known = ERRORS.get(name)
    if known is None and status_id is not None and _group(raw) == REJECTED:
        known = REJECTIONS.get(status_id)
    if known is None:
        known = GROUP_ERRORS[_group(raw) or REJECTED]
    has_error = name and error.get("id") != 0  # 0 is NO_ERROR
    return *known, name if has_error else text(status.get("name")) or text(status_id)


def _report(raw: dict[str, Any]) -> Receipt:
    group = _group(raw)
    if group in GROUP_ERRORS and not _is_duplicate(raw):
        kind, code, provider_code = _failure(raw)
        return _receipt(raw, final_status(kind), "doneAt", failure=Failure(code, provider_code))
    if group in GROUP_ERRORS or (group == DELIVERED and mapping(raw["status"]).get("id") == TO_OPERATOR):
        return _receipt(raw, Status.SUBMITTED, "doneAt")
    status = None if group is None else STATUSES.get(group)
    return _receipt(raw, status, "doneAt", usage=_usage(raw) if status is Status.DELIVERED else None)


def _receipt(
    raw: dict[str, Any],
    status: Status | None,
    when: str,
    usage: Usage | None = None,
    failure: Failure | None = None,
) -> Receipt:
    return Receipt(
        status=status,
        raw=raw,
        message_uuid=own_uuid(raw.get("callbackData")) or own_uuid(raw.get("messageId")),
        provider_id=text(raw.get("messageId")) or None,
        at=iso_moment(raw.get(when)) or iso_moment(raw.get("sentAt")),
        usage=usage,
        failure=failure,
    )


def _usage(raw: Mapping[str, Any]) -> Usage | None:
    price = mapping(raw.get("price"))
    value, currency = amount(price.get("pricePerMessage")), text(price.get("currency"))
    return Usage(value, currency) if value is not None and currency else None


def _inbound(raw: dict[str, Any], hook: Hook) -> Inbound | None:
    sender, recipient = phone(raw.get("sender")), text(raw.get("to"))
    at = iso_moment(raw.get("receivedAt")) or hook.received_at
    message_id = text(raw.get("messageId"))
    if not (sender and recipient and at and message_id):
        return None
    return Inbound(
        channel=Channel.VIBER,
        provider_id=message_id,
        sender=sender,
        recipient=recipient,
        at=at,
        content=_inbound_content(mapping(raw.get("message"))),
        raw=raw,
    )


def _inbound_content(message: Mapping[str, Any]) -> InboundContent:
    kind = text(message.get("type"))
    if kind == "TEXT":
        return said(message.get("text"))
    return shown(MEDIA.get(kind), text(message.get("url")), message.get("text"))
