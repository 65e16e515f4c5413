"""Apple Messages for Business."""

import base64
import gzip
import hashlib
import hmac
import json
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from switchboard.adapters import adapter
from switchboard.adapters.base import MediaFile, Verification
from switchboard.errors import (
    ConfigurationError,
    InvalidRequest,
    Rejected,
    SendError,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Hook, Inbound
from switchboard.models.messages import Channel, Custom, InboundContent, Message
from tests.adapters.cases import (
    RECEIVED,
    UUID,
    Answer,
    Failed,
    Provider,
    Receive,
    Send,
    came,
    content,
    fixture,
    label,
    received,
    replace_members,
    sent,
    text_message,
)

NAME = "apple"
MSP = "4e8d1f60-2a7b-4c95-b3d6-71f0e9a8c524"
BUSINESS = "urn:biz:7f0c2d91-3b64-4e18-a5d7-90c1e2f38b46"
PERSON = "urn:mbid:AQAAZ8pKq1vT3xW+u/7mE=="
KEY = bytes(range(7, 71))
SECRET = base64.b64encode(KEY).decode()
HUGE = b'{"alg": 1' + b"0" * 5000 + b"}"
GATEWAY = "https://mspgw.push.apple.com/v1"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(key: bytes = KEY, header: Any = None, hash_: str = "sha256", **claims: Any) -> str:
    """A JWT by hand. Claims that are None are left out."""
    head = {"alg": "HS256", "typ": "JWT"} if header is None else header
    claims = {"aud": MSP, "iat": int(time.time()), **claims}
    body = json.dumps({name: value for name, value in claims.items() if value is not None})
    start = (
        f"{encoded(head if isinstance(head, bytes) else json.dumps(head).encode())}.{encoded(body.encode())}"
    )
    return f"{start}.{encoded(hmac.digest(key, start.encode(), hash_))}"


def signed(body: bytes) -> Hook:
    headers = {"authorization": f"Bearer {token()}", "content-encoding": "gzip", "id": "?"}
    return Hook(gzip.compress(body, mtime=0), headers=headers, received_at=RECEIVED)


def forged(body: bytes) -> Mapping[str, Hook]:
    now = int(time.time())
    true = token()
    headers = {
        "empty": "",
        "without a token": "Bearer ",
        "without its scheme": true,
        "of another scheme": f"Basic {true}",
        "of another key": f"Bearer {token(b'another key of as many bytes, 32')}",
        "of the key as it is written": f"Bearer {token(SECRET.encode())}",
        "for another platform": f"Bearer {token(aud='5f9e2071-3b8c-4da6-c4e7-82a1fab9d635')}",
        "for nobody": f"Bearer {token(aud=None)}",
        "ours, sent back": f"Bearer {token(aud=None, iss=MSP)}",
        "expired": f"Bearer {token(exp=now - 3600)}",
        "of tomorrow": f"Bearer {token(iat=now + 86_400)}",
        "by another hash": f"Bearer {token(header={'alg': 'HS512'}, hash_='sha512')}",
        "by no algorithm": f"Bearer {token(header={'alg': 'none'}).rpartition('.')[0]}.",
        "without a signature": f"Bearer {true.rpartition('.')[0]}",
        "cut short": f"Bearer {true[:-2]}",
        "with more": f"Bearer {true}.e30",
        "with a header that is no object": f"Bearer {token(header=[])}",
        "with a deep header": f"Bearer {token(header=b'[' * 5000)}",
        "with a huge number": f"Bearer {token(header=HUGE)}",
        "not ASCII": "Bearer é\udcff",
    }
    return {
        "missing": Hook(body),
        "in the address": Hook(body, query={"authorization": f"Bearer {true}"}),
    } | {name: Hook(body, headers={"authorization": value}) for name, value in headers.items()}


PROVIDER = Provider(
    settings={"msp_id": MSP, "secret": SECRET},
    message=text_message(Channel.APPLE, BUSINESS, PERSON),
    signed=signed,
    forged=forged,
    batch="attachments",
    events=2,
    unknown={},
    secret="secret",
    answers_nothing=True,
)
LINK = "https://shop.example/a.bin"
PICK = {"bid": "com.apple.x", "data": {"version": "1.0", "listPicker": {"sections": []}}}
PAGE = {"url": "https://shop.example/parcel", "title": "Your parcel", "assets": {}}


def body(**members: Any) -> Mapping[str, Any]:
    return {**members, "v": 1, "id": UUID, "sourceId": BUSINESS, "destinationId": PERSON}


def custom(**members: Any) -> Any:
    return content("custom", custom=members)


SENDS = [
    Send("text", body=body(type="text", body="Your parcel is on its way"), url=f"{GATEWAY}/message"),
    Send(
        "elsewhere",
        settings={"base_url": "http://e.example:81/api/"},
        url="http://e.example:81/api/v1/message",
    ),
    Send("words beyond ASCII", content("text", text="Grüße ✓"), body=body(type="text", body="Grüße ✓")),
    Send(
        "interactive",
        custom(type="interactive", interactiveData=PICK),
        body=body(type="interactive", interactiveData=PICK),
    ),
    Send(
        "rich link",
        custom(type="richLink", richLinkData=PAGE),
        body=body(type="richLink", richLinkData=PAGE),
    ),
    Send(
        "custom that addresses somebody else",
        custom(type="text", body="Hi", id="1", sourceId="x", destinationId="y", v=2),
        body=body(type="text", body="Hi"),
    ),
    Send("taken with more to say", reply=(200, {"interactiveDataRef": {"bid": "com.apple.x"}})),
    Send("taken with nonsense", reply=(200, b"<html>")),
]
HEADERS = {"id": UUID, "Source-Id": BUSINESS, "Destination-Id": PERSON, "auto-reply": "true"}


@pytest.mark.parametrize("case", SENDS, ids=label)
def test_sends(case: Send) -> None:
    request = sent(NAME, replace(case, id=UUID, headers=HEADERS))
    assert request
    assert request.method == "POST"
    check_token(request)


def check_token(request: httpx.Request) -> None:
    """By hand, and by the library: signed with the decoded secret, by us, just now."""
    scheme, _, ours = request.headers["authorization"].partition(" ")
    start, _, signature = ours.rpartition(".")
    assert scheme == "Bearer"
    assert signature == encoded(hmac.digest(KEY, start.encode(), hashlib.sha256))
    assert jwt.get_unverified_header(ours)["alg"] == "HS256"
    claims = jwt.decode(ours, KEY, algorithms=["HS256"], issuer=MSP)
    assert set(claims) == {"iss", "iat"}
    assert abs(claims["iat"] - time.time()) < 30


FAILURES = [
    Send("left", reply=(410, b""), raises=Unreachable, code=1240, provider_code="410"),
    Send("nobody", reply=(404, b""), raises=Unreachable, code=1300, provider_code="404"),
    Send("too large", reply=(413, b""), raises=Rejected, code=1381, provider_code="413"),
    Send("bad request", reply=(400, b"?"), raises=Rejected, code=1020, provider_code="400"),
    Send("bad token", reply=(403, b""), raises=ConfigurationError, code=1370, provider_code="403"),
    Send("too fast", reply=(429, b""), raises=Throttled, code=1000),
    Send("gateway", reply=(502, b""), raises=Unanswered, code=1331),
    Send("location", content("location", latitude=51.5, longitude=0), raises=Rejected, code=1140),
    Send("template", content("template", name="welcome"), raises=Rejected, code=1140),
    *(
        Send(f"{kind} that nobody uploaded", content(kind, url=LINK), raises=Rejected, code=1140)
        for kind in ("image", "audio", "video", "file", "vcard")
    ),
    Send("custom of no type", custom(body="Hi"), raises=Rejected, code=1040, provider_code="type"),
    Send("custom that is no message", custom(type="typing_start"), raises=Rejected, code=1040),
    Send("custom of an odd type", custom(type=["text"]), raises=Rejected, code=1040),
    Send("person who is no header", message={"recipient": "x\r\nid: 1"}, raises=Rejected, code=1170),
    Send("nobody at all", message={"recipient": ""}, raises=Rejected, code=1170),
    Send("sender who is no header", message={"sender": "é"}, raises=ConfigurationError, code=1120),
    Send("no platform", settings={"msp_id": " "}, raises=ConfigurationError, code=1370),
    Send("no secret", settings={"secret": ""}, raises=ConfigurationError, code=1370),
    Send("secret that is not base64", settings={"secret": "a b"}, raises=ConfigurationError, code=1370),
    Send("secret cut short", settings={"secret": SECRET[:-1]}, raises=ConfigurationError, code=1370),
    Send("secret beyond ASCII", settings={"secret": "é"}, raises=ConfigurationError, code=1370),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, case)


@pytest.mark.parametrize("secret", [f"{SECRET}\n", f" {SECRET} "], ids=["line end", "spaces"])
def test_space_around_the_secret_is_dropped(secret: str) -> None:
    request = sent(NAME, Send("", settings={"secret": secret}, id=UUID))
    assert request
    check_token(request)


@pytest.mark.parametrize("secret", ["not base64!", SECRET[:-1]], ids=["odd", "short"])
def test_a_bad_secret_is_not_told(secret: str) -> None:
    account = PROVIDER.account(NAME, secret=secret)
    for use in (
        lambda: adapter(NAME).request(PROVIDER.message, account),
        lambda: adapter(NAME).verify(signed(b"{}"), account),
    ):
        with pytest.raises(ConfigurationError) as caught:
            use()
        assert secret not in repr(caught.value)
        assert caught.value.__suppress_context__


# --- media -----------------------------------------------------------------------------------------


def with_client(use: Callable[[httpx.Client], Any], reply: Answer) -> Any:
    with httpx.Client(transport=httpx.MockTransport(reply)) as client:
        return use(client)


def crypted(data: bytes, key: bytes) -> bytes:
    """AES in counter mode by hand: each block is what a counter from 0 becomes."""
    blocks = Cipher(AES(key), ECB()).encryptor()
    counters = b"".join(number.to_bytes(16, "big") for number in range(-(-len(data) // 16)))
    return bytes(one ^ other for one, other in zip(data, blocks.update(counters), strict=False))


PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
PLACE = {
    "upload-url": "https://up.example/1?t=2",
    "mmcs-url": "https://p41-content.example/M7",
    "mmcs-owner": "M7.C01",
}
UPLOADED = {"singleFile": {"fileChecksum": "AamZPjZHBoFquj4lcXhQwmyc0Nid"}}
FILE = MediaFile(PICTURE, "image/png", "door.png")


class ContentHost:
    """Answers both steps of an upload; what is an exception is raised."""

    def __init__(self, place: Any = None, uploaded: Any = None) -> None:
        self.replies = (place or (200, PLACE), uploaded or (200, UPLOADED))
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies[len(self.requests) - 1]
        if isinstance(reply, type):
            raise reply("lost", request=request)
        return httpx.Response(reply[0], json=reply[1])


def attached(host: ContentHost, file: MediaFile = FILE, kind: str = "image", **members: Any) -> Message:
    message = replace_members(PROVIDER.message, {"content": content(kind, url=LINK, **members)})
    assert adapter(NAME).media_by(message) == "bytes"
    result: Message = with_client(
        lambda client: adapter(NAME).attach(message, file, PROVIDER.account(NAME), client), host
    )
    return result


def parts(message: Message) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """A message's custom content, and the one attachment in it."""
    assert isinstance(message.content, Custom)
    (attachment,) = message.content.custom["attachments"]
    return message.content.custom, attachment


def test_media_is_uploaded_encrypted() -> None:
    host = ContentHost()
    message = attached(host)
    asked, uploaded = host.requests

    assert (asked.method, str(asked.url)) == ("GET", f"{GATEWAY}/preUpload")
    assert asked.headers["source-id"] == BUSINESS
    assert asked.headers["size"] == asked.headers["mmcs-size"] == str(len(PICTURE))
    check_token(asked)

    assert (uploaded.method, str(uploaded.url)) == ("POST", PLACE["upload-url"])
    assert "authorization" not in uploaded.headers
    whole, attachment = parts(message)
    key = bytes.fromhex(attachment["key"].removeprefix("00"))
    assert uploaded.content != PICTURE
    assert crypted(uploaded.content, key) == PICTURE

    assert attachment == {
        "name": "door.png",
        "mimeType": "image/png",
        "size": str(len(PICTURE)),
        "key": "00" + key.hex().upper(),
        "url": PLACE["mmcs-url"],
        "owner": PLACE["mmcs-owner"],
        "signature-base64": UPLOADED["singleFile"]["fileChecksum"],
    }
    assert whole == {"type": "text", "body": "\ufffc", "attachments": [attachment]}
    sent(NAME, Send("", message.content, body=body(**whole), headers=HEADERS, id=UUID))


def test_no_key_is_used_twice() -> None:
    keys = {parts(attached(ContentHost()))[1]["key"] for _ in range(5)}
    assert len(keys) == 5


@pytest.mark.parametrize("kind", ["image", "audio", "video", "file", "vcard"])
def test_a_caption_stands_beside_the_media(kind: str) -> None:
    whole, _ = parts(attached(ContentHost(), kind=kind, caption="The door"))
    assert whole["body"] == "\ufffcThe door"


@pytest.mark.parametrize(
    ("name", "mime_type", "expected"),
    [
        ("a.b.pdf", "application/pdf", "a.b.pdf"),
        ("parcel", "application/pdf", "parcel.pdf"),
        ("", "image/jpeg", "file.jpg"),
        ("thing", "application/x-nobody-knows", "thing"),
    ],
)
def test_files_have_an_extension(name: str, mime_type: str, expected: str) -> None:
    _, attachment = parts(attached(ContentHost(), MediaFile(PICTURE, mime_type, name)))
    assert attachment["name"] == expected


UPLOADS: list[tuple[str, ContentHost, Failed, int]] = [
    ("too large", ContentHost((413, {})), Rejected, 1381),
    ("too large for the host", ContentHost(uploaded=(413, {})), Rejected, 1381),
    ("bad token", ContentHost((401, {})), ConfigurationError, 1370),
    ("not found, which is about nobody", ContentHost((404, {})), Rejected, 1020),
    ("too fast", ContentHost((429, {})), Throttled, 1000),
    ("gateway", ContentHost((502, {})), Unavailable, 1331),
    ("no answer", ContentHost(httpx.ReadTimeout), Unavailable, 1331),
    ("no answer of the host", ContentHost(uploaded=httpx.ReadTimeout), Unavailable, 1331),
    ("host that is down", ContentHost(uploaded=(503, {})), Unavailable, 1331),
    ("no address", ContentHost((200, {**PLACE, "upload-url": 7})), Unavailable, 1331),
    ("path", ContentHost((200, {**PLACE, "upload-url": "/up"})), Unavailable, 1331),
    ("odd address", ContentHost((200, {**PLACE, "upload-url": "https://x:port/"})), Unavailable, 1331),
    ("no owner", ContentHost((200, {**PLACE, "mmcs-owner": None})), Unavailable, 1331),
    ("odd answer", ContentHost((200, [PLACE])), Unavailable, 1331),
    ("no checksum", ContentHost(uploaded=(200, {"singleFile": ["x"]})), Unavailable, 1331),
]


@pytest.mark.parametrize(
    ("host", "error", "code"), [case[1:] for case in UPLOADS], ids=[case[0] for case in UPLOADS]
)
def test_media_that_cannot_be_uploaded(host: ContentHost, error: Failed, code: int) -> None:
    with pytest.raises(error) as caught:
        attached(ContentHost(*host.replies))
    assert type(caught.value) is error
    assert caught.value.code == code


# --- callbacks -------------------------------------------------------------------------------------

FIRST = "c2a8d6e4-91b7-4f35-8a0c-6d1e7b3f5a92"
TEXT, PICKED = json.loads(fixture(NAME, "text")), json.loads(fixture(NAME, "picked"))
ATTACHED = json.loads(fixture(NAME, "attachments"))
CHECKSUM = "AamZPjZHBoFquj4lcXhQwmyc0Nid"
DOOR = (
    f"{GATEWAY}/preDownload?url=https%3A%2F%2Fp41-content.example%2FM7C0FFEE.C01%3Fa%3D1%26b%3D2"
    f"&owner=M7C0FFEE.C01&signature={CHECKSUM}&source={BUSINESS.replace(':', '%3A')}"
    "#0090A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D4E5F60718293A4B5C6D7E8F"
)
MAP = (
    f"{GATEWAY}/preDownload?url=https%3A%2F%2Fp41-content.example%2FM7C0FFEE.C02"
    f"&owner=M7C0FFEE.C02&signature={CHECKSUM}&source={BUSINESS.replace(':', '%3A')}"
    "#000F1E2D3C4B5A69788796A5B4C3D2E1F00F1E2D3C4B5A69788796A5B4C3D2E1F0"
)


def inbound(what: InboundContent, identifier: str = FIRST) -> Inbound:
    return Inbound(Channel.APPLE, identifier, PERSON, BUSINESS, RECEIVED, what, {})


def said(words: str) -> list[Inbound]:
    return [inbound(came("text", text=words))]


UNSUPPORTED = came("unsupported")


def with_attachment(words: Any = "\ufffc", **members: Any) -> Mapping[str, Any]:
    return {**ATTACHED, "body": words, "attachments": [{**ATTACHED["attachments"][0], **members}]}


def chosen(**data: Any) -> Mapping[str, Any]:
    return {**PICKED, "interactiveData": {"bid": "x", "data": data}}


TAPS = {"items": [{"identifier": "y", "title": "Yes"}, {"identifier": "n", "title": "No"}]}
SLOT = {"timeslots": [{"identifier": "1", "startTime": "2026-12-01T09:00+0000", "duration": 900}]}
FORM = {
    "selections": [
        {"title": "Colour", "items": [{"title": "Red", "value": "Red"}, {"title": "Blue", "value": "Blue"}]},
        {"title": "Empty", "items": []},
        {"items": [{"value": "a@e.example"}]},
    ]
}
RECEIVES = [
    Receive("text", "text", said("Where is it?")),
    Receive("text without words", {**TEXT, "body": ""}, [inbound(UNSUPPORTED)]),
    Receive(
        "attachments",
        "attachments",
        [
            inbound(came("image", url=DOOR, caption="The door")),
            inbound(came("file", url=MAP), f"{FIRST}#1"),
        ],
    ),
    Receive("picture", with_attachment(), [inbound(came("image", url=DOOR))]),
    Receive("film", with_attachment(mimeType="video/quicktime"), [inbound(came("video", url=DOOR))]),
    Receive("sound", with_attachment(mimeType="Audio/MP4"), [inbound(came("audio", url=DOOR))]),
    Receive("recording", with_attachment(mimeType="audio/x-caf"), [inbound(came("file", url=DOOR))]),
    Receive("contact", with_attachment(mimeType="text/vcard"), [inbound(came("file", url=DOOR))]),
    Receive("of no type", with_attachment(mimeType=None), [inbound(came("file", url=DOOR))]),
    Receive("attachment without a key", with_attachment(key=None), [inbound(UNSUPPORTED)]),
    Receive("attachment of a short key", with_attachment(key="00AB"), [inbound(UNSUPPORTED)]),
    Receive("attachment of nobody", with_attachment(owner=""), [inbound(UNSUPPORTED)]),
    Receive(
        "attachment that would make headers",
        with_attachment(url="https://e/\r\nx: y"),
        [inbound(UNSUPPORTED)],
    ),
    Receive(
        "attachment with a signature that is none",
        with_attachment(**{"signature-base64": None, "signature": "xyz"}),
        [inbound(UNSUPPORTED)],
    ),
    Receive(
        "words beside an odd attachment",
        with_attachment("Look \ufffc", key=7),
        [inbound(came("text", text="Look")), inbound(UNSUPPORTED, f"{FIRST}#1")],
    ),
    Receive("picked from a list", "picked", said("In the morning, At the door")),
    Receive(
        "tapped, by identifier", chosen(**{"quick-reply": {**TAPS, "selectedIdentifier": "n"}}), said("No")
    ),
    Receive("tapped, by position", chosen(**{"quick-reply": {**TAPS, "selectedIndex": 0}}), said("Yes")),
    Receive("tapped what is not there", chosen(**{"quick-reply": {"selectedIdentifier": "n"}}), said("n")),
    Receive("time", chosen(event=SLOT), said("2026-12-01T09:00+0000")),
    Receive("time, further in", chosen(timePicker={"event": SLOT}), said("2026-12-01T09:00+0000")),
    Receive("form", chosen(dynamic=FORM), said("Colour: Red, Blue\na@e.example")),
    Receive("app of one's own", chosen(replyMessage={"title": "Sent"}), said("Sent")),
    Receive("app with a subtitle", chosen(replyMessage={"title": "", "subtitle": "Done"}), said("Done")),
    Receive(
        "too large to come along",
        {**TEXT, "type": "interactive", "interactiveDataRef": {"bid": "x"}},
        [inbound(UNSUPPORTED)],
    ),
    Receive("leaving", "close"),
    Receive("typing", {**TEXT, "type": "typing_start"}),
    Receive("typing no more", {**TEXT, "type": "typing_end"}),
    Receive("of a kind nobody knows", {**TEXT, "type": "smell"}),
    Receive("of nobody", {**TEXT, "sourceId": None}),
    Receive("to nobody", {**TEXT, "destinationId": ["x"]}),
    Receive("without an id", {**TEXT, "id": ""}),
    Receive("nothing", {}),
]


@pytest.mark.parametrize("case", RECEIVES, ids=label)
def test_receives(case: Receive) -> None:
    assert received(NAME, case.body) == case.events


def test_a_message_comes_when_it_comes_in() -> None:
    """Apple names no time, and without one there is no message."""
    plain = Hook(fixture(NAME, "text"))
    assert adapter(NAME).events(plain) == []
    (event,) = adapter(NAME).events(replace(plain, received_at=RECEIVED))
    assert isinstance(event, Inbound)
    assert event.at == RECEIVED


def plain(data: bytes) -> bytes:
    return adapter(NAME).plain(Hook(data), PROVIDER.account(NAME)).body


def test_a_callback_need_not_be_zipped() -> None:
    assert plain(b'{"a": 1}') == plain(gzip.compress(b'{"a": 1}')) == b'{"a": 1}'


LARGEST = 1024 * 1024
ZIPPED = gzip.compress(fixture(NAME, "text"), mtime=0)


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(bytes(LARGEST + 1), mtime=0),
        ZIPPED[:-1],
        ZIPPED[:20],
        ZIPPED[:2],
        ZIPPED + b"x",
        ZIPPED + ZIPPED,
        ZIPPED[:-8] + bytes(8),
        b"\x1f\x8b" + b"not gzip at all",
    ],
    ids=["large", "cut", "half", "start", "more", "twice", "bad checksum", "none"],
)
def test_what_is_not_whole_or_too_large_is_not_unzipped(data: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        plain(data)
    assert [fault.name for fault in caught.value.faults] == ["body"]


def test_a_bomb_is_not_unfolded() -> None:
    bomb = gzip.compress(bytes(100 * LARGEST), mtime=0)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidRequest):
            plain(bomb)
        assert tracemalloc.get_traced_memory()[1] < 10 * LARGEST
    finally:
        tracemalloc.stop()


def test_the_largest_callback_is_read() -> None:
    assert len(plain(gzip.compress(bytes(LARGEST), mtime=0))) == LARGEST


TOKENS = {
    "with claims of its own": token(jti="1", sub="x"),
    "for several": token(aud=["x", MSP]),
    "of a minute ago": token(iat=int(time.time()) - 60),
    "of a clock ahead of ours": token(iat=int(time.time()) + 30),
    "of no time": token(iat=None),
    "by the library": jwt.encode({"aud": MSP, "iat": int(time.time())}, KEY, algorithm="HS256"),
}


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_token_is_believed(name: str, scheme: str) -> None:
    hook = Hook(b"x", headers={"authorization": f"{scheme} {TOKENS[name]}"})
    adapter(NAME).verify(hook, PROVIDER.account(NAME))


# --- inbound media ---------------------------------------------------------------------------------


def download(media: str, status: int = 200, reply: Any = None) -> httpx.Request:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("GET", f"{GATEWAY}/preDownload")
        check_token(request)
        names = ("url", "owner", "signature")
        expected = ("https://p41-content.example/M7C0FFEE.C01?a=1&b=2", "M7C0FFEE.C01", CHECKSUM)
        for prefix in ("", "mmcs-"):
            assert tuple(request.headers[prefix + name] for name in names) == expected
        assert request.headers["source-id"] == BUSINESS
        assert "0090A1" not in f"{request.url} {request.headers}"  # nobody needs the key
        return httpx.Response(status, json=reply)

    request: httpx.Request = with_client(
        lambda client: adapter(NAME).download(media, PROVIDER.account(NAME), client), answer
    )
    return request


def test_download() -> None:
    request = download(DOOR, reply={"download-url": "https://p41-content.example/d?t=1"})
    assert (request.method, str(request.url)) == ("GET", "https://p41-content.example/d?t=1")
    assert "authorization" not in request.headers


def test_what_was_downloaded_is_decrypted() -> None:
    key = bytes.fromhex("90A1B2C3D4E5F60718293A4B5C6D7E8F" * 2)
    assert adapter(NAME).opened(DOOR, crypted(PICTURE, key)) == PICTURE


def test_media_that_is_not_apple_s() -> None:
    request = download("https://e.example/a.jpg")
    assert str(request.url) == "https://e.example/a.jpg"
    assert adapter(NAME).opened("https://e.example/a.jpg", PICTURE) == PICTURE


@pytest.mark.parametrize(
    ("status", "reply", "error", "code"),
    [
        (400, {}, Rejected, 1020),
        (404, {}, Rejected, 1020),
        (429, {}, Throttled, 1000),
        (500, {}, Unavailable, 1331),
        (200, {}, Unavailable, 1331),
        (200, {"download-url": "x"}, Unavailable, 1331),
        (200, ["x"], Unavailable, 1331),
    ],
    ids=str,
)
def test_download_of_what_cannot_be_had(status: int, reply: Any, error: type[SendError], code: int) -> None:
    with pytest.raises(error) as caught:
        download(DOOR, status, reply)
    assert type(caught.value) is error
    assert caught.value.code == code


# --- access ----------------------------------------------------------------------------------------


def verified(status: int, reply: Any, sender: str = BUSINESS, **settings: Any) -> Verification:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("GET", f"{GATEWAY}/preUpload")
        assert request.headers["source-id"] == sender
        check_token(request)
        return httpx.Response(status, json=reply)

    verification: Verification = with_client(
        lambda client: adapter(NAME).verification(
            PROVIDER.account(NAME, **settings), Channel.APPLE, sender, client
        ),
        answer,
    )
    return verification


@pytest.mark.parametrize(
    ("status", "reply", "state"),
    [
        (200, PLACE, "verified"),
        (200, {}, "failed"),
        (200, ["x"], "failed"),
        (400, {}, "failed"),
        (403, {}, "failed"),
        (429, {}, "pending"),
        (500, {}, "pending"),
    ],
    ids=str,
)
def test_verification(status: int, reply: Any, state: str) -> None:
    assert verified(status, reply).state == state


@pytest.mark.parametrize(
    ("sender", "settings"),
    [("é", {}), (BUSINESS, {"secret": "not base64!"}), (BUSINESS, {"msp_id": ""})],
    ids=["odd sender", "odd secret", "no platform"],
)
def test_what_cannot_be_asked_is_not_verified(sender: str, settings: Mapping[str, str]) -> None:
    assert verified(200, PLACE, sender, **settings).state == "failed"
