"""Vonage's Messages API, version 1: https://developer.vonage.com/en/api/messages-olympus

Every message can name its own status URL and the version of what is posted there; without one it is the
application's. All callbacks are signed: https://developer.vonage.com/en/getting-started/concepts/webhooks
"""

import hashlib
import hmac
import json
import time
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID, uuid4

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers import media
from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import Faulty, check, parse_object
from sandbox.carriers.handsets import Event, handset
from sandbox.carriers.network import Carrier, Message, Network, digest
from sandbox.carriers.recent import Recent
from sandbox.carriers.segments import segments
from sandbox.carriers.vonage_messages import (
    INTERNAL,
    RECIPIENT,
    THROTTLED,
    VALUES,
    Change,
    VonageError,
    invalid,
    read,
)
from sandbox.carriers.writing import HANDSET, Written

WORDS = {"viber_service": "viber_service_msg"}
"""Our API's words for channels, and v0.1's, where they are not v1's."""
READS = frozenset({"whatsapp", "messenger", "viber_service", "rcs"})
"""Channels with read receipts."""
PRICES = {"sms": "0.0400", "mms": "0.0900", "messenger": "0.0010", "rcs": "0.0300"}
OTHER_PRICE = "0.0250"
"""EUR for a delivered message, or each part of an SMS."""
STATUSES = {
    Event.ACCEPTED: "submitted",
    Event.DELIVERED: "delivered",
    Event.READ: "read",
    Event.FAILED: "undeliverable",
}
UNREACHABLE = (1260, "Destination unreachable", "The message could not be delivered to the phone number.")
STRANGER = (
    *(1300, "Not part of the provider network"),
    "The number or ID is not a user in the provider network.",
)

TOKEN_LIFE, LONGEST_LIFE = 15 * 60, 24 * 3600  # seconds: of a token that names no end, and of any
SKEW = 30  # seconds
NETWORK = "00101"  # the test network of ITU-T E.212

NO_HEADER = VonageError(401, "", "Unauthorised", "Request header 'Authorization' missing")
BAD_TOKEN = VonageError(401, "", "Unauthorised", "Invalid Token")
BAD_KEY = VonageError(401, "#unauthorized", "Unauthorized", "You did not provide correct credentials.")


@dataclass(frozen=True, kw_only=True)
class VonageMessage(Message):
    """`channel` is our API's word for it."""

    vonage_channel: str
    status_url: str
    version: str
    parts: int


