"""How clients' endpoints answer, and how much of us each may have: a slow or dead one must not keep workers
from the others.

An endpoint that answers fast is called as often as there is something to tell. Every other one, a new one
too, is called by one worker at a time, of which the table knows: with one event, or with several where it
does answer, only slowly. So the most that one endpoint can hold up is one worker. After three events in a row
without an answer it is left alone for 10 s, doubling to 5 min, and then tried with one event.

What is in the table costs a write when an endpoint changes, and a read every two seconds while it does not.
Whether it takes what it is told is noted there too, when that changes, for who asks (answering.py).
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal
from uuid import uuid4

from switchboard import clock, logs
from switchboard.store.endpoints import EndpointState, EndpointStore, address
from switchboard.watching import Watch

SLOW_SECONDS = 3.0
"""An answer that takes so long is slow."""
HOLD_SECONDS = 25.0
"""For which one worker has an endpoint for itself: longer than a call can take."""
FAULTS = 3
"""In a row, after which an endpoint is left alone."""
FIRST_PAUSE, LONGEST_PAUSE = 10, 300
"""Seconds. Shorter than an event's own pauses, so that one event alone is tried at each of its times."""
WAIT_SECONDS = 1.0
"""How long an event waits for a turn that has just begun, before it goes back to the queue."""
AT_ONCE = 10
"""Calls that the one worker makes side by side to an endpoint that answers slowly."""
NOTED_SECONDS = 30.0
"""In which one process notes once that an endpoint fails: some take every second event."""
_KNOWN_SECONDS = 2.0
_POLL_SECONDS = 0.1
_REMEMBERED = 1000


class NotNow(Exception):
    """This endpoint cannot be called now: it is left alone, or another worker has it, for so many seconds."""

    def __init__(self, left_alone: float = 0.0, held: float = 0.0) -> None:
        super().__init__(f"left alone for {left_alone} s" if left_alone else f"held for {held} s")
        self.left_alone = left_alone
        self.held = held


@dataclass
class _Known:
    state: EndpointState = field(default_factory=EndpointState)
    read_again_at: float = 0.0
    calls: int = 0
    """Being made by this process, or about to be."""
    asking: int = 0
    """Of these, the ones that the table has not let begin yet."""
    note_again_at: float = 0.0
    """When this process may next note that it fails."""


@dataclass
class Turn:
    """One call that may be made."""

    began: float = field(default_factory=lambda: monotonic())
    outcome: Literal["answered", "failed", "unknown"] = "unknown"
    fault: str | None = None
    """Why the event was not taken, in a few words of ours; None if it was."""

    def answered(self, fault: str | None = None) -> None:
        """With any status."""
        self.outcome, self.fault = "answered", fault

    def failed(self, fault: str = "no answer") -> None:
        """Not reached, or no answer in time."""
        self.outcome, self.fault = "failed", fault


