"""What people write to our senders."""

from collections.abc import Callable

import httpx
import pytest

from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.bodies import CHANNELS, Body
from tests.e2e.local_stack import LocalStack

pytestmark = pytest.mark.e2e

PERSON = "447700900321"
OURS = {
    "sms": "12065550171",
    "mms": "12065550172",
    "whatsapp": "12065550173",
    "messenger": "12065550174",
    "viber_service_msg": "AcmeParcels",
}


def write(stack: LocalStack, channel: str, words: str, to: str) -> httpx.Response:
    message = {"channel": channel, "from": PERSON, "to": to, "text": words}
    return httpx.post(f"{stack.url}/sandbox/inbound", json=message)


def inbound(channel: str, words: str, to: str, told: Body) -> Body:
    """The webhook; what only it can know is taken from it."""
    near = "id" if channel in ("messenger", "viber_service_msg") else "number"
    far = "id" if channel == "messenger" else "number"
    return {
        "message_uuid": told["message_uuid"],
        "to": {"type": channel, near: to},
        "from": {"type": channel, far: PERSON},
        "timestamp": told["timestamp"],
        "direction": "inbound",
        "message": {"content": {"type": "text", "text": words}},
    }


@pytest.mark.parametrize("channel", CHANNELS)
def test_answer_goes_to_the_application_that_wrote(
    stack: LocalStack,
    application: Application,
    make_application: Callable[[LocalStack], Application],
    channel: str,
) -> None:
    ours = OURS[channel]
    application.send(bodies.message(channel) | {"from": bodies.sender(channel, ours)})
    other = make_application(stack)  # newer, so it would get what is nobody's
    words = f"Where is it? ({channel})"
    assert write(stack, channel, words, ours).status_code == 202
    mailbox = application.mailbox
    [told] = mailbox.until(lambda: mailbox.bodies("inbound"), PATIENCE)
    # Two-way SMS is all that AWS has: an answer to an MMS comes as one.
    assert told == inbound("sms" if channel == "mms" else channel, words, ours, told)
    assert other.mailbox.bodies("inbound") == []


def test_the_sender_moves_with_its_last_application(
    stack: LocalStack, application: Application, make_application: Callable[[LocalStack], Application]
) -> None:
    message = bodies.message("whatsapp") | {"from": bodies.sender("whatsapp", "12065550181")}
    application.send(message)
    heir = make_application(stack)
    heir.send(message)
    assert write(stack, "whatsapp", "Hello?", "12065550181").status_code == 202
    heir.mailbox.until(lambda: heir.mailbox.bodies("inbound"), PATIENCE)
    assert application.mailbox.bodies("inbound") == []


def test_steps_of_a_dispatch_are_answered_too(stack: LocalStack, application: Application) -> None:
    steps = [bodies.step("messenger", "0100", 30), bodies.step("sms", "0100")]
    steps[1]["from"] = bodies.sender("sms", "12065550191")
    application.dispatch(*steps)
    assert write(stack, "sms", "Thanks", "12065550191").status_code == 202
    mailbox = application.mailbox
    [told] = mailbox.until(lambda: mailbox.bodies("inbound"), PATIENCE)
    assert told["message"]["content"]["text"] == "Thanks"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channel": "fax", "from": PERSON, "to": "12065550171", "text": "Hi"}, "channel"),
        ({"channel": "sms", "from": "Ann", "to": "12065550171", "text": "Hi"}, "from"),
        ({"channel": "sms", "from": PERSON, "text": "Hi"}, "to"),
        ({"channel": "sms", "from": PERSON, "to": "12065550171", "text": ""}, "text"),
    ],
    ids=["channel", "from", "to", "text"],
)
def test_what_no_handset_can_send_is_refused(stack: LocalStack, body: Body, field: str) -> None:
    answer = httpx.post(f"{stack.url}/sandbox/inbound", json=body)
    assert (answer.status_code, answer.json()["field"]) == (400, field)
