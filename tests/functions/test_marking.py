"""PATCH of a message: read, and taken back."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.payloads import flat


def mark(flow: Flow, uuid: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    path = f"/v1/messages/{uuid}"
    return flow.cloud.http("mark", "PATCH", path, body, headers or flow.app["bearer"])


@pytest.fixture
def asked(flow: Flow) -> str:
    """A message of a person's."""
    flow.send(payloads.text("whatsapp"))
    payloads.whatsapp_inbound(flow.cloud, "When?", wamid="wamid.theirs")
    flow.drain()
    [heard] = flow.heard(direction="inbound")
    return str(heard["message_uuid"])


def test_a_persons_message_is_marked_as_read(flow: Flow, asked: str) -> None:
    assert mark(flow, asked, {"status": "read"}) == (200, {})
    request = json.loads(flow.world.sent[-1].content)
    assert request == {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.theirs"}
    answer = mark(flow, asked, {"status": "read", "replying_indicator": {"show": True, "type": "text"}})
    assert answer == (200, {})
    assert json.loads(flow.world.sent[-1].content)["typing_indicator"] == {"type": "text"}


def test_of_others_nothing_is_known(flow: Flow, asked: str) -> None:
    other = payloads.application(flow.cloud)
    assert mark(flow, asked, {"status": "read"}, other["bearer"])[0] == 404
    assert mark(flow, str(uuid4()), {"status": "read"})[0] == 404
    assert mark(flow, asked, {"status": "read"}, {"x": "y"})[0] == 401


@pytest.mark.parametrize("body", [{}, {"status": "delivered"}, {"status": "revoked"}, []])
def test_refused(flow: Flow, asked: str, body: Any) -> None:
    before = len(flow.world.sent)
    status, answer = mark(flow, asked, body)
    assert (status, answer["type"].partition("#")[2]) == (422, "1150")
    assert len(flow.world.sent) == before


def test_a_channel_without_it(flow: Flow) -> None:
    uuid = flow.send_v1(flat("sms"))["message_uuid"]
    assert mark(flow, uuid, {"status": "revoked"})[1]["invalid_parameters"] == [
        {"name": "status", "reason": "is for messages that have been submitted"}
    ]
    flow.drain()
    assert mark(flow, uuid, {"status": "revoked"})[1]["invalid_parameters"] == [
        {"name": "status", "reason": "Operation not supported for this channel."}
    ]
    assert mark(flow, uuid, {"status": "read"})[0] == 422


def test_a_provider_that_does_not_answer(flow: Flow, asked: str) -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("down")

    flow.world.provider = down
    assert mark(flow, asked, {"status": "read"})[0] == 502
