"""More than texts, both ways, with every provider that has it: our adapters against the carriers."""

import time
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import TypeAdapter

from sandbox.carriers.aws_senders import ACCOUNT_AGENT
from switchboard.adapters import adapter
from switchboard.adapters.base import Account, Known
from switchboard.errors import SendError, Unreachable
from switchboard.models.events import Hook, Inbound, Quoted, Receipt
from switchboard.models.messages import Channel, Content, InboundContent, Message, Status, Sticker
from tests.adapters import rich

from .rig import CREDENTIALS, PHONE, PHONE_ID, Call, Rig, graph

pytestmark = pytest.mark.network

LINK = "https://e.example/picture.jpg"
STAGED = "s3://bucket-of-a-test/outbound/door.jpg"
AGENT = "harbour_k3v9_agent"
WHATSAPP = ("whatsapp_cloud", "aws", "infobip", "vonage")
SENDERS = {
    ("whatsapp_cloud", "whatsapp"): PHONE,
    ("aws", "whatsapp"): "12065550177",
    ("infobip", "whatsapp"): "442079460123",
    ("infobip", "viber_service_msg"): "Harbour",
    ("infobip", "sms"): "442079460123",
    ("vonage", "whatsapp"): "442079460123",
    ("vonage", "rcs"): "Harbour",
    ("vonage", "mms"): "12065550142",
    ("vonage", "sms"): "12065550142",
    ("vonage", "viber_service_msg"): "Harbour",
    ("rcs_google", "rcs"): AGENT,
    ("aws", "rcs"): ACCOUNT_AGENT,
    ("aws", "mms"): "12065550142",
    ("aws", "sms"): "12065550142",
    ("twilio", "mms"): "12065550142",
    ("twilio", "sms"): "12065550142",
    ("twilio", "whatsapp"): "12065550142",
    ("messenger", "messenger"): "400200",
}
_CONTENT: TypeAdapter[Content] = TypeAdapter(Content)
_CAME: TypeAdapter[InboundContent] = TypeAdapter(InboundContent)


def account(rig: Rig, provider: str) -> Account:
    held = rig.http.get(f"/accounts/{provider}").json()["credentials"]
    numbers = {"phone_numbers": {PHONE: PHONE_ID}, "callback_url": rig.receiver.url}
    keys = {"access_key_id": "test", "secret_access_key": "test"} if provider == "aws" else {}
    return Account(provider, "default", {**numbers, **held, **keys})


def person(last4: str = "7777") -> str:
    return f"4477009{uuid4().int % 10**5:05d}{last4}"[:15]


def send(
    rig: Rig, provider: str, channel: str, content: Mapping[str, Any], **members: Any
) -> tuple[str, str]:
    """Our id and the provider's."""
    message = Message.model_validate(
        {
            "message_uuid": str(uuid4()),
            "channel": channel,
            "sender": SENDERS[provider, channel],
            "recipient": person(),
            "content": _CONTENT.validate_python(content),
            **members,
        }
    )
    with httpx.Client(trust_env=False) as client:
        return message.message_uuid, adapter(provider).send(message, account(rig, provider), client)


def text(words: str = "Good day") -> dict[str, Any]:
    return {"type": "text", "text": words}


STICKER = {"type": "sticker", "url": "https://e.example/wave.webp"}
SEVERAL = {"type": "content", "items": [{"type": "image", "url": LINK}, {"type": "file", "url": LINK}]}
ONE = {"type": "content", "items": [{"type": "image", "url": STAGED}]}
CARD = {"type": "card", "card": rich.FULL}
CAROUSEL = {"type": "carousel", "cards": [rich.PLAIN, rich.FULL]}
FILM = {"type": "video", "url": LINK, "thumbnail_url": LINK}
EVERY = {"suggestions": rich.EVERY}
ACTION = {"action": {"url": LINK, "text": "Look"}}
DLT = {"content_id": "1107", "entity_id": "1101"}
QUOTE = {"reply_to": "8d1f7a42-9b0c-4e55-8f60-77aa11bb22cc"}

