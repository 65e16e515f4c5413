"""uvicorn as a part of a larger program: on a socket that is already bound, deaf to signals."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp


class Server(uvicorn.Server):
    """Serves one app until `stop`.

    h11, because it takes what real clients send and API Gateway takes too: an empty query, odd header
    case, a DELETE with a stray body. (httptools answers 400 to the last.)
    """

    def __init__(self, app: ASGIApp, bound: socket.socket, lifespan: bool = False) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http="h11",
                ws="none",
                lifespan="on" if lifespan else "off",
                log_config=None,
                log_level="error",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                # Longer than clients keep a connection, so that none is closed under a request.
                timeout_keep_alive=120,
                timeout_graceful_shutdown=5,
            )
        )
        self._bound = bound
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Returns when requests are answered."""
        self._task = asyncio.create_task(self.serve([self._bound]))
        while not self.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the server did not start")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Takes no more connections, lets the open calls finish (5 s), ends the app's lifespan."""
        self.should_exit = True
        if self._task:
            await self._task

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
