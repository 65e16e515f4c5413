"""GET /v0.1/webhooks/failed and POST /v0.1/webhooks/replay: events that a client did not take; and
GET /v0.1/webhooks/endpoints: whether clients' endpoints take any."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, auditing, problems
from switchboard.models import webhooks as wire
from switchboard.services import Services
from switchboard.settings import Settings

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()
problems.install(app, problems.accounts)
auditing.install(app, services)


@app.get("/v0.1/webhooks/failed")
def failed() -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    asked = wire.period(dict(app.current_event.query_string_parameters or {}))
    events, following = services.replaying.page(asked, caller)
    return api.answer(200, wire.answer(events, following, asked))


@app.get("/v0.1/webhooks/endpoints")
def endpoints() -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    asked = wire.endpoints(dict(app.current_event.query_string_parameters or {}))
    return api.answer(200, wire.endpoints_answer(*services.answering.page(asked, caller)))


@app.post("/v0.1/webhooks/replay")
def replay() -> Response[str]:
    """Done when they are queued. Many take several calls, each with the `cursor` of the one before."""
    caller = services.callers.identify(app.current_event.headers)
    replayed = services.replaying.replay(wire.replay(api.json_body(app)), caller)
    body: dict[str, Any] = {"replayed": replayed.count}
    if replayed.unknown:
        body["not_found"] = list(replayed.unknown)
    if replayed.following:
        body["cursor"] = wire.cursor(replayed.following)
    return api.answer(202, body)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
