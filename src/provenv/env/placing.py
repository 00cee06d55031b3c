"""Places files of the store into an environment: clones where the file system can, else hard links, else copies."""

from __future__ import annotations

import errno
import marshal
import os
import sys
from stat import S_IFMT, S_IFREG

from provenv.errors import InstallError
from provenv.store.tree import MTIME_NS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import TypeAlias

    Task: TypeAlias = tuple[str, str, tuple[str, ...], tuple[int, ...]]
    """Source directory, destination directory (relative to the root), names, sizes: ``~size`` of a program."""

__all__ = ["CLONE", "COPY", "HARDLINK", "Directories", "Placer", "check_mode", "choose_mode", "make_room"]

CLONE, HARDLINK, COPY = "clone", "hardlink", "copy"

_FICLONE = 0x40049409
_NO_CLONE = (errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY, errno.ENOSYS, errno.EPERM, errno.EBADF)
_NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES)
_FEWEST = 1000
"""Files that are worth another worker."""
_DIRECTORY_WEIGHT = 5
_READABLE_FILE = S_IFREG | 0o400
_LOOKED_AT = S_IFMT(0o177777) | 0o400
"""Kind, and whether the owner may read. Who else may what is the store's affair: see its umask and its groups."""
_NUMBER = 2
"""Bytes of a portion's number."""
_PORTIONS = 400
"""Portions of a fork's work: their numbers fit into a pipe, and the last one is short."""


def check_mode(wanted: str) -> None:
    """Raises InstallError for a word that is no link mode."""
    if wanted not in ("auto", CLONE, HARDLINK, COPY):
        raise InstallError(f"unknown link mode {wanted!r}", hint="use auto, clone, hardlink or copy")


def choose_mode(wanted: str, sample: str, directory: str) -> str:
    """What works from the file ``sample`` into ``directory``: ``wanted``, or for ``auto`` the best there is."""
    check_mode(wanted)
    if wanted == COPY:
        return COPY
    # One name for all: whoever comes next removes what a kill has left. It may be a link to the store, so it is
    # never opened for writing.
    trial = f"{directory}/.provenv-trial"
    if os.path.lexists(trial):
        os.unlink(trial)
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
        target = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
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
    """Makes directories below ``root`` once, parents first; safe to share between threads.

    ``replaceable`` are directories that give way when they are links or files now.
    """

    __slots__ = ("_made", "_replaceable", "_root")

    def __init__(self, root: str, replaceable: Collection[str] = ()) -> None:
        self._root = root
        self._made = {""}
        self._replaceable = replaceable

    def make(self, path: str) -> None:
        """Make ``path`` (relative); a link or file in its place gives way, or is an InstallError."""
        if path in self._made:
            return
        self.make(path.rpartition("/")[0])
        full = f"{self._root}/{path}"
        try:
            os.mkdir(full)
        except FileExistsError:
            if os.path.islink(full) or not os.path.isdir(full):
                if path not in self._replaceable:
                    raise InstallError(f"{full} is in the way: a directory is needed there") from None
                os.unlink(full)
                os.mkdir(full)
        self._made.add(path)


