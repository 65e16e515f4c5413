"""What ministack keeps in memory alone, made to outlive a kill of this process, as on AWS it outlives all.

Each function makes one part of it write its changes to the journal, and `replay` does them again. What
changes seldom (secrets) is saved whole. Everything else is made by a deployment and saved after it; S3's
objects are files anyway.

    {"table": ARN, "key": [hash, range], "item": {...} | null, "change": number of its record (streams.py)}
    {"queue": ARN, "id": message, "set": {...} | null}              a message's new or changed members
    {"execution": ARN, "set": {...}}
    {"invocation": id, "of": [function's ARN, event] | null}        an asynchronous one, until it is done

`patch` is setattr, or MonkeyPatch.setattr in tests.
"""

import contextlib
import copy
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

from ministack import app
from ministack.core import persistence
from ministack.core.arn import parse_arn
from ministack.core.responses import AccountRegionScopedDict, request_scope
from ministack.services import dynamodb, lambda_svc, secretsmanager, sns, sqs, stepfunctions

from sandbox.corrections import Patch
from sandbox.journal import Change, Journal
from sandbox.streams import Streams

JOURNALED = {"dynamodb", "sqs", "stepfunctions"}
"""Parts whose saved state the journal brings up to date."""
INVOCATIONS = "invocations"
"""The file of asynchronous invocations that are not done, beside the emulator's own."""
STREAMS = "streams"
"""That of the streams' records that no function has worked on."""
DRAFT = ".new"
"""Ends the names of a snapshot's files before it is complete."""
RESTARTED = "States.ServiceRestart"
"""The error ministack gives to executions that ran when it ended."""


class Durable:
    """One per process, since ministack is made of modules with global state."""

    def __init__(self, journal: Journal, patch: Patch = setattr) -> None:
        self._invocations: dict[str, list[Any]] = {}
        """Asynchronous invocations that are not done: function's ARN and event, by an id of ours."""
        self._left: list[str] = []
        """Those that were not done when the last run ended."""
        self.settled = False
        """Whether what is deployed is saved, so that secrets may be saved too."""
        self._journal = journal
        self._saving = threading.Lock()
        self.streams = Streams(journal, patch)
        tables(journal, self.streams, patch)
        queues(journal, patch)
        executions(journal, patch)
        self._keep_invocations(patch)
        self._keep_secrets(patch)
        load = app._load_persisted_state

        def loaded() -> None:
            complete_or_undo()
            load()
            self._replay()

        # A request can come as soon as the emulator listens, from a function that outlived the last run.
        patch(app, "_load_persisted_state", loaded)

    # --- saving and loading ----------------------------------------------------------------------

    def save(self, *, everything: bool = True) -> None:
        """A new snapshot, of all parts or of those in the journal; the journal up to now is forgotten.

        Blocks, and may run in any thread. Raises OSError; then all is as it was.
        """
        with self._saving:
            number = self._journal.rotate()
            complete_or_undo()
            for part, get_state in app._build_persistence_save_dict().items():
                if everything or part in JOURNALED:
                    state = _unchanging(get_state)
                    if state is not None:  # None: it has nothing to say
                        _write(part, state, DRAFT)
            with self._journal.lock:
                invocations = dict(self._invocations)
                streams = self.streams.kept()  # after the tables, whose changes they are
            _write(INVOCATIONS, invocations, DRAFT)
            _write(STREAMS, streams, DRAFT)
            _marker().touch()
            complete_or_undo()
            self._journal.forget(number)

    def compact(self) -> None:
        """As `save`, of what the journal is about."""
        self.save(everything=False)

    def _replay(self) -> None:
        self._invocations.update(persistence.load_state(INVOCATIONS) or {})
        self.streams.load(persistence.load_state(STREAMS) or {})
        replay(self._journal.earlier(), self._invocations, self.streams)
        self.streams.sort()
        self._left = list(self._invocations)

    # --- invocations and secrets -----------------------------------------------------------------

    def invoke_again(self) -> int:
        """What was not done when the last run ended. Returns how many there were."""
        for name in self._left:
            arn, event = self._invocations[name]
            with _scope_of(arn):
                function, config, _ = lambda_svc._get_func_record_for_ref(arn)
                if function:
                    record = lambda_svc._execution_record_for_config(function, config)
                    lambda_svc.invoke_async_with_retry(record, event)
            self._done(name)
        return len(self._left)

    def _keep_invocations(self, patch: Patch) -> None:
        """EventBridge and SNS answer when Lambda has the event, and it has it until the function is done."""
        stock = lambda_svc.invoke_async_with_retry
        started = threading.local()

        class Thread(threading.Thread):
            """Does what is to be done after those that are started here."""

            def __init__(self, *arguments: Any, **more: Any) -> None:
                super().__init__(*arguments, **more)
                self._after: Callable[[], None] | None = getattr(started, "after", None)

            def run(self) -> None:
                super().run()
                if self._after:
                    self._after()

        def invoke(func: dict[str, Any], event: Any) -> None:
            name, config = uuid4().hex, func.get("config") or func
            with self._journal.lock:
                self._invocations[name] = [config["FunctionArn"], event]
                self._journal.write({"invocation": name, "of": self._invocations[name]})
            started.after = lambda: self._done(name)
            try:
                stock(func, event)
            finally:
                started.after = None

        class Inline(threading.Thread):
            """SNS hands over to Lambda in another thread, which may be too late."""

            def __init__(self, *arguments: Any, **more: Any) -> None:
                super().__init__(*arguments, **more)
                self._inline = sns._deliver_to_lambda in more.get("args", ())

            def start(self) -> None:
                self.run() if self._inline else super().start()

        patch(lambda_svc, "invoke_async_with_retry", invoke)
        patch(lambda_svc, "threading", _Module(threading, Thread=Thread))
        patch(sns, "_threading", _Module(threading, Thread=Inline))

    def _done(self, name: str) -> None:
        with self._journal.lock:
            if self._invocations.pop(name, None):
                self._journal.write({"invocation": name, "of": None})

    def _keep_secrets(self, patch: Patch) -> None:
        stock = secretsmanager.handle_request

        async def handle(method: str, path: str, headers: dict[str, str], *rest: Any) -> Any:
            answer = await stock(method, path, headers, *rest)
            action = headers.get("x-amz-target", "").rpartition(".")[2]
            reads = action.startswith(("Get", "List", "Describe", "BatchGet", "Validate"))
            if self.settled and answer[0] == 200 and not reads:
                draft = _write("secretsmanager", secretsmanager.get_state(), ".changed")
                draft.replace(draft.with_suffix(""))
            return answer

        patch(secretsmanager, "handle_request", handle)


