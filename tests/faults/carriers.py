"""Providers, one of each kind: they take messages, repeat what was not taken from them, and know repeats if
the real ones do."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode
from uuid import uuid4

import httpx
import jwt

from tests.support import payloads
from tests.support.cloud import Cloud

Body = dict[str, Any]
TAG = re.compile(rb"tag[0-9a-f]{8}")
"""In every text, so that it is known again in any wire format."""


@dataclass
class Handed:
    """A message as a provider took it."""

    tag: str
    kind: str
    uuid: str
    """Ours, as far as the provider is told it."""
    provider_id: str
    at: float
    request: httpx.Request
    times: int = 1
    """How often it was handed over. Providers that know repeats pass on one."""


@dataclass(frozen=True)
class Kind:
    """How one provider speaks. `account` and `sender` are put up by the tests where not there by default."""

    name: str
    body: Callable[[], Body]
    """A request of a client for this provider's channel, without its text."""
    read: Callable[[httpx.Request], str]
    answer: Callable[[Handed], httpx.Response]
    receipt: Callable[[Cloud, Handed, str, float], bool]
    """Reports a status to us. Whether it was taken."""
    knows_repeats: bool = False
    echoes: bool = True
    words: tuple[str, ...] = ("delivered",)
    setup: Callable[[Cloud], None] = lambda cloud: None


def tag_of(request: httpx.Request) -> str:
    """Empty for what a test did not ask for."""
    found = TAG.search(request.content)
    return found.group().decode() if found else ""


# --- AWS SMS ---------------------------------------------------------------------------------------


def _sns(cloud: Cloud, handed: Handed, status: str, at: float) -> bool:
    kind = {"delivered": "TEXT_DELIVERED", "undeliverable": "TEXT_UNREACHABLE", "rejected": "TEXT_BLOCKED"}
    context = json.loads(handed.request.content)["Context"]
    event = payloads.sms_receipt(handed.uuid, kind[status])
    message = json.loads(event["Records"][0]["Sns"]["Message"])
    message |= {"eventTimestamp": int(at * 1000), "messageId": handed.provider_id, "context": context}
    cloud.call("status", payloads.sns(message))
    return True


AWS_SMS = Kind(
    "aws",
    lambda: payloads.text("sms"),
    lambda request: str(json.loads(request.content)["Context"]["message_uuid"]),
    lambda handed: httpx.Response(200, json={"MessageId": handed.provider_id}),
    _sns,
)

# --- Meta ------------------------------------------------------------------------------------------


def _whatsapp(cloud: Cloud, handed: Handed, status: str, at: float) -> bool:
    news: Body = {
        "id": handed.provider_id,
        "status": {"undeliverable": "failed"}.get(status, status),
        "timestamp": str(int(at)),
        "recipient_id": "447700900100",
        "biz_opaque_callback_data": handed.uuid,
    }
    if status == "undeliverable":
        news["errors"] = [{"code": 131026, "title": "Message undeliverable"}]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "447700900200", "phone_number_id": "447700900200"},
        "statuses": [news],
    }
    return payloads.whatsapp_hook(cloud, value) == 200


WHATSAPP = Kind(
    "whatsapp_cloud",
    lambda: payloads.text("whatsapp"),
    lambda request: str(json.loads(request.content)["biz_opaque_callback_data"]),
    lambda handed: httpx.Response(
        200, json={"messaging_product": "whatsapp", "messages": [{"id": handed.provider_id}]}
    ),
    _whatsapp,
    words=("delivered", "read"),
)


