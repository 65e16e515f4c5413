"""What somebody sees who starts it for the first time."""

import pytest

from tests.e2e.application import PATIENCE
from tests.e2e.local_stack import KEY, SECRET, LocalStack
from tests.support.stack import until

pytestmark = pytest.mark.e2e


def test_it_says_where_it_is_and_plays_a_dispatch(stack: LocalStack) -> None:
    until(lambda: " report " in stack.output, PATIENCE)
    greeting, _, demonstration = stack.output.partition("A dispatch:")
    for word in (stack.url, KEY, SECRET, str(stack.state)):
        assert word in greeting
    report = next(line for line in demonstration.splitlines() if " report " in line)
    assert "completed" in report
    assert "(messenger delivered, viber_service_msg submitted, sms delivered)" in report
    assert "Traceback" not in stack.output
