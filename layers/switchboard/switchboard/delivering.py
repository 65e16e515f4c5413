"""Hands messages to their providers: claim, send, record.

A claim is a lease on the message. Whoever holds it may call the provider; it is given back when the
provider said "not now", and kept when no answer came at all, so that the next attempt waits for an echo
of the first (a receipt with our message_uuid) before it sends again.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from switchboard import clock, pace
from switchboard.conversations import Conversations
from switchboard.errors import ConfigurationError, Rejected, SendError, Throttled, Unanswered
from switchboard.handover import PATIENCE, Handed, Handover, NotYet, TooLate
from switchboard.models import workflows
from switchboard.models.events import Conversation
from switchboard.models.messages import Status
from switchboard.queues import TASK, Later, MessageTask, Record, StepTask, Task
from switchboard.store import MessageItem, ReceiptStore, Slot, StepLink, Store
from switchboard.transitions import Change, Transitions, failed
from switchboard.workflows import Workflows

LEASE_SECONDS = 60
"""Longer than any provider call may take, and how long an unanswered one is given for an echo."""
RETRY_SECONDS = 3600
"""How long a message is tried while its provider says "not now"."""
BACKOFF = (0, 1, 1, 2, 4, 8, 15, 30, 60)
"""Seconds before each next attempt at least; the last one repeats. A provider can ask for more."""
UNANSWERED_ATTEMPTS = 3
"""How often a message is sent to a provider that does not answer, with time for an echo in between."""
LAST_RECEIVE = 90
"""Of one record. What cannot be done by then is reported as failed, before the queue parks it (at 100)."""
FENCE = timedelta(milliseconds=250)
"""How much sooner than by our clock a step's time is over: its timer started before we were told."""


