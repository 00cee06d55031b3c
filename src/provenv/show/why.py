"""Why a package is locked, for people and for programs."""

from __future__ import annotations

from provenv.flows.why import Why
from provenv.show.json import document
from provenv.show.text import clean, styled

__all__ = ["why_document", "why_text"]

_MOST_WAYS = 5
_MOST_BOUNDS = 8


def why_text(found: Why, *, has_colour: bool = False) -> str:
    """Who needs it, what bounds it, why not a newer one: a few lines, without a final line end."""
    lines = [styled(f"{found.name} {found.version}", "bold", has_colour=has_colour) + f" (target {found.target})"]
    lines += ["", "needed by", *_cut([_way(way.text, way.where, way.steps) for way in found.ways], _MOST_WAYS)]
    if found.bounds:
        lines += ["", "bounded by", *_cut([f"{bound.need} ({bound.by})" for bound in found.bounds], _MOST_BOUNDS)]
    lines += ["", *_newer(found)]
    return clean("\n".join(lines), keeps_lines=True) if not has_colour else "\n".join(lines)


def why_document(found: Why) -> str:
    """The same as JSON."""
    newer = found.newer
    return document(
        {
            "name": found.name,
            "version": found.version,
            "target": found.target,
            "needed_by": [
                {
                    "requirement": way.text,
                    "where": way.where,
                    "steps": [{"name": name, "version": version, "needs": need} for name, version, need in way.steps],
                }
                for way in found.ways
            ],
            "bounds": [{"by": bound.by, "needs": bound.need} for bound in found.bounds],
            "newer": newer
            and {
                "version": newer.version,
                "can_be_had": not newer.story if newer.is_known else None,
                "story": list(newer.story),
                "changes": [{"name": name, "from": old, "to": new} for name, old, new in newer.others],
            },
            "unusable": [{"version": version, "reason": reason} for version, reason in found.unusable],
        }
    )


def _way(text: str, where: str, steps: tuple[tuple[str, str, str], ...]) -> str:
    return " -> ".join([f"{text} ({where})", *(f"{name} {version} needs {need}" for name, version, need in steps)])


def _cut(items: list[str], most: int) -> list[str]:
    left = len(items) - most
    return [f"  {item}" for item in items[:most]] + ([f"  and {left} more"] if left > 0 else [])


def _newer(found: Why) -> list[str]:
    lines = []
    if found.unusable:
        version, reason = found.unusable[-1]
        lines.append(f"{version} cannot be used on this target: {reason}")
    if found.newer is None:
        return [*lines, "no newer version can be used" if lines else "this is the newest version"]
    newer = found.newer
    if not newer.is_known:
        return [*lines, f"whether {newer.version} can be had could not be found out in time"]
    if newer.story:
        return [*lines, f"not {newer.version}:", *(f"  {sentence}" for sentence in newer.story)]
    changed = ", ".join(f"{name} {old} -> {new}" for name, old, new in newer.others)
    with_them = f" (and changes {changed})" if changed else ""
    return [
        *lines,
        f"nothing stands in the way of {newer.version}: "
        f"`provenv lock --upgrade-package {found.name}` takes it{with_them}",
    ]
