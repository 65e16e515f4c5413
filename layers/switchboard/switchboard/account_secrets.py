"""The account's API secrets, which open the API, and its signature secrets, which sign its webhooks.

Up to two of either are live, so that the second can take over from the first without a gap.

The first of both is made by the deployment and lies in Secrets Manager. API secrets that are added are kept
as salted hashes in the table. Signature secrets are needed in the clear, so each has a secret of its own in
Secrets Manager, under a name that is never used again: what is cached of it is never out of date, and which
of them are live is read from the table.
"""

import base64
import hashlib
import hmac
import os
import secrets as randomness
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Literal
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from switchboard import clock, signing
from switchboard.errors import ConfigurationError, Conflict, NotFound, SecretForbidden
from switchboard.models.account_secrets import ShownSecret, ShownSignatureSecret
from switchboard.remembered import Remembered
from switchboard.secrets import Secrets
from switchboard.store.secrets import (
    FIRST,
    ApiSecret,
    KeptApiSecrets,
    KeptSignatureSecrets,
    SecretStore,
    SignatureSecret,
)

MOST = 2
"""Live secrets of a kind."""
UNFINISHED = timedelta(minutes=1)
"""Longer than a call that makes a signature secret can live: what is unfinished then, nobody will finish."""

Change = Callable[[KeptSignatureSecrets], KeptSignatureSecrets | None]
"""Of what is kept. None when all is well already."""


def _excess() -> SecretForbidden:
    return SecretForbidden("add-excess-secret", f"Account reached maximum number [{MOST}] of allowed secrets")


# --- API secrets ---------------------------------------------------------------------------------

_COST, _BLOCKS = 2**14, 8
_KEY = os.urandom(32)
"""Of this process: what was checked in it is remembered under this, not in the clear."""
_REMEMBERED = 1000


def hashed(secret: bytes) -> str:
    """`scrypt$n$r$salt$hash`. 16 MB and some 40 ms of a whole core."""
    salt = os.urandom(16)
    digest = hashlib.scrypt(secret, salt=salt, n=_COST, r=_BLOCKS, p=1, dklen=32)
    return "$".join(["scrypt", str(_COST), str(_BLOCKS), _text(salt), _text(digest)])


def fits(secret: bytes, kept: str) -> bool:
    _, cost, blocks, salt, digest = kept.split("$")
    wanted = base64.b64decode(digest)
    found = hashlib.scrypt(
        secret, salt=base64.b64decode(salt), n=int(cost), r=int(blocks), p=1, dklen=len(wanted)
    )
    return hmac.compare_digest(found, wanted)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


