"""What the compiled files of a wheel are: read from its unpacked tree, or streamed from the wheel itself; kept by hash.

::

    v1/facts/ab/<sha256 of the wheel>      one small record

Streaming inflates each compiled member once and keeps little: the begin of the file, where loaders' tables mostly
are, and its end. Where they lie elsewhere the member is inflated again, and that part is kept.
"""

from __future__ import annotations

import mmap
import os

from provenv.archives.zip import Member, read_archive
from provenv.binary.device_code import DeviceCode, Scanner
from provenv.binary.elf import dynamic_place, is_elf
from provenv.binary.facts import FileFacts, ModuleGroup, facts_of
from provenv.binary.gfx import GfxScanner
from provenv.binary.reading import Cut, InMemory
from provenv.errors import InstallError
from provenv.store.failure import told_as_install_error
from provenv.store.inflate import Source, pieces
from provenv.store.inspection import side_by_side
from provenv.store.packed import pack, unpack
from provenv.store.shelves import read_if_there

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from provenv.store.store import Store
    from provenv.store.tree import Tree

__all__ = [
    "compiled_facts",
    "facts_of_directory",
    "facts_of_tree",
    "facts_of_wheel",
    "from_plain",
    "keep_facts",
    "kept_facts",
    "plain",
]

_MARK = b"provenv facts 1\n"
_SMALLEST = 64
"""No ELF file is smaller than its header."""
_PIECE = 1 << 20
_FRONT, _BACK = 40 << 20, 8 << 20
_MOST_PASSES = 4
_PLAIN = (".py", ".pyi", ".pyc", ".txt", ".h", ".hpp", ".cuh", ".json", ".md", ".rst", ".html", ".js", ".css", ".svg")
"""Files that are never looked into: hundreds of thousands of them would be opened for nothing."""


def compiled_facts(store: Store, sha256: str, filename: str) -> tuple[FileFacts, ...] | None:
    """The facts of a wheel's compiled files: as they were kept, else read from its tree or its blob, and kept.

    None when the store has neither. Raises IntegrityError for a wheel that cannot be read.
    """
    known = kept_facts(store, sha256)
    if known is not None:
        return known
    tree = store.tree(sha256)
    if tree is not None:
        found = facts_of_tree(tree)
    elif (blob := store.blob(sha256)) is not None:
        found = facts_of_wheel(blob, filename, workers=store.workers)
    else:
        return None
    keep_facts(store, sha256, found)
    return found


def kept_facts(store: Store, sha256: str) -> tuple[FileFacts, ...] | None:
    """The facts that were kept of a wheel, if any."""
    data = read_if_there(store.place("facts", sha256))
    value = None if data is None else unpack(_MARK, data)
    return None if value is None else tuple(from_plain(row) for row in value)


def keep_facts(store: Store, sha256: str, facts: Sequence[FileFacts]) -> None:
    """Keep the facts of a wheel. A store that cannot be written to keeps none, which costs a reading."""
    try:
        with told_as_install_error("keep facts in", store.root):
            directory = store.temporary()
            try:
                with open(directory + "/facts", "xb") as file:
                    file.write(pack(_MARK, tuple(plain(one) for one in facts)))
                store.publish(directory + "/facts", store.place("facts", sha256), replaces=True)
            finally:
                store.discard(directory)
    except InstallError:
        return


def facts_of_tree(tree: Tree) -> tuple[FileFacts, ...]:
    """The facts of an unpacked wheel's compiled files, by path."""
    return facts_of_directory(tree.files, [path for path, size, _, _ in tree.entries if size >= _SMALLEST])


