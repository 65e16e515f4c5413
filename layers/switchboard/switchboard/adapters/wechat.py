"""WeChat Official Accounts: https://developers.weixin.qq.com/doc/offiaccount/en/Getting_Started/Overview.html

Settings of the account: `app_id`, `app_secret`, `token` (of the callback) and, where callbacks are encrypted
("safe mode", which should be chosen: the plain signature does not cover the body), `encoding_aes_key`.

A sender is the account's original id, "gh_...", which callbacks call ToUserName; recipients are open ids.

A template's parameters are "key=value", with the keys that the template shows: "thing1=Parcel 7". One
without a key is of the commonest kind: the third is thing3. What else a template can have (`url`,
`miniprogram`) goes in as custom content, which is sent as a template when it has a `template_id`.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import parse_qs, quote, urlsplit

from switchboard.adapters import _http
from switchboard.adapters._reading import (
    ErrorClass,
    answer,
    final_status,
    integer,
    moment,
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
    Token,
    Verification,
    by_http_status,
)
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    Fault,
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

if TYPE_CHECKING:
    import httpx

# https://developers.weixin.qq.com/doc/offiaccount/en/Getting_Started/Global_Return_Code.html
ERRORS: dict[int, tuple[ErrorClass, int]] = {
    40003: (Unreachable, 1300),  # no open id of this account
    43004: (Unreachable, 1300),  # not a follower
    43101: (Unreachable, 1240),
    45015: (Unreachable, 1340),  # wrote too long ago, or left
    48002: (Unreachable, 1240),  # takes no messages
    50002: (Unreachable, 1260),
    45047: (Rejected, 1340),  # all messages used that may follow what the person wrote
    40004: (Rejected, 1382),
    40005: (Rejected, 1382),
    40006: (Rejected, 1381),
    40007: (Rejected, 1380),
    40008: (Rejected, 1040),
    40009: (Rejected, 1381),
    40010: (Rejected, 1381),
    40011: (Rejected, 1381),
    40037: (Rejected, 1022),
    41006: (Rejected, 1380),
    44002: (Rejected, 1010),
    44004: (Rejected, 1010),
    45001: (Rejected, 1381),
    45002: (Rejected, 1090),
    45007: (Rejected, 1380),  # voice too long
    47001: (Rejected, 1020),
    47003: (Rejected, 1022),
    -1: (Unavailable, 1331),
    45009: (Throttled, 1000),  # used up for the day
    45011: (Throttled, 1000),
    **dict.fromkeys(
        (40001, 40002, 40013, 40014, 40125, 40164, 40243, 41001, 41002, 41004, 42001, 61024, 89503),
        (ConfigurationError, 1370),
    ),
    **dict.fromkeys((48001, 50001), (ConfigurationError, 1140)),
}
UNKNOWN: tuple[ErrorClass, int] = (Rejected, 1330)
STALE_TOKEN = frozenset({40001, 40014, 42001})
PAUSES = {45009: 3600, 45011: 60}  # seconds; answers name none

# https://developers.weixin.qq.com/doc/offiaccount/en/Message_Management/Template_Message_Interface.html
# Status of TEMPLATESENDJOBFINISH, whose spaces differ from page to page.
DELIVERED, FAILED = "success", "failed"
FAILURES: dict[str, tuple[ErrorClass, int]] = {
    "failed:userblock": (Rejected, 1240),
    "failed:systemfailed": (Unavailable, 1331),
}

# https://developers.weixin.qq.com/doc/offiaccount/en/Message_Management/Receiving_standard_messages.html
MEDIA = {"image": "image", "voice": "audio", "video": "video", "shortvideo": "video"}

UPLOADS = {"image": "image", "audio": "voice", "video": "video"}
# WeChat goes by the extension of an upload.
EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "audio/amr": ".amr",
    "audio/mpeg": ".mp3",
    "video/mp4": ".mp4",
}

BASE_URL = "https://api.weixin.qq.com"
GET_MEDIA = f"{BASE_URL}/cgi-bin/media/get?media_id="
OURS = "message_uuid"
WINDOW = timedelta(minutes=5)
"""How far the time of a callback can be from ours. In plain mode nothing else of it is signed."""
BLOCK = 32  # bytes, of the padding

_NAMED = re.compile(r"(first|remark|[a-z][a-z_]*\d{1,3})=(.*)", re.DOTALL)


class WeChat(Adapter):
    name = "wechat"
    channels = frozenset({Channel.WECHAT})
    secrets = ("app_secret", "token", "encoding_aes_key")
    echoes = False
    thanks = "success"

    # --- access ----------------------------------------------------------------------------------

    def login(self, account: Account) -> httpx.Request | None:
        # Unlike /cgi-bin/token, it leaves the token alone that others got for this account.
        keys = {"appid": account["app_id"], "secret": secret(account, "app_secret")}
        url = f"{account.base_url(BASE_URL)}/cgi-bin/stable_token"
        return _http.request("POST", url, json={"grant_type": "client_credential", **keys})

    def logged_in(self, reply: httpx.Response) -> Token:
        body = _read(reply)
        token, seconds = text(body.get("access_token")), integer(body.get("expires_in"))
        if not token or seconds is None:
            raise Unanswered(1331, "no access token")
        return Token(token, seconds)

    def wants_login(self, reply: httpx.Response) -> bool:
        return integer(answer(reply).get("errcode")) in STALE_TOKEN

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request | None:
        return _http.request("GET", _url(account, "getcallbackip"))

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        _read(reply)
        return Verification("verified", "the credentials: WeChat does not say whose they are")

    # --- sending ---------------------------------------------------------------------------------

    def request(self, message: Message, account: Account) -> httpx.Request:
        body = _content(message)
        to = {"touser": message.recipient}
        ours = {OURS: message.message_uuid}
        if "template_id" in body:
            url = _url(account, "message/template/send")
            body = {**body, **to, "client_msg_id": message.message_uuid}
        else:
            url, body = _url(account, "message/custom/send"), {**body, **to}
        return _http.request("POST", url, json=body, extensions=ours)

    def accepted(self, reply: httpx.Response) -> str:
        body = _read(reply)
        if integer(body.get("errcode")) != 0:
            raise Unanswered(1331, "no errcode")
        # Only templates are given an id: other messages are known by ours, which went nowhere.
        return text(body.get("msgid")) or str(reply.request.extensions[OURS])

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        return _error(reply) or by_http_status(reply)

    # --- media -----------------------------------------------------------------------------------

    def media_by(self, message: Message) -> MediaBy:
        return "bytes"

    def attach(self, message: Message, file: MediaFile, account: Account, client: httpx.Client) -> Message:
        kind = UPLOADS.get(message.content.type)
        if kind is None:
            raise Rejected(1140)
        name = f"media{EXTENSIONS[file.mime_type]}" if file.mime_type in EXTENSIONS else file.name
        files = {"media": (name, file.content, file.mime_type)}

        def upload(account: Account) -> httpx.Request:
            return _http.request("POST", _url(account, "media/upload", type=kind), files=files)

        try:
            media_id = text(_read(self.asked(upload, account, client)).get("media_id"))
        except Unanswered as error:
            raise Unavailable(error.code, error.provider_code) from error  # nothing was sent yet
        if not media_id:
            raise Unavailable(1331, "no media id")
        custom = {"msgtype": kind, kind: {"media_id": media_id}}
        return message.model_copy(update={"content": Custom(type="custom", custom=custom)})

    def download(self, media: str, account: Account, client: httpx.Client) -> httpx.Request:
        if not media.startswith(GET_MEDIA):
            return _http.request("GET", media)  # a picture's public address
        (media_id,) = parse_qs(urlsplit(media).query)["media_id"]

        def fetch(account: Account) -> httpx.Request:
            return _http.request("GET", _url(account, "media/get", media_id=media_id))

        # A video answers with its address, and a fault with a code where the file should be: both are
        # JSON. So the file is looked at first; as it is small, it may come twice.
        reply = self.asked(fetch, account, client)
        if address := text(_read(reply).get("video_url")):
            return _http.request("GET", address)
        return fetch(self.authorised(account, client))

    # --- callbacks -------------------------------------------------------------------------------

    def verify(self, hook: Hook, account: Account) -> None:
        token = secret(account, "token")
        if account.get("encoding_aes_key"):
            _prove(hook, hook.query.get("msg_signature", ""), token, _encrypted(hook))
        else:
            _prove(hook, hook.query.get("signature", ""), token)

    def handshake(self, hook: Hook, account: Account) -> str | None:
        """Never encrypted."""
        try:
            _prove(hook, hook.query.get("signature", ""), secret(account, "token"))
        except BadSignature:
            return None
        return hook.query.get("echostr")

    def plain(self, hook: Hook, account: Account) -> Hook:
        if not account.get("encoding_aes_key"):
            return hook
        body, app_id = _decrypted(_encrypted(hook), secret(account, "encoding_aes_key"))
        if app_id != account["app_id"].encode():
            raise BadSignature("app id")
        return replace(hook, body=body)

    def events(self, hook: Hook) -> list[Event]:
        raw = _xml(hook.body)
        if text(raw.get("MsgType")) == "event":
            event = _event(raw)
        else:
            event = _inbound(raw, text(raw.get("MsgId")), _inbound_content(raw))
        return [event] if event else []


def _url(account: Account, path: str, **query: str) -> str:
    url = _http.url(f"{account.base_url(BASE_URL)}/cgi-bin/{path}")
    return str(url.copy_merge_params({"access_token": account.token, **query}))


# --- answers, which are 200 whatever they say ------------------------------------------------------


def _error(reply: httpx.Response) -> SendError | ConfigurationError | None:
    code = integer(answer(reply).get("errcode"))
    if not code:
        return None
    kind, ours = ERRORS.get(code, UNKNOWN)
    return kind(ours, code, PAUSES.get(code))


def _read(reply: httpx.Response) -> dict[str, Any]:
    """The JSON of an answer, if it is any. Raises what it refuses."""
    if error := _error(reply):
        raise error
    if not reply.is_success:
        raise by_http_status(reply)
    return answer(reply)


# --- content ---------------------------------------------------------------------------------------


def _content(message: Message) -> dict[str, Any]:
    """The request's members beside the addressing."""
    content = message.content
    match content:
        case Text():
            return {"msgtype": "text", "text": {"content": content.text}}
        case Template():
            return {"template_id": content.name, "data": _template_data(content)}
        case Custom():
            return content.custom
        case Image() | Audio() | Video() | File() | Vcard() | Location():
            raise Rejected(1140)  # what can be sent of these is Custom by now: see `attach`
        case Sticker() | Reaction() | Several() | Card() | Carousel():
            raise Rejected(1140)
        case _:
            assert_never(content)