class _Module:
    """A module with some of its names replaced."""

    def __init__(self, module: Any, **replaced: Any) -> None:
        self._module = module
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _write(part: str, state: Any, suffix: str) -> Path:
    """As ministack does it, but telling of errors, and beside the file that it is to replace."""
    document = {"__ministack_format__": persistence._state_format_version(part), "payload": state}
    path = Path(persistence.STATE_DIR, f"{part}.json{suffix}")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        # In one piece: the encoder that writes piece by piece is slow.
        file.write(json.dumps(document, default=persistence._json_default))
    return path


def _marker() -> Path:
    """The file that says that all files of a snapshot are written."""
    return Path(persistence.STATE_DIR, "complete")


def complete_or_undo() -> None:
    """Put the files of a snapshot in their places, so that they are all of one time; drop them if they are
    not all there."""
    complete = _marker().exists()
    for draft in Path(persistence.STATE_DIR).glob(f"*.json{DRAFT}"):
        if complete:
            draft.replace(draft.with_suffix(""))
        else:
            draft.unlink()
    _marker().unlink(missing_ok=True)


def _unchanging(state: Callable[[], Any]) -> Any:
    """A part's state. Copying it fails when it is changed at the same time, which cannot go on for ever."""
    for _ in range(100):
        with contextlib.suppress(RuntimeError):
            return state()
        time.sleep(0.01)
    return state()


def _scope_of(arn: str) -> contextlib.AbstractContextManager[None]:
    spec = parse_arn(arn)
    scope: contextlib.AbstractContextManager[None] = request_scope(spec.account_id, spec.region)
    return scope


# --- tables ----------------------------------------------------------------------------------------


def tables(journal: Journal, streams: Streams, patch: Patch) -> None:
    """All writes go through two functions."""
    store, remove, transact = dynamodb._set_item, dynamodb._remove_item, dynamodb._transact_write_items

    def change(table: dict[str, Any], hash_: str, range_: str, item: dict[str, Any] | None) -> None:
        number = streams.number(table)
        told = {"change": number} if number else {}
        journal.write({"table": table["TableArn"], "key": [hash_, range_], "item": item, **told})
        streams.add(table, number, table["items"].get(hash_, {}).get(range_), item)

    def storing(table: dict[str, Any], hash_: str, range_: str, item: dict[str, Any]) -> Any:
        with journal.lock:
            change(table, hash_, range_, item)
            return store(table, hash_, range_, item)

    def removing(table: dict[str, Any], hash_: str, range_: str) -> Any:
        with journal.lock:
            change(table, hash_, range_, None)
            return remove(table, hash_, range_)

    def transacting(request: dict[str, Any]) -> Any:
        with journal.together():
            return transact(request)

    def state() -> dict[str, Any]:
        """An item that is stored does not change any more, so that there is no need to copy it."""
        copied = AccountRegionScopedDict()
        with journal.lock:
            for (account, region, name), table in dynamodb._tables.all_items():
                items = {hash_: dict(group) for hash_, group in table["items"].items()}
                kept = {key: value for key, value in table.items() if key != dynamodb._INDEX_MEMBERS}
                copied.set_scoped(account, region, name, {**kept, "items": items})
        others = {name: copy.deepcopy(getattr(dynamodb, f"_{name}")) for name in _ABOUT_TABLES}
        return {"tables": copied, **others}

    patch(dynamodb, "_set_item", storing)
    patch(dynamodb, "_remove_item", removing)
    patch(dynamodb, "_transact_write_items", transacting)
    patch(dynamodb, "get_state", state)


