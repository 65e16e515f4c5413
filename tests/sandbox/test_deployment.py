import copy
import json
from pathlib import Path
from typing import Any

import pytest

from sandbox import template
from sandbox.carriers.config import Credentials
from sandbox.deployment import provider_accounts
from switchboard.adapters import REGISTRY
from switchboard.settings import DEFAULT_PROVIDERS
from tests.support.stack import ROOT, Stack

CREDENTIALS = Credentials.new()
SOURCE, ARCHIVES = template.packaged(ROOT, "bucket")


@pytest.fixture(scope="module")
def translated() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        result: dict[str, Any] = template.translated(copy.deepcopy(SOURCE), {})["Resources"]
        return result


def events() -> list[tuple[str, str]]:
    """Every HTTP event of the template, as route key and function. One without a path is the default."""
    return [
        (" ".join(filter(None, map(event["Properties"].get, ("Method", "Path")))) or "$default", name)
        for name, resource in SOURCE["Resources"].items()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "HttpApi"
    ]


@pytest.mark.parametrize(("key", "function"), events(), ids=[key for key, _ in events()])
def test_every_http_event_becomes_a_route(translated: dict[str, Any], key: str, function: str) -> None:
    (route,) = [
        resource["Properties"]
        for resource in translated.values()
        if resource["Type"] == "AWS::ApiGatewayV2::Route" and resource["Properties"]["RouteKey"] == key
    ]
    integration = translated[route["Target"]["Fn::Sub"].removeprefix("integrations/${").removesuffix("}")]
    assert f"/${{{function}.Arn}}/" in integration["Properties"]["IntegrationUri"]["Fn::Sub"]
    assert integration["Properties"]["PayloadFormatVersion"] == "2.0"


def test_definition_is_json_with_its_substitutions(translated: dict[str, Any]) -> None:
    (machine,) = [r for r in translated.values() if r["Type"] == "AWS::StepFunctions::StateMachine"]
    text = machine["Properties"]["DefinitionString"]
    definition = json.loads("\n".join(text["Fn::Join"][1]) if isinstance(text, dict) else text)
    assert definition["QueryLanguage"] == "JSONata"
    assert machine["Properties"]["DefinitionSubstitutions"]["OutboundQueueUrl"] == {"Ref": "OutboundQueue"}


def test_archives_are_the_same_every_time(tmp_path: Path) -> None:
    assert [a.key for a in template.packaged(ROOT, "bucket")[1]] == [a.key for a in ARCHIVES]
    (tmp_path / "app.py").write_text("1")
    (tmp_path / "__pycache__").mkdir()
    first = template.zipped(tmp_path, "", lambda _: True)
    (tmp_path / "__pycache__" / "app.pyc").write_text("2")
    (tmp_path / "app.py").touch()
    assert template.zipped(tmp_path, "", lambda _: True) == first
    (tmp_path / "app.py").write_text("3")
    assert template.zipped(tmp_path, "", lambda _: True).key != first.key


def test_provider_accounts() -> None:
    accounts = provider_accounts("http://a", CREDENTIALS, "http://b")
    addresses = {name.split("/")[2]: account["base_url"] for name, account in accounts.items()}
    # A provider can do without a simulated carrier, but not the default one of a channel.
    assert set(DEFAULT_PROVIDERS.values()) <= addresses.keys() <= REGISTRY.keys()
    assert (
        addresses.items()
        >= {
            "aws": "http://b/aws/",
            "whatsapp_cloud": "http://b/whatsapp_cloud/v26.0",
            "messenger": "http://b/messenger/v26.0",
            "infobip": "http://b/infobip",
        }.items()
    )
    assert accounts["switchboard/accounts/infobip/default"]["callback_url"] == "http://a"


@pytest.mark.e2e
def test_secrets_are_set(stack: Stack) -> None:
    secrets = stack.aws("secretsmanager")
    account = secrets.get_secret_value(SecretId=stack.resource("AccountSecret"))["SecretString"]
    assert json.loads(account) == {"api_key": "localkey", "api_secret": "localsecret"}
    infobip = json.loads(
        secrets.get_secret_value(SecretId="switchboard/accounts/infobip/default")["SecretString"]
    )
    assert infobip["callback_url"] == stack.url
    assert len(infobip["api_key"]) == 32


@pytest.mark.e2e
def test_items_expire(stack: Stack) -> None:
    setting = stack.aws("dynamodb").describe_time_to_live(TableName=stack.resource("Table"))
    assert setting["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
