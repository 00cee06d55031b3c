"""Why a package is locked: who needs it, what bounds it, and why not a newer version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from packaging.version import InvalidVersion, Version

from provenv.errors import UsageError
from provenv.flows.aim import aim
from provenv.flows.aimed import Aim, AimedTarget
from provenv.flows.conflict import narrowed
from provenv.flows.describe import ProjectWords, sentences
from provenv.flows.known_lock import known_lock
from provenv.flows.needs import ways_to, who_needs
from provenv.flows.newer import asked_for, newest, with_newest
from provenv.flows.pins import pins_of
from provenv.flows.places import Places
from provenv.flows.solving import answered
from provenv.flows.trial import Budget, Refusal, Subject
from provenv.flows.world import World
from provenv.lockfile.choices import Forks
from provenv.solve.solver import Solution
from provenv.universe.settle import settle
from provenv.universe.view import row_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.universe.view import Row

__all__ = ["Bound", "Newer", "Way", "Why", "why"]

_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """How a line of the project leads to the package."""

    text: str
    """The line as written."""
    where: str
    """Where a reader finds it: ``pyproject.toml:12``."""
    steps: tuple[tuple[str, str, str], ...]
    """Package, version and what it needs, from the line's package on; empty when the line names the package itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """Somebody who admits only some versions."""

    by: str
    """A package with its version, or a line of the project with its place."""
    need: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Newer:
    """A newer version than the locked one."""

    version: str
    is_known: bool
    """Whether it was found out, in the time that there was, if it can be had."""
    story: tuple[str, ...]
    """Why it cannot be had, in sentences; empty when it can."""
    others: tuple[tuple[str, str, str], ...]
    """If it can be had: what else would change (package, version now, version then)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Why:
    """The answer for one package on one target."""

    name: str
    version: str
    target: str
    ways: tuple[Way, ...]
    bounds: tuple[Bound, ...]
    newer: Newer | None
    """None when the locked version is the newest that the target can use."""
    unusable: tuple[tuple[str, str], ...]
    """Newer versions that the target cannot use at all, with the reason; the newest last."""


def why(world: World, name: str, data: bytes, target_name: str | None = None) -> Why:
    """Explain a package of the lock with these bytes, on the target of that name (otherwise the first).

    Raises UsageError when there is no such target or the package is not locked for it.
    """
    aimed = aim(world)
    target = _target(aimed, target_name)
    subject, solution = _solved(world, aimed, target, data, name)
    return _Explained(subject, solution, aimed, Places(world), name).why()


def _target(aimed: Aim, name: str | None) -> AimedTarget:
    for target in aimed["targets"]:
        if name in (None, target["name"]):
            return target
    known = ", ".join(target["name"] for target in aimed["targets"])
    raise UsageError(f"there is no target named `{name}`", hint=f"the targets are {known}")


def _solved(world: World, aimed: Aim, target: AimedTarget, data: bytes, name: str) -> tuple[Subject, Solution]:
    """The target as the lock has it, under the first choice of parts that holds the package."""
    known = known_lock(world, data)
    names = [one["name"] for one in aimed["targets"]]
    pins = pins_of(known, target["environment"], target["name"], other_targets=names)
    forks = Forks(aimed["conflicts"])
    for fork in forks.all:
        without = forks.excluded(fork)
        told = answered(world, aimed, target, pins, without=without, commits=known.commits)
        subject = Subject(target=target, answers=told.answers, without=without)
        solution = settle(told.answers, lambda asked: world.events.advanced("resolve", 0, asked))
        if name in solution.chosen:
            return subject, solution
    raise UsageError(f"`{name}` is not in the lock for target `{target['name']}`", hint="`provenv tree` shows what is")


class _Explained:
    def __init__(self, subject: Subject, solution: Solution, aimed: Aim, places: Places, name: str) -> None:
        view = subject.answers.view(name)
        assert view is not None, "what was chosen has a view"
        self._view = view
        self._subject = subject
        self._solution = solution
        self._texts = aimed["texts"]
        self._places = places
        self._name = name
        self._candidate = solution.chosen[name]
        self._users = who_needs(subject, solution)
        # The need of the project's own package is no line that anybody wrote.
        self._lines = [(row, where) for row, where in subject.answers.root if where in self._texts]

    def why(self) -> Why:
        return Why(
            name=self._name,
            version=self._view.versions[self._candidate - 1],
            target=self._subject.target["name"],
            ways=tuple(self._ways()),
            bounds=tuple(self._bounds()),
            newer=self._newer(),
            unusable=tuple(self._unusable()),
        )

    def _ways(self) -> Iterator[Way]:
        for where, way in ways_to(self._name, self._users, self._lines):
            steps = tuple((giver[1], self._version(giver[1]), row_text(row)) for giver, row in pairwise(way))
            yield Way(text=self._text(where, way[0]), where=self._places.text(where), steps=steps)

    def _bounds(self) -> Iterator[Bound]:
        answers = self._subject.answers
        for row, where in (*answers.root, *answers.constraints.get(self._name, ())):
            if row[1] == self._name and row[3] and where in self._texts:
                yield Bound(by=self._places.text(where), need=self._text(where, row))
        for user, row in self._users.get(self._name, ()):
            if row[3] and user != self._name:
                yield Bound(by=f"{user} {self._version(user)}", need=row_text(row))

    def _newer(self) -> Newer | None:
        best, view, subject = newest(self._view), self._view, self._subject
        if self._candidate >= best:
            return None
        budget = Budget(_SECONDS)
        outcome = with_newest(subject, view, budget)
        version = view.versions[best - 1]
        if outcome is None:
            return Newer(version=version, is_known=False, story=(), others=())
        if isinstance(outcome, Refusal):
            conflict = narrowed(subject, outcome, budget, asked_for(view, best))
            words = ProjectWords(conflict.refusal.answers, self._texts, self._places.text)
            story = sentences(conflict.refusal.proof, words, "it cannot be had")
            return Newer(version=version, is_known=True, story=tuple(story), others=())
        others = []
        for name, candidate in self._solution.chosen.items():
            other = subject.answers.view(name)
            then = outcome.chosen.get(name)
            if other is not None and name != self._name and then not in (None, candidate):
                assert then is not None
                others.append((name, other.versions[candidate - 1], other.versions[then - 1]))
        return Newer(version=version, is_known=True, story=(), others=tuple(others))

    def _unusable(self) -> Iterator[tuple[str, str]]:
        """Newer final versions that are no candidates, or that the machine of the target cannot run."""
        here = Version(self._view.versions[self._candidate - 1])
        found = []
        for text, reason in self._view.excluded:
            with suppress(InvalidVersion):
                version = Version(text)
                if version > here and not version.is_prerelease:
                    found.append((version, text, reason))
        for (_, _, reason), mask in self._view.refused.items():
            for candidate in range(self._candidate + 1, self._view.size + 1):
                text = self._view.versions[candidate - 1]
                if mask >> candidate & 1 and not Version(text).is_prerelease:
                    found.append((Version(text), text, reason))
        for _, text, reason in sorted(found):
            yield text, reason

    def _version(self, name: str) -> str:
        view = self._subject.answers.view(name)
        return view.versions[self._solution.chosen[name] - 1] if view is not None else ""

    def _text(self, where: str, row: Row) -> str:
        return self._texts.get(where, row_text(row))
