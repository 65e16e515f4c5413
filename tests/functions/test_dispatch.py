"""A dispatch, from request to its one report: the shipped state machine runs in moto."""

import json
import time
from typing import Any

import httpx
import pytest

from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.payloads import NOT_DELIVERED, step


def entries(report: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["channel"], entry["status"]) for entry in report["_links"]["messages"]]


def report(flow: Flow) -> dict[str, Any]:
    """The one report, once everything has settled."""
    flow.until(flow.reports)
    flow.drain()
    [only] = flow.reports()
    return only


def test_first_step_wins(flow: Flow) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 60), step("sms"))
    message = flow.step_message(0)
    flow.viber_receipt(message)
    ended = report(flow)
    assert ended == {
        "dispatch_uuid": uuid,
        "template": "failover",
        "status": "completed",
        "timestamp": ended["timestamp"],
        "usage": {"price": "0.0125", "currency": "EUR"},
        "_links": {
            "messages": [
                {
                    "message_uuid": message,
                    "href": f"v0.1/messages/{message}",
                    "channel": "viber_service_msg",
                    "status": "delivered",
                    "usage": {"price": "0.0125", "currency": "EUR"},
                }
            ]
        },
    }
    for hook in flow.heard(message_uuid=message):
        assert hook["_links"] == {"workflow": {"dispatch_uuid": uuid, "href": f"/workflows/{uuid}"}}
    assert len(flow.world.sent) == 1


def test_time_runs_out(flow: Flow) -> None:
    flow.dispatch(step("viber_service_msg", 3), step("sms"))
    flow.receipt(flow.step_message(1))
    ended = report(flow)
    assert ended["status"] == "completed"
    assert entries(ended) == [("viber_service_msg", "submitted"), ("sms", "delivered")]
    assert ended["usage"] == {"price": "0.0210", "currency": "EUR"}


def test_delivered_is_not_read(flow: Flow) -> None:
    flow.dispatch(step("viber_service_msg", 1, "read"), step("sms"))
    flow.viber_receipt(flow.step_message(0))
    flow.receipt(flow.step_message(1))
    assert entries(report(flow)) == [("viber_service_msg", "delivered"), ("sms", "delivered")]


def test_read_is_delivered(flow: Flow) -> None:
    flow.dispatch(step("viber_service_msg", 60), step("sms"))
    flow.viber_receipt(flow.step_message(0), seen=True)
    assert entries(report(flow)) == [("viber_service_msg", "read")]


def test_undeliverable_fails_over_at_once(flow: Flow) -> None:
    flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    flow.viber_receipt(flow.step_message(0), NOT_DELIVERED)
    flow.receipt(flow.step_message(1))
    assert entries(report(flow)) == [("viber_service_msg", "undeliverable"), ("sms", "delivered")]


def refuses_viber(request: httpx.Request) -> httpx.Response:
    if request.url.host == "ib.example":
        return httpx.Response(400, json={"errorCode": "E400", "description": "no"})
    return payloads.accepts_all(request)


def test_rejected_fails_over_at_once(flow: Flow) -> None:
    flow.world.provider = refuses_viber
    flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    flow.receipt(flow.step_message(1))
    ended = report(flow)
    assert entries(ended) == [("viber_service_msg", "rejected"), ("sms", "delivered")]


def test_last_step_fails(flow: Flow) -> None:
    flow.world.provider = refuses_viber
    flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    flow.receipt(flow.step_message(1), "TEXT_BLOCKED")
    ended = report(flow)
    assert (ended["status"], ended["reason"]) == ("error", "rejected")
    assert entries(ended) == [("viber_service_msg", "rejected"), ("sms", "rejected")]


def test_a_condition_that_cannot_be_met_is_said_so(flow: Flow, caplog: pytest.LogCaptureFixture) -> None:
    uuid = flow.dispatch(step("sms", 600, "read"), step("viber_service_msg", 600, "read"), step("sms"))
    warnings = [vars(record) for record in caplog.records]
    said = [(said["step"], said["channel"]) for said in warnings if said.get("dispatch_uuid") == uuid]
    assert said == [(0, "sms")]


def test_one_step_alone(flow: Flow) -> None:
    flow.dispatch(step("sms"))
    flow.receipt(flow.step_message(0))
    assert entries(report(flow)) == [("sms", "delivered")]


def test_last_step_expires(flow: Flow) -> None:
    flow.cloud.functions["dispatch"].services.dispatching.__dict__["last_step_seconds"] = 1
    flow.dispatch(step("sms"))
    ended = report(flow)
    assert (ended["status"], ended["reason"]) == ("error", "expired")
    assert entries(ended) == [("sms", "submitted")]


def test_a_step_still_queued_when_its_time_is_over_is_not_sent(flow: Flow) -> None:
    flow.dispatch(step("viber_service_msg", 3), step("sms"))
    while _waiting(flow) < 2:  # nobody delivers, until the second step is queued too
        flow.cloud.notify()
        time.sleep(0.05)  # the state machine runs in this process
    flow.receipt(flow.step_message(0))
    assert entries(report(flow)) == [("sms", "delivered")]
    assert [request.url.host for request in flow.world.sent] == ["sms-voice.us-east-1.amazonaws.com"]


def _waiting(flow: Flow) -> int:
    queue = flow.cloud.queues["OutboundQueue"]
    name = "ApproximateNumberOfMessages"
    answer = flow.cloud.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
    return int(answer["Attributes"][name])


