"""Every line of docs/cli.md is one that the command takes."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from switchboard_cli.errors import Code
from switchboard_cli.main import app
from tests.support.template import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text()
LINES = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("switchboard ") and not line.startswith("switchboard --")
]
COMMANDS: Any = typer.main.get_command(app)


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_understood(line: str) -> None:
    Path("private.key").write_text("")
    name, *arguments = shlex.split(line)[1:]
    with COMMANDS.make_context("switchboard", [name]) as parent:
        COMMANDS.commands[name].make_context(name, arguments, parent=parent)


def test_every_command_is_there() -> None:
    missing = [name for name in COMMANDS.commands if name not in PAGE]
    assert set(missing) <= {"message:show", "account:show", "account:delete", "link:delete"}


def test_every_exit_code_is_there() -> None:
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == [*Code]
