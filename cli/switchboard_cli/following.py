"""Watching a message or a dispatch until it ends: one line for each thing that happens."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from rich.status import Status as Spinner
from rich.text import Text

from switchboard_cli.channels import WITHOUT_RECEIPTS
from switchboard_cli.client import Body
from switchboard_cli.errors import CliError, Code
from switchboard_cli.output import Output, coloured, out, text

ORDER = ("accepted", "submitted", "delivered", "read")
BAD = ("rejected", "undeliverable")
_PAUSES = ((10, 0.25), (60, 1.0), (600, 3.0))
"""Seconds since the beginning, and how long to pause between looks until then."""
_LONGEST_PAUSE = 10.0

sleep = time.sleep
now = time.monotonic


def reached(status: str, wanted: str) -> bool:
    return status in BAD or (status in ORDER and ORDER.index(status) >= ORDER.index(wanted))


def looks(timeout: float | None) -> Iterator[None]:
    """Ends when the time is over; the last look is at its very end."""
    begun = now()
    while True:
        yield
        age = now() - begun
        if timeout is not None and age >= timeout:
            return
        pause = next((pause for until, pause in _PAUSES if age < until), _LONGEST_PAUSE)
        sleep(pause if timeout is None else min(pause, timeout - age))


def message(show: Callable[[], Body], output: Output, wanted: str | None, timeout: float | None) -> Body:
    """The message when it has reached `wanted` or a bad end. Undecided if it has not in time."""
    seen: set[str] = set()
    shown: Body = {}
    with Screen(output) as screen:
        for _ in looks(timeout):
            shown = show()
            for status, at in _in_order(shown.get("statuses") or {}):
                if status not in seen:
                    seen.add(status)
                    screen.line(" ", clock(at), coloured(f"{status:<13}"), *_remarks(shown, status))
            status = str(shown.get("status"))
            goal = wanted or ("submitted" if _channel(shown) in WITHOUT_RECEIPTS else "delivered")
            if reached(status, goal):
                return shown
            screen.waits(f"{status}; waiting for {goal}")
    raise CliError(
        Code.UNDECIDED,
        f"It is {shown.get('status', 'nowhere')} after {timeout:g} s",
        hint=f"switchboard message:show {shown.get('message_uuid', 'UUID')} shows it later",
        body={"message": shown},
    )


class Screen:
    """Lines, and below them what is waited for, on a terminal."""

    def __init__(self, output: Output) -> None:
        self._output = output
        console = out()
        shows = console.is_terminal and not output.as_json
        self._spinner = Spinner("", console=console) if shows else None

    def __enter__(self) -> Self:
        if self._spinner:
            self._spinner.start()
        return self

    def __exit__(self, *reason: object) -> None:
        if self._spinner:
            self._spinner.stop()

    def line(self, *parts: object) -> None:
        self._output.line(*parts, console=self._spinner.console if self._spinner else None)

    def waits(self, what: str) -> None:
        if self._spinner:
            self._spinner.update(what)


@dataclass
class Timeline:
    """What has been told of a dispatch."""

    line: Callable[..., None]
    told: set[tuple[object, ...]] = field(default_factory=set)

    def tell(self, shown: Body) -> None:
        for key, at, line in self._events(shown):
            if key not in self.told:
                self.told.add(key)
                self.line(" ", clock(at), line)

    def _events(self, shown: Body) -> Iterator[tuple[tuple[object, ...], str, Text]]:
        steps: list[Body] = shown.get("steps") or []
        found: list[tuple[str, int, tuple[object, ...], Text]] = []
        for index, step in enumerate(steps):
            number, began = index + 1, step.get("began_at")
            name = text(f"step {number} ", "dim") + text(f"{step['channel']:<18}")
            if began:
                found.append((began, 0, (number, "began"), name + text(_goal(step), "dim")))
            times = {**(step.get("statuses") or {}), **(step.get("heard") or {})}
            for status, at in _in_order(times):
                line = name + coloured(status)
                if step.get("late") and status == step.get("condition_status"):
                    line += text("  late", "yellow")
                if step.get("error") and status == step.get("status"):
                    line += text(f"  {error_text(step['error'])}", "red")
                found.append((at, 1, (number, status), line))
            later = steps[index + 1].get("began_at") if index + 1 < len(steps) else None
            if later and (why := _unmet(step)):
                found.append((later, -1, (number, "over"), name + text(why, "yellow")))
        found.sort(key=lambda event: (_time(event[0]), event[1]))
        for at, _, key, line in found:
            yield key, at, line


def dispatch(show: Callable[[], Body], output: Output, timeout: float | None) -> Body:
    """The dispatch when it has ended. Undecided if it has not in time."""
    shown: Body = {}
    with Screen(output) as screen:
        timeline = Timeline(screen.line)
        for _ in looks(timeout):
            shown = show()
            timeline.tell(shown)
            if shown.get("status") not in ("running", "cancelled") or shown.get("report"):
                return shown
            screen.waits(_waiting(shown))
    raise CliError(
        Code.UNDECIDED,
        f"It is still running after {timeout:g} s",
        hint=f"switchboard dispatch:show {shown.get('dispatch_uuid', 'UUID')} --follow goes on",
        body={"dispatch": shown},
    )


def clock(at: object) -> Text:
    """A time of the API's as the user's own."""
    moment = _time(at)
    if moment == datetime.min.replace(tzinfo=UTC):
        return text(at, "dim")
    return text(f"{moment.astimezone():%H:%M:%S}.{moment.microsecond // 1000:03}", "dim")


def prose(words: str) -> str:
    """The API's sentences, with their times as the user's own."""

    def local(found: re.Match[str]) -> str:
        moment = _time(found.group()).astimezone()
        is_today = moment.date() == datetime.now().astimezone().date()
        return f"{moment:%H:%M:%S}" if is_today else f"{moment:%Y-%m-%d %H:%M:%S}"

    return re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", local, words)


def price(usage: Any) -> str:
    """{"price", "currency"} as text."""
    return f"{usage['price']} {usage.get('currency', '')}".strip() if usage and "price" in usage else ""


def total(shown: Body) -> str:
    """What a dispatch has cost by now; what its report said, of an API that does not say more."""
    cost = price(shown.get("usage"))
    match shown.get("usage_state"):
        case "so_far":
            return f"{cost} so far".strip() if cost else ""
        case "unknown":
            return f"{cost} and more" if cost else "not known"
    return cost


def _time(at: object) -> datetime:
    try:
        moment = datetime.fromisoformat(str(at))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _in_order(statuses: Body) -> list[tuple[str, str]]:
    ranks = {status: rank for rank, status in enumerate((*ORDER, *BAD))}
    return sorted(statuses.items(), key=lambda entry: (_time(entry[1]), ranks.get(entry[0], 9)))


def _channel(shown: Body) -> str:
    """Of a v1 body, or of a v0.1 body."""
    to = shown.get("to")
    return str(shown.get("channel") or (to.get("type") if isinstance(to, dict) else "") or "")


def _remarks(shown: Body, status: str) -> Iterator[Text]:
    if status != shown.get("status"):
        return
    if cost := price(shown.get("usage")):
        yield text(cost, "dim")
    if error := shown.get("error"):
        yield text(error_text(error), "red")


def error_text(error: Body) -> str:
    """Of v0.1 {"code", "reason"} or v1 {"title", "detail"}."""
    parts = error.get("code") or error.get("title"), error.get("reason") or error.get("detail")
    return " ".join(str(part) for part in parts if part)


def _goal(step: Body) -> str:
    condition, seconds = step.get("condition_status"), step.get("expiry_time")
    return f"begins: to be {condition} within {seconds} s" if condition and seconds else "begins: the last"


def _unmet(step: Body) -> str:
    """Why the next step had to begin."""
    status, reason = step.get("status"), step.get("reason")
    if reason == "met_late":
        return f"not {step.get('condition_status')} in time: on to the next, which is not sent any more"
    if reason in ("rejected", "undeliverable", "refused"):
        return f"{reason}: on to the next"
    if status in BAD and not reason:
        return "failed: on to the next"
    condition = step.get("condition_status")
    return f"not {condition} in {step.get('expiry_time')} s: on to the next" if condition else ""


def _waiting(shown: Body) -> str:
    steps: list[Body] = shown.get("steps") or []
    at = shown.get("step")
    if not isinstance(at, int) or not 0 <= at < len(steps):
        return "running"
    step = steps[at]
    condition, seconds, began = step.get("condition_status"), step.get("expiry_time"), step.get("began_at")
    where = f"step {at + 1} of {len(steps)}, {step.get('channel')}: waiting for {condition or 'its end'}"
    if not (condition and seconds and began):
        return where
    left = float(seconds) - (datetime.now(UTC) - _time(began)).total_seconds()
    return f"{where}, {max(0, round(left))} s left"
