"""What is done in one run of each flow, and how it has to end when nothing goes wrong."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx

from switchboard.models.workflows import message_uuid
from switchboard.store.keys import ACCOUNT
from switchboard.store.spend import SpendStore
from tests.faults.carriers import AWS_SMS, KINDS, MESSENGER, VIBER, VIBER_BOT, WHATSAPP, Body, Handed, Kind
from tests.faults.injector import Call, Died, Way
from tests.faults.system import System, hold
from tests.functions.test_intake import event
from tests.support import payloads

Fate = Sequence[tuple[float, str]]
"""Receipts of a message: seconds after its provider took it, and the status. Those of 0 seconds come before
the provider's answer."""


@dataclass
class Asked:
    """What a client asked for."""

    tags: tuple[str, ...]
    """Of the parts of its message, or of the messages of its steps."""
    answers: list[Body] = field(default_factory=list)


@dataclass
class Run:
    """One run of a flow."""

    system: System
    number: int
    asked: list[Asked] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    fates: dict[str, Fate] = field(default_factory=dict)
    spoiled: set[str] = field(default_factory=set)
    """Tags of messages that a provider had and we did not know it, when a fault struck."""
    notes: dict[str, Any] = field(default_factory=dict)
    times: int = 1
    """How often each receipt comes."""

    def __post_init__(self) -> None:
        self.system.publishes(False)
        self.system.carriers.took = self._took
        self.system.injector.on_strike = self.strike
        self.system.before_work = lambda queue, body: None

    def tag(self, fate: Fate = ()) -> str:
        """For the text of another message."""
        tag = f"tag{self.number:05x}{len(self.tags):03x}"
        self.tags.append(tag)
        self.fates[tag] = fate
        return tag

    def ask(self, function: str, path: str, body: Body, *tags: str, repeat: bool = False) -> None:
        key = f"key-{self.number}-{len(self.asked)}" if repeat else None
        self.system.request(function, path, body, key, self._asked(*tags).answers)

    def _asked(self, *tags: str) -> Asked:
        self.asked.append(Asked(tags))
        return self.asked[-1]

    def put(self, body: Body, *tags: str) -> None:
        """Ask by the Ingest queue."""
        text = json.dumps(body | {"application_id": self.system.app["id"]})
        queue = self.system.queues["IngestQueue"]
        uuid = self.system.sqs.send_message(QueueUrl=queue, MessageBody=text)["MessageId"]
        kind = "dispatch_uuid" if "workflow" in body else "message_uuid"
        self._asked(*tags).answers.append({kind: uuid})

    @property
    def answers(self) -> list[Body]:
        return [answer for asked in self.asked for answer in asked.answers]

    def _took(self, handed: Handed) -> None:
        kind = KINDS[handed.kind]
        for seconds, status in self.fates.get(handed.tag, ()):
            for _ in range(self.times):
                self.report(kind, handed, seconds, status)

    def report(self, kind: Kind, handed: Handed, seconds: float, status: str) -> None:
        def do() -> bool:
            return kind.receipt(self.system, handed, status, self.system.time.seconds())

        if seconds:
            self.system.later(seconds, do)
            return
        try:
            taken = do()
        except (Died, Exception):
            taken = False
        if not taken:
            self.system.later(5, do)

    def strike(self) -> None:
        """What the table does not know at this moment of what providers have."""
        for uuid, tags in self.messages().items():
            item = self.system.message(uuid)
            for number, tag in enumerate(tags, 1):
                recorded = item and (item.status.rank > 0 or number in item.parts)
                if tag in self.system.carriers.handed and not recorded:
                    self.spoiled.add(tag)

    def handed(self) -> set[str]:
        """Tags of what providers have been handed so far."""
        return {tag for tag in self.tags if tag in self.system.carriers.handed}

    @property
    def unsure(self) -> bool:
        """A provider's answer was lost, or what we knew of it: then a message may be given up."""
        struck = self.system.injector.struck
        return bool(self.spoiled) or (struck is not None and struck.to == "provider")

    def messages(self) -> dict[str, tuple[str, ...]]:
        """The uuids that this run's messages have by now, and the tags in their texts."""
        found: dict[str, tuple[str, ...]] = {}
        for asked in self.asked:
            for answer in asked.answers:
                dispatch = _dispatch(answer)
                if dispatch is None:
                    found[answer["message_uuid"]] = asked.tags
                    continue
                for number, tag in enumerate(asked.tags):
                    uuid = message_uuid(dispatch, number)
                    if self.system.message(uuid):
                        found[uuid] = (tag,)
        return found

    def dispatches(self) -> list[str]:
        return [dispatch for answer in self.answers if (dispatch := _dispatch(answer))]


