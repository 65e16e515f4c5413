"""Two applications side by side: what is one's, the other can neither read, change, repeat nor receive."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from switchboard import clock
from switchboard.queues import StatusNews
from switchboard.store import FailedEvent
from tests.functions.flows import Flow
from tests.functions.test_attacks import OF_ANYBODY, OF_THE_ACCOUNT
from tests.support import door, payloads
from tests.support.door import Answer

Route = tuple[str, str]


@dataclass
class Two:
    """Everything here was done by `flow.app`, with a person; `other` had no part in it."""

    flow: Flow
    other: dict[str, Any]
    things: dict[str, str]

    def ask(self, route: Route, headers: dict[str, str] | None = None, **more: Any) -> Answer:
        parameters = more.pop("parameters", self.things)
        body = more.pop("body", None)
        return door.request(
            self.flow.cloud,
            *route,
            path=door.filled(route[1], **parameters),
            headers=headers or self.other["bearer"],
            body=json.dumps(body) if body is not None else None,
            **more,
        )

    def kept(self) -> str:
        items = self.flow.cloud.dynamodb.scan(TableName="table")["Items"]
        return repr(sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"])))


@pytest.fixture(scope="module")
def two() -> Iterator[Two]:
    with door.opened() as flow:
        cloud = flow.cloud
        credentials = {
            "access_token": "wa-token",
            "app_secret": "wa-secret",
            "verify_token": "v",
            "waba_id": "1029",
            "phone_numbers": {"447700900200": "1"},
        }
        sender = {"channel": "whatsapp", "id": "447700900200", "application": flow.app["id"]}
        account = {"credentials": credentials, "senders": [sender]}
        path = "/accounts/whatsapp_cloud/mine"
        assert cloud.http("accounts", "PUT", path, account, payloads.basic())[0] == 201
        other = payloads.application(
            cloud, status_url="https://client.example/other", inbound_url="https://client.example/other"
        )
        message = flow.send(payloads.text("sms"))
        dispatch = flow.dispatch(payloads.step("sms", 600), payloads.step("viber_service_msg"))
        assert payloads.whatsapp_inbound(cloud, "STOP", account_id="mine") == 200
        flow.until(lambda: flow.statuses(message))
        flow.drain()
        [inbound] = [hook["message_uuid"] for hook in flow.heard(direction="inbound")]
        # As if it had been a picture.
        cloud.s3.put_object(Bucket="media", Key=f"inbound/{inbound}", Body=b"bytes", ContentType="image/png")
        cloud.functions["notify"].services.store.note_media(inbound, "kept")
        headers = flow.app["bearer"]
        redaction = cloud.http("redact", "POST", "/v0.1/redact", {"number": "1234567"}, headers)[1]
        flow.drain()
        things = {
            "message_uuid": message,
            "dispatch_uuid": dispatch,
            "redaction_id": redaction["redaction_id"],
            "channel": "whatsapp",
            "person": "447700900100",
            "inbound": inbound,
        }
        yield Two(flow, other, things)


def label(route: Route) -> str:
    return " ".join(route)


SINGLE: dict[Route, str] = {
    ("GET", "/v0.1/messages/{message_uuid}"): "message_uuid",
    ("GET", "/v1/messages/{message_uuid}"): "message_uuid",
    ("PATCH", "/v1/messages/{message_uuid}"): "message_uuid",
    ("GET", "/v0.1/dispatch/{dispatch_uuid}"): "dispatch_uuid",
    ("DELETE", "/v0.1/dispatch/{dispatch_uuid}"): "dispatch_uuid",
    ("GET", "/v0.1/dispatch/{dispatch_uuid}/explain"): "dispatch_uuid",
    ("GET", "/v0.1/messages/{message_uuid}/explain"): "message_uuid",
    ("GET", "/v0.1/media/{message_uuid}"): "inbound",
    ("GET", "/v0.1/redact/{redaction_id}"): "redaction_id",
}
"""Routes of one thing, which is somebody's: 404 for everybody else."""
OTHERWISE: dict[Route, str] = {
    ("GET", "/v0.1/insights"): "the caller's own: test_insights.py",
    ("GET", "/v0.1/reports/messages"): "the caller's own: test_exporting.py",
    ("GET", "/v0.1/messages"): "the caller's own: test_listing.py",
    ("GET", "/v0.1/dispatch"): "the caller's own: test_listing.py",
    ("POST", "/v0.1/messages"): "makes the caller's own: test_keys_do_not_meet, test_quotes",
    ("POST", "/v1/messages"): "makes the caller's own: test_keys_do_not_meet, test_quotes",
    ("POST", "/v0.1/dispatch"): "makes the caller's own: test_keys_do_not_meet",
    ("POST", "/v0.1/dispatch/dry-run"): "makes nothing: test_rehearsing.py",
    ("POST", "/v0.1/messages/dry-run"): "makes nothing: test_rehearsing.py",
    ("POST", "/v1/messages/dry-run"): "makes nothing: test_rehearsing.py",
    ("POST", "/v0.1/redact"): "erases the caller's own: test_redacting.py",
    ("GET", "/v0.1/contacts/{channel}/{person}"): "people as the caller's senders know them: test_contacts",
    ("GET", "/v0.1/webhooks/endpoints"): "the caller's own: test_webhook_endpoints.py",
    ("GET", "/v0.1/webhooks/failed"): "the caller's own: test_failed_events",
    ("POST", "/v0.1/webhooks/replay"): "the caller's own: test_failed_events",
}
OF_ALL: dict[Route, str] = {
    route: "belongs to the account, as Vonage documents it"
    for route in OF_ANYBODY
    if route[1].startswith(("/beta/chatapp-accounts", "/v0.1/templates"))
}
"""Routes whose things are not an application's."""


