"""Reads the parts of a message that both versions of the Messages API write alike.

Each reader notes the faults that it finds under their place in the request.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, ConfigDict, Field, TypeAdapter

from switchboard.channels import CHANNELS, Capability
from switchboard.models.amounts import AMOUNT
from switchboard.models.faults import Faults
from switchboard.models.frozen import LAZY, Lazy
from switchboard.models.messages import (
    Card,
    Carousel,
    Channel,
    Content,
    Custom,
    Location,
    Media,
    MessengerOptions,
    RcsCategory,
    RcsOptions,
    Reaction,
    Several,
    SmsOptions,
    Sticker,
    Template,
    Text,
    ViberOptions,
    WhatsAppOptions,
)
from switchboard.models.rich import (
    CalendarSuggestion,
    DialSuggestion,
    OpenUrlSuggestion,
    ReplySuggestion,
    RichCard,
    ShareLocationSuggestion,
    Suggestion,
    ViewLocationSuggestion,
)


class Wire(Lazy):
    # Old clients send numbers for strings and more fields than we know; both are harmless.
    model_config = ConfigDict(coerce_numbers_to_str=True, extra="ignore")


_PLAIN = ConfigDict(**LAZY, coerce_numbers_to_str=True)
"""For values that are no objects."""


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _is_web(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ValueError("must be an http or https address")
    return url


@dataclass(frozen=True)
class Places:
    """What comes before the names of a message's parts in a version's bodies."""

    content: str = ""
    options: str = ""

    def below(self, prefix: str) -> "Places":
        return Places(f"{prefix}{self.content}", f"{prefix}{self.options}")


_DEEPEST = 50
"""Nothing that we read lies deeper in a body."""


def given(value: Any, depth: int = 0) -> Any:
    """What a client wrote without its nulls, which stand for nothing; those of custom content are its own."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, dict):
        return {
            name: part if name == "custom" else given(part, depth + 1)
            for name, part in value.items()
            if part is not None
        }
    return [given(part, depth + 1) for part in value] if isinstance(value, list) else value


Some = Annotated[str, Field(min_length=1)]
Url = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_is_web)]

# --- ends ----------------------------------------------------------------------------------------

_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(min_length=1, max_length=50)], config=_PLAIN)
_E164: TypeAdapter[str] = TypeAdapter(
    Annotated[
        str,
        BeforeValidator(lambda number: number.removeprefix("+") if isinstance(number, str) else number),
        Field(pattern=r"^[1-9][0-9]{6,14}$"),
    ],
    config=_PLAIN,
)
_SCOPED = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,45}")
"""A person on WhatsApp who shows no number to businesses."""
_E164_REASON = "must be an international number of 7 to 15 digits, without 00 in front, as in 447700900100"


def identifier(
    faults: Faults, value: object, name: str, channel: Channel, end: Literal["from", "to"]
) -> str | None:
    """Who sends or gets a message, as the channel knows them."""
    kind = CHANNELS[channel].sender if end == "from" else CHANNELS[channel].recipient
    if value is None:
        faults.add(name, f"is required for {channel}")
        return None
    if end == "to" and channel is Channel.WHATSAPP and isinstance(value, str) and _SCOPED.fullmatch(value):
        return value
    if kind == "number" and (end == "to" or channel is Channel.WHATSAPP):
        number = Faults().read(_E164, value, name)
        if number is None:
            faults.add(name, _E164_REASON)
        return number
    found = faults.read(_IDENTIFIER, value, name)
    if found and found[0] == "+" and found[1:].isdecimal():  # one sender, however it is written
        found = found[1:]
    return found


# --- contents ------------------------------------------------------------------------------------


class _MediaNode(Wire):
    url: Url
    caption: Some | None = None
    thumb_url: Url | None = None
    name: Annotated[str, Field(min_length=1, max_length=255)] | None = None


class _ItemNode(_MediaNode):
    type: Literal["image", "audio", "video", "file", "vcard"]


class _StickerNode(Wire):
    url: Url | None = None
    id: Some | None = None


class _ReactionNode(Wire):
    action: Literal["react", "unreact"]
    emoji: Some | None = None


def _plain(parameter: object) -> object:
    """The older form of a template parameter, `{"default": "x"}`, as the newer one, `"x"`."""
    if isinstance(parameter, dict) and set(parameter) == {"default"}:
        return parameter["default"]
    return parameter


def _in_order(parameters: object) -> object:
    """Of named parameters the values: what is filled is counted."""
    return tuple(parameters.values()) if isinstance(parameters, dict) else parameters


class _TemplateNode(Wire):
    name: Some
    parameters: Annotated[
        tuple[Annotated[str, BeforeValidator(_plain)], ...], BeforeValidator(_in_order)
    ] = ()


