"""WhatsApp Cloud API."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pywa import WhatsApp, utils
from pywa.types.templates import BodyText, TemplateLanguage

from switchboard.adapters import adapter
from switchboard.adapters.base import Account, Verification
from switchboard.adapters.templates import KeepsTemplates, Template
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    Rejected,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Failure, Hook, Inbound, Product, Quoted, Receipt, TemplateNews, Usage
from switchboard.models.messages import Channel, InboundContent, Status
from tests.adapters.cases import (
    META_SETTINGS,
    RECEIVED,
    UUID,
    Failed,
    Json,
    Provider,
    Receive,
    Send,
    at,
    came,
    content,
    fixture,
    known,
    label,
    meta_forged,
    meta_hook,
    received,
    sent,
    text_message,
)

NAME = "whatsapp_cloud"


PROVIDER = Provider(
    settings={
        **META_SETTINGS,
        "phone_numbers": {"442079460123": "208114755012345"},
        "waba_id": "331200987654321",
    },
    message=text_message(Channel.WHATSAPP, "442079460123", "447700900321"),
    signed=meta_hook,
    forged=meta_forged,
    batch="batch",
    events=4,
    unknown={
        "entry": [
            {
                "changes": [
                    {
                        "field": "messages",
                        "value": {
                            "statuses": [
                                {
                                    "id": "wamid.OUT1",
                                    "status": "telepathy",
                                    "timestamp": "1795600000",
                                    "biz_opaque_callback_data": UUID,
                                }
                            ]
                        },
                    }
                ]
            }
        ]
    },
    secret="app_secret",
)
URL = "https://graph.facebook.com/v26.0/208114755012345/messages"
ADDRESSING = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": "447700900321",
    "biz_opaque_callback_data": UUID,
}
PICTURE = "https://shop.example/pictures/door.jpg"
STICKER = "https://shop.example/wave.webp"


def body(kind: str, **members: Any) -> dict[str, Any]:
    return {**ADDRESSING, "type": kind, kind: members}


CUSTOMS: Mapping[str, Any] = {
    "sticker": {"link": STICKER},
    "interactive": {
        "type": "button",
        "body": {"text": "Keep it?"},
        "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]},
    },
    "contacts": [{"name": {"formatted_name": "Ann", "first_name": "Ann"}}],
    "template with a picture and buttons": {
        "name": "parcel_seen",
        "language": {"code": "en_GB"},
        "components": [
            {"type": "header", "parameters": [{"type": "image", "image": {"link": PICTURE}}]},
            {"type": "body", "parameters": [{"type": "text", "text": "Ann"}]},
            {
                "type": "button",
                "sub_type": "quick_reply",
                "index": "0",
                "parameters": [{"type": "payload", "payload": "NO"}],
            },
        ],
    },
}


def refusal(code: int, status: int = 400) -> tuple[int, Mapping[str, Any]]:
    return status, {"error": {"message": "...", "type": "OAuthException", "code": code}}


SENDS = [
    Send("text", body=body("text", body="Your parcel is on its way", preview_url=False), url=URL),
    Send(
        "text with a link shows a preview",
        content("text", text="see https://shop.example/7"),
        body=body("text", body="see https://shop.example/7", preview_url=True),
    ),
    Send(
        "image",
        content("image", url=PICTURE, caption="the door"),
        body=body("image", link=PICTURE, caption="the door"),
    ),
    Send("image without caption", content("image", url=PICTURE), body=body("image", link=PICTURE)),
    Send(
        "audio has no caption",
        content("audio", url="https://shop.example/a.mp3", caption="lost"),
        body=body("audio", link="https://shop.example/a.mp3"),
    ),
    Send(
        "video",
        content("video", url="https://shop.example/v.mp4", caption="film"),
        body=body("video", link="https://shop.example/v.mp4", caption="film"),
    ),
    Send(
        "file is named after its address",
        content("file", url="https://shop.example/f/order%207.pdf?x=/1", caption="order"),
        body=body(
            "document",
            link="https://shop.example/f/order%207.pdf?x=/1",
            caption="order",
            filename="order 7.pdf",
        ),
    ),
    Send(
        "file whose address has no name",
        content("file", url="https://shop.example/"),
        body=body("document", link="https://shop.example/"),
    ),
    Send(
        "file with a name of its own",
        content("file", url="https://shop.example/f/7", name="order 7.pdf"),
        body=body("document", link="https://shop.example/f/7", filename="order 7.pdf"),
    ),
    Send("sticker", content("sticker", url=STICKER), body=body("sticker", link=STICKER)),
    Send("sticker by its id", content("sticker", id="71002"), body=body("sticker", id="71002")),
    Send(
        "reaction",
        content("reaction", emoji="👍"),
        message={"reply_to": "wamid.IN1"},
        body=body("reaction", message_id="wamid.IN1", emoji="👍"),
    ),
    Send(
        "reaction taken back",
        content("reaction", emoji=""),
        message={"reply_to": "wamid.IN1"},
        body=body("reaction", message_id="wamid.IN1", emoji=""),
    ),
    Send(
        "answer to a message",
        message={"reply_to": "wamid.IN1"},
        body=body("text", body="Your parcel is on its way", preview_url=False)
        | {"context": {"message_id": "wamid.IN1"}},
    ),
    Send(
        "custom as an answer to a message",
        content("custom", custom={"type": "interactive", "interactive": CUSTOMS["interactive"]}),
        message={"reply_to": "wamid.IN1"},
        body={
            **ADDRESSING,
            "type": "interactive",
            "interactive": CUSTOMS["interactive"],
            "context": {"message_id": "wamid.IN1"},
        },
    ),
    Send(
        "custom that names the message itself",
        content(
            "custom",
            custom={"type": "text", "text": {"body": "this"}, "context": {"message_id": "wamid.IN9"}},
        ),
        message={"reply_to": "wamid.IN1"},
        body=body("text", body="this") | {"context": {"message_id": "wamid.IN9"}},
    ),
    Send(
        "template",
        content("template", name="3d1a_ns:parcel_sent", parameters=("Ann", "7")),
        message={"whatsapp": {"policy": "fallback", "locale": "en-GB"}},
        body=body(
            "template",
            name="parcel_sent",
            language={"policy": "deterministic", "code": "en_GB"},
            components=[
                {
                    "type": "body",
                    "parameters": [{"type": "text", "text": "Ann"}, {"type": "text", "text": "7"}],
                }
            ],
        ),
    ),
    Send(
        "template without locale, namespace or parameters",
        content("template", name="hello"),
        body=body("template", name="hello", language={"policy": "deterministic", "code": "en"}),
    ),
    Send(
        "location",
        content(
            "location", latitude=51.5045, longitude=-0.0865, name="The office", address="1 Bridge Street"
        ),
        body=body(
            "location", latitude=51.5045, longitude=-0.0865, name="The office", address="1 Bridge Street"
        ),
    ),
    Send(
        "location without words, and an address is no part of it",
        content("location", latitude=0, longitude=0, url="https://maps.example/1"),
        body=body("location", latitude=0.0, longitude=0.0),
    ),
    *(
        Send(
            f"custom {name}",
            content("custom", custom={"type": name.split()[0], name.split()[0]: members}),
            body={**ADDRESSING, "type": name.split()[0], name.split()[0]: members},
        )
        for name, members in CUSTOMS.items()
    ),
    Send(
        "custom goes beside the addressing",
        content("custom", custom={"type": "contacts", "contacts": [{"name": {"first_name": "Ann"}}]}),
        body=body("contacts") | {"contacts": [{"name": {"first_name": "Ann"}}]},
    ),
    Send(
        "custom cannot send to somebody else",
        content(
            "custom",
            custom={
                "type": "reaction",
                "reaction": {"message_id": "wamid.1", "emoji": "👍"},
                "to": "15550001111",
                "recipient": "US.1",
                "biz_opaque_callback_data": "x",
            },
        ),
        body=body("reaction", message_id="wamid.1", emoji="👍"),
    ),
    Send(
        "recipient known by user id only",
        message={"recipient": "GB.77001122334455"},
        body={
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "recipient": "GB.77001122334455",
            "biz_opaque_callback_data": UUID,
            "type": "text",
            "text": {"body": "Your parcel is on its way", "preview_url": False},
        },
    ),
    Send(
        "sender without a phone number id is one",
        message={"sender": "5550199"},
        url="https://graph.facebook.com/v26.0/5550199/messages",
    ),
    Send(
        "own base address",
        settings={"base_url": "http://127.0.0.1:4801/meta/v27.0/"},
        url="http://127.0.0.1:4801/meta/v27.0/208114755012345/messages",
    ),
]


@pytest.mark.parametrize("case", SENDS, ids=label)
def test_sends(case: Send) -> None:
    request = sent(NAME, Send(**{**vars(case), "id": "wamid.OUT1"}))
    assert request
    assert request.headers["authorization"] == "Bearer EAAB-page-or-system-token"


REFUSALS: list[tuple[int, Failed, int]] = [
    (131026, Unreachable, 1300),
    (131047, Rejected, 1340),
    (131050, Rejected, 1240),
    (131053, Rejected, 1380),
    (131021, Rejected, 1170),
    (131051, Rejected, 1040),
    (131052, Rejected, 1380),
    (132000, Rejected, 1022),
    (132001, Rejected, 1022),
    (132015, Rejected, 1022),
    (132068, Rejected, 1022),
    (137000, Rejected, 1020),
    (100, Rejected, 1020),
    (4, Throttled, 1000),
    (130429, Throttled, 1000),
    (80007, Throttled, 1000),
    (80008, Throttled, 1000),
    (132069, Throttled, 1000),
    (1, Unavailable, 1331),
    (2, Unavailable, 1331),
    (131000, Unavailable, 1331),
    (131016, Unavailable, 1331),
    (131057, Unavailable, 1331),
    (133004, Unavailable, 1331),
    (135000, Unavailable, 1331),
    (0, ConfigurationError, 1370),
    (3, ConfigurationError, 1370),
    (10, ConfigurationError, 1370),
    (33, ConfigurationError, 1120),
    (190, ConfigurationError, 1370),
    (200, ConfigurationError, 1370),
    (299, ConfigurationError, 1370),
    (368, ConfigurationError, 1140),
    (130472, Unreachable, 1260),
    (130497, ConfigurationError, 1140),
    (131005, ConfigurationError, 1370),
    (131030, ConfigurationError, 1160),
    (131031, ConfigurationError, 1140),
    (131037, ConfigurationError, 1120),
    (131042, ConfigurationError, 1070),
    (131045, ConfigurationError, 1120),
    (999999, Rejected, 1020),
]


@pytest.mark.parametrize(("code", "error", "ours"), REFUSALS, ids=lambda value: str(value))
def test_refusals(code: int, error: Failed, ours: int) -> None:
    sent(NAME, Send("", reply=refusal(code), raises=error, code=ours, provider_code=str(code)))


FAILURES = [
    Send("reaction to nothing", content("reaction", emoji="👍"), raises=Rejected, code=1020),
    Send(
        "several at once",
        content("content", items=[{"type": "image", "url": PICTURE}]),
        raises=Rejected,
        code=1140,
    ),
    Send("pair limit names its pause", reply=(400, "refused"), raises=Throttled, code=1000, retry_after=6),
    Send(
        "an undelivered limit lasts too", reply=refusal(131064), raises=Throttled, code=1210, retry_after=3600
    ),
    Send(
        "no such phone number",
        reply=(400, {"error": {"code": 100, "error_subcode": 33}}),
        raises=ConfigurationError,
        code=1120,
        provider_code="100/33",
    ),
    Send("spam limit lasts", reply=refusal(131048), raises=Throttled, code=1210, retry_after=3600),
    Send("code wins over the HTTP status", reply=refusal(131026, 500), raises=Unreachable, code=1300),
    Send("no code, HTTP status decides", reply=(503, b"<html>"), raises=Unavailable, code=1331),
    Send("answer without an id", reply=(200, {"messages": [{}]}), raises=Unanswered, code=1331),
    Send("vcard", content("vcard", url="https://shop.example/a.vcf"), raises=Rejected, code=1140),
    Send("no token", settings={"access_token": " "}, raises=ConfigurationError, code=1370),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, case)


def test_a_line_end_pasted_after_the_token_does_no_harm() -> None:
    request = sent(NAME, Send("", settings={"access_token": "token\n"}, id="wamid.OUT1"))
    assert request
    assert request.headers["authorization"] == "Bearer token"


# --- callbacks -------------------------------------------------------------------------------------


def receipt(status: Status | None, seconds: int, **members: Any) -> Receipt:
    return Receipt(status, {}, message_uuid=UUID, provider_id="wamid.OUT1", at=at(seconds), **members)


def inbound(number: int, what: InboundContent, **members: Any) -> Inbound:
    values = {
        "channel": Channel.WHATSAPP,
        "provider_id": f"wamid.IN{number}",
        "sender": "447700900321",
        "recipient": "442079460123",
        "at": at(1795600100),
        "content": what,
        "raw": {},
        "profile": "Ann Example",
    }
    return Inbound(**values | members)  # type: ignore[arg-type]


def graph(media_id: int) -> str:
    return f"https://graph.facebook.com/v26.0/{media_id}"


def news(name: str, status: str, template_id: str, reason: str = "") -> TemplateNews:
    return TemplateNews(name, "en_GB", status, {}, template_id, reason)


BY_ADDRESS = {
    "metadata": {"display_phone_number": "442079460123"},
    "messages": [
        {
            "from": "447700900321",
            "id": "wamid.IN51",
            "timestamp": "1795600100",
            "type": "image",
            "image": {"url": "https://lookaside.example/1"},
        }
    ],
}


def oddly(number: int, kind: str, body: object, **members: Any) -> Json:
    usual = {"from": "447700900321", "id": f"wamid.IN{number}", "timestamp": "1795600100"}
    return {**usual, "type": kind, kind: body, **members}


PRODUCT = {"catalog_id": "88", "product_retailer_id": "lamp"}
ODDLY = {
    "metadata": {"display_phone_number": "442079460123"},
    "messages": [
        oddly(
            61,
            "text",
            {"body": "Is it blue?"},
            context={"from": "442079460123", "id": "wamid.OUT2", "referred_product": PRODUCT},
        ),
        oddly(62, "reaction", {"message_id": "wamid.OUT1"}),
        oddly(63, "text", {"body": "look"}, context={"forwarded": True}),
        oddly(64, "button", {}),
        oddly(65, "order", {"text": "of no catalogue"}),
        oddly(66, "contacts", []),
        oddly(67, "sticker", {"animated": True}),
    ],
}
LAMPS = {"retailer_id": "lamp", "quantity": "2", "price": "9.5", "currency": "GBP"}
BOB = {
    "name": {"formatted_name": "Bob Example", "first_name": "Bob"},
    "phones": [{"phone": "+44 7700 900555", "type": "CELL"}],
}
UNSUPPORTED = came("unsupported")
RECEIVES = [
    Receive(
        "statuses",
        "statuses",
        [
            receipt(Status.SUBMITTED, 1795600000, category="utility"),
            receipt(Status.DELIVERED, 1795600004, usage=Usage(Decimal(0), "EUR"), category="free"),
            receipt(Status.READ, 1795600009),
        ],
    ),
    Receive(
        "failed later",
        "failed",
        [receipt(Status.UNDELIVERABLE, 1795600000, failure=Failure(1300, "131026"))],
    ),
    Receive(
        "every kind of inbound message",
        "inbound",
        [
            inbound(
                1,
                came("text", text="Where is it? 📦"),
                quotes=Quoted(provider_id="wamid.OUT1", sender="442079460123"),
            ),
            inbound(2, came("image", url=graph(71001), caption="the door")),
            inbound(3, came("sticker", url=graph(71002))),
            inbound(4, came("audio", url=graph(71003))),
            inbound(5, came("video", url=graph(71004))),
            inbound(6, came("file", url=graph(71005), caption="my order")),
            inbound(
                7,
                came(
                    "location",
                    latitude=51.5045,
                    longitude=-0.0865,
                    name="The office",
                    address="1 Bridge Street",
                    url="https://maps.example/1",
                ),
            ),
            inbound(8, came("button", payload="STOP-1", text="No more")),
            inbound(9, came("reply", id="yes-1", title="Yes")),
            inbound(10, came("reply", id="slot-2", title="Tuesday", description="9 to 12")),
            inbound(11, came("text", text="Sent")),
            inbound(12, came("reaction", emoji="👍"), quotes=Quoted(provider_id="wamid.OUT1")),
            inbound(13, UNSUPPORTED),
            inbound(14, UNSUPPORTED),
        ],
    ),
    Receive(
        "an order, cards, kinds without a form, and one without a message",
        "unsupported",
        [
            inbound(41, UNSUPPORTED),
            inbound(42, UNSUPPORTED),
            inbound(43, came("order", catalog_id="88", products=[LAMPS], text="for Friday")),
            inbound(44, came("contacts", cards=[BOB])),
            inbound(45, UNSUPPORTED),
            inbound(46, UNSUPPORTED),
        ],
    ),
    Receive(
        "media by its address only",
        {"entry": [{"changes": [{"field": "messages", "value": BY_ADDRESS}]}]},
        [inbound(51, came("image", url="https://lookaside.example/1"), profile=None)],
    ),
    Receive(
        "about a product, taken back, passed on, and what lacks its parts",
        {"entry": [{"changes": [{"field": "messages", "value": ODDLY}]}]},
        [
            inbound(
                61,
                came("text", text="Is it blue?"),
                profile=None,
                quotes=Quoted(
                    provider_id="wamid.OUT2",
                    sender="442079460123",
                    product=Product(catalog_id="88", retailer_id="lamp"),
                ),
            ),
            inbound(62, came("reaction", emoji=""), profile=None, quotes=Quoted(provider_id="wamid.OUT1")),
            inbound(63, came("text", text="look"), profile=None),
            inbound(64, UNSUPPORTED, profile=None),
            inbound(65, UNSUPPORTED, profile=None),
            inbound(66, UNSUPPORTED, profile=None),
            inbound(67, UNSUPPORTED, profile=None),
        ],
    ),
    Receive(
        "templates",
        "templates",
        [
            news("parcel_on_its_way", "APPROVED", "1689001"),
            news("summer_sale", "REJECTED", "1689002", "INVALID_FORMAT: The variables are not in order."),
            news("parcel_seen", "REJECTED", "1689003", "SCAM"),
            news("weekly_offer", "PAUSED", "1689004", "Paused for 3 hours."),
            news("old", "TELEPATHY", ""),
        ],
    ),
    Receive(
        "somebody with a user name and no number",
        "username",
        [
            inbound(21, came("text", text="no number"), sender="GB.77001122334455", profile="Ann"),
            inbound(22, came("text", text="by contact"), sender="GB.77001122334455", profile="Ann"),
        ],
    ),
]


@pytest.mark.parametrize("case", RECEIVES, ids=label)
def test_receives(case: Receive) -> None:
    assert received(NAME, case.body) == case.events


LATER_FAILURES = [
    ([{"code": 131047}], Status.REJECTED, Failure(1340, "131047")),
    ([{"code": 131042}], Status.REJECTED, Failure(1070, "131042")),
    ([{"code": 131049}], Status.UNDELIVERABLE, Failure(1241, "131049")),
    ([{"code": 130429}], Status.UNDELIVERABLE, Failure(1000, "130429")),
    ([{"code": 131000}], Status.UNDELIVERABLE, Failure(1331, "131000")),
    ([{"code": 424242}], Status.REJECTED, Failure(1330, "424242")),
    ([{"code": "?"}], Status.REJECTED, Failure(1330)),
    ([], Status.REJECTED, Failure(1330)),
    (None, Status.REJECTED, Failure(1330)),
]


@pytest.mark.parametrize(("errors", "status", "failure"), LATER_FAILURES, ids=str)
def test_failed_receipts_use_the_same_codes(errors: Any, status: Status, failure: Failure) -> None:
    payload = json.loads(fixture(NAME, "failed"))
    payload["entry"][0]["changes"][0]["value"]["statuses"][0]["errors"] = errors
    assert received(NAME, payload) == [receipt(status, 1795600000, failure=failure)]


ECHOES = [
    (UUID.upper(), UUID),
    ("order-17", None),
    (f"{{{UUID}}}", None),
    (UUID.replace("-", ""), None),
    (7, None),
    (None, None),
]


@pytest.mark.parametrize(("echo", "expected"), ECHOES, ids=str)
def test_only_our_own_ids_are_taken_from_the_echo_field(echo: Any, expected: str | None) -> None:
    payload = json.loads(fixture(NAME, "failed"))
    payload["entry"][0]["changes"][0]["value"]["statuses"][0]["biz_opaque_callback_data"] = echo
    (event,) = received(NAME, payload)
    assert isinstance(event, Receipt)
    assert event.message_uuid == expected


ODD = [
    {},
    {"entry": None},
    {"entry": [7, None, {}, {"changes": [None, {"field": "messages"}]}]},
    {"entry": [{"changes": [{"field": "messages", "value": {"messages": [None, 3, {}, {"id": "x"}]}}]}]},
    {"entry": [{"changes": [{"field": "messages", "value": {"errors": [{"code": 130429}]}}]}]},
    {"entry": [{"changes": [{"field": "message_echoes", "value": {"messages": [{"from": "1"}]}}]}]},
    {"entry": [{"changes": [{"field": "account_update", "value": {"event": "ACCOUNT_VIOLATION"}}]}]},
    {"entry": [{"changes": [{"field": "message_template_status_update", "value": {"event": "APPROVED"}}]}]},
    {"entry": [{"changes": [{"field": "message_template_status_update", "value": [7]}]}]},
]


@pytest.mark.parametrize("payload", ODD, ids=str)
def test_what_is_not_news_is_skipped(payload: Mapping[str, Any]) -> None:
    assert received(NAME, payload) == []


def test_a_message_without_a_time_has_that_of_its_callback() -> None:
    payload = json.loads(fixture(NAME, "username"))
    del payload["entry"][0]["changes"][0]["value"]["messages"][0]["timestamp"]
    hook = Hook(json.dumps(payload).encode(), received_at=RECEIVED)
    first, *_ = adapter(NAME).events(hook)
    assert isinstance(first, Inbound)
    assert first.at == RECEIVED


def test_half_a_surrogate_pair_cannot_get_in() -> None:
    payload = fixture(NAME, "username").replace(b"no number", rb"\ud83d and \ud83d\ude00")
    first, _ = received_raw(payload)
    assert first.content == came("text", text="? and 😀")
    assert json.dumps(first.raw, ensure_ascii=False).encode()


def received_raw(payload: bytes) -> list[Inbound]:
    return [event for event in adapter(NAME).events(Hook(payload)) if isinstance(event, Inbound)]


# --- signature and handshake -----------------------------------------------------------------------


def test_signature_is_the_hmac_that_openssl_computes() -> None:
    # printf '%s' BODY | openssl dgst -sha256 -hmac 'a key of our own'
    signed = rb'{"entry":[],"note":"caf\u00e9"}'
    signature = "51aef647de9f73c11a16df2d32d6ddd0ec6b19103bc0df577a9b10f72b3e1092"
    account = PROVIDER.account(NAME)
    adapter(NAME).verify(Hook(signed, headers={"x-hub-signature-256": f"sha256={signature}"}), account)
    respelled = Hook(
        '{"entry":[],"note":"café"}'.encode(), headers={"x-hub-signature-256": f"sha256={signature}"}
    )
    with pytest.raises(BadSignature):
        adapter(NAME).verify(respelled, account)


HANDSHAKES: list[tuple[str, Mapping[str, str], str | None]] = [
    ("fits", {"hub.mode": "subscribe", "hub.verify_token": "verify-me-once", "hub.challenge": "815"}, "815"),
    ("wrong", {"hub.mode": "subscribe", "hub.verify_token": "verify-me-twice", "hub.challenge": "8"}, None),
    ("no token", {"hub.mode": "subscribe", "hub.challenge": "815"}, None),
    ("not ASCII", {"hub.mode": "subscribe", "hub.verify_token": "é", "hub.challenge": "815"}, None),
    ("other mode", {"hub.mode": "x", "hub.verify_token": "verify-me-once", "hub.challenge": "815"}, None),
    ("no challenge", {"hub.mode": "subscribe", "hub.verify_token": "verify-me-once"}, None),
    ("nothing", {}, None),
]


@pytest.mark.parametrize("provider", [NAME, "messenger"])
@pytest.mark.parametrize(
    ("query", "answer"), [case[1:] for case in HANDSHAKES], ids=[c[0] for c in HANDSHAKES]
)
def test_handshake(provider: str, query: Mapping[str, str], answer: str | None) -> None:
    account = known(provider).account(provider)
    assert adapter(provider).handshake(Hook(b"", "GET", query=query), account) == answer


@pytest.mark.parametrize("signed", [b'{"entry":[]}', '{"note":"caf\u00e9"}'.encode(), b""], ids=repr)
def test_another_client_believes_the_same_signatures(signed: bytes) -> None:
    key, forged = META_SETTINGS["app_secret"], meta_forged(signed)
    hooks = [meta_hook(signed), forged["of another key"], forged["of another body"], forged["cut short"]]
    shown = [hook.headers["x-hub-signature-256"] for hook in hooks]
    believed = [utils.webhook_updates_validator(key, signed, signature) for signature in shown]
    assert believed == [True, False, False, False]


def test_accepted_by_user_id() -> None:
    reply = httpx.Response(200, json={"contacts": [{"user_id": "GB.1"}], "messages": [{"id": "wamid.9"}]})
    assert adapter(NAME).accepted(reply) == "wamid.9"


# --- another client's requests ---------------------------------------------------------------------

TO = "447700900321"
CLIENTS: Mapping[str, tuple[Send, Callable[[WhatsApp], object]]] = {
    "text": (Send("", content("text", text="Good day")), lambda pywa: pywa.send_message(TO, "Good day")),
    "image": (
        Send("", content("image", url=PICTURE, caption="the door")),
        lambda pywa: pywa.send_image(TO, PICTURE, caption="the door"),
    ),
    "audio": (
        Send("", content("audio", url="https://shop.example/a.mp3")),
        lambda pywa: pywa.send_audio(TO, "https://shop.example/a.mp3"),
    ),
    "sticker": (Send("", content("sticker", url=STICKER)), lambda pywa: pywa.send_sticker(TO, STICKER)),
    "reaction": (
        Send("", content("reaction", emoji="👍"), message={"reply_to": "wamid.IN1"}),
        lambda pywa: pywa.send_reaction(TO, "👍", "wamid.IN1"),
    ),
    "reaction taken back": (
        Send("", content("reaction", emoji=""), message={"reply_to": "wamid.IN1"}),
        lambda pywa: pywa.remove_reaction(TO, "wamid.IN1"),
    ),
    "answer": (
        Send("", content("text", text="Good day"), message={"reply_to": "wamid.IN1"}),
        lambda pywa: pywa.send_message(TO, "Good day", reply_to_message_id="wamid.IN1"),
    ),
    "file": (
        Send("", content("file", url="https://shop.example/o.pdf", caption="order")),
        lambda pywa: pywa.send_document(TO, "https://shop.example/o.pdf", filename="o.pdf", caption="order"),
    ),
    "location": (
        Send("", content("location", latitude=51.5, longitude=-0.1, name="Shop", address="1 Bridge St")),
        lambda pywa: pywa.send_location(TO, 51.5, -0.1, name="Shop", address="1 Bridge St"),
    ),
    "template": (
        Send(
            "",
            content("template", name="parcel_sent", parameters=("Ann", "7")),
            message={"whatsapp": {"locale": "en-GB"}},
        ),
        lambda pywa: pywa.send_template(
            TO, "parcel_sent", TemplateLanguage.ENGLISH_UK, [BodyText.params("Ann", "7")]
        ),
    ),
}


@pytest.mark.parametrize(("ours", "theirs"), CLIENTS.values(), ids=list(CLIENTS))
def test_another_client_asks_for_the_same(ours: Send, theirs: Callable[[WhatsApp], object]) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=fixture(NAME, "accepted"))

    with httpx.Client(transport=httpx.MockTransport(answer)) as session:
        theirs(WhatsApp("208114755012345", META_SETTINGS["access_token"], session=session))
    request = sent(NAME, replace(ours, id="wamid.OUT1"))
    assert request
    assert request.url == requests[0].url
    assert request.headers["authorization"] == requests[0].headers["authorization"]
    body = json.loads(request.content)
    assert body.pop("biz_opaque_callback_data") == UUID
    if "template" in body:
        # It leaves out the only policy there is, and writes types in capitals.
        assert body["template"]["language"].pop("policy") == "deterministic"
        body["template"]["components"][0]["type"] = "BODY"
    assert body == json.loads(requests[0].content)


# --- media, checks, templates ----------------------------------------------------------------------

HOME = "https://graph.facebook.com/v26.0"
ACCOUNT = PROVIDER.account(NAME)
BEARER = "Bearer EAAB-page-or-system-token"


def client(*replies: tuple[int, Json]) -> tuple[httpx.Client, list[httpx.Request]]:
    """A client that gets these answers in turn, and the requests it sent."""
    requests: list[httpx.Request] = []
    left = iter(replies)

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        status, body = next(left)
        return httpx.Response(status, json=body)

    return httpx.Client(transport=httpx.MockTransport(answer)), requests


def test_media_is_asked_for_its_address_first() -> None:
    http, requests = client((200, {"url": "https://lookaside.example/?mid=71&x=1", "id": "71"}))
    account = PROVIDER.account(NAME, base_url="http://127.0.0.1:4801/v26.0/")
    request = adapter(NAME).download(graph(71), account, http)
    assert [(str(asked.url), asked.headers["authorization"]) for asked in requests] == [
        ("http://127.0.0.1:4801/v26.0/71", BEARER)
    ]
    assert (request.method, str(request.url)) == ("GET", "https://lookaside.example/?mid=71&x=1")
    assert request.headers["authorization"] == BEARER


def test_media_that_came_with_its_address_is_fetched_there() -> None:
    http, requests = client()
    request = adapter(NAME).download("https://lookaside.example/1", ACCOUNT, http)
    assert requests == []
    assert (str(request.url), request.headers["authorization"]) == ("https://lookaside.example/1", BEARER)


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        pytest.param((400, {"error": {"code": 100, "error_subcode": 33}}), Rejected, 1380, id="gone"),
        pytest.param((401, {"error": {"code": 190}}), ConfigurationError, 1370, id="token"),
        pytest.param((400, {"error": {"code": 80007}}), Throttled, 1000, id="too many"),
        pytest.param((503, {}), Unavailable, 1331, id="down"),
        pytest.param((200, {"id": "71"}), Unavailable, 1331, id="no address"),
    ],
)
def test_media_without_an_address(reply: tuple[int, Json], error: Failed, code: int) -> None:
    http, _ = client(reply)
    with pytest.raises(error) as caught:
        adapter(NAME).download(graph(71), ACCOUNT, http)
    assert type(caught.value) is error
    assert caught.value.code == code


CHECKS: list[tuple[str, tuple[int, Json], Verification]] = [
    (
        "connected",
        (200, {"status": "CONNECTED", "name_status": "APPROVED", "code_verification_status": "EXPIRED"}),
        Verification("verified"),
    ),
    ("no fields", (200, {}), Verification("verified")),
    ("odd fields", (200, {"status": 7, "name_status": ["x"]}), Verification("pending", "its status is 7")),
    (
        "poor",
        (200, {"status": "FLAGGED", "quality_rating": "RED"}),
        Verification("verified", "too many people complain about it, its quality rating is red"),
    ),
    (
        "limited",
        (200, {"status": "RESTRICTED"}),
        Verification("verified", "it may not begin more conversations for now"),
    ),
    (
        "new",
        (200, {"status": "PENDING", "code_verification_status": "NOT_VERIFIED", "name_status": "NONE"}),
        Verification("pending", "it is not registered yet, its verification code was not entered"),
    ),
    (
        "name under review",
        (200, {"status": "CONNECTED", "name_status": "PENDING_REVIEW"}),
        Verification("pending", "its display name is under review"),
    ),
    (
        "name declined",
        (200, {"status": "PENDING", "name_status": "DECLINED"}),
        Verification("failed", "it is not registered yet, its display name was declined"),
    ),
    ("banned", (200, {"status": "BANNED"}), Verification("failed", "WhatsApp has banned it")),
    ("disconnected", (200, {"status": "DISCONNECTED"}), Verification("failed", "it is no longer registered")),
    ("unheard of", (200, {"status": "ASLEEP"}), Verification("pending", "its status is ASLEEP")),
    (
        "not ours",
        (400, {"error": {"code": 100, "error_subcode": 33}}),
        Verification("failed", "the provider refused: 1120 (100/33)"),
    ),
    (
        "token",
        (401, {"error": {"code": 190}}),
        Verification("failed", "the provider refused: 1370 (190)"),
    ),
    (
        "down",
        (500, {"error": {"code": 2}}),
        Verification("pending", "the provider did not answer: 1331 (2)"),
    ),
    (
        "something else answers",
        (200, {"id": None}),
        Verification("pending", "the provider did not answer: 1331 (no phone number id)"),
    ),
]


@pytest.mark.parametrize(
    ("reply", "expected"), [case[1:] for case in CHECKS], ids=[case[0] for case in CHECKS]
)
def test_check(reply: tuple[int, Json], expected: Verification) -> None:
    status, body = reply
    http, requests = client((status, {"id": "208114755012345", **body} if status == 200 else body))
    assert adapter(NAME).verification(ACCOUNT, Channel.WHATSAPP, "442079460123", http) == expected
    (request,) = requests
    assert request.url.copy_with(query=None) == f"{HOME}/208114755012345"
    assert set(request.url.params["fields"].split(",")) >= {"status", "name_status", "quality_rating"}
    assert request.headers["authorization"] == BEARER


def keeper() -> KeepsTemplates:
    found = adapter(NAME)
    assert isinstance(found, KeepsTemplates)
    return found


DEFINITION = {
    "name": "parcel_sent",
    "language": "en_GB",
    "category": "UTILITY",
    "components": [{"type": "BODY", "text": "Hi {{1}}", "example": {"body_text": [["Ann"]]}}],
}
TEMPLATES = f"{HOME}/331200987654321/message_templates"


def page(*names: str, **paging: Any) -> Json:
    common = {"id": "1689001", "status": "APPROVED", "rejected_reason": "NONE"}
    return {"data": [{**DEFINITION, **common, "name": name} for name in names], "paging": paging}


def kept(name: str) -> Template:
    components = DEFINITION["components"]
    assert isinstance(components, list)
    return Template(name, "en_GB", "APPROVED", "UTILITY", "1689001", "", components)


CURSORS = {"before": "QVFI1", "after": "QVFI2"}
PAGES: list[tuple[str, str | None, Json, list[str], str | None]] = [
    ("last", None, page("a", "b", cursors=CURSORS), ["a", "b"], None),
    ("more", None, page("a", cursors=CURSORS, next=TEMPLATES), ["a"], "QVFI2"),
    ("one name", "a", page("a", "ab", cursors=CURSORS), ["a"], None),
    ("none", None, {"data": []}, [], None),
    ("odd", None, {"data": [7, None], "paging": {"next": 7, "cursors": 3}}, [], None),
    ("not JSON", None, {}, [], None),
]


@pytest.mark.parametrize(
    ("name", "body", "names", "mark"), [case[1:] for case in PAGES], ids=[case[0] for case in PAGES]
)
def test_templates_are_listed(name: str | None, body: Json, names: list[str], mark: str | None) -> None:
    request = keeper().list_templates(ACCOUNT, "442079460123", name, "QVFI0")
    assert request.method == "GET"
    assert request.url.copy_with(query=None) == TEMPLATES
    assert dict(request.url.params) == {
        "fields": "name,language,status,category,rejected_reason,components",
        "limit": "100",
        "after": "QVFI0",
        **({"name": name} if name else {}),
    }
    assert request.headers["authorization"] == BEARER
    found = keeper().listed_templates(httpx.Response(200, json=body, request=request))
    assert found == ([kept(name) for name in names], mark)


def test_the_first_page_of_templates_has_no_mark() -> None:
    request = keeper().list_templates(ACCOUNT, "442079460123", None, None)
    assert set(request.url.params) == {"fields", "limit"}


def test_a_template_says_why_it_was_rejected() -> None:
    raw = {**DEFINITION, "id": 1689002, "status": "rejected", "rejected_reason": "SCAM"}
    request = keeper().list_templates(ACCOUNT, "442079460123", None, None)
    (found,), _ = keeper().listed_templates(httpx.Response(200, json={"data": [raw]}, request=request))
    assert (found.status, found.reason, found.template_id) == ("REJECTED", "SCAM", "1689002")


def test_a_template_is_created() -> None:
    request = keeper().create_template(ACCOUNT, "442079460123", DEFINITION)
    assert (request.method, str(request.url)) == ("POST", TEMPLATES)
    assert json.loads(request.content) == DEFINITION
    assert request.headers["authorization"] == BEARER
    # Meta may put it into another category than was asked for.
    reply = httpx.Response(200, json={"id": "1689003", "status": "PENDING", "category": "MARKETING"})
    made = keeper().created_template(reply, DEFINITION)
    assert (made.name, made.language, made.components) == (
        "parcel_sent",
        "en_GB",
        DEFINITION["components"],
    )
    assert (made.template_id, made.status, made.category) == ("1689003", "PENDING", "MARKETING")


def test_a_template_without_an_id_may_have_been_created() -> None:
    with pytest.raises(Unanswered):
        keeper().created_template(httpx.Response(200, text="<html>"), DEFINITION)


@pytest.mark.parametrize(
    ("template_id", "query"),
    [(None, {"name": "parcel_sent"}), ("1689003", {"name": "parcel_sent", "hsm_id": "1689003"})],
    ids=["every language", "one language"],
)
def test_a_template_is_deleted(template_id: str | None, query: Json) -> None:
    request = keeper().delete_template(ACCOUNT, "442079460123", "parcel_sent", template_id)
    assert request.method == "DELETE"
    assert request.url.copy_with(query=None) == TEMPLATES
    assert dict(request.url.params) == query
    assert request.headers["authorization"] == BEARER


@pytest.mark.parametrize("waba_id", [None, " "], ids=["missing", "empty"])
def test_templates_need_the_business_account(waba_id: str | None) -> None:
    settings = {**META_SETTINGS, **({"waba_id": waba_id} if waba_id else {})}
    account = Account(NAME, "main", settings)
    asks: list[Callable[[], httpx.Request]] = [
        lambda: keeper().list_templates(account, "1", None, None),
        lambda: keeper().create_template(account, "1", DEFINITION),
        lambda: keeper().delete_template(account, "1", "parcel_sent", None),
    ]
    for ask in asks:
        with pytest.raises(ConfigurationError) as caught:
            ask()
        assert (caught.value.code, caught.value.provider_code) == (
            1370,
            "whatsapp_cloud account has no waba_id",
        )
