"""Apple Messages for Business: https://register.apple.com/resources/messages/msp-rest-api/

There are no receipts, so a handset that fails is an answer here: the person has closed the conversation. The
attachments of a message must have been uploaded here, and must be decrypted to what their type says.
"""

import base64
import gzip
import hashlib
import hmac
import json
import secrets
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import Faulty, check, parse_object
from sandbox.carriers.handsets import Event
from sandbox.carriers.network import Carrier, Message, Network, digest
from sandbox.carriers.recent import Recent

MSP = "c0a7f3d2-58e1-4b96-9d04-2e6b81a7f5c3"
"""The id of the Messaging Service Provider that we are."""
BUSINESS = "urn:biz:0b07b07a-1070-4107-8107-107010701070"

LARGEST_FILE = 100 * 1024 * 1024
LARGEST_BODY = 1024 * 1024
"""Bytes of an unzipped request."""

UUID = r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"

STARTS = {
    "image/png": b"\x89PNG",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "application/pdf": b"%PDF-",
    "text/vcard": b"BEGIN:VCARD",
}
"""What files of a type begin with."""


class Refusal(Exception):
    """An answer that is an error. Apple's have no body."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status

    def response(self) -> Response:
        return Response(status_code=self.status)


class _Member(BaseModel):
    model_config = ConfigDict(strict=True)


class Attachment(_Member):
    name: str = Field(min_length=1)
    mimeType: str = Field(pattern=r"^[\w.+-]+/[\w.+-]+$")
    size: str = Field(pattern=r"^\d+$")
    key: str = Field(pattern=r"^00[0-9A-Fa-f]{64}$")
    url: str
    owner: str
    signature: str = Field(alias="signature-base64")


class InteractiveData(_Member):
    bid: str = Field(min_length=1)
    data: dict[str, Any] | None = None


class RichLinkData(_Member):
    url: str = Field(pattern=r"^https?://\S+$")
    title: str = Field(min_length=1)
    assets: dict[str, Any] = {}


class Send(_Member):
    v: Literal[1]
    id: str = Field(pattern=UUID)
    sourceId: str = Field(pattern="^urn:biz:.")
    destinationId: str


class Text(Send):
    type: Literal["text"]
    body: str = Field(min_length=1)
    attachments: list[Attachment] = []


class Interactive(Send):
    type: Literal["interactive"]
    interactiveData: InteractiveData


class RichLink(Send):
    type: Literal["richLink"]
    richLinkData: RichLinkData


class Body(BaseModel):
    sent: Annotated[Text | Interactive | RichLink, Field(discriminator="type")]


@dataclass
class Stored:
    """A file with the content host: how long it will be, and its encrypted bytes once they came."""

    owner: str
    size: int
    content: bytes | None = None

    @property
    def signature(self) -> str:
        assert self.content is not None
        return base64.b64encode(b"\x01" + hashlib.sha1(self.content, usedforsecurity=False).digest()).decode()


class Apple(Carrier[Message]):
    provider: ClassVar[str] = "apple"
    channels = ("apple",)
    reports = (Event.DELIVERED,)
    scrambled_reports = (Event.DELIVERED,)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        self._files: Recent[str, Stored] = Recent(100)

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        secret = base64.b64encode(_key(credentials)).decode()
        return {"base_url": f"{carriers}/apple", "msp_id": MSP, "secret": secret}

    def routes(self) -> list[Route]:
        return [
            Route("/apple/v1/message", self.message, methods=["POST"]),
            Route("/apple/v1/preUpload", self.pre_upload),
            Route("/apple/v1/preDownload", self.pre_download),
            Route("/apple/content/{place}", self.upload, methods=["POST"]),
            Route("/apple/content/{place}", self.download),
        ]

    # --- messages --------------------------------------------------------------------------------

    async def message(self, request: Request) -> Response:
        """POST /v1/message"""
        body = await request.body()
        try:
            self._authorise(request)
            sent = _read(request, body)
            if isinstance(sent, Text):
                for attachment in sent.attachments:
                    self._open(attachment)
        except Refusal as refusal:
            return refusal.response()
        message = Message(
            channel="apple",
            sender=sent.sourceId,
            recipient=sent.destinationId,
            provider_id=sent.id,
            echo_id=sent.id,
            digest=digest(body),
        )
        return await self._network.exchange(self, [message])

    def takes(self, message: Message) -> bool:
        """A failure is always an answer here: there is no receipt for one."""
        return super().takes(message) and not message.handset.fails

    def throttled(self) -> Response:
        return Response(status_code=429)

    def unavailable(self) -> Response:
        return Response(status_code=503)

    def answer(self, messages: Sequence[Message]) -> Response:
        (message,) = messages
        if message.handset.fails:
            return Response(status_code=410)
        return Response(status_code=200 if self.takes(message) else 400)

    def receipt(self, message: Message, event: Event, at: float) -> None:
        """Apple reports nothing."""

    # --- attachments -----------------------------------------------------------------------------

    async def pre_upload(self, request: Request) -> Response:
        """GET /v1/preUpload: where a file of so many encrypted bytes may go."""
        try:
            self._authorise(request)
            size = _about(request, "size")
        except Refusal as refusal:
            return refusal.response()
        if not (size.isascii() and size.isdecimal() and int(size)):
            return Response(status_code=400)
        if int(size) > LARGEST_FILE:
            return Response(status_code=413)
        place = secrets.token_urlsafe(24)
        url = f"{request.base_url}apple/content/{place}"
        self._files[url] = Stored(owner=f"M{secrets.token_hex(16).upper()}.C01", size=int(size))
        answer = {"upload-url": url, "mmcs-url": url, "mmcs-owner": self._files[url].owner}
        return JSONResponse(answer)

    async def upload(self, request: Request) -> Response:
        """POST to what `preUpload` said. Whoever knows the address may."""
        stored = self._files.get(str(request.url))
        if stored is None:
            return Response(status_code=404)
        content = await request.body()
        if len(content) != stored.size:
            return Response(status_code=400)
        stored.content = content
        return JSONResponse({"singleFile": {"fileChecksum": stored.signature}})

    async def pre_download(self, request: Request) -> Response:
        """GET /v1/preDownload: where a file can be had."""
        try:
            self._authorise(request)
            url, owner, signature = (_about(request, name) for name in ("url", "owner", "signature"))
            self._find(url, owner, signature)
        except Refusal as refusal:
            return refusal.response()
        return JSONResponse({"download-url": url})

    async def download(self, request: Request) -> Response:
        stored = self._files.get(str(request.url))
        if stored is None or stored.content is None:
            return Response(status_code=404)
        return Response(stored.content, media_type="application/octet-stream")

    def _find(self, url: str, owner: str, signature: str) -> bytes:
        """A file's encrypted bytes. Refusal if there is none, or it is another one."""
        stored = self._files.get(url)
        if stored is None or stored.content is None:
            raise Refusal(404)
        if (owner, signature) != (stored.owner, stored.signature):
            raise Refusal(400)
        return stored.content

    def _open(self, attachment: Attachment) -> None:
        """What a phone does with an attachment. Refusal if it cannot."""
        try:
            content = self._find(attachment.url, attachment.owner, attachment.signature)
        except Refusal:
            raise Refusal(400) from None
        opened = decrypted(content, attachment.key)
        start = STARTS.get(attachment.mimeType, b"")
        if int(attachment.size) != len(content) or not opened.startswith(start):
            raise Refusal(400)

    # --- both ways -------------------------------------------------------------------------------

    def _authorise(self, request: Request) -> None:
        """401 without credentials, 403 with those of somebody else."""
        given = request.headers.get("authorization", "")
        if not given.startswith("Bearer "):
            raise Refusal(401)
        claims = self._claims(given.removeprefix("Bearer "))
        if claims is None or claims.get("iss") != MSP or not _is_recent(claims.get("iat")):
            raise Refusal(403)
        if not request.headers.get("source-id", "").startswith("urn:biz:"):
            raise Refusal(400)

    def _claims(self, token: str) -> dict[str, Any] | None:
        """What a token says; None if it is not signed with our secret."""
        start, _, signature = token.rpartition(".")
        header, _, claims = start.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(start).encode()):
            return None
        if (_object(header) or {}).get("alg") != "HS256":
            return None
        return _object(claims)

    def _signature(self, start: str) -> str:
        return _base64url(hmac.digest(_key(self._config.credentials), start.encode(), "sha256"))

    def _token(self, **claims: Any) -> str:
        members = ({"alg": "HS256", "typ": "JWT"}, claims)
        start = ".".join(_base64url(json.dumps(member).encode()) for member in members)
        return f"{start}.{self._signature(start)}"

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        identifier = str(uuid4())
        body = {
            "id": identifier,
            "type": "text",
            "sourceId": sender,
            "destinationId": recipient,
            "v": 1,
            "body": text,
            "locale": "en_GB",
        }
        headers = {
            "authorization": f"Bearer {self._token(aud=MSP, iat=int(at))}",
            "content-type": "application/json",
            "content-encoding": "gzip",
            "id": identifier,
            "source-id": sender,
            "destination-id": recipient,
            "device-agent": "iPhone OS",
            "capability-list": "QUICK,LIST,TIME,AUTH2,FORM",
        }
        zipped = gzip.compress(json.dumps(body, ensure_ascii=False).encode())
        return Webhook(self.provider, self._config.inbound_url(self.provider), zipped, headers)


