"""The hash of a long file, taken behind whoever writes it, so that one long member keeps two processors busy."""

from __future__ import annotations

import hashlib
from threading import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Trail"]

_STRIDE = 16 << 20
"""What was written is hashed when so much of it has come together; it is still in the page cache."""
_PIECE = 1 << 19


class Trail:
    """Hashes the file at ``path`` while it grows, in pieces of work that ``add`` has somebody do, one at a time.

    ``algorithm`` is one of ``hashlib``, wanted beside SHA-256, or None.
    """

    def __init__(self, path: str, algorithm: str | None, add: Callable[[int, Callable[[], None]], None]) -> None:
        self.sha256 = hashlib.sha256()
        self.other = None if algorithm in (None, "sha256") else hashlib.new(str(algorithm))
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by whoever comes last
        self._add = add
        self._written = 0
        self._hashed = 0
        self._is_running = False
        self._is_broken = False
        self._then: Callable[[], None] | None = None
        self._lock = Lock()

    def wrote(self, count: int) -> None:
        """So many bytes more are in the file."""
        self._written += count
        if self._written - self._hashed >= _STRIDE and not self._is_running:
            self._start()

    def ended(self, then: Callable[[], None]) -> None:
        """All is written; ``then`` is called, as part of a piece of work, when all is hashed."""
        with self._lock:
            self._then = then
        self._start()

    def close(self) -> None:
        """Nothing more of it is wanted."""
        with self._lock:
            self._is_broken = True
            if not self._is_running:
                self._file.close()

    def _start(self) -> None:
        with self._lock:
            if self._is_running or self._is_broken:
                return
            self._is_running = True
        self._add((self._written - self._hashed) // 4, self._run)

    def _run(self) -> None:
        buffer = memoryview(bytearray(_PIECE))
        try:
            while True:
                while self._hashed < self._written and not self._is_broken:
                    self._take(buffer)
                with self._lock:
                    if self._hashed < self._written and not self._is_broken:
                        continue
                    self._is_running = False
                    then = None if self._is_broken else self._then
                    if then is not None or self._is_broken:
                        self._file.close()
                    break
        except BaseException:
            self._is_running = False
            self.close()
            raise
        if then is not None:
            then()

    def _take(self, buffer: memoryview) -> None:
        count = self._file.readinto(buffer[: self._written - self._hashed])
        if not count:
            raise OSError("a file that is being written became shorter")
        self.sha256.update(buffer[:count])
        if self.other is not None:
            self.other.update(buffer[:count])
        self._hashed += count
