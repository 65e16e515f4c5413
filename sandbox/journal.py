"""The journal: every change of the emulator's state, on the disk before it is answered for.

A snapshot of everything is too slow to be written at each request. A line that says what changed is not:
it is appended, by one call of `write`, before the change's answer leaves. The kernel has it then, so that
a killed process loses nothing. A machine that loses its power may: nothing here waits for the disk.

Lines go to numbered files. A snapshot begins with a new file (`rotate`), and when it is complete the files
before that are of no more use (`forget`). Each line tells what something is from then on, not how it
differs, so that it does not matter which of them a snapshot has already seen: as long as none after the
first that is read is missing, they lead from any moment to the last. Dying anywhere in between is
therefore harmless.
"""

import json
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

Change = dict[str, Any]
"""What changed, as JSON knows it. The journal does not look into it."""

LIMIT = 32 * 1024 * 1024
"""Bytes, from which on a snapshot is worth its while."""


class Journal:
    """One folder. Safe to use from any thread.

    `lock` is held while a change is made and written, so that both happen in the same order; whoever holds
    it sees no change by halves.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(exist_ok=True, mode=0o700)
        self.lock = threading.RLock()
        self._together: list[Change] | None = None
        sizes = {int(file.stem): file.stat().st_size for file in folder.glob("*.jsonl")}
        self._earlier = sorted(sizes)
        self._size = sum(sizes.values())
        self._number = max(self._earlier, default=0) + 1
        self._descriptor = self._open()
        self._torn = False

    def earlier(self) -> Iterator[Change]:
        """What is there from the runs before this one, in the order in which it was written."""
        for number in self._earlier:
            *lines, torn = self._file(number).read_bytes().split(b"\n")
            if torn:  # the writer was killed; nobody was answered for it
                logger.info("the last line of %s is not complete", self._file(number))
            for line in lines:
                try:
                    yield from json.loads(line) if line else []
                except ValueError:  # the disk was full
                    logger.warning("a line of %s is not complete", self._file(number))

    def write(self, *changes: Change) -> None:
        """Returns when they outlive this process, all or none. Raises OSError."""
        with self.lock:
            if self._together is not None:
                self._together.extend(changes)
            elif changes:
                self._append(json.dumps(changes, separators=(",", ":")).encode() + b"\n")

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written meanwhile outlives this process as a whole or not at all."""
        with self.lock:
            if self._together is not None:
                yield
                return
            changes: list[Change] = []
            self._together = changes
            try:
                yield
            finally:
                self._together = None
                self.write(*changes)

    def rotate(self) -> int:
        """From now on another file is written. Its number is what `forget` wants, once a snapshot that was
        begun now is complete."""
        with self.lock:
            os.close(self._descriptor)
            self._number += 1
            self._descriptor = self._open()
            return self._number

    def forget(self, before: int) -> None:
        """The files before this one are in a snapshot."""
        # The oldest first: what one says must not be said again without those that came after it.
        for file in sorted(self._folder.glob("*.jsonl")):
            if int(file.stem) < before:
                with self.lock:
                    self._size -= file.stat().st_size
                file.unlink()

    @property
    def size(self) -> int:
        """Bytes, of all files."""
        return self._size

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:08d}.jsonl"

    def _open(self) -> int:
        return os.open(self._file(self._number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _append(self, line: bytes) -> None:
        if self._torn:
            line = b"\n" + line
        self._torn = True  # until it is written as a whole
        while line:
            written = os.write(self._descriptor, line)
            self._size += written
            line = line[written:]
        self._torn = False
