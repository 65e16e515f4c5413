"""Twilio, with its SDK as client and our adapter at both ends."""

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode
from uuid import uuid4

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from sandbox.carriers.twilio import NUMBER, Twilio
from switchboard.adapters import adapter
from switchboard.adapters.base import Account
from switchboard.errors import (
    ConfigurationError,
    Rejected,
    Throttled,
    Unanswered,
    Unavailable,
    Unreachable,
)
from switchboard.models.events import Hook, Inbound, Receipt
from switchboard.models.messages import (
    Channel,
    Content,
    Custom,
    Image,
    Location,
    Message,
    Part,
    Status,
    Template,
    Text,
    Video,
)

from .rig import CREDENTIALS, Call, Rig

pytestmark = pytest.mark.network

SETTINGS = Twilio.account("", "", CREDENTIALS)
ACCOUNT, TOKEN = SETTINGS["account_sid"], SETTINGS["auth_token"]
BY_TOKEN, BY_KEY = (ACCOUNT, TOKEN), (SETTINGS["api_key"], SETTINGS["api_secret"])
MESSAGES = f"/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
SERVICE, CONTENT = "MG" + "5a" * 16, "HX" + "7b" * 16
RECEIVED = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)
PICTURE = "https://e.example/a.jpg"
HELLO = Text(type="text", text="Good day")


def person(last4: str) -> str:
    """A number that no other test uses."""
    return f"1425{uuid4().int % 10**6:06d}{last4}"


def post(rig: Rig, form: Any, login: tuple[str, str] = BY_KEY) -> httpx.Response:
    return rig.http.post(MESSAGES, data=form, auth=login)


def sms(rig: Rig, recipient: str, **members: Any) -> dict[str, Any]:
    sent = {
        "To": f"+{recipient}",
        "From": "+15550107001",
        "Body": "Good day",
        "StatusCallback": f"{rig.receiver.url}/news?m=7",
    }
    return {name: value for name, value in {**sent, **members}.items() if value is not None}


def fields(call: Call) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(call.body.decode(), keep_blank_values=True).items()}


def target(call: Call) -> str:
    return f"{call.path}?{urlencode(call.query, doseq=True)}" if call.query else call.path


def words(calls: list[Call]) -> list[str]:
    return [fields(call)["MessageStatus"] for call in calls]


# --- messages --------------------------------------------------------------------------------------

TAKEN = ["sent", "delivered"]
HANDSETS: dict[str, tuple[list[int], list[str]]] = {
    "0001": ([201], TAKEN),
    "0002": ([201], ["sent"]),
    "0003": ([400], []),
    "0004": ([201], ["undelivered"]),
    "0005": ([429, 429, 201], TAKEN),
    "0006": ([0], TAKEN),
    "0007": ([201], ["delivered", "delivered", "sent", "sent"]),
    "0008": ([503, 503, 503, 201], TAKEN),
    "0009": ([201], TAKEN),
    "4321": ([201], TAKEN),
}


@pytest.mark.parametrize("last4", HANDSETS)
def test_handset(rig: Rig, last4: str) -> None:
    recipient = person(last4)
    answers, news = HANDSETS[last4]
    got = []
    for _ in answers:
        try:
            got.append(post(rig, sms(rig, recipient)).status_code)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            got.append(0)
    answered_at = time.monotonic()
    assert got == answers

    rig.receiver.wait(len(news), recipient)
    time.sleep(0.15)  # nothing more comes
    calls = rig.receiver.about(recipient)
    assert words(calls) == news
    if last4 == "0009":
        assert calls[1].at < answered_at


CHANNELS: list[tuple[str, str, str | None, list[str]]] = [
    ("whatsapp", "whatsapp:+15550107001", None, ["sent", "delivered", "read"]),
    ("messenger", "messenger:400200", None, ["sent", "delivered", "read"]),
    ("rcs", "rcs:harbour_agent", None, ["sent", "delivered", "read"]),
    ("rcs", "", "rcs:simulated_agent", ["sent", "delivered", "read"]),
    ("", "", NUMBER, TAKEN),
]


