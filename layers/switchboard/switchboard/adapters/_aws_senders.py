"""What AWS End User Messaging SMS says of our senders: numbers, sender ids, pools and RCS agents.

https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_DescribePhoneNumbers.html
"""

from collections.abc import Mapping
from typing import Any, Literal

from switchboard.adapters._reading import objects, phone, text
from switchboard.adapters.base import Verification
from switchboard.errors import Unanswered
from switchboard.models.messages import Channel

State = Literal["verified", "pending", "failed"]

# How an id begins: the operation that tells of it, and the member that takes it.
BY_ID = {
    "phone-": ("DescribePhoneNumbers", "PhoneNumberIds"),
    "pool-": ("DescribePools", "PoolIds"),
    "rcs-": ("DescribeRcsAgents", "RcsAgentIds"),
}
ANSWERS = ("PhoneNumbers", "Pools", "RcsAgents", "SenderIds")
MOST = 100  # numbers in one answer

STATES: dict[str, tuple[State, str]] = {
    "ACTIVE": ("verified", ""),
    "PARTIAL": ("verified", "it is launched in some of its countries only"),
    "TESTING": ("pending", "it may write to test devices only"),
    "CREATED": ("pending", "it is not registered yet"),
    "CREATING": ("pending", "it is being set up"),
    "PENDING": ("pending", "its registration is under way"),
    "ASSOCIATING": ("pending", "it is being set up"),
    "DISASSOCIATING": ("failed", "it is being given up"),
    "DELETING": ("failed", "it is being given up"),
    "DELETED": ("failed", "it was given up"),
}
UNLISTED = "it is not in the account: it works only in countries that take any sender id"


def question(channel: Channel, sender: str) -> tuple[str, dict[str, Any]]:
    """The operation that tells of a sender, and its body."""
    if sender.isdecimal():  # numbers can be asked for by their ids only
        return "DescribePhoneNumbers", {"MaxResults": MOST}
    name = sender.partition("/")[2] or sender  # in an ARN the kind comes first
    for start, (operation, member) in BY_ID.items():
        if name.startswith(start):
            return operation, {member: [sender]}
    if channel is Channel.RCS:
        return "DescribeRcsAgents", {"RcsAgentIds": [sender]}
    values = [name.partition("/")[0]]
    return "DescribeSenderIds", {"Filters": [{"Name": "sender-id", "Values": values}]}


def checked(body: Mapping[str, Any], channel: Channel, sender: str) -> Verification:
    """What an answer to that says. Unanswered when it says nothing."""
    if not any(isinstance(body.get(name), list) for name in ANSWERS):
        raise Unanswered(1331, "no senders")
    found = [item for name in ANSWERS for item in objects(body.get(name))]
    if sender.isdecimal():
        found = [item for item in found if phone(item.get("PhoneNumber")) == sender]
    if "SenderIds" in body:
        return Verification("verified", "" if found else UNLISTED)
    if not found:
        if text(body.get("NextToken")):
            return Verification("pending", f"it is not among the account's first {MOST} numbers")
        return Verification("failed", "the account has no such sender")
    capabilities = found[0].get("NumberCapabilities")
    if isinstance(capabilities, list) and channel.upper() not in capabilities:
        return Verification("failed", f"it cannot send {channel.upper()}")
    status = text(found[0].get("Status"))
    return Verification(*STATES.get(status, ("pending", f"its status is {status}")))
