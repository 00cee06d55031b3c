"""The order in which candidates are tried, and rules of the root that come late."""

from __future__ import annotations

from collections.abc import Container, Mapping

import pytest

from provenv.solve.core import facts_of, replay
from provenv.solve.proof import Unsolvable
from provenv.solve.solver import solve
from provenv.solve.types import Always, Ask, Rule

Needs = Mapping[tuple[str, int], tuple[Rule, ...]]


def solved(
    needs: Needs,
    *,
    prefer: Mapping[str, int] | None = None,
    tiers: Mapping[str, tuple[int, ...]] | None = None,
    lowest: Container[str] = (),
    costly: Mapping[str, int] | None = None,
    asked: list[Ask] | None = None,
) -> dict[str, int]:
    """What is chosen; ``asked`` then holds the questions of this time."""
    noted = [] if asked is None else asked
    noted.clear()
    search = solve(prefer=prefer, tiers=tiers, lowest=lowest, costly=costly)
    try:
        ask: Ask = next(search)
        while True:
            noted.append(ask)
            ask = search.send(needs.get((ask.package, ask.candidate), ()))
    except StopIteration as stop:
        chosen: dict[str, int] = stop.value.chosen
        return chosen


def root(on: str, allow: int, size: int) -> Rule:
    return Rule(2, on, allow, size, f"root needs {on}")


def need(candidate: int, on: str, allow: int, size: int) -> Rule:
    return Rule(1 << candidate, on, allow, size, f"{candidate} needs {on}")


def test_a_tier_is_tried_before_the_next() -> None:
    # Candidate 3 is a pre-release.
    needs = {("", 1): (root("a", 0b1110, 3),)}

    assert solved(needs) == {"a": 3}
    assert solved(needs, tiers={"a": (0b0110,)}) == {"a": 2}
    assert solved(needs, tiers={"a": (0b0110,)}, lowest={"a"}) == {"a": 1}


def test_the_last_tier_is_taken_when_the_others_are_ruled_out_by_conflict() -> None:
    needs = {
        ("", 1): (root("a", 0b1110, 3), root("b", 0b10, 1)),
        ("a", 1): (need(1, "b", 0b100, 2),),
        ("a", 2): (need(2, "b", 0b100, 2),),
    }
    needs["", 1] = (root("a", 0b1110, 3), root("b", 0b010, 2))

    assert solved(needs, tiers={"a": (0b0110,)}) == {"a": 3, "b": 1}


def test_a_preference_comes_before_every_tier() -> None:
    needs = {("", 1): (root("a", 0b1110, 3),)}

    assert solved(needs, prefer={"a": 0b1000}, tiers={"a": (0b0110,)}, lowest={"a"}) == {"a": 3}


def test_whoever_rules_out_what_costs_little_is_put_off_before_much_is_paid() -> None:
    needs = {
        ("", 1): (root("b", 0b110, 2), root("p", 0b10, 1)),
        ("p", 1): (need(1, "a", 0b1110, 3),),
        ("a", 3): (need(3, "b", 0b010, 2),),
        ("a", 2): (need(2, "b", 0b010, 2),),
    }
    asked: list[Ask] = []

    def chosen(costly: Mapping[str, int]) -> dict[str, int]:
        return solved(needs, costly=costly, asked=asked)

    def is_paid() -> bool:
        return ("a", 1) in [(ask.package, ask.candidate) for ask in asked]

    assert chosen({}) == {"b": 2, "p": 1, "a": 1}
    assert is_paid()
    assert chosen({"a": 0b0010}) == {"p": 1, "a": 3, "b": 1}
    assert not is_paid()
    # Where nothing else will do, it is paid for.
    needs["a", 3] = (need(3, "b", 0b001, 2),)
    needs["a", 2] = (need(2, "b", 0b001, 2),)
    assert chosen({"a": 0b0010}) == {"p": 1, "a": 1, "b": 2}
    assert is_paid()


def test_what_costs_much_and_can_be_nothing_else_is_asked_about_last() -> None:
    needs = {
        ("", 1): (root("dear", 0b10, 1), root("other", 0b10, 1), root("a", 0b110, 2)),
        ("dear", 1): (need(1, "b", 0b010, 2),),
        ("a", 2): (need(2, "b", 0b100, 2),),
        ("a", 1): (need(1, "c", 0b10, 1),),
    }
    asked: list[Ask] = []

    def chosen(costly: Mapping[str, int]) -> dict[str, int]:
        return solved(needs, costly=costly, asked=asked)

    def place(package: str, candidate: int) -> int:
        return [(ask.package, ask.candidate) for ask in asked].index((package, candidate))

    expected = {"dear": 1, "other": 1, "a": 1, "b": 1, "c": 1}
    assert chosen({}) == expected
    assert asked[-1].package != "dear"
    # What it needs holds all the same, although something else was decided before.
    assert chosen({"dear": 0b10, "other": 0b10}) == expected
    assert place("a", 2) < place("dear", 1)
    # One that may yet be something else is asked about in its turn.
    needs["", 1] = (root("dear", 0b110, 2), root("a", 0b110, 2))
    needs["dear", 2] = (need(2, "b", 0b010, 2),)
    chosen({"dear": 0b110})
    assert place("dear", 2) < place("a", 1)


def test_a_late_rule_of_the_root_holds_from_then_on() -> None:
    bound = Always("b", 0b010, 2, "bound")
    needs = {
        ("", 1): (root("a", 0b110, 2),),
        ("a", 2): (need(2, "b", 0b110, 2), bound),
    }

    assert solved(needs) == {"a": 2, "b": 1}


def test_a_late_rule_makes_the_solver_go_back_and_still_holds_there() -> None:
    bound = Always("b", 0b0010, 3, "bound")
    needs = {
        ("", 1): (root("a", 0b110, 2), root("c", 0b10, 1)),
        ("a", 2): (need(2, "b", 0b1000, 3), bound),
        ("a", 1): (need(1, "b", 0b1110, 3), bound),
    }

    assert solved(needs) == {"a": 1, "b": 1, "c": 1}


def test_a_late_rule_that_cannot_be_met_is_part_of_the_proof() -> None:
    bound = Always("b", 0b010, 2, "bound")
    needs = {("", 1): (root("a", 0b10, 1),), ("a", 1): (need(1, "b", 0b100, 2), bound)}

    with pytest.raises(Unsolvable) as failure:
        solved(needs)

    whys = {why for fact in facts_of(failure.value.proof) for why in fact.whys}
    assert whys == {"root needs a", "1 needs b", "bound"}
    assert replay(facts_of(failure.value.proof)) is not None
