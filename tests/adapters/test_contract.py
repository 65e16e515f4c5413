"""What every adapter promises. A new one joins by its line in the registry."""

import json
import logging
import re
import subprocess
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from switchboard.adapters import REGISTRY, adapter, base
from switchboard.channels import CHANNELS, EVERY_TYPE
from switchboard.errors import (
    BadSignature,
    ConfigurationError,
    InvalidRequest,
    Rejected,
    SwitchboardError,
    Throttled,
    Unanswered,
    Unavailable,
)
from switchboard.failures import REASONS
from switchboard.models.events import Event, Hook, Receipt
from switchboard.models.messages import Channel, Content, Media, ViberOptions
from switchboard.settings import DEFAULT_PROVIDERS
from tests.adapters import rich
from tests.adapters.cases import (
    FIXTURES,
    UUID,
    Answer,
    Failed,
    content,
    fixture,
    known,
    replace_members,
    with_login,
)

pytestmark = pytest.mark.parametrize("provider", REGISTRY)

NOT_JSON = b"\xff\x00 not JSON at all"


def send(provider: str, answer: Answer, **members: Any) -> str:
    about = known(provider)
    base.forget_tokens()
    with httpx.Client(transport=httpx.MockTransport(with_login(about, answer))) as client:
        return adapter(provider).send(about.message, about.account(provider, **members), client)


def answering(status: int, **members: Any) -> Answer:
    return lambda request: httpx.Response(status, **members)


def losing(error: type[httpx.TransportError]) -> Answer:
    def lose(request: httpx.Request) -> httpx.Response:
        raise error("lost", request=request)

    return lose


# --- what it is ------------------------------------------------------------------------------------


def test_is_registered_under_its_own_name(provider: str) -> None:
    assert adapter(provider).name == provider
    assert adapter(provider) is adapter(provider)


def test_channels_are_ours(provider: str) -> None:
    assert adapter(provider).channels
    assert adapter(provider).channels <= set(Channel)


def test_codes_are_of_the_public_list(provider: str) -> None:
    module = vars(import_module(REGISTRY[provider].partition(":")[0]))
    tables = [table for table in module.values() if isinstance(table, dict) and table]
    pairs = [entry for table in tables for entry in table.values() if isinstance(entry, tuple)]
    for kind, code in pairs:
        assert issubclass(kind, SwitchboardError)
        assert code in REASONS


def test_import_is_light(provider: str) -> None:
    module = REGISTRY[provider].partition(":")[0]
    check = f"import sys, {module}; sys.exit(any(name in sys.modules for name in ('botocore', 'boto3')))"
    path = str(import_module("switchboard").__path__[0]).removesuffix("switchboard")
    assert (
        subprocess.run([sys.executable, "-c", check], env={"PYTHONPATH": path}, check=False).returncode == 0
    )


# --- sending ---------------------------------------------------------------------------------------


def test_every_request_carries_our_id(provider: str) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=fixture(provider, "accepted"))

    assert send(provider, answer)
    assert len(requests) == 1
    if adapter(provider).echoes or adapter(provider).deduplicates:
        (request,) = requests
        assert UUID in f"{request.url} {request.headers} {request.content.decode()}"


def contents(address: str) -> Mapping[str, Content]:
    """One of every type; its media is at an address."""
    members: dict[str, Any] = {
        "text": {"text": "Hello"},
        **{kind: {"url": address} for kind in ("image", "audio", "file", "vcard", "sticker")},
        "video": {"url": address, "thumbnail_url": address},
        "location": {"latitude": 51.5, "longitude": -0.125},
        "reaction": {"emoji": "👍"},
        "content": {"items": [{"type": "image", "url": address}]},
        "card": {"card": {**rich.FULL, "media_url": address}},
        "carousel": {"cards": [rich.PLAIN, rich.FULL]},
        "template": {"name": "hello"},
        "custom": {"custom": {"type": "text", "text": {"body": "Hello"}}},
    }
    return {kind: content(kind, **given) for kind, given in members.items()}


OF_VIDEOS = ViberOptions(duration=9, file_size=3)