def test_every_route_is_decided_about() -> None:
    """A new one has to say what another application gets from it."""
    assert set(door.GUARDED) == SINGLE.keys() | OTHERWISE.keys() | OF_ALL.keys() | OF_THE_ACCOUNT


@pytest.mark.parametrize("route", SINGLE, ids=label)
def test_another_applications_thing(two: Two, route: Route) -> None:
    name = SINGLE[route]
    thing = two.things[name]
    placed = {"message_uuid": thing} if name == "inbound" else {name: thing}
    body = {"status": "revoked"} if route[0] == "PATCH" else None
    before, sent = two.kept(), len(two.flow.world.sent)
    nowhere = two.ask(route, parameters={next(iter(placed)): door.UUID}, body=body)
    theirs = two.ask(route, parameters=placed, body=body)
    assert (theirs.status, nowhere.status) == (404, 404)
    # One is not told from the other.
    assert _without(theirs, thing) == _without(nowhere, door.UUID)
    assert (two.kept(), len(two.flow.world.sent)) == (before, sent)
    if route[0] == "GET":
        for headers in (two.flow.app["bearer"], payloads.basic()):
            assert two.ask(route, headers, parameters=placed).status == 200


def _without(answer: Answer, thing: str) -> Any:
    return json.loads(answer.text.replace(thing, "")) | {"instance": ""}


def test_marking_another_applications_inbound_message(two: Two) -> None:
    sent = len(two.flow.world.sent)
    for status in ("read", "revoked"):
        route = ("PATCH", "/v1/messages/{message_uuid}")
        placed = {"message_uuid": two.things["inbound"]}
        assert two.ask(route, parameters=placed, body={"status": status}).status == 404
    assert len(two.flow.world.sent) == sent


@pytest.mark.parametrize("route", sorted(OF_THE_ACCOUNT), ids=label)
def test_no_token_manages_the_account(two: Two, route: Route) -> None:
    before = two.kept()
    parameters = {"application_id": two.flow.app["id"], "provider": "whatsapp_cloud", "account_id": "mine"}
    assert two.ask(route, parameters=parameters, body={"name": "mine now"}).status == 401
    assert two.kept() == before


def test_contacts(two: Two) -> None:
    """The person opted out at a sender of the first application."""
    route = ("GET", "/v0.1/contacts/{channel}/{person}")
    mine, theirs = two.ask(route, two.flow.app["bearer"]).body, two.ask(route).body
    assert (mine["opted_out"], len(mine["senders"])) == (True, 1)
    assert (theirs["opted_out"], theirs["senders"], theirs["window_open_until"]) == (False, [], None)


