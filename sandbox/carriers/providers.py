"""Every simulated provider. The first one of a channel carries what people write there."""

from typing import Any

from sandbox.carriers.apple import Apple
from sandbox.carriers.aws import Aws
from sandbox.carriers.infobip import Infobip
from sandbox.carriers.line import Line
from sandbox.carriers.messenger import Messenger
from sandbox.carriers.network import Carrier
from sandbox.carriers.rcs_google import RcsGoogle
from sandbox.carriers.telegram import Telegram
from sandbox.carriers.twilio import Twilio
from sandbox.carriers.viber_bot import ViberBot
from sandbox.carriers.vonage import Vonage
from sandbox.carriers.wechat import WeChat
from sandbox.carriers.whatsapp import WhatsApp

CARRIERS: tuple[type[Carrier[Any]], ...] = (
    WhatsApp,
    Aws,
    Messenger,
    Infobip,
    Line,
    WeChat,
    ViberBot,
    Telegram,
    RcsGoogle,
    Twilio,
    Apple,
    Vonage,
)
