"""Who may talk to a port of the local stack.

Everything listens on the loopback address, but a page in the user's browser is on this machine too.
It must neither post to the API nor reach the emulator, through which it could run code. A browser
cannot hide where a request comes from: it names the page in Origin and Sec-Fetch-Site, and a host
name that the page's owner points at 127.0.0.1 shows in Host.
"""

import json
import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Guard:
    """ASGI middleware: answers 403 to requests that a foreign page could have caused.

    port   the one this server listens on; a page that is served from it is no stranger
    hosts  names beside the loopback ones that Host may carry (a tunnel to this machine)
    tls_port  where the same server is reached over TLS, if anywhere
    """

    def __init__(
        self, app: ASGIApp, port: int, hosts: Iterable[str] = (), tls_port: int | None = None
    ) -> None:
        self._app = app
        self._hosts = LOOPBACK | frozenset(hosts)
        self._origins = {f"http://{host}:{port}" for host in self._hosts} | {
            f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts
        }
        if tls_port:
            self._origins |= {f"https://{host}:{tls_port}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (reason := self.refuse(scope)) is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _forbid(send, reason)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def refuse(self, scope: Scope) -> str | None:
        """Why this request is refused, or None."""
        hosts = _values(scope, b"host")
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            return "unknown Host; SWITCHBOARD_HOSTS can name more"
        if any(origin not in self._origins for origin in _values(scope, b"origin")):
            return "requests from other web pages are refused"
        if any(site not in ("none", "same-origin") for site in _values(scope, b"sec-fetch-site")):
            return "requests from other web pages are refused"
        return None


class AwsGuard(Guard):
    """For the emulator's port, where no browser has any business at all.

    Beside that, every request must be signed in AWS's way. The signature is not checked, but the
    emulator's own doors (reset, configuration, downloads of code) are used without one.
    """

    def refuse(self, scope: Scope) -> str | None:
        if _values(scope, b"origin") or _values(scope, b"sec-fetch-site"):
            return "not for browsers"
        if scope["path"].startswith("/_"):
            return "the emulator's own paths are closed"
        header = any(value.startswith("AWS4-HMAC-SHA256 ") for value in _values(scope, b"authorization"))
        if not header and b"X-Amz-Signature=" not in scope.get("query_string", b""):
            return "AWS requests are signed"
        return super().refuse(scope)


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key.lower() == name]


def _name(host: str) -> str:
    return re.sub(r":[0-9]*$", "", host).lower()


async def _forbid(send: Send, reason: str) -> None:
    body = json.dumps({"message": f"Forbidden: {reason}"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
