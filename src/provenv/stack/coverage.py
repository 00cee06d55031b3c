"""Whether code for one architecture runs on a GPU.

Rules: machine code for X.y runs on X.z with z >= y, never across major versions; with suffix ``a`` on that capability
alone, with ``f`` on the family that the table names; PTX runs on every capability from its own on, if the driver knows
its version. Sources: NVIDIA CUDA C++ Programming Guide, "Compute Capabilities" and "Family-Specific Features".
"""

from __future__ import annotations

from enum import Enum

from provenv.stack.tables import Numbers, Tables, numbers

__all__ = ["Runs", "capability", "runs_on"]


class Runs(Enum):
    """Whether code runs."""

    YES = "yes"
    NO = "no"
    NEEDS_NEWER_DRIVER = "needs a newer driver"
    UNKNOWN = "unknown"


_EMBEDDED = ((5, 3), (6, 2), (7, 2), (8, 7), (10, 1))
"""Capabilities of Tegra chips: code for desktop chips of the same major version is not promised to run there."""


def capability(arch: int) -> Numbers:
    """``103`` as ``(10, 3)``."""
    return arch // 10, arch % 10


def runs_on(
    tables: Tables, kind: str, arch: int, suffix: str, isa: Numbers, gpu: Numbers, newest_ptx: Numbers | None
) -> Runs:
    """Whether ``kind`` (``sass`` or ``ptx``) code for ``arch`` runs on a GPU of compute capability ``gpu``.

    ``newest_ptx`` is the newest PTX version that the driver compiles; None when that is not known.
    """
    built = capability(arch)
    if built == (10, 1):
        built = (11, 0)  # renamed in CUDA 13
    if suffix == "a":
        does_fit = Runs.YES if built == gpu else Runs.NO
    elif suffix == "f":
        does_fit = _in_family(tables, arch, gpu)
    elif kind == "ptx":
        does_fit = Runs.YES if gpu >= built else Runs.NO
    else:
        does_fit = Runs.YES if built[0] == gpu[0] and built[1] <= gpu[1] else Runs.NO
        if does_fit is Runs.YES and built != gpu and (gpu in _EMBEDDED or built in _EMBEDDED):
            does_fit = Runs.UNKNOWN
    if does_fit is Runs.YES and kind == "ptx":
        if newest_ptx is None:
            return Runs.UNKNOWN
        return Runs.YES if isa <= newest_ptx else Runs.NEEDS_NEWER_DRIVER
    return does_fit


def _in_family(tables: Tables, arch: int, gpu: Numbers) -> Runs:
    for fact in tables.rows("arch_family"):
        if fact["code"] == f"{arch}f":
            if gpu in [numbers(one) for one in fact["runs_on"]]:
                return Runs.YES if fact.is_certain else Runs.UNKNOWN
            return Runs.UNKNOWN if gpu in [numbers(one) for one in fact.get("perhaps_on", ())] else Runs.NO
    return Runs.UNKNOWN if capability(arch)[0] == gpu[0] else Runs.NO
