"""Twilio's Programmable Messaging: https://www.twilio.com/docs/messaging/api/message-resource

Settings of the account: `account_sid`, `auth_token` (Twilio signs its callbacks with it) and, where wanted:

api_key, api_secret     an API key's SID ("SK...") and secret, to log in with instead of the auth token
shared_key              the secret of the SharedKey that callbacks are signed with instead of the auth token
self_managed_opt_outs   true if Twilio's own answers to STOP are switched off

A sender is a phone number, short code or name, a Facebook page's id, an RCS sender's id, or the SID of a
Messaging Service ("MG..."). RCS goes to people's phones by RCS alone: what comes instead is a dispatch's
affair. A person's answer by RCS is for the service's SID, where its sender is in one.

What people write is to be posted (HTTP POST) to .../inbound/twilio/<account>.

A template's name is its content SID ("HX..."); its parameters are the variables 1, 2, ... Custom content is
further parameters of the request: {"ContentSid": "HX...", "ContentVariables": {"name": "Jane"}}, or
{"Body": "...", "PersistentAction": ["..."]}; objects are written as JSON. There is no parameter for a tag of
Messenger's.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, assert_never
from urllib.parse import parse_qsl, quote, urlencode

from switchboard.adapters import _http
from switchboard.adapters._reading import (
    ErrorClass,
    answer,
    final_status,
    mapping,
    objects,
    own_uuid,
    phone,
    place,
    said,
    secret,
    shown,
    text,
)
from switchboard.adapters.base import Account, Adapter, Verification, by_http_status, retry_after
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
    Part,
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

# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
STATUSES = {
    "accepted": Status.SUBMITTED,
    "scheduled": Status.SUBMITTED,
    "queued": Status.SUBMITTED,
    "sending": Status.SUBMITTED,
    "sent": Status.SUBMITTED,  # a carrier has it; may be the last word
    "delivered": Status.DELIVERED,
    "partially_delivered": Status.DELIVERED,
    "read": Status.READ,
}
RECEIVED = frozenset({"receiving", "received"})  # what people write
# Where no error code says more.
FAILURES: dict[str, tuple[ErrorClass, int]] = {
    "undelivered": (Unreachable, 1260),
    "failed": (Rejected, 1330),
    "canceled": (Rejected, 1330),
}
# https://www.twilio.com/docs/api/errors
ERRORS: dict[int, tuple[ErrorClass, int]] = {
    21214: (Unreachable, 1260),
    21612: (Unreachable, 1250),
    21614: (Unreachable, 1170),  # no mobile number
    30003: (Unreachable, 1180),
    30005: (Unreachable, 1190),
    30006: (Unreachable, 1250),  # landline
    30008: (Unreachable, 1330),
    30011: (Unreachable, 1310),  # takes no MMS
    30036: (Unreachable, 1360),
    30410: (Unreachable, 1230),
    63003: (Unreachable, 1300),
    63024: (Unreachable, 1300),
    63032: (Unreachable, 1260),
    63036: (Unreachable, 1310),  # takes no RCS
    21211: (Rejected, 1170),
    21217: (Rejected, 1170),
    21602: (Rejected, 1010),
    21604: (Rejected, 1170),
    21610: (Rejected, 1240),
    21617: (Rejected, 1090),
    21620: (Rejected, 1380),
    21623: (Rejected, 1380),
    21655: (Rejected, 1022),
    21656: (Rejected, 1022),
    30004: (Rejected, 1280),
    30007: (Rejected, 1210),
    30010: (Rejected, 1140),  # above MaxPrice
    30012: (Rejected, 1130),
    30013: (Rejected, 1130),
    30014: (Rejected, 1040),
    30015: (Rejected, 1040),
    30016: (Rejected, 1040),
    30019: (Rejected, 1381),
    30450: (Rejected, 1210),
    63005: (Rejected, 1040),
    63006: (Rejected, 1040),
    63013: (Rejected, 1210),
    63014: (Rejected, 1240),
    63016: (Rejected, 1340),
    63019: (Rejected, 1380),
    63021: (Rejected, 1040),
    63026: (Rejected, 1020),
    63027: (Rejected, 1022),
    63028: (Rejected, 1022),
    63029: (Rejected, 1022),
    63030: (Rejected, 1020),
    63031: (Rejected, 1170),  # to itself
    63033: (Rejected, 1240),
    63034: (Rejected, 1380),
    **dict.fromkeys((63040, 63041, 63042), (Rejected, 1022)),
    **dict.fromkeys((14107, 20429, 21611, 30001, 30022, 63017, 63018), (Throttled, 1000)),
    **dict.fromkeys((20500, 20503, 63009, 63010, 63012, 63037, 63119), (Unavailable, 1331)),
    30017: (Unavailable, 1230),
    **dict.fromkeys((20003, 63001), (ConfigurationError, 1370)),
    21609: (ConfigurationError, 1020),  # our own address is not one
    **dict.fromkeys((21608, 63015), (ConfigurationError, 1160)),
    **dict.fromkeys((30023, 30027, 63038), (ConfigurationError, 1070)),
    **dict.fromkeys(
        (20005, 21408, 30002, 30033, 63008, 63020, 63051),
        (ConfigurationError, 1140),
    ),
    **dict.fromkeys(
        (
            *(21212, 21601, 21603, 21606, 21703, 21704, 21705, 21910, 30018, 30024, 30032, 30034, 30035),
            *(63002, 63007, 63035),
        ),
        (ConfigurationError, 1120),
    ),
}

PREFIXES = {"whatsapp": Channel.WHATSAPP, "messenger": Channel.MESSENGER, "rcs": Channel.RCS}
"""Channels by what stands before their addresses. SMS and MMS have nothing there."""
BY_PHONE = frozenset({Channel.SMS, Channel.MMS, Channel.WHATSAPP})
"""Channels whose senders are phone numbers."""
ADDRESSING = frozenset({"To", "From", "MessagingServiceSid", "StatusCallback"})
"""Parameters that are ours to set, whatever custom content says."""
KINDS = {"image": "image", "audio": "audio", "video": "video"}
VCARDS = frozenset({"text/vcard", "text/x-vcard"})

# https://www.twilio.com/docs/usage/webhooks/webhooks-security
SIGNATURE, SETTINGS = "x-twilio-signature", "x-twilio-webhooks-signature-settings"
HASHES = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}

BASE_URL = "https://api.twilio.com"
LONGEST_BODY = 1600
SHORT_CODE = 6  # digits: a longer number is written with "+"
LIFE = 1, 36_000  # seconds: the shortest and the longest

_SERVICE = re.compile("MG[0-9a-f]{32}")


class Twilio(Adapter):
    name = "twilio"
    channels = frozenset({Channel.SMS, Channel.MMS, Channel.WHATSAPP, Channel.RCS, Channel.MESSENGER})
    secrets = ("auth_token", "api_secret", "shared_key")
    longest_text: ClassVar[Mapping[Channel, int]] = {Channel.SMS: LONGEST_BODY}
    answers_stop = frozenset({Channel.SMS})
    thanks = "<Response/>"

    # --- sending ---------------------------------------------------------------------------------

    def request(self, message: Message, account: Account) -> httpx.Request:
        form = {
            **_content(message),
            **_options(message),
            "To": _address(message.channel, _with_plus(message.channel, message.recipient)),
            **_sender(message),
        }
        if url := _status_url(message, account):
            form["StatusCallback"] = url
        if message.lifetime is not None:
            shortest, longest = LIFE
            form["ValidityPeriod"] = min(max(message.lifetime, shortest), longest)
        url = _url(account, "Messages.json")
        return _http.request("POST", url, headers=_access(account), data=form)

    def accepted(self, reply: httpx.Response) -> str:
        body = answer(reply)
        word, code = text(body.get("status")), text(body.get("error_code"))
        if word in FAILURES:
            kind, ours = _failure(word, code)
            raise kind(ours, code or word)
        sid = text(body.get("sid"))
        if not sid:
            raise Unanswered(1331, "no message SID")
        return sid

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        code = text(answer(reply).get("code"))
        known = _known(code)
        if known is None:
            return by_http_status(reply, code)
        kind, ours = known
        return kind(ours, code, retry_after(reply))

    # --- callbacks -------------------------------------------------------------------------------

    def verify(self, hook: Hook, account: Account) -> None:
        """Twilio signs the address that it calls and the parameters of the form. Of any other body it puts
        the hash into the address."""
        key, algorithm = _key(hook, account)
        hashed = _query(hook).get("bodySHA256")
        if hashed is None:
            signed = "".join(name + value for name, value in sorted(set(_pairs(hook))))
        else:
            signed, found = "", hashlib.sha256(hook.body).hexdigest()
            if not hmac.compare_digest(hashed.encode(errors="replace"), found.encode()):
                raise BadSignature("bodySHA256")
        given = hook.headers.get(SIGNATURE, "").encode(errors="replace")
        fits = [
            hmac.compare_digest(given, b64encode(hmac.new(key, _bytes(url + signed), algorithm).digest()))
            for url in _called(hook, account)
        ]
        if not any(fits):
            raise BadSignature(SIGNATURE)

    def events(self, hook: Hook) -> list[Event]:
        fields = dict(_pairs(hook))
        word = fields.get("MessageStatus") or fields.get("SmsStatus", "")
        if word in RECEIVED:
            return [*_inbound(fields, hook)]
        return [_receipt(fields, word, hook)] if word else []

    # --- media -----------------------------------------------------------------------------------

    def download(self, media: str, account: Account, client: httpx.Client) -> httpx.Request:
        ours = account.base_url(BASE_URL)
        for host in (BASE_URL, ours):
            if media.startswith(f"{host}/"):
                return _http.request("GET", ours + media.removeprefix(host), headers=_access(account))
        return _http.request("GET", media)  # somebody else's host, which must not see our key

    # --- access ----------------------------------------------------------------------------------

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request:
        """The account's numbers, which an API key may see too; of other senders only the key is tried."""
        number = {"PhoneNumber": f"+{sender}"} if _is_number(channel, sender) else {}
        url = _url(account, "IncomingPhoneNumbers.json")
        return _http.request("GET", url, params={**number, "PageSize": "1"}, headers=_access(account))

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        numbers = answer(reply).get("incoming_phone_numbers")
        if not isinstance(numbers, list):
            raise Unanswered(1331, "no list of numbers")
        if not _is_number(channel, sender):
            return Verification("verified", "only the account was checked: Twilio lists its numbers alone")
        for number in objects(numbers):
            if phone(number.get("phone_number")) == sender:
                if mapping(number.get("capabilities")).get(channel.value) is True:
                    return Verification("verified")
                return Verification("failed", f"the number carries no {channel.value.upper()}")
        return Verification("failed", "the account has no such number")