def facts_of_directory(directory: str, paths: Iterable[str]) -> tuple[FileFacts, ...]:
    """The facts of those of ``paths`` (relative to ``directory``) that are compiled files."""
    found = []
    for path in sorted(paths):
        if path.endswith(_PLAIN):
            continue
        descriptor = os.open(f"{directory}/{path}", os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            if not is_elf(os.read(descriptor, 4)) or os.fstat(descriptor).st_size < _SMALLEST:
                continue
            with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as mapped:
                facts = _facts_of_mapped(path, mapped)
        finally:
            os.close(descriptor)
        if facts is not None:
            found.append(facts)
    return tuple(found)


def _facts_of_mapped(path: str, mapped: mmap.mmap) -> FileFacts | None:
    scanner, gfx = Scanner(), GfxScanner()
    view = memoryview(mapped)
    try:
        for at in range(0, len(view), _PIECE):
            with view[at : at + _PIECE] as piece:
                scanner.feed(piece)
                gfx.feed(piece)
            if hasattr(mmap, "MADV_DONTNEED") and at >= _FRONT:
                mapped.madvise(mmap.MADV_DONTNEED, at - _FRONT & -mmap.PAGESIZE, _PIECE)
        gfx.finish()
        readable = InMemory(view)
        try:
            return facts_of(path, readable, scanner, gfx.names)
        finally:
            readable.close()
    finally:
        view.release()


def facts_of_wheel(path: str, filename: str, *, workers: int = 1) -> tuple[FileFacts, ...]:
    """The facts of a wheel's compiled files, without unpacking it; in bounded memory, no temporary file.

    Raises IntegrityError.
    """
    source = Source(path, filename)
    try:
        members = [
            member
            for member in _members(source, filename)
            if member.size >= _SMALLEST and not member.path.endswith(_PLAIN)
        ]
        members.sort(key=lambda member: -member.size)
        found = side_by_side(lambda member: _facts_of_member(source, member), members, workers)
    finally:
        source.close()
    return tuple(sorted((facts for facts in found if facts is not None), key=lambda facts: facts.path))


def _members(source: Source, filename: str) -> tuple[Member, ...]:
    with source.map() as mapped, memoryview(mapped) as view:
        return read_archive(view, filename)


def _facts_of_member(source: Source, member: Member) -> FileFacts | None:
    scanner, gfx, kept = Scanner(), GfxScanner(), _Kept(member.size)
    if not _inflate(source, member, (scanner.feed, gfx.feed, kept.feed)):
        return None
    gfx.finish()
    for _ in range(_MOST_PASSES):
        facts = facts_of(member.path, kept, scanner, gfx.names)
        if facts is not None or kept.lacked is None:
            return facts
        kept.want(*kept.lacked)
        _inflate(source, member, (kept.feed,))
    return None


def _inflate(source: Source, member: Member, takers: Sequence[Callable[[bytes | memoryview], None]]) -> bool:
    """Give a member piece by piece to all ``takers``; False, at once, when it is no ELF file."""
    is_first = True
    for piece in pieces(source, member):
        if is_first and not is_elf(bytes(piece[:4])):
            return False
        is_first = False
        for take in takers:
            take(piece)
    return not is_first


class _Kept:
    """The begin and the end of a member that passes by, what its headers name, and parts that were asked for before."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.lacked: tuple[int, int] | None = None
        """Offset and length of what was read and is not held."""
        self._spans: list[tuple[int, int]] = [(0, min(size, _FRONT))]
        if size > _FRONT:
            self._spans.append((max(_FRONT, size - _BACK), size))
        self._parts: list[bytearray] = [bytearray() for _ in self._spans]
        self._at = 0

    def want(self, offset: int, length: int) -> None:
        """Hold this part, too, when the member passes by again."""
        self._spans.append((offset, min(self.size, offset + max(length, _BACK))))
        self._parts = [bytearray() for _ in self._spans]
        self._at = 0
        self.lacked = None

    def feed(self, piece: bytes | memoryview) -> None:
        """Take the next bytes."""
        begin, end = self._at, self._at + len(piece)
        if begin == 0 and (place := dynamic_place(InMemory(piece))) is not None and place[1] <= _BACK:
            self._spans.append((place[0], min(self.size, place[0] + place[1])))
            self._parts.append(bytearray())
        for (first, last), part in zip(self._spans, self._parts, strict=True):
            if first < end and begin < last:
                part += piece[max(0, first - begin) : last - begin]
        self._at = end

    def read(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes from ``offset``. Raises Cut."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise Cut(f"{length} bytes at {offset} of {self.size}")
        for (first, last), part in zip(self._spans, self._parts, strict=True):
            if first <= offset and offset + length <= last:
                return bytes(part[offset - first : offset - first + length])
        self.lacked = offset, length
        raise Cut(f"{length} bytes at {offset} are not held")


def plain(facts: FileFacts) -> tuple[object, ...]:
    """The facts of a file as plain values, to be kept."""
    modules = tuple(
        (group.count, tuple((code.kind, code.arch, code.suffix, code.isa) for code in group.code))
        for group in facts.modules
    )
    needs = tuple(sorted((library, tuple(versions)) for library, versions in facts.version_needs.items()))
    return (
        facts.path,
        facts.machine,
        facts.bits,
        facts.soname,
        facts.needed,
        facts.search,
        needs,
        facts.version_definitions,
        modules,
        facts.gfx,
        facts.undefined,
        facts.defined,
        facts.python_symbols,
    )


def from_plain(row: tuple[Any, ...]) -> FileFacts:
    """The facts of a file, of what ``plain`` gave."""
    path, machine, bits, soname, needed, search, needs, definitions, modules, gfx, undefined, defined, python = row
    return FileFacts(
        path=path,
        machine=machine,
        bits=bits,
        soname=soname,
        needed=needed,
        search=search,
        version_needs=dict(needs),
        version_definitions=definitions,
        modules=tuple(ModuleGroup(tuple(DeviceCode(*code) for code in codes), count) for count, codes in modules),
        gfx=gfx,
        undefined=undefined,
        defined=defined,
        python_symbols=python,
    )
