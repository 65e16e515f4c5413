"""Providers call, people write, clients are called."""

import hashlib
import hmac
import json
import time
from typing import Any

import httpx
import pytest

from switchboard import notifying, senders
from tests.functions.flows import Flow
from tests.support import payloads


def meta(flow: Flow, provider: str, body: dict[str, Any], secret: str) -> int:
    """A signed callback of Meta's, at the inbound address."""
    raw = json.dumps(body)
    signature = hmac.new(secret.encode(), raw.encode(), hashlib.sha256).hexdigest()
    status, _ = flow.cloud.http(
        "inbound",
        "POST",
        f"/inbound/{provider}/default",
        raw,
        {"X-Hub-Signature-256": f"sha256={signature}"},
    )
    return status


def messenger(flow: Flow, event: dict[str, Any]) -> int:
    entry = {"id": "1000000001", "time": 0, "messaging": [{"timestamp": int(time.time() * 1000)} | event]}
    return meta(flow, "messenger", {"object": "page", "entry": [entry]}, "fb-secret")


FROM_PERSON = {"sender": {"id": "20000000100"}, "recipient": {"id": "1000000001"}}
FROM_PAGE = {"sender": {"id": "1000000001"}, "recipient": {"id": "20000000100"}}


def whatsapp_text(text: str, wamid: str) -> dict[str, Any]:
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "447700900200", "phone_number_id": "pn"},
        "contacts": [{"profile": {"name": "Jo"}, "wa_id": "447700900100"}],
        "messages": [
            {
                "from": "447700900100",
                "id": wamid,
                "timestamp": "1795430200",
                "type": "text",
                "text": {"body": text},
            }
        ],
    }
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "waba", "changes": [{"field": "messages", "value": value}]}],
    }


# --- people write ---------------------------------------------------------------------------------


def test_sms_from_a_person(flow: Flow) -> None:
    two_way = {
        "originationNumber": "+447700900100",
        "destinationNumber": "+15550001111",
        "messageKeyword": "HELLO",
        "messageBody": "Hello there",
        "inboundMessageId": "in-1",
    }
    event = payloads.sns(two_way)
    flow.cloud.call("inbound", event)
    flow.cloud.call("inbound", event)  # SNS delivers at least once
    flow.drain()
    [heard] = flow.world.webhooks
    assert heard == {
        "message_uuid": heard["message_uuid"],
        "to": {"type": "sms", "number": "15550001111"},
        "from": {"type": "sms", "number": "447700900100"},
        "timestamp": "2026-11-23T10:15:29.000Z",
        "direction": "inbound",
        "message": {"content": {"type": "text", "text": "Hello there"}},
    }


def test_whatsapp_from_a_person(flow: Flow) -> None:
    assert meta(flow, "whatsapp_cloud", whatsapp_text("hi", "wamid.in"), "wa-secret") == 200
    flow.drain()
    [heard] = flow.world.webhooks
    assert heard["to"] == {"type": "whatsapp", "number": "447700900200"}
    assert heard["from"] == {"type": "whatsapp", "number": "447700900100"}


def test_submitted_costs_nothing(flow: Flow) -> None:
    """Meta's `sent` comes before its own answer, and with the price."""
    status = {
        "id": "wamid.out",
        "status": "sent",
        "timestamp": "1795430200",
        "pricing": {"billable": False, "pricing_model": "PMP", "category": "service"},
    }

    def provider(request: httpx.Request) -> httpx.Response:
        status["biz_opaque_callback_data"] = json.loads(request.content)["biz_opaque_callback_data"]
        body = whatsapp_text("", "")
        body["entry"][0]["changes"][0]["value"] |= {"messages": [], "statuses": [status]}
        assert meta(flow, "whatsapp_cloud", body, "wa-secret") == 200
        return payloads.accepts_all(request)

    flow.world.provider = provider
    uuid = flow.send(payloads.text("whatsapp"))
    flow.drain()
    [submitted] = flow.heard(message_uuid=uuid)
    assert (submitted["status"], "usage" in submitted) == ("submitted", False)


def test_messenger_from_a_person(flow: Flow) -> None:
    event = FROM_PERSON | {"message": {"mid": "m_in", "text": "hi"}}
    assert messenger(flow, event) == 200
    flow.drain()
    [heard] = flow.world.webhooks
    assert heard["to"] == {"type": "messenger", "id": "1000000001"}
    assert heard["from"] == {"type": "messenger", "id": "20000000100"}
    assert heard["message"] == {"content": {"type": "text", "text": "hi"}}


