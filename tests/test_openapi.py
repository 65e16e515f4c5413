"""docs/openapi.yaml: that it is up to date, valid, and about what is deployed."""

import re
from importlib import import_module
from typing import Any

import jsonschema
import pytest
import yaml
from openapi_spec_validator import validate

from switchboard.channels import V1_NAMES
from switchboard.models import v01, v1
from tests.support import payloads
from tests.support.openapi import validator
from tests.support.template import ROOT, http_routes

PAGE: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
METHODS = ("get", "put", "post", "delete", "patch")


def operations() -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): item[method]
        for path, item in PAGE["paths"].items()
        for method in METHODS
        if method in item
    }


def test_it_is_what_the_code_says() -> None:
    page = import_module("docs.openapi").page()
    assert (ROOT / "docs" / "openapi.yaml").read_text() == page, "run: python docs/openapi.py"


def test_it_is_valid() -> None:
    validate(PAGE)


def test_its_paths_are_the_templates() -> None:
    """The console's files and its session are no part of the API."""
    routes = {(method, path.rstrip("/")) for method, path in http_routes()}
    assert set(operations()) == {route for route in routes if not route[1].startswith("/console")}


def test_every_operation_has_its_own_name_and_says_who_may() -> None:
    names = [operation["operationId"] for operation in operations().values()]
    assert len(set(names)) == len(names)
    for (_, path), operation in operations().items():
        assert "security" in operation
        open_to_all = path.endswith("/ping") or path.startswith(("/status/", "/inbound/"))
        assert (operation["security"] == []) is open_to_all
        assert open_to_all or "401" in operation["responses"]


def test_nothing_is_described_that_nobody_uses() -> None:
    text = (ROOT / "docs" / "openapi.yaml").read_text()
    for kind in ("schemas", "responses", "headers", "parameters"):
        for name in PAGE["components"][kind]:
            assert re.search(rf"#/components/{kind}/{name}\b", text), name


# --- what clients send ---------------------------------------------------------------------------

CHANNELS = list(payloads.ENDS)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_message_of_version_0_1_fits(channel: str) -> None:
    body = payloads.text(channel)
    v01.message(body, "9c0e5a2e-1d3c-4b5a-8f6e-7d8c9b0a1f2e")
    validator("MessageV01").validate(body)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_message_of_version_1_fits(channel: str) -> None:
    sender, recipient = payloads.ENDS[channel]
    body = {
        "channel": V1_NAMES.get(v1._CHANNELS[channel], channel),
        "message_type": "text",
        "text": "hello",
        "from": sender.get("number") or sender["id"],
        "to": recipient.get("number") or recipient["id"],
    }
    v1.message(body, "9c0e5a2e-1d3c-4b5a-8f6e-7d8c9b0a1f2e")
    validator("MessageV1").validate(body)


FLAT = {"channel": "sms", "to": "447700900100", "from": "Acme"}
WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "no recipient": ("MessageV01", {"from": {"type": "sms", "number": "15550001111"}}),
    "other channel": ("MessageV01", payloads.text("sms") | {"to": {"type": "mms", "number": "447700900100"}}),
    "no node": ("MessageV1", FLAT | {"message_type": "text"}),
    "other node": ("MessageV1", FLAT | {"message_type": "image", "text": "x"}),
    "no status": ("StatusV01", {"message_uuid": "9c0e5a2e-1d3c-4b5a-8f6e-7d8c9b0a1f2e"}),
}


@pytest.mark.parametrize(("schema", "body"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit(schema: str, body: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validator(schema).validate(body)