def carried(provider: str, channel: Channel) -> dict[str, bool]:
    """Which types of content a provider makes a request of: all others it must reject in so many words.
    Media that is handed over in another form is not tried."""
    ours, about = adapter(provider), known(provider)
    numbers = {"phone_number_ids": {about.message.sender: "phone-number-id-1"}}
    account = replace(about.account(provider, **numbers), token="ACCESS-1")
    found = {}
    for kind, what in contents("https://shop.example/a").items():
        told = {"channel": channel, "content": what, "reply_to": "1", "viber": OF_VIDEOS}
        message = replace_members(about.message, told)
        if ours.media_by(message) == "bytes" and isinstance(what, Media):
            continue
        if ours.media_by(message) == "s3":
            message = message.model_copy(update={"content": contents("s3://bucket/a")[kind]})
        with suppress(Rejected):
            found[kind] = False
            found[kind] = isinstance(ours.request(message, account), httpx.Request)
    return found


def test_every_type_of_content_is_sent_or_rejected(provider: str) -> None:
    assert set(contents("")) == set(EVERY_TYPE)
    for channel in adapter(provider).channels:
        assert carried(provider, channel)["text"]


def test_what_a_channel_has_its_default_provider_carries(provider: str) -> None:
    for channel in adapter(provider).channels:
        if DEFAULT_PROVIDERS[channel] == provider:
            found = carried(provider, channel)
            lacking = [kind for kind in CHANNELS[channel].types if found.get(kind) is False]
            assert lacking == [], channel


MEANINGS: Mapping[str, tuple[Answer, Failed, int, float | None]] = {
    "400": (answering(400), Rejected, 1020, None),
    "401": (answering(401), ConfigurationError, 1370, None),
    "403": (answering(403), ConfigurationError, 1370, None),
    "429": (answering(429), Throttled, 1000, None),
    "429 with a pause": (answering(429, headers={"Retry-After": "7"}), Throttled, 1000, 7),
    "429 with a date": (
        answering(429, headers={"Retry-After": "Wed, 25 Nov 2026 09:00:00 GMT"}),
        Throttled,
        1000,
        None,
    ),
    "500": (answering(500, text="oops"), Unavailable, 1331, None),
    "503 with a pause": (answering(503, headers={"Retry-After": "2.5"}), Unavailable, 1331, 2.5),
    "error that is no object": (answering(500, json=["error"]), Unavailable, 1331, None),
    "error of odd shape": (answering(500, json={"error": "x", "__type": 7}), Unavailable, 1331, None),
    "200 that says nothing": (answering(200, text="<html>"), Unanswered, 1331, None),
    "200 of odd shape": (answering(200, json={"messages": "x", "MessageId": None}), Unanswered, 1331, None),
    "never connected": (losing(httpx.ConnectError), Unavailable, 1331, None),
    "connecting took too long": (losing(httpx.ConnectTimeout), Unavailable, 1331, None),
    "no answer": (losing(httpx.ReadTimeout), Unanswered, 1331, None),
    "connection lost": (losing(httpx.RemoteProtocolError), Unanswered, 1331, None),
}
WORDLESS = [MEANINGS[name][0] for name in ("200 that says nothing", "200 of odd shape")]
"""Answers that take a message all the same, where any 200 does."""


@pytest.mark.parametrize(("answer", "error", "code", "pause"), MEANINGS.values(), ids=list(MEANINGS))
def test_outcomes(provider: str, answer: Answer, error: Failed, code: int, pause: float | None) -> None:
    if answer in WORDLESS and known(provider).answers_nothing:
        assert send(provider, answer)
        return
    with pytest.raises(error) as caught:
        send(provider, answer)
    assert type(caught.value) is error
    assert (caught.value.code, caught.value.retry_after) == (code, pause)


# --- callbacks -------------------------------------------------------------------------------------


def events_of(provider: str, hook: Hook) -> list[Event]:
    """The events of a callback that was verified."""
    return adapter(provider).events(adapter(provider).plain(hook, known(provider).account(provider)))


def believes(provider: str, hook: Hook) -> bool:
    try:
        adapter(provider).verify(hook, known(provider).account(provider))
    except BadSignature:
        return False
    return True


def test_a_forged_callback_is_refused_before_it_is_read(provider: str) -> None:
    about = known(provider)
    for body in (NOT_JSON, b"", fixture(provider, about.batch)):
        believed = [name for name, hook in about.forged(body).items() if believes(provider, hook)]
        assert believed == []


def test_a_true_callback_is_believed_whatever_it_holds(provider: str) -> None:
    about = known(provider)
    for body in (NOT_JSON, b"", fixture(provider, about.batch)):
        assert believes(provider, about.signed(body))


