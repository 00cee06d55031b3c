"""Who writes requirements in a project: the root project, and each member of its workspace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from provenv.model.project import Line, Project
from provenv.model.sources import SourceRule

__all__ = ["Author"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """A project that writes requirements, with all that says what they mean."""

    project: Project
    directory: str
    """Absolute: relative paths are from here."""
    file: str
    """Its project file, for messages."""
    prefix: str = ""
    """``member:NAME`` before its sections; empty for the root."""
    label: str = ""
    """Before the places of its lines: empty for the root, else its file as seen from the root and ``: ``."""
    rules: Mapping[str, Sequence[SourceRule]] = field(default_factory=dict)
    """Its own ``sources``; where it says nothing of a package, the root's."""

    def lines(self) -> Iterator[tuple[str, Line]]:
        """Each requirement with its section: ``""``, ``extra:NAME`` or ``group:NAME``."""
        for line in self.project.dependencies:
            yield "", line
        for extra, lines in self.project.extras.items():
            for line in lines:
                yield f"extra:{extra}", line
        for group, lines in self.project.groups.items():
            for line in lines:
                yield f"group:{group}", line

    def section(self, part: str) -> str:
        """The section of an aim that one of its own is."""
        return ":".join(filter(None, [self.prefix, part]))

    def place(self, line: Line) -> str:
        """Where a line is, as an aim tells it."""
        return self.label + line.where

    def where(self, line: Line) -> str:
        """Where a line is, as a message tells it."""
        return f"{self.file}: {line.where}"