class _LocationNode(Wire):
    """Numbers or, as in our inbound messages, strings of digits."""

    lat: Annotated[float, Field(ge=-90, le=90, validation_alias=AliasChoices("lat", "latitude"))]
    long: Annotated[float, Field(ge=-180, le=180, validation_alias=AliasChoices("long", "longitude"))]
    name: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    address: Annotated[str, Field(min_length=1, max_length=1000)] | None = None


LONGEST_CHIP = 25


def _chip(text: str) -> str:
    """No phone shows more, and no provider takes more."""
    return text if len(text) <= LONGEST_CHIP else text[: LONGEST_CHIP - 1] + "\N{HORIZONTAL ELLIPSIS}"


class _SuggestionNode(Wire):
    """Every kind's members; which are needed is told by `type`."""

    type: Literal[
        "reply",
        "dial",
        "view_location",
        "share_location",
        "open_url",
        "open_url_in_webview",
        "create_calendar_event",
    ]
    text: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_chip)]
    postback_data: Annotated[str, Field(max_length=2048)]
    phone_number: Some | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    pin_label: Some | None = None
    url: Url | None = None
    description: Annotated[str, Field(max_length=500)] | None = None
    view_mode: Annotated[Literal["full", "tall", "half"] | None, BeforeValidator(_lower)] = None
    start_time: Some | None = None
    end_time: Some | None = None
    title: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    fallback_url: Url | None = None


_NEEDS: Mapping[str, tuple[str, ...]] = {
    "dial": ("phone_number",),
    "view_location": ("latitude", "longitude"),
    "open_url": ("url",),
    "open_url_in_webview": ("url",),
    "create_calendar_event": ("start_time", "end_time", "title"),
}


class _CardNode(Wire):
    title: Annotated[str, Field(min_length=1, max_length=200)]
    text: Annotated[str, Field(min_length=1, max_length=2000)]
    media_url: Url
    media_description: str | None = None
    media_height: Annotated[Literal["short", "medium", "tall"] | None, BeforeValidator(_lower)] = None
    thumbnail_url: Url | None = None
    media_force_refresh: bool = False
    suggestions: Annotated[tuple[_SuggestionNode, ...], Field(max_length=4)] = ()


class _CarouselNode(Wire):
    cards: Annotated[tuple[_CardNode, ...], Field(min_length=2, max_length=10)]


_MEDIA_NODE: TypeAdapter[Any] = TypeAdapter(_MediaNode)
_NODES: Mapping[str, TypeAdapter[Any]] = {
    **dict.fromkeys(("image", "audio", "video", "file", "vcard"), _MEDIA_NODE),
    "content": TypeAdapter(Annotated[tuple[_ItemNode, ...], Field(min_length=1, max_length=10)], config=LAZY),
    "sticker": TypeAdapter(_StickerNode),
    "reaction": TypeAdapter(_ReactionNode),
    "template": TypeAdapter(_TemplateNode),
    "location": TypeAdapter(_LocationNode),
    "card": TypeAdapter(_CardNode),
    "carousel": TypeAdapter(_CarouselNode),
    "custom": TypeAdapter(Annotated[dict[str, Any], Field(min_length=1)], config=LAZY),
}
_SUGGESTION_NODES: TypeAdapter[tuple[_SuggestionNode, ...]] = TypeAdapter(
    Annotated[tuple[_SuggestionNode, ...], Field(max_length=11)], config=LAZY
)
_MEDIA: TypeAdapter[Media] = TypeAdapter(Annotated[Media, Field(discriminator="type")], config=LAZY)


@cache
def _text(longest: int) -> TypeAdapter[str]:
    return TypeAdapter(Annotated[str, Field(min_length=1, max_length=longest)], config=_PLAIN)


def content(faults: Faults, kind: str, value: object, name: str, channel: Channel) -> Content | None:
    """The content of a type that the channel has; `value` is at `name`. None with its faults noted."""
    node = faults.read(_text(CHANNELS[channel].text) if kind == "text" else _NODES[kind], value, name)
    match node:
        case str():
            return Text(type="text", text=node)
        case dict():
            return Custom(type="custom", custom=node)
        case _TemplateNode():
            return Template(type="template", name=node.name, parameters=node.parameters)
        case _LocationNode():
            return Location(
                type="location", latitude=node.lat, longitude=node.long, name=node.name, address=node.address
            )
        case _StickerNode():
            if (node.url is None) == (node.id is None):
                faults.add(name, "must have either a url or an id")
            return Sticker(type="sticker", url=node.url, id=node.id)
        case _ReactionNode():
            if node.action == "react" and node.emoji is None:
                faults.add(f"{name}.emoji", "is required")
            return Reaction(type="reaction", emoji=node.emoji or "" if node.action == "react" else "")
        case _CardNode():
            return Card(type="card", card=_card(faults, node, name))
        case _CarouselNode():
            cards = (_card(faults, card, f"{name}.cards[{n}]") for n, card in enumerate(node.cards))
            return Carousel(type="carousel", cards=tuple(cards))
        case tuple():
            items = (
                _media(faults, item.type, item, f"{name}[{n}]", CHANNELS[channel])
                for n, item in enumerate(node)
            )
            return Several(type="content", items=tuple(items))
        case _MediaNode():
            return _media(faults, kind, node, name, CHANNELS[channel])
    return None


