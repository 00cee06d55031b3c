"""Knows a lock by its name and its first lines."""

from __future__ import annotations

from provenv.convert.foreign import ForeignLock
from provenv.convert.pdm_lock import read_pdm_lock
from provenv.convert.poetry_lock import read_poetry_lock
from provenv.convert.pylock import read_pylock
from provenv.convert.requirements import read_requirements
from provenv.convert.uv_lock import read_uv_lock
from provenv.errors import InputError

__all__ = ["read_lock"]

_LARGEST = 256 << 20


def read_lock(data: bytes, where: str) -> ForeignLock:
    """The lock with these bytes; ``where`` is its path. Raises InputError when it is none that is known."""
    name = where.replace("\\", "/").rpartition("/")[2].lower()
    if len(data) > _LARGEST:
        raise InputError(where, "is too large for a lock")
    if not data.strip():
        raise InputError(where, "is empty", hint="a lock without packages proves nothing")
    if name == "uv.lock" or (name.endswith(".lock") and b"\n[[package]]" in data and data.startswith(b"version = ")):
        return read_uv_lock(data, where)
    if name == "poetry.lock":
        return read_poetry_lock(data, where)
    if name == "pdm.lock":
        return read_pdm_lock(data, where)
    if name.endswith((".toml", ".lock")):
        if b"lock-version = " in data and b"[[packages]]" not in data:
            return read_poetry_lock(data, where)
        if b"lock_version = " in data:
            return read_pdm_lock(data, where)
        return read_pylock(data, where)
    if name.endswith((".txt", ".in")):
        return read_requirements(data, where)
    raise InputError(
        where,
        "is no lock that is known",
        hint="give a pylock.toml, uv.lock, poetry.lock, pdm.lock or a requirements file with hashes",
    )
