"""Vonage as a provider behind us."""

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from switchboard.adapters import adapter
from switchboard.adapters.base import Account, Verification
from switchboard.applications import key_pair
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    Rejected,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Failure, Hook, Inbound, Product, Quoted, Receipt, Usage
from switchboard.models.messages import Channel, InboundContent, Part, Status
from tests.adapters import rich
from tests.adapters.cases import (
    RECEIVED,
    UUID,
    Failed,
    Provider,
    Receive,
    Send,
    came,
    content,
    fixture,
    label,
    received,
    sent,
    text_message,
)

NAME = "vonage"
PRIVATE_KEY, PUBLIC_KEY = key_pair()
APPLICATION = "7d0c41f2-63ab-4b8e-a1d5-0f9e8c7b6a54"
SIGNATURE_SECRET = "a signature secret of more than 32 bytes"
CLAIMS = {"iat": 1_795_600_000, "jti": "91c4", "iss": "Vonage", "api_key": "9f8e7d6c"}
ID = "c3a7f1de-90b4-4c0e-8a35-6f2d1b7e4490"


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def token(body: bytes, key: str = SIGNATURE_SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({**CLAIMS, "payload_hash": digest(body), **claims}, key, algorithm)


def hook(body: bytes, given: str, scheme: str = "Bearer ") -> Hook:
    return Hook(body, headers={"authorization": scheme + given}, received_at=RECEIVED)


def unsigned(body: bytes) -> str:
    """A token of the algorithm "none"."""
    claims = {**CLAIMS, "payload_hash": digest(body)}
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def vonage_forged(body: bytes) -> Mapping[str, Hook]:
    good = token(body)
    header, claims, _ = good.split(".")
    no_hash = jwt.encode(CLAIMS, SIGNATURE_SECRET, "HS256")
    tokens = {
        "empty": "",
        "of another key": token(body, "another signature secret, as long as it"),
        "of another body": token(body + b" "),
        "in upper case": token(body, payload_hash=digest(body).upper()),
        "hash that is no text": token(body, payload_hash=7),
        "without a hash": no_hash,
        "of another account": token(body, api_key="00000000"),
        "of no account": token(body, api_key=None),
        "of another algorithm": token(body, SIGNATURE_SECRET * 2, "HS512"),
        "with our own key": token(body, PRIVATE_KEY, "RS256"),
        "of no algorithm": unsigned(body),
        "without its signature": f"{header}.{claims}.",
        "cut short": good[:-2],
        "two parts": f"{header}.{claims}",
        "not base64": f"{header}.{claims}.!!!",
        "not ASCII": "é\udcff" + good,
    }
    return {
        "missing": Hook(body),
        "of another scheme": hook(body, good, "Basic "),
        "without its scheme": hook(body, good, ""),
        "in the address": Hook(body, query={"sig": good}),
    } | {name: hook(body, given) for name, given in tokens.items()}


PROVIDER = Provider(
    settings={
        "application_id": APPLICATION,
        "private_key": PRIVATE_KEY,
        "api_key": "9f8e7d6c",
        "api_secret": "api secret of a test",
        "signature_secret": SIGNATURE_SECRET,
        "callback_url": "https://hooks.example/",
    },
    message=text_message(Channel.SMS, "442079460123", "447700900321"),
    signed=lambda body: hook(body, token(body)),
    forged=vonage_forged,
    batch="delivered",
    events=1,
    unknown={"message_uuid": ID, "client_ref": UUID, "channel": "sms", "status": "telepathic"},
    secret="signature_secret",
)
ACCOUNT = PROVIDER.account(NAME)
REPORTS = {
    "client_ref": UUID,
    "webhook_url": "https://hooks.example/status/vonage/main",
    "webhook_version": "v1",
}
WORDS = "Your parcel is on its way"
URL = "https://shop.example/pictures/door.jpg"
PDF = "https://shop.example/files/order%207.pdf"


# --- sending ---------------------------------------------------------------------------------------

TO = {
    Channel.SMS: ("sms", "442079460123", "447700900321"),
    Channel.MMS: ("mms", "12065550142", "12065550199"),
    Channel.WHATSAPP: ("whatsapp", "442079460123", "447700900321"),
    Channel.MESSENGER: ("messenger", "107705190000", "7710000000321"),
    Channel.VIBER: ("viber_service", "ExampleShop", "447700900321"),
    Channel.RCS: ("rcs", "ExampleShop", "447700900321"),
}


def to(channel: Channel, **members: Any) -> Mapping[str, Any]:
    _, sender, recipient = TO[channel]
    return {"channel": channel, "sender": sender, "recipient": recipient, **members}


def body(channel: Channel, message_type: str = "text", **members: Any) -> Mapping[str, Any]:
    name, sender, recipient = TO[channel]
    if message_type == "text":
        members = {"text": WORDS, **members}
    return {
        "message_type": message_type,
        "channel": name,
        "from": sender,
        "to": recipient,
        **REPORTS,
        **members,
    }


def sends(
    label: str, channel: Channel, kind: str, given: Mapping[str, Any], wanted: Mapping[str, Any], **more: Any
) -> Send:
    """Content of one kind and the members that it must become, beside the channel's usual ones."""
    options = {
        Channel.VIBER: {"viber_service": {"category": "transaction"}},
        Channel.MESSENGER: {"messenger": {"category": "response"}},
    }
    expected = {**options.get(channel, {}), **wanted}
    message_type = expected.pop("message_type", kind)
    return Send(
        f"{channel.value} {label}",
        content(kind, **given),
        message=to(channel, **more),
        body=body(channel, message_type, **expected),
    )


def lives(label: str, channel: Channel, wanted: int, **more: Any) -> Send:
    """A message for a time, and the seconds that Vonage must be told."""
    options: dict[str, Any] = {"ttl": wanted}
    if channel is Channel.VIBER:
        options = {"viber_service": {"category": "transaction", "ttl": wanted}}
    return Send(f"{channel.value} {label}", message=to(channel, **more), body=body(channel, **options))


SMS, MMS, WHATSAPP = Channel.SMS, Channel.MMS, Channel.WHATSAPP
MESSENGER, VIBER, RCS = Channel.MESSENGER, Channel.VIBER, Channel.RCS
SPOT = {"latitude": 51.5, "longitude": -0.125}
CAPTION = {"url": URL, "caption": "the door"}
ALONE = {"url": URL}
STICKER = {"message_type": "sticker", "sticker": {"id": "c4"}}
CARD = {"message_type": "card", "card": {"title": "Boots"}, "rcs": {"category": "promotion"}}
QUOTED = "1f0e2d3c-4b5a-4968-8776-655443322110"
CONTEXT = {"context": {"message_uuid": QUOTED}}


def chip(suggestion: Mapping[str, Any], **members: Any) -> Mapping[str, Any]:
    fallback = {"fallback_url": suggestion["fallback_url"]} if "fallback_url" in suggestion else {}
    words = {"text": suggestion["text"], "postback_data": suggestion["postback"]}
    return {"type": suggestion["type"], **words, **fallback, **members}


CHIPS = [
    chip(rich.REPLY),
    chip(rich.DIAL, phone_number="442079460123"),
    chip(rich.PLACE, latitude="51.5", longitude="-0.125", pin_label="The quay"),
    chip(rich.SHARE),
    chip(rich.OPEN, url=rich.SHOP, description="Shop"),
    chip(rich.PEEK, type="open_url_in_webview", url=rich.SHOP, description="The boots", view_mode="TALL"),
    chip(
        rich.EVENT,
        start_time=rich.EVENT["start"],
        end_time=rich.EVENT["end"],
        title="Delivery",
        description="The boots come",
    ),
]
FULL_CARD = {
    **rich.PLAIN,
    "media_description": "A pair of boots",
    "media_height": "TALL",
    "thumbnail_url": f"{rich.PICTURE}?small",
    "media_force_refresh": True,
    "suggestions": [CHIPS[0]],
}
VIBER_VIDEO = {
    "message_type": "video",
    "video": {"url": URL, "thumb_url": URL},
    "viber_service": {"duration": "9", "file_size": "3"},
}

SENDS = [
    Send("SMS", body=body(SMS), url="https://api.nexmo.com/v1/messages"),
    Send(
        "by a region's host",
        settings={"base_url": "https://api-eu.vonage.com/"},
        url="https://api-eu.vonage.com/v1/messages",
    ),
    sends("text", MMS, "text", {"text": WORDS}, {}),
    sends("image", MMS, "image", CAPTION, {"image": CAPTION}),
    sends("audio", MMS, "audio", CAPTION, {"audio": CAPTION}),
    sends("video", MMS, "video", ALONE, {"video": ALONE}),
    sends("file", MMS, "file", ALONE, {"file": ALONE}),
    sends("vcard", MMS, "vcard", CAPTION, {"vcard": ALONE}),
    sends(
        "several",
        MMS,
        "content",
        {"items": [{"type": "image", **CAPTION}, {"type": "file", **ALONE}]},
        {"content": [{"type": "image", **CAPTION}, {"type": "file", **ALONE}]},
    ),
    sends("text", WHATSAPP, "text", {"text": WORDS}, {}),
    sends("sticker", WHATSAPP, "sticker", ALONE, {"sticker": ALONE}),
    sends("sticker by its id", WHATSAPP, "sticker", {"id": "c4"}, STICKER),
    sends(
        "reaction",
        WHATSAPP,
        "reaction",
        {"emoji": "👍"},
        {"reaction": {"action": "react", "emoji": "👍"}, **CONTEXT},
        reply_to=QUOTED,
    ),
    sends(
        "reaction taken back",
        WHATSAPP,
        "reaction",
        {"emoji": ""},
        {"reaction": {"action": "unreact"}, **CONTEXT},
        reply_to=QUOTED,
    ),
    sends("answer", WHATSAPP, "text", {"text": WORDS}, CONTEXT, reply_to=QUOTED),
    sends(
        "file with a name of its own",
        WHATSAPP,
        "file",
        {"url": PDF, "name": "yours.pdf"},
        {"file": {"url": PDF, "name": "yours.pdf"}},
    ),
    sends("image", WHATSAPP, "image", CAPTION, {"image": CAPTION}),
    sends("audio has no caption", WHATSAPP, "audio", CAPTION, {"audio": ALONE}),
    sends("video", WHATSAPP, "video", CAPTION, {"video": CAPTION}),
    sends(
        "file",
        WHATSAPP,
        "file",
        {"url": PDF, "caption": "your order"},
        {"file": {"url": PDF, "caption": "your order", "name": "order 7.pdf"}},
    ),
    sends(
        "file of no name",
        WHATSAPP,
        "file",
        {"url": "https://shop.example/"},
        {"file": {"url": "https://shop.example/"}},
    ),
    sends("location", WHATSAPP, "location", SPOT, {"location": {"lat": 51.5, "long": -0.125}}),
    sends(
        "location with words",
        WHATSAPP,
        "location",
        {**SPOT, "name": "The harbour", "address": "1 Quay Street"},
        {"location": {"lat": 51.5, "long": -0.125, "name": "The harbour", "address": "1 Quay Street"}},
    ),
    sends(
        "template",
        WHATSAPP,
        "template",
        {"name": "parcels:on_its_way", "parameters": ("Priya", "7")},
        {
            "template": {"name": "parcels:on_its_way", "parameters": ["Priya", "7"]},
            "whatsapp": {"policy": "deterministic", "locale": "en-GB"},
        },
        whatsapp={"locale": "en-GB", "policy": "fallback"},
    ),
    sends(
        "template without parameters",
        WHATSAPP,
        "template",
        {"name": "hello"},
        {"template": {"name": "hello"}, "whatsapp": {"policy": "deterministic", "locale": "en"}},
    ),
    sends(
        "custom",
        WHATSAPP,
        "custom",
        {"custom": {"type": "contacts", "contacts": []}},
        {"custom": {"type": "contacts", "contacts": []}},
    ),
    sends("sticker of its own form", WHATSAPP, "custom", {"custom": STICKER}, STICKER),
    sends("text", MESSENGER, "text", {"text": WORDS}, {}),
    sends(
        "tag",
        MESSENGER,
        "text",
        {"text": WORDS},
        {"messenger": {"category": "message_tag", "tag": "ACCOUNT_UPDATE"}},
        messenger={"category": "message_tag", "tag": "ACCOUNT_UPDATE"},
    ),
    sends("image has no caption", MESSENGER, "image", CAPTION, {"image": ALONE}),
    sends("audio", MESSENGER, "audio", ALONE, {"audio": ALONE}),
    sends("video", MESSENGER, "video", ALONE, {"video": ALONE}),
    sends("file", MESSENGER, "file", {"url": PDF}, {"file": {"url": PDF}}),
    sends("text", VIBER, "text", {"text": WORDS}, {}),
    sends("image", VIBER, "image", CAPTION, {"image": CAPTION}),
    sends("file", VIBER, "file", {"url": PDF}, {"file": {"url": PDF, "name": "order 7.pdf"}}),
    sends(
        "file of a long name",
        VIBER,
        "file",
        {"url": "https://shop.example/terms-and-conditions-of-sale.pdf"},
        {
            "file": {
                "url": "https://shop.example/terms-and-conditions-of-sale.pdf",
                "name": "nd-conditions-of-sale.pdf",
            }
        },
    ),
    sends(
        "options",
        VIBER,
        "text",
        {"text": WORDS},
        {"viber_service": {"category": "promotion", "type": "template", "ttl": 600}},
        viber={"category": "promotion", "type": "template", "ttl": 600},
        lifetime=60,
    ),
    sends(
        "video of its own form",
        VIBER,
        "custom",
        {"custom": VIBER_VIDEO},
        {
            **VIBER_VIDEO,
            "viber_service": {"category": "transaction", "ttl": 900, "duration": "9", "file_size": "3"},
        },
        lifetime=900,
    ),
    sends("text", RCS, "text", {"text": WORDS}, {}),
    sends("image has no caption", RCS, "image", CAPTION, {"image": ALONE}),
    sends("video", RCS, "video", ALONE, {"video": ALONE}),
    sends("file", RCS, "file", {"url": PDF}, {"file": {"url": PDF}}),
    sends(
        "audio",
        RCS,
        "audio",
        ALONE,
        {"message_type": "custom", "custom": {"contentMessage": {"contentInfo": {"fileUrl": URL}}}},
    ),
    sends(
        "location",
        RCS,
        "location",
        {**SPOT, "name": "The harbour", "address": "1 Quay Street"},
        {
            "message_type": "text",
            "text": "The harbour\n1 Quay Street",
            "suggestions": [
                {
                    "type": "view_location",
                    "text": "The harbour",
                    "postback_data": "51.5, -0.125",
                    "latitude": "51.5",
                    "longitude": "-0.125",
                    "pin_label": "The harbour",
                }
            ],
        },
    ),
    sends(
        "location without words",
        RCS,
        "location",
        SPOT,
        {
            "message_type": "text",
            "text": "51.5, -0.125",
            "suggestions": [
                {
                    "type": "view_location",
                    "text": "Map",
                    "postback_data": "51.5, -0.125",
                    "latitude": "51.5",
                    "longitude": "-0.125",
                    "pin_label": "51.5, -0.125",
                }
            ],
        },
    ),
    sends(
        "custom",
        RCS,
        "custom",
        {"custom": {"contentMessage": {"text": "When?"}}},
        {"custom": {"contentMessage": {"text": "When?"}}},
    ),
    sends("card of its own form", RCS, "custom", {"custom": CARD}, CARD),
    sends(
        "text with every suggestion",
        RCS,
        "text",
        {"text": WORDS},
        {"suggestions": CHIPS, "rcs": {"category": "service-request"}},
        suggestions=rich.EVERY,
        rcs={"category": "service-request", "card_width": "small"},
    ),
    sends(
        "location with a suggestion",
        RCS,
        "location",
        SPOT,
        {
            "message_type": "text",
            "text": "51.5, -0.125",
            "suggestions": [
                {
                    "type": "view_location",
                    "text": "Map",
                    "postback_data": "51.5, -0.125",
                    "latitude": "51.5",
                    "longitude": "-0.125",
                    "pin_label": "51.5, -0.125",
                },
                CHIPS[0],
            ],
        },
        suggestions=[rich.REPLY],
    ),
    sends("card", RCS, "card", {"card": rich.PLAIN}, {"card": rich.PLAIN}),
    sends(
        "card of all that there is",
        RCS,
        "card",
        {"card": rich.FULL},
        {"card": FULL_CARD, "rcs": {"card_orientation": "HORIZONTAL", "image_alignment": "LEFT"}},
        rcs={"orientation": "horizontal"},
    ),
    sends(
        "carousel",
        RCS,
        "carousel",
        {"cards": [rich.PLAIN, rich.FULL]},
        {
            "carousel": {"cards": [rich.PLAIN, FULL_CARD]},
            "rcs": {"card_width": "MEDIUM"},
            "suggestions": [CHIPS[3]],
        },
        suggestions=[rich.SHARE],
    ),
    Send(
        "SMS with options",
        message={"sms": {"encoding": "unicode", "content_id": "11", "entity_id": "12", "pool_id": "13"}},
        body=body(
            SMS,
            sms={"encoding_type": "unicode", "content_id": "11", "entity_id": "12", "pool_id": "13"},
        ),
    ),
    sends(
        "video",
        VIBER,
        "video",
        {"url": URL, "thumbnail_url": URL, "caption": "look"},
        {
            "video": {"url": URL, "thumb_url": URL, "caption": "look"},
            "viber_service": {"category": "transaction", "duration": "9", "file_size": "3"},
        },
        viber={"duration": 9, "file_size": 3, "action": {"url": URL, "text": "Look"}},
    ),
    sends(
        "image with a button",
        VIBER,
        "image",
        CAPTION,
        {
            "image": CAPTION,
            "viber_service": {"category": "transaction", "action": {"url": URL, "text": "Look"}},
        },
        viber={"duration": 9, "action": {"url": URL, "text": "Look"}},
    ),
    sends(
        "custom content is for nobody else",
        SMS,
        "custom",
        {
            "custom": {
                "message_type": "text",
                "text": "x",
                "to": "1",
                "channel": "mms",
                "client_ref": "2",
                "webhook_url": "3",
            }
        },
        {"message_type": "text", "text": "x"},
    ),
    lives("for a while", SMS, 3600, lifetime=3600),
    lives("at least", SMS, 20, lifetime=0),
    lives("at most", SMS, 604_800, lifetime=2_000_000),
    lives("at least", MMS, 300, lifetime=60),
    lives("at most", MMS, 259_200, lifetime=604_800),
    lives("at least", RCS, 20, lifetime=1),
    lives("at most", RCS, 259_200, lifetime=604_800),
    lives("at least", VIBER, 30, lifetime=1),
    lives("at most", VIBER, 259_200, lifetime=604_800),
    lives("by its own ttl", VIBER, 45, lifetime=600, viber={"ttl": 45}),
    Send("WhatsApp has no ttl", message=to(WHATSAPP, lifetime=60), body=body(WHATSAPP)),
    Send(
        "Messenger has no ttl",
        message=to(MESSENGER, lifetime=60),
        body=body(MESSENGER, messenger={"category": "response"}),
    ),
    Send(
        "one part of several",
        message=to(MESSENGER, part=Part(number=2, of=3)),
        body={**body(MESSENGER, messenger={"category": "response"}), "client_ref": f"{UUID}:2/3"},
    ),
]


@pytest.mark.parametrize("case", SENDS, ids=label)
def test_sends(case: Send) -> None:
    sent(NAME, Send(**{**vars(case), "id": ID}))


def test_without_a_public_address_the_application_says_where_reports_go() -> None:
    request = sent(NAME, Send("", settings={"callback_url": ""}, id=ID))
    assert request
    members = json.loads(request.content)
    assert "webhook_url" not in members
    assert members["webhook_version"] == "v1"


def test_messenger_takes_less_at_once_than_we_do() -> None:
    assert adapter(NAME).longest_text == {MESSENGER: 640}


# --- access ----------------------------------------------------------------------------------------


def credentials(**settings: Any) -> str:
    request = sent(NAME, Send("", settings=settings, id=ID))
    assert request
    return request.headers["authorization"]


def test_an_application_logs_in_with_a_token_for_each_request() -> None:
    before = int(time.time())
    given = [credentials() for _ in range(2)]
    tokens = [text.removeprefix("Bearer ") for text in given]
    assert tokens != given
    claims = [jwt.decode(text, PUBLIC_KEY, algorithms=["RS256"]) for text in tokens]
    assert claims[0].keys() == {"application_id", "iat", "jti", "exp"}
    assert claims[0]["application_id"] == APPLICATION
    assert before <= claims[0]["iat"] <= time.time()
    assert claims[0]["exp"] - claims[0]["iat"] == 900
    assert claims[0]["jti"] != claims[1]["jti"]
    assert jwt.get_unverified_header(tokens[0]) == {"alg": "RS256", "typ": "JWT"}


def test_a_key_copied_out_of_json_is_a_key() -> None:
    given = credentials(private_key=PRIVATE_KEY.replace("\n", "\\n")).removeprefix("Bearer ")
    assert jwt.decode(given, PUBLIC_KEY, algorithms=["RS256"])["application_id"] == APPLICATION


def test_an_account_without_a_private_key_logs_in_with_its_secret() -> None:
    pair = base64.b64encode(b"9f8e7d6c:api secret of a test").decode()
    assert credentials(private_key="") == f"Basic {pair}"


def elliptic_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(pem, pkcs8, serialization.NoEncryption()).decode()


BAD_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "key that is none": {"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"},
    "key of another kind": {"private_key": elliptic_key()},
    "key that is no text": {"private_key": "\udcff"},
    "public key": {"private_key": PUBLIC_KEY},
    "no application": {"application_id": ""},
    "no key at all": {"private_key": "", "api_key": ""},
    "no secret": {"private_key": "", "api_secret": " "},
}


