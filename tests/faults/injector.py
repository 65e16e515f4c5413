"""One fault, at one call that a function of ours makes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import get_ident
from types import SimpleNamespace
from typing import Any, Literal

import httpx
import pytest
from botocore.awsrequest import AWSResponse
from botocore.client import BaseClient
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

Way = Literal[
    "dies before",
    "dies after",
    "throttled",
    "unavailable",
    "no connection",
    "never arrived",
    "no answer",
    "gateway gave up",
    "asked twice",
]
WAYS: dict[str, tuple[Way, ...]] = {
    "aws": ("dies before", "dies after", "throttled", "no answer", "asked twice"),
    "provider": (
        "dies before",
        "dies after",
        "throttled",
        "unavailable",
        "no connection",
        "never arrived",
        "no answer",
        "gateway gave up",
    ),
    "client": ("dies before", "dies after", "throttled", "unavailable", "no connection", "no answer"),
}
"""What can happen to a call, by what it is to. `throttled` of AWS is so even when its client has asked three
times; `asked twice`: it took effect, the answer was lost, and the AWS client's own repeat got through."""
READ: tuple[Way, ...] = ("dies before", "dies after", "throttled")
"""... and to one that only reads: there is nothing that could have taken effect."""
READS = ("Get", "Query", "Describe", "List")
TOOK_EFFECT: frozenset[Way] = frozenset({"dies after", "no answer", "gateway gave up", "asked twice"})


class Died(BaseException):
    """The process is gone. No handler of ours can catch it."""


@dataclass(frozen=True)
class Call:
    """`to`: aws, provider or client."""

    function: str
    to: str
    what: str

    def __str__(self) -> str:
        return f"{self.function}: {self.what}"

    @property
    def ways(self) -> tuple[Way, ...]:
        """In which it can go wrong."""
        return READ if self.reads else WAYS[self.to]

    @property
    def reads(self) -> bool:
        return self.to == "aws" and self.what.partition(".")[2].startswith(READS)


class Injector:
    """Notes the calls that functions make, and spoils one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[Call] = []
        self.struck: Call | None = None
        """The call that went wrong."""
        self.on_strike: Callable[[], None] = lambda: None
        self.on_write: Callable[[Any], None] = lambda item: None
        """Told of every item of the table as an update left it."""
        self._at: int | None = None
        self._way: Way = "dies before"
        self._functions: list[str] = []
        self._thread = get_ident()
        self._attempts: list[int] | None = None
        self._install(monkeypatch)

    def arm(self, at: int | None = None, way: Way = "dies before") -> None:
        """Forget what was noted; the call of this number will go wrong."""
        self.calls, self.struck, self._at, self._way = [], None, at, way

    @contextmanager
    def inside(self, function: str) -> Iterator[None]:
        """A function runs."""
        self._functions.append(function)
        try:
            yield
        finally:
            self._functions.pop()

    def _fault(self, to: str, what: str) -> Way | None:
        if not self._functions or get_ident() != self._thread:
            return None
        call = Call(self._functions[-1], to, what)
        self.calls.append(call)
        if self._at is None or len(self.calls) - 1 != self._at or self._way not in WAYS[to]:
            return None
        self.struck = call
        return self._way

    # --- HTTP ------------------------------------------------------------------------------------

    def http(self, to: str, request: httpx.Request, take: Callable[[], httpx.Response]) -> httpx.Response:
        """A request to a provider or to the client, which `take` it."""
        fault = self._fault(to, f"{to}: {request.url.host}")
        if fault is None:
            return take()
        if fault in TOOK_EFFECT:
            take()
        self.on_strike()
        match fault:
            case "dies before" | "dies after":
                raise Died
            case "throttled":
                return httpx.Response(429, json={"error": {}}, headers={"retry-after": "1"})
            case "unavailable":
                return httpx.Response(503, json={"error": {}})
            case "gateway gave up":
                return httpx.Response(502, text="Bad Gateway")
            case "no connection":
                raise httpx.ConnectError("refused")
            case _:
                raise httpx.ReadTimeout("nothing came")

    # --- AWS -------------------------------------------------------------------------------------

    def _install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        call, answer = BaseClient._make_api_call, BotocoreStubber.__call__
        injector = self

        def make_call(client: Any, operation: str, parameters: Any) -> Any:
            fault = injector._fault("aws", f"{client.meta.service_model.service_name}.{operation}")
            if fault is None:
                result = call(client, operation, parameters)
                if operation == "UpdateItem":
                    injector.on_write(result.get("Attributes", {}))
                return result
            if fault == "dies before":
                injector.on_strike()
                raise Died
            if fault == "dies after":
                call(client, operation, parameters)
                injector.on_strike()
                raise Died
            injector._attempts = []
            try:
                return call(client, operation, parameters)
            finally:
                injector._attempts = None
                injector.on_strike()

        def reply(stubber: Any, event_name: str, request: Any, **kwargs: Any) -> Any:
            attempts = injector._attempts
            if attempts is None or get_ident() != injector._thread:
                return answer(stubber, event_name, request, **kwargs)
            attempts.append(1)
            if injector._way == "throttled":
                return _aws_error(request.url, 400, "ThrottlingException")
            result = answer(stubber, event_name, request, **kwargs)
            if injector._way == "asked twice" and len(attempts) > 1:
                return result
            return _aws_error(request.url, 500, "InternalServerError")

        monkeypatch.setattr(BaseClient, "_make_api_call", make_call)
        monkeypatch.setattr(BotocoreStubber, "__call__", reply)
        # The AWS client pauses between its attempts.
        monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda seconds: None))


def _aws_error(url: str, status: int, code: str) -> AWSResponse:
    body = f'{{"__type": "{code}", "message": "as the test wants it"}}'
    headers = {"content-type": "application/x-amz-json-1.0", "x-amzn-errortype": code}
    return AWSResponse(url, status, headers, MockRawResponse(body))
