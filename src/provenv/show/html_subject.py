"""What a report page is about: machines across, packages down, findings where they meet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from provenv.model.finding import FAILS, HOLDS, LEVELS, UNKNOWN, WARNS, Finding

__all__ = ["ABSENT", "LETTERS", "WORDS", "MachineColumn", "PackageRow", "ordered", "worst_of"]

ABSENT = "absent"
"""The level of a cell whose package is not on that machine."""
LETTERS = {FAILS: "F", UNKNOWN: "U", WARNS: "W", HOLDS: "H", ABSENT: "\u2013"}
"""What stands in a cell, so that nobody needs its colour."""
WORDS = {FAILS: "fails", UNKNOWN: "unknown", WARNS: "warns", HOLDS: "holds", ABSENT: "not there"}


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineColumn:
    """One machine (target). All texts may hold what strangers wrote."""

    name: str
    facts: tuple[tuple[str, str], ...] = ()
    """``(what, value)`` pairs, as ``("driver", "535.104.05")``."""
    verdict: str = UNKNOWN
    """The level of the whole machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PackageRow:
    """One package on all machines; with the name "" it is what was found about the machines themselves."""

    name: str
    version_by_machine: Mapping[str, str] = field(default_factory=dict)
    """Machine -> version; where a machine is missing, the package is not there."""
    size: int | None = None
    """Bytes, of the largest of its files; None: not known."""
    requires: tuple[str, ...] = ()
    """Names of packages; those that have no row are passed over."""
    findings: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)
    """Machine -> what was found there."""

    def level_on(self, machine: str) -> str:
        """The level of a cell: the worst of its findings; without any, ``holds``."""
        found = self.findings.get(machine, ())
        if found:
            return worst_of(finding.level for finding in found)
        return HOLDS if machine in self.version_by_machine else ABSENT

    @property
    def level(self) -> str:
        """The worst on any machine."""
        return worst_of(finding.level for found in self.findings.values() for finding in found)

    @property
    def versions(self) -> tuple[str, ...]:
        """Its different versions, in the order of the machines."""
        return tuple(dict.fromkeys(self.version_by_machine.values()))


def worst_of(levels: Iterable[str]) -> str:
    """The worst of some levels, ``holds`` when there are none; what is no level counts as ``unknown``."""
    ranks = [LEVELS.index(level) if level in LEVELS else LEVELS.index(UNKNOWN) for level in levels]
    return LEVELS[min(ranks)] if ranks else HOLDS


def ordered(packages: Sequence[PackageRow]) -> tuple[PackageRow, ...]:
    """The worst first, then by name; what is about the machines themselves before all packages."""
    return tuple(sorted(packages, key=lambda row: (bool(row.name), LEVELS.index(row.level), row.name)))
