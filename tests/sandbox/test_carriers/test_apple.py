"""Apple Messages for Business, with our adapter at both ends, and PyJWT and cryptography as judges."""

import base64
import gzip
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from sandbox.carriers.apple import BUSINESS, MSP, Apple
from sandbox.carriers.media import PLACEHOLDERS
from switchboard.adapters import adapter
from switchboard.adapters.base import Account, MediaFile
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    Rejected,
    SendError,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Hook, Inbound
from switchboard.models.messages import (
    Audio,
    Channel,
    Content,
    Custom,
    File,
    Image,
    Location,
    Message,
    Text,
    Vcard,
    Video,
)

from .rig import CREDENTIALS, Call, Rig

pytestmark = pytest.mark.network

KEY = CREDENTIALS.secret("apple secret").encode()
LINK = "https://e.example/a.bin"
HELLO = Text(type="text", text="Good day")
BID = "com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.apple.business.extension"


def person(last4: str = "4321") -> str:
    """A person whom no other test uses."""
    return f"urn:mbid:AQAA{uuid4().hex}x{last4}"


def bearer(key: bytes = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    members = {"iss": MSP, "iat": int(time.time()), **claims}
    return f"Bearer {jwt.encode(members, key, algorithm=algorithm)}"


def misnamed(algorithm: str) -> str:
    """A token that is signed as it should be, and says that it is not."""
    header = json.dumps({"alg": algorithm, "typ": "JWT"}).encode()
    start = f"{base64url(header)}.{bearer().split('.')[1]}"
    return f"Bearer {start}.{base64url(hmac.digest(KEY, start.encode(), 'sha256'))}"


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def text_body(to: str, **members: Any) -> dict[str, Any]:
    body = {"v": 1, "type": "text", "id": str(uuid4()), "sourceId": BUSINESS, "destinationId": to}
    return {**body, "body": "Good day", **members}


def post(rig: Rig, body: Any, **headers: str | None) -> httpx.Response:
    """Headers as the body says, but for those that are given; None leaves one out."""
    usual: dict[str, str | None] = {
        "authorization": bearer(),
        "id": body.get("id"),
        "source-id": body.get("sourceId"),
        "destination-id": body.get("destinationId"),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    given = {name: value for name, value in usual.items() if value is not None}
    return rig.http.post("/apple/v1/message", json=body, headers=given)


# --- messages --------------------------------------------------------------------------------------

HANDSETS = {
    "0001": [200],
    "0002": [200],
    "0003": [400],
    "0004": [410],
    "0005": [429, 429, 200],
    "0006": [0, 200],
    "0007": [200],
    "0008": [503, 503, 503, 200],
    "0009": [200],
    "4321": [200],
}


@pytest.mark.parametrize("last4", HANDSETS)
def test_handset(rig: Rig, last4: str) -> None:
    body = text_body(person(last4))
    statuses = []
    for _ in HANDSETS[last4]:
        try:
            reply = post(rig, body)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            statuses.append(0)
        else:
            statuses.append(reply.status_code)
            assert reply.content == b""
    assert statuses == HANDSETS[last4]
    assert len(rig.sends(body["id"])) == statuses.count(200) + statuses.count(0)
    time.sleep(0.1)
    assert rig.receiver.about(body["id"]) == []
    assert to_us(rig, "destination-id", body["destinationId"]) == []


ME = "urn:mbid:AQAAx4321"
PICTURE: Mapping[str, Any] = {
    "name": "a.png",
    "mimeType": "image/png",
    "size": "7",
    "key": "00" + "AB" * 32,
    "url": LINK,
    "owner": "M1",
    "signature-base64": "AQ==",
}
INTERACTIVE = {"type": "interactive", "body": None}
REFUSED: list[tuple[str, Mapping[str, Any], Mapping[str, str | None], int]] = [
    ("no token", {}, {"authorization": None}, 401),
    ("another scheme", {}, {"authorization": "Basic x"}, 401),
    ("no token at all", {}, {"authorization": "Bearer x"}, 403),
    ("another key", {}, {"authorization": bearer(b"another key of as many bytes, 32")}, 403),
    ("the key as it is written", {}, {"authorization": bearer(base64.b64encode(KEY))}, 403),
    ("another algorithm", {}, {"authorization": bearer(KEY * 2, "HS512")}, 403),
    ("another algorithm by name", {}, {"authorization": misnamed("none")}, 403),
    ("another platform", {}, {"authorization": bearer(iss="x")}, 403),
    ("an old token", {}, {"authorization": bearer(iat=1)}, 403),
    ("a token of no time", {}, {"authorization": bearer(iat=None)}, 403),
    ("a header less", {}, {"id": None}, 400),
    ("another id in the header", {}, {"id": str(uuid4())}, 400),
    ("another business in the header", {}, {"source_id": "urn:biz:x"}, 400),
    ("no business in the header", {}, {"source_id": None}, 400),
    ("another person in the header", {}, {"destination_id": "urn:mbid:x"}, 400),
    ("no gzip", {}, {"content_encoding": "gzip"}, 400),
    ("id that is no UUID", {"id": "1"}, {}, 400),
    ("another version", {"v": 2}, {}, 400),
    ("business that is none", {"sourceId": "12065550142"}, {}, 400),
    ("person who is none", {"destinationId": "447700900321"}, {}, 404),
    ("no words", {"body": ""}, {}, 400),
    ("type that nobody knows", {"type": "smell"}, {}, 400),
    ("interactive of nothing", INTERACTIVE, {}, 400),
    ("interactive of no extension", {**INTERACTIVE, "interactiveData": {"data": {}}}, {}, 400),
    ("link to nowhere", {"type": "richLink", "richLinkData": {"url": "x", "title": "x"}}, {}, 400),
    ("attachment that is not there", {"attachments": [PICTURE]}, {}, 400),
    ("attachment of a short key", {"attachments": [{**PICTURE, "key": "00AB"}]}, {}, 400),
    ("size that is a number", {"attachments": [{**PICTURE, "size": 7}]}, {}, 400),
]


@pytest.mark.parametrize(
    ("members", "headers", "status"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_refuses(
    rig: Rig, members: Mapping[str, Any], headers: Mapping[str, str | None], status: int
) -> None:
    body = text_body(ME, **members)
    reply = post(rig, body, **headers)
    assert (reply.status_code, reply.content) == (status, b"")
    assert rig.sends(body["id"]) == []


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff"], ids=str)
def test_refuses_what_is_no_json(rig: Rig, data: bytes) -> None:
    headers = {"authorization": bearer(), "source-id": BUSINESS}
    assert rig.http.post("/apple/v1/message", content=data, headers=headers).status_code == 400


def test_takes_zipped_messages(rig: Rig) -> None:
    body = text_body(person())
    headers = {
        "authorization": bearer(),
        "content-encoding": "gzip",
        "id": body["id"],
        "source-id": BUSINESS,
        "destination-id": body["destinationId"],
    }
    data = gzip.compress(json.dumps(body).encode())
    assert rig.http.post("/apple/v1/message", content=data, headers=headers).status_code == 200
    (taken,) = rig.sends(body["id"])
    assert (taken["id"], taken["sender"], taken["channel"]) == (body["id"], BUSINESS, "apple")


# --- files -----------------------------------------------------------------------------------------


def crypted(data: bytes, key: bytes) -> bytes:
    return Cipher(AES(key), CTR(bytes(16))).encryptor().update(data)


def get(rig: Rig, path: str, **headers: str) -> httpx.Response:
    given = {"authorization": bearer(), "source-id": BUSINESS} | headers
    return rig.http.get(f"/apple/v1/{path}", headers=given)


def uploaded(rig: Rig, data: bytes) -> dict[str, str]:
    """Puts encrypted bytes where the carrier says. What an attachment tells of them."""
    place = get(rig, "preUpload", size=str(len(data))).json()
    reply = rig.http.post(place["upload-url"], content=data)
    assert reply.status_code == 200
    signature = reply.json()["singleFile"]["fileChecksum"]
    assert base64.b64decode(signature) == b"\x01" + hashlib.sha1(data).digest()
    names = {"url": place["mmcs-url"], "owner": place["mmcs-owner"], "signature-base64": signature}
    return {"size": str(len(data)), **names}


PNG = PLACEHOLDERS[".png"][1]()
SECRET = bytes(range(32))


def attachment(rig: Rig, data: bytes = PNG, **members: Any) -> dict[str, Any]:
    about = {"name": "a.png", "mimeType": "image/png", "key": f"00{SECRET.hex()}"}
    return {**about, **uploaded(rig, crypted(data, SECRET)), **members}


def test_takes_a_message_with_a_file(rig: Rig) -> None:
    body = text_body(person(), body="\ufffc", attachments=[attachment(rig)])
    assert post(rig, body).status_code == 200
    assert len(rig.sends(body["id"])) == 1


@pytest.mark.parametrize(
    "members",
    [
        {"key": "00" + "AB" * 32},
        {"mimeType": "image/jpeg"},
        {"size": "1"},
        {"owner": "M1"},
        {"signature-base64": "AQ=="},
    ],
    ids=lambda members: next(iter(members)),
)
def test_refuses_a_file_that_a_phone_could_not_show(rig: Rig, members: Mapping[str, str]) -> None:
    body = text_body(person(), body="\ufffc", attachments=[attachment(rig, PNG, **members)])
    assert post(rig, body).status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"size": "0"}, 400),
        ({"size": "many"}, 400),
        ({"size": "7"}, 200),
        ({"mmcs-size": "7"}, 200),
        ({"size": str(100 * 1024 * 1024 + 1)}, 413),
        ({"size": "7", "authorization": "x"}, 401),
        ({"size": "7", "authorization": "Bearer x"}, 403),
        ({"size": "7", "source-id": "x"}, 400),
    ],
    ids=str,
)
def test_pre_upload(rig: Rig, headers: dict[str, str], status: int) -> None:
    reply = get(rig, "preUpload", **headers)
    assert reply.status_code == status
    if status == 200:
        assert set(reply.json()) == {"upload-url", "mmcs-url", "mmcs-owner"}