_ABOUT_TABLES = (
    "tags",
    "ttl_settings",
    "pitr_settings",
    "kinesis_destinations",
    "contributor_insights",
    "backups",
    "resource_policies",
    "exports",
    "imports",
)


# --- queues ----------------------------------------------------------------------------------------


def queues(journal: Journal, patch: Patch) -> None:
    """Messages are put and removed in a dozen places, always by way of the queue's list: so it is the list
    that tells the journal. How often a message was received and until when it was put off is told too; a
    message that was just being worked on is handed out again."""
    collect, handlers = sqs._collect_msgs, sqs._HANDLERS

    class Queues(AccountRegionScopedDict):  # type: ignore[misc]
        __slots__ = ()

        def __setitem__(self, url: str, queue: dict[str, Any]) -> None:
            super().__setitem__(url, _Queue(queue, journal))

        def update(self, other: Any) -> None:
            super().update(other)
            for scoped, queue in self._data.items():
                if not isinstance(queue, _Queue):
                    self._data[scoped] = _Queue(queue, journal)

    def collecting(queue: dict[str, Any], count: int, seconds: int) -> Any:
        with journal.lock:
            taken = collect(queue, count, seconds)
            for message in taken:
                message["put_off_until"] = 0.0
            journal.write(*(_set(queue, message, *_RECEIVED) for message in taken))
            return taken

    def put_off(action: str) -> Callable[[dict[str, Any], str], Any]:
        def change(request: dict[str, Any], url: str) -> Any:
            with journal.lock:
                answer = handlers[action](request, url)
                queue = sqs._get_q(request.get("QueueUrl", url))
                entries = request.get("Entries", [request])
                handles = {entry.get("ReceiptHandle") for entry in entries} - {None}
                changed = [message for message in queue["messages"] if message["receipt_handle"] in handles]
                for message in changed:
                    message["put_off_until"] = message["visible_at"]
                journal.write(*(_set(queue, message, "put_off_until") for message in changed))
                return answer

        return change

    store = Queues()
    store.update(sqs._queues)
    patch(sqs, "_queues", store)
    patch(sqs, "_collect_msgs", collecting)
    changes = ("ChangeMessageVisibility", "ChangeMessageVisibilityBatch")
    patch(sqs, "_HANDLERS", {**handlers, **{action: put_off(action) for action in changes}})


_RECEIVED = ("receive_count", "first_receive_at", "put_off_until")


def _set(queue: dict[str, Any], message: dict[str, Any], *members: str) -> Change:
    return {
        "queue": queue["attributes"]["QueueArn"],
        "id": message["id"],
        "set": {member: message[member] for member in members},
    }


class _Queue(dict[str, Any]):
    """The emulator's record of a queue.

    It removes messages by assigning what is left of them, from several threads, which also lost a message
    that was sent in between. Here an assignment removes what its thread saw and left out, and nothing else.
    """

    def __init__(self, queue: dict[str, Any], journal: Journal) -> None:
        super().__init__(queue)
        self._journal = journal
        super().__setitem__(
            "messages", _Messages(queue["messages"], queue["attributes"]["QueueArn"], journal)
        )

    def __setitem__(self, name: str, value: Any) -> None:
        if name == "messages":
            self[name].leave(value)
        else:
            super().__setitem__(name, value)

    def __deepcopy__(self, memo: Any) -> dict[str, Any]:
        with self._journal.lock:
            copied = copy.deepcopy({key: value for key, value in self.items() if key != "messages"}, memo)
            return {**copied, "messages": [dict(message) for message in self["messages"]]}


