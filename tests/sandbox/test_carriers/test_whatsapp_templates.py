"""WhatsApp's templates, media and numbers, asked by our adapter and by another client of Meta's API.

Templates that a test files stay, and make the carrier strict: what needs it without any is in test_meta.
"""

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pywa import WhatsApp as Pywa
from pywa import filters, types
from pywa.errors import WhatsAppError
from pywa.types.templates import (
    BodyText,
    Buttons,
    FooterText,
    QuickReplyButton,
    TemplateCategory,
    TemplateLanguage,
    TemplateStatusUpdate,
)
from pywa.types.templates import Template as PywaTemplate

from sandbox.carriers.whatsapp import BUSINESS_ACCOUNT, WhatsApp
from switchboard.adapters.base import Account, Verification
from switchboard.adapters.templates import Template
from switchboard.adapters.whatsapp_cloud import WhatsAppCloud
from switchboard.errors import ConfigurationError, Rejected
from switchboard.models.events import Failure, Hook, Inbound, Receipt, TemplateNews
from switchboard.models.messages import Channel, Message, Status

from .rig import CREDENTIALS, PHONE, PHONE_ID, SECRETS, Call, Rig, graph, person, signed, whatsapp_body

pytestmark = pytest.mark.network

ADAPTER = WhatsAppCloud()
TEMPLATES = f"/whatsapp_cloud/v26.0/{BUSINESS_ACCOUNT}/message_templates"
BEARER = {"authorization": f"Bearer {SECRETS['access_token']}"}
BODY = {"type": "BODY", "text": "Hi {{1}}, {{2}} is here", "example": {"body_text": [["Ann", "a lamp"]]}}


def fresh(word: str = "parcel") -> str:
    """A name that no other test uses."""
    return f"{word}_{uuid4().hex}"


def definition(name: str) -> dict[str, Any]:
    return {"name": name, "language": "en_GB", "category": "UTILITY", "components": [BODY]}


def file(rig: Rig, template: str, **members: Any) -> httpx.Response:
    return rig.http.post(TEMPLATES, json={**definition(template), **members}, headers=BEARER)


def reviewed(rig: Rig, name: str, **members: Any) -> Call:
    """The news of a template that was filed."""
    assert file(rig, name, **members).status_code == 200
    return rig.receiver.wait(1, f'"{name}"')[0]


def listed(rig: Rig, **query: str) -> Any:
    return rig.http.get(TEMPLATES, params=query, headers=BEARER).json()


def send(rig: Rig, name: str, language: str = "en_GB", words: tuple[str, ...] = ()) -> httpx.Response:
    parameters = [{"type": "text", "text": word} for word in words]
    template = {
        "name": name,
        "language": {"code": language},
        "components": [{"type": "body", "parameters": parameters}],
    }
    body = whatsapp_body("447700900002", None, type="template", template=template)
    return graph(rig, PHONE_ID, body)


# --- review ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [("parcel", "APPROVED", ""), ("reject_me", "REJECTED", "INVALID_FORMAT: ")],
)
def test_a_template_is_reviewed(rig: Rig, word: str, status: str, reason: str) -> None:
    name = fresh(word)
    made = file(rig, name, category="marketing").json()
    assert (made["status"], made["category"]) == ("PENDING", "MARKETING")
    assert listed(rig, name=name)["data"][0]["status"] == "PENDING"

    (call,) = rig.receiver.wait(1, f'"{name}"')
    assert call.path == "/inbound/whatsapp_cloud/default"
    assert signed(call)
    assert call.json["entry"][0]["id"] == BUSINESS_ACCOUNT
    (news,) = ADAPTER.events(Hook(call.body))
    assert isinstance(news, TemplateNews)
    assert (news.name, news.language, news.status) == (name, "en_GB", status)
    assert news.template_id == made["id"]
    assert news.reason.startswith(reason) and bool(news.reason) == bool(reason)
    assert listed(rig, name=name)["data"][0]["status"] == status


def test_nobody_hears_of_a_template_that_is_gone(rig: Rig) -> None:
    gone = fresh()
    file(rig, gone)
    assert rig.http.delete(TEMPLATES, params={"name": gone}, headers=BEARER).json() == {"success": True}
    reviewed(rig, fresh())  # was filed later
    assert rig.receiver.about(f'"{gone}"') == []


# --- what may be filed -----------------------------------------------------------------------------

