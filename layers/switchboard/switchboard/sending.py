"""Takes a message in: durable in the table and in the queue before anybody hears that it was accepted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchboard import clock
from switchboard.errors import NotFound
from switchboard.models.messages import Message
from switchboard.models.origin import Origin
from switchboard.queues import MessageTask, Queue
from switchboard.repeats import again
from switchboard.senders import Senders
from switchboard.store import MessageItem, Store, keys
from switchboard.templates import Templates

if TYPE_CHECKING:
    from switchboard.callers import Caller
    from switchboard.models.reading import Places


@dataclass(frozen=True)
class Sending:
    store: Store
    outbound: Queue
    urgent: Queue
    """What overtakes everything else."""
    senders: Senders
    templates: Templates

    def send(self, message: Message, caller: Caller, at: Places, origin: Origin | None = None) -> str:
        """Accept a message for delivery; `at` is where its parts are in the request. Returns its
        message_uuid."""
        self.templates.check(message, at=[at])
        self.senders.used(message.channel, message.sender, caller.application_id)
        self.accept(message, caller.application_id, origin)
        return message.message_uuid

    def accept(self, message: Message, application_id: str | None, origin: Origin | None = None) -> None:
        """Durable, once for each message_uuid, when this returns. With `origin` it raises as `repeats.again`
        does."""
        item = MessageItem(
            message=message, application_id=application_id, accepted_at=clock.now(), origin=origin
        )
        if not self.store.add_message(item) and origin:
            there = self.store.message(item.uuid, consistent=True)
            assert isinstance(there, MessageItem)
            if not again(there.origin, origin, there.accepted_at):
                return
        queue = self.urgent if message.priority == "high" else self.outbound
        queue.put(MessageTask(message_uuid=message.message_uuid))
        if origin:
            self.store.done(keys.message(item.uuid))

    def show(self, message_uuid: str, caller: Caller) -> MessageItem:
        """A message as it is now. NotFound also for another application's."""
        item = self.store.message(message_uuid, consistent=True)
        if not isinstance(item, MessageItem) or not caller.may_see(item.application_id):
            raise NotFound(message_uuid)
        return item
