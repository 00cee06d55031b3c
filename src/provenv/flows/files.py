"""Reads and replaces the user's files. On the warm path."""

from __future__ import annotations

import os

from provenv.errors import InputError, InstallError

__all__ = ["read", "read_if_there", "remove", "replace"]


def read(path: str, hint: str) -> bytes:
    """The bytes of a file that must be there. Raises InputError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}", hint=hint) from error


def read_if_there(path: str) -> bytes | None:
    """The bytes of a file, or None when it is missing. Raises InputError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error


def replace(path: str, data: bytes) -> None:
    """Replace a file in one step: after a failure or a kill the old content is still there.

    A symbolic link stays one: the file behind it is replaced. Raises InstallError naming the file and the reason (a
    full disk, a read-only project).
    """
    path = os.path.realpath(path)
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _keep_owner_and_mode(path, temporary)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
    except OSError as error:
        raise InstallError(
            f"{path}: cannot be written: {error.strerror}", hint="the file was left as it was"
        ) from error


def _keep_owner_and_mode(path: str, temporary: str) -> None:
    """What an administrator replaces stays that of its owner."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return
    if hasattr(os, "geteuid") and os.geteuid() == 0 != status.st_uid:
        os.chown(temporary, status.st_uid, status.st_gid)
    os.chmod(temporary, status.st_mode & 0o7777)


def remove(path: str) -> None:
    """Remove a file if it is there. Raises InstallError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise InstallError(f"{path}: cannot be removed: {error.strerror}") from error
