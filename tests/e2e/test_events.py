"""Work that comes by the bus and the Ingest queue, and what goes out on the bus, under the shipped roles."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import boto3
import httpx
import pytest

from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.bodies import Body, step
from tests.e2e.local_stack import LocalStack
from tests.support.stack import until

pytestmark = pytest.mark.e2e


@dataclass
class Aws:
    """The client's side of AWS: a bus and a queue to write to, and a queue of its own that hears the bus."""

    stack: LocalStack

    def __post_init__(self) -> None:
        outputs = self.client("cloudformation").describe_stacks(StackName="switchboard")["Stacks"][0][
            "Outputs"
        ]
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in outputs}
        self._events, self._sqs = self.client("events"), self.client("sqs")
        self._heard: list[Body] = []
        self._queue = self._sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]
        bus = self.outputs["BusName"]
        self._events.put_rule(Name="ours", EventBusName=bus, EventPattern='{"source": ["switchboard"]}')
        self._events.put_targets(
            Rule="ours", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}]
        )

    def client(self, service: str) -> Any:
        port = json.loads((self.stack.state / "kept.json").read_text())["ports"]["aws"]
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="000000000000",
            aws_secret_access_key="any",
        )

    def by_bus(self, detail_type: str, detail: Body) -> str:
        """The event's id."""
        answer = self._events.put_events(
            Entries=[
                {
                    "EventBusName": self.outputs["BusName"],
                    "Source": "shop.orders",
                    "DetailType": detail_type,
                    "Detail": json.dumps(detail),
                }
            ]
        )
        assert answer["FailedEntryCount"] == 0
        return str(answer["Entries"][0]["EventId"])

    def by_queue(self, text: str) -> str:
        """The message's id."""
        return str(
            self._sqs.send_message(QueueUrl=self.outputs["IngestQueueUrl"], MessageBody=text)["MessageId"]
        )

    def heard(self, detail_type: str, **wanted: Any) -> list[Body]:
        """The events of this kind whose detail has these members."""
        self._heard += [json.loads(message["Body"]) for message in self._received(self._queue)]
        return [
            event
            for event in self._heard
            if event["detail-type"] == detail_type
            and all(event["detail"].get(name) == value for name, value in wanted.items())
        ]

    def dead(self, output: str) -> list[tuple[str, str]]:
        """What a dead-letter queue holds: the ids it is named by, and the originals. Empties it."""
        return [
            (message["MessageAttributes"]["id"]["StringValue"], message["Body"])
            for message in self._received(self.outputs[output])
        ]

    def _received(self, queue: str) -> list[Body]:
        found: list[Body] = []
        while messages := self._sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                self._sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            found += messages
        return found


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    environment = {"SWITCHBOARD_PUBLISH_EVENTS": "1", "SWITCHBOARD_ENFORCE_IAM": "1"}
    stack = LocalStack(tmp_path_factory.mktemp("events"), **environment)
    stack.start()
    yield Aws(stack)
    twice = stack.handed_over_twice()
    stack.stop()
    assert "AccessDenied" not in stack.output
    assert not twice, "a carrier took these messages twice"


@pytest.fixture
def client(aws: Aws, make_application: Callable[[LocalStack], Application]) -> Application:
    return make_application(aws.stack)


WAYS = ("bus", "envelope", "bare")


def give(aws: Aws, way: str, detail_type: str, detail: Body) -> str:
    """The id of what is to come of it."""
    if way == "bus":
        return aws.by_bus(detail_type, detail)
    if way == "bare":
        return aws.by_queue(json.dumps(detail))
    uuid = str(uuid4())
    aws.by_queue(json.dumps({"id": uuid, "detail-type": detail_type, "detail": detail}))
    return uuid


@pytest.mark.parametrize("way", WAYS)
def test_a_message_arrives_and_its_statuses_go_out(aws: Aws, client: Application, way: str) -> None:
    body = bodies.message("whatsapp") | {"application_id": client.id}
    uuid = give(aws, way, "Send Message", body)
    client.mailbox.until_statuses(uuid, PATIENCE, 3)
    events = until(
        lambda: len(found := aws.heard("Message Status", message_uuid=uuid)) == 3 and found, PATIENCE
    )
    assert {event["detail"]["status"] for event in events} == {"submitted", "delivered", "read"}
    told = client.mailbox.bodies(message_uuid=uuid)
    assert all(event["detail"] in told for event in events)
    assert all(f"application/{client.id}" in event["resources"] for event in events)


