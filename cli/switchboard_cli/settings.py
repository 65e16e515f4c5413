"""Where the API is, and by whose key it is called.

Each of the three is taken from the first that has it: the command line, the environment, ~/.switchboardrc,
the old CLI's ~/.nexmorc (key and secret only). With none of them it is the local stack of this machine.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from switchboard_cli.errors import usage
from switchboard_cli.files import read_ini, write_ini

LOCAL_KEY, LOCAL_SECRET = "localkey", "localsecret"
LOCAL_SIGNATURE_SECRET = "local-signature-secret-for-webhooks"
_SECTION = "credentials"


@dataclass(frozen=True)
class Settings:
    url: str
    api_key: str
    api_secret: str
    signature_secret: str
    """What webhooks are signed with; empty if it is not known. The local stack's own is."""
    source: str
    """Where the key came from, for the user to read."""

    @property
    def is_local(self) -> bool:
        return _is_local(self.url)


def rc_file() -> Path:
    return Path.home() / ".switchboardrc"


def default_url() -> str:
    return f"http://127.0.0.1:{os.environ.get('PORT', '8080')}"


def load(url: str | None = None) -> Settings:
    """`url` is what the command line says."""
    rc = read_ini(rc_file()).get(_SECTION, {})
    old = read_ini(Path.home() / ".nexmorc").get(_SECTION, {})
    env = os.environ
    chosen = checked_url(url or env.get("SWITCHBOARD_URL") or rc.get("url") or default_url())
    signature = env.get("SWITCHBOARD_SIGNATURE_SECRET") or rc.get("signature_secret", "")
    if not signature and _is_local(chosen):
        signature = LOCAL_SIGNATURE_SECRET
    given = {
        "the environment": (env.get("SWITCHBOARD_API_KEY"), env.get("SWITCHBOARD_API_SECRET")),
        "~/.switchboardrc": (rc.get("api_key"), rc.get("api_secret")),
        "~/.nexmorc": (old.get("api_key"), old.get("api_secret")),
    }
    for source, (key, secret) in given.items():
        if key and secret:
            return Settings(chosen, key, secret, signature, source)
        if (key or secret) and source == "the environment":
            raise usage("SWITCHBOARD_API_KEY and SWITCHBOARD_API_SECRET go together: only one of them is set")
    local = Settings(chosen, LOCAL_KEY, LOCAL_SECRET, signature, "the local stack's own")
    if not local.is_local:
        raise usage(f"No key for {chosen}", "switchboard setup KEY SECRET --url URL keeps one")
    return local


def save(url: str, key: str, secret: str, signature_secret: str | None) -> Path:
    """Keeps what else is in the file."""
    sections = read_ini(rc_file())
    mine = sections.setdefault(_SECTION, {})
    mine |= {"api_key": key, "api_secret": secret, "url": url}
    if signature_secret:
        mine["signature_secret"] = signature_secret
    write_ini(rc_file(), sections)
    return rc_file()


def _is_local(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def checked_url(url: str) -> str:
    """Without its last slash."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise usage(f"{url} is no address of an API", "it begins with http:// or https://")
    return url.rstrip("/")
