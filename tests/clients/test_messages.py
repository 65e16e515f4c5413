"""Messages by each client that can send them: what arrives, what is told, what is refused."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest

from sandbox.settings import Settings
from switchboard.applications import key_pair
from tests.clients import kit
from tests.clients.kit import SecureStack
from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.bodies import NORMAL
from tests.e2e.fates import fate
from tests.e2e.local_stack import KEY, SECRET
from tests.e2e.receiver import Hook
from tests.support.stack import until

pytestmark = [pytest.mark.e2e, pytest.mark.clients]

Message = dict[str, Any]
TO = f"44770090{NORMAL}"
MEDIA = "https://media.example/"
RANKS = {"submitted": 0, "delivered": 1, "read": 2}
READING = ("whatsapp", "messenger", "viber_service", "rcs")
ENDS: dict[str, tuple[str, str]] = {
    "sms": ("Acme", TO),
    "mms": ("12065550142", TO),
    "whatsapp": ("12065550142", TO),
    "messenger": ("1070830641", TO),
    "viber_service": ("12065550142", TO),
    "rcs": ("acme_agent", TO),
}
ACTION = {"url": "https://acme.example/track", "text": "Track"}
REPLY = {"type": "reply", "text": "Thanks", "postback_data": "thanks"}
CARD = {"title": "Parcel", "text": "It is on its way.", "media_url": f"{MEDIA}parcel.jpg"}


def ends(channel: str, sender: str = "from") -> Message:
    return {sender: ENDS[channel][0], "to": ENDS[channel][1]}


MODELS: dict[str, tuple[str, str, Message]] = {
    "sms": ("sms", "Sms", {"text": "Hello", "ttl": 600, "sms": {"encoding_type": "auto"}}),
    "mms text": ("mms", "MmsText", {"text": "Hello"}),
    "mms image": ("mms", "MmsImage", {"image": {"url": f"{MEDIA}parcel.png", "caption": "Parcel"}}),
    "mms vcard": ("mms", "MmsVcard", {"vcard": {"url": f"{MEDIA}driver.vcf"}}),
    "mms content": ("mms", "MmsContent", {"content": [{"type_": "image", "url": f"{MEDIA}parcel.png"}]}),
    "whatsapp text": ("whatsapp", "WhatsappText", {"text": "Hello"}),
    "whatsapp image": (
        "whatsapp",
        "WhatsappImage",
        {"image": {"url": f"{MEDIA}parcel.png", "caption": "It"}},
    ),
    "whatsapp audio": ("whatsapp", "WhatsappAudio", {"audio": {"url": f"{MEDIA}door.mp3"}}),
    "whatsapp video": ("whatsapp", "WhatsappVideo", {"video": {"url": f"{MEDIA}door.mp4"}}),
    "whatsapp file": ("whatsapp", "WhatsappFile", {"file": {"url": f"{MEDIA}bill.pdf", "name": "bill.pdf"}}),
    "whatsapp template": (
        "whatsapp",
        "WhatsappTemplate",
        {"template": {"name": "acme:parcel", "parameters": ["Ann", "4711"]}},
    ),
    "whatsapp sticker": ("whatsapp", "WhatsappSticker", {"sticker": {"url": f"{MEDIA}wink.webp"}}),
    "whatsapp custom": (
        "whatsapp",
        "WhatsappCustom",
        {"custom": {"type": "location", "location": {"latitude": 51.5, "longitude": -0.1}}},
    ),
    "messenger text": (
        "messenger",
        "MessengerText",
        {"text": "Hello", "messenger": {"category": "message_tag", "tag": "HUMAN_AGENT"}},
    ),
    "messenger image": ("messenger", "MessengerImage", {"image": {"url": f"{MEDIA}parcel.png"}}),
    "messenger file": ("messenger", "MessengerFile", {"file": {"url": f"{MEDIA}bill.pdf"}}),
    "viber text": (
        "viber_service",
        "ViberText",
        {"text": "Hello", "viber_service": {"category": "transaction", "ttl": 600, "action": ACTION}},
    ),
    "viber image": ("viber_service", "ViberImage", {"image": {"url": f"{MEDIA}parcel.jpg"}}),
    "viber video": (
        "viber_service",
        "ViberVideo",
        {
            "video": {"url": f"{MEDIA}door.mp4", "thumb_url": f"{MEDIA}door.jpg", "caption": "Your door"},
            "viber_service": {"duration": "35", "file_size": "10"},
        },
    ),
    "viber file": ("viber_service", "ViberFile", {"file": {"url": f"{MEDIA}bill.pdf", "name": "bill.pdf"}}),
    "rcs text": (
        "rcs",
        "RcsText",
        {
            "text": "Hello",
            "rcs": {"category": "transaction"},
            "suggestions": [{"text": "Thanks", "postback_data": "thanks"}],
        },
    ),
    "rcs image": ("rcs", "RcsImage", {"image": {"url": f"{MEDIA}parcel.png"}}),
    "rcs card": (
        "rcs",
        "RcsCardMessage",
        {"card": CARD | {"media_height": "TALL"}, "rcs": {"card_orientation": "VERTICAL"}},
    ),
    "rcs carousel": (
        "rcs",
        "RcsCarouselMessage",
        {"carousel": {"cards": [CARD] * 2}, "rcs": {"card_width": "SMALL"}},
    ),
}
"""What each is on: a channel, a model of `vonage` 4, and its members beside the ends."""

CLASSES: dict[str, tuple[str, str | None, Message]] = {
    "sms": ("sms", "SMS", {"text": "Hello", "ttl": 600, "sms": {"encodingType": "auto"}}),
    "mms image": ("mms", "MMSImage", {"image": {"url": f"{MEDIA}parcel.png", "caption": "Parcel"}}),
    "whatsapp text": ("whatsapp", "WhatsAppText", {"text": "Hello"}),
    "whatsapp template": (
        "whatsapp",
        "WhatsAppTemplate",
        {
            "template": {"name": "acme:parcel", "parameters": ["Ann", "4711"]},
            "whatsapp": {"policy": "deterministic", "locale": "en_GB"},
        },
    ),
    "whatsapp custom": (
        "whatsapp",
        "WhatsAppCustom",
        {
            "custom": {
                "type": "interactive",
                "interactive": {
                    "type": "button",
                    "body": {"text": "Where to?"},
                    "action": {"buttons": [{"type": "reply", "reply": {"id": "home", "title": "Home"}}]},
                },
            }
        },
    ),
    "messenger image": ("messenger", "MessengerImage", {"image": {"url": f"{MEDIA}parcel.png"}}),
    "viber text": (
        "viber_service",
        "ViberText",
        {"text": "Hello", "viberService": {"action": ACTION, "ttl": 600}},
    ),
    "viber video": (
        "viber_service",
        "ViberVideo",
        {
            "video": {"url": f"{MEDIA}door.mp4", "thumbUrl": f"{MEDIA}door.jpg"},
            "viberService": {"duration": "35", "fileSize": "10"},
        },
    ),
    "rcs text": (
        "rcs",
        "RCSText",
        {"text": "Hello", "suggestions": [{"type": "reply", "text": "Thanks", "postbackData": "thanks"}]},
    ),
    "an object": (
        "whatsapp",
        None,
        {"messageType": "text", "channel": "whatsapp", "text": "Hello", "clientRef": None},
    ),
}
"""The same in the words of `@vonage/messages`; without a class, a plain object."""

DICTIONARIES: dict[str, Message] = {
    "sms": {"channel": "sms", "message_type": "text", "text": "Hello"},
    "mms vcard": {"channel": "mms", "message_type": "vcard", "vcard": {"url": f"{MEDIA}driver.vcf"}},
    "whatsapp template": {
        "channel": "whatsapp",
        "message_type": "template",
        "template": {"name": "acme:parcel", "parameters": ["Ann", "4711"]},
        "whatsapp": {"policy": "deterministic", "locale": "en-GB"},
    },
    "whatsapp sticker": {
        "channel": "whatsapp",
        "message_type": "sticker",
        "sticker": {"url": f"{MEDIA}wink.webp"},
    },
    "messenger text": {"channel": "messenger", "message_type": "text", "text": "Hello"},
    "viber text": {"channel": "viber_service", "message_type": "text", "text": "Hello", "viber_service": {}},
    "rcs text": {"channel": "rcs", "message_type": "text", "text": "Hello"},
}
"""What `vonage` 3 sends as it is."""


def register(stack: SecureStack, provider: str, channel: str, sender: str) -> None:
    """Lets a sender go out by a provider that is not the default one."""
    held = httpx.get(f"{stack.url}/sandbox/accounts/{provider}").json()["credentials"]
    body = {"credentials": held, "senders": [{"channel": channel, "id": sender}]}
    answer = httpx.put(f"{stack.url}/accounts/{provider}/clients", json=body, auth=(KEY, SECRET))
    assert answer.status_code in (200, 201), answer.text


def check_arrived(application: Application, stack: SecureStack, sent: dict[str, tuple[str, str]]) -> None:
    """Each of {name: (message_uuid, channel)} went to a carrier, and its statuses came in v1's shape."""
    mailbox = application.mailbox
    expected = {
        name: ["submitted", "delivered", *(["read"] if channel in READING else [])]
        for name, (_, channel) in sent.items()
    }

    def reached() -> dict[str, list[str]]:
        """What became of each, and why. Providers' times are of whole seconds, so order is by rank."""
        told = {}
        for name, (uuid, _) in sent.items():
            mine = [body["status"] + str(body.get("error", "")) for body in mailbox.bodies(message_uuid=uuid)]
            told[name] = sorted(mine, key=lambda status: RANKS.get(status, 3))
        return told

    with contextlib.suppress(AssertionError):  # else only the last ones would be named
        mailbox.until(lambda: reached() == expected, PATIENCE)
    assert reached() == expected
    for uuid, channel in sent.values():
        for body in mailbox.bodies(message_uuid=uuid):
            assert (body["channel"], body["from"], body["to"]) == (channel, *ENDS[channel])
    assert {uuid for uuid, _ in sent.values()} <= {send["echo_id"] for send in stack.handed_over()}


