"""messages:list, dispatch:list: the newest first."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from switchboard_cli import channels, following, session
from switchboard_cli.client import Body
from switchboard_cli.output import coloured, text
from switchboard_cli.session import AsAccount, AsJson, Session

_PAGE = 100

OfApplication = Annotated[
    str | None,
    typer.Option(
        "--app-id",
        help="An application's, by key and secret; account for its own. Default: the folder's application.",
        metavar="ID",
    ),
]
Channel = Annotated[str | None, typer.Option("--channel", "-c", metavar="CHANNEL")]
Status = Annotated[str | None, typer.Option("--status", metavar="STATUS")]
Recipient = Annotated[str | None, typer.Option("--to", "-t", help="Sent to this number or id.", metavar="TO")]
From = Annotated[
    str | None,
    typer.Option("--from-time", help="Accepted from then on, as 2026-11-26T10:00:00Z.", metavar="TIME"),
]
Until = Annotated[str | None, typer.Option("--until", help="Until then.", metavar="TIME")]
Limit = Annotated[int, typer.Option("--limit", help="At most so many.", min=1, metavar="N")]


def messages(
    context: typer.Context,
    channel: Channel = None,
    status: Status = None,
    to: Recipient = None,
    since: From = None,
    until: Until = None,
    limit: Limit = 20,
    app_id: OfApplication = None,
    as_account: AsAccount = False,
    as_json: AsJson = False,
) -> None:
    """List messages, the newest first.

    [dim]switchboard messages:list --channel sms --status undeliverable[/dim]
    """
    here = session.of(context)
    query = _query(channel, status, to, since, until, app_id)
    found, more = _all(here, "messages", "/v0.1/messages", query, limit, as_account)
    _show(
        here,
        found,
        more,
        limit,
        ("message", "accepted", "channel", "from", "to", "status", "price"),
        lambda one: (
            text(one["message_uuid"], "bold"),
            one.get("accepted_at") or one.get("timestamp"),
            one["to"].get("type"),
            _party(one["from"]),
            _party(one["to"]),
            coloured(one["status"]),
            following.price(one.get("usage")),
        ),
    )


def dispatches(
    context: typer.Context,
    channel: Channel = None,
    status: Status = None,
    to: Recipient = None,
    since: From = None,
    until: Until = None,
    limit: Limit = 20,
    app_id: OfApplication = None,
    as_account: AsAccount = False,
    as_json: AsJson = False,
) -> None:
    """List dispatches, the newest first; `--channel` and `--to` are of any step.

    [dim]switchboard dispatch:list --status running[/dim]
    """
    here = session.of(context)
    query = _query(channel, status, to, since, until, app_id)
    found, more = _all(here, "dispatches", "/v0.1/dispatch", query, limit, as_account)
    _show(
        here,
        found,
        more,
        limit,
        ("dispatch", "began", "channels", "step", "status", "price"),
        lambda one: (
            text(one["dispatch_uuid"], "bold"),
            one["timestamp"],
            " → ".join(one["channels"]),
            f"{one['step'] + 1} of {one['steps']}",
            coloured(one["status"]),
            following.total(one),
        ),
    )


def _query(
    channel: str | None,
    status: str | None,
    to: str | None,
    since: str | None,
    until: str | None,
    app_id: str | None,
) -> Body:
    query = {
        "channel": channels.v01(channel) if channel else None,
        "status": status,
        "to": to,
        "from_time": since,
        "until": until,
        "application_id": app_id,
    }
    return {name: value for name, value in query.items() if value is not None}


def _all(
    here: Session, name: str, path: str, query: Body, limit: int, as_account: bool
) -> tuple[list[Body], bool]:
    """So many, and whether there are more. A page can be short, or empty, and not the last."""
    by = here.api.sender(as_account or "application_id" in query)
    found: list[Body] = []
    place: str | None = None
    while len(found) < limit:
        page = {**query, "limit": min(_PAGE, limit - len(found)), **({"cursor": place} if place else {})}
        answer = here.api.call("GET", path, query=page, by=by)
        found += answer[name]
        place = answer["next"]
        if not place:
            break
    return found, place is not None


def _show(
    here: Session,
    found: list[Body],
    more: bool,
    limit: int,
    columns: Sequence[str],
    row: Callable[[Body], Sequence[object]],
) -> None:
    if here.as_json:
        here.output.json(found)
        return
    if not found:
        here.output.note("None.")
        return
    here.output.table(columns, [row(one) for one in found])
    if more:
        here.output.note(f"There are more than {limit}: --limit, or --from-time and --until.")


def _party(end: Any) -> str:
    return str(end.get("number") or end.get("id") or "")


def add_to(app: typer.Typer) -> None:
    session.register(app, "Messages and dispatches", {"messages:list": messages, "dispatch:list": dispatches})