SENT: list[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]] = [
    *((provider, "whatsapp", STICKER, {}) for provider in (*WHATSAPP, "twilio")),
    *((provider, "whatsapp", text(), QUOTE) for provider in WHATSAPP),
    ("whatsapp_cloud", "whatsapp", {"type": "sticker", "id": "71002"}, {}),
    ("vonage", "whatsapp", {"type": "sticker", "id": "71002"}, {}),
    ("vonage", "whatsapp", {"type": "reaction", "emoji": "👍"}, QUOTE),
    ("vonage", "whatsapp", {"type": "reaction", "emoji": ""}, QUOTE),
    ("vonage", "mms", SEVERAL, {}),
    ("vonage", "sms", text(), {"sms": {**DLT, "encoding": "unicode"}}),
    ("vonage", "viber_service_msg", FILM, {"viber": {"duration": 9, "file_size": 3, **ACTION}}),
    ("vonage", "viber_service_msg", text(), {"viber": ACTION}),
    ("infobip", "viber_service_msg", FILM, {"viber": {"duration": 9, **ACTION}}),
    ("infobip", "viber_service_msg", text(), {"viber": ACTION}),
    ("infobip", "sms", text(), {"sms": {**DLT, "encoding": "text"}}),
    ("aws", "sms", text(), {"sms": {**DLT, "pool_id": "pool-0f1e2d"}}),
    ("aws", "mms", ONE, {}),
    ("aws", "mms", text(), {}),
    ("twilio", "mms", SEVERAL, {}),
    ("twilio", "mms", text(), {}),
    ("twilio", "sms", text(), {"sms": {"encoding": "text"}}),
    *(
        (provider, "rcs", content, members)
        for provider in ("rcs_google", "aws", "vonage")
        for content, members in (
            (text(), {**EVERY, "rcs": {"category": "service-request"}}),
            ({"type": "image", "url": LINK}, {"suggestions": [rich.REPLY]}),
            (CARD, {}),
            (CARD, {"rcs": {"orientation": "horizontal", "category": "promotion"}}),
            (CAROUSEL, {"suggestions": [rich.SHARE]}),
            (CAROUSEL, {"rcs": {"card_width": "small"}}),
        )
    ),
]


@pytest.mark.parametrize(
    ("provider", "channel", "content", "members"), SENT, ids=lambda value: str(value)[:40]
)
def test_our_adapters_are_understood(
    rig: Rig, provider: str, channel: str, content: Mapping[str, Any], members: Mapping[str, Any]
) -> None:
    ours, theirs = send(rig, provider, channel, content, **members)
    log = rig.http.get("/log").json()["sends"]
    (sent,) = [entry for entry in log if entry["id"] == theirs]
    assert (sent["provider"], sent["channel"]) == (provider, channel)
    assert sent["echo_id"] in (ours, None)


# --- what people write -----------------------------------------------------------------------------


def write(rig: Rig, provider: str, channel: str, **members: Any) -> Call:
    count = len(rig.receiver.calls)
    note = {
        "channel": channel,
        "provider": provider,
        "from": person(),
        "to": SENDERS[provider, channel],
        **members,
    }
    reply = rig.http.post("/inbound", json=note)
    assert (reply.status_code, reply.json()) == (202, {"status": "accepted"})
    calls = [call for call in rig.receiver.calls[count:] if note["from"].encode() in plain(call)]
    return calls[-1]


def plain(call: Call) -> bytes:
    """With what Google wraps."""
    wrapped = call.json.get("message")
    return call.body + (b64decode(wrapped["data"]) if isinstance(wrapped, dict) else b"")


def read(rig: Rig, provider: str, call: Call) -> Inbound:
    """The message in a callback, once it is believed."""
    ours = adapter(provider)
    hook = Hook(
        call.body,
        headers=call.headers,
        query={name: values[0] for name, values in call.query.items()},
        source="sns" if call.path.startswith("arn:") else "http",
        received_at=datetime.now(UTC),
    )
    ours.verify(hook, account(rig, provider))
    (event,) = ours.events(ours.plain(hook, account(rig, provider)))
    assert isinstance(event, Inbound)
    return event


def came(kind: str, **members: Any) -> InboundContent:
    return _CAME.validate_python({"type": kind, **members})


