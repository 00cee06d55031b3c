"""Failures in the words that a user reads. The situations are those of Dart's solver documentation, and ours."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

import pytest

from provenv.explain.story import tell
from provenv.explain.words import Words
from provenv.solve.core import replay, shrink, steps_of
from provenv.solve.proof import Fact
from provenv.solve.solver import Solution
from tests.explain.small import Index
from tests.laws.worlds import World, random_world
from tests.solve.driver import attempt

PACKAGES: dict[str, dict[str, list[str] | None]] = {
    "a": {"1.0": ["b>=2"]},
    "b": {"1": [], "2": [], "3": []},
    "foo": {"1.0": ["bar>=2"]},
    "bar": {"2.0": ["baz>=3"]},
    "baz": {"1.0": [], "3.0": []},
    "wheelless": {"1.0": None, "1.1": None},
    "half": {"1.0": None, "1.1": ["b>=3"]},
    "tool": {"1.0": ["b ; extra == 'fast'"], "2.0": ["b>=2 ; extra == 'fast'"]},
    "kit": {"1.0": ["tool[fast]>=2"]},
    "branch": {"1.0": ["left", "right<2"], "1.1": ["up", "down<2"]},
    "left": {"1.0": ["right>=2"]},
    "right": {"1.0": [], "2.0": []},
    "up": {"1.0": ["down>=2"]},
    "down": {"1.0": [], "2.0": []},
    "boto3": {f"1.{minor}": [f"botocore~=1.{minor}.0"] for minor in range(50)},
    "botocore": {f"1.{minor}.{micro}": [] for minor in range(50) for micro in range(3)},
    "vllm": {"0.1": ["torch-driver>=12", "b"], "0.2": ["torch-driver>=13"]},
    "torch-driver": {"11": []},
}
STORIES: dict[str, tuple[list[str], list[str]]] = {
    "two needs of one package": (
        ["a", "b<2"],
        [
            "Because a==1.0 depends on b>=2 and your project depends on b<2, a==1.0 cannot be used.",
            "And because your project depends on a, the requirements cannot be satisfied.",
        ],
    ),
    "a chain": (
        ["foo", "baz<2"],
        [
            "Because foo==1.0 depends on bar>=2 and bar==2.0 depends on baz>=3, foo==1.0 requires baz==3.0.",
            "And because your project depends on foo and on baz<2, the requirements cannot be satisfied.",
        ],
    ),
    "two branches, one told first and recalled by its number": (
        ["branch"],
        [
            "Because left==1.0 depends on right>=2 and branch==1.0 depends on right<2, "
            "branch==1.0 is incompatible with left==1.0.",
            "And because branch==1.0 depends on left, branch==1.0 cannot be used. (1)",
            "Because up==1.0 depends on down>=2 and branch==1.1 depends on down<2, "
            "branch==1.1 is incompatible with up==1.0.",
            "And because branch==1.1 depends on up, branch==1.1 cannot be used.",
            "And because branch==1.0 cannot be used (1), no version of branch can be used.",
            "And because your project depends on branch, the requirements cannot be satisfied.",
        ],
    ),
    "a requirement with an extra is two facts and one need": (
        ["kit", "b<2"],
        [
            "Because kit==1.0 depends on tool[fast]>=2 and tool[fast]==2.0 depends on b>=2, kit==1.0 requires b>=2.",
            "And because your project depends on kit and on b<2, the requirements cannot be satisfied.",
        ],
    ),
    "fifty versions that each pin their partner": (
        ["boto3<1.36", "botocore>=1.43.1"],
        [
            "Because boto3<1.36 depends on botocore<1.36.0 and your project depends on botocore>=1.43.1, "
            "boto3<1.36 cannot be used.",
            "And because your project depends on boto3<1.36, the requirements cannot be satisfied.",
        ],
    ),
    "several needs that nothing meets": (
        ["vllm"],
        [
            "Because every version of vllm depends on torch-driver>=13 or torch-driver>=12 and there is no version of "
            "torch-driver>=13 and there is no version of torch-driver>=12 and your project depends on vllm, "
            "the requirements cannot be satisfied."
        ],
    ),
    "one version broken, the other out of reach": (
        ["half", "b<3"],
        [
            "Because half==1.0 has no wheel for linux-x86_64 and half==1.1 depends on b>=3, "
            "every version of half requires b==3.",
            "And because your project depends on half and on b<3, the requirements cannot be satisfied.",
        ],
    ),
    "no such version": (
        ["b>=9"],
        ["Because your project depends on b>=9 and there is no version of b>=9, the requirements cannot be satisfied."],
    ),
    "no such package": (
        ["ghost"],
        [
            "Because your project depends on ghost and there is no version of ghost, "
            "the requirements cannot be satisfied."
        ],
    ),
    "nothing usable": (
        ["wheelless"],
        [
            "Because every version of wheelless has no wheel for linux-x86_64 and your project depends on wheelless, "
            "the requirements cannot be satisfied."
        ],
    ),
}


@pytest.mark.parametrize("name", STORIES)
def test_story(name: str) -> None:
    root, expected = STORIES[name]
    assert list(Index(PACKAGES).explain(root).sentences) == expected


def test_every_failure_of_a_small_world_can_be_told() -> None:
    """Whatever shape a proof has, each conclusion is told once and every number that is recalled was given."""
    for seed in range(1500):
        world = random_world(seed, packages=9, versions=5)
        proof = attempt(world.answer)
        if not isinstance(proof, Solution):
            sentences = tell(proof, Plain(world)).sentences
            assert sentences[-1].endswith("the requirements cannot be satisfied.")
            assert len(sentences) <= max(1, steps_of(shrink(proof)))
            given = 0
            for sentence in sentences:
                body, _, number = sentence.rstrip(".").rpartition(" (")
                is_numbered = sentence.endswith(")")
                recalled = re.findall(r"\((\d+)\)", body if is_numbered else sentence)
                assert all(int(earlier) <= given for earlier in recalled), sentences
                given += is_numbered and number.removesuffix(")").isdigit()
            assert len(set(sentences)) == len(sentences), sentences


class Plain:
    """Describes a random world by its numbers."""

    def __init__(self, world: World) -> None:
        self._sizes = world.sizes

    def name(self, package: str) -> str:
        return package or "the root"

    def passed_over(self, package: str) -> int:
        return 0

    def versions(self, package: str) -> Sequence[str]:
        return [str(number) for number in range(1, self._sizes.get(package, 0) + 1)]

    def needed(self, why: Hashable) -> str:
        return f"<{why}>"

    def unmet(self, why: Hashable) -> str:
        return f"nothing is <{why}>"

    def reason(self, why: Hashable) -> str:
        return f"is <{why}>"

    def wish(self, why: Hashable) -> str | None:
        return None


def story_of(*facts: Fact) -> str:
    """The story of a world in which only ``a`` and ``b`` exist, each in three versions."""
    proof = replay(facts)
    assert proof is not None
    return tell(proof, Plain(World({"a": 3, "b": 3}))).text


def test_a_constraint_allows_and_a_need_depends() -> None:
    assert story_of(
        Fact("", "", "a", 2, 0b1110, 0b1111, ("a",)),
        Fact("", "", "b", 2, 0b0011, 0b1111, ("b<2",)),
        Fact("a", "a", "b", 0b1110, 0b1100, 0b1111, ("b>=2",)),
    ).splitlines() == [
        "Because every version of a depends on <b>=2> and the root allows only <b<2>, no version of a can be used.",
        "And because the root depends on <a>, the requirements cannot be satisfied.",
    ]


def test_a_constraint_that_allows_nothing_excludes() -> None:
    assert (
        story_of(
            Fact("", "", "a", 2, 0b1110, 0b1111, ("a",)),
            Fact("", "", "a", 2, 0b0001, 0b1111, ("no a",)),
        )
        == "Because the root depends on <a> and the root excludes a, the requirements cannot be satisfied."
    )


def test_many_reasons_are_cut_short() -> None:
    assert story_of(
        Fact("", "", "a", 2, 0b1110, 0b1111, ("a",)),
        Fact("a", "a", "", 0b1110, 0, 0b11, ("w", "x", "y", "z")),
    ) == (
        "Because every version of a is <w> or is <x> or is <y> (or 1 more) and the root depends on <a>, "
        "the requirements cannot be satisfied."
    )


def test_three_that_do_not_go_together() -> None:
    words = Words(Plain(World({"a": 3, "b": 3, "c": 3})))
    assert words.conclusion({"": 2, "a": 0b10, "b": 0b100, "c": 0b1110}) == (
        "a==1, b==2 and every version of c cannot be used together"
    )


def test_a_pre_release_that_was_not_in_question_is_not_spoken_of() -> None:
    index = Index({"e": {"1.0": ["b>=2"], "1.1": ["b>=2"], "2.0rc1": []}, "b": {"1": [], "2": []}})
    assert index.explain(["e", "b<2"]).sentences[0].startswith("Because every stable version of e depends on b>=2")
