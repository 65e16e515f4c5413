"""Where the key comes from, and how errors are told."""

import base64
import json
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from typer.testing import Result

from sandbox.settings import Settings as Sandbox
from switchboard_cli import settings
from tests.cli.conftest import URL, FakeApi

Run = Callable[..., Result]
EMPTY_LIST = {
    "page_size": 100,
    "page": 1,
    "total_items": 0,
    "total_pages": 1,
    "_embedded": {"applications": []},
}
REFUSAL = {
    "type": "https://developer.nexmo.com/api-errors#unauthorized",
    "title": "Unauthorized",
    "detail": "You did not provide correct credentials.",
    "instance": "0123456789abcdef0123456789abcdef",
}


def _basic(request: httpx.Request) -> str:
    return base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()


def test_setup_writes_a_file_for_its_owner_only(api: FakeApi, run: Run, home: Path) -> None:
    api.on("GET /v2/applications", EMPTY_LIST)
    result = run("setup", "abcd1234", "s3cr=t; #1")
    file = home / ".switchboardrc"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == f'[credentials]\napi_key=abcd1234\napi_secret="s3cr=t; #1"\nurl={URL}\n'
    assert _basic(api.requests[0]) == "abcd1234:s3cr=t; #1"
    assert str(file) in result.stdout
    assert "s3cr" not in result.output


def test_setup_tightens_a_file_that_was_open_and_keeps_what_else_is_in_it(
    api: FakeApi, run: Run, home: Path
) -> None:
    api.on("GET /prod/v2/applications", EMPTY_LIST)
    file = home / ".switchboardrc"
    file.write_text("[credentials]\napi_key=old\nsignature_secret=kept\n\n[other]\nname=value\n")
    file.chmod(0o644)
    run("setup", "abcd1234", "secret", "--url", "https://api.example.com/prod/")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == (
        "[credentials]\napi_key=abcd1234\nsignature_secret=kept\napi_secret=secret\n"
        "url=https://api.example.com/prod\n\n[other]\nname=value\n"
    )
    assert str(api.requests[0].url).startswith("https://api.example.com/prod/v2/applications")


def test_setup_asks_for_a_secret_that_is_not_on_the_line(api: FakeApi, run: Run, home: Path) -> None:
    api.on("GET /v2/applications", EMPTY_LIST)
    result = run("setup", "abcd1234", input="typed-secret\n")
    assert "api_secret=typed-secret" in (home / ".switchboardrc").read_text()
    assert "typed-secret" not in result.output


def test_setup_keeps_nothing_that_is_refused(api: FakeApi, run: Run, home: Path) -> None:
    api.on("GET /v2/applications", REFUSAL, status=401)
    result = run("setup", "abcd1234", "wrong", code=3)
    assert not (home / ".switchboardrc").exists()
    assert "You did not provide correct credentials." in result.stderr


def test_setup_keeps_what_could_not_be_checked(api: FakeApi, run: Run, home: Path) -> None:
    api.broken = httpx.ConnectError("refused")
    result = run("setup", "abcd1234", "secret", "--json")
    assert (home / ".switchboardrc").exists()
    assert json.loads(result.stdout)["checked"] is False


def test_setup_refuses_what_is_no_address(run: Run, home: Path) -> None:
    run("setup", "abcd1234", "secret", "--url", "api.example.com", code=2)
    assert not (home / ".switchboardrc").exists()


# --- where the key comes from --------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    label: str
    by: str
    url: str = URL
    files: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


