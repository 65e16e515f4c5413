"""The `submitted` webhooks of a batch go into few calls, and each message fares as if it were alone."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from switchboard import gathering
from tests.functions.flows import Flow
from tests.support import payloads

PUTS = ("SendMessage", "SendMessageBatch")
Call = Callable[[], Any]
Fault = Callable[[str, dict[str, Any], Call], Any]
"""What becomes of a call that puts something: its operation, its parameters, and the call itself."""


class Sqs:
    """Counts puts, and spoils them."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.fault: Fault = lambda operation, parameters, call: call()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        real = BaseClient._make_api_call

        def make_call(client: Any, operation: str, parameters: Any) -> Any:
            if operation not in PUTS:
                return real(client, operation, parameters)
            self.calls[operation] += 1
            return self.fault(operation, parameters, lambda: real(client, operation, parameters))

        patch.setattr(BaseClient, "_make_api_call", make_call)


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Sqs:
    """From the moment on that `batch` lets the function run."""
    monkeypatch.setattr(gathering, "HOLD", 30.0)  # whatever the machine is busy with
    return Sqs()


def batch(flow: Flow, monkeypatch: pytest.MonkeyPatch, sqs: Sqs, count: int = 10) -> tuple[list[str], int]:
    """So many messages through `deliver` at once. Their uuids, and how many records failed."""
    uuids = [flow.send(payloads.text("viber_service_msg")) for _ in range(count)]
    records = flow.cloud.received("OutboundQueue")
    assert len(records) == count
    with monkeypatch.context() as patch:
        sqs.install(patch)
        failed = flow.cloud.call("deliver", {"Records": records})["batchItemFailures"]
    return uuids, len(failed)


def status(flow: Flow, uuid: str) -> str:
    key = {"pk": {"S": f"MESSAGE#{uuid}"}, "sk": {"S": "MESSAGE"}}
    item = flow.cloud.dynamodb.get_item(TableName="table", Key=key, ConsistentRead=True)["Item"]
    return str(item["status"]["S"])


def queued(parameters: dict[str, Any]) -> list[str]:
    """The messages that a put tells of."""
    bodies = [entry["MessageBody"] for entry in parameters.get("Entries", [parameters])]
    return [json.loads(body)["message_uuid"] for body in bodies]


def test_one_call_for_ten(flow: Flow, sqs: Sqs, monkeypatch: pytest.MonkeyPatch) -> None:
    early: list[str] = []

    def look(operation: str, parameters: dict[str, Any], call: Call) -> Any:
        early.extend(uuid for uuid in queued(parameters) if status(flow, uuid) != "accepted")
        return call()

    sqs.fault = look
    uuids, failed = batch(flow, monkeypatch, sqs)
    assert sqs.calls == {"SendMessageBatch": 1}
    assert early == []  # the webhook is queued before the status is written
    assert failed == 0
    flow.until(lambda: len(flow.world.webhooks) >= 10)
    flow.drain()
    assert sorted(hook["message_uuid"] for hook in flow.world.webhooks) == sorted(uuids)
    assert {hook["status"] for hook in flow.world.webhooks} == {"submitted"}


def test_both_ways_go_together(flow: Flow, sqs: Sqs, monkeypatch: pytest.MonkeyPatch) -> None:
    flow.cloud.publish()
    flow.cloud.listen()
    _, failed = batch(flow, monkeypatch, sqs, 5)
    assert (dict(sqs.calls), failed) == ({"SendMessageBatch": 1}, 0)
    flow.until(lambda: len(flow.world.webhooks) >= 5)
    flow.drain()
    assert len(flow.cloud.events()) == 5


def _throttled() -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "later"}}, "SendMessageBatch")


def refused(operation: str, parameters: dict[str, Any], call: Call) -> Any:
    if operation == "SendMessageBatch":
        raise _throttled()
    return call()


def no_answer(operation: str, parameters: dict[str, Any], call: Call) -> Any:
    """It took effect all the same."""
    result = call()
    if operation == "SendMessageBatch":
        raise _throttled()
    return result


def partly(operation: str, parameters: dict[str, Any], call: Call) -> Any:
    """SQS takes the first four."""
    if operation == "SendMessage":
        return call()
    rest = parameters["Entries"][4:]
    del parameters["Entries"][4:]
    failures = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in rest]
    return call() | {"Failed": failures}