class Endpoints:
    def __init__(self, store: EndpointStore) -> None:
        self._store = store
        self._worker = uuid4().hex
        self._changed = threading.Condition()
        self._known: dict[tuple[str, str], _Known] = {}
        self._not_gone_until: dict[tuple[str, str], float] = {}
        self._slow = Watch(SLOW_SECONDS, self._doubt)

    # --- 410 -------------------------------------------------------------------------------------

    def is_gone(self, owner: str, url: str) -> bool:
        """Whether it said 410, and its address was not set since. Who sets it is heard at once."""
        if monotonic() < self._not_gone_until.get((owner, url), 0.0):
            return False
        if self._store.is_gone(owner, url):
            return True
        if len(self._not_gone_until) >= _REMEMBERED:
            self._not_gone_until.clear()
        self._not_gone_until[owner, url] = monotonic() + _KNOWN_SECONDS
        return False

    def gone(self, owner: str, url: str) -> None:
        self._store.note_gone(owner, url, clock.now())
        self._not_gone_until.pop((owner, url), None)

    # --- whose turn it is ------------------------------------------------------------------------

    @contextmanager
    def turn(self, owner: str, url: str) -> Iterator[Turn]:
        """One call inside `with`, which says how it ended, also where it leaves by an error. NotNow if there
        can be none."""
        key = owner, address(url)
        known = self._begin(key)
        turn = Turn()
        try:
            with self._slow.over(key):
                yield turn
        finally:
            with self._changed:
                known.calls -= 1
                self._changed.notify_all()
            self._end(key, turn)

    def _begin(self, key: tuple[str, str]) -> _Known:
        end = monotonic() + WAIT_SECONDS
        while True:
            known = self._look(key)
            wait = known.state.open_until - clock.milliseconds(clock.now())
            if wait > 0:
                raise NotNow(wait / 1000)
            if self._taken(known) and self._held(key, known):
                return known
            if monotonic() >= end or not self._ends_soon(known):
                raise NotNow(held=known.state.held_until / 1000 - clock.now().timestamp())
            with self._changed:
                self._changed.wait(_POLL_SECONDS)

    @staticmethod
    def _ends_soon(known: _Known) -> bool:
        """Whether the call that is being made may be over in a moment, as most are: it began just now.
        Waiting for any other would hold up the worker as the call itself does."""
        if known.asking:
            return True
        began = known.state.held_until / 1000 - HOLD_SECONDS
        return not known.state.slow and clock.now().timestamp() - began < WAIT_SECONDS

    def _look(self, key: tuple[str, str]) -> _Known:
        with self._changed:
            known = self._known.get(key)
            if known is None:
                if len(self._known) >= _REMEMBERED:
                    self._known = {name: each for name, each in self._known.items() if each.calls}
                known = self._known[key] = _Known()
            is_fresh = monotonic() < known.read_again_at
        if not is_fresh:
            self._learn(known, lambda: self._store.state(*key))
        return known

    def _taken(self, known: _Known) -> bool:
        """One more call of this process, if there is room for it."""
        with self._changed:
            if not known.state.trusted and known.calls >= (AT_ONCE if known.state.slow else 1):
                return False
            known.calls += 1
            known.asking += 1
            return True

    def _held(self, key: tuple[str, str], known: _Known) -> bool:
        """Whether this process may make the call that was counted. If not it is not counted any more."""
        is_ours = True

        def hold() -> EndpointState:
            nonlocal is_ours
            state, is_ours = self._store.hold(*key, self._worker, clock.now(), HOLD_SECONDS)
            return state

        try:
            if not known.state.trusted:
                self._learn(known, hold)
        except BaseException:
            is_ours = False
            raise
        finally:
            with self._changed:
                known.asking -= 1
                if not is_ours:
                    known.calls -= 1
                    # Somebody else has it: to be asked about sooner than otherwise.
                    known.read_again_at = min(known.read_again_at, monotonic() + _POLL_SECONDS)
        return is_ours

    # --- how it went -----------------------------------------------------------------------------

    def _doubt(self, key: tuple[str, str]) -> None:
        """A call takes long. Until it is over, no others are begun beside it."""
        known = self._known.get(key)
        if known and known.state.trusted:
            self._learn(known, lambda: self._store.doubt(*key, clock.now()))

    def _end(self, key: tuple[str, str], turn: Turn) -> None:
        with self._changed:
            known = self._known.setdefault(key, _Known())
            is_last = not known.calls
            is_news = turn.outcome == "answered" and self._is_news(known, turn.fault)
        now, fault = clock.now(), turn.fault
        if turn.outcome == "failed":
            self._learn(
                known,
                lambda: self._store.failed(*key, now, fault or "", FAULTS, FIRST_PAUSE, LONGEST_PAUSE),
            )
        elif turn.outcome == "answered":
            fast = monotonic() - turn.began < SLOW_SECONDS
            ends_soon = known.state.expires_at < now.timestamp() + 86_400
            if is_news or not (fast and known.state.trusted) or ends_soon:
                release = fast or is_last
                self._learn(
                    known, lambda: self._store.answered(*key, now, fast=fast, release=release, fault=fault)
                )

    @staticmethod
    def _is_news(known: _Known, fault: str | None) -> bool:
        """Whether the table has to be told that it takes events, or does not, as nothing else is to be told.

        Whoever asks next hears that it has been: of many that end together one tells it. If that comes to
        nothing, the next look at the table shows it.
        """
        takes = fault is None
        if known.state.takes_events is takes:
            return False
        if not takes:
            if monotonic() < known.note_again_at:
                return False
            known.note_again_at = monotonic() + NOTED_SECONDS
        now = clock.milliseconds(clock.now())
        since = {"answering_since": now if takes else 0, "failing_since": 0 if takes else now}
        known.state = known.state.model_copy(update=since)
        return True

    def _learn(self, known: _Known, ask: Callable[[], EndpointState]) -> None:
        """What the table says. Without its help nobody is kept waiting."""
        try:
            state = ask()
        except Exception as error:
            logs.failure("endpoint's state", error)
            return
        with self._changed:
            known.state, known.read_again_at = state, monotonic() + _KNOWN_SECONDS
            self._changed.notify_all()
