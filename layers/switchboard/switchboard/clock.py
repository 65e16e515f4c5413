"""Time, and how we write it."""

from datetime import UTC, datetime, timedelta

TICK = timedelta(seconds=1)
"""How exactly a provider's stamp is taken."""
SECOND = timedelta(seconds=1)


def now() -> datetime:
    return datetime.now(UTC)


def stamped(theirs: datetime | None, heard: datetime) -> tuple[datetime, datetime | None]:
    """When something happened that a provider tells of: the moment to show, and when we heard of it if that
    is another.

    Within TICK ours stands for both. A stamp of whole seconds means any moment of its second. Beyond it the
    stamp is shown. What came before what is decided by when we heard: their clocks are not ours.
    """
    if theirs is None:
        return heard, None
    latest = theirs if theirs.microsecond else theirs + SECOND
    if theirs - TICK <= heard <= latest + TICK:
        return heard, None
    return theirs, heard


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
