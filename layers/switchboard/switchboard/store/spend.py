"""Daily spend caps, and what was handed over on a day where there is one.

The caps of the account and of its applications are one item, so that knowing that there is none costs a read
now and then, however many applications there are.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from switchboard.models.frozen import Frozen
from switchboard.store import keys
from switchboard.store.attributes import load
from switchboard.store.calls import DAY, Lost, Table

_CAP = "cap:"
_KEPT = 3 * DAY
"""Seconds of a day's sum."""
_ANYTHING = "attribute_exists(pk) OR attribute_not_exists(pk)"
EXACT = Decimal("0.0001")


class Caps(Frozen):
    """By owner: an application's id, or keys.ACCOUNT for everything together."""

    by_owner: Mapping[str, Decimal] = {}
    assumed: Decimal | None = None
    """What a message, or each part of an SMS, counts as where nobody knows its price."""

    def of(self, application_id: str | None) -> dict[str, Decimal]:
        """Those that a message of this application counts against."""
        owners = (application_id, keys.ACCOUNT)
        return {owner: self.by_owner[owner] for owner in owners if owner and owner in self.by_owner}


class SpendStore(Table):
    def caps(self) -> Caps:
        values = load(self._get(keys.spend_caps(), consistent=True) or {})
        by_owner = {
            name.removeprefix(_CAP): Decimal(cap) for name, cap in values.items() if name.startswith(_CAP)
        }
        assumed = Decimal(values["assumed"]) if "assumed" in values else None
        return Caps(by_owner=by_owner, assumed=assumed)

    def set_account(self, cap: Decimal | None, assumed: Decimal | None) -> None:
        """The account's own; None for no cap, and for no price that is assumed."""
        wanted = {"cap": cap, "assumed": assumed}
        sets = [f"#{name} = :{name}" for name, value in wanted.items() if value is not None]
        removes = [f"#{name}" for name, value in wanted.items() if value is None]
        parts = [f"{verb} {', '.join(some)}" for verb, some in (("SET", sets), ("REMOVE", removes)) if some]
        self._update(
            keys.spend_caps(),
            " ".join(parts),
            _ANYTHING,
            {f":{name}": f"{value:f}" for name, value in wanted.items() if value is not None},
            {"#cap": f"{_CAP}{keys.ACCOUNT}", "#assumed": "assumed"},
        )

    def set_cap(self, owner: str, cap: Decimal | None) -> None:
        """An application's; None for no cap."""
        sets, values = ("REMOVE #cap", {}) if cap is None else ("SET #cap = :cap", {":cap": f"{cap:f}"})
        self._update(keys.spend_caps(), sets, _ANYTHING, values, {"#cap": f"{_CAP}{owner}"})

    def add(self, owner: str, day: date, price: Decimal, cap: Decimal) -> bool:
        """Count what is about to be handed over; False, and not counted, if the cap has no room for it."""
        price = price.quantize(EXACT)
        room = cap - price
        if room < 0:
            return False
        has_room = "attribute_not_exists(spent) OR spent <= :room"
        expires = _midnight(day) + _KEPT
        try:
            self._update(
                keys.spend(owner, day.isoformat()),
                "SET expires_at = :expires ADD spent :price",
                has_room,
                {":expires": expires, ":price": price, ":room": room.quantize(EXACT)},
            )
        except Lost:
            return False
        return True

    def give_back(self, owner: str, day: date, price: Decimal) -> None:
        """It was counted, and is not handed over after all."""
        self._update(
            keys.spend(owner, day.isoformat()),
            "ADD spent :minus",
            "attribute_exists(pk)",
            {":minus": -price.quantize(EXACT)},
        )

    def spent(self, owner: str, day: date) -> Decimal:
        found = self._get(keys.spend(owner, day.isoformat()), consistent=True)
        return Decimal(load(found)["spent"]).quantize(EXACT) if found else Decimal(0).quantize(EXACT)


def _midnight(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY
