"""What a request of version 1 may hold, and how a refusal names what is wrong."""

from typing import Any

import pytest

from switchboard.errors import InvalidRequest
from switchboard.models import v1
from switchboard.models.messages import (
    CallbackChoice,
    Card,
    Carousel,
    Channel,
    Message,
    Reaction,
    Several,
    Sticker,
    Video,
)
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.payloads import flat

UUID = "0d0f3a34-2f0a-4d5c-8d64-0f5d5a3c2b11"
OTHER = "9e4f2d61-0b7a-4c53-a1d8-3e5c7f9b2a10"
URL = "https://media.example/a.jpg"
REPLY = {"type": "reply", "text": "Yes", "postback_data": "yes"}
SUGGESTIONS = [
    REPLY,
    {"type": "dial", "text": "Call", "postback_data": "c", "phone_number": "447700900200"},
    {
        "type": "view_location",
        "text": "See",
        "postback_data": "v",
        "latitude": "51.5",
        "longitude": "-0.1",
        "pin_label": "Here",
    },
    {"type": "share_location", "text": "Share", "postback_data": "s"},
    {"type": "open_url", "text": "Open", "postback_data": "o", "url": URL, "description": "d"},
    {"type": "open_url_in_webview", "text": "View", "postback_data": "w", "url": URL, "view_mode": "TALL"},
    {
        "type": "create_calendar_event",
        "text": "Note",
        "postback_data": "n",
        "start_time": "2026-12-01T10:00:00Z",
        "end_time": "2026-12-01T11:00:00Z",
        "title": "Parcel",
    },
]
CARD = {"title": "t", "text": "x", "media_url": URL, "media_height": "SHORT", "suggestions": [REPLY]}

ACCEPTED = {
    "sms": flat("sms"),
    "sms options": flat(
        "sms",
        sms={"encoding_type": "unicode", "content_id": "1", "entity_id": "2", "pool_id": "p"},
        ttl=90_000,
    ),
    "sms reference": flat("sms", client_ref="x" * 100),
    "nulls are nothing": flat("sms", client_ref=None, sms={"encoding_type": None}, failover=None, ttl=None),
    "no failover": flat("sms", failover=[]),
    "mms text": flat("mms"),
    "mms image": flat("mms", "image", {"url": URL, "caption": "c"}),
    "mms audio": flat("mms", "audio", {"url": URL}, ttl="600"),
    "mms video": flat("mms", "video", {"url": URL}),
    "mms file": flat("mms", "file", {"url": URL}),
    "mms vcard": flat("mms", "vcard", {"url": URL}),
    "mms several": flat("mms", "content", [{"type": "image", "url": URL}, {"type": "vcard", "url": URL}]),
    "whatsapp quote": flat("whatsapp", context={"message_uuid": OTHER}),
    "whatsapp image": flat("whatsapp", "image", {"url": URL, "caption": "c"}),
    "whatsapp file": flat("whatsapp", "file", {"url": URL, "name": "bill.pdf"}),
    "whatsapp template": flat(
        "whatsapp", "template", {"name": "a:b", "parameters": ["x"]}, whatsapp={"locale": "en_US"}
    ),
    "whatsapp template without parameters": flat("whatsapp", "template", {"name": "a", "parameters": None}),
    "whatsapp location": flat("whatsapp", "location", {"lat": 51.5, "long": -0.1, "name": "Here"}),
    "whatsapp location in full": flat("whatsapp", "location", {"latitude": 51.5, "longitude": -0.1}),
    "whatsapp sticker": flat("whatsapp", "sticker", {"url": URL}),
    "whatsapp sticker by id": flat("whatsapp", "sticker", {"id": "9"}),
    "whatsapp reaction": flat(
        "whatsapp",
        "reaction",
        {"action": "react", "emoji": "\N{THUMBS UP SIGN}"},
        context={"message_uuid": OTHER},
    ),
    "whatsapp custom": flat("whatsapp", "custom", {"type": "interactive", "interactive": {"header": None}}),
    "messenger tagged": flat("messenger", messenger={"category": "message_tag", "tag": "HUMAN_AGENT"}),
    "viber action": flat(
        "viber_service_msg", viber_service={"action": {"url": URL, "text": "Go"}, "ttl": 30}
    ),
    "viber by its other name": flat("viber_service_msg") | {"channel": "viber_service_msg"},
    "viber video": flat(
        "viber_service_msg",
        "video",
        {"url": URL, "thumb_url": URL, "caption": "c"},
        viber_service={"duration": "35", "file_size": "10"},
    ),
    "viber file": flat("viber_service_msg", "file", {"url": URL, "name": "bill.pdf"}),
    "rcs suggestions": flat("rcs", suggestions=SUGGESTIONS, rcs={"category": "transaction"}, ttl=20),
    "rcs card": flat("rcs", "card", CARD, rcs={"card_orientation": "HORIZONTAL", "image_alignment": "LEFT"}),
    "rcs carousel": flat("rcs", "carousel", {"cards": [CARD, CARD]}, rcs={"card_width": "SMALL"}),
    "number as a number": flat("sms") | {"to": 447700900100},
    "named parameters": flat("whatsapp", "template", {"name": "a", "parameters": {"key": "value"}}),
    "a person without a number": flat("whatsapp") | {"to": "US.13491208655302741918"},
    "milliseconds": flat("sms", ttl=900_000),
    "long suggestions": flat("rcs", suggestions=[REPLY | {"text": "Never going to give you up"}]),
    "unknown fields": flat("sms", trusted_recipient=True, x={"y": None}),
}


@pytest.mark.parametrize("request_body", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(request_body: dict[str, Any]) -> None:
    message = v1.message(request_body, UUID)
    # What is stored comes back the same.
    assert Message.model_validate_json(message.model_dump_json(exclude_defaults=True)) == message


def test_it_is_the_same_message_as_in_version_0_1() -> None:
    flat_one = v1.message(flat("viber_service_msg", client_ref="r"), UUID)
    assert flat_one.channel is Channel.VIBER
    assert flat_one.callback == CallbackChoice(default="v1")


def test_what_is_made_of_contents() -> None:
    def content(name: str) -> Any:
        return v1.message(ACCEPTED[name], UUID).content

    assert content("whatsapp sticker by id") == Sticker(type="sticker", id="9")
    assert content("whatsapp reaction") == Reaction(type="reaction", emoji="\N{THUMBS UP SIGN}")
    several = content("mms several")
    assert isinstance(several, Several)
    assert [item.type for item in several.items] == ["image", "vcard"]
    video = content("viber video")
    assert isinstance(video, Video)
    assert (video.thumbnail_url, v1.message(ACCEPTED["viber video"], UUID).viber.duration) == (URL, 35)
    card = content("rcs card")
    assert isinstance(card, Card)
    assert (card.card.media_height, card.card.suggestions[0].postback) == ("short", "yes")
    carousel = content("rcs carousel")
    assert isinstance(carousel, Carousel)
    assert len(carousel.cards) == 2
    kinds = [suggestion.type for suggestion in v1.message(ACCEPTED["rcs suggestions"], UUID).suggestions]
    assert kinds == [
        "reply",
        "dial",
        "view_location",
        "share_location",
        "open_url",
        "open_url",
        "create_calendar_event",
    ]
    assert v1.message(ACCEPTED["whatsapp custom"], UUID).content.model_dump()["custom"]["interactive"] == {
        "header": None
    }
    assert v1.message(ACCEPTED["whatsapp quote"], UUID).reply_to == OTHER
    assert v1.message(ACCEPTED["sms options"], UUID).lifetime == 90_000
    assert v1.message(ACCEPTED["milliseconds"], UUID).lifetime == 900
    assert v1.message(ACCEPTED["named parameters"], UUID).content.model_dump()["parameters"] == ("value",)
    assert v1.message(ACCEPTED["a person without a number"], UUID).recipient == "US.13491208655302741918"
    [chip] = v1.message(ACCEPTED["long suggestions"], UUID).suggestions
    assert chip.text == "Never going to give you \N{HORIZONTAL ELLIPSIS}"


REFUSED: dict[str, tuple[Any, set[str], str]] = {
    "not an object": ([], {"body"}, "1150"),
    "empty": ({}, {"channel", "from", "to", "message_type"}, "1150"),
    "unknown channel": (flat("sms") | {"channel": "fax"}, {"channel"}, "1100"),
    "channel of another kind": (flat("sms") | {"channel": ["sms"]}, {"channel"}, "1100"),
    "no recipient": (flat("sms") | {"to": None}, {"to"}, "1150"),
    "national number": (flat("sms") | {"to": "07700900100"}, {"to"}, "1130"),
    "whatsapp from a name": (flat("whatsapp") | {"from": "Acme"}, {"from"}, "1120"),
    "sender too long": (flat("messenger") | {"from": "x" * 51}, {"from"}, "1120"),
    "type that the channel has not": (flat("sms", "image", {"url": URL}), {"message_type"}, "1140"),
    "unknown type": (flat("sms", "fax", {}), {"message_type"}, "1140"),
    "no content": (flat("sms") | {"text": None}, {"text"}, "1150"),
    "text too long": (flat("sms", "text", "x" * 3201), {"text"}, "1150"),
    "image without address": (flat("mms", "image", {}), {"image.url"}, "1150"),
    "no web address": (flat("mms", "image", {"url": "ftp://x"}), {"image.url"}, "1150"),
    "reference too long": (flat("sms", client_ref="x" * 101), {"client_ref"}, "1060"),
    "category": (flat("messenger", messenger={"category": "x"}), {"messenger.category"}, "1110"),
    "tag": (flat("messenger", messenger={"category": "message_tag"}), {"messenger.tag"}, "1110"),
    "viber action": (
        flat("viber_service_msg", viber_service={"action": {"url": URL, "text": "x" * 31}}),
        {"viber_service.action.text"},
        "1110",
    ),
    "webhook": (
        flat("sms", webhook_url="nowhere", webhook_version="v2"),
        {"webhook_url", "webhook_version"},
        "1150",
    ),
    "ttl": (flat("sms", ttl=0), {"ttl"}, "1150"),
    "sticker twice": (flat("whatsapp", "sticker", {"url": URL, "id": "9"}), {"sticker"}, "1150"),
    "reaction to nothing": (
        flat("whatsapp", "reaction", {"action": "react", "emoji": "x"}),
        {"context"},
        "1150",
    ),
    "reaction of nothing": (
        flat("whatsapp", "reaction", {"action": "react"}, context={"message_uuid": OTHER}),
        {"reaction.emoji"},
        "1150",
    ),
    "one card is no carousel": (flat("rcs", "carousel", {"cards": [CARD]}), {"carousel.cards"}, "1150"),
    "suggestion lacks its own": (
        flat("rcs", suggestions=[REPLY, {"type": "dial", "text": "x", "postback_data": "y"}]),
        {"suggestions[1].phone_number"},
        "1150",
    ),
    "failover of another kind": (flat("sms", failover="sms"), {"failover"}, "1150"),
    "every fault of a failover": (
        flat("sms", failover=[flat("mms"), {"channel": "fax"}, "x"]) | {"to": "1"},
        {
            "to",
            "failover[1].channel",
            "failover[1].from",
            "failover[1].to",
            "failover[1].message_type",
            "failover[2]",
        },
        "1150",
    ),
    "failover in failover": (
        flat("sms", failover=[flat("sms", failover=[flat("sms")])]),
        {"failover[0].failover"},
        "1150",
    ),
    "condition without time": (
        flat("sms", condition_status="read", failover=[flat("sms")]),
        {"expiry_time"},
        "1150",
    ),
    "no such condition": (
        flat("sms", failover=[flat("sms", expiry_time=0, condition_status="submitted")]),
        {"failover[0].expiry_time", "failover[0].condition_status"},
        "1150",
    ),
}


@pytest.mark.parametrize(("body", "names", "anchor"), REFUSED.values(), ids=REFUSED)
def test_refused(flow: Flow, body: Any, names: set[str], anchor: str) -> None:
    status, answer = flow.cloud.http("send", "POST", "/v1/messages", body, flow.app["bearer"])
    assert (status, answer["type"].partition("#")[2]) == (422, anchor)
    assert {fault["name"] for fault in answer["invalid_parameters"]} == names
    assert len(answer["instance"]) == 32
    assert answer["title"]
    assert answer["detail"]


def test_broken_json(flow: Flow) -> None:
    status, answer = flow.cloud.http("send", "POST", "/v1/messages", "{", flow.app["bearer"])
    assert (status, answer["title"]) == (422, "The request body did not contain valid JSON")
    assert answer["type"].endswith("#invalid-json")


def test_deep_bodies_are_bounded(flow: Flow) -> None:
    body = "{" + '"x":' + "[" * 400 + "]" * 400 + "}"
    status, answer = flow.cloud.http("send", "POST", "/v1/messages", body, flow.app["bearer"])
    assert (status, answer["title"]) == (422, "Invalid params")


def test_steps_of_a_failover() -> None:
    body = flat(
        "messenger",
        expiry_time="60",
        condition_status="read",
        failover=[flat("viber_service_msg", client_ref="b"), flat("sms", ttl=30, expiry_time=90)],
    )
    first, second, third = v1.workflow(body, UUID)
    assert (first.condition, first.seconds, first.message.lifetime) == ("read", 60, 60)
    assert (second.condition, second.seconds, second.message.lifetime) == (None, None, None)
    assert (third.condition, third.seconds, third.message.lifetime) == ("delivered", 90, 30)
    assert second.message.client_ref == "b"
    assert len({step.message.message_uuid for step in (first, second, third)}) == 3


def test_a_wrong_template_is_named_where_it_is(flow: Flow) -> None:
    with pytest.raises(InvalidRequest) as refused:
        v1.workflow(flat("sms", failover=[flat("whatsapp", "template", {})]), UUID)
    assert [fault.name for fault in refused.value.faults] == ["failover[0].template.name"]


def test_without_credentials(flow: Flow) -> None:
    assert flow.cloud.http("send", "POST", "/v1/messages", flat("sms"))[0] == 401
    assert flow.cloud.http("send", "POST", "/v1/messages/", flat("sms"), payloads.basic())[0] == 202
