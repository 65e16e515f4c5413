"""What is kept of people, and for how long: every kind of item says whether it ends."""

import re
import time
from typing import Any

from switchboard import clock
from switchboard.models.messages import Status
from switchboard.store import attributes, keys
from tests.functions.flows import Flow
from tests.functions.test_redacting import hear
from tests.support import payloads

DAY = 86_400
ENDS: dict[str, int | None] = {
    "MESSAGE": 31,
    "DISPATCH": 45,
    "PROVIDER": 30,
    "CONVERSATION": 8,
    "PACE": 15,
    "CIRCUIT": 15,
    "REQUESTS": 1,
    "REDACTION": 61,
    "ENDPOINT": 2,
    "GONE": 366,
    "FAILED": 14,
    "EVENT": 14,
    "AUDIT": 400,
    "INSIGHTS": 801,
    "COUNTED": 3,
    "SPEND": 4,
    "CONTACT": 32,  # as long as there is no word of the person's own that has to stay: OPTED below
    "OPTOUT": None,
    # What the owner set up: not about people.
    "APPLICATION": None,
    "APPLICATIONS": None,
    "ACCOUNT": None,
    "ACCOUNTS": None,
    "NUMBERS": None,
    "SENDER": None,
    "TEMPLATES": None,
}
"""Days after which a kind of item is gone at the latest; None for what stays."""
CONTENTS = {"MESSAGE", "DISPATCH"}
"""Kinds that hold what was written."""
NUMBERS = CONTENTS | {"CONVERSATION", "CONTACT", "REDACTION"}
"""Kinds that hold who it was written to."""


def test_every_kind_of_item_is_decided_about() -> None:
    table = (keys.__doc__ or "").partition("pk  ")[2]
    named = set(re.findall(r"  +([A-Z]+)(?:#|  )", table)) - {
        "SETTINGS",
        "SECRETS",
        "SIGNATURES",
        "STEPS",
        "LIMITS",
    }
    sorts = {"MESSAGE", "DISPATCH", "SENDER", "PACE", "CIRCUIT", "EARLY", "SENT", "WATERMARKS"}
    assert (named | {"MESSAGE"}) - (sorts - ENDS.keys()) <= ENDS.keys()
    assert {kind for kind in ENDS if kind not in (keys.__doc__ or "")} == set()


def stored(flow: Flow) -> list[dict[str, Any]]:
    return [attributes.load(item) for item in flow.cloud.dynamodb.scan(TableName="table")["Items"]]


def everything(flow: Flow) -> None:
    """Something of every kind that people have a part in."""
    uuids = [
        flow.send(payloads.text(channel, "secret words")) for channel in payloads.ENDS if channel != "mms"
    ]
    flow.dispatch(payloads.step("sms", 600), payloads.step("viber_service_msg"))
    flow.drain()
    flow.receipt(uuids[0])
    hear(flow, "hello")
    flow.cloud.http("redact", "POST", "/v0.1/redact", {"number": "12345"}, payloads.basic())
    flow.drain()


def test_what_is_about_people_ends(flow: Flow) -> None:
    everything(flow)
    now, seen = time.time(), set()
    for item in stored(flow):
        kind = item["pk"].partition("#")[0]
        seen.add(kind)
        days = ENDS[kind]
        if days is None:
            assert "expires_at" not in item, item
        else:
            assert now < item["expires_at"] <= now + days * DAY, item
        if kind not in CONTENTS:
            assert "secret words" not in repr(item)
        if kind not in NUMBERS:
            assert "447700900100" not in repr(item)
    assert seen >= {"MESSAGE", "DISPATCH", "CONTACT", "CONVERSATION", "PROVIDER", "REDACTION"}


def test_an_opt_out_stays(flow: Flow) -> None:
    hear(flow, "STOP")
    flow.drain()
    [contact] = [item for item in stored(flow) if item["pk"].startswith("CONTACT#")]
    assert contact["opted_out"] is True
    assert contact["expires_at"] > time.time() + 1000 * 365 * DAY


def test_a_settled_watermark_is_not_begun_anew(flow: Flow) -> None:
    """Nothing would end an item that only this wrote."""
    from switchboard.models.events import Conversation

    store = flow.cloud.functions["status"].callbacks._services.conversations.store
    store.settle_watermark(Conversation("1000000001", "20000000100"), Status.READ, clock.now())
    assert [item for item in stored(flow) if item["pk"].startswith("CONVERSATION#")] == []
