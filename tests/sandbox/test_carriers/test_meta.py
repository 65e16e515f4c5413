"""WhatsApp and Messenger."""

import time
from base64 import b64decode
from typing import Any
from uuid import uuid4

import pytest

from .rig import (
    PAGE,
    PHONE,
    PHONE_ID,
    SECRETS,
    Rig,
    graph,
    messenger_body,
    person,
    signed,
    whatsapp_body,
)

pytestmark = pytest.mark.network

TEMPLATE = {"type": "template", "template": {"name": "parcel", "language": {"code": "en_GB"}}}


@pytest.mark.parametrize(
    ("members", "pricing"),
    [
        pytest.param({}, ("free_customer_service", "service", False), id="text"),
        pytest.param(TEMPLATE, ("regular", "utility", True), id="template"),
    ],
)
def test_whatsapp_statuses(rig: Rig, members: dict[str, Any], pricing: tuple[str, str, bool]) -> None:
    to, echo = person("whatsapp", "4321"), str(uuid4())
    reply = graph(rig, PHONE_ID, whatsapp_body(f"+{to}", echo, **members)).json()
    wamid = reply["messages"][0]["id"]
    assert reply["messaging_product"] == "whatsapp"
    assert reply["contacts"] == [{"input": f"+{to}", "wa_id": to}]
    assert wamid.startswith("wamid.") and to.encode() in b64decode(wamid.removeprefix("wamid."))

    calls = rig.receiver.wait(3, echo)
    for call, word in zip(calls, ("sent", "delivered", "read"), strict=True):
        assert call.path == "/inbound/whatsapp_cloud/default"
        assert signed(call)
        assert call.json["object"] == "whatsapp_business_account"
        (change,) = call.json["entry"][0]["changes"]
        value = change["value"]
        assert change["field"] == "messages"
        assert value["metadata"] == {"display_phone_number": PHONE, "phone_number_id": PHONE_ID}
        assert value["contacts"][0]["wa_id"] == to
        (status,) = value["statuses"]
        assert (status["id"], status["status"], status["recipient_id"]) == (wamid, word, to)
        assert status["biz_opaque_callback_data"] == echo
        assert abs(int(status["timestamp"]) - time.time()) < 10
        if word == "read":
            assert "pricing" not in status
        else:
            kind, category, billable = pricing
            assert status["pricing"] == {
                "billable": billable,
                "pricing_model": "PMP",
                "type": kind,
                "category": category,
            }


def test_whatsapp_failure_carries_its_code(rig: Rig) -> None:
    echo = str(uuid4())
    graph(rig, PHONE_ID, whatsapp_body(person("whatsapp", "0004"), echo))
    (call,) = rig.receiver.wait(1, echo)
    (status,) = call.json["entry"][0]["changes"][0]["value"]["statuses"]
    assert status["errors"][0]["code"] == 131026
    assert "pricing" not in status


def test_whatsapp_takes_a_user_id_for_a_number(rig: Rig) -> None:
    echo, user = str(uuid4()), "US.98765432104321"
    body = whatsapp_body("", echo, recipient=user)
    del body["to"]
    assert graph(rig, PHONE_ID, body).json()["contacts"] == [{"input": user, "user_id": user}]
    call = rig.receiver.wait(1, echo)[0]
    (status,) = call.json["entry"][0]["changes"][0]["value"]["statuses"]
    assert status["recipient_user_id"] == user and "recipient_id" not in status


@pytest.mark.parametrize(
    ("members", "code"),
    [
        pytest.param({"to": None}, 131008, id="nobody"),
        pytest.param({"to": "somebody"}, 131009, id="not-a-number"),
        pytest.param({"text": None}, 131008, id="no-content"),
        pytest.param({"text": {}}, 131008, id="no-text"),
        pytest.param({"text": {"body": ""}}, 100, id="empty"),
        pytest.param({"text": {"body": "x" * 4097}}, 100, id="long"),
        pytest.param({"type": "carousel"}, 100, id="type"),
        pytest.param({"type": "image", "image": {"link": "ftp://e.example"}}, 131009, id="link"),
        pytest.param({"type": "image", "image": {}}, 131008, id="no-link"),
        pytest.param(
            {"type": "audio", "audio": {"link": "https://e.example", "caption": "c"}}, 100, id="caption"
        ),
        pytest.param(
            {"type": "location", "location": {"latitude": 91, "longitude": 0}}, 131009, id="latitude"
        ),
        pytest.param({"type": "template", "template": {"name": "parcel"}}, 131008, id="no-language"),
        pytest.param({"type": "template", "template": {"language": {"code": "de"}}}, 131008, id="no-name"),
        pytest.param({"biz_opaque_callback_data": "x" * 513}, 100, id="echo"),
    ],
)
def test_whatsapp_refuses_a_body(rig: Rig, members: dict[str, Any], code: int) -> None:
    body = {**whatsapp_body("447700904321", None), **members}
    reply = graph(rig, PHONE_ID, {name: value for name, value in body.items() if value is not None})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["type"]) == (400, code, "OAuthException")
    assert error["error_data"]["messaging_product"] == "whatsapp"


