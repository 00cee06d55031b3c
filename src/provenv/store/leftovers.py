"""Private work of processes: each has one directory and holds a lock on it, so that what the dead left can be told.

::

    v1/tmp/<random>/          of one process, 0700; gone when nothing is being made
    v1/tmp/<random>/<random>  one object that is being made
"""

from __future__ import annotations

import os
import time

from provenv.store.guard import try_lock

__all__ = ["collect", "collect_old", "private_directory", "remove"]

_OLD = 86_400
"""Seconds after which what nobody holds is removed by the way."""


def private_directory(parent: str) -> tuple[str, int]:
    """Make one; its path, and the descriptor that holds the lock on it (-1 where a directory cannot be opened)."""
    while True:
        directory = f"{parent}/{os.urandom(8).hex()}"
        os.mkdir(directory, 0o700)
        descriptor = _open(directory)
        if descriptor is None:
            return directory, -1  # Windows opens no directories
        # Whoever collects may have taken it for abandoned before the lock was on it.
        if try_lock(descriptor) is not False and os.path.isdir(directory):
            return directory, descriptor
        os.close(descriptor)


def collect(parent: str, *, least_age: float = 0, is_dry: bool = False) -> list[str]:
    """Remove what the dead left below ``parent``; the paths of what went (or would, if ``is_dry``).

    Where locks cannot tell who is alive, what is younger than a day stays.
    """
    gone = []
    now = time.time()
    try:
        with os.scandir(parent) as entries:
            found = [(entry.path, now - entry.stat(follow_symlinks=False).st_mtime) for entry in entries]
    except OSError:
        return []
    for path, age in found:
        if age < least_age:
            continue
        descriptor = _open(path)
        try:
            is_locked = None if descriptor is None else try_lock(descriptor)
            if is_locked or (is_locked is None and age >= _OLD):
                if not is_dry:
                    remove(path)
                gone.append(path)
        finally:
            if descriptor is not None:
                os.close(descriptor)
    return gone


def _open(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return None


def collect_old(parent: str) -> None:
    """The same for what is older than a day: so cheap that it is done whenever something is made."""
    collect(parent, least_age=_OLD)


def remove(path: str) -> None:
    """Remove a file or a directory with all in it, read-only directories too; whatever cannot go, stays."""
    if os.path.islink(path) or not os.path.isdir(path):
        try:
            os.unlink(path)
        except OSError:
            return
        return
    from shutil import rmtree

    for place, _, _ in os.walk(path):
        try:
            os.chmod(place, 0o700)
        except OSError:
            continue
    rmtree(path, ignore_errors=True)
