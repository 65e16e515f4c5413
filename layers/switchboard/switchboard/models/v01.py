"""The v0.1 request bodies of Messages and Dispatch, mapped to our own message and step.

{"from": {"type", "number" | "id"}, "to": {...}, "client_ref",
 "message": {"content": {"type": T, T: ...}, <channel>: {...}}};
a dispatch is {"template": "failover", "workflow": [message + "failover", ...]}.
"""

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from switchboard.channels import CHANNELS, EVERY_TYPE, Capability
from switchboard.models import workflows
from switchboard.models.faults import Faults
from switchboard.models.messages import (
    Channel,
    Content,
    Custom,
    Location,
    Media,
    Message,
    MessengerOptions,
    Status,
    Template,
    Text,
    ViberOptions,
    WhatsAppOptions,
)
from switchboard.models.workflows import Step

_MEDIA: TypeAdapter[Media] = TypeAdapter(Annotated[Media, Field(discriminator="type")])


class _Wire(BaseModel):
    # Old clients send numbers for strings and more fields than we know; both are harmless.
    model_config = ConfigDict(coerce_numbers_to_str=True, extra="ignore")


class _MediaNode(_Wire):
    url: Annotated[str, Field(min_length=1, max_length=2000)]
    caption: Annotated[str, Field(min_length=1)] | None = None


def _plain(parameter: object) -> object:
    """The older form of a template parameter, `{"default": "x"}`, as the newer one, `"x"`."""
    if isinstance(parameter, dict) and set(parameter) == {"default"}:
        return parameter["default"]
    return parameter


class _TemplateNode(_Wire):
    name: Annotated[str, Field(min_length=1)]
    parameters: tuple[Annotated[str, BeforeValidator(_plain)], ...] = ()


class _LocationNode(_Wire):
    """Numbers or, as in our inbound messages, strings of digits."""

    lat: Annotated[float, Field(ge=-90, le=90)]
    long: Annotated[float, Field(ge=-180, le=180)]
    name: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    address: Annotated[str, Field(min_length=1, max_length=1000)] | None = None


class _ViberNode(_Wire):
    category: Literal["transaction", "promotion"] = "transaction"
    ttl: Annotated[int, Field(ge=30, le=259_200)] | None = None
    type: str | None = None


class _MessengerNode(_Wire):
    category: Literal["response", "update", "message_tag"] = "response"
    tag: Annotated[str, Field(min_length=1)] | None = None


_Locale = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]


class _FallbackNode(_TemplateNode):
    """Ours: the template that goes out instead while the window is closed."""

    locale: _Locale | None = None


class _WhatsAppNode(_Wire):
    policy: Literal["deterministic", "fallback"] = "deterministic"
    locale: _Locale | None = None
    template_fallback: _FallbackNode | None = None


class _FailoverNode(_Wire):
    expiry_time: Annotated[int, Field(ge=1, le=604_800)]
    condition_status: Literal["delivered", "read"]


_IDENTIFIER: TypeAdapter[str] = TypeAdapter(
    Annotated[str, Field(min_length=1, max_length=50)], config=_Wire.model_config
)
_CLIENT_REF: TypeAdapter[str] = TypeAdapter(
    Annotated[str, Field(min_length=1, max_length=40)], config=_Wire.model_config
)
_PRIORITY: TypeAdapter[Literal["normal", "high"]] = TypeAdapter(Literal["normal", "high"])
_E164: TypeAdapter[str] = TypeAdapter(
    Annotated[
        str,
        BeforeValidator(lambda number: number.removeprefix("+") if isinstance(number, str) else number),
        Field(pattern=r"^[1-9][0-9]{6,14}$"),
    ],
    config=_Wire.model_config,
)
_E164_REASON = "must be an international number of 7 to 15 digits, without 00 in front, as in 447700900100"
_CUSTOM: TypeAdapter[dict[str, Any]] = TypeAdapter(Annotated[dict[str, Any], Field(min_length=1)])
_MEDIA_NODE: TypeAdapter[_MediaNode] = TypeAdapter(_MediaNode)
_TEMPLATE_NODE: TypeAdapter[_TemplateNode] = TypeAdapter(_TemplateNode)
_LOCATION_NODE: TypeAdapter[_LocationNode] = TypeAdapter(_LocationNode)
_VIBER_NODE: TypeAdapter[_ViberNode] = TypeAdapter(_ViberNode)
_MESSENGER_NODE: TypeAdapter[_MessengerNode] = TypeAdapter(_MessengerNode)
_WHATSAPP_NODE: TypeAdapter[_WhatsAppNode] = TypeAdapter(_WhatsAppNode)
_FAILOVER_NODE: TypeAdapter[_FailoverNode] = TypeAdapter(_FailoverNode)


