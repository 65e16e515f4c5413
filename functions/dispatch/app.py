"""POST /v0.1/dispatch, `Start Dispatch` events from the bus, and executions that were lost."""

import json
from typing import Any
from uuid import uuid4

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, problems
from switchboard.callers import Caller
from switchboard.channels import CHANNELS
from switchboard.models import v01
from switchboard.services import Services
from switchboard.settings import Settings

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()
problems.install(app)


@app.post("/v0.1/dispatch")
@app.post("/v0.1/dispatch/")
def dispatch() -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    return api.answer(202, start(api.json_body(app), str(uuid4()), caller))


def start(body: object, dispatch_uuid: str, caller: Caller) -> dict[str, Any]:
    steps = v01.workflow(body, dispatch_uuid)
    for number, step in enumerate(steps):
        if step.condition and step.condition not in CHANNELS[step.message.channel].proved(
            step.message.content.type
        ):
            logger.warning(
                "a step asks for what its channel cannot prove: it will run out of time",
                dispatch_uuid=dispatch_uuid,
                step=number,
                channel=step.message.channel,
                condition=step.condition,
            )
    services.dispatching.start(dispatch_uuid, steps, caller)
    return {"dispatch_uuid": dispatch_uuid}


def from_bus(event: dict[str, Any]) -> dict[str, Any]:
    detail = event["detail"]
    if event["source"] == "aws.states":
        # The execution ended by itself or by somebody's hand, and not with our report.
        started_with = json.loads(detail["input"])
        services.dispatching.resume(started_with["dispatch_uuid"], lost_execution=detail["name"])
        return {}
    # The event's id names the dispatch, so that a repeated event starts nothing twice.
    return start(detail, event["id"], Caller(detail.get("application_id")))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return from_bus(event) if "detail-type" in event else app.resolve(event, context)
