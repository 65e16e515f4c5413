"""python -m bench.stack: the local stack with a meter in it.

It counts what the stack's functions, its state machine and its pollers are billed for, by the rules of
bench/units.py, and writes the totals to the file that BENCH_UNITS names whenever it gets SIGUSR1. What
depends on time (GB-seconds) or leaves AWS is not counted, nor what the stack does for itself.
"""

import asyncio
import json
import os
import runpy
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import units
from sandbox.emulator import Emulator
from sandbox.runtime import Function, Runtime

FILE = "BENCH_UNITS"
_WRITES = {"PutItem", "UpdateItem", "DeleteItem"}
_QUEUE_CALLS = ("SendMessage", "SendMessageBatch", "ChangeMessageVisibility")


class StackMeter:
    """One per process. Totals by unit."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, unit: str, count: float = 1) -> None:
        with self._lock:
            self.counted[unit] += count  # type: ignore[assignment]

    def install(self) -> None:
        """Before the emulator is started: its modules are imported then, and have global state."""
        meter, start, call_api, invoke = self, Emulator.start, Emulator.call_api, Runtime.invoke

        async def started(emulator: Emulator) -> None:
            meter._count_calls()
            await start(emulator)
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, meter.write)

        async def called(emulator: Emulator, *request: Any) -> Any:
            meter.add("http_api", units.http_requests(len(request[-1])))
            return await call_api(emulator, *request)

        def invoked(runtime: Runtime, function: Function, event: Any, request_id: str) -> Any:
            meter.add("lambda_request")
            result = invoke(runtime, function, event, request_id)
            meter.polled(event, result)
            return result

        replaced: tuple[tuple[type, str, Any], ...] = (
            (Emulator, "start", started),
            (Emulator, "call_api", called),
            (Runtime, "invoke", invoked),
        )
        for kind, name, function in replaced:
            setattr(kind, name, function)

    def polled(self, event: Any, result: Any) -> None:
        """What the poller did for a batch: received it, and deleted in one call what is done."""
        records = event.get("Records", ()) if isinstance(event, dict) else ()
        bodies = [record["body"] for record in records if record.get("eventSource") == "aws:sqs"]
        if not bodies:
            return
        self.add("sqs_request", units.sqs_requests(bodies))
        if len(result["batchItemFailures"]) < len(bodies):
            self.add("sqs_request")

    def _count_calls(self) -> None:
        from ministack.services import dynamodb, secretsmanager, sqs

        table_call, secret_call = dynamodb.handle_request, secretsmanager.handle_request

        async def on_table(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
            action, request = headers.get("x-amz-target", "").rpartition(".")[2], json.loads(body or b"{}")
            before = _items(action, request)
            answer = await table_call(method, path, headers, body, query)
            self.asked(action, request, before, answer)
            return answer

        async def on_secret(method: str, path: str, headers: dict[str, str], *rest: Any) -> Any:
            if headers.get("x-amz-target", "").endswith(".GetSecretValue"):
                self.add("secret_call")
            return await secret_call(method, path, headers, *rest)

        def counted(handler: Any) -> Any:
            def handle(request: dict[str, Any], url: str) -> Any:
                bodies = [entry.get("MessageBody", "") for entry in request.get("Entries", [request])]
                self.add("sqs_request", units.sqs_requests(bodies))
                return handler(request, url)

            return handle

        dynamodb.handle_request = on_table
        secretsmanager.handle_request = on_secret
        for action in _QUEUE_CALLS:
            sqs._HANDLERS[action] = counted(sqs._HANDLERS[action])

    def asked(self, action: str, request: Any, before: list[Any], answer: Any) -> None:
        if action in _WRITES or action == "TransactWriteItems":
            for old, new in zip(before, _items(action, request), strict=True):
                self.add(
                    "dynamodb_write",
                    units.write_units(old, new, transactional=action not in _WRITES)
                    + units.index_units(old, new),
                )
        elif action in ("GetItem", "Query"):
            found = json.loads(answer[2])
            items = found.get("Items", [found["Item"]] if "Item" in found else [])
            consistent = request.get("ConsistentRead", False)
            sizes = [units.item_size(item) for item in items]
            self.add("dynamodb_read", units.read_units(sizes, consistent=consistent))

    def write(self) -> None:
        from ministack.services import stepfunctions

        with self._lock:
            total: dict[str, float] = dict(self.counted)
        histories = [each.get("events", []) for each in stepfunctions._executions.all_values()]
        total["transition"] = sum(map(units.transitions, histories))
        tasks = sum(event["type"] == "TaskScheduled" for history in histories for event in history)
        total["sqs_request"] = total.get("sqs_request", 0) + tasks  # each puts something into a queue
        path = Path(os.environ[FILE])
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(total))
        draft.replace(path)


def _items(action: str, request: Mapping[str, Any]) -> list[Any]:
    """Those that a write is about, as they are now; None for each that is not there."""
    from ministack.services import dynamodb

    if action == "TransactWriteItems":
        writes = [write for each in request["TransactItems"] for write in each.values()]
    else:
        writes = [request] if action in _WRITES else []
    found = []
    for write in writes:
        key = write.get("Key") or write["Item"]
        table = dynamodb._tables.get(write["TableName"])
        item = table["items"].get(key["pk"]["S"], {}).get(key["sk"]["S"]) if table else None
        found.append(dict(item) if item else None)
    return found


def totals(process: int, file: Path, seconds: float = 30) -> dict[str, float]:
    """What a running stack has counted so far. TimeoutError if it does not say."""
    file.unlink(missing_ok=True)
    os.kill(process, signal.SIGUSR1)
    end = time.monotonic() + seconds
    while not file.exists():
        if time.monotonic() > end:
            raise TimeoutError("the stack does not write what it counted")
        time.sleep(0.05)
    found: dict[str, float] = json.loads(file.read_text())
    return found


if __name__ == "__main__":
    StackMeter().install()
    runpy.run_module("sandbox", run_name="__main__")