def test_only_what_was_announced_is_stored(rig: Rig) -> None:
    place = get(rig, "preUpload", size="3").json()["upload-url"]
    assert rig.http.get(place).status_code == 404
    assert rig.http.post(place, content=b"four").status_code == 400
    assert rig.http.get(place).status_code == 404
    assert rig.http.put(place, content=b"two").status_code == 405
    assert rig.http.post(place, content=b"yes").status_code == 200
    assert rig.http.get(place).content == b"yes"
    assert rig.http.post(f"{place}x", content=b"yes").status_code == 404


@pytest.mark.parametrize("prefix", ["", "mmcs-"], ids=["plain", "prefix"])
def test_pre_download(rig: Rig, prefix: str) -> None:
    about = uploaded(rig, b"some bytes")
    names = {"url": "url", "owner": "owner", "signature": "signature-base64"}
    headers = {prefix + name: about[member] for name, member in names.items()}
    reply = get(rig, "preDownload", **headers)
    assert rig.http.get(reply.json()["download-url"]).content == b"some bytes"
    assert get(rig, "preDownload", **{**headers, f"{prefix}owner": "x"}).status_code == 400
    assert get(rig, "preDownload", **{**headers, f"{prefix}url": LINK}).status_code == 404
    assert get(rig, "preDownload", **{**headers, "authorization": "Bearer x"}).status_code == 403
    assert get(rig, "preDownload").status_code == 400


