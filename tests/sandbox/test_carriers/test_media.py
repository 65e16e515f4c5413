"""The media gateway."""

import struct
import zlib

import pytest

from sandbox.carriers.media import placeholder

from .rig import Rig


@pytest.mark.network
def test_media_is_fetched(rig: Rig) -> None:
    reply = rig.http.get("/media", params={"url": f"{rig.receiver.url}/picture.webp"})
    assert (reply.status_code, reply.content) == (200, b"RIFF-bytes")
    assert reply.headers["content-type"] == "image/webp"


@pytest.mark.network
@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("{receiver}/missing.png", 502),
        ("{receiver}/large.bin", 413),
        ("file:///etc/hosts", 400),
        ("http://", 400),
        ("", 400),
        ("http://127.0.0.1:1/gone.PDF", 200),
    ],
)
def test_media_that_cannot_be_had(rig: Rig, url: str, status: int) -> None:
    reply = rig.http.get("/media", params={"url": url.format(receiver=rig.receiver.url)})
    assert reply.status_code == status
    if status == 200:
        assert reply.headers["content-type"] == "application/pdf"


@pytest.mark.parametrize(
    ("path", "kind", "begins", "ends"),
    [
        pytest.param("/a/b.jpg", "image/jpeg", b"\xff\xd8\xff\xe0", b"\xff\xd9", id="jpg"),
        pytest.param("/b.JPEG", "image/jpeg", b"\xff\xd8\xff\xe0", b"\xff\xd9", id="jpeg"),
        pytest.param("/b.png", "image/png", b"\x89PNG\r\n\x1a\n", b"IEND\xae\x42\x60\x82", id="png"),
        pytest.param("/b.gif", "image/gif", b"GIF89a", b";", id="gif"),
        pytest.param("/b.mp3", "audio/mpeg", b"\xff\xfb", b"\x00", id="mp3"),
        pytest.param("/b.mp4", "video/mp4", b"\x00\x00\x00\x18ftyp", b"\x00\x00\x00\x01", id="mp4"),
        pytest.param("/b.pdf", "application/pdf", b"%PDF-1.4", b"%%EOF\n", id="pdf"),
        pytest.param("/b.vcf", "text/vcard", b"BEGIN:VCARD\r\n", b"END:VCARD\r\n", id="vcf"),
        pytest.param("/b.exe", "image/png", b"\x89PNG", b"\x82", id="unknown"),
        pytest.param("/", "image/png", b"\x89PNG", b"\x82", id="none"),
    ],
)
def test_placeholder(path: str, kind: str, begins: bytes, ends: bytes) -> None:
    made = placeholder(path)
    assert made.headers["content-type"].partition(";")[0] == kind
    assert bytes(made.body).startswith(begins) and bytes(made.body).endswith(ends)


def test_png_checksums() -> None:
    rest = bytes(placeholder("/a.png").body)[8:]
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        assert struct.unpack(">I", rest[8 + length : 12 + length]) == (zlib.crc32(rest[4 : 8 + length]),)
        rest = rest[12 + length :]


def test_pdf_offsets() -> None:
    data = bytes(placeholder("/a.pdf").body)
    table = int(data.split(b"startxref\n")[1].split(b"\n")[0])
    assert data[table:].startswith(b"xref\n")
    for number, line in enumerate(data[table:].split(b"\n")[3:6], 1):
        assert data[int(line[:10]) :].startswith(b"%d 0 obj" % number)
