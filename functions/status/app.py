"""Receipts: provider callbacks at /status/{provider}/{account_id}, and AWS delivery events by SNS.

Many providers have one callback address for both kinds of news, so either function takes either kind. This
one has a URL of its own too, with the paths of both.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard.callback_api import Callbacks
from switchboard.services import Services
from switchboard.settings import Settings

logger = Logger()
callbacks = Callbacks(Services(Settings.from_environment()))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return callbacks.handle(event, context)
