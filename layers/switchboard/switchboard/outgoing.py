"""Calls to addresses that somebody else chose: clients' webhooks, and media.

They reach the public internet and nothing else. Every address that a name stands for is looked at when the
connection is made, which goes to the very address that was looked at: a name that means something else by
then gets nowhere. No redirect is followed, and a call ends in the time that it is given, however steadily its
answer drips.
"""

import re
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from time import monotonic
from typing import Any

import httpcore
import httpx

from switchboard import clock

LOOKUP_SECONDS = 3.0
"""For what a name stands for. The system's own patience would outlast a function."""
NOT_AN_ADDRESS = "must be an http or https address"
NOT_PUBLIC = "must be an address on the public internet"
_NAT64 = IPv6Network("64:ff9b::/96")
_ENDS = ContextVar("ends", default=float("inf"))
"""When the call of this thread has to be over, by the monotonic clock."""


CONNECT_SECONDS, ANSWER_SECONDS = 3.0, 15.0


class Refused(Exception):
    """An address that we do not call. The text says why, and quotes nothing."""


class NoAnswer(Exception):
    """Nothing came back, or not in time. The text says which."""


@dataclass(frozen=True)
class Answer:
    status: int
    retry_after: float | None = None
    """Seconds, if it named a time."""


def addresses(host: str) -> list[str]:
    """What a name stands for. OSError if it stands for nothing, or nobody says in time; UnicodeError if it
    can be no name."""
    found: list[str] = []
    failed: list[Exception] = []

    def look() -> None:
        try:
            found.extend(dict.fromkeys(str(each[4][0]) for each in socket.getaddrinfo(host, None)))
        except (OSError, UnicodeError) as error:
            failed.append(error)

    looker = threading.Thread(target=look, daemon=True)
    looker.start()
    looker.join(LOOKUP_SECONDS)
    if failed:
        raise failed[0]
    if not found:
        raise TimeoutError("no answer about a name")
    return found


@dataclass(frozen=True)
class Guard:
    allow_loopback: bool = False
    """For the local stack, whose clients are on the same machine."""

    def fault(self, url: httpx.URL | str) -> str | None:
        """What can be seen to be wrong with an address without asking anybody; None if nothing is."""
        try:
            parsed = httpx.URL(url)
            host = parsed.host
            host.encode("idna")
        except (httpx.InvalidURL, UnicodeError):
            return NOT_AN_ADDRESS
        if parsed.scheme not in ("http", "https") or not host:
            return NOT_AN_ADDRESS
        if host == "localhost" or host.endswith(".localhost"):
            is_open = self.allow_loopback
        else:
            try:
                is_open = self._is_open(host)
            except ValueError:
                is_open = True  # a name
        return None if is_open else NOT_PUBLIC

    def open_addresses(self, host: str) -> Sequence[str]:
        """What a name stands for, if all of it may be called. Refused or OSError."""
        found = addresses(host)
        if not all(self._is_open(each) for each in found):
            raise Refused(NOT_PUBLIC)
        return found

    def _is_open(self, text: str) -> bool:
        """ValueError if it is no address in figures."""
        address = _inner(ip_address(text.partition("%")[0]))
        if address is None:
            return False
        return _is_public(address) or (self.allow_loopback and address.is_loopback)


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address | None:
    """The IPv4 address that an IPv6 one only wraps, as gateways and kernels unwrap it. None for wraps that
    nobody has a use for."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address in _NAT64:
        return IPv4Address(address.packed[-4:])
    if not any(address.packed[:12]) and int(address) > 1:
        return None  # "compatible" addresses, long given up
    return address


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    shut = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_link_local
    if isinstance(address, IPv6Address):
        shut = shut or address.is_site_local
    return address.is_global and not shut


@dataclass(frozen=True)
class Outgoing:
    guard: Guard
    client: httpx.Client

    def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answer:
        """Refused if this must not be called, NoAnswer if nothing came of it."""
        try:
            target = httpx.URL(url)
            fault = self.guard.fault(target)
            if fault:
                raise Refused(fault)
            with (
                within(CONNECT_SECONDS + ANSWER_SECONDS),
                # Only status and headers count: a body could be endless, or broken.
                self.client.stream("POST", target, content=content, headers=headers) as reply,
            ):
                return Answer(reply.status_code, _retry_after(reply.headers.get("retry-after")))
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, UnicodeError):
            raise Refused(NOT_AN_ADDRESS) from None
        except httpx.ConnectTimeout as error:
            raise NoAnswer(f"no connection within {CONNECT_SECONDS:.0f} s") from error
        except httpx.TimeoutException as error:
            raise NoAnswer(f"no answer within {ANSWER_SECONDS:.0f} s") from error
        except (httpx.HTTPError, OSError) as error:
            raise NoAnswer("could not be reached") from error


def _retry_after(text: str | None) -> float | None:
    """Seconds, or a date."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - clock.now()).total_seconds()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What this thread calls in here has so long in all."""
    token = _ENDS.set(monotonic() + seconds)
    try:
        yield
    finally:
        _ENDS.reset(token)


def _left(timeout: float | None, error: type[Exception]) -> float:
    left = min(float("inf") if timeout is None else timeout, _ENDS.get() - monotonic())
    if left <= 0:
        raise error("the time for this call is over")
    return min(left, 3600.0)


class Transport(httpx.HTTPTransport):
    """Connects only where a guard lets it, and knows of no proxy. Refused leaves it as it is."""

    def __init__(self, guard: Guard, limits: httpx.Limits) -> None:
        self.guard = guard
        context = httpx.create_ssl_context()
        super().__init__(verify=context, limits=limits)
        # It has no setting for this; a test tells if it does not take it any more.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            network_backend=_Backend(guard),
        )


class _Backend(httpcore.NetworkBackend):
    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._system = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """To the first address that answers; each has its share of the time."""
        end = monotonic() + _left(timeout, httpcore.ConnectTimeout)
        try:
            found = self._guard.open_addresses(host)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError("the name stands for nothing") from error
        failed: Exception = httpcore.ConnectTimeout("the time to connect is over")
        for number, address in enumerate(found):
            share = (end - monotonic()) / (len(found) - number)
            if share <= 0:
                break
            try:
                return _Bounded(self._system.connect_tcp(address, port, share, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


class _Bounded(httpcore.NetworkStream):
    """A connection whose every move keeps to the end of its call."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
