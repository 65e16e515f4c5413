"""What queries of several routes have: times, places, people, applications."""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field, TypeAdapter

from switchboard.models.faults import Faults

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
NO_CURSOR = "must be the cursor of an answer before"
_YEARS = range(2000, 9000)
"""In which there is room to count days forth and back."""


def _since(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time, as 2026-11-26T10:00:00Z, or a date") from None
    if moment.year not in _YEARS:
        raise ValueError(f"must be of the years {_YEARS[0]} to {_YEARS[-1]}")
    return moment


def _until(text: str) -> datetime:
    """Before which; of a date its end."""
    moment = _since(text)
    return moment + timedelta(days=1) if _DATE.fullmatch(text) else moment


def decoded(cursor: str) -> str:
    """The place that `cursor` named. ValueError if it never did."""
    try:
        return base64.b64decode(cursor, b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        raise ValueError(NO_CURSOR) from None


def _person(text: str) -> str:
    """As a message has its recipient: a number without its + and spaces; ids are what they are."""
    text = text.strip()
    digits = "".join(text.split()).removeprefix("+")
    if not text:
        raise ValueError("must be a number, as 447700900100, or an id")
    return digits if digits.isascii() and digits.isdecimal() else text


SINCE: TypeAdapter[datetime] = TypeAdapter(Annotated[str, Field(max_length=40), AfterValidator(_since)])
UNTIL: TypeAdapter[datetime] = TypeAdapter(Annotated[str, Field(max_length=40), AfterValidator(_until)])
OWNER: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(max_length=100, pattern="^[A-Za-z0-9-]+$")])
PERSON: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(max_length=200), AfterValidator(_person)])


def one_of(*words: str) -> TypeAdapter[str]:
    def check(word: str) -> str:
        if word not in words:
            raise ValueError(f"must be one of: {', '.join(words)}")
        return word

    return TypeAdapter(Annotated[str, AfterValidator(check)])


class Query:
    """What a query has, read one by one; `faults` has what is wrong with it."""

    def __init__(self, given: Mapping[str, str], *names: str) -> None:
        """`names` are those that it may have: a filter that is misspelt must not show everything."""
        self.given = given
        self.faults = Faults()
        for name in sorted(given.keys() - set(names)):
            self.faults.add(name, f"is no parameter of this. There are: {', '.join(names)}")

    def read(self, shape: TypeAdapter[Any], name: str) -> Any:
        """None if it is not there, or wrong."""
        return self.faults.read(shape, self.given[name], name) if name in self.given else None

    def period(self, now: datetime, days: int) -> tuple[datetime, datetime]:
        """`from` and `to`; until now, and so many days, where they are not given. `to` is not part of it."""
        until = self.read(UNTIL, "to") or now
        since = self.read(SINCE, "from") or until - timedelta(days=days)
        if since >= until:
            self.faults.add("to", "must be after from")
        return since, until


def cursor(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode()
