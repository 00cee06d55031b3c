"""Solver and universe against a satisfiability solver: the same verdict on every target, and true solutions."""

from __future__ import annotations

import os
from functools import cache

import pytest
from packaging.markers import Marker

from provenv.lockfile.merge import Chosen, Solved, merge
from provenv.model.target import Target
from provenv.solve.core import facts_of, shrink
from provenv.solve.proof import Unsolvable
from provenv.universe.settle import settle
from tests.laws.universes import TARGETS, Oracle, Universe, answers_for, is_contradiction, random_universe

ENVIRONMENTS = {
    environment["sys_platform"]: environment
    for platform in ("linux-x86_64", "macos-arm64", "windows-x86_64")
    for environment in [Target(name=platform, platform=platform, python="3.12").environment()]
}
BATCHES = 20
BATCH = 1000 if os.environ.get("PROVENV_TEST_SLOW") == "1" else 200


def solved(universe: Universe, target: str, pins: dict[str, str], seed: int) -> dict[str, str] | None:
    """Package -> version, checked by the oracle; None if there is no solution, which the oracle checks as well."""
    oracle = Oracle(universe, target)
    answers = answers_for(universe, target, pins)
    if not oracle.is_satisfiable():
        with pytest.raises(Unsolvable) as failure:
            settle(answers)
        assert is_contradiction(facts_of(shrink(failure.value.proof))), (seed, target)
        return None
    solution = settle(answers)
    chosen = {name: universe.versions[name][state - 1] for name, state in solution.chosen.items()}
    assert oracle.admits(chosen, solution.extras), (seed, target)
    return chosen


@pytest.mark.parametrize("batch", range(BATCHES))
def test_agrees_on_every_target(batch: int) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        universe = random_universe(seed)
        pins: dict[str, str] = {}
        found: dict[str, dict[str, str]] = {}
        for target in TARGETS:
            chosen = solved(universe, target, pins, seed)
            if chosen is not None:
                found[target] = chosen
                pins = {**chosen, **pins}
        assert selected(found) == found, seed


def selected(found: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """What the lock of all targets holds for each of them."""
    entries, *_ = merge(
        [
            Solved(
                target,
                ENVIRONMENTS[target],
                {name: Chosen(version, "", (), (), frozenset({""})) for name, version in chosen.items()},
            )
            for target, chosen in found.items()
        ]
    )
    return {
        target: {
            entry["name"]: entry["version"]
            for entry in entries
            if "marker" not in entry or holds(entry["marker"], target)
        }
        for target in found
    }


@cache
def holds(marker: str, target: str) -> bool:
    return Marker(marker).evaluate(dict(ENVIRONMENTS[target]))
