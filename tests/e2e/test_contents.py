"""Every content type of every channel, through a carrier that checks what its provider checks."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.bodies import Body
from tests.e2e.fates import fate
from tests.e2e.local_stack import KEY, SECRET, LocalStack

pytestmark = pytest.mark.e2e

MEDIA = "https://media.example/"


def content(channel: str, kind: str, node: Any, /, **options: Any) -> Body:
    return bodies.message(channel) | {"message": {"content": {"type": kind, kind: node}, **options}}


HSM = {"name": "whatsapp:hsm:technology:acme:parcel", "parameters": [{"default": "Ann"}, {"default": "4711"}]}
TEMPLATE = {"name": "acme:parcel", "parameters": ["Ann", "4711"]}
PLACE = {"type": "location", "location": {"latitude": 51.5, "longitude": -0.1, "name": "Depot"}}
BUTTONS = {
    "attachment": {
        "type": "template",
        "payload": {
            "template_type": "button",
            "text": "Where to?",
            "buttons": [{"type": "postback", "title": "Home", "payload": "home"}],
        },
    }
}
LIST = {"type": "LIST", "text": "When?", "options": ["Morning", "Evening"]}

CONTENTS: dict[str, Body] = {
    "sms of one part": content("sms", "text", "Hello"),
    "sms of several parts": content("sms", "text", "Your parcel comes today. " * 30),
    "sms in another script": content("sms", "text", "Ваша посылка уже в пути 📦"),
    "sms from a name": content("sms", "text", "Hi") | {"from": {"type": "sms", "number": "Acme"}},
    "sms to a number with plus": content("sms", "text", "Hi")
    | {"to": {"type": "sms", "number": "+447700900100"}},
    "sms to a number that is one": content("sms", "text", "Hi")
    | {"to": {"type": "sms", "number": 447700900100}},
    "mms image": content("mms", "image", {"url": MEDIA + "parcel.jpg", "caption": "Parcel"}),
    "mms image without a caption": content("mms", "image", {"url": MEDIA + "parcel.gif"}),
    "mms vcard": content("mms", "vcard", {"url": MEDIA + "driver.vcf"}),
    "whatsapp text": content("whatsapp", "text", "See https://acme.example/parcel"),
    "whatsapp image": content("whatsapp", "image", {"url": MEDIA + "parcel.png", "caption": "Parcel"}),
    "whatsapp audio": content("whatsapp", "audio", {"url": MEDIA + "door.mp3"}),
    "whatsapp video": content("whatsapp", "video", {"url": MEDIA + "door.mp4", "caption": "Your door"}),
    "whatsapp file": content("whatsapp", "file", {"url": MEDIA + "bill.pdf", "caption": "Bill"}),
    "whatsapp template": content(
        "whatsapp", "template", TEMPLATE, whatsapp={"policy": "deterministic", "locale": "en-GB"}
    ),
    "whatsapp template of 2019": content(
        "whatsapp", "template", HSM, whatsapp={"policy": "fallback", "locale": "en"}
    ),
    "whatsapp custom": content("whatsapp", "custom", PLACE),
    "messenger text": content("messenger", "text", "Hello"),
    "messenger image": content("messenger", "image", {"url": MEDIA + "parcel.png"}),
    "messenger audio": content("messenger", "audio", {"url": MEDIA + "door.mp3"}),
    "messenger video": content("messenger", "video", {"url": MEDIA + "door.mp4"}),
    "messenger file": content("messenger", "file", {"url": MEDIA + "bill.pdf"}),
    "messenger custom": content("messenger", "custom", BUTTONS),
    "messenger update": content("messenger", "text", "Hi", messenger={"category": "update"}),
    "messenger tag": content(
        "messenger", "text", "Hi", messenger={"category": "message_tag", "tag": "HUMAN_AGENT"}
    ),
    "sms in three parts": content("sms", "text", "x" * 1601 + "\N{GRINNING FACE}" * 799),
    "viber text": content("viber_service_msg", "text", "Hello"),
    "viber promotion": content(
        "viber_service_msg", "text", "Sale", viber_service_msg={"category": "promotion", "ttl": 600}
    ),
    "viber image": content("viber_service_msg", "image", {"url": MEDIA + "parcel.jpg"}),
    "viber template": content(
        "viber_service_msg", "template", TEMPLATE, viber_service_msg={"type": "template"}
    ),
    "viber custom": content("viber_service_msg", "custom", LIST),
}

REPLY = {"type": "reply", "text": "Keep it", "postback_data": "keep:7"}
CHIPS = [
    REPLY,
    {"type": "dial", "text": "Call us", "postback_data": "call", "phone_number": "442079460123"},
    {
        "type": "view_location",
        "text": "Where?",
        "postback_data": "map",
        "latitude": "51.5",
        "longitude": "-0.125",
        "pin_label": "The quay",
    },
    {"type": "share_location", "text": "I am here", "postback_data": "here"},
    {
        "type": "open_url_in_webview",
        "text": "Shop",
        "postback_data": "shop",
        "url": "https://acme.example",
        "description": "The shop",
        "view_mode": "TALL",
    },
    {
        "type": "create_calendar_event",
        "text": "Save it",
        "postback_data": "save",
        "start_time": "2026-12-01T10:00:00Z",
        "end_time": "2026-12-01T11:00:00Z",
        "title": "Delivery",
        "description": "Be there",
    },
]
CARD = {"title": "Boots", "text": "Dry feet", "media_url": MEDIA + "boots.jpg", "suggestions": [REPLY]}
LOOK = {"url": "https://acme.example", "text": "Look"}
FILM = {"url": MEDIA + "door.mp4", "thumb_url": MEDIA + "door.jpg"}


def flat(channel: str, kind: str, node: Any, **more: Any) -> Body:
    """A request of version 1."""
    sender = {"viber_service": "Acme", "rcs": f"rcs-{1:032x}"}.get(channel, "12065550142")
    ends = {"from": sender, "to": f"44770090{bodies.NORMAL}"}
    return {"channel": channel, **ends, "message_type": kind, kind: node, **more}


FLAT: dict[str, Body] = {
    "sms with options": flat("sms", "text", "Hi", sms={"content_id": "1107", "entity_id": "1101"}),
    "mms text": flat("mms", "text", "Hello"),
    "mms audio": flat("mms", "audio", {"url": MEDIA + "door.mp3", "caption": "Listen"}),
    "mms video": flat("mms", "video", {"url": MEDIA + "door.mp4"}),
    "mms file": flat("mms", "file", {"url": MEDIA + "bill.pdf"}),
    "mms content": flat("mms", "content", [{"type": "image", "url": MEDIA + "parcel.jpg"}]),
    "whatsapp sticker": flat("whatsapp", "sticker", {"url": MEDIA + "wave.webp"}),
    "whatsapp sticker by its id": flat("whatsapp", "sticker", {"id": "71002"}),
    "whatsapp named file": flat("whatsapp", "file", {"url": MEDIA + "7", "name": "bill.pdf"}),
    "viber with a button": flat("viber_service", "text", "Hello", viber_service={"action": LOOK}),
    "viber video": flat("viber_service", "video", FILM, viber_service={"duration": "61", "file_size": "3"}),
    "viber file": flat("viber_service", "file", {"url": MEDIA + "bill.pdf", "name": "bill.pdf"}),
    "rcs text": flat("rcs", "text", "Hello", suggestions=CHIPS, rcs={"category": "service-request"}),
    "rcs image": flat("rcs", "image", {"url": MEDIA + "boots.jpg"}),
    "rcs card": flat("rcs", "card", CARD, rcs={"card_orientation": "HORIZONTAL", "image_alignment": "RIGHT"}),
    "rcs carousel": flat("rcs", "carousel", {"cards": [CARD, CARD]}, rcs={"card_width": "SMALL"}),
}

REFUSED = {
    "tag of 2019": (
        content("messenger", "text", "Hi", messenger={"category": "message_tag", "tag": "ticket_update"}),
        "rejected",
        1021,
    ),
    "custom that is none": (content("viber_service_msg", "custom", {"a": 1}), "rejected", None),
    "more media than AWS takes": (
        content("mms", "content", [{"type": "image", "url": MEDIA + "parcel.jpg"}] * 2),
        "rejected",
        1140,
    ),
}

Sent = tuple[Application, dict[str, str]]


@pytest.fixture(scope="module")
def sent(stack: LocalStack, make_application: Callable[[LocalStack], Application]) -> Sent:
    """All of them at once."""
    application = make_application(stack)
    requests = CONTENTS | {name: body for name, (body, _, _) in REFUSED.items()}
    uuids = {name: application.send(body) for name, body in requests.items()}
    for name, body in FLAT.items():
        answer = application.post("/v1/messages", body)
        assert answer.status_code == 202, (name, answer.text)
        uuids[name] = answer.json()["message_uuid"]
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not all(map(application.mailbox.statuses, uuids.values())):
        time.sleep(0.1)
    return application, uuids


@pytest.mark.parametrize("name", CONTENTS)
def test_is_delivered(sent: Sent, name: str) -> None:
    application, uuids = sent
    channel = CONTENTS[name]["to"]["type"]
    expected = list(fate(channel, bodies.NORMAL))
    mailbox = application.mailbox
    mailbox.until(lambda: len(mailbox.statuses(uuids[name])) >= len(expected), PATIENCE)
    assert sorted(mailbox.statuses(uuids[name])) == sorted(expected)


@pytest.mark.parametrize("name", FLAT)
def test_is_delivered_in_version_1(sent: Sent, name: str) -> None:
    application, uuids = sent
    channel = FLAT[name]["channel"]
    expected = ["submitted", "delivered", *(["read"] if channel not in ("sms", "mms") else [])]
    mailbox = application.mailbox
    mailbox.until(lambda: len(mailbox.statuses(uuids[name])) >= len(expected), PATIENCE)
    assert sorted(mailbox.statuses(uuids[name])) == sorted(expected)


# --- a conversation --------------------------------------------------------------------------------

PERSON, OURS = "447700900199", "12065550188"


@pytest.fixture(scope="module")
def talker(stack: LocalStack, make_application: Callable[[LocalStack], Application]) -> Application:
    """Hears of everything in version 1, and has written to the person already."""
    application = make_application(stack)
    urls = {
        f"{kind}_url": {"address": f"{application.mailbox.url}/{kind}", "http_method": "POST"}
        for kind in ("status", "inbound")
    }
    changed = application.http.put(
        f"/v2/applications/{application.id}",
        json={"name": "Talker", "capabilities": {"messages": {"version": "v1", "webhooks": urls}}},
        auth=(KEY, SECRET),
    )
    assert changed.status_code == 200, changed.text
    say(application, "text", "Hello")
    return application


def say(application: Application, kind: str, node: Any, **more: Any) -> str:
    """A message to the person, once its provider has it."""
    body = {"channel": "whatsapp", "from": OURS, "to": PERSON, "message_type": kind, kind: node, **more}
    answer = application.post("/v1/messages", body)
    assert answer.status_code == 202, answer.text
    uuid: str = answer.json()["message_uuid"]
    application.mailbox.until_statuses(uuid, PATIENCE)
    return uuid


def hear(application: Application, **members: Any) -> Body:
    """What the application is told when the person writes."""
    mailbox = application.mailbox
    before = len(mailbox.bodies("inbound"))
    note = {"channel": "whatsapp", "from": PERSON, "to": OURS, "profile": "Ann", **members}
    answer = httpx.post(f"{application.stack.url}/sandbox/inbound", json=note)
    assert answer.status_code == 202, answer.text
    mailbox.until(lambda: len(mailbox.bodies("inbound")) > before, PATIENCE)
    return mailbox.bodies("inbound")[-1]


LAMP = {"product_retailer_id": "lamp", "quantity": 2, "item_price": 9.5, "currency": "GBP"}
BOB = {"name": {"formatted_name": "Bob", "first_name": "Bob"}, "phones": [{"phone": "+447700900555"}]}
CHOSEN = {"id": "s2", "title": "Tuesday", "description": "9 to 12"}
WRITTEN: dict[str, tuple[Body, Body]] = {
    "text": ({"text": "Hello"}, {"message_type": "text", "text": "Hello"}),
    "choice": ({"reply": CHOSEN}, {"message_type": "reply", "reply": CHOSEN}),
    "button": (
        {"button": {"payload": "STOP-1", "text": "No more"}},
        {"message_type": "button", "button": {"payload": "STOP-1", "text": "No more"}},
    ),
    "order": (
        {"order": {"catalog_id": "88", "product_items": [LAMP]}},
        {
            "message_type": "order",
            "order": {
                "catalog_id": "88",
                "product_items": [LAMP | {"quantity": "2", "item_price": "9.5"}],
            },
        },
    ),
    "cards": ({"contacts": [BOB]}, {"message_type": "contact", "contact": {"contacts": [BOB]}}),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_people_write_more_than_texts(talker: Application, name: str) -> None:
    members, expected = WRITTEN[name]
    told = hear(talker, **members)
    assert {key: told.get(key) for key in expected} == expected
    assert (told["channel"], told["from"], told["to"]) == ("whatsapp", PERSON, OURS)
    assert told["profile"] == {"name": "Ann"}


def test_a_sticker_can_be_fetched(talker: Application) -> None:
    told = hear(talker, sticker={})
    assert told["message_type"] == "sticker"
    answer = httpx.get(told["sticker"]["url"], headers=talker.authorization)
    assert answer.status_code == 200
    assert answer.content.startswith(b"\xff\xd8\xff")


def test_an_answer_names_the_message(talker: Application) -> None:
    uuid = say(talker, "text", "Is that right?")
    told = hear(talker, text="Yes", quotes=uuid)
    assert told["context"] == {"message_uuid": uuid, "message_from": OURS}


def test_reactions(talker: Application) -> None:
    uuid = say(talker, "text", "We are on our way")
    told = hear(talker, reaction={"emoji": "👍"}, quotes=uuid)
    assert told["reaction"] == {"action": "react", "emoji": "👍"}
    assert told["context"]["message_uuid"] == uuid
    said = hear(talker, text="See you")
    for reaction in ({"action": "react", "emoji": "😀"}, {"action": "unreact"}):
        context = {"message_uuid": said["message_uuid"]}
        ours = say(talker, "reaction", reaction, context=context)
        assert talker.mailbox.statuses(ours) == ["submitted"]
    quoting = say(talker, "text", "At noon", context={"message_uuid": said["message_uuid"]})
    talker.mailbox.until(lambda: "read" in talker.mailbox.statuses(quoting), PATIENCE)


@pytest.mark.parametrize(
    ("indicator", "what"),
    [({}, "read"), ({"replying_indicator": {"show": True, "type": "text"}}, "typing")],
    ids=["read", "typing"],
)
def test_what_people_wrote_is_marked_as_read(talker: Application, indicator: Body, what: str) -> None:
    told = hear(talker, text="Are you there?")
    answer = talker.http.patch(
        f"/v1/messages/{told['message_uuid']}",
        json={"status": "read", **indicator},
        headers=talker.authorization,
    )
    assert answer.status_code == 200, answer.text
    changes = httpx.get(f"{talker.stack.url}/sandbox/log").json()["changes"]
    assert [(change["provider"], change["what"]) for change in changes[-1:]] == [("whatsapp_cloud", what)]


@pytest.mark.parametrize(("name", "status", "code"), [(name, *end) for name, (_, *end) in REFUSED.items()])
def test_is_refused_by_its_provider(sent: Sent, name: str, status: str, code: int | None) -> None:
    application, uuids = sent
    mailbox = application.mailbox
    [hook] = mailbox.until(lambda: mailbox.bodies(message_uuid=uuids[name]), PATIENCE)
    assert hook["status"] == status
    assert code in (None, hook["error"]["code"])
