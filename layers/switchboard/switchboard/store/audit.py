"""The audit trail: an entry is put before its change and again after it. It lies with those of its month."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from switchboard import clock
from switchboard.models.audit import KEPT, Entry
from switchboard.store import keys
from switchboard.store.attributes import Item, dump, load
from switchboard.store.calls import DAY, Table


class AuditStore(Table):
    def put(self, entry: Entry) -> None:
        self._put(keys.audit(entry.at, entry.entry_id), dump({"entry": entry.text()}), KEPT * DAY)

    def page(
        self, since: datetime, until: datetime, before: str | None, size: int
    ) -> tuple[list[Entry], str | None]:
        """The newest of a time first; before a place, if one is given. And where the next page begins."""
        first, last = (keys.audit(at, "")["sk"] for at in (since, until))
        last = min(last, before) if before else last
        if first > last:
            return [], None
        found: list[Entry] = []
        for month in _months_back(since, _month_of(last, until)):
            found += self._of_month(month, first, last, before, size + 1 - len(found))
            if len(found) > size:
                break
        page = found[:size]
        return page, keys.audit(page[-1].at, page[-1].entry_id)["sk"] if len(found) > size else None

    def _of_month(self, month: datetime, first: str, last: str, before: str | None, size: int) -> list[Entry]:
        """So many, or all that there are: an answer has 1 MB at most."""
        found: list[Entry] = []
        start: dict[str, Item] = {}
        while True:
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :month AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues=dump(
                    {":month": keys.audits(month), ":first": first, ":last": last}
                ),
                ScanIndexForward=False,
                Limit=size - len(found) + bool(before),  # which itself is no part of this page
                **start,
            )
            found += [_entry(item) for item in answer["Items"] if load(item)["sk"] != before]
            following = answer.get("LastEvaluatedKey")
            if not following or len(found) >= size:
                return found
            start = {"ExclusiveStartKey": following}


def _entry(item: Item) -> Entry:
    values = load(item)
    milliseconds, _, entry_id = values["sk"].partition("#")
    return Entry.load(entry_id, clock.from_milliseconds(int(milliseconds)), values["entry"])


def _month_of(place: str, latest: datetime) -> datetime:
    """Of a sort key. What is not one, as it is not one of ours, is after everything."""
    digits = place.partition("#")[0]
    if digits.isdecimal() and int(digits) < clock.milliseconds(latest):
        return clock.from_milliseconds(int(digits))
    return latest


def _months_back(since: datetime, until: datetime) -> Iterator[datetime]:
    """The first moment of each month, from the last back."""
    month = until.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month > since - timedelta(days=31) and keys.audits(month) >= keys.audits(since):
        yield month
        month = (month - timedelta(days=1)).replace(day=1)
