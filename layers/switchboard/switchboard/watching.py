"""Tells of what takes long while it still does. One thread for all that is watched, as one for each would
cost more than the call that it watches; it goes when there is nothing left to watch."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class _Watched(Generic[T]):
    subject: T
    until: float
    is_over: bool = False


class Watch(Generic[T]):
    def __init__(self, seconds: float, tell: Callable[[T], None]) -> None:
        """`tell` is called in a thread of its own, once for each that is not over after `seconds`."""
        self._seconds = seconds
        self._tell = tell
        self._lock = threading.Lock()
        self._watched: deque[_Watched[T]] = deque()
        """By when they began, and so by when they are looked at."""
        self._is_at_work = False

    @contextmanager
    def over(self, subject: T) -> Iterator[None]:
        watched = _Watched(subject, monotonic() + self._seconds)
        with self._lock:
            self._watched.append(watched)
            starts, self._is_at_work = not self._is_at_work, True
        if starts:
            threading.Thread(target=self._work, daemon=True).start()
        try:
            yield
        finally:
            watched.is_over = True

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._watched:
                    self._is_at_work = False
                    return
                first = self._watched.popleft()
            if not first.is_over:
                sleep(max(0.0, first.until - monotonic()))
            if not first.is_over:
                threading.Thread(target=self._tell, args=(first.subject,), daemon=True).start()