def _url(account: Account, path: str) -> str:
    sid = quote(account["account_sid"].strip(), safe="")
    return f"{account.base_url(BASE_URL)}/2010-04-01/Accounts/{sid}/{path}"


def _access(account: Account) -> dict[str, str]:
    user, name = account.get("api_key").strip(), "api_secret"
    if not user:
        user, name = account["account_sid"].strip(), "auth_token"
    pair = b64encode(f"{user}:{secret(account, name)}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


# --- what goes out ---------------------------------------------------------------------------------


def _sender(message: Message) -> dict[str, str]:
    for service in (message.sms.pool_id, message.sender):
        if service and _SERVICE.fullmatch(service):
            return {"MessagingServiceSid": service}
    sender = message.sender
    if message.channel in BY_PHONE:
        sender = _with_plus(message.channel, sender)
    return {"From": _address(message.channel, sender)}


def _with_plus(channel: Channel, address: str) -> str:
    """A phone number with "+"; ids, names and short codes as they are."""
    is_number = channel is not Channel.MESSENGER and address.isdecimal() and len(address) > SHORT_CODE
    return f"+{address}" if is_number else address


def _address(channel: Channel, address: str) -> str:
    prefix = next((prefix for prefix, known in PREFIXES.items() if known is channel), "")
    return f"{prefix}:{address}" if prefix else address


def _is_number(channel: Channel, sender: str) -> bool:
    """One of those that Twilio lists: no short code, and none of WhatsApp's."""
    return channel in (Channel.SMS, Channel.MMS) and _with_plus(channel, sender) != sender


def _status_url(message: Message, account: Account) -> str:
    """Where news of a message is to go, with what tells whose it is; empty without a public address of
    ours."""
    ours = account.get("callback_url").rstrip("/")
    query = {"message_uuid": message.message_uuid}
    if message.part:
        query |= {"part": str(message.part.number), "parts": str(message.part.of)}
    return ours and f"{ours}/status/twilio/{quote(account.account_id, safe='')}?{urlencode(query)}"


def _options(message: Message) -> dict[str, str]:
    if message.channel is Channel.SMS and message.sms.encoding == "text":
        return {"SmartEncoded": "true"}
    # Words alone would go out as an SMS.
    is_text = message.channel is Channel.MMS and isinstance(message.content, Text)
    return {"SendAsMms": "true"} if is_text else {}


def _content(message: Message) -> dict[str, Any]:
    """The request's parameters beside the addressing."""
    content = message.content
    if message.suggestions:
        raise Rejected(1140)  # in content templates only, as RCS's cards
    match content:
        case Text():
            return {"Body": content.text}
        case Image() | Audio() | Video() | File() | Vcard():
            if message.channel is Channel.SMS:
                raise Rejected(1140)
            caption = {"Body": content.caption} if content.caption else {}
            return {"MediaUrl": content.url, **caption}
        case Location():
            if message.channel is not Channel.WHATSAPP:
                raise Rejected(1140)  # RCS has it in content templates only
            spot = f"{content.latitude:.6f},{content.longitude:.6f}"
            name = content.name or content.address or spot  # a body there must be
            label = content.address or content.name
            return {"Body": name, "PersistentAction": f"geo:{spot}|{label}" if label else f"geo:{spot}"}
        case Template():
            values = {str(number): value for number, value in enumerate(content.parameters, 1)}
            return {"ContentSid": content.name} | ({"ContentVariables": _written(values)} if values else {})
        case Custom():
            return {
                name: [_written(item) for item in value] if isinstance(value, list) else _written(value)
                for name, value in content.custom.items()
                if name not in ADDRESSING and value is not None
            }
        case Several():
            captions = [item.caption for item in content.items if item.caption]
            words = {"Body": "\n".join(captions)} if captions else {}
            return {"MediaUrl": [item.url for item in content.items], **words}
        case Sticker() if content.url:
            return {"MediaUrl": content.url}
        case Sticker() | Reaction() | Card() | Carousel():
            raise Rejected(1140)
        case _:
            assert_never(content)


def _written(value: object) -> object:
    """A form's parameter: objects and lists as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


# --- signatures ------------------------------------------------------------------------------------


def _key(hook: Hook, account: Account) -> tuple[bytes, str]:
    """What a callback was signed with, and by which hash: the auth token or, where a header says so, a
    SharedKey."""
    settings = {}
    for setting in hook.headers.get(SETTINGS, "").split(","):
        name, _, value = setting.partition("=")
        settings[name.strip()] = value.strip()
    named = settings.get("algorithm")
    if not named:
        return secret(account, "auth_token").encode(), HASHES["HMAC_SHA1"]
    algorithm, key = HASHES.get(named.upper()), account.get("shared_key").strip()
    if not (algorithm and key):
        raise BadSignature(SETTINGS if key else "signed with a SharedKey, but the account has none")
    return key.encode(), algorithm


def _called(hook: Hook, account: Account) -> set[str]:
    """The address that Twilio called, in all ways that it is known to write it: with and without its port."""
    scheme, separator, rest = account["callback_url"].rstrip("/").partition("://")
    host, slash, path = rest.partition("/")
    bare = re.sub(r":\d*$", "", host)
    with_port = host if bare != host else f"{host}:{80 if scheme == 'http' else 443}"
    return {f"{scheme}{separator}{name}{slash}{path}{hook.target}" for name in (host, bare, with_port)}


def _bytes(words: str) -> bytes:
    return words.encode(errors="surrogatepass")


def _pairs(hook: Hook) -> list[tuple[str, str]]:
    return parse_qsl(hook.body.decode(errors="replace"), keep_blank_values=True)


def _query(hook: Hook) -> dict[str, str]:
    """Of the address as it was signed."""
    return dict(parse_qsl(hook.target.partition("?")[2], keep_blank_values=True))


# --- reports and messages --------------------------------------------------------------------------


def _known(code: str) -> tuple[ErrorClass, int] | None:
    return ERRORS.get(int(code)) if re.fullmatch("[0-9]{1,6}", code) else None


def _failure(word: str, code: str) -> tuple[ErrorClass, int]:
    return _known(code) or FAILURES[word]


def _receipt(fields: dict[str, str], word: str, hook: Hook) -> Receipt:
    """It carries no time but that of some carriers' own receipts, in minutes and of an unknown zone."""
    status, failure = STATUSES.get(word), None
    if word in FAILURES:
        code = fields.get("ErrorCode", "")
        kind, ours = _failure(word, code)
        status, failure = final_status(kind), Failure(ours, code or word)
    query = _query(hook)
    return Receipt(
        status=status,
        raw=fields,
        message_uuid=own_uuid(query.get("message_uuid")),
        provider_id=fields.get("MessageSid") or fields.get("SmsSid") or None,
        failure=failure,
        part=_part(query),
    )


def _part(query: Mapping[str, str]) -> Part | None:
    found = [query.get(name, "") for name in ("part", "parts")]
    if not all(re.fullmatch("[1-9][0-9]{0,2}", digits) for digits in found):
        return None
    return Part(number=int(found[0]), of=int(found[1]))


def _inbound(fields: dict[str, str], hook: Hook) -> list[Inbound]:
    """A message with several files is as many of ours. The time is ours too: there is none inside."""
    prefix, separator, sender = fields.get("From", "").rpartition(":")
    recipient = fields.get("To", "").rpartition(":")[2]
    channel = PREFIXES.get(prefix)
    if not separator:
        channel = Channel.MMS if "MediaUrl0" in fields else Channel.SMS
    if channel is Channel.RCS:
        recipient = fields.get("MessagingServiceSid") or recipient
    sender, recipient = phone(sender), phone(recipient)
    sid = fields.get("MessageSid") or fields.get("SmsSid", "")
    if not (channel and sender and recipient and sid and hook.received_at):
        return []
    return [
        Inbound(
            channel=channel,
            provider_id=sid if index == 0 else f"{sid}#{index}",
            sender=sender,
            recipient=recipient,
            at=hook.received_at,
            content=content,
            raw=fields,
        )
        for index, content in enumerate(_inbound_contents(fields))
    ]


def _inbound_contents(fields: Mapping[str, str]) -> list[InboundContent]:
    files: list[InboundContent] = []
    while url := fields.get(f"MediaUrl{len(files)}"):
        mime_type = fields.get(f"MediaContentType{len(files)}", "")
        files.append(_file(url, mime_type, None if files else fields.get("Body")))
    if files:
        return files
    if fields.get("Latitude"):
        words = {"name": fields.get("Label"), "address": fields.get("Address")}
        return [place(_number(fields["Latitude"]), _number(fields.get("Longitude", "")), **words)]
    return [said(fields.get("Body") or fields.get("ButtonText") or fields.get("ButtonPayload"))]


def _file(url: str, mime_type: str, caption: str | None) -> InboundContent:
    kind = mime_type.partition(";")[0].strip().lower()
    if kind in VCARDS:
        return Vcard(type="vcard", url=url, caption=caption or None)
    return shown(KINDS.get(kind.partition("/")[0], "file"), url, caption)


def _number(digits: str) -> float | None:
    try:
        return float(digits)
    except ValueError:
        return None
