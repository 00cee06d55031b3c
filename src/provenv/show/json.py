"""The same values for programs. Every function returns one JSON document without a final line end.

Everything outside ASCII is escaped, so that foreign text cannot command a terminal. Keys are only ever added.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from provenv.errors import InputError, NoSolution, ProvenvError
from provenv.show.tree import Node

__all__ = ["changes", "document", "error", "tree"]


def document(value: object) -> str:
    """Any JSON value, indented, in the order it was made."""
    return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False)


def error(failure: ProvenvError) -> str:
    """An error: its kind, message and hint, the place for those that have one, a conflict's lines and fixes."""
    told: dict[str, Any] = {"kind": type(failure).__name__, "message": failure.message, "hint": failure.hint}
    if isinstance(failure, InputError):
        told["where"] = failure.where
    if isinstance(failure, NoSolution):
        told |= failure.details
    return document({"error": told})


def changes(
    installed: Iterable[tuple[str, str]] = (),
    removed: Iterable[tuple[str, str]] = (),
    updated: Iterable[tuple[str, str, str]] = (),
    **more: object,
) -> str:
    """What a command changed, sorted by name; ``more`` holds further keys, as ``dry_run=True``."""
    return document(
        {
            **more,
            "installed": [{"name": name, "version": version} for name, version in sorted(installed)],
            "removed": [{"name": name, "version": version} for name, version in sorted(removed)],
            "updated": [{"name": name, "from": old, "to": new} for name, old, new in sorted(updated)],
        }
    )


def tree(roots: Sequence[Node]) -> str:
    """Dependency trees; a repeated node has ``"repeated": true`` and no children."""
    return document([_node(root) for root in roots])


def _node(node: Node) -> dict[str, Any]:
    told: dict[str, Any] = {"name": node.name, "version": node.version}
    if node.extras:
        told["extras"] = list(node.extras)
    if node.label:
        told["label"] = node.label
    if node.notes:
        told["notes"] = list(node.notes)
    if node.is_repeated:
        told["repeated"] = True
    told["dependencies"] = [_node(child) for child in node.children]
    return told
