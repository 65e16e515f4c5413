"""WeChat, with another library as client and our adapter at both ends."""

import asyncio
import io
import os
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from wechatpy import WeChatClient, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import WeChatClientException

from sandbox.carriers.config import Config
from sandbox.carriers.wechat import APP_ID, BOT, WeChat
from switchboard.adapters import adapter, base
from switchboard.adapters.base import Account, MediaFile
from switchboard.errors import Rejected, SendError, Throttled, Unanswered, Unavailable, Unreachable
from switchboard.models.events import Event, Hook, Inbound, Receipt
from switchboard.models.messages import (
    Audio,
    Channel,
    Content,
    Image,
    Message,
    Status,
    Template,
    Text,
    Video,
)

from .rig import CREDENTIALS, PACE, Call, Rig

pytestmark = pytest.mark.network

SETTINGS = WeChat.account("http://unused", "http://unused", CREDENTIALS)
SECRET = SETTINGS["app_secret"]


def person(last4: str) -> str:
    """An open id that no other test uses."""
    return f"o{uuid4().hex[:22]}_{last4}"


def login(rig: Rig, **members: Any) -> Any:
    body = {"grant_type": "client_credential", "appid": APP_ID, "secret": SECRET, **members}
    return rig.http.post("/wechat/cgi-bin/stable_token", json=body).json()


@pytest.fixture(scope="module")
def token(rig: Rig) -> str:
    answer = login(rig)
    assert answer["expires_in"] == 7200
    return str(answer["access_token"])


def send(rig: Rig, token: str, body: Any, kind: str = "custom") -> Any:
    """The code of the answer, or its message id; None when there was none."""
    try:
        reply = rig.http.post(f"/wechat/cgi-bin/message/{kind}/send?access_token={token}", json=body)
    except (httpx.RemoteProtocolError, httpx.ReadError):
        return None
    assert reply.status_code == 200
    answer = reply.json()
    return answer["errcode"] or answer.get("msgid", 0)


def text(to: str, words: str = "Good day") -> dict[str, Any]:
    return {"touser": to, "msgtype": "text", "text": {"content": words}}


def template(to: str, echo: str | None = None, **members: Any) -> dict[str, Any]:
    named = {"client_msg_id": echo} if echo else {}
    return {"touser": to, "template_id": "tm-9", "data": {"thing1": {"value": "x"}}, **named, **members}


def opened(call: Call) -> bytes:
    """The XML in a callback, by another implementation than ours. Empty for those of other providers."""
    if call.path != "/inbound/wechat/default":
        return b""
    query = {name: values[0] for name, values in call.query.items()}
    crypto = WeChatCrypto(SETTINGS["token"], SETTINGS["encoding_aes_key"], APP_ID)
    words = crypto.decrypt_message(call.body, query["msg_signature"], query["timestamp"], query["nonce"])
    return str(words).encode()


def calls(rig: Rig, needle: str, count: int = 1) -> list[Call]:
    """The callbacks with a word in their encrypted body, once there are `count`."""
    limit = time.monotonic() + 5
    while True:
        found = [call for call in list(rig.receiver.calls) if needle.encode() in opened(call)]
        if len(found) >= count or time.monotonic() > limit:
            assert len(found) >= count
            return found
        time.sleep(0.01)


# --- messages --------------------------------------------------------------------------------------

CUSTOM_HANDSETS: dict[str, list[Any]] = {
    "0001": [0],
    "0002": [0],
    "0003": [48002],
    "0004": [45015],  # has no receipt in which to fail
    "0005": [45011, 45011, 0],
    "0006": [None, None],  # nothing tells the second from a new message
    "0007": [0],
    "0008": [-1, -1, -1, 0],
    "0009": [0],
    "4321": [0],
}


