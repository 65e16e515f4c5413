"""What clients are told, held to docs/openapi.yaml."""

from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.bodies import CHANNELS
from tests.e2e.local_stack import KEY, SECRET, LocalStack
from tests.e2e.receiver import Hook
from tests.support.openapi import validator

pytestmark = pytest.mark.e2e

PERSON = "447700900322"
OURS = {"v0.1": "12065550161", "v1": "12065550162"}
LAST = ("0001", "0003", "0004", bodies.NORMAL)
"""Delivered, rejected, undeliverable, read."""


def schema(hook: Hook) -> str:
    if "template" in hook.body:
        return "Report"
    version = "V1" if "channel" in hook.body else "V01"
    return f"{'Inbound' if hook.kind == 'inbound' else 'Status'}{version}"


def wants(stack: LocalStack, application: Application, version: str) -> None:
    """Have an application told in this version."""
    urls = {
        f"{kind}_url": {"address": f"{application.mailbox.url}/{kind}", "http_method": "POST"}
        for kind in ("status", "inbound")
    }
    messages = {"webhooks": urls, "version": version}
    changed = httpx.put(
        f"{stack.url}/v2/applications/{application.id}",
        json={"name": version, "capabilities": {"messages": messages}},
        auth=(KEY, SECRET),
    )
    assert changed.status_code == 200


@pytest.mark.parametrize("version", OURS)
def test_webhooks_are_as_described(
    stack: LocalStack, make_application: Callable[[LocalStack], Application], version: str
) -> None:
    application, sender = make_application(stack), OURS[version]
    wants(stack, application, version)
    for channel in CHANNELS:
        for digits in LAST:
            application.send(bodies.message(channel, digits, client_ref="ref"))
    application.send(bodies.message("whatsapp") | {"from": bodies.sender("whatsapp", sender)})
    dispatch = application.dispatch(bodies.step("messenger", "0003", 30), bodies.step("sms", "0001"))
    flat = {"channel": "sms", "message_type": "text", "text": "x", "from": "Acme"}
    failover = {
        **flat,
        "to": "447700900003",
        "failover": [{**flat, "to": "447700900001", "expiry_time": 30, "condition_status": "delivered"}],
    }
    started = application.post("/v1/messages", failover)
    assert started.status_code == 202
    workflow = started.json()["workflow_id"]
    written = {"channel": "whatsapp", "from": PERSON, "to": sender, "text": "Hello?"}
    assert httpx.post(f"{stack.url}/sandbox/inbound", json=written).status_code == 202

    mailbox = application.mailbox
    for uuid in (dispatch, workflow):
        application.report(uuid)
    mailbox.until(lambda: mailbox.bodies("inbound"), PATIENCE)
    mailbox.until(lambda: len(mailbox.bodies()) >= 2 * len(CHANNELS) * len(LAST), PATIENCE)
    mailbox.until(lambda: "read" in {body.get("status") for body in mailbox.bodies()}, PATIENCE)
    came = Counter(schema(hook) for hook in mailbox.hooks)
    suffix = version.upper().replace(".", "")
    assert set(came) == {"Report", f"Status{suffix}", f"Inbound{suffix}"}
    told = {hook.body["status"] for hook in mailbox.hooks if schema(hook) == f"Status{suffix}"}
    assert told == {"submitted", "delivered", "read", "rejected", "undeliverable"}
    for hook in mailbox.hooks:
        validator(schema(hook)).validate(hook.body)
        assert {"switchboard-event-id", "authorization"} <= set(hook.headers)
