"""The little that a command line has to know of channels to write its requests; the API knows the rest."""

NUMBER_SENDERS = frozenset({"sms", "mms", "whatsapp"})
"""Whose sender v0.1 calls a number; that of the others is an id."""
NUMBER_RECIPIENTS = NUMBER_SENDERS | {"viber_service_msg", "rcs"}
WITHOUT_RECEIPTS = frozenset({"line", "wechat", "apple", "telegram"})
"""Where nothing is ever heard of a message after it was submitted."""

ALL = (
    "sms",
    "mms",
    "whatsapp",
    "messenger",
    "viber_service",
    "rcs",
    "line",
    "wechat",
    "apple",
    "telegram",
    "viber_bot",
)
"""By their names in v1."""

_VIBER = ("viber", "viber_service", "viber_service_msg")


def v1(channel: str) -> str:
    return "viber_service" if channel in _VIBER else channel


def v01(channel: str) -> str:
    return "viber_service_msg" if channel in _VIBER else channel


def party(channel: str, identifier: str, *, is_sender: bool) -> dict[str, str]:
    """One end of a v0.1 message."""
    numbers = NUMBER_SENDERS if is_sender else NUMBER_RECIPIENTS
    return {"type": channel, "number" if channel in numbers else "id": identifier}