@pytest.mark.parametrize("last4", CUSTOM_HANDSETS)
def test_handset(rig: Rig, token: str, last4: str) -> None:
    to, expected = person(last4), CUSTOM_HANDSETS[last4]
    assert [send(rig, token, text(to)) for _ in expected] == expected
    time.sleep(0.1)
    assert [call for call in list(rig.receiver.calls) if to.encode() in opened(call)] == []


NEWS = {
    "0001": [b"success"],
    "0002": [],
    "0003": [],
    "0004": [b"failed:user block"],
    "0007": [b"success"] * 2,
    "0009": [b"success"],
    "4321": [b"success"],
}


@pytest.mark.parametrize("last4", NEWS)
def test_templates_are_reported(rig: Rig, token: str, last4: str) -> None:
    to, echo = person(last4), str(uuid4())
    identifier = send(rig, token, template(to, echo), "template")
    answered_at = time.monotonic()
    assert identifier == 48002 if last4 == "0003" else identifier > 10**12
    expected = NEWS[last4]
    found = calls(rig, to, len(expected))
    time.sleep(0.1)  # nothing more comes
    assert len(calls(rig, to, len(expected))) == len(expected)
    for call, status in zip(found, expected, strict=True):
        assert f"<MsgID><![CDATA[{identifier}]]></MsgID>".encode() in opened(call)
        assert b"<Status><![CDATA[" + status + b"]]></Status>" in opened(call)
        assert call.at < answered_at - 0.2 * PACE or last4 != "0009"
    assert len(rig.sends(echo)) == (0 if last4 == "0003" else 1)


@pytest.mark.parametrize(
    ("last4", "refusals"), [("0005", [45011] * 2), ("0006", [None]), ("0008", [-1] * 3)], ids=str
)
def test_templates_are_taken_in_the_end(rig: Rig, token: str, last4: str, refusals: list[Any]) -> None:
    to, echo = person(last4), str(uuid4())
    assert [send(rig, token, template(to, echo), "template") for _ in refusals] == refusals
    first, second = (send(rig, token, template(to, echo), "template") for _ in range(2))
    assert first == second == int(rig.sends(echo)[0]["id"])
    assert len(rig.sends(echo)) == 1


NOBODY = "o5e1a70c94d2b4f7cb3a6d8_4321"
REFUSED: list[tuple[str, Any, int]] = [
    ("custom", [], 47001),
    ("custom", {"touser": NOBODY, "msgtype": "telepathy"}, 40008),
    ("custom", {"touser": NOBODY, "msgtype": "text"}, 47001),
    ("custom", text("447700900321"), 40003),
    ("custom", text(NOBODY, "é" * 1025), 45002),
    ("custom", {"touser": NOBODY, "msgtype": "image", "image": {"media_id": "no"}}, 40007),
    ("template", template("447700900321"), 40003),
    ("template", template(NOBODY, template_id=""), 40037),
    ("template", template(NOBODY, data={"thing1": "x"}), 47003),
    ("template", template(NOBODY, client_msg_id=7), 47001),
]


@pytest.mark.parametrize(("kind", "body", "code"), REFUSED, ids=str)
def test_refuses_a_body(rig: Rig, token: str, kind: str, body: Any, code: int) -> None:
    assert send(rig, token, body, kind) == code


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"grant_type": "x"}, 40002),
        ({"appid": "wx0"}, 40013),
        ({"secret": "wrong"}, 40125),
    ],
    ids=str,
)
def test_refuses_a_login(rig: Rig, members: Any, code: int) -> None:
    assert login(rig, **members)["errcode"] == code


@pytest.mark.parametrize(("token", "code"), [("", 41001), ("wrong", 40001)])
def test_wants_its_token(rig: Rig, token: str, code: int) -> None:
    assert send(rig, token, text(person("4321"))) == code


# --- another library -------------------------------------------------------------------------------


@pytest.fixture
def library(rig: Rig, token: str) -> WeChatClient:
    client = WeChatClient(APP_ID, SECRET, access_token=token, auto_retry=False)
    client.API_BASE_URL = f"{rig.url}/wechat/cgi-bin/"
    return client


