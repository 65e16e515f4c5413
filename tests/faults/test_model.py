"""Many messages and dispatches at once, and everything that can happen to them in any order: duplicates, late
and early receipts, clients and providers that are away, processes that die.

SWITCHBOARD_MODEL_EXAMPLES makes it try more than CI does; each run of that many is another one.
"""

import os
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from moto import mock_aws

from switchboard import applications
from tests.faults.carriers import AWS_SMS, KINDS, MESSENGER, VIBER, VIBER_BOT, WHATSAPP, Handed, Kind
from tests.faults.conftest import KEYS
from tests.faults.flows import Run, check, step_of, text
from tests.faults.injector import WAYS, Died, Way
from tests.faults.system import System, hold
from tests.support import moto_corrections, payloads
from tests.support.cloud import SOURCES

pytestmark = pytest.mark.faults

EXAMPLES = os.environ.get("SWITCHBOARD_MODEL_EXAMPLES")
STATUSES = ("delivered", "read", "undeliverable")
CAN_SAY = {
    AWS_SMS.name: ("delivered", "undeliverable"),
    WHATSAPP.name: STATUSES,
    MESSENGER.name: ("submitted", "delivered", "read"),
    VIBER.name: STATUSES,
    VIBER_BOT.name: ("delivered", "read"),
    "twilio": ("delivered", "undeliverable"),
    "vonage": ("delivered", "undeliverable"),
}
DEATHS: list[Way] = ["dies before", "dies after"]
FAULTS = DEATHS * 3 + sorted({way for ways in WAYS.values() for way in ways} - set(DEATHS))
"""One is drawn: death is the worst of them and the most frequent."""
kinds = st.sampled_from(list(KINDS.values()))
seconds = st.sampled_from([1, 5, 61, 121, 700])


