"""What AWS bills for one call, by the size of what it carries."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

Item = Mapping[str, Any]
"""An item as DynamoDB's API has it: {name: {type: value}}."""
KB = 1024
INDEXES = (("open", "ends_by"), ("listed", "listed_at", "channel", "marks"))
"""What the table's indexes hold of an item beside its key: two attributes that are their own key, and what
they project."""


def chunks(size: int, chunk_kb: int) -> int:
    """How many times `chunk_kb` a request of `size` bytes is billed as; an empty one is one."""
    return max(1, math.ceil(size / (chunk_kb * KB)))


def http_requests(size: int) -> int:
    return chunks(size, 512)


def sqs_requests(bodies: Sequence[str], attributes: int = 0) -> int:
    """A call that carries these bodies, a batch too. One that carries none is one."""
    return chunks(sum(len(body.encode()) for body in bodies) + attributes, 64)


def write_units(before: Item | None, after: Item | None, *, transactional: bool = False) -> int:
    """Of a write in the table: by the larger of the item before and after, a refused one too."""
    size = max(item_size(item) if item else 0 for item in (before, after))
    return chunks(size, 1) * (2 if transactional else 1)


def index_units(before: Item | None, after: Item | None) -> int:
    """Of the same write in the indexes: none where what one holds stays, two where its key changes."""
    return sum(_index_units(_held(before, index), _held(after, index)) for index in INDEXES)


def _index_units(before: Item | None, after: Item | None) -> int:
    if before == after:
        return 0
    if before is None or after is None:
        return write_units(before, after)
    return write_units(before, None) + write_units(None, after)


def _held(item: Item | None, index: Sequence[str]) -> Item | None:
    """What an index holds of an item, if it is in it."""
    if item is None or any(name not in item for name in index[:2]):
        return None
    return {name: item[name] for name in ("pk", "sk", *index) if name in item}


def read_units(sizes: Sequence[int], *, consistent: bool) -> float:
    """Of one get or one page of a query: sizes of what it read; nothing found is billed too."""
    return chunks(sum(sizes), 4) * (1.0 if consistent else 0.5)


def transitions(history: Sequence[Mapping[str, Any]]) -> int:
    """Of one execution: each state entered, and each time that one was tried again."""
    count = tried = 0  # what is entered can fail before it is tried
    for event in history:
        if event["type"].endswith("StateEntered"):
            count, tried = count + 1, 0
        elif event["type"] == "TaskScheduled":
            count, tried = count + (tried > 0), tried + 1
    return count


def item_size(item: Item) -> int:
    """Bytes, as DynamoDB's documentation counts them."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def _value_size(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_size(content)
        case "B":
            return len(content)
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + _value_size(each) for each in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_size(each) for name, each in content.items())
        case "SS":
            return sum(len(each.encode()) for each in content)
        case "NS":
            return sum(_number_size(each) for each in content)
    raise ValueError(f"unknown type {kind}: {json.dumps(content, default=str)}")


def _number_size(text: str) -> int:
    """Two digits a byte, one byte more, and one for a sign."""
    digits = text.lstrip("-").replace(".", "").strip("0")
    return math.ceil(len(digits) / 2) + 1 + text.startswith("-")
