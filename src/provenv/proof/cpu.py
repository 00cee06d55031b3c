"""Are the instructions there, and is it the right kind of processor and Python?"""

from __future__ import annotations

import re
from collections.abc import Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from provenv.model.finding import FAILS, UNKNOWN, WARNS, Finding
from provenv.proof.subject import Case, Package

__all__ = ["abi_findings", "cpu_findings"]

_EXTENSION = re.compile(r"\.cpython-(\d)(\d+)(t?)-[^/]*\.so$")
_LEVELS = ("x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4")
_PROCESSORS = {"arm64": "aarch64"}


def cpu_findings(case: Case) -> Iterator[Finding]:
    """Packages that are known to need a micro-architecture level."""
    machine = case.hardware
    if machine.architecture != "x86_64":
        return
    for fact in case.tables.rows("needs"):
        package = case.package(fact["name"])
        if package is None or not fact["platform"].startswith(machine.system):
            continue
        if not SpecifierSet(fact["versions"]).contains(Version(package.version).public, prereleases=True):
            continue
        is_old = machine.cpu is not None and _LEVELS.index(machine.cpu) < _LEVELS.index(fact["cpu"])
        if machine.cpu is None or is_old:
            yield Finding(
                level=UNKNOWN if machine.cpu is None or not fact.is_certain else FAILS,
                kind="cpu",
                subject=package.name,
                expected=fact["cpu"],
                actual="the processor's level is not known" if machine.cpu is None else machine.cpu,
                rule=fact.source,
                remedy=f"choose an older {package.name}, or another machine" if is_old else "record the machine",
                evidence=(("version", package.version),),
            )


def abi_findings(case: Case) -> Iterator[Finding]:
    """Compiled files for another processor or another Python than the target's."""
    if case.hardware.system != "linux":
        return
    processor = _PROCESSORS.get(case.hardware.architecture, case.hardware.architecture)
    for package in case.packages:
        files = [facts for facts in package.facts or () if facts.machine not in ("cuda", "amdgpu")]
        others = [facts for facts in files if facts.machine != processor]
        if files and len(others) == len(files):
            yield Finding(
                level=UNKNOWN if processor == "unknown" else FAILS,
                kind="processor",
                subject=package.name,
                path=others[0].path,
                expected=processor,
                actual=f"all compiled files are for {others[0].machine}",
                rule="e_machine of the files, whatever the wheel's tag says",
                remedy="choose another file of this package",
                evidence=(("version", package.version),),
            )
        yield from _python(case, package)


def _python(case: Case, package: Package) -> Iterator[Finding]:
    wanted = (f"{case.python[0]}", f"{case.python[1]}", "t" if "t" in case.abi_flags else "")
    stems: dict[str, list[tuple[tuple[str | None, ...], str]]] = {}
    for facts in package.facts or ():
        if found := _EXTENSION.search(facts.path):
            stems.setdefault(facts.path[: found.start()], []).append((found.groups(), facts.path))
    for stem, variants in sorted(stems.items()):
        if all(groups != wanted for groups, _ in variants):
            yield Finding(
                level=WARNS,
                kind="python",
                subject=package.name,
                path=variants[0][1],
                expected=f"a module for Python {case.python[0]}.{case.python[1]}{wanted[2]}",
                actual=f"{stem.rpartition('/')[2]} is only there for others",
                rule="PEP 3149: the file's tag; Python does not find a module with another one",
                remedy="choose another file of this package",
                evidence=(("version", package.version),),
            )
