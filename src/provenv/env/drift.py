"""Which of our files are no longer as we put them there: a look at presence, kind, size, times and permissions.

Not at bytes: an edit that keeps size and time is found by ``verify``.
"""

from __future__ import annotations

import os
from stat import S_IFDIR, S_IFMT, S_IFREG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from provenv.env.receipt import OwnRow, Receipt

__all__ = ["directories_of", "drifted", "own_drift", "own_rows"]

_KIND_AND_READABLE = S_IFMT(0o177777) | 0o400
_READABLE_FILE = S_IFREG | 0o400
_EXECUTABLE = 0o100


def drifted(root: str, receipt: Receipt, *, limit: int = 0) -> dict[str, tuple[str, ...]]:
    """Distribution name to its files that are missing or differ in kind, size, time or permission; empty when all is
    well. A file below something that is no directory, or a link to one, counts as missing.

    Costs about 1.5 us per file. With ``limit`` the look ends after so many findings: 1 answers "is anything wrong?".
    """
    found: dict[str, tuple[str, ...]] = {}
    count = 0
    files = receipt.all_files()
    lost = _lost_directories(root, directories_of(path for rows in files.values() for path, *_ in rows))
    look = os.stat
    top, start = _begin(root)
    has_modes = os.name == "posix"
    try:
        for name, rows in files.items():
            bad = []
            for path, size, mtime_ns, mode in rows:
                try:
                    status = look(start + path, dir_fd=top, follow_symlinks=False)
                except OSError:
                    bad.append(path)
                    continue
                seen = status.st_mode
                if (
                    status.st_mtime_ns != mtime_ns
                    or status.st_size != size
                    or seen & _KIND_AND_READABLE != _READABLE_FILE
                    or (mode & _EXECUTABLE and not seen & _EXECUTABLE and has_modes)
                ):
                    bad.append(path)
            if lost:
                bad += [path for path, *_ in rows if path not in bad and _is_below(path, lost)]
            if bad:
                found[name] = tuple(bad)
                count += len(bad)
                if limit and count >= limit:
                    break
    finally:
        if top is not None:
            os.close(top)
    return found


def _begin(root: str) -> tuple[int | None, str]:
    """Where paths begin: the walk to the environment is made once, where the system lets us."""
    if os.stat in os.supports_dir_fd:
        try:
            return os.open(root, os.O_RDONLY), ""
        except OSError:
            pass
    return None, root + "/"


def directories_of(paths: Iterable[str]) -> set[str]:
    """Every directory that ``paths`` (relative) lie in, at any depth."""
    found: set[str] = set()
    last = ""
    for path in paths:
        parent = path.rpartition("/")[0]
        if parent == last:
            continue
        last = parent
        while parent and parent not in found:
            found.add(parent)
            parent = parent.rpartition("/")[0]
    return found


def _lost_directories(root: str, directories: Iterable[str]) -> set[str]:
    """Those that are no directories of their own any more."""
    lost = set()
    for directory in directories:
        try:
            mode = os.lstat(f"{root}/{directory}").st_mode
        except OSError:
            lost.add(directory)
            continue
        if S_IFMT(mode) != S_IFDIR:
            lost.add(directory)
    return lost


def _is_below(path: str, directories: set[str]) -> bool:
    parent = path.rpartition("/")[0]
    while parent:
        if parent in directories:
            return True
        parent = parent.rpartition("/")[0]
    return False


def own_rows(root: str, paths: Iterable[str]) -> tuple[OwnRow, ...]:
    """What the environment's own files (relative to ``root``) are now, for the receipt; what is missing is left out."""
    found = []
    for path in paths:
        try:
            found.append(_own_row(root, path))
        except OSError:
            continue
    return tuple(found)


def own_drift(root: str, receipt: Receipt) -> tuple[str, ...]:
    """The environment's own files that are missing or changed, or lead elsewhere."""
    bad = []
    lost = _lost_directories(root, directories_of(row[0] for row in receipt.own))
    for row in receipt.own:
        try:
            if _own_row(root, row[0]) != row or (lost and _is_below(row[0], lost)):
                bad.append(row[0])
        except OSError:
            bad.append(row[0])
    return tuple(bad)


def _own_row(root: str, path: str) -> OwnRow:
    full = f"{root}/{path}"
    status = os.lstat(full)
    if S_IFMT(status.st_mode) == S_IFREG:
        return path, "", status.st_size, status.st_mtime_ns, status.st_mode & 0o500
    return path, os.readlink(full), 0, 0, 0
