"""How long each function takes from its first import to its first answer, beside a floor that makes the same
AWS clients and one pydantic model and does nothing else. Both run in fresh interpreters, by turns.

The function has the layers as they are deployed, but for this machine. The floor has boto3 and pydantic of
the same versions, as pip installs them. Both have bytecode.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from bench.aws_server import serving
from bench.system import System, system
from tests.support import payloads
from tests.support.cloud import SOURCES
from tests.support.template import ROOT

GOAL = 1.35
LAYER_GOAL_MB = 60.0
_SCRIPT = Path(__file__).with_name("first_call.py")
_UNKNOWN = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Start:
    """Medians, in seconds of a processor."""

    function: str
    seconds: float
    import_seconds: float
    floor_seconds: float
    services: tuple[str, ...]
    heaviest: tuple[tuple[str, float], ...]
    """Imports that the floor does not make, with what is below each, in seconds."""

    @property
    def ratio(self) -> float:
        return self.seconds / self.floor_seconds


def run(rounds: int = 5, functions: tuple[str, ...] = ()) -> list[Start]:
    with _prepared() as (at, environment, directory):
        names = functions or tuple(sorted(at.cloud.functions))
        return [_measure(at, name, rounds, environment, Path(directory)) for name in names]


@contextmanager
def _prepared() -> Iterator[tuple[System, dict[str, str], str]]:
    """A system whose provider and client are on loopback, the environment of its functions, and a place for
    files."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as directory:
        patch.setenv("ALLOW_LOOPBACK", "true")
        with system() as at, serving() as address:
            secret = {"base_url": address, "api_key": "ib-key", "callback_token": "ib-token"}
            at.cloud.secrets.put_secret_value(
                SecretId="sb/accounts/infobip/default", SecretString=json.dumps(secret)
            )
            urls = {"status_url": f"{address}/client", "inbound_url": f"{address}/client"}
            at.flow.app = payloads.application(at.cloud, **urls)
            environment = os.environ | {"AWS_ENDPOINT_URL": address, "POWERTOOLS_LOG_LEVEL": "INFO"}
            yield at, environment, directory


def _measure(at: System, name: str, rounds: int, environment: dict[str, str], directory: Path) -> Start:
    file, place = directory / "event.json", ROOT / "functions" / name
    refused = at.cloud.queues["IngestDlq" if name == "ingest" else "EventsDlq"]
    environment = environment | {"REFUSED_QUEUE_URL": refused}
    bare = environment | {"PYTHONPATH": str(bare_packages())}
    layers = (_built(directory, "SwitchboardLayer"), _built(directory, "DependenciesLayer"))
    environment["PYTHONPATH"] = os.pathsep.join(map(str, layers))

    def function(*options: str) -> subprocess.CompletedProcess[str]:
        file.write_text(json.dumps(event(at, name)))
        return _python(environment, *options, str(_SCRIPT), "function", str(place), str(file))

    services = json.loads(function().stdout)["services"]  # and everything is compiled
    own, floor = [], []
    for _ in range(rounds):
        own.append(json.loads(function().stdout))
        floor.append(json.loads(_python(bare, str(_SCRIPT), "floor", *services).stdout))
    alone = {
        found[0] for found in _imports(_python(bare, "-X", "importtime", str(_SCRIPT), "floor", *services))
    }
    heavy = [found for found in _imports(function("-X", "importtime")) if found[0] not in alone]
    return Start(
        name,
        median(each["seconds"] for each in own),
        median(each["import_seconds"] for each in own),
        median(each["seconds"] for each in floor),
        tuple(services),
        tuple(sorted(heavy, key=lambda found: -found[1])[:25]),
    )  # fmt: skip


