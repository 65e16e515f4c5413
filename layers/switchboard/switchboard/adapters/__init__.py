"""The providers behind us. To add one: its module, its test with fixtures, and a line here."""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from switchboard.adapters.base import Adapter

# provider name -> module and class. Modules are loaded when first used: an import is cold start.
REGISTRY = {
    "apple": "switchboard.adapters.apple:Apple",
    "aws": "switchboard.adapters.aws:Aws",
    "infobip": "switchboard.adapters.infobip:Infobip",
    "line": "switchboard.adapters.line:Line",
    "messenger": "switchboard.adapters.messenger:Messenger",
    "rcs_google": "switchboard.adapters.rcs_google:RcsGoogle",
    "telegram": "switchboard.adapters.telegram:Telegram",
    "twilio": "switchboard.adapters.twilio:Twilio",
    "viber_bot": "switchboard.adapters.viber_bot:ViberBot",
    "vonage": "switchboard.adapters.vonage:Vonage",
    "wechat": "switchboard.adapters.wechat:WeChat",
    "whatsapp_cloud": "switchboard.adapters.whatsapp_cloud:WhatsAppCloud",
}


@cache
def adapter(provider: str) -> "Adapter":
    """The adapter of a provider. KeyError when there is none of that name."""
    module, _, name = REGISTRY[provider].partition(":")
    return cast("Adapter", getattr(import_module(module), name)())
