"""What people see, and what programs read.

Results go to the standard output, errors and everything said on the way to the standard error. With --json
the standard output is JSON and nothing else.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from switchboard_cli.errors import CliError

_STYLES = {
    "green": (
        *("delivered", "read", "completed", "verified", "approved"),
        *("signed", "success", "met", "answering"),
    ),
    "red": ("rejected", "undeliverable", "error", "failed", "bad signature", "disabled", "failing", "gone"),
    "yellow": ("pending", "unsigned", "not checked", "paused", "cancelled", "timed out", "left alone"),
    "cyan": ("accepted", "submitted", "running", "inbound"),
}
_COLOURS = {word: colour for colour, words in _STYLES.items() for word in words}
_PIPE_WIDTH = 200
"""Columns where there is no terminal to ask: long enough that no identifier is cut."""


def _console(stderr: bool) -> Console:
    """Made for each use, for tests and shells put other files into sys."""
    file = sys.stderr if stderr else sys.stdout
    console = Console(file=file, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console


def out() -> Console:
    return _console(stderr=False)


def err() -> Console:
    return _console(stderr=True)


def plain(value: object) -> str:
    """Without characters that would move a terminal's cursor: much of what we show others wrote."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    return "".join(c if c == "\n" or unicodedata.category(c) != "Cc" else "\ufffd" for c in text)


def text(value: object, style: str = "") -> Text:
    """The style is that of these words only, whatever is added to them."""
    return Text().append(plain(value), style or None)


def coloured(status: object) -> Text:
    """A status in its colour."""
    return text(status, _COLOURS.get(str(status).strip().lower(), ""))


@dataclass(frozen=True)
class Output:
    as_json: bool = False

    def json(self, value: Any) -> None:
        """The result of a command that was asked for JSON."""
        if out().is_terminal:
            out().print_json(json.dumps(value), ensure_ascii=True)
        else:
            print(json.dumps(value, indent=2))

    def line(self, *parts: object, console: Console | None = None) -> None:
        """A line of the result. Strings are shown as they are; a Text brings its colours. `console` is that
        of a spinner which has to make room."""
        if not self.as_json:
            (console or out()).print(_joined(parts), soft_wrap=True)

    def done(self, what: str, value: object = "") -> None:
        """Something was done: `what: value`, the value easy to copy."""
        self.line(text("✓ ", "green") + text(what), text(value, "bold"))

    def note(self, message: str) -> None:
        """Something worth knowing that is no part of the result."""
        err().print(text(message, "dim"), soft_wrap=True)

    def warn(self, message: str) -> None:
        err().print(text("! ", "yellow") + text(message), soft_wrap=True)

    def next(self, what: str, command: str) -> None:
        if not self.as_json:
            err().print(text(f"\n{what}\n", "dim") + text(f"  {command}", "cyan"), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
        if not self.as_json:
            out().print(grid(columns, rows, title))

    def fields(self, pairs: Iterable[tuple[str, object]]) -> None:
        """Names and values below each other; those without a value are left out."""
        if self.as_json:
            return
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in pairs:
            if value not in (None, "", []):
                table.add_row(name, value if isinstance(value, Text) else text(value))
        out().print(table)


def grid(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> Table:
    table = Table(box=None, title=title or None, title_justify="left", header_style="bold", pad_edge=False)
    table.padding = (0, 3, 0, 0)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else text(cell) for cell in row))
    return table


def show_error(error: CliError, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": error.as_json()}, indent=2), file=sys.stderr)
        return
    console = err()
    line = text("✗ ", "bold red") + text(error.title, "bold")
    if error.status:
        line.append(f" ({error.status})", "dim")
    console.print(line, soft_wrap=True)
    if error.detail:
        console.print(text(f"  {error.detail}"), soft_wrap=True)
    if error.faults:
        rows = [(text(fault.name, "bold"), fault.reason) for fault in error.faults]
        console.print(grid(("  parameter", "reason"), [(text("  ") + name, why) for name, why in rows]))
    if error.hint:
        console.print(text(f"  {error.hint}", "dim"), soft_wrap=True)


def _joined(parts: Iterable[object]) -> Text:
    found = [part if isinstance(part, Text) else text(part) for part in parts]
    return Text(" ").join(part for part in found if part.plain)
