"""Draws up the end of a dispatch: its one report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from switchboard import callbacks, clock
from switchboard.models.messages import Status
from switchboard.models.workflows import message_uuid
from switchboard.pricing import Prices
from switchboard.queues import Later
from switchboard.store import DispatchItem, MessageItem, Store

HANDED_SECONDS = 2.0
"""Until a cancelled dispatch is looked at again, the message of which somebody was handing over."""


@dataclass(frozen=True)
class Reporting:
    store: Store
    prices: Prices

    def close(self, dispatch_uuid: str, by: str) -> tuple[DispatchItem, dict[str, Any]] | None:
        """End a dispatch and return it with its one report; None if another closing was first.

        `by` names this closing. The same name again gets the same report, so that a retry can send it. Later
        while a message of a cancelled one is being handed over: what goes out is in the report.
        """
        dispatch = self.store.dispatch(dispatch_uuid)
        while dispatch and dispatch.closed_by is None:  # once more if it is cancelled meanwhile
            if dispatch.cancelled_at and self._is_being_handed(dispatch):
                raise Later(HANDED_SECONDS)
            report = self._report(dispatch)
            is_cancelled = dispatch.cancelled_at is not None
            dispatch = self.store.close(dispatch_uuid, by, report, cancelled=is_cancelled)
        if dispatch is None or dispatch.closed_by != by or dispatch.report is None:
            return None
        return dispatch, dispatch.report

    def _is_being_handed(self, dispatch: DispatchItem) -> bool:
        if dispatch.step < 0:
            return False
        item = self.store.message(message_uuid(dispatch.dispatch_uuid, dispatch.step), consistent=True)
        return (
            isinstance(item, MessageItem)
            and item.status is Status.ACCEPTED
            and item.claimed_by is not None
            and item.leased_until > clock.milliseconds(clock.now())
        )

    def _report(self, dispatch: DispatchItem) -> dict[str, Any]:
        found = (
            self.store.message(message_uuid(dispatch.dispatch_uuid, step), consistent=True)
            for step in range(dispatch.step + 1)
        )
        messages = [
            item for item in found if isinstance(item, MessageItem) and item.status is not Status.ACCEPTED
        ]
        completed = any(item.satisfied for item in messages)
        reason = None if completed or dispatch.cancelled_at else _reason(messages)
        priced = [(item, self.prices.of(item)) for item in messages]
        total = self.prices.money.total(usage for _, usage in priced if usage)
        return callbacks.report(dispatch, priced, completed, reason, total, clock.now())


def _reason(messages: Sequence[MessageItem]) -> str:
    """Why a dispatch ended in error: the last message's failure, that nothing came in time, or that nothing
    was ever sent."""
    if not messages:
        return "lost"
    last = messages[-1]
    if last.status in (Status.REJECTED, Status.UNDELIVERABLE):
        return last.status.value
    return "expired"
