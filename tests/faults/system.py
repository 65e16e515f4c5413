"""The deployed system with everybody around it, in virtual time: what is put off comes back, what is lost is
repeated, timers fire; until nothing is left to be done."""

import heapq
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends as stepfunctions_backends

from switchboard import notifying, records, services
from switchboard.adapters import base as adapters
from switchboard.models.messages import Status
from switchboard.store import DispatchItem, MessageItem, keys
from switchboard.workflows import Busy, Workflows
from tests.faults.carriers import KINDS, Carriers, Handed
from tests.faults.injector import Died, Injector
from tests.support import payloads
from tests.support.cloud import CONTEXT, SOURCES, Cloud, World, end_execution
from tests.support.virtual import VirtualTime

Body = dict[str, Any]
VISIBILITY = 120
"""Seconds after which a queue hands out again what a dead worker had, as in the template."""
RECEIVES = 100
REPEATS = (5, 30, 120, 600, 3600)
"""Seconds after which a provider, SNS or a client tries again what was not taken; the last one repeats."""
LONGEST = 8 * 86_400
"""Seconds in which everything has to come to its end."""
DAY = 86_400


class Breach(AssertionError):
    """The promise was not kept."""


@dataclass(order=True)
class Deed:
    """Something that somebody outside does, again and again until it is taken."""

    due: float
    number: int
    do: Callable[[], bool] = field(compare=False)
    left: int = field(compare=False, default=20)
    tries: int = field(compare=False, default=0)


@dataclass
class Heard:
    """One event as the client's receiver got it."""

    bodies: list[bytes] = field(default_factory=list)


