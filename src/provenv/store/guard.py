"""A lock between processes and threads on one object of the store; the system releases it when a process dies."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from provenv.events import Events

__all__ = ["Guard"]


class Guard:
    """Held from ``with`` to its end; while another holds it, ``events.waiting`` is told once.

    ``path`` is a file that exists only while the lock is held (or after a crash, when it is free to take).
    """

    __slots__ = ("_descriptor", "_events", "_path", "_what")

    def __init__(self, path: str, events: Events, what: str) -> None:
        self._path = path
        self._events = events
        self._what = what
        self._descriptor = -1

    def __enter__(self) -> Guard:
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            if not _lock(descriptor, is_blocking=False):
                self._events.waiting(f"another process works on {self._what}")
                _lock(descriptor, is_blocking=True)
            # The last holder may have removed the file while we waited: then we hold a lock on nothing.
            try:
                is_current = os.stat(self._path).st_ino == os.fstat(descriptor).st_ino
            except FileNotFoundError:
                is_current = False
            if is_current:
                self._descriptor = descriptor
                return self
            os.close(descriptor)

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            os.unlink(self._path)
        except OSError:
            # Windows keeps open files: the empty lock file stays, which does no harm.
            pass
        finally:
            os.close(self._descriptor)


if sys.platform != "win32":
    import fcntl

    def _lock(descriptor: int, *, is_blocking: bool) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if is_blocking else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True

else:
    import msvcrt
    import time

    def _lock(descriptor: int, *, is_blocking: bool) -> bool:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except OSError:
                if not is_blocking:
                    return False
                time.sleep(0.05)
            else:
                return True
