"""What git keeps, by its index file (gitformat-index(5), versions 2 to 4): no program has to be asked."""

from __future__ import annotations

import struct

__all__ = ["tracked_paths"]

_HEAD = 12
_FIXED = 40
"""Times, numbers of the file, owner and size, before the hash."""
_EXTENDED = 0x4000


def tracked_paths(data: bytes, *, hash_size: int = 20) -> frozenset[str] | None:
    """Every path in an index; None when it is damaged, or of a form that is not read: split over two files."""
    try:
        return _paths(data, hash_size)
    except (struct.error, IndexError, ValueError):
        return None


def _paths(data: bytes, hash_size: int) -> frozenset[str] | None:
    mark, version, count = struct.unpack_from(">4sII", data)
    if mark != b"DIRC" or version not in (2, 3, 4):
        return None
    found: set[str] = set()
    at, last = _HEAD, b""
    for _ in range(count):
        begin = at
        at += _FIXED + hash_size
        (flags,) = struct.unpack_from(">H", data, at)
        at += 2 + (2 if version >= 3 and flags & _EXTENDED else 0)
        if version == 4:
            cut, at = _number(data, at)
            end = data.index(b"\0", at)
            last = last[: len(last) - cut] + data[at:end]
            at = end + 1
        else:
            end = data.index(b"\0", at)
            last = data[at:end]
            at = begin + (end - begin + 8) // 8 * 8
        found.add(last.decode("utf-8", "surrogateescape"))
    while at + 8 <= len(data) - hash_size:
        name, size = struct.unpack_from(">4sI", data, at)
        if name == b"link":
            return None
        at += 8 + size
    return frozenset(found)


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, as in pack files, and where it ends."""
    byte = data[at]
    value = byte & 0x7F
    while byte & 0x80:
        at += 1
        byte = data[at]
        value = (value + 1) << 7 | byte & 0x7F
    return value, at + 1
