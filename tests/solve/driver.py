"""Hold the solver's conversation with a function that knows the answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from provenv.solve.proof import Nogood, Unsolvable
from provenv.solve.solver import Solution, solve
from provenv.solve.types import Ask

if TYPE_CHECKING:
    from provenv.solve.types import Answer

__all__ = ["attempt", "drive"]


def drive(
    answer: Callable[[Ask], Answer],
    *,
    prefer: Mapping[str, int] | None = None,
    costly: Mapping[str, int] | None = None,
    asked: list[Ask] | None = None,
) -> Solution:
    """The solution; raises ``Unsolvable``. Every question is appended to ``asked``."""
    search = solve(prefer=prefer, costly=costly)
    try:
        ask = next(search)
        while True:
            if asked is not None:
                asked.append(ask)
            ask = search.send(answer(ask))
    except StopIteration as stop:
        solution: Solution = stop.value
        return solution


def attempt(
    answer: Callable[[Ask], Answer], *, costly: Mapping[str, int] | None = None, asked: list[Ask] | None = None
) -> Solution | Nogood:
    """The solution, or the proof that there is none."""
    try:
        return drive(answer, costly=costly, asked=asked)
    except Unsolvable as failure:
        return failure.proof
