"""The numbers that SMS and MMS come from, and the application that each is linked to.

They are the senders of provider accounts that are numbers, and those that somebody has ever updated.
"""

from dataclasses import dataclass

from switchboard.errors import Fault, InvalidRequest
from switchboard.models.messages import Channel
from switchboard.models.numbers import NUMBER, Number, NumberQuery, NumberUpdate
from switchboard.store import AccountStore, Store

_FEATURES = {Channel.SMS: "SMS", Channel.MMS: "MMS"}


@dataclass(frozen=True)
class Numbers:
    accounts: AccountStore
    applications: Store

    def update(self, request: NumberUpdate) -> None:
        """Link a number to an application, whichever had it, or to none. First it is listed, so that who
        dies in between is seen not to have linked it, and repeats."""
        wanted = request.application_id
        if wanted and self.applications.application(wanted) is None:
            raise InvalidRequest(Fault(request.named, "is no application of yours"))
        self.accounts.put_number(request.msisdn, request.country)
        self.accounts.relink(Channel.SMS, request.msisdn, wanted)

    def _all(self) -> list[Number]:
        countries = self.accounts.numbers()
        features: dict[str, set[str]] = {}
        for account in self.accounts.accounts():
            for sender in account.senders:
                if sender.channel in _FEATURES and NUMBER.fullmatch(sender.id):
                    features.setdefault(sender.id, set()).add(_FEATURES[sender.channel])
        return [
            Number(
                msisdn=msisdn,
                country=countries.get(msisdn),
                features=tuple(sorted(features.get(msisdn, {"SMS"}), reverse=True)),
            )
            for msisdn in sorted(countries.keys() | features.keys())
        ]

    def _linked(self, number: Number) -> Number:
        item = self.accounts.sender(Channel.SMS, number.msisdn, consistent=True)
        return number.model_copy(update={"application_id": item.application_id if item else None})

    def list(self, query: NumberQuery) -> tuple[list[Number], int]:
        """One page, and how many there are in all."""
        found = [number for number in self._all() if query.matches(number.msisdn, number.country)]
        if query.by_application:
            found = [number for number in map(self._linked, found) if query.wants(number.application_id)]
        start = (query.index - 1) * query.size
        page = found[start : start + query.size]
        return page if query.by_application else [*map(self._linked, page)], len(found)
