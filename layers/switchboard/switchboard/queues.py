"""The queues, and what lies in them.

Outbound: {"message_uuid"} for a message, {"dispatch_uuid", "step", "wait", "task_token"} for a step (put
there by the state machine). Webhooks: {"kind": "status", "message_uuid", "status", "by", "sent"},
{"kind": "inbound", "message_uuid", "by"}, {"kind": "report", "dispatch_uuid"} (by the state machine), each
with the way `via` which it goes. Starts: {"dispatch_uuid", "lost"}, for dispatches that Step Functions could
not take at once. Ids only: contents and numbers stay in the table.

The Ingest queue alone is filled from outside, with whole requests (intake.py).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from switchboard import clock
from switchboard.models.frozen import LAZY, Frozen
from switchboard.models.messages import Status

BATCH = 10  # SQS takes no more in one call
LONGEST_DELAY = (
    42_000  # seconds: SQS counts twelve hours from when a record was received, which is a while ago
)


class _Body(Frozen):
    """What lies in a queue."""


Entry = _Body
"""Whatever can lie in a queue of ours."""


class MessageTask(_Body):
    message_uuid: str


class StepTask(_Body):
    dispatch_uuid: str
    step: int
    wait: int
    """Seconds that the step has, from the moment it was queued."""
    task_token: str


Way = Literal["webhook", "bus"]
"""How news reaches a client."""


class _News(_Body):
    via: Way = "webhook"
    since: int | None = None
    """When it was queued first, in ms, if that was in another entry."""


class StatusNews(_News):
    """`status` has been reached, and with it perhaps those below it, under the name `by`."""

    kind: Literal["status"] = "status"
    message_uuid: str
    status: Status
    by: str
    sent: tuple[Status, ...] = ()
    """Those of them that the client has already."""


class InboundNews(_News):
    kind: Literal["inbound"] = "inbound"
    message_uuid: str
    by: str


class ReportNews(_News):
    kind: Literal["report"] = "report"
    dispatch_uuid: str
    by: str = ""
    """The closing that this tells of. Empty in the state machine's own entry: that is named by its record."""


class RedactionTask(_Body):
    """In the Redactions queue: go on with a redaction. Of two records that with the higher `run` counts."""

    redaction_id: str
    run: int


class StartTask(_Body):
    """In the Starts queue: start the execution of a dispatch that was taken in."""

    dispatch_uuid: str
    lost: str = ""
    """The name of the execution in whose place it is, if one was lost."""


Task = StepTask | MessageTask
News = Annotated[StatusNews | InboundNews | ReportNews, Field(discriminator="kind")]
TASK: TypeAdapter[Task] = TypeAdapter(Task, config=LAZY)
NEWS: TypeAdapter[News] = TypeAdapter(News, config=LAZY)


@dataclass(frozen=True)
class Record:
    """One SQS record as a function receives it."""

    id: str
    """The same at every redelivery."""
    receipt_handle: str
    body: str
    queued_at: datetime
    receives: int
    """1 the first time."""
    first_received_at: datetime

    @classmethod
    def of(cls, record: dict[str, Any]) -> "Record":
        attributes = record["attributes"]
        queued = int(attributes["SentTimestamp"])
        first = int(attributes.get("ApproximateFirstReceiveTimestamp", queued))
        return cls(
            id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            body=record["body"],
            queued_at=clock.from_milliseconds(queued),
            receives=int(attributes["ApproximateReceiveCount"]),
            first_received_at=clock.from_milliseconds(max(first, queued)),
        )


class Later(Exception):
    """Not now: the record goes back to its queue and is seen again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = max(0, min(LONGEST_DELAY, round(seconds)))


class Queue:
    def __init__(self, client: Any, url: str) -> None:
        self._client = client
        self._url = url

    def put(self, *bodies: _Body) -> None:
        """All or an error: SQS can take part of a batch, and the rest is tried once more."""
        for start in range(0, len(bodies), BATCH):
            self._put(bodies[start : start + BATCH])

    def _put(self, bodies: Sequence[_Body]) -> None:
        if len(bodies) == 1:
            self._client.send_message(QueueUrl=self._url, MessageBody=_text(bodies[0]))
            return
        left = list(bodies)
        for _ in range(2):
            taken = self.taken(left)
            left = [body for number, body in enumerate(left) if number not in taken]
            if not left:
                return
        raise RuntimeError(f"SQS refused {len(left)} of {len(bodies)} entries")

    def taken(self, bodies: Sequence[_Body]) -> set[int]:
        """Put BATCH at most by one call. The numbers of those that SQS took."""
        entries = [{"Id": str(number), "MessageBody": _text(body)} for number, body in enumerate(bodies)]
        answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        return {int(entry["Id"]) for entry in answer.get("Successful", [])}

    def keep(self, text: str, **attributes: str) -> None:
        """A text as it is, with something about it in the message's attributes."""
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=text,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )

    def postpone(self, record: Record, seconds: int) -> None:
        """Let a received record be seen again after `seconds`, LONGEST_DELAY at most, instead of the queue's
        own time."""
        self._client.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=record.receipt_handle, VisibilityTimeout=seconds
        )


class NewsQueue(Queue):
    """The Webhooks queue. Where news goes two ways, each has an entry of its own, so that neither waits."""

    def __init__(self, client: Any, url: str, ways: Sequence[Way] = ("webhook",)) -> None:
        super().__init__(client, url)
        self.ways = ways

    @property
    def batch(self) -> int:
        """How much news goes into one call."""
        return BATCH // len(self.ways)

    def announce(self, *news: News) -> None:
        """All or an error."""
        self.put(*self.entries(news))

    def entries(self, news: Sequence[News]) -> list[Entry]:
        return [each.model_copy(update={"via": way}) for each in news for way in self.ways]


def _text(body: _Body) -> str:
    return json.dumps(body.model_dump(mode="json"), separators=(",", ":"))
