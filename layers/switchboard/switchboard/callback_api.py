"""The two functions that providers call differ only in their address: this is both of them."""

from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from switchboard import api, clock, measures, problems
from switchboard.models.events import Hook
from switchboard.receiving import SNS_PROVIDER
from switchboard.services import Services


class Callbacks:
    def __init__(self, name: str, services: Services) -> None:
        self._services = services
        self._app = APIGatewayHttpResolver()
        problems.install(self._app)
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
        thanks = self._services.receiving.receive(provider, account_id, api.hook(self._app))
        return Response(status_code=200, content_type=_content_type(thanks), body=thanks)

    def _handshake(self, provider: str, account_id: str) -> Response[str]:
        answer = self._services.receiving.handshake(provider, account_id, api.hook(self._app))
        return Response(status_code=200, content_type="text/plain", body=answer)

    def _notification(self, sns: dict[str, Any]) -> None:
        hook = Hook(body=sns["Message"].encode(), source="sns", received_at=clock.from_wire(sns["Timestamp"]))
        self._services.receiving.receive(SNS_PROVIDER, "default", hook)


def _content_type(body: str) -> str:
    kinds = {"{": "application/json", "<": "text/xml"}
    return kinds.get(body[:1], "text/plain")
