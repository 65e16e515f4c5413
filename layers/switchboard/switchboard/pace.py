"""Gives each message of a sender with a rate its moment, across all workers.

A sender has a line in which every message takes its time (one second by the rate, times what it counts
for). Urgent messages stand in a line of their own, and what they take is taken from the other line too:
whoever holds a moment there moves back by the time that was taken since. When the provider says "too fast"
the sender rests, and everybody moves back.
"""

from dataclasses import dataclass
from datetime import datetime

from switchboard import clock
from switchboard.models.messages import Message, Text
from switchboard.store import PaceStore, Rate, Route, Slot, Taken

SECOND = 1_000_000  # microseconds
MISSED = 2 * SECOND
"""A moment that is this long past is given up for another one: else all who missed theirs go at once."""


@dataclass(frozen=True)
class Pace:
    store: PaceStore

    def slot(
        self,
        message: Message,
        route: Route,
        rate: Rate,
        attempt: int,
        held: Slot | None,
        latest: datetime | None = None,
    ) -> Slot | None:
        """When an attempt may go out: the slot that it holds, moved back by what was taken since, or a
        new one at the end of its line. None if that would be after `latest`."""
        urgent = message.priority == "high"
        now = microseconds(clock.now())
        if held and (held.attempt, held.account) == (attempt, route.key):
            taken = _counted(self.store.taken(route, message.channel, message.sender), urgent)
            at = held.at + taken - held.taken
            if at >= now - MISSED:
                return held.model_copy(update={"at": at, "taken": taken})
        time = round(SECOND / rate.per_second * _count(message, rate))
        found = self.store.take(
            route,
            message.channel,
            message.sender,
            time,
            now,
            microseconds(latest) if latest else None,
            urgent=urgent,
        )
        if found is None:
            return None
        at, taken_in_all = found
        return Slot(at=at, taken=_counted(taken_in_all, urgent), attempt=attempt, account=route.key)

    def hold(self, message: Message, route: Route, seconds: float) -> None:
        """Let a sender rest. Told so by several messages at once, it rests once."""
        now = microseconds(clock.now())
        self.store.hold(route, message.channel, message.sender, round(seconds * SECOND), now)


def microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * SECOND)


def seconds_until(slot: Slot) -> float:
    return (slot.at - microseconds(clock.now())) / SECOND


def _counted(taken: Taken, urgent: bool) -> int:
    """What moves a message back: rests everybody, urgent messages only the others."""
    return taken.rested + (0 if urgent else taken.urgent)


def _count(message: Message, rate: Rate) -> int:
    if rate.unit == "segments" and isinstance(message.content, Text):
        from switchboard.segments import segments

        return segments(message.content.text).parts
    return 1
