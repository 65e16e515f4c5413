"""Counts what a run is billed for, by interposing on every call that botocore makes.

Items are read beside the count, straight from the fake, as a write is billed by the item before and after it.
Who a call is billed for is told by where it comes from: a function while its handler runs, else the state
machine, whose own calls come from the fake's threads. What the harness itself does is not counted; what AWS
does in its place (the pollers of queues) is counted by rule, in `batch`.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.client import BaseClient
from moto.core.botocore_stubber import BotocoreStubber

from bench import units
from switchboard import records
from tests.support.template import template

STATE_MACHINE = "state machine"
Units = Counter[str]


@dataclass
class Invocation:
    """Of one function, with everything that its handler waited for."""

    function: str
    calls: list[str] = field(default_factory=list)
    """Services, one for each call."""
    requests: list[str] = field(default_factory=list)
    """To whom it spoke by HTTP: provider, client."""
    records: int = 1
    processor: float = 0.0
    """Seconds of a processor, its threads included; without what the fake and the meter took."""

    def waited(self, assumed: Mapping[str, float]) -> float:
        """Seconds for answers: those of a batch's records side by side."""
        milliseconds = sum(assumed[f"{who}_ms"] for who in (*self.calls, *self.requests))
        return milliseconds / 1000 / self.records

    def gb_seconds(self, assumed: Mapping[str, float]) -> float:
        """That Lambda bills, with the share of a processor that goes with the function's memory."""
        size = memory(self.function)
        share = min(1.0, size / assumed["full_processor_mb"])
        seconds = self.processor / share + self.waited(assumed)
        return math.ceil(seconds * 1000) / 1000 * size / 1024


