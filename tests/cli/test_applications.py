"""app:* and jwt:generate."""

import base64
import json
import shlex
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from typer.testing import Result

from switchboard_cli import project
from tests.cli.conftest import URL, FakeApi
from tests.cli.pairs import pair

Run = Callable[..., Result]
ID = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
OTHER = "0a1b2c3d-0000-4000-8000-000000000002"


def application(**changes: Any) -> dict[str, Any]:
    webhooks = {
        kind: {"address": f"https://example.com/{kind}", "http_method": "POST"}
        for kind in ("status_url", "inbound_url")
    }
    return {
        "id": ID,
        "name": "Parcels",
        "capabilities": {"messages": {"webhooks": webhooks, "version": "v1"}},
        "keys": {"public_key": pair()[1]},
        "privacy": {"improve_ai": True},
        **changes,
    }


def made() -> dict[str, Any]:
    private, public = pair()
    return application(keys={"public_key": public, "private_key": private})


def webhooks(inbound: str | None, status: str | None) -> dict[str, Any]:
    named = {"inbound_url": inbound, "status_url": status}
    return {name: {"address": url, "http_method": "POST"} for name, url in named.items() if url}


# --- app:create ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Creation:
    label: str
    arguments: tuple[str, ...]
    body: dict[str, Any]
    answers: str = ""


IN, STATUS = "--messages-inbound-url=https://a.example/in", "--messages-status-url=https://a.example/status"
CREATIONS = [
    Creation(
        "in one line",
        ("Parcels", "--capabilities=messages", IN, STATUS, "--keyfile=private.key"),
        {
            "name": "Parcels",
            "capabilities": {
                "messages": {"webhooks": webhooks("https://a.example/in", "https://a.example/status")}
            },
        },
    ),
    Creation(
        "a name only", ("Parcels",), {"name": "Parcels", "capabilities": {"messages": {"webhooks": {}}}}
    ),
    Creation("without messages", ("Parcels", "--capabilities="), {"name": "Parcels", "capabilities": {}}),
    Creation(
        "with everything",
        ("Parcels", STATUS, "--version", "v0.1", "--no-improve-ai"),
        {
            "name": "Parcels",
            "capabilities": {
                "messages": {"webhooks": webhooks(None, "https://a.example/status"), "version": "v0.1"}
            },
            "privacy": {"improve_ai": False},
        },
    ),
    Creation(
        "asked, and the defaults taken",
        (),
        {
            "name": "Parcels",
            "capabilities": {
                "messages": {"webhooks": webhooks("https://example.com/", "https://example.com/")}
            },
            "privacy": {"improve_ai": True},
        },
        "Parcels\n\n\n\n\n\n\n",
    ),
    Creation(
        "asked, and answered",
        (),
        {
            "name": "My parcels",
            "capabilities": {
                "messages": {"webhooks": webhooks("https://b.example/in", "https://b.example/st")}
            },
            "privacy": {"improve_ai": False},
        },
        "My parcels\nmessages\nhttps://b.example/in\nhttps://b.example/st\n\nprivate.key\nn\n",
    ),
    Creation(
        "asked for what is not on the line",
        (IN, "--improve-ai"),
        {
            "name": "Parcels",
            "capabilities": {
                "messages": {"webhooks": webhooks("https://a.example/in", "https://example.com/")}
            },
            "privacy": {"improve_ai": True},
        },
        "Parcels\n\n\n\n\n",
    ),
]


@pytest.mark.parametrize("case", CREATIONS, ids=lambda case: case.label)
def test_create(case: Creation, api: FakeApi, run: Run) -> None:
    api.on("POST /v2/applications", made(), status=201)
    result = run("app:create", *case.arguments, input=case.answers)
    assert api.sent() == case.body
    assert f"Application created: {ID}" in result.stdout
    assert "PRIVATE KEY" not in result.output
    kept = project.load()
    assert kept == project.Project(ID, pair()[0], "Parcels", URL)
    assert stat.S_IMODE(Path(".switchboard-app").stat().st_mode) == 0o600


@pytest.mark.parametrize("case", [case for case in CREATIONS if case.answers], ids=lambda case: case.label)
def test_the_line_for_next_time_does_the_same(case: Creation, api: FakeApi, run: Run) -> None:
    api.on("POST /v2/applications", made(), status=201)
    said = run("app:create", *case.arguments, input=case.answers).stderr
    line = next(
        line.strip() for line in said.splitlines() if line.strip().startswith("switchboard app:create")
    )
    run(*shlex.split(line)[1:])
    assert api.sent() == case.body


def test_create_puts_the_key_where_it_is_told_and_loses_no_other(api: FakeApi, run: Run) -> None:
    api.on("POST /v2/applications", made(), status=201)
    Path("private.key").write_text("another application's")
    result = run("app:create", "Parcels", "--keyfile=private.key")
    assert Path("private.key").read_text() == pair()[0]
    assert stat.S_IMODE(Path("private.key").stat().st_mode) == 0o600
    assert Path("private.key.old").read_text() == "another application's"
    assert "private.key.old" in result.stderr


