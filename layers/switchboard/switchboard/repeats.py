"""Recognises a request that comes again under its `Idempotency-Key`.

What a request starts has a uuid that follows from the caller and the key, so that the conditional write which
starts it finds the repeat: there is nothing else to read or to keep. Beside it lie the request's fingerprint
and, while the request is worked on, until when it can be.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4, uuid5

from switchboard import clock
from switchboard.errors import Fault, InvalidRequest, KeyReused, StillRunning
from switchboard.models.origin import Origin

if TYPE_CHECKING:
    from switchboard.callers import Caller

HEADER = "idempotency-key"
KEPT = timedelta(hours=24)
RUNS = timedelta(seconds=20)
"""Longer than a function that starts something can live: after that, whoever was at it has died."""
_SPACE = UUID("0a1fbb2b-2a0c-4a4e-9a3e-7f7d3f9a1c55")
_KEY = re.compile(r"[\x21-\x7e][\x20-\x7e]{0,254}")
_GENERATIONS = 100

Body = dict[str, str]
Start = Callable[[object, str, "Caller", Origin | None], Body]


class Outlived(Exception):
    """What is there under this uuid is of a request so old that its key is free again."""


def once(
    headers: Mapping[str, str],
    caller: Caller,
    kind: str,
    body: object,
    start: Start,
) -> Body:
    """Start what a request asks for, or if it has a key and is a repeat, find what its first coming started.
    Returns the answer, which is the same.

    InvalidRequest for a key that is none, KeyReused for the key of another body, StillRunning while the first
    coming is worked on. `kind` tells what is started: one key can start one of each.
    """
    key = next((value for name, value in headers.items() if name.lower() == HEADER), None)
    if key is None:
        return start(body, str(uuid4()), caller, None)
    if not _KEY.fullmatch(key.strip()):
        raise InvalidRequest(Fault("Idempotency-Key", "must be 1 to 255 printable ASCII characters"))
    until = clock.now() + RUNS
    origin = Origin(fingerprint=_fingerprint(body), running_until=clock.milliseconds(until))
    for uuid in _uuids(f"{caller.application_id or 'account'}:{kind}:{key.strip()}"):
        try:
            return start(body, uuid, caller, origin)
        except Outlived:
            continue
    raise AssertionError("a key that was used for months, a day each")


def again(there: Origin | None, mine: Origin, accepted_at: datetime) -> bool:
    """Whether a request that finds its work there has to do the rest of it, since whoever was at it died.
    Outlived, KeyReused or StillRunning if it is another request's, or somebody is at it."""
    if there == mine:
        return True  # we did write it: the answer was lost, and the AWS client asked again
    if clock.now() >= accepted_at + KEPT:
        raise Outlived
    if there is None or there.fingerprint != mine.fingerprint:
        raise KeyReused
    left = there.running_until - clock.milliseconds(clock.now())
    if left > 0:
        raise StillRunning
    return there.running_until > 0


def _uuids(name: str) -> Iterator[str]:
    """That of the key's first use, and of those after it was free again."""
    uuid = uuid5(_SPACE, name)
    for _ in range(_GENERATIONS):
        yield str(uuid)
        uuid = uuid5(uuid, "again")


def _fingerprint(body: Any) -> str:
    """The same for the same JSON, however it is written."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
