"""Completion in a real bash, which takes a colon for the end of a word."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.template import ROOT

CASES = [
    ("switchboard app:cr", "create"),
    ("switchboard app:", "create list show update delete use"),
    ("switchboard mess", "message:send message:show message:explain messages:list"),
    ("switchboard --url http://127.0.0.1:8080 dispatch:s", "show"),
    ("switchboard message:send --chan", "--channel"),
    ("switchboard message:send --channel vi", "viber_service viber_bot"),
]
ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(ROOT / "cli"),
    "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1",  # so that a shell can be named
}


def script(shell: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "switchboard_cli", "--show-completion", shell],
        capture_output=True,
        text=True,
        timeout=30,
        env=ENVIRONMENT,
        check=True,
    )
    return done.stdout


@pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
@pytest.mark.parametrize(("line", "found"), CASES, ids=[case[0] for case in CASES])
def test_bash(line: str, found: str, tmp_path: Path) -> None:
    program = tmp_path / "switchboard"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m switchboard_cli "$@"\n')
    program.chmod(0o755)
    asked = f'COMP_LINE="{line}" COMP_POINT={len(line)}\n_switchboard_completion switchboard\n'
    done = subprocess.run(
        ["bash", "--norc", "-c", script("bash") + asked + 'echo "${COMPREPLY[*]}"'],
        capture_output=True,
        text=True,
        timeout=30,
        env=ENVIRONMENT | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        check=True,
    )
    assert done.stdout.split() == found.split(), done.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_theirs(shell: str) -> None:
    assert "_SWITCHBOARD_COMPLETE" in script(shell)