PLAIN = {"type": "BODY", "text": "It is here"}


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({"components": [PLAIN]}, id="plain"),
        pytest.param(
            {"components": [{"type": "header", "format": "text", "text": "Hello"}, PLAIN]}, id="small"
        ),
        pytest.param(
            {
                "components": [
                    {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::aW"]}},
                    PLAIN,
                    {"type": "FOOTER", "text": "Bye"},
                    {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop"}]},
                ]
            },
            id="everything",
        ),
        pytest.param(
            {
                "parameter_format": "NAMED",
                "components": [
                    {
                        "type": "BODY",
                        "text": "Hi {{first_name}}",
                        "example": {
                            "body_text_named_params": [{"param_name": "first_name", "example": "Ann"}]
                        },
                    }
                ],
            },
            id="named",
        ),
    ],
)
def test_takes_a_template(rig: Rig, members: dict[str, Any]) -> None:
    assert file(rig, fresh(), **members).json()["status"] == "PENDING"


@pytest.mark.parametrize(
    ("members", "subcode"),
    [
        pytest.param({"name": "Parcel"}, 2388043, id="name"),
        pytest.param({"language": "en-GB"}, 2388043, id="language"),
        pytest.param({"category": "NEWS"}, 2388043, id="category"),
        pytest.param({"components": []}, 2388043, id="nothing"),
        pytest.param({"components": [{"type": "FOOTER", "text": "Bye"}]}, 2388043, id="no-body"),
        pytest.param({"components": [PLAIN, PLAIN]}, 2388043, id="two-bodies"),
        pytest.param({"components": [{"type": "BODY"}]}, 2388043, id="no-text"),
        pytest.param({"components": [{"type": "BODY", "text": "Hi {{1}}"}]}, 2388043, id="no-example"),
        pytest.param({"components": [{**BODY, "text": "Hi {{2}}"}]}, 2388043, id="order"),
        pytest.param({"components": [{"type": "HEADER", "text": "Hi"}, PLAIN]}, 2388043, id="no-format"),
        pytest.param({"components": [PLAIN, {"type": "BUTTONS"}]}, 2388043, id="no-buttons"),
    ],
)
def test_refuses_a_template(rig: Rig, members: dict[str, Any], subcode: int) -> None:
    reply = file(rig, fresh(), **members)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["error_subcode"]) == (400, 100, subcode)
    assert error["error_user_msg"]


def test_a_name_may_be_there_once_in_each_language(rig: Rig) -> None:
    name = fresh()
    assert file(rig, name).status_code == 200
    assert file(rig, name).json()["error"]["error_subcode"] == 2388024
    assert file(rig, name, language="de").status_code == 200
    assert {found["language"] for found in listed(rig, name=name)["data"]} == {"en_GB", "de"}


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "status", "code"),
    [
        pytest.param("GET", TEMPLATES, {}, {}, 401, 190, id="no-token"),
        pytest.param("GET", TEMPLATES.replace("2098", "9"), {}, BEARER, 400, 100, id="not-ours"),
        pytest.param("GET", TEMPLATES, {"after": "?"}, BEARER, 400, 100, id="cursor"),
        pytest.param("GET", TEMPLATES, {"limit": "0"}, BEARER, 400, 100, id="limit"),
        pytest.param("POST", TEMPLATES, {}, BEARER, 400, 100, id="no-body"),
        pytest.param("DELETE", TEMPLATES, {}, BEARER, 400, 100, id="no-name"),
        pytest.param("DELETE", TEMPLATES, {"name": "never"}, BEARER, 404, 100, id="unknown"),
    ],
)
def test_refuses_a_call(
    rig: Rig, method: str, path: str, query: Any, headers: Any, status: int, code: int
) -> None:
    reply = rig.http.request(method, path, params=query, headers=headers)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)


# --- what may be sent ------------------------------------------------------------------------------


def test_only_an_approved_template_can_be_sent(rig: Rig) -> None:
    name = fresh()
    file(rig, name)
    assert send(rig, name, words=("Ann", "a lamp")).json()["error"]["code"] == 132001
    rig.receiver.wait(1, f'"{name}"')
    assert send(rig, name, words=("Ann", "a lamp")).json()["messages"][0]["message_status"] == "accepted"
    reply = send(rig, name, "de", ("Ann", "a lamp"))
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, 132001)
    assert send(rig, fresh()).json()["error"]["code"] == 132001
    rig.http.delete(TEMPLATES, params={"name": name}, headers=BEARER)
    assert send(rig, name, words=("Ann", "a lamp")).json()["error"]["code"] == 132001


