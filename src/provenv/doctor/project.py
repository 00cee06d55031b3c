"""The project file, its locks and its layout."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from packaging.requirements import InvalidRequirement, Requirement

from provenv.doctor.subject import Lock, Patient
from provenv.doctor.words import found, line_of, listed
from provenv.model.finding import FAILS, Finding
from provenv.model.project import Project
from provenv.stack.builds import family

__all__ = ["layout_findings", "lock_findings", "requirement_findings"]

_FILE = "pyproject.toml"
_TOOLS = {"pylock": "provenv", "uv": "uv", "poetry": "Poetry", "pdm": "PDM", "pipenv": "Pipenv", "conda": "conda-lock",
          "requirements": "a requirements file"}  # fmt: skip
_FLAT = re.compile(r"([A-Za-z_]\w*)/__init__\.py")
_NO_PACKAGES = {"tests", "test", "docs", "doc", "examples", "scripts", "tools", "benchmarks", "bench", "notebooks"}
_LOWER = (">", "==", "~=", "===")
_BOUNDS = ("<", "==", "~=", "===")


def lock_findings(patient: Patient) -> Iterator[Finding]:
    """Whether there is a lock, whether it fits, and whether two of them disagree."""
    project, locks = patient.project, patient.locks
    for lock in locks:
        if lock.problem:
            yield found(
                "unreadable-lock",
                lock.problem,
                "restore it from git, or make it anew",
                level=FAILS,
                path=lock.path,
            )
        elif lock.stale:
            yield found("stale-lock", lock.stale, "run `provenv lock`", level=FAILS, path=lock.path)
    if project is not None and project.has_project and not locks and _asks_for_something(project):
        is_library = project.has_build_system
        yield found(
            "no-lock",
            "nothing says which versions are meant: each installation chooses anew",
            "run `provenv lock`, and commit pylock.toml",
            level="warns" if is_library else FAILS,
            path=_FILE,
        )
    for one, other in _pairs(locks):
        if differing := _differing(one, other):
            yield found(
                "two-locks",
                f"{_TOOLS[one.form]} and {_TOOLS[other.form]} lock other versions: {listed(differing, 3)}",
                f"keep one: delete {other.path}, or make it anew from {one.path}",
                path=one.path,
            )


def _asks_for_something(project: Project) -> bool:
    return bool(project.dependencies or any(project.groups.values()) or any(project.extras.values()))


def _pairs(locks: Sequence[Lock]) -> Iterator[tuple[Lock, Lock]]:
    readable = [lock for lock in locks if lock.versions]
    for place, one in enumerate(readable):
        for other in readable[place + 1 :]:
            yield one, other


def _differing(one: Lock, other: Lock) -> list[str]:
    return [
        f"{name} {one.versions[name][0]} and {other.versions[name][0]}"
        for name in sorted(one.versions.keys() & other.versions.keys())
        if not set(one.versions[name]) & set(other.versions[name])
    ]


def requirement_findings(patient: Patient) -> Iterator[Finding]:
    """Requirements that say too little."""
    project, text = patient.project, patient.project_text
    if project is not None and project.has_project:
        wanted = project.requires_python
        if not wanted or not any(part.strip().startswith(_LOWER) for part in wanted.split(",")):
            yield found(
                "python-bound",
                f"requires-python `{wanted}` has no lower bound" if wanted else "requires-python is missing",
                'say the oldest Python that is tried: requires-python = ">=3.11"',
                path=_FILE,
                line=line_of(text, "requires-python") or line_of(text, "[project]"),
            )
        yield from _unbounded(patient, project)
    yield from _build_requirements(patient)
    yield from _loose_files(patient)


def _unbounded(patient: Patient, project: Project) -> Iterator[Finding]:
    kin = family(patient.tables) or frozenset({"torch"})
    lines = [*project.dependencies, *(line for lines in project.extras.values() for line in lines)]
    for line in lines:
        name = line.requirement.name.lower().replace("_", "-")
        operators = [one.operator for one in line.requirement.specifier]
        if name in kin and not operators and not line.requirement.url:
            yield found(
                "unbounded",
                f"`{line.text}` takes any version, also one whose CUDA no machine of yours runs",
                f'say the oldest that is tried: "{name}>=2.6"',
                path=_FILE,
                line=line_of(patient.project_text, f'"{line.text}"'),
                subject=name,
            )


def _build_requirements(patient: Patient) -> Iterator[Finding]:
    text = patient.project_text
    section = re.search(r"^\[build-system\](.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    listed_there = (
        re.search(r"^\s*requires\s*=\s*\[(.*?)\](?=\s*(?:$|#|\n))", section[1], re.M | re.S) if section else None
    )
    for quoted in re.findall(r"\"([^\"]+)\"|'([^']+)'", listed_there[1]) if listed_there else ():
        wanted = quoted[0] or quoted[1]
        try:
            requirement = Requirement(wanted)
        except InvalidRequirement:
            continue
        if not requirement.specifier and not requirement.url:
            yield found(
                "build-requirement",
                f"`{wanted}` builds the package in whichever version is newest that day",
                f'bound it: "{requirement.name}>=VERSION,<NEXT"',
                path=_FILE,
                line=line_of(text, f'"{wanted}"') or line_of(text, f"'{wanted}'"),
            )


def _loose_files(patient: Patient) -> Iterator[Finding]:
    """Requirement files in the top directory that say what to install, beside a lock that says it better."""
    if not patient.locks:
        return
    for path, text in sorted(patient.tree.texts.items()):
        if re.fullmatch(r"requirements[\w.-]*\.txt", path) and "--hash=" not in text:
            lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
            named = [(number, line) for number, line in lines if re.match(r"[A-Za-z0-9]", line)]
            if named:
                yield found(
                    "loose-requirements",
                    f"it names {len(named)} packages beside {patient.locks[0].path}, and nothing keeps the two equal",
                    f"delete it, or write it from the lock: `provenv export -o {path}`",
                    path=path,
                    line=named[0][0],
                )


def layout_findings(patient: Patient) -> Iterator[Finding]:
    """Where the code lies, and files of old ways to build."""
    paths = patient.tree.paths
    if "setup.py" in paths and _FILE not in paths:
        yield found(
            "setup-py",
            "only a program (setup.py) tells what this project needs: to know it, it must be run",
            "write pyproject.toml with [project] and [build-system]",
            path="setup.py",
        )
    project = patient.project
    if project is None or not project.has_build_system or not project.has_project:
        return
    has_tests = any(path.startswith(("tests/", "test/")) for path in paths)
    flat = sorted(
        match[1]
        for path in paths
        if (match := _FLAT.fullmatch(path)) and match[1] not in _NO_PACKAGES and not match[1].startswith("_")
    )
    if has_tests and flat and not any(path.startswith("src/") for path in paths):
        yield found(
            "flat-layout",
            f"{flat[0]} lies beside its tests: they import the directory, not what is built and installed",
            f"move it: `git mv {flat[0]} src/{flat[0]}`",
            path=f"{flat[0]}/__init__.py",
        )
