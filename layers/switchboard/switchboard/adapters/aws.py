"""AWS End User Messaging: SMS, MMS and RCS, and WhatsApp through its Social service.

https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2
https://docs.aws.amazon.com/social-messaging/latest/APIReference/Welcome.html

Settings of the account, all optional: `region`, `configuration_set` (events need one), `message_type`,
and `access_key_id` with `secret_access_key` (and `session_token`), without which the function's own role
is used; for WhatsApp `phone_number_ids`, which maps our numbers to AWS's ids of them
(phone-number-id-...), `waba_id` (waba-...), which only templates need, and `meta_version`. The protocols
are spoken directly: boto3's clients are slow to import and retry on their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from switchboard.adapters import _aws, _aws_rcs, _aws_senders, _aws_social
from switchboard.adapters._reading import (
    ErrorClass,
    amount,
    answer,
    final_status,
    json_object,
    mapping,
    moment,
    own_uuid,
    phone,
    said,
    text,
)
from switchboard.adapters.base import (
    Account,
    Adapter,
    Known,
    MediaBy,
    Verification,
    by_http_status,
    retry_after,
)
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
from switchboard.models.messages import (
    Audio,
    Channel,
    File,
    Image,
    Message,
    Part,
    Several,
    Status,
    Text,
    Vcard,
    Video,
)

if TYPE_CHECKING:
    import httpx

LONGEST_BODY = 1600
LIFE = 5, 259_200  # seconds: the shortest and the longest
SHORT_CODE = 6  # digits: a longer number is written with "+"

# eventType without TEXT_ or MEDIA_:
# https://docs.aws.amazon.com/sms-voice/latest/userguide/configuration-sets-event-types.html
STATUSES = {
    "SENT": Status.SUBMITTED,
    "PENDING": Status.SUBMITTED,
    "QUEUED": Status.SUBMITTED,
    # The carrier has it. In countries without handset receipts nothing better ever comes.
    "SUCCESSFUL": Status.DELIVERED,
    "DELIVERED": Status.DELIVERED,
}
FAILURES: dict[str, tuple[ErrorClass, int]] = {
    "INVALID": (Rejected, 1170),
    "INVALID_MESSAGE": (Rejected, 1040),
    "BLOCKED": (Rejected, 1050),
    "CARRIER_BLOCKED": (Rejected, 1280),
    "SPAM": (Rejected, 1210),
    "PROTECT_BLOCKED": (Rejected, 1140),
    "UNREACHABLE": (Unreachable, 1260),
    "CARRIER_UNREACHABLE": (Unreachable, 1250),
    "TTL_EXPIRED": (Unreachable, 1360),
    "UNKNOWN": (Unreachable, 1330),
    "FILE_INACCESSIBLE": (Rejected, 1380),
    "FILE_TYPE_UNSUPPORTED": (Rejected, 1382),
    "FILE_SIZE_EXCEEDED": (Rejected, 1381),
}
# (exception, Reason), Reason None for any, of both services:
# https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html#API_SendTextMessage_Errors
# https://docs.aws.amazon.com/social-messaging/latest/APIReference/API_SendWhatsAppMessage.html#API_SendWhatsAppMessage_Errors
ERRORS: dict[tuple[str, str | None], tuple[ErrorClass, int]] = {
    ("ThrottlingException", None): (Throttled, 1000),
    ("InternalServerException", None): (Unavailable, 1331),
    ("ServiceQuotaExceededException", None): (ConfigurationError, 1070),
    ("ServiceQuotaExceededException", "DAILY_DESTINATION_CALL_LIMIT"): (Unreachable, 1241),
    ("AccessDeniedException", None): (ConfigurationError, 1370),
    ("AccessDeniedException", "ACCOUNT_DISABLED"): (ConfigurationError, 1140),
    ("AccessDeniedException", "INSUFFICIENT_ACCOUNT_REPUTATION"): (ConfigurationError, 1140),
    ("ResourceNotFoundException", None): (ConfigurationError, 1120),
    ("ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT"): (Rejected, 1240),
    ("ConflictException", "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE"): (Rejected, 1050),
    ("ConflictException", "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION"): (Rejected, 1140),
    ("ConflictException", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED"): (ConfigurationError, 1160),
    ("ConflictException", "NO_ORIGINATION_IDENTITIES_FOUND"): (ConfigurationError, 1120),
    ("ConflictException", "NUMBER_CAPABILITIES_MISMATCH"): (ConfigurationError, 1120),
    ("ConflictException", "MESSAGE_TYPE_MISMATCH"): (ConfigurationError, 1140),
    ("ConflictException", "RESOURCE_NOT_ACTIVE"): (ConfigurationError, 1120),
    ("ValidationException", None): (Rejected, 1020),
    ("ValidationException", "MEDIA_TYPE_NOT_SUPPORTED"): (Rejected, 1382),
    ("ValidationException", "MAXIMUM_SIZE_EXCEEDED"): (Rejected, 1381),
    ("ValidationException", "PRICE_OVER_THRESHOLD"): (Rejected, 1140),
    ("ValidationException", "COUNTRY_NOT_ENABLED"): (ConfigurationError, 1140),
    ("ValidationException", "DESTINATION_COUNTRY_BLOCKED"): (ConfigurationError, 1140),
    ("ValidationException", "INTERNATIONAL_SENDING_NOT_SUPPORTED"): (ConfigurationError, 1140),
    ("ValidationException", "CHANNEL_NOT_ENABLED"): (ConfigurationError, 1140),
    ("ValidationException", "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY"): (ConfigurationError, 1120),
    ("ValidationException", "SENDER_ID_NOT_REGISTERED"): (ConfigurationError, 1120),
    ("ValidationException", "SENDER_ID_NOT_SUPPORTED"): (ConfigurationError, 1120),
    ("ValidationException", "SENDER_ID_REQUIRES_REGISTRATION"): (ConfigurationError, 1120),
    ("InvalidParametersException", None): (Rejected, 1020),
    ("AccessDeniedByMetaException", None): (ConfigurationError, 1370),
    ("ThrottledRequestException", None): (Throttled, 1000),
    ("InternalServiceException", None): (Unavailable, 1331),
    ("DependencyException", None): (Unavailable, 1331),  # Meta
}
# Common to all AWS services, and answered with 400 or 403:
# https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/CommonErrors.html
CREDENTIAL_ERRORS = frozenset(
    {
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


class Aws(Adapter, KeepsTemplates):
    name = "aws"
    channels = frozenset({Channel.SMS, Channel.MMS, Channel.RCS, Channel.WHATSAPP})
    secrets = ("secret_access_key", "session_token")
    longest_text: ClassVar[Mapping[Channel, int]] = {Channel.SMS: LONGEST_BODY}
    answers_stop = frozenset({Channel.SMS})

    def media_by(self, message: Message) -> MediaBy:
        return "s3" if message.channel in (Channel.MMS, Channel.RCS) else "link"

    def request(self, message: Message, account: Account) -> httpx.Request:
        if message.channel is Channel.WHATSAPP:
            return _aws_social.send(message, account)
        operation, body = _operation(message, account)
        if len(body.get("MessageBody", "")) > LONGEST_BODY:
            raise Rejected(1090)
        body |= {
            "DestinationPhoneNumber": f"+{message.recipient}",
            "OriginationIdentity": message.sms.pool_id or _origin(message.sender),
            "Context": _context(message),
        }
        if name := account.get("configuration_set"):
            body["ConfigurationSetName"] = name
        if message.lifetime is not None:
            shortest, longest = _aws_rcs.LIFE if message.channel is Channel.RCS else LIFE
            body["TimeToLive"] = min(max(message.lifetime, shortest), longest)
        return _aws.operation(account, operation, body)

    def read(self, message: Known, account: Account, *, typing: bool) -> httpx.Request | None:
        if message.channel is not Channel.WHATSAPP:
            return None
        return _aws_social.read(message, account, typing=typing)

    def sign(self, request: httpx.Request, account: Account) -> None:
        _aws.sign(request, account)

    def accepted(self, reply: httpx.Response) -> str:
        """WhatsApp's receipts come under Meta's id: their echo tells what they are about."""
        body = answer(reply)
        message_id = text(body.get("MessageId")) or text(body.get("messageId"))
        if not message_id:
            raise Unanswered(1331, "no message id")
        return message_id

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        body = answer(reply)
        named = reply.headers.get("x-amzn-errortype") or text(body.get("__type"))
        # "com.amazonaws.service#Name" and "Name:http://..." are older spellings.
        name = named.partition(":")[0].rpartition("#")[2]
        reason = text(body.get("Reason"))
        if name in CREDENTIAL_ERRORS:
            return ConfigurationError(1370, name)
        known = ERRORS.get((name, reason)) or ERRORS.get((name, None))
        if not known:
            return by_http_status(reply, reason or name)
        kind, code = known
        return kind(code, reason or name, retry_after(reply))

    def verify(self, hook: Hook, account: Account) -> None:
        """Events come through SNS to the function itself. Those over HTTP become such ones in `sns`."""
        if hook.source != "sns":
            raise BadSignature("not from SNS")

    def events(self, hook: Hook) -> list[Event]:
        """`hook.body` is the notification's Message: one event, or one entry of WhatsApp's webhook."""
        raw = json_object(hook)
        if "whatsAppWebhookEntry" in raw:
            return _aws_social.events(raw, hook)
        if "inboundMessageId" in raw:
            inbound = _inbound(raw, hook)
            return [inbound] if inbound else []
        return [_receipt(raw)] if "eventType" in raw else []

    def download(self, media: str, account: Account, client: httpx.Client) -> httpx.Request:
        """RCS media is in a bucket of the account's. WhatsApp's would first have to be put into one."""
        if not media.startswith("s3://"):
            raise Rejected(1380, "not in S3")
        request = _aws.stored(account, media)
        self.sign(request, account)
        return request

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request:
        if channel is Channel.WHATSAPP:
            return _aws_social.check(account, sender)
        return _aws.operation(account, *_aws_senders.question(channel, sender))

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        if channel is Channel.WHATSAPP:
            return _aws_social.checked(reply)
        return _aws_senders.checked(answer(reply), channel, sender)

    # --- templates -----------------------------------------------------------------------------------

    def list_templates(
        self, account: Account, sender: str, name: str | None, after: str | None
    ) -> httpx.Request:
        return _aws_social.list_templates(account, name, after)

    def listed_templates(self, reply: httpx.Response) -> tuple[list[Template], str | None]:
        return _aws_social.listed_templates(reply)

    def create_template(self, account: Account, sender: str, definition: Mapping[str, Any]) -> httpx.Request:
        return _aws_social.create_template(account, definition)

    def created_template(self, reply: httpx.Response, definition: Mapping[str, Any]) -> Template:
        return _aws_social.created_template(reply, definition)

    def delete_template(
        self, account: Account, sender: str, name: str, template_id: str | None
    ) -> httpx.Request:
        return _aws_social.delete_template(account, name, template_id)


def _operation(message: Message, account: Account) -> tuple[str, dict[str, Any]]:
    """The operation, and its members beside those that all have. Rejected for what it cannot carry."""
    match message.channel:
        case Channel.RCS:
            return "SendRcsMessage", {"RcsMessageContent": _aws_rcs.content(message)}
        case Channel.MMS:
            return "SendMediaMessage", _media_body(message)
    return "SendTextMessage", {
        **_text_body(message),
        **_register(message),
        "MessageType": account.get("message_type", "TRANSACTIONAL"),
    }


def _text_body(message: Message) -> dict[str, Any]:
    if not isinstance(message.content, Text):
        raise Rejected(1140)
    return {"MessageBody": message.content.text}


def _register(message: Message) -> dict[str, Any]:
    """What India's register calls the text and its sender."""
    named = {"IN_TEMPLATE_ID": message.sms.content_id, "IN_ENTITY_ID": message.sms.entity_id}
    found = {name: value for name, value in named.items() if value}
    return {"DestinationCountryParameters": found} if found else {}