def _dispatch(answer: Body) -> str | None:
    return answer.get("dispatch_uuid") or answer.get("workflow_id")


@dataclass(frozen=True)
class Flow:
    begin: Callable[[Run], None]
    tried: frozenset[str] | None = None
    """The functions whose calls go wrong; None for all."""
    check: Callable[[Run], None] = lambda run: None
    """More than is true of every flow."""
    known: bool = False
    """Its reads are those of another flow, where each goes wrong in every way: here we only die before it."""

    def ways(self, call: Call) -> tuple[Way, ...]:
        return ("dies before",) if self.known and call.reads else call.ways


def check(run: Run) -> None:
    """What is true after every flow."""
    system = run.system
    system.check_queues()
    for uuid, tags in run.messages().items():
        system.check_message(uuid, tags, frozenset(run.spoiled))
    for dispatch in run.dispatches():
        item = system.dispatch(dispatch)
        if item is None or item.reports:
            system.check_dispatch(dispatch)
        else:
            system.check_ended(dispatch)


# --- one message -----------------------------------------------------------------------------------


def text(kind: Kind, tag: str, **more: Any) -> Body:
    body = kind.body() | more
    return body | {"message": {"content": {"type": "text", "text": f"hello {tag}"}}}


def one(kind: Kind, fate: Fate = (), *, repeat: bool = False, times: int = 1) -> Callable[[Run], None]:
    def begin(run: Run) -> None:
        run.times = times
        tag = run.tag(fate)
        run.ask("send", "/v0.1/messages", text(kind, tag), tag, repeat=repeat)

    return begin


def reached(*statuses: str) -> Callable[[Run], None]:
    """These statuses, if we could know what the provider did."""

    def look(run: Run) -> None:
        for uuid in run.messages():
            item = run.system.message(uuid)
            assert item
            found = sorted(status.value for status in item.statuses)
            hold(run.unsure or found == sorted(statuses), f"{uuid} reached {found}")

    return look


def answered(run: Run) -> None:
    """A client that repeats its request has one answer in the end, and one message."""
    hold(len(run.answers) == 1, f"the client was answered {run.answers}")
    handed = [one for one in run.system.carriers.handed.values() if one.tag in run.tags]
    hold(len(handed) == 1, f"{len(handed)} messages came of one request")
    reached("submitted", "delivered")(run)


def unanswered(run: Run) -> None:
    """A client that does not know may still have sent, but not a message that nobody follows."""
    for handed in run.system.carriers.handed.values():
        if handed.tag in run.tags and not run.answers:
            run.system.check_message(handed.uuid, (handed.tag,), frozenset(run.spoiled))


def in_parts(run: Run) -> None:
    first, second = run.tag([(2, "delivered")]), run.tag([(3, "delivered")])
    body = text(AWS_SMS, f"{first} {'x' * 1600} {second} {'y' * 800}")
    run.ask("send", "/v0.1/messages", body, first, second)


def ingest(kind: str) -> Callable[[Run], None]:
    def begin(run: Run) -> None:
        tag = run.tag([(2, "delivered")])
        body = {
            "v0.1": lambda: text(AWS_SMS, tag),
            "v1": lambda: payloads.flat("sms", "text", f"hello {tag}"),
            "dispatch": lambda: payloads.workflow(step_of(AWS_SMS, tag)),
        }[kind]()
        run.put(body, tag)

    return begin


def told(run: Run, uuid: str, queue: str) -> None:
    """A refusal is on the bus and in the dead-letter queue, each at least once and, after one fault, at most
    three times."""
    events = [event["detail"]["id"] for event in run.system.events()]
    kept = [record["messageAttributes"]["id"]["stringValue"] for record in run.system.taken(queue)]
    hold(set(events) == set(kept) == {uuid}, f"told of {events}, kept {kept}")
    hold(len(events) + len(kept) <= 2 * 3, f"told {len(events)} times, kept {len(kept)} times")