def test_create_sets_the_folder_s_other_application_aside(api: FakeApi, run: Run) -> None:
    project.save(project.Project(OTHER, "its only key", "Other", URL))
    api.on("POST /v2/applications", made(), status=201)
    run("app:create", "Parcels")
    assert "its only key" in Path(".switchboard-app.old").read_text()
    kept = project.load()
    assert kept and kept.app_id == ID


def test_create_with_one_s_own_pair(api: FakeApi, run: Run) -> None:
    private, public = pair(1)
    Path("mine.key").write_text(private)
    Path("mine.pub").write_text(public)
    api.on("POST /v2/applications", application(keys={"public_key": public}), status=201)
    run("app:create", "Parcels", "--public-keyfile=mine.pub", "--keyfile=mine.key")
    assert api.sent()["keys"] == {"public_key": public}
    kept = project.load()
    assert kept and kept.private_key == private
    assert not Path("mine.key.old").exists()


UNUSABLE = [
    ("no such file", ("--public-keyfile=missing.pub",), "missing.pub"),
    ("no key", ("--public-keyfile=text",), "no public key"),
    ("another pair's", ("--public-keyfile=mine.pub", "--keyfile=other.key"), "not of one pair"),
    ("unknown capability", ("--capabilities=voice",), "voice"),
    ("URLs of nothing", ("--capabilities=", STATUS), "messages"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), [case[1:] for case in UNUSABLE], ids=[case[0] for case in UNUSABLE]
)
def test_create_refuses_before_it_asks_the_api(
    arguments: tuple[str, ...], said: str, api: FakeApi, run: Run
) -> None:
    Path("text").write_text("no key")
    Path("mine.pub").write_text(pair(1)[1])
    Path("other.key").write_text(pair()[0])
    assert said in run("app:create", "Parcels", *arguments, code=2).stderr
    assert not api.requests


def test_create_in_json_shows_the_private_key_only_if_asked(api: FakeApi, run: Run) -> None:
    api.on("POST /v2/applications", made(), status=201)
    shown = json.loads(run("app:create", "Parcels", "--json").stdout)
    assert shown["id"] == ID and "private_key" not in shown["keys"]
    shown = json.loads(run("app:create", "Parcels", "--json", "--show-private-key").stdout)
    assert shown["keys"]["private_key"] == pair()[0]


def test_create_ends_when_a_question_is_not_answered(api: FakeApi, run: Run) -> None:
    run("app:create", input="Parcels\n", code=2)
    assert not api.requests


# --- the others ----------------------------------------------------------------------------------


def page(number: int, total: int, *found: dict[str, Any]) -> dict[str, Any]:
    return {
        "page_size": 100,
        "page": number,
        "total_items": total,
        "total_pages": 2,
        "_embedded": {"applications": list(found)},
    }


def test_list_has_every_page(api: FakeApi, run: Run) -> None:
    first, second = application(), application(id=OTHER, name="Other", capabilities={})
    api.on("GET /v2/applications", page(1, 2, first), page(2, 2, second))
    project.save(project.Project(OTHER))
    lines = run("app:list").stdout.splitlines()
    assert [request.url.params["page"] for request in api.requests] == ["1", "2"]
    assert ID in lines[1] and "https://example.com/status_url" in lines[1] and "●" not in lines[1]
    assert OTHER in lines[2] and "●" in lines[2]


def test_list_one_page_in_json(api: FakeApi, run: Run) -> None:
    api.on("GET /v2/applications", page(2, 2, application()))
    shown = json.loads(run("app:list", "--page", "2", "--size", "1", "--json").stdout)
    assert [one["id"] for one in shown] == [ID]
    assert dict(api.requests[0].url.params) == {"page_size": "1", "page": "2"}
    assert len(api.requests) == 1


def test_show(api: FakeApi, run: Run) -> None:
    api.on(f"GET /v2/applications/{ID}", application())
    said = run("app:show", ID).stdout
    for words in (ID, "Parcels", "https://example.com/status_url", "v1", "BEGIN PUBLIC KEY"):
        assert words in said
    assert json.loads(run("app:show", ID, "--json").stdout) == application()


def test_show_the_folder_s_own(api: FakeApi, run: Run) -> None:
    run("app:show", code=2)
    project.save(project.Project(ID))
    api.on(f"GET /v2/applications/{ID}", application())
    run("app:show")
    assert api.routes == [f"GET /v2/applications/{ID}"]


UPDATES = [
    ("a name", ("--name", "New"), "", {"name": "New"}),
    (
        "one URL",
        ("--messages-status-url", "https://new.example"),
        "",
        {
            "capabilities": {
                "messages": {
                    "webhooks": webhooks("https://example.com/inbound_url", "https://new.example"),
                    "version": "v1",
                }
            }
        },
    ),
    ("no capability", ("--capabilities=",), "", {"capabilities": {}}),
    ("AI", ("--no-improve-ai",), "", {"privacy": {"improve_ai": False}}),
    (
        "asked",
        (),
        "Newer\n\nhttps://new.example\n",
        {
            "name": "Newer",
            "capabilities": {
                "messages": {
                    "webhooks": webhooks("https://example.com/inbound_url", "https://new.example"),
                    "version": "v1",
                }
            },
        },
    ),
]


