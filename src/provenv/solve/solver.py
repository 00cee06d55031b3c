"""The solver: a generator that asks one question and ends with a solution or a proof that there is none."""

from __future__ import annotations

from provenv.solve.search import Search
from provenv.solve.types import Ask

__all__ = ["Solution", "solve"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Generator, Mapping

    from provenv.solve.types import Answer


class Solution:
    """One candidate for every package that is needed, and nothing that is not.

    ``chosen`` maps package to candidate, in the order of decision; ``extras`` maps package to its active extras,
    sorted. ``asked`` and ``conflicts`` count the work.
    """

    __slots__ = ("asked", "chosen", "conflicts", "extras")

    def __init__(self, chosen: dict[str, int], extras: dict[str, tuple[str, ...]], asked: int, conflicts: int) -> None:
        self.chosen = chosen
        self.extras = extras
        self.asked = asked
        self.conflicts = conflicts

    def __repr__(self) -> str:
        return f"Solution({self.chosen!r}, {self.extras!r})"


def solve(
    *,
    prefer: Mapping[str, int] | None = None,
    tiers: Mapping[str, tuple[int, ...]] | None = None,
    lowest: Container[str] = (),
    costly: Mapping[str, int] | None = None,
) -> Generator[Ask, Answer, Solution]:
    """Find a candidate for everything that the root needs, by PubGrub on sets of states.

    Yields ``Ask``, first for the root, each at most once, and receives the needs of that candidate: all of them, for
    an answer must be complete in itself. ``prefer`` holds candidates to take before newer ones; ``tiers`` holds sets of
    candidates of which the first that is still possible is tried first, and what is in none of them last. Both are read
    at each decision and may grow meanwhile. Of the packages in ``lowest`` the lowest candidate is tried first, not the
    highest. ``costly`` holds candidates about which it costs much to ask: before that is done because a package decided
    earlier ruled out what costs little, that package is put off, once; and what can be nothing else is asked about when
    all others are decided, so that what it costs is paid meanwhile. Raises ``Unsolvable`` with the proof. The generator
    may be closed at any time, and the same answers always give the same solution.
    """
    wanted: Mapping[str, int] = {} if prefer is None else prefer
    ranked: Mapping[str, tuple[int, ...]] = {} if tiers is None else tiers
    dear: Mapping[str, int] = {} if costly is None else costly
    search = Search()
    asked = 1
    search.record("", "", 1, (yield Ask("", 1, "")))
    while True:
        conflict = search.propagate()
        if conflict is not None:
            search.resolve(conflict)
            continue
        if search.unasked:
            # An extra became active after its package was decided.
            package, variable = search.unasked.pop()
            candidate = search.decided[package]
            if candidate not in search.rows[variable]:
                asked += 1
                extra = variable[len(package) + 1 : -1]
                search.record(package, variable, candidate, (yield Ask(package, candidate, extra)))
            continue
        chosen = search.next_open()
        if chosen is None:
            return _solution(search, asked)
        left = search.state[chosen]
        best = left & wanted.get(chosen, 0)
        if not best:
            best = next((left & tier for tier in ranked[chosen] if left & tier), left) if chosen in ranked else left
        if chosen in lowest:
            best &= -best
        candidate = best.bit_length() - 1
        objection = search.objection(chosen, candidate)
        is_dear = chosen in dear and dear[chosen] >> candidate & 1 and candidate not in search.rows[chosen]
        if is_dear and objection is None and (search.reorder(chosen) or search.postpone(chosen)):
            continue
        for variable in search.active(chosen) if objection is None else ():
            if candidate not in search.rows[variable]:
                asked += 1
                extra = variable[len(chosen) + 1 : -1]
                search.record(chosen, variable, candidate, (yield Ask(chosen, candidate, extra)))
                objection = objection or search.objection(chosen, candidate)
                if objection is not None:
                    break
        if objection is None:
            search.decide(chosen, candidate)
        else:
            search.reject(chosen, objection)


def _solution(search: Search, asked: int) -> Solution:
    chosen = {package: candidate for package, candidate in search.decided.items() if package}
    extras = {}
    for package in chosen:
        active = sorted(variable[len(package) + 1 : -1] for variable in search.active(package) if variable != package)
        if active:
            extras[package] = tuple(active)
    return Solution(chosen, extras, asked, search.conflicts)
