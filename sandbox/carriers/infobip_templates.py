"""WhatsApp templates at Infobip: what may be filed, how it is reviewed, and what may then be sent.

https://www.infobip.com/docs/api/channels/whatsapp/whatsapp-service-management
"""

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sandbox.carriers.infobip_messages import Member
from sandbox.carriers.infobip_whatsapp import Template as Content

REVIEW_SECONDS = 1.0
"""From filing to the decision, at pace 1."""


def _variables(text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(r"{{(\d+)}}", text)))


class Header(Member):
    format: Literal["TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION"]
    text: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    example: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Header":
        if self.format == "TEXT" and not self.text:
            raise ValueError("text must not be blank")
        if self.format in ("IMAGE", "VIDEO", "DOCUMENT") and not self.example:
            raise ValueError("example must not be blank")
        return self


class Body(Member):
    text: str | None = Field(None, min_length=1, max_length=1024)
    """Templates for codes have none: WhatsApp writes it."""
    examples: list[Annotated[str, Field(min_length=1)]] = Field([])
    addSecurityRecommendation: bool | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Body":
        found = _variables(self.text or "")
        if found != [str(number) for number in range(1, len(found) + 1)]:
            raise ValueError("placeholders must be numbered from {{1}}")
        if len(self.examples) != len(found):
            raise ValueError("examples must be as many as there are placeholders")
        return self


class Footer(Member):
    text: Annotated[str, Field(min_length=1, max_length=60)] | None = None
    codeExpirationMinutes: Annotated[int, Field(ge=1, le=90)] | None = None


class Button(Member):
    type: (
        Literal["QUICK_REPLY", "URL", "PHONE_NUMBER", "COPY_CODE", "FLOW", "CATALOG", "MULTI_PRODUCT"] | None
    ) = None
    otpType: Literal["COPY_CODE", "ONE_TAP", "ZERO_TAP"] | None = None
    text: Annotated[str, Field(min_length=1, max_length=25)] | None = None
    url: str | None = None
    phoneNumber: str | None = None
    example: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "Button":
        if (self.type is None) == (self.otpType is None):
            raise ValueError("one of type and otpType is needed")
        if (self.type == "URL" and not self.url) or (self.type == "PHONE_NUMBER" and not self.phoneNumber):
            raise ValueError("the button leads nowhere")
        return self


class Structure(Member):
    header: Header | None = None
    body: Body
    footer: Footer | None = None
    buttons: Annotated[list[Button], Field(min_length=1, max_length=10)] | None = None


class Definition(Member):
    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    language: str = Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2,3})?$")
    category: Literal["MARKETING", "UTILITY", "AUTHENTICATION"]
    allowCategoryChange: bool = False
    structure: Structure


@dataclass
class Template:
    definition: Definition
    structure: Mapping[str, Any]
    """As it was filed."""
    id: str = field(default_factory=lambda: str(10**15 + secrets.randbelow(9 * 10**15)))
    status: str = "PENDING"
    reason: str | None = None

    @property
    def as_json(self) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
        kind = "MEDIA" if set(self.structure) - {"body"} else "TEXT"
        return {
            "id": self.id,
            "businessAccountId": 209870000000002,
            "name": self.definition.name,
            "language": self.definition.language,
            "status": self.status,
            "category": self.definition.category,
            "structure": {**self.structure, "type": kind},
            "quality": "UNKNOWN",
            "createdAt": now,
            "lastUpdatedAt": now,
        }

    def review(self) -> None:
        """Everything is approved but what asks for the opposite by its name."""
        rejected = "reject" in self.definition.name
        self.status, self.reason = ("REJECTED", "SCAM") if rejected else ("APPROVED", "NONE")

    def news(self, at: str) -> dict[str, Any]:
        return {
            "messageTemplateId": self.id,
            "messageTemplateName": self.definition.name,
            "messageTemplateLanguage": self.definition.language,
            "timestamp": at,
            "change": {
                "type": "TEMPLATE_STATUS_UPDATE",
                "newStatus": self.status,
                "reason": self.reason,
            },
        }


class Templates:
    """The templates of one sender. As long as none was ever filed, any name can be sent."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Template] = {}
        self._used = False

    def __contains__(self, template: Template) -> bool:
        return template in self._kept.values()

    def __iter__(self) -> Iterator[Template]:
        return iter(self._kept.values())

    def file(self, definition: Definition, structure: Mapping[str, Any]) -> Template | None:
        """None if there is one of this name in this language."""
        key = definition.name, definition.language
        if key in self._kept:
            return None
        self._used = True
        self._kept[key] = Template(definition, structure)
        return self._kept[key]

    def delete(self, name: str) -> bool:
        """Every language of a name. False if there is none."""
        found = [key for key in self._kept if key[0] == name]
        for key in found:
            del self._kept[key]
        return bool(found)

    def fault(self, content: Content) -> str | None:
        """The name of the error that a message of a template will end with, if it cannot be sent."""
        if not self._used:
            return None
        template = self._kept.get((content.templateName, content.language))
        if template is None or template.status != "APPROVED":
            return "EC_INVALID_TEMPLATE"
        wanted = len(_variables(template.definition.structure.body.text or ""))
        given = len(content.templateData.body.placeholders)
        return None if wanted == given else "EC_INVALID_TEMPLATE_ARGS"
