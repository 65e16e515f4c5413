"""One message, from request to callbacks."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.cloud import Cloud

CHANNELS = list(payloads.ENDS)


def test_message_is_submitted_and_delivered(flow: Flow) -> None:
    uuid = flow.send(payloads.text("sms", client_ref="order-7"))
    flow.drain()
    flow.receipt(uuid)
    flow.drain()
    assert len(flow.world.sent) == 1
    submitted, delivered = flow.heard(message_uuid=uuid)
    assert submitted == {
        "message_uuid": uuid,
        "to": {"type": "sms", "number": "447700900100"},
        "from": {"type": "sms", "number": "15550001111"},
        "timestamp": submitted["timestamp"],
        "status": "submitted",
        "sms": {"count_total": "1"},
        "client_ref": "order-7",
    }
    assert delivered == submitted | {
        "timestamp": delivered["timestamp"],
        "status": "delivered",
        "usage": {"price": "0.0210", "currency": "EUR"},
    }
    status, shown = flow.cloud.http("send", "GET", f"/v0.1/messages/{uuid}", headers=flow.app["bearer"])
    assert (status, shown["status"]) == (200, "delivered")
    assert set(shown["statuses"]) == {"submitted", "delivered"}


@pytest.mark.parametrize("path", ["/v0.1/messages", "/v0.1/messages/"])
@pytest.mark.parametrize("channel", [channel for channel in CHANNELS if channel != "mms"])
def test_every_channel_is_sent(flow: Flow, channel: str, path: str) -> None:
    status, answer = flow.cloud.http("send", "POST", path, payloads.text(channel), flow.app["bearer"])
    assert status == 202
    flow.drain()
    assert flow.statuses(answer["message_uuid"]) == ["submitted"]


def test_mms_media_is_staged_in_our_bucket(flow: Flow) -> None:
    def provider(request: httpx.Request) -> httpx.Response:
        if request.url.host == "media.example":
            return httpx.Response(200, content=b"GIF89a", headers={"content-type": "image/gif"})
        return payloads.accepts_all(request)

    flow.world.provider = provider
    body = payloads.text("mms")
    body["message"]["content"] = {
        "type": "image",
        "image": {"url": "https://media.example/a.gif", "caption": "hi"},
    }
    uuid = flow.send(body)
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
    request = flow.world.sent[-1].read()
    assert f"s3://media/outbound/{uuid}.gif".encode() in request
    stored = flow.cloud.s3.get_object(Bucket="media", Key=f"outbound/{uuid}.gif")
    assert (stored["Body"].read(), stored["ContentType"]) == (b"GIF89a", "image/gif")


def test_a_message_is_its_own_applications_only(flow: Flow) -> None:
    uuid = flow.send(payloads.text("sms"))
    other = payloads.application(flow.cloud)
    for headers, expected in ((flow.app["bearer"], 200), (payloads.basic(), 200), (other["bearer"], 404)):
        status, _ = flow.cloud.http("send", "GET", f"/v0.1/messages/{uuid}", headers=headers)
        assert status == expected
    assert flow.cloud.http("send", "GET", f"/v0.1/messages/{uuid4()}", headers=other["bearer"])[0] == 404


def test_with_key_and_secret_the_account_is_called(flow: Flow) -> None:
    form = "drCallBackUrl=https%3A%2F%2Fclient.example%2Faccount"
    assert flow.cloud.http("applications", "POST", "/account/settings", form, payloads.basic())[0] == 200
    called = []

    def client(request: httpx.Request) -> httpx.Response:
        called.append(str(request.url))
        return httpx.Response(200)

    flow.world.client = client
    status, _ = flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), payloads.basic())
    assert status == 202
    flow.drain()
    assert called == ["https://client.example/account"]


@pytest.mark.parametrize(
    ("kinds", "heard"),
    [
        pytest.param(["TEXT_PENDING", "TEXT_DELIVERED"], ["submitted", "delivered"], id="pending is no news"),
        pytest.param(["TEXT_DELIVERED"] * 3, ["submitted", "delivered"], id="doubled"),
        pytest.param(
            ["TEXT_SUCCESSFUL", "TEXT_DELIVERED"], ["submitted", "delivered"], id="two words for one"
        ),
        pytest.param(["TEXT_DELIVERED", "TEXT_PENDING"], ["submitted", "delivered"], id="backwards"),
        pytest.param(
            ["TEXT_DELIVERED", "TEXT_UNREACHABLE"], ["submitted", "delivered"], id="failed after all"
        ),
        pytest.param(
            ["TEXT_UNREACHABLE", "TEXT_DELIVERED"], ["submitted", "undeliverable"], id="an end is an end"
        ),
        pytest.param(["TEXT_BLOCKED"], ["submitted", "rejected"], id="blocked"),
        pytest.param(["TEXT_SOMETHING_NEW", "TEXT_DELIVERED"], ["submitted", "delivered"], id="unknown word"),
    ],
)
def test_receipts_only_lead_forward(flow: Flow, kinds: list[str], heard: list[str]) -> None:
    uuid = flow.send(payloads.text("sms"))
    flow.drain()
    for kind in kinds:
        flow.receipt(uuid, kind)
    flow.drain()
    assert flow.statuses(uuid) == heard


def test_failure_names_its_code(flow: Flow) -> None:
    uuid = flow.send(payloads.text("sms"))
    flow.drain()
    flow.receipt(uuid, "TEXT_UNREACHABLE")
    flow.drain()
    [failed] = flow.heard(message_uuid=uuid, status="undeliverable")
    assert failed["error"]["code"] in (1260, 1180)
    assert failed["error"]["reason"]


def test_seen_without_delivered_says_both_in_order(flow: Flow) -> None:
    uuid = flow.send(payloads.text("viber_service_msg"))
    flow.drain()
    assert flow.viber_receipt(uuid, seen=True) == 200
    assert flow.viber_receipt(uuid) == 200
    flow.drain()
    assert flow.statuses(uuid) == ["submitted", "delivered", "read"]


def test_times_do_not_go_back(flow: Flow) -> None:
    """Some providers' clocks have whole seconds only, and none is ours."""
    uuid = flow.send(payloads.text("viber_service_msg"))
    flow.drain()
    flow.viber_receipt(uuid)  # with a time long past
    flow.drain()
    submitted, delivered = (hook["timestamp"] for hook in flow.heard(message_uuid=uuid))
    assert delivered >= submitted


