"""The v0.1 request bodies of Messages and Dispatch, mapped to our own message and step.

{"from": {"type", "number" | "id"}, "to": {...}, "client_ref",
 "message": {"content": {"type": T, T: ...}, <channel>: {...}}};
a dispatch is {"template": "failover", "workflow": [message + "failover", ...]}.
"""

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from switchboard.channels import CHANNELS, EVERY_TYPE
from switchboard.models import reading, workflows
from switchboard.models.amounts import AMOUNT
from switchboard.models.faults import Faults
from switchboard.models.messages import Channel, Content, Message, Status
from switchboard.models.reading import Wire
from switchboard.models.workflows import Step

LONGEST_REF = 40
PLACES = reading.Places(content="message.content.", options="message.")
"""Where the parts of a message are in its body."""


def places(step: int) -> reading.Places:
    """Where the parts of a step's message are in a dispatch's body."""
    return PLACES.below(f"workflow[{step}].")


class _FailoverNode(Wire):
    expiry_time: Annotated[int, Field(ge=1, le=604_800)]
    condition_status: Literal["delivered", "read"]


_FAILOVER_NODE: TypeAdapter[_FailoverNode] = TypeAdapter(_FailoverNode)


def message(body: object, message_uuid: str) -> Message:
    """The message in a request body. InvalidRequest names every fault."""
    faults = Faults()
    result = _Reader(faults).message(reading.given(body), message_uuid)
    faults.check()
    assert result is not None
    return result


def workflow(body: object, dispatch_uuid: str) -> list[Step]:
    """The steps in a dispatch body. InvalidRequest names every fault of every step."""
    faults = Faults()
    root = faults.object(reading.given(body), "body", "must be a JSON object")
    faults.check()
    assert root is not None
    if not root:
        faults.add("workflow", "The workflow JSON Object cannot be empty")
        faults.check()
    if root.get("template") != "failover":
        faults.add("template", "must be one of: failover")
    entries = root.get("workflow")
    if not isinstance(entries, list) or not entries:
        faults.add("workflow", "must be a list of at least one step")
        faults.check()
        raise AssertionError
    steps = [
        _step(
            faults,
            entry,
            index,
            is_last=index == len(entries) - 1,
            message_uuid=workflows.message_uuid(dispatch_uuid, index),
        )
        for index, entry in enumerate(entries)
    ]
    total = None
    if (max_price := root.get("max_price")) is not None:
        total = faults.read(AMOUNT, max_price, "max_price")
    faults.check()
    found = [step for step in steps if step is not None]
    return found if total is None else [_within(step, total) for step in found]


def _within(step: Step, total: Decimal) -> Step:
    return step.model_copy(update={"message": step.message.model_copy(update={"max_total": total})})


def _step(faults: Faults, entry: object, index: int, *, is_last: bool, message_uuid: str) -> Step | None:
    at = f"workflow[{index}]"
    result = _Reader(faults, at).message(entry, message_uuid)
    if not isinstance(entry, dict):
        return None
    failover = entry.get("failover")
    if is_last:
        if failover is not None:
            faults.add(f"{at}.failover", "must be left out of the last step: nothing comes after it")
        return Step(message=result) if result else None
    if failover is None:
        faults.add(f"{at}.failover", "is required on every step but the last")
        return None
    node = faults.read(_FAILOVER_NODE, failover, f"{at}.failover")
    if result is None or node is None:
        return None
    return Step(
        message=result.model_copy(update={"lifetime": node.expiry_time}),
        condition=Status(node.condition_status),
        seconds=node.expiry_time,
    )


class _Reader:
    """Reads one message at a place in the body, noting faults with their full path."""

    def __init__(self, faults: Faults, at: str = "") -> None:
        self.faults = faults
        self.at = at

    def name(self, path: str) -> str:
        return f"{self.at}.{path}" if self.at else path

    def message(self, body: object, message_uuid: str) -> Message | None:
        before = len(self.faults.found)
        root = self.faults.object(body, self.at or "body", "must be a JSON object")
        if root is None:
            return None
        from_channel, sender = self.party(root, "from")
        channel, recipient = self.party(root, "to")
        if from_channel and channel and from_channel != channel:
            self.faults.add(self.name("to.type"), "must be the same as from.type")
            channel = None
        node = self.faults.object(root.get("message"), self.name("message"))
        content = None
        if node is not None:
            content = self.content(node.get("content"), channel)
        options = reading.options(self.faults, node or {}, self.name(PLACES.options))
        extras = reading.extras(self.faults, root, self.name(""), content, LONGEST_REF)
        if len(self.faults.found) > before:
            return None
        assert channel and sender and recipient and content  # for the type checker: no fault was found
        return Message(
            message_uuid=message_uuid,
            channel=channel,
            sender=sender,
            recipient=recipient,
            content=content,
            **options,
            **extras,
        )

    def party(self, root: dict[str, Any], end: Literal["from", "to"]) -> tuple[Channel | None, str | None]:
        """One end's channel and identifier, each None where it is faulty."""
        party = self.faults.object(root.get(end), self.name(end))
        if party is None:
            return None, None
        try:
            channel = Channel(str(party.get("type")))
        except ValueError:
            self.faults.add(self.name(f"{end}.type"), f"must be one of: {', '.join(Channel)}")
            return None, None
        kind = CHANNELS[channel].sender if end == "from" else CHANNELS[channel].recipient
        name = self.name(f"{end}.{kind}")
        return channel, reading.identifier(self.faults, party.get(kind), name, channel, end)

    def content(self, value: object, channel: Channel | None) -> Content | None:
        """The content, if the channel can carry it; without a channel only what is wrong on every one."""
        name = self.name("message.content")
        node = self.faults.object(value, name)
        if node is None:
            return None
        kind = node.get("type")
        types = CHANNELS[channel].types if channel else EVERY_TYPE
        if kind not in types:
            self.faults.add(f"{name}.type", f"must be one of: {', '.join(types)}")
            return None
        name = f"{name}.{kind}"
        if node.get(kind) is None:
            self.faults.add(name, "is required")
            return None
        return reading.content(self.faults, kind, node[kind], name, channel) if channel else None