@pytest.mark.parametrize(("channel", "sender", "chosen", "news"), CHANNELS, ids=str)
def test_channels(rig: Rig, channel: str, sender: str, chosen: str | None, news: list[str]) -> None:
    number = person("4321")
    to = {"": f"+{number}", "messenger": f"messenger:{number}"}.get(channel, f"{channel}:+{number}")
    by = {"From": sender} if sender else {"From": None, "MessagingServiceSid": SERVICE}
    reply = post(rig, sms(rig, number, To=to, **by))
    assert (reply.status_code, reply.json()["status"]) == (201, "queued" if sender else "accepted")
    calls = rig.receiver.wait(len(news), reply.json()["sid"])
    assert words(calls) == news
    for call in calls:
        assert (call.path, call.query) == ("/news", {"m": ["7"]})
        named = fields(call)
        assert (named["From"], named["To"]) == (chosen or sender, to)
        assert named.get("ChannelPrefix", "") == channel
        assert named.get("MessagingServiceSid") == (SERVICE if chosen else None)


@pytest.mark.parametrize(
    ("to", "sender", "code"),
    [
        ("+{}", "+15550107001", "30005"),
        ("whatsapp:+{}", "whatsapp:+15550107001", "63024"),
        ("messenger:{}", "messenger:400200", "63003"),
        ("rcs:+{}", "rcs:harbour_agent", "63036"),
    ],
    ids=str,
)
def test_tells_why_it_was_not_delivered(rig: Rig, to: str, sender: str, code: str) -> None:
    number = person("0004")
    post(rig, sms(rig, number, To=to.format(number), From=sender))
    (call,) = rig.receiver.wait(1, number)
    assert (fields(call)["MessageStatus"], fields(call)["ErrorCode"]) == ("undelivered", code)


def test_without_an_address_nothing_is_reported(rig: Rig) -> None:
    recipient = person("4321")
    assert post(rig, sms(rig, recipient, StatusCallback=None)).status_code == 201
    time.sleep(0.15)
    assert rig.receiver.about(recipient) == []


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"To": None}, 21604),
    ({"To": "14255550199"}, 21211),
    ({"To": "telepathy:+14255550199"}, 21211),
    ({"To": "+15005550001"}, 21211),
    ({"To": "+15005550002"}, 21612),
    ({"To": "+15005550003"}, 21408),
    ({"To": "+15005550004"}, 21610),
    ({"To": "+15005550009"}, 21614),
    ({"From": None}, 21603),
    ({"From": "15550107001"}, 21212),
    ({"From": "+15005550001"}, 21212),
    ({"From": "+15005550007"}, 21606),
    ({"From": "whatsapp:+15550107001"}, 21910),
    ({"From": None, "MessagingServiceSid": "MG1"}, 21705),
    ({"Body": None}, 21602),
    ({"Body": "x" * 1601}, 21617),
    ({"MediaUrl": "a.jpg"}, 21620),
    ({"MediaUrl": [PICTURE] * 11}, 21623),
    ({"ContentSid": "welcome"}, 21655),
    ({"ContentSid": CONTENT, "ContentVariables": "[1]"}, 21656),
    ({"StatusCallback": "/news"}, 21609),
    ({"ValidityPeriod": "0"}, 30012),
    ({"ValidityPeriod": "36001"}, 30013),
]


@pytest.mark.parametrize(("members", "code"), REFUSED, ids=lambda value: str(value)[:60])
def test_refuses(rig: Rig, members: dict[str, Any], code: int) -> None:
    reply = post(rig, sms(rig, "14255554321", **members))
    assert (reply.status_code, reply.json()["status"], reply.json()["code"]) == (400, 400, code)
    assert reply.json()["more_info"].endswith(f"/{code}")


