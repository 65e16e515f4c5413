"""A process that dies at any AWS call, before it or after it took effect: nothing is lost or doubled.

Each case makes its move once whole, to count the calls, and then once for every call and both ways of
dying. Afterwards what would come by itself comes: the queue hands records out again, the provider
repeats its callback.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, Literal

import httpx
import pytest
from botocore.client import BaseClient

from switchboard import delivering, notifying
from tests.functions.flows import Flow
from tests.functions.test_callbacks import FROM_PERSON, later, messenger
from tests.functions.test_intake import FLAT, WORKFLOW, event, put
from tests.support import payloads

When = Literal["before", "after"]


class Died(BaseException):
    """The process is gone. No handler of ours can catch it."""


class Reaper:
    """Counts the AWS calls made inside `with`, and dies at one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.at: int | None = None
        self.when: When = "before"
        self._watching = False
        call = BaseClient._make_api_call

        def make_call(client: Any, operation: str, parameters: Any) -> Any:
            if not self._watching:
                return call(client, operation, parameters)
            number, self.calls = self.calls, self.calls + 1
            if number == self.at and self.when == "before":
                raise Died
            result = call(client, operation, parameters)
            if number == self.at:
                raise Died
            return result

        monkeypatch.setattr(BaseClient, "_make_api_call", make_call)

    def run(self, move: Callable[[], object], at: int | None, when: When) -> bool:
        """Make a move and die in it. Returns whether the process died."""
        self.calls, self.at, self.when, self._watching = 0, at, when, True
        try:
            move()
        except Died:
            return True
        finally:
            self._watching = False
        return False


@pytest.fixture
def reaper(monkeypatch: pytest.MonkeyPatch) -> Reaper:
    monkeypatch.setattr(delivering, "LEASE_SECONDS", 0)
    monkeypatch.setattr(notifying, "FIRST_PAUSE", 0)
    return Reaper(monkeypatch)


def every_death(
    reaper: Reaper, prepare: Callable[[], Any], move: Callable[[Any], object], after: Callable[[Any], None]
) -> int:
    """Returns how many deaths were tried."""
    first = prepare()
    reaper.run(lambda: move(first), None, "before")
    calls = reaper.calls
    after(first)
    for number in range(calls):
        for when in ("before", "after"):
            subject = prepare()
            reaper.run(lambda subject=subject: move(subject), number, when)  # type: ignore[misc]
            after(subject)
    return calls * 2


def test_receipt(flow: Flow, reaper: Reaper) -> None:
    def prepare() -> str:
        uuid = flow.send(payloads.text("sms"))
        flow.drain()
        return uuid

    def after(uuid: str) -> None:
        flow.receipt(uuid)  # SNS tries again what was not taken
        flow.drain()
        assert flow.statuses(uuid) == ["submitted", "delivered"]

    assert every_death(reaper, prepare, flow.receipt, after) >= 4


def test_messenger_receipt(flow: Flow, reaper: Reaper) -> None:
    def prepare() -> tuple[str, int]:
        uuid = flow.send(payloads.text("messenger"))
        flow.drain()
        return uuid, later(0)

    def move(subject: tuple[str, int]) -> None:
        messenger(flow, FROM_PERSON | {"read": {"watermark": subject[1]}})

    def after(subject: tuple[str, int]) -> None:
        move(subject)
        flow.drain()
        assert flow.statuses(subject[0]) == ["submitted", "delivered", "read"]

    assert every_death(reaper, prepare, move, after) >= 10


def test_inbound(flow: Flow, reaper: Reaper) -> None:
    numbers = iter(range(1000))

    def prepare() -> dict[str, Any]:
        text = f"hello {next(numbers)}"
        return payloads.sns(
            {
                "originationNumber": "+447700900100",
                "destinationNumber": "+15550001111",
                "messageBody": text,
                "inboundMessageId": text,
            }
        )

    def move(event: dict[str, Any]) -> None:
        flow.cloud.call("inbound", event)

    def after(event: dict[str, Any]) -> None:
        before = len(flow.world.webhooks)
        move(event)
        flow.drain()
        assert len(flow.world.webhooks) == before + 1

    assert every_death(reaper, prepare, move, after) >= 6


