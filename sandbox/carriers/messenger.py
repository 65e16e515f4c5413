"""Messenger: https://developers.facebook.com/docs/messenger-platform"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers import meta
from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Credentials
from sandbox.carriers.faults import Fault, Faulty, check
from sandbox.carriers.handsets import Event
from sandbox.carriers.meta import UNAVAILABLE, GraphError, webhook
from sandbox.carriers.network import Carrier, Message, digest

APP_ID = 1517000000000001

THROTTLED = GraphError(613, "(#613) Calls to this api have exceeded the rate limit.")
REFUSED = GraphError(10, "(#10) This message is sent outside of allowed window.", subcode=2018278)
RETIRED_TAG = GraphError(100, "(#100) Invalid parameter", subcode=1893061)
NOT_AVAILABLE = GraphError(551, "(#551) This person isn't available right now.", subcode=1545041)


class _Member(BaseModel):
    model_config = ConfigDict(strict=True)


class Payload(_Member):
    url: Annotated[str, Field(pattern=r"^https?://\S+$")] | None = None
    attachment_id: str | None = None
    is_reusable: bool = False
    template_type: str | None = None


class Attachment(_Member):
    type: Literal["image", "audio", "video", "file", "template"]
    payload: Payload

    @model_validator(mode="after")
    def _complete(self) -> "Attachment":
        if self.type == "template":
            if self.payload.template_type is None:
                raise ValueError("payload.template_type is required")
        elif (self.payload.url is None) == (self.payload.attachment_id is None):
            raise ValueError("payload must have either url or attachment_id")
        return self


class Language(_Member):
    code: str = Field(min_length=2)


class Template(_Member):
    """An approved one, for a utility message."""

    name: str = Field(min_length=1)
    language: Language
    components: list[dict[str, Any]] = []


class Content(_Member):
    text: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    attachment: Attachment | None = None
    template: Template | None = None
    metadata: Annotated[str, Field(max_length=1000)] | None = None
    quick_replies: Annotated[list[dict[str, Any]], Field(max_length=13)] = []

    @model_validator(mode="after")
    def _one_kind(self) -> "Content":
        if sum(part is not None for part in (self.text, self.attachment, self.template)) != 1:
            raise ValueError("must provide valid attachment or text, and not both")
        return self


class Recipient(_Member):
    id: str = Field(min_length=1)


class Send(_Member):
    recipient: Recipient
    message: Content
    messaging_type: Literal["RESPONSE", "UPDATE", "MESSAGE_TAG", "UTILITY"] = "RESPONSE"
    tag: Literal["HUMAN_AGENT"] | None = None
    """The others were retired in 2020 and 2026."""

    @model_validator(mode="after")
    def _tagged(self) -> "Send":
        if self.messaging_type == "MESSAGE_TAG" and self.tag is None:
            raise ValueError("tag is required")
        if (self.messaging_type == "UTILITY") != (self.message.template is not None):
            raise ValueError("a utility message must have a template, and no other may")
        return self


class Act(_Member):
    """Comes without a message."""

    model_config = ConfigDict(extra="forbid")

    recipient: Recipient
    sender_action: Literal["mark_seen", "typing_on", "typing_off"]


@dataclass(frozen=True, kw_only=True)
class MessengerMessage(Message):
    """`sender` is the page id, `recipient` the page-scoped user id."""

    content: Mapping[str, Any]


class Messenger(Carrier[MessengerMessage]):
    provider: ClassVar[str] = "messenger"
    channels = ("messenger",)
    reports = (Event.ACCEPTED, Event.DELIVERED, Event.READ)
    scrambled_reports = (Event.READ, Event.DELIVERED, Event.ACCEPTED)

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        return meta.account(f"{carriers}/messenger", credentials)

    def routes(self) -> list[Route]:
        return [
            meta.messages(self.provider, self._config, self.send),
            meta.route(self.provider, self._config, "", ["GET"], self.page),
        ]

    async def handshake(self, client: httpx.AsyncClient) -> bool:
        return await meta.handshake(self.provider, self._config, client)

    async def page(self, request: Request) -> Response:
        """GET /{page_id}?fields="""
        node = {"id": request.path_params["object"], "name": "The Page"}
        return JSONResponse(meta.fields(request, node, ["name"]))

    async def send(self, sender: str, value: Mapping[str, Any], body: bytes) -> Response:
        """POST /{page_id}/messages. GraphError if the body is wrong."""
        if "sender_action" in value:
            return self._acted(value)
        try:
            send = check(Send, value)
        except Faulty as faulty:
            raise _graph_error(faulty.faults[0]) from None
        if not send.recipient.id.isdecimal():
            raise GraphError(100, "(#100) No matching user found", subcode=2018001)
        content = send.message.model_dump(include={"text", "attachment", "template"}, exclude_none=True)
        message = MessengerMessage(
            channel="messenger",
            sender=sender,
            recipient=send.recipient.id,
            provider_id=_mid(),
            echo_id=send.message.metadata,
            digest=digest(body),
            content=content,
        )
        return await self._network.exchange(self, [message])

    def _acted(self, value: Mapping[str, Any]) -> Response:
        """The page has seen what somebody wrote, or is about to answer."""
        try:
            act = check(Act, value)
        except Faulty as faulty:
            raise _graph_error(faulty.faults[0]) from None
        word = {"mark_seen": "read", "typing_on": "typing"}.get(act.sender_action, act.sender_action)
        self._network.log.change(self.provider, word, act.recipient.id)
        return JSONResponse({"recipient_id": act.recipient.id})

    def takes(self, message: MessengerMessage) -> bool:
        """A failure is always an answer here: there is no receipt for one."""
        return super().takes(message) and not message.handset.fails

    def throttled(self) -> Response:
        return THROTTLED.response()

    def unavailable(self) -> Response:
        return UNAVAILABLE.response()

    def answer(self, messages: Sequence[MessengerMessage]) -> Response:
        (message,) = messages
        if message.handset.fails:
            return NOT_AVAILABLE.response()
        if not self.takes(message):
            return REFUSED.response()
        return JSONResponse({"recipient_id": message.recipient, "message_id": message.provider_id})

    def receipt(self, message: MessengerMessage, event: Event, at: float) -> Webhook:
        page, person, moment = message.sender, message.recipient, int(at * 1000)
        if event is Event.ACCEPTED:
            echo: dict[str, Any] = {"is_echo": True, "app_id": APP_ID, "mid": message.provider_id}
            if message.echo_id is not None:
                echo["metadata"] = message.echo_id
            return self._webhook(page, page, person, moment, {"message": {**echo, **_shown(message.content)}})
        if event is Event.DELIVERED:
            delivery = {"mids": [message.provider_id], "watermark": moment}
            return self._webhook(page, person, page, moment, {"delivery": delivery})
        return self._webhook(page, person, page, moment, {"read": {"watermark": moment}})

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        """A person's text to one of our pages."""
        message = {"mid": _mid(), "text": text}
        return self._webhook(recipient, sender, recipient, int(at * 1000), {"message": message})

    def _webhook(
        self, page: str, sender: str, recipient: str, moment: int, news: Mapping[str, Any]
    ) -> Webhook:
        event = {"sender": {"id": sender}, "recipient": {"id": recipient}, "timestamp": moment, **news}
        entry = {"id": page, "time": moment, "messaging": [event]}
        return webhook(self.provider, {"object": "page", "entry": [entry]}, self._config)


def _shown(content: Mapping[str, Any]) -> dict[str, Any]:
    """Content as an echo shows it: attachments are a list there."""
    if "attachment" in content:
        return {"attachments": [content["attachment"]]}
    return dict(content)


def _graph_error(fault: Fault) -> GraphError:
    where = fault.dotted or "messaging"
    if fault.missing:
        return GraphError(100, f"(#100) The parameter {where} is required")
    if fault.path[:1] == ("tag",):
        return RETIRED_TAG
    return GraphError(100, f"(#100) Param {where}: {fault.reason}")


def _mid() -> str:
    return "m_" + secrets.token_urlsafe(60)
