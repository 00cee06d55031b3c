"""Where a reader finds a line of the project: ``pyproject.toml:12`` for ``project.dependencies[2]``."""

from __future__ import annotations

import os

from provenv.explain.lines import lines_of, script_block
from provenv.flows import files
from provenv.flows.world import World

__all__ = ["Places"]


class Places:
    """Knows the lines of the files that a project is written in; each file is read once, at the first question."""

    def __init__(self, world: World) -> None:
        self._directory = world.directory
        self._project_file = world.project_file
        self._draft: bytes | None = None if world.draft is None else world.draft.project
        self._script = world.script
        self._lines: dict[str, dict[str, int]] = {}

    def line(self, where: str) -> int | None:
        """The line of a place, from 1; None when it is on no line of a file (words of the command line)."""
        path, key = self._parts(where)
        if path not in self._lines:
            self._lines[path] = self._read(path)
        return self._lines[path].get(key)

    def file(self, where: str) -> str:
        """The file of a place as one names it from the project's directory."""
        return os.path.relpath(self._parts(where)[0], self._directory).replace(os.sep, "/")

    def text(self, where: str) -> str:
        """``pyproject.toml:12``; the place as it is when it has no line, and only its origin where there is no file."""
        line = self.line(where)
        if line is not None:
            return f"{self.file(where)}:{line}"
        return where if os.path.exists(self._parts(where)[0]) else self.file(where)

    def _parts(self, where: str) -> tuple[str, str]:
        """The absolute path of the file and the key in it; a place without a file is in the project's own."""
        path, separator, key = where.rpartition(": ")
        if not separator:
            return self._project_file, where
        return os.path.join(self._directory, path), key

    def _read(self, path: str) -> dict[str, int]:
        try:
            text = self._text(path).decode("utf-8", "replace")
            if path.endswith(".toml"):
                return lines_of(text)
            # A script's block stands for a project file; its keys have no table.
            found = lines_of(script_block(text))
        except (OSError, ValueError, IndexError):
            return {}
        return {**found, **{f"project.{key}": line for key, line in found.items()}}

    def _text(self, path: str) -> bytes:
        """What the file holds, or will hold when the edit that is going on is over."""
        if self._draft is None or path != self._project_file:
            return files.read_if_there(path) or b""
        if self._script is None:
            return self._draft
        from provenv.flows.script import with_project

        return with_project(path, self._draft)
