"""dispatch:create, dispatch:show, and the timeline."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from switchboard_cli import following, project
from tests.cli.conftest import URL, Clock, FakeApi
from tests.cli.pairs import pair

Run = Callable[..., Result]
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
ROUTE = f"GET /v0.1/dispatch/{UUID}"
MESSENGER, SMS = "messenger:1070830641:3958010001:read:600", "sms:Acme:447700900100"


def step(
    channel: str, sender: dict[str, str], to: dict[str, str], text: str, **members: Any
) -> dict[str, Any]:
    return {
        "from": {"type": channel, **sender},
        "to": {"type": channel, **to},
        "message": {"content": {"type": "text", "text": text}},
        **members,
    }


def failover(condition: str, seconds: int) -> dict[str, Any]:
    return {"failover": {"expiry_time": seconds, "condition_status": condition}}


FIRST = step("messenger", {"id": "1070830641"}, {"id": "3958010001"}, "Hi", **failover("read", 600))
LAST = step("sms", {"number": "Acme"}, {"number": "447700900100"}, "Hi")
BODIES = [
    ("two steps", ("--step", MESSENGER, "--step", SMS, "--text", "Hi"), "", [FIRST, LAST]),
    (
        "an arrow",
        ("--step", MESSENGER.replace("1:3", "1>3"), "--step", SMS, "--text", "Hi"),
        "",
        [FIRST, LAST],
    ),
    (
        "a text and units for each",
        (
            "--step",
            "viber:16273:447700900100:delivered:2h",
            "--step",
            SMS,
            "--text",
            "On Viber",
            "--text",
            "Hi",
        ),
        "",
        [
            step(
                "viber_service_msg",
                {"id": "16273"},
                {"number": "447700900100"},
                "On Viber",
                **failover("delivered", 7200),
            ),
            LAST,
        ],
    ),
    (
        "a client ref",
        ("--step", SMS, "--text", "Hi", "--client-ref", "r1"),
        "",
        [{**LAST, "client_ref": "r1"}],
    ),
    ("a file", ("--file", "body.json"), "", [FIRST, LAST]),
    ("a file of steps", ("--file", "workflow.json"), "", [FIRST, LAST]),
    ("the input", ("--file", "-"), json.dumps([FIRST, LAST]), [FIRST, LAST]),
]


@pytest.mark.parametrize(
    ("arguments", "input_", "workflow"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES]
)
def test_create(
    arguments: tuple[str, ...], input_: str, workflow: list[dict[str, Any]], api: FakeApi, run: Run
) -> None:
    Path("workflow.json").write_text(json.dumps([FIRST, LAST]))
    Path("body.json").write_text(json.dumps({"template": "failover", "workflow": [FIRST, LAST]}))
    api.on("POST /v0.1/dispatch", {"dispatch_uuid": UUID}, status=202)
    result = run("dispatch:create", *arguments, "--no-wait", input=input_)
    assert api.sent() == {"template": "failover", "workflow": workflow}
    assert f"Dispatch started: {UUID}" in result.stdout
    assert f"dispatch:show {UUID}" in result.stderr


UNUSABLE = [
    ("nothing", ()),
    ("steps and a file", ("--step", SMS, "--text", "Hi", "--file", "-")),
    ("no text", ("--step", SMS)),
    ("too many texts", ("--step", SMS, "--text", "a", "--text", "b")),
    ("no step", ("--step", "sms", "--text", "Hi")),
    ("no condition", ("--step", SMS, "--step", SMS, "--text", "Hi")),
    ("a condition on the last", ("--step", MESSENGER, "--text", "Hi")),
    ("another condition", ("--step", "sms:a:b:submitted:60", "--step", SMS, "--text", "Hi")),
    ("no such file", ("--file", "missing.json")),
    ("no JSON", ("--file", "-")),
]


@pytest.mark.parametrize("arguments", [case[1] for case in UNUSABLE], ids=[case[0] for case in UNUSABLE])
def test_create_refuses_before_it_asks_the_api(arguments: tuple[str, ...], api: FakeApi, run: Run) -> None:
    run("dispatch:create", *arguments, input="{", code=2)
    assert not api.requests


# --- the timeline --------------------------------------------------------------------------------


def at(seconds: int) -> str:
    return f"2026-11-23T10:{seconds // 60:02}:{seconds % 60:02}.000Z"


def shown(
    first: dict[str, Any], last: dict[str, Any], status: str = "running", **members: Any
) -> dict[str, Any]:
    steps = [
        {
            "step": 0,
            "channel": "messenger",
            "message_uuid": "m0",
            "condition_status": "read",
            "expiry_time": 600,
            "began_at": at(0),
            "status": None,
            "statuses": {},
            **first,
        },
        {
            "step": 1,
            "channel": "sms",
            "message_uuid": "m1",
            "condition_status": None,
            "expiry_time": None,
            "began_at": None,
            "status": None,
            "statuses": {},
            **last,
        },
    ]
    return {
        "dispatch_uuid": UUID,
        "template": "failover",
        "status": status,
        "step": 1 if last else 0,
        "timestamp": at(0),
        "steps": steps,
        **members,
    }


DELIVERED = {"status": "delivered", "statuses": {"submitted": at(1), "delivered": at(2)}}
READ = {"status": "read", "statuses": {"submitted": at(1), "delivered": at(2), "read": at(3)}}
REJECTED = {
    "status": "rejected",
    "statuses": {"rejected": at(1)},
    "error": {"code": 1300, "reason": "Not part of the provider network"},
}
SENT = {"began_at": at(600), "status": "submitted", "statuses": {"submitted": at(601)}}
ARRIVED = {**SENT, "status": "delivered", "statuses": {"submitted": at(601), "delivered": at(602)}}


def report(status: str, *entries: tuple[str, str], **members: Any) -> dict[str, Any]:
    messages = [
        {
            "message_uuid": f"m{number}",
            "href": f"v0.1/messages/m{number}",
            "channel": channel,
            "status": reached,
        }
        for number, (channel, reached) in enumerate(entries)
    ]
    return {
        "report": {
            "dispatch_uuid": UUID,
            "template": "failover",
            "status": status,
            "usage": {"price": "0.0343", "currency": "EUR"},
            "_links": {"messages": messages},
            **members,
        }
    }


FAILED_OVER = [
    shown({}, {}),
    shown(DELIVERED, {}),
    shown(DELIVERED, SENT),
    shown(
        DELIVERED,
        ARRIVED,
        "completed",
        **report("completed", ("messenger", "delivered"), ("sms", "delivered")),
    ),
]
TIMELINE = [
    ["step", "1", "messenger", "begins:", "to", "be", "read", "within", "600", "s"],
    ["step", "1", "messenger", "submitted"],
    ["step", "1", "messenger", "delivered"],
    ["step", "1", "messenger", "not", "read", "in", "600", "s:", "on", "to", "the", "next"],
    ["step", "2", "sms", "begins:", "the", "last"],
    ["step", "2", "sms", "submitted"],
    ["step", "2", "sms", "delivered"],
]


def told(result: Result) -> list[list[str]]:
    """The timeline's lines, without their times."""
    return [line.split()[1:] for line in result.stdout.splitlines() if " step " in line]


