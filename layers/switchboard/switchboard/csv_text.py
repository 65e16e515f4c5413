"""CSV as RFC 4180 has it, for people's spreadsheets too."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

MEDIA_TYPE = "text/csv"
_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula."""


class Table:
    """Lines of the same columns."""

    def __init__(self, columns: Sequence[str], *, header: bool = True) -> None:
        self._file = io.StringIO(newline="")
        self._writer = csv.DictWriter(self._file, columns, lineterminator="\r\n")
        if header:
            self._writer.writeheader()

    def add(self, row: Mapping[str, Any]) -> None:
        self._writer.writerow({name: _cell(value) for name, value in row.items()})

    def text(self) -> str:
        return self._file.getvalue()


def _cell(value: object) -> object:
    """Texts that would be run as a formula get an apostrophe before them; numbers are no texts."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULAS) else value


def is_wanted(accept: str) -> bool:
    """The client names CSV, and no JSON before it."""
    kinds = [entry.partition(";")[0].strip().lower() for entry in accept.split(",")]
    return MEDIA_TYPE in kinds and "application/json" not in kinds[: kinds.index(MEDIA_TYPE)]
