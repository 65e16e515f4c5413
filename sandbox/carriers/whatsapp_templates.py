"""WhatsApp's message templates: what may be filed, how it is reviewed, and what may then be sent.

https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates
"""

import base64
import binascii
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from starlette.datastructures import URL, QueryParams

from sandbox.carriers.faults import Faulty, check
from sandbox.carriers.meta import GraphError

REVIEW_SECONDS = 1.0
"""From filing to the decision, at pace 1."""

PER_PAGE = 25
LIMIT = 250
"""Templates that a business account may have."""


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class _Member(BaseModel):
    model_config = ConfigDict(strict=True)


class Button(_Member):
    type: Annotated[str, BeforeValidator(_upper)]
    text: Annotated[str, Field(min_length=1, max_length=25)] | None = None


class Component(_Member):
    type: Annotated[Literal["HEADER", "BODY", "FOOTER", "BUTTONS"], BeforeValidator(_upper)]
    format: (
        Annotated[Literal["TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION"], BeforeValidator(_upper)] | None
    ) = None
    text: Annotated[str, Field(min_length=1, max_length=1024)] | None = None
    example: dict[str, Any] | None = None
    buttons: Annotated[list[Button], Field(min_length=1, max_length=10)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Component":
        if self.type == "BUTTONS" and self.buttons is None:
            raise ValueError("buttons are required")
        if self.type == "HEADER" and self.format is None:
            raise ValueError("a header must have a format")
        wants_text = self.type in ("BODY", "FOOTER") or self.format == "TEXT"
        if wants_text and self.text is None:
            raise ValueError("text is required")
        wants_example = self.variables or self.format in ("IMAGE", "VIDEO", "DOCUMENT")
        if wants_example and not self.example:
            raise ValueError("an example is required")
        return self

    @property
    def variables(self) -> list[str]:
        """Their numbers or names, in order of appearance."""
        return list(dict.fromkeys(re.findall(r"{{\s*(\w+)\s*}}", self.text or "")))


class Definition(_Member):
    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    language: str = Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2,3})?$")
    category: Annotated[Literal["MARKETING", "UTILITY", "AUTHENTICATION"], BeforeValidator(_upper)]
    parameter_format: Annotated[Literal["POSITIONAL", "NAMED"], BeforeValidator(_upper)] = "POSITIONAL"
    components: list[Component]

    @model_validator(mode="after")
    def _sound(self) -> "Definition":
        kinds = [component.type for component in self.components]
        if "BODY" not in kinds or len(set(kinds)) < len(kinds):
            raise ValueError("components: one body is needed, and no component more than once")
        for component in self.components:
            found = component.variables
            in_order = found == [str(number) for number in range(1, len(found) + 1)]
            if self.parameter_format == "POSITIONAL" and not in_order:
                raise ValueError("components: the variables must be numbered from {{1}}")
        return self


@dataclass
class Template:
    id: str
    definition: Definition
    components: Sequence[Mapping[str, Any]]
    """As they were filed."""
    status: str = "PENDING"
    reason: str = "NONE"

    @property
    def node(self) -> dict[str, Any]:
        return {
            "name": self.definition.name,
            "parameter_format": self.definition.parameter_format,
            "components": self.components,
            "language": self.definition.language,
            "status": self.status,
            "category": self.definition.category,
            "rejected_reason": self.reason,
            "id": self.id,
        }

    def review(self) -> None:
        """Everything is approved but what asks for the opposite by its name."""
        rejected = "reject" in self.definition.name
        self.status, self.reason = ("REJECTED", "INVALID_FORMAT") if rejected else ("APPROVED", "NONE")

    def news(self) -> dict[str, Any]:
        """The `value` of a message_template_status_update."""
        value: dict[str, Any] = {
            "event": self.status,
            "message_template_id": int(self.id),
            "message_template_name": self.definition.name,
            "message_template_language": self.definition.language,
            "reason": self.reason,
            "message_template_category": self.definition.category,
        }
        if self.status == "REJECTED":
            value["rejection_info"] = {
                "reason": "The name of this template asks for its rejection.",
                "recommendation": "Choose another name.",
            }
        return value


