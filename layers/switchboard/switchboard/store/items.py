"""What is stored, and how it becomes a DynamoDB item and back."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import Field, TypeAdapter

from switchboard import clock
from switchboard.models.events import Failure, Quoted, Usage
from switchboard.models.frozen import LAZY, Frozen
from switchboard.models.messages import InboundContent, Message, Status
from switchboard.models.origin import Origin
from switchboard.models.workflows import Step
from switchboard.store import keys
from switchboard.store.attributes import Item, dump, load

FENCE = timedelta(milliseconds=250)
"""How much sooner than by our clock a step's time is over for who hands it over: its timer started before we
were told."""
PART = "part:"
"""Begins the attributes that hold the parts of a split text."""
_STEPS = TypeAdapter(list[Step], config=LAZY)


def _dump_origin(origin: Origin | None) -> Item:
    return {"fingerprint": origin.fingerprint, "running_until": origin.running_until} if origin else {}


def _load_origin(values: Item) -> Origin | None:
    if "fingerprint" not in values:
        return None
    return Origin(fingerprint=values["fingerprint"], running_until=int(values.get("running_until", 0)))


class StatusRecord(Frozen):
    """When a message reached a status, and what came with it.

    `at` is what clients see. Where a provider's clock says it, `heard` is when we did (clock.stamped).
    `by` names the announcement that the write of this status honours: the webhook is sent for the queue
    entry of that name, and for no other (notifying.py).
    """

    at: datetime
    by: str
    usage: Usage | None = None
    failure: Failure | None = None
    category: str | None = None
    heard: datetime | None = None
    """None for `at`."""

    @property
    def heard_at(self) -> datetime:
        return self.heard or self.at

    def dump(self) -> Item:
        values: Item = {"at": clock.wire(self.at), "by": self.by}
        if self.heard:
            values["heard"] = clock.milliseconds(self.heard)
        if self.category:
            values["category"] = self.category
        if self.usage:
            values |= {"price": str(self.usage.price), "currency": self.usage.currency}
        if self.failure:
            values |= {"code": self.failure.code, "provider_code": self.failure.provider_code}
            if self.failure.detail:
                values["detail"] = self.failure.detail
        return values

    @classmethod
    def load(cls, values: Item) -> Self:
        return cls(
            at=clock.from_wire(values["at"]),
            by=values["by"],
            usage=Usage(Decimal(values["price"]), values["currency"]) if "price" in values else None,
            failure=_failure(values) if "code" in values else None,
            category=values.get("category"),
            heard=clock.from_milliseconds(int(values["heard"])) if "heard" in values else None,
        )


def _failure(values: Item) -> Failure:
    return Failure(int(values["code"]), values["provider_code"], values.get("detail", ""))


class PartRecord(Frozen):
    """How far one part of a split text came."""

    status: Status
    record: StatusRecord

    def dump(self) -> Item:
        return self.record.dump() | {"status": self.status, "rank": self.status.rank}

    @classmethod
    def load(cls, values: Item) -> Self:
        return cls(status=values["status"], record=StatusRecord.load(values))


class Unknown(Frozen):
    """An attempt that ended without an answer, so that nobody knows what the provider did."""

    at: datetime
    account: str
    """By which account it was made: `{provider}/{account_id}`; empty where the worker died over it."""
    decision: Literal["waiting", "resent", "failed"] = "waiting"


class Refusal(Frozen):
    """An attempt that a provider refused for now, so that another followed."""

    at: datetime
    account: str
    """`{provider}/{account_id}`; empty where it was we who could not."""
    code: int
    provider_code: str = ""
    attempts: int
    """How many there had been by then."""


class StepLink(Frozen):
    """Ties a message to the dispatch step that it is sent for."""

    dispatch_uuid: str
    step: int
    condition: Status | None
    """None on the last step, which is content with `delivered`."""
    deadline: datetime
    """Until when it may be handed over: FENCE before its time is over."""
    task_token: str
    queued_at: datetime
    """When the task that the token is of was queued: of two, the newer is the one that waits."""
    of: int = 1
    """How many steps the workflow has."""

    @property
    def needs(self) -> Status:
        return self.condition or Status.DELIVERED

    @property
    def due(self) -> datetime:
        """When its time is over."""
        return self.deadline + FENCE


class Slot(Frozen):
    """A moment at which a message may go out, by its sender's rate (pace.py). Unix microseconds."""

    at: int
    taken: int
    """How much time urgent messages and pauses had taken when it was given; what they took since is added."""
    attempt: int
    account: str
    """The attempt that it is for, and by which account."""


