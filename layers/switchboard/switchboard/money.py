"""One currency for everything that clients see, whatever the provider charges in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from switchboard.models.events import Usage

_CENT_OF_A_CENT = Decimal("0.0001")


@dataclass(frozen=True)
class Money:
    currency: str
    rates: Mapping[str, Decimal]
    """What one unit of another currency is worth in ours."""

    def convert(self, usage: Usage) -> Usage:
        """In our currency, to four decimals; unchanged when there is no rate for the provider's."""
        rate = Decimal(1) if usage.currency == self.currency else self.rates.get(usage.currency)
        if rate is None:
            return usage
        return Usage((usage.price * rate).quantize(_CENT_OF_A_CENT), self.currency)

    def total(self, usages: Iterable[Usage]) -> Usage:
        """The sum of what is in our currency."""
        prices = (usage.price for usage in usages if usage.currency == self.currency)
        return Usage(sum(prices, Decimal(0)).quantize(_CENT_OF_A_CENT), self.currency)
