"""The API over TLS: trusted by its own authority only, straight or through a CONNECT."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sandbox import tls
from sandbox.serving import Server
from sandbox.state import listen

pytestmark = pytest.mark.network


async def _echo(request: Request) -> Response:
    return PlainTextResponse(f"{request.headers['host']} {len(await request.body())}")


@asynccontextmanager
async def front(folder: Path) -> AsyncIterator[int]:
    """A server that tells which host was called, and how long the body was; its TLS port."""
    plain, secure = listen(0), listen(0)
    server = Server(Starlette(routes=[Route("/", _echo, methods=["GET", "POST"])]), plain)
    await server.begin()
    over_tls = tls.TlsFront(secure, plain.getsockname()[1], tls.context(folder))
    over_tls.begin()
    try:
        yield secure.getsockname()[1]
    finally:
        await over_tls.stop()
        await server.stop()
        plain.close()


def run(folder: Path, test: Callable[[int], Awaitable[None]]) -> None:
    async def in_front() -> None:
        async with front(folder) as port:
            await asyncio.wait_for(test(port), 20)

    asyncio.run(in_front())


def trusting(folder: Path, proxy: str | None = None) -> httpx.AsyncClient:
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    return httpx.AsyncClient(verify=context, proxy=proxy, trust_env=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_straight(tmp_path: Path, host: str) -> None:
    async def test(port: int) -> None:
        async with trusting(tmp_path) as client:
            for size in (0, 3_000_000):  # on one connection
                answer = await client.post(f"https://{host}:{port}/", content=b"x" * size)
                assert answer.text == f"{host}:{port} {size}"

    run(tmp_path, test)


@pytest.mark.parametrize("host", ["api.nexmo.com", "rest.nexmo.com", "api-eu.vonage.com"])
def test_through_a_connect_every_host_leads_here(tmp_path: Path, host: str) -> None:
    async def test(port: int) -> None:
        async with trusting(tmp_path, f"http://127.0.0.1:{port}") as client:
            assert (await client.get(f"https://{host}/")).text == f"{host} 0"

    run(tmp_path, test)


def test_nobody_else_trusts_it(tmp_path: Path) -> None:
    async def test(port: int) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await client.get(f"https://127.0.0.1:{port}/")
        async with trusting(tmp_path, f"http://127.0.0.1:{port}") as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("https://example.com/")

    run(tmp_path, test)


@pytest.mark.parametrize(
    "noise",
    [b"", b"GET / HTTP/1.1\r\n\r\n", b"CONNECT", b"C" * 20_000],
    ids=["nothing", "plain", "half", "long"],
)
def test_noise_ends_its_own_connection_only(tmp_path: Path, noise: bytes) -> None:
    async def test(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(noise)
        writer.write_eof()
        with pytest.raises((ConnectionError, EOFError)):
            await reader.readexactly(1000)
        writer.close()
        async with trusting(tmp_path) as client:
            assert (await client.get(f"https://127.0.0.1:{port}/")).status_code == 200

    run(tmp_path, test)


def test_the_certificate_is_kept_until_its_names_change(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    tls.context(folder)
    kept = (folder / "ca.pem").read_bytes()
    tls.context(folder)
    assert (folder / "ca.pem").read_bytes() == kept
    tls.context(folder, ["tunnel.example"])
    assert (folder / "ca.pem").read_bytes() != kept
    assert (folder / "server.pem").stat().st_mode & 0o777 == 0o600
    trusted = (folder / "trusted.pem").read_bytes()
    assert b"PRIVATE KEY" not in trusted
    assert trusted.endswith((folder / "ca.pem").read_bytes())
    assert trusted.count(b"BEGIN CERTIFICATE") > 100  # other people's servers are called as well


def test_it_listens_on_loopback_only() -> None:
    with listen(0) as bound:
        assert bound.getsockname()[0] == "127.0.0.1" and bound.family is socket.AF_INET