@pytest.mark.parametrize(
    "members",
    [
        pytest.param(
            {"type": "image", "image": {"link": "https://e.example/a.png", "caption": "c"}}, id="image"
        ),
        pytest.param({"type": "audio", "audio": {"link": "https://e.example/a.mp3"}}, id="audio"),
        pytest.param({"type": "video", "video": {"id": "12"}}, id="video"),
        pytest.param(
            {"type": "document", "document": {"link": "https://e.example/a.pdf", "filename": "a.pdf"}},
            id="document",
        ),
        pytest.param({"type": "location", "location": {"latitude": 53, "longitude": 9.9}}, id="location"),
        pytest.param({"type": "contacts", "contacts": [{"name": {}}]}, id="contacts"),
        pytest.param(
            {"type": "interactive", "interactive": {"type": "button", "action": {}}}, id="interactive"
        ),
        pytest.param({"text": {"body": "x" * 4096, "preview_url": True}}, id="longest"),
    ],
)
def test_whatsapp_takes_a_body(rig: Rig, members: dict[str, Any]) -> None:
    assert graph(rig, PHONE_ID, whatsapp_body("447700900002", None, **members)).status_code == 200


def test_messenger_events(rig: Rig) -> None:
    to, echo = person("messenger", "4321"), str(uuid4())
    before = int(time.time() * 1000)
    reply = graph(rig, PAGE, messenger_body(to, echo)).json()
    assert reply["recipient_id"] == to and reply["message_id"].startswith("m_")

    calls = rig.receiver.wait(3, f'"{to}"')
    events = []
    for call in calls:
        assert call.path == "/inbound/messenger/default"
        assert signed(call)
        assert (call.json["object"], call.json["entry"][0]["id"]) == ("page", PAGE)
        events += call.json["entry"][0]["messaging"]
    echoed, delivered, read = events
    assert (echoed["sender"]["id"], echoed["recipient"]["id"]) == (PAGE, to)
    assert (
        echoed["message"].items()
        >= {
            "is_echo": True,
            "mid": reply["message_id"],
            "metadata": echo,
            "text": "Good day",
        }.items()
    )
    assert (delivered["sender"]["id"], delivered["recipient"]["id"]) == (to, PAGE)
    assert delivered["delivery"]["mids"] == [reply["message_id"]]
    assert list(read["read"]) == ["watermark"]
    moments = [before, echoed["timestamp"], delivered["delivery"]["watermark"], read["read"]["watermark"]]
    assert moments == sorted(moments)


@pytest.mark.parametrize(
    ("members", "subcode"),
    [
        pytest.param({"recipient": None}, None, id="nobody"),
        pytest.param({"recipient": {"id": "abc"}}, 2018001, id="no-such-user"),
        pytest.param({"message": None}, None, id="no-message"),
        pytest.param({"message": {}}, None, id="empty"),
        pytest.param({"message": {"text": "x" * 2001}}, None, id="long"),
        pytest.param({"message": {"attachment": {"type": "image", "payload": {}}}}, None, id="no-url"),
        pytest.param({"message": {"attachment": {"type": "gif", "payload": {}}}}, None, id="type"),
        pytest.param({"message": {"attachment": {"type": "template", "payload": {}}}}, None, id="template"),
        pytest.param({"messaging_type": "MESSAGE_TAG"}, None, id="no-tag"),
        pytest.param({"messaging_type": "MESSAGE_TAG", "tag": "ACCOUNT_UPDATE"}, None, id="retired-tag"),
        pytest.param({"messaging_type": "OTHER"}, None, id="messaging-type"),
    ],
)
def test_messenger_refuses_a_body(rig: Rig, members: dict[str, Any], subcode: int | None) -> None:
    body = {**messenger_body("200001234321", None), **members}
    reply = graph(rig, PAGE, {name: value for name, value in body.items() if value is not None})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error.get("error_subcode")) == (400, 100, subcode)


@pytest.mark.parametrize(
    "message",
    [
        {"attachment": {"type": kind, "payload": {"url": "https://e.example/a", "is_reusable": True}}}
        for kind in ("image", "audio", "video", "file")
    ]
    + [
        {"attachment": {"type": "image", "payload": {"attachment_id": "12"}}},
        {"attachment": {"type": "template", "payload": {"template_type": "button", "text": "t"}}},
        {"text": "x" * 2000},
    ],
    ids=["image", "audio", "video", "file", "saved", "template", "longest"],
)
def test_messenger_takes_a_body(rig: Rig, message: dict[str, Any]) -> None:
    assert graph(rig, PAGE, messenger_body("200000000002", None, message=message)).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        pytest.param("v26.0/1/messages", {}, 401, 190, id="none"),
        pytest.param("v26.0/1/messages", {"authorization": "Bearer wrong"}, 401, 190, id="wrong"),
        pytest.param("v26.0/1/messages?access_token=wrong", {}, 401, 190, id="wrong-in-query"),
        pytest.param("latest/1/messages?access_token={token}", {}, 400, 2500, id="version"),
        pytest.param("v26.0/x/messages?access_token={token}", {}, 400, 100, id="object"),
        pytest.param("v17.0/1/messages?access_token={token}", {}, 400, 100, id="body"),
    ],
)
def test_graph_refuses(rig: Rig, path: str, headers: dict[str, str], status: int, code: int) -> None:
    path = path.format(token=SECRETS["access_token"])
    reply = rig.http.post(f"/whatsapp_cloud/{path}", content=b"[]", headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


def test_graph_takes_the_token_from_the_query(rig: Rig) -> None:
    body = whatsapp_body("447700900002", None)
    path = f"/whatsapp_cloud/v26.0/{PHONE_ID}/messages?access_token={SECRETS['access_token']}"
    assert rig.http.post(path, json=body).status_code == 200
