"""jwt:generate."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from switchboard_cli import keys, project, session
from switchboard_cli.errors import usage
from switchboard_cli.session import AsJson

_NUMBERS = ("iat", "exp", "nbf")


def generate(
    context: typer.Context,
    claims: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEYFILE|CLAIM=VALUE",
            help="Further claims. A value in braces or brackets is JSON. A word without = is the key's file.",
        ),
    ] = None,
    seconds: Annotated[
        int, typer.Option("--exp", "--expires", help="How long it lives, in seconds.", min=1, max=86_400)
    ] = keys.DEFAULT_SECONDS,
    app_id: Annotated[
        str | None, typer.Option("--app-id", help="The application. Default: that of this folder.")
    ] = None,
    keyfile: Annotated[
        Path | None,
        typer.Option(
            "--keyfile", help="Its private key. Default: the one in .switchboard-app.", metavar="FILE"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a token (JWT) of an application.

    [dim]curl -H "Authorization: Bearer $(switchboard jwt:generate)" ...[/dim]
    """
    here = session.of(context)
    words = claims or []
    files = [Path(word) for word in words if "=" not in word]
    if len(files) + (keyfile is not None) > 1:
        raise usage("The key's file is named twice", f"a claim is NAME=VALUE: {files[-1]} is none")
    keyfile = files[0] if files else keyfile
    given = dict(_claim(word) for word in words if "=" in word)
    known = project.load()
    app_id = str(given.pop("application_id", "") or app_id or (known.app_id if known else ""))
    if not app_id:
        raise usage(
            "Which application?", "--app-id=ID, or choose one for this folder: switchboard app:use ID"
        )
    token = keys.token(app_id, _key(keyfile, app_id, known), given, seconds)
    if here.as_json:
        here.output.json({"token": token, "application_id": app_id})
    else:
        typer.echo(token)


def _claim(word: str) -> tuple[str, Any]:
    name, value = word.split("=", 1)
    if not name:
        raise usage(f"{word} has no name", "a claim is NAME=VALUE")
    if name in _NUMBERS:
        if not value.isdecimal():
            raise usage(f"{name} must be a time in seconds since 1970, not {value}")
        return name, int(value)
    if value[:1] in ("{", "["):
        try:
            return name, json.loads(value)
        except ValueError as error:
            raise usage(f"The value of {name} is not valid JSON", detail=str(error)) from error
    return name, value


def _key(keyfile: Path | None, app_id: str, known: project.Project | None) -> str:
    if keyfile:
        return keys.private_key(keyfile)
    if known and known.private_key and known.app_id == app_id:
        return known.private_key
    raise usage(f"There is no private key of {app_id} here", "name it: --keyfile=private.key")


def add_to(app: typer.Typer) -> None:
    app.command("jwt:generate", rich_help_panel="Applications")(generate)