UNTRIED = "untried "
"""Before the name of who takes a message that cannot be out, to end it."""


class MessageItem(Frozen):
    message: Message
    application_id: str | None
    """None when the request was made with key and secret: then the account's webhooks are used."""
    accepted_at: datetime
    status: Status = Status.ACCEPTED
    statuses: dict[Status, StatusRecord] = Field(default_factory=dict)
    provider_id: str | None = None
    provider: str | None = None
    """Who took it: `{provider}/{account_id}`."""
    parts: dict[int, PartRecord] = Field(default_factory=dict)
    """Those of a split text that went out, by number."""
    attempts: int = 0
    leased_until: int = 0
    """Unix ms. Until then one worker, or an unanswered call, has the message."""
    claimed_by: str | None = None
    """The name of the newest claim, by which a worker knows its own."""
    left_by: str = ""
    """The claim before, if it was never given back: the outcome of its attempt is unknown."""
    unknown: tuple[Unknown, ...] = ()
    """Attempts whose outcome was unknown, in their order."""
    refusal: Refusal | None = None
    """The newest attempt that was refused for now."""
    missed: Literal["late", "cancelled"] | None = None
    """Its step was over, or its dispatch cancelled, when its condition came, though its times do not say
    so."""
    late_usage: Usage | None = None
    """A price that came with a receipt that was no news otherwise."""
    slot: Slot | None = None
    """The place that it was given at its sender's rate, if it had to wait for one."""
    paid: bool | None = None
    """Whether its price was counted by the newest attempt that was given back; None if none was."""
    link: StepLink | None = None
    origin: Origin | None = None
    """The request that it was made by, if it can be repeated."""

    @property
    def uuid(self) -> str:
        return self.message.message_uuid

    @property
    def usage(self) -> Usage | None:
        stated = (record.usage for record in self.statuses.values() if record.usage)
        return next(stated, self.late_usage)

    def least(self, of: int) -> tuple[Status, StatusRecord] | None:
        """The status that all `of` parts of a split text have reached, or that of one that failed; None
        while some are still to come. Its price is the sum of theirs."""
        failed = next((part for part in self.parts.values() if part.status.is_failure), None)
        if failed:
            return failed.status, failed.record
        if len(self.parts) < of:
            return None
        least = min(self.parts.values(), key=lambda part: part.status.rank)
        usages = [part.record.usage for part in self.parts.values() if part.record.usage]
        usage = None
        if len(usages) == of and len({usage.currency for usage in usages}) == 1:
            usage = Usage(sum((usage.price for usage in usages), Decimal(0)), usages[0].currency)
        at = max(part.record.at for part in self.parts.values())
        heard = max(part.record.heard_at for part in self.parts.values())
        record = StatusRecord(
            at=at,
            by="",
            usage=usage,
            category=least.record.category,
            heard=None if heard == at else heard,
        )
        return least.status, record

    def reached_at(self, status: Status) -> datetime:
        """When a status was reached. Not before those below it, though providers' clocks differ and some
        have no fractions of seconds."""
        times = [record.at for one, record in self.statuses.items() if one.rank <= status.rank]
        return max(times, default=self.accepted_at)

    def heard_at(self, status: Status) -> datetime:
        """When we heard of a status, by which is decided what came first. What was written before that was
        kept has the provider's time in its place, so that this too is not before those below it."""
        times = [record.heard_at for one, record in self.statuses.items() if one.rank <= status.rank]
        return max([self.accepted_at, *times])

    @property
    def met(self) -> Literal["in time", "late"] | None:
        """How its step's condition was met, if it was."""
        if self.link is None or not self.satisfied or self.missed == "cancelled":
            return None
        is_late = self.missed == "late" or self.heard_at(self.link.needs) > self.link.due
        return "late" if is_late else "in time"

    @property
    def went_out(self) -> bool:
        """Somebody was asked to take it, and may have."""
        failed = self.statuses.get(self.status) if self.status.is_failure else None
        return Status.SUBMITTED in self.statuses or bool(self.unknown) or bool(failed and self.provider)

    @property
    def may_be_out(self) -> bool:
        """While it is accepted: an attempt was begun, and nobody knows how it ended."""
        is_tried = self.claimed_by is not None and not self.claimed_by.startswith(UNTRIED)
        return is_tried or bool(self.unknown)

    @property
    def satisfied(self) -> bool:
        """The message has done what its step asked of it."""
        return (
            self.link is not None and not self.status.is_failure and self.status.rank >= self.link.needs.rank
        )

    def dump(self) -> Item:
        values: Item = {
            "message": self.message.model_dump_json(exclude_defaults=True),
            **_listed("M", self.uuid, self.application_id, self.accepted_at, [self.message]),
            "application_id": self.application_id,
            "accepted_at": clock.wire(self.accepted_at),
            "status": self.status,
            "rank": self.status.rank,
            "statuses": {status: record.dump() for status, record in self.statuses.items()},
            "attempts": self.attempts,
            "leased_until": self.leased_until,
            "claimed_by": self.claimed_by,
            **_dump_origin(self.origin),
        }
        if self.link:
            values |= {
                "dispatch_uuid": self.link.dispatch_uuid,
                "step": self.link.step,
                "condition": self.link.condition,
                "deadline": clock.wire(self.link.deadline),
                "task_token": self.link.task_token,
                "queued_at": clock.milliseconds(self.link.queued_at),
                "steps": self.link.of,
            }
        return dump(values)

    @classmethod
    def load(cls, item: Item) -> Self:
        values = load(item)
        link = None
        if "dispatch_uuid" in values:
            link = StepLink(
                dispatch_uuid=values["dispatch_uuid"],
                step=int(values["step"]),
                condition=values.get("condition"),
                deadline=clock.from_wire(values["deadline"]),
                task_token=values["task_token"],
                queued_at=clock.from_milliseconds(int(values["queued_at"])),
                of=int(values.get("steps", 1)),
            )
        late_usage = Usage(Decimal(values["price"]), values["currency"]) if "price" in values else None
        return cls(
            message=Message.model_validate_json(values["message"]),
            application_id=values.get("application_id"),
            accepted_at=clock.from_wire(values["accepted_at"]),
            status=values["status"],
            statuses={
                Status(status): StatusRecord.load(record) for status, record in values["statuses"].items()
            },
            provider_id=values.get("provider_id") or None,
            provider=values.get("provider"),
            parts={
                int(name.removeprefix(PART)): PartRecord.load(part)
                for name, part in values.items()
                if name.startswith(PART)
            },
            slot=Slot.model_validate(values["slot"]) if "slot" in values else None,
            paid=values.get("paid"),
            attempts=int(values["attempts"]),
            leased_until=int(values["leased_until"]),
            claimed_by=values.get("claimed_by"),
            left_by=values.get("left_by", ""),
            unknown=tuple(Unknown.model_validate(one) for one in values.get("unknowns", ())),
            refusal=Refusal.model_validate(values["refusal"]) if "refusal" in values else None,
            missed=values.get("missed"),
            late_usage=late_usage,
            link=link,
            origin=_load_origin(values),
        )


