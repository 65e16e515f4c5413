"""What a command is given: where the API is, how to answer, the options that all commands share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

import typer

from switchboard_cli import settings
from switchboard_cli.client import Api
from switchboard_cli.output import Output


@dataclass
class Session:
    url: str | None = None
    as_json: bool = False
    output: Output = field(default_factory=Output)

    @cached_property
    def settings(self) -> settings.Settings:
        return settings.load(self.url)

    @cached_property
    def api(self) -> Api:
        return Api(self.settings)


def of(context: typer.Context) -> Session:
    session: Session = context.find_root().ensure_object(Session)
    return session


def _remember_json(context: typer.Context, value: bool) -> bool:
    session = of(context)
    session.as_json, session.output = value, Output(as_json=value)
    return value


AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Answer in JSON.",
        callback=_remember_json,
        is_eager=True,
        show_default=False,
        metavar="",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False, metavar="")]
AsAccount = Annotated[
    bool,
    typer.Option(
        "--as-account",
        help="Use key and secret, even if the folder has an application. The account's webhooks are told.",
        show_default=False,
        metavar="",
    ),
]


def ask(question: str, default: str | None = None, hide: bool = False) -> str:
    """On the standard error, so that answers to programs stay clean. An empty default shows none."""
    answer: Any = typer.prompt(
        question, default=default, show_default=bool(default), hide_input=hide, err=True, type=str
    )
    return str(answer).strip()


def register(app: typer.Typer, panel: str, commands: Mapping[str, Callable[..., None]]) -> None:
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)


def confirm(question: str, default: bool = False) -> bool:
    return typer.confirm(question, default=default, err=True)
