"""Reads and writes of what is known of clients' endpoints: how they answer, and which said 410."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
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
_NUMBERS = (
    *("faults", "open_until", "pause", "held_until", "expires_at"),
    *("answering_since", "failing_since"),
)
_TAKES = "answering_since = if_not_exists(answering_since, :now)"
_TAKES_NOT = "failing_since = if_not_exists(failing_since, :now), fault = :fault"
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
    answering_since: int = 0
    """Since when it takes events, if it took the last one that was noted."""
    failing_since: int = 0
    """Since when it takes none, if it did not take that one."""
    fault: str = ""
    """What was wrong then."""
    expires_at: int = 0
    """Unix seconds."""

    @property
    def takes_events(self) -> bool | None:
        """None if nobody noted it."""
        return not self.failing_since if self.failing_since or self.answering_since else None

    @classmethod
    def load(cls, item: Item | None) -> Self:
        values = load(item) if item else {}
        return cls(
            trusted=bool(values.get("trusted")),
            slow=bool(values.get("slow")),
            fault=str(values.get("fault", "")),
            **{name: int(values.get(name, 0)) for name in _NUMBERS},
        )


@dataclass(frozen=True)
class Seen:
    """An endpoint as the table knows it."""

    state: EndpointState | None = None
    """None if it was not called for days."""
    gone_at: datetime | None = None
    """When it said 410, if its address was not set since."""


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

    def answered(
        self, owner: str, url: str, now: datetime, *, fast: bool, release: bool, fault: str | None = None
    ) -> EndpointState:
        """It is open to every worker again if it was fast. `release` ends a worker's hold. `fault` says why
        it did not take the event; None if it did."""
        mark, other = ("trusted", "slow") if fast else ("slow", "trusted")
        hold = ", holder, held_until" if release else ""
        noted, undone = (_TAKES, "failing_since, fault") if fault is None else (_TAKES_NOT, "answering_since")
        found = self._update(
            _key(owner, url),
            f"SET {mark} = :yes, expires_at = :expires, {noted} "
            f"REMOVE {other}, faults, open_until, pause, {undone}{hold}",
            _WHATEVER_THERE_IS,
            {":yes": True, ":expires": _expires(now, _KEPT), ":now": clock.milliseconds(now)}
            | ({} if fault is None else {":fault": fault}),
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
        self,
        owner: str,
        url: str,
        now: datetime,
        fault: str,
        most: int,
        first_pause: int,
        longest_pause: int,
    ) -> EndpointState:
        """No answer; `fault` says in which way. From the `most`th in a row on it is left alone, each time for
        twice as long."""
        moment = clock.milliseconds(now)
        not_left_alone = "attribute_not_exists(open_until) OR open_until <= :now"
        try:
            found = self._update(
                _key(owner, url),
                f"SET expires_at = :expires, {_TAKES_NOT} "
                "REMOVE trusted, slow, holder, held_until, answering_since ADD faults :one",
                not_left_alone,
                {":expires": _expires(now, _KEPT), ":one": 1, ":now": moment, ":fault": fault},
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

    def seen(self, endpoints: Iterable[tuple[str, str]], now: datetime) -> dict[tuple[str, str], Seen]:
        """Each of these, by owner and address as it was set."""
        wanted = dict.fromkeys(endpoints)
        by_key = {
            (key["pk"], key["sk"]): key
            for owner, url in wanted
            for key in (_key(owner, address(url)), _gone(owner, url))
        }
        found = {(item["pk"]["S"], item["sk"]["S"]): item for item in self._items(list(by_key.values()))}

        def one(owner: str, url: str) -> Seen:
            known, gone = _key(owner, address(url)), _gone(owner, url)
            state = EndpointState.load(found.get((known["pk"], known["sk"])))
            said = found.get((gone["pk"], gone["sk"]))
            return Seen(
                state if state.expires_at > now.timestamp() else None,  # it may lie there for days more
                clock.from_wire(load(said)["at"]) if said else None,
            )

        return {(owner, url): one(owner, url) for owner, url in wanted}

    # --- 410 -------------------------------------------------------------------------------------

    def is_gone(self, owner: str, url: str) -> bool:
        return self._get(_gone(owner, url), consistent=True) is not None

    def note_gone(self, owner: str, url: str, now: datetime) -> None:
        self._put(_gone(owner, url), dump({"at": clock.wire(now)}), _GONE_KEPT)

    def lift(self, owner: str) -> None:
        """Forget which of an owner's endpoints were gone."""
        for item in self._query(keys.gone(owner)):
            self._client.delete_item(TableName=self._table, Key={name: item[name] for name in ("pk", "sk")})


def address(url: str) -> str:
    """What is one endpoint: messages may have addresses that differ after the `?`."""
    return url.partition("#")[0].partition("?")[0]


def _hash(url: str) -> str:
    return hashlib.sha256(url.encode(errors="replace")).hexdigest()[:32]


def _key(owner: str, url: str) -> keys.Key:
    return keys.endpoint(owner, _hash(url))


def _gone(owner: str, url: str) -> keys.Key:
    return keys.gone_endpoint(owner, _hash(url))


def _expires(now: datetime, seconds: int) -> int:
    return int(now.timestamp()) + seconds
