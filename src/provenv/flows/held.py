"""Direct requirements that are held below their newest version, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from provenv.flows.conflict import lines_in
from provenv.flows.describe import ASKED
from provenv.flows.newer import newest, with_newest
from provenv.flows.trial import Budget, Refusal, Subject
from provenv.solve.core import facts_of, shrink
from provenv.solve.proof import Nogood
from provenv.universe.view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.universe.view import Row

__all__ = ["held"]

_SECONDS = 0.3


def held(
    subject: Subject,
    chosen: Mapping[str, str],
    texts: Mapping[str, str],
    tell_place: Callable[[str], str],
    *,
    seconds: float = _SECONDS,
) -> list[str]:
    """A line for each direct requirement of a solved target that got an older version than there is.

    ``chosen`` maps package to version. What an old lock alone keeps is not told: nothing but a wish holds it. Finding
    out who holds may take ``seconds`` in all; what is not known by then is told without a name.
    """
    budget = Budget(seconds)
    told = []
    for name, lines in _direct(subject).items():
        view = subject.answers.view(name) if name in chosen else None
        candidate = view.candidate(chosen[name]) if view is not None else 0
        if view is None or not 0 < candidate < newest(view):
            continue
        holder = _holder(subject, view, lines, chosen, texts, tell_place, budget)
        if holder is not None:
            told.append(f"{name} {chosen[name]} (newest {view.versions[newest(view) - 1]}){holder}")
    return told


def _direct(subject: Subject) -> dict[str, list[tuple[Row, str]]]:
    """Packages that the project's own lines name, with these lines."""
    found: dict[str, list[tuple[Row, str]]] = {}
    for row, where, section in subject.target["rows"]:
        if section not in subject.without and row[1] not in subject.target["references"]:
            found.setdefault(row[1], []).append((row, where))
    return found


def _holder(
    subject: Subject,
    view: View,
    lines: list[tuple[Row, str]],
    chosen: Mapping[str, str],
    texts: Mapping[str, str],
    tell_place: Callable[[str], str],
    budget: Budget,
) -> str | None:
    """Who holds a package, to be told after its name; None when nobody does."""
    best = newest(view)
    bounds = [*lines, *subject.answers.constraints.get(view.name, ())]
    for row, where in bounds:
        if not subject.answers.mask(view, row[3]) >> best & 1:
            return f" held by your `{texts.get(where, view.name + row[3])}` ({tell_place(where)})"
    outcome = with_newest(subject, view, budget) if not budget.is_spent else None
    if outcome is None:
        return " held"
    if not isinstance(outcome, Refusal):
        return None
    proof = shrink(outcome.proof)
    holder = next(_holders(proof, view.name, chosen), None)
    places = [place for place in lines_in(proof) if place != ASKED]
    place = f" ({tell_place(places[0])})" if places else ""
    if holder is None:
        return f" held by your `{texts.get(places[0], places[0])}`{place}" if places else None
    line = places and texts.get(places[0], "")
    return f" held by {holder} {chosen[holder]}" + (f", for your `{line}`{place}" if line else "")


def _holders(proof: Nogood, name: str, chosen: Mapping[str, str]) -> Iterator[str]:
    """Chosen packages whose needs bound the package, those of the proof's end first."""
    for fact in facts_of(proof):
        if fact.package and fact.on == name and fact.package in chosen:
            yield fact.package