def test_keys_do_not_meet(two: Two) -> None:
    """The same Idempotency-Key of two applications and of the account: three messages, whatever the body."""
    cloud = two.flow.cloud
    callers = [two.flow.app["bearer"], two.other["bearer"], payloads.basic()]
    workflow = payloads.workflow(payloads.step("sms", 600), payloads.step("sms"))
    for function, path, bodies, name in (
        ("send", "/v0.1/messages", [payloads.text("sms", f"{n}") for n in range(3)], "message_uuid"),
        ("send", "/v1/messages", [payloads.flat("viber_service_msg", node="same")] * 3, "message_uuid"),
        ("dispatch", "/v0.1/dispatch", [workflow] * 3, "dispatch_uuid"),
    ):
        uuids = []
        for headers, body in zip(callers, bodies, strict=True):
            status, answer = cloud.http(
                function, "POST", path, body, headers | {"Idempotency-Key": f"k{path}"}
            )
            assert status == 202
            uuids.append(answer[name])
        assert len(set(uuids)) == 3
    two.flow.drain()


def test_quotes(two: Two) -> None:
    """Another application's message cannot be quoted, not even by who knows its uuid."""
    cloud = two.flow.cloud
    ends = {}
    for name, headers in (("theirs", two.other["bearer"]), ("mine", two.flow.app["bearer"])):
        body = payloads.flat("whatsapp", context={"message_uuid": two.things["inbound"]})
        ends_at = {"from": "447700900299", "to": "447700900777"}
        status, answer = cloud.http("send", "POST", "/v1/messages", body | ends_at, headers)
        assert status == 202
        two.flow.drain()
        route = ("GET", "/v1/messages/{message_uuid}")
        shown = two.ask(route, headers, parameters={"message_uuid": answer["message_uuid"]}).body
        ends[name] = (shown["status"], shown.get("error", {}).get("title"))
    assert ends == {"theirs": ("rejected", "1020"), "mine": ("submitted", None)}


def test_webhooks_go_to_whose_they_are(two: Two) -> None:
    called: list[tuple[str, str]] = []

    def client(request: httpx.Request) -> httpx.Response:
        called.append((request.url.path, json.loads(request.content).get("message_uuid", "")))
        return httpx.Response(200)

    real, two.flow.world.client = two.flow.world.client, client
    try:
        mine = two.flow.send(payloads.text("sms"))
        status, theirs = two.flow.cloud.http(
            "send", "POST", "/v0.1/messages", payloads.text("sms"), two.other["bearer"]
        )
        assert status == 202
        assert payloads.whatsapp_inbound(two.flow.cloud, "hello", account_id="mine") == 200
        two.flow.drain()
        two.flow.receipt(mine)
        two.flow.receipt(theirs["message_uuid"])
        two.flow.drain()
    finally:
        two.flow.world.client = real
    by_path: dict[str, set[str]] = {}
    for path, uuid in called:
        by_path.setdefault(path, set()).add(uuid)
    assert by_path["/other"] == {theirs["message_uuid"]}
    assert by_path["/status"] == {mine}
    assert len(by_path["/inbound"]) == 1


def test_failed_events(two: Two) -> None:
    """Listed and replayed for their own application only."""
    services = two.flow.cloud.functions["notify"].services
    now = clock.now()
    event_id = f"{two.things['message_uuid']}:submitted"
    services.notifying.failed.put(
        FailedEvent(
            event_id=event_id,
            application_id=two.flow.app["id"],
            news=StatusNews(message_uuid=two.things["message_uuid"], status="submitted", by="x"),
            occurred_at=now,
            failed_at=now,
            attempts=3,
            reason="500",
        )
    )
    listing, replay = ("GET", "/v0.1/webhooks/failed"), ("POST", "/v0.1/webhooks/replay")

    def found(answer: Answer) -> list[Any]:
        return list(answer.body["_embedded"]["failed"])

    assert len(found(two.ask(listing, two.flow.app["bearer"]))) == 1
    assert found(two.ask(listing)) == []
    asked = two.ask(listing, query=f"application_id={two.flow.app['id']}")
    assert asked.status in (200, 400, 404)
    assert event_id not in asked.text
    waiting = two.flow.cloud.waiting("WebhooksQueue")
    for body in (
        {"event_ids": [event_id]},
        {"from": "2020-01-01T00:00:00Z"},
        {"from": "2020-01-01T00:00:00Z", "application_id": two.flow.app["id"]},
        {"event_ids": [event_id], "application_id": two.flow.app["id"]},
    ):
        two.ask(replay, body=body)
        assert two.flow.cloud.waiting("WebhooksQueue") == waiting
    assert two.ask(replay, two.flow.app["bearer"], body={"event_ids": [event_id]}).body["replayed"] == 1
    two.flow.drain()
