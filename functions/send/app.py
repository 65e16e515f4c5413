"""POST /v0.1/messages and /v1/messages, GET of one of them, and `Send Message` events from the bus."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, problems, repeats
from switchboard.errors import InvalidRequest
from switchboard.models.messages import Version
from switchboard.services import Services
from switchboard.settings import Settings

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()


def _refusal(error: InvalidRequest) -> tuple[HTTPStatus, problems.Body]:
    is_v1 = app.current_event.path.startswith("/v1/")
    return problems.messages_v1(error) if is_v1 else problems.messages(error)


problems.install(app, _refusal)


@app.get("/v0.1/messages/ping")
@app.get("/v1/messages/ping")
def ping() -> Response[str]:
    return api.pong()


@app.post("/v0.1/messages")
@app.post("/v0.1/messages/")
def send() -> Response[str]:
    return _start(services.starting.message)


@app.post("/v1/messages")
@app.post("/v1/messages/")
def send_v1() -> Response[str]:
    return _start(services.starting.message_v1)


@app.post("/v0.1/messages/dry-run")
def rehearse() -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    return api.answer(200, services.rehearsing.message(api.json_body(app), caller))


@app.post("/v1/messages/dry-run")
def rehearse_v1() -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    return api.answer(200, services.rehearsing.message_v1(api.json_body(app), caller))


def _start(start: repeats.Start) -> Response[str]:
    headers = app.current_event.headers
    caller = services.callers.identify(headers)
    services.limits.check(caller)
    return api.answer(202, repeats.once(headers, caller, "message", api.json_body(app), start))


@app.get("/v0.1/messages/<message_uuid>")
def show(message_uuid: str) -> Response[str]:
    return _show(message_uuid, "v0.1")


@app.get("/v1/messages/<message_uuid>")
def show_v1(message_uuid: str) -> Response[str]:
    return _show(message_uuid, "v1")


@app.get("/v0.1/messages/<message_uuid>/explain")
def explain(message_uuid: str) -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    item = services.sending.show(message_uuid, caller)
    from switchboard import explaining

    return api.told(app, explaining.message(item, services.prices.of))


def _show(message_uuid: str, version: Version) -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    item = services.sending.show(message_uuid, caller)
    from switchboard.callbacks import FORMS  # not for those who send

    return api.answer(200, FORMS[version].message(item, services.prices.of(item)))


def from_bus(event: dict[str, Any]) -> dict[str, Any]:
    """A `Send Message` event: the detail is the request body, with the application_id beside it."""
    from switchboard.intake import Intake

    return Intake(services).event(event)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return from_bus(event) if "detail-type" in event else app.resolve(event, context)
