"""Places files of the store into an environment: clones where the file system can, else hard links, else copies."""

from __future__ import annotations

import errno
import os
import sys
from collections import deque
from threading import Thread

from provenv.errors import InstallError
from provenv.store.tree import MTIME_NS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["CLONE", "COPY", "HARDLINK", "Directories", "Placer", "choose_mode"]

CLONE, HARDLINK, COPY = "clone", "hardlink", "copy"

_FICLONE = 0x40049409
_NO_CLONE = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.EBADF)
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES)
_CHUNK = 24


def choose_mode(wanted: str, sample: str, directory: str) -> str:
    """What works from the file ``sample`` into ``directory``: ``wanted``, or for ``auto`` the best there is."""
    if wanted not in ("auto", CLONE, HARDLINK, COPY):
        raise InstallError(f"unknown link mode {wanted!r}", hint="use auto, clone, hardlink or copy")
    if wanted == COPY:
        return COPY
    trial = f"{directory}/.provenv-trial-{os.getpid()}"
    try:
        if wanted in ("auto", CLONE) and _can_clone(sample, trial):
            return CLONE
        if wanted in ("auto", HARDLINK):
            if os.path.lexists(trial):
                os.unlink(trial)
            try:
                os.link(sample, trial)
            except OSError as problem:
                if problem.errno not in _NO_LINK:
                    raise
            else:
                return HARDLINK
    finally:
        if os.path.lexists(trial):
            os.unlink(trial)
    return COPY


def _can_clone(sample: str, trial: str) -> bool:
    if sys.platform != "linux":
        return False
    source = os.open(sample, os.O_RDONLY)
    try:
        target = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            return _clone(source, target)
        finally:
            os.close(target)
    finally:
        os.close(source)


if sys.platform == "linux":
    from fcntl import ioctl

    def _clone(source: int, target: int) -> bool:
        try:
            ioctl(target, _FICLONE, source)
        except OSError as problem:
            if problem.errno in _NO_CLONE:
                return False
            raise
        return True

else:

    def _clone(source: int, target: int) -> bool:
        return False


class Directories:
    """Makes directories below ``root`` once, parents first; safe to share between threads."""

    __slots__ = ("_made", "_root")

    def __init__(self, root: str) -> None:
        self._root = root
        self._made = {""}

    def make(self, path: str) -> None:
        """Make ``path`` (relative); a link or file in its place is an InstallError."""
        if path in self._made:
            return
        self.make(path.rpartition("/")[0])
        full = f"{self._root}/{path}"
        try:
            os.mkdir(full)
        except FileExistsError:
            if os.path.islink(full) or not os.path.isdir(full):
                raise InstallError(f"{full} is in the way: a directory is needed there") from None
        self._made.add(path)


class Placer:
    """Threads that place whole directories. Files that are in the way are replaced."""

    def __init__(self, root: str, directories: Directories, mode: str) -> None:
        self.root = root
        self.directories = directories
        self.mode = mode
        self.failures: list[BaseException] = []
        self.tasks: deque[list[tuple[str, str, Sequence[str]]]] = deque()

    def place(self, tasks: Iterable[tuple[str, str, Sequence[str]]], workers: int) -> None:
        """Place ``(source directory, destination directory, names)``; returns when all are there."""
        ordered = list(tasks)
        self.tasks = deque(ordered[at : at + _CHUNK] for at in range(0, len(ordered), _CHUNK))
        threads = [Thread(target=self._work, daemon=True) for _ in range(min(workers, len(self.tasks)) - 1)]
        for thread in threads:
            thread.start()
        self._work()
        for thread in threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def _work(self) -> None:
        try:
            while not self.failures:
                try:
                    chunk = self.tasks.popleft()
                except IndexError:
                    return
                for source, destination, names in chunk:
                    self._one(source, destination, names)
        except BaseException as failure:
            self.failures.append(failure)

    def _one(self, source: str, destination: str, names: Sequence[str]) -> None:
        self.directories.make(destination)
        full = f"{self.root}/{destination}" if destination else self.root
        if self.mode != HARDLINK:
            for name in names:
                _copy(f"{source}/{name}", f"{full}/{name}", is_clone=self.mode == CLONE)
            return
        if os.link not in os.supports_dir_fd:
            for name in names:
                _link(f"{source}/{name}", f"{full}/{name}")
            return
        above = os.open(source, os.O_RDONLY | os.O_DIRECTORY)
        below = os.open(full, os.O_RDONLY | os.O_DIRECTORY)
        link = os.link
        try:
            for name in names:
                try:
                    link(name, name, src_dir_fd=above, dst_dir_fd=below)
                except OSError:
                    _link(f"{source}/{name}", f"{full}/{name}")
        finally:
            os.close(above)
            os.close(below)


def _link(source: str, target: str) -> None:
    """A hard link, or a copy where this one cannot be linked (too many links, another file system)."""
    for is_last in (False, True):
        try:
            os.link(source, target)
        except FileExistsError:
            if is_last:
                raise
            os.unlink(target)
        except OSError as problem:
            if problem.errno not in _NO_LINK:
                raise
            _copy(source, target, is_clone=False)
            return
        else:
            return


def _copy(source: str, target: str, *, is_clone: bool) -> None:
    """A file of its own: writable for its owner, with the store's time, so that byte code fits."""
    reading = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(reading)
        mode = 0o755 if status.st_mode & 0o100 else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            writing = os.open(target, flags, mode)
        except FileExistsError:
            os.unlink(target)
            writing = os.open(target, flags, mode)
        try:
            if not (is_clone and _clone(reading, writing)):
                _copy_bytes(reading, writing, status.st_size)
        finally:
            os.close(writing)
        os.utime(target, ns=(MTIME_NS, MTIME_NS))
    finally:
        os.close(reading)


def _copy_bytes(reading: int, writing: int, size: int) -> None:
    if hasattr(os, "copy_file_range"):
        try:
            while size > 0:
                copied = os.copy_file_range(reading, writing, size)
                if copied == 0:
                    return
                size -= copied
        except OSError as problem:
            if problem.errno not in (*_NO_CLONE, errno.ETXTBSY):
                raise
        else:
            return
    while piece := os.read(reading, 1 << 20):
        view = memoryview(piece)
        while view:
            view = view[os.write(writing, view) :]
