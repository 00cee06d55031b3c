"""The dependency tree of a lock, on one machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from provenv.errors import InputError
from provenv.flows.world import World
from provenv.lockfile.read import parse

__all__ = ["Graph", "tree"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """Packages of one target: versions, who needs whom, and where to begin."""

    name: str | None
    versions: Mapping[str, str]
    needs: Mapping[str, Sequence[str]]
    roots: Mapping[str, Sequence[str]]
    """Part of the project (``""``, ``extra:NAME``, ``group:NAME``) -> packages that it names itself."""


def tree(
    world: World, data: bytes, environment: Mapping[str, str], name: str | None, target: str | None = None
) -> Graph:
    """The graph of a lock for a marker environment; every extra and group is shown.

    ``target`` names the target for entries that are told by it. Raises InputError when the lock holds nothing for it.
    """
    document = parse(data, world.lock_file)
    extras, groups = set(document.get("extras", [])), set(document.get("dependency-groups", []))
    names = {item["name"] for item in document.get("tool", {}).get("provenv", {}).get("targets", [])}
    groups -= {other for other in names if other != target}
    versions: dict[str, str] = {}
    needs: dict[str, list[str]] = {}
    for package in document["packages"]:
        marker = package.get("marker")
        if marker and not _holds(Marker(marker), environment, extras, groups):
            continue
        versions[package["name"]] = str(package.get("version", ""))
        needs[package["name"]] = [item["name"] for item in package.get("dependencies", []) if "name" in item]
    if document["packages"] and not versions:
        raise InputError(world.lock_file, "holds nothing for this machine")
    needs = {key: [item for item in value if item in versions] for key, value in needs.items()}
    return Graph(name=name, versions=versions, needs=needs, roots=_roots(document, versions))


def _holds(marker: Marker, environment: Mapping[str, str], extras: set[str], groups: set[str]) -> bool:
    context: dict[str, Any] = {**environment, "extras": extras, "dependency_groups": groups}
    return marker.evaluate(context, context="lock_file")


def _roots(document: Mapping[str, Any], versions: Mapping[str, str]) -> dict[str, list[str]]:
    recorded = document.get("tool", {}).get("provenv", {})
    parts: dict[str, list[str]] = {"": recorded.get("requires", [])}
    for key, kind in (("extras", "extra"), ("groups", "group")):
        for name, lines in recorded.get(key, {}).items():
            parts[f"{kind}:{name}"] = lines
    if not recorded:
        needed = {item["name"] for package in document["packages"] for item in package.get("dependencies", [])}
        return {"": sorted(set(versions) - needed)}
    return {part: [name for line in lines if (name := _name(line)) in versions] for part, lines in parts.items()}


def _name(line: str) -> str:
    try:
        return canonicalize_name(Requirement(line).name)
    except InvalidRequirement:
        return ""