@dataclass(frozen=True)
class Delivering:
    store: Store
    transitions: Transitions
    workflows: Workflows
    conversations: Conversations
    receipts: ReceiptStore
    handover: Handover

    def handle(self, record: Record) -> None:
        """Do what one record of the Outbound queue asks. Later if it must be seen again."""
        task = TASK.validate_json(record.body)
        if record.receives >= LAST_RECEIVE:
            self._give_up(_message_uuid(task), 1030)
        elif isinstance(task, StepTask):
            self._step(task, record)
        else:
            self._message(task, record)

    # --- what to send ----------------------------------------------------------------------------

    def _message(self, task: MessageTask, record: Record) -> None:
        item = self._claim(task.message_uuid)
        if item and _is_stale(item):
            self._failed(item, Status.REJECTED, Rejected(1360))
        elif item:
            self._send(item, _until(item, record))

    def _step(self, task: StepTask, record: Record) -> None:
        deadline = record.queued_at + timedelta(seconds=task.wait) - FENCE
        if clock.now() >= deadline:
            # Its timer has fired or is about to; the next step is not to find this one in its way.
            self._give_up(_message_uuid(task), 1331)
            return
        dispatch = self.store.begin_step(task.dispatch_uuid, task.step, record.queued_at)
        if dispatch is None:
            self._overtaken(task)
            return
        item = self._add(task, dispatch.application_id, deadline, record.queued_at)
        if item:
            self._send(item, min(deadline, _until(item, record)))

    def _overtaken(self, task: StepTask) -> None:
        """The dispatch does not want this step any more; if because an earlier one succeeded, end it now."""
        dispatch = self.store.dispatch(task.dispatch_uuid)
        if dispatch and dispatch.satisfied is not None and dispatch.closed_by is None:
            self.workflows.succeed(task.task_token)
        self._give_up(_message_uuid(task), 1331)

    def _add(
        self, task: StepTask, application_id: str | None, deadline: datetime, queued_at: datetime
    ) -> MessageItem | None:
        """The step's message, claimed: a new one, or after a restart or redelivery the one that is there."""
        steps = self.store.steps(task.dispatch_uuid)
        step = steps[task.step]
        now = clock.now()
        item = MessageItem(
            message=step.message,
            application_id=application_id,
            accepted_at=now,
            attempts=1,
            leased_until=clock.milliseconds(now) + LEASE_SECONDS * 1000,
            claimed_by=uuid4().hex,
            link=StepLink(
                dispatch_uuid=task.dispatch_uuid,
                step=task.step,
                condition=step.condition,
                deadline=deadline,
                task_token=task.task_token,
                queued_at=queued_at,
                of=len(steps),
            ),
        )
        if self.store.add_message(item):
            return item
        there = self.store.retoken(item)
        if there.claimed_by == item.claimed_by:
            return there  # we did add it: the answer was lost, and the AWS client asked again
        if there.status.is_failure or there.satisfied:
            self.transitions.tell(there)  # decided while nobody waited
            return None
        return self._claim(item.uuid)

    def _claim(self, message_uuid: str) -> MessageItem | None:
        """The message, ours to send; None if it went out. Later while somebody else has it."""
        now = clock.now()
        claim = self.store.claim(message_uuid, now, LEASE_SECONDS, by=uuid4().hex)
        if claim.outcome == "busy" and claim.item:
            raise Later((claim.item.leased_until - clock.milliseconds(now)) / 1000 + 1)
        return claim.item if claim.outcome == "claimed" else None

    def _give_up(self, message_uuid: str, code: int) -> None:
        """A message that will not be tried any more ends as undeliverable, unless it went out."""
        item = self.store.message(message_uuid, consistent=True)
        if isinstance(item, MessageItem) and item.status is Status.ACCEPTED:
            self.transitions.apply([failed(message_uuid, Status.UNDELIVERABLE, code, "", clock.now())])

    # --- sending it ------------------------------------------------------------------------------

    def _send(self, item: MessageItem, give_up_at: datetime) -> None:
        try:
            handed = self.handover.hand(item)
        except NotYet as turn:
            self._wait(item, turn.slot)
        except TooLate:
            self._failed(item, Status.UNDELIVERABLE, Throttled(1000, "the sender's rate"))
        except Unanswered as error:
            self._unanswered(item, give_up_at, error)
        except SendError as error:
            if error.retryable:
                self._again(item, give_up_at, error)
                return
            status = Status.REJECTED if isinstance(error, Rejected) else Status.UNDELIVERABLE
            self._failed(item, status, error)
        except ConfigurationError as error:
            self._failed(item, Status.REJECTED, error)
        else:
            self._handed(item, handed)

    def _handed(self, item: MessageItem, handed: Handed) -> None:
        provider_id, account = handed.provider_id or None, handed.route.key
        early: list[Change] = []
        # Before the status: what is submitted is never sent again, nor looked at here again.
        if handed.adapter.watermarks and provider_id:
            conversation = Conversation(handed.message.sender, handed.message.recipient)
            self.conversations.sent(conversation, item.uuid, provider_id, clock.now())
        elif not handed.adapter.echoes and provider_id:
            early = [
                Change(item.uuid, status, record.at, record.usage, record.failure, record.category)
                for status, record in self.receipts.sent(handed.route.provider, provider_id, item.uuid)
            ]
        elif item.message.channel in handed.adapter.quotable and provider_id:
            self.receipts.note(handed.route.provider, provider_id, item.uuid)
        submitted = Change(
            item.uuid, Status.SUBMITTED, clock.now(), provider_id=provider_id, provider=account
        )
        self.transitions.apply([submitted, *early])

    def _wait(self, item: MessageItem, slot: Slot) -> None:
        """Leave the message until its sender's rate allows it."""
        self.store.postpone(item.uuid, slot)
        raise Later(math.ceil(pace.seconds_until(slot) - PATIENCE))

    def _unanswered(self, item: MessageItem, give_up_at: datetime, error: Unanswered) -> None:
        """It may have been delivered. Wait for an echo, if there is no way to ask again without harm."""
        if error.repeatable:
            self._again(item, give_up_at, error)
        elif item.attempts >= UNANSWERED_ATTEMPTS:
            self._failed(item, Status.UNDELIVERABLE, error)
        else:
            left = (give_up_at - clock.now()).total_seconds()
            raise Later(min(LEASE_SECONDS, max(left, 0) + 1))

    def _again(self, item: MessageItem, give_up_at: datetime, error: SendError) -> None:
        """Another attempt after a pause, or the end if that would be too late."""
        pause = max(BACKOFF[min(item.attempts - 1, len(BACKOFF) - 1)], error.retry_after or 0)
        if pause >= (give_up_at - clock.now()).total_seconds():
            self._failed(item, Status.UNDELIVERABLE, error)
            return
        self.store.release(item.uuid)
        raise Later(pause)

    def _failed(self, item: MessageItem, status: Status, error: SendError | ConfigurationError) -> None:
        self.transitions.apply([failed(item.uuid, status, error.code, error.provider_code, clock.now())])


def _stales_at(item: MessageItem) -> datetime | None:
    lifetime = item.message.lifetime
    return None if lifetime is None else item.accepted_at + timedelta(seconds=lifetime)


def _is_stale(item: MessageItem) -> bool:
    at = _stales_at(item)
    return at is not None and clock.now() >= at


def _until(item: MessageItem, record: Record) -> datetime:
    """Until when a message is tried: for an hour from its first attempt, or from the moment that its rate gave
    it; not beyond its own time."""
    begins = record.first_received_at
    if item.slot:
        begins = max(begins, clock.from_milliseconds(item.slot.at / 1000))
    hour = begins + timedelta(seconds=RETRY_SECONDS)
    return min(hour, _stales_at(item) or hour)


def _message_uuid(task: Task) -> str:
    if isinstance(task, StepTask):
        return workflows.message_uuid(task.dispatch_uuid, task.step)
    return task.message_uuid
