"""Hands messages to their providers: claim, send, record.

A claim is a lease on the message. Whoever holds it may call the provider; it is given back when the
provider said "not now", and kept when no answer came at all, so that the next attempt waits for an echo
of the first (a receipt with our message_uuid) before it sends again.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import uniform
from secrets import token_hex

from switchboard import clock, failures, measures, pace
from switchboard.conversations import Conversations
from switchboard.errors import ConfigurationError, Rejected, SendError, Throttled, Unanswered
from switchboard.handover import PATIENCE, Handed, Handover, NotYet, TooLate
from switchboard.models import workflows
from switchboard.models.events import Conversation, Failure
from switchboard.models.messages import Status
from switchboard.queues import TASK, Later, MessageTask, Record, StepTask, Task
from switchboard.store import MessageItem, ReceiptStore, Refusal, StepLink, Store, Unknown
from switchboard.store.items import FENCE
from switchboard.store.redactions import ERASED
from switchboard.transitions import Change, Transitions, failed
from switchboard.workflows import Workflows

LEASE_SECONDS = 60
"""Longer than any provider call may take, and how long an unanswered one is given for an echo."""
RETRY_SECONDS = 3600
"""How long a message is tried while its provider says "not now"."""
BACKOFF = (0, 1, 1, 2, 4, 8, 15, 30, 60)
"""Seconds before each next attempt: as many, or down to half of them. The last one repeats, and a provider
can ask for more."""
UNKNOWN_ATTEMPTS = 3
"""How often a message is sent at most to a provider that does not recognise it and does not answer."""
LAST_RECEIVE = 90
"""Of one record. What cannot be done by then is reported as failed, before the queue parks it (at 100)."""
TIME_OVER = Failure(failures.UNKNOWN, detail="its time was over before it could be handed over")


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
            self._give_up(_message_uuid(task), Failure(1030, detail="it was taken up too often"))
        elif isinstance(task, StepTask):
            self._step(task, record)
        else:
            self._message(task, record)

    # --- what to send ----------------------------------------------------------------------------

    def _message(self, task: MessageTask, record: Record) -> None:
        item = self._claim(task.message_uuid)
        if item and item.attempts == 1 and item.slot is None:
            _accepted(item)
        if item is None or self._is_erased(item) or not self._may_go_out(item, _until(item, record)):
            return
        if _is_stale(item):
            self._failed(item, Status.REJECTED, Rejected(1360, detail="its time to live was over"))
        else:
            self._send(item, _until(item, record))

    def _step(self, task: StepTask, record: Record) -> None:
        deadline = record.queued_at + timedelta(seconds=task.wait) - FENCE
        if clock.now() >= deadline:
            # Its timer has fired or is about to; the next step is not to find this one in its way.
            self._give_up(_message_uuid(task), TIME_OVER)
            return
        dispatch = self.store.begin_step(task.dispatch_uuid, task.step, record.queued_at)
        if dispatch is None:
            self._overtaken(task)
            return
        item = self._add(task, dispatch.application_id, deadline, record.queued_at)
        if item and not self._is_erased(item) and self._may_go_out(item, deadline):
            self._send(item, min(deadline, _until(item, record)))

    def _overtaken(self, task: StepTask) -> None:
        """The dispatch does not want this step any more; if because an earlier one succeeded or it was
        cancelled, end it now."""
        dispatch = self.store.dispatch(task.dispatch_uuid)
        is_cancelled = dispatch is not None and dispatch.cancelled_at is not None
        is_met = dispatch is not None and dispatch.satisfied is not None and dispatch.closed_by is None
        if is_cancelled or is_met:
            self.workflows.succeed(task.task_token)
        if is_cancelled:
            why = Failure(failures.CANCELLED)
        elif dispatch is not None and dispatch.satisfied is not None and dispatch.satisfied < task.step:
            why = Failure(failures.NOT_NEEDED)
        else:
            why = TIME_OVER
        self._give_up(_message_uuid(task), why)

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
            claimed_by=token_hex(8),
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
            _accepted(item)
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
        claim = self.store.claim(message_uuid, now, LEASE_SECONDS, by=token_hex(8))
        if claim.outcome == "busy" and claim.item:
            raise Later((claim.item.leased_until - clock.milliseconds(now)) / 1000 + 1)
        return claim.item if claim.outcome == "claimed" else None

    def _give_up(self, message_uuid: str, why: Failure) -> None:
        """A message that will not be tried any more ends as undeliverable, unless it went out."""
        item = self.store.message(message_uuid, consistent=True)
        if isinstance(item, MessageItem) and item.status is Status.ACCEPTED:
            if why.code != 1030 and item.may_be_out:
                why = Failure(failures.UNKNOWN)
            self.transitions.apply([failed(message_uuid, Status.UNDELIVERABLE, why, clock.now())])

    def _is_erased(self, item: MessageItem) -> bool:
        """Whether a message was redacted before it went out: then this is its end."""
        if item.message.redacted is None:
            return False
        status = Status.UNDELIVERABLE if item.unknown else Status.REJECTED
        self._failed(item, status, Rejected(1240, ERASED))
        return True

    def _may_go_out(self, item: MessageItem, wait_until: datetime) -> bool:
        """Whether a claimed message can be sent as far as its last attempt is concerned. If nobody knows what
        became of that, it had its time for an echo, and is now decided about. Later to wait on."""
        if not item.left_by:
            return True
        waiting = bool(item.unknown) and item.unknown[-1].decision == "waiting"
        policy = item.message.on_unknown or ("fail" if waiting else "resend")
        if not waiting:  # the worker died
            lost = Unknown(at=clock.now(), account="", decision="resent" if policy == "resend" else "waiting")
            self.store.note_unknown(item, lost)
            _unknown(item, lost)
            item = item.model_copy(update={"unknown": (*item.unknown, lost)})
        left = (wait_until - clock.now()).total_seconds()
        if policy == "wait" and left > 0:
            raise Later(left + 1)
        if policy == "resend" and len(item.unknown) < UNKNOWN_ATTEMPTS:
            if waiting:
                self.store.decide_unknown(item, "resent")
            return True
        self.store.decide_unknown(item, "failed")
        self._failed(item, Status.UNDELIVERABLE, Unanswered(failures.UNKNOWN, "unknown outcome"))
        return False

    # --- sending it ------------------------------------------------------------------------------

    def _send(self, item: MessageItem, give_up_at: datetime) -> None:
        try:
            handed = self.handover.hand(item)
        except NotYet as turn:
            self._wait(item, turn)
        except TooLate:
            why = "its turn at its sender's rate would come after its time"
            self._failed(item, Status.UNDELIVERABLE, Throttled(1000, detail=why))
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
                Change(
                    item.uuid,
                    status,
                    record.at,
                    record.usage,
                    record.failure,
                    record.category,
                    heard=record.heard,
                )
                for status, record in self.receipts.sent(handed.route.provider, provider_id, item.uuid)
            ]
        elif item.message.channel in handed.adapter.quotable and provider_id:
            self.receipts.note(handed.route.provider, provider_id, item.uuid)
        if not early:
            early = [Change(item.uuid, Status.SUBMITTED, clock.now())]
        # The furthest first: once the message is out nothing brings us back here, and it implies the others.
        early.sort(key=lambda change: (not change.status.is_failure, change.status.rank), reverse=True)
        self.transitions.apply(
            [replace(change, provider_id=provider_id, provider=account) for change in early]
        )

    def _wait(self, item: MessageItem, turn: NotYet) -> None:
        """Leave the message until its sender's rate allows it."""
        self.store.postpone(item.uuid, turn.slot, paid=turn.paid)
        raise Later(math.ceil(pace.seconds_until(turn.slot) - PATIENCE))

    def _unanswered(self, item: MessageItem, give_up_at: datetime, error: Unanswered) -> None:
        """It may have been delivered. Wait for an echo, if there is no way to ask again without harm."""
        resent = error.repeatable and item.message.on_unknown in (None, "resend")
        outcome = Unknown(at=clock.now(), account=error.account, decision="resent" if resent else "waiting")
        self.store.note_unknown(item, outcome)
        _unknown(item, outcome)
        if resent:
            self._again(item, give_up_at, error)
        else:
            left = (give_up_at - clock.now()).total_seconds()
            raise Later(min(LEASE_SECONDS, max(left, 0) + 1))

    def _again(self, item: MessageItem, give_up_at: datetime, error: SendError) -> None:
        """Another attempt after a pause, or the end if that would be too late."""
        pause = max(_backoff(item.attempts), error.retry_after or 0)
        if pause >= (give_up_at - clock.now()).total_seconds():
            self._failed(item, Status.UNDELIVERABLE, error)
            return
        refusal = Refusal(
            at=clock.now(),
            account=error.account,
            code=error.code,
            provider_code=error.provider_code,
            attempts=item.attempts,
        )
        self.store.release(item.uuid, paid=error.paid, refusal=refusal)
        raise Later(pause)

    def _failed(self, item: MessageItem, status: Status, error: SendError | ConfigurationError) -> None:
        failure = Failure(error.code, error.provider_code, error.detail)
        end = failed(item.uuid, status, failure, clock.now())
        self.transitions.apply([replace(end, provider=error.account or None)])