@pytest.mark.parametrize("name", BAD_SETTINGS)
def test_bad_credentials_are_a_configuration_error(name: str) -> None:
    request = sent(NAME, Send("", settings=BAD_SETTINGS[name], raises=ConfigurationError, code=1370))
    assert request is None


def error(number: int | str, title: str = "Words") -> Mapping[str, Any]:
    base = "https://developer.vonage.com/api-errors/messages"
    return {"type": f"{base}#{number}", "title": title, "detail": "More words", "instance": "4c0f"}


def refusal(
    label: str, status: int, number: int | str, raises: Failed, code: int, provider_code: str | None = None
) -> Send:
    said = str(number) if provider_code is None else provider_code
    return Send(label, reply=(status, error(number)), raises=raises, code=code, provider_code=said)


FAILURES = [
    Send("bad parameter", reply=(422, "refused"), raises=Rejected, code=1020, provider_code="1150"),
    Send(
        "no credit",
        reply=(402, "low-balance"),
        raises=ConfigurationError,
        code=1070,
        provider_code="low-balance",
    ),
    Send("no credit, as older APIs say it", reply=(400, "low-balance"), raises=ConfigurationError, code=1070),
    Send("402 without words", reply=(402, b""), raises=ConfigurationError, code=1070, provider_code="402"),
    Send(
        "bad token",
        reply=(401, {"title": "Unauthorised", "detail": "Invalid Token"}),
        raises=ConfigurationError,
        code=1370,
        provider_code="401",
    ),
    refusal("no messages capability", 401, "unprovisioned", ConfigurationError, 1140),
    refusal("bad secret", 401, "unauthorized", ConfigurationError, 1370),
    refusal("channel", 422, 1100, ConfigurationError, 1140),
    refusal("parameters of the channel", 422, 1110, Rejected, 1020),
    refusal("sender", 422, 1120, ConfigurationError, 1120),
    refusal("recipient", 422, 1130, Rejected, 1170),
    refusal("message type", 422, 1140, Rejected, 1040),
    refusal("client reference", 422, 1060, Rejected, 1020),
    refusal("channel by its new number", 422, 1400, ConfigurationError, 1140),
    refusal("recipient by its new number", 422, 1430, Rejected, 1170),
    refusal("tag", 422, 1021, Rejected, 1021),
    refusal("template", 422, 1022, Rejected, 1022),
    refusal("not on the channel", 422, 1300, Unreachable, 1300),
    refusal("something new", 422, 1999, Rejected, 1020),
    refusal("JSON", 422, "invalid-json", Rejected, 1020),
    refusal("too fast", 429, 1000, Throttled, 1000),
    refusal("too fast by its old number", 429, 1010, Throttled, 1000),
    refusal("platform", 500, 1000, Unavailable, 1331),
    refusal("gateway", 502, 1120, Unanswered, 1331),
    Send("reaction to nothing", content("reaction", emoji="👍"), to(WHATSAPP), raises=Rejected, code=1020),
    Send(
        "video of no length",
        content("video", url=URL, thumbnail_url=URL),
        to(VIBER, viber={"file_size": 3}),
        raises=Rejected,
        code=1010,
    ),
    Send("number in the title", reply=(422, {"title": "1340"}), raises=Rejected, code=1340),
    Send("answer without an id", reply=(202, {"message_uuid": None}), raises=Unanswered, code=1331),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, case)


