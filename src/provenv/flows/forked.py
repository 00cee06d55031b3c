"""Narrows a target to one choice among sections that exclude one another. On the warm path."""

from __future__ import annotations

from provenv.flows.memory import digest

__all__ = ["chosen_sections"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from provenv.flows.aimed import AimedTarget


def chosen_sections(target: AimedTarget, without: Collection[str]) -> AimedTarget:
    """The target as it is without some sections: the sources that only the others ask for hold. Its key tells pins."""
    if not any(section not in without for section in target["forked"]):
        return target
    narrowed = target.copy()
    narrowed["references"], narrowed["pinned"] = dict(target["references"]), dict(target["pinned"])
    for section, sources in target["forked"].items():
        for name, source in sources.items() if section not in without else ():
            if isinstance(source, str):
                narrowed["pinned"][name] = source
            else:
                narrowed["references"][name] = source
    narrowed["key"] = digest(target["key"], sorted(narrowed["pinned"].items()))
    return narrowed
