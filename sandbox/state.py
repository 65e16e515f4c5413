"""The state folder: what outlives a run, and the lock that keeps a second stack out of it."""

import fcntl
import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sandbox.carriers.config import Credentials

PATIENCE = 5.0
"""Seconds that an inner server's port may still be in use by a run that was killed."""


class FolderInUse(Exception):
    """Another stack runs on this folder."""


class PortInUse(Exception):
    """Something else listens on this port."""


class State:
    """One locked state folder.

    emulator/   what the emulator saves when it stops, or now and then
    journal/    what changed since
    objects/    its S3 objects
    code/       unpacked functions and layers, by hash
    tls/        the certificate, if there is one
    kept.json   ports and credentials
    tmp/        wiped at every start and stop
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.emulator = folder / "emulator"
        self.journal = folder / "journal"
        self.objects = folder / "objects"
        self.code = folder / "code"
        self.temporary = folder / "tmp"
        self.tls = folder / "tls"
        self._kept = folder / "kept.json"

    def credentials(self) -> Credentials:
        """Made once per folder."""
        kept = self._load()
        try:
            return Credentials.model_validate(kept.get("credentials"))
        except ValidationError:
            made = Credentials.new()
            kept["credentials"] = made.model_dump()
            self._save(kept)
            return made

    def listen(self, name: str) -> socket.socket:
        """A socket for one of our inner servers, on the port it had last time if that is free.

        Ports end up in addresses that are stored or deployed, so they should not wander.
        """
        kept = self._load()
        ports = kept.setdefault("ports", {})
        try:
            bound = _listen_patiently(ports.get(name, 0))
        except PortInUse:
            bound = listen(0)
        if ports.get(name) != bound.getsockname()[1]:
            ports[name] = bound.getsockname()[1]
            self._save(kept)
        return bound

    def forget_code(self) -> None:
        """What is still needed of it is unpacked again."""
        shutil.rmtree(self.code)
        self.code.mkdir(mode=0o700)

    def _load(self) -> dict[str, Any]:
        if not self._kept.exists():
            return {}
        kept: dict[str, Any] = json.loads(self._kept.read_text())
        return kept

    def _save(self, kept: dict[str, Any]) -> None:
        draft = self._kept.with_suffix(".new")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(kept, file, indent=1)
        draft.replace(self._kept)


@contextmanager
def opened(folder: Path) -> Iterator[State]:
    """The folder, ours alone while the block runs. Raises FolderInUse."""
    state = State(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(folder / "lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise FolderInUse(
                f"another local stack (process {lock.read() or '?'}) runs on {folder}"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        shutil.rmtree(state.temporary, ignore_errors=True)
        for part in (state.emulator, state.objects, state.code, state.temporary):
            part.mkdir(exist_ok=True, mode=0o700)
        try:
            yield state
        finally:
            shutil.rmtree(state.temporary, ignore_errors=True)


def _listen_patiently(port: int) -> socket.socket:
    """What the last run left behind, if that was killed, is about to end. Raises PortInUse."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return listen(port)
        except PortInUse:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def listen(port: int, variable: str = "PORT") -> socket.socket:
    """A loopback socket on this port; 0 for any. Raises PortInUse, which names the variable that sets it."""
    # Named TCP, as asyncio switches off the delay of small packets only for sockets that say so.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Without it a restart would have to wait until the last run's connections are forgotten.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
        bound.listen(2048)
    except OSError:
        bound.close()
        raise PortInUse(f"port {port} is in use; choose another with {variable}=") from None
    bound.setblocking(False)
    return bound
