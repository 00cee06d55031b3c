"""Which AMD GPUs the device code of a file is for: the names in clang's offload bundles, compressed or not.

Layout of a bundle: Clang's "Offload Bundler" page; compressed ones begin with ``CCOB`` and hold zlib (method 0) or
Zstandard (method 1) data. The second is read by Python 3.14, or by ``backports.zstd`` (extra ``prove``); without
either it is said that they are there.
"""

from __future__ import annotations

import struct
import zlib
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class _Decompressor(Protocol):
        def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


__all__ = ["UNREADABLE", "GfxScanner"]

_PLAIN = b"__CLANG_OFFLOAD_BUNDLE__"
_PACKED = b"CCOB"
_NAME = b"--gfx"
_LETTERS = (_PLAIN[0], _PACKED[0])
_ALIGNED = 1 << 12
"""Clang aligns a bundle to this, in memory and so in the file: other places need not be looked at."""
_LONGEST = 1 << 14
_MOST_ENTRIES = 512
_NEEDED, _MOST_PACKED = 1 << 16, 1 << 20
"""How much of a bundle is unpacked to see its names, and of how much at most: a block is unpacked as a whole."""
UNREADABLE = "gfx?"
"""Stands for bundles whose compression cannot be read here."""


class GfxScanner:
    """Finds the bundles of a file that is fed piece by piece; ``names`` are their architectures (``gfx942``)."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._kept = b""
        self._at = 0
        """Offset in the file of what is kept, and otherwise of the next piece."""
        self._open: list[_Packed] = []

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes of the file."""
        if self._open:
            for packed in self._open:
                packed.feed(bytes(piece))
            self._read_unpacked()
        self._look(self._kept + piece if self._kept else piece, is_end=False)

    def finish(self) -> None:
        """Look at the last bytes, too."""
        self._look(self._kept, is_end=True)
        self._read_unpacked(is_end=True)

    def _look(self, data: bytes | memoryview, *, is_end: bool) -> None:
        first = -self._at % _ALIGNED
        for number, letter in enumerate(bytes(data[first::_ALIGNED])):
            if letter not in _LETTERS:
                continue
            at = first + number * _ALIGNED
            if at + _LONGEST > len(data) and not is_end:
                self._kept, self._at = bytes(data[at:]), self._at + at
                return
            start = bytes(data[at : at + len(_PLAIN)])
            if start == _PLAIN:
                self._read_plain(bytes(data[at : at + _LONGEST]), 0)
            elif start.startswith(_PACKED):
                self._read_packed(bytes(data[at : at + _MOST_PACKED]))
        self._kept, self._at = b"", self._at + len(data)

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

    def _read_packed(self, data: bytes) -> None:
        version, method = struct.unpack_from("<HH", data.ljust(8, b"\0"), 4)
        header = {1: 20, 2: 24, 3: 32}.get(version)
        if header is None or method not in (0, 1):
            return
        decompressor = zlib.decompressobj() if method == 0 else _zstandard()
        if decompressor is None:
            self.names.add(UNREADABLE)
            return
        packed = _Packed(decompressor)
        packed.feed(data[header:])
        self._open.append(packed)
        self._read_unpacked()

    def _read_unpacked(self, *, is_end: bool = False) -> None:
        for packed in [one for one in self._open if is_end or one.is_done]:
            self._open.remove(packed)
            if packed.start.startswith(_PLAIN):
                self._read_plain(bytes(packed.start), 0)


class _Packed:
    """The begin of a compressed bundle, which may be longer than what is held of the file."""

    def __init__(self, decompressor: _Decompressor) -> None:
        self.start = bytearray()
        self.is_done = False
        self._decompressor = decompressor
        self._taken = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes. What is damaged ends here."""
        self._taken += len(data)
        try:
            self.start += self._decompressor.decompress(data, _NEEDED - len(self.start))
        except Exception:  # each library has an error of its own
            self.is_done = True
        self.is_done = self.is_done or len(self.start) >= _NEEDED or self._taken >= _MOST_PACKED


def _zstandard() -> _Decompressor | None:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            found: _Decompressor = import_module(name).ZstdDecompressor()
        except ImportError:
            continue
        return found
    return None
