"""What is written outlives a kill: the journal by itself, and each part of the emulator that writes to it.

A kill is made by forgetting everything that is in memory and starting again on the same folder.
"""

import asyncio
import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.journal import Change, Journal
from sandbox.state import State
from tests.support.stack import until

A, B, C = ({"number": number} for number in range(3))


def read(folder: Path) -> list[Change]:
    return list(Journal(folder).earlier())


# --- the file --------------------------------------------------------------------------------------


def test_changes_come_back_in_their_order(tmp_path: Path) -> None:
    for change in (A, B):  # two runs
        Journal(tmp_path).write(change, C)
    assert read(tmp_path) == [A, C, B, C]
    assert [oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()] == ["0o600"] * 3


def test_a_torn_end_is_dropped_and_no_more(tmp_path: Path) -> None:
    Journal(tmp_path).write(A)
    [file] = tmp_path.iterdir()
    whole = len(file.read_bytes())
    Journal(tmp_path).write(B)
    second = sorted(tmp_path.iterdir())[1]
    written = second.read_bytes()
    for length in range(len(written)):
        second.write_bytes(written[:length])
        folder = tmp_path / "copy" / str(length)
        folder.mkdir(parents=True)
        (folder / file.name).write_bytes(file.read_bytes() + written[:length])
        assert read(folder) == [A]
    assert whole == len(file.read_bytes())


def test_a_full_disk_harms_one_change_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path)
    real, full = os.write, [False]

    def write(descriptor: int, line: bytes) -> int:
        if full[0]:
            raise OSError(28, "No space left on device")
        full[0] = b"1" in line
        return real(descriptor, line[:5] if full[0] else line)

    monkeypatch.setattr(os, "write", write)
    journal.write(A)
    with pytest.raises(OSError, match="No space"):
        journal.write(B)
    full[0] = False
    journal.write(C)
    assert read(tmp_path) == [A, C]


def test_together_is_all_or_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    with journal.together():
        journal.write(A)
        with journal.together():
            journal.write(B)
        assert not journal.size
    [file] = tmp_path.iterdir()
    assert json.loads(file.read_text()) == [A, B]
    assert journal.size == file.stat().st_size


def test_what_is_in_a_snapshot_is_forgotten(tmp_path: Path) -> None:
    Journal(tmp_path).write(A)
    journal = Journal(tmp_path)
    journal.write(B)
    number = journal.rotate()
    journal.write(C)
    assert read(tmp_path) == [A, B, C]
    journal.forget(number)
    assert read(tmp_path) == [C]
    assert journal.size == sum(file.stat().st_size for file in tmp_path.iterdir())


# --- the emulator ----------------------------------------------------------------------------------

TABLE, INDEX = "items", "by_colour"
REGION, ACCOUNT = "us-east-1", "000000000000"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:probe"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:probe"


