"""Draws up the end of a dispatch: its one report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from switchboard import callbacks, clock
from switchboard.models.messages import Status
from switchboard.models.workflows import message_uuid
from switchboard.pricing import Prices
from switchboard.store import DispatchItem, MessageItem, Store


@dataclass(frozen=True)
class Reporting:
    store: Store
    prices: Prices

    def close(self, dispatch_uuid: str, by: str) -> tuple[DispatchItem, dict[str, Any]] | None:
        """End a dispatch and return it with its one report; None if another closing was first.

        `by` names this closing. The same name again gets the same report, so that a retry can send it.
        """
        dispatch = self.store.dispatch(dispatch_uuid)
        if dispatch is None:
            return None
        if dispatch.closed_by is None:
            report = self._report(dispatch)
            closed = self.store.close(dispatch_uuid, by, report)
            if closed is None:
                return None
            dispatch = closed
        if dispatch.closed_by != by or dispatch.report is None:
            return None
        return dispatch, dispatch.report

    def _report(self, dispatch: DispatchItem) -> dict[str, Any]:
        found = (
            self.store.message(message_uuid(dispatch.dispatch_uuid, step), consistent=True)
            for step in range(dispatch.step + 1)
        )
        messages = [
            item for item in found if isinstance(item, MessageItem) and item.status is not Status.ACCEPTED
        ]
        completed = any(item.satisfied for item in messages)
        reason = None if completed else _reason(messages)
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
