"""What wheels do to one another: files owned twice, several run-time libraries of one kind, pairs that do not fit."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from provenv.model.finding import FAILS, UNKNOWN, WARNS, Finding
from provenv.proof.subject import Case, Package
from provenv.proof.words import listed

__all__ = ["is_runtime", "owner_findings", "pair_findings", "runtime_findings"]

_OPENMP = re.compile(r"lib(gomp|iomp5|omp)\b[^/]*\.so[^/]*|lib(gomp|iomp5|omp)-[0-9a-f]+[^/]*\.so[^/]*")
_OPENBLAS = re.compile(r"lib(scipy_)?openblas[^/]*\.so[^/]*")
_TORCH_FAMILY = ("torch", "torchvision", "torchaudio", "torchtext", "torchdata")


def owner_findings(case: Case) -> Iterator[Finding]:
    """Paths that two wheels own with different content: whichever comes last wins."""
    owners: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for package in case.packages:
        for path, digest in (package.paths or {}).items():
            owners[path][digest].append(package.label)
    pairs: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path, contents in owners.items():
        if len(contents) > 1:
            pairs[tuple(sorted({label for labels in contents.values() for label in labels}))].append(path)
    for labels, paths in sorted(pairs.items()):
        # Of two texts it seldom matters which one is there; of two libraries of one name it does.
        is_grave = case.has_strict_owners or any(".so" in path.rpartition("/")[2] for path in paths)
        yield Finding(
            level=FAILS if is_grave else WARNS,
            kind="owners",
            subject=labels[0].partition(" ")[0],
            path=sorted(paths)[0],
            expected="one owner for every file",
            actual=f"{' and '.join(labels)} both bring {listed(sorted(paths), 3)}, with different content",
            rule="RECORD of the wheels",
            remedy="leave one of them out, or say in `tool.provenv.file-owners` whose file is taken",
        )


def is_runtime(filename: str) -> bool:
    """Whether a file is one of the libraries of which there should be one in a process."""
    return bool(_OPENMP.fullmatch(filename) or _OPENBLAS.fullmatch(filename))


def runtime_findings(case: Case) -> Iterator[Finding]:
    """Several OpenMP or OpenBLAS libraries in one process: each starts its own threads; some hang."""
    for kind, pattern, what in (("openmp", _OPENMP, "OpenMP"), ("openblas", _OPENBLAS, "OpenBLAS")):
        copies: dict[str, str] = {}
        for package in case.packages:
            for facts in package.facts or ():
                if pattern.fullmatch(facts.path.rpartition("/")[2]):
                    copies.setdefault(facts.path, package.label)
        if len(copies) > 1:
            yield Finding(
                level=WARNS,
                kind=kind,
                path=sorted(copies)[0],
                expected=f"one {what} library",
                actual=f"{len(copies)}: {listed([f'{label} ({path})' for path, label in sorted(copies.items())], 4)}",
                rule="files of the wheels; each copy keeps threads of its own",
                remedy="set OMP_NUM_THREADS, or use threadpoolctl, when many processes run side by side",
            )


def pair_findings(case: Case) -> Iterator[Finding]:
    """Packages that must come from one build or fit one version, and do not say so in their metadata."""
    family = [package for name in _TORCH_FAMILY if (package := case.package(name)) is not None]
    builds = {package.build for package in family if package.build}
    if len(builds) > 1:
        yield Finding(
            level=FAILS,
            kind="build",
            subject=family[0].name,
            expected="one build for PyTorch and its kin",
            actual=listed([f"{package.label}" for package in family]),
            rule="the local version names the build: +cpu, +cu126",
            remedy="take all of them from one index of PyTorch",
        )
    for fact in case.tables.rows("pair"):
        one, other = case.package(fact["one"]), case.package(fact["other"])
        if one is None or other is None or not _is_version(one, fact["version"]):
            continue
        if not SpecifierSet(fact["fits"]).contains(Version(other.version).public, prereleases=True):
            yield _pair(one, other, fact["fits"], fact.source, is_certain=fact.is_certain)
    for fact in case.tables.rows("undeclared"):
        package = case.package(fact["name"])
        if package is None or case.package(fact["needs"]) is not None:
            continue
        if SpecifierSet(fact["versions"]).contains(Version(package.version).public, prereleases=True):
            yield Finding(
                level=FAILS if fact.is_certain else UNKNOWN,
                kind="pair",
                subject=package.name,
                expected=f"{fact['needs']}, which its metadata does not ask for",
                actual=f"no {fact['needs']} is chosen",
                rule=fact.source,
                remedy=f"add {fact['needs']} to the project",
            )


def _is_version(package: Package, wanted: str) -> bool:
    release = Version(package.version).release
    return release[: wanted.count(".") + 1] == Version(wanted).release


def _pair(one: Package, other: Package, fits: str, source: str, *, is_certain: bool) -> Finding:
    return Finding(
        level=WARNS if is_certain else UNKNOWN,
        kind="pair",
        subject=other.name,
        expected=f"{other.name}{fits} beside {one.label}",
        actual=other.label,
        rule=source,
        remedy=f"choose {other.name}{fits}",
    )