LAMP = {"product_retailer_id": "lamp", "quantity": 2, "item_price": 9.5, "currency": "GBP"}
LAMPS = {"retailer_id": "lamp", "quantity": "2", "price": "9.5", "currency": "GBP"}
BOB = {"name": {"formatted_name": "Bob", "first_name": "Bob"}, "phones": [{"phone": "+447700900555"}]}
WRITTEN: Mapping[str, tuple[Mapping[str, Any], InboundContent]] = {
    "text": ({"text": "Hello"}, came("text", text="Hello")),
    "button of ours": ({"reply": {"id": "y", "title": "Yes"}}, came("reply", id="y", title="Yes")),
    "entry of a list": (
        {"reply": {"id": "s2", "title": "Tuesday", "description": "9 to 12"}},
        came("reply", id="s2", title="Tuesday", description="9 to 12"),
    ),
    "button of a template": (
        {"button": {"payload": "STOP-1", "text": "No more"}},
        came("button", payload="STOP-1", text="No more"),
    ),
    "order": (
        {"order": {"catalog_id": "88", "product_items": [LAMP], "text": "for Friday"}},
        came("order", catalog_id="88", products=[LAMPS], text="for Friday"),
    ),
    "cards": ({"contacts": [BOB]}, came("contacts", cards=[BOB])),
}


@pytest.mark.parametrize("provider", WHATSAPP)
@pytest.mark.parametrize("name", WRITTEN)
def test_whatsapp(rig: Rig, provider: str, name: str) -> None:
    members, content = WRITTEN[name]
    event = read(rig, provider, write(rig, provider, "whatsapp", profile="Ann", **members))
    assert (event.content, event.profile, event.quotes) == (content, "Ann", None)


@pytest.mark.parametrize("provider", WHATSAPP)
def test_a_sticker_can_be_had(rig: Rig, provider: str) -> None:
    event = read(rig, provider, write(rig, provider, "whatsapp", sticker={"id": "4207777"}))
    assert isinstance(event.content, Sticker)
    url = event.content.url
    assert url
    assert url.endswith("/4207777")
    if provider == "whatsapp_cloud":  # of the others' addresses the port is known in the stack only
        with httpx.Client(trust_env=False) as client:
            request = adapter(provider).download(url, account(rig, provider), client)
            assert client.send(request).content.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("provider", WHATSAPP)
@pytest.mark.parametrize("emoji", ["👍", ""], ids=["reaction", "taken back"])
def test_a_reaction_names_our_message(rig: Rig, provider: str, emoji: str) -> None:
    ours, theirs = send(rig, provider, "whatsapp", text())
    event = read(rig, provider, write(rig, provider, "whatsapp", reaction={"emoji": emoji}, quotes=ours))
    assert event.content == came("reaction", emoji=emoji)
    assert event.quotes
    if provider == "aws":  # whose own id of a message people never see
        assert event.quotes.provider_id.startswith("wamid.")
    else:
        assert event.quotes.provider_id == theirs


@pytest.mark.parametrize("provider", WHATSAPP)
def test_an_answer_names_our_message_as_receipts_do(rig: Rig, provider: str) -> None:
    ours, _ = send(rig, provider, "whatsapp", text())
    (receipt, *_) = receipts(rig, provider, ours)
    sender = SENDERS[provider, "whatsapp"]
    event = read(rig, provider, write(rig, provider, "whatsapp", text="Thanks", quotes=ours))
    assert event.content == came("text", text="Thanks")
    assert event.quotes == Quoted(provider_id=str(receipt.provider_id), sender=sender)


def receipts(rig: Rig, provider: str, ours: str, count: int = 1) -> list[Receipt]:
    found: list[Receipt] = []
    for call in rig.receiver.wait(count, ours):
        events = adapter(provider).events(Hook(call.body, source="sns"))
        found += [event for event in events if isinstance(event, Receipt)]
    return found


@pytest.mark.parametrize("provider", ["rcs_google", "aws", "vonage"])
def test_a_tap_by_rcs(rig: Rig, provider: str) -> None:
    event = read(rig, provider, write(rig, provider, "rcs", reply={"id": "keep:7", "title": "Keep it"}))
    assert event.channel is Channel.RCS
    assert event.content == came("reply", id="keep:7", title="Keep it")


