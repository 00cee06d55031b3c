"""The targets of a project: those that it declares, else the usual platforms, the same on every machine."""

from __future__ import annotations

from packaging.markers import Marker

from provenv.errors import InputError
from provenv.model.machine import Interpreter
from provenv.model.project import Project
from provenv.model.target import DEFAULT_GLIBC, DEFAULT_MACOS, PLATFORMS, Target
from provenv.pythons.find import fits

__all__ = ["PATCHES", "recorded", "targets_of", "usual_targets"]

SELDOM = ("macos-x86_64",)
"""Platforms that are locked only where one is, or where the project asks for it: hardly any wheel with compiled code
is made for them any more, so that a lock for them would hold packages of years ago."""

PATCHES = 60
"""No minor version of Python ever had so many patch releases."""


def targets_of(project: Project, interpreter: Interpreter | None, where: str) -> tuple[tuple[Target, bool], ...]:
    """Each target, with whether it must be solved. Raises InputError.

    ``interpreter`` is the project's; None when the project declares its targets.
    """
    if project.targets:
        for target in project.targets:
            version = target.environment()["python_full_version"]
            if not fits(version, project.requires_python):
                raise InputError(
                    f"{where}: tool.provenv.targets.{target.name}.python",
                    f"Python {target.python} is not within project.requires-python `{project.requires_python}`",
                )
        return tuple((target, True) for target in project.targets)
    assert interpreter is not None, "a project without targets has an interpreter"
    usual = tuple(
        target
        for target, is_here in usual_targets(interpreter, project.requires_python)
        if is_here
        or target.platform not in SELDOM
        or _is_any((*project.environments, *project.required_environments), target)
    )
    if project.environments:
        version = ".".join(map(str, interpreter.minor))
        usual = tuple(target for target in usual if _is_any(project.environments, target))
        if not usual:
            raise InputError(
                f"{where}: tool.provenv.environments",
                f"none of the usual platforms is one of these with Python {version}",
                hint="declare the machine in [tool.provenv.targets]",
            )
    for marker in project.required_environments:
        if not any(_is_any((marker,), target) for target in usual):
            raise InputError(
                f"{where}: tool.provenv.required-environments",
                f"no platform that the project is locked for is `{marker}`",
                hint="declare the machine in [tool.provenv.targets]",
            )
    return tuple((target, _is_any(project.required_environments, target)) for target in usual)


def usual_targets(interpreter: Interpreter, requires_python: str | None) -> tuple[tuple[Target, bool], ...]:
    """The platforms with the minor version of an interpreter, by their names; each with whether this machine is one.

    Nothing here depends on the machine but this: a C library or a macOS that is older than usual bounds its own
    platform, so that what is locked runs here. The Python is the first patch release that ``requires_python`` admits,
    so that a colleague with another one gets the same lock.
    """
    here = Target.from_interpreter(interpreter)
    python = _first_patch(interpreter, requires_python)
    found = []
    for platform in PLATFORMS:
        is_here = platform == here.platform
        found.append(
            (
                Target(
                    name=platform,
                    platform=platform,
                    python=python,
                    glibc=here.glibc if is_here and here.glibc and here.glibc < DEFAULT_GLIBC else None,
                    musl=here.musl if is_here else None,
                    macos=here.macos if is_here and here.macos and here.macos < DEFAULT_MACOS else None,
                    abi_flags=here.abi_flags,
                    is_declared=False,
                ),
                is_here,
            )
        )
    return tuple(found)


def _first_patch(interpreter: Interpreter, requires_python: str | None) -> str:
    major, minor = interpreter.minor
    if fits(f"{major}.{minor}.0", requires_python):
        return f"{major}.{minor}"
    versions = (f"{major}.{minor}.{patch}" for patch in range(1, PATCHES))
    return next((version for version in versions if fits(version, requires_python)), interpreter.version)


def _is_any(markers: tuple[Marker, ...], target: Target) -> bool:
    environment: dict[str, str] = {**target.environment(), "extra": ""}
    return any(marker.evaluate(environment) for marker in markers)


def recorded(target: Target) -> dict[str, object]:
    """A target as the lock records it. A usual platform is told by its name and the minor version of Python: a
    colleague's patch release or newer C library does not make the lock stale."""
    major, minor = target.minor
    record: dict[str, object] = {
        "name": target.name,
        "platform": target.platform,
        "python": target.python if target.is_declared else f"{major}.{minor}",
    }
    if target.is_declared:
        for key in ("glibc", "musl", "macos"):
            if floor := getattr(target, key):
                record[key] = f"{floor[0]}.{floor[1]}"
        for key in ("driver", "cuda", "cpu", "glibcxx"):
            if text := getattr(target, key):
                record[key] = text
        for key in ("gpus", "compute"):
            if values := getattr(target, key):
                record[key] = list(values)
        if target.has_no_gpu:
            record["gpus"] = []
        if target.machine is not None:
            from provenv.model.hardware_file import fingerprint

            # Whatever else the file says (what its system has, how much memory): another file makes the lock stale.
            record["machine"] = fingerprint(target.machine)
    return record
