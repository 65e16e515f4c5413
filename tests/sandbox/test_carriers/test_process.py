"""The carriers as a process: how they start, and every way to end them."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from .rig import CREDENTIALS, INBOUND, RECEIPTS

pytestmark = pytest.mark.network

ROOT = Path(__file__).parents[3]
CONFIG = {
    "api_url": "http://127.0.0.1:1",
    "aws_endpoint": "http://127.0.0.1:1",
    "receipts_topic": RECEIPTS,
    "inbound_topic": INBOUND,
    "credentials": CREDENTIALS.model_dump(),
}


def start(line: str) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.carriers"], cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )
    assert process.stdin
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process


@pytest.fixture
def process() -> Iterator["subprocess.Popen[str]"]:
    started = start(json.dumps(CONFIG))
    yield started
    started.kill()
    started.communicate()


def port(process: "subprocess.Popen[str]") -> int:
    assert process.stdout
    return int(json.loads(process.stdout.readline())["port"])


def is_up(number: int) -> bool:
    return httpx.get(f"http://127.0.0.1:{number}/log", trust_env=False).is_success


@pytest.mark.parametrize("way", ["stdin", "sigterm"])
def test_ends_cleanly_and_quietly(process: "subprocess.Popen[str]", way: str) -> None:
    number = port(process)
    process.send_signal(signal.SIGINT)
    assert is_up(number)  # Ctrl-C is the parent's to answer
    if way == "sigterm":
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    _, errors = process.communicate(timeout=10)  # closes stdin
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        pytest.param("", "Invalid JSON", id="nothing"),
        pytest.param(json.dumps({**CONFIG, "credentials": {}}), "credentials seed", id="no-secrets"),
        pytest.param(json.dumps({**CONFIG, "port": "many"}), "port", id="port"),
    ],
)
def test_wrong_configuration_is_named(line: str, named: str) -> None:
    process = start(line)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert named in errors and CREDENTIALS.seed not in errors


def test_a_taken_port_is_named(process: "subprocess.Popen[str]") -> None:
    second = start(json.dumps({**CONFIG, "port": port(process)}))
    out, errors = second.communicate(timeout=20)
    assert (second.returncode, out) == (1, "")
    assert "Address already in use" in errors