def ingest_refused(run: Run) -> None:
    system = run.system
    text = json.dumps(payloads.text("sms") | {"to": {"type": "sms"}})
    queue = system.queues["IngestQueue"]
    run.notes["refused"] = system.sqs.send_message(QueueUrl=queue, MessageBody=text)["MessageId"]


def event_refused(function: str) -> Callable[[Run], None]:
    """An event on the bus that cannot be taken. Lambda tries again what raised, twice."""

    def begin(run: Run) -> None:
        refused = event("Send Message" if function == "send" else "Start Dispatch", {})
        run.notes["refused"] = refused["id"]
        run.system.later(0, lambda: run.system.call(function, refused) is not None, left=3)

    return begin


def published(begin: Callable[[Run], None]) -> Callable[[Run], None]:
    """With events out switched on."""

    def publish(run: Run) -> None:
        run.system.publishes(True)
        run.system.restart()
        begin(run)

    return publish


def on_the_bus(run: Run) -> None:
    """The bus is told the same as the client's receiver."""
    told: dict[str, set[str]] = {}
    for each in run.system.events():
        for resource in each["resources"]:
            if resource.startswith("event/"):
                told.setdefault(resource.removeprefix("event/"), set()).add(json.dumps(each["detail"]))
    heard = {
        name: {json.dumps(json.loads(body)) for body in one.bodies}
        for name, one in run.system.world.events.items()
    }
    hold(told == heard, f"the bus was told {told}, the client {heard}")


# --- from people -----------------------------------------------------------------------------------


def writes(run: Run) -> None:
    """A person writes by SMS, and AWS delivers it twice."""
    words = f"hello {run.tag()}"
    said = {
        "originationNumber": "+447700900100",
        "destinationNumber": "+15550001111",
        "messageBody": words,
        "inboundMessageId": words,
    }
    event = payloads.sns(said)
    run.notes["words"] = words
    for seconds in (0, 1):
        run.system.later(seconds, lambda: run.system.call("inbound", event) == {})


def heard_once(run: Run) -> None:
    said = {
        event
        for event, heard in run.system.world.events.items()
        for body in heard.bodies
        if run.notes["words"] in json.dumps(json.loads(body)["message"])
    }
    hold(len(said) == 1, f"the client heard {len(said)} events of one message")


def opts_out(run: Run) -> None:
    """A person opts out by WhatsApp, is told so once, and is written to no more."""
    person = str(447_700_100_000 + run.number)
    system = run.system

    def says() -> bool:
        at = system.time.seconds()
        return payloads.whatsapp_inbound(system, "STOP", wamid=f"wamid.{person}", person=person, at=at) == 200

    for seconds in (0, 1):
        system.later(seconds, says)
    tag = run.tag()
    body = text(WHATSAPP, tag) | {"to": {"type": "whatsapp", "number": person}}

    def is_written_to() -> bool:
        run.ask("send", "/v0.1/messages", body, tag)
        return True

    system.later(86_400, is_written_to)
    run.notes["person"] = person


def is_left_alone(run: Run) -> None:
    sent = [json.loads(request.content) for request in run.system.world.sent]
    told = [body for body in sent if body.get("to") == run.notes["person"]]
    hold(len(told) == 1, f"the person was told {len(told)} times")
    [answer] = run.answers
    item = run.system.message(answer["message_uuid"])
    hold(item is not None and item.status == "rejected", "the person was written to")


# --- dispatches ------------------------------------------------------------------------------------


def step_of(kind: Kind, tag: str, seconds: int | None = None, condition: str = "delivered") -> Body:
    failover = {"failover": {"expiry_time": seconds, "condition_status": condition}} if seconds else {}
    return text(kind, tag) | failover


