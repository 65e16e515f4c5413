"""The rules of failover, told by one dispatch each. All are started at once."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.application import PATIENCE, Application
from tests.e2e.bodies import Body, step
from tests.e2e.local_stack import LocalStack

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class Case:
    steps: list[Body]
    messages: list[tuple[str, str]]
    """Channel and status of each message in the report."""
    waits: bool
    """Whether the first step is given all of its time."""
    status: str = "completed"
    reason: str | None = None


SECONDS = 6
CASES = {
    "first step in time": Case(
        [step("whatsapp", "0100", SECONDS, "read"), step("sms", "0100")], [("whatsapp", "read")], False
    ),
    "a single step": Case([step("sms", "0100")], [("sms", "delivered")], False),
    "read satisfies delivered": Case(
        [step("messenger", "0007", SECONDS), step("sms", "0100")], [("messenger", "read")], False
    ),
    "not read in time": Case(
        [step("whatsapp", "0001", SECONDS, "read"), step("sms", "0100")],
        [("whatsapp", "delivered"), ("sms", "delivered")],
        True,
    ),
    "not delivered in time": Case(
        [step("viber_service_msg", "0002", SECONDS), step("sms", "0100")],
        [("viber_service_msg", "submitted"), ("sms", "delivered")],
        True,
    ),
    "channel without read receipts": Case(
        [step("sms", "0100", SECONDS, "read"), step("mms", "0100")],
        [("sms", "delivered"), ("mms", "delivered")],
        True,
    ),
    "refused": Case(
        [step("messenger", "0003", 600), step("sms", "0100")],
        [("messenger", "rejected"), ("sms", "delivered")],
        False,
    ),
    "undeliverable": Case(
        [step("whatsapp", "0004", 600), step("viber_service_msg", "0004", 600), step("sms", "0100")],
        [("whatsapp", "undeliverable"), ("viber_service_msg", "undeliverable"), ("sms", "delivered")],
        False,
    ),
    "throttled": Case(
        [step("messenger", "0005", 30), step("sms", "0100")], [("messenger", "delivered")], False
    ),
    "provider down": Case([step("sms", "0008", 30), step("mms", "0100")], [("sms", "delivered")], False),
    "answer lost": Case(
        [step("whatsapp", "0006", 30), step("sms", "0100")], [("whatsapp", "delivered")], False
    ),
    "receipt first": Case([step("sms", "0009", 30), step("mms", "0100")], [("sms", "delivered")], False),
    "same channel twice": Case(
        [step("sms", "0004", 30), step("sms", "0100")],
        [("sms", "undeliverable"), ("sms", "delivered")],
        False,
    ),
    "last step refused": Case(
        [step("viber_service_msg", "0004", 30), step("sms", "0003")],
        [("viber_service_msg", "undeliverable"), ("sms", "rejected")],
        False,
        "error",
        "rejected",
    ),
    "last step undeliverable": Case(
        [step("sms", "0004")], [("sms", "undeliverable")], False, "error", "undeliverable"
    ),
}


@dataclass(frozen=True)
class Started:
    application: Application
    uuids: dict[str, str]
    at: dict[str, float]


@pytest.fixture(scope="module")
def started(stack: LocalStack, make_application: Callable[[LocalStack], Application]) -> Started:
    application = make_application(stack)
    uuids, at = {}, {}
    for name, case in CASES.items():
        at[name] = time.time()
        uuids[name] = application.dispatch(*case.steps)
    reports = application.mailbox.reports
    application.mailbox.until(lambda: len(reports()) >= len(CASES), PATIENCE)
    time.sleep(1)  # for a second report that must not come
    return Started(application, uuids, at)


@pytest.mark.parametrize("name", CASES)
def test_dispatch_ends_as_it_should(started: Started, name: str) -> None:
    case, mailbox = CASES[name], started.application.mailbox
    [arrival] = [hook for hook in mailbox.hooks if hook.body.get("dispatch_uuid") == started.uuids[name]]
    report: dict[str, Any] = arrival.body
    assert (report["status"], report.get("reason")) == (case.status, case.reason)
    entries = report["_links"]["messages"]
    # A message can have been read between its delivery and the report.
    found = [(entry["channel"], entry["status"]) for entry in entries]
    assert found[:-1] == case.messages[:-1]
    assert found[-1] == case.messages[-1] or found[-1] == (case.messages[-1][0], "read")
    assert not any("late" in entry for entry in entries)
    took = arrival.at - started.at[name]
    assert (took >= SECONDS) == case.waits, f"it took {took:.1f} s"
