"""The senders of the simulated AWS account: what the Describe operations say of them.

https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_DescribePhoneNumbers.html
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sandbox.carriers.faults import check
from sandbox.carriers.handsets import last4
from sandbox.carriers.recent import Recent

NUMBERS = [f"+120655501{number:02d}" for number in range(100)]
"""Those that the account has from the start; each that sends is one of its own too."""
ACCOUNT_NUMBER = NUMBERS[0]
"""Sends for callers that name no number of their own."""
ACCOUNT_AGENT = f"rcs-{1:032x}"

ARN = "arn:aws:sms-voice:us-east-1:000000000000"
CREATED = 1_790_000_000.0

STATES = {"0102": "PENDING", "0103": "DISASSOCIATING"}
"""Status of numbers with these digits at the end; others work."""
AGENT_STATES = {"0102": "TESTING", "0103": "DELETED"}
POOL_STATES = {"0102": "CREATING", "0103": "DELETING"}


class NoSuchSender(Exception):
    """An id that the account has not: what kind it is of, and the id."""


class Ids(BaseModel):
    """Members of the Describe operations; each takes ids under a name of its own."""

    model_config = ConfigDict(strict=True)

    PhoneNumberIds: list[str] = Field([], max_length=5)
    PoolIds: list[str] = Field([], max_length=5)
    RcsAgentIds: list[str] = Field([], max_length=5)
    MaxResults: int = Field(100, ge=1, le=100)
    NextToken: str | None = Field(None, pattern=r"^[0-9]{1,6}$")


class Filter(BaseModel):
    model_config = ConfigDict(strict=True)

    Name: str
    Values: list[str] = Field(min_length=1, max_length=20)


class Filters(BaseModel):
    model_config = ConfigDict(strict=True)

    Filters: list[Filter] = Field([], max_length=20)


class Senders:
    def __init__(self) -> None:
        self._used: Recent[str, None] = Recent(200)

    def used(self, sender: str) -> None:
        if sender.startswith("+") and sender not in NUMBERS:
            self._used[sender] = None

    def describe(self, operation: str) -> Callable[[Mapping[str, Any]], dict[str, Any]] | None:
        """What answers an operation; it raises Faulty or NoSuchSender. None if it is not known."""
        return {
            "DescribePhoneNumbers": self._numbers,
            "DescribePools": self._pools,
            "DescribeRcsAgents": self._agents,
            "DescribeSenderIds": self._sender_ids,
            "DescribeAccountAttributes": self._attributes,
        }.get(operation)

    def _numbers(self, value: Mapping[str, Any]) -> dict[str, Any]:
        asked = check(Ids, value)
        owned = [*reversed(self._used), *NUMBERS]
        if asked.PhoneNumberIds:
            by_id = {_number_id(number): number for number in owned}
            return {"PhoneNumbers": [_number(_own(by_id, name)) for name in asked.PhoneNumberIds]}
        start = int(asked.NextToken or 0)
        end = start + asked.MaxResults
        more = {"NextToken": str(end)} if end < len(owned) else {}
        return {"PhoneNumbers": [_number(number) for number in owned[start:end]], **more}

    def _pools(self, value: Mapping[str, Any]) -> dict[str, Any]:
        pools = [
            {
                "PoolArn": f"{ARN}:pool/{_id(name, 'pool-')}",
                "PoolId": _id(name, "pool-"),
                "Status": POOL_STATES.get(last4(name), "ACTIVE"),
                "MessageType": "TRANSACTIONAL",
                "SharedRoutesEnabled": False,
                **_two_way(),
            }
            for name in check(Ids, value).PoolIds
        ]
        return {"Pools": pools}

    def _agents(self, value: Mapping[str, Any]) -> dict[str, Any]:
        agents = [
            {
                "RcsAgentArn": f"{ARN}:rcs-agent/{_id(name, 'rcs-')}",
                "RcsAgentId": _id(name, "rcs-"),
                "Status": AGENT_STATES.get(last4(name), "ACTIVE"),
                **_two_way(),
            }
            for name in check(Ids, value).RcsAgentIds or [ACCOUNT_AGENT]
        ]
        return {"RcsAgents": agents}

    def _sender_ids(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Every sender id was asked for in Great Britain, but those in small letters only."""
        named = [
            name for wish in check(Filters, value).Filters for name in wish.Values if wish.Name == "sender-id"
        ]
        ids = [
            {
                "SenderIdArn": f"{ARN}:sender-id/{name}/GB",
                "SenderId": name,
                "IsoCountryCode": "GB",
                "MessageTypes": ["TRANSACTIONAL"],
                "MonthlyLeasingPrice": "0.00",
                "DeletionProtectionEnabled": False,
                "Registered": False,
            }
            for name in named
            if not name.islower()
        ]
        return {"SenderIds": ids}

    def _attributes(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {"AccountAttributes": [{"Name": "ACCOUNT_TIER", "Value": "PRODUCTION"}]}


def _own(by_id: Mapping[str, str], name: str) -> str:
    try:
        return by_id[name.rpartition("/")[2]]
    except KeyError:
        raise NoSuchSender("phone-number", name) from None


def _id(name: str, start: str) -> str:
    """The id in an id or ARN."""
    found = name.rpartition("/")[2]
    if not found.startswith(start):
        raise NoSuchSender(start.removesuffix("-"), name)
    return found


def _number_id(number: str) -> str:
    return f"phone-{number.removeprefix('+'):0>32}"


def _number(number: str) -> dict[str, Any]:
    return {
        "PhoneNumberArn": f"{ARN}:phone-number/{_number_id(number)}",
        "PhoneNumberId": _number_id(number),
        "PhoneNumber": number,
        "Status": STATES.get(last4(number), "ACTIVE"),
        "IsoCountryCode": "US",
        "MessageType": "TRANSACTIONAL",
        "NumberCapabilities": ["SMS", "MMS"],
        "NumberType": "TEN_DLC",
        "MonthlyLeasingPrice": "1.00",
        **_two_way(),
    }


def _two_way() -> dict[str, Any]:
    return {
        "TwoWayEnabled": True,
        "SelfManagedOptOutsEnabled": False,
        "OptOutListName": "Default",
        "DeletionProtectionEnabled": False,
        "CreatedTimestamp": CREATED,
    }
