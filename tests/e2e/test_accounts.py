"""Accounts, rates and what people send, on the running stack."""

import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.e2e import bodies
from tests.e2e.application import Application
from tests.e2e.local_stack import LocalStack

pytestmark = pytest.mark.e2e

KEY = ("localkey", "localsecret")
Make = Callable[[LocalStack], Application]


def put(stack: LocalStack, path: str, body: object) -> httpx.Response:
    return httpx.put(f"{stack.url}/accounts/{path}", json=body, auth=KEY)


def credentials(stack: LocalStack, provider: str) -> dict[str, Any]:
    held: dict[str, Any] = httpx.get(f"{stack.url}/sandbox/accounts/{provider}").json()["credentials"]
    return held


def sms(sender: str, **more: object) -> dict[str, object]:
    return {
        "from": {"type": "sms", "number": sender},
        "to": {"type": "sms", "number": f"44770090{bodies.NORMAL}"},
        "message": {"content": {"type": "text", "text": "Hello"}},
        **more,
    }


def test_two_senders_at_their_own_rates(stack: LocalStack, make_application: Make) -> None:
    application = make_application(stack)
    rates = {"Steady": 4.0, "Swift": 10.0}
    answer = put(
        stack,
        "aws/rates",
        {
            "credentials": credentials(stack, "aws"),
            "senders": [
                {"channel": "sms", "id": sender, "rate": {"per_second": rate}}
                for sender, rate in rates.items()
            ],
        },
    )
    assert answer.status_code == 201, answer.text
    uuids = [application.send(sms(sender)) for _ in range(12) for sender in rates]
    urgent = application.send(sms("Steady", priority="high"))
    mailbox = application.mailbox
    mailbox.until(lambda: all("delivered" in mailbox.statuses(uuid) for uuid in [*uuids, urgent]), 60)
    sends = [send for send in stack.handed_over() if send["sender"] in rates]
    for sender, rate in rates.items():
        mine = [send for send in sends if send["sender"] == sender]
        arrivals = sorted(datetime.fromisoformat(send["at"]).timestamp() for send in mine)
        assert len(arrivals) == (13 if sender == "Steady" else 12)
        # No window of a second has more than its rate, with one for an edge and one that was urgent.
        for first, later in zip(arrivals, arrivals[int(rate) + 2 :], strict=False):
            assert later - first > 0.9
        assert all(b >= a for a, b in pairwise(arrivals))
    steady = sorted((send["at"], send["echo_id"]) for send in sends if send["sender"] == "Steady")
    assert [echo for _, echo in steady].index(urgent) < 12


@pytest.mark.parametrize(
    ("provider", "channel", "sender"),
    [
        ("twilio", "sms", "447700900401"),
        ("vonage", "sms", "447700900402"),
        ("infobip", "sms", "447700900403"),
        ("aws", "whatsapp", "447700900404"),
        ("whatsapp_cloud", "whatsapp", "447700900405"),
    ],
)
def test_another_account_of_a_provider(
    stack: LocalStack, make_application: Make, provider: str, channel: str, sender: str
) -> None:
    application = make_application(stack)
    senders = [{"channel": channel, "id": sender}]
    held = credentials(stack, provider)
    if (provider, channel) == ("aws", "whatsapp"):  # AWS has an id of its own for each number
        held |= {"phone_number_ids": {sender: f"phone-number-id-{sender:0>32}"}}
    body = {"credentials": held, "senders": senders}
    assert put(stack, f"{provider}/other", body).status_code in (200, 201)
    verified = httpx.post(f"{stack.url}/accounts/{provider}/other/verify", json={}, auth=KEY, timeout=30)
    assert (verified.status_code, verified.json()["state"]) == (200, "verified"), verified.text
    if channel == "whatsapp":
        body_of_template = {"type": "template", "template": {"name": "parcel", "parameters": []}}
        message = {"content": body_of_template, "whatsapp": {"locale": "en"}}
    else:
        message = {"content": {"type": "text", "text": "Hello"}}
    uuid = application.send(
        {
            "from": {"type": channel, "number": sender},
            "to": {"type": channel, "number": f"44770090{bodies.NORMAL}"},
            "message": message,
        }
    )
    mailbox = application.mailbox
    mailbox.until(lambda: mailbox.statuses(uuid), 20)
    assert [send["provider"] for send in stack.handed_over() if send["sender"].lstrip("+") == sender] == [
        provider
    ]


def test_who_stops_is_left_alone(stack: LocalStack, make_application: Make) -> None:
    application = make_application(stack)
    person = f"44770080{bodies.NORMAL}"
    told = httpx.post(
        f"{stack.url}/sandbox/inbound",
        json={"channel": "sms", "from": person, "to": "447700900500", "text": "STOP"},
    )
    assert told.status_code == 202
    contact = f"{stack.url}/v0.1/contacts/sms/{person}"
    deadline = time.monotonic() + 10
    while not httpx.get(contact, auth=KEY).json()["opted_out"] and time.monotonic() < deadline:
        time.sleep(0.1)
    body = sms("447700900500")
    body["to"] = {"type": "sms", "number": person}
    uuid = application.send(body)
    mailbox = application.mailbox
    [hook] = mailbox.until(lambda: mailbox.bodies(message_uuid=uuid), 20)
    assert (hook["status"], hook["error"]["code"]) == ("rejected", 1240)
