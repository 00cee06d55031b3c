"""A tree is one wheel, unpacked: read-only files and the manifest that was published with them."""

from __future__ import annotations

from provenv.store.packed import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Entry: TypeAlias = tuple[str, int, bool, str]
    EntryPoint: TypeAlias = tuple[str, str, str]

__all__ = ["MTIME", "MTIME_NS", "SHARED", "Bytecode", "Tree", "is_manifest"]

MTIME = 1_577_836_800
"""Modification time of every file in the store, in seconds: 1 January 2020, UTC.

One constant time makes trees and byte code (which records the time of its source) the same on every machine.
"""
MTIME_NS = MTIME * 1_000_000_000

_TREE = b"provenv tree 1\n"
_BYTECODE = b"provenv bytecode 1\n"
SHARED = b"provenv shared 1\n"
"""Mark of the manifest of a shared environment; ``env.shared`` says what is in it."""


class Tree:
    """An unpacked wheel. ``entries`` are ``(path, size, is_executable, sha256)``, sorted by path.

    Paths are those of the archive (``x-1.0.data/...`` included); ``sha256`` is in the form that RECORD uses (URL-safe
    base64 without padding). ``entry_points`` are ``(group, name, reference)``; ``data_dir`` is ``x-1.0.data`` or empty.
    """

    __slots__ = (
        "data_dir",
        "directory",
        "dist_info",
        "entries",
        "entry_points",
        "filename",
        "is_purelib",
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
        entries: tuple[Entry, ...],
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
        self.entries = entries

    @property
    def files(self) -> str:
        """Absolute directory that holds the files of ``entries``."""
        return self.directory + "/files"

    @classmethod
    def from_manifest(cls, data: bytes, directory: str, sha256: str) -> Tree | None:
        """Read a manifest; None when it is damaged or of another version."""
        value = unpack(_TREE, data)
        if value is None:
            return None
        filename, name, version, dist_info, data_dir, is_purelib, entry_points, entries = value
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
            entries=entries,
        )

    def manifest(self) -> bytes:
        """The bytes that ``from_manifest`` reads; they hold no path of this machine."""
        return pack(
            _TREE,
            (
                self.filename,
                self.name,
                self.version,
                self.dist_info,
                self.data_dir,
                self.is_purelib,
                self.entry_points,
                self.entries,
            ),
        )

    def __repr__(self) -> str:
        return f"Tree({self.filename!r})"


class Bytecode:
    """Byte code of one tree for one kind of interpreter. ``entries`` are ``(path, size)`` of ``.pyc`` files.

    Paths mirror the tree: ``pkg/__pycache__/x.cpython-311.pyc`` belongs to ``pkg/x.py``.
    """

    __slots__ = ("directory", "entries")

    def __init__(self, *, directory: str, entries: tuple[tuple[str, int], ...]) -> None:
        self.directory = directory
        self.entries = entries

    @property
    def files(self) -> str:
        """Absolute directory that holds the files of ``entries``."""
        return self.directory + "/files"

    @classmethod
    def from_manifest(cls, data: bytes, directory: str) -> Bytecode | None:
        """Read a manifest; None when it is damaged or of another version."""
        entries = unpack(_BYTECODE, data)
        return None if entries is None else cls(directory=directory, entries=entries)

    def manifest(self) -> bytes:
        """The bytes that ``from_manifest`` reads."""
        return pack(_BYTECODE, self.entries)


def is_manifest(data: bytes) -> bool:
    """Whether ``data`` is a whole manifest of a tree, of byte code or of a shared environment."""
    return any(unpack(mark, data) is not None for mark in (_TREE, _BYTECODE, SHARED))
