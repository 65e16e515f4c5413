"""Messages and dispatches by the bus and the Ingest queue: started as by HTTP, or refused for all to see."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.cloud import Cloud

Body = dict[str, Any]
FLAT = {
    "channel": "sms",
    "message_type": "text",
    "text": "hello",
    "from": "15550001111",
    "to": "447700900100",
}
WORKFLOW = payloads.workflow(payloads.step("messenger", 600, "read"), payloads.step("sms"))


def event(detail_type: str, detail: Any, **more: Any) -> Body:
    """As EventBridge hands it to a function, and as a rule puts it into a queue."""
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": detail_type,
        "source": "shop.orders",
        "account": "123456789012",
        "time": "2026-11-23T10:15:28Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    } | more


def by_bus(cloud: Cloud, detail_type: str, detail: Any) -> str:
    """Hands an event to the function whose rule it fits. Returns the id that it gives to what it starts."""
    given = event(detail_type, detail)
    cloud.call("send" if detail_type == "Send Message" else "dispatch", given)
    return str(given["id"])


def by_envelope(cloud: Cloud, detail_type: str, detail: Any) -> str:
    given = event(detail_type, detail)
    put(cloud, json.dumps(given))
    cloud.handle("IngestQueue", "ingest")
    return str(given["id"])


def by_bare_body(cloud: Cloud, detail_type: str, detail: Any) -> str:
    uuid = put(cloud, json.dumps(detail))
    cloud.handle("IngestQueue", "ingest")
    return uuid


WAYS = {"bus": by_bus, "envelope": by_envelope, "bare": by_bare_body}


def put(cloud: Cloud, text: str) -> str:
    """Into the Ingest queue. Returns the id of the SQS message."""
    answer = cloud.sqs.send_message(QueueUrl=cloud.queues["IngestQueue"], MessageBody=text)
    return str(answer["MessageId"])


def dead(cloud: Cloud, queue: str) -> list[tuple[str, str]]:
    """What lies in a dead-letter queue: the reason and the original."""
    return [
        (record["messageAttributes"]["reason"]["stringValue"], record["body"])
        for record in cloud.taken(queue)
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("body", [payloads.text("sms"), FLAT], ids=["v0.1", "v1"])
def test_a_message_is_sent_for_its_application(flow: Flow, way: str, body: Body) -> None:
    uuid = WAYS[way](flow.cloud, "Send Message", body | {"application_id": flow.app["id"]})
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
    assert len(flow.world.sent) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_dispatch_is_started_for_its_application(flow: Flow, way: str) -> None:
    uuid = WAYS[way](flow.cloud, "Start Dispatch", WORKFLOW | {"application_id": flow.app["id"]})
    flow.until(lambda: flow.heard(status="submitted"))
    [heard] = flow.heard(status="submitted")
    assert heard["_links"]["workflow"]["dispatch_uuid"] == uuid


@pytest.mark.parametrize("way", WAYS)
def test_a_v1_message_with_a_failover_is_a_dispatch(flow: Flow, way: str) -> None:
    body = FLAT | {"failover": [FLAT | {"to": "447700900101"}], "application_id": flow.app["id"]}
    uuid = WAYS[way](flow.cloud, "Send Message", body)
    flow.until(lambda: flow.world.webhooks)
    dispatch = flow.cloud.functions["dispatch"].services.store.dispatch(uuid)
    assert dispatch is not None
    assert len(dispatch.waits) == 2


def test_without_an_application_the_account_sends(flow: Flow) -> None:
    uuid = by_envelope(flow.cloud, "Send Message", payloads.text("sms"))
    status, shown = flow.cloud.http("send", "GET", f"/v0.1/messages/{uuid}", headers=payloads.basic())
    assert (status, shown["message_uuid"]) == (200, uuid)
    assert flow.cloud.http("send", "GET", f"/v0.1/messages/{uuid}", headers=flow.app["bearer"])[0] == 404


@pytest.mark.parametrize(
    ("kind", "body"), [("Send Message", payloads.text("sms")), ("Start Dispatch", WORKFLOW)]
)
def test_what_comes_twice_is_started_once(flow: Flow, kind: str, body: Body) -> None:
    """By both entrances, as when a rule copies to the queue what the bus' own rule takes."""
    given = event(kind, body | {"application_id": flow.app["id"]})
    for _ in range(2):
        flow.cloud.call("send" if kind == "Send Message" else "dispatch", given)
        put(flow.cloud, json.dumps(given))
    flow.until(lambda: flow.heard(status="submitted"))
    flow.drain()
    assert len(flow.world.sent) == 1


