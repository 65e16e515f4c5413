"""Moves a message to its next status, and lets the client and the waiting dispatch know.

Three things must happen, any of which may be cut off by a crash or come twice: the status is written,
the client's webhook is queued, the dispatch's step is told. The order makes that safe without a write
more than the status itself:

1. The webhook is queued first, under a name that the message does not know yet.
2. The status is written with that name, if it is a step forward.
3. Whoever delivers webhooks sends a queued one only if the written status bears its name.

Die before 2 and the entry is void: the receipt's own repeat starts over. Die after 2 and the entry is
already in the queue. A receipt that comes twice loses at 2, and its entry is void.

Where events go out on the bus too, 1 puts a second entry of the same name in the same call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_hex
from typing import TYPE_CHECKING, Literal

from switchboard import failures, measures
from switchboard.models.events import Failure, Usage
from switchboard.models.messages import Part, Status
from switchboard.money import Money
from switchboard.queues import NewsQueue, StatusNews
from switchboard.store import DispatchItem, MessageItem, PartRecord, StatusRecord, Store
from switchboard.workflows import Workflows

if TYPE_CHECKING:
    from switchboard.pricing import Prices

MEASURED = {
    Status.SUBMITTED: measures.SUBMITTED,
    Status.DELIVERED: measures.DELIVERED,
    Status.READ: measures.READ,
    Status.REJECTED: measures.FAILED,
    Status.UNDELIVERABLE: measures.FAILED,
}


@dataclass(frozen=True)
class Change:
    """A status that a message, or one part of it, is said to have reached."""

    message_uuid: str
    status: Status
    at: datetime
    usage: Usage | None = None
    failure: Failure | None = None
    category: str | None = None
    provider_id: str | None = None
    provider: str | None = None
    """The account that it went out by: `{provider}/{account_id}`."""
    part: Part | None = None
    heard: datetime | None = None
    """When we heard of it, if `at` is by another clock (clock.stamped)."""


@dataclass(frozen=True)
class Transitions:
    store: Store
    webhooks: NewsQueue
    workflows: Workflows
    money: Money
    prices: "Callable[[], Prices]"
    """Needed for what is measured only."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Apply changes in order. One that does not lead forward changes nothing."""
        whole = [change for change in map(self._whole, changes) if change]
        # Some at a time, so that no entry waits long for its write.
        batch = self.webhooks.batch
        for start in range(0, len(whole), batch):
            named = [(change, token_hex(8)) for change in whole[start : start + batch]]
            self.webhooks.announce(
                *(
                    StatusNews(message_uuid=change.message_uuid, status=change.status, by=name)
                    for change, name in named
                )
            )
            for change, name in named:
                self._apply(change, name)

    def _whole(self, change: Change) -> Change | None:
        """What the change of a part makes of its message: a message is where the least of its parts is."""
        if change.part is None:
            return change
        part = PartRecord(status=change.status, record=self._record(change, by=""))
        item = self.store.advance_part(change.message_uuid, change.part.number, part)
        least = item.least(change.part.of) if item else None
        if least is None:
            return None
        status, record = least
        return replace(
            change,
            status=status,
            at=record.at,
            heard=record.heard,
            usage=record.usage,
            failure=record.failure,
            category=record.category,
            provider_id=None,  # that of a part
            part=None,
        )

    def _record(self, change: Change, by: str) -> StatusRecord:
        usage = None
        if change.usage and change.status is not Status.SUBMITTED:  # what is only on its way costs nothing
            usage = self.money.convert(change.usage)
        return StatusRecord(
            at=change.at,
            by=by,
            usage=usage,
            failure=change.failure,
            category=change.category,
            heard=change.heard,
        )

    def _apply(self, change: Change, name: str) -> None:
        record = self._record(change, name)
        item, moved = self.store.advance(
            change.message_uuid, change.status, record, change.provider_id, change.provider
        )
        if item is None:
            return
        if measures.is_on():
            self._measure(item, name if moved else "", record.usage)
        if item.link is None:
            return
        # A repeat tells the dispatch again, in case its first coming died here. Told twice is harmless.
        reached = item.statuses.get(item.link.needs)
        if item.status.is_failure or (reached is not None and (not moved or reached.by == name)):
            self.tell(item)

    def _measure(self, item: MessageItem, name: str, usage: Usage | None) -> None:
        """Count what was written under `name`, and the message's price once it is known."""
        channel, account = item.message.channel, item.provider or ""
        link = item.link
        since = link.queued_at if link else item.accepted_at
        written = {status: record for status, record in item.statuses.items() if record.by == name}
        failure = item.statuses[item.status].failure if item.status.is_failure else None
        if failure and failure.code in failures.CALLED_OFF:
            return
        for status, record in written.items():
            measures.count(
                MEASURED[status],
                max(0.0, (record.at - since).total_seconds()),  # by two clocks
                channel=channel,
                account=account,
                message_uuid=item.uuid,
                dispatch_uuid=link.dispatch_uuid if link else None,
                code=record.failure.code if record.failure else None,
            )
            if status is Status.SUBMITTED or status.is_failure:
                rate = 100 if status.is_failure else 0
                measures.count(measures.FAILURE_RATE, rate, channel=channel, account=account)
        if item.status is Status.SUBMITTED:  # what is only on its way costs nothing
            return
        before = {status: record for status, record in item.statuses.items() if status not in written}
        status = max(before, key=lambda status: status.rank, default=Status.ACCEPTED)
        prices = self.prices()
        cost = prices.of(item) or usage
        known = prices.of(item.model_copy(update={"statuses": before, "status": status}))
        if cost and known is None and cost.currency == self.money.currency:
            measures.count(measures.SPEND, float(cost.price), channel=channel, account=account)

    def tell(self, item: MessageItem) -> None:
        """Tell the waiting step how its message fared, if that is decided."""
        link = item.link
        if link is None:
            return
        if item.status.is_failure:
            failure = item.statuses[item.status].failure or Failure(1330)
            self.workflows.fail(link.task_token, item.status.value, failures.reason(failure.code))
        elif item.satisfied and not self.workflows.succeed(link.task_token):
            # Too late for its own step. No later one needs to begin any more.
            dispatch = self.store.satisfy(link.dispatch_uuid, link.step)
            how = _missed(dispatch, item) if dispatch else None
            if how and item.met == "in time":
                self.store.note_missed(item.uuid, how)


def _missed(dispatch: DispatchItem, item: MessageItem) -> Literal["late", "cancelled"] | None:
    """Why a condition that came does not count as met: what its times do not tell."""
    assert item.link
    if dispatch.step > item.link.step:
        return "late"
    if dispatch.cancelled_at:
        return "cancelled"
    return "late" if dispatch.report and not dispatch.is_reported_met(item) else None


def failed(message_uuid: str, status: Status, failure: Failure, at: datetime) -> Change:
    return Change(message_uuid, status, at, failure=failure)
