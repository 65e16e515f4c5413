"""setup: keep the key."""

from typing import Annotated

import typer

from switchboard_cli import session, settings
from switchboard_cli.client import Api
from switchboard_cli.errors import CliError, Code, usage
from switchboard_cli.session import AsJson


def setup(
    context: typer.Context,
    key: Annotated[str, typer.Argument(metavar="KEY", help="The account's API key.")],
    secret: Annotated[
        str | None,
        typer.Argument(metavar="SECRET", help="Its secret. Left out, it is asked for, and not shown."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="The API's address. Default: http://127.0.0.1:8080", metavar="URL"),
    ] = None,
    signature_secret: Annotated[
        str | None,
        typer.Option("--signature-secret", help="What webhooks are signed with, for webhooks:listen."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Keep key and secret in ~/.switchboardrc, which only you can read."""
    here = session.of(context)
    secret = secret or session.ask("API secret", hide=True)
    if not key.strip() or not secret.strip():
        raise usage("The key and the secret cannot be empty")
    address = settings.checked_url(url or here.url or settings.default_url())
    chosen = settings.Settings(address, key, secret, "", "this command")
    reached = True
    try:
        Api(chosen).call("GET", "/v2/applications", query={"page_size": 1})
    except CliError as error:
        if error.code is not Code.UNREACHED or error.status is not None:
            error.hint = "Nothing was written."
            raise
        reached = False
    path = settings.save(address, key, secret, signature_secret)
    if here.as_json:
        here.output.json({"file": str(path), "url": address, "api_key": key, "checked": reached})
        return
    here.output.done("Credentials written to", path)
    if reached:
        here.output.done("The key is known to", address)
    else:
        here.output.warn(f"{address} does not answer now, so the key was not checked")
    here.output.next("Next, an application:", "switchboard app:create")


def add_to(app: typer.Typer) -> None:
    app.command("setup", rich_help_panel="Set-up")(setup)
