"""Counts requests by the second (limits.py)."""

from switchboard.store import keys
from switchboard.store.calls import Lost, Table

_KEPT = 3600
"""Seconds. DynamoDB takes away what has expired when it finds the time."""


class RequestStore(Table):
    def count(self, who: str, second: int, most: int) -> bool:
        """One request more in a second; False, and not counted, if there were `most`."""
        not_full = "attribute_not_exists(requests) OR requests < :most"
        try:
            self._update(
                keys.requests(who, second),
                "SET expires_at = :expires ADD requests :one",
                not_full,
                {":expires": second + _KEPT, ":one": 1, ":most": most},
            )
        except Lost:
            return False
        return True
