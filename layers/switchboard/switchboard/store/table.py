"""Reads and writes of messages, dispatches, applications and the account.

Every write that something else could race with is conditional, each clause is named, and a lost race is
an answer and not an error.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from switchboard import clock
from switchboard.models.applications import Application, Webhooks
from switchboard.models.events import Usage
from switchboard.models.messages import Status
from switchboard.models.workflows import Step
from switchboard.store import items, keys
from switchboard.store.attributes import Item, dump, load
from switchboard.store.calls import Lost, Table
from switchboard.store.items import (
    DispatchItem,
    InboundItem,
    MessageItem,
    PartRecord,
    Refusal,
    Slot,
    StatusRecord,
    Unknown,
)

_LADDER = (Status.SUBMITTED, Status.DELIVERED, Status.READ)


@dataclass(frozen=True)
class Claim:
    """What became of an attempt to claim a message for sending."""

    outcome: Literal["claimed", "busy", "done", "unknown"]
    """busy: another worker or an unanswered call has it; done: it went out; unknown: no such message."""
    item: MessageItem | None = None


def _application_attributes(application: Application) -> Item:
    return dump({"application": application.model_dump_json()})


def _application(item: Item) -> Application:
    return Application.model_validate_json(load(item)["application"])


class Store(Table):
    # --- messages --------------------------------------------------------------------------------

    def add_message(self, item: MessageItem) -> bool:
        """False if a message of this uuid is there already."""
        needed_until = item.link.deadline if item.link else item.accepted_at
        return self._add(keys.message(item.uuid), item.dump(), needed_until)

    def message(self, uuid: str, *, consistent: bool = False) -> MessageItem | InboundItem | None:
        """Whatever message has this uuid, outbound or inbound."""
        found = self._get(keys.message(uuid), consistent=consistent)
        if found is None:
            return None
        return InboundItem.load(found) if "inbound" in found else MessageItem.load(found)

    def claim(self, uuid: str, now: datetime, lease_seconds: int, by: str) -> Claim:
        """Take a message for sending. Only one taker at a time, and only while it is not sent.

        `by` is a fresh name. A claim that took effect but whose answer was lost is known by it.
        """
        moment = clock.milliseconds(now)
        not_sent = "#rank = :accepted"
        nobody_has_it = "leased_until < :now"
        try:
            item = self._update(
                keys.message(uuid),
                "SET leased_until = :until, left_by = if_not_exists(claimed_by, :nobody), claimed_by = :by "
                "ADD attempts :one",
                f"{not_sent} AND {nobody_has_it}",
                {
                    ":accepted": 0,
                    ":now": moment,
                    ":until": moment + lease_seconds * 1000,
                    ":by": by,
                    ":nobody": "",
                    ":one": 1,
                },
                {"#rank": "rank"},
            )
        except Lost as lost:
            if lost.found is None or "inbound" in lost.found:
                return Claim("unknown")
            found = MessageItem.load(lost.found)
            if found.claimed_by == by:
                return Claim("claimed", found)
            return Claim("busy" if found.status is Status.ACCEPTED else "done", found)
        return Claim("claimed", MessageItem.load(item))

    def postpone(self, uuid: str, slot: Slot, *, paid: bool) -> None:
        """Leave a claimed message until its slot. The claim was no attempt, even if its price was counted."""
        self._update(
            keys.message(uuid),
            "SET leased_until = :until, slot = :slot, paid = :paid REMOVE claimed_by ADD attempts :minus",
            "attribute_exists(pk)",
            # A little sooner than it is seen again.
            {":until": slot.at // 1000 - 1500, ":slot": slot.model_dump(), ":minus": -1, ":paid": paid},
        )

    def release(self, uuid: str, *, paid: bool, refusal: Refusal | None = None) -> None:
        """Give a claim back: the provider did not take the message, another attempt may follow. `paid` says
        whether the message's price was counted."""
        told = {":refusal": refusal.model_dump(mode="json", exclude_defaults=True)} if refusal else {}
        self._update(
            keys.message(uuid),
            f"SET leased_until = :zero, paid = :paid{', refusal = :refusal' if refusal else ''} "
            "REMOVE claimed_by",
            "attribute_exists(pk)",
            {":zero": 0, ":paid": paid} | told,
        )

    def note_unknown(self, item: MessageItem, unknown: Unknown) -> None:
        """A message's attempt ended without an answer."""
        is_next = "size(unknowns) = :count" if item.unknown else "attribute_not_exists(unknowns)"
        with suppress(Lost):  # our own write, whose answer was lost
            self._update(
                keys.message(item.uuid),
                "SET unknowns = list_append(if_not_exists(unknowns, :none), :one)",
                f"attribute_exists(pk) AND {is_next}",
                {":none": [], ":one": [unknown.model_dump(mode="json")]}
                | ({":count": len(item.unknown)} if item.unknown else {}),
            )

    def decide_unknown(self, item: MessageItem, decision: Literal["resent", "failed"]) -> None:
        """What is done about the newest of a message's attempts of unknown outcome."""
        self._update(
            keys.message(item.uuid),
            f"SET unknowns[{len(item.unknown) - 1}].decision = :decision",
            "attribute_exists(pk)",
            {":decision": decision},
        )

    def retoken(self, item: MessageItem) -> MessageItem:
        """Point a step's message at the execution that waits for it now. Returns it as it is then.

        A record of an older execution, redelivered late, does not take it back.
        """
        assert item.link
        not_older = "queued_at <= :queued_at"
        try:
            found = self._update(
                keys.message(item.uuid),
                "SET task_token = :token, deadline = :deadline, queued_at = :queued_at",
                not_older,
                {
                    ":token": item.link.task_token,
                    ":deadline": clock.wire(item.link.deadline),
                    ":queued_at": clock.milliseconds(item.link.queued_at),
                },
            )
        except Lost as lost:
            if lost.found is None:
                raise
            found = lost.found
        return MessageItem.load(found)

    def advance(
        self,
        uuid: str,
        status: Status,
        record: StatusRecord,
        provider_id: str | None = None,
        provider: str | None = None,
    ) -> tuple[MessageItem | None, bool]:
        """Move a message forward. Returns the item as it is afterwards, and whether this call moved it.

        A status implies those below it, which are recorded with it when they never came by themselves.
        `rejected` and `undeliverable` end a message that was not delivered yet, and nothing follows them.
        """
        reached = (status,) if status.is_failure else _LADDER[: _LADDER.index(status) + 1]
        names = {"#rank": "rank", "#status": "status"} | {f"#s{n}": s.value for n, s in enumerate(reached)}
        values: Item = {
            ":rank": status.rank,
            ":status": status.value,
            ":below": status.after,
            ":record": record.dump(),
            ":implied": StatusRecord(at=record.at, by=record.by, heard=record.heard).dump(),
        }
        sets = ["#rank = :rank", "#status = :status"]
        for n, step in enumerate(reached):
            if step is status:
                sets.append(f"statuses.#s{n} = :record")
            else:
                sets.append(f"statuses.#s{n} = if_not_exists(statuses.#s{n}, :implied)")
        if len(reached) == 1:
            del values[":implied"]
        if provider_id:
            sets.append("provider_id = if_not_exists(provider_id, :provider_id)")  # erased: empty
            values[":provider_id"] = provider_id
        if provider:
            sets.append("provider = :provider")
            values[":provider"] = provider
        forward = "#rank < :below"
        try:
            item = self._update(
                keys.message(uuid), "SET " + ", ".join(sets), f"{forward} AND attribute_exists(message)",
                values, names,
            )  # fmt: skip
        except Lost as lost:
            if lost.found is None or "message" not in lost.found:
                return None, False
            found = MessageItem.load(lost.found)
            if record.usage and found.usage is None:
                self._note_price(uuid, record.usage)
            # Our own write, whose answer was lost on the way and which the AWS client then repeated?
            return found, any(own.by == record.by for own in found.statuses.values())
        return MessageItem.load(item), True

    def advance_part(self, uuid: str, number: int, part: PartRecord) -> MessageItem | None:
        """Move one part of a split text forward. Returns the message as it is afterwards, if there is one."""
        name = f"{items.PART}{number}"
        forward = "attribute_not_exists(#part) OR #part.#rank < :below"
        try:
            item = self._update(
                keys.message(uuid),
                "SET #part = :part",
                f"({forward}) AND attribute_exists(message)",
                {":part": part.dump(), ":below": part.status.after},
                {"#part": name, "#rank": "rank"},
            )
        except Lost as lost:
            if lost.found is None or "message" not in lost.found:
                return None
            item = lost.found
        return MessageItem.load(item)

    def _note_price(self, uuid: str, usage: Usage) -> None:
        """The price came with a receipt that was no news otherwise (seen before delivered, say)."""
        self._update(
            keys.message(uuid),
            "SET price = if_not_exists(price, :price), currency = if_not_exists(currency, :currency)",
            "attribute_exists(pk)",
            {":price": str(usage.price), ":currency": usage.currency},
        )

    # --- dispatches ------------------------------------------------------------------------------

    def add_dispatch(self, item: DispatchItem, steps: list[Step]) -> bool:
        """The contents first: a dispatch that can be seen is whole. False if it is there already, or the
        contents of another request are."""
        needed_until = item.ends_by
        contents = items.dump_steps(steps, item)
        if not self._add(keys.steps(item.dispatch_uuid), contents, needed_until) and item.origin:
            there = self._get(keys.steps(item.dispatch_uuid), consistent=True)
            if there and load(there)["fingerprint"] != item.origin.fingerprint:
                return False
        return self._add(keys.dispatch(item.dispatch_uuid), item.dump(), needed_until)

    def done(self, key: keys.Key) -> None:
        """The request that started this is not worked on any more."""
        self._update(key, "REMOVE running_until", "attribute_exists(pk)", {})

    def dispatch(self, uuid: str) -> DispatchItem | None:
        found = self._get(keys.dispatch(uuid), consistent=True)
        return DispatchItem.load(found) if found else None

    def steps(self, uuid: str) -> list[Step]:
        found = self._get(keys.steps(uuid), consistent=True)
        return items.load_steps(found) if found else []

    def begin_step(self, uuid: str, step: int, at: datetime) -> DispatchItem | None:
        """Begin a step, or find it begun. None if the dispatch is past it: the fence before every send."""
        not_overtaken = "step <= :step"
        not_satisfied = "attribute_not_exists(satisfied)"
        not_cancelled = "attribute_not_exists(cancelled_at)"
        open_ = "attribute_not_exists(closed_by)"
        try:
            item = self._update(
                keys.dispatch(uuid),
                "SET step = :step, began.#step = if_not_exists(began.#step, :at)",
                f"{not_overtaken} AND {not_satisfied} AND {not_cancelled} AND {open_}",
                {":step": step, ":at": clock.wire(at)},
                {"#step": str(step)},
            )
        except Lost:
            return None
        return DispatchItem.load(item)

    def satisfy(self, uuid: str, step: int) -> DispatchItem | None:
        """A step's condition was met after its time: let no later step begin. Returns the dispatch as it is
        afterwards; one that has its end stays as it is."""
        try:
            item = self._update(
                keys.dispatch(uuid),
                "SET satisfied = :step, satisfied_at = :now",
                "attribute_exists(pk) AND attribute_not_exists(closed_by)",
                {":step": step, ":now": clock.wire(clock.now())},
            )
        except Lost as lost:
            return DispatchItem.load(lost.found) if lost.found else None
        return DispatchItem.load(item)

    def note_missed(self, uuid: str, how: Literal["late", "cancelled"]) -> None:
        """A step's message does not count as what met its condition in time, whatever its times say. The
        first word stands."""
        with suppress(Lost):
            self._update(
                keys.message(uuid),
                "SET missed = :how",
                "attribute_exists(pk) AND attribute_not_exists(missed)",
                {":how": how},
            )

    def cancel(self, uuid: str, at: datetime, due: datetime) -> DispatchItem | None:
        """Call a dispatch off, unless it ended or a late receipt decided it. Returns it as it is afterwards.

        The sweep takes it up as if its time had been over at `due`, in case nobody else ends it.
        """
        open_ = "attribute_exists(pk) AND attribute_not_exists(closed_by)"
        undecided = "attribute_not_exists(satisfied)"
        try:
            item = self._update(
                keys.dispatch(uuid),
                "SET cancelled_at = if_not_exists(cancelled_at, :at), ends_by = :due",
                f"{open_} AND {undecided}",
                {":at": clock.wire(at), ":due": int(due.timestamp())},
            )
        except Lost as lost:
            return DispatchItem.load(lost.found) if lost.found else None
        return DispatchItem.load(item)

    def withdraw(self, uuid: str, now: datetime, seconds: int, by: str) -> bool:
        """Take a message that nobody is handing over right now, so that nobody does. It is the caller's for
        so long, as by `claim`, be it waiting for its sender's rate."""
        not_sent = "#rank = :accepted"
        nobody_has_it = "leased_until < :now OR attribute_not_exists(claimed_by) OR claimed_by = :by"
        moment = clock.milliseconds(now)
        try:
            self._update(
                keys.message(uuid),
                "SET leased_until = :until, claimed_by = :by",
                f"{not_sent} AND ({nobody_has_it})",
                {":accepted": 0, ":now": moment, ":until": moment + seconds * 1000, ":by": by},
                {"#rank": "rank"},
            )
        except Lost:
            return False
        return True

    def close(self, uuid: str, by: str, report: Mapping[str, Any], *, cancelled: bool) -> DispatchItem | None:
        """Give a dispatch its end. Returns it as it is afterwards, with the report that was first; without
        one if it was cancelled in between, which a report that is not of a cancelled one does not know."""
        first = "attribute_exists(pk) AND attribute_not_exists(closed_by)"
        knows = "" if cancelled else " AND attribute_not_exists(cancelled_at)"
        try:
            item = self._update(
                keys.dispatch(uuid),
                "SET closed_by = :by, #status = :status, report = :report REMOVE #open",
                first + knows,
                {":by": by, ":status": report["status"], ":report": json.dumps(report)},
                {"#status": "status", "#open": "open"},
            )
        except Lost as lost:
            return DispatchItem.load(lost.found) if lost.found else None
        return DispatchItem.load(item)

    def started_late(self, item: DispatchItem, at: datetime) -> None:
        """An open dispatch's time runs from then on."""
        late = item.model_copy(update={"started_at": at})
        with suppress(Lost):
            self._update(
                keys.dispatch(item.dispatch_uuid),
                "SET started_at = :at, ends_by = :ends_by",
                "attribute_exists(pk) AND attribute_not_exists(closed_by)",
                {":at": clock.wire(at), ":ends_by": int(late.ends_by.timestamp())},
            )

    def overdue(self, before: datetime) -> list[str]:
        """Open dispatches whose time was over by then, of each part of the index the oldest hundred."""
        found = []
        for part in keys.OPEN:
            answer = self._client.query(
                TableName=self._table,
                IndexName="open",
                KeyConditionExpression="#open = :open AND ends_by < :before",
                ExpressionAttributeNames={"#open": "open"},
                ExpressionAttributeValues=dump({":open": part, ":before": int(before.timestamp())}),
                Limit=100,
            )
            found += [load(item)["pk"].partition("#")[2] for item in answer["Items"]]
        return found

    # --- inbound ---------------------------------------------------------------------------------

    def add_inbound(self, item: InboundItem) -> None:
        """Kept if it is the first of its uuid; a repeat changes nothing."""
        self._add(keys.message(item.message_uuid), item.dump(), item.at)

    def note_media(self, uuid: str, media: str) -> None:
        """What became of an inbound message's media (InboundItem.media)."""
        self._update(keys.message(uuid), "SET media = :media", "attribute_exists(pk)", {":media": media})

    # --- applications, account -------------------------------------------------------------------

    def put_application(self, application: Application) -> None:
        self._write_application(application)

    def replace_application(self, application: Application) -> bool:
        """False if it is not there any more."""
        return self._write_application(application, "attribute_exists(pk)")

    def _write_application(self, application: Application, condition: str | None = None) -> bool:
        """Both of its items, or neither if the condition does not hold for the listed one."""
        attributes = _application_attributes(application)
        listed: Item = {"Item": dump(keys.listed_application(application.id)) | attributes}
        if condition:
            listed["ConditionExpression"] = condition
        own = {"Item": dump(keys.application(application.id)) | attributes}
        return self._transact(("Put", own), ("Put", listed))

    def application(self, application_id: str) -> Application | None:
        """By a partition of its own. One from before there were those has its listed item only, until it is
        changed."""
        for key in (keys.application(application_id), keys.listed_application(application_id)):
            found = self._get(key, consistent=True)
            if found:
                return _application(found)
        return None

    def applications(self) -> list[Application]:
        """All of the account, oldest first."""
        found = [_application(item) for item in self._query(keys.APPLICATIONS, consistent=False)]
        return sorted(found, key=lambda application: (application.created_at, application.id))

    def page_of_applications(self, after: str | None, size: int) -> tuple[list[Application], str | None]:
        """By their ids; and the last one's id if more follow. `after` is such an id."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk > :after",
            ExpressionAttributeValues=dump({":pk": keys.APPLICATIONS, ":after": after or " "}),
            Limit=size,
        )
        following = answer.get("LastEvaluatedKey")
        return [_application(item) for item in answer["Items"]], load(following)["sk"] if following else None

    def delete_application(self, application_id: str) -> bool:
        """False if there was none."""
        own = {"Key": dump(keys.application(application_id))}
        listed = {
            "Key": dump(keys.listed_application(application_id)),
            "ConditionExpression": "attribute_exists(pk)",
        }
        if self._transact(("Delete", own), ("Delete", listed)):
            return True
        # A version that knew the listed one alone may have left the other.
        answer = self._client.delete_item(TableName=self._table, ReturnValues="ALL_OLD", **own)
        return bool(answer.get("Attributes"))

    def account_webhooks(self) -> Webhooks:
        found = self._get(keys.account_settings(), consistent=True)
        return Webhooks.model_validate_json(load(found)["webhooks"]) if found else Webhooks()

    def put_account_webhooks(self, webhooks: Webhooks) -> None:
        self._put(keys.account_settings(), dump({"webhooks": webhooks.model_dump_json()}))
