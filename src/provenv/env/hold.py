"""A lock on one environment between processes: only its holder changes what is in it."""

from __future__ import annotations

import os

from provenv.store.failure import told_as_install_error
from provenv.store.guard import Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from provenv.events import Events

__all__ = ["Hold"]


class Hold:
    """Held from ``with`` to its end; while another holds it, ``events.waiting`` is told once.

    The directory itself is locked, so that two processes with different caches exclude one another, nothing is left
    behind, and the system lets go of it when a process dies. It is made if need be, and removed again if it stayed
    empty. Where a directory cannot be locked (some network file systems, Windows), the file ``fallback`` is. Where that
    is not possible either, ``events`` hears of it.
    """

    __slots__ = ("_descriptor", "_directory", "_events", "_fallback", "_guard", "_is_made")

    def __init__(self, directory: str, fallback: str, events: Events) -> None:
        self._directory = directory
        self._fallback = fallback
        self._events = events
        self._descriptor = -1
        self._guard: Guard | None = None
        self._is_made = False

    def __enter__(self) -> Hold:
        while True:
            if not os.path.lexists(self._directory):
                with told_as_install_error("make", self._directory):
                    os.makedirs(self._directory, exist_ok=True)
                self._is_made = True
            if not self._lock_directory():
                self._guard = self._lock_file()
                return self
            # Whoever held it may have removed the directory while we waited: then we hold a lock on nothing.
            try:
                if os.path.samestat(os.stat(self._directory), os.fstat(self._descriptor)):
                    return self
            except FileNotFoundError:
                pass
            os.close(self._descriptor)

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_made:
            try:  # noqa: SIM105 - contextlib costs too much here
                os.rmdir(self._directory)
            except OSError:
                pass  # not empty, as it should be
        if self._guard is not None:
            self._guard.__exit__(kind, problem, trace)
            self._guard = None
        else:
            self._descriptor = _closed(self._descriptor)

    def _lock_directory(self) -> bool:
        """Whether the directory can be locked, and then it is."""
        try:
            import fcntl
        except ImportError:
            return False
        try:
            self._descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            return False  # no directory: whoever makes the environment says what is wrong
        try:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._events.waiting(f"another process, which works on {self._directory}")
                fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        except OSError:
            self._descriptor = _closed(self._descriptor)
            return False
        except BaseException:
            self._descriptor = _closed(self._descriptor)
            raise
        return True

    def _lock_file(self) -> Guard | None:
        guard = Guard(self._fallback, self._events, self._directory)
        try:
            os.makedirs(os.path.dirname(self._fallback), exist_ok=True)
            return guard.__enter__()
        except OSError as problem:
            self._events.warned(
                f"{self._directory} cannot be locked ({problem.strerror}): see that no other command changes it now"
            )
            return None


def _closed(descriptor: int) -> int:
    if descriptor >= 0:
        os.close(descriptor)
    return -1