def test_a_rejected_template_cannot_be_sent(rig: Rig) -> None:
    name = fresh("reject")
    reviewed(rig, name)
    assert send(rig, name, words=("Ann", "a lamp")).json()["error"]["code"] == 132001


@pytest.mark.parametrize("words", [(), ("Ann",), ("Ann", "a lamp", "now")], ids=len)
def test_every_variable_wants_a_parameter(rig: Rig, words: tuple[str, ...]) -> None:
    name = fresh()
    reviewed(rig, name)
    reply = send(rig, name, words=words)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, 132000)


def test_a_header_wants_its_picture(rig: Rig) -> None:
    name = fresh()
    header = {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::aW"]}}
    reviewed(rig, name, components=[header, PLAIN])
    assert send(rig, name).json()["error"]["code"] == 132000
    content = {
        "type": "template",
        "template": {
            "name": name,
            "language": {"code": "en_GB"},
            "components": [
                {
                    "type": "header",
                    "parameters": [{"type": "image", "image": {"link": "https://shop.example/a.png"}}],
                }
            ],
        },
    }
    message = outgoing({"type": "custom", "custom": content})
    with httpx.Client(trust_env=False) as client:
        assert ADAPTER.send(message, account(rig), client).startswith("wamid.")


# --- our adapter -----------------------------------------------------------------------------------


def account(rig: Rig) -> Account:
    settings = WhatsApp.account(rig.url, rig.receiver.url, CREDENTIALS)
    return Account("whatsapp_cloud", "default", {**settings, "phone_numbers": {PHONE: PHONE_ID}})


def outgoing(content: dict[str, Any], last4: str = "4321", **members: Any) -> Message:
    return Message.model_validate(
        {
            "message_uuid": str(uuid4()),
            "channel": "whatsapp",
            "sender": PHONE,
            "recipient": person("whatsapp", last4),
            "content": content,
            **members,
        }
    )


def test_our_adapter_keeps_templates(rig: Rig) -> None:
    name, ours = fresh(), account(rig)
    plan = definition(name)
    with httpx.Client(trust_env=False) as client:

        def ask(request: httpx.Request) -> httpx.Response:
            reply = ADAPTER.exchange(request, ours, client)
            assert reply.is_success
            return reply

        made = ADAPTER.created_template(ask(ADAPTER.create_template(ours, PHONE, plan)), plan)
        assert made == Template(name, "en_GB", "PENDING", "UTILITY", made.template_id, "", [BODY])
        rig.receiver.wait(1, f'"{name}"')
        file(rig, f"{name}_too")
        page = ADAPTER.listed_templates(ask(ADAPTER.list_templates(ours, PHONE, name, None)))
        assert page == ([Template(name, "en_GB", "APPROVED", "UTILITY", made.template_id, "", [BODY])], None)

        content = {"type": "template", "name": name, "parameters": ["Ann", "a lamp"]}
        message = outgoing(content, whatsapp={"locale": "en-GB"})
        wamid = ADAPTER.send(message, ours, client)
        (call, *_) = rig.receiver.wait(3, message.message_uuid)
        ADAPTER.verify(Hook(call.body, headers=call.headers), ours)
        (receipt,) = ADAPTER.events(Hook(call.body))
        assert isinstance(receipt, Receipt)
        assert (receipt.status, receipt.provider_id, receipt.category) == (Status.SUBMITTED, wamid, "utility")

        with pytest.raises(Rejected) as caught:
            ADAPTER.send(outgoing({**content, "parameters": ["Ann"]}), ours, client)
        assert caught.value.code == 1022

        ask(ADAPTER.delete_template(ours, PHONE, name, made.template_id))
        page = ADAPTER.listed_templates(ask(ADAPTER.list_templates(ours, PHONE, name, None)))
        assert page == ([], None)


def test_our_adapter_turns_pages(rig: Rig) -> None:
    word = fresh("many")
    for number in range(101):
        file(rig, f"{word}_{number}", components=[PLAIN])
    found: list[Template] = []
    with httpx.Client(trust_env=False) as client:
        marks: list[str | None] = [None]
        while len(marks) < 20:
            request = ADAPTER.list_templates(account(rig), PHONE, None, marks[-1])
            templates, mark = ADAPTER.listed_templates(ADAPTER.exchange(request, account(rig), client))
            found += templates
            if mark is None:
                break
            marks.append(mark)
    assert [one.name for one in found if one.name.startswith(word)] == [f"{word}_{n}" for n in range(101)]
    assert len(marks) > 1
    assert len(found) == len({(one.name, one.language) for one in found})


CONTENTS: list[dict[str, Any]] = [
    {"type": "text", "text": "see https://shop.example"},
    {"type": "image", "url": "https://shop.example/a.png", "caption": "the door"},
    {"type": "audio", "url": "https://shop.example/a.mp3"},
    {"type": "video", "url": "https://shop.example/a.mp4"},
    {"type": "file", "url": "https://shop.example/a.pdf"},
    {"type": "location", "latitude": 51.5, "longitude": -0.1, "name": "The shop"},
    {"type": "custom", "custom": {"type": "sticker", "sticker": {"link": "https://shop.example/a.webp"}}},
]


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content["type"])
def test_our_adapter_is_understood(rig: Rig, content: dict[str, Any]) -> None:
    with httpx.Client(trust_env=False) as client:
        assert ADAPTER.send(outgoing(content, "0002"), account(rig), client).startswith("wamid.")


