"""What every request asks the table for and what changes seldom, read once a second at most by each process:
so that no key of the table is read as often as there are requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")

SECONDS = 1.0
"""How long another process's change can go unseen."""
MOST = 1000
"""Things that are remembered; then all are forgotten."""


class Remembered(Generic[T]):
    """By their names. What is not there is not remembered: it is found as soon as somebody makes it."""

    def __init__(self, read: Callable[[str], T | None]) -> None:
        self._read = read
        self._found: dict[str, tuple[float, T]] = {}
        self._reading = threading.Lock()
        """Held by one of those who want to know: the others wait for what it finds."""

    def forget(self, name: str) -> None:
        """We changed it ourselves."""
        self._found.pop(name, None)

    def get(self, name: str) -> T | None:
        """As it was a second ago at most."""
        return self.look(name)[0]

    def look(self, name: str) -> tuple[T | None, bool]:
        """The same, and whether it was read just now: who does not like it may `read` it otherwise."""
        found = self._fresh(name)
        if found is not None:
            return found, False
        with self._reading:
            found = self._fresh(name)
            return (found, False) if found is not None else (self.read(name), True)

    def _fresh(self, name: str) -> T | None:
        at, found = self._found.get(name, (0.0, None))
        return found if monotonic() < at + SECONDS else None

    def read(self, name: str) -> T | None:
        """As it is."""
        asked = monotonic()
        found = self._read(name)
        if found is None:
            self._found.pop(name, None)
            return None
        if len(self._found) >= MOST:
            self._found.clear()
        self._found[name] = asked, found
        return found
