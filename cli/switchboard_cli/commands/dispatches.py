"""dispatch:create, dispatch:show, dispatch:explain, dispatch:cancel."""

import re
from typing import Annotated, Any

import typer

from switchboard_cli import channels, client, explaining, following, rehearsing, session
from switchboard_cli.client import Body
from switchboard_cli.errors import Code, usage
from switchboard_cli.files import json_argument
from switchboard_cli.output import coloured, text
from switchboard_cli.rehearsing import DryRun, MaxPrice
from switchboard_cli.session import AsAccount, AsJson, Session

_PATH = "/v0.1/dispatch"
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_STEP = re.compile(
    r"(?P<channel>[a-z_]+):(?P<sender>[^:>]+)[:>](?P<recipient>[^:>]+)"
    r"(?::(?P<condition>delivered|read):(?P<time>\d+)(?P<unit>[smhd]?))?"
)

Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", help="Follow it so long at most.", min=1, metavar="SECONDS", show_default=False
    ),
]


def create(
    context: typer.Context,
    steps: Annotated[
        list[str] | None,
        typer.Option(
            "--step",
            help="A step, as in messenger:1070830641:3958010001:read:10m. Again for each; the last one has "
            "neither condition nor time. Times in seconds, or with s, m, h, d.",
            metavar="CHANNEL:FROM:TO[:CONDITION:TIME]",
        ),
    ] = None,
    texts: Annotated[
        list[str] | None,
        typer.Option("--text", help="The text: once for all steps, or once for each.", metavar="TEXT"),
    ] = None,
    file: Annotated[
        str | None,
        typer.Option(
            "--file",
            help="Instead: the API's own body, or its workflow, in JSON. - reads it from the input.",
            metavar="FILE|-",
        ),
    ] = None,
    client_ref: Annotated[str | None, typer.Option("--client-ref", help="Of every step.")] = None,
    wait: Annotated[
        bool,
        typer.Option("--wait/--no-wait", help="Follow it until it ends.", show_default=False, metavar=""),
    ] = True,
    timeout: Timeout = None,
    max_price: MaxPrice = None,
    dry_run: DryRun = False,
    as_account: AsAccount = False,
    as_json: AsJson = False,
) -> None:
    """Start a failover workflow, and follow it until it ends.

    [dim]switchboard dispatch:create --text 'Your parcel arrives today.'
    --step messenger:1070830641:3958010001:read:10m --step sms:Acme:447700900100[/dim]
    """
    here = session.of(context)
    if (file is None) == (not steps):
        raise usage(
            "Name the steps, or a file that has them", "--step CHANNEL:FROM:TO:read:600, or --file FILE"
        )
    body = _from_file(file) if file else _from_steps(steps or [], texts or [], client_ref)
    if max_price is not None:
        if not isinstance(body, dict):
            raise usage("The file is no dispatch, so it has no --max-price", "an object, or a list of steps")
        body["max_price"] = max_price
    by = here.api.sender(as_account)
    if dry_run:
        rehearsing.show(here.output, here.api.call("POST", f"{_PATH}/dry-run", body, by=by))
        return
    made = here.api.call("POST", _PATH, body, by=by)
    uuid = made["dispatch_uuid"]
    here.output.done("Dispatch started:", uuid)
    if wait:
        _follow(here, uuid, by, timeout)
    elif here.as_json:
        here.output.json(made)
    else:
        here.output.next("How it fares:", f"switchboard dispatch:show {uuid} --follow")


def show(
    context: typer.Context,
    uuid: Annotated[str, typer.Argument(metavar="UUID", help="The dispatch's.")],
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until it ends.", show_default=False, metavar="")
    ] = False,
    timeout: Timeout = None,
    as_account: AsAccount = False,
    as_json: AsJson = False,
) -> None:
    """Show a dispatch: what happened when, how each step fared, and its final report."""
    here = session.of(context)
    by = here.api.sender(as_account)
    if follow:
        _follow(here, uuid, by, timeout)
        return
    found = _read(here, uuid, by)
    if here.as_json:
        here.output.json(found)
        return
    here.output.line(text("Dispatch"), text(uuid, "bold"), coloured(found["status"]))
    following.Timeline(here.output.line).tell(found)
    _steps(here, found)
    _report(here, found)


def explain(
    context: typer.Context,
    uuid: Annotated[str, typer.Argument(metavar="UUID", help="The dispatch's.")],
    as_account: AsAccount = False,
    as_json: AsJson = False,
) -> None:
    """Tell what became of a dispatch, and why, in sentences."""
    explaining.show(session.of(context), "Dispatch", _PATH, uuid, as_account)


