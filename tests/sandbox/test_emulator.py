"""The stack as a whole, with probes for functions: what AWS would do, and what a stop must not lose."""

import gzip
import json
import os
import signal
import socket
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.stack import Stack, until

pytestmark = pytest.mark.e2e


def seen(stack: Stack, method: str = "GET", path: str = "/v0.1/messages/x", **request: Any) -> dict[str, Any]:
    """What the function behind a route saw."""
    result: dict[str, Any] = httpx.request(method, stack.url + path, **request).json()
    return result


def raw(stack: Stack, request: bytes) -> bytes:
    """The status line of the answer to these very bytes."""
    with socket.create_connection(("127.0.0.1", stack.port), timeout=10) as connection:
        connection.sendall(request.replace(b"HOST", f"127.0.0.1:{stack.port}".encode()))
        return connection.recv(65536).split(b"\r\n")[0]


# --- the public port -------------------------------------------------------------------------------

RAW = [
    ("empty query", b"POST /v0.1/messages? HTTP/1.1\r\nHost: HOST\r\nContent-Length: 2\r\n\r\n{}", b"200"),
    (
        "header case",
        b"GET /v0.1/messages/x HTTP/1.1\r\nhOST: HOST\r\nAUTHORIZATION: Basic eA==\r\n\r\n",
        b"200",
    ),
    ("stray body", b'DELETE /v2/applications/x HTTP/1.1\r\nHost: HOST\r\n\r\n{"a": 1}', b"200"),
    ("a path without a route", b"GET /v9/x HTTP/1.1\r\nHost: HOST\r\n\r\n", b"200"),
    ("no such method", b"PATCH /v0.1/messages HTTP/1.1\r\nHost: HOST\r\nContent-Length: 0\r\n\r\n", b"200"),
    ("foreign host", b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"403"),
]


@pytest.mark.parametrize(("request_", "status"), [c[1:] for c in RAW], ids=[c[0] for c in RAW])
def test_requests_that_real_clients_send(stack: Stack, request_: bytes, status: bytes) -> None:
    assert raw(stack, request_).split(b" ")[1] == status


def test_event_is_an_http_api_event(stack: Stack) -> None:
    body = gzip.compress(b"{}")
    request = {"params": {"a": "1"}, "content": body, "headers": {"Content-Type": "application/x-gzip"}}
    event = seen(stack, "POST", "/inbound/infobip/main%20one", **request)["event"]
    assert event["rawPath"] == "/inbound/infobip/main one"
    assert event["pathParameters"] == {"provider": "infobip", "account_id": "main one"}
    assert event["queryStringParameters"] == {"a": "1"}
    assert event["isBase64Encoded"]
    assert event["headers"]["content-type"] == "application/x-gzip"


def test_no_headers_of_the_emulator(stack: Stack) -> None:
    names = {
        name for name in httpx.get(f"{stack.url}/v0.1/messages/x").headers if name.startswith(("acc", "x-"))
    }
    assert names == set()


def test_unhandled_error_is_generic_and_keeps_the_worker(stack: Stack) -> None:
    before = seen(stack)["pid"]
    answer = httpx.get(f"{stack.url}/v0.1/messages/raise")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    assert seen(stack)["pid"] == before


def test_body_limit(stack: Stack) -> None:
    sizes = [
        httpx.post(f"{stack.url}/v0.1/messages", content=b"x" * n).status_code for n in (1 << 20, 11 << 20)
    ]
    assert sizes == [200, 413]