@pytest.mark.parametrize(
    "members",
    [
        {"From": "55501"},
        {"From": "Harbour"},
        {"MediaUrl": [PICTURE] * 10, "Body": None},
        {"ContentSid": CONTENT, "ContentVariables": '{"1": "x"}', "Body": None},
        {"ValidityPeriod": "36000"},
    ],
    ids=str,
)
def test_takes(rig: Rig, members: dict[str, Any]) -> None:
    assert post(rig, sms(rig, person("4321"), **members)).status_code == 201


def test_wants_a_form(rig: Rig) -> None:
    reply = rig.http.post(MESSAGES, json=sms(rig, person("4321")), auth=BY_KEY)
    assert (reply.status_code, reply.json()["code"]) == (400, 21604)


@pytest.mark.parametrize("path", ["Messages.json", "Messages/SM1.json", "Messages/SM1/Media/ME1"])
@pytest.mark.parametrize(
    "login", [(ACCOUNT, "wrong"), (BY_KEY[0], TOKEN), (ACCOUNT, BY_KEY[1])], ids=["token", "key", "mixed"]
)
def test_wants_credentials(rig: Rig, path: str, login: tuple[str, str]) -> None:
    url = f"/twilio/2010-04-01/Accounts/{ACCOUNT}/{path}"
    reply = rig.http.request("POST" if path == "Messages.json" else "GET", url, auth=login)
    assert (reply.status_code, reply.json()["code"]) == (401, 20003)


def test_knows_one_account(rig: Rig) -> None:
    reply = rig.http.get(f"/twilio/2010-04-01/Accounts/AC{'0' * 32}.json", auth=BY_TOKEN)
    assert (reply.status_code, reply.json()["code"]) == (404, 20404)


# --- Twilio's SDK ----------------------------------------------------------------------------------


class Wire:
    """What the SDK sends through, to the carriers instead of Twilio."""

    is_async = False

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def request(self, method: str, uri: str, **parts: Any) -> Any:
        used: Any = {name: parts.get(name) for name in ("params", "data", "headers", "auth")}
        reply = self._http.request(method, uri.replace("https://api.twilio.com", "/twilio"), **used)
        return Response(reply.status_code, reply.text)


@pytest.fixture(scope="module")
def sdk(rig: Rig) -> Any:
    return Client(*BY_KEY, account_sid=ACCOUNT, http_client=Wire(rig.http))


def test_the_sdk_sends(rig: Rig, sdk: Any) -> None:
    recipient = f"+{person('0001')}"
    made = sdk.messages.create(
        to=recipient,
        from_=NUMBER,
        body="Good day " * 30,
        media_url=None,
        validity_period=60,
        status_callback=f"{rig.receiver.url}/news",
    )
    assert (made.status, made.to, made.num_segments, made.price) == ("queued", recipient, "2", None)
    rig.receiver.wait(2, made.sid)
    found = sdk.messages(made.sid).fetch()
    assert (found.status, found.price, found.price_unit) == ("delivered", "-0.01580", "USD")
    assert found.date_sent == made.date_created
    assert sdk.api.accounts(ACCOUNT).fetch().status == "active"
    (number,) = sdk.incoming_phone_numbers.list(phone_number=NUMBER)
    assert (number.phone_number, number.capabilities["sms"]) == (NUMBER, True)


def test_the_sdk_reads_the_errors(sdk: Any) -> None:
    with pytest.raises(TwilioRestException) as caught:
        sdk.messages.create(to=f"+{person('0003')}", from_=NUMBER, body="Good day")
    assert (caught.value.status, caught.value.code) == (400, 21610)


def test_the_sdk_believes_what_we_report(rig: Rig) -> None:
    recipient, text = person("4321"), f"Grüße & {uuid4()}"
    post(rig, sms(rig, recipient))
    written = {"channel": "sms", "from": recipient, "to": "15550107001", "text": text, "provider": "twilio"}
    assert rig.http.post("/inbound", json=written).status_code == 202
    calls = rig.receiver.wait(3, recipient)
    for call in calls:
        url, given = rig.receiver.url + target(call), call.headers["x-twilio-signature"]
        assert RequestValidator(TOKEN).validate(url, fields(call), given)
        assert not RequestValidator(TOKEN).validate(url + "&x=1", fields(call), given)