def _python(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-S", *arguments], env=environment, capture_output=True, text=True, timeout=120
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return done


_LINE = re.compile(r"import time:\s+\d+ \|\s+(\d+) \| \s*(\S+)")


def _imports(done: subprocess.CompletedProcess[str]) -> list[tuple[str, float]]:
    """Modules, and how long each took with those below it."""
    return [(found[2], int(found[1]) / 1e6) for found in map(_LINE.match, done.stderr.splitlines()) if found]


# --- first events -----------------------------------------------------------------------------------


def event(at: System, function: str) -> dict[str, Any]:
    """One that the function has work with, new each time."""
    match function:
        case "send":
            return _http(at, function, "POST", "/v0.1/messages", payloads.text("viber_service_msg"))
        case "dispatch":
            body = payloads.workflow(payloads.step("viber_service_msg", 600), payloads.step("sms"))
            return _http(at, function, "POST", "/v0.1/dispatch", body)
        case "deliver" | "status" | "notify":
            uuid = at.send("viber_service_msg")
            if function == "deliver":
                return _taken(at, "OutboundQueue")
            at.work("OutboundQueue", 1)
            if function == "notify":
                return _taken(at, "WebhooksQueue")
            return _captured(at, lambda: payloads.infobip_receipt(at.cloud, uuid))
        case "inbound":
            return _captured(at, lambda: payloads.whatsapp_inbound(at.cloud, "hello"))
        case "ingest":
            body = {"application_id": at.flow.app["id"], **payloads.text("viber_service_msg")}
            at.cloud.sqs.send_message(QueueUrl=at.cloud.queues["IngestQueue"], MessageBody=json.dumps(body))
            return _taken(at, "IngestQueue")
        case "applications":
            return _http(at, function, "GET", "/v2/applications", basic=True)
        case "accounts":
            return _http(at, function, "GET", "/accounts", basic=True)
        case "mark":
            return _http(at, function, "PATCH", f"/v1/messages/{_UNKNOWN}", {"status": "read"})
        case "media":
            return _http(at, function, "GET", f"/v0.1/media/{_UNKNOWN}")
        case "redact":
            return _http(at, function, "GET", f"/v0.1/redact/{_UNKNOWN}", basic=True)
        case "webhooks":
            return _http(at, function, "GET", "/v0.1/webhooks/failed")
        case "list":
            return _http(at, function, "GET", "/v0.1/messages")
        case "console":
            return _http(at, function, "GET", "/console/session")
        case "insights":
            return _http(at, function, "GET", "/v0.1/insights")
        case "count":
            found: dict[str, Any] = json.loads((ROOT / "events" / "count" / "changes.json").read_text())
            return found
    raise ValueError(f"no first event for {function}")  # fmt: skip


def _http(
    at: System, function: str, method: str, path: str, body: Any = None, *, basic: bool = False
) -> dict[str, Any]:
    headers = payloads.basic() if basic else payloads.bearer(at.flow.app)
    return _captured(at, lambda: at.cloud.http(function, method, path, body, headers))


def _captured(at: System, move: Any) -> dict[str, Any]:
    """The event that a move would have brought."""
    found: list[dict[str, Any]] = []

    def kept(function: str, event: dict[str, Any]) -> dict[str, Any]:
        found.append(event)
        return {"statusCode": 200}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at.cloud, "call", kept)
        move()
    return found[0]


def _taken(at: System, queue: str) -> dict[str, Any]:
    """The one record that waits in a queue, taken out of it."""
    assert queue in SOURCES
    return {"Records": at.cloud.taken(queue)[-1:]}


# --- the layers -----------------------------------------------------------------------------------------

_LAYERS = ROOT / "layers"
_REQUIREMENTS = _LAYERS / "dependencies" / "requirements.txt"
_SOURCES = {"SwitchboardLayer": _LAYERS / "switchboard", "DependenciesLayer": _LAYERS / "dependencies"}


def layer_megabytes() -> float:
    """Of both layers, unzipped, as they are deployed (arm64, Python 3.13), but with this Python's bytecode,
    whose size is much the same."""
    with tempfile.TemporaryDirectory() as directory:
        for layer in _SOURCES:
            _build(layer, Path(directory) / layer, COMPILER=sys.executable)
        files = (file for file in Path(directory).rglob("*") if file.is_file())
        return sum(file.stat().st_size for file in files) / 1e6


def bare_packages() -> Path:
    """What the floor imports."""
    pins = "".join(path.read_text() for path in (_REQUIREMENTS, ROOT / "requirements-run.txt"))
    wanted = [line for line in pins.splitlines() if line.startswith(("boto3==", "botocore==", "pydantic=="))]
    return _installed(*wanted)


def _built(directory: Path, layer: str) -> Path:
    """A layer for this machine, with what its Makefile does to it."""
    built = directory / layer
    if not built.exists():
        _build(
            layer,
            built,
            SWITCHBOARD_PACKAGES=str(_installed("-r", str(_REQUIREMENTS))),
            PYTHON=sys.executable,
        )
    return built / "python"


def _build(layer: str, built: Path, **variables: str) -> None:
    built.mkdir()
    pip = f"PIP={sys.executable} -m pip"
    make = ["make", "-f", str(_LAYERS / "Makefile"), f"build-{layer}", f"ARTIFACTS_DIR={built}", pip]
    given = [f"{name}={value}" for name, value in variables.items()]
    subprocess.run([*make, *given], cwd=_SOURCES[layer], check=True, capture_output=True, text=True)


def _installed(*wanted: str) -> Path:
    """A folder with these packages, made once: nothing else is on a path, as some packages import what
    happens to be installed beside them."""
    name = hashlib.sha256(repr((wanted, sys.version)).encode() + _REQUIREMENTS.read_bytes()).hexdigest()[:12]
    directory = ROOT / ".local" / "bench" / f"packages-{name}"
    if not directory.exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent) as made:
            pip = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--compile",
            ]
            command = [*pip, "--target", made, *wanted]
            subprocess.run(command, check=True, capture_output=True, text=True)
            Path(made).rename(directory)
            Path(made).mkdir()
    return directory