CREATE = ("dispatch:create", "--step", MESSENGER, "--step", SMS, "--text", "Hi")


@pytest.mark.usefixtures("time_passes")
def test_create_follows_to_the_end(api: FakeApi, run: Run) -> None:
    api.on("POST /v0.1/dispatch", {"dispatch_uuid": UUID}, status=202)
    api.on(ROUTE, *FAILED_OVER)
    result = run(*CREATE)
    assert told(result) == TIMELINE
    assert "Report completed 0.0343 EUR" in result.stdout
    assert api.routes.count(ROUTE) == 4


@pytest.mark.usefixtures("time_passes")
def test_create_in_json_is_the_end_only(api: FakeApi, run: Run) -> None:
    api.on("POST /v0.1/dispatch", {"dispatch_uuid": UUID}, status=202)
    api.on(ROUTE, *FAILED_OVER)
    assert json.loads(run(*CREATE, "--json").stdout) == FAILED_OVER[-1]
    assert json.loads(run(*CREATE, "--json", "--no-wait").stdout) == {"dispatch_uuid": UUID}


ENDS = [
    ("met at once", shown(READ, {}, "completed", **report("completed", ("messenger", "read"))), 0, "read"),
    (
        "refused at once",
        shown(REJECTED, ARRIVED, "completed", **report("completed", ("messenger", "rejected"))),
        0,
        "1300 Not part of the provider network",
    ),
    (
        "in vain",
        shown(DELIVERED, {**SENT, "status": "rejected"}, "error", **report("error", reason="undeliverable")),
        1,
        "Report error 0.0343 EUR (undeliverable)",
    ),
    (
        "late",
        shown({**READ, "late": True}, ARRIVED, "completed", **report("completed", ("messenger", "read"))),
        0,
        "read  late",
    ),
]


@pytest.mark.usefixtures("time_passes")
@pytest.mark.parametrize(("end", "code", "said"), [case[1:] for case in ENDS], ids=[case[0] for case in ENDS])
def test_ends(end: dict[str, Any], code: int, said: str, api: FakeApi, run: Run) -> None:
    api.on(ROUTE, shown({}, {}), end)
    assert said in run("dispatch:show", UUID, "--follow", code=code).stdout


