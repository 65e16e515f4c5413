"""What an owner sets up: provider accounts with their senders, WhatsApp templates; and contacts.

External accounts and numbers are the same senders in the shapes of Vonage's own management calls.
"""

from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, auditing, problems
from switchboard.callers import Caller
from switchboard.errors import Fault, InvalidRequest, NotFound
from switchboard.models import accounts as wire
from switchboard.models import external_accounts as external_wire
from switchboard.models import numbers as number_wire
from switchboard.models import templates as template_wire
from switchboard.models.messages import Channel
from switchboard.services import Services
from switchboard.settings import Settings
from switchboard.store import ProviderAccount

LONGEST_VALUE = 1024
"""Characters of a parameter in the query. No provider has longer names."""

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()


def _refusal(error: InvalidRequest) -> tuple[HTTPStatus, problems.Body]:
    """External accounts are refused as messages are."""
    is_external = app.current_event.path.startswith(external_wire.BASE)
    return problems.messages(error) if is_external else problems.accounts(error)


problems.install(app, _refusal)
auditing.install(app, services)


@app.get("/accounts")
@app.get("/accounts/")
def list_() -> Response[str]:
    _account()
    found = [_shown(account) for account in services.provider_accounts.all()]
    return api.answer(200, {"total_items": len(found), "_embedded": {"accounts": found}})


@app.put("/accounts/<provider>/<account_id>")
def put(provider: str, account_id: str) -> Response[str]:
    _account()
    channels = services.provider_accounts.channels(provider)
    account_id = unquote(account_id)
    request = wire.account_request(api.json_body(app), account_id, channels)
    account, is_new = services.provider_accounts.put(provider, account_id, request)
    return api.answer(201 if is_new else 200, _shown(account))


@app.get("/accounts/<provider>/<account_id>")
def get(provider: str, account_id: str) -> Response[str]:
    _account()
    return api.answer(200, _shown(services.provider_accounts.get(provider, unquote(account_id))))


@app.delete("/accounts/<provider>/<account_id>")
def delete(provider: str, account_id: str) -> Response[str]:
    _account()
    services.provider_accounts.delete(provider, unquote(account_id))
    return Response(status_code=204)


@app.post("/accounts/<provider>/<account_id>/verify")
def verify(provider: str, account_id: str) -> Response[str]:
    """With a body {"channel"?, "sender"?} only those; without one every sender."""
    _account()
    channel, sender = wire.verify_request(api.json_body(app) if api.raw_body(app).strip() else {})
    account, asked = services.provider_accounts.verify(provider, unquote(account_id), channel, sender)
    return api.answer(200, wire.verified(account, asked))


def _shown(account: ProviderAccount) -> dict[str, Any]:
    accounts = services.provider_accounts
    settings = accounts.settings(account.provider, account.account_id)
    return wire.answer(account, settings, accounts.links(account), _callback_url())


def _url() -> str:
    return services.settings.public_url or api.origin(app)


def _callback_url() -> str:
    return services.settings.callback_url or api.origin(app)


def _account() -> None:
    services.callers.account(app.current_event.headers)


# --- templates -----------------------------------------------------------------------------------


@app.get("/v0.1/templates")
def templates() -> Response[str]:
    """?sender= names the WhatsApp number whose account is meant, ?name= one template."""
    _anybody()
    found = services.template_catalog.list(_query("sender"), _query("name") or None)
    return api.answer(200, {"_embedded": {"templates": [template_wire.answer(one) for one in found]}})


@app.post("/v0.1/templates")
def create_template() -> Response[str]:
    _anybody()
    definition = template_wire.definition(api.json_body(app))
    made = services.template_catalog.create(_query("sender"), definition)
    return api.answer(201, template_wire.answer(made))


@app.get("/v0.1/templates/<name>")
def template(name: str) -> Response[str]:
    """Every language of a template, with its status as the provider has it now."""
    _anybody()
    found = services.template_catalog.list(_query("sender"), unquote(name))
    if not found:
        raise NotFound(name)
    return api.answer(
        200, {"name": name, "_embedded": {"templates": [template_wire.answer(one) for one in found]}}
    )


@app.delete("/v0.1/templates/<name>")
def delete_template(name: str) -> Response[str]:
    """?language= names the one to delete; without it all go."""
    _anybody()
    language = _query("language").replace("-", "_") or None
    services.template_catalog.delete(_query("sender"), unquote(name), language)
    return Response(status_code=204)