@dataclass(frozen=True)
class Ending:
    """Of a dispatch by Viber, then SMS: what becomes of each, and what is reported of it."""

    fates: tuple[Fate, ...]
    entries: list[tuple[str, str]]
    seconds: int = 600
    condition: str = "delivered"
    status: str = "completed"
    refused: tuple[int, ...] = ()
    """Steps that their provider refuses."""
    late: int = 0
    disturbed: list[tuple[str, str]] | None = None
    """What else may be reported if something went wrong."""
    more: Callable[[Run], None] = lambda run: None

    def begin(self, run: Run) -> None:
        kinds = [VIBER, AWS_SMS][-len(self.fates) :]
        tags = [run.tag(fate) for fate in self.fates]
        for number in self.refused:
            run.system.carriers.refusals[tags[number]] = lambda: httpx.Response(
                400, json={"errorCode": "E400", "description": "no", "__type": "ValidationException"}
            )
        steps = [
            step_of(kind, tag, self.seconds if kind is VIBER else None, self.condition)
            for kind, tag in zip(kinds, tags, strict=True)
        ]
        self.more(run)
        run.ask("dispatch", "/v0.1/dispatch", payloads.workflow(*steps), *tags, repeat=True)

    def check(self, run: Run) -> None:
        hold(len(run.answers) == 1, f"the client was answered {run.answers}")
        [uuid] = run.dispatches()
        report = run.system.check_dispatch(uuid)
        entries = [(entry["channel"], entry["status"]) for entry in report["_links"]["messages"]]
        if not run.unsure:
            also = self.disturbed if run.system.injector.struck else None
            hold(entries in (self.entries, also), f"the report says {entries}")
            hold(report["status"] == self.status, f"the report says {report['status']}")
        if run.system.injector.struck is None:
            late = sum(entry.get("late", False) for entry in report["_links"]["messages"])
            hold(late == self.late, f"{late} are late")


def late_before_the_next(run: Run) -> None:
    """The first step's receipt comes when the second is queued and not begun."""

    def look(queue: str, body: Body) -> None:
        first = run.system.carriers.handed.get(run.tags[0])
        if body.get("step") == 1 and first and "came" not in run.notes:
            run.notes["came"] = True
            run.report(VIBER, first, 0, "delivered")

    run.system.before_work = look


def late_after_the_next(run: Run) -> None:
    """The first step's receipt comes when the second is out."""
    took = run.system.carriers.took

    def look(handed: Handed) -> None:
        took(handed)
        if handed.tag == run.tags[1] and run.tags[0] in run.system.carriers.handed:
            run.report(VIBER, run.system.carriers.handed[run.tags[0]], 1, "delivered")

    run.system.carriers.took = look


def loses_its_execution(run: Run) -> None:
    def lose() -> bool:
        for dispatch in run.dispatches():
            run.system.lose(dispatch)
        return True

    run.system.later(5, lose)


def cancelled(seconds: float, fate: Fate = (), *, early: bool = False) -> Callable[[Run], None]:
    """A dispatch by Viber, then SMS, that its client calls off: after so long, or with `early` as its first
    step is taken out of the queue."""

    def begin(run: Run) -> None:
        first, second = run.tag(fate), run.tag([(2, "delivered")])
        steps = step_of(VIBER, first, 3600), step_of(AWS_SMS, second)

        def cancel() -> bool:
            for dispatch in run.dispatches():
                path, headers = f"/v0.1/dispatch/{dispatch}", run.system.bearer()
                try:
                    status, _ = run.system.http("dispatch", "DELETE", path, headers=headers)
                finally:
                    item = run.system.dispatch(dispatch)
                    if item and item.cancelled_at:
                        run.notes.setdefault("out", run.handed())
                if status in (200, 409):
                    run.notes["answer"] = status
                    return True
            return False

        def look(queue: str, body: Body) -> None:
            if body.get("step") == 0 and run.dispatches() and "came" not in run.notes:
                run.notes["came"] = True
                run.system.later(0, cancel)
                run.system.act()

        if early:
            run.system.before_work = look
        run.system.later(seconds, cancel)
        run.ask("dispatch", "/v0.1/dispatch", payloads.workflow(*steps), first, second, repeat=True)

    return begin


