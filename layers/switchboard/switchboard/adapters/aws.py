"""AWS End User Messaging SMS: https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2

Settings of the account, all optional: `region`, `configuration_set` (events need one), `message_type`,
and `access_key_id` with `secret_access_key` (and `session_token`), without which the function's own role
is used. The protocol is spoken directly: boto3's client is slow to import and retries on its own.
"""

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

import httpx

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
    secret,
    text,
)
from switchboard.adapters.base import Account, Adapter, MediaBy, by_http_status, retry_after
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
from switchboard.models.messages import Audio, Channel, File, Image, Message, Status, Text, Vcard, Video

logging.getLogger("botocore.auth").setLevel(logging.INFO)  # on DEBUG it writes down session tokens

SERVICE = "sms-voice"
LONGEST_BODY = 1600
SHORTEST_LIFE, LONGEST_LIFE = 5, 259_200  # seconds
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
# (exception, Reason), Reason None for any:
# https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html#API_SendTextMessage_Errors
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


class Aws(Adapter):
    name = "aws"
    channels = frozenset({Channel.SMS, Channel.MMS})
    secrets = ("secret_access_key", "session_token")
    longest_text: ClassVar[Mapping[Channel, int]] = {Channel.SMS: LONGEST_BODY}

    def media_by(self, message: Message) -> MediaBy:
        return "s3" if message.channel is Channel.MMS else "link"

    def request(self, message: Message, account: Account) -> httpx.Request:
        if message.channel is Channel.MMS:
            operation, body = "SendMediaMessage", _media_body(message)
        else:
            operation, body = "SendTextMessage", _text_body(message)
            body["MessageType"] = account.get("message_type", "TRANSACTIONAL")
        if len(body.get("MessageBody", "")) > LONGEST_BODY:
            raise Rejected(1090)
        body |= {
            "DestinationPhoneNumber": f"+{message.recipient}",
            "OriginationIdentity": _origin(message.sender),
            "Context": {"message_uuid": message.message_uuid},
        }
        if name := account.get("configuration_set"):
            body["ConfigurationSetName"] = name
        if message.lifetime is not None:
            body["TimeToLive"] = min(max(message.lifetime, SHORTEST_LIFE), LONGEST_LIFE)
        return httpx.Request(
            "POST",
            account.base_url(f"https://{SERVICE}.{_region(account)}.amazonaws.com") + "/",
            headers={
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": f"PinpointSMSVoiceV2.{operation}",
            },
            json=body,
        )

    def sign(self, request: httpx.Request, account: Account) -> None:
        """Signature version 4, by botocore."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        signed = ("Content-Type", "X-Amz-Target")
        copy = AWSRequest(
            method=request.method,
            url=str(request.url),
            data=request.content,
            headers={name: request.headers[name] for name in signed},
        )
        SigV4Auth(_credentials(account), SERVICE, _region(account)).add_auth(copy)
        request.headers.update(dict(copy.headers.items()))

    def accepted(self, reply: httpx.Response) -> str:
        message_id = text(answer(reply).get("MessageId"))
        if not message_id:
            raise Unanswered(1331, "no message id")
        return message_id

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        body = answer(reply)
        # "com.amazonaws.service#Name" and "Name:http://..." are older spellings.
        name = text(body.get("__type")).rpartition("#")[2].partition(":")[0]
        reason = text(body.get("Reason"))
        if name in CREDENTIAL_ERRORS:
            return ConfigurationError(1370, name)
        known = ERRORS.get((name, reason)) or ERRORS.get((name, None))
        if not known:
            return by_http_status(reply, reason or name)
        kind, code = known
        return kind(code, reason or name, retry_after(reply))

    def verify(self, hook: Hook, account: Account) -> None:
        """Events come through SNS to the function itself, never over HTTP."""
        if hook.source != "sns":
            raise BadSignature("not from SNS")

    def events(self, hook: Hook) -> list[Event]:
        """`hook.body` is the notification's Message: one event."""
        raw = json_object(hook)
        if "inboundMessageId" in raw:
            inbound = _inbound(raw, hook)
            return [inbound] if inbound else []
        return [_receipt(raw)] if "eventType" in raw else []


def _text_body(message: Message) -> dict[str, Any]:
    if not isinstance(message.content, Text):
        raise Rejected(1140)
    return {"MessageBody": message.content.text}


def _media_body(message: Message) -> dict[str, Any]:
    content = message.content
    if not isinstance(content, Image | Audio | Video | File | Vcard):
        raise Rejected(1140)
    if not content.url.startswith("s3://"):
        raise Rejected(1380)  # nothing else is fetched by AWS
    caption = {"MessageBody": content.caption} if content.caption and content.caption.strip() else {}
    return {"MediaUrls": [content.url], **caption}


def _origin(sender: str) -> str:
    """A phone number with "+"; short codes, sender ids, pools and ARNs as they are."""
    return f"+{sender}" if sender.isdecimal() and len(sender) > SHORT_CODE else sender


def _region(account: Account) -> str:
    return account.get("region", "us-east-1")


@cache
def _session() -> Any:
    from botocore.session import get_session

    return get_session()


def _credentials(account: Account) -> Any:
    from botocore.credentials import Credentials
    from botocore.exceptions import BotoCoreError

    if account.get("access_key_id"):
        return Credentials(
            secret(account, "access_key_id"),
            secret(account, "secret_access_key"),
            account.get("session_token").strip() or None,
        )
    try:
        credentials = _session().get_credentials()
        if credentials is None:
            raise ConfigurationError(1370, "no AWS credentials")
        return credentials.get_frozen_credentials()
    except BotoCoreError as error:  # asked for over the network, and not got: nothing was sent
        raise Unavailable(1331, type(error).__name__) from None


def _receipt(raw: dict[str, Any]) -> Receipt:
    prefix, _, word = text(raw.get("eventType")).partition("_")
    if prefix not in ("TEXT", "MEDIA"):
        word = ""
    status, failure = STATUSES.get(word), None
    if word in FAILURES:
        kind, code = FAILURES[word]
        status, failure = final_status(kind), Failure(code, word)
    return Receipt(
        status=status,
        raw=raw,
        message_uuid=own_uuid(mapping(raw.get("context")).get("message_uuid")),
        provider_id=text(raw.get("messageId")) or None,
        at=moment(raw.get("eventTimestamp"), 1000),
        usage=_usage(raw) if raw.get("isFinal") is True else None,
        failure=failure,
    )


def _usage(raw: Mapping[str, Any]) -> Usage | None:
    price, fee = amount(raw.get("totalMessagePrice")), amount(raw.get("totalCarrierFee"))
    return None if price is None else Usage(price + (fee or 0), "USD")


def _inbound(raw: dict[str, Any], hook: Hook) -> Inbound | None:
    """The time is the notification's: there is none inside."""
    sender, recipient = phone(raw.get("originationNumber")), phone(raw.get("destinationNumber"))
    message_id = text(raw.get("inboundMessageId"))
    if not (sender and recipient and message_id and hook.received_at):
        return None
    return Inbound(
        channel=Channel.SMS,
        provider_id=message_id,
        sender=sender,
        recipient=recipient,
        at=hook.received_at,
        content=said(raw.get("messageBody")),
        raw=raw,
    )
