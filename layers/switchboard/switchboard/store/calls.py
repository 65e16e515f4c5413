"""The calls that reads and writes of the table are made of."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from time import sleep
from typing import Any

from botocore.exceptions import ClientError

from switchboard import clock
from switchboard.store import keys
from switchboard.store.attributes import Item, dump

DAY = 86_400
BATCH = 100
"""Items that one read takes."""
PAUSE = 0.05
"""Seconds until the rest of a read is asked for again."""
_CONFLICTS = 3
"""How often a transaction is tried that met another one."""


class Lost(Exception):
    """A conditional write found another state than it asked for. `found` is the item as it is, if any."""

    def __init__(self, found: Item | None) -> None:
        super().__init__("conditional write lost")
        self.found = found


class Table:
    def __init__(self, client: Any, table_name: str, retention_days: int) -> None:
        self._client = client
        self._table = table_name
        self._retention = retention_days * DAY

    def _get(self, key: keys.Key, *, consistent: bool = False) -> Item | None:
        answer = self._client.get_item(TableName=self._table, Key=dump(key), ConsistentRead=consistent)
        item: Item | None = answer.get("Item")
        return item

    def _query(self, partition: str, prefix: str = "", *, consistent: bool = True) -> list[Item]:
        """Everything in a partition whose sort key begins so, in its order."""
        condition, values = "pk = :pk", {":pk": partition}
        if prefix:
            condition, values = f"{condition} AND begins_with(sk, :prefix)", values | {":prefix": prefix}
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=consistent,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=dump(values),
        )
        return [item for page in pages for item in page["Items"]]

    def _items(self, wanted: Sequence[keys.Key]) -> list[Item]:
        """In no order, and without those that are not there. No key twice."""
        found: list[Item] = []
        for start in range(0, len(wanted), BATCH):
            left = {self._table: {"Keys": [dump(key) for key in wanted[start : start + BATCH]]}}
            while left:
                answer = self._client.batch_get_item(RequestItems=left)
                found += answer["Responses"].get(self._table, [])
                left = answer.get("UnprocessedKeys") or {}
                if left:  # more than may be read at once
                    sleep(PAUSE)
        return found

    def _add(self, key: keys.Key, attributes: Item, needed_until: datetime) -> bool:
        """Put what must be new. It is kept for the retention time after it is needed no more."""
        expires = dump({"expires_at": int(needed_until.timestamp()) + self._retention})
        try:
            self._client.put_item(
                TableName=self._table,
                Item=dump(key) | attributes | expires,
                ConditionExpression="attribute_not_exists(pk)",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _put(self, key: keys.Key, attributes: Item, seconds: int | None = None) -> None:
        """Put over whatever is there; kept for ever unless `seconds` are given."""
        expires = dump({"expires_at": int(clock.now().timestamp()) + seconds if seconds else None})
        self._client.put_item(TableName=self._table, Item=dump(key) | attributes | expires)

    def _update(
        self,
        key: keys.Key,
        expression: str,
        condition: str,
        values: Item,
        names: Mapping[str, str] | None = None,
    ) -> Item:
        """The item after the update. Lost if the condition does not hold."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=dump(key),
                UpdateExpression=expression,
                ConditionExpression=condition,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **({"ExpressionAttributeValues": dump(values)} if values else {}),
                **({"ExpressionAttributeNames": names} if names else {}),
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            raise Lost(error.response.get("Item")) from error
        item: Item = answer["Attributes"]
        return item

    def _transact(self, *writes: tuple[str, Item]) -> bool:
        """All writes (Put, Delete) or none: False if a condition does not hold. For what is rarely written,
        as each costs two."""
        items = [{kind: {"TableName": self._table, **write}} for kind, write in writes]
        for tried in range(1, _CONFLICTS + 1):
            try:
                self._client.transact_write_items(TransactItems=items)
                return True
            except self._client.exceptions.TransactionCanceledException as error:
                codes = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
                if "ConditionalCheckFailed" in codes:
                    return False
                if "TransactionConflict" not in codes or tried == _CONFLICTS:
                    raise
        raise AssertionError("unreachable")
