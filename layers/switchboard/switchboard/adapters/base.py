"""What an adapter is: the mapping between our message and one provider's HTTP API, both ways.

Adapters are pure: no AWS client, no clock, no logger. The base class does the sending, so that the
meaning of a lost connection or a 503 is decided in one place.
"""

from __future__ import annotations

import hashlib
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from switchboard.adapters import _http
from switchboard.errors import ConfigurationError, Rejected, SendError, Throttled, Unanswered, Unavailable
from switchboard.models.events import Event, Hook
from switchboard.models.messages import Channel, Message

if TYPE_CHECKING:
    import httpx

MediaBy = Literal["link", "s3", "bytes"]


@dataclass(frozen=True)
class Account:
    """A provider account: its credentials and addresses, from one secret.

    Keys that every provider knows: `base_url` (instead of the provider's own) and `callback_url` (the
    public address of this deployment, for providers that are told per message where to report).
    """

    provider: str
    account_id: str
    settings: Mapping[str, Any] = field(repr=False, default_factory=dict)
    token: str = field(repr=False, default="")
    """The access token that `Adapter.login` brought, for providers that have one."""

    @property
    def key(self) -> str:
        return f"{self.provider}/{self.account_id}"

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


@dataclass(frozen=True)
class Token:
    """An access token and how long it may be used, in seconds."""

    value: str = field(repr=False)
    seconds: float


@dataclass(frozen=True)
class MediaFile:
    """Media that was fetched: `mime_type` is told from the bytes where they tell it."""

    content: bytes = field(repr=False)
    mime_type: str
    name: str


@dataclass(frozen=True)
class Verification:
    """What a provider says of an account, or of one sender in it."""

    state: Literal["pending", "verified", "failed"]
    reason: str = ""


@dataclass(frozen=True)
class Known:
    """A message that the provider knows: one that we sent, or one from a person."""

    channel: Channel
    provider_id: str
    sender: str
    """Ours, as in Message."""
    recipient: str
    """The person."""