def test_every_model_of_vonage_4(stack: SecureStack, application: Application) -> None:
    messages = {
        name: [model, ends(channel, "from_") | members] for name, (channel, model, members) in MODELS.items()
    }
    given = kit.settings(stack, application, messages=messages)
    sent = kit.run("vonage4.py", "send", given, stack.trust)
    assert all(each["workflow_id"] is None for each in sent.values())
    check_arrived(
        application, stack, {name: (each["message_uuid"], MODELS[name][0]) for name, each in sent.items()}
    )


def test_several_media_in_one_mms(stack: SecureStack, application: Application) -> None:
    """By a provider that takes them."""
    sender = "12065550177"
    register(stack, "twilio", "mms", sender)
    items = [{"type_": "image", "url": f"{MEDIA}parcel.png"}, {"type_": "vcard", "url": f"{MEDIA}driver.vcf"}]
    message = {"from_": sender, "to": TO, "content": items}
    given = kit.settings(stack, application, messages={"mms": ["MmsContent", message]})
    sent = kit.run("vonage4.py", "send", given, stack.trust)
    application.mailbox.until_statuses(sent["mms"]["message_uuid"], PATIENCE, any_of=["delivered"])


def test_classes_of_the_node_sdk(stack: SecureStack, application: Application) -> None:
    messages = {name: [kind, ends(channel) | members] for name, (channel, kind, members) in CLASSES.items()}
    sent = kit.run("server_sdk.js", "send", kit.settings(stack, application, messages=messages), {})
    check_arrived(
        application, stack, {name: (each["messageUUID"], CLASSES[name][0]) for name, each in sent.items()}
    )


