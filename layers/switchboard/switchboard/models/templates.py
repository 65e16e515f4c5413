"""The wire shapes of WhatsApp templates: /v0.1/templates. Components are in Meta's own form."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from switchboard.adapters.templates import Template
from switchboard.models.faults import Faults
from switchboard.models.frozen import LAZY

_FIELDS: dict[str, TypeAdapter[Any]] = {
    "name": TypeAdapter(Annotated[str, Field(pattern=r"^[a-z0-9_]{1,512}$")], config=LAZY),
    "language": TypeAdapter(
        Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")], config=LAZY
    ),
    "category": TypeAdapter(Literal["MARKETING", "UTILITY", "AUTHENTICATION"], config=LAZY),
    "components": TypeAdapter(Annotated[list[dict[str, Any]], Field(min_length=1)], config=LAZY),
}


def definition(body: object) -> dict[str, Any]:
    """What is to be created. InvalidRequest names every fault."""
    faults = Faults()
    root = faults.object(body, "body", "must be a JSON object")
    faults.check()
    assert root is not None
    found: dict[str, Any] = {}
    for name, shape in _FIELDS.items():
        value = root.get(name)
        if value is None:
            faults.add(name, "is required")
            continue
        found[name] = faults.read(
            shape, value.upper() if name == "category" and isinstance(value, str) else value, name
        )
    faults.check()
    return {**found, "language": found["language"].replace("-", "_")}


def answer(template: Template) -> dict[str, Any]:
    return {
        "name": template.name,
        "language": template.language,
        "status": template.status,
        **({"category": template.category} if template.category else {}),
        **({"id": template.template_id} if template.template_id else {}),
        **({"reason": template.reason} if template.reason else {}),
        "components": list(template.components),
    }
