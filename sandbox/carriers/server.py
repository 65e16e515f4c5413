"""An HTTP server that can hang up: uvicorn with h11, and a response that closes the connection."""

import socket
from asyncio import Transport
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


class _Connection(H11Protocol):
    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "abort": transport.abort}  # each request's state is a copy


class NoAnswer(Response):
    """The request was taken and is not answered: the client sees its connection closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["abort"]()
        while (await receive())["type"] != "http.disconnect":
            continue


class Server(uvicorn.Server):
    """Serves an app on a bound socket of 127.0.0.1 until `should_exit` is set."""

    def __init__(self, app: ASGIApp, port: int = 0) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=_Connection,
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                # A connection that is closed just as a request comes looks like a lost answer to its
                # client; only handsets may cause those.
                timeout_keep_alive=3600,
                timeout_graceful_shutdown=1,
            )
        )
        # With its protocol named: asyncio switches Nagle's delay (40 ms an answer) off only then.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.listen(2048)
        self.port: int = self._socket.getsockname()[1]

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        super().run(sockets or [self._socket])

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leaves signals to the process; uvicorn would end by the signal that it got."""
        yield
