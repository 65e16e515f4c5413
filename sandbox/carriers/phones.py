"""Phones on somebody's screen: they show what came, and read it when they are opened, not by themselves.

The others, which are most, do by themselves as their last digits say (handsets.py).
"""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.carriers.overheard import Said

KEPT = 100
"""Bubbles of a phone."""
MOST = 50
"""Phones."""

ADA = "447700900700"
AT_FIRST = (
    ("messenger", "3958010700"),
    ("whatsapp", ADA),
    ("viber_service_msg", ADA),
    ("sms", ADA),
    ("rcs", ADA),
    ("telegram", "700900700"),
)
"""Those of one person, Ada, which are there from the start."""


@dataclass
class Bubble:
    """A message as the phone has it. `message_uuid` is what its sender calls it, if the provider was told."""

    number: int
    ours: bool
    """Sent to the phone; otherwise written on it."""
    said: Said
    other: str
    """Our sender."""
    at: float
    provider: str = ""
    message_uuid: str | None = None
    delivered_at: float | None = None
    read_at: float | None = None
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Pushed off the screen: nobody will open it any more."""

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "direction": "outbound" if self.ours else "inbound",
            "text": self.said.text,
            "pictures": list(self.said.pictures),
            "buttons": list(self.said.buttons),
            "sender": self.other,
            "provider": self.provider,
            "message_uuid": self.message_uuid,
            "at": self.at,
            "delivered_at": self.delivered_at,
            "read_at": self.read_at,
        }


class Phone:
    def __init__(self, channel: str, person: str) -> None:
        self.channel, self.person = channel, person
        self.on = asyncio.Event()
        self.on.set()
        self._bubbles: deque[Bubble] = deque(maxlen=KEPT)
        self._count = 0

    def take(self, provider: str, sender: str, said: Said, message_uuid: str | None) -> Bubble:
        """What the provider has for it; it is on the phone when that is on."""
        return self._add(ours=True, said=said, other=sender, provider=provider, message_uuid=message_uuid)

    def write(self, to: str, text: str) -> None:
        now = time.time()
        bubble = self._add(ours=False, said=Said(text), other=to)
        bubble.delivered_at = bubble.read_at = now

    def open(self) -> None:
        """Somebody looks at it: all that is there is read."""
        now = time.time()
        for bubble in self._bubbles:
            if bubble.delivered_at and not bubble.read_at:
                bubble.read_at = now
                bubble.opened.set()

    def leave(self) -> None:
        """It goes from the screen with all that is on it."""
        for bubble in self._bubbles:
            bubble.gone.set()

    def _add(self, **values: Any) -> Bubble:
        self._count += 1
        if len(self._bubbles) == KEPT:
            self._bubbles[0].gone.set()
        bubble = Bubble(number=self._count, at=time.time(), **values)
        self._bubbles.append(bubble)
        return bubble

    def as_json(self) -> dict[str, Any]:
        """What is under way to a phone that is off is not on it yet."""
        shown = [bubble for bubble in self._bubbles if bubble.delivered_at]
        return {
            "channel": self.channel,
            "person": self.person,
            "on": self.on.is_set(),
            "waiting": len(self._bubbles) - len(shown),
            "messages": [bubble.as_json() for bubble in shown],
        }


class Phones:
    """Needs a running loop for what it hands out."""

    def __init__(self, people: Iterable[tuple[str, str]] = AT_FIRST) -> None:
        self._phones: OrderedDict[tuple[str, str], Phone] = OrderedDict()
        for channel, person in people:
            self.add(channel, person)

    def add(self, channel: str, person: str) -> Phone:
        """The phone is on the screen from now on. With too many the oldest one goes."""
        phone = self.find(channel, person)
        if phone is None:
            phone = Phone(channel, _plain(person))
            self._phones[channel, phone.person] = phone
            if len(self._phones) > MOST:
                self._phones.popitem(last=False)[1].leave()
        return phone

    def find(self, channel: str, person: str) -> Phone | None:
        return self._phones.get((channel, _plain(person)))

    def as_json(self) -> dict[str, Any]:
        return {"handsets": [phone.as_json() for phone in self._phones.values()]}


def _plain(person: str) -> str:
    return person.removeprefix("+")
