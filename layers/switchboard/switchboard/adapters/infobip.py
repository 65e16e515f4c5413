"""SMS, WhatsApp and Viber Business Messages through Infobip: https://www.infobip.com/docs/api

Settings of the account: `base_url` (each account has its own), `api_key`, `callback_token`. Infobip does
not sign its callbacks by default, so the token goes into our callback addresses and comes back in them: those
that are set up with Infobip end in ?token=<callback_token>.

The key needs the scopes to send (`message:send`), for WhatsApp's templates and checks `whatsapp:manage`, and
for checks of the others `account-management:manage`.

A message that answers another one goes out without it: Infobip's WhatsApp has no quotes, and no reactions.

Custom content of Viber is a `content` ({"type": "LIST", ...}). Custom content of WhatsApp is the kind of
message, as it ends the address that it is sent to, with its `content`:
{"interactive/buttons": {"body": {"text": ...}, "action": {"buttons": [...]}}}.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from switchboard.adapters import _http, _infobip, _infobip_templates, _infobip_viber, _infobip_whatsapp
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
    text,
)
from switchboard.adapters.base import Account, Adapter, Known, Verification, by_http_status
from switchboard.adapters.templates import KeepsTemplates, Template
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
from switchboard.models.messages import Channel, InboundContent, Message, Status, Text

if TYPE_CHECKING:
    import httpx

# https://www.infobip.com/docs/essentials/api-essentials/response-status-and-error-codes
# status.groupId. Failures (2, 4, 5) are told apart by the tables below.
ACCEPTED, PENDING, UNDELIVERABLE, DELIVERED, EXPIRED, REJECTED = range(6)
STATUSES = {ACCEPTED: Status.SUBMITTED, PENDING: Status.SUBMITTED, DELIVERED: Status.DELIVERED}
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
# Our messageId was sent before, which is success: status.id within REJECTED, and error.name.
DUPLICATE_ID = 23
DUPLICATE_ERRORS = frozenset({"EC_DUPLICATE_REQUEST", "EC_DUPLICATE_MESSAGE"})
# error.name: the general ones, those of chat channels, and Viber's as partners pass them on.
ERRORS: dict[str, tuple[ErrorClass, int]] = {
    "EC_UNKNOWN_SUBSCRIBER": (Unreachable, 1190),
    "EC_ILLEGAL_SUBSCRIBER": (Rejected, 1280),
    "EC_ABSENT_SUBSCRIBER": (Unreachable, 1180),
    "EC_ABSENT_SUBSCRIBER_SM": (Unreachable, 1180),
    "EC_INVALID_DESTINATION_ADDRESS": (Unreachable, 1170),
    "EC_DEACTIVATED_LIST": (Unreachable, 1190),
    "EC_TIME_OUT": (Unavailable, 1230),
    "EC_CONTENT_BLOCKED": (Rejected, 1240),  # the person wrote STOP
    "EC_DEST_ADDRESS_BLACKLISTED": (Rejected, 1240),  # a do-not-disturb register
    "EC_BLACKLISTED_DESTINATIONADDRESS": (Rejected, 1050),
    "EC_REJECTED_SPAM_BY_OPERATOR": (Rejected, 1210),
    "EC_BLACKLISTED_SENDERADDRESS": (ConfigurationError, 1120),
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

SMS_LIFE = 1, 172_800  # seconds: the shortest and the longest
INTEGRATIONS = {"VIBER": Channel.VIBER, "WHATSAPP": Channel.WHATSAPP}
"""Channels by the `integrationType` of what people write. An SMS has none."""


class Infobip(Adapter, KeepsTemplates):
    name = "infobip"
    channels = frozenset({Channel.SMS, Channel.WHATSAPP, Channel.VIBER})
    secrets = ("api_key", "callback_token")
    deduplicates = True
    quotable = frozenset({Channel.WHATSAPP})

    # --- sending ---------------------------------------------------------------------------------

    def request(self, message: Message, account: Account) -> httpx.Request:
        match message.channel:
            case Channel.WHATSAPP:
                return _infobip_whatsapp.send(message, account)
            case Channel.SMS:
                return _sms(message, account)
        return _viber(message, account)

    def accepted(self, reply: httpx.Response) -> str:
        """The answer is about a list of messages, or is itself about the only one."""
        body = answer(reply)
        sent = next(iter(objects(body.get("messages"))), body)
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

    def read(self, message: Known, account: Account, *, typing: bool) -> httpx.Request | None:
        return _infobip_whatsapp.read(message, account) if message.channel is Channel.WHATSAPP else None

    # --- callbacks -------------------------------------------------------------------------------

    def verify(self, hook: Hook, account: Account) -> None:
        given = hook.query.get("token", "").encode(errors="replace")
        if not hmac.compare_digest(given, secret(account, "callback_token").encode()):
            raise BadSignature("token")

    def events(self, hook: Hook) -> list[Event]:
        """Delivery reports, seen reports and messages come alike; their members tell them apart."""
        payload = json_object(hook)
        if "messageTemplateName" in payload:
            return [*_infobip_templates.news(payload)]
        found: list[Event | None] = []
        for raw in objects(payload.get("results")):
            if "message" in raw:
                found.append(_inbound(raw, hook))
            elif "seenAt" in raw:
                found.append(_receipt(raw, Status.READ, "seenAt"))
            elif "status" in raw:
                found.append(_report(raw))
            elif "text" in raw:  # an SMS
                found.append(_inbound(raw, hook))
        return [event for event in found if event]

    def download(self, media: str, account: Account, client: httpx.Client) -> httpx.Request:
        """WhatsApp's media is behind our key, which nobody else must see."""
        headers = _infobip.authorization(account) if _infobip.is_own(account, media) else {}
        return _http.request("GET", media, headers=headers)

    # --- access ----------------------------------------------------------------------------------

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request:
        """Only WhatsApp's senders can be asked for; for others the key is tried."""
        if channel is Channel.WHATSAPP:
            return _infobip_whatsapp.check(account, sender)
        return _infobip.call(account, "GET", "account/1/balance")

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        if channel is Channel.WHATSAPP:
            return _infobip_whatsapp.checked(reply, sender)
        if not text(answer(reply).get("currency")):
            raise Unanswered(1331, "no balance")
        return Verification("verified")

    # --- templates -------------------------------------------------------------------------------

    def list_templates(
        self, account: Account, sender: str, name: str | None, after: str | None
    ) -> httpx.Request:
        return _infobip_templates.list_templates(account, sender, name)

    def listed_templates(self, reply: httpx.Response) -> tuple[list[Template], str | None]:
        return _infobip_templates.listed_templates(reply), None

    def create_template(self, account: Account, sender: str, definition: Mapping[str, Any]) -> httpx.Request:
        return _infobip_templates.create_template(account, sender, definition)

    def created_template(self, reply: httpx.Response, definition: Mapping[str, Any]) -> Template:
        return _infobip_templates.created_template(reply, definition)

    def delete_template(
        self, account: Account, sender: str, name: str, template_id: str | None
    ) -> httpx.Request:
        return _infobip_templates.delete_template(account, sender, name, template_id)


