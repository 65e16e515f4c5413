"""Calls a dispatch off: what is not with a provider yet does not go there any more.

1. The dispatch is marked as cancelled, by a write that fails once it has ended. `begin_step` looks at the
   mark before every send, and `close` so that the report says it.
2. A message that nobody is handing over at this moment is taken from the queue's workers and ended. The
   report waits for who is. One that is out is marked, for what counts steps (counting.py).
3. The waiting execution is told to go on to its report.

Die after 1 and nothing more is sent all the same: the call's repeat does the rest, or else the step's timer,
or the sweep within half an hour. Each of the three can be done twice.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from switchboard import clock, failures
from switchboard.callers import Caller
from switchboard.dispatching import OVERDUE, Dispatching, Shown
from switchboard.errors import Conflict, NotFound
from switchboard.models.events import Failure
from switchboard.models.messages import Status
from switchboard.models.workflows import message_uuid
from switchboard.store import DispatchItem, MessageItem, Store
from switchboard.store.items import UNTRIED
from switchboard.transitions import Transitions, failed
from switchboard.workflows import Workflows

LEASE_SECONDS = 20
"""Longer than a function that cancels can live."""
PATIENCE = timedelta(minutes=10)
"""Before the sweep takes up what was cancelled and not reported."""


@dataclass(frozen=True)
class Cancelling:
    store: Store
    transitions: Transitions
    workflows: Workflows
    dispatching: Dispatching

    def cancel(self, dispatch_uuid: str, caller: Caller) -> Shown:
        """Call a dispatch off, and show it as it is then. Again, it changes nothing. Conflict if it ended
        before; NotFound also for another application's."""
        shown = self.dispatching.show(dispatch_uuid, caller)
        dispatch, _, messages = shown
        if dispatch.cancelled_at is None:
            _check_open(dispatch)
            if any(message and message.satisfied for message in messages):
                raise Conflict(_MET)
        elif dispatch.closed_by is not None:
            return shown
        self._stop(dispatch_uuid)
        return self.dispatching.show(dispatch_uuid, caller)

    def _stop(self, dispatch_uuid: str) -> None:
        now = clock.now()
        dispatch = self.store.cancel(dispatch_uuid, now, due=now - OVERDUE + PATIENCE)
        if dispatch is None:
            raise NotFound(dispatch_uuid)
        if dispatch.cancelled_at is None:
            _check_open(dispatch)
        if dispatch.step < 0 or dispatch.closed_by is not None:
            return
        item = self.store.message(message_uuid(dispatch_uuid, dispatch.step), consistent=True)
        if not isinstance(item, MessageItem) or item.link is None:
            return  # its worker has just begun: what it queues next is refused
        # Die before it is ended, and whoever ends it knows as much.
        by = uuid4().hex if item.may_be_out else f"{UNTRIED}{uuid4().hex}"
        if item.status is Status.ACCEPTED and self.store.withdraw(item.uuid, now, LEASE_SECONDS, by=by):
            code = failures.UNKNOWN if item.may_be_out else failures.CANCELLED
            end = failed(item.uuid, Status.UNDELIVERABLE, Failure(code), clock.now())
            self.transitions.apply([end])
        else:  # what it comes to is no success of a step that was called off
            self.store.note_missed(item.uuid, "cancelled")
        self.workflows.succeed(item.link.task_token)


_MET = "The dispatch has done what it was for: nothing more is sent, and its report is on its way"


def _check_open(dispatch: DispatchItem) -> None:
    if dispatch.report:
        raise Conflict(f"The dispatch has ended ({dispatch.report['status']}): there is nothing to cancel")
    if dispatch.satisfied is not None:
        raise Conflict(_MET)