class FarEnds(World):
    """Providers and the client's receiver, with faults on the way to them."""

    def __init__(self, injector: Injector, carriers: Carriers, time: VirtualTime) -> None:
        super().__init__(provider=lambda request: carriers.take(request, time.seconds()))
        self.events: dict[str, Heard] = {}
        self._injector = injector

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "client.example":
            return self._injector.http("client", request, lambda: self._hear(request))
        return self._injector.http("provider", request, lambda: self._take(request))

    def _take(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.sent.append(request)
        return self.provider(request)

    def _hear(self, request: httpx.Request) -> httpx.Response:
        reply = self.client(request)
        if reply.is_success:
            event = request.headers["switchboard-event-id"]
            self.events.setdefault(event, Heard()).bodies.append(request.content)
            self.webhooks.append(json.loads(request.content))
        return reply


_aws = services._aws


def _made(clients: dict[tuple[Any, ...], Any], *wanted: Any) -> Any:
    if wanted not in clients:
        clients[wanted] = _aws(*wanted)
    return clients[wanted]


class _OneByOne:
    """In place of the pool that works through a batch: a fault's place among the calls is always the same."""

    map = staticmethod(map)


class System(Cloud):
    """Call `rest` to let everything happen that happens by itself."""

    world: FarEnds

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.time = VirtualTime()
        self.injector = Injector(monkeypatch)
        self.carriers = Carriers()
        self.deeds: list[Deed] = []
        self.before_work: Callable[[str, Body], None] = lambda queue, body: None
        """Told of each record before its function has it."""
        self.on_record: Callable[[str, Body], None] = lambda queue, record: None
        """Told of each as its function has it."""
        self.parked: list[str] = []
        """What ended in a dead-letter queue."""
        self.told: set[str] = set()
        """Executions whose end was told of."""
        self._numbers = count()
        self._ranks: dict[str, int] = {}
        self.no_starts_until = 0.0
        """Step Functions starts nothing before."""
        self.backwards: list[str] = []
        """Messages whose status went back."""
        self.injector.on_write = self._watch
        self._bearers: dict[int, dict[str, str]] = {}
        clients: dict[tuple[Any, ...], Any] = {}
        super().__init__(FarEnds(self.injector, self.carriers, self.time), monkeypatch)
        self.time.install(monkeypatch)
        start = Workflows.start

        def starts(workflows: Workflows, *arguments: Any, **more: Any) -> None:
            if self.time.peek() < self.no_starts_until:
                raise Busy
            start(workflows, *arguments, **more)

        monkeypatch.setattr(Workflows, "start", starts)
        monkeypatch.setattr(records, "_pool", _OneByOne())
        monkeypatch.setattr(
            notifying, "_UNWRITTEN_LOOKS", 2
        )  # to see the same as with six, where nobody writes
        # They take long to make and remember nothing.
        monkeypatch.setattr(services, "_aws", lambda *wanted: _made(clients, *wanted))
        for queue in SOURCES:
            attributes = {"VisibilityTimeout": str(VISIBILITY)}
            self.sqs.set_queue_attributes(QueueUrl=self.queues[queue], Attributes=attributes)
        self.app = payloads.application(self)
        for kind in KINDS.values():
            kind.setup(self)
        self.listen()
        self._kept = set(self._rows())

    # --- processes -------------------------------------------------------------------------------

    def call(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Died if the process dies; the next call has a new one."""
        if function not in self.functions:
            self.load(function)
        try:
            with self.injector.inside(function):
                result: dict[str, Any] = self.functions[function].handler(event, CONTEXT)
                return result
        except Died:
            self.functions.pop(function, None)
            raise

    def restart(self) -> None:
        """New processes for all functions: nothing is remembered."""
        self.functions.clear()
        adapters.forget_tokens()

    def bearer(self) -> dict[str, str]:
        """A token lives fifteen minutes; to make one takes long."""
        made_at = int(self.time.peek()) // 300 * 300
        if made_at not in self._bearers:
            self._bearers = {made_at: payloads.bearer(self.app, iat=made_at)}
        return self._bearers[made_at]

    # --- what others do --------------------------------------------------------------------------

    def later(self, seconds: float, do: Callable[[], bool], left: int = 20) -> None:
        """Somebody does something in a while, and again while it returns False, raises or we die over it."""
        heapq.heappush(self.deeds, Deed(self.time.peek() + seconds, next(self._numbers), do, left))

    def request(self, function: str, path: str, body: Body, key: str | None, answers: list[Body]) -> None:
        """A client asks for something. With a key it asks until it has an answer, without one once."""

        def ask() -> bool:
            headers = self.bearer() | ({"Idempotency-Key": key} if key else {})
            status, answer = self.http(function, "POST", path, body, headers)
            if status == 202:
                answers.append(answer)
            elif status < 500 and status not in (409, 429):
                raise Breach(f"{path} answered {status}: {answer}")
            return status == 202 or key is None

        self.later(0, ask, left=20 if key else 1)

    def act(self) -> bool:
        """The first deed that is due."""
        if not self.deeds or self.deeds[0].due > self.time.peek():
            return False
        deed = heapq.heappop(self.deeds)
        try:
            done = deed.do()
        except Died:
            done = False
        except Breach:
            raise
        except Exception:  # a function that raised: whoever called it sees a 500
            done = False
        deed.left -= 1
        deed.tries += 1
        if not done and deed.left:
            deed.due = self.time.peek() + REPEATS[min(deed.tries, len(REPEATS)) - 1]
            heapq.heappush(self.deeds, deed)
        return True

    # --- queues ----------------------------------------------------------------------------------

    def _queue(self, queue: str) -> Any:
        name = self.queues[queue].rpartition("/")[2]
        return sqs_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].queues[name]

    def _waiting(self) -> Iterator[tuple[str, Any]]:
        for queue in SOURCES:
            for message in self._queue(queue)._messages:
                yield queue, message

    def _work(self) -> bool:
        """One record of a queue that has one."""
        now = self.time.peek() * 1000
        for queue, message in self._waiting():
            if max(message.visible_at, message.delayed_until) <= now:
                if message.approximate_receive_count >= RECEIVES:
                    self.parked.append(f"{queue}: {message.body}")
                    self.sqs.delete_message(QueueUrl=self.queues[queue], ReceiptHandle=message.receipt_handle)
                    return True
                self.before_work(queue, json.loads(message.body))
                self.work_one(queue)
                return True
        return False

    def work_one(self, queue: str, twice: bool = False) -> None:
        """One record through its function; with `twice` the queue hands it out a second time at once."""
        records = self.received(queue, most=1)
        for record in records:
            self.on_record(queue, record)
        try:
            if twice and records:
                self.call(SOURCES[queue], {"Records": records})
            self._hand(records, queue, SOURCES[queue])
        except Died:
            pass

    def received(self, queue: str, most: int = 10) -> list[dict[str, Any]]:
        return super().received(queue, most)

    # --- executions ------------------------------------------------------------------------------

    def executions(self) -> list[Any]:
        machines = stepfunctions_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].state_machines
        return [execution for machine in machines for execution in machine.executions]

    def _of(self, dispatch_uuid: str) -> list[Any]:
        return [one for one in self.executions() if one.name.startswith(dispatch_uuid)]

    def lose(self, dispatch_uuid: str) -> None:
        """Somebody stops a dispatch's execution."""
        for execution in self._of(dispatch_uuid):
            if execution.status == "RUNNING":
                end_execution(execution)

    def _tell(self) -> bool:
        """Of executions that ended badly, as the rule of the template has it."""
        found = False
        for execution in self.executions():
            if execution.status in ("FAILED", "TIMED_OUT", "ABORTED") and execution.name not in self.told:
                self.told.add(execution.name)
                detail = {
                    "name": execution.name,
                    "status": execution.status,
                    "input": execution.execution_input,
                }
                event = {
                    "detail-type": "Step Functions Execution Status Change",
                    "source": "aws.states",
                    "id": execution.name,
                    "detail": detail,
                }
                self.later(1, lambda event=event: self.call("dispatch", event) == {}, left=3)  # type: ignore[misc]
                found = True
        return found

    # --- until nothing is left -------------------------------------------------------------------

    def rest(self, longest: float = LONGEST) -> None:
        """Breach if it does not come to rest in that many seconds."""
        end = self.time.peek() + longest
        for _ in range(3000):
            self.time.settle()
            if self._tell() or self.act() or self._work():
                continue
            due = self.next()
            if due is None:
                return
            if due > end:
                raise Breach(f"still waiting after {longest / DAY:.0f} days: {self._left()}")
            self.pass_until(due)
        raise Breach(f"does not come to rest: {self._left()}")

    def step(self) -> bool:
        """The next thing that is due now. False if there is none."""
        self.time.settle()
        return self._tell() or self.act() or self._work()

    def pass_until(self, due: float) -> None:
        if due - self.time.peek() > 30:
            self.restart()  # nobody keeps a process that long
        self.time.advance(due + 0.001)

    def next(self) -> float | None:
        """When something happens next."""
        dues = [max(message.visible_at, message.delayed_until) / 1000 for _, message in self._waiting()]
        dues += [deed.due for deed in self.deeds[:1]]
        timer = self.time.next_timer()
        return min([*dues, *([timer] if timer else [])], default=None)

    def _left(self) -> str:
        bodies = [f"{queue}: {message.body}" for queue, message in self._waiting()]
        running = [execution.name for execution in self.executions() if execution.status == "RUNNING"]
        return f"queues {bodies}, executions {running}"

    def _empty(self, queue: str) -> None:
        kept = self._queue(queue)
        kept._messages.clear()
        kept.pending_messages.clear()

    def clear(self) -> None:
        """After a breach, so that it is not another run's."""
        for queue in SOURCES:
            self._empty(queue)
        self.deeds.clear()
        self.parked.clear()
        for execution in self.executions():
            if execution.status == "RUNNING":
                self.lose(execution.name)
            self.told.add(execution.name)

    # --- what the table says ---------------------------------------------------------------------

    def item(self, key: keys.Key) -> Body | None:
        found = self.dynamodb.get_item(
            TableName="table", Key={name: {"S": value} for name, value in key.items()}, ConsistentRead=True
        )
        item: Body | None = found.get("Item")
        return item

    def message(self, uuid: str) -> MessageItem | None:
        found = self.item(keys.message(uuid))
        return MessageItem.load(found) if found and "message" in found else None

    def dispatch(self, uuid: str) -> DispatchItem | None:
        found = self.item(keys.dispatch(uuid))
        return DispatchItem.load(found) if found else None

    def _watch(self, item: Body) -> None:
        """A message as it was just written: its status only goes forward."""
        if "rank" not in item:
            return
        key, rank = item["pk"]["S"], int(item["rank"]["N"])
        before = self._ranks.get(key, 0)
        if rank < before or (before == Status.REJECTED.rank and rank != before):
            self.backwards.append(f"{key} from {before} to {rank}")
        self._ranks[key] = rank

    def _rows(self) -> Any:
        return dynamodb_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].tables["table"].items

    def publishes(self, on: bool) -> None:
        """Whether events go out; for processes that are new."""
        self._setenv("PUBLISH_EVENTS", str(on).lower())

    def forget(self) -> None:
        """All but what was there at the beginning: each run starts from the same state."""
        rows = self._rows()
        for key in [key for key in rows if key not in self._kept]:
            del rows[key]
        self._ranks.clear()
        self.backwards.clear()
        self.world.events.clear()
        self.world.webhooks.clear()
        self.world.sent.clear()
        self.carriers.handed.clear()
        self.carriers.refusals.clear()
        for queue in ("BusQueue", "IngestDlq", "EventsDlq"):
            self._empty(queue)

    # --- the promise -----------------------------------------------------------------------------

    def check_message(self, uuid: str, tags: tuple[str, ...], spoiled: frozenset[str] = frozenset()) -> None:
        """What was promised of one message. `spoiled` are the tags whose outcome we cannot know."""
        item = self.message(uuid)
        hold(item is not None, f"{uuid} is not there any more")
        assert item
        hold(item.status is not Status.ACCEPTED, f"{uuid} was accepted and nothing came of it")
        told = {event for event in self.world.events if event.startswith(f"{uuid}:")}
        hold(told == {f"{uuid}:{status}" for status in item.statuses}, f"{item.status} but heard {told}")
        for event in told:
            bodies = set(self.world.events[event].bodies)
            statuses = {json.loads(body)["status"] for body in bodies}
            hold(statuses == {event.rpartition(":")[2]}, f"{event} said {statuses}")
        taken = [self.carriers.handed[tag] for tag in tags if tag in self.carriers.handed]
        if not item.status.is_failure:
            hold(
                len(taken) == len(tags), f"{item.status}, but the provider was handed {len(taken)} of {tags}"
            )
        for handed in taken:
            self._check_handed(handed, item, spoiled)

    def _check_handed(self, handed: Handed, item: MessageItem, spoiled: frozenset[str]) -> None:
        if KINDS[handed.kind].knows_repeats or handed.times == 1:
            return
        hold(handed.tag in spoiled, f"{handed.tag} was handed over {handed.times} times")
        resent = [one.decision for one in item.unknown].count("resent")
        hold(
            handed.times <= resent + 1,
            f"{handed.tag} went out {handed.times} times, the record is {item.unknown}",
        )

    def check_dispatch(self, uuid: str) -> Body:
        """What was promised of one dispatch. Returns its report."""
        item = self.dispatch(uuid)
        hold(item is not None and item.closed_by is not None, f"dispatch {uuid} is not closed")
        running = [one.name for one in self._of(uuid) if one.status == "RUNNING"]
        hold(not running, f"{running} wait for ever")
        heard = self.world.events.get(f"{uuid}:report")
        hold(heard is not None, f"no report of {uuid}")
        assert heard
        hold(len(set(heard.bodies)) == 1, f"{uuid} has several reports: {heard.bodies}")
        reports = [body for body in self.world.webhooks if body.get("dispatch_uuid") == uuid]
        hold(len(reports) == len(heard.bodies), f"other reports of {uuid}")
        return dict(json.loads(heard.bodies[0]))

    def check_ended(self, uuid: str) -> None:
        """Of a workflow of which nothing is reported."""
        item = self.dispatch(uuid)
        hold(item is not None and item.closed_by is not None, f"workflow {uuid} is not closed")
        running = [one.name for one in self._of(uuid) if one.status == "RUNNING"]
        hold(not running, f"{running} wait for ever")
        hold(f"{uuid}:report" not in self.world.events, f"a report of {uuid}")

    def check_queues(self) -> None:
        hold(not self.parked, f"in the dead-letter queue: {self.parked}")
        hold(not self.backwards, f"went back: {self.backwards}")


def hold(condition: bool, words: str) -> None:
    if not condition:
        raise Breach(words)