def test_deliver(flow: Flow, reaper: Reaper) -> None:
    handed: list[int] = []

    def prepare() -> str:
        handed.append(len(flow.world.sent))
        return flow.send(payloads.text("sms"))

    def move(uuid: str) -> None:
        [record] = flow.cloud.received("OutboundQueue")
        flow.cloud.call("deliver", {"Records": [record]})

    def after(uuid: str) -> None:
        flow.drain()
        assert flow.statuses(uuid) == ["submitted"]
        # Twice only if it died between the provider's acceptance and our record of it.
        assert len(flow.world.sent) - handed[-1] in (1, 2)

    deaths = every_death(reaper, prepare, move, after)
    assert deaths >= 6
    assert len(flow.world.sent) < 2 * len(handed)


def test_deliver_on_messenger(flow: Flow, reaper: Reaper) -> None:
    """Its receipts find a message only by what was noted of the conversation."""

    def prepare() -> str:
        return flow.send(payloads.text("messenger"))

    def move(uuid: str) -> None:
        [record] = flow.cloud.received("OutboundQueue")
        flow.cloud.call("deliver", {"Records": [record]})

    def after(uuid: str) -> None:
        flow.drain()
        messenger(flow, FROM_PERSON | {"read": {"watermark": later(0)}})
        flow.drain()
        assert flow.statuses(uuid) == ["submitted", "delivered", "read"]

    assert every_death(reaper, prepare, move, after) >= 12


def test_deliver_in_parts(flow: Flow, reaper: Reaper) -> None:
    handed: list[int] = []

    def prepare() -> str:
        handed.append(len(flow.world.sent))
        return flow.send(payloads.text("sms", "x" * 1600 + "y" * 900))

    def move(uuid: str) -> None:
        [record] = flow.cloud.received("OutboundQueue")
        flow.cloud.call("deliver", {"Records": [record]})

    def after(uuid: str) -> None:
        flow.drain()
        assert flow.statuses(uuid) == ["submitted"]
        parts = [json.loads(request.content)["Context"]["part"] for request in flow.world.sent[handed[-1] :]]
        # One part twice at most: that of which the worker died between its acceptance and our record.
        assert set(parts) == {"1", "2"}
        assert len(parts) <= 3

    assert every_death(reaper, prepare, move, after) >= 10


def test_deliver_where_receipts_name_only_the_providers_id(flow: Flow, reaper: Reaper) -> None:
    """The receipt comes while the worker lives, or in its absence."""
    flow.cloud.secrets.create_secret(
        Name="sb/accounts/viber_bot/default", SecretString=json.dumps({"auth_token": "bot-token"})
    )
    tokens = iter(range(5_000, 9_000))
    given: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        given.append(next(tokens))
        return httpx.Response(200, json={"status": 0, "status_message": "ok", "message_token": given[-1]})

    flow.world.provider = answer

    def prepare() -> str:
        given.clear()
        ends = {"type": "viber_bot", "id": "01234567890A="}
        text = {"content": {"type": "text", "text": "hello"}}
        return flow.send({"from": ends, "to": ends, "message": text})

    def receipt(token: int) -> None:
        news = {"event": "delivered", "timestamp": 1795600000000, "message_token": token, "user_id": "x"}
        body = json.dumps(news)
        signature = hmac.new(b"bot-token", body.encode(), hashlib.sha256).hexdigest()
        headers = {"X-Viber-Content-Signature": signature}
        assert flow.cloud.http("status", "POST", "/status/viber_bot/default", body, headers)[0] == 200

    def move(uuid: str) -> None:
        [record] = flow.cloud.received("OutboundQueue")
        flow.cloud.call("deliver", {"Records": [record]})
        receipt(given[-1])

    def after(uuid: str) -> None:
        flow.drain()
        for token in given:
            receipt(token)
        flow.drain()
        assert flow.statuses(uuid) == ["submitted", "delivered"]

    assert every_death(reaper, prepare, move, after) >= 12