class Vonage(Carrier[VonageMessage]):
    provider: ClassVar[str] = "vonage"
    channels = ("sms", "mms", "whatsapp", "messenger", "viber_service_msg", "rcs")
    reports = (Event.ACCEPTED, Event.DELIVERED, Event.READ, Event.FAILED)
    scrambled_reports = (Event.READ, Event.DELIVERED, Event.ACCEPTED)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        # What a message can still be changed to, by its id; nothing for most.
        self._changes: Recent[str, str] = Recent()

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        return {
            "base_url": f"{carriers}/vonage",
            "callback_url": api,
            "application_id": _application(credentials),
            "private_key": credentials.private_key,
            "api_key": _key(credentials),
            "api_secret": credentials.secret("vonage api_secret"),
            "signature_secret": credentials.secret("vonage signature_secret"),
        }

    def routes(self) -> list[Route]:
        return [
            Route("/vonage/v1/messages", self.send, methods=["POST"]),
            Route("/vonage/v1/messages/{id}", self.update, methods=["PATCH"]),
            Route("/vonage/v3/media/{id}", self.media),
        ]

    # --- requests --------------------------------------------------------------------------------

    async def send(self, request: Request) -> Response:
        """POST /vonage/v1/messages"""
        body = await request.body()
        try:
            self._authorise(request)
            envelope, text = read(body)
        except VonageError as error:
            return error.response()
        channel = WORDS.get(envelope.channel, envelope.channel)
        message = VonageMessage(
            channel=channel,
            sender=envelope.sender,
            recipient=envelope.to,
            provider_id=str(uuid4()),
            echo_id=envelope.client_ref,
            digest=digest(body),
            vonage_channel=envelope.channel,
            status_url=envelope.webhook_url or self._application_url("status"),
            version=envelope.webhook_version,
            parts=segments(text)[1] if channel == "sms" else 1,
        )
        return await self._network.exchange(self, [message])

    async def update(self, request: Request) -> Response:
        """PATCH /vonage/v1/messages/{id} {"status"}: what somebody wrote by WhatsApp was read, or what went
        out by RCS is revoked."""
        identifier, body = request.path_params["id"], parse_object(await request.body())
        try:
            self._authorise(request)
            change = self._changes.get(identifier)
            if change is None:
                raise VonageError(404, "#not-found", "Not Found", f"Message with ID {identifier} not found")
            try:
                wanted = check(Change, body or {})
            except Faulty as faulty:
                raise invalid(1150, "Invalid params", VALUES, *faulty.faults) from None
            if wanted.status != change:
                raise invalid(1150, "Invalid params", "Operation not supported for this channel.")
            word = "typing" if wanted.replying_indicator and wanted.replying_indicator.show else change
            self._network.log.change(self.provider, word, identifier)
        except VonageError as error:
            return error.response()
        return Response(status_code=200)

    async def media(self, request: Request) -> Response:
        """GET what a person sent, which wants the application's token."""
        try:
            self._authorise(request)
        except VonageError as error:
            return error.response()
        if handset(request.path_params["id"]).refused:
            return VonageError(404, "#not-found", "Not Found", "Media not found").response()
        return media.placeholder("picture.jpg")

    def _authorise(self, request: Request) -> None:
        given = request.headers.get("authorization")
        if given is None:
            raise NO_HEADER
        scheme, _, proof = given.partition(" ")
        match scheme.lower():
            case "bearer":
                self._check(proof)
            case "basic":
                credentials = self._config.credentials
                pair = f"{_key(credentials)}:{credentials.secret('vonage api_secret')}"
                if not hmac.compare_digest(proof.encode(), b64encode(pair.encode())):
                    raise BAD_KEY
            case _:
                raise BAD_TOKEN

    def _check(self, token: str) -> None:
        """A token of the application's: signed with its key, with an id, and of now."""
        try:
            claims = jwt.decode(
                token,
                self._public_key,
                algorithms=["RS256"],
                leeway=SKEW,
                options={"require": ["application_id", "iat", "jti"]},
            )
        except (jwt.PyJWTError, ValueError):
            raise BAD_TOKEN from None
        issued = int(claims["iat"])
        end = min(int(claims.get("exp", issued + TOKEN_LIFE)), issued + LONGEST_LIFE)
        if claims["application_id"] != _application(self._config.credentials) or end < time.time():
            raise BAD_TOKEN

    @cached_property
    def _public_key(self) -> Any:
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        return load_pem_private_key(self._config.credentials.private_key.encode(), None).public_key()

    # --- what becomes of a message ---------------------------------------------------------------

    def took(self, message: VonageMessage) -> None:
        self._changes[message.provider_id] = "revoked" if message.channel == "rcs" else ""

    def throttled(self) -> Response:
        return THROTTLED.response()

    def unavailable(self) -> Response:
        return INTERNAL.response()

    def answer(self, messages: Sequence[VonageMessage]) -> Response:
        (message,) = messages
        if not self.takes(message):
            return RECIPIENT.response()
        return JSONResponse({"message_uuid": message.provider_id}, 202)

    def receipt(self, message: VonageMessage, event: Event, at: float) -> Webhook | None:
        if event is Event.READ and message.vonage_channel not in READS:
            return None
        body = _status(message, event, at) if message.version == "v1" else _old_status(message, event, at)
        return self._signed(message.status_url, body)

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        body = self._written(channel, sender, recipient, {"message_type": "text", "text": text}, at)
        match channel:
            case "sms":
                keyword = (text.split() or [""])[0].upper()
                body["sms"] = {"num_messages": str(segments(text)[1]), "keyword": keyword}
                body["usage"] = {"price": "0.0000", "currency": "EUR"}
            case "whatsapp":
                body |= {"profile": {"name": HANDSET}, "context_status": "none"}
            case "viber_service_msg":
                if previous := self._network.log.last_id(recipient, sender):
                    body["context"] = {"message_uuid": previous}
        return self._signed(self._application_url("inbound"), body)

    def inbound_rich(self, written: Written, at: float) -> Webhook | None:
        """By RCS a tap on a suggestion only."""
        by_rcs = written.channel == "rcs" and written.reply is not None and written.quotes is None
        if written.channel != "whatsapp" and not by_rcs:
            return None
        body = self._written(written.channel, written.sender, written.to, self._shown(written), at)
        if written.channel == "whatsapp":
            body |= {"profile": {"name": written.profile}, "context_status": "none"}
        if written.quotes is not None:
            quoted = self._network.log.provider_id(written.quotes)
            body |= {"context_status": "available"}
            body["context"] = {"message_uuid": quoted, "message_from": written.ours}
        return self._signed(self._application_url("inbound"), body)

    def _written(
        self, channel: str, sender: str, recipient: str, content: dict[str, Any], at: float
    ) -> dict[str, Any]:
        identifier = str(uuid4())
        if channel == "whatsapp":
            self._changes[identifier] = "read"
        return {
            "channel": next((name for name, word in WORDS.items() if word == channel), channel),
            "message_uuid": identifier,
            "to": recipient.removeprefix("+"),
            "from": sender.removeprefix("+"),
            "timestamp": _time(at),
            **content,
        }

    def _shown(self, written: Written) -> dict[str, Any]:
        kind, node = written.kind, getattr(written, written.kind)
        match kind:
            case "text":
                return {"message_type": "text", "text": node}
            case "sticker":
                base = f"http://127.0.0.1:{self._config.port}/vonage/v3/media"
                value: Any = {"url": f"{base}/{node.id or uuid4().int >> 80}"}
            case "reaction":
                value = {"action": "react", "emoji": node.emoji} if node.emoji else {"action": "unreact"}
            case "contacts":
                kind, value = "contact", {"contacts": node}
            case "order":
                value = node.model_dump(exclude_none=True)
                value["product_items"] = [
                    item | {name: str(item[name]) for name in ("quantity", "item_price")}
                    for item in value["product_items"]
                ]
            case _:
                value = node.model_dump(exclude_none=True)
        return {"message_type": kind, kind: value}

    def _application_url(self, what: str) -> str:
        """What our side gave Vonage with the application."""
        inbound = self._config.inbound_url(self.provider)
        return inbound if what == "inbound" else inbound.replace("/inbound/", f"/{what}/")

    def _signed(self, url: str, value: dict[str, Any]) -> Webhook:
        credentials = self._config.credentials
        body = json.dumps(value).encode()
        claims = {
            "iat": int(time.time()),
            "jti": str(uuid4()),
            "iss": "Vonage",
            "payload_hash": hashlib.sha256(body).hexdigest(),
            "api_key": _key(credentials),
            "application_id": _application(credentials),
        }
        token = jwt.encode(claims, credentials.secret("vonage signature_secret"), "HS256")
        headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
        return Webhook(self.provider, url, body, headers)


