"""The event bus: what clients without a webhook listen to, and where refusals are told."""

import json
from collections.abc import Mapping
from typing import Any

SOURCE = "switchboard"


class NotTaken(Exception):
    """EventBridge took the call, and not the event in it."""


class Bus:
    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def publish(self, detail_type: str, detail: Mapping[str, Any], *resources: str) -> None:
        """One event. `resources` say what it is about, beside the detail. NotTaken if it has to be tried
        again."""
        answer = self._client.put_events(
            Entries=[
                {
                    "EventBusName": self._name,
                    "Source": SOURCE,
                    "DetailType": detail_type,
                    "Detail": _text(detail),
                    "Resources": list(resources),
                }
            ]
        )
        # It can answer 200 and take nothing: when it is too busy, or has trouble of its own.
        if answer["FailedEntryCount"]:
            raise NotTaken(answer["Entries"][0].get("ErrorCode", ""))


def _text(detail: Mapping[str, Any]) -> str:
    """Its size counts, so only half a surrogate pair, which is no text, is escaped."""
    text = json.dumps(detail, ensure_ascii=False, separators=(",", ":"))
    return text.encode(errors="backslashreplace").decode()