# --- sending ---------------------------------------------------------------------------------------


def _sms(message: Message, account: Account) -> httpx.Request:
    if not isinstance(message.content, Text):
        raise Rejected(1140)
    content = {"text": message.content.text}
    if message.sms.encoding == "text":
        content["transliteration"] = "NON_UNICODE"
    options = _validity(message.lifetime, SMS_LIFE) | _register(message)
    return _infobip.call(
        account, "POST", "sms/3/messages", body=_envelope(message, account, content, options, "delivery")
    )


def _register(message: Message) -> dict[str, Any]:
    """What India's register calls the text and its sender."""
    named = {"contentTemplateId": message.sms.content_id, "principalEntityId": message.sms.entity_id}
    found = {name: value for name, value in named.items() if value}
    return {"regional": {"indiaDlt": found}} if found else {}


def _viber(message: Message, account: Account) -> httpx.Request:
    content = _infobip_viber.content(message)
    validity = _validity(_infobip_viber.lifetime(message), _infobip_viber.LIFE)
    options = {"label": _infobip_viber.LABELS[message.viber.category], **validity}
    body = _envelope(message, account, content, options, "delivery", "seen")
    return _infobip.call(account, "POST", "viber/2/messages", body=body)


def _envelope(
    message: Message, account: Account, content: dict[str, Any], options: dict[str, Any], *reports: str
) -> dict[str, Any]:
    url = _infobip.callback(account)
    echo: dict[str, Any] = {"callbackData": message.message_uuid, "contentType": "application/json"}
    body: dict[str, Any] = {
        "sender": message.sender,
        "destinations": [{"to": message.recipient, "messageId": message.message_uuid}],
        "content": content,
        "webhooks": echo | ({report: {"url": url} for report in reports} if url else {}),
        **({"options": options} if options else {}),
    }
    return {"messages": [body]}


