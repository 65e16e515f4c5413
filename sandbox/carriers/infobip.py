"""SMS, WhatsApp and Viber Business Messages through Infobip: https://www.infobip.com/docs/api"""

import hmac
import json
import re
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.carriers import media
from sandbox.carriers.callbacks import Webhook
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.faults import Fault, Faulty, check
from sandbox.carriers.handsets import Event, Handset, handset, last4
from sandbox.carriers.infobip_faults import bad_request, exception, invalid, parse
from sandbox.carriers.infobip_messages import SmsSend, SmsSends, ViberSend, ViberSends
from sandbox.carriers.infobip_templates import REVIEW_SECONDS, Definition, Templates
from sandbox.carriers.infobip_templates import Template as Filed
from sandbox.carriers.infobip_whatsapp import CONTENTS, Bulk, Envelope, Template
from sandbox.carriers.network import Carrier, Message, Network, digest
from sandbox.carriers.recent import Recent
from sandbox.carriers.segments import segments
from sandbox.carriers.writing import HANDSET, Written

PRICES = {"viber_service_msg": 0.0125, "whatsapp": 0.0213, "sms": 0.0345}
"""EUR for a delivered message, or each part of an SMS."""

Words = tuple[int, str, int, str, str]
"""groupId, groupName, id, name, description"""

PENDING = (1, "PENDING", 7, "PENDING_ENROUTE", "Message is on its way")
DELIVERED = (3, "DELIVERED", 5, "DELIVERED_TO_HANDSET", "Message is on the handset")
UNDELIVERABLE = (2, "UNDELIVERABLE", 9, "UNDELIVERABLE_NOT_DELIVERED", "Message could not be delivered")
BLOCKED = (5, "REJECTED", 14, "REJECTED_DESTINATION", "The destination is on a blocklist")
DUPLICATE = (5, "REJECTED", 23, "REJECTED_DUPLICATE_MESSAGE_ID", "The message id was used before")
NO_ERROR = (0, "OK", 0, "NO_ERROR", "No error")
UNKNOWN = {
    "viber_service_msg": (1, "USER_ERRORS", 7002, "EC_UNKNOWN_USER", "The number is not a Viber user"),
    "whatsapp": (1, "USER_ERRORS", 7002, "EC_UNKNOWN_USER", "The number is not on WhatsApp"),
    "sms": (1, "HANDSET_ERRORS", 1, "EC_UNKNOWN_SUBSCRIBER", "The number is nobody's"),
}
"""What a failure is on each channel."""
TEMPLATE_ERRORS = {
    "EC_INVALID_TEMPLATE": (2, "USER_ERRORS", 7009, "EC_INVALID_TEMPLATE", "There is no such template"),
    "EC_INVALID_TEMPLATE_ARGS": (
        *(2, "USER_ERRORS", 7008, "EC_INVALID_TEMPLATE_ARGS"),
        "The placeholders do not fit the template",
    ),
}

SENDERS = {"0002": "PENDING", "0003": "BANNED"}
"""What WhatsApp says of our numbers with these digits at the end; others are CONNECTED."""
STRANGER = "0404"
"""One with these at the end is not the account's."""


@dataclass(frozen=True, kw_only=True)
class InfobipMessage(Message):
    """`provider_id` is the caller's own message id, where there is one."""

    shape: Literal["listed", "single", "bulk"]
    """The form of the answer."""
    bulk_id: str
    delivery_url: str | None
    seen_url: str | None
    callback_data: str | None
    duplicate: bool
    parts: int = 1
    error: Words | None = None
    """Why it will not be delivered, whatever the handset."""

    @property
    def handset(self) -> Handset:
        return Handset(events=(Event.FAILED,)) if self.error else super().handset


