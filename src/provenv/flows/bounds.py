"""The bounds that ``add`` writes for a version that was chosen, as uv does."""

from __future__ import annotations

from packaging.version import Version

__all__ = ["KINDS", "bounds_of"]

KINDS = ("lower", "major", "minor", "exact")


def bounds_of(text: str, kind: str) -> str:
    """The specifier for a version: ``1.2.3`` gives ``>=1.2.3`` (lower), ``>=1.2.3,<2.0.0`` (major),
    ``>=1.2.3,<1.3.0`` (minor) or ``==1.2.3`` (exact). Below 1.0 every step counts one place further down."""
    version = Version(text)
    if kind == "exact":
        return f"=={version.public}"
    lower = f">={version.public}"
    if kind == "lower":
        return lower
    zeros = 0
    while zeros < len(version.release) and version.release[zeros] == 0:
        zeros += 1
    if zeros == len(version.release):
        place = 1 if kind == "major" else 2
    else:
        place = zeros if kind == "major" else {0: 1, 1: 2}.get(zeros, zeros)
    length = max(len(version.release), place + 1)
    release = [*version.release, *[0] * length][:length]
    upper = [*release[:place], release[place] + 1, *[0] * (length - place - 1)]
    epoch = f"{version.epoch}!" if version.epoch else ""
    return f"{lower},<{epoch}{'.'.join(map(str, upper))}"
