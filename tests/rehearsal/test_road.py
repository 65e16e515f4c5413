"""From the sources to callbacks, over the road that an account's owner goes (`make rehearse`)."""

import base64
import json
import re
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import jwt
import pytest

from tests.e2e.bodies import message, step
from tests.e2e.local_stack import ROOT
from tests.e2e.receiver import Mailbox, Receiver
from tests.functions.test_events import EVENTS, EXPECTED
from tests.rehearsal.road import ARCHITECTURE, PACKAGES, REGION, STACK, Account, Project, basic
from tests.support.template import template

pytestmark = [pytest.mark.e2e, pytest.mark.rehearsal]

MB = 1_000_000
PATIENCE = 60.0
MACHINES = {"arm64": 0xB7, "x86_64": 0x3E}
"""How an ELF file says what processor it is for."""
LAYERS = {"arm64": "DependenciesLayer", "x86_64": "DependenciesLayerX86"}
PARAMETERS = {
    "Architecture": ARCHITECTURE,
    "LogLevel": "WARNING",
    "DefaultProviders": "sms=twilio",
    "AlarmEmail": "owner@example.com",
    "DeliverConcurrency": "5",
    "DomainName": "messages.example.com",
    "CertificateArn": f"arn:aws:acm:{REGION}:000000000000:certificate/5c1a7b0e-93d4-4c0f-8a7e-2f6b1d3c4e5f",
}
MET = ("HasAlarmEmail", "HasDomain", "IsX86" if ARCHITECTURE == "x86_64" else "IsArm")
"""The template's conditions that these parameters fulfil."""
HERE = {
    # An event before has made it.
    "accounts/get": 200,
    "accounts/delete": 204,
    "accounts/template": 200,
    "accounts/delete-template": 204,
    "accounts/update-messenger-account": 200,
    "accounts/delete-messenger-account": 204,
    # It is signed with the credentials of another account.
    "status/callback": 403,
    "status/function-url": 403,
    "status/handshake": 403,
    "inbound/callback": 403,
    "inbound/handshake": 403,
}
"""Where an event is answered otherwise than in a world that has only it."""