class DispatchItem(Frozen):
    """A dispatch without its steps' contents, which are written once and read once a step."""

    dispatch_uuid: str
    application_id: str | None
    accepted_at: datetime
    waits: tuple[int, ...]
    """Seconds of each step."""
    reports: bool = True
    """The client is told of its end."""
    origin: Origin | None = None
    """The request that it was made by, if it can be repeated."""
    started_at: datetime | None = None
    """If it had to wait for its start so long that its time has to run from there."""
    step: int = -1
    """The newest step that was begun; -1 before the first."""
    began: dict[int, datetime] = Field(default_factory=dict)
    """When each step was begun for the first time."""
    satisfied: int | None = None
    """A step whose condition was met when nobody waited for it, as after its time: no later step may begin
    any more."""
    satisfied_at: datetime | None = None
    """When we heard of that."""
    cancelled_at: datetime | None = None
    """When its client called it off: no step may begin any more, whatever becomes of those that did."""
    closed_by: str | None = None
    report: dict[str, Any] | None = None

    @property
    def ends_by(self) -> datetime:
        """When the last step's time is over, if each takes all of its own."""
        return (self.started_at or self.accepted_at) + timedelta(seconds=sum(self.waits))

    def is_reported_met(self, message: MessageItem) -> bool:
        """Whether the report says that a message did what its step asked of it."""
        for entry in self.report["_links"]["messages"] if self.report else ():
            if entry["message_uuid"] == message.uuid and message.link:
                status = Status(entry["status"])
                return not status.is_failure and status.rank >= message.link.needs.rank
        return False

    def dump(self) -> Item:
        return dump(
            {
                "dispatch_uuid": self.dispatch_uuid,
                "application_id": self.application_id,
                "accepted_at": clock.wire(self.accepted_at),
                "waits": list(self.waits),
                "reports": self.reports,
                "open": keys.open_(self.dispatch_uuid),
                "ends_by": int(self.ends_by.timestamp()),
                **_dump_origin(self.origin),
                "step": self.step,
                "began": {},
            }
        )

    @classmethod
    def load(cls, item: Item) -> Self:
        values = load(item)
        return cls(
            dispatch_uuid=values["dispatch_uuid"],
            application_id=values.get("application_id"),
            accepted_at=clock.from_wire(values["accepted_at"]),
            waits=tuple(int(wait) for wait in values["waits"]),
            reports=values.get("reports", True),
            origin=_load_origin(values),
            started_at=clock.from_wire(values["started_at"]) if "started_at" in values else None,
            step=int(values["step"]),
            began={int(step): clock.from_wire(at) for step, at in values["began"].items()},
            satisfied=int(values["satisfied"]) if "satisfied" in values else None,
            satisfied_at=clock.from_wire(values["satisfied_at"]) if "satisfied_at" in values else None,
            cancelled_at=clock.from_wire(values["cancelled_at"]) if "cancelled_at" in values else None,
            closed_by=values.get("closed_by"),
            report=json.loads(values["report"]) if "report" in values else None,
        )