REFUSALS: dict[str, tuple[str, Any, list[str]]] = {
    "no recipient": ("Send Message", payloads.text("sms") | {"to": {"type": "sms"}}, ["to.number"]),
    "no recipient in v1": ("Send Message", {name: FLAT[name] for name in FLAT if name != "to"}, ["to"]),
    "no object": ("Send Message", ["447700900100"], ["body"]),
    "unknown application": (
        "Send Message",
        payloads.text("sms") | {"application_id": "78d335fa-323d-0114-9c3d-d6f0d48968cf"},
        ["application_id"],
    ),
    "no application's id": ("Send Message", payloads.text("sms") | {"application_id": 7}, ["application_id"]),
    "no steps": ("Start Dispatch", payloads.workflow(), ["workflow"]),
    "steps": (
        "Start Dispatch",
        payloads.workflow(payloads.text("sms"), payloads.text("sms") | {"to": {"type": "sms"}}),
        ["workflow[0].failover", "workflow[1].to.number"],
    ),
}


UNREADABLE: dict[str, tuple[str, Any, list[str]]] = {
    "half a character": ("Send Message", payloads.text("sms", "\ud83d"), ["body"]),
    "too long": ("Send Message", payloads.text("sms") | {"padding": "x" * 262_144}, ["body"]),
}
"""In an envelope these hide its id too."""


@pytest.mark.parametrize(
    ("way", "kind", "body", "names"),
    [pytest.param(way, *case, id=f"{name}-{way}") for way in WAYS for name, case in REFUSALS.items()]
    + [
        pytest.param(way, *case, id=f"{name}-{way}")
        for way in ("bus", "bare")
        for name, case in UNREADABLE.items()
    ],
)
def test_a_refusal_is_told_and_kept(flow: Flow, way: str, kind: str, body: Any, names: list[str]) -> None:
    flow.cloud.listen()
    uuid = WAYS[way](flow.cloud, kind, body)
    [told] = flow.cloud.events()
    assert (told["source"], told["detail-type"]) == (
        "switchboard",
        "Message Refused" if kind == "Send Message" else "Dispatch Refused",
    )
    detail = told["detail"]
    assert set(detail) == {"id", "application_id", "title", "detail", "invalid_parameters"}
    assert detail["id"] == uuid
    assert [fault["name"] for fault in detail["invalid_parameters"]] == names
    assert all(fault["reason"] for fault in detail["invalid_parameters"])

    [(reason, original)] = dead(flow.cloud, "EventsDlq" if way == "bus" else "IngestDlq")
    assert reason.startswith(f"{names[0]} ")
    kept = json.loads(original)
    assert (kept if way == "bare" else kept["detail"]) == body
    assert flow.cloud.waiting("IngestQueue") == 0
    flow.drain()
    assert flow.world.sent == []


def test_a_refusal_quotes_nothing(flow: Flow) -> None:
    flow.cloud.listen()
    body = payloads.text("sms", "secret text" * 1000) | {"client_ref": "secret ref" * 100}
    by_envelope(flow.cloud, "Send Message", body | {"to": {"type": "sms", "number": "secret number"}})
    [told] = flow.cloud.events()
    assert len(told["detail"]["invalid_parameters"]) == 3
    assert "secret" not in json.dumps(told)
    [(reason, _)] = dead(flow.cloud, "IngestDlq")
    assert "secret" not in reason


