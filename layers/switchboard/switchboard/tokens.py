"""Application tokens: RS256 JWTs signed with the application's private key.

Claims: `application_id`, `iat` and `jti` are required. Without `exp` a token lives 15 minutes from `iat`;
one that names a time further off than 24 hours ends there.
"""

import base64
import json
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jwt

from switchboard.errors import BadToken

if TYPE_CHECKING:
    from jwt.algorithms import AllowedPublicKeys

DEFAULT_SECONDS = 15 * 60
LONGEST_SECONDS = 24 * 3600
LEEWAY_SECONDS = 30
"""How far a client's clock may be ahead of ours."""

_LONGEST_ID = 64
_REMEMBERED = 1000
_OURS = {f"verify_{claim}": False for claim in ("exp", "iat", "nbf", "aud", "iss", "sub", "jti")}


def application_id(token: str) -> str:
    """The application that a token claims to be of, unproven. BadToken if it is no such token."""
    try:
        _, body, _ = token.split(".")
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        claimed = claims["application_id"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadToken from error
    if not isinstance(claimed, str) or not claimed.isascii() or not 0 < len(claimed) <= _LONGEST_ID:
        raise BadToken
    return claimed


def check(token: str, public_key: str, now: datetime) -> None:
    """BadToken unless the token was signed with the key's other half and is valid now."""
    try:
        found = jwt.decode_complete(token, _key(public_key), algorithms=["RS256"], options=_OURS)  # type: ignore[arg-type]
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise BadToken from error
    claims: dict[str, Any] = found["payload"]
    if str(found["header"].get("typ")).upper() != "JWT":
        raise BadToken
    issued = _number(claims.get("iat"))
    jti = claims.get("jti")
    if issued is None or not isinstance(jti, str) or not jti:
        raise BadToken
    expires = issued + DEFAULT_SECONDS
    if "exp" in claims:
        named = _number(claims["exp"])
        if named is None:
            raise BadToken
        expires = min(named, issued + LONGEST_SECONDS)
    not_before = _number(claims.get("nbf", issued))
    if not_before is None:
        raise BadToken
    moment = now.timestamp()
    if max(issued, not_before) > moment + LEEWAY_SECONDS or moment >= expires:
        raise BadToken


@lru_cache(_REMEMBERED)
def _key(pem: str) -> "AllowedPublicKeys":
    """Read once: that takes as long as the check of a signature."""
    from jwt.algorithms import RSAAlgorithm

    try:
        return RSAAlgorithm(RSAAlgorithm.SHA256).prepare_key(pem)  # type: ignore[return-value]
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise BadToken from error


def _number(value: object) -> float | None:
    """A plain JSON number; booleans, strings, infinities and NaN are none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= 1e12:
        return None
    return float(value)
