"""account:*, link:*, template:*."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from switchboard_cli import project
from tests.cli.conftest import FakeApi

Run = Callable[..., Result]
APP = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
WHERE = "/accounts/twilio/main"
MISSING = {"title": "Not Found", "detail": "ID 'twilio/main' does not exist, or you do not have access"}


def sender(channel: str = "sms", identifier: str = "447700900200", **members: Any) -> dict[str, Any]:
    return {
        "channel": channel,
        "id": identifier,
        "order": 0,
        "verification": {"state": "pending"},
        **members,
    }


def account(*senders: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "provider": "twilio",
        "account_id": "main",
        "credentials": ["account_sid", "auth_token"],
        "senders": list(senders),
        "callbacks": {
            "inbound": f"https://a.example/inbound{WHERE}",
            "status": f"https://a.example/status{WHERE}",
        },
        **members,
    }


KEYS = {"account_sid": "AC1", "auth_token": "t0ken"}
NAMED = ("account_sid=AC1", "auth_token=t0ken")
ADDITIONS: list[tuple[str, tuple[str, ...], str, dict[str, Any]]] = [
    ("credentials", NAMED, "", {"credentials": KEYS, "senders": []}),
    (
        "a secret that is asked for",
        ("account_sid=AC1", "auth_token"),
        "t0ken\n",
        {"credentials": KEYS, "senders": []},
    ),
    (
        "a secret from a file",
        ("account_sid=AC1", "auth_token=@token"),
        "",
        {"credentials": KEYS, "senders": []},
    ),
    (
        "all that is asked for",
        (),
        "account_sid\nauth_token=t0ken\n\nAC1\n",
        {"credentials": KEYS, "senders": []},
    ),
    ("a value with =", ("account_sid=a=b",), "", {"credentials": {"account_sid": "a=b"}, "senders": []}),
    (
        "senders",
        (
            *NAMED,
            "--name=Ours",
            "--sender=sms:+447700900200@10",
            "--sender=sms:Acme@2.5seg",
            "--sender=whatsapp:447700900200",
            '--sender={"channel": "rcs", "id": "brand", "send_as": "agent"}',
        ),
        "",
        {
            "name": "Ours",
            "credentials": KEYS,
            "senders": [
                {"channel": "sms", "id": "+447700900200", "rate": {"per_second": 10.0}},
                {"channel": "sms", "id": "Acme", "rate": {"per_second": 2.5, "unit": "segments"}},
                {"channel": "whatsapp", "id": "447700900200"},
                {"channel": "rcs", "id": "brand", "send_as": "agent"},
            ],
        },
    ),
]


@pytest.mark.parametrize(
    ("arguments", "answers", "body"), [case[1:] for case in ADDITIONS], ids=[case[0] for case in ADDITIONS]
)
def test_add(arguments: tuple[str, ...], answers: str, body: dict[str, Any], api: FakeApi, run: Run) -> None:
    Path("token").write_text("t0ken\n")
    api.on(f"GET {WHERE}", MISSING, status=404)
    api.on(f"PUT {WHERE}", account(sender()), status=201)
    result = run("account:add", "twilio", "main", *arguments, input=answers)
    assert api.sent() == body
    assert "Account added: twilio/main" in result.stdout
    assert f"https://a.example/status{WHERE}" in result.stdout
    if "auth_token=t0ken" not in answers:
        assert "t0ken" not in result.output


RATED = sender(rate={"per_second": 10.0, "unit": "messages"}, application=APP)
KEPT = {"channel": "sms", "id": "447700900200", "order": 0, "rate": {"per_second": 10.0, "unit": "messages"}}
CHANGES: list[tuple[str, tuple[str, ...], dict[str, Any]]] = [
    ("new credentials keep the senders", NAMED, {"name": "Ours", "credentials": KEYS, "senders": [KEPT]}),
    (
        "another sender",
        ("--sender=mms:447700900201",),
        {"name": "Ours", "senders": [KEPT, {"channel": "mms", "id": "447700900201"}]},
    ),
    (
        "another rate",
        ("--sender=sms:+447700900200@1",),
        {"name": "Ours", "senders": [{"channel": "sms", "id": "+447700900200", "rate": {"per_second": 1.0}}]},
    ),
    (
        "others instead",
        ("--replace-senders", "--sender=mms:447700900201"),
        {"name": "Ours", "senders": [{"channel": "mms", "id": "447700900201"}]},
    ),
]


@pytest.mark.parametrize(
    ("arguments", "body"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES]
)
def test_add_changes_an_account_that_is_there(
    arguments: tuple[str, ...], body: dict[str, Any], api: FakeApi, run: Run
) -> None:
    api.on(f"GET {WHERE}", account(RATED, name="Ours"))
    api.on(f"PUT {WHERE}", account(RATED))
    assert "Account changed" in run("account:add", "twilio", "main", *arguments).stdout
    assert api.sent() == body


@pytest.mark.parametrize("word", ["sms", ":447", "{", "=x"])
def test_add_refuses_before_it_asks_the_api(word: str, api: FakeApi, run: Run) -> None:
    api.on(f"GET {WHERE}", MISSING, status=404)
    arguments = (word,) if word == "=x" else (*NAMED, f"--sender={word}")
    run("account:add", "twilio", "main", *arguments, code=2)
    assert "PUT" not in " ".join(api.routes)


def test_list(api: FakeApi, run: Run) -> None:
    failed = sender("whatsapp", verification={"state": "failed", "reason": "no such number"})
    answer = {"total_items": 1, "_embedded": {"accounts": [account(RATED, failed)]}}
    api.on("GET /accounts", answer)
    lines = run("account:list").stdout.splitlines()
    assert lines[1].split() == ["twilio/main", "sms", "447700900200", "10", "messages/s", APP, "pending"]
    assert lines[2].split()[-4:] == ["failed", "no", "such", "number"]
    assert json.loads(run("account:list", "--json").stdout) == answer["_embedded"]["accounts"]  # type: ignore[index]


def test_show(api: FakeApi, run: Run) -> None:
    api.on(f"GET {WHERE}", account(RATED))
    said = run("account:show", "twilio", "main").stdout
    assert "account_sid, auth_token" in said and APP in said


@pytest.mark.parametrize(("state", "code"), [("verified", 0), ("pending", 0), ("failed", 1)])
def test_verify(state: str, code: int, api: FakeApi, run: Run) -> None:
    said = {"channel": "sms", "id": "447700900200", "state": state, "reason": "why"}
    api.on(
        f"POST {WHERE}/verify",
        {"provider": "twilio", "account_id": "main", "state": state, "senders": [said]},
    )
    result = run("account:verify", "twilio", "main", "--channel", "sms", code=code)
    assert api.sent() == {"channel": "sms"}
    assert result.stdout.splitlines()[1].split() == ["sms", "447700900200", state, "why"]


def test_delete(api: FakeApi, run: Run) -> None:
    api.on(f"DELETE {WHERE}", None, status=204)
    run("account:delete", "twilio", "main", input="n\n", code=2)
    assert not api.requests
    run("account:delete", "twilio", "main", "--yes")
    assert api.routes == [f"DELETE {WHERE}"]


# --- link:add, link:delete -----------------------------------------------------------------------

BASE = "/beta/chatapp-accounts"


@pytest.fixture
def own_app() -> None:
    project.save(project.Project(APP))


EXTERNAL = [("messenger", "messenger"), ("viber", "viber_service_msg"), ("whatsapp", "whatsapp")]


@pytest.mark.usefixtures("own_app")
@pytest.mark.parametrize(("channel", "provider"), EXTERNAL)
def test_link_an_external_account(channel: str, provider: str, api: FakeApi, run: Run) -> None:
    api.on(f"POST {BASE}/{provider}/447700900200/applications", {"external_id": "447700900200"})
    said = run("link:add", channel, "+447700900200").stdout
    assert api.sent() == {"application": APP}
    assert APP in said
    api.on(f"DELETE {BASE}/{provider}/447700900200/applications/{APP}", None, status=204)
    run("link:delete", channel, "447700900200")


def test_link_what_no_account_has(api: FakeApi, run: Run) -> None:
    api.on(f"POST {BASE}/whatsapp/447700900200/applications", None, status=404)
    said = run("link:add", "whatsapp", "447700900200", "--app-id", APP, code=1).stderr
    assert "account:add ... --sender whatsapp:447700900200" in said


@pytest.mark.usefixtures("own_app")
def test_link_a_number(api: FakeApi, run: Run) -> None:
    api.on("GET /ni/basic/json", {"status": 0, "country_code": "GB"})
    api.on("POST /number/update", {"error-code": "200", "error-code-label": "success"})
    run("link:add", "sms", "+447700900200")
    assert api.requests[0].url.params["number"] == "447700900200"
    assert api.form() == {"country": "GB", "msisdn": "447700900200", "app_id": APP}
    run("link:add", "number", "447700900200", "--country", "IE", "--app-id", "another")
    assert api.form() == {"country": "IE", "msisdn": "447700900200", "app_id": "another"}
    run("link:delete", "sms", "447700900200")
    assert api.form() == {"country": "GB", "msisdn": "447700900200"}


def test_link_a_number_of_no_country(api: FakeApi, run: Run) -> None:
    api.on("GET /ni/basic/json", {"status": 3})
    assert "--country" in run("link:add", "sms", "999", "--app-id", APP, code=2).stderr


@pytest.mark.usefixtures("own_app")
def test_link_a_sender_of_another_channel_by_its_account(api: FakeApi, run: Run) -> None:
    api.on("GET /accounts", {"_embedded": {"accounts": [account(sender("line", "U1"), RATED, name="Ours")]}})
    api.on(f"PUT {WHERE}", account())
    run("link:add", "line", "U1")
    linked = {"channel": "line", "id": "U1", "order": 0, "application": APP}
    assert api.sent() == {"name": "Ours", "senders": [linked, KEPT]}
    run("link:delete", "line", "U1")
    assert api.sent()["senders"][0]["application"] is None
    run("link:add", "line", "U2", code=1)


def test_link_to_which_application(api: FakeApi, run: Run) -> None:
    run("link:add", "whatsapp", "447700900200", code=2)
    assert not api.requests


# --- templates -----------------------------------------------------------------------------------

TEMPLATE = {
    "name": "parcel",
    "language": "en_GB",
    "status": "APPROVED",
    "category": "UTILITY",
    "components": [{"type": "BODY", "text": "Your parcel {{1}} arrives."}],
}


def test_template_list(api: FakeApi, run: Run) -> None:
    api.on("GET /v0.1/templates", {"_embedded": {"templates": [TEMPLATE]}})
    said = run("template:list", "--sender", "447700900200", "--name", "parcel").stdout
    assert dict(api.requests[0].url.params) == {"sender": "447700900200", "name": "parcel"}
    for words in ("parcel", "en_GB", "APPROVED", "Your parcel {{1}} arrives."):
        assert words in said
    assert json.loads(run("template:list", "--sender", "1", "--json").stdout) == [TEMPLATE]


BODY = {"type": "BODY", "text": "Your parcel {{1}} arrives."}
TEMPLATES: list[tuple[str, tuple[str, ...], list[dict[str, Any]]]] = [
    ("a text", ("--body", BODY["text"]), [BODY]),
    (
        "all parts",
        ("--body", BODY["text"], "--example=4711", "--header=News", "--footer=Bye", "--quick-reply=OK"),
        [
            {"type": "HEADER", "format": "TEXT", "text": "News"},
            {**BODY, "example": {"body_text": [["4711"]]}},
            {"type": "FOOTER", "text": "Bye"},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "OK"}]},
        ],
    ),
    ("Meta's own", ("--components", '[{"type": "BODY"}]'), [{"type": "BODY"}]),
]


@pytest.mark.parametrize(
    ("arguments", "components"), [case[1:] for case in TEMPLATES], ids=[case[0] for case in TEMPLATES]
)
def test_template_create(
    arguments: tuple[str, ...], components: list[dict[str, Any]], api: FakeApi, run: Run
) -> None:
    api.on("POST /v0.1/templates", {**TEMPLATE, "status": "PENDING"}, status=201)
    said = run("template:create", "parcel", "--sender=44", "--language=en_GB", *arguments).stdout
    assert api.sent() == {
        "name": "parcel",
        "language": "en_GB",
        "category": "utility",
        "components": components,
    }
    assert api.requests[0].url.params["sender"] == "44"
    assert "PENDING" in said


@pytest.mark.parametrize("arguments", [(), ("--body=a", "--components=[]")], ids=["nothing", "both"])
def test_template_create_refuses(arguments: tuple[str, ...], api: FakeApi, run: Run) -> None:
    run("template:create", "parcel", "--sender=44", "--language=en_GB", *arguments, code=2)
    assert not api.requests
