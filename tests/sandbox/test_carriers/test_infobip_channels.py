"""SMS and WhatsApp through Infobip, and our adapter on all three channels.

No test here files a template, which would make the carrier strict: see test_infobip_templates.
"""

import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from sandbox.carriers.infobip import Infobip
from switchboard.adapters import adapter
from switchboard.adapters.base import Account, Verification
from switchboard.errors import (
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
    Status,
    Template,
    Text,
    Video,
)

from .rig import CREDENTIALS, SECRETS, Call, Rig

pytestmark = pytest.mark.network

NUMBER = "442079460123"
LINK = "https://e.example/a.bin"
KEY = {"authorization": f"App {SECRETS['api_key']}"}
SENDERS = {Channel.SMS: NUMBER, Channel.WHATSAPP: NUMBER, Channel.VIBER: "Harbour"}
CHANNELS = list(SENDERS)
HELLO = Text(type="text", text="Good day")


def person(last4: str) -> str:
    """A number that no other test uses."""
    return f"4477{uuid4().int % 10**4:04d}{last4}"


def post(rig: Rig, path: str, body: Any, headers: Any = KEY) -> httpx.Response:
    return rig.http.post(f"/infobip/{path}", json=body, headers=headers)


def sms_body(rig: Rig, to: str, echo: str, **members: Any) -> dict[str, Any]:
    message = {
        "sender": NUMBER,
        "destinations": [{"to": to, "messageId": echo}],
        "content": {"text": "Good day"},
        "webhooks": {"delivery": {"url": f"{rig.receiver.url}/reports"}, "callbackData": echo},
        **members,
    }
    return {"messages": [message]}


def whatsapp_body(rig: Rig, to: str, echo: str, content: Any) -> dict[str, Any]:
    return {
        "from": NUMBER,
        "to": to,
        "messageId": echo,
        "content": content,
        "callbackData": echo,
        "notifyUrl": f"{rig.receiver.url}/reports",
    }


# --- SMS -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "parts"), [("Good day", 1), ("x" * 161, 2), ("ж" * 141, 3)], ids=str)
def test_sms_reports(rig: Rig, text: str, parts: int) -> None:
    to, echo = person("4321"), str(uuid4())
    reply = post(rig, "sms/3/messages", sms_body(rig, to, echo, content={"text": text})).json()
    (message,) = reply["messages"]
    assert (message["messageId"], message["destination"]) == (echo, to)
    assert message["status"]["groupName"] == "PENDING"

    (call,) = rig.receiver.wait(1, echo)
    (report,) = call.json["results"]
    assert (report["messageId"], report["callbackData"], report["bulkId"]) == (echo, echo, reply["bulkId"])
    assert (report["status"]["name"], report["messageCount"]) == ("DELIVERED_TO_HANDSET", parts)
    assert report["price"] == {"pricePerMessage": 0.0345, "currency": "EUR"}
    time.sleep(0.2)
    assert len(rig.receiver.about(echo)) == 1  # nobody sees that an SMS was read


def test_sms_to_nobody(rig: Rig) -> None:
    to, echo = person("0004"), str(uuid4())
    post(rig, "sms/3/messages", sms_body(rig, to, echo))
    (call,) = rig.receiver.wait(1, echo)
    (report,) = call.json["results"]
    assert (report["status"]["id"], report["error"]["name"]) == (9, "EC_UNKNOWN_SUBSCRIBER")
    assert (report["error"]["permanent"], report["price"]["pricePerMessage"]) == (True, 0)


@pytest.mark.parametrize(
    ("members", "named"),
    [
        pytest.param({"destinations": []}, "destinations", id="nobody"),
        pytest.param({"destinations": [{"to": "x"}]}, "destinations[0].to", id="not-a-number"),
        pytest.param({"content": {"text": ""}}, "content.text", id="empty"),
        pytest.param({"content": {}}, "content.text", id="no-text"),
        pytest.param({"sender": "A word that is too long"}, "sender", id="sender"),
        pytest.param(
            {"options": {"validityPeriod": {"amount": 0, "timeUnit": "SECONDS"}}},
            "options.validityPeriod.amount",
            id="validity",
        ),
        pytest.param({"webhooks": {"delivery": {"url": "here"}}}, "webhooks.delivery.url", id="webhook"),
    ],
)
def test_sms_refuses_a_body(rig: Rig, members: dict[str, Any], named: str) -> None:
    reply = post(rig, "sms/3/messages", sms_body(rig, person("4321"), str(uuid4()), **members))
    answer = reply.json()
    assert (reply.status_code, answer["errorCode"]) == (400, "E400")
    assert [violation["property"] for violation in answer["violations"]] == [f"messages[0].{named}"]


