"""ZIP archives written by hand: every field can be a lie."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Raw", "raw_zip", "wide_end"]


class Raw:
    """One member. ``local`` and ``central`` replace fields of its two headers, by name; ``data`` may be any bytes.

    Fields: mark, version, flags, method, crc, packed, size, name, extra, disk, attributes, begin.
    """

    def __init__(
        self,
        name: str | bytes,
        content: bytes = b"",
        *,
        mode: int = 0o100644,
        is_deflated: bool = False,
        data: bytes | None = None,
        local: Mapping[str, object] | None = None,
        central: Mapping[str, object] | None = None,
        behind: bytes = b"",
        comment: bytes = b"",
        is_hidden: bool = False,
    ) -> None:
        self.name = name.encode("utf-8", "surrogatepass") if isinstance(name, str) else name
        self.content = content
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(content) + packer.flush() if is_deflated else content
        self.data = packed if data is None else data
        self.behind = behind
        self.comment = comment
        self.is_hidden = is_hidden
        self.fields: dict[str, object] = {
            "version": 20,
            "flags": 0 if self.name.isascii() else 0x800,
            "method": 8 if is_deflated else 0,
            "crc": zlib.crc32(content),
            "packed": len(self.data),
            "size": len(content),
            "name": self.name,
            "extra": b"",
            "disk": 0,
            "attributes": mode << 16,
        }
        self.local = {"mark": b"PK\x03\x04", **self.fields, **(local or {})}
        self.central = {"mark": b"PK\x01\x02", **self.fields, **(central or {})}

    def head(self) -> bytes:
        """The local header."""
        one = self.local
        name, extra = one["name"], one["extra"]
        assert isinstance(name, bytes)
        assert isinstance(extra, bytes)
        words = (
            one["mark"],
            one["version"],
            one["flags"],
            one["method"],
            0,
            0x21,
            one["crc"],
            one["packed"],
            one["size"],
        )
        return struct.pack("<4sHHHHHLLLHH", *words, len(name), len(extra)) + name + extra

    def entry(self, begin: int) -> bytes:
        """The entry of the central directory; ``begin`` is where the local header lies."""
        one = self.central
        name, extra = one["name"], one["extra"]
        assert isinstance(name, bytes)
        assert isinstance(extra, bytes)
        words = (
            one["mark"], 0x300 | 20, one["version"], one["flags"], one["method"], 0, 0x21, one["crc"], one["packed"],
            one["size"], len(name), len(extra), len(self.comment), one["disk"], 0, one["attributes"],
            one.get("begin", begin),
        )  # fmt: skip
        return struct.pack("<4sHHHHHHLLLHHHHHLL", *words) + name + extra + self.comment


def raw_zip(
    members: Iterable[Raw],
    *,
    before: bytes = b"",
    between: bytes = b"",
    comment: bytes = b"",
    behind: bytes = b"",
    end: dict[int, int] | None = None,
    order: Sequence[int] | None = None,
) -> bytes:
    """The archive. ``end`` adds to the fields of the end record, by number (0: disk .. 5: offset, 6: comment length);
    ``between`` lies before the central directory, which lists the members in ``order``.
    """
    data = bytearray(before)
    entries = []
    for member in members:
        begin = len(data)
        data += member.head() + member.data + member.behind
        if not member.is_hidden:
            entries.append(member.entry(begin))
    data += between
    offset = len(data)
    directory = b"".join(entries if order is None else [entries[number] for number in order])
    count = len(entries if order is None else order)
    values = [0, 0, count, count, len(directory), offset, len(comment)]
    for number, change in (end or {}).items():
        values[number] += change
    record = struct.pack("<4sHHHHLLH", b"PK\x05\x06", *values)
    return bytes(data) + directory + record + comment + behind


def wide_end(
    data: bytes, *, record: dict[int, int] | None = None, locator: int = 0, more: bytes = b"", is_full: bool = True
) -> bytes:
    """The same archive with ZIP64 end records. ``record`` adds to the fields of the first (0: length, 1: disk, 2: disk,
    3, 4: counts, 5: size, 6: offset), ``locator`` to the offset in the second; ``more`` is extensible data.
    """
    at = data.rindex(b"PK\x05\x06")
    _, _, here, count, size, offset, _ = struct.unpack("<HHHHLLH", data[at + 4 : at + 22])
    values = [44 + len(more), 0, 0, here, count, size, offset]
    for number, change in (record or {}).items():
        values[number] += change
    wide = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", values[0], 45, 45, *values[1:]) + more
    place = struct.pack("<4sLQL", b"PK\x06\x07", 0, at + locator, 1)
    short = (0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF) if is_full else (here, count, size, offset)
    return data[:at] + wide + place + struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, *short, 0)