# --- our adapter -----------------------------------------------------------------------------------


def account(rig: Rig, **settings: Any) -> Account:
    return Account("apple", "default", Apple.account(rig.url, rig.receiver.url, CREDENTIALS) | settings)


def message(recipient: str, content: Content = HELLO) -> Message:
    return Message(
        message_uuid=str(uuid4()),
        channel=Channel.APPLE,
        sender=BUSINESS,
        recipient=recipient,
        content=content,
    )


def send(rig: Rig, outbound: Message, **settings: Any) -> str:
    return adapter("apple").send(outbound, account(rig, **settings), rig.http)


CONTENTS: dict[str, Content] = {
    "text": HELLO,
    "list picker": Custom(
        type="custom",
        custom={
            "type": "interactive",
            "interactiveData": {"bid": BID, "data": {"version": "1.0", "listPicker": {"sections": []}}},
        },
    ),
    "rich link": Custom(
        type="custom",
        custom={"type": "richLink", "richLinkData": {"url": LINK, "title": "Parcel", "assets": {}}},
    ),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_our_adapter_sends(rig: Rig, kind: str) -> None:
    outbound = message(person(), CONTENTS[kind])
    assert send(rig, outbound) == outbound.message_uuid
    (taken,) = rig.sends(outbound.message_uuid)
    assert (taken["id"], taken["recipient_last4"]) == (outbound.message_uuid, "4321")


MEDIA: list[tuple[Content, str]] = [
    (Image(type="image", url=LINK, caption="Look"), ".png"),
    (Image(type="image", url=LINK), ".jpg"),
    (Audio(type="audio", url=LINK), ".mp3"),
    (Video(type="video", url=LINK), ".mp4"),
    (File(type="file", url=LINK), ".pdf"),
    (Vcard(type="vcard", url=LINK), ".vcf"),
]


@pytest.mark.parametrize(("content", "extension"), MEDIA, ids=[extension[1:] for _, extension in MEDIA])
def test_our_adapter_s_media_can_be_opened(rig: Rig, content: Content, extension: str) -> None:
    mime_type, make = PLACEHOLDERS[extension]
    data = make()
    file = MediaFile(data, mime_type, f"a{extension}")
    outbound = adapter("apple").attach(message(person(), content), file, account(rig), rig.http)
    assert send(rig, outbound) == outbound.message_uuid
    assert len(rig.sends(outbound.message_uuid)) == 1

    assert isinstance(outbound.content, Custom)
    (about,) = outbound.content.custom["attachments"]
    stored = rig.http.get(about["url"]).content
    assert stored != data
    assert crypted(stored, bytes.fromhex(about["key"])[1:]) == data


@pytest.mark.parametrize(
    ("last4", "error", "code"),
    [
        ("0003", Rejected, 1020),
        ("0004", Unreachable, 1240),
        ("0005", Throttled, 1000),
        ("0006", Unanswered, 1331),
        ("0008", Unavailable, 1331),
    ],
)
def test_our_adapter_reads_the_errors(rig: Rig, last4: str, error: type[SendError], code: int) -> None:
    with pytest.raises(error) as caught:
        send(rig, message(person(last4)))
    assert type(caught.value) is error
    assert caught.value.code == code


def test_our_adapter_reaches_nobody_by_number(rig: Rig) -> None:
    with pytest.raises(Unreachable) as caught:
        send(rig, message("447700900321"))
    assert caught.value.code == 1300


def test_our_adapter_sends_no_location(rig: Rig) -> None:
    outbound = message(person(), Location(type="location", latitude=51.5, longitude=-0.125))
    with pytest.raises(Rejected) as caught:
        send(rig, outbound)
    assert caught.value.code == 1140
    assert rig.sends(outbound.message_uuid) == []


WRONG = {
    "another secret": {"secret": base64.b64encode(b"another key of as many bytes, 32").decode()},
    "another platform": {"msp_id": str(BUSINESS)},
}


@pytest.mark.parametrize("name", WRONG)
def test_our_adapter_needs_its_secret(rig: Rig, name: str) -> None:
    with pytest.raises(ConfigurationError):
        send(rig, message(person()), **WRONG[name])


@pytest.mark.parametrize(
    ("sender", "settings", "state"),
    [
        (BUSINESS, {}, "verified"),
        ("12065550142", {}, "failed"),
        *((BUSINESS, settings, "failed") for settings in WRONG.values()),
    ],
    ids=["ours", "no business", *WRONG],
)
def test_our_adapter_is_verified(rig: Rig, sender: str, settings: Any, state: str) -> None:
    ours = account(rig, **settings)
    assert adapter("apple").verification(ours, Channel.APPLE, sender, rig.http).state == state


# --- what people write -----------------------------------------------------------------------------


def to_us(rig: Rig, header: str, value: str) -> list[Call]:
    """The webhooks with a header: their bodies are zipped."""
    return [call for call in rig.receiver.calls if call.headers.get(header) == value]


def written(rig: Rig, words: str) -> Call:
    sender = person()
    text = {"channel": "apple", "from": sender, "to": BUSINESS, "text": words}
    assert rig.http.post("/inbound", json=text).status_code == 202
    (call,) = to_us(rig, "source-id", sender)
    return call


def hook_of(call: Call) -> Hook:
    return Hook(call.body, headers=call.headers, received_at=datetime.now(UTC))


def test_our_adapter_reads_what_people_write(rig: Rig) -> None:
    call = written(rig, "Grüße ✓")
    assert call.path == "/inbound/apple/default"
    hook = hook_of(call)
    adapter("apple").verify(hook, account(rig))
    (event,) = adapter("apple").events(adapter("apple").plain(hook, account(rig)))
    assert isinstance(event, Inbound)
    assert event.provider_id == call.headers["id"]
    assert (event.sender, event.recipient) == (call.headers["source-id"], BUSINESS)
    assert event.content == Text(type="text", text="Grüße ✓")


def test_the_library_reads_the_token(rig: Rig) -> None:
    call = written(rig, "Good day")
    scheme, token = call.headers["authorization"].split()
    assert scheme == "Bearer"
    claims = jwt.decode(token, KEY, algorithms=["HS256"], audience=MSP)
    assert abs(claims["iat"] - time.time()) < 30
    body = json.loads(gzip.decompress(call.body))
    assert (body["type"], body["v"], body["body"]) == ("text", 1, "Good day")
    for name, member in (("id", "id"), ("source-id", "sourceId"), ("destination-id", "destinationId")):
        assert call.headers[name] == body[member]


FORGE: dict[str, Callable[[Hook, Account], tuple[Hook, Account]]] = {
    "another secret": lambda hook, ours: (
        hook,
        replace(ours, settings={**ours.settings, **WRONG["another secret"]}),
    ),
    "another platform": lambda hook, ours: (hook, replace(ours, settings={**ours.settings, "msp_id": "x"})),
    "our own token": lambda hook, ours: (replace(hook, headers={"authorization": bearer()}), ours),
    "no token": lambda hook, ours: (replace(hook, headers={}), ours),
}


@pytest.mark.parametrize("name", FORGE)
def test_our_adapter_believes_only_apple(rig: Rig, name: str) -> None:
    hook, ours = FORGE[name](hook_of(written(rig, "Good day")), account(rig))
    with pytest.raises(BadSignature):
        adapter("apple").verify(hook, ours)


def test_our_adapter_opens_what_people_send(rig: Rig) -> None:
    body = text_body(BUSINESS, sourceId=person(), destinationId=BUSINESS, body="\ufffc")
    sent = {**body, "attachments": [attachment(rig)]}
    hook = Hook(json.dumps(sent).encode(), received_at=datetime.now(UTC))
    (event,) = adapter("apple").events(hook)
    assert isinstance(event, Inbound)
    assert isinstance(event.content, Image)

    media = event.content.url
    request = adapter("apple").download(media, account(rig), rig.http)
    content = rig.http.send(request).content
    assert content != PNG
    assert adapter("apple").opened(media, content) == PNG
