"""Results as tables for people and as JSON for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench import sample
from bench.cold import GOAL as COLD_GOAL
from bench.cold import LAYER_GOAL_MB, Start
from bench.cost import GOALS, HEADLINE, Costs, Measured
from bench.growth import Carried
from bench.prices import Prices
from bench.scaling import Outcome
from bench.warm import GOAL as WARM_GOAL
from bench.warm import Warm


def table(rows: Sequence[Sequence[str]]) -> str:
    """The first row is the head; the first column is words, the others are numbers."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
        for row in rows
    ]  # fmt: skip
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def costs(found: Costs) -> str:
    prices = found.prices
    parts = [
        f"Prices: {prices.region}, {prices.as_of}. US dollars for a million; batches of 10, caches warm.",
        "A message: one send, two receipts, three webhooks",
        _lines(prices, [*found.messages.values(), found.small, found.alone]),
        "`one a batch` and `alone` are " + HEADLINE + " messages; `alone` finds every cache empty.",
        "A dispatch, its messages included. `first refused`: not delivered, and the second step wins",
        _lines(prices, list(found.dispatches.values())),
        "Who spends it",
        _spenders(prices, [found.messages[HEADLINE], *found.dispatches.values()]),
        "What is called, for each",
        _calls([found.messages[HEADLINE], found.dispatches["first wins"], found.dispatches["second wins"]]),
        "The closest public sample, by the same rules (bench/sample.py)",
        _sample(prices),
        goals(found.reached(), GOALS, "$"),
    ]  # fmt: skip
    return "\n\n".join(parts)


def _lines(prices: Prices, measured: Sequence[Measured]) -> str:
    rows = [["", *(each.name for each in measured)]]
    for line, price in prices.lines.items():
        values = [each.dollars(prices).get(line, 0.0) for each in measured]
        if any(values):
            rows.append([price.name, *(f"{value:.2f}" for value in values)])
    rows.append(["all", *(f"{each.total(prices):.2f}" for each in measured)])
    return table(rows)


def _sample(prices: Prices) -> str:
    found = sample.dollars(prices)
    rows = [
        [price.name, *(f"{each.get(line, 0.0):.2f}" for each in found.values())]
        for line, price in prices.lines.items()
        if any(line in each for each in found.values())
    ]
    rows.append(["all", *(f"{sum(each.values()):.2f}" for each in found.values())])
    return table([["", *found], *rows])


def _spenders(prices: Prices, measured: Sequence[Measured]) -> str:
    spent = [each.dollars_by(prices) for each in measured]
    names = list(dict.fromkeys(who for each in spent for who in each))
    rows = [[who, *(f"{each.get(who, 0.0):.2f}" for each in spent)] for who in names]
    return table([["", *(each.name for each in measured)], *rows])


def _calls(measured: Sequence[Measured]) -> str:
    names = sorted({call for each in measured for call in each.calls})
    rows = [[call, *(f"{each.calls.get(call, 0):g}" for each in measured)] for call in names]
    return table([["", *(each.name for each in measured)], *rows])


def goals(reached: Mapping[str, float], wanted: Mapping[str, float], unit: str = "") -> str:
    rows = [["goal", "at most", "is", ""]]
    for name, value in reached.items():
        goal = wanted[name]
        rows.append(
            [name, f"{unit}{goal:.2f}", f"{unit}{value:.2f}", "reached" if value <= goal else "MISSED"]
        )
    return table(rows)