# --- WhatsApp --------------------------------------------------------------------------------------


def test_whatsapp_reports(rig: Rig) -> None:
    to, echo = person("4321"), str(uuid4())
    reply = post(rig, "whatsapp/1/message/text", whatsapp_body(rig, to, echo, {"text": "Hi"})).json()
    assert (reply["to"], reply["messageCount"], reply["messageId"]) == (to, 1, echo)
    assert reply["status"]["name"] == "PENDING_ENROUTE"

    delivery, seen = rig.receiver.wait(2, echo)
    (report,) = delivery.json["results"]
    assert (report["status"]["id"], report["callbackData"]) == (5, echo)
    (report,) = seen.json["results"]
    assert (report["messageId"], report["from"], report["to"]) == (echo, NUMBER, to)
    assert report["seenAt"] > report["sentAt"]


def test_whatsapp_takes_the_same_id_once(rig: Rig) -> None:
    echo = str(uuid4())
    body = whatsapp_body(rig, "447700900002", echo, {"text": "Hi"})
    statuses = [post(rig, "whatsapp/1/message/text", body).json()["status"]["id"] for _ in range(2)]
    assert statuses == [7, 23]
    assert len(rig.sends(echo)) == 1


TEMPLATE = {"templateName": "t", "templateData": {"body": {"placeholders": []}}, "language": "en"}
REFUSED: list[tuple[str, Any, str]] = [
    ("text", {"text": ""}, "content.text"),
    ("text", {"text": "x" * 4097}, "content.text"),
    ("text", {"text": "no link", "previewUrl": True}, "content"),
    ("image", {"mediaUrl": "a.jpg"}, "content.mediaUrl"),
    ("image", {"mediaUrl": LINK, "caption": "x" * 3001}, "content.caption"),
    ("audio", {}, "content.mediaUrl"),
    ("document", {"mediaUrl": LINK, "filename": "x" * 241}, "content.filename"),
    ("location", {"latitude": 91, "longitude": 0}, "content.latitude"),
    ("contact", {"contacts": []}, "content.contacts"),
    ("interactive/buttons", {"action": {}}, "content.body"),
    ("template", {**TEMPLATE, "language": "en-GB"}, "content.language"),
    ("template", {**TEMPLATE, "templateData": {}}, "content.templateData.body"),
]


@pytest.mark.parametrize(
    ("kind", "content", "named"), REFUSED, ids=[f"{case[0]}-{case[2]}" for case in REFUSED]
)
def test_whatsapp_refuses_content(rig: Rig, kind: str, content: Any, named: str) -> None:
    body = whatsapp_body(rig, person("4321"), str(uuid4()), content)
    reply = post(rig, f"whatsapp/1/message/{kind}", {"messages": [body]} if kind == "template" else body)
    exception = reply.json()["requestError"]["serviceException"]
    assert (reply.status_code, exception["messageId"]) == (400, "BAD_REQUEST")
    assert list(exception["validationErrors"]) == [named]


@pytest.mark.parametrize(
    ("members", "named"),
    [
        pytest.param({"from": "Harbour"}, "from", id="from"),
        pytest.param({"to": "x"}, "to", id="to"),
        pytest.param({"messageId": "x" * 101}, "messageId", id="id"),
        pytest.param({"callbackData": "x" * 4001}, "callbackData", id="data"),
        pytest.param({"notifyUrl": "here"}, "notifyUrl", id="url"),
    ],
)
def test_whatsapp_refuses_a_body(rig: Rig, members: dict[str, Any], named: str) -> None:
    body = {**whatsapp_body(rig, person("4321"), str(uuid4()), {"text": "Hi"}), **members}
    exception = post(rig, "whatsapp/1/message/text", body).json()["requestError"]["serviceException"]
    assert list(exception["validationErrors"]) == [named]


def test_whatsapp_has_no_other_kinds(rig: Rig) -> None:
    assert post(rig, "whatsapp/1/message/hologram", {}).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "sms/3/messages",
        "whatsapp/1/message/text",
        "whatsapp/2/senders/1/templates",
        "whatsapp/1/senders/quality",
        "whatsapp/1/senders/1/media/1",
        "account/1/balance",
    ],
)
@pytest.mark.parametrize("headers", [{}, {"authorization": "App wrong"}], ids=["no key", "wrong key"])
def test_everything_wants_the_key(rig: Rig, path: str, headers: dict[str, str]) -> None:
    by_post = path.endswith(("messages", "text"))
    reply = rig.http.request("POST" if by_post else "GET", f"/infobip/{path}", headers=headers)
    assert reply.status_code == 401
    assert reply.json()["requestError"]["serviceException"]["messageId"] == "UNAUTHORIZED"