def test_a_late_receipt_stops_a_step_that_is_not_sent_yet(flow: Flow) -> None:
    flow.dispatch(step("viber_service_msg", 3), step("sms", 3600), step("sms"))
    first = flow.step_message(0)
    records: list[dict[str, Any]] = []
    while not records:  # the second step, taken out before anybody delivers it
        records = flow.cloud.received("OutboundQueue")
    flow.viber_receipt(first)
    flow.cloud.call("deliver", {"Records": records})
    flow.until(flow.reports)
    ended = flow.reports()[0]
    assert ended["status"] == "completed"
    assert entries(ended) == [("viber_service_msg", "delivered")]
    assert len(flow.world.sent) == 1


def test_a_late_receipt_after_the_next_step_went_out_is_marked(flow: Flow) -> None:
    flow.dispatch(step("viber_service_msg", 3), step("sms", 3600), step("sms"))
    first, second = flow.step_message(0), flow.step_message(1)
    flow.viber_receipt(first)
    flow.receipt(second)
    ended = report(flow)
    late = [entry.get("late", False) for entry in ended["_links"]["messages"]]
    assert (ended["status"], late) == ("completed", [True, False])


def test_a_late_receipt_saves_the_steps_after_the_next(flow: Flow) -> None:
    flow.dispatch(step("viber_service_msg", 3), step("sms", 3600), step("sms"))
    first, second = flow.step_message(0), flow.step_message(1)
    flow.viber_receipt(first)
    flow.receipt(second, "TEXT_BLOCKED")
    ended = report(flow)
    assert ended["status"] == "completed"
    assert entries(ended) == [("viber_service_msg", "delivered"), ("sms", "rejected")]


@pytest.mark.parametrize("receipt_in_between", [False, True])
def test_a_lost_execution_goes_on(flow: Flow, receipt_in_between: bool) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    first = flow.step_message(0)
    execution = flow.cloud.states.list_executions(stateMachineArn=flow.cloud.machine)["executions"][0]
    flow.cloud.states.stop_execution(executionArn=execution["executionArn"])
    if receipt_in_between:
        flow.viber_receipt(first)
    lost = {
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "id": "e",
        "detail": {
            "name": execution["name"],
            "status": "ABORTED",
            "input": json.dumps({"dispatch_uuid": uuid, "step": 0, "waits": [3600, 60]}),
        },
    }
    flow.cloud.call("dispatch", lost)
    flow.cloud.call("dispatch", lost)  # heard twice
    if not receipt_in_between:
        flow.until(lambda: flow.cloud.received("OutboundQueue") == [] and flow.cloud.deliver() == 0)
        flow.viber_receipt(first)
    assert entries(report(flow)) == [("viber_service_msg", "delivered")]
    assert len(flow.world.sent) == 1


def test_an_older_execution_does_not_take_the_message_back(flow: Flow) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 3600), step("sms"))
    old: list[dict[str, Any]] = []
    while not old:
        old = flow.cloud.received("OutboundQueue")
    flow.cloud.call("deliver", {"Records": old})
    execution = flow.cloud.states.list_executions(stateMachineArn=flow.cloud.machine)["executions"][0]
    flow.cloud.states.stop_execution(executionArn=execution["executionArn"])
    flow.cloud.functions["dispatch"].services.dispatching.resume(uuid, lost_execution=uuid)
    new: list[dict[str, Any]] = []
    while not any(record["messageId"] != old[0]["messageId"] for record in new):
        new = flow.cloud.received("OutboundQueue")
    for record in sorted(new, key=lambda record: record["messageId"] == old[0]["messageId"]):
        flow.cloud.call("deliver", {"Records": [record]})  # the old one last
        flow.cloud.sqs.delete_message(
            QueueUrl=flow.cloud.queues["OutboundQueue"], ReceiptHandle=record["receiptHandle"]
        )
    flow.cloud.call("deliver", {"Records": old})
    flow.viber_receipt(flow.step_message(0))
    assert entries(report(flow)) == [("viber_service_msg", "delivered")]


def test_a_dispatch_is_kept_for_as_long_as_it_can_last(flow: Flow) -> None:
    uuid = flow.dispatch(*[step("viber_service_msg", 604_800)] * 5, step("sms"))
    items = flow.cloud.dynamodb.scan(TableName="table")["Items"]
    last = time.time() + 5 * 604_800 + 3 * 86_400
    for item in items:
        if item["pk"]["S"] == f"DISPATCH#{uuid}":
            assert int(item["expires_at"]["N"]) > last + 29 * 86_400


def test_reported_twice_is_one_report(flow: Flow) -> None:
    uuid = flow.dispatch(step("sms"))
    flow.receipt(flow.step_message(0))
    report(flow)
    flow.cloud.sqs.send_message(
        QueueUrl=flow.cloud.queues["WebhooksQueue"],
        MessageBody=json.dumps({"kind": "report", "dispatch_uuid": uuid}),
    )
    flow.drain()
    assert len(flow.reports()) == 1


def test_steps_overtaken_by_a_redelivery_are_not_sent_again(flow: Flow) -> None:
    """The Outbound queue delivers everything twice."""
    flow.dispatch(step("viber_service_msg", 3), step("sms"))
    seen: list[dict[str, Any]] = []
    while len(flow.world.sent) < 2:
        records = flow.cloud.received("OutboundQueue")
        for record in records:
            flow.cloud.call("deliver", {"Records": [record]})
            flow.cloud.call("deliver", {"Records": [record]})
            seen.append(record)
            flow.cloud.sqs.delete_message(
                QueueUrl=flow.cloud.queues["OutboundQueue"], ReceiptHandle=record["receiptHandle"]
            )
    for record in seen:
        flow.cloud.call("deliver", {"Records": [record]})
    assert len(flow.world.sent) == 2
