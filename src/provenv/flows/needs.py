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
                    # A package may need itself with a further extra; without one that says nothing.
                    if needed[1] in solution.chosen and (needed[1] != name or needed[2]):
                        users.setdefault(needed[1], []).append((name, needed))
    return users


def ways_to(
    name: str, users: Mapping[str, Sequence[tuple[str, Row]]], lines: Sequence[tuple[Row, str]]
) -> list[tuple[str, list[Row]]]:
    """The shortest way from each line of the project to a package, shortest first.

    Each is the place of the line and the needs on the way: first the line's own, last one of the package.
    """
    # What an extra adds is needed only by those who ask for the extra: each place is a package and one extra or none.
    onward: dict[tuple[str, str], tuple[Row, tuple[str, str]] | None] = {(name, ""): None}
    waiting = deque(onward)
    while waiting:
        here = waiting.popleft()
        for user, row in users.get(here[0], ()):
            if here[1] in ("", *row[2]) and (user, row[0]) not in onward:
                onward[user, row[0]] = row, here
                waiting.append((user, row[0]))
    found = []
    for line, where in lines:
        ways = [_way(line, (line[1], extra), onward) for extra in ("", *line[2]) if (line[1], extra) in onward]
        if ways:
            found.append((where, min(ways, key=len)))
    return sorted(found, key=lambda item: len(item[1]))


def _way(
    line: Row, start: tuple[str, str], onward: Mapping[tuple[str, str], tuple[Row, tuple[str, str]] | None]
) -> list[Row]:
    way, here = [line], start
    while (step := onward[here]) is not None:
        row, here = step
        way.append(row)
    return way


def _needs(view: View | None, candidate: int, extra: str) -> list[Row]:
    return [] if view is None else [row for row, _ in view.rows(candidate, extra)]
