"""Numbers API: the form that links a number to an application, the list of numbers, a number's country."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import uuid4

from pydantic import Field, TypeAdapter

from switchboard.models.faults import Faults
from switchboard.models.frozen import LAZY, Frozen

_COUNTRY = re.compile(r"[A-Za-z]{2}")
NUMBER = re.compile(r"[1-9][0-9]{2,14}")


class Number(Frozen):
    """A number that is ours. `country` in two letters, None when nobody said."""

    msisdn: str
    country: str | None = None
    features: tuple[str, ...] = ("SMS",)
    application_id: str | None = None


class NumberUpdate(Frozen):
    country: str
    msisdn: str
    application_id: str | None = None
    """None unlinks."""
    named: str = "app_id"
    """The parameter that named the application."""


class NumberQuery(Frozen):
    """What is None is not asked for. `search_pattern`: 0 is the beginning, 1 anywhere, 2 the end."""

    country: str | None = None
    application_id: str | None = None
    has_application: bool | None = None
    pattern: str = ""
    search_pattern: int = 0
    index: int = 1
    size: int = 10

    def matches(self, number: str, country: str | None) -> bool:
        if self.country not in (None, country):
            return False
        tests = (number.startswith, number.__contains__, number.endswith)
        return tests[self.search_pattern](self.pattern)

    @property
    def by_application(self) -> bool:
        return self.application_id is not None or self.has_application is not None

    def wants(self, application_id: str | None) -> bool:
        return self.application_id in (None, application_id) and self.has_application in (
            None,
            application_id is not None,
        )


_PATTERN: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=0, le=2)], config=LAZY)
_INDEX: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1)], config=LAZY)
_SIZE: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1, le=100)], config=LAZY)


def update(given: Mapping[str, str]) -> NumberUpdate:
    """InvalidRequest names every fault. An empty parameter is one that is not there."""
    faults = Faults()
    country, msisdn = given.get("country", ""), given.get("msisdn", "").strip().removeprefix("+")
    _check_country(faults, country, "is required" if not country else "")
    if not NUMBER.fullmatch(msisdn):
        faults.add("msisdn", "must be a number of yours, as in 447700900100" if msisdn else "is required")
    named, application = _application(faults, given)
    url = given.get("moHttpUrl")
    if url and application is None:
        faults.add("moHttpUrl", "is not kept for a number: link an application that has an inbound_url")
    faults.check()
    return NumberUpdate(country=country.upper(), msisdn=msisdn, application_id=application, named=named)


def query(given: Mapping[str, str]) -> NumberQuery:
    faults = Faults()
    country = given.get("country") or None
    if country:
        _check_country(faults, country)
    has = given.get("has_application", "").lower()
    if has not in ("", "true", "false"):
        faults.add("has_application", "must be true or false")
    search_pattern = faults.read(_PATTERN, given.get("search_pattern") or 0, "search_pattern")
    index = faults.read(_INDEX, given.get("index") or 1, "index")
    size = faults.read(_SIZE, given.get("size") or 10, "size")
    faults.check()
    assert search_pattern is not None  # for the type checker: no fault was found
    assert index
    assert size
    return NumberQuery(
        country=country.upper() if country else None,
        application_id=given.get("application_id") or None,
        has_application=has == "true" if has else None,
        pattern=given.get("pattern", "").strip().strip("*").removeprefix("+"),  # the old CLI leaves its stars
        search_pattern=search_pattern,
        index=index,
        size=size,
    )


def answer_list(numbers: Sequence[Number], total: int) -> dict[str, Any]:
    return {"count": total, "numbers": [_answer(number) for number in numbers]}


def insight(given: Mapping[str, str]) -> dict[str, Any]:
    """What the old CLI asks of a number before it links it: its country. The rest is not known to us."""
    number = re.sub(r"[^0-9]", "", given.get("number", ""))
    if not NUMBER.fullmatch(number):
        return {"status": 3, "status_message": "Invalid request :: Not valid number format detected"}
    import phonenumbers  # half of the function's own import time, and rarely needed

    try:
        parsed = phonenumbers.parse(f"+{number}")
    except phonenumbers.NumberParseException:
        return {"status": 3, "status_message": "Invalid request :: Not valid number format detected"}
    return {
        "status": 0,
        "status_message": "Success",
        "request_id": str(uuid4()),
        "international_format_number": number,
        "country_prefix": str(parsed.country_code),
        "country_code": phonenumbers.region_code_for_number(parsed)
        or phonenumbers.region_code_for_country_code(parsed.country_code or 0),
    }


def result(code: int, label: str) -> dict[str, str]:
    return {"error-code": str(code), "error-code-label": label}


def _answer(number: Number) -> dict[str, Any]:
    """Without the `type`, which nobody told us."""
    application = number.application_id
    linked: dict[str, Any] = {"app_id": application}
    for kind in ("messages", "voice"):  # the old CLI finds an application's numbers by the second
        linked |= {f"{kind}CallbackType": "app", f"{kind}CallbackValue": application}
    return {
        **({"country": number.country} if number.country else {}),
        "msisdn": number.msisdn,
        "features": list(number.features),
        **(linked if application else {}),
    }


def _application(faults: Faults, given: Mapping[str, str]) -> tuple[str, str | None]:
    """The application to link, and the parameter that names it: the newest way wins."""
    found = given.get("app_id")
    if found:
        return "app_id", found
    kind, value = given.get("messagesCallbackType"), given.get("messagesCallbackValue")
    if kind or value:
        if kind != "app":
            faults.add("messagesCallbackType", "must be app")
        if not value:
            faults.add("messagesCallbackValue", "is required with messagesCallbackType")
        return "messagesCallbackValue", value or None
    if given.get("voiceCallbackType") == "app":
        value = given.get("voiceCallbackValue")
        if not value:
            faults.add("voiceCallbackValue", "is required with voiceCallbackType")
        return "voiceCallbackValue", value or None
    return "app_id", None


def _check_country(faults: Faults, country: str, reason: str = "") -> None:
    if not _COUNTRY.fullmatch(country):
        faults.add("country", reason or "must be a country in two letters, as in GB")
