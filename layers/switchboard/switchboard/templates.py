"""What we know of WhatsApp templates, so that a message that cannot fit its template is refused at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchboard.errors import Fault, InvalidRequest
from switchboard.models.events import TemplateNews
from switchboard.models.messages import Channel, Message, Template
from switchboard.senders import Senders
from switchboard.store import TemplateStore

if TYPE_CHECKING:
    from switchboard.models.reading import Places

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True)
class Templates:
    store: TemplateStore
    senders: Senders

    def check(self, *messages: Message, at: Sequence[Places]) -> None:
        """InvalidRequest if a message's parameters do not fit its template, where we know that.

        `at` is where each message is in the request.
        """
        faults = [
            fault
            for message, places in zip(messages, at, strict=True)
            for fault in self._faults(message, places)
        ]
        if faults:
            raise InvalidRequest(*faults)

    def news(self, provider: str, account_id: str, news: TemplateNews) -> None:
        """A template's status changed."""
        self.store.change_status(provider, account_id, news.name, news.language, news.status, news.reason)

    def _faults(self, message: Message, at: Places) -> Iterator[Fault]:
        """What does not fit in the template that is sent, or that would be in its place."""
        if message.channel is not Channel.WHATSAPP:
            return
        content, fallback = message.content, message.whatsapp.template_fallback
        if isinstance(content, Template):
            reason = self._fault(message, content.name, content.parameters, message.whatsapp.locale)
            if reason:
                yield Fault(f"{at.content}template.parameters", reason)
        if fallback:
            locale = fallback.locale or message.whatsapp.locale
            reason = self._fault(message, fallback.name, fallback.parameters, locale)
            if reason:
                yield Fault(f"{at.options}whatsapp.template_fallback.parameters", reason)

    def _fault(
        self, message: Message, name: str, parameters: Sequence[str], locale: str | None
    ) -> str | None:
        name = name.rpartition(":")[2]
        language = (locale or DEFAULT_LANGUAGE).replace("-", "_")
        given = len(parameters)
        for route in self.senders.routes(message.channel, message.sender).found:
            known = self.store.get(route.provider, route.account_id, name, language)
            if known and known.variables is not None and known.variables != given:
                return f"must be {known.variables}: so many has {name} in {language}; {given} were given"
        return None
