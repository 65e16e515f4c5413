"""Reads and writes of a person's erasure: its own state, and what it takes out of everything else."""

import json
from datetime import datetime
from typing import Self

from switchboard import clock
from switchboard.models.frozen import Frozen
from switchboard.models.messages import Channel
from switchboard.store import keys
from switchboard.store.attributes import Item, dump, load
from switchboard.store.calls import Lost, Table
from switchboard.store.items import InboundItem, MessageItem

PAGE = 1000
"""Items looked at in one call at most; DynamoDB ends a page at 1 MB."""
ERASED = "redacted"
_RUNNING_DAYS = 30
_DAY = 86_400


class Redaction(Frozen):
    """How far an erasure is. The person is named in it only while it runs."""

    redaction_id: str
    application_id: str | None
    """Whose things are meant; None for everything."""
    requested_at: datetime
    channel: Channel | None = None
    person: str = ""
    run: int = 0
    """The newest queue record that worked at it: an older one has nothing to do any more."""
    round: int = 1
    begins_at: datetime | None = None
    """Before which the round must not begin."""
    cursor: Item | None = None
    """Where in the table the round is; None at its beginning."""
    scanned: int = 0
    redacted: int = 0
    completed_at: datetime | None = None

    @classmethod
    def load(cls, item: Item) -> Self:
        values = load(item)
        told = {
            name: values[name] for name in ("redaction_id", "application_id", "channel") if name in values
        }
        numbers = {name: int(values[name]) for name in ("scanned", "redacted")}
        moments = {
            name: clock.from_wire(values[name])
            for name in ("requested_at", "begins_at", "completed_at")
            if name in values
        }
        return cls(
            **{"application_id": None} | told | numbers | moments,
            person=values.get("person", ""),
            run=int(values["nth_run"]),
            round=int(values["nth_round"]),
            cursor=json.loads(values["place"]) if "place" in values else None,
        )


