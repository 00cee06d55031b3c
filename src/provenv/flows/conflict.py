"""The smallest set of the project's own lines that exclude one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provenv.flows.trial import Budget, Refusal, Subject, Variation, attempt
from provenv.solve.core import facts_of, shrink
from provenv.solve.proof import Nogood
from provenv.solve.solver import Solution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.universe.view import Row

__all__ = ["Conflict", "lines_in", "narrowed"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """Lines of the project that have no common solution.

    ``places`` are theirs, in the order of the story. When ``is_minimal``, leaving out any one of them makes the others
    solvable; otherwise there was no time to know.
    """

    places: tuple[str, ...]
    refusal: Refusal
    is_minimal: bool


def narrowed(subject: Subject, refusal: Refusal, budget: Budget, added: Sequence[tuple[Row, str]] = ()) -> Conflict:
    """The conflict behind a failed solve, with as few lines as could be found within the budget.

    Needs in ``added`` were asked for besides the project's lines; they are no part of what is narrowed.
    """
    refusal = Refusal(proof=shrink(refusal.proof), answers=refusal.answers)
    asked = {where for _, where in added}
    needed = [place for place in lines_in(refusal.proof) if place not in asked]
    is_minimal = True
    for place in tuple(needed):
        if place not in needed:
            continue
        rest = [other for other in needed if other != place]
        outcome = attempt(subject, Variation(only=frozenset(rest), added=added), budget)
        if isinstance(outcome, Refusal) and outcome.is_certain:
            refusal = Refusal(proof=shrink(outcome.proof), answers=outcome.answers)
            needed = [other for other in lines_in(refusal.proof) if other not in asked]
        elif not isinstance(outcome, Solution):
            is_minimal = False
    return Conflict(places=tuple(needed), refusal=refusal, is_minimal=is_minimal)


def lines_in(proof: Nogood) -> list[str]:
    """The places of all lines of the project that a proof rests on, in the order of first use."""
    whys = [why for fact in facts_of(proof) for why in fact.whys if isinstance(why, tuple)]
    return list(dict.fromkeys(str(why[1]) for why in whys if why[0] in ("root", "constraint")))
