"""GET /v0.1/insights, /v0.1/reports/messages and /v0.1/audit: numbers, records, and who changed what."""

from typing import Any
from urllib.parse import urlencode

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, clock, csv_text, problems
from switchboard.models import audit as audit_wire
from switchboard.models import insights as wire
from switchboard.models import periods
from switchboard.models import reports as report_wire
from switchboard.services import Services
from switchboard.settings import Settings

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()
problems.install(app, problems.accounts)


@app.get("/v0.1/insights")
def insights() -> Response[str]:
    caller = services.callers.identify(app.current_event.headers)
    asked = wire.asked(app.current_event.query_string_parameters or {}, clock.now())
    found = services.insights.of(asked, caller)
    if csv_text.is_wanted(app.current_event.headers.get("accept") or ""):
        return Response(status_code=200, content_type=csv_text.MEDIA_TYPE, body=found.csv())
    return api.answer(200, found.wire())


@app.get("/v0.1/reports/messages")
def reports() -> Response[str]:
    """A page of records. Where there are more, `Link` and `Switchboard-Cursor` name the next."""
    event = app.current_event
    caller = services.callers.identify(event.headers)
    query = dict(event.query_string_parameters or {})
    report = report_wire.report(query, event.headers.get("accept") or "", clock.now())
    text, following = services.exporting.page(report, caller)
    headers: dict[str, str | list[str]] = {}
    if following:
        # The time that was asked for stays the same, though it may have been told by its default.
        period = {"from": clock.wire(report.since), "to": clock.wire(report.until)}
        place = periods.cursor(following)
        address = f"{event.path}?{urlencode(query | period | {'cursor': place})}"
        headers = {"Link": f'<{address}>; rel="next"', "Switchboard-Cursor": place}
    return Response(200, report_wire.MEDIA_TYPES[report.format], text, headers)


@app.get("/v0.1/audit")
def audit() -> Response[str]:
    services.callers.account(app.current_event.headers)
    asked = audit_wire.asked(app.current_event.query_string_parameters or {}, clock.now())
    return api.answer(200, audit_wire.answer(*services.auditing.page(asked)))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
