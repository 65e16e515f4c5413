"""WhatsApp and Messenger."""

import time
from base64 import b64decode
from typing import Any
from uuid import uuid4

import httpx
import pytest

from sandbox.carriers.messenger import Messenger
from switchboard.adapters import adapter
from switchboard.adapters.base import Account, Verification
from switchboard.errors import Rejected
from switchboard.models.events import Event, Hook, Receipt, Watermark
from switchboard.models.messages import Channel, Message, Status

from .rig import (
    CREDENTIALS,
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

UTILITY = {"name": "parcel", "language": {"code": "en"}, "components": []}
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
        pytest.param({"messaging_type": "MESSAGE_TAG", "tag": "ACCOUNT_UPDATE"}, 1893061, id="retired-tag"),
        pytest.param({"messaging_type": "UTILITY"}, None, id="utility-without-template"),
        pytest.param({"message": {"template": UTILITY}}, None, id="template-without-utility"),
        pytest.param(
            {"messaging_type": "UTILITY", "message": {"template": {"name": "parcel"}}}, None, id="no-language"
        ),
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


# --- our Messenger adapter -------------------------------------------------------------------------


def account(rig: Rig) -> Account:
    return Account("messenger", "default", Messenger.account(rig.url, rig.receiver.url, CREDENTIALS))


def outgoing(content: dict[str, Any], last4: str = "4321", **options: str) -> Message:
    return Message.model_validate(
        {
            "message_uuid": str(uuid4()),
            "channel": "messenger",
            "sender": PAGE,
            "recipient": person("messenger", last4),
            "content": content,
            "messenger": options,
        }
    )


def handed_over(rig: Rig, message: Message) -> str:
    with httpx.Client(trust_env=False) as client:
        return adapter("messenger").send(message, account(rig), client)


def test_our_adapter_reads_what_became_of_a_message(rig: Rig) -> None:
    message = outgoing({"type": "text", "text": "Good day"})
    mid = handed_over(rig, message)
    events: list[Event] = []
    for call in rig.receiver.wait(3, f'"{message.recipient}"'):
        hook = Hook(call.body, headers=call.headers)
        adapter("messenger").verify(hook, account(rig))
        events += adapter("messenger").events(hook)
    echo, delivered, read = events
    assert isinstance(echo, Receipt)
    assert (echo.message_uuid, echo.provider_id) == (message.message_uuid, mid)
    assert isinstance(delivered, Watermark)
    assert (delivered.status, delivered.provider_ids) == (Status.DELIVERED, (mid,))
    assert isinstance(read, Watermark)
    assert (read.status, read.provider_ids) == (Status.READ, ())
    assert echo.conversation == delivered.conversation == read.conversation


@pytest.mark.parametrize(
    ("content", "options"),
    [
        pytest.param({"type": "image", "url": "https://e.example/a.png"}, {}, id="image"),
        pytest.param({"type": "file", "url": "https://e.example/a.pdf"}, {"category": "update"}, id="file"),
        pytest.param({"type": "custom", "custom": {"template": UTILITY}}, {}, id="utility"),
        pytest.param(
            {"type": "text", "text": "Good day"}, {"category": "message_tag", "tag": "HUMAN_AGENT"}, id="tag"
        ),
    ],
)
def test_our_adapter_is_understood(rig: Rig, content: dict[str, Any], options: dict[str, str]) -> None:
    assert handed_over(rig, outgoing(content, "0002", **options)).startswith("m_")


@pytest.mark.parametrize("tag", ["ACCOUNT_UPDATE", "SHIPPING_UPDATE"])
def test_our_adapter_knows_a_retired_tag(rig: Rig, tag: str) -> None:
    message = outgoing({"type": "text", "text": "Good day"}, category="message_tag", tag=tag)
    with pytest.raises(Rejected) as caught:
        handed_over(rig, message)
    assert (caught.value.code, caught.value.provider_code) == (1021, "100/1893061")


@pytest.mark.parametrize(
    ("page", "settings", "expected"),
    [
        (PAGE, {}, Verification("verified")),
        (PAGE, {"access_token": "wrong"}, Verification("failed", "the provider refused: 1370 (190)")),
        ("the-page", {}, Verification("failed", "the provider refused: 1020 (100/33)")),
    ],
    ids=["fits", "token", "no page"],
)
def test_our_adapter_checks_a_page(
    rig: Rig, page: str, settings: dict[str, str], expected: Verification
) -> None:
    asked = Account("messenger", "default", {**account(rig).settings, **settings})
    with httpx.Client(trust_env=False) as client:
        assert adapter("messenger").verification(asked, Channel.MESSENGER, page, client) == expected


READ = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.SGVsbG8="}


@pytest.mark.parametrize(
    ("members", "code"),
    [
        pytest.param({}, None, id="read"),
        pytest.param({"typing_indicator": {"type": "text"}}, None, id="read and about to answer"),
        pytest.param({"message_id": "order-7"}, 131009, id="no message of theirs"),
        pytest.param({"message_id": None}, 131009, id="no message"),
        pytest.param({"status": "seen"}, 100, id="another status"),
    ],
)
def test_whatsapp_takes_read_marks(rig: Rig, members: dict[str, Any], code: int | None) -> None:
    answer = graph(rig, PHONE_ID, READ | members)
    if code is None:
        assert (answer.status_code, answer.json()) == (200, {"success": True})
    else:
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
