"""How many requests an application may make a second, where that is set.

Counted by one write a request, which is refused once the second is full; who was refused once is refused from
memory for the rest of the second, so that a flood costs little.
"""

from dataclasses import dataclass, field

from switchboard import clock
from switchboard.callers import Caller
from switchboard.errors import TooManyRequests
from switchboard.store import RequestStore

ACCOUNT = "account"
"""What requests by key and secret are counted under."""


@dataclass
class Limits:
    store: RequestStore
    per_second: int
    """0 for no limit, and then nothing is counted."""
    _full: dict[str, int] = field(default_factory=dict)
    """The last second that this process saw full, by who filled it."""

    def check(self, caller: Caller) -> None:
        """Count a request that starts something. TooManyRequests if there were enough this second."""
        if not self.per_second:
            return
        who, second = caller.application_id or ACCOUNT, int(clock.now().timestamp())
        if self._full.get(who) == second:
            raise TooManyRequests
        if not self.store.count(who, second, self.per_second):
            self._full[who] = second
            raise TooManyRequests
