"""A stack that is stopped and started again goes on where it was; its functions have their roles only."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.clients import vonage
from tests.e2e.local_stack import LocalStack
from tests.support.stack import until

pytestmark = pytest.mark.e2e

SECONDS = 15


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    stack = LocalStack(tmp_path_factory.mktemp("own"), SWITCHBOARD_ENFORCE_IAM="1")
    stack.start()
    yield stack
    stack.stop()


def test_everything_is_kept_and_dispatches_go_on(
    own_stack: LocalStack, make_application: Callable[[LocalStack], Application]
) -> None:
    stack = own_stack
    application = make_application(stack)
    mailbox = application.mailbox
    read = application.send(bodies.message("whatsapp", client_ref="before"))
    mailbox.until(lambda: len(mailbox.statuses(read)) == 3, PATIENCE)
    before = application.show(read)

    began = time.time()
    waiting = application.dispatch(bodies.step("messenger", "0002", SECONDS), bodies.step("sms", "0100"))
    overdue = application.dispatch(bodies.step("viber_service_msg", "0002", 3), bodies.step("sms", "0100"))
    mailbox.until(lambda: len(mailbox.bodies(status="submitted")) >= 3, PATIENCE)
    # These are on their way when the stack is told to stop.
    caught = [application.send(bodies.message("sms", digits)) for digits in ("0100", "0005", "0008") * 3]
    stack.stop()
    assert "Traceback" not in stack.output
    stack.start()

    assert vonage(stack).application.get_application(application.id).name == "Parcels"
    assert application.show(read) == before
    report = application.report(waiting)
    ended = time.time()
    assert [(entry["channel"], entry["status"]) for entry in report["_links"]["messages"]] == [
        ("messenger", "submitted"),
        ("sms", "delivered"),
    ]
    assert (report["status"], "reason" in report) == ("completed", False)
    assert SECONDS <= ended - began < SECONDS + 6, "not the time that was left"

    assert application.report(overdue)["status"] == "completed"
    for uuid in caught:  # the carriers forget at a stop, so a receipt may be missing
        mailbox.until_statuses(uuid, PATIENCE, any_of=["submitted"])
    time.sleep(2)
    assert sorted(report["dispatch_uuid"] for report in mailbox.reports()) == sorted((waiting, overdue))
    new = application.send(bodies.message("sms"))
    mailbox.until(lambda: len(mailbox.statuses(new)) == 2, PATIENCE)


@pytest.mark.parametrize("seconds", [0.2, 1.0, 2.0])
def test_it_can_be_stopped_before_it_is_ready(tmp_path: Path, seconds: float) -> None:
    stack = LocalStack(tmp_path)
    stack.launch()
    until(lambda: stack.state.exists(), 30)  # from now on it hears signals
    time.sleep(seconds)
    stack.stop()
    assert "Traceback" not in stack.output


def test_a_second_stack_keeps_off(own_stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither on the same folder nor on the same port."""
    for same in ("state", "port"):
        other = LocalStack(tmp_path_factory.mktemp("other"))
        if same == "state":
            other.environment["SWITCHBOARD_STATE"] = str(own_stack.state)
        else:
            other.environment["PORT"] = str(own_stack.port)
        assert other.launch().wait(30) == 1
        assert "The local stack cannot run" in other.output
    assert httpx.get(f"{own_stack.url}/health").status_code == 200
