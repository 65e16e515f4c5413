"""webhooks:failed, webhooks:replay: what a client did not take."""

from typing import Annotated, Any

import typer

from switchboard_cli import session
from switchboard_cli.client import Account, Application, Body
from switchboard_cli.errors import usage
from switchboard_cli.output import coloured, text
from switchboard_cli.session import AsAccount, AsJson, Session

_FAILED, _REPLAY = "/v0.1/webhooks/failed", "/v0.1/webhooks/replay"
_PAGE = 100

OfApplication = Annotated[
    str | None,
    typer.Option(
        "--app-id", help="An application's, by key and secret. Default: the folder's own.", metavar="ID"
    ),
]
From = Annotated[
    str | None,
    typer.Option("--from", help="That occurred from then on, as 2026-11-26T10:00:00Z.", metavar="TIME"),
]
To = Annotated[str | None, typer.Option("--to", help="Until then.", metavar="TIME")]


def failed(
    context: typer.Context,
    app_id: OfApplication = None,
    since: From = None,
    until: To = None,
    limit: Annotated[int, typer.Option("--limit", help="At most so many.", min=1, metavar="N")] = 100,
    as_account: AsAccount = False,
    as_json: AsJson = False,
) -> None:
    """List the webhooks that were not taken within a day, or were refused. They are kept for 14 days."""
    here = session.of(context)
    query = _named({"application_id": app_id, "from": since, "to": until})
    found: list[Body] = []
    more: Any = None
    while len(found) < limit:
        page = _named({**query, "page_size": min(_PAGE, limit - len(found)), "cursor": more})
        answer = here.api.call("GET", _FAILED, query=page, by=_by(here, app_id, as_account))
        found += answer["_embedded"]["failed"]
        more = answer.get("cursor")
        if not more:
            break
    if here.as_json:
        here.output.json(found)
        return
    if not found:
        here.output.note("None. Every webhook was taken, or is still being tried.")
        return
    here.output.table(
        ("event", "occurred", "attempts", "reason", "replayed"),
        [
            (
                text(one["event_id"], "bold"),
                one["occurred_at"],
                one["attempts"],
                coloured(one["reason"]),
                one.get("replayed_at"),
            )
            for one in found
        ],
    )
    if more:
        here.output.note(f"There are more than {limit}: --limit, or --from and --to.")


def replay(
    context: typer.Context,
    event_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[EVENT]...", help="Their ids. Without any: --from, and all of that time."),
    ] = None,
    app_id: OfApplication = None,
    since: From = None,
    until: To = None,
    as_account: AsAccount = False,
    as_json: AsJson = False,
) -> None:
    """Send webhooks again that were not taken: each under its own id, as things are now.

    [dim]switchboard webhooks:replay --from 2026-11-26T10:00:00Z --to 2026-11-26T14:00:00Z[/dim]
    """
    here = session.of(context)
    if bool(event_ids) == bool(since):
        raise usage("Which ones?", "name events, or a time with --from")
    if until and not since:
        raise usage("--to is the end of a time", "--from says where it begins")
    by = _by(here, app_id, as_account)
    count, missing = 0, list[str]()
    if event_ids:
        for start in range(0, len(event_ids), _PAGE):
            ids = event_ids[start : start + _PAGE]
            answer = here.api.call(
                "POST", _REPLAY, _named({"application_id": app_id, "event_ids": ids}), by=by
            )
            count += answer["replayed"]
            missing += answer.get("not_found", [])
    else:
        body: Body | None = _named({"application_id": app_id, "from": since, "to": until})
        while body:
            answer = here.api.call("POST", _REPLAY, body, by=by)
            count += answer["replayed"]
            body = {**body, "cursor": answer["cursor"]} if answer.get("cursor") else None
    if here.as_json:
        here.output.json({"replayed": count, **({"not_found": missing} if missing else {})})
        return
    here.output.done("Replayed:", str(count))
    for event_id in missing:
        here.output.warn(f"There is no {event_id}.")


def _by(here: Session, app_id: str | None, as_account: bool) -> Account | Application:
    return here.api.sender(as_account or app_id is not None)


def _named(values: Body) -> Body:
    return {name: value for name, value in values.items() if value is not None}


def add_to(app: typer.Typer) -> None:
    session.register(app, "Messages and dispatches", {"webhooks:failed": failed, "webhooks:replay": replay})
