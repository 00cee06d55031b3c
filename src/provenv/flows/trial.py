"""What if? Solves variations of a target with everything that its first solve has already learned.

A variation keeps the views and the supply of the first solve, so most take milliseconds; one that needs the network
may use it until the time is over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from provenv.errors import ProvenvError
from provenv.flows.aimed import AimedTarget
from provenv.solve.proof import Nogood, Unsolvable
from provenv.solve.solver import Solution
from provenv.solve.types import Unusable
from provenv.universe.answers import FOREVER, ROOT, Answers
from provenv.universe.settle import settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.solve.types import Answer, Ask, Rule
    from provenv.universe.answers import Supply
    from provenv.universe.view import Row, Unfit, View

__all__ = ["Budget", "Refusal", "Subject", "Variation", "attempt", "varied"]

_MOST_QUESTIONS = 5000
_UNREAD = "a source archive, which was not read to answer this"


class Budget:
    """Seconds that may be spent; looked at with every question of a solver."""

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds

    @property
    def is_spent(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self.until


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A target and the one who answered for it; sections in ``without`` are left out."""

    target: AimedTarget
    answers: Answers
    without: Collection[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Variation:
    """How a target differs from what the project says.

    ``rows`` maps a place to the need that stands there instead, None for no need at all; ``added`` are further needs
    with the reason of each. With ``only``, the lines at all other places are left out; with ``pins``, these versions
    are preferred in place of those that the first solve preferred. ``overrides`` stand in place of every need of a
    package, besides those that the project has; ``prerelease`` is another policy of pre-releases; ``needs`` maps
    package and need to what that package needs instead. What ``other_machine`` names (``driver`` and its
    version) a machine need not have.
    """

    rows: Mapping[str, Row | None] = field(default_factory=dict)
    added: Sequence[tuple[Row, str]] = ()
    only: Collection[str] | None = None
    pins: Mapping[str, str] | None = None
    overrides: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    prerelease: str | None = None
    needs: Mapping[tuple[str, Row], Row] = field(default_factory=dict)
    other_machine: Collection[tuple[str, str]] = ()

    def applied(self, lines: Sequence[tuple[Row, str]]) -> list[tuple[Row, str]]:
        """Lines of the project, each with its place, as the variation has them."""
        kept = ((self.rows.get(where, row), where) for row, where in lines if self.only is None or where in self.only)
        return [(row, where) for row, where in kept if row is not None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A variation that has no solution. It is not certain when a source archive was passed over."""

    proof: Nogood
    answers: Answers
    is_certain: bool = True


class _Late(Exception):
    pass


class _Tried(Answers):
    """Answers of a variation: source archives that were not read before are passed over.

    To read one it must be downloaded, perhaps built, and nobody asked for that: it is only looked for a way.
    """

    has_passed_over = False
    needs: Mapping[tuple[str, Row], Row]
    other_machine: Collection[tuple[str, str]] = ()
    _budget: Budget | None = None

    def until(self, budget: Budget) -> None:
        """Wait for nothing longer than that."""
        self._budget = budget

    def give_time(self) -> None:
        """Let others wait as long as they like."""
        if self._supply is not None:
            self._supply.until = FOREVER

    @property
    def supply(self) -> Supply:
        """The one who fetches, for this variation."""
        supply = super().supply
        if self._budget is not None:
            supply.until = self._budget.until
        return supply

    def view(self, name: str) -> View | None:
        """The view of a package, as long as there is time."""
        if self._budget is not None and self._budget.is_spent:
            raise _Late
        return super().view(name)

    def answer(self, ask: Ask) -> Answer:
        view = self.views.get(ask.package)
        unread = view.sources & ~view.known if view is not None else 0
        if unread >> ask.candidate & 1:
            self.has_passed_over = True
            return Unusable(unread, ("broken", ask.package, _UNREAD))
        return super().answer(ask)

    def refusals(self, view: View) -> Iterable[tuple[Unfit, int]]:
        """Those that count for this variation."""
        return [row for row in super().refusals(view) if row[0][:2] not in self.other_machine]

    def _rules(self, rows: Sequence[tuple[Row, int, tuple[object, ...]]], package: str = ROOT) -> tuple[Rule, ...]:
        return super()._rules([(self.needs.get((package, row), row), when, why) for row, when, why in rows], package)


def attempt(subject: Subject, variation: Variation, budget: Budget) -> Solution | Refusal | None:
    """The solution of a variation, or why there is none; None when the time or the network did not allow to know."""
    answers = varied(subject, variation)
    answers.until(budget)
    try:
        return settle(answers, _watch(budget))
    except Unsolvable as failure:
        return Refusal(proof=failure.proof, answers=answers, is_certain=not answers.has_passed_over)
    except (_Late, ProvenvError):
        return None
    finally:
        answers.give_time()


def varied(subject: Subject, variation: Variation) -> _Tried:
    """Whoever answers for a variation, with the views and the supply of the subject."""
    first = subject.answers
    rows = [(row, where) for row, where, section in subject.target["rows"] if section not in subject.without]
    policy = first._choices._policy
    answers = _Tried(
        [*variation.applied(rows), *variation.added],
        directory=first._directory,
        supply=lambda: first.supply,
        is_fresh=first._is_fresh,
        pins=first._pins if variation.pins is None else variation.pins,
        policy=policy if variation.prerelease is None else {**policy, "prerelease": variation.prerelease},
        constraints=variation.applied(subject.target["constraints"]),
        overrides={**first._overrides, **variation.overrides},
        excludes=tuple(first._excludes),
        now=first._now,
        disproved=first._disproved,
    )
    answers.needs = variation.needs
    answers.other_machine = variation.other_machine
    answers.views = first.views
    answers.note_orders()
    return answers


def _watch(budget: Budget) -> Callable[[str], None]:
    asked = 0

    def look(_: str) -> None:
        nonlocal asked
        asked += 1
        if budget.is_spent or asked > _MOST_QUESTIONS:
            raise _Late

    return look
