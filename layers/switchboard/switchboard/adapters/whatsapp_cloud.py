"""WhatsApp Cloud API: https://developers.facebook.com/docs/whatsapp/cloud-api

Settings of the account: `access_token`, `app_secret`, `verify_token`, and `phone_numbers`, which maps our
senders to their phone number ids (without it the sender itself is the id).
"""

import httpx

from switchboard.adapters import _meta, _whatsapp
from switchboard.adapters._reading import answer, json_object, mapping, objects, text
from switchboard.adapters._whatsapp import ERRORS, PAUSES
from switchboard.adapters.base import Account, Adapter, by_http_status, retry_after
from switchboard.errors import ConfigurationError, SendError, Unanswered
from switchboard.models.events import Event, Hook
from switchboard.models.messages import Channel, Message


class WhatsAppCloud(Adapter):
    name = "whatsapp_cloud"
    channels = frozenset({Channel.WHATSAPP})
    secrets = _meta.SECRETS

    def request(self, message: Message, account: Account) -> httpx.Request:
        body = _whatsapp.body(message)
        numbers = mapping(account.settings.get("phone_numbers"))
        return _meta.post(account, text(numbers.get(message.sender)) or message.sender, body)

    def accepted(self, reply: httpx.Response) -> str:
        for sent in objects(answer(reply).get("messages")):
            if wamid := text(sent.get("id")):
                return wamid
        raise Unanswered(1331, "no message id")

    def refused(self, reply: httpx.Response) -> SendError | ConfigurationError:
        code, _ = _meta.error_codes(reply)
        if code not in ERRORS:
            return by_http_status(reply, text(code))
        kind, ours = ERRORS[code]
        pause = retry_after(reply)
        return kind(ours, code, PAUSES.get(code) if pause is None else pause)

    def verify(self, hook: Hook, account: Account) -> None:
        _meta.verify(hook, account)

    def handshake(self, hook: Hook, account: Account) -> str | None:
        return _meta.handshake(hook, account)

    def events(self, hook: Hook) -> list[Event]:
        return _whatsapp.events(json_object(hook).get("entry"), hook)
