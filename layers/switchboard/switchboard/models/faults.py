"""Collects everything that is wrong with a request, so that one answer can name it all."""

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from switchboard.errors import Fault, InvalidRequest

T = TypeVar("T")

_REASONS = {
    "missing": "is required",
    "string_too_short": "must be at least {min_length} characters long",
    "string_too_long": "must be at most {max_length} characters long",
    "too_short": "must have at least {min_length} entries",
    "literal_error": "must be one of: {expected}",
    "enum": "must be one of: {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_type": "must be a string",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
}


class Faults:
    """`read` what you can, `add` what is wrong, and `check` before going on."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def add(self, name: str, reason: str) -> None:
        self.found.append(Fault(name, reason))

    def read(self, shape: TypeAdapter[T], value: object, name: str) -> T | None:
        """`value` in the given shape, or None with its faults noted under `name`."""
        try:
            return shape.validate_python(value)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=True):
                self.add(_path(name, detail), _reason(detail))
            return None

    def object(self, value: object, name: str, reason: str = "must be an object") -> dict[str, Any] | None:
        if isinstance(value, dict):
            return value
        self.add(name, "is required" if value is None else reason)
        return None

    def check(self) -> None:
        """InvalidRequest with everything found so far, if anything was."""
        if self.found:
            raise InvalidRequest(*self.found)


def _path(name: str, detail: ErrorDetails) -> str:
    path = name
    for part in detail["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _reason(detail: ErrorDetails) -> str:
    template = _REASONS.get(detail["type"])
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    if template is None:
        return detail["msg"][:1].lower() + detail["msg"][1:]
    reason = template.format(**detail.get("ctx", {})).replace("'", "")
    return reason.replace(" or ", ", ") if "one of" in reason else reason
