"""limits:show, limits:set: what may be spent in a day."""

from typing import Annotated, Any

import typer

from switchboard_cli import client, session
from switchboard_cli.client import Body
from switchboard_cli.errors import usage
from switchboard_cli.output import text
from switchboard_cli.session import AsJson, Session

_ACCOUNT = "/account/limits"
_NONE = "none"

OfApplication = Annotated[
    str | None, typer.Option("--app-id", help="An application's. Default: the account's.", metavar="ID")
]


def show(context: typer.Context, app_id: OfApplication = None, as_json: AsJson = False) -> None:
    """Show the daily cap, and what of it is spent today."""
    here = session.of(context)
    found = _of_application(_application(here, app_id)) if app_id else here.api.call("GET", _ACCOUNT)
    _show(here, found)


def set_(
    context: typer.Context,
    daily_spend: Annotated[
        str | None,
        typer.Option(
            "--daily-spend", help="At most so much in a day in UTC; none for no cap.", metavar="AMOUNT"
        ),
    ] = None,
    assumed_price: Annotated[
        str | None,
        typer.Option(
            "--assumed-price",
            help="The account's: what a message, or a part of an SMS, counts as where nobody knows its "
            "price; none for no such.",
            metavar="AMOUNT",
        ),
    ] = None,
    app_id: OfApplication = None,
    as_json: AsJson = False,
) -> None:
    """Set the daily cap, of the account or of an application. What is not named stays.

    [dim]switchboard limits:set --daily-spend 50 --assumed-price 0.10[/dim]
    """
    here = session.of(context)
    given = {"daily_spend": daily_spend, "assumed_price": assumed_price}
    changed = {name: None if value == _NONE else value for name, value in given.items() if value is not None}
    if not changed:
        raise usage("Set what?", "--daily-spend or --assumed-price")
    if app_id and assumed_price is not None:
        raise usage("--assumed-price is the account's", "leave --app-id out")
    if app_id:
        old = _application(here, app_id)
        body = {name: old[name] for name in ("name", "capabilities", "privacy") if name in old}
        new = here.api.call("PUT", _path(app_id), {**body, "limits": changed})
        found = _of_application(new)
    else:
        was = here.api.call("GET", _ACCOUNT)
        found = here.api.call("PUT", _ACCOUNT, {**{name: was[name] for name in given}, **changed})
    _show(here, found)


def _path(app_id: str) -> str:
    return f"/v2/applications{client.path(app_id)}"


def _application(here: Session, app_id: str) -> Body:
    found: Body = here.api.call("GET", _path(app_id))
    return found


def _of_application(found: Body) -> Body:
    return {"application_id": found["id"], "daily_spend": None, **(found.get("limits") or {})}


def _show(here: Session, found: Body) -> None:
    if here.as_json:
        here.output.json(found)
        return

    def amount(name: str) -> Any:
        return f"{found[name]} {found.get('currency', '')}".strip() if found.get(name) is not None else ""

    here.output.fields(
        [
            ("application", found.get("application_id")),
            ("daily spend", text(amount("daily_spend") or "no cap", "bold")),
            ("assumed price", amount("assumed_price")),
            ("spent today", amount("spent_today")),
            ("begins anew", found.get("resets_at")),
        ]
    )
    for warning in found.get("warnings") or []:
        here.output.line(text("! ", "yellow") + text(f"{warning['name']}: ", "dim") + text(warning["text"]))


def add_to(app: typer.Typer) -> None:
    session.register(app, "Set-up", {"limits:show": show, "limits:set": set_})
