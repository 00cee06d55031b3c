"""A plan says what a sync will do, before it does it; a receipt says what a sync did."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Installed", "Plan", "Wanted"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One wheel that the lock asks for on this machine."""

    name: str
    """Normalised (PEP 503)."""
    version: str
    filename: str
    """The wheel's file name; its tags and name were checked against the lock."""
    sha256: str
    """The lock's hash of the wheel, lower-case hex."""
    url: str | None = None
    """Where to get it when the store lacks it; None for a local path."""
    path: str | None = None
    """Absolute path of a local wheel."""
    size: int | None = None
    is_requested: bool = False
    """Named by the user, not only needed by another package: becomes REQUESTED."""
    direct_url: str | None = None
    """Content of ``direct_url.json`` (PEP 610), when the package came from a direct reference."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """One distribution found in an environment."""

    name: str
    version: str
    sha256: str | None = None
    """Hash of the wheel it came from, when our receipt knows it; None for another tool's work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What must change: both tuples are sorted by name. Nothing to do when both are empty."""

    install: tuple[Wanted, ...] = ()
    remove: tuple[Installed, ...] = ()
    keep: tuple[Wanted, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether the environment already is what was asked for."""
        return not self.install and not self.remove
