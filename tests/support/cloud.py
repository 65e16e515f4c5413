"""The deployed system in one process: moto for AWS, the real handlers, the shipped state machine.

Nothing moves by itself but the state machine. `pump` does what the event source mappings do: it hands
waiting queue messages to the functions as real SQS records, deletes what they took and leaves the rest.
"""

import importlib.util
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any
from uuid import uuid4

import boto3
import httpx
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from switchboard.outgoing import Guard, Transport
from tests.support.template import ROOT, state_machine, template

API_KEY, API_SECRET = "localkey", "localsecret"
SIGNATURE_SECRET = "the-secret-that-signs-all-webhooks"
ACCOUNTS: dict[str, dict[str, Any]] = {
    "aws": {"configuration_set": "cs", "access_key_id": "AK", "secret_access_key": "SK"},
    "whatsapp_cloud": {
        "access_token": "wa-token",
        "app_secret": "wa-secret",
        "verify_token": "wa-verify",
        "waba_id": "1029",
    },
    "messenger": {"access_token": "fb-token", "app_secret": "fb-secret", "verify_token": "fb-verify"},
    "infobip": {"base_url": "https://ib.example", "api_key": "ib-key", "callback_token": "ib-token"},
}
CALLBACK_URL = "https://4j2k7c3n5q6w8e9r0t1y.lambda-url.us-east-1.on.aws/"
"""As the template gets it, with a slash at its end."""
PUBLIC = {
    "inside.example": ["93.184.215.14", "10.0.0.7"],
    "runtime.example": ["127.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "six.example": ["::1"],
}
"""What names stand for; every other one is somewhere on the internet."""
SOURCES = {
    "OutboundQueue": "deliver",
    "UrgentQueue": "deliver",
    "WebhooksQueue": "notify",
    "IngestQueue": "ingest",
    "RedactionsQueue": "redact",
    "StartsQueue": "dispatch",
}
"""Queues, and the functions that they feed."""
CONTEXT = SimpleNamespace(
    function_name="f",
    function_version="$LATEST",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:f",
    aws_request_id="r",
)


@dataclass
class World:
    """The far ends: what providers and the client's receiver got, and what they answer."""

    provider: Callable[[httpx.Request], httpx.Response]
    client: Callable[[httpx.Request], httpx.Response] = lambda request: httpx.Response(200)
    sent: list[httpx.Request] = field(default_factory=list)
    webhooks: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "client.example":
            reply = self.client(request)
            if reply.is_success:
                self.webhooks.append(json.loads(request.content))
            return reply
        self.sent.append(request)
        return self.provider(request)


class Cloud:
    """Call within moto's mock_aws."""

    def __init__(self, world: World, monkeypatch: Any) -> None:
        self.world = world
        resources = template()["Resources"]
        self.dynamodb = boto3.client("dynamodb")
        table = {
            name: value
            for name, value in resources["Table"]["Properties"].items()
            if name in ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
        }
        self.dynamodb.create_table(TableName="table", **table)
        self.sqs = boto3.client("sqs")
        # Names of its own: an execution that another test left behind goes on sending to its old ones.
        suffix = uuid4().hex[:8]
        self.queues = {
            name: self.sqs.create_queue(QueueName=f"{name}-{suffix}", Attributes={"VisibilityTimeout": "0"})[
                "QueueUrl"
            ]
            for name in (*SOURCES, "IngestDlq", "EventsDlq")
        }
        self.secrets = boto3.client("secretsmanager")
        self.secrets.create_secret(
            Name="account", SecretString=json.dumps({"api_key": API_KEY, "api_secret": API_SECRET})
        )
        self.secrets.create_secret(Name="signature", SecretString=json.dumps({"secret": SIGNATURE_SECRET}))
        for provider, settings in ACCOUNTS.items():
            self.secrets.create_secret(
                Name=f"sb/accounts/{provider}/default", SecretString=json.dumps(settings)
            )
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(Bucket="media")
        self.states = boto3.client("stepfunctions")
        self.machine = self.states.create_state_machine(
            name="dispatch",
            definition=json.dumps(
                state_machine(
                    OutboundQueueUrl=self.queues["OutboundQueue"],
                    UrgentQueueUrl=self.queues["UrgentQueue"],
                    WebhooksQueueUrl=self.queues["WebhooksQueue"],
                )
            ),
            roleArn="arn:aws:iam::123456789012:role/r",
        )["stateMachineArn"]
        environment = {
            "TABLE_NAME": "table",
            "OUTBOUND_QUEUE_URL": self.queues["OutboundQueue"],
            "URGENT_QUEUE_URL": self.queues["UrgentQueue"],
            "WEBHOOKS_QUEUE_URL": self.queues["WebhooksQueue"],
            "BUS_NAME": "bus",
            "ACCOUNT_SECRET": "account",
            "SIGNATURE_SECRET": "signature",
            "SIGNATURE_SECRETS": "sb/signatures",
            "PROVIDER_SECRETS": "sb/accounts",
            "REDACTIONS_QUEUE_URL": self.queues["RedactionsQueue"],
            "STARTS_QUEUE_URL": self.queues["StartsQueue"],
            "STATE_MACHINE_ARN": self.machine,
            "PUBLIC_URL": "https://sb.example",
            "MEDIA_BUCKET": "media",
            "EXCHANGE_RATES": "USD=0.5",
            "OPT_OUT_CONFIRMATION": template()["Parameters"]["OptOutConfirmation"]["Default"],
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        transport = httpx.MockTransport(world)
        monkeypatch.setattr("httpx.Client", lambda **kwargs: _client(transport, **kwargs))
        monkeypatch.setattr("switchboard.outgoing.addresses", _addresses)
        self._setenv = monkeypatch.setenv
        self.functions: dict[str, ModuleType] = {}
        for path in (ROOT / "functions").iterdir():
            self.load(path.name)

    def load(self, function: str) -> None:
        """A function anew, with the environment as it is now."""
        refused = "IngestDlq" if function == "ingest" else "EventsDlq"
        self._setenv("REFUSED_QUEUE_URL", self.queues[refused])
        # Who is called does not know it, as in the template.
        self._setenv("CALLBACK_URL", "" if function in ("status", "inbound") else CALLBACK_URL)
        self.functions[function] = _load(function)

    def publish(self) -> None:
        """Switch events out on."""
        self._setenv("PUBLISH_EVENTS", "true")
        for function in self.functions:
            self.load(function)

    def listen(self) -> None:
        """Make the bus, which most tests do without, and a rule that puts its events into BusQueue."""
        events = boto3.client("events")
        events.create_event_bus(Name="bus")
        name = f"BusQueue-{uuid4().hex[:8]}"
        self.queues["BusQueue"] = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        events.put_rule(Name="all", EventBusName="bus", EventPattern='{"source": ["switchboard"]}')
        target = {"Id": "queue", "Arn": f"arn:aws:sqs:us-east-1:123456789012:{name}"}
        events.put_targets(Rule="all", EventBusName="bus", Targets=[target])

    def events(self) -> list[dict[str, Any]]:
        """What the bus was told since the last time, after `listen`."""
        return [json.loads(record["body"]) for record in self.taken("BusQueue")]

    def taken(self, queue: str) -> list[dict[str, Any]]:
        """Everything that waits in a queue, taken out of it."""
        found = []
        while records := self.received(queue):
            found.extend(records)
            for record in records:
                self.sqs.delete_message(QueueUrl=self.queues[queue], ReceiptHandle=record["receiptHandle"])
        return found

    def call(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = self.functions[function].handler(event, CONTEXT)
        return result

    def http(
        self,
        function: str,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
        domain: str = "api.example",
    ) -> tuple[int, Any]:
        """A request as the HTTP API hands it over (payload 2.0), or for another `domain` as a function's URL
        does. Returns status and decoded body."""
        text = body if isinstance(body, str) or body is None else json.dumps(body)
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {name.lower(): value for name, value in (headers or {}).items()},
            "queryStringParameters": query or {},
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "api",
                "domainName": domain,
                "http": {"method": method, "path": path, "sourceIp": "127.0.0.1", "protocol": "HTTP/1.1"},
                "requestId": "r",
                "stage": "$default",
            },
            "body": text,
            "isBase64Encoded": False,
        }
        answer = self.call(function, event)
        content = answer.get("body") or ""
        try:
            return answer["statusCode"], json.loads(content)
        except ValueError:
            return answer["statusCode"], content

    def received(self, queue: str, most: int = 10) -> list[dict[str, Any]]:
        """What waits in a queue, as the records of a function's event."""
        found: list[dict[str, Any]] = []
        name = self.queues[queue].rpartition("/")[2]
        answer = self.sqs.receive_message(
            QueueUrl=self.queues[queue],
            MaxNumberOfMessages=most,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        for message in answer.get("Messages", []):
            found.append(
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "messageAttributes": {
                        attribute: {"dataType": value["DataType"], "stringValue": value["StringValue"]}
                        for attribute, value in message.get("MessageAttributes", {}).items()
                    },
                    "md5OfBody": message["MD5OfBody"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{name}",
                    "awsRegion": "us-east-1",
                }
            )
        return found

    def show_again(self, queue: str) -> None:
        """As if the time were over for which messages are put off or out with a worker."""
        name = self.queues[queue].rpartition("/")[2]
        kept = sqs_backends["123456789012"]["us-east-1"].queues[name]
        kept.pending_messages.clear()
        for message in kept._messages:
            message.visible_at = message.delayed_until = 0

    def waiting(self, queue: str) -> int:
        """How many messages a queue holds, those put off included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.queues[queue], AttributeNames=names)
        return sum(int(count) for count in found["Attributes"].values())

    def handle(self, queue: str, function: str) -> int:
        """One batch of a queue through its function. Returns how many records it took."""
        return self._hand(self.received(queue), queue, function)

    def _hand(self, records: list[dict[str, Any]], queue: str, function: str) -> int:
        if not records:
            return 0
        failures = self.call(function, {"Records": records})["batchItemFailures"]
        failed = {failure["itemIdentifier"] for failure in failures}
        for record in records:
            if record["messageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.queues[queue], ReceiptHandle=record["receiptHandle"])
        return len(records) - len(failed)

    def deliver(self) -> int:
        return self.handle("UrgentQueue", "deliver") + self.handle("OutboundQueue", "deliver")

    def notify(self) -> int:
        return self.handle("WebhooksQueue", "notify")

    def drain(self) -> None:
        """Let queues run until they show nothing any more; what is put off for a second stays."""
        for _ in range(1000):
            waiting = {queue: self.received(queue) for queue in SOURCES}
            if not any(waiting.values()):
                return
            for queue, records in waiting.items():
                self._hand(records, queue, SOURCES[queue])
        raise AssertionError("the queues do not come to rest")

    def pump(self, until: Callable[[], bool], seconds: float = 10) -> None:
        """Let queues run until something is so; AssertionError after `seconds`."""
        end = time.monotonic() + seconds
        while not until():
            if not (self.deliver() + self.notify()):
                time.sleep(0.02)
            assert time.monotonic() < end, "it did not come to that in time"


def end_executions() -> None:
    """Their threads would go on in whatever comes next."""
    for machine in stepfunctions_parser_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].state_machines:
        for execution in machine.executions:
            has_begun = execution.exec_worker is not None and execution.exec_worker.env is not None
            if execution.status == "RUNNING" and has_begun:
                end_execution(execution)


def end_execution(execution: Any) -> None:
    boto3.client("stepfunctions").stop_execution(executionArn=execution.execution_arn)
    for endpoint in list(execution.exec_worker.env.callback_pool_manager._pool.values()):
        endpoint.interrupt_all()


def _addresses(host: str) -> list[str]:
    host.encode("idna")  # as the real one does first
    return PUBLIC.get(host, ["93.184.215.14"])


def _client(transport: httpx.MockTransport, /, **kwargs: Any) -> httpx.Client:
    kwargs.pop("limits", None)
    instead = kwargs.get("transport")
    if isinstance(instead, Transport):
        transport = _guarded(transport, instead.guard)
    # A proxy of the environment would have its certificates read.
    return _REAL_CLIENT(**kwargs | {"transport": transport, "trust_env": False})


def _guarded(transport: httpx.MockTransport, guard: Guard) -> httpx.MockTransport:
    """As a connection is made only where the guard lets it."""

    def handle(request: httpx.Request) -> httpx.Response:
        try:
            guard.open_addresses(request.url.host)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError("the name stands for nothing") from error
        return transport.handle_request(request)

    return httpx.MockTransport(handle)


_REAL_CLIENT = httpx.Client


def _load(function: str) -> ModuleType:
    """A function's module, fresh: its settings are read at import."""
    path = ROOT / "functions" / function / "app.py"
    spec = importlib.util.spec_from_file_location(f"functions_{function}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
