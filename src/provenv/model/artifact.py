"""An artifact is one file that an index offers: a wheel or a source archive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Artifact", "FileRow"]

FileRow: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...], int | None, str | None]
"""The plain form of an artifact, as it is kept on disk: file name, URL, hashes, size in bytes, upload time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """One file of one version of a package, as an index describes it (PEP 503, 592, 658, 691, 700)."""

    filename: str
    url: str
    """Absolute, without user name, password or fragment."""
    hashes: tuple[tuple[str, str], ...] = ()
    """``(algorithm, lower-case hex digest)`` pairs, sorted."""
    size: int | None = None
    """In bytes."""
    requires_python: str | None = None
    yanked: str | None = None
    """None: not yanked; otherwise the reason, perhaps empty (PEP 592)."""
    upload_time: str | None = None
    """RFC 3339, in UTC, as the index wrote it (PEP 700)."""
    has_metadata: bool = False
    """The index announced a ``.metadata`` sidecar (PEP 658, 714)."""
    metadata_hashes: tuple[tuple[str, str], ...] = ()

    @property
    def sha256(self) -> str | None:
        """The SHA-256 in hex, if the index told it."""
        return dict(self.hashes).get("sha256")
