"""WhatsApp templates at Infobip, whose `structure` is another form of Meta's components.

https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-service-management/create-whatsapp-template
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from switchboard.adapters._infobip import call
from switchboard.adapters._reading import answer, mapping, objects, text
from switchboard.adapters.base import Account
from switchboard.adapters.templates import Template
from switchboard.errors import Rejected, Unanswered
from switchboard.models.events import TemplateNews

if TYPE_CHECKING:
    import httpx

# Meta's component types and the members of a structure, in the order in which people see them.
PARTS = {
    "HEADER": "header",
    "LIMITED_TIME_OFFER": "limitedTimeOffer",
    "BODY": "body",
    "FOOTER": "footer",
    "BUTTONS": "buttons",
    "CAROUSEL": "carousel",
    "CALL_PERMISSION_REQUEST": "callPermissionRequest",
}
BUTTONS = {"MPM": "MULTI_PRODUCT"}
"""Button types that Infobip calls otherwise."""
META_BUTTONS = {theirs: metas for metas, theirs in BUTTONS.items()}


def list_templates(account: Account, sender: str, name: str | None) -> httpx.Request:
    """Infobip always lists them all: the name is kept beside the request, for who reads the answer."""
    return call(account, "GET", *_path(sender), wanted_template=name)


def listed_templates(reply: httpx.Response) -> list[Template]:
    name = reply.request.extensions.get("wanted_template")
    found = [
        _template(raw, _components(mapping(raw.get("structure"))))
        for raw in objects(answer(reply).get("templates"))
    ]
    return [template for template in found if name in (None, template.name)]


def create_template(account: Account, sender: str, definition: Mapping[str, Any]) -> httpx.Request:
    """Rejected for what has no form in Infobip's API."""
    if text(definition.get("parameter_format")).upper() == "NAMED":
        raise Rejected(1022, "parameter_format")
    body = {
        "name": definition.get("name"),
        "language": definition.get("language"),
        "category": text(definition.get("category")).upper(),
        "structure": _structure(objects(definition.get("components"))),
    }
    if "allow_category_change" in definition:
        body["allowCategoryChange"] = definition["allow_category_change"]
    return call(account, "POST", *_path(sender), body=body)


def created_template(reply: httpx.Response, definition: Mapping[str, Any]) -> Template:
    made = answer(reply)
    if not text(made.get("id")):
        raise Unanswered(1331, "no template id")
    return _template({**definition, **made}, objects(definition.get("components")))


def delete_template(account: Account, sender: str, name: str, template_id: str | None) -> httpx.Request:
    if template_id:
        raise Rejected(1140, "templates are deleted in every language at once")
    return call(account, "DELETE", *_path(sender), name)


def news(raw: dict[str, Any]) -> list[TemplateNews]:
    """What a template update says of a status; its category and quality are no news of ours."""
    change = mapping(raw.get("change"))
    name, status = text(raw.get("messageTemplateName")), text(change.get("newStatus")).upper()
    if not (name and status):
        return []
    reason = text(change.get("reason"))
    return [
        TemplateNews(
            name=name,
            language=text(raw.get("messageTemplateLanguage")),
            status=status,
            raw=raw,
            template_id=text(raw.get("messageTemplateId")),
            reason="" if reason == "NONE" else reason,
        )
    ]


def _path(sender: str) -> tuple[str, str, str]:
    """Templates are asked for by a number of the business account that has them."""
    return "whatsapp/2/senders", sender, "templates"


def _template(raw: Mapping[str, Any], components: list[dict[str, Any]]) -> Template:
    return Template(
        name=text(raw.get("name")),
        language=text(raw.get("language")),
        status=text(raw.get("status")).upper(),
        category=text(raw.get("category")).upper(),
        template_id=text(raw.get("id")),
        components=components,
    )


# --- from Meta's form to Infobip's -------------------------------------------------------------------


def _structure(components: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for component in components:
        kind = text(component.get("type")).upper()
        if kind not in PARTS:
            raise Rejected(1022, f"components: {kind or 'type'}")
        found[PARTS[kind]] = _part(kind, component)
    return found


def _part(kind: str, component: Mapping[str, Any]) -> Any:
    """What a structure has for one component."""
    example = mapping(component.get("example"))
    match kind:
        case "BUTTONS":
            return [_button(button) for button in objects(component.get("buttons"))]
        case "CAROUSEL":
            cards = objects(component.get("cards"))
            return {"cards": [_structure(objects(card.get("components"))) for card in cards]}
        case "LIMITED_TIME_OFFER":
            return _renamed(mapping(component.get("limited_time_offer")), _camel)
        case "BODY":
            values = _first(example.get("body_text"))  # a set of them in a list, or the only set
            values = values if isinstance(values, list) else example.get("body_text")
            examples = {"examples": values} if values else {}
        case _:
            value = _first(example.get("header_text")) or _first(example.get("header_handle"))
            examples = {"example": value} if value else {}
    members = {name: value for name, value in component.items() if name not in ("type", "example")}
    if kind == "HEADER":
        members["format"] = text(members.get("format")).upper()
    return _renamed(members, _camel) | examples


def _button(button: Mapping[str, Any]) -> dict[str, Any]:
    members = dict(button)
    kind = text(members.pop("type", "")).upper()
    members |= mapping(_first(members.pop("supported_apps", [])))
    if "example" in members:
        members["example"] = _first(members["example"])
    # A button of an authentication template is told by its otpType.
    named = {} if kind == "OTP" else {"type": BUTTONS.get(kind, kind)}
    return named | _renamed(members, _camel)


# --- and back ----------------------------------------------------------------------------------------


def _components(structure: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        _component(kind, structure[member])
        for kind, member in PARTS.items()
        if structure.get(member) is not None
    ]


def _component(kind: str, part: object) -> dict[str, Any]:
    members = mapping(part)
    match kind:
        case "BUTTONS":
            return {"type": kind, "buttons": [_meta_button(button) for button in objects(part)]}
        case "CAROUSEL":
            cards = objects(members.get("cards"))
            return {"type": kind, "cards": [{"components": _components(card)} for card in cards]}
        case "LIMITED_TIME_OFFER":
            return {"type": kind, "limited_time_offer": _renamed(members, _snake)}
    rest = {name: value for name, value in members.items() if name not in ("example", "examples")}
    component = {"type": kind, **_renamed(rest, _snake)}
    if examples := members.get("examples"):
        component["example"] = {"body_text": [examples]}
    if example := members.get("example"):
        name = "header_text" if members.get("format") == "TEXT" else "header_handle"
        component["example"] = {name: [example]}
    return component


def _meta_button(button: Mapping[str, Any]) -> dict[str, Any]:
    kind = text(button.get("type")) or "OTP"
    members = _renamed({name: value for name, value in button.items() if name != "type"}, _snake)
    if "example" in members:
        members["example"] = [members["example"]]
    return {"type": META_BUTTONS.get(kind, kind), **members}


def _first(value: Any) -> Any:
    """The first of a list, where there is one."""
    return next(iter(value), None) if isinstance(value, list) else value


def _renamed(members: Mapping[str, Any], rename: Callable[[str], str]) -> dict[str, Any]:
    return {rename(name): value for name, value in members.items()}


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def _snake(name: str) -> str:
    return re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name)
