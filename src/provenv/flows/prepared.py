"""One reference, known well enough for the solver and the lock. On the warm path."""

from __future__ import annotations

from provenv.flows.memory import digest

__all__ = ["Commit", "Prepared"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

    from provenv.model.artifact import FileRow

    Commit: TypeAlias = tuple[str, str | None, str]
    """The URL of a repository, the revision that was asked for, and the full commit that it was."""
else:
    Commit = tuple


class Prepared:
    """A package that no index chooses: what it needs, and how the lock tells where it is."""

    __slots__ = ("files", "is_virtual", "metadata", "name", "table", "version")

    def __init__(
        self,
        name: str,
        version: str | None,
        metadata: bytes,
        table: Mapping[str, Any],
        is_virtual: bool = False,
        files: tuple[FileRow, ...] = (),
    ) -> None:
        self.name = name
        """Normalised (PEP 503)."""
        self.version = version
        """None for a directory whose version only a build can tell: it changes with every commit."""
        self.metadata = metadata
        """METADATA; a version in it that nobody could tell is 0."""
        self.table = table
        """``{"archive": {...}}``, ``{"vcs": {...}}`` or ``{"directory": {...}}``, with the keys of PEP 751."""
        self.is_virtual = is_virtual
        """Never installed itself, only what it needs."""
        self.files = files
        """The file of a reference to a wheel."""

    @property
    def candidate(self) -> str:
        """The version that the solver knows: the one in METADATA, also where the lock will not tell it."""
        if self.version is not None:
            return self.version
        lines = self.metadata.partition(b"\n\n")[0].splitlines()
        found = next((line for line in lines if line.lower().startswith(b"version:")), b":0")
        return found.partition(b":")[2].strip().decode("utf-8", "replace")

    @property
    def needs_digest(self) -> str:
        """Changes when a lock of it may have to change: a version that is told by a build does not count."""
        lines = self.metadata.splitlines()
        if self.version is None:
            lines = [line for line in lines if not line.lower().startswith(b"version:")]
        end = lines.index(b"") if b"" in lines else len(lines)
        wanted = (b"name:", b"version:", b"requires-python:", b"requires-dist:", b"provides-extra:")
        return digest([line for line in lines[:end] if line.lower().startswith(wanted)])[:16]

    def plain(self) -> tuple[object, ...]:
        """The arguments of the constructor as plain values, to be kept."""
        table = {kind: dict(source) for kind, source in self.table.items()}
        return self.name, self.version, self.metadata, table, self.is_virtual, self.files
