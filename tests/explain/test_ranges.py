"""Sets of candidates, spelled as people write versions."""

from __future__ import annotations

import pytest

from provenv.explain.ranges import spell

VERSIONS = ["1.0", "1.1", "2.0", "2.1", "3.0"]
EARLY = ["2.0rc1", "3.0a1", "1.0", "1.1", "2.0"]


def mask(*chosen: str, of: list[str] = VERSIONS) -> int:
    return sum(2 << of.index(version) for version in chosen)


@pytest.mark.parametrize(
    ("chosen", "spelled"),
    [
        (VERSIONS, ""),
        (["1.0"], "==1.0"),
        (["3.0"], "==3.0"),
        (["1.0", "1.1"], "<2.0"),
        (["2.1", "3.0"], ">=2.1"),
        (["1.1", "2.0"], ">=1.1,<2.1"),
        (["1.0", "2.0"], "==1.0 or ==2.0"),
        (["1.0", "1.1", "3.0"], "<2.0 or ==3.0"),
    ],
)
def test_runs_become_ranges(chosen: list[str], spelled: str) -> None:
    assert spell(mask(*chosen), VERSIONS) == spelled


def test_absent_does_not_count() -> None:
    assert spell(mask(*VERSIONS) | 1, VERSIONS) == ""


def test_the_only_version_is_named() -> None:
    assert spell(2, ["1.0"]) == "==1.0"


def test_prereleases_are_passed_over_wherever_they_stand() -> None:
    assert spell(mask("1.0", "1.1", "2.0", of=EARLY), EARLY) == ""
    assert spell(mask("1.1", "2.0", of=EARLY), EARLY) == ">=1.1"
    assert spell(mask("1.0", "1.1", of=EARLY), EARLY) == "<2.0"


def test_prereleases_alone_are_named() -> None:
    assert spell(mask("2.0rc1", of=EARLY), EARLY) == "==2.0rc1"


def test_names_that_are_no_versions_keep_their_order() -> None:
    names = ["tesla", "volta", "hopper"]
    assert spell(0b0110, names) == "<hopper"


def test_many_runs_are_cut_short() -> None:
    versions = [f"1.{minor}" for minor in range(40)]
    every_second = sum(2 << place for place in range(0, 40, 2))
    assert spell(every_second, versions) == "==1.0, ==1.2, ... (17 more), ==1.38"