MALFORMED: dict[str, tuple[str, list[str]]] = {
    "no JSON": ("hello", ["body"]),
    "no number": ('{"to": NaN}', ["body"]),
    "endless depth": ("[" * 100_000, ["body"]),
    "half a character": (json.dumps(event("Send Message", payloads.text("sms", "\ud83d"))), ["body"]),
    "too long": (json.dumps(event("Send Message", {"padding": "x" * 262_144})), ["body"]),
    "unknown type": (json.dumps(event("Cancel Message", {})), ["detail-type"]),
    "no type": (json.dumps(event("x", {}) | {"detail-type": {}}), ["detail-type"]),
    "id that is none": (json.dumps(event("Send Message", payloads.text("sms"), id="order-7")), ["id"]),
    "no detail": (json.dumps({"detail-type": "Send Message"}), ["body"]),
}


@pytest.mark.parametrize(("text", "names"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_request_is_refused_too(flow: Flow, text: str, names: list[str]) -> None:
    flow.cloud.listen()
    uuid = put(flow.cloud, text)
    assert flow.cloud.handle("IngestQueue", "ingest") == 1
    [told] = flow.cloud.events()
    assert told["detail-type"] == "Message Refused"
    assert [fault["name"] for fault in told["detail"]["invalid_parameters"]] == names
    # What is in it is read only if all of it can be.
    own = json.loads(text)["id"] if names == ["detail-type"] else uuid
    assert told["detail"]["id"] == own
    [(_, original)] = dead(flow.cloud, "IngestDlq")
    assert original == text


def test_an_envelope_without_an_id_is_named_by_its_record(flow: Flow) -> None:
    detail = payloads.text("sms") | {"application_id": flow.app["id"]}
    uuid = put(flow.cloud, json.dumps({"detail-type": "Send Message", "detail": detail}))
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]


def test_thousands_of_faults_fit_into_an_event(flow: Flow) -> None:
    flow.cloud.listen()
    by_envelope(flow.cloud, "Start Dispatch", {"template": "failover", "workflow": [{}] * 20_000})
    [told] = flow.cloud.events()
    assert len(told["detail"]["invalid_parameters"]) == 100
    assert len(json.dumps(told)) < 65_536
    [(reason, _)] = dead(flow.cloud, "IngestDlq")
    assert len(reason) <= 1000


def test_one_bad_record_does_not_hold_up_the_others(flow: Flow) -> None:
    flow.cloud.listen()
    good = json.dumps(payloads.text("sms") | {"application_id": flow.app["id"]})
    uuids = [put(flow.cloud, text) for text in (good, "bad", good)]
    assert flow.cloud.handle("IngestQueue", "ingest") == 3
    flow.drain()
    assert [flow.statuses(uuid) for uuid in uuids] == [["submitted"], [], ["submitted"]]
    assert len(flow.cloud.events()) == 1


@pytest.mark.parametrize("way", WAYS)
def test_trouble_of_ours_is_no_refusal(flow: Flow, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record stays in its queue, and the event is for Lambda to try again."""
    function = flow.cloud.functions["send" if way == "bus" else "ingest"]
    monkeypatch.setattr(type(function.services.store), "add_message", _broken)
    body = payloads.text("sms")
    if way == "bus":
        with pytest.raises(ConnectionError):
            by_bus(flow.cloud, "Send Message", body)
    else:
        WAYS[way](flow.cloud, "Send Message", body)
        assert flow.cloud.waiting("IngestQueue") == 1
    assert flow.cloud.waiting("EventsDlq") == flow.cloud.waiting("IngestDlq") == 0


def _broken(*_: Any) -> None:
    raise ConnectionError