FOREIGN = {
    SMS: ["image", "vcard", "location", "template", "custom", "sticker"],
    MMS: ["location", "template", "custom", "card"],
    WHATSAPP: ["vcard", "content", "carousel"],
    MESSENGER: ["vcard", "location", "template", "custom", "sticker", "reaction"],
    VIBER: ["audio", "vcard", "location", "template", "custom", "reaction"],
    RCS: ["vcard", "template", "content", "sticker"],
}
EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "location": SPOT,
    "template": {"name": "hello"},
    "custom": {"custom": {"text": "x"}},
    "reaction": {"emoji": "👍"},
    "content": {"items": [{"type": "image", **ALONE}]},
    "card": {"card": rich.PLAIN},
    "carousel": {"cards": [rich.PLAIN]},
}


@pytest.mark.parametrize(
    ("channel", "kind"),
    [(channel, kind) for channel, kinds in FOREIGN.items() for kind in kinds],
    ids=str,
)
def test_what_a_channel_cannot_carry_is_not_sent(channel: Channel, kind: str) -> None:
    what = content(kind, **EXAMPLES.get(kind, ALONE))
    assert sent(NAME, Send("", what, message=to(channel), raises=Rejected, code=1140)) is None


@pytest.mark.parametrize("channel", [WHATSAPP, SMS], ids=str)
def test_vonages_own_failover_is_not_for_us(channel: Channel) -> None:
    what = content("custom", custom={**STICKER, "failover": [{"message_type": "text"}]})
    assert sent(NAME, Send("", what, message=to(channel), raises=Rejected, code=1140)) is None


