"""account:add, account:list, account:show, account:verify, account:delete: accounts with providers."""

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from switchboard_cli import client, session
from switchboard_cli.client import Body
from switchboard_cli.errors import CliError, Code, usage
from switchboard_cli.files import read_text
from switchboard_cli.output import Output, coloured, text
from switchboard_cli.session import AsJson, Yes, ask, confirm

_PANEL = "Providers and senders"
_SENDER = re.compile(
    r"(?P<channel>[a-z_]+):(?P<id>.+?)(?:@(?P<rate>\d+(?:\.\d+)?)(?P<segments>seg)?(?:/s)?)?"
)
_KEPT = ("channel", "id", "order", "send_as", "rate")

Provider = Annotated[
    str,
    typer.Argument(metavar="PROVIDER", help="As in twilio, whatsapp_cloud, messenger: see docs/channels.md."),
]
AccountId = Annotated[str, typer.Argument(metavar="NAME", help="Your name for the account, as in main.")]


def add(
    context: typer.Context,
    provider: Provider,
    account_id: AccountId,
    credentials: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SETTING[=VALUE]",
            help="Credentials. SETTING alone is asked for and not shown; SETTING=@FILE is read from a file.",
        ),
    ] = None,
    senders: Annotated[
        list[str] | None,
        typer.Option(
            "--sender",
            help="CHANNEL:ID, with a rate CHANNEL:ID@10 (messages a second) or @10seg (parts of texts), "
            "or the API's JSON. Again for each.",
            metavar="CHANNEL:ID[@RATE]",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Shown in lists.")] = None,
    replace_senders: Annotated[
        bool,
        typer.Option(
            "--replace-senders", help="Take away senders that are not named.", show_default=False, metavar=""
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add an account with a provider, or change one. What is not named stays as it is.

    [dim]switchboard account:add twilio main account_sid=AC... auth_token --sender sms:447700900200@10[/dim]
    """
    here = session.of(context)
    where = f"/accounts{client.path(provider, account_id)}"
    named = [_sender(word) for word in senders or []]
    words = credentials or []
    old = _old(here.api, where)
    if old is None and not words:
        here.output.note("Its credentials, one by one; an empty name ends them.")
        while word := ask("Setting", ""):
            words.append(word)
    settings = dict(_setting(word) for word in words)
    had = {} if old is None or replace_senders else {_key(one): _kept(one) for one in old["senders"]}
    body: Body = {"senders": [*(had | {_key(one): one for one in named}).values()]}
    if settings:
        body["credentials"] = settings
    if name or (old and old.get("name")):
        body["name"] = name or (old or {})["name"]
    made = here.api.call("PUT", where, body)
    if here.as_json:
        here.output.json(made)
        return
    here.output.done("Account changed:" if old else "Account added:", f"{provider}/{account_id}")
    _show(here.output, made)
    here.output.next("Ask the provider about it:", f"switchboard account:verify {provider} {account_id}")


def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the accounts with their senders."""
    here = session.of(context)
    found = here.api.call("GET", "/accounts")["_embedded"]["accounts"]
    if here.as_json:
        here.output.json(found)
        return
    if not found:
        here.output.note("No accounts: senders go out by their channel's default account.")
        return
    rows: list[tuple[object, ...]] = []
    for one in found:
        where = text(f"{one['provider']}/{one['account_id']}", "bold")
        rows += [(where, *_row(sender)) for sender in one["senders"]] or [(where, "", "", "", "", "")]
    here.output.table(("account", "channel", "sender", "rate", "application", "verified"), rows)


def show(context: typer.Context, provider: Provider, account_id: AccountId, as_json: AsJson = False) -> None:
    """Show an account: its senders, and the callback addresses to give to the provider."""
    here = session.of(context)
    found = here.api.call("GET", f"/accounts{client.path(provider, account_id)}")
    if here.as_json:
        here.output.json(found)
    else:
        _show(here.output, found)


def verify(
    context: typer.Context,
    provider: Provider,
    account_id: AccountId,
    channel: Annotated[str | None, typer.Option("--channel", help="Only the senders of a channel.")] = None,
    sender: Annotated[str | None, typer.Option("--sender", help="Only this sender.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the provider about an account's senders. Ends with 1 if one of them failed."""
    here = session.of(context)
    asked = {"channel": channel, "sender": sender}
    said = here.api.call(
        "POST",
        f"/accounts{client.path(provider, account_id)}/verify",
        {name: value for name, value in asked.items() if value},
    )
    if here.as_json:
        here.output.json(said)
    else:
        here.output.table(
            ("channel", "sender", "state", "reason"),
            [
                (one["channel"], one["id"], coloured(one["state"]), one.get("reason"))
                for one in said["senders"]
            ],
        )
    if said["state"] == "failed":
        raise typer.Exit(Code.REFUSED)


def delete(
    context: typer.Context,
    provider: Provider,
    account_id: AccountId,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete an account, with its credentials."""
    here = session.of(context)
    where = f"/accounts{client.path(provider, account_id)}"
    if not yes and not confirm(f"Delete {provider}/{account_id} and its credentials?"):
        raise usage("Nothing was deleted")
    here.api.call("DELETE", where)
    here.output.done("Account deleted:", f"{provider}/{account_id}")
    if here.as_json:
        here.output.json({"deleted": f"{provider}/{account_id}"})


def _old(api: client.Api, where: str) -> Body | None:
    try:
        found: Body = api.call("GET", where)
    except CliError as error:
        if error.status == 404:
            return None
        raise
    return found


def _setting(word: str) -> tuple[str, Any]:
    name, separator, value = word.partition("=")
    if not name:
        raise usage(f"{word} has no name", "credentials are SETTING=VALUE")
    if not separator:
        value = ask(name, hide=True)
    elif value.startswith("@"):
        value = read_text(Path(value[1:]).expanduser(), "file").strip()
    return name, value


def _sender(word: str) -> Body:
    if word.startswith("{"):
        try:
            found: Body = json.loads(word)
        except ValueError as error:
            raise usage("The sender is not valid JSON", detail=str(error)) from error
        return found
    match = _SENDER.fullmatch(word)
    if match is None:
        raise usage(f"{word} names no sender", "as in sms:447700900200 or whatsapp:447700900200@20")
    sender: Body = {"channel": match["channel"], "id": match["id"]}
    if match["rate"]:
        sender["rate"] = {"per_second": float(match["rate"])}
        if match["segments"]:
            sender["rate"]["unit"] = "segments"
    return sender


def _key(sender: Body) -> tuple[str, str]:
    return str(sender.get("channel")), str(sender.get("id")).removeprefix("+")


def _kept(sender: Body) -> Body:
    """A sender of an answer as a request has it. Links that it has stay, as they are not named."""
    return {name: sender[name] for name in _KEPT if name in sender}


def _row(sender: Body) -> tuple[object, ...]:
    rate = sender.get("rate")
    verification = sender.get("verification", {})
    state = coloured(verification.get("state", ""))
    if reason := verification.get("reason"):
        state = state + text(f" {reason}", "dim")
    return (
        sender["channel"],
        sender["id"],
        f"{rate['per_second']:g} {rate.get('unit', 'messages')}/s" if rate else "",
        sender.get("application"),
        state,
    )


def _show(output: Output, found: Body) -> None:
    callbacks = found.get("callbacks", {})
    output.fields(
        [
            ("account", text(f"{found['provider']}/{found['account_id']}", "bold")),
            ("name", found.get("name")),
            ("credentials", ", ".join(found.get("credentials", []))),
            ("status callback", callbacks.get("status")),
            ("inbound callback", callbacks.get("inbound")),
        ]
    )
    if found["senders"]:
        output.line("")
        columns = ("channel", "sender", "rate", "application", "verified")
        output.table(columns, [_row(sender) for sender in found["senders"]])


def add_to(app: typer.Typer) -> None:
    session.register(
        app,
        _PANEL,
        {
            "account:add": add,
            "account:list": list_,
            "account:show": show,
            "account:verify": verify,
            "account:delete": delete,
        },
    )