def test_an_empty_secret_proves_nothing(provider: str) -> None:
    about = known(provider)
    if about.secret is None:
        pytest.skip("has no secret to check against")
    for value in ("", " "):
        account = about.account(provider, **{about.secret: value})
        for hook in (Hook(b"{}"), Hook(b"{}", query={"token": value}), *about.forged(b"{}").values()):
            with pytest.raises(ConfigurationError):
                adapter(provider).verify(hook, account)


def test_a_batch_yields_every_event(provider: str) -> None:
    about = known(provider)
    events = events_of(provider, about.signed(fixture(provider, about.batch)))
    assert len(events) == about.events
    assert all(event.raw for event in events)


def test_an_unknown_status_survives(provider: str) -> None:
    about = known(provider)
    unknown = about.unknown if isinstance(about.unknown, bytes) else json.dumps(about.unknown).encode()
    if not about.unknown:
        pytest.skip("its events have no status words")
    (event,) = events_of(provider, about.signed(unknown))
    assert isinstance(event, Receipt)
    assert event.status is None
    assert event.failure is None
    assert event.message_uuid == UUID or (event.provider_id and not adapter(provider).echoes)
    assert event.raw


@pytest.mark.parametrize(
    "body",
    [
        NOT_JSON,
        b"",
        b"[]",
        b'"text"',
        b"null",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"a": 1' + b"0" * 5000 + b"}",
    ],
    ids=["bytes", "nothing", "list", "text", "null", "NaN", "deep", "huge number"],
)
def test_a_callback_that_is_no_json_object_is_no_silence(provider: str, body: bytes) -> None:
    if known(provider).format != "json":
        pytest.skip("is not JSON anyway")
    with pytest.raises(InvalidRequest) as caught:
        events_of(provider, known(provider).signed(body))
    assert [fault.name for fault in caught.value.faults] == ["body"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["1795600000", "10" * 40, UUID, "text", "image", "\ud83d", 10**400, 1e308, -1, [], {}]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


ODD = [b"", b"0", b"-1", b"1" * 400, b"event", b"text", b"\xc3\xbc", b"&amp;", b"<![CDATA[x]]>", b"<a/>"]


def callbacks(provider: str) -> list[bytes]:
    """The fixtures that have events."""
    bodies = [fixture(provider, path.name) for path in sorted((FIXTURES / provider).iterdir())]
    found = []
    for body in bodies:
        with suppress(InvalidRequest):  # answers need not be written as callbacks are
            if events_of(provider, known(provider).signed(body)):
                found.append(body)
    return found


def places(value: object) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    keys: list[Any] = list(value) if isinstance(value, dict) else []
    if isinstance(value, list):
        keys = list(range(len(value)))
    found = [(value, key) for key in keys]
    for key in keys:
        found += places(value[key])  # type: ignore[index]
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_odd_value_in_a_callback_is_an_error(provider: str, data: st.DataObject) -> None:
    body = data.draw(st.sampled_from(callbacks(provider)))
    if known(provider).format == "form":
        pairs = [(name, data.draw(st.text(max_size=20))) for name, _ in parse_qsl(body.decode())]
        events_of(provider, known(provider).signed(urlencode(pairs).encode()))
        return
    if known(provider).format == "xml":
        words = re.sub(rb">[^<>]+<", lambda _: b">" + data.draw(st.sampled_from(ODD)) + b"<", body)
        events_of(provider, known(provider).signed(words))
        return
    payload = json.loads(body)
    spots = places(payload)
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(spots))
        container[key] = data.draw(JSON)
    events = events_of(provider, known(provider).signed(json.dumps(payload).encode()))
    for event in events:
        json.dumps(event.raw, ensure_ascii=False).encode()  # can be stored and passed on


# --- secrets ---------------------------------------------------------------------------------------


def test_secrets_stay_out_of_logs_and_errors(provider: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    about = known(provider)
    account = about.account(provider)
    seen = [repr(account), str(account)]
    for answer, *_ in MEANINGS.values():
        try:
            send(provider, answer)
        except SwitchboardError as error:
            seen += [repr(error), str(error), *traceback.format_exception(error)]
    for hook in about.forged(b"{}").values():
        with pytest.raises(SwitchboardError) as caught:
            adapter(provider).verify(hook, account)
        seen += [repr(caught.value), *traceback.format_exception(caught.value)]
    send(provider, answering(200, content=fixture(provider, "accepted")))
    written = "\n".join([*seen, caplog.text])
    assert adapter(provider).secrets
    for name in adapter(provider).secrets:
        assert account[name] not in written, name
    assert about.message.recipient not in written
