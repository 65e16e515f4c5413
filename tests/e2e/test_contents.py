"""Every content type of every channel, through a carrier that checks what its provider checks."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.bodies import Body
from tests.e2e.fates import fate
from tests.e2e.local_stack import LocalStack

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

REFUSED = {
    "tag of 2019": (
        content("messenger", "text", "Hi", messenger={"category": "message_tag", "tag": "ticket_update"}),
        "rejected",
        1021,
    ),
    "custom that is none": (content("viber_service_msg", "custom", {"a": 1}), "rejected", None),
}

Sent = tuple[Application, dict[str, str]]


@pytest.fixture(scope="module")
def sent(stack: LocalStack, make_application: Callable[[LocalStack], Application]) -> Sent:
    """All of them at once."""
    application = make_application(stack)
    requests = CONTENTS | {name: body for name, (body, _, _) in REFUSED.items()}
    uuids = {name: application.send(body) for name, body in requests.items()}
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


@pytest.mark.parametrize(("name", "status", "code"), [(name, *end) for name, (_, *end) in REFUSED.items()])
def test_is_refused_by_its_provider(sent: Sent, name: str, status: str, code: int | None) -> None:
    application, uuids = sent
    mailbox = application.mailbox
    [hook] = mailbox.until(lambda: mailbox.bodies(message_uuid=uuids[name]), PATIENCE)
    assert hook["status"] == status
    assert code in (None, hook["error"]["code"])