@pytest.fixture(scope="module")
def for_aws(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Built as for an account."""
    project = Project(tmp_path_factory.mktemp("for-aws"))
    project.sam("build")
    return project


def test_the_template_is_valid(for_aws: Project) -> None:
    assert "is a valid SAM Template" in for_aws.sam("validate", "--lint", AWS_REGION=REGION)


@pytest.mark.parametrize("architecture", LAYERS)
def test_layers_are_for_the_functions_machine(for_aws: Project, architecture: str) -> None:
    folder = for_aws.built / LAYERS[architecture]
    libraries = [path for path in folder.rglob("*") if re.search(r"\.so(\.|$)", path.name)]
    assert {"_pydantic_core", "_rust"} <= {path.name.partition(".")[0] for path in libraries}
    for library in libraries:
        with library.open("rb") as file:
            head = file.read(20)
        assert head[:4] == b"\x7fELF"
        assert struct.unpack("<H", head[18:20])[0] == MACHINES[architecture], library
        assert re.search(r"\.(cpython-313-|abi3\.)", library.name) or library.parent.name.endswith(".libs"), (
            library
        )


@pytest.mark.parametrize("architecture", LAYERS)
def test_layers_are_small(for_aws: Project, architecture: str) -> None:
    names = ("SwitchboardLayer", LAYERS[architecture])
    files = [path for name in names for path in (for_aws.built / name).rglob("*") if path.is_file()]
    assert {path.relative_to(for_aws.built).parts[1] for path in files} == {"python"}
    size = sum(path.stat().st_size for path in files)
    assert size <= 60 * MB
    assert size >= 20 * MB  # something is there


def test_functions_are_their_code_and_nothing_else(for_aws: Project) -> None:
    for name, resource in template()["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            folder = for_aws.built / name
            files = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
            pages = {file for file in files if file.startswith("static/")}
            assert files - pages == {"app.py"}
            code = (folder / "app.py").read_bytes()
            assert code == (ROOT / resource["Properties"]["CodeUri"] / "app.py").read_bytes()
            if name == "ConsoleFunction":
                assert "static/index.html" in pages
            else:
                assert not pages


# --- deployed --------------------------------------------------------------------------------------


@dataclass
class Deployed:
    project: Project
    account: Account
    carriers: httpx.Client
    owner: httpx.Client

    def deploy(self, **parameters: str) -> str:
        given = {**PARAMETERS, "PublicUrl": self.account.url, **parameters}
        words = [word for name, value in given.items() for word in ("--parameter", f"{name}={value}")]
        stack = ("--stack-name", STACK, "--region", REGION, "--no-guided", "--yes")
        environment = {**self.account.environment, "SWITCHBOARD_PACKAGES": str(PACKAGES)}
        return self.project.switchboard("deploy", *stack, *words, **environment)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """By `switchboard deploy` into an account with nothing in it; then provider accounts, by the API."""
    folder = tmp_path_factory.mktemp("deployed")
    account = Account(folder)
    try:
        nobody = httpx.Client()
        made = Deployed(Project(folder), account, nobody, nobody)
        said = made.deploy()
        assert "Deployed:" in said
        made.carriers = account.open_carriers(account.outputs())
        made.owner = account.owner()
        for provider in ("aws", "twilio", "whatsapp_cloud", "infobip", "messenger"):
            held = made.carriers.get(f"/accounts/{provider}").json()
            answer = made.owner.put(f"/accounts/{provider}/default", json=held)
            assert answer.status_code == 201, answer.text
        yield made
        assert "AccessDenied" not in account.output
    finally:
        account.close()


@pytest.fixture(scope="module")
def mailbox() -> Iterator[Mailbox]:
    receiver = Receiver()
    yield receiver.mailbox()
    receiver.close()


@pytest.fixture(scope="module")
def client(deployed: Deployed, mailbox: Mailbox) -> httpx.Client:
    """An application of its own, with its token."""
    urls = {
        f"{kind}_url": {"address": f"{mailbox.url}/{kind}", "http_method": "POST"}
        for kind in ("status", "inbound")
    }
    body = {"name": "Parcels", "capabilities": {"messages": {"webhooks": urls}}}
    made = deployed.owner.post("/v2/applications", json=body)
    assert made.status_code == 201, made.text
    now = int(time.time())
    claims = {"application_id": made.json()["id"], "iat": now, "exp": now + 3600, "jti": "rehearsal"}
    token = jwt.encode(claims, made.json()["keys"]["private_key"], "RS256")
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.Client(base_url=deployed.account.url, headers=headers, timeout=60)


def posted(client: httpx.Client, path: str, body: Any) -> dict[str, Any]:
    answer = client.post(path, json=body)
    assert answer.status_code == 202, answer.text
    taken: dict[str, Any] = answer.json()
    return taken


def test_what_is_deployed(deployed: Deployed) -> None:
    """Every resource of the template whose condition holds; functions as the parameters say."""
    resources = deployed.account.resources()
    names = {
        name
        for name, resource in template()["Resources"].items()
        if "Condition" not in resource or resource["Condition"] in MET
    }
    layers = {name for name in names if name.endswith(("Layer", "LayerX86"))}
    assert names - layers <= resources.keys()
    for name in layers:  # their names go on with a digest
        assert any(found.startswith(name) for found in resources)
    [subscription] = deployed.account.aws("sns").list_subscriptions_by_topic(
        TopicArn=resources["AlarmTopic"]
    )["Subscriptions"]
    assert subscription["Endpoint"] == "owner@example.com"
    lambdas = deployed.account.aws("lambda")
    function = lambdas.get_function(FunctionName=resources["DeliverFunction"])
    assert function["Configuration"]["Architectures"] == [ARCHITECTURE]
    assert len(function["Configuration"]["Layers"]) == 2


def test_a_message(client: httpx.Client, mailbox: Mailbox) -> None:
    """SMS goes out by the provider that a parameter named."""
    uuid = posted(client, "/v0.1/messages", message("sms"))["message_uuid"]
    mailbox.until_statuses(uuid, PATIENCE, 2, any_of=["delivered"])
    told = mailbox.bodies(message_uuid=uuid)
    assert {"submitted", "delivered"} == {body["status"] for body in told}
    assert told[0]["to"] == {"type": "sms", "number": "447700900100"}
    assert client.get(f"/v0.1/messages/{uuid}").json()["status"] == "delivered"


def test_a_message_of_v1(client: httpx.Client, mailbox: Mailbox) -> None:
    body = {"channel": "whatsapp", "message_type": "text", "text": "It is here.", "to": "447700900100"}
    uuid = posted(client, "/v1/messages", {**body, "from": "12065550142"})["message_uuid"]
    mailbox.until_statuses(uuid, PATIENCE, 3, any_of=["read"])
    told = mailbox.bodies(message_uuid=uuid)
    assert {"submitted", "delivered", "read"} == {body["status"] for body in told}
    assert {body["channel"] for body in told} == {"whatsapp"}


def test_a_dispatch(client: httpx.Client, mailbox: Mailbox) -> None:
    """WhatsApp is not read in two seconds, so an SMS follows and one report ends it."""
    steps = [step("whatsapp", "0001", 2, "read"), step("sms", "0100")]
    taken = posted(client, "/v0.1/dispatch", {"template": "failover", "workflow": steps})
    uuid = taken["dispatch_uuid"]
    report = mailbox.until(lambda: mailbox.bodies(dispatch_uuid=uuid, template="failover"), PATIENCE)[0]
    assert report["status"] == "completed"
    assert client.get(f"/v0.1/dispatch/{uuid}").json()["status"] == "completed"


def test_a_dispatch_of_v1(client: httpx.Client, mailbox: Mailbox) -> None:
    """A message with failover, whose first way is refused."""
    sms = {
        "channel": "sms",
        "message_type": "text",
        "text": "It is here.",
        "from": "Acme",
        "to": "447700900100",
    }
    refused = {**sms, "channel": "whatsapp", "from": "12065550142", "to": "447700900003"}
    taken = posted(client, "/v1/messages", {**refused, "failover": [sms]})
    assert taken["workflow_id"]
    mailbox.until(
        lambda: [body for body in mailbox.bodies(channel="sms", status="delivered") if "workflow" in body],
        PATIENCE,
    )
    [rejected] = mailbox.bodies(message_uuid=taken["message_uuid"])
    assert rejected["status"] == "rejected"


def test_what_people_write(deployed: Deployed, client: httpx.Client, mailbox: Mailbox) -> None:
    body = {"channel": "whatsapp", "from": "447700900321", "to": "12065550142", "text": "When?"}
    assert deployed.carriers.post("/inbound", json=body).status_code == 202
    [heard] = mailbox.until(lambda: mailbox.bodies("inbound"), PATIENCE)
    assert "When?" in json.dumps(heard)


@pytest.mark.parametrize("name", EXPECTED)
def test_functions_take_their_events(deployed: Deployed, name: str) -> None:
    """Under the runtime client that AWS runs them with."""
    function, _ = name.split("/")
    key, secret = base64.b64decode(basic(deployed.owner).removeprefix("Basic ")).decode().split(":", 1)
    event = json.loads((EVENTS / f"{name}.json").read_text().replace("localkey", key))
    if isinstance(event.get("body"), str):
        event["body"] = event["body"].replace('"localsecret"', json.dumps(secret))
    if event.get("headers", {}).get("authorization", "").startswith("Basic "):
        event["headers"]["authorization"] = basic(deployed.owner)
    physical = deployed.account.resources()[f"{function.capitalize()}Function"]
    answer = deployed.account.aws("lambda").invoke(FunctionName=physical, Payload=json.dumps(event))
    result = json.load(answer["Payload"])
    assert "FunctionError" not in answer, result
    expected = EXPECTED[name]
    if isinstance(expected, int):
        assert result["statusCode"] in (expected, HERE.get(name)), result
    else:
        assert result == expected


def test_an_upgrade(deployed: Deployed, client: httpx.Client) -> None:
    """Changed code in a layer and a changed parameter are at work; what was stored is still there."""
    source = deployed.project.folder / "layers" / "switchboard" / "switchboard" / "api.py"
    source.write_text(re.sub(r"(def pong\(.*\n(?:.*\n)*?.*return ).*", r"\1_rehearsed()", source.read_text()))
    with source.open("a") as file:
        file.write(
            "\n\ndef _rehearsed() -> Response[str]:\n    return Response(200, 'text/plain', 'upgraded')\n"
        )
    before = client.get("/v2/applications/ping").text
    said = deployed.deploy(LogLevel="ERROR")
    assert "UPDATE_COMPLETE" in said
    assert before != "upgraded" == deployed.owner.get("/v2/applications/ping").text
    configuration = deployed.account.aws("lambda").get_function_configuration(
        FunctionName=deployed.account.resources()["SendFunction"]
    )
    assert configuration["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == "ERROR"
    assert deployed.owner.get("/v2/applications").json()["total_items"] >= 1


def test_teardown_keeps_the_table(deployed: Deployed) -> None:
    table = deployed.account.resources()["Table"]
    deployed.project.sam(
        "delete", "--stack-name", STACK, "--region", REGION, "--no-prompts", **deployed.account.environment
    )
    dynamodb = deployed.account.aws("dynamodb")
    assert dynamodb.describe_table(TableName=table)["Table"]["ItemCount"] > 0
    assert not deployed.account.aws("lambda").list_functions()["Functions"]
