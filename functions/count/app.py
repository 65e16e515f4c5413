"""The table's stream: what becomes of messages is counted for insights."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard.services import Services
from switchboard.settings import Settings

logger = Logger()
services = Services(Settings.from_environment())


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    services.counting.count(event["shardId"], event["Records"])
    return {"state": {}}  # of the window, which has none
