"""The tests of Dart pub's solver, which PubGrub was written for, and of Poetry's, the first one in Python."""

from __future__ import annotations

import pytest

from tests.solve.cases import Case, Readings, cases_of, check_solver, check_world, chosen
from tests.worlds.fixtures import house, launcher
from tests.worlds.house import House

__all__ = ["house", "launcher"]

SOURCES = {"pub": 69, "poetry": 37}
CASES = {source: cases_of(source) for source in SOURCES}
READINGS: Readings = {
    # Two answers are right, one of a and b must go back. pub decides the package with fewer versions first; here the
    # order is that of the requirements, which a person can choose.
    "backtracking: traverse into package with fewer versions first 1": {"a": "5.0.0", "b": "3.0.0", "c": "1.0.0"},
    # What one requirement names as a pre-release is a candidate for all (uv answers so, too). pub lets the project's
    # own requirement forbid it.
    "pre-release: backtracks pre-release choice with direct dependency 1": {"a": "1.1.0", "b": "1.1.0.dev0"},
}


def test_every_reading_is_of_a_case() -> None:
    names = {str(case) for cases in CASES.values() for case in cases}
    assert {key.rpartition(" ")[0] for key in READINGS} <= names


@pytest.mark.parametrize("source", SOURCES)
def test_all_cases_are_here(source: str) -> None:
    assert len(CASES[source]) == len({str(case) for case in CASES[source]}) == SOURCES[source]


@pytest.mark.parametrize("case", [case for cases in CASES.values() for case in chosen(cases, needs_world=False)])
def test_the_solver_agrees(case: Case) -> None:
    check_solver(case, READINGS)


@pytest.mark.parametrize("case", [case for cases in CASES.values() for case in chosen(cases, needs_world=True)])
def test_the_command_agrees(case: Case, house: House) -> None:
    check_world(case, house, READINGS)
