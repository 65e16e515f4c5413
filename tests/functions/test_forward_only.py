"""A status never goes backwards, and each is announced once: any receipts, in any order, any number."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchboard.models.messages import Status
from switchboard.transitions import Change
from tests.functions.flows import Flow
from tests.support import payloads

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LADDER = [Status.SUBMITTED, Status.DELIVERED, Status.READ]
REPORTED = [*LADDER, Status.REJECTED, Status.UNDELIVERABLE]


def expected(reported: Sequence[Status]) -> list[str]:
    """What the client should hear, in order, by the rules and not by the code."""
    heard: list[Status] = []
    for status in reported:
        if any(one.is_failure for one in heard):
            break
        if status.is_failure:
            if Status.DELIVERED not in heard:
                heard.append(status)
        else:
            heard += [step for step in LADDER[: LADDER.index(status) + 1] if step not in heard]
    return [status.value for status in heard]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    reported=st.lists(st.sampled_from(REPORTED), min_size=1, max_size=8),
    batches=st.integers(min_value=1, max_value=8),
)
def test_any_receipts(flow: Flow, reported: list[Status], batches: int) -> None:
    uuid = flow.send(payloads.text("viber_service_msg"))
    [record] = flow.cloud.received("OutboundQueue")  # nobody delivers it: the receipts are all there is
    flow.cloud.sqs.delete_message(
        QueueUrl=flow.cloud.queues["OutboundQueue"], ReceiptHandle=record["receiptHandle"]
    )
    transitions = flow.cloud.functions["status"].callbacks._services.transitions
    shown: list[str] = []
    for start in range(0, len(reported), batches):
        part = reported[start : start + batches]
        changes = [Change(uuid, status, NOON + timedelta(seconds=start + n)) for n, status in enumerate(part)]
        transitions.apply(changes)
        _, answer = flow.cloud.http("send", "GET", f"/v0.1/messages/{uuid}", headers=flow.app["bearer"])
        shown.append(answer["status"])
    ranks = [Status(status).rank for status in shown]
    assert ranks == sorted(ranks)
    flow.drain()
    assert flow.cloud.waiting("WebhooksQueue") == 0  # what can never be written is not waited for
    assert sorted(flow.statuses(uuid)) == sorted(expected(reported))
