"""What is asked of a proof, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provenv.model.finding import LEVELS, UNKNOWN, Finding
from provenv.model.hardware import Hardware
from provenv.proof.prove import worst
from provenv.proof.subject import Package

__all__ = ["Asked", "Proof", "Proven"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What is to be proven, and for which machines. All paths are absolute."""

    file: str | None = None
    """A lock of any tool, or a wheel; without any of these three it is the project's lock."""
    environment: str | None = None
    root: str | None = None
    """The root directory of a system, as a container has it."""
    targets: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()
    is_here: bool = False
    is_locked: bool = False
    is_frozen: bool = False
    is_loading: bool = False
    """Extension modules of an environment are loaded, too."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """All findings on one machine, the worst first."""

    target: str
    """Name of the target or of the machine."""
    python: str
    hardware: Hardware
    packages: tuple[Package, ...]
    findings: tuple[Finding, ...]
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes of packages, where they are known: of the wheel, or of the files that are installed."""
    local: tuple[str, ...] = ()
    """Directories that their authors work on, by the names of their packages: nothing is said of these."""

    @property
    def verdict(self) -> str:
        """``fails``, ``unknown`` or ``holds``."""
        return worst(self.findings)


@dataclass(frozen=True, kw_only=True, slots=True)
class Proven:
    """What came of it, machine by machine."""

    against: str
    """The lock, wheel, environment or directory that it is about."""
    proofs: tuple[Proof, ...]
    tables_date: str
    """The day of the newest rules."""

    @property
    def verdict(self) -> str:
        """The worst of all machines."""
        return min((proof.verdict for proof in self.proofs), key=LEVELS.index)

    @property
    def unknown(self) -> int:
        """How many findings could not be proven either way."""
        return sum(finding.level == UNKNOWN for proof in self.proofs for finding in proof.findings)
