"""Messages of version 1, from request to callbacks, and the messages that people send in its form."""

import json
import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from switchboard.models.workflows import message_uuid
from tests.functions.flows import Flow
from tests.functions.test_dispatch import refuses_viber
from tests.support import payloads
from tests.support.cloud import Cloud
from tests.support.payloads import flat


def test_message_is_submitted_and_delivered(flow: Flow) -> None:
    answer = flow.send_v1(flat("sms", client_ref="order-7"))
    uuid = answer["message_uuid"]
    assert set(answer) == {"message_uuid"}
    flow.drain()
    flow.receipt(uuid)
    flow.drain()
    submitted, delivered = flow.heard(message_uuid=uuid)
    assert submitted == {
        "message_uuid": uuid,
        "to": "447700900100",
        "from": "15550001111",
        "timestamp": submitted["timestamp"],
        "status": "submitted",
        "channel": "sms",
        "sms": {"count_total": "1"},
        "client_ref": "order-7",
    }
    assert delivered == submitted | {
        "timestamp": delivered["timestamp"],
        "status": "delivered",
        "usage": {"price": "0.0210", "currency": "EUR"},
    }
    status, shown = flow.cloud.http("send", "GET", f"/v1/messages/{uuid}", headers=flow.app["bearer"])
    assert (status, shown["status"], set(shown["statuses"])) == (200, "delivered", {"submitted", "delivered"})
    assert shown["to"] == "447700900100"


def test_a_failure_is_told_by_its_code(flow: Flow) -> None:
    flow.world.provider = refuses_viber
    uuid = flow.send_v1(flat("viber_service_msg"))["message_uuid"]
    flow.drain()
    [rejected] = flow.heard(message_uuid=uuid)
    assert (rejected["channel"], rejected["status"]) == ("viber_service", "rejected")
    error = rejected["error"]
    assert error["type"] == f"https://developer.vonage.com/api-errors/messages#{error['title']}"
    assert error["detail"]
    assert error["instance"] == uuid


VERSIONS = {
    "as it was sent, 0.1": (None, "v0.1", {}, "v0.1"),
    "as it was sent, 1": (None, "v1", {}, "v1"),
    "the application's, 1": ("v1", "v0.1", {}, "v1"),
    "the application's, 0.1": ("v0.1", "v1", {}, "v0.1"),
    "the message's": ("v1", "v1", {"webhook_version": "v0.1"}, "v0.1"),
}


@pytest.mark.parametrize(("application", "sent", "more", "heard"), VERSIONS.values(), ids=VERSIONS)
def test_version_of_statuses(
    cloud: Cloud, flow: Flow, application: str | None, sent: str, more: dict[str, Any], heard: str
) -> None:
    flow.app = payloads.application(cloud, application)
    uuid = (
        flow.send_v1(flat("sms", **more))["message_uuid"] if sent == "v1" else flow.send(payloads.text("sms"))
    )
    flow.drain()
    [submitted] = flow.heard(message_uuid=uuid)
    assert ("channel" in submitted) is (heard == "v1")
    assert isinstance(submitted["to"], str) is (heard == "v1")


def test_a_message_can_have_its_own_webhook(flow: Flow) -> None:
    called = []

    def client(request: httpx.Request) -> httpx.Response:
        called.append(str(request.url))
        return httpx.Response(200)

    flow.world.client = client
    flow.send_v1(flat("sms", webhook_url="https://client.example/own"))
    flow.drain()
    assert called == ["https://client.example/own"]