def test_the_library_sends(rig: Rig, library: WeChatClient) -> None:
    to = person("4321")
    assert library.message.send_text(to, "你好")["errcode"] == 0
    answer = library.message.send_template(to, "tm-9", {"thing1": {"value": "x"}})
    (call,) = calls(rig, str(answer["msgid"]))
    report = parse_message(opened(call))
    assert (report.event, report.source, report.status) == ("templatesendjobfinish", to, "success")
    with pytest.raises(WeChatClientException) as caught:
        library.message.send_text(person("0003"), "x")
    assert caught.value.errcode == 48002


@pytest.mark.parametrize(("kind", "name"), [("image", "a.png"), ("voice", "a.mp3"), ("video", "a.mp4")])
def test_the_library_uploads(rig: Rig, library: WeChatClient, kind: str, name: str) -> None:
    content = b"\r\n--" + os.urandom(70_000) + b"\n\r\n"
    answer = library.media.upload(kind, (name, io.BytesIO(content)))
    assert answer["type"] == kind
    fetched = library.media.download(answer["media_id"])
    if kind == "video":
        fetched = httpx.get(fetched["video_url"], trust_env=False)
    assert fetched.content == content


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [("video", "a.avi", 40005), ("file", "a.pdf", 40004), ("thumb", "a.jpg", 40009)],
    ids=str,
)
def test_refuses_an_upload(rig: Rig, library: WeChatClient, kind: str, name: str, code: int) -> None:
    with pytest.raises(WeChatClientException) as caught:
        library.media.upload(kind, (name, io.BytesIO(bytes(70_000))))
    assert caught.value.errcode == code


def test_refuses_an_empty_upload(rig: Rig, token: str) -> None:
    url = f"/wechat/cgi-bin/media/upload?type=image&access_token={token}"
    assert rig.http.post(url, content=b"x").json()["errcode"] == 41005
    assert rig.http.get("/wechat/video/none").status_code == 404


# --- our adapter -----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _no_tokens() -> None:
    base.forget_tokens()


def account(rig: Rig) -> Account:
    return Account("wechat", "default", WeChat.account(rig.url, rig.receiver.url, CREDENTIALS))


def message(to: str, content: Content, uuid: str) -> Message:
    return Message(message_uuid=uuid, channel=Channel.WECHAT, sender=BOT, recipient=to, content=content)


HELLO = Text(type="text", text="Good day")
NOTICE = Template(type="template", name="tm-9", parameters=("thing1=Parcel 7", "today"))


def events(rig: Rig, call: Call) -> list[Event]:
    assert call.path == "/inbound/wechat/default"
    hook = Hook(call.body, query={name: values[0] for name, values in call.query.items()})
    adapter("wechat").verify(hook, account(rig))
    return adapter("wechat").events(adapter("wechat").plain(hook, account(rig)))


def test_our_adapter_sends(rig: Rig) -> None:
    uuid = str(uuid4())
    assert adapter("wechat").send(message(person("4321"), HELLO, uuid), account(rig), rig.http) == uuid


def test_our_adapter_logs_in_again(rig: Rig) -> None:
    send_it: Callable[[], str] = lambda: adapter("wechat").send(  # noqa: E731
        message(person("4321"), HELLO, str(uuid4())), account(rig), rig.http
    )
    assert send_it()
    login(rig, force_refresh=True)  # somebody else makes our token invalid
    assert send_it()


@pytest.mark.parametrize(
    ("last4", "status"), [("4321", Status.DELIVERED), ("0004", Status.REJECTED)], ids=str
)
def test_our_adapter_reads_receipts(rig: Rig, last4: str, status: Status) -> None:
    uuid = str(uuid4())
    identifier = adapter("wechat").send(message(person(last4), NOTICE, uuid), account(rig), rig.http)
    (call,) = calls(rig, identifier)
    (event,) = events(rig, call)
    assert isinstance(event, Receipt)
    assert (event.status, event.provider_id) == (status, identifier)
    assert [sent["id"] for sent in rig.sends(uuid)] == [identifier]


