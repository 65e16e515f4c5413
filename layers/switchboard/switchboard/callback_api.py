"""Either of the two functions that providers call. The API sends each its own paths; a function's own URL has
both."""

from dataclasses import replace
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, clock, measures, problems
from switchboard.models.events import Hook
from switchboard.receiving import SNS_PROVIDER
from switchboard.services import Services

FUNCTION_URL = ".lambda-url."
"""Is in the name of every function's URL, and in no other."""


class Callbacks:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._app = APIGatewayHttpResolver()
        problems.install(self._app)
        for name in ("status", "inbound"):
            path = f"/{name}/<provider>/<account_id>"
            self._app.post(path)(self._callback)
            self._app.get(path)(self._handshake)

    def handle(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """An HTTP API request, or a batch of SNS notifications."""
        try:
            if "Records" not in event:
                return self._app.resolve(event, context)
            for record in event["Records"]:
                self._notification(record["Sns"])
            return {}
        finally:
            measures.flush()

    def _callback(self, provider: str, account_id: str) -> Response[str]:
        thanks = self._services.receiving.receive(provider, account_id, self._hook())
        return Response(status_code=200, content_type=_content_type(thanks), body=thanks)

    def _handshake(self, provider: str, account_id: str) -> Response[str]:
        answer = self._services.receiving.handshake(provider, account_id, self._hook())
        return Response(status_code=200, content_type="text/plain", body=answer)

    def _hook(self) -> Hook:
        """With the address that the provider called, which some sign: a function's own URL, or the API's,
        before which there can be another."""
        hook, public = api.hook(self._app), self._services.settings.public_url
        return hook if FUNCTION_URL in hook.origin or not public else replace(hook, origin=public)

    def _notification(self, sns: dict[str, Any]) -> None:
        hook = Hook(body=sns["Message"].encode(), source="sns", received_at=clock.from_wire(sns["Timestamp"]))
        self._services.receiving.receive(SNS_PROVIDER, "default", hook)


def _content_type(body: str) -> str:
    kinds = {"{": "application/json", "<": "text/xml"}
    return kinds.get(body[:1], "text/plain")
