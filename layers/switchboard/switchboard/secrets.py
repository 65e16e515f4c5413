"""Secrets Manager, read through a cache that is bounded in time, so that a rotation is seen."""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from switchboard.errors import ConfigurationError, Unavailable

if TYPE_CHECKING:
    from switchboard.adapters.base import Account

_SECONDS = 300


@dataclass(frozen=True)
class Version:
    """A secret's value, and which one it is."""

    id: str
    made_at: datetime
    value: dict[str, Any]


class Secrets:
    def __init__(self, client: Any) -> None:
        self._client = client
        self._cache: dict[str, tuple[float, Version]] = {}

    def read(self, name: str, *, fresh: bool = False) -> dict[str, Any]:
        """A secret that is a JSON object; `fresh` is past the cache. ConfigurationError 1370 when there is
        none of that name."""
        return self.version(name, fresh=fresh).value

    def version(self, name: str, *, fresh: bool = False) -> Version:
        """As `read`, and which version of it that was."""
        cached = self._cache.get(name)
        if not fresh and cached and cached[0] > time.monotonic():
            return cached[1]
        try:
            answer = self._client.get_secret_value(SecretId=name)
        except self._client.exceptions.ResourceNotFoundException:
            raise ConfigurationError(1370, "no such account") from None
        version = Version(answer["VersionId"], answer["CreatedDate"], json.loads(answer["SecretString"]))
        self._cache[name] = (time.monotonic() + _SECONDS, version)
        return version

    def changed_at(self, name: str) -> datetime:
        """When a secret's value was last changed, without reading it."""
        answer = self._client.describe_secret(SecretId=name)
        changed: datetime = answer.get("LastChangedDate") or answer["CreatedDate"]
        return changed

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Others see it when their caches lapse, after five minutes at most."""
        text = json.dumps(value)
        try:
            self._client.put_secret_value(SecretId=name, SecretString=text)
        except self._client.exceptions.ResourceNotFoundException:
            self._client.create_secret(Name=name, SecretString=text)
        except self._client.exceptions.InvalidRequestException as error:
            raise Unavailable(1030, "its deletion is under way") from error
        self._cache.pop(name, None)

    def delete(self, name: str) -> None:
        """For good, so that the name is free again in a moment."""
        with suppress(self._client.exceptions.ResourceNotFoundException):
            self._client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        self._cache.pop(name, None)


class Accounts:
    """The provider accounts: credentials and addresses, one secret each."""

    def __init__(self, secrets: Secrets, prefix: str, **defaults: str) -> None:
        """`defaults` are settings that an account may override: our address, our region."""
        self._secrets = secrets
        self._prefix = prefix
        self._defaults = defaults

    def account(self, provider: str, account_id: str = "default", *, fresh: bool = False) -> "Account":
        """`fresh` as it is now. ConfigurationError when there is no such account."""
        settings = self.settings(provider, account_id, fresh=fresh)
        from switchboard.adapters.base import Account  # with all that makes HTTP calls

        return Account(provider, account_id, self._defaults | settings)

    def settings(self, provider: str, account_id: str, *, fresh: bool = False) -> dict[str, Any]:
        """What its secret holds; `fresh` as it is now. ConfigurationError when there is none."""
        return self._secrets.read(self._name(provider, account_id), fresh=fresh)

    def keep(self, provider: str, account_id: str, settings: Mapping[str, Any]) -> None:
        self._secrets.write(self._name(provider, account_id), settings)

    def forget(self, provider: str, account_id: str) -> None:
        self._secrets.delete(self._name(provider, account_id))

    def _name(self, provider: str, account_id: str) -> str:
        return f"{self._prefix}/{provider}/{account_id}"
