"""What a v0.1 request may hold, and how a refusal names what is wrong."""

from typing import Any

import pytest

from switchboard.errors import InvalidRequest
from switchboard.models import v01
from switchboard.models.messages import Message
from tests.functions.flows import Flow
from tests.support import payloads

UUID = "0d0f3a34-2f0a-4d5c-8d64-0f5d5a3c2b11"
URL = "https://media.example/a.jpg"


def body(channel: str, kind: str = "text", node: Any = "hi", /, **more: Any) -> dict[str, Any]:
    """A message of one content type; `more` is merged into "message", `top` into the root."""
    request: dict[str, Any] = payloads.text(channel) | more.pop("top", {})
    request["message"] = {"content": {"type": kind, kind: node}} | more
    return request


ACCEPTED = {
    "sms": body("sms"),
    "sms at the limit": body("sms", "text", "x" * 3200),
    "sms from a name": payloads.text("sms") | {"from": {"type": "sms", "number": "Acme"}},
    "sms with client_ref": body("sms", top={"client_ref": "x" * 40}),
    "sender with plus": payloads.text("sms") | {"from": {"type": "sms", "number": "+15550001111"}},
    "number with plus": payloads.text("sms") | {"to": {"type": "sms", "number": "+447700900100"}},
    "number as a number": payloads.text("sms") | {"to": {"type": "sms", "number": 447700900100}},
    "unknown fields": body("sms", top={"priority": "high"}, other={"x": 1}),
    "mms image": body("mms", "image", {"url": URL, "caption": "c" * 3000}),
    "mms vcard": body("mms", "vcard", {"url": "https://media.example/a.vcf"}),
    "whatsapp text": body("whatsapp", "text", "x" * 4096),
    "whatsapp image": body("whatsapp", "image", {"url": URL, "caption": "c"}),
    "whatsapp audio": body("whatsapp", "audio", {"url": URL}),
    "whatsapp video": body("whatsapp", "video", {"url": URL}),
    "whatsapp file": body("whatsapp", "file", {"url": URL, "caption": "c"}),
    "whatsapp template, old parameters": body(
        "whatsapp",
        "template",
        {
            "name": "whatsapp:hsm:technology:acme:verify",
            "parameters": [{"default": "Acme"}, {"default": "9"}],
        },
        whatsapp={"policy": "fallback", "locale": "en-GB"},
    ),
    "whatsapp template, new parameters": body("whatsapp", "template", {"name": "a:b", "parameters": ["x"]}),
    "whatsapp custom": body("whatsapp", "custom", {"type": "contacts", "contacts": []}),
    "messenger text": body("messenger", "text", "x" * 2000),
    "messenger image": body("messenger", "image", {"url": URL}),
    "messenger audio": body("messenger", "audio", {"url": URL}),
    "messenger video": body("messenger", "video", {"url": URL}),
    "messenger file": body("messenger", "file", {"url": URL}),
    "messenger custom": body("messenger", "custom", {"text": "hi"}),
    "messenger tagged": body("messenger", messenger={"category": "message_tag", "tag": "HUMAN_AGENT"}),
    "viber text": body("viber_service_msg", "text", "x" * 1000),
    "viber image": body("viber_service_msg", "image", {"url": URL}),
    "viber template": body(
        "viber_service_msg", "template", {"name": "t"}, viber_service_msg={"type": "template"}
    ),
    "viber custom": body("viber_service_msg", "custom", {"a": 1}),
    "viber options": body("viber_service_msg", viber_service_msg={"category": "promotion", "ttl": "259200"}),
}