def test_our_adapter_reads_what_became_of_a_message(rig: Rig) -> None:
    message = outgoing({"type": "text", "text": "Good day"}, "0004")
    with httpx.Client(trust_env=False) as client:
        wamid = ADAPTER.send(message, account(rig), client)
    (call,) = rig.receiver.wait(1, message.message_uuid)
    (receipt,) = ADAPTER.events(Hook(call.body))
    assert isinstance(receipt, Receipt)
    assert (receipt.status, receipt.provider_id) == (Status.UNDELIVERABLE, wamid)
    assert (receipt.message_uuid, receipt.failure) == (message.message_uuid, Failure(1300, "131026"))


def test_our_adapter_downloads_media(rig: Rig) -> None:
    with httpx.Client(trust_env=False) as client:
        request = ADAPTER.download("https://graph.facebook.com/v26.0/71000001", account(rig), client)
        reply = client.send(request)
        assert (reply.status_code, reply.headers["content-type"]) == (200, "image/jpeg")
        assert reply.content.startswith(b"\xff\xd8")
        assert client.get(request.url).status_code == 401
        late = request.url.copy_merge_params({"ext": str(int(time.time()) - 1)})
        assert client.get(late, headers=request.headers).status_code == 404
        with pytest.raises(Rejected) as caught:
            ADAPTER.download("https://graph.facebook.com/v26.0/71000003", account(rig), client)
        assert caught.value.code == 1380


@pytest.mark.parametrize(
    ("sender", "expected"),
    [
        (PHONE, Verification("verified")),
        (
            "15550100002",
            Verification("pending", "it is not registered yet, its verification code was not entered"),
        ),
        ("15550100003", Verification("failed", "WhatsApp has banned it")),
        ("not-an-id", Verification("failed", "the provider refused: 1120 (100/33)")),
    ],
    ids=["works", "new", "banned", "no number"],
)
def test_our_adapter_checks_a_number(rig: Rig, sender: str, expected: Verification) -> None:
    with httpx.Client(trust_env=False) as client:
        assert ADAPTER.verification(account(rig), Channel.WHATSAPP, sender, client) == expected


def test_our_adapter_checks_the_token(rig: Rig) -> None:
    wrong = Account("whatsapp_cloud", "default", {**account(rig).settings, "access_token": "wrong"})
    with httpx.Client(trust_env=False) as client:
        found = ADAPTER.verification(wrong, Channel.WHATSAPP, PHONE, client)
        assert found == Verification("failed", "the provider refused: 1370 (190)")
        with pytest.raises(ConfigurationError):
            ADAPTER.download("https://graph.facebook.com/v26.0/71000001", wrong, client)


# --- another client --------------------------------------------------------------------------------


@pytest.fixture
def pywa(rig: Rig) -> Iterator[Pywa]:
    with httpx.Client(trust_env=False, timeout=10) as session:
        client = Pywa(
            PHONE_ID,
            SECRETS["access_token"],
            session=session,
            waba_id=BUSINESS_ACCOUNT,
            app_secret=SECRETS["app_secret"],
            verify_token=SECRETS["verify_token"],
            server=None,
        )
        session.base_url = f"{rig.url}/whatsapp_cloud/v26.0"
        yield client


