import pytest
from pydantic import ValidationError

from switchboard.models.messages import Channel
from switchboard.settings import DEFAULT_PROVIDERS, Settings

NEEDED = {
    "TABLE_NAME": "t",
    "OUTBOUND_QUEUE_URL": "o",
    "URGENT_QUEUE_URL": "u",
    "WEBHOOKS_QUEUE_URL": "w",
    "ACCOUNT_SECRET": "s",
    "PROVIDER_SECRETS": "p",
}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (None, {}),
        ("", {}),
        ("sms=twilio", {Channel.SMS: "twilio"}),
        ("sms=twilio, whatsapp=aws,", {Channel.SMS: "twilio", Channel.WHATSAPP: "aws"}),
    ],
    ids=["unset", "empty", "one", "two"],
)
def test_default_providers_are_those_that_are_not_named(text: str | None, named: dict[Channel, str]) -> None:
    more = {} if text is None else {"DEFAULT_PROVIDERS": text}
    settings = Settings.from_environment({**NEEDED, **more})
    assert settings.default_providers == {**DEFAULT_PROVIDERS, **named}


@pytest.mark.parametrize("text", ["fax=aws", "sms"])
def test_a_function_does_not_start_with_default_providers_that_make_no_sense(text: str) -> None:
    with pytest.raises(ValidationError):
        Settings.from_environment({**NEEDED, "DEFAULT_PROVIDERS": text})
