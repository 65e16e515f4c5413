"""Apple Messages for Business: https://register.apple.com/resources/messages/msp-rest-api/

Settings of the account: `msp_id` (of the registered Messaging Service Provider) and `secret` (its API
secret, in base64 as Apple shows it).

A sender is a business id ("urn:biz:..."), which the callback also names, and recipients are Apple's opaque
ids ("urn:mbid:..."): people have to write first. There are no receipts.

Custom content is a message as Apple takes it beside the addressing: {"type": "interactive",
"interactiveData": ...} for list pickers, time pickers, quick replies and forms, {"type": "richLink",
"richLinkData": ...}, or a text with `attachments` of one's own.

Attachments lie encrypted with Apple's content hosts. The `url` of an inbound one is the address that tells
where, with all that it wants to know in the query, and the key as fragment: it opens the file, so it must
stay with us.
"""

from __future__ import annotations

import binascii
import mimetypes
import re
import secrets
import time
import zlib
from base64 import b64decode, b64encode
from dataclasses import replace
from http import HTTPStatus
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import parse_qsl, urlencode, urlsplit

from switchboard.adapters import _http
from switchboard.adapters._reading import (
    ErrorClass,
    answer,
    integer,
    json_object,
    mapping,
    objects,
    said,
    secret,
    shown,
    text,
)
from switchboard.adapters.base import Account, Adapter, MediaBy, MediaFile, Verification, by_http_status
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    Fault,
    InvalidRequest,
    Rejected,
    SendError,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Event, Hook, Inbound
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
    Sticker,
    Template,
    Text,
    Unsupported,
    Vcard,
    Video,
)

if TYPE_CHECKING:
    import httpx

# https://register.apple.com/resources/messages/msp-rest-api/common-specs
# Answers that mean more than their HTTP status says of itself. Nothing is finer than the status.
ERRORS: dict[int, tuple[ErrorClass, int]] = {
    HTTPStatus.NOT_FOUND: (Unreachable, 1300),
    HTTPStatus.GONE: (Unreachable, 1240),  # the person closed the conversation
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (Rejected, 1381),
}

# https://register.apple.com/resources/messages/msp-rest-api/messages-sent
# Those that a person gets to see. A client has no business with the others (typing_start, ...).
TYPES = frozenset({"text", "interactive", "richLink"})

# By the first part of an attachment's MIME type. All others are files.
MEDIA = {"image": "image", "audio": "audio", "video": "video"}
# Voice recordings of Apple's devices, which hardly anything else plays: files, too.
# https://register.apple.com/resources/messages/msp-rest-api/type-text
RECORDINGS = frozenset({"audio/x-caf", "audio/caf"})

BASE_URL = "https://mspgw.push.apple.com"
GET_MEDIA = f"{BASE_URL}/v1/preDownload?"
PLACE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Where in a text an attachment stands."""

KEY_BYTES, IV = 32, bytes(16)  # of AES-CTR; a key is used for one file only
KEY_PREFIX = "00"
CLOCK_SKEW = 60
"""Seconds by which Apple's clock may be ahead of ours."""
TOKEN_SECONDS = 86_400
"""How long a token can be of use to whoever got hold of it, if it does not end sooner itself. How long Apple
uses one, it does not say."""
LARGEST_BODY = 1024 * 1024
"""Bytes of an unzipped callback; what is large in one is only referred to."""
GZIP = b"\x1f\x8b"

_LEGAL_HEADER = re.compile(r"[\x21-\x7e]+")
_KEY = re.compile(KEY_PREFIX + "[0-9A-Fa-f]{64}")


