"""Failures in the words that a user reads. The situations are those of Dart's solver documentation, and ours."""

from __future__ import annotations

import pytest

from tests.explain.small import Index

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
