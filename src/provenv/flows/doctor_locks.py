"""Reads the locks of a project for the doctor, of whichever tool. Nothing is remembered, no interpreter is asked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from provenv.convert.detect import read_lock
from provenv.doctor.subject import Lock
from provenv.env.scan import normalised
from provenv.errors import InputError, ProvenvError
from provenv.flows import files
from provenv.flows.aimed_target import text_of
from provenv.flows.prove_carried import carried_of
from provenv.lockfile.read import parse
from provenv.lockfile.seal import is_as_written
from provenv.model.project import Line, Project

__all__ = ["read_locks"]

_FORMS = {"pylock.toml": "pylock", "uv.lock": "uv", "poetry.lock": "poetry", "pdm.lock": "pdm"}
_CONFLICT = re.compile(rb"^(<{7}|>{7}) ", re.MULTILINE)


def read_locks(directory: str, project: Project | None, texts: Mapping[str, str]) -> tuple[Lock, ...]:
    """Every lock in the project's directory, provenv's first; ``texts`` may hold requirement files with hashes."""
    found = []
    for name, form in _FORMS.items():
        try:
            data = files.read_if_there(f"{directory}/{name}")
        except InputError as error:
            found.append(Lock(path=name, form=form, problem=error.problem))
            continue
        if data is None:
            continue
        if _CONFLICT.search(data):
            found.append(Lock(path=name, form=form, problem="a merge left its marks in it: `<<<<<<<`"))
            continue
        try:
            found.append(_own(data, name, project) if form == "pylock" else _foreign(data, name, form))
        except ProvenvError as error:
            found.append(Lock(path=name, form=form, problem=error.message.removeprefix(f"{name}: ")))
    return (*found, *_others(directory), *_hashed(texts))


def _own(data: bytes, name: str, project: Project | None) -> Lock:
    document = parse(data, name)
    packages = document["packages"]
    inputs = document.get("tool", {}).get("provenv", {})
    facts = {sha256: carried.files for sha256, carried in carried_of(document).items()}
    return Lock(
        path=name,
        form="pylock",
        versions=_versions((one["name"], str(one.get("version", ""))) for one in packages),
        always=frozenset(one["name"] for one in packages if "marker" not in one and "directory" not in one)
        if inputs
        else frozenset(),
        facts=facts,
        hashes={one["name"]: _hashes(one, facts) for one in packages},
        stale=_stale(data, inputs, project) if inputs and project is not None else "",
    )


def _hashes(package: Mapping[str, Any], known: Collection[str]) -> tuple[str, ...]:
    told = (str(wheel.get("hashes", {}).get("sha256", "")) for wheel in package.get("wheels", ()))
    return tuple(sha256 for sha256 in told if sha256 in known)


def _versions(pairs: Iterator[tuple[str, str]]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, version in pairs:
        if version not in found.get(name, ()):
            found[name] = (*found.get(name, ()), version)
    return found


def _stale(data: bytes, inputs: Mapping[str, Any], project: Project) -> str:
    """What the project file says otherwise than when the lock was made: of its words only, which nobody has to run."""
    if is_as_written(data) is False:
        return "it was changed since provenv wrote it"
    said: dict[str, Any] = {
        "requires": _texts(project.dependencies),
        "requires-python": project.requires_python,
        "constraints": _texts(project.constraints),
        "overrides": _texts(project.overrides),
        "extras": {name: _texts(lines) for name, lines in project.extras.items()},
        "groups": {name: _texts(lines) for name, lines in project.groups.items()},
    }
    if "dependencies" in project.dynamic:
        del said["requires"]
    if "optional-dependencies" in project.dynamic:
        del said["extras"]
    for key, value in said.items():
        before = inputs.get(key)
        if (value or None) != (before or None):
            return f"{_KEYS[key]} changed since{_change(before, value)}"
    names = [target.name for target in project.targets]
    recorded = [str(one.get("name")) for one in inputs.get("targets", ())]
    if names and names != recorded:
        return f"it was made for the targets {', '.join(recorded)}; the project declares {', '.join(names)}"
    return ""


_KEYS = {
    "requires": "project.dependencies",
    "requires-python": "requires-python",
    "constraints": "the constraints",
    "overrides": "the overrides",
    "extras": "the optional dependencies",
    "groups": "the dependency groups",
}


def _change(old: object, new: object) -> str:
    before, after = _items(old), _items(new)
    parts = [f"{text} is new" for text in after if text not in before]
    parts += [f"{text} is gone" for text in before if text not in after]
    return f": {', '.join(parts[:3])}" if parts else ""


def _items(value: object) -> list[str]:
    """The requirements of a list, or of a table of lists with the names of these; a text by itself."""
    if isinstance(value, dict):
        return [f"{item} in `{key}`" for key, items in value.items() for item in _items(items)]
    if isinstance(value, list):
        return [f"`{item}`" for item in value]
    return [f"`{value}`"] if value else []


def _texts(lines: tuple[Line, ...]) -> list[str]:
    return sorted(text_of(line) for line in lines)


def _foreign(data: bytes, name: str, form: str) -> Lock:
    lock = read_lock(data, name)
    pairs = ((one.name, one.version or "") for one in lock.packages if one.kind not in ("virtual", "editable"))
    return Lock(path=name, form=form, versions=_versions(pairs))


def _hashed(texts: Mapping[str, str]) -> Iterator[Lock]:
    """Requirement files with hashes: each is a lock of its own, often for one purpose only."""
    for path, text in sorted(texts.items()):
        if re.fullmatch(r"(?:requirements/)?[\w.-]+\.txt", path) and "--hash=sha256:" in text:
            pins = re.findall(r"^([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)", text, re.MULTILINE)
            yield Lock(
                path=path, form="requirements", versions=_versions((normalised(name), pin) for name, pin in pins)
            )


def _others(directory: str) -> Iterator[Lock]:
    """Locks of tools whose packages are not all Python's: only that they are there, or their plain versions."""
    path = f"{directory}/Pipfile.lock"
    if os.path.isfile(path):
        try:
            with open(path, encoding="utf-8") as file:
                default = json.load(file).get("default", {})
            pairs = (
                (normalised(name), str(one.get("version", "")).removeprefix("==")) for name, one in default.items()
            )
            yield Lock(path="Pipfile.lock", form="pipenv", versions=_versions(pairs))
        except (OSError, ValueError, AttributeError) as problem:
            yield Lock(path="Pipfile.lock", form="pipenv", problem=f"it cannot be read: {problem}")
    if os.path.isfile(f"{directory}/conda-lock.yml"):
        yield Lock(path="conda-lock.yml", form="conda")
