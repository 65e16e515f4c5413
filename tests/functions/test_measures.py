"""Metrics and the ids of log lines: what is counted, how it is written, that it tells nothing of anybody."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import uuid4

import httpx
import pytest

from switchboard import logs, measures, records
from switchboard.queues import Record
from tests.functions.flows import Flow
from tests.support import payloads

NAMESPACE = "Switchboard/test"
Line = dict[str, Any]
BY_NAME = {metric.name: metric for metric in measures.METRICS}


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Line]]:
    """What is written, each line checked as CloudWatch would."""
    found: list[Line] = []
    monkeypatch.setenv("METRICS_NAMESPACE", NAMESPACE)
    monkeypatch.setattr(measures, "write", lambda line: found.append(valid(line)))
    yield found
    measures.flush()  # leave nothing for the next test


def valid(text: str) -> Line:
    """By AWS's specification of the format, and by our own table of metrics."""
    assert "\n" not in text
    line: Line = json.loads(text)
    about = line["_aws"]
    age = datetime.now(UTC) - datetime.fromtimestamp(about["Timestamp"] / 1000, UTC)
    assert abs(age) < timedelta(minutes=1)
    for directive in about["CloudWatchMetrics"]:
        assert directive["Namespace"] == NAMESPACE
        for names in directive["Dimensions"]:
            assert len(names) <= 30
            assert all(isinstance(line[name], str) and line[name] for name in names)
        for metric in directive["Metrics"]:
            known = BY_NAME[metric["Name"]]
            assert metric.get("Unit", "None") == known.unit
            assert [tuple(names) for names in directive["Dimensions"]] == list(known.dimensions)
            values = line[metric["Name"]]
            values = values if isinstance(values, list) else [values]
            assert 0 < len(values) <= 100
            assert all(isinstance(value, (int, float)) and value >= 0 for value in values)
    return line


def values(lines: list[Line], name: str) -> list[float]:
    found: list[float] = []
    for line in lines:
        value = line.get(name, [])
        found += value if isinstance(value, list) else [value]
    return found


# --- how it is written --------------------------------------------------------------------------------


