"""Time, and how we write it."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)


def milliseconds(moment: datetime) -> int:
    """Unix time in ms, as SQS, Meta and AWS write it."""
    return round(moment.timestamp() * 1000)


def from_milliseconds(value: float) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)


def wire(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z, the form of every timestamp in our API."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_wire(text: str) -> datetime:
    return datetime.fromisoformat(text)
