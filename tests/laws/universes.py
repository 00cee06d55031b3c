"""Random indexes with pre-releases, extras, platforms and constraints, and two ways to ask what can be chosen there.

``answers_for`` goes our way: views, masks, rules, solver. ``Oracle`` goes another: every package, version and extra is
a variable of a satisfiability problem, and a need is a clause made from ``packaging``'s word on each version alone.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from pysat.solvers import Solver

from provenv.solve.proof import Fact
from provenv.universe.answers import Answers
from provenv.universe.masks import mask_of
from provenv.universe.view import View

if TYPE_CHECKING:
    from provenv.universe.view import Row

__all__ = ["TARGETS", "Need", "Oracle", "Universe", "answers_for", "is_contradiction", "random_universe"]

TARGETS = ("linux", "darwin", "win32")
"""As ``sys_platform`` tells them."""

_VERSIONS = ("1.0", "1.1", "2.0a1", "2.0", "2.1rc1", "3.0", "3.1.dev1")
_SPECIFIERS = (
    *("",) * 3,
    *(">=2.0", "<2.0", "<=2.0", ">1.0", ">=1.1,<3.0", "!=2.0", "~=1.0", "~=2.0"),
    *("==1.0", "==2.0", "==3.0", "==2.*", ">=2.0a1", "<=2.1rc1", ">=2.1rc1,<3", ">3.0", ">=3.1.dev0"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """``name[extras]specifier`` where ``sys_platform`` is one of ``platforms``, if ``extra`` is asked for or ""."""

    extra: str
    name: str
    extras: tuple[str, ...]
    specifier: str
    platforms: tuple[str, ...]

    def row(self) -> Row:
        return self.extra, self.name, self.extras, self.specifier


@dataclass(kw_only=True, slots=True)
class Universe:
    """``needs`` maps (package, version) to what it needs; ("", "") is the project. ``broken`` cannot be used."""

    versions: dict[str, list[str]]
    extras: dict[str, list[str]]
    needs: dict[tuple[str, str], list[Need]] = field(default_factory=dict)
    broken: set[tuple[str, str]] = field(default_factory=set)
    constraints: list[tuple[str, str]] = field(default_factory=list)
    prerelease: str = "if-necessary-or-explicit"

    def needs_on(self, package: str, version: str, target: str) -> list[Need]:
        return [need for need in self.needs.get((package, version), ()) if target in need.platforms]


def random_universe(seed: int) -> Universe:
    """Satisfiable on a target about half of the time; a few packages that are needed are not there at all."""
    dice = random.Random(seed)
    names = "abcdefg"[: dice.randint(2, 7)]
    density = dice.choice((0.12, 0.25, 0.4))
    universe = Universe(
        versions={
            name: [version for version in _VERSIONS if dice.random() < 0.55] for name in names if dice.random() < 0.97
        },
        extras={name: list("xy"[: dice.randint(0, 2)]) if dice.random() < 0.5 else [] for name in names},
    )

    def needs(asker: str, chance: float) -> Iterator[Need]:
        for name in names:
            if name != asker and dice.random() < chance:
                known = universe.extras[name]
                yield Need(
                    extra=dice.choice(universe.extras[asker])
                    if asker and universe.extras[asker] and dice.random() < 0.4
                    else "",
                    name=name,
                    extras=tuple(extra for extra in known if dice.random() < 0.4),
                    specifier=dice.choice(_SPECIFIERS),
                    platforms=TARGETS if dice.random() < 0.7 else tuple(dice.sample(TARGETS, dice.randint(1, 2))),
                )

    universe.needs["", ""] = list(needs("", 0.6))
    for name, versions in universe.versions.items():
        for version in versions:
            universe.needs[name, version] = list(needs(name, density))
            if dice.random() < 0.06:
                universe.broken.add((name, version))
    universe.constraints = [(name, dice.choice(_SPECIFIERS)) for name in names if dice.random() < 0.08]
    if dice.random() < 0.2:
        universe.prerelease = "disallow"
    return universe


class _Supply:
    """An index in memory, as one target sees it."""

    is_at_hand: Callable[[str], bool]
    is_in_haste: bool
    until: float

    def __init__(self, universe: Universe, target: str, known: Sequence[tuple[str, int]]) -> None:
        self._universe = universe
        self._target = target
        self._known = known

    def want(self, name: str, specifier: str, extras: Sequence[str] = ()) -> None: ...

    def expect(self, versions: Mapping[str, str]) -> None: ...

    def ahead(self, view: View, candidates: int) -> None: ...

    def learn_all(self, view: View, candidates: int) -> int:
        for candidate in range(1, candidates.bit_length()):
            if candidates >> candidate & ~view.known >> candidate & 1:
                self.learn(view, candidate)
        return candidates

    def view(self, name: str, stale: View | None) -> View | None:
        if name not in self._universe.versions:
            return None
        view = View(name, "", "", 0.0, list(self._universe.versions[name]))
        for candidate, version in enumerate(view.versions, 1):
            view.pre |= _is_prerelease(version) << candidate
        for package, candidate in self._known:
            if package == name:
                self.learn(view, candidate)
        return view

    def learn(self, view: View, candidate: int) -> None:
        version = view.versions[candidate - 1]
        if (view.name, version) in self._universe.broken:
            view.spoil(candidate, "is broken")
            return
        rows = tuple(need.row() for need in self._universe.needs_on(view.name, version, self._target))
        view.learn(candidate, rows, tuple(self._universe.extras[view.name]))

    def mask(self, view: View, specifier: str) -> int:
        if specifier not in view.masks:
            view.masks[specifier] = _mask(specifier, tuple(view.versions))
        return view.masks[specifier]

    def why_yanked(self, view: View, candidate: int) -> str:
        return ""


def answers_for(
    universe: Universe, target: str, pins: Mapping[str, str], known: Sequence[tuple[str, int]] = ()
) -> Answers:
    """What the solver is told of a universe on a target; of ``known`` candidates the needs were read before."""
    supply = _Supply(universe, target, known)
    return Answers(
        [(need.row(), "project") for need in universe.needs_on("", "", target)],
        directory=os.path.join(os.devnull, "nowhere"),
        supply=lambda: supply,
        is_fresh=lambda view: True,
        pins=pins,
        policy={"prerelease": universe.prerelease},
        constraints=[(("", name, (), specifier), "project") for name, specifier in universe.constraints],
    )


class Oracle:
    """The same universe on a target, for a solver of satisfiability."""

    def __init__(self, universe: Universe, target: str) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._universe = universe
        self._clauses: list[list[int]] = []
        for need in universe.needs_on("", "", target):
            self._need([], need)
        for name, versions in universe.versions.items():
            for place, version in enumerate(versions):
                here = self._number(name, version)
                self._clauses += [[-here, -self._number(name, other)] for other in versions[:place]]
                bounds = [specifier for package, specifier in universe.constraints if package == name]
                is_out = universe.prerelease == "disallow" and _is_prerelease(version)
                if is_out or (name, version) in universe.broken or not all(_admits(bound, version) for bound in bounds):
                    self._clauses.append([-here])
                for need in universe.needs_on(name, version, target):
                    self._need([-here, *([-self._extra(name, need.extra)] if need.extra else [])], need)

    def _need(self, unless: list[int], need: Need) -> None:
        versions = self._universe.versions.get(need.name, [])
        admitted = [self._number(need.name, version) for version in versions if _admits(need.specifier, version)]
        self._clauses.append([*unless, *admitted])
        self._clauses += [[*unless, self._extra(need.name, extra)] for extra in need.extras]

    def _number(self, name: str, version: str) -> int:
        return self._numbers.setdefault((name, version), len(self._numbers) + 1)

    def _extra(self, name: str, extra: str) -> int:
        return self._number(name, f"[{extra}]")

    def is_satisfiable(self) -> bool:
        return _is_satisfiable(self._clauses)

    def admits(self, chosen: Mapping[str, str], extras: Mapping[str, Sequence[str]]) -> bool:
        """Whether exactly these versions and extras are a solution."""
        wanted = set(chosen.items()) | {(name, f"[{extra}]") for name, active in extras.items() for extra in active}
        told = [[number if key in wanted else -number] for key, number in self._numbers.items()]
        return wanted <= self._numbers.keys() and _is_satisfiable([*self._clauses, *told])


def is_contradiction(facts: Sequence[Fact]) -> bool:
    """Whether the facts of a proof alone exclude one another, whatever the universe says besides."""
    numbers: dict[tuple[str, int], int] = {}
    states: dict[str, int] = {"": 3}
    for fact in facts:
        states[fact.package] = states.get(fact.package, 0) | fact.when
        states.setdefault(fact.variable, 3)
        states[fact.on] = states.get(fact.on, 0) | fact.full

    def number(variable: str, state: int) -> int:
        return numbers.setdefault((variable, state), len(numbers) + 1)

    clauses = [[number("", 1)]]
    for variable, full in states.items():
        places = range(full.bit_length() or 1)
        clauses.append([number(variable, place) for place in places])
        clauses += [[-number(variable, one), -number(variable, other)] for one in places for other in places[:one]]
    for fact in facts:
        allowed = [number(fact.on, place) for place in _places(fact.allow)]
        inactive = [-number(fact.variable, 1)] if fact.variable != fact.package else []
        clauses += [[-number(fact.package, place), *inactive, *allowed] for place in _places(fact.when)]
    return not _is_satisfiable(clauses)


def _places(mask: int) -> list[int]:
    return [place for place in range(mask.bit_length()) if mask >> place & 1]


def _is_satisfiable(clauses: list[list[int]]) -> bool:
    with Solver(name="minisat22", bootstrap_with=clauses) as solver:
        return bool(solver.solve())


@cache
def _admits(specifier: str, version: str) -> bool:
    return SpecifierSet(specifier).contains(version, prereleases=True)


@cache
def _is_prerelease(version: str) -> bool:
    return Version(version).is_prerelease


@cache
def _mask(specifier: str, versions: tuple[str, ...]) -> int:
    return mask_of(specifier, [Version(version) for version in versions])