class Emulator:
    """A table with an index, a queue with a dead-letter queue, a state machine, a function; in a folder."""

    def __init__(self, folder: Path) -> None:
        from ministack import app
        from ministack.core import persistence
        from ministack.services import dynamodb, lambda_svc, secretsmanager, sns, sqs, stepfunctions

        self.app, self.dynamodb, self.sqs, self.states = app, dynamodb, sqs, stepfunctions
        self.lambdas, self.sns, self.secrets = lambda_svc, sns, secretsmanager
        self._folder = folder
        self._patches = pytest.MonkeyPatch()
        self._persistence = persistence
        self.calls: list[Any] = []
        self.hold = threading.Event()
        self._forget()
        self._boot()
        self._deploy()
        self.durable.save()
        self.durable.settled = True

    def killed(self) -> None:
        """Killed and started again."""
        self.hold.set()
        self._forget()
        self._boot()

    def close(self) -> None:
        self.hold.set()
        self._forget()

    def _forget(self) -> None:
        self._patches.undo()
        for store in (
            self.dynamodb._tables,
            self.sqs._queues,
            self.sqs._queue_name_to_url,
            self.states._executions,
            self.states._state_machines,
            self.lambdas._functions,
            self.secrets._secrets,
            self.sns._topics,
        ):
            store.clear()

    def _boot(self) -> None:
        from sandbox import corrections
        from sandbox.durable import Durable

        patch = self._patches.setattr
        patch(self._persistence, "STATE_DIR", str(self._folder))
        patch(self._persistence, "PERSIST_STATE", True)
        patch(self.lambdas, "_execute_function", self._execute)
        patch(self.states, "_run_execution", lambda arn: None)
        corrections.asynchronous_invocations(patch)
        self.journal = Journal(self._folder / "journal")
        self.durable = Durable(self.journal, patch)
        self.hold = threading.Event()
        self.app._load_persisted_state()

    def _deploy(self) -> None:
        keys = [("pk", "HASH"), ("sk", "RANGE")]
        self.dynamodb._create_table(
            {
                "TableName": TABLE,
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in keys],
                "AttributeDefinitions": [
                    {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "colour")
                ],
                "GlobalSecondaryIndexes": [
                    {
                        "IndexName": INDEX,
                        "KeySchema": [{"AttributeName": "colour", "KeyType": "HASH"}],
                        "Projection": {"ProjectionType": "ALL"},
                    }
                ],
            }
        )
        self.dead = self.act("CreateQueue", QueueName="dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead", "maxReceiveCount": 2}
        self.queue = self.act(
            "CreateQueue", QueueName="work", Attributes={"RedrivePolicy": json.dumps(redrive)}
        )["QueueUrl"]
        self.states._state_machines[MACHINE] = {"name": "probe", "roleArn": "", "definition": "{}"}
        config = {"FunctionName": "probe", "FunctionArn": FUNCTION, "Version": "$LATEST"}
        self.lambdas._functions["probe"] = {"config": config, "code_zip": None}

    # --- asking it ---

    def write(self, action: str, **request: Any) -> None:
        status, _, body = getattr(self.dynamodb, action)({"TableName": TABLE, **request})
        assert status == 200, body

    def items(self) -> dict[str, str]:
        """Colours by the second key."""
        found = json.loads(self.dynamodb._scan({"TableName": TABLE})[2])["Items"]
        return {item["sk"]["S"]: item["colour"]["S"] for item in found}

    def coloured(self, colour: str) -> set[str]:
        request = {
            "TableName": TABLE,
            "IndexName": INDEX,
            "KeyConditionExpression": "colour = :colour",
            "ExpressionAttributeValues": {":colour": {"S": colour}},
        }
        return {item["sk"]["S"] for item in json.loads(self.dynamodb._query(request)[2])["Items"]}

    def act(self, action: str, **request: Any) -> Any:
        return self.sqs._HANDLERS[action](request, request.get("QueueUrl", ""))

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.act("SendMessage", QueueUrl=self.queue, MessageBody=body)

    def receive(self, count: int = 10) -> dict[str, dict[str, Any]]:
        """By their bodies."""
        taken = self.sqs._receive_messages_for_esm(self.queue, count)
        return {message["body"]: message for message in taken}

    def waiting(self, url: str = "") -> list[str]:
        return [message["body"] for message in self.sqs._get_q(url or self.queue)["messages"]]

    def invoke(self, event: Any) -> None:
        self.lambdas.invoke_async_with_retry(self.lambdas._functions["probe"], event)

    def _execute(self, record: Any, event: Any) -> dict[str, Any]:
        self.calls.append(event)
        if event["slow"]:
            self.hold.wait(10)
        return {"body": None}

    def execution(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.states._executions[
            f"{MACHINE.replace('stateMachine', 'execution')}:{name}"
        ]
        return found

    def execute(self, name: str) -> int:
        status: int = self.states._start_execution({"stateMachineArn": MACHINE, "name": name, "input": "{}"})[
            0
        ]
        return status


@pytest.fixture(scope="module")
def _environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The emulator's settings, while it is imported and used."""
    from sandbox import emulator

    state = State(tmp_path_factory.mktemp("state"))
    before, level = dict(os.environ), logging.getLogger().level
    emulator.prepare_environment(state, "http://127.0.0.1:9", "ERROR")
    yield
    os.environ.clear()
    os.environ.update(before)
    logging.getLogger().setLevel(level)


@pytest.fixture
def emulator(_environment: None, tmp_path: Path) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path)
    yield emulator
    emulator.close()