@cache
def _text(longest: int) -> TypeAdapter[str]:
    return TypeAdapter(Annotated[str, Field(min_length=1, max_length=longest)], config=_Wire.model_config)


def message(body: object, message_uuid: str) -> Message:
    """The message in a request body. InvalidRequest names every fault."""
    faults = Faults()
    result = _Reader(faults).message(body, message_uuid)
    faults.check()
    assert result is not None
    return result


def _place(node: _LocationNode) -> Location:
    return Location(
        type="location", latitude=node.lat, longitude=node.long, name=node.name, address=node.address
    )


def workflow(body: object, dispatch_uuid: str) -> list[Step]:
    """The steps in a dispatch body. InvalidRequest names every fault of every step."""
    faults = Faults()
    root = faults.object(body, "body", "must be a JSON object")
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
    faults.check()
    return [step for step in steps if step is not None]


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
        options = self.options(node or {})
        client_ref = root.get("client_ref")
        if client_ref is not None:
            client_ref = self.faults.read(_CLIENT_REF, client_ref, self.name("client_ref"))
        priority = self.faults.read(_PRIORITY, root.get("priority", "normal"), self.name("priority"))
        if len(self.faults.found) > before:
            return None
        assert channel and sender and recipient  # for the type checker: no fault was found
        assert content and priority
        return Message(
            message_uuid=message_uuid,
            channel=channel,
            sender=sender,
            recipient=recipient,
            content=content,
            client_ref=client_ref,
            priority=priority,
            **options,
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
        identifier = CHANNELS[channel].sender if end == "from" else CHANNELS[channel].recipient
        name = self.name(f"{end}.{identifier}")
        value = party.get(identifier)
        if value is None:
            self.faults.add(name, f"is required for {channel}")
            return channel, None
        if identifier == "number" and (end == "to" or channel is Channel.WHATSAPP):
            number = Faults().read(_E164, value, name)
            if number is None:
                self.faults.add(name, _E164_REASON)
            return channel, number
        found = self.faults.read(_IDENTIFIER, value, name)
        if found and found[0] == "+" and found[1:].isdecimal():  # one sender, however it is written
            found = found[1:]
        return channel, found

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
        return self.body(kind, node[kind], name, CHANNELS[channel]) if channel else None

    def body(self, kind: str, value: object, name: str, capability: Capability) -> Content | None:
        if kind == "text":
            text = self.faults.read(_text(capability.text), value, name)
            return None if text is None else Text(type="text", text=text)
        if kind == "custom":
            custom = self.faults.read(_CUSTOM, value, name)
            return None if custom is None else Custom(type="custom", custom=custom)
        if kind == "template":
            template = self.faults.read(_TEMPLATE_NODE, value, name)
            return (
                None
                if template is None
                else Template(type="template", name=template.name, parameters=template.parameters)
            )
        if kind == "location":
            spot = self.faults.read(_LOCATION_NODE, value, name)
            return None if spot is None else _place(spot)
        media = self.faults.read(_MEDIA_NODE, value, name)
        if media is None:
            return None
        if not media.url.startswith(("http://", "https://")):
            self.faults.add(f"{name}.url", "must be an http or https address")
        longest = capability.kinds[kind].caption
        if longest and media.caption and len(media.caption) > longest:
            self.faults.add(f"{name}.caption", f"must be at most {longest} characters long")
        return _MEDIA.validate_python(
            {"type": kind, "url": media.url, "caption": media.caption if longest else None}
        )

    def options(self, node: dict[str, Any]) -> dict[str, Any]:
        """The channel objects beside `content`. One for another channel does no harm and is checked too."""
        found: dict[str, Any] = {}
        if (viber := node.get("viber_service_msg")) is not None:
            shape = self.faults.read(_VIBER_NODE, viber, self.name("message.viber_service_msg"))
            if shape:
                found["viber"] = ViberOptions(**shape.model_dump())
        if (messenger := node.get("messenger")) is not None:
            tagged = self.faults.read(_MESSENGER_NODE, messenger, self.name("message.messenger"))
            if tagged and tagged.category == "message_tag" and tagged.tag is None:
                self.faults.add(
                    self.name("message.messenger.tag"), "is required when the category is message_tag"
                )
            elif tagged:
                found["messenger"] = MessengerOptions(**tagged.model_dump())
        if (whatsapp := node.get("whatsapp")) is not None:
            local = self.faults.read(_WHATSAPP_NODE, whatsapp, self.name("message.whatsapp"))
            if local:
                found["whatsapp"] = WhatsAppOptions(**local.model_dump())
        return found
