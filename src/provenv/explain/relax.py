"""The smallest change of a requirement that lets a version in."""

from __future__ import annotations

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import Specifier, SpecifierSet
from packaging.version import Version

__all__ = ["relaxed", "rewritten"]


def relaxed(specifier: str, version: str) -> str:
    """The specifier with as few clauses changed as are needed to admit the version.

    An upper bound in the way is dropped, a lower bound is lowered to the version, an exact pin is moved to it, and of
    ``~=`` the half that is not in the way stays.
    """
    wanted = Version(version)
    clauses = [part.strip() for part in specifier.split(",") if part.strip()]
    changed = [_clause(Specifier(clause), clause, wanted) for clause in clauses]
    kept = list(dict.fromkeys(clause for clause in changed if clause))
    if not SpecifierSet(",".join(kept)).contains(wanted, prereleases=True):
        return ""
    return ",".join(kept)


def rewritten(text: str, specifier: str, extras: tuple[str, ...] | None = None) -> str:
    """A requirement as written, with another specifier (and other extras): its marker and its name stay."""
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        return text
    chosen = sorted(requirement.extras) if extras is None else list(extras)
    extra = f"[{','.join(chosen)}]" if chosen else ""
    _, semicolon, marker = text.partition(";")
    return f"{requirement.name}{extra}{specifier}" + (f" ; {marker.strip()}" if semicolon else "")


def _clause(clause: Specifier, text: str, wanted: Version) -> str:
    if clause.contains(wanted, prereleases=True):
        return text
    operator, bound = clause.operator, clause.version
    is_above = _is_above(wanted, bound)
    if operator == "~=":
        return f">={bound}" if is_above else f">={wanted.public}"
    if operator in (">=", ">"):
        return f">={wanted.public}"
    if operator in ("==", "==="):
        if bound.endswith(".*"):
            return f">={bound[:-2]}" if is_above else f">={wanted.public}"
        return f"=={wanted}"
    return ""


def _is_above(wanted: Version, bound: str) -> bool:
    return wanted > Version(bound.removesuffix(".*"))
