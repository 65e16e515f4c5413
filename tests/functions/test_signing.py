"""Every webhook proves where it comes from, to a receiver that checks either signature."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from vonage_jwt import verify_signature

from switchboard import clock, notifying, signing
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.cloud import API_KEY, SIGNATURE_SECRET

OLD, NEW = "the-old-secret-0123456789-0123456789", "the-new-secret-0123456789-0123456789"
AGREED = "0123456789abcdef0123456789abcdef"
BODY = '{"text":"Grüße 🚚"}'.encode()


def bearer(headers: dict[str, str]) -> str:
    scheme, _, token = headers["Authorization"].partition(" ")
    assert scheme == "Bearer"
    return token


def is_standard(body: bytes, headers: Any, secret: str) -> bool:
    """Whether the public library of Standard Webhooks is content."""
    try:
        Webhook(signing.standard(secret)).verify(body, dict(headers))
    except WebhookVerificationError:
        return False
    return True


@pytest.mark.parametrize("application", [None, "7f2c"])
def test_claims(application: str | None) -> None:
    moment = clock.now()
    headers = signing.headers(BODY, "e:1", moment, [NEW], "key", application)
    token = bearer(headers)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(token, NEW, ["HS256"])
    assert claims.pop("jti")
    assert claims == {
        "iat": int(moment.timestamp()),
        "iss": "Vonage",
        "payload_hash": hashlib.sha256(BODY).hexdigest(),
        "api_key": "key",
        **({"application_id": application} if application else {}),
    }
    assert headers["webhook-id"] == "e:1"
    assert headers["webhook-timestamp"] == str(int(moment.timestamp()))


@pytest.mark.parametrize(
    ("live", "by_jwt", "by_standard"),
    [
        pytest.param([OLD], {OLD}, {OLD}, id="one"),
        pytest.param([OLD, NEW], {OLD}, {OLD, NEW}, id="the new one is made"),
        pytest.param([NEW, OLD], {NEW}, {OLD, NEW}, id="promoted"),
        pytest.param([NEW], {NEW}, {NEW}, id="the old one is gone"),
    ],
)
def test_who_can_verify(live: list[str], by_jwt: set[str], by_standard: set[str]) -> None:
    headers = signing.headers(BODY, "e", clock.now(), live, "key", None)
    assert {secret for secret in (OLD, NEW) if verify_signature(bearer(headers), secret)} == by_jwt
    assert {secret for secret in (OLD, NEW) if is_standard(BODY, headers, secret)} == by_standard


CHANGED: dict[str, Callable[[bytes, dict[str, str]], tuple[bytes, dict[str, str]]]] = {
    "body": lambda body, headers: (body + b" ", headers),
    "id": lambda body, headers: (body, headers | {"webhook-id": "other"}),
    "moment": lambda body, headers: (
        body,
        headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
    ),
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_nothing_signed_can_be_changed(
    change: Callable[[bytes, dict[str, str]], tuple[bytes, dict[str, str]]],
) -> None:
    headers = signing.headers(BODY, "e", clock.now(), [NEW], "key", None)
    assert is_standard(BODY, headers, NEW)
    assert not is_standard(*change(BODY, headers), NEW)


def test_known_signature() -> None:
    """Worked out with `openssl dgst -sha256 -hmac`, not with our code."""
    moment = datetime.fromtimestamp(1_795_428_928, UTC)
    headers = signing.headers(b'{"a":1}', "id:read", moment, [AGREED], "key", None)
    assert headers["webhook-signature"] == "v1,oBvhCiv9j+J+T+/qoTSbIM2sMAEOTS3Mwb+WLIBLJ04="
    assert signing.standard(AGREED) == "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


# --- what is sent --------------------------------------------------------------------------------


@pytest.fixture
def told(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """The webhooks as they came, those that were refused too."""
    monkeypatch.setattr(notifying, "FIRST_PAUSE", 0)
    found: list[httpx.Request] = []
    answer = flow.world.client

    def take(request: httpx.Request) -> httpx.Response:
        found.append(request)
        return answer(request)

    flow.world.client = take
    return found


def check(request: httpx.Request, application: str | None) -> None:
    """As a receiver would, with both libraries."""
    token = request.headers["authorization"].removeprefix("Bearer ")
    assert verify_signature(token, SIGNATURE_SECRET)
    claims = jwt.decode(token, SIGNATURE_SECRET, ["HS256"])
    assert claims["payload_hash"] == hashlib.sha256(request.content).hexdigest()
    assert claims["api_key"] == API_KEY
    assert claims.get("application_id") == application
    assert is_standard(request.content, request.headers, SIGNATURE_SECRET)
    assert request.headers["webhook-id"] == request.headers["switchboard-event-id"]
    assert request.headers["content-type"] == "application/json"


def test_every_kind_of_webhook_is_signed(flow: Flow, told: list[httpx.Request]) -> None:
    dispatch = flow.dispatch(payloads.step("sms"))
    flow.receipt(flow.step_message(0))
    flow.until(flow.reports)
    flow.cloud.call("inbound", payloads.sns(INBOUND))
    flow.drain()
    bodies = [json.loads(request.content) for request in told]
    assert {body.get("status") for body in bodies} == {"submitted", "delivered", "completed", None}
    assert bodies[-1]["message"]["content"]["text"] == "Grüße 🚚"
    assert "Grüße 🚚".encode() in told[-1].content  # as JSON.stringify writes it
    for request in told:
        check(request, flow.app["id"])
    assert f"{dispatch}:report" in {request.headers["webhook-id"] for request in told}


INBOUND = {
    "originationNumber": "+447700900100",
    "destinationNumber": "+15550001111",
    "messageBody": "Grüße 🚚",
    "inboundMessageId": "in-1",
}


def test_without_an_application_none_is_named(flow: Flow, told: list[httpx.Request]) -> None:
    form = "drCallBackUrl=https%3A%2F%2Fclient.example%2Faccount"
    headers = payloads.basic() | {"Content-Type": "application/x-www-form-urlencoded"}
    assert flow.cloud.http("applications", "POST", "/account/settings", form, headers)[0] == 200
    flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), payloads.basic())
    flow.drain()
    [request] = told
    assert request.url.path == "/account"
    check(request, None)


def test_each_attempt_is_signed_anew_under_the_same_id(flow: Flow, told: list[httpx.Request]) -> None:
    answers = iter([503, 200])
    take = flow.world.client

    def busy(request: httpx.Request) -> httpx.Response:
        take(request)
        return httpx.Response(next(answers))

    flow.world.client = busy
    uuid = flow.send(payloads.text("sms"))
    flow.drain()
    first, second = told
    for request in told:
        check(request, flow.app["id"])
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == f"{uuid}:submitted"
    assert first.headers["authorization"] != second.headers["authorization"]


def test_a_receiver_with_a_password_gets_it(flow: Flow, told: list[httpx.Request]) -> None:
    """It asked for Basic credentials in the one header that there is; the other signature is there."""
    app = payloads.application(flow.cloud, status_url="https://user:pass@client.example/status")
    flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), app["bearer"])
    flow.drain()
    [request] = told
    assert request.headers["authorization"] == "Basic dXNlcjpwYXNz"
    assert is_standard(request.content, request.headers, SIGNATURE_SECRET)


def test_half_a_surrogate_pair_is_still_json() -> None:
    assert notifying._bytes({"text": "\ud83d é"}) == '{"text":"\\ud83d é"}'.encode()


BROKEN = {
    "no signature secret": ("signature", None),
    "it is no JSON": ("signature", "secret"),
    "it is empty": ("signature", "{}"),
    "no API key": ("account", "{}"),
}


@pytest.mark.parametrize(("name", "value"), BROKEN.values(), ids=BROKEN)
def test_never_unsigned(
    flow: Flow,
    told: list[httpx.Request],
    name: str,
    value: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What cannot be signed waits until it can."""
    secrets = flow.cloud.secrets
    good = secrets.get_secret_value(SecretId=name)["SecretString"]
    uuid = flow.send(payloads.text("sms"))
    flow.cloud.deliver()
    if value is None:
        secrets.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    else:
        secrets.put_secret_value(SecretId=name, SecretString=value)
    flow.cloud.load("notify")  # a new process: nothing is cached
    for _ in range(3):
        flow.cloud.notify()
    assert told == []
    assert "webhook that cannot be signed" in caplog.text
    assert flow.cloud.waiting("WebhooksQueue") == 1

    if value is None:
        secrets.create_secret(Name=name, SecretString=good)
    else:
        secrets.put_secret_value(SecretId=name, SecretString=good)
    flow.cloud.load("notify")
    flow.drain()
    assert flow.statuses(uuid) == ["submitted"]
    check(told[0], flow.app["id"])
