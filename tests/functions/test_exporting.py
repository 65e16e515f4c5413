"""GET /v0.1/reports/messages."""

import csv
import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from switchboard import exporting, listing
from switchboard.models import reports
from tests.functions.flows import Flow
from tests.support import door, payloads
from tests.support.door import Answer

ROUTE = ("GET", "/v0.1/reports/messages")
Row = dict[str, Any]


def ask(flow: Flow, query: str = "", headers: dict[str, str] | None = None) -> Answer:
    return door.request(flow.cloud, *ROUTE, headers=headers or payloads.basic(), query=query)


def everything(flow: Flow, query: str = "", headers: dict[str, str] | None = None) -> tuple[list[Row], int]:
    """The records of all pages, as a client follows them, and how many pages there were."""
    found: list[Row] = []
    for pages in range(1, 100):
        answer = ask(flow, query, headers)
        assert answer.status == 200, answer
        assert answer.headers["content-type"] == "application/jsonl"
        found += [json.loads(line) for line in answer.text.splitlines()]
        if "link" not in answer.headers:
            assert "switchboard-cursor" not in answer.headers
            return found, pages
        address, _, rel = answer.headers["link"].partition(";")
        assert rel.strip() == 'rel="next"'
        query = urlsplit(address.strip("<>")).query
        assert parse_qs(query)["cursor"] == [answer.headers["switchboard-cursor"]]
    raise AssertionError("there is no end")


def test_a_record(flow: Flow) -> None:
    uuid = flow.send(payloads.text("sms", client_ref="order 7"))
    flow.drain()
    flow.receipt(uuid)
    flow.drain()
    [record], _ = everything(flow)
    assert list(record) == list(reports.COLUMNS)
    assert all(record.pop(f"{name}_at") for name in ("accepted", "submitted", "delivered"))
    assert {name: value for name, value in record.items() if value is not None} == {
        "message_uuid": uuid,
        "application_id": flow.app["id"],
        "channel": "sms",
        "provider": "aws/default",
        "from": "15550001111",
        "to": "447700900100",
        "status": "delivered",
        "parts": 1,
        "price": "0.0210",
        "currency": "EUR",
        "client_ref": "order 7",
    }


def test_a_failure_and_a_step(flow: Flow) -> None:
    uuid = flow.send(payloads.text("sms"))
    dispatch = flow.dispatch(payloads.step("viber_service_msg", 600), payloads.step("sms"))
    step = flow.step_message(0)
    flow.drain()
    flow.receipt(uuid, "TEXT_INVALID")
    flow.drain()
    records, _ = everything(flow)
    by_uuid = {record["message_uuid"]: record for record in records}
    assert by_uuid[uuid]["status"] in ("undeliverable", "rejected")
    assert by_uuid[uuid]["error_code"]
    assert by_uuid[uuid]["failed_at"]
    other = next(record for record in records if record["message_uuid"] != uuid)
    assert (other["dispatch_uuid"], other["step"]) == (dispatch, 0)
    assert step in by_uuid


def test_all_pages_have_all_records_once(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "PAGE", 7)
    monkeypatch.setattr(exporting, "OF_EACH_PART", 2)
    sent = []
    for number in range(30):
        ends = {"to": {"type": "sms", "number": f"4477009{number:05d}"}}
        sent.append(flow.send(payloads.text("sms") | ends))
    found, pages = everything(flow, "format=jsonl")
    assert [record["message_uuid"] for record in found] == sent[::-1]
    assert pages > 4


