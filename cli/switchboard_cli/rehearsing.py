"""What would come of a request, as --dry-run shows it."""

from typing import Annotated, Any

import typer

from switchboard_cli.client import Body
from switchboard_cli.errors import Code
from switchboard_cli.output import Output, text

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Send nothing: show its parts, what it can cost, and what is worth a warning.",
        show_default=False,
        metavar="",
    ),
]
MaxPrice = Annotated[
    str | None,
    typer.Option(
        "--max-price",
        help="Hand nothing over that can cost more, in the account's currency.",
        metavar="AMOUNT",
    ),
]


def show(output: Output, told: Body) -> None:
    """The API's answer; in JSON as it is. Ends with REFUSED if a message of it would be."""
    if output.as_json:
        output.json(told)
    else:
        _show(output, told)
    if any(step.get("refused") for step in told.get("steps") or []):
        raise typer.Exit(Code.REFUSED)


def _show(output: Output, told: Body) -> None:
    output.done("Nothing was sent. It can cost", _range(told.get("price")))
    rows = []
    timeline: list[Body] = told.get("timeline") or []
    steps: list[Body] = told.get("steps") or []
    for step, times in zip(steps, timeline, strict=False):
        parts = " ".join(str(step[name]) for name in ("parts", "encoding") if step.get(name))
        rows.append(
            (
                str(int(step["step"]) + 1),
                step["channel"],
                ", ".join(step.get("accounts") or []),
                parts,
                _range(step.get("price")),
                _seconds(times),
                text("refused", "red") if step.get("refused") else "",
            )
        )
    output.table(("step", "channel", "by", "parts", "price", "begins after", ""), rows)
    for warning in told.get("warnings") or []:
        number = warning.get("step")
        named = [] if number is None else [f"step {int(number) + 1}"]
        where = ", ".join([*named, warning["name"]] if warning["name"] else named)
        output.line(text("! ", "yellow") + text(f"{where}: " if where else "", "dim") + text(warning["text"]))


def _range(price: Any) -> str:
    if not price:
        return ""
    floor, ceiling = price.get("floor"), price.get("ceiling")
    if floor is None and ceiling is None:
        return "what nobody knows"
    if floor == ceiling:
        return f"{floor} {price.get('currency', '')}"
    low, high = floor or "?", ceiling or "?"
    return f"{low} to {high} {price.get('currency', '')}"


def _seconds(times: Body) -> str:
    earliest, latest = times.get("earliest"), times.get("latest")
    return f"{latest} s" if earliest == latest else f"{earliest} to {latest} s"
