"""What a proof is about: the wheels of one target, and the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provenv.binary.facts import FileFacts
from provenv.model.hardware import Hardware
from provenv.stack.tables import Tables

__all__ = ["Case", "Package"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One chosen distribution. ``name`` is normalised; ``facts`` is None while its files were not read."""

    name: str
    version: str
    filename: str = ""
    sha256: str = ""
    facts: tuple[FileFacts, ...] | None = None
    paths: Mapping[str, str] | None = None
    """Where its files go in site-packages -> their hash in RECORD's form; None when that is not known."""
    requires: tuple[str, ...] = ()
    """Its ``Requires-Dist`` lines."""
    symbols: Mapping[str, str] | None = None
    """Only where the facts lack symbols: families that it looks for -> begin of the SHA-256 of the wheel in which all
    of them were found once; "" when nobody looked."""
    build: str = ""
    """The accelerator build that its version names: ``cu126``, ``cpu``, ``rocm6.4``; "" when it names none."""

    @property
    def label(self) -> str:
        """``torch 2.9.1``."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """All that a check may look at."""

    target: str
    """Name of the target."""
    python: tuple[int, int]
    abi_flags: str = ""
    hardware: Hardware = field(default_factory=lambda: Hardware(system="linux", architecture="x86_64"))
    packages: tuple[Package, ...] = ()
    tables: Tables = field(default_factory=lambda: Tables({}, date=""))

    has_strict_owners: bool = False
    """Whoever installs it refuses files that two packages own; others let one of them win."""

    def package(self, name: str) -> Package | None:
        """A chosen distribution by its normalised name."""
        return next((one for one in self.packages if one.name == name), None)