def called_off(run: Run) -> None:
    """What its client was told is what is reported, and nothing goes out after that."""
    [uuid] = run.dispatches()
    report = run.system.check_dispatch(uuid)
    answer, status = run.notes["answer"], report["status"]
    hold((answer == 200) == (status == "cancelled"), f"answered {answer} and reported {status}")
    if answer == 200:
        out, now = run.notes["out"], run.handed()
        hold(out == now, f"{now - out} went out after it was cancelled")
    if run.system.injector.struck is None:
        hold(run.tags[1] not in run.system.carriers.handed, "the second step went out")


def never_sent(run: Run) -> None:
    """... and the first did not either, if the answer came before it was begun."""
    called_off(run)
    if run.system.injector.struck is None:
        hold(run.tags[0] not in run.system.carriers.handed, "the first step went out")


def capped(run: Run) -> None:
    """Three messages on a day that has room for two."""
    store = SpendStore(run.system.dynamodb, "table", 30)
    store.set_account(cap=Decimal("0.12"), assumed=Decimal("0.05"))
    run.notes["store"] = store
    for _ in range(3):
        tag = run.tag([(2, "delivered")])
        run.ask("send", "/v0.1/messages", text(AWS_SMS, tag), tag)


def within_its_cap(run: Run) -> None:
    """What was counted fits, and no more went out than was counted: but one, if its worker died over it."""
    store, day = run.notes["store"], run.system.time.now().date()
    counted = sum(store.spent(ACCOUNT, day - timedelta(days=past)) for past in range(9))
    out = [tag for tag in run.tags if tag in run.system.carriers.handed]
    died = 0 if run.system.injector.struck is None else 1
    hold(counted <= Decimal("0.12"), f"{counted} is counted")
    hold(len(out) * Decimal("0.05") <= counted + died * Decimal("0.05"), f"{len(out)} for {counted}")
    hold(died > 0 or len(out) == 2, f"{len(out)} went out")


def cannot_start_yet(run: Run) -> None:
    run.system.no_starts_until = run.system.time.peek() + 0.5


BY_VIBER, BY_SMS = "viber_service_msg", "sms"
ENDINGS = {
    "the first step wins": Ending(([(2, "delivered")], []), [(BY_VIBER, "delivered")]),
    "read as wanted": Ending(([(2, "delivered"), (4, "read")], []), [(BY_VIBER, "read")], condition="read"),
    "its time runs out": Ending(
        ([], [(2, "delivered")]), [(BY_VIBER, "submitted"), (BY_SMS, "delivered")], seconds=600
    ),
    "refused": Ending(
        ([], [(2, "delivered")]), [(BY_VIBER, "rejected"), (BY_SMS, "delivered")], refused=(0,)
    ),
    "undeliverable": Ending(
        ([(2, "undeliverable")], [(2, "delivered")]), [(BY_VIBER, "undeliverable"), (BY_SMS, "delivered")]
    ),
    "all fail": Ending(
        ([], [(2, "rejected")]),
        [(BY_VIBER, "rejected"), (BY_SMS, "rejected")],
        refused=(0,),
        status="error",
    ),
    "the last one expires": Ending(([],), [(BY_SMS, "submitted")], status="error"),
    "a late receipt stops the next": Ending(
        ([], []),
        [(BY_VIBER, "delivered")],
        disturbed=[(BY_VIBER, "delivered"), (BY_SMS, "submitted")],
        more=late_before_the_next,
    ),
    "a late receipt comes after the next": Ending(
        ([], [(3, "delivered")]),
        [(BY_VIBER, "delivered"), (BY_SMS, "delivered")],
        late=1,
        disturbed=[(BY_VIBER, "submitted"), (BY_SMS, "delivered")],
        more=late_after_the_next,
    ),
    "its execution is lost": Ending(
        ([(300, "delivered")], []), [(BY_VIBER, "delivered")], seconds=3600, more=loses_its_execution
    ),
}


WAITS_TO_START = Ending(([(2, "delivered")], []), [(BY_VIBER, "delivered")], more=cannot_start_yet)


def failover(run: Run) -> None:
    """Version 1, without times: the second message follows when the first fails, and nothing is reported."""
    first, second = run.tag([(2, "undeliverable")]), run.tag([(2, "delivered")])
    body = payloads.flat("viber_service_msg", "text", f"hello {first}")
    body["failover"] = [payloads.flat("sms", "text", f"hello {second}")]
    run.ask("send", "/v1/messages", body, first, second, repeat=True)


