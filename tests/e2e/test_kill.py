"""The stack is killed under load, again and again, and started on the same folder: what was answered is true.

The receiver of the webhooks is not a part of the stack, so what it was told is not lost with it.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest

from tests.e2e import bodies
from tests.e2e.application import Application
from tests.e2e.bodies import Body
from tests.e2e.fates import fate
from tests.e2e.local_stack import LocalStack
from tests.support.stack import until

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

SEED = 20260131
ROUNDS = 3
CLIENTS = 4
LOAD = (15, 40)
"""How many requests are answered before the kill, at least and at most."""
STARTING = (1.0, 6.0)
"""Seconds after which a start is killed."""
PATIENCE = 300.0
"""Seconds until all is settled. A message that was just being handed over comes back with its queue entry,
after two minutes, and waits a minute more for an echo."""
RECEIPT = timedelta(seconds=10)
"""After so long none comes by itself any more."""
LADDER = ("submitted", "delivered", "read")
DIGITS = ("0100", "0005", "0008", "0002")


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    stack = LocalStack(tmp_path_factory.mktemp("killed"))
    stack.start()
    yield stack
    stack.stop()


@dataclass
class Promised:
    """What the stack answered 202 for. Safe to fill from several threads."""

    messages: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Channel and digits, by uuid."""
    dispatches: list[str] = field(default_factory=list)
    keyed: dict[str, tuple[Body, str]] = field(default_factory=dict)
    """A request's body and the uuid it got, by its key."""
    unanswered: dict[str, Body] = field(default_factory=dict)
    """Keyed requests of which nobody knows what became."""
    texts: list[str] = field(default_factory=list)
    """What people wrote, once their carrier heard that we have it."""
    unsaid: list[str] = field(default_factory=list)
    """What they wrote when nobody answered their carrier."""

    @property
    def count(self) -> int:
        return len(self.messages) + len(self.dispatches) + len(self.texts)


class Load:
    """Clients that send until the stack is gone."""

    def __init__(self, application: Application, promised: Promised, seed: int) -> None:
        self._application, self._promised = application, promised
        self._seed = seed
        self._log: dict[tuple[str, str], int] = {}

    def until_killed(self, answers: int, seconds: float) -> list[psutil.Process]:
        """So many answers, and so much longer. What has to end by itself then."""
        stack, before = self._application.stack, self._promised.count
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            clients = [pool.submit(self._client, self._seed + n) for n in range(CLIENTS)]
            watching = threading.Event()
            watched = pool.submit(self._watch, watching)
            try:
                until(lambda: self._promised.count >= before + answers, 60)
                time.sleep(seconds)
            finally:
                started = stack.kill()
                watching.set()
            for each in [*clients, watched]:
                each.result()
        return started

    def handed_over(self) -> Counter[tuple[str, str]]:
        """What the carriers took, by message and request, as far as it was seen before they ended."""
        return Counter(self._log)

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(0.05):
            try:
                sends = self._application.stack.handed_over()
            except (httpx.HTTPError, ValueError, KeyError):
                continue
            self._log = Counter((send["echo_id"], send["digest"]) for send in sends)

    def _client(self, seed: int) -> None:
        choose = random.Random(seed)
        with httpx.Client(base_url=self._application.stack.url, timeout=30) as http:
            try:
                while True:
                    self._request(choose, http)
            except httpx.HTTPError:
                return

    def _request(self, choose: random.Random, http: httpx.Client) -> None:
        promised = self._promised
        channel, digits = choose.choice(bodies.CHANNELS), choose.choice(DIGITS)
        match choose.choices(("message", "keyed", "dispatch", "inbound"), (5, 2, 2, 1))[0]:
            case "message":
                answer = self._post(http, "/v0.1/messages", bodies.message(channel, digits))
                promised.messages[answer["message_uuid"]] = (channel, digits)
            case "keyed":
                key, body = str(uuid4()), bodies.message(channel, digits)
                promised.unanswered[key] = body
                answer = self._post(http, "/v0.1/messages", body, {"Idempotency-Key": key})
                promised.keyed[key] = (promised.unanswered.pop(key), answer["message_uuid"])
                promised.messages[answer["message_uuid"]] = (channel, digits)
            case "dispatch":
                steps = [bodies.step(channel, digits, choose.choice((2, 15))), bodies.step("sms", "0100")]
                body = {"template": "failover", "workflow": steps}
                promised.dispatches.append(self._post(http, "/v0.1/dispatch", body)["dispatch_uuid"])
            case "inbound":
                text = str(uuid4())
                written = {"channel": "whatsapp", "from": "447700900100", "to": SENDER, "text": text}
                promised.unsaid.append(text)
                answer = http.post("/sandbox/inbound", json=written)
                if answer.status_code == 202:
                    promised.unsaid.remove(text)
                    promised.texts.append(text)

    def _post(self, http: httpx.Client, path: str, body: Body, more: dict[str, str] | None = None) -> Any:
        headers = self._application.authorization | (more or {})
        answer = http.post(path, json=body, headers=headers)
        if answer.status_code >= 500:  # its function or its table went first
            raise httpx.RemoteProtocolError(answer.text)
        assert answer.status_code == 202, answer.text
        return answer.json()


