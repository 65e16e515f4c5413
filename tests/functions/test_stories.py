"""What is told of a dispatch never contradicts itself, whatever comes when, and whatever clocks say.

The machine here does what the shipped one does, at a clock of its own; everything else is the real thing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from switchboard import clock, explaining, timeline
from switchboard.callers import Caller
from switchboard.errors import Conflict
from switchboard.models.messages import Channel, Message, Status, Text
from switchboard.models.workflows import Step, message_uuid
from switchboard.queues import Later, NewsQueue, Record, StepTask
from switchboard.store import DispatchItem, MessageItem, Store
from switchboard.timeline import Reason, State, StepView
from switchboard.transitions import Change
from switchboard.workflows import Workflows
from tests.functions.flows import Flow
from tests.support.stream import passes

START = datetime(2026, 11, 26, 10, 15, tzinfo=UTC)
WAIT = 10
"""Seconds of each step but the last."""
CHANNELS = {Channel.VIBER: "Viber", Channel.WHATSAPP: "WhatsApp", Channel.SMS: "SMS"}
NUMBERS = count(1)


class Recorder:
    """The table's client. Keeps what messages became, as the table's stream does."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.records: list[dict[str, Any]] = []
        self._last: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **request: Any) -> Any:
        answer = self._client.put_item(**request)
        self._note(request["Item"])
        return answer

    def update_item(self, **request: Any) -> Any:
        answer = self._client.update_item(**request)
        self._note(answer["Attributes"])
        return answer

    def _note(self, item: dict[str, Any]) -> None:
        if "message" not in item:
            return
        key = item["pk"]["S"]
        before = self._last.get(key)
        self._last[key] = item
        self.records.append(
            {
                "eventName": "MODIFY" if before else "INSERT",
                "dynamodb": {
                    "Keys": {"pk": item["pk"], "sk": item["sk"]},
                    "SequenceNumber": str(10**20 + len(self.records)),
                    "NewImage": item,
                    **({"OldImage": before} if before else {}),
                },
            }
        )


