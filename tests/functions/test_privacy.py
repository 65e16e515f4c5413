"""A full run with marked numbers, words and secrets; then they are looked for everywhere but in the table.

Refused orders of the Ingest queue are the exception: they lie in their dead-letter queue as they came, so
that they can be put again.
"""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from switchboard.models.workflows import message_uuid
from tests.functions.flows import Flow
from tests.functions.test_redacting import hear
from tests.support import door, payloads
from tests.support.cloud import ACCOUNTS, API_SECRET, SIGNATURE_SECRET

PERSON, WORDS, NAME = "447700900321", "words that are marked", "Jolanda Marked"
ADDED_SECRET, PAGE_TOKEN = "Added-Secret-1", "a-page-token-that-is-marked"
HOOK = "https://client.example/status?token=marked-hook-token"
SECRETS = {
    API_SECRET,
    SIGNATURE_SECRET,
    ADDED_SECRET,
    PAGE_TOKEN,
    *(str(value) for account in ACCOUNTS.values() for name, value in account.items() if "url" not in name),
} - {"cs", "AK", "SK", "1029"}
PERSONAL = {PERSON, WORDS, NAME}
BEARERS = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.")
PRIVATE_KEY = "PRIVATE KEY"


class Trail:
    """Everything that was written outside of the table."""

    def __init__(self) -> None:
        self.logged: list[str] = []
        self.queued: list[str] = []
        self.answers: list[str] = []

    def hear(self, flow: Flow) -> None:
        """Note what goes into queues from now on. Every function has a client of its own."""
        for module in flow.cloud.functions.values():
            services = getattr(module, "services", None) or module.callbacks._services
            client = services._sqs
            for name in ("send_message", "send_message_batch"):
                setattr(client, name, self._noted(getattr(client, name)))

    def _noted(self, call: Any) -> Any:
        def noted(**arguments: Any) -> Any:
            if "Dlq" not in arguments["QueueUrl"]:
                self.queued += map(json.dumps, arguments.get("Entries", [arguments]))
            return call(**arguments)

        return noted


def to(channel: str, words: str = WORDS, **more: Any) -> dict[str, Any]:
    """A message to the marked person."""
    body = payloads.text(channel, words, **more)
    kind = "id" if "id" in body["to"] else "number"
    return body | {"to": body["to"] | {kind: PERSON}}


