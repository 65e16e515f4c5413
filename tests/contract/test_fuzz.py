"""docs/openapi.yaml against a running local stack: what it describes is taken, and nothing else comes back.

Requests are made up from the description (schemathesis), always the same ones. Each answer has to be one
that is described, in status, type, headers and body; and none may be a fault of ours.
"""

import base64
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias
from uuid import uuid4

import httpx
import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.application import PATIENCE, Application
from tests.e2e.local_stack import KEY, SECRET, LocalStack
from tests.e2e.receiver import Receiver
from tests.support.template import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.contract]

Case: TypeAlias = schemathesis.Case[Any]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
FEW, MANY = 12, 50
"""Requests that fit the description, for each operation; as many more for things that are there, and half as
many that do not fit."""

BUSY = {"sendV01", "sendV1", "dispatch"}
"""What matters most: gets more of them, and has to take nearly all that fit."""

UNREACHED = {"statusCallback", "statusHandshake", "inboundCallback", "inboundHandshake", "media"}
"""Operations that cannot go well with what can be made up: providers' proofs, and files of people."""

PAGE_ID, WHATSAPP, PERSON = "107083064136738", "12065550173", "447700900321"
TEMPLATE = {
    "name": "parcel",
    "language": "en",
    "category": "UTILITY",
    "components": [{"type": "BODY", "text": "It is here."}],
}
PAGE: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text())
OPERATIONS: dict[str, tuple[str, str]] = {
    operation["operationId"]: (method.upper(), path)
    for path, item in PAGE["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
}


class Stack:
    """A stack, and the things that are there."""

    def __init__(self, local: LocalStack, receiver: Receiver) -> None:
        self.local = local
        self.application = Application(local, receiver.mailbox())
        self.client = httpx.Client(base_url=local.url, auth=(KEY, SECRET), timeout=60)
        # What is sent as an address is one that may be called.
        schemathesis.openapi.format("uri", st.just(f"{self.application.mailbox.url}/status"))
        self.schema = schemathesis.openapi.from_dict(copy.deepcopy(PAGE))
        self.schema.config.generation.update(with_security_parameters=False)  # we have ours

    def things(self) -> dict[str, str]:
        """Path parameters that name something, anew for each operation, which may delete them."""
        own = self.application
        text = {"message_type": "text", "text": "x"}
        sms = {**text, "channel": "sms", "from": "Acme", "to": "447700900100"}
        step = {
            "from": {"type": "sms", "number": "Acme"},
            "to": {"type": "sms", "number": "447700900100"},
            "message": {"content": {"type": "text", "text": "x"}},
        }
        page = {"external_id": PAGE_ID, "access_token": "EAAB", "applications": [own.id]}
        self._do("POST", "/beta/chatapp-accounts/messenger", page)
        self._do("POST", f"/v0.1/templates?sender={WHATSAPP}", TEMPLATE)
        made = self._do("POST", "/v2/applications", {"name": "x", "capabilities": {"messages": {}}})
        return {
            "message_uuid": own.post("/v1/messages", sms).json()["message_uuid"],
            "dispatch_uuid": own.dispatch(step),
            "application_id": made["id"],
            "redaction_id": own.post("/v0.1/redact", {"number": "447700900999"}).json()["redaction_id"],
            "owner": own.id,
            "api_key": KEY,
            "provider": "messenger",
            "account_id": PAGE_ID,
            "external_id": PAGE_ID,
            "name": TEMPLATE["name"],
        }

    def inbound(self) -> str:
        """The uuid of a message from a person."""
        mailbox, known = self.application.mailbox, len(self.application.mailbox.bodies("inbound"))
        message = {"message_type": "text", "text": "x", "from": WHATSAPP, "to": PERSON}
        self.application.post("/v1/messages", message | {"channel": "whatsapp"})
        written = {"channel": "whatsapp", "from": PERSON, "to": WHATSAPP, "text": "Hello?"}
        assert httpx.post(f"{self.local.url}/sandbox/inbound", json=written).status_code == 202
        mailbox.until(lambda: len(mailbox.bodies("inbound")) > known, PATIENCE)
        return str(mailbox.bodies("inbound")[-1]["message_uuid"])

    def secret(self, kind: str) -> str:
        """The id of a secret that may be revoked: there are two of them then."""
        base = f"/accounts/{KEY}/{kind}"
        self._do("POST", base, {"secret": f"aA1{uuid4().hex[:8]}"})
        last = self._do("GET", base)["_embedded"][kind.replace("-", "_")][-1]
        return str(last["id"])

    def _do(self, method: str, path: str, body: Any = None) -> Any:
        return self.client.request(method, path, json=body).json()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    local, receiver = LocalStack(tmp_path_factory.mktemp("contract")), Receiver()
    local.start()
    yield Stack(local, receiver)
    local.stop()
    receiver.close()


def test_something_is_described() -> None:
    assert len(OPERATIONS) > 50
    assert set(OPERATIONS) >= BUSY | UNREACHED


@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_comes_back_that_is_not_described(running: Stack, name: str) -> None:
    method, path = OPERATIONS[name]
    operation = running.schema[path][method]
    things = running.things()
    if name == "changeV1":
        things["message_uuid"] = running.inbound()
    if "{secret_id}" in path:
        things["secret_id"] = running.secret(path.split("/")[3])
    known = {parameter: value for parameter, value in things.items() if f"{{{parameter}}}" in path}
    if name == "unlinkApplication":
        known["application_id"] = things["owner"]
    came: Counter[int] = Counter()

    def call(case: Case, by_token: bool) -> int:
        headers = authorization(running, name, by_token)
        response = case.call(base_url=running.local.url, headers=headers)
        case.validate_response(response, checks=CHECKS, headers=headers)
        return response.status_code

    def fitting(case: Case, by_token: bool, real: bool) -> None:
        came[call(_sensible(case, things if real else {}), by_token)] += 1

    def wrong(case: Case, by_token: bool, real: bool) -> None:
        call(case, by_token)

    many = MANY if name in BUSY else FEW
    if known:
        _try(fitting, operation.as_strategy(path_parameters=known), many)
    _try(fitting, operation.as_strategy(), many)
    taken = sum(count for status, count in came.items() if status < 400) / came.total()
    assert taken >= 0.9 if name in BUSY else (taken > 0) is (name not in UNREACHED), came
    if operation.body or operation.query or operation.path_parameters:
        negative = schemathesis.GenerationMode.NEGATIVE
        _try(wrong, operation.as_strategy(generation_mode=negative), many // 2)


def _try(
    call: Callable[[Case, bool, bool], None],
    cases: st.SearchStrategy[Case],
    most: int,
) -> None:
    """The same cases in every run."""
    made_up = settings(
        max_examples=most,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    made_up(given(cases, st.booleans(), st.booleans())(call))()


@pytest.mark.parametrize("name", OPERATIONS)
def test_credentials_are_asked_for(running: Stack, name: str) -> None:
    method, path = OPERATIONS[name]
    security = PAGE["paths"][path][method.lower()]["security"]
    for parameter in ("{provider}", "{channel}"):
        path = path.replace(parameter, "sms")
    path = path.replace("{", "").replace("}", "")
    wrong = {"Authorization": "Basic " + base64.b64encode(f"{KEY}:wrong".encode()).decode()}
    for headers in ({}, wrong, {"Authorization": "Bearer x"}):
        answer = httpx.request(method, f"{running.local.url}{path}", headers=headers, timeout=60)
        assert (answer.status_code == 401) is bool(security)
        assert answer.headers["x-nexmo-trace-id"]


def authorization(running: Stack, name: str, by_token: bool) -> dict[str, str]:
    method, path = OPERATIONS[name]
    security = PAGE["paths"][path][method.lower()]["security"]
    if not security:
        return {}
    if by_token and {"token": []} in security:
        return running.application.authorization
    return {"Authorization": "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()}


def _sensible(case: Case, things: dict[str, Any]) -> Case:
    """What a schema cannot say: which applications there are, what a provider carries, which keys are used
    up, and that every step of a dispatch but the last has `failover`."""
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid4().hex  # else the next one would be a repeat
    body: Any = case.body
    if not isinstance(body, dict):
        return case
    if things:
        for member, name in (("application", "owner"), ("app_id", "owner")):
            if member in body:
                body[member] = things[name]
        if body.get("applications"):
            body["applications"] = [things["owner"]]
        for number, sender in enumerate(body.get("senders", ())):
            sender |= {"channel": things["provider"], "id": f"{sender['id']}{number}"}
            sender.pop("application", None)
        if "components" in body:
            body["components"] = TEMPLATE["components"]
    for step in body.get("workflow", ())[:-1]:
        step.setdefault("failover", {"expiry_time": 600, "condition_status": "delivered"})
    for step in body.get("workflow", ())[-1:]:
        step.pop("failover", None)
    return case
