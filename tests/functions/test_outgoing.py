"""Addresses that somebody else chose: what is called, what is not, and for how long."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from switchboard import clock, outgoing
from switchboard.outgoing import Guard, NoAnswer, Outgoing, Refused, Transport
from tests.functions.flows import Flow
from tests.support import payloads

PUBLIC = "93.184.215.14"

# --- which addresses -----------------------------------------------------------------------------

SHUT = {
    "this host": "0.0.0.0",
    "loopback": "127.0.0.1",
    "loopback too": "127.255.0.9",
    "private 10": "10.0.0.7",
    "private 172": "172.16.3.4",
    "private 192": "192.168.1.1",
    "link-local": "169.254.0.1",
    "metadata": "169.254.169.254",
    "carrier's own": "100.64.0.1",
    "documentation": "192.0.2.1",
    "benchmarks": "198.18.0.1",
    "multicast": "224.0.0.1",
    "reserved": "240.0.0.1",
    "broadcast": "255.255.255.255",
    "six unspecified": "::",
    "six loopback": "::1",
    "six private": "fd00:ec2::254",
    "six link-local": "fe80::1",
    "six link-local with its link": "fe80::1%eth0",
    "six site-local": "fec0::1",
    "six multicast": "ff02::1",
    "six documentation": "2001:db8::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped metadata": "::ffff:a9fe:a9fe",
    "compatible loopback": "::7f00:1",
    "6to4 private": "2002:0a00:0001::1",
    "NAT64 metadata": "64:ff9b::a9fe:a9fe",
    "local NAT64": "64:ff9b:1::a00:1",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
}
OPEN = {
    "four": PUBLIC,
    "six": "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
    "mapped": f"::ffff:{PUBLIC}",
    "NAT64": "64:ff9b::5db8:d70e",
}


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", SHUT.values(), ids=list(SHUT))
def test_not_on_the_internet(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = Guard()
    if "%" not in address:
        assert guard.fault(f"http://{bracketed(address)}/hook") == outgoing.NOT_PUBLIC
    # One such address among others is enough.
    monkeypatch.setattr(outgoing, "addresses", lambda host: [PUBLIC, address])
    with pytest.raises(Refused):
        guard.open_addresses("client.example")


@pytest.mark.parametrize("address", OPEN.values(), ids=list(OPEN))
def test_on_the_internet(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "addresses", lambda host: [address])
    assert Guard().fault(f"http://{bracketed(address)}:8443/hook") is None
    assert Guard().open_addresses("client.example") == [address]


@pytest.mark.parametrize("address", SHUT.values(), ids=list(SHUT))
def test_a_local_stack_calls_itself_and_nobody_else_around(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "addresses", lambda host: [address])
    is_loopback = address in ("127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1")
    if is_loopback:
        assert Guard(allow_loopback=True).open_addresses("client.example") == [address]
        return
    with pytest.raises(Refused):
        Guard(allow_loopback=True).open_addresses("client.example")


FAULTS: dict[str, tuple[str, str | None]] = {
    "a name": ("https://client.example/hook", None),
    "with port, name and password": ("https://u:p@client.example:8443/hook", None),
    "another language's": ("https://grüße.example/", None),
    "a file": ("file:///etc/passwd", outgoing.NOT_AN_ADDRESS),
    "gopher": ("gopher://client.example/", outgoing.NOT_AN_ADDRESS),
    "no host": ("http:///hook", outgoing.NOT_AN_ADDRESS),
    "half an address": ("http://[::1", outgoing.NOT_AN_ADDRESS),
    "a name that cannot be": (f"http://{'a' * 70}.example/", outgoing.NOT_AN_ADDRESS),
    "ourselves by name": ("http://localhost:9001/", outgoing.NOT_PUBLIC),
    "ourselves by a longer one": ("http://x.localhost/", outgoing.NOT_PUBLIC),
    "metadata behind a name and password": ("http://a@169.254.169.254/", outgoing.NOT_PUBLIC),
    "not what is before the at": ("http://93.184.215.14@127.0.0.1/", outgoing.NOT_PUBLIC),
}


@pytest.mark.parametrize(("url", "fault"), FAULTS.values(), ids=list(FAULTS))
def test_what_can_be_seen_of_an_address(url: str, fault: str | None) -> None:
    assert Guard().fault(url) == fault


@pytest.mark.parametrize(
    "url", ["http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://017700000001/"]
)
@pytest.mark.network
def test_other_ways_to_write_loopback(url: str) -> None:
    """The system's resolver reads them as addresses; what it makes of them is looked at."""
    with pytest.raises((Refused, OSError)):
        Guard().open_addresses(httpx.URL(url).host)


