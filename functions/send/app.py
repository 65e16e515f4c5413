"""POST /v0.1/messages, GET /v0.1/messages/{message_uuid}, and `Send Message` events from the bus."""

from typing import Any
from uuid import uuid4

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, callbacks, problems
from switchboard.callers import Caller
from switchboard.models import v01
from switchboard.services import Services
from switchboard.settings import Settings

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()
problems.install(app)


@app.post("/v0.1/messages")
@app.post("/v0.1/messages/")
def send() -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    message = v01.message(api.json_body(app), str(uuid4()))
    return api.answer(202, {"message_uuid": services.sending.send(message, caller)})


@app.get("/v0.1/messages/<message_uuid>")
def show(message_uuid: str) -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    item = services.sending.show(message_uuid, caller)
    return api.answer(200, callbacks.message(item, services.prices.of(item)))


def from_bus(event: dict[str, Any]) -> dict[str, Any]:
    """A `Send Message` event: the detail is the request body, with the application_id beside it.

    The event's id names the message, so that a repeated event sends nothing twice.
    """
    detail = event["detail"]
    message = v01.message(detail, event["id"])
    return {"message_uuid": services.sending.send(message, Caller(detail.get("application_id")))}


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return from_bus(event) if "detail-type" in event else app.resolve(event, context)