def _template_data(template: Template) -> dict[str, dict[str, str]]:
    data = {}
    for number, parameter in enumerate(template.parameters, 1):
        named = _NAMED.fullmatch(parameter)
        key, value = named.groups() if named else (f"thing{number}", parameter)
        data[key] = {"value": value}
    return data


# --- callbacks -------------------------------------------------------------------------------------


def _prove(hook: Hook, given: str, *parts: str) -> None:
    """BadSignature unless a signature is that of the parts and the callback's time and nonce."""
    query = (hook.query.get(name, "") for name in ("timestamp", "nonce"))
    joined = "".join(sorted([*parts, *query])).encode(errors="replace")
    expected = hashlib.sha1(joined, usedforsecurity=False).hexdigest()
    if not hmac.compare_digest(given.encode(errors="replace"), expected.encode()):
        raise BadSignature("signature")
    at = moment(hook.query.get("timestamp"))
    if hook.received_at and (at is None or abs(hook.received_at - at) > WINDOW):
        raise BadSignature("timestamp")


def _encrypted(hook: Hook) -> str:
    """What is encrypted of a callback, and therefore signed. BadSignature if nothing is."""
    try:
        return str(_xml(hook.body)["Encrypt"])
    except (InvalidRequest, KeyError):
        raise BadSignature("not encrypted") from None


