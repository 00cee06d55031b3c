"""Who may read and change what is in the store."""

from __future__ import annotations

import os
from stat import S_ISGID, S_ISREG

from provenv.errors import InstallError
from provenv.store.failure import told_as_install_error

__all__ = ["is_group_shared", "tidy"]


def is_group_shared(root: str) -> bool:
    """Whether several users share the store at ``root``. Raises InstallError when others could change what is in it."""
    try:
        with told_as_install_error("use the store", root):
            status = os.stat(root)
    except InstallError as refused:
        if isinstance(refused.__cause__, FileNotFoundError | NotADirectoryError):
            return False
        raise
    if not hasattr(os, "geteuid"):
        return False
    if status.st_mode & 0o002:
        raise InstallError(
            f"the store {root} can be written by everybody, so nothing in it can be trusted",
            hint=f"run `chmod o-w {root}`, or give another --cache-dir",
        )
    is_shared = bool(status.st_mode & S_ISGID and status.st_mode & 0o020)
    is_member = status.st_gid in (os.getegid(), *os.getgroups())
    if status.st_uid not in (os.geteuid(), 0) and not (is_shared and is_member):
        raise InstallError(
            f"the store {root} belongs to another user (number {status.st_uid}), who could change what is in it",
            hint="give a --cache-dir of your own (with sudo: `sudo -H`), or share the store with a group",
        )
    return is_shared


def tidy(source: str, *, is_directory: bool, is_shared: bool) -> None:
    """Modes that do not depend on the umask, where that matters: for a group, or when it hides nothing."""
    described = source + "/manifest" if is_directory else source
    if (mode := os.stat(described).st_mode) & 0o222:
        os.chmod(described, mode & 0o555)
    umask_shown = os.stat(os.path.dirname(source) if not is_directory else source).st_mode
    if not (is_shared or umask_shown & 0o002):
        return
    directory_mode = 0o775 | S_ISGID if is_shared else 0o755
    for place, directories, files in os.walk(source) if is_directory else ():
        for name in directories:
            if not os.path.islink(f"{place}/{name}"):
                mode = os.stat(f"{place}/{name}").st_mode
                os.chmod(f"{place}/{name}", directory_mode if mode & 0o200 else 0o555)
        for name in files:
            _tidy_file(f"{place}/{name}")
    if is_directory:
        os.chmod(source, directory_mode)
    else:
        _tidy_file(source)


def _tidy_file(path: str) -> None:
    mode = os.lstat(path).st_mode
    wanted = 0o555 if mode & 0o100 else 0o444
    # What is right is left alone: a link may lead to a file of another member of the group.
    if S_ISREG(mode) and mode & 0o7777 != wanted:
        os.chmod(path, wanted)