class Model(RuleBasedStateMachine):
    """Everything that others do is a rule; so is a process that dies."""

    @initialize()
    def begin(self) -> None:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(applications, "key_pair", lambda: KEYS[0])
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            self.patch.setenv(name, "testing")
        self.patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        moto_corrections.install(self.patch)
        self.aws = mock_aws(config={"stepfunctions": {"execute_state_machine": True}})
        self.aws.start()
        self.system = System(self.patch)
        self.run = Run(self.system, 1)
        self.records: list[tuple[str, dict[str, Any]]] = []
        self.people: list[str] = []
        self.system.on_record = lambda queue, record: self.records.append((queue, record))
        self.trouble: list[str] = []
        self.take = self.system.world.provider
        self.system.world.provider = self.provider

    # --- others ----------------------------------------------------------------------------------

    @rule(kind=kinds, keyed=st.booleans())
    def send(self, kind: Kind, keyed: bool) -> None:
        tag = self.run.tag()
        self.run.ask("send", "/v0.1/messages", text(kind, tag), tag, repeat=keyed)

    @rule(
        first=kinds,
        second=kinds,
        wait=st.sampled_from([60, 600]),
        condition=st.sampled_from(["delivered", "read"]),
    )
    def dispatch(self, first: Kind, second: Kind, wait: int, condition: str) -> None:
        tags = self.run.tag(), self.run.tag()
        steps = step_of(first, tags[0], wait, condition), step_of(second, tags[1])
        self.run.ask("dispatch", "/v0.1/dispatch", payloads.workflow(*steps), *tags, repeat=True)

    @rule(
        number=st.integers(0, 20),
        word=st.integers(0, 2),
        times=st.integers(1, 2),
        wait=st.sampled_from([0, 3, 90]),
    )
    def receipt(self, number: int, word: int, times: int, wait: int) -> None:
        """Of any message that a provider has, saying anything, in any order."""
        handed = list(self.system.carriers.handed.values())
        if not handed:
            return
        one = handed[number % len(handed)]
        status = CAN_SAY[one.kind][word % len(CAN_SAY[one.kind])]
        for _ in range(times):
            self.run.report(KINDS[one.kind], one, wait, status)

    @rule(status=st.sampled_from(STATUSES[:2]))
    def receipts_come_before_the_answer(self, status: str) -> None:
        """Of the next message."""
        took = self.system.carriers.took

        def once(handed: Handed) -> None:
            self.system.carriers.took = took
            if status in CAN_SAY[handed.kind]:
                self.run.report(KINDS[handed.kind], handed, 0, status)

        self.system.carriers.took = once

    @rule(times=st.integers(1, 2))
    def person_writes(self, times: int) -> None:
        words = f"words {len(self.people)}"
        self.people.append(words)
        said = {
            "originationNumber": "+447700900100",
            "destinationNumber": "+15550001111",
            "messageBody": words,
            "inboundMessageId": words,
        }
        for _ in range(times):
            self.system.later(0, lambda: self.system.call("inbound", payloads.sns(said)) == {})

    @rule(up=st.booleans())
    def client(self, up: bool) -> None:
        self.system.world.client = lambda request: httpx.Response(200 if up else 500)

    @rule(trouble=st.sampled_from(["unavailable", "throttled", "refused", "no answer", "never arrived"]))
    def provider_has_trouble(self, trouble: str) -> None:
        """At its next request."""
        self.trouble.append(trouble)

    def provider(self, request: httpx.Request) -> httpx.Response:
        trouble = self.trouble.pop(0) if self.trouble else ""
        match trouble:
            case "unavailable":
                return httpx.Response(503, json={"error": {}})
            case "throttled":
                return httpx.Response(429, json={"error": {}}, headers={"retry-after": "2"})
            case "refused":
                return httpx.Response(400, json={"error": {}})
            case "no answer":
                self.take(request)
                self.run.strike()
                raise httpx.ReadTimeout("nothing came")
            case "never arrived":
                raise httpx.ReadTimeout("nothing came")
        return self.take(request)

    # --- time ------------------------------------------------------------------------------------

    @rule(most=st.integers(1, 12))
    def work(self, most: int) -> None:
        for _ in range(most):
            if not self.system.step():
                break

    @rule(wait=seconds)
    def time_passes(self, wait: float) -> None:
        until = self.system.time.peek() + wait
        while (due := self.system.next()) is not None and due < until:
            self.system.pass_until(due)
            for _ in range(40):
                if not self.system.step():
                    break
        self.system.pass_until(until)

    @rule(queue=st.sampled_from(["OutboundQueue", "WebhooksQueue"]))
    def delivered_twice(self, queue: str) -> None:
        """A queue hands out a record to two workers, one after the other."""
        self.system.time.settle()
        self.system.work_one(queue, twice=True)

    @rule(number=st.integers(0, 50))
    def old_record(self, number: int) -> None:
        """A queue hands out again what was done and deleted long ago."""
        if self.records:
            queue, record = self.records[number % len(self.records)]
            with suppress(Died):
                self.system.call(SOURCES[queue], {"Records": [record]})

    # --- what breaks -----------------------------------------------------------------------------

    @rule(at=st.integers(0, 8), way=st.sampled_from(FAULTS))
    def fault(self, at: int, way: Way) -> None:
        """At one of the next calls."""
        self.system.injector.arm(at, way)

    @rule()
    def restart(self) -> None:
        self.system.restart()

    @precondition(lambda self: self.run.dispatches())
    @rule(number=st.integers(0, 10))
    def execution_is_lost(self, number: int) -> None:
        self.system.time.settle()
        dispatches = self.run.dispatches()
        self.system.lose(dispatches[number % len(dispatches)])

    # --- what is true ----------------------------------------------------------------------------

    @invariant()
    def only_forward(self) -> None:
        if hasattr(self, "system"):
            self.system.check_queues()

    def teardown(self) -> None:
        if not hasattr(self, "system"):
            return
        try:
            self.system.injector.arm()
            self.system.world.client = lambda request: httpx.Response(200)
            self.trouble.clear()
            self.system.rest()
            check(self.run)
            for words in self.people:
                said = {
                    event
                    for event, heard in self.system.world.events.items()
                    if any(json_has(body, words) for body in heard.bodies)
                }
                hold(len(said) == 1, f"{words!r} was told as {said}")
        finally:
            self.aws.stop()
            self.patch.undo()


def json_has(body: bytes, words: str) -> bool:
    return f'"{words}"'.encode() in body


def test_any_interleaving() -> None:
    run_state_machine_as_test(
        Model,
        settings=settings(
            max_examples=int(EXAMPLES or 25),
            stateful_step_count=40,
            deadline=None,
            derandomize=EXAMPLES is None,
            database=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            phases=[Phase.generate],  # a shorter example takes longer than a look at this one
        ),
    )
