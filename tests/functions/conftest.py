import pytest

from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.cloud import Cloud


@pytest.fixture
def flow(cloud: Cloud) -> Flow:
    """The system with one application; every provider takes every message."""
    cloud.world.provider = payloads.accepts_all
    return Flow(cloud)
