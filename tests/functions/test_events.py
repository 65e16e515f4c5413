"""Every trigger in the template has its event in events/, and every function takes its own."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.functions.flows import Flow
from tests.support.template import ROOT, template

EVENTS = ROOT / "events"

EXPECTED: dict[str, Any] = {
    "send/send": 202,
    "send/show": 404,
    "send/explain": 404,
    "send/dry-run": 200,
    "send/dry-run-v1": 200,
    "send/send-event": {"message_uuid": "5c1a7b0e-93d4-4c0f-8a7e-2f6b1d3c4e5f"},
    "send/ping": 200,
    "send/ping-v1": 200,
    "send/default": 405,
    "send/send-v1": 202,
    "send/show-v1": 404,
    "mark/mark": 404,
    "dispatch/show": 404,
    "dispatch/cancel": 404,
    "dispatch/explain": 404,
    "dispatch/dry-run": 200,
    "dispatch/start": 202,
    "dispatch/start-event": {"dispatch_uuid": "9e4f2d61-0b7a-4c53-a1d8-3e5c7f9b2a10"},
    "dispatch/lost": {},
    "dispatch/sweep": {"overdue": 0},
    "dispatch/starts": {"batchItemFailures": []},
    "dispatch/ping": 200,
    "applications/ping": 200,
    "applications/create": 201,
    "applications/list": 200,
    "applications/get": 404,
    "applications/update": 404,
    "applications/delete": 404,
    "applications/account-settings": 200,
    "applications/account-limits": 200,
    "applications/set-account-limits": 200,
    "applications/balance": 200,
    "applications/secrets": 200,
    "applications/create-secret": 201,
    "applications/secret": 404,
    "applications/revoke-secret": 404,
    "applications/signature-secrets": 200,
    "applications/create-signature-secret": 201,
    "applications/signature-secret": 404,
    "applications/promote-signature-secret": 404,
    "applications/revoke-signature-secret": 404,
    "accounts/list": 200,
    "accounts/put": 201,
    "accounts/get": 404,
    "accounts/delete": 404,
    "accounts/verify": 404,
    "accounts/templates": 200,
    "accounts/create-template": 201,
    "accounts/template": 404,
    "accounts/delete-template": 404,
    "accounts/contact": 200,
    "accounts/external-accounts": 200,
    "accounts/create-messenger-account": 201,
    "accounts/external-account": 404,
    "accounts/update-messenger-account": 404,
    "accounts/delete-messenger-account": 404,
    "accounts/link-application": 404,
    "accounts/unlink-application": 404,
    "accounts/update-number": 200,
    "accounts/numbers": 200,
    "accounts/insight": 200,
    "deliver/outbound": {"batchItemFailures": []},
    "deliver/urgent": {"batchItemFailures": []},
    "notify/webhooks": {"batchItemFailures": []},
    "ingest/ingest": {"batchItemFailures": []},
    "media/get": 404,
    "webhooks/endpoints": 200,
    "webhooks/failed": 200,
    "webhooks/replay": 202,
    "count/changes": {"state": {}},
    "insights/insights": 200,
    "insights/reports": 200,
    "insights/audit": 200,
    "list/messages": 200,
    "list/dispatches": 200,
    "console/page": 200 if (ROOT / "functions/console/static/index.html").exists() else 503,
    "console/asset": 404,
    "console/sign-in": 200,
    "console/renew": 401,
    "console/sign-out": 204,
    "redact/redact": 202,
    "redact/show": 404,
    "redact/redactions": {"batchItemFailures": []},
    "status/callback": 200,
    "status/function-url": 200,
    "status/handshake": 200,
    "status/sms": {},
    "inbound/callback": 200,
    "inbound/handshake": 200,
    "inbound/sms": {},
}


def triggers() -> set[str]:
    """`function/trigger` of the template, in the names of the files; a second path of one is the same."""
    found = set()
    for name, resource in template()["Resources"].items():
        properties = resource.get("Properties", {})
        urls = ["FunctionUrl"] if "FunctionUrlConfig" in properties else []
        for event in (*properties.get("Events", {}), *urls):
            if not event.endswith("Slash"):
                kebab = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", event).lower()
                found.add(f"{name.removesuffix('Function').lower()}/{kebab}")
    return found


def test_one_event_for_each_trigger() -> None:
    files = {str(path.relative_to(EVENTS).with_suffix("")) for path in EVENTS.rglob("*.json")}
    assert files == triggers() == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_function_takes_its_event(flow: Flow, name: str) -> None:
    event = json.loads((EVENTS / f"{name}.json").read_text())
    answer = flow.cloud.call(Path(name).parts[0], event)
    expected = EXPECTED[name]
    assert (answer["statusCode"] if isinstance(expected, int) else answer) == expected


@pytest.mark.parametrize("name", ["inbound/callback", "inbound/sms"])
def test_what_people_write_arrives(flow: Flow, name: str) -> None:
    flow.cloud.call("inbound", json.loads((EVENTS / f"{name}.json").read_text()))
    flow.drain()
    [heard] = flow.world.webhooks
    assert heard["message"]["content"]["text"] == "When does it arrive?"


def test_a_message_by_event_is_sent_once(flow: Flow) -> None:
    """EventBridge delivers at least once."""
    event = json.loads((EVENTS / "send" / "send-event.json").read_text())
    event["detail"]["application_id"] = flow.app["id"]
    for _ in range(2):
        uuid = flow.cloud.call("send", event)["message_uuid"]
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
    assert len(flow.world.sent) == 1
