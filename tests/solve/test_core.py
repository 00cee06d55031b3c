"""A proof can be replayed and made smaller."""

from __future__ import annotations

import pytest

from provenv.solve.core import facts_of, replay, shrink, steps_of
from provenv.solve.proof import Derived, Fact, Nogood, Unsolvable
from provenv.solve.types import Ask, Rule, Unusable
from tests.solve.driver import drive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.solve.types import Answer


def two_ways_out(ask: Ask) -> Answer:
    """a1 clashes with b, a2 is unusable; c has a quarrel with d that does not matter."""
    match ask.package, ask.candidate:
        case "", _:
            return (Rule(2, "c", 6, 2, "c"), Rule(2, "a", 6, 2, "a"), Rule(2, "b", 2, 2, "b<2"))
        case "a", 1:
            return (Rule(2, "b", 4, 2, "b>=2"),)
        case "a", 2:
            return Unusable(4, "no wheel")
        case "c", 2:
            return (Rule(4, "d", 0, 0, "d"),)
    return ()


@pytest.fixture
def proof() -> Nogood:
    with pytest.raises(Unsolvable) as failure:
        drive(two_ways_out)
    return failure.value.proof


def test_the_facts_of_a_proof_are_enough_to_prove_it(proof: Nogood) -> None:
    again = replay(facts_of(proof))
    assert again is not None
    assert again.terms == {"": 2}
    assert {why for fact in facts_of(again) for why in fact.whys} == {"a", "b<2", "b>=2", "no wheel"}


def test_no_fact_can_be_left_out(proof: Nogood) -> None:
    smallest = facts_of(shrink(proof))
    for fact in smallest:
        assert replay([other for other in smallest if other is not fact]) is None


def test_a_spent_budget_leaves_the_proof_as_it_is(proof: Nogood) -> None:
    assert replay(facts_of(proof), budget=1) is None
    assert shrink(proof, budget=0) is proof
    assert steps_of(shrink(proof, budget=5)) <= steps_of(proof)


def test_a_needless_fact_is_left_out() -> None:
    """The proof detours over c, though a and b alone exclude one another."""
    root_a = Fact("", "", "a", 2, 2, 3, ("a",))
    root_b = Fact("", "", "b", 2, 2, 3, ("b",))
    a_not_b = Fact("a", "a", "b", 2, 1, 3, ("not b",))
    detour = Fact("a", "a", "c", 2, 2, 3, ("c",))
    needless = Derived({"": 2, "c": 1}, root_a, detour)
    a_refuted = Derived({"": 2, "a": 2}, root_b, a_not_b)
    proof = Derived({"": 2}, needless, Derived({"": 2}, a_refuted, root_a))
    smaller = shrink(proof)
    assert steps_of(smaller) < steps_of(proof)
    assert {why for fact in facts_of(smaller) for why in fact.whys} == {"a", "b", "not b"}


def test_a_very_deep_proof_needs_no_deep_stack() -> None:
    fact = Fact("", "", "a", 2, 0, 3, ("a>9",))
    proof: Nogood = fact
    for _ in range(5000):
        proof = Derived({"": 2}, proof, fact)
    assert steps_of(proof) == 5000
    assert facts_of(proof) == [fact]
    assert steps_of(shrink(proof)) == 0
