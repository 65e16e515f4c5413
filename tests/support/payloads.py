"""Requests as clients send them, and providers' answers."""

import base64
import hashlib
import hmac
import json
import time
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx
import jwt

from switchboard import clock
from tests.support.cloud import API_KEY, API_SECRET, Cloud

ENDS = {
    "sms": ({"type": "sms", "number": "15550001111"}, {"type": "sms", "number": "447700900100"}),
    "mms": ({"type": "mms", "number": "15550001111"}, {"type": "mms", "number": "447700900100"}),
    "whatsapp": (
        {"type": "whatsapp", "number": "447700900200"},
        {"type": "whatsapp", "number": "447700900100"},
    ),
    "messenger": ({"type": "messenger", "id": "1000000001"}, {"type": "messenger", "id": "20000000100"}),
    "viber_service_msg": (
        {"type": "viber_service_msg", "id": "Acme"},
        {"type": "viber_service_msg", "number": "447700900100"},
    ),
    "rcs": ({"type": "rcs", "id": "acme_agent"}, {"type": "rcs", "number": "447700900100"}),
}


def text(channel: str, body: str = "hello", **more: Any) -> dict[str, Any]:
    sender, recipient = ENDS[channel]
    return {
        "from": dict(sender),
        "to": dict(recipient),
        "message": {"content": {"type": "text", "text": body}},
        **more,
    }


def flat(channel: str, kind: str = "text", node: Any = "hello", **more: Any) -> dict[str, Any]:
    """A message of version 1."""
    ends = [next(value for key, value in end.items() if key != "type") for end in ENDS[channel]]
    name = "viber_service" if channel == "viber_service_msg" else channel
    return {"channel": name, "message_type": kind, kind: node, "from": ends[0], "to": ends[1], **more}


def step(channel: str, seconds: int | None = None, condition: str = "delivered") -> dict[str, Any]:
    failover = {"expiry_time": seconds, "condition_status": condition}
    return text(channel) | ({"failover": failover} if seconds else {})


def workflow(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"template": "failover", "workflow": list(steps)}


def basic(key: str = API_KEY, secret: str = API_SECRET) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()}


def application(cloud: Cloud, version: str | None = None, **webhooks: str) -> dict[str, Any]:
    """An application made through the API, with its private key and a `bearer` header for it."""
    urls = {
        "status_url": "https://client.example/status",
        "inbound_url": "https://client.example/inbound",
    } | webhooks
    status, body = cloud.http(
        "applications",
        "POST",
        "/v2/applications",
        {
            "name": "test",
            "capabilities": {
                "messages": {
                    "webhooks": {name: {"address": url, "http_method": "POST"} for name, url in urls.items()},
                    **({"version": version} if version else {}),
                }
            },
        },
        basic(),
    )
    assert status == 201, body
    made: dict[str, Any] = body
    return made | {"bearer": bearer(made)}


def bearer(application: dict[str, Any], **claims: Any) -> dict[str, str]:
    now = int(time.time())
    all_claims = {"application_id": application["id"], "iat": now, "jti": str(uuid4())} | claims
    token = jwt.encode(
        {name: value for name, value in all_claims.items() if value is not None},
        application["keys"]["private_key"],
        "RS256",
    )
    return {"Authorization": f"Bearer {token}"}


def accepts_all(request: httpx.Request) -> httpx.Response:
    """Every provider takes every message, and has no templates yet."""
    if request.url.path.endswith("/message_templates"):
        made = {"id": "594425479261596", "status": "PENDING", "category": "UTILITY"}
        return httpx.Response(200, json={"data": []} if request.method == "GET" else made)
    body = json.loads(request.content)
    if "x-amz-target" in request.headers:
        return httpx.Response(200, json={"MessageId": str(uuid4())})
    if body.get("messaging_product") == "whatsapp":
        return httpx.Response(
            200, json={"messaging_product": "whatsapp", "messages": [{"id": f"wamid.{uuid4().hex}"}]}
        )
    if "recipient" in body:
        return httpx.Response(
            200, json={"recipient_id": body["recipient"]["id"], "message_id": f"m_{uuid4().hex}"}
        )
    sent = body["messages"][0]["destinations"][0]
    pending = {"groupId": 1, "groupName": "PENDING", "id": 7, "name": "PENDING_ENROUTE"}
    return httpx.Response(
        200, json={"messages": [{"messageId": sent.get("messageId", "x"), "status": pending}]}
    )