def _validity(seconds: int | None, life: tuple[int, int]) -> dict[str, Any]:
    if seconds is None:
        return {}
    shortest, longest = life
    return {"validityPeriod": {"amount": min(max(seconds, shortest), longest), "timeUnit": "SECONDS"}}


# --- reports and messages --------------------------------------------------------------------------


def _group(raw: Mapping[str, Any]) -> int | None:
    return integer(mapping(raw.get("status")).get("groupId"))


def _is_duplicate(raw: Mapping[str, Any]) -> bool:
    by_id = _group(raw) == REJECTED and mapping(raw.get("status")).get("id") == DUPLICATE_ID
    return by_id or text(mapping(raw.get("error")).get("name")) in DUPLICATE_ERRORS


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
    """The price is of one of the parts that a long SMS went out in."""
    price = mapping(raw.get("price"))
    value, currency = amount(price.get("pricePerMessage")), text(price.get("currency"))
    if value is None or not currency:
        return None
    parts = integer(raw.get("messageCount")) or 1
    return Usage(value * Decimal(max(parts, 1)), currency)


def _inbound(raw: dict[str, Any], hook: Hook) -> Inbound | None:
    channel = _channel(raw)
    by_viber, by_whatsapp = channel is Channel.VIBER, channel is Channel.WHATSAPP
    sender = phone(raw.get("sender" if by_viber else "from"))
    # Somebody with a user name may show no number.
    sender = sender or text(mapping(raw.get("contact")).get("userId"))
    recipient = text(raw.get("to")) if by_viber else phone(raw.get("to"))
    at = iso_moment(raw.get("receivedAt")) or hook.received_at
    message_id = text(raw.get("messageId"))
    if not (channel and sender and recipient and at and message_id):
        return None
    return Inbound(
        channel=channel,
        provider_id=message_id,
        sender=sender,
        recipient=recipient,
        at=at,
        content=_inbound_content(channel, raw),
        raw=raw,
        profile=text(mapping(raw.get("contact")).get("name")) or None,
        quotes=_infobip_whatsapp.quoted(mapping(raw.get("message"))) if by_whatsapp else None,
    )


def _channel(raw: Mapping[str, Any]) -> Channel | None:
    """None for one that we do not carry."""
    if "message" not in raw:
        return Channel.SMS
    integration = text(raw.get("integrationType"))
    return INTEGRATIONS.get(integration or ("VIBER" if "sender" in raw else "WHATSAPP"))


def _inbound_content(channel: Channel, raw: Mapping[str, Any]) -> InboundContent:
    match channel:
        case Channel.SMS:
            return said(raw.get("text"))
        case Channel.WHATSAPP:
            return _infobip_whatsapp.inbound_content(mapping(raw.get("message")))
    return _infobip_viber.inbound_content(mapping(raw.get("message")))
