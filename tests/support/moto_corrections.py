"""Where moto 5.2.5 is not like AWS, for what we need of it."""

import threading
from typing import Any

import moto.stepfunctions.parser.asl.jsonata.jsonata as moto_jsonata
import pytest
from jsonata import Jsonata
from moto.core.botocore_stubber import BotocoreStubber
from moto.stepfunctions.exceptions import AWSError
from moto.stepfunctions.parser.asl.component.common.catch.catcher_decl import CatcherDecl
from moto.stepfunctions.parser.asl.component.common.catch.catcher_outcome import CatcherOutcomeCaught
from moto.stepfunctions.parser.asl.component.state.state import CommonStateField
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackEndpoint, CallbackPoolManager


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluates JSONata, lets a Catch lead back to its state, closes a task token when its task ends, and
    makes the table's writes atomic."""
    # JSONata is a stub there; AWS evaluates it. The same library does it in the local stack's emulator.
    # For good: an execution that a test left behind still evaluates its last expressions.
    moto_jsonata._eval_jsonata = lambda text: Jsonata.jsonata(text).evaluate(None)

    # A Catch that leads back to its own state was taken for none.
    catch, set_next = CatcherDecl._eval_body, CommonStateField._set_next
    caught: set[int] = set()

    def caught_by(catcher: CatcherDecl, env: Any) -> None:
        catch(catcher, env)
        if isinstance(env.stack[-1], CatcherOutcomeCaught):
            caught.add(id(env))

    def next_of(state: CommonStateField, env: Any) -> None:
        if id(env) in caught:
            caught.remove(id(env))
        else:
            set_next(state, env)

    monkeypatch.setattr(CatcherDecl, "_eval_body", caught_by)
    monkeypatch.setattr(CommonStateField, "_set_next", next_of)

    # Two threads can pass the same condition there; DynamoDB takes one item's writes one by one.
    lock = threading.RLock()
    process = BotocoreStubber.process_request

    def process_alone(stubber: BotocoreStubber, request: Any) -> Any:
        if "dynamodb" not in request.url:
            return process(stubber, request)
        with lock:
            return process(stubber, request)

    monkeypatch.setattr(BotocoreStubber, "process_request", process_alone)

    # A token is taken even after its task ended; AWS answers TaskTimedOut then.
    ended: set[str] = set()
    wait, notify = CallbackEndpoint.wait, CallbackPoolManager.notify

    def wait_once(endpoint: CallbackEndpoint, timeout: float | None = None) -> Any:
        try:
            return wait(endpoint, timeout)
        finally:
            ended.add(endpoint.callback_id)

    def notify_open(pool: CallbackPoolManager, callback_id: str, outcome: Any) -> bool:
        if callback_id in ended:
            raise AWSError("the task has ended", "TaskTimedOut", 400)
        return bool(notify(pool, callback_id, outcome))

    monkeypatch.setattr(CallbackEndpoint, "wait", wait_once)
    monkeypatch.setattr(CallbackPoolManager, "notify", notify_open)
