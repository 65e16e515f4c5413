"""Meta's Graph API: the front that WhatsApp and Messenger share, its errors and its webhooks.

https://developers.facebook.com/docs/graph-api
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import parse_object

Handle = Callable[[Request], Awaitable[Response]]
Send = Callable[[str, Mapping[str, Any], bytes], Awaitable[Response]]
"""Takes a page or phone number id, the body as JSON, and its bytes. GraphError if the body is wrong."""


class GraphError(Exception):
    """An error answer. `details` is what WhatsApp adds in `error_data`, `advice` is for people to read."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int = 400,
        subcode: int | None = None,
        details: str | None = None,
        advice: str | None = None,
        transient: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.subcode = subcode
        self.details = details
        self.advice = advice
        self.transient = transient
        self.headers = headers

    def response(self) -> Response:
        error: dict[str, Any] = {"message": str(self), "type": "OAuthException", "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.details is not None:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.advice is not None:
            error["error_user_msg"] = self.advice
        if self.transient:
            error["is_transient"] = True
        error["fbtrace_id"] = "A" + secrets.token_urlsafe(16)
        return JSONResponse({"error": error}, self.status, self.headers)


UNAVAILABLE = GraphError(
    2, "An unexpected error has occurred. Please retry your request later.", status=500, transient=True
)


def account(base_url: str, credentials: Credentials) -> dict[str, Any]:
    """The members that both kinds of account have."""
    names = ("access_token", "app_secret", "verify_token")
    return {"base_url": f"{base_url}/v26.0"} | {name: credentials.secret(f"meta {name}") for name in names}


def route(provider: str, config: Config, path: str, methods: Sequence[str], handle: Handle) -> Route:
    """/{provider}/{version}/{object}{path}, for who shows the token."""

    async def guarded(request: Request) -> Response:
        try:
            authorise(request, config.secret("meta access_token"))
            check_path(request)
            return await handle(request)
        except GraphError as error:
            return error.response()

    return Route(f"/{provider}/{{version}}/{{object}}{path}", guarded, methods=methods)


def messages(provider: str, config: Config, send: Send) -> Route:
    """POST /{provider}/{version}/{sender}/messages"""

    async def handle(request: Request) -> Response:
        body = await request.body()
        return await send(request.path_params["object"], parse(body), body)

    return route(provider, config, "/messages", ["POST"], handle)


def authorise(request: Request, access_token: str) -> None:
    """GraphError 190 unless the request shows the token, in its header or its query."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        shown = request.query_params.get("access_token", "")
    if not shown:
        raise GraphError(190, "An access token is required to request this resource.", status=401)
    if not hmac.compare_digest(shown.encode(), access_token.encode()):
        raise GraphError(190, "Invalid OAuth access token - Cannot parse access token", status=401)


def check_path(request: Request) -> None:
    """GraphError 2500 or 100 unless a call goes to a known version and a possible object."""
    if not re.fullmatch(r"v\d+\.0", request.path_params["version"]):
        raise GraphError(2500, "Unknown path components: the version is not of the form v26.0")
    if not request.path_params["object"].isdecimal():
        raise no_such_object(request)


def no_such_object(request: Request) -> GraphError:
    return GraphError(
        100, f"Unsupported {request.method.lower()} request. There is no such object.", subcode=33
    )


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a body. GraphError 100."""
    value = parse_object(body)
    if value is None:
        raise GraphError(100, "(#100) The body is not a JSON object")
    return value


def fields(request: Request, node: Mapping[str, Any], usual: Collection[str]) -> dict[str, Any]:
    """What was asked for of an object; its `id` always. Fields that it has not are left out."""
    asked_for = request.query_params.get("fields")
    wanted = {"id", *(usual if asked_for is None else asked_for.split(","))}
    return {name: value for name, value in node.items() if name in wanted}


def webhook(provider: str, value: Mapping[str, Any], config: Config) -> Webhook:
    """A signed callback."""
    body = json.dumps(value, separators=(",", ":")).encode()
    signature = hmac.new(config.secret("meta app_secret").encode(), body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={signature}"}
    return Webhook(provider, config.inbound_url(provider), body, headers)


async def handshake(provider: str, config: Config, client: httpx.AsyncClient) -> bool:
    """Whether our callback URL passes Meta's check when a subscription is set up."""
    challenge = str(secrets.randbelow(10**10))
    query = {
        "hub.mode": "subscribe",
        "hub.verify_token": config.secret("meta verify_token"),
        "hub.challenge": challenge,
    }
    try:
        reply = await client.get(config.inbound_url(provider), params=query)
    except httpx.HTTPError:
        return False
    return reply.status_code == 200 and reply.text == challenge
