"""The messages and webhooks of docs/openapi.py, in both versions, from the table of channels."""

from typing import Any

from docs.openapi_shapes import TEXT, URL, UUID, Schema, array, either, integer, obj, one_of, ref, text
from switchboard.channels import CHANNELS, V1_NAMES, Capability
from switchboard.models.messages import Channel
from switchboard.models.v01 import LONGEST_REF as LONGEST_REF_V01
from switchboard.models.v1 import LONGEST_FAILOVER
from switchboard.models.v1 import LONGEST_REF as LONGEST_REF_V1
from switchboard.timeline import Reason, State

NUMBER = text(7, 15, "^[1-9][0-9]{6,14}$")
IDENTIFIER = text(1, 50, "^[A-Za-z0-9]")
LOCALE = text(2, 12, "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})?$")
SOME = text(1, 200)
MOMENT: Schema = {"type": "string", "format": "date-time"}
LAT: Schema = {"type": "number", "minimum": -90, "maximum": 90}
LONG: Schema = {"type": "number", "minimum": -180, "maximum": 180}
FLAG: Schema = {"type": "boolean"}
AMOUNT: Schema = either(
    text(1, 14, r"^[0-9]{1,6}(\.[0-9]{1,6})?$"), {"type": "number", "minimum": 0, "maximum": 1_000_000}
)
"""In the account's currency."""
ITEMS = ("image", "audio", "video", "file", "vcard")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _named(channel: Channel, version: str) -> str:
    return V1_NAMES.get(channel, channel.value) if version == "v1" else channel.value


# --- contents ------------------------------------------------------------------------------------


def _media(**more: Schema) -> Schema:
    return obj({"url": URL}, {"caption": SOME, **more})


def _suggestions() -> dict[str, Schema]:
    shown = {"text": text(1, 25), "postback_data": text(1, 2048)}
    kinds: dict[str, tuple[dict[str, Schema], dict[str, Schema]]] = {
        "reply": ({}, {}),
        "dial": ({"phone_number": NUMBER}, {"fallback_url": URL}),
        "view_location": ({"latitude": LAT, "longitude": LONG}, {"pin_label": SOME, "fallback_url": URL}),
        "share_location": ({}, {}),
        "open_url": ({"url": URL}, {"description": text(0, 500)}),
        "open_url_in_webview": (
            {"url": URL},
            {"description": text(0, 500), "view_mode": {"enum": ["full", "tall", "half"]}},
        ),
        "create_calendar_event": (
            {"start_time": MOMENT, "end_time": MOMENT, "title": text(1, 100)},
            {"description": text(0, 500), "fallback_url": URL},
        ),
    }
    shapes = {
        f"Suggestion{_camel(kind)}": obj({"type": {"const": kind}, **shown, **needed}, more)
        for kind, (needed, more) in kinds.items()
    }
    values = dict(zip(kinds, shapes, strict=True))
    return {"Suggestion": one_of(list(shapes), "type", **values), **shapes}