def test_dictionaries_of_vonage_3(stack: SecureStack, application: Application) -> None:
    messages = {name: message | ends(message["channel"]) for name, message in DICTIONARIES.items()}
    sent = kit.run("vonage3.py", "send", kit.settings(stack, application, messages=messages), stack.trust)
    check_arrived(
        application,
        stack,
        {name: (each["message_uuid"], DICTIONARIES[name]["channel"]) for name, each in sent.items()},
    )


def test_by_key_and_secret_as_well(stack: SecureStack) -> None:
    """The account's webhooks are told: here the sandbox's own mailbox."""
    sms = {"text": "Hello", "client_ref": "x" * 100}
    given = kit.settings(stack, messages={"sms": ["Sms", ends("sms", "from_") | sms]})
    newest = kit.run("vonage4.py", "send", given, stack.trust)["sms"]["message_uuid"]
    given["messages"] = {"sms": ["SMS", ends("sms") | {"text": "Hello"}]}
    node = kit.run("server_sdk.js", "send", given, {})["sms"]["messageUUID"]

    def told() -> set[str]:
        kept = httpx.get(f"{stack.url}/sandbox/webhooks").json()
        return {each["body"]["message_uuid"] for each in kept if each["body"].get("status") == "delivered"}

    until(lambda: {newest, node} <= told(), PATIENCE)


