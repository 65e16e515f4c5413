"""Each flow runs once whole, and we learn its calls. Then it runs again for each of them and everything that
can go wrong with it; afterwards comes what comes by itself, and the promise has to hold.

A run's calls are in the same order each time: everything happens one by one and in virtual time.
"""

import os
from collections.abc import Callable
from typing import get_args

import pytest

from tests.faults.flows import FLOWS, Flow, Run, check
from tests.faults.injector import Call, Way
from tests.faults.system import System

pytestmark = pytest.mark.faults

DIES: tuple[Way, ...] = ("dies before", "dies after")
ERRS: tuple[Way, ...] = tuple(way for way in get_args(Way) if way not in DIES)
CASES = [
    (name, ways)
    for name, flow in FLOWS.items()
    # The long ones in two, so that they can share the machine.
    for ways in ([DIES + ERRS] if flow.tried else [DIES, ERRS])
]
MOST_BREACHES = 5
EVERY = int(os.environ.get("FAULTS_EVERY", "1"))
"""Break every nth call only, for who has not the time."""


def play(system: System, flow: Flow, number: int, at: int | None = None, way: Way = "dies before") -> Run:
    """One run, to its end. Breach if the promise was broken."""
    system.forget()
    system.restart()
    run = Run(system, number)
    system.injector.arm(at, way)
    flow.begin(run)
    system.rest()
    check(run)
    flow.check(run)
    return run


def _label(name: str, ways: tuple[Way, ...]) -> str:
    return f"{name}, {'dies' if ways is DIES else 'errs'}" if len(ways) < len(DIES + ERRS) else name


@pytest.mark.parametrize(("name", "ways"), CASES, ids=[_label(*case) for case in CASES])
def test_flow(
    system: System, name: str, ways: tuple[Way, ...], record_property: Callable[[str, object], None]
) -> None:
    flow = FLOWS[name]
    play(system, flow, 0)
    calls = list(system.injector.calls)
    mine = [(at, call) for at, call in enumerate(calls) if flow.tried is None or call.function in flow.tried]
    mine = mine[::EVERY]
    assert mine
    tried = 0
    breaches: list[str] = []
    for at, call in mine:
        for way in ways:
            if way not in flow.ways(call) or len(breaches) >= MOST_BREACHES:
                continue
            tried += 1
            breach = _breach(system, flow, tried, at, way, call)
            if breach:
                breaches.append(f"{way} at call {at}, {call}: {breach}")
    counted = {"flow": name, "calls": len(mine), "crashes": tried, "survived": tried - len(breaches)}
    record_property("faults", counted)
    assert not breaches, "\n" + "\n".join(breaches)


def _breach(system: System, flow: Flow, number: int, at: int, way: Way, call: Call) -> str:
    try:
        play(system, flow, number, at, way)
        assert system.injector.struck == call, f"struck {system.injector.struck}"
    except AssertionError as breach:
        system.clear()
        return str(breach)
    return ""
