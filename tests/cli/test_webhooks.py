"""webhooks:listen, as a process of its own on a port of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest

from switchboard import signing
from tests.support.template import ROOT

pytestmark = pytest.mark.network
SECRET, ANOTHER = "the-account-s-own-signature-secret", "another-account-s-signature-secret"
STATUS = {
    "message_uuid": "m1",
    "to": {"type": "sms", "number": "447700900100"},
    "from": {"type": "sms", "number": "Acme"},
    "status": "delivered",
    "usage": {"price": "0.0333", "currency": "EUR"},
}


class Listener:
    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "switchboard_cli", "webhooks:listen", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT / "cli"), "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stderr
        match = re.search(r"http://127\.0\.0\.1:\d+", self.process.stderr.readline())
        assert match
        self.url = match[0]

    def post(self, body: bytes, path: str = "/status", secret: str | None = None, **headers: str) -> int:
        proof = signing.headers(body, "evt_1", datetime.now(UTC), [secret], "key", None) if secret else {}
        return httpx.post(self.url + path, content=body, headers={**proof, **headers}).status_code

    def end(self, code: int = 0) -> str:
        """What it said, when it has ended by itself."""
        stdout, stderr = self.process.communicate(timeout=20)
        assert self.process.returncode == code, stderr
        return stdout

    def interrupt(self) -> str:
        self.process.send_signal(signal.SIGINT)
        return self.end()


@pytest.fixture
def kill() -> Iterator[list[Listener]]:
    started: list[Listener] = []
    yield started
    for listener in started:
        listener.process.kill()
        listener.process.communicate()


@pytest.fixture
def listen(kill: list[Listener]) -> Any:
    def start(*arguments: str) -> Listener:
        kill.append(Listener(*arguments))
        return kill[-1]

    return start


def test_it_shows_what_comes(listen: Any) -> None:
    listener = listen("--secret", SECRET)
    body = json.dumps(STATUS).encode()
    assert listener.post(body, secret=SECRET) == 200
    assert listener.post(body) == 200
    assert listener.post(body, secret=ANOTHER) == 200
    inbound = {
        "message_uuid": "m2",
        "channel": "whatsapp",
        "message_type": "text",
        "text": "[red]When?[/red]",
    }
    assert listener.post(json.dumps(inbound).encode(), "/inbound", SECRET) == 200
    report = {"dispatch_uuid": "d1", "template": "failover", "status": "completed"}
    assert listener.post(json.dumps(report).encode(), secret=SECRET) == 200
    assert listener.post(b"\x1b[2J no JSON", "/other") == 200
    httpx.get(listener.url)
    said = listener.interrupt()
    heads = [re.sub(r"^\S+ ", "", line) for line in said.splitlines() if re.match(r"\d\d:\d\d:\d\d /", line)]
    assert heads == [
        "/status sms delivered 0.0333 EUR  signed (JWT, Standard Webhooks)",
        "/status sms delivered 0.0333 EUR  unsigned",
        "/status sms delivered 0.0333 EUR  bad signature (JWT: signed with another secret; "
        "Standard Webhooks: signed with another secret)",
        "/inbound whatsapp inbound  signed (JWT, Standard Webhooks)",
        "/status report completed  signed (JWT, Standard Webhooks)",
        "/other no JSON object  unsigned",
    ]
    assert '"text": "[red]When?[/red]"' in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    ("secret", "kind", "code"),
    [(SECRET, "signed", 0), (None, "unsigned", 0), (ANOTHER, "bad signature", 1)],
    ids=["signed", "unsigned", "bad"],
)
def test_once_in_json(secret: str | None, kind: str, code: int, listen: Any) -> None:
    listener = listen("--once", "--json", "--secret", SECRET)
    assert listener.post(json.dumps(STATUS).encode(), secret=secret) == 200
    shown = json.loads(listener.end(code))
    assert shown["path"] == "/status" and shown["signature"] == kind and shown["body"] == STATUS


def test_the_local_stack_s_secret_needs_no_naming(listen: Any) -> None:
    listener = listen("--once", "--json")
    listener.post(b"{}", secret="local-signature-secret-for-webhooks")
    assert json.loads(listener.end())["signature"] == "signed"


@pytest.mark.parametrize(
    ("length", "status"), [("content-length: 2147483648", b"413"), ("transfer-encoding: chunked", b"411")]
)
def test_what_has_no_length_or_too_much_is_not_read(length: str, status: bytes, listen: Any) -> None:
    listener = listen()
    port = int(listener.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nhost: a\r\n{length}\r\n\r\n".encode())
        assert connection.recv(1000).split()[1] == status
    assert listener.interrupt() == ""


def test_two_cannot_listen_at_one_port(listen: Any) -> None:
    port = listen().url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-m", "switchboard_cli", "webhooks:listen", "--port", port],
        capture_output=True,
        text=True,
        timeout=20,
        env=os.environ | {"PYTHONPATH": str(ROOT / "cli")},
        check=False,
    )
    assert done.returncode == 2
    assert "Cannot listen" in done.stderr


# --- passing on ----------------------------------------------------------------------------------


class Program(ThreadingHTTPServer):
    """What a user is writing."""

    daemon_threads = True

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes, str]] = []
        self.answers = 200
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Program

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append((self.path, body, self.headers["webhook-id"]))
        self.send_response(self.server.answers)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def program() -> Iterator[Program]:
    program = Program()
    Thread(target=program.serve_forever, daemon=True).start()
    yield program
    program.shutdown()
    program.server_close()


def test_it_passes_on_what_comes_and_answers_as_it_is_answered(listen: Any, program: Program) -> None:
    listener = listen("--json", "--forward", program.url)
    body = json.dumps(STATUS).encode()
    assert listener.post(body, "/a?b=c", SECRET) == 200
    program.answers = 503
    assert listener.post(body, "/d", SECRET) == 503
    lines = [json.loads(line) for line in listener.interrupt().splitlines()]
    assert program.taken == [("/a?b=c", body, "evt_1"), ("/d", body, "evt_1")]
    assert [line["forwarded"] for line in lines] == [200, 503]


def test_it_answers_502_where_nobody_takes_what_it_passes_on(listen: Any) -> None:
    listener = listen("--json", "--forward", "http://127.0.0.1:1/here")
    assert listener.post(b"{}") == 502
    assert "refused" in json.loads(listener.interrupt())["forwarded"]
