"""`notify` looks at a message without consistency first: what it sees then can be of the past."""

from collections.abc import Callable
from typing import Any

import pytest

from switchboard.models.messages import Status
from switchboard.store import MessageItem, Store
from tests.functions.flows import Flow
from tests.support import payloads

Past = Callable[[MessageItem], MessageItem | None]


def as_it_is(item: MessageItem) -> MessageItem:
    return item


def not_there(item: MessageItem) -> None:
    """Its item came but a moment ago."""


def accepted(item: MessageItem) -> MessageItem:
    """Before the status that is announced was written."""
    return item.model_copy(update={"status": Status.ACCEPTED, "statuses": {}})


PASTS: dict[str, tuple[Past, list[bool]]] = {
    "up to date": (as_it_is, [False]),
    "not there yet": (not_there, [False, True]),
    "accepted": (accepted, [False, True]),
}


def looks(monkeypatch: pytest.MonkeyPatch, past: Past) -> list[bool]:
    """Those that follow, whether consistent; others see the past."""
    found: list[bool] = []
    real = Store.message

    def message(store: Store, uuid: str, *, consistent: bool = False) -> Any:
        found.append(consistent)
        item = real(store, uuid, consistent=True)
        return past(item) if isinstance(item, MessageItem) and not consistent else item

    monkeypatch.setattr(Store, "message", message)
    return found


@pytest.mark.parametrize(("past", "looked"), PASTS.values(), ids=PASTS)
def test_what_is_not_seen_is_looked_at_again(
    flow: Flow, monkeypatch: pytest.MonkeyPatch, past: Past, looked: list[bool]
) -> None:
    uuid = flow.send(payloads.text("sms"))
    flow.cloud.deliver()
    found = looks(monkeypatch, past)
    flow.cloud.notify()
    assert flow.statuses(uuid) == ["submitted"]
    assert found == looked


@pytest.mark.parametrize("past", [as_it_is, not_there, accepted], ids=["up to date", "not there", "accepted"])
def test_a_void_entry_stays_void(flow: Flow, monkeypatch: pytest.MonkeyPatch, past: Past) -> None:
    """A receipt came twice: only one of its entries is honoured, whatever is seen first."""
    uuid = flow.send(payloads.text("sms"))
    flow.cloud.deliver()
    flow.cloud.notify()
    flow.receipt(uuid)
    flow.receipt(uuid)
    assert flow.cloud.waiting("WebhooksQueue") == 2
    looks(monkeypatch, past)
    assert flow.cloud.notify() == 2
    assert flow.statuses(uuid) == ["submitted", "delivered"]