class Apple(Adapter):
    name = "apple"
    channels = frozenset({Channel.APPLE})
    secrets = ("secret",)
    echoes = False

    # --- sending ---------------------------------------------------------------------------------

    def request(self, message: Message, account: Account) -> httpx.Request:
        if not _LEGAL_HEADER.fullmatch(message.recipient):
            raise Rejected(1170, "destination-id")
        headers = _access(account, message.sender) | {
            "id": message.message_uuid,
            "Destination-Id": message.recipient,
            "auto-reply": "true",
        }
        body = {
            **_content(message),
            "v": 1,
            "id": message.message_uuid,
            "sourceId": message.sender,
            "destinationId": message.recipient,
        }
        return _http.request("POST", _url(account, "message"), headers=headers, json=body)

    def accepted(self, reply: httpx.Response) -> str:
        return reply.request.headers["id"]  # Apple's answer is empty: it goes by our id

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        if reply.status_code in ERRORS:
            kind, code = ERRORS[reply.status_code]
            return kind(code, reply.status_code)
        return by_http_status(reply)

    # --- media -----------------------------------------------------------------------------------

    def media_by(self, message: Message) -> MediaBy:
        return "bytes"

    def attach(self, message: Message, file: MediaFile, account: Account, client: httpx.Client) -> Message:
        content = message.content
        assert isinstance(content, Image | Audio | Video | File | Vcard)
        key = secrets.token_bytes(KEY_BYTES)
        data = _crypted(file.content, key)
        try:
            place = self._read(_pre_upload(account, message.sender, len(data)), account, client)
            upload = _elsewhere("POST", text(place.get("upload-url")), content=data)
            uploaded = self._read(upload, account, client)
        except Unanswered as error:
            raise Unavailable(error.code, error.provider_code) from error  # nothing was sent yet
        attachment = {
            "name": _file_name(file),
            "mimeType": file.mime_type,
            "size": str(len(data)),
            "key": KEY_PREFIX + key.hex().upper(),
            "url": text(place.get("mmcs-url")),
            "owner": text(place.get("mmcs-owner")),
            "signature-base64": text(mapping(uploaded.get("singleFile")).get("fileChecksum")),
        }
        if not all(attachment.values()):
            raise Unavailable(1331, "no attachment")
        body = PLACE + (content.caption or "")
        custom = {"type": "text", "body": body, "attachments": [attachment]}
        return message.model_copy(update={"content": Custom(type="custom", custom=custom)})

    def download(self, media: str, account: Account, client: httpx.Client) -> httpx.Request:
        if not media.startswith(GET_MEDIA):
            return _http.request("GET", media)
        about = dict(parse_qsl(urlsplit(media).query))
        names = ("url", "owner", "signature")
        # Apple's pages name the headers thus, and its own clients with the prefix.
        headers = {prefix + name: about[name] for prefix in ("", "MMCS-") for name in names}
        request = _http.request(
            "GET", _url(account, "preDownload"), headers=_access(account, about["source"]) | headers
        )
        return _elsewhere("GET", text(self._read(request, account, client).get("download-url")))

    def opened(self, media: str, content: bytes) -> bytes:
        if not media.startswith(GET_MEDIA):
            return content
        return _crypted(content, bytes.fromhex(urlsplit(media).fragment.removeprefix(KEY_PREFIX)))

    def _read(self, request: httpx.Request, account: Account, client: httpx.Client) -> dict[str, Any]:
        """The JSON of an answer about a file. Raises like `send`."""
        reply = self.exchange(request, account, client)
        if reply.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            raise self.refused(reply)
        if not reply.is_success:
            raise by_http_status(reply)  # no other status is about a person here
        return answer(reply)

    # --- callbacks -------------------------------------------------------------------------------

    def verify(self, hook: Hook, account: Account) -> None:
        """The token is the sender's proof of identity; it covers nothing of the body."""
        import jwt

        key, ours = _key(account), secret(account, "msp_id")
        scheme, _, token = hook.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise BadSignature("authorization")
        try:
            claims = jwt.decode(token, key, algorithms=["HS256"], audience=ours, leeway=CLOCK_SKEW)
        except (jwt.PyJWTError, UnicodeError):
            raise BadSignature("authorization") from None
        issued = claims.get("iat")
        if issued is not None and float(issued) < time.time() - TOKEN_SECONDS:  # a number: it was checked
            raise BadSignature("authorization")

    def plain(self, hook: Hook, account: Account) -> Hook:
        return replace(hook, body=_unzipped(hook.body)) if hook.body.startswith(GZIP) else hook

    def events(self, hook: Hook) -> list[Event]:
        """What a person wrote or chose. Typing is no news, and we have no word for `close`: that the
        person has left is told again by the answer to the next message."""
        raw = json_object(hook)
        identifier, at = text(raw.get("id")), hook.received_at  # Apple names no time
        person, business = text(raw.get("sourceId")), text(raw.get("destinationId"))
        if not (identifier and person and business and at):
            return []
        match raw.get("type"):
            case "text":
                contents = _written(raw, business)
            case "interactive":
                contents = [said(_chosen(mapping(raw.get("interactiveData"))))]
            case _:
                return []
        return [
            Inbound(
                channel=Channel.APPLE,
                provider_id=identifier if index == 0 else f"{identifier}#{index}",
                sender=person,
                recipient=business,
                at=at,
                content=content,
                raw=raw,
            )
            for index, content in enumerate(contents)
        ]

    # --- access ----------------------------------------------------------------------------------

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request | None:
        return _pre_upload(account, sender, 1)  # of a file that never comes

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        if text(answer(reply).get("upload-url")):
            return Verification("verified")
        return Verification("failed", "the answer is not Apple's")


