"""What all carriers share: the road of a message from request to receipts, and the log of what was taken."""

import asyncio
import hashlib
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

import httpx
from starlette.responses import Response
from starlette.routing import Route

from sandbox.carriers.callbacks import Callback, Callbacks
from sandbox.carriers.config import Config, Credentials
from sandbox.carriers.handsets import AFTER, ANSWER_DELAY, EARLY, Event, Handset, handset, last4
from sandbox.carriers.overheard import said
from sandbox.carriers.phones import Bubble, Phone, Phones
from sandbox.carriers.recent import Recent
from sandbox.carriers.server import NoAnswer
from sandbox.carriers.writing import Written

PATIENCE = 5.0
"""Seconds that the next step of a message waits for a receipt to be taken, at most."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message to one recipient, as its provider took it."""

    channel: str
    sender: str
    recipient: str
    provider_id: str
    echo_id: str | None
    """The caller's own id, which receipts repeat."""
    digest: str
    """Tells messages without an echo id apart."""
    at: float = field(default_factory=time.time)

    @property
    def handset(self) -> Handset:
        return handset(self.recipient)


M = TypeVar("M", bound=Message)


class Carrier(ABC, Generic[M]):
    """One provider's wording of what happens to a message."""

    provider: ClassVar[str]
    """The name of its adapter."""
    channels: ClassVar[tuple[str, ...]]
    """Those that it carries, by their names in our API."""
    reports: ClassVar[tuple[Event, ...]] = ()
    """What this provider reports, in natural order."""
    scrambled_reports: ClassVar[tuple[Event, ...]] = ()
    """The same for handsets that get receipts out of order."""

    def __init__(self, config: Config, network: "Network") -> None:
        self._config = config
        self._network = network

    @staticmethod
    @abstractmethod
    def account(carriers: str, api: str, credentials: Credentials) -> dict[str, Any]:
        """The stack's own account with this provider, as its adapter wants it.

        carriers  the carriers' address; the provider's own part of it becomes `base_url`
        api       the address of our API
        """

    @abstractmethod
    def routes(self) -> list[Route]:
        """What this provider's API has, under a path of its own."""

    @abstractmethod
    def inbound(self, channel: str, sender: str, recipient: str, text: str, at: float) -> Callback:
        """A person's text to one of our senders."""

    def inbound_rich(self, written: Written, at: float) -> Callback | None:
        """More than a text alone. None where this provider has no such thing on the channel."""
        return None

    async def handshake(self, client: httpx.AsyncClient) -> bool | None:
        """Whether our callback URL passes the provider's check when it is registered; None if there is
        no such check."""
        return None

    def takes(self, message: M) -> bool:
        """Whether the provider accepts a message (its answer may still be a list with refused ones)."""
        return not message.handset.refused

    def took(self, message: M) -> None:
        """Called once for each message that was accepted."""

    @abstractmethod
    def throttled(self) -> Response: ...

    @abstractmethod
    def unavailable(self) -> Response: ...

    @abstractmethod
    def answer(self, messages: Sequence[M]) -> Response:
        """The answer to a request; `takes` says which of its messages were accepted."""

    @abstractmethod
    def receipt(self, message: M, event: Event, at: float) -> Callback | None:
        """The news of an event at a time (epoch seconds). None if the caller asked for none."""


