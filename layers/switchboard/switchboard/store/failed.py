"""Reads and writes of events that a client did not take: what their queue entries said, and what was wrong.

An event is one item, named by when it first was in the queue: put aside twice it is the same one. Beside it
lies a pointer by its id, which is written first. Ids only, as in the queue.
"""

from datetime import datetime
from typing import Self

from switchboard import clock
from switchboard.models.frozen import Frozen
from switchboard.queues import NEWS, News
from switchboard.store import keys
from switchboard.store.attributes import Item, dump, load
from switchboard.store.calls import DAY, Lost, Table

KEPT_DAYS = 14
_END_OF_TIME = 10**15 - 1


class FailedEvent(Frozen):
    event_id: str
    application_id: str | None
    news: News
    """The queue entry that tells of this event and of no other."""
    occurred_at: datetime
    """When it was queued first."""
    failed_at: datetime
    attempts: int
    reason: str
    replayed_at: datetime | None = None
    """When it was queued again, if it did not fail again since."""

    @property
    def owner(self) -> str:
        return self.application_id or keys.ACCOUNT

    def dump(self) -> Item:
        return dump(
            {
                "event_id": self.event_id,
                "application_id": self.application_id,
                "news": self.news.model_dump_json(),
                "occurred_at": clock.milliseconds(self.occurred_at),
                "failed_at": clock.wire(self.failed_at),
                "attempts": self.attempts,
                "reason": self.reason,
            }
        )

    @classmethod
    def load(cls, item: Item) -> Self:
        values = load(item)
        return cls(
            event_id=values["event_id"],
            application_id=values.get("application_id"),
            news=NEWS.validate_json(values["news"]),
            occurred_at=clock.from_milliseconds(int(values["occurred_at"])),
            failed_at=clock.from_wire(values["failed_at"]),
            attempts=int(values["attempts"]),
            reason=values["reason"],
            replayed_at=clock.from_wire(values["replayed_at"]) if "replayed_at" in values else None,
        )


class FailedStore(Table):
    def put(self, event: FailedEvent) -> None:
        at = clock.milliseconds(event.occurred_at)
        pointer = {"application_id": event.application_id, "at": at}
        self._put(keys.failed_pointer(event.event_id), dump(pointer), KEPT_DAYS * DAY)
        self._put(keys.failed_event(event.owner, at, event.event_id), event.dump(), KEPT_DAYS * DAY)

    def get(self, event_id: str) -> FailedEvent | None:
        pointer = self._get(keys.failed_pointer(event_id), consistent=True)
        if pointer is None:
            return None
        values = load(pointer)
        owner = values.get("application_id") or keys.ACCOUNT
        found = self._get(keys.failed_event(owner, int(values["at"]), event_id), consistent=True)
        return FailedEvent.load(found) if found else None

    def page(
        self,
        owner: str,
        since: datetime | None,
        until: datetime | None,
        after: str | None,
        size: int,
        newest_first: bool = False,
    ) -> tuple[list[FailedEvent], str | None]:
        """Those that occurred in a time, both ends included; and the place of the last one if more follow.
        `after` is such a place."""
        first = keys.failed_time(max(0, clock.milliseconds(since)) if since else 0)
        last = keys.failed_time(max(0, clock.milliseconds(until)) + 1 if until else _END_OF_TIME)
        start: dict[str, Item] = {}
        if after is not None and newest_first:
            if after < first:
                return [], None
            if after <= last:  # beyond the time there can be no start
                start = {"ExclusiveStartKey": dump({"pk": keys.failed(owner), "sk": after})}
        elif after is not None:
            first = max(first, f"{after} ")  # a blank comes before whatever else could follow there
        if first > last:
            return [], None
        answer = self._client.query(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=dump({":pk": keys.failed(owner), ":first": first, ":last": last}),
            Limit=size,
            ScanIndexForward=not newest_first,
            **start,
        )
        following = answer.get("LastEvaluatedKey")
        found = [FailedEvent.load(item) for item in answer["Items"]]
        return found, load(following)["sk"] if following else None

    def replayed(self, event: FailedEvent, at: datetime) -> None:
        """Note that it was queued again, unless it has failed again by now."""
        key = keys.failed_event(event.owner, clock.milliseconds(event.occurred_at), event.event_id)
        try:
            self._update(
                key,
                "SET replayed_at = :at",
                "failed_at = :failed_at",
                {":at": clock.wire(at), ":failed_at": clock.wire(event.failed_at)},
            )
        except Lost:
            return
