"""Requirements as text."""

from __future__ import annotations

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

__all__ = ["name_of"]


def name_of(text: str) -> str:
    """The normalised name of a requirement's package; "" when the text is none."""
    try:
        return str(canonicalize_name(Requirement(text).name))
    except InvalidRequirement:
        return ""
