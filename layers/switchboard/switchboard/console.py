"""The console's sessions: who signed in with key and secret is let in without sending them again.

There are two signed texts, and we keep neither of them:

    session   in a cookie that pages cannot read and that goes to /console/session alone. It is good for a
              new pass only. It ends half an hour after somebody was at work, of which the page tells when it
              asks for a pass, and after half a day at most.
    pass      in the page's memory. It opens the API as key and secret do, as `Authorization: Console <pass>`,
              for minutes. No other site can make a browser send it, so there is no request to forge.

    {kind}.{secret id}.{began}.{ends}.{signature}          times are Unix seconds

Both are signed by a key that follows from the API secret they were had for: revoke that one, and they end.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from switchboard import clock
from switchboard.errors import BadKey

if TYPE_CHECKING:
    from switchboard.account_secrets import ApiSecrets

SESSION_SECONDS = 30 * 60
"""After which a session that nobody used ends."""
LONGEST_SECONDS = 12 * 3600
PASS_SECONDS = 5 * 60
_LONGEST_TEXT = 300

Kind = Literal["session", "pass"]


@dataclass(frozen=True)
class Session:
    secret_id: str
    began: int


@dataclass(frozen=True)
class Sessions:
    secrets: ApiSecrets

    def sign_in(self, key: str, secret: str) -> Session:
        """BadKey unless they are the account's."""
        if not hmac.compare_digest(key.encode(), self.secrets.api_key().encode()):
            raise BadKey  # before the slow hash, which is not for everybody
        secret_id = self.secrets.accepted(secret.encode())
        if secret_id is None:
            raise BadKey
        return Session(secret_id, _seconds(clock.now()))

    def text(self, session: Session, kind: Kind, idle: int = 0) -> str:
        """What the browser gets, whose user was last at work so many seconds ago. BadKey if that was too
        long ago, or if its secret was revoked meanwhile."""
        now = _seconds(clock.now())
        session_ends = min(now - idle + SESSION_SECONDS, session.began + LONGEST_SECONDS)
        if session_ends <= now:
            raise BadKey
        ends = session_ends if kind == "session" else min(now + PASS_SECONDS, session.began + LONGEST_SECONDS)
        told = f"{kind}.{session.secret_id}.{session.began}.{ends}"
        signature = self._signature(told, session.secret_id)
        if signature is None:
            raise BadKey
        return f"{told}.{signature}"

    def read(self, text: str, kind: Kind) -> Session:
        """BadKey unless the text is of that kind, ours, and not over."""
        parts = text.split(".")
        if len(text) > _LONGEST_TEXT or not text.isascii() or len(parts) != 5 or parts[0] != kind:
            raise BadKey
        told, _, given = text.rpartition(".")
        _, secret_id, began, ends, _ = parts
        signature = self._signature(told, secret_id)
        if signature is None or not hmac.compare_digest(signature, given):
            raise BadKey
        if int(ends) <= _seconds(clock.now()):  # ours, so these are numbers
            raise BadKey
        return Session(secret_id, int(began))

    def _signature(self, told: str, secret_id: str) -> str | None:
        """None if there is no such secret any more."""
        kept = self.secrets.kept(secret_id)
        if kept is None:
            return None
        key = hmac.digest(kept, b"switchboard console", "sha256")
        return base64.urlsafe_b64encode(hmac.digest(key, told.encode(), "sha256")).rstrip(b"=").decode()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
