"""Finds METADATA at the end of a wheel without reading the rest. Pure: it asks for bytes and is given them.

The zip format (APPNOTE 4.3) is read from its end: end of central directory, central directory, one member. Wheels put
their ``.dist-info`` last (binary distribution format), so mostly one piece holds all three.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Generator

from provenv.index.page import normalised

__all__ = ["BadWheel", "Piece", "Want", "metadata_in"]

Want = tuple["int | None", int]
"""``(first, length)``: a piece of the file; ``(None, length)``: its last bytes."""
Piece = tuple[int, bytes, int]
"""Position of the first byte, the bytes, size of the whole file."""

_FIRST_TAIL = 32 << 10
_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL_HEADER = 30
_LARGEST_DIRECTORY = 64 << 20
LARGEST_METADATA = 16 << 20
_SLACK = 4 << 10
_LEAD = 32 << 10
"""METADATA lies before the list of members, and RECORD, which is about as long as that list, often between them."""
_LARGE = 256 << 10
"""From this length of the list on (tensorflow: 1.8 MB) another request takes less than twice the bytes."""


class BadWheel(ValueError):
    """The bytes are not a wheel with readable metadata; the argument says why."""


def metadata_in(filename: str, size: int | None = None) -> Generator[Want, Piece, bytes]:
    """Yield the pieces that are needed, return METADATA. Raises BadWheel."""
    known = yield (None, _FIRST_TAIL) if size is None else (max(0, size - _FIRST_TAIL), min(size, _FIRST_TAIL))
    end = known[1].rfind(b"PK\x05\x06")
    if end < 0:
        # An archive comment can be 64 KiB long.
        total = known[2]
        known = yield (max(0, total - (66 << 10)), min(total, 66 << 10))
        end = known[1].rfind(b"PK\x05\x06")
    if end < 0 or len(known[1]) - end < _END.size:
        raise BadWheel("it is not a zip file")
    _, _, _, _, count, length, at, _ = _END.unpack_from(known[1], end)
    if at == 0xFFFFFFFF or length == 0xFFFFFFFF or count == 0xFFFF:
        length, at = yield from _directory64(known, end)
    if length > _LARGEST_DIRECTORY or at + length > known[2]:
        raise BadWheel("its list of members is damaged")
    if at < known[0]:
        first = at if length > _LARGE else max(0, at - length - _LEAD)
        known = yield (first, known[2] - first)
    directory = known[1][at - known[0] : at - known[0] + length]
    begin, method, packed, unpacked, crc = _find(directory, filename)
    wanted = _LOCAL_HEADER + packed
    if begin < known[0] or begin + wanted + _SLACK > known[0] + len(known[1]):
        stop = min(known[2], begin + wanted + _SLACK)
        if begin < known[0] or stop > known[0] + len(known[1]):
            known = yield (begin, stop - begin)
    return _unpack(known[1][begin - known[0] :], method, packed, unpacked, crc)


def _directory64(known: Piece, end: int) -> Generator[Want, Piece, tuple[int, int]]:
    """Length and position of the central directory of a zip64 file."""
    locator = known[1][end - 20 : end]
    if len(locator) < 20 or locator[:4] != b"PK\x06\x07":
        raise BadWheel("its zip64 record is missing")
    (at,) = struct.unpack_from("<Q", locator, 8)
    if at > known[2] - _END64.size:
        raise BadWheel("its zip64 record is damaged")
    if not known[0] <= at <= known[0] + len(known[1]) - _END64.size:
        known = yield (at, _END64.size)
    record = _END64.unpack_from(known[1], at - known[0])
    if record[0] != b"PK\x06\x06":
        raise BadWheel("its zip64 record is damaged")
    return record[8], record[9]


def _find(directory: bytes, filename: str) -> tuple[int, int, int, int, int]:
    """Position, method, packed and unpacked size and checksum of METADATA."""
    found: dict[str, tuple[int, int, int, int, int]] = {}
    position = 0
    while position + _ENTRY.size <= len(directory):
        entry = _ENTRY.unpack_from(directory, position)
        if entry[0] != b"PK\x01\x02":
            raise BadWheel("its list of members is damaged")
        flags, method, crc, packed, unpacked = entry[3], entry[4], entry[7], entry[8], entry[9]
        name_end = position + _ENTRY.size + entry[10]
        name = directory[position + _ENTRY.size : name_end]
        if name.endswith(b".dist-info/METADATA") and name.count(b"/") == 1:
            if flags & 1:
                raise BadWheel("its METADATA is encrypted")
            if name.decode("utf-8", "replace") in found:
                raise BadWheel("it has two METADATA files of one name")
            begin = entry[16]
            if 0xFFFFFFFF in (packed, unpacked, begin):
                raise BadWheel("its METADATA has a zip64 record, which makes no sense for so small a file")
            found[name.decode("utf-8", "replace")] = (begin, method, packed, unpacked, crc)
        position = name_end + entry[11] + entry[12]
    if len(found) == 1:
        return next(iter(found.values()))
    own = [value for name, value in found.items() if _belongs(name, filename)]
    if len(own) != 1:
        raise BadWheel("it has no METADATA" if not found else "it has METADATA of several packages")
    return own[0]


def _belongs(name: str, filename: str) -> bool:
    return normalised(name.partition("-")[0]) == normalised(filename.partition("-")[0])


def _unpack(data: bytes, method: int, packed: int, unpacked: int, crc: int) -> bytes:
    if len(data) < _LOCAL_HEADER or data[:4] != b"PK\x03\x04" or unpacked > LARGEST_METADATA:
        raise BadWheel("its METADATA is damaged" if data[:4] != b"PK\x03\x04" else "its METADATA is larger than 16 MiB")
    name_length, extra_length = struct.unpack_from("<2H", data, 26)
    begin = _LOCAL_HEADER + name_length + extra_length
    content = data[begin : begin + packed]
    if method == 8:
        try:
            content = zlib.decompressobj(-15).decompress(content, LARGEST_METADATA + 1)
        except zlib.error as error:
            raise BadWheel(f"its METADATA cannot be unpacked: {error}") from error
    elif method != 0:
        raise BadWheel(f"its METADATA is packed with method {method}")
    if len(content) != unpacked or zlib.crc32(content) != crc:
        raise BadWheel("its METADATA is damaged")
    return content
