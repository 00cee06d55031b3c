"""Shows a lock as trees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provenv.cli.words import Words
from provenv.errors import UsageError
from provenv.flows.target import environment_of, lock_bytes
from provenv.flows.tree import Graph, tree
from provenv.flows.world import World
from provenv.show import json as show_json
from provenv.show import tree as show_tree

__all__ = ["forest"]


def forest(words: Words, world: World) -> str:
    """The trees that the words of ``provenv tree`` ask for, as text or JSON. UsageError if unknown."""
    data = lock_bytes(world, is_locked=words.locked, is_frozen=words.frozen)
    from provenv.flows.aim import aim

    graph = tree(world, data, environment_of(world, words.target), aim(world)["name"], words.target)
    packages, roots = _inverted(graph) if words.invert else _upright(graph, has_dev=not words.no_dev)
    if words.package:
        roots = [show_tree.Branch(key=_known(graph, name)) for name in words.package]
    nodes = show_tree.grow(packages, roots, depth=words.depth)
    return show_json.tree(nodes) if words.json else show_tree.tree(nodes)


def _known(graph: Graph, name: str) -> str:
    from packaging.utils import canonicalize_name

    normal = canonicalize_name(name)
    if normal not in graph.versions:
        raise UsageError(f"`{name}` is not in the lock", hint="`provenv tree` shows what is")
    return normal


def _packages(graph: Graph, needs: Mapping[str, Sequence[str]]) -> dict[str, show_tree.Package]:
    return {
        name: show_tree.Package(
            name=name, version=version, needs=tuple(show_tree.Branch(key=other) for other in needs.get(name, ()))
        )
        for name, version in graph.versions.items()
    }


def _upright(graph: Graph, *, has_dev: bool) -> tuple[dict[str, show_tree.Package], list[show_tree.Branch]]:
    packages = _packages(graph, graph.needs)
    branches = [
        show_tree.Branch(key=name, label=part.replace(":", ": "))
        for part, names in graph.roots.items()
        if has_dev or part != "group:dev"
        for name in names
    ]
    if graph.name is None:
        return packages, branches
    packages[""] = show_tree.Package(name=graph.name, version=None, needs=tuple(branches))
    return packages, [show_tree.Branch(key="")]


def _inverted(graph: Graph) -> tuple[dict[str, show_tree.Package], list[show_tree.Branch]]:
    users: dict[str, list[str]] = {}
    for name, needed in graph.needs.items():
        for other in needed:
            users.setdefault(other, []).append(name)
    waiting = [name for name in sorted(graph.versions) if not graph.needs.get(name)]
    roots: list[str] = []
    seen: set[str] = set()
    # Packages that need one another in a circle hang on no leaf: then the first of them by name is a root.
    for start in (*waiting, *sorted(graph.versions)):
        if start in seen:
            continue
        roots.append(start)
        waiting = [start]
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting.extend(users.get(name, ()))
    return _packages(graph, users), [show_tree.Branch(key=name) for name in roots]
