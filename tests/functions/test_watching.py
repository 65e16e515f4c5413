"""What takes long is told of while it does, once, and what is over is not."""

import threading
from contextlib import ExitStack

from switchboard.watching import Watch

PATIENCE = 10.0
"""Seconds in which a thread of this machine gets its turn."""


class Told:
    def __init__(self) -> None:
        self.names: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, name: str) -> None:
        with self._changed:
            self.names.append(name)
            self._changed.notify_all()

    def wait(self, count: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.names) >= count, PATIENCE)


def test_what_takes_long_is_told_of_before_it_ends() -> None:
    told = Told()
    watch = Watch(0.05, told)
    with watch.over("slow"):
        told.wait(1)
    assert told.names == ["slow"]


def test_what_is_over_is_not() -> None:
    """One that is slow comes after it, and so is told of after it was looked at."""
    told = Told()
    watch = Watch(0.05, told)
    for _ in range(100):
        with watch.over("fast"):
            pass
    with watch.over("slow"):
        told.wait(1)
    assert told.names == ["slow"]


def test_several_at_once() -> None:
    told = Told()
    watch = Watch(0.05, told)
    names = [f"slow {number}" for number in range(10)]
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(watch.over(name))
        told.wait(10)
    assert sorted(told.names) == sorted(names)


def test_it_watches_again_after_it_had_nothing_to_watch() -> None:
    told = Told()
    watch = Watch(0.05, told)
    for count in (1, 2):
        with watch.over("slow"):
            told.wait(count)
        ended = threading.Event()
        while any(thread.name.endswith("(_work)") for thread in threading.enumerate()):
            assert not ended.wait(0.01)
    assert told.names == ["slow", "slow"]


def test_one_that_fails_is_over() -> None:
    told = Told()
    watch = Watch(0.05, told)
    try:
        with watch.over("failed"):
            raise KeyError
    except KeyError:
        pass
    with watch.over("slow"):
        told.wait(1)
    assert told.names == ["slow"]


def test_a_teller_that_hangs_keeps_nobody_from_being_told_of() -> None:
    told, ends = Told(), threading.Event()

    def tell(name: str) -> None:
        told(name)
        if name == "first":
            ends.wait(PATIENCE)

    watch = Watch(0.05, tell)
    with watch.over("first"), watch.over("second"):
        told.wait(2)
    ends.set()