def _decrypted(encrypted: str, key: str) -> tuple[bytes, bytes]:
    """The XML, and the app id it is for.

    AES-256-CBC over 16 random bytes, the XML's length in 4, the XML and the app id:
    https://developers.weixin.qq.com/doc/oplatform/en/Third-party_Platforms/Message_Encryption/Technical_Plan.html
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    try:
        secret_key = b64decode(key + "=")
        cipher = Cipher(algorithms.AES256(secret_key), modes.CBC(secret_key[:16]))
    except (binascii.Error, ValueError):
        # From nobody's error: the text could quote the key.
        raise ConfigurationError(1370, "encoding_aes_key") from None
    try:
        decryptor = cipher.decryptor()
        padded = decryptor.update(b64decode(encrypted)) + decryptor.finalize()
    except (binascii.Error, ValueError) as error:
        raise BadSignature("encryption") from error
    if not padded or not 1 <= padded[-1] <= BLOCK:
        raise BadSignature("encryption")
    content = padded[16 : -padded[-1]]
    end = 4 + int.from_bytes(content[:4], "big")
    return content[4:end], content[end:]


def _xml(body: bytes) -> dict[str, Any]:
    """The members of the XML in a callback, as texts or dictionaries. InvalidRequest if it is none, or
    has what is used to attack parsers."""
    from defusedxml.ElementTree import ParseError, fromstring

    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, ValueError, LookupError):
        raise InvalidRequest(Fault("body", "is not the XML this provider sends")) from None
    return {
        member.tag: {part.tag: "".join(part.itertext()) for part in member} if len(member) else member.text
        for member in root
    }


def _event(raw: dict[str, Any]) -> Event | None:
    """The news in an event; None for those of no message, such as subscribe, SCAN and VIEW."""
    match raw.get("Event"):
        case "TEMPLATESENDJOBFINISH":
            return _receipt(raw)
        case "CLICK":  # a key of the account's menu
            identifier = f"{text(raw.get('FromUserName'))} {text(raw.get('CreateTime'))}"
            return _inbound(raw, identifier, said(raw.get("EventKey")))
    return None


def _receipt(raw: dict[str, Any]) -> Receipt:
    words = text(raw.get("Status"))
    word = "".join(words.split()).lower()
    status, failure = (Status.DELIVERED if word == DELIVERED else None), None
    if word.startswith(FAILED):
        kind, code = FAILURES.get(word, (Unreachable, 1330))
        status, failure = final_status(kind), Failure(code, words)
    provider_id = text(raw.get("MsgID"))
    return Receipt(
        status=status,
        raw=raw,
        provider_id=provider_id if provider_id.strip("0") else None,  # it has been seen as 0
        at=moment(raw.get("CreateTime")),
        failure=failure,
    )


def _inbound(raw: dict[str, Any], identifier: str, content: InboundContent) -> Inbound | None:
    sender, recipient = text(raw.get("FromUserName")), text(raw.get("ToUserName"))
    at = moment(raw.get("CreateTime"))
    if not (sender and recipient and identifier and at):
        return None
    return Inbound(
        channel=Channel.WECHAT,
        provider_id=identifier,
        sender=sender,
        recipient=recipient,
        at=at,
        content=content,
        raw=raw,
    )


def _inbound_content(raw: Mapping[str, Any]) -> InboundContent:
    kind = text(raw.get("MsgType"))
    match kind:
        case "text":
            return said(raw.get("Content"))
        case "link":
            return said(raw.get("Url"))
        case "location":
            spot = (_number(raw.get("Location_X")), _number(raw.get("Location_Y")))
            return place(*spot, name=raw.get("Label"))
    media_id = quote(text(raw.get("MediaId")), safe="")
    return shown(MEDIA.get(kind), text(raw.get("PicUrl")) or (media_id and GET_MEDIA + media_id))


def _number(value: object) -> float | None:
    try:
        return float(text(value))
    except ValueError:
        return None
