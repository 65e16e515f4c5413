"""A client's webhooks: a real HTTP server on loopback that remembers what it was told."""

import json
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Body = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Hook:
    """One webhook, at the moment it came."""

    kind: str
    """"status" or "inbound"."""
    body: Body
    headers: dict[str, str]
    """By names in lower case."""
    at: float
    raw: bytes
    """The body as it came."""


class Mailbox:
    """What one application is told, in the order of arrival."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._hooks: list[Hook] = []
        self._changed = threading.Condition()
        self._refusals, self._refusal = 0, 503
        self.refused: list[Hook] = []

    def refuse(self, times: int, status: int = 503) -> None:
        """Answer the next webhooks so."""
        self._refusals, self._refusal = times, status

    def take(self, hook: Hook) -> int:
        """The answer's status."""
        with self._changed:
            if self._refusals:
                self._refusals -= 1
                self.refused.append(hook)
                return self._refusal
            self._hooks.append(hook)
            self._changed.notify_all()
            return 200

    @property
    def hooks(self) -> list[Hook]:
        with self._changed:
            return list(self._hooks)

    def bodies(self, kind: str = "status", **members: Any) -> list[Body]:
        """Those that have these members."""
        return [
            hook.body
            for hook in self.hooks
            if hook.kind == kind and all(hook.body.get(name) == value for name, value in members.items())
        ]

    def statuses(self, message_uuid: str) -> list[str]:
        return [body["status"] for body in self.bodies(message_uuid=message_uuid)]

    def reports(self) -> list[Body]:
        return [body for body in self.bodies() if "template" in body]

    def until_statuses(self, uuid: str, seconds: float, count: int = 1, any_of: Collection[str] = ()) -> None:
        """Until a message has had so many statuses, and one of these if any are given."""

        def enough() -> bool:
            seen = self.statuses(uuid)
            return len(seen) >= count and (not any_of or not set(any_of).isdisjoint(seen))

        self.until(enough, seconds)

    def until(self, found: Callable[[], T], seconds: float) -> T:
        """The first true value of `found`, which is called again whenever a webhook has come."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not (value := found()):
                left = deadline - time.monotonic()
                assert left > 0, f"it was not told in {seconds} s; it was told {self._summary()}"
                self._changed.wait(left)
            return value

    def _summary(self) -> str:
        told = [f"{hook.body.get('status', hook.kind)}" for hook in self.hooks[-20:]]
        return ", ".join(told) or "nothing"


class Receiver:
    """Any number of mailboxes behind one port."""

    def __init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                _, number, kind = self.path.split("/")
                headers = {name.lower(): value for name, value in self.headers.items()}
                hook = Hook(kind, json.loads(body), headers, time.time(), body)
                self.send_response(receiver._mailboxes[int(number)].take(hook))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._mailboxes: list[Mailbox] = []
        self._server = _Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def mailbox(self) -> Mailbox:
        """A new one; its webhooks go to `url` + /status and /inbound."""
        port = self._server.server_address[1]
        mailbox = Mailbox(f"http://127.0.0.1:{port}/{len(self._mailboxes)}")
        self._mailboxes.append(mailbox)
        return mailbox

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
