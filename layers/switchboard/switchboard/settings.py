"""What a function is told by its environment: read at import, so that a bad deployment fails at start."""

import os
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, HttpUrl, NonNegativeInt, PositiveInt

from switchboard.keywords import OPT_IN, OPT_OUT, keyword
from switchboard.models.frozen import Frozen
from switchboard.models.messages import Channel, Version

DAY = 86_400


def _pairs(text: object) -> object:
    """`USD=0.86,GBP=1.19` as a mapping."""
    if isinstance(text, str):
        return dict(pair.strip().split("=", 1) for pair in text.split(",") if pair.strip())
    return text


def _over_defaults(pairs: Mapping[Channel, str]) -> Mapping[Channel, str]:
    return {**DEFAULT_PROVIDERS, **pairs}


def _empty_is_none(text: object) -> object:
    return text or None


def _words(text: object) -> object:
    """`STOP, Stop all` as STOP and STOPALL."""
    return tuple(filter(None, map(keyword, text.split(",")))) if isinstance(text, str) else text


def _bare(url: object) -> object:
    """Paths begin with the slash that AWS puts at the end of a function's URL."""
    return url.rstrip("/") if isinstance(url, str) else url


Address = Annotated[str, BeforeValidator(_bare)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
OptionalVersion = Annotated[Version | None, BeforeValidator(_empty_is_none)]
OptionalUrl = Annotated[HttpUrl | None, BeforeValidator(_empty_is_none)]


class Settings(Frozen):
    """Names are the environment variables of template.yaml in lower case."""

    table_name: str
    outbound_queue_url: str
    urgent_queue_url: str
    webhooks_queue_url: str
    account_secret: str
    """The name of the secret with the API key and the first API secret."""
    provider_secrets: str
    """Prefix of the provider accounts' secret names: `<prefix>/<provider>/<account_id>`."""
    signature_secret: str = ""
    """The name of the first signature secret; those that were added are at `<prefix>/<id>`."""
    signature_secrets: str = ""
    state_machine_arn: str = ""
    bus_name: str = ""
    publish_events: bool = False
    """Whether what webhooks tell goes out on the bus too."""
    refused_queue_url: str = ""
    """Where a function puts what came by the bus or the Ingest queue and cannot be taken."""
    aws_region: str = "us-east-1"
    public_url: Address = ""
    """Where the API is found, if that is not the address that was called."""
    callback_url: Address = ""
    """Where providers are told to call. Those who are called do not know it, but what was called."""
    media_bucket: str = ""
    media_gateway: OptionalUrl = None
    allow_loopback: bool = False
    """Whether webhooks may be on the same machine. For the local stack; the template does not set it."""
    status_url: OptionalUrl = None
    inbound_url: OptionalUrl = None
    webhook_version: OptionalVersion = None
    default_providers: Annotated[
        Mapping[Channel, str], BeforeValidator(_pairs), AfterValidator(_over_defaults)
    ] = Field(default_factory=dict, validate_default=True)
    """Who carries a channel for a sender that has no provider account of its own: as in DEFAULT_PROVIDERS,
    where it is not named here."""
    currency: str = "EUR"
    exchange_rates: Annotated[dict[str, Decimal], BeforeValidator(_pairs)] = Field(default_factory=dict)
    """What one unit of another currency is worth in `currency`."""
    opt_out_words: Words = OPT_OUT
    opt_in_words: Words = OPT_IN
    opt_out_confirmation: str = ""
    last_step_seconds: PositiveInt = 3 * DAY
    retention_days: PositiveInt = 30
    requests_per_second: NonNegativeInt = 0
    """That start something, of each application; 0 for any number."""
    redactions_queue_url: str = ""
    starts_queue_url: str = ""
    """Of dispatches that Step Functions could not take at once."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """pydantic.ValidationError names what is missing or wrong."""
        return cls.model_validate(
            {name.lower(): value for name, value in environment.items() if name.lower() in cls.model_fields}
        )


DEFAULT_PROVIDERS: Mapping[Channel, str] = {
    Channel.SMS: "aws",
    Channel.MMS: "aws",
    Channel.WHATSAPP: "whatsapp_cloud",
    Channel.MESSENGER: "messenger",
    Channel.VIBER: "infobip",
    Channel.RCS: "aws",
    Channel.LINE: "line",
    Channel.WECHAT: "wechat",
    Channel.APPLE: "apple",
    Channel.TELEGRAM: "telegram",
    Channel.VIBER_BOT: "viber_bot",
}
"""By the account `default`."""
