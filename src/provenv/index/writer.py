"""Writes files behind the back of whoever is in a hurry."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable

__all__ = ["Writer", "write_file"]


class Writer:
    """Runs jobs in order, in a thread that lives while there are any. A process that exits waits for it."""

    def __init__(self) -> None:
        self._jobs: deque[Callable[[], object]] = deque()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def put(self, job: Callable[[], object]) -> None:
        """Run ``job`` soon. It must not raise."""
        with self._guard:
            self._jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="provenv-cache")
                self._thread.start()

    def wait_until_done(self) -> None:
        """Wait for all jobs put so far."""
        with self._guard:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._guard:
                if not self._jobs:
                    self._thread = None
                    return
                job = self._jobs.popleft()
            job()


def write_file(path: str, data: bytes) -> bool:
    """Write a file in one step: readers see the old one or the new one. False when it cannot be written."""
    temporary = f"{path}.{os.getpid()}-{os.urandom(4).hex()}~"
    try:
        try:
            descriptor = _create(temporary)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            descriptor = _create(temporary)
        with open(descriptor, "wb") as stream:
            stream.write(data)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        return False
    return True


def _create(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
