"""A tree is one wheel, unpacked: read-only files and the manifest that was published with them."""

from __future__ import annotations

import marshal

from provenv.store.packed import MARSHAL_VERSION, pack, unpack
from provenv.wheel.record import write_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    from provenv.model.machine import Interpreter

    Entry: TypeAlias = tuple[str, int, bool, str]
    EntryPoint: TypeAlias = tuple[str, str, str]

__all__ = [
    "MTIME",
    "MTIME_NS",
    "SHARED",
    "WRITTEN_BY_INSTALLERS",
    "Bytecode",
    "Listing",
    "Tree",
    "bytecode_key",
    "tag_of",
]

MTIME = 1_577_836_800
"""Modification time of every file in the store, in seconds: 1 January 2020, UTC.

One constant time makes trees and byte code (which records the time of its source) the same on every machine.
"""
MTIME_NS = MTIME * 1_000_000_000

WRITTEN_BY_INSTALLERS = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
"""Files of a ``.dist-info`` directory that every installer writes itself, whatever a wheel ships."""

_TREE = b"provenv tree 2\n"
_BYTECODE = b"provenv bytecode 2\n"
SHARED = b"provenv shared 2\n"
"""Mark of the manifest of a shared environment; ``env.shared`` says what is in it."""


class Listing:
    """Files prepared for installers, so that linking ten thousand of them costs no work per file but the link.

    ``groups`` are ``(directory, names)``, sorted; ``record`` holds their lines of RECORD; ``rows`` is the marshalled
    tuple of ``(path, size, is_executable)``, for receipts. Files that an installer writes itself (RECORD and
    such) are left out.
    """

    __slots__ = ("groups", "record", "rows")

    def __init__(self, groups: tuple[tuple[str, tuple[str, ...]], ...], record: str, rows: bytes) -> None:
        self.groups = groups
        self.record = record
        self.rows = rows

    @classmethod
    def from_files(cls, files: Iterable[tuple[str, int, bool, str]]) -> Listing:
        """Prepare ``(path, size, is_executable, sha256)``; an empty hash gives a line without hash and size."""
        groups: dict[str, list[str]] = {}
        lines: list[tuple[str, str, str]] = []
        rows: list[tuple[str, int, bool]] = []
        for path, size, is_executable, sha256 in files:
            parent, _, name = path.rpartition("/")
            groups.setdefault(parent, []).append(name)
            lines.append((path, f"sha256={sha256}", str(size)) if sha256 else (path, "", ""))
            rows.append((path, size, is_executable))
        ordered = tuple((parent, tuple(names)) for parent, names in sorted(groups.items()))
        return cls(ordered, write_record(lines), marshal.dumps(tuple(rows), MARSHAL_VERSION))


