"""Takes a message in: durable in the table and in the queue before anybody hears that it was accepted."""

from dataclasses import dataclass

from switchboard import clock
from switchboard.callers import Caller
from switchboard.errors import NotFound
from switchboard.models.messages import Message
from switchboard.queues import MessageTask, Queue
from switchboard.senders import Senders
from switchboard.store import MessageItem, Store


@dataclass(frozen=True)
class Sending:
    store: Store
    outbound: Queue
    senders: Senders

    def send(self, message: Message, caller: Caller) -> str:
        """Accept a message for delivery. Returns its message_uuid."""
        self.senders.used(message.channel, message.sender, caller.application_id)
        self.store.add_message(
            MessageItem(message=message, application_id=caller.application_id, accepted_at=clock.now())
        )
        self.outbound.put(MessageTask(message_uuid=message.message_uuid))
        return message.message_uuid

    def show(self, message_uuid: str, caller: Caller) -> MessageItem:
        """A message as it is now. NotFound also for another application's."""
        item = self.store.message(message_uuid, consistent=True)
        if not isinstance(item, MessageItem) or not caller.may_see(item.application_id):
            raise NotFound(message_uuid)
        return item
