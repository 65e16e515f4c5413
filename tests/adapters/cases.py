"""A case of an adapter's test is data: what goes in, what must come out. The runners are here."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs

import httpx
import pytest
from pydantic import TypeAdapter

from switchboard.adapters import adapter, base
from switchboard.adapters.base import Account
from switchboard.errors import ConfigurationError, SendError
from switchboard.models.events import Event, Hook
from switchboard.models.messages import Channel, Content, InboundContent, Message

UUID = "5b0e7f9c-2d7a-4a52-8b61-c0f3a9d4e716"
"""The message of all fixtures, and another one of some."""
OTHER_UUID = "a4d1c2b3-77e0-4f0a-9c55-1e2d3c4b5a69"
RECEIVED = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)

FIXTURES = Path(__file__).parent / "fixtures"
_CONTENT: TypeAdapter[Content] = TypeAdapter(Content)
_INBOUND: TypeAdapter[InboundContent] = TypeAdapter(InboundContent)

Json = Mapping[str, Any]
Answer = Callable[[httpx.Request], httpx.Response]
Failed = type[SendError] | type[ConfigurationError]


def fixture(provider: str, name: str) -> bytes:
    """A file of a provider; JSON where the name says nothing else."""
    return (FIXTURES / provider / (name if "." in name else f"{name}.json")).read_bytes()


def content(kind: str, **members: Any) -> Content:
    return _CONTENT.validate_python({"type": kind, **members})


def came(kind: str, **members: Any) -> InboundContent:
    return _INBOUND.validate_python({"type": kind, **members})


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def label(case: Any) -> str:
    return str(case.label)


# --- the providers ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Provider:
    """What the contract needs to know of a provider.

    `signed` makes a callback that must be believed, `forged` some that must not. `unknown` is a callback
    with a status that nobody has heard of (JSON, or the bytes of another format); the fixture `batch` has
    `events` events.
    """

    settings: Json
    message: Message
    signed: Callable[[bytes], Hook]
    forged: Callable[[bytes], Mapping[str, Hook]]
    batch: str
    events: int
    unknown: Json | bytes
    secret: str | None
    """The setting that callbacks are checked against, if any."""
    format: Literal["json", "form", "xml"] = "json"
    """What callbacks are written in."""
    login: tuple[str, Json] | None = None
    """A part of the address that an access token comes from, and what it answers."""
    answers_nothing: bool = False
    """An empty 200 is how the provider takes a message."""

    def account(self, name: str, **settings: Any) -> Account:
        return Account(name, "main", {**self.settings, **settings})


def text_message(channel: Channel, sender: str, recipient: str) -> Message:
    return Message(
        message_uuid=UUID,
        channel=channel,
        sender=sender,
        recipient=recipient,
        content=content("text", text="Your parcel is on its way"),
    )


META_SETTINGS = {
    "access_token": "EAAB-page-or-system-token",
    "app_secret": "a key of our own",
    "verify_token": "verify-me-once",
}


def hub_signature(body: bytes, key: str = META_SETTINGS["app_secret"]) -> str:
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


def meta_hook(body: bytes) -> Hook:
    return Hook(body, headers={"x-hub-signature-256": hub_signature(body)})


def meta_forged(body: bytes) -> Mapping[str, Hook]:
    signature = hub_signature(body)
    headers = {
        "empty": "",
        "of another key": hub_signature(body, "another key"),
        "of another body": hub_signature(body + b" "),
        "without its scheme": signature.removeprefix("sha256="),
        "of the old scheme": "sha1=" + hmac.new(b"a key of our own", body, "sha1").hexdigest(),
        "cut short": signature[:-1],
        "not hexadecimal": "sha256=" + "z" * 64,
        "not ASCII": "sha256=é\udcff" + signature,
    }
    return {"missing": Hook(body)} | {
        name: Hook(body, headers={"x-hub-signature-256": value}) for name, value in headers.items()
    }


def with_login(about: Provider, answer: Answer) -> Answer:
    """The same answer, with access tokens for who asks for one."""

    def handle(request: httpx.Request) -> httpx.Response:
        if about.login and about.login[0] in str(request.url):
            return httpx.Response(200, json=about.login[1])
        return answer(request)

    return handle


def known(provider: str) -> Provider:
    """What a provider's own test module says of it."""
    said: Provider = import_module(f"tests.adapters.test_{provider}").PROVIDER
    return said