class _Messages(list[dict[str, Any]]):
    """Of one queue, in their order. Iterating goes over what is there at its beginning."""

    def __init__(self, messages: Iterable[dict[str, Any]], arn: str, journal: Journal) -> None:
        super().__init__(messages)
        self._arn = arn
        self._journal = journal
        self._seen = threading.local()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self._seen.last = seen = self.copy()
        return iter(seen)

    def append(self, message: dict[str, Any]) -> None:
        with self._journal.lock:
            self._journal.write({"queue": self._arn, "id": message["id"], "set": message})
            super().append(message)

    def leave(self, kept: Iterable[dict[str, Any]]) -> None:
        """Remove what this thread saw when it last iterated, but these."""
        stay = {id(message) for message in kept}
        self._drop([message for message in getattr(self._seen, "last", ()) if id(message) not in stay])

    def remove(self, message: dict[str, Any]) -> None:
        self._drop([message])

    def clear(self) -> None:
        self._drop(self.copy())

    def _drop(self, gone: list[dict[str, Any]]) -> None:
        if not gone:
            return
        ids = {id(message) for message in gone}
        with self._journal.lock:
            self._journal.write(*({"queue": self._arn, "id": one["id"], "set": None} for one in gone))
            self[:] = [message for message in self.copy() if id(message) not in ids]


# --- executions ------------------------------------------------------------------------------------


def executions(journal: Journal, patch: Patch) -> None:
    """Each change of an execution's status is told to the event bus by one function.

    That it runs is written before it does anything. That it ended is written when the bus has taken it:
    dying in between makes it one that was lost, of which the bus is told at the next start.
    """
    stock = stepfunctions._emit_execution_status_event

    def told(execution: dict[str, Any]) -> None:
        kept = {name: value for name, value in execution.items() if name != "events"}
        change = {"execution": execution["executionArn"], "set": kept}
        running = execution["status"] == "RUNNING"
        if running:
            journal.write(change)
        stock(execution)
        if not running:
            journal.write(change)

    patch(stepfunctions, "_emit_execution_status_event", told)


# --- doing it again --------------------------------------------------------------------------------


def replay(changes: Iterable[Change], invocations: dict[str, list[Any]], streams: Streams) -> None:
    """Bring what was loaded up to date."""
    known_tables = {table["TableArn"]: table for table in dynamodb._tables.all_values()}
    known_queues = {queue["attributes"]["QueueArn"]: queue for queue in sqs._queues.all_values()}
    messages = {
        arn: {message["id"]: message for message in queue["messages"]} for arn, queue in known_queues.items()
    }
    for change in changes:
        match change:
            case {"table": arn, "key": [hash_, range_], "item": item}:
                if table := known_tables.get(arn):
                    old = table["items"].get(hash_, {}).get(range_)
                    streams.add(table, change.get("change"), old, item)
                _put(known_tables.get(arn), hash_, range_, item)
            case {"stream": arn, "to": number}:
                streams.worked_on(arn, number)
            case {"queue": arn, "id": name, "set": members}:
                _change(messages.get(arn, {}), name, members)
            case {"execution": arn, "set": members}:
                _run(arn, members)
            case {"invocation": name, "of": None}:
                invocations.pop(name, None)
            case {"invocation": name, "of": call}:
                invocations[name] = call
    for table in known_tables.values():
        dynamodb._items_replaced(table)
    for arn, queue in known_queues.items():
        list.__setitem__(queue["messages"], slice(None), map(_waiting, messages[arn].values()))


def _put(table: dict[str, Any] | None, hash_: str, range_: str, item: dict[str, Any] | None) -> None:
    if table is None:  # it was deleted, or its deployment did not come to an end
        return
    items = table["items"]
    if item is not None:
        items.setdefault(hash_, {})[range_] = item
    elif range_ in items.get(hash_, {}):
        del items[hash_][range_]
        if not items[hash_]:
            del items[hash_]


def _change(messages: dict[str, dict[str, Any]], name: str, members: dict[str, Any] | None) -> None:
    if members is None:
        messages.pop(name, None)
    elif name in messages:
        messages[name].update(members)
    elif "body" in members:
        messages[name] = members


def _waiting(message: dict[str, Any]) -> dict[str, Any]:
    """A message as nobody works on it: whoever did is no more."""
    if message["receive_count"]:
        message["visible_at"] = message.get("put_off_until", 0.0)
    return message


def _run(arn: str, members: dict[str, Any]) -> None:
    spec = parse_arn(arn)
    with request_scope(spec.account_id, spec.region):
        there = stepfunctions._executions.get(arn) or {}
        stepfunctions._executions[arn] = {"events": there.get("events", []), **members}
        # It has come to no end that we know of: as ministack sees it, it failed.
        if members["status"] == "RUNNING":
            now = stepfunctions.now_iso()
            stepfunctions._executions[arn].update(
                status="FAILED", stopDate=now, error=RESTARTED, cause="the local stack was killed"
            )
