"""Dispatches whose execution was lost: stopped, failed, or never started."""

import json
from datetime import timedelta
from typing import Any

import pytest
from botocore.client import BaseClient

from switchboard import clock
from switchboard.dispatching import OVERDUE
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.payloads import step
from tests.support.template import ROOT

SWEEP = json.loads((ROOT / "events" / "dispatch" / "sweep.json").read_text())


def sweep(flow: Flow) -> int:
    return int(flow.cloud.call("dispatch", SWEEP)["overdue"])


def swept_after(flow: Flow, time: timedelta, monkeypatch: pytest.MonkeyPatch) -> int:
    later = clock.now() + time
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: later)
        return sweep(flow)


class Died(BaseException):
    pass


def never_started(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its function died before it could start the execution."""
    call = BaseClient._make_api_call

    def dies(client: Any, operation: str, parameters: Any) -> Any:
        if operation == "StartExecution":
            raise Died
        return call(client, operation, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", dies)
        with pytest.raises(Died):
            flow.dispatch(step("viber_service_msg", 60), step("sms", 60), step("sms"))


def test_what_never_started_is_reported(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    never_started(flow, monkeypatch)
    last = timedelta(seconds=120 + 259_200)
    assert sweep(flow) == 0
    assert swept_after(flow, last + OVERDUE - timedelta(seconds=10), monkeypatch) == 0
    assert swept_after(flow, last + OVERDUE + timedelta(seconds=10), monkeypatch) == 1
    flow.drain()
    [report] = flow.reports()
    assert (report["status"], report["reason"], report["_links"]) == ("error", "lost", {"messages": []})
    assert flow.world.sent == []
    assert swept_after(flow, timedelta(days=30), monkeypatch) == 0


def test_what_was_stopped_without_a_word_is_reported_by_what_became_of_it(
    flow: Flow, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = flow.dispatch(step("viber_service_msg", 60), step("sms"))
    message = flow.step_message(0)
    [execution] = flow.cloud.states.list_executions(stateMachineArn=flow.cloud.machine)["executions"]
    flow.cloud.states.stop_execution(executionArn=execution["executionArn"])
    flow.viber_receipt(message)
    flow.drain()
    assert flow.reports() == []
    assert swept_after(flow, timedelta(days=4), monkeypatch) == 1
    assert swept_after(flow, timedelta(days=4), monkeypatch) == 1  # until it is closed
    flow.drain()
    [report] = flow.reports()
    assert (report["dispatch_uuid"], report["status"]) == (uuid, "completed")


def test_what_ended_is_not_looked_at_again(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    flow.dispatch(step("viber_service_msg", 60), step("sms"))
    flow.viber_receipt(flow.step_message(0))
    flow.until(flow.reports)
    assert swept_after(flow, timedelta(days=30), monkeypatch) == 0


@pytest.mark.parametrize("count", [25])
def test_many_at_once(flow: Flow, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(count):
        never_started(flow, monkeypatch)
    assert swept_after(flow, timedelta(days=4), monkeypatch) == count
    flow.drain()
    assert len(flow.reports()) == count
    assert {payloads.workflow()["template"]} == {report["template"] for report in flow.reports()}
