"""The solver against brute force: the same verdict, and every solution is one."""

from __future__ import annotations

import os
import random

import pytest

from provenv.solve.core import facts_of, replay, shrink, steps_of
from provenv.solve.solver import Solution
from provenv.solve.types import Unusable
from tests.laws.worlds import World, active_extras, random_world, spoken, violations
from tests.solve.driver import attempt

BATCHES = 20
BATCH = 1000 if os.environ.get("PROVENV_TEST_SLOW") == "1" else 200


def reachable(world: World, solution: Solution) -> set[str]:
    """The packages that a chain of needs leads to from the root."""
    active = active_extras(world, solution.chosen)
    answers = spoken(world, solution.chosen, active)
    seen = {""}
    while True:
        found = {
            rule.on.partition("[")[0]
            for (package, _, _), answer in answers.items()
            if package in seen and not isinstance(answer, Unusable)
            for rule in answer
            if not rule.allow & 1
        }
        if found <= seen:
            return seen - {""}
        seen |= found


@pytest.mark.parametrize("batch", range(BATCHES))
def test_agrees_with_brute_force(batch: int) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        world = random_world(seed)
        # Half of them with candidates about which it costs much to ask, which changes the order and nothing else.
        dice = random.Random(seed)
        costly = {name: dice.getrandbits(size) << 1 for name, size in world.sizes.items()} if seed % 2 else None
        solution = attempt(world.answer, costly=costly)
        if not isinstance(solution, Solution):
            assert not world.is_satisfiable(), seed
            assert replay(facts_of(solution)) is not None, seed
            assert steps_of(shrink(solution)) <= steps_of(solution), seed
            continue
        extras = {f"{package}[{extra}]" for package, active in solution.extras.items() for extra in active}
        assert not violations(world, solution.chosen, extras), seed
        assert extras == {
            extra for extra in active_extras(world, solution.chosen) if extra.partition("[")[0] in solution.chosen
        }, seed
        assert set(solution.chosen) == reachable(world, solution), seed