PICTURE = {"image": {"url": "nowhere"}}
WRONG: dict[str, tuple[str, tuple[str, Message], tuple[str, Message], list[str]]] = {
    "media": ("mms", ("MmsImage", PICTURE), ("MMSImage", PICTURE), ["image.url"]),
    "webhook": (
        "sms",
        ("Sms", {"text": "Hello", "webhook_url": "nowhere"}),
        ("SMS", {"text": "Hello", "webhookUrl": "nowhere"}),
        ["webhook_url"],
    ),
    "nothing to say": ("sms", ("Sms", {"text": ""}), ("SMS", {"text": ""}), ["text"]),
}
"""A channel, what is wrong on it in the words of `vonage` 4 and of Node, and the faults."""


def test_refusals_are_raised(stack: SecureStack, application: Application) -> None:
    given = kit.settings(stack, application)
    newest, node = {}, {}
    for name, (channel, (model, members), (kind, parameters), _) in WRONG.items():
        newest[name] = [model, ends(channel, "from_") | members]
        node[name] = [kind, ends(channel) | parameters]
    for told, error in (
        (
            kit.run("vonage4.py", "send_refused", given | {"messages": newest}, stack.trust),
            "HttpRequestError",
        ),
        (kit.run("server_sdk.js", "send_refused", given | {"messages": node}, {}), "VetchError"),
    ):
        for name, (_, _, _, faults) in WRONG.items():
            body = told[name]["body"]
            assert (told[name]["error"], told[name]["status"], body["title"]) == (
                error,
                422,
                "Invalid params",
            )
            assert body["type"] == "https://developer.vonage.com/api-errors/messages#1150"
            assert [fault["name"] for fault in body["invalid_parameters"]] == faults
    message = {"channel": "mms", "message_type": "image"} | ends("mms") | PICTURE
    given["messages"] = {"media": message}
    raised = kit.run("vonage3.py", "send_refused", given, stack.trust)["media"]
    assert raised.startswith("ClientError: Invalid params: The value of one or more parameters is invalid. (")
    assert application.mailbox.hooks == []


def test_wrong_credentials_are_raised(stack: SecureStack, application: Application) -> None:
    other, _ = key_pair()
    given = kit.settings(stack, application) | {"private_key": other}
    given["messages"] = {"sms": ["Sms", {"text": "Hello"} | ends("sms", "from_")]}
    refused = kit.run("vonage4.py", "send_refused", given, stack.trust)["sms"]
    assert (refused["error"], refused["status"]) == ("AuthenticationError", 401)
    assert (refused["body"]["title"], refused["body"]["detail"]) == ("Unauthorised", "Invalid Token")
    by_secret = kit.run("vonage4.py", "wrong_secret", kit.settings(stack), stack.trust)["messages"]
    assert (by_secret["error"], by_secret["status"]) == ("AuthenticationError", 401)


