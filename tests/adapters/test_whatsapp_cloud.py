"""WhatsApp Cloud API."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import httpx
import pytest

from switchboard.adapters import adapter
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    Rejected,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Failure, Hook, Inbound, Receipt, Usage
from switchboard.models.messages import Channel, InboundContent, Status
from tests.adapters.cases import (
    META_SETTINGS,
    RECEIVED,
    UUID,
    Failed,
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
    settings={**META_SETTINGS, "phone_numbers": {"442079460123": "208114755012345"}},
    message=text_message(Channel.WHATSAPP, "442079460123", "447700900321"),
    signed=meta_hook,
    forged=meta_forged,
    batch="batch",
    events=3,
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


def body(kind: str, **members: Any) -> dict[str, Any]:
    return {**ADDRESSING, "type": kind, kind: members}


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
    (132001, Rejected, 1022),
    (100, Rejected, 1020),
    (130429, Throttled, 1000),
    (131000, Unavailable, 1331),
    (190, ConfigurationError, 1370),
    (200, ConfigurationError, 1370),
    (299, ConfigurationError, 1370),
    (131042, ConfigurationError, 1070),
    (131045, ConfigurationError, 1120),
    (999999, Rejected, 1020),
]


@pytest.mark.parametrize(("code", "error", "ours"), REFUSALS, ids=lambda value: str(value))
def test_refusals(code: int, error: Failed, ours: int) -> None:
    sent(NAME, Send("", reply=refusal(code), raises=error, code=ours, provider_code=str(code)))


FAILURES = [
    Send("pair limit names its pause", reply=(400, "refused"), raises=Throttled, code=1000, retry_after=6),
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
    }
    return Inbound(**values | members)  # type: ignore[arg-type]


def graph(media_id: int) -> str:
    return f"https://graph.facebook.com/v26.0/{media_id}"


UNSUPPORTED = came("unsupported")
RECEIVES = [
    Receive(
        "statuses",
        "statuses",
        [
            receipt(Status.SUBMITTED, 1795600000),
            receipt(Status.DELIVERED, 1795600004, usage=Usage(Decimal(0), "EUR")),
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
            inbound(1, came("text", text="Where is it? 📦")),
            inbound(2, came("image", url=graph(71001), caption="the door")),
            inbound(3, came("image", url=graph(71002))),
            inbound(4, came("audio", url=graph(71003))),
            inbound(5, came("video", url="https://lookaside.example/71004")),
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
            inbound(8, came("text", text="No more")),
            inbound(9, came("text", text="Yes")),
            inbound(10, came("text", text="Tuesday")),
            inbound(11, came("text", text="Sent")),
            inbound(12, UNSUPPORTED),
            inbound(13, UNSUPPORTED),
            inbound(14, UNSUPPORTED),
        ],
    ),
    Receive(
        "somebody with a user name and no number",
        "username",
        [
            inbound(21, came("text", text="no number"), sender="GB.77001122334455"),
            inbound(22, came("text", text="by contact"), sender="GB.77001122334455"),
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


def test_accepted_by_user_id() -> None:
    reply = httpx.Response(200, json={"contacts": [{"user_id": "GB.1"}], "messages": [{"id": "wamid.9"}]})
    assert adapter(NAME).accepted(reply) == "wamid.9"
