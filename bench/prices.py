"""The dated price file."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Price:
    name: str
    unit: str
    per_million: float
    """US dollars for a million of `unit`."""
    page: str
    confirmed: str
    """How far it is (prices.toml), and where."""
    source: str


@dataclass(frozen=True)
class Prices:
    region: str
    as_of: date
    lines: Mapping[str, Price]
    assumed: Mapping[str, float]

    def dollars(self, units: Mapping[str, float]) -> dict[str, float]:
        """What each line costs, in the order of the file; those of which there is nothing are left out.
        KeyError for a unit without a price."""
        unknown = units.keys() - self.lines.keys()
        if unknown:
            raise KeyError(f"no price for {', '.join(sorted(unknown))}")
        return {
            name: units[name] * price.per_million / 1e6
            for name, price in self.lines.items()
            if units.get(name)
        }


def load(path: Path = FILE) -> Prices:
    read: dict[str, Any] = tomllib.loads(path.read_text())
    region, as_of, assumed = read.pop("region"), read.pop("as_of"), read.pop("assumed")
    return Prices(region, as_of, {name: Price(**line) for name, line in read.items()}, assumed)