@dataclass(frozen=True)
class ApiSecrets:
    store: SecretStore
    secrets: Secrets
    name: str
    """Of the secret that the deployment made: {"api_key", "api_secret"}."""
    _kept: Remembered[KeptApiSecrets] = field(init=False)
    _checked: dict[tuple[str, bytes], bool] = field(default_factory=dict)
    """What came of a hash and a secret, so that only the first request with it pays for the slow hash."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_kept", Remembered(lambda _: self.store.api_secrets()[0]))

    def api_key(self) -> str:
        return str(self.secrets.read(self.name)["api_key"])

    def accepted(self, secret: bytes) -> str | None:
        """The id of the live one that this is. One that was revoked elsewhere can be taken for a second more;
        one that was added is known at once."""
        kept, is_newest = self._kept.look(self.name)
        found = self._opened(secret, kept) if kept else None
        if found or is_newest:
            return found
        newest = self._kept.read(self.name)
        return self._opened(secret, newest) if newest else None

    def _opened(self, secret: bytes, kept: KeptApiSecrets) -> str | None:
        first = self.secrets.version(self.name)
        if kept.revoked != first.id and hmac.compare_digest(secret, str(first.value["api_secret"]).encode()):
            return first.id
        return next((one.id for one in kept.added if self._fits(secret, one)), None)

    def kept(self, secret_id: str) -> bytes | None:
        """What other keys can be made from for a live secret. Who can read the table alone cannot make it."""
        kept, _ = self.store.api_secrets()
        first = self.secrets.version(self.name)
        if secret_id == first.id:
            return None if kept.revoked == first.id else str(first.value["api_secret"]).encode()
        added = next((one for one in kept.added if one.id == secret_id), None)
        if added is None:
            return None
        return hmac.digest(str(first.value["api_secret"]).encode(), added.hash.encode(), "sha256")

    def _fits(self, secret: bytes, kept: ApiSecret) -> bool:
        mark = (kept.id, hmac.digest(_KEY, secret, "sha256"))
        if mark not in self._checked:
            if len(self._checked) >= _REMEMBERED:
                self._checked.clear()
            self._checked[mark] = fits(secret, kept.hash)
        return self._checked[mark]

    def all(self) -> list[ShownSecret]:
        """The live ones, oldest first."""
        return self._live(self.store.api_secrets()[0])

    def get(self, secret_id: str) -> ShownSecret:
        found = next((secret for secret in self.all() if secret.id == secret_id), None)
        if found is None:
            raise NotFound(secret_id)
        return found

    def add(self, secret: str) -> ShownSecret:
        """SecretForbidden when there are two already."""
        new = ApiSecret(id=str(uuid4()), created_at=clock.wire(clock.now()), hash=hashed(secret.encode()))
        while True:
            kept, revision = self.store.api_secrets()
            if new in kept.added:  # our own write, whose answer was lost
                break
            if len(self._live(kept)) >= MOST:
                raise _excess()
            changed = kept.model_copy(update={"added": (*kept.added, new)})
            if self.store.replace_api_secrets(changed, revision):
                break
        self._kept.forget(self.name)
        return ShownSecret(new.id, new.created_at)

    def revoke(self, secret_id: str) -> None:
        """From now on. SecretForbidden when it is the last."""
        is_again = False
        while True:
            kept, revision = self.store.api_secrets()
            live = self._live(kept)
            if secret_id not in {secret.id for secret in live}:
                if is_again:  # our own write, whose answer was lost, or somebody else's
                    return
                raise NotFound(secret_id)
            if len(live) == 1:
                raise SecretForbidden(
                    "delete-last-secret",
                    "Can not delete the last secret. The account must always have at least 1 secret active "
                    "at any time",
                )
            added = tuple(secret for secret in kept.added if secret.id != secret_id)
            is_first = len(added) == len(kept.added)
            changed = KeptApiSecrets(revoked=secret_id if is_first else kept.revoked, added=added)
            self._kept.forget(self.name)
            if self.store.replace_api_secrets(changed, revision):
                return
            is_again = True

    def _live(self, kept: KeptApiSecrets) -> list[ShownSecret]:
        # Its version is its id: whoever has lost every secret puts a new one there, and is let in by it.
        first = self.secrets.version(self.name, fresh=True)
        found = [ShownSecret(secret.id, secret.created_at) for secret in kept.added]
        if first.id != kept.revoked:
            found.append(ShownSecret(first.id, clock.wire(first.made_at)))
        return sorted(found, key=lambda secret: secret.created_at)


# --- signature secrets ---------------------------------------------------------------------------


@dataclass(frozen=True)
class SignatureSecrets:
    """Each change is made in steps that a repeat finishes: an entry that is being made does not sign yet,
    one that is leaving does not sign any more, and either may have a value in Secrets Manager or none."""

    store: SecretStore
    secrets: Secrets
    first: str
    """The name of the secret that the deployment made: {"secret"}."""
    prefix: str
    """Of the names of the others: `{prefix}/{id}`."""

    def all(self) -> list[ShownSignatureSecret]:
        """The live ones, oldest first."""
        kept, _ = self.store.signature_secrets()
        return [self._shown(kept, secret) for secret in kept.live]

    def get(self, secret_id: str) -> ShownSignatureSecret:
        kept, _ = self.store.signature_secrets()
        return self._shown(kept, _live(kept, secret_id))

    def add(self, value: str | None) -> tuple[ShownSignatureSecret, str]:
        """A new one, which signs beside the current one from now on. Made here if no value is given; returns
        it too. SecretForbidden when there are two already."""
        value = value or randomness.token_urlsafe(36)
        new = SignatureSecret(id=str(uuid4()), created_at=clock.wire(clock.now()), state="making")

        def begin(kept: KeptSignatureSecrets) -> KeptSignatureSecrets | None:
            if kept.find(new.id):
                return None
            if len(kept.secrets) >= MOST:
                raise _excess()
            return kept.model_copy(update={"secrets": (*kept.secrets, new)})

        def finish(kept: KeptSignatureSecrets) -> KeptSignatureSecrets | None:
            mine = kept.find(new.id)
            if mine is None or mine.state == "leaving":
                raise Conflict("Making the secret took too long: try again")
            return None if mine.state == "live" else _with_state(kept, mine, "live")

        self._clear_up()
        self._change(begin)
        self.secrets.write(self._name(new.id), {"secret": value})
        kept = self._change(finish)
        return self._shown(kept, new), value

    def promote(self, secret_id: str) -> ShownSignatureSecret:
        """Let it sign the JWTs. The one that did goes on signing in the other headers."""

        def change(kept: KeptSignatureSecrets) -> KeptSignatureSecrets | None:
            _live(kept, secret_id)
            return None if kept.current == secret_id else kept.model_copy(update={"current": secret_id})

        kept = self._change(change)
        return self._shown(kept, _live(kept, secret_id))

    def revoke(self, secret_id: str) -> None:
        """Sign with it no more. SecretForbidden for the current one."""

        def begin(kept: KeptSignatureSecrets) -> KeptSignatureSecrets | None:
            if kept.current == secret_id:
                raise SecretForbidden(
                    "delete-last-secret", "Can not delete the secret that signs. Promote another one first"
                )
            mine = kept.find(secret_id)
            if mine is None or mine.state == "making":
                raise NotFound(secret_id)
            return None if mine.state == "leaving" else _with_state(kept, mine, "leaving")

        self._change(begin)
        self._clear_up()

    def _clear_up(self) -> None:
        """Finish what is leaving, and take away what somebody died in making."""
        latest = clock.wire(clock.now() - UNFINISHED)

        def give_up(kept: KeptSignatureSecrets) -> KeptSignatureSecrets | None:
            stale = (one for one in kept.secrets if one.state == "making" and one.created_at <= latest)
            dead = next(stale, None)
            return _with_state(kept, dead, "leaving") if dead else None

        kept = self._change(give_up)
        gone = {secret.id for secret in kept.secrets if secret.state == "leaving"}
        if not gone:
            return
        for secret_id in gone - {FIRST}:  # that one is the deployment's
            self.secrets.delete(self._name(secret_id))

        def forget(kept: KeptSignatureSecrets) -> KeptSignatureSecrets | None:
            left = tuple(secret for secret in kept.secrets if secret.id not in gone)
            return None if left == kept.secrets else kept.model_copy(update={"secrets": left})

        self._change(forget)

    def _change(self, change: Change) -> KeptSignatureSecrets:
        """Apply a change, again if somebody else was first. Returns what is kept then."""
        while True:
            kept, revision = self.store.signature_secrets()
            changed = change(kept)
            if changed is None:
                return kept
            if self.store.replace_signature_secrets(changed, revision):
                return changed

    def value(self, secret_id: str) -> str:
        return str(self.secrets.read(self._name(secret_id))["secret"])

    def _name(self, secret_id: str) -> str:
        return self.first if secret_id == FIRST else f"{self.prefix}/{secret_id}"

    def _shown(self, kept: KeptSignatureSecrets, secret: SignatureSecret) -> ShownSignatureSecret:
        ids = [one.id for one in kept.secrets]
        state: Literal["current", "next", "previous"]
        if secret.id == kept.current:
            state = "current"
        else:
            state = "next" if ids.index(secret.id) > ids.index(kept.current) else "previous"
        created_at = secret.created_at or clock.wire(self.secrets.changed_at(self.first))
        return ShownSignatureSecret(secret.id, created_at, state)


def _live(kept: KeptSignatureSecrets, secret_id: str) -> SignatureSecret:
    found = kept.find(secret_id)
    if found is None or found.state != "live":
        raise NotFound(secret_id)
    return found


def _with_state(
    kept: KeptSignatureSecrets, secret: SignatureSecret, state: Literal["live", "leaving"]
) -> KeptSignatureSecrets:
    changed = secret.model_copy(update={"state": state})
    return kept.model_copy(
        update={"secrets": tuple(changed if one is secret else one for one in kept.secrets)}
    )


class Unsigned(Exception):
    """A webhook cannot be signed now, and so not sent."""


class Signing:
    """Signs webhooks with the secrets that are live. Which these are is read once a second at most."""

    SECONDS = 1.0

    def __init__(self, secrets: SignatureSecrets, api_key: Callable[[], str]) -> None:
        self._secrets = secrets
        self._api_key = api_key
        self._read = (0.0, KeptSignatureSecrets())

    def headers(self, body: bytes, event_id: str, application_id: str | None) -> dict[str, str]:
        """Of one attempt, made now. Unsigned when a secret cannot be read."""
        try:
            kept = self._live()
            ids = [kept.current, *(secret.id for secret in kept.live if secret.id != kept.current)]
            values = [self._secrets.value(secret_id) for secret_id in ids]
            api_key = self._api_key()
        except (BotoCoreError, ClientError, ConfigurationError, KeyError, ValueError) as error:
            raise Unsigned from error
        return signing.headers(body, event_id, clock.now(), values, api_key, application_id)

    def _live(self) -> KeptSignatureSecrets:
        until, kept = self._read
        if monotonic() >= until:
            kept, _ = self._secrets.store.signature_secrets()
            self._read = (monotonic() + self.SECONDS, kept)
        return kept
