"""RCS for Business, Google's API, with the token endpoint that its service accounts ask.

https://developers.google.com/business-communications/rcs-business-messaging/reference/rest
https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

import hashlib
import hmac
import json
import re
import secrets
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qs
from uuid import UUID, uuid4

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import Faulty, check, parse_object
from sandbox.carriers.handsets import Event, handset
from sandbox.carriers.network import Carrier, Message, Network, digest
from sandbox.carriers.rcs_google_messages import AgentEvent, AgentMessage
from sandbox.carriers.recent import Recent
from sandbox.carriers.writing import Written

CLIENT_EMAIL = "switchboard@sandbox-0b07.iam.gserviceaccount.com"
"""The service account."""

AUDIENCE = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/rcsbusinessmessaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
TOKEN_SECONDS = 3599
LONGEST_ASSERTION = 3600  # seconds from iat to exp
SKEW = 10  # seconds

LARGEST = 250 * 1024
"""Bytes of a whole message."""

FEATURES = [
    "RICHCARD_STANDALONE",
    "RICHCARD_CAROUSEL",
    "ACTION_CREATE_CALENDAR_EVENT",
    "ACTION_DIAL",
    "ACTION_OPEN_URL",
    "ACTION_SHARE_LOCATION",
    "ACTION_VIEW_LOCATION",
]

NUMBER = re.compile(r"\+[1-9]\d{6,14}")
AGENT = re.compile(r"[A-Za-z0-9][\w.-]{0,199}(@rbm\.goog)?")


class GoogleError(Exception):
    """An answer of Google's APIs that is no success."""

    def __init__(self, status: HTTPStatus, word: str, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.word = word

    def response(self) -> Response:
        error = {"code": int(self.status), "message": str(self), "status": self.word}
        return JSONResponse({"error": error}, self.status)


class TokenError(Exception):
    """The same of the token endpoint, which words it in another way."""

    def __init__(self, word: str, words: str) -> None:
        super().__init__(words)
        self.word = word

    def response(self) -> Response:
        return JSONResponse({"error": self.word, "error_description": str(self)}, 400)


def _invalid(words: str) -> GoogleError:
    return GoogleError(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", words)


def _not_found() -> GoogleError:
    return GoogleError(HTTPStatus.NOT_FOUND, "NOT_FOUND", "Requested entity was not found.")


@dataclass(frozen=True, kw_only=True)
class RcsMessage(Message):
    content: dict[str, Any]
    """The AgentMessage as it came."""
    repeated: bool

    @property
    def name(self) -> str:
        return f"phones/{self.recipient}/agentMessages/{self.provider_id}"


class RcsGoogle(Carrier[RcsMessage]):
    """Every agent is the service account's. Recipients have their "+"."""

    provider: ClassVar[str] = "rcs_google"
    channels = ("rcs",)
    reports = (Event.DELIVERED, Event.READ, Event.FAILED)
    scrambled_reports = (Event.READ, Event.DELIVERED)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        self._token = f"ya29.{secrets.token_urlsafe(32)}"
        self._sent: Recent[tuple[str, str], str] = Recent()
        self._revoked: Recent[tuple[str, str], None] = Recent()
        self._received: Recent[str, tuple[str, str]] = Recent()
        """Who wrote to which agent, by the message's id."""

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        url = f"{carriers}/rcs_google"
        return {
            "base_url": url,
            "token_url": f"{url}/token",
            "client_email": CLIENT_EMAIL,
            "private_key": credentials.private_key,
            "client_token": credentials.secret("rcs_google client_token"),
        }

    def routes(self) -> list[Route]:
        def route(path: str, handle: Callable[[Request], Awaitable[Response]], method: str) -> Route:
            async def answer(request: Request) -> Response:
                try:
                    self._authorise(request)
                    return await handle(request)
                except GoogleError as error:
                    return error.response()

            return Route(f"/rcs_google/v1/{path}", answer, methods=[method])

        return [
            Route("/rcs_google/token", self.token, methods=["POST"]),
            route("phones/{number}/agentMessages", self.send, "POST"),
            route("phones/{number}/agentMessages/{message_id}", self.revoke, "DELETE"),
            route("phones/{number}/agentEvents", self.event, "POST"),
            route("phones/{number}/capabilities", self.capabilities, "GET"),
            route("users:batchGet", self.reachable, "POST"),
        ]

    # --- access ----------------------------------------------------------------------------------

    async def token(self, request: Request) -> Response:
        """POST /token"""
        form = parse_qs((await request.body()).decode(errors="replace"))
        if form.get("grant_type") != [GRANT]:
            return TokenError("unsupported_grant_type", "Invalid grant_type").response()
        try:
            self._read_assertion(form.get("assertion", [""])[0])
        except TokenError as error:
            return error.response()
        words = {"access_token": self._token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"}
        return JSONResponse(words)

    def _read_assertion(self, assertion: str) -> None:
        import jwt
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = load_pem_private_key(self._config.credentials.private_key.encode(), None).public_key()
        try:
            claims = jwt.decode(
                assertion,
                key,  # type: ignore[arg-type]
                ["RS256"],
                {"require": ["iss", "aud", "iat", "exp"]},
                audience=AUDIENCE,
                issuer=CLIENT_EMAIL,
                leeway=SKEW,
            )
        except jwt.InvalidSignatureError:
            raise TokenError("invalid_grant", "Invalid JWT Signature.") from None
        except jwt.InvalidIssuerError:
            raise TokenError("invalid_grant", "Invalid grant: account not found") from None
        except jwt.PyJWTError:
            raise TokenError("invalid_grant", "Invalid JWT") from None
        if claims["exp"] - claims["iat"] > LONGEST_ASSERTION:
            raise TokenError("invalid_grant", "Invalid JWT: Token must be a short-lived token")
        if SCOPE not in str(claims.get("scope", "")).split():
            raise TokenError("invalid_scope", "Invalid OAuth scope or ID token audience provided.")

    def _authorise(self, request: Request) -> None:
        shown = request.headers.get("authorization", "").encode()
        if not hmac.compare_digest(shown, f"Bearer {self._token}".encode()):
            words = "Request had invalid authentication credentials."
            raise GoogleError(HTTPStatus.UNAUTHORIZED, "UNAUTHENTICATED", words)

    # --- messages --------------------------------------------------------------------------------

    async def send(self, request: Request) -> Response:
        """POST /v1/phones/{number}/agentMessages?messageId=&agentId="""
        number, agent = _number(request), _agent(request.query_params.get("agentId", ""))
        message_id = _uuid(request.query_params.get("messageId", ""))
        body = await request.body()
        value = _object(body)
        try:
            check(AgentMessage, value)
        except Faulty as faulty:
            fault = faulty.faults[0]
            raise _invalid(f"Invalid value at '{fault.dotted}': {fault.reason}") from None
        if len(body) > LARGEST:
            raise _invalid("The message is larger than 250 KB.")
        message = RcsMessage(
            channel="rcs",
            sender=agent,
            recipient=number,
            provider_id=message_id,
            echo_id=message_id,
            digest=digest(body),
            content=value,
            repeated=(agent, message_id) in self._sent,
        )
        return await self._network.exchange(self, [message])

    async def revoke(self, request: Request) -> Response:
        """DELETE /v1/phones/{number}/agentMessages/{messageId}?agentId="""
        sent = _agent(request.query_params.get("agentId", "")), request.path_params["message_id"]
        if self._sent.get(sent) != _number(request):
            raise _not_found()
        self._revoked[sent] = None
        self._network.log.change(self.provider, "revoked", sent[1])
        return JSONResponse({})

    async def event(self, request: Request) -> Response:
        """POST /v1/phones/{number}/agentEvents?eventId=&agentId= {"eventType", "messageId"?}: what somebody
        wrote was read, or the agent is about to answer."""
        number, agent = _number(request), _agent(request.query_params.get("agentId", ""))
        event_id = _uuid(request.query_params.get("eventId", ""))
        value = _object(await request.body())
        try:
            event = check(AgentEvent, value)
        except Faulty as faulty:
            fault = faulty.faults[0]
            raise _invalid(f"Invalid value at '{fault.dotted}': {fault.reason}") from None
        if handset(number).refused:
            raise _not_found()
        if event.messageId is not None and self._received.get(event.messageId) != (number, agent):
            raise _invalid("message_id is not of a message that this person wrote")
        word = "read" if event.eventType == "READ" else "typing"
        self._network.log.change(self.provider, word, event.messageId or event_id)
        name = f"phones/{number}/agentEvents/{event_id}"
        return JSONResponse({"name": name, "sendTime": _time(time.time()), **value})

    async def capabilities(self, request: Request) -> Response:
        """GET /v1/phones/{number}/capabilities?requestId=&agentId="""
        number = _number(request)
        _agent(request.query_params.get("agentId", ""))
        if handset(number).refused:
            raise _not_found()
        return JSONResponse({"features": FEATURES})

    async def reachable(self, request: Request) -> Response:
        """POST /v1/users:batchGet {"users", "agentId"}"""
        value = _object(await request.body())
        users = value.get("users")
        _agent(value.get("agentId"))
        if not isinstance(users, list) or not all(
            isinstance(number, str) and NUMBER.fullmatch(number) for number in users
        ):
            raise _invalid("Invalid value at 'users'")
        return JSONResponse({"reachableUsers": [number for number in users if not handset(number).refused]})

    def takes(self, message: RcsMessage) -> bool:
        """A message with a used id is ignored."""
        return super().takes(message) and not message.repeated

    def took(self, message: RcsMessage) -> None:
        self._sent[message.sender, message.provider_id] = message.recipient

    def throttled(self) -> Response:
        words = "Resource has been exhausted (e.g. check quota)."
        return GoogleError(HTTPStatus.TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED", words).response()

    def unavailable(self) -> Response:
        words = "The service is currently unavailable."
        return GoogleError(HTTPStatus.SERVICE_UNAVAILABLE, "UNAVAILABLE", words).response()

    def answer(self, messages: Sequence[RcsMessage]) -> Response:
        (message,) = messages
        if message.handset.refused:
            return _not_found().response()
        return JSONResponse({"name": message.name, "sendTime": _time(message.at), **message.content})

    # --- callbacks -------------------------------------------------------------------------------

    def receipt(self, message: RcsMessage, event: Event, at: float) -> Webhook | None:
        """That a message expired is told of all, not only of those that have a `ttl`: the rest would be
        in Google's queue for 30 days, and then vanish without a word."""
        if (message.sender, message.provider_id) in self._revoked:
            return None
        if event is Event.FAILED:
            person, word = "phoneNumber", "TTL_EXPIRATION_REVOKED"
        else:
            person, word = "senderPhoneNumber", event.name
        told = {
            person: message.recipient,
            "eventType": word,
            "eventId": str(uuid4()),
            "messageId": message.provider_id,
            "sendTime": _time(at),
            "agentId": message.sender,
        }
        return self._webhook(told, at, "event", word)

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        return self._written(sender, recipient, {"text": text}, "TEXT", at)

    def inbound_rich(self, written: Written, at: float) -> Webhook | None:
        """A tap on a suggestion."""
        if written.reply is None:
            return None
        tapped = {"postbackData": written.reply.id, "text": written.reply.title, "type": "REPLY"}
        content = {"suggestionResponse": tapped}
        return self._written(written.sender, written.to, content, "SUGGESTION_RESPONSE", at)

    def _written(self, sender: str, agent: str, content: dict[str, Any], word: str, at: float) -> Webhook:
        number, message_id = f"+{sender.removeprefix('+')}", f"Mx{secrets.token_urlsafe(15)}"
        self._received[message_id] = number, agent
        told = {
            "senderPhoneNumber": number,
            "messageId": message_id,
            "sendTime": _time(at),
            "agentId": agent,
            **content,
        }
        return self._webhook(told, at, "message", word)

    def _webhook(self, told: dict[str, Any], at: float, kind: str, word: str) -> Webhook:
        data = json.dumps(told, ensure_ascii=False).encode()
        attributes = {
            "product": "RBM",
            "business_id": told["agentId"],
            "type": kind,
            "message_type": word,
        }
        message = {
            "attributes": attributes,
            "data": b64encode(data).decode(),
            "messageId": str(uuid4().int >> 74),
            "publishTime": _time(at),
        }
        envelope = {"message": message, "subscription": "projects/sandbox-0b07/subscriptions/rbm-sub"}
        key = self._config.secret("rcs_google client_token").encode()
        signature = b64encode(hmac.new(key, data, hashlib.sha512).digest()).decode()
        headers = {"content-type": "application/json", "x-goog-signature": signature}
        body = json.dumps(envelope).encode()
        return Webhook(self.provider, self._config.inbound_url(self.provider), body, headers)

    async def handshake(self, client: httpx.AsyncClient) -> bool | None:
        secret = str(secrets.randbelow(10**10))
        body = {"clientToken": self._config.secret("rcs_google client_token"), "secret": secret}
        try:
            reply = await client.post(self._config.inbound_url(self.provider), json=body)
        except httpx.HTTPError:
            return False
        return reply.status_code == 200 and reply.text == secret


def _number(request: Request) -> str:
    number = str(request.path_params["number"])
    if not NUMBER.fullmatch(number):
        raise _invalid("The phone number is not in E.164 format.")
    return number


def _agent(value: object) -> str:
    if not (isinstance(value, str) and AGENT.fullmatch(value)):
        raise _invalid("Invalid value at 'agent_id'")
    return value


def _uuid(value: str) -> str:
    try:
        if str(UUID(value)) == value.lower():
            return value
    except ValueError:
        pass
    raise _invalid("message_id must be a UUID")


def _object(body: bytes) -> dict[str, Any]:
    value = parse_object(body)
    if value is None:
        raise _invalid("Invalid JSON payload received.")
    return value


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
