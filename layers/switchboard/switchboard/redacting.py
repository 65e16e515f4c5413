"""Erases a person: numbers and contents go, statuses, prices and counts stay.

There is no index of who was written to, as that would be one write more for every message. So the whole table
is read, page by page, by queue records that name nothing but the redaction: each works for a while, writes
down how far it came and puts the next one. What was erased does not match any more, so that whoever dies in
between does at most a page again.

It is read twice, the second time after everybody who was at work when the first round passed must have
finished. What comes to us after that is new.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

from switchboard import clock
from switchboard.callers import Caller
from switchboard.errors import NotFound
from switchboard.media import kept
from switchboard.models.messages import Channel, InboundMedia, Message, Redacted, Text, Unsupported
from switchboard.models.redactions import Who
from switchboard.models.workflows import Step
from switchboard.pricing import Prices
from switchboard.queues import Later, Queue, Record, RedactionTask
from switchboard.senders import Senders, same
from switchboard.store import InboundItem, MessageItem, Redaction, RedactionStore, Store, items, keys
from switchboard.store.attributes import Item
from switchboard.store.redactions import ERASED

SECONDS = 30.0
"""How long one queue record works before it puts the next."""
PAUSE = timedelta(seconds=120)
"""Between the rounds: longer than any function of ours can live."""
ROUNDS = 2


@dataclass(frozen=True)
class Redacting:
    redactions: RedactionStore
    store: Store
    queue: Queue
    senders: Senders
    prices: Prices
    s3: Callable[[], Any]
    """The S3 client; a callable, since few messages have media."""
    bucket: str

    def start(self, who: Who, caller: Caller) -> Redaction:
        """Begin to erase a person: everything that the caller may see of them."""
        redaction = Redaction(
            redaction_id=str(uuid4()),
            application_id=caller.application_id,
            requested_at=clock.now(),
            channel=who.channel,
            person=who.person,
        )
        self.redactions.begin(redaction)
        self.queue.put(RedactionTask(redaction_id=redaction.redaction_id, run=1))
        return redaction

    def show(self, redaction_id: str, caller: Caller) -> Redaction:
        """NotFound also for another application's."""
        found = self.redactions.redaction(redaction_id)
        if found is None or not caller.may_see(found.application_id):
            raise NotFound(redaction_id)
        return found

    def handle(self, record: Record) -> None:
        """Go on for a while with what a queue record names. Later while a round must not begin yet."""
        task = RedactionTask.model_validate_json(record.body)
        redaction = self.redactions.take(task.redaction_id, task.run)
        end = monotonic() + SECONDS
        while redaction:
            if redaction.begins_at and clock.now() < redaction.begins_at:
                raise Later((redaction.begins_at - clock.now()).total_seconds() + 1)
            if monotonic() >= end:
                self.queue.put(RedactionTask(redaction_id=task.redaction_id, run=task.run + 1))
                return
            if not self._page(redaction):
                return
            redaction = self.redactions.take(task.redaction_id, task.run)

    def _page(self, redaction: Redaction) -> bool:
        """Erase what one page has of the person. False if somebody else is at it, or nothing is left."""
        found, cursor = self.redactions.page(redaction.cursor)
        redacted = sum(self._erased(redaction, item) for item in found)
        if not self.redactions.advance(redaction, cursor, len(found), redacted):
            return False
        if cursor:
            return True
        if redaction.round < ROUNDS:
            return self.redactions.next_round(redaction, clock.now() + PAUSE)
        self.redactions.complete(redaction, clock.now())
        return False

    # --- what to erase -----------------------------------------------------------------------------

    def _erased(self, redaction: Redaction, item: Item) -> bool:
        kind, _, rest = str(item["pk"]["S"]).partition("#")
        match kind:
            case "MESSAGE" if "inbound" in item:
                return self._inbound(redaction, item)
            case "MESSAGE":
                return self._message(redaction, item)
            case "DISPATCH" if "steps" in item:
                return self._steps(redaction, item, rest)
            case "CONTACT":
                return self._contact(redaction, item, rest)
            case "CONVERSATION":
                return self._conversation(redaction, item, rest)
            case "PROVIDER":
                return self._pointer(redaction, item, rest)
        return False

    def _is_theirs(self, redaction: Redaction, channel: Channel, person: str) -> bool:
        wanted = redaction.channel
        return person == redaction.person and (wanted is None or same(wanted) == same(channel))

    def _is_in_reach(self, redaction: Redaction, application_id: str | None) -> bool:
        return Caller(redaction.application_id).may_see(application_id)

    def _message(self, redaction: Redaction, item: Item) -> bool:
        found = MessageItem.load(item)
        message = found.message
        if not self._is_theirs(redaction, message.channel, message.recipient) or not self._is_in_reach(
            redaction, found.application_id
        ):
            return False
        # What hangs on it first: afterwards it is not found again.
        self._delete_media(f"outbound/{found.uuid}")
        if found.provider and found.provider_id:
            self.redactions.forget_provider_id(found.provider.partition("/")[0], found.provider_id)
        erased = _without(message, self.prices.redacted(found), redaction.person)
        return self.redactions.erase_message(item, found.model_copy(update={"message": erased}))

    def _inbound(self, redaction: Redaction, item: Item) -> bool:
        found = InboundItem.load(item)
        is_theirs = self._is_theirs(redaction, Channel(found.channel), found.sender)
        if not is_theirs or not self._is_in_reach(redaction, found.application_id):
            return False
        if isinstance(found.content, InboundMedia):
            self.s3().delete_object(Bucket=self.bucket, Key=kept(found.message_uuid))
        if found.provider_id:
            self.redactions.forget_provider_id(found.provider, found.provider_id)
        erased = InboundItem(
            message_uuid=found.message_uuid,
            application_id=found.application_id,
            channel=found.channel,
            sender=ERASED,
            recipient=found.recipient,
            at=found.at,
            content=Unsupported(type="unsupported"),
            by=found.by,
            provider=found.provider,
            account_id=found.account_id,
        )
        return self.redactions.erase_inbound(item, erased)

    def _steps(self, redaction: Redaction, item: Item, dispatch_uuid: str) -> bool:
        steps = items.load_steps(item)
        theirs = [self._is_theirs(redaction, step.message.channel, step.message.recipient) for step in steps]
        if not any(theirs):
            return False
        if redaction.application_id is not None:
            dispatch = self.store.dispatch(dispatch_uuid)
            if dispatch is None or dispatch.application_id != redaction.application_id:
                return False
        erased = [
            _erased_step(step, redaction.person) if is_theirs else step
            for step, is_theirs in zip(steps, theirs, strict=True)
        ]
        return self.redactions.erase_steps(item, items.steps_text(erased))

    def _contact(self, redaction: Redaction, item: Item, rest: str) -> bool:
        channel, _, person = rest.partition("#")
        sender = str(item["sk"]["S"])
        if not self._is_theirs(redaction, Channel(channel), person):
            return False
        if redaction.application_id is not None and not self._is_in_reach(
            redaction, self.senders.application(Channel(channel), sender)
        ):
            return False
        latest: Item | None = item
        while latest and not self.redactions.forget_contact(latest, channel, person):
            latest = self.redactions.item(keys.contact(channel, person, sender))
        return True

    def _conversation(self, redaction: Redaction, item: Item, rest: str) -> bool:
        page, _, person = rest.partition("#")
        if not self._is_theirs(redaction, Channel.MESSENGER, person):
            return False
        if redaction.application_id is not None and not self._is_in_reach(
            redaction, self.senders.application(Channel.MESSENGER, page)
        ):
            return False
        self.redactions.delete(item)
        return True

    def _pointer(self, redaction: Redaction, item: Item, rest: str) -> bool:
        """Some providers' ids have the person's in them. Whose they are is not said, so the account's own
        erasure takes them; those of a message that is found go with it."""
        told = rest.replace(":", "#").replace("|", "#").split("#")
        if redaction.application_id is not None or redaction.person not in told[1:]:
            return False
        self.redactions.delete(item)
        return True

    def _delete_media(self, prefix: str) -> None:
        """What was copied for the provider. Most messages have nothing there, and a lifecycle rule takes it
        after two days, but the name ends as its address did."""
        found = self.s3().list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        for each in found:
            self.s3().delete_object(Bucket=self.bucket, Key=each["Key"])


def _without(message: Message, bill: Redacted, person: str) -> Message:
    """What is no news of the person: where it belongs, how it is told, what it cost."""

    def unless_told(text: str | None) -> str | None:
        return None if text and person in text else text

    callback = message.callback
    return Message(
        message_uuid=message.message_uuid,
        channel=message.channel,
        sender=message.sender,
        recipient=ERASED,
        content=Text(type="text", text=ERASED),
        client_ref=unless_told(message.client_ref),
        callback=callback.model_copy(update={"url": unless_told(callback.url)}),
        lifetime=message.lifetime,
        priority=message.priority,
        redacted=bill,
    )


def _erased_step(step: Step, person: str) -> Step:
    return step.model_copy(update={"message": _without(step.message, Redacted(), person)})