# --- our adapter -----------------------------------------------------------------------------------


def account(rig: Rig, **settings: Any) -> Account:
    return Account("twilio", "default", Twilio.account(rig.url, rig.receiver.url, CREDENTIALS) | settings)


def send(
    rig: Rig,
    recipient: str,
    content: Content = HELLO,
    channel: Channel = Channel.SMS,
    sender: str = "15550107001",
    uuid: str = "",
    **members: Any,
) -> str:
    message = Message(
        message_uuid=uuid or str(uuid4()),
        channel=channel,
        sender=sender,
        recipient=recipient,
        content=content,
        lifetime=600,
        **members,
    )
    return adapter("twilio").send(message, account(rig), rig.http)


def events(rig: Rig, call: Call) -> Any:
    hook = Hook(call.body, target=target(call), headers=call.headers, received_at=RECEIVED)
    adapter("twilio").verify(hook, account(rig))
    return adapter("twilio").events(hook)


PLACE = Location(type="location", latitude=51.5, longitude=-0.125, name="The harbour")
WELCOME = Template(type="template", name=CONTENT, parameters=("Jane",))
BUTTONS = Custom(type="custom", custom={"ContentSid": CONTENT, "ContentVariables": {"name": "Jane"}})
FILM = Video(type="video", url="https://e.example/film.mp4")
DELIVERED, READ = [Status.SUBMITTED, Status.DELIVERED], [Status.SUBMITTED, Status.DELIVERED, Status.READ]
SENDS: list[tuple[str, Channel, str, Content, list[Status]]] = [
    ("SMS", Channel.SMS, "15550107001", HELLO, DELIVERED),
    ("SMS by service", Channel.SMS, SERVICE, HELLO, DELIVERED),
    ("MMS", Channel.MMS, "15550107001", Image(type="image", url=PICTURE, caption="Door"), DELIVERED),
    ("WhatsApp", Channel.WHATSAPP, "15550107001", HELLO, READ),
    ("location", Channel.WHATSAPP, "15550107001", PLACE, READ),
    ("template", Channel.WHATSAPP, "15550107001", WELCOME, READ),
    ("custom", Channel.WHATSAPP, SERVICE, BUTTONS, READ),
    ("Messenger", Channel.MESSENGER, "400200", HELLO, READ),
    ("RCS", Channel.RCS, SERVICE, HELLO, READ),
    ("RCS by its sender", Channel.RCS, "harbour_agent", FILM, READ),
]


@pytest.mark.parametrize(
    ("channel", "sender", "content", "statuses"),
    [case[1:] for case in SENDS],
    ids=[case[0] for case in SENDS],
)
def test_our_adapter_sends(
    rig: Rig, channel: Channel, sender: str, content: Content, statuses: list[Status]
) -> None:
    recipient, uuid = person("4321"), str(uuid4())
    sid = send(rig, recipient, content, channel, sender, uuid)
    calls = rig.receiver.wait(len(statuses), sid)
    for call, status in zip(calls, statuses, strict=True):
        assert call.path == "/status/twilio/default"
        (event,) = events(rig, call)
        assert isinstance(event, Receipt)
        assert (event.status, event.message_uuid, event.provider_id) == (status, uuid, sid)
    log = rig.http.get("/log").json()["sends"]
    (taken,) = [taken for taken in log if taken["id"] == sid]
    assert (taken["provider"], taken["channel"]) == ("twilio", channel.value)


def test_our_adapter_reads_which_part_it_is(rig: Rig) -> None:
    sid = send(rig, person("4321"), part=Part(number=2, of=3))
    for call in rig.receiver.wait(2, sid):
        (event,) = events(rig, call)
        assert isinstance(event, Receipt) and event.part == Part(number=2, of=3)


