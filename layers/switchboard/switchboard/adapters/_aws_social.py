"""WhatsApp through AWS End User Messaging Social, a wrapper around Meta's own JSON.

https://docs.aws.amazon.com/social-messaging/latest/APIReference/Welcome.html
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from switchboard.adapters import _whatsapp
from switchboard.adapters._aws import call
from switchboard.adapters._reading import answer, enclosed, mapping, objects, secret, text
from switchboard.adapters.base import Account, Known, Verification
from switchboard.adapters.templates import Template
from switchboard.errors import ConfigurationError, Unanswered
from switchboard.models.events import Event, Hook, Receipt
from switchboard.models.messages import Message, Status

if TYPE_CHECKING:
    import httpx

META_VERSION = "v23.0"
PAGE = 100  # templates in one answer


def send(message: Message, account: Account) -> httpx.Request:
    """Rejected for what WhatsApp cannot carry."""
    return _call(account, message.sender, _whatsapp.body(message))


def read(message: Known, account: Account, *, typing: bool) -> httpx.Request:
    return _call(account, message.sender, _whatsapp.read(message, typing=typing))


def _call(account: Account, sender: str, message: Mapping[str, Any]) -> httpx.Request:
    body = {
        "originationPhoneNumberId": phone_number_id(account, sender),
        "message": _blob(message),
        "metaApiVersion": account.get("meta_version", META_VERSION),
    }
    return call(account, "POST", "/v1/whatsapp/send", body=body)


def events(raw: Mapping[str, Any], hook: Hook) -> list[Event]:
    """Everything in a notification: it holds one entry of Meta's webhook, as a string."""
    found = _whatsapp.events([enclosed(raw.get("whatsAppWebhookEntry"))], hook)
    # The answer to a send has AWS's own id; Meta's comes with the first receipt.
    return [
        replace(event, names=True)
        if isinstance(event, Receipt) and event.status is Status.SUBMITTED
        else event
        for event in found
    ]


def phone_number_id(account: Account, sender: str) -> str:
    """AWS's id of one of our numbers. ConfigurationError 1120 when the account does not say it."""
    found = text(mapping(account.settings.get("phone_number_ids")).get(sender))
    if not found:
        raise ConfigurationError(1120, "phone_number_ids has not this sender")
    return found


def check(account: Account, sender: str) -> httpx.Request:
    query = {"id": phone_number_id(account, sender)}
    return call(account, "GET", "/v1/whatsapp/waba/phone/details", query)


def checked(reply: httpx.Response) -> Verification:
    """A number that is linked can send; AWS says nothing more of it than its quality."""
    number = mapping(answer(reply).get("phoneNumber"))
    if not text(number.get("phoneNumberId")):
        raise Unanswered(1331, "no phone number id")
    poor = text(number.get("qualityRating")).upper() == "RED"
    return Verification("verified", "its quality rating is red" if poor else "")


# --- templates -----------------------------------------------------------------------------------


def list_templates(account: Account, name: str | None, after: str | None) -> httpx.Request:
    """AWS always lists them all: the name is kept beside the request, for who reads the answer."""
    query = _business(account) | {"maxResults": str(PAGE)} | ({"nextToken": after} if after else {})
    return call(account, "GET", "/v1/whatsapp/template/list", query, wanted_template=name)


def listed_templates(reply: httpx.Response) -> tuple[list[Template], str | None]:
    """Without components, which AWS shows of one template only."""
    name = reply.request.extensions.get("wanted_template")
    found = [
        Template(
            name=text(raw.get("templateName")),
            language=text(raw.get("templateLanguage")),
            status=text(raw.get("templateStatus")).upper(),
            category=text(raw.get("templateCategory")).upper(),
            template_id=text(raw.get("metaTemplateId")),
        )
        for raw in objects(answer(reply).get("templates"))
    ]
    after = text(answer(reply).get("nextToken")) or None
    return [template for template in found if name in (None, template.name)], after


def create_template(account: Account, definition: Mapping[str, Any]) -> httpx.Request:
    body = _business(account) | {"templateDefinition": _blob(definition)}
    return call(account, "POST", "/v1/whatsapp/template/put", body=body)


def created_template(reply: httpx.Response, definition: Mapping[str, Any]) -> Template:
    made = answer(reply)
    template_id = text(made.get("metaTemplateId"))
    if not template_id:
        raise Unanswered(1331, "no template id")
    return Template(
        name=text(definition.get("name")),
        language=text(definition.get("language")),
        status=text(made.get("templateStatus")).upper(),
        category=(text(made.get("category")) or text(definition.get("category"))).upper(),
        template_id=template_id,
        components=objects(definition.get("components")),
    )


def delete_template(account: Account, name: str, template_id: str | None) -> httpx.Request:
    which = {"metaTemplateId": template_id} if template_id else {"deleteAllTemplates": "true"}
    return call(
        account, "DELETE", "/v1/whatsapp/template", _business(account) | {"templateName": name, **which}
    )


def _business(account: Account) -> dict[str, str]:
    """The WhatsApp business account, by AWS's id of it."""
    return {"id": secret(account, "waba_id")}


def _blob(value: Mapping[str, Any]) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()
