"""Who is calling: an application by its token, or the account by key and secret."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchboard import clock
from switchboard.errors import BadKey, BadToken, MissingCredentials, NotFound
from switchboard.store import keys

if TYPE_CHECKING:
    from switchboard.account_secrets import ApiSecrets
    from switchboard.models.applications import Application
    from switchboard.remembered import Remembered

ACCOUNT = "account"
"""As an `application_id` in a query: what the account did itself, by its key. Applications have uuids."""


@dataclass(frozen=True)
class Caller:
    application_id: str | None
    """None for the account itself."""
    secret_id: str | None = None
    """Of the account: which of its API secrets it has shown, or began the console's session with."""

    def may_see(self, application_id: str | None) -> bool:
        """The account sees everything, an application only its own."""
        return self.application_id is None or self.application_id == application_id

    def owner(self, named: str | None) -> str | None:
        """Whose things it asks for, as the table calls them: an application's, or those of ACCOUNT. None for
        everybody's. NotFound for another's."""
        if named and not self.may_see(named):
            raise NotFound(named)
        return keys.ACCOUNT if named == ACCOUNT else named or self.application_id


@dataclass(frozen=True)
class Callers:
    applications: Remembered[Application]
    secrets: ApiSecrets

    def identify(self, headers: Mapping[str, str]) -> Caller:
        """By token, key or the console's pass. MissingCredentials, BadToken or BadKey when that fails."""
        scheme, value = self._authorization(headers)
        if scheme == "bearer":
            return self._application(value)
        if scheme == "basic":
            return self._account(value)
        if scheme == "console":
            return self._console(value)
        raise BadToken

    def account(self, headers: Mapping[str, str]) -> Caller:
        """By key only, or the pass that was had for it, as the account's own resources want it."""
        scheme, value = self._authorization(headers)
        if scheme == "console":
            return self._console(value)
        if scheme != "basic":
            raise BadKey
        return self._account(value)

    def api_key(self) -> str:
        return self.secrets.api_key()

    def by_key(self, headers: Mapping[str, str], given: Mapping[str, str]) -> Caller:
        """By key and secret among a request's own parameters, as the oldest calls have them, or else as in
        `account`."""
        if "api_key" in given or "api_secret" in given:
            return self._key(given.get("api_key", "").encode(), given.get("api_secret", "").encode())
        return self.account(headers)

    @staticmethod
    def _authorization(headers: Mapping[str, str]) -> tuple[str, str]:
        header = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
        if not header.strip():
            raise MissingCredentials
        scheme, _, value = header.strip().partition(" ")
        return scheme.lower(), value.strip()

    def _application(self, token: str) -> Caller:
        from switchboard import tokens  # with what proves signatures, for who has a token

        def proven(application: Application | None) -> Caller:
            if application is None or application.public_key is None:
                raise BadToken
            tokens.check(token, application.public_key, clock.now())
            return Caller(application.id)

        claimed = tokens.application_id(token)
        application, is_newest = self.applications.look(claimed)
        try:
            return proven(application)
        except BadToken:
            if is_newest:
                raise
        return proven(self.applications.read(claimed))  # it may have got another key

    def _console(self, value: str) -> Caller:
        from switchboard.console import Sessions  # of the few who come from there

        return Caller(None, Sessions(self.secrets).read(value, "pass").secret_id)

    def _account(self, value: str) -> Caller:
        try:
            key, _, secret = base64.b64decode(value, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            raise BadKey from None
        return self._key(key, secret)

    def _key(self, key: bytes, secret: bytes) -> Caller:
        if not hmac.compare_digest(key, self.api_key().encode()):
            raise BadKey
        secret_id = self.secrets.accepted(secret)
        if secret_id is None:
            raise BadKey
        return Caller(None, secret_id)
