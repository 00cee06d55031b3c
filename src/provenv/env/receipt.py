"""The receipt: what provenv put into an environment, file by file. Without it, an environment is unknown ground.

It is set aside before the first change and written after the last, by renaming, so it never tells of a change that was
not finished; while it is aside, its old form marks the environment as ours and unfinished. The head (which
distributions) is small and read alone on the warm path; the files of each distribution lie behind it and are loaded
when they are looked at.
"""

from __future__ import annotations

import marshal
import os

from provenv.store.packed import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    FileRow: TypeAlias = tuple[str, int, int, int]
    OwnRow: TypeAlias = tuple[str, str, int, int, int]
    """Path, target of a link, size, time in nanoseconds, mode; a link has only a target."""

__all__ = ["NAME", "UNFINISHED", "Receipt", "ReceiptItem", "body", "forget", "is_unfinished", "read", "write"]

NAME = "provenv-receipt"
"""File name of the receipt, in the root of the environment."""

UNFINISHED = NAME + ".unfinished"
"""There while a change is under way, and after one that did not end."""

_HEAD = b"provenv receipt 2\n"
_FILES = b"files\n"
_LENGTH = 8


class ReceiptItem:
    """One distribution: ``name`` (normalised), ``version``, ``sha256`` of its wheel, path of its ``.dist-info``.

    Its first file is RECORD. ``is_requested`` says whether it has a REQUESTED file, ``is_reduced`` whether it left
    files to another distribution.
    """

    __slots__ = ("dist_info", "is_reduced", "is_requested", "name", "sha256", "version")

    def __init__(
        self, *, name: str, version: str, sha256: str, dist_info: str, is_requested: bool, is_reduced: bool = False
    ) -> None:
        self.name = name
        self.version = version
        self.sha256 = sha256
        self.dist_info = dist_info
        self.is_requested = is_requested
        self.is_reduced = is_reduced


class Receipt:
    """The head of a receipt. ``stamps`` are ``(directory, mtime_ns)`` of the directories that tools change first."""

    __slots__ = (
        "_begin",
        "_data",
        "_path",
        "_spans",
        "boot",
        "interpreter",
        "items",
        "lock_digest",
        "own",
        "owners",
        "stamps",
    )

    def __init__(
        self,
        *,
        path: str,
        begin: int,
        spans: dict[str, tuple[int, int]],
        lock_digest: str,
        interpreter: tuple[str, ...],
        stamps: tuple[tuple[str, int], ...],
        items: dict[str, ReceiptItem],
        boot: str,
        own: tuple[OwnRow, ...],
        owners: tuple[tuple[str, str], ...],
    ) -> None:
        self._path = path
        self._data = b""
        self._begin = begin
        self._spans = spans
        self.lock_digest = lock_digest
        """Whatever the caller of ``apply`` gave: names the selection of the lock that was installed."""
        self.interpreter = interpreter
        """``identity`` of the interpreter that the environment was made for."""
        self.stamps = stamps
        self.items = items
        self.boot = boot
        """Of the machine, when the receipt was written: after another boot, files may be lost that it tells of."""
        self.own = own
        """The files that make the environment one: settings, programs, activation."""

        self.owners = owners
        """Whose files were taken where several distributions brought them: what the user had decided."""

    def files(self, name: str) -> tuple[FileRow, ...]:
        """``(path, size, mtime_ns, mode)`` of every file of a distribution, RECORD first; relative to the root."""
        rows = _rows(self.body(name))
        # Where the receipt is torn, nothing that is there can be right: not knowing is not good.
        return rows or ((f"{self.items[name].dist_info}/RECORD", -1, 0, 0),)

    def record(self, name: str) -> FileRow:
        """The row of a distribution's RECORD: whoever changes a distribution rewrites that."""
        value = unpack(_FILES, self.body(name))
        row: FileRow = (f"{self.items[name].dist_info}/RECORD", -1, 0, 0) if value is None else value[0][0]
        return row

    def all_files(self) -> dict[str, tuple[FileRow, ...]]:
        """The files of all distributions, by name."""
        return {name: self.files(name) for name in self._spans}

    def body(self, name: str) -> bytes:
        """What ``write`` takes for a distribution that stays as it is."""
        if not self._data:
            with open(self._path, "rb", buffering=0) as file:
                file.seek(self._begin)
                self._data = file.read()
        at, length = self._spans[name]
        return self._data[at : at + length]


