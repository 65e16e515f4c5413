"""What an adapter is: the mapping between our message and one provider's HTTP API, both ways.

Adapters are pure: no AWS client, no clock, no logger. The base class does the sending, so that the
meaning of a lost connection or a 503 is decided in one place.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, ClassVar

import httpx

from switchboard.errors import ConfigurationError, Rejected, SendError, Throttled, Unanswered, Unavailable
from switchboard.models.events import Event, Hook
from switchboard.models.messages import Channel, Message


@dataclass(frozen=True)
class Account:
    """A provider account: its credentials and addresses, from one secret.

    Keys that every provider knows: `base_url` (instead of the provider's own) and `callback_url` (the
    public address of this deployment, for providers that are told per message where to report).
    """

    provider: str
    account_id: str
    settings: Mapping[str, Any] = field(repr=False, default_factory=dict)

    def __getitem__(self, key: str) -> str:
        """A setting that must be there. ConfigurationError 1370 when it is not."""
        try:
            return str(self.settings[key])
        except KeyError:
            raise ConfigurationError(1370, f"{self.provider} account has no {key}") from None

    def get(self, key: str, default: str = "") -> str:
        return str(self.settings.get(key, default))

    def base_url(self, default: str) -> str:
        return self.get("base_url", default).rstrip("/")


class Adapter(ABC):
    """One provider. Subclasses hold tables first, then the mapping."""

    name: ClassVar[str]
    channels: ClassVar[frozenset[Channel]]
    secrets: ClassVar[tuple[str, ...]] = ()
    """Names of the account's settings that must never be logged."""
    deduplicates: ClassVar[bool] = False
    """The provider ignores a second request with the same message_uuid, so a repeat is safe."""
    wants_media_in_s3: ClassVar[bool] = False
    """Media must be handed over as an s3:// address in the account's own bucket."""

    @abstractmethod
    def request(self, message: Message, account: Account) -> httpx.Request:
        """The provider's request for a message. Rejected when the channel cannot carry it."""

    @abstractmethod
    def accepted(self, reply: httpx.Response) -> str:
        """The provider's id in a 2xx answer. Raises like `refused` when a 2xx hides a refusal."""

    @abstractmethod
    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        """The error that a non-2xx answer means. Fall back on `by_http_status`."""

    @abstractmethod
    def verify(self, hook: Hook, account: Account) -> None:
        """Prove that a callback is the provider's, from raw bytes, before parsing. BadSignature if not."""

    @abstractmethod
    def events(self, hook: Hook) -> list[Event]:
        """All events in a verified callback. An unknown kind is skipped or has status None."""

    def handshake(self, hook: Hook, account: Account) -> str | None:
        """The body that answers a provider's GET check of our callback URL; None if it is not one."""
        return None

    def sign(self, request: httpx.Request, account: Account) -> None:  # noqa: B027 (most need none)
        """Add what can only be computed over the finished request."""

    def send(self, message: Message, account: Account, client: httpx.Client) -> str:
        """Hand a message over. Returns the provider's id; raises SendError or ConfigurationError."""
        request = self.request(message, account)
        self.sign(request, account)
        try:
            reply = client.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise Unavailable(1331, type(error).__name__) from error  # nothing was sent
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            # From nobody's error: the text could quote a header, and with it a secret.
            raise ConfigurationError(1370, type(error).__name__) from None
        except httpx.TransportError as error:
            raise Unanswered(1331, type(error).__name__) from error
        if reply.is_success:
            return self.accepted(reply)
        raise self.refused(reply)


def by_http_status(reply: httpx.Response, provider_code: str | int = "") -> SendError | ConfigurationError:
    """What an error answer means when its body does not say."""
    code = provider_code or reply.status_code
    if reply.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(1000, code, retry_after(reply))
    if reply.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ConfigurationError(1370, code)
    if reply.status_code in (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT):
        return Unanswered(1331, code)  # somebody in between gave up; the provider may have taken it
    if reply.is_server_error:
        return Unavailable(1331, code, retry_after(reply))
    return Rejected(1020, code)


def retry_after(reply: httpx.Response) -> float | None:
    """Seconds in a Retry-After header. The date form is rare with these providers and is ignored."""
    try:
        seconds = float(reply.headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return seconds if 0 <= seconds < math.inf else None
