"""Which AMD GPUs the device code of a file is for: the names in clang's offload bundles, compressed or not.

Layout of a bundle: Clang's "Offload Bundler" page; compressed ones begin with ``CCOB`` and hold zlib (method 0) or
Zstandard (method 1) data. Only zlib can be read with the standard library; of others it is said that they are there.
"""

from __future__ import annotations

import struct
import zlib

__all__ = ["UNREADABLE", "GfxScanner"]

_PLAIN = b"__CLANG_OFFLOAD_BUNDLE__"
_PACKED = b"CCOB"
_NAME = b"--gfx"
_LONGEST = 1 << 12
_MOST_ENTRIES = 512
UNREADABLE = "gfx?"
"""Stands for bundles whose compression cannot be read here."""


class GfxScanner:
    """Finds the bundles of a file that is fed piece by piece; ``names`` are their architectures (``gfx942``)."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._kept = b""

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes of the file."""
        data = self._kept + piece
        limit = len(data) - _LONGEST
        for mark, read in ((_PLAIN, self._read_plain), (_PACKED, self._read_packed)):
            at = data.find(mark)
            while 0 <= at < max(limit, 0):
                read(data, at)
                at = data.find(mark, at + len(mark))
        self._kept = data[max(0, limit) :]

    def finish(self) -> None:
        """Look at the last bytes, too."""
        data, self._kept = self._kept, b""
        for mark, read in ((_PLAIN, self._read_plain), (_PACKED, self._read_packed)):
            at = data.find(mark)
            while at >= 0:
                read(data, at)
                at = data.find(mark, at + len(mark))

    def _read_plain(self, data: bytes, at: int) -> None:
        place = at + len(_PLAIN)
        if place + 8 > len(data):
            return
        (count,) = struct.unpack_from("<Q", data, place)
        place += 8
        for _ in range(min(count, _MOST_ENTRIES)):
            if place + 24 > len(data):
                return
            _, _, length = struct.unpack_from("<QQQ", data, place)
            name = data[place + 24 : place + 24 + min(length, 256)]
            found = name.find(_NAME)
            if found >= 0:
                self.names.add(name[found + 2 :].decode("ascii", "replace").partition(":")[0])
            place += 24 + length

    def _read_packed(self, data: bytes, at: int) -> None:
        version, method = struct.unpack_from("<HH", data.ljust(at + 8, b"\0"), at + 4)
        header = {1: 20, 2: 24, 3: 32}.get(version)
        if header is None or method not in (0, 1):
            return
        if method == 1:
            self.names.add(UNREADABLE)
            return
        try:
            start = zlib.decompressobj().decompress(data[at + header :], _LONGEST * 16)
        except zlib.error:
            return
        if start.startswith(_PLAIN):
            self._read_plain(start, 0)
