"""Where a store keeps its things; on the warm path of those who only ask whether something is there."""

from __future__ import annotations

__all__ = ["base_of", "place_of"]


def base_of(root: str) -> str:
    """Where the objects of this form of the store lie, below its root."""
    return root + "/v1"


def place_of(base: str, kind: str, key: str) -> str:
    """Where the object ``key`` (hex) of a kind lies, once it is published."""
    return f"{base}/{kind}/{key[:2]}/{key}"
