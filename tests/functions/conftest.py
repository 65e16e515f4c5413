from itertools import cycle

import pytest

from switchboard import applications, endpoints
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.cloud import Cloud

KEY_PAIRS = cycle([applications.key_pair() for _ in range(4)])


@pytest.fixture(autouse=True)
def _used_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new one takes a fifth of a second. The applications of a test have different ones all the same."""
    monkeypatch.setattr(applications, "key_pair", lambda: next(KEY_PAIRS))


@pytest.fixture(autouse=True)
def _patient_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call to an endpoint takes long on a busy machine; what would be put off for it waits."""
    monkeypatch.setattr(endpoints, "WAIT_SECONDS", 15.0)


@pytest.fixture
def flow(cloud: Cloud) -> Flow:
    """The system with one application; every provider takes every message."""
    cloud.world.provider = payloads.accepts_all
    return Flow(cloud)