@pytest.mark.parametrize("way", WAYS)
def test_a_dispatch_runs_and_its_report_goes_out(aws: Aws, client: Application, way: str) -> None:
    workflow = [step("whatsapp", "0001", 2, "read"), step("sms", "0100")]
    body = {"template": "failover", "workflow": workflow, "application_id": client.id}
    uuid = give(aws, way, "Start Dispatch", body)
    report = client.report(uuid)
    assert report["status"] == "completed"
    [event] = until(lambda: aws.heard("Dispatch Report", dispatch_uuid=uuid), PATIENCE)
    assert event["detail"] == report


@pytest.mark.parametrize("way", WAYS)
def test_a_v1_message_with_a_failover(aws: Aws, client: Application, way: str) -> None:
    text = {"channel": "sms", "message_type": "text", "text": "Hello", "from": "Acme"}
    body = text | {"to": "447700900003", "failover": [text | {"to": "447700900100"}]}
    uuid = give(aws, way, "Send Message", body | {"application_id": client.id})

    def delivered() -> list[Body]:
        found = aws.heard("Message Status", status="delivered")
        return [event for event in found if uuid in json.dumps(event["detail"].get("workflow", {}))]

    [event] = until(delivered, PATIENCE)
    assert event["detail"]["to"] == "447700900100"


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_is_heard_and_kept(aws: Aws, way: str) -> None:
    body = bodies.message("sms") | {"to": {"type": "sms", "number": "nobody"}, "client_ref": way}
    uuid = give(aws, way, "Send Message", body)
    [event] = until(lambda: aws.heard("Message Refused", id=uuid), PATIENCE)
    assert [fault["name"] for fault in event["detail"]["invalid_parameters"]] == ["to.number"]
    [(named, original)] = until(
        lambda: aws.dead("EventsDlqUrl" if way == "bus" else "IngestDlqUrl"), PATIENCE
    )
    assert named == uuid
    kept = json.loads(original)
    assert (kept if way == "bare" else kept["detail"]) == body


def test_an_inbound_message_goes_out(aws: Aws, client: Application) -> None:
    number = "12065550188"
    sent = bodies.message("sms") | {"from": {"type": "sms", "number": number}, "application_id": client.id}
    client.mailbox.until_statuses(aws.by_bus("Send Message", sent), PATIENCE, 2)
    text = {"channel": "sms", "from": "447700900321", "to": number, "text": "When?"}
    assert httpx.post(f"{aws.stack.url}/sandbox/inbound", json=text).status_code == 202
    [event] = until(lambda: aws.heard("Inbound Message"), PATIENCE)
    assert event["detail"] == client.mailbox.until(lambda: client.mailbox.bodies("inbound"), PATIENCE)[0]
    assert f"application/{client.id}" in event["resources"]


def test_an_event_that_comes_by_a_rule_to_the_queue_is_sent_once(aws: Aws, client: Application) -> None:
    """The queue as the target of a rule: the same event comes by the bus' own rule too."""
    events, sqs, bus = aws.client("events"), aws.client("sqs"), aws.outputs["BusName"]
    arn = sqs.get_queue_attributes(QueueUrl=aws.outputs["IngestQueueUrl"], AttributeNames=["QueueArn"])
    events.put_rule(Name="copy", EventBusName=bus, EventPattern='{"detail-type": ["Send Message"]}')
    target = {"Id": "queue", "Arn": arn["Attributes"]["QueueArn"]}
    events.put_targets(Rule="copy", EventBusName=bus, Targets=[target])
    try:
        uuid = aws.by_bus("Send Message", bodies.message("sms") | {"application_id": client.id})
        client.mailbox.until_statuses(uuid, PATIENCE, 2)
    finally:
        events.remove_targets(Rule="copy", EventBusName=bus, Ids=["queue"])
        events.delete_rule(Name="copy", EventBusName=bus)
    assert len(client.mailbox.statuses(uuid)) == 2
