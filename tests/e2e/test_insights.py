"""What was sent is counted, once, though the stack is killed while it counts."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e import bodies
from tests.e2e.application import PATIENCE, Application
from tests.e2e.local_stack import KEY, SECRET, LocalStack
from tests.support.stack import until

pytestmark = pytest.mark.e2e


@pytest.fixture
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    stack = LocalStack(tmp_path_factory.mktemp("counted"), SWITCHBOARD_ENFORCE_IAM="1")
    stack.start()
    yield stack
    stack.stop()


def test_each_message_is_counted_once(
    own_stack: LocalStack, make_application: Callable[[LocalStack], Application]
) -> None:
    application = make_application(own_stack)
    for round_ in range(2):
        uuids = [application.send(bodies.message(channel)) for channel in ("sms", "whatsapp") * 5]
        for uuid in uuids:
            application.mailbox.until_statuses(uuid, PATIENCE, 2)
        time.sleep(0.4 * round_)  # the first time before anything is counted, then while it is
        started = own_stack.kill()
        psutil.wait_procs(started, 30)
        own_stack.start()

    def rows() -> dict[str, Any]:
        answer = application.http.get(
            "/v0.1/insights", params={"group_by": "channel"}, headers=application.authorization
        )
        return {row["channel"]: row for row in answer.json()["rows"]}

    until(lambda: [row["delivered"] for row in rows().values()] == [10, 10], PATIENCE)
    time.sleep(3)  # were anything counted twice, it would come now
    assert [(row["messages"], row["delivered"]) for row in rows().values()] == [(10, 10)] * 2

    owner = httpx.Client(base_url=own_stack.url, auth=(KEY, SECRET), timeout=60)
    named = {"application_id": application.id, "format": "jsonl"}
    records = owner.get("/v0.1/reports/messages", params=named)
    assert len(records.text.splitlines()) == 20
    made = [
        entry for entry in owner.get("/v0.1/audit").json()["entries"] if entry["target"] == application.id
    ]
    assert [(entry["action"], entry["outcome"]) for entry in made] == [("application.created", "done")]
