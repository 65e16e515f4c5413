"""Lists messages and dispatches, newest first.

Each application has a list of its own, and the account has one of what it did itself. Who asks for all of
them together asks each: one answer asks so many at most, and the cursor remembers how far it got (Place).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from switchboard.callers import ACCOUNT
from switchboard.errors import Fault, InvalidRequest, NotFound
from switchboard.models import lists as wire
from switchboard.models.periods import NO_CURSOR
from switchboard.models.workflows import message_uuid
from switchboard.store import DispatchItem, MessageItem, Store, keys
from switchboard.store.lists import Entry, ListStore, Wanted

if TYPE_CHECKING:
    from switchboard.callbacks import Body
    from switchboard.callers import Caller
    from switchboard.pricing import Prices

MOST_READS = 336
"""Small reads of one answer: of 21 whole lists, or of the part of 336 that has one recipient's messages."""
MOST_CARRIED = 50
"""Entries of a page that has to be gathered by several answers: they are in the cursor meanwhile."""


Kind = Literal["M", "D"]
_KINDS: tuple[Kind, ...] = ("M", "D")


@dataclass(frozen=True)
class Listing:
    store: ListStore
    applications: Store
    prices: Prices

    def messages(self, asked: wire.Asked, caller: Caller) -> tuple[list[Body], str | None]:
        """One page, and where the next one begins. It can have fewer than were asked for, or none, and not be
        the last. NotFound for another application's, and for one that there never was."""
        entries, following = self._page(self._wanted("M", asked, caller), asked)
        return [wire.message(item, self.prices.of(item)) for item in self._items(entries, asked)], following

    def records(self, asked: wire.Asked, caller: Caller, read: int) -> tuple[list[MessageItem], str | None]:
        """The same in long pages, of which `read` are read of each part of the list. Of more owners than one
        answer can ask, some have all of theirs told before the others: a page would be too long to carry."""
        wanted = replace(self._wanted("M", asked, caller), read=read)
        entries, following = self._page_by_owners(wanted, asked)
        return self._items(entries, asked), following

    def _items(self, entries: list[Entry], asked: wire.Asked) -> list[MessageItem]:
        items = self.store.messages([entry.uuid for entry in entries])
        found = [items[entry.uuid] for entry in entries if entry.uuid in items]
        return [
            item
            for item in found
            if asked.status in (None, item.status) and asked.to in (None, item.message.recipient)
        ]

    def dispatches(self, asked: wire.Asked, caller: Caller) -> tuple[list[Body], str | None]:
        """The same. `to` is one of the people of any step. Messages are read too, for what they cost."""
        entries, following = self._page(self._wanted("D", asked, caller), asked)
        items = self.store.dispatches([entry.uuid for entry in entries])
        shown = [
            (items[entry.uuid], entry.channels)
            for entry in entries
            if entry.uuid in items and asked.status in (None, wire.dispatch_status(items[entry.uuid]))
        ]
        found = self.store.messages([uuid for item, _ in shown for uuid in _messages(item)])
        bodies = []
        for item, channels in shown:
            messages = [found[uuid] for uuid in _messages(item) if uuid in found]
            bodies.append(wire.dispatch(item, channels, self.prices.total(messages, ended=bool(item.report))))
        return bodies, following

    # --- pages ------------------------------------------------------------------------------------

    def _page(self, wanted: Wanted, asked: wire.Asked) -> tuple[list[Entry], str | None]:
        """The newest of all owners. Where these are too many for one answer, all answers of a page but the
        last are empty, and the cursor carries the best that they found."""
        place = asked.cursor or wire.Place()
        now, later = _in_turns(wanted, place.done)
        size = min(wanted.size, MOST_CARRIED) if later or place.done else wanted.size
        found, end = self.store.entries(replace(wanted, owners=now, size=size, floor=place.floor or None))
        floor = max(place.floor, end or "")
        best = sorted({*place.best, *found}, key=lambda entry: entry.at, reverse=True)
        best = [entry for entry in best if entry.at >= floor]
        if len(best) > size:
            best = best[:size]
            floor = best[-1].at
        if later:
            carried = wire.Place(before=place.before, done=now[-1], floor=floor, best=tuple(best))
            return [], carried.text()
        if not (best or floor or asked.cursor):
            self._check_there_is_one(asked)
        return best, floor or None

    def _page_by_owners(self, wanted: Wanted, asked: wire.Asked) -> tuple[list[Entry], str | None]:
        """The newest of some owners, until these have no more; then of the next."""
        place = asked.cursor or wire.Place()
        now, later = _in_turns(wanted, place.done, place.upto)
        found, end = self.store.entries(replace(wanted, owners=now))
        if not later and not place.done:
            if not (found or end or asked.cursor):
                self._check_there_is_one(asked)
            return found, end
        upto = now[-1] if now else place.upto
        if end:
            return found, wire.Place(before=end, done=place.done, upto=upto).text()
        return found, wire.Place(done=upto).text() if later else None

    def _check_there_is_one(self, asked: wire.Asked) -> None:
        """NotFound if nothing ever came of the application that is named: of one that is deleted there can be
        messages still."""
        owner = asked.application_id
        if owner in (None, ACCOUNT) or self.applications.application(owner):
            return
        if not any(self.store.entries(Wanted(kind, (owner,), 1))[0] for kind in _KINDS):
            raise NotFound(owner)

    def _wanted(self, kind: Kind, asked: wire.Asked, caller: Caller) -> Wanted:
        owner = caller.owner(asked.application_id)
        if owner and asked.cursor and asked.cursor.is_among_owners:
            # It names messages by their ids, and is for those who may see all of them.
            raise InvalidRequest(Fault("cursor", NO_CURSOR))
        return Wanted(
            kind,
            (owner,) if owner else self._owners(),
            asked.limit,
            asked.channel,
            asked.to,
            asked.from_time,
            asked.until,
            asked.cursor.before or None if asked.cursor else None,
        )

    def _owners(self) -> tuple[str, ...]:
        """The account sees what it sent itself, and what all of its applications did."""
        return tuple(sorted((keys.ACCOUNT, *(one.id for one in self.applications.applications()))))


def _in_turns(wanted: Wanted, done: str, upto: str = "") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Whose lists this answer reads, and whose those after it have to. It goes by their ids, so that who was
    made or deleted meanwhile moves nobody."""
    left = tuple(owner for owner in wanted.owners if owner > done)
    most = max(1, MOST_READS // len(wanted.digits))
    now = tuple(owner for owner in left[:most] if not upto or owner <= upto)
    return now, left[len(now) :]


def _messages(item: DispatchItem) -> list[str]:
    """Those of the steps that were begun."""
    return [message_uuid(item.dispatch_uuid, step) for step in item.began]
