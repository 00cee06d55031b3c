"""What a command line adds to a project for one run. On the warm path."""

from __future__ import annotations

__all__ = ["Additions"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Additions:
    """What is wanted besides a project, as the command line says it."""

    __slots__ = ("editables", "files", "here", "requirements", "variables")

    def __init__(
        self,
        requirements: Sequence[str] = (),
        *,
        here: str,
        editables: Sequence[str] = (),
        files: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.requirements = tuple(requirements)
        self.editables = tuple(editables)
        """Directories."""
        self.files = tuple(files)
        """Requirements files."""
        self.here = here
        """Where relative paths begin, absolute."""
        self.variables = variables or {}
        """What requirements files may name."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is added."""
        return not (self.requirements or self.editables or self.files)