@dataclass
class Machine:
    """One dispatch of three steps, and what is to happen to it at which second."""

    flow: Flow
    wants_read: bool
    lags: list[float]
    """Seconds by which the machine's moves, and the queue's workers, are behind."""
    seconds: float = 0.0
    agenda: list[tuple[float, int, Any]] = field(default_factory=list)
    token: str = ""
    order: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        number = next(NUMBERS)
        self.uuid = str(UUID(int=number, version=4))
        self.app = f"story{number}"
        self.recorder = Recorder(self.flow.cloud.dynamodb)
        self.store = Store(self.recorder, "table", 30)
        deliver = self.flow.cloud.functions["deliver"].services
        dispatch = self.flow.cloud.functions["dispatch"].services
        workflows = cast(Workflows, self)
        silent = cast(NewsQueue, Silent())
        self.transitions = replace(
            deliver.transitions, store=self.store, workflows=workflows, webhooks=silent
        )
        self.delivering = replace(
            deliver.delivering,
            store=self.store,
            transitions=self.transitions,
            workflows=workflows,
            handover=replace(deliver.delivering.handover, store=self.store),
        )
        self.cancelling = replace(
            dispatch.cancelling,
            store=self.store,
            transitions=self.transitions,
            workflows=workflows,
            dispatching=replace(dispatch.dispatching, store=self.store),
        )
        self.reporting = replace(
            self.flow.cloud.functions["notify"].services.notifying.reporting, store=self.store
        )
        condition = Status.READ if self.wants_read else Status.DELIVERED
        self.steps = [
            Step(
                message=Message(
                    message_uuid=message_uuid(self.uuid, step),
                    channel=channel,
                    sender="447700900200",
                    recipient="447700900100",
                    content=Text(type="text", text="hello"),
                ),
                condition=cast(Any, condition) if step < 2 else None,
                seconds=WAIT if step < 2 else None,
            )
            for step, channel in enumerate(CHANNELS)
        ]
        item = DispatchItem(
            dispatch_uuid=self.uuid,
            application_id=self.app,
            accepted_at=self.now(),
            waits=(WAIT, WAIT, WAIT),
        )
        assert self.store.add_dispatch(item, self.steps)
        self._begin(0)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def at(self, second: float, do: Any) -> None:
        self.agenda.append((second, next(self.order), do))

    def run(self, check: Any) -> None:
        while self.agenda:
            self.agenda.sort(key=lambda entry: entry[:2])
            second, _, do = self.agenda.pop(0)
            self.seconds = max(self.seconds, second)
            do()
            check()

    def _lag(self) -> float:
        lag = self.lags.pop(0)
        self.lags.append(lag)
        return lag

    # --- the state machine, and what tells it --------------------------------------------------------

    def _begin(self, step: int) -> None:
        if step == len(self.steps):
            self.token = ""
            self.at(self.seconds + self._lag(), lambda: self.reporting.close(self.uuid, by="machine"))
            return
        token = self.token = f"{self.uuid}:{step}"
        queued_at = self.now()
        self.at(self.seconds + self._lag(), lambda: self._deliver(step, token, queued_at))
        self.at(self.seconds + WAIT + self._lag() / 4, lambda: self._time_out(step, token))

    def _deliver(self, step: int, token: str, queued_at: datetime) -> None:
        task = StepTask(dispatch_uuid=self.uuid, step=step, wait=WAIT, task_token=token)
        record = Record("r", "h", task.model_dump_json(), queued_at, receives=1, first_received_at=self.now())
        try:
            self.delivering.handle(record)
        except Later as later:
            self.at(self.seconds + later.seconds, lambda: self._deliver(step, token, queued_at))

    def _time_out(self, step: int, token: str) -> None:
        if self.token == token:
            self._begin(step + 1)

    def succeed(self, token: str) -> bool:
        if token != self.token:
            return False
        self._begin(len(self.steps))
        return True

    def fail(self, token: str, error: str, cause: str) -> bool:
        if token != self.token:
            return False
        self._begin(int(token.rpartition(":")[2]) + 1)
        return True

    # --- what happens to it --------------------------------------------------------------------------

    def receipt(self, step: int, status: Status, skew: float) -> None:
        item = self.store.message(message_uuid(self.uuid, step), consistent=True)
        if not isinstance(item, MessageItem) or item.status is Status.ACCEPTED:
            return  # nobody has it who could say so
        at, heard = clock.stamped(self.now() + timedelta(seconds=skew), self.now())
        self.transitions.apply([Change(item.uuid, status, at, heard=heard)])

    def cancel(self) -> None:
        try:
            self.cancelling.cancel(self.uuid, Caller(None))
        except Conflict:
            return

    # --- what is told of it --------------------------------------------------------------------------

    def views(self) -> tuple[DispatchItem, list[StepView]]:
        dispatch, steps, messages = self.cancelling.dispatching.show(self.uuid, Caller(None))
        return dispatch, timeline.views(dispatch, steps, messages)

    def counted(self) -> dict[int, str]:
        """Of each step what insights have of it: w for won, l for late."""
        services = self.flow.cloud.functions["count"].services
        services.counting.count(f"shard-{self.app}", [one for one in self.recorder.records if passes(one)])
        answer = self.flow.cloud.dynamodb.query(
            TableName="table",
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={
                ":pk": {"S": "INSIGHTS#2026-11"},
                ":sk": {"S": f"{self.app}#{START.day}#S#"},
            },
        )
        found = {}
        for item in answer["Items"]:
            won = {how: int(item.get(how, {"N": 0})["N"]) for how in "wl"}
            assert set(won.values()) <= {0, 1}
            found[int(item["sk"]["S"].split("#")[3])] = "".join(how for how, times in won.items() if times)
        return found


class Silent:
    """The Webhooks queue, of which nothing is asked here."""

    batch = 10

    def announce(self, *news: Any) -> None:
        pass


def _is_late(view: StepView) -> bool:
    return view.late or (view.state is State.MET and view.reason is Reason.MET_LATE)


