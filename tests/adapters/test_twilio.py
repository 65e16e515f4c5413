"""Twilio's Programmable Messaging."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from twilio.request_validator import RequestValidator

from switchboard.adapters import adapter
from switchboard.adapters.base import Account
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    Rejected,
    SendError,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Failure, Hook, Inbound, Receipt
from switchboard.models.messages import Channel, InboundContent, Part, Status
from tests.adapters import rich
from tests.adapters.cases import (
    OTHER_UUID,
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

NAME = "twilio"
ACCOUNT = "AC7d3e1f0a9b2c4d5e6f7a8b9c0d1e2f3a"
SERVICE = "MG0f1e2d3c4b5a69788796a5b4c3d2e1f0"
CONTENT = "HX5a6b7c8d9e0f1a2b3c4d5e6f7a8b9c0d"
SENT, CAME = "SM4c2f90d1a7b34e65982d1c0f7e6b5a49", "MM90b1c2d3e4f5061728394a5b6c7d8e9f"
OURS, PERSON = "15550107001", "14255550199"
PUBLIC = "https://switchboard.example"
TARGET = f"/status/twilio/main?message_uuid={UUID}"
TOKEN, SHARED_KEY = "the account's auth token", "the secret of a shared key"
BY_SHARED_KEY = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"


def signature(body: bytes, token: str = TOKEN, url: str = PUBLIC + TARGET, by: str = "HMAC_SHA1") -> str:
    """By another implementation than ours."""
    fields = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    return str(RequestValidator(token).compute_signature(url, fields, by))


def hook(body: bytes, signature: str, target: str = TARGET, settings: str | None = None) -> Hook:
    headers = {"x-twilio-signature": signature}
    if settings is not None:
        headers["x-twilio-webhooks-signature-settings"] = settings
    return Hook(body, target=target, headers=headers, received_at=RECEIVED)


def signed(body: bytes) -> Hook:
    return hook(body, signature(body))


def forged(body: bytes) -> Mapping[str, Hook]:
    true = signature(body)
    signatures = {
        "empty": "",
        "of another token": signature(body, "another"),
        "of another body": signature(body + b"&x=1"),
        "of another address": signature(body, url=f"{PUBLIC}/status/twilio/main?message_uuid={OTHER_UUID}"),
        "of another host": signature(body, url=f"https://other.example{TARGET}"),
        "of the address alone": signature(b"", url=f"{PUBLIC}/status/twilio/main"),
        "by another hash": signature(body, by="HMAC_SHA256"),
        "cut short": true[:-1],
        "in hexadecimal": base64.b64decode(true).hex(),
        "not ASCII": "é\udcff" + true,
    }
    return {
        "missing": Hook(body, target=TARGET),
        "without its address": Hook(body, headers={"x-twilio-signature": true}),
        "with a hash in the address": hook(body, true, f"{TARGET}&bodySHA256="),
        "from nowhere": hook(body, signature(body, url="/status"), "/status"),
    } | {name: hook(body, value) for name, value in signatures.items()}


PROVIDER = Provider(
    settings={
        "account_sid": ACCOUNT,
        "auth_token": TOKEN,
        "api_key": "SK1f2e3d4c5b6a79880716253443526170",
        "api_secret": "the API key's secret",
        "shared_key": SHARED_KEY,
        "callback_url": PUBLIC,
    },
    message=text_message(Channel.SMS, OURS, PERSON),
    signed=signed,
    forged=forged,
    batch="media.form",
    events=3,
    unknown=fixture(NAME, "delivered.form").replace(b"=delivered", b"=telepathic"),
    secret="auth_token",
    format="form",
)

# --- sending ---------------------------------------------------------------------------------------

MESSAGES = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
SMS = {"To": f"+{PERSON}", "From": f"+{OURS}", "StatusCallback": PUBLIC + TARGET}
WHATSAPP = {**SMS, "To": f"whatsapp:+{PERSON}", "From": f"whatsapp:+{OURS}"}
TEXT = "Your parcel is on its way"
PICTURE = "https://shop.example/pictures/door.jpg"
SPOT = {"latitude": 51.5, "longitude": -0.125}


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


SENDS = [
    Send(
        "text",
        form={**SMS, "Body": TEXT},
        url=MESSAGES,
        headers={
            "Authorization": basic("SK1f2e3d4c5b6a79880716253443526170", "the API key's secret"),
            "Content-Type": "application/x-www-form-urlencoded",
        },
    ),
    Send(
        "with the auth token, elsewhere",
        settings={"api_key": "", "base_url": "https://e.example/"},
        url=MESSAGES.replace("api.twilio.com", "e.example"),
        headers={"Authorization": basic(ACCOUNT, TOKEN)},
    ),
    Send(
        "without a public address",
        settings={"callback_url": ""},
        form={"To": f"+{PERSON}", "From": f"+{OURS}", "Body": TEXT},
    ),
    Send(
        "part of a long text",
        message={"part": {"number": 2, "of": 3}},
        form={**SMS, "Body": TEXT, "StatusCallback": f"{PUBLIC}{TARGET}&part=2&parts=3"},
    ),
    Send("by short code", message={"sender": "55501"}, form={**SMS, "From": "55501", "Body": TEXT}),
    Send("by name", message={"sender": "Harbour"}, form={**SMS, "From": "Harbour", "Body": TEXT}),
    Send(
        "by service",
        message={"sender": SERVICE},
        form={
            "To": f"+{PERSON}",
            "MessagingServiceSid": SERVICE,
            "StatusCallback": PUBLIC + TARGET,
            "Body": TEXT,
        },
    ),
    Send("for a time", message={"lifetime": 600}, form={**SMS, "Body": TEXT, "ValidityPeriod": "600"}),
    Send("for no time", message={"lifetime": 0}, form={**SMS, "Body": TEXT, "ValidityPeriod": "1"}),
    Send("for days", message={"lifetime": 10**6}, form={**SMS, "Body": TEXT, "ValidityPeriod": "36000"}),
    Send(
        "MMS",
        content("image", url=PICTURE, caption="The door"),
        {"channel": "mms"},
        form={**SMS, "MediaUrl": PICTURE, "Body": "The door"},
    ),
    Send(
        "vcard",
        content("vcard", url="https://shop.example/a.vcf"),
        {"channel": "mms"},
        form={**SMS, "MediaUrl": "https://shop.example/a.vcf"},
    ),
    Send(
        "several by MMS",
        content(
            "content",
            items=[
                {"type": "image", "url": PICTURE, "caption": "The door"},
                {"type": "file", "url": PICTURE + "?2"},
                {"type": "image", "url": PICTURE + "?3", "caption": "The bell"},
            ],
        ),
        {"channel": "mms"},
        form={
            **SMS,
            "MediaUrl": [PICTURE, PICTURE + "?2", PICTURE + "?3"],
            "Body": "The door\nThe bell",
        },
    ),
    Send("words by MMS", message={"channel": "mms"}, form={**SMS, "Body": TEXT, "SendAsMms": "true"}),
    Send(
        "plain letters",
        message={"sms": {"encoding": "text"}},
        form={**SMS, "Body": TEXT, "SmartEncoded": "true"},
    ),
    Send(
        "from a pool",
        message={"sms": {"pool_id": SERVICE}},
        form={
            "To": f"+{PERSON}",
            "MessagingServiceSid": SERVICE,
            "StatusCallback": PUBLIC + TARGET,
            "Body": TEXT,
        },
    ),
    Send("from another's pool", message={"sms": {"pool_id": "pool-1"}}, form={**SMS, "Body": TEXT}),
    Send(
        "sticker",
        content("sticker", url="https://shop.example/wave.webp"),
        {"channel": "whatsapp"},
        form={**WHATSAPP, "MediaUrl": "https://shop.example/wave.webp"},
    ),
    Send("WhatsApp", message={"channel": "whatsapp"}, form={**WHATSAPP, "Body": TEXT}),
    Send(
        "WhatsApp by service",
        message={"channel": "whatsapp", "sender": SERVICE},
        form={
            "To": f"whatsapp:+{PERSON}",
            "MessagingServiceSid": SERVICE,
            "StatusCallback": PUBLIC + TARGET,
            "Body": TEXT,
        },
    ),
    Send(
        "template",
        content("template", name=CONTENT, parameters=("Jané", "7")),
        {"channel": "whatsapp"},
        form={**WHATSAPP, "ContentSid": CONTENT, "ContentVariables": '{"1": "Jané", "2": "7"}'},
    ),
    Send(
        "template without variables",
        content("template", name=CONTENT),
        {"channel": "whatsapp"},
        form={**WHATSAPP, "ContentSid": CONTENT},
    ),
    Send(
        "location",
        content("location", **SPOT, name="The harbour", address="1 Quay Street"),
        {"channel": "whatsapp"},
        form={
            **WHATSAPP,
            "Body": "The harbour",
            "PersistentAction": "geo:51.500000,-0.125000|1 Quay Street",
        },
    ),
    Send(
        "location without words",
        content("location", **SPOT),
        {"channel": "whatsapp"},
        form={**WHATSAPP, "Body": "51.500000,-0.125000", "PersistentAction": "geo:51.500000,-0.125000"},
    ),
    Send(
        "custom",
        content(
            "custom",
            custom={
                "Body": "Pick one",
                "MediaUrl": [PICTURE, PICTURE + "?2"],
                "ContentVariables": {"name": "Jane"},
                "ShortenUrls": True,
                "Attempt": 2,
                "FallbackFrom": None,
                "To": "+1",
                "MessagingServiceSid": SERVICE,
                "StatusCallback": "https://elsewhere.example",
            },
        ),
        {"channel": "whatsapp"},
        form={
            **WHATSAPP,
            "Body": "Pick one",
            "MediaUrl": [PICTURE, PICTURE + "?2"],
            "ContentVariables": '{"name": "Jane"}',
            "ShortenUrls": "true",
            "Attempt": "2",
        },
    ),
    Send(
        "Messenger",
        content("file", url="https://shop.example/a.pdf"),
        {"channel": "messenger", "sender": "400200", "recipient": "7012345678"},
        form={
            "To": "messenger:7012345678",
            "From": "messenger:400200",
            "StatusCallback": PUBLIC + TARGET,
            "MediaUrl": "https://shop.example/a.pdf",
        },
    ),
    Send(
        "RCS by service",
        message={"channel": "rcs", "sender": SERVICE},
        form={
            "To": f"rcs:+{PERSON}",
            "MessagingServiceSid": SERVICE,
            "StatusCallback": PUBLIC + TARGET,
            "Body": TEXT,
        },
    ),
    Send(
        "RCS by its sender",
        content("video", url="https://shop.example/film.mp4"),
        {"channel": "rcs", "sender": "harbour_x1_agent"},
        form={
            "To": f"rcs:+{PERSON}",
            "From": "rcs:harbour_x1_agent",
            "StatusCallback": PUBLIC + TARGET,
            "MediaUrl": "https://shop.example/film.mp4",
        },
    ),
]


@pytest.mark.parametrize("case", SENDS, ids=label)
def test_sends(case: Send) -> None:
    sent(NAME, Send(**{**vars(case), "id": SENT}))


def refusal(code: Any, status: int = 400) -> tuple[int, Any]:
    return status, {"code": code, "message": "?", "status": status}


def failing(word: str, code: Any) -> tuple[int, Any]:
    return 201, {"sid": SENT, "status": word, "error_code": code}


FAILURES = [
    Send(
        "sticker by its id", content("sticker", id="7"), {"channel": "whatsapp"}, raises=Rejected, code=1140
    ),
    Send("suggestions", message={"channel": "rcs", "suggestions": [rich.REPLY]}, raises=Rejected, code=1140),
    Send("card", content("card", card=rich.PLAIN), {"channel": "rcs"}, raises=Rejected, code=1140),
    Send("opted out", reply=(400, "refused"), raises=Rejected, code=1240, provider_code="21610"),
    Send("no mobile", reply=refusal(21614), raises=Unreachable, code=1170, provider_code="21614"),
    Send("too long", reply=refusal(21617), raises=Rejected, code=1090),
    Send("not a number", reply=refusal(21211), raises=Rejected, code=1170),
    Send("window", reply=refusal(63016), raises=Rejected, code=1340),
    Send("too fast", reply=refusal(20429, 429), raises=Throttled, code=1000, provider_code="20429"),
    Send("queue is full", reply=refusal(21611), raises=Throttled, code=1000),
    Send("down", reply=refusal(20503, 503), raises=Unavailable, code=1331),
    Send("credentials", reply=refusal(20003, 401), raises=ConfigurationError, code=1370),
    Send("sender", reply=refusal(21606), raises=ConfigurationError, code=1120, provider_code="21606"),
    Send("region", reply=refusal(21408), raises=ConfigurationError, code=1140),
    Send("trial", reply=refusal(21608), raises=ConfigurationError, code=1160),
    Send("code as text", reply=refusal("21610"), raises=Rejected, code=1240),
    Send("unknown code", reply=refusal(99999), raises=Rejected, code=1020, provider_code="99999"),
    Send("odd code", reply=refusal("٣٠٠٠٣"), raises=Rejected, code=1020),
    Send("failed at once", reply=failing("failed", 63016), raises=Rejected, code=1340, provider_code="63016"),
    Send("failed somehow", reply=failing("undelivered", None), raises=Unreachable, code=1260),
    Send("no SID", reply=(201, {"status": "queued"}), raises=Unanswered, code=1331),
    Send("picture by SMS", content("image", url=PICTURE), raises=Rejected, code=1140),
    Send("location by RCS", content("location", **SPOT), {"channel": "rcs"}, raises=Rejected, code=1140),
    Send(
        "no account",
        settings={"account_sid": " "},
        reply=refusal(20003, 401),
        raises=ConfigurationError,
        code=1370,
    ),
    Send("API key without secret", settings={"api_secret": " "}, raises=ConfigurationError, code=1370),
]


@pytest.mark.parametrize("case", FAILURES, ids=label)
def test_failures(case: Send) -> None:
    sent(NAME, case)


# --- signatures ------------------------------------------------------------------------------------

BODY = fixture(NAME, "delivered.form")


def believes(hook: Hook, **settings: Any) -> bool:
    try:
        adapter(NAME).verify(hook, PROVIDER.account(NAME, **settings))
    except BadSignature:
        return False
    return True


SIGNED: list[tuple[str, str, str, bool]] = [
    # what we know our address as, what Twilio signs, whether that is the same
    ("https://switchboard.example", "https://switchboard.example", "", True),
    ("https://switchboard.example/", "https://switchboard.example", "", True),
    ("https://switchboard.example", "https://switchboard.example:443", "", True),
    ("https://switchboard.example:443", "https://switchboard.example", "", True),
    ("https://switchboard.example:8443", "https://switchboard.example", "", True),
    ("https://switchboard.example/v1", "https://switchboard.example:443/v1", "", True),
    ("http://127.0.0.1:3000", "http://127.0.0.1:3000", "", True),
    ("http://switchboard.example", "http://switchboard.example:80", "", True),
    ("https://switchboard.example", "http://switchboard.example", "", False),
    ("https://switchboard.example", "https://switchboard.example:8443", "", False),
    ("https://switchboard.example", "https://switchboard.example", "&x=1", False),
]


@pytest.mark.parametrize(("ours", "theirs", "more", "same"), SIGNED, ids=str)
def test_the_address_is_signed(ours: str, theirs: str, more: str, same: bool) -> None:
    given = signature(BODY, url=theirs + TARGET + more)
    assert believes(hook(BODY, given), callback_url=ours) is same


def test_the_sdk_believes_what_we_believe() -> None:
    """With fields whose order and repetition matter."""
    pairs = [("b", "2"), ("B", "1"), ("a", ""), ("é", "€ 5 & more")]
    body = urlencode([*pairs, ("b", "2")]).encode()
    given = signature(body)
    assert RequestValidator(TOKEN).validate(PUBLIC + TARGET, dict(pairs), given)
    assert believes(hook(body, given))


def test_repeated_fields_are_signed_in_order() -> None:
    body = b"a=2&a=1&a=2"
    text = f"{PUBLIC}{TARGET}a1a2".encode()
    given = base64.b64encode(hmac.new(TOKEN.encode(), text, hashlib.sha1).digest()).decode()
    assert believes(hook(body, given))


def test_a_body_that_is_no_form_is_signed_by_its_hash() -> None:
    body = json.dumps({"property": "välue"}).encode()
    target = f"/inbound/twilio/main?bodySHA256={hashlib.sha256(body).hexdigest()}"
    given = signature(b"", url=PUBLIC + target)
    assert RequestValidator(TOKEN).validate(PUBLIC + target, body.decode(), given)
    assert believes(hook(body, given, target))
    assert not believes(hook(body + b" ", given, target))
    assert not believes(hook(b"", given, target))
    assert not believes(hook(body, given, target[:-1] + "é"))
    assert adapter(NAME).events(hook(body, given, target)) == []


SHARED: list[tuple[str, str, str, str, bool]] = [
    ("its key and hash", BY_SHARED_KEY, SHARED_KEY, "HMAC_SHA256", True),
    ("small letters and spaces", " key=k , algorithm = hmac_sha256", SHARED_KEY, "HMAC_SHA256", True),
    ("the older hash", "key=k,algorithm=HMAC_SHA1", SHARED_KEY, "HMAC_SHA1", True),
    ("the auth token", BY_SHARED_KEY, TOKEN, "HMAC_SHA256", False),
    ("another hash than it says", BY_SHARED_KEY, SHARED_KEY, "HMAC_SHA1", False),
    ("the auth token and the older hash", "key=k,algorithm=HMAC_SHA1", TOKEN, "HMAC_SHA1", False),
    ("a hash that nobody knows", "key=k,algorithm=HMAC_MD5", SHARED_KEY, "HMAC_SHA1", False),
    ("no hash, so by the auth token", "key=k,algorithm=", TOKEN, "HMAC_SHA1", True),
    ("no hash, but by its key", "key=k", SHARED_KEY, "HMAC_SHA256", False),
    ("nonsense, and another token", "é=\udcff,,=", "another", "HMAC_SHA1", False),
    ("nothing, so by the auth token", " ", TOKEN, "HMAC_SHA1", True),
]


@pytest.mark.parametrize(
    ("settings", "key", "by", "same"), [case[1:] for case in SHARED], ids=[case[0] for case in SHARED]
)
def test_a_header_says_what_signs(settings: str, key: str, by: str, same: bool) -> None:
    assert believes(hook(BODY, signature(BODY, key, by=by), settings=settings)) is same


@pytest.mark.parametrize("shared_key", ["", " "])
def test_a_shared_key_that_we_have_not_proves_nothing(shared_key: str) -> None:
    given = signature(BODY, "", by="HMAC_SHA256")
    assert not believes(hook(BODY, given, settings=BY_SHARED_KEY), shared_key=shared_key)


def test_without_our_address_nothing_can_be_verified() -> None:
    settings = {name: value for name, value in PROVIDER.settings.items() if name != "callback_url"}
    with pytest.raises(ConfigurationError):
        adapter(NAME).verify(signed(BODY), Account(NAME, "main", settings))


# --- callbacks -------------------------------------------------------------------------------------


def inbound(what: InboundContent, channel: Channel = Channel.WHATSAPP, number: int = 0) -> Inbound:
    return Inbound(channel, f"{CAME}#{number}" if number else CAME, PERSON, OURS, RECEIVED, what, {})


def receipt(status: Status | None, failure: Failure | None = None) -> Receipt:
    return Receipt(status, {}, message_uuid=UUID, provider_id=SENT, failure=failure)


def media(number: int) -> str:
    return f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Messages/{CAME}/Media/ME{number}"


RECEIVES = [
    Receive("delivered", "delivered.form", [receipt(Status.DELIVERED)]),
    Receive("read", "read.form", [receipt(Status.READ)]),
    Receive("undelivered", "undelivered.form", [receipt(Status.UNDELIVERABLE, Failure(1180, "30003"))]),
    Receive("SMS", "inbound.form", [inbound(came("text", text="Where is it? Grüße & all"), Channel.SMS)]),
    Receive(
        "several files",
        "media.form",
        [
            inbound(came("image", url=media(0), caption="the door")),
            inbound(came("vcard", url=media(1)), number=1),
            inbound(came("file", url=media(2)), number=2),
        ],
    ),
    Receive(
        "location",
        "location.form",
        [inbound(came("location", **SPOT, name="The harbour", address="1 Quay Street"))],
    ),
]


@pytest.mark.parametrize("case", RECEIVES, ids=label)
def test_receives(case: Receive) -> None:
    assert isinstance(case.body, str)
    assert received(NAME, case.body) == case.events


def form(name: str, **changes: str) -> bytes:
    """A fixture with other fields; empty ones are left out."""
    fields = dict(parse_qsl(fixture(NAME, name).decode())) | changes
    return urlencode({name: value for name, value in fields.items() if value}).encode()


WORDS: list[tuple[str, str, Status | None, Failure | None]] = [
    ("accepted", "", Status.SUBMITTED, None),
    ("scheduled", "", Status.SUBMITTED, None),
    ("queued", "", Status.SUBMITTED, None),
    ("sending", "", Status.SUBMITTED, None),
    ("sent", "", Status.SUBMITTED, None),
    ("partially_delivered", "", Status.DELIVERED, None),
    ("undelivered", "", Status.UNDELIVERABLE, Failure(1260, "undelivered")),
    ("undelivered", "30007", Status.REJECTED, Failure(1210, "30007")),
    ("undelivered", "30017", Status.UNDELIVERABLE, Failure(1230, "30017")),
    ("undelivered", "99999", Status.UNDELIVERABLE, Failure(1260, "99999")),
    ("failed", "", Status.REJECTED, Failure(1330, "failed")),
    ("failed", "63003", Status.UNDELIVERABLE, Failure(1300, "63003")),
    ("failed", "63007", Status.REJECTED, Failure(1120, "63007")),
    ("failed", "x" * 9, Status.REJECTED, Failure(1330, "x" * 9)),
    ("canceled", "", Status.REJECTED, Failure(1330, "canceled")),
    ("DELIVERED", "", None, None),
]


@pytest.mark.parametrize(("word", "code", "status", "failure"), WORDS, ids=str)
def test_statuses(word: str, code: str, status: Status | None, failure: Failure | None) -> None:
    body = form("delivered.form", MessageStatus=word, SmsStatus=word, ErrorCode=code)
    assert received(NAME, body) == [receipt(status, failure)]


ECHOES: list[tuple[str, str | None, Part | None]] = [
    (f"?message_uuid={UUID}&part=2&parts=3", UUID, Part(number=2, of=3)),
    (f"?message_uuid={UUID}&part=2", UUID, None),
    (f"?message_uuid={UUID}&part=0&parts=3", UUID, None),
    (f"?message_uuid={UUID}&part=x&parts=²", UUID, None),
    ("?message_uuid=7", None, None),
    ("", None, None),
]


@pytest.mark.parametrize(("query", "uuid", "part"), ECHOES, ids=str)
def test_the_address_tells_which_message_it_is(query: str, uuid: str | None, part: Part | None) -> None:
    (event,) = adapter(NAME).events(Hook(BODY, target=f"/status/twilio/main{query}"))
    assert isinstance(event, Receipt)
    assert (event.message_uuid, event.part, event.provider_id) == (uuid, part, SENT)


def test_receipts_name_no_price() -> None:
    (event,) = adapter(NAME).events(signed(form("delivered.form", Price="-0.0075", PriceUnit="USD")))
    assert isinstance(event, Receipt)
    assert event.usage is None


INBOUND: list[tuple[str, Mapping[str, str], Channel, str, str, InboundContent]] = [
    (
        "MMS",
        {"MediaUrl0": media(0), "MediaContentType0": "Audio/AMR; x=1", "Body": ""},
        Channel.MMS,
        PERSON,
        OURS,
        came("audio", url=media(0)),
    ),
    (
        "vcard with words",
        {"MediaUrl0": media(0), "MediaContentType0": "text/vcard", "Body": "me"},
        Channel.MMS,
        PERSON,
        OURS,
        came("vcard", url=media(0), caption="me"),
    ),
    (
        "media of an unknown type",
        {"MediaUrl0": media(0), "Body": ""},
        Channel.MMS,
        PERSON,
        OURS,
        came("file", url=media(0)),
    ),
    (
        "Messenger",
        {"From": "messenger:7012345678", "To": "messenger:400200", "Body": "Hi"},
        Channel.MESSENGER,
        "7012345678",
        "400200",
        came("text", text="Hi"),
    ),
    (
        "RCS to a service",
        {"From": f"rcs:+{PERSON}", "To": "rcs:harbour_agent", "MessagingServiceSid": SERVICE, "Body": "Hi"},
        Channel.RCS,
        PERSON,
        SERVICE,
        came("text", text="Hi"),
    ),
    (
        "RCS",
        {"From": f"rcs:+{PERSON}", "To": "rcs:harbour_agent", "Body": "Hi"},
        Channel.RCS,
        PERSON,
        "harbour_agent",
        came("text", text="Hi"),
    ),
    (
        "button",
        {"Body": "", "ButtonText": "Yes", "ButtonPayload": "yes-7"},
        Channel.SMS,
        PERSON,
        OURS,
        came("text", text="Yes"),
    ),
    ("nothing", {"Body": ""}, Channel.SMS, PERSON, OURS, came("unsupported")),
    ("nowhere", {"Latitude": "x", "Longitude": "1"}, Channel.SMS, PERSON, OURS, came("unsupported")),
    ("half a place", {"Latitude": "1"}, Channel.SMS, PERSON, OURS, came("unsupported")),
]


@pytest.mark.parametrize(
    ("changes", "channel", "sender", "recipient", "what"),
    [case[1:] for case in INBOUND],
    ids=[case[0] for case in INBOUND],
)
def test_inbound(
    changes: Mapping[str, str], channel: Channel, sender: str, recipient: str, what: InboundContent
) -> None:
    expected = Inbound(channel, CAME, sender, recipient, RECEIVED, what, {})
    assert received(NAME, form("inbound.form", **changes)) == [expected]


ODD = [
    b"MessageSid=SM1",
    form("inbound.form", From="viber:1"),
    form("inbound.form", From=""),
    form("inbound.form", To="rcs:"),
    form("inbound.form", MessageSid="", SmsSid=""),
]


@pytest.mark.parametrize("body", ODD, ids=["no status", "channel", "nobody", "to nobody", "no SID"])
def test_what_is_not_news_is_skipped(body: bytes) -> None:
    assert received(NAME, body) == []


def test_twilio_is_answered_in_its_language() -> None:
    assert adapter(NAME).thanks == "<Response/>"


# --- media and access ------------------------------------------------------------------------------

OUR_KEY = basic("SK1f2e3d4c5b6a79880716253443526170", "the API key's secret")
DOWNLOADS: list[tuple[str, Mapping[str, str], str, str | None]] = [
    (media(0), {}, media(0), OUR_KEY),
    (
        media(0),
        {"base_url": "http://e.example/t/"},
        media(0).replace("https://api.twilio.com", "http://e.example/t"),
        OUR_KEY,
    ),
    ("http://e.example/t/x", {"base_url": "http://e.example/t"}, "http://e.example/t/x", OUR_KEY),
    ("https://api.twilio.com.example/x", {}, "https://api.twilio.com.example/x", None),
    (PICTURE, {}, PICTURE, None),
]


@pytest.mark.parametrize(("address", "settings", "url", "access"), DOWNLOADS, ids=str)
def test_download(address: str, settings: Mapping[str, str], url: str, access: str | None) -> None:
    with httpx.Client() as client:
        request = adapter(NAME).download(address, PROVIDER.account(NAME, **settings), client)
    assert (request.method, str(request.url), request.headers.get("authorization")) == ("GET", url, access)


NUMBERS = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/IncomingPhoneNumbers.json"
ASKED = f"{NUMBERS}?PhoneNumber=%2B{OURS}&PageSize=1"
ALL = f"{NUMBERS}?PageSize=1"
FOUND = json.loads(fixture(NAME, "number"))
NONE: Mapping[str, Any] = {"incoming_phone_numbers": []}
CHECKS: list[tuple[Channel, str, str, int, Any, str]] = [
    (Channel.SMS, OURS, ASKED, 200, FOUND, "verified"),
    (Channel.MMS, OURS, ASKED, 200, FOUND, "failed"),
    (Channel.SMS, OURS, ASKED, 200, NONE, "failed"),
    (Channel.SMS, OURS, ASKED, 200, {"incoming_phone_numbers": [7, {"phone_number": f"+{OURS}"}]}, "failed"),
    (Channel.SMS, "Harbour", ALL, 200, NONE, "verified"),
    (Channel.SMS, "55501", ALL, 200, NONE, "verified"),
    (Channel.WHATSAPP, OURS, ALL, 200, NONE, "verified"),
    (Channel.RCS, SERVICE, ALL, 200, FOUND, "verified"),
    (Channel.MESSENGER, "400200300", ALL, 200, NONE, "verified"),
    (Channel.SMS, OURS, ASKED, 200, ["x"], "pending"),
    (Channel.SMS, OURS, ASKED, 401, {"code": 20003}, "failed"),
    (Channel.SMS, OURS, ASKED, 500, {}, "pending"),
]


@pytest.mark.parametrize(("channel", "sender", "url", "status", "reply", "state"), CHECKS, ids=str)
def test_verification(channel: Channel, sender: str, url: str, status: int, reply: Any, state: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, str(request.url)) == ("GET", url)
        assert request.headers["authorization"] == OUR_KEY
        return httpx.Response(status, json=reply)

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        found = adapter(NAME).verification(PROVIDER.account(NAME), channel, sender, client)
    assert found.state == state


CLASSES: Mapping[Failed, str] = {
    Unreachable: "30003 30005 30006 30008 30011 30410 21214 21612 21614 63003 63024 63032 63036",
    Rejected: "21211 21217 21602 21604 21610 21617 21620 21623 30004 30007 30014 30015 30016 30019 30450"
    " 63005 63006 63013 63014 63016 63019 63021 63026 63027 63028 63029 63030 63031 63033 63034"
    " 63040 63041 63042",
    SendError: "20429 14107 20500 20503 21611 30001 30017 30022 63009 63010 63012 63017 63018 63037 63119",
    ConfigurationError: "20003 20005 21212 21408 21601 21603 21606 21608 21609 21703 21704 21705 30002 30018"
    " 30023 30024 30027 30032 30033 30034 30035 63001 63002 63007 63008 63015 63020 63035 63038 63051",
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_classes(kind: Failed) -> None:
    """Where SendError stands for what is worth a repeat."""
    for code in CLASSES[kind].split():
        error = adapter(NAME).refused(httpx.Response(400, json={"code": int(code)}))
        if kind is SendError:
            assert isinstance(error, SendError) and error.retryable, code
        else:
            assert type(error) is kind, code
