"""The wire shapes of provider accounts: /accounts/{provider}/{account_id}.

{"name"?, "credentials"?: {setting: value}, "senders"?: [{"channel", "id", "order"?, "send_as"?,
 "rate"?: {"per_second", "unit"?}, "application"?: id or null}]}
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from switchboard.channels import CHANNELS
from switchboard.models.faults import Faults
from switchboard.models.frozen import LAZY, Lazy
from switchboard.models.messages import Channel
from switchboard.store import AccountSender, ProviderAccount, Rate

ACCOUNT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_TAKEN = ("secrets", "signature-secrets")  # /accounts/{api_key}/secrets
_NUMBER = re.compile(r"[1-9][0-9]{2,14}")
_LETTERS = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9 _.-]{2,11}")


class _Wire(Lazy):
    model_config = ConfigDict(coerce_numbers_to_str=True, extra="ignore")


class _Rate(_Wire):
    per_second: Annotated[float, Field(ge=0.001, le=10_000)]
    unit: Literal["messages", "segments"] = "messages"


class _Sender(_Wire):
    id: Annotated[str, Field(min_length=1, max_length=100)]
    order: Annotated[int, Field(ge=0, le=1000)] = 0
    send_as: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    rate: _Rate | None = None
    application: Annotated[str, Field(min_length=1)] | None = None


_NAME: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(min_length=1, max_length=100)], config=LAZY)
_CREDENTIALS: TypeAdapter[dict[str, Any]] = TypeAdapter(
    Annotated[dict[str, Any], Field(min_length=1)], config=LAZY
)
_SENDER: TypeAdapter[_Sender] = TypeAdapter(_Sender)


@dataclass(frozen=True)
class AccountRequest:
    name: str | None
    credentials: dict[str, Any] | None
    """None keeps those that are there."""
    senders: tuple[AccountSender, ...]
    links: dict[tuple[Channel, str], str | None]
    """The application that a sender is to be linked to, None for no one; the others stay as they are."""


def account_request(body: object, account_id: str, channels: frozenset[Channel]) -> AccountRequest:
    """InvalidRequest names every fault. `channels` are those of the provider."""
    faults = Faults()
    root = faults.object(body, "body", "must be a JSON object")
    faults.check()
    assert root is not None
    if not ACCOUNT_ID.fullmatch(account_id):
        faults.add("account_id", "must be up to 64 letters, digits, dots, dashes and underscores")
    elif account_id in _TAKEN:
        faults.add("account_id", "is an address of the API's own")
    name, credentials = root.get("name"), root.get("credentials")
    if name is not None:
        name = faults.read(_NAME, name, "name")
    if credentials is not None:
        credentials = faults.read(_CREDENTIALS, credentials, "credentials")
    entries = root.get("senders", [])
    if not isinstance(entries, list):
        faults.add("senders", "must be a list")
        entries = []
    senders: dict[tuple[Channel, str], AccountSender] = {}
    links: dict[tuple[Channel, str], str | None] = {}
    for index, entry in enumerate(entries):
        at = f"senders[{index}]"
        found = _sender(faults, entry, at, channels)
        if found is None:
            continue
        sender, application = found
        key = sender.channel, sender.id
        if key in senders:
            faults.add(f"{at}.id", "is in this list twice")
        senders[key] = sender
        if "application" in entry:
            links[key] = application
    faults.check()
    return AccountRequest(name, credentials, tuple(senders.values()), links)


def verify_request(body: object) -> tuple[str | None, str | None]:
    """The channel and the sender to ask about, each None for all."""
    faults = Faults()
    root = faults.object(body, "body", "must be a JSON object")
    faults.check()
    assert root is not None
    found = [None if root.get(name) is None else str(root[name]) for name in ("channel", "sender")]
    return found[0], found[1] and found[1].removeprefix("+")


def verified(account: ProviderAccount, asked: Sequence[AccountSender]) -> dict[str, Any]:
    """What the provider said: of all that was asked the worst."""
    worst = min(asked, key=lambda sender: _FROM_BAD.index(sender.state))
    return {
        "provider": account.provider,
        "account_id": account.account_id,
        "state": worst.state,
        **({"reason": worst.reason} if worst.reason else {}),
        "senders": [
            {"channel": sender.channel.value, "id": sender.id, **_verification(sender)} for sender in asked
        ],
    }


_FROM_BAD = ("failed", "pending", "verified")


def _sender(
    faults: Faults, entry: object, at: str, channels: frozenset[Channel]
) -> tuple[AccountSender, str | None] | None:
    node = faults.object(entry, at, "must be an object")
    if node is None:
        return None
    channel = node.get("channel")
    if not isinstance(channel, str) or channel not in channels:
        faults.add(f"{at}.channel", f"must be one of: {', '.join(sorted(channels))}")
    found = faults.read(_SENDER, node, at)
    if found is None or not isinstance(channel, str) or channel not in channels:
        return None
    channel = Channel(channel)
    identifier = sender_id(channel, found.id)
    if identifier is None:
        faults.add(f"{at}.id", "must be an international number, as in 447700900100")
        return None
    rate = Rate(per_second=found.rate.per_second, unit=found.rate.unit) if found.rate else None
    send_as = found.send_as.removeprefix("+") if found.send_as else None
    sender = AccountSender(channel=channel, id=identifier, order=found.order, send_as=send_as, rate=rate)
    return sender, found.application


def sender_id(channel: Channel, identifier: str) -> str | None:
    """A sender as messages name it; None if it cannot be one on this channel."""
    if CHANNELS[channel].sender != "number":
        return identifier
    number = identifier.removeprefix("+")
    if _NUMBER.fullmatch(number) or (channel is Channel.SMS and _LETTERS.fullmatch(identifier)):
        return number
    return None


def answer(
    account: ProviderAccount, settings: list[str], links: dict[tuple[Channel, str], str | None], url: str
) -> dict[str, Any]:
    """An account without its secrets: of its credentials the names only."""
    where = f"{account.provider}/{account.account_id}"
    return {
        "provider": account.provider,
        "account_id": account.account_id,
        **({"name": account.name} if account.name else {}),
        "credentials": sorted(settings),
        "senders": [_answer(sender, links.get((sender.channel, sender.id))) for sender in account.senders],
        "callbacks": {"inbound": f"{url}/inbound/{where}", "status": f"{url}/status/{where}"},
        "created_at": account.created_at,
        "updated_at": account.updated_at,
    }


def _answer(sender: AccountSender, application: str | None) -> dict[str, Any]:
    return {
        "channel": sender.channel.value,
        "id": sender.id,
        "order": sender.order,
        **({"send_as": sender.send_as} if sender.send_as else {}),
        **({"rate": sender.rate.model_dump()} if sender.rate else {}),
        **({"application": application} if application else {}),
        "verification": _verification(sender),
    }


def _verification(sender: AccountSender) -> dict[str, Any]:
    return {
        "state": sender.state,
        **({"reason": sender.reason} if sender.reason else {}),
        **({"checked_at": sender.checked_at} if sender.checked_at else {}),
    }
