"""Lists messages and dispatches, newest first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from switchboard.errors import Fault, InvalidRequest, NotFound
from switchboard.models import lists as wire
from switchboard.store import MessageItem, Store, keys
from switchboard.store.lists import ListStore, Wanted

if TYPE_CHECKING:
    from switchboard.callbacks import Body
    from switchboard.callers import Caller
    from switchboard.pricing import Prices

MOST_OWNERS = 20
"""Applications whose lists are read together. Each costs 16 small reads."""


@dataclass(frozen=True)
class Listing:
    store: ListStore
    applications: Store
    prices: Prices

    def messages(self, asked: wire.Asked, caller: Caller) -> tuple[list[Body], str | None]:
        """One page, and where the next one begins. It can have fewer than were asked for, or none, and not be
        the last. NotFound for another application's."""
        items, following = self.items(self._wanted("M", asked, caller), asked)
        return [wire.message(item, self.prices.of(item)) for item in items], following

    def items(self, wanted: Wanted, asked: wire.Asked) -> tuple[list[MessageItem], str | None]:
        """The same as they are kept."""
        entries, following = self.store.entries(wanted)
        items = self.store.messages([entry.uuid for entry in entries])
        found = [items[entry.uuid] for entry in entries if entry.uuid in items]
        shown = [
            item
            for item in found
            if asked.status in (None, item.status) and asked.to in (None, item.message.recipient)
        ]
        return shown, following

    def records(self, asked: wire.Asked, caller: Caller, read: int) -> tuple[list[MessageItem], str | None]:
        """The same in long pages, of which `read` are read of each part of the list."""
        return self.items(replace(self._wanted("M", asked, caller), read=read), asked)

    def dispatches(self, asked: wire.Asked, caller: Caller) -> tuple[list[Body], str | None]:
        """The same. `to` is one of the people of any step."""
        entries, following = self.store.entries(self._wanted("D", asked, caller))
        items = self.store.dispatches([entry.uuid for entry in entries])
        shown = [
            wire.dispatch(items[entry.uuid], entry.channels)
            for entry in entries
            if entry.uuid in items and asked.status in (None, wire.dispatch_status(items[entry.uuid]))
        ]
        return shown, following

    def _wanted(self, kind: Literal["M", "D"], asked: wire.Asked, caller: Caller) -> Wanted:
        return Wanted(
            kind,
            self._owners(asked.application_id, caller),
            asked.limit,
            asked.channel,
            asked.to,
            asked.from_time,
            asked.until,
            asked.cursor,
        )

    def _owners(self, application_id: str | None, caller: Caller) -> tuple[str, ...]:
        """The account sees what it sent itself, and what all of its applications did."""
        if application_id and not caller.may_see(application_id):
            raise NotFound(application_id)
        if one := application_id or caller.application_id:
            return (one,)
        applications = self.applications.applications()
        if len(applications) > MOST_OWNERS:
            reason = f"is required, as there are more than {MOST_OWNERS} applications"
            raise InvalidRequest(Fault("application_id", reason))
        return (keys.ACCOUNT, *(application.id for application in applications))
