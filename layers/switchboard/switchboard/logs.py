"""Logging without what must not be in a log: no numbers, no contents, no tokens."""

import json
import logging
import re
import traceback
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

# It writes every request's full address at INFO, and a webhook's address can hold a token.
logging.getLogger("httpx").setLevel(logging.WARNING)

logger = Logger()

IDS = ("message_uuid", "dispatch_uuid", "redaction_id")
"""By which a log is searched. Each line is given its own: records are worked on side by side, and a key that
the logger keeps would be on the lines of others."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def ids(values: Mapping[str, object]) -> dict[str, Any]:
    """The ids among these, if they are ids: what others put there could be anything."""
    found = {name: values.get(name) for name in IDS}
    return {name: id_ for name, id_ in found.items() if isinstance(id_, str) and _UUID.fullmatch(id_)}


def named(body: str) -> dict[str, Any]:
    """The ids that a queue entry names."""
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return ids(values) if isinstance(values, dict) else {}


def failure(text: str, error: BaseException, **ids: Any) -> None:
    """Log an error by its type and place. Its message is left out, as it may quote what it failed on."""
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    logger.error(text, error=type(error).__name__, where=where, **ids)
