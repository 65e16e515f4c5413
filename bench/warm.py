"""How long a handler takes beside a bare function that makes the same AWS calls with the same parameters,
and the same HTTP requests: those of one record one after another, and records side by side, as whoever waits
for ten providers or clients has to.

Both run against answers that were recorded once from the fake and are given out again where botocore would
open a connection, so that neither waits for anything. Time is that of a processor, threads included.
"""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import boto3
import httpx
import pytest
from botocore import xform_name
from botocore.client import BaseClient
from botocore.config import Config
from moto.core.botocore_stubber import BotocoreStubber

from bench.cold import event
from bench.system import System, system
from tests.support.cloud import CONTEXT

GOAL = 1.5
BATCH = 10
RUNS = {"send": 1, "deliver": BATCH, "status": 1, "notify": BATCH}
"""What is measured, and how many messages one call of it works on."""
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=20,
    parameter_validation=False,
)


@dataclass(frozen=True)
class Warm:
    """Medians for one message, in seconds of a processor."""

    function: str
    seconds: float
    bare_seconds: float
    calls: int
    """To AWS, in one invocation."""
    requests: int

    @property
    def ratio(self) -> float:
        return self.seconds / self.bare_seconds


@dataclass
class _Tape:
    """What one invocation asked for, and what it was answered."""

    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    workers: list[int] = field(default_factory=list)
    """Which thread made each of the calls."""
    answers: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    requests: list[httpx.Request] = field(default_factory=list)
    senders: list[int] = field(default_factory=list)
    """And each of the requests."""
    _given: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def answer(self, key: str) -> Any:
        """The next of those to the same question, from the first again after the last."""
        answers = self.answers[key]
        if not answers:
            raise KeyError(f"nothing was recorded for {key}")
        number = self._given[key]
        self._given[key] = number + 1
        return answers[number % len(answers)]


def _key(request: Any) -> str:
    """What a question is about: the action, and the item or secret that it names, if it was named before."""
    target = request.headers["X-Amz-Target"]
    target = target.decode() if isinstance(target, bytes) else target
    body = json.loads(request.body)
    if "Key" in body:
        return f"{target} {body['Key']['pk']['S']}"
    return f"{target} {body.get('SecretId', '')}"


def run(rounds: int = 40) -> list[Warm]:
    with system(metered=False) as at:
        return [_measure(at, name, of, rounds) for name, of in RUNS.items()]


def _measure(at: System, name: str, of: int, rounds: int) -> Warm:
    at.cloud.call(name, _event(at, name, of))  # fills its caches
    asked, tape = _event(at, name, of), _Tape()
    handler: Callable[..., Any] = at.cloud.functions[name].handler
    with _recording(tape, at):
        answer = handler(asked, CONTEXT)
    assert not answer.get("batchItemFailures") and answer.get("statusCode", 200) < 300, answer
    own, bare = [], []
    with _replaying(tape, at):
        function = _bare(tape)
        for _ in range(rounds):
            own.append(_time(lambda: handler(asked, CONTEXT)))
            bare.append(_time(function))
    return Warm(name, median(own) / of, median(bare) / of, len(tape.calls), len(tape.requests))


def _event(at: System, name: str, of: int) -> dict[str, Any]:
    if of == 1:
        return event(at, name)
    for _ in range(of):
        at.send("viber_service_msg")
    queue = "OutboundQueue"
    if name == "notify":
        at.work(queue, of)
        queue = "WebhooksQueue"
    return {"Records": at.cloud.taken(queue)[-of:]}


def _time(function: Callable[[], Any]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def _bare(tape: _Tape) -> Callable[[], None]:
    clients = {service: boto3.client(service, config=_CONFIG) for service, _, _ in tape.calls}
    web = httpx.Client(transport=httpx.MockTransport(_take))

    pool = ThreadPoolExecutor(max_workers=BATCH)

    def work(worker: int) -> None:
        for made_by, (service, operation, parameters) in zip(tape.workers, tape.calls, strict=True):
            if made_by == worker:
                client = clients[service]
                with suppress(client.exceptions.ClientError):
                    getattr(client, xform_name(operation))(**parameters)
        for sent_by, request in zip(tape.senders, tape.requests, strict=True):
            if sent_by == worker:
                web.request(request.method, request.url, headers=request.headers, content=request.content)

    def function() -> None:
        own, *others = dict.fromkeys([threading.get_ident(), *tape.workers, *tape.senders])
        side_by_side = pool.map(work, others)
        work(own)
        list(side_by_side)

    return function


_TAKEN = {"messages": [{"messageId": "x", "status": {"groupId": 1, "groupName": "PENDING", "id": 26}}]}


def _take(request: httpx.Request) -> httpx.Response:
    """Provider and client at once."""
    return httpx.Response(200, json=_TAKEN)


@contextmanager
def _recording(tape: _Tape, at: System) -> Iterator[None]:
    call, process, ask = BaseClient._make_api_call, BotocoreStubber.process_request, at.cloud.world.provider

    def called(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        tape.calls.append((client.meta.service_model.service_name, operation, parameters))
        tape.workers.append(threading.get_ident())
        return call(client, operation, parameters)

    def processed(stubber: Any, request: Any) -> Any:
        answer = process(stubber, request)
        tape.answers[_key(request)].append(answer)
        return answer

    def asked(request: httpx.Request) -> httpx.Response:
        tape.requests.append(request)
        tape.senders.append(threading.get_ident())
        return ask(request)

    def heard(request: httpx.Request) -> httpx.Response:
        tape.requests.append(request)
        tape.senders.append(threading.get_ident())
        return httpx.Response(200)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", called)
        patch.setattr(BotocoreStubber, "process_request", processed)
        patch.setattr(at.cloud.world, "provider", asked)
        patch.setattr(at.cloud.world, "client", heard)
        yield


@contextmanager
def _replaying(tape: _Tape, at: System) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BotocoreStubber, "process_request", lambda stubber, request: tape.answer(_key(request)))
        patch.setattr(at.cloud.world, "provider", _take)
        patch.setattr(at.cloud.world, "client", _take)
        yield