class Network:
    """Runs messages through handsets. One per process; needs a running loop."""

    def __init__(self, callbacks: Callbacks, pace: float = 1.0) -> None:
        self.log = Log()
        self.phones = Phones()
        self._callbacks = callbacks
        self._pace = pace
        self._attempts: Recent[str, int] = Recent()
        self._tasks: set[asyncio.Task[None]] = set()

    async def exchange(self, carrier: Carrier[M], messages: Sequence[M]) -> Response:
        """The answer to a valid request. Receipts follow in the background."""
        attempts = [self._count(_key(carrier, message)) for message in messages]
        for message, attempt in zip(messages, attempts, strict=True):
            if attempt <= message.handset.throttled:
                return carrier.throttled()
            if attempt <= message.handset.unavailable:
                return carrier.unavailable()

        taken = [message for message in messages if carrier.takes(message)]
        for message in taken:
            self.log.add(carrier.provider, message)
            carrier.took(message)
            if message.echo_id is None:  # the same bytes again are a new message
                self._attempts.pop(_key(carrier, message), None)

        early = [message for message in taken if message.handset.early]
        if early:
            await asyncio.gather(*(self._report_in_order(carrier, message, EARLY) for message in early))
            await asyncio.sleep(ANSWER_DELAY * self._pace)
        for message in taken:
            self._start(carrier, message)  # with what the request says, which ends with it

        answered = [
            message
            for message, attempt in zip(messages, attempts, strict=True)
            if not (message.handset.loses_answer and attempt == 1)
        ]
        return carrier.answer(messages) if len(answered) == len(messages) else NoAnswer()

    def report_later(self, seconds: float, news: Callable[[], Callback | None]) -> None:
        """Posts news that is about no message, if there is any by then. `seconds` are at pace 1."""

        async def report() -> None:
            await asyncio.sleep(seconds * self._pace)
            if callback := news():
                await self._callbacks.post(callback)

        self._keep(asyncio.create_task(report()))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _count(self, key: str) -> int:
        self._attempts[key] = self._attempts.get(key, 0) + 1
        return self._attempts[key]

    def _start(self, carrier: Carrier[M], message: M) -> None:
        phone = self.phones.find(message.channel, message.recipient)
        if phone and not (message.handset.fails or message.handset.scrambled or message.handset.early):
            bubble = phone.take(carrier.provider, message.sender, said(), message.echo_id)
            self._keep(asyncio.create_task(self._report_by_hand(carrier, message, phone, bubble)))
        else:
            self._keep(asyncio.create_task(self._report(carrier, message)))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _report(self, carrier: Carrier[M], message: M) -> None:
        if message.handset.scrambled:
            await self._report_scrambled(carrier, message)
        elif message.handset.early:
            await self._report_in_order(carrier, message, set(message.handset.events) - set(EARLY))
        else:
            await self._report_in_order(carrier, message, message.handset.events)

    async def _report_in_order(self, carrier: Carrier[M], message: M, events: Collection[Event]) -> None:
        for event in carrier.reports:
            if event in events:
                await _until(self._time(message, event))
                await self._post(carrier, message, event)

    async def _report_by_hand(self, carrier: Carrier[M], message: M, phone: Phone, bubble: Bubble) -> None:
        """It is delivered when the phone is on, and read when that is opened; not what is gone by then."""
        await self._tell(carrier, message, Event.ACCEPTED)
        await _until(self._time(message, Event.DELIVERED))
        if not await _before(bubble.gone, phone.on):
            return
        bubble.delivered_at = time.time()
        await self._tell(carrier, message, Event.DELIVERED)
        if await _before(bubble.gone, bubble.opened):
            await self._tell(carrier, message, Event.READ)

    async def _tell(self, carrier: Carrier[M], message: M, event: Event) -> None:
        """An event of now, if the provider reports such."""
        if event in carrier.reports:
            await self._post(carrier, message, event, at=time.time())

    async def _report_scrambled(self, carrier: Carrier[M], message: M) -> None:
        order = carrier.scrambled_reports
        await _until(max(self._time(message, event) for event in order))
        for event in order:
            await self._post(carrier, message, event, copies=2)

    async def _post(
        self, carrier: Carrier[M], message: M, event: Event, copies: int = 1, at: float | None = None
    ) -> None:
        """Posts a receipt. It goes on in the background if it is not taken soon."""
        callback = carrier.receipt(message, event, at or self._time(message, event))
        if callback:
            await asyncio.wait([self._callbacks.post(callback) for _ in range(copies)], timeout=PATIENCE)

    def _time(self, message: M, event: Event) -> float:
        return message.at + AFTER[event] * self._pace


class Log:
    """What the carriers took: the last `limit` messages, and how many from the start by provider."""

    def __init__(self, limit: int = 1000) -> None:
        self._sends: deque[dict[str, Any]] = deque(maxlen=limit)
        self._counts: Counter[str] = Counter()
        self._last: Recent[tuple[str, str], str] = Recent(10_000)
        self._ids: Recent[str, str] = Recent(10_000)
        self._changes: deque[dict[str, str]] = deque(maxlen=limit)

    def add(self, provider: str, message: Message) -> None:
        self._counts[provider] += 1
        self._sends.append(
            {
                "provider": provider,
                "channel": message.channel,
                "sender": message.sender,
                "recipient_last4": last4(message.recipient),
                "echo_id": message.echo_id,
                "id": message.provider_id,
                "digest": message.digest[:12],
                "at": datetime.fromtimestamp(message.at, UTC).isoformat(timespec="milliseconds"),
            }
        )
        self._last[_pair(message.sender, message.recipient)] = message.provider_id
        if message.echo_id is not None:
            self._ids[message.echo_id] = message.provider_id

    def change(self, provider: str, what: str, message_id: str) -> None:
        """A message was `read`, with `typing` or without, or `revoked`."""
        self._changes.append({"provider": provider, "what": what, "id": message_id})

    def provider_id(self, named: str) -> str:
        """The provider's id of a message that somebody names, perhaps by what its sender calls it."""
        return self._ids.get(named, named)

    def last_id(self, sender: str, recipient: str) -> str | None:
        """The provider's id of the latest message from a sender to a recipient."""
        return self._last.get(_pair(sender, recipient))

    def as_json(self) -> dict[str, Any]:
        return {
            "sends": list(self._sends),
            "counts": dict(self._counts),
            "changes": list(self._changes),
        }


def digest(body: bytes) -> str:
    """Names a message that carries no id of its caller."""
    return hashlib.sha256(body).hexdigest()


def _key(carrier: Carrier[Any], message: Message) -> str:
    return f"{carrier.provider} {message.echo_id or message.digest}"


def _pair(sender: str, recipient: str) -> tuple[str, str]:
    return sender.removeprefix("+"), recipient.removeprefix("+")


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.time()))


async def _before(end: asyncio.Event, wanted: asyncio.Event) -> bool:
    """Waits for one of them. Whether it is what was wanted."""
    waits = [asyncio.ensure_future(event.wait()) for event in (end, wanted)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return wanted.is_set()
