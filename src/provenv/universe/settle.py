"""The loop: the solver asks, the universe answers. On the warm path."""

from __future__ import annotations

from provenv.solve.solver import solve
from provenv.universe.answers import ROOT

__all__ = ["reachable", "settle"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from provenv.solve.solver import Solution
    from provenv.universe.answers import Answers
    from provenv.universe.view import Row, View


def settle(answers: Answers, progress: Callable[[str], None] | None = None) -> Solution:
    """Solve one target.

    ``progress`` hears the name of each package that is asked about. Raises ``solve.Unsolvable`` with the derivation,
    and whatever the supply raises when an index cannot be reached.
    """
    conversation = solve(prefer=answers.prefer, tiers=answers.tiers, lowest=answers.lowest, costly=answers.costly)
    ask = next(conversation)
    try:
        while True:
            if progress is not None and ask.package != ROOT:
                progress(ask.package)
            ask = conversation.send(answers.answer(ask))
    except StopIteration as stop:
        found: Solution = stop.value
        return found


def reachable(
    rows: Iterable[Row],
    chosen: dict[str, int],
    view: Callable[[str], View | None],
    effective: Callable[[Row], Sequence[Row]] | None = None,
) -> dict[str, set[str]]:
    """Which packages a part of the project brings in: package -> extras of it that are active on this way.

    ``effective`` says what stands in place of a need (``Answers.effective``).
    """
    found: dict[str, set[str]] = {}
    waiting: list[Row] = []

    def add(needs: Iterable[Row]) -> None:
        waiting.extend(needs if effective is None else (other for need in needs for other in effective(need)))

    add(rows)
    while waiting:
        _, name, extras, _ = waiting.pop()
        new = [extra for extra in ("", *extras) if extra not in found.get(name, ())] if name in found else ["", *extras]
        if name not in chosen:
            continue
        active = found.setdefault(name, set())
        for extra in new:
            active.add(extra)
            here = view(name)
            if here is not None:
                add(row for row, _ in here.rows(chosen[name], extra))
    return found
