"""The wire shapes of the account's secrets: /accounts/{api_key}/secrets as Vonage has it, and beside it
/accounts/{api_key}/signature-secrets, which is ours.

An API secret is put as {"secret"} and never shown. A signature secret may be put as {"secret"}, else it is
made here; either way the answer shows it once, as "secret" and as "standard_webhooks_secret".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from switchboard import signing
from switchboard.models.faults import Faults
from switchboard.models.frozen import LAZY

_COMPLEX = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9])[!-~]{8,25}")
_PLAIN = re.compile(r"[!-~]{8,128}")
_STRING: TypeAdapter[str] = TypeAdapter(Annotated[str, Field(strict=True)], config=LAZY)


@dataclass(frozen=True)
class ShownSecret:
    """What may be known of a secret."""

    id: str
    created_at: str


@dataclass(frozen=True)
class ShownSignatureSecret(ShownSecret):
    state: Literal["current", "next", "previous"]
    """The current one signs the JWT; of the others, it is to come or has been."""


def api_secret(body: object) -> str:
    """Vonage's rules, and only what every client can send: printable ASCII. InvalidRequest otherwise."""
    return _secret(body, _COMPLEX, "Does not meet complexity requirements")


def signature_secret(body: object) -> str | None:
    """None when we are to make one. Another system's may come along, as long as it is text."""
    if body == {}:
        return None
    return _secret(body, _PLAIN, "must be 8 to 128 printable ASCII characters, without spaces")


def _secret(body: object, rule: re.Pattern[str], reason: str) -> str:
    faults = Faults()
    root = faults.object(body, "body", "must be a JSON object")
    faults.check()
    assert root is not None
    secret = None
    if "secret" not in root:
        faults.add("secret", "is required")
    else:
        secret = faults.read(_STRING, root["secret"], "secret")
    if secret is not None and not rule.fullmatch(secret):
        faults.add("secret", reason)
    faults.check()
    assert secret is not None
    return secret


def answer(api_key: str, secret: ShownSecret) -> dict[str, Any]:
    return _shown(f"/accounts/{api_key}/secrets", secret)


def answer_list(api_key: str, secrets: Sequence[ShownSecret]) -> dict[str, Any]:
    return _list(f"/accounts/{api_key}/secrets", "secrets", secrets)


def signature_answer(api_key: str, secret: ShownSignatureSecret, value: str | None = None) -> dict[str, Any]:
    """`value` is shown once, to whoever made it."""
    body = _shown(f"/accounts/{api_key}/signature-secrets", secret)
    if value is not None:
        body |= {"secret": value, "standard_webhooks_secret": signing.standard(value)}
    return body


def signature_list(api_key: str, secrets: Sequence[ShownSignatureSecret]) -> dict[str, Any]:
    return _list(f"/accounts/{api_key}/signature-secrets", "signature_secrets", secrets)


def _shown(path: str, secret: ShownSecret) -> dict[str, Any]:
    body = {
        "_links": {"self": {"href": f"{path}/{secret.id}"}},
        "id": secret.id,
        "created_at": secret.created_at,
    }
    if isinstance(secret, ShownSignatureSecret):
        body["state"] = secret.state
    return body


def _list(path: str, name: str, secrets: Sequence[ShownSecret]) -> dict[str, Any]:
    return {
        "_links": {"self": {"href": path}},
        "_embedded": {name: [_shown(path, secret) for secret in secrets]},
    }