# --- sending ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Send:
    """A message sent. `reply` is a status and the body: a fixture's name, JSON, or bytes.

    `body`, where given, is exactly what the provider must get. Then either `id` is returned or `raises`
    is raised, with our `code` and, where given, the provider's and the pause.
    """

    label: str
    content: Content | None = None
    """None for the provider's usual text."""
    message: Json = field(default_factory=dict)
    """Other members of the message."""
    settings: Json = field(default_factory=dict)
    reply: tuple[int, str | Json | bytes] = (200, "accepted")
    body: Json | None = None
    form: Mapping[str, str | Sequence[str]] | None = None
    """The same for a body that is a form; its values in order where a name comes more than once."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """That the request must have, among others."""
    url: str | None = None
    id: str | None = None
    raises: Failed | None = None
    code: int | None = None
    provider_code: str | None = None
    retry_after: float | None = None


def sent(provider: str, case: Send) -> httpx.Request | None:
    """Runs a case through the real client. Returns the request that went out, if one did."""
    about = known(provider)
    message = replace_members(about.message, {**case.message, **content_of(case)})
    status, body = case.reply
    if isinstance(body, str):
        body = fixture(provider, body)
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(status, content=body if isinstance(body, bytes) else json.dumps(body).encode())

    base.forget_tokens()
    with httpx.Client(transport=httpx.MockTransport(with_login(about, answer))) as client:
        if case.raises is None:
            result = adapter(provider).send(message, about.account(provider, **case.settings), client)
            assert result == case.id
        else:
            with pytest.raises(case.raises) as caught:
                adapter(provider).send(message, about.account(provider, **case.settings), client)
            assert type(caught.value) is case.raises
            assert caught.value.code == case.code
            assert case.provider_code in (None, caught.value.provider_code)
            assert case.retry_after in (None, caught.value.retry_after)
    request = requests[0] if requests else None
    if case.body is not None:
        assert request is not None
        assert json.loads(request.content) == case.body
    if case.form is not None:
        assert request is not None
        values = parse_qs(request.content.decode(), keep_blank_values=True, strict_parsing=True)
        assert {name: found if len(found) > 1 else found[0] for name, found in values.items()} == case.form
    if case.headers:
        assert request is not None
        assert request.headers.items() >= {name.lower(): text for name, text in case.headers.items()}.items()
    if case.url is not None:
        assert request is not None
        assert str(request.url) == case.url
    return request


def content_of(case: Send) -> Json:
    return {} if case.content is None else {"content": case.content}


def replace_members(message: Message, members: Json) -> Message:
    """Validated again, unlike model_copy."""
    return Message.model_validate({**dict(message), **members})


# --- receiving -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Receive:
    """A callback: a fixture's name or JSON. `events` are all that must be in it; their `raw` is left out.

    The name of a fixture that is not JSON has its extension.
    """

    label: str
    body: str | Json
    events: Sequence[Event] = field(default_factory=list)


def received(provider: str, body: str | bytes | Json) -> list[Event]:
    """The events of a verified callback, without `raw`, which must be a part of what came in (as JSON)."""
    if isinstance(body, str):
        body = fixture(provider, body)
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    about = known(provider)
    hook = about.signed(payload)
    adapter(provider).verify(hook, about.account(provider))
    events = adapter(provider).events(adapter(provider).plain(hook, about.account(provider)))
    assert all(event.raw for event in events)
    if about.format == "json":
        assert all(is_within(event.raw, json.loads(payload)) for event in events)
    return [replace(event, raw={}) for event in events]


def is_within(part: object, whole: object) -> bool:
    if part == whole:
        return True
    if isinstance(whole, dict):
        return any(is_within(part, value) for value in whole.values())
    return isinstance(whole, list) and any(is_within(part, value) for value in whole)