def _media_body(message: Message) -> dict[str, Any]:
    content = message.content
    if isinstance(content, Text):
        return _text_body(message)
    if isinstance(content, Several) and len(content.items) == 1:  # AWS takes no more
        (content,) = content.items
    if not isinstance(content, Image | Audio | Video | File | Vcard):
        raise Rejected(1140)
    if not content.url.startswith("s3://"):
        raise Rejected(1380)  # nothing else is fetched by AWS
    caption = {"MessageBody": content.caption} if content.caption and content.caption.strip() else {}
    return {"MediaUrls": [content.url], **caption}


def _origin(sender: str) -> str:
    """A phone number with "+"; short codes, sender ids, pools and ARNs as they are."""
    return f"+{sender}" if sender.isdecimal() and len(sender) > SHORT_CODE else sender


def _context(message: Message) -> dict[str, str]:
    """What every event about the message repeats."""
    part = {"part": str(message.part.number), "parts": str(message.part.of)} if message.part else {}
    return {"message_uuid": message.message_uuid, **part}


def _part(context: Mapping[str, Any]) -> Part | None:
    """Others may use the same names."""
    found = [text(context.get(name)) for name in ("part", "parts")]
    if not all(re.fullmatch("[1-9][0-9]{0,2}", digits) for digits in found):
        return None
    return Part(number=int(found[0]), of=int(found[1]))


