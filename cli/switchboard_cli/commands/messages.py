"""message:send, message:show, message:explain."""

import json
from typing import Annotated, Any, Literal

import typer

from switchboard_cli import channels, client, explaining, following, rehearsing, session
from switchboard_cli.client import Body
from switchboard_cli.errors import Code, usage
from switchboard_cli.files import json_argument
from switchboard_cli.output import coloured, text
from switchboard_cli.rehearsing import DryRun, MaxPrice
from switchboard_cli.session import AsAccount, AsJson, Session

_PANEL = "Messages and dispatches"
_PATH = "/v1/messages"
WAIT_SECONDS = 60.0


def _complete_channel(incomplete: str) -> list[str]:
    return [name for name in channels.ALL if name.startswith(incomplete)]


def send(
    context: typer.Context,
    channel: Annotated[
        str,
        typer.Option("--channel", "-c", help=", ".join(channels.ALL) + ".", autocompletion=_complete_channel),
    ],
    to: Annotated[str, typer.Option("--to", "-t", help="Whom to: a number as in 447700900100, or an id.")],
    sender: Annotated[str, typer.Option("--from", "-f", help="Whom from: one of your senders.")],
    text_: Annotated[str | None, typer.Option("--text", help="Send a text.", metavar="TEXT")] = None,
    image: Annotated[str | None, typer.Option("--image", help="Send an image.", metavar="URL")] = None,
    audio: Annotated[str | None, typer.Option("--audio", help="Send a recording.", metavar="URL")] = None,
    video: Annotated[str | None, typer.Option("--video", help="Send a video.", metavar="URL")] = None,
    file: Annotated[str | None, typer.Option("--file", help="Send a file.", metavar="URL")] = None,
    vcard: Annotated[str | None, typer.Option("--vcard", help="Send a visiting card.", metavar="URL")] = None,
    template: Annotated[
        str | None, typer.Option("--template", help="Send a template.", metavar="NAME")
    ] = None,
    location: Annotated[
        str | None,
        typer.Option("--location", help="Send a place.", metavar="LAT,LONG[,NAME[,ADDRESS]]"),
    ] = None,
    custom: Annotated[
        str | None,
        typer.Option("--custom", help="Send what the provider understands.", metavar="JSON|@FILE|-"),
    ] = None,
    caption: Annotated[
        str | None, typer.Option("--caption", help="Of an image, video or file.", metavar="TEXT")
    ] = None,
    parameters: Annotated[
        list[str] | None, typer.Option("--param", help="Of the template. Again for each.", metavar="VALUE")
    ] = None,
    locale: Annotated[
        str, typer.Option("--locale", help="Of the template, as in en_GB.", metavar="LOCALE")
    ] = "en",
    client_ref: Annotated[
        str | None, typer.Option("--client-ref", help="Comes back in each webhook.", metavar="TEXT")
    ] = None,
    ttl: Annotated[
        int | None, typer.Option("--ttl", help="Given up after so long.", min=1, metavar="SECONDS")
    ] = None,
    webhook_url: Annotated[
        str | None, typer.Option("--webhook-url", help="Told of this message instead.", metavar="URL")
    ] = None,
    max_price: MaxPrice = None,
    failover: Annotated[
        str | None,
        typer.Option(
            "--failover", help="Messages to send if this one fails: v1's own list.", metavar="JSON|@FILE|-"
        ),
    ] = None,
    others: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Any other field, as in viber_service.category=promotion.", metavar="PATH=VALUE"
        ),
    ] = None,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", "-w", help="Follow it until it has arrived or failed.", show_default=False, metavar=""
        ),
    ] = False,
    until: Annotated[
        Literal["submitted", "delivered", "read"] | None,
        typer.Option(
            "--until", help="Wait for submitted, delivered or read. Default: delivered.", show_default=False
        ),
    ] = None,
    timeout: Annotated[
        float, typer.Option("--timeout", help="Wait so long at most.", min=1, metavar="SECONDS")
    ] = WAIT_SECONDS,
    dry_run: DryRun = False,
    as_account: AsAccount = False,
    as_json: AsJson = False,
) -> None:
    """Send a message over any channel.

    [dim]switchboard message:send -c sms -f Acme -t 447700900100 --text Hello --wait[/dim]
    """
    here = session.of(context)
    given = {
        "text": text_,
        "image": image,
        "audio": audio,
        "video": video,
        "file": file,
        "vcard": vcard,
        "template": template,
        "location": location,
        "custom": custom,
    }
    named = {kind: value for kind, value in given.items() if value is not None}
    body: Body = {"channel": channels.v1(channel), "to": to, "from": sender}
    _merge(body, [_other(word) for word in others or []])
    if len(named) != 1 and "message_type" not in body:
        raise usage(
            "Name one content" if not named else f"One content only, not {', '.join(named)}",
            "such as --text, --image, --template",
        )
    for kind, value in named.items():
        body |= {"message_type": kind, kind: _content(kind, value, caption, parameters or [])}
    if template and body["channel"] == "whatsapp":
        body["whatsapp"] = {"policy": "deterministic", "locale": locale} | body.get("whatsapp", {})
    optional = {"client_ref": client_ref, "ttl": ttl, "webhook_url": webhook_url, "max_price": max_price}
    body |= {name: value for name, value in optional.items() if value is not None}
    if failover:
        body["failover"] = json_argument(failover, "--failover")
    by = here.api.sender(as_account)
    if dry_run:
        rehearsing.show(here.output, here.api.call("POST", f"{_PATH}/dry-run", body, by=by))
        return
    made = here.api.call("POST", _PATH, body, by=by)
    uuid = made["message_uuid"]
    if not (wait or until):
        if here.as_json:
            here.output.json(made)
            return
        here.output.done("Message accepted:", uuid)
        if "workflow_id" in made:
            here.output.line("  workflow", made["workflow_id"])
        here.output.next("How it fares:", f"switchboard message:show {uuid}")
        return
    here.output.done("Message accepted:", uuid)
    end = following.message(lambda: _read(here, uuid, by), here.output, until, timeout)
    if here.as_json:
        here.output.json(end)
    if end["status"] in following.BAD:
        raise typer.Exit(Code.REFUSED)


