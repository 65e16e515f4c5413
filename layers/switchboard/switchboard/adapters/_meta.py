"""What WhatsApp and Messenger share: Meta's Graph API and its webhooks.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from switchboard.adapters import _http
from switchboard.adapters._reading import answer, integer, mapping, secret
from switchboard.adapters.base import Account
from switchboard.errors import BadSignature
from switchboard.models.events import Hook

if TYPE_CHECKING:
    import httpx

BASE_URL = "https://graph.facebook.com/v26.0"
SECRETS = ("access_token", "app_secret", "verify_token")


NO_SUCH_OBJECT = (100, 33)
"""Code and subcode for an id that does not exist, or that this token may not see."""


def authorization(account: Account) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret(account, 'access_token')}"}


def get(account: Account, *path: str, **query: str) -> httpx.Request:
    """A question about an object, or about what it has."""
    return _http.request("GET", address(account, *path), headers=authorization(account), params=query)


def post(account: Account, *path: str, body: Mapping[str, Any]) -> httpx.Request:
    return _http.request("POST", address(account, *path), headers=authorization(account), json=body)


def address(account: Account, *path: str) -> str:
    """The first part is an object's id: a page, a phone number, a business account or media."""
    return "/".join((account.base_url(BASE_URL), *(quote(part, safe="") for part in path)))


def error_codes(reply: httpx.Response) -> tuple[int | None, int | None]:
    """`code` and `error_subcode` of an error answer."""
    error = mapping(answer(reply).get("error"))
    return integer(error.get("code")), integer(error.get("error_subcode"))


def provider_code(code: int | None, subcode: int | None) -> str:
    """Both in one: 100/2018001."""
    return "/".join(str(part) for part in (code, subcode) if part is not None)


def verify(hook: Hook, account: Account) -> None:
    """BadSignature unless X-Hub-Signature-256 is the HMAC-SHA256 of the raw body under the app secret."""
    digest = hmac.new(secret(account, "app_secret").encode(), hook.body, hashlib.sha256).hexdigest()
    given = hook.headers.get("x-hub-signature-256", "")
    if not hmac.compare_digest(given.encode(errors="replace"), f"sha256={digest}".encode()):
        raise BadSignature("X-Hub-Signature-256")


def handshake(hook: Hook, account: Account) -> str | None:
    """The challenge to echo; None if this is no subscription, or not under our verify_token."""
    if hook.query.get("hub.mode") != "subscribe":
        return None
    expected = secret(account, "verify_token").encode()
    given = hook.query.get("hub.verify_token", "").encode(errors="replace")
    return hook.query.get("hub.challenge") if hmac.compare_digest(given, expected) else None
