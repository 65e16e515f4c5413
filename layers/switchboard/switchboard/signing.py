"""The signatures of a webhook. Pure: bytes, names and secrets in, headers out.

Each webhook is signed twice, and a receiver checks either:
- as Vonage signs (Authorization: Bearer): a JWT, HS256, with the body's SHA-256 among its claims. It bears
  one signature only, by the secret that signs now;
- by Standard Webhooks 1.0 (webhook-id, -timestamp, -signature), with one signature for each live secret.
Both use the same bytes of a secret as their key.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import uuid4

ISSUER = "Vonage"
"""What receivers were told to look for."""
PREFIX = "whsec_"
_HEADER = {"typ": "JWT", "alg": "HS256"}


def headers(
    body: bytes,
    event_id: str,
    moment: datetime,
    secrets: Sequence[str],
    api_key: str,
    application_id: str | None,
) -> dict[str, str]:
    """The headers that prove one attempt to deliver `body`, which must be sent byte for byte.

    event_id  the same at every attempt; `moment` is this one's
    secrets   those that are live; the first signs the JWT. At least one.
    """
    seconds = int(moment.timestamp())
    claims: dict[str, str | int] = {
        "iat": seconds,
        "jti": str(uuid4()),
        "iss": ISSUER,
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": api_key,
    }
    if application_id is not None:
        claims["application_id"] = application_id
    signed = f"{event_id}.{seconds}.".encode() + body
    signatures = (hmac.digest(secret.encode(), signed, "sha256") for secret in secrets)
    return {
        "Authorization": f"Bearer {_jwt(claims, secrets[0].encode())}",
        "webhook-id": event_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }


def _jwt(claims: Mapping[str, str | int], key: bytes) -> str:
    """HS256 (RFC 7515, appendix A.1). PyJWT would import all of RSA for it, a tenth of a cold start."""
    signed = f"{_segment(_HEADER)}.{_segment(claims)}"
    return f"{signed}.{_base64url(hmac.digest(key, signed.encode(), 'sha256'))}"


def _segment(values: Mapping[str, str | int]) -> str:
    return _base64url(json.dumps(values, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def standard(secret: str) -> str:
    """A secret as libraries of Standard Webhooks take it."""
    return PREFIX + base64.b64encode(secret.encode()).decode()