def test_opt_out(flow: Flow, reaper: Reaper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "LEASE_SECONDS", 60)  # nobody dies in deliver
    people = iter(range(447_700_910_000, 447_700_920_000))

    def prepare() -> str:
        return str(next(people))

    def move(person: str) -> None:
        payloads.whatsapp_inbound(flow.cloud, "STOP", wamid=f"wamid.{person}", person=person)

    def after(person: str) -> None:
        move(person)  # Meta repeats it
        flow.drain()
        told = [request for request in flow.world.sent if json.loads(request.content)["to"] == person]
        assert len(told) == 1
        ours = {"type": "whatsapp", "number": person}
        assert len(flow.heard(direction="inbound", **{"from": ours})) == 1
        uuid = flow.send(payloads.text("whatsapp") | {"to": ours})
        flow.drain()
        assert flow.statuses(uuid) == ["rejected"]

    assert every_death(reaper, prepare, move, after) >= 12


def test_notify(flow: Flow, reaper: Reaper) -> None:
    def prepare() -> str:
        uuid = flow.send(payloads.text("sms"))
        flow.cloud.deliver()
        return uuid

    def move(uuid: str) -> None:
        flow.cloud.call("notify", {"Records": flow.cloud.received("WebhooksQueue")})

    def after(uuid: str) -> None:
        flow.drain()
        assert set(flow.statuses(uuid)) == {"submitted"}

    assert every_death(reaper, prepare, move, after) >= 4


def test_send(flow: Flow, reaper: Reaper) -> None:
    """No 202, no promise; but what was promised arrives."""
    numbers = iter(range(1000))
    answers: dict[str, str] = {}

    def prepare() -> str:
        return f"text {next(numbers)}"

    def move(text: str) -> None:
        answers[text] = flow.send(payloads.text("sms", text))

    def after(text: str) -> None:
        flow.drain()
        if text in answers:
            assert flow.statuses(answers[text]) == ["submitted"]

    assert every_death(reaper, prepare, move, after) >= 4
    assert len(answers) < 4  # it died in nearly all of them


def _reported(flow: Flow) -> tuple[str, list[dict[str, Any]]]:
    """A dispatch that is done, and the record that asks for its report."""
    uuid = flow.dispatch(payloads.step("sms"))
    links = {"workflow": {"dispatch_uuid": uuid, "href": f"/workflows/{uuid}"}}
    flow.until(lambda: flow.heard(_links=links))
    flow.drain()
    flow.receipt(flow.heard(_links=links)[0]["message_uuid"])
    while True:  # the state machine asks for the report; whatever else is there goes out
        records = flow.cloud.received("WebhooksQueue")
        report = [record for record in records if "report" in record["body"]]
        if report:
            return uuid, report
        flow.cloud.call("notify", {"Records": records})


def test_report(flow: Flow, reaper: Reaper) -> None:
    Subject = tuple[str, list[dict[str, Any]]]

    def prepare() -> Subject:
        return _reported(flow)

    def move(subject: Subject) -> None:
        flow.cloud.call("notify", {"Records": subject[1]})

    def after(subject: Subject) -> None:
        flow.drain()
        reports = flow.heard(dispatch_uuid=subject[0])
        assert reports
        assert all(report == reports[0] for report in reports)  # tried again, it is the same one
        assert reports[0]["status"] == "completed"

    assert every_death(reaper, prepare, move, after) >= 6


# --- by the bus and by the Ingest queue ----------------------------------------------------------


def ingest(flow: Flow) -> None:
    [record] = flow.cloud.received("IngestQueue")
    flow.cloud.call("ingest", {"Records": [record]})


ORDERS = {"v0.1": payloads.text("sms"), "v1": FLAT, "dispatch": WORKFLOW}


