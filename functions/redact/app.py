"""POST /v0.1/redact and GET of one, and the queue by which a redaction goes on."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, auditing, problems, records
from switchboard.models import redactions as wire
from switchboard.services import Services
from switchboard.settings import Settings

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()
problems.install(app)
auditing.install(app, services)


@app.post("/v0.1/redact")
@app.post("/v0.1/redact/")
def redact() -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    begun = services.redacting.start(wire.who(api.json_body(app)), caller)
    return api.answer(202, {"redaction_id": begun.redaction_id})


@app.get("/v0.1/redact/<redaction_id>")
def show(redaction_id: str) -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    return api.answer(200, wire.answer(services.redacting.show(redaction_id, caller)))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    if "Records" in event:
        return records.work(event, services.redactions_queue, services.redacting.handle)
    return app.resolve(event, context)
