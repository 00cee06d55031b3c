"""A directory that strangers' files are written into: nothing in it is followed, replaced or left half open.

Every step goes through the descriptor of the directory before it, and every file is new (``O_EXCL``): whatever a
member's name says, and whoever changes the directory meanwhile, nothing is written outside of it. Systems without such
descriptors (Windows) get plain paths, whose names were checked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType

from provenv.archives.judge import Judge

__all__ = ["Extraction"]

_HAS_DESCRIPTORS = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_BINARY = getattr(os, "O_BINARY", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_PIECE = 1 << 20


class Extraction:
    """Writes below ``root``, at most ``limit`` bytes and until ``deadline`` (of the monotonic clock).

    Raises IntegrityError through ``judge``, and OSError when the disk cannot take it. Use in a ``with`` block.
    """

    def __init__(self, root: str, judge: Judge, *, limit: int, deadline: float) -> None:
        self._root = root
        self._judge = judge
        self._limit = limit
        self._left = limit
        self._deadline = deadline
        self._open: list[tuple[str, int]] = []

    def __enter__(self) -> Extraction:
        if _HAS_DESCRIPTORS:
            self._open.append(("", os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | _NOFOLLOW)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._open:
            os.close(self._open.pop()[1])

    def check_time(self) -> None:
        """Refuse an archive that never ends."""
        if time.monotonic() > self._deadline:
            self._judge.refuse("an archive that can be unpacked in time", "one that takes too long")

    def directory(self, path: str) -> None:
        """Make a directory and those above it, unless they are there."""
        self._place(path + "/x")

    def file(self, path: str, size: int, pieces: Iterable[bytes], *, is_executable: bool, moment: int) -> None:
        """Write a new file of ``size`` bytes, with its time."""
        self._spend(size, path)
        name, parent = self._place(path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _BINARY
        try:
            target = os.open(name, flags, 0o700 if is_executable else 0o600, dir_fd=parent)
        except FileExistsError:
            self._judge.refuse("one member of this name", "two that this file system cannot tell apart", path)
        try:
            for piece in pieces:
                self.check_time()
                view = memoryview(piece)
                while view:
                    view = view[os.write(target, view) :]
            if hasattr(os, "fchmod"):
                os.fchmod(target, 0o755 if is_executable else 0o644)
            # Some builds compare times: what was generated from a file is newer than it.
            if os.utime in os.supports_fd:
                os.utime(target, (moment, moment))
        finally:
            os.close(target)
        if os.utime not in os.supports_fd:
            os.utime(name, (moment, moment))

    def copy(self, source: str, path: str) -> None:
        """Write a new file with the content, mode and time of one that is there."""
        name, parent = self._place(source)
        descriptor = os.open(name, os.O_RDONLY | _NOFOLLOW | _BINARY, dir_fd=parent)
        try:
            status = os.fstat(descriptor)
            self.file(
                path,
                status.st_size,
                _pieces(descriptor),
                is_executable=bool(status.st_mode & 0o100),
                moment=int(status.st_mtime),
            )
        finally:
            os.close(descriptor)

    def again(self, path: str, size: int, pieces: Iterable[bytes], *, is_executable: bool) -> None:
        """See that a member of the path of a file that is written is the same; IntegrityError where it is another."""
        self._spend(size, path)
        name, parent = self._place(path)
        with open(os.open(name, os.O_RDONLY | _NOFOLLOW | _BINARY, dir_fd=parent), "rb") as file:
            status = os.fstat(file.fileno())
            is_alike = status.st_size == size
            if hasattr(os, "fchmod"):
                is_alike = is_alike and bool(status.st_mode & 0o100) == is_executable
            for piece in pieces:
                self.check_time()
                is_alike = is_alike and file.read(len(piece)) == piece
        if not is_alike:
            self._judge.refuse("one member of this name", "two that differ", path)

    def _spend(self, size: int, path: str) -> None:
        self._left -= size
        if self._left < 0:
            self._judge.refuse(f"at most {self._limit} bytes of content", "more", path)

    def _place(self, path: str) -> tuple[str, int | None]:
        """How to name a path in a call, and the descriptor to give beside it; its directories are made."""
        parent, _, name = path.rpartition("/")
        if not _HAS_DESCRIPTORS:
            os.makedirs(os.path.join(self._root, parent), exist_ok=True)
            return os.path.join(self._root, path), None
        while not f"{parent}/".startswith(self._open[-1][0]):
            os.close(self._open.pop()[1])
        done = self._open[-1][0]
        for part in parent[len(done) :].split("/") if len(parent) > len(done) else ():
            self._step(part)
        return name, self._open[-1][1]

    def _step(self, part: str) -> None:
        above, descriptor = self._open[-1]
        # It may be there, by a member before; if it is anything but a directory, opening it fails.
        with suppress(FileExistsError):
            os.mkdir(part, 0o755, dir_fd=descriptor)
        try:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _NOFOLLOW, dir_fd=descriptor)
        except NotADirectoryError:
            self._judge.refuse("a file or a directory", "both", f"{above}{part}")
        self._open.append((f"{above}{part}/", inner))


def _pieces(descriptor: int) -> Iterator[bytes]:
    while piece := os.read(descriptor, _PIECE):
        yield piece
