"""/v2/applications, and the account's own webhooks at POST /account/settings."""

from typing import Any
from urllib.parse import parse_qsl

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, problems
from switchboard.models import applications as wire
from switchboard.services import Services
from switchboard.settings import Settings

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()
problems.install(app, problems.applications)


@app.post("/v2/applications")
@app.post("/v2/applications/")
def create() -> Response[str]:
    _account()
    application, private_key = services.applications.create(wire.application_request(api.json_body(app)))
    return api.answer(201, wire.answer(application, private_key))


@app.get("/v2/applications")
@app.get("/v2/applications/")
def list_() -> Response[str]:
    _account()
    page = wire.page(dict(app.current_event.query_string_parameters or {}))
    found, total = services.applications.list(page)
    return api.answer(200, wire.answer_list(found, total, page))


@app.get("/v2/applications/<application_id>")
def get(application_id: str) -> Response[str]:
    _account()
    return api.answer(200, wire.answer(services.applications.get(application_id)))


@app.put("/v2/applications/<application_id>")
def update(application_id: str) -> Response[str]:
    _account()
    request = wire.application_request(api.json_body(app))
    return api.answer(200, wire.answer(services.applications.update(application_id, request)))


@app.delete("/v2/applications/<application_id>")
def delete(application_id: str) -> Response[str]:
    _account()
    services.applications.delete(application_id)
    return Response(status_code=204)


@app.post("/account/settings")
def account_settings() -> Response[str]:
    """Form fields as in Vonage's account API: moCallBackUrl (inbound) and drCallBackUrl (status)."""
    _account()
    form = dict(parse_qsl(api.raw_body(app).decode(errors="replace"), keep_blank_values=True))
    webhooks = services.applications.set_account_webhooks(
        form.get("moCallBackUrl"), form.get("drCallBackUrl")
    )
    return api.answer(
        200,
        {
            "mo-callback-url": webhooks.inbound_url.address if webhooks.inbound_url else "",
            "dr-callback-url": webhooks.status_url.address if webhooks.status_url else "",
        },
    )


def _account() -> None:
    services.callers.account(app.current_event.headers)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
