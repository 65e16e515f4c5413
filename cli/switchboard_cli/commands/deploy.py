"""deploy: `sam build`, `sam deploy`, and where it is then."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from switchboard_cli import session
from switchboard_cli.errors import CliError, Code, usage
from switchboard_cli.session import AsJson, Session, Yes, ask, confirm

_GET_SAM = "pipx install aws-sam-cli, or brew install aws-sam-cli"
_GET_CREDENTIALS = (
    "`aws configure`, or `aws sso login`, or AWS_PROFILE; see the AWS documentation on credentials"
)
_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_DEFAULTS = {"stack name": "switchboard", "currency": "EUR"}


def deploy(
    context: typer.Context,
    stack: Annotated[
        str | None, typer.Option("--stack-name", help="The stack's name.", metavar="NAME")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", help="As in eu-west-1.", metavar="REGION")] = None,
    status_url: Annotated[
        str | None,
        typer.Option("--status-url", help="The account's status webhook. Empty for none.", metavar="URL"),
    ] = None,
    inbound_url: Annotated[
        str | None, typer.Option("--inbound-url", help="The account's inbound webhook.", metavar="URL")
    ] = None,
    currency: Annotated[
        str | None, typer.Option("--currency", help="Of the prices that clients see.", metavar="XXX")
    ] = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--parameter", help="Any other of the template's parameters.", metavar="NAME=VALUE"),
    ] = None,
    project: Annotated[
        Path, typer.Option("--project", help="The folder with template.yaml.", metavar="FOLDER")
    ] = Path(),
    use_container: Annotated[
        bool,
        typer.Option(
            "--use-container",
            help="Build in Docker, without pip and make here.",
            show_default=False,
            metavar="",
        ),
    ] = False,
    profile: Annotated[str | None, typer.Option("--profile", help="Of your AWS credentials.")] = None,
    guided: Annotated[
        bool | None,
        typer.Option(
            "--guided/--no-guided",
            help="Ask for what is not named, or take the defaults. Without either: ask on a terminal.",
            show_default=False,
            metavar="",
        ),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Deploy Switchboard into your AWS account: make console, sam build, then sam deploy.

    [dim]switchboard deploy --stack-name switchboard --region eu-west-1 --no-guided[/dim]
    """
    here = session.of(context)
    if not (project / "template.yaml").is_file():
        raise usage(
            f"There is no template.yaml in {project.absolute()}", "--project names Switchboard's folder"
        )
    sam = shutil.which("sam")
    if sam is None:
        raise usage("There is no `sam`, the AWS SAM CLI, on this machine", f"{_GET_SAM}; then again")
    if not profile and not _has_credentials(os.environ):
        raise usage("There are no AWS credentials on this machine", f"{_GET_CREDENTIALS}; or name --profile")
    asks = guided if guided is not None else not yes and not as_json and _is_terminal()
    stack = stack or (ask("Stack name", _DEFAULTS["stack name"]) if asks else _DEFAULTS["stack name"])
    region = region or _region(asks)
    if status_url is None and asks:
        status_url = ask("Account's status URL (empty for none)", "")
    currency = currency or (ask("Currency of prices", _DEFAULTS["currency"]) if asks else None)
    overrides = _overrides(
        {"StatusUrl": status_url, "InboundUrl": inbound_url, "Currency": currency}, parameters or []
    )
    common = ["--region", region, *(["--profile", profile] if profile else [])]
    build = ["build", *(["--use-container"] if use_container else [])]
    send = ["deploy", "--stack-name", stack, *common, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"]
    send += ["--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    if overrides:
        send += ["--parameter-overrides", *overrides]
    if asks and not yes:
        here.output.note(f"sam {shlex.join(build)}\nsam {shlex.join(send)}")
        if not confirm("Go on?", default=True):
            raise usage("Nothing was deployed")
    _build_console(here, project)
    _run(here, sam, build, project, "it needs make, and a python3 with pip; --use-container builds in Docker")
    _run(
        here,
        sam,
        send,
        project,
        f"`aws cloudformation describe-stack-events --stack-name {stack}` has the reasons",
    )
    outputs = _outputs(sam, ["--stack-name", stack, *common], project)
    _tell(here, outputs, region, profile)


def _tell(here: Session, outputs: Mapping[str, str], region: str, profile: str | None) -> None:
    url, secret = outputs.get("ApiUrl", ""), outputs.get("AccountSecret", "")
    read = ["aws", "secretsmanager", "get-secret-value", "--secret-id", secret, "--region", region]
    read += [*(["--profile", profile] if profile else []), "--query", "SecretString", "--output", "text"]
    if here.as_json:
        here.output.json({"url": url, "outputs": dict(outputs), "next": shlex.join(read)})
        return
    here.output.done("Deployed:", url)
    here.output.next("The API key and secret are in Secrets Manager:", shlex.join(read))
    here.output.next("Keep them for this command:", f"switchboard setup KEY --url {url}")


def _build_console(here: Session, project: Path) -> None:
    """The console's pages, which `sam build` takes as they are: it copies each function's folder alone."""
    if not (project / "console" / "package.json").is_file():
        return
    is_built = (project / "functions" / "console" / "static" / "index.html").is_file()
    make = shutil.which("make")
    if make is None and not is_built:
        raise usage("There is no `make` on this machine, to build the console with", "install it; then again")
    if make is None:
        here.output.note("Without make the console is deployed as it was built last")
        return
    here.output.note("$ make console")
    code = subprocess.run([make, "console"], cwd=project, stdout=2, check=False).returncode
    if code:
        raise CliError(Code.REFUSED, f"make console ended with {code}", hint="it needs npm, or pip to get it")


def _run(here: Session, sam: str, arguments: list[str], project: Path, hint: str) -> None:
    """Shows the command, and what it says."""
    here.output.note(f"$ sam {shlex.join(arguments)}")
    try:
        # Of --json's answer nothing of sam's may be part.
        code = subprocess.run(
            [sam, *arguments], cwd=project, stdout=2 if here.as_json else None, check=False
        ).returncode
    except OSError as error:
        raise usage(f"Cannot run {sam}", detail=error.strerror or str(error)) from error
    if code:
        raise CliError(Code.REFUSED, f"sam {arguments[0]} ended with {code}", hint=hint)


def _outputs(sam: str, stack: list[str], project: Path) -> dict[str, str]:
    command = [sam, "list", "stack-outputs", *stack, "--output", "json"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)
        return {one["OutputKey"]: one["OutputValue"] for one in found}
    except (ValueError, KeyError, TypeError) as error:
        raise CliError(
            Code.REFUSED,
            "It is deployed, but its outputs could not be read",
            done.stderr.strip(),
            shlex.join(command),
        ) from error


def _overrides(named: Mapping[str, str | None], others: list[str]) -> list[str]:
    if faulty := [word for word in others if not word.partition("=")[1]]:
        raise usage(f"{faulty[0]} is no parameter", "NAME=VALUE")
    return [f"{name}={value}" for name, value in named.items() if value] + others


def _region(asks: bool) -> str:
    known = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if asks:
        return ask("Region", known or "eu-west-1")
    if known:
        return known
    raise usage("In which region?", "--region=eu-west-1, or AWS_REGION")


def _has_credentials(env: Mapping[str, str]) -> bool:
    """Whether there is any trace of some; sam finds out whether they are good."""
    home = Path.home() / ".aws"
    files = (
        Path(env.get("AWS_SHARED_CREDENTIALS_FILE", home / "credentials")),
        Path(env.get("AWS_CONFIG_FILE", home / "config")),
    )
    return any(env.get(name) for name in _CREDENTIALS) or any(file.is_file() for file in files)


def _is_terminal() -> bool:
    return sys.stdin.isatty()


def add_to(app: typer.Typer) -> None:
    app.command("deploy", rich_help_panel="Set-up")(deploy)
