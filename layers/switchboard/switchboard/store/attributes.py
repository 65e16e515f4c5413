"""Plain values as DynamoDB's attributes, and back: of its types those that we store. boto3 has the same for
all of them, at several times the cost.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

from decimal import Decimal
from typing import Any

Item = dict[str, Any]


def dump(values: Item) -> Item:
    """None is left out, but not within lists and maps. TypeError for what has no form here."""
    return {name: _dumped(value) for name, value in values.items() if value is not None}


def load(attributes: Item) -> Item:
    """Whole numbers are int, others Decimal. TypeError for a type that we do not store."""
    return {name: _loaded(value) for name, value in attributes.items()}


def _dumped(value: object) -> dict[str, Any]:
    match value:
        case str():
            return {"S": value}
        case bool():  # before int, which it is too
            return {"BOOL": value}
        case int() | Decimal():
            return {"N": str(value)}
        case dict():
            return {"M": {name: _dumped(member) for name, member in value.items()}}
        case list() | tuple():
            return {"L": [_dumped(member) for member in value]}
        case None:
            return {"NULL": True}
    raise TypeError(f"{type(value).__name__} is not stored")


def _loaded(attribute: dict[str, Any]) -> Any:
    ((kind, value),) = attribute.items()
    match kind:
        case "S" | "BOOL":
            return value
        case "N":
            return int(value) if value.lstrip("-").isdecimal() else Decimal(value)
        case "M":
            return load(value)
        case "L":
            return [_loaded(member) for member in value]
        case "NULL":
            return None
    raise TypeError(f"attributes of type {kind} are not stored")
