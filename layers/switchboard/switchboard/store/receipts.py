"""Finds a message by its provider's id, for providers that cannot repeat ours, and where people refer to it.

A receipt and the record of a send can cross. The send writes the id first and then reads what came too
early; a receipt that finds no id leaves itself there and looks once more. Whichever comes second sees
the other.
"""

import json

from switchboard.models.messages import Status
from switchboard.store import keys
from switchboard.store.attributes import dump, load
from switchboard.store.calls import DAY, Table
from switchboard.store.items import StatusRecord

_DAYS = 8
_QUOTED_DAYS = 30


class ReceiptStore(Table):
    def sent(self, provider: str, provider_id: str, message_uuid: str) -> list[tuple[Status, StatusRecord]]:
        """Note a message's provider id. Returns the receipts that came before."""
        self._put(
            keys.by_provider_id(provider, provider_id), dump({"message_uuid": message_uuid}), _DAYS * DAY
        )
        early = self._query(keys.provider_ids(provider, provider_id), keys.EARLY)
        return [_record(load(item)["record"]) for item in early]

    def note(self, provider: str, provider_id: str, message_uuid: str) -> None:
        """Note a message's provider id, for what will refer to it."""
        self._put(
            keys.by_provider_id(provider, provider_id),
            dump({"message_uuid": message_uuid}),
            _QUOTED_DAYS * DAY,
        )

    def message_uuid(self, provider: str, provider_id: str) -> str | None:
        found = self._get(keys.by_provider_id(provider, provider_id), consistent=True)
        return str(load(found)["message_uuid"]) if found else None

    def came_early(self, provider: str, provider_id: str, status: Status, record: StatusRecord) -> str | None:
        """Keep a receipt whose message is not known yet. Returns the message if it became known meanwhile."""
        text = json.dumps({"status": status, **record.model_dump(mode="json")})
        self._put(keys.early_receipt(provider, provider_id, status), dump({"record": text}), DAY)
        return self.message_uuid(provider, provider_id)


def _record(text: str) -> tuple[Status, StatusRecord]:
    values = json.loads(text)
    return Status(values.pop("status")), StatusRecord.model_validate(values)