RC = "[credentials]\napi_key=ours\napi_secret=two\nurl=https://ours.example.com\n"
OLD_RC = '[credentials]\napi_key=old\napi_secret="one;"\n'
SOURCES = [
    Source("nothing at all", "localkey:localsecret"),
    Source("another port", "localkey:localsecret", "http://127.0.0.1:9000", env={"PORT": "9000"}),
    Source("the old CLI's file", "old:one;", files={".nexmorc": OLD_RC}),
    Source(
        "our file before the old one's",
        "ours:two",
        "https://ours.example.com",
        files={".nexmorc": OLD_RC, ".switchboardrc": RC},
    ),
    Source(
        "the environment before the file",
        "env:three",
        "https://env.example.com",
        files={".switchboardrc": RC},
        env={
            "SWITCHBOARD_URL": "https://env.example.com",
            "SWITCHBOARD_API_KEY": "env",
            "SWITCHBOARD_API_SECRET": "three",
        },
    ),
    Source(
        "the file's key at another address",
        "ours:two",
        files={".switchboardrc": RC},
        env={"SWITCHBOARD_URL": URL},
    ),
    Source(
        "the command line before the environment",
        "ours:two",
        "https://line.example.com",
        files={".switchboardrc": RC},
        env={"SWITCHBOARD_URL": URL},
        arguments=("--url", "https://line.example.com/"),
    ),
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.label)
def test_key_and_address(
    source: Source, api: FakeApi, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in source.files.items():
        (home / name).write_text(text)
    for name, value in source.env.items():
        monkeypatch.setenv(name, value)
    api.on("GET /v2/applications", EMPTY_LIST)
    run(*source.arguments, "app:list")
    assert _basic(api.requests[0]) == source.by
    assert str(api.requests[0].url).startswith(f"{source.url}/v2/applications?")


UNUSABLE = [
    ("half a key", {"SWITCHBOARD_API_KEY": "alone"}, "go together"),
    ("a deployed API and no key", {"SWITCHBOARD_URL": "https://api.example.com"}, "No key for"),
]


@pytest.mark.parametrize(("env", "said"), [case[1:] for case in UNUSABLE], ids=[case[0] for case in UNUSABLE])
def test_unusable_settings(
    env: dict[str, str], said: str, api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert said in run("app:list", code=2).stderr
    assert not api.requests


def test_local_credentials_are_the_local_stack_s() -> None:
    local = (settings.LOCAL_KEY, settings.LOCAL_SECRET, settings.LOCAL_SIGNATURE_SECRET)
    assert local == (Sandbox.api_key, Sandbox.api_secret, Sandbox.signature_secret)


# --- errors --------------------------------------------------------------------------------------

INVALID = {
    "type": "https://developer.nexmo.com/api-errors/application#payload-validation",
    "title": "Bad Request",
    "detail": "The request failed due to validation errors",
    "invalid_parameters": [{"name": "name", "reason": "is required"}],
}


@dataclass(frozen=True)
class Failure:
    label: str
    status: int
    body: object
    code: int
    said: tuple[str, ...]


FAILURES = [
    Failure("invalid", 400, INVALID, 1, ("Bad Request (400)", INVALID["detail"], "name", "is required")),  # type: ignore[arg-type]
    Failure(
        "unknown key", 401, REFUSAL, 3, ("Unauthorized (401)", "the local stack's own", "switchboard setup")
    ),
    Failure("not found", 404, {"title": "Not Found", "detail": "ID 'x'"}, 1, ("Not Found (404)", "ID 'x'")),
    Failure("not found, no body", 404, None, 1, ("Not Found (404)", "GET /v2/applications")),
    Failure("too fast", 429, {"title": "Rate Limit Hit"}, 1, ("Rate Limit Hit (429)", "try again")),
    Failure(
        "number", 420, {"error-code": "420", "error-code-label": "method failed"}, 1, ("method failed (420)",)
    ),
    Failure("fault", 500, {"title": "Internal error"}, 3, ("Internal error (500)",)),
    Failure("gateway", 502, b"<html>Bad</html>", 3, ("Bad Gateway (502)",)),
    Failure("a list", 400, ["odd"], 1, ("Bad Request (400)",)),
    Failure("another server", 200, b"<html>Hello</html>", 3, ("does not speak this API", "text/html")),
]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.label)
def test_errors(failure: Failure, api: FakeApi, run: Run) -> None:
    api.on("GET /v2/applications", failure.body, status=failure.status)
    result = run("app:list", code=failure.code)
    assert result.stdout == ""
    for words in failure.said:
        assert words in result.stderr


def test_an_error_in_json(api: FakeApi, run: Run) -> None:
    api.on("GET /v2/applications", INVALID, status=400)
    result = run("app:list", "--json", code=1)
    assert result.stdout == ""
    error = json.loads(result.stderr)["error"]
    assert error == {**INVALID, "status": 400, "exit_code": 1}


BROKEN = [
    ("refused", httpx.ConnectError("Connection refused"), "make run"),
    ("silent", httpx.ReadTimeout("timed out"), "No answer"),
]


@pytest.mark.parametrize(("error", "said"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_no_answer(error: Exception, said: str, api: FakeApi, run: Run) -> None:
    api.broken = error
    assert said in run("app:list", code=3).stderr


def test_control_characters_of_others_do_not_reach_the_terminal(api: FakeApi, run: Run) -> None:
    api.on("GET /v2/applications", {"title": "\x1b]0;gone\x07 [bold]Bad[/bold]"}, status=400)
    stderr = run("app:list", code=1).stderr
    assert "\x1b" not in stderr and "\x07" not in stderr
    assert "[bold]Bad[/bold]" in stderr


def test_wrong_usage(run: Run) -> None:
    assert "app:create" in run("app:creat", code=2).stderr
    run("app:list", "--no-such", code=2)
    run("app:delete", code=2)


def test_help_names_every_command_and_the_exit_codes(run: Run) -> None:
    said = run("--help").stdout
    for name in ("setup", "app:create", "jwt:generate", "dispatch:create", "webhooks:listen", "deploy"):
        assert name in said
    assert "Exit codes" in said
