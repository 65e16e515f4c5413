"""Applications, numbers and the account, by each client that has calls for them."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from switchboard.applications import key_pair
from tests.clients import kit
from tests.clients.kit import SecureStack
from tests.e2e.receiver import Receiver

pytestmark = [pytest.mark.e2e, pytest.mark.clients]

Given = dict[str, Any]
Client = Callable[..., Any]
"""Called with a function's name and what it is given beside the settings."""

REFUSED = {"error-code": "401", "error-code-label": "authentication failed"}
NAMELESS = [{"name": "name", "reason": "is required"}]


@pytest.fixture
def client(request: pytest.FixtureRequest, stack: SecureStack) -> Client:
    """Of the environment that the test names: `vonage4`, `vonage3`, `nexmo` or `node`."""
    name = request.param
    program, env = {
        "vonage4": ("vonage4.py", stack.trust),
        "vonage3": ("vonage3.py", stack.trust),
        "nexmo": ("nexmo_py.py", stack.detour),  # it cannot be told a port
        "node": ("server_sdk.js", {}),
    }[name]

    def call(function: str, **given: Any) -> Any:
        environment = None if name == "node" else name
        return kit.run(program, function, kit.settings(stack, **given), env, environment)

    return call


def clients(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("client", names, indirect=True)


def messages_capability(url: str, **more: Any) -> Given:
    webhooks = {
        f"{kind}_url": {"address": f"{url}/{kind}", "http_method": "POST"} for kind in ("inbound", "status")
    }
    return {"messages": {"webhooks": webhooks} | more}


def some(value: Any) -> Any:
    """Without what a client's model adds for what is not there."""
    if isinstance(value, dict):
        return {name: some(member) for name, member in value.items() if member is not None}
    return value


@clients("vonage4")
def test_applications_by_models(client: Client, receiver: Receiver) -> None:
    url = receiver.mailbox().url
    _, public_key = key_pair()
    told = client("applications", webhooks=url, public_key=public_key)
    made, read, changed = some(told["made"]), some(told["read"]), some(told["changed"])
    assert UUID(made["id"])
    assert made["keys"].pop("private_key").startswith("-----BEGIN PRIVATE KEY-----")
    assert made == read
    assert made["capabilities"] == messages_capability(url, version="v1", authenticate_inbound_media=True)
    assert changed == made | {"name": "After", "privacy": {"improve_ai": False}}
    assert told["rekeyed"]["keys"] == {"public_key": public_key}
    assert made["id"] in told["listed"] and len(set(told["listed"])) == len(told["listed"])
    gone, nameless = told["gone"], told["nameless"]
    assert (gone["error"], gone["status"], gone["body"]["title"]) == ("NotFoundError", 404, "Not Found")
    assert (nameless["error"], nameless["status"]) == ("HttpRequestError", 400)
    assert [fault["name"] for fault in nameless["body"]["invalid_parameters"]] == ["name"]


@clients("vonage3", "nexmo")
def test_applications_as_dictionaries(client: Client, receiver: Receiver) -> None:
    url = receiver.mailbox().url
    told = client("applications", webhooks=url)
    made = told["made"]
    assert made["keys"].pop("private_key").startswith("-----BEGIN PRIVATE KEY-----")
    assert told["read"] == made
    assert told["changed"] == made | {"name": "After"}
    assert made["capabilities"]["messages"]["webhooks"] == messages_capability(url)["messages"]["webhooks"]
    assert made["id"] in told["listed"]
    assert told["deleted"] is None
    assert told["gone"].startswith(f"ClientError: Not Found: ID '{made['id']}' does not exist")
    assert told["nameless"].startswith(
        "ClientError: Bad Request: The request failed due to validation errors ("
    )


@clients("node")
def test_applications_in_camel_case(client: Client, receiver: Receiver) -> None:
    url = receiver.mailbox().url
    told = client("applications", webhooks=url)
    made = told["made"]
    assert UUID(made["id"])
    assert made["keys"]["privateKey"].startswith("-----BEGIN PRIVATE KEY-----")
    for application, name in ((made, "Before"), (told["read"], "Before"), (told["changed"], "After")):
        assert application["name"] == name
        assert application["keys"]["publicKey"] == made["keys"]["publicKey"]
        assert application["privacy"]["improveAi"] is False
        capability = application["capabilities"]["messages"]
        assert capability["version"] == "v1"
        assert capability["webhooks"]["inboundUrl"]["address"] == f"{url}/inbound"
        assert capability["webhooks"]["statusUrl"]["httpMethod"] == "POST"
    assert "privateKey" not in told["read"]["keys"]
    assert made["id"] in told["listed"] and len(set(told["listed"])) == len(told["listed"])
    assert told["page"]["totalItems"] == len(told["listed"])
    assert told["page"]["pageSize"] == 10
    gone, nameless = told["gone"], told["nameless"]
    assert (gone["error"], gone["status"], gone["body"]["title"]) == ("VetchError", 404, "Not Found")
    assert (nameless["status"], nameless["body"]["invalid_parameters"]) == (400, NAMELESS)


NUMBER = "4477009003{:02}"
UNKNOWN = "method failed: app_id is no application of yours"


@clients("vonage4")
def test_numbers_by_models(client: Client) -> None:
    number = NUMBER.format(4)
    told = client("numbers", number=number)
    assert told["linked"] == {"error_code": "200", "error_code_label": "success"}
    [found] = told["found"]
    assert (found["msisdn"], found["country"], found["app_id"]) == (number, "GB", told["application"])
    assert told["count"] == [1, None, 0]
    refused = told["refused"]
    assert (refused["error"], refused["status"]) == ("HttpRequestError", 420)
    assert refused["body"] == {"error-code": "420", "error-code-label": UNKNOWN}


@clients("vonage3", "nexmo")
def test_numbers_as_dictionaries(client: Client) -> None:
    number = NUMBER.format(3)
    told = client("numbers", number=number)
    success = {"error-code": "200", "error-code-label": "success"}
    assert (told["linked"], told["unlinked"]) == (success, success)
    [found] = told["found"]["numbers"]
    assert (found["msisdn"], found["app_id"]) == (number, told["application"])
    assert told["refused"].startswith("ClientError: ")


@clients("node")
def test_numbers_in_camel_case(client: Client) -> None:
    number = NUMBER.format(5)
    told = client("numbers", number=number)
    success = {"errorCode": "200", "errorCodeLabel": "success"}
    assert (told["linked"], told["unlinked"]) == (success, success)
    [found] = told["found"]["numbers"]
    assert (found["msisdn"], found["app_id"]) == (number, told["application"])
    assert (told["refused"]["status"], told["refused"]["body"]["error-code-label"]) == (420, UNKNOWN)


@clients("vonage4", "vonage3", "nexmo", "node")
def test_webhooks_and_balance_of_the_account(client: Client) -> None:
    told = client("account")
    assert told["balance"]["value"] == 0
    changed = {name.replace("-", "_"): value for name, value in told["changed"].items()}
    assert changed["mo_callback_url"] == "https://client.example/in"
    assert changed["dr_callback_url"] == "https://client.example/st"


def test_a_wrong_secret(stack: SecureStack) -> None:
    given = kit.settings(stack)
    newest = kit.run("vonage4.py", "wrong_secret", given, stack.trust)
    for call in ("applications", "numbers"):
        assert (newest[call]["error"], newest[call]["status"]) == ("AuthenticationError", 401)
    assert newest["numbers"]["body"] == REFUSED
    assert kit.run("vonage3.py", "wrong_secret", given, stack.trust).startswith("AuthenticationError")
    oldest = kit.run("nexmo_py.py", "wrong_secret", given, stack.detour, "nexmo")
    assert [each.split(":")[0] for each in oldest] == ["AuthenticationError"] * 2
    node = kit.run("server_sdk.js", "wrong_secret", given, {})
    assert node["applications"]["body"]["detail"] == "You did not provide correct credentials."
    assert (node["numbers"]["status"], node["numbers"]["body"]) == (401, REFUSED)
