"""WeChat Official Accounts, with callbacks in safe mode (encrypted).

https://developers.weixin.qq.com/doc/offiaccount/en/Getting_Started/Overview.html
"""

import hashlib
import hmac
import re
import secrets
import time
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import PurePosixPath
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import Faulty, check, parse_object
from sandbox.carriers.handsets import Event
from sandbox.carriers.network import Carrier, Message, Network, digest
from sandbox.carriers.recent import Recent

BOT, APP_ID = "gh_0b070b070b07", "wx0b070b070b070b07"
"""The account's original id and app id."""

TOKEN_SECONDS = 7200
BLOCK = 32  # bytes, of the padding

UPLOADS = {
    "image": (("jpg", "jpeg", "png", "gif", "bmp"), 10 * 1024 * 1024, 40009),
    "voice": (("amr", "mp3"), 2 * 1024 * 1024, 40010),
    "video": (("mp4",), 10 * 1024 * 1024, 40011),
    "thumb": (("jpg",), 64 * 1024, 40009),
}
"""Extensions, most bytes, and the code of a larger file."""

T = TypeVar("T", bound=BaseModel)
OpenId = Annotated[str, Field(pattern=r"^o[\w-]{5,63}$")]


class WeChatError(Exception):
    """An answer that is 200 like every other one, but has a code."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code

    def response(self) -> Response:
        return JSONResponse({"errcode": self.code, "errmsg": f"{self} rid: {secrets.token_hex(12)}"})


class _Member(BaseModel):
    model_config = ConfigDict(strict=True)


class TextBody(_Member):
    content: str = Field(min_length=1)


class Media(_Member):
    media_id: str


class Text(_Member):
    touser: OpenId
    msgtype: Literal["text"]
    text: TextBody


class Image(_Member):
    touser: OpenId
    msgtype: Literal["image"]
    image: Media


class Voice(_Member):
    touser: OpenId
    msgtype: Literal["voice"]
    voice: Media


class Video(_Member):
    touser: OpenId
    msgtype: Literal["video"]
    video: Media


class Menu(_Member):
    touser: OpenId
    msgtype: Literal["msgmenu"]
    msgmenu: dict[str, Any]


class News(_Member):
    touser: OpenId
    msgtype: Literal["news"]
    news: dict[str, Any]


class MiniProgram(_Member):
    touser: OpenId
    msgtype: Literal["miniprogrampage"]
    miniprogrampage: dict[str, Any]


CUSTOM: dict[str, type[_Member]] = {
    "text": Text,
    "image": Image,
    "voice": Voice,
    "video": Video,
    "msgmenu": Menu,
    "news": News,
    "miniprogrampage": MiniProgram,
}


class Value(_Member):
    value: str = Field(min_length=1)
    color: str | None = None


class Template(_Member):
    touser: OpenId
    template_id: str = Field(min_length=1)
    url: str | None = None
    miniprogram: dict[str, str] | None = None
    client_msg_id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    data: dict[Annotated[str, Field(pattern=r"^\w+$")], Value]


@dataclass(frozen=True, kw_only=True)
class WeChatMessage(Message):
    """`provider_id` of what is no template is never told to anybody."""

    template: bool
    repeated: bool


class WeChat(Carrier[WeChatMessage]):
    provider: ClassVar[str] = "wechat"
    channels = ("wechat",)
    reports = (Event.DELIVERED, Event.FAILED)
    scrambled_reports = (Event.DELIVERED,)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        self._token = secrets.token_urlsafe(32)
        self._sent: Recent[tuple[str, str], str] = Recent()
        self._media: Recent[str, tuple[str, str, bytes]] = Recent(100)

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        return {
            "base_url": f"{carriers}/wechat",
            "app_id": APP_ID,
            "app_secret": credentials.secret("wechat app_secret"),
            "token": credentials.secret("wechat token"),
            "encoding_aes_key": aes_key(credentials),
        }

    def routes(self) -> list[Route]:
        def route(path: str, handle: Callable[[Request], Awaitable[Response]], method: str = "GET") -> Route:
            async def answer(request: Request) -> Response:
                try:
                    if path != "stable_token":
                        self._authorise(request)
                    return await handle(request)
                except WeChatError as error:
                    return error.response()

            return Route(f"/wechat/cgi-bin/{path}", answer, methods=[method])

        return [
            route("stable_token", self.stable_token, "POST"),
            route("message/custom/send", self.custom, "POST"),
            route("message/template/send", self.template, "POST"),
            route("media/upload", self.upload, "POST"),
            route("media/get", self.media),
            route("getcallbackip", self.addresses),
            route("get_api_domain_ip", self.addresses),
            Route("/wechat/video/{media_id}", self.video),
        ]

    # --- access ----------------------------------------------------------------------------------

    async def stable_token(self, request: Request) -> Response:
        """POST /cgi-bin/stable_token"""
        value = _object(await request.body())
        if value.get("grant_type") != "client_credential":
            raise WeChatError(40002, "invalid grant_type")
        if value.get("appid") != APP_ID:
            raise WeChatError(40013, "invalid appid")
        if value.get("secret") != self._config.secret("wechat app_secret"):
            raise WeChatError(40125, "invalid appsecret")
        if value.get("force_refresh"):
            self._token = secrets.token_urlsafe(32)
        return JSONResponse({"access_token": self._token, "expires_in": TOKEN_SECONDS})

    def _authorise(self, request: Request) -> None:
        shown = request.query_params.get("access_token", "")
        if not shown:
            raise WeChatError(41001, "access_token missing")
        if not hmac.compare_digest(shown.encode(), self._token.encode()):
            raise WeChatError(40001, "invalid credential, access_token is invalid or not latest")

    async def addresses(self, request: Request) -> Response:
        """GET /cgi-bin/getcallbackip, /cgi-bin/get_api_domain_ip"""
        return JSONResponse({"ip_list": ["127.0.0.1"]})

    # --- media -----------------------------------------------------------------------------------

    async def upload(self, request: Request) -> Response:
        """POST /cgi-bin/media/upload?type="""
        kind = request.query_params.get("type", "")
        if kind not in UPLOADS:
            raise WeChatError(40004, "invalid media type")
        name, mime_type, content = _file(request.headers.get("content-type", ""), await request.body())
        extensions, largest, too_large = UPLOADS[kind]
        if PurePosixPath(name).suffix.lower().removeprefix(".") not in extensions:
            raise WeChatError(40005, "invalid file type")
        if len(content) > largest:
            raise WeChatError(too_large, f"invalid {kind} size")
        media_id = secrets.token_urlsafe(48)
        self._media[media_id] = (kind, mime_type, content)
        return JSONResponse({"type": kind, "media_id": media_id, "created_at": int(time.time())})

    async def media(self, request: Request) -> Response:
        """GET /cgi-bin/media/get?media_id="""
        media_id = request.query_params.get("media_id", "")
        kind, mime_type, content = self._known(media_id)
        if kind == "video":
            return JSONResponse({"video_url": f"{request.base_url}wechat/video/{media_id}"})
        return Response(content, media_type=mime_type)

    async def video(self, request: Request) -> Response:
        """GET /wechat/video/{media_id}: where `media` says that a video is"""
        media_id = request.path_params["media_id"]
        if media_id not in self._media:
            return Response(status_code=404)
        _, mime_type, content = self._media[media_id]
        return Response(content, media_type=mime_type)

    def _known(self, media_id: str) -> tuple[str, str, bytes]:
        try:
            return self._media[media_id]
        except KeyError:
            raise WeChatError(40007, "invalid media_id") from None

    # --- messages --------------------------------------------------------------------------------

    async def custom(self, request: Request) -> Response:
        """POST /cgi-bin/message/custom/send"""
        body = await request.body()
        value = _object(body)
        kind = value.get("msgtype")
        if kind not in CUSTOM:
            raise WeChatError(40008, "invalid message type")
        _checked(CUSTOM[kind], value)
        if kind == "text" and len(value["text"]["content"].encode()) > 2048:
            raise WeChatError(45002, "content size out of limit")
        if kind in UPLOADS and self._known(value[kind]["media_id"])[0] != kind:
            raise WeChatError(40007, "invalid media_id")
        return await self._exchange(value["touser"], body, str(uuid4()), None, template=False)

    async def template(self, request: Request) -> Response:
        """POST /cgi-bin/message/template/send"""
        body = await request.body()
        sent = _checked(Template, _object(body))
        message_id = str(uuid4().int >> 67)
        return await self._exchange(sent.touser, body, message_id, sent.client_msg_id, template=True)

    async def _exchange(
        self, to: str, body: bytes, message_id: str, echo: str | None, *, template: bool
    ) -> Response:
        earlier = self._sent.get((to, echo)) if echo else None
        message = WeChatMessage(
            channel="wechat",
            sender=BOT,
            recipient=to,
            provider_id=earlier or message_id,
            echo_id=echo,
            digest=digest(body),
            template=template,
            repeated=earlier is not None,
        )
        return await self._network.exchange(self, [message])

    def takes(self, message: WeChatMessage) -> bool:
        return self._refusal(message) is None and not message.repeated

    def _refusal(self, message: WeChatMessage) -> WeChatError | None:
        if not super().takes(message):
            return WeChatError(48002, "user is refuse to accept message")
        if message.handset.fails and not message.template:
            return WeChatError(45015, "response out of time limit or subscription is canceled")
        return None

    def took(self, message: WeChatMessage) -> None:
        if message.echo_id:
            self._sent[message.recipient, message.echo_id] = message.provider_id

    def throttled(self) -> Response:
        return WeChatError(45011, "api minute-quota reach limit, must slower, retry next minute").response()

    def unavailable(self) -> Response:
        return WeChatError(-1, "system error").response()

    def answer(self, messages: Sequence[WeChatMessage]) -> Response:
        (message,) = messages
        if refusal := self._refusal(message):
            return refusal.response()
        named = {"msgid": int(message.provider_id)} if message.template else {}
        return JSONResponse({"errcode": 0, "errmsg": "ok", **named})

    # --- callbacks -------------------------------------------------------------------------------

    def receipt(self, message: WeChatMessage, event: Event, at: float) -> Webhook | None:
        """Only templates have one."""
        if not message.template:
            return None
        status = "success" if event is Event.DELIVERED else "failed:user block"
        words = {"MsgType": "event", "Event": "TEMPLATESENDJOBFINISH", "MsgID": message.provider_id}
        return self._webhook(message.sender, message.recipient, at, **words, Status=status)

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        identifier = str(uuid4().int >> 67)
        return self._webhook(recipient, sender, at, MsgType="text", Content=text, MsgId=identifier)

    def _webhook(self, to: str, sender: str, at: float, **members: str) -> Webhook:
        key = b64decode(aes_key(self._config.credentials) + "=")
        plain = _xml(ToUserName=to, FromUserName=sender, CreateTime=str(int(at)), **members)
        words = encrypted(plain, key)
        query = self._signed() | {"openid": sender, "encrypt_type": "aes"}
        query["msg_signature"] = self._signature(query["timestamp"], query["nonce"], words)
        url = httpx.URL(self._config.inbound_url(self.provider), params=query)
        headers = {"content-type": "text/xml"}
        return Webhook(self.provider, str(url), _xml(ToUserName=to, Encrypt=words), headers)

    async def handshake(self, client: httpx.AsyncClient) -> bool | None:
        challenge = str(secrets.randbelow(10**19))
        query = self._signed() | {"echostr": challenge}
        try:
            reply = await client.get(self._config.inbound_url(self.provider), params=query)
        except httpx.HTTPError:
            return False
        return reply.status_code == 200 and reply.text == challenge

    def _signed(self) -> dict[str, str]:
        now, nonce = str(int(time.time())), str(secrets.randbelow(10**10))
        return {"signature": self._signature(now, nonce), "timestamp": now, "nonce": nonce}

    def _signature(self, *parts: str) -> str:
        joined = "".join(sorted([self._config.secret("wechat token"), *parts]))
        return hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()


def aes_key(credentials: Credentials) -> str:
    """32 bytes in 43 characters."""
    return b64encode(credentials.secret("wechat encoding_aes_key").encode()).decode().rstrip("=")


def encrypted(plain: bytes, key: bytes) -> str:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    content = secrets.token_bytes(16) + len(plain).to_bytes(4, "big") + plain + APP_ID.encode()
    padding = BLOCK - len(content) % BLOCK
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(key[:16])).encryptor()
    return b64encode(encryptor.update(content + bytes([padding]) * padding) + encryptor.finalize()).decode()


def _xml(**members: str) -> bytes:
    """A document of CDATA members, without what XML cannot hold."""
    inner = ""
    for name, value in members.items():
        words = re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", value)
        inner += f"<{name}><![CDATA[{words.replace(']]>', ']]]]><![CDATA[>')}]]></{name}>"
    return f"<xml>{inner}</xml>".encode()


def _object(body: bytes) -> dict[str, Any]:
    value = parse_object(body)
    if value is None:
        raise WeChatError(47001, "data format error")
    return value


def _checked(model: type[T], value: dict[str, Any]) -> T:
    try:
        return check(model, value)
    except Faulty as faulty:
        fault = faulty.faults[0]
        match fault.path[0]:
            case "touser":
                raise WeChatError(40003, "invalid openid") from None
            case "template_id":
                raise WeChatError(40037, "invalid template_id") from None
            case "data":
                raise WeChatError(47003, "argument invalid") from None
        raise WeChatError(47001, f"data format error: {fault.dotted}") from None


def _file(content_type: str, body: bytes) -> tuple[str, str, bytes]:
    """Name, type and content of the form's `media`."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    form = BytesParser(EmailMessage, policy=HTTP).parsebytes(head + body)
    for part in form.iter_parts() if form.is_multipart() else ():
        if part.get_param("name", header="content-disposition") == "media":
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            return part.get_filename() or "", part.get_content_type(), content
    raise WeChatError(41005, "media data missing")
