"""Time that stands still until a test lets it pass: for our code, for moto's queues and its state machine."""

import importlib
import pkgutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import moto.sqs.models as moto_queues
import moto.stepfunctions.parser.asl.component.common.retry.retrier_decl as moto_retrier
import moto.stepfunctions.parser.asl.component.state.exec.execute_state as moto_state
import moto.stepfunctions.parser.asl.eval.callback.callback as moto_callback
import pytest
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker

import switchboard

TICK = 0.001
"""Seconds that pass whenever a test or what it calls looks at the clock: no two moments are the same."""


class VirtualTime:
    """`advance` moves it; whoever sleeps until then wakes up. Executions of the state machine are threads:
    after `settle`, each of them is over or waits for something. Only the thread that made it moves it: what
    another one did beside that would come at another moment each time."""

    def __init__(self) -> None:
        self._now = time.time()
        self._mover = threading.get_ident()
        self._changed = threading.Condition()
        self._waiting: dict[object, tuple[float, threading.Event]] = {}
        self._running = 0

    # --- the clock -------------------------------------------------------------------------------

    def seconds(self) -> float:
        """Unix time."""
        with self._changed:
            if self._moves():
                self._now += TICK
            return self._now

    def _moves(self) -> bool:
        return threading.get_ident() == self._mover

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def monotonic(self) -> float:
        return self.seconds()

    def peek(self) -> float:
        return self._now

    def advance(self, until: float) -> None:
        with self._changed:
            self._now = max(self._now, until)
            self._changed.notify_all()

    def sleep(self, seconds: float) -> None:
        until = self._now + seconds
        if self._moves():
            self.advance(until)
            return
        with self._changed:
            while self._now < until:
                self._changed.wait()

    # --- the state machine's threads -------------------------------------------------------------

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Until the event is set, or that much time has passed. Returns whether it is set."""
        me = object()
        with self._changed:
            due = self._now + seconds
            self._waiting[me] = due, event
            self._changed.notify_all()
            while not event.is_set() and self._now < due:
                self._changed.wait()
            del self._waiting[me]
        return event.is_set()

    def poke(self) -> None:
        with self._changed:
            self._changed.notify_all()

    @contextmanager
    def execution(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def begins(self) -> None:
        with self._changed:
            self._running += 1

    def settle(self) -> None:
        """Returns when no execution can go on by itself. AssertionError if that takes long."""
        end = time.monotonic() + 30
        with self._changed:
            while self._running > self._blocked():
                self._changed.notify_all()  # looking at the clock can have brought somebody's moment
                self._changed.wait(0.05)
                assert time.monotonic() < end, "an execution does not come to rest"

    def _blocked(self) -> int:
        return sum(not event.is_set() and self._now < due for due, event in self._waiting.values())

    def next_timer(self) -> float | None:
        """When the first of those who sleep wakes up."""
        with self._changed:
            return min((due for due, _ in self._waiting.values()), default=None)

    # --- where it is looked at -------------------------------------------------------------------

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        virtual = self

        class Event(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                return super().wait() if timeout is None else virtual.wait(self, timeout)

            def set(self) -> None:
                super().set()
                virtual.poke()

        class Ended(threading.Event):
            """The one within it has the timer."""

            def wait(self, timeout: float | None = None) -> bool:
                return super().wait()

        monkeypatch.setattr(moto_callback, "Event", Event)
        monkeypatch.setattr(moto_state, "threading", SimpleNamespace(Event=Ended))
        monkeypatch.setattr(
            moto_retrier, "time", SimpleNamespace(sleep=lambda seconds: virtual.wait(Event(), seconds))
        )
        start, logic = ExecutionWorker.start, ExecutionWorker._execution_logic

        def begin(worker: Any) -> None:
            virtual.begins()
            start(worker)

        def run(worker: Any) -> None:
            with virtual.execution():
                logic(worker)

        monkeypatch.setattr(ExecutionWorker, "start", begin)
        monkeypatch.setattr(ExecutionWorker, "_execution_logic", run)
        monkeypatch.setattr(moto_queues, "unix_time", self.seconds)
        monkeypatch.setattr(moto_queues, "unix_time_millis", lambda: self.seconds() * 1000)
        self.install_in_ours(monkeypatch)

    def install_in_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Wherever a module of ours has the clock by name."""
        monkeypatch.setattr("switchboard.clock.now", self.now)
        module = SimpleNamespace(time=self.seconds, monotonic=self.monotonic, sleep=self.sleep)
        virtual = self

        class Condition(threading.Condition):
            def wait(self, timeout: float | None = None) -> bool:
                """Nobody else works here meanwhile, so that there is no use in looking often."""
                virtual.sleep(max(timeout or 0.0, 2.0))
                return False

        threads = SimpleNamespace(**vars(threading) | {"Condition": Condition})
        for found in pkgutil.walk_packages(switchboard.__path__, "switchboard."):
            importlib.import_module(found.name)  # those too that are imported when they are needed
        for name in [name for name in sys.modules if name.startswith("switchboard.")]:
            loaded = sys.modules[name]
            for attribute, real, ours in (
                ("monotonic", time.monotonic, self.monotonic),
                ("sleep", time.sleep, self.sleep),
                ("time", time, module),
                ("threading", threading, threads),
            ):
                if getattr(loaded, attribute, None) is real:
                    monkeypatch.setattr(loaded, attribute, ours)
