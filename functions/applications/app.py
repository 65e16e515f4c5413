"""/v2/applications, and the account itself: its webhooks at POST /account/settings, balance and secrets."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, auditing, clock, negotiation, problems
from switchboard.errors import InvalidRequest, UnknownKey
from switchboard.models import account_secrets as secret_wire
from switchboard.models import application_requests as requests
from switchboard.models import applications as wire
from switchboard.services import Services
from switchboard.settings import Settings
from switchboard.store.keys import ACCOUNT
from switchboard.store.spend import Caps

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()


def _refusal(error: InvalidRequest) -> tuple[HTTPStatus, problems.Body]:
    is_secret = app.current_event.path.startswith("/accounts/")
    return problems.secrets(error) if is_secret else problems.applications(error)


problems.install(app, _refusal)
negotiation.install(app, but="/account/")
auditing.install(app, services)


@app.get("/v2/applications/ping")
def ping() -> Response[str]:
    return api.pong()


@app.post("/v2/applications")
@app.post("/v2/applications/")
def create() -> Response[str]:
    _account()
    request = requests.application_request(api.json_body(app))
    application, private_key = services.applications.create(request)
    if request.daily_spend is None:
        return api.answer(201, wire.answer(application, private_key))
    services.spend_store.set_cap(application.id, request.daily_spend)
    warnings = _warnings(services.spend_store.caps(), application.id)
    return api.answer(201, wire.answer(application, private_key, request.daily_spend, warnings))


@app.get("/v2/applications")
@app.get("/v2/applications/")
def list_() -> Response[str]:
    _account()
    page = requests.page(dict(app.current_event.query_string_parameters or {}))
    found, total = services.applications.list(page)
    return api.answer(200, wire.answer_list(found, total, page, services.spend_store.caps().by_owner))


@app.get("/v2/applications/<application_id>")
def get(application_id: str) -> Response[str]:
    _account()
    application = services.applications.get(application_id)
    return _application(application, services.spend_store.caps())


@app.put("/v2/applications/<application_id>")
def update(application_id: str) -> Response[str]:
    _account()
    request = requests.application_request(api.json_body(app))
    application = services.applications.update(application_id, request)
    if request.limits:
        services.spend_store.set_cap(application_id, request.daily_spend)
    caps = services.spend_store.caps()
    return _application(application, caps, _warnings(caps, application_id) if request.limits else {})


def _application(
    application: wire.Application, caps: Caps, warnings: Mapping[str, Any] | None = None
) -> Response[str]:
    cap = caps.by_owner.get(application.id)
    if cap is None:
        return api.answer(200, wire.answer(application))
    about = {"spent_today": _spent_today(application.id), **(warnings or {})}
    return api.answer(200, wire.answer(application, daily_spend=cap, about_limits=about))


@app.delete("/v2/applications/<application_id>")
def delete(application_id: str) -> Response[str]:
    _account()
    services.applications.delete(application_id)
    services.spend_store.set_cap(application_id, None)
    return Response(status_code=204)


@app.get("/account/limits")
def limits() -> Response[str]:
    _account()
    return _limits()


@app.put("/account/limits")
def set_limits() -> Response[str]:
    """The account's own limits, for everything that it sends."""
    _account()
    services.spend_store.set_account(*requests.limits_request(api.json_body(app)))
    return _limits()


def _amount(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount:f}"


def _spent_today(owner: str) -> str:
    return f"{services.spend_store.spent(owner, clock.now().date()):f}"


def _warnings(caps: Caps, application_id: str | None = None) -> dict[str, Any]:
    """What a cap refuses that somebody may not expect; of the account's limits, or of an application's."""
    refused = services.spending.unpriced(caps, application_id)
    if refused is None:
        return {}
    text = f"what rates.toml has no price for is refused with 1902, as no price is assumed: {refused}"
    return {
        "warnings": [{"code": "price_unknown_with_limit", "name": "assumed_price", "text": text}],
    }


def _limits() -> Response[str]:
    caps = services.spend_store.caps()
    cap = caps.by_owner.get(ACCOUNT)
    midnight = datetime.combine(clock.now().date() + timedelta(days=1), time.min, UTC)
    return api.answer(
        200,
        {
            "daily_spend": _amount(cap),
            "assumed_price": _amount(caps.assumed),
            "currency": services.settings.currency,
            # Without a cap nothing is counted.
            "spent_today": None if cap is None else _spent_today(ACCOUNT),
            "resets_at": clock.wire(midnight),
            "warnings": [],
            **_warnings(caps),
        },
    )