class Adapter(ABC):
    """One provider. Subclasses hold tables first, then the mapping."""

    name: ClassVar[str]
    channels: ClassVar[frozenset[Channel]]
    secrets: ClassVar[tuple[str, ...]] = ()
    """Names of the account's settings that must never be logged."""
    deduplicates: ClassVar[bool] = False
    """The provider ignores a second request with the same message_uuid, so a repeat is safe."""
    echoes: ClassVar[bool] = True
    """Receipts repeat our message_uuid. If not, they are matched by the provider's id."""
    watermarks: ClassVar[bool] = False
    """Receipts name a moment in a conversation instead of a message."""
    quotable: ClassVar[frozenset[Channel]] = frozenset()
    """Channels on which people's messages can refer to ours, by the provider's id: so that it is kept."""
    answers_stop: ClassVar[frozenset[Channel]] = frozenset()
    """Channels on which the provider itself confirms to people that they opted out, unless the account's
    `self_managed_opt_outs` is true."""
    longest_text: ClassVar[Mapping[Channel, int]] = {}
    """Characters (UTF-16 units) that the provider takes at once, where our API allows more: longer texts go
    out in parts."""
    thanks: ClassVar[str] = "{}"
    """The body that answers a callback, for providers that read it."""

    def repeatable(self, message: Message) -> bool:
        """A second request for this message is ignored, for providers that do not deduplicate them all."""
        return self.deduplicates

    @abstractmethod
    def request(self, message: Message, account: Account) -> httpx.Request:
        """The provider's request for a message. Rejected when the channel cannot carry it."""

    def took(self, reply: httpx.Response) -> bool:
        """An answer says that the message was taken, perhaps by an earlier request. `accepted` reads it."""
        return reply.is_success

    @abstractmethod
    def accepted(self, reply: httpx.Response) -> str:
        """The provider's id in a 2xx answer. Raises like `refused` when a 2xx hides a refusal."""

    @abstractmethod
    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        """The error that a non-2xx answer means. Fall back on `by_http_status`."""

    @abstractmethod
    def verify(self, hook: Hook, account: Account) -> None:
        """Prove that a callback is the provider's, from raw bytes, before parsing. BadSignature if not."""

    def plain(self, hook: Hook, account: Account) -> Hook:
        """A verified callback in the clear, for providers that encrypt them. BadSignature if it is not for
        this account."""
        return hook

    @abstractmethod
    def events(self, hook: Hook) -> list[Event]:
        """All events in a verified callback. An unknown kind is skipped or has status None."""

    def handshake(self, hook: Hook, account: Account) -> str | None:
        """The body that answers a provider's check of our callback URL, which can be a GET or an unsigned
        POST; None if it is not one, or does not know our secret."""
        return None

    # --- messages that are out already -------------------------------------------------------------

    def read(self, message: Known, account: Account, *, typing: bool) -> httpx.Request | None:
        """The request that tells a person that we read their message, and with `typing` that we are about to
        answer. None where the channel has no such thing."""
        return None

    def revoke(self, message: Known, account: Account) -> httpx.Request | None:
        """The request that takes a message of ours back. None where the channel has no such thing."""
        return None

    def tell(
        self, request: Callable[[Account], httpx.Request | None], account: Account, client: httpx.Client
    ) -> bool:
        """Make one of these requests. False if there is none; raises like `send`."""
        account = self.authorised(account, client)
        with _writable():
            made = request(account)
        if made is None:
            return False
        reply = self.asked(lambda _: made, account, client)
        if not reply.is_success:
            raise self.refused(reply)
        return True

    # --- media -----------------------------------------------------------------------------------

    def media_by(self, message: Message) -> MediaBy:
        """How the media of a message is handed over: by its own link, from our bucket, or as bytes."""
        return "link"

    def attach(self, message: Message, file: MediaFile, account: Account, client: httpx.Client) -> Message:
        """For media by "bytes": upload or read the file. Returns the message that refers to it, most
        simply with Custom content. Raises like `send`."""
        raise NotImplementedError

    def download(self, media: str, account: Account, client: httpx.Client) -> httpx.Request:
        """The request that fetches an inbound message's media (its `url`). May ask the provider first,
        by `self.exchange`. Raises like `send`."""
        return _http.request("GET", media)

    def opened(self, media: str, content: bytes) -> bytes:
        """Fetched media in the clear, for providers that encrypt it."""
        return content

    # --- access ----------------------------------------------------------------------------------

    def login(self, account: Account) -> httpx.Request | None:
        """The request for an access token, where the credentials are not one; it then is `account.token`
        everywhere else."""
        return None

    def logged_in(self, reply: httpx.Response) -> Token:
        """The token in a 2xx answer to `login`. Raises like `accepted`."""
        raise NotImplementedError

    def wants_login(self, reply: httpx.Response) -> bool:
        """An answer says that the access token is not valid (any more)."""
        return reply.status_code == HTTPStatus.UNAUTHORIZED

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request | None:
        """The request that proves the credentials, and the sender if it can. None if there is none: then
        only the credentials' presence is known."""
        return None

    def answers(self, reply: httpx.Response) -> bool:
        """`checked` can read what answers `check`."""
        return reply.is_success

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        """What an answer to `check` says."""
        return Verification("verified")

    def verification(
        self, account: Account, channel: Channel, sender: str, client: httpx.Client
    ) -> Verification:
        """Ask the provider about an account and its sender."""
        try:
            account = self.authorised(account, client)
            with _writable():
                request = self.check(account, channel, sender)
            if request is None:
                return Verification("verified", "this provider offers no check: only used once it sends")
            reply = self.exchange(request, account, client)
            if not self.answers(reply):
                raise self.refused(reply)
            return self.checked(reply, channel, sender)
        except (Throttled, Unavailable, Unanswered) as error:
            return Verification("pending", f"the provider did not answer: {error}")
        except (SendError, ConfigurationError) as error:
            return Verification("failed", f"the provider refused: {error}")

    def sign(self, request: httpx.Request, account: Account) -> None:  # noqa: B027 (most need none)
        """Add what can only be computed over the finished request."""

    # --- exchange --------------------------------------------------------------------------------

    def send(self, message: Message, account: Account, client: httpx.Client) -> str:
        """Hand a message over. Returns the provider's id; raises SendError or ConfigurationError."""
        reply = self.asked(lambda account: self.request(message, account), account, client)
        if self.took(reply):
            return self.accepted(reply)
        raise self.refused(reply)

    def asked(
        self, request: Callable[[Account], httpx.Request], account: Account, client: httpx.Client
    ) -> httpx.Response:
        """The answer to a request that may want an access token. Raises like `send`."""
        account = self.authorised(account, client)
        with _writable():
            made = request(account)
        reply = self.exchange(made, account, client)
        if account.token and self.wants_login(reply):
            # Refused, so nothing was done: once more with a new token.
            _tokens.pop(_token_key(account), None)
            account = self.authorised(account, client)
            reply = self.exchange(request(account), account, client)
        return reply

    def authorised(self, account: Account, client: httpx.Client) -> Account:
        """The account with an access token, if its provider wants one. Raises like `send`, but never
        Unanswered: nothing was sent yet."""
        key = _token_key(account)
        value, until = _tokens.get(key, ("", 0.0))
        if time.monotonic() >= until:
            with _writable():
                request = self.login(account)
            if request is None:
                return account
            try:
                reply = self.exchange(request, account, client)
                if not reply.is_success:
                    raise self.refused(reply)
                token = self.logged_in(reply)
            except Unanswered as error:
                raise Unavailable(error.code, error.provider_code) from error
            value = token.value
            _tokens[key] = value, time.monotonic() + token.seconds * _TOKEN_SHARE
        return replace(account, token=value)

    def exchange(self, request: httpx.Request, account: Account, client: httpx.Client) -> httpx.Response:
        """Sign a request and get its answer, whatever it says. Raises SendError or ConfigurationError."""
        import httpx

        self.sign(request, account)
        try:
            return client.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            raise Unavailable(1331, type(error).__name__) from error  # nothing was sent
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            # From nobody's error: the text could quote a header, and with it a secret.
            raise ConfigurationError(1370, type(error).__name__) from None
        except httpx.TransportError as error:
            raise Unanswered(1331, type(error).__name__) from error


@contextmanager
def _writable() -> Iterator[None]:
    """A setting that no header can hold was set wrongly: ConfigurationError."""
    try:
        yield
    except UnicodeEncodeError:
        raise ConfigurationError(1370, "not ASCII") from None  # the error would quote it


_tokens: dict[tuple[str, str], tuple[str, float]] = {}
"""Access tokens by account and its settings, with the monotonic time until which they are used."""
LONGEST_PAUSE = 900
"""Seconds. Some put a moment where the seconds should be."""
_TOKEN_SHARE = 0.9
"""Of a token's life, so that it does not end on its way."""


def _token_key(account: Account) -> tuple[str, str]:
    """Other credentials have another token."""
    settings = repr(sorted(account.settings.items()))
    return account.key, hashlib.sha256(settings.encode()).hexdigest()


def forget_tokens() -> None:
    _tokens.clear()


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
    return min(seconds, LONGEST_PAUSE) if 0 <= seconds < math.inf else None