CONTENT_NODES: dict[str, Schema] = {
    "Media": _media(),
    "Video": _media(thumb_url=URL),
    "File": _media(name=text(1, 25)),
    "Several": array(
        one_of(
            [f"Item{_camel(kind)}" for kind in ITEMS],
            "type",
            **{kind: f"Item{_camel(kind)}" for kind in ITEMS},
        ),
        1,
        10,
    ),
    **{
        f"Item{_camel(kind)}": obj({"type": {"const": kind}, "url": URL}, {"caption": SOME}) for kind in ITEMS
    },
    "Sticker": {
        "oneOf": [
            obj({"url": URL}, additionalProperties=False),
            obj({"id": SOME}, additionalProperties=False),
        ]
    },
    "Reaction": {
        "oneOf": [
            obj({"action": {"const": "react"}, "emoji": text(1, 20)}),
            obj({"action": {"const": "unreact"}}),
        ]
    },
    "TemplateContent": obj(
        {"name": SOME},
        {
            "parameters": array(either(TEXT, obj({"default": TEXT}, additionalProperties=False)), most=20)
            | {"description": "The first fills `{{1}}`. The older form of one is an object."}
        },
    ),
    "Location": obj({"lat": LAT, "long": LONG}, {"name": SOME, "address": SOME}),
    "Custom": {
        "type": "object",
        "minProperties": 1,
        "description": "Passed to the provider as it is, beside the addressing that we add.",
    },
    "Card": obj(
        {"title": SOME, "text": text(1, 2000), "media_url": URL},
        {
            "media_description": TEXT,
            "media_height": {"enum": ["short", "medium", "tall"]},
            "thumbnail_url": URL,
            "media_force_refresh": FLAG,
            "suggestions": array(ref("schemas", "Suggestion"), most=4),
        },
    ),
    "Carousel": obj({"cards": array(ref("schemas", "Card"), 2, 10)}),
    **_suggestions(),
    # What goes with a message.
    "Context": obj({"message_uuid": UUID}),
    "ViberOptions": obj(
        {},
        {
            "category": {"enum": ["transaction", "promotion"]},
            "ttl": integer(30, 259_200),
            "type": TEXT,
            "action": obj({"url": URL, "text": text(1, 30)}),
            "duration": either(integer(1, 600), text(1, 3, "^[1-9][0-9]?$")),
            "file_size": either(integer(1, 200), text(1, 3, "^[1-9][0-9]?$")),
        },
    ),
    "MessengerOptions": {
        "oneOf": [
            obj({}, {"category": {"enum": ["response", "update"]}, "tag": SOME}),
            obj({"category": {"const": "message_tag"}, "tag": SOME}),
        ]
    },
    "WhatsappOptions": obj(
        {},
        {
            "policy": {"enum": ["deterministic", "fallback"]},
            "locale": LOCALE,
            "template_fallback": obj({"name": SOME}, {"parameters": array(TEXT, most=20), "locale": LOCALE})
            | {"description": "Ours: goes out instead while the person's window is closed."},
        },
    ),
    "SmsOptions": obj(
        {},
        {
            "encoding_type": {"enum": ["auto", "text", "unicode"]},
            "content_id": SOME,
            "entity_id": SOME,
            "pool_id": SOME,
        },
    ),
    "RcsOptions": obj(
        {},
        {
            "category": {
                "enum": ["acknowledgement", "authentication", "promotion", "service-request", "transaction"]
            },
            "card_orientation": {"enum": ["VERTICAL", "HORIZONTAL"]},
            "image_alignment": {"enum": ["LEFT", "RIGHT"]},
            "card_width": {"enum": ["SMALL", "MEDIUM"]},
        },
    ),
}
_NODE_OF = {
    **dict.fromkeys(("image", "audio", "vcard"), "Media"),
    **{name: _camel(name) for name in ("video", "file", "sticker", "reaction", "location")},
    "template": "TemplateContent",
    **{name: _camel(name) for name in ("custom", "card", "carousel")},
    "content": "Several",
}
_OPTIONS = {
    Channel.SMS: ("sms", "SmsOptions"),
    Channel.WHATSAPP: ("whatsapp", "WhatsappOptions"),
    Channel.MESSENGER: ("messenger", "MessengerOptions"),
    Channel.VIBER: ("viber_service", "ViberOptions"),
    Channel.RCS: ("rcs", "RcsOptions"),
}


def _node(kind: str, capability: Capability) -> Schema:
    return text(1, capability.text) if kind == "text" else ref("schemas", _NODE_OF[kind])


def _end(channel: Channel, end: str) -> tuple[str, Schema]:
    """The name of an end's identifier, and its shape."""
    capability = CHANNELS[channel]
    kind = capability.sender if end == "from" else capability.recipient
    is_number = kind == "number" and (end == "to" or channel is Channel.WHATSAPP)
    return kind, NUMBER if is_number else IDENTIFIER


def _extras(longest_ref: int) -> dict[str, Schema]:
    return {
        "client_ref": text(1, longest_ref),
        "context": ref("schemas", "Context"),
        "suggestions": array(ref("schemas", "Suggestion"), most=11),
        "priority": {"enum": ["normal", "high"], "description": "Ours: `high` overtakes."},
        "max_price": AMOUNT | {"description": "Ours: it is not handed over if it can cost more."},
    }


# --- version 0.1 ---------------------------------------------------------------------------------


def _content_v01(channel: Channel) -> dict[str, Schema]:
    capability = CHANNELS[channel]
    prefix = f"{_camel(channel)}ContentV01"
    shapes = {
        f"{prefix}{_camel(kind)}": obj({"type": {"const": kind}, kind: _node(kind, capability)})
        for kind in capability.types
    }
    return {
        prefix: one_of(list(shapes), "type", **dict(zip(capability.types, shapes, strict=True))),
        **shapes,
    }


