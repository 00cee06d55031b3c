"""Does the driver run what was chosen? Two thresholds, by the toolkit that a package was built with."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from provenv.model.finding import FAILS, HOLDS, UNKNOWN, WARNS, Finding
from provenv.proof.subject import Case, Package
from provenv.stack.drivers import DriverFloor, driver_floor
from provenv.stack.tables import numbers, numbers_if_any

__all__ = ["cuda_major", "driver_findings"]

_RUNTIME = "libcudart.so."


def cuda_major(case: Case, package: Package) -> tuple[int, str, str] | None:
    """The major version of CUDA that a package is built for, the file or name that tells, and the rule; None: none.

    Read from what its libraries need (``libcudart.so.12``) before what its name says.
    """
    for facts in package.facts or ():
        for soname in (*facts.needed, facts.soname):
            major = soname.removeprefix(_RUNTIME).partition(".")[0]
            if soname.startswith(_RUNTIME) and numbers_if_any(major) and _has_no_sibling(package, facts.path):
                how = "is" if soname == facts.soname else "needs"
                return int(major), facts.path, f"{facts.path} {how} {soname}"
    for fact in case.tables.rows("cuda"):
        if fnmatchcase(package.name, fact["name"]):
            text = package.version.partition(".")[0] if fact["cuda"] == "version" else str(fact["cuda"])
            if numbers_if_any(text):
                return int(text), package.name, fact.source
    return None


def _has_no_sibling(package: Package, path: str) -> bool:
    """A package that brings one library per CUDA version chooses among them when it runs: that tells nothing here."""
    folder = path.rpartition("/")[0]
    majors = {
        soname.removeprefix(_RUNTIME).partition(".")[0]
        for facts in package.facts or ()
        if facts.path.rpartition("/")[0] == folder
        for soname in facts.needed
        if soname.startswith(_RUNTIME)
    }
    return len(majors) <= 1


def driver_findings(case: Case) -> Iterator[Finding]:
    """One finding for every package that is built for CUDA."""
    machine = case.hardware
    system = "windows" if machine.system == "windows" else "linux"
    for package in case.packages:
        told = cuda_major(case, package)
        if told is None:
            continue
        major, path, rule = told
        floor = driver_floor(case.tables, major, system)
        needed = f"CUDA {major}" + (f": NVIDIA driver {floor.driver} or newer" if floor else "")
        if floor is None:
            yield _finding(UNKNOWN, package, path, needed, "no rule tells which driver it needs", rule, "")
        elif machine.cuda is not None and numbers(machine.cuda)[0] >= major:
            # A compatibility package may lift what the kernel's driver alone could not run.
            lifted = f" ({machine.cuda_source})" if machine.cuda_source else ""
            actual = f"driver {machine.driver or 'unknown'} with CUDA {machine.cuda}{lifted}"
            yield _finding(HOLDS, package, path, needed, actual, rule, "")
        elif machine.driver is None:
            if machine.has_no_gpu:
                yield _finding(
                    WARNS, package, path, needed, "the machine has no NVIDIA GPU", rule, "choose a CPU build"
                )
            elif machine.gpus:
                yield _finding(UNKNOWN, package, path, needed, "the driver of the machine is not known", rule, "")
        else:
            yield _compared(machine.driver, floor, package, path, needed, rule)


def _compared(driver: str, floor: DriverFloor, package: Package, path: str, needed: str, rule: str) -> Finding:
    is_old = numbers(driver) < floor.numbers
    rule = f"{rule}; {floor.fact.source}"
    actual = f"driver {driver}"
    if is_old and floor.is_certain:
        remedy = f"update the NVIDIA driver to {floor.driver} or newer, or choose a build for an older CUDA"
        return _finding(FAILS, package, path, needed, actual, rule, remedy)
    return _finding(UNKNOWN if is_old else HOLDS, package, path, needed, actual, rule, "")


def _finding(level: str, package: Package, path: str, expected: str, actual: str, rule: str, remedy: str) -> Finding:
    return Finding(
        level=level,
        kind="driver",
        subject=package.name,
        path=path,
        expected=expected,
        actual=actual,
        rule=rule,
        remedy=remedy,
        evidence=(("version", package.version),),
    )
