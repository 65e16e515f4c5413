"""RCS through Google."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from switchboard.adapters import adapter, base
from switchboard.adapters.base import Verification
from switchboard.applications import key_pair
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    Rejected,
    SwitchboardError,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Event, Failure, Hook, Inbound, Receipt
from switchboard.models.messages import Channel, InboundContent, Status
from tests.adapters import rich
from tests.adapters.cases import (
    UUID,
    Answer,
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

NAME = "rcs_google"
AGENT, PERSON = "harbour_k3v9_agent", "447700900321"
PRIVATE_KEY, PUBLIC_KEY = key_pair()
CLIENT_TOKEN = "client token of a test"
PUBLISHED = datetime(2026, 11, 25, 9, 30, 12, tzinfo=UTC)
TOKEN_URL = "https://oauth2.googleapis.com/token"


def signature(data: bytes, key: str = CLIENT_TOKEN) -> str:
    return base64.b64encode(hmac.new(key.encode(), data, hashlib.sha512).digest()).decode()


def envelope(data: str, given: str | None, **members: Any) -> Hook:
    message = {"data": data, "messageId": "11873024", "publishTime": "2026-11-25T09:30:12.000Z", **members}
    headers = {} if given is None else {"x-goog-signature": given}
    return Hook(json.dumps({"message": message, "subscription": "projects/h/s"}).encode(), headers=headers)


def wrapped(data: bytes) -> str:
    return base64.b64encode(data).decode()


def signed(data: bytes) -> Hook:
    return envelope(wrapped(data), signature(data))


def forged(data: bytes) -> Mapping[str, Hook]:
    true = signature(data)
    signatures = {
        "empty": "",
        "of another token": signature(data, "another"),
        "of other data": signature(data + b" "),
        "of what is not decoded": signature(wrapped(data).encode() + b"\n"),
        "cut short": true[:-1],
        "in hexadecimal": hmac.new(CLIENT_TOKEN.encode(), data, hashlib.sha512).hexdigest(),
        "by another hash": base64.b64encode(hmac.digest(CLIENT_TOKEN.encode(), data, "sha256")).decode(),
        "not ASCII": "é\udcff",
    }
    bodies = {
        "not wrapped": data,
        "no message": b"{}",
        "odd message": b'{"message": "x"}',
        "no data": b'{"message": {}}',
        "odd data": b'{"message": {"data": 7}}',
        "data that is not base64": b'{"message": {"data": "\xc3\xa9!"}}',
        "data cut short": b'{"message": {"data": "abc"}}',
    }
    return (
        {"missing": envelope(wrapped(data), None)}
        | {name: envelope(wrapped(data), value) for name, value in signatures.items()}
        | {name: Hook(body, headers={"x-goog-signature": true}) for name, body in bodies.items()}
    )


PROVIDER = Provider(
    settings={
        "client_email": "switchboard@harbour.iam.example",
        "private_key": PRIVATE_KEY,
        "client_token": CLIENT_TOKEN,
    },
    message=text_message(Channel.RCS, AGENT, PERSON),
    signed=signed,
    forged=forged,
    batch="text",
    events=1,
    unknown={**json.loads(fixture(NAME, "delivered")), "eventType": "TELEPATHY"},
    secret="client_token",
    login=(TOKEN_URL, {"access_token": "ACCESS-1", "expires_in": 3599, "token_type": "Bearer"}),
)
PICTURE = "https://shop.example/pictures/door.jpg"
SHOWN = f"v1/phones/agentMessages?messageId={UUID}&agentId={AGENT}"
"""What logs see of an address."""
TARGET = f"v1/phones/+{PERSON}/agentMessages?messageId={UUID}&agentId={AGENT}"


def body(contents: Mapping[str, Any], **members: Any) -> Mapping[str, Any]:
    return {"contentMessage": contents, "messageTrafficType": "TRANSACTION", **members}


def map_chip(words: str, chip: str, **label: str) -> Mapping[str, Any]:
    action = {
        "text": chip,
        "postbackData": "51.5, -0.125",
        "viewLocationAction": {"latLong": SPOT, **label},
    }
    return body({"text": words, "suggestions": [{"action": action}]})


SPOT = {"latitude": 51.5, "longitude": -0.125}
CARD = {"richCard": {"standaloneCard": {"cardOrientation": "VERTICAL", "cardContent": {"title": "Order 7"}}}}
TEXT = {"text": "Your parcel is on its way"}


def action(suggestion: Mapping[str, Any], **members: Any) -> Mapping[str, Any]:
    fallback = {"fallbackUrl": suggestion["fallback_url"]} if "fallback_url" in suggestion else {}
    words = {"text": suggestion["text"], "postbackData": suggestion["postback"]}
    return {"action": {**words, **fallback, **members}}


WEBVIEW = {"application": "WEBVIEW", "webviewViewMode": "TALL", "description": "The boots"}
CHIPS = [
    {"reply": {"text": "Keep it", "postbackData": "keep:7"}},
    action(rich.DIAL, dialAction={"phoneNumber": "+442079460123"}),
    action(rich.PLACE, viewLocationAction={"latLong": SPOT, "label": "The quay"}),
    action(rich.SHARE, shareLocationAction={}),
    action(rich.OPEN, openUrlAction={"url": rich.SHOP}),
    action(rich.PEEK, openUrlAction={"url": rich.SHOP, **WEBVIEW}),
    action(
        rich.EVENT,
        createCalendarEventAction={
            "startTime": "2026-12-01T09:00:00Z",
            "endTime": "2026-12-01T10:30:00Z",
            "title": "Delivery",
            "description": "The boots come",
        },
    ),
]
BOOTS = {
    "title": "Boots",
    "description": "Dry feet",
    "media": {"height": "MEDIUM", "contentInfo": {"fileUrl": rich.PICTURE}},
}
FULL = {
    **BOOTS,
    "media": {
        "height": "TALL",
        "contentInfo": {
            "fileUrl": rich.PICTURE,
            "thumbnailUrl": f"{rich.PICTURE}?small",
            "forceRefresh": True,
        },
    },
    "suggestions": [CHIPS[0]],
}
SENDS = [
    Send(
        "text",
        body=body(TEXT),
        url=f"https://rcsbusinessmessaging.googleapis.com/{SHOWN}",
        headers={"Authorization": "Bearer ACCESS-1"},
    ),
    Send(
        "elsewhere",
        settings={"base_url": "https://europe-rcs.example/"},
        url=f"https://europe-rcs.example/{SHOWN}",
    ),
    Send("longest text", content("text", text="é" * 3072), body=body({"text": "é" * 3072})),
    Send(
        "image",
        content("image", url=PICTURE, caption="RCS shows none"),
        body=body({"contentInfo": {"fileUrl": PICTURE}}),
    ),
    *(
        Send(kind, content(kind, url=PICTURE), body=body({"contentInfo": {"fileUrl": PICTURE}}))
        for kind in ("audio", "video", "file")
    ),
    Send(
        "location",
        content("location", **SPOT, name="The harbour", address="1 Quay Street"),
        body=map_chip("The harbour\n1 Quay Street", "The harbour", label="The harbour, 1 Quay Street"),
    ),
    Send(
        "location with long words",
        content("location", **SPOT, name="n" * 26, address="a" * 3072),
        body=map_chip(f"{'n' * 26}\n{'a' * 3045}", "n" * 25, label=f"{'n' * 26}, {'a' * 72}"),
    ),
    Send(
        "location without words",
        content("location", **SPOT, name=" "),
        body=map_chip("51.5, -0.125", "Map"),
    ),
    Send("custom", content("custom", custom=CARD), body=body(CARD)),
    Send(
        "text with every suggestion",
        message={"suggestions": rich.EVERY},
        body=body({**TEXT, "suggestions": CHIPS}),
    ),
    Send(
        "video with a thumbnail and a suggestion",
        content("video", url=PICTURE, thumbnail_url=f"{PICTURE}?small"),
        message={"suggestions": [rich.REPLY]},
        body=body(
            {
                "contentInfo": {"fileUrl": PICTURE, "thumbnailUrl": f"{PICTURE}?small"},
                "suggestions": [CHIPS[0]],
            }
        ),
    ),
    Send(
        "location with a suggestion",
        content("location", **SPOT, name="The harbour"),
        message={"suggestions": [rich.REPLY]},
        body=body(
            {
                "text": "The harbour",
                "suggestions": [
                    *map_chip("", "The harbour", label="The harbour")["contentMessage"]["suggestions"],
                    CHIPS[0],
                ],
            }
        ),
    ),
    Send(
        "card",
        content("card", card=rich.PLAIN),
        body=body({"richCard": {"standaloneCard": {"cardOrientation": "VERTICAL", "cardContent": BOOTS}}}),
    ),
    Send(
        "card of all that there is",
        content("card", card=rich.FULL),
        message={"rcs": {"orientation": "horizontal", "image_alignment": "right"}},
        body=body(
            {
                "richCard": {
                    "standaloneCard": {
                        "cardOrientation": "HORIZONTAL",
                        "thumbnailImageAlignment": "RIGHT",
                        "cardContent": FULL,
                    }
                }
            }
        ),
    ),
    Send(
        "horizontal card",
        content("card", card=rich.PLAIN),
        message={"rcs": {"orientation": "horizontal"}},
        body=body(
            {
                "richCard": {
                    "standaloneCard": {
                        "cardOrientation": "HORIZONTAL",
                        "thumbnailImageAlignment": "LEFT",
                        "cardContent": BOOTS,
                    }
                }
            }
        ),
    ),
    *(
        Send(
            f"carousel of {width} cards",
            content("carousel", cards=[rich.PLAIN, rich.FULL]),
            message={"rcs": {"card_width": width}, "suggestions": [rich.SHARE]},
            body=body(
                {
                    "richCard": {"carouselCard": {"cardWidth": shown, "cardContents": [BOOTS, FULL]}},
                    "suggestions": [CHIPS[3]],
                }
            ),
        )
        for width, shown in (("small", "SMALL"), (None, "MEDIUM"))
    ),
    *(
        Send(
            f"as {category}",
            message={"rcs": {"category": category}},
            settings={"message_traffic_type": "TRANSACTION"},
            body={**body(TEXT), "messageTrafficType": word},
        )
        for category, word in (("service-request", "SERVICEREQUEST"), ("authentication", "AUTHENTICATION"))
    ),
    Send("lifetime", message={"lifetime": 600}, body=body(TEXT, ttl="600s")),
    Send("long lifetime", message={"lifetime": 2_000_000}, body=body(TEXT, ttl="1296000s")),
    Send("short lifetime", message={"lifetime": 0}, body=body(TEXT, ttl="1s")),
    Send(
        "other traffic",
        settings={"message_traffic_type": "PROMOTION"},
        body={**body(TEXT), "messageTrafficType": "PROMOTION"},
    ),
    Send(
        "traffic that the agent's use case says",
        settings={"message_traffic_type": ""},
        body={"contentMessage": TEXT},
    ),
    Send(
        "confirmation of an opt-out",
        message={"confirms_opt_out": True},
        settings={"message_traffic_type": "PROMOTION"},
        body={**body(TEXT), "messageTrafficType": "ACKNOWLEDGEMENT"},
    ),
]


@pytest.mark.parametrize("case", SENDS, ids=label)
def test_sends(case: Send) -> None:
    request = sent(NAME, Send(**{**vars(case), "id": UUID}))
    assert request
    assert request.extensions["target"].decode() == f"/{TARGET}"


def test_an_address_keeps_its_path() -> None:
    request = sent(NAME, Send("", settings={"base_url": "https://e.example/api/"}, id=UUID))
    assert request
    assert request.extensions["target"].decode() == f"/api/{TARGET}"


def error(word: str) -> Mapping[str, Any]:
    return {"error": {"code": 400, "message": "?", "status": word, "details": []}}


def test_a_repeat_that_is_named_one_was_taken() -> None:
    sent(NAME, Send("", reply=(409, error("ALREADY_EXISTS")), id=UUID))


REFUSALS: list[tuple[int, str, Failed, int]] = [
    (404, "NOT_FOUND", Unreachable, 1300),
    (400, "INVALID_ARGUMENT", Rejected, 1020),
    (400, "FAILED_PRECONDITION", Rejected, 1140),
    (403, "PERMISSION_DENIED", ConfigurationError, 1370),
    (401, "UNAUTHENTICATED", ConfigurationError, 1370),
    (429, "RESOURCE_EXHAUSTED", Throttled, 1000),
    (500, "INTERNAL", Unavailable, 1331),
    (503, "UNAVAILABLE", Unavailable, 1331),
    (504, "DEADLINE_EXCEEDED", Unanswered, 1331),
    (409, "ABORTED", Unavailable, 1331),
    (501, "NEW_WORD", Unavailable, 1331),
]


@pytest.mark.parametrize(("status", "word", "failed", "code"), REFUSALS, ids=str)
def test_refusals(status: int, word: str, failed: Failed, code: int) -> None:
    sent(NAME, Send("", reply=(status, error(word)), raises=failed, code=code, provider_code=word))


FAILURES = [
    Send("sticker", content("sticker", url=PICTURE), raises=Rejected, code=1140),
    Send(
        "event at no time",
        message={"suggestions": [{**rich.EVENT, "start": "tomorrow"}]},
        raises=Rejected,
        code=1020,
    ),
    Send("long text", content("text", text="é" * 3073), raises=Rejected, code=1090),
    Send("vcard", content("vcard", url="https://shop.example/a.vcf"), raises=Rejected, code=1140),
    Send("template", content("template", name="welcome"), raises=Rejected, code=1140),
    Send("404 of somebody else", reply=(404, b"<html>"), raises=Rejected, code=1020, provider_code="404"),
    Send("no name", reply=(200, {"name": 7.5}), raises=Unanswered, code=1331),
    Send("no private key", settings={"private_key": " "}, raises=ConfigurationError, code=1370),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, case)


# --- access ----------------------------------------------------------------------------------------


class Google:
    """Gives out ACCESS-1, ACCESS-2, ...; the first `stale` messages find theirs expired."""

    def __init__(self, reply: tuple[int, Any] = (200, {"name": "phones/+1/agentMessages/m-1"})) -> None:
        self.stale = 0
        self.logins: list[httpx.Request] = []
        self.requests: list[httpx.Request] = []
        self._reply = reply

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            self.logins.append(request)
            token = f"ACCESS-{len(self.logins)}"
            return httpx.Response(200, json={"access_token": token, "expires_in": 3599})
        self.requests.append(request)
        if len(self.requests) <= self.stale:
            return httpx.Response(401, json=error("UNAUTHENTICATED"))
        status, body = self._reply
        return httpx.Response(status, json=body)


def send(reply: Answer, times: int = 1, **settings: Any) -> None:
    base.forget_tokens()
    with httpx.Client(transport=httpx.MockTransport(reply)) as client:
        for _ in range(times):
            adapter(NAME).send(PROVIDER.message, PROVIDER.account(NAME, **settings), client)


def tokens(google: Google) -> list[str]:
    return [request.headers["authorization"].removeprefix("Bearer ") for request in google.requests]


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, TOKEN_URL),
        ({"token_url": "https://e.example/token"}, "https://e.example/token"),
        ({"private_key": PRIVATE_KEY.replace("\n", "\\n")}, TOKEN_URL),
    ],
    ids=["", "elsewhere", "key copied out of JSON"],
)
def test_logs_in_once_with_a_signed_claim(settings: Mapping[str, str], url: str) -> None:
    google = Google()
    send(google, times=2, **settings)
    (login,) = google.logins
    assert (login.method, str(login.url)) == ("POST", url)
    form = parse_qs(login.content.decode(), strict_parsing=True)
    assert form.keys() == {"grant_type", "assertion"}
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    claims = jwt.decode(form["assertion"][0], PUBLIC_KEY, ["RS256"], audience=TOKEN_URL)
    assert claims["iss"] == "switchboard@harbour.iam.example"
    assert claims["scope"] == "https://www.googleapis.com/auth/rcsbusinessmessaging"
    assert claims["exp"] - claims["iat"] == 3600
    assert tokens(google) == ["ACCESS-1", "ACCESS-1"]


def test_a_stale_token_is_renewed_once() -> None:
    google = Google()
    google.stale = 1
    send(google)
    assert tokens(google) == ["ACCESS-1", "ACCESS-2"]


EC_KEY = (
    ec.generate_private_key(ec.SECP256R1())
    .private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    .decode()
)


@pytest.mark.parametrize(
    "key", ["x", PUBLIC_KEY, EC_KEY, PRIVATE_KEY[:300]], ids=["x", "public", "EC", "cut"]
)
def test_a_key_that_cannot_sign_is_not_quoted(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        send(Google(), private_key=key)
    assert (caught.value.code, caught.value.provider_code) == (1370, "private_key")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


LOGINS: list[tuple[str, int, Any, type[SwitchboardError]]] = [
    ("grant", 400, {"error": "invalid_grant", "error_description": "?"}, ConfigurationError),
    ("client", 401, {"error": "invalid_client"}, ConfigurationError),
    ("scope", 400, {"error": "invalid_scope"}, ConfigurationError),
    ("too fast", 429, {"error": "rate_limit_exceeded"}, Throttled),
    ("down", 503, {}, Unavailable),
    ("no token", 200, {"expires_in": 3599}, Unavailable),
    ("no life", 200, {"access_token": "x", "expires_in": "3599"}, Unavailable),
    ("no object", 200, ["x"], Unavailable),
]


@pytest.mark.parametrize(
    ("status", "reply", "failed"), [case[1:] for case in LOGINS], ids=[case[0] for case in LOGINS]
)
def test_refused_logins(status: int, reply: Any, failed: type[SwitchboardError]) -> None:
    with pytest.raises(failed):
        send(lambda request: httpx.Response(status, json=reply))


@pytest.mark.parametrize(
    ("status", "reply", "state"),
    [
        (200, {"features": ["RICHCARD_STANDALONE"]}, "verified"),
        (404, error("NOT_FOUND"), "verified"),
        (404, {}, "failed"),
        (403, error("PERMISSION_DENIED"), "failed"),
        (429, error("RESOURCE_EXHAUSTED"), "pending"),
        (500, error("INTERNAL"), "pending"),
    ],
    ids=str,
)
def test_verification(status: int, reply: Any, state: str) -> None:
    base.forget_tokens()
    google = Google((status, reply))
    with httpx.Client(transport=httpx.MockTransport(google)) as client:
        verification: Verification = adapter(NAME).verification(
            PROVIDER.account(NAME), Channel.RCS, AGENT, client
        )
    assert verification.state == state
    (request,) = google.requests
    assert request.method == "GET"
    target = httpx.URL("https://x" + request.extensions["target"].decode())
    assert (target.path, target.query) == ("/v1/phones/+12025550100/capabilities", request.url.query)
    assert request.url.params["agentId"] == AGENT
    assert request.headers["authorization"] == "Bearer ACCESS-1"


# --- callbacks -------------------------------------------------------------------------------------

WHEN = datetime(2026, 11, 25, 9, 30, 11, 120_000, tzinfo=UTC)


def receipt(status: Status | None, failure: Failure | None = None, at: datetime | None = WHEN) -> Receipt:
    return Receipt(status, {}, message_uuid=UUID, provider_id=UUID, at=at, failure=failure)


def inbound(identifier: str, what: InboundContent, at: datetime = WHEN) -> Inbound:
    return Inbound(Channel.RCS, f"{identifier} {PERSON}", PERSON, AGENT, at, what, {})


def changed(name: str, **members: Any) -> Mapping[str, Any]:
    """A fixture with other members; None takes one away."""
    merged = {**json.loads(fixture(NAME, name)), **members}
    return {key: value for key, value in merged.items() if value is not None}


def file(mime_type: str) -> Mapping[str, Any]:
    return changed("file", userFile={"payload": {"mimeType": mime_type, "fileUri": PICTURE}})


RECEIVES = [
    Receive("delivered", "delivered", [receipt(Status.DELIVERED)]),
    Receive("read", changed("delivered", eventType="READ"), [receipt(Status.READ)]),
    Receive("without a time", changed("delivered", sendTime=None), [receipt(Status.DELIVERED, at=None)]),
    Receive(
        "to the nanosecond",
        changed("delivered", sendTime="2026-11-25T09:30:11.120000999Z"),
        [receipt(Status.DELIVERED)],
    ),
    Receive(
        "expired",
        "expired",
        [receipt(Status.UNDELIVERABLE, Failure(1360, "TTL_EXPIRATION_REVOKED"))],
    ),
    Receive(
        "perhaps expired",
        changed("expired", eventType="TTL_EXPIRATION_REVOKE_FAILED"),
        [receipt(Status.UNDELIVERABLE, Failure(1360, "TTL_EXPIRATION_REVOKE_FAILED"))],
    ),
    Receive(
        "of a message that was not ours",
        changed("delivered", messageId="m-1"),
        [Receipt(Status.DELIVERED, {}, provider_id="m-1", at=WHEN)],
    ),
    Receive("text", "text", [inbound("MxHarbour0T5lq", came("text", text="Where is it?"))]),
    Receive(
        "image",
        "file",
        [inbound("MxHarbour1", came("image", url="https://rcs-content.example/door.jpg"))],
    ),
    *(
        Receive(mime_type, file(mime_type), [inbound("MxHarbour1", came(kind, url=PICTURE))])
        for mime_type, kind in {
            "audio/mp4": "audio",
            "video/mp4": "video",
            "application/pdf": "file",
            "text/vcard": "file",
        }.items()
    ),
    Receive("location", "location", [inbound("MxHarbour2", came("location", **SPOT))]),
    Receive(
        "location on the meridian",
        changed("location", location={"latitude": 51.5}),
        [inbound("MxHarbour2", came("location", latitude=51.5, longitude=0))],
    ),
    Receive(
        "suggestion",
        "suggestion",
        [inbound("MxHarbour3", came("reply", id="order=7&keep=yes", title="Keep it"))],
    ),
    Receive(
        "suggestion as an event without a time",
        changed(
            "suggestion",
            suggestionResponse={"postbackData": "order=7"},
            eventId="Ev9",
            messageId=None,
            sendTime=None,
        ),
        [inbound("Ev9", came("reply", id="order=7", title="order=7"), at=PUBLISHED)],
    ),
    Receive(
        "something new",
        changed("text", text=None, hologram={}),
        [inbound("MxHarbour0T5lq", came("unsupported"))],
    ),
    *(
        Receive(kind, changed("delivered", eventType=kind, messageId=None))
        for kind in ("IS_TYPING", "SUBSCRIBE", "UNSUBSCRIBE", "TELEPATHY")
    ),
    Receive("typing about a message", changed("delivered", eventType="IS_TYPING")),
    Receive("launch of an agent", {"eventId": "e", "agentId": AGENT, "agentLaunchEvent": {}}),
    Receive("nothing", {}),
]


@pytest.mark.parametrize("case", RECEIVES, ids=label)
def test_receives(case: Receive) -> None:
    assert received(NAME, case.body) == case.events


def test_the_same_id_of_two_phones_is_two_messages() -> None:
    ids = {
        event.provider_id
        for number in ("+447700900321", "+447700900322")
        for event in received(NAME, changed("text", senderPhoneNumber=number))
        if isinstance(event, Inbound)
    }
    assert len(ids) == 2


def test_a_message_without_any_time_has_that_of_its_callback() -> None:
    data = json.dumps(changed("text", sendTime=None)).encode()
    hook = envelope(wrapped(data), signature(data), publishTime="soon")
    ours = Hook(hook.body, headers=hook.headers, received_at=WHEN)
    (event,) = adapter(NAME).events(adapter(NAME).plain(ours, PROVIDER.account(NAME)))
    assert isinstance(event, Inbound)
    assert event.at == WHEN


def events(hook: Hook) -> list[Event]:
    adapter(NAME).verify(hook, PROVIDER.account(NAME))
    return adapter(NAME).events(adapter(NAME).plain(hook, PROVIDER.account(NAME)))


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        ({"clientToken": CLIENT_TOKEN, "secret": "8120443"}, "8120443"),
        ({"clientToken": CLIENT_TOKEN, "secret": 8120443}, "8120443"),
        ({"clientToken": CLIENT_TOKEN}, None),
        ({"clientToken": CLIENT_TOKEN, "secret": ""}, None),
        ({"clientToken": "another", "secret": "8120443"}, None),
        ({"clientToken": "é", "secret": "8120443"}, None),
        ({"clientToken": None, "secret": "8120443"}, None),
        ({"secret": "8120443"}, None),
        (["clientToken"], None),
    ],
    ids=str,
)
def test_handshake(given: Any, answer: str | None) -> None:
    hook = Hook(json.dumps(given).encode())
    assert adapter(NAME).handshake(hook, PROVIDER.account(NAME)) == answer
    with pytest.raises(BadSignature):  # a handshake proves nothing else
        events(hook)


def test_news_is_no_handshake() -> None:
    hook = signed(fixture(NAME, "delivered"))
    assert adapter(NAME).handshake(hook, PROVIDER.account(NAME)) is None
    assert len(events(hook)) == 1


def test_a_handshake_wants_a_token_of_ours() -> None:
    hook = Hook(json.dumps({"clientToken": "", "secret": "8120443"}).encode())
    with pytest.raises(ConfigurationError):
        adapter(NAME).handshake(hook, PROVIDER.account(NAME, client_token=""))


@pytest.mark.parametrize("body", [b"", b"[", b"\xff"], ids=str)
def test_what_cannot_be_read_is_no_handshake(body: bytes) -> None:
    assert adapter(NAME).handshake(Hook(body), PROVIDER.account(NAME)) is None