@pytest.mark.parametrize("body", ORDERS.values(), ids=ORDERS)
def test_ingest(flow: Flow, reaper: Reaper, body: dict[str, Any]) -> None:
    """What the queue took is sent, once: it hands the record out again."""
    given: list[int] = []

    def prepare() -> str:
        given.append(len(flow.world.sent))
        return put(flow.cloud, json.dumps(body | {"application_id": flow.app["id"]}))

    def after(uuid: str) -> None:
        links = {"workflow": {"dispatch_uuid": uuid, "href": f"/workflows/{uuid}"}}
        wanted = {"_links": links} if "workflow" in body else {"message_uuid": uuid}
        flow.drain()
        flow.until(lambda: flow.heard(**wanted))
        flow.drain()
        assert [heard["status"] for heard in flow.heard(**wanted)] == ["submitted"]
        assert len(flow.world.sent) == given[-1] + 1
        assert flow.cloud.waiting("IngestQueue") == 0

    assert every_death(reaper, prepare, lambda _: ingest(flow), after) >= 6


def test_ingest_of_what_is_refused(flow: Flow, reaper: Reaper) -> None:
    """It is told and kept, both at least once, wherever it died."""
    flow.cloud.listen()

    def prepare() -> str:
        return put(flow.cloud, json.dumps(payloads.text("sms") | {"to": {"type": "sms"}}))

    def after(uuid: str) -> None:
        flow.drain()
        told = [event["detail"]["id"] for event in flow.cloud.events()]
        kept = [record["messageAttributes"]["id"]["stringValue"] for record in flow.cloud.taken("IngestDlq")]
        assert set(told) == set(kept) == {uuid}
        assert len(told) + len(kept) <= 4

    assert every_death(reaper, prepare, lambda _: ingest(flow), after) >= 4


@pytest.mark.parametrize("function", ["send", "dispatch"])
def test_refused_event(flow: Flow, reaper: Reaper, function: str) -> None:
    flow.cloud.listen()

    def prepare() -> dict[str, Any]:
        return event("Send Message" if function == "send" else "Start Dispatch", {})

    def move(given: dict[str, Any]) -> None:
        flow.cloud.call(function, given)

    def after(given: dict[str, Any]) -> None:
        if not flow.cloud.waiting("EventsDlq"):
            move(given)  # Lambda tries again what raised
        assert {each["detail"]["id"] for each in flow.cloud.events()} == {given["id"]}
        assert {json.loads(each["body"])["id"] for each in flow.cloud.taken("EventsDlq")} == {given["id"]}

    assert every_death(reaper, prepare, move, after) == 4


# --- events out ----------------------------------------------------------------------------------


@pytest.fixture
def heard(flow: Flow) -> Flow:
    """A flow whose events go out."""
    flow.cloud.listen()
    flow.cloud.publish()
    return flow


def published(flow: Flow) -> set[str]:
    return {resource for event in flow.cloud.events() for resource in event["resources"]}


def test_receipt_with_events_out(heard: Flow, reaper: Reaper) -> None:
    """One event on either way, though each may be delivered again."""

    def prepare() -> str:
        uuid = heard.send(payloads.text("sms"))
        heard.drain()
        heard.cloud.events()
        return uuid

    def move(uuid: str) -> None:
        heard.receipt(uuid)
        heard.cloud.call("notify", {"Records": heard.cloud.received("WebhooksQueue")})

    def after(uuid: str) -> None:
        heard.receipt(uuid)
        heard.drain()
        assert set(heard.statuses(uuid)) == {"submitted", "delivered"}
        assert f"event/{uuid}:delivered" in published(heard)

    assert every_death(reaper, prepare, move, after) >= 10


def test_report_with_events_out(heard: Flow, reaper: Reaper) -> None:
    def prepare() -> tuple[str, list[dict[str, Any]]]:
        return _reported(heard)

    def move(subject: tuple[str, list[dict[str, Any]]]) -> None:
        heard.cloud.call("notify", {"Records": subject[1]})

    def after(subject: tuple[str, list[dict[str, Any]]]) -> None:
        heard.drain()
        reports = heard.heard(dispatch_uuid=subject[0])
        events = [each for each in heard.cloud.events() if each["detail-type"] == "Dispatch Report"]
        assert reports
        assert events
        assert all(report == reports[0] for report in reports)
        assert all(each["detail"] == reports[0] for each in events)

    assert every_death(reaper, prepare, move, after) >= 6
