"""Every channel, Dispatch and applications with `nexmo@2.7.0-beta-1` from npm, as it is."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.clients.nexmo_node import nexmo
from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.bodies import CHANNELS, READS, Body
from tests.e2e.local_stack import LocalStack
from tests.e2e.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.clients]

PRICED = ("sms", "mms", "messenger", "whatsapp", "viber_service_msg")
"""Channels whose providers name a price, be it nothing."""


def channel_send(message: Body) -> list[Any]:
    return ["channel.send", message["to"], message["from"], message["message"]]


def by_time(hooks: list[Body]) -> list[Body]:
    return sorted(hooks, key=lambda hook: str(hook["timestamp"]))


def test_every_channel_reports_in_the_v01_shape(stack: LocalStack, application: Application) -> None:
    messages = {channel: bodies.message(channel) for channel in CHANNELS}
    outcomes = nexmo(
        stack, *map(channel_send, messages.values()), together=True, credentials=application.nexmo_credentials
    )
    assert [outcome.error for outcome in outcomes] == [None] * len(CHANNELS)
    mailbox = application.mailbox
    for outcome, (channel, message) in zip(outcomes, messages.items(), strict=True):
        assert set(outcome.result) == {"message_uuid"}
        uuid = outcome.result["message_uuid"]
        names = ["submitted", "delivered", "read"] if channel in READS else ["submitted", "delivered"]
        mailbox.until_statuses(uuid, PATIENCE, len(names))
        # By rank, as some providers' times are of whole seconds.
        hooks = sorted(mailbox.bodies(message_uuid=uuid), key=lambda hook: names.index(hook["status"]))
        assert [hook["status"] for hook in hooks] == names
        for hook in hooks:
            expected = {"message_uuid": uuid, "to": message["to"], "from": message["from"]}
            expected |= {"status": hook["status"], "timestamp": hook["timestamp"]}
            if hook["status"] == "delivered" and channel in PRICED:
                expected["usage"] = {"price": hook["usage"]["price"], "currency": "EUR"}
                assert Decimal(hook["usage"]["price"]) >= 0
            if channel == "sms":
                expected["sms"] = {"count_total": "1"}
            assert hook == expected


def test_dispatch_as_in_the_readme(stack: LocalStack, application: Application) -> None:
    steps = [
        bodies.step("messenger", "0001", 2, "read"),
        bodies.step("viber_service_msg", "0002", 2, "delivered"),
        bodies.step("sms", "0100"),
    ]
    [outcome] = nexmo(
        stack, ["dispatch.create", "failover", steps], credentials=application.nexmo_credentials
    )
    assert outcome.error is None and set(outcome.result) == {"dispatch_uuid"}
    uuid = outcome.result["dispatch_uuid"]
    mailbox = application.mailbox
    report = application.report(uuid)

    mailbox.until(lambda: len(mailbox.bodies()) >= 6, PATIENCE)
    told = by_time([body for body in mailbox.bodies() if "message_uuid" in body])
    assert [(body["to"]["type"], body["status"]) for body in told] == [
        ("messenger", "submitted"),
        ("messenger", "delivered"),
        ("viber_service_msg", "submitted"),
        ("sms", "submitted"),
        ("sms", "delivered"),
    ]
    link = {"workflow": {"dispatch_uuid": uuid, "href": f"/workflows/{uuid}"}}
    assert all(body["_links"] == link for body in told)

    uuids = list(dict.fromkeys(body["message_uuid"] for body in told))
    price = mailbox.bodies(message_uuid=uuids[2], status="delivered")[0]["usage"]
    entries: list[Body] = [
        {"message_uuid": message, "href": f"v0.1/messages/{message}", "channel": channel, "status": status}
        for message, (channel, status) in zip(
            uuids,
            [("messenger", "delivered"), ("viber_service_msg", "submitted"), ("sms", "delivered")],
            strict=True,
        )
    ]
    entries[0]["usage"] = {"price": "0.0000", "currency": "EUR"}  # Messenger is free
    entries[2]["usage"] = price
    assert report == {
        "dispatch_uuid": uuid,
        "template": "failover",
        "status": "completed",
        "timestamp": report["timestamp"],
        "usage": price,
        "_links": {"messages": entries},
    }
    assert mailbox.reports() == [report]


def test_numbers_as_strings_and_single_steps_are_taken(stack: LocalStack, application: Application) -> None:
    first = bodies.step("viber_service_msg", "0004", 600)
    first["failover"]["expiry_time"] = "600"
    outcomes = nexmo(
        stack,
        ["dispatch.create", "failover", [first, bodies.step("sms", "0100")]],
        ["dispatch.create", "failover", [bodies.step("whatsapp", "0100")]],
        together=True,
        credentials=application.nexmo_credentials,
    )
    channels = []
    for outcome in outcomes:
        report = application.report(outcome.result["dispatch_uuid"])
        assert report["status"] == "completed"
        channels.append([entry["channel"] for entry in report["_links"]["messages"]])
    assert channels == [["viber_service_msg", "sms"], ["whatsapp"]]


def test_applications_in_both_of_its_forms(stack: LocalStack, receiver: Receiver) -> None:
    url = receiver.mailbox().url
    urls = {"inbound_url": f"{url}/inbound", "status_url": f"{url}/status"}
    webhooks = {name: {"address": address, "http_method": "POST"} for name, address in urls.items()}
    capabilities = {"messages": {"webhooks": webhooks}}
    older, newer = nexmo(
        stack,
        ["applications.create", "Older", "messages", "", "", urls],
        ["applications.create", {"name": "Newer", "capabilities": capabilities}],
    )
    assert older.error is None and newer.error is None
    assert newer.result["capabilities"] == capabilities
    assert older.result["messages"]["webhooks"] == [
        {"endpoint_type": name, "endpoint": address, "http_method": "POST"} for name, address in urls.items()
    ]
    for made in (older.result, newer.result):
        assert UUID(made["id"])
        assert made["keys"]["private_key"].startswith("-----BEGIN PRIVATE KEY-----")

    uuid = newer.result["id"]
    read, listed, changed, deleted, gone = nexmo(
        stack,
        ["applications.get", uuid],
        ["applications.get", {"page_size": 100}],
        ["applications.update", uuid, {"name": "Newest"}],
        ["applications.delete", uuid],  # with a body, and no length of it
        ["applications.get", uuid],
    )
    assert read.result["name"] == "Newer"
    assert {older.result["id"], uuid} <= {each["id"] for each in listed.result["_embedded"]["applications"]}
    assert listed.result["count"] == len(listed.result["_embedded"]["applications"])
    assert (changed.result["name"], changed.result["capabilities"]) == ("Newest", {})
    assert (deleted.error, deleted.result) == (None, None)
    assert (gone.error["statusCode"], gone.error["body"]["title"]) == (404, "Not Found")


def test_refusals_reach_its_callbacks(stack: LocalStack, application: Application) -> None:
    nobody = bodies.message("sms") | {"to": {"type": "sms"}}
    wordless = bodies.message("whatsapp") | {"message": {"content": {"type": "text"}}}
    last = bodies.step("sms", "0100", 30)
    message, other_message, dispatch, empty = nexmo(
        stack,
        channel_send(nobody),
        channel_send(wordless),
        ["dispatch.create", "failover", [bodies.step("sms", "0100"), last]],
        ["dispatch.create", "failover", []],
        credentials=application.nexmo_credentials,
    )
    for outcome, names in (
        (message, ["to.number"]),
        (other_message, ["message.content.text"]),
        (dispatch, ["workflow[0].failover", "workflow[1].failover"]),
        (empty, ["workflow"]),
    ):
        assert (outcome.result, outcome.error["statusCode"]) == (None, 400)
        assert outcome.error["headers"]["content-type"] == "application/problem+json"
        body = outcome.error["body"]
        assert [fault["name"] for fault in body["invalid_parameters"]] == names
        assert body == {
            "type": "https://www.nexmo.com/messages/Errors#InvalidParams",
            "title": "Your request parameters didn't validate.",
            "detail": f"Found errors validating {len(names)} of your submitted parameters.",
            "instance": outcome.error["headers"]["x-nexmo-trace-id"],
            "invalid_parameters": body["invalid_parameters"],
        }
    assert application.mailbox.hooks == []


def test_token_signed_with_another_key_is_refused(stack: LocalStack, application: Application) -> None:
    [other] = nexmo(stack, ["applications.create", {"name": "Other"}])
    outcomes = nexmo(
        stack,
        channel_send(bodies.message("sms")),
        ["dispatch.create", "failover", [bodies.step("sms", "0100")]],
        credentials={"applicationId": application.id, "privateKey": other.result["keys"]["private_key"]},
    )
    for outcome in outcomes:
        assert outcome.error["statusCode"] == 401
        assert outcome.error["body"] == {
            "title": "Unauthorised",
            "detail": "Invalid Token",
            "instance": outcome.error["headers"]["x-nexmo-trace-id"],
        }


def test_wrong_secret_is_refused(stack: LocalStack) -> None:
    [outcome] = nexmo(stack, ["applications.get", {}], secret="wrong")
    assert outcome.error["statusCode"] == 401
    assert outcome.error["body"]["detail"] == "You did not provide correct credentials."
