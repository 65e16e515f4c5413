"""The whole road once more with every function held to its role in the template."""

import json
import time
from collections.abc import Callable, Iterator

import boto3
import httpx
import pytest

from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.bodies import CHANNELS, READS, step
from tests.e2e.clients import vonage
from tests.e2e.local_stack import LocalStack

pytestmark = pytest.mark.e2e
KEY = ("localkey", "localsecret")


@pytest.fixture(scope="module")
def strict_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    stack = LocalStack(tmp_path_factory.mktemp("strict"), SWITCHBOARD_ENFORCE_IAM="1")
    stack.start()
    yield stack
    stack.stop()
    assert "AccessDenied" not in stack.output


def test_roles_allow_what_is_needed(
    strict_stack: LocalStack, make_application: Callable[[LocalStack], Application]
) -> None:
    application = make_application(strict_stack)
    mailbox = application.mailbox
    sent = {channel: application.send(bodies.message(channel)) for channel in CHANNELS}
    handled = [application.send(bodies.message("sms", digits)) for digits in ("0003", "0004", "0005", "0009")]
    told_late = application.dispatch(step("whatsapp", "0001", 2, "read"), step("sms", "0100"))
    failed = application.dispatch(step("messenger", "0003", 30), step("viber_service_msg", "0004"))

    for channel, uuid in sent.items():
        count = 3 if channel in READS else 2
        mailbox.until_statuses(uuid, PATIENCE, count)
        assert application.show(uuid)["status"] == ("read" if channel in READS else "delivered")
    assert application.report(told_late)["status"] == "completed"
    assert application.report(failed)["status"] == "error"
    ends = {"rejected", "undeliverable", "delivered"}
    for uuid in handled:
        mailbox.until_statuses(uuid, PATIENCE, any_of=ends)

    for channel in CHANNELS:
        to = bodies.sender(channel)
        message = {"channel": channel, "from": "447700900321", "text": channel}
        message["to"] = to.get("number") or to["id"]
        assert httpx.post(f"{strict_stack.url}/sandbox/inbound", json=message).status_code == 202
    mailbox.until(lambda: len(mailbox.bodies("inbound")) == len(CHANNELS), PATIENCE)

    signed_in = {"api_key": KEY[0], "api_secret": KEY[1]}
    answer = httpx.post(f"{strict_stack.url}/console/session", json=signed_in)
    for headers in (application.authorization, {"Authorization": f"Console {answer.json()['pass']}"}):
        listed = application.http.get("/v0.1/messages?limit=100", headers=headers).json()["messages"]
        assert {*sent.values(), *handled} <= {message["message_uuid"] for message in listed}
        listed = application.http.get("/v0.1/dispatch", headers=headers).json()["dispatches"]
        assert {told_late, failed} <= {dispatch["dispatch_uuid"] for dispatch in listed}

    api = vonage(strict_stack).application
    assert application.id in {each.id for each in api.list_applications()[0]}
    api.delete_application(application.id)


def test_roles_allow_what_an_owner_does(
    strict_stack: LocalStack, make_application: Callable[[LocalStack], Application]
) -> None:
    application = make_application(strict_stack)
    mailbox, owner = application.mailbox, httpx.Client(base_url=strict_stack.url, auth=KEY, timeout=60)
    held = owner.get("/sandbox/accounts/aws").json()
    rate = {"per_second": 2}
    senders = [{"channel": "sms", "id": "12065550161", "rate": rate, "application": application.id}]
    for name in ("one", "two"):
        account = f"/accounts/aws/{name}"
        assert owner.put(account, json={**held, "senders": senders}).status_code == 201
        assert owner.post(f"{account}/verify", json={}).json()["state"] == "verified"
    assert owner.get("/accounts").json()["total_items"] == 2
    body = bodies.message("sms") | {"from": {"type": "sms", "number": "12065550161"}}
    uuids = [application.send(body | {"priority": kind}) for kind in ("normal", "high") * 3]
    for uuid in uuids:
        mailbox.until_statuses(uuid, PATIENCE, 2)

    stop = {"channel": "sms", "from": "447700900602", "to": "12065550161", "text": "STOP"}
    assert owner.post("/sandbox/inbound", json=stop).status_code == 202
    mailbox.until(lambda: mailbox.bodies("inbound"), PATIENCE)
    assert owner.get("/v0.1/contacts/sms/447700900602").json()["opted_out"]

    body_text = [{"type": "BODY", "text": "Parcel {{1}}", "example": {"body_text": [["7"]]}}]
    template = {"name": "parcel", "language": "en", "category": "UTILITY", "components": body_text}
    assert owner.post("/v0.1/templates", json=template).status_code == 201
    assert owner.get("/v0.1/templates/parcel").status_code == 200
    assert owner.delete("/v0.1/templates/parcel").status_code == 204

    assert owner.get("/v0.1/media/5c1a7b0e-93d4-4c0f-8a7e-2f6b1d3c4e5f").status_code == 404
    assert owner.delete("/accounts/aws/one").status_code == 204


def test_roles_allow_what_else_there_is(
    strict_stack: LocalStack, make_application: Callable[[LocalStack], Application]
) -> None:
    """Orders by the Ingest queue, marking a message as read, erasing a person, what was not taken."""
    application = make_application(strict_stack)
    mailbox, owner = application.mailbox, httpx.Client(base_url=strict_stack.url, auth=KEY, timeout=60)
    application.send(bodies.message("whatsapp"))
    to = bodies.sender("whatsapp")["number"]
    written = {"channel": "whatsapp", "from": "447700900655", "to": to, "text": "hello"}
    assert owner.post("/sandbox/inbound", json=written).status_code == 202
    mailbox.until(lambda: mailbox.bodies("inbound"), PATIENCE)
    uuid = mailbox.bodies("inbound")[0]["message_uuid"]
    assert owner.patch(f"/v1/messages/{uuid}", json={"status": "read"}).status_code == 200

    port = json.loads((strict_stack.state / "kept.json").read_text())["ports"]["aws"]
    sqs = boto3.client(
        "sqs",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="000000000000",
        aws_secret_access_key="any",
    )
    urls = sqs.list_queues()["QueueUrls"]
    ingest = next(url for url in urls if "IngestQueue" in url)
    for order in (bodies.message("sms"), {"nothing": "of use"}):
        named = order | {"application_id": application.id, "client_ref": "by queue"}
        sqs.send_message(QueueUrl=ingest, MessageBody=json.dumps(named))
    mailbox.until(lambda: [hook for hook in mailbox.bodies("status") if hook.get("client_ref")], PATIENCE)

    started = owner.post("/v0.1/redact", json={"number": "447700900655"})
    assert started.status_code == 202
    path = f"/v0.1/redact/{started.json()['redaction_id']}"
    deadline = time.monotonic() + PATIENCE
    while not owner.get(path).json()["redacted"]:  # it waits for its second round then
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert owner.get("/v0.1/contacts/whatsapp/447700900655").json()["senders"] == []
    assert owner.get("/v0.1/webhooks/failed").status_code == 200
    assert owner.get("/v0.1/webhooks/endpoints").status_code == 200
    assert owner.post("/v0.1/webhooks/replay", json={"event_ids": ["none"]}).status_code == 404