def test_a_price_that_comes_late_is_not_lost(flow: Flow) -> None:
    uuid = flow.send(payloads.text("viber_service_msg"))
    flow.drain()
    flow.viber_receipt(uuid, seen=True)
    flow.viber_receipt(uuid)  # the delivery report, with the price
    _, shown = flow.cloud.http("send", "GET", f"/v0.1/messages/{uuid}", headers=flow.app["bearer"])
    assert (shown["status"], shown["usage"]) == ("read", {"price": "0.0125", "currency": "EUR"})


def test_receipt_before_the_providers_answer(flow: Flow) -> None:
    seen: list[Any] = []

    def provider(request: httpx.Request) -> httpx.Response:
        uuid = flow.cloud.received_uuid  # type: ignore[attr-defined]
        flow.receipt(uuid)
        seen.append(uuid)
        return payloads.accepts_all(request)

    flow.world.provider = provider
    uuid = flow.send(payloads.text("sms"))
    flow.cloud.received_uuid = uuid  # type: ignore[attr-defined]
    flow.drain()
    assert seen == [uuid]
    assert flow.statuses(uuid) == ["submitted", "delivered"]


def test_nothing_is_heard_of_an_unknown_message(cloud: Cloud) -> None:
    cloud.call("status", payloads.sms_receipt(str(uuid4())))
    cloud.notify()
    assert cloud.world.webhooks == []
