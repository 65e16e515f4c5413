"""The deployed system in this process (tests/support/cloud.py), with a meter in it.

Time stands still for the functions' caches: what a process has read once it keeps, as it does while traffic
is steady. What a process reads when its caches are empty is measured apart (`forget`).
"""

import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from moto import mock_aws
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackEndpoint

from bench import prices, units
from bench.meter import Meter
from switchboard import applications, gathering, measures
from tests.functions.flows import Flow
from tests.support import moto_corrections, payloads
from tests.support.cloud import CALLBACK_URL, SOURCES, Cloud, World
from tests.support.template import template

_KEPT = ("senders", "circuits", "account_secrets", "remembered", "endpoints")
"""Modules whose caches lapse within seconds, by the name `monotonic` in them."""


QUEUES = ("OutboundQueue", "WebhooksQueue")


class System:
    """One application's view of a metered Cloud."""

    def __init__(self, cloud: Cloud, meter: Meter, logs: "_Logs", waiting: list[CallbackEndpoint]) -> None:
        """`waiting` gets what each step waits with."""
        self.cloud = cloud
        self.meter = meter
        self._logs = logs
        self._waiting = waiting
        self.flow = Flow(cloud)
        self.recipients: dict[str, str] = {}
        """Messenger's people, by message."""

    # --- moves -------------------------------------------------------------------------------------

    def http(self, function: str, path: str, body: Any, headers: dict[str, str] | None = None,
             query: dict[str, str] | None = None) -> Any:  # fmt: skip
        """A POST by the HTTP API, or where the template has one by the function's URL, which costs nothing.
        Returns the decoded answer; AssertionError unless it is a 2xx."""
        text = body if isinstance(body, str) else json.dumps(body)
        domain = urlsplit(CALLBACK_URL).netloc if has_url(function) else "api.example"
        with self._running(function):
            if not has_url(function):
                self.meter.http(function, len(text))
            status, answer = self.cloud.http(function, "POST", path, text, headers, query, domain)
            self.meter.sent("", len(json.dumps(answer)) + 200)
        assert 200 <= status < 300, answer
        return answer

    def send(self, channel: str) -> str:
        """To a person of its own."""
        body = payloads.text(channel, TEXT)
        if channel == "messenger":
            body["to"]["id"] = str(20_000_000_000 + len(self.recipients))
        answer = self.http("send", "/v0.1/messages", body, self.flow.app["bearer"])
        uuid = str(answer["message_uuid"])
        self.recipients[uuid] = body["to"].get("id", "")
        return uuid

    def dispatch(self, *steps: dict[str, Any]) -> str:
        answer = self.http("dispatch", "/v0.1/dispatch", payloads.workflow(*steps), self.flow.app["bearer"])
        return str(answer["dispatch_uuid"])

    def sns(self, event: dict[str, Any]) -> None:
        """A notification by SNS to the status function."""
        with self._running("status"):
            self.meter.add("status", "sns_publish")
            self.cloud.call("status", event)

    def work(self, queue: str, batch: int) -> int:
        """What waits in a queue, through its function in batches of `batch` at most. Returns how many records
        were done."""
        total = 0
        while records := self.cloud.received(queue, batch):
            total += (done := self._batch(queue, records))
            if not done:
                break
        return total

    def _batch(self, queue: str, records: list[dict[str, Any]]) -> int:
        function = SOURCES[queue]
        with self._running(function, len(records)):
            failed = self.cloud.call(function, {"Records": records})["batchItemFailures"]
        names = {failure["itemIdentifier"] for failure in failed}
        for record in records:
            if record["messageId"] not in names:
                self.cloud.sqs.delete_message(
                    QueueUrl=self.cloud.queues[queue], ReceiptHandle=record["receiptHandle"]
                )
        done = len(records) - len(names)
        self.meter.batch(function, [record["body"] for record in records], done)
        return done

    def settle(self) -> None:
        """Until nothing waits any more, not even what was put off: a new endpoint is called by one worker
        only."""
        while self.waiting():
            for queue in QUEUES:
                self.cloud.show_again(queue)
                self.work(queue, 10)

    def waiting(self) -> int:
        return sum(self.cloud.waiting(queue) for queue in QUEUES)

    def wait(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """For the state machine, which alone moves by itself."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not come to that in time"
            time.sleep(0.02)

    def expire(self) -> None:
        """Time runs out for every step that is waited for."""
        for endpoint in self._waiting:
            endpoint.interrupt_all()
        self._waiting.clear()

    def ended(self, dispatch_uuid: str) -> bool:
        """Whether a dispatch's execution is over."""
        found = self.cloud.states.describe_execution(executionArn=self._execution(dispatch_uuid))
        return bool(found["status"] != "RUNNING")

    def transitions(self, dispatch_uuid: str) -> None:
        """Count those of an execution that is over."""
        arn = self._execution(dispatch_uuid)
        self.meter.transitions(
            self.cloud.states.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        )

    def _execution(self, dispatch_uuid: str) -> str:
        machine: str = self.cloud.machine
        return machine.replace(":stateMachine:", ":execution:") + f":{dispatch_uuid}"

    # --- what stays --------------------------------------------------------------------------------

    @property
    def retention_days(self) -> int:
        days: int = template()["Parameters"]["RetentionDays"]["Default"]
        return days

    def stored(self) -> int:
        """Bytes in the table, as they are billed: 100 for each item beside itself."""
        pages = self.cloud.dynamodb.get_paginator("scan").paginate(TableName="table")
        return sum(units.item_size(item) + 100 for page in pages for item in page["Items"])

    def forget(self) -> None:
        """Every function starts anew, with nothing in its caches."""
        for function in self.cloud.functions:
            self.cloud.load(function)
        self._logs.attach()

    @contextmanager
    def _running(self, function: str, records: int = 1) -> Iterator[None]:
        self._logs.take()
        with self.meter.invocation(function, records):
            yield
        self.meter.logged(function, self._logs.take())


def has_url(function: str) -> bool:
    """Whether a function is called by its own URL, unless the deployment wants it otherwise."""
    found = template()
    properties = found["Resources"][f"{function.capitalize()}Function"]["Properties"]
    is_default = found["Parameters"]["CallbacksBy"]["Default"] == "FunctionUrl"
    return is_default and "FunctionUrlConfig" in properties


TEXT = "Your parcel is on its way and arrives today between 14:00 and 16:00. Track it: https://acme.example/t/8F2K"
"""What messages say: 106 characters."""


class _Logs:
    """How many bytes functions log."""

    def __init__(self) -> None:
        self._stream = io.StringIO()

    def attach(self) -> None:
        for logger in [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]:
            for handler in logger.handlers:
                if isinstance(handler, logging.StreamHandler):
                    handler.setStream(self._stream)

    def write(self, line: str) -> None:
        self._stream.write(line + "\n")

    def take(self) -> int:
        text = self._stream.getvalue()
        self._stream.seek(0)
        self._stream.truncate()
        return len(text.encode()) + 26 * text.count("\n")  # AWS counts 26 bytes for each entry


class _Metered(World):
    def __init__(self, meter: Meter) -> None:
        super().__init__(provider=payloads.accepts_all)
        self._meter = meter

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        head = sum(len(name) + len(value) + 4 for name, value in request.headers.raw)
        size = len(str(request.url)) + head + len(request.content)
        self._meter.sent("client" if request.url.host == "client.example" else "provider", size)
        return super().__call__(request)


@contextmanager
def system(*, metered: bool = True) -> Iterator[System]:
    """A fresh one, in which nothing was sent yet. Without `metered` nothing is counted and nothing slowed
    down."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("POWERTOOLS_SERVICE_NAME", "switchboard")
        patch.setenv("POWERTOOLS_LOG_LEVEL", "INFO")
        logs = _Logs()
        if metered and template()["Parameters"]["Metrics"]["Default"] == "true":
            patch.setenv("METRICS_NAMESPACE", "Switchboard/switchboard")
            patch.setattr(measures, "write", logs.write)
        # The fake is slow. On AWS the records of a batch are taken to be done within that time of each other.
        patch.setattr(gathering, "HOLD", 60.0)
        moto_corrections.install(patch)
        pair = applications.key_pair()
        patch.setattr(applications, "key_pair", lambda: pair)
        waiting: list[CallbackEndpoint] = []
        wait = CallbackEndpoint.wait

        def noted(endpoint: CallbackEndpoint, timeout: float | None = None) -> Any:
            waiting.append(endpoint)
            return wait(endpoint, timeout)

        patch.setattr(CallbackEndpoint, "wait", noted)
        meter = Meter(prices.load().assumed)
        fake = mock_aws(config={"stepfunctions": {"execute_state_machine": True}})
        with fake, meter.installed() if metered else nullcontext():
            cloud = Cloud(_Metered(meter), patch)
            for name in _KEPT:
                module = import_module(f"switchboard.{name}")
                if hasattr(module, "monotonic"):
                    patch.setattr(module, "monotonic", lambda: 1e6)
            found = System(cloud, meter, logs, waiting)
            logs.attach()
            meter.clear()
            yield found