def agrees(machine: Machine) -> None:
    """The story at this moment: in order, and late where the reasons say so."""
    dispatch, views = machine.views()
    prices = machine.flow.cloud.functions["dispatch"].services.prices
    total = prices.total((view.message for view in views if view.message), ended=bool(dispatch.report))
    story = explaining.dispatch(dispatch, views, prices.of, total)
    times = [line.at for line in story.lines]
    assert times == sorted(times)
    assert times[-1] <= machine.now(), story.text()  # nothing is told before it happens
    late = {line.step for line in story.lines if line.evidence.get("late")}
    assert late == {view.number for view in views if _is_late(view)}, story.text()
    if dispatch.report is None:
        return
    told = {
        entry["message_uuid"]: entry for entry in dispatch.report["_links"]["messages"]
    }  # what was known then
    winners = [
        name
        for view, name in zip(views, CHANNELS.values(), strict=True)
        if (entry := told.get(view.step.message.message_uuid))
        and Status(entry["status"]).rank >= timeline_needs(view).rank
        and not Status(entry["status"]).is_failure
    ]
    match dispatch.report["status"]:
        case "cancelled":
            assert story.summary.startswith("Cancelled")
        case "completed":
            in_time = [view for view in views if view.state is State.MET]
            begins = CHANNELS[in_time[0].step.message.channel] if in_time else winners[0]
            assert begins in winners
            assert story.summary.startswith(f"{begins} was "), story.text()
        case _:
            assert not any(view.state is State.MET for view in views)
            assert story.summary.startswith(("Nobody was reached", "It did not do", "It ended without"))


def timeline_needs(view: StepView) -> Status:
    return view.step.condition or Status.DELIVERED


SECONDS = st.sampled_from([0.1, 0.4, 8.0, 9.9, 10.2, 11.5, 14.0, 20.3, 33.0])
RECEIPT = st.tuples(
    st.sampled_from([-9.5, -3.0, -0.3, -0.1, 0.05, 0.15, 0.3, 0.6, 2.0, 4.0, 6.0, 12.0, 25.0]),
    st.sampled_from([Status.DELIVERED, Status.READ, Status.READ, Status.READ, Status.UNDELIVERABLE]),
    st.sampled_from([0.0, -0.7, 0.9, -5.0, 5.0, -60.0, 60.0]),
)
"""Seconds from the end of its step's time, if each before took all of its own; the status; and how far the
provider's clock is from ours."""
RECEIPTS = st.tuples(
    st.one_of(st.lists(RECEIPT, min_size=1, max_size=2), st.just([])),
    st.one_of(st.lists(RECEIPT, min_size=1, max_size=2), st.just([])),
    st.lists(RECEIPT, max_size=1),
)
CANCELS = st.one_of(st.none(), st.none(), st.none(), SECONDS)


@pytest.mark.parametrize("wants_read", [False, True], ids=["delivered", "read"])
def test_it_never_contradicts_itself(flow: Flow, monkeypatch: pytest.MonkeyPatch, wants_read: bool) -> None:
    seen: set[str] = set()

    @settings(
        max_examples=60,
        deadline=None,
        phases=[Phase.generate],  # to make a case smaller takes minutes
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        receipts=RECEIPTS,
        cancel=CANCELS,
        lags=st.lists(st.sampled_from([0.0, 0.05, 0.3, 2.0, 9.9]), min_size=1, max_size=4),
    )
    def holds(
        receipts: tuple[list[tuple[float, Status, float]], ...], cancel: float | None, lags: list[float]
    ) -> None:
        monkeypatch.setattr(clock, "now", lambda: START)
        machine = Machine(flow, wants_read, list(lags))
        monkeypatch.setattr(clock, "now", machine.now)
        for step, found in enumerate(receipts):
            for offset, status, skew in found:
                machine.at(
                    max(0.0, (step + 1) * WAIT + offset),
                    lambda step=step, status=status, skew=skew: machine.receipt(step, status, skew),
                )
        if cancel is not None:
            machine.at(cancel, machine.cancel)
        machine.run(lambda: agrees(machine))
        dispatch, views = machine.views()
        assert dispatch.report
        counted = machine.counted()
        for view in views:
            seen.update([view.reason] if view.reason else [])
            is_met = view.state is State.MET and view.reason is Reason.MET
            expected = "l" if _is_late(view) else "w" if is_met else ""
            assert counted.get(view.number, "") == expected, (view.number, counted)
            if view.late:
                seen.add("late")

    holds()
    # It was about something.
    assert seen >= {Reason.MET, Reason.MET_LATE, Reason.TIMEOUT, Reason.EXPIRED, Reason.CANCELLED, "late"}
