"""Reads and writes of what is known of clients' endpoints: how they answer, and which said 410."""

import hashlib
from datetime import datetime
from typing import Self

from switchboard import clock
from switchboard.models.frozen import Frozen
from switchboard.store import keys
from switchboard.store.attributes import Item, dump, load
from switchboard.store.calls import DAY, Lost, Table

_KEPT = 2 * DAY
"""Seconds. An endpoint that was not called for so long is a new one."""
_GONE_KEPT = 365 * DAY
_WHATEVER_THERE_IS = "attribute_exists(pk) OR attribute_not_exists(pk)"


class EndpointState(Frozen):
    """Times are Unix milliseconds, 0 for never."""

    trusted: bool = False
    """It answered fast the last time."""
    slow: bool = False
    """It answered the last time, but took long."""
    faults: int = 0
    """In a row without an answer."""
    open_until: int = 0
    """Left alone until then."""
    pause: int = 0
    """Seconds that it was left alone for."""
    held_until: int = 0
    """Called by one worker only until then."""
    expires_at: int = 0

    @classmethod
    def load(cls, item: Item | None) -> Self:
        values = load(item) if item else {}
        return cls(
            trusted=bool(values.get("trusted")),
            slow=bool(values.get("slow")),
            **{
                name: int(values.get(name, 0))
                for name in ("faults", "open_until", "pause", "held_until", "expires_at")
            },
        )


class EndpointStore(Table):
    def state(self, owner: str, url: str) -> EndpointState:
        return EndpointState.load(self._get(_key(owner, url), consistent=True))

    def hold(
        self, owner: str, url: str, worker: str, now: datetime, seconds: float
    ) -> tuple[EndpointState, bool]:
        """Let one worker alone call it for a while. The state as it is then, and whether it is this one."""
        moment = clock.milliseconds(now)
        free = "attribute_not_exists(held_until) OR held_until <= :now OR holder = :worker"
        still_closed = "attribute_not_exists(open_until) OR open_until <= :now"
        try:
            found = self._update(
                _key(owner, url),
                "SET holder = :worker, held_until = :until, expires_at = :expires",
                f"({free}) AND ({still_closed})",
                {
                    ":worker": worker,
                    ":now": moment,
                    ":until": moment + round(seconds * 1000),
                    ":expires": _expires(now, _KEPT),
                },
            )
        except Lost as lost:
            return EndpointState.load(lost.found), False
        return EndpointState.load(found), True

    def answered(self, owner: str, url: str, now: datetime, *, fast: bool, release: bool) -> EndpointState:
        """It is open to every worker again if it was fast. `release` ends a worker's hold."""
        mark, other = ("trusted", "slow") if fast else ("slow", "trusted")
        hold = ", holder, held_until" if release else ""
        found = self._update(
            _key(owner, url),
            f"SET {mark} = :yes, expires_at = :expires REMOVE {other}, faults, open_until, pause{hold}",
            _WHATEVER_THERE_IS,
            {":yes": True, ":expires": _expires(now, _KEPT)},
        )
        return EndpointState.load(found)

    def doubt(self, owner: str, url: str, now: datetime) -> EndpointState:
        """It takes long just now: one worker at a time, until it is fast again."""
        found = self._update(
            _key(owner, url),
            "SET expires_at = :expires REMOVE trusted",
            _WHATEVER_THERE_IS,
            {":expires": _expires(now, _KEPT)},
        )
        return EndpointState.load(found)

    def failed(
        self, owner: str, url: str, now: datetime, most: int, first_pause: int, longest_pause: int
    ) -> EndpointState:
        """No answer. From the `most`th in a row on it is left alone, each time for twice as long."""
        moment = clock.milliseconds(now)
        not_left_alone = "attribute_not_exists(open_until) OR open_until <= :now"
        try:
            found = self._update(
                _key(owner, url),
                "SET expires_at = :expires REMOVE trusted, slow, holder, held_until ADD faults :one",
                not_left_alone,
                {":expires": _expires(now, _KEPT), ":one": 1, ":now": moment},
            )
            state = EndpointState.load(found)
            if state.faults < most:
                return state
            pause = min(longest_pause, state.pause * 2 or first_pause)
            found = self._update(
                _key(owner, url),
                "SET open_until = :until, pause = :pause",
                not_left_alone,
                {":until": moment + pause * 1000, ":pause": pause, ":now": moment},
            )
        except Lost as lost:  # of several calls at once the first counts
            return EndpointState.load(lost.found)
        return EndpointState.load(found)

    # --- 410 -------------------------------------------------------------------------------------

    def is_gone(self, owner: str, url: str) -> bool:
        return self._get(_gone(owner, url), consistent=True) is not None

    def note_gone(self, owner: str, url: str, now: datetime) -> None:
        self._put(_gone(owner, url), dump({"at": clock.wire(now)}), _GONE_KEPT)

    def lift(self, owner: str) -> None:
        """Forget which of an owner's endpoints were gone."""
        for item in self._query(keys.gone(owner)):
            self._client.delete_item(TableName=self._table, Key={name: item[name] for name in ("pk", "sk")})


def _hash(url: str) -> str:
    return hashlib.sha256(url.encode(errors="replace")).hexdigest()[:32]


def _key(owner: str, url: str) -> keys.Key:
    return keys.endpoint(owner, _hash(url))


def _gone(owner: str, url: str) -> keys.Key:
    return keys.gone_endpoint(owner, _hash(url))


def _expires(now: datetime, seconds: int) -> int:
    return int(now.timestamp()) + seconds
