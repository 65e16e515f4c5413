"""Logging without what must not be in a log: no numbers, no contents, no tokens."""

import logging
import traceback
from typing import Any

from aws_lambda_powertools import Logger

# It writes every request's full address at INFO, and a webhook's address can hold a token.
logging.getLogger("httpx").setLevel(logging.WARNING)

logger = Logger()


def failure(text: str, error: BaseException, **ids: Any) -> None:
    """Log an error by its type and place. Its message is left out, as it may quote what it failed on."""
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    where = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    logger.error(text, error=type(error).__name__, where=where, **ids)
