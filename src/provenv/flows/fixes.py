"""Ways out of a conflict, each solved before it is shown.

A *way* is a set of changed lines. The search begins with each line of the conflict alone; a way that leads into another
conflict is widened by a line of that one, as long as nothing smaller was found and there is time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from provenv.explain.relax import relaxed, rewritten
from provenv.flows.conflict import Conflict, lines_in
from provenv.flows.describe import place_beside
from provenv.flows.trial import Budget, Refusal, Subject, Variation, attempt
from provenv.solve.core import facts_of
from provenv.solve.solver import Solution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.universe.view import Row

__all__ = ["Change", "Fix", "find_fixes", "ranked"]

_MOST_SHOWN = 3
_MOST_LINES = 3
"""Nobody wants to change more lines than that without looking at the whole again."""
_VERSIONS_TOLD = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One line of the project, before and after; ``after`` is None when the line goes."""

    kind: str
    """``relax``, ``extras`` (one less), ``prerelease``, ``yanked``, ``python``, ``override`` (``where`` is a list that
    ``after`` is added to), ``conflicts`` (``after`` is a line for the table of settings), ``driver`` (of a target) or
    ``remove``."""
    where: str
    before: str | None
    """None for what is added."""
    after: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Fix:
    """Changes that were solved together, and the versions that matter of what came out."""

    changes: tuple[Change, ...]
    versions: Mapping[str, Sequence[str]]
    """Package -> its versions, the first target's first."""
    weight: tuple[int, ...]
    """How much it asks of the user; less is better."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Step:
    """Another need in the place of a line: ``weight`` grows from widening a bound to leaving the line out."""

    where: str
    row: Row | None
    weight: int


_WIDER, _OLDER, _FEWER_EXTRAS, _PRERELEASE, _YANKED, _PYTHON, _OVERRIDE, _NOTHING = range(8)
_KINDS = ("relax", "relax", "extras", "prerelease", "yanked", "python", "override", "remove")
_OVERRIDES = "tool.provenv.override-dependencies"
_MOST_OVERRIDES = 3
_PRERELEASES = "tool.provenv.prerelease"
_DEFAULT_PRERELEASE = "if-necessary-or-explicit"
_CONFLICTS = "tool.provenv.conflicts"


class _Search:
    def __init__(
        self,
        subject: Subject,
        everyone: Callable[[], Sequence[Subject]],
        kept: Mapping[str, str],
        texts: Mapping[str, str],
        budget: Budget,
        told: Sequence[str],
    ) -> None:
        self._subject = subject
        self._make_everyone = everyone
        self._everyone: Sequence[Subject] = ()
        self._kept = kept
        self._texts = texts
        self._budget = budget
        self._lines = _lines_of(subject)
        self._told = [self._lines[place][1] for place in told]
        self.found: dict[tuple[Change, ...], Fix] = {}

    def run(self, conflict: Conflict) -> list[Fix]:
        """Up to a few fixes, those that change least first."""
        ways: list[tuple[str, ...]] = [(place,) for place in conflict.places]
        seen = {frozenset(way) for way in ways}
        while ways and not self._budget.is_spent:
            wider: list[tuple[str, ...]] = []
            for way in ways:
                further = self._free(way)
                wider += [(*way, place) for place in further if place not in way]
            if self.found or len(ways[0]) == _MOST_LINES:
                break
            ways = []
            for way in wider:
                if frozenset(way) not in seen:
                    seen.add(frozenset(way))
                    ways.append(way)
        self._relax_beside(conflict)
        self._update_driver(conflict)
        self._declare_conflict(conflict.places)
        # To leave out the only line of a conflict is always possible, and no news.
        self._admit_prereleases(conflict)
        if not self._has_mild() and len(conflict.places) > 1:
            self._override(conflict)
            self._drop(conflict.places)
        return ranked(self.found.values())

    def _has_mild(self) -> bool:
        return any(fix.weight[1] < _OVERRIDE for fix in self.found.values())

    def _free(self, way: tuple[str, ...]) -> list[str]:
        """Try a way; the lines of the next conflict when it does not lead out."""
        rows = {place: self._row(place) for place in way}
        if len(way) == 1:
            for step in self._milder(way[0]):
                self._check((step,))
        outcome = self._solve({place: (row[0], row[1], row[2], "") for place, row in rows.items()})
        if isinstance(outcome, Refusal):
            return lines_in(outcome.proof)
        steps = [self._step_to(place, row, outcome) for place, row in rows.items()]
        wanted = tuple(step for step in steps if step is not None)
        refusal = self._check(wanted) if outcome and wanted else None
        return lines_in(refusal.proof) if refusal is not None else []

    def _step_to(self, place: str, row: Row, solved: Sequence[Mapping[str, str]]) -> _Step | None:
        """The line with its bounds just wide enough for what was chosen; None when they are already."""
        extra, name, extras, specifier = row
        changed = specifier
        for versions in solved:
            if name in versions:
                changed = relaxed(changed, versions[name])
        if changed == specifier:
            return None
        weight = _OLDER if _lower(changed, specifier) else _WIDER
        return _Step(where=place, row=(extra, name, extras, changed), weight=weight)

    def _milder(self, place: str) -> Iterator[_Step]:
        """Changes of one line that are no wider bounds."""
        extra, name, extras, specifier = self._row(place)
        for left_out in extras:
            fewer = tuple(other for other in extras if other != left_out)
            yield _Step(where=place, row=(extra, name, fewer, specifier), weight=_FEWER_EXTRAS)
        answers = self._subject.answers
        view = answers.views.get(name)
        if view is None:
            return
        admitted = _admitted(specifier, view.versions)
        for mask, weight in ((view.pre & ~view.yanked, _PRERELEASE), (view.yanked, _YANKED)):
            candidates = [at for at in admitted if mask >> at & 1]
            if candidates:
                pinned = f"=={view.versions[candidates[-1] - 1]}"
                if pinned != specifier:
                    yield _Step(where=place, row=(extra, name, extras, pinned), weight=weight)

    def _admit_prereleases(self, conflict: Conflict) -> None:
        """Let pre-releases count where nothing else will do, if a setting hides some of the conflict's packages."""
        answers = self._subject.answers
        hidden = [
            fact.on
            for fact in facts_of(conflict.refusal.proof)
            if (view := answers.views.get(fact.on)) is not None
            and view.pre & ~fact.allow
            and not answers.admits_prereleases(fact.on)
        ]
        outcome = self._solve({}, prerelease=_DEFAULT_PRERELEASE) if hidden else []
        if outcome and not isinstance(outcome, Refusal):
            change = Change(kind="prerelease", where=_PRERELEASES, before=None, after=_DEFAULT_PRERELEASE)
            self._keep((change,), _PRERELEASE, _PRERELEASE, [*hidden, *self._told], outcome)

    def _update_driver(self, conflict: Conflict) -> None:
        """Another driver on the machine, as old as will do."""
        machine = self._subject.target["machine"]
        if machine is None or machine["driver"] is None or not _names_driver(conflict):
            return
        views = [view for view in self._subject.answers.views.values() if view is not None]
        wanted = {what for view in views for kind, what, _ in view.refused if kind == "driver"}
        ascending = sorted(wanted, key=lambda text: [int(part) for part in text.split(".")])
        for number, driver in enumerate(ascending, 1):
            outcome = self._solve({}, other_machine=[("driver", what) for what in ascending[:number]])
            if outcome and not isinstance(outcome, Refusal):
                where = f"tool.provenv.targets.{machine['name']}.driver"
                change = Change(kind="driver", where=where, before=machine["driver"], after=driver)
                self._keep((change,), _WIDER, _WIDER, self._told, outcome)
                return

    def _relax_beside(self, conflict: Conflict) -> None:
        """Widen an override, or a need of a member of the workspace, that has a part in the conflict."""
        root = self._subject.answers.root
        whys = [why for fact in facts_of(conflict.refusal.proof) for why in fact.whys if isinstance(why, tuple)]
        for why in dict.fromkeys(whys):
            place = place_beside(why, self._texts, root)
            if place is None:
                continue
            row: Row = why[2]
            _, name, extras, _ = row
            outcome = self._solve_beside(why, (row[0], name, extras, ""))
            step = self._step_to(place, row, outcome) if outcome and not isinstance(outcome, Refusal) else None
            outcome = self._solve_beside(why, step.row) if step is not None and step.row is not None else []
            if step is None or step.row is None or isinstance(outcome, Refusal) or not outcome:
                continue
            before = self._texts[place]
            change = Change(kind="relax", where=place, before=before, after=rewritten(before, step.row[3]))
            self._keep((change,), step.weight, step.weight, [name, *self._told], outcome)

    def _solve_beside(self, why: tuple[Any, ...], row: Row) -> Refusal | list[dict[str, str]]:
        """What comes of another override, or of another need of a member."""
        kind, giver, before = why[:3]
        if kind == "override":
            return self._solve({}, {row[1]: [row]})
        return self._solve({}, needs={(giver, before): row})

    def _declare_conflict(self, places: Sequence[str]) -> None:
        """Say that extras or groups whose lines exclude one another are never installed together."""
        sections: dict[str, set[str]] = {}
        for _, where, section in self._subject.target["rows"]:
            sections.setdefault(where, set()).add(section)
        if self._subject.without or any(len(sections.get(place, ())) != 1 for place in places):
            return
        parts = sorted({part for place in places for part in sections[place] if part})
        if len(parts) < 2 or any(part.partition(":")[0] not in ("extra", "group") for part in parts):
            return
        solved: list[dict[str, str]] = []
        for part in parts:
            others = {where: None for where, of in sections.items() if of <= set(parts) - {part}}
            outcome = self._solve(others)
            if isinstance(outcome, Refusal) or not outcome:
                return
            solved += outcome
        listed = ", ".join(f'{{ {kind} = "{name}" }}' for kind, _, name in (part.partition(":") for part in parts))
        change = Change(kind="conflicts", where=_CONFLICTS, before=None, after=f"conflicts = [[{listed}]]")
        self._keep((change,), _WIDER, -1, self._told, solved)

    def _override(self, conflict: Conflict) -> None:
        """Put the project's word in the place of all others about a package that it does not name."""
        if self._subject.target["overrides"]:
            return  # Which table they are in is not known here, and a second table would hide the first.
        named = {row[1] for row in self._lines.values()}
        disputed = [
            fact.on
            for fact in facts_of(conflict.refusal.proof)
            if fact.package and fact.allow > 1 and "[" not in fact.on and fact.on not in named
        ]
        for name in list(dict.fromkeys(disputed))[:_MOST_OVERRIDES]:
            outcome = self._solve({}, {name: [("", name, (), "")]})
            if isinstance(outcome, Refusal) or not outcome or name not in outcome[0]:
                continue
            row = ("", name, (), f"=={outcome[0][name]}")
            outcome = self._solve({}, {name: [row]})
            if outcome and not isinstance(outcome, Refusal):
                change = Change(kind="override", where=_OVERRIDES, before=None, after=f"{name}{row[3]}")
                self._keep((change,), _OVERRIDE, _OVERRIDE, [name, *self._told], outcome)

    def _drop(self, places: Sequence[str]) -> None:
        for place in places:
            self._check((_Step(where=place, row=None, weight=_NOTHING),))

    def _check(self, steps: tuple[_Step, ...]) -> Refusal | None:
        """Solve every target with the changes; keep them as a fix when all have a solution."""
        outcome = self._solve({step.where: step.row for step in steps})
        if isinstance(outcome, Refusal):
            return outcome
        if outcome:
            weights = [step.weight for step in steps]
            changes = tuple(sorted((self._change(step) for step in steps), key=lambda change: change.where))
            self._keep(changes, max(weights), sum(weights), self._names(steps), outcome)
        return None

    def _keep(
        self,
        changes: tuple[Change, ...],
        worst: int,
        total: int,
        names: Sequence[str],
        solved: Sequence[Mapping[str, str]],
    ) -> None:
        versions = {name: tuple(dict.fromkeys(found[name] for found in solved if name in found)) for name in names}
        shown = [(name, found) for name, found in versions.items() if found][:_VERSIONS_TOLD]
        weight = len(changes), worst, total, len(self.found)
        self.found.setdefault(changes, Fix(changes=changes, versions=dict(shown), weight=weight))

    def _solve(
        self,
        rows: Mapping[str, Row | None],
        overrides: Mapping[str, Sequence[Row]] | None = None,
        prerelease: str | None = None,
        needs: Mapping[tuple[str, Row], Row] | None = None,
        other_machine: Sequence[tuple[str, str]] = (),
    ) -> Refusal | list[dict[str, str]]:
        """Package -> version for every target, as a lock would choose them; empty when there was no time to know."""
        changed = Variation(rows=rows, overrides=overrides or {}, prerelease=prerelease, needs=needs or {})
        changed = replace(changed, other_machine=tuple(other_machine))
        variation = replace(changed, pins=self._kept)
        first = attempt(self._subject, variation, self._budget)
        if isinstance(first, Refusal) or first is None:
            return first or []
        if not self._everyone:
            self._everyone = self._make_everyone() or [self._subject]
            for subject in self._everyone:
                self._lines = {**_lines_of(subject), **self._lines}
        if len(self._everyone) == 1:
            return [_versions(self._subject, first)]
        solved: list[dict[str, str]] = []
        earlier: dict[str, str] = {}
        for subject in self._everyone:
            pins = {**earlier, **self._kept}
            outcome = attempt(subject, replace(changed, pins=pins), self._budget)
            if isinstance(outcome, Refusal) or outcome is None:
                return outcome or []
            solved.append(_versions(subject, outcome))
            earlier = {**solved[-1], **earlier}
        return solved

    def _names(self, steps: tuple[_Step, ...]) -> list[str]:
        """Packages whose versions tell what a change brings: those that change, then the project's other ones."""
        changed = [self._row(step.where)[1] for step in steps]
        return list(dict.fromkeys((*changed, *self._told)))

    def _change(self, step: _Step) -> Change:
        row = self._row(step.where)
        before = self._texts.get(step.where) or f"{row[1]}{row[3]}"
        after = None if step.row is None else rewritten(before, step.row[3], step.row[2])
        return Change(kind=_KINDS[step.weight], where=step.where, before=before, after=after)

    def _row(self, place: str) -> Row:
        return self._lines[place]