def test_viber_from_a_person(flow: Flow) -> None:
    result = {
        "sender": "447700900100",
        "to": "Acme",
        "integrationType": "VIBER",
        "receivedAt": "2026-11-23T10:18:43.594+0000",
        "messageId": "9",
        "message": {"type": "TEXT", "text": "thanks"},
    }
    status, _ = flow.cloud.http(
        "inbound",
        "POST",
        "/inbound/infobip/default",
        {"results": [result], "messageCount": 1, "pendingMessageCount": 0},
        query={"token": "ib-token"},
    )
    assert status == 200
    flow.drain()
    [heard] = flow.world.webhooks
    assert heard["to"] == {"type": "viber_service_msg", "id": "Acme"}
    assert heard["from"] == {"type": "viber_service_msg", "number": "447700900100"}


def test_what_people_write_goes_to_the_application_that_wrote_to_them(flow: Flow) -> None:
    flow.send(payloads.text("whatsapp"))
    payloads.application(flow.cloud, inbound_url="https://client.example/newer")
    called: list[str] = []

    def client(request: httpx.Request) -> httpx.Response:
        called.append(request.url.path)
        return httpx.Response(200)

    flow.world.client = client
    meta(flow, "whatsapp_cloud", whatsapp_text("hi", "wamid.in2"), "wa-secret")
    flow.drain()
    assert "/inbound" in called
    assert "/newer" not in called


def test_of_two_applications_the_last_one_counts(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(senders, "_USE_SECONDS", 0.0)  # as if each time in another process, or after a while
    other = payloads.application(flow.cloud, inbound_url="https://client.example/other")
    called: list[str] = []

    def client(request: httpx.Request) -> httpx.Response:
        called.append(request.url.path)
        return httpx.Response(200)

    flow.world.client = client
    for headers in (flow.app["bearer"], other["bearer"], flow.app["bearer"]):
        assert flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("whatsapp"), headers)[0] == 202
    meta(flow, "whatsapp_cloud", whatsapp_text("hi", "wamid.in3"), "wa-secret")
    flow.drain()
    assert ("/inbound" in called, "/other" in called) == (True, False)


# --- Messenger's watermarks -----------------------------------------------------------------------


def mid(flow: Flow) -> str:
    return str(json.loads(flow.last_answer.content)["message_id"])  # type: ignore[attr-defined]


@pytest.fixture
def conversation(flow: Flow) -> Flow:
    def provider(request: httpx.Request) -> httpx.Response:
        flow.last_answer = payloads.accepts_all(request)  # type: ignore[attr-defined]
        return flow.last_answer  # type: ignore[attr-defined, no-any-return]

    flow.world.provider = provider
    return flow


def later(seconds: float = 1) -> int:
    return int((time.time() + seconds) * 1000)


def test_messenger_receipts(conversation: Flow) -> None:
    flow = conversation
    uuid = flow.send(payloads.text("messenger"))
    flow.drain()
    messenger(flow, FROM_PERSON | {"delivery": {"mids": [mid(flow)], "watermark": later()}})
    messenger(flow, FROM_PERSON | {"read": {"watermark": later(2)}})
    messenger(flow, FROM_PERSON | {"read": {"watermark": later(2)}})
    flow.drain()
    assert flow.statuses(uuid) == ["submitted", "delivered", "read"]


def test_read_without_delivery(conversation: Flow) -> None:
    flow = conversation
    uuids = [flow.send(payloads.text("messenger", f"number {n}")) for n in range(3)]
    flow.drain()
    messenger(flow, FROM_PERSON | {"read": {"watermark": later()}})
    for uuid in uuids:
        flow.until(lambda uuid=uuid: flow.statuses(uuid) == ["submitted", "delivered", "read"])  # type: ignore[misc]


def test_a_watermark_does_not_reach_what_was_sent_after_it(conversation: Flow) -> None:
    flow = conversation
    early = later(-60)
    uuid = flow.send(payloads.text("messenger"))
    flow.drain()
    messenger(flow, FROM_PERSON | {"read": {"watermark": early}})
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]


def test_what_was_read_while_it_was_being_sent_was_something_else(conversation: Flow) -> None:
    flow = conversation

    def provider(request: httpx.Request) -> httpx.Response:
        time.sleep(0.05)
        messenger(flow, FROM_PERSON | {"read": {"watermark": later(0)}})
        time.sleep(0.05)
        return payloads.accepts_all(request)

    flow.world.provider = provider
    uuid = flow.send(payloads.text("messenger"))
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]


def test_messenger_receipt_before_the_answer(conversation: Flow) -> None:
    flow = conversation

    def provider(request: httpx.Request) -> httpx.Response:
        answer = payloads.accepts_all(request)
        delivery = {"mids": [json.loads(answer.content)["message_id"]], "watermark": later(-0.01)}
        assert messenger(flow, FROM_PERSON | {"delivery": delivery}) == 200
        return answer

    flow.world.provider = provider
    uuid = flow.send(payloads.text("messenger"))
    flow.drain()
    assert sorted(flow.statuses(uuid)) == ["delivered", "submitted"]


