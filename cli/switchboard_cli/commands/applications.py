"""app:create, app:list, app:show, app:update, app:delete, app:use."""

import os
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from switchboard_cli import client, keys, project, session
from switchboard_cli.client import Body
from switchboard_cli.errors import usage
from switchboard_cli.files import set_aside, write_private
from switchboard_cli.output import Output, text
from switchboard_cli.session import AsJson, Yes, ask, confirm

_PANEL = "Applications"
_PATH = "/v2/applications"
_EXAMPLE = "https://example.com/"
_MOST = 100
"""Applications on a page."""

Version = Literal["v1", "v0.1"]
Id = Annotated[
    str | None, typer.Argument(metavar="ID", help="Its id. Left out, the application of this folder.")
]
Capabilities = Annotated[
    str | None, typer.Option("--capabilities", help="What it can do: messages.", metavar="messages")
]
InboundUrl = Annotated[
    str | None, typer.Option("--messages-inbound-url", help="Told of what people write.", metavar="URL")
]
StatusUrl = Annotated[
    str | None, typer.Option("--messages-status-url", help="Told how messages fare.", metavar="URL")
]
WebhookVersion = Annotated[
    Version | None,
    typer.Option("--version", help="Of its webhooks' bodies. Left out, that of each request."),
]
PublicKeyfile = Annotated[
    Path | None,
    typer.Option(
        "--public-keyfile", help="Your own public key, in PEM, instead of a new pair.", metavar="FILE"
    ),
]
ImproveAi = Annotated[
    bool | None,
    typer.Option(
        "--improve-ai/--no-improve-ai",
        help="A field of Vonage's API, kept and not used.",
        show_default=False,
        metavar="",
    ),
]


