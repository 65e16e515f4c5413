"""Viber's bot API, with its SDK as client and our adapter at both ends."""

import time
from typing import Any
from uuid import uuid4

import httpx
import pytest
import viberbot.api.api
from viberbot import Api, BotConfiguration
from viberbot.api.messages import FileMessage, PictureMessage, TextMessage, URLMessage

from sandbox.carriers.viber_bot import BOT, NAME, URI, ViberBot
from switchboard.adapters import adapter
from switchboard.adapters.base import Account, MediaFile
from switchboard.errors import Throttled, Unanswered, Unavailable, Unreachable
from switchboard.models.events import Hook, Inbound, Receipt
from switchboard.models.messages import Channel, Content, Image, Location, Message, Status, Text, Video

from .rig import CREDENTIALS, Call, Rig

pytestmark = pytest.mark.network

TOKEN = CREDENTIALS.secret("viber_bot auth_token")
PICTURE = "https://e.example/a.jpg"
HELLO = Text(type="text", text="Good day")


def person(last4: str) -> str:
    """A Viber id that no other test uses."""
    return f"v{uuid4().hex[:18]}f{last4}"


def post(rig: Rig, body: Any, token: str = TOKEN, method: str = "send_message") -> httpx.Response:
    headers = {"x-viber-auth-token": token}
    return rig.http.post(f"/viber_bot/pa/{method}", json=body, headers=headers)


def body(recipient: str, **members: Any) -> dict[str, Any]:
    sent = {"receiver": recipient, "sender": {"name": "Harbour"}, "type": "text", "text": "Good day"}
    return {name: value for name, value in {**sent, **members}.items() if value is not None}


# --- messages --------------------------------------------------------------------------------------

TAKEN = ["delivered", "seen"]
HANDSETS: dict[str, tuple[list[int | str], list[str]]] = {
    "0001": ([0], ["delivered"]),
    "0002": ([0], []),
    "0003": ([6], []),
    "0004": ([0], ["failed"]),
    "0005": ([12, 12, 0], TAKEN),
    "0006": (["lost", 0], [*TAKEN, *TAKEN]),
    "0007": ([0], ["seen", "seen", "delivered", "delivered"]),
    "0008": (["503", "503", "503", 0], TAKEN),
    "0009": ([0], TAKEN),
    "4321": ([0], TAKEN),
}


@pytest.mark.parametrize("last4", HANDSETS)
def test_handset(rig: Rig, last4: str) -> None:
    recipient, ours = person(last4), str(uuid4())
    answers, news = HANDSETS[last4]
    got: list[int | str] = []
    for _ in answers:
        try:
            reply = post(rig, body(recipient, tracking_data=ours))
        except (httpx.RemoteProtocolError, httpx.ReadError):
            got.append("lost")
        else:
            got.append(reply.json()["status"] if reply.is_success else str(reply.status_code))
    answered_at = time.monotonic()
    assert got == answers
    assert len(rig.sends(ours)) == answers.count(0) + answers.count("lost")

    rig.receiver.wait(len(news), recipient)
    time.sleep(0.1)  # nothing more comes
    calls = rig.receiver.about(recipient)
    assert sorted(call.json["event"] for call in calls) == sorted(news)
    if last4 == "0007":
        assert [call.json["event"] for call in calls] == news
    if last4 == "0009":
        assert calls[0].json["event"] == "delivered" and calls[0].at < answered_at


