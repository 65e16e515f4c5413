"""Vonage, with its own package as client and our adapter at both ends."""

import base64
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from vonage import Auth, HttpClientOptions
from vonage import Vonage as Client
from vonage_http_client.errors import (
    AuthenticationError,
    HttpRequestError,
    NotFoundError,
    RateLimitedError,
    ServerError,
)
from vonage_jwt import verify_signature
from vonage_messages import models

from sandbox.carriers.vonage import Vonage
from switchboard.adapters import adapter
from switchboard.adapters.base import Account
from switchboard.applications import key_pair
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    Rejected,
    SendError,
    Throttled,
    Unanswered,
    Unavailable,
)
from switchboard.models.events import Event, Failure, Hook, Inbound, Receipt, Usage
from switchboard.models.messages import (
    Audio,
    Channel,
    Content,
    Custom,
    File,
    Image,
    Location,
    Message,
    Part,
    Status,
    Template,
    Text,
    Vcard,
    Video,
)
from tests.e2e.clients import PlainHttp

from .rig import CREDENTIALS, Call, Rig

pytestmark = pytest.mark.network

OURS = Vonage.account("", "", CREDENTIALS)
SECRET = OURS["signature_secret"]
LINK = "https://e.example/a.bin"
HELLO = Text(type="text", text="Good day")
SENDERS = {
    "sms": "442079460123",
    "mms": "12065550142",
    "whatsapp": "442079460123",
    "messenger": "107705190000",
    "viber_service_msg": "Harbour",
    "rcs": "Harbour",
}


def person(last4: str = "4321") -> str:
    """A recipient that no other test uses."""
    return f"7700{uuid4().int % 10**6:06d}{last4}"


def token(**claims: Any) -> str:
    now = int(time.time())
    usual = {"application_id": OURS["application_id"], "iat": now, "jti": str(uuid4()), "exp": now + 900}
    wanted = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode(wanted, OURS["private_key"], "RS256")


def message(recipient: str, **members: Any) -> dict[str, Any]:
    usual = {
        "channel": "sms",
        "message_type": "text",
        "to": recipient,
        "from": SENDERS["sms"],
        "text": "Good day",
    }
    return {name: value for name, value in (usual | members).items() if value is not None}


def post(rig: Rig, body: Any, authorization: str | None = "") -> httpx.Response:
    """`authorization` is a good token if empty, and left out if None."""
    given = f"Bearer {token()}" if authorization == "" else authorization
    headers = {"authorization": given} if given else {}
    return rig.http.post("/vonage/v1/messages", json=body, headers=headers)


def account(rig: Rig, **settings: Any) -> Account:
    about = Vonage.account(rig.url, rig.receiver.url, CREDENTIALS)
    return Account("vonage", "default", about | settings)


def hook(call: Call) -> Hook:
    return Hook(call.body, headers=call.headers)


def events(rig: Rig, call: Call) -> list[Event]:
    adapter("vonage").verify(hook(call), account(rig))
    return adapter("vonage").events(hook(call))


# --- requests --------------------------------------------------------------------------------------


def test_takes_a_message(rig: Rig) -> None:
    to, reference = person(), str(uuid4())
    reply = post(rig, message(to, client_ref=reference))
    assert (reply.status_code, list(reply.json())) == (202, ["message_uuid"])
    (sent,) = rig.sends(reference)
    assert (sent["channel"], sent["id"]) == ("sms", reply.json()["message_uuid"])


def test_the_same_reference_again_is_another_message(rig: Rig) -> None:
    body = message(person(), client_ref=str(uuid4()))
    ids = {post(rig, body).json()["message_uuid"] for _ in range(2)}
    assert len(ids) == len(rig.sends(body["client_ref"])) == 2


def basic(key: str = OURS["api_key"], secret: str = OURS["api_secret"]) -> str:
    return f"Basic {base64.b64encode(f'{key}:{secret}'.encode()).decode()}"


def now() -> int:
    return int(time.time())


