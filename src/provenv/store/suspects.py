"""Objects that a power cut may have damaged: looked at once, byte by byte, before they are used again."""

from __future__ import annotations

import os

from provenv.errors import InstallError
from provenv.events import Events
from provenv.store.inspection import fault_of, faults_of, hash_of, rows_of_bytecode, rows_of_tree, side_by_side
from provenv.store.tree import Tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from provenv.store.shelves import Shelves
    from provenv.store.tree import Bytecode

__all__ = [
    "drop_rotten",
    "is_cleared",
    "is_cleared_blob",
    "is_cleared_bytecode",
    "is_cleared_shared",
    "is_cleared_tree",
    "set_right",
]


def is_cleared_blob(shelves: Shelves, sha256: str) -> bool:
    """Whether a suspect file has the hash that it is named by; if not, it is in the quarantine now."""
    path = shelves.place("blobs", sha256)
    return is_cleared(shelves, path, path, lambda: hash_of(path).hex() == sha256)


def is_cleared_tree(shelves: Shelves, tree: Tree) -> bool:
    """The same for the files of a tree."""

    def is_sound() -> bool:
        return not _has_rot(tree.files, shelves, tree)

    return is_cleared(shelves, tree.directory, tree.directory + "/manifest", is_sound)


def is_cleared_bytecode(shelves: Shelves, bytecode: Bytecode) -> bool:
    """The same for byte code."""

    def is_sound() -> bool:
        return not _has_rot(bytecode.files, shelves, bytecode)

    return is_cleared(shelves, bytecode.directory, bytecode.directory + "/manifest", is_sound)


def is_cleared_shared(shelves: Shelves, directory: str, key: str) -> bool:
    """The same for a shared environment."""

    def is_sound() -> bool:
        from provenv.store.inventory import read_inventory

        rows = read_inventory(directory, key)
        if rows is None:
            return False
        faults = side_by_side(lambda row: fault_of(directory, row, has_times=False), rows, shelves.workers)
        return all(fault is None or fault.is_harmless for fault in faults)

    return is_cleared(shelves, directory, directory + "/manifest", is_sound)


def is_cleared(shelves: Shelves, path: str, marker: str, is_sound: Callable[[], bool]) -> bool:
    """Check the suspect at ``path``, whose time is that of ``marker``; one that is sound is no suspect any more.

    Two processes never check one object at a time, so that none takes away what the other has just made anew. In a
    store that cannot be written every process checks for itself.
    """
    if path in shelves.cleared:
        return True
    key = "check-" + os.path.relpath(path, shelves.base).replace(os.sep, "-")
    try:
        guard = shelves.guard(key, Events(), os.path.basename(path))
        guard.__enter__()
    except InstallError:
        return _is_good(shelves, path, is_sound)
    try:
        try:
            status = os.stat(marker)
        except OSError:
            return False
        if not shelves.is_suspect(status.st_ctime_ns):
            return True
        if not is_sound():
            shelves.quarantine(path)
            return False
        shelves.cleared.add(path)
        try:
            shelves.enter_boot()
            os.utime(marker)
        except OSError:
            # Another member of the group made it: whoever did will refresh it.
            return True
        return True
    finally:
        guard.__exit__(None, None, None)


def _is_good(shelves: Shelves, path: str, is_sound: Callable[[], bool]) -> bool:
    if is_sound():
        shelves.cleared.add(path)
        return True
    return False


def drop_rotten(shelves: Shelves, sha256: str) -> bool:
    """Put whatever is rotten of one wheel's tree, byte code and blob into the quarantine; whether the blob is good.

    A tree that is sound stays: another process may have mended it a moment ago.
    """
    with shelves.guard(f"mend-{sha256}", Events(), sha256[:12]):
        directory = shelves.place("trees", sha256)
        found = shelves.manifest(directory)
        tree = None if found is None else Tree.from_manifest(found[0], directory, sha256)
        if tree is None or _has_rot(tree.files, shelves, tree):
            shelves.quarantine(directory)
        _drop_bytecode(shelves, sha256)
        blob = shelves.place("blobs", sha256)
        if os.path.exists(blob) and hash_of(blob).hex() != sha256:
            shelves.quarantine(blob)
        return os.path.exists(blob)


def _drop_bytecode(shelves: Shelves, sha256: str) -> None:
    from provenv.store.tree import Bytecode, bytecode_key

    shelf = shelves.base + "/bytecode"
    for tag in os.listdir(shelf) if os.path.isdir(shelf) else ():
        directory = shelves.place("bytecode/" + tag, sha256)
        found = shelves.manifest(directory)
        if found is None:
            continue
        bytecode = Bytecode.from_manifest(found[0], directory, bytecode_key(tag, sha256))
        if bytecode is None or _has_rot(bytecode.files, shelves, bytecode):
            shelves.quarantine(directory)


def _has_rot(files: str, shelves: Shelves, thing: Tree | Bytecode) -> bool:
    """Whether bytes are wrong. Modes and times that differ are put right where that is possible."""
    rows = rows_of_tree(thing) if isinstance(thing, Tree) else rows_of_bytecode(thing)
    is_rotten = False
    for fault in faults_of(files, rows, shelves.workers):
        if fault.is_harmless:
            set_right(files, fault.path, {path: is_program for path, _, is_program, _ in rows}.get(fault.path))
        else:
            is_rotten = True
    return is_rotten


def set_right(files: str, path: str, is_program: bool | None) -> bool:
    """Give a file (or, with None, a directory) the mode and time that it was published with; whether that worked."""
    from provenv.store.tree import MTIME_NS

    full = f"{files}/{path}"
    try:
        if is_program is None:
            os.chmod(full, os.stat(full).st_mode & 0o7775)
        else:
            os.chmod(full, 0o555 if is_program else 0o444)
            os.utime(full, ns=(MTIME_NS, MTIME_NS))
    except OSError:
        return False
    return True