def _message_v01(channel: Channel) -> Schema:
    ends = {}
    for end in ("from", "to"):
        kind, identifier = _end(channel, end)
        ends[end] = obj({"type": {"const": channel.value}, kind: identifier})
    name, shape = _OPTIONS.get(channel, ("", ""))
    name = "viber_service_msg" if channel is Channel.VIBER else name
    options = {name: ref("schemas", shape)} if name else {}
    content = {"content": ref("schemas", f"{_camel(channel)}ContentV01")}
    reaction = {"properties": {"content": {"properties": {"type": {"const": "reaction"}}}}}
    condition: Schema = {}
    if "reaction" in CHANNELS[channel].types:
        condition = {"if": {"properties": {"message": reaction}}, "then": {"required": ["context"]}}
    return obj({**ends, "message": obj(content, options)}, _extras(LONGEST_REF_V01), **condition)


def _messages_v01() -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for channel in CHANNELS:
        found |= {f"{_camel(channel)}MessageV01": _message_v01(channel)} | _content_v01(channel)
    return found


# --- version 1 -----------------------------------------------------------------------------------


def _message_v1(channel: Channel) -> Schema:
    capability = CHANNELS[channel]
    name, shape = _OPTIONS.get(channel, ("", ""))
    return obj(
        {
            "channel": {"const": _named(channel, "v1")},
            "message_type": {"enum": list(capability.types)},
            "to": _end(channel, "to")[1],
            "from": _end(channel, "from")[1],
        },
        {
            **{kind: _node(kind, capability) for kind in capability.types},
            **({name: ref("schemas", shape)} if name else {}),
            **_extras(LONGEST_REF_V1),
            "ttl": integer(1, 604_800) | {"description": "Seconds."},
            "webhook_url": URL | {"description": "Where this message's statuses go."},
            "webhook_version": {"enum": ["v0.1", "v1"]},
        },
        oneOf=[
            {
                "properties": {"message_type": {"const": kind}},
                "required": [kind, "context"] if kind == "reaction" else [kind],
            }
            for kind in capability.types
        ],
    )


def _messages_v1() -> dict[str, Schema]:
    return {f"{_camel(channel)}MessageV1": _message_v1(channel) for channel in CHANNELS}


_V1 = list(_messages_v1())
_V1_VALUES = {_named(channel, "v1"): name for channel, name in zip(CHANNELS, _V1, strict=True)}
_CONDITION: dict[str, Schema] = {
    "condition_status": {"enum": ["delivered", "read"]},
    "expiry_time": integer(1, 604_800),
}

MESSAGES: dict[str, Schema] = {
    "MessageV01": {"oneOf": [ref("schemas", f"{_camel(channel)}MessageV01") for channel in CHANNELS]},
    **_messages_v01(),
    "Dispatch": obj(
        {
            "template": {"const": "failover"},
            "workflow": {
                "type": "array",
                "minItems": 1,
                "items": ref("schemas", "Step"),
                "description": "Every step but the last has `failover`.",
            },
        },
        {"max_price": AMOUNT | {"description": "Ours: of all steps together."}},
    ),
    "Step": {
        "allOf": [
            ref("schemas", "MessageV01"),
            obj(
                {},
                {
                    "failover": obj(
                        {
                            "expiry_time": _CONDITION["expiry_time"] | {"description": "Seconds."},
                            "condition_status": _CONDITION["condition_status"],
                        }
                    )
                },
            ),
        ]
    },
    "MessageV1": {
        "allOf": [
            ref("schemas", "OneMessageV1"),
            obj({}, {"failover": array(ref("schemas", "OneMessageV1"), most=LONGEST_FAILOVER)}),
        ]
    },
    "OneMessageV1": one_of(_V1, "channel", **_V1_VALUES)
    | {
        "properties": {
            "expiry_time": _CONDITION["expiry_time"]
            | {"description": "Ours, in a failover: the seconds after which the next one goes out."},
            "condition_status": _CONDITION["condition_status"]
            | {"description": "Ours, in a failover: what has to come in that time."},
        },
        "dependentRequired": {"condition_status": ["expiry_time"]},
    },
    **_messages_v1(),
}

# --- webhooks ------------------------------------------------------------------------------------

