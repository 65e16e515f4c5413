"""Message records for a time, page by page, as CSV or as lines of JSON; the newest first.

A page is of up to a thousand records, and its answer names where the next begins: whoever follows has them
all, however many there are, and nothing of ours holds more than a page.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchboard.csv_text import Table
from switchboard.models import reports as wire

if TYPE_CHECKING:
    from switchboard.callers import Caller
    from switchboard.listing import Listing
    from switchboard.pricing import Prices

OF_EACH_PART = wire.PAGE // 8
"""Entries that are read of each of the list's sixteen parts: half of it would do if all had as many."""


@dataclass(frozen=True)
class Exporting:
    listing: Listing
    prices: Prices

    def page(self, report: wire.Report, caller: Caller) -> tuple[str, str | None]:
        """One page, and where the next one begins. It can be short, or empty, and not the last. NotFound for
        another application's."""
        items, following = self.listing.records(report.asked, caller, OF_EACH_PART)
        records = [wire.record(item, self.prices.of(item)) for item in items]
        if report.format == "jsonl":
            lines = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records)
            return "".join(f"{line}\n" for line in lines), following
        table = Table(wire.COLUMNS, header=report.is_first)
        for record in records:
            table.add(record)
        return table.text(), following
