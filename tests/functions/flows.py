"""The main job's moves, as tests make them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from switchboard.models.messages import Status
from tests.support import payloads
from tests.support.cloud import Cloud

Body = dict[str, Any]


class Flow:
    """A cloud with one application, and what its client has heard so far."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.world = cloud.world
        self.app = payloads.application(cloud)

    def send_v1(self, body: Body) -> Body:
        """The answer to a message of version 1."""
        status, answer = self.cloud.http("send", "POST", "/v1/messages", body, self.app["bearer"])
        assert status == 202, answer
        return dict(answer)

    def send(self, body: Body) -> str:
        status, answer = self.cloud.http("send", "POST", "/v0.1/messages", body, self.app["bearer"])
        assert status == 202, answer
        return str(answer["message_uuid"])

    def dispatch(self, *steps: Body) -> str:
        body = payloads.workflow(*steps)
        status, answer = self.cloud.http("dispatch", "POST", "/v0.1/dispatch", body, self.app["bearer"])
        assert status == 202, answer
        return str(answer["dispatch_uuid"])

    def heard(self, **wanted: Any) -> list[Body]:
        """The webhooks received that have these members."""
        return [
            hook
            for hook in self.world.webhooks
            if all(hook.get(name) == value for name, value in wanted.items())
        ]

    def statuses(self, uuid: str) -> list[str]:
        """What was heard of a message, in the order of its life: that of webhooks is not promised."""
        return sorted(
            (hook["status"] for hook in self.heard(message_uuid=uuid)), key=lambda s: Status(s).rank
        )

    def reports(self) -> list[Body]:
        return [hook for hook in self.world.webhooks if "template" in hook]

    def until(self, condition: Callable[[], Any], seconds: float = 10) -> None:
        self.cloud.pump(lambda: bool(condition()), seconds)

    def drain(self) -> None:
        """Run the queues until nothing moves any more."""
        self.cloud.drain()

    def step_message(self, number: int) -> str:
        """The message of the nth step that went out, as its status webhook names it."""
        self.until(lambda: len(self._messages()) > number)
        return self._messages()[number]

    def _messages(self) -> list[str]:
        return list(
            dict.fromkeys(
                hook["message_uuid"]
                for hook in self.world.webhooks
                if "_links" in hook and "message_uuid" in hook
            )
        )

    def receipt(self, uuid: str, kind: str = "TEXT_DELIVERED") -> None:
        """AWS reports on an SMS."""
        self.cloud.call("status", payloads.sms_receipt(uuid, kind))

    def viber_receipt(
        self, uuid: str, status: Body | None = None, seen: bool = False, at: datetime | None = None
    ) -> int:
        """Infobip reports on a Viber message, at a time of its own clock."""
        return payloads.infobip_receipt(self.cloud, uuid, status, seen, at)