@app.post("/account/settings")
@problems.numbers
def account_settings() -> Response[str]:
    """Parameters as in Vonage's account API: moCallBackUrl (inbound) and drCallBackUrl (status)."""
    given = {name.lower(): value for name, value in _given().items()}  # one client writes Callback
    webhooks = services.applications.set_account_webhooks(
        given.get("mocallbackurl"), given.get("drcallbackurl")
    )
    return api.answer(
        200,
        {
            "mo-callback-url": webhooks.inbound_url.address if webhooks.inbound_url else "",
            "dr-callback-url": webhooks.status_url.address if webhooks.status_url else "",
        },
    )


@app.get("/account/get-balance")
@problems.numbers
def balance() -> Response[str]:
    """The old CLI's `setup` asks for it to try a key. Nobody pays us, so there is nothing in it."""
    _given()
    return api.answer(200, {"value": 0.0, "autoReload": False})


# --- secrets -------------------------------------------------------------------------------------


@app.get("/accounts/<api_key>/secrets")
def secrets(api_key: str) -> Response[str]:
    key = _ours(api_key)
    return api.answer(200, secret_wire.answer_list(key, services.api_secrets.all()))


@app.post("/accounts/<api_key>/secrets")
@app.post("/accounts/<api_key>/secrets/")
def create_secret(api_key: str) -> Response[str]:
    key = _ours(api_key)
    secret = secret_wire.api_secret(api.json_body(app))
    return api.answer(201, secret_wire.answer(key, services.api_secrets.add(secret)))


@app.get("/accounts/<api_key>/secrets/<secret_id>")
def secret(api_key: str, secret_id: str) -> Response[str]:
    key = _ours(api_key)
    return api.answer(200, secret_wire.answer(key, services.api_secrets.get(unquote(secret_id))))


@app.delete("/accounts/<api_key>/secrets/<secret_id>")
def revoke_secret(api_key: str, secret_id: str) -> Response[str]:
    _ours(api_key)
    services.api_secrets.revoke(unquote(secret_id))
    return Response(status_code=204)


@app.get("/accounts/<api_key>/signature-secrets")
def signature_secrets(api_key: str) -> Response[str]:
    key = _ours(api_key)
    return api.answer(200, secret_wire.signature_list(key, services.signature_secrets.all()))


@app.post("/accounts/<api_key>/signature-secrets")
@app.post("/accounts/<api_key>/signature-secrets/")
def create_signature_secret(api_key: str) -> Response[str]:
    """Without a body, or with an empty one, the secret is made here."""
    key = _ours(api_key)
    given = secret_wire.signature_secret(api.json_body(app) if api.raw_body(app).strip() else {})
    made, value = services.signature_secrets.add(given)
    return api.answer(201, secret_wire.signature_answer(key, made, value))


@app.get("/accounts/<api_key>/signature-secrets/<secret_id>")
def signature_secret(api_key: str, secret_id: str) -> Response[str]:
    key = _ours(api_key)
    found = services.signature_secrets.get(unquote(secret_id))
    return api.answer(200, secret_wire.signature_answer(key, found))


@app.post("/accounts/<api_key>/signature-secrets/<secret_id>/promote")
def promote_signature_secret(api_key: str, secret_id: str) -> Response[str]:
    key = _ours(api_key)
    promoted = services.signature_secrets.promote(unquote(secret_id))
    return api.answer(200, secret_wire.signature_answer(key, promoted))


@app.delete("/accounts/<api_key>/signature-secrets/<secret_id>")
def revoke_signature_secret(api_key: str, secret_id: str) -> Response[str]:
    _ours(api_key)
    services.signature_secrets.revoke(unquote(secret_id))
    return Response(status_code=204)


def _ours(api_key: str) -> str:
    """The key in the address, if it is the account's. UnknownKey if not."""
    _account()
    key = unquote(api_key)
    if key != services.callers.api_key():
        raise UnknownKey(key)
    return key


# -------------------------------------------------------------------------------------------------


def _given() -> dict[str, str]:
    """The parameters of a call by the account."""
    given = api.parameters(app)
    services.callers.by_key(app.current_event.headers, given)
    return given


def _account() -> None:
    services.callers.account(app.current_event.headers)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
