"""The carriers' own surface, for people and tests: write from a handset, subscribe, see what was taken."""

import time
from typing import Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.carriers import media, meta
from sandbox.carriers.aws import Aws
from sandbox.carriers.callbacks import Callback, Callbacks, Undelivered
from sandbox.carriers.config import Config
from sandbox.carriers.faults import Faulty, check, parse_object
from sandbox.carriers.infobip import Infobip
from sandbox.carriers.messenger import Messenger
from sandbox.carriers.network import Network
from sandbox.carriers.whatsapp import WhatsApp


class HandsetText(BaseModel):
    """A text that somebody sends to one of our senders. `to` is a number, a page id or a Viber sender."""

    model_config = ConfigDict(strict=True, extra="forbid")

    channel: Literal["sms", "mms", "whatsapp", "messenger", "viber_service_msg"]
    sender: str = Field(alias="from", pattern=r"^\+?\d{5,20}$")
    to: str = Field(min_length=1)
    text: str = Field(min_length=1, max_length=4096)

    @model_validator(mode="after")
    def _recipient(self) -> "HandsetText":
        if self.channel != "viber_service_msg" and not self.to.removeprefix("+").isdecimal():
            raise ValueError("to: must be digits")
        return self


class Control:
    def __init__(
        self,
        config: Config,
        client: httpx.AsyncClient,
        callbacks: Callbacks,
        network: Network,
        carriers: tuple[Aws, WhatsApp, Messenger, Infobip],
    ) -> None:
        self._config = config
        self._client = client
        self._callbacks = callbacks
        self._network = network
        self._aws, self._whatsapp, self._messenger, self._infobip = carriers

    async def inbound(self, request: Request) -> Response:
        """POST /inbound {"channel", "from", "to", "text"}: 202 when our side took the webhook, 400, 502."""
        value = parse_object(await request.body())
        if value is None:
            return _refused(400, "", "the body must be a JSON object")
        try:
            text = check(HandsetText, value)
        except Faulty as faulty:
            fault = faulty.faults[0]
            field, reason = (fault.dotted, fault.reason) if fault.path else fault.reason.split(": ", 1)
            return _refused(400, field, reason)
        try:
            await self._callbacks.deliver(self._callback(text))
        except Undelivered as error:
            return _refused(502, "", f"the webhook was not taken: {error}")
        return JSONResponse({"status": "accepted"}, 202)

    def _callback(self, text: HandsetText) -> Callback:
        now = time.time()
        match text.channel:
            case "sms" | "mms":
                return self._aws.inbound(text.sender, text.to, text.text)
            case "whatsapp":
                return self._whatsapp.inbound(text.sender, text.to, text.text, now)
            case "messenger":
                return self._messenger.inbound(text.sender, text.to, text.text, now)
            case "viber_service_msg":
                return self._infobip.inbound(text.sender, text.to, text.text, now)

    async def handshake(self, request: Request) -> Response:
        """POST /handshake/{provider}: {"ok": whether our callback URL answers Meta's check}"""
        provider = request.path_params["provider"]
        if provider not in (WhatsApp.provider, Messenger.provider):
            return _refused(404, "provider", "has no handshake")
        return JSONResponse({"ok": await meta.handshake(provider, self._config, self._client)})

    async def log(self, request: Request) -> Response:
        """GET /log: {"sends": the last 1000 accepted messages, "counts": {provider: since the start}}"""
        return JSONResponse(self._network.log.as_json())

    async def media(self, request: Request) -> Response:
        """GET /media?url=: see `media.fetch`."""
        return await media.fetch(self._client, request.query_params.get("url", ""))


def _refused(status: int, field: str, reason: str) -> Response:
    place = {"field": field} if field else {}
    return JSONResponse({"status": "refused", **place, "reason": reason}, status)
