from collections.abc import Callable, Iterator

import pytest

from tests.e2e.application import Application
from tests.e2e.local_stack import LocalStack
from tests.e2e.receiver import Receiver


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """Shared by most tests, so each of them has an application of its own."""
    stack = LocalStack(tmp_path_factory.mktemp("stack"))
    stack.start()
    yield stack
    twice = stack.handed_over_twice()
    stack.stop()
    assert not twice, "a carrier took these messages twice"


@pytest.fixture(scope="session")
def make_application(receiver: Receiver) -> Callable[[LocalStack], Application]:
    return lambda stack: Application(stack, receiver.mailbox())


@pytest.fixture
def application(stack: LocalStack, make_application: Callable[[LocalStack], Application]) -> Application:
    return make_application(stack)
