"""The carriers' own surface, for people and tests: write from a handset, subscribe, see what was taken."""

import re
import time
from collections.abc import Sequence
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.carriers import media
from sandbox.carriers.callbacks import Callbacks, Undelivered
from sandbox.carriers.config import Config
from sandbox.carriers.faults import Faulty, check, parse_object
from sandbox.carriers.network import Carrier, Network

NUMBERED = ("sms", "mms", "whatsapp", "viber_service_msg", "rcs")
"""Channels on which people are phone numbers."""
COUNTED = ("messenger", "telegram")
"""Those on which their ids are numbers as well."""


class HandsetText(BaseModel):
    """A text that somebody sends to one of our senders. `to` is a number, a page id, a bot's name, ..."""

    model_config = ConfigDict(strict=True, extra="forbid")

    channel: str
    provider: str | None = None
    """Which of a channel's providers carries it; None for the usual one."""
    sender: str = Field(alias="from", pattern=r"^[+\w.:-]{3,100}$")
    to: str = Field(min_length=1)
    text: str = Field(min_length=1, max_length=4096)

    @model_validator(mode="after")
    def _parties(self) -> "HandsetText":
        if self.channel in (*NUMBERED, *COUNTED) and not re.fullmatch(r"\+?\d{5,20}", self.sender):
            raise ValueError("from: must be digits")
        if (
            self.channel in ("sms", "mms", "whatsapp", "messenger")
            and not self.to.removeprefix("+").isdecimal()
        ):
            raise ValueError("to: must be digits")
        return self


class Control:
    def __init__(
        self,
        config: Config,
        client: httpx.AsyncClient,
        callbacks: Callbacks,
        network: Network,
        carriers: Sequence[Carrier[Any]],
    ) -> None:
        self._config = config
        self._client = client
        self._callbacks = callbacks
        self._network = network
        self._carriers = carriers

    async def inbound(self, request: Request) -> Response:
        """POST /inbound {"channel", "from", "to", "text", "provider"?}: 202 when our side took the webhook,
        400, 502."""
        value = parse_object(await request.body())
        if value is None:
            return _refused(400, "", "the body must be a JSON object")
        try:
            text = check(HandsetText, value)
        except Faulty as faulty:
            fault = faulty.faults[0]
            field, reason = (fault.dotted, fault.reason) if fault.path else fault.reason.split(": ", 1)
            return _refused(400, field, reason)
        carrier = self._carrier(text.channel, text.provider)
        if carrier is None:
            field = "provider" if self._carrier(text.channel, None) else "channel"
            return _refused(400, field, "is not known here")
        callback = carrier.inbound(text.channel, text.sender, text.to, text.text, time.time())
        try:
            await self._callbacks.deliver(callback)
        except Undelivered as error:
            return _refused(502, "", f"the webhook was not taken: {error}")
        return JSONResponse({"status": "accepted"}, 202)

    def _carrier(self, channel: str, provider: str | None) -> Carrier[Any] | None:
        fitting = (
            carrier
            for carrier in self._carriers
            if channel in carrier.channels and provider in (None, carrier.provider)
        )
        return next(fitting, None)

    async def handshake(self, request: Request) -> Response:
        """POST /handshake/{provider}: {"ok": whether our callback URL answers the provider's check}"""
        for carrier in self._carriers:
            if carrier.provider == request.path_params["provider"]:
                ok = await carrier.handshake(self._client)
                if ok is not None:
                    return JSONResponse({"ok": ok})
        return _refused(404, "provider", "has no handshake")

    async def account(self, request: Request) -> Response:
        """GET /accounts/{provider}: {"credentials": what an account with it holds}, to make others like it"""
        for carrier in self._carriers:
            if carrier.provider == request.path_params["provider"]:
                here = str(request.base_url).rstrip("/")
                held = carrier.account(here, self._config.api_url, self._config.credentials)
                return JSONResponse({"credentials": held})
        return _refused(404, "provider", "is not known here")

    async def log(self, request: Request) -> Response:
        """GET /log: {"sends": the last 1000 accepted messages, "counts": {provider: since the start}}"""
        return JSONResponse(self._network.log.as_json())

    async def media(self, request: Request) -> Response:
        """GET /media?url=: see `media.fetch`."""
        return await media.fetch(self._client, request.query_params.get("url", ""))


def _refused(status: int, field: str, reason: str) -> Response:
    place = {"field": field} if field else {}
    return JSONResponse({"status": "refused", **place, "reason": reason}, status)