# ---------------------------------------------------------------------------------------------------

SEND, DELIVER, STATUS, NOTIFY = (frozenset({name}) for name in ("send", "deliver", "status", "notify"))
INBOUND, DISPATCH = frozenset({"inbound"}), frozenset({"dispatch"})
DELIVERED: Fate = [(2, "delivered")]

FLOWS: dict[str, Flow] = {
    "send": Flow(one(AWS_SMS, DELIVERED), SEND, unanswered),
    "send with a key": Flow(one(AWS_SMS, DELIVERED, repeat=True), SEND, answered),
    **{f"deliver by {kind.name}": Flow(one(kind), DELIVER, reached("submitted")) for kind in KINDS.values()},
    **{
        f"deliver by {kind.name}, with receipts": Flow(
            one(kind, [(2 + n, word) for n, word in enumerate(kind.words)]), DELIVER
        )
        for kind in KINDS.values()
    },
    "deliver in parts": Flow(in_parts, DELIVER),
    "receipt": Flow(one(AWS_SMS, DELIVERED, times=2), STATUS, reached("submitted", "delivered")),
    "receipt by Infobip": Flow(
        one(VIBER, [(2, "delivered"), (3, "read")], times=2),
        STATUS,
        reached("submitted", "delivered", "read"),
    ),
    "receipt by Messenger": Flow(
        one(MESSENGER, [(2, "submitted"), (3, "delivered"), (4, "read")], times=2),
        INBOUND,
        reached("submitted", "delivered", "read"),
    ),
    "receipt that finds its message by the provider's id": Flow(
        one(VIBER_BOT, [(2, "delivered"), (3, "read")]), STATUS, reached("submitted", "delivered", "read")
    ),
    "receipt before the record": Flow(
        one(VIBER_BOT, [(0, "delivered")]), STATUS | DELIVER, reached("submitted", "delivered")
    ),
    "receipt before the answer": Flow(
        one(AWS_SMS, [(0, "delivered")]), STATUS | DELIVER, reached("submitted", "delivered")
    ),
    "watermark before the record": Flow(one(MESSENGER, [(0, "delivered"), (5, "read")]), INBOUND | DELIVER),
    "inbound": Flow(writes, INBOUND, heard_once),
    "opt-out": Flow(opts_out, INBOUND, is_left_alone),
    "notify": Flow(one(VIBER, [(2, "read")]), NOTIFY, reached("submitted", "delivered", "read")),
    **{f"ingest of {kind}": Flow(ingest(kind), frozenset({"ingest"})) for kind in ("v0.1", "v1", "dispatch")},
    **{
        f"dispatch: {name}": Flow(ending.begin, None, ending.check, known=name != "the first step wins")
        for name, ending in ENDINGS.items()
    },
    "ingest, refused": Flow(
        ingest_refused, frozenset({"ingest"}), lambda run: told(run, run.notes["refused"], "IngestDlq")
    ),
    **{
        f"event for {name}, refused": Flow(
            event_refused(name),
            frozenset({name}),
            lambda run: told(run, run.notes["refused"], "EventsDlq"),
        )
        for name in ("send", "dispatch")
    },
    "receipt, with events out": Flow(
        published(one(VIBER, [(2, "read")], times=2)), STATUS | NOTIFY, on_the_bus
    ),
    "report, with events out": Flow(published(ENDINGS["the first step wins"].begin), NOTIFY, on_the_bus),
    "dispatch: its start has to wait": Flow(
        WAITS_TO_START.begin, frozenset({"dispatch"}), WAITS_TO_START.check
    ),
    "dispatch: failover of version 1": Flow(failover, None, known=True),
    "deliver with a cap": Flow(capped, DELIVER, within_its_cap),
    "cancel": Flow(cancelled(300), None, called_off, known=True),
    "cancel before the first step": Flow(cancelled(300, early=True), DISPATCH | DELIVER, never_sent),
    "cancel against a receipt": Flow(
        cancelled(5, [(5, "delivered")]), DISPATCH | STATUS, called_off, known=True
    ),
    "cancel after a failure": Flow(
        cancelled(2, [(2, "undeliverable")]), DISPATCH | STATUS | DELIVER, called_off, known=True
    ),
}