@pytest.mark.parametrize("request_body", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(request_body: dict[str, Any]) -> None:
    message = v01.message(request_body, UUID)
    # What is stored comes back the same.
    assert Message.model_validate_json(message.model_dump_json(exclude_defaults=True)) == message


def test_plus_is_not_kept() -> None:
    assert v01.message(ACCEPTED["number with plus"], UUID).recipient == "447700900100"


def test_both_parameter_forms_are_one() -> None:
    old = v01.message(ACCEPTED["whatsapp template, old parameters"], UUID).content
    assert old.model_dump()["parameters"] == ("Acme", "9")


REFUSED: dict[str, tuple[Any, set[str]]] = {
    "not an object": ([], {"body"}),
    "null": (None, {"body"}),
    "empty": ({}, {"from", "to", "message"}),
    "unknown channel": (
        payloads.text("sms") | {"from": {"type": "fax", "number": "1"}, "to": {"type": "fax", "number": "1"}},
        {"from.type", "to.type"},
    ),
    "two channels": (payloads.text("sms") | {"to": {"type": "mms", "number": "447700900100"}}, {"to.type"}),
    "no number": (payloads.text("sms") | {"to": {"type": "sms"}}, {"to.number"}),
    "id instead of number": (payloads.text("sms") | {"to": {"type": "sms", "id": "1"}}, {"to.number"}),
    "messenger by number": (
        payloads.text("messenger") | {"to": {"type": "messenger", "number": "447700900100"}},
        {"to.id"},
    ),
    "nothing but two types": (
        {"from": {"type": "whatsapp"}, "to": {"type": "sms"}, "message": {}},
        {"from.number", "to.number", "to.type", "message.content"},
    ),
    "national number": (
        payloads.text("sms") | {"to": {"type": "sms", "number": "07700900100"}},
        {"to.number"},
    ),
    "double zero": (
        payloads.text("sms") | {"to": {"type": "sms", "number": "00447700900100"}},
        {"to.number"},
    ),
    "letters in the number": (payloads.text("sms") | {"to": {"type": "sms", "number": "44x"}}, {"to.number"}),
    "long sender": (payloads.text("sms") | {"from": {"type": "sms", "number": "x" * 51}}, {"from.number"}),
    "no content": (payloads.text("sms") | {"message": {}}, {"message.content"}),
    "no type": (payloads.text("sms") | {"message": {"content": {}}}, {"message.content.type"}),
    "type not of the channel": (body("sms", "image", {"url": URL}), {"message.content.type"}),
    "no text": (
        payloads.text("sms") | {"message": {"content": {"type": "text"}}},
        {"message.content.text"},
    ),
    "empty text": (body("sms", "text", ""), {"message.content.text"}),
    "sms too long": (body("sms", "text", "x" * 3201), {"message.content.text"}),
    "whatsapp too long": (body("whatsapp", "text", "x" * 4097), {"message.content.text"}),
    "messenger too long": (body("messenger", "text", "x" * 2001), {"message.content.text"}),
    "viber too long": (body("viber_service_msg", "text", "x" * 1001), {"message.content.text"}),
    "text is a list": (body("sms", "text", ["x"]), {"message.content.text"}),
    "no url": (body("whatsapp", "image", {}), {"message.content.image.url"}),
    "url of another kind": (body("whatsapp", "image", {"url": "ftp://x"}), {"message.content.image.url"}),
    "long url": (body("whatsapp", "image", {"url": "https://" + "x" * 2000}), {"message.content.image.url"}),
    "long caption": (
        body("whatsapp", "image", {"url": URL, "caption": "c" * 3001}),
        {"message.content.image.caption"},
    ),
    "template without name": (body("whatsapp", "template", {}), {"message.content.template.name"}),
    "empty custom": (body("whatsapp", "custom", {}), {"message.content.custom"}),
    "tag is missing": (body("messenger", messenger={"category": "message_tag"}), {"message.messenger.tag"}),
    "unknown category": (body("messenger", messenger={"category": "x"}), {"message.messenger.category"}),
    "viber ttl": (
        body("viber_service_msg", viber_service_msg={"ttl": 29}),
        {"message.viber_service_msg.ttl"},
    ),
    "long client_ref": (body("sms", top={"client_ref": "x" * 41}), {"client_ref"}),
    "all at once": (
        {
            "from": {"type": "viber_service_msg"},
            "to": {"type": "viber_service_msg", "number": "1"},
            "message": {
                "content": {"type": "text", "text": "x" * 1001},
                "viber_service_msg": {"category": "x", "ttl": 1},
            },
            "client_ref": "",
        },
        {
            "from.id",
            "to.number",
            "message.content.text",
            "message.viber_service_msg.category",
            "message.viber_service_msg.ttl",
            "client_ref",
        },
    ),
}


@pytest.mark.parametrize(("request_body", "faults"), REFUSED.values(), ids=REFUSED)
def test_refused(request_body: Any, faults: set[str]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        v01.message(request_body, UUID)
    assert {fault.name for fault in refusal.value.faults} == faults
    assert all(fault.reason for fault in refusal.value.faults)


def failover(**node: Any) -> dict[str, Any]:
    return {"failover": {"expiry_time": 600, "condition_status": "read"} | node}


SMS = payloads.text("sms")

WORKFLOWS_REFUSED: dict[str, tuple[Any, set[str]]] = {
    "empty": ({}, {"workflow"}),
    "no template": ({"workflow": [SMS]}, {"template"}),
    "other template": ({"template": "x", "workflow": [SMS]}, {"template"}),
    "no workflow": ({"template": "failover"}, {"workflow"}),
    "no steps": ({"template": "failover", "workflow": []}, {"workflow"}),
    "no failover": (payloads.workflow(SMS, SMS), {"workflow[0].failover"}),
    "failover on the last": (payloads.workflow(SMS | failover()), {"workflow[0].failover"}),
    "time too short": (
        payloads.workflow(SMS | failover(expiry_time=0), SMS),
        {"workflow[0].failover.expiry_time"},
    ),
    "time too long": (
        payloads.workflow(SMS | failover(expiry_time=604_801), SMS),
        {"workflow[0].failover.expiry_time"},
    ),
    "time in words": (
        payloads.workflow(SMS | failover(expiry_time="ten"), SMS),
        {"workflow[0].failover.expiry_time"},
    ),
    "other condition": (
        payloads.workflow(SMS | failover(condition_status="submitted"), SMS),
        {"workflow[0].failover.condition_status"},
    ),
    "every step's faults": (
        payloads.workflow(SMS | {"to": {"type": "sms"}} | failover(expiry_time=0), body("sms", "text", "")),
        {"workflow[0].to.number", "workflow[0].failover.expiry_time", "workflow[1].message.content.text"},
    ),
    "step is no object": (payloads.workflow(SMS | failover(), "x"), {"workflow[1]"}),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("request_body", "faults"), WORKFLOWS_REFUSED.values(), ids=WORKFLOWS_REFUSED)
def test_workflow_refused(request_body: Any, faults: set[str]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        v01.workflow(request_body, UUID)
    assert {fault.name for fault in refusal.value.faults} == faults


@pytest.mark.parametrize("seconds", [1, 600, "600", 604_800])
def test_workflow_times(seconds: Any) -> None:
    first, last = v01.workflow(payloads.workflow(SMS | failover(expiry_time=seconds), SMS), UUID)
    assert (first.seconds, first.condition, last.seconds) == (int(seconds), "read", None)
    assert first.message.message_uuid != last.message.message_uuid


def test_refusal_has_the_live_form(flow: Flow) -> None:
    status, answer = flow.cloud.http("send", "POST", "/v0.1/messages", {}, flow.app["bearer"])
    assert status == 400
    assert answer == {
        "type": "https://www.nexmo.com/messages/Errors#InvalidParams",
        "title": "Your request parameters didn't validate.",
        "detail": "Found errors validating 3 of your submitted parameters.",
        "instance": answer["instance"],
        "invalid_parameters": [
            {"name": "from", "reason": "is required"},
            {"name": "to", "reason": "is required"},
            {"name": "message", "reason": "is required"},
        ],
    }


@pytest.mark.parametrize("function", ["send", "dispatch"])
@pytest.mark.parametrize(
    "text",
    ["", "{", "\x00", "[" * 100_000, '{"a": "\\ud800"}', f'"{"x" * 300_000}"'],
    ids=["none", "cut", "nul", "deep", "half a surrogate pair", "huge"],
)
def test_broken_json_is_a_400(flow: Flow, function: str, text: str) -> None:
    path = "/v0.1/messages" if function == "send" else "/v0.1/dispatch"
    status, answer = flow.cloud.http(function, "POST", path, text, flow.app["bearer"])
    assert (status, answer["invalid_parameters"][0]["name"]) == (400, "body")
    assert flow.world.sent == []
