"""Who needs whom in a solution, and on which ways the project's own lines lead to a package."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from provenv.flows.trial import Subject
from provenv.solve.solver import Solution
from provenv.universe.view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from provenv.universe.view import Row

__all__ = ["ways_to", "who_needs"]


def who_needs(subject: Subject, solution: Solution) -> dict[str, list[tuple[str, Row]]]:
    """Package -> who of the solution needs it, each with the need."""
    users: dict[str, list[tuple[str, Row]]] = {}
    for name, candidate in solution.chosen.items():
        view = subject.answers.view(name)
        for extra in ("", *solution.extras.get(name, ())):
            for row in _needs(view, candidate, extra):
                for needed in subject.answers.effective(row):
                    if needed[1] in solution.chosen and needed[1] != name:
                        users.setdefault(needed[1], []).append((name, needed))
    return users


def ways_to(
    name: str, users: Mapping[str, Sequence[tuple[str, Row]]], lines: Sequence[tuple[Row, str]]
) -> list[tuple[str, list[Row]]]:
    """The shortest way from each line of the project to a package, shortest first.

    Each is the place of the line and the needs on the way: first the line's own, last one of the package.
    """
    onward: dict[str, Row | None] = {name: None}
    waiting = deque([name])
    while waiting:
        here = waiting.popleft()
        for user, row in users.get(here, ()):
            if user not in onward:
                onward[user] = row
                waiting.append(user)
    found = []
    for line, where in lines:
        if line[1] not in onward:
            continue
        way = [line]
        while (step := onward[way[-1][1]]) is not None:
            way.append(step)
        found.append((where, way))
    return sorted(found, key=lambda item: len(item[1]))


def _needs(view: View | None, candidate: int, extra: str) -> list[Row]:
    return [] if view is None else [row for row, _ in view.rows(candidate, extra)]
