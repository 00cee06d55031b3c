"""How the readers see a file: its size, and any part of it."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Cut", "InMemory", "Readable"]


class Cut(Exception):
    """A file ends, or is not held, where something should be."""


class Readable(Protocol):
    """A file of which any part can be had."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``. Raises Cut when the file ends before, or those are not held."""


class InMemory:
    """A mapped file, or bytes."""

    __slots__ = ("_view", "size")

    def __init__(self, data: bytes | memoryview) -> None:
        self._view = memoryview(data)
        self.size = len(self._view)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``. Raises Cut."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise Cut(f"{length} bytes at {offset} of {self.size}")
        return bytes(self._view[offset : offset + length])

    def close(self) -> None:
        """Let go of the data."""
        self._view.release()
