"""The `switchboard` command as its user types it, against the running stack."""

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.application import PATIENCE
from tests.e2e.local_stack import KEY, ROOT, SECRET, LocalStack

pytestmark = pytest.mark.e2e

FIRST = "messenger:1070830641:3958010001:read:3"
"""Delivered and not read."""


class Shell:
    """A folder of one's own, and a home."""

    def __init__(self, folder: Path, stack: LocalStack) -> None:
        self.home, self.work = folder / "home", folder / "work"
        self.home.mkdir()
        self.work.mkdir()
        self.stack = stack
        named = {name: value for name, value in os.environ.items() if not name.startswith("SWITCHBOARD_")}
        self.environment = named | {"HOME": str(self.home), "PYTHONPATH": str(ROOT / "cli")}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "switchboard_cli", *arguments],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str, input: str = "", code: int = 0) -> str:
        process = self.start(*arguments)
        stdout, stderr = process.communicate(input, timeout=PATIENCE)
        assert process.returncode == code, f"{arguments}: {process.returncode}\n{stdout}{stderr}"
        assert SECRET not in stdout + stderr
        return stdout

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code))


@pytest.fixture
def shell(stack: LocalStack, tmp_path: Path) -> Shell:
    return Shell(tmp_path, stack)


@pytest.fixture
def listen(shell: Shell) -> Iterator[Callable[..., tuple[str, subprocess.Popen[str]]]]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> tuple[str, subprocess.Popen[str]]:
        """Where it listens, and the process."""
        process = shell.start("webhooks:listen", "--port", "0", "--json", *arguments)
        started.append(process)
        assert process.stderr
        found = re.search(r"http://127\.0\.0\.1:\d+", process.stderr.readline())
        assert found
        return found[0], process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_from_setup_to_a_dispatch(
    shell: Shell, listen: Callable[..., tuple[str, subprocess.Popen[str]]]
) -> None:
    url, listener = listen()
    shell("setup", KEY, "wrong", "--url", shell.stack.url, code=3)
    shell("setup", KEY, SECRET, "--url", shell.stack.url)
    assert stat.S_IMODE((shell.home / ".switchboardrc").stat().st_mode) == 0o600

    answers = f"Parcels\n\n{url}/inbound\n{url}/status\n\nprivate.key\n\n"
    said = shell("app:create", input=answers)
    app_id = re.search(r"Application created: (\S+)", said)
    assert app_id
    for name in (".switchboard-app", "private.key"):
        assert stat.S_IMODE((shell.work / name).stat().st_mode) == 0o600
    assert app_id[1] in [one["id"] for one in shell.json("app:list")]

    token = shell("jwt:generate", "--exp", "60").strip()
    sent = httpx.post(
        f"{shell.stack.url}/v1/messages",
        headers={"Authorization": f"Bearer {token}"},
        json={"channel": "sms", "message_type": "text", "text": "Hi", "to": "447700900100", "from": "Acme"},
    )
    assert sent.status_code == 202, sent.text

    send = ("message:send", "--channel", "sms", "--from", "Acme", "--text", "Hello", "--wait")
    said = shell(*send, "--to", "447700900100", "--timeout", str(PATIENCE))
    assert [line.split()[1] for line in said.splitlines()[1:]] == ["submitted", "delivered"]
    ended = shell.json(*send, "--to", "447700900004", "--timeout", str(PATIENCE), code=1)
    assert ended["status"] == "undeliverable"

    steps = ("--step", FIRST, "--step", "sms:Acme:447700900100", "--text", "Your parcel arrives today.")
    said = shell("dispatch:create", *steps)
    assert "not read in 3 s: on to the next" in said
    assert re.search(r"Report completed \d", said)
    dispatch_uuid = said.split("Dispatch started: ")[1].split()[0]
    shown = shell.json("dispatch:show", dispatch_uuid)
    assert [step["status"] for step in shown["steps"]] == ["delivered", "delivered"]

    listener.terminate()
    hooks = [json.loads(line) for line in listener.communicate(timeout=PATIENCE)[0].splitlines()]
    assert hooks and {hook["signature"] for hook in hooks} == {"signed"}
    told = [hook["body"].get("status") for hook in hooks if hook["path"] == "/status"]
    assert "delivered" in told and "undeliverable" in told

    shell("app:update", "--name", "Letters")
    assert shell.json("app:show")["name"] == "Letters"
    shell("app:delete", app_id[1], "--yes")
    assert not (shell.work / ".switchboard-app").exists()
    shell("app:show", app_id[1], code=1)


def test_an_account_and_its_senders(
    shell: Shell, listen: Callable[..., tuple[str, subprocess.Popen[str]]]
) -> None:
    url, listener = listen("--once")
    shell("setup", KEY, SECRET, "--url", shell.stack.url)
    shell("app:create", "Parcels", "--capabilities=messages", f"--messages-inbound-url={url}/inbound")
    held = httpx.get(f"{shell.stack.url}/sandbox/accounts/whatsapp_cloud").json()["credentials"]
    settings = [f"{name}={value}" for name, value in held.items()]
    said = shell("account:add", "whatsapp_cloud", "cli", *settings, "--sender=whatsapp:447700900277@20")
    assert "whatsapp_cloud/cli" in said
    assert not [value for value in held.values() if len(value) > 20 and "://" not in value and value in said]
    checked = shell.json("account:verify", "whatsapp_cloud", "cli")
    assert checked["senders"][0]["state"] == "verified", checked

    shell("link:add", "whatsapp", "+447700900277")
    shell("link:add", "sms", "447700900278")
    accounts = shell.json("account:list")
    senders = [one for account in accounts if account["account_id"] == "cli" for one in account["senders"]]
    assert senders[0]["rate"]["per_second"] == 20 and senders[0]["application"]

    written = {"channel": "whatsapp", "from": "447700900100", "to": "447700900277", "text": "When?"}
    assert httpx.post(f"{shell.stack.url}/sandbox/inbound", json=written).is_success
    hook = json.loads(listener.communicate(timeout=PATIENCE)[0])
    assert hook["path"] == "/inbound" and hook["signature"] == "signed"
    assert "When?" in json.dumps(hook["body"])

    named = ("--sender", "447700900277", "--language", "en_GB")
    made = shell.json("template:create", "parcel_cli", *named, "--body", "Parcel {{1}}", "--example", "4711")
    assert made["name"] == "parcel_cli"
    assert "parcel_cli" in [one["name"] for one in shell.json("template:list", "--sender", "447700900277")]

    # As long as an account has templates, nothing else can be sent as one.
    path = f"{shell.stack.url}/v0.1/templates/parcel_cli"
    assert httpx.delete(path, params={"sender": "447700900277"}, auth=(KEY, SECRET)).status_code == 204

    shell("link:delete", "whatsapp", "447700900277")
    shell("account:delete", "whatsapp_cloud", "cli", "--yes")
    shell("account:show", "whatsapp_cloud", "cli", code=1)
