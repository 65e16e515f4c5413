"""GET /v0.1/media/{message_uuid}: what a person sent us, for the application that they wrote to."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from switchboard import problems
from switchboard.errors import NotFound
from switchboard.media import kept
from switchboard.services import Services
from switchboard.settings import Settings
from switchboard.store import KEPT, InboundItem

LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes. A function's answer holds 6 MB, in base64."""
LINK_SECONDS = 300

logger = Logger()
services = Services(Settings.from_environment())
app = APIGatewayHttpResolver()
problems.install(app)


@app.get("/v0.1/media/<message_uuid>")
def get(message_uuid: str) -> Response[Any]:
    """The bytes, or a redirect to a short-lived address of theirs if they are many."""
    caller = services.callers.identify(app.current_event.headers)
    item = services.store.message(message_uuid, consistent=True)
    if not isinstance(item, InboundItem) or item.media != KEPT or not caller.may_see(item.application_id):
        raise NotFound(message_uuid)
    where = {"Bucket": services.settings.media_bucket, "Key": kept(message_uuid)}
    try:
        found = services.s3.get_object(**where)
    except ClientError as error:
        # Who may not list a bucket is not told that something is gone from it.
        if error.response["Error"]["Code"] in ("NoSuchKey", "AccessDenied"):
            raise NotFound(message_uuid) from None
        raise
    headers = {
        "Cache-Control": "private, max-age=3600",
        "Content-Disposition": "attachment",
        "X-Content-Type-Options": "nosniff",
    }
    if found["ContentLength"] <= LARGEST_ANSWER:
        return Response(200, found["ContentType"], found["Body"].read(), headers)
    link = services.s3.generate_presigned_url("get_object", Params=where, ExpiresIn=LINK_SECONDS)
    return Response(302, headers={"Location": link, "Cache-Control": "no-store"})


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
