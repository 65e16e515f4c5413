"""WeChat Official Accounts."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from wechatpy import parse_message
from wechatpy.crypto import PrpCrypto, WeChatCrypto
from wechatpy.utils import WeChatSigner, check_signature

from switchboard.adapters import adapter, base
from switchboard.adapters.base import MediaFile, Verification
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    InvalidRequest,
    Rejected,
    SwitchboardError,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Failure, Hook, Inbound, Receipt
from switchboard.models.messages import Channel, Custom, InboundContent, Status
from tests.adapters.cases import (
    UUID,
    Answer,
    Failed,
    Provider,
    Send,
    at,
    came,
    content,
    fixture,
    label,
    received,
    replace_members,
    sent,
    text_message,
)

NAME = "wechat"
BOT, PERSON = "gh_7c40f1b2e3d9", "oQ7pL5d-harbour_person_00001"
APP_ID, TOKEN = "wx3f9a1c7e20b84d65", "callback token of a test"
AES_KEY = base64.b64encode(b"thirty-two bytes, as AES-256 has").decode().rstrip("=")
TIME = {"timestamp": "1795600811", "nonce": "904117"}


def signature(*parts: str) -> str:
    """By another implementation than ours."""
    signer = WeChatSigner()
    signer.add_data(*parts)
    return str(signer.signature)


def encrypted(body: bytes, app_id: str = APP_ID) -> str:
    return str(PrpCrypto(base64.b64decode(AES_KEY + "=")).encrypt(body, app_id).decode())


def envelope(words: str, **query: str) -> Hook:
    body = f"<xml><ToUserName><![CDATA[{BOT}]]></ToUserName><Encrypt><![CDATA[{words}]]></Encrypt></xml>"
    return Hook(body.encode(), query={**TIME, "encrypt_type": "aes", **query})


def safe(body: bytes, app_id: str = APP_ID) -> Hook:
    """A callback in safe mode."""
    words = encrypted(body, app_id)
    return envelope(words, signature=bare(), msg_signature=signature(TOKEN, *TIME.values(), words))


def bare(token: str = TOKEN) -> str:
    return signature(token, *TIME.values())


def forged(body: bytes) -> Mapping[str, Hook]:
    words = encrypted(body)
    true = signature(TOKEN, *TIME.values(), words)
    signatures = {
        "empty": "",
        "of another token": signature("another", *TIME.values(), words),
        "of another body": signature(TOKEN, *TIME.values(), encrypted(body + b" ")),
        "of another time": signature(TOKEN, "1795600812", TIME["nonce"], words),
        "of no body": bare(),
        "cut short": true[:-1],
        "not ASCII": "é\udcff",
    }
    return {
        "missing": envelope(words),
        "for plain mode": envelope(words, signature=true),
        "in the clear": Hook(body, query={**TIME, "signature": bare(), "msg_signature": bare()}),
    } | {name: envelope(words, msg_signature=value) for name, value in signatures.items()}


PROVIDER = Provider(
    settings={
        "app_id": APP_ID,
        "app_secret": "wechat-app-secret",
        "token": TOKEN,
        "encoding_aes_key": AES_KEY,
    },
    message=text_message(Channel.WECHAT, BOT, PERSON),
    signed=safe,
    forged=forged,
    batch="batch.xml",
    events=1,
    unknown=fixture(NAME, "finished.xml").replace(b"success", b"telepathy"),
    secret="token",
    format="xml",
    login=("/cgi-bin/stable_token", {"access_token": "ACCESS-1", "expires_in": 7200}),
)
TEXT = {"touser": PERSON, "msgtype": "text", "text": {"content": "Your parcel is on its way"}}
CUSTOM_SEND = "https://api.weixin.qq.com/cgi-bin/message/custom/send?access_token=ACCESS-1"
TEMPLATE_SEND = "https://api.weixin.qq.com/cgi-bin/message/template/send?access_token=ACCESS-1"


def template(**data: str) -> Mapping[str, Any]:
    values = {name: {"value": value} for name, value in data.items()}
    return {"touser": PERSON, "template_id": "tm-9", "data": values, "client_msg_id": UUID}


MENU = {"msgtype": "msgmenu", "msgmenu": {"head_content": "Well?", "list": []}}
SENDS = [
    Send("text", body=TEXT, url=CUSTOM_SEND, id=UUID),
    Send(
        "elsewhere",
        settings={"base_url": "https://e.example/"},
        url=CUSTOM_SEND.replace("api.weixin.qq.com", "e.example"),
        id=UUID,
    ),
    Send(
        "custom", content("custom", custom={**MENU, "touser": "x"}), body={**MENU, "touser": PERSON}, id=UUID
    ),
    Send(
        "template",
        content(
            "template",
            name="tm-9",
            parameters=("thing1=Parcel 7", "character_string2=A=B", "today", "time9", "k: v=w"),
        ),
        reply=(200, "template-accepted"),
        body=template(
            thing1="Parcel 7", character_string2="A=B", thing3="today", thing4="time9", thing5="k: v=w"
        ),
        url=TEMPLATE_SEND,
        id="3207416690512633857",
    ),
    Send(
        "old template",
        content("template", name="tm-9", parameters=("first=Hello\nyou", "keyword1=x", "remark=Bye")),
        reply=(200, "template-accepted"),
        body=template(first="Hello\nyou", keyword1="x", remark="Bye"),
        id="3207416690512633857",
    ),
    Send(
        "template without parameters",
        content("template", name="tm-9"),
        reply=(200, "template-accepted"),
        body=template(),
        id="3207416690512633857",
    ),
    Send(
        "template as custom content",
        content("custom", custom={"template_id": "tm-9", "data": {}, "url": "https://shop.example/7"}),
        reply=(200, "template-accepted"),
        body={**template(), "url": "https://shop.example/7"},
        url=TEMPLATE_SEND,
        id="3207416690512633857",
    ),
]


@pytest.mark.parametrize("case", SENDS, ids=label)
def test_sends(case: Send) -> None:
    sent(NAME, case)


def test_text_goes_out_as_it_is() -> None:
    """WeChat shows the backslashes of an escaped text."""
    request = sent(NAME, Send("", content("text", text="你好 ☕"), id=UUID))
    assert request
    assert "你好 ☕" in request.content.decode()


REFUSALS: list[tuple[int, Failed, int, float | None]] = [
    (40003, Unreachable, 1300, None),
    (43004, Unreachable, 1300, None),
    (45015, Unreachable, 1340, None),
    (48002, Unreachable, 1240, None),
    (50002, Unreachable, 1260, None),
    (45047, Rejected, 1340, None),
    (45002, Rejected, 1090, None),
    (40007, Rejected, 1380, None),
    (40037, Rejected, 1022, None),
    (47001, Rejected, 1020, None),
    (99999, Rejected, 1330, None),
    (-1, Unavailable, 1331, None),
    (45009, Throttled, 1000, 3600),
    (45011, Throttled, 1000, 60),
    (40001, ConfigurationError, 1370, None),
    (40164, ConfigurationError, 1370, None),
    (42001, ConfigurationError, 1370, None),
    (48001, ConfigurationError, 1140, None),
]


@pytest.mark.parametrize("status", [200, 400], ids=str)
@pytest.mark.parametrize(("code", "error", "ours", "pause"), REFUSALS, ids=str)
def test_refusals(code: int, error: Failed, ours: int, pause: float | None, status: int) -> None:
    reply = (status, {"errcode": code, "errmsg": "?"})
    case = Send("", reply=reply, raises=error, code=ours, provider_code=str(code), retry_after=pause)
    sent(NAME, case)


FAILURES = [
    Send("no code", reply=(200, {"errmsg": "ok"}), raises=Unanswered, code=1331),
    Send("odd code", reply=(200, {"errcode": "0"}), raises=Unanswered, code=1331),
    Send("file", content("file", url="https://shop.example/a.pdf"), raises=Rejected, code=1140),
    Send("vcard", content("vcard", url="https://shop.example/a.vcf"), raises=Rejected, code=1140),
    Send("location", content("location", latitude=1, longitude=2), raises=Rejected, code=1140),
    Send(
        "picture that nobody took in", content("image", url="https://e.example/a"), raises=Rejected, code=1140
    ),
    Send("no app secret", settings={"app_secret": " "}, raises=ConfigurationError, code=1370),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, case)


# --- access ----------------------------------------------------------------------------------------


def with_client(reply: Answer, use: Callable[[httpx.Client], Any]) -> Any:
    base.forget_tokens()
    with httpx.Client(transport=httpx.MockTransport(reply)) as client:
        return use(client)


class WeChatServer:
    """Gives out ACCESS-1, ACCESS-2, ...; `knows` only the newest. `answers` what comes after the token."""

    def __init__(self, answers: Mapping[str, Any] | Answer, stale: int = 0) -> None:
        self.requests: list[httpx.Request] = []
        self.logins: list[Any] = []
        self._answers = answers
        self._stale = stale

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/cgi-bin/stable_token":
            self.logins.append(json.loads(request.content))
            token = f"ACCESS-{len(self.logins)}"
            return httpx.Response(200, json={"access_token": token, "expires_in": 7200})
        self.requests.append(request)
        if len(self.requests) <= self._stale:
            return httpx.Response(200, json={"errcode": 42001, "errmsg": "access_token expired"})
        if callable(self._answers):
            return self._answers(request)
        return httpx.Response(200, json=self._answers)


def test_logs_in_once() -> None:
    server = WeChatServer({"errcode": 0})

    def send_twice(client: httpx.Client) -> None:
        for _ in range(2):
            adapter(NAME).send(PROVIDER.message, PROVIDER.account(NAME), client)

    with_client(server, send_twice)
    assert server.logins == [
        {"grant_type": "client_credential", "appid": APP_ID, "secret": "wechat-app-secret"}
    ]
    assert [request.url.params["access_token"] for request in server.requests] == ["ACCESS-1"] * 2


def test_a_stale_token_is_renewed_once() -> None:
    server = WeChatServer({"errcode": 0}, stale=1)
    with_client(server, lambda client: adapter(NAME).send(PROVIDER.message, PROVIDER.account(NAME), client))
    assert [request.url.params["access_token"] for request in server.requests] == ["ACCESS-1", "ACCESS-2"]


LOGINS: list[tuple[Any, type[SwitchboardError]]] = [
    ({"errcode": 40125, "errmsg": "invalid appsecret"}, ConfigurationError),
    ({"errcode": 40164, "errmsg": "not in whitelist"}, ConfigurationError),
    ({"errcode": -1, "errmsg": "busy"}, Unavailable),
    ({"access_token": "x"}, Unavailable),
    (["x"], Unavailable),
]


@pytest.mark.parametrize(("reply", "error"), LOGINS, ids=str)
def test_refused_logins(reply: Any, error: type[SwitchboardError]) -> None:
    with pytest.raises(error):
        with_client(
            lambda request: httpx.Response(200, json=reply),
            lambda client: adapter(NAME).send(PROVIDER.message, PROVIDER.account(NAME), client),
        )


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        ({"ip_list": ["127.0.0.1"]}, "verified"),
        ({"errcode": 40013, "errmsg": "invalid appid"}, "failed"),
        ({"errcode": 45011, "errmsg": "minute limit"}, "pending"),
    ],
    ids=str,
)
def test_verification(reply: Any, state: str) -> None:
    server = WeChatServer(reply)
    verification: Verification = with_client(
        server,
        lambda client: adapter(NAME).verification(PROVIDER.account(NAME), Channel.WECHAT, BOT, client),
    )
    assert verification.state == state
    assert (
        str(server.requests[0].url) == "https://api.weixin.qq.com/cgi-bin/getcallbackip?access_token=ACCESS-1"
    )


# --- media -----------------------------------------------------------------------------------------


def attach(kind: str, server: Answer, mime_type: str = "image/png", name: str = "door") -> Any:
    message = replace_members(PROVIDER.message, {"content": content(kind, url="https://shop.example/door")})
    file = MediaFile(b"the bytes", mime_type, name)
    assert adapter(NAME).media_by(message) == "bytes"
    return with_client(
        server, lambda client: adapter(NAME).attach(message, file, PROVIDER.account(NAME), client)
    )


UPLOADS = [
    ("image", "image/png", "image", "media.png"),
    ("audio", "audio/mpeg", "voice", "media.mp3"),
    ("video", "video/mp4", "video", "media.mp4"),
    ("image", "image/x-odd", "image", "door"),
]


@pytest.mark.parametrize("stale", [0, 1], ids=["", "stale token"])
@pytest.mark.parametrize(("kind", "mime_type", "theirs", "name"), UPLOADS, ids=str)
def test_media_is_uploaded_first(kind: str, mime_type: str, theirs: str, name: str, stale: int) -> None:
    server = WeChatServer({"type": theirs, "media_id": "m-1", "created_at": 1795600811}, stale)
    message = attach(kind, server, mime_type)
    request = server.requests[-1]
    assert request.url.path == "/cgi-bin/media/upload"
    assert dict(request.url.params) == {"access_token": f"ACCESS-{stale + 1}", "type": theirs}
    assert f'name="media"; filename="{name}"'.encode() in request.content
    assert b"the bytes" in request.content
    assert isinstance(message.content, Custom)
    sent(
        NAME,
        Send(
            "",
            message.content,
            body={"touser": PERSON, "msgtype": theirs, theirs: {"media_id": "m-1"}},
            url=CUSTOM_SEND,
            id=UUID,
        ),
    )


def losing(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("lost", request=request)


BAD_UPLOADS: list[tuple[str, Mapping[str, Any] | Answer, type[SwitchboardError], int]] = [
    ("image", {"errcode": 40009, "errmsg": "too large"}, Rejected, 1381),
    ("image", {"type": "image"}, Unavailable, 1331),
    ("image", losing, Unavailable, 1331),
    ("image", lambda request: httpx.Response(502), Unavailable, 1331),
    ("file", {"media_id": "m-1"}, Rejected, 1140),
]


@pytest.mark.parametrize(("kind", "reply", "error", "code"), BAD_UPLOADS)
def test_refused_uploads(kind: str, reply: Any, error: type[Exception], code: int) -> None:
    with pytest.raises(error) as caught:
        attach(kind, WeChatServer(reply))
    assert isinstance(caught.value, Rejected | Unavailable)
    assert caught.value.code == code


VOICE = "https://api.weixin.qq.com/cgi-bin/media/get?media_id=m%2F1"


def download(media: str, server: Answer) -> httpx.Request:
    request: httpx.Request = with_client(
        server, lambda client: adapter(NAME).download(media, PROVIDER.account(NAME), client)
    )
    return request


@pytest.mark.parametrize("stale", [0, 1], ids=["", "stale token"])
def test_media_opens_with_our_token(stale: int) -> None:
    server = WeChatServer(lambda request: httpx.Response(200, content=b"#!AMR"), stale)
    request = download(VOICE, server)
    assert request.url.path == "/cgi-bin/media/get"
    assert dict(request.url.params) == {"access_token": f"ACCESS-{stale + 1}", "media_id": "m/1"}


def test_a_video_is_where_its_answer_says() -> None:
    request = download(VOICE, WeChatServer({"video_url": "http://v.example/1.mp4"}))
    assert str(request.url) == "http://v.example/1.mp4"


def test_a_picture_has_an_address_of_its_own() -> None:
    server = WeChatServer({})
    assert str(download("http://p.example/1", server).url) == "http://p.example/1"
    assert server.requests == server.logins == []


def test_media_that_is_gone() -> None:
    with pytest.raises(Rejected) as caught:
        download(VOICE, WeChatServer({"errcode": 40007, "errmsg": "invalid media_id"}))
    assert caught.value.code == 1380


# --- callbacks -------------------------------------------------------------------------------------

WHEN = at(1795600811)


def inbound(identifier: str, what: InboundContent) -> Inbound:
    return Inbound(Channel.WECHAT, identifier, PERSON, BOT, WHEN, what, {})


def xml(kind: str, sender: str = PERSON, **members: str) -> bytes:
    """A message as WeChat writes it."""
    words = {
        "ToUserName": BOT,
        "FromUserName": sender,
        "CreateTime": "1795600811",
        "MsgType": kind,
        **members,
    }
    inner = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in words.items())
    return f"<xml>{inner}</xml>".encode()


def media(identifier: str) -> str:
    return f"https://api.weixin.qq.com/cgi-bin/media/get?media_id={identifier}"


SPOT = {"latitude": 51.5, "longitude": -0.125}
INBOUND: list[tuple[str, bytes, InboundContent]] = [
    ("text", xml("text", Content="Grüße & 你好", MsgId="7"), came("text", text="Grüße & 你好")),
    (
        "image",
        xml("image", PicUrl="http://p.example/1", MediaId="m", MsgId="7"),
        came("image", url="http://p.example/1"),
    ),
    ("image without address", xml("image", MediaId="m", MsgId="7"), came("image", url=media("m"))),
    ("voice", xml("voice", MediaId="m_-1", Format="amr", MsgId="7"), came("audio", url=media("m_-1"))),
    ("video", xml("video", MediaId="m/1", ThumbMediaId="t", MsgId="7"), came("video", url=media("m%2F1"))),
    ("short video", xml("shortvideo", MediaId="m", MsgId="7"), came("video", url=media("m"))),
    (
        "link",
        xml("link", Title="t", Description="d", Url="https://shop.example", MsgId="7"),
        came("text", text="https://shop.example"),
    ),
    (
        "location without numbers",
        xml("location", Location_X="north", Location_Y="2", MsgId="7"),
        came("unsupported"),
    ),
    ("empty text", xml("text", MsgId="7"), came("unsupported")),
    ("voice without media", xml("voice", MsgId="7"), came("unsupported")),
    ("of a new kind", xml("telepathy", Content="x", MediaId="m", MsgId="7"), came("unsupported")),
]


@pytest.mark.parametrize(("body", "what"), [case[1:] for case in INBOUND], ids=[case[0] for case in INBOUND])
def test_inbound(body: bytes, what: InboundContent) -> None:
    assert received(NAME, body) == [inbound("7", what)]


FIXTURES = {
    "batch.xml": inbound("25100000000000001", came("text", text="Where is it?")),
    "location.xml": inbound("25100000000000002", came("location", **SPOT, name="1 Quay Street")),
    "click.xml": inbound(f"{PERSON} 1795600811", came("text", text="where-is-it")),
    "finished.xml": Receipt(Status.DELIVERED, {}, provider_id="3207416690512633857", at=WHEN),
}


@pytest.mark.parametrize("name", FIXTURES)
def test_receives(name: str) -> None:
    assert received(NAME, name) == [FIXTURES[name]]


RECEIPTS: list[tuple[str, Status | None, Failure | None]] = [
    ("failed:user block", Status.REJECTED, Failure(1240, "failed:user block")),
    ("failed: system failed", Status.UNDELIVERABLE, Failure(1331, "failed: system failed")),
    ("failed:system failed", Status.UNDELIVERABLE, Failure(1331, "failed:system failed")),
    ("failed:eclipse", Status.UNDELIVERABLE, Failure(1330, "failed:eclipse")),
    ("telepathy", None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("words", "status", "failure"), RECEIPTS, ids=str)
def test_receipts(words: str, status: Status | None, failure: Failure | None) -> None:
    body = xml("event", Event="TEMPLATESENDJOBFINISH", MsgID="7", Status=words)
    assert received(NAME, body) == [Receipt(status, {}, provider_id="7", at=WHEN, failure=failure)]


def test_a_receipt_for_nothing_names_nothing() -> None:
    body = xml("event", Event="TEMPLATESENDJOBFINISH", MsgID="0", Status="success")
    assert received(NAME, body) == [Receipt(Status.DELIVERED, {}, at=WHEN)]


@pytest.mark.parametrize(
    "body",
    [
        b"<xml></xml>",
        xml("event", Event="subscribe"),
        xml("event", Event="SCAN", EventKey="7"),
        xml("event", Event="VIEW", EventKey="https://shop.example"),
        xml("event", Event="LOCATION", Latitude="1", Longitude="2"),
        xml("event"),
        xml("text", Content="without an id"),
        xml("text", sender="", Content="from nobody", MsgId="7"),
    ],
    ids=repr,
)
def test_what_is_not_news_is_skipped(body: bytes) -> None:
    assert received(NAME, body) == []


def test_nested_members_are_kept() -> None:
    body = fixture(NAME, "batch.xml").replace(b"</xml>", b"<Info><Type>qr</Type><More/></Info></xml>")
    (event,) = adapter(NAME).events(Hook(body))
    assert event.raw["Info"] == {"Type": "qr", "More": ""}


ENTITY = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"\xff\xfe not XML",
        b"<xml><Content>x</xml>",
        b"<xml>&nothing;</xml>",
        b'<?xml version="1.0" encoding="telepathic"?><xml/>',
        ENTITY + b"<xml><Content>&e;</Content></xml>",
        BOMB + b"<xml><Content>&b;</Content></xml>",
        b"<!DOCTYPE xml><xml/>",
        b"<a>" * 100_000,
    ],
    ids=lambda body: body[:40],
)
def test_what_is_not_its_xml_is_no_silence(body: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        adapter(NAME).events(Hook(body))
    assert [fault.name for fault in caught.value.faults] == ["body"]
    hook = envelope("x")
    with pytest.raises(BadSignature):
        adapter(NAME).verify(Hook(body, query=hook.query), PROVIDER.account(NAME))


def test_deep_xml_is_only_odd() -> None:
    depth = 50_000
    body = b"<xml><Content>" + b"<a>" * depth + b"x" + b"</a>" * depth + b"</Content></xml>"
    assert adapter(NAME).events(Hook(body)) == []


# --- plain mode, safe mode -------------------------------------------------------------------------

PLAIN = {"encoding_aes_key": ""}


@pytest.mark.parametrize(
    ("query", "believed"),
    [
        ({**TIME, "signature": bare()}, True),
        ({**TIME, "signature": bare("another")}, False),
        ({**TIME, "nonce": "1", "signature": bare()}, False),
        ({**TIME, "msg_signature": bare()}, False),
        ({"signature": bare()}, False),
        ({}, False),
    ],
    ids=str,
)
def test_plain_mode(query: Mapping[str, str], believed: bool) -> None:
    hook = Hook(fixture(NAME, "batch.xml"), query=query)
    account = PROVIDER.account(NAME, **PLAIN)
    try:
        adapter(NAME).verify(hook, account)
    except BadSignature:
        assert not believed
    else:
        assert believed
        assert adapter(NAME).plain(hook, account) is hook


@pytest.mark.parametrize(
    ("hook", "error"),
    [
        (safe(b"<xml/>", "wx0000000000000000"), BadSignature),
        (envelope("AAAA"), BadSignature),
        (envelope("not base64"), BadSignature),
        (envelope(""), BadSignature),
        (envelope(base64.b64encode(bytes(32)).decode()), BadSignature),
        (Hook(b"<xml/>"), BadSignature),
    ],
    ids=["for another app", "too short", "not base64", "nothing", "of another key", "in the clear"],
)
def test_what_cannot_be_opened_is_not_believed(hook: Hook, error: type[SwitchboardError]) -> None:
    with pytest.raises(error):
        adapter(NAME).plain(hook, PROVIDER.account(NAME))


@pytest.mark.parametrize("key", ["short", AES_KEY[:-4], " ", "x" * 42], ids=repr)
def test_a_bad_key_is_a_configuration_error(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        adapter(NAME).plain(safe(b"<xml/>"), PROVIDER.account(NAME, encoding_aes_key=key))
    assert key not in repr(caught.value) or not key.strip()


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ({**TIME, "signature": bare(), "echostr": "81273"}, "81273"),
        ({**TIME, "signature": bare()}, None),
        ({**TIME, "signature": bare("another"), "echostr": "81273"}, None),
        ({"echostr": "81273"}, None),
    ],
    ids=str,
)
def test_handshake(query: Mapping[str, str], answer: str | None) -> None:
    assert adapter(NAME).handshake(Hook(b"", "GET", query=query), PROVIDER.account(NAME)) == answer


def test_callbacks_are_thanked_as_wechat_wants() -> None:
    assert adapter(NAME).thanks == "success"


# --- another implementation ------------------------------------------------------------------------


def test_signatures_are_sha1_of_the_sorted_parts() -> None:
    assert bare() == hashlib.sha1(f"1795600811904117{TOKEN}".encode()).hexdigest()
    check_signature(TOKEN, bare(), *TIME.values())


def test_wechatpy_opens_what_we_open() -> None:
    hook = safe(fixture(NAME, "batch.xml"))
    crypto = WeChatCrypto(TOKEN, AES_KEY, APP_ID)
    theirs = crypto.decrypt_message(hook.body, hook.query["msg_signature"], *TIME.values())
    assert adapter(NAME).plain(hook, PROVIDER.account(NAME)).body == theirs.encode()


@pytest.mark.parametrize("name", ["batch.xml", "location.xml", "click.xml"])
def test_wechatpy_reads_what_we_read(name: str) -> None:
    theirs = parse_message(fixture(NAME, name))
    (event,) = received(NAME, name)
    assert isinstance(event, Inbound)
    assert (theirs.source, theirs.target) == (event.sender, event.recipient)
    assert re.fullmatch(r"text|location|event", theirs.type)
