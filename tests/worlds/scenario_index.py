"""A third party's resolution scenarios as real package indexes, and as projects that need something of them.

A scenario file describes packages, what a project requires of them and what a resolver should answer; see
``tests/data/scenarios/SOURCE``. What a file leaves out has the meaning that packse gives it: a version has a wheel for
everybody and a source archive, and needs Python 3.12 or newer; the project runs on Python 3.12.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.markers import Marker
from packaging.specifiers import SpecifierSet

from provenv.model.target import PLATFORMS, Target
from tests.worlds.wheels import build_wheel, core_metadata

__all__ = ["Scenario", "build_index", "write_project"]

_PYTHON = "3.12"
_REQUIRES_PYTHON = ">=3.12"
#: Some universal scenarios name systems that are none of ours, to have disjoint markers. Two of ours are as disjoint.
_IMAGINARY_SYSTEMS = {"os1": "linux", "os2": "darwin", "windows": "win32", "illumos": "darwin"}
_SYSTEM_MARKER = re.compile(r"\b(?:sys_platform|os_name|platform_system)\b")
_PYTHON_MARKER = re.compile(r"\bpython(?:_full)?_version\s*[<>=!~]+\s*'(\d+\.\d+)'")
_OLDEST_PYTHON = re.compile(r">=\s*(\d+\.\d+)")
_PLATFORMS = {"linux": "linux-x86_64", "macos": "macos-x86_64", "windows": "windows-x86_64"}
_TRIPLE = re.compile(
    r"(?P<machine>x86_64|aarch64)-(?P<system>\w+?)(?P<glibc>_?\d\w*)?(?:-(?P<kind>\w+))?(?:-(?P<abi>\w+))?"
)
#: Names of manylinux levels that are older than PEP 600.
_OLD_LEVELS = {"2014": (2, 17), "2010": (2, 12), "1": (2, 5)}
#: Options of a resolver that say which targets there are.
_TARGET_OPTIONS = {"python", "python_platform", "required_environments", "universal"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """One story: a project, the packages around it, and the answer."""

    path: Path
    name: str
    requires: tuple[str, ...]
    requires_python: str
    packages: Mapping[str, Mapping[str, Mapping[str, Any]]]
    """Package -> version -> what the file says of it."""
    settings: Mapping[str, Any]
    """``[tool.provenv]`` of the project: the counterpart of the scenario's options."""
    targets: Mapping[str, Target]
    """One for a plain scenario; for a universal one those that its markers tell apart."""
    is_universal: bool
    options_without_counterpart: tuple[str, ...]
    is_satisfiable: bool
    expected: Mapping[str, str] | None
    """Package -> version, when the file says it."""

    @classmethod
    def from_file(cls, path: Path) -> Scenario:
        """Read a scenario file."""
        document = tomllib.loads(_with_real_systems(path.read_text("utf-8")))
        root, options = document["root"], document.get("resolver_options", {})
        python = options.get("python") or document.get("environment", {}).get("python", _PYTHON)
        packages = {name: package["versions"] for name, package in document["packages"].items()}
        requires_python = root.get("requires_python", f">={python}")
        is_universal = options.get("universal", False)
        requirements = "\n".join(_requirements(root["requires"], packages))
        targets = _targets(requirements, python, requires_python) if is_universal else _targets("", python, "")
        if "python_platform" in options:
            targets = {"asked": _target_of(options["python_platform"], python)}
        for marker in options.get("required_environments", ()):
            targets |= _required(Marker(marker), python, list(targets.values()))
        settings = dict(_settings(options))
        return cls(
            path=path,
            name=document["name"],
            requires=tuple(root["requires"]),
            requires_python=requires_python,
            packages=packages,
            settings={key: value for key, value in settings.items() if not key.startswith("?")},
            targets=targets,
            is_universal=is_universal,
            options_without_counterpart=tuple(key[1:] for key in settings if key.startswith("?")),
            is_satisfiable=document["expected"]["satisfiable"],
            expected=document["expected"].get("packages"),
        )


def build_index(scenario: Scenario, directory: Path) -> dict[str, str]:
    """Write the files of all packages; the names of those that are yanked, with an empty reason each."""
    directory.mkdir()
    yanked = {}
    for name, versions in scenario.packages.items():
        for version, told in versions.items():
            for path in _build(directory, name, version, told):
                if told.get("yanked"):
                    yanked[path.name] = ""
    return yanked


def write_project(scenario: Scenario, directory: Path) -> None:
    """Write a project that requires what the scenario requires, with its targets declared."""
    directory.mkdir()
    lines = [
        "[project]",
        'name = "root-of-the-scenario"',
        'version = "0"',
        f"requires-python = {json.dumps(scenario.requires_python)}",
        f"dependencies = {json.dumps(scenario.requires)}",
    ]
    lines += ["[tool.provenv]", *(f"{key} = {json.dumps(value)}" for key, value in scenario.settings.items())]
    for name, target in scenario.targets.items():
        lines += [f"[tool.provenv.targets.{name}]", f'platform = "{target.platform}"', f'python = "{target.python}"']
        floors = {"glibc": target.glibc, "musl": target.musl}
        lines += [f'{key} = "{floor[0]}.{floor[1]}"' for key, floor in floors.items() if floor]
    (directory / "pyproject.toml").write_text("\n".join(lines) + "\n")