def test_one_line_for_a_batch(lines: list[Line]) -> None:
    for number in range(10):
        measures.count(measures.ACCEPTED, channel="sms")
        measures.count(
            measures.SUBMITTED, 0.5 + number, channel="sms", account="aws/main", message_uuid=f"uuid-{number}"
        )
    measures.flush()
    assert len(lines) == 1
    line = lines[0]
    assert (line["Channel"], line["Provider"]) == ("sms", "aws")
    assert line["Accepted"] == 10
    assert line["Submitted"] == [0.5 + number for number in range(10)]
    assert line["messages"] == {"Submitted": [f"uuid-{number}" for number in range(10)]}
    dimensions = {
        metric["Name"]: directive["Dimensions"]
        for directive in line["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }
    assert dimensions == {"Accepted": [["Channel"]], "Submitted": [["Channel", "Provider"]]}


def test_a_line_for_each_channel_and_provider(lines: list[Line]) -> None:
    for channel, account in (("sms", "aws/a"), ("sms", "twilio/a"), ("whatsapp", "aws/a"), ("sms", "aws/b")):
        measures.count(measures.DELIVERED, 1, channel=channel, account=account)
    measures.count(measures.WEBHOOK_FAILURES)
    measures.flush()
    ways = sorted((line["Channel"], line["Provider"], values([line], "Delivered")) for line in lines)
    assert ways == [("sms", "aws", [1, 1]), ("sms", "twilio", [1]), ("whatsapp", "aws", [1])]
    assert values(lines, "WebhookFailures") == [1]


def test_what_has_no_channel_needs_no_other_line(lines: list[Line]) -> None:
    measures.count(measures.WEBHOOK_FAILURES)
    measures.count(measures.WEBHOOK_FAILURES)
    measures.count(measures.WEBHOOKS_PUT_ASIDE)
    measures.flush()
    assert len(lines) == 1
    assert (lines[0]["WebhookFailures"], lines[0]["WebhooksPutAside"]) == (2, 1)
    assert "Channel" not in lines[0] and "Provider" not in lines[0]


def test_no_provider_is_told_as_such(lines: list[Line]) -> None:
    measures.count(measures.FAILED, 1, channel="sms", code=1120)
    measures.flush()
    assert (lines[0]["Provider"], lines[0]["codes"]) == ("none", [1120])


def test_more_than_a_line_holds(lines: list[Line]) -> None:
    for number in range(250):
        measures.count(
            measures.READ, number, channel="messenger", account="messenger/1", message_uuid=str(number)
        )
    measures.flush()
    assert [len(line["Read"]) for line in lines] == [100, 100, 50]
    assert values(lines, "Read") == list(range(250))
    assert [uuid for line in lines for uuid in line["messages"]["Read"]] == [str(n) for n in range(250)]


def test_nothing_to_tell_is_no_line(lines: list[Line]) -> None:
    measures.flush()
    measures.count(measures.ACCEPTED, channel="sms")
    measures.flush()
    measures.flush()
    assert len(lines) == 1


def test_threads_lose_nothing(lines: list[Line]) -> None:
    with ThreadPoolExecutor(10) as pool:
        for _ in range(2000):
            pool.submit(measures.count, measures.ACCEPTED, channel="sms")
    measures.flush()
    assert values(lines, "Accepted") == [2000]


def test_off_is_off(lines: list[Line], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("METRICS_NAMESPACE")
    measures.count(measures.ACCEPTED, channel="sms")
    measures.flush()
    assert lines == []


def test_a_line_is_written_in_one_piece(capsys: pytest.CaptureFixture[str]) -> None:
    measures.write('{"a":1}')
    assert capsys.readouterr().out == '{"a":1}\n'


# --- what is counted ----------------------------------------------------------------------------------


def test_the_life_of_a_message(flow: Flow, lines: list[Line]) -> None:
    uuid = flow.send(payloads.text("sms"))
    assert lines == [], "taking a message in writes nothing"
    flow.drain()
    assert len(lines) == 1
    submitted = lines.pop()
    assert (submitted["Channel"], submitted["Provider"], submitted["Accepted"]) == ("sms", "aws", 1)
    assert 0 <= submitted["Submitted"] < 60
    assert submitted["FailureRate"] == 0
    assert submitted["messages"] == {"Submitted": [uuid]}
    flow.receipt(uuid)
    flow.receipt(uuid)  # twice told is once counted
    flow.drain()
    assert len(lines) == 1
    delivered = lines.pop()
    assert (delivered["Channel"], delivered["Provider"]) == ("sms", "aws")
    assert delivered["messages"] == {"Delivered": [uuid]}
    assert delivered["Delivered"] >= 0
    assert delivered["Spend"] > 0, "its price, in the account's currency"


def test_a_batch_of_messages_is_one_line(flow: Flow, lines: list[Line]) -> None:
    uuids = {flow.send(payloads.text("sms")) for _ in range(10)}
    flow.drain()
    assert sum(values(lines, "Accepted")) == 10
    told = [uuid for line in lines for uuid in line["messages"]["Submitted"]]
    assert set(told) == uuids and len(told) == 10
    assert len(lines) == 1


def test_a_refused_message(flow: Flow, lines: list[Line]) -> None:
    flow.world.provider = lambda request: httpx.Response(400, json={"__type": "ValidationException"})
    uuid = flow.send(payloads.text("sms"))
    flow.drain()
    assert len(lines) == 1
    line = lines[0]
    assert line["Failed"] >= 0
    assert line["FailureRate"] == 100
    assert line["messages"] == {"Failed": [uuid]}
    assert len(line["codes"]) == 1
    assert "Submitted" not in line


def test_a_step_names_its_dispatch(flow: Flow, lines: list[Line]) -> None:
    dispatch = flow.dispatch(payloads.step("sms", 60), payloads.text("sms"))
    uuid = flow.step_message(0)
    flow.receipt(uuid)
    flow.until(flow.reports)
    assert [line["dispatches"] for line in lines] == [[dispatch], [dispatch]]
    assert [list(line["messages"]) for line in lines] == [["Submitted"], ["Delivered"]]


def test_an_unknown_outcome(flow: Flow, lines: list[Line]) -> None:
    def silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("no answer", request=request)

    flow.world.provider = silent
    uuid = flow.send(payloads.text("sms"))
    flow.cloud.pump(lambda: bool(values(lines, "UnknownOutcomes")), 10)
    line = next(line for line in lines if "UnknownOutcomes" in line)
    assert (line["Channel"], line["Provider"], line["UnknownOutcomes"]) == ("sms", "aws", 1)
    assert line["messages"]["UnknownOutcomes"] == [uuid]


def test_webhooks_that_are_not_taken(flow: Flow, lines: list[Line]) -> None:
    flow.world.client = lambda request: httpx.Response(404)
    flow.send(payloads.text("sms"))
    flow.drain()
    assert values(lines, "WebhookFailures") == [1]
    assert values(lines, "WebhooksPutAside") == [1]


def test_a_circuit_that_opens(flow: Flow, lines: list[Line]) -> None:
    flow.world.provider = lambda request: httpx.Response(503)
    flow.send(payloads.text("sms"))
    flow.cloud.pump(lambda: bool(values(lines, "CircuitsOpened")), 10)
    line = next(line for line in lines if "CircuitsOpened" in line)
    assert (line["Channel"], line["Provider"], line["CircuitsOpened"]) == ("sms", "aws", 1)
    directive = next(
        each for each in line["_aws"]["CloudWatchMetrics"] if each["Metrics"][0]["Name"] == "CircuitsOpened"
    )
    assert [] in directive["Dimensions"], "the alarm is on all of them"


def test_a_callback_that_fails_halfway_tells_what_was_done(
    flow: Flow, lines: list[Line], monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = flow.send(payloads.text("sms"))
    flow.drain()
    lines.clear()
    receipt = payloads.sms_receipt(uuid, "TEXT_DELIVERED")
    receipt["Records"].append({"Sns": {}})
    with pytest.raises(KeyError):
        flow.cloud.call("status", receipt)
    assert [line["messages"] for line in lines] == [{"Delivered": [uuid]}]


def test_what_it_costs(flow: Flow, lines: list[Line]) -> None:
    """Bytes, as docs/operation.md has them: a batch of ten, and a receipt."""
    uuids = [flow.send(payloads.text("sms")) for _ in range(10)]
    flow.drain()
    flow.receipt(uuids[0])
    batch, receipt = (len(json.dumps(line, separators=(",", ":"))) for line in lines)
    assert batch <= 1100
    assert receipt <= 350


PROVIDERS_ANSWERS = {"taken": 200, "refused": 400}
CLIENTS_ANSWERS = {"taken": 200, "refused": 404}


@pytest.mark.parametrize("client", CLIENTS_ANSWERS)
@pytest.mark.parametrize("provider", PROVIDERS_ANSWERS)
def test_no_personal_data(flow: Flow, lines: list[Line], provider: str, client: str) -> None:
    if provider == "refused":
        flow.world.provider = lambda request: httpx.Response(400, json={"message": request.content.decode()})
    flow.world.client = lambda request: httpx.Response(CLIENTS_ANSWERS[client])
    body = payloads.text("sms", "a secret text")
    uuid = flow.send(body)
    flow.drain()
    flow.receipt(uuid)
    flow.drain()
    written = json.dumps(lines)
    assert uuid in written
    for secret in (body["to"]["number"], body["from"]["number"], "secret"):
        assert secret not in written.replace(uuid, "")


# --- log lines ----------------------------------------------------------------------------------------

UUID = "5fb1b7cb-d7ba-4d1b-9a5c-5bd2dc9e0c4f"
NAMED = {
    "a message": (f'{{"message_uuid": "{UUID}"}}', {"message_uuid": UUID}),
    "a step": (f'{{"dispatch_uuid": "{UUID}", "step": 1, "task_token": "x"}}', {"dispatch_uuid": UUID}),
    "a redaction": (f'{{"redaction_id": "{UUID}"}}', {"redaction_id": UUID}),
    "no id, but what somebody wrote": ('{"message_uuid": "447700900100"}', {}),
    "one of another type": (f'{{"message_uuid": ["{UUID}"]}}', {}),
    "one with something behind it": (f'{{"message_uuid": "{UUID}\\n447700900100"}}', {}),
    "no object": (f'["{UUID}"]', {}),
    "no JSON": ("hello", {}),
    "too deep": ("[" * 100_000, {}),
}


@pytest.mark.parametrize("name", NAMED)
def test_the_ids_of_a_queue_entry(name: str) -> None:
    body, expected = NAMED[name]
    assert logs.named(body) == expected


def test_each_line_has_its_own_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are worked on side by side."""
    written: list[tuple[str, str]] = []
    monkeypatch.setattr(
        logs.logger,
        "error",
        lambda text, **extra: written.append((extra["record_id"], extra["message_uuid"])),
    )
    uuids = {str(number): str(uuid4()) for number in range(10)}
    event = {
        "Records": [
            {
                "messageId": number,
                "receiptHandle": "r",
                "body": json.dumps({"message_uuid": uuid}),
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1700000000000",
                    "ApproximateFirstReceiveTimestamp": "1700000000000",
                },
            }
            for number, uuid in uuids.items()
        ]
    }
    together = Barrier(10)

    def fail(record: Record) -> None:
        together.wait(5)
        raise RuntimeError(record.body)

    records.work(event, None, fail)
    assert dict(written) == uuids
