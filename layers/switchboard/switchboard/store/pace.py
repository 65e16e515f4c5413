"""Reads and writes of senders' lines: when the next message may go out (pace.py). Unix microseconds."""

from switchboard.store import keys
from switchboard.store.accounts import Route
from switchboard.store.calls import DAY, Lost, Table
from switchboard.store.items import Item, load

_DAYS = 15
"""Longer than anything can wait in the queue."""


class PaceStore(Table):
    def take(
        self, route: Route, channel: str, sender: str, time: int, now: int, *, urgent: bool
    ) -> tuple[int, int]:
        """Take `time` at the end of a line. Returns the moment it begins, and what was taken in all.

        An urgent message takes its time from both lines: at the end of its own, and from whoever waits in
        the other, by `taken`.
        """
        line = "urgent_end" if urgent else "line_end"
        also = ", line_end = if_not_exists(line_end, :now) + :time" if urgent else ""
        key = keys.pace(route.key, channel, sender)
        values: Item = {":time": time, ":now": now, ":expires": now // 1_000_000 + _DAYS * DAY}
        values[":taken"] = time if urgent else 0
        rest = f"{also}, expires_at = :expires ADD taken :taken"
        while True:
            try:
                found = self._update(key, f"SET {line} = {line} + :time{rest}", f"{line} >= :now", values)
            except Lost as lost:
                # Nobody stands in the line. It begins now, or where urgent messages or a pause end.
                state = load(lost.found) if lost.found else {}
                begins = max(now, *(int(state.get(name, 0)) for name in ("urgent_end", "held_until")))
                try:
                    found = self._update(
                        key,
                        f"SET {line} = :begun{rest}",
                        f"attribute_not_exists({line}) OR {line} < :now",
                        {name: value for name, value in values.items() if urgent or name != ":time"}
                        | {":begun": begins + time},
                    )
                except Lost:
                    continue  # somebody stands in it since
            state = load(found)
            return int(state[line]) - time, int(state["taken"])

    def taken(self, route: Route, channel: str, sender: str) -> int:
        found = self._get(keys.pace(route.key, channel, sender), consistent=True)
        return int(load(found).get("taken", 0)) if found else 0

    def hold(self, route: Route, channel: str, sender: str, time: int, now: int) -> None:
        """Move both lines back by `time`, unless they are held already."""
        begun = {":begun": now + time}
        try:
            self._update(
                keys.pace(route.key, channel, sender),
                "SET held_until = :begun, urgent_end = :begun, "
                "line_end = if_not_exists(line_end, :now) + :time, expires_at = :expires ADD taken :time",
                "attribute_not_exists(held_until) OR held_until < :now",
                begun | {":time": time, ":now": now, ":expires": now // 1_000_000 + _DAYS * DAY},
            )
        except Lost:
            return
