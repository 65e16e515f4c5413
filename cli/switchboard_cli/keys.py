"""RSA keys, and the tokens that applications sign with them."""

import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from switchboard_cli.errors import usage
from switchboard_cli.files import read_text

DEFAULT_SECONDS = 900
"""How long a token lives of which nobody said so."""
_OWN_SECONDS = 300


def private_key(path: Path) -> str:
    """PEM, checked."""
    pem = read_text(path.expanduser(), "key file")
    _loaded(pem, str(path))
    return pem


def public_key(path: Path) -> str:
    pem = read_text(path.expanduser(), "public key file")
    try:
        load_pem_public_key(pem.encode())
    except ValueError as error:
        raise usage(
            f"{path} is no public key in PEM", f"openssl rsa -in private.key -pubout > {path}"
        ) from error
    return pem


def belong_together(private: str, public: str) -> bool:
    try:
        theirs = load_pem_public_key(public.encode())
    except ValueError:
        return False
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return _loaded(private, "the key").public_key().public_bytes(*form) == theirs.public_bytes(*form)


def token(app_id: str, key: str, claims: Mapping[str, Any] | None = None, seconds: int = _OWN_SECONDS) -> str:
    """RS256. `claims` come on top of application_id, iat, exp and jti, and win over them."""
    now = int(time.time())
    given = dict(claims or {})
    begins = given.get("iat", now)
    payload = {
        "application_id": app_id,
        "iat": begins,
        "exp": begins + seconds,
        "jti": str(uuid.uuid4()),
        **given,
    }
    return jwt.encode(payload, _loaded(key, "the private key"), algorithm="RS256")


def _loaded(pem: str, what: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise usage(f"{what} is no private key in PEM (or has a password)") from error
    if not isinstance(key, RSAPrivateKey):
        raise usage(f"{what} is no RSA key")
    return key
