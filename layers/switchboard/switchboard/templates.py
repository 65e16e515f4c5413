"""What we know of WhatsApp templates, so that a message that cannot fit its template is refused at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from switchboard.errors import Fault, InvalidRequest
from switchboard.models.events import TemplateNews
from switchboard.models.messages import Channel, Message, Template
from switchboard.senders import Senders
from switchboard.store import TemplateStore

DEFAULT_LANGUAGE = "en"


@dataclass(frozen=True)
class Templates:
    store: TemplateStore
    senders: Senders

    def check(self, *messages: Message, at: Sequence[str] = ("",)) -> None:
        """InvalidRequest if a message's parameters do not fit its template, where we know that.

        `at` is where each message is in the request.
        """
        faults = [
            Fault(f"{place}message.content.template.parameters", reason)
            for message, place in zip(messages, at, strict=True)
            if (reason := self._fault(message))
        ]
        if faults:
            raise InvalidRequest(*faults)

    def news(self, provider: str, account_id: str, news: TemplateNews) -> None:
        """A template's status changed."""
        self.store.change_status(provider, account_id, news.name, news.language, news.status, news.reason)

    def _fault(self, message: Message) -> str | None:
        if message.channel is not Channel.WHATSAPP or not isinstance(message.content, Template):
            return None
        name = message.content.name.rpartition(":")[2]
        language = (message.whatsapp.locale or DEFAULT_LANGUAGE).replace("-", "_")
        given = len(message.content.parameters)
        for route in self.senders.routes(message.channel, message.sender).found:
            known = self.store.get(route.provider, route.account_id, name, language)
            if known and known.variables is not None and known.variables != given:
                return (
                    f"must be {known.variables}, as template {name} ({language}) has so many; {given} given"
                )
        return None
