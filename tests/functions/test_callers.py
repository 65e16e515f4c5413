"""Who is let in, and the documented 401 for everybody else."""

import base64
import json
import time
from typing import Any

import jwt
import pytest

from tests.functions.flows import Flow
from tests.support import payloads

NOW = int(time.time())
"""When the tests were collected: minutes ago by the time that the last of them runs."""
INVALID_TOKEN = {"title": "Unauthorised", "detail": "Invalid Token"}
WRONG_KEY = {
    "type": "https://developer.nexmo.com/api-errors#unauthorized",
    "title": "Unauthorized",
    "detail": "You did not provide correct credentials.",
}


def attempt(flow: Flow, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    status, answer = flow.cloud.http("send", "POST", "/v0.1/messages", payloads.text("sms"), headers)
    answer.pop("instance", None)
    return status, answer


CLAIMS_TAKEN: dict[str, dict[str, Any]] = {
    "no exp": {},
    "no exp, 8 minutes old": {"iat": NOW - 8 * 60},
    "exp": {"exp": NOW + 3600},
    "exp in a year": {"exp": NOW + 365 * 86_400},
    "exp in a year, 23 hours old": {"iat": NOW - 23 * 3600, "exp": NOW + 365 * 86_400},
    "sub and acl": {"sub": "user", "acl": {"paths": {"/**": {}}}},
    "fractions of seconds": {"iat": NOW - 0.5, "exp": NOW + 3600.25},
    "nbf in the past": {"nbf": NOW - 10},
    "clock a little ahead": {"iat": NOW + 10},
}

CLAIMS_REFUSED: dict[str, dict[str, Any]] = {
    "no exp, 16 minutes old": {"iat": NOW - 16 * 60},
    "expired": {"iat": NOW - 60, "exp": NOW - 1},
    "exp in a year, 25 hours old": {"iat": NOW - 25 * 3600, "exp": NOW + 365 * 86_400},
    "from the future": {"iat": NOW + 7200},
    "nbf in the future": {"nbf": NOW + 7200},
    "no iat": {"iat": None},
    "no jti": {"jti": None},
    "no application_id": {"application_id": None},
    "unknown application": {"application_id": "6f3ad1d6-8f3a-4a40-9d4e-0a6a2c8f3f10"},
    "iat is text": {"iat": str(NOW)},
    "iat is true": {"iat": True},
    "iat is huge": {"iat": 1e300},
    "exp is text": {"exp": "later"},
    "jti is a number": {"jti": 7},
    "application_id is a list": {"application_id": ["x"]},
    "application_id is long": {"application_id": "x" * 5000},
}


@pytest.mark.parametrize("claims", CLAIMS_TAKEN.values(), ids=CLAIMS_TAKEN)
def test_token_taken(flow: Flow, claims: dict[str, Any]) -> None:
    assert attempt(flow, payloads.bearer(flow.app, **claims))[0] == 202


@pytest.mark.parametrize("claims", CLAIMS_REFUSED.values(), ids=CLAIMS_REFUSED)
def test_token_refused(flow: Flow, claims: dict[str, Any]) -> None:
    assert attempt(flow, payloads.bearer(flow.app, **claims)) == (401, INVALID_TOKEN)


def forged(flow: Flow, kind: str) -> str:
    claims = {"application_id": flow.app["id"], "iat": NOW, "jti": "j"}
    if kind == "none":
        return jwt.encode(claims, None, "none")  # type: ignore[arg-type]
    if kind == "HS256 with the public key":
        segments = [
            base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
            for part in ({"alg": "HS256", "typ": "JWT"}, claims)
        ]
        key = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        signature = key.sign(".".join(segments).encode(), flow.app["keys"]["public_key"].encode())
        return ".".join([*segments, base64.urlsafe_b64encode(signature).rstrip(b"=").decode()])
    good = payloads.bearer(flow.app)["Authorization"].removeprefix("Bearer ")
    if kind == "another application's key":
        other = payloads.application(flow.cloud)
        return payloads.bearer(other, application_id=flow.app["id"])["Authorization"].removeprefix("Bearer ")
    if kind == "changed claims":
        head, _, signature_text = good.split(".")
        body = base64.urlsafe_b64encode(json.dumps(claims | {"exp": NOW + 9}).encode()).rstrip(b"=").decode()
        return f"{head}.{body}.{signature_text}"
    return {"cut off": good[:-9], "rubbish": "a.b.c", "empty": "", "huge": "x" * 100_000}[kind]


@pytest.mark.parametrize(
    "kind",
    ["none", "HS256 with the public key", "another application's key", "changed claims", "cut off", "rubbish",
     "empty", "huge"],
)  # fmt: skip
def test_forgery_refused(flow: Flow, kind: str) -> None:
    assert attempt(flow, {"Authorization": f"Bearer {forged(flow, kind)}"}) == (401, INVALID_TOKEN)


def test_a_token_is_of_type_jwt(flow: Flow) -> None:
    claims = {"application_id": flow.app["id"], "iat": NOW, "jti": "j", "exp": NOW + 3600}
    for headers, status in (({}, 202), ({"typ": "jwt"}, 202), ({"typ": None}, 401), ({"typ": "at+jwt"}, 401)):
        token = jwt.encode(claims, flow.app["keys"]["private_key"], "RS256", headers)
        assert attempt(flow, {"Authorization": f"Bearer {token}"})[0] == status


def test_deleted_applications_token_refused(flow: Flow) -> None:
    path = f"/v2/applications/{flow.app['id']}"
    assert flow.cloud.http("applications", "DELETE", path, headers=payloads.basic())[0] == 204
    assert attempt(flow, flow.app["bearer"]) == (401, INVALID_TOKEN)


HEADERS: dict[str, tuple[dict[str, str], int, dict[str, Any]]] = {
    "none": ({}, 401, {"title": "Unauthorised", "detail": "Request header 'Authorization' missing"}),
    "unknown scheme": ({"Authorization": "Digest x"}, 401, INVALID_TOKEN),
    "no scheme": ({"Authorization": "x"}, 401, INVALID_TOKEN),
    "wrong secret": (payloads.basic(secret="x"), 401, WRONG_KEY),
    "wrong key": (payloads.basic(key="x"), 401, WRONG_KEY),
    "not base64": ({"Authorization": "Basic ???"}, 401, WRONG_KEY),
    "no colon": ({"Authorization": "Basic eA=="}, 401, WRONG_KEY),
}


@pytest.mark.parametrize(("headers", "status", "answer"), HEADERS.values(), ids=HEADERS)
def test_header(flow: Flow, headers: dict[str, str], status: int, answer: dict[str, Any]) -> None:
    assert attempt(flow, headers) == (status, answer)
    assert flow.world.sent == []


def test_key_and_secret_taken(flow: Flow) -> None:
    assert attempt(flow, payloads.basic())[0] == 202
    assert (
        attempt(flow, {"authorization": payloads.basic()["Authorization"].replace("Basic", "basic")})[0]
        == 202
    )
