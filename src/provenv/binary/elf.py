"""What an ELF file says of itself to the dynamic loader, from its program headers; sections only where they exist.

Layouts and numbers: System V ABI (gABI 4.3) chapters 4 and 5, ``elf(5)``; symbol versions: LSB 5.0, 10.7. Files are
strangers': whatever does not fit ends the reading with ``Cut`` and never reads outside.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from provenv.binary.reading import Cut, Readable

__all__ = ["MACHINES", "Elf", "Section", "Symbol", "dynamic_place", "is_elf", "read_elf", "read_symbols"]

MACHINES: Mapping[int, str] = {
    3: "i686",
    21: "ppc64le",
    22: "s390x",
    40: "armv7l",
    62: "x86_64",
    183: "aarch64",
    190: "cuda",
    243: "riscv64",
    224: "amdgpu",
    258: "loongarch64",
}
"""``e_machine`` to the name that platform tags use."""

_LOAD, _DYNAMIC, _INTERPRETER = 1, 2, 3
_NEEDED, _HASH, _STRTAB, _SYMTAB, _STRSZ, _SONAME, _RPATH, _RUNPATH = 1, 4, 5, 6, 10, 14, 15, 29
_GNU_HASH, _VERSYM, _VERDEF, _VERDEFNUM, _VERNEED, _VERNEEDNUM = (
    0x6FFFFEF5,
    0x6FFFFFF0,
    0x6FFFFFFC,
    0x6FFFFFFD,
    0x6FFFFFFE,
    0x6FFFFFFF,
)
_MOST_HEADERS = 4096
_MOST_STRINGS = 1 << 28
_LONGEST_LIST = 1 << 20
_WEAK = 2
_HIDDEN = 0x7FFF


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """One section: ``kind`` is its ``sh_type`` (1: contents of the program, 8: takes no place in the file)."""

    name: str
    kind: int
    offset: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Symbol:
    """One dynamic symbol; ``version`` and ``library`` are empty where it has none."""

    name: str
    version: str
    library: str
    is_defined: bool
    is_weak: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Elf:
    """The dynamic facts of one file.

    ``version_needs`` maps a library to the symbol versions that are needed of it (``{"libc.so.6": ("GLIBC_2.34",)}``);
    ``version_definitions`` are those that it defines itself.
    """

    machine: str
    bits: int
    is_little: bool
    flags: int
    interpreter: str = ""
    soname: str = ""
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()
    version_needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    version_definitions: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    tags: Mapping[int, int] = field(default_factory=dict)
    segments: tuple[tuple[int, int, int], ...] = ()
    """``(address, offset, size in the file)`` of what is loaded."""


def is_elf(start: bytes) -> bool:
    """Whether a file that begins so is an ELF file."""
    return start[:4] == b"\x7fELF"


def read_elf(data: Readable) -> Elf:
    """Read the dynamic facts. Raises Cut when ``data`` is not a whole ELF file."""
    return _Reader(data).read()


def read_symbols(data: Readable, elf: Elf) -> Iterator[Symbol]:
    """The dynamic symbols, as they stand in the file. Raises Cut."""
    return _Reader(data).symbols(elf)


def dynamic_place(start: Readable) -> tuple[int, int] | None:
    """Offset and size of the dynamic section, told by the begin of a file; None when that tells none."""
    try:
        found = next((header for header in _Reader(start).program_headers() if header[0] == _DYNAMIC), None)
    except Cut:
        return None
    return None if found is None else (found[1], found[3])


class _Reader:
    def __init__(self, data: Readable) -> None:
        self.data = data
        start = data.read(0, 20)
        if not is_elf(start) or start[4] not in (1, 2) or start[5] not in (1, 2):
            raise Cut("not an ELF file")
        self.is_wide = start[4] == 2
        self.order = "<" if start[5] == 1 else ">"

    def unpack(self, layout: str, offset: int) -> tuple[int, ...]:
        size = struct.calcsize("=" + layout)
        values: tuple[int, ...] = struct.unpack(self.order + layout, self.data.read(offset, size))
        return values

    def program_headers(self) -> Iterator[tuple[int, int, int, int]]:
        """``(type, offset, address, size in the file)``."""
        if self.is_wide:
            _, _, phoff, _, _, _, phsize, phnum, _, _, _ = self.unpack("IQQQIHHHHHH", 20)
        else:
            _, _, phoff, _, _, _, phsize, phnum, _, _, _ = self.unpack("IIIIIHHHHHH", 20)
        return self._program_headers(phoff, phsize, phnum)

    def read(self) -> Elf:
        machine, *_ = self.unpack("H", 18)
        if self.is_wide:
            _, _, phoff, shoff, flags, _, phsize, phnum, shsize, shnum, shstr = self.unpack("IQQQIHHHHHH", 20)
        else:
            _, _, phoff, shoff, flags, _, phsize, phnum, shsize, shnum, shstr = self.unpack("IIIIIHHHHHH", 20)
        headers = list(self._program_headers(phoff, phsize, phnum))
        segments = tuple((address, offset, size) for kind, offset, address, size in headers if kind == _LOAD)
        plain = Elf(
            machine=MACHINES.get(machine, f"machine {machine}"),
            bits=64 if self.is_wide else 32,
            is_little=self.order == "<",
            flags=flags,
            sections=tuple(self._sections(shoff, shsize, shnum, shstr)),
            segments=segments,
        )
        dynamic = next((header for header in headers if header[0] == _DYNAMIC), None)
        interpreter = next((header for header in headers if header[0] == _INTERPRETER), None)
        if dynamic is None:
            return plain
        return self._with_dynamic(plain, dynamic, interpreter)

    def _program_headers(self, offset: int, size: int, count: int) -> Iterator[tuple[int, int, int, int]]:
        """``(type, offset, address, size in the file)``."""
        if count > _MOST_HEADERS or (count and size < (56 if self.is_wide else 32)):
            raise Cut("program headers that cannot be")
        for number in range(count):
            at = offset + number * size
            if self.is_wide:
                kind, _, begin, address, _, length, *_ = self.unpack("IIQQQQQQ", at)
            else:
                kind, begin, address, _, length, *_ = self.unpack("IIIIIIII", at)
            yield kind, begin, address, length

    def _sections(self, offset: int, size: int, count: int, strings: int) -> Iterator[Section]:
        """Sections, when there are any: a stripped file has none, and one that is cut tells none."""
        layout = "IIQQQQIIQQ" if self.is_wide else "IIIIIIIIII"
        if not offset or count > _MOST_HEADERS * 16 or size < struct.calcsize("=" + layout):
            return
        try:
            rows = [self.unpack(layout, offset + number * size) for number in range(count)]
            names = self.data.read(rows[strings][4], min(rows[strings][5], _LONGEST_LIST)) if strings < count else b""
        except Cut:
            return
        for row in rows:
            yield Section(name=_text(names, row[0]), kind=row[1], offset=row[4], size=row[5])

    def _with_dynamic(
        self, plain: Elf, dynamic: tuple[int, int, int, int], interpreter: tuple[int, int, int, int] | None
    ) -> Elf:
        _, offset, _, size = dynamic
        tags: dict[int, int] = {}
        lists: dict[int, list[int]] = {_NEEDED: []}
        layout, width = ("QQ", 16) if self.is_wide else ("II", 8)
        for at in range(offset, offset + min(size, _LONGEST_LIST), width):
            tag, value = self.unpack(layout, at)
            if tag == 0:
                break
            if tag in lists:
                lists[tag].append(value)
            else:
                tags[tag] = value
        strings = self._strings(plain, tags)
        told = "" if interpreter is None else _text(self.data.read(interpreter[1], min(interpreter[3], 4096)), 0)
        return Elf(
            machine=plain.machine,
            bits=plain.bits,
            is_little=plain.is_little,
            flags=plain.flags,
            interpreter=told,
            soname=_text(strings, tags[_SONAME]) if _SONAME in tags else "",
            needed=tuple(_text(strings, at) for at in lists[_NEEDED]),
            rpath=_places(strings, tags.get(_RPATH)),
            runpath=_places(strings, tags.get(_RUNPATH)),
            version_needs={library: tuple(found) for library, found in self._version_needs(plain, tags, strings)},
            version_definitions=tuple(name for _, name in self._version_definitions(plain, tags, strings)),
            sections=plain.sections,
            tags=tags,
            segments=plain.segments,
        )

    def _strings(self, elf: Elf, tags: Mapping[int, int]) -> bytes:
        if _STRTAB not in tags or not tags.get(_STRSZ):
            return b""
        if tags[_STRSZ] > _MOST_STRINGS:
            raise Cut("a string table that cannot be")
        return self.data.read(_offset(elf, tags[_STRTAB]), tags[_STRSZ])

    def _version_needs(self, elf: Elf, tags: Mapping[int, int], strings: bytes) -> Iterator[tuple[str, list[str]]]:
        for library, rows in self._needed_versions(elf, tags, strings):
            yield library, sorted({name for _, name in rows})

    def _needed_versions(
        self, elf: Elf, tags: Mapping[int, int], strings: bytes
    ) -> Iterator[tuple[str, list[tuple[int, str]]]]:
        """Library and its ``(number, version)``; the number is what a symbol's version index says."""
        if _VERNEED not in tags:
            return
        at = _offset(elf, tags[_VERNEED])
        for _ in range(min(tags.get(_VERNEEDNUM, 0), _MOST_HEADERS)):
            _, count, file, first, following = self.unpack("HHIII", at)
            rows, place = [], at + first
            for _ in range(count):
                _, _, number, name, after = self.unpack("IHHII", place)
                rows.append((number & _HIDDEN, _text(strings, name)))
                place += after
                if not after:
                    break
            yield _text(strings, file), rows
            at += following
            if not following:
                return

    def _version_definitions(self, elf: Elf, tags: Mapping[int, int], strings: bytes) -> Iterator[tuple[int, str]]:
        """``(number, version)``; the first one names the file itself and is left out."""
        if _VERDEF not in tags:
            return
        at = _offset(elf, tags[_VERDEF])
        for _ in range(min(tags.get(_VERDEFNUM, 0), _LONGEST_LIST)):
            _, flags, number, _, _, first, following = self.unpack("HHHHIII", at)
            name, _ = self.unpack("II", at + first)
            if not flags & 1:
                yield number & _HIDDEN, _text(strings, name)
            at += following
            if not following:
                return

    def symbols(self, elf: Elf) -> Iterator[Symbol]:
        if _SYMTAB not in elf.tags:
            return
        tags, strings = elf.tags, self._strings(elf, elf.tags)
        count = self._symbol_count(elf)
        width = 24 if self.is_wide else 16
        table = self.data.read(_offset(elf, tags[_SYMTAB]), count * width)
        numbers: Sequence[int] = ()
        if _VERSYM in tags:
            packed = self.data.read(_offset(elf, tags[_VERSYM]), count * 2)
            numbers = struct.unpack(f"{self.order}{count}H", packed)
        versions: dict[int, tuple[str, str]] = {}
        for library, rows in self._needed_versions(elf, tags, strings):
            versions.update({number: (name, library) for number, name in rows})
        versions.update({number: (name, "") for number, name in self._version_definitions(elf, tags, strings)})
        layout = struct.Struct(self.order + ("IBBHQQ" if self.is_wide else "IIIBBH"))
        for index, row in enumerate(layout.iter_unpack(table)):
            name, info, place = (row[0], row[1], row[3]) if self.is_wide else (row[0], row[3], row[5])
            if not name:
                continue
            number = numbers[index] & _HIDDEN if numbers else 0
            version, library = versions.get(number, ("", ""))
            yield Symbol(
                name=_text(strings, name),
                version=version,
                library=library,
                is_defined=place != 0,
                is_weak=info >> 4 == _WEAK,
            )

    def _symbol_count(self, elf: Elf) -> int:
        """The dynamic table tells no length: a hash table does."""
        if _HASH in elf.tags:
            _, chains = self.unpack("II", _offset(elf, elf.tags[_HASH]))
            return min(chains, _MOST_STRINGS // 24)
        if _GNU_HASH in elf.tags:
            return self._gnu_count(_offset(elf, elf.tags[_GNU_HASH]))
        section = next((one for one in elf.sections if one.kind == 11), None)
        return section.size // (24 if self.is_wide else 16) if section is not None else 0

    def _gnu_count(self, at: int) -> int:
        buckets, first, bloom, _ = self.unpack("IIII", at)
        start = at + 16 + bloom * (8 if self.is_wide else 4)
        if buckets > _MOST_STRINGS // 4:
            raise Cut("a hash table that cannot be")
        last = max(self.unpack(f"{buckets}I", start), default=0)
        if last < first:
            return first
        chain = start + 4 * buckets + 4 * (last - first)
        while not self.unpack("I", chain)[0] & 1:
            last, chain = last + 1, chain + 4
        return last + 1


def _offset(elf: Elf, address: int) -> int:
    """Where in the file a loaded address lies."""
    for begin, offset, size in elf.segments:
        if begin <= address < begin + size:
            return offset + address - begin
    raise Cut(f"address {address:#x} is not loaded from the file")


def _text(strings: bytes, at: int) -> str:
    if at >= len(strings):
        return ""
    end = strings.find(b"\0", at)
    return strings[at : end if end >= 0 else len(strings)].decode("utf-8", "replace")


def _places(strings: bytes, at: int | None) -> tuple[str, ...]:
    return () if at is None else tuple(part for part in _text(strings, at).split(":") if part)
