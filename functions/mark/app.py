"""PATCH /v1/messages/{message_uuid}: a person's message was read, or one of ours is to be taken back."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, problems
from switchboard.models import v1
from switchboard.services import Services
from switchboard.settings import Settings

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()
problems.install(app, problems.messages_v1)


@app.patch("/v1/messages/<message_uuid>")
def mark(message_uuid: str) -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    change, typing = v1.change(api.json_body(app))
    services.marking.mark(message_uuid, change, caller, typing=typing)
    return api.answer(200, {})


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