def messenger_hook(cloud: Cloud, event: Body, at: float) -> bool:
    messaging = [{"timestamp": int(at * 1000)} | event]
    body = {"object": "page", "entry": [{"id": "1000000001", "time": int(at * 1000), "messaging": messaging}]}
    raw = json.dumps(body)
    signature = hmac.new(b"fb-secret", raw.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Hub-Signature-256": f"sha256={signature}"}
    return cloud.http("inbound", "POST", "/inbound/messenger/default", raw, headers)[0] == 200


def _messenger(cloud: Cloud, handed: Handed, status: str, at: float) -> bool:
    person, page = {"id": "20000000100"}, {"id": "1000000001"}
    if status == "submitted":
        metadata = {"is_echo": True, "app_id": 1, "metadata": handed.uuid, "mid": handed.provider_id}
        return messenger_hook(
            cloud, {"sender": page, "recipient": person, "message": metadata | {"text": "x"}}, handed.at
        )
    word = {"delivered": "delivery", "read": "read"}[status]
    event: Body = {"sender": person, "recipient": page, word: {"watermark": int(at * 1000)}}
    if status == "delivered":
        event[word]["mids"] = [handed.provider_id]
    return messenger_hook(cloud, event, at)


MESSENGER = Kind(
    "messenger",
    lambda: payloads.text("messenger"),
    lambda request: str(json.loads(request.content)["message"]["metadata"]),
    lambda handed: httpx.Response(
        200, json={"recipient_id": "20000000100", "message_id": handed.provider_id}
    ),
    _messenger,
    words=("submitted", "delivered", "read"),
)

# --- Infobip ---------------------------------------------------------------------------------------


def _infobip(cloud: Cloud, handed: Handed, status: str, at: float) -> bool:
    outcome = payloads.NOT_DELIVERED if status == "undeliverable" else payloads.DELIVERED_TO_HANDSET
    return payloads.infobip_receipt(cloud, handed.uuid, outcome, seen=status == "read") == 200


def _infobip_answer(handed: Handed) -> httpx.Response:
    if handed.times > 1:
        repeat = {
            "groupId": 5,
            "groupName": "REJECTED",
            "id": 68,
            "name": "REJECTED_DUPLICATE_MESSAGE_ID",
        }
        return httpx.Response(200, json={"messages": [{"messageId": handed.uuid, "status": repeat}]})
    pending = {"groupId": 1, "groupName": "PENDING", "id": 7, "name": "PENDING_ENROUTE"}
    return httpx.Response(200, json={"messages": [{"messageId": handed.uuid, "status": pending}]})


VIBER = Kind(
    "infobip",
    lambda: payloads.text("viber_service_msg"),
    lambda request: str(json.loads(request.content)["messages"][0]["destinations"][0]["messageId"]),
    _infobip_answer,
    _infobip,
    knows_repeats=True,
    words=("delivered", "read"),
)

# --- Twilio, Vonage ---------------------------------------------------------------------------------


def put_account(cloud: Cloud, provider: str, credentials: Body, *senders: Body) -> None:
    path = f"/accounts/{provider}/main"
    body = {"credentials": credentials, "senders": list(senders)}
    status, answer = cloud.http("accounts", "PUT", path, body, payloads.basic())
    assert status in (200, 201), answer


def _text(sender: str) -> Callable[[], Body]:
    return lambda: payloads.text("sms") | {"from": {"type": "sms", "number": sender}}


def _twilio(cloud: Cloud, handed: Handed, status: str, at: float) -> bool:
    form = parse_qs(handed.request.content.decode())
    url = httpx.URL(form["StatusCallback"][0])
    word = {"undeliverable": "undelivered"}.get(status, status)
    fields = {
        "ApiVersion": "2010-04-01",
        "AccountSid": "AC7d3e1f0a9b2c4d5e6f7a8b9c0d1e2f3a",
        "MessageSid": handed.provider_id,
        "SmsSid": handed.provider_id,
        "MessageStatus": word,
        "SmsStatus": word,
        "From": "+15550007001",
        "To": "+447700900100",
    }
    if status == "undeliverable":
        fields["ErrorCode"] = "30005"
    signed = str(url) + "".join(name + fields[name] for name in sorted(fields))
    signature = base64.b64encode(hmac.digest(b"tw-token", signed.encode(), "sha1")).decode()
    headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
    query = dict(url.params.items())
    answer, _ = cloud.http("status", "POST", url.path, urlencode(fields), headers, query)
    return answer == 200


TWILIO = Kind(
    "twilio",
    _text("15550007001"),
    lambda request: str(
        httpx.URL(parse_qs(request.content.decode())["StatusCallback"][0]).params["message_uuid"]
    ),
    lambda handed: httpx.Response(201, json={"sid": handed.provider_id, "status": "queued"}),
    _twilio,
    setup=lambda cloud: put_account(
        cloud,
        "twilio",
        {"account_sid": "AC7d3e1f0a9b2c4d5e6f7a8b9c0d1e2f3a", "auth_token": "tw-token"},
        {"channel": "sms", "id": "15550007001"},
    ),
)


def _vonage(cloud: Cloud, handed: Handed, status: str, at: float) -> bool:
    reference = json.loads(handed.request.content)["client_ref"]
    news = {
        "message_uuid": handed.provider_id,
        "to": "447700900100",
        "from": "15550008001",
        "timestamp": "2026-11-25T09:00:03.500Z",
        "status": status,
        "channel": "sms",
        "client_ref": reference,
    }
    raw = json.dumps(news)
    claims = {"iat": int(at), "jti": str(uuid4()), "payload_hash": hashlib.sha256(raw.encode()).hexdigest()}
    token = jwt.encode(claims, "vonage-signature-secret-of-32-bytes", "HS256")
    headers = {"content-type": "application/json", "authorization": f"Bearer {token}"}
    return cloud.http("status", "POST", "/status/vonage/main", raw, headers)[0] == 200


def _vonage_account(cloud: Cloud) -> None:
    from switchboard import applications

    private, _ = applications.key_pair()
    credentials = {
        "application_id": "5b0e7f9c-2d7a-4a52-8b61-c0f3a9d4e716",
        "private_key": private,
        "signature_secret": "vonage-signature-secret-of-32-bytes",
    }
    put_account(cloud, "vonage", credentials, {"channel": "sms", "id": "15550008001"})


VONAGE = Kind(
    "vonage",
    _text("15550008001"),
    lambda request: str(json.loads(request.content)["client_ref"]),
    lambda handed: httpx.Response(202, json={"message_uuid": handed.provider_id}),
    _vonage,
    setup=_vonage_account,
)

# --- Viber's bots: receipts name only the provider's id ----------------------------------------------


def _viber_bot(cloud: Cloud, handed: Handed, status: str, at: float) -> bool:
    token = int(handed.provider_id)
    event = {"delivered": "delivered", "read": "seen"}[status]
    body = json.dumps(
        {"event": event, "timestamp": int(at * 1000), "message_token": token, "user_id": "01234567890A="}
    )
    signature = hmac.new(b"bot-token", body.encode(), hashlib.sha256).hexdigest()
    headers = {"X-Viber-Content-Signature": signature}
    return cloud.http("status", "POST", "/status/viber_bot/default", body, headers)[0] == 200


def _viber_bot_body() -> Body:
    ends = {"type": "viber_bot", "id": "01234567890A="}
    return {"from": ends, "to": ends, "message": {"content": {"type": "text", "text": ""}}}


VIBER_BOT = Kind(
    "viber_bot",
    _viber_bot_body,
    lambda request: "",
    lambda handed: httpx.Response(
        200, json={"status": 0, "status_message": "ok", "message_token": int(handed.provider_id)}
    ),
    _viber_bot,
    echoes=False,
    words=("delivered", "read"),
    setup=lambda cloud: cloud.secrets.create_secret(
        Name="sb/accounts/viber_bot/default", SecretString=json.dumps({"auth_token": "bot-token"})
    ),
)

KINDS = {kind.name: kind for kind in (AWS_SMS, WHATSAPP, MESSENGER, VIBER, TWILIO, VONAGE, VIBER_BOT)}
HOSTS = {
    "sms-voice.us-east-1.amazonaws.com": AWS_SMS,
    "ib.example": VIBER,
    "api.twilio.com": TWILIO,
    "api.nexmo.com": VONAGE,
    "chatapi.viber.com": VIBER_BOT,
}


def kind_of(request: httpx.Request) -> Kind:
    if request.url.host == "graph.facebook.com":
        body = json.loads(request.content)
        return WHATSAPP if body.get("messaging_product") == "whatsapp" else MESSENGER
    return HOSTS[request.url.host]


@dataclass
class Carriers:
    """What all providers were handed, by tag."""

    handed: dict[str, Handed] = field(default_factory=dict)
    refusals: dict[str, Callable[[], httpx.Response]] = field(default_factory=dict)
    """What is not taken, by tag, and how it is refused."""
    took: Callable[[Handed], None] = lambda handed: None
    """Told of every message that is passed on."""

    def take(self, request: httpx.Request, at: float) -> httpx.Response:
        kind, tag = kind_of(request), tag_of(request) or str(uuid4())
        if tag in self.refusals:
            return self.refusals[tag]()
        known = self.handed.get(tag)
        if known:
            known.times += 1
            if kind.knows_repeats:
                return kind.answer(known)
            again = Handed(tag, kind.name, known.uuid, _provider_id(kind), at, request)
            self.took(again)
            return kind.answer(again)
        handed = Handed(tag, kind.name, kind.read(request), _provider_id(kind), at, request)
        self.handed[tag] = handed
        self.took(handed)
        return kind.answer(handed)


def _provider_id(kind: Kind) -> str:
    if kind is VIBER_BOT:
        return str(uuid4().int >> 72)
    if kind is TWILIO:
        return f"SM{uuid4().hex}"
    return str(uuid4())
