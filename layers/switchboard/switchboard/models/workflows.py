"""A dispatch's steps."""

from typing import Literal
from uuid import UUID, uuid5

from switchboard.models.frozen import Frozen
from switchboard.models.messages import Message, Status


class Step(Frozen):
    """One step of a workflow. Without a condition it is done when its message is delivered, and without a
    time of its own only that message's failure leads on to the next step."""

    message: Message
    condition: Literal[Status.DELIVERED, Status.READ] | None = None
    seconds: int | None = None


def message_uuid(dispatch_uuid: str, step: int) -> str:
    """The message of a step. It follows from the two, so that a step repeated is the same message."""
    return str(uuid5(UUID(dispatch_uuid), str(step)))
