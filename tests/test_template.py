"""Rules that the template keeps to."""

import json
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.template import ROOT, state_machine, template

RESOURCES: dict[str, dict[str, Any]] = template()["Resources"]
FUNCTIONS = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Serverless::Function"
}


def test_the_functions_are_these() -> None:
    names = {name.removesuffix("Function").lower() for name in FUNCTIONS}
    assert names == {
        "send",
        "dispatch",
        "deliver",
        "status",
        "inbound",
        "notify",
        "applications",
        "accounts",
        "media",
        "ingest",
        "mark",
    }
    assert names == {path.name for path in (ROOT / "functions").iterdir()}


def statements() -> list[Any]:
    return [
        pytest.param(statement, id=f"{name}-{number}")
        for name, resource in RESOURCES.items()
        for policy in resource.get("Properties", {}).get("Policies", [])
        for number, statement in enumerate(policy["Statement"])
    ]


@pytest.mark.parametrize("statement", statements())
def test_no_wildcards_in_permissions(statement: dict[str, Any]) -> None:
    actions = statement["Action"]
    for action in [actions] if isinstance(actions, str) else actions:
        assert "*" not in action
    assert statement["Resource"] != "*"


@pytest.mark.parametrize("name", ["OutboundQueue", "WebhooksQueue", "IngestQueue"])
def test_queues_have_a_dead_letter_queue_and_time_enough(name: str) -> None:
    properties = RESOURCES[name]["Properties"]
    assert properties["RedrivePolicy"]["deadLetterTargetArn"]
    longest = max(function.get("Timeout", 15) for function in FUNCTIONS.values())
    assert properties["VisibilityTimeout"] >= 2 * longest
    assert properties["SqsManagedSseEnabled"] is True


def test_queues_are_read_in_partial_batches() -> None:
    for properties in FUNCTIONS.values():
        for event in properties["Events"].values():
            if event["Type"] == "SQS":
                assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_the_table_is_kept_safe() -> None:
    table = RESOURCES["Table"]
    properties = table["Properties"]
    assert table["DeletionPolicy"] == "Retain"
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["TimeToLiveSpecification"]["Enabled"] is True
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert properties["SSESpecification"]["SSEEnabled"] is True


def test_logs_do_not_stay_for_ever() -> None:
    assert RESOURCES["Logs"]["Properties"]["RetentionInDays"]
    assert template()["Globals"]["Function"]["LoggingConfig"]["LogGroup"] == {"Ref": "Logs"}


def test_only_ids_travel_in_the_state_machine() -> None:
    bodies = [
        set(state["Arguments"]["MessageBody"])
        for state in state_machine()["States"].values()
        if "Arguments" in state
    ]
    assert bodies == [{"dispatch_uuid", "step", "wait", "task_token"}, {"kind", "dispatch_uuid"}]


def _needed(roots: set[str]) -> set[str]:
    """These packages and all that they need, by the installed packages' own word."""
    found: set[str] = set()
    waiting = set(roots)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            requirements = (Requirement(text) for text in requires(name) or [])
            waiting |= {
                canonicalize_name(need.name)
                for need in requirements
                if need.marker is None or need.marker.evaluate({"extra": ""})
            }
    return found


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "functions").iterdir()))
def test_the_layers_are_enough(name: str, tmp_path: Path) -> None:
    """A function imports with nothing on its path but the layers' packages and what those need."""
    text = (ROOT / "layers" / "dependencies" / "requirements.txt").read_text()
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    packages = _needed({canonicalize_name(Requirement(line).name) for line in lines})
    script = """
import json, re, sys
from importlib.metadata import distributions
allowed = set(json.loads(sys.argv[1]))
modules = {
    file.parts[0].removesuffix(".py")
    for found in distributions()
    if re.sub("[-_.]+", "-", found.metadata["Name"]).lower() not in allowed
    for file in found.files or []
}
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in modules - {"switchboard"}:
            raise ModuleNotFoundError(f"{name} is not in the layer")
sys.meta_path.insert(0, Refuse())
sys.path[:0] = sys.argv[2:4]
import app
"""
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            script,
            json.dumps(sorted(packages)),
            str(ROOT / "functions" / name),
            str(ROOT / "layers" / "switchboard"),
        ],
        env={
            "TABLE_NAME": "t",
            "OUTBOUND_QUEUE_URL": "u",
            "URGENT_QUEUE_URL": "u",
            "WEBHOOKS_QUEUE_URL": "u",
            "ACCOUNT_SECRET": "s",
            "PROVIDER_SECRETS": "p",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


def test_no_function_behind_the_api_asks_for_the_apis_address() -> None:
    """Each would need the other first: CloudFormation refuses such a circle."""
    for name, function in FUNCTIONS.items():
        kinds = {event["Type"] for event in function["Events"].values()}
        if "HttpApi" in kinds:
            environment = json.dumps(function.get("Environment", {}))
            assert "${HttpApi}" not in environment, name