ANEW: dict[str, tuple[Fault, int]] = {
    "refused": (refused, 10),
    "no answer": (no_answer, 10),
    "partly": (partly, 6),
}


@pytest.mark.parametrize(("fault", "alone"), ANEW.values(), ids=ANEW)
def test_what_the_queue_is_not_known_to_have_is_put_once_more(
    flow: Flow, sqs: Sqs, monkeypatch: pytest.MonkeyPatch, fault: Fault, alone: int
) -> None:
    sqs.fault = fault
    uuids, failed = batch(flow, monkeypatch, sqs)
    assert (dict(sqs.calls), failed) == ({"SendMessageBatch": 1, "SendMessage": alone}, 0)
    assert {status(flow, uuid) for uuid in uuids} == {"submitted"}
    flow.until(lambda: {hook["message_uuid"] for hook in flow.world.webhooks} == set(uuids))
    flow.drain()
    assert {tuple(flow.statuses(uuid)) for uuid in uuids} <= {("submitted",), ("submitted", "submitted")}


def test_a_failure_is_nobodys_but_its_own(flow: Flow, sqs: Sqs, monkeypatch: pytest.MonkeyPatch) -> None:
    unlucky: list[str] = []

    def fault(operation: str, parameters: dict[str, Any], call: Call) -> Any:
        if operation == "SendMessageBatch":
            unlucky.extend(queued(parameters)[4:6])
            return partly(operation, parameters, call)
        if queued(parameters)[0] in unlucky:
            raise _throttled()
        return call()

    sqs.fault = fault
    uuids, failed = batch(flow, monkeypatch, sqs)
    assert failed == 2
    assert {uuid for uuid in uuids if status(flow, uuid) == "accepted"} == set(unlucky)  # not written either
    flow.until(lambda: len({hook["message_uuid"] for hook in flow.world.webhooks}) >= 8)
    assert not set(unlucky) & {hook["message_uuid"] for hook in flow.world.webhooks}


def test_those_that_have_nothing_to_say_are_not_waited_for(
    flow: Flow, sqs: Sqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of them are put off: their provider is down."""
    turns = iter(range(10))

    def provider(request: httpx.Request) -> httpx.Response:
        return httpx.Response(503) if next(turns) % 2 else payloads.accepts_all(request)

    flow.world.provider = provider
    begun = time.monotonic()
    uuids, failed = batch(flow, monkeypatch, sqs)
    assert time.monotonic() - begun < gathering.HOLD
    assert failed == 5
    assert Counter(status(flow, uuid) for uuid in uuids) == {"submitted": 5, "accepted": 5}


def test_nobody_waits_long_for_a_slow_one(flow: Flow, sqs: Sqs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine are written down while the tenth is still with its provider."""
    monkeypatch.setattr(gathering, "HOLD", 0.05)
    first = threading.Lock()
    seen: list[int] = []

    def provider(request: httpx.Request) -> httpx.Response:
        if first.acquire(blocking=False):
            end = time.monotonic() + 20
            while len(seen) < 1 and time.monotonic() < end:
                out = sum(status(flow, uuid) == "submitted" for uuid in uuids)
                seen.extend([out] * (out == 9))
                time.sleep(0.01)
        return payloads.accepts_all(request)

    uuids: list[str] = []
    send = flow.send

    def noted(body: dict[str, Any]) -> str:
        uuids.append(send(body))
        return uuids[-1]

    monkeypatch.setattr(flow, "send", noted)
    flow.world.provider = provider
    _, failed = batch(flow, monkeypatch, sqs)
    assert (seen, failed) == ([9], 0)
    assert {status(flow, uuid) for uuid in uuids} == {"submitted"}


def test_a_receipt_alone_waits_for_nobody(flow: Flow, sqs: Sqs, monkeypatch: pytest.MonkeyPatch) -> None:
    [uuid], _ = batch(flow, monkeypatch, sqs, 1)
    begun = time.monotonic()
    flow.viber_receipt(uuid)
    assert time.monotonic() - begun < gathering.HOLD
    assert sqs.calls == {"SendMessage": 1}