SENDER = bodies.sender("whatsapp")["number"]


def test_nothing_that_was_answered_is_lost_or_doubled(
    own_stack: LocalStack, make_application: Callable[[LocalStack], Application]
) -> None:
    stack = own_stack
    application = make_application(stack)
    mailbox = application.mailbox
    application.send(bodies.message("whatsapp"))  # so that answers to this sender are ours
    promised, choose = Promised(), random.Random(SEED)
    taken: Counter[tuple[str, str]] = Counter()
    orphans: list[psutil.Process] = []
    for number in range(ROUNDS):
        load = Load(application, promised, SEED + 100 * number)
        orphans += load.until_killed(choose.randint(*LOAD), choose.random() / 2)
        taken += load.handed_over()
        if number == 0:  # it may be killed again before it is ready, or just then
            stack.launch()
            time.sleep(choose.uniform(*STARTING))
            orphans += stack.kill()
        stack.start()  # at once, while what it left behind may still be there
        for key, (body, uuid) in promised.keyed.items():
            assert repeated(application, body, key) == uuid
    for key, body in promised.unanswered.items():
        promised.messages[repeated(application, body, key)] = ("", "")

    def unheard() -> set[str]:
        return set(promised.dispatches) - reports(application)

    def settled() -> bool:
        told = told_of(application)
        return all(told.get(uuid) for uuid in promised.messages) and all(
            is_mute(application, uuid) for uuid in unheard()
        )

    until(settled, PATIENCE)
    for uuid in unheard():
        ended = application.http.delete(f"/v0.1/dispatch/{uuid}", headers=application.authorization)
        assert ended.is_success, ended.text
    mailbox.until(lambda: not unheard(), PATIENCE)
    assert set(promised.texts) <= {text_of(body) for body in mailbox.bodies("inbound")}
    new = application.send(bodies.message("sms"))
    mailbox.until_statuses(new, PATIENCE, 2)
    time.sleep(2)  # for what comes twice

    # One event per change, told under one id, and never another text under the same.
    events: dict[str, Body] = {}
    for hook in mailbox.hooks:
        assert events.setdefault(hook.headers["switchboard-event-id"], hook.body) == hook.body
    changes = Counter(
        (body["message_uuid"], body["status"])
        for body in events.values()
        if "direction" not in body and "template" not in body
    )
    assert [change for change, times in changes.items() if times > 1] == []
    final = Counter(body["dispatch_uuid"] for body in events.values() if "template" in body)
    assert [uuid for uuid, times in final.items() if times > 1] == []
    texts = Counter(text_of(body) for body in events.values() if body.get("direction") == "inbound")
    assert [text for text, times in texts.items() if times > 1] == []

    told = told_of(application)
    for uuid, (channel, digits) in promised.messages.items():
        shown = application.show(uuid)
        assert set(told[uuid]) == set(shown["statuses"]), shown
        assert is_forward(told[uuid]), told[uuid]
        if channel:
            assert set(told[uuid]) <= set(fate(channel, digits)) | {"undeliverable"}, shown

    # A carrier took a message again only where the record says so.
    last = Counter((send["echo_id"], send["digest"]) for send in stack.handed_over())
    for (uuid, _), times in (taken + last).items():
        if times > 1:
            assert application.show(uuid).get("unknown"), f"{uuid} went out {times} times"

    _, left = psutil.wait_procs(orphans, 5)
    assert not left, f"left behind: {left}"


def repeated(application: Application, body: Body, key: str) -> str:
    headers = application.authorization | {"Idempotency-Key": key}
    answer = application.http.post("/v0.1/messages", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["message_uuid"])


def told_of(application: Application) -> dict[str, list[str]]:
    """The statuses of each message, in the order in which they were first told."""
    told: dict[str, list[str]] = {}
    for body in application.mailbox.bodies():
        if "template" not in body and body["status"] not in (
            seen := told.setdefault(body["message_uuid"], [])
        ):
            seen.append(body["status"])
    return told


def reports(application: Application) -> set[str]:
    return {report["dispatch_uuid"] for report in application.mailbox.reports()}


def is_mute(application: Application, dispatch: str) -> bool:
    """Whether it waits for a receipt that its carrier was about to send when it was killed with the stack: it
    would wait for days."""
    found = application.http.get(f"/v0.1/dispatch/{dispatch}", headers=application.authorization).json()
    step = found["steps"][found["step"]]
    if found["status"] != "running" or step["status"] != "submitted":
        return False
    submitted = datetime.fromisoformat(step["statuses"]["submitted"])
    return datetime.now(UTC) - submitted > RECEIPT


def text_of(inbound: Body) -> str:
    return str(inbound["message"]["content"]["text"])


def is_forward(statuses: list[str]) -> bool:
    """Whether these are a way up the ladder, from its beginning, and at most one failure at the end of it."""
    works = [status for status in statuses if status in LADDER]
    failures = [status for status in statuses if status not in LADDER]
    return sorted(works, key=LADDER.index) == list(LADDER[: len(works)]) and (
        not failures or (len(failures) == 1 and "delivered" not in works)
    )
