"""Reads the shipped template.yaml, so that tests stand on what is deployed."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short tags, kept as {"Fn::Tag": value}."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)


@cache
def template() -> dict[str, Any]:
    """Read once, as that takes a tenth of a second; not to be changed."""
    loaded: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader=_Loader)
    return loaded


def http_routes() -> dict[tuple[str, str], str]:
    """Function by method and path, as the gateway knows them."""
    return {
        (event["Properties"]["Method"], event["Properties"]["Path"]): name.removesuffix("Function").lower()
        for name, resource in template()["Resources"].items()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if event["Type"] == "HttpApi" and "Path" in event["Properties"]
    }


def state_machine(**substitutions: str) -> dict[str, Any]:
    text = (ROOT / "statemachines" / "dispatch.asl.yaml").read_text()
    for name, value in substitutions.items():
        text = text.replace(f"${{{name}}}", value)
    definition: dict[str, Any] = yaml.safe_load(text)
    return definition
