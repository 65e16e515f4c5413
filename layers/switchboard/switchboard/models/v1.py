"""The request bodies of Messages v1, mapped to our own message and workflow.

{"channel", "message_type": T, T: ..., "to", "from", "client_ref", <channel>: {...}, "context", "ttl",
 "webhook_url", "webhook_version", "failover": [message, ...]}

A message of a failover may have (ours) `expiry_time` in seconds and `condition_status`: then the next one
goes out when that status is not reached in that time, as in a dispatch. Without them it does when the
message fails.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from switchboard.channels import CHANNELS, EVERY_TYPE, V1_NAMES
from switchboard.models import reading, workflows
from switchboard.models.faults import Faults
from switchboard.models.frozen import LAZY
from switchboard.models.messages import CallbackChoice, Channel, Content, Message, Status
from switchboard.models.reading import Wire
from switchboard.models.workflows import Step

LONGEST_REF = 100
LONGEST_FAILOVER = 50
PLACES = reading.Places()
"""Where the parts of a message are in its body."""

_CHANNELS = {V1_NAMES.get(channel, channel.value): channel for channel in Channel} | {
    channel.value: channel for channel in Channel
}


def places(step: int) -> reading.Places:
    """Where the parts of a step's message are in a body with failover."""
    return PLACES.below(_prefix(step))


def _prefix(step: int) -> str:
    return f"failover[{step - 1}]." if step else ""


def webhook_name(step: int) -> str:
    """Where a message has its webhook, by its number in a request."""
    return f"{_prefix(step)}webhook_url"


class _ConditionNode(Wire):
    expiry_time: Annotated[int, Field(ge=1, le=604_800)]
    condition_status: Literal["delivered", "read"] = "delivered"


class _CallbackNode(Wire):
    webhook_url: reading.Url | None = None
    webhook_version: Literal["v0.1", "v1"] | None = None


class _TypingNode(Wire):
    show: bool = False


class _ChangeNode(Wire):
    status: Literal["read", "revoked"]
    replying_indicator: _TypingNode = _TypingNode()


LONGEST_TTL = 604_800


def _seconds(ttl: int) -> int:
    """Some clients count in milliseconds: what is longer than any message lives must be that."""
    return ttl if ttl <= LONGEST_TTL else ttl // 1000


_TTL: TypeAdapter[int] = TypeAdapter(
    Annotated[int, Field(ge=1, le=LONGEST_TTL * 1000), AfterValidator(_seconds)], config=LAZY
)
_CALLBACK: TypeAdapter[_CallbackNode] = TypeAdapter(_CallbackNode)
_CONDITION: TypeAdapter[_ConditionNode] = TypeAdapter(_ConditionNode)
_CHANGE: TypeAdapter[_ChangeNode] = TypeAdapter(_ChangeNode)


def message(body: object, message_uuid: str) -> Message:
    """The message in a request body without failover. InvalidRequest names every fault."""
    faults = Faults()
    root = _root(faults, body)
    result = _message(faults, root, "", message_uuid)
    faults.check()
    assert result is not None
    return result


def has_failover(body: object) -> bool:
    """The body is a workflow's. An empty list is none."""
    return isinstance(body, dict) and bool(reading.given(body).get("failover"))


def workflow(body: object, workflow_id: str) -> list[Step]:
    """The steps in a body with failover: its own message first. InvalidRequest names every fault of each."""
    faults = Faults()
    root = _root(faults, body)
    entries = root.get("failover")
    if not isinstance(entries, list):
        faults.add("failover", "must be a list of messages")
        entries = []
    elif len(entries) > LONGEST_FAILOVER:
        faults.add("failover", f"must have at most {LONGEST_FAILOVER} messages")
        faults.check()
    steps = [_step(faults, entry, workflow_id, number) for number, entry in enumerate([root, *entries])]
    faults.check()
    return [step for step in steps if step is not None]


def change(body: object) -> tuple[Literal["read", "revoked"], bool]:
    """What a PATCH asks for, and whether the person is to see that an answer is on its way."""
    faults = Faults()
    node = faults.read(_CHANGE, _root(faults, body), "")
    faults.check()
    assert node is not None
    return node.status, node.replying_indicator.show


def _root(faults: Faults, body: object) -> dict[str, Any]:
    root = faults.object(reading.given(body), "body", "must be a JSON object")
    faults.check()
    assert root is not None
    return root


def _step(faults: Faults, entry: object, workflow_id: str, number: int) -> Step | None:
    prefix = _prefix(number)
    root = faults.object(entry, prefix.removesuffix("."))
    if root is None:
        return None
    if number and root.get("failover"):
        faults.add(f"{prefix}failover", "must be left out: a failover has no failover of its own")
    result = _message(faults, root, prefix, workflows.message_uuid(workflow_id, number))
    if "expiry_time" not in root and "condition_status" not in root:
        return None if result is None else Step(message=result)
    node = faults.read(_CONDITION, root, prefix.removesuffix("."))
    if result is None or node is None:
        return None
    lifetime = min(node.expiry_time, result.lifetime or node.expiry_time)
    return Step(
        message=result.model_copy(update={"lifetime": lifetime}),
        condition=Status(node.condition_status),
        seconds=node.expiry_time,
    )


def _message(faults: Faults, root: dict[str, Any], prefix: str, message_uuid: str) -> Message | None:
    before = len(faults.found)
    channel = _channel(faults, root.get("channel"), f"{prefix}channel")
    sender = recipient = None
    if channel:
        sender = reading.identifier(faults, root.get("from"), f"{prefix}from", channel, "from")
        recipient = reading.identifier(faults, root.get("to"), f"{prefix}to", channel, "to")
    else:
        for end in ("from", "to"):
            if root.get(end) is None:
                faults.add(f"{prefix}{end}", "is required")
    content = _content(faults, root, prefix, channel)
    options = reading.options(faults, root, prefix)
    extras = reading.extras(faults, root, prefix, content, LONGEST_REF)
    callback = faults.read(_CALLBACK, root, prefix.removesuffix("."))
    if (ttl := root.get("ttl")) is not None:
        extras["lifetime"] = faults.read(_TTL, ttl, f"{prefix}ttl")
    if len(faults.found) > before:
        return None
    assert channel and sender and recipient and content and callback  # for the type checker
    return Message(
        message_uuid=message_uuid,
        channel=channel,
        sender=sender,
        recipient=recipient,
        content=content,
        callback=CallbackChoice(url=callback.webhook_url, version=callback.webhook_version, default="v1"),
        **options,
        **extras,
    )


def _channel(faults: Faults, value: object, name: str) -> Channel | None:
    if value is None:
        faults.add(name, "is required")
        return None
    channel = _CHANNELS.get(value) if isinstance(value, str) else None
    if channel is None:
        names = (V1_NAMES.get(channel, channel.value) for channel in Channel)
        faults.add(name, f"must be one of: {', '.join(names)}")
    return channel


def _content(faults: Faults, root: dict[str, Any], prefix: str, channel: Channel | None) -> Content | None:
    """The content, if the channel can carry it; without a channel only what is wrong on every one."""
    kind = root.get("message_type")
    if kind is None:
        faults.add(f"{prefix}message_type", "is required")
        return None
    types: Sequence[str] = CHANNELS[channel].types if channel else EVERY_TYPE
    if not isinstance(kind, str) or kind not in types:
        faults.add(f"{prefix}message_type", f"must be one of: {', '.join(types)}")
        return None
    name = f"{prefix}{kind}"
    if root.get(kind) is None:
        faults.add(name, "is required")
        return None
    return reading.content(faults, kind, root[kind], name, channel) if channel else None