def _receipt(raw: dict[str, Any]) -> Receipt:
    prefix, _, word = text(raw.get("eventType")).partition("_")
    statuses, failures = STATUSES, FAILURES
    if prefix == "RCS":
        statuses, failures = _aws_rcs.STATUSES, _aws_rcs.FAILURES
        word = _aws_rcs.word(word, text(raw.get("messageStatus")))
    elif prefix not in ("TEXT", "MEDIA"):
        word = ""
    status, failure = statuses.get(word), None
    if word in failures:
        kind, code = failures[word]
        status, failure = final_status(kind), Failure(code, word)
    # A message's price comes with its delivery; that it was read is final too, and free.
    priced = raw.get("isFinal") is True and status is not Status.READ
    context = mapping(raw.get("context"))
    return Receipt(
        status=status,
        raw=raw,
        message_uuid=own_uuid(context.get("message_uuid")),
        provider_id=text(raw.get("messageId")) or None,
        at=moment(raw.get("eventTimestamp"), 1000),
        usage=_usage(raw) if priced else None,
        failure=failure,
        part=_part(context),
    )


def _usage(raw: Mapping[str, Any]) -> Usage | None:
    price, fee = amount(raw.get("totalMessagePrice")), amount(raw.get("totalCarrierFee"))
    return None if price is None else Usage(price + (fee or 0), "USD")


def _inbound(raw: dict[str, Any], hook: Hook) -> Inbound | None:
    """The time is the notification's: there is none inside."""
    sender, recipient = phone(raw.get("originationNumber")), phone(raw.get("destinationNumber"))
    by_rcs = recipient.startswith(_aws_rcs.AGENT)
    body = raw.get("messageBody")
    content = _aws_rcs.inbound_content(body) if by_rcs else said(body)
    message_id = text(raw.get("inboundMessageId"))
    if not (sender and recipient and content and message_id and hook.received_at):
        return None
    return Inbound(
        channel=Channel.RCS if by_rcs else Channel.SMS,
        provider_id=message_id,
        sender=sender,
        recipient=recipient,
        at=hook.received_at,
        content=content,
        raw=raw,
    )
