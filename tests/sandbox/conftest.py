from collections.abc import Iterator

import pytest

from tests.support.stack import Stack


@pytest.fixture(scope="session")
def _stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"))
    yield stack
    if stack.running:
        assert stack.stop() == 0


@pytest.fixture
def stack(_stack: Stack) -> Stack:
    """Shared by all tests, and running when each begins."""
    if not _stack.running:
        _stack.start()
    return _stack
