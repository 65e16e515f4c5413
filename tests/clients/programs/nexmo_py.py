"""Uses `nexmo` 2.5 from PyPI. See tests/clients/kit.py for how it is run."""

import json
import sys
import warnings
from typing import Any

import nexmo
import requests

Given = dict[str, Any]
warnings.simplefilter("ignore")


def client(given: Given) -> Any:
    """Its hosts can be set, but with no port, and not that of its applications: see `detour` in kit.py."""
    return nexmo.Client(
        key=given["key"],
        secret=given["secret"],
        application_id=given.get("application_id"),
        private_key=given.get("private_key"),
    )


def failed(call: Any, *arguments: Any) -> str:
    try:
        call(*arguments)
    except nexmo.Error as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError("it was not refused")


def applications(given: Given) -> Given:
    api = client(given).application_v2
    urls = {
        f"{kind}_url": {"address": f"{given['webhooks']}/{kind}", "http_method": "POST"}
        for kind in ("status", "inbound")
    }
    wanted = {"name": "Before", "capabilities": {"messages": {"webhooks": urls}}}
    made = api.create_application(wanted)
    return {
        "made": made,
        "read": api.get_application(made["id"]),
        "changed": api.update_application(made["id"], wanted | {"name": "After"}),
        "listed": [
            application["id"]
            for application in api.list_applications(page_size=100, page=1)["_embedded"]["applications"]
        ],
        "deleted": api.delete_application(made["id"]),
        "gone": failed(api.get_application, made["id"]),
        "nameless": failed(api.create_application, {}),
    }


def numbers(given: Given) -> Given:
    made = client(given)
    application = made.application_v2.create_application({"name": "Numbers"})["id"]
    parameters = {"country": "GB", "msisdn": given["number"]}
    return {
        "application": application,
        "linked": made.update_number(parameters | {"app_id": application}),
        "found": made.get_account_numbers(application_id=application),
        "unlinked": made.update_number(parameters),
        "refused": failed(made.update_number, parameters | {"app_id": "x"}),
    }


def account(given: Given) -> Given:
    made = client(given)
    urls = {"moCallBackUrl": "https://client.example/in", "drCallBackUrl": "https://client.example/st"}
    changed = made.update_settings(urls)
    made.update_settings(dict.fromkeys(urls, ""))
    return {"balance": made.get_balance(), "changed": changed}


def wrong_secret(given: Given) -> list[str]:
    made = client(given | {"secret": "wrong"})
    return [failed(made.application_v2.list_applications), failed(made.get_account_numbers)]


def post(given: Given) -> Given:
    """It has no call for messages: people send them by its token. `requests`: {name: [path, body]}."""
    made = client(given)
    made.auth(given.get("claims", {}))
    answers = {}
    for name, (path, body) in given["requests"].items():
        token = made.generate_application_jwt()
        headers = {"Authorization": f"Bearer {token if isinstance(token, str) else token.decode()}"}
        answer = requests.post(f"https://{made.api_host()}{path}", json=body, headers=headers, timeout=60)
        answers[name] = {"status": answer.status_code, "body": answer.json()}
    return answers


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(globals()[asked["function"]](asked["given"])))
