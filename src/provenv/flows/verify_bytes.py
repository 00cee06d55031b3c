"""Hashes many files at once: threads over large reads into buffers that are used again, the largest files first."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import deque
from collections.abc import Iterable
from threading import Thread

from provenv.events import Events

__all__ = ["File", "digests"]

_BUFFER = 1 << 18
"""Fits into the nearest cache of a core together with what the hash needs."""
_TELL = 16 << 20
"""Bytes between two words about progress."""
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


class File:
    """One file to be read: ``path`` below the root, its size as it was seen, the algorithm."""

    __slots__ = ("algorithm", "path", "size")

    def __init__(self, path: str, size: int, algorithm: str = "sha256") -> None:
        self.path = path
        self.size = size
        self.algorithm = algorithm


def digests(root: str, files: Iterable[File], workers: int, events: Events) -> dict[str, bytes | str]:
    """Path -> digest of the bytes as they are; a text says why a file could not be read.

    Reads regular files only, never through a link in the last place, and never more than once.
    """
    waiting = deque(sorted(files, key=lambda one: -one.size))
    found: dict[str, bytes | str] = {}
    events.started("verify", sum(one.size for one in waiting))
    failures: list[BaseException] = []

    def work() -> None:
        try:
            _drain(root, waiting, found, events)
        except BaseException as failure:
            failures.append(failure)

    threads = [Thread(target=work, daemon=True) for _ in range(min(workers, len(waiting)) - 1)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    events.finished("verify")
    return found


def _drain(root: str, waiting: deque[File], found: dict[str, bytes | str], events: Events) -> None:
    view = memoryview(bytearray(_BUFFER))
    progress = _Progress(events)
    while True:
        try:
            one = waiting.popleft()
        except IndexError:
            break
        try:
            found[one.path] = _digest(f"{root}/{one.path}", one, view, progress)
        except OSError as problem:
            found[one.path] = problem.strerror or str(problem)
    progress.tell()


class _Progress:
    """Gathers what one thread has read until it is worth a word."""

    __slots__ = ("_amount", "_events")

    def __init__(self, events: Events) -> None:
        self._events = events
        self._amount = 0

    def add(self, amount: int) -> None:
        self._amount += amount
        if self._amount >= _TELL:
            self.tell()

    def tell(self) -> None:
        self._events.advanced("verify", self._amount)
        self._amount = 0


def _digest(place: str, one: File, view: memoryview, progress: _Progress) -> bytes | str:
    descriptor = os.open(place, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return "no regular file"
        done = count = os.readv(descriptor, [view])
        hasher = hashlib.new(one.algorithm, view[:count], usedforsecurity=False)
        progress.add(count)
        # A file that grows while it is read is another one already: its end is not waited for.
        while count and done <= one.size:
            count = os.readv(descriptor, [view])
            hasher.update(view[:count])
            done += count
            progress.add(count)
        return hasher.digest() if done == one.size else "its size changed while it was read"
    finally:
        os.close(descriptor)
