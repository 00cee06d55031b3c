"""What is in a shared environment, file by file: written when it is made, read when the store is verified."""

from __future__ import annotations

import os
from stat import S_ISREG

from provenv.store.inspection import hash_of
from provenv.store.packed import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.store.inspection import Row

__all__ = ["read_inventory", "write_inventory"]

_MARK = b"provenv inventory 1\n"
_NAME = "inventory"


def write_inventory(directory: str, key: str) -> None:
    """Make every file below ``directory`` read-only and write it down; ``key`` names the shared environment."""
    rows = []
    for place, _, names in os.walk(directory):
        for name in names:
            full = f"{place}/{name}"
            status = os.lstat(full)
            if S_ISREG(status.st_mode) and (place, name) != (directory, "manifest"):
                if status.st_mode & 0o222:
                    os.chmod(full, status.st_mode & 0o555)
                path = os.path.relpath(full, directory).replace(os.sep, "/")
                rows.append((path, status.st_size, bool(status.st_mode & 0o100), hash_of(full)))
    descriptor = os.open(f"{directory}/{_NAME}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
    with open(descriptor, "wb") as file:
        file.write(pack(_MARK, (key, tuple(sorted(rows)))))


def read_inventory(directory: str, key: str) -> list[Row] | None:
    """The rows; None when they are missing, damaged or those of another one."""
    try:
        with open(f"{directory}/{_NAME}", "rb") as file:
            value = unpack(_MARK, file.read())
    except OSError:
        return None
    return None if value is None or value[0] != key else list(value[1])
