"""Infobip: what its channels share, SMS and Viber Business Messages. WhatsApp is in test_infobip_whatsapp."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from switchboard.adapters import adapter
from switchboard.adapters.base import Account, Verification
from switchboard.errors import ConfigurationError, Rejected, Throttled, Unanswered, Unavailable, Unreachable
from switchboard.models.events import Failure, Hook, Inbound, Receipt, Usage
from switchboard.models.messages import Channel, InboundContent, Status
from tests.adapters.cases import (
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

NAME = "infobip"


def infobip_forged(body: bytes) -> Mapping[str, Hook]:
    tokens = {
        "empty": "",
        "wrong": "callback-tokem-9",
        "cut short": "callback-token-",
        "not ASCII": "é\udcff",
    }
    return {"missing": Hook(body), "in a header": Hook(body, headers={"token": "callback-token-9"})} | {
        name: Hook(body, query={"token": value}) for name, value in tokens.items()
    }


PROVIDER = Provider(
    settings={
        "base_url": "https://x1.api.example",
        "api_key": "infobip-key-of-a-test",
        "callback_token": "callback-token-9",
        "callback_url": "https://hooks.example/",
    },
    message=text_message(Channel.VIBER, "ExampleShop", "447700900321"),
    signed=lambda body: Hook(body, query={"token": "callback-token-9"}),
    forged=infobip_forged,
    batch="batch",
    events=4,
    unknown={"results": [{"messageId": UUID, "status": {"groupId": 77, "name": "TELEPATHY"}}]},
    secret="callback_token",
)
CALLBACK = "https://hooks.example/status/infobip/main?token=callback-token-9"
HOOKS = {"delivery": {"url": CALLBACK}, "seen": {"url": CALLBACK}}
ECHO = {"callbackData": UUID, "contentType": "application/json"}
PICTURE = "https://shop.example/pictures/door.jpg"
TEXT = {"type": "TEXT", "text": "Your parcel is on its way"}


def body(
    what: Mapping[str, Any] = TEXT, label: str = "TRANSACTIONAL", seconds: int | None = None
) -> Mapping[str, Any]:
    options: dict[str, Any] = {"label": label}
    if seconds is not None:
        options["validityPeriod"] = {"amount": seconds, "timeUnit": "SECONDS"}
    message = {
        "sender": "ExampleShop",
        "destinations": [{"to": "447700900321", "messageId": UUID}],
        "content": what,
        "options": options,
        "webhooks": {**HOOKS, **ECHO},
    }
    return {"messages": [message]}


def ttl(seconds: int | None, lifetime: int | None = None) -> Mapping[str, Any]:
    return {"viber": {"ttl": seconds}, "lifetime": lifetime}


SMS = {"channel": Channel.SMS, "sender": "442079460123"}


FILM = "https://shop.example/v.mp4"
VIDEO = {"viber": {"duration": 61, "file_size": 3}}


def sms(
    seconds: int | None = None, text: Mapping[str, Any] | None = None, **options: Any
) -> Mapping[str, Any]:
    if seconds is not None:
        options["validityPeriod"] = {"amount": seconds, "timeUnit": "SECONDS"}
    message: dict[str, Any] = {
        "sender": "442079460123",
        "destinations": [{"to": "447700900321", "messageId": UUID}],
        "content": {"text": "Your parcel is on its way", **(text or {})},
        "webhooks": {"delivery": {"url": CALLBACK}, **ECHO},
        **({"options": options} if options else {}),
    }
    return {"messages": [message]}


SENDS = [
    Send("text", body=body(), url="https://x1.api.example/viber/2/messages"),
    Send("promotion", message={"viber": {"category": "promotion"}}, body=body(label="PROMOTIONAL")),
    Send("ttl", message=ttl(600), body=body(seconds=600)),
    Send("ttl before the step's time", message=ttl(600, 60), body=body(seconds=600)),
    Send("the step's time", message=ttl(None, 3600), body=body(seconds=3600)),
    Send("not below Viber's least", message=ttl(None, 5), body=body(seconds=30)),
    Send("not above Infobip's most", message=ttl(259_200), body=body(seconds=172_800)),
    Send(
        "image",
        content("image", url=PICTURE, caption="the door"),
        body=body({"type": "IMAGE", "mediaUrl": PICTURE, "text": "the door"}),
    ),
    Send("image alone", content("image", url=PICTURE), body=body({"type": "IMAGE", "mediaUrl": PICTURE})),
    Send(
        "file",
        content("file", url="https://shop.example/order%207.pdf"),
        body=body(
            {"type": "FILE", "mediaUrl": "https://shop.example/order%207.pdf", "fileName": "order 7.pdf"}
        ),
    ),
    Send(
        "file with a name of its own",
        content("file", url="https://shop.example/7", name="order 7.pdf"),
        body=body({"type": "FILE", "mediaUrl": "https://shop.example/7", "fileName": "order 7.pdf"}),
    ),
    Send(
        "video",
        content("video", url=FILM, thumbnail_url=PICTURE, caption="look"),
        message=VIDEO,
        body=body(
            {
                "type": "VIDEO",
                "mediaUrl": FILM,
                "mediaDuration": "PT61S",
                "thumbnailUrl": PICTURE,
                "text": "look",
            }
        ),
    ),
    *(
        Send(
            f"{what['type']} with a button",
            content(str(what["type"]).lower(), **given),
            message={"viber": {"action": {"url": "https://shop.example/7", "text": "Track it"}}},
            body=body({**what, "button": {"title": "Track it", "action": "https://shop.example/7"}}),
        )
        for what, given in (
            (TEXT, {"text": TEXT["text"]}),
            ({"type": "IMAGE", "mediaUrl": PICTURE, "text": "it"}, {"url": PICTURE, "caption": "it"}),
        )
    ),
    Send(
        "template",
        content("template", name="otp-9", parameters=("1234", "5 minutes")),
        message={"whatsapp": {"locale": "de"}},
        body=body(
            {
                "type": "OTP_TEMPLATE",
                "templateId": "otp-9",
                "parameters": {"1": "1234", "2": "5 minutes"},
                "language": "de",
            }
        ),
    ),
    Send(
        "template without parameters",
        content("template", name="otp-9"),
        body=body({"type": "OTP_TEMPLATE", "templateId": "otp-9", "parameters": {}, "language": "en"}),
    ),
    Send(
        "custom",
        content("custom", custom={"type": "LIST", "text": "When?", "options": ["today", "later"]}),
        body=body({"type": "LIST", "text": "When?", "options": ["today", "later"]}),
    ),
    Send(
        "host as Infobip shows it",
        settings={"base_url": "x9.api.example"},
        url="https://x9.api.example/viber/2/messages",
    ),
    Send("sent before", reply=(200, "duplicate")),
    Send("SMS", message=SMS, body=sms(), url="https://x1.api.example/sms/3/messages"),
    Send("SMS with the step's time", message={**SMS, "lifetime": 600}, body=sms(600)),
    Send("SMS with no time left", message={**SMS, "lifetime": 0}, body=sms(1)),
    Send("SMS not above Infobip's most", message={**SMS, "lifetime": 604_800}, body=sms(172_800)),
    Send("Viber's ttl is not SMS's", message={**SMS, "viber": {"ttl": 60}}, body=sms()),
    Send(
        "SMS as India registers it",
        message={**SMS, "sms": {"content_id": "1107", "entity_id": "1101"}},
        body=sms(regional={"indiaDlt": {"contentTemplateId": "1107", "principalEntityId": "1101"}}),
    ),
    Send(
        "SMS in plain letters",
        message={**SMS, "sms": {"encoding": "text"}},
        body=sms(text={"transliteration": "NON_UNICODE"}),
    ),
    Send("SMS in any letters", message={**SMS, "sms": {"encoding": "unicode"}}, body=sms()),
    Send("SMS sent before", message=SMS, reply=(200, "duplicate")),
]


@pytest.mark.parametrize("case", SENDS, ids=label)
def test_sends(case: Send) -> None:
    request = sent(NAME, Send(**{**vars(case), "id": UUID}))
    assert request
    assert request.headers["authorization"] == "App infobip-key-of-a-test"


def test_without_a_public_address_no_reports_are_asked_for() -> None:
    request = sent(NAME, Send("", settings={"callback_url": ""}, id=UUID))
    assert request
    assert json.loads(request.content)["messages"][0]["webhooks"] == ECHO


def test_callback_addresses_are_escaped() -> None:
    request = sent(NAME, Send("", settings={"callback_token": "a&b=c d"}, id=UUID))
    assert request
    hooks = json.loads(request.content)["messages"][0]["webhooks"]
    assert hooks["seen"]["url"] == "https://hooks.example/status/infobip/main?token=a%26b%3Dc+d"


def answered(group: int, status_id: int, error: str | None = None) -> Mapping[str, Any]:
    message: dict[str, Any] = {
        "messageId": UUID,
        "status": {"groupId": group, "id": status_id, "name": "A_STATUS"},
    }
    if error:
        message["error"] = {"id": 1, "name": error}
    return {"messages": [message]}


HIDDEN_REFUSALS: list[tuple[int, int, Failed, int]] = [
    (5, 10, Rejected, 1240),
    (5, 12, ConfigurationError, 1070),
    (5, 13, ConfigurationError, 1120),
    (5, 18, ConfigurationError, 1160),
    (5, 20, Throttled, 1000),
    (5, 21, Unavailable, 1331),
    (5, 51, Rejected, 1170),
    (5, 999, Rejected, 1330),
    (2, 9, Unreachable, 1260),
    (4, 15, Unreachable, 1360),
]


@pytest.mark.parametrize(("group", "status_id", "error", "ours"), HIDDEN_REFUSALS, ids=str)
def test_a_refusal_can_hide_in_a_200(group: int, status_id: int, error: Failed, ours: int) -> None:
    reply = (200, answered(group, status_id))
    sent(NAME, Send("", reply=reply, raises=error, code=ours, provider_code="A_STATUS"))


FAILURES = [
    Send(
        "no credit",
        reply=(200, "rejected"),
        raises=ConfigurationError,
        code=1070,
        provider_code="REJECTED_NOT_ENOUGH_CREDITS",
    ),
    Send("bad request", reply=(400, "refused"), raises=Rejected, code=1020, provider_code="E400"),
    Send(
        "bad key",
        reply=(401, "unauthorised"),
        raises=ConfigurationError,
        code=1370,
        provider_code="UNAUTHORIZED",
    ),
    Send("answer without an id", reply=(200, {"messages": []}), raises=Unanswered, code=1331),
    Send("audio", content("audio", url="https://shop.example/a.mp3"), raises=Rejected, code=1140),
    Send("video alone", content("video", url=FILM), VIDEO, raises=Rejected, code=1010),
    Send(
        "video of no length",
        content("video", url=FILM, thumbnail_url=PICTURE),
        raises=Rejected,
        code=1010,
    ),
    Send("sticker", content("sticker", url=PICTURE), raises=Rejected, code=1140),
    Send("vcard", content("vcard", url="https://shop.example/a.vcf"), raises=Rejected, code=1140),
    Send("no callback token", settings={"callback_token": ""}, raises=ConfigurationError, code=1370),
    Send(
        "SMS without credit",
        message=SMS,
        reply=(200, "rejected"),
        raises=ConfigurationError,
        code=1070,
        provider_code="REJECTED_NOT_ENOUGH_CREDITS",
    ),
    Send(
        "SMS with an image",
        content("image", url=PICTURE),
        message=SMS,
        raises=Rejected,
        code=1140,
    ),
    Send(
        "SMS with custom content",
        content("custom", custom={"text": "x"}),
        message=SMS,
        raises=Rejected,
        code=1140,
    ),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, case)


def test_no_host_of_the_account_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError):
        adapter(NAME).request(PROVIDER.message, Account(NAME, "main", {"api_key": "k"}))


# --- callbacks -------------------------------------------------------------------------------------

DONE = datetime(2026, 11, 25, 9, 0, 3, 500_000, tzinfo=UTC)


def receipt(status: Status | None, when: datetime = DONE, **members: Any) -> Receipt:
    return Receipt(status, {}, message_uuid=UUID, provider_id=UUID, at=when, **members)


def inbound(number: int, what: InboundContent) -> Inbound:
    when = datetime(2026, 11, 25, 9, 10, 11, 120_000, tzinfo=UTC)
    return Inbound(Channel.VIBER, str(6 * 10**18 + number), "447700900321", "ExampleShop", when, what, {})


def written(number: int, sender: str, recipient: str, what: InboundContent) -> Inbound:
    when = datetime(2026, 11, 25, 9, 10, 11, 120_000, tzinfo=UTC)
    return Inbound(Channel.SMS, str(7 * 10**18 + number), sender, recipient, when, what, {})


RECEIVES = [
    Receive("delivered", "delivered", [receipt(Status.DELIVERED, usage=Usage(Decimal("0.0213"), "EUR"))]),
    Receive(
        "not a Viber user",
        "unknown-user",
        [receipt(Status.UNDELIVERABLE, failure=Failure(1300, "EC_UNKNOWN_USER"))],
    ),
    Receive("seen", "seen", [receipt(Status.READ, datetime(2026, 11, 25, 9, 5, tzinfo=UTC))]),
    Receive(
        "every kind of inbound message",
        "inbound",
        [
            inbound(1, came("text", text="Thanks!")),
            inbound(2, came("image", url="https://media.example/1.jpg", caption="the door")),
            inbound(3, came("video", url="https://media.example/2.mp4")),
            inbound(4, came("file", url="https://media.example/3.pdf")),
            inbound(5, came("unsupported")),
        ],
    ),
    Receive(
        "SMS in three parts",
        "sms-delivered",
        [receipt(Status.DELIVERED, usage=Usage(Decimal("0.1035"), "EUR"))],
    ),
    Receive(
        "inbound SMS",
        "sms-inbound",
        [
            written(1, "447700900321", "442079460123", came("text", text="STOP parcels")),
            written(2, "447700900322", "62442", came("unsupported")),
        ],
    ),
]


@pytest.mark.parametrize("case", RECEIVES, ids=label)
def test_receives(case: Receive) -> None:
    assert received(NAME, case.body) == case.events


REPORTS: list[tuple[int, int, str | None, Status | None, Failure | None]] = [
    (0, 0, None, Status.SUBMITTED, None),
    (1, 3, None, Status.SUBMITTED, None),
    (3, 2, None, Status.SUBMITTED, None),
    (3, 5, None, Status.DELIVERED, None),
    (2, 4, None, Status.UNDELIVERABLE, Failure(1260, "A_STATUS")),
    (2, 9, "EC_BLOCKED_CONTENT", Status.REJECTED, Failure(1210, "EC_BLOCKED_CONTENT")),
    (2, 9, "SRVC_USER_BLOCKED", Status.UNDELIVERABLE, Failure(1240, "SRVC_USER_BLOCKED")),
    (2, 9, "EC_PROVIDER_TIMEOUT", Status.UNDELIVERABLE, Failure(1331, "EC_PROVIDER_TIMEOUT")),
    (2, 9, "EC_SOMETHING_NEW", Status.UNDELIVERABLE, Failure(1260, "EC_SOMETHING_NEW")),
    (4, 15, None, Status.UNDELIVERABLE, Failure(1360, "A_STATUS")),
    (5, 14, None, Status.REJECTED, Failure(1050, "A_STATUS")),
    (5, 12, None, Status.REJECTED, Failure(1070, "A_STATUS")),
    (5, 20, None, Status.UNDELIVERABLE, Failure(1000, "A_STATUS")),
    (5, 999, None, Status.REJECTED, Failure(1330, "A_STATUS")),
    (5, 23, None, Status.SUBMITTED, None),
    (2, 9, "EC_DUPLICATE_REQUEST", Status.SUBMITTED, None),
    (2, 9, "EC_DUPLICATE_MESSAGE", Status.SUBMITTED, None),
    (2, 9, "EC_UNKNOWN_SUBSCRIBER", Status.UNDELIVERABLE, Failure(1190, "EC_UNKNOWN_SUBSCRIBER")),
    (2, 9, "EC_ILLEGAL_SUBSCRIBER", Status.REJECTED, Failure(1280, "EC_ILLEGAL_SUBSCRIBER")),
    (4, 15, "EC_ABSENT_SUBSCRIBER", Status.UNDELIVERABLE, Failure(1180, "EC_ABSENT_SUBSCRIBER")),
    (2, 9, "EC_TIME_OUT", Status.UNDELIVERABLE, Failure(1230, "EC_TIME_OUT")),
    (2, 9, "EC_CONTENT_BLOCKED", Status.REJECTED, Failure(1240, "EC_CONTENT_BLOCKED")),
    (6, 1, None, None, None),
]


@pytest.mark.parametrize(("group", "status_id", "error", "status", "failure"), REPORTS, ids=str)
def test_reports(
    group: int, status_id: int, error: str | None, status: Status | None, failure: Failure | None
) -> None:
    payload = json.loads(fixture(NAME, "delivered"))
    report = payload["results"][0]
    report["status"] = {"groupId": group, "id": status_id, "name": "A_STATUS"}
    if error:
        report["error"] = {"id": 7, "name": error}
    usage = Usage(Decimal("0.0213"), "EUR") if status is Status.DELIVERED else None
    assert received(NAME, payload) == [receipt(status, failure=failure, usage=usage)]


PRICES = [
    ({"pricePerMessage": 0, "currency": "EUR"}, Usage(Decimal(0), "EUR")),
    ({"pricePerMessage": 0.1, "currency": "USD"}, Usage(Decimal("0.1"), "USD")),
    ({"pricePerMessage": -1, "currency": "EUR"}, None),
    ({"pricePerMessage": "free", "currency": "EUR"}, None),
    ({"pricePerMessage": True, "currency": "EUR"}, None),
    ({"pricePerMessage": 0.1}, None),
    (None, None),
]


@pytest.mark.parametrize(("price", "usage"), PRICES, ids=str)
def test_prices(price: Any, usage: Usage | None) -> None:
    payload = json.loads(fixture(NAME, "delivered"))
    payload["results"][0]["price"] = price
    assert received(NAME, payload) == [receipt(Status.DELIVERED, usage=usage)]


@pytest.mark.parametrize("count", [0, -1, None, "3", True])
def test_a_message_has_at_least_one_part(count: Any) -> None:
    payload = json.loads(fixture(NAME, "sms-delivered"))
    payload["results"][0]["messageCount"] = count
    usage = Usage(Decimal("0.0345"), "EUR")
    assert received(NAME, payload) == [receipt(Status.DELIVERED, usage=usage)]


def test_our_id_is_found_without_the_echo_and_times_without_a_zone_are_utc() -> None:
    payload = {"results": [{"messageId": UUID, "seenAt": "2026-11-25T09:05:00"}]}
    assert received(NAME, payload) == [receipt(Status.READ, datetime(2026, 11, 25, 9, 5, tzinfo=UTC))]


ODD = [
    {},
    {"results": 7},
    {"results": [None, {}, {"messageId": UUID}]},
    {"results": [{"message": {"type": "TEXT", "text": "from nobody"}}]},
    {"results": [{"sender": "1", "to": "2", "messageId": "3", "receivedAt": "soon", "message": {}}]},
]


@pytest.mark.parametrize("payload", ODD, ids=str)
def test_what_is_not_news_is_skipped(payload: Mapping[str, Any]) -> None:
    assert received(NAME, payload) == []


# --- access ----------------------------------------------------------------------------------------

ACCOUNT = PROVIDER.account(NAME)
KEY = "App infobip-key-of-a-test"


def refusal(code: str) -> Verification:
    return Verification("failed", f"the provider refused: 1370 ({code})")


CHECKS: list[tuple[str, int, Any, Verification]] = [
    ("verified", 200, {"balance": -1.5, "currency": "EUR"}, Verification("verified")),
    ("bad key", 401, json.loads(fixture(NAME, "unauthorised")), refusal("UNAUTHORIZED")),
    ("no such scope", 403, {"errorCode": "E403", "violations": []}, refusal("E403")),
    ("down", 500, {}, Verification("pending", "the provider did not answer: 1331 (500)")),
    (
        "something else answers",
        200,
        {},
        Verification("pending", "the provider did not answer: 1331 (no balance)"),
    ),
]


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.VIBER])
@pytest.mark.parametrize(
    ("status", "body", "expected"), [case[1:] for case in CHECKS], ids=[case[0] for case in CHECKS]
)
def test_check(channel: Channel, status: int, body: Any, expected: Verification) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, json=body)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        assert adapter(NAME).verification(ACCOUNT, channel, "ExampleShop", client) == expected
    (request,) = requests
    assert (request.method, str(request.url)) == ("GET", "https://x1.api.example/account/1/balance")
    assert request.headers["authorization"] == KEY


MEDIA = [
    ("https://x1.api.example/whatsapp/1/senders/442079460123/media/1", KEY),
    ("https://api.infobip.com/whatsapp/1/senders/442079460123/media/1", KEY),
    ("https://x9.api.infobip.com/whatsapp/1/senders/442079460123/media/1", KEY),
    ("http://api.infobip.com/whatsapp/1/senders/442079460123/media/1", None),
    ("http://x1.api.example/whatsapp/1/senders/442079460123/media/1", None),
    ("https://x1.api.example:8443/1", None),
    ("https://x1.api.example.evil.example/1", None),
    ("https://evilapi.infobip.com.example/1", None),
    ("https://evilapi.infobip.com/1", None),
    ("https://media.example/1.jpg", None),
]


@pytest.mark.parametrize(("media", "key"), MEDIA, ids=[media for media, _ in MEDIA])
def test_nobody_else_gets_the_key_with_a_download(media: str, key: str | None) -> None:
    with httpx.Client() as client:
        request = adapter(NAME).download(media, ACCOUNT, client)
    assert (request.method, str(request.url)) == ("GET", media)
    assert request.headers.get("authorization") == key