@dataclass
class Meter:
    assumed: Mapping[str, float]
    """bench/prices.toml, `assumed`."""
    by: dict[str, Units] = field(default_factory=dict)
    """Billed units of each function, and of the state machine."""
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often who called what: ("send", "dynamodb:PutItem")."""
    invocations: list[Invocation] = field(default_factory=list)
    _now: Invocation | None = None
    _harness: int = field(default_factory=threading.get_ident)
    _strangers: frozenset[threading.Thread] = field(default_factory=lambda: frozenset(threading.enumerate()))
    """Executions that something before left behind among them."""
    _looking: threading.local = field(default_factory=threading.local)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def total(self) -> Units:
        return sum(self.by.values(), Units())

    def add(self, who: str, unit: str, count: float = 1) -> None:
        with self._lock:
            self.by.setdefault(who, Units())[unit] += count  # type: ignore[assignment]

    def clear(self) -> None:
        self.by.clear()
        self.calls.clear()
        self.invocations.clear()

    # --- what happens ------------------------------------------------------------------------------

    @contextmanager
    def invocation(self, function: str, records_: int = 1) -> Iterator[Invocation]:
        """A handler runs inside `with`: one request to Lambda."""
        invocation = Invocation(function, records=records_)
        self._now = invocation
        try:
            with self._timed(1):
                yield invocation
        finally:
            self._now = None
            self.invocations.append(invocation)
            self.add(function, "lambda_request")
            self.add(function, "lambda_gb_second", invocation.gb_seconds(self.assumed))
            self.add(function, "log_gb", platform_log_bytes(self.assumed) / 1e9)

    @contextmanager
    def _timed(self, sign: int) -> Iterator[None]:
        """This thread's time of a processor, added to the invocation or taken from it."""
        invocation, start = self._now, time.thread_time()
        try:
            yield
        finally:
            if invocation:
                with self._lock:
                    invocation.processor += sign * (time.thread_time() - start)

    def batch(self, function: str, bodies: list[str], done: int) -> None:
        """What the poller of a queue does for one batch: receives it, and deletes in one call what is
        done."""
        self.add(function, "sqs_request", units.sqs_requests(bodies))
        self.calls[function, "sqs:ReceiveMessage (poller)"] += 1
        if done:
            self.add(function, "sqs_request")
            self.calls[function, "sqs:DeleteMessageBatch (poller)"] += 1

    def http(self, function: str, size: int) -> None:
        """A request came in by the HTTP API."""
        self.add(function, "http_api", units.http_requests(size))

    def sent(self, to: str, size: int) -> None:
        """So many bytes left AWS; `to` is who a function waited for, if it did."""
        invocation = self._now
        if invocation is None:
            return
        self.add(invocation.function, "out_gb", size / 1e9)
        if to:
            with self._lock:
                invocation.requests.append(to)

    def logged(self, function: str, size: int) -> None:
        self.add(function, "log_gb", size / 1e9)

    # --- AWS calls ---------------------------------------------------------------------------------

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Every call of every boto3 client is counted inside `with`."""
        real = BaseClient._make_api_call
        meter = self

        def counted(client: BaseClient, operation: str, parameters: dict[str, Any]) -> Any:
            who = meter._who()
            service = client.meta.service_model.service_name
            if who is None:
                return real(client, operation, parameters)
            invocation = meter._now
            with meter._lock:
                meter.calls[who, f"{service}:{operation}"] += 1
                if invocation and who == invocation.function:
                    # All records wait for what is put for all of them.
                    times = invocation.records if operation == "SendMessageBatch" else 1
                    invocation.calls += [service] * times
            if service == "dynamodb":
                return meter._dynamodb(who, client, real, operation, parameters)
            answer = real(client, operation, parameters)
            meter._other(who, service, operation, parameters)
            return answer

        handle, process = records._handle, BotocoreStubber.process_request

        def timed_handle(*arguments: Any) -> bool:
            with meter._timed(1):
                return handle(*arguments)

        def timed_fake(stubber: Any, request: Any) -> Any:
            if meter._who() == STATE_MACHINE or getattr(meter._looking, "on", False):
                return process(stubber, request)
            with meter._timed(-1):
                return process(stubber, request)

        BaseClient._make_api_call = counted
        records._handle = timed_handle  # type: ignore[assignment]
        BotocoreStubber.process_request = timed_fake
        try:
            yield
        finally:
            BaseClient._make_api_call = real
            records._handle, BotocoreStubber.process_request = handle, process

    def _who(self) -> str | None:
        """None for the harness itself."""
        thread = threading.current_thread()
        if threading.get_ident() == self._harness or thread in records._pool._threads:
            return self._now.function if self._now else None
        return None if thread in self._strangers else STATE_MACHINE

    def _dynamodb(self, who: str, client: Any, real: Any, operation: str, parameters: dict[str, Any]) -> Any:
        if operation in ("PutItem", "UpdateItem", "DeleteItem"):
            key = parameters.get("Key") or {name: parameters["Item"][name] for name in ("pk", "sk")}
            get = {"TableName": parameters["TableName"], "Key": key, "ConsistentRead": True}
            before = self._look(client, real, get)
            try:
                return real(client, operation, parameters)
            finally:  # a refused one is billed too
                after = self._look(client, real, get)
                self.add(who, "dynamodb_write", units.write_units(before, after))
                self.add(who, "dynamodb_write", units.index_units(before, after))
        answer = real(client, operation, parameters)
        if operation == "GetItem":
            sizes = [units.item_size(answer["Item"])] if "Item" in answer else []
        elif operation == "Query":
            sizes = [units.item_size(item) for item in answer["Items"]]
        else:
            raise NotImplementedError(f"no rule for dynamodb:{operation}")
        consistent = parameters.get("ConsistentRead", False)
        self.add(who, "dynamodb_read", units.read_units(sizes, consistent=consistent))
        return answer

    def _look(self, client: Any, real: Any, get: dict[str, Any]) -> Any:
        """An item as it is, at nobody's cost."""
        with self._timed(-1):
            self._looking.on = True  # the fake's time is taken off once
            try:
                return real(client, "GetItem", get).get("Item")
            finally:
                self._looking.on = False

    def _other(self, who: str, service: str, operation: str, parameters: dict[str, Any]) -> None:
        match service, operation:
            case "sqs", "SendMessage":
                self.add(who, "sqs_request", units.sqs_requests([parameters["MessageBody"]]))
            case "sqs", "SendMessageBatch":
                bodies = [entry["MessageBody"] for entry in parameters["Entries"]]
                self.add(who, "sqs_request", units.sqs_requests(bodies))
            case "sqs", "ChangeMessageVisibility":
                self.add(who, "sqs_request")
            case "stepfunctions", "StartExecution" | "SendTaskSuccess" | "SendTaskFailure":
                pass  # transitions are billed, not calls
            case "secretsmanager", _:
                self.add(who, "secret_call")
            case "events", "PutEvents":
                self.add(who, "event", len(parameters["Entries"]))
            case "s3", "PutObject":
                self.add(who, "s3_write")
            case "s3", "GetObject":
                self.add(who, "s3_read")
            case _:
                raise NotImplementedError(f"no rule for {service}:{operation}")

    def transitions(self, history: list[dict[str, Any]]) -> None:
        """Of one execution."""
        self.add(STATE_MACHINE, "transition", units.transitions(history))


def platform_log_bytes(assumed: Mapping[str, float]) -> float:
    """That Lambda itself logs of an invocation, at the template's level."""
    logging = template()["Globals"]["Function"].get("LoggingConfig", {})
    return assumed["platform_log_bytes"] if logging.get("SystemLogLevel", "INFO") != "WARN" else 0.0


def memory(function: str) -> int:
    """MB, by the template."""
    found = template()
    properties = found["Resources"][f"{function.capitalize()}Function"]["Properties"]
    size: int = properties.get("MemorySize", found["Globals"]["Function"]["MemorySize"])
    return size