STATUSES = ["submitted", "delivered", "read", "rejected", "undeliverable"]
_USAGE = obj({"price": text(1, 40, r"^-?[0-9.]+$"), "currency": text(3, 3)})
_PARTS = obj({"count_total": text(1, 5, "^[0-9]+$")})
_CHANNELS_V01: Schema = {"enum": [channel.value for channel in CHANNELS]}
_CHANNELS_V1: Schema = {"enum": [_named(channel, "v1") for channel in CHANNELS]}
_PARTY = obj({"type": _CHANNELS_V01}, {"number": TEXT, "id": TEXT})
_ERROR_V01 = obj({"code": ref("schemas", "ErrorCode"), "reason": TEXT})
_ERROR_V1 = obj({"type": URL, "title": TEXT, "detail": TEXT, "instance": TEXT})
_FILE = obj({}, {"url": URL, "caption": TEXT})
_MARK: Schema = {"const": "inbound"}


def _kinds(member: str, kinds: dict[str, Schema | None]) -> list[Schema]:
    return [
        obj({member: {"const": kind}, **({kind: shape} if shape is not None else {})})
        for kind, shape in kinds.items()
    ]


WEBHOOK_BODIES: dict[str, Schema] = {
    "StatusV01": obj(
        {
            "message_uuid": UUID,
            "to": _PARTY,
            "from": _PARTY,
            "timestamp": MOMENT,
            "status": {"enum": STATUSES},
        },
        {
            "usage": _USAGE,
            "sms": _PARTS,
            "client_ref": TEXT,
            "error": _ERROR_V01,
            "_links": obj({"workflow": obj({"dispatch_uuid": UUID, "href": TEXT})}),
        },
    ),
    "StatusV1": obj(
        {
            "message_uuid": UUID,
            "to": TEXT,
            "from": TEXT,
            "timestamp": MOMENT,
            "status": {"enum": STATUSES},
            "channel": _CHANNELS_V1,
        },
        {
            "usage": _USAGE,
            "sms": _PARTS,
            "client_ref": TEXT,
            "error": _ERROR_V1,
            "workflow": obj({"workflow_id": UUID, "items_number": TEXT, "items_total": TEXT}),
        },
    ),
    "InboundV01": obj(
        {
            "message_uuid": UUID,
            "to": _PARTY,
            "from": _PARTY,
            "timestamp": MOMENT,
            "direction": _MARK,
            "message": obj(
                {
                    "content": {
                        "oneOf": _kinds(
                            "type",
                            {
                                "text": TEXT,
                                **dict.fromkeys(ITEMS, _FILE),
                                "location": obj(
                                    {"lat": TEXT, "long": TEXT}, {"name": TEXT, "address": TEXT, "url": TEXT}
                                ),
                                "unsupported": None,
                            },
                        )
                    }
                }
            ),
        },
        {"error": _ERROR_V01 | {"description": "Ours: why a file could not be had."}},
    ),
    "InboundV1": obj(
        {
            "channel": _CHANNELS_V1,
            "message_uuid": UUID,
            "to": TEXT,
            "from": TEXT,
            "timestamp": MOMENT,
            "message_type": TEXT,
        },
        {
            "sms": obj({"num_messages": TEXT, "keyword": TEXT}, {"total_count": TEXT}),
            "profile": obj({"name": TEXT}),
            "context_status": {"enum": ["available", "unavailable", "none"]},
            "context": obj(
                {},
                {
                    "message_uuid": UUID,
                    "message_from": TEXT,
                    "whatsapp_referred_product": obj({"catalog_id": TEXT, "product_retailer_id": TEXT}),
                },
            ),
            "error": _ERROR_V1,
        },
        oneOf=_kinds(
            "message_type",
            {
                "text": TEXT,
                **dict.fromkeys(ITEMS, _FILE),
                "sticker": obj({}, {"url": URL, "id": TEXT}),
                "location": obj(
                    {"lat": {"type": "number"}, "long": {"type": "number"}},
                    {"name": TEXT, "address": TEXT, "url": TEXT},
                ),
                "reply": obj({"id": TEXT, "title": TEXT}, {"description": TEXT}),
                "button": obj({"payload": TEXT, "text": TEXT}),
                "reaction": obj({"action": {"enum": ["react", "unreact"]}}, {"emoji": TEXT}),
                "order": obj(
                    {
                        "catalog_id": TEXT,
                        "product_items": array(
                            obj(
                                {
                                    "product_retailer_id": TEXT,
                                    "quantity": TEXT,
                                    "item_price": TEXT,
                                    "currency": TEXT,
                                }
                            )
                        ),
                    },
                    {"text": TEXT},
                ),
                "contact": obj({"contacts": array({"type": "object"})}),
                "unsupported": None,
            },
        ),
    ),
    "Report": obj(
        {
            "dispatch_uuid": UUID,
            "template": {"const": "failover"},
            "status": {"enum": ["completed", "error", "cancelled"]},
            "timestamp": MOMENT,
            "usage": _USAGE,
            "_links": obj(
                {
                    "messages": array(
                        obj(
                            {
                                "message_uuid": UUID,
                                "href": TEXT,
                                "channel": _CHANNELS_V01,
                                "status": {"enum": ["accepted", *STATUSES]},
                            },
                            {"usage": _USAGE, "late": FLAG},
                        )
                    )
                }
            ),
        },
        {"reason": TEXT | {"description": "Ours: why it ended in error."}},
    ),
}
_MOMENT_OR_NONE = either(MOMENT, {"type": "null"})
_USAGE_STATE: Schema = {
    "enum": ["known", "so_far", "unknown"],
    "description": "Of `usage`, which is what all steps have cost by now: `so_far` while it can become more, "
    "`unknown` if something arrived at a price that nobody knows. No `usage`: no price is known yet.",
}
_RANGE = obj(
    {
        "floor": {"type": ["string", "null"]} | {"description": "Null where nobody knows."},
        "ceiling": {"type": ["string", "null"]},
        "currency": TEXT,
    }
)
_SHOWN = obj({"statuses": {"type": "object", "additionalProperties": MOMENT}})


