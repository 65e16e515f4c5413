"""deploy, with a `sam` that writes down how it was called."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from switchboard_cli.commands import deploy
from tests.support.template import template

Run = Callable[..., Result]
OUTPUTS = [
    {"OutputKey": "ApiUrl", "OutputValue": "https://abc.execute-api.eu-west-1.amazonaws.com"},
    {"OutputKey": "AccountSecret", "OutputValue": "arn:aws:secretsmanager:eu-west-1:1:secret:s"},
]
SAM = """#!{python}
import json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    print(json.dumps([sys.argv[1:], os.getcwd()]), file=calls)
if sys.argv[1] == os.environ.get("FAILS"):
    sys.exit("it does not work")
print(json.dumps({outputs}) if sys.argv[1] == "list" else "sam says something")
"""


class Sam:
    def __init__(self, calls: Path) -> None:
        self._calls = calls

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of each."""
        if not self._calls.exists():
            return []
        return [json.loads(line)[0] for line in self._calls.read_text().splitlines()]

    @property
    def folders(self) -> set[str]:
        return {json.loads(line)[1] for line in self._calls.read_text().splitlines()}


@pytest.fixture
def sam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sam:
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "sam"
    program.write_text(SAM.format(python=sys.executable, outputs=OUTPUTS))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    Path("template.yaml").write_text("Resources: {}\n")
    return Sam(tmp_path / "calls")


STACK = ["--stack-name", "switchboard", "--region", "eu-west-1"]
SEND = ["deploy", *STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"]
SEND += ["--no-confirm-changeset", "--no-fail-on-empty-changeset"]
LIST = ["list", "stack-outputs", *STACK, "--output", "json"]


@pytest.mark.parametrize("ends", [0, 2])
def test_the_console_is_built_before(sam: Sam, run: Run, ends: int) -> None:
    Path("console").mkdir()
    Path("console/package.json").write_text("{}")
    Path("Makefile").write_text(f"console:\n\t@touch built; exit {ends}\n.PHONY: console\n")
    result = run("deploy", "--region", "eu-west-1", code=1 if ends else 0)
    assert Path("built").exists()
    assert "$ make console" in result.stderr
    if ends:
        assert "make console ended with 2" in result.stderr
    else:
        assert sam.calls[0] == ["build"]


def test_deploy_builds_deploys_and_says_where_it_is(sam: Sam, run: Run) -> None:
    result = run("deploy", "--region", "eu-west-1")
    assert sam.calls == [["build"], SEND, LIST]
    assert sam.folders == {os.getcwd()}
    assert "Deployed: https://abc.execute-api.eu-west-1.amazonaws.com" in result.stdout
    for words in ("$ sam build", "$ sam deploy --stack-name switchboard", OUTPUTS[1]["OutputValue"]):
        assert words in result.stderr
    assert "switchboard setup KEY --url https://abc.execute-api" in result.stderr


def test_deploy_takes_parameters(sam: Sam, run: Run, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "template.yaml").write_text("")
    options = ("--stack-name", "mine", "--region", "eu-north-1", "--profile", "work", "--use-container")
    settings = ("--status-url", "https://a.example/s", "--currency", "USD", "--parameter", "LogLevel=DEBUG")
    run("deploy", *options, *settings, "--project", str(elsewhere))
    assert sam.calls[0] == ["build", "--use-container"]
    assert sam.calls[1][:7] == [
        "deploy",
        "--stack-name",
        "mine",
        "--region",
        "eu-north-1",
        "--profile",
        "work",
    ]
    overrides = sam.calls[1][sam.calls[1].index("--parameter-overrides") + 1 :]
    assert overrides == ["StatusUrl=https://a.example/s", "Currency=USD", "LogLevel=DEBUG"]
    assert sam.folders == {str(elsewhere)}


def test_deploy_asks_for_what_is_not_named(sam: Sam, run: Run) -> None:
    answers = "mine\neu-west-3\nhttps://a.example/s\n\ny\n"
    result = run("deploy", "--guided", input=answers)
    assert sam.calls[1][1:5] == ["--stack-name", "mine", "--region", "eu-west-3"]
    assert sam.calls[1][-2:] == ["StatusUrl=https://a.example/s", "Currency=EUR"]
    assert "sam deploy --stack-name mine" in result.stderr


def test_deploy_does_nothing_that_is_not_wanted(sam: Sam, run: Run) -> None:
    run("deploy", "--guided", "--region", "eu-west-1", input="\n\n\nn\n", code=2)
    assert sam.calls == []


def test_deploy_in_json(sam: Sam, run: Run) -> None:
    shown = json.loads(run("deploy", "--region", "eu-west-1", "--json").stdout)
    assert shown["url"] == OUTPUTS[0]["OutputValue"]
    assert OUTPUTS[1]["OutputValue"] in shown["next"]


@pytest.mark.parametrize(("step", "calls"), [("build", 1), ("deploy", 2), ("list", 3)])
def test_deploy_stops_where_sam_does(
    step: str, calls: int, sam: Sam, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILS", step)
    run("deploy", "--region", "eu-west-1", code=1)
    assert len(sam.calls) == calls


@pytest.mark.usefixtures("sam")
def test_deploy_without_what_it_needs(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "region" in run("deploy", code=2).stderr
    assert "template.yaml" in run("deploy", "--project", str(tmp_path), code=2).stderr
    assert "NAME=VALUE" in run("deploy", "--region", "x", "--parameter", "odd", code=2).stderr
    for name in list(os.environ):
        if name.startswith("AWS_"):
            monkeypatch.delenv(name)
    assert "aws configure" in run("deploy", "--region", "eu-west-1", code=2).stderr
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "aws-sam-cli" in run("deploy", "--region", "eu-west-1", code=2).stderr


def test_an_aws_folder_has_credentials(home: Path) -> None:
    assert not deploy._has_credentials({})
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text("[default]\n")
    assert deploy._has_credentials({})


def test_the_template_has_what_deploy_asks_for() -> None:
    found = template()
    assert {"StatusUrl", "InboundUrl", "Currency"} <= found["Parameters"].keys()
    assert {"ApiUrl", "AccountSecret"} <= found["Outputs"].keys()
