"""The command itself: its options, its commands, and how it ends."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from switchboard_cli import __version__, completion, session
from switchboard_cli.commands import (
    accounts,
    applications,
    deploy,
    dispatches,
    endpoints,
    failed,
    limits,
    links,
    lists,
    messages,
    reports,
    setup,
    templates,
    tokens,
    webhooks,
)
from switchboard_cli.errors import CliError, Code, usage
from switchboard_cli.output import show_error

EPILOG = (
    "Exit codes: 0 done; 1 refused by the API, or a bad end; 2 wrong usage; 3 no connection, or key or token "
    "not known; 4 no end in the time given."
)


class Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CliError as error:
            show_error(error, session.of(ctx).as_json)
            raise typer.Exit(error.code) from error
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")  # a name of the library's
            raise
        except typer.Abort:
            show_error(usage("Stopped: a question was not answered"), session.of(ctx).as_json)
            raise typer.Exit(Code.USAGE) from None
        except KeyboardInterrupt:
            raise typer.Exit(Code.INTERRUPTED) from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    epilog=EPILOG,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
completion.mend_bash()


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"switchboard {__version__}")
        raise typer.Exit


@app.callback()
def main(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option("--url", help="The API's address, for this once.", metavar="URL")
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_version, is_eager=True, metavar=""),
    ] = False,
) -> None:
    """Switchboard: messages over any channel, with failover, from your own stack.

    Without any set-up it talks to the local stack, `make run`.
    """
    session.of(context).url = url


for part in (
    setup,
    applications,
    tokens,
    limits,
    messages,
    dispatches,
    lists,
    webhooks,
    endpoints,
    failed,
    accounts,
    links,
    templates,
    reports,
    deploy,
):
    part.add_to(app)
