"""Whether a webhook came from the API: both of its signatures, with the account's signature secret.

Vonage's: `Authorization: Bearer <JWT>`, HS256, with the body's SHA-256 as the claim payload_hash.
Standard Webhooks': webhook-id, webhook-timestamp and webhook-signature; its secret begins with whsec_.
"""

import base64
import binascii
import hashlib
import hmac
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import jwt
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

TOLERANCE = 300
"""Seconds that a signature may be old, or ahead of our clock."""
_PREFIX = "whsec_"

# Whether a secret is long enough is for who chose it; we only check what it signed.
warnings.filterwarnings("ignore", category=jwt.InsecureKeyLengthWarning)


@dataclass(frozen=True)
class Verdict:
    kind: Literal["signed", "unsigned", "bad signature", "not checked"]
    detail: str = ""
    """By which signature, or what is wrong with it."""


class _Bad(Exception):
    """The reason."""


def judge(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Verdict:
    """`headers` by names in lower case. One signature that is right is proof: nobody else can make it."""
    checks: dict[str, Callable[[Mapping[str, str], bytes, Sequence[str]], None]] = {}
    if headers.get("authorization", "").lower().startswith("bearer "):
        checks["JWT"] = _check_token
    if "webhook-signature" in headers:
        checks["Standard Webhooks"] = _check_standard
    if not checks:
        return Verdict("unsigned")
    if not secrets:
        return Verdict("not checked", "no --secret given")
    good, bad = [], []
    for name, check in checks.items():
        try:
            check(headers, body, secrets)
            good.append(name)
        except _Bad as error:
            bad.append(f"{name}: {error}")
    return Verdict("signed", ", ".join(good)) if good else Verdict("bad signature", "; ".join(bad))


def _check_token(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    token = headers["authorization"][len("bearer ") :].strip()
    claims = None
    for key in [key for secret in secrets for key in _token_keys(secret)]:
        try:
            options = {
                f"verify_{claim}": False for claim in ("iat", "exp", "nbf", "aud", "iss", "sub", "jti")
            }
            claims = jwt.decode(token, key, algorithms=["HS256"], options=options)  # type: ignore[arg-type]
            break
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise _Bad(f"no token ({error})") from error
    if claims is None:
        raise _Bad("signed with another secret")
    if not hmac.compare_digest(
        str(claims.get("payload_hash")).encode(), hashlib.sha256(body).hexdigest().encode()
    ):
        raise _Bad("the body is not the one that was signed")
    issued = claims.get("iat")
    if not isinstance(issued, int | float) or abs(time.time() - issued) > TOLERANCE:
        raise _Bad("signed too long ago")


def _check_standard(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    reason = "signed with another secret"
    for secret in secrets:
        try:
            Webhook(_standard_key(secret)).verify(body, dict(headers), json_parse=False)
            return
        except WebhookVerificationError as error:
            if str(error) != "No matching signature found":
                reason = str(error)
        except (ValueError, RuntimeError) as error:  # also of a signature that is no base64
            reason = str(error) or "malformed"
    raise _Bad(reason)


def _token_keys(secret: str) -> list[bytes]:
    """A secret may be given in the form of the other kind of signature."""
    keys = [secret.encode()]
    if secret.startswith(_PREFIX):
        keys.append(_standard_key(secret))
    return keys


def _standard_key(secret: str) -> bytes:
    if not secret.startswith(_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret[len(_PREFIX) :] + "==")
    except binascii.Error:
        return secret.encode()