class Templates:
    """The templates of one business account.

    As long as none was ever filed, any name can be sent.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Template] = {}
        self._names: set[str] = set()
        """Also of those that were deleted."""

    def __contains__(self, template: Template) -> bool:
        return template in self._kept.values()

    def create(self, value: Mapping[str, Any]) -> Template:
        """GraphError 100 if it is not sound, or already there in this language."""
        try:
            definition = check(Definition, value)
        except Faulty as faulty:
            fault = faulty.faults[0]
            raise GraphError(
                100, "Invalid parameter", subcode=2388043, advice=f"{fault.dotted}: {fault.reason}"
            ) from None
        key = definition.name, definition.language
        if key in self._kept:
            advice = "There is a template of this name in this language."
            raise GraphError(100, "Invalid parameter", subcode=2388024, advice=advice)
        template = Template(str(10**15 + secrets.randbelow(9 * 10**15)), definition, value["components"])
        self._kept[key] = template
        self._names.add(definition.name)
        return template

    def page(self, query: QueryParams, url: URL) -> dict[str, Any]:
        """Whole nodes. `name` may be a part of one; `status` and `language` are exact."""
        found = [
            template.node
            for template in self._kept.values()
            if query.get("name", "") in template.definition.name
            and query.get("status") in (None, template.status)
            and query.get("language") in (None, template.definition.language)
        ]
        start, count = _position(query.get("after")), _count(query.get("limit"))
        page = found[start : start + count]
        answer: dict[str, Any] = {"data": page}
        if page:
            after = _cursor(start + len(page))
            answer["paging"] = {"cursors": {"before": _cursor(start), "after": after}}
            if start + len(page) < len(found):
                answer["paging"]["next"] = str(url.include_query_params(after=after))
        if "summary" in query:
            answer["summary"] = {
                "total_count": len(found),
                "message_template_count": len(self._kept),
                "message_template_limit": LIMIT,
                "are_translations_complete": True,
            }
        return answer

    def delete(self, name: str, template_id: str | None) -> None:
        """Every language of a name, or the one with this id. GraphError 100 if there is none."""
        found = [
            key
            for key, template in self._kept.items()
            if key[0] == name and template_id in (None, template.id)
        ]
        if not found:
            advice = "There is no such template."
            raise GraphError(100, "Invalid parameter", status=404, subcode=2593002, advice=advice)
        for key in found:
            del self._kept[key]

    def check_message(self, name: str, language: str, components: Sequence[Mapping[str, Any]]) -> None:
        """GraphError 132001 or 132000 unless a message can be made of a template."""
        if not self._kept and name not in self._names:
            return
        template = self._kept.get((name, language))
        if template is None or template.status != "APPROVED":
            raise GraphError(
                132001,
                "(#132001) Template name does not exist in the translation",
                status=404,
                details=f"template name ({name}) does not exist in {language}",
            )
        given = {str(part["type"]).upper(): len(part.get("parameters", ())) for part in components}
        for component in template.definition.components:
            wanted = len(component.variables) if component.format in (None, "TEXT") else 1
            if component.type in ("HEADER", "BODY") and given.get(component.type, 0) != wanted:
                raise GraphError(
                    132000,
                    "(#132000) Number of parameters does not match the expected number of params",
                    details=f"{component.type.lower()}: expected {wanted} parameters",
                )


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(str(position).encode()).decode()


def _position(cursor: str | None) -> int:
    """GraphError 100 for what is no cursor of ours."""
    if cursor is None:
        return 0
    try:
        return int(base64.urlsafe_b64decode(cursor))
    except (ValueError, binascii.Error):
        raise GraphError(100, "(#100) Invalid cursors values") from None


def _count(limit: str | None) -> int:
    if limit is None:
        return PER_PAGE
    if not limit.isdecimal() or int(limit) == 0:
        raise GraphError(100, "(#100) Param limit must be a positive number")
    return int(limit)
