"""The shapes of docs/openapi.yaml, to hold bodies to."""

from functools import cache
from typing import Any

import yaml
from jsonschema import Draft202012Validator, FormatChecker

from tests.support.template import ROOT


@cache
def validator(name: str) -> Draft202012Validator:
    """For one of the schemas of the description."""
    page: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
    schema = {"$ref": f"#/components/schemas/{name}", "components": page["components"]}
    return Draft202012Validator(schema, format_checker=FormatChecker())