def create(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Left out, everything is asked for.")
    ] = None,
    capabilities: Capabilities = None,
    inbound_url: InboundUrl = None,
    status_url: StatusUrl = None,
    keyfile: Annotated[
        Path | None,
        typer.Option(
            "--keyfile",
            help="Where to put the private key too. With --public-keyfile: where it is.",
            metavar="FILE",
        ),
    ] = None,
    public_keyfile: PublicKeyfile = None,
    version: WebhookVersion = None,
    improve_ai: ImproveAi = None,
    show_private_key: Annotated[
        bool, typer.Option("--show-private-key", help="Print it too.", show_default=False, metavar="")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create an application, and use it in this folder.

    Its id and private key are kept in .switchboard-app, which only you can read.

    [dim]switchboard app:create Parcels --capabilities=messages
    --messages-inbound-url=https://example.com/in --messages-status-url=https://example.com/status
    --keyfile=private.key[/dim]
    """
    here = session.of(context)
    interactive = name is None
    if name is None:
        name = ask("Application Name")
        capabilities = ask("Select Capabilities", "messages") if capabilities is None else capabilities
        if "messages" in capabilities:
            inbound_url = inbound_url or ask("Messages Inbound URL", _EXAMPLE)
            status_url = status_url or ask("Messages Status URL", _EXAMPLE)
        if public_keyfile is None:
            public_keyfile = _path(ask("Public Key path (empty: a new pair)", ""))
        if keyfile is None:
            keyfile = _path(ask("Private Key path (empty: in .switchboard-app only)", ""))
        if improve_ai is None:
            improve_ai = confirm("Allow use of data for AI training?", default=True)
    body: Body = {"name": name, "capabilities": _capabilities(capabilities, inbound_url, status_url, version)}
    if improve_ai is not None:
        body["privacy"] = {"improve_ai": improve_ai}
    private_key = _own_keys(body, public_keyfile, keyfile)
    if not os.access(Path(), os.W_OK):
        raise usage(f"The key could not be kept: {Path.cwd()} cannot be written to")
    made = here.api.call("POST", _PATH, body)
    created = made.get("keys", {}).pop("private_key", "")
    private_key = created or private_key
    file, aside = project.save(project.Project(made["id"], private_key, made["name"], here.settings.url))
    here.output.done("Application created:", made["id"])
    _say_kept(here.output, file, aside)
    if keyfile and created:
        aside = set_aside(keyfile)
        write_private(keyfile, created)
        here.output.done("Private Key saved to:", keyfile)
        if aside:
            here.output.warn(f"The key that was there is now {aside}")
    if show_private_key and created:
        made["keys"]["private_key"] = created
        here.output.line(created)
    if here.as_json:
        here.output.json(made)
    if interactive:
        again = _one_line(
            name, capabilities, inbound_url, status_url, keyfile, public_keyfile, version, improve_ai
        )
        here.output.next("Next time in one line:", again)


def list_(
    context: typer.Context,
    page: Annotated[
        int | None, typer.Option("--page", help="One page only.", min=1, show_default=False)
    ] = None,
    size: Annotated[int, typer.Option("--size", help="Applications on a page.", min=1, max=_MOST)] = _MOST,
    as_json: AsJson = False,
) -> None:
    """List the applications."""
    here = session.of(context)
    number, found = page or 1, []
    while True:
        answer = here.api.call("GET", _PATH, query={"page_size": size, "page": number})
        found += answer["_embedded"]["applications"]
        number += 1
        if page or number > answer["total_pages"]:
            break
    if here.as_json:
        here.output.json(found)
        return
    if not found:
        here.output.note("No applications. `switchboard app:create` makes one.")
        return
    current = project.load()
    here.output.table(
        ("", "id", "name", "status URL", "inbound URL"),
        [
            (
                text("●", "green") if current and current.app_id == one["id"] else "",
                one["id"],
                text(one["name"], "bold"),
                _address(one, "status_url"),
                _address(one, "inbound_url"),
            )
            for one in found
        ],
    )
    if page:
        here.output.note(f"Page {page} of {answer['total_pages']}, {answer['total_items']} in all")


def show(context: typer.Context, app_id: Id = None, as_json: AsJson = False) -> None:
    """Show an application."""
    here = session.of(context)
    found = here.api.call("GET", f"{_PATH}{client.path(project.app_id(app_id))}")
    if here.as_json:
        here.output.json(found)
    else:
        _show(here.output, found)


def update(
    context: typer.Context,
    app_id: Id = None,
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    capabilities: Capabilities = None,
    inbound_url: InboundUrl = None,
    status_url: StatusUrl = None,
    public_keyfile: PublicKeyfile = None,
    version: WebhookVersion = None,
    improve_ai: ImproveAi = None,
    as_json: AsJson = False,
) -> None:
    """Change an application. What is not named stays; with nothing named, everything is asked for."""
    here = session.of(context)
    where = f"{_PATH}{client.path(project.app_id(app_id))}"
    old = here.api.call("GET", where)
    given = (name, capabilities, inbound_url, status_url, public_keyfile, version, improve_ai)
    if all(value is None for value in given):
        name = ask("Application Name", old["name"])
        inbound_url = ask("Messages Inbound URL", _address(old, "inbound_url") or _EXAMPLE)
        status_url = ask("Messages Status URL", _address(old, "status_url") or _EXAMPLE)
    body: Body = {
        "name": name or old["name"],
        "capabilities": _changed(old, capabilities, inbound_url, status_url, version),
        "privacy": old.get("privacy", {}),
    }
    if improve_ai is not None:
        body["privacy"] = {"improve_ai": improve_ai}
    if public_keyfile:
        body["keys"] = {"public_key": keys.public_key(public_keyfile)}
    new = here.api.call("PUT", where, body)
    if here.as_json:
        here.output.json(new)
        return
    here.output.done("Application updated:", new["id"])
    _show(here.output, new)


def delete(
    context: typer.Context,
    app_id: Annotated[str, typer.Argument(metavar="ID", help="Its id.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete an application. Its tokens are worth nothing from then on."""
    here = session.of(context)
    where = f"{_PATH}{client.path(app_id)}"
    if not yes:
        found = here.api.call("GET", where)
        if not confirm(f"Delete {found['name']} ({app_id})?"):
            raise usage("Nothing was deleted")
    here.api.call("DELETE", where)
    here.output.done("Application deleted:", app_id)
    if project.forget(app_id):
        here.output.note(f"{project.FILE} was about it, and is gone")
    if here.as_json:
        here.output.json({"deleted": app_id})


def use(
    context: typer.Context,
    app_id: Annotated[str, typer.Argument(metavar="ID", help="Its id.")],
    keyfile: Annotated[
        Path | None, typer.Option("--keyfile", help="Its private key, in PEM.", metavar="FILE")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Use an application in this folder: write .switchboard-app."""
    here = session.of(context)
    private_key = keys.private_key(keyfile) if keyfile else _known_key(app_id)
    found = here.api.call("GET", f"{_PATH}{client.path(app_id)}")
    public_key = (found.get("keys") or {}).get("public_key")
    if private_key and public_key and not keys.belong_together(private_key, public_key):
        raise usage(f"{keyfile or 'The key'} is not the private key of {found['name']}")
    file, aside = project.save(project.Project(found["id"], private_key, found["name"], here.settings.url))
    here.output.done("This folder uses", f"{found['name']} ({found['id']})")
    _say_kept(here.output, file, aside)
    if not private_key:
        here.output.warn("Without --keyfile messages are sent by key and secret, not as the application")
    if here.as_json:
        here.output.json({"app_id": found["id"], "file": str(file), "private_key": bool(private_key)})


# --- bodies --------------------------------------------------------------------------------------


def _capabilities(
    names: str | None, inbound_url: str | None, status_url: str | None, version: Version | None
) -> Body:
    wanted = _names("messages" if names is None else names)
    if "messages" not in wanted:
        if inbound_url or status_url or version:
            raise usage("URLs and a version are those of the capability messages", "--capabilities=messages")
        return {}
    webhooks = {"inbound_url": inbound_url, "status_url": status_url}
    messages: Body = {"webhooks": {kind: _webhook(url) for kind, url in webhooks.items() if url}}
    if version:
        messages["version"] = version
    return {"messages": messages}


def _changed(
    old: Body,
    names: str | None,
    inbound_url: str | None,
    status_url: str | None,
    version: Version | None,
) -> Body:
    """The capabilities that an application had, with what is given."""
    had: Body = dict(old.get("capabilities") or {})
    if names is not None and "messages" not in _names(names):
        _capabilities(names, inbound_url, status_url, version)
        had.pop("messages", None)
        return had
    if names is None and not (inbound_url or status_url or version):
        return had
    given = _capabilities("messages", inbound_url, status_url, version)["messages"]
    messages = dict(had.get("messages") or {})
    webhooks = {**(messages.get("webhooks") or {}), **given.pop("webhooks")}
    return {**had, "messages": {**messages, **given, "webhooks": webhooks}}


def _names(capabilities: str) -> set[str]:
    names = {name.strip() for name in capabilities.split(",") if name.strip()}
    if unknown := names - {"messages"}:
        raise usage(f"No such capability here: {', '.join(sorted(unknown))}", "There is one: messages.")
    return names


def _webhook(url: str) -> Body:
    return {"address": url, "http_method": "POST"}


def _own_keys(body: Body, public_keyfile: Path | None, keyfile: Path | None) -> str:
    """Puts one's own public key into the body. Returns the private half if it is at hand."""
    if public_keyfile is None:
        return ""
    public_key = keys.public_key(public_keyfile)
    body["keys"] = {"public_key": public_key}
    if keyfile is None:
        return ""
    private_key = keys.private_key(keyfile)
    if not keys.belong_together(private_key, public_key):
        raise usage(f"{keyfile} and {public_keyfile} are not of one pair")
    return private_key


def _known_key(app_id: str) -> str:
    """The folder's key, if it is that application's already."""
    here = project.load()
    return here.private_key if here and here.app_id == app_id else ""


def _path(answer: str) -> Path | None:
    return Path(answer).expanduser() if answer else None


# --- what is shown -------------------------------------------------------------------------------


def _address(application: Body, kind: str) -> str:
    messages = (application.get("capabilities") or {}).get("messages") or {}
    webhook: Any = (messages.get("webhooks") or {}).get(kind) or {}
    return str(webhook.get("address") or "")


def _show(output: Output, found: Body) -> None:
    capabilities = found.get("capabilities") or {}
    current = project.load()
    output.fields(
        [
            ("id", text(found["id"], "bold")),
            ("name", found["name"]),
            ("capabilities", ", ".join(capabilities) or "none"),
            ("status URL", _address(found, "status_url")),
            ("inbound URL", _address(found, "inbound_url")),
            ("webhook version", (capabilities.get("messages") or {}).get("version")),
            ("improve AI", "yes" if (found.get("privacy") or {}).get("improve_ai") else "no"),
            ("this folder's", "yes" if current and current.app_id == found["id"] else ""),
            ("public key", ((found.get("keys") or {}).get("public_key") or "").strip()),
        ]
    )


def _say_kept(output: Output, file: Path, aside: Path | None) -> None:
    output.done("Credentials written to", file)
    if aside:
        output.warn(f"The application that was there is now in {aside}")


def _one_line(
    name: str,
    capabilities: str | None,
    inbound_url: str | None,
    status_url: str | None,
    keyfile: Path | None,
    public_keyfile: Path | None,
    version: Version | None,
    improve_ai: bool | None,
) -> str:
    options = {
        "capabilities": capabilities,
        "messages-inbound-url": inbound_url,
        "messages-status-url": status_url,
        "public-keyfile": public_keyfile,
        "keyfile": keyfile,
        "version": version,
    }
    given = [f"--{option}={value}" for option, value in options.items() if value]
    if improve_ai is not None:
        given.append("--improve-ai" if improve_ai else "--no-improve-ai")
    return shlex.join(["switchboard", "app:create", name, *given])


def add_to(app: typer.Typer) -> None:
    session.register(
        app,
        _PANEL,
        {
            "app:create": create,
            "app:list": list_,
            "app:show": show,
            "app:update": update,
            "app:delete": delete,
            "app:use": use,
        },
    )