def show(
    context: typer.Context,
    uuid: Annotated[str, typer.Argument(metavar="UUID", help="The message's.")],
    as_account: AsAccount = False,
    as_json: AsJson = False,
) -> None:
    """Show a message: its status, when it reached each, and its price."""
    here = session.of(context)
    found = _read(here, uuid, here.api.sender(as_account))
    if here.as_json:
        here.output.json(found)
        return
    here.output.fields(
        [
            ("message", text(found["message_uuid"], "bold")),
            ("channel", found.get("channel")),
            ("from", found.get("from")),
            ("to", found.get("to")),
            ("client ref", found.get("client_ref")),
            ("status", coloured(found["status"])),
            ("price", following.price(found.get("usage"))),
            ("error", following.error_text(found["error"]) if found.get("error") else ""),
        ]
    )
    for status, at in sorted((found.get("statuses") or {}).items(), key=lambda entry: str(entry[1])):
        here.output.line(" ", following.clock(at), coloured(status))


def explain(
    context: typer.Context,
    uuid: Annotated[str, typer.Argument(metavar="UUID", help="The message's.")],
    as_account: AsAccount = False,
    as_json: AsJson = False,
) -> None:
    """Tell what became of a message, and why, in sentences."""
    explaining.show(session.of(context), "Message", "/v0.1/messages", uuid, as_account)


def _read(here: Session, uuid: str, by: Any) -> Body:
    found: Body = here.api.call("GET", f"{_PATH}{client.path(uuid)}", by=by)
    return found


def _content(kind: str, value: str, caption: str | None, parameters: list[str]) -> Any:
    if kind == "text":
        return value
    if kind == "custom":
        return json_argument(value, "--custom")
    if kind == "template":
        return {"name": value, **({"parameters": parameters} if parameters else {})}
    if kind == "location":
        return _place(value)
    return {"url": value, **({"caption": caption} if caption else {})}


def _place(value: str) -> Body:
    latitude, *rest = (part.strip() for part in value.split(",", 3))
    try:
        place: Body = {"lat": float(latitude), "long": float(rest[0])}
    except (ValueError, IndexError) as error:
        raise usage(f"{value} is no place", "as in --location '51.5,-0.12,Our shop,1 High Street'") from error
    return place | dict(zip(("name", "address"), rest[1:], strict=False))


def _other(word: str) -> tuple[list[str], Any]:
    path, separator, value = word.partition("=")
    if not path or not separator:
        raise usage(f"{word} sets nothing", "as in --set viber_service.category=promotion")
    try:
        return path.split("."), json.loads(value)
    except ValueError:
        return path.split("."), value


def _merge(body: Body, others: list[tuple[list[str], Any]]) -> None:
    for (*parents, last), value in others:
        node = body
        for name in parents:
            inner = node.setdefault(name, {})
            if not isinstance(inner, dict):
                raise usage(f"{name} is no object, so nothing in it can be set")
            node = inner
        node[last] = value


def add_to(app: typer.Typer) -> None:
    session.register(app, _PANEL, {"message:send": send, "message:show": show, "message:explain": explain})
