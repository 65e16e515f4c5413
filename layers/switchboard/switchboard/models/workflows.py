"""A dispatch's steps."""

from typing import Literal
from uuid import UUID, uuid5

from switchboard.models.frozen import Frozen
from switchboard.models.messages import Message, Status


class Step(Frozen):
    """One step of a workflow. The last one has neither condition nor time of its own."""

    message: Message
    condition: Literal[Status.DELIVERED, Status.READ] | None = None
    seconds: int | None = None


def message_uuid(dispatch_uuid: str, step: int) -> str:
    """The message of a step. It follows from the two, so that a step repeated is the same message."""
    return str(uuid5(UUID(dispatch_uuid), str(step)))
