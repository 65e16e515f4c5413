"""What was counted of messages: one item for each hour and day, application, channel, provider and country,
and one for each step of workflows.

Items are added to by transactions, each of which says too how far its shard of the table's stream is counted.
"""

import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from botocore.exceptions import ClientError

from switchboard import clock
from switchboard.store import keys
from switchboard.store.attributes import Item, dump, load
from switchboard.store.calls import DAY, Table

Unit = Literal["hour", "day"]
KEPT: Mapping[Unit, int] = {"hour": 40 * DAY, "day": 800 * DAY}
"""Seconds."""
MOST = 49
"""Places that one transaction can add to, as each is an item of a day and one of an hour, and the shard's is
one more: DynamoDB takes 100."""
_SHARD_KEPT = 3 * DAY
"""A stream forgets its records after a day."""
_TRIES, _PAUSE = 6, 0.05
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

Counts = Mapping[str, Decimal]
"""What is counted, by its attribute (counting.py)."""


class Place(NamedTuple):
    """What something is counted under, beside its time. A step has a number, and no provider or country."""

    owner: str
    """An application, or keys.ACCOUNT for what belongs to none."""
    channel: str
    provider: str = ""
    country: str = ""
    step: int | None = None

    @property
    def _name(self) -> str:
        if self.step is not None:
            return f"S#{self.step}#{self.channel}"
        return f"M#{self.channel}#{self.provider}#{self.country}"

    def key(self, unit: Unit, at: datetime) -> keys.Key:
        return keys.insight(unit, at, self.owner, self._name)

    @classmethod
    def named(cls, owner: str, name: str) -> "Place":
        kind, *rest = name.split("#")
        if kind == "S":
            return cls(owner, rest[1], step=int(rest[0]))
        channel, provider, country = rest
        return cls(owner, channel, provider, country)


class Aggregate(NamedTuple):
    place: Place
    at: datetime
    """When its hour or day begins."""
    counts: Counts


class TooMuch(Exception):
    """More items would have to be read than one answer can be made of."""


class InsightStore(Table):
    def add(
        self, shard: str, first: int, last: int, counted: Mapping[tuple[Place, datetime], Counts]
    ) -> int | None:
        """Add all of it, or nothing. `counted` is by place and hour, and of the shard's records from `first`
        to `last` (sequence numbers), of which none may be counted yet.

        None if this call added it, else how far the shard was counted before. Raises ClientError.
        """
        items = [self._advance(shard, first, last)]
        items += [self._addition(where, counts) for where, counts in _summed(counted).items()]
        for attempt in range(1, _TRIES + 1):
            try:
                self._client.transact_write_items(TransactItems=items)
                return None
            except ClientError as error:
                reasons = error.response.get("CancellationReasons", [])
                codes = {reason.get("Code") for reason in reasons}
                if reasons and reasons[0].get("Code") == "ConditionalCheckFailed":
                    return self._counted_to(shard)
                if not codes & _PASSING or attempt == _TRIES:
                    raise
            time.sleep(random.uniform(0, _PAUSE * 2**attempt))
        raise AssertionError

    def read(
        self, unit: Unit, since: datetime, until: datetime, owner: str | None, most: int
    ) -> list[Aggregate]:
        """Of the hours of one day, or the days of one month, those that begin from `since` to before `until`.
        `owner` None is for everybody's. TooMuch if these are more than `most`."""
        values: Item = {":period": keys.insights(unit, since)}
        condition = "pk = :period"
        if owner:
            condition += " AND sk BETWEEN :first AND :last"
            first, last = (keys.insight(unit, at, owner, "")["sk"] for at in (since, until - _A_MOMENT))
            values |= {":first": first, ":last": f"{last}~"}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=dump(values),
        )
        found: list[Aggregate] = []
        for page in pages:
            aggregates = (_aggregate(unit, load(item)) for item in page["Items"])
            found += [one for one in aggregates if since <= one.at < until]
            if len(found) > most:
                raise TooMuch
        return found

    def _advance(self, shard: str, first: int, last: int) -> dict[str, Any]:
        expires = int(clock.now().timestamp()) + _SHARD_KEPT
        values = {":first": _digits(first), ":last": _digits(last), ":expires": expires}
        update = {
            "TableName": self._table,
            "Key": dump(keys.counted(shard)),
            "UpdateExpression": "SET counted_to = :last, expires_at = :expires",
            "ConditionExpression": "attribute_not_exists(counted_to) OR counted_to < :first",
            "ExpressionAttributeValues": dump(values),
        }
        return {"Update": update}

    def _counted_to(self, shard: str) -> int:
        found = self._get(keys.counted(shard), consistent=True)
        assert found, "what a condition found is there for days"
        return int(load(found)["counted_to"])

    def _addition(self, where: "_Where", counts: Counts) -> dict[str, Any]:
        unit, at, place = where
        values = {f":{n}": value for n, value in enumerate(counts.values())}
        adds = ", ".join(f"#{n} :{n}" for n in range(len(counts)))
        expires = int(at.timestamp()) + KEPT[unit]
        update = {
            "TableName": self._table,
            "Key": dump(place.key(unit, at)),
            "UpdateExpression": f"SET expires_at = :expires ADD {adds}",
            "ExpressionAttributeNames": {f"#{n}": name for n, name in enumerate(counts)},
            "ExpressionAttributeValues": dump({**values, ":expires": expires}),
        }
        return {"Update": update}


def _digits(sequence: int) -> str:
    """They have up to 40 digits, more than a number of the table."""
    return f"{sequence:040d}"


_A_MOMENT = timedelta(microseconds=1)
_Where = tuple[Unit, datetime, Place]


def _summed(counted: Mapping[tuple[Place, datetime], Counts]) -> dict[_Where, Counts]:
    """By the items that it is added to."""
    found: dict[_Where, dict[str, Decimal]] = {}
    for (place, hour), counts in counted.items():
        wheres: tuple[_Where, _Where] = (("hour", hour, place), ("day", hour.replace(hour=0), place))
        for where in wheres:
            sums = found.setdefault(where, {})
            for name, value in counts.items():
                sums[name] = sums.get(name, Decimal(0)) + value
    rid = ({name: value for name, value in sums.items() if value} for sums in found.values())
    return {where: sums for where, sums in zip(found, rid, strict=True) if sums}


def _aggregate(unit: Unit, values: Item) -> Aggregate:
    period = values["pk"].partition("#")[2]
    owner, part, name = values["sk"].split("#", 2)
    at = datetime.fromisoformat(f"{period}-{part}" if unit == "day" else f"{period}T{part}:00")
    about = ("pk", "sk", "expires_at")
    counts = {attribute: value for attribute, value in values.items() if attribute not in about}
    return Aggregate(Place.named(owner, name), at.replace(tzinfo=UTC), counts)
