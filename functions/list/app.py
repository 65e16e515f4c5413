"""GET /v0.1/messages and GET /v0.1/dispatch: lists, newest first."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, problems
from switchboard.models import lists as wire
from switchboard.services import Services
from switchboard.settings import Settings

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()
problems.install(app, problems.accounts)


@app.get("/v0.1/messages")
@app.get("/v0.1/messages/")
def messages() -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    asked = wire.asked(app.current_event.query_string_parameters or {}, "messages")
    return api.answer(200, wire.page("messages", *services.listing.messages(asked, caller)))


@app.get("/v0.1/dispatch")
@app.get("/v0.1/dispatch/")
def dispatches() -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    asked = wire.asked(app.current_event.query_string_parameters or {}, "dispatches")
    return api.answer(200, wire.page("dispatches", *services.listing.dispatches(asked, caller)))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
