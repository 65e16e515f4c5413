"""webhooks:endpoints: whether clients' endpoints take what they are told."""

from typing import Any

import typer

from switchboard_cli import session
from switchboard_cli.client import Body
from switchboard_cli.commands.failed import OfApplication
from switchboard_cli.output import coloured, text
from switchboard_cli.session import AsAccount, AsJson

_ENDPOINTS = "/v0.1/webhooks/endpoints"
_PAGE = 100


def endpoints(
    context: typer.Context,
    app_id: OfApplication = None,
    as_account: AsAccount = False,
    as_json: AsJson = False,
) -> None:
    """Show whether webhook addresses take what they are told, and what is wrong where they do not.

    With --as-account the account's own and those of all applications.
    """
    here = session.of(context)
    query: Body = {"page_size": _PAGE, **({"application_id": app_id} if app_id else {})}
    by = here.api.sender(as_account or app_id is not None)
    found: list[Body] = []
    more: Any = None
    while True:
        page = {**query, "cursor": more} if more else query
        answer = here.api.call("GET", _ENDPOINTS, query=page, by=by)
        found += answer["endpoints"]
        more = answer["cursor"]
        if not more:
            break
    if here.as_json:
        here.output.json(found)
        return
    if not found:
        here.output.note("None. No webhook is set.")
        return
    here.output.table(
        ("application", "webhook", "address", "state", "since", "reason", "next try"),
        [
            (
                one["application_id"] or "the account",
                one["kind"],
                text(one["address"], "bold"),
                coloured(one["state"].replace("_", " ")),
                one["since"],
                one["reason"],
                one["retry_at"],
            )
            for one in found
        ],
    )


def add_to(app: typer.Typer) -> None:
    session.register(app, "Messages and dispatches", {"webhooks:endpoints": endpoints})
