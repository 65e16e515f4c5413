"""Why a command ended, as exit codes."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class Code(IntEnum):
    DONE = 0
    REFUSED = 1
    """The API refused, or what was followed came to a bad end."""
    USAGE = 2
    """The command line is wrong, or something that it names is not there."""
    UNREACHED = 3
    """No connection, no answer, a fault of the server's, or credentials that it does not know."""
    UNDECIDED = 4
    """The time given for waiting ran out before the end was known."""
    INTERRUPTED = 130


@dataclass(frozen=True)
class Fault:
    """One parameter that the API refused."""

    name: str
    reason: str


@dataclass
class CliError(Exception):
    """Ends the command. `hint` says what to do about it."""

    code: Code
    title: str
    detail: str = ""
    hint: str = ""
    faults: Sequence[Fault] = ()
    status: int | None = None
    """Of the API's answer, if there was one."""
    body: dict[str, Any] = field(default_factory=dict)
    """The API's own error body, if it sent one."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.title, self.detail) if part)

    def as_json(self) -> dict[str, Any]:
        return {
            **self.body,
            "title": self.title,
            **({"status": self.status} if self.status else {}),
            **({"detail": self.detail} if self.detail else {}),
            **({"hint": self.hint} if self.hint else {}),
            "exit_code": int(self.code),
        }


def usage(title: str, hint: str = "", detail: str = "") -> CliError:
    return CliError(Code.USAGE, title, detail, hint)
