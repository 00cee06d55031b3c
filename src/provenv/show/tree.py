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
    notes: tuple[str, ...] = ()
    """What else is told of it wherever it stands, as ``latest: v2.0``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One line of a tree. A repeated node has no children: they were told where it first appeared."""

    name: str
    version: str | None = None
    extras: tuple[str, ...] = ()
    label: str = ""
    notes: tuple[str, ...] = ()
    children: tuple[Node, ...] = ()
    is_repeated: bool = False


def grow(
    packages: Mapping[str, Package],
    roots: Iterable[Branch],
    *,
    depth: int | None = None,
    is_deduplicated: bool = True,
) -> tuple[Node, ...]:
    """Unfold a graph into trees, each package once; ``depth`` 0 keeps the roots only.

    Unless ``is_deduplicated``, a package is unfolded wherever it stands, but not below itself. A package that needs
    nothing is never marked as repeated. Raises KeyError when a branch names an unknown package.
    """
    told: set[str] = set()

    def node(branch: Branch, left: int | None, above: frozenset[str] = frozenset()) -> Node:
        package = packages[branch.key]
        is_repeated = branch.key in (told if is_deduplicated else above) and bool(package.needs)
        told.add(branch.key)
        above |= {branch.key}
        children: tuple[Node, ...] = ()
        if not is_repeated and left != 0:
            children = tuple(node(need, None if left is None else left - 1, above) for need in package.needs)
        return Node(
            name=package.name,
            version=package.version,
            extras=branch.extras,
            label=branch.label,
            notes=package.notes,
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
    label = "".join(f" ({text})" for text in (node.label, *node.notes) if text)
    return clean(f"{node.name}{extras}{version}{label}") + (" (*)" if node.is_repeated else "")
