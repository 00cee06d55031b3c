"""Reads a project file into a checked project."""

from __future__ import annotations

import tomllib

from provenv.errors import InputError
from provenv.model.project import Project

__all__ = ["read_project"]


def read_project(data: bytes, where: str) -> Project:
    """The project in the bytes of a ``pyproject.toml``. Raises InputError."""
    try:
        document = tomllib.loads(data.decode())
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(
            where, f"not valid TOML: line {line} is not UTF-8", hint="TOML is always UTF-8: save the file as such"
        ) from error
    except ValueError as error:  # TOMLDecodeError, or a number with more digits than Python reads
        raise InputError(
            where, f"not valid TOML: {error}", hint="a quote or a bracket may be missing at this place or before it"
        ) from error
    return Project.from_pyproject(document, where)
