"""An application of a client's: its token, its webhooks, and the calls that it makes."""

from typing import Any

import httpx
from vonage_application import ApplicationConfig, Capabilities
from vonage_application.common import ApplicationUrl, Messages, MessagesWebhooks
from vonage_jwt import JwtClient

from tests.e2e.bodies import Body
from tests.e2e.clients import vonage
from tests.e2e.local_stack import LocalStack
from tests.e2e.receiver import Mailbox

PATIENCE = 40.0
"""Seconds that something which should be quick may take on a busy machine."""


def config(mailbox: Mailbox, name: str = "Parcels") -> ApplicationConfig:
    urls = {
        f"{kind}_url": ApplicationUrl(address=f"{mailbox.url}/{kind}", http_method="POST")
        for kind in ("status", "inbound")
    }
    messages = Messages(webhooks=MessagesWebhooks(**urls))
    return ApplicationConfig(name=name, capabilities=Capabilities(messages=messages))


class Application:
    """Made with the vonage package, as are its tokens."""

    def __init__(self, stack: LocalStack, mailbox: Mailbox) -> None:
        self.stack, self.mailbox = stack, mailbox
        made = vonage(stack).application.create_application(config(mailbox))
        assert made.keys and made.keys.private_key
        self.id: str = made.id
        self.private_key: str = made.keys.private_key
        self._tokens = JwtClient(self.id, self.private_key)
        self.http = httpx.Client(base_url=stack.url, timeout=120)

    @property
    def nexmo_credentials(self) -> dict[str, str]:
        return {"applicationId": self.id, "privateKey": self.private_key}

    @property
    def authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens.generate_application_jwt().decode()}"}

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.http.post(path, json=body, headers=self.authorization)

    def send(self, body: Body) -> str:
        """The message_uuid."""
        answer = self.post("/v0.1/messages", body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["message_uuid"])

    def dispatch(self, *steps: Body) -> str:
        """The dispatch_uuid."""
        answer = self.post("/v0.1/dispatch", {"template": "failover", "workflow": list(steps)})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["dispatch_uuid"])

    def show(self, message_uuid: str) -> Body:
        answer = self.http.get(f"/v0.1/messages/{message_uuid}", headers=self.authorization)
        assert answer.status_code == 200, answer.text
        shown: Body = answer.json()
        return shown

    def report(self, dispatch_uuid: str, seconds: float = PATIENCE) -> Body:
        """A dispatch's final report, when it has come."""
        return self.mailbox.until(
            lambda: self.mailbox.bodies(dispatch_uuid=dispatch_uuid, template="failover"), seconds
        )[0]
