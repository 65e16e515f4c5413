"""WhatsApp Cloud API: https://developers.facebook.com/docs/whatsapp/cloud-api

Settings of the account: `access_token`, `app_secret`, `verify_token`, `phone_numbers`, which maps our
senders to their phone number ids (without it the sender itself is the id), and `waba_id`, the business
account, which only templates need.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from switchboard.adapters import _http, _meta, _whatsapp
from switchboard.adapters._reading import answer, json_object, mapping, objects, secret, text
from switchboard.adapters._whatsapp import ERRORS, MEDIA_URL, PAUSES
from switchboard.adapters.base import Account, Adapter, Known, Verification, by_http_status, retry_after
from switchboard.adapters.templates import KeepsTemplates, Template
from switchboard.errors import ConfigurationError, Rejected, SendError, Unanswered, Unavailable
from switchboard.models.events import Event, Hook
from switchboard.models.messages import Channel, Message

if TYPE_CHECKING:
    import httpx

State = Literal["verified", "pending", "failed"]
STATES: tuple[State, ...] = ("verified", "pending", "failed")
"""From good to bad."""
# https://developers.facebook.com/docs/graph-api/reference/whats-app-business-account-to-number-current-status
# The words in a phone number's fields, what we make of them, and what people should know. A number that is
# CONNECTED can send; its code may have expired long ago.
NUMBER: dict[str, dict[str, tuple[State, str]]] = {
    "status": {
        "CONNECTED": ("verified", ""),
        "FLAGGED": ("verified", "too many people complain about it"),
        "RESTRICTED": ("verified", "it may not begin more conversations for now"),
        "RATE_LIMITED": ("verified", "it may not begin more conversations for now"),
        "PENDING": ("pending", "it is not registered yet"),
        "UNVERIFIED": ("pending", "it is not verified yet"),
        "DISCONNECTED": ("failed", "it is no longer registered"),
        "BANNED": ("failed", "WhatsApp has banned it"),
        "DELETED": ("failed", "it was deleted"),
        "MIGRATED": ("failed", "it has moved to another business account"),
    },
    "name_status": {
        "PENDING_REVIEW": ("pending", "its display name is under review"),
        "DECLINED": ("failed", "its display name was declined"),
    },
    "code_verification_status": {"NOT_VERIFIED": ("verified", "its verification code was not entered")},
    "quality_rating": {"RED": ("verified", "its quality rating is red")},
}

PAGE = 100  # templates in one answer
TEMPLATE_FIELDS = "name,language,status,category,rejected_reason,components"


class WhatsAppCloud(Adapter, KeepsTemplates):
    name = "whatsapp_cloud"
    channels = frozenset({Channel.WHATSAPP})
    secrets = _meta.SECRETS
    quotable = channels

    def request(self, message: Message, account: Account) -> httpx.Request:
        body = _whatsapp.body(message)
        return _meta.post(account, _phone_number_id(account, message.sender), "messages", body=body)

    def accepted(self, reply: httpx.Response) -> str:
        for sent in objects(answer(reply).get("messages")):
            if wamid := text(sent.get("id")):
                return wamid
        raise Unanswered(1331, "no message id")

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        code, subcode = _meta.error_codes(reply)
        provider_code = _meta.provider_code(code, subcode)
        if code not in ERRORS:
            return by_http_status(reply, provider_code)
        # Of what we ask, only the sender is an object of its own.
        kind, ours = ERRORS[33 if (code, subcode) == _meta.NO_SUCH_OBJECT else code]
        pause = retry_after(reply)
        return kind(ours, provider_code, PAUSES.get(code) if pause is None else pause)

    def verify(self, hook: Hook, account: Account) -> None:
        _meta.verify(hook, account)

    def handshake(self, hook: Hook, account: Account) -> str | None:
        return _meta.handshake(hook, account)

    def events(self, hook: Hook) -> list[Event]:
        return _whatsapp.events(json_object(hook).get("entry"), hook)

    def read(self, message: Known, account: Account, *, typing: bool) -> httpx.Request:
        body = _whatsapp.read(message, typing=typing)
        return _meta.post(account, _phone_number_id(account, message.sender), "messages", body=body)

    # --- media ---------------------------------------------------------------------------------------

    def download(self, media: str, account: Account, client: httpx.Client) -> httpx.Request:
        """Media has an id; the address that Meta gives for it is good for five minutes."""
        if media.startswith(MEDIA_URL):
            request = _meta.get(account, media.removeprefix(MEDIA_URL))
            reply = self.exchange(request, account, client)
            if _meta.error_codes(reply) == _meta.NO_SUCH_OBJECT:
                raise Rejected(1380, "no such media")
            if not reply.is_success:
                raise self.refused(reply)
            media = text(answer(reply).get("url"))
            if not media:
                raise Unavailable(1331, "no url")
        return _http.request("GET", media, headers=_meta.authorization(account))

    # --- the account and its numbers -----------------------------------------------------------------

    def check(self, account: Account, channel: Channel, sender: str) -> httpx.Request:
        return _meta.get(account, _phone_number_id(account, sender), fields=",".join(NUMBER))

    def checked(self, reply: httpx.Response, channel: Channel, sender: str) -> Verification:
        number = answer(reply)
        if not text(number.get("id")):
            raise Unanswered(1331, "no phone number id")
        found = [NUMBER[field].get(text(number.get(field)), ("verified", "")) for field in NUMBER]
        status = text(number.get("status"))
        if status and status not in NUMBER["status"]:
            found.append(("pending", f"its status is {status}"))
        state = max((state for state, _ in found), key=STATES.index)
        return Verification(state, ", ".join(reason for _, reason in found if reason))

    # --- templates -----------------------------------------------------------------------------------

    def list_templates(
        self, account: Account, sender: str, name: str | None, after: str | None
    ) -> httpx.Request:
        query = {"fields": TEMPLATE_FIELDS, "limit": str(PAGE), "name": name or "", "after": after or ""}
        return _meta.get(
            account, *_templates(account), **{key: value for key, value in query.items() if value}
        )

    def listed_templates(self, reply: httpx.Response) -> tuple[list[Template], str | None]:
        body = answer(reply)
        name = reply.request.url.params.get("name")  # Meta takes it for a part of names
        paging = mapping(body.get("paging"))
        mark = text(mapping(paging.get("cursors")).get("after")) if paging.get("next") else ""
        found = [_template(raw) for raw in objects(body.get("data"))]
        return [template for template in found if name in (None, template.name)], mark or None

    def create_template(self, account: Account, sender: str, definition: Mapping[str, Any]) -> httpx.Request:
        return _meta.post(account, *_templates(account), body=definition)

    def created_template(self, reply: httpx.Response, definition: Mapping[str, Any]) -> Template:
        made = answer(reply)
        if not text(made.get("id")):
            raise Unanswered(1331, "no template id")
        return _template({**definition, **made})

    def delete_template(
        self, account: Account, sender: str, name: str, template_id: str | None
    ) -> httpx.Request:
        query = {"name": name} | ({"hsm_id": template_id} if template_id else {})
        url = _meta.address(account, *_templates(account))
        return _http.request("DELETE", url, headers=_meta.authorization(account), params=query)


def _phone_number_id(account: Account, sender: str) -> str:
    return text(mapping(account.settings.get("phone_numbers")).get(sender)) or sender


def _templates(account: Account) -> tuple[str, str]:
    """Where the templates of the business account are."""
    return secret(account, "waba_id"), "message_templates"


def _template(raw: Mapping[str, Any]) -> Template:
    return Template(
        name=text(raw.get("name")),
        language=text(raw.get("language")),
        status=text(raw.get("status")).upper(),
        category=text(raw.get("category")).upper(),
        template_id=text(raw.get("id")),
        reason=_whatsapp.reason(raw.get("rejected_reason")),
        components=objects(raw.get("components")),
    )
