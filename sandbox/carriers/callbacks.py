"""The way back: webhooks and SNS notifications, repeated until they are taken, as providers do."""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

log = logging.getLogger(__name__)

FIRST_DELAY, LONGEST_DELAY, GIVE_UP_AFTER = 0.5, 30.0, 600.0
"""Seconds, at pace 1."""

POSTS = 16
"""Webhooks under way at once. httpx searches its queue at each step, so the rest must wait outside it."""

PUBLISHERS = 8
"""Threads that talk to SNS, and connections they share."""


@dataclass(frozen=True)
class Webhook:
    """A POST. The body is bytes: they are what a signature in `headers` was made over."""

    provider: str
    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True)
class Notification:
    """A message to an SNS topic."""

    provider: str
    topic: str
    text: str = field(repr=False)


Callback = Webhook | Notification
Publish = Callable[[str, str], None]
"""Blocking: publishes a text to a topic. Undelivered if that fails."""


class Undelivered(Exception):
    """A callback was not taken. The text says why, without naming anybody."""


class Callbacks:
    """Delivers callbacks in the background. Needs a running loop; `close` drops what is still open."""

    def __init__(self, client: httpx.AsyncClient, publish: Publish, pace: float = 1.0) -> None:
        self._client = client
        self._publish = publish
        self._pace = pace
        self._publishers = ThreadPoolExecutor(PUBLISHERS, thread_name_prefix="sns")
        self._posts = asyncio.Semaphore(POSTS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._failing: set[str] = set()

    def post(self, callback: Callback) -> asyncio.Task[None]:
        """Deliver, with repeats. The task ends when the callback was taken or given up."""
        task = asyncio.create_task(self._persist(callback))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def deliver(self, callback: Callback) -> None:
        """One attempt. Undelivered unless it was taken (any 2xx)."""
        if isinstance(callback, Notification):
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._publishers, self._publish, callback.topic, callback.text)
            return
        try:
            async with self._posts:
                reply = await self._client.post(
                    callback.url, content=callback.body, headers=dict(callback.headers)
                )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Undelivered(type(error).__name__) from error
        if not reply.is_success:
            raise Undelivered(f"HTTP {reply.status_code}")

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._publishers.shutdown(wait=False, cancel_futures=True)

    async def _persist(self, callback: Callback) -> None:
        for delay in delays():
            if await self._taken(callback):
                return
            await asyncio.sleep(delay * self._pace)
        if not await self._taken(callback):
            log.warning("a callback of %s is given up", callback.provider)

    async def _taken(self, callback: Callback) -> bool:
        try:
            await self.deliver(callback)
        except Undelivered as reason:
            if callback.provider not in self._failing:  # once per outage, not once per receipt
                self._failing.add(callback.provider)
                log.warning("callbacks of %s are not taken: %s", callback.provider, reason)
            return False
        self._failing.discard(callback.provider)
        return True


def delays() -> Iterator[float]:
    """Seconds between attempts, at pace 1: doubling to the longest, until it is time to give up."""
    delay, total = FIRST_DELAY, 0.0
    while total + delay <= GIVE_UP_AFTER:
        yield delay
        total += delay
        delay = min(delay * 2, LONGEST_DELAY)


def sns_publisher(endpoint: str) -> Publish:
    """Publishes to the emulator's SNS. Takes half a second: boto3 is imported here, not with the module."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    client = boto3.client(
        "sns",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(
            max_pool_connections=PUBLISHERS,
            connect_timeout=2,
            read_timeout=5,
            retries={"mode": "standard", "total_max_attempts": 1},  # repeating is done above
            proxies={},
        ),
    )

    def publish(topic: str, text: str) -> None:
        try:
            client.publish(TopicArn=topic, Message=text)
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise Undelivered(type(error).__name__) from error

    return publish
