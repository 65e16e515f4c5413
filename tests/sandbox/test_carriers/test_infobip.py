"""Viber through Infobip."""

import re
import time
from typing import Any
from uuid import uuid4

import pytest

from .rig import Rig, infobip, parse_infobip, person, viber_body

pytestmark = pytest.mark.network


def test_infobip_reports(rig: Rig) -> None:
    to, echo = person("viber", "4321"), str(uuid4())
    reply = infobip(rig, viber_body(rig, to, echo)).json()
    (message,) = reply["messages"]
    assert (message["messageId"], message["destination"]) == (echo, to)
    assert message["status"].items() >= {"groupId": 1, "groupName": "PENDING", "id": 7}.items()

    delivery, seen = rig.receiver.wait(2, echo)
    assert (delivery.path, seen.path) == ("/reports", "/seen")
    (report,) = delivery.json["results"]
    assert (
        report.items()
        >= {
            "bulkId": reply["bulkId"],
            "messageId": echo,
            "to": to,
            "sender": "Harbour",
            "callbackData": echo,
            "messageCount": 1,
        }.items()
    )
    assert (report["status"]["groupId"], report["status"]["id"]) == (3, 5)
    assert report["price"]["currency"] == "EUR" and report["price"]["pricePerMessage"] > 0
    assert (report["error"]["id"], report["error"]["permanent"]) == (0, False)
    (report,) = seen.json["results"]
    assert (report["messageId"], report["from"], report["to"]) == (echo, "Harbour", to)
    for moment in (report["sentAt"], report["seenAt"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", moment)


def test_infobip_answers_for_each_destination(rig: Rig) -> None:
    used, blocked, fine = (str(uuid4()) for _ in range(3))
    infobip(rig, viber_body(rig, "447700900002", used))
    people = {used: "447700900002", blocked: "447700900003", fine: "447700900002"}
    destinations = [{"to": to, "messageId": identifier} for identifier, to in people.items()]
    reply = infobip(rig, viber_body(rig, "", "", destinations=destinations)).json()
    statuses = {message["messageId"]: message["status"]["id"] for message in reply["messages"]}
    assert statuses == {used: 23, blocked: 14, fine: 7}
    assert [len(rig.sends(echo)) for echo in (used, blocked, fine)] == [1, 0, 1]


def test_infobip_makes_an_id_and_reports_only_where_asked(rig: Rig) -> None:
    body = viber_body(rig, "", "", destinations=[{"to": "447700904321"}], webhooks={})
    identifier = infobip(rig, body).json()["messages"][0]["messageId"]
    time.sleep(0.2)
    assert identifier and rig.receiver.about(identifier) == []


@pytest.mark.parametrize(
    ("members", "named"),
    [
        pytest.param({"sender": None}, "sender", id="no-sender"),
        pytest.param({"destinations": []}, "destinations", id="nobody"),
        pytest.param({"destinations": [{"to": "x"}]}, "destinations[0].to", id="not-a-number"),
        pytest.param({"content": {"type": "AUDIO"}}, "content", id="type"),
        pytest.param({"content": {"type": "TEXT", "text": "x" * 1001}}, "content.text", id="long"),
        pytest.param({"content": {"type": "IMAGE", "mediaUrl": "x"}}, "content.mediaUrl", id="image"),
        pytest.param(
            {"content": {"type": "VIDEO", "mediaUrl": "https://e.example/a", "mediaDuration": "PT9S"}},
            "content.thumbnailUrl",
            id="video",
        ),
        pytest.param(
            {"content": {"type": "FILE", "mediaUrl": "https://e.example/a"}}, "content.fileName", id="file"
        ),
        pytest.param(
            {"content": {"type": "LIST", "text": "t", "options": ["a"]}}, "content.options", id="list"
        ),
        pytest.param(
            {"options": {"validityPeriod": {"amount": 49, "timeUnit": "HOURS"}}},
            "options.validityPeriod",
            id="ttl",
        ),
        pytest.param({"options": {"label": "OTHER"}}, "options.label", id="label"),
        pytest.param({"webhooks": {"delivery": {"url": "here"}}}, "webhooks.delivery.url", id="webhook"),
        pytest.param({"webhooks": {"callbackData": "x" * 4001}}, "webhooks.callbackData", id="data"),
    ],
)
def test_infobip_refuses_a_body(rig: Rig, members: dict[str, Any], named: str) -> None:
    body = viber_body(rig, "447700904321", str(uuid4()), **members)
    message = {name: value for name, value in body["messages"][0].items() if value is not None}
    reply = infobip(rig, {"messages": [message]})
    answer = reply.json()
    assert (reply.status_code, answer["errorCode"]) == (400, "E400")
    assert [violation["property"] for violation in answer["violations"]] == [f"messages[0].{named}"]


@pytest.mark.parametrize(
    "content",
    [
        {"type": "IMAGE", "mediaUrl": "https://e.example/a.jpg", "text": "t"},
        {
            "type": "VIDEO",
            "mediaUrl": "https://e.example/a.mp4",
            "mediaDuration": "PT1M30S",
            "thumbnailUrl": "https://e.example/a.jpg",
        },
        {"type": "FILE", "mediaUrl": "https://e.example/a.pdf", "fileName": "a.pdf"},
        {"type": "OTP_TEMPLATE", "templateId": "t", "parameters": {"pin": "1234"}, "language": "en"},
        {"type": "LIST", "text": "t", "options": ["a", "b"]},
    ],
    ids=lambda content: content["type"].lower(),
)
def test_infobip_takes_a_body(rig: Rig, content: dict[str, Any]) -> None:
    body = viber_body(rig, "447700900002", str(uuid4()), content=content)
    assert parse_infobip(infobip(rig, body).json())[0] == ""


def test_infobip_wants_its_key(rig: Rig) -> None:
    reply = infobip(rig, {}, key="wrong")
    assert (reply.status_code, parse_infobip(reply.json())[0]) == (401, "UNAUTHORIZED")
