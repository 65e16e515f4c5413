"""Starts a dispatch, takes it up again when its execution was lost, and finds what nobody ended.

Step Functions starts so many executions a second. What is beyond that waits in a queue, whose function starts
them as fast as it can: a dispatch that is in the table and in that queue is taken in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import uniform
from typing import TYPE_CHECKING

from switchboard import clock
from switchboard.errors import KeyReused, NotFound
from switchboard.models.origin import Origin
from switchboard.models.workflows import Step
from switchboard.queues import BATCH, Later, Queue, Record, ReportNews, StartTask
from switchboard.repeats import again
from switchboard.senders import Senders
from switchboard.store import DispatchItem, MessageItem, Store, keys
from switchboard.templates import Templates
from switchboard.workflows import Busy, Workflows

if TYPE_CHECKING:
    from switchboard.callers import Caller
    from switchboard.models.reading import Places

Shown = tuple[DispatchItem, list[Step], list[MessageItem | None]]
"""A dispatch, its steps, and the message of each that was begun."""
OVERDUE = timedelta(hours=1)
"""How long after the last moment of its last step a dispatch counts as lost."""
LATE = timedelta(minutes=10)
"""A dispatch whose start waited longer has its time from there on. OVERDUE has room for what is shorter."""
LONGEST_PAUSE = 60
"""Seconds after which a start that was not possible is tried again, at most."""
LAST_RECEIVE = 900
"""Of a record: then another takes its place, before the queue gives it up (template.yaml)."""


@dataclass(frozen=True)
class Dispatching:
    store: Store
    workflows: Workflows
    senders: Senders
    templates: Templates
    webhooks: Queue
    starts: Queue
    """What Step Functions could not take at once."""
    last_step_seconds: int

    def start(
        self,
        dispatch_uuid: str,
        steps: Sequence[Step],
        caller: Caller,
        places: Callable[[int], Places],
        origin: Origin | None = None,
        *,
        reports: bool = True,
    ) -> None:
        """Accept a workflow and begin it. `places` tells where the parts of each step are in the request, and
        `reports` whether the client is told of its end. With `origin` it raises as `repeats.again` does."""
        at = [places(number) for number in range(len(steps))]
        self.templates.check(*(step.message for step in steps), at=at)
        for step in steps:
            self.senders.used(step.message.channel, step.message.sender, caller.application_id)
        waits = [step.seconds or self.last_step_seconds for step in steps]
        item = DispatchItem(
            dispatch_uuid=dispatch_uuid,
            application_id=caller.application_id,
            accepted_at=clock.now(),
            waits=tuple(waits),
            reports=reports,
            origin=origin,
        )
        if not self.store.add_dispatch(item, list(steps)) and origin:
            there = self.store.dispatch(dispatch_uuid)
            if there is None:
                raise KeyReused  # for the steps of another body, that nobody came to start
            if not again(there.origin, origin, there.accepted_at):
                return
        try:
            self._begin(item, steps)
        except Busy:
            self.starts.put(StartTask(dispatch_uuid=dispatch_uuid))
        if origin:
            self.store.done(keys.dispatch(dispatch_uuid))

    def resume(self, dispatch_uuid: str, lost_execution: str) -> None:
        """Go on with an open dispatch whose execution ended without a report.

        The step that was running gets the time it has left. The new execution's name follows from the
        lost one's, so that hearing of a loss twice starts only one.
        """
        try:
            self._resume(dispatch_uuid, lost_execution)
        except Busy:
            self.starts.put(StartTask(dispatch_uuid=dispatch_uuid, lost=lost_execution))

    def catch_up(self, record: Record) -> None:
        """Start what one record of the Starts queue names, unless it was started or closed meanwhile, or its
        time is long over. Later if it still cannot be."""
        task = StartTask.model_validate_json(record.body)
        try:
            if task.lost:
                self._resume(task.dispatch_uuid, task.lost)
                return
            dispatch = self.store.dispatch(task.dispatch_uuid)
            if dispatch and dispatch.closed_by is None:
                self._begin_late(dispatch)
        except Busy as busy:
            if record.receives >= LAST_RECEIVE:
                self.starts.put(task)
                return
            # Differing, so that what failed together does not come back together.
            raise Later(uniform(1, min(2 * record.receives, LONGEST_PAUSE))) from busy

    def _begin_late(self, dispatch: DispatchItem) -> None:
        now, uuid = clock.now(), dispatch.dispatch_uuid
        is_too_late = now > dispatch.ends_by + OVERDUE  # the sweep has not come to it yet
        if dispatch.step < 0 and (dispatch.cancelled_at or is_too_late):
            self.webhooks.put(ReportNews(dispatch_uuid=uuid))
            return
        self._begin(dispatch, self.store.steps(uuid))
        if not dispatch.started_at and now > dispatch.accepted_at + LATE:
            self.store.started_late(dispatch, now)

    def _begin(self, dispatch: DispatchItem, steps: Sequence[Step]) -> None:
        uuid, waits = dispatch.dispatch_uuid, list(dispatch.waits)
        self.workflows.start(uuid, uuid, waits, urgent=_urgent(steps), patient=_patient(steps))

    def _resume(self, dispatch_uuid: str, lost_execution: str) -> None:
        dispatch = self.store.dispatch(dispatch_uuid)
        if dispatch is None or dispatch.closed_by is not None:
            return
        if dispatch.cancelled_at:
            self.webhooks.put(ReportNews(dispatch_uuid=dispatch_uuid))
            return
        step = max(dispatch.step, 0)
        waits = list(dispatch.waits)
        if step in dispatch.began:
            ends_at = dispatch.began[step] + timedelta(seconds=waits[step])
            waits[step] = max(1, round((ends_at - clock.now()).total_seconds()))
        name = _next_name(dispatch_uuid, lost_execution)
        steps = self.store.steps(dispatch_uuid)
        self.workflows.start(name, dispatch_uuid, waits, step, _urgent(steps), _patient(steps))

    def sweep(self) -> int:
        """Have those reported that should have ended long ago: their execution was lost without a word, or
        never started. Returns how many there were."""
        overdue = self.store.overdue(clock.now() - OVERDUE)
        for start in range(0, len(overdue), BATCH):
            self.webhooks.put(*(ReportNews(dispatch_uuid=uuid) for uuid in overdue[start : start + BATCH]))
        return len(overdue)

    def show(self, dispatch_uuid: str, caller: Caller) -> Shown:
        """A dispatch as it is now, its steps, and the message of each that was begun. NotFound also for
        another application's."""
        dispatch = self.store.dispatch(dispatch_uuid)
        if dispatch is None or not caller.may_see(dispatch.application_id):
            raise NotFound(dispatch_uuid)
        steps = self.store.steps(dispatch_uuid)
        found = (
            self.store.message(step.message.message_uuid, consistent=True)
            if number <= dispatch.step
            else None
            for number, step in enumerate(steps)
        )
        return dispatch, steps, [item if isinstance(item, MessageItem) else None for item in found]


def _urgent(steps: Sequence[Step]) -> list[int]:
    """The numbers of the steps that overtake everything else in the queue."""
    return [number for number, step in enumerate(steps) if step.message.priority == "high"]


def _patient(steps: Sequence[Step]) -> list[int]:
    """The numbers of the steps whose time running out ends the workflow."""
    return [number for number, step in enumerate(steps) if step.seconds is None]


def _next_name(dispatch_uuid: str, lost: str) -> str:
    number = lost.removeprefix(dispatch_uuid).removeprefix("-")
    return f"{dispatch_uuid}-{int(number) + 1 if number.isdigit() else 2}"