def _shown(version: str) -> Schema:
    """A message as it is now may be one that is still with us."""
    body = WEBHOOK_BODIES[f"Status{version}"]
    status = {"enum": ["accepted", *STATUSES]}
    return {
        **body,
        "required": [*body["required"], "statuses"],
        "properties": {**body["properties"], "status": status, **_SHOWN["properties"]},
    }


def _listed_message() -> Schema:
    """And whose it is."""
    body = _shown("V01")
    more = {"application_id": either(TEXT, {"type": "null"}), "accepted_at": MOMENT}
    return {
        **body,
        "required": [*body["required"], *more],
        "properties": {**body["properties"], **more},
    }


MESSAGES |= {
    "ShownV01": _shown("V01"),
    "ShownV1": _shown("V1"),
    "MessagesPage": obj(
        {"messages": array(_listed_message()), "next": either(TEXT, {"type": "null"})},
    ),
    "DispatchesPage": obj(
        {
            "dispatches": array(
                obj(
                    {
                        "dispatch_uuid": UUID,
                        "application_id": either(TEXT, {"type": "null"}),
                        "status": {"enum": ["running", "completed", "error", "cancelled"]},
                        "timestamp": MOMENT,
                        "step": integer(0),
                        "steps": integer(1),
                        "channels": array(_CHANNELS_V01) | {"description": "Of each step, in their order."},
                        "usage_state": _USAGE_STATE,
                    },
                    {"reason": TEXT, "usage": _USAGE, "ended_at": MOMENT},
                )
            ),
            "next": either(TEXT, {"type": "null"}),
        },
    ),
    "ShownDispatch": obj(
        {
            "dispatch_uuid": UUID,
            "template": {"const": "failover"},
            "status": {"enum": ["running", "completed", "error", "cancelled"]},
            "timestamp": MOMENT,
            "step": integer(0),
            "usage_state": _USAGE_STATE,
            "steps": array(
                obj(
                    {
                        "step": integer(0),
                        "message_uuid": UUID,
                        "channel": _CHANNELS_V01,
                        "condition_status": {"enum": ["delivered", "read", None]},
                        "expiry_time": {"type": ["integer", "null"]},
                        "began_at": _MOMENT_OR_NONE,
                        "deadline": _MOMENT_OR_NONE,
                        "ended_at": _MOMENT_OR_NONE,
                        "state": {"enum": [state.value for state in State]},
                        "reason": {"enum": [*(reason.value for reason in Reason), None]}
                        | {"description": "Why it was left, or never began."},
                        "status": {"enum": ["accepted", *STATUSES, None]},
                        **_SHOWN["properties"],
                    },
                    {
                        "usage": _USAGE,
                        "error": _ERROR_V01 | {"description": "With `provider_code`, the provider's own."},
                        "late": FLAG | {"description": "Its condition was met after its time."},
                        "account": TEXT | {"description": "Who took or refused it."},
                        "provider_id": TEXT,
                        "heard": _SHOWN["properties"]["statuses"]
                        | {"description": "When we heard of what `statuses` has by another clock."},
                        "unknown": array(obj({"timestamp": MOMENT, "account": TEXT, "decision": TEXT})),
                    },
                )
            ),
        },
        {
            "usage": _USAGE,
            "report": ref("schemas", "Report")
            | {"description": "As it was sent: what came later is in the steps, and in `usage`."},
            "cancelled_at": MOMENT,
        },
    ),
    "Story": obj(
        {
            "state": TEXT | {"description": "The dispatch's, or the message's status."},
            "summary": TEXT,
            "lines": array(
                obj(
                    {
                        "at": MOMENT,
                        "step": {"type": ["integer", "null"], "minimum": 0},
                        "text": TEXT,
                        "evidence": {
                            "type": "object",
                            "description": "`provider_id` is the end of it only: some have a number in them. "
                            "Where the provider's clock differs from ours, `provider_at` and `heard_at`.",
                        },
                    }
                )
            )
            | {"description": "In the order in which we heard of them."},
        },
        {
            "dispatch_uuid": UUID,
            "message_uuid": UUID,
            "step": integer(0) | {"description": "Of a message: the step of `dispatch_uuid` that it is for."},
            "usage": _USAGE,
            "usage_state": _USAGE_STATE,
        },
    ),
    "Rehearsal": obj(
        {
            "parts": {"type": ["integer", "null"], "minimum": 1},
            "price": _RANGE,
            "timeline": array(
                obj(
                    {
                        "step": integer(0),
                        "earliest": integer(0),
                        "latest": integer(0),
                        "ends_at_latest": integer(0),
                    }
                )
            )
            | {"description": "Seconds after it is accepted."},
            "warnings": array(
                obj(
                    {
                        "step": {"type": ["integer", "null"], "minimum": 0},
                        "code": TEXT,
                        "name": TEXT | {"description": "The field, by its path."},
                        "text": TEXT,
                    }
                )
            ),
            "steps": array(
                obj(
                    {
                        "step": integer(0),
                        "channel": _CHANNELS_V01,
                        "message_type": TEXT,
                        "condition_status": {"enum": ["delivered", "read", None]},
                        "expiry_time": {"type": ["integer", "null"]},
                        "accounts": array(TEXT) | {"description": "In the order in which they are tried."},
                        "parts": {"type": ["integer", "null"], "minimum": 1},
                        "price": _RANGE,
                        "refused": FLAG
                        | {
                            "description": "As things are it would not be handed over, whatever becomes of "
                            "the others."
                        },
                    },
                    {"encoding": {"enum": ["GSM-7", "UCS-2"]}, "units": integer(0)},
                )
            ),
        }
    ),
}


def webhooks() -> dict[str, Any]:
    """What the client is called with, at its status and inbound addresses."""
    told = {
        "statusV01": ("StatusV01", "A message came further (version 0.1)"),
        "statusV1": ("StatusV1", "A message came further (version 1)"),
        "report": ("Report", "A dispatch, or a failover with conditions, is over"),
        "inboundV01": ("InboundV01", "A person wrote (version 0.1)"),
        "inboundV1": ("InboundV1", "A person wrote (version 1)"),
    }
    answers = {
        "2XX": {"description": "Heard."},
        "default": {"description": "Told again: after 5 s, doubling to 15 minutes, for 24 hours."},
    }
    return {
        name: {
            "post": {
                "operationId": name,
                "summary": summary,
                "parameters": [
                    {
                        "name": header,
                        "in": "header",
                        "required": True,
                        "description": what,
                        "schema": TEXT,
                    }
                    for header, what in (
                        ("Switchboard-Event-Id", "The same for every repeat of one event."),
                        ("Authorization", "A signature; see docs/webhooks.md."),
                    )
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": ref("schemas", schema)}},
                },
                "responses": answers,
            }
        }
        for name, (schema, summary) in told.items()
    }