def dump_steps(steps: list[Step], of: DispatchItem) -> Item:
    return dump(
        {
            "steps": steps_text(steps),
            "fingerprint": of.origin.fingerprint if of.origin else None,
            **_listed(
                "D", of.dispatch_uuid, of.application_id, of.accepted_at, [step.message for step in steps]
            ),
        }
    )


def steps_text(steps: list[Step]) -> str:
    return _STEPS.dump_json(steps, exclude_defaults=True).decode()


def _listed(
    kind: Literal["M", "D"], uuid: str, owner: str | None, at: datetime, messages: Sequence[Message]
) -> Item:
    """By what the index `listed` has it. A dispatch is found by each of its steps' channels and people."""
    marks = [keys.mark(message.recipient) for message in messages]
    # A person's messages are together; dispatches have several people, so these are apart.
    shard = marks[0] if kind == "M" else keys.mark(uuid)
    shown = clock.from_wire(clock.wire(at))  # in the milliseconds that clients see
    return {
        "listed": keys.listed(owner or keys.ACCOUNT, kind, shard),
        "listed_at": keys.listed_at(clock.milliseconds(shown), uuid),
        "channel": " ".join(message.channel.value for message in messages),  # in their order, for each step
        "marks": " ".join(dict.fromkeys(marks)),
    }


def load_steps(item: Item) -> list[Step]:
    return _STEPS.validate_json(load(item)["steps"])


KEPT = "kept"


class InboundItem(Frozen):
    """A message from a person. `by` is as in StatusRecord."""

    message_uuid: str
    application_id: str | None
    channel: str
    sender: str
    recipient: str
    at: datetime
    content: InboundContent
    by: str
    provider: str = ""
    account_id: str = "default"
    media: str = ""
    """What became of its media: KEPT, the public code of what was wrong with it, or nothing yet."""
    provider_id: str = ""
    profile: str | None = None
    """The name that the person goes by there."""
    quotes: Quoted | None = None
    quotes_uuid: str | None = None
    """The message that it quotes, if it is one that we know."""

    @property
    def lost(self) -> int | None:
        """Why its media could not be had: a code of the public error list."""
        return int(self.media) if self.media not in ("", KEPT) else None

    def dump(self) -> Item:
        return dump({"inbound": self.model_dump_json(exclude_defaults=True), "by": self.by})

    @classmethod
    def load(cls, item: Item) -> Self:
        values = load(item)
        found = cls.model_validate_json(values["inbound"])
        return found.model_copy(update={"media": values.get("media", "")})


class Sent(Frozen):
    """A message in a Messenger conversation, to be found again by watermark or provider id."""

    message_uuid: str
    provider_id: str
    at: datetime
    """By the provider's clock where it told us, else the moment before our call."""
