"""Every key of the table, as templates. `{time}` is milliseconds, zero-padded so that keys sort by it.

    item                      pk                                sk
    message                   MESSAGE#{uuid}                    MESSAGE
    dispatch                  DISPATCH#{uuid}                   DISPATCH
    its steps' contents       DISPATCH#{uuid}                   STEPS
    application               APPLICATION#{application_id}      APPLICATION
    the same, to be listed    APPLICATIONS                      {application_id}
    account settings          ACCOUNT                           SETTINGS
    its API secrets, hashed   ACCOUNT                           SECRETS
    its signature secrets     ACCOUNT                           SIGNATURES    (their names only)
    sender                    SENDER#{channel}#{sender}         SENDER
    its line, by an account   PACE#{provider}/{account_id}#{channel}#{sender}     PACE
    its circuit there         CIRCUIT#{provider}/{account_id}#{channel}#{sender}  CIRCUIT
    provider account          ACCOUNTS                          {provider}#{account_id}
    number                    NUMBERS                           {msisdn}
    its templates             TEMPLATES#{provider}#{account_id} {name}#{language}
    person                    CONTACT#{channel}#{person}        {sender}
    message by provider's id  PROVIDER#{provider}#{id}          MESSAGE
    receipts that came first  PROVIDER#{provider}#{id}          EARLY#{status}
    sent in a conversation    CONVERSATION#{page}#{person}      SENT#{time}#{uuid}
    its watermarks            CONVERSATION#{page}#{person}      WATERMARKS
    a receipt before its time CONVERSATION#{page}#{person}      EARLY#{provider_id}
    client's endpoint         ENDPOINT#{owner}#{hash}           ENDPOINT      (owner: application or ACCOUNT)
    one that said 410         GONE#{owner}                      {hash}
    event that was given up   FAILED#{owner}                    {time}#{event_id}
    where it is               EVENT#{event_id}                  FAILED
    opt-out, number erased    OPTOUT#{channel}#{digest}         {sender}
    requests of a second      REQUESTS#{application}#{second}   REQUESTS
    redaction                 REDACTION#{id}                    REDACTION
    daily spend caps          ACCOUNT                           LIMITS
    handed over on a day      SPEND#{owner}                     {date}        (where there is a cap)
    counted of messages       INSIGHTS#{month}                  {owner}#{day of it}#{place}
    the same of an hour       INSIGHTS#{date}                   {owner}#{hour}#{place}
    how far that is           COUNTED#{shard of the stream}     COUNTED
    change by an owner        AUDIT#{month}                     {time}#{id}

An open dispatch is found by the index `open`: {open: one of 16, ends_by: Unix time}; what has no `open` is
not in it.

Messages, and dispatches by their steps' item, are listed by the index `listed`: {listed:
LISTED#{owner}#{M or D}#{one of 16}, listed_at: {time}#{uuid}} with `channel` and `marks`, written once with
the item and never changed, so that a change of the item costs the index nothing.

A busy deployment writes to as many partitions as it has messages. The few keys that requests share (an
application, the account's settings and secrets) are not written on the hot path, and read once a second by
each process (remembered.py); see docs/scaling.md.
"""

import hashlib
from datetime import datetime
from typing import Literal

Key = dict[str, str]


def _key(pk: str, sk: str) -> Key:
    return {"pk": pk, "sk": sk}


def message(uuid: str) -> Key:
    return _key(f"MESSAGE#{uuid}", "MESSAGE")


def dispatch(uuid: str) -> Key:
    return _key(f"DISPATCH#{uuid}", "DISPATCH")


OPEN = [f"OPEN#{digit:x}" for digit in range(16)]


def open_(uuid: str) -> str:
    """One of OPEN: as many, so that none is written too often."""
    return f"OPEN#{uuid[0]}"


def steps(uuid: str) -> Key:
    return _key(f"DISPATCH#{uuid}", "STEPS")


DIGITS = "0123456789abcdef"
"""Of the parts of each list: as many, so that none is written too often."""


def mark(person: str) -> str:
    """By which a list finds a person. It stands for very many people, so it tells none."""
    return hashlib.sha256(person.encode()).hexdigest()[:6]


def listed(owner: str, kind: Literal["M", "D"], mark: str) -> str:
    """The part of the mark's first digit."""
    return f"LISTED#{owner}#{kind}#{mark[0]}"


def listed_at(milliseconds: int, uuid: str) -> str:
    return f"{milliseconds:015d}#{uuid}"


APPLICATIONS = "APPLICATIONS"


def application(application_id: str) -> Key:
    return _key(f"APPLICATION#{application_id}", "APPLICATION")


def listed_application(application_id: str) -> Key:
    """Its copy beside all others."""
    return _key(APPLICATIONS, application_id)


def account_settings() -> Key:
    return _key("ACCOUNT", "SETTINGS")


