from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.console.browser import Console, opened
from tests.e2e.application import Application
from tests.e2e.local_stack import LocalStack
from tests.e2e.receiver import Receiver

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    stack = LocalStack(tmp_path_factory.mktemp("stack"))
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with opened() as browser:
        yield browser


@pytest.fixture
def console(stack: LocalStack, browser: Browser) -> Iterator[Console]:
    """Signed in. Nothing that the browser complains of is let pass."""
    console = Console(browser, stack)
    console.signed_in()
    yield console
    console.close()
    assert console.complaints == []


@pytest.fixture
def rough(stack: LocalStack, browser: Browser) -> Iterator[Console]:
    """Signed in, where things fail: a browser complains of every request that does."""
    console = Console(browser, stack)
    console.signed_in()
    yield console
    console.close()


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def application(stack: LocalStack, receiver: Receiver) -> Application:
    return Application(stack, receiver.mailbox())
