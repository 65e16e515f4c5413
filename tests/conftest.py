import socket
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import botocore.loaders
import botocore.session
import httpx
import pytest
from moto import mock_aws

from tests.support import moto_corrections
from tests.support.cloud import Cloud, World, end_executions

# Every test has an AWS session of its own, and an execution that it left waiting keeps that for an hour: with
# the services' descriptions, which are the same for all, it would be some ten megabytes a test.
botocore.session.create_loader = cache(botocore.loaders.create_loader)


@pytest.fixture(autouse=True)
def _no_sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unit tests talk to nobody. Tests of the local stack are marked `network` and do, on loopback."""
    if request.node.get_closest_marker("network") or request.node.get_closest_marker("e2e"):
        return

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a unit test opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "switchboard")


@pytest.fixture
def make_cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[World], Cloud]]:
    moto_corrections.install(monkeypatch)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        yield lambda world: Cloud(world, monkeypatch)
        end_executions()


@pytest.fixture
def world() -> World:
    def nobody(request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"no provider answers {request.url.host}")

    return World(provider=nobody)


@pytest.fixture
def cloud(make_cloud: Callable[[World], Cloud], world: World) -> Cloud:
    return make_cloud(world)