class Infobip(Carrier[InfobipMessage]):
    provider: ClassVar[str] = "infobip"
    channels = ("viber_service_msg", "sms", "whatsapp")
    reports = (Event.DELIVERED, Event.READ, Event.FAILED)
    scrambled_reports = (Event.READ, Event.DELIVERED)

    def __init__(self, config: Config, network: Network) -> None:
        super().__init__(config, network)
        self._used: Recent[str, None] = Recent()
        self._templates: defaultdict[str, Templates] = defaultdict(Templates)
        """By sender."""
        self._received: Recent[str, str] = Recent()
        """To whom of ours somebody wrote by WhatsApp, by the message's id."""

    @staticmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        secrets = {name: credentials.secret(f"infobip {name}") for name in ("api_key", "callback_token")}
        return {"base_url": f"{carriers}/infobip", "callback_url": api} | secrets

    def routes(self) -> list[Route]:
        senders = "/whatsapp/1/senders"
        templates = "/whatsapp/2/senders/{sender}/templates"
        return [
            self._route("POST", "/viber/2/messages", self.viber),
            self._route("POST", "/sms/3/messages", self.sms),
            self._route("POST", "/whatsapp/1/message/{kind:path}", self.whatsapp),
            self._route("GET", templates, self.list_templates),
            self._route("POST", templates, self.create_template),
            self._route("DELETE", f"{templates}/{{name}}", self.delete_template),
            self._route("GET", f"{senders}/quality", self.quality),
            self._route("GET", f"{senders}/{{sender}}/media/{{id}}", self.media),
            self._route("POST", f"{senders}/{{sender}}/message/{{id}}/read", self.read),
            self._route("GET", "/account/1/balance", self.balance),
        ]

    def _route(self, method: str, path: str, handle: Callable[[Request], Awaitable[Response]]) -> Route:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "").encode()
            if not hmac.compare_digest(given, f"App {self._config.secret('infobip api_key')}".encode()):
                return exception(401, "UNAUTHORIZED", "Invalid login details")
            return await handle(request)

        return Route(f"/infobip{path}", guarded, methods=[method])

    # --- messages --------------------------------------------------------------------------------

    async def viber(self, request: Request) -> Response:
        """POST /infobip/viber/2/messages"""
        body = await request.body()
        try:
            sends = check(ViberSends, parse(body)).messages
        except Faulty as faulty:
            return bad_request(faulty.faults)
        return await self._network.exchange(self, self._listed("viber_service_msg", sends, digest(body)))

    async def sms(self, request: Request) -> Response:
        """POST /infobip/sms/3/messages"""
        body = await request.body()
        try:
            sends = check(SmsSends, parse(body)).messages
        except Faulty as faulty:
            return bad_request(faulty.faults)
        return await self._network.exchange(self, self._listed("sms", sends, digest(body)))

    async def whatsapp(self, request: Request) -> Response:
        """POST /infobip/whatsapp/1/message/{kind}"""
        kind, body = request.path_params["kind"], await request.body()
        if kind not in CONTENTS:
            return exception(404, "NOT_FOUND", "Requested URL not found")
        by_list = kind == "template"
        try:
            value = parse(body)
            envelopes = check(Bulk, value).messages if by_list else [check(Envelope, value)]
            contents = [_content(kind, envelope) for envelope in envelopes]
        except Faulty as faulty:
            return invalid(faulty.faults)
        bulk_id, body_digest = str(uuid4().int >> 66), digest(body)
        messages = []
        for envelope, content in zip(envelopes, contents, strict=True):
            templates = self._templates[envelope.sender]
            error = templates.fault(content) if isinstance(content, Template) else None
            messages.append(
                InfobipMessage(
                    channel="whatsapp",
                    sender=envelope.sender,
                    recipient=envelope.to.removeprefix("+"),
                    provider_id=envelope.messageId or str(uuid4()),
                    echo_id=envelope.messageId,
                    digest=f"{body_digest}{envelope.to}",
                    shape="bulk" if by_list else "single",
                    bulk_id=bulk_id,
                    delivery_url=envelope.notifyUrl,
                    seen_url=envelope.notifyUrl,
                    callback_data=envelope.callbackData,
                    duplicate=envelope.messageId in self._used,
                    error=TEMPLATE_ERRORS[error] if error else None,
                )
            )
        return await self._network.exchange(self, messages)

    def _listed(
        self, channel: str, sends: Sequence[ViberSend | SmsSend], body_digest: str
    ) -> list[InfobipMessage]:
        bulk_id = str(uuid4())
        return [
            InfobipMessage(
                channel=channel,
                sender=send.sender,
                recipient=destination.to.removeprefix("+"),
                provider_id=destination.messageId or str(uuid4()),
                echo_id=destination.messageId,
                digest=f"{body_digest}{destination.to}",
                shape="listed",
                bulk_id=bulk_id,
                delivery_url=send.webhooks.delivery.url if send.webhooks.delivery else None,
                seen_url=send.webhooks.seen.url if send.webhooks.seen and channel != "sms" else None,
                callback_data=send.webhooks.callbackData,
                duplicate=destination.messageId in self._used,
                parts=segments(send.content.text)[1] if isinstance(send, SmsSend) else 1,
            )
            for send in sends
            for destination in send.destinations
        ]

    def takes(self, message: InfobipMessage) -> bool:
        return super().takes(message) and not message.duplicate

    def took(self, message: InfobipMessage) -> None:
        self._used[message.provider_id] = None

    def throttled(self) -> Response:
        answer = exception(429, "TOO_MANY_REQUESTS", "Too many requests")
        answer.headers["retry-after"] = "1"
        return answer

    def unavailable(self) -> Response:
        return exception(503, "GENERAL_ERROR", "Something went wrong. Please contact support.")

    def answer(self, messages: Sequence[InfobipMessage]) -> Response:
        first = messages[0]
        if first.shape == "listed":
            listed = [
                {
                    "messageId": message.provider_id,
                    "status": _status(self._outcome(message)),
                    "destination": message.recipient,
                }
                for message in messages
            ]
            return JSONResponse({"bulkId": first.bulk_id, "messages": listed})
        found = [
            {
                "to": message.recipient,
                "messageCount": 1,
                "messageId": message.provider_id,
                "status": _status(self._outcome(message)),
            }
            for message in messages
        ]
        return JSONResponse(
            found[0] if first.shape == "single" else {"messages": found, "bulkId": first.bulk_id}
        )

    def _outcome(self, message: InfobipMessage) -> Words:
        if message.duplicate:
            return DUPLICATE
        return PENDING if self.takes(message) else BLOCKED

    # --- what becomes of them ----------------------------------------------------------------------

    def receipt(self, message: InfobipMessage, event: Event, at: float) -> Webhook | None:
        if event is Event.READ:
            seen = {
                "messageId": message.provider_id,
                "from": message.sender,
                "to": message.recipient,
                "sentAt": _time(message.at),
                "seenAt": _time(at),
            }
            return self._report(message.seen_url, seen)
        delivered = event is Event.DELIVERED
        error = NO_ERROR if delivered else message.error or UNKNOWN[message.channel]
        price = PRICES[message.channel] if delivered else 0.0
        report: dict[str, Any] = {
            "bulkId": message.bulk_id,
            "price": {"pricePerMessage": price, "currency": "EUR"},
            "status": _status(DELIVERED if delivered else UNDELIVERABLE),
            "error": {**_status(error), "permanent": not delivered},
            "messageId": message.provider_id,
            "to": message.recipient,
            "sender": message.sender,
            "sentAt": _time(message.at),
            "doneAt": _time(at),
            "messageCount": message.parts,
            "mccMnc": "00101",  # the test network of ITU-T E.212
        }
        if message.callback_data is not None:
            report["callbackData"] = message.callback_data
        return self._report(message.delivery_url, report)

    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Webhook:
        """A person's text to one of our senders."""
        person, ours = sender.removeprefix("+"), recipient.removeprefix("+")
        result: dict[str, Any] = {
            "messageId": str(uuid4().int >> 66),
            "receivedAt": _time(at),
            "price": {"pricePerMessage": 0.0, "currency": "EUR"},
        }
        match channel:
            case "sms":
                result |= {"from": person, "to": ours, "text": text, "cleanText": text, "keyword": ""}
                result |= {"smsCount": segments(text)[1]}
            case "whatsapp":
                return self._written(person, ours, {"type": "TEXT", "text": text}, HANDSET, at)
            case _:
                result |= {"sender": person, "to": recipient, "integrationType": "VIBER"}
                result |= {"message": {"type": "TEXT", "text": text}}
        if channel != "sms":
            result |= self._paired(recipient, sender)
        return self._news(result)

    def inbound_rich(self, written: Written, at: float) -> Webhook | None:
        """By WhatsApp only."""
        if written.channel != "whatsapp":
            return None
        message = self._shown(written)
        if written.quotes is not None:
            message["context"] = {
                "id": self._network.log.provider_id(written.quotes),
                **({} if written.reaction else {"from": written.ours}),
            }
        return self._written(written.person, written.ours, message, written.profile, at)

    def _written(
        self, person: str, ours: str, message: Mapping[str, Any], profile: str, at: float
    ) -> Webhook:
        message_id = str(uuid4().int >> 66)
        self._received[message_id] = ours
        return self._news(
            {
                "messageId": message_id,
                "receivedAt": _time(at),
                "price": {"pricePerMessage": 0.0, "currency": "EUR"},
                "from": person,
                "to": ours,
                "integrationType": "WHATSAPP",
                "message": message,
                "contact": {"name": profile, "phoneNumber": person},
                **self._paired(ours, person),
            }
        )

    def _shown(self, written: Written) -> dict[str, Any]:
        if written.reply:
            kind = "LIST" if written.reply.description else "BUTTON"
            return {"type": f"INTERACTIVE_{kind}_REPLY", **written.reply.model_dump(exclude_none=True)}
        if written.button:
            return {"type": "BUTTON", **written.button.model_dump()}
        if written.sticker:
            media = written.sticker.id or str(uuid4().int >> 80)
            base = f"http://127.0.0.1:{self._config.port}/infobip"
            address = f"{base}/whatsapp/1/senders/{written.ours}/media/{media}"
            return {"type": "STICKER", "url": address}
        if written.reaction:
            action = "ADDED" if written.reaction.emoji else "REMOVED"
            return {"type": "REACTION", "emoji": written.reaction.emoji, "action": action}
        if written.order:
            return {"type": "ORDER", **_camel(written.order.model_dump(exclude_none=True))}
        if written.contacts:
            return {"type": "CONTACT", "contacts": written.contacts}
        return {"type": "TEXT", "text": written.text}

    def _paired(self, recipient: str, sender: str) -> dict[str, str]:
        """What is taken for an answer to the last message that was sent."""
        previous = self._network.log.last_id(recipient, sender)
        return {"pairedMessageId": previous} if previous else {}

    def _news(self, result: Mapping[str, Any]) -> Webhook:
        news = {"results": [result], "messageCount": 1, "pendingMessageCount": 0}
        return self._webhook(self._own_url(), news)

    def _own_url(self) -> str:
        """The address that our side gave Infobip for what comes unasked."""
        token = self._config.secret("infobip callback_token")
        return f"{self._config.inbound_url(self.provider)}?token={token}"

    def _report(self, url: str | None, result: Mapping[str, Any]) -> Webhook | None:
        return self._webhook(url, {"results": [result]}) if url else None

    def _webhook(self, url: str, value: Mapping[str, Any]) -> Webhook:
        return Webhook(self.provider, url, json.dumps(value).encode(), {"content-type": "application/json"})

    # --- WhatsApp's templates, senders and media -----------------------------------------------------

    async def list_templates(self, request: Request) -> Response:
        """GET /infobip/whatsapp/2/senders/{sender}/templates: all of them."""
        sender = request.path_params["sender"]
        if _is_strange(sender):
            return exception(404, "NOT_FOUND", "Not found")
        return JSONResponse({"templates": [template.as_json for template in self._templates[sender]]})

    async def create_template(self, request: Request) -> Response:
        """POST /infobip/whatsapp/2/senders/{sender}/templates"""
        sender = request.path_params["sender"]
        if _is_strange(sender):
            return exception(404, "NOT_FOUND", "Not found")
        try:
            value = parse(await request.body())
            definition = check(Definition, value)
        except Faulty as faulty:
            return invalid(faulty.faults)
        template = self._templates[sender].file(definition, value["structure"])
        if template is None:
            return invalid([Fault(("name",), False, "is in use for this language")])
        self._network.report_later(REVIEW_SECONDS, lambda: self._reviewed(sender, template))
        return JSONResponse(template.as_json, 201)

    def _reviewed(self, sender: str, template: Filed) -> Webhook | None:
        """The decision about a template; None if it was deleted meanwhile."""
        if template not in self._templates[sender]:
            return None
        template.review()
        return self._webhook(self._own_url(), template.news(_time(datetime.now(UTC).timestamp())))

    async def delete_template(self, request: Request) -> Response:
        """DELETE /infobip/whatsapp/2/senders/{sender}/templates/{name}: in every language."""
        sender = request.path_params["sender"]
        found = not _is_strange(sender) and self._templates[sender].delete(request.path_params["name"])
        return Response(status_code=204) if found else exception(404, "NOT_FOUND", "Not found")

    async def quality(self, request: Request) -> Response:
        """GET /infobip/whatsapp/1/senders/quality?senders=: of those that are the account's."""
        asked = request.query_params.get("senders", "")
        if not asked:
            return invalid([Fault(("senders",), True, "must not be empty")])
        results = [
            {
                "sender": number,
                "qualityRating": "HIGH",
                "status": SENDERS.get(last4(number), "CONNECTED"),
                "currentLimit": "LIMIT_100K",
                "lastUpdated": "2026-01-01T00:00:00.000Z",
            }
            for number in asked.split(",")
            if not _is_strange(number)
        ]
        return JSONResponse({"results": results})

    async def read(self, request: Request) -> Response:
        """POST /infobip/whatsapp/1/senders/{sender}/message/{id}/read"""
        message_id = request.path_params["id"]
        if self._received.get(message_id) != request.path_params["sender"]:
            return exception(404, "NOT_FOUND", "Not found")
        self._network.log.change(self.provider, "read", message_id)
        return Response(status_code=204)

    async def media(self, request: Request) -> Response:
        """GET what a person sent. Media whose id ends like the handset that is refused is gone."""
        if handset(request.path_params["id"]).refused:
            return Response(status_code=404)
        return media.placeholder("picture.jpg")

    async def balance(self, request: Request) -> Response:
        """GET /infobip/account/1/balance"""
        return JSONResponse({"balance": 47.5, "currency": "EUR"})


def _content(kind: str, envelope: Envelope) -> object:
    try:
        return check(CONTENTS[kind], envelope.content)
    except Faulty as faulty:
        raise Faulty(*(replace(fault, path=("content", *fault.path)) for fault in faulty.faults)) from None


def _is_strange(number: str) -> bool:
    return last4(number) == STRANGER


def _status(words: Words) -> dict[str, Any]:
    return dict(zip(("groupId", "groupName", "id", "name", "description"), words, strict=True))


def _time(moment: float) -> str:
    """2026-11-23T10:15:28.000+0000"""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "+0000")


def _camel(value: Any) -> Any:
    """Members as Infobip names them: catalogId."""
    if isinstance(value, dict):
        return {
            re.sub(r"_([a-z])", lambda found: found[1].upper(), name): _camel(inner)
            for name, inner in value.items()
        }
    return [_camel(inner) for inner in value] if isinstance(value, list) else value