def test_reports_name_the_message_by_its_token_only(rig: Rig) -> None:
    recipient, ours = person("4321"), str(uuid4())
    reply = post(rig, body(recipient, tracking_data=ours)).json()
    assert reply.items() >= {"status": 0, "status_message": "ok"}.items()
    assert reply["message_token"] > 2**53
    for call in rig.receiver.wait(2, recipient):
        assert call.path == "/inbound/viber_bot/default"
        assert call.query == {"sender": [BOT]}
        assert (call.json["message_token"], call.json["user_id"]) == (reply["message_token"], recipient)
        assert ours not in call.body.decode()


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"receiver": None}, 4),
        ({"sender": None}, 4),
        ({"sender": {"name": "x" * 29}}, 3),
        ({"text": None}, 4),
        ({"text": ""}, 3),
        ({"text": "x" * 7001}, 3),
        ({"type": "telepathy"}, 3),
        ({"type": "picture", "text": None, "media": PICTURE}, 4),
        ({"type": "picture", "text": "x" * 769, "media": PICTURE}, 3),
        ({"type": "video", "media": PICTURE}, 4),
        ({"type": "video", "media": PICTURE, "size": "7"}, 3),
        ({"type": "video", "media": PICTURE, "size": 27262977}, 3),
        ({"type": "file", "media": PICTURE, "size": 7}, 4),
        ({"type": "file", "media": "a.pdf", "size": 7, "file_name": "a.pdf"}, 3),
        ({"type": "location", "location": {"lat": 91, "lon": 0}}, 3),
        ({"type": "rich_media", "rich_media": {"Type": "rich_media", "Buttons": [{}]}}, 14),
        ({"tracking_data": "x" * 4001}, 3),
        ({"keyboard": {"Type": "keyboard", "Buttons": []}}, 3),
    ],
    ids=str,
)
def test_refuses_a_message(rig: Rig, members: dict[str, Any], status: int) -> None:
    reply = post(rig, body(person("4321"), **members))
    assert (reply.status_code, reply.json()["status"]) == (200, status)
    assert reply.json()["status_message"] != "ok"


@pytest.mark.parametrize(
    "members",
    [
        {"type": "picture", "text": "", "media": PICTURE},
        {"type": "video", "media": PICTURE, "size": 27262976, "duration": 180},
        {"type": "file", "media": PICTURE, "size": 7, "file_name": "a.pdf"},
        {"type": "location", "location": {"lat": 51.5, "lon": 0}},
        {"type": "contact", "contact": {"name": "Bo", "phone_number": "+15550107009"}},
        {"type": "sticker", "sticker_id": 46105},
        {"type": "url", "media": "https://e.example"},
        {
            "type": "rich_media",
            "min_api_version": 7,
            "rich_media": {"Type": "rich_media", "Buttons": [{"Columns": 6}]},
        },
        {"keyboard": {"Type": "keyboard", "Buttons": [{"Text": "Yes"}]}},
    ],
    ids=lambda members: members.get("type", "text"),
)
def test_takes_a_message(rig: Rig, members: dict[str, Any]) -> None:
    assert post(rig, body(person("0002"), **members)).json()["status"] == 0


@pytest.mark.parametrize("method", ["send_message", "get_account_info"])
def test_wants_its_token_and_an_object(rig: Rig, method: str) -> None:
    for token, value, status in (("wrong", {}, 2), ("", [], 2), ("é", {}, 2), (TOKEN, [], 3)):
        reply = rig.http.post(
            f"/viber_bot/pa/{method}", json=value, headers=[(b"x-viber-auth-token", token.encode())]
        )
        assert (reply.status_code, reply.json()["status"]) == (200, status)


def test_the_callback_address_is_tried(rig: Rig) -> None:
    assert rig.http.post("/handshake/viber_bot").json() == {"ok": True}
    (call,) = rig.receiver.wait(1, '"webhook"')
    assert (call.path, call.query) == ("/inbound/viber_bot/default", {"sender": [BOT]})
    assert read(rig, call) == []
    rig.receiver.refusals['"webhook"'] = 1
    assert rig.http.post("/handshake/viber_bot").json() == {"ok": False}


# --- Viber's SDK -----------------------------------------------------------------------------------


