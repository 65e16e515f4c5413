"""A place for webhooks on the local stack itself, for those who have no receiver of their own yet."""

import asyncio
import time
from collections import deque
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

KEPT = 1000
MAILBOX = "/sandbox/webhooks"


class Mailbox:
    """POST /sandbox/webhooks takes a webhook, GET shows the newest, last one first."""

    def __init__(self) -> None:
        self._kept: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._readers: set[asyncio.Queue[dict[str, Any]]] = set()

    async def handle(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(list(reversed(self._kept)))
        try:
            body = await request.json()
        except ValueError:
            return JSONResponse({"reason": "the body is not JSON"}, 400)
        self._kept.append({"received_at": time.time(), "body": body})
        for reader in self._readers:
            reader.put_nowait(body)
        return Response(status_code=200)

    def read(self) -> "asyncio.Queue[dict[str, Any]]":
        """Everything that comes from now on, as it comes."""
        reader: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._readers.add(reader)
        return reader

    def close(self, reader: "asyncio.Queue[dict[str, Any]]") -> None:
        self._readers.discard(reader)
