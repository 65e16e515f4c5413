"""Times as counts in buckets, each a fifth longer than the one before: small, can be added up, and good for
percentiles to within a tenth."""

from collections.abc import Mapping
from math import ceil, log, sqrt

GROWTH = 1.2
SHORTEST = 0.1
"""Seconds. The bucket 0 is for all up to it."""


def bucket(seconds: float) -> int:
    """The number of the bucket of a time: bucket n reaches to SHORTEST * GROWTH ** n seconds."""
    return 0 if seconds <= SHORTEST else max(1, ceil(round(log(seconds / SHORTEST, GROWTH), 9)))


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """The time in seconds that this share of all was not longer than; None of nothing."""
    wanted = share * sum(counts.values())
    passed = 0
    for number in sorted(counts):
        passed += counts[number]
        if counts[number] and passed >= wanted:
            return _middle(number)
    return None


def _middle(number: int) -> float:
    if number == 0:
        return SHORTEST
    seconds = SHORTEST * GROWTH**number / sqrt(GROWTH)
    return float(f"{seconds:.3g}")
