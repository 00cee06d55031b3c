"""How much of an exhaustive test runs: a share with every commit, all of it by ``./nightly``; and what it found."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["IS_NIGHTLY", "note", "share"]

Case = TypeVar("Case")

IS_NIGHTLY = os.environ.get("PROVENV_TEST_NIGHTLY") == "1"
"""Whether everything runs."""

_NOTES = os.environ.get("PROVENV_TEST_NOTES")
"""Read once: tests that live in a house of their own hide our variables."""


def share(cases: Sequence[Case], count: int) -> list[Case]:
    """All cases at night; else ``count`` of them, evenly spread, the first and the last among them."""
    if IS_NIGHTLY or len(cases) <= count:
        return list(cases)
    if count == 1:
        return [cases[0]]
    step = (len(cases) - 1) / (count - 1)
    return [cases[round(number * step)] for number in range(count)]


def note(line: int, test: str, *, cases: int, failures: int, remark: str = "") -> None:
    """Keep what a test found, for ``docs/reliability.md``, when ``PROVENV_TEST_NOTES`` names a file.

    ``line`` is the line of the bar it belongs to; ``test`` names it in the table.
    """
    if _NOTES:
        with open(_NOTES, "a", encoding="utf-8") as file:
            row = {"line": line, "test": test, "cases": cases, "failures": failures, "remark": remark}
            file.write(json.dumps(row) + "\n")
