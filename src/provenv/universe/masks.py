"""Which candidates a specifier admits, from the versions alone."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from provenv.universe.view import View

__all__ = ["mask_in", "mask_of"]


def mask_of(specifier: str, parsed: Sequence[Version]) -> int:
    """Which candidates a specifier admits.

    Pre-releases are admitted wherever PEP 440 lets them be, yanked versions always: whether they are wanted is a matter
    of order and of the policy, which are the solver's and the answers' part.
    """
    offered = {version: 1 << candidate for candidate, version in enumerate(parsed, 1)}
    mask = 0
    for version in SpecifierSet(specifier).filter(offered, prereleases=True):
        mask |= offered[version]
    return mask


def mask_in(view: View, specifier: str) -> int:
    """Which candidates of a view a specifier admits; remembered in the view."""
    if specifier not in view.masks:
        view.masks[specifier] = mask_of(specifier, [Version(version) for version in view.versions])
        view.is_changed = True
    return view.masks[specifier]