def costs_json(found: Costs) -> dict[str, Any]:
    def one(each: Measured) -> dict[str, Any]:
        return {
            "batch": each.batch,
            "units": each.units,
            "units_by": each.by,
            "calls": each.calls,
            "dollars_per_million": each.dollars(found.prices),
            "dollars_per_million_by": each.dollars_by(found.prices),
            "total": each.total(found.prices),
        }

    return {
        "prices": {"region": found.prices.region, "as_of": str(found.prices.as_of)},
        "messages": {name: one(each) for name, each in found.messages.items()},
        "sample_dollars_per_million": sample.dollars(found.prices),
        "one_a_batch": one(found.small),
        "alone": one(found.alone),
        "dispatches": {name: one(each) for name, each in found.dispatches.items()},
        "goals": {
            name: {"at_most": GOALS[name], "is": value} for name, value in found.reached().items()
        },
    }  # fmt: skip


# --- times ------------------------------------------------------------------------------------------


def colds(found: Sequence[Start]) -> str:
    rows = [["cold start", "ms", "of that import", "floor ms", "ratio", f"at most {COLD_GOAL}"]]
    for each in found:
        verdict = "reached" if each.ratio <= COLD_GOAL else "MISSED"
        times = (each.seconds, each.import_seconds, each.floor_seconds)
        rows.append([each.function, *(f"{time * 1000:.0f}" for time in times), f"{each.ratio:.2f}", verdict])
    heavy = [
        f"{each.function}: " + ", ".join(f"{name} {time * 1000:.0f}" for name, time in each.heaviest[:12])
        for each in found
    ]
    title = "Heaviest imports that the floor does not make, with what is below them, ms:"
    return "\n\n".join([table(rows), "\n".join([title, *heavy])])


def warms(found: Sequence[Warm]) -> str:
    rows = [["warm handler, one message", "ms", "bare ms", "ratio", f"at most {WARM_GOAL}"]]
    for each in found:
        verdict = "reached" if each.ratio <= WARM_GOAL else "MISSED"
        times = (each.seconds, each.bare_seconds)
        rows.append([each.function, *(f"{time * 1000:.2f}" for time in times), f"{each.ratio:.2f}", verdict])
    return table(rows)


def layer(megabytes: float) -> str:
    return f"Layers, unzipped: {megabytes:.1f} MB (at most {LAYER_GOAL_MB:.0f})"


# --- many at once -----------------------------------------------------------------------------------


def outcomes(found: Sequence[tuple[str, Outcome]]) -> str:
    rows = [
        [
            "a second",
            "quotas",
            "done a second",
            "refused",
            "most waiting",
            "functions at once",
            "held back by",
        ]
    ]
    for quotas, each in found:
        worst = sorted(each.limits, key=lambda name: -each.limits[name])[:2]
        done, refused = each.done / each.seconds, max(0.0, each.refused / each.offered)
        most = (f"{each.peak_waiting:,.0f}", f"{each.peak_concurrency:,.0f}")
        numbers = (f"{done:,.0f}", f"{refused:.0%}", *most)
        rows.append([f"{each.rate:,} {each.load}", quotas, *numbers, "; ".join(worst) or "nothing"])
    return table(rows)


def carried(found: Sequence[Carried]) -> str:
    rows = [["at once, local stack", "webhooks", "lost", "doubled", "seconds", "MB before", "MB"]]
    for each in found:
        sizes = (f"{each.seconds:.0f}", f"{each.megabytes_before:.0f}", f"{each.megabytes:.0f}")
        counts = (f"{each.webhooks:,}", str(each.lost), str(each.doubled))
        rows.append([f"{each.count:,} {each.kind}", *counts, *sizes])
    names = sorted({name for each in found for name in each.units})
    billed = [["units of one, there", *names]]
    for each in found:
        billed.append([f"{each.count:,} {each.kind}", *(f"{each.units.get(name, 0):.2f}" for name in names)])
    return table(rows) + "\n\n" + table(billed)


def growth(measured: Sequence[Measured], prices: Prices) -> str:
    names = [name for name in prices.lines if any(each.units.get(name) for each in measured)]
    rows = [
        [prices.lines[name].name, *(f"{each.units.get(name, 0):.3g}" for each in measured)] for name in names
    ]
    return table([["units of one, of many at once", *(each.name for each in measured)], *rows])