# --- by real connections -------------------------------------------------------------------------


@contextmanager
def server(
    answer: Callable[[socket.socket], None], family: int = socket.AF_INET
) -> Iterator[tuple[int, list[bytes]]]:
    """A port, and what came there."""
    came: list[bytes] = []
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    listening = socket.create_server((host, 0), family=family)

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                try:
                    came.append(connection.recv(65_536))
                    answer(connection)
                except OSError:
                    pass

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listening.getsockname()[1], came
    finally:
        listening.close()


def taken(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


def client(guard: Guard, seconds: float = 5) -> Outgoing:
    return Outgoing(guard, httpx.Client(transport=Transport(guard, httpx.Limits()), timeout=seconds))


@pytest.mark.network
def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "addresses", lambda host: ["127.0.0.1"])
    with server(taken) as (port, came):
        url = f"http://client.example:{port}/hook"
        answer = client(Guard(allow_loopback=True)).post(url, b"{}", {"x": "y"})
    assert answer.status == 200
    [request] = came
    assert request.startswith(b"POST /hook HTTP/1.1\r\n")
    assert f"Host: client.example:{port}\r\n".encode() in request, "the name is what the server hears"


@pytest.mark.network
@pytest.mark.parametrize("inside", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_a_name_of_our_own_network(inside: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([[inside], [PUBLIC]])
    monkeypatch.setattr(outgoing, "addresses", lambda host: next(answers))
    with server(taken) as (port, came), pytest.raises(Refused):
        client(Guard()).post(f"http://rebind.example:{port}/", b"{}", {})
    assert came == []
    assert next(answers) == [PUBLIC], "it was looked at once, and not again for another answer"


@pytest.mark.network
def test_a_name_that_means_something_else_later(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.7"]])
    monkeypatch.setattr(outgoing, "addresses", lambda host: next(answers))
    with server(taken) as (port, came):
        outgoing_client = client(Guard(allow_loopback=True))
        assert outgoing_client.post(f"http://rebind.example:{port}/", b"{}", {}).status == 200
        with pytest.raises(Refused):
            outgoing_client.post(f"http://rebind.example:{port}/", b"{}", {})
    assert len(came) == 1


@pytest.mark.network
def test_a_redirect_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "addresses", lambda host: ["127.0.0.1"])

    def moved(connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.1 307 Moved\r\nlocation: http://inside.example/\r\ncontent-length: 0\r\n\r\n"
        )

    with server(moved) as (port, came):
        answer = client(Guard(allow_loopback=True)).post(f"http://client.example:{port}/", b"{}", {})
    assert (answer.status, len(came)) == (307, 1)


@pytest.mark.network
def test_an_answer_that_drips_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes well within the time for one, so only the whole can be too long."""
    monkeypatch.setattr(outgoing, "addresses", lambda host: ["127.0.0.1"])
    monkeypatch.setattr(outgoing, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(outgoing, "CONNECT_SECONDS", 0.5)

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
        for _ in range(200):
            connection.sendall(b"y")
            time.sleep(0.1)

    with server(drip) as (port, _):
        began = time.monotonic()
        with pytest.raises(NoAnswer):
            client(Guard(allow_loopback=True)).post(f"http://client.example:{port}/", b"{}", {})
        assert time.monotonic() - began < 8


@pytest.mark.network
def test_a_body_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "addresses", lambda host: ["127.0.0.1"])

    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
        for _ in range(100):
            connection.sendall(bytes(1000))
            time.sleep(0.1)

    with server(endless) as (port, _):
        began = time.monotonic()
        assert client(Guard(allow_loopback=True)).post(f"http://c.example:{port}/", b"", {}).status == 200
        assert time.monotonic() - began < 5


@pytest.mark.network
def test_the_next_address_if_one_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "addresses", lambda host: ["127.0.0.9", "127.0.0.1"])
    with server(taken) as (port, came):
        url = f"http://client.example:{port}/"
        assert client(Guard(allow_loopback=True)).post(url, b"", {}).status == 200
    assert len(came) == 1


@pytest.mark.network
@pytest.mark.parametrize("resolver", [OSError, None])
def test_nothing_there(resolver: type[OSError] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(host: str) -> list[str]:
        if resolver:
            raise resolver
        return ["127.0.0.1"]

    monkeypatch.setattr(outgoing, "addresses", unknown)
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    with pytest.raises(NoAnswer, match="could not be reached"):
        client(Guard(allow_loopback=True)).post(f"http://client.example:{port}/", b"", {})


@pytest.mark.network
def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "addresses", lambda host: ["127.0.0.1"])
    with server(taken) as (port, came), server(taken) as (proxy, asked):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        client(Guard(allow_loopback=True)).post(f"http://client.example:{port}/", b"", {})
    assert (len(came), asked) == (1, [])


def test_a_name_that_nobody_knows_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "LOOKUP_SECONDS", 0.05)

    def slow(*_: Any) -> list[Any]:
        time.sleep(0.5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with pytest.raises(TimeoutError):
        outgoing.addresses("slow.example")


# --- Retry-After ---------------------------------------------------------------------------------

NOW = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
WAITS: dict[str, tuple[str | None, float | None]] = {
    "none": (None, None),
    "seconds": ("120", 120),
    "with blanks": (" 7 ", 7),
    "a date": (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
    "one that was": (format_datetime(NOW - timedelta(seconds=90), usegmt=True), -90),
    "words": ("soon", None),
    "below nothing": ("-5", None),
    "a fraction": ("1.5", None),
    "too large for any clock": ("9" * 40, None),
}


@pytest.mark.parametrize(("text", "seconds"), WAITS.values(), ids=list(WAITS))
def test_retry_after(text: str | None, seconds: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    assert outgoing._retry_after(text) == seconds


# --- said when it is set -------------------------------------------------------------------------

INSIDE = "http://169.254.169.254/latest/meta-data"


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("kind", ["status_url", "inbound_url"])
def test_an_application_cannot_have_it(flow: Flow, method: str, kind: str) -> None:
    path = "/v2/applications" + (f"/{flow.app['id']}" if method == "PUT" else "")
    webhooks = {kind: {"address": INSIDE, "http_method": "POST"}}
    body = {"name": "x", "capabilities": {"messages": {"webhooks": webhooks}}}
    status, answer = flow.cloud.http("applications", method, path, body, payloads.basic())
    assert status == 400
    [fault] = answer["invalid_parameters"]
    assert fault == {
        "name": f"capabilities.messages.webhooks.{kind}.address",
        "reason": "must be an address on the public internet",
    }


@pytest.mark.parametrize("name", ["moCallBackUrl", "drCallBackUrl"])
def test_the_account_cannot_have_it(flow: Flow, name: str) -> None:
    path = "/account/settings"
    status, answer = flow.cloud.http(
        "applications", "POST", path, None, payloads.basic(), query={name: "http://10.0.0.1/"}
    )
    assert status == 420
    assert name in answer["error-code-label"]


@pytest.mark.parametrize("place", ["webhook_url", "failover[0].webhook_url"])
def test_a_message_cannot_have_it(flow: Flow, place: str) -> None:
    body: dict[str, Any] = payloads.flat("sms")
    if place == "webhook_url":
        body["webhook_url"] = INSIDE
    else:
        body["failover"] = [payloads.flat("whatsapp", webhook_url=INSIDE)]
    status, answer = flow.cloud.http("send", "POST", "/v1/messages", body, flow.app["bearer"])
    assert status == 422
    assert [fault["name"] for fault in answer["invalid_parameters"]] == [place]


def test_the_local_stack_can(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_LOOPBACK", "1")
    flow.cloud.load("applications")
    made = payloads.application(flow.cloud, status_url="http://localhost:3000/status")
    assert made["id"]