def _url(account: Account, path: str) -> str:
    return f"{account.base_url(BASE_URL)}/v1/{path}"


def _key(account: Account) -> bytes:
    try:
        return b64decode(secret(account, "secret"), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError(1370, "apple account's secret is not base64") from None


def _access(account: Account, business: str) -> dict[str, str]:
    import jwt

    if not _LEGAL_HEADER.fullmatch(business):
        raise ConfigurationError(1120, "source-id")
    claims = {"iss": secret(account, "msp_id"), "iat": int(time.time())}
    token = jwt.encode(claims, _key(account), algorithm="HS256")
    return {"Authorization": f"Bearer {token}", "Source-Id": business}


def _pre_upload(account: Account, business: str, size: int) -> httpx.Request:
    """Asks where an encrypted file of so many bytes may go."""
    headers = _access(account, business) | {"size": str(size), "MMCS-Size": str(size)}
    return _http.request("GET", _url(account, "preUpload"), headers=headers)


def _elsewhere(method: str, address: str, content: bytes | None = None) -> httpx.Request:
    """A request to a content host, which must not see our token. Unavailable if its address is none."""
    import httpx

    try:
        request = _http.request(method, address, content=content)
    except httpx.InvalidURL:
        request = None
    if request is None or not request.url.host:
        raise Unavailable(1331, "no address")
    return request


def _crypted(data: bytes, key: bytes) -> bytes:
    """Encrypted what was plain, and the other way round."""
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.ciphers.modes import CTR

    stream = Cipher(AES(key), CTR(IV)).encryptor()
    return stream.update(data) + stream.finalize()


def _file_name(file: MediaFile) -> str:
    """With an extension, by which phones choose what opens the file."""
    path = PurePosixPath(file.name)
    return f"{path.stem or 'file'}{path.suffix or mimetypes.guess_extension(file.mime_type) or ''}"


def _content(message: Message) -> dict[str, Any]:
    """The request's members beside the addressing."""
    content = message.content
    match content:
        case Text():
            return {"type": "text", "body": content.text}
        case Custom():
            kind = content.custom.get("type")
            if not isinstance(kind, str) or kind not in TYPES:
                raise Rejected(1040, "type")
            return content.custom
        case Image() | Audio() | Video() | File() | Vcard():
            raise Rejected(1140)  # Custom by now: see `attach`
        case Location() | Template():
            raise Rejected(1140)
        case Sticker() | Reaction() | Several() | Card() | Carousel():
            raise Rejected(1140)
        case _:
            assert_never(content)


# --- callbacks -------------------------------------------------------------------------------------


def _unzipped(body: bytes) -> bytes:
    """InvalidRequest if it is not one whole gzip member, or too large: little can unfold to very much."""
    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        data = stream.decompress(body, LARGEST_BODY + 1)
    except zlib.error:
        raise InvalidRequest(Fault("body", "is not gzip as it says")) from None
    if len(data) > LARGEST_BODY:
        raise InvalidRequest(Fault("body", f"must be at most {LARGEST_BODY} bytes when unzipped"))
    if not stream.eof or stream.unused_data:
        raise InvalidRequest(Fault("body", "is not gzip as it says"))
    return data


def _written(raw: dict[str, Any], business: str) -> list[InboundContent]:
    """One content for each attachment, since ours has one; words that came along are the first's caption."""
    attachments = objects(raw.get("attachments"))
    if not attachments:
        return [said(raw.get("body"))]
    words = text(raw.get("body")).replace(PLACE, "").strip()
    contents = [
        _attachment(attachment, business, "" if index else words)
        for index, attachment in enumerate(attachments)
    ]
    if words and isinstance(contents[0], Unsupported):
        return [said(words), *contents]
    return contents


def _attachment(raw: dict[str, Any], business: str, caption: str) -> InboundContent:
    about = {
        "url": text(raw.get("url")),
        "owner": text(raw.get("owner")),
        "signature": text(raw.get("signature-base64")) or _as_base64(text(raw.get("signature"))),
        "source": business,
    }
    key = text(raw.get("key"))
    # `download` puts them into headers.
    if not _KEY.fullmatch(key) or not all(map(_LEGAL_HEADER.fullmatch, about.values())):
        return shown(None, "")
    mime_type = text(raw.get("mimeType")).lower()
    kind = "file" if mime_type in RECORDINGS else MEDIA.get(mime_type.partition("/")[0], "file")
    return shown(kind, f"{GET_MEDIA}{urlencode(about)}#{key}", caption)


def _as_base64(hexadecimal: str) -> str:
    try:
        return b64encode(bytes.fromhex(hexadecimal)).decode()
    except ValueError:
        return ""


# https://register.apple.com/resources/messages/msp-rest-api/type-interactive
def _chosen(interactive: dict[str, Any]) -> str:
    """What a person chose, in the words that they saw. Empty for what is too large to come along, which
    only its `interactiveDataRef` tells."""
    data = mapping(interactive.get("data"))
    event = mapping(data.get("event")) or mapping(mapping(data.get("timePicker")).get("event"))
    bubble = mapping(data.get("replyMessage")) or mapping(interactive.get("replyMessage"))
    return (
        _tapped(mapping(data.get("quick-reply")))
        or _picked(mapping(data.get("listPicker")))
        or next((text(slot.get("startTime")) for slot in objects(event.get("timeslots"))), "")
        or _filled(mapping(data.get("dynamic")))
        or text(bubble.get("title"))
        or text(bubble.get("subtitle"))
    )


def _tapped(reply: dict[str, Any]) -> str:
    identifier, index = text(reply.get("selectedIdentifier")), integer(reply.get("selectedIndex"))
    for position, item in enumerate(objects(reply.get("items"))):
        if text(item.get("identifier")) == identifier if identifier else position == index:
            return text(item.get("title")) or identifier
    return identifier


def _picked(picker: dict[str, Any]) -> str:
    """An answer has only those items that were chosen."""
    sections = objects(picker.get("sections"))
    titles = [text(item.get("title")) for section in sections for item in objects(section.get("items"))]
    return ", ".join(filter(None, titles))


def _filled(form: dict[str, Any]) -> str:
    """A line for each page of a form that was filled in."""
    lines = []
    for page in objects(form.get("selections")):
        items = objects(page.get("items"))
        values = ", ".join(filter(None, (text(item.get("value") or item.get("title")) for item in items)))
        title = text(page.get("title"))
        lines.append(f"{title}: {values}" if title and values else values)
    return "\n".join(filter(None, lines))
