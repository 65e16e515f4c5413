"""WhatsApp templates at Infobip, asked by our adapter.

Templates that a test files stay, and make the carrier strict.
"""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from sandbox.carriers.infobip import Infobip
from switchboard.adapters.base import Account
from switchboard.adapters.infobip import Infobip as Adapter
from switchboard.adapters.templates import Template
from switchboard.errors import Rejected
from switchboard.models.events import Event, Failure, Hook, Receipt, TemplateNews
from switchboard.models.messages import Channel, Message, Status

from .rig import CREDENTIALS, SECRETS, Rig

pytestmark = pytest.mark.network

ADAPTER = Adapter()
NUMBER = "442079460123"
KEY = {"authorization": f"App {SECRETS['api_key']}"}
TEMPLATES = f"/infobip/whatsapp/2/senders/{NUMBER}/templates"
BODY = {"type": "BODY", "text": "Hi {{1}}, {{2}} is here", "example": {"body_text": [["Ann", "a lamp"]]}}


def fresh(word: str = "parcel") -> str:
    """A name that no other test uses."""
    return f"{word}_{uuid4().hex}"


def account(rig: Rig) -> Account:
    return Account("infobip", "default", Infobip.account(rig.url, rig.receiver.url, CREDENTIALS))


def definition(name: str, *components: dict[str, Any], language: str = "en_GB") -> dict[str, Any]:
    return {
        "name": name,
        "language": language,
        "category": "UTILITY",
        "components": list(components) or [BODY],
    }


def asked(rig: Rig, request: httpx.Request) -> httpx.Response:
    reply = ADAPTER.exchange(request, account(rig), rig.http)
    if not reply.is_success:
        raise ADAPTER.refused(reply)
    return reply


def file(rig: Rig, asked_for: dict[str, Any]) -> Template:
    request = ADAPTER.create_template(account(rig), NUMBER, asked_for)
    return ADAPTER.created_template(asked(rig, request), asked_for)


def listed(rig: Rig, name: str) -> list[Template]:
    request = ADAPTER.list_templates(account(rig), NUMBER, name, None)
    return ADAPTER.listed_templates(asked(rig, request))[0]


def events(rig: Rig, needle: str) -> list[Event]:
    (call,) = rig.receiver.wait(1, needle)
    hook = Hook(call.body, query={name: values[0] for name, values in call.query.items()})
    ADAPTER.verify(hook, account(rig))
    return ADAPTER.events(hook)


def reviewed(rig: Rig, name: str) -> TemplateNews:
    """The news of a template that was filed."""
    (event,) = events(rig, f'"{name}"')
    assert isinstance(event, TemplateNews)
    return event


@pytest.mark.parametrize(
    ("word", "status", "reason"), [("parcel", "APPROVED", ""), ("reject_me", "REJECTED", "SCAM")]
)
def test_a_template_is_filed_and_reviewed(rig: Rig, word: str, status: str, reason: str) -> None:
    name = fresh(word)
    made = file(rig, definition(name))
    assert (made.name, made.language, made.status, made.category) == (name, "en_GB", "PENDING", "UTILITY")
    news = reviewed(rig, name)
    assert (news.status, news.reason, news.language) == (status, reason, "en_GB")
    assert news.template_id == made.template_id
    (kept,) = listed(rig, name)
    assert kept == Template(name, "en_GB", status, "UTILITY", made.template_id, components=[BODY])


