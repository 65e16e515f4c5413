"""Starts the parts of the local stack in order, waits for a signal, stops them in order."""

import asyncio
import contextlib
import functools
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable

from sandbox import state as states
from sandbox import tls
from sandbox.deployment import Deployed, DeploymentFailed, deploy
from sandbox.emulator import Emulator
from sandbox.front import Front
from sandbox.guard import Guard
from sandbox.mailbox import Mailbox
from sandbox.runtime import FunctionError
from sandbox.serving import Server
from sandbox.settings import PROJECT, Settings
from sandbox.state import FolderInUse, PortInUse, State

logger = logging.getLogger(__name__)

GRACE = 5.0
"""Seconds for what is in progress when the stack is stopped."""

Ready = Callable[[Settings, Mailbox], Awaitable[None]]


class CarriersFailed(Exception):
    """The simulated carriers did not start, or ended by themselves."""


def run(settings: Settings, when_ready: Ready | None = None) -> int:
    """Runs the stack until SIGINT, SIGTERM or SIGHUP. The result is an exit code.

    when_ready  awaited beside the running stack; cancelled when that stops
    """
    logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    try:
        with (
            states.opened(settings.folder) as state,
            contextlib.closing(states.listen(settings.port)) as bound,
            contextlib.ExitStack() as more,
        ):
            tls_bound = None
            if settings.tls_port:
                tls_bound = more.enter_context(
                    contextlib.closing(states.listen(settings.tls_port, "SWITCHBOARD_TLS_PORT"))
                )
            return asyncio.run(_Stack(settings, state, bound, tls_bound).run(when_ready))
    except* (FolderInUse, PortInUse, DeploymentFailed, CarriersFailed) as group:
        print(f"The local stack cannot run: {_only(group)}", file=sys.stderr)
    except* FunctionError as group:
        print(f"A function cannot be started: {_only(group)}", file=sys.stderr)
    return 1


class _Stack:
    def __init__(
        self, settings: Settings, state: State, bound: socket.socket, tls_bound: socket.socket | None
    ) -> None:
        self._settings = settings
        self._state = state
        self._mailbox = Mailbox()
        self._front = Front(self._mailbox)
        hosts = settings.hosts | tls.NAMES if tls_bound else settings.hosts
        self._server = Server(Guard(self._front, settings.port, hosts, settings.tls_port), bound)
        self._tls = None
        if tls_bound:
            self._tls = tls.TlsFront(tls_bound, settings.port, tls.context(state.tls, settings.hosts))
        self._emulator = Emulator(state, settings.log_level, settings.enforce_iam)
        self._carriers: asyncio.subprocess.Process | None = None
        self._deployed = False

    async def run(self, when_ready: Ready | None) -> int:
        stopped = self._signalled()
        work = asyncio.create_task(self._work(when_ready))
        try:
            await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()  # it ends by itself only with an error
            return 0
        finally:
            work.cancel()
            await asyncio.wait({work})
            await self._stop()

    async def _work(self, when_ready: Ready | None) -> None:
        await self._server.begin()
        if self._tls:
            self._tls.begin()
        deployed, carriers = await self._start()
        self._front.open(functools.partial(self._emulator.call_api, deployed.api), carriers)
        self._emulator.open_queues()
        self._emulator.take_up()
        self._greet(deployed)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_carriers())
            group.create_task(self._emulator.keep_journal_short())
            # A second worker each, for the functions that work through queues.
            queued = [deployed.functions[f"{name}Function"] for name in ("Deliver", "Notify", "Status")]
            group.create_task(self._emulator.warm(dict.fromkeys(queued, 2)))
            if when_ready:
                group.create_task(_awaited(when_ready(self._settings, self._mailbox)))

    async def _start(self) -> tuple[Deployed, str]:
        credentials = self._state.credentials()
        with self._state.listen("carriers") as reserved:
            port: int = reserved.getsockname()[1]
        carriers = f"http://127.0.0.1:{port}"
        await self._emulator.start()
        deployed = await asyncio.to_thread(deploy, self._settings, credentials, carriers)
        self._deployed = True
        if deployed.changed:
            self._state.forget_code()
        await self._emulator.settle(deployed.changed)
        config = {
            "port": port,
            "api_url": self._settings.url,
            "aws_endpoint": self._emulator.url,
            "receipts_topic": deployed.receipts_topic,
            "inbound_topic": deployed.inbound_topic,
            "credentials": credentials.model_dump(),
        }
        await asyncio.gather(
            self._start_carriers(json.dumps(config)),
            self._emulator.warm(dict.fromkeys(deployed.functions.values(), 1)),
        )
        return deployed, carriers

    async def _start_carriers(self, config: str) -> None:
        self._carriers = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "sandbox.carriers",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=PROJECT,
            # Ctrl-C is for us; we end them after the functions that talk to them.
            start_new_session=True,
        )
        assert process.stdin and process.stdout
        process.stdin.write(config.encode() + b"\n")
        await process.stdin.drain()
        if not await process.stdout.readline():
            raise CarriersFailed("the simulated carriers did not start")

    async def _watch_carriers(self) -> None:
        assert self._carriers
        await self._carriers.wait()
        raise CarriersFailed("the simulated carriers ended")

    def _greet(self, deployed: Deployed) -> None:
        settings = self._settings
        default = settings.api_secret == Settings.api_secret
        signs = settings.signature_secret == Settings.signature_secret
        print(f"Switchboard is ready at {settings.url}")
        print(f"  key     {settings.api_key}")
        print(f"  secret  {settings.api_secret if default else 'as in SWITCHBOARD_API_SECRET'}")
        print(f"  console {settings.url}/console")
        print(f"  signs   with {settings.signature_secret if signs else 'SWITCHBOARD_SIGNATURE_SECRET'}")
        print(f"  state   {settings.folder} ({'deployed anew' if deployed.changed else 'as it was'})")
        if settings.tls_port:
            print(f"  TLS     https://127.0.0.1:{settings.tls_port}, trust {self._state.tls / 'trusted.pem'}")
        print("  stop    Ctrl-C", flush=True)

    def _signalled(self) -> asyncio.Task[bool]:
        stop = asyncio.Event()

        def handle() -> None:
            if stop.is_set():  # asked twice: now. Our children end with their standard input.
                os._exit(1)
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, handle)
        return asyncio.create_task(stop.wait())

    async def _stop(self) -> None:
        """The outer parts first, so that each finds those it depends on still there."""
        if self._tls:
            await self._tls.stop()
        await self._server.stop()
        await self._front.close()
        await self._emulator.drain(GRACE)
        # A stack that is half deployed is better not kept: the last good state still is.
        await asyncio.gather(self._emulator.stop(save=self._deployed), self._stop_carriers())

    async def _stop_carriers(self) -> None:
        if self._carriers is None or self._carriers.returncode is not None:
            return
        assert self._carriers.stdin
        self._carriers.stdin.close()
        try:
            await asyncio.wait_for(self._carriers.wait(), GRACE)
        except TimeoutError:
            self._carriers.kill()
            await self._carriers.wait()


def _only(group: BaseExceptionGroup[Exception]) -> Exception:
    """The first of what is nearly always one."""
    first = group.exceptions[0]
    return _only(first) if isinstance(first, BaseExceptionGroup) else first


async def _awaited(anything: Awaitable[None]) -> None:
    await anything