def _with_real_systems(text: str) -> str:
    for imaginary, real in _IMAGINARY_SYSTEMS.items():
        text = text.replace(f"sys_platform == '{imaginary}'", f"sys_platform == '{real}'")
    return text


def _requirements(root: list[str], packages: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    yield from root
    for versions in packages.values():
        for told in versions.values():
            yield from told.get("requires", ())
            for requirements in told.get("extras", {}).values():
                yield from requirements


def _targets(requirements: str, python: str, requires_python: str) -> dict[str, Target]:
    """The scenario's Python on Linux, multiplied by the systems and by the Pythons that the scenario names."""
    systems = _PLATFORMS if _SYSTEM_MARKER.search(requirements) else {"linux": _PLATFORMS["linux"]}
    admitted = SpecifierSet(requires_python)
    named = _PYTHON_MARKER.findall(requirements) + _OLDEST_PYTHON.findall(requires_python)
    pythons = {python, *(one for one in named if admitted.contains(f"{one}.0"))}
    targets = [
        Target(
            name=f"{system}-{number.replace('.', '')}" if len(pythons) > 1 else system, platform=platform, python=number
        )
        for number in sorted(pythons)
        for system, platform in systems.items()
    ]
    return {target.name: target for target in targets}


def _settings(options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What an option is called here; one without a counterpart begins with a question mark."""
    for key, value in options.items():
        if key == "prereleases":
            # Once it was only whether all are admitted; a word is uv's own.
            yield "prerelease", value if isinstance(value, str) else "allow" if value else "if-necessary-or-explicit"
        elif key == "resolution":
            yield key, value
        elif key in ("no_build", "no_binary"):
            is_all = value is True or ":all:" in (value or ())
            yield (key.replace("_", "-"), True) if is_all else (f"{key.replace('_', '-')}-package", value or [])
        elif key not in _TARGET_OPTIONS:
            yield f"?{key}", value


def _target_of(platform: str, python: str) -> Target:
    """The target that uv's ``--python-platform`` names."""
    usual = {"linux": "linux-x86_64", "macos": "macos-arm64", "windows": "windows-x86_64"}
    if platform in usual:
        return Target(name="asked", platform=usual[platform], python=python)
    found = _TRIPLE.fullmatch(platform)
    assert found is not None, platform
    machine, level = found["machine"], (found["glibc"] or "").removeprefix("_")
    if found["kind"] == "windows":
        return Target(name="asked", platform="windows-x86_64", python=python)
    if found["system"] == "apple":
        return Target(name="asked", platform=f"macos-{machine.replace('aarch64', 'arm64')}", python=python)
    numbers = _OLD_LEVELS.get(level) or tuple(map(int, level.split("_"))) if level else None
    assert numbers is None or len(numbers) == 2
    return Target(
        name="asked",
        platform=f"linux-{machine}",
        python=python,
        glibc=numbers,
        musl=(1, 2) if found["abi"] == "musl" else None,
    )


def _required(marker: Marker, python: str, targets: list[Target]) -> dict[str, Target]:
    """Targets of platforms that must be covered, for every Python that the others have."""
    pythons = sorted({target.python for target in targets}) or [python]
    every = [
        Target(name=f"{platform}-{number.replace('.', '')}", platform=platform, python=number)
        for platform in PLATFORMS
        for number in pythons
        if not any((target.platform, target.python) == (platform, number) for target in targets)
    ]
    return {target.name: target for target in every if marker.evaluate(dict(target.environment()))}


def _build(directory: Path, name: str, version: str, told: Mapping[str, Any]) -> Iterator[Path]:
    requires, extras = told.get("requires", ()), told.get("extras", {})
    requires_python = told.get("requires_python", _REQUIRES_PYTHON)
    if told.get("wheel", True):
        for tags in told.get("wheel_tags", ["py3-none-any"]):
            yield build_wheel(
                directory, name, version, {}, requires, extras, tags=tags, requires_python=requires_python
            )
    if told.get("sdist", True):
        metadata = core_metadata(name, version, requires=requires, extras=extras, requires_python=requires_python)
        yield _build_source(directory, f"{name.replace('-', '_')}-{version}", metadata)


def _build_source(directory: Path, stem: str, metadata: str) -> Path:
    """A source archive (PEP 625) whose PKG-INFO is final (PEP 643)."""
    members = {
        "PKG-INFO": metadata.replace("Metadata-Version: 2.1", "Metadata-Version: 2.2", 1),
        "pyproject.toml": '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n',
    }
    path = directory / f"{stem}.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for member, text in members.items():
            data = text.encode()
            info = tarfile.TarInfo(f"{stem}/{member}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path
