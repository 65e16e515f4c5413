"""Uses `vonage` 4.x from PyPI. See tests/clients/kit.py for how it is run."""

import json
import sys
from typing import Any

from vonage import Auth, HttpClientOptions, Vonage
from vonage_application import ApplicationConfig, ListApplicationsFilter
from vonage_application.common import ApplicationUrl, Capabilities, Keys, Messages, MessagesWebhooks, Privacy
from vonage_http_client.errors import HttpRequestError
from vonage_jwt import verify_signature
from vonage_messages import models
from vonage_numbers import ListOwnedNumbersFilter, UpdateNumberParams

Given = dict[str, Any]


def client(given: Given) -> Vonage:
    """By token if there is an application, else by key and secret."""
    auth = Auth(api_key=given["key"], api_secret=given["secret"])
    if "application_id" in given:
        auth = Auth(application_id=given["application_id"], private_key=given["private_key"])
    if "host" not in given:  # a program as it was
        return Vonage(auth)
    return Vonage(auth, HttpClientOptions(api_host=given["host"], rest_host=given["host"]))


def failed(call: Any, *arguments: Any) -> Given:
    """How the client tells that a call was refused."""
    try:
        call(*arguments)
    except HttpRequestError as error:
        response = error.response
        return {"error": type(error).__name__, "status": response.status_code, "body": response.json()}
    raise AssertionError("it was not refused")


def applications(given: Given) -> Given:
    """Made, read, changed, listed, deleted."""
    api = client(given).application
    urls = {
        f"{kind}_url": ApplicationUrl(address=f"{given['webhooks']}/{kind}", http_method="POST")
        for kind in ("status", "inbound")
    }
    wanted = Messages(webhooks=MessagesWebhooks(**urls), version="v1", authenticate_inbound_media=True)
    config = ApplicationConfig(name="Before", capabilities=Capabilities(messages=wanted))
    made = api.create_application(config)
    read = api.get_application(made.id)
    config.name, config.privacy = "After", Privacy(improve_ai=False)
    changed = api.update_application(made.id, config)
    api.update_application(
        made.id, ApplicationConfig(name="After", keys=Keys(public_key=given["public_key"]))
    )
    rekeyed = api.get_application(made.id)
    listed, page = [], 1
    while page:
        some, page = api.list_applications(ListApplicationsFilter(page_size=2, page=page))
        listed += [application.id for application in some]
    api.delete_application(made.id)
    return {
        "made": made.model_dump(mode="json"),
        "read": read.model_dump(mode="json"),
        "changed": changed.model_dump(mode="json"),
        "rekeyed": rekeyed.model_dump(mode="json"),
        "listed": listed,
        "gone": failed(api.get_application, made.id),
        "nameless": failed(api.create_application, ApplicationConfig(name="")),
    }


def numbers(given: Given) -> Given:
    """Linked, listed in pages, unlinked; in one client, after a call with a JSON body."""
    vonage = client(given)
    made = vonage.application.create_application(ApplicationConfig(name="Numbers"))
    parameters = {"country": "GB", "msisdn": given["number"]}
    linked = vonage.numbers.update_number(UpdateNumberParams(**parameters, app_id=made.id))
    wanted = ListOwnedNumbersFilter(application_id=made.id, size=1)
    found, count, beyond = vonage.numbers.list_owned_numbers(wanted)
    vonage.numbers.update_number(UpdateNumberParams(**parameters))
    unlinked, _, _ = vonage.numbers.list_owned_numbers(wanted)
    return {
        "application": made.id,
        "linked": linked.model_dump(),
        "found": [number.model_dump() for number in found],
        "count": [count, beyond, len(unlinked)],
        "refused": failed(vonage.numbers.update_number, UpdateNumberParams(**parameters, app_id="x")),
    }


def account(given: Given) -> Given:
    api = client(given).account
    changed = api.update_default_sms_webhook("https://client.example/in", "https://client.example/st")
    api.update_default_sms_webhook("", "")
    return {"balance": api.get_balance().model_dump(), "changed": changed.model_dump()}


def wrong_secret(given: Given) -> Given:
    vonage = client(given | {"secret": "wrong"})
    sms = models.Sms(to="447700900100", from_="Acme", text="Hello")
    return {
        "applications": failed(vonage.application.list_applications),
        "numbers": failed(vonage.numbers.list_owned_numbers),
        "messages": failed(vonage.messages.send, sms),
    }


def send(given: Given) -> Given:
    """A message of each kind, by `messages`: {name: [model, {member: value}]}."""
    api = client(given).messages
    return {
        name: api.send(getattr(models, model)(**members)).model_dump()
        for name, (model, members) in given["messages"].items()
    }


def send_refused(given: Given) -> Given:
    """As `send`; each is to be refused."""
    api = client(given).messages
    return {
        name: failed(api.send, getattr(models, model)(**members))
        for name, (model, members) in given["messages"].items()
    }


def failover(given: Given) -> Given:
    """Messenger, then WhatsApp, then SMS."""
    first = models.MessengerText(to=given["to"][0], from_="1070830641", text="Hello", client_ref="order-7")
    rest = [
        models.WhatsappText(to=given["to"][1], from_="12065550142", text="Hello"),
        models.Sms(to=given["to"][2], from_="Acme", text="Hello"),
    ]
    sent: Given = client(given).messages.send(first, failover=rest).model_dump()
    return sent


def update(given: Given) -> Given:
    """Marks `inbound` as read, with an indicator and without, and revokes `outbound`."""
    api = client(given).messages
    return {
        "read": api.mark_whatsapp_message_read(given["inbound"]),
        "replying": api.mark_whatsapp_message_read(given["inbound"], models.ReplyingIndicatorText(show=True)),
        "revoked": api.revoke_rcs_message(given["outbound"]),
        "unknown": failed(api.mark_whatsapp_message_read, "11111111-2222-4333-8444-555555555555"),
        "not revocable": failed(api.revoke_rcs_message, given["inbound"]),
    }


def verify(given: Given) -> list[bool]:
    """Whether each of `tokens` was signed with `signature_secret`."""
    return [verify_signature(token, given["signature_secret"]) for token in given["tokens"]]


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print(json.dumps(globals()[asked["function"]](asked["given"])))