def find_fixes(
    subject: Subject,
    everyone: Callable[[], Sequence[Subject]],
    kept: Mapping[str, str],
    conflict: Conflict,
    texts: Mapping[str, str],
    budget: Budget,
) -> list[Fix]:
    """Up to three ways out of the conflict of a subject, ranked by how little they change.

    Each was solved for ``everyone``: all that a lock must solve, in its order, with the subject among them. ``kept``
    are versions that the lock has and that stay where they can; ``texts`` has the lines as written, by place. Fewer,
    or none, when nothing was found or the time was over.
    """
    return _Search(subject, everyone, kept, texts, budget, conflict.places).run(conflict)


def ranked(fixes: Iterable[Fix]) -> list[Fix]:
    """The few that ask least of the user, in that order."""
    return sorted(fixes, key=lambda fix: fix.weight)[:_MOST_SHOWN]


def _names_driver(conflict: Conflict) -> bool:
    whys = [why for fact in facts_of(conflict.refusal.proof) for why in fact.whys if isinstance(why, tuple)]
    return any(why[0] == "machine" and "NVIDIA driver" in why[2] for why in whys)


def _lines_of(subject: Subject) -> dict[str, Row]:
    rows = {where: row for row, where, section in subject.target["rows"] if section not in subject.without}
    return {**rows, **{where: row for row, where in subject.target["constraints"]}}


def _versions(subject: Subject, solution: Solution) -> dict[str, str]:
    found = {}
    for name, candidate in solution.chosen.items():
        view = subject.answers.view(name)
        assert view is not None, "what was chosen has a view"
        found[name] = view.versions[candidate - 1]
    return found


def _lower(changed: str, specifier: str) -> bool:
    """Whether a lower bound was moved, rather than an upper one."""
    return any(">=" in clause and clause not in specifier.split(",") for clause in changed.split(","))


def _admitted(specifier: str, versions: Sequence[str]) -> list[int]:
    from packaging.specifiers import SpecifierSet

    wanted = SpecifierSet(specifier)
    return [at for at, version in enumerate(versions, 1) if wanted.contains(version, prereleases=True)]
