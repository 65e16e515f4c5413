"""Runs programs that use client libraries as they are, each in its client's own environment.

A program is a file of tests/clients/programs. It gets its settings and the name of one of its functions as
JSON on standard input, and prints what that returns as JSON.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.application import Application
from tests.e2e.local_stack import KEY, ROOT, SECRET, LocalStack

CLIENTS = ROOT / ".venv" / "clients"
PROGRAMS = Path(__file__).parent / "programs"
PATIENCE = 120
"""Seconds for a program."""


class SecureStack(LocalStack):
    """A local stack that is there over TLS too."""

    def __init__(self, folder: Path, tls_port: int) -> None:
        super().__init__(folder, SWITCHBOARD_TLS_PORT=str(tls_port))
        self.tls_port = tls_port

    @property
    def host(self) -> str:
        """For clients that say https by themselves."""
        return f"127.0.0.1:{self.tls_port}"

    @property
    def trust(self) -> dict[str, str]:
        """What a program needs in its environment to call `host`."""
        folder = self.state / "tls"
        return {
            "REQUESTS_CA_BUNDLE": str(folder / "trusted.pem"),
            "NODE_EXTRA_CA_CERTS": str(folder / "ca.pem"),
        }

    @property
    def detour(self) -> dict[str, str]:
        """What a Python program needs in its environment to come here when it calls Vonage."""
        return self.trust | {"HTTPS_PROXY": f"http://{self.host}"}


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would lead a program elsewhere."""
    misleading = ("_proxy", "_ca_bundle", "python", "node_", "nexmo_", "vonage_")
    ours = {
        name: value for name, value in os.environ.items() if not any(m in name.lower() for m in misleading)
    }
    return ours | more


def settings(stack: SecureStack, application: Application | None = None, **more: Any) -> dict[str, Any]:
    """What a program is told: where the API is, and who it is."""
    given = {"host": stack.host, "url": stack.url, "port": stack.port, "key": KEY, "secret": SECRET}
    if application:
        given |= {"application_id": application.id, "private_key": application.private_key}
    return given | more


def python(client: str) -> str:
    found = CLIENTS / client / "bin" / "python"
    assert found.exists(), "the client is not there; `make test-clients` installs it"
    return str(found)


def node() -> str:
    found = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    assert found and (CLIENTS / "node_modules").exists(), "`make test-clients` installs the Node clients"
    return found


def run(
    program: str, function: str, given: dict[str, Any], env: dict[str, str], client: str | None = None
) -> Any:
    """What a function of a program returns. `client` names the environment of a Python program."""
    path = PROGRAMS / program
    command = [python(client or path.stem), str(path)] if path.suffix == ".py" else [node(), str(path)]
    output = execute(command, environment(NODE_PATH=str(CLIENTS / "node_modules"), **env), function, given)
    return json.loads(output.splitlines()[-1])


def execute(
    command: list[str], env: dict[str, str], function: str = "", given: Any = None, cwd: Path | None = None
) -> str:
    """What it prints. AssertionError, with all of that, if it fails."""
    done = subprocess.run(
        command,
        input=json.dumps({"function": function, "given": given}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=env,
        cwd=cwd,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
