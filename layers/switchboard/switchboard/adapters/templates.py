"""What an adapter is beside Adapter when its provider keeps WhatsApp templates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchboard.adapters.base import Account

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class Template:
    """One language of a template, as its provider has it. `components` are in Meta's form:
    https://developers.facebook.com/docs/whatsapp/business-management-api/message-templates/components"""

    name: str
    language: str
    """With an underscore, as Meta writes it: en_GB."""
    status: str
    """The provider's word in upper case: APPROVED, PENDING, REJECTED, PAUSED, ..."""
    category: str = ""
    template_id: str = ""
    reason: str = ""
    """Why it was rejected."""
    components: Sequence[Mapping[str, Any]] = field(default_factory=list)


class KeepsTemplates(ABC):
    """The requests are sent, and non-2xx answers turned into errors, by the same code as messages.

    `sender` is the WhatsApp number that templates are asked for, for providers that file them by number.
    """

    @abstractmethod
    def list_templates(
        self, account: Account, sender: str, name: str | None, after: str | None
    ) -> httpx.Request:
        """`name` narrows the list down to one template; `after` is the mark of the next page."""

    @abstractmethod
    def listed_templates(self, reply: httpx.Response) -> tuple[list[Template], str | None]:
        """A page, and the mark of the next one if there is more."""

    @abstractmethod
    def create_template(self, account: Account, sender: str, definition: Mapping[str, Any]) -> httpx.Request:
        """`definition` is in Meta's form: name, language, category, components."""

    @abstractmethod
    def created_template(self, reply: httpx.Response, definition: Mapping[str, Any]) -> Template:
        """The new template. Unanswered when the answer says nothing."""

    @abstractmethod
    def delete_template(
        self, account: Account, sender: str, name: str, template_id: str | None
    ) -> httpx.Request:
        """Deletes one language by its id, or without it every language of the name."""
