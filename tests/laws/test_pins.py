"""What the pins alone exclude has no solution, whatever else the universe holds; and what has one is not refused."""

from __future__ import annotations

import random
from dataclasses import replace

from provenv.solve.core import facts_of, shrink
from provenv.universe.pinned import refused
from provenv.universe.settle import settle
from tests.laws.universes import TARGETS, Oracle, Universe, answers_for, is_contradiction, random_universe

_CASES = 1500


def _pinned(seed: int) -> Universe:
    """A universe in which many needs are exact."""
    universe = random_universe(seed)
    dice = random.Random(f"pins {seed}")
    for key, needs in universe.needs.items():
        chance = 0.7 if key == ("", "") else 0.3
        universe.needs[key] = [
            replace(need, specifier=f"=={dice.choice(universe.versions[need.name])}")
            if universe.versions.get(need.name) and dice.random() < chance
            else need
            for need in needs
        ]
    return universe


def test_what_pins_refuse_has_no_solution() -> None:
    told = unsatisfiable = 0
    for seed in range(_CASES):
        universe = _pinned(seed)
        target = TARGETS[seed % len(TARGETS)]
        is_satisfiable = Oracle(universe, target).is_satisfiable()
        answers = answers_for(universe, target, {})
        found = refused(answers)
        unsatisfiable += not is_satisfiable
        if found is not None:
            told += 1
            failure, _ = found
            assert not is_satisfiable, seed
            assert is_contradiction(facts_of(shrink(failure.proof))), seed
        elif is_satisfiable:
            # The whole is solved with the views that were made for the pins, and comes to what it would without them.
            again = settle(answers_for(universe, target, {}))
            assert settle(answers).chosen == again.chosen, seed
    assert told > unsatisfiable // 2
