"""Metrics: counted in memory during one invocation, and written at its end as CloudWatch's Embedded Metric
Format, one line for each channel and provider that the batch was about. CloudWatch takes the metrics out of
the line by itself; nobody waits for a call.

The line is a log line too: it names the messages and dispatches that it tells of, so that nothing more needs
to be logged of a message that fares well. No numbers, no contents.

An environment works on one invocation at a time, in several threads; so there is one collection for the
process, as there is one logger. Without METRICS_NAMESPACE nothing is counted.
"""

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Literal

from switchboard import clock

Dimensions = tuple[str, ...]
WAY: Dimensions = ("Channel", "Provider")
TOTAL: Dimensions = ()
MOST_VALUES = 100
"""Of one metric in one line, as CloudWatch has it."""
NOBODY = "none"
"""The provider of a message that failed before it had one."""


@dataclass(frozen=True)
class Metric:
    """Of one in seconds, the number of samples is how often it happened: that is one metric less to pay."""

    name: str
    unit: Literal["Count", "Seconds", "Percent", "None"]
    dimensions: tuple[Dimensions, ...]

    @property
    def is_sampled(self) -> bool:
        """Its values are told one by one, so that CloudWatch knows percentiles; of others, the sum."""
        return self.unit in ("Seconds", "Percent")


ACCEPTED = Metric("Accepted", "Count", (("Channel",),))
SUBMITTED = Metric("Submitted", "Seconds", (WAY,))
DELIVERED = Metric("Delivered", "Seconds", (WAY,))
READ = Metric("Read", "Seconds", (WAY,))
FAILED = Metric("Failed", "Seconds", (WAY,))
FAILURE_RATE = Metric("FailureRate", "Percent", (TOTAL,))
"""0 for each message that was submitted and 100 for each that failed: an alarm on one metric costs least."""
UNKNOWN = Metric("UnknownOutcomes", "Count", (WAY,))
CIRCUITS = Metric("CircuitsOpened", "Count", (WAY, TOTAL))
SPEND = Metric("Spend", "None", (WAY,))
WEBHOOK_FAILURES = Metric("WebhookFailures", "Count", (TOTAL,))
WEBHOOKS_PUT_ASIDE = Metric("WebhooksPutAside", "Count", (TOTAL,))
METRICS = (
    ACCEPTED,
    SUBMITTED,
    DELIVERED,
    READ,
    FAILED,
    FAILURE_RATE,
    UNKNOWN,
    CIRCUITS,
    SPEND,
    WEBHOOK_FAILURES,
    WEBHOOKS_PUT_ASIDE,
)

_Way = tuple[str, str]


@dataclass
class _Counted:
    """Of one channel and provider."""

    values: dict[Metric, list[float]] = field(default_factory=lambda: defaultdict(list))
    messages: dict[Metric, list[str]] = field(default_factory=lambda: defaultdict(list))
    dispatches: set[str] = field(default_factory=set)
    codes: list[int] = field(default_factory=list)

    def add(self, other: "_Counted") -> None:
        for metric, values in other.values.items():
            self.values[metric] += values
        for metric, uuids in other.messages.items():
            self.messages[metric] += uuids
        self.dispatches |= other.dispatches
        self.codes += other.codes


_counted: dict[_Way, _Counted] = defaultdict(_Counted)
_lock = Lock()


def is_on() -> bool:
    return bool(os.environ.get("METRICS_NAMESPACE"))


def count(
    metric: Metric,
    value: float = 1,
    *,
    channel: str = "",
    account: str = "",
    message_uuid: str | None = None,
    dispatch_uuid: str | None = None,
    code: int | None = None,
) -> None:
    """`account` is `{provider}/{account_id}`, or the provider alone; `code` that of a failure."""
    if not is_on():
        return
    provider = account.partition("/")[0]
    if WAY in metric.dimensions:
        provider = provider or NOBODY
    with _lock:
        counted = _counted[channel, provider]
        counted.values[metric].append(value)
        if message_uuid:
            counted.messages[metric].append(message_uuid)
        if dispatch_uuid:
            counted.dispatches.add(dispatch_uuid)
        if code is not None:
            counted.codes.append(code)


def flush() -> None:
    """Write what was counted since the last time, if anything was."""
    with _lock:
        counted = dict(_counted)
        _counted.clear()
    for way, of_way in _merged(counted).items():
        for line in _lines(way, of_way):
            write(json.dumps(line, separators=(",", ":")))


def write(line: str) -> None:
    """In one piece: other threads may be logging."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _merged(counted: dict[_Way, _Counted]) -> dict[_Way, _Counted]:
    """What says no provider, or no channel, goes along in the line of one that does."""
    found: dict[_Way, _Counted] = {}
    for channel, provider in sorted(counted, reverse=True):
        way = channel, provider
        host = way
        if not provider:
            host = next((each for each in found if channel in ("", each[0])), way)
        if host in found:
            found[host].add(counted[way])
        else:
            found[host] = counted[way]
    return found


def _lines(way: _Way, counted: _Counted) -> Iterator[dict[str, Any]]:
    values = {metric: _summed(metric, found) for metric, found in counted.values.items()}
    for start in range(0, max(map(len, values.values())), MOST_VALUES):
        end = start + MOST_VALUES
        part = {metric: found[start:end] for metric, found in values.items() if found[start:end]}
        line = _line(way, part)
        messages = {metric.name: uuids[start:end] for metric, uuids in counted.messages.items()}
        if any(messages.values()):
            line["messages"] = messages
        if start == 0 and counted.dispatches:
            line["dispatches"] = sorted(counted.dispatches)
        if start == 0 and counted.codes:
            line["codes"] = counted.codes
        yield line


def _summed(metric: Metric, values: list[float]) -> list[float]:
    return [round(value, 3) for value in values] if metric.is_sampled else [round(sum(values), 4)]


def _line(way: _Way, values: dict[Metric, list[float]]) -> dict[str, Any]:
    """By AWS's specification of the Embedded Metric Format."""
    by_dimensions: dict[tuple[Dimensions, ...], list[dict[str, str]]] = defaultdict(list)
    for metric in values:
        unit = {} if metric.unit == "None" else {"Unit": metric.unit}  # which is the default
        by_dimensions[metric.dimensions].append({"Name": metric.name, **unit})
    names = {name for sets in by_dimensions for names in sets for name in names}
    return {
        "_aws": {
            "Timestamp": clock.milliseconds(clock.now()),
            "CloudWatchMetrics": [
                {
                    "Namespace": os.environ["METRICS_NAMESPACE"],
                    "Dimensions": [list(names) for names in sets],
                    "Metrics": metrics,
                }
                for sets, metrics in by_dimensions.items()
            ],
        },
        **{name: value for name, value in zip(WAY, way, strict=True) if name in names},
        **{metric.name: found if len(found) > 1 else found[0] for metric, found in values.items()},
    }
