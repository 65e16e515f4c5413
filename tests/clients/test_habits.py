"""What clients send that are not run here (Java, PHP, Ruby, .NET, Go), as their sources have it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.clients.kit import SecureStack
from tests.e2e.application import PATIENCE, Application
from tests.e2e.local_stack import KEY, SECRET, LocalStack

pytestmark = [pytest.mark.e2e, pytest.mark.clients]

TO = "447700900100"
URL = "https://media.example/"
JSON = {"Content-Type": "application/json", "Accept": "application/json"}

HEADERS: dict[str, dict[str, str]] = {
    "java": JSON | {"User-Agent": "vonage-java-sdk/9.4.1 java/21"},
    "php": {"content-type": "application/json", "User-Agent": "vonage-php/4.0.0 php/8.3"},
    "ruby": JSON
    | {"User-Agent": "vonage-ruby/7.31.0 ruby/3.3.0", "Accept-Encoding": "gzip;q=1.0,deflate;q=0.6"},
    ".net": {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"},
    "go": JSON | {"Accept-Encoding": "gzip"},
    "axios": {"content-type": "application/json", "accept": "application/json, text/plain, */*"},
    "curl": {"Content-Type": "application/json", "Accept": "*/*"},
    "none at all": {},
}

MESSAGES: dict[str, dict[str, Any]] = {
    "a template with parameters as old clients name them": {
        "channel": "whatsapp",
        "message_type": "template",
        "template": {"name": "acme:parcel", "parameters": [{"default": "Ann"}, {"default": "4711"}]},
        "whatsapp": {"policy": "deterministic", "locale": "en_GB"},
    },
    "audio with a caption": {
        "channel": "whatsapp",
        "message_type": "audio",
        "audio": {"url": f"{URL}door.mp3", "caption": "The door"},
    },
    "media without a file's name": {
        "channel": "whatsapp",
        "message_type": "image",
        "image": {"url": f"{URL}200/300"},
    },
    "a location in numbers": {
        "channel": "whatsapp",
        "message_type": "location",
        "location": {"lat": 51.5, "long": -0.1, "name": "Depot", "address": "1 Dock Road"},
    },
    "a location as custom content": {
        "channel": "whatsapp",
        "message_type": "custom",
        "custom": {"type": "location", "location": {"latitude": 51.5, "longitude": -0.1}},
    },
    "any type on viber": {
        "channel": "viber_service",
        "message_type": "text",
        "text": "Hello",
        "viber_service": {"type": "type", "ttl": 42, "category": "promotion"},
    },
    "a plus before numbers": {
        "channel": "sms",
        "message_type": "text",
        "text": "Hello",
        "to": f"+{TO}",
        "from": "+12065550142",
    },
    "numbers that are numbers": {"channel": "sms", "message_type": "text", "text": "Hello", "to": int(TO)},
    "null for what is not there": {
        "channel": "sms",
        "message_type": "text",
        "text": "Hello",
        **dict.fromkeys(
            ("client_ref", "webhook_url", "webhook_version", "ttl", "sms", "context", "failover")
        ),
    },
    "no failover in a list": {"channel": "sms", "message_type": "text", "text": "Hello", "failover": []},
    "members that nobody knows": {
        "channel": "sms",
        "message_type": "text",
        "text": "Hello",
        "trusted_recipient": True,
        "sms": {"encoding_type": "auto", "content_id": "c", "entity_id": "e"},
        "category": "marketing",
    },
    "a shorter life than ours": {"channel": "rcs", "message_type": "text", "text": "Hello", "ttl": 42},
}


@pytest.fixture(scope="module")
def application(stack: SecureStack, make_application: Callable[[LocalStack], Application]) -> Application:
    """One for all of these tests: a list of applications shows a hundred."""
    return make_application(stack)


def sender(channel: str) -> str:
    return {"sms": "Acme", "rcs": "acme_agent"}.get(channel, "12065550142")


@pytest.mark.parametrize("message", MESSAGES.values(), ids=list(MESSAGES))
def test_odd_messages_arrive(application: Application, message: dict[str, Any]) -> None:
    body = {"from": sender(message["channel"]), "to": TO} | message
    answer = application.post("/v1/messages", body)
    assert answer.status_code == 202, answer.text
    uuid = answer.json()["message_uuid"]
    application.mailbox.until_statuses(uuid, PATIENCE, any_of=["delivered", "rejected", "undeliverable"])
    assert application.mailbox.statuses(uuid)[-1] != "rejected"
    assert "delivered" in application.mailbox.statuses(uuid)


@pytest.mark.parametrize("headers", HEADERS.values(), ids=list(HEADERS))
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/", "/v1/messages?"])
def test_headers_and_addresses_of_many_kinds(
    application: Application, headers: dict[str, str], path: str
) -> None:
    body = b'{"channel":"sms","message_type":"text","text":"Hi","to":"447700900100","from":"Acme"}'
    token = application.authorization["Authorization"]
    for scheme in ("Bearer", "bearer", "BEARER"):
        given = headers | {"authorization": token.replace("Bearer", scheme)}
        answer = httpx.post(f"{application.stack.url}{path}", content=body, headers=given)
        assert answer.status_code == 202, answer.text
        assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("headers", HEADERS.values(), ids=list(HEADERS))
def test_calls_without_a_body(stack: SecureStack, headers: dict[str, str]) -> None:
    """Some clients say what type a body is of that they do not send, some send an empty one."""
    account = httpx.Client(base_url=stack.url, auth=(KEY, SECRET), headers=headers)
    made = account.post("/v2/applications", content=b'{"name":"Habits"}').json()
    address = f"/v2/applications/{made['id']}"
    for path in (
        address,
        f"{address}?",
        "/v2/applications",
        "/v2/applications?",
        "/v2/applications/?page_size=3",
    ):
        assert account.get(path).status_code == 200, path
    assert account.request("GET", address, content=b"").status_code == 200
    assert account.request("GET", "/account/numbers?", content=b"{}").status_code == 200
    gone = account.delete(address)
    assert (gone.status_code, gone.content) == (204, b"")
    assert account.get(address).status_code == 404


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain", ""])
def test_keys_in_the_form(stack: SecureStack, kind: str) -> None:
    """PHP puts them there; vonage 4 says that its forms are JSON once it has sent some."""
    form = f"api_key={KEY}&api_secret={SECRET}&country=GB&msisdn=447700900777"
    headers = {"Content-Type": kind} if kind else {}
    answer = httpx.post(f"{stack.url}/number/update", content=form, headers=headers)
    assert (answer.status_code, answer.json()["error-code"]) == (200, "200")


def test_every_error_is_an_object_with_a_title(stack: SecureStack, application: Application) -> None:
    """All clients parse error bodies, whatever the status."""
    http, account = application.http, httpx.Client(base_url=stack.url, auth=(KEY, SECRET))
    uuid = uuid4()
    answers = [
        http.post("/v1/messages", json={}, headers=application.authorization),
        http.post("/v1/messages", content=b"{", headers=application.authorization | JSON),
        http.post("/v1/messages", json={}),
        http.post("/v1/messages", json={}, headers={"Authorization": "Bearer x"}),
        http.patch(f"/v1/messages/{uuid}", json={"status": "read"}, headers=application.authorization),
        http.patch(f"/v1/messages/{uuid}", json={}, headers=application.authorization),
        account.post("/v2/applications", json={}),
        account.get(f"/v2/applications/{uuid}"),
        account.get("/v2/applications?page_size=1000"),
        http.get("/v2/applications"),
    ]
    statuses = [answer.status_code for answer in answers]
    assert statuses == [422, 422, 401, 401, 404, 422, 400, 404, 400, 401]
    for answer in answers:
        assert answer.headers["content-type"].split(";")[0] in (
            "application/problem+json",
            "application/json",
        )
        assert {"title", "detail"} <= set(answer.json())
        assert answer.headers["x-nexmo-trace-id"]