def test_what_is_too_old_is_not_sent(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    uuid = flow.send_v1(flat("sms", ttl=1))["message_uuid"]
    time.sleep(1.1)
    flow.drain()
    [rejected] = flow.heard(message_uuid=uuid)
    assert (rejected["status"], rejected["error"]["title"]) == ("rejected", "1360")
    assert flow.world.sent == []


# --- failover ------------------------------------------------------------------------------------


def failover(flow: Flow, *messages: dict[str, Any]) -> tuple[str, str]:
    """Sends the first with the others as its failover. Returns its uuid and the workflow's."""
    first, *others = messages
    answer = flow.send_v1(first | {"failover": others})
    assert set(answer) == {"message_uuid", "workflow_id"}
    return answer["message_uuid"], answer["workflow_id"]


def test_failover_when_a_message_is_refused(flow: Flow) -> None:
    flow.world.provider = refuses_viber
    first, workflow_id = failover(
        flow, flat("viber_service_msg", client_ref="a"), flat("sms", client_ref="b"), flat("mms", "text", "c")
    )
    second = message_uuid(workflow_id, 1)
    flow.until(lambda: flow.statuses(second))
    flow.receipt(second)
    flow.until(lambda: flow.statuses(second) == ["submitted", "delivered"])
    flow.until(lambda: _closed(flow, workflow_id))
    [rejected] = flow.heard(message_uuid=first)
    assert (rejected["status"], rejected["client_ref"]) == ("rejected", "a")
    for hook, number in ((rejected, "1"), (flow.heard(message_uuid=second)[0], "2")):
        assert hook["workflow"] == {
            "workflow_id": workflow_id,
            "items_number": number,
            "items_total": "3",
            "id": workflow_id,
            "item_number": number,
            "total_items": "3",
        }
    assert flow.reports() == []
    assert len(flow.world.webhooks) == 3


def test_failover_waits_as_long_as_nothing_fails(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time, which is long, ends the workflow and leads nowhere."""
    for function in ("send", "dispatch"):
        services = flow.cloud.functions[function].services
        monkeypatch.setattr(
            services, "settings", services.settings.model_copy(update={"last_step_seconds": 3})
        )
    first, workflow_id = failover(flow, flat("viber_service_msg"), flat("sms"))
    flow.until(lambda: flow.statuses(first) == ["submitted"])
    flow.until(lambda: _closed(flow, workflow_id))
    flow.drain()
    assert len(flow.world.sent) == 1
    assert flow.reports() == []


def test_failover_with_a_condition_is_a_dispatch(flow: Flow) -> None:
    first, workflow_id = failover(
        flow, flat("viber_service_msg", expiry_time=1, condition_status="read"), flat("sms")
    )
    flow.until(lambda: flow.statuses(first))
    flow.viber_receipt(first)
    second = message_uuid(workflow_id, 1)
    flow.until(lambda: flow.statuses(second))
    flow.receipt(second)
    flow.until(flow.reports)
    flow.drain()
    [report] = flow.reports()
    assert (report["dispatch_uuid"], report["status"]) == (workflow_id, "completed")
    assert [entry["status"] for entry in report["_links"]["messages"]] == ["delivered", "delivered"]


def test_the_last_message_can_have_a_condition_too(flow: Flow) -> None:
    flow.world.provider = refuses_viber
    _, workflow_id = failover(
        flow, flat("viber_service_msg"), flat("sms", expiry_time=1, condition_status="delivered")
    )
    flow.until(flow.reports)
    [report] = flow.reports()
    assert (report["dispatch_uuid"], report["status"], report["reason"]) == (workflow_id, "error", "expired")


def test_a_dispatch_is_shown(flow: Flow) -> None:
    uuid = flow.dispatch(payloads.step("viber_service_msg", 60), payloads.step("sms"))
    message = flow.step_message(0)

    def shown() -> dict[str, Any]:
        path = f"/v0.1/dispatch/{uuid}"
        status, body = flow.cloud.http("dispatch", "GET", path, headers=flow.app["bearer"])
        assert status == 200
        return dict(body)

    running = shown()
    assert (running["status"], running["step"], "report" in running) == ("running", 0, False)
    first, second = running["steps"]
    assert (first["message_uuid"], first["status"], set(first["statuses"])) == (
        message,
        "submitted",
        {"submitted"},
    )
    assert (first["condition_status"], first["expiry_time"], second["status"]) == ("delivered", 60, None)
    assert (second["began_at"], second["channel"]) == (None, "sms")
    flow.viber_receipt(message)
    flow.until(flow.reports)
    ended = shown()
    assert (ended["status"], ended["report"]) == ("completed", flow.reports()[0])
    other = payloads.application(flow.cloud)
    assert flow.cloud.http("dispatch", "GET", f"/v0.1/dispatch/{uuid}", headers=other["bearer"])[0] == 404


def _closed(flow: Flow, workflow_id: str) -> bool:
    path = f"/v0.1/dispatch/{workflow_id}"
    _, body = flow.cloud.http("dispatch", "GET", path, headers=flow.app["bearer"])
    return bool(body["status"] != "running")


# --- quotes --------------------------------------------------------------------------------------


def test_a_quote_names_what_the_provider_knows(flow: Flow) -> None:
    payloads.whatsapp_inbound(flow.cloud, "When?", wamid="wamid.theirs")
    flow.drain()
    [asked] = flow.heard(direction="inbound")
    flow.send_v1(flat("whatsapp", context={"message_uuid": asked["message_uuid"]}))
    flow.drain()
    assert json.loads(flow.world.sent[-1].content)["context"] == {"message_id": "wamid.theirs"}


def test_a_quote_of_nothing_is_refused(flow: Flow) -> None:
    uuid = flow.send_v1(flat("whatsapp", context={"message_uuid": str(uuid4())}))["message_uuid"]
    flow.drain()
    [rejected] = flow.heard(message_uuid=uuid)
    assert (rejected["status"], rejected["error"]["title"]) == ("rejected", "1020")


# --- messages from people ------------------------------------------------------------------------


@pytest.fixture
def v1_flow(flow: Flow) -> Flow:
    flow.app = payloads.application(flow.cloud, "v1")
    flow.send_v1(flat("whatsapp"))  # so that what is written to the number is this application's
    flow.drain()
    return flow


def written(flow: Flow, **message: Any) -> dict[str, Any]:
    """What the client hears of a WhatsApp message."""
    raw = {"from": "447700900100", "id": f"wamid.{uuid4().hex}", "timestamp": str(int(time.time()))} | message
    metadata = {"display_phone_number": "447700900200", "phone_number_id": "447700900200"}
    contacts = [{"profile": {"name": "Ada"}, "wa_id": "447700900100"}]
    value = {
        "messaging_product": "whatsapp",
        "metadata": metadata,
        "contacts": contacts,
        "messages": [raw],
    }
    assert payloads.whatsapp_hook(flow.cloud, value) == 200
    flow.drain()
    return flow.world.webhooks[-1]


def test_a_text_from_a_person(v1_flow: Flow) -> None:
    heard = written(v1_flow, type="text", text={"body": "When?"})
    assert heard == {
        "channel": "whatsapp",
        "message_uuid": heard["message_uuid"],
        "to": "447700900200",
        "from": "447700900100",
        "timestamp": heard["timestamp"],
        "message_type": "text",
        "text": "When?",
        "profile": {"name": "Ada"},
        "context_status": "none",
    }


CONTENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "list reply": (
        {
            "type": "interactive",
            "interactive": {
                "type": "list_reply",
                "list_reply": {"id": "a", "title": "Yes", "description": "d"},
            },
        },
        {"message_type": "reply", "reply": {"id": "a", "title": "Yes", "description": "d"}},
    ),
    "button": (
        {"type": "button", "button": {"payload": "p", "text": "Yes"}},
        {"message_type": "button", "button": {"payload": "p", "text": "Yes"}},
    ),
    "location": (
        {"type": "location", "location": {"latitude": 51.5, "longitude": -0.1, "name": "Here"}},
        {"message_type": "location", "location": {"lat": 51.5, "long": -0.1, "name": "Here"}},
    ),
    "order": (
        {
            "type": "order",
            "order": {
                "catalog_id": "c",
                "text": "Please",
                "product_items": [
                    {"product_retailer_id": "r", "quantity": "2", "item_price": "4.5", "currency": "EUR"}
                ],
            },
        },
        {
            "message_type": "order",
            "order": {
                "catalog_id": "c",
                "text": "Please",
                "product_items": [
                    {"product_retailer_id": "r", "quantity": "2", "item_price": "4.5", "currency": "EUR"}
                ],
            },
        },
    ),
    "something else": ({"type": "unknown"}, {"message_type": "unsupported"}),
}


@pytest.mark.parametrize(("raw", "members"), CONTENTS.values(), ids=CONTENTS)
def test_contents_from_a_person(v1_flow: Flow, raw: dict[str, Any], members: dict[str, Any]) -> None:
    heard = written(v1_flow, **raw)
    assert {name: heard.get(name) for name in members} == members


def test_what_a_person_quotes(v1_flow: Flow) -> None:
    uuid = v1_flow.send_v1(flat("whatsapp"))["message_uuid"]
    v1_flow.drain()
    item = v1_flow.cloud.functions["send"].services.store.message(uuid)
    ours = written(
        v1_flow,
        type="text",
        text={"body": "Yes"},
        context={"from": "447700900200", "id": item.provider_id},
    )
    assert ours["context_status"] == "available"
    assert ours["context"] == {"message_uuid": uuid, "message_from": "447700900200"}
    unknown = written(
        v1_flow, type="text", text={"body": "Yes"}, context={"from": "447700900200", "id": "wamid.x"}
    )
    assert unknown["context_status"] == "unavailable"
    theirs = written(
        v1_flow,
        type="reaction",
        reaction={"message_id": unknown_wamid(v1_flow, unknown), "emoji": "\N{THUMBS UP SIGN}"},
    )
    assert theirs["reaction"] == {"action": "react", "emoji": "\N{THUMBS UP SIGN}"}


def unknown_wamid(flow: Flow, heard: dict[str, Any]) -> str:
    item = flow.cloud.functions["send"].services.store.message(heard["message_uuid"])
    return str(item.provider_id)


def test_what_a_person_quotes_that_went_out_by_aws(v1_flow: Flow) -> None:
    """AWS answers with an id of its own; Meta's comes with the first receipt."""
    uuid = v1_flow.send_v1(flat("whatsapp"))["message_uuid"]
    v1_flow.drain()
    receipts = v1_flow.cloud.functions["deliver"].services.receipts
    receipt = {
        "id": "wamid.aws",
        "status": "sent",
        "timestamp": str(int(time.time())),
        "recipient_id": "447700900100",
        "biz_opaque_callback_data": uuid,
    }
    entry = {"id": "1", "changes": [{"field": "messages", "value": {"statuses": [receipt]}}]}
    event = payloads.sns({"whatsAppWebhookEntry": json.dumps(entry)})
    v1_flow.cloud.call("status", event)
    assert receipts.message_uuid("aws", "wamid.aws") == uuid