def _application(credentials: Credentials) -> str:
    return str(UUID(credentials.secret("vonage application_id")))


def _key(credentials: Credentials) -> str:
    return credentials.secret("vonage api_key")[:8]


def _time(moment: float) -> str:
    """2026-11-23T10:15:28.000Z"""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _failure(message: VonageMessage) -> tuple[int, str, str]:
    return UNREACHABLE if message.channel in ("sms", "mms") else STRANGER


def _price(message: VonageMessage) -> dict[str, str]:
    price = float(PRICES.get(message.channel, OTHER_PRICE)) * message.parts
    return {"price": f"{price:.4f}", "currency": "EUR"}


def _status(message: VonageMessage, event: Event, at: float) -> dict[str, Any]:
    """Of version 1."""
    body: dict[str, Any] = {
        "message_uuid": message.provider_id,
        "to": message.recipient,
        "from": message.sender,
        "timestamp": _time(at),
        "status": STATUSES[event],
        "channel": message.vonage_channel,
    }
    if message.echo_id is not None:
        body["client_ref"] = message.echo_id
    if message.channel in ("sms", "mms"):
        body["destination"] = {"network_code": NETWORK}
    if message.channel == "sms":
        body["sms"] = {"count_total": str(message.parts)}
    if event is Event.DELIVERED:
        body["usage"] = _price(message)
        if message.channel == "whatsapp":
            body["whatsapp"] = {
                "conversation": {"id": uuid4().hex, "origin": {"type": "utility"}},
                "pricing": {"type": "regular", "pricing_model": "PMP", "category": "utility"},
            }
    if event is Event.FAILED:
        number, name, words = _failure(message)
        body["error"] = {
            "type": f"https://developer.vonage.com/api-errors/messages#{number}",
            "title": str(number),
            "detail": f"{name} - {words}",
            "instance": uuid4().hex,
        }
    return body


def _old_status(message: VonageMessage, event: Event, at: float) -> dict[str, Any]:
    """Of version 0.1."""
    by_id = {"messenger": ("id", "id"), "viber_service": ("number", "id"), "rcs": ("number", "id")}
    to, sender = by_id.get(message.vonage_channel, ("number", "number"))
    body: dict[str, Any] = {
        "message_uuid": message.provider_id,
        "to": {"type": message.channel, to: message.recipient},
        "from": {"type": message.channel, sender: message.sender},
        "timestamp": _time(at),
        "status": STATUSES[event],
    }
    if message.echo_id is not None:
        body["client_ref"] = message.echo_id
    if event is Event.DELIVERED:
        body["usage"] = _price(message)
    if event is Event.FAILED:
        number, name, _ = _failure(message)
        body["error"] = {"code": number, "reason": name}
    return body
