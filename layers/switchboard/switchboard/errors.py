"""Everything that can go wrong, in one tree.

SwitchboardError
├── InvalidRequest        the caller's request is wrong; names every fault
├── Unauthorised          no or bad credentials
├── NotFound              no such thing, or not the caller's
├── Forbidden             nobody may do this with it
├── Conflict              it is somebody else's already
├── NotAcceptable         the caller wants no JSON
├── UnsupportedMediaType  the caller sent none
├── KeyReused             an idempotency key that another request was made with
├── StillRunning          the same request is being worked on
├── TooManyRequests       more than its application may make
├── BadSignature          a provider callback that we do not believe
├── ConfigurationError    a provider account or this deployment is set up wrongly; never retried
└── SendError             handing a message to a provider failed
    ├── Rejected          refused for good
    ├── Unreachable       this recipient cannot be reached on this channel
    ├── Throttled         too fast; try again, after `retry_after` seconds if the provider said so
    ├── Unavailable       the provider refused for now (5xx) or could not be reached; try again
    └── Unanswered        the request went out, no answer came: it may have been delivered

`problems.py` maps the first eight to HTTP answers; nothing else does. `SendError.code` and
`ConfigurationError.code` are numbers of the public error list (`failures.py`).
"""

from dataclasses import dataclass
from typing import Literal


class SwitchboardError(Exception):
    """Base of all our errors."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a request: the field's dotted path, and how to put it right."""

    name: str
    reason: str


class InvalidRequest(SwitchboardError):
    """The request cannot be accepted. `faults` names everything wrong with it at once."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(", ".join(fault.name for fault in faults))
        self.faults = faults


class Unauthorised(SwitchboardError):
    """No credentials, or none that we accept."""


class MissingCredentials(Unauthorised):
    """The request carries no Authorization header."""


class BadToken(Unauthorised):
    """The Authorization header is not a token that we accept."""


class BadKey(Unauthorised):
    """API key and secret do not fit."""


class NotFound(SwitchboardError):
    """No such thing, or it belongs to somebody else."""

    def __init__(self, identifier: str) -> None:
        super().__init__(identifier)
        self.identifier = identifier


class UnknownKey(NotFound):
    """An API key that is not the account's."""


class Forbidden(SwitchboardError):
    """This cannot be done with it. The text says what, for the caller."""


class SecretForbidden(Forbidden):
    """A change that would leave an account with too many secrets, or with none that works."""

    def __init__(self, kind: Literal["add-excess-secret", "delete-last-secret"], text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Conflict(SwitchboardError):
    """What is asked for belongs to another already. The text says what, for the caller."""


class ApplicationConflict(Conflict):
    """A sender that has its application already, or has it not."""


class NotAcceptable(SwitchboardError):
    """The caller reads no JSON."""


class UnsupportedMediaType(SwitchboardError):
    """The caller sent something else than JSON."""


class KeyReused(SwitchboardError):
    """The Idempotency-Key was used for another body within the last 24 hours."""


class StillRunning(SwitchboardError):
    """The request with this Idempotency-Key is being worked on."""


class TooManyRequests(SwitchboardError):
    """The caller makes more requests than it may. The next second has room again."""


class BadSignature(SwitchboardError):
    """A callback that does not prove to come from its provider."""


class _ProviderFault(SwitchboardError):
    def __init__(
        self, code: int, provider_code: str | int = "", retry_after: float | None = None, detail: str = ""
    ) -> None:
        super().__init__(f"{code} ({provider_code})" if provider_code else str(code))
        self.code = code
        self.provider_code = str(provider_code)
        self.retry_after = retry_after
        """Seconds to wait, when the provider named a time."""
        self.detail = detail
        """A clause that says what was wrong, where it was we who refused."""
        self.account = ""
        """Who said so, if anybody was asked: `{provider}/{account_id}`."""
        self.paid = False
        """Whether the message's price was counted before."""


class ConfigurationError(_ProviderFault):
    """The provider account, its credentials or its sender are not usable. Retrying cannot help."""


class SendError(_ProviderFault):
    """A message was not, or perhaps not, taken by the provider."""

    retryable = False


class Rejected(SendError):
    """Refused for good: bad content, policy, opt-out."""


class Unreachable(SendError):
    """This recipient cannot be reached on this channel."""


class Throttled(SendError):
    """Too fast for the provider."""

    retryable = True


class Unavailable(SendError):
    """The provider is down, or was never reached."""

    retryable = True


class Unanswered(SendError):
    """No answer came. The message may have been delivered, so it must not be sent again at once ..."""

    repeatable = False
    """... unless the provider recognises a repeat."""
