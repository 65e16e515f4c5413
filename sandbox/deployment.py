"""Brings the emulator's stack up to the template and the code at hand. Blocking; run it in a thread."""

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from sandbox import template
from sandbox.carriers.config import Credentials
from sandbox.carriers.providers import CARRIERS
from sandbox.mailbox import MAILBOX
from sandbox.settings import Settings

STACK, BUCKET = "switchboard", "switchboard-artifacts"
FINGERPRINT = "LocalFingerprint"
"""A stack output: what the stack was made of. Kept with the stack itself, so the two cannot disagree."""


class DeploymentFailed(Exception):
    """CloudFormation could not do it; the text is its reason."""


@dataclass(frozen=True)
class Deployed:
    """What is where."""

    api: str
    functions: Mapping[str, str]
    """By their names in the template, in the emulator."""
    receipts_topic: str
    inbound_topic: str
    changed: bool


def deploy(settings: Settings, credentials: Credentials, carriers: str) -> Deployed:
    """Create or update the stack, or leave it if nothing changed; then set every secret.

    carriers  the simulated carriers' address, with no slash at its end
    Raises DeploymentFailed.
    """
    client = boto3.Session().client
    config = Config(retries={"total_max_attempts": 1}, read_timeout=60)
    formation = client("cloudformation", config=config)

    parameters = {
        "PublicUrl": settings.url,
        "CallbacksBy": "Api",  # which alone can be called here
        "MediaGateway": f"{carriers}/media",
        "StatusUrl": settings.status_url or f"{settings.url}{MAILBOX}",
        "InboundUrl": settings.inbound_url,
        "LogLevel": settings.log_level,
        "RequestsPerSecond": str(settings.requests_per_second),
        "PublishEvents": str(settings.publish_events).lower(),
        # They are log lines, and nobody makes metrics of them here.
        "Metrics": str(settings.log_level in ("DEBUG", "INFO")).lower(),
    }
    source, archives = template.packaged(settings.project, BUCKET)
    # This module's neighbour decides too what is deployed.
    fingerprint = template.fingerprint(source, parameters, Path(template.__file__).read_text())
    stack = _described(formation)
    changed = stack is None or _outputs(stack).get(FINGERPRINT) != fingerprint
    if changed:
        body = template.translated(source, parameters)
        body["Outputs"][FINGERPRINT] = {"Value": fingerprint}
        # By way of S3, as `sam deploy` does: it is too long for the call itself.
        document = template.Archive("template.json", json.dumps(body).encode())
        _upload(client("s3", config=config), [*archives, document])
        _bring_about(formation, stack, f"https://s3.amazonaws.com/{BUCKET}/{document.key}", parameters)
        _expire_items(client("dynamodb", config=config), formation, body)
        stack = _described(formation)
    assert stack

    resources = _resources(formation)
    _set_secrets(
        client("secretsmanager", config=config),
        {
            resources["AccountSecret"]: {"api_key": settings.api_key, "api_secret": settings.api_secret},
            resources["SignatureSecret"]: {"secret": settings.signature_secret},
            **provider_accounts(settings.url, credentials, carriers),
        },
    )
    outputs = _outputs(stack)
    return Deployed(
        api=resources["HttpApi"],
        functions={name: resources[name] for name in source["Resources"] if name.endswith("Function")},
        receipts_topic=outputs["SmsEventsTopic"],
        inbound_topic=outputs["SmsInboundTopic"],
        changed=changed,
    )


def provider_accounts(url: str, credentials: Credentials, carriers: str) -> dict[str, dict[str, Any]]:
    """One account with each provider that the carriers simulate, by the name of its secret."""
    return {
        f"{STACK}/accounts/{carrier.provider}/default": carrier.account(carriers, url, credentials)
        for carrier in CARRIERS
    }


def _bring_about(
    formation: Any, stack: dict[str, Any] | None, document: str, parameters: Mapping[str, str]
) -> None:
    request = {
        "StackName": STACK,
        "TemplateURL": document,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        "Capabilities": ["CAPABILITY_IAM"],
    }
    if stack and stack["StackStatus"] in ("ROLLBACK_COMPLETE", "DELETE_FAILED"):  # cannot be updated
        formation.delete_stack(StackName=STACK)
        _settled(formation)
        stack = None
    if stack:
        formation.update_stack(**request)
    else:
        formation.create_stack(**request)
    settled = _settled(formation)
    if settled is None or settled["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = formation.describe_stack_events(StackName=STACK)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED")]
        reasons = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}" for event in failed
        ]
        raise DeploymentFailed(reasons[-1] if reasons else "the stack did not come up")


def _settled(formation: Any) -> dict[str, Any] | None:
    while (stack := _described(formation)) and stack["StackStatus"].endswith("_IN_PROGRESS"):
        time.sleep(0.02)
    return stack


def _described(formation: Any) -> dict[str, Any] | None:
    try:
        stack: dict[str, Any] = formation.describe_stacks(StackName=STACK)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError":  # there is none
            return None
        raise
    return stack


def _outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _resources(formation: Any) -> dict[str, str]:
    """Physical ids by logical ones."""
    pages = formation.get_paginator("list_stack_resources").paginate(StackName=STACK)
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
    }


def _upload(s3: Any, archives: list[template.Archive]) -> None:
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=BUCKET)
    for old in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        s3.delete_object(Bucket=BUCKET, Key=old["Key"])
    for archive in archives:
        s3.put_object(Bucket=BUCKET, Key=archive.key, Body=archive.content)


def _expire_items(dynamodb: Any, formation: Any, body: Any) -> None:
    """ministack 1.5.33 ignores a table's TimeToLiveSpecification; CloudFormation on AWS sets it."""
    resources = _resources(formation)
    for name, resource in body["Resources"].items():
        specification = resource.get("Properties", {}).get("TimeToLiveSpecification")
        if specification:
            table = resources[name]
            current = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
            if current["TimeToLiveStatus"] == "DISABLED":
                dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=specification)


def _set_secrets(secrets: Any, wanted: Mapping[str, Mapping[str, Any]]) -> None:
    for name, value in wanted.items():
        text = json.dumps(value)
        try:
            if secrets.get_secret_value(SecretId=name)["SecretString"] != text:
                secrets.put_secret_value(SecretId=name, SecretString=text)
        except secrets.exceptions.ResourceNotFoundException:
            secrets.create_secret(Name=name, SecretString=text)
