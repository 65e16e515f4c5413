"""What is wrong with a request, in terms that each provider then words in its own way."""

import json
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Fault:
    """One wrong field: where it is, whether it is absent, and what is wrong with it."""

    path: tuple[str | int, ...]
    missing: bool
    reason: str

    @property
    def dotted(self) -> str:
        """`messages[0].content.text`"""
        text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return text.removeprefix(".")


class Faulty(Exception):
    """The request does not fit. Holds at least one fault."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(", ".join(fault.dotted for fault in faults))
        self.faults = faults


def parse_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in a body; None if that is not what it holds."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def check(model: type[T], value: object) -> T:
    """A value as a model. Faulty if it does not fit; the reasons never quote the value."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Faulty(*map(_fault, error.errors(include_url=False, include_input=False))) from None


def _fault(item: ErrorDetails) -> Fault:
    return Fault(item["loc"], item["type"] == "missing", item["msg"].removeprefix("Value error, "))
