"""link:add, link:delete: which application a sender belongs to.

Three ways lead there, as in Vonage's own APIs: external accounts (Messenger, Viber, WhatsApp), numbers (SMS,
MMS), and for the other channels the provider account that has the sender.
"""

from typing import Annotated

import typer

from switchboard_cli import client, project, session
from switchboard_cli.client import Api, Body
from switchboard_cli.errors import CliError, Code, usage
from switchboard_cli.session import AsJson

_EXTERNAL = {
    "messenger": "messenger",
    "whatsapp": "whatsapp",
    "viber": "viber_service_msg",
    "viber_service": "viber_service_msg",
    "viber_service_msg": "viber_service_msg",
}
_NUMBERS = ("sms", "mms", "number")
_BASE = "/beta/chatapp-accounts"

Channel = Annotated[
    str, typer.Argument(help="messenger, viber, whatsapp, sms (or number), or any other.", metavar="CHANNEL")
]
Sender = Annotated[str, typer.Argument(help="Its id or number, as messages name it.", metavar="SENDER")]
AppId = Annotated[str | None, typer.Option("--app-id", help="The application. Default: that of this folder.")]
Country = Annotated[
    str | None,
    typer.Option("--country", help="Of a number, as in GB. Default: by its calling code.", metavar="XX"),
]


def add(
    context: typer.Context,
    channel: Channel,
    sender: Sender,
    app_id: AppId = None,
    country: Country = None,
    as_json: AsJson = False,
) -> None:
    """Link a sender to an application, which is told from then on what people write to it."""
    here = session.of(context)
    application = project.app_id(app_id)
    _link(here.api, channel, sender.removeprefix("+"), application, country)
    here.output.done("Linked:", f"{channel} {sender} to {application}")
    if here.as_json:
        here.output.json({"channel": channel, "sender": sender, "application": application})


def delete(
    context: typer.Context,
    channel: Channel,
    sender: Sender,
    app_id: AppId = None,
    country: Country = None,
    as_json: AsJson = False,
) -> None:
    """Take a sender from its application."""
    here = session.of(context)
    external = _EXTERNAL.get(channel)
    sender = sender.removeprefix("+")
    if external:
        application = project.app_id(app_id)
        here.api.call("DELETE", f"{_BASE}{client.path(external, sender, 'applications', application)}")
    else:
        _link(here.api, channel, sender, None, country)
    here.output.done("Unlinked:", f"{channel} {sender}")
    if here.as_json:
        here.output.json({"channel": channel, "sender": sender, "application": None})


def _link(api: Api, channel: str, sender: str, application: str | None, country: str | None) -> None:
    external = _EXTERNAL.get(channel)
    if external:
        body = {"application": application}
        try:
            api.call("POST", f"{_BASE}{client.path(external, sender, 'applications')}", body)
        except CliError as error:
            if error.status == 404:
                error.hint = f"No account has it: switchboard account:add ... --sender {external}:{sender}"
            raise
    elif channel in _NUMBERS:
        form = {"country": country or _country(api, sender), "msisdn": sender}
        api.call("POST", "/number/update", form={**form, **({"app_id": application} if application else {})})
    else:
        _link_in_account(api, channel, sender, application)


def _country(api: Api, number: str) -> str:
    """By the number's calling code."""
    found = api.call("GET", "/ni/basic/json", query={"number": number}).get("country_code")
    if not found:
        raise usage(f"Of which country is {number}?", "--country=GB says it")
    return str(found)


def _link_in_account(api: Api, channel: str, sender: str, application: str | None) -> None:
    for account in api.call("GET", "/accounts")["_embedded"]["accounts"]:
        if any(_is(one, channel, sender) for one in account["senders"]):
            where = f"/accounts{client.path(account['provider'], account['account_id'])}"
            senders = [
                {
                    **{
                        name: one[name]
                        for name in ("channel", "id", "order", "send_as", "rate")
                        if name in one
                    },
                    **({"application": application} if _is(one, channel, sender) else {}),
                }
                for one in account["senders"]
            ]
            name = {"name": account["name"]} if account.get("name") else {}
            api.call("PUT", where, {**name, "senders": senders})
            return
    raise CliError(
        Code.REFUSED,
        f"No account has the {channel} sender {sender}",
        hint=f"switchboard account:add PROVIDER NAME --sender {channel}:{sender}",
    )


def _is(one: Body, channel: str, sender: str) -> bool:
    return one["channel"] == channel and str(one["id"]) == sender


def add_to(app: typer.Typer) -> None:
    session.register(app, "Providers and senders", {"link:add": add, "link:delete": delete})
