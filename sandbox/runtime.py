"""Runs Lambda functions: pools of worker processes, each the execution environment of one function."""

import contextlib
import hashlib
import io
import json
import logging
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

WORKER = Path(__file__).with_name("worker.py")
LIMIT = 2
"""Workers of one function. A third call waits: our functions never invoke each other, so none can
wait for itself, and each worker takes some 60 MB."""


@dataclass(frozen=True)
class Function:
    arn: str
    handler: str
    timeout: float
    """Seconds."""
    environment: Mapping[str, str]
    """Complete, but for what this machine adds (PATH and the like)."""
    archives: Callable[[], Sequence[bytes]] = field(compare=False)
    """The zips of its code and its layers, in the order of the path."""
    version: str
    """Of the code and layers."""


class FunctionError(Exception):
    """The handler raised, timed out or died. `report` is AWS's error document."""

    def __init__(self, error_type: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.report = {"errorType": error_type, "errorMessage": message, **more}


class Runtime:
    """Every function's pool. Safe to call from any thread; `invoke` blocks."""

    def __init__(self, code: Path, limit: int = LIMIT) -> None:
        self._code = _Code(code)
        self._limit = limit
        self._pools: dict[str, _Pool] = {}
        self._lock = threading.Lock()
        self._closed = False

    def invoke(self, function: Function, event: Any, request_id: str) -> Any:
        """The handler's result. Raises FunctionError."""
        pool, worker = self._lease(function)
        try:
            return worker.invoke(event, request_id)
        finally:
            pool.release(worker)

    def warm(self, function: Function, workers: int = 1) -> None:
        """Have this many workers ready. Raises FunctionError if the function cannot be imported."""
        leased = [self._lease(function) for _ in range(min(workers, self._limit))]
        try:
            for _, worker in leased:
                worker.start()
        finally:
            for pool, worker in leased:
                pool.release(worker)

    def busy(self) -> int:
        """How many calls are being worked on."""
        with self._lock:
            return sum(pool.calls for pool in self._pools.values())

    def close(self, grace: float = 2.0) -> None:
        """Ends every worker; those that do not go within `grace` seconds are killed."""
        with self._lock:
            self._closed = True
            pools, self._pools = list(self._pools.values()), {}
        workers = [worker for pool in pools for worker in pool.close()]
        deadline = time.monotonic() + grace
        for worker in workers:
            worker.dismiss()
        for worker in workers:
            worker.wait(deadline)

    def _lease(self, function: Function) -> "tuple[_Pool, _Worker]":
        while True:
            pool = self._pool(function)
            with contextlib.suppress(_Closed):
                return pool, pool.lease()

    def _pool(self, function: Function) -> "_Pool":
        with self._lock:
            if self._closed:
                raise FunctionError("Runtime.Stopped", "the local stack is stopping")
            pool = self._pools.get(function.arn)
            if pool is None or pool.function != function:
                retired, pool = pool, _Pool(function, self._code, self._limit)
                self._pools[function.arn] = pool
                for worker in retired.close() if retired else ():
                    worker.dismiss()
            return pool


class _Closed(Exception):
    """This pool gives out no more workers."""


class _Pool:
    """The workers of one version of one function, at most `limit`. Callers queue."""

    def __init__(self, function: Function, code: "_Code", limit: int) -> None:
        self.function = function
        self.calls = 0
        self._code = code
        self._limit = limit
        self._changed = threading.Condition()
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._closed = False

    def lease(self) -> "_Worker":
        """Raises _Closed."""
        with self._changed:
            while not self._closed and not self._idle and len(self._workers) >= self._limit:
                self._changed.wait()
            if self._closed:
                raise _Closed
            self.calls += 1
            if self._idle:
                return self._idle.pop()
            worker = _Worker(self.function, self._code)
            self._workers.add(worker)
            return worker

    def release(self, worker: "_Worker") -> None:
        with self._changed:
            self.calls -= 1
            if self._closed or not worker.alive:
                self._workers.discard(worker)
                worker.dismiss()
            else:
                self._idle.append(worker)
            self._changed.notify()

    def close(self) -> "set[_Worker]":
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            return set(self._workers)


class _Worker:
    """One child process, started with its first call; used by one thread at a time."""

    def __init__(self, function: Function, code: "_Code") -> None:
        self._function = function
        self._unpacked = code
        self._process: subprocess.Popen[str] | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Raises FunctionError if the handler cannot be imported."""
        if self.alive:
            return
        function = self._function
        paths = self._unpacked.paths(function)
        self._process = subprocess.Popen(
            # -P: without it the folder of worker.py would be on the function's path.
            [sys.executable, "-P", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # The clients of a local stack are on the same machine.
            env={**_machine(), "ALLOW_LOOPBACK": "1", **function.environment, "LAMBDA_TASK_ROOT": paths[0]},
            cwd=paths[0],
            # Ctrl-C is for the stack, which then ends its workers in good order.
            start_new_session=True,
        )
        # AWS gives the import ten seconds of its own; a loaded laptop may need more.
        reply = self._ask({"handler": function.handler, "paths": paths}, 60.0)
        if "raised" in reply:
            raise self._failed(reply["raised"])

    def invoke(self, event: Any, request_id: str) -> Any:
        self.start()
        function = self._function
        context = {
            "aws_request_id": request_id,
            "invoked_function_arn": function.arn,
            "deadline": time.time() + function.timeout,
        }
        reply = self._ask({"event": event, "context": context}, function.timeout)
        if "raised" in reply:
            raise self._failed(reply["raised"])
        return reply["result"]

    def dismiss(self) -> None:
        """It leaves as soon as it is idle: its standard input ends."""
        if self._process and self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def wait(self, deadline: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        process = self._process
        assert process and process.stdin and process.stdout
        try:
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            answer = select.poll()  # not select(), which knows only the first 1024 descriptors
            answer.register(process.stdout, select.POLLIN)
            line = process.stdout.readline() if answer.poll(timeout * 1000) else None
        except (OSError, ValueError):  # it died, or was dismissed
            line = ""
        if line:
            reply: dict[str, Any] = json.loads(line)
            return reply
        process.kill()
        process.wait()
        if line is None:
            raise FunctionError("Sandbox.Timedout", f"Task timed out after {timeout:.2f} seconds")
        raise FunctionError("Runtime.ExitError", f"Runtime exited: {process.returncode}")

    def _failed(self, report: dict[str, Any]) -> FunctionError:
        logger.error("%s raised %s", self._function.arn.rpartition(":")[2], report["errorType"])
        return FunctionError(report["errorType"], report["errorMessage"], stackTrace=report["stackTrace"])


class _Code:
    """Unpacked archives, by hash. They stay over restarts, and with them the compiled modules."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._paths: dict[str, list[str]] = {}

    def paths(self, function: Function) -> list[str]:
        """What goes on the path: the function's folder first, then its layers' python/ folders."""
        with self._lock:
            if function.version not in self._paths:
                first, *layers = (self._unpack(archive) for archive in function.archives())
                self._paths[function.version] = [str(first), *(str(layer / "python") for layer in layers)]
            return self._paths[function.version]

    def _unpack(self, archive: bytes) -> Path:
        target = self._folder / hashlib.sha256(archive).hexdigest()[:32]
        if not target.exists():
            draft = Path(tempfile.mkdtemp(dir=self._folder, prefix="new-"))
            with zipfile.ZipFile(io.BytesIO(archive)) as opened:
                opened.extractall(draft)
            draft.rename(target)
        return target


def _machine() -> dict[str, str]:
    """This process's environment without what is about AWS or about the stack itself."""
    private = ("AWS_", "SWITCHBOARD_", "MINISTACK_")
    return {name: value for name, value in os.environ.items() if not name.startswith(private)}