class Tree:
    """An unpacked wheel. ``entry_points`` are ``(group, name, reference)``; ``data_dir`` is ``x-1.0.data`` or empty."""

    __slots__ = (
        "_entries",
        "data_dir",
        "directory",
        "dist_info",
        "entry_points",
        "filename",
        "is_lax",
        "is_purelib",
        "listing",
        "name",
        "sha256",
        "version",
    )

    def __init__(
        self,
        *,
        directory: str,
        sha256: str,
        filename: str,
        name: str,
        version: str,
        dist_info: str,
        data_dir: str,
        is_purelib: bool,
        entry_points: tuple[EntryPoint, ...],
        listing: Listing,
        entries: bytes,
        is_lax: bool = False,
    ) -> None:
        self.directory = directory
        self.sha256 = sha256
        self.filename = filename
        self.name = name
        self.version = version
        self.dist_info = dist_info
        self.data_dir = data_dir
        self.is_purelib = is_purelib
        self.entry_points = entry_points
        self.listing = listing
        self.is_lax = is_lax
        """Its archive is sloppy, and passed only because a user let it: see ``archives.judge``."""
        self._entries = entries

    @property
    def files(self) -> str:
        """Absolute directory that holds the files of ``entries``."""
        return self.directory + "/files"

    @property
    def entries(self) -> tuple[Entry, ...]:
        """``(path, size, is_executable, sha256)`` of every file, sorted by path; loaded anew by each call.

        Paths are those of the archive (``x-1.0.data/...`` included); ``sha256`` is in the form that RECORD uses
        (URL-safe base64 without padding).
        """
        entries: tuple[Entry, ...] = marshal.loads(self._entries)
        return entries

    @classmethod
    def from_entries(
        cls,
        entries: tuple[Entry, ...],
        *,
        directory: str,
        sha256: str,
        filename: str,
        name: str,
        version: str,
        dist_info: str,
        data_dir: str,
        is_purelib: bool,
        entry_points: tuple[EntryPoint, ...],
        is_lax: bool = False,
    ) -> Tree:
        """Describe files that were just unpacked; ``entries`` are sorted."""
        own = {f"{dist_info}/{name}" for name in WRITTEN_BY_INSTALLERS}
        return cls(
            directory=directory,
            sha256=sha256,
            filename=filename,
            name=name,
            version=version,
            dist_info=dist_info,
            data_dir=data_dir,
            is_purelib=is_purelib,
            entry_points=entry_points,
            listing=Listing.from_files(entry for entry in entries if entry[0] not in own),
            entries=marshal.dumps(entries, MARSHAL_VERSION),
            is_lax=is_lax,
        )

    @classmethod
    def from_manifest(cls, data: bytes, directory: str, sha256: str) -> Tree | None:
        """Read a manifest; None when it is damaged, of another version or that of another wheel."""
        value = unpack(_TREE, data)
        if value is None or value[0] != sha256:
            return None
        _, filename, name, version, dist_info, data_dir, is_purelib, entry_points, *files = value
        groups, record, rows, entries, *lax = files
        return cls(
            directory=directory,
            sha256=sha256,
            filename=filename,
            name=name,
            version=version,
            dist_info=dist_info,
            data_dir=data_dir,
            is_purelib=is_purelib,
            entry_points=entry_points,
            listing=Listing(groups, record, rows),
            entries=entries,
            is_lax=bool(lax),
        )

    def manifest(self) -> bytes:
        """The bytes that ``from_manifest`` reads; they hold no path of this machine."""
        head = (self.sha256, self.filename, self.name, self.version, self.dist_info, self.data_dir, self.is_purelib)
        listing = self.listing
        files = (listing.groups, listing.record, listing.rows, self._entries)
        return pack(_TREE, (*head, self.entry_points, *files, *((True,) if self.is_lax else ())))

    def __repr__(self) -> str:
        return f"Tree({self.filename!r})"


class Bytecode:
    """Byte code of one tree for one kind of interpreter.

    Paths mirror the tree: ``pkg/__pycache__/x.cpython-311.pyc`` belongs to ``pkg/x.py``.
    """

    __slots__ = ("_digests", "directory", "listing")

    def __init__(self, *, directory: str, listing: Listing, digests: bytes) -> None:
        self.directory = directory
        self.listing = listing
        self._digests = digests

    @property
    def files(self) -> str:
        """Absolute directory that holds the files of ``entries``."""
        return self.directory + "/files"

    @property
    def entries(self) -> tuple[tuple[str, int], ...]:
        """``(path, size)`` of every ``.pyc`` file, sorted by path; loaded anew by each call."""
        return tuple((path, size) for path, size, _ in marshal.loads(self.listing.rows))

    @property
    def digests(self) -> tuple[str, ...]:
        """The SHA-256 (hex) of every one of ``entries``."""
        return tuple(self._digests[at : at + 32].hex() for at in range(0, len(self._digests), 32))

    @classmethod
    def from_entries(cls, entries: Iterable[tuple[str, int, str]], directory: str) -> Bytecode:
        """Describe files that were just compiled: ``(path, size, sha256 in hex)``."""
        ordered = sorted(entries)
        return cls(
            directory=directory,
            listing=Listing.from_files((path, size, False, "") for path, size, _ in ordered),
            digests=bytes.fromhex("".join(digest for _, _, digest in ordered)),
        )

    @classmethod
    def from_manifest(cls, data: bytes, directory: str, key: str) -> Bytecode | None:
        """Read a manifest; None when it is damaged, of another version, or not that of ``key``."""
        value = unpack(_BYTECODE, data)
        if value is None or value[0] != key:
            return None
        _, groups, record, rows, digests = value
        return cls(directory=directory, listing=Listing(groups, record, rows), digests=digests)

    def manifest(self, key: str) -> bytes:
        """The bytes that ``from_manifest`` reads; ``key`` (see ``bytecode_key``) says what it is the byte code of."""
        return pack(_BYTECODE, (key, self.listing.groups, self.listing.record, self.listing.rows, self._digests))


def bytecode_key(tag: str, sha256: str) -> str:
    """Names the byte code of one tree for one kind of interpreter."""
    return f"{tag}/{sha256}"


def tag_of(interpreter: Interpreter) -> str:
    """Names the interpreters that share byte code: the cache tag, the ABI flags, and a pre-release in full."""
    is_final = interpreter.version.replace(".", "").isdecimal()
    return interpreter.cache_tag + interpreter.soabi_flags + ("" if is_final else "-" + interpreter.version)