def test_another_client_keeps_templates(rig: Rig, pywa: Pywa) -> None:
    name = fresh()
    made = pywa.create_template(
        PywaTemplate(
            name=name,
            language=TemplateLanguage.ENGLISH_UK,
            category=TemplateCategory.UTILITY,
            components=[
                BodyText("Hi {{1}}, {{2}} is here", "Ann", "a lamp"),
                FooterText(text="The Shop"),
                Buttons(buttons=[QuickReplyButton(text="Stop")]),
            ],
        )
    )
    assert made.status == "PENDING"
    rig.receiver.wait(1, f'"{name}"')
    found = pywa.get_templates(name=name)
    assert [(one.id, one.name, one.language, one.status) for one in found] == [
        (made.id, name, TemplateLanguage.ENGLISH_UK, "APPROVED")
    ]
    assert [component.type for component in found[0].components] == ["BODY", "FOOTER", "BUTTONS"]
    sent = pywa.send_template(
        person("whatsapp", "0002"), name, TemplateLanguage.ENGLISH_UK, [BodyText.params("Ann", "a lamp")]
    )
    assert sent.id.startswith("wamid.")
    with pytest.raises(WhatsAppError) as caught:
        pywa.send_template(
            person("whatsapp", "0002"), name, TemplateLanguage.ENGLISH_UK, [BodyText.params("Ann")]
        )
    assert caught.value.code == 132000
    assert pywa.delete_template(name, template_id=made.id)
    assert list(pywa.get_templates(name=name)) == []


def test_another_client_turns_pages(rig: Rig, pywa: Pywa) -> None:
    word = fresh("few")
    for number in range(5):
        file(rig, f"{word}_{number}", components=[PLAIN])
    names, after = [], None
    for left in (True, True, False):
        page = pywa.get_templates(name=word, pagination=types.Pagination(limit=2, after=after))
        assert (page.total_count, page.has_next) == (5, left)
        names += [template.name for template in page]
        after = page.after
    assert names == [f"{word}_{number}" for number in range(5)]


def test_another_client_reads_numbers_and_media(pywa: Pywa) -> None:
    number = pywa.get_business_phone_number()
    assert (number.id, number.display_phone_number, number.status) == (PHONE_ID, f"+{PHONE}", "CONNECTED")
    media = pywa.get_media_url("71000001")
    content = pywa.get_media_bytes(media.url)
    assert (media.mime_type, media.file_size) == ("image/jpeg", len(content))


def test_another_client_reads_our_callbacks(rig: Rig, pywa: Pywa) -> None:
    heard: list[Any] = []
    pywa.on_message(filters.text)(lambda _, message: heard.append(message))
    pywa.on_message_status()(lambda _, status: heard.append(status))
    pywa.on_template_status_update()(lambda _, news: heard.append(news))

    name, echo, words = fresh("reject"), str(uuid4()), f"Good day {uuid4()}"
    sent = pywa.send_message(person("whatsapp", "0002"), "Good day", tracker=echo)
    file(rig, name)
    text = {"channel": "whatsapp", "from": "447700904321", "to": PHONE, "text": words}
    assert rig.http.post("/inbound", json=text).status_code == 202
    for needle in (echo, words, f'"{name}"'):
        (call,) = rig.receiver.wait(1, needle)
        assert pywa.webhook_update_validator(call.body, call.headers["x-hub-signature-256"]) is None
        assert pywa.webhook_update_handler(call.body) == ("ok", 200)

    status, message, news = heard
    assert isinstance(status, types.MessageStatus)
    assert (status.id, status.status, status.tracker) == (sent.id, "sent", echo)
    assert isinstance(message, types.Message)
    assert (message.text, message.from_user.wa_id) == (words, "447700904321")
    assert isinstance(news, TemplateStatusUpdate)
    assert (news.template_name, news.new_status, news.reason) == (name, "REJECTED", "INVALID_FORMAT")


def test_our_adapter_reads_the_same(rig: Rig) -> None:
    words = f"Good day {uuid4()}"
    text = {"channel": "whatsapp", "from": "447700904321", "to": PHONE, "text": words}
    rig.http.post("/inbound", json=text)
    (call,) = rig.receiver.wait(1, words)
    hook = Hook(call.body, headers=call.headers)
    ADAPTER.verify(hook, account(rig))
    (event,) = ADAPTER.events(hook)
    assert isinstance(event, Inbound)
    assert (event.sender, event.recipient) == ("447700904321", PHONE)
