"""What docs/deploying.md has people type."""

import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.support.template import ROOT, template

PAGE = (ROOT / "docs" / "deploying.md").read_text()


def test_parameters_outputs_and_alarms_are_the_templates() -> None:
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.S))
    parameters = set(re.findall(r"--parameter (\w+)=", shell))
    assert parameters
    table = PAGE.partition("| parameter |")[2].partition("\n\n")[0]
    parameters |= {
        name for row in table.splitlines()[1:] for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert parameters <= template()["Parameters"].keys()
    outputs = set(re.findall(r"OutputKey=='(\w+)'|\$\(output (\w+)\)", shell))
    assert {one or other for one, other in outputs} <= template()["Outputs"].keys()
    names = {
        resource["Properties"]["AlarmName"]["Fn::Sub"]
        for resource in template()["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }
    alarms = re.findall(r"\$\(alarm (\w+)\)", shell)
    assert alarms
    assert {f"${{AWS::StackName}}-{alarm}" for alarm in alarms} <= names
    assert f"| {len(names)} alarms |" in PAGE


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """As it was, and as it is now."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    properties = template()["Resources"]["Table"]["Properties"]
    with mock_aws():
        dynamodb = boto3.resource("dynamodb")

        def table(name: str) -> Any:
            return dynamodb.create_table(
                TableName=name,
                KeySchema=properties["KeySchema"],
                AttributeDefinitions=properties["AttributeDefinitions"][:2],
                BillingMode="PAY_PER_REQUEST",
            )

        yield table("restored"), table("live")


def test_a_restored_table_is_copied_back(tables: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    restored, live = tables
    # More than a page (1 MB).
    items = [{"pk": f"M#{number}", "sk": "-", "text": "x" * 50_000} for number in range(30)]
    with restored.batch_writer() as batch:
        for item in items:
            batch.put_item(Item=item)
    [script] = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    monkeypatch.setattr("sys.argv", ["copy.py", "restored", "live"])
    exec(compile(script, "copy.py", "exec"), {})
    for item in items:
        assert live.get_item(Key={"pk": item["pk"], "sk": "-"})["Item"] == item
