"""Locks between processes and threads on what lies in the store; the system releases them when a process dies.

Where a file system knows no locks (some network ones), work goes on without: then two processes may make the same
object at once, and one rename wins. Only whoever would remove things does nothing there.
"""

from __future__ import annotations

import errno
import os
import sys

from provenv.store.failure import told_as_install_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from provenv.events import Events

__all__ = ["Guard", "Share", "open_lock", "try_lock"]

_CLOSED = ".wanted"
_PAUSE, _TIMES = 0.02, 50
_NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


class Guard:
    """Held from ``with`` to its end; while another holds it, ``events.waiting`` is told once.

    ``path`` is a file that exists only while the lock is held (or after a crash, when it is free to take). Raises
    InstallError where it cannot be made.
    """

    __slots__ = ("_descriptor", "_events", "_mode", "_path", "_what")

    def __init__(self, path: str, events: Events, what: str, *, mode: int = 0o600) -> None:
        self._path = path
        self._events = events
        self._what = what
        self._mode = mode
        self._descriptor = -1

    def __enter__(self) -> Guard:
        self.take()
        return self

    def take(self, *, is_patient: bool = True) -> bool:
        """Take the lock, without ``with``; False when another holds it and we are not to wait."""
        with told_as_install_error("lock", self._path):
            while True:
                descriptor = open_lock(self._path, self._mode)
                try:
                    if not _lock(descriptor, is_blocking=False):
                        if not is_patient:
                            os.close(descriptor)
                            return False
                        self._events.waiting(f"another process, which works on {self._what}")
                        _lock(descriptor, is_blocking=True)
                    # The last holder may have removed the file while we waited: then we hold a lock on nothing.
                    if _is_same(self._path, descriptor):
                        self._descriptor = descriptor
                        return True
                except BaseException:
                    os.close(descriptor)
                    raise
                os.close(descriptor)

    def release(self) -> None:
        """Let go of the lock that ``take`` took."""
        self.__exit__(None, None, None)

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


class Share:
    """A lock that many hold at once, or one alone (``is_alone``); its file stays.

    Those who share it do without where nothing can be written or locked. One who wants to be alone raises InstallError
    there; ``events`` are told when others keep it waiting. Meanwhile a second file beside it holds newcomers up for a
    second at most: the system lets them in as long as anybody is in, and so others would come and go for ever.
    """

    __slots__ = ("_descriptor", "_events", "_is_alone", "_mode", "_path")

    def __init__(self, path: str, mode: int, *, is_alone: bool = False, events: Events | None = None) -> None:
        self._path = path
        self._mode = mode
        self._is_alone = is_alone
        self._events = events
        self._descriptor = -1

    def __enter__(self) -> Share:
        if self._is_alone:
            with told_as_install_error("lock", self._path):
                self._descriptor = open_lock(self._path, self._mode)
                if not _lock(self._descriptor, is_blocking=False, needs_locks=True):
                    if self._events is not None:
                        self._events.waiting("other processes, which install from the store")
                    with _Turnstile(self._path + _CLOSED, self._mode):
                        _lock(self._descriptor, is_blocking=True, needs_locks=True)
            return self
        _pass(self._path + _CLOSED)
        try:
            self._descriptor = open_lock(self._path, self._mode)
        except OSError:
            try:
                # A store that is only read is still kept from whoever may write to it.
                self._descriptor = os.open(self._path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            except OSError:
                return self
        with told_as_install_error("lock", self._path):
            _lock(self._descriptor, is_blocking=True, is_shared=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class _Turnstile:
    """Closed from ``with`` to its end, by its first holder; the others have to do without."""

    __slots__ = ("_descriptor", "_mode", "_path")

    def __init__(self, path: str, mode: int) -> None:
        self._path = path
        self._mode = mode
        self._descriptor = -1

    def __enter__(self) -> None:
        descriptor = open_lock(self._path, self._mode)
        if try_lock(descriptor):
            self._descriptor = descriptor
        else:
            os.close(descriptor)

    def __exit__(self, *problem: object) -> None:
        if self._descriptor >= 0:
            try:
                os.unlink(self._path)
            except OSError:
                pass  # an open one is closed to nobody
            finally:
                os.close(self._descriptor)


def _pass(path: str) -> None:
    """Wait before a closed turnstile, but not for long: whoever is in already may wait for us."""
    for _ in range(_TIMES):
        try:
            descriptor = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            return
        is_open = try_lock(descriptor)
        if is_open:
            try:  # noqa: SIM105 - contextlib costs too much
                os.unlink(path)  # its holder was killed
            except OSError:
                pass
        os.close(descriptor)
        if is_open is not False:
            return
        from time import sleep

        sleep(_PAUSE)


def open_lock(path: str, mode: int) -> int:
    """Open the file of a lock, made when it is missing. A link in its place is not followed: OSError."""
    flags = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        pass
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return os.open(path, flags | os.O_CREAT, mode)
    if mode & 0o060:
        os.chmod(path, mode)  # a group's members wait for one another, whatever their umask
    return descriptor


def try_lock(descriptor: int) -> bool | None:
    """Take the lock of an open file or directory: False when another holds it, None where nothing can be locked."""
    try:
        return _lock(descriptor, is_blocking=False, needs_locks=True)
    except OSError:
        return None


def _is_same(path: str, descriptor: int) -> bool:
    try:
        return os.stat(path).st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


if sys.platform != "win32":
    import fcntl

    def _lock(descriptor: int, *, is_blocking: bool, is_shared: bool = False, needs_locks: bool = False) -> bool:
        try:
            kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
            fcntl.flock(descriptor, kind | (0 if is_blocking else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        except OSError as problem:
            if needs_locks or problem.errno not in _NO_LOCKS:
                raise
        return True

else:
    import msvcrt
    import time

    def _lock(descriptor: int, *, is_blocking: bool, is_shared: bool = False, needs_locks: bool = False) -> bool:
        while True:
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            except OSError:
                if not is_blocking:
                    return False
                time.sleep(0.05)
            else:
                return True
