"""Compares what lies in the store with what its manifest says, byte by byte and on all cores."""

from __future__ import annotations

import hashlib
import os
from binascii import a2b_base64
from stat import S_ISDIR, S_ISREG

from provenv.store.tree import MTIME_NS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias, TypeVar

    from provenv.store.tree import Bytecode, Tree

    Item = TypeVar("Item")
    Answer = TypeVar("Answer")
    Row: TypeAlias = tuple[str, int, bool, bytes]
    """Path, size, whether it is a program, SHA-256."""

__all__ = ["Fault", "extra_in", "fault_of", "faults_of", "hash_of", "rows_of_bytecode", "rows_of_tree", "side_by_side"]

_PIECE = 1 << 20
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Fault:
    """One thing that is not as it was published. ``is_harmless``: the bytes are right, only mode or time are not."""

    __slots__ = ("is_harmless", "path", "what")

    def __init__(self, path: str, what: str, *, is_harmless: bool = False) -> None:
        self.path = path
        self.what = what
        self.is_harmless = is_harmless

    def __repr__(self) -> str:
        return f"Fault({self.path!r}, {self.what!r})"


def rows_of_tree(tree: Tree) -> list[Row]:
    """What the files of a tree must be."""
    return [
        (path, size, is_program, a2b_base64(digest.replace("-", "+").replace("_", "/") + "=="))
        for path, size, is_program, digest in tree.entries
    ]


def rows_of_bytecode(bytecode: Bytecode) -> list[Row]:
    """What the files of byte code must be."""
    return [
        (path, size, False, bytes.fromhex(digest))
        for (path, size), digest in zip(bytecode.entries, bytecode.digests, strict=True)
    ]


def faults_of(directory: str, rows: Sequence[Row], workers: int) -> list[Fault]:
    """Everything below ``directory`` that differs from ``rows``."""
    faults = extra_in(directory, rows)

    def look(row: Row) -> Fault | None:
        return fault_of(directory, row)

    large_first = sorted(rows, key=lambda row: -row[1])
    faults += [fault for fault in side_by_side(look, large_first, workers) if fault is not None]
    return sorted(faults, key=lambda fault: fault.path)


def fault_of(directory: str, row: Row, *, has_times: bool = True) -> Fault | None:
    """What is wrong with one file; ``has_times``: it must have the time of all files in trees."""
    path, size, is_program, sha256 = row
    full = f"{directory}/{path}"
    try:
        status = os.lstat(full)
    except OSError:
        return Fault(path, "is missing")
    if not S_ISREG(status.st_mode):
        return Fault(path, "is no file")
    if status.st_size != size:
        return Fault(path, f"has {status.st_size} bytes, not {size}")
    if hash_of(full) != sha256:
        return Fault(path, "has other bytes")
    if status.st_mode & 0o222 or not status.st_mode & 0o400 or bool(status.st_mode & 0o100) != is_program:
        return Fault(path, f"has the mode {status.st_mode & 0o7777:o}", is_harmless=True)
    if has_times and status.st_mtime_ns != MTIME_NS:
        return Fault(path, "has another time", is_harmless=True)
    return None


def extra_in(directory: str, rows: Sequence[Row]) -> list[Fault]:
    """What lies below ``directory`` and is not in ``rows``."""
    known = {path for path, *_ in rows}
    parents = {""}
    for path in known:
        while (path := path.rpartition("/")[0]) not in parents:
            parents.add(path)
    found = []
    waiting = [""]
    while waiting:
        place = waiting.pop()
        try:
            entries = list(os.scandir(f"{directory}/{place}"))
        except OSError:
            if place == "" and known:
                found.append(Fault("", "cannot be read"))
            continue
        for entry in entries:
            path = f"{place}/{entry.name}" if place else entry.name
            is_directory = entry.is_dir(follow_symlinks=False)
            if is_directory and path in parents:
                waiting.append(path)
                if entry.stat(follow_symlinks=False).st_mode & 0o002:
                    found.append(Fault(path, "can be written by everybody", is_harmless=True))
            elif path not in known or is_directory:
                found.append(Fault(path, "does not belong there"))
    return found


def hash_of(path: str) -> bytes:
    """The SHA-256 of a file; empty when it cannot be read, or is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return b""
    digest = hashlib.sha256()
    buffer = bytearray(_PIECE)
    view = memoryview(buffer)
    try:
        if S_ISDIR(os.fstat(descriptor).st_mode):
            return b""
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            while count := file.readinto(buffer):
                digest.update(view[:count])
    except OSError:
        return b""
    finally:
        os.close(descriptor)
    return digest.digest()


def side_by_side(work: Callable[[Item], Answer], items: Iterable[Item], workers: int) -> list[Answer]:
    """``work`` of every item, in order, on several threads: hashing a file lets others run."""
    ordered = list(items)
    if workers <= 1 or len(ordered) <= 1:
        return [work(item) for item in ordered]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, ordered))
