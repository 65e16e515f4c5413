"""Gives each message of a sender with a rate its moment, across all workers.

A sender has a line in which every message takes its time (one second by the rate, times what it counts
for). Urgent messages stand in a line of their own, and what they take is taken from the other line too:
whoever holds a moment there moves back by the time that was taken since. So does everybody when the
provider says "too fast".
"""

from dataclasses import dataclass
from datetime import datetime

from switchboard import clock
from switchboard.models.messages import Message, Text
from switchboard.store import PaceStore, Rate, Route, Slot

SECOND = 1_000_000  # microseconds


@dataclass(frozen=True)
class Pace:
    store: PaceStore

    def slot(self, message: Message, route: Route, rate: Rate, attempt: int, held: Slot | None) -> Slot:
        """When an attempt may go out: the slot that it holds, moved back by what was taken since, or a
        new one at the end of its line."""
        urgent = message.priority == "high"
        if held and (held.attempt, held.account) == (attempt, route.key):
            if urgent:
                return held
            taken = self.store.taken(route, message.channel, message.sender)
            return held.model_copy(update={"at": held.at + taken - held.taken, "taken": taken})
        time = round(SECOND / rate.per_second * _count(message, rate))
        at, taken = self.store.take(
            route, message.channel, message.sender, time, microseconds(clock.now()), urgent=urgent
        )
        return Slot(at=at, taken=taken, attempt=attempt, account=route.key)

    def hold(self, message: Message, route: Route, seconds: float) -> None:
        """Let a sender rest. Told so by several messages at once, it rests once."""
        now = microseconds(clock.now())
        self.store.hold(route, message.channel, message.sender, round(seconds * SECOND), now)


def microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * SECOND)


def seconds_until(slot: Slot) -> float:
    return (slot.at - microseconds(clock.now())) / SECOND


def _count(message: Message, rate: Rate) -> int:
    if rate.unit == "segments" and isinstance(message.content, Text):
        from switchboard.segments import segments

        return segments(message.content.text).parts
    return 1
