"""From the shipped SAM template to one that the emulator's CloudFormation can deploy. No AWS calls."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

DEPENDENCIES = ("DependenciesLayer", "DependenciesLayerX86")


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms (`!Ref`, `!GetAtt A.B`, ...)."""


def _short_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


_Loader.add_multi_constructor("!", _short_form)


@dataclass(frozen=True)
class Archive:
    """A file for S3, and the key it is uploaded under; a zip's names its content."""

    key: str
    content: bytes


def load(path: Path) -> dict[str, Any]:
    template: dict[str, Any] = yaml.load(path.read_text(), _Loader)
    return template


def packaged(project: Path, bucket: str) -> tuple[dict[str, Any], list[Archive]]:
    """What `sam build` and `sam package` would do: the template with its code and machine by reference."""
    template = load(project / "template.yaml")
    archives: dict[str, Archive] = {}

    def upload(folder: str, prefix: str, include: Callable[[Path], bool]) -> dict[str, str]:
        archive = zipped(project / folder, prefix, include)
        archives[archive.key] = archive
        return {"Bucket": bucket, "Key": archive.key}

    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = upload(properties["CodeUri"], "", _is_source)
        elif name in DEPENDENCIES:
            # Only its list. The workers run on this interpreter, whose packages were installed from
            # that very list; unpacking 50 MB of them once more would cost seconds.
            properties["ContentUri"] = upload(properties["ContentUri"], "", lambda _: True)
        elif resource["Type"] == "AWS::Serverless::LayerVersion":
            properties["ContentUri"] = upload(properties["ContentUri"], "python/", _is_source)
        elif resource["Type"] == "AWS::Serverless::StateMachine":
            # The emulator reads definitions as JSON only.
            definition = (project / properties.pop("DefinitionUri")).read_text()
            properties["Definition"] = yaml.safe_load(definition)
    return template, list(archives.values())


def translated(template: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """SAM's transform as AWS runs it, and then what ministack does not understand put another way."""
    from samtranslator.translator.transform import transform  # takes half a second

    class NoPolicies:
        def load(self) -> dict[str, str]:
            return {}

    cloudformation: dict[str, Any] = transform(template, dict(parameters), NoPolicies())
    for name, resource in list(cloudformation["Resources"].items()):
        if resource["Type"] == "AWS::ApiGatewayV2::Api" and "Body" in resource["Properties"]:
            cloudformation["Resources"] |= native_routes(name, resource["Properties"])
        if resource["Type"] == "AWS::Lambda::LayerVersion":
            # SAM keeps every version for a rollback. Here each edit makes one, and nothing rolls back.
            resource["DeletionPolicy"] = "Delete"
    return cloudformation


def native_routes(api: str, properties: dict[str, Any]) -> dict[str, Any]:
    """ministack 1.5.33 ignores an API's Body (an OpenAPI document), so take its routes out as resources.

    CloudFormation on AWS makes the same routes and integrations from the Body.
    """
    body = properties.pop("Body")
    resources: dict[str, Any] = {}
    for path, methods in body["paths"].items():
        for method, operation in methods.items():
            integration = operation["x-amazon-apigateway-integration"]
            uri = integration["uri"]
            target = f"{api}Integration{_digest(uri)}"
            resources[target] = {
                "Type": "AWS::ApiGatewayV2::Integration",
                "Properties": {
                    "ApiId": {"Ref": api},
                    "IntegrationType": "AWS_PROXY",
                    "IntegrationUri": uri,
                    "PayloadFormatVersion": integration["payloadFormatVersion"],
                },
            }
            method = "ANY" if method == "x-amazon-apigateway-any-method" else method.upper()
            key = "$default" if operation.get("isDefaultRoute") else f"{method} {path}"
            resources[f"{api}Route{_digest(key)}"] = {
                "Type": "AWS::ApiGatewayV2::Route",
                "Properties": {
                    "ApiId": {"Ref": api},
                    "RouteKey": key,
                    "Target": {"Fn::Sub": f"integrations/${{{target}}}"},
                },
            }
    return resources


def zipped(folder: Path, prefix: str, include: Callable[[Path], bool]) -> Archive:
    """Files under `folder`, byte for byte the same zip as long as they are the same. Not compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and include(path):
                entry = zipfile.ZipInfo(prefix + path.relative_to(folder).as_posix())
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes())
    content = buffer.getvalue()
    return Archive(f"{folder.name}-{hashlib.sha256(content).hexdigest()[:24]}.zip", content)


def fingerprint(*parts: Any) -> str:
    """Of anything that can be JSON."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _is_source(path: Path) -> bool:
    return path.name != "requirements.txt"


def _digest(value: Any) -> str:
    return fingerprint(value)[:10]
