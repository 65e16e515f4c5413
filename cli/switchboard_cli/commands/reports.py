"""insights, reports:messages, audit: numbers, records, and who changed what."""

import csv
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TextIO

import httpx
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from switchboard_cli import channels, session
from switchboard_cli.client import Account, Application, Body
from switchboard_cli.errors import usage
from switchboard_cli.output import err, text
from switchboard_cli.session import AsAccount, AsJson, Session

_PAGE = 200
_OUTCOMES = {"done": "green", "refused": "red", "open": "yellow"}
_NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')

OfApplication = Annotated[
    str | None,
    typer.Option("--app-id", help="An application's, by key and secret; account for its own.", metavar="ID"),
]
From = Annotated[
    str | None,
    typer.Option("--from", help="From then on: a date, or a time as 2026-11-26T10:00:00Z.", metavar="TIME"),
]
To = Annotated[str | None, typer.Option("--to", help="Until then; of a date until its end.", metavar="TIME")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Answer in CSV.", show_default=False, metavar="")]


class Group(StrEnum):
    CHANNEL = "channel"
    PROVIDER = "provider"
    COUNTRY = "country"
    APPLICATION = "application_id"
    DAY = "day"
    HOUR = "hour"
    STEP = "step"


def insights(
    context: typer.Context,
    by: Annotated[
        list[Group] | None,
        typer.Option(
            "--by", help="What each row is of; several times for several. Default: channel.", metavar="GROUP"
        ),
    ] = None,
    since: From = None,
    until: To = None,
    app_id: OfApplication = None,
    as_account: AsAccount = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Show how channels and providers do: sent, delivered, read, how fast, and the cost. Default: 7 days.

    [dim]switchboard insights --by channel --by country --from 2026-11-01[/dim]
    """
    here = session.of(context)
    if as_csv and here.as_json:
        raise usage("--csv and --json", "are two forms: take one")
    groups = [group.value for group in by or [Group.CHANNEL]]
    query = _named({"from": since, "to": until, "application_id": app_id, "group_by": ",".join(groups)})
    who = _who(here, app_id, as_account)
    if as_csv:
        if Group.STEP in groups:
            here.output.note("The rows are of steps. Those of messages: the same without --by step.")
        reply = here.api.fetch("/v0.1/insights", query, "text/csv", by=who)
        _write(sys.stdout, reply.text)
        return
    found = here.api.call("GET", "/v0.1/insights", query=query, by=who)
    if here.as_json:
        here.output.json(found)
        return
    if not found["rows"]:
        here.output.note("Nothing was sent in this time.")
        return
    names = [group for group in found["group_by"] if group != Group.STEP]
    here.output.table(
        (*names, "messages", "sent", "delivered", "p50 / p90", "read", "p50 / p90", "failed", "cost"),
        [
            (
                *(row[name] or "-" for name in names),
                row["messages"],
                row["sent"],
                _share(row["delivered"], row["delivery_rate"]),
                _times(row["seconds_to_delivered"]),
                _share(row["read"], row["read_rate"]),
                _times(row["seconds_to_read"]),
                row["failed"],
                f"{row['cost']} {row['currency']}",
            )
            for row in found["rows"]
        ],
    )
    if found.get("steps"):
        also = [name for name in names if name in found["steps"][0] and name != Group.CHANNEL]
        here.output.table(
            (*also, "step", "channel", "tried", "won", "late", "cost"),
            [
                (
                    *(row[name] or "-" for name in also),
                    row["step"] + 1,  # as people count them
                    row["channel"],
                    row["tried"],
                    _share(row["won"], row["win_rate"]),
                    row["late"],
                    f"{row['cost']} {row['currency']}",
                )
                for row in found["steps"]
            ],
            "steps of workflows",
        )


def messages(
    context: typer.Context,
    since: From = None,
    until: To = None,
    app_id: OfApplication = None,
    channel: Annotated[str | None, typer.Option("--channel", "-c", metavar="CHANNEL")] = None,
    status: Annotated[str | None, typer.Option("--status", metavar="STATUS")] = None,
    recipient: Annotated[
        str | None, typer.Option("--recipient", help="Sent to this number or id.", metavar="TO")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to. Default: the standard output.", metavar="FILE"),
    ] = None,
    as_account: AsAccount = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="CSV, instead of lines of JSON.", show_default=False, metavar="")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the records of messages, the newest first: what became of each, and its price. Default: 7 days.

    [dim]switchboard reports:messages --from 2026-11-01 --to 2026-11-30 --csv -o november.csv[/dim]
    """
    here = session.of(context)
    if as_csv and here.as_json:
        raise usage("--csv and --json", "are two forms: take one")
    query = _named(
        {
            "from": since,
            "to": until,
            "application_id": app_id,
            "channel": channels.v01(channel) if channel else None,
            "status": status,
            "recipient": recipient,
            "format": "csv" if as_csv else "jsonl",
        }
    )
    count = 0
    with _target(file) as target, _progress() as told:
        for reply in _pages(here, query, _who(here, app_id, as_account)):
            records = _records(reply.text, as_csv, first=count == 0)
            count += len(records)
            _write(target, reply.text)
            told(count, records[-1] if records else "")
    if file:
        here.output.note(f"{count} records in {file}")


def _pages(here: Session, query: Body, by: Account | Application) -> Iterator[httpx.Response]:
    """One after the other, until an answer names no next one."""
    while True:
        reply = here.api.fetch("/v0.1/reports/messages", query, "*/*", by=by)
        yield reply
        following = _NEXT.search(reply.headers.get("link", ""))
        if not following:
            return
        query = dict(httpx.URL(following[1]).params)


def _records(page: str, as_csv: bool, first: bool) -> list[str]:
    """When each was accepted."""
    if as_csv:
        rows = list(csv.reader(page.splitlines()))
        place = 7  # of the column
        return [row[place] for row in rows[1 if rows and rows[0][0] == "message_uuid" else 0 :]]
    return [json.loads(line)["accepted_at"] for line in page.splitlines()]


@contextmanager
def _target(file: Path | None) -> Iterator[TextIO]:
    """A file has its name when it is complete, so that half of one is not taken for the whole."""
    if file is None:
        yield sys.stdout
        return
    part = file.with_name(f"{file.name}.part")
    try:
        opened = part.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise usage(f"{file} cannot be written", error.strerror or "") from error
    try:
        with opened:
            yield opened
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _progress() -> Iterator[Any]:
    """Told how many there are by now, and of when the last one is. Shown on terminals only."""
    console = err()
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.completed:,} records"),
        TextColumn("[dim]{task.description}[/dim]"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("", total=None)

        def told(count: int, last: str) -> None:
            progress.update(task, completed=count, description=f"back to {last[:16]}" if last else "")

        yield told


def audit(
    context: typer.Context,
    since: From = None,
    until: To = None,
    limit: Annotated[int, typer.Option("--limit", help="At most so many.", min=1, metavar="N")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show who changed applications, accounts, secrets, templates and limits. Default: 30 days, of 400."""
    here = session.of(context)
    query = _named({"from": since, "to": until})
    found: list[Body] = []
    more: Any = None
    while len(found) < limit:
        page = _named({**query, "limit": min(_PAGE, limit - len(found)), "cursor": more})
        answer = here.api.call("GET", "/v0.1/audit", query=page)
        found += answer["entries"]
        more = answer["cursor"]
        if not more:
            break
    if here.as_json:
        here.output.json(found)
        return
    if not found:
        here.output.note("Nothing was changed in this time.")
        return
    here.output.table(
        ("when", "who", "what", "of", "outcome", "changes"),
        [
            (
                one["timestamp"],
                one["who"],
                text(one["action"], "bold"),
                one["target"],
                text(one["outcome"], _OUTCOMES.get(one["outcome"], "")),
                "\n".join(_changed(change) for change in one["changes"]),
            )
            for one in found
        ],
    )
    if more:
        here.output.note(f"There are more than {limit}: --limit, or --from and --to.")


def _changed(change: Body) -> str:
    old, new = (("-" if value is None else str(value)) for value in (change["old"], change["new"]))
    return f"{change['name']}: {old} → {new}"


def _share(count: int, rate: float | None) -> str:
    return str(count) if rate is None else f"{count} ({rate:.0%})"


def _times(seconds: Body) -> str:
    return " / ".join(_time(seconds[name]) for name in ("p50", "p90")) if seconds["p50"] is not None else ""


def _time(seconds: float) -> str:
    for length, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def _write(target: TextIO, page: str) -> None:
    """As it is: CSV has line ends of its own."""
    target.write(page if target is not sys.stdout else page.replace("\r\n", "\n"))


def _who(here: Session, app_id: str | None, as_account: bool) -> Account | Application:
    return here.api.sender(as_account or app_id is not None)


def _named(values: Body) -> Body:
    return {name: value for name, value in values.items() if value is not None}


def add_to(app: typer.Typer) -> None:
    session.register(
        app, "Numbers and records", {"insights": insights, "reports:messages": messages, "audit": audit}
    )
