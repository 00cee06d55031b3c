"""Small ELF files and NVIDIA "fat binary" containers, made by hand: what a reader must find in them is known."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Code", "build_elf", "container"]

_MACHINES = {"x86_64": 62, "aarch64": 183, "i686": 3}
_LOAD, _DYNAMIC = 1, 2
_PROGRAM, _NOTHING = 1, 8


@dataclass(frozen=True)
class Code:
    """One entry of a container: ``arch`` as ``90``, ``90a`` or ``100f``; with ``ptx`` (as ``8.4``) it is PTX."""

    arch: str
    ptx: str = ""
    size: int = 64
    header: int = 64


def container(entries: Iterable[Code], *, filling: int = 0) -> bytes:
    """One container with its entries; ``filling`` are zero bytes behind the last one."""
    body = b""
    for entry in entries:
        digits = entry.arch.rstrip("af")
        flags = 0x11 | {"a": 0x100000, "f": 0x200000}.get(entry.arch[len(digits) :], 0)
        major, minor = map(int, entry.ptx.split(".")) if entry.ptx else (1, 7)
        head = struct.pack(
            "<HHIIIIIHHIIIQQQ",
            1 if entry.ptx else 2,
            0x0101,
            entry.header,
            entry.size,
            0,
            0,
            64,
            minor,
            major,
            int(digits),
            0,
            0,
            flags,
            0,
            0,
        )
        body += head.ljust(entry.header, b"\0") + b"\xab" * entry.size
    body += b"\0" * filling
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


class _Strings:
    def __init__(self) -> None:
        self.data = b"\0"

    def add(self, text: str) -> int:
        at = len(self.data)
        self.data += text.encode() + b"\0"
        return at


def build_elf(
    *,
    soname: str = "",
    needed: Sequence[str] = (),
    runpath: str = "",
    version_needs: Mapping[str, Sequence[str]] | None = None,
    version_definitions: Sequence[str] = (),
    undefined: Sequence[str] = (),
    defined: Sequence[str] = (),
    sections: Mapping[str, bytes] | None = None,
    machine: str = "x86_64",
    has_sections: bool = True,
    front: int = 0,
) -> bytes:
    """A 64-bit shared object for readers, not for loaders: everything lies in one loaded segment.

    ``name@VERSION`` is a symbol with a version; ``front`` are zero bytes before everything else, so that the tables lie
    far from the begin of the file.
    """
    strings = _Strings()
    needs = dict(version_needs or {})
    name_at = strings.add(soname) if soname else 0
    needed_at = [strings.add(name) for name in needed]
    runpath_at = strings.add(runpath) if runpath else 0
    numbers: dict[str, int] = {version: 2 + place for place, version in enumerate(version_definitions)}
    verdef = _verdef(strings, soname or "self", numbers)
    verneed = b""
    libraries = list(needs.items())
    for place, (library, versions) in enumerate(libraries):
        verneed += _verneed(strings, library, versions, numbers, is_last=place == len(libraries) - 1)
    symbols, versym = struct.pack("<IBBHQQ", 0, 0, 0, 0, 0, 0), [0]
    for names, section in ((undefined, 0), (defined, 1)):
        for text in names:
            name, _, version = text.partition("@")
            symbols += struct.pack("<IBBHQQ", strings.add(name), 0x12, 0, section, 0x1000 if section else 0, 0)
            versym.append(numbers.get(version, 1))
    count = len(versym)
    hashes = struct.pack(f"<II{1 + count}I", 1, count, 1 if count > 1 else 0, *[0] * count)
    parts: list[tuple[str, bytes]] = [
        (".dynstr", strings.data),
        (".dynsym", symbols),
        (".gnu.version", struct.pack(f"<{count}H", *versym)),
        (".gnu.version_d", verdef),
        (".gnu.version_r", verneed),
        (".hash", hashes),
        *(sections or {}).items(),
    ]
    places: dict[str, tuple[int, int]] = {}
    body, at = b"\0" * front, 64 + 2 * 56
    for name, data in parts:
        padding = -(at + len(body)) % 8
        body += b"\0" * padding
        places[name] = at + len(body), len(data)
        body += data
    body += b"\0" * (-(at + len(body)) % 8)
    tags = [(1, place) for place in needed_at]
    tags += [(14, name_at)] if soname else []
    tags += [(29, runpath_at)] if runpath else []
    tags += [(4, places[".hash"][0]), (5, places[".dynstr"][0]), (6, places[".dynsym"][0])]
    tags += [(10, len(strings.data)), (0x6FFFFFF0, places[".gnu.version"][0])]
    if numbers and verdef:
        tags += [(0x6FFFFFFC, places[".gnu.version_d"][0]), (0x6FFFFFFD, 1 + len(version_definitions))]
    if needs:
        tags += [(0x6FFFFFFE, places[".gnu.version_r"][0]), (0x6FFFFFFF, len(needs))]
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in [*tags, (0, 0)])
    dynamic_at = at + len(body)
    body += dynamic
    table, table_at = _section_table(places, at + len(body)) if has_sections else (b"", 0)
    size = at + len(body) + len(table)
    header = b"\x7fELF\x02\x01\x01" + b"\0" * 9
    header += struct.pack(
        "<HHIQQQIHHHHHH",
        3,
        _MACHINES[machine],
        1,
        0,
        64,
        table_at,
        0,
        64,
        56,
        2,
        64,
        len(places) + 2 if has_sections else 0,
        len(places) + 1 if has_sections else 0,
    )
    program = struct.pack("<IIQQQQQQ", _LOAD, 5, 0, 0, 0, size, size, 4096)
    program += struct.pack("<IIQQQQQQ", _DYNAMIC, 6, dynamic_at, dynamic_at, dynamic_at, len(dynamic), len(dynamic), 8)
    return header + program + body + table


def _verdef(strings: _Strings, own: str, numbers: Mapping[str, int]) -> bytes:
    if not numbers:
        return b""
    rows = [(own, 1, 1), *((name, number, 0) for name, number in numbers.items())]
    data = b""
    for place, (name, number, flags) in enumerate(rows):
        following = 0 if place == len(rows) - 1 else 28
        data += struct.pack("<HHHHIII", 1, flags, number, 1, 0, 20, following) + struct.pack(
            "<II", strings.add(name), 0
        )
    return data


def _verneed(
    strings: _Strings, library: str, versions: Sequence[str], numbers: dict[str, int], *, is_last: bool
) -> bytes:
    rows = b""
    for place, version in enumerate(versions):
        number = numbers.setdefault(version, 2 + len(numbers))
        following = 0 if place == len(versions) - 1 else 16
        rows += struct.pack("<IHHII", 0, 0, number, strings.add(version), following)
    following = 0 if is_last else 16 + len(rows)
    return struct.pack("<HHIII", 1, len(versions), strings.add(library), 16, following) + rows


def _section_table(places: Mapping[str, tuple[int, int]], at: int) -> tuple[bytes, int]:
    """The names of sections, and their headers behind them; the offset of the headers."""
    names = _Strings()
    rows = [struct.pack("<IIQQQQIIQQ", *[0] * 10)]
    for name, (offset, size) in places.items():
        kind = 11 if name == ".dynsym" else _PROGRAM
        rows.append(struct.pack("<IIQQQQIIQQ", names.add(name), kind, 0, offset, offset, size, 0, 0, 8, 0))
    own = names.add(".shstrtab")
    rows.append(struct.pack("<IIQQQQIIQQ", own, 3, 0, 0, at, len(names.data), 0, 0, 1, 0))
    padding = -(at + len(names.data)) % 8
    table_at = at + len(names.data) + padding
    return names.data + b"\0" * padding + b"".join(rows), table_at
