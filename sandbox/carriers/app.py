"""The carriers as one ASGI application."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.carriers.callbacks import POSTS, Callbacks, Publish
from sandbox.carriers.config import Config
from sandbox.carriers.control import Control
from sandbox.carriers.network import Network
from sandbox.carriers.overheard import Overhears
from sandbox.carriers.providers import CARRIERS

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def create(config: Config, publish: Publish) -> Starlette:
    """The application. `publish` is a blocking call that puts a text on an SNS topic."""
    client = httpx.AsyncClient(
        timeout=httpx.Timeout(10, pool=None),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=POSTS, keepalive_expiry=2),
        trust_env=False,  # a proxy cannot reach our loopback
    )
    callbacks = Callbacks(client, publish, config.pace)
    network = Network(callbacks, config.pace)
    carriers = [make(config, network) for make in CARRIERS]
    control = Control(config, client, callbacks, network, carriers)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None, None]:
        yield
        await network.close()
        await callbacks.close()
        await client.aclose()

    return Starlette(
        routes=[
            *(route for carrier in carriers for route in carrier.routes()),
            Route("/media", control.media),
            Route("/inbound", control.inbound, methods=["POST"]),
            Route("/handshake/{provider}", control.handshake, methods=["POST"]),
            Route("/accounts/{provider}", control.account),
            Route("/log", control.log),
            Route("/handsets", control.handsets, methods=["GET"]),
            Route("/handsets", control.act, methods=["POST"]),
        ],
        middleware=[Middleware(_OnlyLocal), Middleware(Overhears)],
        lifespan=lifespan,
    )


class _OnlyLocal:
    """Refuses what a page of another site makes a browser send: foreign Host or Origin."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            host, origin = headers.get(b"host"), headers.get(b"origin")
            if not (_is_local(b"//" + host if host else None) and _is_local(origin)):
                await PlainTextResponse("only for this computer", 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _is_local(address: bytes | None) -> bool:
    if address is None:
        return True
    try:
        return urlsplit(address.decode("ascii")).hostname in LOOPBACK
    except ValueError:
        return False
