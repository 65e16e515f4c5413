"""The command as its user calls it, with an API that answers as it is told to."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from typer.testing import CliRunner, Result

from switchboard_cli import client, following
from switchboard_cli.main import app

URL = "http://127.0.0.1:8080"


@dataclass
class FakeApi:
    """Answers of a route are given in their order; the last one goes on."""

    requests: list[httpx.Request] = field(default_factory=list)
    _answers: dict[tuple[str, str], list[tuple[int, Any]]] = field(default_factory=dict)
    broken: Exception | None = None

    def on(self, route: str, *answers: Any, status: int = 200) -> None:
        """`route` as in "GET /v2/applications"; an answer is a JSON body, bytes, None for an empty
        one, or a whole response."""
        method, path = route.split(" ")
        self._answers.setdefault((method, path), []).extend((status, answer) for answer in answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if self.broken:
            raise self.broken
        self.requests.append(request)
        found = self._answers.get((request.method, request.url.path))
        assert found, f"nobody told what {request.method} {request.url.path} answers"
        status, answer = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(answer, httpx.Response):
            return answer
        if isinstance(answer, bytes):
            return httpx.Response(status, content=answer, headers={"content-type": "text/html"})
        return httpx.Response(status) if answer is None else httpx.Response(status, json=answer)

    @property
    def routes(self) -> list[str]:
        return [f"{request.method} {request.url.path}" for request in self.requests]

    def sent(self, index: int = -1) -> Any:
        """The JSON of a request; the last one's, if none is named."""
        return json.loads(self.requests[index].content)

    def form(self, index: int = -1) -> dict[str, str]:
        return dict(parse_qsl(self.requests[index].content.decode()))


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    fake = FakeApi()
    monkeypatch.setattr(client, "TRANSPORT", httpx.MockTransport(fake))
    return fake


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and an empty folder to work in."""
    for name in ("URL", "API_KEY", "API_SECRET", "SIGNATURE_SECRET"):
        monkeypatch.delenv(f"SWITCHBOARD_{name}", raising=False)
    monkeypatch.delenv("PORT", raising=False)
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(work)
    return home


@pytest.fixture
def run() -> Callable[..., Result]:
    """`run("app:list", "--json", input="")`."""
    runner = CliRunner()

    def invoke(*arguments: str, input: str = "", code: int = 0) -> Result:
        result = runner.invoke(app, arguments, input=input, prog_name="switchboard")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, f"{result.exit_code}: {result.stdout}{result.stderr}"
        return result

    return invoke


@dataclass
class Clock:
    """Time that passes by sleeping only."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def time_passes(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(following, "now", clock.now)
    monkeypatch.setattr(following, "sleep", clock.sleep)
    return clock
