"""The two unmodified client packages, pointed at a local stack."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from vonage import Auth, HttpClientOptions, Vonage

from tests.e2e.local_stack import KEY, ROOT, SECRET, LocalStack

NODE_MODULES = ROOT / ".venv" / "clients" / "node_modules"
DRIVER = Path(__file__).parent / "nexmo" / "driver.js"


class PlainHttp(HTTPAdapter):
    """Sends what is meant for https as http: the vonage package knows no other scheme."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, *args, **kwargs)


def vonage(stack: LocalStack, secret: str = SECRET, **application: str) -> Vonage:
    """`application`: application_id and private_key, for tokens."""
    host = f"127.0.0.1:{stack.port}"
    client = Vonage(Auth(api_key=KEY, api_secret=secret, **application), HttpClientOptions(api_host=host))
    client.http_client._session.mount(f"https://{host}", PlainHttp())
    return client


@dataclass(frozen=True)
class Outcome:
    """What a nexmo callback was called with."""

    error: Any
    result: Any


def nexmo(
    stack: LocalStack,
    *calls: list[Any],
    secret: str = SECRET,
    together: bool = False,
    credentials: dict[str, str] | None = None,
) -> list[Outcome]:
    """Calls as ["channel.send", to, from, message]. `credentials`: applicationId and privateKey."""
    node = shutil.which("node") or shutil.which("node", path=str(Path(sys.executable).parent))
    assert node and NODE_MODULES.exists(), "the Node client is not there; `make test` installs it"
    given = {
        "credentials": {"apiKey": KEY, "apiSecret": secret, **(credentials or {})},
        "options": {"apiHost": "127.0.0.1", "restHost": "127.0.0.1", "port": stack.port},
        "together": together,
        "calls": calls,
    }
    done = subprocess.run(
        [node, str(DRIVER)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"NODE_PATH": str(NODE_MODULES)},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Outcome(**outcome) for outcome in json.loads(done.stdout)]
