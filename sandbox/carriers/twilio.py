"""Twilio's Programmable Messaging: https://www.twilio.com/docs/messaging/api/message-resource

What people write goes to our inbound address; news of a message to the StatusCallback that it was sent with.
Numbers that Twilio keeps for tests (+1500555000x) are answered as it answers them.
"""

import base64
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers import media
from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.handsets import Event, last4
from sandbox.carriers.network import Carrier, Message, Network, digest
from sandbox.carriers.recent import Recent
from sandbox.carriers.segments import segments

API_VERSION = "2010-04-01"
API = "https://api.twilio.com"
LONGEST_BODY, MOST_MEDIA, LONGEST_LIFE = 1600, 10, 36_000

NUMBER = "+15005550006"
"""The account's own, which a Messaging Service sends from."""
STRANGER = "0404"
"""Numbers that end so are not the account's."""
SERVICE_SENDERS = {
    "": NUMBER,
    "whatsapp": f"whatsapp:{NUMBER}",
    "messenger": "messenger:107010701070",
    "rcs": "rcs:simulated_agent",
}

# https://www.twilio.com/docs/iam/test-credentials#test-sms-messages
MAGIC_FROM = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
MAGIC_TO = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
# https://www.twilio.com/docs/api/errors
ERRORS = {
    20003: (401, "Authenticate"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20503: (503, "Service unavailable"),
    21211: (400, "Invalid 'To' Phone Number"),
    21212: (400, "Invalid 'From' Phone Number"),
    21408: (400, "Permission to send an SMS has not been enabled for the region"),
    21602: (400, "Message body is required"),
    21603: (400, "A 'From' phone number is required"),
    21604: (400, "A 'To' phone number is required"),
    21606: (400, "The 'From' phone number is not a valid, message-capable number"),
    21609: (400, "Invalid 'StatusCallback' URL"),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (429, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (400, "The 'To' phone number is not currently reachable"),
    21614: (400, "'To' number is not a valid mobile number"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21620: (400, "Invalid media URL(s)"),
    21623: (400, "Number of media files exceeds allowed limit"),
    21655: (400, "The ContentSid is invalid"),
    21656: (400, "The ContentVariables parameter is invalid"),
    21705: (400, "The Messaging Service is invalid"),
    21910: (400, "Invalid 'From' and 'To' pair"),
    30012: (400, "TTL too small"),
    30013: (400, "TTL too big"),
}

WORDS = {
    Event.ACCEPTED: "sent",
    Event.DELIVERED: "delivered",
    Event.READ: "read",
    Event.FAILED: "undelivered",
}
UNDELIVERED = {"sms": 30005, "mms": 30005, "whatsapp": 63024, "messenger": 63003, "rcs": 63036}
"""Why, by channel."""
WITHOUT_READ = frozenset({"sms", "mms"})

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}")
_ID = re.compile(r"[\w.-]+")
_SID = {kind: re.compile(f"{kind}[0-9a-f]{{32}}") for kind in ("MG", "HX")}

Form = Mapping[str, list[str]]


class TwilioError(Exception):
    """An answer that refuses."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code

    def response(self) -> Response:
        status, words = ERRORS[self.code]
        more = f"https://www.twilio.com/docs/errors/{self.code}"
        body = {"code": self.code, "message": words, "more_info": more, "status": status}
        return JSONResponse(body, status)


@dataclass(frozen=True, kw_only=True)
class TwilioMessage(Message):
    """`provider_id` is the message's SID."""

    address_from: str
    address_to: str
    """As Twilio writes them: whatsapp:+..."""
    service: str | None
    body: str
    files: int
    status_url: str | None

    @property
    def parts(self) -> int:
        return segments(self.body)[1] if self.channel == "sms" else 1


class Twilio(Carrier[TwilioMessage]):
    provider: ClassVar[str] = "twilio"
    channels = ("sms", "mms", "whatsapp", "messenger", "rcs")
    reports = (Event.ACCEPTED, Event.DELIVERED, Event.READ, Event.FAILED)
    scrambled_reports = (Event.READ, Event.DELIVERED, Event.ACCEPTED)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        self._account = _account(config.credentials)
        self._taken: Recent[str, TwilioMessage] = Recent()
        self._words: Recent[str, str] = Recent()

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        return {"base_url": f"{carriers}/twilio", "callback_url": api, **_account(credentials)}

    def routes(self) -> list[Route]:
        return [
            self._route("GET", ".json", self.fetch_account),
            self._route("GET", "/IncomingPhoneNumbers.json", self.numbers),
            self._route("POST", "/Messages.json", self.create),
            self._route("GET", "/Messages/{message}.json", self.fetch),
            self._route("GET", "/Messages/{message}/Media/{media}", self.media),
        ]

    def _route(self, method: str, path: str, handle: Callable[[Request], Awaitable[Response]]) -> Route:
        async def guarded(request: Request) -> Response:
            try:
                self._authorise(request)
                return await handle(request)
            except TwilioError as error:
                return error.response()

        return Route(f"/twilio/{API_VERSION}/Accounts/{{account}}{path}", guarded, methods=[method])

    def _authorise(self, request: Request) -> None:
        """Either the account with its token, or an API key with its secret."""
        given = request.headers.get("authorization", "").encode()
        logins = (("account_sid", "auth_token"), ("api_key", "api_secret"))
        known = [":".join(self._account[name] for name in login).encode() for login in logins]
        if not any(hmac.compare_digest(given, b"Basic " + base64.b64encode(pair)) for pair in known):
            raise TwilioError(20003)
        if request.path_params["account"] != self._account["account_sid"]:
            raise TwilioError(20404)

    # --- requests --------------------------------------------------------------------------------

    async def create(self, request: Request) -> Response:
        """POST /twilio/2010-04-01/Accounts/{account}/Messages.json: a form."""
        body = await request.body()
        form: Form = {}
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            form = parse_qs(body.decode(errors="replace"))
        return await self._network.exchange(self, [_read(form, digest(body))])

    async def fetch(self, request: Request) -> Response:
        """GET .../Messages/{message}.json: with its price, once it is sent."""
        message = self._taken.get(request.path_params["message"])
        if message is None:
            raise TwilioError(20404)
        return JSONResponse(self._shown(message))

    async def fetch_account(self, request: Request) -> Response:
        """GET .../Accounts/{account}.json"""
        sid = self._account["account_sid"]
        return JSONResponse({"sid": sid, "friendly_name": "Sandbox", "status": "active", "type": "Full"})

    async def numbers(self, request: Request) -> Response:
        """GET .../IncomingPhoneNumbers.json?PhoneNumber=: every number is the account's, but STRANGER."""
        asked = request.query_params.get("PhoneNumber", NUMBER)
        number = {
            "sid": f"PN{digest(asked.encode())[:32]}",
            "account_sid": self._account["account_sid"],
            "phone_number": asked,
            "capabilities": {"voice": False, "sms": True, "mms": True, "fax": False},
        }
        found = [] if last4(asked) == STRANGER else [number]
        return JSONResponse({"incoming_phone_numbers": found, "page": 0, "next_page_uri": None})

    async def media(self, request: Request) -> Response:
        """What a person sent: a picture, whatever the SID."""
        return media.placeholder("picture.jpg")

    # --- what becomes of a message ---------------------------------------------------------------

    def took(self, message: TwilioMessage) -> None:
        self._taken[message.provider_id] = message

    def throttled(self) -> Response:
        return TwilioError(20429).response()

    def unavailable(self) -> Response:
        return TwilioError(20503).response()

    def answer(self, messages: Sequence[TwilioMessage]) -> Response:
        (message,) = messages
        if not self.takes(message):
            return TwilioError(21610).response()
        return JSONResponse(self._shown(message, "accepted" if message.service else "queued"), 201)

    def receipt(self, message: TwilioMessage, event: Event, at: float) -> Webhook | None:
        if event is Event.READ and message.channel in WITHOUT_READ:
            return None
        word = self._words[message.provider_id] = WORDS[event]
        if message.status_url is None:
            return None
        fields = {
            **self._common(message.provider_id),
            "MessageStatus": word,
            "SmsStatus": word,
            "From": message.address_from,
            "To": message.address_to,
        }
        if event is Event.FAILED:
            fields["ErrorCode"] = str(UNDELIVERED[message.channel])
        if message.service:
            fields["MessagingServiceSid"] = message.service
        if message.channel not in WITHOUT_READ:
            prefix, _, address = message.address_to.partition(":")
            fields |= {"EventType": word.upper(), "ChannelPrefix": prefix, "ChannelToAddress": address}
        elif event is Event.DELIVERED:
            fields["RawDlrDoneDate"] = datetime.fromtimestamp(at, UTC).strftime("%y%m%d%H%M")
        return self._webhook(message.status_url, fields)

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        """An MMS brings a picture, too."""
        sid = _sid("MM" if channel == "mms" else "SM")
        fields = {
            **self._common(sid),
            "SmsMessageSid": sid,
            "SmsStatus": "received",
            "From": _address(channel, sender),
            "To": _address(channel, recipient),
            "Body": text,
            "NumMedia": "0",
            "NumSegments": str(segments(text)[1]),
        }
        if channel == "mms":
            path = f"{API_VERSION}/Accounts/{self._account['account_sid']}/Messages/{sid}/Media/{_sid('ME')}"
            fields |= {"NumMedia": "1", "MediaUrl0": f"{API}/{path}", "MediaContentType0": "image/jpeg"}
        if channel == "whatsapp":
            fields |= {"ProfileName": "Person", "WaId": sender.removeprefix("+")}
        if _SID["MG"].fullmatch(recipient):
            fields |= {"MessagingServiceSid": recipient}
            fields["To"] = SERVICE_SENDERS[channel if channel in SERVICE_SENDERS else ""]
        return self._webhook(self._config.inbound_url(self.provider), fields)

    def _common(self, sid: str) -> dict[str, str]:
        return {
            "ApiVersion": API_VERSION,
            "AccountSid": self._account["account_sid"],
            "MessageSid": sid,
            "SmsSid": sid,
        }

    def _webhook(self, url: str, fields: Mapping[str, str]) -> Webhook:
        words = url + "".join(name + fields[name] for name in sorted(fields))
        mac = hmac.digest(self._account["auth_token"].encode(), words.encode(), "sha1")
        headers = {
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "x-twilio-signature": base64.b64encode(mac).decode(),
        }
        return Webhook(self.provider, url, urlencode(fields).encode(), headers)

    def _shown(self, message: TwilioMessage, word: str | None = None) -> dict[str, Any]:
        account = self._account["account_sid"]
        path = f"/{API_VERSION}/Accounts/{account}/Messages/{message.provider_id}"
        word = word or self._words.get(message.provider_id, "queued")
        sent = word in WORDS.values()
        failed = word == WORDS[Event.FAILED]
        return {
            "account_sid": account,
            "api_version": API_VERSION,
            "body": message.body,
            "date_created": _time(message.at),
            "date_sent": _time(message.at) if sent else None,
            "date_updated": _time(message.at),
            "direction": "outbound-api",
            "error_code": UNDELIVERED[message.channel] if failed else None,
            "error_message": None,
            "from": message.address_from if sent or not message.service else None,
            "messaging_service_sid": message.service,
            "num_media": str(message.files),
            "num_segments": str(message.parts),
            "price": f"-{0.0079 * message.parts:.5f}" if sent else None,
            "price_unit": "USD",
            "sid": message.provider_id,
            "status": word,
            "subresource_uris": {"media": f"{path}/Media.json"},
            "to": message.address_to,
            "uri": f"{path}.json",
        }


def _account(credentials: Credentials) -> dict[str, str]:
    def secret(name: str) -> str:
        return credentials.secret(f"twilio {name}")

    return {
        "account_sid": f"AC{secret('account_sid')}",
        "auth_token": secret("auth_token"),
        "api_key": f"SK{secret('api_key')}",
        "api_secret": secret("api_secret"),
    }


# --- what a request holds ----------------------------------------------------------------------------


def _read(form: Form, body_digest: str) -> TwilioMessage:
    """TwilioError for the first thing that is wrong."""

    def given(name: str) -> str:
        return form.get(name, [""])[-1]

    to, service = given("To"), given("MessagingServiceSid") or None
    if not to:
        raise TwilioError(21604)
    prefix = _prefix(to, 21211)
    if service and not _SID["MG"].fullmatch(service):
        raise TwilioError(21705)
    sender = given("From") or (SERVICE_SENDERS[prefix] if service else "")
    _check_pair(prefix, sender, to)
    files = form.get("MediaUrl", [])
    _check_content(given("Body"), files, form)
    _check_life(given("ValidityPeriod"))
    if any(given(name) not in ("", "true", "false") for name in ("SendAsMms", "SmartEncoded")):
        raise TwilioError(20001)
    status_url = given("StatusCallback") or None
    if status_url and not _is_url(status_url):
        raise TwilioError(21609)
    return TwilioMessage(
        channel=prefix or ("mms" if files or given("SendAsMms") == "true" else "sms"),
        sender=sender.rpartition(":")[2].removeprefix("+"),
        recipient=to.rpartition(":")[2].removeprefix("+"),
        provider_id=_sid("MM" if files else "SM"),
        echo_id=None,
        digest=body_digest,
        address_from=sender,
        address_to=to,
        service=service,
        body=given("Body"),
        files=len(files),
        status_url=status_url,
    )


def _prefix(address: str, error: int) -> str:
    prefix, separator, _ = address.partition(":")
    if not separator:
        return ""
    if prefix not in SERVICE_SENDERS:
        raise TwilioError(error)
    return prefix


def _check_pair(prefix: str, sender: str, to: str) -> None:
    if not sender:
        raise TwilioError(21603)
    by_id = prefix == "messenger"
    if not (_ID if by_id else _E164).fullmatch(to.rpartition(":")[2]):
        raise TwilioError(21211)
    if error := MAGIC_TO.get(to) or MAGIC_FROM.get(sender):
        raise TwilioError(error)
    if _prefix(sender, 21212) != prefix:
        raise TwilioError(21910)
    forms = {"": (_E164, _SHORT_CODE, _NAME), "whatsapp": (_E164,)}.get(prefix, (_ID,))
    if not any(form.fullmatch(sender.rpartition(":")[2]) for form in forms):
        raise TwilioError(21212)


def _check_content(body: str, files: list[str], form: Form) -> None:
    template = form.get("ContentSid", [""])[-1]
    if not (body or files or template):
        raise TwilioError(21602)
    if len(body.encode("utf-16-le")) // 2 > LONGEST_BODY:
        raise TwilioError(21617)
    if len(files) > MOST_MEDIA:
        raise TwilioError(21623)
    if not all(map(_is_url, files)):
        raise TwilioError(21620)
    if template and not _SID["HX"].fullmatch(template):
        raise TwilioError(21655)
    if not _is_object(form.get("ContentVariables", ["{}"])[-1]):
        raise TwilioError(21656)


def _check_life(seconds: str) -> None:
    if seconds and not (seconds.isdecimal() and int(seconds) >= 1):
        raise TwilioError(30012)
    if seconds and int(seconds) > LONGEST_LIFE:
        raise TwilioError(30013)


def _is_object(words: str) -> bool:
    try:
        return isinstance(json.loads(words), dict)
    except ValueError:
        return False


def _is_url(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _address(channel: str, who: str) -> str:
    prefix = f"{channel}:" if channel in SERVICE_SENDERS else ""
    is_number = channel != "messenger" and who.isdecimal() and not _SHORT_CODE.fullmatch(who)
    return f"{prefix}+{who}" if is_number else prefix + who


def _sid(kind: str) -> str:
    return kind + secrets.token_hex(16)


def _time(moment: float) -> str:
    """Wed, 25 Nov 2026 09:30:00 +0000"""
    return format_datetime(datetime.fromtimestamp(int(moment), UTC))
