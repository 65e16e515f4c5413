"""message:send, message:show, and following a message."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from typer.testing import Result

from switchboard.channels import CHANNELS, V1_NAMES
from switchboard_cli import channels, project
from tests.cli.conftest import URL, Clock, FakeApi
from tests.cli.pairs import pair

Run = Callable[..., Result]
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
ROUTE = f"GET /v1/messages/{UUID}"


@dataclass(frozen=True)
class Sending:
    label: str
    arguments: tuple[str, ...]
    body: dict[str, Any]
    channel: str = "sms"
    input: str = ""


def media(kind: str) -> Sending:
    url = f"https://example.com/{kind}"
    return Sending(kind, (f"--{kind}", url), {"message_type": kind, kind: {"url": url}}, "whatsapp")


SENDINGS = [
    Sending("text", ("--text", "Héllo"), {"message_type": "text", "text": "Héllo"}),
    *(media(kind) for kind in ("image", "audio", "video", "file", "vcard")),
    Sending(
        "caption",
        ("--image", "https://example.com/a.png", "--caption", "Here"),
        {"message_type": "image", "image": {"url": "https://example.com/a.png", "caption": "Here"}},
        "mms",
    ),
    Sending(
        "WhatsApp template",
        ("--template", "parcel", "--param", "4711", "--param", "noon", "--locale", "en_GB"),
        {
            "message_type": "template",
            "template": {"name": "parcel", "parameters": ["4711", "noon"]},
            "whatsapp": {"policy": "deterministic", "locale": "en_GB"},
        },
        "whatsapp",
    ),
    Sending(
        "Viber template",
        ("--template", "parcel"),
        {"message_type": "template", "template": {"name": "parcel"}},
        "viber_service",
    ),
    Sending(
        "location",
        ("--location", "51.5, -0.12, Our shop, 1 High Street, London"),
        {
            "message_type": "location",
            "location": {
                "lat": 51.5,
                "long": -0.12,
                "name": "Our shop",
                "address": "1 High Street, London",
            },
        },
        "whatsapp",
    ),
    Sending(
        "bare location",
        ("--location", "51.5,-0.12"),
        {"message_type": "location", "location": {"lat": 51.5, "long": -0.12}},
        "rcs",
    ),
    Sending(
        "custom",
        ("--custom", '{"type": "contacts"}'),
        {"message_type": "custom", "custom": {"type": "contacts"}},
        "whatsapp",
    ),
    Sending(
        "custom from a file",
        ("--custom", "@custom.json"),
        {"message_type": "custom", "custom": {"from": "a file"}},
        "whatsapp",
    ),
    Sending(
        "custom from the input",
        ("--custom", "-"),
        {"message_type": "custom", "custom": {"from": "the input"}},
        "whatsapp",
        '{"from": "the input"}',
    ),
    Sending(
        "options",
        ("--text", "Hi", "--client-ref", "r1", "--ttl", "60", "--webhook-url", "https://a.example"),
        {
            "message_type": "text",
            "text": "Hi",
            "client_ref": "r1",
            "ttl": 60,
            "webhook_url": "https://a.example",
        },
    ),
    Sending(
        "any other field",
        ("--text", "Hi", "--set", "viber_service.category=promotion", "--set", "viber_service.ttl=30"),
        {"message_type": "text", "text": "Hi", "viber_service": {"category": "promotion", "ttl": 30}},
        "viber_service",
    ),
    Sending(
        "a content of no flag",
        ("--set", "message_type=sticker", "--set", 'sticker={"id": "7"}'),
        {"message_type": "sticker", "sticker": {"id": "7"}},
        "whatsapp",
    ),
    Sending(
        "failover",
        ("--text", "Hi", "--failover", '[{"channel": "sms"}]'),
        {"message_type": "text", "text": "Hi", "failover": [{"channel": "sms"}]},
        "whatsapp",
    ),
]


@pytest.mark.parametrize("case", SENDINGS, ids=lambda case: case.label)
def test_send(case: Sending, api: FakeApi, run: Run) -> None:
    Path("custom.json").write_text('{"from": "a file"}')
    api.on("POST /v1/messages", {"message_uuid": UUID}, status=202)
    to_and_from = ("--channel", case.channel, "--to", "447700900100", "--from", "Acme")
    result = run("message:send", *to_and_from, *case.arguments, input=case.input)
    assert api.sent() == {"channel": case.channel, "to": "447700900100", "from": "Acme", **case.body}
    assert f"Message accepted: {UUID}" in result.stdout


SHORT = ("message:send", "-c", "sms", "-t", "447700900100", "-f", "Acme")


@pytest.mark.parametrize("name", ["viber", "viber_service", "viber_service_msg"])
def test_viber_goes_by_any_of_its_names(name: str, api: FakeApi, run: Run) -> None:
    api.on("POST /v1/messages", {"message_uuid": UUID}, status=202)
    run("message:send", "-c", name, "-t", "447700900100", "-f", "16273", "--text", "Hi")
    assert api.sent()["channel"] == "viber_service"


UNUSABLE = [
    ("no content", ()),
    ("two contents", ("--text", "Hi", "--image", "https://a.example")),
    ("no place", ("--location", "London")),
    ("no JSON", ("--custom", "{")),
    ("no such file", ("--custom", "@missing.json")),
    ("sets nothing", ("--text", "Hi", "--set", "category")),
    ("sets into a text", ("--text", "Hi", "--set", "to.number=1")),
]


@pytest.mark.parametrize("arguments", [case[1] for case in UNUSABLE], ids=[case[0] for case in UNUSABLE])
def test_send_refuses_before_it_asks_the_api(arguments: tuple[str, ...], api: FakeApi, run: Run) -> None:
    run(*SHORT, *arguments, code=2)
    assert not api.requests


def test_send_shows_what_the_api_refuses(api: FakeApi, run: Run) -> None:
    refusal = {
        "title": "Invalid params",
        "detail": "The value of one or more parameters is invalid.",
        "invalid_parameters": [{"name": "to", "reason": "must be a number"}],
    }
    api.on("POST /v1/messages", refusal, status=422)
    said = run(*SHORT, "--text", "Hi", code=1).stderr
    assert "Invalid params (422)" in said and "must be a number" in said


def test_send_in_json(api: FakeApi, run: Run) -> None:
    answer = {"message_uuid": UUID, "workflow_id": "w"}
    api.on("POST /v1/messages", answer, status=202)
    assert json.loads(run(*SHORT, "--text", "Hi", "--json").stdout) == answer


def test_the_folder_s_application_sends(api: FakeApi, run: Run) -> None:
    project.save(project.Project("an-app", pair()[0], "Parcels", URL))
    api.on("POST /v1/messages", {"message_uuid": UUID}, status=202)
    run(*SHORT, "--text", "Hi")
    token = api.requests[0].headers["authorization"].removeprefix("Bearer ")
    assert jwt.decode(token, pair()[1], algorithms=["RS256"])["application_id"] == "an-app"
    run(*SHORT, "--text", "Hi", "--as-account")
    assert api.requests[1].headers["authorization"].startswith("Basic ")


def test_an_application_that_is_not_known(api: FakeApi, run: Run) -> None:
    project.save(project.Project("an-app", pair()[0], "Parcels", "https://elsewhere.example"))
    api.on("POST /v1/messages", {"title": "Unauthorised", "detail": "Invalid Token"}, status=401)
    said = run(*SHORT, "--text", "Hi", code=3).stderr
    assert "an-app" in said and "https://elsewhere.example" in said and "--as-account" in said


# --- following -----------------------------------------------------------------------------------

TIMES = {
    "accepted": "2026-11-23T10:00:00.000Z",
    "submitted": "2026-11-23T10:00:01.000Z",
    "delivered": "2026-11-23T10:00:02.000Z",
    "read": "2026-11-23T10:00:03.000Z",
    "rejected": "2026-11-23T10:00:04.000Z",
    "undeliverable": "2026-11-23T10:00:04.000Z",
}


def message(*statuses: str, **members: Any) -> dict[str, Any]:
    return {
        "message_uuid": UUID,
        "channel": "sms",
        "to": "447700900100",
        "from": "Acme",
        "status": statuses[-1],
        "statuses": {status: TIMES[status] for status in statuses},
        **members,
    }


PRICE = {"usage": {"price": "0.0333", "currency": "EUR"}}
ERROR = {"error": {"title": "1260", "detail": "Destination unreachable"}}
ENDS = [
    ("delivered", (), message("accepted", "submitted", "delivered", **PRICE), 0, "0.0333 EUR"),
    ("read is more", (), message("submitted", "delivered", "read", channel="rcs"), 0, "read"),
    ("undeliverable", (), message("submitted", "undeliverable", **ERROR), 1, "1260 Destination unreachable"),
    ("rejected", (), message("accepted", "rejected"), 1, "rejected"),
    ("as far as it is told", (), message("accepted", "submitted", channel="line"), 0, "submitted"),
    ("as far as wanted", ("--until", "submitted"), message("accepted", "submitted"), 0, "submitted"),
]


@pytest.mark.usefixtures("time_passes")
@pytest.mark.parametrize(
    ("options", "end", "code", "said"), [case[1:] for case in ENDS], ids=[case[0] for case in ENDS]
)
def test_wait(
    options: tuple[str, ...], end: dict[str, Any], code: int, said: str, api: FakeApi, run: Run
) -> None:
    api.on("POST /v1/messages", {"message_uuid": UUID}, status=202)
    api.on(ROUTE, message("accepted", channel=end["channel"]), end)
    result = run(*SHORT, "--text", "Hi", "--wait", *options, code=code)
    lines = result.stdout.splitlines()
    assert [line.split()[1] for line in lines[1:]] == list({"accepted": "", **end["statuses"]})
    assert said in lines[-1]
    assert api.routes.count(ROUTE) == 2


@pytest.mark.usefixtures("time_passes")
def test_wait_in_json_is_the_end_only(api: FakeApi, run: Run) -> None:
    api.on("POST /v1/messages", {"message_uuid": UUID}, status=202)
    api.on(ROUTE, message("submitted"), message("submitted", "delivered"))
    shown = json.loads(run(*SHORT, "--text", "Hi", "--wait", "--json").stdout)
    assert shown == message("submitted", "delivered")


def test_wait_gives_up_in_time(api: FakeApi, run: Run, time_passes: Clock) -> None:
    api.on("POST /v1/messages", {"message_uuid": UUID}, status=202)
    api.on(ROUTE, message("submitted"))
    said = run(*SHORT, "--text", "Hi", "--wait", "--timeout", "20", code=4).stderr
    assert "submitted after 20 s" in said and f"message:show {UUID}" in said
    assert time_passes.seconds == 20


def test_show(api: FakeApi, run: Run) -> None:
    api.on(ROUTE, message("submitted", "undeliverable", client_ref="r1", **ERROR, **PRICE))
    said = run("message:show", UUID).stdout
    for words in (UUID, "sms", "r1", "undeliverable", "0.0333 EUR", "1260 Destination unreachable"):
        assert words in said


# --- what the command knows of channels ----------------------------------------------------------


def test_channels_are_the_api_s() -> None:
    assert set(channels.ALL) == {V1_NAMES.get(channel, channel.value) for channel in CHANNELS}
    for channel, capability in CHANNELS.items():
        assert capability.sender in channels.party(channel.value, "x", is_sender=True)
        assert capability.recipient in channels.party(channel.value, "x", is_sender=False)
        assert (channel.value in channels.WITHOUT_RECEIPTS) == (not capability.proves)


STORY = {
    "message_uuid": UUID,
    "state": "delivered",
    "summary": "It was delivered.",
    "lines": [{"at": "2026-11-26T10:00:00.000Z", "step": None, "text": "Accepted.", "evidence": {}}],
}


def test_explain(api: FakeApi, run: Run) -> None:
    api.on(f"GET /v0.1/messages/{UUID}/explain", STORY)
    lines = run("message:explain", UUID).stdout.splitlines()
    assert lines[:3] == [f"Message {UUID} delivered", STORY["summary"], ""]
    assert [line.split()[1:] for line in lines[3:]] == [["Accepted."]]
    assert json.loads(run("message:explain", UUID, "--json").stdout) == STORY


def test_a_word_that_is_none(run: Run) -> None:
    said = run("message:send", "-c", "sms", "-t", "1", "-f", "2", "--until", "bogus", code=2).stderr
    assert "'bogus' is not one of" in said
    assert "Value error" not in said


def test_dry_run(api: FakeApi, run: Run) -> None:
    price = {"floor": None, "ceiling": None, "currency": "EUR"}
    step = {"step": 0, "channel": "sms", "accounts": ["aws/default"], "parts": 1, "price": price}
    told = {"parts": 1, "price": price, "timeline": [{"earliest": 0, "latest": 0}], "warnings": []}
    api.on("POST /v1/messages/dry-run", told | {"steps": [step]})
    words = ("-c", "sms", "-f", "Acme", "-t", "447700900100", "--text", "Hi", "--max-price", "0.05")
    result = run("message:send", *words, "--dry-run")
    assert "Nothing was sent. It can cost what nobody knows" in result.stdout
    assert api.routes == ["POST /v1/messages/dry-run"]
    assert api.sent()["max_price"] == "0.05"
