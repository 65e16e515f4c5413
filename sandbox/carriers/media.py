"""What a media gateway does: fetch an address, or stand in for one that cannot be reached."""

import asyncio
import struct
import zlib
from collections.abc import Callable
from pathlib import PurePosixPath

import httpx
from starlette.responses import JSONResponse, Response

TIMEOUT = 2.0
"""Seconds for the whole fetch."""

LARGEST = 5 * 1024 * 1024
"""Bytes."""


async def fetch(client: httpx.AsyncClient, address: str) -> Response:
    """The media at an address, as its host serves it.

    200 with a placeholder of the kind that the extension says, if the host cannot be reached; 400 if the
    address is none; 413 if the media is too large; 502 if the host answers anything else than 2xx.
    """
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return _problem(400, "url is not an address")
    if url.scheme not in ("http", "https") or not url.host:
        return _problem(400, "url must begin with http:// or https:// and name a host")
    try:
        async with asyncio.timeout(TIMEOUT):
            return await _fetch(client, url)
    except (httpx.TransportError, TimeoutError):
        return placeholder(url.path)


async def _fetch(client: httpx.AsyncClient, url: httpx.URL) -> Response:
    async with client.stream("GET", url, follow_redirects=True) as reply:
        if not reply.is_success:
            return _problem(502, f"the host answered {reply.status_code}")
        body = bytearray()
        async for chunk in reply.aiter_bytes():
            body += chunk
            if len(body) > LARGEST:
                return _problem(413, "the media is larger than 5 MB")
        kind = reply.headers.get("content-type", "application/octet-stream")
    return Response(bytes(body), headers={"content-type": kind})


def placeholder(path: str) -> Response:
    """A tiny valid file of the kind that a path's extension says; PNG for kinds that we cannot make."""
    extension = PurePosixPath(path).suffix.lower()
    kind, make = PLACEHOLDERS.get(extension, PLACEHOLDERS[".png"])
    return Response(make(), headers={"content-type": kind})


def _problem(status: int, reason: str) -> Response:
    return JSONResponse({"field": "url", "reason": reason}, status)


def _png() -> bytes:
    """One grey pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\x00\x80")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _gif() -> bytes:
    """One white pixel of a palette of two."""
    screen = struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\x00\x00\x00\xff\xff\xff"
    image = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x4c\x01\x00"
    return b"GIF89a" + screen + image + b";"


def _jpeg() -> bytes:
    """One grey pixel: a block whose coefficients are all zero, with Huffman tables of one code each."""

    def segment(marker: int, data: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data

    one_code = bytes([1] + [0] * 15) + b"\x00"
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"),
            segment(0xDB, b"\x00" + bytes([1] * 64)),
            segment(0xC0, struct.pack(">BHHB", 8, 1, 1, 1) + b"\x01\x11\x00"),
            segment(0xC4, b"\x00" + one_code),
            segment(0xC4, b"\x10" + one_code),
            segment(0xDA, b"\x01\x01\x00\x00\x3f\x00"),
            b"\x3f",  # two codes of one bit, and padding
            b"\xff\xd9",
        )
    )


def _mp3() -> bytes:
    """A quarter of a second of silence: ten empty frames, MPEG 1 layer III, 32 kbit/s, 44.1 kHz, mono."""
    header = b"\xff\xfb\x10\xc0"
    length = 144 * 32_000 // 44_100
    return (header + bytes(length - len(header))) * 10


def _mp4() -> bytes:
    """A movie of one second that has no tracks."""

    def box(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", 8 + len(data)) + kind + data

    times = struct.pack(">IIIII", 0, 0, 0, 1000, 1000)
    unity = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    header = times + struct.pack(">IH", 0x10000, 0x100) + bytes(10) + unity + bytes(24) + struct.pack(">I", 1)
    return box(b"ftyp", b"isom" + bytes(4) + b"isommp41") + box(b"moov", box(b"mvhd", header))


def _pdf() -> bytes:
    """One blank page."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << >> >>",
    )
    text, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(text))
        text += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    tail = b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return text + tail % (size, table, size, len(text))


def _vcf() -> bytes:
    return b"BEGIN:VCARD\r\nVERSION:3.0\r\nN:Placeholder;;;;\r\nFN:Placeholder\r\nEND:VCARD\r\n"


PLACEHOLDERS: dict[str, tuple[str, Callable[[], bytes]]] = {
    ".jpg": ("image/jpeg", _jpeg),
    ".jpeg": ("image/jpeg", _jpeg),
    ".png": ("image/png", _png),
    ".gif": ("image/gif", _gif),
    ".mp3": ("audio/mpeg", _mp3),
    ".mp4": ("video/mp4", _mp4),
    ".pdf": ("application/pdf", _pdf),
    ".vcf": ("text/vcard", _vcf),
}
