"""Takes messages and dispatch steps from the Outbound queue to the providers."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import records
from switchboard.services import Services
from switchboard.settings import Settings

logger = Logger()
services = Services(Settings.from_environment())


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    queue = services.outbound_queue(event)
    return records.work(event, queue, services.delivering.handle, services.webhooks.working)
