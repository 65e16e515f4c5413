"""Which of a sender's accounts are better left alone for a while.

An account that refuses for reasons of its own (credentials, sender, billing) or keeps failing is passed
over while there is another one. All workers hear of the former; the latter each finds out for itself.
"""

from collections import Counter
from datetime import timedelta
from time import monotonic

from switchboard import clock, logs, measures
from switchboard.models.messages import Message
from switchboard.store import AccountStore, Route

REFUSED = timedelta(seconds=60)
FAILING = timedelta(seconds=30)
FAILURES = 5
"""In a row, after which an account counts as failing."""
_KNOWN_SECONDS = 2.0
"""How long another worker's finding can go unseen."""
_REMEMBERED = 1000

_Key = tuple[str, str, str]


class Circuits:
    def __init__(self, store: AccountStore) -> None:
        self._store = store
        self._failures: Counter[_Key] = Counter()
        self._known: dict[_Key, tuple[int, float]] = {}

    def is_open(self, message: Message, route: Route) -> bool:
        """Whether this sender should go out another way."""
        key = _key(message, route)
        until, asked_again_at = self._known.get(key, (0, 0.0))
        if monotonic() >= asked_again_at:
            until = max(until, self._store.circuit_open_until(route, message.channel, message.sender))
            self._remember(key, until)
        return clock.milliseconds(clock.now()) < until

    def refused(self, message: Message, route: Route) -> None:
        """The account cannot be used by this sender as it is set up."""
        until = clock.now() + REFUSED
        self._store.open_circuit(route, message.channel, message.sender, until)
        self._remember(_key(message, route), clock.milliseconds(until))
        _tell(message, route, "it refuses")

    def failed(self, message: Message, route: Route) -> None:
        """The provider was down or could not be reached."""
        key = _key(message, route)
        self._failures[key] += 1
        if self._failures[key] >= FAILURES:
            self._failures.pop(key, None)  # ten records are worked on side by side
            self._remember(key, clock.milliseconds(clock.now() + FAILING))
            _tell(message, route, "it keeps failing")

    def answered(self, message: Message, route: Route) -> None:
        self._failures.pop(_key(message, route), None)

    def _remember(self, key: _Key, until: int) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[key] = until, monotonic() + _KNOWN_SECONDS


def _tell(message: Message, route: Route, reason: str) -> None:
    measures.count(measures.CIRCUITS, channel=message.channel, account=route.key)
    logs.logger.warning(
        "circuit opened",
        account=route.key,
        channel=message.channel,
        reason=reason,
        message_uuid=message.message_uuid,
    )


def _key(message: Message, route: Route) -> _Key:
    return route.key, message.channel, message.sender
