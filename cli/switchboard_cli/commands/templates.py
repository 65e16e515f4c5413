"""template:list, template:create: WhatsApp templates, which are kept at their provider."""

from typing import Annotated

import typer

from switchboard_cli import session
from switchboard_cli.client import Body
from switchboard_cli.errors import usage
from switchboard_cli.files import json_argument
from switchboard_cli.output import coloured, text
from switchboard_cli.session import AsJson

_PATH = "/v0.1/templates"

Sender = Annotated[
    str, typer.Option("--sender", help="The WhatsApp number whose account is meant.", metavar="NUMBER")
]


def list_(
    context: typer.Context,
    sender: Sender,
    name: Annotated[str | None, typer.Option("--name", help="Only this one, in every language.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the WhatsApp templates of a sender."""
    here = session.of(context)
    query = {"sender": sender, **({"name": name} if name else {})}
    found = here.api.call("GET", _PATH, query=query)["_embedded"]["templates"]
    if here.as_json:
        here.output.json(found)
        return
    if not found:
        here.output.note("No templates.")
        return
    here.output.table(
        ("name", "language", "category", "status", "text"),
        [
            (
                text(one["name"], "bold"),
                one["language"],
                one.get("category"),
                coloured(one["status"]) + text(f" {one['reason']}" if one.get("reason") else "", "dim"),
                _body(one),
            )
            for one in found
        ],
    )


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower case letters, digits and underscores.")],
    sender: Sender,
    language: Annotated[str, typer.Option("--language", help="As in en_GB.", metavar="LANGUAGE")],
    category: Annotated[
        str, typer.Option("--category", help="utility, marketing or authentication.")
    ] = "utility",
    body: Annotated[
        str | None, typer.Option("--body", help="Its text, with {{1}}, {{2}} ... where parameters go.")
    ] = None,
    examples: Annotated[
        list[str] | None, typer.Option("--example", help="One for each parameter, in their order.")
    ] = None,
    header: Annotated[str | None, typer.Option("--header", help="A line above.")] = None,
    footer: Annotated[str | None, typer.Option("--footer", help="A line below.")] = None,
    replies: Annotated[
        list[str] | None, typer.Option("--quick-reply", help="A button that answers. Again for each.")
    ] = None,
    components: Annotated[
        str | None,
        typer.Option("--components", help="Instead of all these: Meta's own list.", metavar="JSON|@FILE|-"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a WhatsApp template. The provider looks at it before it can be used.

    [dim]switchboard template:create parcel_today --sender 447700900200 --language en_GB
    --body 'Your parcel {{1}} arrives today.' --example 4711[/dim]
    """
    here = session.of(context)
    parts = [body, examples, header, footer, replies]
    if components and any(parts):
        raise usage("--components is all of the template", "leave --body and the others out")
    if not components and not body:
        raise usage("A template needs a text", "--body, or --components for one of Meta's other forms")
    made = here.api.call(
        "POST",
        _PATH,
        {
            "name": name,
            "language": language,
            "category": category,
            "components": json_argument(components, "--components")
            if components
            else _components(body or "", examples or [], header, footer, replies or []),
        },
        query={"sender": sender},
    )
    if here.as_json:
        here.output.json(made)
        return
    here.output.done("Template created:", f"{made['name']} ({made['language']})")
    here.output.fields(
        [("status", coloured(made["status"])), ("id", made.get("id")), ("reason", made.get("reason"))]
    )


def _components(
    body: str, examples: list[str], header: str | None, footer: str | None, replies: list[str]
) -> list[Body]:
    """In Meta's form."""
    found: list[Body] = []
    if header:
        found.append({"type": "HEADER", "format": "TEXT", "text": header})
    text_part: Body = {"type": "BODY", "text": body}
    if examples:
        text_part["example"] = {"body_text": [examples]}
    found.append(text_part)
    if footer:
        found.append({"type": "FOOTER", "text": footer})
    if replies:
        buttons = [{"type": "QUICK_REPLY", "text": reply} for reply in replies]
        found.append({"type": "BUTTONS", "buttons": buttons})
    return found


def _body(template: Body) -> str:
    for part in template.get("components") or []:
        if str(part.get("type")).upper() == "BODY":
            return str(part.get("text", ""))
    return ""


def add_to(app: typer.Typer) -> None:
    session.register(app, "Providers and senders", {"template:list": list_, "template:create": create})