@pytest.mark.parametrize(
    ("last4", "error"),
    [
        ("0003", Unreachable),
        ("0004", Unreachable),
        ("0005", Throttled),
        ("0006", Unanswered),
        ("0008", Unavailable),
    ],
    ids=str,
)
def test_our_adapter_reads_the_errors(rig: Rig, last4: str, error: type[SendError]) -> None:
    with pytest.raises(error):
        adapter("wechat").send(message(person(last4), HELLO, str(uuid4())), account(rig), rig.http)


MEDIA = [
    (Image(type="image", url="https://e.example/a"), "image/png"),
    (Audio(type="audio", url="https://e.example/a"), "audio/mpeg"),
    (Video(type="video", url="https://e.example/a"), "video/mp4"),
]


@pytest.mark.parametrize(("content", "mime_type"), MEDIA, ids=lambda value: getattr(value, "type", None))
def test_our_adapter_uploads_and_downloads(rig: Rig, content: Content, mime_type: str) -> None:
    ours, uuid = adapter("wechat"), str(uuid4())
    file = MediaFile(b"the bytes", mime_type, "a")
    attached = ours.attach(message(person("4321"), content, uuid), file, account(rig), rig.http)
    assert ours.send(attached, account(rig), rig.http) == uuid
    custom = attached.model_dump()["content"]["custom"]
    media_id = custom[custom["msgtype"]]["media_id"]
    media = f"https://api.weixin.qq.com/cgi-bin/media/get?media_id={media_id}"
    request = ours.download(media, account(rig), rig.http)
    assert rig.http.send(request).content == b"the bytes"


def test_our_adapter_downloads_nothing_unknown(rig: Rig) -> None:
    media = "https://api.weixin.qq.com/cgi-bin/media/get?media_id=none"
    with pytest.raises(Rejected):
        adapter("wechat").download(media, account(rig), rig.http)


def test_our_adapter_reads_what_people_write(rig: Rig) -> None:
    sender, words = person("4321"), f"Grüße & <{uuid4()}> ]]> \x07."
    written = {"channel": "wechat", "from": sender, "to": BOT, "text": words}
    assert rig.http.post("/inbound", json=written).status_code == 202
    (call,) = calls(rig, sender)
    (event,) = events(rig, call)
    assert isinstance(event, Inbound)
    expected = Text(type="text", text=words.replace("\x07", ""))
    assert (event.sender, event.recipient, event.content) == (sender, BOT, expected)


def test_our_adapter_is_verified(rig: Rig) -> None:
    verification = adapter("wechat").verification(account(rig), Channel.WECHAT, BOT, rig.http)
    assert verification.state == "verified"


@pytest.mark.parametrize(("answers", "ok"), [(True, True), (False, False)])
def test_our_adapter_shakes_hands(rig: Rig, answers: bool, ok: bool) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        hook = Hook(b"", "GET", query=dict(request.url.params))
        answer = adapter("wechat").handshake(hook, account(rig))
        return httpx.Response(200, text=answer) if answer and answers else httpx.Response(401)

    async def shake() -> bool | None:
        config = Config.model_validate(
            {
                "api_url": rig.receiver.url,
                "aws_endpoint": "",
                "receipts_topic": "",
                "inbound_topic": "",
                "credentials": CREDENTIALS,
            }
        )
        async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as client:
            return await WeChat(config, None).handshake(client)  # type: ignore[arg-type]

    assert asyncio.run(shake()) is ok


def test_the_handshake_is_offered(rig: Rig) -> None:
    assert rig.http.post("/handshake/wechat").json() == {"ok": False}  # the rig knows no secret
