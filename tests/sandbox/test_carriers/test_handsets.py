"""What becomes of a message, for every kind of handset on every channel."""

import time
from uuid import uuid4

import pytest

from .rig import (
    PACE,
    PHONE_ID,
    PROVIDERS,
    SENDERS,
    Reply,
    Rig,
    graph,
    kinds,
    needles,
    person,
    send_whatsapp,
    whatsapp_body,
)

pytestmark = pytest.mark.network

NEWS = {
    "sms": ["TEXT_DELIVERED"],
    "whatsapp": ["sent", "delivered", "read"],
    "messenger": ["message", "delivery", "read"],
    "viber_service_msg": ["DELIVERED_TO_HANDSET NO_ERROR", "seen"],
}
REFUSALS = {
    ("sms", "0003"): Reply(400, "ConflictExceptionDESTINATION_PHONE_NUMBER_OPTED_OUT"),
    ("sms", "0005"): Reply(400, "ThrottlingException"),
    ("sms", "0008"): Reply(500, "InternalServerException"),
    ("whatsapp", "0003"): Reply(400, "131050"),
    ("whatsapp", "0005"): Reply(429, "130429", "1"),
    ("whatsapp", "0008"): Reply(500, "2"),
    ("messenger", "0003"): Reply(400, "10/2018278"),
    ("messenger", "0004"): Reply(400, "551/1545041"),
    ("messenger", "0005"): Reply(400, "613"),
    ("messenger", "0008"): Reply(500, "2"),
    ("viber_service_msg", "0003"): Reply(200, "5/14"),
    ("viber_service_msg", "0005"): Reply(429, "TOO_MANY_REQUESTS", "1"),
    ("viber_service_msg", "0008"): Reply(503, "GENERAL_ERROR"),
}
TRIES = {"0003": 1, "0004": 1, "0005": 2, "0008": 3}
"""How often a handset that can refuse does."""

FAILURES = {
    "sms": ["TEXT_UNREACHABLE"],
    "whatsapp": ["failed"],
    "messenger": [],
    "viber_service_msg": ["UNDELIVERABLE_NOT_DELIVERED EC_UNKNOWN_USER"],
}


def expected_news(channel: str, last4: str) -> list[str]:
    natural = NEWS[channel]
    match last4:
        case "0001":
            return [kind for kind in natural if kind not in ("read", "seen")]
        case "0002":
            return [kind for kind in natural if kind in ("sent", "message")]
        case "0003":
            return []
        case "0004":
            return FAILURES[channel]
        case "0007":
            late = [*natural[::-1]] if channel != "sms" else ["TEXT_DELIVERED", "TEXT_PENDING"]
            return [kind for kind in late for _ in range(2)]
        case _:
            return natural


@pytest.mark.parametrize("last4", [f"{n:04d}" for n in range(1, 10)] + ["4321"])
@pytest.mark.parametrize("channel", SENDERS)
def test_handset(rig: Rig, channel: str, last4: str) -> None:
    to, echo = person(channel, last4), str(uuid4())
    refusal = REFUSALS.get((channel, last4))
    for _ in range(TRIES[last4] if refusal else 0):
        assert refusal
        got = SENDERS[channel](rig, to, echo)
        assert (got.status, got.code, got.retry_after) == (refusal.status, refusal.code, refusal.retry_after)
        assert rig.receiver.about(*needles(channel, to, echo)) == []

    news = expected_news(channel, last4)
    refused_for_good = refusal is not None and last4 in ("0003", "0004")
    if not refused_for_good:
        got = SENDERS[channel](rig, to, echo)
        answered_at = time.monotonic()
        assert (got.status, got.code) == ((0, "") if last4 == "0006" else (200, ""))
        assert [send["provider"] for send in rig.sends(echo)] == [PROVIDERS[channel]]
        assert rig.sends(echo)[0]["recipient_last4"] == last4
        if last4 == "0009":
            found = rig.receiver.about(*needles(channel, to, echo))
            first = [kind for call in found if call.at < answered_at - 0.2 * PACE for kind in kinds(call)]
            assert first == [kind for kind in news if kind not in ("read", "seen")]
    rig.receiver.wait(len(news), *needles(channel, to, echo))
    time.sleep(0.1)  # nothing more comes
    calls = rig.receiver.about(*needles(channel, to, echo))
    assert [kind for call in calls for kind in kinds(call)] == news
    assert len(rig.sends(echo)) == (0 if refused_for_good else 1)


@pytest.mark.parametrize("channel", SENDERS)
def test_refusals_are_counted_by_message(rig: Rig, channel: str) -> None:
    to, first, second = person(channel, "0005"), str(uuid4()), str(uuid4())
    order = [first, second, first, second, first, second]
    answers = [SENDERS[channel](rig, to, echo).code for echo in order]
    assert [bool(code) for code in answers] == [True] * 4 + [False] * 2


def test_messages_without_an_id_are_told_apart_by_their_bytes(rig: Rig) -> None:
    to = person("whatsapp", "0005")
    answers = [graph(rig, PHONE_ID, whatsapp_body(to, None)).status_code for _ in range(6)]
    assert answers == [429, 429, 200] * 2  # after acceptance the same bytes are a new message


@pytest.mark.parametrize("channel", SENDERS)
def test_a_lost_answer_is_lost_once(rig: Rig, channel: str) -> None:
    to, echo = person(channel, "0006"), str(uuid4())
    assert SENDERS[channel](rig, to, echo).status == 0
    second = SENDERS[channel](rig, to, echo)
    assert second.status == 200
    if channel == "viber_service_msg":  # only this provider knows the message again
        assert second.code == "5/23"
    assert len(rig.sends(echo)) == (1 if channel == "viber_service_msg" else 2)


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "viber_service_msg"])
def test_a_receipt_is_repeated_until_it_is_taken(rig: Rig, channel: str) -> None:
    to, echo = person(channel, "0004"), str(uuid4())
    rig.receiver.refusals[echo] = 2
    SENDERS[channel](rig, to, echo)
    (call,) = rig.receiver.wait(1, echo)
    assert kinds(call) == FAILURES[channel]
    assert rig.receiver.refusals[echo] == 0


def test_doubled_receipts_come_at_the_same_time(rig: Rig) -> None:
    echo = str(uuid4())
    send_whatsapp(rig, person("whatsapp", "0007"), echo)
    calls = rig.receiver.wait(6, echo)
    for first, second in zip(calls[::2], calls[1::2], strict=True):
        assert first.body == second.body
    reported = [call.json["entry"][0]["changes"][0]["value"]["statuses"][0]["timestamp"] for call in calls]
    assert reported == sorted(reported, reverse=True)