class Placer:
    """Places whole directories, with several processes or threads. Files that are in the way are replaced.

    Making links is work for the kernel; threads of one interpreter mostly wait for each other between two links, while
    processes do not. So on Linux, when no thread runs that a fork could upset, the work is shared by forked children
    that make links and nothing else; elsewhere by threads.
    """

    def __init__(self, root: str, directories: Directories, mode: str) -> None:
        self.root = root
        self.directories = directories
        self.mode = mode

    def place(self, tasks: Iterable[Task], workers: int) -> list[str]:
        """Place all; returns when they are there. The first failure, an OSError or InstallError, is raised.

        Returns files of the store that are not what was put there: of another size or time, or not for all to read.
        """
        ordered = sorted(tasks, key=lambda task: task[1])
        count = sum(len(task[2]) for task in ordered)
        workers = min(workers, count // _FEWEST + 1)
        if workers == 1:
            return self._run(ordered)
        if _is_fork_safe():
            return self._fork(_portions(ordered), workers)
        return self._thread(_shares(ordered, workers, count))

    def _run(self, tasks: list[Task]) -> list[str]:
        poisoned: list[str] = []
        for source, destination, names, sizes in tasks:
            self._one(source, destination, names, sizes, poisoned)
        return poisoned

    def _thread(self, shares: list[list[Task]]) -> list[str]:
        from threading import Thread

        failures: list[BaseException] = []
        poisoned: list[str] = []

        def work(tasks: list[Task]) -> None:
            try:
                poisoned.extend(self._run(tasks))
            except BaseException as failure:
                failures.append(failure)

        threads = [Thread(target=work, args=(tasks,), daemon=True) for tasks in shares[1:]]
        for thread in threads:
            thread.start()
        work(shares[0])
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return poisoned

    def _fork(self, portions: list[list[Task]], workers: int) -> list[str]:
        """Whoever is free takes the next portion: its number is read from a pipe that all share."""
        children: list[tuple[int, int]] = []
        queue, feed = os.pipe()
        try:
            os.write(feed, b"".join(number.to_bytes(_NUMBER, "little") for number in range(len(portions))))
            os.close(feed)
            for _ in range(workers - 1):
                children.append(self._child(portions, queue))
            poisoned = self._drain(portions, queue)
            while children:
                process, pipe = children[-1]
                answer = _read_all(pipe)
                _, status = os.waitpid(process, 0)
                os.close(pipe)
                children.pop()
                poisoned += _answered(answer, status)
        finally:
            os.close(queue)
            for process, pipe in children:
                os.kill(process, 9)
                os.waitpid(process, 0)
                os.close(pipe)
        return poisoned

    def _drain(self, portions: list[list[Task]], queue: int) -> list[str]:
        poisoned: list[str] = []
        while number := os.read(queue, _NUMBER):
            poisoned += self._run(portions[int.from_bytes(number, "little")])
        return poisoned

    def _child(self, portions: list[list[Task]], queue: int) -> tuple[int, int]:
        """Process id, and the pipe that tells of its failure."""
        reading, writing = os.pipe()
        process = os.fork()
        if process:
            os.close(writing)
            return process, reading
        answer: tuple[int | str | bytes | list[str] | None, ...] = ()
        try:
            answer = (self._drain(portions, queue),)
        except InstallError as problem:
            answer = (problem.message, problem.hint)
        except OSError as problem:
            answer = (problem.errno, problem.strerror, problem.filename, problem.filename2)
        except BaseException as problem:
            answer = (f"placing files failed: {problem!r}", None)
        finally:
            os.write(writing, marshal.dumps(answer))
            os._exit(0)

    def _one(
        self, source: str, destination: str, names: Sequence[str], sizes: Sequence[int], poisoned: list[str]
    ) -> None:
        self.directories.make(destination)
        full = f"{self.root}/{destination}" if destination else self.root
        if self.mode != HARDLINK:
            for name, size in zip(names, sizes, strict=True):
                if not _copy(f"{source}/{name}", f"{full}/{name}", size, is_clone=self.mode == CLONE):
                    poisoned.append(f"{source}/{name}")
            return
        if os.link not in os.supports_dir_fd:
            for name, size in zip(names, sizes, strict=True):
                if not _link(f"{source}/{name}", f"{full}/{name}", size):
                    poisoned.append(f"{source}/{name}")
            return
        above = os.open(source, os.O_RDONLY | os.O_DIRECTORY)
        below = os.open(full, os.O_RDONLY | os.O_DIRECTORY)
        link, look = os.link, os.stat
        try:
            for name, size in zip(names, sizes, strict=True):
                try:
                    link(name, name, src_dir_fd=above, dst_dir_fd=below)
                except OSError:
                    if not _link(f"{source}/{name}", f"{full}/{name}", size):
                        poisoned.append(f"{source}/{name}")
                    continue
                status = look(name, dir_fd=below, follow_symlinks=False)
                is_usual = status.st_size == size and status.st_mtime_ns == MTIME_NS
                if not ((is_usual and status.st_mode & _LOOKED_AT == _READABLE_FILE) or _is_as_stored(status, size)):
                    poisoned.append(f"{source}/{name}")
        finally:
            os.close(above)
            os.close(below)


def _portions(ordered: list[Task]) -> list[list[Task]]:
    """Neighbouring directories, a few at a time."""
    size = len(ordered) // _PORTIONS + 1
    return [ordered[at : at + size] for at in range(0, len(ordered), size)]


def _shares(ordered: list[Task], workers: int, count: int) -> list[list[Task]]:
    """Neighbouring directories stay together; a directory weighs as much as a few files."""
    total = count + _DIRECTORY_WEIGHT * len(ordered)
    shares: list[list[Task]] = [[] for _ in range(workers)]
    weight = 0
    for task in ordered:
        shares[min(workers - 1, weight * workers // total)].append(task)
        weight += len(task[2]) + _DIRECTORY_WEIGHT
    return shares


def _is_fork_safe() -> bool:
    threading = sys.modules.get("threading")
    return sys.platform == "linux" and (threading is None or threading.active_count() == 1)


def _read_all(pipe: int) -> bytes:
    pieces = []
    while piece := os.read(pipe, 1 << 16):
        pieces.append(piece)
    return b"".join(pieces)


def _answered(answer: bytes, status: int) -> list[str]:
    if status != 0 or not answer:
        raise InstallError("a process that placed files ended early", hint="run the command again")
    told = marshal.loads(answer)
    if len(told) == 1:
        poisoned: list[str] = told[0]
        return poisoned
    if len(told) == 2:
        raise InstallError(told[0], hint=told[1])
    number, text, path, second = told
    raise OSError(number, text, path, None, second)


def _is_as_stored(status: os.stat_result, size: int) -> bool:
    """Whether a file of the store is of the right kind, size, time and permission. Its bytes are not looked at."""
    wanted = size if size >= 0 else ~size
    if status.st_mtime_ns != MTIME_NS or status.st_size != wanted:
        return False
    is_runnable = size >= 0 or os.name != "posix" or status.st_mode & 0o100
    return status.st_mode & _LOOKED_AT == _READABLE_FILE and bool(is_runnable)


def make_room(target: str) -> None:
    """Remove what is in the way of a file."""
    if os.path.isdir(target) and not os.path.islink(target):
        from shutil import rmtree

        rmtree(target)
    else:
        os.unlink(target)


def _link(source: str, target: str, size: int) -> bool:
    """A hard link, or a copy where this one cannot be linked (too many links, another file system).

    Whether the file is as it was stored.
    """
    for is_last in (False, True):
        try:
            os.link(source, target)
        except FileExistsError:
            if is_last:
                raise
            make_room(target)
        except OSError as problem:
            if problem.errno not in _NO_LINK:
                raise
            return _copy(source, target, size, is_clone=False)
        else:
            break
    return _is_as_stored(os.lstat(target), size)


def _copy(source: str, target: str, size: int, *, is_clone: bool) -> bool:
    """A file of its own: writable for its owner, with the store's time, so that byte code fits.

    Whether the file of the store is as it was stored.
    """
    reading = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(reading)
        mode = 0o755 if status.st_mode & 0o100 else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        try:
            writing = os.open(target, flags, mode)
        except FileExistsError:
            make_room(target)
            writing = os.open(target, flags, mode)
        try:
            if not (is_clone and _clone(reading, writing)):
                _copy_bytes(reading, writing, status.st_size)
        finally:
            os.close(writing)
        os.utime(target, ns=(MTIME_NS, MTIME_NS))
        # Looked at after its bytes were read: an edit that goes on meanwhile changes the time.
        return _is_as_stored(os.fstat(reading), size)
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