def body(rows: tuple[FileRow, ...], parts: tuple[tuple[str, int, int, int, bytes], ...]) -> bytes:
    """The files of one distribution: ``rows`` (RECORD first), and many files at once as ``parts``.

    A part is ``(prefix, mtime_ns, mode, mode of programs, rows)``, its rows the marshalled tuple of ``(path, size,
    is_executable)`` that the store keeps for every tree, so nothing is done per file.
    """
    return pack(_FILES, (rows, parts))


def _rows(data: bytes) -> tuple[FileRow, ...]:
    value = unpack(_FILES, data)
    if value is None:
        return ()
    rows, parts = value
    found: list[FileRow] = list(rows)
    for prefix, mtime_ns, plain, program, packed in parts:
        start = prefix + "/" if prefix else ""
        found += [
            (start + path, size, mtime_ns, program if is_executable else plain)
            for path, size, is_executable in marshal.loads(packed)
        ]
    return tuple(found)


def read(root: str, name: str = NAME) -> Receipt | None:
    """The receipt of the environment at ``root``; None when it is missing, damaged or of another version.

    With ``UNFINISHED`` as its name, the one that was set aside: what was there before the change that did not end.

    One of another version reads as none: the environment is then unknown ground, and made anew from the store.
    """
    path = f"{root}/{name}"
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read(1 << 16)
            length = int.from_bytes(data[:_LENGTH], "little")
            if length > os.fstat(file.fileno()).st_size:
                return None
            while len(data) < _LENGTH + length:
                more = file.read(_LENGTH + length - len(data))
                if not more:
                    return None
                data += more
    except OSError:
        return None
    value = unpack(_HEAD, data[_LENGTH : _LENGTH + length])
    if value is None:
        return None
    boot, lock_digest, interpreter, stamps, own, owners, rows = value
    items: dict[str, ReceiptItem] = {}
    spans: dict[str, tuple[int, int]] = {}
    for name, version, sha256, dist_info, is_requested, is_reduced, offset, size in rows:
        items[name] = ReceiptItem(
            name=name,
            version=version,
            sha256=sha256,
            dist_info=dist_info,
            is_requested=is_requested,
            is_reduced=is_reduced,
        )
        spans[name] = (offset, size)
    return Receipt(
        path=path,
        begin=_LENGTH + length,
        spans=spans,
        lock_digest=lock_digest,
        interpreter=interpreter,
        stamps=stamps,
        items=items,
        boot=boot,
        own=own,
        owners=owners,
    )


def write(
    root: str,
    *,
    lock_digest: str,
    interpreter: tuple[str, ...],
    stamps: tuple[tuple[str, int], ...],
    items: Iterable[tuple[ReceiptItem, bytes]],
    boot: str = "",
    own: tuple[OwnRow, ...] = (),
    owners: tuple[tuple[str, str], ...] = (),
    is_durable: bool = False,
) -> None:
    """Write the receipt with one rename; each item comes with its ``body``; ``is_durable`` syncs it to disk before."""
    rows, bodies, offset = [], [], 0
    for item, files in items:
        told = (item.name, item.version, item.sha256, item.dist_info, item.is_requested, item.is_reduced)
        rows.append((*told, offset, len(files)))
        bodies.append(files)
        offset += len(files)
    head = pack(_HEAD, (boot, lock_digest, interpreter, stamps, own, owners, tuple(rows)))
    path = f"{root}/{NAME}"
    with open(path + ".new", "wb", buffering=0) as file:
        for piece in (len(head).to_bytes(_LENGTH, "little") + head, b"".join(bodies)):
            view = memoryview(piece)
            while view:
                view = view[file.write(view) :]
        if is_durable:
            os.fsync(file.fileno())
    # Through the mark's own name: it goes in the same moment in which the receipt comes.
    os.replace(path + ".new", f"{root}/{UNFINISHED}")
    os.replace(f"{root}/{UNFINISHED}", path)


def forget(root: str) -> None:
    """Set the receipt aside: from now on the environment is unknown ground, and marked as unfinished."""
    aside = f"{root}/{UNFINISHED}"
    for name in (NAME, UNFINISHED, NAME + ".new"):
        if os.path.isdir(f"{root}/{name}") and not os.path.islink(f"{root}/{name}"):
            from shutil import rmtree

            rmtree(f"{root}/{name}")
    try:
        os.replace(f"{root}/{NAME}", aside)
    except FileNotFoundError:
        os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644))


def is_unfinished(root: str) -> bool:
    """Whether the environment is ours, and its last change did not end: nobody knows what is in it."""
    return (os.path.lexists(f"{root}/{UNFINISHED}") or os.path.lexists(f"{root}/{NAME}")) and read(root) is None
