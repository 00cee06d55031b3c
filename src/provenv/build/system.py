"""How a source tree says that it is built: ``[build-system]`` of its ``pyproject.toml`` (PEP 517, 518)."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from typing import Any

from provenv.errors import BuildError

__all__ = ["BuildSystem", "read_document"]

_LEGACY = "setuptools.build_meta:__legacy__"
#: PEP 517: what a tree without ``[build-system]`` is built with; the first setuptools that has that backend.
_LEGACY_REQUIRES = ("setuptools>=40.8.0",)


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildSystem:
    """What builds a tree, and what must be there before it can start."""

    requires: tuple[str, ...] = _LEGACY_REQUIRES
    backend: str = _LEGACY
    backend_path: tuple[str, ...] = ()
    """Directories inside the tree, where the backend is looked for first."""

    @classmethod
    def from_directory(cls, source: str, subject: str) -> BuildSystem:
        """Read the tree's ``pyproject.toml``. BuildError, naming ``subject``, when it cannot be a Python project."""
        document = read_document(source, subject)
        if document is None:
            if not os.path.isfile(os.path.join(source, "setup.py")):
                raise BuildError(
                    subject,
                    f"{source} has neither pyproject.toml nor setup.py",
                    hint="if the project is in a directory of it, name that with `subdirectory`",
                )
            return cls()
        table = document.get("build-system")
        if table is None:
            return cls()
        if not isinstance(table, dict) or not _is_list(table.get("requires")):
            raise BuildError(subject, "its pyproject.toml has a [build-system] without a list `requires` (PEP 518)")
        backend, path = table.get("build-backend", _LEGACY), table.get("backend-path", [])
        if not isinstance(backend, str) or not _is_list(path):
            raise BuildError(subject, "its pyproject.toml has a [build-system] that PEP 517 does not allow")
        top = os.path.realpath(source)
        for item in path:
            if os.path.commonpath([top, os.path.realpath(os.path.join(source, item))]) != top:
                raise BuildError(subject, f"its `backend-path` leads out of its directory, to {item!r} (PEP 517)")
        return cls(requires=tuple(table["requires"]), backend=backend, backend_path=tuple(path))


def read_document(source: str, subject: str) -> dict[str, Any] | None:
    """The ``pyproject.toml`` of a tree, or None. Raises BuildError when it is not TOML."""
    try:
        with open(os.path.join(source, "pyproject.toml"), "rb") as file:
            return tomllib.load(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BuildError(subject, f"its pyproject.toml cannot be read: {error}") from error


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
