"""The closest public sample, counted by the same rules from its source as it was published: a WhatsApp or SMS
message with a fallback channel (github.com/aws-samples/omnichannel-fallback-messaging).

Not run, as it needs accounts: what its handlers call is read from them, for one message that is delivered,
with queues in batches of ten. It takes a message without authentication, calls no webhook, keeps one status,
and waits by a queue's delay, which ends at 15 minutes.
"""

from collections.abc import Mapping

from bench.prices import Prices

MEMORY_GB = 0.25
BATCH = 10


def delivered(assumed: Mapping[str, float], *, whatsapp: bool) -> dict[str, float]:
    """Units of one message whose first channel delivers it."""
    table, queue, provider = (assumed[f"{name}_ms"] / 1000 for name in ("dynamodb", "sqs", "provider"))
    # Records of a batch are worked on one after another. WhatsApp's `accepted` is an event too: it binds
    # AWS's id to WhatsApp's.
    events = 3 if whatsapp else 2
    event_calls = 4 if whatsapp else 1
    seconds = provider + table + queue + table + event_calls * table
    return {
        "rest_api": 1,
        "sqs_request": 2 + 4 / BATCH,  # in and fallback: put, and a batch's receive and delete
        "lambda_request": 2 / BATCH + events,
        "lambda_x86_gb_second": seconds * MEMORY_GB,  # for answers; its own time is not known
        "dynamodb_write": 3 if whatsapp else 2,
        "dynamodb_read": 1.5 if whatsapp else 0.5,  # eventually consistent
        "sns_publish": events,
        "log_gb": _log_bytes(assumed, events, whatsapp) / 1e9,
    }


def falls_back(assumed: Mapping[str, float]) -> dict[str, float]:
    """Units more when the first channel does not deliver and the second one is used; its events are
    dropped."""
    seconds = (assumed["provider_ms"] + assumed["dynamodb_ms"]) / 1000
    return {"lambda_x86_gb_second": seconds * MEMORY_GB, "dynamodb_write": 1}


def _log_bytes(assumed: Mapping[str, float], events: int, whatsapp: bool) -> float:
    """About what its handlers print: each record once, WhatsApp's events three times over; and three lines of
    Lambda's own for each invocation. What its API logs (full requests, at INFO) is not counted."""
    printed = 1_000 + (3 * events * 1_500 if whatsapp else 0)
    return printed + (events + 2 / BATCH) * assumed["platform_log_bytes"]


def dollars(prices: Prices) -> dict[str, dict[str, float]]:
    """Of a million, by line."""
    cases = {
        "sample, whatsapp": delivered(prices.assumed, whatsapp=True),
        "sample, sms": delivered(prices.assumed, whatsapp=False),
        "sample, fallback adds": falls_back(prices.assumed),
    }
    return {
        name: {line: value * 1e6 for line, value in prices.dollars(units).items()}
        for name, units in cases.items()
    }
