"""Uses `vonage` 3.x from PyPI. See tests/clients/kit.py for how it is run."""

import json
import sys
from typing import Any

import vonage
from vonage_jwt import verify_signature

Given = dict[str, Any]


def client(given: Given) -> Any:
    """By token if there is an application, else by key and secret."""
    made = vonage.Client(
        key=given["key"],
        secret=given["secret"],
        application_id=given.get("application_id"),
        private_key=given.get("private_key"),
    )
    if "host" in given:  # else a program as it was
        made.api_host(given["host"])
        made.host(given["host"])
    return made


def failed(call: Any, *arguments: Any) -> str:
    try:
        call(*arguments)
    except vonage.errors.Error as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError("it was not refused")


def applications(given: Given) -> Given:
    api = client(given).application
    urls = {
        f"{kind}_url": {"address": f"{given['webhooks']}/{kind}", "http_method": "POST"}
        for kind in ("status", "inbound")
    }
    wanted = {"name": "Before", "capabilities": {"messages": {"webhooks": urls, "version": "v1"}}}
    made = api.create_application(wanted)
    read = api.get_application(made["id"])
    changed = api.update_application(made["id"], wanted | {"name": "After"})
    listed = api.list_applications(page_size=100)
    deleted = api.delete_application(made["id"])
    return {
        "made": made,
        "read": read,
        "changed": changed,
        "listed": [application["id"] for application in listed["_embedded"]["applications"]],
        "deleted": deleted,
        "gone": failed(api.get_application, made["id"]),
        "nameless": failed(api.create_application, {}),
    }


def numbers(given: Given) -> Given:
    made = client(given)
    application = made.application.create_application({"name": "Numbers"})["id"]
    parameters = {"country": "GB", "msisdn": given["number"]}
    return {
        "application": application,
        "linked": made.numbers.update_number(parameters | {"app_id": application}),
        "found": made.numbers.get_account_numbers({"application_id": application}),
        "unlinked": made.numbers.update_number(parameters),
        "refused": failed(made.numbers.update_number, parameters | {"app_id": "x"}),
    }


def account(given: Given) -> Given:
    api = client(given).account
    urls = {"moCallBackUrl": "https://client.example/in", "drCallBackUrl": "https://client.example/st"}
    changed = api.update_default_sms_webhook(urls)
    api.update_default_sms_webhook(dict.fromkeys(urls, ""))
    return {"balance": api.get_balance(), "changed": changed}


def wrong_secret(given: Given) -> str:
    return failed(client(given | {"secret": "wrong"}).application.list_applications)


def send(given: Given) -> Given:
    """The messages of `messages`, by name."""
    api = client(given).messages
    return {name: api.send_message(message) for name, message in given["messages"].items()}


def send_refused(given: Given) -> Given:
    api = client(given).messages
    return {name: failed(api.send_message, message) for name, message in given["messages"].items()}


def update(given: Given) -> Given:
    api = client(given).messages
    return {
        "read": api.mark_whatsapp_message_read(given["inbound"]),
        "revoked": api.revoke_outbound_rcs_message(given["outbound"]),
    }


def odd_tokens(given: Given) -> Given:
    """A message by a token of each kind in `claims`: {name: claims}."""
    made = client(given)
    uuids = {}
    for name, claims in given["claims"].items():
        made.auth(claims)
        uuids[name] = made.messages.send_message(given["message"])
    return uuids


def verify(given: Given) -> list[bool]:
    return [verify_signature(token, given["signature_secret"]) for token in given["tokens"]]


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(globals()[asked["function"]](asked["given"])))