class Lines(logging.Handler):
    """What is logged, with everything that goes along with it."""

    def __init__(self, into: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._into = into

    def emit(self, record: logging.LogRecord) -> None:
        # What runs in production too: not what moto or boto write here at DEBUG.
        if "switchboard" in record.pathname or record.name.startswith(("httpx", "switchboard")):
            self._into.append(json.dumps(vars(record), default=str))


@pytest.fixture(scope="module")
def flow() -> Iterator[Flow]:
    with door.opened() as flow:
        flow.cloud.listen()
        yield flow


@pytest.fixture(scope="module")
def trail(flow: Flow) -> Iterator[Trail]:
    """After a full run: everything that can be done was done, well and badly."""
    trail = Trail()
    trail.hear(flow)
    handler, loggers = Lines(trail.logged), [logging.getLogger(name) for name in ("", "switchboard")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    loggers[0].addHandler(handler)
    try:
        run(flow, trail)
        yield trail
    finally:
        loggers[0].removeHandler(handler)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def run(flow: Flow, trail: Trail) -> None:
    cloud = flow.cloud

    def refuse(request: httpx.Request) -> httpx.Response:
        if b"refuse this" in request.content or "refuse" in str(request.url):
            error = {"message": f"{PERSON} is not a user: {WORDS}", "code": 131026}
            return httpx.Response(400, json={"error": error})
        if b"no answer" in request.content:
            raise httpx.ReadTimeout(f"no answer for {PERSON}: {WORDS}", request=request)
        return payloads.accepts_all(request)

    flow.world.provider = refuse
    flow.world.client = lambda request: httpx.Response(500 if b"undeliverable" in request.content else 200)
    uuids = [flow.send(to(channel)) for channel in ("sms", "whatsapp", "messenger", "viber_service_msg")]
    flow.send(to("whatsapp", "refuse this: " + WORDS))
    flow.send(to("messenger", "no answer: " + WORDS))
    second = payloads.flat("whatsapp", node=WORDS) | {"to": PERSON}
    first = payloads.flat("sms", node=WORDS, webhook_url=HOOK) | {"to": PERSON}
    flow.send_v1(first | {"failover": [second]})
    steps = [to("whatsapp", failover={"expiry_time": 2, "condition_status": "read"}), to("sms")]
    dispatch = flow.dispatch(*steps)
    flow.until(lambda: flow.statuses(uuids[0]))
    flow.receipt(uuids[0])
    hear(flow, WORDS, PERSON)
    hear(flow, "STOP", PERSON)
    flow.until(lambda: flow.heard(message_uuid=message_uuid(dispatch, 1), status="submitted"))
    flow.receipt(message_uuid(dispatch, 1))
    flow.until(lambda: flow.reports())
    # What an owner does.
    owner = payloads.basic()
    secret = {"secret": ADDED_SECRET}
    assert cloud.http("applications", "POST", "/accounts/localkey/secrets", secret, owner)[0] == 201
    page = {"external_id": "1000000001", "access_token": PAGE_TOKEN, "name": "page"}
    assert cloud.http("accounts", "POST", "/beta/chatapp-accounts/messenger", page, owner)[0] == 201
    # What is refused. Every answer is kept: one must not say back what it was asked.
    cut = {"Authorization": flow.app["bearer"]["Authorization"][:-9]}
    odd_ends = {"from": PERSON, "message": {"content": WORDS}}
    odd_members = {"to": [PERSON], "text": {"x": WORDS}}
    odd_account = {"credentials": [PAGE_TOKEN], "senders": PERSON}
    wrong: list[tuple[str, str, str, Any, dict[str, str]]] = [
        ("send", "POST", "/v0.1/messages", to("sms") | odd_ends, owner),
        ("send", "POST", "/v1/messages", payloads.flat("sms") | odd_members, owner),
        ("send", "POST", "/v0.1/messages", f'{{"to": "{PERSON} {WORDS}', owner),
        ("dispatch", "POST", "/v0.1/dispatch", payloads.workflow(to("sms", client_ref=WORDS * 9)), owner),
        ("send", "POST", "/v0.1/messages", to("sms"), payloads.basic(secret=ADDED_SECRET + "x")),
        ("send", "POST", "/v0.1/messages", to("sms"), cut),
        ("applications", "POST", "/accounts/localkey/secrets", {"secret": [API_SECRET]}, owner),
        ("applications", "POST", "/accounts/localkey/secrets", {"secret": "\u00e9" + ADDED_SECRET}, owner),
        ("accounts", "POST", "/beta/chatapp-accounts/messenger", {"access_token": [PAGE_TOKEN]}, owner),
        ("accounts", "PUT", "/accounts/whatsapp_cloud/x", odd_account, owner),
        ("accounts", "POST", "/accounts/messenger/1000000001/verify", {"sender": {"x": PERSON}}, owner),
        ("redact", "POST", "/v0.1/redact", {"number": PERSON + "x", "channel": WORDS}, owner),
        ("inbound", "POST", "/inbound/messenger/default", json.dumps({"text": WORDS, "from": PERSON}), {}),
    ]  # fmt: skip
    for function, method, path, body, headers in wrong:
        status, answer = cloud.http(function, method, path, body, headers)
        assert 400 <= status < 500, (path, status, answer)
        trail.answers.append(json.dumps(answer))
    # Something breaks inside.
    broken = cloud.functions["send"].services.store

    def breaks(*arguments: Any) -> Any:
        raise ValueError(f"{arguments} {PERSON} {WORDS}")

    object.__setattr__(broken, "add_message", breaks)
    status, answer = cloud.http("send", "POST", "/v0.1/messages", to("sms"), owner)
    assert status == 500
    trail.answers.append(json.dumps(answer))
    del broken.add_message
    cloud.sqs.send_message(
        QueueUrl=cloud.queues["IngestQueue"], MessageBody=json.dumps(to("sms", client_ref=WORDS * 9))
    )
    redaction = {"channel": "line", "id": "U-" + PERSON}
    assert cloud.http("redact", "POST", "/v0.1/redact", redaction, owner)[0] == 202
    flow.drain()


def told(lines: list[str], marks: set[str]) -> dict[str, str]:
    return {mark: line[:600] for line in lines for mark in marks if mark in line}


def test_logs(trail: Trail) -> None:
    assert trail.logged
    assert told(trail.logged, PERSONAL | SECRETS | {"marked-hook-token", PRIVATE_KEY}) == {}
    assert [line for line in trail.logged if BEARERS.search(line)] == []


def test_queues(trail: Trail) -> None:
    """Ids and task tokens only."""
    assert len(trail.queued) > 20
    assert told(trail.queued, PERSONAL | SECRETS | {"marked-hook-token"}) == {}


def test_answers_to_what_was_refused(trail: Trail) -> None:
    assert told(trail.answers, {WORDS, NAME} | SECRETS | {PRIVATE_KEY}) == {}


def test_executions(flow: Flow, trail: Trail) -> None:
    """Inputs, outputs and every event of their history."""
    states = flow.cloud.states
    executions = states.list_executions(stateMachineArn=flow.cloud.machine)["executions"]
    assert len(executions) >= 2
    lines = []
    for execution in executions:
        arn = execution["executionArn"]
        lines.append(json.dumps(states.describe_execution(executionArn=arn), default=str))
        lines.append(json.dumps(states.get_execution_history(executionArn=arn), default=str))
    assert told(lines, PERSONAL | SECRETS | {"marked-hook-token", "447700900"}) == {}


def test_the_table_holds_no_secret(flow: Flow, trail: Trail) -> None:
    """Not the key's other half, no token, no API secret but hashed; not even a provider's."""
    items = [repr(item) for item in flow.cloud.dynamodb.scan(TableName="table")["Items"]]
    assert told(items, SECRETS | {PRIVATE_KEY}) == {}
    assert [item for item in items if BEARERS.search(item)] == []
    [kept] = [item for item in items if "'SECRETS'" in item]
    assert "scrypt" in kept or "salt" in kept


def test_what_was_refused_lies_where_it_is_said_to(flow: Flow, trail: Trail) -> None:
    [refused] = flow.cloud.taken("IngestDlq")
    assert WORDS in refused["body"]
    assert WORDS not in json.dumps(refused["messageAttributes"])


def test_a_key_made_here_is_shown_once(flow: Flow) -> None:
    path = f"/v2/applications/{flow.app['id']}"
    assert PRIVATE_KEY in flow.app["keys"]["private_key"]
    answer = door.request(
        flow.cloud, "GET", "/v2/applications/{application_id}", path=path, headers=payloads.basic()
    )
    assert PRIVATE_KEY not in answer.text
