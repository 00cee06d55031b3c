"""Direct requirements that are held below their newest version, and by whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from provenv.flows.aimed import Aim
from provenv.flows.conflict import lines_in
from provenv.flows.describe import ASKED
from provenv.flows.newer import newest, refused_newest, with_newest
from provenv.flows.places import Places
from provenv.flows.solving import answered
from provenv.flows.trial import Budget, Refusal, Subject
from provenv.flows.world import World
from provenv.lockfile.choices import Forks
from provenv.lockfile.merge import Solved
from provenv.solve.core import facts_of, shrink
from provenv.solve.proof import Nogood
from provenv.universe.view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.universe.view import Row

__all__ = ["held"]

_SECONDS = 0.3


def held(world: World, aimed: Aim, solved: Sequence[Solved], *, seconds: float = _SECONDS) -> list[str]:
    """A line for each direct requirement that got an older version than its target could use, and by whom.

    Speaks of the declared targets, otherwise of the first. What an old lock alone keeps is not told: nothing but a
    wish holds it. Finding out who holds may take ``seconds`` in all; what is not known by then is told without a name.
    """
    if aimed["policy"]["resolution"] != "highest":
        return []
    budget, places, forks = Budget(seconds), Places(world), Forks(aimed["conflicts"])
    targets = {target["name"]: target for target in aimed["targets"]}
    told: dict[str, None] = {}
    for one in solved:
        target = targets[one.name]
        if any(one.fork) or not (target["is_declared"] or one is solved[0]):
            continue
        without = forks.excluded(one.fork) if one.fork else frozenset[str]()
        chosen = {name: found.version for name, found in one.packages.items() if found.version is not None}
        answers = answered(world, aimed, target, chosen, without=without).answers
        subject = Subject(target=target, answers=answers, without=without)
        told |= dict.fromkeys(_Held(subject, chosen, aimed["texts"], places, budget).lines())
        answers.save()
    return list(told)


class _Held:
    def __init__(
        self,
        subject: Subject,
        chosen: Mapping[str, str],
        texts: Mapping[str, str],
        places: Places,
        budget: Budget,
    ) -> None:
        self._subject = subject
        self._chosen = chosen
        self._texts = texts
        self._places = places
        self._budget = budget

    def lines(self) -> Iterator[str]:
        for name, lines in self._direct().items():
            view = self._subject.answers.view(name) if name in self._chosen else None
            candidate = view.candidate(self._chosen[name]) if view is not None else 0
            if view is not None and candidate and (told := refused_newest(view, candidate)) is not None:
                yield f"{name} {self._chosen[name]} (newest {told[0]}): {told[1]}"
                continue
            # The usual case is decided here: the newest was chosen.
            if view is None or not 0 < candidate < newest(view):
                continue
            holder = self._holder(view, lines)
            if holder is not None:
                yield f"{name} {self._chosen[name]} (newest {view.versions[newest(view) - 1]}){holder}"

    def _direct(self) -> dict[str, list[tuple[Row, str]]]:
        """Packages that the project's own lines name, with these lines."""
        found: dict[str, list[tuple[Row, str]]] = {}
        target = self._subject.target
        for row, where, section in target["rows"]:
            if section not in self._subject.without and row[1] not in target["references"]:
                found.setdefault(row[1], []).append((row, where))
        return found

    def _holder(self, view: View, lines: list[tuple[Row, str]]) -> str | None:
        """Who holds a package, to be told after its name; None when nobody does."""
        subject, best = self._subject, newest(view)
        if any(not subject.answers.mask(view, row[3]) >> best & 1 for row in self._replacing(view.name)):
            return " held by your `override-dependencies`"
        bounds = [] if self._replacing(view.name) else [*lines, *subject.answers.constraints.get(view.name, ())]
        held = [(subject.answers.mask(view, row[3]), where) for row, where in bounds]
        if holding := [(mask.bit_length(), where) for mask, where in held if not mask >> best & 1]:
            # Of several that hold it the one that leaves it lowest: to change another one would not help.
            return f" held by {self._line(min(holding, key=lambda found: found[0])[1])}"
        outcome = with_newest(subject, view, self._budget) if not self._budget.is_spent else None
        if outcome is None:
            return self._bounding(view, best) or " held by others"
        if not isinstance(outcome, Refusal):
            return None
        if not outcome.is_certain and (told := self._bounding(view, best)):
            return told
        proof = shrink(outcome.proof)
        holder = next(_holders(proof, view.name, self._chosen), None)
        line = next((self._line(place) for place in lines_in(proof) if place != ASKED), None)
        if holder is None:
            return f" held by {line}" if line else None
        return f" held by {holder} {self._chosen[holder]}" + (f", for {line}" if line else "")

    def _replacing(self, name: str) -> Sequence[Row]:
        """What stands in place of every need of a package."""
        return self._subject.target["overrides"].get(name, ())

    def _bounding(self, view: View, best: int) -> str | None:
        """Without a proof: the first chosen package whose own need leaves the newest out."""
        answers = self._subject.answers
        for name, version in self._chosen.items():
            other = answers.view(name)
            candidate = other.candidate(version) if other is not None else 0
            for row, mask in other.needs.items() if other is not None else ():
                is_needed = mask >> candidate & 1 and row[:2] == ("", view.name)
                if is_needed and not answers.mask(view, row[3]) >> best & 1:
                    return f" held by {name} {version}"
        return None

    def _line(self, where: str) -> str:
        return f"your `{self._texts.get(where, where)}` ({self._places.text(where)})"


def _holders(proof: Nogood, name: str, chosen: Mapping[str, str]) -> Iterator[str]:
    """Chosen packages that have a part in it: those that bound the package, then those that bound what it needs."""
    facts = [fact for fact in facts_of(proof) if fact.package in chosen and fact.package != name and fact.on]
    yield from (fact.package for fact in facts if fact.on == name)
    yield from (fact.package for fact in facts)