def test_many_applications(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some after the others, each with the newest first."""
    others = [payloads.application(flow.cloud) for _ in range(4)]
    who = [payloads.basic(), flow.app["bearer"], *(other["bearer"] for other in others)]
    sent = []
    for number in range(24):
        body = payloads.text("sms") | {"to": {"type": "sms", "number": f"4477009{number:05d}"}}
        answer = flow.cloud.http("send", "POST", "/v0.1/messages", body, who[number % len(who)])[1]
        sent.append(answer["message_uuid"])
    monkeypatch.setattr(reports, "PAGE", 3)
    monkeypatch.setattr(exporting, "OF_EACH_PART", 2)
    monkeypatch.setattr(listing, "MOST_READS", 32)
    found, _ = everything(flow)
    assert sorted(record["message_uuid"] for record in found) == sorted(sent), "each one once"
    for two in ([None], [flow.app["id"]], [other["id"] for other in others[:1]]):
        times = [record["accepted_at"] for record in found if record["application_id"] in two]
        assert times == sorted(times, reverse=True)
    alone, _ = everything(flow, "application_id=account")
    assert [record["message_uuid"] for record in alone] == sent[::6][::-1]


def test_one_of_many_is_deleted_while_somebody_reads(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody moves up into its place, where the newest of theirs would be passed over."""
    others = [payloads.application(flow.cloud) for _ in range(3)]
    bearers = {one["id"]: one["bearer"] for one in (flow.app, *others)}
    first, second, *rest = sorted(bearers)
    monkeypatch.setattr(reports, "PAGE", 3)
    monkeypatch.setattr(exporting, "OF_EACH_PART", 2)
    monkeypatch.setattr(listing, "MOST_READS", 32)
    services = flow.cloud.functions["insights"].services
    monkeypatch.setattr(type(services.listing), "_owners", lambda _: tuple(sorted(bearers)))
    kept = []
    for owner in (first, second, *rest):  # those who are read last have the newest
        for number in range(6):
            body = payloads.text("sms") | {"to": {"type": "sms", "number": f"4477009{number:05d}"}}
            answer = flow.cloud.http("send", "POST", "/v0.1/messages", body, bearers[owner])[1]
            kept += [answer["message_uuid"]] if owner != first else []
    answer = ask(flow)
    found = [json.loads(line)["message_uuid"] for line in answer.text.splitlines()]
    del bearers[first]
    while link := answer.headers.get("link"):
        answer = ask(flow, urlsplit(link.partition(";")[0].strip("<>")).query)
        found += [json.loads(line)["message_uuid"] for line in answer.text.splitlines()]
    assert sorted(uuid for uuid in found if uuid in kept) == sorted(kept)


def test_of_one_person(flow: Flow) -> None:
    flow.send(payloads.text("sms"))
    wanted = payloads.text("sms") | {"to": {"type": "sms", "number": "447700900555"}}
    uuid = flow.send(wanted)
    for query in ("recipient=447700900555", "recipient=%2B44%207700%20900555"):
        assert [record["message_uuid"] for record in everything(flow, query)[0]] == [uuid]


FILTERS = {
    "channel": ("channel=sms", {"sms"}),
    "status": ("status=submitted", {"sms", "viber_service_msg"}),
    "a status that none has": ("status=read", set()),
    "another time": ("from=2020-01-01&to=2020-01-02", set()),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(flow: Flow, name: str) -> None:
    query, channels = FILTERS[name]
    for channel in ("sms", "viber_service_msg"):
        flow.send(payloads.text(channel))
    flow.drain()
    records, _ = everything(flow, query)
    assert {record["channel"] for record in records} == channels


def test_who_sees_what(flow: Flow) -> None:
    flow.send(payloads.text("sms"))
    other = payloads.application(flow.cloud)
    query = f"application_id={flow.app['id']}"
    assert [len(everything(flow, query, who)[0]) for who in (None, flow.app["bearer"])] == [1, 1]
    assert everything(flow, "", other["bearer"])[0] == []
    assert ask(flow, query, other["bearer"]).status == 404


def test_csv(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "PAGE", 1)
    monkeypatch.setattr(exporting, "OF_EACH_PART", 1)
    for text in ('=HYPERLINK("http://evil.example")', 'a "b", c'):
        flow.send(payloads.text("sms", client_ref=text))
    answer = ask(flow, "format=csv")
    assert answer.headers["content-type"] == "text/csv"
    pages = answer.text
    while link := answer.headers.get("link"):
        answer = ask(flow, urlsplit(link.partition(";")[0].strip("<>")).query)
        pages += answer.text
    rows = list(csv.DictReader(io.StringIO(pages)))
    assert [row["client_ref"] for row in rows] == ['a "b", c', '\'=HYPERLINK("http://evil.example")']
    assert pages.count("message_uuid") == 1, "one header, on the first page"
    by_header = ask(flow, "", payloads.basic() | {"Accept": "text/csv"})
    assert by_header.headers["content-type"] == "text/csv"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(flow: Flow, start: str) -> None:
    flow.send(payloads.text("sms", client_ref=f"{start}1+1"))
    [row] = csv.DictReader(io.StringIO(ask(flow, "format=csv").text, newline=""))
    assert row["client_ref"][0] == "'"


FAULTS = {
    "format": "format=xlsx",
    "channel": "channel=fax",
    "status": "status=lost",
    "from": "from=yesterday",
    "to": "from=2026-01-02&to=2026-01-01",
    "cursor": "cursor=AAAA",
    "recipient": "recipient=",
    "receiver": "receiver=447700900100",
    "application_id": "application_id=a%23b",
}


@pytest.mark.parametrize("field", FAULTS)
def test_faults(flow: Flow, field: str) -> None:
    answer = ask(flow, FAULTS[field])
    assert answer.status in (400, 422)
    assert field in answer.text


def test_contents_are_not_in_it(flow: Flow) -> None:
    flow.send(payloads.text("sms", "a very private word"))
    assert "private" not in ask(flow).text + ask(flow, "format=csv").text