# --- our adapter -----------------------------------------------------------------------------------


def account(rig: Rig, **settings: Any) -> Account:
    return Account("infobip", "default", Infobip.account(rig.url, rig.receiver.url, CREDENTIALS) | settings)


def message(channel: Channel, recipient: str, content: Content = HELLO, echo: str = "") -> Message:
    return Message(
        message_uuid=echo or str(uuid4()),
        channel=channel,
        sender=SENDERS[channel],
        recipient=recipient,
        content=content,
    )


def send(rig: Rig, channel: Channel, recipient: str, content: Content = HELLO, echo: str = "") -> str:
    return adapter("infobip").send(message(channel, recipient, content, echo), account(rig), rig.http)


def read(rig: Rig, call: Call) -> Event:
    """The only event of a callback that is believed."""
    query = {name: values[0] for name, values in call.query.items()}
    hook = Hook(call.body, headers=call.headers, query=query)
    adapter("infobip").verify(hook, account(rig))
    (event,) = adapter("infobip").events(hook)
    return event


def receipts(rig: Rig, echo: str, count: int) -> list[Receipt]:
    calls = rig.receiver.wait(count, echo)
    assert {call.path for call in calls} == {"/status/infobip/default"}
    events = [read(rig, call) for call in calls]
    found = [event for event in events if isinstance(event, Receipt)]
    assert len(found) == count and {event.message_uuid for event in found} == {echo}
    return found


BUTTONS = {"body": {"text": "When?"}, "action": {"buttons": [{"type": "REPLY", "id": "1", "title": "Now"}]}}
CONTENTS: list[tuple[Channel, Content]] = [
    (Channel.SMS, Text(type="text", text="ж" * 1000)),
    (Channel.WHATSAPP, Text(type="text", text="Look: https://e.example")),
    (Channel.WHATSAPP, Image(type="image", url=LINK, caption="Look")),
    (Channel.WHATSAPP, Audio(type="audio", url=LINK)),
    (Channel.WHATSAPP, Video(type="video", url=LINK)),
    (Channel.WHATSAPP, File(type="file", url=LINK, caption="Order")),
    (Channel.WHATSAPP, Location(type="location", latitude=51.5, longitude=-0.125, name="The harbour")),
    (Channel.WHATSAPP, Template(type="template", name="parcel_sent", parameters=("Ann",))),
    (Channel.WHATSAPP, Custom(type="custom", custom={"interactive/buttons": BUTTONS})),
    (Channel.VIBER, Image(type="image", url=LINK, caption="Look")),
    (Channel.VIBER, File(type="file", url=LINK)),
    (Channel.VIBER, Template(type="template", name="otp-9", parameters=("1234",))),
    (Channel.VIBER, Custom(type="custom", custom={"type": "LIST", "text": "t", "options": ["a", "b"]})),
]


@pytest.mark.parametrize(
    ("channel", "content"), CONTENTS, ids=[f"{case[0]}-{case[1].type}" for case in CONTENTS]
)
def test_our_adapter_sends(rig: Rig, channel: Channel, content: Content) -> None:
    echo = str(uuid4())
    assert send(rig, channel, "447700900002", content, echo) == echo
    (sent,) = rig.sends(echo)
    assert (sent["channel"], sent["id"]) == (channel, echo)


PRICES = {Channel.SMS: "0.0345", Channel.WHATSAPP: "0.0213", Channel.VIBER: "0.0125"}


@pytest.mark.parametrize("channel", CHANNELS)
def test_our_adapter_reads_the_reports(rig: Rig, channel: Channel) -> None:
    echo = str(uuid4())
    send(rig, channel, person("4321"), echo=echo)
    found = receipts(rig, echo, 1 if channel is Channel.SMS else 2)
    statuses = [Status.DELIVERED] if channel is Channel.SMS else [Status.DELIVERED, Status.READ]
    assert [event.status for event in found] == statuses
    usage = found[0].usage
    assert isinstance(usage, Usage)
    assert (str(usage.price), usage.currency) == (PRICES[channel], "EUR")