def test_following_gives_up_in_time(api: FakeApi, run: Run, time_passes: Clock) -> None:
    api.on(ROUTE, shown(DELIVERED, {}))
    said = run("dispatch:show", UUID, "--follow", "--timeout", "100", code=4).stderr
    assert f"dispatch:show {UUID} --follow" in said
    assert time_passes.seconds == 100


def test_show_looks_once(api: FakeApi, run: Run) -> None:
    api.on(ROUTE, FAILED_OVER[2])
    result = run("dispatch:show", UUID)
    assert told(result) == TIMELINE[:-1]
    assert "running" in result.stdout and "Report" not in result.stdout
    assert json.loads(run("dispatch:show", UUID, "--json").stdout) == FAILED_OVER[2]


def test_an_interrupted_following_says_how_to_go_on(
    api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(following, "sleep", interrupt)
    api.on(ROUTE, shown({}, {}))
    assert f"dispatch:show {UUID} --follow" in run("dispatch:show", UUID, "--follow", code=130).stderr


def test_a_late_receipt_is_in_the_report_and_in_what_it_cost(api: FakeApi, run: Run) -> None:
    """The report itself stays as it was sent."""
    ended = report("completed", ("messenger", "submitted"))
    end = shown({**READ, "late": True}, ARRIVED, "completed", **ended)
    now = {"usage": {"price": "0.0482", "currency": "EUR"}, "usage_state": "known"}
    api.on(ROUTE, end | now)
    said = run("dispatch:show", UUID).stdout
    assert "Report completed 0.0482 EUR" in said
    assert "submitted" not in said.partition("Report")[2]
    assert "read late" in said.partition("Report")[2]


COSTS = [
    ("known", {"usage": {"price": "0.0482", "currency": "EUR"}, "usage_state": "known"}, "0.0482 EUR"),
    (
        "so far",
        {"usage": {"price": "0.0482", "currency": "EUR"}, "usage_state": "so_far"},
        "0.0482 EUR so far",
    ),
    ("nothing so far", {"usage_state": "so_far"}, ""),
    (
        "not all",
        {"usage": {"price": "0.0482", "currency": "EUR"}, "usage_state": "unknown"},
        "0.0482 EUR and more",
    ),
    ("not known", {"usage_state": "unknown"}, "not known"),
    ("an older API", {"usage": {"price": "0.0482", "currency": "EUR"}}, "0.0482 EUR"),
]


@pytest.mark.parametrize(("shown", "said"), [case[1:] for case in COSTS], ids=[case[0] for case in COSTS])
def test_what_it_cost(shown: dict[str, Any], said: str) -> None:
    assert following.total(shown) == said


def test_the_timeline_is_of_what_we_heard(api: FakeApi, run: Run) -> None:
    """A provider's clock is behind: it is read after the next step began, not before."""
    late = {**READ, "late": True, "heard": {"read": at(700)}}
    api.on(ROUTE, shown(late, ARRIVED | {"began_at": at(600)}))
    lines = run("dispatch:show", UUID).stdout.splitlines()
    [read] = [number for number, line in enumerate(lines) if "read  late" in line]
    [begins] = [number for number, line in enumerate(lines) if "step 2" in line and "begins" in line]
    assert begins < read


# --- why, what for, and enough of it -------------------------------------------------------------


def test_show_tells_how_each_step_fared(api: FakeApi, run: Run) -> None:
    first = {
        **DELIVERED,
        "state": "timed_out",
        "reason": "timeout",
        "deadline": at(600),
        "account": "messenger/default",
    }
    last = {
        **ARRIVED,
        "state": "met",
        "reason": "met",
        "deadline": at(900),
        "usage": {"price": "0.02", "currency": "EUR"},
    }
    api.on(ROUTE, shown(first, last))
    lines = [line.split() for line in run("dispatch:show", UUID).stdout.splitlines()]
    told = [[word for word in line if ":" not in word] for line in lines]
    assert ["1", "messenger", "timed", "out", "timeout", "messenger/default"] in told
    assert ["2", "sms", "met", "met", "0.02", "EUR"] in told


def test_the_timeline_tells_why(api: FakeApi, run: Run) -> None:
    refused = {**REJECTED, "state": "failed", "reason": "refused"}
    api.on(ROUTE, shown(refused, SENT))
    assert ["step", "1", "messenger", "refused:", "on", "to", "the", "next"] in told(
        run("dispatch:show", UUID)
    )


STORY = {
    "dispatch_uuid": UUID,
    "state": "completed",
    "summary": "SMS was delivered, in step 2 of 2: Messenger was not read in its time.",
    "lines": [
        {"at": at(0), "step": None, "text": "Accepted.", "evidence": {}},
        {"at": at(600), "step": 0, "text": "Its time is over.", "evidence": {"deadline": at(600)}},
    ],
}


def test_explain(api: FakeApi, run: Run) -> None:
    api.on(f"{ROUTE}/explain", STORY)
    lines = run("dispatch:explain", UUID).stdout.splitlines()
    assert lines[:3] == [f"Dispatch {UUID} completed", STORY["summary"], ""]
    assert [line.split()[1:] for line in lines[3:]] == [
        ["Accepted."],
        ["step", "1", "Its", "time", "is", "over."],
    ]
    assert json.loads(run("dispatch:explain", UUID, "--json").stdout) == STORY


def test_what_another_application_may_have_done(api: FakeApi, run: Run) -> None:
    """In the folder of one, an uuid of another's is not there; by the key it may be."""
    api.on(f"{ROUTE}/explain", {"title": "Not Found", "detail": "ID 'x'"}, status=404)
    assert "--as-account" not in run("dispatch:explain", UUID, code=1).stderr
    project.save(project.Project("an-app", pair()[0], "Parcels", URL))
    said = run("dispatch:explain", UUID, code=1).stderr
    assert "an-app" in said and "--as-account" in said


def test_cancel(api: FakeApi, run: Run) -> None:
    api.on(f"DELETE /v0.1/dispatch/{UUID}", shown(DELIVERED, {}, "cancelled"))
    lines = run("dispatch:cancel", UUID).stdout.splitlines()
    assert lines[0].endswith(f"Dispatch cancelled: {UUID}")
    assert lines[1:] == ["  step 1 messenger delivered"]
    assert json.loads(run("dispatch:cancel", UUID, "--json").stdout)["status"] == "cancelled"


def test_cancel_what_has_ended(api: FakeApi, run: Run) -> None:
    problem = {"title": "Conflict", "detail": "The dispatch has ended (completed)"}
    api.on(f"DELETE /v0.1/dispatch/{UUID}", problem, status=409)
    assert "The dispatch has ended (completed)" in run("dispatch:cancel", UUID, code=1).stderr


@pytest.mark.usefixtures("time_passes")
def test_following_what_is_cancelled_waits_for_its_report(api: FakeApi, run: Run) -> None:
    end = shown(DELIVERED, {}, "cancelled", **report("cancelled", ("messenger", "delivered")))
    api.on(ROUTE, shown(DELIVERED, {}, "cancelled"), end)
    assert "Report cancelled" in run("dispatch:show", UUID, "--follow", code=1).stdout


PRICE = {"floor": "0.0100", "ceiling": "0.0600", "currency": "EUR"}
DRY: dict[str, Any] = {
    "parts": 1,
    "price": PRICE,
    "timeline": [
        {"step": 0, "earliest": 0, "latest": 0, "ends_at_latest": 600},
        {"step": 1, "earliest": 0, "latest": 600, "ends_at_latest": 259_800},
    ],
    "warnings": [
        {"step": 1, "code": "opted_out", "name": "workflow[1].to", "text": "they opted out"},
        {"step": None, "code": "x", "name": "", "text": "of all"},
    ],
    "steps": [
        {"step": 0, "channel": "messenger", "accounts": ["messenger/default"], "parts": None, "price": None},
        {
            "step": 1,
            "channel": "sms",
            "accounts": ["aws/default"],
            "parts": 1,
            "encoding": "GSM-7",
            "price": {"floor": "0.0600", "ceiling": "0.0600", "currency": "EUR"},
            "refused": True,
        },
    ],
}


def test_dry_run(api: FakeApi, run: Run) -> None:
    api.on("POST /v0.1/dispatch/dry-run", DRY)
    result = run(*CREATE, "--dry-run", "--max-price", "0.5", code=1)
    assert api.routes == ["POST /v0.1/dispatch/dry-run"]
    assert api.sent() == {"template": "failover", "workflow": [FIRST, LAST], "max_price": "0.5"}
    lines = result.stdout.splitlines()
    assert lines[0].endswith("Nothing was sent. It can cost 0.0100 to 0.0600 EUR")
    rows = [line.split() for line in lines]
    assert ["1", "messenger", "messenger/default", "0", "s"] in rows
    assert [
        "2",
        "sms",
        "aws/default",
        "1",
        "GSM-7",
        "0.0600",
        "EUR",
        "0",
        "to",
        "600",
        "s",
        "refused",
    ] in rows
    assert "! step 2, workflow[1].to: they opted out\n" in result.stdout
    assert "! of all\n" in result.stdout
    assert json.loads(run(*CREATE, "--dry-run", "--json", code=1).stdout) == DRY


def test_a_dry_run_of_what_goes_out(api: FakeApi, run: Run) -> None:
    api.on("POST /v0.1/dispatch/dry-run", {**DRY, "steps": DRY["steps"][:1], "warnings": []})
    assert "refused" not in run(*CREATE, "--dry-run").stdout
