"""What all of Infobip's channels share: the account's own host, its key, and where to report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from switchboard.adapters import _http
from switchboard.adapters._reading import secret
from switchboard.adapters.base import Account

if TYPE_CHECKING:
    import httpx

MEDIA_HOST = "api.infobip.com"
"""Media that people send can lie here instead of on the account's own host."""


def call(
    account: Account,
    method: str,
    path: str,
    *names: str,
    query: dict[str, str] | None = None,
    body: Any = None,
    **extensions: Any,
) -> httpx.Request:
    """A request to Infobip. `names` end the path, escaped; `extensions` travel beside the request."""
    return _http.request(
        method,
        "/".join((_base(account), path, *(quote(name, safe="") for name in names))),
        params=query,
        headers={**authorization(account), "Accept": "application/json"},
        json=body,
        extensions=extensions,
    )


def authorization(account: Account) -> dict[str, str]:
    return {"Authorization": f"App {secret(account, 'api_key')}"}


def callback(account: Account) -> str:
    """Where reports are to go; empty without a public address of ours."""
    ours = account.get("callback_url").rstrip("/")
    token = urlencode({"token": secret(account, "callback_token")})
    return ours and f"{ours}/status/infobip/{quote(account.account_id, safe='')}?{token}"


def is_own(account: Account, url: str) -> bool:
    """An address may have our key: it is on the account's host, or another one of Infobip's."""
    import httpx

    try:
        asked, own = _http.url(url), _http.url(_base(account))
    except httpx.InvalidURL:
        return False
    if (asked.scheme, asked.host, asked.port) == (own.scheme, own.host, own.port):
        return True
    return asked.scheme == "https" and f".{asked.host}".endswith(f".{MEDIA_HOST}")


def _base(account: Account) -> str:
    """Infobip's pages show the account's host without a scheme."""
    host = account["base_url"].strip().rstrip("/")
    return host if "://" in host else f"https://{host}"
