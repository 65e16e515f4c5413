"""The Webhooks queue for records that are worked on side by side: what they announce goes in few calls."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from switchboard.queues import BATCH, Entry, News, NewsQueue, Way

HOLD = 0.2
"""Seconds that news waits for that of others. As long, what a provider has taken is not written down."""


@dataclass(eq=False)
class _Waiting:
    """What one record announces. `left` is what the queue is not known to have."""

    left: list[Entry]
    is_taken: bool = False
    """Somebody puts it; `is_done`: they have tried."""
    is_done: bool = False


class Gathered(NewsQueue):
    """Whoever announces something waits until all who are at work do, or for HOLD seconds at most; then one
    of them puts everything. What the queue refused of that, and all of it if nobody knows, is put once more
    by each for itself, so that a failure is nobody's but its own. An entry that is there twice bears the same
    name, and tells of one event.

    Outside of `working` nothing waits.
    """

    def __init__(self, client: Any, url: str, ways: Sequence[Way] = ("webhook",)) -> None:
        super().__init__(client, url, ways)
        self._changed = threading.Condition()
        self._at_work = 0
        self._waiting: list[_Waiting] = []

    @contextmanager
    def working(self) -> Iterator[None]:
        """Within it, somebody is at work who may have something to announce."""
        with self._changed:
            self._at_work += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def announce(self, *news: News) -> None:
        """All or an error."""
        mine = _Waiting(self.entries(news))
        together = self._gather(mine)
        if len(together) > 1:
            self._put_together(together)
        elif not together:
            with self._changed:
                self._changed.wait_for(lambda: mine.is_done)
        self.put(*mine.left)

    def _gather(self, mine: _Waiting) -> list[_Waiting]:
        """What the caller has to put; nothing if somebody else puts what is its own."""
        with self._changed:
            self._waiting.append(mine)
            self._changed.notify_all()
            until = monotonic() + HOLD
            while not mine.is_taken:
                left = until - monotonic()
                if left <= 0 or self._is_time():
                    together, self._waiting = self._waiting, []
                    for each in together:
                        each.is_taken = True
                    return together
                self._changed.wait(left)
        return []

    def _is_time(self) -> bool:
        count = sum(len(each.left) for each in self._waiting)
        return len(self._waiting) >= self._at_work or count >= BATCH

    def _put_together(self, together: list[_Waiting]) -> None:
        entries = [(each, entry) for each in together for entry in each.left]
        try:
            for start in range(0, len(entries), BATCH):
                part = entries[start : start + BATCH]
                for number in self.taken([entry for _, entry in part]):
                    each, entry = part[number]
                    each.left.remove(entry)
        except (BotoCoreError, ClientError):
            pass  # each has what is left of it
        finally:
            with self._changed:
                for each in together:
                    each.is_done = True
                self._changed.notify_all()
