"""Repeating callbacks, without a network; and publishing, with one."""

import asyncio
import logging
import time
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import parse_qs

import httpx
import pytest

from sandbox.carriers import callbacks
from sandbox.carriers.callbacks import (
    Callback,
    Callbacks,
    Notification,
    Undelivered,
    Webhook,
    delays,
    sns_publisher,
)

from .rig import GARBLED, RECEIPTS, Receiver

HOOK = Webhook("somebody", "http://switchboard.example/inbound?token=word", b"text of a person")
NOTE = Notification("aws", "topic", "text of a person")


def run(callback: Callback, answers: Callable[[int], bool], pace: float = 0.002) -> list[float]:
    """The moments of all attempts at a callback, in seconds at pace 1; `answers` says which are taken."""
    moments: list[float] = []

    def attempt() -> bool:
        moments.append(time.monotonic())
        return answers(len(moments))

    def handler(request: httpx.Request) -> httpx.Response:
        if attempt():
            return httpx.Response(204)
        if len(moments) % 2:
            raise httpx.ConnectError("refused")
        return httpx.Response(500)

    def publish(topic: str, text: str) -> None:
        if not attempt():
            raise Undelivered("down")

    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            poster = Callbacks(client, publish, pace)
            await poster.post(callback)
            await poster.close()

    asyncio.run(main())
    return [(moment - moments[0]) / pace for moment in moments]


@pytest.mark.parametrize("callback", [HOOK, NOTE], ids=["webhook", "notification"])
def test_repeats_until_it_is_taken(callback: Callback) -> None:
    moments = run(callback, lambda attempt: attempt == 5, pace=0.01)
    assert len(moments) == 5
    for gap, least in zip((later - earlier for earlier, later in pairwise(moments)), delays(), strict=False):
        assert gap >= least * 0.99


def test_delays_double_to_half_a_minute_for_ten_minutes() -> None:
    waits = list(delays())
    assert waits[:8] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert set(waits[6:]) == {30}
    assert 570 < sum(waits) <= 600


def test_gives_up(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(callbacks, "GIVE_UP_AFTER", 10.0)
    assert len(run(HOOK, lambda attempt: False)) == 5
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == [
        "callbacks of somebody are not taken: ConnectError",
        "a callback of somebody is given up",
    ]


def test_warnings_name_nobody(caplog: pytest.LogCaptureFixture) -> None:
    run(HOOK, lambda attempt: attempt == 3)
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert said == ["callbacks of somebody are not taken: ConnectError"]


@pytest.mark.network
def test_publishes_to_sns() -> None:
    receiver = Receiver()
    publish = sns_publisher(receiver.url)
    publish(RECEIPTS, '{"a": "grüße"}')
    with pytest.raises(Undelivered):
        publish(GARBLED, "the answer is none of SNS")
    receiver.close()
    with pytest.raises(Undelivered):
        sns_publisher("http://127.0.0.1:1")(RECEIPTS, "nobody listens")
    call = receiver.calls[0]
    form = parse_qs(call.body.decode())
    assert (form["Action"], form["TopicArn"], form["Message"]) == (
        ["Publish"],
        [RECEIPTS],
        ['{"a": "grüße"}'],
    )
    assert "/us-east-1/sns/aws4_request" in call.headers["authorization"]