def item(name: str, colour: str) -> dict[str, Any]:
    return {"pk": {"S": "all"}, "sk": {"S": name}, "colour": {"S": colour}}


def key(name: str) -> dict[str, Any]:
    return {"pk": {"S": "all"}, "sk": {"S": name}}


def paint(name: str, colour: str) -> dict[str, Any]:
    return {
        "Key": key(name),
        "UpdateExpression": "SET colour = :colour",
        "ExpressionAttributeValues": {":colour": {"S": colour}},
    }


def some_writes(emulator: Emulator) -> None:
    for name in ("a", "b", "c"):
        emulator.write("_put_item", Item=item(name, "red"))
    emulator.write("_update_item", **paint("a", "green"))
    emulator.write("_delete_item", Key=key("b"))
    batch = [{"PutRequest": {"Item": item("d", "red")}}, {"DeleteRequest": {"Key": key("c")}}]
    emulator.write("_batch_write_item", RequestItems={TABLE: batch})


def test_items_outlive_a_kill(emulator: Emulator) -> None:
    some_writes(emulator)
    assert emulator.coloured("red") == {"d"}  # now it has members, which are not to be believed later
    for _ in range(2):
        emulator.killed()
        assert emulator.items() == {"a": "green", "d": "red"}
        assert (emulator.coloured("red"), emulator.coloured("green")) == ({"d"}, {"a"})
        status = emulator.dynamodb._describe_table({"TableName": TABLE})[2]
        assert json.loads(status)["Table"]["ItemCount"] == 2