def test_carriers_are_behind_the_front(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/sandbox/log").status_code == 200
    assert httpx.get(f"{stack.url}/sandbox/other").status_code == 404


def test_worker_is_apart_from_the_terminal_and_the_stack(stack: Stack) -> None:
    worker = seen(stack)
    assert worker["session"] == worker["pid"]
    assert not [name for name in worker["environment"] if name.startswith(("SWITCHBOARD_", "MINISTACK_"))]


def test_emulator_is_closed_to_browsers(stack: Stack) -> None:
    endpoint = stack.aws("sqs").meta.endpoint_url
    assert httpx.post(f"{endpoint}/_ministack/reset").status_code == 403
    assert httpx.get(endpoint, headers={"origin": stack.url}).status_code == 403


# --- events ----------------------------------------------------------------------------------------


def send(stack: Stack, count: int = 1, **wish: Any) -> None:
    entries = [{"Id": str(n), "MessageBody": json.dumps(wish)} for n in range(count)]
    stack.aws("sqs").send_message_batch(QueueUrl=stack.resource("OutboundQueue"), Entries=entries)


def test_failed_message_comes_again_when_the_handler_said(stack: Stack) -> None:
    start = time.monotonic()
    send(stack, note="partial", fail_until=2, again_after=2)
    again = until(lambda: [note for note in stack.notes("partial") if note["receives"] == 2])
    assert 1.8 < time.monotonic() - start < 5
    assert len(again) == 1


def test_too_many_receives_end_in_the_dead_letter_queue(stack: Stack) -> None:
    send(stack, note="hopeless", fail_until=99, again_after=0)
    queue = stack.resource("OutboundDlq")
    dead = until(lambda: stack.aws("sqs").receive_message(QueueUrl=queue).get("Messages"))
    assert json.loads(dead[0]["Body"])["note"] == "hopeless"
    assert sorted(note["receives"] for note in stack.notes("hopeless")) == [1, 2]


def test_taken_messages_are_gone(stack: Stack) -> None:
    for _ in range(5):
        send(stack, count=10, note="many")
    queue = {"QueueUrl": stack.resource("OutboundQueue"), "AttributeNames": ["All"]}
    waiting = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")

    def empty() -> bool:
        attributes = stack.aws("sqs").get_queue_attributes(**queue)["Attributes"]
        return all(attributes[name] == "0" for name in waiting)

    until(empty)


@pytest.mark.parametrize("topic", ["SmsEventsTopic", "SmsInboundTopic"])
def test_topic_to_function(stack: Stack, topic: str) -> None:
    stack.aws("sns").publish(TopicArn=stack.resource(topic), Message=topic)
    records = [n for n in until(stack.notes) if n.get("EventSource") == "aws:sns"]
    (record,) = until(lambda: [n for n in stack.notes() if n.get("Sns", {}).get("Message") == topic])
    assert record["Sns"]["TopicArn"].endswith(stack.resource(topic).rpartition(":")[2]), records


def test_bus_to_function(stack: Stack) -> None:
    entry = {
        "Source": "shop",
        "DetailType": "Start Dispatch",
        "Detail": '{"n": 1}',
        "EventBusName": "switchboard",
    }
    stack.aws("events").put_events(Entries=[entry])
    (event,) = until(lambda: [n for n in stack.notes() if n.get("detail-type") == "Start Dispatch"])
    assert event["detail"] == {"n": 1}


def test_refused_condition_answers_with_the_item(stack: Stack) -> None:
    dynamodb, table = stack.aws("dynamodb"), stack.resource("Table")
    key = {"pk": {"S": "condition"}, "sk": {"S": "1"}}
    dynamodb.put_item(TableName=table, Item={**key, "rank": {"N": "3"}})
    with pytest.raises(dynamodb.exceptions.ConditionalCheckFailedException) as refused:
        dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET #r = :r",
            ConditionExpression="#r < :r",
            ExpressionAttributeNames={"#r": "rank"},
            ExpressionAttributeValues={":r": {"N": "2"}},
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert refused.value.response["Item"] == {**key, "rank": {"N": "3"}}


# --- executions ------------------------------------------------------------------------------------


def execute(stack: Stack, name: str, *waits: int) -> str:
    arn: str = stack.aws("stepfunctions").start_execution(
        stateMachineArn=stack.resource("DispatchMachine"),
        name=name,
        input=json.dumps({"dispatch_uuid": name, "step": 0, "waits": waits}),
    )["executionArn"]
    return arn


def tasks(stack: Stack, name: str) -> list[dict[str, Any]]:
    """What the machine sent to the deliver function for this dispatch."""
    bodies = [json.loads(note["body"]) for note in stack.notes() if "body" in note]
    return sorted(
        (b for b in bodies if b.get("dispatch_uuid") == name and "step" in b), key=lambda b: b["step"]
    )


def test_dispatch_machine_fails_over_in_time(stack: Stack) -> None:
    start = time.monotonic()
    arn = execute(stack, "failover", 1, 60)
    second = until(lambda: tasks(stack, "failover")[1:])[0]
    assert 1 < time.monotonic() - start < 4
    states = stack.aws("stepfunctions")
    states.send_task_success(taskToken=second["task_token"], output="{}")
    until(lambda: states.describe_execution(executionArn=arn)["status"] == "SUCCEEDED")
    with pytest.raises(states.exceptions.TaskDoesNotExist):
        states.send_task_success(taskToken=second["task_token"], output="{}")


def test_stopped_dispatch_is_announced(stack: Stack) -> None:
    arn = execute(stack, "stopped", 60)
    until(lambda: tasks(stack, "stopped"))
    stack.aws("stepfunctions").stop_execution(executionArn=arn)
    events = until(lambda: [n for n in stack.notes() if n.get("detail", {}).get("name") == "stopped"])
    assert [event["detail"]["status"] for event in events] == ["ABORTED"]


# --- starting and stopping -------------------------------------------------------------------------


def test_second_stack_is_refused(stack: Stack) -> None:
    second = Stack(stack.folder.parent / "second")
    second.folder = stack.folder
    assert second.launch().wait(20) == 1
    assert "another local stack" in second.output


def test_everything_outlives_a_restart(stack: Stack) -> None:
    for name in ("first", "second"):
        execute(stack, name, 600)
        assert until(partial(tasks, stack, name))
    sqs = stack.aws("sqs")
    for n in range(3):
        sqs.send_message(QueueUrl=stack.resource("EventsDlq"), MessageBody=str(n))
    bucket = stack.resource("MediaBucket")
    stack.aws("s3").put_object(Bucket=bucket, Key="a/b", Body=b"picture")
    workers = {seen(stack)["pid"], seen(stack, path="/v2/applications")["pid"]}

    assert stack.stop() == 0
    assert not [pid for pid in workers if os.path.exists(f"/proc/{pid}")]
    assert not (stack.folder / "tmp").exists()
    stack.start()

    assert stack.aws("s3").get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"picture"
    queue = {"QueueUrl": stack.resource("EventsDlq"), "AttributeNames": ["ApproximateNumberOfMessages"]}
    assert stack.aws("sqs").get_queue_attributes(**queue)["Attributes"] == {
        "ApproximateNumberOfMessages": "3"
    }
    assert tasks(stack, "first")
    assert (stack.folder / "kept.json").stat().st_mode & 0o077 == 0

    def lost() -> list[str]:
        details = [note["detail"] for note in stack.notes() if note.get("source") == "aws.states"]
        return sorted(
            d["name"] for d in details if d["status"] == "FAILED" and d["name"] in ("first", "second")
        )

    until(lambda: lost() == ["first", "second"])


def test_changed_code_is_deployed(stack: Stack) -> None:
    before = stack.resource("Table")
    assert stack.stop() == 0
    assert "as it was" in stack.output
    source = stack.project / "functions" / "send" / "app.py"
    source.write_text(source.read_text().replace('"pid": os.getpid()', '"pid": "new"'))
    stack.start()
    assert seen(stack)["pid"] == "new"
    assert stack.resource("Table") == before


def test_busy_port_is_refused(tmp_path: Path) -> None:
    other = Stack(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as busy:
        other.port = busy.getsockname()[1]
        assert other.launch().wait(20) == 1
    assert f"port {other.port} is in use" in other.output


def test_broken_function_is_named(tmp_path: Path) -> None:
    other = Stack(tmp_path)
    (other.project / "functions" / "notify" / "app.py").write_text("import nothing_like_that")
    assert other.launch().wait(30) == 1
    assert "A function cannot be started: No module named 'nothing_like_that'" in other.output


def test_stop_during_start(tmp_path: Path) -> None:
    other = Stack(tmp_path)
    process = other.launch()
    until(lambda: (other.folder / "kept.json").exists())
    time.sleep(0.5)
    process.terminate()
    assert (process.wait(20), other.output) == (0, "")
    left = subprocess.run(["pgrep", "-f", str(other.folder)], capture_output=True, text=True)
    assert left.stdout == ""


def test_end_of_the_carriers_is_the_end(stack: Stack) -> None:
    assert stack.process
    find = ["pgrep", "-P", str(stack.process.pid), "-f", "sandbox.carriers"]
    carriers = subprocess.run(find, capture_output=True, check=True)
    os.kill(int(carriers.stdout), signal.SIGKILL)
    assert stack.process.wait(20) == 1
    assert "The local stack cannot run: the simulated carriers ended" in stack.output