@pytest.mark.parametrize(
    ("arguments", "answers", "changes"), [case[1:] for case in UPDATES], ids=[case[0] for case in UPDATES]
)
def test_update_changes_what_is_named(
    arguments: tuple[str, ...], answers: str, changes: dict[str, Any], api: FakeApi, run: Run
) -> None:
    api.on(f"GET /v2/applications/{ID}", application())
    api.on(f"PUT /v2/applications/{ID}", application())
    run("app:update", ID, *arguments, input=answers)
    old = application()
    kept = {name: old[name] for name in ("name", "capabilities", "privacy")}
    assert api.sent() == {**kept, **changes}


def test_delete_asks_first(api: FakeApi, run: Run) -> None:
    project.save(project.Project(ID))
    api.on(f"GET /v2/applications/{ID}", application())
    api.on(f"DELETE /v2/applications/{ID}", None, status=204)
    run("app:delete", ID, input="n\n", code=2)
    assert api.routes == [f"GET /v2/applications/{ID}"]
    run("app:delete", ID, input="y\n")
    assert api.routes[-1] == f"DELETE /v2/applications/{ID}"
    assert project.load() is None


def test_delete_without_asking(api: FakeApi, run: Run) -> None:
    api.on(f"DELETE /v2/applications/{ID}", None, status=204)
    assert json.loads(run("app:delete", ID, "--yes", "--json").stdout) == {"deleted": ID}


def test_use(api: FakeApi, run: Run) -> None:
    Path("private.key").write_text(pair()[0])
    api.on(f"GET /v2/applications/{ID}", application())
    run("app:use", ID, "--keyfile=private.key")
    assert project.load() == project.Project(ID, pair()[0], "Parcels", URL)


def test_use_refuses_another_application_s_key(api: FakeApi, run: Run) -> None:
    Path("private.key").write_text(pair(1)[0])
    api.on(f"GET /v2/applications/{ID}", application())
    assert "is not the private key of Parcels" in run("app:use", ID, "--keyfile=private.key", code=2).stderr
    assert project.load() is None


# --- jwt:generate --------------------------------------------------------------------------------


def claims(token: str) -> dict[str, Any]:
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "JWT"}
    found: dict[str, Any] = jwt.decode(token, pair()[1], algorithms=["RS256"])
    return found


@pytest.fixture
def own_app() -> None:
    project.save(project.Project(ID, pair()[0], "Parcels", URL))


@pytest.mark.usefixtures("own_app")
def test_a_token_of_the_folder_s_application(run: Run) -> None:
    found = claims(run("jwt:generate").stdout.strip())
    assert found["application_id"] == ID
    assert abs(found["iat"] - time.time()) < 60
    assert found["exp"] - found["iat"] == 900
    assert len(found["jti"]) == 36


@pytest.mark.usefixtures("own_app")
def test_a_token_s_claims(run: Run) -> None:
    begins = int(time.time()) - 5
    acl = '{"paths": {"/*/users/**": {}}}'
    found = claims(
        run("jwt:generate", "sub=Ann", f"iat={begins}", f"acl={acl}", "--exp", "60").stdout.strip()
    )
    assert found["sub"] == "Ann" and found["iat"] == begins and found["exp"] == begins + 60
    assert found["acl"] == json.loads(acl)


def test_a_token_by_the_line_of_the_old_command(run: Run) -> None:
    Path("private.key").write_text(pair()[0])
    ends = int(time.time()) + 3600
    found = claims(run("jwt:generate", "private.key", f"application_id={ID}", f"exp={ends}").stdout.strip())
    assert found["application_id"] == ID and found["exp"] == ends


def test_a_token_in_json_by_options(run: Run) -> None:
    Path("private.key").write_text(pair()[0])
    shown = json.loads(run("jwt:generate", "--app-id", ID, "--keyfile", "private.key", "--json").stdout)
    assert claims(shown["token"])["application_id"] == ID


NO_TOKENS = [
    ("no application", ()),
    ("no key", ("--app-id", ID)),
    ("a missing key", ("missing.key", f"application_id={ID}")),
    ("no RSA key", ("text", f"application_id={ID}")),
    ("two keys", ("a.key", "b.key", f"application_id={ID}")),
    ("a time that is none", (f"application_id={ID}", "exp=tomorrow")),
    ("claims that are no JSON", (f"application_id={ID}", "acl={")),
    ("no life at all", ("--exp", "0")),
]


@pytest.mark.parametrize("arguments", [case[1] for case in NO_TOKENS], ids=[case[0] for case in NO_TOKENS])
def test_no_token(arguments: tuple[str, ...], run: Run) -> None:
    Path("text").write_text(base64.b64encode(b"no key").decode())
    assert run("jwt:generate", *arguments, code=2).stdout == ""
