"""Webhooks are delivered at least once, under a stable id."""

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.local_stack import KEY, SECRET, LocalStack
from tests.e2e.receiver import Mailbox, Receiver
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
    time.sleep(1.5)  # for a second the account's own address can be remembered, which another test had set
    uuid = account.post("/v0.1/messages", json=bodies.message("sms")).json()["message_uuid"]

    def told() -> set[str]:
        kept = account.get("/sandbox/webhooks").json()
        return {each["body"]["status"] for each in kept if each["body"].get("message_uuid") == uuid}

    until(lambda: told() == {"delivered", "submitted"}, PATIENCE)


class Hanging:
    """An endpoint that takes every webhook and does not answer, until it is let go."""

    def __init__(self) -> None:
        self.calls: list[float] = []
        self.let_go = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            if connection.recv(65_536):
                self.calls.append(time.monotonic())
                self.let_go.wait()
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    """It goes on listening, so that what waits for it does not keep the stack from other tests."""
    found = Hanging()
    yield found
    found.let_go.set()


def test_an_endpoint_that_hangs_delays_no_other(
    stack: LocalStack, application: Application, hanging: Hanging
) -> None:
    """Each call to it takes 15 s, and the stack has two workers. Without it a webhook takes a second."""
    dead = Application(stack, Mailbox(hanging.url))
    for _ in range(30):
        dead.send(bodies.message("sms"))
    until(lambda: hanging.calls, PATIENCE)
    latest = 0.0
    for _ in range(10):
        sent = time.monotonic()
        uuid = application.send(bodies.message("sms"))
        application.mailbox.until_statuses(uuid, PATIENCE, count=2)
        latest = max(latest, time.monotonic() - sent)
    took = time.monotonic() - hanging.calls[0]
    assert latest < 12
    assert len(hanging.calls) <= 2 + took / 15, "one call at a time"


def test_what_was_refused_is_listed_and_replayed(application: Application) -> None:
    mailbox = application.mailbox
    mailbox.refuse(3, 404)
    uuid = application.send(bodies.message("viber_service_msg"))

    def listed() -> list[bodies.Body]:
        answer = application.http.get("/v0.1/webhooks/failed", headers=application.authorization)
        found: list[bodies.Body] = answer.json()["_embedded"]["failed"]
        return found

    until(lambda: len(listed()) == 3, PATIENCE)
    assert {event["reason"] for event in listed()} == {"answered 404"}
    assert mailbox.statuses(uuid) == []
    first = listed()[0]
    assert application.post("/v0.1/webhooks/replay", {"event_ids": [first["event_id"]]}).json() == {
        "replayed": 1
    }
    mailbox.until(lambda: mailbox.statuses(uuid) == [first["status"]], PATIENCE)
    answer = application.post("/v0.1/webhooks/replay", {"from": first["occurred_at"]})
    assert (answer.status_code, answer.json()) == (202, {"replayed": 2})
    mailbox.until_statuses(uuid, PATIENCE, count=3)
    ids = [hook.headers["webhook-id"] for hook in mailbox.hooks]
    assert sorted(ids) == sorted(hook.headers["webhook-id"] for hook in mailbox.refused)
