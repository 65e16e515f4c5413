"""Who may be written to: opt-outs, and the windows in which people can be written to freely.

A person is known per sender of ours: who stops one of them still hears from the others.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from switchboard import clock
from switchboard.errors import Rejected
from switchboard.keywords import OPT_IN, OPT_OUT, keyword
from switchboard.models.messages import Channel, Message, Template, Text
from switchboard.senders import same
from switchboard.store import Contact, ContactStore, InboundItem

WINDOWS: Mapping[Channel, timedelta] = {
    Channel.WHATSAPP: timedelta(hours=24),
    Channel.MESSENGER: timedelta(hours=24),
}
"""How long after a person wrote they can be written to freely. Only WhatsApp's is ours to keep: what may go
out later on Messenger (tags, utility messages) is for Meta to say."""
KEPT: frozenset[Channel] = frozenset({Channel.WHATSAPP})

CLIENT_REF = "opt-out-confirmation"


def window_end(channel: Channel, contact: Contact) -> datetime | None:
    """When the window that a person opened closes or closed; None if there is no such thing."""
    if channel not in WINDOWS or contact.last_inbound_at is None:
        return None
    return contact.last_inbound_at + WINDOWS[channel]


@dataclass(frozen=True)
class Contacts:
    store: ContactStore
    opt_out: Collection[str] = OPT_OUT
    opt_in: Collection[str] = OPT_IN
    """The words, as `keyword` writes them."""
    confirmation: str = ""
    """What a person is told who opted out; empty for nothing."""

    def wrote(self, item: InboundItem) -> Message | None:
        """Note that a person wrote, and what they chose. The confirmation to send, if they opted out.

        Repeats change nothing: the confirmation's uuid follows from the inbound message's.
        """
        channel = Channel(item.channel)
        known = same(channel)
        if channel in WINDOWS:
            self.store.wrote(known, item.sender, item.recipient, item.at)
        said = keyword(item.content.text) if isinstance(item.content, Text) else ""
        if said and said in self.opt_out:
            did = self.store.opt_out(known, item.sender, item.recipient, item.at, by=item.message_uuid)
            return self._confirmation(item, channel) if did else None
        if said and said in self.opt_in:
            self.store.opt_in(known, item.sender, item.recipient, item.at)
        return None

    def admitted(self, message: Message, *, registered: bool) -> Message:
        """The message as it may go out now. Rejected 1240 if the person has opted out; 1340 if it is
        free-form and their window is closed, unless it names a template for that case, which is then sent.

        `registered`: the sender is in a provider account of its own. Only then do we hear everything that
        is written to it, and so know its windows.
        """
        contact = self.store.contact(same(message.channel), message.recipient, message.sender)
        if contact and contact.opted_out_at and not message.confirms_opt_out:
            raise Rejected(1240, detail="its person has opted out")
        if message.channel not in KEPT or not registered or message.is_template:
            return message
        end = window_end(message.channel, contact) if contact else None
        if end and clock.now() < end:
            return message
        fallback = message.whatsapp.template_fallback
        if fallback is None:
            raise Rejected(1340, detail="its person's window is closed, and it is no template")
        template = Template(type="template", name=fallback.name, parameters=fallback.parameters)
        options = message.whatsapp.model_copy(update={"locale": fallback.locale or message.whatsapp.locale})
        return message.model_copy(update={"content": template, "whatsapp": options})

    def of(self, channel: Channel, person: str) -> list[Contact]:
        """What is known of a person, by sender; empty if they never wrote."""
        return self.store.contacts(same(channel), person)

    def shown(self, channel: Channel, person: str, contacts: Sequence[Contact]) -> dict[str, Any]:
        """A person as the API shows them: the newest of all windows, and by sender."""
        now = clock.now()
        ends = {one.sender: window_end(channel, one) for one in contacts}
        still = {sender: end for sender, end in ends.items() if end and end > now}
        return {
            "channel": channel.value,
            "id": person,
            "opted_out": any(one.opted_out_at for one in contacts),
            "window_open_until": _wire(max(still.values(), default=None)),
            "senders": [
                {
                    "sender": one.sender,
                    "opted_out": one.opted_out_at is not None,
                    "opted_out_at": _wire(one.opted_out_at),
                    "last_inbound_at": _wire(one.last_inbound_at),
                    "window_open_until": _wire(still.get(one.sender)),
                }
                for one in contacts
            ],
        }

    def _confirmation(self, item: InboundItem, channel: Channel) -> Message | None:
        if not self.confirmation:
            return None
        return Message(
            message_uuid=str(uuid5(UUID(item.message_uuid), CLIENT_REF)),
            channel=channel,
            sender=item.recipient,
            recipient=item.sender,
            content=Text(type="text", text=self.confirmation),
            client_ref=CLIENT_REF,
            confirms_opt_out=True,
        )


def _wire(moment: datetime | None) -> str | None:
    return clock.wire(moment) if moment else None
