"""The public port: /health, /sandbox/*, and everything else to the deployed HTTP API."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Protocol

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from sandbox.mailbox import Mailbox

BODY_LIMIT = 10 * 1024 * 1024
"""Bytes; API Gateway's."""

AT_ONCE = 32
"""Calls into one part of the API (/v0.1, /status ...). Each takes a thread; the others wait, as a queue
is kinder than a refusal. By parts, so that a crowd of clients does not hold up the providers' receipts."""


class Api(Protocol):
    async def __call__(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str | list[str]], bytes]: ...


class Front:
    """An ASGI app. Answers 503 until `open` was called."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._api: Api | None = None
        self._carriers: httpx.AsyncClient | None = None
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_ONCE))
        sandbox = [
            Route("/inbound", self._pass_on, methods=["POST"]),
            Route("/log", self._pass_on, methods=["GET"]),
            Route("/handsets", self._pass_on, methods=["GET", "POST"]),
            Route("/accounts/{provider}", self._pass_on, methods=["GET"]),
            Route("/webhooks", mailbox.handle, methods=["GET", "POST"]),
        ]
        self._app = Starlette(routes=[Route("/health", self._health), Mount("/sandbox", routes=sandbox)])
        self._app.router.redirect_slashes = False
        self._app.router.default = self._call_api

    def open(self, api: Api, carriers: str) -> None:
        """Everything is there. `carriers` is the simulated carriers' address."""
        self._api = api
        self._carriers = httpx.AsyncClient(base_url=carriers, timeout=60)

    async def close(self) -> None:
        if self._carriers:
            await self._carriers.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    async def _health(self, request: Request) -> Response:
        if self._api is None:
            return _starting()
        return JSONResponse({"status": "ready"})

    async def _pass_on(self, request: Request) -> Response:
        """To the carriers, who have the same paths without /sandbox."""
        if self._carriers is None:
            return _starting()
        answer = await self._carriers.request(
            request.method,
            request.url.path.removeprefix("/sandbox"),
            params=request.url.query,
            content=await request.body(),
            headers={"content-type": request.headers.get("content-type", "application/json")},
        )
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    async def _call_api(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await (await self._answer(request))(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if self._api is None:
            return _starting()
        body = await _body(request)
        if body is None:
            return JSONResponse({"message": "Request Entity Too Large"}, 413)
        path: str = (request.scope.get("raw_path") or request.scope["path"].encode()).decode("latin-1")
        query = request.scope["query_string"].decode("latin-1")
        async with self._slots[path.split("/", 2)[1]]:
            status, headers, content = await self._api(request.method, path, query, _joined(request), body)
        response = Response(content, status)
        if request.method == "DELETE" and not {"content-length", "transfer-encoding"} & set(request.headers):
            # The old Node client sends a body that it does not announce. What is left of it in the
            # connection would be taken for the next request.
            response.headers["connection"] = "close"
        for name, value in headers.items():
            for one in value if isinstance(value, list) else [value]:
                response.headers.append(name, str(one))
        return response


async def _body(request: Request) -> bytes | None:
    """None if it is larger than API Gateway takes."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > BODY_LIMIT:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def _joined(request: Request) -> dict[str, str]:
    """Headers in lower case, repeated ones joined, as in an HTTP API's event."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _starting() -> Response:
    return JSONResponse({"status": "starting"}, 503, {"Retry-After": "1"})
