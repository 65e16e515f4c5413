"""What becomes of a message whose provider refuses, throttles, fails or does not answer."""

import contextlib
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from switchboard import clock, delivering
from tests.functions.flows import Flow
from tests.support import payloads


class Died(BaseException):
    """The worker is gone."""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "BACKOFF", (0,))


def answers(*replies: Any) -> Callable[[httpx.Request], httpx.Response]:
    """A provider that gives these answers in turn, and takes everything afterwards."""
    waiting: Iterator[Any] = iter(replies)

    def provider(request: httpx.Request) -> httpx.Response:
        reply = next(waiting, None)
        if isinstance(reply, httpx.Response):
            return reply
        if reply is not None:
            raise reply("as the test wants it")
        return payloads.accepts_all(request)

    return provider


def throttled() -> httpx.Response:
    return httpx.Response(429, json={"error": {"code": 130429}}, headers={"retry-after": "0"})


def down() -> httpx.Response:
    return httpx.Response(503, json={"error": {"code": 2, "is_transient": True}})


RETRIED: dict[str, list[Any]] = {
    "throttled twice": [throttled(), throttled()],
    "down three times": [down(), down(), down()],
    "never reached": [httpx.ConnectError, httpx.ConnectTimeout],
}


@pytest.mark.parametrize("replies", RETRIED.values(), ids=RETRIED)
def test_tried_again(flow: Flow, replies: list[Any]) -> None:
    flow.world.provider = answers(*replies)
    uuid = flow.send(payloads.text("whatsapp"))
    flow.until(lambda: flow.statuses(uuid))
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
    assert len(flow.world.sent) == len(replies) + 1


REFUSED: dict[str, tuple[httpx.Response, str]] = {
    "bad request": (httpx.Response(400, json={"error": {"code": 100}}), "rejected"),
    "our token is wrong": (httpx.Response(401, json={"error": {"code": 190}}), "rejected"),
    "not on whatsapp": (httpx.Response(400, json={"error": {"code": 131026}}), "undeliverable"),
}


@pytest.mark.parametrize(("reply", "status"), REFUSED.values(), ids=REFUSED)
def test_refused_at_once(flow: Flow, reply: httpx.Response, status: str) -> None:
    flow.world.provider = answers(reply)
    uuid = flow.send(payloads.text("whatsapp"))
    flow.until(lambda: flow.statuses(uuid))
    flow.drain()
    [heard] = flow.heard(message_uuid=uuid)
    assert heard["status"] == status
    assert heard["error"]["code"] and heard["error"]["reason"]
    assert len(flow.world.sent) == 1


def test_gives_up_in_the_end(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "RETRY_SECONDS", 1)
    flow.world.provider = lambda request: down()
    uuid = flow.send(payloads.text("whatsapp"))
    flow.until(lambda: flow.statuses(uuid))
    assert flow.statuses(uuid) == ["undeliverable"]


def test_no_answer_is_not_sent_again_before_an_echo_had_time(flow: Flow) -> None:
    flow.world.provider = answers(httpx.ReadTimeout)
    uuid = flow.send(payloads.text("sms"))
    assert flow.cloud.deliver() == 0
    record = flow.cloud.sqs.get_queue_attributes(
        QueueUrl=flow.cloud.queues["OutboundQueue"], AttributeNames=["All"]
    )["Attributes"]
    assert record["ApproximateNumberOfMessagesNotVisible"] == "1"  # put off, not lost
    flow.receipt(uuid)  # the echo: it had arrived
    flow.drain()
    assert flow.statuses(uuid) == ["submitted", "delivered"]
    assert len(flow.world.sent) == 1


POLICIES: dict[str, tuple[dict[str, str], str, int, str]] = {
    "by default": ({}, "undeliverable", 1, "failed"),
    "resend": ({"on_unknown": "resend"}, "submitted", 2, "resent"),
    "fail": ({"on_unknown": "fail"}, "undeliverable", 1, "failed"),
}


