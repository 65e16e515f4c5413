"""The carriers' own surface, for people and tests: write from a handset, subscribe, see what was taken."""

import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import httpx
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.carriers import media
from sandbox.carriers.callbacks import Callback, Callbacks, Undelivered
from sandbox.carriers.config import Config
from sandbox.carriers.faults import Faulty, check, parse_object
from sandbox.carriers.network import Carrier, Network
from sandbox.carriers.writing import Written


class Act(BaseModel):
    """What somebody does with a phone."""

    channel: Annotated[str, Field(min_length=1, max_length=40)]
    person: Annotated[str, Field(min_length=1, max_length=100)]
    do: Literal["add", "open", "on", "off"]


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
        """POST /inbound {"channel", "from", "to", "text", "provider"?}, or what else `Written` has instead of
        a text: 202 when our side took the webhook, 400, 502."""
        value = parse_object(await request.body())
        if value is None:
            return _refused(400, "", "the body must be a JSON object")
        try:
            written = check(Written, value)
        except Faulty as faulty:
            fault = faulty.faults[0]
            field, reason = (fault.dotted, fault.reason) if fault.path else fault.reason.split(": ", 1)
            return _refused(400, field, reason)
        carrier = self._carrier(written.channel, written.provider)
        if carrier is None:
            field = "provider" if self._carrier(written.channel, None) else "channel"
            return _refused(400, field, "is not known here")
        callback = self._written(carrier, written)
        if callback is None:
            return _refused(
                400, written.special, f"{carrier.provider} has no such thing by {written.channel}"
            )
        try:
            await self._callbacks.deliver(callback)
        except Undelivered as error:
            return _refused(502, "", f"the webhook was not taken: {error}")
        if phone := self._network.phones.find(written.channel, written.sender):
            phone.write(written.to, written.text or f"[{written.kind}]")
        return JSONResponse({"status": "accepted"}, 202)

    async def handsets(self, request: Request) -> Response:
        """GET /handsets: the phones on the screen, and what is on them."""
        return JSONResponse(self._network.phones.as_json())

    async def act(self, request: Request) -> Response:
        """POST /handsets {"channel", "person", "do"}: `add` it to the screen, `open` it (all that is there is
        read), switch it `on` or `off`. 404 unless it is on the screen."""
        value = parse_object(await request.body())
        if value is None:
            return _refused(400, "", "the body must be a JSON object")
        try:
            act = check(Act, value)
        except Faulty as faulty:
            fault = faulty.faults[0]
            return _refused(400, fault.dotted, fault.reason)
        phones = self._network.phones
        if act.do == "add":
            if self._carrier(act.channel, None) is None:
                return _refused(400, "channel", "is not known here")
            return JSONResponse(phones.add(act.channel, act.person).as_json(), 201)
        phone = phones.find(act.channel, act.person)
        if phone is None:
            return _refused(404, "person", "has no phone on the screen: add it first")
        match act.do:
            case "open":
                phone.open()
            case "on":
                phone.on.set()
            case "off":
                phone.on.clear()
        return JSONResponse(phone.as_json())

    def _written(self, carrier: Carrier[Any], written: Written) -> Callback | None:
        if written.is_plain:
            text = written.text or ""
            return carrier.inbound(written.channel, written.sender, written.to, text, time.time())
        return carrier.inbound_rich(written, time.time())

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
        """GET /log: {"sends": the last 1000 accepted messages, "counts": {provider: since the start},
        "changes": the last 1000 times that a message was read by us or taken back}"""
        return JSONResponse(self._network.log.as_json())

    async def media(self, request: Request) -> Response:
        """GET /media?url=: see `media.fetch`."""
        return await media.fetch(self._client, request.query_params.get("url", ""))


def _refused(status: int, field: str, reason: str) -> Response:
    place = {"field": field} if field else {}
    return JSONResponse({"status": "refused", **place, "reason": reason}, status)