def test_a_refused_write_leaves_nothing(emulator: Emulator) -> None:
    emulator.write("_put_item", Item=item("a", "red"))
    size = emulator.journal.size
    request = {
        "TableName": TABLE,
        "Item": item("a", "green"),
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    assert emulator.dynamodb._put_item(request)[0] == 400
    assert emulator.journal.size == size


def test_a_transaction_is_one_line(emulator: Emulator) -> None:
    [before] = (emulator.journal.size,)
    puts = [{"Put": {"TableName": TABLE, "Item": item(name, "red")}} for name in ("a", "b")]
    emulator.write("_transact_write_items", TransactItems=puts)
    assert emulator.journal.size > before
    [file] = (emulator._folder / "journal").iterdir()
    assert [len(json.loads(line)) for line in file.read_text().splitlines()] == [2]
    emulator.killed()
    assert emulator.items() == {"a": "red", "b": "red"}


def test_the_tables_state_is_the_emulators_own(emulator: Emulator) -> None:
    some_writes(emulator)
    ours = emulator.dynamodb.get_state()
    emulator._patches.undo()
    stock = emulator.dynamodb.get_state()
    assert ours.keys() == stock.keys()
    assert dict(ours["tables"].all_items()) == dict(stock["tables"].all_items())


def test_dying_anywhere_in_a_snapshot_is_harmless(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each file that is put in place or removed, then a kill."""
    steps = 0

    class Killed(BaseException):
        pass

    some_writes(emulator)
    emulator.send("one")
    assert emulator.execute("e") == 200
    for died_at in range(100):
        emulator.write("_update_item", **paint("a", f"colour {died_at}"))
        emulator.send(f"{died_at}")
        steps = 0

        def dying(real: Callable[..., Any], at: int = died_at) -> Callable[..., Any]:
            def step(*arguments: Any, **more: Any) -> Any:
                nonlocal steps
                steps += 1
                if steps > at:
                    raise Killed
                return real(*arguments, **more)

            return step

        with monkeypatch.context() as patches:
            patches.setattr(os, "replace", dying(os.replace))
            patches.setattr(Path, "unlink", dying(Path.unlink))
            patches.setattr(Path, "touch", dying(Path.touch))
            patches.setattr(json, "dumps", dying(json.dumps))
            patches.setattr(Journal, "rotate", dying(Journal.rotate))
            try:
                emulator.durable.compact()
            except Killed:
                done = False
            else:
                done = True
        # Written after the snapshot began, or after the try.
        emulator.write("_update_item", **paint("d", f"colour {died_at}"))
        emulator.killed()
        assert emulator.items() == {"a": f"colour {died_at}", "d": f"colour {died_at}"}
        assert emulator.waiting() == ["one", *map(str, range(died_at + 1))]
        assert emulator.execution("e")["error"] == "States.ServiceRestart"
        if done:
            break
    assert done and steps > 10


def test_messages_outlive_a_kill(emulator: Emulator) -> None:
    emulator.send("done", "waiting", "purged later")
    emulator.send("late")
    emulator.act(
        "SendMessageBatch",
        QueueUrl=emulator.queue,
        Entries=[{"Id": "1", "MessageBody": "batch"}],
    )
    done = emulator.receive(1)["done"]
    emulator.act("DeleteMessage", QueueUrl=emulator.queue, ReceiptHandle=done["receipt_handle"])
    emulator.killed()
    assert emulator.waiting() == ["waiting", "purged later", "late", "batch"]
    taken = emulator.receive()
    emulator.sqs._delete_messages_for_esm(emulator.queue, {taken["late"]["receipt_handle"]})
    emulator.killed()
    assert emulator.waiting() == ["waiting", "purged later", "batch"]
    emulator.act("PurgeQueue", QueueUrl=emulator.queue)
    emulator.killed()
    assert emulator.waiting() == []


def test_receives_are_counted_over_a_kill(emulator: Emulator) -> None:
    emulator.send("worked on", "put off")
    first = {body: message["first_receive_at"] for body, message in emulator.receive().items()}
    put_off = emulator.sqs._get_q(emulator.queue)["messages"][1]
    handle = {"ReceiptHandle": put_off["receipt_handle"], "VisibilityTimeout": 600}
    emulator.act("ChangeMessageVisibility", QueueUrl=emulator.queue, **handle)
    until_ = put_off["visible_at"]
    emulator.killed()
    # What a function worked on comes at once, what it put off when it said.
    again = emulator.receive()
    assert {body: message["receive_count"] for body, message in again.items()} == {"worked on": 2}
    assert again["worked on"]["first_receive_at"] == first["worked on"]
    [other] = [m for m in emulator.sqs._get_q(emulator.queue)["messages"] if m["body"] == "put off"]
    assert (other["visible_at"], other["receive_count"]) == (until_, 1)


@pytest.mark.parametrize("snapshot", [False, True], ids=["journal", "snapshot"])
def test_dead_letters_are_moved_once(emulator: Emulator, snapshot: bool) -> None:
    emulator.send("hopeless")
    for _ in range(2):
        assert emulator.receive()
        emulator.killed()
    assert not emulator.receive()
    if snapshot:
        emulator.durable.compact()
    emulator.killed()
    assert (emulator.waiting(), emulator.waiting(emulator.dead)) == ([], ["hopeless"])


def test_a_message_sent_while_another_is_deleted_is_not_lost(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda's poller deletes in a thread of its own."""
    from sandbox import durable

    def delete_while_sending() -> list[str]:
        emulator.send("old")
        handles = {message["receipt_handle"] for message in emulator.receive().values()}
        emulator.sqs._delete_messages_for_esm(emulator.queue, handles)
        return emulator.waiting()

    def new() -> dict[str, Any]:
        now = 0.0
        return {"id": "new", "body": "new", "visible_at": now, "sent_at": now, "receive_count": 0}

    class Sending(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            yield from self.copy()
            if any(message["receipt_handle"] for message in self.copy()):
                self.append(new() | {"receipt_handle": None})

    real = durable._Messages.__iter__

    def sending(self: Any) -> Iterator[Any]:
        yield from real(self)
        if any(message["receipt_handle"] for message in self.copy()):
            threading.Thread(target=self.append, args=[new() | {"receipt_handle": None}]).start()
            until(lambda: len(self) > 1)

    stock = {**emulator.sqs._get_q(emulator.queue), "messages": Sending()}
    handled = {"ReceiptHandle": "handle", "QueueUrl": emulator.queue}
    stock["messages"].append({**new(), "id": "old", "receipt_handle": "handle"})
    with monkeypatch.context() as patches:
        patches.setattr(emulator.sqs, "_get_q", lambda *_: stock)
        emulator.sqs._act_delete_message(handled, emulator.queue)
    assert list(stock["messages"]) == []

    monkeypatch.setattr(durable._Messages, "__iter__", sending)
    assert "new" in delete_while_sending()


def test_executions_that_ran_are_known_as_lost(emulator: Emulator) -> None:
    events: list[tuple[str, str]] = []
    for name in ("running", "done", "failed"):
        assert emulator.execute(name) == 200
    done, failed = emulator.execution("done"), emulator.execution("failed")
    done.update(status="SUCCEEDED", output="{}", stopDate=done["startDate"])
    emulator.states._emit_execution_status_event(done)
    emulator.states._fail_execution(failed, "Some", "cause")
    emulator.killed()
    for name in ("running", "done", "failed"):
        execution = emulator.execution(name)
        events.append((execution["status"], execution.get("error") or ""))
        assert execution["input"] == "{}"
        assert emulator.execute(name) == 400, "its name is used again"
    assert events == [("FAILED", "States.ServiceRestart"), ("SUCCEEDED", ""), ("FAILED", "Some")]


def test_an_execution_is_announced_once(emulator: Emulator) -> None:
    emulator.execute("running")
    emulator.durable.compact()  # it is in the snapshot as running
    emulator.killed()
    lost = emulator.execution("running")
    assert not lost.get("announced")
    lost["announced"] = True
    emulator.states._emit_execution_status_event(lost)
    emulator.killed()
    assert emulator.execution("running")["announced"]


def test_invocations_that_were_not_done_are_made_again(emulator: Emulator) -> None:
    emulator.invoke({"slow": False, "n": 1})
    until(lambda: not emulator.durable._invocations)
    emulator.invoke({"slow": True, "n": 2})
    emulator.durable.compact()
    emulator.invoke({"slow": True, "n": 3})
    until(lambda: len(emulator.calls) == 3)
    journal = emulator.journal

    def not_done() -> list[int]:
        emulator.calls.clear()
        emulator.durable.invoke_again()
        until(lambda: len(emulator.calls) == 2)
        return sorted(event["n"] for event in emulator.calls)

    # The first run's threads die with it: what they write when they are let go is not to count.
    journal._append = lambda line: None  # type: ignore[method-assign]
    emulator.killed()
    assert not_done() == [2, 3]
    emulator.hold.set()
    until(lambda: not emulator.durable._invocations)
    emulator.killed()
    assert emulator.durable.invoke_again() == 0


def test_a_publication_is_written_before_it_is_answered(emulator: Emulator) -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:probe"
    emulator.sns._create_topic({"Name": ["probe"]})
    subscription = {"TopicArn": [topic], "Protocol": ["lambda"], "Endpoint": [FUNCTION]}
    assert emulator.sns._subscribe(subscription)[0] == 200
    seen: list[int] = []
    emulator._patches.setattr(
        emulator.lambdas, "invoke_async_with_retry", lambda *_: seen.append(threading.get_ident())
    )
    emulator.sns._publish({"TopicArn": [topic], "Message": ["hello"]})
    assert seen == [threading.get_ident()]


@pytest.mark.parametrize(("settled", "kept"), [(True, True), (False, False)], ids=["settled", "deploying"])
def test_secrets_outlive_a_kill_once_all_is_deployed(emulator: Emulator, settled: bool, kept: bool) -> None:
    emulator.durable.settled = settled
    call = {"x-amz-target": "secretsmanager.CreateSecret"}
    body = json.dumps({"Name": "account", "SecretString": "s"}).encode()
    status, *_ = asyncio.run(emulator.secrets.handle_request("POST", "/", call, body, {}))
    assert status == 200
    emulator.killed()
    assert ("account" in emulator.secrets._secrets) == kept


def test_changes_of_what_is_no_more_are_passed_over(emulator: Emulator) -> None:
    some_writes(emulator)
    emulator.send("one")
    emulator.dynamodb._tables.clear()
    emulator.sqs._queues.clear()
    emulator.durable.save()
    Journal(emulator._folder / "journal").write(
        {"table": "arn:aws:dynamodb:us-east-1:000000000000:table/gone", "key": ["a", "b"], "item": {}},
        {"queue": "arn:aws:sqs:us-east-1:000000000000:gone", "id": "1", "set": {"body": "x"}},
        {"something": "else"},
    )
    emulator.killed()
    assert not list(emulator.dynamodb._tables.all_values()) and not list(emulator.sqs._queues.all_values())


# --- streams ---------------------------------------------------------------------------------------


def listen(emulator: Emulator, *, slow: bool = False, fails: int = 0) -> list[Any]:
    """A function reads the table's stream; returned is what it is given. It fails that many times first."""
    given: list[Any] = []

    def execute(record: Any, event: Any) -> dict[str, Any]:
        given.append([one["dynamodb"] for one in event["Records"]])
        assert event["shardId"]
        if slow:
            emulator.hold.wait(10)
        return {"error": True} if len(given) <= fails else {"body": None}

    emulator._patches.setattr(emulator.lambdas, "_execute_function", execute)
    emulator._patches.setattr(emulator.lambdas, "_ESM_BACKOFF_SECONDS", 0.0)
    stream = emulator.dynamodb._tables[TABLE]["LatestStreamArn"]
    colour = {"dynamodb": {"NewImage": {"colour": {"S": [{"anything-but": ["grey"]}]}}}}
    source = {
        "UUID": "source",
        "EventSourceArn": stream,
        "FunctionName": "probe",
        "BatchSize": 10,
        "FilterCriteria": {"Filters": [{"Pattern": json.dumps(colour)}]},
    }
    emulator._patches.setattr(emulator.lambdas, "_iter_all_esms", lambda: [(ACCOUNT, REGION, source)])
    return given


@pytest.fixture
def streamed(emulator: Emulator) -> Emulator:
    specification = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    emulator.dynamodb._update_table({"TableName": TABLE, "StreamSpecification": specification})
    emulator.durable.save()
    return emulator


def polled(emulator: Emulator, until_given: Callable[[], bool]) -> None:
    def done() -> bool:
        emulator.durable.streams.poll()
        return until_given() and not emulator.lambdas._esm_inflight

    until(done)


def moves(given: list[Any]) -> list[tuple[Any, Any]]:
    """Colours before and after."""
    found = [change for batch in given for change in batch]
    images = [
        [change.get(name, {}).get("colour", {}).get("S") for name in ("OldImage", "NewImage")]
        for change in found
    ]
    return [(old, new) for old, new in images]


def test_a_function_is_given_each_change(streamed: Emulator) -> None:
    given = listen(streamed)
    streamed.write("_put_item", Item=item("a", "red"))
    streamed.write("_put_item", Item=item("a", "red"))  # which changes nothing
    streamed.write("_update_item", **paint("a", "green"))
    streamed.write("_put_item", Item=item("b", "grey"))  # which the filter leaves out
    puts = [{"Put": {"TableName": TABLE, "Item": item("c", "blue")}}]
    streamed.write("_transact_write_items", TransactItems=puts)
    polled(streamed, lambda: len(moves(given)) == 3)
    assert moves(given) == [(None, "red"), ("red", "green"), (None, "blue")]
    numbers = [int(change["SequenceNumber"]) for batch in given for change in batch]
    assert numbers == sorted(set(numbers))
    assert not streamed.durable.streams.kept()
    assert not streamed.durable.streams.poll()


def test_a_batch_that_failed_comes_again(streamed: Emulator) -> None:
    given = listen(streamed, fails=2)
    streamed.write("_put_item", Item=item("a", "red"))
    polled(streamed, lambda: len(given) == 3)
    assert given[0] == given[1] == given[2]
    assert not streamed.durable.streams.poll()


def test_ministacks_own_streams_are_in_memory_alone(emulator: Emulator) -> None:
    """It keeps where a function had got to, and not what it was to get: records would be passed over."""
    emulator.close()
    assert not [part for part in emulator.dynamodb.get_state() if "stream_rec" in part]
    assert "dynamodb_stream_positions" in emulator.lambdas.get_state()


def test_one_batch_at_a_time(streamed: Emulator) -> None:
    given = listen(streamed, slow=True)
    streamed.write("_put_item", Item=item("a", "red"))
    assert streamed.durable.streams.poll()
    streamed.write("_put_item", Item=item("b", "red"))
    assert not streamed.durable.streams.poll()
    streamed.hold.set()
    polled(streamed, lambda: len(moves(given)) == 2)
    assert [len(batch) for batch in given] == [1, 1]


@pytest.mark.parametrize("snapshot", [False, True], ids=["from the journal", "from a snapshot"])
def test_changes_that_were_not_worked_on_outlive_a_kill(streamed: Emulator, snapshot: bool) -> None:
    given = listen(streamed)
    streamed.write("_put_item", Item=item("a", "red"))
    polled(streamed, lambda: bool(given))
    streamed.write("_update_item", **paint("a", "green"))
    streamed.write("_update_item", **paint("a", "blue"))
    before = streamed.durable.streams.kept()
    if snapshot:
        streamed.durable.compact()
    for _ in range(2):
        streamed.killed()
        assert streamed.durable.streams.kept() == before
    again = listen(streamed)
    polled(streamed, lambda: len(moves(again)) == 2)
    assert moves(again) == [("red", "green"), ("green", "blue")]
    streamed.killed()
    assert not streamed.durable.streams.kept()


def test_what_a_snapshot_had_worked_on_is_done_in_the_journal_too(streamed: Emulator) -> None:
    """A snapshot's records are of later than the journal's first line: those are added behind them again."""
    first, second, third = 1_000, 2_000, 3_000
    streams, table = streamed.durable.streams, streamed.dynamodb._tables[TABLE]
    kept = item("a", "green")
    streams.add(table, third, kept, item("a", "blue"))
    streams.load(streams.kept())
    for number, colour in ((first, "red"), (second, "green"), (third, "blue")):
        streams.add(table, number, None, item("a", colour))
    streams.worked_on(table["TableArn"], second)
    assert [int(one["dynamodb"]["SequenceNumber"]) for one in streams.kept()[table["TableArn"]]] == [third]
    streams.add(table, first, None, kept)
    streams.sort()
    numbers = [int(one["dynamodb"]["SequenceNumber"]) for one in streams.kept()[table["TableArn"]]]
    assert numbers == [first, third]
