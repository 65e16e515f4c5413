"""The API over TLS, for clients that know no other scheme.

A connection to this port is TLS, or one to a proxy that is asked to CONNECT: whatever the host is that it
names, it ends here. So a program that has Vonage's own host names in it reaches the local stack through
HTTPS_PROXY. The certificate is signed by an authority of the state folder's own, whose key is not kept.
"""

import asyncio
import contextlib
import ipaddress
import os
import socket
import ssl
from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = frozenset(
    {f"{name}.nexmo.com" for name in ("api", "rest", "messages-sandbox")}
    | {f"{name}.vonage.com" for name in ("api", "api-eu", "api-us", "api-ap")}
)
"""Vonage's, beside the loopback ones."""
DAYS = 800
_LONGEST_HEAD = 8192
_CHUNK = 65536


class TlsFront:
    """Passes what comes over TLS on to the plain port."""

    def __init__(self, bound: socket.socket, port: int, context: ssl.SSLContext) -> None:
        self._bound = bound
        self._port = port
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self) -> None:
        self._start(self._accept())

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._bound.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._bound)
            self._start(self._serve(connection))

    async def _serve(self, connection: socket.socket) -> None:
        # Clients go away as they like, and some do not trust us: neither is news.
        with connection, contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if await _asks_for_a_proxy(connection):
                await asyncio.get_running_loop().sock_sendall(connection, b"HTTP/1.1 200 OK\r\n\r\n")
            reader = asyncio.StreamReader()
            transport, protocol = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader), connection, ssl=self._context
            )
            writer = asyncio.StreamWriter(transport, protocol, reader, asyncio.get_running_loop())
            try:
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
                try:
                    await _either(_pump(reader, inner_writer), _pump(inner_reader, writer))
                finally:
                    inner_writer.close()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()


async def _asks_for_a_proxy(connection: socket.socket) -> bool:
    """Reads the request to CONNECT if that is what comes. TLS is left unread."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)
    if connection.recv(1, socket.MSG_PEEK) != b"C":
        return False
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        more = await loop.sock_recv(connection, 1)  # not a byte of what follows the head
        if not more or len(head) > _LONGEST_HEAD:
            raise ConnectionError("no request")
        head += more
    return True


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(_CHUNK):
        writer.write(chunk)
        await writer.drain()


async def _either(*pumps: Coroutine[Any, Any, None]) -> None:
    """Until one of them ends."""
    tasks = [asyncio.create_task(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def context(folder: Path, hosts: Iterable[str] = ()) -> ssl.SSLContext:
    """With the certificate that is kept in `folder`. Clients trust ca.pem, or trusted.pem where they take one
    file for all: it has everybody else's authorities too."""
    names = sorted({"localhost", *NAMES, *hosts})
    kept = folder / "server.pem"
    if not (kept.exists() and (folder / "ca.pem").exists() and _still_good(kept.read_bytes(), names)):
        folder.mkdir(mode=0o700, exist_ok=True)
        authority, certificate = _certificates(names)
        _write(kept, certificate)
        _write(folder / "ca.pem", authority)
    _write(folder / "trusted.pem", Path(certifi.where()).read_bytes() + (folder / "ca.pem").read_bytes())
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_alpn_protocols(["http/1.1"])
    made.load_cert_chain(kept)
    return made


def _still_good(pem: bytes, names: list[str]) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    is_fresh = certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=30)
    return is_fresh and sorted(alternatives.get_values_for_type(x509.DNSName)) == names


def _certificates(names: list[str]) -> tuple[bytes, bytes]:
    """The authority's certificate, and the server's with its key, in PEM."""
    authority_key, server_key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Switchboard on this machine")])
    server = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)

    def builder(subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(authority)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=DAYS))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )

    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    ca = (
        builder(authority, authority_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage | {"key_cert_sign": True, "crl_sign": True}), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    alternatives = [*map(x509.DNSName, names), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf = (
        builder(server, server_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage | {"digital_signature": True}), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return ca.public_bytes(pem), leaf.public_bytes(pem) + key


def _write(path: Path, content: bytes) -> None:
    draft = path.with_suffix(".new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    draft.replace(path)