NOT_THERE = [
    ("twilio", "whatsapp", {"sticker": {}}, "sticker"),
    ("aws", "sms", {"text": "x", "quotes": "1"}, "quotes"),
    ("infobip", "viber_service_msg", {"text": "x", "profile": "Ann"}, "profile"),
    ("rcs_google", "rcs", {"order": {"catalog_id": "1", "product_items": [LAMP]}}, "order"),
    ("aws", "rcs", {"sticker": {}}, "sticker"),
    ("vonage", "rcs", {"button": {"payload": "1", "text": "x"}}, "button"),
    ("whatsapp_cloud", "whatsapp", {"text": "x", "sticker": {}}, "sticker"),
    ("whatsapp_cloud", "whatsapp", {"reaction": {"emoji": "👍"}}, "quotes"),
    ("whatsapp_cloud", "whatsapp", {}, "text"),
    ("whatsapp_cloud", "whatsapp", {"reply": {"id": "1"}}, "reply.title"),
]


@pytest.mark.parametrize(("provider", "channel", "members", "field"), NOT_THERE, ids=str)
def test_what_nobody_can_write(
    rig: Rig, provider: str, channel: str, members: Mapping[str, Any], field: str
) -> None:
    note = {"channel": channel, "provider": provider, "from": person(), "to": "12065550142", **members}
    reply = rig.http.post("/inbound", json=note)
    assert (reply.status_code, reply.json()["field"]) == (400, field)


# --- reactions of ours -----------------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["whatsapp_cloud", "aws"])
@pytest.mark.parametrize(("known", "status"), [(True, Status.SUBMITTED), (False, Status.REJECTED)])
def test_of_a_reaction_it_is_only_told_that_it_was_sent(
    rig: Rig, provider: str, known: bool, status: Status
) -> None:
    event = read(rig, provider, write(rig, provider, "whatsapp", text="Hello"))
    members = {
        "recipient": event.sender,
        "reply_to": event.provider_id if known else "wamid.SGVsbG8=",
    }
    ours, _ = send(rig, provider, "whatsapp", {"type": "reaction", "emoji": "👍"}, **members)
    rig.receiver.wait(1, ours)
    time.sleep(0.2)  # long enough for "read" to come, at this pace
    assert [receipt.status for receipt in receipts(rig, provider, ours)] == [status]


# --- read, and taken back --------------------------------------------------------------------------


def tell(rig: Rig, provider: str, message: Known, what: str, typing: bool = False) -> None:
    def request(account: Account) -> httpx.Request | None:
        if what == "revoke":
            return adapter(provider).revoke(message, account)
        return adapter(provider).read(message, account, typing=typing)

    with httpx.Client(trust_env=False) as client:
        assert adapter(provider).tell(request, account(rig, provider), client)


def changes(rig: Rig) -> list[Any]:
    found: list[Any] = rig.http.get("/log").json()["changes"]
    return found


READ = [
    *((provider, "whatsapp", False) for provider in WHATSAPP),
    ("whatsapp_cloud", "whatsapp", True),
    ("aws", "whatsapp", True),
    ("vonage", "whatsapp", True),
    ("rcs_google", "rcs", False),
    ("messenger", "messenger", False),
]


@pytest.mark.parametrize(("provider", "channel", "typing"), READ, ids=str)
def test_our_adapters_mark_as_read(rig: Rig, provider: str, channel: str, typing: bool) -> None:
    event = read(rig, provider, write(rig, provider, channel, text="Hello"))
    message = Known(Channel(channel), event.provider_id, event.recipient, event.sender)
    tell(rig, provider, message, "read", typing)
    # Messenger marks a conversation.
    named = event.sender if provider == "messenger" else event.provider_id.partition(" ")[0]
    assert changes(rig)[-1] == {"provider": provider, "what": "typing" if typing else "read", "id": named}


@pytest.mark.parametrize("provider", ["rcs_google", "vonage"])
def test_our_adapters_revoke(rig: Rig, provider: str) -> None:
    recipient = person("0002")
    _, theirs = send(rig, provider, "rcs", text(), recipient=recipient)
    tell(rig, provider, Known(Channel.RCS, theirs, SENDERS[provider, "rcs"], recipient), "revoke")
    assert changes(rig)[-1] == {"provider": provider, "what": "revoked", "id": theirs}


UNKNOWN = [
    ("infobip", Known(Channel.WHATSAPP, "1", "442079460123", "447700900321"), "read"),
    ("vonage", Known(Channel.WHATSAPP, str(uuid4()), "442079460123", "447700900321"), "read"),
    ("vonage", Known(Channel.RCS, str(uuid4()), "Harbour", "447700900321"), "revoke"),
    ("rcs_google", Known(Channel.RCS, "MxUnheardOf", AGENT, "447700900321"), "read"),
    ("rcs_google", Known(Channel.RCS, str(uuid4()), AGENT, "447700900321"), "revoke"),
    ("whatsapp_cloud", Known(Channel.WHATSAPP, "order-7", PHONE, "447700900321"), "read"),
    ("aws", Known(Channel.WHATSAPP, "order-7", "12065550177", "447700900321"), "read"),
]


