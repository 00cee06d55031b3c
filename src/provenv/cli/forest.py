"""Shows a lock as trees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from provenv.cli.words import Words
from provenv.errors import UsageError
from provenv.flows.aimed import AimedTarget
from provenv.flows.target import lock_bytes, target_of
from provenv.flows.tree import Graph, Root, tree
from provenv.flows.world import World
from provenv.show import json as show_json
from provenv.show import tree as show_tree
from provenv.show.text import bytes_text

__all__ = ["forest"]


def forest(words: Words, world: World) -> str:
    """The trees that the words of ``provenv tree`` ask for, as text or JSON. UsageError if unknown."""
    data = lock_bytes(world, is_locked=words.locked, is_frozen=words.frozen)
    from provenv.flows.aim import aim

    target = target_of(world, words.target)
    graph = tree(world, data, target, aim(world)["name"])
    notes = _notes(words, world, graph, target)
    packages, roots = _inverted(graph, notes) if words.invert else _upright(graph, notes, has_dev=not words.no_dev)
    if words.package:
        roots = [show_tree.Branch(key=_known(graph, name)) for name in words.package]
    if words.prune:
        packages = _pruned(packages, {_known(graph, name) for name in words.prune})
    nodes = show_tree.grow(packages, roots, depth=words.depth, is_deduplicated=not words.no_dedupe)
    return show_json.tree(nodes) if words.json else show_tree.tree(nodes)


def _notes(words: Words, world: World, graph: Graph, target: AimedTarget) -> dict[str, tuple[str, ...]]:
    """What is told of packages besides their versions."""
    notes: dict[str, list[str]] = {name: [] for name in graph.versions}
    if words.outdated:
        from provenv.flows.outdated import newest_versions

        for name, newest in newest_versions(world, target, list(graph.versions)).items():
            if newest not in graph.versions[name].split(", "):
                notes[name].append(f"latest: v{newest}")
    if words.show_sizes:
        for name, size in graph.sizes.items():
            notes[name].append(bytes_text(size))
    return {name: tuple(texts) for name, texts in notes.items()}


def _known(graph: Graph, name: str) -> str:
    from packaging.utils import canonicalize_name

    normal = canonicalize_name(name)
    if normal not in graph.versions:
        raise UsageError(f"`{name}` is not in the lock", hint="`provenv tree` shows what is")
    return normal


def _packages(
    graph: Graph, needs: Mapping[str, Sequence[str]], notes: Mapping[str, tuple[str, ...]]
) -> dict[str, show_tree.Package]:
    return {
        name: show_tree.Package(
            name=name,
            version=version,
            notes=notes[name],
            needs=tuple(show_tree.Branch(key=other) for other in needs.get(name, ())),
        )
        for name, version in graph.versions.items()
    }


def _pruned(packages: Mapping[str, show_tree.Package], left_out: set[str]) -> dict[str, show_tree.Package]:
    """The packages without those left out and what only they need."""
    return {
        key: replace(package, needs=tuple(need for need in package.needs if need.key not in left_out))
        for key, package in packages.items()
    }


def _branches(parts: Mapping[str, Sequence[Root]], *, has_dev: bool) -> Iterator[show_tree.Branch]:
    for part, roots in parts.items():
        if has_dev or part != "group:dev":
            for root in roots:
                yield show_tree.Branch(key=root.name, extras=root.extras, label=part.replace(":", ": "))


def _upright(
    graph: Graph, notes: Mapping[str, tuple[str, ...]], *, has_dev: bool
) -> tuple[dict[str, show_tree.Package], list[show_tree.Branch]]:
    packages = _packages(graph, graph.needs, notes)
    for member, parts in graph.members.items():
        own = packages.get(member, show_tree.Package(name=member))
        packages[member] = replace(own, needs=(*own.needs, *_branches(parts, has_dev=has_dev)))
    branches = list(_branches(graph.roots, has_dev=has_dev))
    roots = [show_tree.Branch(key=member) for member in graph.members]
    if graph.name is None:
        return packages, [*branches, *roots]
    version = graph.versions.get(graph.name) or None
    packages[""] = show_tree.Package(name=graph.name, version=version, needs=tuple(branches))
    return packages, [show_tree.Branch(key=""), *roots]


def _inverted(
    graph: Graph, notes: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, show_tree.Package], list[show_tree.Branch]]:
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
    return _packages(graph, users, notes), [show_tree.Branch(key=name) for name in roots]
