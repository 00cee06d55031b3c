"""A file on its way into the store: hashed as its bytes arrive, seen by nobody before it is checked."""

from __future__ import annotations

import hashlib
import os

from provenv.errors import IntegrityError
from provenv.store.failure import told_as_install_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from provenv.events import Events
    from provenv.store.guard import Guard
    from provenv.store.shelves import Shelves

__all__ = ["Receiver"]

_ENOUGH = 512 << 10
"""Bytes that are hashed and written at once. They come in pieces of 16 KiB, and to hash and write each of these hands
the interpreter's lock to another thread and back, which costs more than the work."""


class Receiver:
    """Made by ``Store.receive``. When ``is_present`` is true the file is there already and nothing need be written."""

    def __init__(self, store: Shelves, *, sha256: str | None, size: int | None, subject: str, events: Events) -> None:
        self.is_present = False
        self.sha256 = sha256 or ""
        """Known from the begin, or after the end of the block."""
        self.received = 0
        """Bytes taken so far."""
        self._store = store
        self._expected = sha256
        self._size = size
        self._subject = subject
        self._events = events
        self._guard: Guard | None = None
        self._directory = ""
        self._file = -1
        self._hash = hashlib.sha256()
        self._waiting = bytearray()

    def __enter__(self) -> Receiver:
        self.begin()
        return self

    def begin(self, *, is_patient: bool = True) -> bool:
        """Enter the block; False when another process receives the same file and we are not to wait for it."""
        with told_as_install_error("write to the store", self._store.root):
            if self._expected is not None:
                if self._store.blob(self._expected) is not None:
                    self.is_present = True
                    return True
                guard = self._store.guard("blob-" + self._expected, self._events, self._subject)
                if not guard.take(is_patient=is_patient):
                    return False
                self._guard = guard
            try:
                self.is_present = self._expected is not None and self._store.blob(self._expected) is not None
                if not self.is_present:
                    self._directory = self._store.temporary()
                    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
                    self._file = os.open(self._directory + "/blob", flags, 0o444)
            except BaseException:
                self._close()
                raise
        return True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        self.received += len(data)
        if self._size is not None and self.received > self._size:
            raise IntegrityError(self._subject, expected=f"{self._size} bytes", actual="more")
        self._waiting += data
        if len(self._waiting) >= _ENOUGH:
            self._pass_on()

    def _pass_on(self) -> None:
        data, self._waiting = self._waiting, bytearray()
        self._hash.update(data)
        with told_as_install_error("write to the store", self._store.root):
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]

    def restart(self) -> None:
        """Forget what was written: the bytes come again from the first one."""
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        self.received = 0

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and not self.is_present:
                self._finish()
        finally:
            self._close()

    def _finish(self) -> None:
        self._pass_on()
        digest = self._hash.hexdigest()
        if self._expected is not None and digest != self._expected:
            raise IntegrityError(
                self._subject,
                expected=f"sha256 {self._expected}",
                actual=digest,
                hint="the file is not the one that was promised; nothing was kept",
            )
        if self._size is not None and self.received != self._size:
            raise IntegrityError(self._subject, expected=f"{self._size} bytes", actual=f"{self.received}")
        self.sha256 = digest
        with told_as_install_error("write to the store", self._store.root):
            os.close(self._file)
            self._file = -1
            self._store.publish(self._directory + "/blob", self._store.place("blobs", digest))

    def _close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._directory:
            self._store.discard(self._directory)
        if self._guard is not None:
            self._guard.__exit__(None, None, None)
            self._guard = None
