"""What webhooks tell goes out on the bus too, where that is switched on: once, whatever becomes of them."""

import json
from collections import Counter
from typing import Any

import boto3
import httpx
import pytest
from botocore.client import BaseClient

from switchboard import notifying
from tests.functions.flows import Flow
from tests.functions.test_intake import FLAT
from tests.functions.test_media import PNG, fetched, file, graph, writes
from tests.support import payloads
from tests.support.cloud import Cloud

Body = dict[str, Any]


@pytest.fixture
def heard(flow: Flow) -> Flow:
    """A flow whose events go out."""
    flow.cloud.listen()
    flow.cloud.publish()
    return flow


def person_writes(cloud: Cloud, text: str) -> None:
    message = {
        "originationNumber": "+447700900100",
        "destinationNumber": "+15550001111",
        "messageBody": text,
        "inboundMessageId": text,
    }
    cloud.call("inbound", payloads.sns(message))


def about(event: Body, what: str) -> list[str]:
    return [name.removeprefix(f"{what}/") for name in event["resources"] if name.startswith(f"{what}/")]


def test_statuses(heard: Flow) -> None:
    uuid = heard.send(payloads.text("sms"))
    heard.drain()
    heard.receipt(uuid)
    heard.drain()
    events = heard.cloud.events()
    assert [event["source"] for event in events] == ["switchboard"] * 2
    assert [event["detail-type"] for event in events] == ["Message Status"] * 2
    assert [event["detail"] for event in events] == heard.heard(message_uuid=uuid)
    assert [about(event, "event") for event in events] == [[f"{uuid}:submitted"], [f"{uuid}:delivered"]]
    assert [about(event, "application") for event in events] == [[heard.app["id"]]] * 2


def send_v1(flow: Flow, body: Body) -> Body:
    status, answer = flow.cloud.http("send", "POST", "/v1/messages", body, flow.app["bearer"])
    assert status == 202
    sent: Body = answer
    return sent


def test_statuses_have_the_version_of_their_webhook(heard: Flow) -> None:
    uuid = send_v1(heard, FLAT)["message_uuid"]
    heard.drain()
    [event] = heard.cloud.events()
    assert (event["detail"]["message_uuid"], event["detail"]["channel"]) == (uuid, "sms")
    assert [event["detail"]] == heard.heard(message_uuid=uuid)


def test_a_failover_without_a_report_has_none_here_either(heard: Flow) -> None:
    uuid = send_v1(heard, FLAT | {"failover": [FLAT]})["message_uuid"]
    heard.until(lambda: heard.heard(message_uuid=uuid))
    heard.receipt(uuid)
    heard.until(lambda: heard.heard(message_uuid=uuid, status="delivered"))
    dispatch = heard.cloud.functions["dispatch"].services.store
    heard.until(lambda: dispatch.dispatch(heard.world.webhooks[0]["workflow"]["id"]).closed_by)
    heard.drain()
    assert {event["detail-type"] for event in heard.cloud.events()} == {"Message Status"}


def test_statuses_that_one_receipt_brings(heard: Flow) -> None:
    uuid = heard.send(payloads.text("viber_service_msg"))
    heard.drain()
    heard.viber_receipt(uuid, seen=True)
    heard.drain()
    assert [event["detail"]["status"] for event in heard.cloud.events()] == ["submitted", "delivered", "read"]


def test_an_inbound_message(heard: Flow) -> None:
    person_writes(heard.cloud, "When?")
    heard.drain()
    [event] = heard.cloud.events()
    [body] = heard.world.webhooks
    assert (event["detail-type"], event["detail"]) == ("Inbound Message", body)
    assert body["message"]["content"]["text"] == "When?"