def _media(faults: Faults, kind: str, node: _MediaNode, name: str, capability: Capability) -> Media:
    """A caption that the channel does not show is left out."""
    known = capability.kinds.get(kind)
    longest = known.caption if known else 0
    if longest and node.caption and len(node.caption) > longest:
        faults.add(f"{name}.caption", f"must be at most {longest} characters long")
    return _MEDIA.validate_python(
        {
            "type": kind,
            "url": node.url,
            "caption": node.caption if longest else None,
            **({"thumbnail_url": node.thumb_url} if kind == "video" else {}),
            **({"name": node.name} if kind == "file" else {}),
        }
    )


def _card(faults: Faults, node: _CardNode, name: str) -> RichCard:
    return RichCard(
        title=node.title,
        text=node.text,
        media_url=node.media_url,
        media_description=node.media_description,
        media_height=node.media_height,
        thumbnail_url=node.thumbnail_url,
        refresh=node.media_force_refresh,
        suggestions=_suggestions(faults, node.suggestions, f"{name}.suggestions"),
    )


def suggestions(faults: Faults, value: object, name: str) -> tuple[Suggestion, ...]:
    nodes = faults.read(_SUGGESTION_NODES, value, name)
    return _suggestions(faults, nodes or (), name)


def _suggestions(faults: Faults, nodes: tuple[_SuggestionNode, ...], name: str) -> tuple[Suggestion, ...]:
    found = []
    for number, node in enumerate(nodes):
        missing = [field for field in _NEEDS.get(node.type, ()) if getattr(node, field) is None]
        for field in missing:
            faults.add(f"{name}[{number}].{field}", "is required")
        if not missing:
            found.append(_suggestion(node))
    return tuple(found)


def _suggestion(node: _SuggestionNode) -> Suggestion:
    """What its kind needs is there."""
    shown = {"text": node.text, "postback": node.postback_data}
    match node.type:
        case "reply":
            return ReplySuggestion(type="reply", **shown)
        case "share_location":
            return ShareLocationSuggestion(type="share_location", **shown)
        case "dial":
            number = (node.phone_number or "").removeprefix("+")
            return DialSuggestion(type="dial", number=number, fallback_url=node.fallback_url, **shown)
        case "view_location":
            assert node.latitude is not None
            assert node.longitude is not None
            return ViewLocationSuggestion(
                type="view_location",
                latitude=node.latitude,
                longitude=node.longitude,
                label=node.pin_label,
                fallback_url=node.fallback_url,
                **shown,
            )
        case "create_calendar_event":
            return CalendarSuggestion(
                type="create_calendar_event",
                start=node.start_time or "",
                end=node.end_time or "",
                title=node.title or "",
                description=node.description,
                fallback_url=node.fallback_url,
                **shown,
            )
    view = node.view_mode or "full" if node.type == "open_url_in_webview" else None
    return OpenUrlSuggestion(
        type="open_url", url=node.url or "", description=node.description, view=view, **shown
    )


# --- what goes with every message ----------------------------------------------------------------


class _ContextNode(Wire):
    message_uuid: Annotated[str, Field(min_length=1, max_length=64)]


_PRIORITY: TypeAdapter[Literal["normal", "high"]] = TypeAdapter(Literal["normal", "high"], config=LAZY)
_ON_UNKNOWN: TypeAdapter[Literal["wait", "resend", "fail"]] = TypeAdapter(
    Literal["wait", "resend", "fail"], config=LAZY
)
_CONTEXT: TypeAdapter[_ContextNode] = TypeAdapter(_ContextNode)