@pytest.mark.parametrize(
    ("digits", "reached"),
    [(("0003", "0003", NORMAL), 3), (("0004", NORMAL, NORMAL), 2), ((NORMAL, NORMAL, NORMAL), 1)],
    ids=["refused twice", "undeliverable once", "not needed"],
)
def test_failover_of_vonage_4(
    stack: SecureStack, application: Application, digits: tuple[str, ...], reached: int
) -> None:
    given = kit.settings(stack, application, to=[f"44770091{each}" for each in digits])
    sent = kit.run("vonage4.py", "failover", given, stack.trust)
    assert sent["message_uuid"] and sent["workflow_id"]
    mailbox = application.mailbox
    channels = ("messenger", "whatsapp", "sms")
    last = channels[reached - 1]
    mailbox.until(lambda: mailbox.bodies(channel=last, status="delivered"), PATIENCE)
    time.sleep(1)  # nothing may come after it
    told = mailbox.bodies()
    assert {body["channel"] for body in told} == set(channels[:reached])
    for number, channel in enumerate(channels[:reached], 1):
        mine = [body for body in told if body["channel"] == channel]
        *before, end = fate(channel, digits[number - 1])
        statuses = {body["status"] for body in mine}
        assert set(before) <= statuses <= {*before, end}
        assert channel == last or end in statuses
        for body in mine:
            assert body["workflow"]["workflow_id"] == sent["workflow_id"]
            assert (body["workflow"]["items_number"], body["workflow"]["items_total"]) == (str(number), "3")
    first = [body for body in told if body["channel"] == "messenger"]
    assert {(body["message_uuid"], body["client_ref"]) for body in first} == {
        (sent["message_uuid"], "order-7")
    }
    assert mailbox.reports() == []


def test_failover_by_time_from_node(stack: SecureStack, application: Application) -> None:
    """Beyond Vonage, and yet by its client, which passes on what it does not know."""
    step = {"messageType": "text", "text": "Your parcel arrives today."}
    message = step | {
        "channel": "messenger",
        "from": "1070830641",
        "to": "3958010001",  # delivered, never read
        "expiryTime": 2,
        "conditionStatus": "read",
        "failover": [step | {"channel": "sms", "from": "Acme", "to": TO}],
    }
    given = kit.settings(stack, application, messages={"dispatch": [None, message]})
    uuid = kit.run("server_sdk.js", "send", given, {})["dispatch"]["messageUUID"]
    mailbox = application.mailbox
    [report] = mailbox.until(mailbox.reports, PATIENCE)
    assert report["status"] == "completed"
    steps = [(entry["channel"], entry["status"]) for entry in report["_links"]["messages"]]
    assert steps == [("messenger", "delivered"), ("sms", "delivered")]
    assert report["_links"]["messages"][0]["message_uuid"] == uuid


def test_read_and_revoked(stack: SecureStack, application: Application) -> None:
    agent = "acme_revoking_agent"
    register(stack, "rcs_google", "rcs", agent)
    mailbox = application.mailbox
    given = kit.settings(stack, application)
    to = "447700910002"  # is never delivered to
    given["messages"] = {
        **{client: ["RcsText", {"from_": agent, "to": to, "text": "Hello"}] for client in ("4", "3", "node")},
        "whatsapp": ["WhatsappText", {"text": "Hello"} | ends("whatsapp", "from_")],
    }
    sent = {
        name: each["message_uuid"] for name, each in kit.run("vonage4.py", "send", given, stack.trust).items()
    }
    for uuid in sent.values():
        mailbox.until_statuses(uuid, PATIENCE, 1)
    sender, person = ENDS["whatsapp"]
    written = {"channel": "whatsapp", "from": person, "to": sender, "text": "When?"}
    assert httpx.post(f"{stack.url}/sandbox/inbound", json=written).status_code == 202
    [hook] = mailbox.until(lambda: mailbox.bodies("inbound"), PATIENCE)
    given["inbound"] = hook["message_uuid"]
    newest = kit.run("vonage4.py", "update", given | {"outbound": sent["4"]}, stack.trust)
    for refused, status in (("unknown", 404), ("not revocable", 422)):
        assert newest.pop(refused)["status"] == status
    assert newest == dict.fromkeys(("read", "replying", "revoked"))
    older = kit.run("vonage3.py", "update", given | {"outbound": sent["3"]}, stack.trust)
    assert older == {"read": {}, "revoked": {}}
    node = kit.run("server_sdk.js", "update", given | {"outbound": sent["node"]}, {})
    assert node.pop("unknown")["status"] == 404
    assert node == dict.fromkeys(("read", "replying", "revoked"), True)
    changes = httpx.get(f"{stack.url}/sandbox/log").json()["changes"]
    told = [(change["provider"], change["what"]) for change in changes]
    assert told.count(("rcs_google", "revoked")) == 3
    assert [what for provider, what in told if provider == "whatsapp_cloud"] == [
        *("read", "typing"),  # vonage 4
        "read",  # vonage 3
        *("read", "typing"),  # Node
    ]


