"""Webhooks are delivered at least once, under a stable id."""

import httpx
import pytest

from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.local_stack import KEY, SECRET, LocalStack
from tests.e2e.receiver import Receiver
from tests.support.stack import until

pytestmark = pytest.mark.e2e


def test_refused_webhook_comes_again_under_its_id(application: Application) -> None:
    mailbox = application.mailbox
    mailbox.refuse(1)
    uuid = application.send(bodies.message("sms"))
    mailbox.until(lambda: len(mailbox.statuses(uuid)) == 2, PATIENCE)
    [refused] = mailbox.refused
    [again] = [hook for hook in mailbox.hooks if hook.body == refused.body]
    name = "switchboard-event-id"
    assert again.headers[name] == refused.headers[name]
    assert again.at - refused.at >= 4  # the first pause is 5 s
    assert len({hook.headers[name] for hook in mailbox.hooks}) == 2


def test_without_an_application_the_account_is_told(stack: LocalStack, receiver: Receiver) -> None:
    mailbox = receiver.mailbox()
    settings = {"drCallBackUrl": f"{mailbox.url}/status", "moCallBackUrl": f"{mailbox.url}/inbound"}
    account = httpx.Client(base_url=stack.url, auth=(KEY, SECRET), timeout=60)
    assert account.post("/account/settings", data=settings).json() == {
        "dr-callback-url": settings["drCallBackUrl"],
        "mo-callback-url": settings["moCallBackUrl"],
    }
    try:
        uuid = account.post("/v0.1/messages", json=bodies.message("viber_service_msg")).json()["message_uuid"]
        mailbox.until(lambda: len(mailbox.statuses(uuid)) == 3, PATIENCE)
        stranger = {"channel": "sms", "from": "447700900321", "to": "12065550199", "text": "Anybody?"}
        account.post("/sandbox/inbound", json=stranger)
        [told] = mailbox.until(lambda: mailbox.bodies("inbound"), PATIENCE)
        assert told["to"]["number"] == "12065550199"
    finally:
        account.post("/account/settings", data=dict.fromkeys(settings, ""))


def test_without_any_webhook_the_sandbox_keeps_them(stack: LocalStack) -> None:
    account = httpx.Client(base_url=stack.url, auth=(KEY, SECRET), timeout=60)
    uuid = account.post("/v0.1/messages", json=bodies.message("sms")).json()["message_uuid"]

    def told() -> list[str]:
        kept = account.get("/sandbox/webhooks").json()
        return [each["body"]["status"] for each in kept if each["body"].get("message_uuid") == uuid]

    until(lambda: told() == ["delivered", "submitted"], PATIENCE)
