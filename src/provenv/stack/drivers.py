"""What an NVIDIA driver can run: toolkits, PTX versions, GPUs.

Two thresholds: below the floor of a toolkit's major version nothing runs (minor-version compatibility); between that
and the driver that the toolkit came with, machine code runs, and PTX that is newer than the driver does not.
"""

from __future__ import annotations

from dataclasses import dataclass

from provenv.stack.tables import Fact, Numbers, Tables, numbers

__all__ = [
    "DriverFloor",
    "branch_limit",
    "driver_floor",
    "has_compat_package",
    "newest_ptx",
    "newest_toolkit",
    "toolkit_driver",
]


@dataclass(frozen=True, slots=True)
class DriverFloor:
    """The oldest driver for something, as it is written and as numbers, and the row that says so."""

    driver: str
    fact: Fact
    is_certain: bool

    @property
    def numbers(self) -> Numbers:
        """For comparing."""
        return numbers(self.driver)


def driver_floor(tables: Tables, major: int, system: str = "linux") -> DriverFloor | None:
    """The oldest driver with which anything built by toolkits of ``major`` runs; None when that is not known.

    ``system`` is ``linux`` or ``windows``.
    """
    for fact in tables.rows("floor"):
        if fact["major"] == major and system in fact.values:
            return DriverFloor(fact[system], fact, fact.is_certain and fact.get(f"{system}_certain", True))
    return None


def toolkit_driver(tables: Tables, cuda: str, system: str = "linux") -> DriverFloor | None:
    """The driver that a toolkit came with: ``12.4`` means its first release, ``12.4.1`` the second."""
    wanted = numbers(cuda)
    found = [
        (numbers(fact["cuda"]), fact)
        for fact in tables.rows("toolkit")
        if system in fact.values and numbers(fact["cuda"])[: len(wanted)] == wanted
    ]
    if not found:
        return None
    _, fact = min(found, key=lambda pair: pair[0])
    return DriverFloor(fact[system], fact, fact.is_certain)


def newest_toolkit(tables: Tables, driver: str, system: str = "linux") -> tuple[Numbers, Fact] | None:
    """The newest toolkit ``(major, minor)`` that a driver came with or after; None for one older than all known."""
    here = numbers(driver)
    best: tuple[Numbers, Fact] | None = None
    for fact in tables.rows("toolkit"):
        if system in fact.values and numbers(fact[system]) <= here:
            version = numbers(fact["cuda"])[:2]
            if best is None or version > best[0]:
                best = version, fact
    return best


def newest_ptx(tables: Tables, toolkit: Numbers) -> tuple[Numbers, Fact] | None:
    """The newest PTX version that the driver of a toolkit ``(major, minor)`` compiles."""
    best: tuple[Numbers, Fact] | None = None
    for fact in tables.rows("compiler"):
        if numbers(fact["cuda"]) <= toolkit[:2]:
            version = numbers(fact["ptx"])
            if best is None or version > best[0]:
                best = version, fact
    return best


def branch_limit(tables: Tables, capability: Numbers) -> Fact | None:
    """The row that names the last driver branch for GPUs of this compute capability; None when none ended."""
    limits = [fact for fact in tables.rows("last_branch") if capability < numbers(fact["below"])]
    return min(limits, key=lambda fact: int(fact["branch"]), default=None)


def has_compat_package(tables: Tables, cuda: Numbers, branch: int) -> Fact | None:
    """The row that says that NVIDIA's compatibility package of a toolkit runs on a driver branch (data centre GPUs)."""
    for fact in tables.rows("compat"):
        if numbers(fact["cuda"]) == cuda[:2] and branch in fact["branches"]:
            return fact
    return None
