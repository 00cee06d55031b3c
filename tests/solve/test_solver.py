"""The conversation: what is asked, in which order, and what is learned."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from provenv.solve.proof import Derived, Fact, Unsolvable
from provenv.solve.solver import solve
from provenv.solve.types import Ask, Rule, Unusable
from tests.solve.driver import drive

if TYPE_CHECKING:
    from collections.abc import Callable

    from provenv.solve.types import Answer

ANY_OF_THREE = 0b1110


def said(**answers: Answer) -> Callable[[Ask], Answer]:
    """Answers by keyword: ``root``, ``a2`` for candidate 2 of a, ``a2_x`` for its extra x; all else needs nothing."""

    def answer(ask: Ask) -> Answer:
        key = f"{ask.package}{ask.candidate}" if ask.package else "root"
        return answers.get(f"{key}_{ask.extra}" if ask.extra else key, ())

    return answer


def need(on: str, allow: int, when: int = 2, size: int = 3) -> Rule:
    return Rule(when, on, allow, 1 if on.endswith("]") else size, f"{on} {allow:b}")


def test_nothing_needs_nothing() -> None:
    asked: list[Ask] = []
    solution = drive(said(), asked=asked)
    assert (solution.chosen, solution.extras, solution.asked, solution.conflicts) == ({}, {}, 1, 0)
    assert [repr(ask) for ask in asked] == ["Ask('', 1, '')"]
    assert repr(solution) == "Solution({}, {})"


def test_the_highest_candidate_is_the_best() -> None:
    assert drive(said(root=(need("a", ANY_OF_THREE),))).chosen == {"a": 3}


def test_a_preferred_candidate_comes_before_a_better_one() -> None:
    assert drive(said(root=(need("a", ANY_OF_THREE),)), prefer={"a": 0b10}).chosen == {"a": 1}


def test_preferences_may_grow_while_solving() -> None:
    prefer: dict[str, int] = {}
    search = solve(prefer=prefer)
    assert repr(next(search)) == "Ask('', 1, '')"
    prefer["a"] = 0b100
    assert repr(search.send((need("a", ANY_OF_THREE),))) == "Ask('a', 2, '')"
    search.close()


def test_a_constraint_alone_brings_nothing_in() -> None:
    assert drive(said(root=(need("a", 0b0011),))).chosen == {}
    assert drive(said(root=(need("a", 0b0011), need("a", ANY_OF_THREE)))).chosen == {"a": 1}


def test_a_single_candidate_is_decided_first() -> None:
    asked: list[Ask] = []
    drive(said(root=(need("a", ANY_OF_THREE), need("b", 0b100))), asked=asked)
    assert [ask.package for ask in asked] == ["", "b", "a"]


def test_an_unusable_candidate_is_passed_over() -> None:
    answers = said(root=(need("a", ANY_OF_THREE),), a3=Unusable(0b1100, "no wheel"))
    asked: list[Ask] = []
    assert drive(answers, asked=asked).chosen == {"a": 1}
    assert [ask.candidate for ask in asked] == [1, 3, 1], "candidate 2 shares the reason: it need not be asked about"


def test_an_unusable_root_is_a_proof_of_one_fact() -> None:
    with pytest.raises(Unsolvable) as failure:
        drive(said(root=Unusable(2, "no Python")))
    proof = failure.value.proof
    assert isinstance(proof, Fact)
    assert proof.is_unusable
    assert proof.whys == ("no Python",)


def test_an_unknown_package_is_a_need_that_allows_nothing() -> None:
    with pytest.raises(Unsolvable) as failure:
        drive(said(root=(Rule(2, "ghost", 0, 0, "ghost>=1"),)))
    assert failure.value.proof.terms == {"": 2}


def test_an_extra_is_asked_about_before_its_package_is_decided() -> None:
    asked: list[Ask] = []
    answers = said(root=(need("a", ANY_OF_THREE), need("a[x]", 2)), a3_x=(need("b", 0b10, when=8),))
    solution = drive(answers, asked=asked)
    assert solution.chosen == {"a": 3, "b": 1}
    assert solution.extras == {"a": ("x",)}
    assert [repr(ask) for ask in asked[1:3]] == ["Ask('a', 3, '')", "Ask('a', 3, 'x')"]


def test_an_extra_may_become_active_after_its_package_was_decided() -> None:
    answers = said(
        root=(need("a", ANY_OF_THREE), need("b", ANY_OF_THREE)),
        b3=(need("a[x]", 2, when=8), need("a", ANY_OF_THREE, when=8)),
        a3_x=(need("c", 0b10, when=8),),
    )
    solution = drive(answers)
    assert solution.chosen == {"a": 3, "b": 3, "c": 1}
    assert solution.extras == {"a": ("x",)}


def test_a_late_extra_that_cannot_be_met_is_taken_back() -> None:
    answers = said(
        root=(need("a", ANY_OF_THREE), need("b", ANY_OF_THREE)),
        b3=(need("a[x]", 2, when=8), need("a", ANY_OF_THREE, when=8)),
        a3_x=Unusable(8, "broken extra"),
        a2_x=Unusable(4, "broken extra"),
        a1_x=Unusable(2, "broken extra"),
    )
    assert drive(answers).chosen == {"a": 3, "b": 2}


def test_an_extra_may_need_another_extra_of_the_same_package() -> None:
    answers = said(
        root=(need("a", ANY_OF_THREE), need("a[all]", 2)),
        a3_all=(need("a", ANY_OF_THREE, when=8), need("a[x]", 2, when=8)),
        a3_x=(need("b", 0b100, when=8),),
    )
    solution = drive(answers)
    assert solution.chosen == {"a": 3, "b": 2}
    assert solution.extras == {"a": ("all", "x")}


def test_a_package_that_needs_another_version_of_itself_is_no_choice() -> None:
    answers = said(root=(need("a", ANY_OF_THREE),), a3=(need("a", 0b10, when=8),), a2=(need("a", 0b100, when=4),))
    assert drive(answers).chosen == {"a": 2}


def test_a_proof_names_every_fact_that_it_rests_on() -> None:
    answers = said(root=(need("a", 0b10, size=1), need("b", 0b10)), a1=(need("b", 0b1100),))
    with pytest.raises(Unsolvable, match="exclude one another") as failure:
        drive(answers)
    proof = failure.value.proof
    assert isinstance(proof, Derived)
    assert proof.terms == {"": 2}
    assert "Derived({'': 2})" in repr(proof)


def test_what_many_candidates_need_is_refused_in_one_step() -> None:
    """Each boto3 pins its botocore: hundreds of candidates are questions, but the proof stays two steps long."""
    size = 600
    above, below = ((2 << size) - 1) & ~((1 << 400) - 1), (1 << 200) - 2

    def answer(ask: Ask) -> Answer:
        if not ask.package:
            return (Rule(2, "boto3", below, size, "boto3<200"), Rule(2, "botocore", above, size, "botocore>=400"))
        if ask.package == "boto3":
            return (Rule(1 << ask.candidate, "botocore", 1 << ask.candidate, size, f"botocore=={ask.candidate}"),)
        return ()

    with pytest.raises(Unsolvable) as failure:
        drive(answer)
    proof = failure.value.proof
    assert isinstance(proof, Derived)
    assert {type(proof.left), type(proof.right)} == {Fact, Derived}


def test_a_package_that_loses_often_is_decided_earlier() -> None:
    """The newest q excludes nearly every p. After a few losses p is decided first, and q follows."""
    size = 200

    def answer(ask: Ask) -> Answer:
        if not ask.package:
            return tuple(Rule(2, name, (2 << size) - 2, size, name) for name in ("q", "p"))
        if ask.package == "p":
            return (Rule(1 << ask.candidate, "q", 0b11 << ask.candidate // 2, size, "q"),)
        return ()

    asked: list[Ask] = []
    assert drive(answer, asked=asked).chosen == {"p": 200, "q": 101}
    assert len(asked) < 12


def test_the_words_of_the_conversation_can_be_read_in_a_log() -> None:
    assert repr(Rule(2, "a", 6, 3, "a>1")) == "Rule(10, 'a', 110, 3, 'a>1')"
    assert repr(Unusable(2, "no wheel")) == "Unusable(10, 'no wheel')"
    assert repr(Fact("a", "a[x]", "b", 2, 4, 7, ("b>1",))) == "Fact('a[x]', 10, 'b', 100, ('b>1',))"


def test_the_solver_is_cheap_to_import() -> None:
    script = """if True:
        import sys
        before = set(sys.modules)
        import provenv.solve.solver
        loaded = {name for name in set(sys.modules) - before if name.partition('.')[0] != 'provenv'}
        assert not loaded - {'__future__'}, loaded
    """
    paths = [path for path in sys.path if path.endswith("src")]
    script = f"import sys; sys.path[:0] = {paths!r}\n{script}"
    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True)