def test_media_is_fetched_once_and_then_told(heard: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry of the bus waits for that of the webhook, whichever comes first."""
    monkeypatch.setattr(notifying, "FIRST_PAUSE", 0)
    heard.world.provider = graph(file(PNG))
    writes(heard)
    records = sorted(heard.cloud.received("WebhooksQueue"), key=lambda record: '"webhook"' in record["body"])
    assert [json.loads(record["body"])["via"] for record in records] == ["bus", "webhook"]
    for record in records:
        heard.cloud.call("notify", {"Records": [record]})
    assert heard.cloud.events() == []
    heard.drain()
    [event] = heard.cloud.events()
    body = heard.world.webhooks[0]
    assert event["detail"] == body
    assert body["message"]["content"]["image"]["url"].endswith(f"/v0.1/media/{body['message_uuid']}")
    assert fetched(heard) == 1


def test_a_report(heard: Flow) -> None:
    uuid = heard.dispatch(payloads.step("sms"))
    heard.until(lambda: heard.world.webhooks)
    heard.receipt(heard.world.webhooks[0]["message_uuid"])
    heard.until(lambda: heard.reports())
    heard.drain()
    [event] = [event for event in heard.cloud.events() if event["detail-type"] == "Dispatch Report"]
    [report] = heard.reports()
    assert event["detail"] == report
    assert report["dispatch_uuid"] == uuid
    assert about(event, "event") == [f"{uuid}:report"]


def test_a_dead_webhook_neither_delays_nor_repeats_an_event(
    heard: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "FIRST_PAUSE", 0)
    calls = []

    def client(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(200 if len(calls) > 5 else 503)

    heard.world.client = client
    heard.dispatch(payloads.step("sms"))
    heard.until(lambda: calls)
    assert [event["detail"]["status"] for event in heard.cloud.events()] == ["submitted"]
    heard.until(lambda: heard.world.webhooks)
    heard.receipt(heard.world.webhooks[0]["message_uuid"])
    calls.clear()
    heard.until(lambda: heard.reports())
    heard.drain()
    kinds = Counter(event["detail-type"] for event in heard.cloud.events())
    assert kinds == {"Message Status": 1, "Dispatch Report": 1}
    assert len(calls) > 5


def test_without_a_webhook(heard: Flow) -> None:
    status, answer = heard.cloud.http(
        "send", "POST", "/v0.1/messages", payloads.text("sms"), payloads.basic()
    )
    assert status == 202
    heard.drain()
    [event] = heard.cloud.events()
    assert event["detail"]["message_uuid"] == answer["message_uuid"]
    assert about(event, "application") == []
    assert heard.world.webhooks == []


def test_what_the_bus_does_not_take_is_tried_again(heard: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """PutEvents answers 200 all the same."""
    monkeypatch.setattr(notifying, "FIRST_PAUSE", 0)
    answers = ["ThrottlingException", "InternalFailure"]
    call = BaseClient._make_api_call

    def make_call(client: Any, operation: str, parameters: Any) -> Any:
        if operation == "PutEvents" and answers:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": answers.pop()}]}
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", make_call)
    uuid = heard.send(payloads.text("sms"))
    heard.drain()
    assert answers == []
    assert [event["detail"]["message_uuid"] for event in heard.cloud.events()] == [uuid]
    assert heard.statuses(uuid) == ["submitted"]


def test_many_statuses_at_once(heard: Flow) -> None:
    """A callback of more receipts than entries fit into one call, now that each has two."""
    uuids = [heard.send(payloads.text("viber_service_msg")) for _ in range(7)]
    heard.drain()
    assert len(heard.cloud.events()) == 7
    for uuid in uuids:
        heard.viber_receipt(uuid)
    heard.drain()
    events = heard.cloud.events()
    assert {event["detail"]["message_uuid"] for event in events} == set(uuids)
    assert {event["detail"]["status"] for event in events} == {"delivered"}
    assert len(events) == 7


def test_each_status_costs_one_put_and_no_more_calls_to_sqs(
    heard: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()
    call = BaseClient._make_api_call

    def make_call(client: Any, operation: str, parameters: Any) -> Any:
        calls[operation] += 1
        return call(client, operation, parameters)

    uuid = heard.send(payloads.text("sms"))
    monkeypatch.setattr(BaseClient, "_make_api_call", make_call)
    [record] = heard.cloud.received("OutboundQueue")
    heard.cloud.call("deliver", {"Records": [record]})
    assert (calls["SendMessage"], calls["SendMessageBatch"]) == (0, 1)
    records = heard.cloud.received("WebhooksQueue")
    assert {json.loads(record["body"])["via"] for record in records} == {"webhook", "bus"}
    heard.cloud.call("notify", {"Records": records})
    assert calls["PutEvents"] == 1
    assert heard.statuses(uuid) == ["submitted"]


def test_nothing_of_it_is_done_while_it_is_off(flow: Flow) -> None:
    flow.cloud.listen()
    uuid = flow.send(payloads.text("sms"))
    [record] = flow.cloud.received("OutboundQueue")
    flow.cloud.call("deliver", {"Records": [record]})
    assert flow.cloud.waiting("WebhooksQueue") == 1
    flow.drain()
    person_writes(flow.cloud, "When?")
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
    assert flow.cloud.events() == []


def test_entries_from_before_the_switch_are_still_taken(flow: Flow) -> None:
    """Those of an older release have no way beside them."""
    uuid = flow.send(payloads.text("sms"))
    flow.cloud.deliver()
    [record] = flow.cloud.taken("WebhooksQueue")
    news = json.loads(record["body"])
    del news["via"]
    flow.cloud.listen()
    flow.cloud.publish()
    boto3.client("sqs").send_message(
        QueueUrl=flow.cloud.queues["WebhooksQueue"], MessageBody=json.dumps(news)
    )
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