def sms_receipt(message_uuid: str, kind: str = "TEXT_DELIVERED") -> dict[str, Any]:
    """AWS's delivery event as SNS hands it to a function."""
    event = {
        "eventType": kind,
        "eventVersion": "1.0",
        "eventTimestamp": int(time.time() * 1000),
        "isFinal": True,
        "originationPhoneNumber": "+15550001111",
        "destinationPhoneNumber": "+447700900100",
        "messageId": "aws-id",
        "messageStatus": kind.removeprefix("TEXT_"),
        "context": {"message_uuid": message_uuid},
        "totalMessageParts": 1,
        "totalMessagePrice": 0.04,
        "totalCarrierFee": 0.002,
    }
    return sns(event)


def sns(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "Sns": {
                    "Type": "Notification",
                    "MessageId": str(uuid4()),
                    "TopicArn": "arn:aws:sns:us-east-1:123456789012:sms",
                    "Message": json.dumps(message),
                    "Timestamp": "2026-11-23T10:15:29.000Z",
                },
            }
        ]
    }


DELIVERED_TO_HANDSET = {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"}
NOT_DELIVERED = {"groupId": 2, "groupName": "UNDELIVERABLE", "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED"}


def infobip_receipt(
    cloud: Cloud,
    message_uuid: str,
    status: dict[str, Any] | None = None,
    seen: bool = False,
    at: datetime | None = None,
) -> int:
    """Infobip's delivery or seen report by its clock, through its callback address. Returns our answer's
    status."""
    stamp = clock.wire(at or clock.now()).replace("Z", "+0000")
    result: dict[str, Any] = {
        "messageId": message_uuid,
        "to": "447700900100",
        "sentAt": stamp,
    }
    if seen:
        result |= {"from": "Acme", "seenAt": stamp}
    else:
        result |= {
            "sender": "Acme",
            "doneAt": stamp,
            "messageCount": 1,
            "price": {"pricePerMessage": 0.0125, "currency": "EUR"},
            "status": status or DELIVERED_TO_HANDSET,
            "error": {"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "permanent": False},
            "callbackData": message_uuid,
        }
    answer, _ = cloud.http(
        "status",
        "POST",
        "/status/infobip/default",
        {"results": [result]},
        query={"token": "ib-token"},
    )
    return answer


def whatsapp_hook(
    cloud: Cloud,
    value: dict[str, Any],
    field: str = "messages",
    account_id: str = "default",
    app_secret: str = "wa-secret",
) -> int:
    """Meta's signed webhook. Returns our answer's status."""
    entry = {"id": "1029", "changes": [{"field": field, "value": value}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]})
    signature = hmac.new(app_secret.encode(), body.encode(), hashlib.sha256).hexdigest()
    answer, _ = cloud.http(
        "inbound",
        "POST",
        f"/inbound/whatsapp_cloud/{account_id}",
        body,
        {"X-Hub-Signature-256": f"sha256={signature}"},
    )
    return answer


def whatsapp_inbound(
    cloud: Cloud,
    words: str,
    *,
    at: float | None = None,
    wamid: str | None = None,
    person: str = "447700900100",
    account_id: str = "default",
    app_secret: str = "wa-secret",
) -> int:
    """A person writes to our WhatsApp number."""
    said = {
        "from": person,
        "id": wamid or f"wamid.{uuid4().hex}",
        "timestamp": str(int(time.time() if at is None else at)),
        "type": "text",
        "text": {"body": words},
    }
    metadata = {"display_phone_number": "447700900200", "phone_number_id": "447700900200"}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "messages": [said]}
    return whatsapp_hook(cloud, value, account_id=account_id, app_secret=app_secret)
