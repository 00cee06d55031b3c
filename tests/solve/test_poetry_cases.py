"""The tests of the solver of Poetry, the first PubGrub in Python (``tests/data/poetry``)."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.solve.cases import Case, Readings, cases_of, check_solver, check_world, chosen
from tests.worlds.fixtures import house, launcher
from tests.worlds.house import House

__all__ = ["house", "launcher"]

CASES = cases_of("poetry")
READINGS: Readings = {}
GAPS: Mapping[str, str] = {}


def test_every_exception_is_of_a_case() -> None:
    names = {str(case) for case in CASES}
    assert {*GAPS, *(key.rpartition(" ")[0] for key in READINGS)} <= names


def test_all_cases_are_here() -> None:
    assert len(CASES) == 37
    assert len({str(case) for case in CASES}) == 37


@pytest.mark.parametrize("case", chosen(CASES, GAPS, needs_world=False))
def test_the_solver_agrees(case: Case) -> None:
    check_solver(case, READINGS)


@pytest.mark.parametrize("case", chosen(CASES, GAPS, needs_world=True))
def test_the_command_agrees(case: Case, house: House) -> None:
    check_world(case, house, READINGS)
