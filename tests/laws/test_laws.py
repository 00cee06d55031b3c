"""What must hold of every universe, however it looks."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from provenv.solve.core import facts_of, replay
from provenv.solve.proof import Derived, Nogood, Unsolvable
from provenv.solve.solver import Solution
from provenv.solve.types import Ask, Rule, Unusable
from tests.laws.worlds import World, random_world
from tests.solve.driver import attempt, drive

if TYPE_CHECKING:
    from provenv.solve.types import Answer

worlds = st.integers(min_value=100_000, max_value=10_000_000).map(random_world)


def verdict(answer: Callable[[Ask], Answer]) -> dict[str, int] | None:
    outcome = attempt(answer)
    return outcome.chosen if isinstance(outcome, Solution) else None


def widened(world: World) -> Callable[[Ask], Answer]:
    """Every rule volunteered at once for all candidates that share it, though only one was asked about."""
    shared: dict[tuple[str, str, str, int], int] = defaultdict(int)
    broken: dict[tuple[str, str], int] = defaultdict(int)
    for (package, candidate, extra), answer in world.answers.items():
        if isinstance(answer, Unusable):
            broken[package, extra] |= 1 << candidate
        else:
            for rule in answer:
                shared[package, extra, rule.on, rule.allow] |= 1 << candidate

    def answer_widely(ask: Ask) -> Answer:
        answer = world.answer(ask)
        if isinstance(answer, Unusable):
            return Unusable(broken[ask.package, ask.extra], "broken")
        return tuple(
            Rule(shared[ask.package, ask.extra, rule.on, rule.allow], rule.on, rule.allow, rule.size, rule.why)
            for rule in answer
        )

    return answer_widely


@given(worlds)
def test_the_same_answers_give_the_same_solution_in_the_same_order(world: World) -> None:
    first: list[Ask] = []
    second: list[Ask] = []
    assert repr(attempt(world.answer, asked=first)) == repr(attempt(world.answer, asked=second))
    assert [repr(ask) for ask in first] == [repr(ask) for ask in second]


@given(worlds)
def test_no_question_is_asked_twice(world: World) -> None:
    asked: list[Ask] = []
    attempt(world.answer, asked=asked)
    assert len({repr(ask) for ask in asked}) == len(asked)


@given(worlds)
def test_volunteered_rules_do_not_change_the_verdict(world: World) -> None:
    assert (verdict(world.answer) is None) == (verdict(widened(world)) is None)


@given(worlds, st.randoms(use_true_random=False))
def test_dropping_a_rule_never_makes_a_solvable_world_unsolvable(world: World, dice: random.Random) -> None:
    if verdict(world.answer) is None:
        return
    rows = [key for key, answer in world.answers.items() if isinstance(answer, tuple) and answer]
    if rows:
        key = dice.choice(rows)
        rules = world.answers[key]
        assert isinstance(rules, tuple)
        dropped = dice.randrange(len(rules))
        world.answers[key] = rules[:dropped] + rules[dropped + 1 :]
    assert verdict(world.answer) is not None


@given(worlds, st.randoms(use_true_random=False))
def test_preferences_do_not_change_the_verdict(world: World, dice: random.Random) -> None:
    prefer = {name: dice.getrandbits(size) << 1 for name, size in world.sizes.items()}
    try:
        drive(world.answer, prefer=prefer)
    except Unsolvable:
        assert verdict(world.answer) is None
    else:
        assert verdict(world.answer) is not None


@given(worlds)
def test_a_solution_that_is_preferred_is_kept(world: World) -> None:
    """Old pins stay: this is what makes a second lock equal to the first."""
    chosen = verdict(world.answer)
    if chosen is not None:
        prefer = {name: 1 << candidate for name, candidate in chosen.items()}
        again = drive(world.answer, prefer=prefer).chosen
        assert all(again[name] == candidate for name, candidate in chosen.items() if name in again)


@given(worlds)
def test_each_step_of_a_proof_follows_from_its_two_causes(world: World) -> None:
    proof = attempt(world.answer)
    if not isinstance(proof, Solution):
        assert proof.terms == {"": 2}
        assert all(follows(step, world) for step in steps(proof))


@given(worlds)
@settings(max_examples=200)
def test_the_facts_of_a_proof_exclude_one_another(world: World) -> None:
    proof = attempt(world.answer)
    if not isinstance(proof, Solution):
        again = replay(facts_of(proof))
        assert again is not None
        whys = {why for fact in facts_of(proof) for why in fact.whys}
        assert {why for fact in facts_of(again) for why in fact.whys} <= whys


def steps(proof: Nogood) -> list[Derived]:
    seen: dict[int, Derived] = {}
    waiting: list[Nogood] = [proof]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Derived) and id(node) not in seen:
            seen[id(node)] = node
            waiting += [node.left, node.right]
    return list(seen.values())


def follows(step: Derived, world: World) -> bool:
    """Every combination that the step forbids is forbidden by one of its causes.

    So it must lie within both causes on all variables but one, and on that one within the two together.
    """
    split = 0
    for name in {*step.terms, *step.left.terms, *step.right.terms}:
        full = (2 << world.sizes.get(name, 1)) - 1
        mask, left, right = (nogood.terms.get(name, full) for nogood in (step, step.left, step.right))
        if mask & ~left & ~right:
            return False
        split += bool(mask & ~left or mask & ~right)
    return split <= 1
