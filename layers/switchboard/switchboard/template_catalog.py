"""WhatsApp templates at their providers: listed, created and deleted there, and remembered here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from switchboard.adapters import adapter
from switchboard.adapters.base import Account, Adapter
from switchboard.adapters.templates import KeepsTemplates, Template
from switchboard.errors import ConfigurationError, Fault, InvalidRequest, NotFound, Rejected
from switchboard.models.messages import Channel
from switchboard.secrets import Accounts
from switchboard.senders import Senders
from switchboard.store import TemplateItem, TemplateStore

if TYPE_CHECKING:
    import httpx

_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_PAGES = 50
"""The most that one list is read."""


@dataclass(frozen=True)
class TemplateCatalog:
    """`sender` is the WhatsApp number whose account is meant; empty for the default account."""

    store: TemplateStore
    senders: Senders
    accounts: Accounts
    client: Callable[[], httpx.Client]
    """A callable, as few requests need it, and it brings all that makes HTTP calls."""
    adapter: Callable[[str], Adapter] = adapter

    def list(self, sender: str, name: str | None = None) -> tuple[Template, ...]:
        """Every language of every template, or of one. What the provider says is remembered."""
        keeper, account = self._keeper(sender)
        found: dict[tuple[str, str], Template] = {}
        after: str | None = None
        with _refusals():
            for _ in range(_PAGES):
                request = partial(keeper.list_templates, sender=sender, name=name, after=after)
                page, after = keeper.listed_templates(self._ask(keeper, account, request))
                found |= {(template.name, template.language): template for template in page}
                if after is None:
                    break
        for template in found.values():
            self._remember(account, template)
        return tuple(found.values())

    def create(self, sender: str, definition: Mapping[str, Any]) -> Template:
        keeper, account = self._keeper(sender)
        with _refusals():
            reply = self._ask(keeper, account, lambda one: keeper.create_template(one, sender, definition))
            template = keeper.created_template(reply, definition)
        self._remember(account, template)
        return template

    def delete(self, sender: str, name: str, language: str | None) -> None:
        """One language, or all. NotFound if there is none."""
        there = [template for template in self.list(sender, name) if language in (None, template.language)]
        if not there:
            raise NotFound(name)
        keeper, account = self._keeper(sender)
        identifier = there[0].template_id if language else None
        with _refusals():
            self._ask(keeper, account, lambda one: keeper.delete_template(one, sender, name, identifier))
        for template in there:
            self.store.delete(account.provider, account.account_id, template.name, template.language)

    def _keeper(self, sender: str) -> tuple[_Keeper, Account]:
        """The first of a sender's accounts whose provider keeps templates."""
        for route in self.senders.routes(Channel.WHATSAPP, sender).found:
            provider = self.adapter(route.provider)
            if isinstance(provider, KeepsTemplates):
                account = self.accounts.account(route.provider, route.account_id)
                return cast(_Keeper, provider), account
        raise InvalidRequest(Fault("sender", "has no account whose provider keeps templates"))

    def _ask(
        self, keeper: _Keeper, account: Account, request: Callable[[Account], httpx.Request]
    ) -> httpx.Response:
        reply = keeper.asked(request, account, self.client())
        if not reply.is_success:
            raise keeper.refused(reply)
        return reply

    def _remember(self, account: Account, template: Template) -> None:
        item = TemplateItem(
            name=template.name,
            language=template.language,
            status=template.status,
            category=template.category,
            template_id=template.template_id,
            reason=template.reason,
            variables=variables(template),
            components=json.dumps(list(template.components)),
        )
        self.store.put(account.provider, account.account_id, item)


class _Keeper(Adapter, KeepsTemplates):
    """For the type checker: an adapter that keeps templates."""


def variables(template: Template) -> int | None:
    """How many variables a template's body has; None if it was not shown to us."""
    bodies = [
        str(part.get("text", ""))
        for part in template.components
        if str(part.get("type", "")).upper() == "BODY"
    ]
    return len(set(_VARIABLE.findall(bodies[0]))) if bodies else None


@contextmanager
def _refusals() -> Iterator[None]:
    """The account's own faults are an answer here, not a riddle."""
    try:
        yield
    except ConfigurationError as error:
        raise Rejected(error.code, error.provider_code) from error
