"""The dependency tree of a lock, on one target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from provenv.errors import InputError
from provenv.flows.aimed import AimedTarget
from provenv.flows.project_file import read_project
from provenv.flows.workspace import members_of
from provenv.flows.world import World
from provenv.lockfile.read import parse
from provenv.model.project import Line

__all__ = ["Graph", "Root", "tree"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Root:
    """One line of a project: the package that it names, and the extras it wants of it."""

    name: str
    extras: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """Packages of one target: versions, who needs whom, and where to begin."""

    name: str | None
    versions: Mapping[str, str]
    """Empty where only a build can tell; several, with commas, where parts of the project exclude one another."""
    needs: Mapping[str, Sequence[str]]
    sizes: Mapping[str, int]
    """Bytes of the file that the target would download, where the lock tells."""
    roots: Mapping[str, Sequence[Root]]
    """Part of the project (``""``, ``extra:NAME``, ``group:NAME``) -> packages that it names itself."""
    members: Mapping[str, Mapping[str, Sequence[Root]]]
    """Member of the workspace -> what its parts name, as in ``roots``; the needs of one that is installed are those of
    its package."""


def tree(world: World, data: bytes, target: AimedTarget, name: str | None) -> Graph:
    """The graph of a lock for a target; every extra and group is shown.

    ``name`` is that of the project. Raises InputError when the lock holds nothing for the target.
    """
    document = parse(data, world.lock_file)
    recorded = document.get("tool", {}).get("provenv", {})
    extras = set(document.get("extras", []))
    groups = {*document.get("dependency-groups", []), *document.get("default-groups", [])}
    groups -= {item["name"] for item in recorded.get("targets", [])} - {target["name"]}
    ranks = {tag: rank for rank, tag in enumerate(target["tags"])}
    versions: dict[str, list[str]] = {}
    needs: dict[str, dict[str, None]] = {}
    sizes: dict[str, int] = {}
    for package in document["packages"]:
        marker, key = package.get("marker"), package["name"]
        if marker and not _holds(Marker(marker), target["environment"], extras, groups):
            continue
        versions.setdefault(key, []).append(str(package.get("version", "")))
        needs.setdefault(key, {}).update({item["name"]: None for item in package.get("dependencies", ())})
        if (size := _size(package, ranks)) is not None:
            sizes[key] = size
    if document["packages"] and not versions:
        raise InputError(world.lock_file, "holds nothing for this machine")
    return Graph(
        name=name,
        versions={key: ", ".join(dict.fromkeys(filter(None, texts))) for key, texts in versions.items()},
        needs={key: [item for item in value if item in versions] for key, value in needs.items()},
        sizes=sizes,
        roots=_roots(document, versions),
        members=_members(world, recorded, target["environment"], versions),
    )


def _members(
    world: World, recorded: Mapping[str, Any], environment: Mapping[str, str], versions: Mapping[str, object]
) -> dict[str, dict[str, list[Root]]]:
    """Of a member that is itself installed the lock knows the needs; of another one only its project file does."""
    found = {name: _parts(said, (("groups", "group"),), versions) for name, said in recorded.get("members", {}).items()}
    data = world.project_data_if_there() if any(name not in versions for name in found) else None
    project = read_project(data, world.project_file) if data is not None else None
    if project is None or project.workspace is None:
        return found
    for member in members_of(world.directory, project.workspace, project.name).all:
        if member.name in found and member.name not in versions:
            parts = {"": member.project.dependencies}
            parts |= {f"extra:{extra}": lines for extra, lines in member.project.extras.items()}
            own = {
                part: _named([line.text for line in lines if _is_for(line, environment)], versions)
                for part, lines in parts.items()
            }
            found[member.name] = own | found[member.name]
    return found


def _is_for(line: Line, environment: Mapping[str, str]) -> bool:
    marker = line.requirement.marker
    return marker is None or marker.evaluate({**environment, "extra": ""})


def _holds(marker: Marker, environment: Mapping[str, str], extras: set[str], groups: set[str]) -> bool:
    """Whether an entry may be wanted: of parts that exclude one another, by any one of them."""
    context: dict[str, Any] = {**environment, "extras": extras, "dependency_groups": groups}
    if marker.evaluate(context, context="lock_file"):
        return True
    text = str(marker)
    if " not in " not in text:
        return False
    singles: list[tuple[set[str], set[str]]] = [(set(), set()), *(({one}, set()) for one in extras)]
    singles += [(set(), {one}) for one in groups]
    return any(
        marker.evaluate({**environment, "extras": some, "dependency_groups": others}, context="lock_file")
        for some, others in singles
    )


def _size(package: Mapping[str, Any], ranks: Mapping[str, int]) -> int | None:
    """The size of the file that a machine with these tags, best first, would take."""
    best: tuple[int, int | None] | None = None
    for wheel in package.get("wheels", ()):
        try:
            tags = parse_wheel_filename(wheel.get("name") or wheel["url"].rpartition("/")[2])[3]
        except (InvalidWheelFilename, KeyError):
            continue
        rank = min((ranks[str(tag)] for tag in tags if str(tag) in ranks), default=None)
        if rank is not None and (best is None or rank < best[0]):
            best = rank, wheel.get("size")
    if best is not None:
        return best[1]
    size = (package.get("sdist") or package.get("archive") or {}).get("size")
    return size if isinstance(size, int) else None


_PARTS = (("extras", "extra"), ("groups", "group"))


def _roots(document: Mapping[str, Any], versions: Mapping[str, object]) -> dict[str, list[Root]]:
    recorded = document.get("tool", {}).get("provenv", {})
    if not recorded:
        needed = {item["name"] for package in document["packages"] for item in package.get("dependencies", [])}
        return {"": [Root(name=name) for name in sorted(set(versions) - needed)]}
    return {"": _named(recorded.get("requires", []), versions), **_parts(recorded, _PARTS, versions)}


def _parts(
    recorded: Mapping[str, Any], kinds: Sequence[tuple[str, str]], versions: Mapping[str, object]
) -> dict[str, list[Root]]:
    return {
        f"{kind}:{name}": _named(lines, versions)
        for key, kind in kinds
        for name, lines in recorded.get(key, {}).items()
    }


def _named(lines: Sequence[str], versions: Mapping[str, object]) -> list[Root]:
    """The packages of these lines that the target has."""
    found: dict[str, Root] = {}
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        name = str(canonicalize_name(requirement.name))
        if name in versions:
            extras = {*requirement.extras, *(found[name].extras if name in found else ())}
            found[name] = Root(name=name, extras=tuple(sorted(extras)))
    return list(found.values())
