"""Reads of the lists: the index `listed`, and the items that it names.

A list lies in 16 parts (keys.DIGITS), each in the order of time. A page asks all of them once, at the same
time, and puts together what came: its work is bounded, and a filter makes it shorter, not slower.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from switchboard import clock
from switchboard.store import keys
from switchboard.store.attributes import Item, dump, load
from switchboard.store.calls import Table
from switchboard.store.items import DispatchItem, MessageItem

AT_ONCE = 4
"""Parts that are asked side by side, each by a connection that a cold start has to open."""
_END_OF_TIME = 10**15 - 1


@dataclass(frozen=True)
class Entry:
    """One line of the index."""

    at: str
    """Its place in the list: keys.listed_at."""
    uuid: str
    channels: tuple[str, ...]
    """Of a dispatch that of each step."""


@dataclass(frozen=True)
class Wanted:
    """What a list is asked for. All that is None is not asked."""

    kind: Literal["M", "D"]
    owners: tuple[str, ...]
    """Applications, and keys.ACCOUNT for what belongs to none."""
    size: int
    channel: str | None = None
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: str | None = None
    """The place where the page before ended."""
    floor: str | None = None
    """What is older is not wanted: others have enough that is newer."""
    read: int | None = None
    """Of each part at most; None for as many as the page has. For pages so long that all parts have some."""

    @property
    def mark(self) -> str | None:
        return keys.mark(self.person) if self.person else None

    @property
    def digits(self) -> str:
        """The parts of each owner's list that have it. A message lies where its recipient's mark says."""
        return self.mark[0] if self.mark and self.kind == "M" else keys.DIGITS


class ListStore(Table):
    def entries(self, wanted: Wanted) -> tuple[list[Entry], str | None]:
        """One page, newest first, and its end if more can follow. A short one need not be the last."""
        mark = wanted.mark
        parts = [keys.listed(owner, wanted.kind, digit) for owner in wanted.owners for digit in wanted.digits]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = list(pool.map(lambda part: self._part(part, wanted, mark), parts))
        # Below this some part was not read yet, so that nothing can be said about the order.
        known_to = max((end for _, end in answers if end), default="")
        found = sorted(
            (entry for entries, _ in answers for entry in entries if entry.at >= known_to),
            key=lambda entry: entry.at,
            reverse=True,
        )
        if len(found) > wanted.size:
            found = found[: wanted.size]
            return found, found[-1].at
        return found, known_to or None

    def messages(self, uuids: Sequence[str]) -> dict[str, MessageItem]:
        """By their uuids, as far as they are there still."""
        items = self._items([keys.message(uuid) for uuid in uuids])
        found = [MessageItem.load(item) for item in items if "message" in item]
        return {item.uuid: item for item in found}

    def dispatches(self, uuids: Sequence[str]) -> dict[str, DispatchItem]:
        items = self._items([keys.dispatch(uuid) for uuid in uuids])
        found = [DispatchItem.load(item) for item in items]
        return {item.dispatch_uuid: item for item in found}

    def _part(self, part: str, wanted: Wanted, mark: str | None) -> tuple[list[Entry], str | None]:
        """A page of one part, and its end if there is more."""
        first = keys.listed_at(max(0, clock.milliseconds(wanted.since)) if wanted.since else 0, "")
        last = keys.listed_at(clock.milliseconds(wanted.until) + 1 if wanted.until else _END_OF_TIME, "")
        if wanted.before:
            last = min(last, wanted.before)
        if wanted.floor:
            first = max(first, wanted.floor)
        if first >= last:
            return [], None
        values: Item = {":part": part, ":first": first, ":last": last}
        filters = []
        for name, value in (("marks", mark), ("channel", wanted.channel)):
            if value:
                filters.append(f"contains({name}, :{name})")
                values[f":{name}"] = value
        answer = self._client.query(
            TableName=self._table,
            IndexName="listed",
            KeyConditionExpression="listed = :part AND listed_at BETWEEN :first AND :last",
            ExpressionAttributeValues=dump(values),
            ScanIndexForward=False,
            Limit=(wanted.read or wanted.size) + 1,
            **({"FilterExpression": " AND ".join(filters)} if filters else {}),
        )
        entries = [_entry(item) for item in answer["Items"]]
        end = answer.get("LastEvaluatedKey")
        # Where the page before ended is that page's.
        fresh = [entry for entry in entries if entry.at != wanted.before]
        return fresh, load(end)["listed_at"] if end else None


def _entry(item: Item) -> Entry:
    values = load(item)
    return Entry(values["listed_at"], values["pk"].partition("#")[2], tuple(values["channel"].split(" ")))
