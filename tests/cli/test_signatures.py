"""Our own webhooks are told from others': by what signs them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from switchboard import signing
from switchboard_cli import signatures

BODY = '{"status":"delivered","name":"Zoë"}'.encode()
SECRET, OTHER = "the-account-s-own-signature-secret", "another-account-s-signature-secret"
Headers = dict[str, str]


def signed(*secrets: str, ago: float = 0, body: bytes = BODY) -> Headers:
    moment = datetime.now(UTC) - timedelta(seconds=ago)
    found = signing.headers(body, "evt_1", moment, secrets or (SECRET,), "localkey", "an-app")
    return {name.lower(): value for name, value in found.items()}


def only(headers: Headers, *names: str) -> Headers:
    return {name: headers[name] for name in names}


STANDARD = ("webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(frozen=True)
class Case:
    label: str
    headers: Callable[[], Headers]
    kind: str
    detail: str = ""
    secrets: tuple[str, ...] = (SECRET,)
    body: bytes = BODY


CASES = [
    Case("both", signed, "signed", "JWT, Standard Webhooks"),
    Case("Vonage's", lambda: only(signed(), "authorization"), "signed", "JWT"),
    Case("Standard Webhooks'", lambda: only(signed(), *STANDARD), "signed", "Standard Webhooks"),
    Case(
        "by the secret in its other form",
        signed,
        "signed",
        "JWT, Standard Webhooks",
        (signing.standard(SECRET),),
    ),
    Case("by the next secret", lambda: signed(OTHER, SECRET), "signed", "Standard Webhooks"),
    Case("one of two is ours", signed, "signed", "JWT, Standard Webhooks", (OTHER, SECRET)),
    Case("none", dict, "unsigned"),
    Case("a key and secret", lambda: {"authorization": "Basic abc"}, "unsigned"),
    Case("no secret to check with", signed, "not checked", "no --secret", ()),
    Case("another's", lambda: signed(OTHER), "bad signature", "another secret"),
    Case("another body", signed, "bad signature", "not the one that was signed", body=BODY + b" "),
    Case("old", lambda: signed(ago=signatures.TOLERANCE + 60), "bad signature", "too long ago"),
    Case("ahead", lambda: signed(ago=-signatures.TOLERANCE - 60), "bad signature", "too new"),
    Case("no token", lambda: {"authorization": "Bearer abc"}, "bad signature", "no token"),
    Case(
        "no number",
        lambda: {**only(signed(), *STANDARD), "webhook-timestamp": "x"},
        "bad signature",
        "Invalid",
    ),
    Case("no base64", lambda: {**only(signed(), *STANDARD), "webhook-signature": "v1,!"}, "bad signature"),
    Case("no comma", lambda: {**only(signed(), *STANDARD), "webhook-signature": "v1"}, "bad signature"),
    Case("no id", lambda: only(signed(), *STANDARD[1:]), "bad signature", "Missing"),
    Case("no text", lambda: only(signed(body=b"\xff"), *STANDARD), "bad signature", body=b"\xff"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_judge(case: Case) -> None:
    verdict = signatures.judge(case.headers(), case.body, case.secrets)
    assert verdict.kind == case.kind, verdict
    assert case.detail in verdict.detail


def test_a_token_of_another_algorithm_is_bad() -> None:
    none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJpYXQiOjF9."
    assert signatures.judge({"authorization": f"Bearer {none}"}, BODY, [SECRET]).kind == "bad signature"
