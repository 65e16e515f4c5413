"""The local stack as its user runs it: `python -m sandbox`, a process of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
KEY, SECRET = "localkey", "localsecret"


class LocalStack:
    """One state folder and port. `start` and `stop` as often as wanted."""

    module = "sandbox"
    """What Python runs."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.state, self.log = folder / "state", folder / "log"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {"PORT": str(self.port), "SWITCHBOARD_STATE": str(self.state), **environment}
        self._process: psutil.Popen | None = None

    def start(self) -> None:
        """Returns when it is ready."""
        process = self.launch()
        deadline = time.monotonic() + 120
        while not self.healthy():
            assert process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.1)

    def launch(self) -> psutil.Popen:
        """Returns at once."""
        with self.log.open("a") as log:
            self._process = process = psutil.Popen(
                [sys.executable, "-m", self.module],
                cwd=ROOT,
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return process

    def stop(self) -> None:
        """SIGTERM. It must leave in good order within 30 s, and nothing may be left of it."""
        assert self._process
        family = self.processes()
        self._process.send_signal(signal.SIGTERM)
        try:
            assert self._process.wait(30) == 0, self.output
        finally:
            _, left = psutil.wait_procs(family, 1)
            left += [process for process in psutil.process_iter() if self._is_ours(process)]
            for process in left:
                process.kill()
        assert not left, f"left behind: {left}"

    def kill(self) -> list[psutil.Process]:
        """SIGKILL to the stack's own process. What it had started, and what has to end by itself now."""
        assert self._process
        own, *started = self.processes()
        own.kill()
        self._process.wait()
        return started

    def processes(self) -> list[psutil.Process]:
        """The stack's own process, and everything that it started."""
        assert self._process
        return [psutil.Process(self._process.pid), *self._process.children(recursive=True)]

    @property
    def output(self) -> str:
        """What it has printed since its first start."""
        return self.log.read_text()

    def handed_over(self) -> list[dict[str, Any]]:
        """What the carriers took since the start, or the last 1000 of it."""
        sends: list[dict[str, Any]] = httpx.get(f"{self.url}/sandbox/log").json()["sends"]
        return sends

    def handed_over_twice(self) -> list[str]:
        """Messages of which a carrier took the same request more than once, by our ids."""
        times = Counter((send["echo_id"], send["digest"]) for send in self.handed_over())
        return [uuid for (uuid, _), count in times.items() if count > 1]

    def healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health").status_code == 200
        except httpx.TransportError:
            return False

    def _is_ours(self, process: psutil.Process) -> bool:
        folder = str(self.state)
        try:
            where = [process.cwd(), *process.cmdline(), *process.environ().values()]
        except (psutil.AccessDenied, psutil.NoSuchProcess, psutil.ZombieProcess):
            return False
        return any(folder in text for text in where)