class RedactionStore(Table):
    def begin(self, redaction: Redaction) -> None:
        self._put(
            keys.redaction(redaction.redaction_id),
            dump(
                {
                    "redaction_id": redaction.redaction_id,
                    "application_id": redaction.application_id,
                    "requested_at": clock.wire(redaction.requested_at),
                    "channel": redaction.channel,
                    "person": redaction.person,
                    "nth_run": 0,
                    "nth_round": 1,
                    "scanned": 0,
                    "redacted": 0,
                }
            ),
            self._retention + _RUNNING_DAYS * _DAY,
        )

    def redaction(self, redaction_id: str) -> Redaction | None:
        found = self._get(keys.redaction(redaction_id), consistent=True)
        return Redaction.load(found) if found else None

    def take(self, redaction_id: str, run: int) -> Redaction | None:
        """The erasure for this queue record to work at; None if a newer one does or it is over."""
        not_older, open_ = "nth_run <= :run", "attribute_not_exists(completed_at)"
        try:
            item = self._update(
                keys.redaction(redaction_id), "SET nth_run = :run", f"{not_older} AND {open_}", {":run": run}
            )
        except Lost:
            return None
        return Redaction.load(item)

    def advance(self, redaction: Redaction, cursor: Item | None, scanned: int, redacted: int) -> bool:
        """A page more is done. False if a newer record works at it."""
        place = ", place = :place" if cursor else ""
        values: Item = {":scanned": scanned, ":redacted": redacted}
        if cursor:
            values[":place"] = json.dumps(cursor)
        expression = f"SET scanned = scanned + :scanned, redacted = redacted + :redacted{place}"
        return self._write(redaction, expression, values)

    def next_round(self, redaction: Redaction, begins_at: datetime) -> bool:
        return self._write(
            redaction,
            "SET nth_round = :round, begins_at = :begins_at REMOVE place",
            {":round": redaction.round + 1, ":begins_at": clock.wire(begins_at)},
        )

    def complete(self, redaction: Redaction, at: datetime) -> bool:
        """Done: from here on the person is not named here either."""
        return self._write(
            redaction, "SET completed_at = :at REMOVE person, place, begins_at", {":at": clock.wire(at)}
        )

    def _write(self, redaction: Redaction, expression: str, values: Item) -> bool:
        newest = "nth_run = :run AND attribute_not_exists(completed_at)"
        key = keys.redaction(redaction.redaction_id)
        try:
            self._update(key, expression, newest, {":run": redaction.run} | values)
        except Lost:
            return False
        return True

    # --- the table -------------------------------------------------------------------------------

    def page(self, cursor: Item | None) -> tuple[list[Item], Item | None]:
        """Some items as they are stored, and where the next ones begin; None behind the last."""
        start = {"ExclusiveStartKey": cursor} if cursor else {}
        answer = self._client.scan(TableName=self._table, Limit=PAGE, ConsistentRead=True, **start)
        return answer["Items"], answer.get("LastEvaluatedKey")

    def erase_message(self, before: Item, erased: MessageItem) -> bool:
        """Put a message without its contents in the place of itself. False if that was done already."""
        sets = "SET message = :message, provider_id = :nothing"
        change: Item = {
            ":before": load(before)["message"],
            ":message": load(erased.dump())["message"],
            ":nothing": "",
        }
        if erased.origin:
            sets, change = f"{sets}, fingerprint = :erased", change | {":erased": ERASED}
        return self._replace(before, f"{sets} REMOVE marks", "message = :before", change)

    def erase_inbound(self, before: Item, erased: InboundItem) -> bool:
        change = {":before": load(before)["inbound"], ":inbound": load(erased.dump())["inbound"]}
        return self._replace(before, "SET inbound = :inbound REMOVE media", "inbound = :before", change)

    def erase_steps(self, before: Item, steps: str) -> bool:
        values = load(before)
        sets, change = "SET steps = :steps", {":before": values["steps"], ":steps": steps}
        if "fingerprint" in values:
            sets, change = f"{sets}, fingerprint = :erased", change | {":erased": ERASED}
        return self._replace(before, f"{sets} REMOVE marks", "steps = :before", change)

    def _replace(self, before: Item, expression: str, condition: str, values: Item) -> bool:
        try:
            self._update(_key(before), expression, condition, values)
        except Lost:
            return False
        return True

    def item(self, key: keys.Key) -> Item | None:
        return self._get(key, consistent=True)

    def delete(self, item: Item) -> None:
        self._client.delete_item(TableName=self._table, Key=dump(_key(item)))

    def forget_provider_id(self, provider: str, provider_id: str) -> None:
        """Everything that is found by a provider's id of a message."""
        for item in self._query(keys.provider_ids(provider, provider_id)):
            self.delete(item)

    def forget_contact(self, item: Item, channel: str, person: str) -> bool:
        """Erase what a sender knows of a person. That they opted out stays known to who has their number.
        False if the item has changed since: look again."""
        values = load(item)
        if values.get("opted_out"):
            self._put(
                keys.opt_out(channel, person, values["sk"]),
                dump({"opted_out": True, "opt_changed": values["opt_changed"]}),
            )
        elif "opt_changed" in values:  # they opted in again since an earlier erasure
            self._client.delete_item(
                TableName=self._table, Key=dump(keys.opt_out(channel, person, values["sk"]))
            )
        changed = values.get("opt_changed")
        named = {"ExpressionAttributeValues": dump({":seen": changed})} if changed is not None else {}
        try:
            self._client.delete_item(
                TableName=self._table,
                Key=dump(_key(item)),
                ConditionExpression="opt_changed = :seen" if named else "attribute_not_exists(opt_changed)",
                **named,
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _key(item: Item) -> keys.Key:
    values = load({name: item[name] for name in ("pk", "sk")})
    return {"pk": values["pk"], "sk": values["sk"]}
