"""Many dispatches started together, each compared with what its digits imply."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import httpx
import pytest

from tests.e2e import bodies
from tests.e2e.application import Application
from tests.e2e.bodies import Body
from tests.e2e.fates import FATES, fate
from tests.e2e.local_stack import LocalStack

pytestmark = pytest.mark.e2e

DISPATCHES = int(os.environ.get("SWITCHBOARD_TEST_DISPATCHES", "60"))
SECONDS = 15
"""What each step is given."""
LONGEST = 3 * SECONDS + 60
SEED = 20191120


@dataclass(frozen=True)
class Step:
    channel: str
    digits: str
    condition: str
    """Of the last one: delivered."""

    @property
    def fate(self) -> tuple[str, ...]:
        return fate(self.channel, self.digits)

    @property
    def works(self) -> bool:
        return self.condition in self.fate

    @property
    def fails_at_once(self) -> bool:
        return self.fate[-1] in ("rejected", "undeliverable")


@dataclass(frozen=True)
class Plan:
    steps: tuple[Step, ...]

    @property
    def tried(self) -> tuple[Step, ...]:
        """Up to the first that works."""
        worked = [number for number, step in enumerate(self.steps, 1) if step.works]
        return self.steps[: worked[0]] if worked else self.steps

    @property
    def completes(self) -> bool:
        return self.tried[-1].works

    @property
    def waits(self) -> float:
        """Seconds of the steps whose time must run out."""
        return SECONDS * sum(not (step.works or step.fails_at_once) for step in self.tried)

    def body(self, number: int) -> Body:
        """People are not shared by all: Messenger's receipts are about whole conversations."""
        steps = []
        for step in self.steps:
            failover = {"expiry_time": SECONDS, "condition_status": step.condition}
            person = bodies.recipient(step.channel, step.digits, prefix=f"4477{1000 + number % 25}")
            steps.append(bodies.message(step.channel) | {"to": person, "failover": failover})
        del steps[-1]["failover"]
        return {"template": "failover", "workflow": steps}


def plans(count: int) -> list[Plan]:
    chance = random.Random(SEED)
    digits = sorted(FATES)
    ends = [each for each in digits if each != "0002"]  # after which it would end in three days

    def plan() -> Plan:
        first = [
            Step(chance.choice(bodies.CHANNELS), chance.choice(digits), chance.choice(("delivered", "read")))
            for _ in range(chance.choice((0, 1, 1, 1, 2, 2)))
        ]
        return Plan((*first, Step(chance.choice(bodies.CHANNELS), chance.choice(ends), "delivered")))

    return [plan() for _ in range(count)]


async def start(application: Application, crowd: list[Plan]) -> dict[str, tuple[Plan, float]]:
    """Each plan and the moment before its request, by dispatch_uuid."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=application.stack.url, timeout=120, limits=limits) as client:

        async def one(number: int, plan: Plan) -> tuple[str, tuple[Plan, float]]:
            at = time.time()
            answer = await client.post(
                "/v0.1/dispatch", json=plan.body(number), headers=application.authorization
            )
            assert answer.status_code == 202, answer.text
            return answer.json()["dispatch_uuid"], (plan, at)

        return dict(await asyncio.gather(*(one(*each) for each in enumerate(crowd))))


def test_each_ends_as_its_digits_imply(
    stack: LocalStack, make_application: Callable[[LocalStack], Application]
) -> None:
    application = make_application(stack)
    mailbox = application.mailbox
    started = asyncio.run(start(application, plans(DISPATCHES)))
    mailbox.until(lambda: len(mailbox.reports()) >= len(started), LONGEST)
    time.sleep(4)  # for reads, and for what must not come

    hooks = mailbox.hooks
    reports = [hook for hook in hooks if "template" in hook.body]
    assert Counter(hook.body["dispatch_uuid"] for hook in reports) == Counter(list(started))
    events = Counter(
        (hook.body["message_uuid"], hook.body["status"]) for hook in hooks if "message_uuid" in hook.body
    )
    assert max(events.values()) == 1, "webhooks came twice"

    wrong = []
    expected_events = set()
    for hook in reports:
        plan, at = started[hook.body["dispatch_uuid"]]
        faults = compare(plan, hook.body)
        if hook.at - at < plan.waits:
            faults.append("a step was not given its time")
        if faults:
            wrong.append((plan, hook.body, faults))
        for step, entry in zip(plan.tried, hook.body["_links"]["messages"], strict=False):
            expected_events |= {(entry["message_uuid"], status) for status in step.fate}
    assert not wrong, f"{len(wrong)} of {len(reports)}; the first is {wrong[0]}"
    assert set(events) == expected_events

    taken = Counter(send["echo_id"] for send in stack.handed_over())
    for hook in reports:
        plan, _ = started[hook.body["dispatch_uuid"]]
        for step, entry in zip(plan.tried, hook.body["_links"]["messages"], strict=True):
            refused = step.digits == "0003" or (step.channel, step.digits) == ("messenger", "0004")
            assert taken[entry["message_uuid"]] == (0 if refused else 1), step


def compare(plan: Plan, report: Body) -> list[str]:
    """What is wrong with a report."""
    faults = []
    entries = report["_links"]["messages"]
    if report["status"] != ("completed" if plan.completes else "error"):
        faults.append("status")
    if [entry["channel"] for entry in entries] != [step.channel for step in plan.tried]:
        faults.append("messages")
    for step, entry in zip(plan.tried, entries, strict=False):
        # A message that was delivered in time can have been read by the time of the report.
        possible = step.fate[step.fate.index(step.condition) :] if step.works else step.fate[-1:]
        if entry["status"] not in possible or "late" in entry:
            faults.append(f"{step.channel} {entry['status']}")
    total = sum((Decimal(entry["usage"]["price"]) for entry in entries if "usage" in entry), Decimal(0))
    if report["usage"] != {"price": f"{total:.4f}", "currency": "EUR"}:
        faults.append("usage")
    return faults
