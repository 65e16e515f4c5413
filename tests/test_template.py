"""Rules that the template keeps to."""

import json
import re
import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sandbox.template import packaged, translated
from switchboard.adapters import REGISTRY
from switchboard.models.messages import Channel
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
        "webhooks",
        "redact",
        "list",
        "console",
        "count",
        "insights",
    }
    assert names == {path.name for path in (ROOT / "functions").iterdir()}


REASONS = {
    "secret:${AWS::StackName}/accounts/*": "an owner adds accounts, each with a secret of its own",
    "secret:${AWS::StackName}/signatures/*": "signature secrets come and go, each under a name of its own",
    "${MediaBucket.Arn}/outbound/*": "a folder of our own bucket, named by messages",
    "${MediaBucket.Arn}/inbound/*": "the same",
    "sms-voice:${AWS::Region}:${AWS::AccountId}:*": "numbers, pools and senders of the owner's, unknown here",
    "social-messaging:${AWS::Region}:${AWS::AccountId}:phone-number-id/*": "the same for WhatsApp",
    "social-messaging:${AWS::Region}:${AWS::AccountId}:*": "and its business accounts",
}
"""Every resource with a wildcard, by its end, and why it has one. All are of this account."""


WITHOUT_RESOURCES = {
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
}
"""Actions that AWS knows no resources for."""


def statements() -> list[Any]:
    """Of roles, and of what queues and topics let others do."""
    found = []
    for name, resource in RESOURCES.items():
        properties = resource.get("Properties", {})
        policies = [*properties.get("Policies", []), properties.get("PolicyDocument")]
        for policy in policies:
            assert not isinstance(policy, str), f"{name}: a policy by name allows more than it says"
            for number, statement in enumerate(policy["Statement"] if policy else []):
                found.append(pytest.param(statement, id=f"{name}-{number}"))
    return found


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("statement", statements())
def test_no_wildcards_in_permissions(statement: dict[str, Any]) -> None:
    """None but those with a reason; no exclusions, which are wildcards too."""
    assert not statement.keys() & {"NotAction", "NotResource", "NotPrincipal"}
    for action in many(statement["Action"]):
        assert "*" not in action
        assert "?" not in action
    for resource in many(statement["Resource"]):
        text = json.dumps(resource)
        if set(many(statement["Action"])) <= WITHOUT_RESOURCES:
            continue
        assert resource != "*"
        if "*" in text or "?" in text:
            assert any(resource["Fn::Sub"].endswith(end) for end in REASONS), resource
            assert "${AWS::AccountId}" in text or "${MediaBucket.Arn}" in text


def test_who_else_may_do_something_is_a_service_for_this_account() -> None:
    for name, resource in RESOURCES.items():
        document = resource.get("Properties", {}).get("PolicyDocument")
        if resource["Type"] == "AWS::IAM::Policy":  # of a role of ours
            continue
        for statement in document["Statement"] if document else []:
            assert list(statement["Principal"]) == ["Service"], name
            assert statement["Condition"] == {
                "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
            }, name


def test_every_reason_is_needed() -> None:
    text = json.dumps([statement.values[0] for statement in statements()])
    assert [end for end in REASONS if end not in text] == []


def test_only_redactions_read_the_whole_table() -> None:
    readers = {name for name in FUNCTIONS if "dynamodb:Scan" in json.dumps(FUNCTIONS[name])}
    assert readers == {"RedactFunction"}


def test_no_function_can_read_more_secrets_than_it_needs() -> None:
    """The account's own secret is for those who tell callers apart, or sign; signatures for who signs."""
    signing = {name for name, about in FUNCTIONS.items() if "signatures/*" in json.dumps(about["Policies"])}
    assert signing == {"ApplicationsFunction", "NotifyFunction"}
    readable = {
        name
        for name, about in FUNCTIONS.items()
        for statement in about["Policies"][0]["Statement"]
        if "secretsmanager:GetSecretValue" in many(statement["Action"])
        and "signatures/*" in json.dumps(statement["Resource"])
    }
    assert readable == {"NotifyFunction"}


@pytest.mark.parametrize(
    "name", ["OutboundQueue", "WebhooksQueue", "IngestQueue", "StartsQueue", "RedactionsQueue"]
)
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


def test_default_providers_are_checked_by_cloudformation() -> None:
    """A wrong one would let no function start."""
    pattern = template()["Parameters"]["DefaultProviders"]["AllowedPattern"]
    for channel in Channel:
        for provider in REGISTRY:
            assert re.fullmatch(pattern, f"{channel}={provider}")
            assert re.fullmatch(pattern, f"sms=aws,{channel}={provider}")
    assert re.fullmatch(pattern, "")
    for wrong in ("sms", "sms=", "sms=nobody", "fax=aws", "sms=aws mms=aws", "sms=aws,mms"):
        assert not re.fullmatch(pattern, wrong)


def test_layers_are_for_both_architectures() -> None:
    layers = {
        condition: RESOURCES[name]["Properties"]
        for name, condition in (("DependenciesLayer", "arm64"), ("DependenciesLayerX86", "x86_64"))
    }
    for architecture, properties in layers.items():
        assert properties["CompatibleArchitectures"] == [architecture]
    assert template()["Parameters"]["Architecture"]["AllowedValues"] == list(layers)
    assert template()["Globals"]["Function"]["Layers"] == [
        {"Fn::If": ["IsArm", {"Ref": "DependenciesLayer"}, {"Ref": "DependenciesLayerX86"}]},
        {"Ref": "SwitchboardLayer"},
    ]


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


@pytest.fixture(scope="module")
def made() -> dict[str, dict[str, Any]]:
    """What CloudFormation makes of it."""
    packed, _ = packaged(ROOT, "bucket")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        resources: dict[str, dict[str, Any]] = translated(packed, {})["Resources"]
    return resources


def test_who_may_call_a_function_by_its_url(made: dict[str, dict[str, Any]]) -> None:
    """Everybody, by the URL and not otherwise; since October 2025 that takes two permissions."""
    urls = {name: about["Properties"] for name, about in made.items() if about["Type"] == "AWS::Lambda::Url"}
    function = {"Ref": "StatusFunction"}
    assert urls == {"StatusFunctionUrl": {"AuthType": "NONE", "TargetFunctionArn": function}}
    open_to_all = [
        about["Properties"]
        for about in made.values()
        if about["Type"] == "AWS::Lambda::Permission" and about["Properties"]["Principal"] == "*"
    ]
    call = {"FunctionName": function, "Principal": "*"}
    assert sorted(open_to_all, key=lambda permission: len(permission["Action"])) == [
        {**call, "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
        {**call, "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
    ]


def test_who_is_called_does_not_ask_for_its_own_url() -> None:
    """Each would need the other first, as with the API's."""
    environments = {
        name: json.dumps(about.get("Environment", {}))
        for name, about in FUNCTIONS.items()
        if "FunctionUrlConfig" in about
    }
    assert environments
    assert not [
        name for name, text in environments.items() if "Url.FunctionUrl" in text or f"{name}Url" in text
    ]


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