TOKENS: dict[str, tuple[Callable[[int], Message], bool]] = {
    "as they are": (lambda now: {}, True),
    "for a day": (lambda now: {"exp": now + 24 * 3600}, True),
    "for a year": (lambda now: {"exp": now + 365 * 24 * 3600}, True),
    "of a clock ahead": (lambda now: {"iat": now + 20, "exp": now + 900}, True),
    "with more claims": (
        lambda now: {"sub": "ann", "acl": {"paths": {"/*/messages/**": {}}}, "nbf": now},
        True,
    ),
}
"""Claims by the time, and whether they are good."""


def test_tokens_of_odd_lifetimes(stack: SecureStack, application: Application) -> None:
    claims = {name: make(int(time.time())) for name, (make, _) in TOKENS.items()}
    message = DICTIONARIES["sms"] | ends("sms")
    given = kit.settings(stack, application, claims=claims, message=message)
    assert all(
        "message_uuid" in each for each in kit.run("vonage3.py", "odd_tokens", given, stack.trust).values()
    )
    given["message"] = bodies.message("sms")
    assert kit.run("server_sdk.js", "tokens", given, {}) == dict.fromkeys(claims, 202)
    for one in claims.values():
        given["claims"] = one
        given["requests"] = {"message": ["/v0.1/messages", bodies.message("sms")]}
        told = kit.run("nexmo_py.py", "post", given, stack.detour, "nexmo")
        assert told["message"]["status"] == 202


def test_the_oldest_python_client_sends_and_dispatches(stack: SecureStack, application: Application) -> None:
    steps = [bodies.step("viber_service_msg", "0002", 2), bodies.step("sms", NORMAL)]
    given = kit.settings(stack, application)
    given["requests"] = {
        "message": ["/v0.1/messages", bodies.message("whatsapp")],
        "dispatch": ["/v0.1/dispatch", {"template": "failover", "workflow": steps}],
    }
    told = kit.run("nexmo_py.py", "post", given, stack.detour, "nexmo")
    assert [each["status"] for each in told.values()] == [202, 202]
    application.mailbox.until_statuses(told["message"]["body"]["message_uuid"], PATIENCE, 3)
    report = application.report(told["dispatch"]["body"]["dispatch_uuid"])
    assert [entry["channel"] for entry in report["_links"]["messages"]] == ["viber_service_msg", "sms"]


VERIFIERS = {"vonage4": "vonage4.py", "vonage3": "vonage3.py", "node": "server_sdk.js"}


@pytest.mark.parametrize("client", VERIFIERS)
def test_webhooks_are_proved_by_the_clients_own_verifier(
    stack: SecureStack, application: Application, client: str
) -> None:
    uuid = application.send(bodies.message("sms"))
    application.mailbox.until_statuses(uuid, PATIENCE, 2)
    tokens = [_token(hook) for hook in application.mailbox.hooks]
    for hook, token in zip(application.mailbox.hooks, tokens, strict=True):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims["application_id"], claims["iss"]) == (application.id, "Vonage"), hook
    given = kit.settings(stack, tokens=tokens, signature_secret=Settings.signature_secret)
    assert kit.run(VERIFIERS[client], "verify", given, {}) == [True, True]
    given["signature_secret"] = "another-secret-of-thirty-two-bytes-or-more"
    assert kit.run(VERIFIERS[client], "verify", given, {}) == [False, False]


def _token(hook: Hook) -> str:
    scheme, _, token = hook.headers["authorization"].partition(" ")
    assert scheme == "Bearer"
    return token
