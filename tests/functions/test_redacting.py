"""A person is erased: nothing of them is left in the table or the bucket, and what was done still adds up."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from switchboard import redacting
from switchboard.store import redactions
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.cloud import Cloud

NUMBER, NAME = "447700900100", "Jolanda Marked"
OTHER = "447700900555"
WORDS = "the marked contents"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of five, and no pause between the rounds."""
    monkeypatch.setattr(redactions, "PAGE", 5)
    monkeypatch.setattr(redacting, "PAUSE", timedelta(0))


def redact(cloud: Cloud, body: dict[str, Any], headers: dict[str, str] | None = None) -> str:
    status, answer = cloud.http("redact", "POST", "/v0.1/redact", body, headers or payloads.basic())
    assert status == 202, answer
    return str(answer["redaction_id"])


def shown(cloud: Cloud, redaction: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    path = f"/v0.1/redact/{redaction}"
    status, answer = cloud.http("redact", "GET", path, headers=headers or payloads.basic())
    return status, dict(answer)


def table(cloud: Cloud) -> list[dict[str, Any]]:
    return list(cloud.dynamodb.scan(TableName="table")["Items"])


def kept(cloud: Cloud) -> str:
    """All that is stored anywhere: the table, the bucket's names and bytes, what waits in queues."""
    objects = cloud.s3.list_objects_v2(Bucket="media").get("Contents", [])
    contents = [cloud.s3.get_object(Bucket="media", Key=each["Key"])["Body"].read() for each in objects]
    queued = [record["body"] for queue in cloud.queues for record in cloud.received(queue)]
    return repr(table(cloud)) + repr([each["Key"] for each in objects]) + repr(contents) + repr(queued)


def hear(flow: Flow, words: str = WORDS, person: str = NUMBER) -> None:
    """The person writes, with their name, and quotes what we sent."""
    said = {"from": person, "id": f"wamid.{words[:4]}{person}", "timestamp": "1795430200", "type": "text"}
    metadata = {"display_phone_number": "447700900200", "phone_number_id": "447700900200"}
    value = {
        "messaging_product": "whatsapp",
        "metadata": metadata,
        "contacts": [{"profile": {"name": NAME}, "wa_id": person}],
        "messages": [said | {"text": {"body": words}}],
    }
    assert payloads.whatsapp_hook(flow.cloud, value) == 200


@pytest.fixture
def lived(flow: Flow) -> dict[str, str]:
    """Something of every kind was done with the person. Uuids by what they are of."""
    uuids = {
        channel: flow.send(payloads.text(channel, WORDS, client_ref="order-1"))
        for channel in ("sms", "whatsapp", "viber_service_msg")
    }
    uuids["mms"] = flow.send(
        payloads.text("mms")
        | {"message": {"content": {"type": "image", "image": {"url": "https://x.example/a.jpg"}}}}
    )
    uuids["telling"] = flow.send(payloads.text("sms", WORDS, client_ref=f"to {NUMBER}"))
    uuids["other"] = flow.send(
        payloads.text("sms", WORDS + " kept") | {"to": {"type": "sms", "number": OTHER}}
    )
    steps = [payloads.step("sms", 600) | {"message": {"content": {"type": "text", "text": WORDS}}}]
    uuids["dispatch"] = flow.dispatch(*steps, payloads.step("viber_service_msg"))
    flow.until(lambda: flow.statuses(uuids["sms"]) and flow.statuses(uuids["telling"]))
    flow.drain()
    flow.receipt(uuids["sms"])
    hear(flow)
    hear(flow, "STOP")
    # As if media had been sent both ways.
    flow.cloud.s3.put_object(Bucket="media", Key=f"outbound/{uuids['mms']}.jpg", Body=b"a marked picture")
    flow.drain()
    return uuids


def test_nothing_of_the_person_is_left(flow: Flow, lived: dict[str, str]) -> None:
    before = kept(flow.cloud)
    for told in (NUMBER, NAME, WORDS, "a marked picture"):
        assert told in before
    redaction = redact(flow.cloud, {"number": f"+{NUMBER}"})
    flow.drain()
    status, answer = shown(flow.cloud, redaction)
    assert (status, answer["status"]) == (200, "completed")
    assert answer["redacted"] >= 8
    assert answer["scanned"] >= 2 * len(table(flow.cloud)) - answer["redacted"]
    after = kept(flow.cloud).replace(WORDS + " kept", "")
    for told in (NUMBER, NAME, WORDS, "a marked picture"):
        assert told not in after
    assert OTHER in after


def test_statuses_prices_and_counts_stay(flow: Flow, lived: dict[str, str]) -> None:
    def show(uuid: str) -> dict[str, Any]:
        status, body = flow.cloud.http("send", "GET", f"/v0.1/messages/{uuid}", headers=flow.app["bearer"])
        assert status == 200
        return dict(body)

    before = {name: show(uuid) for name, uuid in lived.items() if name not in ("dispatch", "mms")}
    assert before["sms"]["usage"]
    redact(flow.cloud, {"number": NUMBER})
    flow.drain()
    for name, told in before.items():
        after = show(lived[name])
        if name == "other":
            assert after == told
            continue
        assert after.pop("to") != told.pop("to")
        if name == "telling":
            told.pop("client_ref")
        assert after == told
    path = f"/v0.1/dispatch/{lived['dispatch']}"
    status, dispatch = flow.cloud.http("dispatch", "GET", path, headers=flow.app["bearer"])
    assert (status, dispatch["steps"][0]["status"]) == (200, "submitted")


def test_who_opted_out_still_gets_nothing(flow: Flow, lived: dict[str, str]) -> None:
    redact(flow.cloud, {"number": NUMBER})
    flow.drain()
    assert NUMBER not in repr(table(flow.cloud))
    uuid = flow.send(payloads.text("whatsapp"))
    flow.drain()
    [rejected] = flow.heard(message_uuid=uuid)
    assert (rejected["status"], rejected["error"]["code"]) == ("rejected", 1240)
    path = f"/v0.1/contacts/whatsapp/{NUMBER}"
    contact = flow.cloud.http("accounts", "GET", path, headers=payloads.basic())[1]
    assert contact["opted_out"] is True
    assert [one["last_inbound_at"] for one in contact["senders"]] == [None]


@pytest.mark.parametrize("words", [("hello",), ("STOP", "START")], ids=" ".join)
def test_who_did_not_opt_out_is_forgotten(flow: Flow, words: tuple[str, ...]) -> None:
    for said in words:
        hear(flow, said)
    flow.drain()
    redaction = redact(flow.cloud, {"number": NUMBER})
    flow.drain()
    assert shown(flow.cloud, redaction)[1]["status"] == "completed"
    assert NUMBER not in kept(flow.cloud)
    assert [item for item in table(flow.cloud) if item["pk"]["S"].startswith(("CONTACT#", "OPTOUT#"))] == []


def test_an_opt_out_of_this_moment_is_not_lost(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person says STOP between our look at them and our taking them out."""
    hear(flow, "hello")
    flow.drain()
    redact(flow.cloud, {"number": NUMBER})
    client = flow.cloud.functions["redact"].services._dynamodb
    delete = client.delete_item

    def meanwhile(**call: Any) -> Any:
        if call["Key"]["pk"]["S"].startswith("CONTACT#"):
            monkeypatch.setattr(client, "delete_item", delete)
            hear(flow, "STOP")
        return delete(**call)

    monkeypatch.setattr(client, "delete_item", meanwhile)
    flow.drain()
    assert NUMBER not in repr(table(flow.cloud))
    assert [item for item in table(flow.cloud) if item["pk"]["S"].startswith("OPTOUT#")]


def test_who_opts_in_again_is_written_to_again(flow: Flow, lived: dict[str, str]) -> None:
    redact(flow.cloud, {"number": NUMBER})
    flow.drain()
    hear(flow, "hello again")  # no opt-in, only words
    flow.drain()
    refused = flow.send(payloads.text("whatsapp"))
    flow.drain()
    assert flow.statuses(refused) == ["rejected"]
    hear(flow, "START")
    flow.drain()
    for _ in range(2):
        uuid = flow.send(payloads.text("whatsapp"))
        flow.drain()
        assert flow.statuses(uuid) == ["submitted"]
        redact(flow.cloud, {"number": NUMBER})  # the old opt-out does not come back by it
        flow.drain()


def test_what_was_not_handed_over_is_not_sent(flow: Flow) -> None:
    uuid = flow.send(payloads.text("sms", WORDS))
    dispatch = flow.dispatch(payloads.step("sms", 600), payloads.step("viber_service_msg"))
    end = time.monotonic() + 10
    while flow.cloud.waiting("OutboundQueue") < 2 and time.monotonic() < end:
        time.sleep(0.02)  # for the state machine
    redact(flow.cloud, {"number": NUMBER})
    flow.cloud.handle("RedactionsQueue", "redact")
    flow.until(lambda: flow.reports() and flow.heard(message_uuid=uuid))
    assert flow.world.sent == []
    [told] = flow.heard(message_uuid=uuid)
    assert (told["status"], told["error"]["code"]) == ("rejected", 1240)
    [report] = flow.reports()
    assert (report["dispatch_uuid"], report["status"], report["reason"]) == (dispatch, "error", "rejected")
    assert NUMBER not in repr(table(flow.cloud))


WHO: dict[str, tuple[dict[str, Any], set[str]]] = {
    "one channel": ({"channel": "sms", "number": NUMBER}, {"sms"}),
    "another": ({"channel": "viber_service", "number": NUMBER}, {"viber_service_msg"}),
    "an id": ({"channel": "messenger", "id": "20000000100"}, {"messenger"}),
    "an id on all": ({"id": "20000000100"}, {"messenger"}),
    "a number on all": ({"number": NUMBER}, {"sms", "viber_service_msg", "whatsapp"}),
    "somebody else": ({"number": OTHER}, set()),
    "the beginning of a number": ({"number": NUMBER[:-1]}, set()),
    "our own sender": ({"number": "15550001111"}, set()),
}


@pytest.mark.parametrize(("who", "erased"), WHO.values(), ids=WHO)
def test_who_is_meant(flow: Flow, who: dict[str, Any], erased: set[str]) -> None:
    channels = ("sms", "viber_service_msg", "whatsapp", "messenger")
    sent = {channel: flow.send(payloads.text(channel)) for channel in channels}
    flow.drain()
    redact(flow.cloud, who)
    flow.drain()
    ends = {}
    for channel, uuid in sent.items():
        body = flow.cloud.http("send", "GET", f"/v0.1/messages/{uuid}", headers=payloads.basic())[1]
        ends[channel] = body["to"].get("number") or body["to"]["id"]
    assert {channel for channel, end in ends.items() if end == "redacted"} == erased
    conversation = [item for item in table(flow.cloud) if item["pk"]["S"].startswith("CONVERSATION#")]
    assert bool(conversation) == ("messenger" not in erased)


def test_an_application_erases_what_is_its_own(flow: Flow) -> None:
    other = payloads.application(flow.cloud)
    mine = flow.send(payloads.text("sms"))
    status, made = flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), other["bearer"])
    assert status == 202
    theirs = made["message_uuid"]
    mine_too = flow.dispatch(payloads.step("sms", 600), payloads.step("sms"))
    flow.drain()
    redaction = redact(flow.cloud, {"number": NUMBER}, other["bearer"])
    flow.drain()
    recipients = {}
    for uuid in (mine, theirs):
        body = flow.cloud.http("send", "GET", f"/v0.1/messages/{uuid}", headers=payloads.basic())[1]
        recipients[uuid] = body["to"]["number"]
    assert recipients == {mine: NUMBER, theirs: "redacted"}
    steps = next(
        item for item in table(flow.cloud) if item["pk"]["S"] == f"DISPATCH#{mine_too}" and "steps" in item
    )
    assert "redacted" not in steps["steps"]["S"]
    assert shown(flow.cloud, redaction, other["bearer"])[1]["status"] == "completed"
    assert shown(flow.cloud, redaction, flow.app["bearer"])[0] == 404
    assert shown(flow.cloud, redaction)[0] == 200


@pytest.fixture
def few(flow: Flow) -> None:
    """A little of some kinds."""
    for channel in ("sms", "whatsapp"):
        flow.send(payloads.text(channel, WORDS))
    hear(flow, "STOP")
    flow.drain()


class Died(BaseException):
    """As if the process were gone."""


def dying(function: Callable[..., Any], after: int, *, done: bool) -> Callable[..., Any]:
    """Dies at its nth call, before or after it took effect."""
    calls = 0

    def call(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == after and not done:
            raise Died
        result = function(*arguments, **named)
        if calls == after:
            raise Died
        return result

    return call


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", ["update_item", "delete_item", "scan", "put_item"])
@pytest.mark.parametrize("nth", [1, 3])
def test_a_crash_anywhere(
    flow: Flow, few: None, call: str, nth: int, done: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    redaction = redact(flow.cloud, {"number": NUMBER})
    client = flow.cloud.functions["redact"].services._dynamodb
    with monkeypatch.context() as patch:
        patch.setattr(client, call, dying(getattr(client, call), nth, done=done))
        with suppress(Died):
            flow.cloud.handle("RedactionsQueue", "redact")
    flow.drain()
    assert shown(flow.cloud, redaction)[1]["status"] == "completed"
    assert NUMBER not in kept(flow.cloud)


def test_a_worker_out_of_time_hands_over(flow: Flow, few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    redaction = redact(flow.cloud, {"number": NUMBER})
    client = flow.cloud.functions["redact"].services._dynamodb
    scans = []
    scan = client.scan

    def noted(**call: Any) -> Any:
        scans.append(call)
        return scan(**call)

    monkeypatch.setattr(client, "scan", noted)
    monkeypatch.setattr(redacting, "monotonic", iter(range(10_000)).__next__)
    monkeypatch.setattr(redacting, "SECONDS", 2.0)  # two looks at the clock
    flow.drain()
    assert shown(flow.cloud, redaction)[1]["status"] == "completed"
    assert len(scans) > 4
    assert NUMBER not in kept(flow.cloud)


def test_an_older_record_does_nothing_more(flow: Flow, few: None) -> None:
    redaction = redact(flow.cloud, {"number": NUMBER})
    store = flow.cloud.functions["redact"].services.redacting.redactions
    newer = store.take(redaction, 5)
    assert newer is not None
    flow.cloud.handle("RedactionsQueue", "redact")  # run 1
    assert shown(flow.cloud, redaction)[1]["scanned"] == 0
    assert store.take(redaction, 4) is None
    assert store.take(redaction, 5) is not None


def test_the_second_round_waits(flow: Flow, few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redacting, "PAUSE", timedelta(minutes=2))
    redaction = redact(flow.cloud, {"number": NUMBER})
    assert flow.cloud.handle("RedactionsQueue", "redact") == 0
    assert shown(flow.cloud, redaction)[1]["status"] == "running"
    assert flow.cloud.received("RedactionsQueue") == []  # put off
    assert flow.cloud.waiting("RedactionsQueue") == 1


def test_what_was_at_work_meanwhile_is_found_by_the_second_round(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    redaction = redact(flow.cloud, {"number": NUMBER})
    services = flow.cloud.functions["redact"].services
    next_round = services.redacting.redactions.next_round
    late: list[str] = []

    def meanwhile(*arguments: Any) -> Any:
        late.append(flow.send(payloads.text("sms", WORDS)))
        return next_round(*arguments)

    monkeypatch.setattr(type(services.redacting.redactions), "next_round", lambda self, *a: meanwhile(*a))
    flow.drain()
    assert len(late) == 1
    assert shown(flow.cloud, redaction)[1]["status"] == "completed"
    assert NUMBER not in kept(flow.cloud)


def test_a_repeated_request_does_not_bring_it_back(flow: Flow) -> None:
    """The same Idempotency-Key after the erasure: nothing is written anew."""
    headers = flow.app["bearer"] | {"Idempotency-Key": "k-1"}
    body = payloads.text("sms", WORDS)
    assert flow.cloud.http("send", "POST", "/v0.1/messages", body, headers)[0] == 202
    flow.drain()
    redact(flow.cloud, {"number": NUMBER})
    flow.drain()
    assert flow.cloud.http("send", "POST", "/v0.1/messages", body, headers)[0] == 422
    assert NUMBER not in kept(flow.cloud)


def test_late_receipts_still_count(flow: Flow) -> None:
    uuid = flow.send(payloads.text("whatsapp"))
    flow.drain()
    redact(flow.cloud, {"number": NUMBER})
    flow.drain()
    metadata = {"display_phone_number": "447700900200", "phone_number_id": "447700900200"}
    told = {
        "id": "wamid.of-the-person",
        "status": "delivered",
        "timestamp": "1795430200",
        "recipient_id": NUMBER,
        "biz_opaque_callback_data": uuid,
    }
    value = {"messaging_product": "whatsapp", "metadata": metadata, "statuses": [told]}
    assert payloads.whatsapp_hook(flow.cloud, value) == 200
    flow.drain()
    assert flow.statuses(uuid) == ["submitted", "delivered"]
    assert NUMBER not in kept(flow.cloud)
    assert "wamid.of-the-person" not in kept(flow.cloud)


REFUSED: dict[str, Any] = {
    "nobody": {},
    "both": {"number": NUMBER, "id": "x"},
    "a word": {"number": "somebody"},
    "too long": {"number": "1" * 16},
    "true": {"number": True},
    "a list": {"id": ["x"]},
    "empty": {"id": ""},
    "an unknown channel": {"channel": "pigeon", "number": NUMBER},
    "a channel that is no word": {"channel": 7, "number": NUMBER},
    "no object": [NUMBER],
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_refused(flow: Flow, body: Any) -> None:
    status, answer = flow.cloud.http("redact", "POST", "/v0.1/redact", body, payloads.basic())
    assert status == 400
    assert answer["invalid_parameters"]
    assert flow.cloud.waiting("RedactionsQueue") == 0


def test_unknown_redaction(flow: Flow) -> None:
    assert shown(flow.cloud, "6d2f0c1b-4e8a-4b57-9c3d-7a1e5f804c92")[0] == 404


def test_the_person_is_named_while_it_runs_only(flow: Flow) -> None:
    redaction = redact(flow.cloud, {"id": "only-here"})
    [item] = [item for item in table(flow.cloud) if item["pk"]["S"] == f"REDACTION#{redaction}"]
    assert item["person"] == {"S": "only-here"}
    assert "only-here" not in json.dumps(shown(flow.cloud, redaction)[1])
    assert "only-here" not in repr(flow.cloud.received("RedactionsQueue"))
    flow.drain()
    assert "only-here" not in kept(flow.cloud)
    assert "expires_at" in item