@pytest.mark.parametrize(
    ("last4", "error"),
    [("0003", Rejected), ("0005", Throttled), ("0006", Unanswered), ("0008", Unavailable)],
    ids=str,
)
def test_our_adapter_reads_the_errors(rig: Rig, last4: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        send(rig, person(last4))


@pytest.mark.parametrize(
    ("recipient", "error", "code"),
    [
        ("15005550001", Rejected, 1170),
        ("15005550002", Unreachable, 1250),
        ("15005550003", ConfigurationError, 1140),
        ("15005550004", Rejected, 1240),
        ("15005550009", Unreachable, 1170),
    ],
    ids=str,
)
def test_our_adapter_reads_the_test_numbers(rig: Rig, recipient: str, error: Any, code: int) -> None:
    with pytest.raises(error) as caught:
        send(rig, recipient)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("channel", "sender", "code"),
    [
        (Channel.SMS, "15550107001", 1190),
        (Channel.WHATSAPP, "15550107001", 1300),
        (Channel.RCS, SERVICE, 1310),
    ],
    ids=str,
)
def test_our_adapter_reads_failures(rig: Rig, channel: Channel, sender: str, code: int) -> None:
    sid = send(rig, person("0004"), channel=channel, sender=sender)
    (call,) = rig.receiver.wait(1, sid)
    (event,) = events(rig, call)
    assert isinstance(event, Receipt) and event.failure
    assert (event.status, event.failure.code) == (Status.UNDELIVERABLE, code)


def test_our_adapter_is_refused_without_credentials(rig: Rig) -> None:
    message = Message(
        message_uuid=str(uuid4()),
        channel=Channel.SMS,
        sender="15550107001",
        recipient=person("4321"),
        content=HELLO,
    )
    with pytest.raises(ConfigurationError):
        adapter("twilio").send(message, account(rig, api_secret="wrong"), rig.http)
    assert adapter("twilio").send(message, account(rig, api_key=""), rig.http)  # by the auth token


@pytest.mark.parametrize(
    ("channel", "recipient"),
    [("sms", "15550107001"), ("whatsapp", "15550107001"), ("messenger", "400200"), ("rcs", SERVICE)],
)
def test_our_adapter_reads_what_people_write(rig: Rig, channel: str, recipient: str) -> None:
    sender, text = person("4321"), f"Grüße & {uuid4()}"
    written = {"channel": channel, "from": sender, "to": recipient, "text": text, "provider": "twilio"}
    assert rig.http.post("/inbound", json=written).status_code == 202
    (call,) = rig.receiver.wait(1, sender)
    assert call.path == "/inbound/twilio/default"
    (event,) = events(rig, call)
    assert isinstance(event, Inbound)
    assert (event.channel, event.sender, event.recipient) == (channel, sender, recipient)
    assert event.content == Text(type="text", text=text)


def test_our_adapter_downloads_what_people_send(rig: Rig) -> None:
    sender = person("4321")
    written = {"channel": "mms", "from": sender, "to": "15550107001", "text": "Look", "provider": "twilio"}
    assert rig.http.post("/inbound", json=written).status_code == 202
    (call,) = rig.receiver.wait(1, sender)
    (event,) = events(rig, call)
    assert isinstance(event, Inbound) and isinstance(event.content, Image)
    assert (event.channel, event.content.caption) == (Channel.MMS, "Look")
    reply = rig.http.send(adapter("twilio").download(event.content.url, account(rig), rig.http))
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/jpeg")


@pytest.mark.parametrize(
    ("sender", "settings", "state"),
    [
        ("15550107001", {}, "verified"),
        ("15550100404", {}, "failed"),
        ("Harbour", {}, "verified"),
        ("15550107001", {"api_secret": "wrong"}, "failed"),
        ("15550107001", {"account_sid": "AC1"}, "failed"),
    ],
    ids=str,
)
def test_our_adapter_is_verified(rig: Rig, sender: str, settings: Any, state: str) -> None:
    found = adapter("twilio").verification(account(rig, **settings), Channel.SMS, sender, rig.http)
    assert found.state == state