def test_messenger_echo_stands_for_a_lost_answer(conversation: Flow) -> None:
    flow = conversation

    def provider(request: httpx.Request) -> httpx.Response:
        metadata = json.loads(request.content)["message"]["metadata"]
        echo = {"is_echo": True, "metadata": metadata, "mid": "m_echo", "text": "x"}
        messenger(flow, FROM_PAGE | {"message": echo})
        messenger(flow, FROM_PERSON | {"delivery": {"mids": ["m_echo"], "watermark": later()}})
        raise httpx.ReadTimeout("lost")

    flow.world.provider = provider
    uuid = flow.send(payloads.text("messenger"))
    flow.cloud.deliver()
    flow.until(lambda: flow.statuses(uuid) == ["submitted", "delivered"])


# --- who is believed ------------------------------------------------------------------------------


def test_unsigned_is_refused(flow: Flow) -> None:
    for function, path in (
        ("inbound", "/inbound/messenger/default"),
        ("status", "/status/whatsapp_cloud/default"),
        ("status", "/status/infobip/default"),
        ("status", "/status/aws/default"),
    ):
        status, answer = flow.cloud.http(function, "POST", path, "not even JSON")
        assert (status, answer["detail"]) == (403, "Invalid signature")


def test_unknown_provider_and_account(flow: Flow) -> None:
    assert flow.cloud.http("status", "POST", "/status/carrier-pigeon/default", "{}")[0] == 404
    assert flow.cloud.http("status", "POST", "/status/messenger/nobody", "{}")[0] == 404


def test_handshake(flow: Flow) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": "wa-verify", "hub.challenge": "c-1"}
    path = "/inbound/whatsapp_cloud/default"
    answer = flow.cloud.http("inbound", "GET", path, query=query)
    assert answer == (200, "c-1")
    wrong = query | {"hub.verify_token": "x"}
    assert flow.cloud.http("inbound", "GET", path, query=wrong)[0] == 403


# --- the client is called -------------------------------------------------------------------------


def test_a_slow_writer_does_not_lose_the_webhook(flow: Flow) -> None:
    """The queue hands the entry out before the status is written."""
    uuid = flow.send(payloads.text("sms"))
    flow.drain()
    store = flow.cloud.functions["status"].callbacks._services.store
    advance = store.advance

    def slowly(*arguments: Any) -> Any:
        assert flow.cloud.notify() == 0  # nothing to send yet, and nothing thrown away
        return advance(*arguments)

    store.advance = slowly
    flow.receipt(uuid)
    flow.until(lambda: flow.statuses(uuid) == ["submitted", "delivered"])


@pytest.mark.parametrize("fault", [500, 429, httpx.ConnectError, httpx.ReadTimeout], ids=str)
def test_webhook_is_tried_until_it_is_taken(flow: Flow, fault: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying, "FIRST_PAUSE", 0)
    ids = []

    def client(request: httpx.Request) -> httpx.Response:
        ids.append(request.headers["switchboard-event-id"])
        if len(ids) > 2:
            return httpx.Response(204)
        if isinstance(fault, int):
            return httpx.Response(fault)
        raise fault("as the test wants it")

    flow.world.client = client
    uuid = flow.send(payloads.text("sms"))
    flow.until(lambda: flow.statuses(uuid))
    assert flow.statuses(uuid) == ["submitted"]
    assert ids == [f"{uuid}:submitted"] * 3


def test_of_two_statuses_the_one_taken_is_not_sent_again(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying, "FIRST_PAUSE", 0)
    uuid = flow.send(payloads.text("viber_service_msg"))
    flow.drain()
    asked: list[str] = []

    def client(request: httpx.Request) -> httpx.Response:
        status = json.loads(request.content)["status"]
        asked.append(status)
        return httpx.Response(500 if asked.count("read") == 1 and status == "read" else 200)

    flow.world.client = client
    flow.viber_receipt(uuid, seen=True)
    flow.until(lambda: "read" in flow.statuses(uuid))
    assert asked == ["delivered", "read", "read"]


def test_pauses_double_to_a_quarter_of_an_hour() -> None:
    pauses = [notifying.pause(receives) for receives in range(1, 104)]
    assert pauses[:9] == [5, 10, 20, 40, 80, 160, 320, 640, 900]
    assert 23.5 * 3600 < sum(pauses[:102]) < 24.5 * 3600


def test_no_webhook_is_no_error(flow: Flow) -> None:
    status, made = flow.cloud.http(
        "applications", "POST", "/v2/applications", {"name": "quiet"}, payloads.basic()
    )
    assert status == 201
    cloud = flow.cloud
    assert cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), payloads.bearer(made))[0] == 202
    flow.drain()
    assert cloud.received("WebhooksQueue") == []