def decrypted(content: bytes, key: str) -> bytes:
    """AES-256 in counter mode, from a counter of zero. `key` is hexadecimal, after a byte of zero."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    cipher = Cipher(algorithms.AES(bytes.fromhex(key)[1:]), modes.CTR(bytes(16)))
    return cipher.decryptor().update(content)


def _key(credentials: Credentials) -> bytes:
    return credentials.secret("apple secret").encode()


def _read(request: Request, body: bytes) -> Text | Interactive | RichLink:
    """The message in a request. Refusal if it is none, or its headers say something else."""
    if request.headers.get("content-encoding") == "gzip":
        body = _unzipped(body)
    try:
        sent = check(Body, {"sent": parse_object(body)}).sent
    except Faulty:
        raise Refusal(400) from None
    names = {"id": sent.id, "source-id": sent.sourceId, "destination-id": sent.destinationId}
    if any(request.headers.get(name) != value for name, value in names.items()):
        raise Refusal(400)
    if not sent.destinationId.startswith("urn:mbid:"):
        raise Refusal(404)
    return sent


def _unzipped(body: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(body, LARGEST_BODY)
    except zlib.error:
        raise Refusal(400) from None


def _about(request: Request, name: str) -> str:
    """A header about a file, which some clients write with a prefix. Refusal without it."""
    value = request.headers.get(name) or request.headers.get(f"mmcs-{name}")
    if not value:
        raise Refusal(400)
    return value


def _is_recent(moment: object) -> bool:
    return isinstance(moment, int) and abs(time.time() - moment) < 3600


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _object(part: str) -> dict[str, Any] | None:
    """The JSON object in a part of a token."""
    try:
        return parse_object(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return None
