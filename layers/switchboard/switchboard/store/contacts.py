"""Reads and writes of what we know of people: when they last wrote, and whether they may be written to."""

from datetime import datetime
from typing import Self

from switchboard import clock
from switchboard.models.frozen import Frozen
from switchboard.store import keys
from switchboard.store.attributes import Item, load
from switchboard.store.calls import DAY, Lost, Table


class Contact(Frozen):
    """A person as one of our senders knows them."""

    sender: str
    last_inbound_at: datetime | None = None
    opted_out_at: datetime | None = None

    @classmethod
    def load(cls, item: Item) -> Self:
        values = load(item)
        out = "opted_out" in values and bool(values["opted_out"])
        return cls(
            sender=values["sk"],
            last_inbound_at=_moment(values.get("last_inbound")),
            opted_out_at=_moment(values.get("opt_changed")) if out else None,
        )


def _both(known: Item | None, erased: Item | None) -> Contact | None:
    """What a person said after their number was erased counts for more than what they said before."""
    if known is None or erased is None:
        found = known or erased
        return Contact.load(found) if found else None
    return Contact.load(known if "opt_changed" in known else erased | known)


def _moment(milliseconds: object) -> datetime | None:
    return None if milliseconds is None else clock.from_milliseconds(int(str(milliseconds)))


class ContactStore(Table):
    def contact(self, channel: str, person: str, sender: str) -> Contact | None:
        found = self._get(keys.contact(channel, person, sender), consistent=True)
        if found and "opt_changed" in found:
            return Contact.load(found)
        # Somebody whose number was erased can still have opted out.
        erased = self._get(keys.opt_out(channel, person, sender), consistent=True)
        return _both(found, erased)

    def contacts(self, channel: str, person: str) -> list[Contact]:
        """The person with each sender of ours that they ever wrote to."""
        known = {item["sk"]["S"]: item for item in self._query(keys.contacts(channel, person))}
        erased = {item["sk"]["S"]: item for item in self._query(keys.opt_outs(channel, person))}
        found = (_both(known.get(sender), erased.get(sender)) for sender in sorted(known | erased))
        return [contact for contact in found if contact]

    def wrote(self, channel: str, person: str, sender: str, at: datetime) -> None:
        """Note that a person wrote at a moment, if that is news. Kept for ever once they opted out."""
        try:
            self._update(
                keys.contact(channel, person, sender),
                "SET last_inbound = :at, expires_at = if_not_exists(keep, :expires)",
                "attribute_not_exists(last_inbound) OR last_inbound < :at",
                {":at": clock.milliseconds(at), ":expires": int(at.timestamp()) + self._retention + DAY},
            )
        except Lost:
            return

    def opt_out(self, channel: str, person: str, sender: str, at: datetime, by: str) -> bool:
        """Note that a person opted out, until they say otherwise: the item does not expire any more.

        Whether `by` (their message) is what opted them out: not so if they were out before, or if what
        they said later is known already. A repeat of the same message gets the same answer.
        """
        try:
            item = self._update(
                keys.contact(channel, person, sender),
                "SET opted_out = :yes, opted_out_by = if_not_exists(opted_out_by, :by), opt_changed = :at, "
                "keep = :never, expires_at = :never",
                _NEWEST,
                {":yes": True, ":by": by, ":at": clock.milliseconds(at), ":never": _NEVER},
            )
        except Lost:
            return False
        return bool(load(item)["opted_out_by"] == by)

    def opt_in(self, channel: str, person: str, sender: str, at: datetime) -> None:
        """Note that a person wants to be written to again, if that is the newest we know."""
        try:
            self._update(
                keys.contact(channel, person, sender),
                "SET opted_out = :no, opt_changed = :at, keep = :never, expires_at = :never "
                "REMOVE opted_out_by",
                _NEWEST,
                {":no": False, ":at": clock.milliseconds(at), ":never": _NEVER},
            )
        except Lost:
            return


_NEWEST = "attribute_not_exists(opt_changed) OR opt_changed <= :at"
_NEVER = 253_402_300_799
"""Unix seconds of the last moment of the year 9999."""
