"""The table of handsets: what the last four digits of a recipient bring about, on every channel."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.bodies import CHANNELS
from tests.e2e.fates import FATES, fate
from tests.e2e.local_stack import LocalStack

pytestmark = pytest.mark.e2e

CASES = [(channel, digits) for digits in FATES for channel in CHANNELS]


@dataclass(frozen=True)
class Sent:
    application: Application
    uuids: dict[tuple[str, str], str]
    """By channel and digits."""


@pytest.fixture(scope="module")
def sent(stack: LocalStack, make_application: Callable[[LocalStack], Application]) -> Sent:
    """One message of each kind, and all that will be told of them."""
    application = make_application(stack)
    uuids = {case: application.send(bodies.message(*case)) for case in CASES}
    mailbox = application.mailbox
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if all(len(mailbox.statuses(uuid)) >= len(fate(*case)) for case, uuid in uuids.items()):
            break
        time.sleep(0.1)
    time.sleep(3)  # for what should not come
    return Sent(application, uuids)


@pytest.mark.parametrize(("channel", "digits"), CASES, ids=lambda value: value)
def test_digits_decide(sent: Sent, channel: str, digits: str) -> None:
    uuid = sent.uuids[channel, digits]
    hooks = sent.application.mailbox.bodies(message_uuid=uuid)
    told = [hook["status"] for hook in hooks]
    assert sorted(told) == sorted(fate(channel, digits))
    for hook in hooks:
        assert ("error" in hook) == (hook["status"] in ("rejected", "undeliverable"))
        if "error" in hook:
            assert isinstance(hook["error"]["code"], int) and hook["error"]["reason"]
    shown = sent.application.show(uuid)
    assert shown["status"] == fate(channel, digits)[-1]
    assert set(shown["statuses"]) == set(told)


def test_times_are_in_order(sent: Sent) -> None:
    """Where the receipts come in order. The webhooks themselves are delivered concurrently."""
    for channel, digits in CASES:
        if digits in ("0001", "0004", "0005", "0008", bodies.NORMAL):
            times = sent.application.show(sent.uuids[channel, digits])["statuses"]
            assert [times[status] for status in fate(channel, digits)] == sorted(times.values()), channel


def test_each_is_handed_over_as_often_as_it_should(stack: LocalStack, sent: Sent) -> None:
    taken = [send["echo_id"] for send in stack.handed_over()]
    for (channel, digits), uuid in sent.uuids.items():
        refused = digits == "0003" or (channel, digits) == ("messenger", "0004")
        assert taken.count(uuid) == (0 if refused else 1), (channel, digits)
