"""Dependency trees: grown from a graph that may hold loops, drawn as ``uv tree`` draws them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from provenv.show.text import clean

__all__ = ["Branch", "Node", "Package", "grow", "tree"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """One package needs another, perhaps with extras; ``label`` says why, as ``group: dev``."""

    key: str
    """Names a Package in the mapping given to ``grow``."""
    extras: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One package of the graph."""

    name: str
    version: str | None = None
    needs: tuple[Branch, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One line of a tree. A repeated node has no children: they were told where it first appeared."""

    name: str
    version: str | None = None
    extras: tuple[str, ...] = ()
    label: str = ""
    children: tuple[Node, ...] = ()
    is_repeated: bool = False


def grow(packages: Mapping[str, Package], roots: Iterable[Branch], *, depth: int | None = None) -> tuple[Node, ...]:
    """Unfold a graph into trees, each package once; ``depth`` 0 keeps the roots only.

    A package that needs nothing is never marked as repeated. Raises KeyError when a branch names an unknown package.
    """
    told: set[str] = set()

    def node(branch: Branch, left: int | None) -> Node:
        package = packages[branch.key]
        is_repeated = branch.key in told and bool(package.needs)
        told.add(branch.key)
        children: tuple[Node, ...] = ()
        if not is_repeated and left != 0:
            children = tuple(node(need, None if left is None else left - 1) for need in package.needs)
        return Node(
            name=package.name,
            version=package.version,
            extras=branch.extras,
            label=branch.label,
            children=children,
            is_repeated=is_repeated,
        )

    return tuple(node(root, depth) for root in roots)


def tree(roots: Sequence[Node]) -> str:
    """Draw trees, one line for each node; a note explains ``(*)`` when it appears."""
    lines: list[str] = []
    for root in roots:
        lines.append(_line(root))
        _draw(root.children, "", lines)
    if any(line.endswith(" (*)") for line in lines):
        lines.append("(*) already shown above")
    return "\n".join(lines)


def _draw(nodes: Sequence[Node], margin: str, lines: list[str]) -> None:
    for number, node in enumerate(nodes, 1):
        is_last = number == len(nodes)
        lines.append(f"{margin}{'└── ' if is_last else '├── '}{_line(node)}")
        _draw(node.children, margin + ("    " if is_last else "│   "), lines)


def _line(node: Node) -> str:
    extras = f"[{','.join(node.extras)}]" if node.extras else ""
    version = f" v{node.version}" if node.version else ""
    label = f" ({node.label})" if node.label else ""
    return clean(f"{node.name}{extras}{version}{label}") + (" (*)" if node.is_repeated else "")