# --- contacts ------------------------------------------------------------------------------------


@app.get("/v0.1/contacts/<channel>/<person>")
def contact(channel: str, person: str) -> Response[str]:
    """An application sees people as its own senders know them."""
    caller = _anybody()
    try:
        known = Channel(channel)
    except ValueError:
        raise NotFound(channel) from None
    person = unquote(person).removeprefix("+")
    found = [
        one
        for one in services.contacts.of(known, person)
        if caller.application_id is None or caller.may_see(services.senders.application(known, one.sender))
    ]
    return api.answer(200, services.contacts.shown(known, person, found))


def _anybody() -> Caller:
    """An application, or the account."""
    return services.callers.identify(app.current_event.headers)


def _query(name: str) -> str:
    value = (app.current_event.query_string_parameters or {}).get(name, "").removeprefix("+").strip()
    if len(value) > LONGEST_VALUE:
        raise InvalidRequest(Fault(name, f"must have at most {LONGEST_VALUE} characters"))
    return value


# --- external accounts ---------------------------------------------------------------------------


@app.get("/beta/chatapp-accounts")
@app.get("/beta/chatapp-accounts/")
def external_accounts() -> Response[str]:
    _anybody()
    page = external_wire.page(dict(app.current_event.query_string_parameters or {}))
    found, total = services.external_accounts.list(page)
    key, url = services.callers.api_key(), _url()
    return api.answer(200, external_wire.answer_list(found, total, page, key, url))


@app.post("/beta/chatapp-accounts/messenger")
@app.post("/beta/chatapp-accounts/messenger/")
def create_messenger_account() -> Response[str]:
    _anybody()
    request = external_wire.messenger_request(api.json_body(app))
    return _external(201, services.external_accounts.create(request))


@app.get("/beta/chatapp-accounts/<provider>/<external_id>")
@problems.bare
def external_account(provider: str, external_id: str) -> Response[str]:
    _anybody()
    return _external(200, services.external_accounts.get(provider, unquote(external_id)))


@app.patch("/beta/chatapp-accounts/messenger/<external_id>")
@problems.bare
def update_messenger_account(external_id: str) -> Response[str]:
    _anybody()
    external_id = unquote(external_id)
    change = external_wire.messenger_change(api.json_body(app), external_id)
    return _external(200, services.external_accounts.change(external_id, change))


@app.delete("/beta/chatapp-accounts/messenger/<external_id>")
@problems.bare
def delete_messenger_account(external_id: str) -> Response[str]:
    _anybody()
    services.external_accounts.delete(unquote(external_id))
    return Response(status_code=204)


@app.post("/beta/chatapp-accounts/<provider>/<external_id>/applications")
@app.post("/beta/chatapp-accounts/<provider>/<external_id>/applications/")
@problems.bare
def link_application(provider: str, external_id: str) -> Response[str]:
    _anybody()
    application = external_wire.link_request(api.json_body(app))
    return _external(200, services.external_accounts.link(provider, unquote(external_id), application))


@app.delete("/beta/chatapp-accounts/<provider>/<external_id>/applications/<application_id>")
@problems.bare
def unlink_application(provider: str, external_id: str, application_id: str) -> Response[str]:
    _anybody()
    services.external_accounts.unlink(provider, unquote(external_id), unquote(application_id))
    return Response(status_code=204)


def _external(status: int, account: external_wire.ExternalAccount) -> Response[str]:
    return api.answer(status, external_wire.answer(account, services.callers.api_key()))


# --- numbers -------------------------------------------------------------------------------------


@app.post("/number/update")
@problems.numbers
def update_number() -> Response[str]:
    """Links a number to an application, or to none. Clients send a form, a query, or both."""
    services.numbers.update(number_wire.update(_given()))
    return api.answer(200, number_wire.result(200, "success"))


@app.get("/account/numbers")
@problems.numbers
def numbers() -> Response[str]:
    return api.answer(200, number_wire.answer_list(*services.numbers.list(number_wire.query(_given()))))


@app.get("/ni/basic/json")
@problems.numbers
def insight() -> Response[str]:
    return api.answer(200, number_wire.insight(_given()))


def _given() -> dict[str, str]:
    """The parameters of a call by the account."""
    given = api.parameters(app)
    services.callers.by_key(app.current_event.headers, given)
    return given


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
