"""The people at the other end: what becomes of a message, by the last four digits of its recipient."""

import re
from dataclasses import dataclass
from enum import StrEnum


class Event(StrEnum):
    """A turn in a message's life that a provider reports."""

    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


AFTER = {Event.ACCEPTED: 0.0, Event.FAILED: 0.2, Event.DELIVERED: 0.2, Event.READ: 1.0}
"""Seconds from acceptance to each event, at pace 1."""

ANSWER_DELAY = 0.3
"""Seconds between the receipts of an `early` handset and the provider's answer, at pace 1."""

EARLY = (Event.ACCEPTED, Event.DELIVERED)
"""What such a handset reports before the answer."""


@dataclass(frozen=True)
class Handset:
    """How one recipient behaves. `throttled` and `unavailable` count the refusals before acceptance."""

    events: tuple[Event, ...] = (Event.ACCEPTED, Event.DELIVERED, Event.READ)
    refused: bool = False
    throttled: int = 0
    unavailable: int = 0
    loses_answer: bool = False
    """The first accepted request is never answered: its connection is closed."""
    scrambled: bool = False
    """Receipts come last first, and each of them twice at the same time."""
    early: bool = False
    """The delivered receipt comes before the provider's answer."""

    @property
    def fails(self) -> bool:
        return Event.FAILED in self.events


NORMAL = Handset()

HANDSETS = {
    "0001": Handset(events=(Event.ACCEPTED, Event.DELIVERED)),
    "0002": Handset(events=(Event.ACCEPTED,)),
    "0003": Handset(refused=True),
    "0004": Handset(events=(Event.FAILED,)),
    "0005": Handset(throttled=2),
    "0006": Handset(loses_answer=True),
    "0007": Handset(scrambled=True),
    "0008": Handset(unavailable=3),
    "0009": Handset(early=True),
}


def handset(recipient: str) -> Handset:
    """The handset of a number or id, by the digits at its end."""
    return HANDSETS.get(last4(recipient), NORMAL)


def last4(recipient: str) -> str:
    """Up to four digits at the end of a recipient."""
    found = re.search(r"\d{1,4}$", recipient)
    return found[0] if found else ""
