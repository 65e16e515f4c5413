"""What the contract says of a message to a handset, for tests that compare."""

from tests.e2e.bodies import NORMAL, READS

DELIVERED = ("submitted", "delivered")

FATES: dict[str, tuple[str, ...]] = {
    "0001": DELIVERED,  # never read
    "0002": ("submitted",),  # then silence
    "0003": ("rejected",),  # at once
    "0004": ("submitted", "undeliverable"),
    "0005": (*DELIVERED, "read"),  # throttled twice before
    "0006": (*DELIVERED, "read"),  # the answer is lost
    "0007": (*DELIVERED, "read"),  # receipts doubled and out of order
    "0008": (*DELIVERED, "read"),  # 5xx three times before
    "0009": (*DELIVERED, "read"),  # the receipt comes before the answer
    NORMAL: (*DELIVERED, "read"),
}
"""The statuses that a message passes through on a channel that has read receipts."""


def fate(channel: str, digits: str) -> tuple[str, ...]:
    """The statuses of a message to a recipient with these last digits, in order."""
    if (channel, digits) == ("messenger", "0004"):
        return ("undeliverable",)  # Messenger has no receipt for failures: its answer says so
    statuses = FATES[digits]
    return tuple(status for status in statuses if status != "read" or channel in READS)
