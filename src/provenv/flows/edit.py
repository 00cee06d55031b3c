"""Adds requirements to a project file and removes them, keeping its comments and order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import tomlkit
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from tomlkit.exceptions import ParseError
from tomlkit.items import Array, Table

from provenv.errors import InputError, UsageError
from provenv.flows import files
from provenv.flows.lock import Locked, lock
from provenv.flows.parse_aim import read_project
from provenv.flows.world import World
from provenv.model.project import Project

__all__ = ["Place", "add", "all_or_nothing", "remove"]


class Place:
    """Which list of the project file: its dependencies, an extra or a group."""

    __slots__ = ("kind", "name")

    def __init__(self, kind: str = "", name: str = "") -> None:
        self.kind = kind
        """``""``, ``extra`` or ``group``."""
        self.name = name

    def path(self) -> tuple[str, ...]:
        """The keys from the top of the file to the list."""
        match self.kind:
            case "extra":
                return "project", "optional-dependencies", self.name
            case "group":
                return "dependency-groups", self.name
            case _:
                return "project", "dependencies"


@contextmanager
def all_or_nothing(world: World) -> Iterator[None]:
    """When the block fails or is interrupted, project file and lock are put back as they were."""
    before = {path: files.read_if_there(path) for path in (world.project_file, world.lock_file)}
    try:
        yield
    except BaseException:
        for path, data in before.items():
            _put_back(path, data)
        raise


def add(
    world: World, words: Sequence[str], place: Place, *, has_bounds: bool = True, is_frozen: bool = False
) -> Locked | None:
    """Add requirements, lock, and give a bare name the lower bound of what was chosen (as uv does).

    The project file and the lock change together or not at all: after any failure both are as they were. With
    ``is_frozen`` nothing is locked and no bound is added.
    """
    wanted = [_requirement(word) for word in words]
    before = files.read(world.project_file, "run `provenv init` to start a project")
    read_project(before, world.project_file)
    document = _parsed(before, world.project_file)
    array = _array(document, place.path(), world.project_file)
    for requirement in wanted:
        _put(array, requirement)
    if is_frozen:
        files.replace(world.project_file, _bytes(document))
        return None
    with all_or_nothing(world):
        files.replace(world.project_file, _bytes(document))
        locked = lock(world)
        if has_bounds and _bounded(array, wanted, locked.new):
            files.replace(world.project_file, _bytes(document))
            old = locked.old
            locked = lock(world.settled())
            locked = Locked(locked.data, old, locked.new, is_changed=True, is_written=True, warnings=locked.warnings)
    return locked


def remove(world: World, names: Sequence[str], place: Place, *, is_frozen: bool = False) -> Locked | None:
    """Take requirements out and lock. Raises InputError when one is not there; then nothing has changed."""
    before = files.read(world.project_file, "run `provenv init` to start a project")
    project = read_project(before, world.project_file)
    document = _parsed(before, world.project_file)
    array = _array(document, place.path(), world.project_file)
    for name in names:
        found = [number for number, text in enumerate(array) if _name(str(text)) == canonicalize_name(name)]
        if not found:
            raise InputError(
                f"{world.project_file}: {'.'.join(place.path())}",
                f"`{name}` is not there",
                hint=_elsewhere(project, canonicalize_name(name)),
            )
        for number in reversed(found):
            del array[number]
    with all_or_nothing(world):
        files.replace(world.project_file, _bytes(document))
        return None if is_frozen else lock(world)


def _elsewhere(project: Project, name: str) -> str:
    """Where a package is that was not found where it was looked for."""
    places = {"without --dev, --group and --optional": project.dependencies}
    places |= {f"with --optional {extra}": lines for extra, lines in project.extras.items()}
    places |= {"with --dev" if group == "dev" else f"with --group {group}": it for group, it in project.groups.items()}
    found = [words for words, lines in places.items() if any(_name(line.text) == name for line in lines)]
    if found:
        return f"it is somewhere else: `provenv remove {name}` {' or '.join(found)} takes it out"
    return "only what the project itself names can be removed; `provenv tree` shows who needs a package"


def _put_back(path: str, data: bytes | None) -> None:
    if files.read_if_there(path) == data:
        return
    if data is None:
        files.remove(path)
    else:
        files.replace(path, data)


def _requirement(word: str) -> Requirement:
    try:
        return Requirement(word)
    except InvalidRequirement as error:
        raise UsageError(
            f"`{word}` is not a requirement: {str(error).splitlines()[0]}",
            hint="write it as `name`, `name>=1.2` or `name[extra]==1.2`, quoted for your shell",
        ) from error


def _parsed(data: bytes, where: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(data.decode())
    except (ParseError, UnicodeDecodeError) as error:
        raise InputError(where, f"not valid TOML: {error}") from error


def _bytes(document: tomlkit.TOMLDocument) -> bytes:
    return tomlkit.dumps(document).encode()


def _array(document: tomlkit.TOMLDocument, path: tuple[str, ...], where: str) -> Array:
    table: Any = document
    for key in path[:-1]:
        if key not in table:
            table[key] = tomlkit.table()
        table = table[key]
        if not isinstance(table, Table | dict):
            raise InputError(f"{where}: {key}", "a table is expected here")
    if path[-1] not in table:
        table[path[-1]] = tomlkit.array()
    array = table[path[-1]]
    if not isinstance(array, Array):
        raise InputError(f"{where}: {'.'.join(path)}", "a list is expected here")
    return array


def _name(text: str) -> str:
    try:
        return canonicalize_name(Requirement(text).name)
    except InvalidRequirement:
        return ""


def _put(array: Array, requirement: Requirement) -> None:
    """Replace the line of the same package and marker, or add one in its sorted place."""
    name = canonicalize_name(requirement.name)
    for number, text in enumerate(array):
        there = _name(str(text))
        if there == name and str(Requirement(str(text)).marker or "") == str(requirement.marker or ""):
            old = Requirement(str(text))
            if not requirement.specifier and requirement.url is None:
                requirement.specifier = old.specifier
            requirement.extras |= old.extras
            array[number] = str(requirement)
            return
    names = [_name(str(text)) for text in array]
    is_sorted = names == sorted(names)
    at = sum(there < name for there in names) if is_sorted else len(names)
    is_multiline = "\n" in array.as_string() or len(names) >= 1
    array.insert(at, str(requirement))
    if is_multiline and "\n" not in array.as_string():
        array.multiline(True)


def _bounded(array: Array, wanted: Sequence[Requirement], chosen: Mapping[str, tuple[str, ...]]) -> bool:
    """Give each bare requirement ``>=`` the lowest version chosen; whether anything was changed."""
    changed = False
    bare = {canonicalize_name(item.name) for item in wanted if not item.specifier and item.url is None}
    for number, text in enumerate(array):
        name = _name(str(text))
        versions = chosen.get(name)
        requirement = Requirement(str(text)) if name else None
        if requirement is None or name not in bare or requirement.specifier or not versions:
            continue
        lowest = min(Version(version) for version in versions)
        extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
        marker = f" ; {requirement.marker}" if requirement.marker else ""
        array[number] = f"{requirement.name}{extras}>={lowest.public}{marker}"
        changed = True
    return changed
