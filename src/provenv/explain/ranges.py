"""Spell a set of candidates as people write versions: ``>=1.0,<2.0``, relative to the versions that are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from packaging.version import InvalidVersion, Version

__all__ = ["is_everything", "spell"]

_SHOWN = 3


def is_everything(mask: int, versions: Sequence[str]) -> bool:
    """Whether ``mask`` holds every candidate; "absent" does not count."""
    return not ~(mask | 1) & ((2 << len(versions)) - 1)


def spell(mask: int, versions: Sequence[str], passed_over: int = 0) -> str:
    """The candidates in ``mask`` as version clauses, or "" when it holds every one of several.

    ``versions`` names the candidates from 1 on. Gaps that hold only pre-releases are passed over, because nobody who
    writes ``>=1.0,<2.0`` thinks of them; so are those in ``passed_over``. More than a few separate runs are cut short,
    with the number left out.
    """
    if is_everything(mask, versions) and len(versions) > 1:
        return ""
    names, members = _considered(mask, versions, passed_over)
    if all(members) and len(names) > 1:
        return ""
    clauses = [_clause(names, first, last) for first, last in _runs(members)]
    if len(clauses) <= _SHOWN + 1:
        return " or ".join(clauses)
    return f"{', '.join(clauses[: _SHOWN - 1])}, ... ({len(clauses) - _SHOWN} more), {clauses[-1]}"


def _considered(mask: int, versions: Sequence[str], passed_over: int) -> tuple[list[str], list[bool]]:
    """The versions to speak of, ascending, and which of them are in the mask."""
    # Candidates ascend by preference, which need not be the order of versions: pre-releases may come first.
    numbered = list(enumerate(versions, start=1))
    with suppress(InvalidVersion):
        numbered.sort(key=lambda pair: Version(pair[1]))
    kept = [(number, name) for number, name in numbered if not passed_over >> number & 1]
    finals = [(number, name) for number, name in kept if not _is_prerelease(name)]
    numbered = next((some for some in (finals, kept) if any(mask >> number & 1 for number, _ in some)), numbered)
    return [name for _, name in numbered], [bool(mask >> number & 1) for number, _ in numbered]


def _runs(members: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """First and last index of each run of members."""
    first = None
    for index, is_member in enumerate([*members, False]):
        if is_member and first is None:
            first = index
        elif not is_member and first is not None:
            yield first, index - 1
            first = None


def _clause(names: Sequence[str], first: int, last: int) -> str:
    if first == last:
        return f"=={names[first]}"
    if last == len(names) - 1:
        return f">={names[first]}"
    upper = f"<{names[last + 1]}"
    return upper if first == 0 else f">={names[first]},{upper}"


def _is_prerelease(name: str) -> bool:
    try:
        return Version(name).is_prerelease
    except InvalidVersion:
        return False
