"""Events that a client did not take, for whoever wants to see them or have them again.

`notifying.py` puts them aside. A replayed event is queued anew: it has another 24 hours, and what is sent is
rendered and signed then, under the same id as ever. It is queued first and noted then, so that one that
nobody hears of any more is never called replayed. Die in between, and the next replay of that time queues it
once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from switchboard import clock
from switchboard.callers import Caller
from switchboard.errors import NotFound
from switchboard.models.webhooks import Ids, Period
from switchboard.queues import BATCH, NewsQueue
from switchboard.store import FailedEvent, FailedStore
from switchboard.store.keys import ACCOUNT

MOST, PAGE = 500, 100
"""Events that one call replays, and that it reads at a time."""


@dataclass(frozen=True)
class Replayed:
    count: int
    unknown: tuple[str, ...] = ()
    """Ids of no event that was put aside, or of none of the caller's."""
    following: str | None = None
    """Where the next call goes on, if there is more."""


@dataclass(frozen=True)
class Replaying:
    store: FailedStore
    queue: NewsQueue

    def page(self, asked: Period, caller: Caller) -> tuple[list[FailedEvent], str | None]:
        """One page, and where the next one begins. NotFound if it is another's."""
        owner = _owner(asked.application_id, caller)
        newest_first = asked.order == "desc"
        return self.store.page(owner, asked.since, asked.until, asked.cursor, asked.page_size, newest_first)

    def replay(self, wanted: Period | Ids, caller: Caller) -> Replayed:
        """By ids each of them again; of a time those that were not replayed since they failed last.

        NotFound if it is another's, or if there is none of the ids.
        """
        if isinstance(wanted, Ids):
            return self._ids(wanted, caller)
        count, after = 0, wanted.cursor
        owner = _owner(wanted.application_id, caller)
        while True:
            found, after = self.store.page(owner, wanted.since, wanted.until, after, PAGE)
            waiting = [event for event in found if event.replayed_at is None]
            self._again(waiting)
            count += len(waiting)
            if after is None or count >= MOST:
                return Replayed(count, following=after)

    def _ids(self, wanted: Ids, caller: Caller) -> Replayed:
        owner = caller.owner(wanted.application_id)
        found = {id_: self.store.get(id_) for id_ in wanted.event_ids}
        theirs = [
            event
            for event in found.values()
            if event
            and caller.may_see(event.application_id)
            and owner in (None, event.application_id or ACCOUNT)
        ]
        if not theirs:
            raise NotFound(wanted.event_ids[0])
        self._again(theirs)
        known = {event.event_id for event in theirs}
        return Replayed(len(theirs), tuple(id_ for id_ in wanted.event_ids if id_ not in known))

    def _again(self, events: Sequence[FailedEvent]) -> None:
        for start in range(0, len(events), BATCH):
            batch = events[start : start + BATCH]
            self.queue.put(*(event.news for event in batch))
            now = clock.now()
            for event in batch:
                self.store.replayed(event, now)


def _owner(application_id: str | None, caller: Caller) -> str:
    """Whose events are meant: without a name the caller's own. NotFound if they are not for the caller."""
    return caller.owner(application_id) or ACCOUNT