def test_every_part_of_a_template_is_taken_and_shown_again(rig: Rig) -> None:
    name = fresh()
    components: list[dict[str, Any]] = [
        {
            "type": "HEADER",
            "format": "IMAGE",
            "example": {"header_handle": ["https://e.example/a.png"]},
        },
        BODY,
        {"type": "FOOTER", "text": "Bye"},
        {
            "type": "BUTTONS",
            "buttons": [
                {"type": "QUICK_REPLY", "text": "Yes"},
                {"type": "URL", "text": "Look", "url": "https://e.example/{{1}}", "example": ["x"]},
                {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+442079460123"},
            ],
        },
    ]
    file(rig, definition(name, *components))
    (kept,) = listed(rig, name)
    assert kept.components == components


def test_a_template_for_codes(rig: Rig) -> None:
    button = {"type": "OTP", "otp_type": "COPY_CODE", "text": "Copy"}
    components: list[dict[str, Any]] = [
        {"type": "BODY", "add_security_recommendation": True},
        {"type": "FOOTER", "code_expiration_minutes": 5},
        {"type": "BUTTONS", "buttons": [button]},
    ]
    name = fresh("code")
    file(rig, {**definition(name, *components), "category": "AUTHENTICATION"})
    assert listed(rig, name)[0].components == components


UNSOUND: list[tuple[str, dict[str, Any], str]] = [
    ("name", {"name": "Parcel Sent"}, "name"),
    ("language", {"language": "english"}, "language"),
    ("category", {"category": "OTHER"}, "category"),
    ("no body", {"structure": {}}, "structure.body"),
    ("gap", {"structure": {"body": {"text": "{{2}}", "examples": ["x"]}}}, "structure.body"),
    ("no example", {"structure": {"body": {"text": "{{1}}"}}}, "structure.body"),
    ("header", {"structure": {"body": {"text": "x"}, "header": {"format": "IMAGE"}}}, "structure.header"),
    (
        "button",
        {"structure": {"body": {"text": "x"}, "buttons": [{"type": "URL", "text": "x"}]}},
        "structure.buttons[0]",
    ),
]


@pytest.mark.parametrize(
    ("members", "named"), [case[1:] for case in UNSOUND], ids=[case[0] for case in UNSOUND]
)
def test_an_unsound_template_is_refused(rig: Rig, members: dict[str, Any], named: str) -> None:
    body = {
        "name": fresh(),
        "language": "en",
        "category": "UTILITY",
        "structure": {"body": {"text": "Hi"}},
        **members,
    }
    reply = rig.http.post(TEMPLATES, json=body, headers=KEY)
    exception = reply.json()["requestError"]["serviceException"]
    assert (reply.status_code, list(exception["validationErrors"])) == (400, [named])


def test_a_name_is_used_once_in_each_language(rig: Rig) -> None:
    name = fresh()
    file(rig, definition(name))
    file(rig, definition(name, language="de"))
    with pytest.raises(Rejected) as caught:
        file(rig, definition(name))
    assert (caught.value.code, caught.value.provider_code) == (1020, "BAD_REQUEST")
    assert sorted(template.language for template in listed(rig, name)) == ["de", "en_GB"]


def test_a_template_is_deleted_in_every_language(rig: Rig) -> None:
    name = fresh()
    file(rig, definition(name))
    file(rig, definition(name, language="de"))
    asked(rig, ADAPTER.delete_template(account(rig), NUMBER, name, None))
    assert listed(rig, name) == []
    with pytest.raises(Rejected) as caught:
        asked(rig, ADAPTER.delete_template(account(rig), NUMBER, name, None))
    assert caught.value.provider_code == "NOT_FOUND"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_only_the_accounts_own_numbers_have_templates(rig: Rig, method: str) -> None:
    path = TEMPLATES.replace(NUMBER, "442079460404") + ("/x" if method == "DELETE" else "")
    body = {"name": fresh(), "language": "en", "category": "UTILITY", "structure": {"body": {"text": "Hi"}}}
    assert rig.http.request(method, path, json=body, headers=KEY).status_code == 404


SENT: list[tuple[tuple[str, ...], str, Failure | None]] = [
    (("Ann", "a lamp"), "en-GB", None),
    (("Ann",), "en-GB", Failure(1022, "EC_INVALID_TEMPLATE_ARGS")),
    (("Ann", "a lamp"), "fr", Failure(1022, "EC_INVALID_TEMPLATE")),
]


@pytest.mark.parametrize(
    ("parameters", "locale", "failure"), SENT, ids=["fits", "one short", "no such language"]
)
def test_a_message_must_fit_its_template(
    rig: Rig, parameters: tuple[str, ...], locale: str, failure: Failure | None
) -> None:
    name, echo = fresh(), str(uuid4())
    file(rig, definition(name))
    reviewed(rig, name)
    message = Message.model_validate(
        {
            "message_uuid": echo,
            "channel": Channel.WHATSAPP,
            "sender": NUMBER,
            "recipient": "447700900001",
            "content": {"type": "template", "name": name, "parameters": parameters},
            "whatsapp": {"locale": locale},
        }
    )
    assert ADAPTER.send(message, account(rig), rig.http) == echo
    (event,) = events(rig, echo)
    assert isinstance(event, Receipt)
    assert (event.status, event.failure) == (Status.REJECTED if failure else Status.DELIVERED, failure)


def test_templates_of_one_sender_are_no_other_ones(rig: Rig) -> None:
    """Who never filed a template can send any, whatever others filed."""
    file(rig, definition(fresh()))
    echo = str(uuid4())
    message = Message.model_validate(
        {
            "message_uuid": echo,
            "channel": Channel.WHATSAPP,
            "sender": "447700900201",
            "recipient": "447700900001",
            "content": {"type": "template", "name": "unfiled", "parameters": ()},
        }
    )
    ADAPTER.send(message, account(rig), rig.http)
    (event,) = events(rig, echo)
    assert isinstance(event, Receipt)
    assert event.status is Status.DELIVERED