def cancel(
    context: typer.Context,
    uuid: Annotated[str, typer.Argument(metavar="UUID", help="The dispatch's.")],
    as_account: AsAccount = False,
    as_json: AsJson = False,
) -> None:
    """Call a dispatch off: what is not with a provider yet is not sent."""
    here = session.of(context)
    found = here.api.call("DELETE", f"{_PATH}{client.path(uuid)}", by=here.api.sender(as_account))
    if here.as_json:
        here.output.json(found)
        return
    here.output.done("Dispatch cancelled:", uuid)
    out = [step for step in found["steps"] if step.get("status") not in (None, "accepted")]
    for step in out:
        here.output.line(" ", f"step {step['step'] + 1}", step["channel"], coloured(step["status"]))


def _steps(here: Session, found: Body) -> None:
    """How each step fared; an older API does not say so."""
    rows = [
        (
            str(step["step"] + 1),
            step["channel"],
            coloured(str(step["state"]).replace("_", " ")),
            str(step.get("reason") or "").replace("_", " "),
            following.clock(step["deadline"]) if step.get("deadline") else "",
            step.get("account") or "",
            following.price(step.get("usage")),
        )
        for step in found.get("steps") or []
        if step.get("state")
    ]
    if rows:
        here.output.line("")
        here.output.table(("step", "channel", "state", "reason", "deadline", "by", "price"), rows)


def _follow(here: Session, uuid: str, by: Any, timeout: float | None) -> None:
    try:
        end = following.dispatch(lambda: _read(here, uuid, by), here.output, timeout)
    except KeyboardInterrupt:
        here.output.next("It goes on without us:", f"switchboard dispatch:show {uuid} --follow")
        raise
    if here.as_json:
        here.output.json(end)
    else:
        _report(here, end)
    if end["status"] != "completed":
        raise typer.Exit(Code.REFUSED)


def _read(here: Session, uuid: str, by: Any) -> Body:
    found: Body = here.api.call("GET", f"{_PATH}{client.path(uuid)}", by=by)
    return found


def _report(here: Session, found: Body) -> None:
    """The final report, which the status webhook is told too, with its messages as they are now: a late
    receipt comes after it."""
    report = found.get("report")
    if not report:
        return
    here.output.line("")
    cost = following.total(found) or following.price(report.get("usage"))
    reason = report.get("reason")
    now = {step.get("message_uuid"): step for step in found.get("steps") or []}
    here.output.line(
        text("Report", "bold"),
        coloured(report["status"]),
        text(cost),
        text(f"({reason})" if reason else "", "dim"),
    )
    rows = [
        (
            entry["channel"],
            coloured(one.get("status") or entry["status"])
            + text(" late" if one.get("late") or entry.get("late") else "", "yellow"),
            following.price(one.get("usage") or entry.get("usage")),
            entry["message_uuid"],
        )
        for entry in (report.get("_links") or {}).get("messages") or []
        for one in [now.get(entry["message_uuid"]) or {}]
    ]
    here.output.table(("channel", "status", "price", "message"), rows)


# --- bodies --------------------------------------------------------------------------------------


def _from_file(file: str) -> Any:
    found = json_argument(file if file == "-" else f"@{file.removeprefix('@')}", "the file")
    return {"template": "failover", "workflow": found} if isinstance(found, list) else found


def _from_steps(words: list[str], texts: list[str], client_ref: str | None) -> Body:
    if not texts:
        raise usage("What are they to say?", "--text, once for all steps or once for each; or --file")
    if len(texts) not in (1, len(words)):
        raise usage(
            f"There are {len(words)} steps and {len(texts)} texts", "--text once for all, or once for each"
        )
    said = texts * len(words) if len(texts) == 1 else texts
    last = len(words) - 1
    workflow = [_step(word, said[index], is_last=index == last) for index, word in enumerate(words)]
    if client_ref:
        workflow = [{**step, "client_ref": client_ref} for step in workflow]
    return {"template": "failover", "workflow": workflow}


def _step(word: str, said: str, *, is_last: bool) -> Body:
    match = _STEP.fullmatch(word)
    if match is None:
        raise usage(
            f"{word} is no step", "as in messenger:1070830641:3958010001:read:600 or sms:Acme:447700900100"
        )
    if is_last and match["condition"]:
        raise usage(f"{word} is the last step: nothing comes after it", "leave its condition and time out")
    if not is_last and not match["condition"]:
        raise usage(
            f"{word} needs a condition and a time: another step comes after it", f"{word}:delivered:600"
        )
    channel = channels.v01(match["channel"])
    step: Body = {
        "from": channels.party(channel, match["sender"], is_sender=True),
        "to": channels.party(channel, match["recipient"], is_sender=False),
        "message": {"content": {"type": "text", "text": said}},
    }
    if match["condition"]:
        seconds = int(match["time"]) * _SECONDS[match["unit"]]
        step["failover"] = {"expiry_time": seconds, "condition_status": match["condition"]}
    return step


def add_to(app: typer.Typer) -> None:
    session.register(
        app,
        "Messages and dispatches",
        {
            "dispatch:create": create,
            "dispatch:show": show,
            "dispatch:explain": explain,
            "dispatch:cancel": cancel,
        },
    )