@pytest.mark.parametrize(
    ("channel", "failure"),
    [
        (Channel.SMS, Failure(1190, "EC_UNKNOWN_SUBSCRIBER")),
        (Channel.WHATSAPP, Failure(1300, "EC_UNKNOWN_USER")),
        (Channel.VIBER, Failure(1300, "EC_UNKNOWN_USER")),
    ],
    ids=CHANNELS,
)
def test_our_adapter_reads_a_failure(rig: Rig, channel: Channel, failure: Failure) -> None:
    echo = str(uuid4())
    send(rig, channel, person("0004"), echo=echo)
    (event,) = receipts(rig, echo, 1)
    assert (event.status, event.failure, event.usage) == (Status.UNDELIVERABLE, failure, None)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    ("last4", "error", "code", "pause"),
    [
        ("0003", Rejected, 1050, None),
        ("0005", Throttled, 1000, 1),
        ("0006", Unanswered, 1331, None),
        ("0008", Unavailable, 1331, None),
    ],
)
def test_our_adapter_reads_the_errors(
    rig: Rig, channel: Channel, last4: str, error: type[SendError], code: int, pause: float | None
) -> None:
    with pytest.raises(error) as caught:
        send(rig, channel, person(last4))
    assert (caught.value.code, caught.value.retry_after) == (code, pause)


@pytest.mark.parametrize("channel", CHANNELS)
def test_our_adapter_can_ask_again_after_silence(rig: Rig, channel: Channel) -> None:
    to, echo = person("0006"), str(uuid4())
    with pytest.raises(Unanswered):
        send(rig, channel, to, echo=echo)
    assert send(rig, channel, to, echo=echo) == echo
    assert len(rig.sends(echo)) == 1


@pytest.mark.parametrize("channel", CHANNELS)
def test_our_adapter_needs_its_key(rig: Rig, channel: Channel) -> None:
    with pytest.raises(ConfigurationError):
        adapter("infobip").send(message(channel, person("4321")), account(rig, api_key="wrong"), rig.http)


@pytest.mark.parametrize("channel", CHANNELS)
def test_our_adapter_reads_what_people_write(rig: Rig, channel: Channel) -> None:
    sender, words = person("4321"), f"grüße {uuid4()}"
    written = {
        "channel": channel,
        "provider": "infobip",
        "from": f"+{sender}",
        "to": SENDERS[channel],
        "text": words,
    }
    assert rig.http.post("/inbound", json=written).status_code == 202
    (call,) = rig.receiver.wait(1, words.split()[1])
    assert call.path == "/inbound/infobip/default"
    event = read(rig, call)
    assert isinstance(event, Inbound)
    assert (event.channel, event.sender, event.recipient) == (channel, sender, SENDERS[channel])
    assert event.content == Text(type="text", text=words)
    assert abs(event.at.timestamp() - time.time()) < 10


VERIFIED = Verification("verified")
CHECKS: list[tuple[Channel, str, dict[str, str], Verification]] = [
    (Channel.SMS, NUMBER, {}, VERIFIED),
    (Channel.VIBER, "Harbour", {}, VERIFIED),
    (Channel.WHATSAPP, NUMBER, {}, VERIFIED),
    (Channel.WHATSAPP, "442079460002", {}, Verification("pending", "it is not registered yet")),
    (Channel.WHATSAPP, "442079460003", {}, Verification("failed", "WhatsApp has banned it")),
    (
        Channel.WHATSAPP,
        "442079460404",
        {},
        Verification("failed", "the account has no such WhatsApp sender"),
    ),
    (
        Channel.SMS,
        NUMBER,
        {"api_key": "wrong"},
        Verification("failed", "the provider refused: 1370 (UNAUTHORIZED)"),
    ),
]


@pytest.mark.parametrize(("channel", "sender", "settings", "expected"), CHECKS, ids=str)
def test_our_adapter_is_verified(
    rig: Rig, channel: Channel, sender: str, settings: Any, expected: Verification
) -> None:
    ours = account(rig, **settings)
    assert adapter("infobip").verification(ours, channel, sender, rig.http) == expected


@pytest.mark.parametrize(("name", "status"), [("1", 200), ("0003", 404)])
def test_our_adapter_downloads(rig: Rig, name: str, status: int) -> None:
    media = f"{rig.url}/infobip/whatsapp/1/senders/{NUMBER}/media/{name}"
    reply = rig.http.send(adapter("infobip").download(media, account(rig), rig.http))
    assert reply.status_code == status
    if status == 200:
        assert reply.headers["content-type"] == "image/jpeg"
