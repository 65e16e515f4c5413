"""POST /v0.1/dispatch, GET and DELETE of one of them, `Start Dispatch` events from the bus, starts that had
to wait, executions that were lost, and a look at what nobody ended, every quarter of an hour."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, logs, problems, repeats
from switchboard.services import Services
from switchboard.settings import Settings

if TYPE_CHECKING:
    from switchboard.dispatching import Shown
    from switchboard.pricing import Total

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()
problems.install(app)


@app.get("/v0.1/dispatch/ping")
def ping() -> Response[str]:
    return api.pong()


@app.post("/v0.1/dispatch")
@app.post("/v0.1/dispatch/")
def dispatch() -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    services.limits.check(caller)
    body = api.json_body(app)
    headers = app.current_event.headers
    return api.answer(202, repeats.once(headers, caller, "dispatch", body, services.starting.dispatch))


@app.post("/v0.1/dispatch/dry-run")
def rehearse() -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    return api.answer(200, services.rehearsing.dispatch(api.json_body(app), caller))


@app.get("/v0.1/dispatch/<dispatch_uuid>")
def show(dispatch_uuid: str) -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    return _shown(services.dispatching.show(dispatch_uuid, caller))


@app.delete("/v0.1/dispatch/<dispatch_uuid>")
def cancel(dispatch_uuid: str) -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    return _shown(services.cancelling.cancel(dispatch_uuid, caller))


def _shown(shown: Shown) -> Response[str]:
    from switchboard import callbacks, timeline  # not for those who start one

    dispatch, *_ = shown
    views, prices = timeline.views(*shown), services.prices
    return api.answer(200, callbacks.dispatch(dispatch, views, prices.of, _total(shown)))


@app.get("/v0.1/dispatch/<dispatch_uuid>/explain")
def explain(dispatch_uuid: str) -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    from switchboard import explaining, timeline

    shown = services.dispatching.show(dispatch_uuid, caller)
    dispatch, *_ = shown
    views, prices = timeline.views(*shown), services.prices
    return api.told(app, explaining.dispatch(dispatch, views, prices.of, _total(shown)))


def _total(shown: Shown) -> Total:
    dispatch, _, messages = shown
    return services.prices.total((item for item in messages if item), ended=dispatch.report is not None)


def from_bus(event: dict[str, Any]) -> dict[str, Any]:
    if event["source"] == "aws.events":
        overdue = services.dispatching.sweep()
        if overdue:
            logs.logger.error("dispatches that nobody ended", count=overdue)
        return {"overdue": overdue}
    if event["source"] == "aws.states":
        # The execution ended by itself or by somebody's hand, and not with our report.
        detail = event["detail"]
        started_with = json.loads(detail["input"])
        services.dispatching.resume(started_with["dispatch_uuid"], lost_execution=detail["name"])
        return {}
    from switchboard.intake import Intake

    return dict(Intake(services).event(event))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if "Records" in event:
        from switchboard import records

        return records.work(event, services.starts, services.dispatching.catch_up)
    return from_bus(event) if "detail-type" in event else app.resolve(event, context)
