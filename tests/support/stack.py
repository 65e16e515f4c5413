"""A running local stack: the real template, deployed with a probe in place of every function."""

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import httpx

ROOT = Path(__file__).resolve().parents[2]

PROBE = """
import json, os
import boto3

table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
sqs = boto3.client("sqs")

def handler(event, context):
    if "requestContext" in event:
        return answer(event)
    failures = []
    for record in event.get("Records", [event]):
        wish = json.loads(record["body"]) if "body" in record else {}
        receives = int(record.get("attributes", {}).get("ApproximateReceiveCount", 1))
        if "fail_until" in wish and receives < wish["fail_until"]:
            sqs.change_message_visibility(
                QueueUrl=os.environ["OUTBOUND_QUEUE_URL"],
                ReceiptHandle=record["receiptHandle"],
                VisibilityTimeout=wish["again_after"],
            )
            failures.append({"itemIdentifier": record["messageId"]})
        note = {"receives": receives, "batch": len(event.get("Records", [1])), "record": json.dumps(record)}
        table.put_item(Item={"pk": wish.get("note", "event"), "sk": context.aws_request_id, **note})
    return {"batchItemFailures": failures}

def answer(event):
    if event["rawPath"].endswith("/raise"):
        raise LookupError("private text")
    seen = {"pid": os.getpid(), "session": os.getsid(0), "environment": dict(os.environ), "event": event}
    return {"statusCode": 200, "body": json.dumps(seen)}
"""


class Stack:
    """One state folder and project; `start` and `stop` as often as wanted."""

    def __init__(self, folder: Path) -> None:
        self.project, self.folder, self.log = folder / "project", folder / "state", folder / "log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        for part in ("statemachines", "layers"):
            shutil.copytree(ROOT / part, self.project / part)
        template = (ROOT / "template.yaml").read_text()
        (self.project / "template.yaml").write_text(
            re.sub("maxReceiveCount: 100", "maxReceiveCount: 2", template)
        )
        for source in re.findall(r"CodeUri: (\S+)", template):
            (self.project / source).mkdir(parents=True)
            (self.project / source / "app.py").write_text(PROBE)

    def launch(self) -> subprocess.Popen[bytes]:
        script = (
            "import sys; from pathlib import Path; from sandbox import settings, supervisor;"
            f"sys.exit(supervisor.run(settings.Settings(port={self.port},"
            f"folder=Path({str(self.folder)!r}), project=Path({str(self.project)!r}))))"
        )
        command = [sys.executable, "-c", script]
        with self.log.open("w") as log:
            return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def output(self) -> str:
        """What it printed since it was launched."""
        return self.log.read_text()

    def start(self) -> None:
        self.process = self.launch()
        until(lambda: self._healthy() or not self.running, seconds=60)
        assert self.running, self.output

    def stop(self) -> int:
        assert self.process
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            return False

    def aws(self, service: str) -> Any:
        port = json.loads((self.folder / "kept.json").read_text())["ports"]["aws"]
        return boto3.client(
            service,
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id="000000000000",
            aws_secret_access_key="any",
        )

    def resource(self, name: str) -> str:
        """The physical id of something in the template."""
        resources = self.aws("cloudformation").describe_stack_resources(StackName="switchboard")[
            "StackResources"
        ]
        return str(next(r["PhysicalResourceId"] for r in resources if r["LogicalResourceId"] == name))

    def notes(self, note: str = "event") -> list[dict[str, Any]]:
        """What the probes wrote down."""
        items = self.aws("dynamodb").query(
            TableName=self.resource("Table"),
            KeyConditionExpression="pk = :note",
            ExpressionAttributeValues={":note": {"S": note}},
        )["Items"]
        return [
            {
                "receives": int(item["receives"]["N"]),
                "batch": int(item["batch"]["N"]),
                **json.loads(item["record"]["S"]),
            }
            for item in items
        ]


def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    """The condition's value as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)
    return value