@pytest.fixture
def sdk(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(viberbot.api.api, "VIBER_BOT_API_URL", f"{rig.url}/viber_bot/pa")
    return Api(BotConfiguration(TOKEN, "Harbour", PICTURE))


def test_the_sdk_sends_and_reads_what_we_report(rig: Rig, sdk: Api) -> None:
    recipient = person("0001")
    messages = [
        TextMessage(text="Good day"),
        PictureMessage(media=PICTURE, text="x"),
        FileMessage(media=PICTURE, size=7, file_name="a.pdf"),
        URLMessage(media=PICTURE),
    ]
    tokens = sdk.send_messages(recipient, messages)
    assert len(set(tokens)) == len(messages)
    calls = rig.receiver.wait(len(messages), recipient)
    for call in calls:
        assert sdk.verify_signature(call.body, call.headers["x-viber-content-signature"])
        assert sdk.parse_request(call.body).event_type == "delivered"
    assert {sdk.parse_request(call.body).message_token for call in calls} == set(tokens)


def test_the_sdk_is_refused(sdk: Api) -> None:
    with pytest.raises(Exception, match="failed with status: 6, message: notSubscribed"):
        sdk.send_messages(person("0003"), TextMessage(text="Good day"))


def test_the_sdk_reads_the_account(sdk: Api) -> None:
    assert sdk.get_account_info().items() >= {"status": 0, "id": BOT, "name": NAME, "uri": URI}.items()


# --- our adapter -----------------------------------------------------------------------------------


def account(rig: Rig, **settings: Any) -> Account:
    theirs = ViberBot.account(rig.url, rig.receiver.url, CREDENTIALS)
    return Account("viber_bot", "default", theirs | settings)


def send(rig: Rig, recipient: str, uuid: str, content: Content = HELLO) -> str:
    message = Message(
        message_uuid=uuid, channel=Channel.VIBER_BOT, sender=BOT, recipient=recipient, content=content
    )
    if adapter("viber_bot").media_by(message) == "bytes":
        file = MediaFile(b"four", "video/mp4", "a.mp4")
        message = adapter("viber_bot").attach(message, file, account(rig), rig.http)
    return adapter("viber_bot").send(message, account(rig), rig.http)


def read(rig: Rig, call: Call) -> Any:
    query = {name: values[0] for name, values in call.query.items()}
    hook = Hook(call.body, headers=call.headers, query=query)
    adapter("viber_bot").verify(hook, account(rig))
    return adapter("viber_bot").events(hook)


@pytest.mark.parametrize(
    "content",
    [
        HELLO,
        Image(type="image", url=PICTURE),
        Video(type="video", url="https://e.example/a.mp4"),
        Location(type="location", latitude=51.5, longitude=-0.125),
    ],
    ids=lambda content: content.type,
)
def test_our_adapter_sends_and_reads_receipts(rig: Rig, content: Content) -> None:
    recipient, uuid = person("4321"), str(uuid4())
    identifier = send(rig, recipient, uuid, content)
    assert identifier == rig.sends(uuid)[0]["id"]
    receipts = [event for call in rig.receiver.wait(2, recipient) for event in read(rig, call)]
    assert all(isinstance(receipt, Receipt) for receipt in receipts)
    assert {receipt.provider_id for receipt in receipts} == {identifier}
    assert {receipt.status for receipt in receipts} == {Status.DELIVERED, Status.READ}


def test_our_adapter_reads_a_failure(rig: Rig) -> None:
    recipient = person("0004")
    send(rig, recipient, str(uuid4()))
    (call,) = rig.receiver.wait(1, recipient)
    (receipt,) = read(rig, call)
    assert receipt.status is Status.UNDELIVERABLE and receipt.failure.code == 1260


@pytest.mark.parametrize(
    ("last4", "error"),
    [("0003", Unreachable), ("0005", Throttled), ("0006", Unanswered), ("0008", Unavailable)],
    ids=str,
)
def test_our_adapter_reads_the_errors(rig: Rig, last4: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        send(rig, person(last4), str(uuid4()))


def test_our_adapter_reads_what_people_write(rig: Rig) -> None:
    sender, words = person("4321"), f"Grüße {uuid4()}"
    written = {"channel": "viber_bot", "from": sender, "to": "pa:&=é", "text": words}
    assert rig.http.post("/inbound", json=written).status_code == 202
    (call,) = rig.receiver.wait(1, words)
    (event,) = read(rig, call)
    assert isinstance(event, Inbound)
    assert (event.sender, event.recipient, event.content) == (sender, "pa:&=é", Text(type="text", text=words))


@pytest.mark.parametrize(
    ("sender", "settings", "state"),
    [
        (BOT, {}, "verified"),
        (NAME, {}, "verified"),
        ("x", {}, "failed"),
        (BOT, {"auth_token": "x"}, "failed"),
    ],
    ids=str,
)
def test_our_adapter_is_verified(rig: Rig, sender: str, settings: Any, state: str) -> None:
    ours = account(rig, **settings)
    assert adapter("viber_bot").verification(ours, Channel.VIBER_BOT, sender, rig.http).state == state
