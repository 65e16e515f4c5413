"""Reads and writes of Messenger's conversations: what was sent in one, and how far it was received."""

from dataclasses import dataclass
from datetime import datetime

from switchboard import clock
from switchboard.models.events import Conversation
from switchboard.models.messages import Status
from switchboard.store import keys
from switchboard.store.attributes import Item, dump, load
from switchboard.store.calls import DAY, Lost, Table
from switchboard.store.items import Sent

_CONVERSATION_DAYS = 8
"""Receipts for anything older are not looked for."""


@dataclass(frozen=True)
class Mark:
    """How far a conversation was delivered or read, and how far the messages below were told so."""

    up_to: datetime
    settled: datetime | None


def _marks(item: Item) -> dict[Status, Mark]:
    values = load(item)
    return {
        status: Mark(
            clock.from_milliseconds(int(values[status])),
            clock.from_milliseconds(int(values[f"{status}_settled"]))
            if f"{status}_settled" in values
            else None,
        )
        for status in (Status.DELIVERED, Status.READ)
        if status in values
    }


class ConversationStore(Table):
    def remember_sent(self, conversation: Conversation, sent: Sent) -> None:
        key = keys.sent(
            conversation.sender, conversation.recipient, clock.milliseconds(sent.at), sent.message_uuid
        )
        self._put(
            key,
            dump(
                {
                    "message_uuid": sent.message_uuid,
                    "provider_id": sent.provider_id,
                    "at": clock.wire(sent.at),
                }
            ),
            _CONVERSATION_DAYS * DAY,
        )

    def sent(
        self, conversation: Conversation, after: datetime | None, until: datetime, now: datetime
    ) -> list[Sent]:
        """What was sent in a conversation in the time after `after` (or of late) until `until`."""
        oldest = clock.milliseconds(now) - _CONVERSATION_DAYS * DAY * 1000
        if after:
            oldest = max(oldest, clock.milliseconds(after) + 1)
        newest = clock.milliseconds(until)
        if newest < oldest:
            return []
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :oldest AND :newest",
            ExpressionAttributeValues=dump(
                {
                    ":pk": keys.conversation(conversation.sender, conversation.recipient),
                    ":oldest": f"{keys.SENT}{oldest:015d}",
                    ":newest": f"{keys.SENT}{newest:015d}~",
                }
            ),
        )
        return [Sent.model_validate(load(item)) for page in pages for item in page["Items"]]

    def remember_early(self, conversation: Conversation, provider_id: str, status: Status) -> None:
        """A receipt named a message that is not recorded yet."""
        self._put(
            keys.early(conversation.sender, conversation.recipient, provider_id),
            dump({"status": status.value}),
            DAY,
        )

    def early(self, conversation: Conversation, provider_id: str) -> Status | None:
        """The status of a message that was named before it was recorded."""
        key = keys.early(conversation.sender, conversation.recipient, provider_id)
        found = self._get(key, consistent=True)
        return Status(load(found)["status"]) if found else None

    def raise_watermark(self, conversation: Conversation, status: Status, up_to: datetime) -> Mark:
        """Note that a conversation is delivered or read up to a moment. Returns the mark as it is then."""
        values = {
            ":up_to": clock.milliseconds(up_to),
            ":expires_at": int(up_to.timestamp()) + _CONVERSATION_DAYS * DAY,
        }
        try:
            item = self._update(
                keys.watermarks(conversation.sender, conversation.recipient),
                "SET #mark = :up_to, expires_at = :expires_at",
                "attribute_not_exists(#mark) OR #mark < :up_to",
                values,
                {"#mark": status.value},
            )
        except Lost as lost:
            item = lost.found or {}
        return _marks(item)[status]

    def settle_watermark(self, conversation: Conversation, status: Status, up_to: datetime) -> None:
        """Every message below this mark has been told."""
        try:
            self._update(
                keys.watermarks(conversation.sender, conversation.recipient),
                "SET #settled = :up_to",
                "attribute_exists(pk) AND (attribute_not_exists(#settled) OR #settled < :up_to)",
                {":up_to": clock.milliseconds(up_to)},
                {"#settled": f"{status.value}_settled"},
            )
        except Lost:
            return

    def watermarks(self, conversation: Conversation) -> dict[Status, Mark]:
        found = self._get(keys.watermarks(conversation.sender, conversation.recipient), consistent=True)
        return _marks(found or {})