def verification(status: int, answer: Any = None, **settings: Any) -> Verification:
    def handle(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("POST", "https://api.nexmo.com/v1/messages")
        assert request.content == b"{}"
        assert request.headers["authorization"]
        return httpx.Response(status, json=answer)

    with httpx.Client(transport=httpx.MockTransport(handle)) as client:
        ours = PROVIDER.account(NAME, **settings)
        return adapter(NAME).verification(ours, SMS, "442079460123", client)


VERIFICATIONS: list[tuple[int, Any, str]] = [
    (422, error(1150), "verified"),
    (401, {"title": "Unauthorised"}, "failed"),
    (402, error("low-balance"), "failed"),
    (403, None, "failed"),
    (429, None, "pending"),
    (500, None, "pending"),
    (200, None, "failed"),
]


@pytest.mark.parametrize(("status", "answer", "state"), VERIFICATIONS, ids=str)
def test_credentials_are_checked(status: int, answer: Any, state: str) -> None:
    assert verification(status, answer).state == state


def test_missing_credentials_are_not_verified() -> None:
    assert verification(422, private_key="", api_secret="").state == "failed"


# --- media -----------------------------------------------------------------------------------------

MEDIA = [
    ("https://api-eu.nexmo.com/v3/media/7e1f", {}, True),
    ("https://api.nexmo.com/v3/media/7e1f", {}, True),
    ("https://media.vonage.com/7e1f", {}, True),
    ("http://127.0.0.1:9/vonage/v3/media/7e1f", {"base_url": "http://127.0.0.1:9/vonage"}, True),
    ("http://127.0.0.1:8/v3/media/7e1f", {"base_url": "http://127.0.0.1:9/vonage"}, False),
    ("http://api-eu.nexmo.com/v3/media/7e1f", {}, False),
    ("https://notnexmo.com/v3/media/7e1f", {}, False),
    ("https://nexmo.com.example/v3/media/7e1f", {}, False),
    ("https://api-eu.nexmo.com/v3/media/7e1f", {"private_key": ""}, False),
]


@pytest.mark.parametrize(("url", "settings", "ours"), MEDIA, ids=str)
def test_media_is_fetched_with_a_token_from_vonage_only(
    url: str, settings: Mapping[str, Any], ours: bool
) -> None:
    with httpx.Client() as client:
        request = adapter(NAME).download(url, PROVIDER.account(NAME, **settings), client)
    assert (request.method, str(request.url)) == ("GET", url)
    assert request.headers.get("authorization", "").startswith("Bearer ") is ours


# --- callbacks -------------------------------------------------------------------------------------

DONE = datetime(2026, 11, 25, 9, 0, 3, 500_000, tzinfo=UTC)
CAME = datetime(2026, 11, 25, 9, 10, 11, tzinfo=UTC)


def receipt(status: Status | None, when: datetime | None = DONE, **members: Any) -> Receipt:
    members = {"message_uuid": UUID, "provider_id": ID, **members}
    return Receipt(status, {}, at=when, **members)


def inbound(
    channel: Channel, *contents: InboundContent, when: datetime = CAME, **members: Any
) -> list[Inbound]:
    _, ours, person = TO[channel]
    first = "0d7c9a52-1f66-4b0d-9e3c-8b5a4d2f7713"
    return [
        Inbound(channel, first if index == 0 else f"{first}#{index}", person, ours, when, what, {}, **members)
        for index, what in enumerate(contents)
    ]


def written(channel: Channel, message_type: str, **members: Any) -> Mapping[str, Any]:
    name, ours, person = TO[channel]
    return {
        "channel": name,
        "message_uuid": "0d7c9a52-1f66-4b0d-9e3c-8b5a4d2f7713",
        "to": ours,
        "from": person,
        "timestamp": "2026-11-25T09:10:11Z",
        "message_type": message_type,
        **members,
    }


LINK = "https://api-eu.nexmo.com/v3/media/7e1f"
FILE = {"url": LINK, "caption": "the door"}
PLACE = {"lat": 51.5, "long": -0.125, "name": "The harbour", "address": "1 Quay Street"}

LAMPS = {"product_retailer_id": "lamp", "quantity": "2", "item_price": "9.5", "currency": "GBP"}
BOB = {"name": {"formatted_name": "Bob"}, "phones": [{"phone": "+447700900555"}]}

RECEIVES = [
    Receive("delivered", "delivered", [receipt(Status.DELIVERED, usage=Usage(Decimal("0.0714"), "EUR"))]),
    Receive("read", "read", [receipt(Status.READ, datetime(2026, 11, 25, 9, 5, tzinfo=UTC))]),
    Receive("rejected", "rejected", [receipt(Status.REJECTED, failure=Failure(1300, "1300"))]),
    Receive("SMS", "sms", inbound(SMS, came("text", text="stop parcels"))),
    Receive(
        "picture by WhatsApp",
        "whatsapp-image",
        inbound(WHATSAPP, came("image", url=LINK, caption="the door"), profile="Priya"),
    ),
    Receive(
        "several files by MMS",
        "mms-several",
        inbound(
            MMS,
            came("image", url="https://api-us.nexmo.com/v3/media/1"),
            came("vcard", url="https://api-us.nexmo.com/v3/media/2"),
            came("text", text="both of them"),
        ),
    ),
    *(
        Receive(f"{kind} by WhatsApp", written(WHATSAPP, kind, **{kind: FILE}), inbound(WHATSAPP, what))
        for kind, what in {
            "audio": came("audio", url=LINK, caption="the door"),
            "video": came("video", url=LINK, caption="the door"),
            "file": came("file", url=LINK, caption="the door"),
            "sticker": came("sticker", url=LINK),
        }.items()
    ),
    Receive(
        "vcard by MMS", written(MMS, "vcard", vcard={"url": LINK}), inbound(MMS, came("vcard", url=LINK))
    ),
    Receive(
        "location",
        written(WHATSAPP, "location", location=PLACE),
        inbound(
            WHATSAPP,
            came("location", latitude=51.5, longitude=-0.125, name="The harbour", address="1 Quay Street"),
        ),
    ),
    Receive(
        "reply",
        written(WHATSAPP, "reply", reply={"id": "r1", "title": "Tomorrow"}),
        inbound(WHATSAPP, came("reply", id="r1", title="Tomorrow")),
    ),
    Receive(
        "choice of a list, with what it answers",
        written(
            WHATSAPP,
            "reply",
            reply={"id": "r1", "title": "Tomorrow", "description": "9 to 12"},
            context={"message_uuid": ID, "message_from": "442079460123"},
        ),
        inbound(
            WHATSAPP,
            came("reply", id="r1", title="Tomorrow", description="9 to 12"),
            quotes=Quoted(provider_id=ID, sender="442079460123"),
        ),
    ),
    Receive(
        "question about a product",
        written(
            WHATSAPP,
            "text",
            text="Is it blue?",
            context={
                "message_uuid": ID,
                "message_from": "442079460123",
                "whatsapp_referred_product": {"catalog_id": "88", "product_retailer_id": "lamp"},
            },
        ),
        inbound(
            WHATSAPP,
            came("text", text="Is it blue?"),
            quotes=Quoted(
                provider_id=ID,
                sender="442079460123",
                product=Product(catalog_id="88", retailer_id="lamp"),
            ),
        ),
    ),
    *(
        Receive(
            f"reaction {emoji or 'taken back'}",
            written(WHATSAPP, "reaction", reaction=reaction, context={"message_uuid": ID}),
            inbound(WHATSAPP, came("reaction", emoji=emoji), quotes=Quoted(provider_id=ID)),
        )
        for emoji, reaction in (("👍", {"action": "react", "emoji": "👍"}), ("", {"action": "unreact"}))
    ),
    Receive(
        "reply by RCS",
        written(RCS, "reply", reply={"id": "r1", "title": ""}),
        inbound(RCS, came("reply", id="r1", title="r1")),
    ),
    Receive(
        "button",
        written(WHATSAPP, "button", button={"payload": "yes-7", "text": "Yes"}),
        inbound(WHATSAPP, came("button", payload="yes-7", text="Yes")),
    ),
    Receive(
        "order",
        written(WHATSAPP, "order", order={"catalog_id": "88", "product_items": [LAMPS]}),
        inbound(
            WHATSAPP,
            came(
                "order",
                catalog_id="88",
                products=[{"retailer_id": "lamp", "quantity": "2", "price": "9.5", "currency": "GBP"}],
            ),
        ),
    ),
    Receive(
        "order of no catalogue",
        written(WHATSAPP, "order", order={"product_items": [LAMPS]}),
        inbound(WHATSAPP, came("unsupported")),
    ),
    Receive(
        "people's cards",
        written(WHATSAPP, "contact", contact={"contacts": [BOB]}),
        inbound(WHATSAPP, came("contacts", cards=[BOB])),
    ),
    Receive("nothing we know", written(MESSENGER, "unsupported"), inbound(MESSENGER, came("unsupported"))),
    Receive("vcard without an address", written(MMS, "vcard", vcard={}), inbound(MMS, came("unsupported"))),
    Receive("text by Viber", written(VIBER, "text", text="Hi"), inbound(VIBER, came("text", text="Hi"))),
    Receive(
        "no time of its own",
        {**written(SMS, "text", text="Hi"), "timestamp": "soon"},
        inbound(SMS, came("text", text="Hi"), when=RECEIVED),
    ),
    Receive(
        "numbers with a plus",
        {**written(SMS, "text", text="Hi"), "from": "+447700900321"},
        inbound(SMS, came("text", text="Hi")),
    ),
]


@pytest.mark.parametrize("case", RECEIVES, ids=label)
def test_receives(case: Receive) -> None:
    assert received(NAME, case.body) == case.events


def changed(**members: Any) -> Mapping[str, Any]:
    return {**json.loads(fixture(NAME, "rejected")), **members}


STATUSES = [
    ("submitted", Status.SUBMITTED, None),
    ("delivered", Status.DELIVERED, None),
    ("read", Status.READ, None),
    ("rejected", Status.REJECTED, Failure(1300, "1300")),
    ("undeliverable", Status.UNDELIVERABLE, Failure(1300, "1300")),
    ("Delivered", None, None),
    (7, None, None),
    (None, None, None),
]


@pytest.mark.parametrize(("word", "status", "failure"), STATUSES, ids=str)
def test_statuses(word: Any, status: Status | None, failure: Failure | None) -> None:
    assert received(NAME, changed(status=word)) == [receipt(status, failure=failure)]


REASONS: list[tuple[Any, Failure]] = [
    (None, Failure(1330, "rejected")),
    ({}, Failure(1330, "rejected")),
    ({"title": "Something else"}, Failure(1330, "rejected")),
    ({"title": 1340}, Failure(1340, "1340")),
    ({"title": "1999"}, Failure(1330, "1999")),
    ({"title": "1000"}, Failure(1000, "1000")),
    ({"title": "1120"}, Failure(1120, "1120")),
    ({"title": "1140"}, Failure(1140, "1140")),
    ({"title": "1290"}, Failure(1280, "1290")),
    ({"title": "1430"}, Failure(1170, "1430")),
    ({"type": "https://developer.vonage.com/api-errors/messages#1240"}, Failure(1240, "1240")),
    ({"code": 1360, "reason": "TTL was activated"}, Failure(1360, "1360")),
]


@pytest.mark.parametrize(("error", "failure"), REASONS, ids=str)
def test_reasons(error: Any, failure: Failure) -> None:
    assert received(NAME, changed(error=error)) == [receipt(Status.REJECTED, failure=failure)]


def test_undeliverable_without_a_reason() -> None:
    payload = changed(status="undeliverable", error=None)
    assert received(NAME, payload) == [receipt(Status.UNDELIVERABLE, failure=Failure(1260, "undeliverable"))]


def test_what_was_sent_before_was_sent() -> None:
    assert received(NAME, changed(error={"title": "1320"})) == [receipt(Status.SUBMITTED)]


PRICES = [
    ({"price": "0.0333", "currency": "EUR"}, Usage(Decimal("0.0333"), "EUR")),
    ({"price": 0, "currency": "EUR"}, Usage(Decimal(0), "EUR")),
    ({"price": "-1", "currency": "EUR"}, None),
    ({"price": "free", "currency": "EUR"}, None),
    ({"price": "0.1"}, None),
    (None, None),
]


@pytest.mark.parametrize(("usage", "expected"), PRICES, ids=str)
def test_prices(usage: Any, expected: Usage | None) -> None:
    assert received(NAME, changed(status="read", usage=usage)) == [receipt(Status.READ, usage=expected)]


REFERENCES: list[tuple[Any, str | None, Part | None]] = [
    (f"{UUID}:2/3", UUID, Part(number=2, of=3)),
    (f"{UUID}:", UUID, None),
    (f"{UUID}:0/3", UUID, None),
    (f"{UUID}:two", UUID, None),
    ("order 7", None, None),
    (7, None, None),
    (None, None, None),
]


@pytest.mark.parametrize(("reference", "uuid", "part"), REFERENCES, ids=str)
def test_references(reference: Any, uuid: str | None, part: Part | None) -> None:
    expected = receipt(Status.READ, message_uuid=uuid, part=part)
    assert received(NAME, changed(status="read", client_ref=reference)) == [expected]


TIMES = [
    ("2026-11-25T09:00:03Z", datetime(2026, 11, 25, 9, 0, 3, tzinfo=UTC)),
    ("2026-11-25 09:00:03 UTC", datetime(2026, 11, 25, 9, 0, 3, tzinfo=UTC)),
    ("2026-11-25T10:00:03.5+01:00", DONE),
    ("yesterday", None),
    (None, None),
]


@pytest.mark.parametrize(("written", "when"), TIMES, ids=str)
def test_times(written: Any, when: datetime | None) -> None:
    assert received(NAME, changed(status="read", timestamp=written)) == [receipt(Status.READ, when)]


ODD = [
    {},
    {"channel": "sms"},
    {**written(SMS, "text", text="Hi"), "from": None},
    {**written(SMS, "text", text="Hi"), "message_uuid": ""},
    {**written(SMS, "text", text="Hi"), "channel": "smoke"},
]


@pytest.mark.parametrize("payload", ODD, ids=str)
def test_what_is_not_news_is_skipped(payload: Mapping[str, Any]) -> None:
    assert received(NAME, payload) == []


# --- signatures ------------------------------------------------------------------------------------


def test_a_callback_may_be_old_or_from_a_fast_clock() -> None:
    now = int(RECEIVED.timestamp())
    for issued in (now - 24 * 3600, now + 3600, "soon"):
        adapter(NAME).verify(hook(b"{}", token(b"{}", iat=issued)), ACCOUNT)


def test_a_callback_that_is_older_than_its_last_repeat_is_refused() -> None:
    now = int(RECEIVED.timestamp())
    for issued in (1, now - 26 * 3600, now + 26 * 3600):
        with pytest.raises(BadSignature):
            adapter(NAME).verify(hook(b"{}", token(b"{}", iat=issued)), ACCOUNT)


def test_the_scheme_is_written_in_any_case() -> None:
    adapter(NAME).verify(hook(b"{}", token(b"{}"), "bearer "), ACCOUNT)


def test_without_a_key_of_its_own_an_account_believes_its_secret() -> None:
    account = Account(NAME, "main", {"signature_secret": SIGNATURE_SECRET})
    adapter(NAME).verify(hook(b"{}", token(b"{}", api_key="another")), account)
    with pytest.raises(BadSignature):
        adapter(NAME).verify(hook(b"{ }", token(b"{}")), account)
