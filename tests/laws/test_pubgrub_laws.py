"""The laws that the authors of pubgrub-rs hold their solver to, where ``test_laws`` does not tell them already.

Each is said of all universes: which other universes have the same verdict, and which keep the solution as it is.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenv.solve.core import facts_of, shrink
from provenv.solve.proof import Unsolvable
from provenv.solve.solver import Solution, solve
from provenv.solve.types import Ask, Rule, Unusable
from provenv.universe.settle import settle
from tests.laws.universes import TARGETS, Universe, answers_for, random_universe
from tests.laws.worlds import World, random_world
from tests.solve.driver import attempt

if TYPE_CHECKING:
    from provenv.solve.types import Answer

seeds = st.integers(min_value=100_000, max_value=10_000_000)
worlds = st.builds(lambda seed, size: random_world(seed, packages=size), seeds, st.sampled_from((6, 9)))
dice = st.randoms(use_true_random=False)


def solution(world: World) -> Solution | None:
    outcome = attempt(world.answer)
    return outcome if isinstance(outcome, Solution) else None


def mirrored(world: World) -> World:
    """The same universe with every candidate's number counted from the other end."""

    def turned(mask: int, size: int) -> int:
        return mask & 1 | sum(1 << size + 1 - place for place in range(1, size + 1) if mask >> place & 1)

    def place(package: str, candidate: int) -> int:
        return world.sizes[package] + 1 - candidate if package else candidate

    def turn(package: str, answer: Answer) -> Answer:
        size = world.sizes.get(package, 1)
        if isinstance(answer, Unusable):
            return Unusable(turned(answer.when, size), answer.why)
        return tuple(
            Rule(turned(rule.when, size), rule.on, turned(rule.allow, rule.size), rule.size, rule.why)
            for rule in answer
        )

    answers = {
        (package, place(package, candidate), extra): turn(package, answer)
        for (package, candidate, extra), answer in world.answers.items()
    }
    return World(world.sizes, answers)


def without(world: World, is_gone: Callable[[str, int], bool]) -> World:
    """The universe after some candidates were withdrawn."""
    answers = dict(world.answers)
    for package, size in world.sizes.items():
        for candidate in range(1, size + 1):
            if is_gone(package, candidate):
                answers[package, candidate, ""] = Unusable(1 << candidate, "withdrawn")
    return World(world.sizes, answers)


@given(worlds)
def test_counting_versions_from_the_other_end_does_not_change_the_verdict(world: World) -> None:
    assert (solution(world) is None) == (solution(mirrored(world)) is None)


@given(worlds)
def test_preferring_the_lowest_is_preferring_the_highest_from_the_other_end(world: World) -> None:
    """Both searches walk the same way, so they end with the same choice."""
    search = solve(lowest=world.sizes)
    lowest: dict[str, int] | None = None
    try:
        ask = next(search)
        while True:
            ask = search.send(world.answer(ask))
    except StopIteration as stop:
        lowest = stop.value.chosen
    except Unsolvable:
        pass
    mirror = solution(mirrored(world))
    expected = mirror and {name: world.sizes[name] + 1 - candidate for name, candidate in mirror.chosen.items()}
    assert lowest == expected


@given(worlds, dice)
def test_what_was_not_chosen_may_go(world: World, dice: random.Random) -> None:
    found = solution(world)
    chosen = found.chosen if found is not None else {}
    fewer = without(world, lambda name, candidate: chosen.get(name) != candidate and dice.random() < 0.3)
    assert (solution(fewer) is None) == (found is None)


@given(worlds, dice)
def test_what_nobody_asked_about_makes_no_difference(world: World, dice: random.Random) -> None:
    asked: list[Ask] = []
    before = attempt(world.answer, asked=asked)
    seen = {(ask.package, ask.candidate) for ask in asked}
    other = without(world, lambda name, candidate: (name, candidate) not in seen and dice.random() < 0.5)
    assert repr(attempt(other.answer)) == repr(before)


@given(worlds)
def test_the_story_is_told_by_true_facts(world: World) -> None:
    """Each fact of a proof holds for every candidate that it names: some answer says no less."""
    proof = attempt(world.answer)
    if isinstance(proof, Solution):
        return
    for fact in facts_of(shrink(proof)):
        for candidate in range(1, fact.when.bit_length()):
            if fact.when >> candidate & 1:
                answer = world.answers.get((fact.package, candidate, fact.extra), ())
                if isinstance(answer, Unusable):
                    continue
                assert any(rule.on == fact.on and not rule.allow & ~fact.allow for rule in answer), fact


@given(worlds)
def test_the_reasons_of_a_proof_alone_have_no_solution(world: World) -> None:
    proof = attempt(world.answer)
    if isinstance(proof, Solution):
        return
    facts = facts_of(shrink(proof))
    named = {(fact.package, fact.extra, fact.on) for fact in facts}
    answers: dict[tuple[str, int, str], Answer] = {}
    for (package, candidate, extra), answer in world.answers.items():
        if isinstance(answer, Unusable):
            if (package, extra, "") in named:
                answers[package, candidate, extra] = answer
        else:
            answers[package, candidate, extra] = tuple(rule for rule in answer if (package, extra, rule.on) in named)
    assert solution(World(world.sizes, answers)) is None


@given(seeds.map(random_universe), dice)
def test_warm_caches_do_not_change_the_course_of_a_resolution(universe: Universe, dice: random.Random) -> None:
    """Same input, same lock: what is known of other versions, and in which order it was read, is a matter of chance."""
    places = [(name, place) for name, versions in universe.versions.items() for place, _ in enumerate(versions, 1)]
    for target in TARGETS:
        cold = answers_for(universe, target, {})
        warm = answers_for(universe, target, {}, dice.sample(places, dice.randint(0, len(places))))
        try:
            expected = settle(cold)
        except Unsolvable:
            with pytest.raises(Unsolvable):
                settle(warm)
        else:
            found = settle(warm)
            assert (found.chosen, found.extras, found.asked) == (expected.chosen, expected.extras, expected.asked)
