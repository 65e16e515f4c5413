import socket
from collections.abc import Iterator

import pytest

from tests.clients.kit import SecureStack
from tests.e2e.conftest import application, make_application, receiver

__all__ = ["application", "make_application", "receiver", "stack"]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureStack]:
    """Over TLS too. Shared, so each test has an application of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    stack = SecureStack(tmp_path_factory.mktemp("stack"), port)
    stack.start()
    yield stack
    twice = stack.handed_over_twice()
    stack.stop()
    assert not twice, "a carrier took these messages twice"
