"""Requests to erase a person, and what is answered: `{"channel"?, "number" | "id"}`."""

import re
from typing import Any

from switchboard import clock
from switchboard.channels import V1_NAMES
from switchboard.errors import Fault, InvalidRequest
from switchboard.models.frozen import Frozen
from switchboard.models.messages import Channel
from switchboard.store.redactions import Redaction

_NUMBER = re.compile(r"\+?[0-9]{3,15}")
_LONGEST = 256
_CHANNELS = {channel.value: channel for channel in Channel} | {name: key for key, name in V1_NAMES.items()}


class Who(Frozen):
    """A person, on one channel or on all."""

    person: str
    channel: Channel | None = None


def who(body: object) -> Who:
    """InvalidRequest names every fault."""
    if not isinstance(body, dict):
        raise InvalidRequest(Fault("body", "must be an object"))
    faults = []
    channel = body.get("channel")
    if channel is not None and (not isinstance(channel, str) or channel not in _CHANNELS):
        faults.append(Fault("channel", "must be a channel, or left out for all of them"))
    number, identifier = body.get("number"), body.get("id")
    if (number is None) == (identifier is None):
        faults.append(Fault("number", "is required, or an id: one of the two"))
    elif number is not None:
        digits = str(number) if isinstance(number, str | int) and not isinstance(number, bool) else ""
        if not _NUMBER.fullmatch(digits):
            faults.append(Fault("number", "must be a phone number, its digits with the country code"))
        identifier = digits.removeprefix("+")
    elif not isinstance(identifier, str) or not 0 < len(identifier) <= _LONGEST:
        faults.append(Fault("id", f"must be a string of 1 to {_LONGEST} characters"))
    if faults:
        raise InvalidRequest(*faults)
    return Who(person=str(identifier), channel=_CHANNELS[channel] if channel else None)


def answer(redaction: Redaction) -> dict[str, Any]:
    """How far it is. The person is not told: whoever asks knows, and by the end nobody here does."""
    return {
        "redaction_id": redaction.redaction_id,
        "status": "completed" if redaction.completed_at else "running",
        "requested_at": clock.wire(redaction.requested_at),
        "completed_at": clock.wire(redaction.completed_at) if redaction.completed_at else None,
        "scanned": redaction.scanned,
        "redacted": redaction.redacted,
    }
