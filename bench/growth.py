"""Whether a message costs the same, however many there are, and whether anything gets lost.

Units are counted in this process (bench/system.py), where nothing else happens, and in a running local
stack (bench/stack.py), with its simulated carriers and everything by HTTP; there loss, time and memory are
taken too.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from bench import stack as metered
from bench.cost import HEADLINE, MESSAGES, Measured, dispatch, measure
from tests.e2e import bodies
from tests.e2e.application import Application
from tests.e2e.local_stack import LocalStack
from tests.e2e.receiver import Receiver

MESSAGES_AT_ONCE = (100, 1_000, 10_000)
DISPATCHES_AT_ONCE = (10, 100, 1_000)
_CHANNEL = "viber_service_msg"
_STEP_SECONDS = 300
_CONNECTIONS = 20
TOLERANCE = 0.01
"""By how much units may differ: sizes of items do, by a digit."""


@dataclass(frozen=True)
class Carried:
    """What became of so many at once in a running local stack."""

    kind: str
    count: int
    webhooks: int
    lost: int
    doubled: int
    """Webhooks, of those that are promised once: by their Switchboard-Event-Id."""
    seconds: float
    megabytes: float
    """Of all processes of the stack, at the end."""
    megabytes_before: float
    units: dict[str, float]
    """Billed for one, as far as bench/stack.py counts."""

    @property
    def measured(self) -> Measured:
        """Without secrets: each process reads them once in five minutes, so that they go with the time."""
        units = {unit: count for unit, count in self.units.items() if unit != "secret_call"}
        return Measured(f"{self.count:,} {self.kind}", 0, {"stack": units}, {})


class Stack(LocalStack):
    """With a meter in it."""

    module = "bench.stack"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "units.json"
        super().__init__(folder, **{metered.FILE: str(self._file)})

    def units(self) -> dict[str, float]:
        return metered.totals(self.processes()[0].pid, self._file)

    def rest(self) -> None:
        """Until what it plays by itself at its start is over."""
        before: dict[str, float] = {}
        while (now := self.units()) != before:
            before = now
            time.sleep(3)


def units(messages: Sequence[int] = (10, 100, 300), dispatches: Sequence[int] = (10, 50)) -> list[Measured]:
    found = [measure(f"{count:,} messages", MESSAGES[HEADLINE], count) for count in messages]
    return found + [measure(f"{count:,} dispatches", dispatch(1), count) for count in dispatches]


def grows(measured: Sequence[Measured]) -> list[str]:
    """The units of which one of many needs more than one of few. `measured` are of one kind, the fewest
    first. GB-seconds are estimated from time, and left out."""
    first, *others = measured
    return [
        f"{each.name}: {unit} {value:g}, not {first.units.get(unit, 0):g}"
        for each in others
        for unit, value in each.units.items()
        if unit != "lambda_gb_second" and value > first.units.get(unit, 0) * (1 + TOLERANCE)
    ]


def carried(
    messages: Sequence[int] = MESSAGES_AT_ONCE,
    dispatches: Sequence[int] = DISPATCHES_AT_ONCE,
    done: Callable[[Carried], None] = lambda each: None,
) -> list[Carried]:
    """One stack for all, as if a day went by. `done` is told of each: the largest take minutes."""
    with tempfile.TemporaryDirectory() as folder:
        receiver, stack = Receiver(), Stack(Path(folder))
        stack.start()
        try:
            stack.rest()
            found = []
            for kind, counts in (("dispatches", dispatches), ("messages", messages)):
                for count in counts:
                    found.append(_carry(stack, receiver, kind, count))
                    done(found[-1])
            return found
        finally:
            stack.stop()
            receiver.close()


def _carry(stack: Stack, receiver: Receiver, kind: str, count: int) -> Carried:
    application = Application(stack, receiver.mailbox())
    billed, before, start = stack.units(), _megabytes(stack), time.monotonic()
    asyncio.run(_post(application, kind, count))
    expected = count * (3 if kind == "messages" else 4)  # submitted, delivered, read; and the report
    mailbox = application.mailbox
    patience = 120 + count * 0.5
    while len(_ids(application)) < expected and time.monotonic() - start < patience:
        time.sleep(0.5)
    seconds = time.monotonic() - start
    each = {unit: (total - billed.get(unit, 0)) / count for unit, total in stack.units().items()}
    ids = _ids(application)
    return Carried(
        kind, count, len(mailbox.hooks), expected - len(ids), sum(ids.values()) - len(ids),
        seconds, _megabytes(stack), before, each,
    )  # fmt: skip


def _ids(application: Application) -> Counter[str]:
    return Counter(hook.headers["switchboard-event-id"] for hook in application.mailbox.hooks)


async def _post(application: Application, kind: str, count: int) -> None:
    headers = application.authorization
    limits = httpx.Limits(max_connections=_CONNECTIONS)
    turn = asyncio.Semaphore(_CONNECTIONS)
    message = bodies.message(_CHANNEL)
    if kind == "dispatches":
        first = bodies.step(_CHANNEL, bodies.NORMAL, _STEP_SECONDS, "read")
        workflow = {"template": "failover", "workflow": [first, message]}
        path, body = "/v0.1/dispatch", workflow
    else:
        path, body = "/v0.1/messages", message
    async with httpx.AsyncClient(base_url=application.stack.url, timeout=120, limits=limits) as client:

        async def one() -> None:
            async with turn:
                answer = await client.post(path, json=body, headers=headers)
                while answer.status_code == 429:  # the gateway's own limit
                    await asyncio.sleep(1)
                    answer = await client.post(path, json=body, headers=headers)
                assert answer.status_code == 202, answer.text

        await asyncio.gather(*(one() for _ in range(count)))


def _megabytes(stack: LocalStack) -> float:
    total = 0
    for process in stack.processes():
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6