def api_secrets() -> Key:
    return _key("ACCOUNT", "SECRETS")


def signature_secrets() -> Key:
    return _key("ACCOUNT", "SIGNATURES")


def sender(channel: str, identifier: str) -> Key:
    return _key(f"SENDER#{channel}#{identifier}", "SENDER")


def pace(account: str, channel: str, identifier: str) -> Key:
    return _key(f"PACE#{account}#{channel}#{identifier}", "PACE")


ACCOUNTS = "ACCOUNTS"


def account(provider: str, account_id: str) -> Key:
    return _key(ACCOUNTS, f"{provider}#{account_id}")


NUMBERS = "NUMBERS"


def number(msisdn: str) -> Key:
    return _key(NUMBERS, msisdn)


def circuit(account: str, channel: str, identifier: str) -> Key:
    return _key(f"CIRCUIT#{account}#{channel}#{identifier}", "CIRCUIT")


def templates(provider: str, account_id: str) -> str:
    return f"TEMPLATES#{provider}#{account_id}"


def template(provider: str, account_id: str, name: str, language: str) -> Key:
    return _key(templates(provider, account_id), f"{name}#{language}")


def contacts(channel: str, person: str) -> str:
    return f"CONTACT#{channel}#{person}"


def contact(channel: str, person: str, sender: str) -> Key:
    return _key(contacts(channel, person), sender)


def opt_outs(channel: str, person: str) -> str:
    """Of a person whose number was erased: it is found by who has the number, and does not tell it."""
    digest = hashlib.sha256(f"{channel}:{person}".encode()).hexdigest()
    return f"OPTOUT#{channel}#{digest}"


def opt_out(channel: str, person: str, sender: str) -> Key:
    return _key(opt_outs(channel, person), sender)


def requests(who: str, second: int) -> Key:
    return _key(f"REQUESTS#{who}#{second}", "REQUESTS")


def spend_caps() -> Key:
    return _key("ACCOUNT", "LIMITS")


def spend(owner: str, day: str) -> Key:
    return _key(f"SPEND#{owner}", day)


def insights(unit: Literal["hour", "day"], at: datetime) -> str:
    """The hours of a day, or the days of a month."""
    return f"INSIGHTS#{at:%Y-%m-%d}" if unit == "hour" else f"INSIGHTS#{at:%Y-%m}"


def insight(unit: Literal["hour", "day"], at: datetime, owner: str, place: str) -> Key:
    part = at.hour if unit == "hour" else at.day
    return _key(insights(unit, at), f"{owner}#{part:02d}#{place}")


def counted(shard: str) -> Key:
    return _key(f"COUNTED#{shard}", "COUNTED")


def audits(at: datetime) -> str:
    return f"AUDIT#{at:%Y-%m}"


def audit(at: datetime, entry_id: str) -> Key:
    return _key(audits(at), f"{round(at.timestamp() * 1000):015d}#{entry_id}")


def redaction(redaction_id: str) -> Key:
    return _key(f"REDACTION#{redaction_id}", "REDACTION")


def provider_ids(provider: str, provider_id: str) -> str:
    return f"PROVIDER#{provider}#{provider_id}"


def by_provider_id(provider: str, provider_id: str) -> Key:
    return _key(provider_ids(provider, provider_id), "MESSAGE")


EARLY = "EARLY#"


def early_receipt(provider: str, provider_id: str, status: str) -> Key:
    return _key(provider_ids(provider, provider_id), f"{EARLY}{status}")


def conversation(page: str, person: str) -> str:
    return f"CONVERSATION#{page}#{person}"


SENT = "SENT#"


def sent(page: str, person: str, milliseconds: int, uuid: str) -> Key:
    return _key(conversation(page, person), f"{SENT}{milliseconds:015d}#{uuid}")


def early(page: str, person: str, provider_id: str) -> Key:
    return _key(conversation(page, person), f"EARLY#{provider_id}")


def watermarks(page: str, person: str) -> Key:
    return _key(conversation(page, person), "WATERMARKS")


ACCOUNT = "ACCOUNT"
"""The owner of what belongs to no application."""


def endpoint(owner: str, url_hash: str) -> Key:
    return _key(f"ENDPOINT#{owner}#{url_hash}", "ENDPOINT")


def gone(owner: str) -> str:
    return f"GONE#{owner}"


def gone_endpoint(owner: str, url_hash: str) -> Key:
    return _key(gone(owner), url_hash)


def failed(owner: str) -> str:
    return f"FAILED#{owner}"


def failed_time(milliseconds: int) -> str:
    """Begins the sort keys of that moment."""
    return f"{milliseconds:015d}#"


def failed_event(owner: str, milliseconds: int, event_id: str) -> Key:
    return _key(failed(owner), failed_time(milliseconds) + event_id)


def failed_pointer(event_id: str) -> Key:
    return _key(f"EVENT#{event_id}", "FAILED")