@pytest.mark.parametrize(("more", "status", "sent", "decision"), POLICIES.values(), ids=POLICIES)
def test_no_answer_and_no_echo(
    flow: Flow,
    more: dict[str, str],
    status: str,
    sent: int,
    decision: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivering, "LEASE_SECONDS", 0)
    flow.world.provider = answers(httpx.ReadTimeout)
    uuid = flow.send(payloads.text("sms", **more))
    flow.until(lambda: flow.statuses(uuid))
    assert flow.statuses(uuid) == [status]
    assert len(flow.world.sent) == sent
    _, shown = flow.cloud.http("send", "GET", f"/v0.1/messages/{uuid}", headers=flow.app["bearer"])
    [unknown] = shown["unknown"]
    assert (unknown["account"], unknown["decision"]) == ("aws/default", decision)


@pytest.mark.parametrize("policy", ["wait", "fail"])
@pytest.mark.parametrize("channel", ["sms", "viber_service_msg"])
def test_who_wants_no_double_gets_none(
    flow: Flow, policy: str, channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither after a lost answer nor after a worker's death, whatever the provider recognises."""
    monkeypatch.setattr(delivering, "LEASE_SECONDS", 0)
    for fault in (httpx.ReadTimeout, Died):
        flow.world.sent.clear()
        flow.world.provider = answers(fault)
        uuid = flow.send(payloads.text(channel, on_unknown=policy))
        for _ in range(3):
            with contextlib.suppress(Died):
                flow.cloud.deliver()
            flow.cloud.show_again("OutboundQueue")
        flow.drain()
        assert len(flow.world.sent) == 1
        assert flow.statuses(uuid) == (["undeliverable"] if policy == "fail" else [])
        if policy == "wait":
            later = clock.now() + timedelta(hours=2)
            with monkeypatch.context() as patch:
                patch.setattr(clock, "now", lambda later=later: later)
                flow.cloud.show_again("OutboundQueue")
                flow.drain()
            assert flow.statuses(uuid) == ["undeliverable"]
        assert len(flow.world.sent) == 1


def test_a_worker_that_died_is_stood_in_for(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """It can have died before its call as well as after it."""
    monkeypatch.setattr(delivering, "LEASE_SECONDS", 0)
    flow.world.provider = answers(Died)
    uuid = flow.send(payloads.text("sms"))
    with contextlib.suppress(Died):
        flow.cloud.deliver()
    flow.cloud.show_again("OutboundQueue")
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
    _, shown = flow.cloud.http("send", "GET", f"/v0.1/messages/{uuid}", headers=flow.app["bearer"])
    assert [(one["account"], one["decision"]) for one in shown["unknown"]] == [("", "resent")]


def test_no_answer_from_a_provider_that_knows_repeats(flow: Flow) -> None:
    flow.world.provider = answers(httpx.ReadTimeout)
    uuid = flow.send(payloads.text("viber_service_msg"))
    flow.until(lambda: flow.statuses(uuid))
    assert len(flow.world.sent) == 2
    first, second = (request.read() for request in flow.world.sent)
    assert first == second
    assert uuid.encode() in first


def test_a_provider_that_never_answers_is_given_up(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "LEASE_SECONDS", 0)
    flow.world.provider = answers(*[httpx.ReadTimeout] * 9)
    uuid = flow.send(payloads.text("sms", on_unknown="resend"))
    flow.until(lambda: flow.statuses(uuid))
    assert flow.statuses(uuid) == ["undeliverable"]
    assert len(flow.world.sent) == 3


@pytest.mark.parametrize("retry_after", ["0", "inf", "nan", "-1", "soon"])
def test_a_provider_cannot_ask_for_a_storm(
    flow: Flow, retry_after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "BACKOFF", (0, 0, 7200))
    flow.world.provider = lambda request: httpx.Response(429, headers={"retry-after": retry_after})
    uuid = flow.send(payloads.text("whatsapp"))
    flow.until(lambda: flow.statuses(uuid))
    assert flow.statuses(uuid) == ["undeliverable"]
    assert len(flow.world.sent) == 3


def test_what_the_queue_is_about_to_park_is_reported(flow: Flow) -> None:
    uuid = flow.send(payloads.text("sms"))
    [record] = flow.cloud.received("OutboundQueue")
    record["attributes"]["ApproximateReceiveCount"] = "90"
    flow.cloud.call("deliver", {"Records": [record]})
    flow.drain()
    [heard] = flow.heard(message_uuid=uuid)
    assert (heard["status"], heard["error"]["code"]) == ("undeliverable", 1030)


def test_media_that_takes_longer_than_its_step_is_not_sent(flow: Flow) -> None:
    def provider(request: httpx.Request) -> httpx.Response:
        if request.url.host == "media.example":
            time.sleep(1.2)
            return httpx.Response(200, content=b"GIF89a")
        return payloads.accepts_all(request)

    flow.world.provider = provider
    slow = payloads.step("mms", 1)
    slow["message"]["content"] = {"type": "image", "image": {"url": "https://media.example/a.gif"}}
    flow.dispatch(slow, payloads.step("sms"))
    flow.until(lambda: flow.heard(status="submitted"))
    sent = [request.headers.get("x-amz-target", "") for request in flow.world.sent]
    assert not any("SendMediaMessage" in target for target in sent)


@pytest.mark.parametrize("operation", ["UpdateItem", "PutItem"])
def test_a_write_whose_answer_was_lost(flow: Flow, operation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The AWS client asks again; what it hears the second time is all that we hear."""
    call = BaseClient._make_api_call

    def twice(client: Any, name: str, parameters: Any) -> Any:
        if name == operation:
            with contextlib.suppress(ClientError):
                call(client, name, parameters)
        return call(client, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", twice)
    uuid = flow.send(payloads.text("sms"))
    flow.dispatch(payloads.step("viber_service_msg", 3600), payloads.step("sms"))
    step = flow.step_message(0)
    flow.drain()
    flow.receipt(uuid)
    flow.viber_receipt(step)
    flow.until(flow.reports)
    flow.drain()
    assert flow.statuses(uuid) == flow.statuses(step) == ["submitted", "delivered"]
    assert (len(flow.world.sent), len(flow.reports())) == (2, 1)


def test_two_workers_send_once(flow: Flow) -> None:
    """The queue hands the same record to two workers at a time."""
    uuid = flow.send(payloads.text("sms"))
    [record] = flow.cloud.received("OutboundQueue")

    def provider(request: httpx.Request) -> httpx.Response:
        if len(flow.world.sent) == 1:
            answer = flow.cloud.call("deliver", {"Records": [record]})
            assert answer["batchItemFailures"]  # later
        return payloads.accepts_all(request)

    flow.world.provider = provider
    flow.cloud.call("deliver", {"Records": [record]})
    flow.cloud.call("deliver", {"Records": [record]})
    flow.drain()
    assert len(flow.world.sent) == 1
    assert flow.statuses(uuid) == ["submitted"]


def test_one_bad_record_does_not_hold_up_the_batch(flow: Flow) -> None:
    uuid = flow.send(payloads.text("sms"))
    [good] = flow.cloud.received("OutboundQueue")
    bad = good | {"messageId": "bad", "body": "{"}
    answer = flow.cloud.call("deliver", {"Records": [bad, good]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]


def test_no_account_is_a_rejection(flow: Flow) -> None:
    flow.cloud.secrets.delete_secret(
        SecretId="sb/accounts/whatsapp_cloud/default", ForceDeleteWithoutRecovery=True
    )
    uuid = flow.send(payloads.text("whatsapp"))
    flow.drain()
    [heard] = flow.heard(message_uuid=uuid)
    assert (heard["status"], heard["error"]["code"]) == ("rejected", 1370)


MEDIA: dict[str, tuple[Any, int]] = {
    "gone": (httpx.Response(404), 1380),
    "too large": (httpx.Response(200, content=b"x" * (2 * 1024 * 1024 + 1)), 1381),
}


@pytest.mark.parametrize(("reply", "code"), MEDIA.values(), ids=MEDIA)
def test_media_that_cannot_be_had(flow: Flow, reply: httpx.Response, code: int) -> None:
    flow.world.provider = answers(reply)
    body = payloads.text("mms")
    body["message"]["content"] = {"type": "image", "image": {"url": "https://media.example/a.gif"}}
    uuid = flow.send(body)
    flow.drain()
    [heard] = flow.heard(message_uuid=uuid)
    assert (heard["status"], heard["error"]["code"]) == ("rejected", code)