@pytest.mark.parametrize(("provider", "message", "what"), UNKNOWN, ids=range(len(UNKNOWN)))
def test_what_nobody_wrote_or_sent(rig: Rig, provider: str, message: Known, what: str) -> None:
    before = changes(rig)
    with pytest.raises(SendError):
        tell(rig, provider, message, what)
    assert changes(rig) == before


def test_somebody_without_rcs_is_told_nothing(rig: Rig) -> None:
    message = Known(Channel.RCS, "Mx1", AGENT, "447700900003")
    with pytest.raises(Unreachable):
        tell(rig, "rcs_google", message, "read")


# --- wrong shapes ----------------------------------------------------------------------------------

SHAPES: Mapping[str, tuple[Mapping[str, Any], int]] = {
    "context of another name": ({"context": {"id": "wamid.1"}}, 131008),
    "sticker of two kinds": ({"type": "sticker", "sticker": {"link": LINK, "id": "1"}}, 131009),
    "sticker of none": ({"type": "sticker", "sticker": {}}, 131008),
    "sticker with a caption": ({"type": "sticker", "sticker": {"link": LINK, "caption": "x"}}, 100),
    "reaction to nothing": ({"type": "reaction", "reaction": {"emoji": "👍"}}, 131008),
}


@pytest.mark.parametrize("name", SHAPES)
def test_whatsapp_refuses(rig: Rig, name: str) -> None:
    members, code = SHAPES[name]
    usual = {"messaging_product": "whatsapp", "to": person(), "type": "text", "text": {"body": "x"}}
    answer = graph(rig, PHONE_ID, {**usual, **members})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_messenger_refuses_what_is_no_action(rig: Rig) -> None:
    answer = graph(rig, "400200", {"recipient": {"id": "7700123456789"}, "sender_action": "wave"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, 100)


CHIP = {"type": "reply", "text": "Yes", "postback_data": "y"}
BY_RCS = {"channel": "rcs", "from": "Harbour", "message_type": "text", "text": "x"}
BY_WHATSAPP = {"channel": "whatsapp", "from": "442079460123"}
REACTION = {**BY_WHATSAPP, "message_type": "reaction"}
CONTEXT = {"context": {"message_uuid": str(uuid4())}}
OF_VONAGE: Mapping[str, Mapping[str, Any]] = {
    "reaction to nothing": {**REACTION, "reaction": {"action": "react", "emoji": "👍"}},
    "reaction of nothing": {**REACTION, **CONTEXT, "reaction": {"action": "react"}},
    "sticker of none": {**BY_WHATSAPP, "message_type": "sticker", "sticker": {}},
    "context of another's id": {
        **BY_WHATSAPP,
        "message_type": "text",
        "text": "x",
        "context": {"message_uuid": "wamid.1"},
    },
    "call without a number": {**BY_RCS, "suggestions": [{**CHIP, "type": "dial"}]},
    "address without words": {**BY_RCS, "suggestions": [{**CHIP, "type": "open_url", "url": LINK}]},
    "carousel of no width": {
        **BY_RCS,
        "message_type": "carousel",
        "carousel": {"cards": [rich.PLAIN, rich.PLAIN]},
    },
    "horizontal without a side": {
        **BY_RCS,
        "message_type": "card",
        "card": rich.PLAIN,
        "rcs": {"card_orientation": "HORIZONTAL"},
    },
    "unknown option": {
        "channel": "sms",
        "from": "12065550142",
        "message_type": "text",
        "text": "x",
        "sms": {"encoding": "unicode"},
    },
}


@pytest.mark.parametrize("name", OF_VONAGE)
def test_vonage_refuses(rig: Rig, name: str) -> None:
    login = (
        CREDENTIALS.secret("vonage api_key")[:8],
        CREDENTIALS.secret("vonage api_secret"),
    )
    reply = rig.http.post("/vonage/v1/messages", json={"to": person(), **OF_VONAGE[name]}, auth=login)
    assert (reply.status_code, bool(reply.json()["invalid_parameters"])) == (422, True)
