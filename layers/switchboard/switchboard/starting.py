"""Starts what a request's body asks for, in either version of the API; the answer is the body of the 202.

`uuid` names what is started: a message or a workflow. The same one again starts nothing new. InvalidRequest
names every fault of a body.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from switchboard import logs
from switchboard.channels import CHANNELS
from switchboard.models import v01, v1
from switchboard.models.faults import Faults
from switchboard.models.messages import Message
from switchboard.models.origin import Origin
from switchboard.models.workflows import Step, message_uuid

if TYPE_CHECKING:
    from switchboard.callers import Caller
    from switchboard.dispatching import Dispatching
    from switchboard.outgoing import Guard
    from switchboard.sending import Sending


@dataclass(frozen=True)
class Starting:
    sending: Sending
    dispatching: Callable[[], Dispatching]
    guard: Callable[[], Guard]
    """A callable, as it is rarely needed and brings all that makes HTTP calls."""

    def message(
        self, body: object, uuid: str, caller: Caller, origin: Origin | None = None
    ) -> dict[str, str]:
        """A message of version 0.1."""
        message = v01.message(body, uuid)
        return {"message_uuid": self.sending.send(message, caller, v01.PLACES, origin)}

    def dispatch(
        self, body: object, uuid: str, caller: Caller, origin: Origin | None = None
    ) -> dict[str, str]:
        """A dispatch, which has version 0.1 only."""
        steps = v01.workflow(body, uuid)
        _warn(uuid, steps)
        self.dispatching().start(uuid, steps, caller, v01.places, origin)
        return {"dispatch_uuid": uuid}

    def message_v1(
        self, body: object, uuid: str, caller: Caller, origin: Origin | None = None
    ) -> dict[str, str]:
        """A message of version 1, or its workflow if it has a failover."""
        if not v1.has_failover(body):
            message = v1.message(body, uuid)
            self.check_webhooks([message])
            return {"message_uuid": self.sending.send(message, caller, v1.PLACES, origin)}
        steps = v1.workflow(body, uuid)
        self.check_webhooks([step.message for step in steps])
        _warn(uuid, steps)
        # A plain failover is told by the statuses of its messages alone, as Vonage's is.
        has_conditions = any(step.condition for step in steps)
        self.dispatching().start(uuid, steps, caller, v1.places, origin, reports=has_conditions)
        return {"message_uuid": message_uuid(uuid, 0), "workflow_id": uuid}

    def check_webhooks(self, messages: Sequence[Message]) -> None:
        """InvalidRequest names those that can never be called."""
        faults = Faults()
        for number, message in enumerate(messages):
            reason = self.guard().fault(message.callback.url) if message.callback.url else None
            if reason:
                faults.add(v1.webhook_name(number), reason)
        faults.check()


def _warn(uuid: str, steps: Sequence[Step]) -> None:
    for number, step in enumerate(steps):
        channel = step.message.channel
        if step.condition and step.condition not in CHANNELS[channel].proved(step.message.content.type):
            logs.logger.warning(
                "a step asks for what its channel cannot prove: it will run out of time",
                dispatch_uuid=uuid,
                step=number,
                channel=channel,
                condition=step.condition,
            )
