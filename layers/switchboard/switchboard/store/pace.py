"""Reads and writes of senders' lines: when the next message may go out (pace.py). Unix microseconds.

A line is kept in a time of its own, which stands still while the sender rests: what a rest adds to `rested`
moves everybody who stands in a line, and whoever joins it.
"""

import re
from dataclasses import dataclass
from typing import Any

from switchboard.store import keys
from switchboard.store.accounts import Route
from switchboard.store.attributes import Item, load
from switchboard.store.calls import DAY, Lost, Table

_DAYS = 15
"""Longer than anything can wait in the queue."""
_REMEMBERED = 1000


@dataclass(frozen=True)
class Taken:
    """What was taken from a sender's time in all: by urgent messages, and by rests."""

    urgent: int = 0
    rested: int = 0
    rests_until: int = 0

    @classmethod
    def of(cls, item: Item | None) -> "Taken":
        values = load(item) if item else {}
        return cls(*(int(values.get(name, 0)) for name in ("taken", "rested", "held_until")))


class PaceStore(Table):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._rests: dict[str, Taken] = {}

    def take(
        self,
        route: Route,
        channel: str,
        sender: str,
        time: int,
        now: int,
        latest: int | None,
        *,
        urgent: bool,
    ) -> tuple[int, Taken] | None:
        """Take `time` at the end of a line. Returns the moment it begins, and what was taken in all; None,
        and nothing is taken, if it would begin after `latest`.

        An urgent message takes its time from both lines: at the end of its own, and from whoever waits in
        the other, by `taken`.
        """
        line = "urgent_end" if urgent else "line_end"
        also = ", line_end = if_not_exists(line_end, :clock) + :time" if urgent else ""
        rest = f"{also}, expires_at = :expires ADD taken :taken"
        key = keys.pace(route.key, channel, sender)
        known = self._known(key["pk"])
        while True:
            clock = max(now, known.rests_until) - known.rested
            end = None if latest is None else latest - known.rested
            values: Item = {
                ":time": time,
                ":clock": clock,
                ":latest": end,
                ":expires": now // 1_000_000 + _DAYS * DAY,
                ":taken": time if urgent else 0,
                ":rested": known.rested,
            }
            same_rests = "rested = :rested" if known.rested else "attribute_not_exists(rested)"
            in_time = "" if end is None else f" AND {line} <= :latest"
            try:
                found = self._change(
                    key,
                    f"SET {line} = {line} + :time{rest}",
                    f"{same_rests} AND {line} >= :clock{in_time}",
                    values,
                )
            except Lost as lost:
                state, is_new = load(lost.found) if lost.found else {}, Taken.of(lost.found)
                if is_new.rested != known.rested:
                    known = self._remember(key["pk"], is_new)
                    continue
                if line in state and state[line] >= clock:
                    if end is not None and state[line] > end:
                        return None
                    continue  # it moved in between
                # Nobody stands in the line: it begins now, or where urgent messages end.
                begins = max(clock, int(state.get("urgent_end", 0)))
                if end is not None and begins > end:
                    return None
                try:
                    found = self._change(
                        key,
                        f"SET {line} = :begun{rest}",
                        f"{same_rests} AND (attribute_not_exists({line}) OR {line} < :clock)",
                        values | {":begun": begins + time},
                    )
                except Lost:
                    continue  # somebody stands in it since
            taken = self._remember(key["pk"], Taken.of(found))
            return int(load(found)[line]) - time + taken.rested, taken

    def taken(self, route: Route, channel: str, sender: str) -> Taken:
        key = keys.pace(route.key, channel, sender)
        return self._remember(key["pk"], Taken.of(self._get(key, consistent=True)))

    def hold(self, route: Route, channel: str, sender: str, time: int, now: int) -> None:
        """Let the sender rest for `time` from now on, unless it rests already."""
        try:
            self._update(
                keys.pace(route.key, channel, sender),
                "SET held_until = :until, expires_at = :expires ADD rested :time",
                "attribute_not_exists(held_until) OR held_until < :now",
                {
                    ":until": now + time,
                    ":time": time,
                    ":now": now,
                    ":expires": now // 1_000_000 + _DAYS * DAY,
                },
            )
        except Lost:
            return

    def _change(self, key: keys.Key, expression: str, condition: str, values: Item) -> Item:
        """With those of the values that are asked for."""
        named = set(re.findall(r":\w+", f"{expression} {condition}"))
        used = {name: value for name, value in values.items() if name in named}
        return self._update(key, expression, condition, used)

    def _known(self, key: str) -> Taken:
        """What this process last saw; the conditions tell when it is old."""
        return self._rests.get(key, Taken())

    def _remember(self, key: str, taken: Taken) -> Taken:
        if len(self._rests) >= _REMEMBERED:
            self._rests.clear()
        self._rests[key] = taken
        return taken