def extras(
    faults: Faults, root: Mapping[str, Any], prefix: str, found: Content | None, longest_ref: int
) -> dict[str, Any]:
    """What a message has beside its ends and its content, as Message has it."""
    extras: dict[str, Any] = {}
    if (ref := root.get("client_ref")) is not None:
        extras["client_ref"] = faults.read(_text(longest_ref), ref, f"{prefix}client_ref")
    if (priority := root.get("priority")) is not None:
        extras["priority"] = faults.read(_PRIORITY, priority, f"{prefix}priority")
    if (on_unknown := root.get("on_unknown")) is not None:
        extras["on_unknown"] = faults.read(_ON_UNKNOWN, on_unknown, f"{prefix}on_unknown")
    if (max_price := root.get("max_price")) is not None:
        extras["max_price"] = faults.read(AMOUNT, max_price, f"{prefix}max_price")
    if (context := root.get("context")) is not None:
        quoted = faults.read(_CONTEXT, context, f"{prefix}context")
        extras["reply_to"] = quoted and quoted.message_uuid
    elif isinstance(found, Reaction):
        faults.add(f"{prefix}context", "is required: it names the message that is reacted to")
    if (tappable := root.get("suggestions")) is not None:
        extras["suggestions"] = suggestions(faults, tappable, f"{prefix}suggestions")
    return extras


# --- options -------------------------------------------------------------------------------------


class _ActionNode(Wire):
    url: Url
    text: Annotated[str, Field(min_length=1, max_length=30)]


class _ViberNode(Wire):
    category: Literal["transaction", "promotion"] = "transaction"
    ttl: Annotated[int, Field(ge=30, le=259_200)] | None = None
    type: str | None = None
    action: _ActionNode | None = None
    duration: Annotated[int, Field(ge=1, le=600)] | None = None
    file_size: Annotated[int, Field(ge=1, le=200)] | None = None


class _MessengerNode(Wire):
    category: Literal["response", "update", "message_tag"] = "response"
    tag: Some | None = None


_Locale = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]


class _FallbackNode(_TemplateNode):
    """Ours: the template that goes out instead while the window is closed."""

    locale: _Locale | None = None


class _WhatsAppNode(Wire):
    policy: Literal["deterministic", "fallback"] = "deterministic"
    locale: _Locale | None = None
    template_fallback: _FallbackNode | None = None


class _SmsNode(Wire):
    encoding_type: Literal["auto", "text", "unicode"] = "auto"
    content_id: Some | None = None
    entity_id: Some | None = None
    pool_id: Some | None = None


class _RcsNode(Wire):
    category: RcsCategory | None = None
    card_orientation: Annotated[Literal["vertical", "horizontal"] | None, BeforeValidator(_lower)] = None
    image_alignment: Annotated[Literal["left", "right"] | None, BeforeValidator(_lower)] = None
    card_width: Annotated[Literal["small", "medium"] | None, BeforeValidator(_lower)] = None


_VIBER_NODE: TypeAdapter[_ViberNode] = TypeAdapter(_ViberNode)
_MESSENGER_NODE: TypeAdapter[_MessengerNode] = TypeAdapter(_MessengerNode)
_WHATSAPP_NODE: TypeAdapter[_WhatsAppNode] = TypeAdapter(_WhatsAppNode)
_SMS_NODE: TypeAdapter[_SmsNode] = TypeAdapter(_SmsNode)
_RCS_NODE: TypeAdapter[_RcsNode] = TypeAdapter(_RcsNode)


def options(faults: Faults, node: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The channel objects in `node`, as Message has them; `prefix` comes before their names. One for another
    channel does no harm and is checked too."""
    found: dict[str, Any] = {}
    for key in ("viber_service", "viber_service_msg"):
        if (viber := node.get(key)) is not None:
            shape = faults.read(_VIBER_NODE, viber, f"{prefix}{key}")
            if shape:
                found["viber"] = ViberOptions.model_validate(shape.model_dump())
    if (messenger := node.get("messenger")) is not None:
        tagged = faults.read(_MESSENGER_NODE, messenger, f"{prefix}messenger")
        if tagged and tagged.category == "message_tag" and tagged.tag is None:
            faults.add(f"{prefix}messenger.tag", "is required when the category is message_tag")
        elif tagged:
            found["messenger"] = MessengerOptions(**tagged.model_dump())
    if (whatsapp := node.get("whatsapp")) is not None:
        local = faults.read(_WHATSAPP_NODE, whatsapp, f"{prefix}whatsapp")
        if local:
            found["whatsapp"] = WhatsAppOptions(**local.model_dump())
    if (sms := node.get("sms")) is not None:
        plain = faults.read(_SMS_NODE, sms, f"{prefix}sms")
        if plain:
            found["sms"] = SmsOptions(
                encoding=plain.encoding_type,
                content_id=plain.content_id,
                entity_id=plain.entity_id,
                pool_id=plain.pool_id,
            )
    if (rcs := node.get("rcs")) is not None:
        rich = faults.read(_RCS_NODE, rcs, f"{prefix}rcs")
        if rich:
            found["rcs"] = RcsOptions(
                category=rich.category,
                orientation=rich.card_orientation,
                image_alignment=rich.image_alignment,
                card_width=rich.card_width,
            )
    return found
