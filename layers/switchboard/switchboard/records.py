"""Works through a batch of SQS records side by side and reports which are to be seen again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Any

from switchboard import logs, measures
from switchboard.queues import Later, Queue, Record

_pool = ThreadPoolExecutor(max_workers=10)


def work(
    event: dict[str, Any],
    queue: Queue | None,
    handle: Callable[[Record], None],
    working: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> dict[str, Any]:
    """The partial batch response: failed records stay in the queue, the others are done.

    Later says when its record is seen again, which needs `queue`. Anything unforeseen leaves the record to
    the queue's own timeout, and in the end to the dead-letter queue. Each is worked on within `working`: all
    are in it before the first is begun.
    """
    records = [Record.of(record) for record in event["Records"]]
    places = [ExitStack() for _ in records]
    for place in places:
        place.enter_context(working())
    done = list(_pool.map(lambda record, place: _handle(record, queue, handle, place), records, places))
    measures.flush()
    return {
        "batchItemFailures": [
            {"itemIdentifier": record.id}
            for record, is_done in zip(records, done, strict=True)
            if not is_done
        ]
    }


def _handle(
    record: Record,
    queue: Queue | None,
    handle: Callable[[Record], None],
    place: ExitStack,
) -> bool:
    try:
        try:
            with place:
                handle(record)
        except Later as later:
            assert queue
            queue.postpone(record, later.seconds)
            return False
    except Exception as error:  # one bad record must not take the other nine with it
        logs.failure("record failed", error, record_id=record.id, **logs.named(record.body))
        return False
    return True
