"""Finds the messages that a Messenger receipt means, which names a moment instead of a message.

A receipt and a send can cross. Each writes first and reads then, the receipt its watermark and the send
its message, so that whichever comes second sees the other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from switchboard import clock
from switchboard.models.events import Conversation, Watermark
from switchboard.models.messages import Status
from switchboard.store import ConversationStore, Sent
from switchboard.transitions import Change, Transitions

MARGIN = timedelta(minutes=1)


@dataclass(frozen=True)
class Conversations:
    store: ConversationStore
    transitions: Transitions

    def sent(self, conversation: Conversation, message_uuid: str, provider_id: str, at: datetime) -> None:
        """A message went out in this conversation, at `at` at the latest.

        By the provider's clock, if it told us in an echo; else when its answer was here. The provider had
        the message before that, but to take an earlier moment could make a message read that nobody saw.
        """
        self.store.remember_sent(
            conversation, Sent(message_uuid=message_uuid, provider_id=provider_id, at=at)
        )
        marks = self.store.watermarks(conversation)
        changes = [
            _change(message_uuid, status, mark.up_to, provider_id)
            for status, mark in marks.items()
            if at <= mark.up_to
        ]
        named = self.store.early(conversation, provider_id)
        if named:
            changes.append(_change(message_uuid, named, at, provider_id))
        self.transitions.apply(changes)

    def reached(self, watermark: Watermark) -> None:
        """Everything sent up to the watermark has this status, and what the receipt names by id.

        What lies below the mark that was settled before has been told already. A mark is settled last, so
        that a receipt whose handling died is handled again when it is repeated.
        """
        conversation, status, up_to = watermark.conversation, watermark.status, watermark.up_to
        settled = self.store.raise_watermark(conversation, status, up_to).settled
        meant, unknown = self._meant(watermark, settled)
        if unknown:
            for provider_id in unknown:
                self.store.remember_early(conversation, provider_id, status)
            meant |= self._meant(watermark, settled)[0]
        self.transitions.apply([_change(uuid, status, up_to) for uuid in meant])
        self.store.settle_watermark(conversation, status, up_to)

    def _meant(self, watermark: Watermark, settled: datetime | None) -> tuple[dict[str, None], set[str]]:
        """The messages that a receipt means, in order, and the ids in it that are not recorded yet."""
        named = set(watermark.provider_ids)
        # Ours may be the later of the two clocks.
        until = watermark.up_to + MARGIN if named else watermark.up_to
        found = self.store.sent(watermark.conversation, settled, until, clock.now())
        meant = [sent for sent in found if sent.at <= watermark.up_to or sent.provider_id in named]
        unknown = named - {sent.provider_id for sent in found}
        return dict.fromkeys(sent.message_uuid for sent in meant), unknown


def _change(uuid: str, status: Status, theirs: datetime, provider_id: str | None = None) -> Change:
    """A status of Meta's time, of which we hear now."""
    at, heard = clock.stamped(theirs, clock.now())
    return Change(uuid, status, at, heard=heard, provider_id=provider_id)
