"""What people and tests do with the carriers: write, subscribe, look."""

import json
import time
from typing import Any
from uuid import uuid4

import pytest

from .rig import INBOUND, PAGE, PHONE, PHONE_ID, SECRETS, Rig, send_whatsapp, signed

pytestmark = pytest.mark.network


def test_inbound_sms(rig: Rig, aws: Any) -> None:
    echo, words, person_ = str(uuid4()), f"join us {uuid4()}", "+14255558888"
    sent = aws.send_text_message(
        DestinationPhoneNumber=person_,
        OriginationIdentity="+12065550142",
        MessageBody="x",
        Context={"message_uuid": echo},
    )
    note = {"channel": "sms", "from": person_, "to": "12065550142", "text": words}
    reply = rig.http.post("/inbound", json=note)
    assert (reply.status_code, reply.json()) == (202, {"status": "accepted"})
    (call,) = rig.receiver.about(words)
    assert call.path == INBOUND
    event = call.json
    assert event.pop("inboundMessageId")
    assert event == {
        "originationNumber": person_,
        "destinationNumber": "+12065550142",
        "messageKeyword": "JOIN",
        "messageBody": words,
        "previousPublishedMessageId": sent["MessageId"],
    }


def test_inbound_whatsapp(rig: Rig) -> None:
    words = f"grüße {uuid4()}"
    note = {"channel": "whatsapp", "from": "447700907777", "to": PHONE, "text": words}
    assert rig.http.post("/inbound", json=note).status_code == 202
    (call,) = rig.receiver.about(words.split()[1])
    assert call.path == "/inbound/whatsapp_cloud/default" and signed(call)
    value = call.json["entry"][0]["changes"][0]["value"]
    assert value["metadata"] == {"display_phone_number": PHONE, "phone_number_id": PHONE_ID}
    (message,) = value["messages"]
    assert (message["from"], message["type"], message["text"]) == ("447700907777", "text", {"body": words})
    assert message["id"].startswith("wamid.") and message["timestamp"].isdecimal()
    assert value["contacts"][0]["wa_id"] == "447700907777"


def test_inbound_messenger(rig: Rig) -> None:
    words = str(uuid4())
    note = {"channel": "messenger", "from": "7700123456789", "to": PAGE, "text": words}
    assert rig.http.post("/inbound", json=note).status_code == 202
    (call,) = rig.receiver.about(words)
    assert call.path == "/inbound/messenger/default" and signed(call)
    (event,) = call.json["entry"][0]["messaging"]
    assert (event["sender"]["id"], event["recipient"]["id"]) == ("7700123456789", PAGE)
    assert event["message"]["text"] == words and "is_echo" not in event["message"]


def test_inbound_viber(rig: Rig) -> None:
    words = str(uuid4())
    note = {"channel": "viber_service_msg", "from": "+447700907777", "to": "Harbour", "text": words}
    assert rig.http.post("/inbound", json=note).status_code == 202
    (call,) = rig.receiver.about(words)
    assert (call.path, call.query) == ("/inbound/infobip/default", {"token": [SECRETS["callback_token"]]})
    assert (call.json["messageCount"], call.json["pendingMessageCount"]) == (1, 0)
    (result,) = call.json["results"]
    assert (result["sender"], result["to"], result["integrationType"]) == ("447700907777", "Harbour", "VIBER")
    assert result["message"] == {"type": "TEXT", "text": words}


@pytest.mark.parametrize(
    ("members", "named"),
    [
        pytest.param({"channel": "fax"}, "channel", id="channel"),
        pytest.param({"from": None}, "from", id="no-from"),
        pytest.param({"from": "me"}, "from", id="from"),
        pytest.param({"to": "Harbour"}, "to", id="to"),
        pytest.param({"text": ""}, "text", id="text"),
        pytest.param({"body": "x"}, "body", id="unknown"),
    ],
)
def test_inbound_names_the_wrong_field(rig: Rig, members: dict[str, Any], named: str) -> None:
    note = {"channel": "sms", "from": "+14255558888", "to": "+12065550142", "text": "x", **members}
    reply = rig.http.post("/inbound", json={name: value for name, value in note.items() if value is not None})
    assert (reply.status_code, reply.json()["field"]) == (400, named)
    assert reply.json()["reason"]


@pytest.mark.parametrize("channel", ["sms", "messenger"])
def test_inbound_says_when_it_was_not_taken(rig: Rig, channel: str) -> None:
    words = str(uuid4())
    rig.receiver.refusals[words] = 1
    note = {"channel": channel, "from": "14255558888", "to": "12065550142", "text": words}
    reply = rig.http.post("/inbound", json=note)
    assert (reply.status_code, bool(reply.json()["reason"])) == (502, True)
    time.sleep(0.1)
    assert rig.receiver.about(words) == []  # said so, and not tried again behind the caller's back


@pytest.mark.parametrize(
    ("provider", "status", "answer"),
    [
        ("whatsapp_cloud", 200, {"ok": True}),
        ("messenger", 200, {"ok": False}),
        ("infobip", 404, None),
    ],
)
def test_handshake(rig: Rig, provider: str, status: int, answer: Any) -> None:
    reply = rig.http.post(f"/handshake/{provider}")
    assert reply.status_code == status
    assert answer is None or reply.json() == answer


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://e.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "e.example"}, 403),
        ({"origin": "http://localhost:8080"}, 200),
        ({}, 200),
    ],
    ids=["origin", "opaque-origin", "host", "local-origin", "plain"],
)
def test_only_this_computer_may_ask(rig: Rig, headers: dict[str, str], status: int) -> None:
    assert rig.http.get("/log", headers=headers).status_code == status


def test_log_counts_by_provider(rig: Rig) -> None:
    before = rig.http.get("/log").json()["counts"].get("whatsapp_cloud", 0)
    echo = str(uuid4())
    send_whatsapp(rig, "447700900002", echo)
    log = rig.http.get("/log").json()
    assert log["counts"]["whatsapp_cloud"] == before + 1
    assert (
        log["sends"][-1].items()
        >= {
            "provider": "whatsapp_cloud",
            "channel": "whatsapp",
            "recipient_last4": "0002",
            "echo_id": echo,
        }.items()
    )
    assert "447700900002" not in json.dumps(log["sends"][-1])