ADMITTED: dict[str, Callable[[], str]] = {
    "token": lambda: f"Bearer {token()}",
    "token that names no end": lambda: f"Bearer {token(exp=None)}",
    "token of a clock that is a little fast": lambda: f"Bearer {token(iat=now() + 10)}",
    "key and secret": basic,
}


@pytest.mark.parametrize("name", ADMITTED)
def test_admits(rig: Rig, name: str) -> None:
    assert post(rig, message(person()), ADMITTED[name]()).status_code == 202


REFUSED: dict[str, Callable[[], str]] = {
    "token of another key": lambda: f"Bearer {jwt.encode({'iat': now()}, key_pair()[0], 'RS256')}",
    "token of another algorithm": lambda: f"Bearer {jwt.encode({'iat': now()}, SECRET, 'HS256')}",
    "token of another application": lambda: f"Bearer {token(application_id=str(uuid4()))}",
    "token without an id": lambda: f"Bearer {token(jti=None)}",
    "token without a time": lambda: f"Bearer {token(iat=None)}",
    "token that is over": lambda: f"Bearer {token(iat=now() - 2000, exp=now() - 100)}",
    "token that is older than it says": lambda: f"Bearer {token(iat=now() - 2000, exp=None)}",
    "token of tomorrow": lambda: f"Bearer {token(iat=now() + 90_000, exp=now() + 91_000)}",
    "token that is none": lambda: "Bearer x",
    "another scheme": lambda: f"App {token()}",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_a_token(rig: Rig, name: str) -> None:
    reply = post(rig, message(person()), REFUSED[name]())
    assert reply.status_code == 401
    assert (reply.json()["title"], reply.json()["detail"]) == ("Unauthorised", "Invalid Token")
    assert reply.json()["instance"] == reply.headers["x-nexmo-trace-id"]


def test_refuses_a_bad_secret_and_none(rig: Rig) -> None:
    reply = post(rig, message(person()), basic(secret="wrong"))
    assert (reply.status_code, reply.json()["title"]) == (401, "Unauthorized")
    reply = post(rig, message(person()), None)
    assert (reply.status_code, reply.json()["detail"]) == (401, "Request header 'Authorization' missing")


MESSENGER = {"channel": "messenger", "from": SENDERS["messenger"]}
VIBER = {"channel": "viber_service", "from": "Harbour"}
WHATSAPP = {"channel": "whatsapp"}
IMAGE = {"message_type": "image", "text": None, "image": {"url": LINK}}
VIDEO = {"message_type": "video", "text": None, "video": {"url": LINK, "thumb_url": LINK}}

FAULTS: dict[str, tuple[Mapping[str, Any], int, str | None]] = {
    "nothing": (dict.fromkeys(message("")), 1150, "channel"),
    "channel": ({"channel": "smoke"}, 1100, None),
    "our word for Viber": ({**VIBER, "channel": "viber_service_msg"}, 1100, None),
    "type": ({"message_type": "image", "image": {"url": LINK}}, 1140, None),
    "no type": ({"message_type": None}, 1150, "message_type"),
    "sender": ({"from": "an endless name"}, 1120, None),
    "recipient with a plus": ({"to": "+447700900321"}, 1130, None),
    "no recipient": ({"to": None}, 1150, "to"),
    "reference": ({"client_ref": "x" * 101}, 1060, None),
    "no text": ({"text": None}, 1150, "text"),
    "long text": ({"text": "x" * 3201}, 1150, "text"),
    "ttl": ({"ttl": 19}, 1150, "ttl"),
    "version": ({"webhook_version": "v2"}, 1150, "webhook_version"),
    "callback": ({"webhook_url": "here"}, 1150, "webhook_url"),
    "failover": ({"failover": [{}]}, 1150, "failover"),
    "picture": ({**WHATSAPP, **IMAGE, "image": {}}, 1150, "image.url"),
    "caption": ({**WHATSAPP, **IMAGE, "image": {"url": LINK, "caption": ""}}, 1150, "image.caption"),
    "template": (
        {**WHATSAPP, "message_type": "template", "template": {"name": "x"}, "whatsapp": {}},
        1110,
        "whatsapp.locale",
    ),
    "location": (
        {**WHATSAPP, "message_type": "location", "location": {"lat": "1", "long": 2}},
        1150,
        "location.lat",
    ),
    "category": ({**MESSENGER, "messenger": {"category": "x"}}, 1110, "messenger.category"),
    "no tag": ({**MESSENGER, "messenger": {"category": "message_tag"}}, 1110, "messenger"),
    "long text by Messenger": ({**MESSENGER, "text": "x" * 641}, 1150, "text"),
    "ttl of Viber": ({**VIBER, "viber_service": {"ttl": 29}}, 1110, "viber_service.ttl"),
    "unknown option": ({**VIBER, "viber_service": {"life": 30}}, 1110, "viber_service.life"),
    "duration": (
        {**VIBER, **VIDEO, "viber_service": {"duration": "601", "file_size": "1"}},
        1110,
        "viber_service.duration",
    ),
    "no duration": ({**VIBER, **VIDEO}, 1110, "viber_service"),
    "name": (
        {**VIBER, "message_type": "file", "file": {"url": LINK, "name": "x" * 26}},
        1150,
        "file.name",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_refuses_a_message(rig: Rig, name: str) -> None:
    members, number, field = FAULTS[name]
    reply = post(rig, message(person(), **members))
    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["type"] == f"https://developer.vonage.com/api-errors/messages#{number}"
    named = [fault["name"] for fault in reply.json().get("invalid_parameters", [])]
    assert named[:1] == ([field] if field else [])


@pytest.mark.parametrize("body", [b"", b"[]", b"{"], ids=["nothing", "list", "half"])
def test_wants_json(rig: Rig, body: bytes) -> None:
    headers = {"authorization": f"Bearer {token()}"}
    reply = rig.http.post("/vonage/v1/messages", content=body, headers=headers)
    assert (reply.status_code, reply.json()["type"].rpartition("#")[2]) == (422, "invalid-json")


# --- handsets --------------------------------------------------------------------------------------

ANSWERS = {"0003": [422], "0005": [429, 429, 202], "0006": [0, 202], "0008": [500, 500, 500, 202]}
"""HTTP statuses in order, 0 for none. All others are taken at once."""
TOLD = {
    "0001": ["submitted", "delivered"],
    "0002": ["submitted"],
    "0003": [],
    "0004": ["undeliverable"],
}
"""What callbacks say. Others are read at last."""


@pytest.mark.parametrize("channel", ["sms", "whatsapp", "messenger", "viber_service", "rcs"])
@pytest.mark.parametrize(
    "last4", ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "4321"]
)
def test_handset(rig: Rig, channel: str, last4: str) -> None:
    reference, statuses = str(uuid4()), []
    sender = SENDERS.get(channel, "Harbour")
    body = message(person(last4), channel=channel, client_ref=reference, **{"from": sender})
    body["webhook_url"] = f"{rig.receiver.url}/reports"
    for _ in ANSWERS.get(last4, [202]):
        try:
            statuses.append(post(rig, body).status_code)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            statuses.append(0)
    assert statuses == ANSWERS.get(last4, [202])

    expected = list(TOLD.get(last4, ["submitted", "delivered", "read"]))
    if channel == "sms" and "read" in expected:
        expected.remove("read")
    if last4 == "0007":
        expected = [word for word in reversed(expected) for _ in range(2)]
    if last4 == "0006":  # taken twice
        expected *= 2
    calls = rig.receiver.wait(len(expected), reference) if expected else []
    if last4 in ("0002", "0003"):
        time.sleep(0.15)
        calls = rig.receiver.about(reference)
    words = [call.json["status"] for call in calls]
    assert sorted(words) == sorted(expected) if last4 == "0006" else words == expected
    assert all(call.path == "/reports" for call in calls)


def test_a_receipt_can_come_before_the_answer(rig: Rig) -> None:
    reference = str(uuid4())
    post(rig, message(person("0009"), client_ref=reference))
    answered = time.monotonic()
    calls = rig.receiver.wait(2, reference)
    assert [call.json["status"] for call in calls] == ["submitted", "delivered"]
    assert calls[1].at < answered


def told(rig: Rig, last4: str, count: int, **members: Any) -> Mapping[str, Call]:
    """The callbacks about a message, by status."""
    reference = str(uuid4())
    post(rig, message(person(last4), client_ref=reference, **members))
    return {call.json["status"]: call for call in rig.receiver.wait(count, reference)}


def test_a_status(rig: Rig) -> None:
    calls = told(rig, "4321", 2, text="x" * 161)
    delivered = calls["delivered"].json
    assert "usage" not in calls["submitted"].json
    assert delivered["usage"] == {"price": "0.0800", "currency": "EUR"}
    assert delivered["sms"] == {"count_total": "2"}
    assert delivered["destination"] == {"network_code": "00101"}
    assert delivered["from"] == SENDERS["sms"]
    assert calls["delivered"].path == "/status/vonage/default"  # the application's
    assert datetime.fromisoformat(delivered["timestamp"]).timestamp() == pytest.approx(time.time(), abs=30)


def test_a_failure(rig: Rig) -> None:
    error = told(rig, "0004", 1)["undeliverable"].json["error"]
    assert (error["type"].rpartition("#")[2], error["title"]) == ("1260", "1260")
    error = told(rig, "0004", 1, **VIBER)["undeliverable"].json["error"]
    assert error["title"] == "1300"


def test_a_status_of_whatsapp(rig: Rig) -> None:
    calls = told(rig, "4321", 3, **WHATSAPP)
    assert calls["delivered"].json["whatsapp"]["pricing"]["category"] == "utility"
    assert "whatsapp" not in calls["read"].json


def test_a_status_of_the_old_version(rig: Rig) -> None:
    calls = told(rig, "4321", 3, webhook_version="v0.1", **VIBER)
    delivered = calls["delivered"].json
    assert delivered["to"].keys() == {"type", "number"}
    assert delivered["from"] == {"type": "viber_service_msg", "id": "Harbour"}
    assert delivered["usage"]["currency"] == "EUR"
    failed = told(rig, "0004", 1, webhook_version="v0.1")["undeliverable"].json
    assert failed["error"] == {"code": 1260, "reason": "Destination unreachable"}


def test_callbacks_are_signed(rig: Rig) -> None:
    call = told(rig, "0002", 1)["submitted"]
    scheme, _, given = call.headers["authorization"].partition(" ")
    assert scheme == "Bearer"
    assert verify_signature(given, SECRET)
    assert not verify_signature(given, "another secret that is as long as it")
    claims = jwt.decode(given, SECRET, algorithms=["HS256"])
    assert claims.keys() == {"iat", "jti", "iss", "payload_hash", "api_key", "application_id"}
    assert (claims["iss"], claims["payload_hash"]) == ("Vonage", hashlib.sha256(call.body).hexdigest())
    assert jwt.get_unverified_header(given) == {"alg": "HS256", "typ": "JWT"}


# --- Vonage's own package --------------------------------------------------------------------------


def client(rig: Rig, **credentials: str) -> Client:
    """With the application's token, if nothing else is said."""
    given = credentials or {name: OURS[name] for name in ("application_id", "private_key")}
    host = rig.url.removeprefix("http://")
    made = Client(Auth(**given), HttpClientOptions(api_host=f"{host}/vonage", max_retries=0))
    made.http_client._session.mount("https://", PlainHttp())
    made.http_client._session.trust_env = False
    return made


NUMBER, NAME, PAGE = {"from_": SENDERS["sms"]}, {"from_": "Harbour"}, {"from_": SENDERS["messenger"]}
FILE = {"url": LINK}
CAPTION = {"url": LINK, "caption": "Look"}

BY_PACKAGE: dict[str, tuple[str, Any, Mapping[str, Any]]] = {
    "sms": ("sms", models.Sms, {**NUMBER, "text": "Hi", "ttl": 20, "sms": {"encoding_type": "auto"}}),
    "mms text": ("mms", models.MmsText, {**NUMBER, "text": "Hi"}),
    "mms image": ("mms", models.MmsImage, {**NUMBER, "image": CAPTION, "ttl": 300}),
    "mms vcard": ("mms", models.MmsVcard, {**NUMBER, "vcard": FILE}),
    "mms audio": ("mms", models.MmsAudio, {**NUMBER, "audio": CAPTION}),
    "mms video": ("mms", models.MmsVideo, {**NUMBER, "video": CAPTION}),
    "mms file": ("mms", models.MmsFile, {**NUMBER, "file": CAPTION}),
    "whatsapp text": ("whatsapp", models.WhatsappText, {**NUMBER, "text": "Hi"}),
    "whatsapp image": ("whatsapp", models.WhatsappImage, {**NUMBER, "image": CAPTION}),
    "whatsapp audio": ("whatsapp", models.WhatsappAudio, {**NUMBER, "audio": FILE}),
    "whatsapp video": ("whatsapp", models.WhatsappVideo, {**NUMBER, "video": CAPTION}),
    "whatsapp file": ("whatsapp", models.WhatsappFile, {**NUMBER, "file": {**CAPTION, "name": "a.pdf"}}),
    "whatsapp template": (
        "whatsapp",
        models.WhatsappTemplate,
        {
            **NUMBER,
            "template": {"name": "hello", "parameters": ["x"]},
            "whatsapp": {"locale": "en", "policy": "deterministic"},
        },
    ),
    "whatsapp sticker": ("whatsapp", models.WhatsappSticker, {**NUMBER, "sticker": FILE}),
    "whatsapp custom": ("whatsapp", models.WhatsappCustom, {**NUMBER, "custom": {"type": "text"}}),
    "messenger text": (
        "messenger",
        models.MessengerText,
        {**PAGE, "text": "Hi", "messenger": {"category": "message_tag", "tag": "ACCOUNT_UPDATE"}},
    ),
    "messenger image": ("messenger", models.MessengerImage, {**PAGE, "image": FILE}),
    "messenger audio": ("messenger", models.MessengerAudio, {**PAGE, "audio": FILE}),
    "messenger video": ("messenger", models.MessengerVideo, {**PAGE, "video": FILE}),
    "messenger file": ("messenger", models.MessengerFile, {**PAGE, "file": FILE}),
    "viber text": (
        "viber_service_msg",
        models.ViberText,
        {
            **NAME,
            "text": "Hi",
            "viber_service": {"category": "promotion", "ttl": 30, "action": {"url": LINK, "text": "Go"}},
        },
    ),
    "viber image": ("viber_service_msg", models.ViberImage, {**NAME, "image": CAPTION}),
    "viber video": (
        "viber_service_msg",
        models.ViberVideo,
        {
            **NAME,
            "video": {**CAPTION, "thumb_url": LINK},
            "viber_service": {"duration": "600", "file_size": "200"},
        },
    ),
    "viber file": ("viber_service_msg", models.ViberFile, {**NAME, "file": {"url": LINK, "name": "a.pdf"}}),
    "rcs text": (
        "rcs",
        models.RcsText,
        {
            **NAME,
            "text": "Hi",
            "suggestions": [
                {
                    "type": "view_location",
                    "text": "Map",
                    "postback_data": "1",
                    "latitude": "51.5",
                    "longitude": "-0.125",
                    "pin_label": "Here",
                }
            ],
        },
    ),
    "rcs image": ("rcs", models.RcsImage, {**NAME, "image": FILE, "ttl": 20}),
    "rcs video": ("rcs", models.RcsVideo, {**NAME, "video": FILE}),
    "rcs file": ("rcs", models.RcsFile, {**NAME, "file": FILE}),
    "rcs card": (
        "rcs",
        models.RcsCardMessage,
        {**NAME, "card": {"title": "Boots", "text": "Dry feet", "media_url": LINK}},
    ),
    "rcs custom": ("rcs", models.RcsCustom, {**NAME, "custom": {"contentMessage": {"text": "Hi"}}}),
}


@pytest.mark.parametrize("kind", BY_PACKAGE)
def test_the_package_sends(rig: Rig, kind: str) -> None:
    channel, model, members = BY_PACKAGE[kind]
    reference = str(uuid4())
    reply = client(rig).messages.send(model(to=person(), client_ref=reference, **members))
    assert [(sent["channel"], sent["id"]) for sent in rig.sends(reference)] == [(channel, reply.message_uuid)]


def test_the_package_sends_with_key_and_secret(rig: Rig) -> None:
    by_secret = client(rig, api_key=OURS["api_key"], api_secret=OURS["api_secret"])
    assert by_secret.messages.send(models.Sms(to=person(), text="Hi", **NUMBER)).message_uuid
    wrong = client(rig, api_key=OURS["api_key"], api_secret="wrong")
    with pytest.raises(AuthenticationError):
        wrong.messages.send(models.Sms(to=person(), text="Hi", **NUMBER))


@pytest.mark.parametrize(
    ("last4", "error"),
    [("0003", HttpRequestError), ("0005", RateLimitedError), ("0008", ServerError)],
    ids=str,
)
def test_the_package_reads_the_errors(rig: Rig, last4: str, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        client(rig).messages.send(models.Sms(to=person(last4), text="Hi", **NUMBER))
    assert type(caught.value) is error


def test_the_package_marks_a_message_as_read(rig: Rig) -> None:
    identifier = write(rig, "whatsapp", person(), f"Hello {uuid4()}").json["message_uuid"]
    client(rig).messages.mark_whatsapp_message_read(identifier)
    with pytest.raises(NotFoundError):
        client(rig).messages.mark_whatsapp_message_read(str(uuid4()))


def test_the_package_revokes_a_message(rig: Rig) -> None:
    by_rcs = client(rig).messages.send(models.RcsText(to=person(), text="Hi", **NAME))
    client(rig).messages.revoke_rcs_message(by_rcs.message_uuid)
    by_sms = client(rig).messages.send(models.Sms(to=person(), text="Hi", **NUMBER))
    with pytest.raises(HttpRequestError):
        client(rig).messages.revoke_rcs_message(by_sms.message_uuid)


def test_the_package_downloads(rig: Rig, tmp_path: Path) -> None:
    host = rig.url.removeprefix("http://")
    file = tmp_path / "picture"
    client(rig).http_client.download_file_stream(f"https://{host}/vonage/v3/media/7e1f", str(file))
    assert file.read_bytes().startswith(b"\xff\xd8\xff")


# --- our adapter -----------------------------------------------------------------------------------


def send(rig: Rig, channel: Channel, to: str, content: Content = HELLO, **members: Any) -> tuple[str, str]:
    """Our id and Vonage's."""
    settings = members.pop("settings", {})
    ours = Message(
        message_uuid=str(uuid4()),
        channel=channel,
        sender=SENDERS[channel.value],
        recipient=to,
        content=content,
        **members,
    )
    return ours.message_uuid, adapter("vonage").send(ours, account(rig, **settings), rig.http)


SPOT: dict[str, Any] = {"latitude": 51.5, "longitude": -0.125, "name": "The harbour"}
ALL: dict[str, Content] = {
    "text": HELLO,
    "image": Image(type="image", url=LINK, caption="Look"),
    "audio": Audio(type="audio", url=LINK, caption="Listen"),
    "video": Video(type="video", url=LINK, caption="Look"),
    "file": File(
        type="file", url="https://e.example/a-name-that-is-longer-than-viber-takes.pdf", caption="x"
    ),
    "vcard": Vcard(type="vcard", url=LINK),
    "location": Location(type="location", **SPOT),
    "template": Template(type="template", name="hello", parameters=("x",)),
    "custom": Custom(type="custom", custom={"contentMessage": {"text": "Hi"}}),
}
CARRIED = {
    Channel.SMS: "text",
    Channel.MMS: "text image audio video file vcard",
    Channel.WHATSAPP: "text image audio video file location template custom",
    Channel.MESSENGER: "text image audio video file",
    Channel.VIBER: "text image file",
    Channel.RCS: "text image audio video file location custom",
}


@pytest.mark.parametrize(
    ("channel", "kind"),
    [(channel, kind) for channel, kinds in CARRIED.items() for kind in kinds.split()],
    ids=str,
)
@pytest.mark.parametrize("lifetime", [None, 1, 10**7])
def test_our_adapter_sends(rig: Rig, channel: Channel, kind: str, lifetime: int | None) -> None:
    uuid, identifier = send(rig, channel, person(), ALL[kind], lifetime=lifetime)
    assert [(sent["channel"], sent["id"]) for sent in rig.sends(uuid)] == [(channel.value, identifier)]


def test_our_adapter_sends_what_our_api_has_no_type_for(rig: Rig) -> None:
    video = {**VIDEO, "viber_service": {"duration": "9", "file_size": "3"}}
    del video["text"]
    uuid, _ = send(rig, Channel.VIBER, person(), Custom(type="custom", custom=video))
    assert len(rig.sends(uuid)) == 1


def test_our_adapter_sends_with_key_and_secret(rig: Rig) -> None:
    assert send(rig, Channel.SMS, person(), settings={"private_key": "", "application_id": ""})


@pytest.mark.parametrize(
    "settings",
    [
        {"private_key": key_pair()[0]},
        {"application_id": "another"},
        {"private_key": "", "api_secret": "wrong"},
    ],
    ids=["key", "application", "secret"],
)
def test_our_adapter_needs_its_credentials(rig: Rig, settings: Mapping[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        send(rig, Channel.SMS, person(), settings=settings)
    assert caught.value.code == 1370
    ours = account(rig, **settings)
    assert adapter("vonage").verification(ours, Channel.SMS, "1", rig.http).state == "failed"


def test_our_adapter_is_verified(rig: Rig) -> None:
    for settings in ({}, {"private_key": ""}):
        ours = account(rig, **settings)
        assert adapter("vonage").verification(ours, Channel.SMS, "1", rig.http).state == "verified"


@pytest.mark.parametrize(
    ("last4", "error", "code"),
    [
        ("0003", Rejected, 1170),
        ("0005", Throttled, 1000),
        ("0006", Unanswered, 1331),
        ("0008", Unavailable, 1331),
    ],
    ids=str,
)
def test_our_adapter_reads_the_errors(rig: Rig, last4: str, error: type[SendError], code: int) -> None:
    with pytest.raises(error) as caught:
        send(rig, Channel.SMS, person(last4))
    assert (type(caught.value), caught.value.code) == (error, code)


def test_our_adapter_tells_what_is_wrong(rig: Rig) -> None:
    with pytest.raises(Rejected) as caught:
        send(rig, Channel.SMS, person(), Text(type="text", text="x" * 3201))
    assert (caught.value.code, caught.value.provider_code) == (1020, "1150")


RECEIPTS = {
    "4321": [Status.SUBMITTED, Status.DELIVERED, Status.READ],
    "0004": [Status.UNDELIVERABLE],
}


@pytest.mark.parametrize("channel", CARRIED, ids=str)
@pytest.mark.parametrize("last4", RECEIPTS)
def test_our_adapter_reads_the_receipts(rig: Rig, channel: Channel, last4: str) -> None:
    statuses = RECEIPTS[last4]
    if channel in (Channel.SMS, Channel.MMS):
        statuses = [status for status in statuses if status is not Status.READ]
    content = ALL["image"] if channel is Channel.MMS else HELLO
    uuid, identifier = send(rig, channel, person(last4), content)
    calls = rig.receiver.wait(len(statuses), uuid)
    assert {call.path for call in calls} == {"/status/vonage/default"}
    found = [event for call in calls for event in events(rig, call)]
    receipts = [event for event in found if isinstance(event, Receipt)]
    assert [(receipt.status, receipt.message_uuid, receipt.provider_id) for receipt in receipts] == [
        (status, uuid, identifier) for status in statuses
    ]
    assert all(receipt.at for receipt in receipts)
    for receipt in receipts:
        assert isinstance(receipt.usage, Usage) is (receipt.status is Status.DELIVERED)
        number = 1260 if channel in (Channel.SMS, Channel.MMS) else 1300
        failed = receipt.status is Status.UNDELIVERABLE
        assert receipt.failure == (Failure(number, str(number)) if failed else None)


def test_our_adapter_knows_the_parts_of_a_text(rig: Rig) -> None:
    part = Part(number=2, of=3)
    uuid, _ = send(rig, Channel.MESSENGER, person("0002"), part=part)
    (call,) = rig.receiver.wait(1, uuid)
    (receipt,) = events(rig, call)
    assert isinstance(receipt, Receipt)
    assert (receipt.message_uuid, receipt.part) == (uuid, part)


def test_our_adapter_believes_nobody_else(rig: Rig) -> None:
    uuid, _ = send(rig, Channel.SMS, person("0002"))
    (call,) = rig.receiver.wait(1, uuid)
    for settings in ({"signature_secret": "another secret that is as long as it"}, {"api_key": "00000000"}):
        with pytest.raises(BadSignature):
            adapter("vonage").verify(hook(call), account(rig, **settings))
    with pytest.raises(BadSignature):
        adapter("vonage").verify(Hook(call.body + b" ", headers=call.headers), account(rig))


def write(rig: Rig, channel: str, sender: str, words: str) -> Call:
    """The webhook for a text that somebody writes."""
    body = {
        "channel": channel,
        "provider": "vonage",
        "from": sender,
        "to": SENDERS[channel],
        "text": words,
    }
    assert rig.http.post("/inbound", json=body).status_code == 202
    (call,) = rig.receiver.wait(1, words)
    return call


@pytest.mark.parametrize("channel", CARRIED, ids=str)
def test_our_adapter_reads_what_people_write(rig: Rig, channel: Channel) -> None:
    sender, words = person(), f"stop it {uuid4()}"
    call = write(rig, channel.value, sender, words)
    assert call.path == "/inbound/vonage/default"
    assert verify_signature(call.headers["authorization"].removeprefix("Bearer "), SECRET)
    (event,) = events(rig, call)
    assert isinstance(event, Inbound)
    assert (event.channel, event.sender, event.recipient) == (channel, sender, SENDERS[channel.value])
    assert (event.content, event.provider_id) == (Text(type="text", text=words), call.json["message_uuid"])


def test_an_sms_has_its_keyword_and_an_answer_by_viber_its_question(rig: Rig) -> None:
    sms = write(rig, "sms", person(), f"stop it {uuid4()}").json
    assert sms["sms"] == {"num_messages": "1", "keyword": "STOP"}
    to = person("0002")
    _, identifier = send(rig, Channel.VIBER, to)
    answer = write(rig, "viber_service_msg", to, f"Yes {uuid4()}").json
    assert (answer["channel"], answer["context"]) == ("viber_service", {"message_uuid": identifier})


def test_our_adapter_downloads(rig: Rig) -> None:
    media = f"{rig.url}/vonage/v3/media/7e1f"
    reply = rig.http.send(adapter("vonage").download(media, account(rig), rig.http))
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/jpeg")
    assert rig.http.get(media).status_code == 401
    gone = rig.http.send(adapter("vonage").download(f"{media[:-4]}0003", account(rig), rig.http))
    assert (gone.status_code, json.loads(gone.content)["title"]) == (404, "Not Found")
