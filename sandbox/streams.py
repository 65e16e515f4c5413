"""Tables' streams and the functions that they feed, in the place of ministack's own.

On AWS a stream's records outlive everything for a day, and a function that is slow or fails keeps nothing
else waiting. In ministack 1.5.33 they were in memory alone, of a restart's first records as many were passed
over as had been read before it, a function at work kept all queues waiting, and no event named its shard.

Records are made of the changes as the journal has them (durable.py). Each has a number, which the journal has
too: those that were not worked on when this process was killed are made again of the journal's lines. One
function reads a table's stream.

    {"stream": table's ARN, "to": number}            what its function has worked on, in the journal
"""

import time
from collections.abc import Iterable
from itertools import islice
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import dynamodb, lambda_svc

from sandbox.corrections import Patch
from sandbox.journal import Journal

WINDOW = 1.0
"""Seconds that records are gathered at most: on AWS half a minute, but here people look on."""
_LOOKED_AT = 10
"""Batches' worth of records that are looked at for one."""
SHARD = "shardId-00000000000000000000-local"
Record = dict[str, Any]


class Streams:
    """Those of all tables that have one. Use with `journal.lock` held, but for `poll`."""

    def __init__(self, journal: Journal, patch: Patch = setattr) -> None:
        self._journal = journal
        self._waiting: dict[str, dict[int, Record]] = {}
        """Records that no function has worked on, by table and number, in their order."""
        self._last = 0
        self._since: dict[str, float] = {}
        """When a function was given the last batch."""
        self.is_open = True
        patch(dynamodb, "_emit_stream_event", lambda *arguments, **more: None)
        patch(lambda_svc, "_poll_dynamodb_streams", self.poll)

    # --- what changes ----------------------------------------------------------------------------

    def number(self, table: dict[str, Any]) -> int | None:
        """That of the next record; None if the table has no stream."""
        if not (table.get("StreamSpecification") or {}).get("StreamEnabled"):
            return None
        self._last = max(self._last + 1, time.time_ns())  # never one that was there in an earlier run
        return self._last

    def add(
        self,
        table: dict[str, Any],
        number: int | None,
        old: dict[str, Any] | None,
        new: dict[str, Any] | None,
    ) -> None:
        """An item changes from `old` to `new`. A write that changes nothing has no record."""
        waiting = self._waiting.setdefault(table["TableArn"], {})
        if number is None or old == new or number in waiting:
            return
        self._last = max(self._last, number)
        some = new or old or {}
        names = [name for name in (table["pk_name"], table["sk_name"]) if name]
        images = {"OldImage": old, "NewImage": new}
        stream = table.get("LatestStreamArn") or ""
        waiting[number] = {
            "eventID": f"{number:032x}",
            "eventName": "INSERT" if old is None else "MODIFY" if new is not None else "REMOVE",
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": stream.split(":")[3] if stream else "",
            "dynamodb": {
                "ApproximateCreationDateTime": number // 1_000_000_000,
                "Keys": {name: some[name] for name in names},
                "SequenceNumber": str(number),
                "SizeBytes": 0,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
                **{name: image for name, image in images.items() if image is not None},
            },
            "eventSourceARN": stream,
        }

    def worked_on(self, arn: str, to: int) -> None:
        """As the journal tells it."""
        waiting = self._waiting.get(arn, {})
        for number in [number for number in waiting if number <= to]:
            del waiting[number]

    # --- a snapshot ------------------------------------------------------------------------------

    def kept(self) -> dict[str, list[Record]]:
        return {arn: list(waiting.values()) for arn, waiting in self._waiting.items() if waiting}

    def load(self, kept: dict[str, list[Record]]) -> None:
        for arn, records in kept.items():
            by_number = {int(record["dynamodb"]["SequenceNumber"]): record for record in records}
            self._waiting[arn] = by_number

    def sort(self) -> None:
        """By number: the journal begins before a snapshot, and adds again what that had worked on."""
        for arn, waiting in self._waiting.items():
            self._waiting[arn] = dict(sorted(waiting.items()))

    # --- functions -------------------------------------------------------------------------------

    def poll(self) -> bool:
        """Give each function a batch, unless it still has one. Whether there was anything to do."""
        if not self.is_open:
            return False
        given = [self._give(*scoped) for scoped in lambda_svc._iter_all_esms()]
        return any(given)

    def _give(self, account: str, region: str, source: dict[str, Any]) -> bool:
        arn, separator, _ = source.get("EventSourceArn", "").partition("/stream/")
        name, now = source["UUID"], time.time()
        is_resting = lambda_svc._esm_inflight.get(name) or lambda_svc._esm_backoff_until.get(name, 0) > now
        if not separator or is_resting or not source.get("Enabled", True):
            return False
        window = min(WINDOW, source.get("MaximumBatchingWindowInSeconds", 0))
        if now < self._since.get(name, 0) + window:
            return False
        size = source.get("BatchSize", 100)
        with self._journal.lock:
            records = list(islice(self._waiting.get(arn, {}).items(), _LOOKED_AT * size))
        wanted = lambda_svc._apply_filter_criteria([record for _, record in records], source)[:size]
        if not wanted:
            self._done(arn, records)
            return False
        last = int(wanted[-1]["dynamodb"]["SequenceNumber"])
        self._since[name] = now
        scope = request_scope(account, region)
        lambda_svc._dispatch_esm_batch(
            name, self._work, source, scope, arn, wanted, [one for one in records if one[0] <= last]
        )
        return True

    def _work(
        self,
        source: dict[str, Any],
        scope: Any,
        arn: str,
        wanted: list[Record],
        records: Iterable[tuple[int, Record]],
    ) -> None:
        event = {"Records": wanted, "shardId": SHARD, "state": {}}  # as with a tumbling window
        with scope:
            function, _ = lambda_svc._get_func_record_for_qualifier(
                source["FunctionName"], source.get("Qualifier")
            )
            failed = function is None or lambda_svc._execute_function(function, event).get("error")
        if failed:
            lambda_svc._esm_backoff_until[source["UUID"]] = time.time() + lambda_svc._ESM_BACKOFF_SECONDS
        else:
            self._done(arn, records)

    def _done(self, arn: str, records: Iterable[tuple[int, Record]]) -> None:
        to = max((number for number, _ in records), default=None)
        if to is not None:
            with self._journal.lock:
                self.worked_on(arn, to)
                self._journal.write({"stream": arn, "to": to})
