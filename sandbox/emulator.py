"""ministack, embedded: it runs in this process, on this event loop, and keeps its state in our folder."""

import asyncio
import logging
import os
import tempfile
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from sandbox.guard import AwsGuard
from sandbox.journal import LIMIT as JOURNAL_LIMIT
from sandbox.journal import Journal
from sandbox.runtime import LIMIT, Runtime
from sandbox.serving import Server
from sandbox.state import State

if TYPE_CHECKING:
    from sandbox.durable import Durable

logger = logging.getLogger(__name__)

REGION, ACCOUNT = "us-east-1", "000000000000"


class Emulator:
    """One per process, since ministack is made of modules with global state."""

    def __init__(self, state: State, log_level: str = "WARNING", enforce_iam: bool = False) -> None:
        self._socket = state.listen("aws")
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.runtime = Runtime(state.code)
        prepare_environment(state, self.url, log_level, enforce_iam)
        self._journal = Journal(state.journal)
        self._server: Server | None = None
        self._durable: Durable | None = None

    async def start(self) -> None:
        """Returns when AWS calls are answered at `url`. What was kept is there again, to the last change.

        Queues rest until `open_queues`: their functions may be about to be replaced.
        """
        # Imported late: it reads its settings from the environment as it is imported.
        from ministack import app
        from ministack.services import lambda_svc

        from sandbox import corrections
        from sandbox.durable import Durable

        corrections.apply(self.runtime)
        self._durable = Durable(self._journal)
        self._poll_queues = lambda_svc._poll_sqs
        self.close_queues()
        self._server = Server(AwsGuard(app.app, self.port), self._socket, lifespan=True)
        await self._server.begin()
        app.PERSIST_STATE = False  # we do it ourselves, and after the last change

    async def call_api(
        self, api: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str | list[str]], bytes]:
        """A request to a deployed HTTP API, without a second hop over HTTP.

        `path` is still percent-encoded; `headers` are lower-case. A header of the answer may be a list.
        """
        from ministack.services import apigateway

        decoded = apigateway.decode_http_api_path(path)
        parameters = parse_qs(query, keep_blank_values=True)
        answer: tuple[int, dict[str, str | list[str]], bytes] = await apigateway.handle_execute(
            api, "$default", decoded, method, dict(headers), body, parameters, raw_query_string=query
        )
        return answer

    async def warm(self, workers: Mapping[str, int]) -> None:
        """Start workers of these functions, all at once. Raises FunctionError if one cannot be imported."""
        from ministack.services import lambda_svc

        from sandbox.corrections import described

        await asyncio.gather(
            *(
                asyncio.to_thread(
                    self.runtime.warm, described(lambda_svc._functions[name]), min(count, LIMIT)
                )
                for name, count in workers.items()
            )
        )

    def open_queues(self) -> None:
        """Messages are handed to functions, and so are changes of tables."""
        from ministack.services import lambda_svc

        lambda_svc._poll_sqs = self._poll_queues
        if self._durable:
            self._durable.streams.is_open = True
        lambda_svc.esm_wake.set()

    def close_queues(self) -> None:
        """No more are."""
        from ministack.services import lambda_svc

        lambda_svc._poll_sqs = lambda: False
        if self._durable:
            self._durable.streams.is_open = False

    def take_up(self) -> None:
        """Goes on with what the end of the last run cut off.

        Step Functions on AWS outlives everything. Here an execution ends with the emulator, so it is made to
        look like one that AWS lost: FAILED, with the event on the default bus that says so. Functions that
        were invoked without anybody waiting for an answer are invoked again.
        """
        from ministack.services import stepfunctions

        from sandbox.durable import RESTARTED

        assert self._durable
        self._durable.invoke_again()
        for execution in stepfunctions._executions.all_values():
            if execution.get("error") == RESTARTED and not execution.get("announced"):
                execution["announced"] = True
                stepfunctions._emit_execution_status_event(execution)

    async def settle(self, changed: bool) -> None:
        """What is to be deployed is deployed; whether anything changed. From now on a kill loses nothing."""
        assert self._durable
        if changed:  # else a kill would leave its objects without the stack they belong to
            await asyncio.to_thread(self._durable.save)
        self._durable.settled = True

    async def keep_journal_short(self) -> None:
        """Until cancelled."""
        assert self._durable
        while True:
            if self._journal.size > JOURNAL_LIMIT:
                try:
                    await asyncio.to_thread(self._durable.compact)
                except OSError as error:
                    logger.error("the journal cannot be shortened: %s", error)
            await asyncio.sleep(5)

    async def drain(self, seconds: float) -> None:
        """Closes the queues, and waits until the functions are done or time is up."""
        from ministack.services import lambda_svc

        self.close_queues()
        deadline = time.monotonic() + seconds
        while (lambda_svc._esm_inflight or self.runtime.busy()) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    async def stop(self, save: bool = True) -> None:
        """Ends the workers and saves everything, or leaves what was last saved, and the journal."""
        if self._server:
            await self._server.stop()
        await asyncio.to_thread(self.runtime.close)
        if self._durable and save:
            await asyncio.to_thread(self._durable.save)


def prepare_environment(state: State, url: str, log_level: str, enforce_iam: bool = False) -> None:
    """Settings of ministack, and of boto3 in this process and in the workers."""
    for name in list(os.environ):
        # A developer's own profile, endpoints or credentials must not meet the emulator.
        if name.startswith(("AWS_", "MINISTACK_", "LAMBDA_", "LOCALSTACK_", "S3_", "SFN_")):
            del os.environ[name]
    local = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1,localhost"]))
    os.environ.update(
        AWS_ACCESS_KEY_ID=ACCOUNT,
        AWS_SECRET_ACCESS_KEY="local",
        AWS_DEFAULT_REGION=REGION,
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_ENDPOINT_URL=url,
        NO_PROXY=local,
        no_proxy=local,
        LOG_LEVEL=log_level,
        BIND_HOST="127.0.0.1",
        # Part of every queue URL, so they must not change with the port of a run.
        MINISTACK_HOST="localhost",
        GATEWAY_PORT="4566",
        MINISTACK_REGION=REGION,
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_WORKER_THREADS="256",
        PERSIST_STATE="1",
        STATE_DIR=str(state.emulator),
        S3_PERSIST="1",
        S3_DATA_DIR=str(state.objects),
        LAMBDA_EXECUTOR="local",
        # Calls that wait for a worker count as running; our runtime is the limit.
        LAMBDA_ACCOUNT_CONCURRENCY="0",
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        SERVICES="",
        AUTH=str(enforce_iam).lower(),
        # No container is ever wanted, and looking for a daemon takes time.
        DOCKER_HOST="unix:///nonexistent",
        TMPDIR=str(state.temporary),
    )
    tempfile.tempdir = None  # it remembers the old TMPDIR
