"""The same request again, under its Idempotency-Key."""

from collections.abc import Iterator
from datetime import timedelta
from threading import current_thread
from typing import Any

import pytest
from botocore.client import BaseClient

from switchboard import clock, repeats
from switchboard.models.origin import Origin
from tests.functions.flows import Flow
from tests.support import payloads
from tests.support.payloads import flat, step

REQUESTS: dict[str, tuple[str, str, Any, Any]] = {
    "v0.1": ("send", "/v0.1/messages", payloads.text("sms"), payloads.text("sms", "other")),
    "v1": ("send", "/v1/messages", flat("sms"), flat("sms", "text", "other")),
    "v1 with failover": (
        "send",
        "/v1/messages",
        flat("sms", failover=[flat("mms")]),
        flat("sms", failover=[flat("sms")]),
    ),
    "dispatch": (
        "dispatch",
        "/v0.1/dispatch",
        payloads.workflow(step("viber_service_msg", 60), step("sms")),
        payloads.workflow(step("viber_service_msg", 90), step("sms")),
    ),
}
Case = tuple[str, str, Any, Any]
cases = pytest.mark.parametrize("case", REQUESTS.values(), ids=REQUESTS)


def ask(flow: Flow, case: Case, key: str, body: Any = None, headers: Any = None) -> tuple[int, Any]:
    function, path, usual, _ = case
    headers = (headers or flow.app["bearer"]) | {"Idempotency-Key": key}
    return flow.cloud.http(function, "POST", path, usual if body is None else body, headers)


def sent(flow: Flow) -> int:
    flow.cloud.drain()
    return len(flow.world.sent)


@cases
def test_a_repeat_gets_the_first_answer(flow: Flow, case: Case) -> None:
    first = ask(flow, case, "k")
    assert first[0] == 202
    assert ask(flow, case, "k") == first
    flow.until(lambda: flow.world.sent)
    assert ask(flow, case, "k") == first
    assert sent(flow) == 1


@cases
def test_a_key_is_for_one_body(flow: Flow, case: Case) -> None:
    assert ask(flow, case, "k")[0] == 202
    status, answer = ask(flow, case, "k", case[3])
    assert (status, answer["type"].partition("#")[2]) == (422, "idempotency-key-reused")


@cases
def test_the_same_body_is_the_same_however_it_is_written(flow: Flow, case: Case) -> None:
    first = ask(flow, case, "k")
    assert ask(flow, case, "k", dict(reversed(case[2].items()))) == first


@cases
def test_keys_are_an_applications_own(flow: Flow, case: Case) -> None:
    other = payloads.application(flow.cloud)
    callers = (flow.app["bearer"], other["bearer"], payloads.basic())
    answers = [ask(flow, case, "k", headers=headers) for headers in callers]
    assert [status for status, _ in answers] == [202, 202, 202]
    assert len({str(answer) for _, answer in answers}) == 3


@cases
def test_while_it_runs(flow: Flow, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first coming is at its last AWS call when the second comes."""
    call, here = BaseClient._make_api_call, current_thread()
    seen: list[tuple[int, Any]] = []

    def during(client: Any, operation: str, parameters: Any) -> Any:
        # Executions that other tests left behind make calls of their own.
        if operation in ("SendMessage", "StartExecution") and current_thread() is here and not seen:
            seen.append((0, None))
            seen.append(ask(flow, case, "k"))
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", during)
    first = ask(flow, case, "k")
    status, answer = seen[1]
    assert (status, answer["type"].partition("#")[2]) == (409, "idempotency-key-in-use")
    assert first[0] == 202
    assert ask(flow, case, "k") == first


@cases
def test_who_died_is_stood_in_for(flow: Flow, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first coming dies before its work is queued. Once it cannot be alive, the second does the rest."""
    call = BaseClient._make_api_call

    class Died(BaseException):
        pass

    def dies(client: Any, operation: str, parameters: Any) -> Any:
        if operation in ("SendMessage", "StartExecution"):
            raise Died
        return call(client, operation, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", dies)
        with pytest.raises(Died):
            ask(flow, case, "k")
    assert sent(flow) == 0
    assert ask(flow, case, "k")[0] == 409
    now = clock.now()
    with monkeypatch.context() as patch:
        patch.setattr(clock, "now", lambda: now + repeats.RUNS)
        first = ask(flow, case, "k")
    assert first[0] == 202
    flow.until(lambda: flow.world.sent)
    assert ask(flow, case, "k") == first
    assert sent(flow) == 1


@cases
def test_a_key_is_kept_for_a_day(flow: Flow, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [clock.now()]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    answers = []
    for _ in range(3):
        answers.append(ask(flow, case, "k", headers=payloads.basic()))
        now[0] += timedelta(hours=23)
        assert ask(flow, case, "k", headers=payloads.basic()) == answers[-1]
        now[0] += timedelta(hours=2)
    assert [status for status, _ in answers] == [202, 202, 202]
    assert len({str(answer) for _, answer in answers}) == 3


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "a\tb", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_what_is_no_key(flow: Flow, key: str) -> None:
    status, answer = ask(flow, REQUESTS["v0.1"], key)
    assert status == 400
    assert [fault["name"] for fault in answer["invalid_parameters"]] == ["Idempotency-Key"]


def test_what_was_refused_can_be_put_right(flow: Flow) -> None:
    assert ask(flow, REQUESTS["v0.1"], "k", {})[0] == 400
    assert ask(flow, REQUESTS["v0.1"], "k")[0] == 202


def test_our_own_write_is_no_repeat() -> None:
    """The AWS client repeats a write whose answer was lost, and hears that the item is there."""
    mine = Origin(fingerprint="f", running_until=clock.milliseconds(clock.now()) + 1000)
    assert repeats.again(mine, mine, clock.now())


def test_two_bodies_at_once_do_not_mix(flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
    """One has written its steps when the other, under the same key, starts."""
    case = REQUESTS["dispatch"]
    call = BaseClient._make_api_call
    others: Iterator[Any] = iter([case[3]])
    heard: list[tuple[int, Any]] = []

    def between(client: Any, operation: str, parameters: Any) -> Any:
        result = call(client, operation, parameters)
        if operation == "PutItem" and parameters["Item"]["sk"]["S"] == "STEPS":
            for body in others:
                heard.append(ask(flow, case, "k", body))
        return result

    monkeypatch.setattr(BaseClient, "_make_api_call", between)
    status, answer = ask(flow, case, "k")
    assert status == 202
    assert heard[0][0] == 422
    path = f"/v0.1/dispatch/{answer['dispatch_uuid']}"
    _, shown = flow.cloud.http("dispatch", "GET", path, headers=flow.app["bearer"])
    assert [entry["expiry_time"] for entry in shown["steps"]] == [60, None]
