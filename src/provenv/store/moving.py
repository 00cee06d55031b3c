"""How a complete object gets to its place, and to disk."""

from __future__ import annotations

import errno
import os

__all__ = ["move", "sync_all"]


def move(source: str, final: str, *, replaces: bool) -> None:
    """One rename; where a part of the store lies on another device, a copy beside the place first."""
    rename = os.replace if replaces else os.rename
    try:
        rename(source, final)
    except OSError as problem:
        if problem.errno != errno.EXDEV:
            raise
        from shutil import copy2, copytree, rmtree

        beside = f"{os.path.dirname(final)}/.new-{os.urandom(6).hex()}"
        try:
            if os.path.isdir(source):
                copytree(source, beside, symlinks=True)
            else:
                copy2(source, beside)
            rename(beside, final)
        finally:
            if os.path.isdir(beside):
                rmtree(beside, ignore_errors=True)
            elif os.path.lexists(beside):
                os.unlink(beside)


def sync_all(source: str) -> None:
    """Write a file, or a directory with all in it, to disk."""
    if os.path.isfile(source):
        _sync_one(source)
        return
    for directory, _, files in os.walk(source):
        for file in files:
            _sync_one(f"{directory}/{file}")
        _sync_one(directory)


def _sync_one(path: str) -> None:
    if os.path.islink(path):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
