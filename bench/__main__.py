"""python -m bench [cost] [cold] [warm] [scaling] [growth] [stack]: all but the last two by default."""

import argparse
import json
import logging
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import cold, cost, growth, prices, report, scaling, warm

PARTS = ("cost", "cold", "warm", "scaling", "growth", "stack")
DEFAULT = ("cost", "cold", "warm", "scaling")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="What Switchboard costs and how fast it is.")
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--json", type=Path, default=Path(".local/bench.json"), help="where results are put")
    parser.add_argument("--rounds", type=int, default=5, help="cold starts of each function")
    parser.add_argument("--functions", default="", help="of cold starts, with commas; all by default")
    parser.add_argument("--largest", type=int, default=10_000, help="most messages at once, of `stack`")
    arguments = parser.parse_args()
    parts = arguments.parts or DEFAULT
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")

    # The state machine ends by an error that it catches, which the fake writes down all the same.
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)
    results: dict[str, Any] = {
        "machine": {"python": platform.python_version(), "system": platform.platform()}
    }
    for part in parts:
        text, results[part] = _run(part, arguments)
        print(f"\n== {part} ==\n\n{text}", flush=True)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(results, indent=1, default=str) + "\n")
    print(f"\nAll of it: {arguments.json}")
    return 0


def _run(part: str, arguments: argparse.Namespace) -> tuple[str, Any]:
    """A table, and the same for programs."""
    match part:
        case "cost":
            costs = cost.run()
            return report.costs(costs), report.costs_json(costs)
        case "cold":
            return _cold(arguments.rounds, tuple(filter(None, arguments.functions.split(","))))
        case "warm":
            warms = warm.run()
            return report.warms(warms), [asdict(each) | {"ratio": each.ratio} for each in warms]
        case "scaling":
            outcomes = scaling.run()
            return report.outcomes(outcomes), [{"quotas": name} | asdict(each) for name, each in outcomes]
        case "growth":
            measured = growth.units()
            grown = growth.grows(measured[:3]) + growth.grows(measured[3:])
            text = report.growth(measured, prices.load()) + "\n\nGrows: " + ("; ".join(grown) or "nothing")
            return text, {each.name: each.units for each in measured} | {"grows": grown}
    messages = [count for count in growth.MESSAGES_AT_ONCE if count <= arguments.largest]
    dispatches = [count for count in growth.DISPATCHES_AT_ONCE if count * 10 <= arguments.largest]
    carried = growth.carried(messages, dispatches, lambda each: print(each, flush=True))
    grown = [
        line
        for kind in ("dispatches", "messages")
        if (measured := [each.measured for each in carried if each.kind == kind])
        for line in growth.grows(measured)
    ]
    text = report.carried(carried) + "\n\nGrows: " + ("; ".join(grown) or "nothing")
    return text, [asdict(each) for each in carried]


def _cold(rounds: int, functions: tuple[str, ...]) -> tuple[str, Any]:
    starts = cold.run(rounds, functions)
    found: dict[str, Any] = {
        "functions": {each.function: asdict(each) | {"ratio": each.ratio} for each in starts}
    }
    text = report.colds(starts)
    try:
        found["layer_megabytes"] = cold.layer_megabytes()
        text += "\n\n" + report.layer(found["layer_megabytes"])
    except subprocess.CalledProcessError as error:
        text += f"\n\nThe layer's size is not known, as pip had no packages: {error.stderr.strip()[-200:]}"
    return text, found


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # executions of the fake may still be waiting for their steps' time
