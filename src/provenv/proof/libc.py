"""Are the C and C++ libraries new enough? By the symbol versions in the bytes, not by the wheel's tag."""

from __future__ import annotations

from collections.abc import Iterator

from provenv.binary.facts import FileFacts
from provenv.model.finding import FAILS, HOLDS, UNKNOWN, Finding
from provenv.proof.subject import Case, Package
from provenv.proof.words import dotted, newest_symbol_version
from provenv.stack.tables import numbers

__all__ = ["libc_findings"]


def libc_findings(case: Case) -> Iterator[Finding]:
    """One finding per package for glibc and one for libstdc++: of the file that asks for the newest."""
    machine = case.hardware
    if machine.system != "linux":
        return
    has_glibcxx = None if machine.glibcxx is None else numbers(machine.glibcxx)
    for package in case.packages:
        worst = _newest(package, "GLIBC_")
        if worst is not None:
            yield _finding("glibc", package, *worst, machine.glibc, is_musl=machine.musl is not None)
        worst = _newest(package, "GLIBCXX_")
        own = max(filter(None, (_defined(one) for one in case.packages)), default=None)
        if worst is not None:
            yield _finding("libstdc++", package, *worst, max(filter(None, (has_glibcxx, own)), default=None))


def _newest(package: Package, prefix: str) -> tuple[FileFacts, tuple[int, ...]] | None:
    found = []
    for facts in package.facts or ():
        versions = [version for some in facts.version_needs.values() for version in some]
        newest = newest_symbol_version(versions, prefix)
        if newest is not None:
            found.append((newest, facts))
    if not found:
        return None
    newest, facts = max(found, key=lambda row: (row[0], row[1].path))
    return facts, newest


def _defined(package: Package) -> tuple[int, ...] | None:
    """What a libstdc++ defines that a package brings with it under its own name."""
    versions = [
        version
        for facts in package.facts or ()
        if facts.soname == "libstdc++.so.6"
        for version in facts.version_definitions
    ]
    return newest_symbol_version(versions, "GLIBCXX_")


def _finding(
    kind: str,
    package: Package,
    facts: FileFacts,
    needed: tuple[int, ...],
    there: tuple[int, ...] | None,
    *,
    is_musl: bool = False,
) -> Finding:
    name = "GLIBC" if kind == "glibc" else "GLIBCXX"
    library = "glibc" if kind == "glibc" else "libstdc++"
    if is_musl:
        level, actual = FAILS, "the machine has musl"
    elif there is None:
        level, actual = UNKNOWN, f"the {library} of the machine is not known"
    else:
        level = HOLDS if needed <= there else FAILS
        actual = f"{library} {dotted(there)}" if kind == "glibc" else f"{library} with GLIBCXX_{dotted(there)}"
    return Finding(
        level=level,
        kind=kind,
        subject=package.name,
        path=facts.path,
        expected=f"{name}_{dotted(needed)}",
        actual=actual,
        rule="symbol versions that the file needs (.gnu.version_r), whatever the wheel's tag says",
        remedy="" if level != FAILS else f"choose an older version of {package.name}, or a newer base system",
        evidence=(("version", package.version), ("symbol version", f"{name}_{dotted(needed)}")),
    )