def _accepted(item: MessageItem) -> None:
    """Counted here and not where it was accepted: what comes in one by one goes out in batches."""
    measures.count(measures.ACCEPTED, channel=item.message.channel)


def _unknown(item: MessageItem, outcome: Unknown) -> None:
    measures.count(
        measures.UNKNOWN,
        channel=item.message.channel,
        account=outcome.account,
        message_uuid=item.uuid,
        dispatch_uuid=item.link.dispatch_uuid if item.link else None,
    )


def _backoff(attempts: int) -> float:
    """Seconds; the longer ones differ, so that what failed together does not come back together."""
    most = BACKOFF[min(attempts - 1, len(BACKOFF) - 1)]
    return most if most <= 1 else uniform(most / 2, most)


def _stales_at(item: MessageItem) -> datetime | None:
    lifetime = item.message.lifetime
    return None if lifetime is None else item.accepted_at + timedelta(seconds=lifetime)


def _is_stale(item: MessageItem) -> bool:
    at = _stales_at(item)
    return at is not None and clock.now() >= at


def _until(item: MessageItem, record: Record) -> datetime:
    """Until when a message is tried: for an hour from its first attempt, or from the moment that its rate
    gave it; not beyond its own time."""
    begins = record.first_received_at
    if item.slot:
        begins = max(begins, clock.from_milliseconds(item.slot.at / 1000))
    hour = begins + timedelta(seconds=RETRY_SECONDS)
    return min(hour, _stales_at(item) or hour)


def _message_uuid(task: Task) -> str:
    if isinstance(task, StepTask):
        return workflows.message_uuid(task.dispatch_uuid, task.step)
    return task.message_uuid
